/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/append.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/actor.h"
#include "audit/mark.h"
#include "base/file.h"
#include "base/home.h"
#include "base/limits.h"
#include "base/num.h"
#include "base/utc.h"
#include "crypto/rand.h"

#define TORN_NAME_LEN 40

/* struct append - the folder while it is written to */
struct append {
	const struct audit_folder *folder;
	audit_said_fn said;
	void *arg;

	int fd; /* the current part */
	uint64_t size;
	uint64_t whole;		 /* of it, up to the end of the last whole line */
	struct audit_place next; /* of the next record */

	int marks_fd;
	uint64_t marks_size;
	bool has_mark;
	struct audit_mark mark; /* the last one */
	uint8_t mark_hash[SHA256_LEN];
};

/* ---- a file: written, durable, or as before ---- */

/* Where this fails too, the next one who writes takes it for torn. */
static void
take_back(int fd, uint64_t at)
{
	int rc = ftruncate(fd, (off_t)at);

	(void)rc;
}

static coffer_err
put_durably(struct fault *f, const struct audit_folder *folder, const char *name, int fd, uint64_t at, struct view v)
{
	char shown[512];
	coffer_err err;

	TRY(file_write_at(f, fd, audit_shown(folder, name, shown), v.p, v.len, at));
	if (fdatasync(fd) != 0)
		TRY(fault_errno(f, errno, "cannot make %s durable", shown));
	if (at == 0) /* it may be new */
		TRY(file_sync_dir(f, folder->fd, shown));
out:
	if (err)
		take_back(fd, at);
	return err;
}

static coffer_err
say(struct fault *f, const struct append *a, struct view line)
{
	return a->said ? a->said(a->arg, f, view_of(line.p, line.len - 1)) : COFFER_OK;
}

/* ---- checkpoints ---- */

static coffer_err
read_marks(struct fault *f, struct append *a)
{
	struct audit_end end = AUDIT_END_INIT;
	char shown[512];
	coffer_err err;

	TRY(audit_folder_file(f, a->folder, AUDIT_CHECKPOINTS, AUDIT_TO_WRITE, &a->marks_fd, &a->marks_size));
	TRY(audit_end_read(f, a->folder, AUDIT_CHECKPOINTS, a->marks_fd, a->marks_size, &end));
	/* half a checkpoint was never one */
	if (a->marks_size > end.whole && (ftruncate(a->marks_fd, (off_t)end.whole) != 0 || fdatasync(a->marks_fd) != 0))
		TRY(fault_errno(f, errno, "cannot cut what is torn off %s",
				audit_shown(a->folder, AUDIT_CHECKPOINTS, shown)));
	a->marks_size = end.whole;
	a->has_mark = end.line.len > 0;
	if (a->has_mark && !audit_mark_decode(buf_view(&end.line), &a->mark))
		TRY(fault_set(f, COFFER_E_FORMAT,
			      "%s does not end with a checkpoint; «coffer audit verify» says more, and the folder "
			      "moved away begins a new log",
			      audit_shown(a->folder, AUDIT_CHECKPOINTS, shown)));
	TRY(sha256(f, buf_view(&end.line), a->mark_hash));
out:
	buf_free(&end.line);
	return err;
}

/* About the record before a->next. */
static coffer_err
put_mark(struct fault *f, struct append *a)
{
	struct audit_mark m = {.seq = a->next.seq - 1};
	struct buf line = BUF_INIT(AUDIT_MARK_MAX);
	struct privkey *key = NULL;
	coffer_err err;

	memcpy(m.log, a->next.log, sizeof(m.log));
	memcpy(m.hash, a->next.prev, sizeof(m.hash));
	audit_time_text(audit_now(), m.time);
	TRY(audit_key_open(f, a->folder, a->has_mark, &key));
	if (a->has_mark)
		memcpy(m.prev, a->mark_hash, SHA256_LEN);
	else
		TRY(audit_origin(f, m.log, m.prev));
	TRY(audit_mark_line(f, &m, key, &line));
	TRY(put_durably(f, a->folder, AUDIT_CHECKPOINTS, a->marks_fd, a->marks_size, buf_view(&line)));
	a->marks_size += line.len;
	a->has_mark = true;
	a->mark = m;
	TRY(sha256(f, view_of(line.p, line.len - 1), a->mark_hash));
	TRY(say(f, a, buf_view(&line)));
out:
	privkey_free(&key);
	buf_free(&line);
	return err;
}

static bool
is_mark_current(const struct append *a)
{
	return a->has_mark && a->mark.seq == a->next.seq - 1 && memcmp(a->mark.log, a->next.log, AUDIT_LOG_ID_LEN) == 0;
}

/* */
static bool
is_mark_due(const struct append *a)
{
	int64_t made, now = audit_now() / 1000000000;

	if (!a->has_mark || !utc_parse(a->mark.time, &made))
		return true;
	return a->next.seq > a->mark.seq + AUDIT_CHECKPOINT_RECORDS || now >= made + AUDIT_CHECKPOINT_S || now < made;
}

/* ---- where it goes on ---- */

static coffer_err
follow(struct fault *f, const char *shown, struct view line, struct audit_place *next)
{
	struct audit_place last;

	if (!audit_line_place(line, &last))
		return fault_set(f, COFFER_E_FORMAT,
				 "%s does not end with a record; «coffer audit verify» says more, and the folder moved "
				 "away begins a new log",
				 shown);
	*next = last;
	next->seq++;
	return sha256(f, line, next->prev);
}

/* The end of the newest older part; found_out says whether there is one. */
static coffer_err
follow_older(struct fault *f, struct append *a, bool *found_out)
{
	struct audit_end end = AUDIT_END_INIT;
	struct audit_part *list = NULL;
	size_t n = 0;
	uint64_t size;
	char shown[512];
	int fd = -1;
	coffer_err err;

	*found_out = false;
	TRY(audit_folder_parts(f, a->folder, &list, &n));
	if (n < 2) /* the last one is the current part */
		goto out;
	TRY(audit_folder_file(f, a->folder, list[n - 2].name, AUDIT_TO_READ, &fd, &size));
	TRY(audit_end_read(f, a->folder, list[n - 2].name, fd, size, &end));
	TRY(follow(f, audit_shown(a->folder, list[n - 2].name, shown), buf_view(&end.line), &a->next));
	*found_out = true;
out:
	file_close(&fd);
	free(list);
	buf_free(&end.line);
	return err;
}

/* A new log: its id is in its first checkpoint, which comes before the first record. */
static coffer_err
begin_log(struct fault *f, struct append *a)
{
	coffer_err err;

	a->next.seq = 1;
	TRY(rand_bytes(f, a->next.log, sizeof(a->next.log)));
	TRY(audit_origin(f, a->next.log, a->next.prev));
	TRY(put_mark(f, a));
out:
	return err;
}

static coffer_err
find_next(struct fault *f, struct append *a)
{
	struct audit_end end = AUDIT_END_INIT;
	bool found = false;
	char shown[512];
	coffer_err err;

	TRY(audit_end_read(f, a->folder, AUDIT_CURRENT, a->fd, a->size, &end));
	a->whole = end.whole;
	if (end.line.len > 0) {
		TRY(follow(f, audit_shown(a->folder, AUDIT_CURRENT, shown), buf_view(&end.line), &a->next));
		goto out;
	}
	TRY(follow_older(f, a, &found));
	if (found)
		goto out;
	if (!a->has_mark) {
		TRY(begin_log(f, a));
		goto out;
	}
	/* all parts were taken away: the numbers go on */
	a->next.seq = a->mark.seq + 1;
	memcpy(a->next.prev, a->mark.hash, SHA256_LEN);
	memcpy(a->next.log, a->mark.log, AUDIT_LOG_ID_LEN);
out:
	buf_free(&end.line);
	return err;
}

/* ---- parts ---- */

static coffer_err
part_size(struct fault *f, uint64_t *out)
{
	const char *text = home_setting("COFFER_AUDIT_PART_SIZE");

	*out = AUDIT_PART_SIZE;
	if (text && !num_parse_size(text, 1, LIMIT_SIZE, out))
		return fault_set(
			f, COFFER_E_USAGE,
			"COFFER_AUDIT_PART_SIZE is a size, as 64M, after which the audit log begins a new part");
	return COFFER_OK;
}

/* The number of the first record of the current part. */
static coffer_err
first_seq(struct fault *f, const struct append *a, uint64_t *out)
{
	uint8_t begin[256];
	size_t len = (size_t)num_min(sizeof(begin), a->whole);
	struct audit_place first;
	char shown[512];
	coffer_err err;

	TRY(file_read_at(f, a->fd, audit_shown(a->folder, AUDIT_CURRENT, shown), begin, len, 0));
	if (!audit_line_place(view_of(begin, len), &first))
		TRY(fault_set(f, COFFER_E_FORMAT, "%s does not begin with a record; «coffer audit verify» says more",
			      shown));
	*out = first.seq;
out:
	return err;
}

/* Over nothing that is there.  Who writes holds the lock, so a look before is as good where the file system has no such rename. */
static int
rename_part(int dirfd, const char *name)
{
	int rc = renameat2(dirfd, AUDIT_CURRENT, dirfd, name, RENAME_NOREPLACE);

	if (rc == 0 || errno != EINVAL)
		return rc;
	if (faccessat(dirfd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0) {
		errno = EEXIST;
		return -1;
	}
	return renameat(dirfd, AUDIT_CURRENT, dirfd, name);
}

/* the last record of a part has a checkpoint, so that the part can be taken away and the rest still be verified */
static coffer_err
begin_part(struct fault *f, struct append *a)
{
	char name[40], shown[512];
	uint64_t seq;
	coffer_err err;

	if (!is_mark_current(a))
		TRY(put_mark(f, a));
	TRY(first_seq(f, a, &seq));
	audit_part_name(seq, name);
	if (rename_part(a->folder->fd, name) != 0)
		TRY(fault_errno(f, errno, "cannot rename %s to %s", audit_shown(a->folder, AUDIT_CURRENT, shown),
				name));
	TRY(file_sync_dir(f, a->folder->fd, a->folder->path));
	file_close(&a->fd);
	a->whole = 0;
	TRY(audit_folder_file(f, a->folder, AUDIT_CURRENT, AUDIT_TO_WRITE, &a->fd, &a->size));
out:
	return err;
}

/* ---- what a crash left ---- */

static void
torn_name(uint64_t seq, char out[static TORN_NAME_LEN])
{
	(void)snprintf(out, TORN_NAME_LEN, "torn-%020" PRIu64, seq);
}

/* Nobody was told that it was written, so no key was used for it.  It is kept, under the number of the record that will say so. */
static coffer_err
move_torn(struct fault *f, struct append *a)
{
	size_t len = (size_t)(a->size - a->whole);
	struct newfile n = NEWFILE_INIT;
	char name[TORN_NAME_LEN], shown[512];
	uint8_t *torn = malloc(len);
	coffer_err err;

	if (!torn)
		return fault_nomem(f);
	torn_name(a->next.seq, name);
	TRY(file_read_at(f, a->fd, audit_shown(a->folder, AUDIT_CURRENT, shown), torn, len, a->whole));
	TRY(newfile_open_at(f, &n, a->folder->fd, name, audit_shown(a->folder, name, shown), 0600, true));
	TRY(file_write_at(f, n.fd, shown, torn, len, 0));
	TRY(newfile_commit(f, &n));
	/* what is written next makes the file longer, so that a sector that does not arrive is zeros */
	if (ftruncate(a->fd, (off_t)a->whole) != 0 || fdatasync(a->fd) != 0)
		TRY(fault_errno(f, errno, "cannot cut what is torn off %s",
				audit_shown(a->folder, AUDIT_CURRENT, shown)));
	a->size = a->whole;
out:
	newfile_abort(&n);
	free(torn);
	return err;
}

/* The rest of the record about what was torn off where the next record goes; nothing when nothing was. */
static coffer_err
put_repair(struct fault *f, const struct append *a, struct buf *out)
{
	struct audit_record r;
	struct stat st;
	char name[TORN_NAME_LEN];
	coffer_err err;

	torn_name(a->next.seq, name);
	if (fstatat(a->folder->fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return COFFER_OK;
	TRY(audit_actor(f, &r));
	r.event = AUDIT_REPAIR;
	r.torn_bytes = (uint64_t)st.st_size;
	(void)snprintf(r.torn_file, sizeof(r.torn_file), "%s", name);
	TRY(audit_line_rest(f, &r, out));
out:
	return err;
}

/* ---- records ---- */

/* Chain the rests in *@rests, as many as go into one piece, and take them off it. */
static coffer_err
chain(struct fault *f, struct audit_place *next, struct view *rests, struct buf *piece)
{
	struct view rest;
	coffer_err err = COFFER_OK;

	while (rests->len > 0 && piece->len < AUDIT_WRITE_MAX) {
		const uint8_t *feed = memchr(rests->p, '\n', rests->len);
		size_t start = piece->len;

		if (!feed || !view_take(rests, (size_t)(feed - rests->p) + 1, &rest))
			return fault_set(f, COFFER_E_INTERNAL, "half a record for the audit log");
		TRY(audit_line_begin(f, next, piece));
		TRY(buf_add(f, piece, rest.p, rest.len));
		TRY(sha256(f, view_of(piece->p + start, piece->len - start - 1), next->prev));
		next->seq++;
	}
out:
	return err;
}

static coffer_err
say_all(struct fault *f, const struct append *a, struct view lines)
{
	struct view line;
	coffer_err err = COFFER_OK;

	while (a->said && lines.len > 0) {
		const uint8_t *feed = memchr(lines.p, '\n', lines.len);

		if (!feed || !view_take(&lines, (size_t)(feed - lines.p) + 1, &line))
			break;
		TRY(say(f, a, line));
	}
out:
	return err;
}

static coffer_err
put_records(struct fault *f, struct append *a, struct view rests)
{
	struct buf piece = BUF_INIT(AUDIT_WRITE_MAX + 2 * LIMIT_AUDIT_LINE);
	coffer_err err = COFFER_OK;

	while (rests.len > 0) {
		struct audit_place next = a->next;

		piece.len = 0;
		TRY(chain(f, &next, &rests, &piece));
		TRY(put_durably(f, a->folder, AUDIT_CURRENT, a->fd, a->whole, buf_view(&piece)));
		a->whole += piece.len;
		a->size = a->whole;
		a->next = next;
		TRY(say_all(f, a, buf_view(&piece)));
	}
out:
	buf_free(&piece);
	return err;
}

/* ---- the whole ---- */

static coffer_err
begin(struct fault *f, struct append *a, const struct audit_folder *folder, audit_said_fn said, void *arg)
{
	coffer_err err;

	*a = (struct append){.folder = folder, .said = said, .arg = arg, .fd = -1, .marks_fd = -1};
	TRY(audit_folder_file(f, folder, AUDIT_CURRENT, AUDIT_TO_WRITE, &a->fd, &a->size));
	TRY(read_marks(f, a));
	TRY(find_next(f, a));
out:
	return err;
}

static void
end(struct append *a)
{
	file_close(&a->fd);
	file_close(&a->marks_fd);
}

coffer_err
audit_append(struct fault *f, const struct audit_folder *folder, struct view rests, audit_said_fn said, void *arg)
{
	struct buf repair = BUF_INIT(LIMIT_AUDIT_LINE);
	struct append a;
	uint64_t limit;
	coffer_err err;

	TRY(begin(f, &a, folder, said, arg));
	TRY(part_size(f, &limit));
	if (a.size > a.whole)
		TRY(move_torn(f, &a));
	TRY(put_repair(f, &a, &repair));
	TRY(put_records(f, &a, buf_view(&repair)));
	if (a.whole >= limit)
		TRY(begin_part(f, &a));
	TRY(put_records(f, &a, rests));
	if (is_mark_due(&a))
		TRY(put_mark(f, &a));
out:
	end(&a);
	buf_free(&repair);
	return err;
}

coffer_err
audit_append_checkpoint(struct fault *f, const struct audit_folder *folder, audit_said_fn said, void *arg)
{
	struct append a;
	coffer_err err;

	TRY(begin(f, &a, folder, said, arg));
	if (!is_mark_current(&a))
		TRY(put_mark(f, &a));
out:
	end(&a);
	return err;
}

coffer_err
audit_append_ready(struct fault *f, const struct audit_folder *folder, audit_said_fn said, void *arg)
{
	struct append a;
	uint64_t limit;
	coffer_err err;

	TRY(begin(f, &a, folder, said, arg));
	TRY(part_size(f, &limit));
out:
	end(&a);
	return err;
}
