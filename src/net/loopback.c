/* SPDX-License-Identifier: Apache-2.0 */
#include "net/loopback.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/view.h"
#include "net/url.h"

#define PATH "/auth/callback"
#define CALLERS 8 /* at once; browsers open connections ahead of need */
#define STATE_MAX 256
#define SLICE_MS 250 /* between two looks at whether it was stopped */

static coffer_err
listen_on(struct fault *f, struct loopback *l)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(at);

	if (bind(l->fd, (const struct sockaddr *)&at, sizeof(at)) != 0 || listen(l->fd, CALLERS) != 0 ||
	    getsockname(l->fd, (struct sockaddr *)&at, &len) != 0)
		return fault_set(f, COFFER_E_NET, "cannot wait for the browser on 127.0.0.1: %s", strerror(errno));
	/* «localhost», for that is what public clients are registered with */
	(void)snprintf(l->url, sizeof(l->url), "http://localhost:%u" PATH, (unsigned int)ntohs(at.sin_port));
	return COFFER_OK;
}

coffer_err
loopback_open(struct fault *f, struct loopback *l)
{
	coffer_err err;

	*l = (struct loopback)LOOPBACK_INIT;
	l->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (l->fd < 0)
		return fault_set(f, COFFER_E_NET, "cannot wait for the browser on 127.0.0.1: %s", strerror(errno));
	err = listen_on(f, l);
	if (err)
		loopback_close(l);
	return err;
}

void
loopback_close(struct loopback *l)
{
	file_close(&l->fd);
}

/* ---- one who calls ---- */

struct caller {
	int fd;
	size_t len;
	char head[LIMIT_REQUEST + 1];
};

struct waiting {
	struct loopback *l;
	const struct loopback_wait *wait;
	struct secret mem; /* CALLERS of them: they may hold the code */
	struct caller *callers;
	struct secret *query; /* set when the redirect has come */
};

enum answer { ANSWER_WAIT, ANSWER_DONE, ANSWER_BAD_REQUEST, ANSWER_NOT_FOUND, ANSWER_NO_METHOD, ANSWER_TOO_LARGE };

static const struct {
	const char *status, *text;
} answers[] = {
	[ANSWER_DONE] = {"200 OK", "coffer has what it needs.  This page can be closed."},
	[ANSWER_BAD_REQUEST] = {"400 Bad Request", "This is not the answer that coffer waits for."},
	[ANSWER_NOT_FOUND] = {"404 Not Found", "There is nothing here."},
	[ANSWER_NO_METHOD] = {"405 Method Not Allowed", "GET alone is answered here."},
	[ANSWER_TOO_LARGE] = {"431 Request Header Fields Too Large", "The request is too long."},
};

/* A few hundred bytes fit the socket's buffer; whoever does not take them goes without. */
static void
reply(int fd, enum answer answer)
{
	char text[512];
	int len = snprintf(text, sizeof(text),
			   "HTTP/1.1 %s\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: %zu\r\n"
			   "Cache-Control: no-store\r\nReferrer-Policy: no-referrer\r\nConnection: close\r\n%s\r\n%s\n",
			   answers[answer].status, strlen(answers[answer].text) + 1,
			   answer == ANSWER_NO_METHOD ? "Allow: GET\r\n" : "", answers[answer].text);

	(void)send(fd, text, (size_t)len, MSG_NOSIGNAL | MSG_DONTWAIT);
	(void)shutdown(fd, SHUT_WR);
}

static void
hang_up(struct caller *c)
{
	file_close(&c->fd);
	mem_wipe(c->head, sizeof(c->head));
	c->len = 0;
}

static bool
take_word(struct view *v, const char *word)
{
	struct view taken;

	if (v->len < strlen(word) || memcmp(v->p, word, strlen(word)) != 0)
		return false;
	return view_take(v, strlen(word), &taken);
}

static coffer_err
keep_query(struct waiting *w, struct view query)
{
	coffer_err err = secret_new(NULL, w->query, query.len);

	if (err == COFFER_OK)
		memcpy(w->query->p, query.p, query.len);
	return err;
}

static bool
has_state(const struct waiting *w, struct view query)
{
	char got[STATE_MAX];

	return query_get(query, "state", got, sizeof(got)) && strlen(got) == strlen(w->wait->state) &&
	       mem_equal(got, w->wait->state, strlen(got));
}

/* «GET /auth/callback?QUERY HTTP/1.1», once the head is complete */
static enum answer
judge(struct waiting *w, const struct caller *c, struct view *query_out)
{
	struct view line = view_of(c->head, c->len);
	const uint8_t *end;

	if (!strstr(c->head, "\r\n\r\n"))
		return c->len == LIMIT_REQUEST ? ANSWER_TOO_LARGE : ANSWER_WAIT;
	line.len = (size_t)(strstr(c->head, "\r\n") - c->head);
	if (!take_word(&line, "GET "))
		return ANSWER_NO_METHOD;
	end = memchr(line.p, ' ', line.len);
	if (!end || (size_t)(line.p + line.len - end) != strlen(" HTTP/1.x") || memcmp(end, " HTTP/1.", 8) != 0)
		return ANSWER_BAD_REQUEST;
	line.len = (size_t)(end - line.p);
	if (!take_word(&line, PATH) || (line.len > 0 && line.p[0] != '?'))
		return ANSWER_NOT_FOUND;
	if (!take_word(&line, "?") || !has_state(w, line))
		return ANSWER_BAD_REQUEST;
	*query_out = line;
	return ANSWER_DONE;
}

static coffer_err
hear(struct waiting *w, struct caller *c, bool *done_out)
{
	struct view query = {0};
	coffer_err err = COFFER_OK;
	enum answer answer;
	ssize_t n = recv(c->fd, c->head + c->len, LIMIT_REQUEST - c->len, 0);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return COFFER_OK;
	if (n <= 0) {
		hang_up(c);
		return COFFER_OK;
	}
	c->len += (size_t)n;
	c->head[c->len] = '\0';
	answer = judge(w, c, &query);
	if (answer == ANSWER_WAIT)
		return COFFER_OK;
	if (answer == ANSWER_DONE) {
		err = keep_query(w, query);
		*done_out = err == COFFER_OK;
	}
	reply(c->fd, answer);
	hang_up(c);
	return err;
}

/* ---- all of them ---- */

/* A place that is free, or the one of the longest silence: the first, for they move up. */
static struct caller *
make_room(struct waiting *w)
{
	for (size_t i = 0; i < CALLERS; i++)
		if (w->callers[i].fd < 0)
			return &w->callers[i];
	hang_up(&w->callers[0]);
	memmove(w->callers, w->callers + 1, (CALLERS - 1) * sizeof(*w->callers));
	w->callers[CALLERS - 1].fd = -1;
	return &w->callers[CALLERS - 1];
}

static void
let_in(struct waiting *w)
{
	int fd = accept4(w->l->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct caller *c;

	if (fd < 0)
		return;
	c = make_room(w);
	c->fd = fd;
	c->len = 0;
}

static int64_t
now_ms(void)
{
	struct timespec t = {0};

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static coffer_err
serve(struct fault *f, struct waiting *w, int64_t deadline)
{
	bool done = false;
	coffer_err err = COFFER_OK;

	while (!done) {
		struct pollfd polled[CALLERS + 1];
		int64_t left = deadline - now_ms();

		if (w->wait->stopped && w->wait->stopped(w->wait->arg))
			return fault_set(f, COFFER_E_INTERRUPTED, "interrupted while waiting for the browser");
		if (left <= 0)
			return fault_set(f, COFFER_E_NET,
					 "the browser did not come back with an answer in time: sign in sooner, or "
					 "choose another way to sign in");
		for (size_t i = 0; i < CALLERS; i++)
			polled[i] = (struct pollfd){.fd = w->callers[i].fd, .events = POLLIN};
		polled[CALLERS] = (struct pollfd){.fd = w->l->fd, .events = POLLIN};
		if (poll(polled, CALLERS + 1, (int)(left < SLICE_MS ? left : SLICE_MS)) < 0 && errno != EINTR)
			return fault_errno(f, errno, "cannot wait for the browser");
		for (size_t i = 0; i < CALLERS && !done; i++)
			if (polled[i].fd >= 0 && polled[i].revents)
				TRY(hear(w, &w->callers[i], &done));
		if (polled[CALLERS].revents)
			let_in(w);
	}
out:
	return err == COFFER_E_NOMEM ? fault_nomem(f) : err;
}

coffer_err
loopback_wait(struct fault *f, struct loopback *l, const struct loopback_wait *wait, struct secret *query_out)
{
	struct waiting w = {.l = l, .wait = wait, .mem = SECRET_INIT, .query = query_out};
	coffer_err err;

	*query_out = (struct secret)SECRET_INIT;
	TRY(secret_new(f, &w.mem, CALLERS * sizeof(struct caller)));
	w.callers = (struct caller *)(void *)w.mem.p;
	for (size_t i = 0; i < CALLERS; i++)
		w.callers[i].fd = -1;
	TRY(serve(f, &w, now_ms() + wait->timeout_ms));
out:
	for (size_t i = 0; w.callers && i < CALLERS; i++)
		hang_up(&w.callers[i]);
	secret_free(&w.mem);
	return err;
}
