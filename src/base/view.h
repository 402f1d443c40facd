/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A view: bytes that belong to somebody else, and a cursor over them that
 * cannot run past their end.
 *
 * The view_take family shortens the view from the front and returns false,
 * with the view and the result untouched, when there is not enough left.
 */
#ifndef BASE_VIEW_H
#define BASE_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/endian.h"

struct view {
	const uint8_t *p;
	size_t len;
};

static inline struct view
view_of(const void *p, size_t len)
{
	return (struct view){.p = p, .len = len};
}

static inline struct view
view_str(const char *s)
{
	return view_of(s, strlen(s));
}

/** view_is() - whether @v is the text @s (not constant time) */
static inline bool
view_is(struct view v, const char *s)
{
	return v.len == strlen(s) && memcmp(v.p, s, v.len) == 0;
}

static inline bool
view_take(struct view *v, size_t len, struct view *taken)
{
	if (len > v->len)
		return false;
	*taken = view_of(v->p, len);
	v->p += len;
	v->len -= len;
	return true;
}

static inline bool
view_copy(struct view *v, void *out, size_t len)
{
	struct view taken;

	if (!view_take(v, len, &taken))
		return false;
	memcpy(out, taken.p, len);
	return true;
}

static inline bool
view_be16(struct view *v, uint16_t *out)
{
	struct view t;

	if (!view_take(v, 2, &t))
		return false;
	*out = get_be16(t.p);
	return true;
}

static inline bool
view_be32(struct view *v, uint32_t *out)
{
	struct view t;

	if (!view_take(v, 4, &t))
		return false;
	*out = get_be32(t.p);
	return true;
}

static inline bool
view_be64(struct view *v, uint64_t *out)
{
	struct view t;

	if (!view_take(v, 8, &t))
		return false;
	*out = get_be64(t.p);
	return true;
}

static inline bool
view_is_space(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/** view_trim() - @v without the spaces, tabs and line ends around it */
static inline struct view
view_trim(struct view v)
{
	while (v.len > 0 && view_is_space(v.p[v.len - 1]))
		v.len--;
	while (v.len > 0 && view_is_space(v.p[0])) {
		v.p++;
		v.len--;
	}
	return v;
}

static inline bool
view_le32(struct view *v, uint32_t *out)
{
	struct view t;

	if (!view_take(v, 4, &t))
		return false;
	*out = get_le32(t.p);
	return true;
}

/** view_zero() - whether every byte is zero (not constant time; for padding, not for secrets) */
static inline bool
view_zero(struct view v)
{
	uint8_t any = 0;

	for (size_t i = 0; i < v.len; i++)
		any |= v.p[i];
	return any == 0;
}

#endif
