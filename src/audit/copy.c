/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/copy.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "audit/record.h"
#include "base/buf.h"
#include "base/file.h"
#include "base/home.h"
#include "base/limits.h"

#define DATAGRAM_MAX (LIMIT_AUDIT_LINE + 1024)
#define PATIENCE_S 5

static const char *
name_of(enum audit_copy to)
{
	return to == AUDIT_SYSLOG ? "syslog" : "journald";
}

static const char *
socket_of(enum audit_copy to)
{
	const char *given = home_setting(to == AUDIT_SYSLOG ? "COFFER_SYSLOG_SOCKET" : "COFFER_JOURNAL_SOCKET");

	return given ? given : to == AUDIT_SYSLOG ? "/dev/log" : "/run/systemd/journal/socket";
}

coffer_err
audit_copy_open(struct fault *f, enum audit_copy to, int *fd_out)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	const struct timeval patience = {.tv_sec = PATIENCE_S};
	const char *path = socket_of(to);
	coffer_err err = COFFER_OK;

	*fd_out = -1;
	if (strlen(path) >= sizeof(address.sun_path))
		return fault_set(f, COFFER_E_USAGE, "the name of the socket of %s is too long", name_of(to));
	memcpy(address.sun_path, path, strlen(path));
	*fd_out = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (*fd_out < 0 || setsockopt(*fd_out, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) != 0 ||
	    connect(*fd_out, (const struct sockaddr *)&address, sizeof(address)) != 0) {
		err = fault_errno(f, errno, "cannot reach %s at %s; COFFER_AUDIT says where the audit log goes",
				  name_of(to), path);
		file_close(fd_out);
	}
	return err;
}

/* RFC 3164 section 4.1, with the time in the machine's own zone, as readers of /dev/log expect it */
static coffer_err
put_syslog(struct fault *f, struct view line, struct buf *out)
{
	char when[32] = "";
	time_t now = time(NULL);
	struct tm tm;
	coffer_err err;

	if (localtime_r(&now, &tm))
		(void)strftime(when, sizeof(when), "%b %e %H:%M:%S", &tm);
	TRY(buf_printf(f, out, "<%d>%s coffer[%ld]: ", LOG_AUTHPRIV | LOG_NOTICE, when, (long)getpid()));
	TRY(buf_add(f, out, line.p, line.len));
out:
	return err;
}

/* What journalctl may ask for by name.  No value can hold a line feed: each is one of ours, or hex digits. */
static coffer_err
put_fields(struct fault *f, const struct audit_record *r, struct buf *out)
{
	coffer_err err;

	TRY(buf_printf(f, out, "COFFER_EVENT=%s\nCOFFER_SEQ=%" PRIu64 "\n", audit_event_name(r->event), r->place.seq));
	if (strspn(r->model_id, "0123456789abcdef") == strlen(r->model_id))
		TRY(buf_printf(f, out, "COFFER_MODEL_ID=%s\n", r->model_id));
	if (r->error[0] && strspn(r->error, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == strlen(r->error))
		TRY(buf_printf(f, out, "COFFER_ERROR=%s\n", r->error));
out:
	return err;
}

static coffer_err
put_journald(struct fault *f, struct view line, struct buf *out)
{
	struct audit_record r;
	coffer_err err;

	if (audit_line_decode(NULL, line, &r) == COFFER_OK) /* or a checkpoint */
		TRY(put_fields(f, &r, out));
	TRY(buf_printf(f, out, "PRIORITY=%d\nSYSLOG_FACILITY=%d\nSYSLOG_IDENTIFIER=coffer\nMESSAGE=", LOG_NOTICE,
		       LOG_AUTHPRIV >> 3));
	TRY(buf_add(f, out, line.p, line.len)); /* JSON, in which a line feed is escaped */
	TRY(buf_str(f, out, "\n"));
out:
	return err;
}

coffer_err
audit_copy_send(struct fault *f, enum audit_copy to, int fd, struct view line)
{
	struct buf b = BUF_INIT(DATAGRAM_MAX);
	ssize_t sent;
	coffer_err err;

	TRY(to == AUDIT_SYSLOG ? put_syslog(f, line, &b) : put_journald(f, line, &b));
	do
		sent = send(fd, b.p, b.len, MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
		TRY(fault_set(f, COFFER_E_IO, "%s took no line of the audit log for %d seconds", name_of(to),
			      PATIENCE_S));
	if (sent < 0)
		TRY(fault_errno(f, errno, "%s does not take a line of the audit log", name_of(to)));
out:
	buf_free(&b);
	return err;
}
