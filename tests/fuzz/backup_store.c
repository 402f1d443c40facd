/* SPDX-License-Identifier: Apache-2.0 */
/* What a backup store says of itself: what is read can be written, and says the same. */
#include <string.h>

#include "base/num.h"
#include "engine/backup_store.h"
#include "support/fuzz.h"

static void
check(const struct backup_store *s)
{
	struct backup_store back = BACKUP_STORE_INIT;
	struct buf again = BUF_INIT(LIMIT_BACKUP_STORE);

	need(num_is_pow2(s->part_size) && s->part_size >= LIMIT_BACKUP_PART_MIN &&
	     s->part_size <= LIMIT_BACKUP_PART_MAX);
	need(store_description_encode(NULL, s, &again) == COFFER_OK);
	need(store_description_decode(NULL, buf_view(&again), &back) == COFFER_OK);
	need(back.part_size == s->part_size && memcmp(back.id, s->id, sizeof(s->id)) == 0);
	buf_free(&again);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct backup_store s = BACKUP_STORE_INIT;
	struct fault f = {.text = ""};
	coffer_err err = store_description_decode(&f, view_of(data, size), &s);

	if (err == COFFER_OK)
		check(&s);
	else
		need((err == COFFER_E_FORMAT || err == COFFER_E_UNSUPPORTED) && f.text[0] != '\0');
	return 0;
}
