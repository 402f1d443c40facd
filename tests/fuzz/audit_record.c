/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of an audit log, records and checkpoints: what is read is what would be written, all else is refused with a sentence. */
#include <string.h>

#include "audit/mark.h"
#include "audit/record.h"
#include "support/fuzz.h"

static void
check_record(struct view line)
{
	struct buf again = BUF_INIT(1 << 20);
	struct fault f = {.text = ""};
	struct audit_record r;
	coffer_err err = audit_line_decode(&f, line, &r);

	if (err == COFFER_OK) {
		need(audit_line_begin(&f, &r.place, &again) == COFFER_OK &&
		     audit_line_rest(&f, &r, &again) == COFFER_OK);
		need(again.len == line.len + 1 && memcmp(again.p, line.p, line.len) == 0);
		need(r.place.seq > 0);
	} else {
		need(err == COFFER_E_FORMAT || err == COFFER_E_UNSUPPORTED);
		need(f.text[0] != '\0');
	}
	buf_free(&again);
}

static void
check_mark(struct view line)
{
	struct audit_mark m;

	if (audit_mark_decode(line, &m))
		need(line.len < AUDIT_MARK_MAX && m.time[AUDIT_TIME_LEN] == '\0');
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check_record(view_of(data, size));
	check_mark(view_of(data, size));
	return 0;
}
