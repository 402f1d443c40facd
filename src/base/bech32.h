/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bech32 (BIP 173): bytes as text that a person can copy and a checksum guards.
 *
 * For public keys: it takes no care to hide what it works on.
 */
#ifndef BASE_BECH32_H
#define BASE_BECH32_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/view.h"

#define BECH32_MAX 90	  /* characters of a whole text */
#define BECH32_HRP_MAX 83 /* characters of a prefix */

/** struct bech32 - a text taken apart: its prefix in lower case, and its digits from 0 to 31 without the checksum */
struct bech32 {
	char hrp[BECH32_HRP_MAX + 1];
	uint8_t digits[BECH32_MAX];
	size_t n_digits;
};

/** bech32_parse() - take @text apart; false for anything that BIP 173 calls invalid (mixed case is, upper case is not) */
bool bech32_parse(struct view text, struct bech32 *out);

/** bech32_decode() - exactly @len bytes of @text under the prefix @hrp; false, with @out all zero, on anything else */
bool bech32_decode(struct view text, const char *hrp, uint8_t *out, size_t len);

/** bech32_encode() - @len bytes under the lower-case prefix @hrp, and a NUL; false when that is more than BECH32_MAX */
bool bech32_encode(const char *hrp, const uint8_t *bytes, size_t len, char out[static BECH32_MAX + 1]);

#endif
