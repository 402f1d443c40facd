/* SPDX-License-Identifier: Apache-2.0 */
#include "data/scan.h"

#include <string.h>

#include "base/limits.h"
#include "base/num.h"
#include "base/utf8.h"

struct scan
scan_begin(void *text, size_t len)
{
	uint8_t *p = text;

	return (struct scan){.start = p, .p = p, .end = len > 0 ? p + len : p, .depth = 0, .fresh = false};
}

static coffer_err
refuse(struct fault *f, const struct scan *r, const char *why)
{
	return fault_set(f, COFFER_E_FORMAT, "byte %zu of the JSON: %s", (size_t)(r->p - r->start), why);
}

static size_t
left(const struct scan *r)
{
	return (size_t)(r->end - r->p);
}

static void
skip_space(struct scan *r)
{
	while (r->p < r->end && (*r->p == ' ' || *r->p == '\t' || *r->p == '\n' || *r->p == '\r'))
		r->p++;
}

char
scan_peek(struct scan *r)
{
	skip_space(r);
	return r->p < r->end ? (char)*r->p : '\0';
}

/* take @c if it is next */
static bool
take(struct scan *r, char c)
{
	if (r->p == r->end || *r->p != (uint8_t)c)
		return false;
	r->p++;
	return true;
}

coffer_err
scan_enter(struct fault *f, struct scan *r, char open)
{
	skip_space(r);
	if (!take(r, open))
		return refuse(f, r, open == '{' ? "an object is expected" : "an array is expected");
	if (r->depth == LIMIT_JSON_DEPTH)
		return refuse(f, r, "nested too deep");
	r->depth++;
	r->fresh = true;
	return COFFER_OK;
}

coffer_err
scan_next(struct fault *f, struct scan *r, char close, bool *more_out)
{
	bool fresh = r->fresh;

	*more_out = false;
	r->fresh = false;
	skip_space(r);
	if (take(r, close)) {
		r->depth--;
		return COFFER_OK;
	}
	if (!fresh && !take(r, ','))
		return refuse(f, r, close == '}' ? "«,» or «}» is expected" : "«,» or «]» is expected");
	*more_out = true;
	return COFFER_OK;
}

coffer_err
scan_key(struct fault *f, struct scan *r, struct view *key_out)
{
	coffer_err err;

	TRY(scan_string(f, r, key_out));
	skip_space(r);
	if (!take(r, ':'))
		return refuse(f, r, "«:» is expected");
out:
	return err;
}

/* four hexadecimal digits */
static bool
take_hex4(struct scan *r, uint32_t *out)
{
	uint32_t v = 0;

	if (left(r) < 4)
		return false;
	for (int i = 0; i < 4; i++) {
		uint8_t c = r->p[i];
		uint8_t letter = c | 0x20;

		if (c >= '0' && c <= '9')
			v = v << 4 | (uint32_t)(c - '0');
		else if (letter >= 'a' && letter <= 'f')
			v = v << 4 | (uint32_t)(letter - 'a' + 10);
		else
			return false;
	}
	r->p += 4;
	*out = v;
	return true;
}

/* what follows «\u»: one code point, which may take two escapes */
static bool
take_code(struct scan *r, uint32_t *out)
{
	uint32_t high, low;

	if (!take_hex4(r, &high) || high == 0 || (high >= 0xdc00 && high <= 0xdfff))
		return false;
	*out = high;
	if (high < 0xd800 || high > 0xdbff)
		return true;
	if (!take(r, '\\') || !take(r, 'u') || !take_hex4(r, &low) || low < 0xdc00 || low > 0xdfff)
		return false;
	*out = 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
	return true;
}

static uint8_t *
put_utf8(uint8_t *to, uint32_t code)
{
	if (code < 0x80) {
		*to++ = (uint8_t)code;
		return to;
	}
	if (code < 0x800) {
		*to++ = (uint8_t)(0xc0 | code >> 6);
	} else if (code < 0x10000) {
		*to++ = (uint8_t)(0xe0 | code >> 12);
		*to++ = (uint8_t)(0x80 | (code >> 6 & 0x3f));
	} else {
		*to++ = (uint8_t)(0xf0 | code >> 18);
		*to++ = (uint8_t)(0x80 | (code >> 12 & 0x3f));
		*to++ = (uint8_t)(0x80 | (code >> 6 & 0x3f));
	}
	*to++ = (uint8_t)(0x80 | (code & 0x3f));
	return to;
}

/* what follows a backslash, decoded to *to; never longer than it was */
static bool
take_escape(struct scan *r, uint8_t **to)
{
	static const char letters[] = "\"\\/bfnrt";
	static const char values[] = "\"\\/\b\f\n\r\t";
	const char *at;
	uint32_t code;

	if (left(r) == 0)
		return false;
	if (take(r, 'u')) {
		if (!take_code(r, &code))
			return false;
		*to = put_utf8(*to, code);
		return true;
	}
	at = memchr(letters, *r->p, sizeof(letters) - 1);
	if (!at)
		return false;
	r->p++;
	*(*to)++ = (uint8_t)values[at - letters];
	return true;
}

coffer_err
scan_string(struct fault *f, struct scan *r, struct view *string_out)
{
	uint8_t *from, *to;

	skip_space(r);
	if (!take(r, '"'))
		return refuse(f, r, "a string is expected");
	from = r->p;
	to = from;
	while (!take(r, '"')) {
		uint32_t code;
		size_t len = utf8_char(view_of(r->p, left(r)), &code);

		if (len == 0 || code < 0x20)
			return refuse(f, r, left(r) == 0 ? "a string without its end" : "not text, or not UTF-8");
		if (code == '\\') {
			r->p++;
			if (!take_escape(r, &to))
				return refuse(f, r, "not an escape that stands for a character");
			continue;
		}
		memmove(to, r->p, len);
		to += len;
		r->p += len;
	}
	*string_out = view_of(from, (size_t)(to - from));
	return COFFER_OK;
}

static bool
next_is_digit(const struct scan *r)
{
	return r->p < r->end && *r->p >= '0' && *r->p <= '9';
}

coffer_err
scan_uint(struct fault *f, struct scan *r, uint64_t *out)
{
	uint64_t v = 0;
	const uint8_t *first;

	skip_space(r);
	first = r->p;
	for (; next_is_digit(r); r->p++)
		if (!num_mul(v, 10, &v) || !num_add(v, (uint64_t)(*r->p - '0'), &v))
			return refuse(f, r, "a number that is too large");
	if (r->p == first || (*first == '0' && r->p - first > 1))
		return refuse(f, r, "a whole number from 0 is expected");
	if (r->p < r->end && memchr(".eE", *r->p, 3))
		return refuse(f, r, "a number without fraction and exponent is expected");
	*out = v;
	return COFFER_OK;
}

/* one digit or more, behind those that are in *v */
static bool
take_digits(struct scan *r, uint64_t *v)
{
	bool good = next_is_digit(r);

	for (; next_is_digit(r); r->p++)
		good = good && num_mul(*v, 10, v) && num_add(*v, (uint64_t)(*r->p - '0'), v);
	return good;
}

static bool
skip_digits(struct scan *r)
{
	if (!next_is_digit(r))
		return false;
	while (next_is_digit(r))
		r->p++;
	return true;
}

/* what follows the point, but for zeros at its end; *places is how many digits that was */
static bool
take_fraction(struct scan *r, uint64_t *v, uint64_t *places)
{
	struct scan digits = *r;

	if (!skip_digits(r))
		return false;
	for (digits.end = r->p; digits.end > digits.p && digits.end[-1] == '0'; digits.end--)
		;
	*places = left(&digits);
	return *places == 0 || take_digits(&digits, v);
}

/* *v · 10^(@up - @down), if that is whole */
static bool
shift_decimal(uint64_t *v, uint64_t up, uint64_t down)
{
	uint64_t both = num_min(up, down);

	if (*v == 0)
		return true;
	for (up -= both; up > 0; up--)
		if (!num_mul(*v, 10, v))
			return false;
	for (down -= both; down > 0 && *v % 10 == 0; down--)
		*v /= 10;
	return down == 0;
}

coffer_err
scan_whole(struct fault *f, struct scan *r, uint64_t *out)
{
	uint64_t v = 0, places = 0, power = 0, down;
	bool good, negative = false;

	skip_space(r);
	good = take(r, '0') || take_digits(r, &v);
	if (take(r, '.'))
		good = good && take_fraction(r, &v, &places);
	if (take(r, 'e') || take(r, 'E')) {
		if (!take(r, '+'))
			negative = take(r, '-');
		good = good && take_digits(r, &power);
	}
	if (!good || !num_add(places, negative ? power : 0, &down) || !shift_decimal(&v, negative ? 0 : power, down))
		return refuse(f, r, "a whole number from 0 is expected, or it is too large");
	*out = v;
	return COFFER_OK;
}

static coffer_err
skip_number(struct fault *f, struct scan *r)
{
	bool good;

	(void)take(r, '-');
	good = take(r, '0') || skip_digits(r);
	if (good && take(r, '.'))
		good = skip_digits(r);
	if (good && (take(r, 'e') || take(r, 'E'))) {
		if (!take(r, '+'))
			(void)take(r, '-');
		good = skip_digits(r);
	}
	return good ? COFFER_OK : refuse(f, r, "a value is expected");
}

/* goes into itself by way of scan_skip(), LIMIT_JSON_DEPTH times at most */
static coffer_err
skip_all_in(struct fault *f, struct scan *r, char open, char close)
{
	struct view key;
	coffer_err err;
	bool more;

	TRY(scan_enter(f, r, open));
	for (;;) {
		TRY(scan_next(f, r, close, &more));
		if (!more)
			break;
		if (open == '{')
			TRY(scan_key(f, r, &key));
		TRY(scan_skip(f, r));
	}
out:
	return err;
}

coffer_err
scan_skip(struct fault *f, struct scan *r)
{
	static const char *const words[] = {"true", "false", "null"};
	struct view string;

	switch (scan_peek(r)) {
	case '{':
		return skip_all_in(f, r, '{', '}');
	case '[':
		return skip_all_in(f, r, '[', ']');
	case '"':
		return scan_string(f, r, &string);
	default:
		break;
	}
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		size_t len = strlen(words[i]);

		if (left(r) >= len && memcmp(r->p, words[i], len) == 0) {
			r->p += len;
			return COFFER_OK;
		}
	}
	return skip_number(f, r);
}

coffer_err
scan_end(struct fault *f, struct scan *r)
{
	if (scan_peek(r) != '\0' || r->p != r->end)
		return refuse(f, r, "something follows the JSON");
	return COFFER_OK;
}
