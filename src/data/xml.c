/* SPDX-License-Identifier: Apache-2.0 */
#include "data/xml.h"

#include <string.h>

#include "base/buf.h"
#include "base/utf8.h"

struct reader {
	struct fault *fault;
	const char *what;
	struct view rest;

	char path[XML_PATH_MAX + 1];
	size_t path_len;
	size_t parents[XML_DEPTH_MAX]; /* bytes of the path of each element around */
	size_t depth;

	struct buf text; /* of the element that was begun last */
	bool is_leaf;	 /* no other has been in it */
	xml_fn fn;
	void *arg;
};

static coffer_err
bad(const struct reader *r, const char *why)
{
	return fault_set(r->fault, COFFER_E_FORMAT, "%s is not XML as it should be: %s", r->what, why);
}

/* ---- small parts ---- */

static bool
begins(struct view v, const char *s)
{
	size_t len = strlen(s);

	return v.len >= len && memcmp(v.p, s, len) == 0;
}

static void
drop(struct reader *r, size_t len)
{
	r->rest.p += len;
	r->rest.len -= len;
}

static bool
skip(struct reader *r, const char *s)
{
	if (!begins(r->rest, s))
		return false;
	drop(r, strlen(s));
	return true;
}

/* to behind the next @end */
static bool
skip_past(struct reader *r, const char *end)
{
	const uint8_t *at = r->rest.len > 0 ? memmem(r->rest.p, r->rest.len, end, strlen(end)) : NULL;

	if (!at)
		return false;
	drop(r, (size_t)(at - r->rest.p) + strlen(end));
	return true;
}

static bool
skip_space(struct reader *r)
{
	size_t had = r->rest.len;

	while (r->rest.len > 0 && view_is_space(r->rest.p[0]))
		drop(r, 1);
	return r->rest.len < had;
}

static bool
is_name(uint8_t c, bool first)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_' ||
	       (!first && ((c >= '0' && c <= '9') || c == '-' || c == '.' || c == ':'));
}

static bool
take_name(struct reader *r, struct view *out)
{
	size_t len = 0;

	while (len < r->rest.len && is_name(r->rest.p[len], len == 0))
		len++;
	return len > 0 && view_take(&r->rest, len, out);
}

/* All of it at once, so that nothing else needs to look at characters: UTF-8, and of control characters those of white space. */
static bool
is_readable(struct view text)
{
	while (text.len > 0) {
		uint32_t code = 0;
		size_t len = utf8_char(text, &code);

		if (len == 0 || (code < 0x20 && !view_is_space((uint8_t)code)))
			return false;
		text.p += len;
		text.len -= len;
	}
	return true;
}

/* ---- text ---- */

static const struct {
	const char *reference;
	char c;
} named[] = {{"&lt;", '<'}, {"&gt;", '>'}, {"&amp;", '&'}, {"&quot;", '"'}, {"&apos;", '\''}};

static coffer_err
add_code(struct reader *r, uint32_t code)
{
	uint8_t bytes[4];
	size_t len = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;

	for (size_t i = len; i-- > 1; code >>= 6)
		bytes[i] = (uint8_t)(0x80 | (code & 0x3f));
	bytes[0] = (uint8_t)(len == 1 ? code : (0xf00u >> len & 0xf0u) | code);
	return buf_add(r->fault, &r->text, bytes, len);
}

static bool
is_char(uint32_t code)
{
	return code == 0x9 || code == 0xa || code == 0xd || (code >= 0x20 && code <= 0xd7ff) ||
	       (code >= 0xe000 && code <= 0xfffd) || (code >= 0x10000 && code <= 0x10ffff);
}

static uint32_t
digit_of(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - (uint32_t)'0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - (uint32_t)'a' + 10 : UINT32_MAX;
}

static bool
take_number(struct reader *r, uint32_t *out)
{
	uint32_t base = skip(r, "x") ? 16 : 10;
	size_t n = 0;

	*out = 0;
	for (; r->rest.len > 0 && r->rest.p[0] != ';'; drop(r, 1)) {
		uint32_t digit = digit_of(r->rest.p[0]);

		if (digit >= base || ++n > 7)
			return false;
		*out = *out * base + digit;
	}
	return n > 0 && skip(r, ";") && is_char(*out);
}

static coffer_err
take_reference(struct reader *r)
{
	uint32_t code;

	for (size_t i = 0; i < sizeof(named) / sizeof(named[0]); i++)
		if (skip(r, named[i].reference))
			return buf_add(r->fault, &r->text, &named[i].c, 1);
	if (!skip(r, "&#") || !take_number(r, &code))
		return bad(r, "a reference that it should not have");
	return add_code(r, code);
}

static coffer_err
take_text(struct reader *r)
{
	size_t len = 0;
	coffer_err err;

	while (len < r->rest.len && r->rest.p[len] != '<' && r->rest.p[len] != '&')
		len++;
	TRY(buf_add(r->fault, &r->text, r->rest.p, len));
	drop(r, len);
	if (begins(r->rest, "&"))
		TRY(take_reference(r));
out:
	return err;
}

/* ---- elements ---- */

static coffer_err
take_attributes(struct reader *r)
{
	struct view name;

	while (skip_space(r) && take_name(r, &name)) {
		const char *quote;

		(void)skip_space(r);
		if (!skip(r, "="))
			return bad(r, "an attribute without a value");
		(void)skip_space(r);
		quote = begins(r->rest, "'") ? "'" : "\"";
		if (!skip(r, quote) || !skip_past(r, quote))
			return bad(r, "a value without quotes");
	}
	return COFFER_OK;
}

static coffer_err
end_element(struct reader *r)
{
	struct view text = r->is_leaf ? buf_view(&r->text) : view_of("", 0);
	coffer_err err = r->fn(r->arg, r->fault, r->path, text);

	r->path_len = r->parents[--r->depth];
	r->path[r->path_len] = '\0';
	r->is_leaf = false;
	return err;
}

static coffer_err
begin_element(struct reader *r, struct view name)
{
	size_t slash = r->depth > 0 ? 1 : 0;

	if (r->depth == XML_DEPTH_MAX || name.len + slash > XML_PATH_MAX - r->path_len)
		return bad(r, "too many elements in one another");
	r->parents[r->depth++] = r->path_len;
	r->path[r->path_len] = '/';
	memcpy(r->path + r->path_len + slash, name.p, name.len);
	r->path_len += slash + name.len;
	r->path[r->path_len] = '\0';
	r->text.len = 0;
	r->is_leaf = true;
	return COFFER_OK;
}

static coffer_err
take_begin(struct reader *r)
{
	struct view name;
	coffer_err err;

	if (!skip(r, "<") || !take_name(r, &name))
		return bad(r, "something else than elements and text");
	TRY(begin_element(r, name));
	TRY(take_attributes(r));
	if (skip(r, "/>"))
		return end_element(r);
	if (!skip(r, ">"))
		TRY(bad(r, "a begin of an element that does not end"));
out:
	return err;
}

static coffer_err
take_end(struct reader *r)
{
	size_t begin = r->depth > 1 ? r->parents[r->depth - 1] + 1 : 0;
	struct view name;

	if (!skip(r, "</") || !take_name(r, &name) || !view_is(name, r->path + begin))
		return bad(r, "an end of another element than the one that was begun");
	(void)skip_space(r);
	return skip(r, ">") ? end_element(r) : bad(r, "an end of an element that does not end");
}

/* ---- the document ---- */

/* white space and comments, around the root */
static void
skip_misc(struct reader *r)
{
	do
		(void)skip_space(r);
	while (skip(r, "<!--") && skip_past(r, "-->"));
}

static coffer_err
take_content(struct reader *r)
{
	if (r->rest.len == 0)
		return bad(r, "it is cut off");
	if (skip(r, "<!--"))
		return skip_past(r, "-->") ? COFFER_OK : bad(r, "a comment that does not end");
	if (begins(r->rest, "</"))
		return take_end(r);
	return r->rest.p[0] == '<' ? take_begin(r) : take_text(r);
}

static coffer_err
read_document(struct reader *r)
{
	coffer_err err;

	if (!is_readable(r->rest))
		return bad(r, "a character that it should not have");
	(void)skip_space(r);
	if (begins(r->rest, "<?xml ") && !skip_past(r, "?>"))
		return bad(r, "a declaration that does not end");
	skip_misc(r);
	TRY(take_begin(r));
	while (r->depth > 0)
		TRY(take_content(r));
	skip_misc(r);
	if (r->rest.len > 0)
		TRY(bad(r, "something behind its end"));
out:
	return err;
}

coffer_err
xml_read(struct fault *f, const char *what, struct view text, xml_fn fn, void *arg)
{
	struct reader r = {.fault = f, .what = what, .rest = text, .text = BUF_INIT(text.len), .fn = fn, .arg = arg};
	coffer_err err = read_document(&r);

	buf_free(&r.text);
	return err;
}
