/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/sha256x.h"

#include <pthread.h>
#include <string.h>

#include "base/endian.h"
#include "base/num.h"
#include "base/view.h"
#include "crypto/sha256x_kernel.h"
#include "mem/secret.h"

/* the best first; the last one is there everywhere */
static const struct sha256x_kernel *const kernels[] = {&sha256x_shani, &sha256x_armv8, &sha256x_portable};

enum { N_KERNELS = sizeof(kernels) / sizeof(kernels[0]) };

static pthread_once_t once = PTHREAD_ONCE_INIT;
static const struct sha256x_kernel *current;
static bool works; /* whether it gave the known answer */

/* ---- streams, with a kernel named ---- */

static void
take_blocks(const struct sha256x_kernel *k, struct sha256x *s, const uint8_t *p, size_t n_blocks)
{
	k->blocks(&(uint32_t *){s->h}, &p, 1, n_blocks);
}

/* Add to an unfinished block; what is left of @in then begins on a block of the stream, or is nothing. */
static void
finish_block(const struct sha256x_kernel *k, struct sha256x *s, struct view *in)
{
	size_t have = s->len % SHA256X_BLOCK;
	size_t more = num_min(SHA256X_BLOCK - have, in->len);

	if (have == 0 || more == 0)
		return;
	(void)view_copy(in, s->tail + have, more);
	s->len += more;
	if (s->len % SHA256X_BLOCK == 0)
		take_blocks(k, s, s->tail, 1);
}

/* Take blocks from as many streams as have some, until one of those has none; how many streams that were. */
static size_t
interleave(const struct sha256x_kernel *k, struct sha256x *const streams[], struct view in[], size_t n)
{
	uint32_t *h[SHA256X_MAX_LANES];
	const uint8_t *p[SHA256X_MAX_LANES];
	size_t who[SHA256X_MAX_LANES];
	size_t n_live = 0, n_blocks = SIZE_MAX;
	struct view taken;

	for (size_t i = 0; i < n && n_live < k->lanes; i++) {
		if (in[i].len < SHA256X_BLOCK)
			continue;
		h[n_live] = streams[i]->h;
		p[n_live] = in[i].p;
		who[n_live++] = i;
		n_blocks = num_min(n_blocks, in[i].len / SHA256X_BLOCK);
	}
	if (n_live == 0)
		return 0;
	k->blocks(h, p, n_live, n_blocks);
	for (size_t l = 0; l < n_live; l++) {
		streams[who[l]]->len += n_blocks * SHA256X_BLOCK;
		(void)view_take(&in[who[l]], n_blocks * SHA256X_BLOCK, &taken);
	}
	return n_live;
}

/* Keep the bytes that are no whole block. */
static void
keep_rest(struct sha256x *s, struct view in)
{
	if (in.len == 0)
		return;
	memcpy(s->tail, in.p, in.len);
	s->len += in.len;
}

static void
update_many(const struct sha256x_kernel *k, struct sha256x *const streams[], struct view in[], size_t n)
{
	for (size_t i = 0; i < n; i++)
		finish_block(k, streams[i], &in[i]);
	while (interleave(k, streams, in, n) > 0)
		;
	for (size_t i = 0; i < n; i++)
		keep_rest(streams[i], in[i]);
}

/* FIPS 180-4 section 5.1.1: a one bit, zeros, and the length in bits at the end of a block. */
static void
finish(const struct sha256x_kernel *k, struct sha256x *s, uint8_t out[static 32])
{
	uint8_t end[2 * SHA256X_BLOCK] = {0};
	size_t have = s->len % SHA256X_BLOCK;
	size_t n_blocks = have + 1 + 8 <= SHA256X_BLOCK ? 1 : 2;

	memcpy(end, s->tail, have);
	end[have] = 0x80;
	put_be64(end + n_blocks * SHA256X_BLOCK - 8, s->len << 3);
	take_blocks(k, s, end, n_blocks);
	for (size_t i = 0; i < 8; i++)
		put_be32(out + 4 * i, s->h[i]);
	mem_wipe(end, sizeof(end));
	mem_wipe(s, sizeof(*s));
}

/* ---- which kernel ---- */

/*
 * Whether @k gives the known answer: the hash of the hashes of streams of
 * different lengths, taken one, two, … at once, so that every path runs.
 */
static bool
known_answer(const struct sha256x_kernel *k)
{
	static const uint8_t expected[32] = {
		0xbd, 0xcf, 0x9a, 0x0f, 0x59, 0x44, 0x2f, 0x9a, 0xdc, 0x8d, 0x9b, 0xba, 0xf7, 0x20, 0xc8, 0x18,
		0x23, 0x8a, 0xf3, 0xf4, 0x22, 0x75, 0xc4, 0xcb, 0x57, 0x82, 0xa7, 0x2c, 0x48, 0x13, 0xff, 0x8b,
	};
	uint8_t pattern[512], hash[32];
	struct sha256x streams[SHA256X_MAX_LANES], sum;
	struct sha256x *at[SHA256X_MAX_LANES];
	struct view in[SHA256X_MAX_LANES], hashed;

	for (size_t i = 0; i < sizeof(pattern); i++)
		pattern[i] = (uint8_t)(167 * i + 13);
	sha256x_init(&sum);
	for (size_t n = 1; n <= SHA256X_MAX_LANES; n++) {
		for (size_t l = 0; l < n; l++) {
			sha256x_init(&streams[l]);
			at[l] = &streams[l];
			in[l] = view_of(pattern + l, 130 + 37 * l);
		}
		update_many(k, at, in, n);
		for (size_t l = 0; l < n; l++) {
			finish(k, &streams[l], hash);
			hashed = view_of(hash, sizeof(hash));
			update_many(k, &(struct sha256x *){&sum}, &hashed, 1);
		}
	}
	finish(k, &sum, hash);
	return memcmp(hash, expected, sizeof(hash)) == 0;
}

static void
choose(void)
{
	for (size_t i = 0; i < N_KERNELS && !works; i++) {
		current = kernels[i];
		works = current->is_there() && known_answer(current);
	}
}

static const struct sha256x_kernel *
kernel(void)
{
	(void)pthread_once(&once, choose);
	return current;
}

coffer_err
sha256x_selftest(struct fault *f)
{
	(void)kernel();
	return works ? COFFER_OK : fault_set(f, COFFER_E_SELFTEST, "SHA-256 gave a wrong known answer");
}

const char *
sha256x_kernel_name(void)
{
	return kernel()->name;
}

size_t
sha256x_lanes(void)
{
	return kernel()->lanes;
}

bool
sha256x_use_kernel(const char *name)
{
	(void)kernel();
	for (size_t i = 0; i < N_KERNELS; i++) {
		if (strcmp(kernels[i]->name, name) != 0 || !kernels[i]->is_there() || !known_answer(kernels[i]))
			continue;
		current = kernels[i];
		works = true;
		return true;
	}
	return false;
}

/* ---- streams ---- */

void
sha256x_init(struct sha256x *s)
{
	/* FIPS 180-4 section 5.3.3 */
	*s = (struct sha256x){
		.h = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19},
	};
}

void
sha256x_update(struct sha256x *s, const void *data, size_t len)
{
	struct view in = view_of(data, len);

	update_many(kernel(), &s, &in, 1);
}

void
sha256x_update_many(struct sha256x *const streams[], const void *const data[], const size_t len[], size_t n)
{
	struct view in[SHA256X_MAX_LANES];

	for (size_t i = 0; i < n; i++)
		in[i] = view_of(data[i], len[i]);
	update_many(kernel(), streams, in, n);
}

void
sha256x_final(struct sha256x *s, uint8_t out[static 32])
{
	finish(kernel(), s, out);
}
