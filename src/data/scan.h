/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A JSON text (RFC 8259), read from front to back.
 *
 * The caller says what it expects next, and anything else is COFFER_E_FORMAT
 * with the place in the sentence.  No tree is built and nothing is allocated, so
 * that a hostile header costs no more memory than its own bytes: strings are decoded where
 * they stand, which is why the text must be writable.
 *
 *	TRY(scan_enter(f, r, '{'));
 *	for (;;) {
 *		TRY(scan_next(f, r, '}', &more));
 *		if (!more)
 *			break;
 *		TRY(scan_key(f, r, &key));
 *		TRY(scan_uint(f, r, &value));
 *	}
 *	TRY(scan_end(f, r));
 *
 * Equal keys are not noticed here: that is for the caller, who knows which ones count.
 */
#ifndef DATA_SCAN_H
#define DATA_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"
#include "base/view.h"

struct scan {
	uint8_t *start;
	uint8_t *p;
	uint8_t *end;
	unsigned int depth;
	bool fresh; /* an object or array was just entered: no comma yet */
};

/** scan_begin() - read @len bytes at @text, which are written over and must live as long as the strings do */
struct scan scan_begin(void *text, size_t len);

/** scan_peek() - the character that the next value begins with, or 0 at the end */
char scan_peek(struct scan *r);

/** scan_enter() - an opening «{» or «[»; at most LIMIT_JSON_DEPTH may be open at once */
coffer_err scan_enter(struct fault *f, struct scan *r, char open);

/** scan_next() - whether another element follows, with its comma, or else the closing «}» or «]» */
coffer_err scan_next(struct fault *f, struct scan *r, char close, bool *more_out);

/** scan_key() - a string and a colon */
coffer_err scan_key(struct fault *f, struct scan *r, struct view *key_out);

/** scan_string() - a string, decoded; UTF-8 without U+0000; valid while the text is */
coffer_err scan_string(struct fault *f, struct scan *r, struct view *string_out);

/** scan_uint() - a whole number from 0 to 2^64 - 1, written with digits alone */
coffer_err scan_uint(struct fault *f, struct scan *r, uint64_t *out);

/** scan_whole() - the same, which may be written 5.0, 50e-1 or 5e0 too: some writers know floating point alone */
coffer_err scan_whole(struct fault *f, struct scan *r, uint64_t *out);

/** scan_skip() - any one value */
coffer_err scan_skip(struct fault *f, struct scan *r);

/** scan_end() - white space up to the end, and nothing else */
coffer_err scan_end(struct fault *f, struct scan *r);

#endif
