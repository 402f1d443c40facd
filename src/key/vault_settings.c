/* SPDX-License-Identifier: Apache-2.0 */
#include "key/vault_settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/home.h"

#define POD_TOKEN "/var/run/secrets/kubernetes.io/serviceaccount/token"
#define MOUNT_MAX 128

const char *
vault_env(const char *name)
{
	static const char *const prefixes[] = {"BAO_", "VAULT_"};
	const char *value = NULL;
	char full[64];

	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]) && !value; i++) {
		(void)snprintf(full, sizeof(full), "%s%s", prefixes[i], name);
		value = home_setting(full);
	}
	return value;
}

static bool
part_valid(const char *part, size_t len)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";

	return len > 0 && strspn(part, allowed) >= len && !(len <= 2 && strncmp(part, "..", len) == 0);
}

bool
vault_path_valid(const char *path, size_t max)
{
	const char *part = path;

	if (strnlen(path, max + 1) > max)
		return false;
	for (;;) {
		size_t len = strcspn(part, "/");

		if (!part_valid(part, len))
			return false;
		if (part[len] == '\0')
			return true;
		part += len + 1;
	}
}

/* Slashes around it are how people write it. */
static coffer_err
copy_path(struct fault *f, const char *what, const char *value, size_t max, char **out)
{
	size_t len;

	while (*value == '/')
		value++;
	for (len = strlen(value); len > 0 && value[len - 1] == '/';)
		len--;
	*out = strndup(value, len);
	if (!*out)
		return fault_nomem(f);
	if (len > 0 && !vault_path_valid(*out, max))
		return fault_set(
			f, COFFER_E_USAGE,
			"%s is no path of Vault: parts of A-Z a-z 0-9 . _ - with «/» between, at most %zu bytes", what,
			max);
	return COFFER_OK;
}

static coffer_err
copy(struct fault *f, const char *value, char **out)
{
	*out = value ? strdup(value) : NULL;
	return value && !*out ? fault_nomem(f) : COFFER_OK;
}

/* A user or password that somebody wrote into the address is not shown; it is refused when the first request is made. */
static coffer_err
read_host(struct fault *f, struct vault_settings *s)
{
	const char *start = strstr(s->address, "://"), *at;
	size_t len;

	if (!start)
		return fault_set(
			f, COFFER_E_USAGE,
			"the address of Vault (VAULT_ADDR, BAO_ADDR or COFFER_VAULT_ENDPOINT) is no URL; write it as "
			"https://HOST:8200");
	start += 3;
	len = strcspn(start, "/?#");
	at = memrchr(start, '@', len);
	if (at) {
		len -= (size_t)(at + 1 - start);
		start = at + 1;
	}
	s->host = strndup(start, len);
	return s->host ? COFFER_OK : fault_nomem(f);
}

static coffer_err
read_address(struct fault *f, struct vault_settings *s)
{
	const char *address = home_setting("COFFER_VAULT_ENDPOINT");
	coffer_err err;

	if (!address)
		address = vault_env("ADDR");
	TRY(copy(f, address, &s->address));
	if (address)
		TRY(read_host(f, s));
out:
	return err;
}

/* ---- as whom ---- */

static const struct {
	const char *name;
	enum vault_auth auth;
} ways[] = {{"token", VAULT_TOKEN}, {"approle", VAULT_APPROLE}, {"kubernetes", VAULT_KUBERNETES}, {"jwt", VAULT_JWT}};

/* What is set decides, and a token at hand goes before a login. */
static enum vault_auth
guess(void)
{
	if (vault_env("TOKEN"))
		return VAULT_TOKEN;
	if (home_setting("COFFER_VAULT_ROLE_ID"))
		return VAULT_APPROLE;
	if (home_setting("COFFER_VAULT_ROLE"))
		return home_setting("COFFER_VAULT_JWT_FILE") ? VAULT_JWT : VAULT_KUBERNETES;
	return VAULT_TOKEN;
}

static coffer_err
read_way(struct fault *f, enum vault_auth *out)
{
	const char *name = home_setting("COFFER_VAULT_AUTH");

	*out = guess();
	for (size_t i = 0; name && i < sizeof(ways) / sizeof(ways[0]); i++) {
		if (strcmp(ways[i].name, name) == 0) {
			*out = ways[i].auth;
			return COFFER_OK;
		}
	}
	return name ? fault_set(f, COFFER_E_USAGE, "COFFER_VAULT_AUTH is none of token, approle, kubernetes and jwt")
		    : COFFER_OK;
}

static coffer_err
read_token_place(struct fault *f, struct vault_settings *s)
{
	const char *file = home_setting("COFFER_VAULT_TOKEN_FILE"), *home = home_setting("HOME");

	s->token_is_env = vault_env("TOKEN") != NULL;
	if (s->token_is_env)
		return COFFER_OK;
	if (file)
		return copy(f, file, &s->file);
	if (home && asprintf(&s->file, "%s/.vault-token", home) < 0) {
		s->file = NULL;
		return fault_nomem(f);
	}
	return COFFER_OK;
}

static coffer_err
need(struct fault *f, const char *way, const char *variable, char **out)
{
	const char *value = home_setting(variable);

	if (!value)
		return fault_set(f, COFFER_E_USAGE, "logging in to Vault by %s needs %s", way, variable);
	return copy(f, value, out);
}

static coffer_err
read_login(struct fault *f, struct vault_settings *s)
{
	const char *mount = home_setting("COFFER_VAULT_AUTH_MOUNT"), *jwt = home_setting("COFFER_VAULT_JWT_FILE");
	const char *way = ways[s->auth].name;
	coffer_err err;

	TRY(copy_path(f, "COFFER_VAULT_AUTH_MOUNT", mount ? mount : way, MOUNT_MAX, &s->mount));
	TRY(need(f, way, s->auth == VAULT_APPROLE ? "COFFER_VAULT_ROLE_ID" : "COFFER_VAULT_ROLE", &s->role));
	if (s->auth == VAULT_APPROLE)
		TRY(copy(f, home_setting("COFFER_VAULT_SECRET_ID_FILE"), &s->file));
	else if (s->auth == VAULT_JWT)
		TRY(need(f, way, "COFFER_VAULT_JWT_FILE", &s->file));
	else
		TRY(copy(f, jwt ? jwt : POD_TOKEN, &s->file));
out:
	return err;
}

coffer_err
vault_settings_read(struct fault *f, struct vault_settings *out)
{
	const char *namespace = vault_env("NAMESPACE");
	struct vault_settings s = {.address = NULL};
	coffer_err err;

	TRY(read_address(f, &s));
	TRY(copy_path(f, "the namespace in the environment", namespace ? namespace : "", VAULT_NAMESPACE_MAX,
		      &s.namespace));
	TRY(copy(f, vault_env("CACERT"), &s.ca_file));
	TRY(copy(f, vault_env("CLIENT_CERT"), &s.client_cert));
	TRY(copy(f, vault_env("CLIENT_KEY"), &s.client_key));
	TRY(read_way(f, &s.auth));
	TRY(s.auth == VAULT_TOKEN ? read_token_place(f, &s) : read_login(f, &s));
out:
	if (err)
		vault_settings_free(&s);
	*out = s;
	return err;
}

static bool
same(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

bool
vault_settings_equal(const struct vault_settings *a, const struct vault_settings *b)
{
	return same(a->address, b->address) && same(a->namespace, b->namespace) && same(a->ca_file, b->ca_file) &&
	       same(a->client_cert, b->client_cert) && same(a->client_key, b->client_key) && a->auth == b->auth &&
	       same(a->mount, b->mount) && same(a->role, b->role) && same(a->file, b->file) &&
	       a->token_is_env == b->token_is_env;
}

void
vault_settings_free(struct vault_settings *s)
{
	free(s->address);
	free(s->host);
	free(s->namespace);
	free(s->ca_file);
	free(s->client_cert);
	free(s->client_key);
	free(s->mount);
	free(s->role);
	free(s->file);
	*s = (struct vault_settings){.address = NULL};
}
