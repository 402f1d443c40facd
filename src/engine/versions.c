/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/versions.h"

#include <stdlib.h>

struct answer {
	bool asked;
	coffer_err err;
	struct key_state state;
};

struct versions {
	const struct coffer_keyring *keys;
	struct answer *answers;
	pthread_mutex_t
		lock; /* over all below and @answers; held while a service is asked, for the others need the same answer */
	struct fault trouble;
};

coffer_err
versions_new(struct fault *f, const struct coffer_keyring *keys, struct versions **out)
{
	struct versions *v = calloc(1, sizeof(*v));

	*out = NULL;
	if (!v)
		return fault_nomem(f);
	pthread_mutex_init(&v->lock, NULL);
	v->keys = keys;
	v->answers = calloc(keyring_size(keys) + 1, sizeof(*v->answers));
	*out = v;
	if (v->answers)
		return COFFER_OK;
	versions_free(out);
	return fault_nomem(f);
}

static void
ask(struct versions *v, size_t index)
{
	struct answer *a = &v->answers[index];
	struct fault why = {.err = COFFER_OK};

	a->asked = true;
	a->err = keyring_is_service(v->keys, index) ? keyring_state(&why, v->keys, index, &a->state) : COFFER_E_USAGE;
	/* that a kind has no versions, or a template many keys, is no trouble */
	if (a->err && a->err != COFFER_E_USAGE && v->trouble.err == COFFER_OK)
		v->trouble = why;
}

const char *
versions_newest(struct versions *v, size_t index)
{
	struct answer *a = &v->answers[index];

	pthread_mutex_lock(&v->lock);
	if (!a->asked)
		ask(v, index);
	pthread_mutex_unlock(&v->lock);
	return a->err == COFFER_OK && a->state.version[0] != '\0' ? a->state.version : NULL;
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
	if (!*v)
		return;
	pthread_mutex_destroy(&(*v)->lock);
	free((*v)->answers);
	free(*v);
	*v = NULL;
}
