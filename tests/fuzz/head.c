/* SPDX-License-Identifier: Apache-2.0 */
/* A, the parameters of a sealed file: what decodes encodes to the same bytes and has a layout that makes sense. */
#include <string.h>

#include "base/path.h"
#include "format/head.h"
#include "support/fuzz.h"

static void
check_layout(const struct head *h)
{
	const struct head_layout l = head_layout(h);

	need(l.n_records >= 1 && l.tags_end == l.tags + 16 * l.n_records);
	need(l.payload >= l.tags_end && l.payload - l.tags_end < HEAD_ALIGN && l.payload % HEAD_ALIGN == 0);
	need(l.end - l.payload == h->size);
	need((l.n_records - 1) * h->record_size + head_record_len(h, l.n_records - 1) == h->size);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t a[HEAD_A_LEN] = {0}, again[HEAD_A_LEN];
	struct fault f = {.text = ""};
	struct head h;
	coffer_err err;

	if (size > 0)
		memcpy(a, data, size < sizeof(a) ? size : sizeof(a));
	err = head_decode(&f, a, &h);
	if (err != COFFER_OK) {
		need((err == COFFER_E_FORMAT || err == COFFER_E_UNSUPPORTED) && f.text[0] != '\0');
		return 0;
	}
	need(path_check(NULL, h.path, strlen(h.path)) == COFFER_OK);
	check_layout(&h);
	head_encode(&h, again);
	need(memcmp(a, again, sizeof(a)) == 0);
	return 0;
}
