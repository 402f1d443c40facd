/* SPDX-License-Identifier: Apache-2.0 */
#include "sign/merkle.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/enc.h"
#include "crypto/hash.h"

#define N_LEAVES 8

/* the tree that the reference code of RFC 6962 is tested with: leaf i has i bytes, but for the long ones */
static const char *const leaves[N_LEAVES] = {
	"", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"};
static const char *const roots[N_LEAVES] = {
	"6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
	"fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
	"aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
	"d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
	"4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
	"76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
	"ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
	"5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
};

static uint8_t hashes[N_LEAVES][MERKLE_LEN];

static int
setup(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_LEAVES; i++) {
		uint8_t data[16];
		size_t len = strlen(leaves[i]) / 2;

		if (!dec_hex(leaves[i], 2 * len, data, len) ||
		    merkle_leaf(NULL, view_of(data, len), hashes[i]) != COFFER_OK)
			return -1;
	}
	return 0;
}

/* the definition (RFC 6962 2.1), in the plainest way */
static void
plain_root(size_t first, size_t n, uint8_t out[MERKLE_LEN])
{
	uint8_t node[1 + 2 * MERKLE_LEN] = {1};
	size_t k = 1;

	if (n == 1) {
		memcpy(out, hashes[first], MERKLE_LEN);
		return;
	}
	while (2 * k < n)
		k *= 2;
	plain_root(first, k, node + 1);
	plain_root(first + k, n - k, node + 1 + MERKLE_LEN);
	assert_int_equal(sha256(NULL, view_of(node, sizeof(node)), out), COFFER_OK);
}

struct path {
	uint8_t bytes[8][MERKLE_LEN];
	struct buf hashes[8];
	size_t n;
};

static void
plain_path(size_t first, size_t n, size_t index, struct path *p)
{
	size_t k = 1;

	if (n == 1)
		return;
	while (2 * k < n)
		k *= 2;
	if (index < k) {
		plain_path(first, k, index, p);
		plain_root(first + k, n - k, p->bytes[p->n]);
	} else {
		plain_path(first + k, n - k, index - k, p);
		plain_root(first, k, p->bytes[p->n]);
	}
	p->hashes[p->n] = (struct buf){.p = p->bytes[p->n], .len = MERKLE_LEN};
	p->n++;
}

static void
test_roots(void **state)
{
	(void)state;
	for (size_t size = 1; size <= N_LEAVES; size++) {
		uint8_t want[MERKLE_LEN], got[MERKLE_LEN];

		assert_true(dec_hex(roots[size - 1], 64, want, MERKLE_LEN));
		for (size_t i = 0; i < size; i++) {
			struct path p = {.n = 0};

			plain_path(0, size, i, &p);
			assert_int_equal(merkle_root(NULL, i, size, hashes[i], p.hashes, p.n, got), COFFER_OK);
			assert_memory_equal(got, want, MERKLE_LEN);
		}
	}
}

/* each index but the right one leads to another root, or needs another number of hashes */
static void
test_other_index(void **state)
{
	uint8_t want[MERKLE_LEN], got[MERKLE_LEN];

	(void)state;
	assert_true(dec_hex(roots[6], 64, want, MERKLE_LEN));
	for (size_t i = 0; i < 7; i++) {
		struct path p = {.n = 0};

		plain_path(0, 7, i, &p);
		for (size_t other = 0; other < 9; other++)
			if (other != i && merkle_root(NULL, other, 7, hashes[i], p.hashes, p.n, got) == COFFER_OK)
				assert_memory_not_equal(got, want, MERKLE_LEN);
	}
}

static void
assert_sentence(uint64_t index, uint64_t size, const struct buf *path, size_t n, const char *part)
{
	struct fault f = {.err = COFFER_OK};
	uint8_t got[MERKLE_LEN];

	assert_int_equal(merkle_root(&f, index, size, hashes[0], path, n, got), COFFER_E_SIGNATURE);
	if (!strstr(f.text, part))
		fail_msg("«%s», not «%s»", f.text, part);
}

static void
test_refused(void **state)
{
	struct path p = {.n = 0};

	(void)state;
	plain_path(0, 8, 0, &p);
	assert_int_equal(p.n, 3);
	assert_sentence(0, 8, p.hashes, 2, "has 2 hashes where the entry's place in the tree needs 3");
	assert_sentence(0, 8, p.hashes, 4, "has 4 hashes");
	assert_sentence(8, 8, p.hashes, 3, "has only 8");
	assert_sentence(0, 0, p.hashes, 3, "has only 0");
	assert_sentence(UINT64_MAX, UINT64_MAX, p.hashes, 3, "has only");
	assert_sentence(0, UINT64_MAX, p.hashes, 3, "needs 64");
	assert_sentence(UINT64_MAX - 1, UINT64_MAX, p.hashes, 3, "needs 63");
	p.hashes[1].len = 31;
	assert_sentence(0, 8, p.hashes, 3, "hash 2 of the inclusion proof has 31 bytes");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_roots),
		cmocka_unit_test(test_other_index),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests_name("merkle", tests, setup, NULL);
}
