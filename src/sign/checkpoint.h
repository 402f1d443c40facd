/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A checkpoint: the size and root of a log's tree, as a signed note (C2SP tlog-checkpoint, signed-note).
 *
 *     log2025-1.rekor.sigstore.dev          origin
 *     736                                   size
 *     rs1YPY0ydAV0lxgfrq5pE4oRpUJwo3s…      root, base64
 *                                           (more lines, then an empty one)
 *     — log2025-1.rekor.sigstore.dev 8w1…   signatures: name, base64 of a hint of 4 bytes and the signature
 *
 * What is signed are the lines before the empty one, each with its line end.
 */
#ifndef SIGN_CHECKPOINT_H
#define SIGN_CHECKPOINT_H

#include <stdint.h>

#include "base/fault.h"
#include "base/view.h"
#include "crypto/pkey.h"
#include "sign/merkle.h"

#define CHECKPOINT_HINT 4 /* bytes of a key's id that go with a signature */

/** struct checkpoint - one that was read; views into the note */
struct checkpoint {
	struct view text; /* what is signed */
	struct view origin;
	uint64_t size;
	uint8_t root[MERKLE_LEN];
	struct view signatures; /* the lines behind the empty one */
};

/** checkpoint_parse() - read @note; COFFER_E_FORMAT for one without origin, size, root or signatures.  Nothing is believed yet. */
coffer_err checkpoint_parse(struct fault *f, struct view note, struct checkpoint *out);

/**
 * checkpoint_verify() - whether @name signed @c with @key
 * @hint: the first bytes of the key's id
 *
 * The first line of that name and hint decides; those of other keys are passed over, wherever they stand.
 * COFFER_E_SIGNATURE when there is none or it is false, COFFER_E_FORMAT for a line that is none.
 */
coffer_err checkpoint_verify(struct fault *f, const struct checkpoint *c, const char *name,
			     const uint8_t hint[static CHECKPOINT_HINT], const struct pubkey *key);

#endif
