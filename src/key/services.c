/* SPDX-License-Identifier: Apache-2.0 */
#include "key/services.h"

#include <string.h>

#include "key/awskms.h"
#include "key/azurekms.h"
#include "key/gcpkms.h"
#include "key/hashivault.h"
#include "key/pkcs11.h"
#include "key/vaultkv.h"

/* By scheme.  Ends with one that has none. */
static const struct key_service services[] = {
	{"awskms://", &awskms_provider, awskms_new},
	{"azurekms://", &azurekms_provider, azurekms_new},
	{"gcpkms://", &gcpkms_provider, gcpkms_new},
	{"hashivault://", &hashivault_provider, hashivault_new},
	{PKCS11_SCHEME, &pkcs11_provider, pkcs11_new},
	{"vaultkv://", &vaultkv_provider, vaultkv_new},
	{NULL, NULL, NULL},
};

const struct key_service *
key_service_find(const char *uri, const char **rest_out)
{
	*rest_out = NULL;
	for (const struct key_service *s = services; s->scheme; s++) {
		size_t len = strlen(s->scheme);

		if (strncmp(uri, s->scheme, len) != 0)
			continue;
		*rest_out = uri + len;
		return s;
	}
	return NULL;
}

const struct key_service *
key_service_of_kind(const char *kind)
{
	for (const struct key_service *s = services; s->scheme; s++)
		if (strcmp(s->provider->kind, kind) == 0)
			return s;
	return NULL;
}
