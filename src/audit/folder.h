/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The folder of an audit log (docs/audit.md section 1): its lock, its parts, and lines off the ends of its files.
 *
 *	audit.jsonl			the part that is written to
 *	audit-NNNNNNNNNNNNNNNNNNNN.jsonl	older parts, by the number of their first record
 *	checkpoints.jsonl		checkpoints
 *	checkpoint.key, checkpoint.pub	what signs them
 *	lock
 */
#ifndef AUDIT_FOLDER_H
#define AUDIT_FOLDER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/fault.h"
#include "base/view.h"

#define AUDIT_CURRENT "audit.jsonl"
#define AUDIT_CHECKPOINTS "checkpoints.jsonl"

#define AUDIT_WRITE_MAX                                                                                                \
	(256u << 10) /* bytes that are written before they are made durable, so that no more can be torn */
#define AUDIT_TORN_MAX (16 * AUDIT_WRITE_MAX)

struct audit_folder {
	const char *path; /* not owned */
	int fd;
	int lock; /* -1 where a reader cannot have it */
};

#define AUDIT_FOLDER_INIT                                                                                              \
	{                                                                                                              \
		.path = "", .fd = -1, .lock = -1                                                                       \
	}

enum audit_access {
	AUDIT_TO_READ,	/* of anybody's; a shared lock where that is possible */
	AUDIT_TO_WRITE, /* made if it is not there; nobody else may write to it; the lock is held alone */
};

/**
 * audit_folder_open() - open the folder @path and take the lock; close with audit_folder_close()
 *
 * Waits for others, some seconds at most: COFFER_E_BUSY then.  COFFER_E_PERM when it belongs to another user or others may write it.
 */
coffer_err audit_folder_open(struct fault *f, const char *path, enum audit_access access, struct audit_folder *out);

/** audit_folder_close() - closes, and gives the lock back */
void audit_folder_close(struct audit_folder *folder);

/** audit_folder_unlock() - give the lock back, keep the folder */
void audit_folder_unlock(struct audit_folder *folder);

/**
 * audit_folder_file() - open the file @name
 * @size_out: its length in bytes
 *
 * To write it is made, with mode 0600.  What is a link, no regular file, somebody else's or open to others to write is
 * refused.  To read, COFFER_E_NOTFOUND without a sentence when it is not there.
 */
coffer_err audit_folder_file(struct fault *f, const struct audit_folder *folder, const char *name,
			     enum audit_access access, int *fd_out, uint64_t *size_out);

/** struct audit_part - one file of records */
struct audit_part {
	char name[40];
	uint64_t size; /* when it was listed; what comes later is not looked at */
};

/** audit_folder_parts() - the parts in order; @list_out is the caller's to free() */
coffer_err audit_folder_parts(struct fault *f, const struct audit_folder *folder, struct audit_part **list_out,
			      size_t *n_out);

/** audit_part_name() - the name of an older part whose first record is @seq */
void audit_part_name(uint64_t seq, char out[static 40]);

/** struct audit_end - the end of a file of lines */
struct audit_end {
	struct buf line; /* the last whole line, without its line feed; empty when there is none */
	uint64_t whole;	 /* bytes up to and with its line feed; what is behind is torn */
};

#define AUDIT_END_INIT                                                                                                 \
	{                                                                                                              \
		.line = BUF_INIT(2 * LIMIT_AUDIT_LINE), .whole = 0                                                     \
	}

/**
 * audit_end_read() - find the end of @fd, which is @size long, and what a crash tore off it
 *
 * Torn is what is behind the last line feed, and all from the line on in which a byte is zero: of a write that was
 * not made durable some sectors may be on the disk and others not.  COFFER_E_FORMAT when it is more than a crash tears.
 */
coffer_err audit_end_read(struct fault *f, const struct audit_folder *folder, const char *name, int fd, uint64_t size,
			  struct audit_end *out);

/**
 * audit_parts_trim() - take off the end of the last part what was not written to its end: it is no part of the log
 * @torn_out: gets how many bytes
 */
coffer_err audit_parts_trim(struct fault *f, const struct audit_folder *folder, struct audit_part *parts, size_t n,
			    uint64_t *torn_out);

/** audit_shown() - «PATH/NAME», for messages; returns @out */
const char *audit_shown(const struct audit_folder *folder, const char *name, char out[static 512]);

#endif
