/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers of identity providers: a JSON object of which a few members matter, some of them secret.
 *
 * They are read where they stand, in a buffer that is wiped, and copied nowhere else.
 */
#ifndef SIGN_OIDC_ANSWER_H
#define SIGN_OIDC_ANSWER_H

#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"
#include "base/view.h"
#include "mem/secret.h"
#include "net/http.h"

/** struct oidc_member - one that is looked for, at the top; a text or a whole number, whatever else it is counts as absent */
struct oidc_member {
	const char *name;
	struct view text; /* .p is NULL when it is absent; lives as long as the reply */
	uint64_t number;  /* 0 when it is absent */
};

/** oidc_members() - find the @n members of @wanted in @reply, whose bytes are written over; COFFER_E_NET when it is no JSON object, or has one twice */
coffer_err oidc_members(struct fault *f, struct http_reply *reply, struct oidc_member *wanted, size_t n);

/** oidc_take() - send @request for a secret answer of status 200, and take the text of its member @name out of it */
coffer_err oidc_take(struct fault *f, const struct http_request *request, const char *name, struct secret *out);

#endif
