/* SPDX-License-Identifier: Apache-2.0 */
/* Against a server in a child, and for TLS against «openssl s_server». */
#include "net/http.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

#include <cmocka.h>

#include "support/emulator.h"
#include "support/http_server.h"
#include "support/kept_server.h"
#include "support/text.h"
#include "support/tmpdir.h"
#include "support/traces.h"

#define TOKEN "eyJhbGciOi.secret.token"

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

static void
redirect_to_tls(int fd, const char *port)
{
	char text[256];

	(void)snprintf(text, sizeof(text),
		       "HTTP/1.1 302 Found\r\nLocation: https://localhost:%.*s/ok\r\nContent-Length: 0\r\n\r\n",
		       (int)strspn(port, "0123456789"), port);
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
	if (strncmp(request, "GET /to-tls/", 12) == 0)
		redirect_to_tls(fd, request + 12);
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

/* ---- one call of ours ---- */

struct got {
	coffer_err err;
	struct fault fault;
	struct http_reply reply;
};

static char url[256];

static const char *
at(const char *path)
{
	(void)snprintf(url, sizeof(url), "http://127.0.0.1:%u%s", server.port, path);
	return url;
}

static struct got
call(struct http_request request)
{
	struct got g = {.fault.text = ""};

	request.method = request.method ? request.method : "GET";
	request.max_body = request.max_body ? request.max_body : 65536;
	request.timeout_ms = request.timeout_ms ? request.timeout_ms : 20000;
	g.err = http_call(&g.fault, &request, &g.reply);
	return g;
}

static void
assert_body(const struct got *g, const char *text)
{
	if (g->err != COFFER_OK)
		fail_msg("%s", g->fault.text);
	assert_int_equal(g->reply.body.len, strlen(text));
	assert_memory_equal(g->reply.body.p, text, strlen(text));
}

/* that it ended with @err and a sentence that holds @words and no token */
static void
assert_fault(struct got *g, coffer_err err, const char *words)
{
	if (g->err != err || !strstr(g->fault.text, words))
		fail_msg("«%s» (%s), not %s «%s»", g->fault.text, coffer_err_name(g->err), coffer_err_name(err), words);
	assert_null(strstr(g->fault.text, TOKEN));
	http_reply_free(&g->reply);
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

static struct secret
secret_of(const char *text)
{
	struct secret s = SECRET_INIT;

	assert_int_equal(secret_new(NULL, &s, strlen(text)), COFFER_OK);
	memcpy(s.p, text, s.len);
	return s;
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

/* ---- connections that are kept ---- */

static struct kept_server kept;

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

/* ---- TLS ---- */

struct tls_server {
	pid_t child;
	unsigned int port;
};

static void
run_openssl(const char *const argv[], int out)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	(void)dup2(null, 0);
	(void)dup2(out >= 0 ? out : null, 1);
	(void)dup2(null, 2);
	(void)alarm(60);
	(void)execvp("openssl", (char *const *)(uintptr_t)argv);
	_exit(127);
}

static bool
openssl(const char *const argv[])
{
	int status = -1;
	pid_t child = fork();

	assert_true(child >= 0);
	if (child == 0)
		run_openssl(argv, -1);
	assert_int_equal(waitpid(child, &status, 0), child);
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

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
		run_openssl(argv, ends[1]);
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

static void
write_file(const char *name, const char *text)
{
	tmpdir_file(name, text, strlen(text), 0644);
}

/* «openssl s_server» serves one connection after the other, so its answers say that theirs ends */
#define ENDS "Connection: close\r\n"

/* a certificate for «localhost», and what the server answers with, one file a path */
static int
tls_setup(void **state)
{
	static const char *const req[] = {
		"openssl", "req",     "-x509", "-newkey",  "ec",       "-pkeyopt", "ec_paramgen_curve:P-256",
		"-nodes",  "-days",   "2",     "-subj",	   "/CN=test", "-addext",  "subjectAltName=DNS:localhost",
		"-keyout", "key.pem", "-out",  "cert.pem", NULL};
	char text[256];

	if (tmpdir_setup(state) != 0)
		return -1;
	if (!openssl(req))
		return 0; /* the test says so */
	write_file("ok", "HTTP/1.1 200 OK\r\n" ENDS "Content-Length: 5\r\n\r\nhello");
	write_file("hop", "HTTP/1.1 302 Found\r\n" ENDS "Location: /ok\r\nContent-Length: 0\r\n\r\n");
	write_file("loop", "HTTP/1.1 302 Found\r\n" ENDS "Location: /loop\r\nContent-Length: 0\r\n\r\n");
	(void)snprintf(text, sizeof(text),
		       "HTTP/1.1 302 Found\r\n" ENDS "Location: http://127.0.0.1:%u/ok\r\nContent-Length: 0\r\n\r\n",
		       server.port);
	write_file("down", text);
	write_file("file", "HTTP/1.1 302 Found\r\n" ENDS "Location: file:///etc/hostname\r\nContent-Length: 0\r\n\r\n");
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
	struct secret token = secret_of(TOKEN);
	struct tls_server s;
	char path[32];
	struct got g;

	(void)state;
	if (access("cert.pem", R_OK) != 0) {
		secret_free(&token);
		print_message("skipped: there is no openssl command\n");
		skip();
	}
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
	(void)snprintf(path, sizeof(path), "/to-tls/%u", s.port);
	g = call((struct http_request){.url = at(path), .ca_file = "cert.pem", .follow = true});
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
	if (access("cert.pem", R_OK) != 0) {
		print_message("skipped: there is no openssl command\n");
		skip();
	}
	traces_mark(file + strlen(file) - TRACES_LEN);
	write_file("mark", file);
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
	if (access("cert.pem", R_OK) != 0) {
		print_message("skipped: there is no openssl command\n");
		skip();
	}
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
	if (access("cert.pem", R_OK) != 0) {
		print_message("skipped: there is no openssl command\n");
		skip();
	}
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

/* ---- connections that are kept, over TLS ---- */

static void
need_certificate(void)
{
	if (access("cert.pem", R_OK) == 0)
		return;
	print_message("skipped: there is no openssl command\n");
	skip();
}

static void
kept_tls_start(void)
{
	need_certificate();
	kept_start(&kept, &(struct kept_tls){"cert.pem", "key.pem"});
}

static void
make_other_root(const char *name)
{
	const char *const req[] = {
		"openssl", "req",   "-x509", "-newkey", "ec",	     "-pkeyopt", "ec_paramgen_curve:P-256",
		"-nodes",  "-days", "2",     "-subj",	"/CN=other", "-keyout",	 "other.key",
		"-out",	   name,    NULL};

	assert_true(openssl(req));
}

static void
a_connection_keeps_to_its_tls(void **state)
{
	struct http_request plain = {.ca_file = "cert.pem"}, mutual = {.ca_file = "cert.pem"}, r;
	struct got g;

	(void)state;
	kept_tls_start();
	make_other_root("other.pem");
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
	make_other_root("cert.pem");
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
	write_file("libcurl.so.4", "this is no library");
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
		cmocka_unit_test_setup_teardown(tls_is_checked, tls_setup, tmpdir_teardown),
		cmocka_unit_test_setup_teardown(nothing_of_an_answer_over_tls_stays, tls_setup, tmpdir_teardown),
		cmocka_unit_test_setup_teardown(clients_show_their_certificate, tls_setup, tmpdir_teardown),
		cmocka_unit_test_setup_teardown(old_tls_is_refused, tls_setup, tmpdir_teardown),
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
		cmocka_unit_test_setup_teardown(a_missing_libcurl_is_said, tmpdir_setup, tmpdir_teardown),
	};

	if (argc > 1 && strcmp(argv[1], "--without-curl") == 0)
		return without_curl();
	allow_old_tls();
	return cmocka_run_group_tests_name("http", tests, start, stop);
}
