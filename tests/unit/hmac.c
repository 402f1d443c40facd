/* SPDX-License-Identifier: Apache-2.0 */
/* HMAC tags of files: what openssl says of the same bytes, each form of a tag, each refusal. */
#include <coffer/sign.h>

#include "support/kit.h"

/* openssl dgst -sha256 -mac HMAC -macopt hexkey:1111…11, of kit_bytes(2500000, 3) and of nothing */
static const char tag_of_f[] = "f573c8e08799f70f67b660c6d170f8224daa8cc527b2bf830ef18384119fba77";
static const char tag_of_nothing[] = "02c2cae45f82ce4b76cc75a18b9af0d67ec9b2eae1695d0480f3422533bb06d2";

static int
setup(void **state)
{
	uint8_t key[COFFER_KEY_LEN];

	if (kit_setup(state) != 0)
		return -1;
	memset(key, 0x11, sizeof(key));
	tmpdir_file("key", key, sizeof(key), 0600);
	key[31] ^= 0x80;
	tmpdir_file("wrong", key, sizeof(key), 0600);
	kit_file("f", 2500000, 3); /* more than one piece */
	kit_file("empty", 0, 0);
	return 0;
}

static void
assert_tag(const char *path, const char *wanted)
{
	size_t len;
	uint8_t *bytes = kit_read(path, &len);

	assert_int_equal(len, 65);
	assert_memory_equal(bytes, wanted, 64);
	assert_int_equal(bytes[64], '\n');
	free(bytes);
}

static void
test_answers(void **state)
{
	(void)state;
	assert_ok(coffer_hmac_file(kit.ctx, "f", "f.hmac", "file:key", false));
	assert_tag("f.hmac", tag_of_f);
	assert_ok(coffer_hmac_verify_file(kit.ctx, "f", "f.hmac", "file:key"));
	assert_ok(coffer_hmac_file(kit.ctx, "empty", "e.hmac", "file:key", false));
	assert_tag("e.hmac", tag_of_nothing);
	assert_refused(coffer_hmac_verify_file(kit.ctx, "f", "e.hmac", "file:key"), COFFER_E_SIGNATURE);
	assert_refused(coffer_hmac_verify_file(kit.ctx, "f", "f.hmac", "file:wrong"), COFFER_E_SIGNATURE);
	assert_refused(coffer_hmac_file(kit.ctx, "f", "f.hmac", "file:key", false), COFFER_E_EXISTS);
	assert_ok(coffer_hmac_file(kit.ctx, "f", "f.hmac", "file:wrong", true));
	assert_ok(coffer_hmac_verify_file(kit.ctx, "f", "f.hmac", "file:wrong"));
}

static void
test_every_place(void **state)
{
	static const off_t places[] = {0, 1048575, 1048576, 2499999};

	(void)state;
	assert_ok(coffer_hmac_file(kit.ctx, "f", "f.hmac", "file:key", false));
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		kit_flip("f", places[i], 1);
		assert_refused(coffer_hmac_verify_file(kit.ctx, "f", "f.hmac", "file:key"), COFFER_E_SIGNATURE);
		kit_flip("f", places[i], 1);
	}
	assert_int_equal(truncate("f", 2499999), 0);
	assert_refused(coffer_hmac_verify_file(kit.ctx, "f", "f.hmac", "file:key"), COFFER_E_SIGNATURE);
}

static void
verify_text(const char *text, size_t len, coffer_err want)
{
	tmpdir_file("t", text, len, 0600);
	assert_err(coffer_hmac_verify_file(kit.ctx, "f", "t", "file:key"), want);
}

static void
test_forms(void **state)
{
	char text[128];
	uint8_t raw[32];

	(void)state;
	for (size_t i = 0; i < 32; i++) {
		const char digits[] = "0123456789abcdef";

		raw[i] = (uint8_t)((strchr(digits, tag_of_f[2 * i]) - digits) << 4 |
				   (strchr(digits, tag_of_f[2 * i + 1]) - digits));
	}
	verify_text((const char *)raw, 32, COFFER_OK);
	verify_text(tag_of_f, 64, COFFER_OK);
	(void)snprintf(text, sizeof(text), "%s *f\n", tag_of_f);
	verify_text(text, strlen(text), COFFER_OK);
	text[64] = '0';
	verify_text(text, strlen(text), COFFER_E_FORMAT);
	verify_text(tag_of_f, 63, COFFER_E_FORMAT);
	verify_text("", 0, COFFER_E_FORMAT);
	raw[31] ^= 1;
	verify_text((const char *)raw, 32, COFFER_E_SIGNATURE);
}

static void
test_refusals(void **state)
{
	(void)state;
	assert_refused(coffer_hmac_file(kit.ctx, "none", "t", "file:key", false), COFFER_E_NOTFOUND);
	assert_refused(coffer_hmac_file(kit.ctx, "f", "t", "file:none", false), COFFER_E_NOTFOUND);
	assert_refused(coffer_hmac_file(kit.ctx, ".", "t", "file:key", false), COFFER_E_USAGE);
	assert_refused(coffer_hmac_file(kit.ctx, "f", "t", "passphrase:", false), COFFER_E_USAGE);
	assert_ok(coffer_key_generate(kit.ctx, COFFER_KEY_X25519, "pair", NULL));
	assert_refused(coffer_hmac_file(kit.ctx, "f", "t", "file:pair", false), COFFER_E_KEY);
	assert_refused(coffer_hmac_verify_file(kit.ctx, "f", "none", "file:key"), COFFER_E_NOTFOUND);
	assert_false(kit_exists("t"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_answers, setup, kit_teardown),
		cmocka_unit_test_setup_teardown(test_every_place, setup, kit_teardown),
		cmocka_unit_test_setup_teardown(test_forms, setup, kit_teardown),
		cmocka_unit_test_setup_teardown(test_refusals, setup, kit_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
