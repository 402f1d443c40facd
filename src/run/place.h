/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The private place: a mount namespace of this process with memory mounted in it, which its children see and nobody else.
 *
 * It is gone, and the kernel has cleared it, when the last process of the namespace has ended, in whatever way.  Who may mount
 * (root) gets the namespace alone; everybody else a user namespace, too, in which the user is who they were and everybody else
 * is nobody.
 */
#ifndef RUN_PLACE_H
#define RUN_PLACE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/fault.h"
#include "run/spot.h"

/** struct place_options - what is mounted */
struct place_options {
	uint64_t size;	/* bytes that it may take */
	bool keep_caps; /* the program gets the capabilities of the user namespace, which hold for nothing outside */
	bool may_run;	/* programs and libraries in it can be run */
};

/** struct place - it */
struct place {
	char path[SPOT_LEN]; /* in the namespace */
	int fd;		     /* the folder; close-on-exec.  Whoever is sent it may write from another namespace. */
	bool may_be_swapped; /* the kernel did not take «noswap», and there is swap */
	struct place_options options;
};

#define PLACE_INIT                                                                                                     \
	{                                                                                                              \
		.fd = -1                                                                                               \
	}

/**
 * place_try() - whether place_make() would do, found out by a child that does it
 *
 * So that this process stays where it is when it would not.  Return: COFFER_OK, or why not: COFFER_E_PERM, COFFER_E_NOTFOUND.
 */
coffer_err place_try(struct fault *f, const struct place_options *options);

/**
 * place_make() - enter a new namespace and mount memory there
 * @out: file_close() its descriptor
 *
 * This process must have one thread, and no secrets yet: others of the user may look into it from now on, as into the program.
 * Return: COFFER_OK; COFFER_E_PERM when the system does not allow it; COFFER_E_NOTFOUND without a folder for it.
 */
coffer_err place_make(struct fault *f, const struct place_options *options, struct place *out);

/** place_close() - nothing can be written to it from now on */
coffer_err place_close(struct fault *f, const struct place *place);

#endif
