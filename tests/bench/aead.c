/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How much of libipsec-mb's speed aead_open() keeps, in cache, on one core.
 *
 *	make build/libcoffer-internal.a
 *	gcc -O2 -D_GNU_SOURCE -Iinclude -Isrc -o build/bench-aead tests/bench/aead.c build/libcoffer-internal.a \
 *		-lIPSec_MB -lcrypto -lpthread
 *	taskset -c 0 build/bench-aead
 *
 * Three ways to open one record take turns, so that a change of clock or a
 * busy neighbour meets them alike; of each the median of the rounds is shown.  The ratio is the
 * median of the ratios within a round.  Exits with 1 when it is under 0.97.
 */
#include <intel-ipsec-mb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "crypto/aead.h"

enum { ROUNDS = 15, LONGEST = 1 << 20 };

#define SECONDS_A_TURN 0.05
#define WANTED 0.97

static const uint8_t key_bytes[AEAD_KEY_LEN] = {1, 2, 3};
static const uint8_t nonce[AEAD_NONCE_LEN] = {4, 5, 6};
static const uint8_t aad[32] = {7, 8, 9};

static _Alignas(4096) uint8_t sealed[LONGEST];
static _Alignas(4096) uint8_t opened[LONGEST];
static uint8_t tag[AEAD_TAG_LEN];

static IMB_MGR *mgr;
static struct gcm_key_data expanded;
static struct aead_key *fast;
static struct aead_key *portable;

static void
must(bool good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "bench: %s failed\n", what);
	exit(2);
}

static bool
open_direct(size_t len)
{
	struct gcm_context_data ctx;
	uint8_t computed[AEAD_TAG_LEN];

	IMB_AES256_GCM_DEC(mgr, &expanded, &ctx, opened, sealed, len, nonce, aad, sizeof(aad), computed,
			   sizeof(computed));
	return memcmp(computed, tag, sizeof(tag)) == 0;
}

static bool
open_fast(size_t len)
{
	return aead_open(NULL, fast, nonce, view_of(aad, sizeof(aad)), sealed, len, opened, tag) == COFFER_OK;
}

static bool
open_portable(size_t len)
{
	return aead_open(NULL, portable, nonce, view_of(aad, sizeof(aad)), sealed, len, opened, tag) == COFFER_OK;
}

static const struct {
	const char *name;
	bool (*open)(size_t len);
} ways[] = {
	{"libipsec-mb, called directly", open_direct},
	{"aead_open, libipsec-mb", open_fast},
	{"aead_open, OpenSSL", open_portable},
};

enum { DIRECT, FAST, PORTABLE, N_WAYS };

static double
now(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static double
gigabytes_a_second(bool (*open)(size_t len), size_t len)
{
	double start = now();
	double end = start;
	size_t n = 0;

	while (end - start < SECONDS_A_TURN) {
		for (int i = 0; i < 16; i++)
			must(open(len), "opening");
		n += 16;
		end = now();
	}
	return (double)n * (double)len / (end - start) / 1e9;
}

static int
ascending(const void *a, const void *b)
{
	double x = *(const double *)a;
	double y = *(const double *)b;

	return (x > y) - (x < y);
}

static double
median(const double *v)
{
	double sorted[ROUNDS];

	memcpy(sorted, v, sizeof(sorted));
	qsort(sorted, ROUNDS, sizeof(sorted[0]), ascending);
	return sorted[ROUNDS / 2];
}

static double
compare(size_t len)
{
	double speed[N_WAYS][ROUNDS];
	double ratio[ROUNDS];

	must(aead_seal(NULL, fast, nonce, view_of(aad, sizeof(aad)), opened, len, sealed, tag) == COFFER_OK, "sealing");
	for (int r = 0; r < ROUNDS; r++) {
		/* each way goes first in turn */
		for (int i = 0; i < N_WAYS; i++) {
			int w = (i + r) % N_WAYS;

			speed[w][r] = gigabytes_a_second(ways[w].open, len);
		}
		ratio[r] = speed[FAST][r] / speed[DIRECT][r];
	}
	for (int w = 0; w < N_WAYS; w++)
		printf("%5zu KiB  %-30s %6.2f GB/s\n", len >> 10, ways[w].name, median(speed[w]));
	printf("%5zu KiB  ratio %.3f\n", len >> 10, median(ratio));
	return median(ratio);
}

int
main(void)
{
	bool kept;

	mgr = alloc_mb_mgr(0);
	must(mgr, "libipsec-mb");
	init_mb_mgr_auto(mgr, NULL);
	IMB_AES256_GCM_PRE(mgr, key_bytes, &expanded);
	must(aead_use_engine("libipsec-mb"), "the engine libipsec-mb");
	must(aead_key_new(NULL, key_bytes, &fast) == COFFER_OK, "a key");
	must(aead_use_engine("OpenSSL"), "the engine OpenSSL");
	must(aead_key_new(NULL, key_bytes, &portable) == COFFER_OK, "a key");
	kept = compare(64 << 10) >= WANTED;
	kept = compare(1 << 20) >= WANTED && kept;
	aead_key_free(&fast);
	aead_key_free(&portable);
	free_mb_mgr(mgr);
	return kept ? 0 : 1;
}
