/* SPDX-License-Identifier: Apache-2.0 */
#include "sign/tuf.h"

#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/num.h"
#include "base/path.h"
#include "base/utc.h"

#define PATH_MAX_LEN 512 /* of a file on the mirror */

static unsigned long long
shown(uint64_t version)
{
	return (unsigned long long)version;
}

/* ---- the mirror ---- */

static coffer_err
fetch(struct fault *f, const struct tuf *t, const char *path, size_t max, struct buf *out)
{
	coffer_err err = t->options.fetch(t->options.user, f, path, max, out);

	/* the protection from endless data: what @fetch was told it may not have heeded */
	if (err == COFFER_OK && out->len > max)
		return fault_set(f, COFFER_E_FORMAT,
				 "the mirror's %s does not end after %zu bytes, and no honest one is longer", path,
				 max);
	return err;
}

/* The protection from mix and match: what the file above announced, and nothing else. */
static coffer_err
check_announced(struct fault *f, const char *what, const struct tuf_listed *listed, const struct tuf_file *file)
{
	if (file->version != listed->version)
		return fault_set(f, COFFER_E_AUTH, "%s says that it is version %llu; version %llu was announced", what,
				 shown(file->version), shown(listed->version));
	return COFFER_OK;
}

/*
 * Fetch the metadata file @path, and verify it by the keys of the root that is trusted now.
 * @listed: what the file above it says about it; NULL where none does
 */
static coffer_err
fetch_file(struct fault *f, const struct tuf *t, enum tuf_role role, const char *path, const struct tuf_listed *listed,
	   struct tuf_file *out)
{
	size_t max = tuf_role_limit(role);
	char what[PATH_MAX_LEN + 16];
	coffer_err err;

	if (listed && listed->has_length)
		max = (size_t)num_min(max, listed->length);
	(void)snprintf(what, sizeof(what), "the mirror's %s", path);
	TRY(fetch(f, t, path, max, &out->bytes));
	if (listed)
		TRY(tuf_listed_check(f, what, listed, buf_view(&out->bytes)));
	TRY(tuf_file_read(f, what, role, out));
	TRY(tuf_file_verify(f, what, &t->trusted[TUF_ROOT], out));
	if (listed)
		TRY(check_announced(f, what, listed, out));
out:
	return err;
}

/* ---- the folder ---- */

static void
shown_stored(const struct tuf *t, enum tuf_role role, char *out, size_t cap)
{
	(void)snprintf(out, cap, "%s/%s", t->options.shown, tuf_role_file(role));
}

/* COFFER_E_NOTFOUND when there is none; nothing is verified */
static coffer_err
load(struct fault *f, const struct tuf *t, enum tuf_role role, struct tuf_file *out)
{
	char path[PATH_MAX_LEN];
	coffer_err err;

	tuf_file_free(out);
	shown_stored(t, role, path, sizeof(path));
	TRY(file_slurp_at(f, t->options.dirfd, tuf_role_file(role), path, tuf_role_limit(role), &out->bytes));
	TRY(tuf_file_read(f, path, role, out));
out:
	return err;
}

/* The stored file of @role; none, and *@disowned_out true, when the keys that the root has now did not sign it. */
static coffer_err
load_trusted(struct fault *f, const struct tuf *t, enum tuf_role role, struct tuf_file *out, bool *disowned_out)
{
	coffer_err err = load(f, t, role, out);

	if (err == COFFER_OK)
		err = tuf_file_verify(f, tuf_role_file(role), &t->trusted[TUF_ROOT], out);
	if (err == COFFER_E_SIGNATURE)
		*disowned_out = true;
	else if (err != COFFER_E_NOTFOUND)
		return err;
	if (f)
		fault_clear(f);
	tuf_file_free(out);
	return COFFER_OK;
}

static coffer_err
store(struct fault *f, const struct tuf *t, const struct tuf_file *file)
{
	char path[PATH_MAX_LEN];
	struct newfile n;
	coffer_err err;

	shown_stored(t, file->role, path, sizeof(path));
	TRY(newfile_open_at(f, &n, t->options.dirfd, tuf_role_file(file->role), path, 0600, true));
	TRY(file_write_at(f, n.fd, path, file->bytes.p, file->bytes.len, 0));
	TRY(newfile_commit(f, &n));
out:
	newfile_abort(&n);
	return err;
}

/* ---- what all roles have in common ---- */

static void
trust(struct tuf *t, struct tuf_file *file)
{
	tuf_file_free(&t->trusted[file->role]);
	t->trusted[file->role] = *file;
	*file = (struct tuf_file)TUF_FILE_INIT;
}

/* The protection from a freeze: a mirror that shows the same for ever is found out when that expires. */
static coffer_err
check_expiry(struct fault *f, const struct tuf *t, const struct tuf_file *file)
{
	char then[UTC_LEN + 1], now[UTC_LEN + 1];

	if (t->options.now < file->expires)
		return COFFER_OK;
	return fault_set(
		f, COFFER_E_POLICY,
		"%s, version %llu, expired at %s, and the mirror has none that is newer; this machine's clock says %s",
		tuf_role_file(file->role), shown(file->version), utc_text(file->expires, then),
		utc_text(t->options.now, now));
}

/* ---- root: 5.2, 5.3 ---- */

/* The first link of the chain: the user's, or the one that was reached last time. */
static coffer_err
begin_chain(struct fault *f, struct tuf *t, const struct tuf_file *stored)
{
	const struct view given = t->options.root, from = given.len > 0 ? given : buf_view(&stored->bytes);
	const char *what = given.len > 0 ? "the root.json that was given" : "the stored root.json";
	struct tuf_file *root = &t->trusted[TUF_ROOT];
	coffer_err err;

	if (from.len == 0)
		return fault_set(f, COFFER_E_NOTFOUND,
				 "%s has no root.json to begin with; give the mirror's, from a source that you trust "
				 "(--root FILE)",
				 t->options.shown);
	if (from.len > LIMIT_TUF_ROOT)
		return fault_set(f, COFFER_E_FORMAT, "%s has %zu bytes; at most %u are expected", what, from.len,
				 LIMIT_TUF_ROOT);
	TRY(buf_add(f, &root->bytes, from.p, from.len));
	TRY(tuf_file_read(f, what, TUF_ROOT, root));
	TRY(tuf_file_verify(f, what, root, root));
out:
	return err;
}

/* The next root: signed as the one before it demands, and as it demands itself; COFFER_E_NOTFOUND at the end of the chain */
static coffer_err
next_root(struct fault *f, struct tuf *t)
{
	struct tuf_file next = TUF_FILE_INIT;
	const uint64_t version = t->trusted[TUF_ROOT].version + 1;
	char path[64], what[80];
	coffer_err err;

	(void)snprintf(path, sizeof(path), "%llu.root.json", shown(version));
	(void)snprintf(what, sizeof(what), "the mirror's %s", path);
	TRY(fetch_file(f, t, TUF_ROOT, path, NULL, &next));
	TRY(tuf_file_verify(f, what, &next, &next));
	if (next.version != version)
		TRY(fault_set(f, COFFER_E_ROLLBACK, "%s says that it is version %llu", what, shown(next.version)));
	trust(t, &next);
out:
	tuf_file_free(&next);
	return err;
}

/* What is stored never goes back, wherever the user's root begins. */
static coffer_err
keep_root(struct fault *f, const struct tuf *t, const struct tuf_file *stored)
{
	const struct tuf_file *root = &t->trusted[TUF_ROOT];

	if (root->version < stored->version ||
	    (root->bytes.len == stored->bytes.len && memcmp(root->bytes.p, stored->bytes.p, root->bytes.len) == 0))
		return COFFER_OK;
	return store(f, t, root);
}

/* Expired links are no harm (5.3.10 is about the last one): each says only which keys the next one has. */
static coffer_err
follow_chain(struct fault *f, struct tuf *t, const struct tuf_file *stored)
{
	coffer_err err;

	TRY(keep_root(f, t, stored));
	for (unsigned int i = 0; i < LIMIT_TUF_ROTATIONS; i++) {
		err = next_root(f, t);
		if (err == COFFER_E_NOTFOUND) {
			if (f)
				fault_clear(f);
			return COFFER_OK;
		}
		TRY(err);
		TRY(keep_root(f, t, stored));
	}
	err = fault_set(f, COFFER_E_FORMAT, "the mirror has more than %u new roots; another run goes on from here",
			LIMIT_TUF_ROTATIONS);
out:
	return err;
}

static coffer_err
update_root(struct fault *f, struct tuf *t)
{
	struct tuf_file stored = TUF_FILE_INIT;
	coffer_err err;

	err = load(f, t, TUF_ROOT, &stored);
	if (err != COFFER_E_NOTFOUND)
		TRY(err);
	TRY(begin_chain(f, t, &stored));
	TRY(follow_chain(f, t, &stored));
	if (t->trusted[TUF_ROOT].version < stored.version)
		TRY(fault_set(f, COFFER_E_ROLLBACK,
			      "the root.json that was given leads to version %llu, and version %llu was seen before; "
			      "to begin anew all the same, remove %s",
			      shown(t->trusted[TUF_ROOT].version), shown(stored.version), t->options.shown));
	TRY(check_expiry(f, t, &t->trusted[TUF_ROOT]));
out:
	tuf_file_free(&stored);
	return err;
}

/* ---- timestamp: 5.4 ---- */

static coffer_err
check_timestamp_rollback(struct fault *f, const struct tuf_file *old, const struct tuf_file *new)
{
	struct tuf_listed before, now;

	if (new->version < old->version)
		return fault_set(f, COFFER_E_ROLLBACK,
				 "the mirror's timestamp.json is version %llu, and version %llu was seen before",
				 shown(new->version), shown(old->version));
	if (tuf_file_lists(old, tuf_role_file(TUF_SNAPSHOT), &before) &&
	    tuf_file_lists(new, tuf_role_file(TUF_SNAPSHOT), &now) && now.version < before.version)
		return fault_set(f, COFFER_E_ROLLBACK,
				 "the mirror's timestamp.json announces version %llu of snapshot.json, and version "
				 "%llu was seen before",
				 shown(now.version), shown(before.version));
	return COFFER_OK;
}

/* Bring *@seen, which may be none, up to date. */
static coffer_err
update_timestamp(struct fault *f, struct tuf *t, struct tuf_file *seen)
{
	struct tuf_file new = TUF_FILE_INIT;
	bool is_new;
	coffer_err err;

	TRY(fetch_file(f, t, TUF_TIMESTAMP, tuf_role_file(TUF_TIMESTAMP), NULL, &new));
	if (seen->doc)
		TRY(check_timestamp_rollback(f, seen, &new));
	is_new = !seen->doc || new.version > seen->version;
	TRY(check_expiry(f, t, is_new ? &new : seen));
	if (is_new)
		TRY(store(f, t, &new));
	trust(t, is_new ? &new : seen);
out:
	tuf_file_free(&new);
	return err;
}

/* ---- snapshot and targets: 5.5, 5.6 ---- */

/* With consistent snapshots a file that is announced stays as it is while another version of the repository is published. */
static void
path_of(const struct tuf *t, enum tuf_role role, const struct tuf_listed *listed, char out[static PATH_MAX_LEN])
{
	if (t->trusted[TUF_ROOT].consistent_snapshot)
		(void)snprintf(out, PATH_MAX_LEN, "%llu.%s", shown(listed->version), tuf_role_file(role));
	else
		(void)snprintf(out, PATH_MAX_LEN, "%s", tuf_role_file(role));
}

static bool
is_announced(const struct tuf_file *file, const struct tuf_listed *listed)
{
	return file->doc && file->version == listed->version &&
	       tuf_listed_check(NULL, "", listed, buf_view(&file->bytes)) == COFFER_OK;
}

struct rollback {
	struct fault *f;
	const struct tuf_file *new;
};

static coffer_err
check_not_older(void *arg, const char *name, const struct tuf_listed *before)
{
	const struct rollback *r = arg;
	struct tuf_listed now;

	if (!tuf_file_lists(r->new, name, &now))
		return fault_set(r->f, COFFER_E_ROLLBACK, "the mirror's snapshot.json lacks %s, which was seen before",
				 name);
	if (now.version < before->version)
		return fault_set(
			r->f, COFFER_E_ROLLBACK,
			"the mirror's snapshot.json announces version %llu of %s, and version %llu was seen before",
			shown(now.version), name, shown(before->version));
	return COFFER_OK;
}

/* Bring *@seen, which may be none, to what the trusted file of @above announces. */
static coffer_err
update_announced(struct fault *f, struct tuf *t, enum tuf_role above, enum tuf_role role, struct tuf_file *seen)
{
	struct tuf_file new = TUF_FILE_INIT;
	struct rollback rollback = {.f = f, .new = &new};
	struct tuf_listed listed;
	char path[PATH_MAX_LEN];
	coffer_err err;

	if (!tuf_file_lists(&t->trusted[above], tuf_role_file(role), &listed))
		return fault_set(f, COFFER_E_INTERNAL, "%s was read and lacks %s", tuf_role_file(above),
				 tuf_role_file(role));
	if (is_announced(seen, &listed)) {
		TRY(check_expiry(f, t, seen));
		trust(t, seen);
		goto out;
	}
	path_of(t, role, &listed, path);
	TRY(fetch_file(f, t, role, path, &listed, &new));
	if (role == TUF_SNAPSHOT && seen->doc)
		TRY(tuf_file_each(seen, check_not_older, &rollback));
	TRY(check_expiry(f, t, &new));
	TRY(store(f, t, &new));
	trust(t, &new);
out:
	tuf_file_free(&new);
	return err;
}

/* ---- all of it ---- */

/* What was verified before, as far as it still is. */
struct seen {
	struct tuf_file timestamp, snapshot, targets;
};

static coffer_err
load_seen(struct fault *f, const struct tuf *t, struct seen *s)
{
	bool disowned = false, targets_disowned = false;
	coffer_err err;

	TRY(load_trusted(f, t, TUF_TIMESTAMP, &s->timestamp, &disowned));
	TRY(load_trusted(f, t, TUF_SNAPSHOT, &s->snapshot, &disowned));
	TRY(load_trusted(f, t, TUF_TARGETS, &s->targets, &targets_disowned));
	/* 5.3.11: whoever had keys that were taken away since may have run the versions up to their end, in both */
	if (disowned) {
		tuf_file_free(&s->timestamp);
		tuf_file_free(&s->snapshot);
	}
out:
	return err;
}

coffer_err
tuf_update(struct fault *f, const struct tuf_options *options, struct tuf *out)
{
	struct seen seen = {TUF_FILE_INIT, TUF_FILE_INIT, TUF_FILE_INIT};
	coffer_err err;

	*out = (struct tuf){.options = *options,
			    .trusted = {TUF_FILE_INIT, TUF_FILE_INIT, TUF_FILE_INIT, TUF_FILE_INIT}};
	TRY(update_root(f, out));
	TRY(load_seen(f, out, &seen));
	TRY(update_timestamp(f, out, &seen.timestamp));
	TRY(update_announced(f, out, TUF_TIMESTAMP, TUF_SNAPSHOT, &seen.snapshot));
	TRY(update_announced(f, out, TUF_SNAPSHOT, TUF_TARGETS, &seen.targets));
out:
	tuf_file_free(&seen.timestamp);
	tuf_file_free(&seen.snapshot);
	tuf_file_free(&seen.targets);
	return err;
}

void
tuf_free(struct tuf *t)
{
	for (size_t i = 0; i < N_TUF_ROLES; i++)
		tuf_file_free(&t->trusted[i]);
}

/* ---- targets: 5.7 ---- */

/* «targets/DIR/HASH.NAME»: the mirror has it under each hash that is announced; without consistent snapshots under none. */
static coffer_err
fetch_target(struct fault *f, const struct tuf *t, const char *name, const struct tuf_listed *listed, struct buf *out)
{
	const size_t dir_len = (size_t)(path_base(name) - name), max = (size_t)listed->length;
	char path[PATH_MAX_LEN], hash[2 * DIGEST_MAX + 1];

	if (!t->trusted[TUF_ROOT].consistent_snapshot) {
		(void)snprintf(path, sizeof(path), "targets/%s", name);
		return fetch(f, t, path, max, out);
	}
	tuf_listed_hash(listed, listed->has_hash[0] ? 0 : 1, hash);
	(void)snprintf(path, sizeof(path), "targets/%.*s%s.%s", (int)dir_len, name, hash, name + dir_len);
	return fetch(f, t, path, max, out);
}

coffer_err
tuf_target(struct fault *f, const struct tuf *t, const char *name, size_t max, struct buf *out)
{
	struct buf bytes = BUF_INIT(max + 1);
	struct tuf_listed listed;
	coffer_err err;

	TRY(tuf_file_target(f, &t->trusted[TUF_TARGETS], name, &listed));
	if (listed.length > max)
		TRY(fault_set(f, COFFER_E_FORMAT, "targets.json announces %llu bytes of %s; at most %zu are expected",
			      shown(listed.length), name, max));
	TRY(fetch_target(f, t, name, &listed, &bytes));
	TRY(tuf_listed_check(f, name, &listed, buf_view(&bytes)));
	TRY(buf_add(f, out, bytes.p, bytes.len));
out:
	buf_free(&bytes);
	return err;
}
