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
#define ZIP64_EXTRA 1u
#define ENCRYPTED 1u
#define ENDS_TRIED 64u
#define IN_ZIP64 UINT32_C(0xffffffff) /* the number is in the zip64 extra field */

static uint16_t
get_le16(const uint8_t p[static 2])
{
	return (uint16_t)(p[0] | p[1] << 8);
}

struct directory {
	uint64_t n_entries;
	uint64_t len;
	uint64_t off;
};

struct entry {
	struct zip_entry told;
	uint64_t plain_size;
	uint64_t local_off;
	uint16_t method;
	uint16_t flags;
	size_t name_len;
	size_t extra_len;
	uint8_t *name; /* TEXT_MAX bytes */
	uint8_t *text; /* TEXT_MAX bytes, for the extra field or the other name */
};

/* the last end record in the file, as loaders look for it */
static coffer_err
find_end(struct fault *f, const struct coffer_source *source, uint8_t end[static END_SIZE], uint64_t *off_out,
	 bool *found_out)
{
	size_t len = (size_t)num_min(source->size, END_SIZE + TEXT_MAX);
	struct buf tail = BUF_INIT(END_SIZE + TEXT_MAX);
	coffer_err err;

	TRY(source_slurp(f, source, source->size - len, len, &tail));
	for (size_t behind = 0; behind + END_SIZE <= len && !*found_out; behind++) {
		const uint8_t *p = tail.p + len - END_SIZE - behind;

		if (memcmp(p, "PK\5\6", 4) != 0)
			continue;
		if (get_le16(p + 20) != behind) {
			err = fault_set(f, COFFER_E_FORMAT, "zip: bytes behind the end");
			goto out;
		}
		memcpy(end, p, END_SIZE);
		*off_out = source->size - END_SIZE - behind;
		*found_out = true;
	}
out:
	buf_free(&tail);
	return err;
}

/* large archives, and any that PyTorch writes, have another end record before the last one */
static coffer_err
read_end64(struct fault *f, const struct coffer_source *source, uint64_t end_off, struct directory *dir,
	   uint64_t *end64_off_out)
{
	uint8_t locator[LOCATOR_SIZE], end[END64_SIZE];
	coffer_err err;

	*end64_off_out = end_off;
	if (end_off < LOCATOR_SIZE)
		return COFFER_OK;
	TRY(source_read(f, source, end_off - LOCATOR_SIZE, locator, sizeof(locator)));
	if (memcmp(locator, "PK\6\7", 4) != 0)
		return COFFER_OK;
	*end64_off_out = get_le64(locator + 8);
	TRY(source_read(f, source, *end64_off_out, end, sizeof(end)));
	if (memcmp(end, "PK\6\6", 4) != 0)
		return fault_set(f, COFFER_E_FORMAT, "zip: the zip64 end record is missing");
	dir->n_entries = get_le64(end + 32);
	dir->len = get_le64(end + 40);
	dir->off = get_le64(end + 48);
out:
	return err;
}

/* what the last end record says, unless it says «too large for me» */
static bool
agrees(uint64_t is, uint64_t said, uint64_t too_large)
{
	return is == said || said == too_large;
}

/* both end records agree, and the directory ends where they begin: all readers find the same one */
static coffer_err
read_end(struct fault *f, const struct coffer_source *source, struct directory *dir, bool *found_out)
{
	uint64_t end_off = 0, end64_off, stop;
	uint8_t end[END_SIZE] = {0};
	struct directory said;
	coffer_err err;

	TRY(find_end(f, source, end, &end_off, found_out));
	if (!*found_out)
		return COFFER_OK;
	said.n_entries = get_le16(end + 10);
	said.len = get_le32(end + 12);
	said.off = get_le32(end + 16);
	*dir = said;
	TRY(read_end64(f, source, end_off, dir, &end64_off));
	if (!agrees(dir->n_entries, said.n_entries, UINT16_MAX) || !agrees(dir->len, said.len, IN_ZIP64) ||
	    !agrees(dir->off, said.off, IN_ZIP64) || !num_add(dir->off, dir->len, &stop) || stop != end64_off)
		return fault_set(f, COFFER_E_FORMAT, "zip: where the central directory is, is said in two ways");
	if (dir->len > LIMIT_WEIGHTS_HEADER)
		return fault_set(f, COFFER_E_FORMAT, "zip: a central directory of %" PRIu64 " bytes", dir->len);
out:
	return err;
}

/* the numbers of a large archive's entry that do not fit: they are in the zip64 field, in this order, each if it is needed */
static coffer_err
read_zip64(struct fault *f, struct entry *e)
{
	uint64_t *const numbers[] = {&e->plain_size, &e->told.size, &e->local_off};
	struct view extra = view_of(e->text, e->extra_len), head, field = view_of(e->text, 0);
	uint16_t kind = 0;

	while (kind != ZIP64_EXTRA && view_take(&extra, 4, &head) && view_take(&extra, get_le16(head.p + 2), &field))
		kind = get_le16(head.p);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		uint8_t bytes[8];

		if (*numbers[i] != IN_ZIP64)
			continue;
		if (kind != ZIP64_EXTRA || !view_copy(&field, bytes, sizeof(bytes)))
			return fault_set(f, COFFER_E_FORMAT, "zip: an entry does not say where it is");
		*numbers[i] = get_le64(bytes);
	}
	return COFFER_OK;
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
	e->flags = get_le16(central + 8);
	e->method = get_le16(central + 10);
	e->told.size = get_le32(central + 20);
	e->plain_size = get_le32(central + 24);
	e->local_off = get_le32(central + 42);
	TRY(window_take(f, w, e->name, e->name_len));
	TRY(window_take(f, w, e->text, e->extra_len));
	TRY(window_skip(f, w, get_le16(central + 32)));
	TRY(read_zip64(f, e));
out:
	return err;
}

/* the entry's own header says the same of it as the central directory does */
static coffer_err
check_local(struct fault *f, const struct coffer_source *source, struct entry *e)
{
	uint8_t local[LOCAL_SIZE];
	coffer_err err;

	TRY(source_read(f, source, e->local_off, local, sizeof(local)));
	if (memcmp(local, "PK\3\4", 4) != 0)
		return fault_set(f, COFFER_E_FORMAT, "zip: the central directory points at no entry");
	e->told.off = e->local_off + LOCAL_SIZE + get_le16(local + 26) + get_le16(local + 28);
	if (e->told.off > source->size || e->told.size > source->size - e->told.off)
		return fault_set(f, COFFER_E_FORMAT, "zip: an entry goes past the end");
	if (get_le16(local + 8) != e->method)
		return fault_set(f, COFFER_E_FORMAT, "zip: an entry is compressed in two ways");
	if (get_le16(local + 26) == e->name_len) {
		TRY(source_read(f, source, e->local_off + sizeof(local), e->text, e->name_len));
		if (e->name_len == 0 || memcmp(e->text, e->name, e->name_len) == 0)
			return COFFER_OK;
	}
	err = fault_set(f, COFFER_E_FORMAT, "zip: an entry has two names, one in the directory and one at its data");
out:
	return err;
}

static coffer_err
walk(struct fault *f, const struct coffer_source *source, const struct directory *dir, struct entry *e,
     zip_visit_fn *visit, void *user)
{
	struct window w = WINDOW_INIT;
	bool stop = false;
	coffer_err err;

	TRY(window_open(f, &w, source, dir->off, dir->off + dir->len));
	for (uint64_t i = 0; i < dir->n_entries && !stop; i++) {
		TRY(read_entry(f, &w, e));
		TRY(check_local(f, source, e));
		e->told.name = view_of(e->name, e->name_len);
		e->told.stored = e->method == 0 && (e->flags & ENCRYPTED) == 0 && e->plain_size == e->told.size;
		TRY(visit(f, user, &e->told, &stop));
	}
	if (!stop && window_left(&w) > 0)
		err = fault_set(f, COFFER_E_FORMAT, "zip: more in the central directory than its entries");
out:
	window_close(&w);
	return err;
}

coffer_err
zip_walk(struct fault *f, const struct coffer_source *source, zip_visit_fn *visit, void *user, bool *found_out)
{
	struct entry e = {.name = malloc(2 * (size_t)TEXT_MAX)};
	struct directory dir;
	coffer_err err;

	*found_out = false;
	if (!e.name)
		return fault_nomem(f);
	e.text = e.name + TEXT_MAX;
	TRY(read_end(f, source, &dir, found_out));
	if (*found_out)
		TRY(walk(f, source, &dir, &e, visit, user));
out:
	free(e.name);
	return err;
}

static coffer_err
visit_pickle(struct fault *f, void *user, const struct zip_entry *entry, bool *stop)
{
	bool *has = user;

	(void)f;
	*has = entry->name.len >= 4 && memcmp(entry->name.p + entry->name.len - 4, ".pkl", 4) == 0;
	*stop = *has;
	return COFFER_OK;
}

coffer_err
zip_has_pickle(struct fault *f, const struct coffer_source *source, bool *has_out)
{
	bool found;

	*has_out = false;
	return zip_walk(f, source, visit_pickle, has_out, &found);
}

/* whether the end record at @end_off has a central directory where Python looks for it: right before, whatever it says */
static coffer_err
has_directory(struct fault *f, const struct coffer_source *source, uint64_t end_off, uint32_t dir_len, bool *has_out)
{
	uint8_t mark[4];
	coffer_err err = COFFER_OK;

	*has_out = false;
	if (end_off >= LOCATOR_SIZE) {
		TRY(source_read(f, source, end_off - LOCATOR_SIZE, mark, sizeof(mark)));
		*has_out = memcmp(mark, "PK\6\7", 4) == 0;
	}
	if (!*has_out && dir_len >= CENTRAL_SIZE && dir_len <= end_off) {
		TRY(source_read(f, source, end_off - dir_len, mark, sizeof(mark)));
		*has_out = memcmp(mark, "PK\1\2", 4) == 0;
	}
out:
	return err;
}

coffer_err
zip_is_behind(struct fault *f, const struct coffer_source *source, bool *is_out)
{
	size_t len = (size_t)num_min(source->size, END_SIZE + TEXT_MAX);
	struct buf tail = BUF_INIT(END_SIZE + TEXT_MAX);
	unsigned int n_tried = 0;
	coffer_err err;

	*is_out = false;
	TRY(source_slurp(f, source, source->size - len, len, &tail));
	for (size_t at = 0; at + END_SIZE <= len && !*is_out; at++) {
		if (memcmp(tail.p + at, "PK\5\6", 4) != 0)
			continue;
		/* so many are there to keep us busy */
		if (++n_tried > ENDS_TRIED)
			*is_out = true;
		else
			TRY(has_directory(f, source, source->size - len + at, get_le32(tail.p + at + 12), is_out));
	}
out:
	buf_free(&tail);
	return err;
}
