/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the keeper of «coffer run» does (run/keeper.h): it has the keys, and opens the models to where the program finds them.
 */
#ifndef CLI_RUN_KEEP_H
#define CLI_RUN_KEEP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <coffer/open.h>
#include <coffer/sign.h>

#include "base/fault.h"
#include "mount/mount.h"

/** struct run_model - one --model */
struct run_model {
	char *sealed;			/* the path */
	char *name;			/* what the arguments and its folder call it */
	bool is_file;			/* a sealed file rather than a folder */
	char *folder;			/* where the program finds it */
	char *file;			/* where it finds its one file, or NULL; first only its name */
	struct coffer_trust *publisher; /* with --verify: whom alone the trust store names; the keeper's */
};

/** enum run_way - where the plaintext is */
enum run_way {
	RUN_MEMORY, /* in memory that is mounted in a namespace of the program */
	RUN_LINKS,  /* in memory of the keeper, behind links */
	RUN_LAZY,   /* in a file system that the keeper serves in that namespace */
};

/** struct run_job - what is asked for */
struct run_job {
	struct run_model *models;
	size_t n_models;
	enum run_way way;
	uint64_t size;	 /* --size, or 0 */
	bool allow_code; /* a model may carry some */
	bool verify;	 /* somebody must have signed */
};

/**
 * run_keep() - a keeper_fn; @job is a struct run_job
 *
 * Says, in this order: how many bytes of memory the models take, once it is certain that there are as many; for each sealed
 * file, what it is called.  Then it hears where to: with RUN_MEMORY a folder, with RUN_LAZY for each model the descriptor that
 * it is served through.  And it says that all is there, with the folder of RUN_LINKS.
 */
coffer_err run_keep(void *job, struct fault *f, int channel);

/* ---- its parts ---- */

/** struct keep - the keeper's state */
struct keep {
	struct run_job *job;
	int channel;
	struct coffer_ctx *ctx;
	struct coffer_keyring *keys;
	struct coffer_trust *trust;
	struct coffer_open_options options;
	uint64_t bytes, n_files; /* of all models, opened */
};

/** keep_start() - the library, whose the models must be, and the keys; end with keep_forget() */
coffer_err keep_start(struct fault *f, struct keep *k);

/** keep_forget() - all of that, so that no key is held any more */
void keep_forget(struct keep *k);

/** keep_model() - open @m when it is whose it must be and carries no code; free it with coffer_model_free(), after a failure too */
coffer_err keep_model(struct fault *f, struct keep *k, const struct run_model *m, struct coffer_model **model_out);

/** keep_links() - RUN_LINKS (run_links.c) */
coffer_err keep_links(struct fault *f, struct keep *k);

/** keep_mounts() - RUN_LAZY (run_lazy.c); returns when the program has ended */
coffer_err keep_mounts(struct fault *f, struct keep *k);

/** run_mount_options() - how RUN_LAZY mounts, for whoever attaches it */
struct mount_options run_mount_options(const struct run_job *job);

#endif
