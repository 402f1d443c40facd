/* SPDX-License-Identifier: Apache-2.0 */
#include "key/keyring.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/num.h"
#include "key/aes.h"
#include "key/cache.h"
#include "key/keyfile.h"
#include "key/passphrase.h"
#include "key/services.h"
#include "key/store.h"
#include "key/template.h"
#include "key/uri.h"
#include "key/x25519.h"
#include "mem/secret.h"

struct entry {
	const struct key_provider *provider;
	void *self;
	struct template *template; /* in place of @self: a key of a service for each model */
	char id[KEY_ID_TEXT];	   /* empty where the kind has none */
	char *uri;		   /* of a service, as it was given; else NULL */
	bool asks;		   /* a passphrase that is asked for */
};

struct coffer_keyring {
	struct entry *entries;
	size_t n;
	struct key_cache *cache; /* of what services unwrapped, or NULL */
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
	template_free(&e->template);
	free(e->uri);
	e->uri = NULL;
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
	key_cache_free(&k->cache);
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
		if ((e->id[0] != '\0' && strcmp(other->id, e->id) == 0) || (e->asks && other->asks) ||
		    (e->uri && strcmp(other->uri, e->uri) == 0))
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
	*e = (struct entry){.provider = e->provider};
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

/* Asks nobody yet. */
static coffer_err
add_service(struct fault *f, struct coffer_keyring *keyring, const struct key_env *env,
	    const struct key_service *service, const char *uri, const char *rest)
{
	struct entry e = {.provider = service->provider};
	coffer_err err;

	if (strlen(uri) > LIMIT_KEY_URI)
		return fault_set(f, COFFER_E_USAGE, "a key URI is longer than %u bytes", LIMIT_KEY_URI);
	e.uri = strdup(uri);
	if (!e.uri)
		return fault_nomem(f);
	if (template_is(rest))
		TRY(template_new(f, service, env, rest, &e.template));
	else
		TRY(service->new_key(f, env, rest, &e.self));
	TRY(add(f, keyring, &e));
out:
	free_entry(&e);
	return err;
}

coffer_err
keyring_add_uri(struct fault *f, struct coffer_keyring *keyring, const struct key_env *env, const char *uri)
{
	const struct key_service *service;
	struct keyfile k = KEYFILE_INIT;
	struct key_uri parsed;
	const char *rest;
	coffer_err err;

	service = key_service_find(uri, &rest);
	if (service)
		return add_service(f, keyring, env, service, uri, rest);
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

/* The one key of @e for @binding. */
static coffer_err
resolve(struct fault *f, const struct entry *e, const struct binding *binding, void **self_out)
{
	*self_out = e->self;
	return e->template ? template_key(f, e->template, binding, self_out) : COFFER_OK;
}

static bool
may_be_for(const struct entry *e, const struct recipient *r)
{
	return e->template ? strcmp(e->provider->kind, r->kind) == 0 : e->provider->matches(e->self, r);
}

static coffer_err
get(struct fault *f, const struct coffer_keyring *keyring, size_t index, const struct entry **out)
{
	if (index >= keyring->n)
		return fault_set(f, COFFER_E_INTERNAL, "key %zu of %zu was asked for", index, keyring->n);
	*out = &keyring->entries[index];
	return COFFER_OK;
}

static void
finish(const struct entry *e, struct recipient *out)
{
	out->is_service = e->provider->is_service;
	out->created = (int64_t)time(NULL);
}

coffer_err
keyring_wrap(struct fault *f, const struct coffer_keyring *keyring, size_t index, const uint8_t dek[DEK_LEN],
	     const struct binding *binding, struct recipient *out)
{
	const struct entry *e = NULL;
	void *self;
	coffer_err err;

	*out = (struct recipient){.foreign = NULL};
	TRY(get(f, keyring, index, &e));
	TRY(resolve(f, e, binding, &self));
	TRY(e->provider->wrap(self, f, dek, binding, out));
	finish(e, out);
out:
	if (err)
		*out = (struct recipient){.foreign = NULL};
	return err;
}

/* The key of @e, and that of @from which the service can rewrap @in of; what cannot be filled in is said when it is used here. */
static bool
find_rewrap(const struct entry *e, const struct coffer_keyring *from, const struct recipient *in,
	    const struct binding *binding, void **self_out, void **old_out)
{
	if (!e->provider->rewrap || resolve(NULL, e, binding, self_out) != COFFER_OK)
		return false;
	for (size_t i = 0; i < from->n; i++) {
		const struct entry *old = &from->entries[i];

		if (old->provider == e->provider && may_be_for(old, in) &&
		    resolve(NULL, old, binding, old_out) == COFFER_OK &&
		    e->provider->can_rewrap(*self_out, *old_out, in))
			return true;
	}
	return false;
}

bool
keyring_can_rewrap(const struct coffer_keyring *keyring, size_t index, const struct coffer_keyring *from,
		   const struct recipient *in, const struct binding *binding)
{
	void *self, *old;

	return index < keyring->n && find_rewrap(&keyring->entries[index], from, in, binding, &self, &old);
}

coffer_err
keyring_rewrap(struct fault *f, const struct coffer_keyring *keyring, size_t index, const struct coffer_keyring *from,
	       const struct recipient *in, const struct binding *binding, struct recipient *out)
{
	const struct entry *e = NULL;
	void *self, *old;
	coffer_err err;

	*out = (struct recipient){.foreign = NULL};
	TRY(get(f, keyring, index, &e));
	if (!find_rewrap(e, from, in, binding, &self, &old))
		return COFFER_E_UNSUPPORTED;
	TRY(e->provider->rewrap(self, f, old, in, binding, out));
	finish(e, out);
out:
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
ask(struct fault *f, const struct coffer_keyring *keyring, const struct entry *e, const struct recipient *r,
    const struct binding *binding, uint8_t dek_out[DEK_LEN])
{
	uint8_t name[SHA256_LEN];
	void *self;
	coffer_err err;

	TRY(resolve(f, e, binding, &self));
	/* [F-27]: the user's key was to say which service; the recipient says only which of its keys */
	if (!e->provider->matches(self, r))
		return COFFER_E_NOKEY;
	if (!keyring->cache || !e->provider->is_service)
		return e->provider->unwrap(self, f, r, binding, dek_out);
	TRY(key_cache_name(f, r, binding, name));
	if (key_cache_take(keyring->cache, name, dek_out))
		return COFFER_OK;
	err = e->provider->unwrap(self, f, r, binding, dek_out);
	key_cache_give(keyring->cache, name, err == COFFER_OK ? dek_out : NULL);
out:
	return err;
}

enum pass {
	KEYS_AT_HAND,
	SERVICES,
	PASSPHRASES, /* the last resort: a person may be asked, and each try takes a while */
};

static enum pass
pass_of(const struct entry *e)
{
	return is_passphrase(e) ? PASSPHRASES : e->provider->is_service ? SERVICES : KEYS_AT_HAND;
}

/* struct search - for a key that opens: what came of it so far */
struct search {
	const struct coffer_keyring *keyring;
	const struct recipient *recipients;
	size_t n;
	const struct binding *binding;
	bool tried_passphrase;
	bool is_down[LIMIT_KEYS]; /* services that are asked no more */
	coffer_err first;	  /* of the services that failed */
	struct fault only;	  /* the first reason, whole; it is shown where there is no other one */
	size_t n_reasons;
	char reasons[480]; /* of each as much as leaves room for others */
	size_t reasons_len;
};

static bool
ends_search(const struct entry *e, coffer_err err)
{
	if (!e->provider->is_service)
		return err != COFFER_E_NOKEY;
	return err == COFFER_OK || err == COFFER_E_NOMEM || err == COFFER_E_INTERNAL || err == COFFER_E_INTERRUPTED;
}

/* A service that fails is a reason, and another key may open. */
static void
note_reason(struct search *s, const struct fault *why, coffer_err err)
{
	size_t room = sizeof(s->reasons) - s->reasons_len;
	int len;

	if (why->err == COFFER_OK)
		return;
	if (s->first == COFFER_OK || s->first == COFFER_E_NOKEY)
		s->first = err;
	if (s->n_reasons++ == 0)
		s->only = *why;
	len = snprintf(s->reasons + s->reasons_len, room, "%s%.240s", s->reasons_len ? "; " : "", why->text);
	/* the last one is cut where there is no more room */
	if (len > 0)
		s->reasons_len += num_min((uint64_t)len, room - 1);
}

static coffer_err
try_one(struct fault *f, struct search *s, const struct entry *e, const struct recipient *r, uint8_t dek_out[DEK_LEN])
{
	struct fault why = {.err = COFFER_OK};
	coffer_err err = ask(&why, s->keyring, e, r, s->binding, dek_out);

	if (err == COFFER_OK || (err == COFFER_E_NOKEY && !e->provider->is_service))
		return err;
	if (!ends_search(e, err)) {
		note_reason(s, &why, err);
		/* it would take its whole time again for each recipient, and who wrote the model says how many there are */
		s->is_down[e - s->keyring->entries] = err == COFFER_E_UNAVAILABLE || err == COFFER_E_RATE;
		return COFFER_E_NOKEY;
	}
	if (err == COFFER_E_AUTH)
		return fault_set(f, err, "the wrapped key for %s %.*s is damaged or belongs to another model", r->kind,
				 KEY_ID_TEXT, r->id);
	return fault_set(f, err, "%s", why.text);
}

/* COFFER_E_NOKEY, without a sentence, when no key of this pass unwraps any */
static coffer_err
try_pass(struct fault *f, struct search *s, enum pass pass, uint8_t dek_out[DEK_LEN], size_t *which_out)
{
	for (size_t i = 0; i < s->n; i++) {
		for (size_t k = 0; k < s->keyring->n; k++) {
			const struct entry *e = &s->keyring->entries[k];
			coffer_err err;

			if (pass_of(e) != pass || s->is_down[k] || !can_unwrap(e) || !may_be_for(e, &s->recipients[i]))
				continue;
			s->tried_passphrase |= pass == PASSPHRASES;
			*which_out = i;
			err = try_one(f, s, e, &s->recipients[i], dek_out);
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
	char item[160];
	int len = snprintf(item, sizeof(item), "%s%.31s%s%.100s", l->len ? ", " : "", kind, *id ? " " : "", id);

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
no_key(struct fault *f, const struct search *s)
{
	struct list wanted = {.len = 0}, given = {.len = 0};
	char more_wanted[32], more_given[32];
	const char *wanted_text, *given_text;

	if (s->first != COFFER_OK)
		return fault_set(f, s->first, "%s%s", s->tried_passphrase ? "the passphrase does not open it; " : "",
				 s->n_reasons == 1 ? s->only.text : s->reasons);
	for (size_t i = 0; i < s->n; i++)
		list_add(&wanted, s->recipients[i].kind, s->recipients[i].id);
	for (size_t i = 0; i < s->keyring->n; i++) {
		const struct entry *e = &s->keyring->entries[i];

		if (can_unwrap(e))
			list_add(&given, e->provider->kind, e->uri ? e->uri : e->id);
	}
	wanted_text = list_end(&wanted, more_wanted);
	given_text = list_end(&given, more_given);
	return fault_set(f, COFFER_E_NOKEY,
			 "%s: it is sealed for %s%s; given to open it: %s%s; give one of its keys with --kek",
			 s->tried_passphrase ? "the passphrase does not open it" : "no key opens it", wanted_text,
			 more_wanted, given_text, more_given);
}

coffer_err
keyring_unwrap(struct fault *f, const struct coffer_keyring *keyring, const struct recipient *recipients, size_t n,
	       const struct binding *binding, uint8_t dek_out[DEK_LEN], size_t *which_out)
{
	static const enum pass passes[] = {KEYS_AT_HAND, SERVICES, PASSPHRASES};
	struct search s = {.keyring = keyring, .recipients = recipients, .n = n, .binding = binding};
	size_t which = SIZE_MAX;
	coffer_err err = COFFER_E_NOKEY;

	memset(dek_out, 0, DEK_LEN);
	for (size_t i = 0; i < sizeof(passes) / sizeof(passes[0]) && err == COFFER_E_NOKEY; i++)
		err = try_pass(f, &s, passes[i], dek_out, &which);
	if (err == COFFER_E_NOKEY)
		err = no_key(f, &s);
	if (err)
		mem_wipe(dek_out, DEK_LEN);
	if (which_out)
		*which_out = err ? SIZE_MAX : which;
	return err;
}

/* ---- what only services have ---- */

bool
keyring_is_service(const struct coffer_keyring *keyring, size_t index)
{
	return index < keyring->n && keyring->entries[index].provider->is_service;
}

static coffer_err
tell(struct fault *f, const struct coffer_keyring *keyring, size_t index, bool rotate, const struct binding *binding,
     struct key_state *out)
{
	const struct entry *e = NULL;
	void *self;
	coffer_err err;

	*out = (struct key_state){.created = 0};
	TRY(get(f, keyring, index, &e));
	if (e->template && !binding)
		return fault_set(f, COFFER_E_USAGE, "%s stands for many keys; name one of them", e->uri);
	if (!(rotate ? e->provider->rotate : e->provider->state))
		return fault_set(f, COFFER_E_USAGE,
				 "a key of kind %s has no versions: make a new key, and «coffer rewrap»",
				 e->provider->kind);
	TRY(resolve(f, e, binding, &self));
	err = (rotate ? e->provider->rotate : e->provider->state)(self, f, out);
out:
	return err;
}

coffer_err
keyring_rotate(struct fault *f, const struct coffer_keyring *keyring, size_t index, struct key_state *out)
{
	return tell(f, keyring, index, true, NULL, out);
}

coffer_err
keyring_state(struct fault *f, const struct coffer_keyring *keyring, size_t index, const struct binding *binding,
	      struct key_state *out)
{
	return tell(f, keyring, index, false, binding, out);
}

coffer_err
keyring_key(struct fault *f, const struct coffer_keyring *keyring, size_t index, const struct binding *binding,
	    const void **out)
{
	const struct entry *e = NULL;
	void *self = NULL;
	coffer_err err;

	TRY(get(f, keyring, index, &e));
	TRY(resolve(f, e, binding, &self));
out:
	*out = self;
	return err;
}

coffer_err
keyring_set_cache(struct fault *f, struct coffer_keyring *keyring, unsigned int lifetime_s, unsigned int uses)
{
	struct key_cache *cache;
	coffer_err err = key_cache_new(f, lifetime_s, uses, &cache);

	if (err)
		return err;
	key_cache_free(&keyring->cache);
	keyring->cache = cache;
	return COFFER_OK;
}

void
keyring_names(const struct coffer_keyring *keyring, size_t index, const char **kind_out, const char **name_out)
{
	const struct entry *e = &keyring->entries[index];

	*kind_out = e->provider->kind;
	*name_out = e->uri ? e->uri : e->id;
}

bool
keyring_key_matches(const struct coffer_keyring *keyring, size_t index, const struct recipient *recipient,
		    const struct binding *binding)
{
	const struct entry *e = &keyring->entries[index];
	uint8_t dek[DEK_LEN];
	void *self;
	bool match;

	match = may_be_for(e, recipient) && resolve(NULL, e, binding, &self) == COFFER_OK &&
		e->provider->matches(self, recipient);
	if (match && is_passphrase(e))
		match = e->provider->unwrap(e->self, NULL, recipient, binding, dek) == COFFER_OK;
	mem_wipe(dek, sizeof(dek));
	return match;
}

bool
keyring_matches(const struct coffer_keyring *keyring, const struct recipient *recipient, const struct binding *binding)
{
	for (size_t i = 0; i < keyring->n; i++)
		if (keyring_key_matches(keyring, i, recipient, binding))
			return true;
	return false;
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
