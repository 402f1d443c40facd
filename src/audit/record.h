/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A record of the audit log, and the line that it is (docs/audit.md section 2).
 *
 *	{"seq":N,"prev":"64 hex digits","log":"32 hex digits","eventVersion":"1.0", …}
 *
 * What stands in front is the chain's and has one form, so that a log can be verified without reading JSON.  The names of
 * the members behind it are those of AWS CloudTrail.
 */
#ifndef AUDIT_RECORD_H
#define AUDIT_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/fault.h"
#include "base/view.h"
#include "crypto/hash.h"
#include "format/recipient.h"

#define AUDIT_LOG_ID_LEN 16
#define AUDIT_TIME_LEN 24 /* characters of «2026-11-20T13:58:18.123Z» */
#define AUDIT_PATH_MAX 4096

/** struct audit_place - where in which log a line stands */
struct audit_place {
	uint64_t seq;		  /* from 1 */
	uint8_t prev[SHA256_LEN]; /* the hash of the line before; of the first, audit_origin() */
	uint8_t log[AUDIT_LOG_ID_LEN];
};

enum audit_event {
	AUDIT_UNWRAP,
	AUDIT_WRAP,
	AUDIT_REWRAP, /* inside a key service */
	AUDIT_REMOVE, /* of a recipient */
	AUDIT_ROTATE,
	AUDIT_REPAIR, /* of the log itself */
	AUDIT_N_EVENTS
};

/** struct audit_key - a recipient, or the key of one; empty texts are not written */
struct audit_key {
	char kind[32];
	char id[RECIPIENT_ID_MAX + 1];
	char version[RECIPIENT_VERSION_MAX + 1];
};

/** struct audit_record - texts that are empty, and numbers that are 0, are not written unless a line says otherwise */
struct audit_record {
	struct audit_place place;
	char time[AUDIT_TIME_LEN + 1];
	char id[37]; /* a UUID */
	enum audit_event event;

	/* who */
	char principal[65];
	uint64_t uid;	    /* always written */
	uint64_t login_uid; /* who logged in, as the kernel keeps it, plus 1 */
	char agent[129];    /* the program, and coffer's version */
	char host[65];
	uint64_t pid;

	/* on what */
	char path[AUDIT_PATH_MAX + 1];
	char model_id[33];
	char name[LIMIT_TEXT + 1];
	char version[LIMIT_TEXT + 1];
	char environment[LIMIT_TEXT + 1];
	uint64_t generation;
	struct audit_key key;
	struct audit_key from; /* of a rewrap */

	/* of a repair */
	char torn_file[64];
	uint64_t torn_bytes;

	/* what came of it: empty when it was done */
	char error[17];
	char message[600];
};

/** audit_event_name() - «Unwrap», «Wrap», «Rewrap», «Remove», «Rotate», «Repair» */
const char *audit_event_name(enum audit_event event);

/** audit_time_text() - nanoseconds since 1970 as eventTime */
void audit_time_text(int64_t ns, char out[static AUDIT_TIME_LEN + 1]);

/** audit_origin() - what the first line of the log @id has for the hash of the line before it */
coffer_err audit_origin(struct fault *f, const uint8_t id[static AUDIT_LOG_ID_LEN], uint8_t out[static SHA256_LEN]);

/** audit_line_begin() - append the beginning of a line, up to where what audit_line_rest() made follows */
coffer_err audit_line_begin(struct fault *f, const struct audit_place *place, struct buf *out);

/** audit_line_rest() - append the rest of the line of @r, with its line feed */
coffer_err audit_line_rest(struct fault *f, const struct audit_record *r, struct buf *out);

/** audit_line_place() - read the beginning of @line, which has no line feed; false when it is none of ours */
bool audit_line_place(struct view line, struct audit_place *out);

/** audit_line_decode() - read all of @line, which has no line feed; COFFER_E_FORMAT unless audit_line_rest() would write the same */
coffer_err audit_line_decode(struct fault *f, struct view line, struct audit_record *out);

#endif
