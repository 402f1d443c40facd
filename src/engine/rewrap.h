/* SPDX-License-Identifier: Apache-2.0 */
/*
 * New recipients for one model.  The public half is in coffer/rewrap.h.
 */
#ifndef ENGINE_REWRAP_H
#define ENGINE_REWRAP_H

#include <coffer/rewrap.h>

#include "engine/versions.h"
#include "key/keyring.h"

/** struct rewrap_job - what to do; the same for many models */
struct rewrap_job {
	struct coffer_ctx *ctx;
	const struct coffer_keyring *keys;
	const struct coffer_rewrap_options *opt;
	struct versions *of_keys, *of_added; /* the newest of each key; NULL: it is of no matter */
};

/** struct rewrapped - what came of it */
struct rewrapped {
	enum coffer_way way;
	const char *why; /* it was left alone; static text */
	struct coffer_change *changes;
	size_t n_changes;
};

/** rewrap_check() - COFFER_E_USAGE for options of another version */
coffer_err rewrap_check(struct fault *f, const struct coffer_rewrap_options *opt);

/** rewrap_model() - do @job for what is at @path; free @out->changes, also after a failure.  Any thread. */
coffer_err rewrap_model(struct fault *f, const struct rewrap_job *job, const char *path, struct rewrapped *out);

#endif
