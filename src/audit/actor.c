/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/actor.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <coffer/coffer.h>

#include "base/enc.h"
#include "base/file.h"
#include "base/num.h"
#include "crypto/rand.h"

#define UUID_LEN 16
#define NO_LOGIN UINT32_MAX /* what the kernel says of a service */

int64_t
audit_now(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* RFC 9562 section 5.4 */
static coffer_err
put_event_id(struct fault *f, char out[static 37])
{
	uint8_t b[UUID_LEN];
	char hex[2 * UUID_LEN + 1];
	coffer_err err = rand_bytes(f, b, sizeof(b));

	b[6] = (uint8_t)((b[6] & 0x0f) | 0x40);
	b[8] = (uint8_t)((b[8] & 0x3f) | 0x80);
	enc_hex(b, sizeof(b), hex);
	(void)snprintf(out, 37, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16, hex + 20);
	return err;
}

/* The name of the user, or his number where no name can be had. */
static void
put_principal(uid_t uid, char *out, size_t cap)
{
	struct passwd entry, *found = NULL;
	char room[4096];

	if (getpwuid_r(uid, &entry, room, sizeof(room), &found) == 0 && found && found->pw_name[0] != '\0')
		(void)snprintf(out, cap, "%s", found->pw_name);
	else
		(void)snprintf(out, cap, "%u", (unsigned int)uid);
}

/* Who logged in, whatever su and sudo did since (pam_loginuid(8)); plus 1, and 0 where nobody did. */
static uint64_t
login_uid(void)
{
	char text[16];
	uint64_t uid = NO_LOGIN;
	int fd = open("/proc/self/loginuid", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd >= 0 ? read(fd, text, sizeof(text) - 1) : -1;

	text[n > 0 ? n : 0] = '\0';
	file_close(&fd);
	return num_parse(text, 0, UINT32_MAX, &uid) && uid != NO_LOGIN ? uid + 1 : 0;
}

coffer_err
audit_actor(struct fault *f, struct audit_record *r)
{
	memset(r, 0, sizeof(*r));
	r->uid = geteuid();
	put_principal((uid_t)r->uid, r->principal, sizeof(r->principal));
	r->login_uid = login_uid();
	(void)snprintf(r->agent, sizeof(r->agent), "%.100s libcoffer/" COFFER_VERSION, program_invocation_short_name);
	if (gethostname(r->host, sizeof(r->host) - 1) != 0)
		r->host[0] = '\0';
	r->pid = (uint64_t)getpid();
	audit_time_text(audit_now(), r->time);
	return put_event_id(f, r->id);
}
