/* SPDX-License-Identifier: Apache-2.0 */
/* Tensors of a model that was accepted lie in it or at a place that is long enough and in the model's folder. */
#include "data/onnx.h"
#include "base/path.h"
#include "support/fuzz.h"
#include "support/memory_source.h"

static void
check(const struct tensor_table *table, const struct onnx_places *places, size_t size)
{
	for (size_t i = 0; i < table->n; i++) {
		const struct coffer_tensor *t = &table->v[i];
		bool here = t->file == 3;
		uint64_t end = here ? size : 0;

		need(t->dtype && t->n_dims <= COFFER_MAX_DIMS && t->name[0]);
		if (!here) {
			need(t->file >= ONNX_ELSEWHERE && t->file - ONNX_ELSEWHERE < places->n);
			end = places->v[t->file - ONNX_ELSEWHERE].end;
		}
		need(t->off <= end && t->size <= end - t->off);
	}
	for (size_t i = 0; i < places->n; i++)
		need(path_check(NULL, places->v[i].path, strlen(places->v[i].path)) == COFFER_OK);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct memory m = {.bytes = data, .len = size};
	struct coffer_source source = memory_source(&m);
	struct tensor_table table = TENSOR_TABLE_INIT;
	struct onnx_places places = ONNX_PLACES_INIT;
	struct fault f;
	coffer_err err = onnx_read(&f, &source, 3, &table, &places);

	need(err == COFFER_OK || err == COFFER_E_FORMAT || err == COFFER_E_UNSUPPORTED);
	if (err == COFFER_OK)
		check(&table, &places, size);
	tensor_table_free(&table);
	onnx_places_free(&places);
	return 0;
}
