/* SPDX-License-Identifier: Apache-2.0 */
#include "base/der.h"

/* X.690 8.1.3 and 10.1: below 128 one byte says it all, else the low bits of the first say how many bytes follow */
static bool
take_length(struct view *v, size_t *out)
{
	size_t len = 0;
	uint8_t byte;

	if (!view_copy(v, &byte, 1))
		return false;
	if (byte < 0x80) {
		*out = byte;
		return true;
	}
	for (unsigned int n = byte & 0x7f, i = 0; i < n; i++) {
		if (n > 4 || !view_copy(v, &byte, 1) || (i == 0 && byte == 0))
			return false;
		len = len << 8 | byte;
	}
	*out = len;
	return len >= 0x80;
}

bool
der_take(struct view *v, uint8_t tag, struct view *content_out)
{
	struct view rest = *v;
	uint8_t got;
	size_t len;

	if (!view_copy(&rest, &got, 1) || got != tag || !take_length(&rest, &len) ||
	    !view_take(&rest, len, content_out))
		return false;
	*v = rest;
	return true;
}
