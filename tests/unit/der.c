/* SPDX-License-Identifier: Apache-2.0 */
#include "base/der.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define BYTES(text) text, sizeof(text) - 1

static const struct {
	const char *name;
	const char *bytes;
	size_t len;
	size_t content, rest;
} right[] = {
	{"nothing inside", BYTES("\x04\x00"), 0, 0},
	{"one byte", BYTES("\x04\x01x"), 1, 0},
	{"something behind", BYTES("\x04\x01xyz"), 1, 2},
};

static const struct {
	const char *name;
	const char *bytes;
	size_t len;
} wrong[] = {
	{"nothing", BYTES("")},
	{"another tag", BYTES("\x0c\x01x")},
	{"no length", BYTES("\x04")},
	{"past the end", BYTES("\x04\x02x")},
	{"indefinite", BYTES("\x04\x80x\x00\x00")},
	{"a long length where a short one would do", BYTES("\x04\x81\x01x")},
	{"a length with a leading zero", BYTES("\x04\x82\x00\x01x")},
	{"half a length", BYTES("\x04\x82\x01")},
	{"a length of five bytes", BYTES("\x04\x85\x01\x00\x00\x00\x00x")},
	{"a length of 127 bytes", BYTES("\x04\xff\x01\x00\x00\x00\x00x")},
};

static void
test_right(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(right) / sizeof(right[0]); i++) {
		struct view v = view_of(right[i].bytes, right[i].len), content;

		print_message("%s\n", right[i].name);
		assert_true(der_take(&v, DER_OCTET_STRING, &content));
		assert_int_equal(content.len, right[i].content);
		assert_int_equal(v.len, right[i].rest);
	}
}

static void
test_long(void **state)
{
	static uint8_t bytes[3 + 128 + 4 + 256] = {0x04, 0x81, 0x80, [131] = 0x0c, 0x82, 0x01, 0x00};
	struct view v = view_of(bytes, sizeof(bytes)), content;

	(void)state;
	assert_true(der_take(&v, DER_OCTET_STRING, &content));
	assert_ptr_equal(content.p, bytes + 3);
	assert_int_equal(content.len, 128);
	assert_true(der_take(&v, DER_UTF8_STRING, &content));
	assert_ptr_equal(content.p, bytes + 135);
	assert_int_equal(content.len, 256);
	assert_int_equal(v.len, 0);
}

static void
test_wrong(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct view v = view_of(wrong[i].bytes, wrong[i].len), content;

		print_message("%s\n", wrong[i].name);
		assert_false(der_take(&v, DER_OCTET_STRING, &content));
		assert_ptr_equal(v.p, wrong[i].bytes);
		assert_int_equal(v.len, wrong[i].len);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_right),
		cmocka_unit_test(test_long),
		cmocka_unit_test(test_wrong),
	};

	return cmocka_run_group_tests_name("der", tests, NULL, NULL);
}
