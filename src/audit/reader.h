/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The lines of an audit log, one after the other over its parts.
 */
#ifndef AUDIT_READER_H
#define AUDIT_READER_H

#include "audit/folder.h"
#include "audit/record.h"

/** struct audit_reader - where it is */
struct audit_reader {
	const struct audit_folder *folder;
	const struct audit_part *parts; /* as audit_folder_parts() lists them; not owned */
	size_t n_parts;

	size_t part; /* that of the next line */
	uint64_t off;
	int fd;
	uint8_t *room;	   /* bytes of the part */
	uint64_t room_off; /* where they stand in it */
	size_t room_len;
};

/** audit_reader_init() - begin with the line that begins at @off of part @part */
coffer_err audit_reader_init(struct fault *f, struct audit_reader *r, const struct audit_folder *folder,
			     const struct audit_part *parts, size_t n_parts, size_t part, uint64_t off);

/**
 * audit_reader_next() - the next line, without its line feed; valid until the next call
 * @line_out: NULL at the end.  A line that was not written to its end, the last of a part, is passed over.
 *
 * COFFER_E_FORMAT for a line that is longer than any of ours.
 */
coffer_err audit_reader_next(struct fault *f, struct audit_reader *r, struct view *line_out);

/** audit_reader_seek() - go to the first line whose number is @seq or more, in a log that is in order */
coffer_err audit_reader_seek(struct fault *f, struct audit_reader *r, uint64_t seq);

void audit_reader_free(struct audit_reader *r);

#endif
