/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/marks.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit/reader.h"
#include "base/enc.h"
#include "base/limits.h"

static coffer_err
add(struct fault *f, struct marks *m, uint64_t seq, const uint8_t hash[static SHA256_LEN])
{
	struct marked *grown;

	if (m->n == LIMIT_AUDIT_CHECKPOINTS)
		return fault_set(f, COFFER_E_FORMAT, "more than %u checkpoints", LIMIT_AUDIT_CHECKPOINTS);
	if ((m->n & (m->n - 1)) == 0) {
		grown = reallocarray(m->v, m->n ? m->n * 2 : 1, sizeof(*grown));
		if (!grown)
			return fault_nomem(f);
		m->v = grown;
	}
	m->v[m->n].seq = seq;
	memcpy(m->v[m->n++].hash, hash, SHA256_LEN);
	return COFFER_OK;
}

void
marks_free(struct marks *m)
{
	free(m->v);
	*m = (struct marks){.v = NULL};
}

size_t
marks_find(const struct marks *m, uint64_t seq)
{
	size_t low = 0, high = m->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (m->v[middle].seq >= seq)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

/* ---- those of the folder ---- */

/* struct pass - over the file of checkpoints */
struct pass {
	const struct audit_folder *folder;
	struct audit_report *report;
	struct marks *marks;
	struct audit_mark last;
	uint8_t hash[SHA256_LEN]; /* of its line */
	uint64_t n;
};

static coffer_err __attribute__((format(printf, 4, 5)))
damaged(struct fault *f, struct audit_report *report, enum audit_damage damage, const char *fmt, ...)
{
	char text[400];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	report->damage = damage;
	return fault_set(f, COFFER_E_AUTH, "%s", text);
}

/* one of record 0 first, then each with the hash of the line before and about a later record */
static coffer_err
check_chain(struct fault *f, struct pass *p, const struct audit_mark *m)
{
	uint8_t origin[SHA256_LEN];
	coffer_err err;

	if (p->n > 1 && memcmp(m->prev, p->hash, SHA256_LEN) != 0)
		return damaged(f, p->report, AUDIT_MARK_CHANGED,
			       "checkpoint %" PRIu64 " is not the one that the next one follows: it was changed, or "
			       "others between them taken away",
			       p->n - 1);
	if (p->n > 1 && memcmp(m->log, p->last.log, AUDIT_LOG_ID_LEN) != 0)
		return damaged(f, p->report, AUDIT_MARK_FOREIGN, "checkpoint %" PRIu64 " is of another log", p->n);
	if (p->n > 1 && m->seq <= p->last.seq)
		return damaged(f, p->report, AUDIT_CUT,
			       "checkpoint %" PRIu64 " is about record %" PRIu64
			       ", and the one before it about %" PRIu64 ": the log was cut, and then written on",
			       p->n, m->seq, p->last.seq);
	TRY(audit_origin(f, m->log, origin));
	if (m->seq == 0 && memcmp(m->hash, origin, SHA256_LEN) != 0)
		err = damaged(f, p->report, AUDIT_MARK_CHANGED, "the first checkpoint is not that of the log it names");
	if (p->n == 1 && memcmp(m->prev, origin, SHA256_LEN) != 0)
		err = damaged(f, p->report, AUDIT_MARK_MISSING, "the first checkpoints are not there any more");
out:
	return err;
}

static coffer_err
take_mark(struct fault *f, struct pass *p, struct view line)
{
	struct audit_mark m;
	coffer_err err;

	p->n++;
	p->report->line = p->n;
	if (!audit_mark_decode(line, &m))
		return damaged(f, p->report, AUDIT_MARK_CHANGED, "checkpoint %" PRIu64 " is none", p->n);
	p->report->seq = m.seq;
	TRY(check_chain(f, p, &m));
	if (p->n > 1 && !mem_equal(m.key, p->last.key, SHA256_LEN))
		TRY(damaged(f, p->report, AUDIT_MARK_FORGED, "checkpoint %" PRIu64 " is signed with another key",
			    p->n));
	TRY(add(f, p->marks, m.seq, m.hash));
	TRY(sha256(f, line, p->hash));
	p->last = m;
	if (p->n == 1)
		p->marks->first = m.seq;
out:
	return err;
}

static coffer_err
read_all(struct fault *f, struct pass *p, uint64_t size)
{
	const struct audit_part file = {.name = AUDIT_CHECKPOINTS, .size = size};
	struct audit_reader r;
	struct view line;
	coffer_err err;

	if (size == 0) /* or there is no such file */
		return COFFER_OK;
	TRY(audit_reader_init(f, &r, p->folder, &file, 1, 0, 0));
	for (;;) {
		TRY(audit_reader_next(f, &r, &line));
		if (!line.p)
			break;
		TRY(take_mark(f, p, line));
	}
out:
	audit_reader_free(&r);
	return err;
}

/* ---- signatures ---- */

static coffer_err
public_key(struct fault *f, const struct audit_folder *folder, const struct audit_check *options, struct pubkey **out)
{
	struct buf pem = BUF_INIT(LIMIT_KEY_PEM);
	struct view text = options->public_key;
	coffer_err err = COFFER_OK;

	if (!text.p) {
		TRY(audit_key_public(f, folder, &pem));
		text = buf_view(&pem);
	}
	TRY(pubkey_from_pem(f, "the key of the checkpoints", text, out));
out:
	buf_free(&pem);
	return err;
}

static coffer_err
check_signature(struct fault *f, const struct audit_mark *m, const struct pubkey *key, struct audit_report *report)
{
	uint8_t id[SHA256_LEN];
	coffer_err err;

	report->seq = m->seq;
	TRY(audit_key_id(f, key, id));
	if (!mem_equal(id, m->key, SHA256_LEN))
		TRY(damaged(f, report, AUDIT_MARK_FORGED,
			    "the checkpoint of record %" PRIu64
			    " is signed with another key than the one that was given",
			    m->seq));
	err = audit_mark_verify(f, m, key);
	if (err == COFFER_E_SIGNATURE)
		err = damaged(f, report, AUDIT_MARK_FORGED,
			      "the signature of the checkpoint of record %" PRIu64 " does not hold", m->seq);
out:
	return err;
}

static void
note_signed(struct audit_report *report, const struct audit_mark *m)
{
	if (report->signed_at[0] != '\0' && m->seq < report->signed_to)
		return;
	report->signed_to = m->seq;
	memcpy(report->signed_at, m->time, sizeof(report->signed_at));
	enc_hex(m->key, SHA256_LEN, report->key);
}

/* ---- those from elsewhere ---- */

static coffer_err
take_outside(struct fault *f, struct marks *marks, const struct pubkey *key, struct view line,
	     struct audit_report *report)
{
	struct audit_mark m;
	coffer_err err;

	report->line++;
	if (!audit_mark_decode(line, &m))
		return fault_set(f, COFFER_E_FORMAT, "line %" PRIu64 " of the checkpoints from elsewhere is none",
				 report->line);
	TRY(check_signature(f, &m, key, report));
	if (marks->any && memcmp(m.log, marks->log, AUDIT_LOG_ID_LEN) != 0)
		TRY(damaged(f, report, AUDIT_MARK_FOREIGN, "the checkpoint on line %" PRIu64 " is of another log",
			    report->line));
	memcpy(marks->log, m.log, AUDIT_LOG_ID_LEN);
	marks->any = true;
	TRY(add(f, marks, m.seq, m.hash));
	note_signed(report, &m);
	report->n_outside++;
out:
	return err;
}

static coffer_err
read_outside(struct fault *f, struct marks *marks, const struct pubkey *key, struct view text,
	     struct audit_report *report)
{
	coffer_err err = COFFER_OK;

	(void)snprintf(report->file, sizeof(report->file), "the checkpoints from elsewhere");
	report->line = 0;
	while (text.len > 0) {
		const uint8_t *feed = memchr(text.p, '\n', text.len);
		size_t len = feed ? (size_t)(feed - text.p) : text.len;
		struct view line;

		(void)view_take(&text, len, &line);
		if (feed)
			(void)view_take(&text, 1, &(struct view){.p = NULL});
		TRY(take_outside(f, marks, key, line, report));
	}
out:
	return err;
}

static int
compare(const void *a, const void *b)
{
	const struct marked *x = a, *y = b;

	return x->seq < y->seq ? -1 : x->seq > y->seq;
}

coffer_err
marks_read(struct fault *f, const struct audit_folder *folder, uint64_t size, const struct audit_check *options,
	   struct marks *out, struct audit_report *report)
{
	struct pass p = {.folder = folder, .report = report, .marks = out};
	struct pubkey *key = NULL;
	coffer_err err;

	*out = (struct marks){.v = NULL};
	(void)snprintf(report->file, sizeof(report->file), AUDIT_CHECKPOINTS);
	TRY(read_all(f, &p, size));
	report->n_checkpoints = p.n;
	if (p.n > 0 || options->outside.len > 0)
		TRY(public_key(f, folder, options, &key));
	if (p.n > 0) {
		TRY(check_signature(f, &p.last, key, report));
		note_signed(report, &p.last);
		out->any = true;
		memcpy(out->log, p.last.log, AUDIT_LOG_ID_LEN);
	}
	if (options->outside.len > 0) {
		TRY(read_outside(f, out, key, options->outside, report));
		if (out->n > 1)
			qsort(out->v, out->n, sizeof(*out->v), compare);
	}
	report->file[0] = '\0';
	report->line = report->seq = 0;
out:
	pubkey_free(&key);
	return err;
}
