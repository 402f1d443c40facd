/* SPDX-License-Identifier: Apache-2.0 */
#include "data/gguf.h"
#include "support/fuzz.h"
#include "support/memory_source.h"
#include "support/tensor_check.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct memory m = {.bytes = data, .len = size};
	struct coffer_source source = memory_source(&m);
	struct tensor_table table = TENSOR_TABLE_INIT;
	struct fault f;

	if (gguf_read(&f, &source, 3, &table) == COFFER_OK)
		check_tensors(&table, 3, size);
	tensor_table_free(&table);
	return 0;
}
