/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A JSON text (RFC 8259), read from front to back.
 *
 * The caller says what it expects next, and anything else is COFFER_E_FORMAT
 * with the place in the sentence.  No tree is built and nothing is allocated, so
 * that a hostile header costs no more memory than its own bytes: strings are decoded where
 * they stand, which is why the text must be writable.
 *
 *	TRY(json_enter(f, r, '{'));
 *	for (;;) {
 *		TRY(json_next(f, r, '}', &more));
 *		if (!more)
 *			break;
 *		TRY(json_key(f, r, &key));
 *		TRY(json_uint(f, r, &value));
 *	}
 *	TRY(json_end(f, r));
 *
 * Equal keys are not noticed here: that is for the caller, who knows which ones count.
 */
#ifndef DATA_JSON_READER_H
#define DATA_JSON_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"
#include "base/view.h"

struct json_reader {
	uint8_t *start;
	uint8_t *p;
	uint8_t *end;
	unsigned int depth;
	bool fresh; /* an object or array was just entered: no comma yet */
};

/** json_begin() - read @len bytes at @text, which are written over and must live as long as the strings do */
struct json_reader json_begin(void *text, size_t len);

/** json_peek() - the character that the next value begins with, or 0 at the end */
char json_peek(struct json_reader *r);

/** json_enter() - an opening «{» or «[»; at most LIMIT_JSON_DEPTH may be open at once */
coffer_err json_enter(struct fault *f, struct json_reader *r, char open);

/** json_next() - whether another element follows, with its comma, or else the closing «}» or «]» */
coffer_err json_next(struct fault *f, struct json_reader *r, char close, bool *more_out);

/** json_key() - a string and a colon */
coffer_err json_key(struct fault *f, struct json_reader *r, struct view *key_out);

/** json_string() - a string, decoded; UTF-8 without U+0000; valid while the text is */
coffer_err json_string(struct fault *f, struct json_reader *r, struct view *string_out);

/** json_uint() - a whole number from 0 to 2^64 - 1, written with digits alone */
coffer_err json_uint(struct fault *f, struct json_reader *r, uint64_t *out);

/** json_skip() - any one value */
coffer_err json_skip(struct fault *f, struct json_reader *r);

/** json_end() - white space up to the end, and nothing else */
coffer_err json_end(struct fault *f, struct json_reader *r);

/** json_is() - whether a key or string is @s */
static inline bool
json_is(struct view v, const char *s)
{
	return v.len == strlen(s) && memcmp(v.p, s, v.len) == 0;
}

#endif
