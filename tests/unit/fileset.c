/* SPDX-License-Identifier: Apache-2.0 */
/* The files of a sealed directory: all of them, no others, each at its place [F-16] [F-17]. */
#include "base/file.h"
#include "support/kit.h"

static void
missing(void)
{
	assert_int_equal(unlink("s/a.coffer"), 0);
}

static void
missing_deep(void)
{
	assert_int_equal(kit_remove_all("s/sub"), 0);
}

static void
extra(void)
{
	assert_int_equal(link("s/a.coffer", "s/z.coffer"), 0);
}

static void
extra_foreign(void)
{
	kit_file("s/sub/deep/x.coffer", 10, 1);
}

static void
extra_folder(void)
{
	kit_file("s/x.coffer/y.coffer", 10, 1);
}

static void
doubled(void)
{
	assert_int_equal(link("s/a.coffer", "s/a.coffer.coffer"), 0);
}

static void
other_case(void)
{
	assert_int_equal(rename("s/a.coffer", "s/A.coffer"), 0);
}

static void
plain_beside(void)
{
	kit_file("s/sub/b", 10, 1);
}

static void
plain_instead(void)
{
	assert_int_equal(unlink("s/a.coffer"), 0);
	kit_file("s/a", 1000, 1);
}

static void
plain_in_its_name(void)
{
	assert_int_equal(unlink("s/a.coffer"), 0);
	kit_file("s/a.coffer", 70000, 1);
}

static void
folder_in_its_name(void)
{
	assert_int_equal(unlink("s/a.coffer") | mkdir("s/a.coffer", 0777), 0);
}

static void
link_in_its_name(void)
{
	assert_int_equal(rename("s/a.coffer", "elsewhere") | symlink("../elsewhere", "s/a.coffer"), 0);
}

static void
link_for_a_folder(void)
{
	assert_int_equal(rename("s/sub", "elsewhere") | symlink("../elsewhere", "s/sub"), 0);
}

static void
fifo_in_its_name(void)
{
	assert_int_equal(unlink("s/a.coffer") | mkfifo("s/a.coffer", 0666), 0);
}

static void
of_another_model(void)
{
	assert_int_equal(rename("foreign/a.coffer", "s/a.coffer"), 0);
}

static void
renamed_within(void)
{
	assert_int_equal(rename("s/a.coffer", "x") | rename("s/c.coffer", "s/a.coffer") | rename("x", "s/c.coffer"), 0);
}

static void
key_block_of_another(void)
{
	assert_int_equal(rename("foreign/coffer.json", "s/coffer.json"), 0);
}

static void
no_key_block(void)
{
	assert_int_equal(unlink("s/coffer.json"), 0);
}

static void
key_block_is_a_link(void)
{
	assert_int_equal(rename("s/coffer.json", "k") | symlink("../k", "s/coffer.json"), 0);
}

static void
key_block_edited(void)
{
	struct buf text = BUF_INIT(10000);

	/* a digit of a size: well-formed still */
	assert_ok(file_slurp(NULL, "s/coffer.json", 10000, &text, NULL));
	assert_ok(buf_add(NULL, &text, "", 1));
	kit_flip("s/coffer.json", strstr((char *)text.p, "\"size\":1000") - (char *)text.p + 10, 0x01);
	buf_free(&text);
}

static void
a_lone_file(void)
{
	assert_ok(coffer_seal(kit.ctx, "m/a", "a", kit.keys, NULL, NULL));
	assert_int_equal(rename("a", "s/a.coffer"), 0);
}

static void
cut(void)
{
	assert_int_equal(truncate("s/a.coffer", 4096 + 999), 0);
}

static void
padded(void)
{
	assert_int_equal(truncate("s/a.coffer", 4096 + 1001), 0);
}

static void
harmless(void)
{
	kit_file("s/README", 10, 1);
	kit_file("s/coffer.sig", 10, 1);
	kit_file("s/.hidden", 10, 1);
	kit_file("s/.git/x.coffer", 10, 1);
	kit_file("s/sub/.y.coffer", 10, 1);
	kit_file("s/other/plain", 10, 1);
	assert_int_equal(mkdir("s/empty", 0777), 0);
}

static void
exchanged_by_none(void)
{
}

static const struct {
	const char *what;
	void (*change)(void);
	coffer_err err;
} changes[] = {
	{"nothing", exchanged_by_none, COFFER_OK},
	{"what is none of the model's", harmless, COFFER_OK},
	{"missing", missing, COFFER_E_FILESET},
	{"a folder is missing", missing_deep, COFFER_E_FILESET},
	{"extra", extra, COFFER_E_FILESET},
	{"extra, foreign", extra_foreign, COFFER_E_FILESET},
	{"extra, in a folder with a sealed name", extra_folder, COFFER_E_FILESET},
	{"doubled", doubled, COFFER_E_FILESET},
	{"other case", other_case, COFFER_E_FILESET},
	{"plain beside", plain_beside, COFFER_E_PLAIN},
	{"plain instead", plain_instead, COFFER_E_PLAIN},
	{"plain in its name", plain_in_its_name, COFFER_E_FORMAT},
	{"a folder in its name", folder_in_its_name, COFFER_E_FILESET},
	{"a link in its name", link_in_its_name, COFFER_E_FILESET},
	{"a link for a folder", link_for_a_folder, COFFER_E_FILESET},
	{"a fifo in its name", fifo_in_its_name, COFFER_E_FILESET},
	{"of another model", of_another_model, COFFER_E_AUTH},
	{"renamed within the model", renamed_within, COFFER_E_AUTH},
	{"the key block of another model", key_block_of_another, COFFER_E_AUTH},
	{"no key block", no_key_block, COFFER_E_FILESET},
	{"the key block is a link", key_block_is_a_link, COFFER_E_FILESET},
	{"the key block was edited", key_block_edited, COFFER_E_AUTH},
	{"a lone file", a_lone_file, COFFER_E_AUTH},
	{"cut by a byte", cut, COFFER_E_FORMAT},
	{"longer by a byte", padded, COFFER_E_FORMAT},
};

static void
test_changes(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		coffer_err err;

		kit_file("m/a", 1000, 1);
		kit_file("m/c", 1000, 1);
		kit_file("m/sub/b", 1000, 2);
		assert_ok(coffer_seal(kit.ctx, "m", "s", kit.keys, NULL, NULL));
		assert_ok(coffer_seal(kit.ctx, "m", "foreign", kit.keys, NULL, NULL));
		changes[i].change();
		err = coffer_check(kit.ctx, "s", kit.keys, NULL);
		if (err != changes[i].err)
			fail_msg("%s: %s: %s", changes[i].what, coffer_err_name(err), coffer_ctx_message(kit.ctx));
		err = coffer_open(kit.ctx, "s", "back", kit.keys, NULL, NULL);
		assert_int_equal(err, changes[i].err);
		if (err != COFFER_OK)
			assert_int_equal(kit_count("back"), 0);
		assert_int_equal(kit_remove_all("s") | kit_remove_all("m") | kit_remove_all("foreign"), 0);
		(void)kit_remove_all("back");
		(void)kit_remove_all("elsewhere");
	}
}

/* A file of an older sealing of the same model: the same id, path, index and DEK, but another salt. */
static void
test_other_sealing(void **state)
{
	(void)state;
	kit_file("m/a", 1000, 1);
	kit_file("m/c", 1000, 1);
	assert_ok(coffer_seal(kit.ctx, "m", "s", kit.keys, NULL, NULL));
	assert_int_equal(rename("s/coffer.json", "s/.coffer.partial") | rename("s/a.coffer", "old"), 0);
	assert_ok(coffer_seal(kit.ctx, "m", "s", kit.keys, NULL, NULL)); /* goes on with the DEK */
	assert_ok(coffer_check(kit.ctx, "s", kit.keys, NULL));
	assert_int_equal(rename("old", "s/a.coffer"), 0);
	assert_refused(coffer_check(kit.ctx, "s", kit.keys, NULL), COFFER_E_AUTH);
	assert_non_null(strstr(coffer_ctx_message(kit.ctx), "another sealing"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		KIT_TEST(test_changes),
		KIT_TEST(test_other_sealing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
