/* SPDX-License-Identifier: Apache-2.0 */
/*
 * URLs put together; names and values in the query of one, or in a form (RFC 3986 2.1; application/x-www-form-urlencoded).
 *
 * Values may be secrets: what is written goes into a struct secret of a fixed size, what is read is the caller's to wipe.
 */
#ifndef NET_URL_H
#define NET_URL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/fault.h"
#include "base/view.h"
#include "mem/secret.h"

/** url_join() - make the URL of @path below @base, with one slash between them; free it with free() */
coffer_err url_join(struct fault *f, const char *base, const char *path, char **out);

/** url_is_plain() - whether @c stands for itself anywhere in a URL: letters, digits and -._~ (RFC 3986 2.3) */
static inline bool
url_is_plain(uint8_t c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
	       c == '_' || c == '~';
}

/** url_escape() - append @text, all but plain characters and those of @but escaped */
coffer_err url_escape(struct fault *f, struct buf *out, struct view text, const char *but);

/** struct form - names and values that are being written: «a=b&c=d»; all bytes but letters, digits and -._~ are escaped */
struct form {
	struct secret mem;
	size_t len;
};

#define FORM_INIT                                                                                                      \
	{                                                                                                              \
		.mem = SECRET_INIT, .len = 0                                                                           \
	}

/** form_new() - an empty one with room for @cap bytes; wiped by form_free() */
coffer_err form_new(struct fault *f, struct form *form, size_t cap);

/** form_add() - append @name and @value, which may be any bytes; COFFER_E_USAGE when they do not fit */
coffer_err form_add(struct fault *f, struct form *form, const char *name, struct view value);

/** form_add_text() - the same of a text; NULL adds nothing */
coffer_err form_add_text(struct fault *f, struct form *form, const char *name, const char *value);

/** form_view() - what was written */
static inline struct view
form_view(const struct form *form)
{
	return view_of(form->mem.p, form->len);
}

/** form_free() - wipe and free the fields */
void form_free(struct form *form);

/**
 * query_get() - the value of @name in @query, decoded (%XX, and + for a space), with a NUL behind
 * @out: room for @cap bytes, NUL included; all zero unless it is found
 *
 * Return: false when there is none, when there are two, and when it is malformed, too long or holds a NUL.
 */
bool query_get(struct view query, const char *name, char *out, size_t cap);

#endif
