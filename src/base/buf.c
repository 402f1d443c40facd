/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

coffer_err
buf_reserve(struct fault *f, struct buf *b, size_t more)
{
	size_t cap;
	uint8_t *p;

	if (more > b->max - b->len)
		return fault_set(f, COFFER_E_NOMEM, "more than %zu bytes, the ceiling here", b->max);
	if (more <= b->cap - b->len)
		return COFFER_OK;
	cap = b->cap < 256 ? 256 : b->cap;
	while (cap - b->len < more)
		cap = cap > b->max / 2 ? b->max : cap * 2;
	p = realloc(b->p, cap);
	if (!p)
		return fault_nomem(f);
	b->p = p;
	b->cap = cap;
	return COFFER_OK;
}

coffer_err
buf_add(struct fault *f, struct buf *b, const void *bytes, size_t len)
{
	coffer_err err = buf_reserve(f, b, len);

	if (err == COFFER_OK && len > 0) {
		memcpy(b->p + b->len, bytes, len);
		b->len += len;
	}
	return err;
}

coffer_err
buf_str(struct fault *f, struct buf *b, const char *s)
{
	return buf_add(f, b, s, strlen(s));
}

coffer_err
buf_printf(struct fault *f, struct buf *b, const char *fmt, ...)
{
	va_list ap;
	coffer_err err;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0)
		return fault_set(f, COFFER_E_INTERNAL, "a text could not be formatted");
	TRY(buf_reserve(f, b, (size_t)n + 1)); /* vsnprintf() ends with a NUL, which does not count */
	va_start(ap, fmt);
	(void)vsnprintf((char *)b->p + b->len, (size_t)n + 1, fmt, ap);
	va_end(ap);
	b->len += (size_t)n;
out:
	return err;
}

coffer_err
buf_take_text(struct fault *f, struct buf *b, char **text_out)
{
	coffer_err err;

	TRY(buf_add(f, b, "", 1));
	*text_out = (char *)b->p;
	b->p = NULL;
	buf_free(b);
out:
	return err;
}

void
buf_free(struct buf *b)
{
	free(b->p);
	b->p = NULL;
	b->len = 0;
	b->cap = 0;
}
