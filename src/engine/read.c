/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any byte range of a sealed model, from any thread (coffer/open.h).
 */
#include "engine/read.h"

#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "engine/model.h"

coffer_err
coffer_model_open(struct coffer_ctx *ctx, const char *path, const struct coffer_keyring *keys,
		  struct coffer_model **model_out)
{
	return model_open(ctx_begin(ctx), ctx, path, keys, MODEL_READ, model_out);
}

coffer_err
coffer_model_open_source(struct coffer_ctx *ctx, const struct coffer_source *source, const struct coffer_keyring *keys,
			 struct coffer_model **model_out)
{
	return model_open_source(ctx_begin(ctx), ctx, source, keys, model_out);
}

void
coffer_model_free(struct coffer_model **model)
{
	model_free(model);
}

const char *
coffer_model_name(const struct coffer_model *model)
{
	return model->keys.name;
}

const char *
coffer_model_version(const struct coffer_model *model)
{
	return model->keys.version;
}

size_t
coffer_model_size(const struct coffer_model *model)
{
	return model->keys.n_files;
}

const char *
coffer_model_path(const struct coffer_model *model, size_t index)
{
	return index < model->keys.n_files ? model->keys.files[index].path : NULL;
}

uint64_t
coffer_model_file_size(const struct coffer_model *model, size_t index)
{
	return index < model->keys.n_files ? model->keys.files[index].size : UINT64_MAX;
}

size_t
coffer_model_find(const struct coffer_model *model, const char *path)
{
	return keyblock_find(&model->keys, path);
}

/* An empty file has one empty record, which no read would ever verify. */
static coffer_err
check_empty(struct fault *f, struct coffer_file *o)
{
	uint8_t none;

	return o->sealed.head.size == 0 ? sealed_read_record(f, &o->sealed, 0, &none, false) : COFFER_OK;
}

coffer_err
coffer_file_open(struct coffer_ctx *ctx, struct coffer_model *model, size_t index, struct coffer_file **file_out)
{
	struct fault *f = ctx_begin(ctx);
	struct coffer_file *file;
	coffer_err err;

	*file_out = NULL;
	if (index >= model->keys.n_files)
		return fault_set(f, COFFER_E_RANGE, "file %zu of %zu", index, model->keys.n_files);
	file = calloc(1, sizeof(*file));
	if (!file)
		return fault_nomem(f);
	pthread_mutex_init(&file->lock, NULL);
	TRY(model_sealed(f, model, index, &file->sealed, &file->shown));
	TRY(check_empty(f, file));
	*file_out = file;
	file = NULL;
out:
	coffer_file_free(&file);
	return err;
}

void
coffer_file_free(struct coffer_file **file)
{
	struct coffer_file *o = *file;

	if (!o)
		return;
	sealed_close(&o->sealed);
	pthread_mutex_destroy(&o->lock);
	pages_free(&o->cached);
	pages_free(&o->spare);
	free(o->shown);
	free(o);
	*file = NULL;
}

uint64_t
coffer_file_size(const struct coffer_file *file)
{
	return file->sealed.head.size;
}

uint32_t
coffer_file_record_size(const struct coffer_file *file)
{
	return file->sealed.head.record_size;
}

static bool
copy_cached(struct coffer_file *o, uint64_t index, size_t from, void *buf, size_t len)
{
	bool hit;

	pthread_mutex_lock(&o->lock);
	hit = o->cached.p && o->cached_index == index;
	if (hit)
		memcpy(buf, (const uint8_t *)o->cached.p + from, len);
	pthread_mutex_unlock(&o->lock);
	return hit;
}

/* Room for one record that is nobody else's meanwhile. */
static coffer_err
take_room(struct fault *f, struct coffer_file *o, struct pages *out)
{
	pthread_mutex_lock(&o->lock);
	*out = o->spare;
	o->spare = (struct pages)PAGES_INIT;
	pthread_mutex_unlock(&o->lock);
	return out->p ? COFFER_OK : pages_new(f, out, o->sealed.head.record_size);
}

/* The room of what it takes the place of is the next one's: fresh pages cost more than to open what goes there. */
static void
keep_record(struct coffer_file *o, struct pages *record, uint64_t index)
{
	struct pages old;

	pthread_mutex_lock(&o->lock);
	old = o->cached;
	o->cached = *record;
	o->cached_index = index;
	if (!o->spare.p) {
		o->spare = old;
		old = (struct pages)PAGES_INIT;
	}
	pthread_mutex_unlock(&o->lock);
	pages_free(&old);
	*record = (struct pages)PAGES_INIT;
}

/* Part of a record: it is opened whole, beside, and kept for the next small read. */
static coffer_err
read_part(struct fault *f, struct coffer_file *o, uint64_t index, size_t from, void *buf, size_t len)
{
	struct pages record = PAGES_INIT;
	coffer_err err;

	if (copy_cached(o, index, from, buf, len))
		return COFFER_OK;
	TRY(take_room(f, o, &record));
	TRY(sealed_read_record(f, &o->sealed, index, record.p, false));
	memcpy(buf, (const uint8_t *)record.p + from, len);
	keep_record(o, &record, index);
out:
	pages_free(&record);
	return err;
}

void
read_expect_bulk(struct coffer_file *o)
{
	pthread_mutex_lock(&o->lock);
	if (!o->bulk)
		input_expect_bulk(&o->sealed.in);
	o->bulk = true;
	pthread_mutex_unlock(&o->lock);
}

coffer_err
read_check_range(struct fault *f, struct coffer_file *o, uint64_t off, uint64_t len)
{
	uint64_t size = o->sealed.head.size;

	if (off > size || len > size - off)
		return fault_set(f, COFFER_E_RANGE, "%s: %llu bytes from %llu on, of %llu", o->sealed.in.shown,
				 (unsigned long long)len, (unsigned long long)off, (unsigned long long)size);
	if (atomic_load(&o->sealed.failed)) /* [F-11] */
		return fault_set(f, COFFER_E_AUTH, "%s: an earlier record was not authentic", o->sealed.in.shown);
	return COFFER_OK;
}

coffer_err
read_range(struct fault *f, struct coffer_file *o, uint64_t off, uint8_t *buf, size_t len)
{
	const struct head *h = &o->sealed.head;
	coffer_err err;

	TRY(read_check_range(f, o, off, len));
	while (len > 0) {
		uint64_t index = off / h->record_size;
		size_t from = (size_t)(off % h->record_size), record_len = head_record_len(h, index);
		size_t n = (size_t)num_min(len, record_len - from);

		if (n == record_len)
			TRY(sealed_read_record(f, &o->sealed, index, buf, false));
		else
			TRY(read_part(f, o, index, from, buf, n));
		buf += n;
		off += n;
		len -= n;
	}
out:
	return err;
}

coffer_err
coffer_file_read_at(struct coffer_file *file, uint64_t off, void *buf, size_t len)
{
	coffer_err err = read_range(NULL, file, off, buf, len);

	if (err != COFFER_OK && len > 0)
		memset(buf, 0, len);
	return err;
}

/* ---- from front to back ---- */

/* The part of record @index that lies in [@off, @end). */
static coffer_err
copy_record(struct fault *f, struct coffer_file *o, uint64_t index, uint64_t off, uint64_t end, uint8_t *buf,
	    const struct output *out)
{
	uint64_t start = index * o->sealed.head.record_size;
	uint64_t from = off > start ? off - start : 0;
	uint64_t to = num_min(end - start, head_record_len(&o->sealed.head, index));
	coffer_err err;

	TRY(sealed_read_record(f, &o->sealed, index, buf, false));
	TRY(output_write(f, out, start + from - off, buf + from, (size_t)(to - from)));
out:
	return err;
}

static coffer_err
copy_range(struct fault *f, struct coffer_ctx *ctx, struct coffer_file *o, uint64_t off, uint64_t len,
	   const struct output *out)
{
	const struct head *h = &o->sealed.head;
	uint64_t end = off + len, done = 0;
	struct progress progress;
	struct pages buf = PAGES_INIT;
	coffer_err err = read_check_range(f, o, off, len);

	if (err != COFFER_OK || len == 0)
		return err;
	err = pages_new(f, &buf, h->record_size);
	if (err != COFFER_OK)
		return err;
	progress_begin(&progress, ctx, len);
	atomic_store(&progress.path, h->path);
	for (uint64_t i = off / h->record_size; i * h->record_size < end; i++) {
		uint64_t reached = num_min((i + 1) * h->record_size, end) - off;

		TRY(ctx_check_cancelled(f, ctx));
		TRY(copy_record(f, o, i, off, end, buf.p, out));
		progress_add(&progress, reached - done);
		done = reached;
	}
out:
	progress_end(&progress);
	pages_free(&buf);
	return err;
}

coffer_err
coffer_file_copy(struct coffer_ctx *ctx, struct coffer_file *file, uint64_t off, uint64_t len,
		 const struct coffer_sink *sink)
{
	const struct output out = {.sink = sink, .fd = -1, .shown = "the output"};

	return copy_range(ctx_begin(ctx), ctx, file, off, len, &out);
}

/* ---- as a source ---- */

static coffer_err
source_read_at(void *user, uint64_t off, void *buf, size_t len)
{
	return coffer_file_read_at(user, off, buf, len);
}

struct coffer_source
coffer_file_source(struct coffer_file *file)
{
	return (struct coffer_source){.size = coffer_file_size(file), .user = file, .read_at = source_read_at};
}
