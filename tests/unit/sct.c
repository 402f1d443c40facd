/* SPDX-License-Identifier: Apache-2.0 */
#include "sign/sct.h"

#include "support/universe_kit.h"

#define BYTES(text)                                                                                                    \
	{                                                                                                              \
		(const uint8_t *)(text), sizeof(text) - 1                                                              \
	}

static coffer_err
judge(struct fault *f, const struct universe *u)
{
	return sct_verify(f, u->root, u->b.certs.v[0], u->root->cas[0].leaves.v[0]);
}

static void
test_right(void **state)
{
	struct universe u;

	(void)state;
	universe_open(&u, universe_v1);
	assert_int_equal(judge(NULL, &u), COFFER_OK);
	universe_close(&u);
}

static void
test_refused(void **state)
{
	const int64_t time = ((int64_t)UNIVERSE_TIME - 1) * 1000 + 7;
	struct trusted_log *log;
	struct universe u;

	(void)state;
	universe_open(&u, universe_v1);
	log = u.root->ctlogs;
	log->valid = (struct validity){.first = time, .last = time};
	assert_int_equal(judge(NULL, &u), COFFER_OK);
	log->valid = (struct validity){.first = time + 1, .last = INT64_MAX};
	assert_says(judge(&f, &u), COFFER_E_SIGNATURE,
		    "is of 2025-06-01T11:59:59Z, when the trusted root does not believe");
	log->valid = (struct validity){.first = 0, .last = time - 1};
	assert_says(judge(&f, &u), COFFER_E_SIGNATURE, "does not believe the log https://ct.example/2025");
	log->valid = (struct validity){.first = 0, .last = INT64_MAX};
	assert_says(sct_verify(&f, u.root, u.b.certs.v[0], u.root->cas[0].roots.v[0]), COFFER_E_SIGNATURE,
		    "in the certificate's SCT is false");
	assert_says(sct_verify(&f, u.root, u.root->cas[0].roots.v[0], u.root->cas[0].roots.v[0]), COFFER_E_SIGNATURE,
		    "has no SCT");
	pubkey_free(&log->key);
	assert_says(judge(&f, &u), COFFER_E_SIGNATURE, "an algorithm that is not used");
	log->id[0] ^= 1;
	log->checkpoint_id[0] ^= 1;
	assert_says(judge(&f, &u), COFFER_E_SIGNATURE, "none of the trusted root's logs");
	universe_close(&u);
}

static const struct {
	const char *name;
	struct view extension;
} bad_lists[] = {
	{"nothing", {NULL, 0}},
	{"no octet string", BYTES("\x0c\x05\0\3\0\1x")},
	{"behind the octet string", BYTES("\x04\x05\0\3\0\1xy")},
	{"an empty list", BYTES("\x04\x02\0\0")},
	{"a list longer than the string", BYTES("\x04\x05\0\4\0\1x")},
	{"a list shorter than the string", BYTES("\x04\x05\0\2\0\1x")},
	{"half a length", BYTES("\x04\x01\0")},
};

static void
test_lists(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bad_lists) / sizeof(bad_lists[0]); i++) {
		struct view list;

		print_message("%s\n", bad_lists[i].name);
		assert_says(sct_list(&f, bad_lists[i].extension, &list), COFFER_E_FORMAT, "list of SCTs is malformed");
	}
}

#define ID "abcdefghijklmnopqrstuvwxyz012345"
#define BODY ID "\0\0\1\x97\x2b\x5c\xea\7" /* and the time */

static void
test_next(void **state)
{
	struct view list = (struct view)BYTES("\0\x34\0" BODY "\0\2ex\4\3\0\3sig\0\x2f\0" BODY "\0\0\4\1\0\0");
	struct sct sct;

	(void)state;
	assert_int_equal(sct_next(NULL, &list, &sct), COFFER_OK);
	assert_memory_equal(sct.log_id.p, ID, LOG_ID_LEN);
	assert_true(sct.time == UINT64_C(0x1972b5cea07));
	assert_int_equal(sct.extensions.len, 2);
	assert_int_equal(sct.hash, 4);
	assert_int_equal(sct.algorithm, 3);
	assert_int_equal(sct.signature.len, 3);
	assert_int_equal(sct_next(NULL, &list, &sct), COFFER_OK);
	assert_int_equal(sct.algorithm, 1);
	assert_int_equal(sct.signature.len, 0);
	assert_int_equal(list.len, 0);
}

static const struct {
	const char *name;
	struct view list;
	coffer_err err;
} bad[] = {
	{"one byte", BYTES("\0"), COFFER_E_FORMAT},
	{"longer than the list", BYTES("\0\2\0"), COFFER_E_FORMAT},
	{"nothing inside", BYTES("\0\0"), COFFER_E_FORMAT},
	{"version 2", BYTES("\0\x2f\1" BODY "\0\0\4\1\0\0"), COFFER_E_UNSUPPORTED},
	{"no time", BYTES("\0\x21\0" ID), COFFER_E_FORMAT},
	{"extensions past the end", BYTES("\0\x2f\0" BODY "\0\5\4\1\0\0"), COFFER_E_FORMAT},
	{"a signature past the end", BYTES("\0\x2f\0" BODY "\0\0\4\1\0\1"), COFFER_E_FORMAT},
	{"bytes behind the signature", BYTES("\0\x30\0" BODY "\0\0\4\1\0\0x"), COFFER_E_FORMAT},
};

static void
test_bad(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct view list = bad[i].list;
		struct sct sct;

		print_message("%s\n", bad[i].name);
		assert_says(sct_next(&f, &list, &sct), bad[i].err, "the certificate has an SCT");
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_right), cmocka_unit_test(test_refused), cmocka_unit_test(test_lists),
		cmocka_unit_test(test_next),  cmocka_unit_test(test_bad),
	};

	return cmocka_run_group_tests_name("sct", tests, NULL, NULL);
}
