/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json_out.h"

#include <inttypes.h>
#include <string.h>

#define TEXT_MAX ((size_t)1 << 30)
#define DEPTH_MAX 32

static void
add(struct json_out *j, const char *bytes, size_t len)
{
	if (j->err == COFFER_OK)
		j->err = buf_add(j->f, &j->text, bytes, len);
}

static void
add_str(struct json_out *j, const char *s)
{
	add(j, s, strlen(s));
}

/* The length of the well-formed UTF-8 character at @s (RFC 3629), or 0. */
static size_t
utf8_len(const unsigned char *s)
{
	size_t n = s[0] < 0x80 ? 1 : s[0] < 0xc2 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : s[0] < 0xf5 ? 4 : 0;

	for (size_t i = 1; i < n; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	/* overlong, surrogates, past U+10FFFF */
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) || (s[0] == 0xf0 && s[1] < 0x90) ||
	    (s[0] == 0xf4 && s[1] > 0x8f))
		return 0;
	return n;
}

static void
add_quoted(struct json_out *j, const char *s)
{
	const unsigned char *p = (const unsigned char *)s;

	add_str(j, "\"");
	while (*p) {
		size_t n = utf8_len(p);

		if (n == 0)
			add_str(j, "\\ufffd");
		else if (*p == '"' || *p == '\\')
			add(j, (const char[]){'\\', (char)*p}, 2);
		else if ((*p < 0x20 || *p == 0x7f) && j->err == COFFER_OK)
			j->err = buf_printf(j->f, &j->text, "\\u%04x", *p);
		else
			add(j, (const char *)p, n);
		p += n ? n : 1;
	}
	add_str(j, "\"");
}

static void
add_key(struct json_out *j, const char *key)
{
	if (j->comma)
		add_str(j, ",");
	j->comma = true;
	if (key) {
		add_quoted(j, key);
		add_str(j, ":");
	}
}

void
json_out_init(struct json_out *j, struct fault *f)
{
	*j = (struct json_out){.text = BUF_INIT(TEXT_MAX), .f = f};
}

void
json_out_begin(struct json_out *j, const char *key, enum json_kind kind)
{
	if (j->depth == DEPTH_MAX) {
		j->err = fault_set(j->f, COFFER_E_INTERNAL, "JSON is nested too deep");
		return;
	}
	add_key(j, key);
	add_str(j, kind == JSON_ARRAY ? "[" : "{");
	j->arrays = (j->arrays << 1) | (kind == JSON_ARRAY);
	j->depth++;
	j->comma = false;
}

void
json_out_end(struct json_out *j)
{
	if (j->depth == 0) {
		j->err = fault_set(j->f, COFFER_E_INTERNAL, "JSON ends twice");
		return;
	}
	add_str(j, (j->arrays & 1) ? "]" : "}");
	j->arrays >>= 1;
	j->depth--;
	j->comma = true;
}

void
json_out_str(struct json_out *j, const char *key, const char *s)
{
	add_key(j, key);
	if (s)
		add_quoted(j, s);
	else
		add_str(j, "null");
}

void
json_out_uint(struct json_out *j, const char *key, uint64_t v)
{
	add_key(j, key);
	if (j->err == COFFER_OK)
		j->err = buf_printf(j->f, &j->text, "%" PRIu64, v);
}

void
json_out_bool(struct json_out *j, const char *key, bool v)
{
	add_key(j, key);
	add_str(j, v ? "true" : "false");
}

void
json_out_seconds(struct json_out *j, const char *key, double v)
{
	add_key(j, key);
	if (j->err == COFFER_OK)
		j->err = buf_printf(j->f, &j->text, "%.6f", v);
}

coffer_err
json_out_done(struct json_out *j)
{
	if (j->err == COFFER_OK && j->depth != 0)
		j->err = fault_set(j->f, COFFER_E_INTERNAL, "JSON is left open");
	add_str(j, "\n");
	return j->err;
}

void
json_out_free(struct json_out *j)
{
	buf_free(&j->text);
}
