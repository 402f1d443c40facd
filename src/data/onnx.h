/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ONNX (onnx.proto3 of onnx 1.23, ModelProto): where the initializers of its graph lie.
 *
 * Listed are those whose bytes stand as they are, little-endian, in the model or in a file beside it; not listed are texts, what is
 * sparse, constants inside nodes, and the few numbers that are written one by one.  Types have the names that safetensors gives
 * them, and those of ONNX where it has none («INT4»).
 */
#ifndef DATA_ONNX_H
#define DATA_ONNX_H

#include <stddef.h>
#include <stdint.h>

#include <coffer/io.h>

#include "base/fault.h"
#include "data/names.h"
#include "data/weights.h"

/** struct onnx_place - a file beside the model in which tensors lie */
struct onnx_place {
	const char *path; /* relative to the model's folder, and beneath it */
	uint64_t end;	  /* the file must have so many bytes */
};

struct onnx_places {
	struct onnx_place *v;
	size_t n;
	size_t cap;
	struct names names;
};

#define ONNX_PLACES_INIT                                                                                               \
	{                                                                                                              \
		.v = NULL, .n = 0, .cap = 0, .names = NAMES_INIT                                                       \
	}

/** ONNX_ELSEWHERE - a tensor whose @file is this and @i lies in place @i; below, in the file itself */
#define ONNX_ELSEWHERE (SIZE_MAX / 2)

/**
 * onnx_read() - append the tensors of @source, file @file of a model, to @table
 * @places: gets the files that they lie in, and those of tensors that are not listed; ONNX_PLACES_INIT before
 *
 * Return: COFFER_OK; COFFER_E_UNSUPPORTED for a type that this version does not know; COFFER_E_FORMAT for a broken or hostile file;
 * COFFER_E_NOMEM; what @source returned.
 */
coffer_err onnx_read(struct fault *f, const struct coffer_source *source, size_t file, struct tensor_table *table,
		     struct onnx_places *places);

/** onnx_places_free() - free them; ONNX_PLACES_INIT again */
void onnx_places_free(struct onnx_places *places);

#endif
