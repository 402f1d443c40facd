/* SPDX-License-Identifier: Apache-2.0 */
/* Folders and files from a list of paths. */
#include "mount/tree.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define PATHS_MAX 8

static const char *
path_at(const void *user, uint32_t i)
{
	return ((const char *const *)user)[i];
}

static uint32_t
count(const char *const *paths)
{
	uint32_t n = 0;

	while (n < PATHS_MAX && paths[n])
		n++;
	return n;
}

static coffer_err
make(const char *const *paths, struct tree **out)
{
	const struct tree_paths p = {.n = count(paths), .path = path_at, .user = paths};
	struct fault f = {.text = ""};
	coffer_err err = tree_new(&f, &p, out);

	assert_true((err == COFFER_OK) == (f.text[0] == '\0'));
	return err;
}

/* «name», «name/» of a folder with what is in it in brackets */
static void
write_down(const struct tree *tree, uint64_t ino, char *out, size_t cap)
{
	const struct tree_node *node = tree_at(tree, ino);
	uint64_t child;

	for (uint64_t i = 0; (child = tree_child(tree, node, i)); i++) {
		const struct tree_node *c = tree_at(tree, child);
		size_t at = strlen(out);

		assert_int_equal(c->parent, ino);
		assert_int_equal(tree_find(tree, ino, c->name), child);
		(void)snprintf(out + at, cap - at, "%s%.*s", i ? " " : "", (int)c->name.len, (const char *)c->name.p);
		at = strlen(out);
		if (c->file != TREE_NO_FILE) {
			(void)snprintf(out + at, cap - at, "=%u", c->file);
			continue;
		}
		(void)snprintf(out + at, cap - at, "(%u:", c->folders);
		write_down(tree, child, out, cap);
		at = strlen(out);
		(void)snprintf(out + at, cap - at, ")");
	}
}

static const struct {
	const char *name;
	const char *paths[PATHS_MAX];
	const char *tree; /* NULL: refused */
} cases[] = {
	{"one file", {"model.gguf"}, "model.gguf=0"},
	{"none", {NULL}, ""},
	{"two, in order of names", {"b", "a"}, "a=1 b=0"},
	{"a folder", {"sub/a", "sub/b", "c"}, "c=2 sub(0:a=0 b=1)"},
	/* a slash comes after a dot and before a digit, and a folder is in between */
	{"names that begin alike", {"a.txt", "a/x", "a0", "a/y", "ab/z"}, "a(0:x=1 y=3) a.txt=0 a0=2 ab(0:z=4)"},
	{"deep", {"1/2/3/4", "1/2/3b", "1/5"}, "1(1:2(1:3(0:4=0) 3b=1) 5=2)"},
	{"the same name in two folders", {"a/x", "b/x"}, "a(0:x=0) b(0:x=1)"},
	{"UTF-8 and spaces", {"\xc3\x96l fa\xc3\x9f/m n", "a"}, "a=1 \xc3\x96l fa\xc3\x9f(0:m n=0)"},
	{"back to the top", {"x/y/z", "x/yy", "xx"}, "x(1:y(0:z=0) yy=1) xx=2"},
	{"twice", {"a", "a"}, NULL},
	{"a file and a folder", {"a", "a/b"}, NULL},
	{"a file and a folder with one between", {"a", "a.txt", "a/b"}, NULL},
	{"a slash in front", {"/a"}, NULL},
	{"a slash behind", {"a/"}, NULL},
	{"two slashes", {"a//b"}, NULL},
	{"empty", {""}, NULL},
};

static void
test_trees(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[256] = "";
		struct tree *tree = NULL;
		coffer_err err = make(cases[i].paths, &tree);

		if (err != (cases[i].tree ? COFFER_OK : COFFER_E_FORMAT))
			fail_msg("%s: %s", cases[i].name, coffer_err_name(err));
		if (!tree)
			continue;
		write_down(tree, TREE_ROOT, text, sizeof(text));
		if (strcmp(text, cases[i].tree) != 0)
			fail_msg("%s: %s", cases[i].name, text);
		tree_free(&tree);
	}
}

static void
test_looking(void **state)
{
	static const char *const paths[PATHS_MAX] = {"a", "sub/b"};
	struct tree *tree = NULL;
	uint64_t a, sub, b;

	(void)state;
	assert_int_equal(make(paths, &tree), COFFER_OK);
	a = tree_find(tree, TREE_ROOT, view_str("a"));
	sub = tree_find(tree, TREE_ROOT, view_str("sub"));
	b = tree_find(tree, sub, view_str("b"));
	assert_true(a && sub && b && a != sub && sub != b && a != b);
	assert_int_equal(tree_at(tree, TREE_ROOT)->parent, TREE_ROOT);
	assert_int_equal(tree_find(tree, TREE_ROOT, view_str("b")), 0);
	assert_int_equal(tree_find(tree, TREE_ROOT, view_str("")), 0);
	assert_int_equal(tree_find(tree, TREE_ROOT, view_str("sub/b")), 0);
	assert_int_equal(tree_find(tree, TREE_ROOT, view_str("su")), 0);
	assert_int_equal(tree_find(tree, TREE_ROOT, view_str("subs")), 0);
	/* in a file there is nothing, and numbers that nobody was given are none */
	assert_int_equal(tree_find(tree, a, view_str("a")), 0);
	assert_int_equal(tree_child(tree, tree_at(tree, a), 0), 0);
	assert_int_equal(tree_find(tree, 99, view_str("a")), 0);
	assert_null(tree_at(tree, 0));
	assert_null(tree_at(tree, 5));
	assert_null(tree_at(tree, UINT64_MAX));
	tree_free(&tree);
	assert_null(tree);
	tree_free(&tree);
}

/* Deeper than any path of a model may be. */
static void
test_too_deep(void **state)
{
	char path[4097];
	const char *const paths[PATHS_MAX] = {path};
	struct tree *tree = NULL;

	(void)state;
	for (size_t i = 0; i < sizeof(path); i++)
		path[i] = i % 2 ? '/' : 'a';
	path[1919] = '\0';
	assert_int_equal(make(paths, &tree), COFFER_OK);
	tree_free(&tree);
	path[1919] = '/';
	path[4095] = '\0';
	assert_int_equal(make(paths, &tree), COFFER_E_FORMAT);
	assert_null(tree);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_trees),
		cmocka_unit_test(test_looking),
		cmocka_unit_test(test_too_deep),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
