/* SPDX-License-Identifier: Apache-2.0 */
/* Encrypted files of other programs through the library: around by every format, every byte flipped, calls that make no sense. */
#include <coffer/convert.h>

#include "support/kit.h"

#define SIZE 3000001
#define SEED 5

static const enum coffer_format written[] = {COFFER_FORMAT_ENCMODEL, COFFER_FORMAT_ENVMODEL, COFFER_FORMAT_CNAP,
					     COFFER_FORMAT_AES_CBC};
#define N_WRITTEN (sizeof(written) / sizeof(written[0]))

static struct coffer_convert_options
options(enum coffer_format from, enum coffer_format to)
{
	return (struct coffer_convert_options){.version_1 = 1, .from = from, .to = to, .force = true};
}

static coffer_err
convert(const char *in, enum coffer_format from, enum coffer_format to, const char *out)
{
	const struct coffer_convert_options opt = options(from, to);

	return coffer_convert(kit.ctx, in, out, kit.keys, &opt, NULL);
}

/* sealed, of @size bytes */
static void
make_sealed(size_t size)
{
	const struct coffer_seal_options opt = {.version_1 = 1, .force = true, .model_version = "2"};

	kit_file("m", size, SEED);
	assert_ok(coffer_seal(kit.ctx, "m", "m.coffer", kit.keys, &opt, NULL));
}

static void
test_around(void **state)
{
	static const size_t sizes[] = {0, 1, 16, 1 << 20, SIZE};

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		make_sealed(sizes[i]);
		for (size_t j = 0; j < N_WRITTEN; j++) {
			assert_ok(convert("m.coffer", COFFER_FORMAT_COFFER, written[j], "a"));
			for (size_t k = 0; k < N_WRITTEN; k++) {
				assert_ok(convert("a", written[j], written[k], "b"));
				assert_ok(convert("b", written[k], COFFER_FORMAT_COFFER, "c.coffer"));
				assert_ok(coffer_check(kit.ctx, "c.coffer", kit.keys, NULL));
				assert_ok(convert("b", written[k], COFFER_FORMAT_PLAIN, "c"));
				assert_file("c", sizes[i], SEED);
			}
		}
	}
}

/* Sealed by the way, it is what would have been sealed. */
static void
test_sealed(void **state)
{
	const struct coffer_open_options opt = {.version_1 = 1, .force = true};
	struct coffer_stats stats;
	struct coffer_convert_options to_cnap = options(COFFER_FORMAT_COFFER, COFFER_FORMAT_CNAP);

	(void)state;
	make_sealed(SIZE);
	assert_ok(coffer_convert(kit.ctx, "m.coffer", "a", kit.keys, &to_cnap, &stats));
	assert_int_equal(stats.n_files, 1);
	assert_int_equal(stats.bytes, SIZE);
	assert_int_equal(strlen(stats.model_id), 32);
	assert_ok(convert("a", COFFER_FORMAT_CNAP, COFFER_FORMAT_COFFER, "n.coffer"));
	assert_ok(coffer_open(kit.ctx, "n.coffer", "n", kit.keys, &opt, NULL));
	assert_file("n", SIZE, SEED);
}

/* The metadata of an envelope say which model it was. */
static void
test_metadata(void **state)
{
	static const char wanted[] = "\"metadata\": {\"name\": \"m\", \"version\": \"2\"}";
	uint8_t *bytes;
	size_t len;

	(void)state;
	make_sealed(100);
	assert_ok(convert("m.coffer", COFFER_FORMAT_COFFER, COFFER_FORMAT_ENVMODEL, "a"));
	bytes = kit_read("a", &len);
	assert_non_null(memmem(bytes, len, wanted, strlen(wanted)));
	free(bytes);
	assert_ok(convert("a", COFFER_FORMAT_ENVMODEL, COFFER_FORMAT_ENVMODEL, "b"));
	bytes = kit_read("b", &len);
	assert_non_null(memmem(bytes, len, wanted, strlen(wanted)));
	free(bytes);
}

/* One flipped bit in any byte: no output, or the same output where the byte means nothing (a key id, the spelling of JSON). */
static void
test_every_byte(void **state)
{
	(void)state;
	make_sealed(40);
	for (size_t j = 0; j < N_WRITTEN - 1; j++) {
		size_t len, n_refused = 0;

		assert_ok(convert("m.coffer", COFFER_FORMAT_COFFER, written[j], "a"));
		free(kit_read("a", &len));
		for (size_t i = 0; i < len; i++) {
			coffer_err err;

			(void)unlink("out");
			kit_flip("a", (off_t)i, 1);
			err = convert("a", written[j], COFFER_FORMAT_PLAIN, "out");
			kit_flip("a", (off_t)i, 1);
			if (err == COFFER_OK) {
				assert_file("out", 40, SEED);
				continue;
			}
			n_refused++;
			assert_true(coffer_err_exit(err) == 5 || err == COFFER_E_USAGE);
			assert_false(kit_exists("out"));
		}
		assert_true(n_refused > len / 2);
	}
}

static void
test_other_key(void **state)
{
	(void)state;
	make_sealed(SIZE);
	for (size_t j = 0; j < N_WRITTEN; j++) {
		struct coffer_convert_options opt = options(written[j], COFFER_FORMAT_COFFER);

		assert_ok(convert("m.coffer", COFFER_FORMAT_COFFER, written[j], "a"));
		/* without a tag another key gives garbage, of which one in 128 ends as if it were padded */
		if (written[j] != COFFER_FORMAT_AES_CBC)
			assert_refused(coffer_convert(kit.ctx, "a", "never", kit.other, &opt, NULL), COFFER_E_AUTH);
		assert_false(kit_exists("never"));
		opt.to_keys = kit.other;
		assert_ok(coffer_convert(kit.ctx, "a", "o.coffer", kit.keys, &opt, NULL));
		assert_ok(coffer_check(kit.ctx, "o.coffer", kit.other, NULL));
		assert_refused(coffer_check(kit.ctx, "o.coffer", kit.keys, NULL), COFFER_E_NOKEY);
	}
}

/* AES-256-CBC of zeros: under this key they end in 0xb7, which no padding does. */
static void
test_no_padding(void **state)
{
	static const uint8_t zeros[48];
	struct coffer_convert_options opt = options(COFFER_FORMAT_AES_CBC, COFFER_FORMAT_PLAIN);
	uint8_t *bytes;
	size_t len;

	(void)state;
	tmpdir_file("a", zeros, sizeof(zeros), 0644);
	assert_refused(coffer_convert(kit.ctx, "a", "never", kit.keys, &opt, NULL), COFFER_E_AUTH);
	opt.padding = COFFER_PADDING_PKCS7;
	assert_refused(coffer_convert(kit.ctx, "a", "never", kit.keys, &opt, NULL), COFFER_E_AUTH);
	assert_false(kit_exists("never"));
	opt.padding = COFFER_PADDING_NONE;
	assert_ok(coffer_convert(kit.ctx, "a", "all", kit.keys, &opt, NULL));
	bytes = kit_read("all", &len);
	assert_int_equal(len, 32);
	assert_memory_equal(bytes, bytes + 16, 16);
	free(bytes);
	opt.padding = COFFER_PADDING_ZERO;
	assert_ok(coffer_convert(kit.ctx, "a", "none", kit.keys, &opt, NULL));
	free(kit_read("none", &len));
	assert_int_equal(len, 32);
}

static const struct {
	const char *name;
	struct coffer_convert_options opt;
} senseless[] = {
	{"version", {.version_1 = 2, .from = COFFER_FORMAT_CNAP, .to = COFFER_FORMAT_PLAIN}},
	{"reserved", {.version_1 = 1, .from = COFFER_FORMAT_CNAP, .to = COFFER_FORMAT_PLAIN, .reserved = {[7] = 1}}},
	{"nothing", {.version_1 = 1}},
	{"from plain", {.version_1 = 1, .from = COFFER_FORMAT_PLAIN, .to = COFFER_FORMAT_CNAP}},
	{"to ibm", {.version_1 = 1, .from = COFFER_FORMAT_CNAP, .to = COFFER_FORMAT_IBM}},
	{"to 8", {.version_1 = 1, .from = COFFER_FORMAT_CNAP, .to = (enum coffer_format)8}},
	{"coffer to coffer", {.version_1 = 1, .from = COFFER_FORMAT_COFFER, .to = COFFER_FORMAT_COFFER}},
	{"coffer to plain", {.version_1 = 1, .from = COFFER_FORMAT_COFFER, .to = COFFER_FORMAT_PLAIN}},
	{"aad of cnap", {.version_1 = 1, .from = COFFER_FORMAT_CNAP, .to = COFFER_FORMAT_PLAIN, .aad = "x"}},
	{"long aad",
	 {.version_1 = 1, .from = COFFER_FORMAT_ENCMODEL, .to = COFFER_FORMAT_PLAIN, .aad = "x", .aad_len = 1 << 21}},
	{"padding of cnap",
	 {.version_1 = 1, .from = COFFER_FORMAT_CNAP, .to = COFFER_FORMAT_PLAIN, .padding = COFFER_PADDING_ZERO}},
	{"file of cnap", {.version_1 = 1, .from = COFFER_FORMAT_CNAP, .to = COFFER_FORMAT_PLAIN, .file = "x"}},
};

static void
test_senseless(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(senseless) / sizeof(senseless[0]); i++) {
		coffer_err err = coffer_convert(kit.ctx, "a", "never", kit.keys, &senseless[i].opt, NULL);

		if (err != COFFER_E_USAGE || coffer_ctx_message(kit.ctx)[0] == '\0')
			fail_msg("%s: %s", senseless[i].name, coffer_err_name(err));
	}
}

static void
test_cancel(void **state)
{
	(void)state;
	make_sealed(SIZE);
	assert_ok(convert("m.coffer", COFFER_FORMAT_COFFER, COFFER_FORMAT_CNAP, "a"));
	coffer_ctx_cancel(kit.ctx);
	assert_refused(convert("a", COFFER_FORMAT_CNAP, COFFER_FORMAT_PLAIN, "never"), COFFER_E_INTERRUPTED);
	assert_refused(convert("a", COFFER_FORMAT_CNAP, COFFER_FORMAT_COFFER, "never"), COFFER_E_INTERRUPTED);
	assert_refused(convert("a", COFFER_FORMAT_CNAP, COFFER_FORMAT_AES_CBC, "never"), COFFER_E_INTERRUPTED);
	assert_refused(convert("m.coffer", COFFER_FORMAT_COFFER, COFFER_FORMAT_CNAP, "never"), COFFER_E_INTERRUPTED);
	assert_false(kit_exists("never"));
}

static unsigned int n_warnings;

static void
count_warning(void *user, const char *text)
{
	(void)user;
	n_warnings += strncmp(text, "warning: ", 9) == 0;
}

/* Each weak format is said to be so when it is read, the others are not. */
static void
test_warnings(void **state)
{
	static const unsigned int wanted[] = {1, 1, 0, 1};

	(void)state;
	make_sealed(100);
	for (size_t j = 0; j < N_WRITTEN; j++) {
		assert_ok(convert("m.coffer", COFFER_FORMAT_COFFER, written[j], "a"));
		coffer_ctx_set_notice(kit.ctx, count_warning, NULL);
		n_warnings = 0;
		assert_ok(convert("a", written[j], COFFER_FORMAT_PLAIN, "b"));
		assert_int_equal(n_warnings, wanted[j]);
		coffer_ctx_set_notice(kit.ctx, NULL, NULL);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		KIT_TEST(test_around),	   KIT_TEST(test_sealed),    KIT_TEST(test_metadata),
		KIT_TEST(test_every_byte), KIT_TEST(test_other_key), KIT_TEST(test_no_padding),
		KIT_TEST(test_senseless),  KIT_TEST(test_cancel),    KIT_TEST(test_warnings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
