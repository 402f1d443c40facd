/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The index of a sharded model, model.safetensors.index.json:
 *
 *	{"metadata": {…}, "weight_map": {"TENSOR": "SHARD.safetensors", …}}
 *
 * Shards lie in the folder of the index: their names are plain, so that no index points out of its model.
 */
#ifndef DATA_SAFETENSORS_INDEX_H
#define DATA_SAFETENSORS_INDEX_H

#include <stddef.h>

#include <coffer/io.h>

#include "base/fault.h"
#include "data/names.h"

struct index_entry {
	const char *tensor;
	const char *shard;
};

struct safetensors_index {
	struct index_entry *v; /* sorted by shard, then tensor; no tensor stands there twice */
	size_t n;
	size_t cap;
	struct names tensors;
	struct names shards;
};

#define SAFETENSORS_INDEX_INIT                                                                                         \
	{                                                                                                              \
		.v = NULL, .n = 0, .cap = 0, .tensors = NAMES_INIT, .shards = NAMES_INIT                               \
	}

/**
 * safetensors_index_read() - read the index @source
 * @index: SAFETENSORS_INDEX_INIT before; free it with safetensors_index_free(), whatever was returned
 *
 * Return: COFFER_OK; COFFER_E_FORMAT; COFFER_E_NOMEM; what @source returned.
 */
coffer_err safetensors_index_read(struct fault *f, const struct coffer_source *source, struct safetensors_index *index);

/** safetensors_index_free() - free it; SAFETENSORS_INDEX_INIT again */
void safetensors_index_free(struct safetensors_index *index);

/**
 * safetensors_index_looks() - whether the JSON object @text, which is written over, looks like an index
 *
 * True as soon as it has a «weight_map» whose first shard, if any, ends in «.safetensors»: the index of a sharded
 * PyTorch model has the same shape.
 */
bool safetensors_index_looks(void *text, size_t len);

#endif
