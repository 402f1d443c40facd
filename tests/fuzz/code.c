/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever a file holds, there is an answer, and it is text that can be shown. */
#include "data/code.h"
#include "base/utf8.h"
#include "support/fuzz.h"
#include "support/memory_source.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct memory m = {.bytes = data, .len = size};
	struct coffer_source source = memory_source(&m);
	char what[COFFER_CODE_LEN];
	struct fault f;

	if (code_find(&f, "model.bin", &source, what) != COFFER_OK || !utf8_is_text(view_str(what)))
		abort();
	return 0;
}
