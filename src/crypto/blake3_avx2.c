/* SPDX-License-Identifier: Apache-2.0 */
#ifdef __x86_64__
#define LANES 8
#define TARGET __attribute__((target("avx2")))
#include "crypto/blake3_lanes.h"

static bool
is_there(void)
{
	return __builtin_cpu_supports("avx2");
}

const struct blake3_kernel blake3_avx2 = {
	.name = "avx2",
	.lanes = LANES,
	.is_there = is_there,
	.hash = hash,
};
#else
#include "crypto/blake3_kernel.h"

static bool
is_there(void)
{
	return false;
}

const struct blake3_kernel blake3_avx2 = {.name = "avx2", .is_there = is_there};
#endif
