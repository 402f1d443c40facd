/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The trust store: folders of bindings (binding.h), one a file called ANYTHING.json.
 *
 * Two folders: the administrator's, /etc/coffer/trust.d, and the user's, $XDG_CONFIG_HOME/coffer/trust.d or ~/.config/coffer/trust.d.
 * What the administrator's says about a model, by its name or by «*», stands; the user's is asked only where that one is
 * silent.  So no user can weaken what was decided for a machine, and a machine where nothing was decided is the user's.
 *
 * A folder is believed as a whole or not at all: a file that is malformed, a link, somebody else's, or writable by others, and two
 * bindings of one name are errors of every question, for the binding that was asked for could be just the one that is not read.
 */
#ifndef SIGN_TRUST_STORE_H
#define SIGN_TRUST_STORE_H

#include <stdbool.h>

#include "base/fault.h"
#include "sign/binding.h"

/** struct trust_dirs - where it is; NULL = as said above */
struct trust_dirs {
	const char *system;
	const char *user;
};

/** struct stored - a binding and where it is from; zeroed before, free with stored_free() */
struct stored {
	struct trust_binding binding;
	char *path;
	bool is_system;	   /* the administrator's */
	bool is_overruled; /* the user's, and the administrator's folder speaks about its model */
};

/** trust_store_find() - what is bound to the model called @model; COFFER_E_NOTFOUND when nothing is */
coffer_err trust_store_find(struct fault *f, const struct trust_dirs *dirs, const char *model, struct stored *out);

/** trust_store_each() - call @fn with every binding, the administrator's first, each folder in order of file names */
coffer_err trust_store_each(struct fault *f, const struct trust_dirs *dirs,
			    coffer_err (*fn)(void *arg, struct fault *f, const struct stored *s), void *arg);

/**
 * trust_store_add() - keep @b in the user's folder, in a new file of mode 0600
 *
 * COFFER_E_EXISTS when its model is bound there already; COFFER_E_POLICY when the administrator has spoken about it.
 */
coffer_err trust_store_add(struct fault *f, const struct trust_dirs *dirs, const struct trust_binding *b);

/** trust_store_remove() - remove what the user's folder binds to @model; COFFER_E_NOTFOUND, COFFER_E_PERM when it is the administrator's */
coffer_err trust_store_remove(struct fault *f, const struct trust_dirs *dirs, const char *model);

/** stored_free() - free what it holds; it is empty again */
void stored_free(struct stored *s);

#endif
