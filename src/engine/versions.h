/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The newest version of each key of a keyring, and of each that a template among them stands for: the key service is asked once
 * for all models.
 */
#ifndef ENGINE_VERSIONS_H
#define ENGINE_VERSIONS_H

#include "engine/ctx.h"
#include "key/keyring.h"

struct versions;

/** versions_new() - asks nobody yet; @keys must outlive it; free with versions_free() */
coffer_err versions_new(struct fault *f, const struct coffer_keyring *keys, struct versions **out);

/**
 * versions_newest() - the newest version of key @index for @binding, which is asked for when it is first needed; any thread
 *
 * Return: NULL where nobody can say: @v is NULL, a key has no versions, or a service does not tell this credential.
 */
const struct key_state *versions_newest(struct versions *v, size_t index, const struct binding *binding);

/** enum standing - whether a wrap depends on the newest version of its key, as far as anybody knows */
enum standing {
	STANDING_UNKNOWN,
	STANDING_NEWEST,
	STANDING_OLDER,
};

/** versions_standing() - that of @recipient, which key @index unwraps: by the version it names, else by when it was wrapped */
enum standing versions_standing(struct versions *v, size_t index, const struct binding *binding,
				const struct recipient *recipient);

/** versions_trouble() - of the first service that could not be asked, which key and why, into @out; false when there was none */
bool versions_trouble(const struct versions *v, struct fault *out);

/** versions_free() - NULL is fine */
void versions_free(struct versions **v);

#endif
