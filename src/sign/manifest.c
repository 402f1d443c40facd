/* SPDX-License-Identifier: Apache-2.0 */
#include "sign/manifest.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/enc.h"
#include "base/json_out.h"
#include "base/limits.h"
#include "base/num.h"
#include "base/utf8.h"
#include "data/names.h"
#include "data/scan.h"
#include "mem/secret.h"
#include "sign/statement.h"

#define STATEMENT_TYPE "https://in-toto.io/Statement/v1"
#define PREDICATE_V1 "https://model_signing/signature/v1." /* and a minor version */
#define PREDICATE_WRITTEN PREDICATE_V1 "0"

#define ROOT_LEN 32
#define SHARD_SIZE_MAX ((uint64_t)INT64_MAX)
#define RANGE_MAX 48 /* characters of «:start:end» */

static const char *const methods[] = {[MANIFEST_FILES] = "files", [MANIFEST_SHARDS] = "shards"};

void
manifest_init(struct manifest *m)
{
	*m = (struct manifest){.method = MANIFEST_FILES, .hash = DIGEST_SHA256, .shard_size = MANIFEST_SHARD_SIZE};
}

void
manifest_free(struct manifest *m)
{
	for (size_t i = 0; i < m->n; i++)
		free(m->resources[i].path);
	for (size_t i = 0; i < m->n_ignore_paths; i++)
		free(m->ignore_paths[i]);
	free(m->resources);
	free(m->ignore_paths);
	free(m->subject);
	manifest_init(m);
}

/* ---- names ---- */

/* What is wrong with a name for any reader on any path of a model, or NULL. */
static const char *
name_fault(const char *name)
{
	const char *part = name;
	uint32_t code;

	if (name[0] == '\0')
		return "is empty";
	if (name[0] == '/')
		return "is absolute; names begin at the model";
	if (strlen(name) > LIMIT_SIGNED_PATH)
		return "is longer than 4096 bytes";
	for (struct view v = view_str(name); v.len > 0;) {
		size_t len = utf8_char(v, &code);

		if (len == 0)
			return "is not UTF-8, so that a signature cannot hold it; rename the file";
		v = view_of(v.p + len, v.len - len);
	}
	for (; part; part = strchr(part, '/'), part = part ? part + 1 : NULL) {
		size_t len = strcspn(part, "/");

		if (len == 0)
			return "has an empty part";
		if (len <= 2 && strncmp(part, "..", len) == 0)
			return "has a part that is . or ..";
	}
	return NULL;
}

/* A name comes from strangers and goes to a terminal. */
static coffer_err
refuse_name(struct fault *f, const char *what, const char *name, const char *why)
{
	if (utf8_is_text(view_str(name)))
		return fault_set(f, COFFER_E_FORMAT, "the %s «%.*s» %s", what, name_shown(name), name, why);
	return fault_set(f, COFFER_E_FORMAT, "the %s of %zu bytes, some of them no text, %s", what, strlen(name), why);
}

/* ---- adding ---- */

static coffer_err
reserve(struct fault *f, struct manifest *m)
{
	size_t cap = m->cap ? m->cap * 2 : 64;
	struct resource *grown;

	if (m->n < m->cap)
		return COFFER_OK;
	if (m->n >= LIMIT_SHARDS)
		return fault_set(f, COFFER_E_FORMAT, "more than %u files or shards; larger shards are fewer",
				 LIMIT_SHARDS);
	grown = reallocarray(m->resources, cap, sizeof(*grown));
	if (!grown)
		return fault_nomem(f);
	m->resources = grown;
	m->cap = cap;
	return COFFER_OK;
}

/* @path is taken over, after a failure too */
static coffer_err
add(struct fault *f, struct manifest *m, char *path, uint64_t start, uint64_t end, const uint8_t *digest)
{
	const char *why = strcmp(path, ".") == 0 ? NULL : name_fault(path);
	struct resource *r;
	coffer_err err = COFFER_OK;

	if (why)
		TRY(refuse_name(f, "file name", path, why));
	TRY(reserve(f, m));
	r = &m->resources[m->n++];
	*r = (struct resource){.path = path, .start = start, .end = end};
	memcpy(r->digest, digest, digest_len(m->hash));
	return COFFER_OK;
out:
	free(path);
	return err;
}

coffer_err
manifest_add(struct fault *f, struct manifest *m, const char *path, uint64_t start, uint64_t end, const uint8_t *digest)
{
	char *copy = strdup(path);

	return copy ? add(f, m, copy, start, end, digest) : fault_nomem(f);
}

/* @path is taken over, after a failure too */
static coffer_err
ignore(struct fault *f, struct manifest *m, char *path)
{
	const char *why = name_fault(path);
	char **grown = NULL;
	coffer_err err = COFFER_OK;

	if (strcmp(path, ".") == 0)
		why = "would hide the whole model";
	if (why)
		TRY(refuse_name(f, "ignored path", path, why));
	if (m->n_ignore_paths >= LIMIT_IGNORE_PATHS)
		TRY(fault_set(f, COFFER_E_FORMAT, "more than %u ignored paths", LIMIT_IGNORE_PATHS));
	grown = reallocarray(m->ignore_paths, m->n_ignore_paths + 1, sizeof(*grown));
	if (!grown)
		TRY(fault_nomem(f));
	m->ignore_paths = grown;
	m->ignore_paths[m->n_ignore_paths++] = path;
	return COFFER_OK;
out:
	free(path);
	return err;
}

coffer_err
manifest_ignore(struct fault *f, struct manifest *m, const char *path)
{
	char *copy = strdup(path);

	return copy ? ignore(f, m, copy) : fault_nomem(f);
}

/* ---- order ---- */

static void
put_range(const struct manifest *m, const struct resource *r, char *out, size_t size)
{
	out[0] = '\0';
	if (m->method == MANIFEST_SHARDS)
		(void)snprintf(out, size, ":%" PRIu64 ":%" PRIu64, r->start, r->end);
}

/* Names of which one begins with the other's path: what is behind that decides. */
static int
compare_behind(const struct manifest *m, const char *p, const struct resource *x, const char *q,
	       const struct resource *y)
{
	char range_x[RANGE_MAX], range_y[RANGE_MAX];
	char behind_x[LIMIT_SIGNED_PATH + RANGE_MAX], behind_y[LIMIT_SIGNED_PATH + RANGE_MAX];

	put_range(m, x, range_x, sizeof(range_x));
	put_range(m, y, range_y, sizeof(range_y));
	(void)snprintf(behind_x, sizeof(behind_x), "%s%s", p, range_x);
	(void)snprintf(behind_y, sizeof(behind_y), "%s%s", q, range_y);
	return strcmp(behind_x, behind_y);
}

/* By whole name, range and all, in order of bytes, which for UTF-8 is that of code points. */
static int
compare_names(const void *a, const void *b, void *manifest)
{
	const struct resource *x = a, *y = b;
	const char *p = x->path, *q = y->path;

	for (; *p && *p == *q; p++)
		q++;
	if (*p && *q)
		return (int)(uint8_t)*p - (int)(uint8_t)*q;
	return compare_behind(manifest, p, x, q, y);
}

void
manifest_sort(struct manifest *m)
{
	if (m->n > 0)
		qsort_r(m->resources, m->n, sizeof(*m->resources), compare_names, m);
}

int
resource_compare(const struct resource *a, const struct resource *b)
{
	int order = strcmp(a->path, b->path);

	return order != 0 ? order : a->start < b->start ? -1 : a->start > b->start;
}

static int
compare_places(const void *a, const void *b)
{
	return resource_compare(*(const struct resource *const *)a, *(const struct resource *const *)b);
}

coffer_err
manifest_by_path(struct fault *f, const struct manifest *m, const struct resource ***sorted_out)
{
	const struct resource **sorted = calloc(m->n, sizeof(*sorted));

	*sorted_out = sorted;
	if (!sorted)
		return fault_nomem(f);
	for (size_t i = 0; i < m->n; i++)
		sorted[i] = &m->resources[i];
	qsort(sorted, m->n, sizeof(*sorted), compare_places);
	return COFFER_OK;
}

coffer_err
manifest_root(struct fault *f, const struct manifest *m, uint8_t out[static 32])
{
	uint8_t hash[DIGEST_MAX];
	struct digest *d = NULL;
	coffer_err err;

	TRY(digest_new(f, DIGEST_SHA256, &d));
	for (size_t i = 0; i < m->n; i++)
		TRY(digest_update(f, d, m->resources[i].digest, digest_len(m->hash)));
	TRY(digest_final(f, d, hash));
	memcpy(out, hash, ROOT_LEN);
out:
	digest_free(&d);
	return err;
}

/* ---- writing ---- */

static void
write_subject(struct json_out *j, const struct manifest *m, const uint8_t root[static ROOT_LEN])
{
	char hex[2 * ROOT_LEN + 1];

	enc_hex(root, ROOT_LEN, hex);
	json_out_begin(j, "subject", JSON_ARRAY);
	json_out_begin(j, NULL, JSON_OBJECT);
	json_out_str(j, "name", m->subject);
	json_out_begin(j, "digest", JSON_OBJECT);
	json_out_str(j, "sha256", hex);
	json_out_end(j);
	json_out_end(j);
	json_out_end(j);
}

static void
write_resource(struct json_out *j, const struct manifest *m, const struct resource *r)
{
	char name[LIMIT_SIGNED_PATH + RANGE_MAX], range[RANGE_MAX], hex[2 * DIGEST_MAX + 1];

	put_range(m, r, range, sizeof(range));
	(void)snprintf(name, sizeof(name), "%s%s", r->path, range);
	enc_hex(r->digest, digest_len(m->hash), hex);
	json_out_begin(j, NULL, JSON_OBJECT);
	json_out_str(j, "name", name);
	json_out_str(j, "digest", hex);
	json_out_str(j, "algorithm", digest_name(m->hash));
	json_out_end(j);
}

static void
write_serialization(struct json_out *j, const struct manifest *m)
{
	json_out_begin(j, "serialization", JSON_OBJECT);
	json_out_str(j, "method", methods[m->method]);
	json_out_str(j, "hash_type", digest_name(m->hash));
	if (m->method == MANIFEST_SHARDS)
		json_out_uint(j, "shard_size", m->shard_size);
	json_out_bool(j, "allow_symlinks", m->allow_symlinks);
	json_out_begin(j, "ignore_paths", JSON_ARRAY);
	for (size_t i = 0; i < m->n_ignore_paths; i++)
		json_out_str(j, NULL, m->ignore_paths[i]);
	json_out_end(j);
	json_out_end(j);
}

static void
write_statement(struct json_out *j, const struct manifest *m, const uint8_t root[static ROOT_LEN])
{
	json_out_begin(j, NULL, JSON_OBJECT);
	json_out_str(j, "_type", STATEMENT_TYPE);
	write_subject(j, m, root);
	json_out_str(j, "predicateType", PREDICATE_WRITTEN);
	json_out_begin(j, "predicate", JSON_OBJECT);
	write_serialization(j, m);
	json_out_begin(j, "resources", JSON_ARRAY);
	for (size_t i = 0; i < m->n; i++)
		write_resource(j, m, &m->resources[i]);
	json_out_end(j);
	json_out_end(j);
	json_out_end(j);
}

static coffer_err
check_writable(struct fault *f, const struct manifest *m)
{
	if (m->n == 0)
		return fault_set(
			f, COFFER_E_USAGE,
			"the model has no file to sign; a signature of nothing would accept nothing or anything");
	if (m->v02 || !m->subject || m->subject[0] == '\0')
		return fault_set(f, COFFER_E_INTERNAL, "a manifest without the name of its model, or of an old form");
	for (size_t i = 1; i < m->n; i++)
		if (compare_names(&m->resources[i - 1], &m->resources[i], (void *)(uintptr_t)m) >= 0)
			return fault_set(f, COFFER_E_INTERNAL, "a manifest that is not in order");
	return COFFER_OK;
}

coffer_err
manifest_write(struct fault *f, const struct manifest *m, struct buf *out)
{
	uint8_t root[ROOT_LEN];
	struct json_out j;
	coffer_err err;

	TRY(check_writable(f, m));
	TRY(manifest_root(f, m, root));
	json_out_init(&j, f);
	/* the text grows where it is wanted: a copy of many files' names would be large */
	j.text = *out;
	write_statement(&j, m, root);
	err = json_out_done(&j);
	*out = j.text;
	if (err == COFFER_OK)
		out->len--; /* the line end is no part of what is signed */
out:
	return err;
}

/* ---- reading: statement.h tells what the JSON says, this whether it may ---- */

static coffer_err
dup_text(struct fault *f, struct view v, char **out)
{
	*out = strndup((const char *)v.p, v.len);
	return *out ? COFFER_OK : fault_nomem(f);
}

static bool
find_hash(struct view name, enum digest_kind *out)
{
	static const enum digest_kind kinds[] = {DIGEST_SHA256, DIGEST_BLAKE2B, DIGEST_BLAKE3};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		*out = kinds[i];
		if (view_is(name, digest_name(kinds[i])))
			return true;
	}
	return false;
}

static coffer_err
judge_shard_size(struct fault *f, const struct statement_number *size, struct manifest *m)
{
	if (m->method == MANIFEST_FILES && size->given)
		return fault_set(f, COFFER_E_FORMAT, "a shard_size where whole files are signed");
	if (m->method == MANIFEST_FILES)
		return COFFER_OK;
	if (!size->given || size->value == 0 || size->value > SHARD_SIZE_MAX)
		return fault_set(f, COFFER_E_FORMAT, "shards without a shard_size, or with an impossible one");
	m->shard_size = size->value;
	return COFFER_OK;
}

static coffer_err
judge_serialization(struct fault *f, const struct statement *s, struct manifest *m)
{
	if (!s->method.p || !s->hash_type.p || !s->allow_symlinks.given)
		return fault_set(f, COFFER_E_FORMAT, "«serialization» lacks method, hash_type or allow_symlinks");
	if (view_is(s->method, methods[MANIFEST_SHARDS]))
		m->method = MANIFEST_SHARDS;
	else if (!view_is(s->method, methods[MANIFEST_FILES]))
		return fault_set(f, COFFER_E_UNSUPPORTED, "a serialization method other than files and shards");
	if (!find_hash(s->hash_type, &m->hash))
		return fault_set(f, COFFER_E_UNSUPPORTED, "a hash_type other than sha256, blake2b and blake3");
	m->allow_symlinks = s->allow_symlinks.value != 0;
	return judge_shard_size(f, &s->shard_size, m);
}

/* Cut «:start:end» off @name, from the right, for a path may hold colons too; @name is as it was when there is no such range. */
static bool
cut_range(char *name, uint64_t *start_out, uint64_t *end_out)
{
	char *last = strrchr(name, ':'), *first;

	if (!last || !num_parse(last + 1, 0, SHARD_SIZE_MAX, end_out))
		return false;
	*last = '\0';
	first = strrchr(name, ':');
	if (first && num_parse(first + 1, 0, SHARD_SIZE_MAX, start_out) && *start_out < *end_out) {
		*first = '\0';
		return true;
	}
	*last = ':';
	return false;
}

/* What «algorithm» of a resource may be: the hash, and for shards what model_signing writes, «sha256-sharded-1000000000». */
static bool
is_algorithm(struct view name, const struct manifest *m)
{
	char sharded[64];

	(void)snprintf(sharded, sizeof(sharded), "%s-sharded-%" PRIu64, digest_name(m->hash), m->shard_size);
	return view_is(name, digest_name(m->hash)) || (m->method == MANIFEST_SHARDS && view_is(name, sharded));
}

static coffer_err
judge_resource(struct fault *f, const struct entry *e, struct manifest *m)
{
	uint64_t start = 0, end = 0;
	uint8_t digest[DIGEST_MAX];
	char *name = NULL;
	coffer_err err;

	if (!e->name.p || !e->digest.p || !e->algorithm.p)
		return fault_set(f, COFFER_E_FORMAT, "a resource lacks name, digest or algorithm");
	TRY(dup_text(f, e->name, &name));
	if (!is_algorithm(e->algorithm, m))
		TRY(refuse_name(f, "resource", name, "has another algorithm than hash_type says"));
	if (!dec_hex((const char *)e->digest.p, e->digest.len, digest, digest_len(m->hash)))
		TRY(refuse_name(f, "resource", name, "has a digest that is none: lower-case hex of the hash's length"));
	if (m->method == MANIFEST_SHARDS && !cut_range(name, &start, &end))
		TRY(refuse_name(f, "shard", name, "does not end in :START:END, two numbers in order"));
	return add(f, m, name, start, end, digest);
out:
	free(name);
	return err;
}

static coffer_err
judge_resources(struct fault *f, const struct statement *s, struct manifest *m)
{
	coffer_err err = COFFER_OK;

	for (size_t i = 0; i < s->resources.n; i++)
		TRY(judge_resource(f, &s->resources.v[i], m));
	for (size_t i = 0; i < s->ignored.n; i++) {
		char *path;

		TRY(dup_text(f, s->ignored.v[i].name, &path));
		TRY(ignore(f, m, path));
	}
out:
	return err;
}

static int
compare_ranges(const void *a, const void *b)
{
	const struct resource *x = *(const struct resource *const *)a, *y = *(const struct resource *const *)b;
	int by_path = strcmp(x->path, y->path);

	return by_path != 0 ? by_path : (x->start > y->start) - (x->start < y->start);
}

/* What is wrong with @r behind @before, the one that precedes it by path and start (or NULL); or NULL */
static const char *
range_fault(const struct manifest *m, const struct resource *before, const struct resource *r)
{
	bool same = before && strcmp(before->path, r->path) == 0;
	uint64_t expected = same ? before->end : 0;

	if (m->method == MANIFEST_FILES)
		return same ? "is listed twice" : NULL;
	if (r->start < expected)
		return "has shards that overlap or are listed twice";
	if (r->start > expected)
		return "has bytes that no shard covers";
	if (r->end - r->start > m->shard_size)
		return "has a shard that is larger than shard_size";
	if (r->start % m->shard_size != 0)
		return "has a shard before its last that is smaller than shard_size";
	return NULL;
}

/* Each file once, and all of its shards; «.» stands for a model that is a single file. */
static coffer_err
judge_set(struct fault *f, const struct manifest *m)
{
	const struct resource **sorted = calloc(m->n, sizeof(const struct resource *)), *before = NULL;
	size_t n_dots = 0;
	coffer_err err = COFFER_OK;

	if (!sorted)
		return fault_nomem(f);
	for (size_t i = 0; i < m->n; i++) {
		sorted[i] = &m->resources[i];
		n_dots += strcmp(sorted[i]->path, ".") == 0;
	}
	qsort(sorted, m->n, sizeof(*sorted), compare_ranges);
	for (size_t i = 0; i < m->n; before = sorted[i++]) {
		const char *why = range_fault(m, before, sorted[i]);

		if (why)
			TRY(refuse_name(f, "file", sorted[i]->path, why));
	}
	if (n_dots != 0 && n_dots != m->n)
		err = fault_set(f, COFFER_E_FORMAT, "«.» stands for a model of a single file, but others are listed");
out:
	free(sorted);
	return err;
}

static coffer_err
judge_root(struct fault *f, const struct statement *s, struct manifest *m)
{
	const struct entry *subject = s->subjects.v;
	uint8_t stated[ROOT_LEN], computed[ROOT_LEN];
	coffer_err err;

	if (s->subjects.n != 1 || subject->name.len == 0 || !subject->digest.p)
		return fault_set(f, COFFER_E_FORMAT, "not one subject with a name and a sha256 digest, but %zu",
				 s->subjects.n);
	if (!dec_hex((const char *)subject->digest.p, subject->digest.len, stated, ROOT_LEN))
		return fault_set(f, COFFER_E_FORMAT, "the subject's digest is no SHA-256 in lower-case hex");
	TRY(dup_text(f, subject->name, &m->subject));
	TRY(manifest_root(f, m, computed));
	if (!mem_equal(stated, computed, ROOT_LEN))
		return fault_set(f, COFFER_E_AUTH, "the root digest is not that of the files listed");
out:
	return err;
}

static coffer_err
refuse_empty(struct fault *f)
{
	return fault_set(f, COFFER_E_FORMAT, "no file is listed; a signature of nothing proves nothing");
}

static coffer_err
judge_v1(struct fault *f, const struct statement *s, struct manifest *m)
{
	coffer_err err;

	TRY(judge_serialization(f, s, m));
	if (s->resources.n == 0)
		return refuse_empty(f);
	TRY(judge_resources(f, s, m));
	TRY(judge_set(f, m));
	TRY(judge_root(f, s, m));
out:
	return err;
}

/* model_signing 0.2.0: the files are the subjects, with no root over them */
static coffer_err
judge_v02(struct fault *f, const struct statement *s, struct manifest *m)
{
	coffer_err err = COFFER_OK;

	m->v02 = true;
	if (s->subjects.n == 0)
		return refuse_empty(f);
	for (size_t i = 0; i < s->subjects.n; i++) {
		struct entry e = s->subjects.v[i];

		if (e.algorithm.p && !view_is(e.algorithm, "file-sha256"))
			return fault_set(f, COFFER_E_UNSUPPORTED, "hashes of model_signing 0.2 other than file-sha256");
		e.algorithm = view_str(digest_name(DIGEST_SHA256));
		TRY(judge_resource(f, &e, m));
	}
	TRY(judge_set(f, m));
out:
	return err;
}

static bool
is_v1(struct view type)
{
	char minor[16] = "";
	struct view prefix;
	uint64_t version;

	if (!view_take(&type, strlen(PREDICATE_V1), &prefix) || !view_is(prefix, PREDICATE_V1) ||
	    type.len >= sizeof(minor))
		return false;
	memcpy(minor, type.p, type.len);
	return num_parse(minor, 0, UINT32_MAX, &version);
}

static coffer_err
judge(struct fault *f, const struct statement *s, struct manifest *m)
{
	if (!view_is(s->type, STATEMENT_TYPE))
		return fault_set(f, COFFER_E_UNSUPPORTED, "its _type is not " STATEMENT_TYPE);
	if (view_is(s->predicate_type, STATEMENT_V02))
		return judge_v02(f, s, m);
	if (!is_v1(s->predicate_type))
		return fault_set(f, COFFER_E_UNSUPPORTED,
				 "its predicate is not that of a model signature, " PREDICATE_WRITTEN);
	return judge_v1(f, s, m);
}

coffer_err
manifest_parse(struct fault *f, struct view payload, struct manifest *out)
{
	struct statement s = STATEMENT_INIT;
	coffer_err err;

	TRY(statement_read(f, payload, &s));
	TRY(judge(f, &s, out));
out:
	statement_free(&s);
	if (err != COFFER_OK) {
		manifest_free(out);
		(void)fault_prefix(f, "the signed statement");
	}
	return err;
}
