/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A writer of small JSON documents, for programs that read the command.
 *
 * An error sticks: the calls return nothing, and json_out_done() tells.  The text is one line.
 */
#ifndef BASE_JSON_OUT_H
#define BASE_JSON_OUT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/view.h"

enum json_kind { JSON_OBJECT, JSON_ARRAY };

struct json_out {
	struct buf text;
	struct fault *f;
	coffer_err err;
	uint32_t arrays; /* a bit a level: it is an array */
	unsigned int depth;
	bool comma; /* something stands before on this level */
};

/** json_out_init() - an empty document; free with json_out_free() */
void json_out_init(struct json_out *j, struct fault *f);

/** json_out_begin() - begin an object or array; @key is NULL inside an array and at the top; at most 32 deep */
void json_out_begin(struct json_out *j, const char *key, enum json_kind kind);

/** json_out_end() - end the innermost object or array */
void json_out_end(struct json_out *j);

/** json_out_str() - text; bytes that are no UTF-8 become U+FFFD; NULL becomes null */
void json_out_str(struct json_out *j, const char *key, const char *s);

/** json_out_b64() - bytes as base64 with padding */
void json_out_b64(struct json_out *j, const char *key, struct view bytes);

void json_out_uint(struct json_out *j, const char *key, uint64_t v);
void json_out_bool(struct json_out *j, const char *key, bool v);

/** json_out_seconds() - a duration with six decimals */
void json_out_seconds(struct json_out *j, const char *key, double v);

/** json_out_done() - end the line; the first error of all calls, COFFER_E_INTERNAL when something is still open */
coffer_err json_out_done(struct json_out *j);

void json_out_free(struct json_out *j);

#endif
