/* SPDX-License-Identifier: Apache-2.0 */
#include "run/keeper.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/num.h"

/* ---- words ---- */

/** union control - room for one descriptor beside a word */
union control {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(sizeof(int))];
};

static void
enclose(struct msghdr *message, union control *control, int fd)
{
	struct cmsghdr *c;

	message->msg_control = control->bytes;
	message->msg_controllen = sizeof(control->bytes);
	c = CMSG_FIRSTHDR(message);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(fd));
}

static int
enclosed(struct msghdr *message)
{
	struct cmsghdr *c = CMSG_FIRSTHDR(message);
	int fd = -1;

	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS && c->cmsg_len == CMSG_LEN(sizeof(int)))
		memcpy(&fd, CMSG_DATA(c), sizeof(fd));
	return fd;
}

coffer_err
keeper_say(struct fault *f, int channel, const struct keeper_word *word, int fd)
{
	struct keeper_word copy = *word;
	struct iovec bytes = {.iov_base = &copy, .iov_len = sizeof(copy)};
	struct msghdr message = {.msg_iov = &bytes, .msg_iovlen = 1};
	union control control = {.bytes = ""};
	ssize_t n;

	copy.pid = getpid();
	if (fd >= 0)
		enclose(&message, &control, fd);
	do
		n = sendmsg(channel, &message, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n == (ssize_t)sizeof(copy))
		return COFFER_OK;
	return fault_set(f, COFFER_E_INTERRUPTED, "the other half of coffer is no more");
}

coffer_err
keeper_hear(struct fault *f, int channel, struct keeper_word *word, int *fd_out)
{
	struct iovec bytes = {.iov_base = word, .iov_len = sizeof(*word)};
	union control control = {.bytes = ""};
	struct msghdr message = {
		.msg_iov = &bytes,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes),
	};
	ssize_t n;
	int fd;

	do
		n = recvmsg(channel, &message, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n != (ssize_t)sizeof(*word))
		return fault_set(f, COFFER_E_OTHER,
				 "the process that opens the model was ended from outside; the system log may say why");
	fd = enclosed(&message);
	if (fd_out)
		*fd_out = fd;
	else
		file_close(&fd);
	word->fault.text[sizeof(word->fault.text) - 1] = '\0';
	word->path[sizeof(word->path) - 1] = '\0';
	return word->fault.err ? fault_set(f, word->fault.err, "%s", word->fault.text) : COFFER_OK;
}

/* ---- the process ---- */

static void
live(keeper_fn *fn, void *arg, int channel)
{
	struct keeper_word last = {.number = 0};
	coffer_err err = fn(arg, &last.fault, channel);

	last.fault.err = err;
	/* who has gone needs no word */
	if (err && keeper_say(NULL, channel, &last, -1) != COFFER_OK)
		exit(coffer_err_exit(COFFER_E_INTERRUPTED));
	exit(coffer_err_exit(err));
}

/* The second test: @starter may have died before the first call. */
static bool
die_with(pid_t starter)
{
	return prctl(PR_SET_PDEATHSIG, (unsigned long)SIGKILL, 0L, 0L, 0L) == 0 && getppid() == starter;
}

static void
begin(keeper_fn *fn, void *arg, enum keeper_life life, pid_t starter, int channel)
{
	if (life == KEEPER_CHILD && !die_with(starter))
		_exit(1);
	keeper_note_inherited();
	/* whose parent has ended is a child of init */
	if (life == KEEPER_STAYS && fork() != 0)
		_exit(0);
	live(fn, arg, channel);
}

static void
reap(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		continue;
}

coffer_err
keeper_start(struct fault *f, keeper_fn *fn, void *arg, enum keeper_life life, struct keeper *out)
{
	pid_t starter = getpid();
	int ends[2];

	*out = (struct keeper){.pid = -1, .channel = -1};
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
		return fault_errno(f, errno, "cannot make a socket");
	out->pid = fork();
	if (out->pid == 0) {
		(void)close(ends[0]);
		begin(fn, arg, life, starter, ends[1]);
	}
	(void)close(ends[1]);
	out->channel = ends[0];
	if (out->pid < 0) {
		file_close(&out->channel);
		return fault_errno(f, errno, "cannot start a process");
	}
	if (life == KEEPER_STAYS) {
		reap(out->pid);
		out->pid = -1;
	}
	return COFFER_OK;
}

void
keeper_end(struct keeper *k)
{
	file_close(&k->channel);
	if (k->pid > 0)
		reap(k->pid);
	k->pid = -1;
}

/* Ours end with exec, all of them. */
static struct {
	int v[1024];
	size_t n;
} inherited;

void
keeper_note_inherited(void)
{
	DIR *dir = opendir("/proc/self/fd");

	inherited.n = 0;
	for (const struct dirent *e; dir && (e = readdir(dir));) {
		uint64_t fd;
		int flags;

		if (!num_parse(e->d_name, STDERR_FILENO + 1, INT_MAX, &fd))
			continue;
		flags = fcntl((int)fd, F_GETFD);
		if (flags >= 0 && !(flags & FD_CLOEXEC) && inherited.n < sizeof(inherited.v) / sizeof(inherited.v[0]))
			inherited.v[inherited.n++] = (int)fd;
	}
	if (dir)
		(void)closedir(dir);
}

static void
close_inherited(void)
{
	while (inherited.n > 0)
		(void)close(inherited.v[--inherited.n]);
}

void
keeper_leave_terminal(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	struct stat st;

	close_inherited();
	(void)setsid();
	(void)!chdir("/");
	if (null < 0)
		return;
	(void)dup2(null, STDIN_FILENO);
	(void)dup2(null, STDOUT_FILENO);
	/* what goes wrong later may still be said where somebody reads it later */
	if (fstat(STDERR_FILENO, &st) != 0 || S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode))
		(void)dup2(null, STDERR_FILENO);
	if (null > STDERR_FILENO)
		file_close(&null);
}

/* ---- signals ---- */

static const int forwarded[] = {SIGINT, SIGTERM, SIGHUP};
#define N_FORWARDED (sizeof(forwarded) / sizeof(forwarded[0]))

static volatile pid_t forward_to;
static volatile sig_atomic_t seen, passed_on; /* once: the second one would end the keeper at once */

static void
pass_on(void)
{
	if (forward_to > 0 && !passed_on) {
		passed_on = 1;
		(void)kill(forward_to, SIGTERM);
	}
}

static void
on_signal(int signum)
{
	int before = errno;

	(void)signum;
	seen = 1;
	pass_on();
	errno = before;
}

static void
exchange_action(void (*from)(int), void (*to)(int))
{
	struct sigaction action = {.sa_handler = to}, old;

	for (size_t i = 0; i < N_FORWARDED; i++)
		if (sigaction(forwarded[i], NULL, &old) == 0 && old.sa_handler == from)
			(void)sigaction(forwarded[i], &action, NULL);
}

void
keeper_forward(pid_t pid)
{
	forward_to = pid;
	exchange_action(SIG_DFL, on_signal);
	if (seen)
		pass_on(); /* one that came a moment before */
}

bool
keeper_forwarded(void)
{
	exchange_action(on_signal, SIG_DFL);
	return seen != 0;
}
