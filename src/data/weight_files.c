/* SPDX-License-Identifier: Apache-2.0 */
#include "data/weight_files.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/limits.h"
#include "data/gguf.h"
#include "data/onnx.h"
#include "data/pytorch.h"
#include "data/recognise.h"
#include "data/safetensors.h"
#include "data/safetensors_index.h"

/* the file beside the one at @path that is called @name, or SIZE_MAX */
static size_t
find_beside(const struct weight_files *files, const char *path, const char *name)
{
	const char *slash = strrchr(path, '/');
	int folder = slash ? (int)(slash - path) + 1 : 0;
	char beside[LIMIT_PATH + 1];
	int len = snprintf(beside, sizeof(beside), "%.*s%s", folder, path, name);

	return len < 0 || (size_t)len >= sizeof(beside) ? SIZE_MAX : files->find(files->user, beside);
}

/* the file in which the tensors at @place lie; it is long enough */
static coffer_err
find_place(struct fault *f, const struct weight_files *files, size_t i, const struct onnx_place *place,
	   size_t *index_out)
{
	struct coffer_source source;
	uint64_t size;
	coffer_err err;

	*index_out = find_beside(files, files->path(files->user, i), place->path);
	if (*index_out == SIZE_MAX)
		return fault_set(f, COFFER_E_FORMAT, "tensors of it are in «%.*s», which is not in the model",
				 name_shown(place->path), place->path);
	TRY(files->open(f, files->user, *index_out, &source));
	size = source.size;
	files->close(files->user);
	if (size < place->end)
		err = fault_set(f, COFFER_E_FORMAT, "tensors of it go past the end of «%.*s»", name_shown(place->path),
				place->path);
out:
	return err;
}

/* the tensors from @first on that lie in @places get the index of the file that it is */
static coffer_err
find_places(struct fault *f, const struct weight_files *files, size_t i, const struct onnx_places *places,
	    struct tensor_table *table, size_t first)
{
	size_t *found = calloc(places->n + 1, sizeof(*found));
	coffer_err err = COFFER_OK;

	if (!found)
		return fault_nomem(f);
	for (size_t p = 0; p < places->n; p++)
		TRY(find_place(f, files, i, &places->v[p], &found[p]));
	for (size_t t = first; t < table->n; t++)
		if (table->v[t].file >= ONNX_ELSEWHERE)
			table->v[t].file = found[table->v[t].file - ONNX_ELSEWHERE];
out:
	free(found);
	return err;
}

static coffer_err
read_as(struct fault *f, enum coffer_weights_format format, const struct coffer_source *source, size_t file,
	struct tensor_table *table, struct onnx_places *places)
{
	switch (format) {
	case COFFER_WEIGHTS_SAFETENSORS:
		return safetensors_read(f, source, file, table);
	case COFFER_WEIGHTS_GGUF:
		return gguf_read(f, source, file, table);
	case COFFER_WEIGHTS_ONNX:
		return onnx_read(f, source, file, table, places);
	case COFFER_WEIGHTS_PYTORCH:
		return pytorch_read(f, source, file, table);
	default:
		return fault_set(f, COFFER_E_UNSUPPORTED,
				 "the tensors of this file cannot be listed: its format is %s, not safetensors, GGUF, "
				 "ONNX or PyTorch",
				 coffer_weights_name(format));
	}
}

coffer_err
weight_file_read(struct fault *f, const struct coffer_source *source, struct tensor_table *table)
{
	struct onnx_places places = ONNX_PLACES_INIT;
	enum coffer_weights_format format;
	coffer_err err;

	TRY(recognise(f, source, &format));
	TRY(read_as(f, format, source, 0, table, &places));
	if (places.n > 0)
		TRY(fault_set(f, COFFER_E_UNSUPPORTED,
			      "tensors of this file are in another one, «%.*s»: list those of the whole model",
			      name_shown(places.v[0].path), places.v[0].path));
	TRY(tensor_table_index(f, table));
out:
	onnx_places_free(&places);
	return err;
}

/* read_as() for one of many files: those of PyTorch can hold anything, an optimizer or the arguments of a training */
static coffer_err
read_if_listed(struct fault *f, enum coffer_weights_format format, const struct coffer_source *source, size_t file,
	       struct tensor_table *table, struct onnx_places *places)
{
	coffer_err err;

	if (format == COFFER_WEIGHTS_UNKNOWN || format == COFFER_WEIGHTS_PICKLE)
		return COFFER_OK;
	err = read_as(f, format, source, file, table, places);
	if (err == COFFER_E_UNSUPPORTED && format == COFFER_WEIGHTS_PYTORCH) {
		fault_clear(f);
		return COFFER_OK;
	}
	return err;
}

/* what stands in file @i itself; an index is remembered in @indexes, for its shards may come later */
static coffer_err
read_source(struct fault *f, const struct coffer_source *source, size_t i, struct tensor_table *table,
	    struct onnx_places *places, struct buf *indexes)
{
	enum coffer_weights_format format;
	coffer_err err;

	TRY(recognise(f, source, &format));
	if (format == COFFER_WEIGHTS_SAFETENSORS_INDEX)
		TRY(buf_add(f, indexes, &i, sizeof(i)));
	else
		TRY(read_if_listed(f, format, source, i, table, places));
out:
	return err;
}

/* the tensors of file @i, and of it in other files */
static coffer_err
read_file(struct fault *f, const struct weight_files *files, size_t i, struct tensor_table *table, struct buf *indexes)
{
	struct onnx_places places = ONNX_PLACES_INIT;
	struct coffer_source source;
	size_t first = table->n;
	coffer_err err;

	err = files->open(f, files->user, i, &source);
	if (err != COFFER_OK)
		return err;
	err = read_source(f, &source, i, table, &places, indexes);
	files->close(files->user);
	if (err == COFFER_OK)
		err = find_places(f, files, i, &places, table, first);
	onnx_places_free(&places);
	return err;
}

/* the @n entries at @entries are of one shard: it is there, and has these tensors and no others */
static coffer_err
check_shard(struct fault *f, const struct weight_files *files, const char *index_path,
	    const struct index_entry *entries, size_t n, const struct tensor_table *table)
{
	const char *shard = entries[0].shard;
	size_t file = find_beside(files, index_path, shard), n_there;

	if (file == SIZE_MAX)
		return fault_set(f, COFFER_E_FORMAT, "the shard «%.*s» is not in the model", name_shown(shard), shard);
	for (size_t i = 0; i < n; i++)
		if (!tensor_table_find_in(table, entries[i].tensor, file))
			return fault_set(f, COFFER_E_FORMAT, "the tensor «%.*s» is not in the shard «%.*s»",
					 name_shown(entries[i].tensor), entries[i].tensor, name_shown(shard), shard);
	n_there = tensor_table_count(table, file);
	if (n_there != n)
		return fault_set(f, COFFER_E_FORMAT, "the shard «%.*s» has %zu tensors, the index knows %zu of them",
				 name_shown(shard), shard, n_there, n);
	return COFFER_OK;
}

static coffer_err
check_shards(struct fault *f, const struct weight_files *files, const char *path, const struct safetensors_index *index,
	     const struct tensor_table *table)
{
	coffer_err err = COFFER_OK;
	size_t n;

	for (size_t i = 0; i < index->n; i += n) {
		for (n = 1; i + n < index->n && strcmp(index->v[i + n].shard, index->v[i].shard) == 0; n++)
			;
		TRY(check_shard(f, files, path, &index->v[i], n, table));
	}
out:
	return err;
}

static coffer_err
check_index(struct fault *f, const struct weight_files *files, size_t i, const struct tensor_table *table)
{
	struct safetensors_index index = SAFETENSORS_INDEX_INIT;
	struct coffer_source source;
	coffer_err err;

	err = files->open(f, files->user, i, &source);
	if (err != COFFER_OK)
		return err;
	TRY(safetensors_index_read(f, &source, &index));
	TRY(check_shards(f, files, files->path(files->user, i), &index, table));
out:
	safetensors_index_free(&index);
	files->close(files->user);
	return err;
}

/* the error, with the path before its sentence unless there is none */
static coffer_err
in_file(struct fault *f, coffer_err err, const char *path)
{
	return err == COFFER_OK ? COFFER_OK : fault_prefix(f, "%.*s", name_shown(path), path);
}

coffer_err
weight_files_read(struct fault *f, const struct weight_files *files, struct tensor_table *table)
{
	struct buf indexes = BUF_INIT(LIMIT_FILES * sizeof(size_t));
	coffer_err err;
	size_t file;

	for (size_t i = 0; i < files->n; i++)
		TRY(in_file(f, read_file(f, files, i, table, &indexes), files->path(files->user, i)));
	TRY(tensor_table_index(f, table));
	for (size_t i = 0; i < indexes.len / sizeof(file); i++) {
		memcpy(&file, indexes.p + i * sizeof(file), sizeof(file));
		TRY(in_file(f, check_index(f, files, file, table), files->path(files->user, file)));
	}
out:
	buf_free(&indexes);
	return err;
}
