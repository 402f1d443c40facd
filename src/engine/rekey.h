/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A new DEK for one model.  The public half is in coffer/rewrap.h.
 */
#ifndef ENGINE_REKEY_H
#define ENGINE_REKEY_H

#include <coffer/rewrap.h>

#include "engine/ctx.h"
#include "format/keyblock.h"
#include "key/keyring.h"

/** struct rekey_job - what to do; the same for many models */
struct rekey_job {
	struct coffer_ctx *ctx;
	const struct coffer_keyring *keys;
	const struct coffer_keyring *to;
	struct progress *progress;  /* gets the bytes that are done */
	struct pool_worker *worker; /* its thread does all, with TRANSFER_SMALL bytes of scratch; NULL: all threads */
};

/** struct rekeyed - what came of it */
struct rekeyed {
	uint64_t bytes;
	size_t n_files;
	char model_id[33];
	bool lost_signature; /* the one over the old sealed files has gone with them */
};

#define REKEY_LOST_SIGNATURE "its coffer.sig was over the old sealed files and has gone with them; sign the model again"

#define REKEY_SIZE_MAX (UINT64_MAX - 1)

/** rekey_size() - bytes of all files of @k, as far as it can be believed yet; at most REKEY_SIZE_MAX */
uint64_t rekey_size(const struct keyblock *k);

/** rekey_model() - do @job for what is at @path; any thread, as far as @job's worker says */
coffer_err rekey_model(struct fault *f, const struct rekey_job *job, const char *path, struct rekeyed *out);

#endif
