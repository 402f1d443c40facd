/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One call of coffer_seal(): what its parts share.
 *
 * seal.c has the verb, seal_file.c a model of one file, seal_dir.c a model of a directory.
 */
#ifndef ENGINE_SEAL_RUN_H
#define ENGINE_SEAL_RUN_H

#include <coffer/seal.h>

#include "base/file.h"
#include "engine/model.h"
#include "engine/seal_sign.h"
#include "engine/walk.h"

struct seal_run {
	struct coffer_ctx *ctx;
	const struct coffer_keyring *keys;
	struct coffer_seal_options opt;
	const char *in, *out;
	const char *model; /* what the sealed model is called when all is done; NULL for a sink */
	int in_fd, out_fd; /* of directories; the same one in place */
	bool made_out;	   /* the folder was not there before */
	struct walk walk;
	struct keyblock kb;
	struct secret dek;
	struct progress progress;
	atomic_uint_fast64_t n_skipped;
	bool resuming;
	struct seal_sign sign;
	const struct staging *staging; /* what the new directory will replace, or NULL */
};

/** seal_new_keys() - a DEK and model id, unless an interrupted run is continued, and a wrap for every key */
coffer_err seal_new_keys(struct fault *f, struct seal_run *r);

/** seal_single() - seal the file @fd, which is taken over */
coffer_err seal_single(struct fault *f, struct seal_run *r, int fd);

/** seal_directory() - seal the directory @r->in_fd */
coffer_err seal_directory(struct fault *f, struct seal_run *r);

/** seal_into() - seal @in, file @index, into the new file @n; with @single the key block goes into it */
coffer_err seal_into(struct fault *f, struct seal_run *r, size_t index, struct input *in, struct newfile *n,
		     bool single, struct pool_worker *w);

/** seal_reread() - in place the plain file goes next: what was written is read back from the disk and opened first */
coffer_err seal_reread(struct fault *f, struct seal_run *r, int fd, const char *shown, struct pool_worker *w);

/** seal_check_unchanged() - COFFER_E_CHANGED when the plain file is no longer as it was listed */
coffer_err seal_check_unchanged(struct fault *f, const struct input *in, uint64_t size, const struct timespec *mtime);

/** seal_check_plain() - COFFER_E_SEALED when @in is a sealed file */
coffer_err seal_check_plain(struct fault *f, const struct input *in);

#endif
