/* SPDX-License-Identifier: Apache-2.0 */
/* Many records of one file, by all threads, for whoever takes plaintext: what is behind coffer_file_load(). */
#ifndef ENGINE_LOAD_H
#define ENGINE_LOAD_H

#include <coffer/load.h>

#include "base/input.h"
#include "engine/ctx.h"

/** load_memory() - coffer_file_load() that keeps its fault in @f; what it leaves in @buf after a failure is of no use */
coffer_err load_memory(struct fault *f, struct coffer_ctx *ctx, struct coffer_file *file, uint64_t off, uint8_t *buf,
		       size_t len);

/** load_output() - all of @file to @out */
coffer_err load_output(struct fault *f, struct coffer_ctx *ctx, struct coffer_file *file, const struct output *out);

#endif
