/* SPDX-License-Identifier: Apache-2.0 */
#include "key/keyring.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "key/aes.h"
#include "key/keyfile.h"
#include "key/passphrase.h"
#include "key/store.h"
#include "key/uri.h"
#include "key/x25519.h"
#include "mem/secret.h"

struct entry {
	const struct key_provider *provider;
	void *self;
	char id[KEY_ID_TEXT]; /* empty where the kind has none */
	bool asks;	      /* a passphrase that is asked for */
};

struct coffer_keyring {
	struct entry *entries;
	size_t n;
};

coffer_err
keyring_new(struct fault *f, struct coffer_keyring **out)
{
	*out = calloc(1, sizeof(**out));
	return *out ? COFFER_OK : fault_nomem(f);
}

static void
free_entry(struct entry *e)
{
	if (e->self)
		e->provider->free(e->self);
	e->self = NULL;
}

void
keyring_free(struct coffer_keyring **keyring)
{
	struct coffer_keyring *k = *keyring;

	*keyring = NULL;
	if (!k)
		return;
	for (size_t i = 0; i < k->n; i++)
		free_entry(&k->entries[i]);
	free(k->entries);
	free(k);
}

size_t
keyring_size(const struct coffer_keyring *keyring)
{
	return keyring->n;
}

static bool
can_unwrap(const struct entry *e)
{
	return e->provider->unwrap != NULL;
}

bool
keyring_can_unwrap(const struct coffer_keyring *keyring)
{
	for (size_t i = 0; i < keyring->n; i++)
		if (can_unwrap(&keyring->entries[i]))
			return true;
	return false;
}

/* ---- adding ---- */

/* The entry that is the same key as @e, or NULL. */
static struct entry *
find_same(const struct coffer_keyring *keyring, const struct entry *e)
{
	for (size_t i = 0; i < keyring->n; i++) {
		struct entry *other = &keyring->entries[i];

		if (strcmp(other->provider->kind, e->provider->kind) != 0)
			continue;
		if ((e->id[0] != '\0' && strcmp(other->id, e->id) == 0) || (e->asks && other->asks))
			return other;
	}
	return NULL;
}

/*
 * Takes @e over, on failure too.  A key is in a keyring once, or a model would be
 * sealed twice for it and a person asked twice; a pair takes the place of its public half.
 */
static coffer_err
add(struct fault *f, struct coffer_keyring *keyring, struct entry *e)
{
	struct entry *same = find_same(keyring, e), *grown;
	coffer_err err = COFFER_OK;

	if (same && can_unwrap(e) && !can_unwrap(same)) {
		struct entry old = *same;

		*same = *e;
		*e = old;
	}
	if (same)
		goto out;
	if (keyring->n == LIMIT_KEYS)
		TRY(fault_set(f, COFFER_E_USAGE, "a keyring holds at most %u keys", LIMIT_KEYS));
	grown = reallocarray(keyring->entries, keyring->n + 1, sizeof(*grown));
	if (!grown)
		TRY(fault_nomem(f));
	keyring->entries = grown;
	keyring->entries[keyring->n++] = *e;
	e->self = NULL;
out:
	free_entry(e);
	return err;
}

static coffer_err
add_keyfile(struct fault *f, struct coffer_keyring *keyring, const struct keyfile *k)
{
	struct entry e = {.self = NULL};
	coffer_err err;

	(void)snprintf(e.id, sizeof(e.id), "%s", k->info.id);
	if (k->info.kind == COFFER_KEY_AES) {
		e.provider = &aes_provider;
		TRY(aes_new(f, k->secret.p, &e.self));
	} else if (k->info.secret) {
		e.provider = &x25519_provider;
		TRY(x25519_new(f, k->secret.p, &e.self));
	} else {
		e.provider = &x25519_public_provider;
		TRY(x25519_new_public(f, k->public_key, &e.self));
	}
	TRY(add(f, keyring, &e));
out:
	return err;
}

static coffer_err
add_passphrase(struct fault *f, struct coffer_keyring *keyring, const struct key_env *env, const struct key_uri *uri)
{
	struct entry e = {.provider = &passphrase_provider, .asks = uri->scheme == KEY_ASK};
	coffer_err err;

	if (uri->scheme == KEY_PASSPHRASE_FILE)
		TRY(passphrase_new_file(f, uri->path, &e.self));
	else if (uri->scheme == KEY_PASSPHRASE_FD)
		TRY(passphrase_new_fd(f, uri->fd, &e.self));
	else
		TRY(passphrase_new_ask(f, env->prompt, env->prompt_user, &e.self));
	TRY(add(f, keyring, &e));
out:
	return err;
}

coffer_err
keyring_add_uri(struct fault *f, struct coffer_keyring *keyring, const struct key_env *env, const char *uri)
{
	struct keyfile k = KEYFILE_INIT;
	struct key_uri parsed;
	coffer_err err;

	TRY(key_uri_parse(f, uri, &parsed));
	switch (parsed.scheme) {
	case KEY_ASK:
	case KEY_PASSPHRASE_FILE:
	case KEY_PASSPHRASE_FD:
		TRY(add_passphrase(f, keyring, env, &parsed));
		break;
	case KEY_FILE:
	case KEY_STORED:
	case KEY_RECIPIENT:
		TRY(store_load(f, &parsed, &k));
		TRY(add_keyfile(f, keyring, &k));
		break;
	}
out:
	keyfile_free(&k);
	return err;
}

coffer_err
keyring_add_raw(struct fault *f, struct coffer_keyring *keyring, const uint8_t key[COFFER_KEY_LEN])
{
	struct keyfile k = KEYFILE_INIT;
	coffer_err err;

	TRY(keyfile_from_raw(f, key, &k));
	TRY(add_keyfile(f, keyring, &k));
out:
	keyfile_free(&k);
	return err;
}

static coffer_err
add_stored(void *user, struct fault *f, const struct keyfile *k)
{
	/* a public key opens nothing; to seal for it, it is named */
	return k->info.secret ? add_keyfile(f, user, k) : COFFER_OK;
}

coffer_err
keyring_add_store(struct fault *f, struct coffer_keyring *keyring, const char *dir)
{
	return store_each(f, dir, add_stored, keyring);
}

/* ---- wrapping and unwrapping ---- */

coffer_err
keyring_wrap(struct fault *f, const struct coffer_keyring *keyring, size_t index, const uint8_t dek[DEK_LEN],
	     const struct binding *binding, struct recipient *out)
{
	const struct entry *e;
	coffer_err err;

	*out = (struct recipient){.foreign = NULL};
	if (index >= keyring->n)
		return fault_set(f, COFFER_E_INTERNAL, "key %zu of %zu was asked for", index, keyring->n);
	e = &keyring->entries[index];
	err = e->provider->wrap(e->self, f, dek, binding, out);
	if (err)
		*out = (struct recipient){.foreign = NULL};
	return err;
}

static bool
is_passphrase(const struct entry *e)
{
	return e->provider == &passphrase_provider;
}

static coffer_err
try_one(struct fault *f, const struct entry *e, const struct recipient *r, const struct binding *binding,
	uint8_t dek_out[DEK_LEN])
{
	coffer_err err = e->provider->unwrap(e->self, f, r, binding, dek_out);

	if (err == COFFER_E_AUTH)
		return fault_set(f, err, "the wrapped key for %s %.*s is damaged or belongs to another model", r->kind,
				 KEY_ID_TEXT, r->id);
	return err;
}

enum pass {
	KEYS_AT_HAND,
	PASSPHRASES, /* the last resort: a person may be asked, and each try takes a while */
};

/* COFFER_E_NOKEY, without a sentence, when no key of this pass unwraps any; @tried_out says whether one could have */
static coffer_err
try_pass(struct fault *f, const struct coffer_keyring *keyring, enum pass pass, const struct recipient *recipients,
	 size_t n, const struct binding *binding, uint8_t dek_out[DEK_LEN], bool *tried_out)
{
	*tried_out = false;
	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; k < keyring->n; k++) {
			const struct entry *e = &keyring->entries[k];
			coffer_err err;

			if (is_passphrase(e) != (pass == PASSPHRASES) || !can_unwrap(e) ||
			    !e->provider->matches(e->self, &recipients[i]))
				continue;
			*tried_out = true;
			err = try_one(f, e, &recipients[i], binding, dek_out);
			if (err != COFFER_E_NOKEY)
				return err;
		}
	}
	return COFFER_E_NOKEY;
}

/* A list in a sentence: «aes 0123…, passphrase and 3 more». */
struct list {
	char text[200];
	size_t len;
	size_t n_left_out;
};

static void
list_add(struct list *l, const char *kind, const char *id)
{
	char item[80];
	int len = snprintf(item, sizeof(item), "%s%.31s%s%.32s", l->len ? ", " : "", kind, *id ? " " : "", id);

	if (l->n_left_out > 0 || (size_t)len >= sizeof(l->text) - l->len) {
		l->n_left_out++;
		return;
	}
	memcpy(l->text + l->len, item, (size_t)len + 1);
	l->len += (size_t)len;
}

static const char *
list_end(struct list *l, char more[static 32])
{
	more[0] = '\0';
	if (l->n_left_out > 0)
		(void)snprintf(more, 32, " and %zu more", l->n_left_out);
	return l->len ? l->text : "none";
}

static coffer_err
no_key(struct fault *f, const struct coffer_keyring *keyring, const struct recipient *recipients, size_t n,
       bool tried_passphrase)
{
	struct list wanted = {.len = 0}, given = {.len = 0};
	char more_wanted[32], more_given[32];
	const char *wanted_text, *given_text;

	for (size_t i = 0; i < n; i++)
		list_add(&wanted, recipients[i].kind, recipients[i].id);
	for (size_t i = 0; i < keyring->n; i++)
		if (can_unwrap(&keyring->entries[i]))
			list_add(&given, keyring->entries[i].provider->kind, keyring->entries[i].id);
	wanted_text = list_end(&wanted, more_wanted);
	given_text = list_end(&given, more_given);
	return fault_set(f, COFFER_E_NOKEY,
			 "%s: it is sealed for %s%s; given to open it: %s%s; give one of its keys with --kek",
			 tried_passphrase ? "the passphrase does not open it" : "no key opens it", wanted_text,
			 more_wanted, given_text, more_given);
}

coffer_err
keyring_unwrap(struct fault *f, const struct coffer_keyring *keyring, const struct recipient *recipients, size_t n,
	       const struct binding *binding, uint8_t dek_out[DEK_LEN])
{
	bool tried;
	coffer_err err;

	memset(dek_out, 0, DEK_LEN);
	err = try_pass(f, keyring, KEYS_AT_HAND, recipients, n, binding, dek_out, &tried);
	if (err == COFFER_E_NOKEY)
		err = try_pass(f, keyring, PASSPHRASES, recipients, n, binding, dek_out, &tried);
	if (err == COFFER_E_NOKEY)
		err = no_key(f, keyring, recipients, n, tried);
	if (err)
		mem_wipe(dek_out, DEK_LEN);
	return err;
}

bool
keyring_matches(const struct coffer_keyring *keyring, const struct recipient *recipient, const struct binding *binding)
{
	uint8_t dek[DEK_LEN];
	bool match = false;

	for (size_t i = 0; i < keyring->n && !match; i++) {
		const struct entry *e = &keyring->entries[i];

		match = e->provider->matches(e->self, recipient);
		if (match && is_passphrase(e))
			match = e->provider->unwrap(e->self, NULL, recipient, binding, dek) == COFFER_OK;
	}
	mem_wipe(dek, sizeof(dek));
	return match;
}

coffer_err
keyring_one_aes(struct fault *f, const struct coffer_keyring *keyring, const char *what, struct view *out)
{
	*out = view_of(NULL, 0);
	if (keyring->n != 1)
		return fault_set(f, COFFER_E_KEY,
				 "%s does not say which key it is for, and %zu were given; give the one with --kek "
				 "file:KEY",
				 what, keyring->n);
	if (keyring->entries[0].provider != &aes_provider)
		return fault_set(
			f, COFFER_E_KEY,
			"%s takes an AES key of 32 bytes, and a key of kind %s was given; give another with --kek "
			"file:KEY",
			what, keyring->entries[0].provider->kind);
	*out = aes_bytes(keyring->entries[0].self);
	return COFFER_OK;
}
