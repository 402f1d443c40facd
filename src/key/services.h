/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The key services that coffer knows, by the scheme of their URIs.
 */
#ifndef KEY_SERVICES_H
#define KEY_SERVICES_H

#include "key/provider.h"

struct key_env;

struct key_service {
	const char *scheme; /* «hashivault://»; what a key URI begins with */
	const struct key_provider *provider;

	/* new_key: make the provider's @self of what follows the scheme; asks nobody; COFFER_E_USAGE for a malformed URI */
	coffer_err (*new_key)(struct fault *f, const struct key_env *env, const char *rest, void **self_out);
};

/** key_service_find() - the service that @uri names, or NULL; @rest_out gets what follows the scheme */
const struct key_service *key_service_find(const char *uri, const char **rest_out);

/** key_service_of_kind() - the service whose recipients are of @kind, or NULL */
const struct key_service *key_service_of_kind(const char *kind);

#endif
