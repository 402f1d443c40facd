/* SPDX-License-Identifier: Apache-2.0 */
/* Tensors of an archive that was accepted lie in it. */
#include "data/pytorch.h"
#include "support/fuzz.h"
#include "support/memory_source.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct memory m = {.bytes = data, .len = size};
	struct coffer_source source = memory_source(&m);
	struct tensor_table table = TENSOR_TABLE_INIT;
	struct fault f;
	coffer_err err = pytorch_read(&f, &source, 3, &table);

	need(err == COFFER_OK || err == COFFER_E_FORMAT || err == COFFER_E_UNSUPPORTED);
	need(err != COFFER_E_UNSUPPORTED || table.n == 0);
	for (size_t i = 0; err == COFFER_OK && i < table.n; i++) {
		const struct coffer_tensor *t = &table.v[i];

		need(t->file == 3 && t->dtype && t->n_dims <= COFFER_MAX_DIMS);
		need(t->off <= size && t->size <= size - t->off);
	}
	tensor_table_free(&table);
	return 0;
}
