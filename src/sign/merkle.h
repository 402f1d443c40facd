/* SPDX-License-Identifier: Apache-2.0 */
/* Inclusion proofs of a Merkle tree over SHA-256 (RFC 6962 section 2.1; RFC 9162 section 2.1.3.2). */
#ifndef SIGN_MERKLE_H
#define SIGN_MERKLE_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/fault.h"
#include "base/view.h"

#define MERKLE_LEN 32 /* bytes of a hash */

/** merkle_leaf() - the hash of a leaf that holds @data */
coffer_err merkle_leaf(struct fault *f, struct view data, uint8_t out[static MERKLE_LEN]);

/**
 * merkle_root() - the root of a tree of @size leaves whose leaf number @index hashes to @leaf
 * @path: @n hashes from the leaf's neighbour upwards, as foreign as their number and lengths
 *
 * COFFER_E_SIGNATURE when the leaf is not of the tree, or @path has another number of hashes than such a leaf needs.
 */
coffer_err merkle_root(struct fault *f, uint64_t index, uint64_t size, const uint8_t leaf[static MERKLE_LEN],
		       const struct buf *path, size_t n, uint8_t out[static MERKLE_LEN]);

#endif
