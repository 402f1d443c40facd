/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What follows hashivault:// and vaultkv://
 *
 *	KEY[?mount=transit&namespace=NS&bind=context]	a key of the transit engine
 *	MOUNT/PATH[?namespace=NS][#FIELD]		a field of a secret of the KV engine, version 2
 *
 * A namespace that is not given is that of the environment.
 */
#ifndef KEY_VAULT_URI_H
#define KEY_VAULT_URI_H

#include <stdbool.h>

#include "base/fault.h"
#include "key/vault_settings.h"

#define VAULT_NAME_MAX 128 /* of a key, a mount, a field */
#define VAULT_KV_PATH_MAX 384

/** enum vault_bind - how transit is told what a wrap belongs to */
enum vault_bind {
	VAULT_BIND_CONTEXT, /* the key is derived from it: «context» */
	VAULT_BIND_AAD,	    /* «associated_data» */
};

struct transit_uri {
	char namespace[VAULT_NAMESPACE_MAX + 1]; /* empty when it is not given */
	char mount[VAULT_NAME_MAX + 1];
	char key[VAULT_NAME_MAX + 1];
	enum vault_bind bind;
};

struct kv_uri {
	char namespace[VAULT_NAMESPACE_MAX + 1];
	char mount[VAULT_NAME_MAX + 1];
	char path[VAULT_KV_PATH_MAX + 1]; /* may be empty, and end in «/», where @folder */
	char field[VAULT_NAME_MAX + 1];
};

/** transit_uri_parse() - COFFER_E_USAGE, without what was given, for anything else */
coffer_err transit_uri_parse(struct fault *f, const char *rest, struct transit_uri *out);

/** kv_uri_parse() - likewise; @field: the one that is meant when none is given; NULL: it is a folder, which has none */
coffer_err kv_uri_parse(struct fault *f, const char *rest, const char *field, struct kv_uri *out);

#endif
