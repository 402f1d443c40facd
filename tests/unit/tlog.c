/* SPDX-License-Identifier: Apache-2.0 */
#include "sign/tlog.h"

#include <stdio.h>
#include <stdlib.h>

#include "support/universe_kit.h"

static const struct {
	const char *kind, *version;
	enum tlog_kind want;
} kinds[] = {
	{"hashedrekord", "0.0.1", TLOG_HASHEDREKORD},
	{"dsse", "0.0.1", TLOG_DSSE},
	{"intoto", "0.0.2", TLOG_INTOTO},
	{"hashedrekord", "0.0.2", TLOG_V2},
};

static const struct {
	const char *kind, *version;
} unknown_kinds[] = {{"dsse", "0.0.2"}, {"intoto", "0.0.1"}, {"hashedrekord", "0.0.3"}, {"", ""}, {"rekord", "0.0.1"}};

static void
test_kinds(void **state)
{
	struct tlog_entry e = {.log_index = 0};
	enum tlog_kind kind;

	(void)state;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		(void)snprintf(e.kind, sizeof(e.kind), "%s", kinds[i].kind);
		(void)snprintf(e.version, sizeof(e.version), "%s", kinds[i].version);
		assert_int_equal(tlog_kind(NULL, &e, &kind), COFFER_OK);
		assert_int_equal(kind, kinds[i].want);
	}
	for (size_t i = 0; i < sizeof(unknown_kinds) / sizeof(unknown_kinds[0]); i++) {
		(void)snprintf(e.kind, sizeof(e.kind), "%s", unknown_kinds[i].kind);
		(void)snprintf(e.version, sizeof(e.version), "%s", unknown_kinds[i].version);
		assert_says(tlog_kind(&f, &e, &kind), COFFER_E_UNSUPPORTED, "hashedrekord 0.0.1 and 0.0.2");
	}
}

static const struct trusted_log *
find(const struct universe *u)
{
	const struct trusted_log *log;

	assert_int_equal(tlog_find(NULL, u->root, u->b.entries, &log), COFFER_OK);
	return log;
}

static void
test_find(void **state)
{
	const struct trusted_log *log;
	struct universe u;

	(void)state;
	universe_open(&u, universe_v2);
	assert_string_equal(find(&u)->origin, "rekor2.example");
	pubkey_free(&u.root->tlogs[1].key);
	assert_says(tlog_find(&f, u.root, u.b.entries, &log), COFFER_E_SIGNATURE, "kind that is not supported");
	assert_null(log);
	u.b.entries[0].key_id.p[31] ^= 1;
	assert_says(tlog_find(&f, u.root, u.b.entries, &log), COFFER_E_SIGNATURE, "does not list");
	u.b.entries[0].key_id.len = 0;
	assert_says(tlog_find(&f, u.root, u.b.entries, &log), COFFER_E_SIGNATURE, "does not list");
	universe_close(&u);
}

/* the SET covers four things, and is one key's */
static void
test_promise(void **state)
{
	const char part[] = "signed entry timestamp (SET)";
	const struct trusted_log *log;
	struct tlog_entry *e;
	struct universe u;

	(void)state;
	universe_open(&u, universe_v1);
	log = find(&u);
	e = u.b.entries;
	assert_int_equal(tlog_check_promise(NULL, log, e), COFFER_OK);
	e->log_index++;
	assert_says(tlog_check_promise(&f, log, e), COFFER_E_SIGNATURE, part);
	e->log_index--;
	e->integrated_time++;
	assert_says(tlog_check_promise(&f, log, e), COFFER_E_SIGNATURE, part);
	e->integrated_time--;
	e->body.p[e->body.len - 1] ^= 1;
	assert_says(tlog_check_promise(&f, log, e), COFFER_E_SIGNATURE, part);
	e->body.p[e->body.len - 1] ^= 1;
	u.root->tlogs[0].id[0] ^= 1;
	assert_says(tlog_check_promise(&f, log, e), COFFER_E_SIGNATURE, part);
	u.root->tlogs[0].id[0] ^= 1;
	assert_says(tlog_check_promise(&f, &u.root->tlogs[1], e), COFFER_E_SIGNATURE, part);
	assert_int_equal(tlog_check_promise(NULL, log, e), COFFER_OK);
	e->promise.p[e->promise.len - 1] ^= 1;
	assert_says(tlog_check_promise(&f, log, e), COFFER_E_SIGNATURE, part);
	universe_close(&u);
}

static void
test_checkpoint(void **state)
{
	const struct trusted_log *log;
	struct tlog_entry *e;
	struct universe u;

	(void)state;
	universe_open(&u, universe_v1);
	log = find(&u);
	e = u.b.entries;
	assert_int_equal(tlog_check_checkpoint(NULL, log, TLOG_DSSE, e), COFFER_OK);
	assert_says(tlog_check_checkpoint(&f, log, TLOG_V2, e), COFFER_E_SIGNATURE, "is not of rekor1.example");
	assert_says(tlog_check_checkpoint(&f, &u.root->tlogs[1], TLOG_DSSE, e), COFFER_E_SIGNATURE,
		    "is not of rekor2.example");
	e->tree_size++;
	assert_says(tlog_check_checkpoint(&f, log, TLOG_DSSE, e), COFFER_E_SIGNATURE, "tree with 12 entries");
	e->tree_size--;
	e->root.len--;
	assert_says(tlog_check_checkpoint(&f, log, TLOG_DSSE, e), COFFER_E_SIGNATURE, "another root hash");
	e->root.len++;
	e->root.p[0] ^= 1;
	assert_says(tlog_check_checkpoint(&f, log, TLOG_DSSE, e), COFFER_E_SIGNATURE, "another root hash");
	e->checkpoint[0] = 'R';
	assert_says(tlog_check_checkpoint(&f, log, TLOG_DSSE, e), COFFER_E_SIGNATURE, "is not of rekor1.example");
	e->checkpoint[0] = '\0';
	assert_says(tlog_check_checkpoint(&f, log, TLOG_DSSE, e), COFFER_E_FORMAT, "no text followed");
	universe_close(&u);
}

static void
test_inclusion(void **state)
{
	struct tlog_entry *e;
	struct universe u;

	(void)state;
	universe_open(&u, universe_v2);
	e = u.b.entries;
	assert_int_equal(tlog_check_inclusion(NULL, TLOG_V2, e), COFFER_OK);
	e->log_index++;
	assert_int_equal(tlog_check_inclusion(NULL, TLOG_DSSE, e), COFFER_OK);
	assert_says(tlog_check_inclusion(&f, TLOG_V2, e), COFFER_E_SIGNATURE,
		    "the log entry is number 6, its inclusion proof for number 5");
	e->proof_index++;
	assert_says(tlog_check_inclusion(&f, TLOG_V2, e), COFFER_E_SIGNATURE, "does not lead");
	e->proof_index--;
	e->log_index--;
	e->n_hashes--;
	assert_says(tlog_check_inclusion(&f, TLOG_V2, e), COFFER_E_SIGNATURE, "hashes where");
	e->n_hashes++;
	e->body.len--;
	assert_says(tlog_check_inclusion(&f, TLOG_V2, e), COFFER_E_SIGNATURE, "does not lead");
	e->body.len++;
	e->root.len = 0;
	assert_says(tlog_check_inclusion(&f, TLOG_V2, e), COFFER_E_SIGNATURE, "does not lead");
	universe_close(&u);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kinds),	   cmocka_unit_test(test_find),	     cmocka_unit_test(test_promise),
		cmocka_unit_test(test_checkpoint), cmocka_unit_test(test_inclusion),
	};

	return cmocka_run_group_tests_name("tlog", tests, NULL, NULL);
}
