/* SPDX-License-Identifier: Apache-2.0 */
/*
 * safetensors: an 8-byte little-endian header length, a JSON header, the data.
 *
 * Stricter than the specification where that costs no good file: no unknown or repeated member, control characters
 * in names refused.  As it demands, the tensors tile the data: no hole, no overlap, nothing behind, so that no
 * second file hides in it.
 * https://github.com/huggingface/safetensors#format
 */
#ifndef DATA_SAFETENSORS_H
#define DATA_SAFETENSORS_H

#include <coffer/io.h>

#include "data/weights.h"

/**
 * safetensors_read() - append the tensors of @source to @table
 * @file: their «file»
 *
 * Return: COFFER_OK; COFFER_E_FORMAT; COFFER_E_UNSUPPORTED for a dtype that is not known; COFFER_E_NOMEM;
 * what @source returned.  On an error @table is only good for tensor_table_free().
 */
coffer_err safetensors_read(struct fault *f, const struct coffer_source *source, size_t file,
			    struct tensor_table *table);

#endif
