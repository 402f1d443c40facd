/* SPDX-License-Identifier: Apache-2.0 */
/* Whose model it must be, asked before it is loaded; and that it stays what was verified. */
#include <time.h>

#include <coffer/load.h>
#include <coffer/trust.h>

#include "support/memory_source.h"
#include "support/sign_kit.h"

enum { BIG = (9 << 20) + 77 };

static struct coffer_model *model;
static struct coffer_file *file;

static int
setup(void **state)
{
	/* no trust store but the test's own */
	return sign_kit_setup(state) != 0 || setenv("XDG_CONFIG_HOME", tmpdir_path, 1) != 0 ? -1 : 0;
}

static void
close_model(void)
{
	coffer_file_free(&file);
	coffer_model_free(&model);
}

static int
teardown(void **state)
{
	close_model();
	return sign_kit_teardown(state);
}

#define TRUST_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

/* the folder s, and the file one.coffer, both signed */
static void
seal_signed(void)
{
	struct coffer_seal_options o = {.version_1 = 1, .signer = sign_kit.signer, .name = "s", .record_size = 65536};

	kit_file("m/a", 1000, 1);
	kit_file("m/big", BIG, 2);
	assert_ok(coffer_seal(kit.ctx, "m", "s", kit.keys, &o, NULL));
	o.name = "one";
	assert_ok(coffer_seal(kit.ctx, "m/big", "one.coffer", kit.keys, &o, NULL));
}

static coffer_err
trust_as(const char *path, const struct coffer_open_options *options)
{
	close_model();
	assert_ok(coffer_model_open(kit.ctx, path, kit.keys, &model));
	return coffer_model_trust(kit.ctx, model, options);
}

static coffer_err
open_big(void)
{
	coffer_file_free(&file);
	return coffer_file_open(kit.ctx, model, coffer_model_find(model, "big"), &file);
}

static coffer_err
load_big(void)
{
	static uint8_t bytes[BIG];
	coffer_err err;

	memset(bytes, 0xee, BIG);
	err = coffer_file_load(kit.ctx, file, 0, bytes, BIG);
	for (size_t i = 0; i < BIG; i++)
		if (bytes[i] != (err == COFFER_OK ? kit_byte(2, i) : 0))
			fail_msg("byte %zu", i);
	return err;
}

/* ---- who is believed ---- */

static void
the_publisher_and_nobody_else(void **state)
{
	static const char *const paths[] = {"s", "one.coffer"};
	const struct coffer_open_options good = {.version_1 = 1, .trust = &sign_kit.trust};
	const struct coffer_open_options other = {.version_1 = 1, .trust = &sign_kit.other};

	(void)state;
	seal_signed();
	for (size_t i = 0; i < 2; i++) {
		assert_refused(trust_as(paths[i], &other), COFFER_E_SIGNATURE);
		assert_ok(trust_as(paths[i], &good));
		assert_ok(open_big());
		assert_ok(load_big());
	}
}

static void
options_of_another_version(void **state)
{
	const struct coffer_open_options bad[] = {
		{.version_1 = 0},
		{.version_1 = 2},
		{.version_1 = 1, .reserved = {[7] = 1}},
	};
	const struct coffer_open_options name = {.version_1 = 1, .name = "another"};

	(void)state;
	seal_signed();
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_refused(trust_as("s", &bad[i]), COFFER_E_USAGE);
	assert_refused(trust_as("s", &name), COFFER_E_POLICY);
}

/* Nobody is asked for until the trust store binds the name. */
static void
the_trust_store(void **state)
{
	const struct coffer_open_options nobody = {.version_1 = 1, .ignore_trust_store = true};
	const struct coffer_trust_options other = {
		.version_1 = 1, .method = COFFER_METHOD_KEY, .public_key = "other.pub"};

	(void)state;
	seal_signed();
	assert_ok(trust_as("s", NULL));
	assert_ok(coffer_trust_add(kit.ctx, "s", &other));
	assert_refused(trust_as("s", NULL), COFFER_E_SIGNATURE);
	assert_ok(trust_as("s", &nobody));
	assert_ok(trust_as("one.coffer", NULL));
	/* a model that takes the place of one that is bound */
	assert_int_equal(rename("one.coffer", "s.coffer"), 0);
	assert_refused(trust_as("s.coffer", NULL), COFFER_E_POLICY);
}

static void
no_signature(void **state)
{
	const struct coffer_open_options good = {.version_1 = 1, .trust = &sign_kit.trust};
	const struct coffer_open_options elsewhere = {
		.version_1 = 1, .trust = &sign_kit.trust, .signature = "elsewhere.sig"};

	(void)state;
	seal_signed();
	assert_int_equal(rename("s/coffer.sig", "elsewhere.sig"), 0);
	assert_refused(trust_as("s", &good), COFFER_E_POLICY);
	assert_ok(trust_as("s", &elsewhere));
}

static void
a_source_has_no_signature(void **state)
{
	const struct coffer_open_options good = {.version_1 = 1, .trust = &sign_kit.trust};
	struct memory memory = {.bytes = NULL};
	struct coffer_source source;
	uint8_t *bytes;

	(void)state;
	seal_signed();
	bytes = kit_read("one.coffer", &memory.len);
	memory.bytes = bytes;
	source = memory_source(&memory);
	assert_ok(coffer_model_open_source(kit.ctx, &source, kit.keys, &model));
	assert_refused(coffer_model_trust(kit.ctx, model, &good), COFFER_E_POLICY);
	assert_ok(coffer_model_trust(kit.ctx, model, NULL));
	close_model();
	free(bytes);
}

/* ---- what is put in the place of what was verified ---- */

/* The same bytes, so that every record is authentic: whoever has the key can write others that are, too. */
static void
put_a_copy(const char *path)
{
	size_t len;
	uint8_t *bytes = kit_read(path, &len);

	assert_int_equal(unlink(path), 0);
	tmpdir_file(path, bytes, len, 0644);
	free(bytes);
}

static void
write_again(const char *path)
{
	struct timespec tick = {.tv_nsec = 20000000}; /* the clock of file times is coarse */

	(void)nanosleep(&tick, NULL);
	kit_flip(path, 8 << 20, 0);
}

static const struct {
	const char *model, *file;
} places[] = {{"s", "s/big.coffer"}, {"one.coffer", "one.coffer"}};

static void
a_swapped_file_is_not_opened(void **state)
{
	const struct coffer_open_options good = {.version_1 = 1, .trust = &sign_kit.trust};
	const struct coffer_open_options nobody = {.version_1 = 1, .ignore_trust_store = true};

	(void)state;
	seal_signed();
	assert_ok(trust_as("s", &good));
	put_a_copy("s/big.coffer");
	assert_refused(open_big(), COFFER_E_CHANGED);
	assert_null(file);
	assert_ok(trust_as("s", &nobody));
	put_a_copy("s/big.coffer");
	assert_ok(open_big());
	assert_ok(load_big());
}

static void
a_written_file_is_not_read(void **state)
{
	const struct coffer_open_options good = {.version_1 = 1, .trust = &sign_kit.trust};
	uint8_t byte;

	(void)state;
	seal_signed();
	for (size_t i = 0; i < 2; i++) {
		assert_ok(trust_as(places[i].model, &good));
		assert_ok(open_big());
		assert_ok(load_big());
		write_again(places[i].file);
		assert_refused(load_big(), COFFER_E_CHANGED);
		byte = 0xee;
		assert_int_equal(coffer_file_read_at(file, 5 << 20, &byte, 1), COFFER_E_CHANGED);
		assert_int_equal(byte, 0);
		assert_refused(open_big(), COFFER_E_CHANGED);
		/* it is as authentic as before: asked anew, it is good */
		assert_ok(coffer_model_trust(kit.ctx, model, &good));
		assert_ok(open_big());
		assert_ok(load_big());
	}
}

/* What was opened before is held against what was verified before. */
static void
asked_twice(void **state)
{
	const struct coffer_open_options good = {.version_1 = 1, .trust = &sign_kit.trust};
	const struct coffer_open_options other = {.version_1 = 1, .trust = &sign_kit.other};

	(void)state;
	seal_signed();
	assert_ok(trust_as("s", &good));
	assert_ok(open_big());
	assert_ok(coffer_model_trust(kit.ctx, model, &good));
	assert_refused(coffer_model_trust(kit.ctx, model, &other), COFFER_E_SIGNATURE);
	assert_ok(load_big());
	write_again("s/big.coffer");
	assert_refused(load_big(), COFFER_E_CHANGED);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TRUST_TEST(the_publisher_and_nobody_else),
		TRUST_TEST(options_of_another_version),
		TRUST_TEST(the_trust_store),
		TRUST_TEST(no_signature),
		TRUST_TEST(a_source_has_no_signature),
		TRUST_TEST(a_swapped_file_is_not_opened),
		TRUST_TEST(a_written_file_is_not_read),
		TRUST_TEST(asked_twice),
	};

	return cmocka_run_group_tests_name("model_trust", tests, NULL, NULL);
}
