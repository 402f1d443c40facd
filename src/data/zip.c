/* SPDX-License-Identifier: Apache-2.0 */
#include "data/zip.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/num.h"
#include "data/source.h"

#define END_SIZE 22u	 /* end of central directory */
#define LOCATOR_SIZE 20u /* zip64 end of central directory locator */
#define END64_SIZE 56u	 /* zip64 end of central directory */
#define CENTRAL_SIZE 46u
#define LOCAL_SIZE 30u
#define TEXT_MAX 65535u /* any name, extra field or comment */
#define ENTRIES_MAX 65536u
#define ZIP64_EXTRA 1u
#define IN_ZIP64 UINT32_C(0xffffffff) /* the number is in the zip64 extra field */

static uint16_t
get_le16(const uint8_t p[static 2])
{
	return (uint16_t)(p[0] | p[1] << 8);
}

struct directory {
	uint64_t off;
	uint64_t len;
	uint64_t n_entries;
};

struct entry {
	uint64_t local_off;
	size_t name_len;
	size_t extra_len;
	uint8_t *name; /* TEXT_MAX bytes */
	uint8_t *text; /* TEXT_MAX bytes, for the extra field or the other name */
};

/* the end record is the last one whose comment reaches to the end of the file */
static coffer_err
find_end(struct fault *f, const struct coffer_source *source, uint8_t end[static END_SIZE], uint64_t *off_out,
	 bool *found_out)
{
	size_t len = (size_t)num_min(source->size, END_SIZE + TEXT_MAX);
	struct buf tail = BUF_INIT(END_SIZE + TEXT_MAX);
	coffer_err err;

	TRY(source_slurp(f, source, source->size - len, len, &tail));
	for (size_t comment = 0; comment + END_SIZE <= len && !*found_out; comment++) {
		const uint8_t *p = tail.p + len - END_SIZE - comment;

		if (memcmp(p, "PK\5\6", 4) == 0 && get_le16(p + 20) == comment) {
			memcpy(end, p, END_SIZE);
			*off_out = source->size - END_SIZE - comment;
			*found_out = true;
		}
	}
out:
	buf_free(&tail);
	return err;
}

/* large archives say where they are in a second end record */
static coffer_err
read_end64(struct fault *f, const struct coffer_source *source, uint64_t end_off, struct directory *dir)
{
	uint8_t locator[LOCATOR_SIZE], end[END64_SIZE];
	coffer_err err;

	if (end_off < LOCATOR_SIZE)
		return fault_set(f, COFFER_E_FORMAT, "zip: the zip64 end record is missing");
	TRY(source_read(f, source, end_off - LOCATOR_SIZE, locator, sizeof(locator)));
	if (memcmp(locator, "PK\6\7", 4) != 0)
		return fault_set(f, COFFER_E_FORMAT, "zip: the zip64 end record is missing");
	TRY(source_read(f, source, get_le64(locator + 8), end, sizeof(end)));
	if (memcmp(end, "PK\6\6", 4) != 0)
		return fault_set(f, COFFER_E_FORMAT, "zip: the zip64 end record is missing");
	dir->n_entries = get_le64(end + 32);
	dir->len = get_le64(end + 40);
	dir->off = get_le64(end + 48);
out:
	return err;
}

static coffer_err
read_end(struct fault *f, const struct coffer_source *source, struct directory *dir, bool *found_out)
{
	uint8_t end[END_SIZE];
	uint64_t end_off = 0, stop;
	coffer_err err;

	TRY(find_end(f, source, end, &end_off, found_out));
	if (!*found_out)
		return COFFER_OK;
	dir->n_entries = get_le16(end + 10);
	dir->len = get_le32(end + 12);
	dir->off = get_le32(end + 16);
	if (dir->n_entries == UINT16_MAX || dir->len == IN_ZIP64 || dir->off == IN_ZIP64)
		TRY(read_end64(f, source, end_off, dir));
	if (!num_add(dir->off, dir->len, &stop) || stop > end_off || dir->len > LIMIT_WEIGHTS_HEADER ||
	    dir->n_entries > ENTRIES_MAX)
		return fault_set(f, COFFER_E_FORMAT,
				 "zip: a central directory of %" PRIu64 " entries, %" PRIu64 " bytes at %" PRIu64,
				 dir->n_entries, dir->len, dir->off);
out:
	return err;
}

/* where the local header of a large archive's entry is: the last number of the zip64 field that is there */
static coffer_err
read_off64(struct fault *f, const uint8_t central[static CENTRAL_SIZE], struct entry *e)
{
	struct view extra = view_of(e->text, e->extra_len), head, field;
	size_t before = 8 * (size_t)((get_le32(central + 20) == IN_ZIP64) + (get_le32(central + 24) == IN_ZIP64));

	while (view_take(&extra, 4, &head) && view_take(&extra, get_le16(head.p + 2), &field)) {
		if (get_le16(head.p) != ZIP64_EXTRA)
			continue;
		if (field.len < before + 8)
			break;
		e->local_off = get_le64(field.p + before);
		return COFFER_OK;
	}
	return fault_set(f, COFFER_E_FORMAT, "zip: an entry does not say where it is");
}

static coffer_err
read_entry(struct fault *f, struct window *w, struct entry *e)
{
	uint8_t central[CENTRAL_SIZE];
	coffer_err err;

	TRY(window_take(f, w, central, sizeof(central)));
	if (memcmp(central, "PK\1\2", 4) != 0)
		return fault_set(f, COFFER_E_FORMAT, "zip: the central directory is broken");
	e->name_len = get_le16(central + 28);
	e->extra_len = get_le16(central + 30);
	e->local_off = get_le32(central + 42);
	TRY(window_take(f, w, e->name, e->name_len));
	TRY(window_take(f, w, e->text, e->extra_len));
	TRY(window_skip(f, w, get_le16(central + 32)));
	if (e->local_off == IN_ZIP64)
		TRY(read_off64(f, central, e));
out:
	return err;
}

/* the entry's own header names it as the central directory does */
static coffer_err
check_local(struct fault *f, const struct coffer_source *source, struct entry *e)
{
	uint8_t local[LOCAL_SIZE];
	coffer_err err;

	TRY(source_read(f, source, e->local_off, local, sizeof(local)));
	if (memcmp(local, "PK\3\4", 4) != 0)
		return fault_set(f, COFFER_E_FORMAT, "zip: the central directory points at no entry");
	if (get_le16(local + 26) == e->name_len) {
		TRY(source_read(f, source, e->local_off + sizeof(local), e->text, e->name_len));
		if (e->name_len == 0 || memcmp(e->text, e->name, e->name_len) == 0)
			return COFFER_OK;
	}
	err = fault_set(f, COFFER_E_FORMAT, "zip: an entry has two names, one in the directory and one at its data");
out:
	return err;
}

static bool
is_pickle_name(const struct entry *e)
{
	return e->name_len >= 4 && memcmp(e->name + e->name_len - 4, ".pkl", 4) == 0;
}

static coffer_err
walk(struct fault *f, const struct coffer_source *source, const struct directory *dir, struct entry *e, bool *has_out)
{
	struct window w = WINDOW_INIT;
	coffer_err err;

	TRY(window_open(f, &w, source, dir->off, dir->off + dir->len));
	for (uint64_t i = 0; i < dir->n_entries && !*has_out; i++) {
		TRY(read_entry(f, &w, e));
		TRY(check_local(f, source, e));
		*has_out = is_pickle_name(e);
	}
out:
	window_close(&w);
	return err;
}

coffer_err
zip_has_pickle(struct fault *f, const struct coffer_source *source, bool *has_out)
{
	struct entry e = {.name = malloc(2 * (size_t)TEXT_MAX)};
	struct directory dir;
	bool found = false;
	coffer_err err;

	*has_out = false;
	if (!e.name)
		return fault_nomem(f);
	e.text = e.name + TEXT_MAX;
	TRY(read_end(f, source, &dir, &found));
	if (found)
		TRY(walk(f, source, &dir, &e, has_out));
out:
	free(e.name);
	return err;
}
