/* SPDX-License-Identifier: Apache-2.0 */
/* Bech32: what decodes to 32 bytes encodes to the same text in lower case. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/bech32.h"
#include "support/fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct view text = view_of(data, size);
	char again[BECH32_MAX + 1];
	struct bech32 b;
	uint8_t bytes[32];

	if (!bech32_parse(text, &b))
		return 0;
	if (b.hrp[0] == '\0' || strlen(b.hrp) + 1 + b.n_digits + 6 != size)
		abort();
	if (!bech32_decode(text, b.hrp, bytes, sizeof(bytes)))
		return 0;
	if (!bech32_encode(b.hrp, bytes, sizeof(bytes), again) || strlen(again) != size)
		abort();
	for (size_t i = 0; i < size; i++)
		if (again[i] != (char)tolower(data[i]))
			abort();
	return 0;
}
