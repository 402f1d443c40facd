/* SPDX-License-Identifier: Apache-2.0 */
#include "net/aws_process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/limits.h"

extern char **environ;

/* ---- words ---- */

/* struct splitter - where in the command, and in the words that it becomes */
struct splitter {
	struct view rest;
	struct aws_words *out;
	size_t used;
};

static bool
put(struct splitter *s, uint8_t c)
{
	if (c == '\0' || s->used + 1 >= sizeof(s->out->text))
		return false;
	s->out->text[s->used++] = (char)c;
	return true;
}

static uint8_t
take(struct splitter *s)
{
	s->rest.len--;
	return *s->rest.p++;
}

/* The rest of what @quote began. */
static bool
take_quoted(struct splitter *s, uint8_t quote)
{
	while (s->rest.len > 0) {
		uint8_t c = take(s);

		if (c == quote)
			return true;
		if (c == '\\' && quote == '"' && s->rest.len > 0 && (s->rest.p[0] == '"' || s->rest.p[0] == '\\'))
			c = take(s);
		if (!put(s, c))
			return false;
	}
	return false;
}

static bool
take_word(struct splitter *s)
{
	while (s->rest.len > 0 && !view_is_space(s->rest.p[0])) {
		uint8_t c = take(s);
		bool ok;

		if (c == '"' || c == '\'')
			ok = take_quoted(s, c);
		else if (c == '\\')
			ok = s->rest.len > 0 && put(s, take(s));
		else
			ok = put(s, c);
		if (!ok)
			return false;
	}
	s->out->text[s->used++] = '\0'; /* put() left room */
	return true;
}

bool
aws_words_split(struct view command, struct aws_words *out)
{
	struct splitter s = {.rest = view_trim(command), .out = out};

	*out = (struct aws_words){.n = 0};
	while (s.rest.len > 0) {
		if (out->n == AWS_PROCESS_ARGS || s.used == sizeof(out->text))
			return false;
		out->argv[out->n++] = out->text + s.used;
		if (!take_word(&s))
			return false;
		while (s.rest.len > 0 && view_is_space(s.rest.p[0]))
			(void)take(&s);
	}
	return out->n > 0;
}

/* ---- the program ---- */

static int64_t
now_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Signals as a program expects them, whatever those of this process are. */
static void
set_signals(posix_spawnattr_t *attr)
{
	sigset_t none, dflt;

	(void)sigemptyset(&none);
	(void)sigemptyset(&dflt);
	(void)sigaddset(&dflt, SIGPIPE);
	(void)posix_spawnattr_setsigmask(attr, &none);
	(void)posix_spawnattr_setsigdefault(attr, &dflt);
	(void)posix_spawnattr_setflags(attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
}

static int
spawn(char *const argv[], int output, pid_t *pid_out)
{
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attr;
	int rc;

	rc = posix_spawn_file_actions_init(&files);
	if (rc != 0)
		return rc;
	rc = posix_spawnattr_init(&attr);
	if (rc == 0) {
		set_signals(&attr);
		rc = posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
		rc = rc ? rc : posix_spawn_file_actions_adddup2(&files, output, 1);
		rc = rc ? rc : posix_spawn_file_actions_addopen(&files, 2, "/dev/null", O_WRONLY, 0);
		rc = rc ? rc : posix_spawnp(pid_out, argv[0], &files, &attr, argv, environ);
		(void)posix_spawnattr_destroy(&attr);
	}
	(void)posix_spawn_file_actions_destroy(&files);
	return rc;
}

/* Until its end, or @deadline, or no more room. */
static coffer_err
read_output(struct fault *f, const char *program, int fd, int64_t deadline, struct secret *room, size_t *len_out)
{
	for (;;) {
		int64_t left = deadline - now_ms();
		struct pollfd p = {.fd = fd, .events = POLLIN};
		ssize_t n;

		if (left <= 0)
			return fault_set(f, COFFER_E_REFUSED,
					 "credential_process %s took too long, and was ended; run it by hand", program);
		if (poll(&p, 1, (int)left) <= 0)
			continue;
		n = read(fd, room->p + *len_out, room->len - *len_out);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return fault_errno(f, errno, "cannot read from credential_process %s", program);
		if (n == 0)
			return COFFER_OK;
		*len_out += (size_t)n;
		if (*len_out == room->len)
			return fault_set(f, COFFER_E_REFUSED,
					 "credential_process %s wrote more than %u bytes, which are no credentials",
					 program, LIMIT_TOKEN);
	}
}

/* Wait for its end; one that goes on after @deadline is ended. */
static coffer_err
check_end(struct fault *f, const char *program, pid_t pid, int64_t deadline)
{
	static const struct timespec moment = {.tv_nsec = 2000000};
	int status = 0;
	pid_t got;

	while ((got = waitpid(pid, &status, WNOHANG)) == 0 || (got < 0 && errno == EINTR)) {
		if (now_ms() >= deadline)
			(void)kill(pid, SIGKILL);
		(void)nanosleep(&moment, NULL);
	}
	/* who ignores SIGCHLD gets no status: then the output alone tells */
	if (got < 0 || (WIFEXITED(status) && WEXITSTATUS(status) == 0))
		return COFFER_OK;
	return fault_set(f, COFFER_E_REFUSED, "credential_process %s failed (%s %d); run it by hand to see why",
			 program, WIFEXITED(status) ? "exit code" : "signal",
			 WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
}

static coffer_err
run(struct fault *f, char *const argv[], unsigned int timeout_ms, struct secret *out)
{
	struct secret room = SECRET_INIT;
	coffer_err err, end;
	int pipe_fds[2] = {-1, -1}, rc;
	int64_t deadline = now_ms() + timeout_ms;
	size_t len = 0;
	pid_t pid;

	TRY(secret_new(f, &room, LIMIT_TOKEN + 1));
	if (pipe2(pipe_fds, O_CLOEXEC) != 0)
		TRY(fault_errno(f, errno, "cannot make a pipe"));
	rc = spawn(argv, pipe_fds[1], &pid);
	file_close(&pipe_fds[1]);
	if (rc != 0)
		TRY(fault_set(f, COFFER_E_REFUSED, "credential_process %s cannot be run: %s", argv[0], strerror(rc)));
	err = read_output(f, argv[0], pipe_fds[0], deadline, &room, &len);
	end = check_end(err ? NULL : f, argv[0], pid, err ? 0 : deadline);
	TRY(err ? err : end);
	TRY(secret_copy(f, out, room.p, len));
out:
	file_close(&pipe_fds[0]);
	file_close(&pipe_fds[1]);
	secret_free(&room);
	return err;
}

coffer_err
aws_process_run(struct fault *f, struct view command, unsigned int timeout_ms, struct secret *out)
{
	struct aws_words words;

	if (!aws_words_split(command, &words))
		return fault_set(f, COFFER_E_REFUSED,
				 "credential_process is no command: a quote does not end, or it is too long");
	return run(f, words.argv, timeout_ms, out);
}
