/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Appending to the files of an audit log: one process at a time, which holds the folder's lock.
 *
 * Nothing is remembered from one time to the next but what is on the disk, so that other processes, rotation and whoever
 * clears up old parts may come between.
 */
#ifndef AUDIT_APPEND_H
#define AUDIT_APPEND_H

#include "audit/folder.h"
#include "audit/record.h"

#define AUDIT_CHECKPOINT_RECORDS 1000
#define AUDIT_CHECKPOINT_S 600
#define AUDIT_PART_SIZE (UINT64_C(64) << 20) /* after which a new part begins; COFFER_AUDIT_PART_SIZE says another */

/** audit_said_fn - told each line that was written and made durable, without its line feed */
typedef coffer_err (*audit_said_fn)(void *arg, struct fault *f, struct view line);

/**
 * audit_append() - write the lines of which @rests are the rests, make them durable, and a checkpoint when one is due
 *
 * What a crash tore off the end before is moved aside first, and a record says so.  On failure what was written of
 * @rests is taken away again.
 */
coffer_err audit_append(struct fault *f, const struct audit_folder *folder, struct view rests, audit_said_fn said,
			void *arg);

/** audit_append_checkpoint() - make a checkpoint, unless the last one is about the last record */
coffer_err audit_append_checkpoint(struct fault *f, const struct audit_folder *folder, audit_said_fn said, void *arg);

/** audit_append_ready() - whether records could be appended now; a new log gets its first checkpoint */
coffer_err audit_append_ready(struct fault *f, const struct audit_folder *folder, audit_said_fn said, void *arg);

#endif
