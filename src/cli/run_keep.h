/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the keeper of «coffer run» does (run/keeper.h): it has the keys, and opens the models to where the program finds them.
 */
#ifndef CLI_RUN_KEEP_H
#define CLI_RUN_KEEP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"

/** struct run_model - one --model */
struct run_model {
	char *sealed; /* the path */
	char *name;   /* what the arguments and its folder call it */
	bool is_file; /* a sealed file rather than a folder */
	char *folder; /* where the program finds it */
	char *file;   /* where it finds its one file, or NULL; first only its name */
};

/** enum run_way - where the plaintext is */
enum run_way {
	RUN_MEMORY, /* in memory that is mounted in a namespace of the program */
	RUN_LINKS,  /* in memory of the keeper, behind links */
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
 * file, what it is called; then hears where to (a folder, with RUN_MEMORY); and says that all is there, with the folder of
 * RUN_LINKS.
 */
coffer_err run_keep(void *job, struct fault *f, int channel);

#endif
