/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A slot of an embedded key block.  The first byte says what the rest is: a document, an image, or an image whose hash is
 * put right first, so that what lies behind the hash is reached.
 */
#include <string.h>

#include "base/num.h"
#include "crypto/hash.h"
#include "format/slot.h"
#include "support/fuzz.h"

enum what { DOCUMENT, IMAGE, HASHED_IMAGE, N_WHATS };

static uint8_t image[SLOT_LEN], again[SLOT_LEN];

static void
put_hash_right(void)
{
	uint64_t len = num_min(get_be32(image + 8), SLOT_DOC_MAX);

	need(sha256_two(NULL, view_of(image, 32), view_of(image + SLOT_HEAD_LEN, len), image + 32) == COFFER_OK);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum slot_state state;
	struct view doc;
	enum what what;

	if (size == 0)
		return 0;
	what = (enum what)(data[0] % N_WHATS);
	data++;
	size--;
	memset(image, 0, sizeof(image));
	if (what == DOCUMENT && slot_encode(NULL, view_of(data, size), image) != COFFER_OK) {
		need(size == 0 || size > SLOT_DOC_MAX);
		return 0;
	}
	if (what != DOCUMENT)
		memcpy(image, data, num_min(size, sizeof(image)));
	if (what == HASHED_IMAGE)
		put_hash_right();
	need(slot_decode(NULL, image, &state, &doc) == COFFER_OK);
	need(what != DOCUMENT || (state == SLOT_GOOD && doc.len == size && memcmp(doc.p, data, size) == 0));
	if (state == SLOT_GOOD) {
		need(slot_encode(NULL, doc, again) == COFFER_OK);
		need(memcmp(image, again, sizeof(image)) == 0);
	}
	if (state == SLOT_BLANK)
		need(view_zero(view_of(image, SLOT_HEAD_LEN)));
	return 0;
}
