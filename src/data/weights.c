/* SPDX-License-Identifier: Apache-2.0 */
#include "data/weights.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"

static coffer_err
list_room(struct fault *f, struct tensor_table *table)
{
	size_t cap = table->cap ? table->cap * 2 : 64;
	struct coffer_tensor *v;

	if (table->n == LIMIT_TENSORS)
		return fault_set(f, COFFER_E_FORMAT, "more than %u tensors", LIMIT_TENSORS);
	if (table->n < table->cap)
		return COFFER_OK;
	v = reallocarray(table->v, cap, sizeof(*v));
	if (!v)
		return fault_nomem(f);
	table->v = v;
	table->cap = cap;
	return COFFER_OK;
}

coffer_err
tensor_table_add(struct fault *f, struct tensor_table *table, struct view name, struct coffer_tensor **tensor_out)
{
	const char *copy;
	coffer_err err;

	TRY(list_room(f, table));
	TRY(names_add(f, &table->names, name, &copy));
	*tensor_out = &table->v[table->n++];
	**tensor_out = (struct coffer_tensor){.name = copy};
out:
	return err;
}

static int
compare_numbers(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

/* empty tensors stand before the one that shares their offset; names make the order total */
static int
compare_place(const void *a, const void *b)
{
	const struct coffer_tensor *x = a, *y = b;
	int c = compare_numbers(x->file, y->file);

	if (c == 0)
		c = compare_numbers(x->off, y->off);
	if (c == 0)
		c = compare_numbers(x->size, y->size);
	return c != 0 ? c : strcmp(x->name, y->name);
}

coffer_err
tensor_table_close_file(struct fault *f, struct tensor_table *table, size_t first)
{
	if (table->n - first > 1)
		qsort(table->v + first, table->n - first, sizeof(*table->v), compare_place);
	return names_unique(f, &table->names, first, "the tensor");
}

static int
compare_name(const void *a, const void *b)
{
	const struct coffer_tensor *x = *(const struct coffer_tensor *const *)a;
	const struct coffer_tensor *y = *(const struct coffer_tensor *const *)b;
	int c = strcmp(x->name, y->name);

	return c != 0 ? c : compare_numbers(x->file, y->file);
}

coffer_err
tensor_table_index(struct fault *f, struct tensor_table *table)
{
	if (table->n > 1)
		qsort(table->v, table->n, sizeof(*table->v), compare_place);
	table->by_name = calloc(table->n + 1, sizeof(*table->by_name));
	if (!table->by_name)
		return fault_nomem(f);
	for (size_t i = 0; i < table->n; i++)
		table->by_name[i] = &table->v[i];
	qsort(table->by_name, table->n, sizeof(*table->by_name), compare_name);
	return COFFER_OK;
}

/* the first tensor in order of name and file that is not before @name in @file, or NULL */
static const struct coffer_tensor *
find_from(const struct tensor_table *table, const char *name, size_t file)
{
	const struct coffer_tensor key = {.name = name, .file = file}, *wanted = &key;
	size_t low = 0, high = table->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (compare_name(&table->by_name[middle], &wanted) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == table->n || strcmp(table->by_name[low]->name, name) != 0)
		return NULL;
	return table->by_name[low];
}

const struct coffer_tensor *
tensor_table_find(const struct tensor_table *table, const char *name)
{
	return find_from(table, name, 0);
}

const struct coffer_tensor *
tensor_table_find_in(const struct tensor_table *table, const char *name, size_t file)
{
	const struct coffer_tensor *tensor = find_from(table, name, file);

	return tensor && tensor->file == file ? tensor : NULL;
}

/* index of the first tensor of @file or a later one */
static size_t
file_start(const struct tensor_table *table, size_t file)
{
	size_t low = 0, high = table->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (table->v[middle].file < file)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

size_t
tensor_table_count(const struct tensor_table *table, size_t file)
{
	return file_start(table, file + 1) - file_start(table, file);
}

void
tensor_table_free(struct tensor_table *table)
{
	free(table->by_name);
	free(table->v);
	names_free(&table->names);
	*table = (struct tensor_table)TENSOR_TABLE_INIT;
}
