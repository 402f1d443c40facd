/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/key_text.h"

#include <stdio.h>

const char *
key_kind(const struct coffer_key_info *info)
{
	return info->kind == COFFER_KEY_X25519 ? "x25519" : "aes";
}

static void
str_unless_empty(struct json_out *j, const char *key, const char *s)
{
	if (s && *s)
		json_out_str(j, key, s);
}

void
key_json(struct json_out *j, const char *key, const struct coffer_key_info *info, const char *path)
{
	char recipient[sizeof("recipient:") + sizeof(info->public_key)] = "";

	if (info->public_key[0])
		(void)snprintf(recipient, sizeof(recipient), "recipient:%s", info->public_key);
	json_out_begin(j, key, JSON_OBJECT);
	str_unless_empty(j, "name", info->name);
	json_out_str(j, "kind", key_kind(info));
	json_out_str(j, "id", info->id);
	str_unless_empty(j, "created", info->created);
	str_unless_empty(j, "recipient", recipient);
	json_out_bool(j, "secret", info->secret);
	str_unless_empty(j, "path", path);
	json_out_end(j);
}
