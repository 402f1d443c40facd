/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What holds of every table of tensors that a reader of one file has accepted.
 */
#ifndef TESTS_SUPPORT_TENSOR_CHECK_H
#define TESTS_SUPPORT_TENSOR_CHECK_H

#include <stdlib.h>

#include "data/weights.h"

/* check_tensors() - in order, inside a file of @size bytes, without overlap, and each to be found; else abort() */
static inline void
check_tensors(struct tensor_table *table, size_t file, uint64_t size)
{
	uint64_t next = 0;

	if (tensor_table_index(NULL, table) != COFFER_OK || tensor_table_count(table, file) != table->n)
		abort();
	for (size_t i = 0; i < table->n; i++) {
		const struct coffer_tensor *tensor = &table->v[i];

		if (tensor->off < next || tensor->off > size || tensor->size > size - tensor->off)
			abort();
		if (!tensor->dtype || tensor->n_dims > COFFER_MAX_DIMS || tensor->file != file)
			abort();
		if (tensor_table_find(table, tensor->name) != tensor)
			abort();
		next = tensor->off + tensor->size;
	}
}

#endif
