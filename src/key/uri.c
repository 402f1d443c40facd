/* SPDX-License-Identifier: Apache-2.0 */
#include "key/uri.h"

#include <limits.h>
#include <string.h>
#include <strings.h>

#include "base/limits.h"
#include "base/num.h"
#include "key/x25519.h"

bool
key_name_valid(struct view name)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";

	if (name.len < 1 || name.len > LIMIT_KEY_NAME || name.p[0] == '.')
		return false;
	for (size_t i = 0; i < name.len; i++)
		if (name.p[i] == '\0' || !strchr(allowed, name.p[i]))
			return false;
	return true;
}

/* What follows @prefix in @text, or NULL when that is not how it begins. */
static const char *
after(const char *text, const char *prefix)
{
	size_t len = strlen(prefix);

	return strncmp(text, prefix, len) == 0 ? text + len : NULL;
}

static coffer_err
parse_path(struct fault *f, const char *rest, struct key_uri *out)
{
	if (strlen(rest) < 1 || strlen(rest) >= PATH_MAX)
		return fault_set(f, COFFER_E_USAGE, "a key URI needs a path of 1 to %d bytes", PATH_MAX - 1);
	out->path = rest;
	return COFFER_OK;
}

static coffer_err
parse_file(struct fault *f, const char *rest, struct key_uri *out)
{
	out->scheme = KEY_FILE;
	return parse_path(f, rest, out);
}

static coffer_err
parse_keyring(struct fault *f, const char *rest, struct key_uri *out)
{
	out->scheme = KEY_STORED;
	if (!key_name_valid(view_str(rest)))
		return fault_set(f, COFFER_E_USAGE,
				 "keyring: takes the name of a key: 1 to %u of A-Z a-z 0-9 . _ -, no dot in front",
				 LIMIT_KEY_NAME);
	out->name = rest;
	return COFFER_OK;
}

static coffer_err
parse_fd(struct fault *f, const char *rest, struct key_uri *out)
{
	uint64_t fd;

	out->scheme = KEY_PASSPHRASE_FD;
	if (!num_parse(rest, 0, INT_MAX, &fd))
		return fault_set(f, COFFER_E_USAGE, "passphrase:fd= takes the number of an open descriptor");
	out->fd = (int)fd;
	return COFFER_OK;
}

static coffer_err
parse_passphrase(struct fault *f, const char *rest, struct key_uri *out)
{
	const char *value;

	if (*rest == '\0') {
		out->scheme = KEY_ASK;
		return COFFER_OK;
	}
	value = after(rest, "file=");
	if (value) {
		out->scheme = KEY_PASSPHRASE_FILE;
		return parse_path(f, value, out);
	}
	value = after(rest, "fd=");
	if (value)
		return parse_fd(f, value, out);
	return fault_set(f, COFFER_E_USAGE,
			 "passphrase: asks; or it is passphrase:file=PATH or passphrase:fd=N. A passphrase itself is "
			 "never an argument or in the environment, where other processes can read it");
}

static coffer_err
parse_recipient(struct fault *f, const char *rest, struct key_uri *out)
{
	out->scheme = KEY_RECIPIENT;
	if (!x25519_decode(view_str(rest), out->public_key))
		return fault_set(f, COFFER_E_USAGE,
				 "recipient: takes a public key, «coffer1…»; this is none, or a character of it is "
				 "wrong or missing");
	return COFFER_OK;
}

static const struct {
	const char *prefix;
	coffer_err (*parse)(struct fault *f, const char *rest, struct key_uri *out);
} schemes[] = {
	{"file:", parse_file},
	{"keyring:", parse_keyring},
	{"passphrase:", parse_passphrase},
	{"recipient:", parse_recipient},
};

/* Keys of services, whose URIs key_service_find() knows, as they are written. */
static const struct {
	const char *name, *form;
} services[] = {
	{"awskms", "awskms:///alias/NAME"},
	{"azurekms", "azurekms://VAULT/KEY"},
	{"gcpkms", "gcpkms://projects/P/locations/L/keyRings/R/cryptoKeys/K"},
	{"hashivault", "hashivault://KEY"},
	{"pkcs11", "pkcs11:token=LABEL;object=LABEL"},
	{"vaultkv", "vaultkv://MOUNT/PATH"},
};

/* One that is meant and not written so: in capitals, without its slashes. */
static const char *
form_meant_by(const char *text)
{
	size_t len = strcspn(text, ":");

	for (size_t i = 0; i < sizeof(services) / sizeof(services[0]); i++)
		if (strlen(services[i].name) == len && strncasecmp(text, services[i].name, len) == 0)
			return services[i].form;
	return NULL;
}

coffer_err
key_uri_parse(struct fault *f, const char *text, struct key_uri *out)
{
	const char *form;

	*out = (struct key_uri){.fd = -1};
	if (strnlen(text, LIMIT_KEY_URI + 1) > LIMIT_KEY_URI)
		return fault_set(f, COFFER_E_USAGE, "a key URI is longer than %u bytes", LIMIT_KEY_URI);
	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
		const char *rest = after(text, schemes[i].prefix);

		if (rest)
			return schemes[i].parse(f, rest, out);
	}
	form = form_meant_by(text);
	if (form)
		return fault_set(f, COFFER_E_USAGE,
				 "a key URI of that kind is written as %s, slashes and all, in small letters", form);
	return fault_set(
		f, COFFER_E_USAGE,
		"a key is named as file:PATH, keyring:NAME, passphrase:, passphrase:file=PATH, passphrase:fd=N, "
		"recipient:coffer1…, awskms:///…, azurekms://…, gcpkms://…, hashivault://…, pkcs11:… or vaultkv://…; "
		"one that was given is none of these («coffer help keys» has an example of each)");
}
