/* SPDX-License-Identifier: Apache-2.0 */
/* Key files: there is one text for a key, so what is accepted is written back byte for byte. */
#include <stdlib.h>
#include <string.h>

#include "key/keyfile.h"
#include "support/fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct keyfile k = KEYFILE_INIT;
	struct secret text = SECRET_INIT;
	struct fault f = {.text = ""};
	coffer_err err = keyfile_parse(&f, view_of(data, size), &k);

	if (err != COFFER_OK && f.text[0] == '\0')
		abort();
	if (err == COFFER_OK) {
		if (keyfile_format(&f, &k, &text) != COFFER_OK || text.len != size || memcmp(text.p, data, size) != 0)
			abort();
	}
	secret_free(&text);
	keyfile_free(&k);
	return 0;
}
