/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines of the audit log for the system's own log: syslog (RFC 3164 over /dev/log) or journald (its native protocol,
 * systemd.io/JOURNAL_NATIVE_PROTOCOL).
 *
 * syslog(3) would not do: it does not tell when nobody takes the line.
 */
#ifndef AUDIT_COPY_H
#define AUDIT_COPY_H

#include "base/fault.h"
#include "base/view.h"

enum audit_copy { AUDIT_SYSLOG = 1, AUDIT_JOURNALD = 2 };

/**
 * audit_copy_open() - connect to @to; the caller closes *@fd_out
 *
 * COFFER_SYSLOG_SOCKET and COFFER_JOURNAL_SOCKET name another socket.
 */
coffer_err audit_copy_open(struct fault *f, enum audit_copy to, int *fd_out);

/** audit_copy_send() - hand over @line, which has no line feed; waits 5 seconds at most */
coffer_err audit_copy_send(struct fault *f, enum audit_copy to, int fd, struct view line);

#endif
