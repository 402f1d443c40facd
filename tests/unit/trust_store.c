/* SPDX-License-Identifier: Apache-2.0 */
#include "sign/trust_store.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/limits.h"
#include "sign/imported.h"
#include "support/text.h"
#include "support/tmpdir.h"

static const struct trust_dirs dirs = {.system = "etc", .user = "home/trust.d"};

static int
setup(void **state)
{
	if (tmpdir_setup_fast(state) != 0 || mkdir("etc", 0755) != 0 || mkdir("home", 0755) != 0)
		return -1;
	return 0;
}

/* a binding of @model to a key that is called @key */
static void
put(const char *path, const char *model, const char *key)
{
	char text[512];

	(void)snprintf(text, sizeof(text),
		       "{\"coffer-trust\":1,\"model\":\"%s\",\"method\":\"key\",\"public_key\":\"%s\"}\n", model, key);
	tmpdir_file(path, text, strlen(text), 0644);
}

static void
add(const char *model, const char *key, coffer_err want, const char *sentence)
{
	char model_text[600] = "", key_text[64] = "";
	struct trust_binding b = {.method = BINDING_KEY, .model = model_text, .public_key = key_text};
	struct fault f = {.text = ""};
	coffer_err err;

	PUT(model_text, model);
	PUT(key_text, key);
	err = trust_store_add(&f, &dirs, &b);
	if (err != want || !strstr(f.text, sentence))
		fail_msg("%s: %s «%s»", model, coffer_err_name(err), f.text);
}

/* that @model is bound to @key by the file @path; to nothing when @key is NULL */
static void
expect(const char *model, const char *key, const char *path)
{
	struct stored s = {.path = NULL};
	struct fault f = {.text = ""};
	coffer_err err = trust_store_find(&f, &dirs, model, &s);

	if (!key) {
		assert_int_equal(err, COFFER_E_NOTFOUND);
		assert_non_null(strstr(f.text, model));
		assert_null(s.path);
		return;
	}
	if (err != COFFER_OK)
		fail_msg("%s: %s", model, f.text);
	assert_string_equal(s.binding.public_key, key);
	assert_string_equal(s.path, path);
	assert_int_equal(s.is_system, strncmp(path, "etc/", 4) == 0);
	stored_free(&s);
}

static void
expect_error(const char *model, coffer_err want, const char *sentence)
{
	struct stored s = {.path = NULL};
	struct fault f = {.text = ""};
	coffer_err err = trust_store_find(&f, &dirs, model, &s);

	if (err != want || !strstr(f.text, sentence))
		fail_msg("%s: %s «%s» lacks «%s»", model, coffer_err_name(err), f.text, sentence);
	assert_null(s.path);
	assert_null(s.binding.model);
}

/* ---- finding ---- */

static void
test_nothing(void **state)
{
	(void)state;
	expect("llama", NULL, NULL);
	assert_int_equal(rmdir("etc"), 0);
	expect("llama", NULL, NULL);
}

static void
test_user(void **state)
{
	(void)state;
	add("llama", "K1", COFFER_OK, "");
	assert_int_equal(tmpdir_mode("home/trust.d"), 0700);
	assert_int_equal(tmpdir_mode("home/trust.d/llama.json"), 0600);
	expect("llama", "K1", "home/trust.d/llama.json");
	expect("Llama", NULL, NULL);
	expect("llama2", NULL, NULL);
	add("*", "K2", COFFER_OK, "");
	expect("llama", "K1", "home/trust.d/llama.json");
	expect("llama2", "K2", "home/trust.d/%2A.json");
	expect("", "K2", "home/trust.d/%2A.json");
}

/* What the administrator says about a name, or about all, no user can weaken. */
static void
test_administrator(void **state)
{
	(void)state;
	add("llama", "users", COFFER_OK, "");
	add("*", "users any", COFFER_OK, "");
	put("etc/x.json", "granite", "admins");
	expect("granite", "admins", "etc/x.json");
	expect("llama", "users", "home/trust.d/llama.json");
	/* the same name in both */
	put("etc/y.json", "llama", "admins too");
	expect("llama", "admins too", "etc/y.json");
	expect("other", "users any", "home/trust.d/%2A.json");
	/* all names: the user's say nothing any more, be they more exact */
	put("etc/z.json", "*", "admins any");
	add("mistral", "users", COFFER_E_POLICY, "etc/z.json says whose signature of mistral");
	expect("granite", "admins", "etc/x.json");
	expect("llama", "admins too", "etc/y.json");
	expect("other", "admins any", "etc/z.json");
	assert_int_equal(unlink("etc/y.json"), 0);
	expect("llama", "admins any", "etc/z.json");
}

struct listing {
	char text[1024];
};

static coffer_err
note(void *arg, struct fault *f, const struct stored *s)
{
	struct listing *l = arg;

	(void)f;
	APPEND(l->text, s->path);
	APPEND(l->text, s->is_system ? " system" : s->is_overruled ? " overruled" : "");
	APPEND(l->text, "\n");
	return COFFER_OK;
}

static void
test_each(void **state)
{
	struct listing l = {.text = ""};

	(void)state;
	add("b", "K", COFFER_OK, "");
	add("a", "K", COFFER_OK, "");
	put("etc/2.json", "b", "K");
	put("etc/1.json", "c", "K");
	tmpdir_file("etc/readme", "x", 1, 0666);
	tmpdir_file("etc/.hidden.json", "x", 1, 0666);
	tmpdir_file("etc/.json", "x", 1, 0666);
	assert_int_equal(trust_store_each(NULL, &dirs, note, &l), COFFER_OK);
	assert_string_equal(l.text, "etc/1.json system\netc/2.json system\nhome/trust.d/a.json\n"
				    "home/trust.d/b.json overruled\n");
}

/* ---- a folder that cannot be believed ---- */

static void
link_there(void)
{
	put("k", "other", "K");
	assert_int_equal(symlink("../k", "etc/a.json"), 0);
}

static void
writable_file(void)
{
	put("etc/a.json", "other", "K");
	assert_int_equal(chmod("etc/a.json", 0666), 0);
}

static void
writable_users_file(void)
{
	put("home/trust.d/a.json", "other", "K");
	assert_int_equal(chmod("home/trust.d/a.json", 0620), 0);
}

static void
writable_folder(void)
{
	assert_int_equal(chmod("etc", 0777), 0);
}

static void
writable_users_folder(void)
{
	assert_int_equal(chmod("home/trust.d", 0770), 0);
}

static void
malformed_file(void)
{
	tmpdir_file("etc/a.json", "{}", 2, 0644);
}

static void
malformed_users_file(void)
{
	tmpdir_file("home/trust.d/a.json", "{", 1, 0600);
}

static void
two_of_a_name(void)
{
	put("etc/a.json", "other", "K");
	put("etc/b.json", "other", "K");
}

static void
folder_as_file(void)
{
	assert_int_equal(mkdir("etc/a.json", 0755), 0);
}

static void
no_folder(void)
{
	assert_int_equal(rmdir("etc"), 0);
	tmpdir_file("etc", "x", 1, 0644);
}

static const struct {
	const char *name;
	void (*break_it)(void);
	coffer_err err;
	const char *sentence;
} broken[] = {
	{"link", link_there, COFFER_E_FORMAT, "etc/a.json is a symbolic link"},
	{"writable file", writable_file, COFFER_E_PERM, "others may write the binding etc/a.json (mode 0666)"},
	{"writable file of the user", writable_users_file, COFFER_E_PERM, "home/trust.d/a.json (mode 0620)"},
	{"writable folder", writable_folder, COFFER_E_PERM, "the trust store etc (mode 0777)"},
	{"writable folder of the user", writable_users_folder, COFFER_E_PERM, "home/trust.d (mode 0770)"},
	{"malformed", malformed_file, COFFER_E_FORMAT, "etc/a.json"},
	{"malformed of the user", malformed_users_file, COFFER_E_FORMAT, "home/trust.d/a.json"},
	{"two", two_of_a_name, COFFER_E_POLICY, "etc/a.json and etc/b.json both bind the model other"},
	{"folder", folder_as_file, COFFER_E_FORMAT, "etc/a.json is not a regular file"},
	{"no folder", no_folder, COFFER_E_IO, "etc must be a folder"},
};

/* Whatever is asked: the file that cannot be read could be the one that binds. */
static void
test_broken(void **state)
{
	for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
		struct listing l = {.text = ""};

		assert_int_equal(tmpdir_teardown(state), 0);
		assert_int_equal(setup(state), 0);
		add("llama", "K", COFFER_OK, "");
		broken[i].break_it();
		expect_error("llama", broken[i].err, broken[i].sentence);
		expect_error("nobody", broken[i].err, broken[i].sentence);
		assert_int_equal(trust_store_each(NULL, &dirs, note, &l), broken[i].err);
		add("new", "K", broken[i].err, broken[i].sentence);
	}
}

static void
test_too_many(void **state)
{
	char path[64];

	(void)state;
	for (unsigned int i = 0; i <= LIMIT_TRUST_BINDINGS; i++) {
		(void)snprintf(path, sizeof(path), "etc/m%u.json", i);
		put(path, path, "K");
	}
	expect_error("etc/m0.json", COFFER_E_POLICY, "more than 1024");
	assert_int_equal(unlink("etc/m7.json"), 0);
	expect("etc/m0.json", "K", "etc/m0.json");
}

/* ---- changing ---- */

static void
test_add(void **state)
{
	char name[300];

	(void)state;
	add("llama", "K", COFFER_OK, "");
	add("llama", "L", COFFER_E_EXISTS, "llama.json binds the model llama already");
	expect("llama", "K", "home/trust.d/llama.json");
	add("meta/../l\xc3\xa4ma 3", "K", COFFER_OK, "");
	expect("meta/../l\xc3\xa4ma 3", "K", "home/trust.d/meta%2F..%2Fl%C3%A4ma%203.json");
	add("..", "K", COFFER_OK, "");
	expect("..", "K", "home/trust.d/%2E..json");
	add("", "K", COFFER_E_USAGE, "1 to 256 bytes");
	add("a\tb", "K", COFFER_E_USAGE, "1 to 256 bytes");
	memset(name, 'n', sizeof(name));
	name[257] = '\0';
	add(name, "K", COFFER_E_USAGE, "1 to 256 bytes");
	name[250] = '\0';
	add(name, "K", COFFER_E_USAGE, "too long for the name of a file");
	name[200] = '\0';
	add(name, "K", COFFER_OK, "");
	/* under another file name it is the same model */
	put("home/trust.d/other.json", "granite", "K");
	add("granite", "L", COFFER_E_EXISTS, "other.json binds the model granite already");
}

static void
remove_binding(const char *model, coffer_err want, const char *sentence)
{
	struct fault f = {.text = ""};
	coffer_err err = trust_store_remove(&f, &dirs, model);

	if (err != want || !strstr(f.text, sentence))
		fail_msg("%s: %s «%s»", model, coffer_err_name(err), f.text);
}

static void
test_remove(void **state)
{
	(void)state;
	remove_binding("llama", COFFER_E_NOTFOUND, "binds nobody to the model llama");
	add("llama", "K", COFFER_OK, "");
	add("*", "K", COFFER_OK, "");
	remove_binding("granite", COFFER_E_NOTFOUND, "granite"); /* * is not granite */
	remove_binding("llama", COFFER_OK, "");
	assert_int_equal(access("home/trust.d/llama.json", F_OK), -1);
	expect("llama", "K", "home/trust.d/%2A.json");
	remove_binding("*", COFFER_OK, "");
	expect("llama", NULL, NULL);
	put("etc/a.json", "llama", "K");
	remove_binding("llama", COFFER_E_PERM, "etc/a.json is the administrator's");
	expect("llama", "K", "etc/a.json");
}

/* a service without a home has the administrator's folder alone */
static void
test_no_home(void **state)
{
	const struct trust_dirs homeless = {.system = "etc", .user = NULL};
	struct trust_binding b = {.method = BINDING_KEY};
	struct stored s = {.path = NULL};
	char model[] = "llama", key[] = "K";

	(void)state;
	unsetenv("HOME");
	unsetenv("XDG_CONFIG_HOME");
	put("etc/a.json", "llama", "K");
	assert_int_equal(trust_store_find(NULL, &homeless, "llama", &s), COFFER_OK);
	stored_free(&s);
	assert_int_equal(trust_store_find(NULL, &homeless, "other", &s), COFFER_E_NOTFOUND);
	b.model = model;
	b.public_key = key;
	assert_int_equal(trust_store_add(NULL, &homeless, &b), COFFER_E_POLICY);
	assert_int_equal(unlink("etc/a.json"), 0);
	assert_int_equal(trust_store_add(NULL, &homeless, &b), COFFER_E_NOTFOUND);
	assert_int_equal(setenv("HOME", tmpdir_path, 1), 0);
	assert_int_equal(trust_store_add(NULL, &homeless, &b), COFFER_OK);
	assert_int_equal(tmpdir_mode(".config/coffer/trust.d/llama.json"), 0600);
}

/* ---- what was imported ---- */

static const struct trust_dirs imports = {.system = "etc", .user = "home/sigstore"};

static void
expect_import(enum imported_kind kind, enum imported_by by, const char *text, const char *path)
{
	struct imported i = {.path = NULL};
	struct fault f = {.text = ""};
	coffer_err err = imported_find(&f, &imports, kind, by, &i);

	if (!text) {
		assert_int_equal(err, COFFER_E_NOTFOUND);
		assert_true(f.text[0] != '\0');
		return;
	}
	if (err != COFFER_OK)
		fail_msg("%s", f.text);
	assert_int_equal(i.bytes.len, strlen(text));
	assert_memory_equal(i.bytes.p, text, i.bytes.len);
	assert_string_equal(i.path, path);
	assert_int_equal(i.is_system, strncmp(path, "etc/", 4) == 0);
	imported_free(&i);
}

static void
import(const char *root, const char *config, const char *mirror)
{
	assert_int_equal(imported_put(NULL, &imports, view_str(root), view_str(config), mirror), COFFER_OK);
}

static void
test_import(void **state)
{
	(void)state;
	expect_import(IMPORTED_TRUSTED_ROOT, BY_ANYBODY, NULL, NULL);
	import("root 1", "config 1", "https://m");
	assert_int_equal(tmpdir_mode("home/sigstore"), 0700);
	assert_int_equal(tmpdir_mode("home/sigstore/trusted_root.json"), 0600);
	expect_import(IMPORTED_TRUSTED_ROOT, BY_ANYBODY, "root 1", "home/sigstore/trusted_root.json");
	expect_import(IMPORTED_SIGNING_CONFIG, BY_ANYBODY, "config 1", "home/sigstore/signing_config.json");
	expect_import(IMPORTED_MIRROR, BY_ANYBODY, "https://m", "home/sigstore/mirror");
	/* another config alone */
	import("", "config 2", NULL);
	expect_import(IMPORTED_TRUSTED_ROOT, BY_ANYBODY, "root 1", "home/sigstore/trusted_root.json");
	expect_import(IMPORTED_SIGNING_CONFIG, BY_ANYBODY, "config 2", "home/sigstore/signing_config.json");
	/* another root: nothing that came with the old one stays */
	import("root 3", "", NULL);
	expect_import(IMPORTED_TRUSTED_ROOT, BY_ANYBODY, "root 3", "home/sigstore/trusted_root.json");
	expect_import(IMPORTED_SIGNING_CONFIG, BY_ANYBODY, NULL, NULL);
	expect_import(IMPORTED_MIRROR, BY_ANYBODY, NULL, NULL);
}

static void
test_import_by_administrator(void **state)
{
	(void)state;
	import("users", "users config", NULL);
	expect_import(IMPORTED_TRUSTED_ROOT, BY_ADMINISTRATOR, NULL, NULL);
	tmpdir_file("etc/trusted_root.json", "admins", 6, 0644);
	expect_import(IMPORTED_TRUSTED_ROOT, BY_ADMINISTRATOR, "admins", "etc/trusted_root.json");
	expect_import(IMPORTED_TRUSTED_ROOT, BY_ANYBODY, "admins", "etc/trusted_root.json");
	expect_import(IMPORTED_SIGNING_CONFIG, BY_ANYBODY, "users config", "home/sigstore/signing_config.json");
}

static void
test_import_refused(void **state)
{
	struct imported i = {.path = NULL};

	(void)state;
	import("users", "", NULL);
	assert_int_equal(chmod("home/sigstore/trusted_root.json", 0666), 0);
	assert_int_equal(imported_find(NULL, &imports, IMPORTED_TRUSTED_ROOT, BY_ANYBODY, &i), COFFER_E_PERM);
	/* the administrator's that cannot be believed does not make way for the user's */
	assert_int_equal(chmod("home/sigstore/trusted_root.json", 0600), 0);
	tmpdir_file("etc/trusted_root.json", "admins", 6, 0666);
	assert_int_equal(imported_find(NULL, &imports, IMPORTED_TRUSTED_ROOT, BY_ANYBODY, &i), COFFER_E_PERM);
	assert_null(i.path);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, tmpdir_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_nothing),
		TEST(test_user),
		TEST(test_administrator),
		TEST(test_each),
		TEST(test_broken),
		TEST(test_too_many),
		TEST(test_add),
		TEST(test_remove),
		TEST(test_no_home),
		TEST(test_import),
		TEST(test_import_by_administrator),
		TEST(test_import_refused),
	};

	return cmocka_run_group_tests_name("trust_store", tests, NULL, NULL);
}
