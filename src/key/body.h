/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is sent to a key service: one JSON object of texts that may be secrets, written into memory of a fixed size that is wiped.
 */
#ifndef KEY_BODY_H
#define KEY_BODY_H

#include "base/fault.h"
#include "base/view.h"
#include "mem/secret.h"

struct body {
	struct secret mem;
	size_t len;
};

#define BODY_INIT                                                                                                      \
	{                                                                                                              \
		.mem = SECRET_INIT, .len = 0                                                                           \
	}

/** BODY_TEXT_MAX(), BODY_B64_MAX() - room that a member of @len bytes takes at most, its name of up to 32 characters included */
#define BODY_TEXT_MAX(len) (6 * (len) + 48)
#define BODY_B64_MAX(len) (4 * (((len) + 2) / 3) + 48)

/** body_new() - an empty object, with room for members of @cap bytes together; free it with body_free() */
coffer_err body_new(struct fault *f, struct body *body, size_t cap);

/** body_text() - add the text @value, UTF-8 of any characters; COFFER_E_USAGE when it does not fit */
coffer_err body_text(struct fault *f, struct body *body, const char *name, struct view value);

/** body_b64() - add the bytes @value as base64 */
coffer_err body_b64(struct fault *f, struct body *body, const char *name, struct view value);

/** body_end() - the whole object; nothing is added after it */
struct view body_end(struct body *body);

/** body_free() - wipe and free */
void body_free(struct body *body);

#endif
