/* SPDX-License-Identifier: Apache-2.0 */
#include "data/weight_files.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/limits.h"
#include "data/gguf.h"
#include "data/recognise.h"
#include "data/safetensors.h"
#include "data/safetensors_index.h"

static coffer_err
read_as(struct fault *f, enum coffer_weights_format format, const struct coffer_source *source, size_t file,
	struct tensor_table *table)
{
	switch (format) {
	case COFFER_WEIGHTS_SAFETENSORS:
		return safetensors_read(f, source, file, table);
	case COFFER_WEIGHTS_GGUF:
		return gguf_read(f, source, file, table);
	default:
		return fault_set(f, COFFER_E_UNSUPPORTED,
				 "the tensors of this file cannot be listed: its format is %s, not safetensors or GGUF",
				 coffer_weights_name(format));
	}
}

coffer_err
weight_file_read(struct fault *f, const struct coffer_source *source, struct tensor_table *table)
{
	enum coffer_weights_format format;
	coffer_err err;

	TRY(recognise(f, source, &format));
	TRY(read_as(f, format, source, 0, table));
	TRY(tensor_table_index(f, table));
out:
	return err;
}

/* the tensors of file @i; an index is remembered in @indexes, for its shards may come later */
static coffer_err
read_file(struct fault *f, const struct weight_files *files, size_t i, struct tensor_table *table, struct buf *indexes)
{
	enum coffer_weights_format format;
	struct coffer_source source;
	coffer_err err;

	err = files->open(f, files->user, i, &source);
	if (err != COFFER_OK)
		return err;
	TRY(recognise(f, &source, &format));
	if (format == COFFER_WEIGHTS_SAFETENSORS_INDEX)
		TRY(buf_add(f, indexes, &i, sizeof(i)));
	else if (format == COFFER_WEIGHTS_SAFETENSORS || format == COFFER_WEIGHTS_GGUF)
		TRY(read_as(f, format, &source, i, table));
out:
	files->close(files->user);
	return err;
}

/* the file beside the index @index_path that is called @shard, or SIZE_MAX */
static size_t
find_shard(const struct weight_files *files, const char *index_path, const char *shard)
{
	const char *slash = strrchr(index_path, '/');
	int folder = slash ? (int)(slash - index_path) + 1 : 0;
	char path[LIMIT_PATH + 1];
	int len = snprintf(path, sizeof(path), "%.*s%s", folder, index_path, shard);

	return len < 0 || (size_t)len >= sizeof(path) ? SIZE_MAX : files->find(files->user, path);
}

/* the @n entries at @entries are of one shard: it is there, and has these tensors and no others */
static coffer_err
check_shard(struct fault *f, const struct weight_files *files, const char *index_path,
	    const struct index_entry *entries, size_t n, const struct tensor_table *table)
{
	const char *shard = entries[0].shard;
	size_t file = find_shard(files, index_path, shard), n_there;

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
