/* SPDX-License-Identifier: Apache-2.0 */
/* The key block: what decodes is not authentic, and encodes under any key to the same text but for commitment and MAC. */
#include <string.h>

#include "format/keyblock.h"
#include "support/fuzz.h"

static const uint8_t dek[DEK_LEN] = {0xfe, 0xed};

static void
check(struct view text, struct keyblock *k)
{
	struct buf again = BUF_INIT(LIMIT_KEYBLOCK), third = BUF_INIT(LIMIT_KEYBLOCK),
		   binding = BUF_INIT(LIMIT_BINDING);
	struct keyblock back = KEYBLOCK_INIT;
	size_t differ = 0;
	uint64_t edition = k->edition;

	if (edition > 0 && edition < DOC_NUMBER_MAX) {
		need(keyblock_encode_services(NULL, k, &third) == COFFER_OK);
		need(keyblock_decode(NULL, buf_view(&third), &back) == COFFER_OK);
		need(back.edition == edition + 1 && keyblock_is_newer(&back, k) == (k->edition < back.edition));
		need(memcmp(back.mac, k->mac, sizeof(k->mac)) == 0);
		keyblock_free(&back);
		third.len = 0;
	}
	for (size_t i = 0; i < k->n_files; i++)
		need(keyblock_find(k, k->files[i].path) == i);
	need(keyblock_binding(NULL, k, &binding) == COFFER_OK);
	need(keyblock_encode(NULL, k, dek, &again) == COFFER_OK);
	/* a new generation begins with edition 1 */
	need(edition > 1 || again.len == text.len);
	for (size_t i = 0; edition <= 1 && i < text.len; i++)
		differ += again.p[i] != text.p[i];
	need(differ <= 2 * 64);
	need(keyblock_decode(NULL, buf_view(&again), &back) == COFFER_OK);
	need(keyblock_verify(NULL, &back, dek) == COFFER_OK);
	need(keyblock_encode(NULL, &back, dek, &third) == COFFER_OK);
	need(third.len == again.len && memcmp(third.p, again.p, again.len) == 0);
	keyblock_free(&back);
	buf_free(&again);
	buf_free(&third);
	buf_free(&binding);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t other[DEK_LEN] = {1};
	struct keyblock k = KEYBLOCK_INIT;
	struct fault f = {.text = ""};
	coffer_err err = keyblock_decode(&f, view_of(data, size), &k);

	if (err == COFFER_OK) {
		need(keyblock_verify(NULL, &k, other) == COFFER_E_AUTH);
		check(view_of(data, size), &k);
	} else {
		need((err == COFFER_E_FORMAT || err == COFFER_E_UNSUPPORTED) && f.text[0] != '\0');
	}
	keyblock_free(&k);
	return 0;
}
