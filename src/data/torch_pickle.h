/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pickle of torch.save(), data.pkl, as far as it says where tensors lie.  Nothing is called.
 *
 * Followed are the opcodes of protocol 2, which torch.save() writes, and those functions of torch._utils by which dicts, parameters
 * and plain tensors come back (torch 2.15: _rebuild_tensor_v2, _rebuild_tensor_v3, _rebuild_parameter).
 */
#ifndef DATA_TORCH_PICKLE_H
#define DATA_TORCH_PICKLE_H

#include <stdint.h>

#include <coffer/tensors.h>

#include "base/fault.h"
#include "base/view.h"

/** struct torch_tensor - a tensor whose elements follow each other in the order of its shape */
struct torch_tensor {
	const char *dtype; /* as safetensors calls it; static text */
	unsigned int n_dims;
	uint64_t shape[COFFER_MAX_DIMS];
	struct view storage;   /* its key: «0» is in data/0 */
	uint64_t storage_size; /* bytes that the storage must have at least */
	uint64_t off;	       /* in it; @off and @size end within @storage_size */
	uint64_t size;
};

/** torch_tensor_fn - told of each tensor and its name, «layer.weight»; an error of it ends the reading */
typedef coffer_err torch_tensor_fn(struct fault *f, void *user, struct view name, const struct torch_tensor *tensor);

/**
 * torch_pickle_read() - tell @tell of the tensors of the dict that @pickle gives, and of the dicts in it, in no order
 *
 * Return: COFFER_OK; COFFER_E_UNSUPPORTED when it gives no dict, or has what torch.save() does not write; COFFER_E_FORMAT;
 * COFFER_E_NOMEM; what @tell returned.  @tell is called only when all of @pickle was read.
 */
coffer_err torch_pickle_read(struct fault *f, struct view pickle, torch_tensor_fn *tell, void *user);

#endif
