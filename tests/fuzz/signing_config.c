/* SPDX-License-Identifier: Apache-2.0 */
/* Signing configs: any text is read or refused with a sentence, and what was chosen has an address and a version. */
#include <stdlib.h>

#include "sign/signing_config.h"
#include "support/fuzz.h"

static void
check(const struct services *list, unsigned int versions)
{
	for (size_t i = 0; i < list->n; i++)
		if (!list->v[i].url[0] || list->v[i].version < 1 || list->v[i].version > versions)
			abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct signing_config c = {.ca = {.n = 0}};
	struct fault f = {.text = ""};

	if (signing_config_parse(&f, "config", view_of(data, size), 1763683200, &c) != COFFER_OK && f.text[0] == '\0')
		abort();
	check(&c.ca, 1);
	check(&c.oidc, 1);
	check(&c.rekor, 2);
	check(&c.tsa, 1);
	signing_config_free(&c);
	return 0;
}
