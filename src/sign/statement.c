/* SPDX-License-Identifier: Apache-2.0 */
#include "sign/statement.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "data/scan.h"

struct member {
	const char *name;
	coffer_err (*read)(struct fault *f, struct scan *r, void *to);
	size_t offset; /* of what it is read to */
};

/* A member that is in @members, and was not before, or else one that nobody knows. */
static coffer_err
read_member(struct fault *f, struct scan *r, const struct member *members, uint32_t *seen, void *object)
{
	struct view key;
	coffer_err err;

	TRY(scan_key(f, r, &key));
	for (size_t i = 0; members[i].name; i++) {
		if (!view_is(key, members[i].name))
			continue;
		if (*seen & 1u << i)
			return fault_set(f, COFFER_E_FORMAT, "«%s» stands twice in one object", members[i].name);
		*seen |= 1u << i;
		return members[i].read(f, r, (char *)object + members[i].offset);
	}
	TRY(scan_skip(f, r));
out:
	return err;
}

static coffer_err
read_object(struct fault *f, struct scan *r, const struct member *members, void *object)
{
	uint32_t seen = 0;
	coffer_err err;
	bool more;

	TRY(scan_enter(f, r, '{'));
	for (;;) {
		TRY(scan_next(f, r, '}', &more));
		if (!more)
			break;
		TRY(read_member(f, r, members, &seen, object));
	}
out:
	return err;
}

static coffer_err
read_text(struct fault *f, struct scan *r, void *to)
{
	return scan_string(f, r, to);
}

static coffer_err
read_whole(struct fault *f, struct scan *r, void *to)
{
	struct statement_number *n = to;

	n->given = true;
	return scan_whole(f, r, &n->value);
}

static coffer_err
read_bool(struct fault *f, struct scan *r, void *to)
{
	struct statement_number *n = to;
	char first = scan_peek(r);

	if (first != 't' && first != 'f')
		return fault_set(f, COFFER_E_FORMAT, "allow_symlinks is neither true nor false");
	n->given = true;
	n->value = first == 't';
	return scan_skip(f, r);
}

static coffer_err
add_entry(struct fault *f, struct entries *list, struct entry **out)
{
	size_t cap = list->cap ? list->cap * 2 : 64;
	struct entry *grown;

	if (list->n == LIMIT_SHARDS)
		return fault_set(f, COFFER_E_FORMAT, "a list of more than %u", LIMIT_SHARDS);
	if (list->n == list->cap) {
		grown = reallocarray(list->v, cap, sizeof(*grown));
		if (!grown)
			return fault_nomem(f);
		list->v = grown;
		list->cap = cap;
	}
	*out = &list->v[list->n++];
	**out = (struct entry){.name = {.p = NULL}};
	return COFFER_OK;
}

static coffer_err
read_subject_digest(struct fault *f, struct scan *r, void *to)
{
	static const struct member members[] = {{"sha256", read_text, 0}, {.name = NULL}};

	return read_object(f, r, members, to);
}

static coffer_err
read_annotations(struct fault *f, struct scan *r, void *to)
{
	static const struct member members[] = {{"actual_hash_algorithm", read_text, 0}, {.name = NULL}};

	return read_object(f, r, members, to);
}

static coffer_err
read_subject(struct fault *f, struct scan *r, struct entry *to)
{
	static const struct member members[] = {
		{"name", read_text, offsetof(struct entry, name)},
		{"digest", read_subject_digest, offsetof(struct entry, digest)},
		{"annotations", read_annotations, offsetof(struct entry, algorithm)},
		{.name = NULL},
	};

	return read_object(f, r, members, to);
}

static coffer_err
read_resource(struct fault *f, struct scan *r, struct entry *to)
{
	static const struct member members[] = {
		{"name", read_text, offsetof(struct entry, name)},
		{"digest", read_text, offsetof(struct entry, digest)},
		{"algorithm", read_text, offsetof(struct entry, algorithm)},
		{.name = NULL},
	};

	return read_object(f, r, members, to);
}

static coffer_err
read_ignored(struct fault *f, struct scan *r, struct entry *to)
{
	return scan_string(f, r, &to->name);
}

static coffer_err
read_list(struct fault *f, struct scan *r, struct entries *list,
	  coffer_err (*read)(struct fault *f, struct scan *r, struct entry *to))
{
	struct entry *e = NULL;
	coffer_err err;
	bool more;

	TRY(scan_enter(f, r, '['));
	for (;;) {
		TRY(scan_next(f, r, ']', &more));
		if (!more)
			break;
		TRY(add_entry(f, list, &e));
		TRY(read(f, r, e));
	}
out:
	return err;
}

static coffer_err
read_subjects(struct fault *f, struct scan *r, void *to)
{
	return read_list(f, r, to, read_subject);
}

static coffer_err
read_resources(struct fault *f, struct scan *r, void *to)
{
	return read_list(f, r, to, read_resource);
}

static coffer_err
read_ignore_paths(struct fault *f, struct scan *r, void *to)
{
	return read_list(f, r, to, read_ignored);
}

static coffer_err
read_serialization(struct fault *f, struct scan *r, void *to)
{
	static const struct member members[] = {
		{"method", read_text, offsetof(struct statement, method)},
		{"hash_type", read_text, offsetof(struct statement, hash_type)},
		{"shard_size", read_whole, offsetof(struct statement, shard_size)},
		{"allow_symlinks", read_bool, offsetof(struct statement, allow_symlinks)},
		{"ignore_paths", read_ignore_paths, offsetof(struct statement, ignored)},
		{.name = NULL},
	};

	return read_object(f, r, members, to);
}

static coffer_err
read_predicate(struct fault *f, struct scan *r, void *to)
{
	static const struct member members[] = {
		{"resources", read_resources, offsetof(struct statement, resources)},
		{"serialization", read_serialization, 0},
		{.name = NULL},
	};

	return read_object(f, r, members, to);
}

/* All of @json by @members; the copy stays with @s. */
static coffer_err
read_all(struct fault *f, struct view json, const struct member *members, struct statement *s)
{
	struct scan r;
	coffer_err err;

	s->text = malloc(json.len + 1);
	if (!s->text)
		return fault_nomem(f);
	if (json.len > 0)
		memcpy(s->text, json.p, json.len);
	r = scan_begin(s->text, json.len);
	TRY(read_object(f, &r, members, s));
	TRY(scan_end(f, &r));
out:
	return err;
}

coffer_err
statement_read(struct fault *f, struct view json, struct statement *s)
{
	static const struct member members[] = {
		{"_type", read_text, offsetof(struct statement, type)},
		{"subject", read_subjects, offsetof(struct statement, subjects)},
		{"predicateType", read_text, offsetof(struct statement, predicate_type)},
		{"predicate", read_predicate, 0},
		{.name = NULL},
	};

	return read_all(f, json, members, s);
}

bool
statement_is_v02(struct view json)
{
	static const struct member members[] = {
		{"predicateType", read_text, offsetof(struct statement, predicate_type)},
		{.name = NULL},
	};
	struct statement s = STATEMENT_INIT;
	bool is = read_all(NULL, json, members, &s) == COFFER_OK && view_is(s.predicate_type, STATEMENT_V02);

	statement_free(&s);
	return is;
}

void
statement_free(struct statement *s)
{
	free(s->subjects.v);
	free(s->resources.v);
	free(s->ignored.v);
	free(s->text);
	*s = (struct statement)STATEMENT_INIT;
}
