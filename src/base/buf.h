/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A buffer that grows, up to a ceiling that it is made with.
 *
 * For public bytes: it uses realloc.  Secrets live in mem/secret.h.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"
#include "base/view.h"

struct buf {
	uint8_t *p;
	size_t len;
	size_t cap;
	size_t max;
};

#define BUF_INIT(ceiling)                                                                                              \
	{                                                                                                              \
		.p = NULL, .len = 0, .cap = 0, .max = (ceiling)                                                        \
	}

/** buf_reserve() - room for @more bytes behind what is there; COFFER_E_NOMEM past the ceiling too */
coffer_err buf_reserve(struct fault *f, struct buf *b, size_t more);

/** buf_add() - append @len bytes */
coffer_err buf_add(struct fault *f, struct buf *b, const void *bytes, size_t len);

/** buf_str() - append the characters of @s, without its NUL */
coffer_err buf_str(struct fault *f, struct buf *b, const char *s);

/** buf_printf() - append formatted text, without a NUL, for which there must be room, however */
coffer_err buf_printf(struct fault *f, struct buf *b, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/** buf_take_text() - the bytes, ended by a NUL, for which there must be room; free them with free().  The buffer is empty again */
coffer_err buf_take_text(struct fault *f, struct buf *b, char **text_out);

/** buf_free() - free the bytes; the buffer is empty and usable again */
void buf_free(struct buf *b);

static inline struct view
buf_view(const struct buf *b)
{
	return view_of(b->p, b->len);
}

#endif
