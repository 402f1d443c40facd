/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes as text: hexadecimal and base64 (RFC 4648).
 *
 * Decoders are strict: one text for one byte string, nothing skipped.
 * They run in time that depends on the length alone, for keys pass here too.
 */
#ifndef BASE_ENC_H
#define BASE_ENC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** enc_hex() - @len bytes as 2·@len lower-case digits and a NUL */
void enc_hex(const void *bytes, size_t len, char *out);

/** dec_hex() - exactly @len bytes from 2·@len lower-case digits; false, @out all zero, on anything else */
bool dec_hex(const char *text, size_t text_len, void *out, size_t len);

/** ENC_B64_LEN() - characters that @len bytes become, without the NUL */
#define ENC_B64_LEN(len) (((len) + 2) / 3 * 4)

/** enc_b64() - @len bytes as base64 with padding, and a NUL */
void enc_b64(const void *bytes, size_t len, char *out);

/**
 * dec_b64() - base64 with padding into at most @cap bytes
 * @len_out: gets how many
 *
 * Return: false for a foreign character, wrong padding, non-zero spare bits, or more than @cap bytes.
 */
bool dec_b64(const char *text, size_t text_len, void *out, size_t cap, size_t *len_out);

/** enc_b64url() - as enc_b64(), with «-» and «_» and without padding (RFC 4648 section 5, as JOSE and PKCE have it) */
void enc_b64url(const void *bytes, size_t len, char *out);

/** dec_b64url() - as dec_b64(), of such a text */
bool dec_b64url(const char *text, size_t text_len, void *out, size_t cap, size_t *len_out);

#endif
