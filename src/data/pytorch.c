/* SPDX-License-Identifier: Apache-2.0 */
#include "data/pytorch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "data/names.h"
#include "data/source.h"
#include "data/torch_pickle.h"
#include "data/zip.h"

/* a part of the archive */
struct record {
	const char *name;
	struct zip_entry entry;
};

struct reader {
	struct fault *f;
	const struct coffer_source *source;
	size_t file;
	struct tensor_table *table;
	struct names names;
	struct record *records; /* in order of their names */
	size_t n_records;
	size_t cap;
	const char *root; /* what their names begin with, «archive/», of @root_len bytes */
	size_t root_len;
	struct buf pickle;
};

static coffer_err
unsupported(const struct reader *r, const char *why)
{
	return fault_set(r->f, COFFER_E_UNSUPPORTED, "the tensors of this PyTorch file cannot be listed: %s", why);
}

static coffer_err
room(struct reader *r)
{
	size_t cap = r->cap ? 2 * r->cap : 64;
	struct record *records;

	if (r->n_records < r->cap)
		return COFFER_OK;
	records = reallocarray(r->records, cap, sizeof(*records));
	if (!records)
		return fault_nomem(r->f);
	r->records = records;
	r->cap = cap;
	return COFFER_OK;
}

static coffer_err
visit(struct fault *f, void *user, const struct zip_entry *entry, bool *stop)
{
	struct reader *r = user;
	coffer_err err;

	(void)stop;
	TRY(room(r));
	r->records[r->n_records].entry = *entry;
	TRY(names_add(f, &r->names, entry->name, &r->records[r->n_records].name));
	r->n_records++;
out:
	return err;
}

static int
compare_records(const void *a, const void *b)
{
	return strcmp(((const struct record *)a)->name, ((const struct record *)b)->name);
}

/* «data.pkl» in the one folder that all is in */
static const struct record *
find_pickle(const struct reader *r)
{
	for (size_t i = 0; i < r->n_records; i++) {
		const char *slash = strchr(r->records[i].name, '/');

		if (strcmp(slash ? slash + 1 : r->records[i].name, "data.pkl") == 0)
			return &r->records[i];
	}
	return NULL;
}

/* the part called @name in the folder, or NULL */
static const struct record *
find_record(const struct reader *r, const char *folder, struct view name)
{
	char full[LIMIT_PATH + 1];
	const struct record key = {.name = full};
	int len = snprintf(full, sizeof(full), "%.*s%s%.*s", (int)r->root_len, r->root, folder, (int)name.len,
			   (const char *)name.p);

	if (len < 0 || (size_t)len >= sizeof(full) || memchr(name.p, '\0', name.len) || r->n_records == 0)
		return NULL;
	return bsearch(&key, r->records, r->n_records, sizeof(key), compare_records);
}

/* numbers stand as this processor has them, which is little-endian */
static coffer_err
check_byte_order(struct reader *r)
{
	const struct record *record = find_record(r, "", view_str("byteorder"));
	char order[6];
	coffer_err err = COFFER_OK;

	if (!record)
		return COFFER_OK;
	if (!record->entry.stored || record->entry.size != sizeof(order))
		return unsupported(r, "its numbers are not little-endian");
	TRY(source_read(r->f, r->source, record->entry.off, order, sizeof(order)));
	if (memcmp(order, "little", sizeof(order)) != 0)
		err = unsupported(r, "its numbers are not little-endian");
out:
	return err;
}

static coffer_err
read_archive(struct reader *r)
{
	const struct record *pickle;
	bool found = false;
	coffer_err err;

	TRY(zip_walk(r->f, r->source, visit, r, &found));
	TRY(names_unique(r->f, &r->names, 0, "the part"));
	if (r->n_records > 1)
		qsort(r->records, r->n_records, sizeof(*r->records), compare_records);
	pickle = find_pickle(r);
	if (!pickle)
		return unsupported(r, "it has no data.pkl");
	if (!pickle->entry.stored || pickle->entry.size > LIMIT_PYTORCH_PICKLE)
		return unsupported(r, "its data.pkl is compressed or too large");
	r->root = pickle->name;
	r->root_len = strlen(pickle->name) - strlen("data.pkl");
	TRY(check_byte_order(r));
	TRY(source_slurp(r->f, r->source, pickle->entry.off, (size_t)pickle->entry.size, &r->pickle));
out:
	return err;
}

/* to where the storage is, which is the same file */
static coffer_err
add_tensor(struct fault *f, void *user, struct view name, const struct torch_tensor *tensor)
{
	struct reader *r = user;
	const struct record *record = find_record(r, "data/", tensor->storage);
	struct coffer_tensor *out;
	coffer_err err;

	if (!record || !record->entry.stored || record->entry.size < tensor->storage_size)
		return fault_set(f, COFFER_E_FORMAT, "PyTorch: a storage is missing, compressed or too short");
	TRY(tensor_table_add(f, r->table, name, &out));
	out->dtype = tensor->dtype;
	out->n_dims = tensor->n_dims;
	memcpy(out->shape, tensor->shape, sizeof(out->shape));
	out->file = r->file;
	out->off = record->entry.off + tensor->off;
	out->size = tensor->size;
out:
	return err;
}

coffer_err
pytorch_read(struct fault *f, const struct coffer_source *source, size_t file, struct tensor_table *table)
{
	struct reader r = {.f = f,
			   .source = source,
			   .file = file,
			   .table = table,
			   .names = NAMES_INIT,
			   .pickle = BUF_INIT(LIMIT_PYTORCH_PICKLE)};
	size_t first = table->n;
	coffer_err err;

	TRY(read_archive(&r));
	TRY(torch_pickle_read(f, buf_view(&r.pickle), add_tensor, &r));
	TRY(tensor_table_close_file(f, table, first));
out:
	free(r.records);
	names_free(&r.names);
	buf_free(&r.pickle);
	return err;
}
