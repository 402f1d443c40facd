/* SPDX-License-Identifier: Apache-2.0 */
#include "base/crc32c.h"

#define POLYNOMIAL UINT32_C(0x82f63b78) /* 0x1edc6f41, its bits in reverse order */

uint32_t
crc32c(struct view v)
{
	uint32_t crc = UINT32_MAX;

	for (size_t i = 0; i < v.len; i++) {
		crc ^= v.p[i];
		for (unsigned int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (POLYNOMIAL & (0u - (crc & 1)));
	}
	return ~crc;
}
