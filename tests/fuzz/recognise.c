/* SPDX-License-Identifier: Apache-2.0 */
#include "data/recognise.h"
#include "support/fuzz.h"
#include "support/memory_source.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct memory m = {.bytes = data, .len = size};
	struct coffer_source source = memory_source(&m);
	enum coffer_weights_format format;
	struct fault f;
	coffer_err err = recognise(&f, &source, &format);

	if (err != COFFER_OK && (err != COFFER_E_FORMAT || format != COFFER_WEIGHTS_UNKNOWN))
		abort();
	return 0;
}
