/* SPDX-License-Identifier: Apache-2.0 */
/* No key is used without a word in the audit log, whatever the verb. */
#include <coffer/audit.h>

#include "engine/key_use.h"
#include "support/audit_kit.h"
#include "support/kit.h"

#define LOG "log/audit.jsonl"

static int
setup(void **state)
{
	if (kit_setup(state) != 0)
		return -1;
	(void)setenv("COFFER_AUDIT", "log", 1);
	kit_file("m", 1000, 1);
	return 0;
}

/* the words of the log, «Wrap Unwrap:NOKEY » */
static char said[4096];

static coffer_err
note(void *user, const struct coffer_audit_record *r)
{
	size_t used = strlen(said);

	(void)user;
	(void)snprintf(said + used, sizeof(said) - used, "%s%s%s ", r->event, r->error[0] ? ":" : "", r->error);
	return COFFER_OK;
}

static void
assert_log(const char *want)
{
	coffer_err err;

	said[0] = '\0';
	err = coffer_audit_read(kit.ctx, "log", NULL, note, NULL);
	if (err != COFFER_OK && err != COFFER_E_NOTFOUND)
		fail_msg("%s", coffer_ctx_message(kit.ctx));
	assert_string_equal(said, want);
}

static coffer_err
open_model(const struct coffer_keyring *keys)
{
	struct coffer_model *m = NULL;
	coffer_err err = coffer_model_open(kit.ctx, "m.coffer", keys, &m);

	coffer_model_free(&m);
	return err;
}

static void
test_verbs(void **state)
{
	const struct coffer_rewrap_options rewrap = {.version_1 = 1, .add = kit.other, .remove = kit.keys};
	struct coffer_audit_filter filter = {.version_1 = 1, .model = "m"};

	(void)state;
	assert_ok(coffer_seal(kit.ctx, "m", "m.coffer", kit.keys, NULL, NULL));
	assert_log("Wrap ");
	assert_ok(open_model(kit.keys));
	assert_log("Wrap Unwrap ");
	assert_refused(open_model(kit.other), COFFER_E_NOKEY);
	assert_log("Wrap Unwrap Unwrap:NOKEY ");
	assert_ok(coffer_rewrap(kit.ctx, "m.coffer", kit.keys, &rewrap));
	assert_log("Wrap Unwrap Unwrap:NOKEY Unwrap Wrap Remove ");
	assert_ok(coffer_rekey(kit.ctx, "m.coffer", kit.other, kit.keys, NULL));
	assert_log("Wrap Unwrap Unwrap:NOKEY Unwrap Wrap Remove Unwrap Wrap ");
	coffer_ctx_set_min_generation(kit.ctx, 99);
	assert_refused(open_model(kit.keys), COFFER_E_ROLLBACK);
	assert_log("Wrap Unwrap Unwrap:NOKEY Unwrap Wrap Remove Unwrap Wrap Unwrap:ROLLBACK ");
	said[0] = '\0';
	filter.error = "NO*";
	assert_ok(coffer_audit_read(kit.ctx, "log", &filter, note, NULL));
	assert_string_equal(said, "Unwrap:NOKEY ");
	assert_whole("log", 9);
}

/* what a record says */
static coffer_err
look_at(void *user, const struct coffer_audit_record *r)
{
	char cwd[256];

	(void)user;
	if (strcmp(r->event, "Unwrap") != 0)
		return COFFER_OK;
	assert_non_null(getcwd(cwd, sizeof(cwd)));
	assert_int_equal(strncmp(r->path, cwd, strlen(cwd)), 0);
	assert_string_equal(r->path + strlen(cwd), "/m.coffer");
	assert_string_equal(r->name, "m");
	assert_int_equal(strlen(r->model_id), 32);
	assert_int_equal(r->generation, 1);
	assert_string_equal(r->key.kind, "aes");
	assert_int_equal(strlen(r->key.id), 32);
	assert_int_equal(r->uid, geteuid());
	assert_int_equal(r->pid, getpid());
	assert_true(r->principal[0] != '\0');
	assert_int_equal(r->line_len, strlen(r->line));
	return COFFER_E_OTHER; /* to see that it comes back */
}

static void
test_what_it_says(void **state)
{
	(void)state;
	assert_ok(coffer_seal(kit.ctx, "m", "m.coffer", kit.keys, NULL, NULL));
	assert_ok(open_model(kit.keys));
	assert_err(coffer_audit_read(kit.ctx, "log", NULL, look_at, NULL), COFFER_E_OTHER);
}

/* The log cannot be written: nothing is made, nothing is opened, and the sentence is about the log. */
static void
test_no_log(void **state)
{
	(void)state;
	assert_ok(coffer_seal(kit.ctx, "m", "m.coffer", kit.keys, NULL, NULL));
	assert_int_equal(chmod(LOG, 0666), 0);
	assert_refused(open_model(kit.keys), COFFER_E_PERM);
	assert_non_null(strstr(coffer_ctx_message(kit.ctx), "audit log"));
	assert_refused(coffer_seal(kit.ctx, "m", "n.coffer", kit.keys, NULL, NULL), COFFER_E_PERM);
	assert_false(kit_exists("n.coffer"));
	assert_refused(coffer_open(kit.ctx, "m.coffer", "out", kit.keys, NULL, NULL), COFFER_E_PERM);
	assert_false(kit_exists("out"));
	/* a refusal that cannot be written is the log's fault first */
	assert_refused(open_model(kit.other), COFFER_E_PERM);
	assert_int_equal(chmod(LOG, 0600), 0);
	assert_ok(open_model(kit.keys));
	assert_whole("log", 2);
}

/* each key of its own, so that what comes of them can be looked at */
struct bench {
	struct binding binding;
	struct recipient r;
	uint8_t dek[DEK_LEN];
};

static struct bench
make_bench(void)
{
	struct bench b = {.binding = {.text = view_str("{}"),
				      .model_id = "00112233445566778899aabbccddeeff",
				      .name = "n",
				      .version = "",
				      .environment = ""}};

	memset(b.dek, 0x5a, sizeof(b.dek));
	return b;
}

static void
test_nothing_is_handed_out(void **state)
{
	static const uint8_t zeros[DEK_LEN];
	struct bench b = make_bench();
	const struct key_use use = {.ctx = kit.ctx, .binding = &b.binding};
	uint8_t dek[DEK_LEN];
	struct recipient r;
	struct fault f = {.text = ""};

	(void)state;
	assert_int_equal(key_use_wrap(&f, &use, kit.keys, 0, b.dek, &b.r), COFFER_OK);
	assert_int_equal(key_use_unwrap(&f, &use, kit.keys, &b.r, 1, dek, NULL), COFFER_OK);
	assert_memory_equal(dek, b.dek, DEK_LEN);
	/* the log is open already, and then goes bad */
	assert_int_equal(chmod(LOG, 0666), 0);
	memset(dek, 0xff, sizeof(dek));
	assert_int_equal(key_use_unwrap(&f, &use, kit.keys, &b.r, 1, dek, NULL), COFFER_E_PERM);
	assert_memory_equal(dek, zeros, DEK_LEN);
	assert_int_equal(key_use_wrap(&f, &use, kit.keys, 0, b.dek, &r), COFFER_E_PERM);
	assert_int_equal(r.wrapped_len, 0);
	assert_non_null(strstr(f.text, "audit log"));
}

static void
test_batch(void **state)
{
	struct bench b = make_bench();
	struct key_use use = {.ctx = kit.ctx, .binding = &b.binding};
	struct fault f = {.text = ""};
	uint8_t dek[DEK_LEN];

	(void)state;
	assert_int_equal(key_batch_new(&f, kit.ctx, &use.batch), COFFER_OK);
	for (int i = 0; i < 500; i++) {
		assert_int_equal(key_use_wrap(&f, &use, kit.keys, 0, b.dek, &b.r), COFFER_OK);
		assert_int_equal(key_use_unwrap(&f, &use, kit.keys, &b.r, 1, dek, NULL), COFFER_OK);
	}
	assert_log(""); /* nothing is there yet */
	assert_int_equal(key_batch_commit(&f, use.batch), COFFER_OK);
	assert_whole("log", 1000);
	key_batch_free(&use.batch);
	assert_whole("log", 1000);

	/* left without a commit: keys were used, and nothing was removed */
	assert_int_equal(key_batch_new(&f, kit.ctx, &use.batch), COFFER_OK);
	assert_int_equal(key_use_wrap(&f, &use, kit.keys, 0, b.dek, &b.r), COFFER_OK);
	assert_int_equal(key_use_remove(&f, &use, &b.r), COFFER_OK);
	key_batch_free(&use.batch);
	assert_whole("log", 1001);
	assert_null(use.batch);

	/* one that cannot be written says so */
	assert_int_equal(key_batch_new(&f, kit.ctx, &use.batch), COFFER_OK);
	assert_int_equal(key_use_remove(&f, &use, &b.r), COFFER_OK);
	assert_int_equal(chmod(LOG, 0666), 0);
	assert_int_equal(key_batch_commit(&f, use.batch), COFFER_E_PERM);
	key_batch_free(&use.batch);
}

static void
test_off(void **state)
{
	(void)state;
	assert_ok(coffer_ctx_set_audit(kit.ctx, "off"));
	assert_ok(coffer_seal(kit.ctx, "m", "m.coffer", kit.keys, NULL, NULL));
	assert_ok(open_model(kit.keys));
	assert_false(kit_exists("log"));
	assert_refused(coffer_ctx_set_audit(kit.ctx, "a,b"), COFFER_E_USAGE);
	assert_ok(coffer_ctx_set_audit(kit.ctx, "elsewhere"));
	assert_ok(open_model(kit.keys));
	assert_whole("elsewhere", 1);
	assert_ok(coffer_ctx_set_audit(kit.ctx, NULL));
	assert_ok(open_model(kit.keys));
	assert_whole("log", 1);
}

static void
test_reading(void **state)
{
	struct coffer_audit_filter filter = {.version_1 = 1};
	struct coffer_audit_report report;
	char *text = NULL;

	(void)state;
	assert_refused(coffer_audit_read(kit.ctx, NULL, NULL, note, NULL), COFFER_E_NOTFOUND);
	assert_ok(coffer_seal(kit.ctx, "m", "m.coffer", kit.keys, NULL, NULL));
	for (int i = 0; i < 20; i++)
		assert_ok(open_model(kit.keys));
	said[0] = '\0';
	filter.last = 3;
	assert_ok(coffer_audit_read(kit.ctx, NULL, &filter, note, NULL));
	assert_string_equal(said, "Unwrap Unwrap Unwrap ");
	said[0] = '\0';
	filter.last = 0;
	filter.after_seq = 20;
	assert_ok(coffer_audit_read(kit.ctx, NULL, &filter, note, NULL));
	assert_string_equal(said, "Unwrap ");
	said[0] = '\0';
	filter.after_seq = 21;
	assert_ok(coffer_audit_read(kit.ctx, NULL, &filter, note, NULL));
	assert_string_equal(said, "");
	filter.after_seq = 0;
	filter.event = "Wrap";
	assert_ok(coffer_audit_read(kit.ctx, NULL, &filter, note, NULL));
	assert_string_equal(said, "Wrap ");
	filter.until = 1000000000;
	assert_ok(coffer_audit_read(kit.ctx, NULL, &filter, note, NULL));
	assert_string_equal(said, "Wrap ");
	filter.version_1 = 2;
	assert_refused(coffer_audit_read(kit.ctx, NULL, &filter, note, NULL), COFFER_E_USAGE);
	assert_ok(coffer_audit_verify(kit.ctx, NULL, NULL, &report));
	assert_int_equal(report.n_records, 21);
	assert_string_equal(report.damage, "whole");
	assert_ok(coffer_audit_public_key(kit.ctx, NULL, &text));
	assert_non_null(strstr(text, "BEGIN PUBLIC KEY"));
	free(text);
	assert_ok(coffer_audit_folder(kit.ctx, &text));
	assert_non_null(strstr(text, "/log"));
	free(text);
	kit_flip(LOG, 700, 1);
	assert_refused(coffer_audit_verify(kit.ctx, NULL, NULL, &report), COFFER_E_AUTH);
	assert_string_equal(report.damage, "changed");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, kit_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_verbs), TEST(test_what_it_says), TEST(test_no_log),  TEST(test_nothing_is_handed_out),
		TEST(test_batch), TEST(test_off),	   TEST(test_reading),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
