/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The local keyring: a folder of key files called NAME.key.
 *
 * The folder is made with mode 0700 and refused when others may write it; a
 * secret in it that others may read is refused.  The public half is in coffer/key.h.
 *
 * @dir is everywhere the folder, or NULL for $COFFER_KEYS, else $XDG_CONFIG_HOME/coffer/keys,
 * else $HOME/.config/coffer/keys.  A key's name is that of its file, whatever stands in it.
 */
#ifndef KEY_STORE_H
#define KEY_STORE_H

#include "key/keyfile.h"
#include "key/uri.h"

/** store_path() - the path of the key called @name, to be freed with free(); makes the folder when it is not there */
coffer_err store_path(struct fault *f, const char *dir, const char *name, char **path_out);

/** store_read() - the key called @name; COFFER_E_NOTFOUND */
coffer_err store_read(struct fault *f, const char *dir, const char *name, struct keyfile *out);

/** store_import() - keep the key that @uri (file: or recipient:) names as @name; COFFER_E_EXISTS */
coffer_err store_import(struct fault *f, const char *dir, const char *name, const char *uri);

/** store_remove() - remove the key called @name; COFFER_E_NOTFOUND */
coffer_err store_remove(struct fault *f, const char *dir, const char *name);

/** store_list() - all keys, sorted by name, in one array to be freed with free(); none when there is no folder */
coffer_err store_list(struct fault *f, const char *dir, struct coffer_key_info **list_out, size_t *n_out);

/** store_each() - call @fn with every key, sorted by name, until one returns an error */
coffer_err store_each(struct fault *f, const char *dir,
		      coffer_err (*fn)(void *user, struct fault *f, const struct keyfile *k), void *user);

/** store_load() - the key that @uri names: file:, keyring: (in the default folder) or recipient: */
coffer_err store_load(struct fault *f, const struct key_uri *uri, struct keyfile *out);

#endif
