/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The newest version of each key of a keyring: the key service is asked once for all models.
 */
#ifndef ENGINE_VERSIONS_H
#define ENGINE_VERSIONS_H

#include "engine/ctx.h"
#include "key/keyring.h"

struct versions;

/** versions_new() - asks nobody yet; @keys must outlive it; free with versions_free() */
coffer_err versions_new(struct fault *f, const struct coffer_keyring *keys, struct versions **out);

/**
 * versions_newest() - the newest version of key @index, which is asked for when it is first needed; any thread
 *
 * Return: NULL where nobody can say: a key without versions, or a service that does not tell this credential.
 */
const char *versions_newest(struct versions *v, size_t index);

/** versions_trouble() - of the first service that could not be asked, which key and why, into @out; false when there was none */
bool versions_trouble(const struct versions *v, struct fault *out);

/** versions_free() - NULL is fine */
void versions_free(struct versions **v);

#endif
