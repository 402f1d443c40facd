/* SPDX-License-Identifier: Apache-2.0 */
/* Queries: what is found is text that ends within its room; what a form writes is read back. */
#include <stdlib.h>
#include <string.h>

#include "net/url.h"
#include "support/fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct form form = FORM_INIT;
	char out[64], back[64];

	if (!query_get(view_of(data, size), "code", out, sizeof(out)))
		return 0;
	if (memchr(out, '\0', sizeof(out)) == NULL)
		abort();
	if (form_new(NULL, &form, 256) != COFFER_OK)
		return 0;
	if (form_add_text(NULL, &form, "code", out) != COFFER_OK ||
	    !query_get(form_view(&form), "code", back, sizeof(back)) || strcmp(out, back) != 0)
		abort();
	form_free(&form);
	return 0;
}
