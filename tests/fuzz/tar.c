/* SPDX-License-Identifier: Apache-2.0 */
/* Archives: what is read lies within, one file behind the other, and written again it is the same. */
#include <string.h>

#include "data/tar.h"
#include "support/fuzz.h"
#include "support/memory_source.h"

static void
check(uint64_t begin, const struct tar_member *m)
{
	struct buf again = BUF_INIT(1 << 20);
	static uint8_t zeros[TAR_END];
	struct memory memory;
	struct coffer_source source;
	struct tar_member back;
	uint64_t off = 0;
	bool end;

	need(m->path[0] != '\0' && m->mode <= 0777 && m->mtime >= 0 && m->off > begin);
	need(tar_header(NULL, m, &again) == COFFER_OK && again.len % TAR_BLOCK == 0);
	if (m->size > 0) /* its bytes would have to follow */
		goto out;
	need(buf_add(NULL, &again, zeros, sizeof(zeros)) == COFFER_OK);
	memory = (struct memory){.bytes = again.p, .len = again.len};
	source = memory_source(&memory);
	need(tar_next(NULL, &source, &off, &back, &end) == COFFER_OK && !end && strcmp(back.path, m->path) == 0);
	need(back.mode == m->mode && back.mtime == m->mtime && back.size == 0);
out:
	buf_free(&again);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct memory memory = {.bytes = data, .len = size};
	struct coffer_source source = memory_source(&memory);
	struct fault f = {.text = ""};
	struct tar_member m;
	uint64_t off = 0, begin = 0;
	bool end = false;
	coffer_err err = COFFER_OK;

	while (err == COFFER_OK && !end) {
		begin = off;
		err = tar_next(&f, &source, &off, &m, &end);
		if (err == COFFER_OK && !end) {
			need(m.off <= size && tar_room(m.size) <= size - m.off && off == m.off + tar_room(m.size));
			check(begin, &m);
		}
	}
	need(err == COFFER_OK || (err == COFFER_E_FORMAT && f.text[0] != '\0'));
	return 0;
}
