/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A parser with a mistake in it: a length byte that is believed.  make fuzz must find it, or it is blind.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	static volatile uint8_t seen; /* else the compiler drops the copy, and the mistake with it */
	uint8_t *copy;

	if (len < 5 || memcmp(bytes, "COF", 3) != 0)
		return 0;
	copy = malloc(len);
	if (!copy)
		return 0;
	for (size_t i = 0; i < bytes[3]; i++)
		copy[i] = bytes[4 + i];
	seen = copy[0];
	free(copy);
	return (int)(seen & 0);
}
