/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A key URI with places to fill in, {environment} and {name}: each model has a KEK of its own, and one URI names them all.
 *
 *	awskms:///alias/model/{environment}/{name}
 *
 * What is filled in is the model's own, so its letters are few: an environment has 1 to 32 of a-z 0-9, a name 1 to 64 of
 * A-Z a-z 0-9 . _ -, no dot in front.  It decides only which of the keys is asked that the template allows; the wrap is bound to it.
 */
#ifndef KEY_TEMPLATE_H
#define KEY_TEMPLATE_H

#include "key/keyring.h"
#include "key/services.h"

#define ENVIRONMENT_MAX 32

/** environment_valid() - whether @name can name an environment */
bool environment_valid(const char *name);

/** template_is() - whether @rest has a place to fill in */
bool template_is(const char *rest);

/** template_fill() - @text with its places filled in for @binding; COFFER_E_USAGE where that cannot be; free @out with free() */
coffer_err template_fill(struct fault *f, const char *text, const struct binding *binding, char **out);

struct template;

/** template_new() - the keys of @service that @rest names; COFFER_E_USAGE for a place that is neither of the two */
coffer_err template_new(struct fault *f, const struct key_service *service, const struct key_env *env, const char *rest,
			struct template **out);

/** template_key() - the key of the service for @binding, made when it is first needed; it is the template's.  Any thread. */
coffer_err template_key(struct fault *f, struct template *t, const struct binding *binding, void **self_out);

/** template_free() - free its keys and itself; NULL is fine */
void template_free(struct template **t);

#endif
