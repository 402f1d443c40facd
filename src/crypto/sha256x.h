/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SHA-256 (FIPS 180-4) of several streams at once on one core.
 *
 * One stream is bound by the latency of the SHA instructions; several
 * independent ones, interleaved, fill the pipeline.  The kernel is chosen at run time by a
 * known-answer test: SHA extensions (x86, Arm), else portable C.
 */
#ifndef CRYPTO_SHA256X_H
#define CRYPTO_SHA256X_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"

#define SHA256X_BLOCK 64
#define SHA256X_MAX_LANES 8

/** struct sha256x - one stream */
struct sha256x {
	uint32_t h[8];
	uint64_t len;		     /* bytes taken so far */
	uint8_t tail[SHA256X_BLOCK]; /* bytes of an unfinished block: len % 64 of them */
};

/** sha256x_selftest() - known answers, once a process; COFFER_E_SELFTEST when no kernel gives them */
coffer_err sha256x_selftest(struct fault *f);

/** sha256x_init() - begin a stream */
void sha256x_init(struct sha256x *s);

/** sha256x_update() - take @len bytes into one stream */
void sha256x_update(struct sha256x *s, const void *data, size_t len);

/**
 * sha256x_update_many() - take bytes into @n streams at once
 * @streams: @n different streams, 1 to SHA256X_MAX_LANES
 * @data: for each stream, its bytes
 * @len: for each stream, how many; they need not be equal
 *
 * As @n calls of sha256x_update(), faster.
 */
void sha256x_update_many(struct sha256x *const streams[], const void *const data[], const size_t len[], size_t n);

/** sha256x_final() - end a stream and give its hash; the stream is wiped */
void sha256x_final(struct sha256x *s, uint8_t out[static 32]);

/** sha256x_lanes() - how many streams at once are best on this machine, 1 to SHA256X_MAX_LANES */
size_t sha256x_lanes(void);

/** sha256x_kernel_name() - «sha-ni», «armv8-sha2» or «portable» */
const char *sha256x_kernel_name(void);

/**
 * sha256x_use_kernel() - for tests and benchmarks: take that kernel from now on; false when it is not there
 *
 * No other thread may be hashing.
 */
bool sha256x_use_kernel(const char *name);

#endif
