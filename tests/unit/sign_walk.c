/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/sign_walk.h"

#include <sys/socket.h>
#include <sys/un.h>

#include "engine/sign_model.h"
#include "support/emulator.h"
#include "support/kit.h"
#include "support/text.h"

static void
make_model(void)
{
	kit_file("m/b.bin", 2, 0);
	kit_file("m/a.bin", 1, 0);
	kit_file("m/a-b.bin", 3, 0);
	kit_file("m/a/x", 4, 0);
	kit_file("m/.env", 5, 0);
	kit_file("m/.cache/y/z", 6, 0);
	kit_file("m/.git/config", 7, 0);
	kit_file("m/.gitignore", 8, 0);
	kit_file("m/sub/.gitignore", 9, 0);
	kit_file("m/empty", 0, 0);
}

/* all paths, with a space behind each */
static coffer_err
list(struct fault *f, const struct sign_walk_options *options, char out[static 1000])
{
	struct sign_walk w;
	int fd = open("m", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	coffer_err err = sign_walk(f, fd, "m", options, &w);
	uint64_t bytes = 0;

	out[0] = '\0';
	for (size_t i = 0; i < w.n; i++) {
		append(out, 1000, w.files[i].path);
		append(out, 1000, " ");
		bytes += w.files[i].size;
		assert_ptr_equal(sign_walk_find(&w, w.files[i].path), &w.files[i]);
	}
	assert_int_equal(w.bytes, bytes);
	assert_null(sign_walk_find(&w, "a-"));
	sign_walk_free(&w);
	(void)close(fd);
	return err;
}

/* ---- which files ---- */

static void
everything_in_order_of_bytes(void **state)
{
	const struct sign_walk_options options = {0};
	struct fault f = {0};
	char got[1000];

	(void)state;
	make_model();
	assert_int_equal(list(&f, &options, got), COFFER_OK);
	assert_string_equal(got,
			    ".cache/y/z .env .git/config .gitignore a-b.bin a.bin a/x b.bin empty sub/.gitignore ");
}

static void
what_is_ignored(void **state)
{
	struct ignore set = {0};
	const struct sign_walk_options options = {.ignore = &set};
	struct fault f = {0};
	char got[1000];

	(void)state;
	make_model();
	assert_int_equal(ignore_add_git(&f, &set), COFFER_OK);
	assert_int_equal(list(&f, &options, got), COFFER_OK);
	assert_string_equal(got, ".cache/y/z .env a-b.bin a.bin a/x b.bin empty sub/.gitignore ");
	assert_int_equal(ignore_add(&f, &set, "a"), COFFER_OK);
	assert_int_equal(ignore_add(&f, &set, ".cache/y"), COFFER_OK);
	assert_int_equal(list(&f, &options, got), COFFER_OK);
	assert_string_equal(got, ".env a-b.bin a.bin b.bin empty sub/.gitignore ");
	ignore_free(&set);
}

/* Under its own name alone: its hard link is a file like any other. */
static void
without_the_signature(void **state)
{
	const struct sign_walk_options options = {.signature = "model.sig"};
	struct fault f = {0};
	char got[1000];

	(void)state;
	kit_file("m/model.sig", 9, 0);
	kit_file("m/x", 1, 0);
	assert_int_equal(link("m/model.sig", "m/y"), 0);
	assert_int_equal(list(&f, &options, got), COFFER_OK);
	assert_string_equal(got, "x y ");
}

static bool
want_config(void *arg, const char *path)
{
	(void)arg;
	return strcmp(path, ".git") == 0 || strcmp(path, ".git/config") == 0;
}

static char told[1000];

static coffer_err
tell(void *arg, struct fault *f, const char *path)
{
	(void)arg;
	fault_clear(f);
	APPEND(told, path);
	APPEND(told, " ");
	return COFFER_OK;
}

static void
what_is_wanted_all_the_same(void **state)
{
	struct ignore set = {0};
	const struct sign_walk_options options = {.ignore = &set, .wanted = want_config, .ignored = tell};
	struct fault f = {0};
	char got[1000];

	(void)state;
	make_model();
	PUT(told, "");
	assert_int_equal(ignore_add_git(&f, &set), COFFER_OK);
	assert_int_equal(list(&f, &options, got), COFFER_OK);
	assert_string_equal(got, ".cache/y/z .env .git/config a-b.bin a.bin a/x b.bin empty sub/.gitignore ");
	assert_string_equal(told, ".gitignore ");
	ignore_free(&set);
}

/* ---- what cannot be signed: each alone in a model of one more file ---- */

static void
make_link(const char *to)
{
	assert_int_equal(symlink(to, "m/x"), 0);
}

static void
link_in(void)
{
	make_link("ok");
}

static void
link_out(void)
{
	kit_file("outside", 1, 0);
	make_link("../outside");
}

static void
link_absolute(void)
{
	make_link("/etc/hostname");
}

static void
link_out_and_in(void)
{
	make_link("../m/ok");
}

static void
link_to_nothing(void)
{
	make_link("nowhere");
}

static void
link_to_itself(void)
{
	make_link("x");
}

static void
link_to_folder(void)
{
	assert_int_equal(mkdir("m/d", 0777), 0);
	make_link("d");
}

static void
link_to_its_own_folder(void)
{
	make_link(".");
}

static void
a_pipe(void)
{
	assert_int_equal(mkfifo("m/x", 0666), 0);
}

static void
a_socket(void)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX, .sun_path = "m/x"};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (const struct sockaddr *)&at, sizeof(at)), 0);
	(void)close(fd);
}

static void
bad_utf8(void)
{
	kit_file("m/x\xff", 1, 0);
}

static void
surrogate(void)
{
	kit_file("m/\xed\xa0\x80", 1, 0);
}

static void
control_character(void)
{
	kit_file("m/x\x1b[2J", 1, 0);
}

static void
bad_folder_name(void)
{
	kit_file("m/d\n/x", 1, 0);
}

static const struct {
	void (*make)(void);
	const char *why;    /* without links */
	const char *linked; /* with them; NULL = it is listed then */
	const char *path;   /* as refused() is told */
} refusals[] = {
	{link_in, "is a symbolic link, which", NULL, "x"},
	{link_out, "is a symbolic link, which", "leads out of the model", "x"},
	{link_absolute, "is a symbolic link, which", "leads out of the model", "x"},
	{link_out_and_in, "is a symbolic link, which", "leads out of the model", "x"},
	{link_to_nothing, "is a symbolic link, which", "link to nothing", "x"},
	{link_to_itself, "is a symbolic link, which", "or in a circle", "x"},
	{link_to_folder, "is a symbolic link, which", "link to a folder", "x"},
	{link_to_its_own_folder, "is a symbolic link, which", "link to a folder", "x"},
	{a_pipe, "is no regular file", "is no regular file", "x"},
	{a_socket, "is no regular file", "is no regular file", "x"},
	{bad_utf8, "not UTF-8", "not UTF-8", "x?"},
	{surrogate, "not UTF-8", "not UTF-8", "???"},
	{control_character, "control characters", "control characters", "x?[2J"},
	{bad_folder_name, "control characters", "control characters", "d?/x"},
};

static void
assert_one_refusal(size_t i, bool links)
{
	const char *why = links ? refusals[i].linked : refusals[i].why;
	struct sign_walk_options options = {.allow_symlinks = links};
	struct fault f = {0};
	char got[1000];
	coffer_err err = list(&f, &options, got);

	if (!why) {
		assert_int_equal(err, COFFER_OK);
		assert_string_equal(got, "ok x ");
		return;
	}
	if (err != COFFER_E_USAGE || !strstr(f.text, why))
		fail_msg("row %zu: %s: %s", i, coffer_err_name(err), f.text);
	/* with somebody to tell it goes on */
	options.refused = tell;
	PUT(told, "");
	assert_int_equal(list(&f, &options, got), COFFER_OK);
	assert_string_equal(got, "ok ");
	assert_int_equal(strlen(told), strlen(refusals[i].path) + 1);
	assert_memory_equal(told, refusals[i].path, strlen(refusals[i].path));
}

static void
what_cannot_be_signed(void **state)
{
	(void)state;
	skip_under_emulator("openat2");
	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		kit_file("m/ok", 1, 0);
		refusals[i].make();
		assert_one_refusal(i, false);
		assert_one_refusal(i, true);
		assert_int_equal(kit_remove_all("m"), 0);
	}
}

/* ---- differences ---- */

static void
touch_file(void)
{
	assert_int_equal(utimensat(AT_FDCWD, "m/b.bin", (struct timespec[]){{1, 0}, {1, 0}}, 0), 0);
}

static void
replace_file(void)
{
	kit_file("m/new", 2, 0);
	assert_int_equal(rename("m/new", "m/b.bin"), 0);
}

static void
grow_file(void)
{
	kit_file("m/b.bin", 3, 0);
}

static void
add_first(void)
{
	kit_file("m/A", 1, 0);
}

static void
add_last(void)
{
	kit_file("m/z", 1, 0);
}

static void
remove_last(void)
{
	assert_int_equal(unlink("m/sub/.gitignore"), 0);
}

static void
change_mode(void)
{
	assert_int_equal(chmod("m/b.bin", 0600), 0);
}

static void
nothing(void)
{
}

static const struct {
	void (*change)(void);
	const char *want;
} changes[] = {
	{nothing, NULL},  {touch_file, "b.bin"}, {replace_file, "b.bin"},	  {grow_file, "b.bin"},
	{add_first, "A"}, {add_last, "z"},	 {remove_last, "sub/.gitignore"}, {change_mode, "b.bin"},
};

static void
walk_m(struct sign_walk *w)
{
	const struct sign_walk_options options = {0};
	struct fault f = {0};
	int fd = open("m", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert_int_equal(sign_walk(&f, fd, "m", &options, w), COFFER_OK);
	(void)close(fd);
}

static void
what_has_changed(void **state)
{
	struct sign_walk before, after;

	(void)state;
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		const char *got;

		make_model();
		walk_m(&before);
		/* a change within one tick of the file system's clock cannot be seen by its time */
		(void)usleep(20000);
		changes[i].change();
		walk_m(&after);
		got = sign_walk_difference(&before, &after);
		if (!got != !changes[i].want || (got && strcmp(got, changes[i].want) != 0))
			fail_msg("row %zu: %s", i, got ? got : "none");
		sign_walk_free(&before);
		sign_walk_free(&after);
		assert_int_equal(kit_remove_all("m"), 0);
	}
}

/* ---- what a caller names ---- */

static const struct {
	const char *path, *want;
} names[] = {
	{"m/a", "a"},
	{"m/a/", "a"},
	{"./m//a/../a/x", "a/x"},
	{"m/none/yet", "none/yet"},
	{"m/a/none", "a/none"},
	{"m", ""},
	{"m/", ""},
	{"m/a/..", ""},
	{"way", ""},
	{"way/a", "a"},
	{"m/inner", "inner"}, /* a link is left out itself */
	{".", NULL},
	{"mm", NULL},
	{"..", NULL},
	{"none", NULL},
	{"other/a", NULL},
	{"/etc/hostname", NULL},
	{"/", NULL},
};

static void
paths_of_callers(void **state)
{
	struct sign_model m;
	struct fault f = {0};

	(void)state;
	make_model();
	kit_file("mm/a", 1, 0);
	kit_file("other/a", 1, 0);
	assert_int_equal(symlink("m", "way"), 0);
	assert_int_equal(symlink("a/x", "m/inner"), 0);
	assert_int_equal(sign_model_open(&f, "m/../way", &m), COFFER_OK);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char *got;

		assert_int_equal(sign_model_within(&f, &m, names[i].path, &got), COFFER_OK);
		if (!got != !names[i].want || (got && strcmp(got, names[i].want) != 0))
			fail_msg("%s: %s", names[i].path, got ? got : "outside");
		free(got);
	}
	sign_model_close(&m);
}

static void
many_files(void **state)
{
	enum { N = 20000 };
	struct sign_walk w;
	char path[64];

	(void)state;
	for (unsigned int i = 0; i < N; i++) {
		(void)snprintf(path, sizeof(path), "m/d%u/f%u", i % 100, i);
		kit_file(path, 0, 0);
	}
	walk_m(&w);
	assert_int_equal(w.n, N);
	for (size_t i = 1; i < w.n; i++)
		assert_true(strcmp(w.files[i - 1].path, w.files[i].path) < 0);
	sign_walk_free(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		KIT_TEST(everything_in_order_of_bytes),
		KIT_TEST(what_is_ignored),
		KIT_TEST(without_the_signature),
		KIT_TEST(what_is_wanted_all_the_same),
		KIT_TEST(what_cannot_be_signed),
		KIT_TEST(what_has_changed),
		KIT_TEST(paths_of_callers),
		KIT_TEST(many_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
