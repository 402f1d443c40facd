/* SPDX-License-Identifier: Apache-2.0 */
#include <jansson.h>

#include "data/safetensors_index.h"
#include "support/fuzz.h"
#include "support/memory_source.h"

/* what was accepted has as many entries for another parser, each in plain name of a file */
static void
check_index(const struct safetensors_index *index, const uint8_t *data, size_t size)
{
	json_t *json = json_loadb((const char *)data, size, JSON_DECODE_INT_AS_REAL, NULL);

	/* numbers that do not fit a double are the other parser's affair */
	if (json && json_object_size(json_object_get(json, "weight_map")) != index->n)
		abort();
	json_decref(json);
	for (size_t i = 0; i < index->n; i++)
		if (strpbrk(index->v[i].shard, "/\\") || !strstr(index->v[i].shard, ".safetensors"))
			abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct memory m = {.bytes = data, .len = size};
	struct coffer_source source = memory_source(&m);
	struct safetensors_index index = SAFETENSORS_INDEX_INIT;
	struct fault f;

	if (safetensors_index_read(&f, &source, &index) == COFFER_OK)
		check_index(&index, data, size);
	safetensors_index_free(&index);
	return 0;
}
