/* SPDX-License-Identifier: Apache-2.0 */
/* Over connections that are kept, with TLS and without. */
#include "net/http.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "support/emulator.h"
#include "support/http_call.h"
#include "support/kept_server.h"
#include "support/openssl_command.h"
#include "support/text.h"
#include "support/tmpdir.h"
#include "support/traces.h"

static struct kept_server kept;
static char url[256];

static int
kept_plain(void **state)
{
	(void)state;
	kept_start(&kept, NULL);
	return 0;
}

static int
kept_over(void **state)
{
	(void)state;
	kept_stop(&kept);
	return 0;
}

static const char *
kept_at(const char *path)
{
	(void)snprintf(url, sizeof(url), "http://127.0.0.1:%u%s", kept.port, path);
	return url;
}

static const char *
kept_tls_at(const char *path)
{
	(void)snprintf(url, sizeof(url), "https://localhost:%u%s", kept.port, path);
	return url;
}

static void
assert_seen(unsigned int connections, unsigned int requests)
{
	if (kept.seen->connections != connections || kept.seen->requests != requests)
		fail_msg("%u requests over %u connections, not %u over %u", kept.seen->requests, kept.seen->connections,
			 requests, connections);
}

/* that the answer begins with @words, and holds no @other */
static void
assert_kept(struct got *g, const char *words, const char *other)
{
	if (g->err != COFFER_OK)
		fail_msg("%s", g->fault.text);
	/* what has no byte is at no address */
	if (g->reply.body.len < strlen(words) || (*words && memcmp(g->reply.body.p, words, strlen(words)) != 0) ||
	    (other && memmem(g->reply.body.p, g->reply.body.len, other, strlen(other))))
		fail_msg("«%.*s», not «%s»", (int)g->reply.body.len, (const char *)g->reply.body.p, words);
	http_reply_free(&g->reply);
}

static void
a_connection_serves_many_requests(void **state)
{
	static const char *const headers[] = {"Content-Type: text/x-first", "X-First: 1"};
	struct secret token = secret_of(TOKEN);
	struct got g = call((struct http_request){.method = "POST",
						  .url = kept_at("/a"),
						  .bearer = &token,
						  .headers = headers,
						  .n_headers = 2,
						  .body = view_str("first body")});

	(void)state;
	assert_kept(&g, "1 1 none\nPOST /a HTTP/1.1\r\n", NULL);
	g = call((struct http_request){.method = "HEAD", .url = kept_at("/b")});
	assert_kept(&g, "", NULL);
	/* nothing of the first one has come along */
	g = call((struct http_request){.url = kept_at("/c")});
	assert_kept(&g, "1 3 none\nGET /c HTTP/1.1\r\n", TOKEN);
	g = call((struct http_request){.method = "POST", .url = kept_at("/d")});
	assert_kept(&g, "1 4 none\nPOST /d HTTP/1.1\r\n", "irst");
	g = call((struct http_request){.method = "LIST", .url = kept_at("/e")});
	assert_kept(&g, "1 5 none\nLIST /e HTTP/1.1\r\n", "ontent");
	assert_seen(1, 5);
	secret_free(&token);
}

static void *
ask_ten_times(void *arg)
{
	const char *where = arg;

	for (int i = 0; i < 10; i++) {
		struct http_request r = {.method = "GET", .url = where, .max_body = 4096};
		struct http_reply reply;
		coffer_err err = http_call(NULL, &r, &reply);

		http_reply_free(&reply);
		if (err != COFFER_OK)
			return arg;
	}
	return NULL;
}

static void
threads_share_no_connection_at_once(void **state)
{
	pthread_t threads[4];
	char where[256];
	void *bad;

	(void)state;
	PUT(where, kept_at("/threads"));
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, ask_ten_times, where), 0);
	for (int i = 0; i < 4; i++) {
		assert_int_equal(pthread_join(threads[i], &bad), 0);
		assert_null(bad);
	}
	assert_int_equal(kept.seen->requests, 40);
	/* as many as there are threads; one that lies idle may have none of them yet */
	assert_in_range(kept.seen->connections, 1, 8);
}

static void
a_child_has_its_own_connections(void **state)
{
	struct got g = call((struct http_request){.url = kept_at("/")});
	int status = -1;
	pid_t child;

	(void)state;
	assert_kept(&g, "1 1 ", NULL);
	child = fork();
	if (child == 0) {
		g = call((struct http_request){.url = kept_at("/")});
		if (g.err != COFFER_OK || memcmp(g.reply.body.p, "2 2 ", 4) != 0)
			_exit(1);
		http_reply_free(&g.reply);
		/* it closes its own, not its parent's */
		g = call((struct http_request){.method = "POST", .url = kept_at("/drop")});
		_exit(g.err == COFFER_E_NET ? 0 : 2);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	g = call((struct http_request){.url = kept_at("/")});
	assert_kept(&g, "1 4 ", NULL);
	assert_int_equal(kept.seen->requests, 4);
}

static void
programs_that_are_started_get_no_connection(void **state)
{
	struct got g = call((struct http_request){.url = kept_at("/")});
	unsigned int n = 0;

	(void)state;
	assert_kept(&g, "1 1 ", NULL);
	for (int fd = 3; fd < 256; fd++) {
		struct sockaddr_in to;
		socklen_t len = sizeof(to);

		if (getpeername(fd, (struct sockaddr *)&to, &len) != 0 || to.sin_family != AF_INET)
			continue;
		assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
		n++;
	}
	assert_true(n > 0);
}

/* where a connection has ended, and what then comes over a new one */
static void
over_dead_connections(const char *(*where)(const char *), const char *ca_file)
{
	int fd = memfd_create("body", MFD_CLOEXEC);
	struct got g = call((struct http_request){.url = where("/last"), .ca_file = ca_file});

	assert_kept(&g, "1 1 ", NULL);
	for (int i = 0; i < 10000 && kept.seen->ended == 0; i++)
		(void)usleep(1000);
	g = call((struct http_request){.method = "POST", .url = where("/"), .ca_file = ca_file});
	assert_kept(&g, "2 2 ", NULL);
	/* it may have been obeyed: it is not sent again, neither over a kept connection nor over a new one */
	for (unsigned int i = 0; i < 2; i++) {
		g = call((struct http_request){
			.method = "POST", .url = where("/drop"), .body = view_str("once"), .ca_file = ca_file});
		assert_fault(&g, COFFER_E_NET, i == 0 ? "it ended the connection" : "no whole answer");
		assert_int_equal(kept.seen->requests, 3 + i);
	}
	g = call((struct http_request){.method = "PUT", .url = where("/"), .ca_file = ca_file});
	assert_kept(&g, "", NULL);
	assert_int_equal(write(fd, "once", 4), 4);
	g = call((struct http_request){.method = "PUT",
				       .url = where("/drop"),
				       .body_is_file = true,
				       .body_fd = fd,
				       .body_len = 4,
				       .ca_file = ca_file});
	assert_fault(&g, COFFER_E_NET, "it ended the connection");
	assert_int_equal(kept.seen->requests, 6);
	/* one that only reads is */
	g = call((struct http_request){.url = where("/"), .ca_file = ca_file});
	assert_kept(&g, "", NULL);
	g = call((struct http_request){.url = where("/drop"), .ca_file = ca_file});
	assert_fault(&g, COFFER_E_NET, "no whole answer");
	assert_int_equal(kept.seen->requests, 9);
	(void)close(fd);
}

static void
a_dead_connection_makes_no_request_twice(void **state)
{
	(void)state;
	over_dead_connections(kept_at, NULL);
}

static void
a_connection_goes_one_way(void **state)
{
	struct got g;

	(void)state;
	assert_int_equal(setenv("http_proxy", kept_at(""), 1), 0);
	g = call((struct http_request){.url = "http://nowhere.invalid/", .allow_http = true});
	assert_kept(&g, "1 1 none\nGET http://nowhere.invalid/ ", NULL);
	g = call((struct http_request){.url = kept_at("/")});
	assert_kept(&g, "2 2 none\nGET / ", NULL);
	g = call((struct http_request){.url = "http://nowhere.invalid/", .allow_http = true});
	assert_kept(&g, "1 3 none\nGET http://nowhere.invalid/ ", NULL);
	g = call((struct http_request){.url = "http://nowhere.invalid/", .allow_http = true, .direct = true});
	assert_fault(&g, COFFER_E_NET, "Could not resolve host");
	assert_int_equal(unsetenv("http_proxy"), 0);
	g = call((struct http_request){.url = "http://nowhere.invalid/", .allow_http = true});
	assert_fault(&g, COFFER_E_NET, "Could not resolve host");
}

/* the connection goes on, and holds nothing of what went over it */
static void
nothing_stays_in(const char *where, const char *ca_file)
{
	struct secret token = SECRET_INIT, body = SECRET_INIT;
	struct got g;

	for (int i = 0; i < 3; i++) {
		assert_int_equal(secret_new(NULL, &token, TRACES_LEN), COFFER_OK);
		assert_int_equal(secret_new(NULL, &body, TRACES_LEN), COFFER_OK);
		traces_mark(token.p);
		traces_mark(body.p);
		g = call((struct http_request){.method = "POST",
					       .url = where,
					       .ca_file = ca_file,
					       .bearer = &token,
					       .body = view_of(body.p, body.len),
					       .secret_reply = true});
		assert_int_equal(g.reply.body.len, TRACES_LEN);
		assert_true(traces_at(g.reply.body.p));
		http_reply_free(&g.reply);
		secret_free(&token);
		secret_free(&body);
		assert_false(traces_left());
	}
	assert_seen(1, 3);
}

static void
nothing_stays_in_a_connection(void **state)
{
	(void)state;
	skip_under_emulator("memory of its own to look into");
	nothing_stays_in(kept_at("/mark"), NULL);
}

/* ---- over TLS ---- */

/* a certificate for «localhost» */
static int
tls_setup(void **state)
{
	if (tmpdir_setup(state) != 0)
		return -1;
	(void)openssl_root("key.pem", "cert.pem", "localhost"); /* need_certificate() says so */
	return 0;
}

static void
kept_tls_start(void)
{
	need_certificate();
	kept_start(&kept, &(struct kept_tls){"cert.pem", "key.pem"});
}

static void
a_connection_keeps_to_its_tls(void **state)
{
	struct http_request plain = {.ca_file = "cert.pem"}, mutual = {.ca_file = "cert.pem"}, r;
	struct got g;

	(void)state;
	kept_tls_start();
	assert_true(openssl_root("other.key", "other.pem", "other"));
	plain.url = mutual.url = kept_tls_at("/");
	mutual.client_cert = "cert.pem";
	mutual.client_key = "key.pem";
	for (int i = 0; i < 5; i++) {
		g = call(plain);
		assert_kept(&g, "1 ", NULL);
	}
	assert_seen(1, 5);
	g = call(mutual);
	assert_kept(&g, "2 6 certificate", NULL);
	g = call(plain);
	assert_kept(&g, "1 7 none", NULL);
	g = call(mutual);
	assert_kept(&g, "3 8 certificate", NULL);
	/* roots that it is not of */
	r = plain;
	r.ca_file = "other.pem";
	g = call(r);
	assert_fault(&g, COFFER_E_NET, "name its root certificate");
	g = call(plain);
	assert_kept(&g, "5 9 none", NULL);
	r.ca_file = NULL;
	g = call(r);
	assert_fault(&g, COFFER_E_NET, "name its root certificate");
	g = call(plain);
	assert_kept(&g, "7 10 none", NULL);
	/* the same file, with others in it */
	assert_true(openssl_root("other.key", "cert.pem", "other"));
	g = call(plain);
	assert_fault(&g, COFFER_E_NET, "name its root certificate");
	kept_stop(&kept);
}

static void
a_dead_connection_over_tls(void **state)
{
	(void)state;
	kept_tls_start();
	over_dead_connections(kept_tls_at, "cert.pem");
	kept_stop(&kept);
}

static void
nothing_stays_in_a_connection_over_tls(void **state)
{
	(void)state;
	skip_under_emulator("memory of its own to look into");
	kept_tls_start();
	nothing_stays_in(kept_tls_at("/mark"), "cert.pem");
	kept_stop(&kept);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_connection_serves_many_requests, kept_plain, kept_over),
		cmocka_unit_test_setup_teardown(threads_share_no_connection_at_once, kept_plain, kept_over),
		cmocka_unit_test_setup_teardown(a_child_has_its_own_connections, kept_plain, kept_over),
		cmocka_unit_test_setup_teardown(programs_that_are_started_get_no_connection, kept_plain, kept_over),
		cmocka_unit_test_setup_teardown(a_dead_connection_makes_no_request_twice, kept_plain, kept_over),
		cmocka_unit_test_setup_teardown(a_connection_goes_one_way, kept_plain, kept_over),
		cmocka_unit_test_setup_teardown(nothing_stays_in_a_connection, kept_plain, kept_over),
		cmocka_unit_test_setup_teardown(a_connection_keeps_to_its_tls, tls_setup, tmpdir_teardown),
		cmocka_unit_test_setup_teardown(a_dead_connection_over_tls, tls_setup, tmpdir_teardown),
		cmocka_unit_test_setup_teardown(nothing_stays_in_a_connection_over_tls, tls_setup, tmpdir_teardown),
	};

	return cmocka_run_group_tests_name("http_kept", tests, NULL, NULL);
}
