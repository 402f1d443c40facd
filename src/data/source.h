/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading a source: at a place, whole, or on and on through a window.
 */
#ifndef DATA_SOURCE_H
#define DATA_SOURCE_H

#include <stddef.h>
#include <stdint.h>

#include <coffer/io.h>

#include "base/buf.h"
#include "base/fault.h"

/** source_read() - exactly @len bytes from @off; COFFER_E_FORMAT past the end, else what the source returned */
coffer_err source_read(struct fault *f, const struct coffer_source *source, uint64_t off, void *out, size_t len);

/** source_slurp() - append @len bytes from @off to @out, which grows as they come */
coffer_err source_slurp(struct fault *f, const struct coffer_source *source, uint64_t off, size_t len, struct buf *out);

/**
 * struct window - a cursor over a source that holds 64 KiB of it
 *
 * Reads go forwards from @off and never past @end.  What is skipped is not read.
 */
struct window {
	const struct coffer_source *source;
	uint64_t off; /* of the next byte */
	uint64_t end;
	uint8_t *bytes;
	uint64_t bytes_off; /* where in the source @bytes begin */
	size_t bytes_len;
};

#define WINDOW_INIT                                                                                                    \
	{                                                                                                              \
		.source = NULL, .off = 0, .end = 0, .bytes = NULL, .bytes_off = 0, .bytes_len = 0                      \
	}

/** window_open() - from @off to @end of @source, which must outlive @w, WINDOW_INIT before; always window_close() it */
coffer_err window_open(struct fault *f, struct window *w, const struct coffer_source *source, uint64_t off,
		       uint64_t end);

/** window_close() - free it; WINDOW_INIT again */
void window_close(struct window *w);

/** window_left() - bytes up to the end */
static inline uint64_t
window_left(const struct window *w)
{
	return w->end - w->off;
}

/** window_take() - the next @len bytes; COFFER_E_FORMAT when there are fewer, else what the source returned */
coffer_err window_take(struct fault *f, struct window *w, void *out, size_t len);

/** window_skip() - pass over @len bytes; COFFER_E_FORMAT when there are fewer */
coffer_err window_skip(struct fault *f, struct window *w, uint64_t len);

/** window_le32(), window_le64() - the next little-endian number */
coffer_err window_le32(struct fault *f, struct window *w, uint32_t *out);
coffer_err window_le64(struct fault *f, struct window *w, uint64_t *out);

#endif
