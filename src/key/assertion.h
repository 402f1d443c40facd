/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A JSON Web Token (RFC 7519) that proves to a token endpoint who asks (RFC 7523): signed by the asker's own RSA key.
 */
#ifndef KEY_ASSERTION_H
#define KEY_ASSERTION_H

#include <stdint.h>

#include "base/fault.h"
#include "crypto/pkey.h"
#include "mem/secret.h"

enum assertion_alg {
	ASSERTION_RS256, /* PKCS #1 v1.5: as Google takes it */
	ASSERTION_PS256, /* PSS: as Entra wants it */
};

/** struct assertion - what it says; the texts are the caller's */
struct assertion {
	enum assertion_alg alg;
	const char *key_name,
		*key_id; /* of the header, which says by which key: «kid» or «x5t#S256»; NULL = not said */
	const char *issuer, *audience;
	const char *subject; /* NULL = none */
	const char *scope;   /* NULL = none */
	uint64_t lifetime_s;
};

/** assertion_make() - @a, valid from now on, signed by @key; @out is SECRET_INIT or freed; COFFER_E_KEY unless it is an RSA key */
coffer_err assertion_make(struct fault *f, const struct assertion *a, const struct privkey *key, struct secret *out);

#endif
