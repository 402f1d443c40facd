/* SPDX-License-Identifier: Apache-2.0 */
/* The challenge of a vault: whatever it is, a token is wanted for what the vault is part of, or for nothing. */
#include <string.h>
#include <strings.h>

#include "key/azure_token.h"
#include "support/fuzz.h"

static const char host[] = "models.vault.azure.net";

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct azure_challenge c;
	struct fault f = {.text = ""};
	char header[4096];
	size_t len;

	if (size >= sizeof(header))
		return 0;
	if (size > 0)
		memcpy(header, data, size);
	header[size] = '\0';
	if (azure_challenge_read(&f, header, host, &c) != COFFER_OK) {
		need(f.text[0] != '\0' && c.resource[0] == '\0' && c.tenant[0] == '\0');
		return 0;
	}
	need(strncmp(c.resource, "https://", 8) == 0);
	len = strcspn(c.resource + 8, ":/");
	need(len > 0 && len < sizeof(host) && strncasecmp(host + sizeof(host) - 1 - len, c.resource + 8, len) == 0);
	need(!strpbrk(c.tenant, "/?#% \"\\"));
	return 0;
}
