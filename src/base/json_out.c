/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json_out.h"

#include <inttypes.h>
#include <string.h>

#include "base/enc.h"
#include "base/utf8.h"

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

/* How many characters of @v stand for themselves, in one byte each. */
static size_t
plain_run(struct view v)
{
	size_t n = 0;

	while (n < v.len && v.p[n] >= 0x20 && v.p[n] < 0x7f && v.p[n] != '"' && v.p[n] != '\\')
		n++;
	return n;
}

static void
add_quoted(struct json_out *j, const char *s)
{
	struct view v = view_str(s), taken;
	uint32_t code;

	add_str(j, "\"");
	while (v.len > 0) {
		size_t n = plain_run(v);

		if (n > 0 && view_take(&v, n, &taken)) {
			add(j, (const char *)taken.p, taken.len);
			continue;
		}
		n = utf8_char(v, &code);
		if (!view_take(&v, n ? n : 1, &taken))
			break;
		if (n == 0)
			add_str(j, "\\ufffd");
		else if (code == '"' || code == '\\')
			add(j, (const char[]){'\\', (char)code}, 2);
		else if ((code < 0x20 || code == 0x7f) && j->err == COFFER_OK)
			j->err = buf_printf(j->f, &j->text, "\\u%04x", code);
		else
			add(j, (const char *)taken.p, taken.len);
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
json_out_b64(struct json_out *j, const char *key, struct view bytes)
{
	size_t len = ENC_B64_LEN(bytes.len);

	add_key(j, key);
	add_str(j, "\"");
	if (j->err == COFFER_OK)
		j->err = buf_reserve(j->f, &j->text, len + 1);
	if (j->err == COFFER_OK) {
		enc_b64(bytes.p, bytes.len, (char *)j->text.p + j->text.len);
		j->text.len += len;
	}
	add_str(j, "\"");
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
