/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How to reach a Vault or OpenBao, and as whom, as the environment says (docs/key-services.md): its own variables, of which BAO_ goes before
 * VAULT_, and COFFER_VAULT_ for what its own command takes as options.
 *
 *	COFFER_VAULT_ENDPOINT, {BAO,VAULT}_ADDR	https://HOST:8200
 *	{BAO,VAULT}_NAMESPACE			where to log in, and where keys are that name no other
 *	{BAO,VAULT}_{CACERT,CLIENT_CERT,CLIENT_KEY}	PEM files
 *	{BAO,VAULT}_TOKEN			a token; else the file COFFER_VAULT_TOKEN_FILE, ~/.vault-token
 *	COFFER_VAULT_ROLE_ID, _SECRET_ID_FILE	AppRole
 *	COFFER_VAULT_ROLE, _JWT_FILE		JWT; without a file Kubernetes, with that of the pod
 *	COFFER_VAULT_AUTH			token, approle, kubernetes or jwt, where more than one is set
 *	COFFER_VAULT_AUTH_MOUNT			where that way is mounted; else its own name
 *
 * Secrets are named by file, never held here.
 */
#ifndef KEY_VAULT_SETTINGS_H
#define KEY_VAULT_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/fault.h"

#define VAULT_NAMESPACE_MAX 128

enum vault_auth { VAULT_TOKEN, VAULT_APPROLE, VAULT_KUBERNETES, VAULT_JWT };

struct vault_settings {
	char *address; /* NULL when none is set */
	char *host;    /* of it, for messages */
	char *namespace;
	char *ca_file, *client_cert, *client_key; /* or NULL */
	enum vault_auth auth;
	char *mount;	   /* of VAULT_APPROLE and the others */
	char *role;	   /* the role's name, or the role id of VAULT_APPROLE */
	char *file;	   /* of the token, secret id or JWT; NULL: AppRole without a secret id */
	bool token_is_env; /* the token is in the environment, not in the file */
};

/** vault_settings_read() - read the environment; asks nobody and opens no file.  COFFER_E_USAGE for what cannot be; free with vault_settings_free() */
coffer_err vault_settings_read(struct fault *f, struct vault_settings *out);

/** vault_settings_equal() - whether two lead to the same server as the same client */
bool vault_settings_equal(const struct vault_settings *a, const struct vault_settings *b);

/** vault_settings_free() - free what it owns; it is all zero again */
void vault_settings_free(struct vault_settings *s);

/** vault_env() - the value of BAO_@name, else of VAULT_@name, else NULL */
const char *vault_env(const char *name);

/** vault_path_valid() - whether @path names a namespace, mount or the like: parts of A-Z a-z 0-9 . _ - with «/» between, at most @max bytes */
bool vault_path_valid(const char *path, size_t max);

#endif
