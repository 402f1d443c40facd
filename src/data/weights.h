/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of tensors that every reader of a weight-file format fills.
 *
 * In order of file, then of offset.  Readers append the tensors of one file, then call tensor_table_close_file();
 * after the last file tensor_table_index() makes the table searchable.
 */
#ifndef DATA_WEIGHTS_H
#define DATA_WEIGHTS_H

#include <stddef.h>

#include <coffer/tensors.h>

#include "base/fault.h"
#include "data/names.h"

struct tensor_table {
	struct coffer_tensor *v;
	size_t n;
	size_t cap;
	struct names names;		      /* one a tensor */
	const struct coffer_tensor **by_name; /* sorted by name, then file; NULL before tensor_table_index() */
};

#define TENSOR_TABLE_INIT                                                                                              \
	{                                                                                                              \
		.v = NULL, .n = 0, .cap = 0, .names = NAMES_INIT, .by_name = NULL                                      \
	}

/**
 * tensor_table_add() - append a tensor called @name, all else zero
 * @tensor_out: where to put the rest; valid until the next one is added
 *
 * Return: COFFER_OK; COFFER_E_FORMAT for more than LIMIT_TENSORS or a bad name; COFFER_E_NOMEM.
 */
coffer_err tensor_table_add(struct fault *f, struct tensor_table *table, struct view name,
			    struct coffer_tensor **tensor_out);

/** tensor_table_close_file() - sort the tensors of one file, from @first on; COFFER_E_FORMAT for a doubled name */
coffer_err tensor_table_close_file(struct fault *f, struct tensor_table *table, size_t first);

/** tensor_table_index() - put all in order and make it searchable; nothing may be added after */
coffer_err tensor_table_index(struct fault *f, struct tensor_table *table);

/** tensor_table_find() - the first tensor called @name, or NULL */
const struct coffer_tensor *tensor_table_find(const struct tensor_table *table, const char *name);

/** tensor_table_find_in() - the tensor of @file called @name, or NULL */
const struct coffer_tensor *tensor_table_find_in(const struct tensor_table *table, const char *name, size_t file);

/** tensor_table_count() - how many tensors @file has */
size_t tensor_table_count(const struct tensor_table *table, size_t file);

/** tensor_table_free() - free all; empty and usable again */
void tensor_table_free(struct tensor_table *table);

#endif
