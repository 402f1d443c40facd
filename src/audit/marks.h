/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All checkpoints of a log, read and verified, for check.c.
 */
#ifndef AUDIT_MARKS_H
#define AUDIT_MARKS_H

#include "audit/check.h"

/** struct marked - what a checkpoint says of a record */
struct marked {
	uint64_t seq;
	uint8_t hash[SHA256_LEN];
};

struct marks {
	struct marked *v; /* in order of seq */
	size_t n;
	bool any; /* whether the folder has one; then: */
	uint8_t log[AUDIT_LOG_ID_LEN];
	uint64_t first; /* what the first one is about */
};

/**
 * marks_read() - read those of the folder and those from elsewhere; free with marks_free()
 * @size: of the folder's file, when the lock was held
 *
 * Their own chain and the signatures are verified; COFFER_E_AUTH, with the damage in @report, when they do not hold.
 */
coffer_err marks_read(struct fault *f, const struct audit_folder *folder, uint64_t size,
		      const struct audit_check *options, struct marks *out, struct audit_report *report);

/** marks_find() - the index of the first that is about @seq or a later record */
size_t marks_find(const struct marks *m, uint64_t seq);

void marks_free(struct marks *m);

#endif
