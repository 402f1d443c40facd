/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A cursor over lines that have one form: text that must be there, and hex and numbers between.
 * Each takes what it reads off the front of @v, or says false.
 */
#ifndef AUDIT_LINE_H
#define AUDIT_LINE_H

#include "base/enc.h"
#include "base/num.h"
#include "base/view.h"

static inline bool
line_text(struct view *v, const char *text)
{
	size_t len = strlen(text);
	struct view taken;

	return v->len >= len && memcmp(v->p, text, len) == 0 && view_take(v, len, &taken);
}

static inline bool
line_hex(struct view *v, void *out, size_t len)
{
	struct view taken;

	return view_take(v, 2 * len, &taken) && dec_hex((const char *)taken.p, taken.len, out, len);
}

/** line_number() - from @min to 2^63 - 1, without leading zero */
static inline bool
line_number(struct view *v, uint64_t min, uint64_t *out)
{
	char digits[21];
	size_t n = 0;

	while (n < v->len && n < sizeof(digits) - 1 && v->p[n] >= '0' && v->p[n] <= '9')
		n++;
	digits[n] = '\0';
	return view_copy(v, digits, n) && num_parse(digits, min, INT64_MAX, out);
}

#endif
