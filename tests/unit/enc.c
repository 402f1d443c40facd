/* SPDX-License-Identifier: Apache-2.0 */
#include "base/enc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

/* RFC 4648 section 10 */
static const struct {
	const char *bytes, *b64, *hex;
} vectors[] = {
	{"", "", ""},
	{"f", "Zg==", "66"},
	{"fo", "Zm8=", "666f"},
	{"foo", "Zm9v", "666f6f"},
	{"foob", "Zm9vYg==", "666f6f62"},
	{"fooba", "Zm9vYmE=", "666f6f6261"},
	{"foobar", "Zm9vYmFy", "666f6f626172"},
	{"\xfb\xff\xbf", "+/+/", "fbffbf"},
};

static void
test_vectors(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		size_t len = strlen(vectors[i].bytes), got;
		char text[32], back[32] = "";

		enc_b64(vectors[i].bytes, len, text);
		assert_string_equal(text, vectors[i].b64);
		assert_int_equal(strlen(text), ENC_B64_LEN(len));
		assert_true(dec_b64(text, strlen(text), back, len, &got));
		assert_int_equal(got, len);
		assert_memory_equal(back, vectors[i].bytes, len + 1);
		enc_hex(vectors[i].bytes, len, text);
		assert_string_equal(text, vectors[i].hex);
		assert_true(dec_hex(text, 2 * len, back, len));
		assert_memory_equal(back, vectors[i].bytes, len + 1);
	}
}

/* every byte value, at every place of a group */
static void
test_round_trip(void **state)
{
	uint8_t bytes[256 + 2], back[256 + 2];
	char text[ENC_B64_LEN(sizeof(bytes)) + 2 * sizeof(bytes)];

	(void)state;
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 167);
	for (size_t from = 0; from < 3; from++)
		for (size_t len = 0; len <= sizeof(bytes) - from; len++) {
			size_t got;

			enc_b64(bytes + from, len, text);
			assert_true(dec_b64(text, strlen(text), back, sizeof(back), &got));
			assert_int_equal(got, len);
			assert_memory_equal(back, bytes + from, len);
			enc_hex(bytes + from, len, text);
			assert_true(dec_hex(text, 2 * len, back, len));
			assert_memory_equal(back, bytes + from, len);
		}
}

/* of all 256 characters just the digits are taken, and each for its own value */
static void
test_alphabets(void **state)
{
	static const char b64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	static const char hex[] = "0123456789abcdef";

	(void)state;
	for (int c = 0; c < 256; c++) {
		const char *in_b64 = c ? strchr(b64, c) : NULL, *in_hex = c ? strchr(hex, c) : NULL;
		char group[4] = {'A', 'A', 'A', (char)c}, first[4] = {(char)c, 'A', 'A', 'A'}, pair[2] = {'0', (char)c};
		uint8_t out[3] = {9, 9, 9};
		size_t len;

		assert_int_equal(dec_b64(first, 4, out, 3, &len), in_b64 != NULL);
		/* = is padding at the end */
		assert_int_equal(dec_b64(group, 4, out, 3, &len), in_b64 != NULL || c == '=');
		if (in_b64)
			assert_int_equal(out[2], in_b64 - b64);
		assert_int_equal(dec_hex(pair, 2, out, 1), in_hex != NULL);
		assert_int_equal(out[0], in_hex ? in_hex - hex : 0);
		pair[1] = '0';
		pair[0] = (char)c;
		assert_int_equal(dec_hex(pair, 2, out, 1), in_hex != NULL);
	}
}

static const struct {
	const char *text;
	size_t cap;
} bad_b64[] = {
	{"Z", 9},	  {"Zg", 9},   {"Zg=", 9},	{"Zg==Zg==", 9}, {"====", 9},	      {"=", 9},
	{"Z===", 9},	  {"Zg=g", 9}, {"Zh==", 9},	{"Zm9=", 9},	 {" Zg=", 9},	      {"Zg==\n", 9},
	{"Zm9v\nZm9", 9}, {"Zm-_", 9}, {"Zm9vYmFy", 5}, {"Zg==", 0},	 {"Zm9vYmFyZm9v", 8},
};

static void
test_bad_b64(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bad_b64) / sizeof(bad_b64[0]); i++) {
		uint8_t out[16];
		size_t len = 99;

		if (dec_b64(bad_b64[i].text, strlen(bad_b64[i].text), out, bad_b64[i].cap, &len))
			fail_msg("«%s»", bad_b64[i].text);
		assert_int_equal(len, 0);
	}
}

static const struct {
	const char *bytes, *text;
} url_vectors[] = {
	{"", ""},
	{"f", "Zg"},
	{"fo", "Zm8"},
	{"foo", "Zm9v"},
	{"foob", "Zm9vYg"},
	{"\xfb\xff\xbf", "-_-_"},
	{"\xff\xef", "_-8"},
};

static void
test_b64url(void **state)
{
	static const char *const bad[] = {"Z", "Zh", "Zm9", "Zg==", "Zg=", "+_-_", "-/-_", "Zm9vY", "Zg\n"};
	uint8_t out[16];
	size_t len;

	(void)state;
	for (size_t i = 0; i < sizeof(url_vectors) / sizeof(url_vectors[0]); i++) {
		size_t n = strlen(url_vectors[i].bytes);
		char text[ENC_B64_LEN(4) + 1];

		enc_b64url(url_vectors[i].bytes, n, text);
		assert_string_equal(text, url_vectors[i].text);
		assert_true(dec_b64url(text, strlen(text), out, n, &len));
		assert_int_equal(len, n);
		assert_memory_equal(out, url_vectors[i].bytes, n);
		if (n > 0)
			assert_false(dec_b64url(text, strlen(text), out, n - 1, &len));
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		len = 99;
		if (dec_b64url(bad[i], strlen(bad[i]), out, sizeof(out), &len))
			fail_msg("«%s»", bad[i]);
		assert_int_equal(len, 0);
	}
}

static void
test_bad_hex(void **state)
{
	static const uint8_t zero[3];
	uint8_t out[3] = {1, 2, 3};

	(void)state;
	assert_false(dec_hex("666F6f", 6, out, 3));
	assert_memory_equal(out, zero, 3);
	memset(out, 7, 3);
	assert_false(dec_hex("666f6", 5, out, 3));
	assert_memory_equal(out, zero, 3);
	assert_false(dec_hex("666f6f66", 8, out, 3));
	assert_false(dec_hex("", 0, out, 3));
	assert_true(dec_hex("", 0, out, 0));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vectors), cmocka_unit_test(test_round_trip), cmocka_unit_test(test_alphabets),
		cmocka_unit_test(test_bad_b64), cmocka_unit_test(test_bad_hex),	   cmocka_unit_test(test_b64url),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
