/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The audit log, as those who write it see it (docs/audit.md).
 *
 * Where it goes is a list with commas: a folder, at most one; «syslog:»; «journald:»; or «off» alone.
 *
 * Any thread.  Those who write at the same time to the same log, through whatever context of the process, wait for the disk
 * together.
 */
#ifndef AUDIT_LOG_H
#define AUDIT_LOG_H

#include "audit/record.h"

struct audit_log;

/** struct audit_where - a list, taken apart */
struct audit_where {
	char *folder; /* NULL: none.  Owned. */
	bool syslog, journald;
};

/**
 * audit_where_parse() - take @where apart; NULL stands for $COFFER_AUDIT, and that, where it is not set, for
 * $XDG_STATE_HOME/coffer/audit, else ~/.local/state/coffer/audit
 *
 * COFFER_E_USAGE for a malformed list, COFFER_E_NOTFOUND when there is no home.
 */
coffer_err audit_where_parse(struct fault *f, const char *where, struct audit_where *out);
void audit_where_free(struct audit_where *where);

/**
 * audit_log_open() - the log that @where names, made if it is not there; NULL and COFFER_OK when it is off
 *
 * Close with audit_log_close().  Fails when it could not be written to now.
 */
coffer_err audit_log_open(struct fault *f, const char *where, struct audit_log **out);

/** audit_log_write() - append the lines of which @rests, one behind the other, are the rests (audit_line_rest()), and make them durable */
coffer_err audit_log_write(struct fault *f, struct audit_log *log, struct view rests);

/**
 * audit_log_close() - the last one of a process makes a checkpoint, unless nothing was written; NULL is fine
 *
 * The error is that of the checkpoint; *@log is closed and NULL all the same.
 */
coffer_err audit_log_close(struct fault *f, struct audit_log **log);

#endif
