/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel for vectors of LANES words, in the vector language that GCC and clang share; a lane is an input.  Each
 * file that includes this one defines LANES and TARGET, the attribute that lets the compiler use the instructions.
 */
#ifndef CRYPTO_BLAKE3_LANES_H
#define CRYPTO_BLAKE3_LANES_H

#include "base/endian.h"
#include "crypto/blake3_kernel.h"

#ifndef LANES
#define LANES 4
#define TARGET
#endif
#define INLINE static inline __attribute__((always_inline)) TARGET

typedef uint32_t vec __attribute__((vector_size(4 * LANES)));

INLINE vec
rotr(vec v, const int by)
{
	return (v >> by) | (v << (32 - by));
}

/* section 2.2: the quarter round */
INLINE void
mix(vec *a, vec *b, vec *c, vec *d, vec x, vec y)
{
	*a += *b + x;
	*d = rotr(*d ^ *a, 16);
	*c += *d;
	*b = rotr(*b ^ *c, 12);
	*a += *b + y;
	*d = rotr(*d ^ *a, 8);
	*c += *d;
	*b = rotr(*b ^ *c, 7);
}

INLINE void
mix_round(vec v[16], const vec m[16], const uint8_t s[16])
{
	mix(&v[0], &v[4], &v[8], &v[12], m[s[0]], m[s[1]]);
	mix(&v[1], &v[5], &v[9], &v[13], m[s[2]], m[s[3]]);
	mix(&v[2], &v[6], &v[10], &v[14], m[s[4]], m[s[5]]);
	mix(&v[3], &v[7], &v[11], &v[15], m[s[6]], m[s[7]]);
	mix(&v[0], &v[5], &v[10], &v[15], m[s[8]], m[s[9]]);
	mix(&v[1], &v[6], &v[11], &v[12], m[s[10]], m[s[11]]);
	mix(&v[2], &v[7], &v[8], &v[13], m[s[12]], m[s[13]]);
	mix(&v[3], &v[4], &v[9], &v[14], m[s[14]], m[s[15]]);
}

/* @word of each input's block @at; lanes without an input take the first one's */
INLINE void
load_block(const struct blake3_inputs *in, size_t at, vec m[16])
{
	const size_t stride = in->n_blocks * BLAKE3_BLOCK;

	for (size_t l = 0; l < LANES; l++) {
		const uint8_t *p = in->p + (l < in->n ? l : 0) * stride + at * BLAKE3_BLOCK;

		for (size_t w = 0; w < 16; w++)
			m[w][l] = get_le32(p + 4 * w);
	}
}

INLINE vec
broadcast(uint32_t word)
{
	return (vec){0} + word;
}

INLINE uint32_t
flags_at(const struct blake3_inputs *in, size_t at)
{
	if (!in->is_chunks)
		return BLAKE3_PARENT;
	return (at == 0 ? BLAKE3_CHUNK_START : 0u) | (at + 1 == in->n_blocks ? BLAKE3_CHUNK_END : 0u);
}

static inline TARGET void
hash(const struct blake3_inputs *in, uint8_t *out)
{
	vec cv[8];
	vec low, high;

	for (size_t l = 0; l < LANES; l++) {
		uint64_t counter = in->counter + (in->is_chunks ? l : 0);

		low[l] = (uint32_t)counter;
		high[l] = (uint32_t)(counter >> 32);
	}
	for (size_t w = 0; w < 8; w++)
		cv[w] = broadcast(blake3_iv[w]);
	for (size_t at = 0; at < in->n_blocks; at++) {
		vec v[16], m[16];

		load_block(in, at, m);
		for (size_t w = 0; w < 8; w++)
			v[w] = cv[w];
		for (size_t w = 0; w < 4; w++)
			v[8 + w] = broadcast(blake3_iv[w]);
		v[12] = low;
		v[13] = high;
		v[14] = broadcast(BLAKE3_BLOCK);
		v[15] = broadcast(flags_at(in, at));
		mix_round(v, m, blake3_schedule[0]);
		mix_round(v, m, blake3_schedule[1]);
		mix_round(v, m, blake3_schedule[2]);
		mix_round(v, m, blake3_schedule[3]);
		mix_round(v, m, blake3_schedule[4]);
		mix_round(v, m, blake3_schedule[5]);
		mix_round(v, m, blake3_schedule[6]);
		for (size_t w = 0; w < 8; w++)
			cv[w] = v[w] ^ v[8 + w];
	}
	for (size_t l = 0; l < in->n; l++)
		for (size_t w = 0; w < 8; w++)
			put_le32(out + BLAKE3_LEN * l + 4 * w, cv[w][l]);
}

#endif
