/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/blake3.h"

#include <pthread.h>
#include <string.h>

#include "base/endian.h"
#include "base/num.h"
#include "crypto/blake3_kernel.h"

/* Chunks that are hashed as one subtree: enough that the upper levels, with their idle lanes, hardly count. */
#define SUBTREE 64

const uint32_t blake3_iv[8] = {
	0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
};

const uint8_t blake3_schedule[7][16] = {
	{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}, {2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8},
	{3, 4, 10, 12, 13, 2, 7, 14, 6, 5, 9, 0, 11, 15, 8, 1}, {10, 7, 12, 9, 14, 3, 13, 15, 4, 0, 11, 2, 5, 8, 1, 6},
	{12, 13, 9, 11, 15, 10, 14, 8, 7, 2, 5, 3, 0, 1, 6, 4}, {9, 14, 11, 5, 8, 12, 15, 1, 13, 3, 0, 10, 2, 6, 4, 7},
	{11, 15, 5, 0, 1, 9, 8, 6, 14, 10, 2, 12, 3, 4, 7, 13},
};

/* ---- the compression function, section 2.2 ---- */

static inline uint32_t
rotr(uint32_t v, unsigned int by)
{
	return (v >> by) | (v << (32 - by));
}

static inline void
mix(uint32_t v[16], size_t a, size_t b, size_t c, size_t d, uint32_t x, uint32_t y)
{
	v[a] += v[b] + x;
	v[d] = rotr(v[d] ^ v[a], 16);
	v[c] += v[d];
	v[b] = rotr(v[b] ^ v[c], 12);
	v[a] += v[b] + y;
	v[d] = rotr(v[d] ^ v[a], 8);
	v[c] += v[d];
	v[b] = rotr(v[b] ^ v[c], 7);
}

static inline void
mix_round(uint32_t v[16], const uint32_t m[16], const uint8_t s[16])
{
	mix(v, 0, 4, 8, 12, m[s[0]], m[s[1]]);
	mix(v, 1, 5, 9, 13, m[s[2]], m[s[3]]);
	mix(v, 2, 6, 10, 14, m[s[4]], m[s[5]]);
	mix(v, 3, 7, 11, 15, m[s[6]], m[s[7]]);
	mix(v, 0, 5, 10, 15, m[s[8]], m[s[9]]);
	mix(v, 1, 6, 11, 12, m[s[10]], m[s[11]]);
	mix(v, 2, 7, 8, 13, m[s[12]], m[s[13]]);
	mix(v, 3, 4, 9, 14, m[s[14]], m[s[15]]);
}

/* what goes into one call, but for the chaining value */
struct block {
	const uint8_t *p; /* 64 bytes, zeros behind @len */
	uint32_t len;
	uint64_t counter;
	uint32_t flags;
};

/* @cv becomes the next chaining value */
static void
compress(uint32_t cv[8], const struct block *b)
{
	uint32_t m[16];
	uint32_t v[16] = {
		cv[0],
		cv[1],
		cv[2],
		cv[3],
		cv[4],
		cv[5],
		cv[6],
		cv[7],
		blake3_iv[0],
		blake3_iv[1],
		blake3_iv[2],
		blake3_iv[3],
		(uint32_t)b->counter,
		(uint32_t)(b->counter >> 32),
		b->len,
		b->flags,
	};

	for (size_t w = 0; w < 16; w++)
		m[w] = get_le32(b->p + 4 * w);
	for (size_t r = 0; r < 7; r++)
		mix_round(v, m, blake3_schedule[r]);
	for (size_t w = 0; w < 8; w++)
		cv[w] = v[w] ^ v[8 + w];
}

static void
put_cv(uint8_t out[static BLAKE3_LEN], const uint32_t cv[8])
{
	for (size_t w = 0; w < 8; w++)
		put_le32(out + 4 * w, cv[w]);
}

/* ---- kernels ---- */

static bool
is_there(void)
{
	return true;
}

static void
hash_one(const struct blake3_inputs *in, uint8_t *out)
{
	uint32_t cv[8];

	memcpy(cv, blake3_iv, sizeof(cv));
	for (size_t at = 0; at < in->n_blocks; at++) {
		struct block b = {.p = in->p + BLAKE3_BLOCK * at, .len = BLAKE3_BLOCK, .counter = in->counter};

		b.flags = !in->is_chunks ? BLAKE3_PARENT
					 : (at == 0 ? BLAKE3_CHUNK_START : 0u) |
						   (at + 1 == in->n_blocks ? BLAKE3_CHUNK_END : 0u);
		compress(cv, &b);
	}
	put_cv(out, cv);
}

static const struct blake3_kernel portable = {
	.name = "portable",
	.lanes = 1,
	.is_there = is_there,
	.hash = hash_one,
};

/* the best first */
static const struct blake3_kernel *const kernels[] = {&blake3_avx512, &blake3_avx2, &blake3_v128, &portable};

enum { N_KERNELS = sizeof(kernels) / sizeof(kernels[0]) };

static pthread_once_t once = PTHREAD_ONCE_INIT;
static const struct blake3_kernel *chosen = &portable;

static void begin_stream(struct blake3 *s);

/* Whether @k gives the published hash of 31 chunks of the bytes 0 to 250 over and over: subtrees of every width. */
static bool
gives_known_answer(const struct blake3_kernel *k)
{
	static const uint8_t known[BLAKE3_LEN] = {0x62, 0xb6, 0x96, 0x0e, 0x1a, 0x44, 0xbc, 0xc1, 0xeb, 0x1a, 0x61,
						  0x1a, 0x8d, 0x62, 0x35, 0xb6, 0xb4, 0xb7, 0x8f, 0x32, 0xe7, 0xab,
						  0xc4, 0xfb, 0x4c, 0x6c, 0xdc, 0xce, 0x94, 0x89, 0x5c, 0x47};
	uint8_t input[31 * BLAKE3_CHUNK], out[BLAKE3_LEN];
	struct blake3 s;

	for (size_t i = 0; i < sizeof(input); i++)
		input[i] = (uint8_t)(i % 251);
	chosen = k;
	begin_stream(&s);
	blake3_update(&s, input, sizeof(input));
	blake3_final(&s, out);
	return memcmp(out, known, sizeof(known)) == 0;
}

static void
choose(void)
{
	for (size_t i = 0; i < N_KERNELS; i++)
		if (kernels[i]->is_there() && gives_known_answer(kernels[i]))
			return;
}

const char *
blake3_kernel_name(void)
{
	(void)pthread_once(&once, choose);
	return chosen->name;
}

bool
blake3_use_kernel(const char *name)
{
	(void)pthread_once(&once, choose);
	for (size_t i = 0; i < N_KERNELS; i++)
		if (strcmp(kernels[i]->name, name) == 0 && kernels[i]->is_there()) {
			chosen = kernels[i];
			return true;
		}
	return false;
}

/* ---- the tree, section 2.1 ---- */

static void
hash_many(struct blake3_inputs in, uint8_t *out)
{
	const size_t total = in.n;

	for (size_t done = 0; done < total; done += in.n) {
		in.n = (size_t)num_min(total - done, chosen->lanes);
		chosen->hash(&in, out);
		in.p += in.n * in.n_blocks * BLAKE3_BLOCK;
		in.counter += in.is_chunks ? in.n : 0;
		out += in.n * BLAKE3_LEN;
	}
}

/* the chaining value of @n whole chunks, a power of two from 2 to SUBTREE, that are not all there is */
static void
hash_subtree(const uint8_t *p, size_t n, uint64_t counter, uint8_t out[static BLAKE3_LEN])
{
	uint8_t cvs[2][SUBTREE * BLAKE3_LEN];
	const size_t n_blocks = BLAKE3_CHUNK / BLAKE3_BLOCK;
	size_t now = 0;

	hash_many((struct blake3_inputs){.p = p, .n = n, .n_blocks = n_blocks, .counter = counter, .is_chunks = true},
		  cvs[now]);
	for (; n > 1; n /= 2, now = 1 - now)
		hash_many((struct blake3_inputs){.p = cvs[now], .n = n / 2, .n_blocks = 1}, cvs[1 - now]);
	memcpy(out, cvs[now], BLAKE3_LEN);
}

/* A subtree of @n chunks is done, and more bytes follow: two of equal size become one of the next. */
static void
push(struct blake3 *s, const uint8_t cv[static BLAKE3_LEN], size_t n)
{
	memcpy(s->stack[s->depth++], cv, BLAKE3_LEN);
	s->n_chunks += n;
	for (uint64_t count = s->n_chunks / n; (count & 1) == 0; count /= 2) {
		s->depth--;
		/* the two lie one behind the other */
		hash_one(&(struct blake3_inputs){.p = s->stack[s->depth - 1], .n = 1, .n_blocks = 1},
			 s->stack[s->depth - 1]);
	}
}

/* ---- one chunk ---- */

static void
begin_chunk(struct blake3 *s)
{
	memcpy(s->cv, blake3_iv, sizeof(s->cv));
	memset(s->block, 0, sizeof(s->block));
	s->block_len = 0;
	s->n_blocks = 0;
}

static size_t
chunk_len(const struct blake3 *s)
{
	return s->n_blocks * BLAKE3_BLOCK + s->block_len;
}

static struct block
last_block(const struct blake3 *s, uint32_t flags)
{
	return (struct block){
		.p = s->block,
		.len = (uint32_t)s->block_len,
		.counter = s->n_chunks,
		.flags = flags | (s->n_blocks == 0 ? BLAKE3_CHUNK_START : 0u),
	};
}

/* takes what fits into the chunk, and says how much that was */
static size_t
fill_chunk(struct blake3 *s, const uint8_t *p, size_t len)
{
	const size_t room = BLAKE3_CHUNK - chunk_len(s);
	const size_t taken = (size_t)num_min(room, len);

	for (size_t left = taken; left > 0;) {
		size_t n;

		if (s->block_len == BLAKE3_BLOCK) {
			struct block b = last_block(s, 0);

			compress(s->cv, &b);
			s->n_blocks++;
			s->block_len = 0;
			memset(s->block, 0, sizeof(s->block));
		}
		n = (size_t)num_min(left, BLAKE3_BLOCK - s->block_len);
		memcpy(s->block + s->block_len, p, n);
		s->block_len += n;
		p += n;
		left -= n;
	}
	return taken;
}

static void
end_chunk(struct blake3 *s)
{
	struct block b = last_block(s, BLAKE3_CHUNK_END);
	uint8_t cv[BLAKE3_LEN];

	compress(s->cv, &b);
	put_cv(cv, s->cv);
	push(s, cv, 1);
	begin_chunk(s);
}

/* ---- streams ---- */

static void
begin_stream(struct blake3 *s)
{
	s->n_chunks = 0;
	s->depth = 0;
	begin_chunk(s);
}

void
blake3_init(struct blake3 *s)
{
	(void)pthread_once(&once, choose);
	begin_stream(s);
}

/* the largest subtree that begins here, and leaves something of @len bytes for behind it; 0 or 1 when there is none */
static size_t
subtree_at(const struct blake3 *s, size_t len)
{
	size_t n = SUBTREE;

	if (chunk_len(s) > 0)
		return 0;
	while (n > 1 && (n * BLAKE3_CHUNK >= len || s->n_chunks % n != 0))
		n /= 2;
	return n;
}

void
blake3_update(struct blake3 *s, const void *data, size_t len)
{
	const uint8_t *p = data;
	uint8_t cv[BLAKE3_LEN];

	while (len > 0) {
		size_t n;
		size_t taken;

		if (chunk_len(s) == BLAKE3_CHUNK)
			end_chunk(s);
		n = subtree_at(s, len);
		if (n > 1) {
			hash_subtree(p, n, s->n_chunks, cv);
			push(s, cv, n);
			taken = n * BLAKE3_CHUNK;
		} else {
			taken = fill_chunk(s, p, len);
		}
		p += taken;
		len -= taken;
	}
}

void
blake3_final(const struct blake3 *s, uint8_t out[static BLAKE3_LEN])
{
	struct block b = last_block(s, BLAKE3_CHUNK_END);
	uint8_t pair[2 * BLAKE3_LEN];
	uint32_t cv[8];

	memcpy(cv, s->cv, sizeof(cv));
	for (size_t i = s->depth; i-- > 0;) {
		compress(cv, &b);
		memcpy(pair, s->stack[i], BLAKE3_LEN);
		put_cv(pair + BLAKE3_LEN, cv);
		b = (struct block){.p = pair, .len = BLAKE3_BLOCK, .counter = 0, .flags = BLAKE3_PARENT};
		memcpy(cv, blake3_iv, sizeof(cv));
	}
	b.flags |= BLAKE3_ROOT;
	compress(cv, &b);
	put_cv(out, cv);
}
