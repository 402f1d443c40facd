/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GGUF, versions 2 and 3, little-endian.
 *
 * The metadata is walked through, not kept: only general.alignment matters here.
 * The tensors must follow each other with no more than their padding between them and behind the last one.
 * A tensor's shape is as the file has it: the dimension whose elements lie side by side comes first.
 * https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
 */
#ifndef DATA_GGUF_H
#define DATA_GGUF_H

#include <coffer/io.h>

#include "data/weights.h"

/**
 * gguf_read() - append the tensors of @source to @table
 * @file: their «file»
 *
 * Return: COFFER_OK; COFFER_E_FORMAT; COFFER_E_UNSUPPORTED for another version, a big-endian file or a type that is not
 * known; COFFER_E_NOMEM; what @source returned.  On an error @table is only good for tensor_table_free().
 */
coffer_err gguf_read(struct fault *f, const struct coffer_source *source, size_t file, struct tensor_table *table);

#endif
