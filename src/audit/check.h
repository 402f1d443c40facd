/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether an audit log is whole (docs/audit.md section 4): every line is hashed and held against the next one, every
 * checkpoint against its line, and the signature of the last checkpoint is verified.
 *
 * Lines are hashed several at once on each core, in pieces of the parts that any thread may take; what stands on the borders
 * is compared afterwards.
 */
#ifndef AUDIT_CHECK_H
#define AUDIT_CHECK_H

#include "audit/mark.h"
#include "base/pool.h"

enum audit_damage {
	AUDIT_WHOLE,
	AUDIT_MALFORMED,    /* a line that is none of ours */
	AUDIT_CHANGED,	    /* a line is not what the next one says */
	AUDIT_INSERTED,	    /* a line that was not there */
	AUDIT_MISSING,	    /* lines that were there */
	AUDIT_DOUBLED,	    /* a line twice */
	AUDIT_SWAPPED,	    /* lines out of order */
	AUDIT_FOREIGN,	    /* a line of another log */
	AUDIT_BEGINNING,    /* the first lines are not there */
	AUDIT_CUT,	    /* the last lines are not there */
	AUDIT_REWRITTEN,    /* in itself right, and not what a checkpoint says */
	AUDIT_MARK_CHANGED, /* a checkpoint is not what the next one says, or none at all */
	AUDIT_MARK_FORGED,  /* the signature of a checkpoint does not hold, or is of another key */
	AUDIT_MARK_MISSING, /* checkpoints that were there */
	AUDIT_MARK_FOREIGN, /* a checkpoint of another log */
	AUDIT_N_DAMAGES
};

/** audit_damage_name() - «whole», «changed», …, in one word */
const char *audit_damage_name(enum audit_damage damage);

struct audit_check {
	struct view public_key; /* PEM, of a copy that was kept elsewhere; empty: the folder's */
	struct view outside;	/* checkpoints that were kept elsewhere, as lines; may be empty */
	uint64_t begins_at;	/* records before this one were taken away on purpose; 0 or 1: none */
};

struct audit_report {
	char log[2 * AUDIT_LOG_ID_LEN + 1];
	uint64_t n_records, first, last;
	uint64_t n_parts, bytes;
	uint64_t torn; /* bytes of a last line that was not written to its end */

	uint64_t n_checkpoints;		    /* in the folder */
	uint64_t n_outside;		    /* that were given */
	uint64_t signed_to;		    /* the last record that a verified checkpoint is about */
	char signed_at[AUDIT_TIME_LEN + 1]; /* when that was made */
	char key[2 * SHA256_LEN + 1];	    /* what signed it */

	/* the first damage */
	enum audit_damage damage;
	char file[64];
	uint64_t line; /* of that file, from 1; 0 where it belongs to none */
	uint64_t seq;  /* the record; 0 likewise */
};

/**
 * audit_check() - verify the log in @folder
 *
 * COFFER_OK when it is whole; COFFER_E_AUTH with a sentence for the first damage; COFFER_E_NOTFOUND when there is no log.
 * What @out says up to then is right in each case.
 */
coffer_err audit_check(struct fault *f, struct pool *pool, struct audit_folder *folder,
		       const struct audit_check *options, struct audit_report *out);

#endif
