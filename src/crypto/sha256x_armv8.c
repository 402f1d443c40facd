/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SHA-256 by the Arm cryptographic extension (FEAT_SHA256), one stream or two:
 * while one waits for sha256h the other goes on.
 */
#include "crypto/sha256x_kernel.h"

/* clang shows the intrinsics only to what is compiled for the extension as a whole, as with -march=armv8-a+crypto */
#if defined(__AARCH64EL__) && (!defined(__clang__) || defined(__ARM_FEATURE_SHA2))

#include <arm_neon.h>
#include <asm/hwcap.h>
#include <sys/auxv.h>

#include "crypto/sha256x.h"

#ifdef __clang__
#define SHA2
#else
#define SHA2 __attribute__((target("+crypto")))
#endif
#define SHA2_INLINE static inline __attribute__((always_inline)) SHA2

/* The state, and the last 16 words of the message schedule. */
struct lane {
	uint32x4_t abcd, efgh;
	uint32x4_t w[4];
};

SHA2_INLINE void
load_block(struct lane *s, const uint8_t *p)
{
	s->w[0] = vreinterpretq_u32_u8(vrev32q_u8(vld1q_u8(p)));
	s->w[1] = vreinterpretq_u32_u8(vrev32q_u8(vld1q_u8(p + 16)));
	s->w[2] = vreinterpretq_u32_u8(vrev32q_u8(vld1q_u8(p + 32)));
	s->w[3] = vreinterpretq_u32_u8(vrev32q_u8(vld1q_u8(p + 48)));
}

/* Rounds 4g to 4g+3.  @g is a constant to the compiler. */
SHA2_INLINE void
four_rounds(struct lane *s, const int g)
{
	uint32x4_t *now = &s->w[g % 4];
	uint32x4_t wk = vaddq_u32(*now, vld1q_u32(sha256x_k + 4 * g));
	uint32x4_t abcd = s->abcd;

	if (g < 12)
		*now = vsha256su1q_u32(vsha256su0q_u32(*now, s->w[(g + 1) % 4]), s->w[(g + 2) % 4], s->w[(g + 3) % 4]);
	s->abcd = vsha256hq_u32(abcd, s->efgh, wk);
	s->efgh = vsha256h2q_u32(s->efgh, abcd, wk);
}

SHA2_INLINE void
visit(struct lane *a, struct lane *b, const int g)
{
	four_rounds(a, g);
	if (b)
		four_rounds(b, g);
	four_rounds(a, g + 1);
	if (b)
		four_rounds(b, g + 1);
}

SHA2_INLINE void
one_block(struct lane *a, const uint8_t *pa, struct lane *b, const uint8_t *pb)
{
	struct lane was_a = *a, was_b;

	load_block(a, pa);
	if (b) {
		was_b = *b;
		load_block(b, pb);
	}
	visit(a, b, 0);
	visit(a, b, 2);
	visit(a, b, 4);
	visit(a, b, 6);
	visit(a, b, 8);
	visit(a, b, 10);
	visit(a, b, 12);
	visit(a, b, 14);
	a->abcd = vaddq_u32(a->abcd, was_a.abcd);
	a->efgh = vaddq_u32(a->efgh, was_a.efgh);
	if (b) {
		b->abcd = vaddq_u32(b->abcd, was_b.abcd);
		b->efgh = vaddq_u32(b->efgh, was_b.efgh);
	}
}

SHA2_INLINE void
load_state(struct lane *s, const uint32_t h[8])
{
	s->abcd = vld1q_u32(h);
	s->efgh = vld1q_u32(h + 4);
}

SHA2_INLINE void
store_state(const struct lane *s, uint32_t h[8])
{
	vst1q_u32(h, s->abcd);
	vst1q_u32(h + 4, s->efgh);
}

SHA2 static void
one_stream(uint32_t *h, const uint8_t *p, size_t n_blocks)
{
	struct lane a;

	load_state(&a, h);
	for (size_t i = 0; i < n_blocks; i++)
		one_block(&a, p + SHA256X_BLOCK * i, NULL, NULL);
	store_state(&a, h);
}

SHA2 static void
two_streams(uint32_t *const h[2], const uint8_t *const p[2], size_t n_blocks)
{
	struct lane a, b;

	load_state(&a, h[0]);
	load_state(&b, h[1]);
	for (size_t i = 0; i < n_blocks; i++)
		one_block(&a, p[0] + SHA256X_BLOCK * i, &b, p[1] + SHA256X_BLOCK * i);
	store_state(&a, h[0]);
	store_state(&b, h[1]);
}

static void
blocks(uint32_t *const h[], const uint8_t *const p[], size_t n, size_t n_blocks)
{
	if (n == 2)
		two_streams(h, p, n_blocks);
	else
		one_stream(h[0], p[0], n_blocks);
}

static bool
is_there(void)
{
	return (getauxval(AT_HWCAP) & HWCAP_SHA2) != 0;
}

const struct sha256x_kernel sha256x_armv8 = {
	.name = "armv8-sha2",
	.lanes = 2,
	.is_there = is_there,
	.blocks = blocks,
};

#else

static bool
is_there(void)
{
	return false;
}

const struct sha256x_kernel sha256x_armv8 = {
	.name = "armv8-sha2",
	.is_there = is_there,
};

#endif
