/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tensors of one weight file, or of all those of a model.
 */
#ifndef DATA_WEIGHT_FILES_H
#define DATA_WEIGHT_FILES_H

#include <stddef.h>

#include <coffer/io.h>

#include "base/fault.h"
#include "data/weights.h"

/**
 * struct weight_files - the files of a model, for weight_files_read()
 *
 * The functions get @user; paths are relative, with «/» between their parts.
 */
struct weight_files {
	void *user;
	size_t n;

	/** @path: of file @index, less than @n */
	const char *(*path)(void *user, size_t index);

	/** @find: the index of the file at @path, or SIZE_MAX */
	size_t (*find)(void *user, const char *path);

	/** @open: make a source of file @index; one is open at a time */
	coffer_err (*open)(struct fault *f, void *user, size_t index, struct coffer_source *source_out);

	/** @close: the source is not needed any more; called once after each @open that succeeded */
	void (*close)(void *user);
};

/**
 * weight_file_read() - append the tensors of the one file @source to @table, as those of file 0, and index it
 *
 * Return: COFFER_OK; COFFER_E_UNSUPPORTED for a format whose tensors are not listed, or when some lie in another file;
 * COFFER_E_FORMAT; COFFER_E_NOMEM; what @source returned.
 */
coffer_err weight_file_read(struct fault *f, const struct coffer_source *source, struct tensor_table *table);

/**
 * weight_files_read() - the tensors of all of @files, indexed; files whose tensors are not listed are passed over
 *
 * Each shard of an index must be there with just the tensors that the index gives it, and each file in which tensors of an ONNX
 * model lie, as long as they need it, else COFFER_E_FORMAT.
 */
coffer_err weight_files_read(struct fault *f, const struct weight_files *files, struct tensor_table *table);

#endif
