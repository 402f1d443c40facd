/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SHA-256 by the x86 SHA extensions.
 *
 * sha256rnds2 takes four cycles, and another can begin after two.  One stream
 * waits for itself; with several there is always one that is ready.  A stream
 * is given eight rounds a visit: few enough that the processor looks ahead
 * into the next streams, enough that going from one to the next costs little.
 */
#include "crypto/sha256x_kernel.h"

#ifdef __x86_64__

#include <cpuid.h>
#include <immintrin.h>

#include "crypto/sha256x.h"

#define SHANI __attribute__((target("sha,sse4.1,ssse3")))
#define SHANI_INLINE static inline __attribute__((always_inline)) SHANI

/* The state in the order that the instructions want, and the last 16 words of the message schedule. */
struct lane {
	__m128i abef, cdgh;
	__m128i w[4];
};

SHANI_INLINE __m128i
load(const void *p)
{
	return _mm_loadu_si128(p);
}

SHANI_INLINE void
load_state(struct lane *s, const uint32_t h[8])
{
	__m128i cdab = _mm_shuffle_epi32(load(h), 0xb1);
	__m128i efgh = _mm_shuffle_epi32(load(h + 4), 0x1b);

	s->abef = _mm_alignr_epi8(cdab, efgh, 8);
	s->cdgh = _mm_blend_epi16(efgh, cdab, 0xf0);
}

SHANI_INLINE void
store_state(const struct lane *s, uint32_t h[8])
{
	__m128i feba = _mm_shuffle_epi32(s->abef, 0x1b);
	__m128i dchg = _mm_shuffle_epi32(s->cdgh, 0xb1);

	_mm_storeu_si128((void *)h, _mm_blend_epi16(feba, dchg, 0xf0));
	_mm_storeu_si128((void *)(h + 4), _mm_alignr_epi8(dchg, feba, 8));
}

SHANI_INLINE void
load_block(struct lane *s, const uint8_t *p)
{
	const __m128i big_endian = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);

	s->w[0] = _mm_shuffle_epi8(load(p), big_endian);
	s->w[1] = _mm_shuffle_epi8(load(p + 16), big_endian);
	s->w[2] = _mm_shuffle_epi8(load(p + 32), big_endian);
	s->w[3] = _mm_shuffle_epi8(load(p + 48), big_endian);
}

/* Rounds 4g to 4g+3; w[(g + i) % 4] holds the words 4i to 4i+3 from here.  @g is a constant to the compiler. */
SHANI_INLINE void
four_rounds(struct lane *s, const int g)
{
	__m128i *now = &s->w[g % 4], *next = &s->w[(g + 1) % 4], *before = &s->w[(g + 3) % 4];
	__m128i wk = _mm_add_epi32(*now, load(sha256x_k + 4 * g));

	s->cdgh = _mm_sha256rnds2_epu32(s->cdgh, s->abef, wk);
	if (g >= 3 && g < 15)
		*next = _mm_sha256msg2_epu32(_mm_add_epi32(*next, _mm_alignr_epi8(*now, *before, 4)), *now);
	s->abef = _mm_sha256rnds2_epu32(s->abef, s->cdgh, _mm_shuffle_epi32(wk, 0x0e));
	if (g >= 1 && g < 13)
		*before = _mm_sha256msg1_epu32(*before, *now);
}

SHANI_INLINE void
visit(struct lane *s, size_t n, const int g)
{
#pragma GCC unroll 4
	for (size_t l = 0; l < n; l++) {
		struct lane at_work = s[l]; /* in registers */

		four_rounds(&at_work, g);
		four_rounds(&at_work, g + 1);
		s[l] = at_work;
	}
}

/* Made anew by the compiler for each constant @n. */
SHANI_INLINE void
interleave(uint32_t *const h[], const uint8_t *const p[], size_t n, size_t n_blocks)
{
	struct lane s[SHA256X_MAX_LANES], was[SHA256X_MAX_LANES];

#pragma GCC unroll 4
	for (size_t l = 0; l < n; l++)
		load_state(&s[l], h[l]);
	for (size_t i = 0; i < n_blocks; i++) {
#pragma GCC unroll 4
		for (size_t l = 0; l < n; l++) {
			was[l].abef = s[l].abef;
			was[l].cdgh = s[l].cdgh;
			load_block(&s[l], p[l] + SHA256X_BLOCK * i);
		}
		visit(s, n, 0);
		visit(s, n, 2);
		visit(s, n, 4);
		visit(s, n, 6);
		visit(s, n, 8);
		visit(s, n, 10);
		visit(s, n, 12);
		visit(s, n, 14);
#pragma GCC unroll 4
		for (size_t l = 0; l < n; l++) {
			s[l].abef = _mm_add_epi32(s[l].abef, was[l].abef);
			s[l].cdgh = _mm_add_epi32(s[l].cdgh, was[l].cdgh);
		}
	}
#pragma GCC unroll 4
	for (size_t l = 0; l < n; l++)
		store_state(&s[l], h[l]);
}

/* Up to four streams the compiler unrolls for each number and saves most loads and stores; for more it hardly matters. */
SHANI static void
blocks(uint32_t *const h[], const uint8_t *const p[], size_t n, size_t n_blocks)
{
	switch (n) {
	case 1:
		interleave(h, p, 1, n_blocks);
		break;
	case 2:
		interleave(h, p, 2, n_blocks);
		break;
	case 3:
		interleave(h, p, 3, n_blocks);
		break;
	case 4:
		interleave(h, p, 4, n_blocks);
		break;
	default:
		interleave(h, p, n, n_blocks);
		break;
	}
}

static bool
is_there(void)
{
	unsigned int eax, ebx, ecx, edx;

	return __builtin_cpu_supports("ssse3") && __builtin_cpu_supports("sse4.1") &&
	       __get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) && (ebx & bit_SHA) != 0;
}

const struct sha256x_kernel sha256x_shani = {
	.name = "sha-ni",
	.lanes = 8,
	.is_there = is_there,
	.blocks = blocks,
};

#else

static bool
is_there(void)
{
	return false;
}

const struct sha256x_kernel sha256x_shani = {
	.name = "sha-ni",
	.is_there = is_there,
};

#endif
