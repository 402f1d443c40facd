/* SPDX-License-Identifier: Apache-2.0 */
/* Over TLS, against «openssl s_server». */
#include "net/http.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "support/emulator.h"
#include "support/http_call.h"
#include "support/http_server.h"
#include "support/openssl_command.h"
#include "support/tmpdir.h"
#include "support/traces.h"

/* ---- the other side ---- */

/* one without TLS, which leads to one with it */
static struct http_server server;
static char url[256];

static void
redirect_to_tls(int fd, const char *port)
{
	char text[256];

	(void)snprintf(text, sizeof(text),
		       "HTTP/1.1 302 Found\r\nLocation: https://localhost:%.*s/ok\r\nContent-Length: 0\r\n\r\n",
		       (int)strspn(port, "0123456789"), port);
	http_server_say(fd, text);
}

static void
answer(int fd, const char *request, size_t len)
{
	(void)len;
	if (strncmp(request, "GET /to-tls/", 12) == 0)
		redirect_to_tls(fd, request + 12);
}

static int
start(void **state)
{
	(void)state;
	http_server_start(&server, answer);
	return 0;
}

static int
stop(void **state)
{
	(void)state;
	http_server_stop(&server);
	return 0;
}

struct tls_server {
	pid_t child;
	unsigned int port;
};

/* «openssl s_server» says «ACCEPT 127.0.0.1:PORT» once it listens */
static void
tls_start(struct tls_server *s, const char *const more[])
{
	const char *argv[24] = {"openssl", "s_server", "-accept", "127.0.0.1:0", "-cert", "cert.pem",
				"-key",	   "key.pem",  "-HTTP",	  "-naccept",	 "20"};
	char line[256] = "", *colon;
	size_t n = 11;
	int ends[2];
	FILE *out;

	for (; *more; more++)
		argv[n++] = *more;
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	s->child = fork();
	assert_true(s->child >= 0);
	if (s->child == 0)
		openssl_exec(argv, ends[1]);
	(void)close(ends[1]);
	out = fdopen(ends[0], "re");
	assert_non_null(out);
	while (strncmp(line, "ACCEPT ", 7) != 0)
		assert_non_null(fgets(line, sizeof(line), out));
	colon = strrchr(line, ':');
	assert_non_null(colon);
	assert_int_equal(sscanf(colon, ":%u", &s->port), 1);
	(void)fclose(out);
}

static void
tls_stop(struct tls_server *s)
{
	(void)kill(s->child, SIGKILL);
	(void)waitpid(s->child, NULL, 0);
}

/* «openssl s_server» serves one connection after the other, so its answers say that theirs ends */
#define ENDS "Connection: close\r\n"

/* a certificate for «localhost», and what the server answers with, one file a path */
static int
tls_setup(void **state)
{
	char text[256];

	if (tmpdir_setup(state) != 0)
		return -1;
	if (!openssl_root("key.pem", "cert.pem", "localhost"))
		return 0; /* need_certificate() says so */
	tmpdir_text("ok", "HTTP/1.1 200 OK\r\n" ENDS "Content-Length: 5\r\n\r\nhello");
	tmpdir_text("hop", "HTTP/1.1 302 Found\r\n" ENDS "Location: /ok\r\nContent-Length: 0\r\n\r\n");
	tmpdir_text("loop", "HTTP/1.1 302 Found\r\n" ENDS "Location: /loop\r\nContent-Length: 0\r\n\r\n");
	(void)snprintf(text, sizeof(text),
		       "HTTP/1.1 302 Found\r\n" ENDS "Location: http://127.0.0.1:%u/ok\r\nContent-Length: 0\r\n\r\n",
		       server.port);
	tmpdir_text("down", text);
	tmpdir_text("file",
		    "HTTP/1.1 302 Found\r\n" ENDS "Location: file:///etc/hostname\r\nContent-Length: 0\r\n\r\n");
	return 0;
}

static const struct {
	const char *name, *host, *path, *ca;
	bool follow, with_token;
	long status; /* 0: no answer, and then: */
	const char *words;
} over_tls[] = {
	{"trusted", "localhost", "/ok", "cert.pem", false, false, 200, NULL},
	{"untrusted", "localhost", "/ok", NULL, false, false, 0, "name its root certificate with SSL_CERT_FILE"},
	{"of another name", "127.0.0.1", "/ok", "cert.pem", false, false, 0, "127.0.0.1"},
	{"no such roots", "localhost", "/ok", "none.pem", false, false, 0, "none.pem"},
	{"redirect not followed", "localhost", "/hop", "cert.pem", false, false, 302, NULL},
	{"redirect followed", "localhost", "/hop", "cert.pem", true, false, 200, NULL},
	{"redirect with a token", "localhost", "/hop", "cert.pem", true, true, 302, NULL},
	{"redirect in a circle", "localhost", "/loop", "cert.pem", true, false, 0, "redirects"},
	{"redirect to http", "localhost", "/down", "cert.pem", true, false, 0, "elsewhere than to https"},
	{"redirect to a file", "localhost", "/file", "cert.pem", true, false, 0, "elsewhere than to https"},
};

static void
tls_is_checked(void **state)
{
	static const char *const plain[] = {NULL};
	struct secret token = SECRET_INIT;
	struct tls_server s;
	struct got g;

	(void)state;
	need_certificate();
	token = secret_of(TOKEN);
	tls_start(&s, plain);
	for (size_t i = 0; i < sizeof(over_tls) / sizeof(over_tls[0]); i++) {
		(void)snprintf(url, sizeof(url), "https://%s:%u%s", over_tls[i].host, s.port, over_tls[i].path);
		g = call((struct http_request){.url = url,
					       .ca_file = over_tls[i].ca,
					       .follow = over_tls[i].follow,
					       .bearer = over_tls[i].with_token ? &token : NULL});
		if (g.reply.status != over_tls[i].status)
			fail_msg("%s: %ld, %s", over_tls[i].name, g.reply.status, g.fault.text);
		if (over_tls[i].status == 0)
			assert_fault(&g, COFFER_E_NET, over_tls[i].words);
		http_reply_free(&g.reply);
	}
	(void)snprintf(url, sizeof(url), "http://127.0.0.1:%u/to-tls/%u", server.port, s.port);
	g = call((struct http_request){.url = url, .ca_file = "cert.pem", .follow = true});
	assert_body(&g, "hello");
	http_reply_free(&g.reply);
	(void)setenv("SSL_CERT_FILE", "cert.pem", 1);
	(void)snprintf(url, sizeof(url), "https://localhost:%u/ok", s.port);
	g = call((struct http_request){.url = url});
	assert_body(&g, "hello");
	http_reply_free(&g.reply);
	(void)unsetenv("SSL_CERT_FILE");
	tls_stop(&s);
	secret_free(&token);
}

static void
nothing_of_an_answer_over_tls_stays(void **state)
{
	static const char *const plain[] = {NULL};
	char file[] = "HTTP/1.1 200 OK\r\nContent-Length: 24\r\n\r\n........................";
	struct tls_server s;
	struct got g;

	(void)state;
	skip_under_emulator("memory of its own to look into");
	need_certificate();
	traces_mark(file + strlen(file) - TRACES_LEN);
	tmpdir_text("mark", file);
	memset(file, 0, sizeof(file));
	tls_start(&s, plain);
	(void)snprintf(url, sizeof(url), "https://localhost:%u/mark", s.port);
	g = call((struct http_request){.url = url, .ca_file = "cert.pem", .secret_reply = true});
	assert_int_equal(g.reply.body.len, TRACES_LEN);
	assert_true(traces_at(g.reply.body.p));
	http_reply_free(&g.reply);
	assert_false(traces_left());
	tls_stop(&s);
}

static const struct {
	const char *cert, *key;
	coffer_err err;
	const char *words;
} clients[] = {
	{"cert.pem", "key.pem", COFFER_OK, ""},
	{NULL, NULL, COFFER_E_NET, "localhost"},
	{"none.pem", "key.pem", COFFER_E_USAGE, "the client certificate none.pem"},
	{"cert.pem", "none.pem", COFFER_E_USAGE,
	 "the client certificate cert.pem, or its key, cannot be used for localhost"},
	{"cert.pem", "other.pem", COFFER_E_USAGE, "the client certificate cert.pem"},
	{"cert.pem", "locked.pem", COFFER_E_USAGE, "the key without passphrase"},
};

static void
clients_show_their_certificate(void **state)
{
	static const char *const mutual[] = {"-Verify", "1", "-verify_return_error", "-CAfile", "cert.pem", NULL};
	static const char *const other[] = {"openssl", "genpkey", "-algorithm", "ed25519", "-out", "other.pem", NULL};
	static const char *const lock[] = {"openssl",  "pkey",	    "-in",  "key.pem",	  "-aes128",
					   "-passout", "pass:word", "-out", "locked.pem", NULL};
	struct tls_server s;

	(void)state;
	need_certificate();
	assert_true(openssl(other) && openssl(lock));
	tls_start(&s, mutual);
	for (size_t i = 0; i < sizeof(clients) / sizeof(clients[0]); i++) {
		struct got g;

		(void)snprintf(url, sizeof(url), "https://localhost:%u/ok", s.port);
		g = call((struct http_request){.url = url,
					       .ca_file = "cert.pem",
					       .client_cert = clients[i].cert,
					       .client_key = clients[i].key});
		assert_fault(&g, clients[i].err, clients[i].words);
	}
	tls_stop(&s);
}

static void
old_tls_is_refused(void **state)
{
	static const char *const old[] = {"-tls1_1", "-cipher", "ALL:@SECLEVEL=0", NULL};
	static const char *const good[] = {"-tls1_2", NULL};
	struct tls_server s;
	struct got g;

	(void)state;
	need_certificate();
	tls_start(&s, old);
	(void)snprintf(url, sizeof(url), "https://localhost:%u/ok", s.port);
	g = call((struct http_request){.url = url, .ca_file = "cert.pem"});
	assert_fault(&g, COFFER_E_NET, "localhost");
	tls_stop(&s);
	tls_start(&s, good);
	(void)snprintf(url, sizeof(url), "https://localhost:%u/ok", s.port);
	g = call((struct http_request){.url = url, .ca_file = "cert.pem"});
	assert_body(&g, "hello");
	http_reply_free(&g.reply);
	tls_stop(&s);
}

/* A system whose OpenSSL would take any version of TLS, so that what is refused is refused by us. */
static void
allow_old_tls(void)
{
	static const char conf[] = "openssl_conf = all\n[all]\nssl_conf = ssl\n[ssl]\nsystem_default = old\n[old]\n"
				   "MinProtocol = TLSv1\nCipherString = ALL:@SECLEVEL=0\n"
				   "[req]\ndistinguished_name = name\n[name]\n";
	int fd = memfd_create("openssl.cnf", 0);
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (fd < 0 || write(fd, conf, sizeof(conf) - 1) != sizeof(conf) - 1 || setenv("OPENSSL_CONF", path, 1) != 0)
		abort();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(tls_is_checked, tls_setup, tmpdir_teardown),
		cmocka_unit_test_setup_teardown(nothing_of_an_answer_over_tls_stays, tls_setup, tmpdir_teardown),
		cmocka_unit_test_setup_teardown(clients_show_their_certificate, tls_setup, tmpdir_teardown),
		cmocka_unit_test_setup_teardown(old_tls_is_refused, tls_setup, tmpdir_teardown),
	};

	allow_old_tls();
	return cmocka_run_group_tests_name("http_tls", tests, start, stop);
}
