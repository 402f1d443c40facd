/* SPDX-License-Identifier: Apache-2.0 */
/* Inclusion proofs: index, size, a leaf and hashes; only a leaf of the tree leads anywhere, and one alone is its own root. */
#include <stdlib.h>

#include "base/limits.h"
#include "sign/merkle.h"
#include "support/fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct view v = view_of(data, size), hash;
	struct buf path[LIMIT_PROOF_HASHES];
	uint8_t leaf[MERKLE_LEN], root[MERKLE_LEN];
	uint64_t index, n_leaves;
	size_t n = 0;

	if (!view_be64(&v, &index) || !view_be64(&v, &n_leaves) || !view_copy(&v, leaf, sizeof(leaf)))
		return 0;
	for (; n < LIMIT_PROOF_HASHES && view_take(&v, MERKLE_LEN, &hash); n++)
		path[n] = (struct buf){.p = (uint8_t *)(uintptr_t)hash.p, .len = hash.len};
	if (n < LIMIT_PROOF_HASHES && v.len > 0) { /* and one that is short */
		path[n] = (struct buf){.p = (uint8_t *)(uintptr_t)v.p, .len = v.len};
		n++;
	}
	if (merkle_root(NULL, index, n_leaves, leaf, path, n, root) != COFFER_OK)
		return 0;
	if (index >= n_leaves)
		abort();
	if (n == 0 && memcmp(root, leaf, MERKLE_LEN) != 0)
		abort();
	return 0;
}
