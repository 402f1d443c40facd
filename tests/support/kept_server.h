/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A server that keeps its connections, over TLS or without, with a process for each, and counts them and what is asked.
 *
 * /last is answered before the connection ends without a word about it, /drop is not answered, /mark with the mark of traces.h, and
 * anything else with the request itself behind a line «CONNECTION REQUEST certificate» or «… none».
 */
#ifndef TESTS_SUPPORT_KEPT_SERVER_H
#define TESTS_SUPPORT_KEPT_SERVER_H

#include <openssl/ssl.h>
#include <stdatomic.h>
#include <sys/mman.h>

#include "support/http_server.h"
#include "support/traces.h"

struct kept_server {
	pid_t child; /* it and those of its connections are one group */
	unsigned int port;
	struct kept_seen {
		atomic_uint connections, requests, ended;
	} * seen;
};

/** struct kept_tls - PEM files; a client may show a certificate, any one */
struct kept_tls {
	const char *cert, *key;
};

struct kept_connection {
	int fd;
	SSL *ssl; /* or NULL */
	unsigned int number;
};

static inline ssize_t
kept_read(struct kept_connection *c, char *to, size_t len)
{
	return c->ssl ? SSL_read(c->ssl, to, (int)len) : recv(c->fd, to, len, 0);
}

static inline void
kept_write(struct kept_connection *c, const char *text, size_t len)
{
	if (c->ssl)
		(void)SSL_write(c->ssl, text, (int)len);
	else
		http_server_send(c->fd, text, len);
}

static inline void
kept_answer(struct kept_connection *c, unsigned int n, const char *request)
{
	char body[8192], all[8448], mark[TRACES_LEN + 1] = "";
	bool marked = strstr(request, " /mark ") != NULL;
	int len;

	if (marked)
		traces_mark(mark);
	(void)snprintf(body, sizeof(body), "%u %u %s\n%s", c->number, n,
		       c->ssl && SSL_get0_peer_certificate(c->ssl) ? "certificate" : "none", request);
	len = snprintf(all, sizeof(all), "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%s",
		       strlen(marked ? mark : body),
		       strncmp(request, "HEAD ", 5) == 0 ? ""
		       : marked				 ? mark
							 : body);
	kept_write(c, all, (size_t)len);
}

/* false: there is none any more */
static inline bool
kept_one(struct kept_connection *c, struct kept_seen *seen)
{
	char request[4096] = "";
	size_t len = 0, want = sizeof(request) - 1;
	const char *end = NULL;
	unsigned int n;

	while (len < want) {
		ssize_t got = kept_read(c, request + len, want - len);

		if (got <= 0)
			return false;
		len += (size_t)got;
		request[len] = '\0';
		if (!end && (end = strstr(request, "\r\n\r\n")))
			want = (size_t)(end + 4 - request) + http_server_promised(request);
	}
	n = atomic_fetch_add(&seen->requests, 1) + 1;
	if (strstr(request, " /drop "))
		return false;
	kept_answer(c, n, request);
	return strstr(request, " /last ") == NULL;
}

static inline void
kept_serve(int fd, SSL_CTX *tls, struct kept_seen *seen)
{
	struct kept_connection c = {.fd = fd, .number = atomic_fetch_add(&seen->connections, 1) + 1};

	if (tls) {
		c.ssl = SSL_new(tls);
		if (!c.ssl || SSL_set_fd(c.ssl, fd) != 1 || SSL_accept(c.ssl) != 1)
			_exit(0);
	}
	while (kept_one(&c, seen))
		;
	(void)shutdown(fd, SHUT_RDWR);
	atomic_fetch_add(&seen->ended, 1);
	_exit(0);
}

static inline int
kept_any_certificate(int ok, X509_STORE_CTX *store)
{
	(void)ok;
	(void)store;
	return 1;
}

static inline SSL_CTX *
kept_context(const struct kept_tls *t)
{
	SSL_CTX *tls = SSL_CTX_new(TLS_server_method());

	if (!tls || SSL_CTX_use_certificate_file(tls, t->cert, SSL_FILETYPE_PEM) != 1 ||
	    SSL_CTX_use_PrivateKey_file(tls, t->key, SSL_FILETYPE_PEM) != 1)
		abort();
	SSL_CTX_set_verify(tls, SSL_VERIFY_PEER, kept_any_certificate);
	return tls;
}

/** kept_start() - serve until kept_stop(); @t: NULL for no TLS */
static inline void
kept_start(struct kept_server *s, const struct kept_tls *t)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(at);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	SSL_CTX *tls;

	s->seen = mmap(NULL, sizeof(*s->seen), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (s->seen == MAP_FAILED || fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof(at)) != 0 ||
	    listen(fd, 16) != 0 || getsockname(fd, (struct sockaddr *)&at, &len) != 0)
		abort();
	s->port = ntohs(at.sin_port);
	s->child = fork();
	if (s->child == 0) {
		(void)setpgid(0, 0);
		(void)signal(SIGCHLD, SIG_IGN);
		(void)alarm(120);
		tls = t ? kept_context(t) : NULL;
		for (;;) {
			int one = accept(fd, NULL, NULL);

			if (fork() == 0)
				kept_serve(one, tls, s->seen);
			(void)close(one);
		}
	}
	(void)setpgid(s->child, s->child);
	(void)close(fd);
}

static inline void
kept_stop(struct kept_server *s)
{
	(void)kill(-s->child, SIGKILL);
	(void)waitpid(s->child, NULL, 0);
	(void)munmap(s->seen, sizeof(*s->seen));
}

#endif
