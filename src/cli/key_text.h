/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What keygen and key say of a key.
 */
#ifndef CLI_KEY_TEXT_H
#define CLI_KEY_TEXT_H

#include <coffer/key.h>

#include "base/json_out.h"

/** key_kind() - «aes» or «x25519» */
const char *key_kind(const struct coffer_key_info *info);

/** key_json() - one object: kind, name, id, created, public, secret */
void key_json(struct json_out *j, const char *key, const struct coffer_key_info *info, const char *path);

#endif
