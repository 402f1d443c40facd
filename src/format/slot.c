/* SPDX-License-Identifier: Apache-2.0 */
#include "format/slot.h"

#include <string.h>

#include "crypto/hash.h"

static const uint8_t magic[8] = {'c', 'o', 'f', 'k', 'e', 'y', 's', '\n'};

#define HASHED_LEN 32 /* of the slot's head; the hash follows */

coffer_err
slot_encode(struct fault *f, struct view doc, uint8_t image[static SLOT_LEN])
{
	if (doc.len == 0 || doc.len > SLOT_DOC_MAX)
		return fault_set(f, COFFER_E_USAGE,
				 "a key block of %zu bytes is over %d: use fewer recipients or a shorter context",
				 doc.len, SLOT_DOC_MAX);
	memset(image, 0, SLOT_LEN);
	memcpy(image, magic, sizeof(magic));
	put_be32(image + 8, (uint32_t)doc.len);
	memcpy(image + SLOT_HEAD_LEN, doc.p, doc.len);
	return sha256_two(f, view_of(image, HASHED_LEN), doc, image + HASHED_LEN);
}

coffer_err
slot_decode(struct fault *f, const uint8_t image[static SLOT_LEN], enum slot_state *state_out, struct view *doc_out)
{
	struct view v = view_of(image, SLOT_LEN), head, zero, hash;
	uint8_t want[SHA256_LEN];
	uint32_t len;
	coffer_err err = COFFER_OK;

	*state_out = SLOT_DAMAGED;
	*doc_out = view_of(NULL, 0);
	if (view_zero(view_of(image, SLOT_HEAD_LEN))) {
		*state_out = SLOT_BLANK;
		return COFFER_OK;
	}
	if (!view_take(&v, sizeof(magic), &head) || memcmp(head.p, magic, sizeof(magic)) != 0 || !view_be32(&v, &len) ||
	    !view_take(&v, 20, &zero) || !view_zero(zero) || !view_take(&v, SHA256_LEN, &hash) || len == 0 ||
	    !view_take(&v, len, doc_out) || !view_zero(v))
		return COFFER_OK;
	TRY(sha256_two(f, view_of(image, HASHED_LEN), *doc_out, want));
	if (memcmp(want, hash.p, SHA256_LEN) == 0)
		*state_out = SLOT_GOOD;
out:
	return err;
}
