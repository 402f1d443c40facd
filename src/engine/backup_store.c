/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/backup_store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/enc.h"
#include "base/num.h"
#include "crypto/rand.h"
#include "data/doc.h"

#define VERSION 1
#define PART_SIZE (UINT64_C(16) << 20)

/* ---- what it says of itself ---- */

coffer_err
store_description_decode(struct fault *f, struct view text, struct backup_store *out)
{
	static const char *const names[] = {"coffer_backup", "part_size", "store"};
	struct doc *d = NULL;
	uint64_t version = 0;
	coffer_err err;

	TRY(doc_parse(f, STORE_DESCRIPTION, text, &d));
	if (!doc_number(doc_get(d, "coffer_backup"), 0, DOC_NUMBER_MAX, &version))
		TRY(fault_set(f, COFFER_E_FORMAT, STORE_DESCRIPTION " is malformed"));
	if (version != VERSION)
		TRY(fault_set(f, COFFER_E_UNSUPPORTED, "a backup store of version %llu; this coffer knows version %d",
			      (unsigned long long)version, VERSION));
	/* [B-1] */
	if (!doc_only(d, names, 3) || !doc_hex(doc_get(d, "store"), out->id, sizeof(out->id)) ||
	    !doc_number(doc_get(d, "part_size"), LIMIT_BACKUP_PART_MIN, LIMIT_BACKUP_PART_MAX, &out->part_size) ||
	    !num_is_pow2(out->part_size))
		TRY(fault_set(f, COFFER_E_FORMAT, STORE_DESCRIPTION " is malformed"));
out:
	doc_free(&d);
	return err;
}

coffer_err
store_description_encode(struct fault *f, const struct backup_store *s, struct buf *out)
{
	struct doc *d = doc_object();
	coffer_err err;

	d = doc_set(d, "coffer_backup", doc_new_number(VERSION));
	d = doc_set(d, "part_size", doc_new_number(s->part_size));
	d = doc_set(d, "store", doc_new_hex(s->id, sizeof(s->id)));
	if (!d)
		return fault_nomem(f);
	TRY(doc_canonical(f, d, out));
	TRY(buf_str(f, out, "\n"));
out:
	doc_free(&d);
	return err;
}

/* ---- opening ---- */

static coffer_err
open_verbs(struct fault *f, const char *where, bool make, struct backup_store *out)
{
	*out = (struct backup_store)BACKUP_STORE_INIT;
	if (*where == '\0')
		return fault_set(f, COFFER_E_USAGE, "a backup store has a name: a folder, or s3://BUCKET/PREFIX");
	out->shown = strdup(where);
	if (!out->shown)
		return fault_nomem(f);
	if (strncmp(where, STORE_S3, strlen(STORE_S3)) == 0)
		return store_bucket_open(f, where, make, out);
	return store_folder_open(f, where, make, out);
}

static coffer_err
read_description(struct fault *f, struct backup_store *s)
{
	struct buf text = BUF_INIT(LIMIT_BACKUP_STORE);
	coffer_err err = s->verbs->read(s->self, f, STORE_DESCRIPTION, LIMIT_BACKUP_STORE, &text);

	if (err == COFFER_OK)
		err = store_description_decode(f, buf_view(&text), s);
	if (err && err != COFFER_E_NOTFOUND)
		(void)fault_prefix(f, "%s", s->shown);
	buf_free(&text);
	return err;
}

coffer_err
store_open(struct fault *f, const char *where, struct backup_store *out)
{
	coffer_err err;

	TRY(open_verbs(f, where, false, out));
	err = read_description(f, out);
	if (err == COFFER_E_NOTFOUND) {
		TRY(out->verbs->is_there(out->self, f));
		TRY(fault_set(f, COFFER_E_FORMAT,
			      "%s is no backup store: it has no " STORE_DESCRIPTION
			      "; is its disk there? «coffer backup create --init» makes a store",
			      where));
	}
out:
	return err;
}

static coffer_err
write_description(struct fault *f, uint64_t part_size, struct backup_store *s)
{
	struct buf text = BUF_INIT(LIMIT_BACKUP_STORE);
	coffer_err err;

	s->part_size = part_size ? part_size : PART_SIZE;
	if (s->part_size < LIMIT_BACKUP_PART_MIN || s->part_size > LIMIT_BACKUP_PART_MAX || !num_is_pow2(s->part_size))
		TRY(fault_set(f, COFFER_E_USAGE, "parts of %llu bytes; it is a power of two from 64K to 1G",
			      (unsigned long long)s->part_size));
	TRY(rand_bytes(f, s->id, sizeof(s->id)));
	TRY(store_description_encode(f, s, &text));
	TRY(s->verbs->write(s->self, f, STORE_DESCRIPTION, buf_view(&text)));
out:
	buf_free(&text);
	return err;
}

coffer_err
store_make(struct fault *f, const char *where, uint64_t part_size, struct backup_store *out)
{
	coffer_err err;

	TRY(open_verbs(f, where, true, out));
	err = read_description(f, out);
	if (err == COFFER_E_NOTFOUND)
		err = write_description(f, part_size, out);
	/* another process made it at the same time */
	if (err == COFFER_E_EXISTS)
		err = read_description(f, out);
out:
	return err;
}

void
store_close(struct backup_store *s)
{
	if (s->self)
		s->verbs->close(s->self);
	free(s->shown);
	*s = (struct backup_store)BACKUP_STORE_INIT;
}

/* ---- objects ---- */

/* [B-3] */
void
store_object_name(const uint8_t id[static SHA256_LEN], char out[static 80])
{
	char hex[2 * SHA256_LEN + 1];

	enc_hex(id, SHA256_LEN, hex);
	(void)snprintf(out, 80, STORE_OBJECTS "/%.2s/%s", hex, hex);
}

void
store_snapshot_name(const char *name, char out[static 80])
{
	(void)snprintf(out, 80, STORE_SNAPSHOTS "/%.*s", SNAPSHOT_NAME_LEN, name);
}

static int
compare_objects(const void *a, const void *b)
{
	const struct object *x = a, *y = b;

	return memcmp(x->id, y->id, SHA256_LEN);
}

const struct object *
objects_find(const struct objects *o, const uint8_t id[static SHA256_LEN])
{
	struct object key;

	memcpy(key.id, id, SHA256_LEN);
	return o->n > 0 ? bsearch(&key, o->v, o->n, sizeof(*o->v), compare_objects) : NULL;
}

void
objects_free(struct objects *o)
{
	free(o->v);
	*o = (struct objects){.v = NULL};
}

/* What has another name is none of ours, and is passed over. */
static coffer_err
add_object(void *arg, struct fault *f, const struct store_entry *e)
{
	struct objects *o = arg;
	struct object object = {.size = e->size, .mtime = e->mtime};

	if (strlen(e->name) != 3 + (size_t)2 * SHA256_LEN || strncmp(e->name, e->name + 3, 2) != 0 ||
	    e->name[2] != '/' || !dec_hex(e->name + 3, (size_t)2 * SHA256_LEN, object.id, SHA256_LEN))
		return COFFER_OK;
	if (o->n == o->cap) {
		size_t cap = o->cap ? 2 * o->cap : 1024;
		struct object *v = cap <= LIMIT_BACKUP_OBJECTS ? realloc(o->v, cap * sizeof(*v)) : NULL;

		if (!v)
			return fault_nomem(f);
		o->v = v;
		o->cap = cap;
	}
	o->v[o->n++] = object;
	return COFFER_OK;
}

coffer_err
store_objects(struct fault *f, const struct backup_store *s, struct objects *out)
{
	coffer_err err;

	*out = (struct objects){.v = NULL};
	TRY(s->verbs->list(s->self, f, STORE_OBJECTS, add_object, out));
	if (out->n > 0)
		qsort(out->v, out->n, sizeof(*out->v), compare_objects);
out:
	if (err)
		objects_free(out);
	return err;
}
