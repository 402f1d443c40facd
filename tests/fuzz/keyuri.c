/* SPDX-License-Identifier: Apache-2.0 */
/* Key URIs: any text is taken apart or refused with a sentence. */
#include <stdlib.h>
#include <string.h>

#include "key/uri.h"
#include "support/fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	struct fault f = {.text = ""};
	struct key_uri u;
	coffer_err err;

	if (!text)
		return 0;
	if (size > 0)
		memcpy(text, data, size);
	text[size] = '\0';
	err = key_uri_parse(&f, text, &u);
	if (err != COFFER_OK && (err != COFFER_E_USAGE || f.text[0] == '\0'))
		abort();
	if (err == COFFER_OK && (u.scheme == KEY_FILE || u.scheme == KEY_PASSPHRASE_FILE) && u.path[0] == '\0')
		abort();
	if (err == COFFER_OK && u.scheme == KEY_STORED && !key_name_valid(view_str(u.name)))
		abort();
	if (err == COFFER_OK && u.scheme == KEY_PASSPHRASE_FD && u.fd < 0)
		abort();
	free(text);
	return 0;
}
