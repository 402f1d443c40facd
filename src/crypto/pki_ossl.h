/* SPDX-License-Identifier: Apache-2.0 */
/* The OpenSSL objects inside those of pkey.h and cert.h, for the files that need both sides. */
#ifndef CRYPTO_PKI_OSSL_H
#define CRYPTO_PKI_OSSL_H

#include <openssl/types.h>

#include "crypto/cert.h"
#include "crypto/pkey.h"

/** pubkey_of_evp() - check @pkey and make it a key, which owns it; freed after a failure.  NULL is a key of an unknown kind.  Begin with ossl_begin().  @what is for messages. */
coffer_err pubkey_of_evp(struct fault *f, const char *what, EVP_PKEY *pkey, struct pubkey **out);

/** cert_of_x509() - make @x a certificate, which owns it; freed after a failure */
coffer_err cert_of_x509(struct fault *f, const char *what, X509 *x, struct cert **out);

/** cert_x509() - what is inside; lives as long as @c */
X509 *cert_x509(const struct cert *c);

/** certs_add_x509() - append a reference to @x */
coffer_err certs_add_x509(struct fault *f, struct certs *list, X509 *x);

/** certs_stack() - what is inside those of @list, without references: free it with sk_X509_free().  NULL: no memory.  @list may be NULL. */
STACK_OF(X509) * certs_stack(const struct certs *list);

/** x509_name_text() - append @name as cert_subject() does */
coffer_err x509_name_text(struct fault *f, const X509_NAME *name, struct buf *out);

#endif
