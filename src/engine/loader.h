/* SPDX-License-Identifier: Apache-2.0 */
/* A model's tensors, ready to be read: what is behind the struct coffer_loader of coffer/load.h. */
#ifndef ENGINE_LOADER_H
#define ENGINE_LOADER_H

#include <coffer/load.h>

struct coffer_loader {
	struct coffer_tensors *tensors;
	struct coffer_file **files; /* those of the model: NULL where no tensor lies */
	size_t n_files;
};

#endif
