/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A model that is signed or verified: a file or a folder, and what of it a signature covers.
 */
#ifndef ENGINE_SIGN_MODEL_H
#define ENGINE_SIGN_MODEL_H

#include <stdbool.h>
#include <sys/stat.h>

#include "engine/ctx.h"
#include "engine/ignore.h"
#include "engine/sign_walk.h"

struct sign_model {
	const char *shown; /* as the caller named it; not owned */
	char *real;	   /* its path without links */
	const char *name;  /* the last part of that */
	bool folder;
	int fd;	  /* the folder; of a file the one that it is in */
	char *at; /* the name of that, for messages */
};

#define SIGN_MODEL_INIT                                                                                                \
	{                                                                                                              \
		.fd = -1                                                                                               \
	}

/** sign_model_open() - find the model at @path; COFFER_E_USAGE when it is neither file nor folder; sign_model_close() it */
coffer_err sign_model_open(struct fault *f, const char *path, struct sign_model *m);
void sign_model_close(struct sign_model *m);

/** sign_model_within() - @path, which need not exist, relative to the model; «» is the model itself, NULL outside of it */
coffer_err sign_model_within(struct fault *f, const struct sign_model *m, const char *path, char **relative_out);

/** sign_model_ignore() - add @n paths as a caller names them; those outside of the model are dropped, with a notice */
coffer_err sign_model_ignore(struct fault *f, const struct coffer_ctx *ctx, const struct sign_model *m,
			     const char *const *paths, size_t n, struct ignore *set);

/** sign_model_list() - its files: sign_walk() in a folder, the file alone otherwise */
coffer_err sign_model_list(struct fault *f, const struct sign_model *m, const struct sign_walk_options *options,
			   struct sign_walk *out);

/** sign_model_open_file() - open the file at @path of the model; a link is refused, or followed within the model with @allow_symlinks */
coffer_err sign_model_open_file(struct fault *f, const struct sign_model *m, const char *path, bool allow_symlinks,
				int *fd_out);

#endif
