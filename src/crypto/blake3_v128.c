/* SPDX-License-Identifier: Apache-2.0 */
#define LANES 4
#define TARGET
#include "crypto/blake3_lanes.h"

static bool
is_there(void)
{
	return true;
}

const struct blake3_kernel blake3_v128 = {
#ifdef __x86_64__
	.name = "sse2",
#elif defined(__aarch64__)
	.name = "neon",
#else
	.name = "four lanes",
#endif
	.lanes = LANES,
	.is_there = is_there,
	.hash = hash,
};
