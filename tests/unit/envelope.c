/* SPDX-License-Identifier: Apache-2.0 */
#include "key/envelope.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "support/hex.h"

static const uint8_t dek[DEK_LEN] = {0xd0, [31] = 0x1d};

static struct binding
bound_to(const char *text)
{
	return (struct binding){.text = view_str(text)};
}

/* printf 'coffer/1 wrap\0awskms\0{"a":1}' | sha256sum */
static void
test_known(void **state)
{
	struct binding b = bound_to("{\"a\":1}");
	uint8_t envelope[ENVELOPE_LEN];

	(void)state;
	assert_int_equal(envelope_make(NULL, "awskms", dek, &b, envelope), COFFER_OK);
	assert_memory_equal(envelope, dek, DEK_LEN);
	assert_hex(envelope + DEK_LEN, "ac44d522927c5d10c9033fb85bd9d1b3e9ad9b5eee2e24c2bcf231fbc7565051");
}

static void
test_open(void **state)
{
	struct binding b = bound_to("{\"a\":1}");
	uint8_t envelope[ENVELOPE_LEN + 1] = {0}, out[DEK_LEN];

	(void)state;
	assert_int_equal(envelope_make(NULL, "awskms", dek, &b, envelope), COFFER_OK);
	assert_int_equal(envelope_open(NULL, "awskms", view_of(envelope, ENVELOPE_LEN), &b, out), COFFER_OK);
	assert_memory_equal(out, dek, DEK_LEN);
}

/* What must not open, and leaves nothing in the place of the DEK. */
static void
test_refused(void **state)
{
	static const struct {
		const char *why, *kind, *binding;
		size_t len, flipped; /* a byte of the envelope; past its end: none */
	} cases[] = {
		{"another kind", "gcpkms", "{\"a\":1}", ENVELOPE_LEN, 99},
		{"another binding", "awskms", "{\"a\":2}", ENVELOPE_LEN, 99},
		{"no binding", "awskms", "", ENVELOPE_LEN, 99},
		{"kind and binding run together", "awskms{", "\"a\":1}", ENVELOPE_LEN, 99},
		{"a byte less", "awskms", "{\"a\":1}", ENVELOPE_LEN - 1, 99},
		{"a byte more", "awskms", "{\"a\":1}", ENVELOPE_LEN + 1, 99},
		{"the bare DEK", "awskms", "{\"a\":1}", DEK_LEN, 99},
		{"nothing", "awskms", "{\"a\":1}", 0, 99},
		{"the first byte of the hash", "awskms", "{\"a\":1}", ENVELOPE_LEN, 32},
		{"the last byte of the hash", "awskms", "{\"a\":1}", ENVELOPE_LEN, 63},
	};
	static const uint8_t zero[DEK_LEN];
	struct binding b = bound_to("{\"a\":1}");

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t envelope[ENVELOPE_LEN + 1] = {0}, out[DEK_LEN] = {1};
		struct binding other = bound_to(cases[i].binding);
		struct fault f = {.text = ""};

		assert_int_equal(envelope_make(NULL, "awskms", dek, &b, envelope), COFFER_OK);
		if (cases[i].flipped < ENVELOPE_LEN)
			envelope[cases[i].flipped] ^= 1;
		if (envelope_open(&f, cases[i].kind, view_of(envelope, cases[i].len), &other, out) != COFFER_E_AUTH)
			fail_msg("%s opens", cases[i].why);
		assert_memory_equal(out, zero, DEK_LEN);
		assert_non_null(strstr(f.text, "another model"));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known),
		cmocka_unit_test(test_open),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
