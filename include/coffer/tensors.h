/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Weight files: which format, and where each tensor lies.
 *
 * Works on any source, sealed or plain, reads headers only, and believes none
 * of their numbers: hostile input is COFFER_E_FORMAT.
 */
#ifndef COFFER_TENSORS_H
#define COFFER_TENSORS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <coffer/ctx.h>
#include <coffer/io.h>
#include <coffer/open.h>

#ifdef __cplusplus
extern "C" {
#endif

#define COFFER_MAX_DIMS 8

enum coffer_weights_format {
	COFFER_WEIGHTS_UNKNOWN = 0, /* none of those below */
	COFFER_WEIGHTS_SAFETENSORS,
	COFFER_WEIGHTS_SAFETENSORS_INDEX, /* model.safetensors.index.json */
	COFFER_WEIGHTS_GGUF,
	COFFER_WEIGHTS_ONNX,
	COFFER_WEIGHTS_PYTORCH, /* a zip with a pickle in it */
	COFFER_WEIGHTS_PICKLE,	/* a bare pickle */
};

/** struct coffer_tensor - where one tensor lies */
struct coffer_tensor {
	const char *name;
	const char *dtype; /* «F32», «BF16», «Q4_K»: as safetensors calls it, else as the format does */
	unsigned int n_dims;
	uint64_t shape[COFFER_MAX_DIMS];
	size_t file;   /* index of the file in the model; 0 for a lone source */
	uint64_t off;  /* bytes from the start of that file */
	uint64_t size; /* bytes */
};

struct coffer_tensors;

/** coffer_weights_name() - the format's name as people write it, «safetensors»; static text */
COFFER_API const char *coffer_weights_name(enum coffer_weights_format format);

/** coffer_weights_carries_code() - whether files of that format can carry code; coffer_code_find() of load.h looks into one */
COFFER_API bool coffer_weights_carries_code(enum coffer_weights_format format);

/**
 * coffer_weights_recognise() - tell the format from the content, not from the name
 * @source: the file
 * @format_out: gets the format, COFFER_WEIGHTS_UNKNOWN included
 */
COFFER_API COFFER_CHECK coffer_err coffer_weights_recognise(struct coffer_ctx *ctx, const struct coffer_source *source,
							    enum coffer_weights_format *format_out);

/**
 * coffer_tensors_read() - the tensors of one weight file (safetensors, GGUF, ONNX, PyTorch)
 * @tensors_out: gets them, or NULL; free with coffer_tensors_free()
 *
 * Of an ONNX model those whose bytes stand as they are: none that are written number by number, sparse, or inside a node.
 * Of a file of torch.save() those of a dict, «model.weight» of a dict in it, whose elements lie in the order of their shape.
 *
 * Return: COFFER_OK; COFFER_E_UNSUPPORTED for a format whose tensors are not listed, or when some lie in another file;
 * COFFER_E_FORMAT for a hostile or broken one; COFFER_E_IO or what @source returned.
 */
COFFER_API COFFER_CHECK coffer_err coffer_tensors_read(struct coffer_ctx *ctx, const struct coffer_source *source,
						       struct coffer_tensors **tensors_out);

/**
 * coffer_tensors_read_model() - the tensors of all weight files of @model
 *
 * An index is checked against its shards.  Files in which an ONNX model keeps tensors must be in @model, beside or beneath it.
 */
COFFER_API COFFER_CHECK coffer_err coffer_tensors_read_model(struct coffer_ctx *ctx, struct coffer_model *model,
							     struct coffer_tensors **tensors_out);

/** coffer_tensors_free() - free *@tensors and set it to NULL; NULL is fine */
COFFER_API void coffer_tensors_free(struct coffer_tensors **tensors);

/** coffer_tensors_size() - how many */
COFFER_API size_t coffer_tensors_size(const struct coffer_tensors *tensors);

/** coffer_tensors_at() - tensor @index, in order of file and offset, or NULL past the end; valid while @tensors is */
COFFER_API const struct coffer_tensor *coffer_tensors_at(const struct coffer_tensors *tensors, size_t index);

/** coffer_tensors_find() - the tensor called @name, or NULL */
COFFER_API const struct coffer_tensor *coffer_tensors_find(const struct coffer_tensors *tensors, const char *name);

#ifdef __cplusplus
}
#endif
#endif
