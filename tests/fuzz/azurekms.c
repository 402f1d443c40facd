/* SPDX-License-Identifier: Apache-2.0 */
/* What stands behind «azurekms://»: any text names a key or is refused, and what names one can stand in a URL as it is. */
#include <string.h>

#include "key/azurekms.h"
#include "key/keyring.h"
#include "support/fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct key_env env;
	struct fault f = {.text = ""};
	char text[2048];
	void *self;
	coffer_err err;

	if (size >= sizeof(text))
		return 0;
	if (size > 0)
		memcpy(text, data, size);
	text[size] = '\0';
	err = azurekms_new(&f, &env, text, &self);
	need(err == COFFER_OK || (err == COFFER_E_USAGE && f.text[0] != '\0' && !self));
	if (err != COFFER_OK)
		return 0;
	need(strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.:/") == strlen(text));
	need(!strstr(text, "//") && !strstr(text, "/.") && text[strlen(text) - 1] != '/');
	azurekms_provider.free(self);
	return 0;
}
