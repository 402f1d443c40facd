/* SPDX-License-Identifier: Apache-2.0 */
#include "base/bech32.h"

#include <string.h>

#define CHECKSUM_LEN 6

static const char alphabet[] = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";

/* One more digit into the BCH checksum of BIP 173. */
static uint32_t
mix(uint32_t sum, unsigned int digit)
{
	static const uint32_t generator[5] = {0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3};
	uint32_t top = sum >> 25;

	sum = ((sum & 0x1ffffff) << 5) ^ digit;
	for (unsigned int i = 0; i < 5; i++)
		if (top >> i & 1)
			sum ^= generator[i];
	return sum;
}

/* The prefix goes in as the high bits of its characters, a zero, and their low bits. */
static uint32_t
mix_hrp(const char *hrp)
{
	uint32_t sum = 1;

	for (const char *c = hrp; *c != '\0'; c++)
		sum = mix(sum, (unsigned int)(uint8_t)*c >> 5);
	sum = mix(sum, 0);
	for (const char *c = hrp; *c != '\0'; c++)
		sum = mix(sum, (uint8_t)*c & 31);
	return sum;
}

static bool
is_upper(uint8_t c)
{
	return c >= 'A' && c <= 'Z';
}

static bool
is_lower(uint8_t c)
{
	return c >= 'a' && c <= 'z';
}

static char
to_lower(uint8_t c)
{
	return (char)(is_upper(c) ? c + ('a' - 'A') : c);
}

/* Printable characters, letters all of one case. */
static bool
is_plain(struct view text)
{
	bool upper = false, lower = false;

	for (size_t i = 0; i < text.len; i++) {
		if (text.p[i] < 33 || text.p[i] > 126)
			return false;
		upper |= is_upper(text.p[i]);
		lower |= is_lower(text.p[i]);
	}
	return !(upper && lower);
}

/* The last «1» parts prefix and digits; the length of the text when there is none. */
static size_t
find_separator(struct view text)
{
	for (size_t i = text.len; i-- > 0;)
		if (text.p[i] == '1')
			return i;
	return text.len;
}

static bool
take_digits(struct view text, struct bech32 *out)
{
	for (size_t i = 0; i < text.len; i++) {
		const char *at = strchr(alphabet, to_lower(text.p[i]));

		if (!at)
			return false;
		out->digits[i] = (uint8_t)(at - alphabet);
	}
	out->n_digits = text.len;
	return true;
}

bool
bech32_parse(struct view text, struct bech32 *out)
{
	struct view hrp;
	size_t hrp_len;
	uint32_t sum;

	*out = (struct bech32){.n_digits = 0};
	if (text.len > BECH32_MAX || !is_plain(text))
		return false;
	hrp_len = find_separator(text);
	if (hrp_len < 1 || hrp_len + 1 + CHECKSUM_LEN > text.len || !view_take(&text, hrp_len, &hrp))
		return false;
	for (size_t i = 0; i < hrp.len; i++)
		out->hrp[i] = to_lower(hrp.p[i]);
	if (!take_digits(view_of(text.p + 1, text.len - 1), out))
		return false;
	sum = mix_hrp(out->hrp);
	for (size_t i = 0; i < out->n_digits; i++)
		sum = mix(sum, out->digits[i]);
	out->n_digits -= CHECKSUM_LEN;
	return sum == 1;
}

/* Digits of 5 bits to bytes.  Less than a whole digit may be left over, and it must be zero: one text a byte string. */
static bool
to_bytes(const struct bech32 *b, uint8_t *out, size_t len)
{
	unsigned int acc = 0, bits = 0;
	size_t done = 0;

	if (b->n_digits != (len * 8 + 4) / 5)
		return false;
	for (size_t i = 0; i < b->n_digits; i++) {
		acc = (acc << 5 | b->digits[i]) & 0xfff;
		bits += 5;
		if (bits >= 8) {
			bits -= 8;
			out[done++] = (uint8_t)(acc >> bits);
		}
	}
	return (acc & ((1u << bits) - 1)) == 0;
}

bool
bech32_decode(struct view text, const char *hrp, uint8_t *out, size_t len)
{
	struct bech32 b;

	if (len <= BECH32_MAX && bech32_parse(text, &b) && strcmp(b.hrp, hrp) == 0 && to_bytes(&b, out, len))
		return true;
	memset(out, 0, len);
	return false;
}

/* Bytes to digits, zero bits behind the last byte. */
static size_t
to_digits(const uint8_t *bytes, size_t len, uint8_t *digits)
{
	unsigned int acc = 0, bits = 0;
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		acc = (acc << 8 | bytes[i]) & 0xfff;
		bits += 8;
		for (; bits >= 5; bits -= 5)
			digits[n++] = acc >> (bits - 5) & 31;
	}
	if (bits > 0)
		digits[n++] = acc << (5 - bits) & 31;
	return n;
}

bool
bech32_encode(const char *hrp, const uint8_t *bytes, size_t len, char out[static BECH32_MAX + 1])
{
	size_t hrp_len = strlen(hrp), n;
	uint8_t digits[BECH32_MAX];
	uint32_t sum = mix_hrp(hrp);

	out[0] = '\0';
	if (hrp_len < 1 || len > BECH32_MAX || hrp_len + 1 + (len * 8 + 4) / 5 + CHECKSUM_LEN > BECH32_MAX)
		return false;
	n = to_digits(bytes, len, digits);
	for (size_t i = 0; i < n; i++)
		sum = mix(sum, digits[i]);
	for (size_t i = 0; i < CHECKSUM_LEN; i++)
		sum = mix(sum, 0);
	sum ^= 1;
	for (unsigned int i = 0; i < CHECKSUM_LEN; i++)
		digits[n++] = sum >> (5 * (CHECKSUM_LEN - 1 - i)) & 31;

	memcpy(out, hrp, hrp_len);
	out += hrp_len;
	*out++ = '1';
	for (size_t i = 0; i < n; i++)
		*out++ = alphabet[digits[i]];
	*out = '\0';
	return true;
}
