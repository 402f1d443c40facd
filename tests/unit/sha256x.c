/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/sha256x.h"

#include <openssl/evp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/enc.h"
#include "crypto/sha256x_kernel.h"

enum { LONGEST = 300, HASH_LEN = 32 };

static const char *const kernels[] = {"sha-ni", "armv8-sha2", "portable"};

enum { N_KERNELS = sizeof(kernels) / sizeof(kernels[0]) };

/* room to begin at any of 16 places, so that no kernel sees aligned bytes alone */
static uint8_t bytes[4096 + 16];
/* the hash of the first LEN of @bytes + PLACE, from another implementation */
static uint8_t oracle[SHA256X_MAX_LANES][LONGEST + 1][HASH_LEN];

static void
hash_elsewhere(const void *data, size_t len, uint8_t out[HASH_LEN])
{
	assert_int_equal(EVP_Digest(data, len, out, NULL, EVP_sha256(), NULL), 1);
}

static int
setup(void **state)
{
	uint32_t v = 1;

	(void)state;
	for (size_t i = 0; i < sizeof(bytes); i++) {
		v = v * 1664525 + 1013904223;
		bytes[i] = (uint8_t)(v >> 24);
	}
	for (size_t place = 0; place < SHA256X_MAX_LANES; place++)
		for (size_t len = 0; len <= LONGEST; len++)
			hash_elsewhere(bytes + place, len, oracle[place][len]);
	return 0;
}

static void
assert_hash(const uint8_t hash[HASH_LEN], const char *expected)
{
	char text[2 * HASH_LEN + 1];

	enc_hex(hash, HASH_LEN, text);
	assert_string_equal(text, expected);
}

/* ---- literal answers ---- */

/* FIPS 180-2 appendix B and NIST's example of no message; the million follows as a test of its own */
static const struct {
	const char *message;
	const char *hash;
} messages[] = {
	{"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
	{"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
	{"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
	 "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
	{"abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqr"
	 "stu",
	 "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1"},
};

static void
known_messages(void)
{
	uint8_t out[HASH_LEN];
	struct sha256x s;

	for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++) {
		sha256x_init(&s);
		sha256x_update(&s, messages[i].message, strlen(messages[i].message));
		sha256x_final(&s, out);
		assert_hash(out, messages[i].hash);
	}
}

static void
million_a(void)
{
	char a[1000];
	uint8_t out[HASH_LEN];
	struct sha256x s;

	memset(a, 'a', sizeof(a));
	sha256x_init(&s);
	for (int i = 0; i < 1000; i++)
		sha256x_update(&s, a, sizeof(a));
	sha256x_final(&s, out);
	assert_hash(out, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

/* ---- one stream, every length, cut in two at every place ---- */

static void
every_cut(void)
{
	uint8_t out[HASH_LEN];
	struct sha256x s;

	for (size_t len = 0; len <= LONGEST; len++) {
		for (size_t cut = 0; cut <= len; cut++) {
			sha256x_init(&s);
			sha256x_update(&s, bytes, cut);
			sha256x_update(&s, bytes + cut, len - cut);
			sha256x_final(&s, out);
			assert_memory_equal(out, oracle[0][len], HASH_LEN);
		}
	}
}

static void
byte_by_byte(void)
{
	uint8_t out[HASH_LEN];
	struct sha256x s;

	for (size_t len = 0; len <= LONGEST; len++) {
		sha256x_init(&s);
		for (size_t i = 0; i < len; i++)
			sha256x_update(&s, bytes + i, 1);
		sha256x_final(&s, out);
		assert_memory_equal(out, oracle[0][len], HASH_LEN);
	}
}

/* ---- several streams ---- */

/* Streams of the lengths @len, each cut at its own place. */
static void
assert_together(size_t n, const size_t len[], const size_t cut[])
{
	struct sha256x streams[SHA256X_MAX_LANES];
	struct sha256x *at[SHA256X_MAX_LANES];
	const void *first[SHA256X_MAX_LANES], *second[SHA256X_MAX_LANES];
	size_t rest[SHA256X_MAX_LANES];
	uint8_t out[HASH_LEN];

	for (size_t i = 0; i < n; i++) {
		sha256x_init(&streams[i]);
		at[i] = &streams[i];
		first[i] = bytes + i;
		second[i] = bytes + i + cut[i];
		rest[i] = len[i] - cut[i];
	}
	sha256x_update_many(at, first, cut, n);
	sha256x_update_many(at, second, rest, n);
	for (size_t i = 0; i < n; i++) {
		sha256x_final(&streams[i], out);
		assert_memory_equal(out, oracle[i][len[i]], HASH_LEN);
	}
}

static void
same_lengths(void)
{
	size_t len[SHA256X_MAX_LANES], cut[SHA256X_MAX_LANES];

	for (size_t n = 1; n <= SHA256X_MAX_LANES; n++) {
		for (size_t l = 0; l <= LONGEST; l++) {
			for (size_t c = 0; c <= l; c += l % 64 == 0 ? 1 : 7) {
				for (size_t i = 0; i < n; i++) {
					len[i] = l;
					cut[i] = c;
				}
				assert_together(n, len, cut);
			}
		}
	}
}

static void
mixed_lengths(void)
{
	size_t len[SHA256X_MAX_LANES], cut[SHA256X_MAX_LANES];
	uint32_t v = 7;

	for (size_t n = 1; n <= SHA256X_MAX_LANES; n++) {
		for (int round = 0; round < 2000; round++) {
			for (size_t i = 0; i < n; i++) {
				v = v * 1664525 + 1013904223;
				len[i] = (v >> 16) % (LONGEST + 1);
				v = v * 1664525 + 1013904223;
				cut[i] = (v >> 16) % (len[i] + 1);
			}
			assert_together(n, len, cut);
		}
	}
}

/* One stream among others that end at once, or have nothing: it stands in each place. */
static void
one_long(void)
{
	size_t len[SHA256X_MAX_LANES], cut[SHA256X_MAX_LANES] = {0};

	for (size_t n = 1; n <= SHA256X_MAX_LANES; n++) {
		for (size_t which = 0; which < n; which++) {
			for (size_t others = 0; others <= 128; others += 32) {
				for (size_t i = 0; i < n; i++)
					len[i] = i == which ? LONGEST : others;
				assert_together(n, len, cut);
			}
		}
	}
}

static void
nothing_at_all(void)
{
	struct sha256x s, *at = &s;
	uint8_t out[HASH_LEN];

	sha256x_init(&s);
	sha256x_update(&s, NULL, 0);
	sha256x_update(&s, "abc", 3);
	sha256x_update(&s, NULL, 0);
	sha256x_update_many(&at, &(const void *){NULL}, &(size_t){0}, 1);
	sha256x_update_many(NULL, NULL, NULL, 0);
	sha256x_final(&s, out);
	assert_hash(out, messages[1].hash);
}

/* A length in bits that needs more than 32 bits: 512 MiB and a byte of zeros */
static void
long_length(void)
{
	static const uint8_t zeros[65536];
	struct sha256x s;
	uint8_t out[HASH_LEN];

	sha256x_init(&s);
	for (size_t i = 0; i < (512u << 20) / sizeof(zeros); i++)
		sha256x_update(&s, zeros, sizeof(zeros));
	sha256x_update(&s, zeros, 1);
	sha256x_final(&s, out);
	assert_hash(out, "7c40fe5ce847740d0f0d0cdde3949d6585804cdec3ae61a15b923165699c8137");
}

static void
final_wipes(void)
{
	static const struct sha256x wiped;
	struct sha256x s;
	uint8_t out[HASH_LEN];

	sha256x_init(&s);
	sha256x_update(&s, "secret", 6);
	sha256x_final(&s, out);
	assert_memory_equal(&s, &wiped, sizeof(s));
}

/* ---- each of them with each kernel ---- */

static const struct {
	const char *name;
	void (*run)(void);
} tests[] = {
	{"known messages", known_messages},
	{"a million times «a»", million_a},
	{"every length, every cut", every_cut},
	{"byte by byte", byte_by_byte},
	{"streams of the same length", same_lengths},
	{"streams of mixed lengths", mixed_lengths},
	{"one long stream among short ones", one_long},
	{"nothing at all", nothing_at_all},
	{"the stream is wiped", final_wipes},
};

enum { N_TESTS = sizeof(tests) / sizeof(tests[0]) };

struct with_kernel {
	const char *kernel;
	void (*run)(void);
};

static void
run_with(void **state)
{
	const struct with_kernel *w = *state;

	if (!sha256x_use_kernel(w->kernel))
		skip();
	assert_string_equal(sha256x_kernel_name(), w->kernel);
	w->run();
}

static void
long_length_best(void **state)
{
	(void)state;
	/* the kernel has no part in it: the fastest will do */
	for (size_t i = 0; i < N_KERNELS; i++)
		if (sha256x_use_kernel(kernels[i]))
			break;
	long_length();
}

#ifdef __x86_64__
/* Whether the system names a feature of this processor. */
static bool
system_says(const char *feature)
{
	char line[8192];
	bool found = false;
	FILE *in = fopen("/proc/cpuinfo", "r");

	assert_non_null(in);
	while (!found && fgets(line, sizeof(line), in))
		found = strncmp(line, "flags", 5) == 0 && strstr(line, feature);
	(void)fclose(in);
	return found;
}
#endif

/* First of all, while no test has chosen one.  One that is there but gave a wrong known answer would be skipped below. */
static void
chooses(void **state)
{
	const char *best = sha256x_shani.is_there() ? "sha-ni" : sha256x_armv8.is_there() ? "armv8-sha2" : "portable";
	struct fault f = {0};

	(void)state;
	assert_int_equal(sha256x_selftest(&f), COFFER_OK);
	assert_string_equal(sha256x_kernel_name(), best);
	assert_in_range(sha256x_lanes(), 1, SHA256X_MAX_LANES);
#ifdef __x86_64__
	assert_int_equal(sha256x_shani.is_there(), system_says(" sha_ni"));
	assert_false(sha256x_use_kernel("armv8-sha2"));
#else
	assert_false(sha256x_use_kernel("sha-ni"));
#endif
	assert_false(sha256x_use_kernel("abacus"));
	assert_true(sha256x_use_kernel("portable"));
	assert_int_equal(sha256x_lanes(), 1);
}

int
main(void)
{
	static struct with_kernel with[N_KERNELS * N_TESTS];
	static char names[N_KERNELS * N_TESTS][80];
	static struct CMUnitTest all[N_KERNELS * N_TESTS + 2];
	size_t n = 0;

	all[n++] = (struct CMUnitTest)cmocka_unit_test(chooses);
	for (size_t i = 0; i < N_KERNELS * N_TESTS; i++) {
		with[i] = (struct with_kernel){kernels[i / N_TESTS], tests[i % N_TESTS].run};
		(void)snprintf(names[i], sizeof(names[i]), "%s: %s", with[i].kernel, tests[i % N_TESTS].name);
		all[n++] = (struct CMUnitTest){names[i], run_with, NULL, NULL, &with[i]};
	}
	all[n++] = (struct CMUnitTest)cmocka_unit_test(long_length_best);
	return cmocka_run_group_tests_name("sha256x", all, setup, NULL);
}
