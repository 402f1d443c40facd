/* SPDX-License-Identifier: Apache-2.0 */
/*
 * UTF-8 as RFC 3629 has it: no overlong form, no surrogate, nothing past U+10FFFF.
 */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/view.h"

/** utf8_char() - the length of the character that @v begins with, 1 to 4, and its code point; 0 when it is none */
static inline size_t
utf8_char(struct view v, uint32_t *code_out)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	uint32_t code;
	size_t len;

	if (v.len == 0)
		return 0;
	len = v.p[0] < 0x80 ? 1 : v.p[0] < 0xc0 ? 0 : v.p[0] < 0xe0 ? 2 : v.p[0] < 0xf0 ? 3 : v.p[0] < 0xf8 ? 4 : 0;
	if (len == 0 || len > v.len)
		return 0;
	code = len == 1 ? v.p[0] : v.p[0] & (0x7fu >> len);
	for (size_t i = 1; i < len; i++) {
		if ((v.p[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (v.p[i] & 0x3fu);
	}
	if (code < least[len] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
		return 0;
	*code_out = code;
	return len;
}

/** utf8_is_text() - whether @v is UTF-8 without control characters, so that it can be shown on a terminal */
static inline bool
utf8_is_text(struct view v)
{
	uint32_t code;

	while (v.len > 0) {
		size_t len = utf8_char(v, &code);

		if (len == 0 || code < 0x20 || (code >= 0x7f && code < 0xa0))
			return false;
		v.p += len;
		v.len -= len;
	}
	return true;
}

#endif
