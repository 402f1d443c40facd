/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What stands on a token, by name: URIs of RFC 7512.
 *
 *   pkcs11:token=NAME;object=LABEL;id=%01?module-path=/usr/lib/softhsm/libsofthsm2.so&pin-source=file:/etc/coffer/pin
 *
 * Of the query: module-path (absolute), module-name, pin-source, and our own coffer-mech (token_wrap.h).  A pin-value is
 * refused: it would stand in the list of processes for everybody to read.
 */
#ifndef CRYPTO_TOKEN_URI_H
#define CRYPTO_TOKEN_URI_H

#include <p11-kit/p11-kit.h>
#include <p11-kit/uri.h>
#include <stdbool.h>

#include "base/buf.h"
#include "base/fault.h"

#define TOKEN_URI_MECHANISM "coffer-mech"
#define TOKEN_LABEL_LEN 33 /* characters, with a NUL */

/** token_uri_parse() - read @text; COFFER_E_USAGE, without repeating it, for one that is malformed or has what is not known.  p11_kit_uri_free(). */
coffer_err token_uri_parse(struct fault *f, const char *text, P11KitUri **out);

/**
 * token_uri_add() - append the one URI of an object: token, serial, object and id in this order, those that are empty left
 * out, nothing else
 *
 * Of @label RFC 3986's unreserved characters stand as they are, all other bytes and all of @id as %XX in upper case.
 */
coffer_err token_uri_add(struct fault *f, const CK_TOKEN_INFO *token, struct view label, struct view id,
			 struct buf *out);

/** token_uri_agree() - whether @a and @b name the same token label, serial, object and id, as far as both have them */
bool token_uri_agree(P11KitUri *a, P11KitUri *b);

/** token_uri_label() - a token's label, which is padded with spaces, as text */
void token_uri_label(const CK_TOKEN_INFO *token, char out[static TOKEN_LABEL_LEN]);

#endif
