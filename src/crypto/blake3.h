/* SPDX-License-Identifier: Apache-2.0 */
/*
 * BLAKE3 in hash mode with 32 bytes of output («BLAKE3: one function, fast everywhere», O'Connor, Aumasson, Neves,
 * Wilcox-O'Hearn, 2020; section numbers below are its own).
 *
 * An implementation of our own, for OpenSSL has none.  Several chunks are hashed at once, by the widest instructions that the
 * processor has and that give a known answer, which is tried once per process.  Hashing cannot fail.
 */
#ifndef CRYPTO_BLAKE3_H
#define CRYPTO_BLAKE3_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BLAKE3_LEN 32
#define BLAKE3_BLOCK 64
#define BLAKE3_CHUNK 1024
#define BLAKE3_DEPTH 54 /* of the tree over 2^64 bytes */

/** struct blake3 - one stream; one thread at a time */
struct blake3 {
	uint32_t cv[8];		     /* chaining value of the chunk that is being taken */
	uint8_t block[BLAKE3_BLOCK]; /* its last block, which waits until it is known whether more follows */
	size_t block_len;	     /* bytes in @block */
	size_t n_blocks;	     /* of the chunk, done */
	uint64_t n_chunks;	     /* done */
	size_t depth;		     /* of @stack */
	uint8_t stack[BLAKE3_DEPTH][BLAKE3_LEN]; /* roots of the whole subtrees so far, the largest first */
};

/** blake3_init() - begin a stream */
void blake3_init(struct blake3 *s);

/** blake3_update() - take @len bytes */
void blake3_update(struct blake3 *s, const void *data, size_t len);

/** blake3_final() - the hash of what was taken; @s stays as it is */
void blake3_final(const struct blake3 *s, uint8_t out[static BLAKE3_LEN]);

/** blake3_kernel_name() - «avx512», «avx2», «sse2», «neon» or «portable» */
const char *blake3_kernel_name(void);

/** blake3_use_kernel() - for tests and benchmarks: take that kernel from now on; false when it is not there.  No other thread may be hashing. */
bool blake3_use_kernel(const char *name);

#endif
