/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes that a test writes as hexadecimal digits. */
#ifndef TESTS_SUPPORT_HEX_H
#define TESTS_SUPPORT_HEX_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/enc.h"
#include "base/view.h"

/** hex_bytes() - what @hex says, in @room, which has space for it */
static inline struct view
hex_bytes(const char *hex, uint8_t *room)
{
	size_t len = strlen(hex) / 2;

	assert_true(dec_hex(hex, 2 * len, room, len));
	return view_of(room, len);
}

/** assert_hex() - that the bytes at @out are those that @expected says */
static inline void
assert_hex(const uint8_t *out, const char *expected)
{
	char text[2 * 1024 + 1];

	assert_true(strlen(expected) < sizeof(text));
	enc_hex(out, strlen(expected) / 2, text);
	assert_string_equal(text, expected);
}

#endif
