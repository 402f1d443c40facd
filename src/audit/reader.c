/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/reader.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/num.h"

#define ROOM ((size_t)1 << 20)

coffer_err
audit_reader_init(struct fault *f, struct audit_reader *r, const struct audit_folder *folder,
		  const struct audit_part *parts, size_t n_parts, size_t part, uint64_t off)
{
	*r = (struct audit_reader){
		.folder = folder, .parts = parts, .n_parts = n_parts, .part = part, .off = off, .fd = -1};
	r->room = malloc(ROOM);
	return r->room ? COFFER_OK : fault_nomem(f);
}

void
audit_reader_free(struct audit_reader *r)
{
	file_close(&r->fd);
	free(r->room);
	r->room = NULL;
}

/* Go to @off of part @part. */
static void
go_to(struct audit_reader *r, size_t part, uint64_t off)
{
	if (part != r->part) {
		file_close(&r->fd);
		r->room_len = 0;
	}
	r->part = part;
	r->off = off;
}

/* Have the bytes from r->off on at hand: as many as there is room for, or as the part has. */
static coffer_err
fill(struct fault *f, struct audit_reader *r)
{
	const struct audit_part *part = &r->parts[r->part];
	uint64_t size;
	char shown[512];
	coffer_err err = COFFER_OK;

	r->room_len = 0;
	if (r->fd < 0) {
		err = audit_folder_file(f, r->folder, part->name, AUDIT_TO_READ, &r->fd, &size);
		if (err == COFFER_E_NOTFOUND)
			TRY(fault_set(f, COFFER_E_CHANGED, "%s was taken away while it was read",
				      audit_shown(r->folder, part->name, shown)));
		TRY(err);
	}
	r->room_off = r->off;
	size = r->off < part->size ? num_min(ROOM, part->size - r->off) : 0;
	TRY(file_read_at(f, r->fd, audit_shown(r->folder, part->name, shown), r->room, (size_t)size, r->off));
	r->room_len = (size_t)size;
out:
	return err;
}

/* The line at r->off, when all of it is at hand. */
static bool
take_line(struct audit_reader *r, struct view *out)
{
	const uint8_t *p, *feed;
	size_t left;

	if (r->room_len == 0 || r->off < r->room_off || r->off >= r->room_off + r->room_len)
		return false;
	p = r->room + (r->off - r->room_off);
	left = r->room_len - (size_t)(p - r->room);
	feed = memchr(p, '\n', left);
	if (!feed)
		return false;
	*out = view_of(p, (size_t)(feed - p));
	r->off += out->len + 1;
	return true;
}

coffer_err
audit_reader_next(struct fault *f, struct audit_reader *r, struct view *line_out)
{
	char shown[512];
	coffer_err err = COFFER_OK;

	*line_out = view_of(NULL, 0);
	while (r->part < r->n_parts) {
		if (take_line(r, line_out))
			break;
		TRY(fill(f, r));
		if (take_line(r, line_out))
			break;
		if (r->room_len > LIMIT_AUDIT_LINE)
			TRY(fault_set(f, COFFER_E_FORMAT, "%s: the line at byte %llu is longer than any of ours",
				      audit_shown(r->folder, r->parts[r->part].name, shown),
				      (unsigned long long)r->off));
		go_to(r, r->part + 1, 0);
	}
out:
	return err;
}

/* ---- seeking ---- */

/* The number of the first line that begins at @off of part @part or behind it, and where; UINT64_MAX when that part has none. */
static coffer_err
probe(struct fault *f, struct audit_reader *r, size_t part, uint64_t off, uint64_t *seq_out, uint64_t *at_out)
{
	struct audit_place place;
	struct view line;
	coffer_err err = COFFER_OK;

	*seq_out = UINT64_MAX;
	go_to(r, part, off > 0 ? off - 1 : 0);
	if (off > 0) /* the rest of the line that goes over @off */
		TRY(audit_reader_next(f, r, &line));
	*at_out = r->off;
	if (r->part != part)
		goto out;
	TRY(audit_reader_next(f, r, &line));
	if (r->part == part && line.p && audit_line_place(line, &place))
		*seq_out = place.seq;
out:
	return err;
}

coffer_err
audit_reader_seek(struct fault *f, struct audit_reader *r, uint64_t seq)
{
	uint64_t low = 0, high, at = 0, found;
	size_t part = r->n_parts;
	coffer_err err = COFFER_OK;

	/* the last part that begins with no later record */
	while (part > 1) {
		TRY(probe(f, r, part - 1, 0, &found, &at));
		if (found <= seq)
			break;
		part--;
	}
	if (part == 0)
		goto out;
	high = r->parts[part - 1].size;
	while (low < high) {
		uint64_t middle = low + (high - low) / 2;

		TRY(probe(f, r, part - 1, middle, &found, &at));
		if (found >= seq)
			high = middle;
		else
			low = middle + 1;
	}
	TRY(probe(f, r, part - 1, low, &found, &at));
	if (found != UINT64_MAX) /* else it is at the next part, or at the end */
		go_to(r, part - 1, at);
out:
	return err;
}
