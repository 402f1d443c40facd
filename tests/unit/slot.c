/* SPDX-License-Identifier: Apache-2.0 */
#include "format/slot.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/enc.h"
#include "crypto/hash.h"

static uint8_t image[SLOT_LEN];

static enum slot_state
decode(struct view *doc)
{
	enum slot_state s = SLOT_GOOD;

	assert_int_equal(slot_decode(NULL, image, &s, doc), COFFER_OK);
	return s;
}

static void
encode(const char *text)
{
	assert_int_equal(slot_encode(NULL, view_str(text), image), COFFER_OK);
}

static void
test_bytes(void **state)
{
	struct view doc;
	char hex[129];

	(void)state;
	encode("{}\n");
	enc_hex(image, 64, hex);
	/* the hash is of sha256sum */
	assert_string_equal(hex, "636f666b6579730a"
				 "00000003"
				 "0000000000000000000000000000000000000000"
				 "8c66b3b9aa6960c10719d2442002b1b3669812cfcf60312bae457275064ee33b");
	assert_memory_equal(image + 64, "{}\n\0", 4);
	assert_int_equal(decode(&doc), SLOT_GOOD);
	assert_int_equal(doc.len, 3);
	assert_ptr_equal(doc.p, image + 64);
}

static void
test_lengths(void **state)
{
	char *text = malloc(SLOT_DOC_MAX + 1);
	struct fault f = {.text = ""};
	struct view doc;

	(void)state;
	memset(text, 'x', SLOT_DOC_MAX + 1);
	assert_int_equal(slot_encode(&f, view_of(text, 0), image), COFFER_E_USAGE);
	assert_int_equal(slot_encode(&f, view_of(text, SLOT_DOC_MAX + 1), image), COFFER_E_USAGE);
	assert_non_null(strstr(f.text, "65473 bytes is over 65472"));
	assert_int_equal(slot_encode(&f, view_of(text, SLOT_DOC_MAX), image), COFFER_OK);
	assert_int_equal(decode(&doc), SLOT_GOOD);
	assert_int_equal(doc.len, SLOT_DOC_MAX);
	free(text);
}

static const struct {
	const char *what;
	size_t off, len; /* zeroed */
	enum slot_state want;
} zeroed[] = {
	{"all", 0, SLOT_LEN, SLOT_BLANK},
	{"the head", 0, 64, SLOT_BLANK}, /* the bytes after it have no meaning */
	{"the magic", 0, 8, SLOT_DAMAGED},
	{"the length", 8, 4, SLOT_DAMAGED},
	{"the hash", 32, 32, SLOT_DAMAGED},
	{"half of the head", 0, 32, SLOT_DAMAGED},
	{"the document", 64, SLOT_DOC_MAX, SLOT_DAMAGED},
	{"nothing", 0, 0, SLOT_GOOD},
	{"what is zero", 12, 20, SLOT_GOOD},
};

static void
test_states(void **state)
{
	struct view doc;

	(void)state;
	for (size_t i = 0; i < sizeof(zeroed) / sizeof(zeroed[0]); i++) {
		encode("{\"a\":1}\n");
		memset(image + zeroed[i].off, 0, zeroed[i].len);
		if (decode(&doc) != zeroed[i].want)
			fail_msg("%s", zeroed[i].what);
	}
}

/* A length past the end is never followed. */
static void
test_hostile_length(void **state)
{
	static const uint32_t lengths[] = {0, 7, 9, SLOT_DOC_MAX, SLOT_DOC_MAX + 1, SLOT_LEN, UINT32_MAX};
	struct view doc;

	(void)state;
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		encode("{\"a\":1}\n");
		put_be32(image + 8, lengths[i]);
		assert_int_equal(decode(&doc), SLOT_DAMAGED);
	}
}

/* Bytes that must be zero, under a hash that is right: the hash is no secret. */
static void
test_forged(void **state)
{
	static const size_t places[] = {12, 31, 72, SLOT_LEN - 1};
	struct view doc;

	(void)state;
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		encode("{\"a\":1}\n");
		image[places[i]] = 1;
		assert_int_equal(sha256_two(NULL, view_of(image, 32), view_of(image + 64, 8), image + 32), COFFER_OK);
		assert_int_equal(decode(&doc), SLOT_DAMAGED);
	}
}

/* Every bit of the head and the document, and one of each byte after them. */
static void
test_every_bit(void **state)
{
	struct view doc;

	(void)state;
	encode("{\"a\":1}\n");
	for (size_t bit = 0; bit < 8 * 72; bit++) {
		image[bit / 8] ^= (uint8_t)(1 << bit % 8);
		if (decode(&doc) != SLOT_DAMAGED)
			fail_msg("bit %zu may be flipped", bit);
		image[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	for (size_t i = 72; i < SLOT_LEN; i += i < 200 ? 1 : 61) {
		image[i] = (uint8_t)(1 << i % 8);
		if (decode(&doc) != SLOT_DAMAGED)
			fail_msg("byte %zu may be changed", i);
		image[i] = 0;
	}
	image[SLOT_LEN - 1] = 1;
	assert_int_equal(decode(&doc), SLOT_DAMAGED);
	image[SLOT_LEN - 1] = 0;
	assert_int_equal(decode(&doc), SLOT_GOOD);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bytes),	       cmocka_unit_test(test_lengths), cmocka_unit_test(test_states),
		cmocka_unit_test(test_hostile_length), cmocka_unit_test(test_forged),  cmocka_unit_test(test_every_bit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
