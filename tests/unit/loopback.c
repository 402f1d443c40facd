/* SPDX-License-Identifier: Apache-2.0 */
/* A browser is a child that says what a row tells it to, and hands back what it was answered. */
#include "net/loopback.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define GOOD "GET /auth/callback?code=c1&state=s1 HTTP/1.1\r\nHost: localhost\r\n\r\n"

static unsigned int
port_of(const struct loopback *l)
{
	unsigned int port = 0;

	assert_int_equal(sscanf(l->url, "http://localhost:%u/auth/callback", &port), 1);
	return port;
}

static int
dial(unsigned int port)
{
	struct sockaddr_in at = {
		.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || connect(fd, (struct sockaddr *)&at, sizeof(at)) != 0)
		_exit(100);
	return fd;
}

/* say @request in pieces of @piece bytes, and give the status that came back; 0 for none */
static int
ask(unsigned int port, const char *request, size_t piece)
{
	char reply[1024] = "";
	int fd = dial(port), status = 0;
	size_t len = strlen(request), got = 0;
	ssize_t n;

	for (size_t at = 0; at < len; at += piece)
		if (send(fd, request + at, len - at < piece ? len - at : piece, MSG_NOSIGNAL) < 0)
			break;
	while (got < sizeof(reply) - 1 && (n = recv(fd, reply + got, sizeof(reply) - 1 - got, 0)) > 0)
		got += (size_t)n;
	(void)close(fd);
	(void)sscanf(reply, "HTTP/1.1 %d ", &status);
	return status;
}

static coffer_err
wait_on(struct fault *f, struct loopback *l, unsigned int timeout_ms, struct secret *query)
{
	return loopback_wait(f, l, &(struct loopback_wait){.state = "s1", .timeout_ms = timeout_ms}, query);
}

static pid_t
fork_browser(void)
{
	pid_t child = fork();

	assert_true(child >= 0);
	if (child == 0)
		(void)alarm(20);
	return child;
}

static int
wait_for(pid_t child)
{
	int status = 0;

	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static const struct {
	const char *name, *request;
	int status;
} refused[] = {
	{"another method", "POST /auth/callback?code=x&state=s1 HTTP/1.1\r\n\r\n", 405},
	{"HEAD", "HEAD /auth/callback?code=x&state=s1 HTTP/1.1\r\n\r\n", 405},
	{"small letters", "get /auth/callback?code=x&state=s1 HTTP/1.1\r\n\r\n", 405},
	{"an icon", "GET /favicon.ico HTTP/1.1\r\n\r\n", 404},
	{"a longer path", "GET /auth/callback2?code=x&state=s1 HTTP/1.1\r\n\r\n", 404},
	{"a deeper path", "GET /auth/callback/?code=x&state=s1 HTTP/1.1\r\n\r\n", 404},
	{"a whole URL", "GET http://localhost/auth/callback?code=x&state=s1 HTTP/1.1\r\n\r\n", 404},
	{"no query", "GET /auth/callback HTTP/1.1\r\n\r\n", 400},
	{"no state", "GET /auth/callback?code=x HTTP/1.1\r\n\r\n", 400},
	{"another state", "GET /auth/callback?code=x&state=s2 HTTP/1.1\r\n\r\n", 400},
	{"a longer state", "GET /auth/callback?code=x&state=s11 HTTP/1.1\r\n\r\n", 400},
	{"a shorter state", "GET /auth/callback?code=x&state=s HTTP/1.1\r\n\r\n", 400},
	{"two states", "GET /auth/callback?code=x&state=s1&state=s1 HTTP/1.1\r\n\r\n", 400},
	{"no version", "GET /auth/callback?code=x&state=s1\r\n\r\n", 400},
	{"another protocol", "GET /auth/callback?code=x&state=s1 HTTP/2.00\r\n\r\n", 400},
	{"spaces", "GET  /auth/callback?code=x&state=s1 HTTP/1.1\r\n\r\n", 400},
};

/* after every refusal, the one that is waited for is still taken */
static void
one_redirect_is_taken(void **state)
{
	struct secret query = SECRET_INIT;
	struct loopback l;
	pid_t child;

	(void)state;
	assert_int_equal(loopback_open(NULL, &l), COFFER_OK);
	child = fork_browser();
	if (child == 0) {
		for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
			if (ask(port_of(&l), refused[i].request, 1000) != refused[i].status)
				_exit((int)i + 1);
		_exit(ask(port_of(&l), GOOD, 1000) == 200 ? 0 : 99);
	}
	assert_int_equal(wait_on(NULL, &l, 15000, &query), COFFER_OK);
	assert_int_equal(query.len, strlen("code=c1&state=s1"));
	assert_memory_equal(query.p, "code=c1&state=s1", query.len);
	secret_free(&query);
	loopback_close(&l);
	{
		int failed = wait_for(child);

		if (failed > 0)
			fail_msg("«%s»", failed < 90 ? refused[failed - 1].name : "the redirect itself");
	}
}

static void
a_redirect_may_come_in_pieces(void **state)
{
	struct secret query = SECRET_INIT;
	struct loopback l;
	pid_t child;

	(void)state;
	assert_int_equal(loopback_open(NULL, &l), COFFER_OK);
	child = fork_browser();
	if (child == 0)
		_exit(ask(port_of(&l), GOOD, 1) == 200 ? 0 : 1);
	assert_int_equal(wait_on(NULL, &l, 15000, &query), COFFER_OK);
	assert_memory_equal(query.p, "code=c1&state=s1", query.len);
	assert_int_equal(wait_for(child), 0);
	secret_free(&query);
	loopback_close(&l);
}

/* twelve connections that say nothing, more than are kept, and one that never ends its head */
static void
silence_blocks_nobody(void **state)
{
	struct secret query = SECRET_INIT;
	struct loopback l;
	pid_t child;

	(void)state;
	assert_int_equal(loopback_open(NULL, &l), COFFER_OK);
	child = fork_browser();
	if (child == 0) {
		for (int i = 0; i < 12; i++)
			(void)dial(port_of(&l));
		(void)send(dial(port_of(&l)), "GET /auth", 9, MSG_NOSIGNAL);
		_exit(ask(port_of(&l), GOOD, 1000) == 200 ? 0 : 1);
	}
	assert_int_equal(wait_on(NULL, &l, 15000, &query), COFFER_OK);
	assert_int_equal(wait_for(child), 0);
	secret_free(&query);
	loopback_close(&l);
}

static void
a_request_is_bounded(void **state)
{
	static char longest[40000];
	struct secret query = SECRET_INIT;
	struct loopback l;
	pid_t child;

	(void)state;
	memset(longest, 'a', sizeof(longest) - 1);
	memcpy(longest, "GET /auth/callback?state=s1&code=", 33);
	assert_int_equal(loopback_open(NULL, &l), COFFER_OK);
	child = fork_browser();
	if (child == 0) {
		longest[16384] = '\0';
		if (ask(port_of(&l), longest, 16384) != 431)
			_exit(1);
		_exit(ask(port_of(&l), GOOD, 1000) == 200 ? 0 : 2);
	}
	assert_int_equal(wait_on(NULL, &l, 15000, &query), COFFER_OK);
	assert_int_equal(wait_for(child), 0);
	secret_free(&query);
	loopback_close(&l);
}

static void
it_ends_at_the_deadline(void **state)
{
	struct secret query = SECRET_INIT;
	struct fault f = {.text = ""};
	struct timespec from, to;
	struct loopback l;
	pid_t child;

	(void)state;
	assert_int_equal(loopback_open(&f, &l), COFFER_OK);
	child = fork_browser();
	if (child == 0)
		_exit(ask(port_of(&l), refused[0].request, 1000) == refused[0].status ? 0 : 1);
	(void)clock_gettime(CLOCK_MONOTONIC, &from);
	assert_int_equal(wait_on(&f, &l, 300, &query), COFFER_E_NET);
	(void)clock_gettime(CLOCK_MONOTONIC, &to);
	assert_true(to.tv_sec - from.tv_sec < 3);
	assert_non_null(strstr(f.text, "in time"));
	assert_null(query.p);
	assert_int_equal(wait_for(child), 0);
	loopback_close(&l);
	assert_int_equal(l.fd, -1);
}

static bool
at_the_third_time(void *arg)
{
	int *asked = arg;

	return ++*asked == 3;
}

static void
it_can_be_stopped(void **state)
{
	struct secret query = SECRET_INIT;
	struct fault f = {.text = ""};
	struct loopback l;
	int asked = 0;

	(void)state;
	assert_int_equal(loopback_open(&f, &l), COFFER_OK);
	assert_int_equal(
		loopback_wait(&f, &l,
			      &(struct loopback_wait){
				      .state = "s1", .timeout_ms = 15000, .stopped = at_the_third_time, .arg = &asked},
			      &query),
		COFFER_E_INTERRUPTED);
	assert_int_equal(asked, 3);
	assert_true(f.text[0] != '\0');
	assert_null(query.p);
	loopback_close(&l);
}

/* nobody beyond this machine can call */
static void
it_listens_on_this_machine_alone(void **state)
{
	struct sockaddr_in at = {0};
	socklen_t len = sizeof(at);
	struct loopback l;

	(void)state;
	assert_int_equal(loopback_open(NULL, &l), COFFER_OK);
	assert_int_equal(getsockname(l.fd, (struct sockaddr *)&at, &len), 0);
	assert_int_equal(ntohl(at.sin_addr.s_addr), INADDR_LOOPBACK);
	assert_int_equal(ntohs(at.sin_port), port_of(&l));
	loopback_close(&l);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_redirect_is_taken),
		cmocka_unit_test(a_redirect_may_come_in_pieces),
		cmocka_unit_test(silence_blocks_nobody),
		cmocka_unit_test(a_request_is_bounded),
		cmocka_unit_test(it_ends_at_the_deadline),
		cmocka_unit_test(it_can_be_stopped),
		cmocka_unit_test(it_listens_on_this_machine_alone),
	};

	return cmocka_run_group_tests_name("loopback", tests, NULL, NULL);
}
