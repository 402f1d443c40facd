/* SPDX-License-Identifier: Apache-2.0 */
#include "base/crc32c.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static const uint8_t zeros[32];

/* the check value of the CRC catalogue; RFC 3720 appendix B.4; google/crc32c's own tests */
static void
test_known(void **state)
{
	uint8_t ones[32], up[32], down[32];

	(void)state;
	for (size_t i = 0; i < sizeof(up); i++) {
		ones[i] = 0xff;
		up[i] = (uint8_t)i;
		down[i] = (uint8_t)(31 - i);
	}
	assert_int_equal(crc32c(view_of(NULL, 0)), 0);
	assert_int_equal(crc32c(view_str("a")), 0xc1d04330);
	assert_int_equal(crc32c(view_str("123456789")), 0xe3069283);
	assert_int_equal(crc32c(view_of(zeros, sizeof(zeros))), 0x8a9136aa);
	assert_int_equal(crc32c(view_of(ones, sizeof(ones))), 0x62a8ab43);
	assert_int_equal(crc32c(view_of(up, sizeof(up))), 0x46dd794e);
	assert_int_equal(crc32c(view_of(down, sizeof(down))), 0x113fdb5c);
}

/* one bit, wherever it is, changes it */
static void
test_flips(void **state)
{
	uint8_t bytes[sizeof(zeros)] = {0};

	(void)state;
	for (size_t bit = 0; bit < 8 * sizeof(bytes); bit++) {
		bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_int_not_equal(crc32c(view_of(bytes, sizeof(bytes))), 0x8a9136aa);
		bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known),
		cmocka_unit_test(test_flips),
	};

	return cmocka_run_group_tests_name("crc32c", tests, NULL, NULL);
}
