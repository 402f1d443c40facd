/* SPDX-License-Identifier: Apache-2.0 */
/* SCT lists: each part lies inside of the list, and the list gets shorter with each. */
#include <stdlib.h>

#include "sign/sct.h"
#include "support/fuzz.h"

static void
need_inside(struct view part, const uint8_t *data, size_t size)
{
	if (part.len > 0 && (part.p < data || part.p + part.len > data + size))
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct view list;
	struct sct sct;

	if (sct_list(NULL, view_of(data, size), &list) != COFFER_OK)
		return 0;
	need_inside(list, data, size);
	while (list.len > 0) {
		size_t before = list.len;

		if (sct_next(NULL, &list, &sct) != COFFER_OK)
			return 0;
		if (list.len >= before)
			abort();
		need_inside(sct.log_id, data, size);
		need_inside(sct.extensions, data, size);
		need_inside(sct.signature, data, size);
	}
	return 0;
}
