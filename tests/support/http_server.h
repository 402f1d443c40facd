/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A child that speaks HTTP on 127.0.0.1, one connection after the other, as a test tells it to.
 *
 * It ends a connection after one answer and, like any server that means well, says so: http_server_say() puts that into a head.
 * One that keeps them is in kept_server.h.
 */
#ifndef TESTS_SUPPORT_HTTP_SERVER_H
#define TESTS_SUPPORT_HTTP_SERVER_H

#include <arpa/inet.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

struct http_server {
	pid_t child;
	unsigned int port;
};

/** http_server_fn - answer @request, a whole one with a NUL behind, on @fd */
typedef void (*http_server_fn)(int fd, const char *request, size_t len);

static inline void
http_server_send(int fd, const char *text, size_t len)
{
	while (len > 0) {
		ssize_t n = send(fd, text, len, MSG_NOSIGNAL);

		if (n <= 0)
			return;
		text += n;
		len -= (size_t)n;
	}
}

static inline void
http_server_say(int fd, const char *text)
{
	const char *rest = strncmp(text, "HTTP/1.1 ", 9) == 0 ? strstr(text, "\r\n") : NULL;

	if (rest) {
		http_server_send(fd, text, (size_t)(rest - text));
		http_server_send(fd, "\r\nConnection: close", 19);
		text = rest;
	}
	http_server_send(fd, text, strlen(text));
}

/* the bytes that the head promises behind it */
static inline size_t
http_server_promised(const char *head)
{
	const char *at = strcasestr(head, "\r\ncontent-length:");
	size_t n = 0;

	for (at = at ? at + 17 : ""; *at == ' ' || (*at >= '0' && *at <= '9'); at++)
		n = *at == ' ' ? n : n * 10 + (size_t)(*at - '0');
	return n;
}

static inline void
http_server_one(int fd, http_server_fn answer)
{
	static char request[4 << 20];
	size_t len = 0, want = sizeof(request) - 1;
	const char *end = NULL;

	while (len < want) {
		ssize_t n = recv(fd, request + len, want - len, 0);

		if (n <= 0)
			break;
		len += (size_t)n;
		request[len] = '\0';
		if (!end && (end = strstr(request, "\r\n\r\n")))
			want = (size_t)(end + 4 - request) + http_server_promised(request);
	}
	if (end)
		answer(fd, request, len);
}

/** http_server_start() - answer by @answer until http_server_stop() */
static inline void
http_server_start(struct http_server *s, http_server_fn answer)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(at);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof(at)) != 0 || listen(fd, 16) != 0 ||
	    getsockname(fd, (struct sockaddr *)&at, &len) != 0)
		abort();
	s->port = ntohs(at.sin_port);
	s->child = fork();
	if (s->child < 0)
		abort();
	if (s->child == 0) {
		(void)alarm(120);
		for (;;) {
			int one = accept(fd, NULL, NULL);

			http_server_one(one, answer);
			(void)close(one);
		}
	}
	(void)close(fd);
}

static inline void
http_server_stop(struct http_server *s)
{
	(void)kill(s->child, SIGKILL);
	(void)waitpid(s->child, NULL, 0);
}

#endif
