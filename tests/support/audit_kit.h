/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Audit logs for tests: made of so many records, taken apart into lines, and put together again with something wrong.
 */
#ifndef TESTS_SUPPORT_AUDIT_KIT_H
#define TESTS_SUPPORT_AUDIT_KIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "audit/actor.h"
#include "audit/check.h"
#include "audit/log.h"
#include "base/enc.h"
#include "base/file.h"
#include "base/pool.h"
#include "support/tmpdir.h"

#define AUDIT_KIT_LINES 64

/* the rests of @n records, one behind the other */
static inline void
audit_kit_rests(size_t n, struct buf *out)
{
	struct audit_record r;

	for (size_t i = 0; i < n; i++) {
		assert_int_equal(audit_actor(NULL, &r), COFFER_OK);
		r.event = AUDIT_UNWRAP;
		r.generation = i + 1;
		(void)snprintf(r.name, sizeof(r.name), "model %zu", i);
		assert_int_equal(audit_line_rest(NULL, &r, out), COFFER_OK);
	}
}

/* write @n records in one piece, as one run of a program does; with @checkpoint the run ends tidily */
static inline void
audit_kit_run(const char *dir, size_t n, bool checkpoint)
{
	struct buf rests = BUF_INIT(1 << 20);
	struct audit_log *log = NULL;
	struct fault f = {.text = ""};

	if (audit_log_open(&f, dir, &log) != COFFER_OK)
		fail_msg("%s", f.text);
	audit_kit_rests(n, &rests);
	if (audit_log_write(&f, log, buf_view(&rests)) != COFFER_OK)
		fail_msg("%s", f.text);
	buf_free(&rests);
	if (checkpoint && audit_log_close(&f, &log) != COFFER_OK)
		fail_msg("%s", f.text);
}

/* struct lines - a file, taken apart */
struct lines {
	char *v[AUDIT_KIT_LINES]; /* without line feeds */
	size_t n;
	bool half; /* the last one has none in the file either */
};

static inline void
lines_read(const char *path, struct lines *out)
{
	struct buf b = BUF_INIT(1 << 20);
	size_t at = 0;

	memset(out, 0, sizeof(*out));
	assert_int_equal(file_slurp(NULL, path, 1 << 20, &b, NULL), COFFER_OK);
	while (at < b.len) {
		const uint8_t *feed = memchr(b.p + at, '\n', b.len - at);
		size_t len = feed ? (size_t)(feed - (b.p + at)) : b.len - at;

		assert_true(out->n < AUDIT_KIT_LINES);
		out->v[out->n++] = strndup((const char *)b.p + at, len);
		out->half = !feed;
		at += len + 1;
	}
	buf_free(&b);
}

static inline void
lines_write(const char *path, const struct lines *l)
{
	struct buf b = BUF_INIT(8 << 20);

	for (size_t i = 0; i < l->n; i++) {
		assert_int_equal(buf_str(NULL, &b, l->v[i]), COFFER_OK);
		if (i + 1 < l->n || !l->half)
			assert_int_equal(buf_str(NULL, &b, "\n"), COFFER_OK);
	}
	tmpdir_file(path, b.p ? (const char *)b.p : "", b.len, 0600);
	buf_free(&b);
}

static inline void
lines_free(struct lines *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->v[i]);
	l->n = 0;
}

static inline void
lines_remove(struct lines *l, size_t i)
{
	free(l->v[i]);
	memmove(&l->v[i], &l->v[i + 1], (l->n - i - 1) * sizeof(l->v[0]));
	l->n--;
}

static inline void
lines_insert(struct lines *l, size_t i, const char *text)
{
	assert_true(l->n < AUDIT_KIT_LINES);
	memmove(&l->v[i + 1], &l->v[i], (l->n - i) * sizeof(l->v[0]));
	l->v[i] = strdup(text);
	l->n++;
}

/* have line @i follow the one before it, as somebody would who has no key: its number and its hash */
static inline void
lines_chain(struct lines *l, size_t i)
{
	char prev[2 * SHA256_LEN + 1], *rest = strstr(l->v[i], "\",\"log\":"), *fresh = NULL;
	struct audit_place before;
	uint8_t hash[SHA256_LEN];

	assert_true(i > 0 && rest);
	assert_true(audit_line_place(view_str(l->v[i - 1]), &before));
	assert_int_equal(sha256(NULL, view_str(l->v[i - 1]), hash), COFFER_OK);
	enc_hex(hash, sizeof(hash), prev);
	assert_true(asprintf(&fresh, "{\"seq\":%llu,\"prev\":\"%s%s", (unsigned long long)before.seq + 1, prev, rest) >
		    0);
	free(l->v[i]);
	l->v[i] = fresh;
}

static unsigned int audit_kit_threads = 1; /* starting others takes longer than a small log */

/* the verdict on @dir */
static inline coffer_err
audit_kit_check(struct fault *f, const char *dir, const struct audit_check *options, struct audit_report *out)
{
	static const struct audit_check none = {.begins_at = 0};
	struct audit_folder folder = AUDIT_FOLDER_INIT;
	struct pool *pool = NULL;
	coffer_err err;

	assert_int_equal(pool_new(NULL, audit_kit_threads, NULL, &pool), COFFER_OK);
	err = audit_folder_open(f, dir, AUDIT_TO_READ, &folder);
	if (err == COFFER_OK)
		err = audit_check(f, pool, &folder, options ? options : &none, out);
	audit_folder_close(&folder);
	pool_free(&pool);
	return err;
}

static inline void
assert_whole(const char *dir, uint64_t last)
{
	struct audit_report r;
	struct fault f = {.text = ""};

	if (audit_kit_check(&f, dir, NULL, &r) != COFFER_OK)
		fail_msg("%s", f.text);
	assert_int_equal(r.last, last);
	assert_int_equal(r.damage, AUDIT_WHOLE);
}

#endif
