/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/json_out.h"

static const struct {
	const char *name;
	const char *text;
	const char *want;
} strings[] = {
	{"plain", "model", "{\"s\":\"model\"}\n"},
	{"quotes and backslashes", "a\"b\\c", "{\"s\":\"a\\\"b\\\\c\"}\n"},
	{"controls", "a\nb\x1b[31m\x7f", "{\"s\":\"a\\u000ab\\u001b[31m\\u007f\"}\n"},
	{"UTF-8 stays", "süß 模型 🦙", "{\"s\":\"süß 模型 🦙\"}\n"},
	{"Latin-1 is replaced", "s\xfc\xdf!", "{\"s\":\"s\\ufffd\\ufffd!\"}\n"},
	{"a character cut short", "x\xe6\xa8", "{\"s\":\"x\\ufffd\\ufffd\"}\n"},
	{"overlong slash", "\xc0\xaf", "{\"s\":\"\\ufffd\\ufffd\"}\n"},
	{"overlong three", "\xe0\x80\xaf", "{\"s\":\"\\ufffd\\ufffd\\ufffd\"}\n"},
	{"surrogate", "\xed\xa0\x80", "{\"s\":\"\\ufffd\\ufffd\\ufffd\"}\n"},
	{"past U+10FFFF", "\xf4\x90\x80\x80", "{\"s\":\"\\ufffd\\ufffd\\ufffd\\ufffd\"}\n"},
	{"none", NULL, "{\"s\":null}\n"},
};

static void
assert_text(const struct json_out *j, const char *want)
{
	assert_int_equal(j->text.len, strlen(want));
	assert_memory_equal(j->text.p, want, strlen(want));
}

static void
test_strings(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(strings) / sizeof(strings[0]); i++) {
		struct fault f = {0};
		struct json_out j;

		print_message("%s\n", strings[i].name);
		json_out_init(&j, &f);
		json_out_begin(&j, NULL, JSON_OBJECT);
		json_out_str(&j, "s", strings[i].text);
		json_out_end(&j);
		assert_int_equal(json_out_done(&j), COFFER_OK);
		assert_text(&j, strings[i].want);
		json_out_free(&j);
	}
}

static void
test_nesting(void **state)
{
	struct fault f = {0};
	struct json_out j;

	(void)state;
	json_out_init(&j, &f);
	json_out_begin(&j, NULL, JSON_OBJECT);
	json_out_begin(&j, "files", JSON_ARRAY);
	for (uint64_t i = 0; i < 2; i++) {
		json_out_begin(&j, NULL, JSON_OBJECT);
		json_out_uint(&j, "size", i == 0 ? 0 : UINT64_MAX);
		json_out_bool(&j, "first", i == 0);
		json_out_end(&j);
	}
	json_out_end(&j);
	json_out_begin(&j, "none", JSON_ARRAY);
	json_out_end(&j);
	json_out_seconds(&j, "seconds", 0.25);
	json_out_end(&j);
	assert_int_equal(json_out_done(&j), COFFER_OK);
	assert_text(&j, "{\"files\":[{\"size\":0,\"first\":true},{\"size\":18446744073709551615,\"first\":false}],"
			"\"none\":[],\"seconds\":0.250000}\n");
	json_out_free(&j);
}

static void
test_b64(void **state)
{
	struct fault f = {0};
	struct json_out j;

	(void)state;
	json_out_init(&j, &f);
	json_out_begin(&j, NULL, JSON_ARRAY);
	json_out_b64(&j, NULL, view_of(NULL, 0));
	json_out_b64(&j, NULL, view_str("f"));
	json_out_b64(&j, NULL, view_str("foo"));
	json_out_begin(&j, NULL, JSON_OBJECT);
	json_out_b64(&j, "b", view_of("\xfb\xff\0\0", 4));
	json_out_end(&j);
	json_out_end(&j);
	assert_int_equal(json_out_done(&j), COFFER_OK);
	assert_text(&j, "[\"\",\"Zg==\",\"Zm9v\",{\"b\":\"+/8AAA==\"}]\n");
	json_out_free(&j);
}

static void
test_misuse_is_told(void **state)
{
	struct fault f = {0};
	struct json_out j;

	(void)state;
	json_out_init(&j, &f);
	json_out_begin(&j, NULL, JSON_OBJECT);
	assert_int_equal(json_out_done(&j), COFFER_E_INTERNAL);
	json_out_free(&j);

	json_out_init(&j, &f);
	json_out_end(&j);
	assert_int_equal(json_out_done(&j), COFFER_E_INTERNAL);
	json_out_free(&j);

	json_out_init(&j, &f);
	for (int i = 0; i < 33; i++)
		json_out_begin(&j, NULL, JSON_ARRAY);
	for (int i = 0; i < 32; i++)
		json_out_end(&j);
	assert_int_equal(json_out_done(&j), COFFER_E_INTERNAL);
	json_out_free(&j);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_strings),
		cmocka_unit_test(test_nesting),
		cmocka_unit_test(test_b64),
		cmocka_unit_test(test_misuse_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
