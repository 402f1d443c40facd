/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A list of sealed models.  The public half is in coffer/rewrap.h.
 */
#ifndef ENGINE_MODELS_H
#define ENGINE_MODELS_H

#include <stddef.h>

#include "base/fault.h"

struct model_place {
	char *path;
	struct fault *why; /* nobody could look what is there; NULL: somebody can */
};

struct coffer_models {
	struct model_place *places;
	size_t n;
	void *seen; /* of tsearch(3): device and inode of each */
};

#endif
