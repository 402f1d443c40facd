/* SPDX-License-Identifier: Apache-2.0 */
#include "key/template.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "key/uri.h"

#define MADE_MAX 1024 /* keys that one template stands for in one process */

struct made {
	char *rest;
	void *self;
};

struct template
{
	const struct key_service *service;
	struct key_env env;
	char *rest;
	pthread_mutex_t lock;
	struct made *made; /* under lock; only grows, so that its keys may be used without */
	size_t n_made;
};

bool
environment_valid(const char *name)
{
	size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789");

	return len >= 1 && len <= ENVIRONMENT_MAX && name[len] == '\0';
}

bool
template_is(const char *rest)
{
	return strchr(rest, '{') != NULL;
}

/* ---- filling in ---- */

static const struct place {
	const char *text;
	bool is_environment;
} places[] = {{"{environment}", true}, {"{name}", false}};

/* The place that stands at @at, or NULL. */
static const struct place *
place_at(const char *at)
{
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		if (strncmp(at, places[i].text, strlen(places[i].text)) == 0)
			return &places[i];
	return NULL;
}

static coffer_err
check(struct fault *f, const char *text)
{
	for (const char *at = strchr(text, '{'); at; at = strchr(at + 1, '{'))
		if (!place_at(at))
			return fault_set(f, COFFER_E_USAGE,
					 "a key URI has a «{» that begins neither {environment} nor {name}");
	return COFFER_OK;
}

static coffer_err
value_of(struct fault *f, const struct place *p, const struct binding *binding, const char **out)
{
	if (p->is_environment && !environment_valid(binding->environment))
		return fault_set(f, COFFER_E_USAGE,
				 "the key URI wants {environment}, and %s has %s; seal it with --environment, 1 to %d "
				 "of a-z 0-9",
				 binding->name, binding->environment[0] ? "one that cannot be part of it" : "none",
				 ENVIRONMENT_MAX);
	if (!p->is_environment && !key_name_valid(view_str(binding->name)))
		return fault_set(f, COFFER_E_USAGE,
				 "the key URI wants {name}, and the name «%s» cannot be part of it: 1 to %u of A-Z a-z "
				 "0-9 . _ -, no dot in front; seal it with another --name",
				 binding->name, LIMIT_KEY_NAME);
	*out = p->is_environment ? binding->environment : binding->name;
	return COFFER_OK;
}

coffer_err
template_fill(struct fault *f, const char *text, const struct binding *binding, char **out)
{
	struct buf filled = BUF_INIT(LIMIT_KEY_URI + 1);
	coffer_err err;

	*out = NULL;
	TRY(check(f, text));
	while (*text) {
		const struct place *p = place_at(text);
		const char *value = "";

		if (p) {
			TRY(value_of(f, p, binding, &value));
			TRY(buf_str(f, &filled, value));
			text += strlen(p->text);
		} else {
			TRY(buf_add(f, &filled, text++, 1));
		}
	}
	TRY(buf_take_text(f, &filled, out));
out:
	buf_free(&filled);
	return err;
}

/* ---- the keys that it stands for ---- */

static coffer_err
add_made(struct fault *f, struct template *t, char **rest, void **self_out)
{
	coffer_err err;

	for (size_t i = 0; i < t->n_made; i++) {
		if (strcmp(t->made[i].rest, *rest) == 0) {
			*self_out = t->made[i].self;
			return COFFER_OK;
		}
	}
	if (t->n_made == MADE_MAX)
		return fault_set(f, COFFER_E_USAGE, "a key URI with places to fill in stands for more than %d keys",
				 MADE_MAX);
	TRY(t->service->new_key(f, &t->env, *rest, self_out));
	t->made[t->n_made++] = (struct made){*rest, *self_out};
	*rest = NULL;
out:
	return err;
}

coffer_err
template_key(struct fault *f, struct template *t, const struct binding *binding, void **self_out)
{
	char *rest = NULL;
	coffer_err err;

	TRY(template_fill(f, t->rest, binding, &rest));
	(void)pthread_mutex_lock(&t->lock);
	err = add_made(f, t, &rest, self_out);
	(void)pthread_mutex_unlock(&t->lock);
out:
	free(rest);
	return err;
}

void
template_free(struct template **template)
{
	struct template *t = *template;

	*template = NULL;
	if (!t)
		return;
	for (size_t i = 0; i < t->n_made; i++) {
		t->service->provider->free(t->made[i].self);
		free(t->made[i].rest);
	}
	(void)pthread_mutex_destroy(&t->lock);
	free(t->made);
	free(t->rest);
	free(t);
}

coffer_err
template_new(struct fault *f, const struct key_service *service, const struct key_env *env, const char *rest,
	     struct template **out)
{
	struct template *t;
	coffer_err err;

	*out = NULL;
	TRY(check(f, rest));
	t = calloc(1, sizeof(*t));
	if (!t)
		return fault_nomem(f);
	t->service = service;
	t->env = *env;
	(void)pthread_mutex_init(&t->lock, NULL);
	t->rest = strdup(rest);
	t->made = calloc(MADE_MAX, sizeof(*t->made));
	if (!t->rest || !t->made) {
		template_free(&t);
		return fault_nomem(f);
	}
	*out = t;
out:
	return err;
}
