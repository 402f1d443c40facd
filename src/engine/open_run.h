/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One call of coffer_open() or coffer_check(): what its parts share.
 *
 * open.c has the verbs, open_single.c a model of one file, open_dir.c a model of a directory, open_mark.c what says that one is
 * being opened.
 */
#ifndef ENGINE_OPEN_RUN_H
#define ENGINE_OPEN_RUN_H

#include <coffer/open.h>

#include "base/file.h"
#include "engine/model.h"
#include "engine/open_trust.h"
#include "engine/walk.h"

struct open_run {
	struct coffer_ctx *ctx;
	struct coffer_open_options opt;
	struct filter filter;
	const char *in, *out;
	struct coffer_model *model;
	int out_fd;	/* of a directory */
	bool write;	/* false to check alone */
	bool resuming;	/* an interrupted run: its folder was empty, so what is there is what it made */
	bool replacing; /* an interrupted run too, over files that were there: all are opened again */
	bool made_out;	/* the folder was not there before */
	bool going_on;	/* in place, and there is a mark, which is still to be believed */
	struct open_trust trust;
	size_t last;	      /* the file that is opened when all others are, or SIZE_MAX */
	struct buf signature; /* of a model of one file: that over its plain file, which is sealed beside it */
	bool *wanted;
	uint64_t n_wanted, bytes;
	struct progress progress;
	atomic_uint_fast64_t n_skipped;
};

/** open_into() - open file @index, which is @s, into the new file @n, and hold it against its signature, if there is one */
coffer_err open_into(struct fault *f, struct open_run *r, size_t index, struct sealed *s, struct newfile *n,
		     struct pool_worker *w);

/** open_read_sealed() - append to @out all of file @index of @m, which is a signature */
coffer_err open_read_sealed(struct fault *f, struct coffer_model *m, size_t index, struct buf *out);

/* ---- a model of one file ---- */

/** open_find_signature() - read the signature that is sealed beside the model into @r->signature, if there is one */
coffer_err open_find_signature(struct fault *f, struct open_run *r, const struct coffer_keyring *keys);

/** open_single() - open the one file of @r->model */
coffer_err open_single(struct fault *f, struct open_run *r);

/* ---- a model of a directory ---- */

/** open_check_inner() - believe the signature over the plain files, or fail; COFFER_OK without one */
coffer_err open_check_inner(struct fault *f, struct open_run *r);

/** open_each() - open each file that is wanted, or, unless @r->write, check it alone */
coffer_err open_each(struct fault *f, struct open_run *r);

/** open_dry_run() - the heads, and what can be told of the output without making it */
coffer_err open_dry_run(struct fault *f, struct open_run *r);

/** open_directory() - open the files of @r->model into a folder */
coffer_err open_directory(struct fault *f, struct open_run *r);

/* ---- the mark in its folder ---- */

/** open_set_mark() - read it, else write it: sets @r->resuming and @r->replacing; COFFER_E_EXISTS for another model's */
coffer_err open_set_mark(struct fault *f, struct open_run *r);

/** open_remove_mark() - remove @name from the folder for good; it may be gone */
coffer_err open_remove_mark(struct fault *f, struct open_run *r, const char *name);

#endif
