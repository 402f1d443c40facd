/* SPDX-License-Identifier: Apache-2.0 */
/* What a sealed model says of itself without a key. */
#include "support/kit.h"

static void
seal_both(void)
{
	const struct coffer_pair context[] = {{"license", "MIT"}};
	const struct coffer_seal_options options = {.version_1 = 1,
						    .name = "a model",
						    .model_version = "v2",
						    .record_size = 65536,
						    .context = context,
						    .n_context = 1};

	kit_file("m/a", 200000, 1);
	kit_file("m/sub/b", 0, 2);
	assert_ok(coffer_seal(kit.ctx, "m", "d", kit.keys, &options, NULL));
	assert_ok(coffer_seal(kit.ctx, "m/a", "f", kit.keys, &options, NULL));
}

static void
assert_common(const struct coffer_inspection *i)
{
	assert_int_equal(i->format, 1);
	assert_string_equal(i->name, "a model");
	assert_string_equal(i->version, "v2");
	assert_int_equal(strspn(i->model_id, "0123456789abcdef"), 32);
	assert_int_equal(i->generation, 1);
	assert_int_equal(i->bytes, 200000);
	assert_int_equal(i->n_context, 1);
	assert_string_equal(i->context[0].key, "license");
	assert_string_equal(i->context[0].value, "MIT");
	assert_int_equal(i->n_recipients, 1);
	assert_string_equal(i->recipients[0].kind, "aes");
	assert_int_equal(strlen(i->recipients[0].id), 32);
	assert_string_equal(i->files[0].path, "a");
	assert_int_equal(i->files[0].size, 200000);
	assert_int_equal(i->files[0].n_records, 4);
	assert_int_equal(i->files[0].record_size, 65536);
}

static void
test_both(void **state)
{
	struct coffer_inspection *i;
	struct stat st;

	(void)state;
	seal_both();
	assert_ok(coffer_inspect(kit.ctx, "f", &i));
	assert_common(i);
	assert_true(!i->directory && !i->partial && i->n_files == 1 && i->sealed_bytes == 339264);
	coffer_inspection_free(&i);
	assert_null(i);
	assert_int_equal(stat("d/coffer.json", &st), 0);
	assert_ok(coffer_inspect(kit.ctx, "d", &i));
	assert_common(i);
	assert_true(i->directory && !i->partial && i->n_files == 2);
	assert_string_equal(i->files[1].path, "sub/b");
	assert_true(i->files[1].size == 0 && i->files[1].n_records == 1);
	assert_int_equal(i->sealed_bytes, 204096 + 4096 + st.st_size);
	coffer_inspection_free(&i);
	coffer_inspection_free(&i);
}

static void
test_parts(void **state)
{
	struct coffer_inspection *i;

	(void)state;
	seal_both();
	assert_int_equal(unlink("d/sub/b.coffer"), 0);
	assert_ok(coffer_inspect(kit.ctx, "d", &i));
	assert_true(i->n_files == 2 && i->files[1].n_records == 0);
	coffer_inspection_free(&i);
	assert_int_equal(rename("d/coffer.json", "d/.coffer.partial"), 0);
	assert_ok(coffer_inspect(kit.ctx, "d", &i));
	assert_common(i);
	assert_true(i->partial);
	coffer_inspection_free(&i);
	/* one file of it, alone */
	assert_ok(coffer_inspect(kit.ctx, "d/a.coffer", &i));
	assert_true(!i->directory && i->n_files == 1 && i->n_recipients == 0 && i->n_context == 0 &&
		    i->bytes == 200000);
	assert_string_equal(i->name, "");
	assert_string_equal(i->files[0].path, "a");
	coffer_inspection_free(&i);
}

static void
test_refusals(void **state)
{
	struct coffer_inspection *i;

	(void)state;
	seal_both();
	assert_int_equal(mkdir("empty", 0777) | mkfifo("fifo", 0666), 0);
	assert_refused(coffer_inspect(kit.ctx, "nothing", &i), COFFER_E_NOTFOUND);
	assert_null(i);
	assert_refused(coffer_inspect(kit.ctx, "m/a", &i), COFFER_E_FORMAT);
	assert_refused(coffer_inspect(kit.ctx, "m/sub/b", &i), COFFER_E_FORMAT);
	assert_refused(coffer_inspect(kit.ctx, "fifo", &i), COFFER_E_USAGE);
	assert_refused(coffer_inspect(kit.ctx, "empty", &i), COFFER_E_FILESET);
	kit_flip("f", 4096 + 100, 1);
	assert_refused(coffer_inspect(kit.ctx, "f", &i), COFFER_E_FORMAT);
	kit_flip("d/a.coffer", 8, 1);
	assert_refused(coffer_inspect(kit.ctx, "d", &i), COFFER_E_UNSUPPORTED);
	kit_flip("d/coffer.json", 0, 1);
	assert_refused(coffer_inspect(kit.ctx, "d", &i), COFFER_E_FORMAT);
	assert_null(i);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		KIT_TEST(test_both),
		KIT_TEST(test_parts),
		KIT_TEST(test_refusals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
