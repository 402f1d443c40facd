/* SPDX-License-Identifier: Apache-2.0 */
/* Backup, whole: what a snapshot has, when files are read again, what is refused, what is found. */
#include <pthread.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "support/kit.h"
#include "support/text.h"

#define PART 65536

static struct coffer_backup_stats stats;

static int
setup(void **state)
{
	if (kit_setup(state) != 0)
		return -1;
	/* the keyring, the configuration and the memory of a test are in its folder */
	return setenv("HOME", tmpdir_path, 1) | unsetenv("XDG_CONFIG_HOME") | unsetenv("XDG_DATA_HOME") |
	       unsetenv("XDG_STATE_HOME") | unsetenv("COFFER_KEYS");
}

static void
make_models(void)
{
	kit_file("plain/a", 1000, 1);
	kit_file("plain/sub/b", 3 * PART, 2);
	assert_int_equal(mkdir("models", 0777), 0);
	assert_ok(coffer_seal(kit.ctx, "plain", "models/dir", kit.keys, NULL, NULL));
	assert_ok(coffer_seal(kit.ctx, "plain/sub/b", "models/one.coffer", kit.keys, NULL, NULL));
}

static coffer_err
create(const char *what, const struct coffer_backup_create_options *more)
{
	struct coffer_backup_create_options opt = {.version_1 = 1, .init = true, .part_size = PART};

	if (more)
		opt = *more;
	return coffer_backup_create(kit.ctx, "store", &what, 1, kit.keys, &opt, &stats);
}

static coffer_err
restore(const char *out)
{
	const struct coffer_backup_restore_options opt = {
		.version_1 = 1, .keyring = true, .config = true, .audit = true, .plain = true};

	return coffer_backup_restore(kit.ctx, "store", "latest", out, kit.keys, &opt, NULL);
}

static coffer_err
verify(const struct coffer_keyring *keys)
{
	struct coffer_backup_verdict *verdict = NULL;
	coffer_err err = coffer_backup_verify(kit.ctx, "store", NULL, keys, NULL, &verdict);

	coffer_backup_verdict_free(&verdict);
	return err;
}

/* The first object of the first file of the last snapshot. */
static void
find_object(char out[static 128])
{
	char path[200];
	uint8_t *text;
	const char *at;
	size_t len;

	(void)snprintf(path, sizeof(path), "store/snapshots/%s", stats.snapshot);
	text = kit_read(path, &len);
	text[len] = '\0';
	at = strstr((const char *)text, "\"parts\":[\"");
	assert_non_null(at);
	at += strlen("\"parts\":[\"");
	(void)snprintf(out, 128, "store/objects/%.2s/%.64s", at, at);
	free(text);
}

/* ---- what it has ---- */

static void
test_whole(void **state)
{
	(void)state;
	make_models();
	kit_file(".config/coffer/keys/k.key", 10, 3);
	kit_file(".config/coffer/trust.d/x.json", 20, 4);
	kit_file(".local/share/coffer/tuf/root.json", 30, 5);
	kit_file("models/dir/README", 40, 6);
	kit_file("models/dir/.hidden", 40, 6);
	assert_int_equal(symlink("README", "models/dir/link"), 0);
	assert_ok(create("models", NULL));
	assert_int_equal(stats.n_models, 2);
	assert_int_equal(stats.n_files, 4);
	assert_int_equal(stats.n_left_out, 2);
	assert_int_equal(stats.n_private, 3);
	assert_ok(verify(kit.keys));
	assert_ok(restore("out"));
	assert_file("out/keyring/k.key", 10, 3);
	assert_file("out/config/trust.d/x.json", 20, 4);
	assert_file("out/data/tuf/root.json", 30, 5);
	assert_ok(coffer_check(kit.ctx, "out/models/models/dir", kit.keys, NULL));
	assert_ok(coffer_check(kit.ctx, "out/models/models/one.coffer", kit.keys, NULL));
	assert_int_equal(kit_count("out"), 7);
}

static void
test_plain(void **state)
{
	const struct coffer_backup_create_options opt = {
		.version_1 = 1, .init = true, .part_size = PART, .plain = true, .models_alone = true};

	(void)state;
	make_models();
	kit_file(".config/coffer/keys/k.key", 10, 3);
	kit_file("models/README", 2 << 20, 6);
	kit_file("models/dir/empty", 0, 0);
	assert_ok(create("models", &opt));
	assert_int_equal(stats.n_private, 2);
	assert_int_equal(stats.n_left_out, 0);
	assert_ok(restore("out"));
	assert_file("out/models/models/README", 2 << 20, 6);
	assert_file("out/models/models/dir/empty", 0, 0);
	assert_false(kit_exists("out/keyring"));
}

/* With a sealed file come the signatures that lie beside it. */
static void
test_one_file(void **state)
{
	(void)state;
	make_models();
	kit_file("models/one.coffer.sig", 10, 1);
	assert_ok(coffer_seal(kit.ctx, "plain/a", "models/one.sig.coffer", kit.keys, NULL, NULL));
	assert_ok(create("models/one.coffer", NULL));
	assert_int_equal(stats.n_files, 3);
	assert_ok(restore("out"));
	assert_file("out/models/one.coffer.sig", 10, 1);
	assert_ok(coffer_check(kit.ctx, "out/models/one.sig.coffer", kit.keys, NULL));
}

static void
test_exclude(void **state)
{
	const char *const patterns[] = {"models/dir"};
	const struct coffer_backup_create_options opt = {
		.version_1 = 1, .init = true, .part_size = PART, .exclude = patterns, .n_exclude = 1};

	(void)state;
	make_models();
	assert_ok(create("models", &opt));
	assert_int_equal(stats.n_models, 1);
}

/* ---- when files are read again ---- */

static void
test_again(void **state)
{
	struct timespec times[2];
	struct stat st;

	(void)state;
	make_models();
	assert_ok(create("models", NULL));
	assert_true(stats.bytes_read == stats.bytes);
	assert_ok(create("models", NULL));
	assert_int_equal(stats.bytes_read, 0);
	/* the same size, the same time, in the same place: but not the same change time */
	assert_int_equal(stat("models/one.coffer", &st), 0);
	kit_flip("models/one.coffer", 300000, 1);
	times[0] = st.st_atim;
	times[1] = st.st_mtim;
	assert_int_equal(utimensat(AT_FDCWD, "models/one.coffer", times, 0), 0);
	assert_ok(create("models", NULL));
	assert_int_equal(stats.bytes_read, st.st_size);
	assert_ok(restore("out"));
	assert_refused(coffer_check(kit.ctx, "out/models/models/one.coffer", kit.keys, NULL), COFFER_E_AUTH);
	kit_flip("models/one.coffer", 300000, 1);
	assert_ok(create("models", NULL));
	assert_ok(verify(kit.keys));
}

/* Who knows nothing reads everything and stores nothing; and who knows of objects that are gone stores them again. */
static void
test_forgotten(void **state)
{
	char object[128];

	(void)state;
	make_models();
	assert_ok(create("models", NULL));
	assert_int_equal(kit_remove_all(".local"), 0);
	assert_ok(create("models", NULL));
	assert_true(stats.bytes_read == stats.bytes);
	assert_true(stats.bytes_stored < 4 * PART); /* the private part */
	find_object(object);
	assert_int_equal(unlink(object), 0);
	assert_err(verify(NULL), COFFER_E_FILESET);
	assert_ok(create("models", NULL));
	assert_ok(verify(NULL));
	/* one that was cut */
	assert_int_equal(truncate(object, 7), 0);
	assert_err(verify(NULL), COFFER_E_AUTH);
	assert_ok(create("models", NULL));
	assert_ok(verify(NULL));
}

/* A file that somebody writes to each time it is read, or once. */
struct meddler {
	unsigned int times;
};

static void
meddle(void *user, const char *path, uint64_t done, uint64_t total)
{
	struct meddler *m = user;

	(void)path;
	if (done < total || m->times == 0)
		return;
	m->times--;
	kit_flip("models/one.coffer", 300000, 0);
}

static void
test_changing(void **state)
{
	struct meddler m = {.times = 1};

	(void)state;
	make_models();
	coffer_ctx_set_progress(kit.ctx, meddle, &m);
	assert_ok(create("models", NULL));
	assert_int_equal(m.times, 0);
	assert_ok(verify(kit.keys));
	m.times = 1000;
	assert_refused(create("models", NULL), COFFER_E_CHANGED);
	assert_int_equal(kit_count("store/snapshots"), 1);
	coffer_ctx_set_progress(kit.ctx, NULL, NULL);
	assert_ok(create("models", NULL));
}

/* ---- several at once ---- */

static void *
create_beside(void *arg)
{
	const char *what = arg;
	const struct coffer_backup_create_options opt = {.version_1 = 1, .init = true, .part_size = PART};
	struct coffer_keyring *keys = NULL;
	struct coffer_ctx *ctx = NULL;
	static const uint8_t key[COFFER_KEY_LEN] = {0x11};
	bool good = coffer_ctx_new(&ctx) == COFFER_OK && coffer_keyring_new(ctx, &keys) == COFFER_OK &&
		    coffer_keyring_add_raw(ctx, keys, key) == COFFER_OK &&
		    coffer_backup_create(ctx, "store", &what, 1, keys, &opt, NULL) == COFFER_OK;

	if (!good)
		fail_msg("%s", coffer_ctx_message(ctx));
	coffer_keyring_free(&keys);
	coffer_ctx_free(&ctx);
	return NULL;
}

static void
test_at_once(void **state)
{
	static char models[] = "models";
	pthread_t threads[4];

	(void)state;
	make_models();
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, create_beside, models), 0);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_int_equal(kit_count("store/snapshots"), 4);
	assert_ok(verify(NULL));
}

static void
test_lock(void **state)
{
	const struct coffer_backup_prune_options opt = {.version_1 = 1, .keep_last = 1};
	int fd;

	(void)state;
	make_models();
	assert_ok(create("models", NULL));
	fd = open("store/coffer-backup.json", O_RDONLY | O_CLOEXEC);
	assert_int_equal(flock(fd, LOCK_SH), 0);
	assert_refused(coffer_backup_prune(kit.ctx, "store", &opt, NULL), COFFER_E_BUSY);
	assert_ok(create("models", NULL));
	assert_int_equal(close(fd), 0);
	assert_ok(coffer_backup_prune(kit.ctx, "store", &opt, NULL));
}

/* ---- what is not whole ---- */

static void
test_broken(void **state)
{
	static const struct {
		const char *name, *gone, *extra;
		coffer_err want;
		unsigned int n_models;
	} cases[] = {
		{"a file is missing", "models/dir/sub/b.coffer", NULL, COFFER_E_FILESET, 1},
		{"a plain file in place of a sealed one", NULL, "models/dir/sub/b", COFFER_E_PLAIN, 1},
		{"no key block", "models/dir/coffer.json", NULL, COFFER_E_FILESET, 1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		make_models();
		if (cases[i].gone)
			assert_int_equal(unlink(cases[i].gone), 0);
		if (cases[i].extra)
			kit_file(cases[i].extra, 5, 1);
		if (create("models", NULL) != cases[i].want)
			fail_msg("%s: %s", cases[i].name, coffer_ctx_message(kit.ctx));
		assert_int_equal(stats.n_models, cases[i].n_models);
		assert_ok(verify(kit.keys));
		assert_ok(restore("out"));
		assert_false(kit_exists("out/models/models/dir"));
		assert_ok(coffer_check(kit.ctx, "out/models/models/one.coffer", kit.keys, NULL));
		assert_int_equal(kit_remove_all("models") | kit_remove_all("out") | kit_remove_all("store") |
					 kit_remove_all("plain"),
				 0);
	}
}

static void
test_unfinished(void **state)
{
	(void)state;
	make_models();
	assert_int_equal(rename("models/dir/coffer.json", "models/dir/.coffer.partial"), 0);
	assert_refused(create("models", NULL), COFFER_E_FILESET);
	assert_non_null(strstr(coffer_ctx_message(kit.ctx), "not sealed to the end"));
	assert_int_equal(stats.n_models, 1);
}

static void
test_refused(void **state)
{
	const char *twice[] = {"models/one.coffer", "other/one.coffer"};

	(void)state;
	make_models();
	kit_file("other/file", 1, 1);
	assert_refused(create("other", NULL), COFFER_E_NOTFOUND);
	assert_refused(create("nowhere", NULL), COFFER_E_NOTFOUND);
	assert_ok(coffer_seal(kit.ctx, "plain/a", "other/one.coffer", kit.keys, NULL, NULL));
	assert_refused(coffer_backup_create(kit.ctx, "store", twice, 2, kit.keys, NULL, NULL), COFFER_E_USAGE);
	assert_refused(coffer_backup_create(kit.ctx, "models", twice, 1, kit.keys, NULL, NULL), COFFER_E_FORMAT);
	assert_refused(coffer_backup_create(kit.ctx, "nowhere", twice, 1, kit.keys, NULL, NULL), COFFER_E_NOTFOUND);
	assert_refused(create("models", &(struct coffer_backup_create_options){.version_1 = 2}), COFFER_E_USAGE);
	assert_refused(create("models", &(struct coffer_backup_create_options){.version_1 = 1, .part_size = PART}),
		       COFFER_E_USAGE);
	assert_refused(coffer_backup_create(kit.ctx, "fresh", twice, 1, kit.keys,
					    &(struct coffer_backup_create_options){
						    .version_1 = 1, .init = true, .part_size = 100000},
					    NULL),
		       COFFER_E_USAGE);
	assert_int_equal(symlink("models/one.coffer", "models/link.coffer"), 0);
	assert_ok(create("models", NULL));
	assert_int_equal(stats.n_left_out, 1);
}

/* ---- damage ---- */

static void
test_damage(void **state)
{
	struct coffer_backup_verdict *verdict;
	char object[128];

	(void)state;
	make_models();
	assert_ok(create("models", NULL));
	find_object(object);
	kit_flip(object, 5, 4);
	assert_err(coffer_backup_verify(kit.ctx, "store", NULL, kit.keys, NULL, &verdict), COFFER_E_AUTH);
	assert_non_null(verdict);
	assert_true(verdict->n_findings >= 1);
	assert_int_equal(verdict->n_snapshots, 1);
	assert_non_null(verdict->findings[0].path);
	assert_non_null(strstr(verdict->findings[0].why, strrchr(object, '/') + 1));
	coffer_backup_verdict_free(&verdict);
	assert_err(restore("out"), COFFER_E_AUTH);
	assert_true(kit_exists("out/.coffer.restoring"));
	kit_flip(object, 5, 4);
	/* what was restored stays, and the rest follows */
	assert_ok(restore("out"));
	assert_false(kit_exists("out/.coffer.restoring"));
	assert_ok(coffer_check(kit.ctx, "out/models/models/dir", kit.keys, NULL));
	assert_ok(coffer_check(kit.ctx, "out/models/models/one.coffer", kit.keys, NULL));
}

/* Every byte of a snapshot. */
static void
test_snapshot_damage(void **state)
{
	char path[200];
	size_t len;

	(void)state;
	make_models();
	assert_ok(create("models/one.coffer", NULL));
	(void)snprintf(path, sizeof(path), "store/snapshots/%s", stats.snapshot);
	free(kit_read(path, &len));
	for (size_t i = 0; i < len; i += 7) {
		kit_flip(path, (off_t)i, 1);
		if (coffer_err_exit(verify(NULL)) != 5)
			fail_msg("byte %zu of a snapshot may change", i);
		kit_flip(path, (off_t)i, 1);
	}
	assert_ok(verify(NULL));
}

static void
test_other_key(void **state)
{
	(void)state;
	make_models();
	assert_ok(create("models", NULL));
	assert_err(verify(kit.other), COFFER_E_NOKEY);
	assert_ok(verify(kit.keys));
}

/* ---- restoring ---- */

static void
test_restore_refused(void **state)
{
	struct coffer_backup_restore_options opt = {.version_1 = 1, .keyring = true};

	(void)state;
	make_models();
	assert_ok(create("models", NULL));
	assert_refused(coffer_backup_restore(kit.ctx, "store", "latest", "out", NULL, &opt, NULL), COFFER_E_USAGE);
	assert_refused(coffer_backup_restore(kit.ctx, "store", "000000", "out", NULL, NULL, NULL), COFFER_E_NOTFOUND);
	assert_refused(coffer_backup_restore(kit.ctx, "store", "latest", "no/out", NULL, NULL, NULL),
		       COFFER_E_NOTFOUND);
	assert_refused(coffer_backup_restore(kit.ctx, "store", "latest", "plain", NULL, NULL, NULL), COFFER_E_EXISTS);
	assert_int_equal(kit_count("plain"), 2);
	/* by force, and yet not through a link that leads elsewhere */
	opt = (struct coffer_backup_restore_options){.version_1 = 1, .force = true};
	assert_int_equal(mkdir("linked", 0777) | mkdir("elsewhere", 0777) | symlink("../elsewhere", "linked/models"),
			 0);
	assert_refused(coffer_backup_restore(kit.ctx, "store", "latest", "linked", NULL, &opt, NULL), COFFER_E_USAGE);
	assert_int_equal(kit_count("elsewhere"), 0);
	/* over what is there, file by file */
	kit_file("full/models/models/one.coffer", 5, 1);
	kit_file("full/models/mine", 5, 1);
	assert_ok(coffer_backup_restore(kit.ctx, "store", "latest", "full", NULL, &opt, NULL));
	assert_ok(coffer_check(kit.ctx, "full/models/models/one.coffer", kit.keys, NULL));
	assert_file("full/models/mine", 5, 1);
}

static void
test_mode_and_time(void **state)
{
	struct stat before, after;

	(void)state;
	make_models();
	assert_int_equal(chmod("models/one.coffer", 0640), 0);
	assert_ok(create("models", NULL));
	assert_ok(restore("out"));
	assert_int_equal(stat("models/one.coffer", &before) | stat("out/models/models/one.coffer", &after), 0);
	assert_int_equal(after.st_mode & 07777, 0640);
	assert_int_equal(after.st_mtim.tv_sec, before.st_mtim.tv_sec);
	assert_int_equal(after.st_mtim.tv_nsec, before.st_mtim.tv_nsec);
}

/* ---- pruning ---- */

static void
test_prune(void **state)
{
	struct coffer_backup_prune_options opt = {.version_1 = 1, .keep_last = 2};
	struct coffer_backup_snapshot *list;
	struct coffer_backup_pruned *pruned;
	char object[128];
	size_t n;

	(void)state;
	make_models();
	for (size_t i = 0; i < 4; i++)
		assert_ok(create("models", NULL));
	assert_ok(coffer_backup_prune(kit.ctx, "store", &opt, &pruned));
	assert_int_equal(pruned->n_kept, 2);
	assert_int_equal(pruned->n_removed, 2);
	/* not a day old: another backup may be about to name them */
	assert_int_equal(pruned->n_objects, 0);
	coffer_backup_pruned_free(&pruned);
	assert_ok(coffer_backup_list(kit.ctx, "store", &list, &n));
	assert_int_equal(n, 2);
	assert_string_equal(list[1].name, stats.snapshot);
	free(list);
	assert_ok(verify(kit.keys));
	assert_refused(coffer_backup_prune(kit.ctx, "store", NULL, NULL), COFFER_E_USAGE);
	/* the last one that is whole stays, whatever the rules say */
	assert_ok(create("models", NULL));
	assert_ok(restore("out"));
	find_object(object);
	assert_int_equal(unlink(object), 0);
	opt.keep_last = 1;
	assert_ok(coffer_backup_prune(kit.ctx, "store", &opt, &pruned));
	assert_int_equal(pruned->n_kept, 1); /* none of them is whole: the rule alone counts */
	coffer_backup_pruned_free(&pruned);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, kit_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_whole),	  TEST(test_plain),	      TEST(test_one_file),   TEST(test_exclude),
		TEST(test_again),	  TEST(test_forgotten),	      TEST(test_changing),   TEST(test_at_once),
		TEST(test_lock),	  TEST(test_broken),	      TEST(test_unfinished), TEST(test_refused),
		TEST(test_damage),	  TEST(test_snapshot_damage), TEST(test_other_key),  TEST(test_restore_refused),
		TEST(test_mode_and_time), TEST(test_prune),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
