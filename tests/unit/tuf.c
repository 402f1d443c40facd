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

/* What is wrong with a repository: what is not zero here differs from the good one. */
struct wrong {
	/* in a root, which is then published */
	unsigned int root_version, root_keys, root_signers, twice, unknown;
	const char *root_expires, *scheme;

	/* in the metadata of the role @of, or the entry of the target; then all of them are published */
	enum repo_role of;
	unsigned int signers;
	const char *expires, *type, *spec;
	unsigned long long announced;
	const char *target_entry;
	bool no_hashes;

	/* in the file whose path begins with @path: @to in place of @from, or so many spaces in place of all, or it is gone */
	const char *path, *from, *to;
	size_t spaces;
	bool gone;

	void (*by_hand)(struct repo *r);
};

static void
spoil_root(struct repo *r, const struct wrong *w)
{
	if (w->root_version)
		r->root_version = w->root_version;
	if (w->root_keys)
		r->roles[R_ROOT].keys = w->root_keys;
	if (w->root_signers)
		r->root_signers = w->root_signers;
	if (w->root_expires)
		r->root_expires = w->root_expires;
	r->twice = w->twice;
	r->unknown = w->unknown;
	r->scheme = w->scheme;
	if (w->root_version || w->root_keys || w->root_signers || w->root_expires || w->twice || w->unknown ||
	    w->scheme)
		repo_publish_root(r);
}

static void
spoil_roles(struct repo *r, const struct wrong *w)
{
	if (w->signers)
		r->of[w->of].signers = w->signers;
	if (w->expires)
		r->of[w->of].expires = w->expires;
	if (w->type)
		r->of[w->of].type = w->type;
	if (w->spec)
		r->of[w->of].spec = w->spec;
	if (w->announced)
		r->announced[w->of] = w->announced;
	r->hashes = !w->no_hashes;
	r->target_entry = w->target_entry;
	repo_publish(r);
}

static void
fill_with_spaces(struct repo *r, const char *path, size_t n)
{
	struct buf *text = repo_file(r, path);

	for (size_t i = 0; i < n; i++)
		assert_int_equal(buf_add(NULL, text, " ", 1), COFFER_OK);
}

static void
spoil_file(struct repo *r, const struct wrong *w)
{
	const char *path = w->path;

	/* the path of the target begins with its hash */
	for (size_t i = 0; i < r->n_files; i++)
		if (strncmp(r->files[i].path, w->path, strlen(w->path)) == 0)
			path = r->files[i].path;
	if (w->from)
		replace(r, path, w->from, w->to);
	if (w->spaces)
		fill_with_spaces(r, path, w->spaces);
	if (w->gone)
		repo_remove(r, path);
}

static void
spoil(struct repo *r, const struct wrong *w)
{
	spoil_root(r, w);
	spoil_roles(r, w);
	if (w->path)
		spoil_file(r, w);
	if (w->by_hand)
		w->by_hand(r);
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
root_no_threshold(struct repo *r)
{
	r->roles[R_TARGETS].threshold = 0;
	repo_publish_root(r);
}

static void
root_empty_signature(struct repo *r)
{
	char sig[1024];

	cut_out(r, "1.root.json", "\"sig\"", "}", sig, sizeof(sig));
	replace(r, "1.root.json", sig, "\"sig\": \"\"}");
}

static void
root_cut(struct repo *r)
{
	repo_find(r, "1.root.json")->text.len -= 3;
}

/* what is published as root 2 says that it is @version */
static void
next_is(struct repo *r, unsigned int version)
{
	const struct buf *published;

	r->root_version = version;
	r->root_expires = "2029-01-01T00:00:00Z";
	repo_publish_root(r);
	published = &repo_find(r, version == 1 ? "1.root.json" : "3.root.json")->text;
	assert_int_equal(buf_add(NULL, repo_file(r, "2.root.json"), published->p, published->len), COFFER_OK);
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

#define PAST "2026-01-01T00:00:00Z"
#define NOW_TEXT "2026-09-21T14:13:20Z" /* to the second */
#define NO_SHA256 "\"hashes\":{\"sha256\":\"0000000000000000000000000000000000000000000000000000000000000000\"}"
#define IN_ROOT(before, after) .path = "1.root.json", .from = before, .to = after
#define IN_TIMESTAMP(before, after) .path = "timestamp.json", .from = before, .to = after
#define IN_SNAPSHOT(before, after) .path = "5.snapshot.json", .from = before, .to = after
#define IN_TARGETS(before, after) .path = "3.targets.json", .from = before, .to = after
#define IN_TARGET(before, after) .path = "targets/", .from = before, .to = after

static const struct {
	const char *name;
	struct wrong wrong;
	coffer_err err;
	const char *sentence;
} faults[] = {
	{"root: too few", {.root_signers = BIT(K_ROOT_B)}, COFFER_E_SIGNATURE, "given is signed by 1 of"},
	{"root: strangers",
	 {.root_signers = BIT(K_STRANGER) | BIT(K_ONLINE) | BIT(K_ROOT_A)},
	 COFFER_E_SIGNATURE,
	 "given is signed by 1 of"},
	{"root: one key, two names",
	 {.twice = BIT(K_ROOT_A), .root_signers = BIT(K_ROOT_A)},
	 COFFER_E_SIGNATURE,
	 "given is signed by 1 of"},
	{"root: one signature twice", {.by_hand = root_signature_twice}, COFFER_E_SIGNATURE, "given is signed by 1 of"},
	{"root: key of no name", {.unknown = BIT(K_ROOT_A)}, COFFER_E_SIGNATURE, "given is signed by 1 of"},
	{"root: scheme of another key",
	 {.scheme = "ecdsa-sha2-nistp384"},
	 COFFER_E_SIGNATURE,
	 "given is signed by 0 of"},
	{"root: unknown scheme", {.scheme = "rsassa-pss-sha256"}, COFFER_E_SIGNATURE, "given is signed by 0 of"},
	{"root: no threshold", {.by_hand = root_no_threshold}, COFFER_E_FORMAT, "«roles»"},
	{"root: altered",
	 {IN_ROOT("\"threshold\":2", "\"threshold\":1")},
	 COFFER_E_SIGNATURE,
	 "given is signed by 0 of"},
	{"root: empty signature", {.by_hand = root_empty_signature}, COFFER_E_SIGNATURE, "given is signed by 1 of"},
	{"root: doubled member", {IN_ROOT("\"roles\":{", "\"keys\":{},\"roles\":{")}, COFFER_E_FORMAT, "not JSON"},
	{"root: fraction",
	 {IN_ROOT("\"spec_version\"", "\"more\":1.5,\"spec_version\"")},
	 COFFER_E_FORMAT,
	 "not whole"},
	{"root: another kind",
	 {IN_ROOT("\"_type\":\"root\"", "\"_type\":\"targets\"")},
	 COFFER_E_FORMAT,
	 "no metadata of the role root"},
	{"root: cut", {.by_hand = root_cut}, COFFER_E_FORMAT, "not JSON"},
	{"root: version 0", {IN_ROOT("\"version\":1}", "\"version\":0}")}, COFFER_E_FORMAT, "«version»"},
	{"root: no date",
	 {IN_ROOT("\"expires\":\"" FAR "\"", "\"expires\":\"never, not for you\"")},
	 COFFER_E_FORMAT,
	 "«expires»"},
	{"root: no timestamp role", {IN_ROOT("\"timestamp\":{", "\"timestamps\":{")}, COFFER_E_FORMAT, "«roles»"},
	{"root: expired",
	 {.root_expires = NOW_TEXT},
	 COFFER_E_POLICY,
	 "root.json, version 1, expired at 2026-09-21T14:13:20Z"},
	{"next root: old keys did not sign",
	 {.root_version = 2,
	  .root_keys = BIT(K_STRANGER) | BIT(K_ROOT_B),
	  .root_signers = BIT(K_STRANGER) | BIT(K_ROOT_B)},
	 COFFER_E_SIGNATURE,
	 "2.root.json is signed by 1 of the keys that root.json, version 1,"},
	{"next root: new keys did not sign",
	 {.root_version = 2,
	  .root_keys = BIT(K_STRANGER) | BIT(K_ROOT_B),
	  .root_signers = BIT(K_ROOT_A) | BIT(K_ROOT_B)},
	 COFFER_E_SIGNATURE,
	 "2.root.json is signed by 1 of the keys that root.json, version 2,"},
	{"next root: skips", {.by_hand = next_skips}, COFFER_E_ROLLBACK, "2.root.json says that it is version 3"},
	{"next root: goes back",
	 {.by_hand = next_goes_back},
	 COFFER_E_ROLLBACK,
	 "2.root.json says that it is version 1"},
	{"next root: endless",
	 {.path = "2.root.json", .spaces = LIMIT_TUF_ROOT + 1},
	 COFFER_E_FORMAT,
	 "2.root.json does not end"},
	{"next root: expired",
	 {.root_version = 2, .root_expires = PAST},
	 COFFER_E_POLICY,
	 "root.json, version 2, expired"},
	{"timestamp: stranger",
	 {.of = R_TIMESTAMP, .signers = BIT(K_STRANGER) | BIT(K_ROOT_A)},
	 COFFER_E_SIGNATURE,
	 "timestamp.json is signed by 0 of"},
	{"timestamp: altered",
	 {IN_TIMESTAMP("\"version\":10}", "\"version\":11}")},
	 COFFER_E_SIGNATURE,
	 "timestamp.json is signed by 0 of"},
	{"timestamp: expired",
	 {.of = R_TIMESTAMP, .expires = NOW_TEXT},
	 COFFER_E_POLICY,
	 "timestamp.json, version 10, expired"},
	{"timestamp: endless",
	 {.path = "timestamp.json", .spaces = LIMIT_TUF_TIMESTAMP + 1},
	 COFFER_E_FORMAT,
	 "timestamp.json does not end"},
	{"timestamp: a snapshot",
	 {.of = R_TIMESTAMP, .type = "snapshot"},
	 COFFER_E_FORMAT,
	 "no metadata of the role timestamp"},
	{"timestamp: gone", {.path = "timestamp.json", .gone = true}, COFFER_E_NOTFOUND, "no timestamp.json"},
	{"timestamp: of 2.0",
	 {.of = R_TIMESTAMP, .spec = "2.0"},
	 COFFER_E_UNSUPPORTED,
	 "version 2.0 of The Update Framework"},
	{"timestamp: empty",
	 {IN_TIMESTAMP("\"snapshot.json\"", "\"snapshot.jsonl\"")},
	 COFFER_E_FORMAT,
	 "says nothing about snapshot.json"},
	{"timestamp: announces version 0",
	 {IN_TIMESTAMP("\"version\":5}", "\"version\":0}")},
	 COFFER_E_FORMAT,
	 "«meta»"},
	{"timestamp: announces no hash", {IN_TIMESTAMP("\"sha256\":\"", "\"sha256\":\"0")}, COFFER_E_FORMAT, "«meta»"},
	{"snapshot: other bytes", {IN_SNAPSHOT("\n}\n", "\n}\t")}, COFFER_E_AUTH, "5.snapshot.json is not the file"},
	{"snapshot: longer", {IN_SNAPSHOT("\n}\n", "\n}\n\n")}, COFFER_E_FORMAT, "5.snapshot.json does not end"},
	{"snapshot: shorter", {IN_SNAPSHOT("\n}\n", "\n}")}, COFFER_E_AUTH, "were announced"},
	{"snapshot: endless",
	 {.no_hashes = true, .path = "5.snapshot.json", .spaces = LIMIT_TUF_SNAPSHOT + 1},
	 COFFER_E_FORMAT,
	 "5.snapshot.json does not end"},
	{"snapshot: another version",
	 {.of = R_SNAPSHOT, .announced = 6},
	 COFFER_E_AUTH,
	 "version 5; version 6 was announced"},
	{"snapshot: stranger",
	 {.of = R_SNAPSHOT, .signers = BIT(K_STRANGER) | BIT(K_TARGETS_A)},
	 COFFER_E_SIGNATURE,
	 "5.snapshot.json is signed by 0 of"},
	{"snapshot: expired",
	 {.of = R_SNAPSHOT, .expires = PAST},
	 COFFER_E_POLICY,
	 "snapshot.json, version 5, expired"},
	{"snapshot: a targets",
	 {.of = R_SNAPSHOT, .type = "targets"},
	 COFFER_E_FORMAT,
	 "no metadata of the role snapshot"},
	{"snapshot: no targets",
	 {.no_hashes = true, IN_SNAPSHOT("\"targets.json\"", "\"target.json\"")},
	 COFFER_E_FORMAT,
	 "says nothing about targets.json"},
	{"snapshot: gone", {.path = "5.snapshot.json", .gone = true}, COFFER_E_NOTFOUND, "no 5.snapshot.json"},
	{"targets: too few",
	 {.of = R_TARGETS, .signers = BIT(K_TARGETS_A) | BIT(K_ONLINE)},
	 COFFER_E_SIGNATURE,
	 "3.targets.json is signed by 1 of"},
	{"targets: another version",
	 {.of = R_TARGETS, .announced = 4},
	 COFFER_E_AUTH,
	 "version 3; version 4 was announced"},
	{"targets: other bytes", {IN_TARGETS("\n}\n", "\n}\t")}, COFFER_E_AUTH, "3.targets.json is not the file"},
	{"targets: altered",
	 {.no_hashes = true, IN_TARGETS("\"length\":", "\"length\":1")},
	 COFFER_E_SIGNATURE,
	 "3.targets.json is signed by 0 of"},
	{"targets: expired", {.of = R_TARGETS, .expires = PAST}, COFFER_E_POLICY, "targets.json, version 3, expired"},
	{"targets: a snapshot",
	 {.of = R_TARGETS, .type = "snapshot"},
	 COFFER_E_FORMAT,
	 "no metadata of the role targets"},
	{"target: not listed", {.target_entry = ""}, COFFER_E_NOTFOUND, "has no trusted_root.json"},
	{"target: no hash",
	 {.target_entry = "\"" TARGET "\":{\"hashes\":{\"md5\":\"00\"},\"length\":22}"},
	 COFFER_E_FORMAT,
	 "no length and SHA-2"},
	{"target: no length",
	 {.target_entry = "\"" TARGET "\":{" NO_SHA256 "}"},
	 COFFER_E_FORMAT,
	 "no length and SHA-2"},
	{"target: too long for us",
	 {.target_entry = "\"" TARGET "\":{" NO_SHA256 ",\"length\":256}"},
	 COFFER_E_FORMAT,
	 "announces 256 bytes"},
	{"target: changed", {IN_TARGET("believe", "BELIEVE")}, COFFER_E_AUTH, "trusted_root.json is not the file"},
	{"target: longer", {IN_TARGET("}", "} ")}, COFFER_E_FORMAT, "does not end"},
	{"target: shorter", {IN_TARGET("}\n", "}")}, COFFER_E_AUTH, "were announced"},
	{"target: gone", {.path = "targets/", .gone = true}, COFFER_E_NOTFOUND, "the test's mirror has no targets/"},
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
		spoil(&repo, &faults[i].wrong);
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
	fill_with_spaces(&repo, "timestamp.json", LIMIT_TUF_TIMESTAMP + 1);
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
