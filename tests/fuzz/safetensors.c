/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The input as a file; then as a header with its length before it and so many bytes behind it as its last byte says.
 * Whatever is accepted must be good JSON to another parser as well.
 */
#include <jansson.h>

#include "data/safetensors.h"
#include "support/fuzz.h"
#include "support/memory_source.h"
#include "support/tensor_check.h"

static void
check_json(const uint8_t *header, size_t len)
{
	json_t *json = json_loadb((const char *)header, len, JSON_REJECT_DUPLICATES | JSON_DECODE_INT_AS_REAL, NULL);

	if (!json)
		abort();
	json_decref(json);
}

static void
read_file(const uint8_t *file, size_t size)
{
	struct memory m = {.bytes = file, .len = size};
	struct coffer_source source = memory_source(&m);
	struct tensor_table table = TENSOR_TABLE_INIT;
	struct fault f;

	if (safetensors_read(&f, &source, 3, &table) == COFFER_OK) {
		check_json(file + 8, (size_t)get_le64(file));
		check_tensors(&table, 3, size);
	}
	tensor_table_free(&table);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t behind = size > 0 ? data[size - 1] : 0, header = size > 0 ? size - 1 : 0;
	uint8_t *file;

	read_file(data, size);
	file = calloc(1, 8 + header + behind);
	if (!file)
		abort();
	for (size_t i = 0; i < 8; i++)
		file[i] = (uint8_t)(header >> (8 * i));
	if (header > 0)
		memcpy(file + 8, data, header);
	read_file(file, 8 + header + behind);
	free(file);
	return 0;
}
