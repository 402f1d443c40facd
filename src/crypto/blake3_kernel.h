/* SPDX-License-Identifier: Apache-2.0 */
/* What blake3.c asks of a processor: several inputs of equal length at once. */
#ifndef CRYPTO_BLAKE3_KERNEL_H
#define CRYPTO_BLAKE3_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "crypto/blake3.h"

/* section 2.1, table 3 */
enum { BLAKE3_CHUNK_START = 1, BLAKE3_CHUNK_END = 2, BLAKE3_PARENT = 4, BLAKE3_ROOT = 8 };

extern const uint32_t blake3_iv[8];

/* which word of the block each step of each round takes: the permutation of table 2, applied 0 to 6 times */
extern const uint8_t blake3_schedule[7][16];

/* Inputs that lie one behind the other, all of whole blocks: chunks, or parents of two chaining values. */
struct blake3_inputs {
	const uint8_t *p;
	size_t n;
	size_t n_blocks;  /* of each */
	uint64_t counter; /* of the first chunk; the next have the next ones.  0 and not counting for parents */
	bool is_chunks;
};

struct blake3_kernel {
	const char *name;
	size_t lanes;
	bool (*is_there)(void);

	/* the chaining values of @in->n inputs, 1 to @lanes, 32 bytes each */
	void (*hash)(const struct blake3_inputs *in, uint8_t *out);
};

extern const struct blake3_kernel blake3_avx512;
extern const struct blake3_kernel blake3_avx2;
extern const struct blake3_kernel blake3_v128; /* SSE2 or NEON, which every amd64 and arm64 has */

#endif
