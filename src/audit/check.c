/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/check.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit/marks.h"
#include "audit/reader.h"
#include "base/enc.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/num.h"
#include "crypto/sha256x.h"

#define PIECE ((size_t)2 << 20) /* bytes of a part that one thread takes at a time */
#define SCRATCH (1 + PIECE + LIMIT_AUDIT_LINE + 1)

const char *
audit_damage_name(enum audit_damage damage)
{
	static const char *const names[AUDIT_N_DAMAGES] = {
		[AUDIT_WHOLE] = "whole",
		[AUDIT_MALFORMED] = "malformed",
		[AUDIT_CHANGED] = "changed",
		[AUDIT_INSERTED] = "inserted",
		[AUDIT_MISSING] = "missing",
		[AUDIT_DOUBLED] = "doubled",
		[AUDIT_SWAPPED] = "swapped",
		[AUDIT_FOREIGN] = "foreign",
		[AUDIT_BEGINNING] = "no-beginning",
		[AUDIT_CUT] = "cut",
		[AUDIT_REWRITTEN] = "rewritten",
		[AUDIT_MARK_CHANGED] = "checkpoint-changed",
		[AUDIT_MARK_FORGED] = "checkpoint-forged",
		[AUDIT_MARK_MISSING] = "checkpoint-missing",
		[AUDIT_MARK_FOREIGN] = "checkpoint-foreign",
	};

	return names[damage];
}

/* ---- one piece of a part ---- */

/* struct spot - a line that was read: its place in the log and in the file, and its hash */
struct spot {
	struct audit_place place;
	uint64_t off;
	uint8_t hash[SHA256_LEN];
};

/* struct piece - the lines that begin between two offsets of a part, and what came of them */
struct piece {
	size_t part;
	uint64_t off, end;

	uint64_t n; /* lines that follow one another */
	struct spot first, last;
	bool broken; /* the line at @broken_off is none, or does not follow @last */
	uint64_t broken_off;
	size_t wrong; /* the first checkpoint that a line differs from, or SIZE_MAX; on line @wrong_line */
	uint64_t wrong_line;
};

struct check {
	struct audit_folder *folder;
	struct audit_part *parts;
	size_t n_parts;
	int current; /* the part that is written to: it may get another name meanwhile */
	struct piece *pieces;
	size_t n_pieces;
	struct marks marks;
	struct audit_report *report;
};

static bool
follows(const struct spot *before, const struct audit_place *p)
{
	return p->seq == before->place.seq + 1 && memcmp(p->prev, before->hash, SHA256_LEN) == 0 &&
	       memcmp(p->log, before->place.log, AUDIT_LOG_ID_LEN) == 0;
}

/* with the line before, [A-9] with a checkpoint of it. */
static void
take_spot(struct check *c, struct piece *p, const struct spot *s, size_t *mark)
{
	if (p->n == 0) {
		p->first = *s;
		*mark = marks_find(&c->marks, s->place.seq);
	} else if (!follows(&p->last, &s->place)) {
		p->broken = true;
		p->broken_off = s->off;
		return;
	}
	p->last = *s;
	p->n++;
	for (; *mark < c->marks.n && c->marks.v[*mark].seq == s->place.seq; ++*mark) {
		if (p->wrong == SIZE_MAX && memcmp(c->marks.v[*mark].hash, s->hash, SHA256_LEN) != 0) {
			p->wrong = *mark;
			p->wrong_line = p->n;
		}
	}
}

/* struct batch - lines that are hashed together */
struct batch {
	struct sha256x streams[SHA256X_MAX_LANES];
	struct spot spots[SHA256X_MAX_LANES];
	struct view lines[SHA256X_MAX_LANES];
	size_t n;
};

static void
hash_batch(struct batch *b)
{
	struct sha256x *streams[SHA256X_MAX_LANES];
	const void *data[SHA256X_MAX_LANES];
	size_t len[SHA256X_MAX_LANES];

	for (size_t i = 0; i < b->n; i++) {
		sha256x_init(&b->streams[i]);
		streams[i] = &b->streams[i];
		data[i] = b->lines[i].p;
		len[i] = b->lines[i].len;
	}
	if (b->n > 0)
		sha256x_update_many(streams, data, len, b->n);
	for (size_t i = 0; i < b->n; i++)
		sha256x_final(&b->streams[i], b->spots[i].hash);
}

static void
take_batch(struct check *c, struct piece *p, struct batch *b, size_t *mark)
{
	hash_batch(b);
	for (size_t i = 0; i < b->n && !p->broken; i++)
		take_spot(c, p, &b->spots[i], mark);
	b->n = 0;
}

/* the lines of @text that begin before @p's end; its first byte is at @off of the part, and a line begins there. */
static void
take_lines(struct check *c, struct piece *p, struct view text, uint64_t off)
{
	struct batch b = {.n = 0};
	size_t lanes = sha256x_lanes(), mark = 0;

	while (text.len > 0 && off < p->end && !p->broken) {
		const uint8_t *feed = memchr(text.p, '\n', text.len);
		struct view line, rest;

		(void)view_take(&text, feed ? (size_t)(feed - text.p) : text.len, &line);
		(void)view_take(&text, feed ? 1 : 0, &rest);
		b.lines[b.n] = line;
		b.spots[b.n].off = off;
		if (!feed || line.len > LIMIT_AUDIT_LINE || !audit_line_place(line, &b.spots[b.n].place)) {
			take_batch(c, p, &b, &mark);
			if (!p->broken) {
				p->broken = true;
				p->broken_off = off;
			}
			break;
		}
		off += line.len + 1;
		if (++b.n == lanes)
			take_batch(c, p, &b, &mark);
	}
	if (!p->broken)
		take_batch(c, p, &b, &mark);
}

static coffer_err
check_piece(void *arg, uint64_t item, struct pool_worker *w)
{
	struct check *c = arg;
	struct piece *p = &c->pieces[item];
	const struct audit_part *part = &c->parts[p->part];
	/* the byte before tells whether a line begins at p->off, and the last line may go over the end */
	uint64_t from = p->off > 0 ? p->off - 1 : 0;
	size_t len = (size_t)num_min(SCRATCH, part->size - from);
	struct view text = view_of(w->scratch, len), skipped;
	bool is_current = strcmp(part->name, AUDIT_CURRENT) == 0;
	char shown[512];
	uint64_t size;
	int fd = -1;
	coffer_err err;

	err = is_current ? COFFER_OK : audit_folder_file(&w->fault, c->folder, part->name, AUDIT_TO_READ, &fd, &size);
	if (err == COFFER_E_NOTFOUND)
		err = fault_set(&w->fault, COFFER_E_CHANGED, "%s was taken away while it was verified",
				audit_shown(c->folder, part->name, shown));
	TRY(err);
	TRY(file_read_at(&w->fault, is_current ? c->current : fd, audit_shown(c->folder, part->name, shown), w->scratch,
			 len, from));
	if (p->off > 0) {
		const uint8_t *feed = memchr(text.p, '\n', text.len);

		if (!feed || !view_take(&text, (size_t)(feed - text.p) + 1, &skipped))
			goto out; /* all of it is inside a line, which is too long: who has its beginning says so */
		from += skipped.len;
	}
	take_lines(c, p, text, from);
out:
	file_close(&fd);
	return err;
}

/* ---- what is wrong ---- */

static coffer_err __attribute__((format(printf, 5, 6)))
damaged(struct fault *f, struct check *c, enum audit_damage damage, uint64_t seq, const char *fmt, ...)
{
	struct audit_report *r = c->report;
	char text[400], where[160] = "";
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	r->damage = damage;
	r->seq = seq;
	if (r->line > 0)
		(void)snprintf(where, sizeof(where), "%s line %" PRIu64 ": ", r->file, r->line);
	return fault_set(f, COFFER_E_AUTH, "%s%s", where, text);
}

/* struct look - the line where the chain breaks, the one before it and the one after it */
struct look {
	bool has_before, has_this, has_next;
	struct spot before, this, next;
	size_t before_part;
	uint64_t before_line;
};

static coffer_err
look_at(struct fault *f, struct audit_reader *r, bool *has, struct spot *out)
{
	struct view line;
	coffer_err err;

	*has = false;
	err = audit_reader_next(f, r, &line);
	if (err == COFFER_E_FORMAT) /* too long to be one */
		return COFFER_OK;
	TRY(err);
	if (!line.p || !audit_line_place(line, &out->place))
		goto out;
	TRY(sha256(f, line, out->hash));
	*has = true;
out:
	return err;
}

static void
name_place(struct check *c, size_t part, uint64_t line)
{
	(void)snprintf(c->report->file, sizeof(c->report->file), "%s", c->parts[part].name);
	c->report->line = line;
}

/* Whether what stands behind it, or else a checkpoint of it, vouches for the line where the chain breaks. */
enum vouched { VOUCHED, DENIED, NOT_SAID };

static enum vouched
vouched(const struct check *c, const struct look *l)
{
	size_t mark = marks_find(&c->marks, l->this.place.seq);
	const uint8_t *hash = NULL;

	if (l->has_next && l->next.place.seq == l->this.place.seq + 1)
		hash = l->next.place.prev;
	else if (!l->has_next && mark < c->marks.n && c->marks.v[mark].seq == l->this.place.seq)
		hash = c->marks.v[mark].hash;
	if (!hash)
		return NOT_SAID;
	return memcmp(hash, l->this.hash, SHA256_LEN) == 0 ? VOUCHED : DENIED;
}

static coffer_err
number_is_right(struct fault *f, struct check *c, const struct look *l)
{
	enum vouched v = vouched(c, l);

	if (memcmp(l->this.place.log, l->before.place.log, AUDIT_LOG_ID_LEN) != 0)
		return damaged(f, c, AUDIT_FOREIGN, l->this.place.seq, "a record of another log");
	if (v == DENIED)
		return damaged(f, c, AUDIT_CHANGED, l->this.place.seq, "record %" PRIu64 " was changed",
			       l->this.place.seq);
	name_place(c, l->before_part, l->before_line);
	return damaged(f, c, AUDIT_CHANGED, l->before.place.seq, "record %" PRIu64 " was changed%s",
		       l->before.place.seq, v == VOUCHED ? "" : ", or the one behind it");
}

static coffer_err
number_is_higher(struct fault *f, struct check *c, const struct look *l, uint64_t expected)
{
	uint64_t seq = l->this.place.seq;

	if (l->has_next && l->next.place.seq == expected)
		return damaged(f, c, AUDIT_SWAPPED, seq, "record %" PRIu64 " stands before record %" PRIu64, seq,
			       expected);
	if (l->has_next && l->next.place.seq == expected + 1)
		return damaged(f, c, AUDIT_CHANGED, expected,
			       "record %" PRIu64 " was changed: it has the number %" PRIu64, expected, seq);
	if (seq == expected + 1)
		return damaged(f, c, AUDIT_MISSING, expected, "record %" PRIu64 " is missing before it", expected);
	return damaged(f, c, AUDIT_MISSING, expected, "records %" PRIu64 " to %" PRIu64 " are missing before it",
		       expected, seq - 1);
}

static coffer_err
number_is_lower(struct fault *f, struct check *c, const struct look *l, uint64_t expected)
{
	uint64_t seq = l->this.place.seq;
	bool next_follows = l->has_next && memcmp(l->next.place.prev, l->this.hash, SHA256_LEN) == 0;

	if (seq == l->before.place.seq && memcmp(l->this.hash, l->before.hash, SHA256_LEN) == 0)
		return damaged(f, c, AUDIT_DOUBLED, seq, "record %" PRIu64 " stands there twice", seq);
	if (l->has_next && l->next.place.seq == expected + 1)
		return damaged(f, c, AUDIT_CHANGED, expected,
			       "record %" PRIu64 " was changed: it has the number %" PRIu64, expected, seq);
	if (seq == l->before.place.seq && next_follows) {
		name_place(c, l->before_part, l->before_line);
		return damaged(f, c, AUDIT_INSERTED, seq, "a record %" PRIu64 " that was not there", seq);
	}
	if (seq == l->before.place.seq || (l->has_next && l->next.place.seq == expected))
		return damaged(f, c, AUDIT_INSERTED, seq, "a record %" PRIu64 " that was not there", seq);
	return damaged(f, c, AUDIT_SWAPPED, seq, "record %" PRIu64 " stands behind record %" PRIu64, seq,
		       l->before.place.seq);
}

static coffer_err
diagnose(struct fault *f, struct check *c, const struct look *l)
{
	uint64_t expected = l->before.place.seq + 1;

	if (!l->has_this)
		return damaged(f, c, AUDIT_MALFORMED, l->has_before ? expected : 0, "not a record of an audit log");
	if (l->this.place.seq == expected)
		return number_is_right(f, c, l);
	return l->this.place.seq > expected ? number_is_higher(f, c, l, expected) : number_is_lower(f, c, l, expected);
}

/* struct chain - how far it was followed */
struct chain {
	struct spot last;
	bool any;
	size_t last_part;
	uint64_t last_line;

	size_t part;	/* the one at work, */
	uint64_t lines; /* and how many of its lines were followed */
};

/* The next line, at @off of the part at work, does not follow the last one, or is none. */
static coffer_err
report_break(struct fault *f, struct check *c, const struct chain *chain, uint64_t off)
{
	struct look l = {
		.has_before = chain->any,
		.before = chain->last,
		.before_part = chain->last_part,
		.before_line = chain->last_line,
	};
	struct audit_reader r;
	coffer_err err;

	name_place(c, chain->part, chain->lines + 1);
	TRY(audit_reader_init(f, &r, c->folder, c->parts, c->n_parts, chain->part, off));
	TRY(look_at(f, &r, &l.has_this, &l.this));
	if (l.has_this)
		TRY(look_at(f, &r, &l.has_next, &l.next));
	err = diagnose(f, c, &l);
out:
	audit_reader_free(&r);
	return err;
}

/* ---- the pieces together ---- */

/* or a beginning that was taken away with a checkpoint to show where it was. */
static coffer_err
check_first(struct fault *f, struct check *c, const struct audit_check *options, const struct piece *p)
{
	const struct audit_place *first = &p->first.place;
	uint8_t origin[SHA256_LEN];
	size_t mark;
	coffer_err err;

	enc_hex(first->log, AUDIT_LOG_ID_LEN, c->report->log);
	c->report->first = first->seq;
	if (c->marks.any && memcmp(first->log, c->marks.log, AUDIT_LOG_ID_LEN) != 0)
		return damaged(f, c, AUDIT_MARK_FOREIGN, 0, "the checkpoints are of another log than the records");
	name_place(c, p->part, 1);
	TRY(audit_origin(f, first->log, origin));
	if (first->seq == 1) {
		if (memcmp(first->prev, origin, SHA256_LEN) != 0)
			err = damaged(f, c, AUDIT_CHANGED, 1, "record 1 was changed");
		goto out;
	}
	if (first->seq > options->begins_at)
		TRY(damaged(f, c, AUDIT_BEGINNING, first->seq,
			    "records %" PRIu64 " to %" PRIu64
			    " are not there; if they were taken away on purpose, say so with --begins-at %" PRIu64,
			    options->begins_at > 1 ? options->begins_at : 1, first->seq - 1, first->seq));
	mark = marks_find(&c->marks, first->seq - 1);
	if (mark == c->marks.n || c->marks.v[mark].seq != first->seq - 1 ||
	    memcmp(c->marks.v[mark].hash, first->prev, SHA256_LEN) != 0)
		err = damaged(f, c, AUDIT_BEGINNING, first->seq,
			      "no checkpoint shows that record %" PRIu64 " follows what was taken away", first->seq);
out:
	return err;
}

static coffer_err
report_wrong(struct fault *f, struct check *c, const struct piece *p, const struct chain *chain)
{
	const struct marked *m = &c->marks.v[p->wrong];
	uint64_t good = p->wrong > 0 ? c->marks.v[p->wrong - 1].seq : 0;

	name_place(c, p->part, chain->lines + p->wrong_line);
	if (good + 1 == m->seq)
		return damaged(f, c, AUDIT_CHANGED, m->seq,
			       "record %" PRIu64 " was changed: it is not the one that its checkpoint is about",
			       m->seq);
	return damaged(f, c, AUDIT_REWRITTEN, m->seq,
		       "record %" PRIu64 " is not the one that its checkpoint is about: of records %" PRIu64
		       " to %" PRIu64 " some were changed, and the chain made anew",
		       m->seq, good + 1, m->seq);
}

/* Whether the chain breaks right behind the line that differs from its checkpoint: then that line alone was changed. */
static bool
is_break_behind(const struct check *c, const struct piece *p)
{
	const struct piece *next = p + 1, *end = c->pieces + c->n_pieces;

	if (p->wrong_line < p->n || p->broken)
		return p->wrong_line == p->n && p->broken;
	while (next < end && next->n == 0 && !next->broken)
		next++;
	return next < end && (next->n == 0 || !follows(&p->last, &next->first.place));
}

static coffer_err
join_piece(struct fault *f, struct check *c, const struct audit_check *options, struct chain *chain,
	   const struct piece *p)
{
	coffer_err err = COFFER_OK;

	if (p->part != chain->part) {
		chain->part = p->part;
		chain->lines = 0;
	}
	if (p->n > 0 && !chain->any)
		TRY(check_first(f, c, options, p));
	if (p->n > 0 && chain->any && !follows(&chain->last, &p->first.place))
		TRY(report_break(f, c, chain, p->first.off));
	if (p->wrong != SIZE_MAX && !is_break_behind(c, p))
		TRY(report_wrong(f, c, p, chain));
	if (p->n > 0) {
		chain->last = p->last;
		chain->any = true;
		chain->lines += p->n;
		chain->last_part = p->part;
		chain->last_line = chain->lines;
		c->report->n_records += p->n;
		c->report->last = p->last.place.seq;
	}
	if (p->broken)
		TRY(report_break(f, c, chain, p->broken_off));
out:
	return err;
}

static coffer_err
check_end(struct fault *f, struct check *c, const struct audit_check *options, const struct chain *chain)
{
	uint64_t last = chain->any ? chain->last.place.seq : options->begins_at > 0 ? options->begins_at - 1 : 0;
	uint64_t marked = c->marks.n > 0 ? c->marks.v[c->marks.n - 1].seq : 0;

	c->report->file[0] = '\0';
	c->report->line = 0;
	if (chain->any && !c->marks.any)
		return damaged(f, c, AUDIT_MARK_MISSING, 0, "the log has no checkpoint, and a new one has one at once");
	if (marked > last)
		return damaged(f, c, AUDIT_CUT, last + 1,
			       "the log ends with record %" PRIu64 ", and there is a checkpoint of record %" PRIu64
			       ": the records behind it were taken away",
			       last, marked);
	if (c->report->n_checkpoints > 0 && c->marks.first > 0 && c->marks.first >= options->begins_at)
		return damaged(f, c, AUDIT_MARK_MISSING, 0, "the first checkpoints are not there any more");
	return COFFER_OK;
}

static coffer_err
join(struct fault *f, struct check *c, const struct audit_check *options)
{
	struct chain chain = {.any = false};
	coffer_err err = COFFER_OK;

	for (size_t i = 0; i < c->n_pieces; i++)
		TRY(join_piece(f, c, options, &chain, &c->pieces[i]));
	TRY(check_end(f, c, options, &chain));
out:
	return err;
}

/* ---- the whole ---- */

static coffer_err
cut_pieces(struct fault *f, struct check *c)
{
	size_t n = 0, i = 0;

	for (size_t k = 0; k < c->n_parts; k++)
		n += (size_t)((c->parts[k].size + PIECE - 1) / PIECE);
	c->pieces = calloc(n + 1, sizeof(*c->pieces));
	if (!c->pieces)
		return fault_nomem(f);
	c->n_pieces = n;
	for (size_t k = 0; k < c->n_parts; k++) {
		for (uint64_t off = 0; off < c->parts[k].size; off += PIECE)
			c->pieces[i++] = (struct piece){
				.part = k,
				.off = off,
				.end = num_min(off + PIECE, c->parts[k].size),
				.wrong = SIZE_MAX,
			};
	}
	return COFFER_OK;
}

/* What there is, at one moment: nobody writes while it is looked at. */
static coffer_err
take_stock(struct fault *f, struct check *c, uint64_t *marks_size)
{
	struct audit_part marks = {.name = AUDIT_CHECKPOINTS};
	uint64_t size, torn;
	int fd = -1;
	coffer_err err;

	TRY(audit_folder_parts(f, c->folder, &c->parts, &c->n_parts));
	err = audit_folder_file(f, c->folder, AUDIT_CHECKPOINTS, AUDIT_TO_READ, &fd, marks_size);
	file_close(&fd);
	if (err == COFFER_E_NOTFOUND && c->n_parts == 0)
		TRY(fault_set(f, err, "%s holds no audit log", c->folder->path));
	if (err != COFFER_E_NOTFOUND)
		TRY(err);
	marks.size = *marks_size;
	TRY(audit_parts_trim(f, c->folder, &marks, 1, &torn));
	*marks_size = marks.size;
	if (c->n_parts > 0 && strcmp(c->parts[c->n_parts - 1].name, AUDIT_CURRENT) == 0)
		TRY(audit_folder_file(f, c->folder, AUDIT_CURRENT, AUDIT_TO_READ, &c->current, &size));
	TRY(audit_parts_trim(f, c->folder, c->parts, c->n_parts, &c->report->torn));
	TRY(cut_pieces(f, c));
	c->report->n_parts = c->n_parts;
	for (size_t i = 0; i < c->n_parts; i++)
		c->report->bytes += c->parts[i].size;
out:
	audit_folder_unlock(c->folder);
	return err;
}

coffer_err
audit_check(struct fault *f, struct pool *pool, struct audit_folder *folder, const struct audit_check *options,
	    struct audit_report *out)
{
	struct check c = {.folder = folder, .current = -1, .report = out};
	uint64_t marks_size = 0;
	coffer_err err;

	memset(out, 0, sizeof(*out));
	TRY(sha256x_selftest(f));
	TRY(take_stock(f, &c, &marks_size));
	TRY(marks_read(f, folder, marks_size, options, &c.marks, out));
	TRY(pool_run(f, pool, 0, SCRATCH, check_piece, &c, c.n_pieces));
	TRY(join(f, &c, options));
out:
	file_close(&c.current);
	marks_free(&c.marks);
	free(c.pieces);
	free(c.parts);
	return err;
}
