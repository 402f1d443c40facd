/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A list of sealed models.  The public half is in coffer/rewrap.h.
 */
#ifndef ENGINE_MODELS_H
#define ENGINE_MODELS_H

#include <stddef.h>

struct coffer_models {
	char **paths;
	size_t n;
	void *seen; /* of tsearch(3): device and inode of each */
};

#endif
