/* SPDX-License-Identifier: Apache-2.0 */
#include "sign/merkle.h"

#include <string.h>

#include "crypto/digest.h"

/* a leaf and a node begin with another byte, so that neither can be taken for the other */
static const uint8_t leaf_prefix = 0x00, node_prefix = 0x01;

coffer_err
merkle_leaf(struct fault *f, struct view data, uint8_t out[static MERKLE_LEN])
{
	struct view parts[] = {view_of(&leaf_prefix, 1), data};
	uint8_t hash[DIGEST_MAX];
	coffer_err err = digest_of_parts(f, DIGEST_SHA256, parts, 2, hash);

	if (err == COFFER_OK)
		memcpy(out, hash, MERKLE_LEN);
	return err;
}

/* put the hash of the node over @left and @right into @out, which may be either of them */
static coffer_err
hash_node(struct fault *f, const uint8_t *left, const uint8_t *right, uint8_t *out)
{
	struct view parts[] = {view_of(&node_prefix, 1), view_of(left, MERKLE_LEN), view_of(right, MERKLE_LEN)};
	uint8_t hash[DIGEST_MAX];
	coffer_err err = digest_of_parts(f, DIGEST_SHA256, parts, 3, hash);

	if (err == COFFER_OK)
		memcpy(out, hash, MERKLE_LEN);
	return err;
}

static unsigned int
bit_length(uint64_t v)
{
	return v == 0 ? 0 : 64 - (unsigned int)__builtin_clzll(v);
}

static coffer_err
check_path(struct fault *f, const struct buf *path, size_t n, size_t needed)
{
	if (n != needed)
		return fault_set(f, COFFER_E_SIGNATURE,
				 "the inclusion proof has %zu hashes where the entry's place in the tree needs %zu", n,
				 needed);
	for (size_t i = 0; i < n; i++)
		if (path[i].len != MERKLE_LEN)
			return fault_set(f, COFFER_E_SIGNATURE,
					 "hash %zu of the inclusion proof has %zu bytes; each has %d", i + 1,
					 path[i].len, MERKLE_LEN);
	return COFFER_OK;
}

coffer_err
merkle_root(struct fault *f, uint64_t index, uint64_t size, const uint8_t leaf[static MERKLE_LEN],
	    const struct buf *path, size_t n, uint8_t out[static MERKLE_LEN])
{
	unsigned int inner, border;
	coffer_err err = COFFER_OK;

	if (index >= size)
		return fault_set(f, COFFER_E_SIGNATURE,
				 "the inclusion proof is for entry %llu of a tree that has only %llu",
				 (unsigned long long)index, (unsigned long long)size);
	/* below where the ways to this leaf and to the last one part, each level has a neighbour; above, those on the left alone */
	inner = bit_length(index ^ (size - 1));
	border = inner < 64 ? (unsigned int)__builtin_popcountll(index >> inner) : 0;
	TRY(check_path(f, path, n, (size_t)inner + border));
	memcpy(out, leaf, MERKLE_LEN);
	for (size_t i = 0; i < n; i++) {
		if (i >= inner || (index >> i & 1) != 0)
			TRY(hash_node(f, path[i].p, out, out));
		else
			TRY(hash_node(f, out, path[i].p, out));
	}
out:
	return err;
}
