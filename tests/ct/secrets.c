/* SPDX-License-Identifier: Apache-2.0 */
/*
 * No branch and no address depends on a secret: under valgrind the secrets are declared to be never written, and what it
 * then reports are the branches and addresses that depend on them.
 *
 * A verdict («they differ», «not base64») is public, and its one branch is counted as such.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <valgrind/memcheck.h>

#include "base/crc32c.h"
#include "base/enc.h"
#include "format/keyblock.h"
#include "mem/secret.h"

#define LEN 32

static uint8_t secret[LEN], other[LEN], out[LEN];
static char text[ENC_B64_LEN(LEN) + 2 * LEN + 1];
static volatile int sink;

static void
hide(void *p, size_t len)
{
	(void)VALGRIND_MAKE_MEM_UNDEFINED(p, len);
}

static void
show(void *p, size_t len)
{
	(void)VALGRIND_MAKE_MEM_DEFINED(p, len);
}

static void
run_mem_equal(void)
{
	hide(secret, LEN);
	sink = mem_equal(secret, other, LEN);
}

static void
run_memcmp(void)
{
	hide(secret, LEN);
	sink = memcmp(secret, other, LEN) > 0;
}

static void
run_enc_hex(void)
{
	hide(secret, LEN);
	enc_hex(secret, LEN, text);
}

static void
run_enc_b64(void)
{
	hide(secret, LEN);
	enc_b64(secret, LEN, text);
}

static void
run_dec_hex(void)
{
	enc_hex(other, LEN, text);
	hide(text, (size_t)2 * LEN);
	sink = dec_hex(text, (size_t)2 * LEN, out, LEN);
}

static void
run_dec_b64(void)
{
	size_t len;

	enc_b64(other, LEN, text);
	/* the two places where padding may stand are looked at, for they tell the length, which is public */
	hide(text, ENC_B64_LEN(LEN) - 2);
	sink = dec_b64(text, ENC_B64_LEN(LEN), out, LEN, &len);
}

static void
run_crc32c(void)
{
	hide(secret, LEN);
	put_be32(out, crc32c(view_of(secret, LEN)));
}

/* the keys of a file, and the comparison of its commitment */
static void
run_commitment(void)
{
	static const struct head h = {.count = 1, .record_size = 65536, .path = "f"};
	struct head_keys keys;

	hide(secret, LEN);
	if (head_keys(NULL, &h, secret, &keys) != COFFER_OK)
		abort();
	sink = mem_equal(keys.commitment, h.commitment, LEN);
	mem_wipe(&keys, sizeof(keys));
}

/* commitment and MAC of a key block: two verdicts, of which the first is the last here, for it differs */
static void
run_verify(void)
{
	struct keyblock k = KEYBLOCK_INIT;

	hide(secret, LEN);
	sink = keyblock_verify(NULL, &k, secret);
}

static const struct {
	const char *name;
	void (*run)(void);
	unsigned int verdicts;
	bool guilty; /* a control: it must be reported */
} cases[] = {
	{"mem_equal", run_mem_equal, 0, false},
	{"enc_hex", run_enc_hex, 0, false},
	{"enc_b64", run_enc_b64, 0, false},
	{"dec_hex", run_dec_hex, 1, false},
	{"dec_b64", run_dec_b64, 1, false},
	{"crc32c", run_crc32c, 0, false},
	{"commitment of a file", run_commitment, 0, false},
	{"key block", run_verify, 1, false},
	{"memcmp, the control", run_memcmp, 1, true},
};

int
main(void)
{
	unsigned int failed = 0, n = sizeof(cases) / sizeof(cases[0]);

	if (!RUNNING_ON_VALGRIND) {
		printf("skipped: it is not run under valgrind\n");
		return 77;
	}
	for (unsigned int i = 0; i < n; i++) {
		unsigned int before = VALGRIND_COUNT_ERRORS, found;
		int verdict;

		cases[i].run();
		found = VALGRIND_COUNT_ERRORS - before;
		show(secret, LEN);
		show(text, sizeof(text));
		show(out, LEN);
		verdict = sink;
		show(&verdict, sizeof(verdict));
		sink = 0;
		if (cases[i].guilty ? found == 0 : found != cases[i].verdicts) {
			printf("%s: %u branches or addresses depend on a secret, of which %u may\n", cases[i].name,
			       found, cases[i].verdicts);
			failed++;
		}
	}
	printf("%u passed, %u failed, 0 skipped\n", n - failed, failed);
	return failed != 0;
}
