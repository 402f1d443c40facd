/* SPDX-License-Identifier: Apache-2.0 */
#include "base/bech32.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

/* the vectors of BIP 173 */

static const struct {
	const char *text;
	const char *hrp;
	size_t n_digits;
} valid[] = {
	{"A12UEL5L", "a", 0},
	{"a12uel5l", "a", 0},
	{"an83characterlonghumanreadablepartthatcontainsthenumber1andtheexcludedcharactersbio1tt5tgs",
	 "an83characterlonghumanreadablepartthatcontainsthenumber1andtheexcludedcharactersbio", 0},
	{"abcdef1qpzry9x8gf2tvdw0s3jn54khce6mua7lmqqqxw", "abcdef", 32},
	{"11qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqc8247j", "1", 82},
	{"split1checkupstagehandshakeupstreamerranterredcaperred2y9e3w", "split", 48},
	{"?1ezyfcl", "?", 0},
};

static const struct {
	const char *name;
	const char *text;
} invalid[] = {
	{"prefix below 33", "\x20"
			    "1nwldj5"},
	{"prefix DEL", "\x7f"
		       "1axkwrx"},
	{"prefix above 126", "\x80"
			     "1eym55h"},
	{"91 characters",
	 "an84characterslonghumanreadablepartthatcontainsthenumber1andtheexcludedcharactersbio1569pvx"},
	{"no separator", "pzry9x0s0muk"},
	{"empty prefix", "1pzry9x0s0muk"},
	{"foreign digit", "x1b4n0q5v"},
	{"short checksum", "li1dgmt3"},
	{"foreign digit in the checksum", "de1lg7wt\xff"},
	{"checksum of the upper-case prefix", "A1G7SGD8"},
	{"empty prefix, no digits", "10a06t8"},
	{"empty prefix, one digit", "1qzzfhee"},
	{"mixed case", "tb1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3q0sL5k7"},
	{"wrong checksum", "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t5"},
	{"nothing", ""},
	{"separator alone", "1"},
};

static void
test_valid(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(valid) / sizeof(valid[0]); i++) {
		struct bech32 b;

		print_message("%s\n", valid[i].text);
		assert_true(bech32_parse(view_str(valid[i].text), &b));
		assert_string_equal(b.hrp, valid[i].hrp);
		assert_int_equal(b.n_digits, valid[i].n_digits);
	}
}

static void
test_digits(void **state)
{
	struct bech32 b;

	(void)state;
	assert_true(bech32_parse(view_str("abcdef1qpzry9x8gf2tvdw0s3jn54khce6mua7lmqqqxw"), &b));
	for (size_t i = 0; i < 32; i++)
		assert_int_equal(b.digits[i], i);
}

static void
test_invalid(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(invalid) / sizeof(invalid[0]); i++) {
		struct bech32 b;

		print_message("%s\n", invalid[i].name);
		assert_false(bech32_parse(view_str(invalid[i].text), &b));
	}
}

static const struct {
	const char *hrp;
	const char *bytes;
	size_t len;
	const char *text;
} encodings[] = {
	{"test", "", 0, "test12hrzfj"},
	{"test", "\xff", 1, "test1lu0zy72x"},
	{"coffer", "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 32,
	 "coffer1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq6d07nv"},
	{"coffer",
	 "\x49\x3e\x82\xfc\x74\x46\x4a\x59\x26\x88\x17\x62\x3d\x20\x53\xc5\xeb\x8e\x2c\xc4\xa9\x88\xb4\xfe\xe1\x79\xec"
	 "\x6b\x01\x0d\x53\x1d",
	 32, "coffer1fylg9lr5ge99jf5gza3r6gznch4cutxy4xytflhp08kxkqgd2vwscfr9ek"},
};

static void
test_encodings(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(encodings) / sizeof(encodings[0]); i++) {
		char text[BECH32_MAX + 1];
		uint8_t bytes[32];

		assert_true(
			bech32_encode(encodings[i].hrp, (const uint8_t *)encodings[i].bytes, encodings[i].len, text));
		assert_string_equal(text, encodings[i].text);
		assert_true(bech32_decode(view_str(text), encodings[i].hrp, bytes, encodings[i].len));
		assert_memory_equal(bytes, encodings[i].bytes, encodings[i].len);
	}
}

static void
test_encode_too_long(void **state)
{
	static const uint8_t bytes[BECH32_MAX + 1];
	char text[BECH32_MAX + 1];

	(void)state;
	assert_true(bech32_encode("a", bytes, 51, text)); /* 82 digits: 90 characters */
	assert_int_equal(strlen(text), BECH32_MAX);
	assert_false(bech32_encode("a", bytes, 52, text));
	assert_string_equal(text, "");
	assert_false(bech32_encode("ab", bytes, 51, text));
	assert_false(bech32_encode("a", bytes, sizeof(bytes), text));
	assert_false(bech32_encode("", bytes, 1, text));
}

static const struct {
	const char *name;
	const char *text;
} not_one_byte[] = {
	{"spare bits that are not zero", "test1llp33gye"},
	{"a digit too many", "test1luqafdkce"},
	{"a digit too few", "test1ls7uz56"},
	{"another prefix", "rest1luzru58g"},
	{"no bytes", "test12hrzfj"},
};

static void
test_decode_refuses(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(not_one_byte) / sizeof(not_one_byte[0]); i++) {
		struct bech32 b;
		uint8_t byte = 7;

		print_message("%s\n", not_one_byte[i].name);
		assert_true(bech32_parse(view_str(not_one_byte[i].text), &b));
		assert_false(bech32_decode(view_str(not_one_byte[i].text), "test", &byte, 1));
		assert_int_equal(byte, 0);
	}
}

/* Any one character changed is seen. */
static void
test_every_change(void **state)
{
	static const char good[] = "coffer1fylg9lr5ge99jf5gza3r6gznch4cutxy4xytflhp08kxkqgd2vwscfr9ek";
	uint8_t bytes[32];

	(void)state;
	for (size_t at = 0; at < sizeof(good) - 1; at++) {
		for (int c = 0; c < 256; c++) {
			char text[sizeof(good)];

			memcpy(text, good, sizeof(good));
			if (text[at] == (char)c)
				continue;
			text[at] = (char)c;
			assert_false(bech32_decode(view_of(text, sizeof(text) - 1), "coffer", bytes, sizeof(bytes)));
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_valid),		cmocka_unit_test(test_digits),
		cmocka_unit_test(test_invalid),		cmocka_unit_test(test_encodings),
		cmocka_unit_test(test_encode_too_long), cmocka_unit_test(test_decode_refuses),
		cmocka_unit_test(test_every_change),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
