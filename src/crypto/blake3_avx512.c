/* SPDX-License-Identifier: Apache-2.0 */
#ifdef __x86_64__
#define LANES 16
#define TARGET __attribute__((target("avx512f,avx512vl")))
#include "crypto/blake3_lanes.h"

static bool
is_there(void)
{
	return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl");
}

const struct blake3_kernel blake3_avx512 = {
	.name = "avx512",
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

const struct blake3_kernel blake3_avx512 = {.name = "avx512", .is_there = is_there};
#endif
