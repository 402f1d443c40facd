/* SPDX-License-Identifier: Apache-2.0 */
/* URIs of keys and secrets in Vault: any text is taken apart, into what can stand in a path of a URL, or refused with a sentence. */
#include <stdlib.h>
#include <string.h>

#include "key/vault_uri.h"
#include "support/fuzz.h"

static void
need_path(const char *path)
{
	need(strcspn(path, "?#% \r\n\\") == strlen(path));
	for (const char *part = path; *part; part += strcspn(part, "/") + (part[strcspn(part, "/")] == '/')) {
		size_t len = strcspn(part, "/");

		need(len > 0 && !(len == 1 && part[0] == '.') && !(len == 2 && strncmp(part, "..", 2) == 0));
	}
}

static void
try_kv(const char *text, const char *field)
{
	struct fault f = {.text = ""};
	struct kv_uri u;
	coffer_err err = kv_uri_parse(&f, text, field, &u);

	need(err == COFFER_OK || (err == COFFER_E_USAGE && f.text[0] != '\0'));
	need((err == COFFER_OK) == (u.mount[0] != '\0'));
	need(err != COFFER_OK || (u.field[0] != '\0') == (field != NULL));
	need_path(u.mount);
	need_path(u.path);
	need_path(u.namespace);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	struct fault f = {.text = ""};
	struct transit_uri u;
	coffer_err err;

	if (!text)
		return 0;
	if (size > 0)
		memcpy(text, data, size);
	text[size] = '\0';
	err = transit_uri_parse(&f, text, &u);
	need(err == COFFER_OK || (err == COFFER_E_USAGE && f.text[0] != '\0'));
	need((err == COFFER_OK) == (u.key[0] != '\0'));
	need_path(u.mount);
	need_path(u.namespace);
	try_kv(text, "value");
	try_kv(text, NULL);
	free(text);
	return 0;
}
