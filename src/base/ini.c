/* SPDX-License-Identifier: Apache-2.0 */
#include "base/ini.h"

#include <strings.h>

/* struct reader - where in the text, and what holds there */
struct reader {
	struct view rest;
	unsigned int line;
	bool in_section;   /* a section has begun */
	bool in_key;	   /* a key of it has */
	size_t key_indent; /* that key's */
};

enum found { FOUND_END, FOUND_SECTION, FOUND_KEY, FOUND_BAD };

static struct view
take_line(struct reader *r)
{
	const uint8_t *end = memchr(r->rest.p, '\n', r->rest.len);
	struct view line = view_of(r->rest.p, end ? (size_t)(end - r->rest.p) : r->rest.len);

	r->rest.p += line.len + (end ? 1 : 0);
	r->rest.len -= line.len + (end ? 1 : 0);
	r->line++;
	return line;
}

static size_t
indent_of(struct view line)
{
	size_t n = 0;

	while (n < line.len && view_is_space(line.p[n]))
		n++;
	return n;
}

/* «[NAME]»; what stands behind the last bracket is passed over, as configparser does */
static bool
split_section(struct view text, struct view *name)
{
	const uint8_t *end = memrchr(text.p, ']', text.len);

	if (text.p[0] != '[' || !end || end == text.p + 1)
		return false;
	*name = view_of(text.p + 1, (size_t)(end - text.p) - 1);
	return true;
}

static bool
split_pair(struct view text, struct view *key, struct view *value)
{
	size_t n = 0;

	while (n < text.len && text.p[n] != '=' && text.p[n] != ':')
		n++;
	if (n == text.len)
		return false;
	*key = view_trim(view_of(text.p, n));
	*value = view_trim(view_of(text.p + n + 1, text.len - n - 1));
	return key->len > 0;
}

/* The next section (its name in @key) or pair. */
static enum found
next(struct reader *r, struct view *key, struct view *value)
{
	while (r->rest.len > 0) {
		struct view line = take_line(r), text = view_trim(line);
		size_t indent = indent_of(line);

		if (text.len == 0 || text.p[0] == '#' || text.p[0] == ';')
			continue;
		if (r->in_key && indent > r->key_indent)
			continue; /* more of the value above */
		r->in_key = false;
		if (split_section(text, key)) {
			r->in_section = true;
			return FOUND_SECTION;
		}
		if (!r->in_section || !split_pair(text, key, value))
			return FOUND_BAD;
		r->in_key = true;
		r->key_indent = indent;
		return FOUND_KEY;
	}
	return FOUND_END;
}

static bool
is_key(struct view v, const char *key)
{
	return key && v.len == strlen(key) && strncasecmp((const char *)v.p, key, v.len) == 0;
}

/* The section, and with @key its value too: whether they are there. */
static coffer_err
search(struct fault *f, const char *what, struct view text, const char *section, const char *key, struct view *value,
       bool *has_section)
{
	struct reader r = {.rest = text};
	struct view name, v = {NULL, 0};
	bool inside = false;

	*value = view_of(NULL, 0);
	*has_section = false;
	for (;;) {
		switch (next(&r, &name, &v)) {
		case FOUND_END:
			return COFFER_OK;
		case FOUND_BAD:
			return fault_set(f, COFFER_E_FORMAT,
					 "%s: line %u is neither [SECTION] nor KEY = VALUE below one", what, r.line);
		case FOUND_SECTION:
			inside = view_is(name, section);
			if (inside && *has_section)
				return fault_set(f, COFFER_E_FORMAT,
						 "%s: line %u begins [%s] for the second time; put the two together",
						 what, r.line, section);
			*has_section |= inside;
			break;
		case FOUND_KEY:
			if (!inside || !is_key(name, key))
				break;
			if (value->p)
				return fault_set(f, COFFER_E_FORMAT,
						 "%s: line %u gives %s of [%s] for the second time; take one away",
						 what, r.line, key, section);
			*value = v;
			break;
		}
	}
}

coffer_err
ini_get(struct fault *f, const char *what, struct view text, const char *section, const char *key, struct view *out)
{
	bool has_section;

	return search(f, what, text, section, key, out, &has_section);
}

coffer_err
ini_has(struct fault *f, const char *what, struct view text, const char *section, bool *out)
{
	struct view none;

	return search(f, what, text, section, NULL, &none, out);
}
