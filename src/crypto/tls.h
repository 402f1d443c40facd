/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is asked of the OpenSSL that another library speaks TLS with.  We are not linked with that part of it (libssl).
 */
#ifndef CRYPTO_TLS_H
#define CRYPTO_TLS_H

#include <stdbool.h>

/**
 * tls_cleanse() - have what is decrypted wiped, once it has been read (SSL_OP_CLEANSE_PLAINTEXT)
 * @library: the library that made @ssl_ctx, as dlopen() gave it
 * @ssl_ctx: an SSL_CTX
 *
 * Return: whether that could be asked for: not when @library speaks TLS with something else.
 */
bool tls_cleanse(void *library, void *ssl_ctx);

#endif
