/* SPDX-License-Identifier: Apache-2.0 */
#include "net/url.h"

#include <stdio.h>
#include <string.h>

coffer_err
url_join(struct fault *f, const char *base, const char *path, char **out)
{
	size_t len = strlen(base);

	while (len > 0 && base[len - 1] == '/')
		len--;
	if (asprintf(out, "%.*s/%s", (int)len, base, path) >= 0)
		return COFFER_OK;
	*out = NULL;
	return fault_nomem(f);
}

coffer_err
form_new(struct fault *f, struct form *form, size_t cap)
{
	form->len = 0;
	return secret_new(f, &form->mem, cap);
}

void
form_free(struct form *form)
{
	secret_free(&form->mem);
	form->len = 0;
}

coffer_err
url_escape(struct fault *f, struct buf *out, struct view text, const char *but)
{
	coffer_err err = COFFER_OK;

	for (size_t i = 0; i < text.len; i++) {
		uint8_t c = text.p[i];

		if (url_is_plain(c) || (c != '\0' && strchr(but, c)))
			TRY(buf_add(f, out, &c, 1));
		else
			TRY(buf_printf(f, out, "%%%02X", c));
	}
out:
	return err;
}

static bool
put(struct form *form, uint8_t c)
{
	if (form->len == form->mem.len)
		return false;
	form->mem.p[form->len++] = c;
	return true;
}

static bool
put_escaped(struct form *form, struct view v)
{
	static const char digits[] = "0123456789ABCDEF";
	bool fits = true;

	for (size_t i = 0; i < v.len && fits; i++) {
		uint8_t c = v.p[i];

		if (url_is_plain(c))
			fits = put(form, c);
		else
			fits = put(form, '%') && put(form, (uint8_t)digits[c >> 4]) &&
			       put(form, (uint8_t)digits[c & 15]);
	}
	return fits;
}

coffer_err
form_add(struct fault *f, struct form *form, const char *name, struct view value)
{
	bool fits = form->len == 0 || put(form, '&');

	if (fits && put_escaped(form, view_str(name)) && put(form, '=') && put_escaped(form, value))
		return COFFER_OK;
	return fault_set(f, COFFER_E_USAGE, "what is to be sent as «%s» is too long", name);
}

coffer_err
form_add_text(struct fault *f, struct form *form, const char *name, const char *value)
{
	return value ? form_add(f, form, name, view_str(value)) : COFFER_OK;
}

/* 0 to 15, or 16 for a foreign character */
static unsigned int
digit(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - (unsigned int)'0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - (unsigned int)'a' + 10 : 16;
}

static bool
decode(struct view v, char *out, size_t cap)
{
	size_t n = 0;

	while (v.len > 0) {
		unsigned int c = v.p[0] == '+' ? ' ' : v.p[0];
		size_t used = 1;

		if (c == '%') {
			if (v.len < 3 || digit(v.p[1]) > 15 || digit(v.p[2]) > 15)
				return false;
			c = digit(v.p[1]) << 4 | digit(v.p[2]);
			used = 3;
		}
		if (c == 0 || n + 1 >= cap)
			return false;
		out[n++] = (char)(uint8_t)c;
		v.p += used;
		v.len -= used;
	}
	return true;
}

/* the part of @v before @end, which is taken away with it; all of it when there is none */
static struct view
take_until(struct view *v, uint8_t end)
{
	const uint8_t *at = v->len > 0 ? memchr(v->p, end, v->len) : NULL;
	struct view part = view_of(v->p, at ? (size_t)(at - v->p) : v->len);

	v->p += part.len + (at ? 1 : 0);
	v->len -= part.len + (at ? 1 : 0);
	return part;
}

bool
query_get(struct view query, const char *name, char *out, size_t cap)
{
	size_t found = 0;
	bool sound = cap > 0;

	if (cap > 0)
		memset(out, 0, cap);
	while (query.len > 0 && sound) {
		struct view value = take_until(&query, '&');
		struct view label = take_until(&value, '=');

		if (label.len != strlen(name) || memcmp(label.p, name, label.len) != 0)
			continue;
		found++;
		sound = found == 1 && decode(value, out, cap);
	}
	if (sound && found == 1)
		return true;
	if (cap > 0)
		mem_wipe(out, cap);
	return false;
}
