/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What torch.save() writes: a ZIP archive of a pickle, data.pkl, and of storages, data/0 and on, that lie in it as they are
 * (torch/serialization.py, since torch 1.6).
 *
 * Listed are the tensors of a dict of text and tensors, such as a state_dict(), and of dicts in it: «model.layer.weight».  The pickle
 * is followed as far as torch.load(weights_only=True) would, and nothing is called: a tensor is what it says about storage, offset,
 * shape and strides.  Not listed are tensors whose elements do not follow each other in the order of their shape, and quantised,
 * sparse or other ones that are more than bytes.  Types have the names of safetensors.
 */
#ifndef DATA_PYTORCH_H
#define DATA_PYTORCH_H

#include <stddef.h>

#include <coffer/io.h>

#include "base/fault.h"
#include "data/weights.h"

/**
 * pytorch_read() - append the tensors of @source, file @file of a model, to @table
 *
 * Return: COFFER_OK; COFFER_E_UNSUPPORTED, and then nothing is appended, when it holds no dict or what only Python could tell, code too;
 * COFFER_E_FORMAT for a broken or hostile file; COFFER_E_NOMEM; what @source returned.
 */
coffer_err pytorch_read(struct fault *f, const struct coffer_source *source, size_t file, struct tensor_table *table);

#endif
