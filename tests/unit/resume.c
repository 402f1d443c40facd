/* SPDX-License-Identifier: Apache-2.0 */
/* Sealing and opening that was interrupted, and inputs that change meanwhile. */
#include "support/kit.h"

static const char *const names[] = {"a", "b/c", "b/d", "e", "f"};

#define N (sizeof(names) / sizeof(names[0]))

static void
make_model(const char *folder, unsigned int seed)
{
	char path[100];

	for (unsigned int i = 0; i < N; i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
		kit_file(path, 100000 * i, seed + i);
	}
}

static void
assert_model(const char *folder, unsigned int seed)
{
	char path[100];

	for (unsigned int i = 0; i < N; i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
		assert_file(path, 100000 * i, seed + i);
	}
}

static void
assert_opens_to_model(unsigned int seed, const struct coffer_keyring *keys)
{
	assert_ok(coffer_open(kit.ctx, "s", "back", keys, NULL, NULL));
	assert_model("back", seed);
	assert_int_equal(kit_count("back"), N);
	assert_int_equal(kit_remove_all("back"), 0);
}

/* s as a sealing of m leaves it that was killed before the last step, and without the sealed files of a and b/d */
static void
interrupt_sealing(struct coffer_stats *stats)
{
	make_model("m", 1);
	assert_ok(coffer_seal(kit.ctx, "m", "s", kit.keys, NULL, stats));
	assert_int_equal(rename("s/coffer.json", "s/.coffer.partial"), 0);
	assert_int_equal(unlink("s/a.coffer") | unlink("s/b/d.coffer"), 0);
}

static void
test_seal_goes_on(void **state)
{
	struct coffer_stats first, stats;

	(void)state;
	interrupt_sealing(&first);
	assert_refused(coffer_open(kit.ctx, "s", "back", kit.keys, NULL, NULL), COFFER_E_FILESET);
	assert_non_null(strstr(coffer_ctx_message(kit.ctx), "interrupted"));
	assert_ok(coffer_seal(kit.ctx, "m", "s", kit.keys, NULL, &stats));
	assert_int_equal(stats.n_skipped, 3);
	assert_string_equal(stats.model_id, first.model_id);
	assert_false(kit_exists("s/.coffer.partial"));
	assert_opens_to_model(1, kit.keys);
}

static void
test_seal_goes_on_with_changes(void **state)
{
	struct coffer_stats stats;

	(void)state;
	interrupt_sealing(&stats);
	kit_file("s/.b.coffer-tmp", 5, 0); /* of a killed process, where there is no O_TMPFILE */
	kit_file("m/b/c", 100000, 9);	   /* of the same size, at another time */
	assert_int_equal(unlink("m/e"), 0);
	kit_file("m/g", 7, 7);
	assert_int_equal(truncate("s/f.coffer", 5000), 0); /* not what a run leaves, but no harm either */
	assert_ok(coffer_seal(kit.ctx, "m", "s", kit.keys, NULL, &stats));
	assert_int_equal(stats.n_skipped, 0); /* the indices moved */
	assert_false(kit_exists("s/e.coffer"));
	assert_ok(coffer_open(kit.ctx, "s", "back", kit.keys, NULL, NULL));
	assert_file("back/b/c", 100000, 9);
	assert_file("back/f", 400000, 5);
	assert_file("back/g", 7, 7);
	assert_int_equal(kit_count("back"), 5);
}

static void
test_seal_with_other_keys(void **state)
{
	const struct coffer_seal_options force = {.version_1 = 1, .force = true};
	struct coffer_stats first, stats;

	(void)state;
	interrupt_sealing(&first);
	assert_refused(coffer_seal(kit.ctx, "m", "s", kit.other, NULL, NULL), COFFER_E_NOKEY);
	assert_non_null(strstr(coffer_ctx_message(kit.ctx), "interrupted"));
	assert_true(kit_exists("s/e.coffer"));
	assert_ok(coffer_seal(kit.ctx, "m", "s", kit.other, &force, &stats));
	assert_int_equal(stats.n_skipped, 0);
	assert_string_not_equal(stats.model_id, first.model_id);
	assert_opens_to_model(1, kit.other);
}

/* Whoever holds a public key alone cannot go on: it begins anew. */
static void
test_seal_for_recipient(void **state)
{
	struct coffer_keyring *public_key, *secret_key;
	struct coffer_key_info info;
	struct coffer_stats first, stats;
	char uri[120];

	(void)state;
	interrupt_sealing(&first);
	assert_ok(coffer_key_generate(kit.ctx, COFFER_KEY_X25519, "k", &info));
	(void)snprintf(uri, sizeof(uri), "recipient:%s", info.public_key);
	assert_ok(coffer_keyring_new(kit.ctx, &public_key));
	assert_ok(coffer_keyring_add(kit.ctx, public_key, uri));
	assert_ok(coffer_keyring_new(kit.ctx, &secret_key));
	assert_ok(coffer_keyring_add(kit.ctx, secret_key, "file:k"));
	assert_ok(coffer_seal(kit.ctx, "m", "s", public_key, NULL, &stats));
	assert_string_not_equal(stats.model_id, first.model_id);
	assert_refused(coffer_check(kit.ctx, "s", public_key, NULL), COFFER_E_NOKEY);
	assert_opens_to_model(1, secret_key);
	coffer_keyring_free(&public_key);
	coffer_keyring_free(&secret_key);
}

/*
 * A mark that somebody put there who knows the public key: what is sealed must not be under a DEK that somebody else
 * knows.  kit.other is that somebody.
 */
static void
test_planted_mark(void **state)
{
	struct coffer_keyring *pair;
	struct coffer_key_info info;
	struct coffer_stats planted, stats;

	(void)state;
	make_model("m", 1);
	assert_ok(coffer_key_generate(kit.ctx, COFFER_KEY_X25519, "k", &info));
	assert_ok(coffer_keyring_new(kit.ctx, &pair));
	assert_ok(coffer_keyring_add(kit.ctx, pair, "file:k"));
	assert_ok(coffer_keyring_add(kit.ctx, kit.other, "file:k"));
	assert_ok(coffer_seal(kit.ctx, "m", "s", kit.other, NULL, &planted));
	assert_int_equal(rename("s/coffer.json", "s/.coffer.partial"), 0);
	assert_ok(coffer_seal(kit.ctx, "m", "s", pair, NULL, &stats));
	assert_string_not_equal(stats.model_id, planted.model_id);
	assert_int_equal(stats.n_skipped, 0);
	assert_opens_to_model(1, pair);
	/* with the AES key of the mark, too, it goes on */
	assert_ok(coffer_seal(kit.ctx, "m", "s2", kit.other, NULL, &planted));
	assert_int_equal(rename("s2/coffer.json", "s2/.coffer.partial"), 0);
	assert_ok(coffer_seal(kit.ctx, "m", "s2", kit.other, NULL, &stats));
	assert_string_equal(stats.model_id, planted.model_id);
	assert_int_equal(stats.n_skipped, N);
	coffer_keyring_free(&pair);
}

static void
test_dry_run_keeps_it(void **state)
{
	const struct coffer_seal_options dry = {.version_1 = 1, .dry_run = true};
	const struct coffer_seal_options dry_force = {.version_1 = 1, .dry_run = true, .force = true};
	struct coffer_stats stats;
	unsigned int before;

	(void)state;
	interrupt_sealing(&stats);
	assert_int_equal(unlink("m/e"), 0);
	before = kit_count("s");
	assert_ok(coffer_seal(kit.ctx, "m", "s", kit.keys, &dry, NULL));
	assert_ok(coffer_seal(kit.ctx, "m", "s", kit.other, &dry_force, NULL));
	assert_refused(coffer_seal(kit.ctx, "m", "s", kit.other, &dry, NULL), COFFER_E_NOKEY);
	assert_int_equal(kit_count("s"), before);
}

/* ---- while it runs ---- */

static void
cancel_at_the_end(void *user, const char *path, uint64_t done, uint64_t total)
{
	(void)path;
	if (done == total)
		coffer_ctx_cancel(user);
}

static void
test_cancel(void **state)
{
	struct coffer_ctx *ctx;
	struct coffer_stats stats;

	(void)state;
	make_model("m", 1);
	assert_int_equal(coffer_ctx_new(&ctx), COFFER_OK);
	coffer_ctx_set_progress(ctx, cancel_at_the_end, ctx);
	assert_int_equal(coffer_seal(ctx, "m/f", "f.coffer", kit.keys, NULL, NULL), COFFER_E_INTERRUPTED);
	assert_false(kit_exists("f.coffer"));
	coffer_ctx_free(&ctx);
	assert_int_equal(coffer_ctx_new(&ctx), COFFER_OK);
	coffer_ctx_set_progress(ctx, cancel_at_the_end, ctx);
	assert_int_equal(coffer_seal(ctx, "m", "s", kit.keys, NULL, NULL), COFFER_E_INTERRUPTED);
	coffer_ctx_free(&ctx);
	assert_true(kit_exists("s/.coffer.partial"));
	assert_ok(coffer_seal(kit.ctx, "m", "s", kit.keys, NULL, &stats));
	assert_int_equal(stats.n_skipped, N);
	assert_opens_to_model(1, kit.keys);
}

static void
append_at_the_end(void *user, const char *path, uint64_t done, uint64_t total)
{
	(void)path;
	if (done == total && truncate(user, (off_t)total + 1) != 0)
		abort();
}

static void
touch_at_the_end(void *user, const char *path, uint64_t done, uint64_t total)
{
	const struct timespec times[2] = {{.tv_sec = 1}, {.tv_sec = 1}};

	(void)path;
	if (done == total && utimensat(AT_FDCWD, user, times, 0) != 0)
		abort();
}

static void
test_changed_input(void **state)
{
	const coffer_progress_fn changes[] = {append_at_the_end, touch_at_the_end};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		char path[] = "f";

		kit_file("f", 100000, 1);
		coffer_ctx_set_progress(kit.ctx, changes[i], path);
		assert_refused(coffer_seal(kit.ctx, "f", "s", kit.keys, NULL, NULL), COFFER_E_CHANGED);
		assert_false(kit_exists("s"));
	}
}

/* ---- opening ---- */

/* An opening of s to out that ends at the last file, for a folder stands in its way. */
static void
interrupt_opening(const struct coffer_open_options *options)
{
	make_model("m", 1);
	assert_ok(coffer_seal(kit.ctx, "m", "s", kit.keys, NULL, NULL));
	(void)mkdir("out", 0777);
	assert_int_equal(mkdir("out/f", 0777), 0);
	coffer_ctx_set_jobs(kit.ctx, 1);
	assert_refused(coffer_open(kit.ctx, "s", "out", kit.keys, options, NULL), COFFER_E_EXISTS);
	assert_true(kit_exists("out/.coffer.opening") && kit_exists("out/a"));
	assert_int_equal(rmdir("out/f"), 0);
}

static void
test_open_goes_on(void **state)
{
	struct coffer_stats stats;

	(void)state;
	interrupt_opening(NULL);
	assert_ok(coffer_open(kit.ctx, "s", "out", kit.keys, NULL, &stats));
	assert_int_equal(stats.n_skipped, 4);
	assert_model("out", 1);
	assert_int_equal(kit_count("out"), N);
}

/* What was there before a forced opening is not taken for a part of it, though it is of the same size. */
static void
test_forced_open_goes_on(void **state)
{
	const struct coffer_open_options force = {.version_1 = 1, .force = true};

	(void)state;
	for (int forced_again = 0; forced_again < 2; forced_again++) {
		make_model("out", 50);
		assert_int_equal(unlink("out/f"), 0);
		interrupt_opening(&force);
		kit_file("out/b/d", 200000, 52); /* as if it had ended before this one */
		assert_ok(coffer_open(kit.ctx, "s", "out", kit.keys, forced_again ? &force : NULL, NULL));
		assert_model("out", 1);
		assert_int_equal(kit_count("out"), N);
		assert_int_equal(kit_remove_all("out") | kit_remove_all("s"), 0);
	}
}

static void
test_open_of_another(void **state)
{
	(void)state;
	interrupt_opening(NULL);
	assert_ok(coffer_seal(kit.ctx, "m", "other", kit.keys, NULL, NULL));
	assert_refused(coffer_open(kit.ctx, "other", "out", kit.keys, NULL, NULL), COFFER_E_EXISTS);
	kit_file("out/.coffer.opening", 4000, 1);
	assert_refused(coffer_open(kit.ctx, "s", "out", kit.keys, NULL, NULL), COFFER_E_EXISTS);
	kit_file("out/.coffer.opening", 0, 1);
	assert_refused(coffer_open(kit.ctx, "s", "out", kit.keys, NULL, NULL), COFFER_E_EXISTS);
}

/* The mark of an interrupted opening cannot be made from what is public. */
static void
test_forged_mark(void **state)
{
	const struct coffer_open_options in_place = {.version_1 = 1, .in_place = true};
	char *mac, *json;
	size_t len;

	(void)state;
	make_model("m", 1);
	assert_ok(coffer_seal(kit.ctx, "m", "s", kit.keys, NULL, NULL));
	json = (char *)kit_read("s/coffer.json", &len);
	json[len] = '\0';
	mac = strstr(json, "\"mac\":\"") + 7;
	mac[64] = '\n';
	tmpdir_file("s/.coffer.opening", mac, 65, 0644);
	free(json);
	kit_file("s/e", 300000, 77);
	assert_refused(coffer_open(kit.ctx, "s", NULL, kit.keys, &in_place, NULL), COFFER_E_EXISTS);
	assert_int_equal(unlink("s/e.coffer"), 0);
	assert_refused(coffer_open(kit.ctx, "s", NULL, kit.keys, &in_place, NULL), COFFER_E_EXISTS);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		KIT_TEST(test_seal_goes_on),
		KIT_TEST(test_seal_goes_on_with_changes),
		KIT_TEST(test_seal_with_other_keys),
		KIT_TEST(test_seal_for_recipient),
		KIT_TEST(test_planted_mark),
		KIT_TEST(test_dry_run_keeps_it),
		KIT_TEST(test_cancel),
		KIT_TEST(test_changed_input),
		KIT_TEST(test_open_goes_on),
		KIT_TEST(test_forced_open_goes_on),
		KIT_TEST(test_open_of_another),
		KIT_TEST(test_forged_mark),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
