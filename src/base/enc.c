/* SPDX-License-Identifier: Apache-2.0 */
#include "base/enc.h"

#include <string.h>

void
enc_hex(const void *bytes, size_t len, char *out)
{
	const uint8_t *p = bytes;

	for (size_t i = 0; i < len; i++) {
		unsigned int hi = p[i] >> 4, lo = p[i] & 15;

		/* 'a' - '0' - 10 is 39: added without a branch when the digit is above 9 */
		*out++ = (char)('0' + hi + (((9 - hi) >> 8) & 39));
		*out++ = (char)('0' + lo + (((9 - lo) >> 8) & 39));
	}
	*out = '\0';
}

/* The value of a character of @lo..@hi is c - lo + base; 0 outside, with no branch. */
static unsigned int
in_range(unsigned int c, unsigned int lo, unsigned int hi, unsigned int base)
{
	unsigned int inside = ((lo - 1 - c) & (c - hi - 1)) >> 31;

	return (0u - inside) & (c - lo + base + 1);
}

/* 1 + the digit's value, or 0 for a foreign character */
static unsigned int
hex_value(unsigned int c)
{
	return in_range(c, '0', '9', 0) | in_range(c, 'a', 'f', 10);
}

bool
dec_hex(const char *text, size_t text_len, void *out, size_t len)
{
	uint8_t *p = out;
	unsigned int bad = 0;

	if (text_len != 2 * len) {
		memset(out, 0, len);
		return false;
	}
	for (size_t i = 0; i < len; i++) {
		unsigned int hi = hex_value((uint8_t)text[2 * i]), lo = hex_value((uint8_t)text[2 * i + 1]);

		bad |= (hi - 1) | (lo - 1);
		p[i] = (uint8_t)(((hi - 1) << 4) | ((lo - 1) & 15));
	}
	if (bad >> 31) {
		memset(out, 0, len);
		return false;
	}
	return true;
}

static char
b64_char(unsigned int v)
{
	unsigned int c = 'A' + v;

	c += ((25 - v) >> 8) & 6;  /* 26: 'a' */
	c -= ((51 - v) >> 8) & 75; /* 52: '0' */
	c -= ((61 - v) >> 8) & 15; /* 62: '+' */
	c += ((62 - v) >> 8) & 3;  /* 63: '/' */
	return (char)(uint8_t)c;
}

void
enc_b64(const void *bytes, size_t len, char *out)
{
	const uint8_t *p = bytes;

	for (; len >= 3; p += 3, len -= 3) {
		*out++ = b64_char(p[0] >> 2);
		*out++ = b64_char((unsigned int)((p[0] & 3) << 4 | p[1] >> 4));
		*out++ = b64_char((unsigned int)((p[1] & 15) << 2 | p[2] >> 6));
		*out++ = b64_char(p[2] & 63);
	}
	if (len > 0) {
		unsigned int second = len > 1 ? p[1] : 0;

		*out++ = b64_char(p[0] >> 2);
		*out++ = b64_char((unsigned int)((p[0] & 3) << 4) | second >> 4);
		*out++ = len > 1 ? b64_char((second & 15) << 2) : '=';
		*out++ = '=';
	}
	*out = '\0';
}

/* 1 + the character's value, or 0 for a foreign one */
static unsigned int
b64_value(unsigned int c)
{
	return in_range(c, 'A', 'Z', 0) | in_range(c, 'a', 'z', 26) | in_range(c, '0', '9', 52) |
	       in_range(c, '+', '+', 62) | in_range(c, '/', '/', 63);
}

/* the same of the alphabet for URLs */
static unsigned int
b64url_value(unsigned int c)
{
	return in_range(c, 'A', 'Z', 0) | in_range(c, 'a', 'z', 26) | in_range(c, '0', '9', 52) |
	       in_range(c, '-', '-', 62) | in_range(c, '_', '_', 63);
}

/* @n characters, and @pad that are not there or are padding: together a multiple of four */
static bool
dec(const char *text, size_t n, size_t pad, unsigned int (*value)(unsigned int c), void *out, size_t cap,
    size_t *len_out)
{
	uint8_t *p = out;
	size_t len = (n + pad) / 4 * 3 - pad;
	unsigned int bad = 0, acc = 0;

	if (len > cap)
		return false;
	for (size_t i = 0; i < n; i++) {
		unsigned int v = value((uint8_t)text[i]);

		bad |= v - 1;
		acc = acc << 6 | ((v - 1) & 63);
		if (i % 4 == 1)
			*p++ = (uint8_t)(acc >> 4);
		else if (i % 4 == 2)
			*p++ = (uint8_t)(acc >> 2);
		else if (i % 4 == 3)
			*p++ = (uint8_t)acc;
	}
	/* the spare bits before the padding must be zero, or two texts would mean one string */
	if (pad == 2)
		bad |= 0u - (acc & 15);
	else if (pad == 1)
		bad |= 0u - (acc & 3);
	if (bad >> 31)
		return false;
	*len_out = len;
	return true;
}

bool
dec_b64(const char *text, size_t text_len, void *out, size_t cap, size_t *len_out)
{
	size_t pad = 0;

	*len_out = 0;
	if (text_len % 4 != 0)
		return false;
	if (text_len > 0 && text[text_len - 1] == '=')
		pad = text[text_len - 2] == '=' ? 2 : 1;
	return dec(text, text_len - pad, pad, b64_value, out, cap, len_out);
}

void
enc_b64url(const void *bytes, size_t len, char *out)
{
	size_t n = (len * 4 + 2) / 3;

	enc_b64(bytes, len, out);
	for (size_t i = 0; i < n; i++)
		out[i] = out[i] == '+' ? '-' : out[i] == '/' ? '_' : out[i];
	out[n] = '\0';
}

bool
dec_b64url(const char *text, size_t text_len, void *out, size_t cap, size_t *len_out)
{
	*len_out = 0;
	if (text_len % 4 == 1)
		return false;
	return dec(text, text_len, (4 - text_len % 4) % 4, b64url_value, out, cap, len_out);
}
