/* SPDX-License-Identifier: Apache-2.0 */
#include "mount/attach.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/path.h"

#define DEVICE "/dev/fuse"
#define HELPER "fusermount3"
#define TYPE "fuse.coffer"
#define OPTIONS_LEN 256
#define LINE_MAX_LEN 512
#define HELPER_FD 3 /* of its end of the socket */

/* what the kernel reads ahead of a sequential reader, in KiB: four requests under way */
#define READ_AHEAD_KIB "4096"

/* ---- the folder ---- */

/* What a file system says whose server is gone. */
static bool
is_dead(int errnum)
{
	return errnum == ENOTCONN || errnum == ECONNABORTED;
}

/* What has been listed before the kernel lists without asking; of the whole file system it asks each time. */
static coffer_err
check_alive(struct fault *f, const char *dir)
{
	struct statfs st;

	if (statfs(dir, &st) != 0 && is_dead(errno))
		return fault_set(f, COFFER_E_EXISTS,
				 "the server of what is mounted at %s is gone; «coffer umount %s» clears that away",
				 dir, dir);
	return COFFER_OK;
}

static coffer_err
check_empty(struct fault *f, const char *dir)
{
	DIR *d = opendir(dir);
	const struct dirent *e;
	bool is_empty = true;

	if (!d && errno == ENOENT)
		return fault_set(f, COFFER_E_NOTFOUND, "there is no folder %s to mount at; make it first", dir);
	if (!d && errno == ENOTDIR)
		return fault_set(f, COFFER_E_USAGE, "%s is a file; a model is mounted at an empty folder", dir);
	if (!d)
		return fault_errno(f, errno, "cannot mount at %s", dir);
	while (is_empty && (e = readdir(d)))
		is_empty = strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0;
	(void)closedir(d);
	if (!is_empty)
		return fault_set(f, COFFER_E_EXISTS,
				 "%s is not empty, and what is in it would be hidden; mount at an empty folder", dir);
	return COFFER_OK;
}

/* ---- mount(2) ---- */

static coffer_err
open_device(struct fault *f, int *fd_out)
{
	*fd_out = open(DEVICE, O_RDWR | O_CLOEXEC);
	if (*fd_out >= 0)
		return COFFER_OK;
	if (errno == ENOENT || errno == ENODEV || errno == ENXIO)
		return fault_set(f, COFFER_E_NOTFOUND,
				 "there is no " DEVICE ": this kernel has no FUSE, or the container was not given the "
				 "device; «coffer run» does without, if the program can be started by coffer");
	return fault_errno(f, errno, "cannot open " DEVICE "; «coffer run» does without");
}

static int
mount_directly(const struct attached *a, const struct mount_options *options)
{
	char data[OPTIONS_LEN];

	(void)snprintf(data, sizeof(data),
		       "fd=%d,rootmode=40000,user_id=%u,group_id=%u,max_read=%u,default_permissions%s", a->fd,
		       geteuid(), getegid(), ATTACH_MAX_READ, options->allow_other ? ",allow_other" : "");
	return mount("coffer", a->dir, TYPE, MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, data) == 0 ? 0 : errno;
}

/* ---- fusermount3 ---- */

/** struct helper - a run of it */
struct helper {
	int ours; /* the ends of the socket that it sends the descriptor through, or -1 */
	int theirs;
	int says;   /* what it writes to standard error */
	int status; /* of waitpid(2) */
};

/* The environment, and where the socket is: the first of a name counts, so one that we were started with goes. */
static char **
environment(char *socket)
{
	size_t n = 0, name = strcspn(socket, "=") + 1;
	char **all;

	while (environ[n])
		n++;
	all = calloc(n + 2, sizeof(*all));
	if (!all)
		return NULL;
	n = 0;
	for (char **e = environ; *e; e++)
		if (strncmp(*e, socket, name) != 0)
			all[n++] = *e;
	all[n] = socket;
	return all;
}

static coffer_err
run_helper(struct fault *f, struct helper *h, char *const *argv)
{
	char variable[] = "_FUSE_COMMFD=3", **env = environment(variable);
	posix_spawn_file_actions_t actions;
	pid_t pid;
	int rc;

	h->says = memfd_create("says", MFD_CLOEXEC);
	if (!env || h->says < 0 || posix_spawn_file_actions_init(&actions) != 0) {
		free(env);
		return fault_nomem(f);
	}
	(void)posix_spawn_file_actions_adddup2(&actions, h->says, STDERR_FILENO);
	if (h->theirs >= 0)
		(void)posix_spawn_file_actions_adddup2(&actions, h->theirs, HELPER_FD);
	rc = posix_spawnp(&pid, HELPER, &actions, NULL, argv, env);
	(void)posix_spawn_file_actions_destroy(&actions);
	free(env);
	if (rc != 0)
		return fault_set(f, COFFER_E_PERM,
				 "mounting takes root, or " HELPER " of the package fuse3, which could not be run: %s; "
				 "«coffer run» does without",
				 strerror(rc));
	file_close(&h->theirs);
	while (waitpid(pid, &h->status, 0) < 0)
		if (errno != EINTR)
			return fault_errno(f, errno, "cannot wait for " HELPER);
	return COFFER_OK;
}

/* Its first line, without its name in front. */
static const char *
helper_line(const struct helper *h, char line[static LINE_MAX_LEN])
{
	ssize_t n = pread(h->says, line, LINE_MAX_LEN - 1, 0);

	line[n > 0 ? n : 0] = '\0';
	line[strcspn(line, "\n")] = '\0';
	return strncmp(line, HELPER ": ", sizeof(HELPER) + 1) == 0 ? line + sizeof(HELPER) + 1 : line;
}

static int
receive_fd(int from)
{
	char byte;
	struct iovec iov = {.iov_base = &byte, .iov_len = 1};
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(sizeof(int))];
	} control = {.room = {0}};
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.room, .msg_controllen = sizeof(control.room)};
	const struct cmsghdr *c;
	ssize_t n;
	int fd = -1;

	do
		n = recvmsg(from, &msg, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	c = n > 0 ? CMSG_FIRSTHDR(&msg) : NULL;
	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS && c->cmsg_len == CMSG_LEN(sizeof(int)))
		memcpy(&fd, CMSG_DATA(c), sizeof(fd));
	return fd;
}

static void
end_helper(struct helper *h)
{
	file_close(&h->ours);
	file_close(&h->theirs);
	file_close(&h->says);
}

static coffer_err
mount_by_helper(struct fault *f, struct attached *a, const struct mount_options *options)
{
	char text[OPTIONS_LEN], line[LINE_MAX_LEN];
	char *const argv[] = {(char[]){HELPER}, (char[]){"-o"}, text, (char[]){"--"}, a->dir, NULL};
	struct helper h = {.ours = -1, .theirs = -1, .says = -1};
	int ends[2];
	coffer_err err;

	(void)snprintf(text, sizeof(text),
		       "ro,nosuid,nodev,noexec,fsname=coffer,subtype=coffer,default_permissions,max_read=%u%s",
		       ATTACH_MAX_READ, options->allow_other ? ",allow_other" : "");
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
		return fault_errno(f, errno, "cannot make a socket");
	h.ours = ends[0];
	h.theirs = ends[1];
	file_close(&a->fd);
	TRY(run_helper(f, &h, argv));
	a->fd = receive_fd(h.ours);
	if (a->fd < 0)
		err = fault_set(f, COFFER_E_PERM, HELPER " does not mount at %s: %s", a->dir, helper_line(&h, line));
out:
	end_helper(&h);
	return err;
}

static coffer_err
unmount_by_helper(struct fault *f, const char *dir, enum mount_busy busy)
{
	char *const argv[] = {(char[]){HELPER}, busy == MOUNT_BUSY_LAZY ? (char[]){"-uz"} : (char[]){"-u"},
			      (char[]){"--"}, (char *)(uintptr_t)dir, NULL};
	struct helper h = {.ours = -1, .theirs = -1, .says = -1};
	char line[LINE_MAX_LEN];
	const char *why;
	coffer_err err;

	TRY(run_helper(f, &h, argv));
	why = helper_line(&h, line);
	if (WIFEXITED(h.status) && WEXITSTATUS(h.status) == 0)
		goto out;
	if (strstr(why, strerror(EBUSY)))
		err = fault_set(f, COFFER_E_BUSY, "%s is in use", dir);
	else
		err = fault_set(f, COFFER_E_PERM, HELPER " does not unmount %s: %s", dir, why);
out:
	end_helper(&h);
	return err;
}

/* ---- attaching ---- */

/* The kernel begins with 128 KiB, and the protocol only lets a server ask for less.  Whoever is not root leaves it at that. */
static void
raise_read_ahead(const struct attached *a)
{
	char path[64];
	int fd;

	(void)snprintf(path, sizeof(path), "/sys/class/bdi/%u:%u/read_ahead_kb", a->major, a->minor);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd >= 0 && write(fd, READ_AHEAD_KIB, sizeof(READ_AHEAD_KIB) - 1) < 0)
		errno = 0; /* slower, and nothing else */
	file_close(&fd);
}

/* Without asking the server, which does not answer yet. */
static void
learn_device(struct attached *a)
{
	struct statx sx;

	if (statx(AT_FDCWD, a->dir, AT_STATX_DONT_SYNC, 0, &sx) == 0) {
		a->major = sx.stx_dev_major;
		a->minor = sx.stx_dev_minor;
	}
}

coffer_err
attach(struct fault *f, const char *dir, const struct mount_options *options, struct attached *out)
{
	int why;
	coffer_err err;

	*out = (struct attached)ATTACHED_INIT;
	TRY(check_alive(f, dir));
	TRY(check_empty(f, dir));
	out->dir = realpath(dir, NULL);
	if (!out->dir)
		TRY(fault_errno(f, errno, "cannot mount at %s", dir));
	TRY(open_device(f, &out->fd));
	why = mount_directly(out, options);
	if (why == EPERM)
		TRY(mount_by_helper(f, out, options));
	else if (why != 0)
		TRY(fault_errno(f, why, "cannot mount at %s", dir));
	learn_device(out);
	raise_read_ahead(out);
out:
	if (err)
		attached_free(out);
	return err;
}

void
attached_free(struct attached *a)
{
	file_close(&a->fd);
	free(a->dir);
	a->dir = NULL;
}

/* ---- taking away ---- */

/* «\040» for a space and the like: proc(5) */
static void
unescape(char *text)
{
	char *to = text;

	for (const char *p = text; *p; to++) {
		if (p[0] == '\\' && p[1] >= '0' && p[1] <= '3' && p[2] >= '0' && p[2] <= '7' && p[3] >= '0' &&
		    p[3] <= '7') {
			*to = (char)((p[1] - '0') * 64 + (p[2] - '0') * 8 + (p[3] - '0'));
			p += 4;
		} else {
			*to = *p++;
		}
	}
	*to = '\0';
}

/** struct mounted - a line of /proc/self/mountinfo */
struct mounted {
	unsigned int major, minor;
	char dir[4096];
	bool ours; /* its type is that of coffer */
};

static bool
read_mounted(const char *line, struct mounted *m)
{
	const char *dash = strstr(line, " - ");

	if (!dash || sscanf(line, "%*u %*u %u:%u %*s %4095s", &m->major, &m->minor, m->dir) != 3)
		return false;
	unescape(m->dir);
	m->ours = strncmp(dash + 3, TYPE " ", sizeof(TYPE)) == 0;
	return true;
}

/* What hangs at @dir on top. */
static bool
find_mounted(const char *dir, struct mounted *out)
{
	FILE *in = fopen("/proc/self/mountinfo", "re");
	struct mounted m;
	char *line = NULL;
	size_t cap = 0;
	bool found = false;

	while (in && getline(&line, &cap, in) > 0)
		if (read_mounted(line, &m) && strcmp(m.dir, dir) == 0) {
			*out = m;
			found = true;
		}
	free(line);
	if (in)
		(void)fclose(in);
	return found;
}

static coffer_err
detach(struct fault *f, const char *dir, enum mount_busy busy)
{
	if (umount2(dir, UMOUNT_NOFOLLOW | (busy == MOUNT_BUSY_LAZY ? MNT_DETACH : 0)) == 0)
		return COFFER_OK;
	if (errno == EPERM)
		return unmount_by_helper(f, dir, busy);
	if (errno == EBUSY)
		return fault_set(f, COFFER_E_BUSY, "%s is in use", dir);
	return fault_errno(f, errno, "cannot unmount %s", dir);
}

coffer_err
attached_detach(struct fault *f, const struct attached *a, enum mount_busy busy)
{
	struct mounted m;

	if (!a->dir || !find_mounted(a->dir, &m) || m.major != a->major || m.minor != a->minor)
		return COFFER_OK;
	return detach(f, a->dir, busy);
}

/* Absolute and without links.  The folder itself may be that of a dead server, which cannot be asked. */
static coffer_err
resolve(struct fault *f, const char *dir, char **out)
{
	char *copy = strdup(dir), *slash, *parent = NULL;
	size_t len;
	coffer_err err = COFFER_OK;

	*out = realpath(dir, NULL);
	if (*out || !copy || !is_dead(errno))
		goto out;
	len = strlen(copy);
	while (len > 1 && copy[len - 1] == '/')
		copy[--len] = '\0';
	slash = strrchr(copy, '/');
	if (slash)
		*slash = '\0';
	parent = realpath(!slash ? "." : slash == copy ? "/" : copy, NULL);
	if (parent && asprintf(out, "%s/%s", strcmp(parent, "/") == 0 ? "" : parent, slash ? slash + 1 : copy) < 0)
		*out = NULL;
out:
	if (!*out)
		err = fault_errno(f, errno, "cannot find %s", dir);
	free(parent);
	free(copy);
	return err;
}

coffer_err
mount_detach(struct fault *f, const char *dir, enum mount_busy busy)
{
	struct mounted m;
	char *path = NULL;
	coffer_err err;

	TRY(resolve(f, dir, &path));
	if (!find_mounted(path, &m) || !m.ours)
		TRY(fault_set(f, COFFER_E_NOTFOUND, "coffer has mounted nothing at %s", dir));
	TRY(detach(f, path, busy));
out:
	free(path);
	return err;
}
