/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/versions.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct answer {
	struct answer *next;
	const void *key;
	pthread_mutex_t lock; /* over what follows; held while the service is asked: the others need the answer, too */
	bool asked;
	coffer_err err;
	struct key_state state;
};

struct versions {
	const struct coffer_keyring *keys;
	pthread_mutex_t lock; /* over all below, but for what is in the answers */
	struct answer *answers;
	struct fault trouble;
};

coffer_err
versions_new(struct fault *f, const struct coffer_keyring *keys, struct versions **out)
{
	struct versions *v = calloc(1, sizeof(*v));

	*out = v;
	if (!v)
		return fault_nomem(f);
	pthread_mutex_init(&v->lock, NULL);
	v->keys = keys;
	return COFFER_OK;
}

/* The place of the answer about @key; NULL where there is no memory. */
static struct answer *
place_of(struct versions *v, const void *key)
{
	struct answer *a;

	pthread_mutex_lock(&v->lock);
	for (a = v->answers; a && a->key != key; a = a->next)
		;
	if (!a && (a = calloc(1, sizeof(*a)))) {
		a->key = key;
		pthread_mutex_init(&a->lock, NULL);
		a->next = v->answers;
		v->answers = a;
	}
	pthread_mutex_unlock(&v->lock);
	return a;
}

static void
note_trouble(struct versions *v, const struct fault *why)
{
	pthread_mutex_lock(&v->lock);
	if (v->trouble.err == COFFER_OK)
		v->trouble = *why;
	pthread_mutex_unlock(&v->lock);
}

static void
ask(struct versions *v, size_t index, const struct binding *binding, struct answer *a)
{
	struct fault why = {.err = COFFER_OK};

	a->asked = true;
	a->err = keyring_state(&why, v->keys, index, binding, &a->state);
	/* that a kind has no versions is no trouble */
	if (a->err && a->err != COFFER_E_USAGE)
		note_trouble(v, &why);
}

const struct key_state *
versions_newest(struct versions *v, size_t index, const struct binding *binding)
{
	struct answer *a;
	const void *key;

	if (!v || !keyring_is_service(v->keys, index) || keyring_key(NULL, v->keys, index, binding, &key) != COFFER_OK)
		return NULL;
	a = place_of(v, key);
	if (!a)
		return NULL;
	pthread_mutex_lock(&a->lock);
	if (!a->asked)
		ask(v, index, binding, a);
	pthread_mutex_unlock(&a->lock);
	return a->err == COFFER_OK ? &a->state : NULL;
}

enum standing
versions_standing(struct versions *v, size_t index, const struct binding *binding, const struct recipient *recipient)
{
	const struct key_state *newest = versions_newest(v, index, binding);
	bool is_named = newest && newest->version[0] && recipient->version[0];

	if (is_named)
		return strcmp(newest->version, recipient->version) == 0 ? STANDING_NEWEST : STANDING_OLDER;
	/* some services do not say what they wrap with; what was wrapped before a version was there is not of it */
	if (!newest || recipient->version[0] || newest->created == 0)
		return STANDING_UNKNOWN;
	return recipient->created < newest->created ? STANDING_OLDER : STANDING_NEWEST;
}

bool
versions_trouble(const struct versions *v, struct fault *out)
{
	*out = v->trouble;
	return v->trouble.err != COFFER_OK;
}

void
versions_free(struct versions **v)
{
	struct answer *next;

	if (!*v)
		return;
	for (struct answer *a = (*v)->answers; a; a = next) {
		next = a->next;
		pthread_mutex_destroy(&a->lock);
		free(a);
	}
	pthread_mutex_destroy(&(*v)->lock);
	free(*v);
	*v = NULL;
}
