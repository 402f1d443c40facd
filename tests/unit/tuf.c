/* SPDX-License-Identifier: Apache-2.0 */
#include "sign/tuf.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/file.h"
#include "support/text.h"
#include "support/tmpdir.h"
#include "support/tuf_repo.h"

#define NOW INT64_C(1790000000) /* in 2026, long before FAR */

static struct repo repo;

/* ---- a client ---- */

static struct fault fault;

/* One update, with the root of the file @root, or none, and then the target into @target. */
static coffer_err
update_at(const char *root, int64_t now, char target[static 256])
{
	const struct repo_file *given = root ? repo_find(&repo, root) : NULL;
	struct tuf_options options = {.shown = "state", .now = now, .fetch = repo_fetch, .user = &repo};
	struct buf out = BUF_INIT(255);
	struct tuf t;
	coffer_err err;

	fault_clear(&fault);
	target[0] = '\0';
	options.dirfd = open("state", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(options.dirfd >= 0);
	if (given)
		options.root = buf_view(&given->text);
	err = tuf_update(&fault, &options, &t);
	if (err == COFFER_OK)
		err = tuf_target(&fault, &t, TARGET, 255, &out);
	(void)snprintf(target, 256, "%.*s", (int)out.len, out.p ? (const char *)out.p : "");
	tuf_free(&t);
	buf_free(&out);
	(void)close(options.dirfd);
	return err;
}

static void
expect_update(const char *root, const char *target_text)
{
	char target[256];
	coffer_err err = update_at(root, NOW, target);

	if (err != COFFER_OK)
		fail_msg("%s: %s", coffer_err_name(err), fault.text);
	assert_string_equal(target, target_text);
}

static void
expect_refusal(const char *root, int64_t now, coffer_err want, const char *sentence)
{
	char target[256];
	coffer_err err = update_at(root, now, target);

	if (err != want || !strstr(fault.text, sentence))
		fail_msg("%s, not %s: «%s» lacks «%s»", coffer_err_name(err), coffer_err_name(want), fault.text,
			 sentence);
	assert_string_equal(target, "");
}

/* Put @to in place of the first @from of the file. */
static void
replace(struct repo *r, const char *path, const char *from, const char *to)
{
	struct buf *text = &repo_find(r, path)->text, out = BUF_INIT(8u << 20);
	const char *p = (const char *)text->p;
	const char *at = memmem(p, text->len, from, strlen(from)), *behind;

	assert_non_null(at);
	behind = at + strlen(from);
	assert_int_equal(buf_add(NULL, &out, p, (size_t)(at - p)), COFFER_OK);
	assert_int_equal(buf_str(NULL, &out, to), COFFER_OK);
	assert_int_equal(buf_add(NULL, &out, behind, text->len - (size_t)(behind - p)), COFFER_OK);
	buf_free(text);
	*text = out;
}

/* What stands from @from up to and with @to. */
static void
cut_out(struct repo *r, const char *path, const char *from, const char *to, char *out, size_t cap)
{
	struct buf *text = &repo_find(r, path)->text;
	const char *at = memmem(text->p, text->len, from, strlen(from)), *end;

	assert_non_null(at);
	end = memmem(at, text->len - (size_t)(at - (const char *)text->p), to, strlen(to));
	assert_non_null(end);
	(void)snprintf(out, cap, "%.*s", (int)(end - at) + (int)strlen(to), at);
}

/* ---- one fault each ---- */

/* the root that the client begins with */

static void
root_too_few(struct repo *r)
{
	r->root_signers = BIT(K_ROOT_B);
	repo_publish_root(r);
}

static void
root_by_strangers(struct repo *r)
{
	r->root_signers = BIT(K_STRANGER) | BIT(K_ONLINE) | BIT(K_ROOT_A);
	repo_publish_root(r);
}

static void
root_one_key_under_two_names(struct repo *r)
{
	r->twice = r->root_signers = BIT(K_ROOT_A);
	repo_publish_root(r);
}

static void
root_signature_twice(struct repo *r)
{
	char one[1024], two[2100];

	r->root_signers = BIT(K_ROOT_A);
	repo_publish_root(r);
	cut_out(r, "1.root.json", "{\"keyid\"", "}", one, sizeof(one));
	(void)snprintf(two, sizeof(two), "%s,%s", one, one);
	replace(r, "1.root.json", one, two);
}

static void
root_unknown_keys(struct repo *r)
{
	r->unknown = BIT(K_ROOT_A);
	repo_publish_root(r);
}

static void
root_other_scheme(struct repo *r)
{
	r->scheme = "ecdsa-sha2-nistp384";
	repo_publish_root(r);
}

static void
root_unknown_scheme(struct repo *r)
{
	r->scheme = "rsassa-pss-sha256";
	repo_publish_root(r);
}

static void
root_no_threshold(struct repo *r)
{
	r->roles[R_TARGETS].threshold = 0;
	repo_publish_root(r);
}

static void
root_altered(struct repo *r)
{
	replace(r, "1.root.json", "\"threshold\":2", "\"threshold\":1");
}

static void
root_empty_signature(struct repo *r)
{
	char sig[1024];

	cut_out(r, "1.root.json", "\"sig\"", "}", sig, sizeof(sig));
	replace(r, "1.root.json", sig, "\"sig\": \"\"}");
}

static void
root_doubled_member(struct repo *r)
{
	replace(r, "1.root.json", "\"roles\":{", "\"keys\":{},\"roles\":{");
}

static void
root_fraction(struct repo *r)
{
	replace(r, "1.root.json", "\"spec_version\"", "\"more\":1.5,\"spec_version\"");
}

static void
root_of_another_kind(struct repo *r)
{
	replace(r, "1.root.json", "\"_type\":\"root\"", "\"_type\":\"targets\"");
}

static void
root_cut(struct repo *r)
{
	repo_find(r, "1.root.json")->text.len -= 3;
}

static void
root_version_zero(struct repo *r)
{
	replace(r, "1.root.json", "\"version\":1}", "\"version\":0}");
}

static void
root_expires_never(struct repo *r)
{
	replace(r, "1.root.json", "\"expires\":\"" FAR "\"", "\"expires\":\"never, not for you\"");
}

static void
root_no_roles(struct repo *r)
{
	replace(r, "1.root.json", "\"timestamp\":{", "\"timestamps\":{");
}

static void
root_expired(struct repo *r)
{
	r->root_expires = "2026-09-21T14:13:20Z"; /* NOW, to the second */
	repo_publish_root(r);
}

/* the chain of roots */

static void
next_not_by_old(struct repo *r)
{
	r->root_version = 2;
	r->roles[R_ROOT].keys = BIT(K_STRANGER) | BIT(K_ROOT_B);
	r->root_signers = BIT(K_STRANGER) | BIT(K_ROOT_B);
	repo_publish_root(r);
}

static void
next_not_by_new(struct repo *r)
{
	r->root_version = 2;
	r->roles[R_ROOT].keys = BIT(K_STRANGER) | BIT(K_ROOT_B);
	r->root_signers = BIT(K_ROOT_A) | BIT(K_ROOT_B);
	repo_publish_root(r);
}

/* what is published as root 2 says that it is @version */
static void
next_is(struct repo *r, unsigned int version)
{
	struct buf *to;

	r->root_version = version;
	r->root_expires = "2029-01-01T00:00:00Z";
	repo_publish_root(r);
	if (version == 1)
		to = &repo_find(r, "1.root.json")->text;
	else
		to = &repo_find(r, "3.root.json")->text;
	assert_int_equal(buf_add(NULL, repo_file(r, "2.root.json"), to->p, to->len), COFFER_OK);
}

static void
next_skips(struct repo *r)
{
	next_is(r, 3);
}

static void
next_goes_back(struct repo *r)
{
	next_is(r, 1);
}

static void
endless(struct repo *r, const char *path, size_t len)
{
	struct buf *text = repo_file(r, path);

	for (size_t i = 0; i < len; i++)
		assert_int_equal(buf_add(NULL, text, " ", 1), COFFER_OK);
}

static void
next_endless(struct repo *r)
{
	endless(r, "2.root.json", LIMIT_TUF_ROOT + 1);
}

static void
next_expired(struct repo *r)
{
	r->root_version = 2;
	r->root_expires = "2026-01-01T00:00:00Z";
	repo_publish_root(r);
}

/* timestamp */

static void
timestamp_by_stranger(struct repo *r)
{
	r->of[R_TIMESTAMP].signers = BIT(K_STRANGER) | BIT(K_ROOT_A);
	repo_publish(r);
}

static void
timestamp_altered(struct repo *r)
{
	replace(r, "timestamp.json", "\"version\":10}", "\"version\":11}");
}

static void
timestamp_expired(struct repo *r)
{
	r->of[R_TIMESTAMP].expires = "2026-09-21T14:13:20Z";
	repo_publish(r);
}

static void
timestamp_endless(struct repo *r)
{
	endless(r, "timestamp.json", LIMIT_TUF_TIMESTAMP + 1);
}

static void
timestamp_is_snapshot(struct repo *r)
{
	r->of[R_TIMESTAMP].type = "snapshot";
	repo_publish(r);
}

static void
timestamp_gone(struct repo *r)
{
	repo_remove(r, "timestamp.json");
}

static void
timestamp_of_spec_2(struct repo *r)
{
	r->of[R_TIMESTAMP].spec = "2.0";
	repo_publish(r);
}

static void
timestamp_empty(struct repo *r)
{
	replace(r, "timestamp.json", "\"snapshot.json\"", "\"snapshot.jsonl\"");
}

static void
timestamp_snapshot_zero(struct repo *r)
{
	replace(r, "timestamp.json", "\"version\":5}", "\"version\":0}");
}

static void
timestamp_bad_hash(struct repo *r)
{
	replace(r, "timestamp.json", "\"sha256\":\"", "\"sha256\":\"0");
}

/* snapshot */

static void
snapshot_other_bytes(struct repo *r)
{
	replace(r, "5.snapshot.json", "\n}\n", "\n}\t");
}

static void
snapshot_longer(struct repo *r)
{
	replace(r, "5.snapshot.json", "\n}\n", "\n}\n\n");
}

static void
snapshot_shorter(struct repo *r)
{
	replace(r, "5.snapshot.json", "\n}\n", "\n}");
}

static void
snapshot_endless(struct repo *r)
{
	r->hashes = false;
	repo_publish(r);
	endless(r, "5.snapshot.json", LIMIT_TUF_SNAPSHOT + 1);
}

static void
snapshot_of_another_version(struct repo *r)
{
	r->announced[R_SNAPSHOT] = 6;
	repo_publish(r);
}

static void
snapshot_by_stranger(struct repo *r)
{
	r->of[R_SNAPSHOT].signers = BIT(K_STRANGER) | BIT(K_TARGETS_A);
	repo_publish(r);
}

static void
snapshot_expired(struct repo *r)
{
	r->of[R_SNAPSHOT].expires = "2026-01-01T00:00:00Z";
	repo_publish(r);
}

static void
snapshot_is_targets(struct repo *r)
{
	r->of[R_SNAPSHOT].type = "targets";
	repo_publish(r);
}

static void
snapshot_without_targets(struct repo *r)
{
	r->hashes = false;
	repo_publish(r);
	replace(r, "5.snapshot.json", "\"targets.json\"", "\"target.json\"");
}

static void
snapshot_gone(struct repo *r)
{
	repo_remove(r, "5.snapshot.json");
}

/* targets */

static void
targets_too_few(struct repo *r)
{
	r->of[R_TARGETS].signers = BIT(K_TARGETS_A) | BIT(K_ONLINE);
	repo_publish(r);
}

static void
targets_of_another_version(struct repo *r)
{
	r->announced[R_TARGETS] = 4;
	repo_publish(r);
}

static void
targets_other_bytes(struct repo *r)
{
	replace(r, "3.targets.json", "\n}\n", "\n}\t");
}

static void
targets_altered(struct repo *r)
{
	r->hashes = false;
	repo_publish(r);
	replace(r, "3.targets.json", "\"length\":", "\"length\":1");
}

static void
targets_expired(struct repo *r)
{
	r->of[R_TARGETS].expires = "2026-01-01T00:00:00Z";
	repo_publish(r);
}

static void
targets_is_snapshot(struct repo *r)
{
	r->of[R_TARGETS].type = "snapshot";
	repo_publish(r);
}

/* the target */

static void
target_not_listed(struct repo *r)
{
	r->target_entry = "";
	repo_publish(r);
}

static void
target_without_hash(struct repo *r)
{
	r->target_entry = "\"" TARGET "\":{\"hashes\":{\"md5\":\"00\"},\"length\":22}";
	repo_publish(r);
}

static void
target_without_length(struct repo *r)
{
	r->target_entry = "\"" TARGET "\":{\"hashes\":{\"sha256\":"
			  "\"0000000000000000000000000000000000000000000000000000000000000000\"}}";
	repo_publish(r);
}

static void
target_too_long(struct repo *r)
{
	r->target_entry = "\"" TARGET "\":{\"hashes\":{\"sha256\":"
			  "\"0000000000000000000000000000000000000000000000000000000000000000\"},\"length\":256}";
	repo_publish(r);
}

/* the path of the one target */
static const char *
target_path(struct repo *r)
{
	for (size_t i = 0; i < r->n_files; i++)
		if (strncmp(r->files[i].path, "targets/", 8) == 0)
			return r->files[i].path;
	return NULL;
}

static void
target_changed(struct repo *r)
{
	replace(r, target_path(r), "believe", "BELIEVE");
}

static void
target_longer(struct repo *r)
{
	replace(r, target_path(r), "}", "} ");
}

static void
target_shorter(struct repo *r)
{
	replace(r, target_path(r), "}\n", "}");
}

static void
target_gone(struct repo *r)
{
	repo_remove(r, target_path(r));
}

static const struct {
	const char *name;
	void (*break_it)(struct repo *r);
	coffer_err err;
	const char *sentence;
} faults[] = {
	{"root: too few", root_too_few, COFFER_E_SIGNATURE, "given is signed by 1 of"},
	{"root: strangers", root_by_strangers, COFFER_E_SIGNATURE, "given is signed by 1 of"},
	{"root: one key, two names", root_one_key_under_two_names, COFFER_E_SIGNATURE, "given is signed by 1 of"},
	{"root: one signature twice", root_signature_twice, COFFER_E_SIGNATURE, "given is signed by 1 of"},
	{"root: key of no name", root_unknown_keys, COFFER_E_SIGNATURE, "given is signed by 1 of"},
	{"root: scheme of another key", root_other_scheme, COFFER_E_SIGNATURE, "given is signed by 0 of"},
	{"root: unknown scheme", root_unknown_scheme, COFFER_E_SIGNATURE, "given is signed by 0 of"},
	{"root: no threshold", root_no_threshold, COFFER_E_FORMAT, "«roles»"},
	{"root: altered", root_altered, COFFER_E_SIGNATURE, "given is signed by 0 of"},
	{"root: empty signature", root_empty_signature, COFFER_E_SIGNATURE, "given is signed by 1 of"},
	{"root: doubled member", root_doubled_member, COFFER_E_FORMAT, "not JSON"},
	{"root: fraction", root_fraction, COFFER_E_FORMAT, "not whole"},
	{"root: another kind", root_of_another_kind, COFFER_E_FORMAT, "no metadata of the role root"},
	{"root: cut", root_cut, COFFER_E_FORMAT, "not JSON"},
	{"root: version 0", root_version_zero, COFFER_E_FORMAT, "«version»"},
	{"root: no date", root_expires_never, COFFER_E_FORMAT, "«expires»"},
	{"root: no timestamp role", root_no_roles, COFFER_E_FORMAT, "«roles»"},
	{"root: expired", root_expired, COFFER_E_POLICY, "root.json, version 1, expired at 2026-09-21T14:13:20Z"},
	{"next root: old keys did not sign", next_not_by_old, COFFER_E_SIGNATURE,
	 "2.root.json is signed by 1 of the keys that root.json, version 1,"},
	{"next root: new keys did not sign", next_not_by_new, COFFER_E_SIGNATURE,
	 "2.root.json is signed by 1 of the keys that root.json, version 2,"},
	{"next root: skips", next_skips, COFFER_E_ROLLBACK, "2.root.json says that it is version 3"},
	{"next root: goes back", next_goes_back, COFFER_E_ROLLBACK, "2.root.json says that it is version 1"},
	{"next root: endless", next_endless, COFFER_E_FORMAT, "2.root.json does not end"},
	{"next root: expired", next_expired, COFFER_E_POLICY, "root.json, version 2, expired"},
	{"timestamp: stranger", timestamp_by_stranger, COFFER_E_SIGNATURE, "timestamp.json is signed by 0 of"},
	{"timestamp: altered", timestamp_altered, COFFER_E_SIGNATURE, "timestamp.json is signed by 0 of"},
	{"timestamp: expired", timestamp_expired, COFFER_E_POLICY, "timestamp.json, version 10, expired"},
	{"timestamp: endless", timestamp_endless, COFFER_E_FORMAT, "timestamp.json does not end"},
	{"timestamp: a snapshot", timestamp_is_snapshot, COFFER_E_FORMAT, "no metadata of the role timestamp"},
	{"timestamp: gone", timestamp_gone, COFFER_E_NOTFOUND, "no timestamp.json"},
	{"timestamp: of 2.0", timestamp_of_spec_2, COFFER_E_UNSUPPORTED, "version 2.0 of The Update Framework"},
	{"timestamp: empty", timestamp_empty, COFFER_E_FORMAT, "says nothing about snapshot.json"},
	{"timestamp: announces version 0", timestamp_snapshot_zero, COFFER_E_FORMAT, "«meta»"},
	{"timestamp: announces no hash", timestamp_bad_hash, COFFER_E_FORMAT, "«meta»"},
	{"snapshot: other bytes", snapshot_other_bytes, COFFER_E_AUTH, "5.snapshot.json is not the file"},
	{"snapshot: longer", snapshot_longer, COFFER_E_FORMAT, "5.snapshot.json does not end"},
	{"snapshot: shorter", snapshot_shorter, COFFER_E_AUTH, "were announced"},
	{"snapshot: endless", snapshot_endless, COFFER_E_FORMAT, "5.snapshot.json does not end"},
	{"snapshot: another version", snapshot_of_another_version, COFFER_E_AUTH, "version 5; version 6 was announced"},
	{"snapshot: stranger", snapshot_by_stranger, COFFER_E_SIGNATURE, "5.snapshot.json is signed by 0 of"},
	{"snapshot: expired", snapshot_expired, COFFER_E_POLICY, "snapshot.json, version 5, expired"},
	{"snapshot: a targets", snapshot_is_targets, COFFER_E_FORMAT, "no metadata of the role snapshot"},
	{"snapshot: no targets", snapshot_without_targets, COFFER_E_FORMAT, "says nothing about targets.json"},
	{"snapshot: gone", snapshot_gone, COFFER_E_NOTFOUND, "no 5.snapshot.json"},
	{"targets: too few", targets_too_few, COFFER_E_SIGNATURE, "3.targets.json is signed by 1 of"},
	{"targets: another version", targets_of_another_version, COFFER_E_AUTH, "version 3; version 4 was announced"},
	{"targets: other bytes", targets_other_bytes, COFFER_E_AUTH, "3.targets.json is not the file"},
	{"targets: altered", targets_altered, COFFER_E_SIGNATURE, "3.targets.json is signed by 0 of"},
	{"targets: expired", targets_expired, COFFER_E_POLICY, "targets.json, version 3, expired"},
	{"targets: a snapshot", targets_is_snapshot, COFFER_E_FORMAT, "no metadata of the role targets"},
	{"target: not listed", target_not_listed, COFFER_E_NOTFOUND, "has no trusted_root.json"},
	{"target: no hash", target_without_hash, COFFER_E_FORMAT, "no length and SHA-2"},
	{"target: no length", target_without_length, COFFER_E_FORMAT, "no length and SHA-2"},
	{"target: too long for us", target_too_long, COFFER_E_FORMAT, "announces 256 bytes"},
	{"target: changed", target_changed, COFFER_E_AUTH, "trusted_root.json is not the file"},
	{"target: longer", target_longer, COFFER_E_FORMAT, "does not end"},
	{"target: shorter", target_shorter, COFFER_E_AUTH, "were announced"},
	{"target: gone", target_gone, COFFER_E_NOTFOUND, "the test's mirror has no targets/"},
};

static int
setup(void **state)
{
	if (tmpdir_setup_fast(state) != 0 || mkdir("state", 0700) != 0)
		return -1;
	repo_init(&repo);
	return 0;
}

static int
teardown(void **state)
{
	repo_free(&repo);
	return tmpdir_teardown(state);
}

static void
test_one_fault(void **state)
{
	(void)state;
	expect_update("1.root.json", TARGET_TEXT);
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		print_message("%s\n", faults[i].name);
		assert_int_equal(teardown(state), 0);
		assert_int_equal(setup(state), 0);
		faults[i].break_it(&repo);
		expect_refusal("1.root.json", NOW, faults[i].err, faults[i].sentence);
	}
}

/* ---- one after the other ---- */

/* The stored files, to see that a refusal changes none. */
static void
read_state(struct buf out[static N_TUF_ROLES])
{
	static const char *const paths[N_TUF_ROLES] = {"state/root.json", "state/timestamp.json", "state/snapshot.json",
						       "state/targets.json"};

	for (size_t i = 0; i < N_TUF_ROLES; i++) {
		out[i] = (struct buf)BUF_INIT(LIMIT_TUF_TARGETS);
		assert_int_equal(file_slurp(NULL, paths[i], LIMIT_TUF_TARGETS, &out[i], NULL), COFFER_OK);
		assert_int_equal(tmpdir_mode(paths[i]), 0600);
	}
}

static void
timestamp_back(struct repo *r)
{
	r->of[R_TIMESTAMP].version = 9;
	repo_publish(r);
}

static void
snapshot_back(struct repo *r)
{
	r->of[R_TIMESTAMP].version = 11;
	r->of[R_SNAPSHOT].version = 4;
	repo_publish(r);
}

static void
snapshot_forgets(struct repo *r)
{
	r->of[R_TIMESTAMP].version = 11;
	r->of[R_SNAPSHOT].version = 6;
	r->of[R_SNAPSHOT].more = NULL;
	repo_publish(r);
}

static void
targets_back(struct repo *r)
{
	r->of[R_TIMESTAMP].version = 11;
	r->of[R_SNAPSHOT].version = 6;
	r->of[R_TARGETS].version = 2;
	repo_publish(r);
}

static void
delegate_back(struct repo *r)
{
	r->of[R_TIMESTAMP].version = 11;
	r->of[R_SNAPSHOT].version = 6;
	r->of[R_SNAPSHOT].more = ",\"up.json\":{\"version\":6}";
	repo_publish(r);
}

static const struct {
	const char *name;
	void (*change)(struct repo *r);
	const char *sentence;
	bool keeps_timestamp; /* the trouble comes after the new timestamp was stored, as 5.4.5 wants it */
} rollbacks[] = {
	{"timestamp", timestamp_back, "timestamp.json is version 9, and version 10 was seen", true},
	{"snapshot", snapshot_back, "version 4 of snapshot.json, and version 5 was seen", true},
	{"file gone", snapshot_forgets, "snapshot.json lacks up.json", false},
	{"targets", targets_back, "version 2 of targets.json, and version 3 was seen", false},
	{"delegated file", delegate_back, "version 6 of up.json, and version 7 was seen", false},
};

static void
test_rollback(void **state)
{
	struct buf before[N_TUF_ROLES], after[N_TUF_ROLES];

	for (size_t i = 0; i < sizeof(rollbacks) / sizeof(rollbacks[0]); i++) {
		print_message("%s\n", rollbacks[i].name);
		assert_int_equal(teardown(state), 0);
		assert_int_equal(setup(state), 0);
		repo.of[R_SNAPSHOT].more = ",\"up.json\":{\"version\":7}";
		repo_publish(&repo);
		expect_update("1.root.json", TARGET_TEXT);
		read_state(before);
		rollbacks[i].change(&repo);
		expect_refusal(NULL, NOW, COFFER_E_ROLLBACK, rollbacks[i].sentence);
		/* once more: the first refusal has not worn it out */
		expect_refusal(NULL, NOW, COFFER_E_ROLLBACK, rollbacks[i].sentence);
		read_state(after);
		for (size_t k = 0; k < N_TUF_ROLES; k++) {
			if (k != TUF_TIMESTAMP || rollbacks[i].keeps_timestamp) {
				assert_int_equal(before[k].len, after[k].len);
				assert_memory_equal(before[k].p, after[k].p, before[k].len);
			}
			buf_free(&before[k]);
			buf_free(&after[k]);
		}
	}
}

static void
test_freeze(void **state)
{
	(void)state;
	repo.of[R_TIMESTAMP].expires = "2026-09-28T00:00:00Z";
	repo_publish(&repo);
	expect_update("1.root.json", TARGET_TEXT);
	expect_refusal(NULL, NOW + 7 * 86400, COFFER_E_POLICY, "timestamp.json, version 10, expired");
	/* a new one helps */
	repo.of[R_TIMESTAMP].expires = FAR;
	repo.of[R_TIMESTAMP].version = 11;
	repo_publish(&repo);
	expect_update(NULL, TARGET_TEXT);
}

static void
test_nothing_new(void **state)
{
	(void)state;
	expect_update("1.root.json", TARGET_TEXT);
	repo.n_fetched = 0;
	expect_update(NULL, TARGET_TEXT);
	assert_int_equal(repo.n_fetched, 3); /* the next root, the timestamp, the target */
}

static void
test_no_root(void **state)
{
	(void)state;
	expect_refusal(NULL, NOW, COFFER_E_NOTFOUND, "--root FILE");
}

/* publish root @version with the keys A and @with */
static void
rotate(unsigned int version, enum repo_key with, const char *expires)
{
	repo.root_version = version;
	repo.roles[R_ROOT].keys = BIT(K_ROOT_A) | BIT(with);
	repo.root_signers = BIT(K_ROOT_A) | BIT(K_ROOT_B) | BIT(K_ROOT_C) | BIT(with);
	repo.root_expires = expires;
	repo_publish_root(&repo);
}

static void
expect_stored_root(const char *path)
{
	const struct buf *want = &repo_find(&repo, path)->text;
	struct buf got = BUF_INIT(LIMIT_TUF_ROOT);

	assert_int_equal(file_slurp(NULL, "state/root.json", LIMIT_TUF_ROOT, &got, NULL), COFFER_OK);
	assert_int_equal(got.len, want->len);
	assert_memory_equal(got.p, want->p, want->len);
	buf_free(&got);
}

static void
test_chain(void **state)
{
	(void)state;
	/* the first and second link have expired, the third has not */
	rotate(1, K_ROOT_B, "2026-01-01T00:00:00Z");
	rotate(2, K_ROOT_C, "2026-02-01T00:00:00Z");
	rotate(3, K_STRANGER, FAR);
	expect_update("1.root.json", TARGET_TEXT);
	repo.n_fetched = 0;
	expect_update(NULL, TARGET_TEXT);
	assert_int_equal(repo.n_fetched, 3); /* it began at 3 */
	/* a mirror that shows the user's root and none behind it */
	repo_remove(&repo, "2.root.json");
	rotate(1, K_ROOT_B, FAR);
	expect_refusal("1.root.json", NOW, COFFER_E_ROLLBACK, "leads to version 1, and version 3 was seen before");
	expect_stored_root("3.root.json");
	expect_update(NULL, TARGET_TEXT);
}

static void
test_newer_root_given(void **state)
{
	(void)state;
	expect_update("1.root.json", TARGET_TEXT);
	rotate(2, K_ROOT_B, FAR);
	repo_remove(&repo, "1.root.json");
	expect_update("2.root.json", TARGET_TEXT);
}

/* 5.3.11: an attacker had the online key, and ran the versions up to the end */
static void
test_fast_forward(void **state)
{
	static const enum repo_role taken[] = {R_TIMESTAMP, R_SNAPSHOT};

	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(teardown(state), 0);
		assert_int_equal(setup(state), 0);
		repo.of[R_TIMESTAMP].version = repo.of[R_SNAPSHOT].version = DOC_NUMBER_MAX - 1;
		repo.announced[R_TARGETS] = 0;
		repo_publish(&repo);
		expect_update("1.root.json", TARGET_TEXT);

		repo.of[R_TIMESTAMP].version = 20;
		repo.of[R_SNAPSHOT].version = 6;
		repo.target_text = "{\"who\": \"to believe now\"}\n";
		repo_publish(&repo);
		expect_refusal(NULL, NOW, COFFER_E_ROLLBACK, "was seen before");

		repo.roles[taken[i]].keys = repo.of[taken[i]].signers = BIT(K_ROOT_B);
		repo.root_version = 2;
		repo_publish_root(&repo);
		repo_publish(&repo);
		/* targets.json kept its version, and its hash did not */
		expect_update(NULL, repo.target_text);
	}
}

static void
test_new_target(void **state)
{
	(void)state;
	expect_update("1.root.json", TARGET_TEXT);
	repo.of[R_TIMESTAMP].version = 11;
	repo.of[R_SNAPSHOT].version = 6;
	repo.of[R_TARGETS].version = 4;
	repo.target_text = "{\"who\": \"to believe now\"}\n";
	repo_publish(&repo);
	expect_update(NULL, repo.target_text);
}

static void
test_without_hashes(void **state)
{
	(void)state;
	repo.hashes = false;
	repo_publish(&repo);
	expect_update("1.root.json", TARGET_TEXT);
	expect_update(NULL, TARGET_TEXT);
}

static void
test_not_consistent(void **state)
{
	(void)state;
	repo_free(&repo);
	repo.consistent = false;
	repo_publish_root(&repo);
	repo_publish(&repo);
	assert_non_null(repo_find(&repo, "snapshot.json"));
	expect_update("1.root.json", TARGET_TEXT);
}

static void
test_stored_is_checked(void **state)
{
	(void)state;
	expect_update("1.root.json", TARGET_TEXT);
	tmpdir_file("state/root.json", "{}", 2, 0600);
	expect_refusal(NULL, NOW, COFFER_E_FORMAT, "state/root.json");
	tmpdir_file("state/root.json", repo_find(&repo, "timestamp.json")->text.p, 20, 0600);
	expect_refusal(NULL, NOW, COFFER_E_FORMAT, "state/root.json");
}

/* a fetch that stops by itself says so in its own words */
static void
test_heeds_max(void **state)
{
	(void)state;
	repo.heeds_max = true;
	timestamp_endless(&repo);
	expect_refusal("1.root.json", NOW, COFFER_E_NET, "stop after 16384 bytes");
}

static int
make_keys(void **state)
{
	(void)state;
	repo_make_keys();
	return 0;
}

static int
free_keys(void **state)
{
	(void)state;
	repo_free_keys();
	return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_one_fault),	     TEST(test_rollback),	TEST(test_freeze),
		TEST(test_nothing_new),	     TEST(test_no_root),	TEST(test_chain),
		TEST(test_newer_root_given), TEST(test_fast_forward),	TEST(test_new_target),
		TEST(test_without_hashes),   TEST(test_not_consistent), TEST(test_stored_is_checked),
		TEST(test_heeds_max),
	};

	return cmocka_run_group_tests_name("tuf", tests, make_keys, free_keys);
}
