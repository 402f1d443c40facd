/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON as Python's json.dumps() writes it without options.
 */
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/num.h"
#include "base/utf8.h"
#include "data/doc.h"

/* ensure_ascii: what is not printable ASCII becomes \uXXXX, past the first plane a pair of them */
static coffer_err
python_char(struct fault *f, uint32_t code, struct buf *out)
{
	static const char short_code[] = "\"\\\n\r\t\f\b", short_name[] = "\"\\nrtfb";
	const char *at = code != 0 && code < 0x80 ? strchr(short_code, (int)code) : NULL;

	if (at)
		return buf_printf(f, out, "\\%c", short_name[at - short_code]);
	if (code >= 0x20 && code < 0x7f)
		return buf_printf(f, out, "%c", (int)code);
	if (code < 0x10000)
		return buf_printf(f, out, "\\u%04x", code);
	code -= 0x10000;
	return buf_printf(f, out, "\\u%04x\\u%04x", 0xd800 + (code >> 10), 0xdc00 + (code & 0x3ff));
}

static coffer_err
python_text(struct fault *f, const char *s, size_t len, struct buf *out)
{
	struct view text = view_of(s, len);
	uint32_t code = 0;
	coffer_err err;

	TRY(buf_str(f, out, "\""));
	while (text.len > 0) {
		size_t n = utf8_char(text, &code);

		if (n == 0)
			TRY(fault_set(f, COFFER_E_FORMAT, "a text that is not UTF-8"));
		TRY(python_char(f, code, out));
		text.p += n;
		text.len -= n;
	}
	TRY(buf_str(f, out, "\""));
out:
	return err;
}

/* The fewest digits that read back as @v, without point, and where the point goes: 0.00012 is «12» and -3. */
static int
shortest(double v, char digits[static 18])
{
	uint64_t exponent = 0;
	const char *at;
	char text[40];
	size_t n = 0;

	for (int precision = 0; precision <= 16; precision++) {
		(void)snprintf(text, sizeof(text), "%.*e", precision, v);
		if (strtod(text, NULL) == v)
			break;
	}
	for (at = text; *at != 'e'; at++)
		if (*at >= '0' && *at <= '9')
			digits[n++] = *at;
	digits[n] = '\0';
	(void)num_parse(at[2] == '0' ? at + 3 : at + 2, 0, 999, &exponent);
	return (at[1] == '-' ? -(int)exponent : (int)exponent) + 1;
}

/* float.__repr__() */
static coffer_err
python_real(struct fault *f, double v, struct buf *out)
{
	char digits[18];
	int n, point;
	coffer_err err;

	if (signbit(v))
		TRY(buf_str(f, out, "-"));
	v = fabs(v);
	if (v == 0)
		return buf_str(f, out, "0.0");
	point = shortest(v, digits);
	n = (int)strlen(digits);
	if (point > 16 || point < -3)
		TRY(buf_printf(f, out, "%c%s%se%c%02d", digits[0], n > 1 ? "." : "", digits + 1, point > 0 ? '+' : '-',
			       abs(point - 1)));
	else if (point <= 0)
		TRY(buf_printf(f, out, "0.%.*s%s", -point, "000", digits));
	else if (point >= n)
		TRY(buf_printf(f, out, "%s%.*s.0", digits, point - n, "0000000000000000"));
	else
		TRY(buf_printf(f, out, "%.*s.%s", point, digits, digits + point));
out:
	return err;
}

static coffer_err
python_array(struct fault *f, const json_t *array, struct buf *out)
{
	coffer_err err;

	TRY(buf_str(f, out, "["));
	for (size_t i = 0; i < json_array_size(array); i++) {
		if (i > 0)
			TRY(buf_str(f, out, ", "));
		TRY(doc_python(f, (const struct doc *)json_array_get(array, i), out));
	}
	TRY(buf_str(f, out, "]"));
out:
	return err;
}

/* In the order in which they were read: a dict of Python keeps it, and jansson does. */
static coffer_err
python_object(struct fault *f, json_t *object, struct buf *out)
{
	const char *comma = "";
	coffer_err err;

	TRY(buf_str(f, out, "{"));
	for (void *at = json_object_iter(object); at; at = json_object_iter_next(object, at)) {
		const char *name = json_object_iter_key(at);

		TRY(buf_str(f, out, comma));
		TRY(python_text(f, name, strlen(name), out));
		TRY(buf_str(f, out, ": "));
		TRY(doc_python(f, (const struct doc *)json_object_iter_value(at), out));
		comma = ", ";
	}
	TRY(buf_str(f, out, "}"));
out:
	return err;
}

coffer_err
doc_python(struct fault *f, const struct doc *d, struct buf *out)
{
	json_t *j = (json_t *)(uintptr_t)d;

	switch (json_typeof(j)) {
	case JSON_OBJECT:
		return python_object(f, j, out);
	case JSON_ARRAY:
		return python_array(f, j, out);
	case JSON_STRING:
		return python_text(f, json_string_value(j), json_string_length(j), out);
	case JSON_INTEGER:
		return buf_printf(f, out, "%" JSON_INTEGER_FORMAT, json_integer_value(j));
	case JSON_REAL:
		return python_real(f, json_real_value(j), out);
	case JSON_TRUE:
		return buf_str(f, out, "true");
	case JSON_FALSE:
		return buf_str(f, out, "false");
	default:
		return buf_str(f, out, "null");
	}
}
