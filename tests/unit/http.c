/* SPDX-License-Identifier: Apache-2.0 */
/* Against a server in a child; over TLS: http_tls.c, and over connections that are kept: http_kept.c. */
#include "net/http.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

#include <cmocka.h>

#include "support/emulator.h"
#include "support/http_call.h"
#include "support/http_server.h"
#include "support/tmpdir.h"
#include "support/traces.h"

static struct http_server server;

/* ---- the other side ---- */

static bool
asks_for(const char *request, const char *path)
{
	const char *at = strchr(request, ' ');

	return at && strncmp(at + 1, path, strlen(path)) == 0 && (at[1 + strlen(path)] == ' ');
}

static void
answer_slowly(int fd)
{
	http_server_say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n");
	for (int i = 0; i < 100; i++) {
		http_server_say(fd, ".");
		(void)usleep(20000);
	}
}

static void
answer_echo(int fd, const char *request, size_t len)
{
	char head[128];

	(void)snprintf(head, sizeof(head),
		       "HTTP/1.1 200 OK\r\nContent-Type: text/x-echo\r\nContent-Length: %zu\r\n\r\n", len);
	http_server_say(fd, head);
	http_server_send(fd, request, len);
}

static void
answer_many_headers(int fd)
{
	http_server_say(fd, "HTTP/1.1 200 OK\r\n");
	for (int i = 0; i < 4000; i++)
		http_server_say(fd, "X-More: 0123456789012345678901234567890123456789\r\n");
	http_server_say(fd, "Content-Length: 0\r\n\r\n");
}

static void
answer_mark(int fd)
{
	char text[] = "HTTP/1.1 200 OK\r\nContent-Length: 24\r\n\r\n........................";

	traces_mark(text + strlen(text) - TRACES_LEN);
	http_server_say(fd, text);
}

static const struct {
	const char *path, *answer;
} fixed[] = {
	{"/ok", "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello"},
	{"/empty", "HTTP/1.1 204 No Content\r\n\r\n"},
	{"/chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n"},
	{"/trailer", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n0\r\nX-Late: 1\r\n\r\n"},
	{"/chunk-cut", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n"},
	{"/cut", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel"},
	{"/head-cut", "HTTP/1.1 200 OK\r\nContent-Le"},
	{"/nothing", ""},
	{"/no-http", "SSH-2.0-OpenSSH_9.2p1\r\n"},
	{"/moved", "HTTP/1.1 302 Found\r\nLocation: /ok\r\nContent-Length: 0\r\n\r\n"},
	{"/json-message", "HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nContent-Length: 37\r\n\r\n"
			  "{\"code\":3,\"message\":\"the CSR is bad\"}"},
	{"/json-oauth", "HTTP/1.1 401 Unauthorized\r\nContent-Length: 65\r\n\r\n"
			"{\"error\":\"invalid_client\",\"error_description\":\"who are you then\"}"},
	{"/json-google",
	 "HTTP/1.1 403 Forbidden\r\nContent-Length: 44\r\n\r\n{\"error\":{\"code\":403,\"message\":\"no, never\"}}"},
	{"/plain", "HTTP/1.1 500 Oh\r\nContent-Type: text/plain\r\nContent-Length: 18\r\n\r\nfirst line\nsecond\n"},
	{"/escape", "HTTP/1.1 500 Oh\r\nContent-Type: text/plain\r\nContent-Length: 8\r\n\r\nab\x1b[31mc"},
	{"/html", "HTTP/1.1 502 Oh\r\nContent-Type: text/html\r\nContent-Length: 6\r\n\r\n<html>"},
	{"/rate", "HTTP/1.1 429 Slow\r\nRetry-After: 17\r\nContent-Length: 0\r\n\r\n"},
	{"/gzip", "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc"},
	{"/cookie", "HTTP/1.1 200 OK\r\nSet-Cookie: a=b; Path=/\r\nContent-Length: 0\r\n\r\n"},
	{"/interim", "HTTP/1.1 103 Early Hints\r\nX-One: early\r\n\r\n"
		     "HTTP/1.1 200 OK\r\nX-Two: late\r\nContent-Length: 0\r\n\r\n"},
	{"/headers", "HTTP/1.1 200 OK\r\nETag: \"a:b\"\r\nEmpty:\r\nDATE:  Fri, 20 Nov 2026 13:58:18 GMT \t\r\n"
		     "Twice: first\r\nTwice: second\r\nContent-Length: 0\r\n\r\n"},
};

static void
answer(int fd, const char *request, size_t len)
{
	for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++)
		if (asks_for(request, fixed[i].path))
			http_server_say(fd, fixed[i].answer);
	if (asks_for(request, "/slow"))
		answer_slowly(fd);
	if (asks_for(request, "/many-headers"))
		answer_many_headers(fd);
	if (asks_for(request, "/mark"))
		answer_mark(fd);
	if (asks_for(request, "/echo"))
		answer_echo(fd, request, len);
	/* as a proxy */
	if (asks_for(request, "http://nowhere.invalid/ok"))
		http_server_say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nby proxy!");
	if (strncmp(request, "CONNECT nowhere.invalid:443 ", 28) == 0)
		http_server_say(fd, "HTTP/1.1 451 Not Here\r\nContent-Length: 0\r\n\r\n");
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

/* ---- calls ---- */

static char url[256];

static const char *
at(const char *path)
{
	(void)snprintf(url, sizeof(url), "http://127.0.0.1:%u%s", server.port, path);
	return url;
}

static const struct {
	const char *path;
	long status;
	const char *body;
} whole[] = {
	{"/ok", 200, "hello"},
	{"/empty", 204, ""},
	{"/chunked", 200, "hello"},
	{"/moved", 302, ""},
	{"/trailer", 200, "hel"},
	{"/plain", 500, "first line\nsecond\n"},
	{"/rate", 429, ""},
	/* not unpacked: nobody asked for it */
	{"/gzip", 200, "abc"},
};

static void
any_status_is_an_answer(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(whole) / sizeof(whole[0]); i++) {
		struct got g = call((struct http_request){.url = at(whole[i].path)});

		assert_body(&g, whole[i].body);
		assert_int_equal(g.reply.status, whole[i].status);
		assert_string_equal(g.reply.host, "127.0.0.1");
		http_reply_free(&g.reply);
	}
}

static const struct {
	const char *path, *words;
} broken[] = {
	{"/cut", "127.0.0.1"},	     {"/chunk-cut", "127.0.0.1"}, {"/head-cut", "127.0.0.1"},
	{"/nothing", "Empty reply"}, {"/no-http", "127.0.0.1"},
};

static void
half_an_answer_is_none(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
		struct got g = call((struct http_request){.url = at(broken[i].path)});

		assert_fault(&g, COFFER_E_NET, broken[i].words);
	}
}

static void
size_and_time_are_bounded(void **state)
{
	struct timespec from, to;
	struct got g = call((struct http_request){.url = at("/ok"), .max_body = 5});

	(void)state;
	assert_body(&g, "hello");
	http_reply_free(&g.reply);
	g = call((struct http_request){.url = at("/ok"), .max_body = 4});
	assert_fault(&g, COFFER_E_NET, "more than the 4 bytes");
	g = call((struct http_request){.url = at("/chunked"), .max_body = 4});
	assert_fault(&g, COFFER_E_NET, "more than the 4 bytes");
	g = call((struct http_request){.url = at("/many-headers")});
	assert_fault(&g, COFFER_E_NET, "65536 of headers");
	(void)clock_gettime(CLOCK_MONOTONIC, &from);
	g = call((struct http_request){.url = at("/slow"), .timeout_ms = 200});
	(void)clock_gettime(CLOCK_MONOTONIC, &to);
	assert_fault(&g, COFFER_E_NET, "within 200 ms");
	assert_true(to.tv_sec - from.tv_sec < 2);
}

static void
nobody_there_is_said(void **state)
{
	struct http_server gone;
	struct got g;

	(void)state;
	http_server_start(&gone, answer);
	http_server_stop(&gone);
	(void)snprintf(url, sizeof(url), "http://127.0.0.1:%u/", gone.port);
	g = call((struct http_request){.url = url});
	assert_fault(&g, COFFER_E_NET, "connect to server");
	g = call((struct http_request){.url = "https://nowhere.invalid/", .direct = true});
	assert_fault(&g, COFFER_E_NET, "nowhere.invalid: Could not resolve host");
}

static const char *
echoed(struct got *g)
{
	static char text[65536];

	if (g->err != COFFER_OK)
		fail_msg("%s", g->fault.text);
	assert_true(g->reply.body.len < sizeof(text));
	memcpy(text, g->reply.body.p, g->reply.body.len);
	text[g->reply.body.len] = '\0';
	assert_string_equal(g->reply.content_type, "text/x-echo");
	http_reply_free(&g->reply);
	return text;
}

static void
all_of_the_request_is_sent(void **state)
{
	static const char *const headers[] = {"Content-Type: application/x-test", "X-Two: 2"};
	struct secret token = secret_of(TOKEN);
	struct got g = call((struct http_request){.method = "POST",
						  .url = at("/echo"),
						  .headers = headers,
						  .n_headers = 2,
						  .bearer = &token,
						  .secret_reply = true,
						  .body = view_of("a\0b", 3)});
	const char *text = echoed(&g);

	(void)state;
	assert_non_null(strstr(text, "POST /echo HTTP/1.1\r\n"));
	assert_non_null(strstr(text, "\r\nUser-Agent: coffer/"));
	assert_non_null(strstr(text, "\r\nContent-Type: application/x-test\r\nX-Two: 2\r\n"));
	assert_non_null(strstr(text, "\r\nAuthorization: Bearer " TOKEN "\r\n"));
	assert_non_null(strstr(text, "\r\nContent-Length: 3\r\n"));
	assert_null(strstr(text, "Expect"));
	assert_null(strstr(text, "Accept-Encoding"));
	assert_memory_equal(strstr(text, "\r\n\r\n") + 4, "a\0b", 4);
	g = call((struct http_request){.method = "PUT", .url = at("/echo"), .bearer = &token, .scheme = "Token"});
	text = echoed(&g);
	assert_non_null(strstr(text, "PUT /echo HTTP/1.1\r\n"));
	assert_non_null(strstr(text, "\r\nContent-Length: 0\r\n"));
	assert_non_null(strstr(text, "\r\nAuthorization: Token " TOKEN "\r\n"));
	secret_free(&token);
}

/* more than fits any buffer on the way */
static void
a_long_body_arrives(void **state)
{
	size_t len = 3 << 20;
	char *body = malloc(len);
	struct got g;

	(void)state;
	assert_non_null(body);
	for (size_t i = 0; i < len; i++)
		body[i] = (char)('a' + i % 23);
	g = call((struct http_request){
		.method = "POST", .url = at("/echo"), .body = view_of(body, len), .max_body = len + 4096});
	if (g.err != COFFER_OK)
		fail_msg("%s", g.fault.text);
	assert_true(g.reply.body.len > len);
	assert_memory_equal(g.reply.body.p + g.reply.body.len - len, body, len);
	http_reply_free(&g.reply);
	free(body);
}

static const struct {
	const char *method, *body;
	const char *length; /* what its header says, or NULL: there is none */
} methods[] = {
	{"GET", "", NULL},  {"DELETE", "", NULL},    {"LIST", "", NULL},   {"POST", "", "0"},	   {"PUT", "", "0"},
	{"PATCH", "", "0"}, {"DELETE", "four", "4"}, {"PUT", "four", "4"}, {"PATCH", "four", "4"},
};

static void
any_method_with_body_or_without(void **state)
{
	char line[64];

	(void)state;
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
		struct got g = call((struct http_request){
			.method = methods[i].method, .url = at("/echo"), .body = view_str(methods[i].body)});
		const char *text = echoed(&g);

		(void)snprintf(line, sizeof(line), "%s /echo HTTP/1.1\r\n", methods[i].method);
		assert_memory_equal(text, line, strlen(line));
		(void)snprintf(line, sizeof(line), "\r\nContent-Length: %s\r\n", methods[i].length);
		if (methods[i].length ? !strstr(text, line) : strstr(text, "Content-Length") != NULL)
			fail_msg("%s «%s»: %s", methods[i].method, methods[i].body, text);
		assert_null(strstr(text, "Content-Type"));
		assert_string_equal(strstr(text, "\r\n\r\n") + 4, methods[i].body);
	}
}

/* its answer tells of a body that does not come */
static void
head_has_no_body(void **state)
{
	struct got g = call((struct http_request){.method = "HEAD", .url = at("/ok")});
	char length[8];

	(void)state;
	assert_body(&g, "");
	assert_int_equal(g.reply.status, 200);
	assert_true(http_header(&g.reply, "content-length", length, sizeof(length)));
	assert_string_equal(length, "5");
	http_reply_free(&g.reply);
}

static void
a_part_of_a_file_is_sent(void **state)
{
	int fd = memfd_create("body", MFD_CLOEXEC);
	struct http_request r = {
		.method = "PUT", .url = at("/echo"), .body_is_file = true, .body_fd = fd, .body_off = 3, .body_len = 5};
	struct got g;
	const char *text;

	(void)state;
	assert_int_equal(write(fd, "0123456789", 10), 10);
	g = call(r);
	text = echoed(&g);
	assert_memory_equal(text, "PUT /echo HTTP/1.1\r\n", 20);
	assert_non_null(strstr(text, "\r\nContent-Length: 5\r\n"));
	assert_null(strstr(text, "Expect"));
	assert_null(strstr(text, "Content-Type"));
	assert_string_equal(strstr(text, "\r\n\r\n") + 4, "34567");
	r.body_len = 0;
	g = call(r);
	text = echoed(&g);
	assert_non_null(strstr(text, "\r\nContent-Length: 0\r\n"));
	r.method = "POST";
	r.body_len = 7;
	g = call(r);
	text = echoed(&g);
	assert_memory_equal(text, "POST /echo HTTP/1.1\r\n", 21);
	assert_string_equal(strstr(text, "\r\n\r\n") + 4, "3456789");
	r.body_len = 8;
	g = call(r);
	assert_fault(&g, COFFER_E_CHANGED, "shorter");
	(void)close(fd);
	g = call(r);
	assert_fault(&g, COFFER_E_IO, "cannot read the file that is sent");
}

struct taken {
	struct buf bytes;
	coffer_err refuse;
};

static coffer_err
take(void *user, struct fault *f, struct view part)
{
	struct taken *t = user;

	if (t->refuse != COFFER_OK)
		return fault_set(f, t->refuse, "no more, thank you");
	return buf_add(f, &t->bytes, part.p, part.len);
}

static void
an_answer_can_be_taken_as_it_comes(void **state)
{
	static const char *const paths[] = {"/ok", "/chunked", "/plain"};
	struct taken t = {.bytes = BUF_INIT(100)};
	struct got g;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		/* its size is the taker's matter */
		g = call((struct http_request){.url = at(paths[i]), .take = take, .take_user = &t, .max_body = 4});
		assert_body(&g, "");
		assert_int_equal(t.bytes.len, 5);
		assert_memory_equal(t.bytes.p, "hello", 5);
		t.bytes.len = 0;
		http_reply_free(&g.reply);
	}
	g = call((struct http_request){.url = at("/plain"), .take = take, .take_user = &t});
	assert_body(&g, "first line\nsecond\n");
	assert_int_equal(t.bytes.len, 0);
	http_reply_free(&g.reply);
	g = call((struct http_request){.url = at("/cut"), .take = take, .take_user = &t});
	assert_fault(&g, COFFER_E_NET, "127.0.0.1");
	t.refuse = COFFER_E_SPACE;
	g = call((struct http_request){.url = at("/ok"), .take = take, .take_user = &t});
	assert_fault(&g, COFFER_E_SPACE, "no more, thank you");
	buf_free(&t.bytes);
}

static const struct {
	const char *path, *name;
	const char *value; /* NULL: there is none */
} headers_of[] = {
	{"/headers", "etag", "\"a:b\""}, {"/headers", "Date", "Fri, 20 Nov 2026 13:58:18 GMT"},
	{"/headers", "empty", ""},	 {"/headers", "twice", "first"},
	{"/headers", "e", NULL},	 {"/headers", "HTTP/1.1 200 OK", NULL},
	{"/interim", "X-One", NULL},	 {"/interim", "X-Two", "late"},
	{"/trailer", "X-Late", NULL},	 {"/trailer", "transfer-encoding", "chunked"},
};

static void
headers_are_found(void **state)
{
	char value[32];

	(void)state;
	for (size_t i = 0; i < sizeof(headers_of) / sizeof(headers_of[0]); i++) {
		struct got g = call((struct http_request){.url = at(headers_of[i].path)});
		bool found = http_header(&g.reply, headers_of[i].name, value, sizeof(value));

		if (found != (headers_of[i].value != NULL))
			fail_msg("%s %s: %s", headers_of[i].path, headers_of[i].name, value);
		assert_string_equal(value, found ? headers_of[i].value : "");
		http_reply_free(&g.reply);
	}
}

static void
a_header_fits_or_is_none(void **state)
{
	struct got g = call((struct http_request){.url = at("/headers")});
	char value[6];

	(void)state;
	assert_true(http_header(&g.reply, "Twice", value, 6));
	assert_string_equal(value, "first");
	assert_false(http_header(&g.reply, "Twice", value, 5));
	assert_string_equal(value, "");
	http_reply_free(&g.reply);
	assert_false(http_header(&g.reply, "Twice", value, 6));
}

/* somebody who listens, but takes no connection: his queue is full */
static void
connecting_has_a_time_of_its_own(void **state)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), waiting[4];
	socklen_t len = sizeof(to);
	struct timespec before, after;
	struct got g;

	(void)state;
	assert_int_equal(bind(fd, (struct sockaddr *)&to, len), 0);
	assert_int_equal(listen(fd, 0), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&to, &len), 0);
	for (int i = 0; i < 4; i++) {
		waiting[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		(void)connect(waiting[i], (struct sockaddr *)&to, len);
	}
	(void)snprintf(url, sizeof(url), "http://127.0.0.1:%u/", ntohs(to.sin_port));
	(void)clock_gettime(CLOCK_MONOTONIC, &before);
	g = call((struct http_request){.url = url, .connect_ms = 100});
	(void)clock_gettime(CLOCK_MONOTONIC, &after);
	assert_fault(&g, COFFER_E_NET, "no connection to 127.0.0.1 within 100 ms");
	assert_true(after.tv_sec - before.tv_sec < 5);
	for (int i = 0; i < 4; i++)
		(void)close(waiting[i]);
	(void)close(fd);
}

/* ---- what is left behind ---- */

static void
nothing_of_an_answer_stays(void **state)
{
	struct got g;

	(void)state;
	skip_under_emulator("memory of its own to look into");
	g = call((struct http_request){.url = at("/mark"), .secret_reply = true});
	assert_int_equal(g.reply.body.len, TRACES_LEN);
	assert_true(traces_at(g.reply.body.p));
	http_reply_free(&g.reply);
	assert_false(traces_left());
}

static void
nothing_of_a_request_stays(void **state)
{
	struct secret token = SECRET_INIT, body = SECRET_INIT;
	struct got g;

	(void)state;
	skip_under_emulator("memory of its own to look into");
	assert_int_equal(secret_new(NULL, &token, TRACES_LEN), COFFER_OK);
	assert_int_equal(secret_new(NULL, &body, TRACES_LEN), COFFER_OK);
	traces_mark(token.p);
	traces_mark(body.p);
	g = call((struct http_request){
		.method = "POST", .url = at("/ok"), .bearer = &token, .body = view_of(body.p, body.len)});
	assert_body(&g, "hello");
	http_reply_free(&g.reply);
	assert_true(traces_left());
	secret_free(&token);
	secret_free(&body);
	assert_false(traces_left());
}

static void
no_cookie_is_kept(void **state)
{
	struct got g = call((struct http_request){.url = at("/cookie")});

	(void)state;
	assert_int_equal(g.err, COFFER_OK);
	http_reply_free(&g.reply);
	g = call((struct http_request){.url = at("/echo")});
	assert_null(strstr(echoed(&g), "ookie"));
}

static void
a_header_is_one_line(void **state)
{
	static const char *const headers[] = {"X-One: 1\r\nX-Two: 2"};
	struct secret token = secret_of(TOKEN "\n"), none = SECRET_INIT;
	struct got g = call((struct http_request){.url = at("/ok"), .headers = headers, .n_headers = 1});

	(void)state;
	assert_fault(&g, COFFER_E_USAGE, "a character that no header may have");
	g = call((struct http_request){.url = at("/ok"), .bearer = &token});
	assert_fault(&g, COFFER_E_USAGE, "the credential for 127.0.0.1");
	assert_int_equal(secret_new(NULL, &none, 0), COFFER_OK);
	g = call((struct http_request){.url = at("/ok"), .bearer = &none});
	assert_fault(&g, COFFER_E_USAGE, "is empty");
	secret_free(&token);
	secret_free(&none);
}

static const struct {
	const char *url;
	bool ok, ok_plain; /* without and with allow_http */
} urls[] = {
	{"https://fulcio.sigstore.dev", true, true},
	{"https://fulcio.sigstore.dev/a/b?c=d", true, true},
	{"HTTPS://EXAMPLE.ORG:8443/", true, true},
	{"https://127.0.0.1/", true, true},
	{"http://127.0.0.1:8080/x", true, true},
	{"http://127.8.9.1/x", true, true},
	{"http://localhost/x", true, true},
	{"http://LocalHost:1/x", true, true},
	{"http://[::1]:80/x", true, true},
	{"http://example.org/", false, true},
	{"http://localhost.example.org/", false, true},
	{"http://128.0.0.1/", false, true},
	{"http://0.0.0.0/", false, true},
	{"http://[::2]/", false, true},
	{"http://127.0.0.1.example.org/", false, true},
	{"https://user@example.org/", false, false},
	{"https://user:pass@example.org/", false, false},
	{"http://127.0.0.1@example.org/", false, false},
	{"ftp://example.org/", false, false},
	{"file:///etc/passwd", false, false},
	{"gopher://127.0.0.1/", false, false},
	{"example.org", false, false},
	{"//example.org/", false, false},
	{"https://", false, false},
	{"", false, false},
	{"https://exa mple.org/", false, false},
	{"https://example.org/\n", false, false},
	{"https://example.org:99999/", false, false},
	{"javascript:alert(1)", false, false},
};

static void
urls_are_told_apart(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
		struct fault f = {.text = ""};

		if ((http_check_url(&f, urls[i].url, false) == COFFER_OK) != urls[i].ok ||
		    (http_check_url(&f, urls[i].url, true) == COFFER_OK) != urls[i].ok_plain)
			fail_msg("«%s»: %s", urls[i].url, f.text);
		if (!urls[i].ok)
			assert_int_equal(http_check_url(&f, urls[i].url, false), COFFER_E_USAGE);
		assert_true(urls[i].ok || f.text[0] != '\0');
	}
}

/* neither a password in a URL nor what stands in its query is for the eyes of others */
static void
a_refused_url_shows_no_secret(void **state)
{
	static const char *const with_secret[] = {"https://user:" TOKEN "@example.org/", "ftp://example.org/?t=" TOKEN,
						  "http://example.org/?t=" TOKEN};
	char longest[6000];

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct got g = call((struct http_request){.url = with_secret[i]});

		assert_fault(&g, COFFER_E_USAGE, "");
	}
	memset(longest, 'a', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	memcpy(longest, "https://a/", 10);
	assert_int_equal(http_check_url(NULL, longest, false), COFFER_E_USAGE);
	longest[4096] = '\0';
	assert_int_equal(http_check_url(NULL, longest, false), COFFER_OK);
}

static void
a_proxy_is_used_beyond_this_machine(void **state)
{
	struct got g;

	(void)state;
	(void)snprintf(url, sizeof(url), "http://127.0.0.1:%u", server.port);
	assert_int_equal(setenv("http_proxy", url, 1), 0);
	assert_int_equal(setenv("https_proxy", url, 1), 0);
	g = call((struct http_request){.url = "http://nowhere.invalid/ok", .allow_http = true});
	assert_body(&g, "by proxy!");
	http_reply_free(&g.reply);
	g = call((struct http_request){.url = "https://nowhere.invalid/ok"});
	assert_fault(&g, COFFER_E_NET, "451");
	g = call((struct http_request){.url = "http://nowhere.invalid/ok", .allow_http = true, .direct = true});
	assert_fault(&g, COFFER_E_NET, "Could not resolve host");
	assert_int_equal(setenv("http_proxy", "http://127.0.0.1:1", 1), 0);
	g = call((struct http_request){.url = at("/ok")});
	assert_body(&g, "hello");
	http_reply_free(&g.reply);
	assert_int_equal(unsetenv("http_proxy"), 0);
	assert_int_equal(unsetenv("https_proxy"), 0);
}

static const struct {
	const char *path;
	bool secret;
	coffer_err err;
	const char *words;
} refusals[] = {
	{"/ok", false, COFFER_E_NET, "127.0.0.1 answered 200: hello"},
	{"/json-message", false, COFFER_E_NET, "127.0.0.1 answered 400: the CSR is bad"},
	{"/json-message", true, COFFER_E_NET, "127.0.0.1 answered 400"},
	{"/json-oauth", false, COFFER_E_PERM, "127.0.0.1 answered 401: who are you then"},
	{"/json-oauth", true, COFFER_E_PERM, "127.0.0.1 answered 401: invalid_client"},
	{"/json-google", false, COFFER_E_PERM, "127.0.0.1 answered 403: no, never"},
	{"/json-google", true, COFFER_E_PERM, "127.0.0.1 answered 403"},
	{"/plain", false, COFFER_E_NET, "127.0.0.1 answered 500: first line"},
	{"/plain", true, COFFER_E_NET, "127.0.0.1 answered 500"},
	{"/escape", false, COFFER_E_NET, "127.0.0.1 answered 500: ab"},
	{"/html", false, COFFER_E_NET, "127.0.0.1 answered 502"},
	{"/rate", false, COFFER_E_RATE, "127.0.0.1 has too many requests; try again in 17 s"},
};

static void
what_the_server_says_is_told(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		struct http_request r = {.method = "GET",
					 .url = at(refusals[i].path),
					 .secret_reply = refusals[i].secret,
					 .max_body = 65536};
		struct fault f = {.text = ""};
		struct http_reply reply;

		assert_int_equal(http_call(&f, &r, &reply), COFFER_OK);
		assert_int_equal(http_expect(&f, &r, &reply, reply.status), COFFER_OK);
		assert_int_equal(http_expect(&f, &r, &reply, 201), refusals[i].err);
		assert_string_equal(f.text, refusals[i].words);
		http_reply_free(&reply);
	}
}

/* a server that sends the token back does not get it into a sentence */
static void
an_echoed_token_is_not_told(void **state)
{
	struct secret token = secret_of(TOKEN);
	struct http_request r = {.method = "GET", .url = at("/echo"), .bearer = &token, .max_body = 65536};
	struct fault f = {.text = ""};
	struct http_reply reply;

	(void)state;
	assert_int_equal(http_call(&f, &r, &reply), COFFER_OK);
	(void)snprintf(reply.content_type, sizeof(reply.content_type), "text/plain");
	memmove(reply.body.p, memmem(reply.body.p, reply.body.len, TOKEN, strlen(TOKEN)), strlen(TOKEN));
	assert_int_equal(http_expect(&f, &r, &reply, 201), COFFER_E_NET);
	assert_string_equal(f.text, "127.0.0.1 answered 200");
	http_reply_free(&reply);
	secret_free(&token);
}

/* ---- without libcurl ---- */

/* in a process of its own, which finds a libcurl.so.4 that is none */
static int
without_curl(void)
{
	struct http_request r = {.method = "GET", .url = "https://localhost/", .max_body = 1};
	struct fault f = {.text = ""};
	struct http_reply reply;

	if (http_call(&f, &r, &reply) != COFFER_E_NET || !strstr(f.text, "apt install libcurl4"))
		return 1;
	http_reply_free(&reply);
	return http_check_url(&f, "https://localhost/", false) == COFFER_E_NET ? 0 : 2;
}

static void
a_missing_libcurl_is_said(void **state)
{
	int status = -1;
	pid_t child;

	(void)state;
	skip_under_emulator("way to start itself anew");
	tmpdir_text("libcurl.so.4", "this is no library");
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		(void)setenv("LD_LIBRARY_PATH", tmpdir_path, 1);
		(void)execl("/proc/self/exe", "http", "--without-curl", (char *)NULL);
		_exit(127);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_status_is_an_answer),
		cmocka_unit_test(half_an_answer_is_none),
		cmocka_unit_test(size_and_time_are_bounded),
		cmocka_unit_test(nobody_there_is_said),
		cmocka_unit_test(all_of_the_request_is_sent),
		cmocka_unit_test(a_long_body_arrives),
		cmocka_unit_test(any_method_with_body_or_without),
		cmocka_unit_test(head_has_no_body),
		cmocka_unit_test(a_part_of_a_file_is_sent),
		cmocka_unit_test(an_answer_can_be_taken_as_it_comes),
		cmocka_unit_test(headers_are_found),
		cmocka_unit_test(a_header_fits_or_is_none),
		cmocka_unit_test(connecting_has_a_time_of_its_own),
		cmocka_unit_test(nothing_of_an_answer_stays),
		cmocka_unit_test(nothing_of_a_request_stays),
		cmocka_unit_test(no_cookie_is_kept),
		cmocka_unit_test(a_header_is_one_line),
		cmocka_unit_test(urls_are_told_apart),
		cmocka_unit_test(a_refused_url_shows_no_secret),
		cmocka_unit_test(a_proxy_is_used_beyond_this_machine),
		cmocka_unit_test(what_the_server_says_is_told),
		cmocka_unit_test(an_echoed_token_is_not_told),
		cmocka_unit_test_setup_teardown(a_missing_libcurl_is_said, tmpdir_setup, tmpdir_teardown),
	};

	if (argc > 1 && strcmp(argv[1], "--without-curl") == 0)
		return without_curl();
	return cmocka_run_group_tests_name("http", tests, start, stop);
}
