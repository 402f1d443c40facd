/* SPDX-License-Identifier: Apache-2.0 */
/* Against a server in a child, with a clock on which pauses take no time. */
#include "key/remote.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

#include <cmocka.h>

#include "base/utc.h"
#include "net/retry.h"
#include "support/emulator.h"
#include "support/http_server.h"
#include "support/text.h"
#include "support/traces.h"

#define SAYS(status, more, body) "HTTP/1.1 " status "\r\n" more "Connection: close\r\n\r\n" body
#define JSON_OK SAYS("200 OK", "", "{\"data\":1}")

enum { ANSWERS_MAX = 8 };

/* shared with the child: what it is to answer, request by request, the last answer again and again; and what it was asked */
static struct script {
	char answers[ANSWERS_MAX][512];
	unsigned int n_answers, n_asked;
	char asked[ANSWERS_MAX][1024];
} * script;

static struct http_server server;
static char url[64];

/* «hang» is an answer that never comes; «mark» one that holds the mark of support/traces.h */
static void
answer(int fd, const char *request, size_t len)
{
	unsigned int n = script->n_asked++, last = script->n_answers - 1;
	char text[512];

	(void)len;
	if (n < ANSWERS_MAX)
		(void)snprintf(script->asked[n], sizeof(script->asked[n]), "%s", request);
	PUT(text, script->answers[n < last ? n : last]);
	if (strcmp(text, "hang") == 0)
		(void)usleep(3000000);
	if (strcmp(text, "mark") == 0) {
		PUT(text, SAYS("200 OK", "",
			       "{\"it\":\"................................................"
			       "................................................\"}"));
		traces_mark(strchr(text, '\0') - 2 - TRACES_LEN);
	}
	http_server_say(fd, text);
}

/* ---- a clock of our own ---- */

static uint64_t slept_ms;
static unsigned int pauses[16], n_pauses;

static uint64_t
now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000 + slept_ms;
}

static void
pause_for(unsigned int ms)
{
	assert_true(n_pauses < 16);
	pauses[n_pauses++] = ms;
	slept_ms += ms;
}

static const struct retry_clock fast = {.now_ms = now_ms, .pause = pause_for};

static int
start(void **state)
{
	(void)state;
	script = mmap(NULL, sizeof(*script), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (script == MAP_FAILED)
		return -1;
	http_server_start(&server, answer);
	(void)snprintf(url, sizeof(url), "http://127.0.0.1:%u/v1/it", server.port);
	retry_use_clock(&fast);
	return 0;
}

static int
stop(void **state)
{
	(void)state;
	retry_use_clock(NULL);
	http_server_stop(&server);
	return 0;
}

static int
fresh_script(void **state)
{
	(void)state;
	memset(script, 0, sizeof(*script));
	n_pauses = 0;
	slept_ms = 0;
	(void)unsetenv("COFFER_KEY_TIMEOUT");
	(void)unsetenv("COFFER_KEY_RETRIES");
	return 0;
}

static void
will_answer(const char *text)
{
	assert_true(script->n_answers < ANSWERS_MAX);
	PUT(script->answers[script->n_answers], text);
	script->n_answers++;
}

/* ---- a service ---- */

/* what the status means is in the answer itself: {"said":0} */
static enum remote_said
judge(const struct http_reply *reply, const struct doc *json, const char **words_out)
{
	uint64_t said = REMOTE_ODD;

	assert_true(reply->status < 200 || reply->status > 299);
	(void)doc_number(doc_get(json, "said"), 0, REMOTE_ANSWER, &said);
	*words_out = doc_text(doc_get(json, "words"), 0, 500);
	return (enum remote_said)said;
}

struct signer {
	unsigned int n_signed, n_fresh;
	int64_t ahead_s;
	coffer_err fail;
	char token[64];
	const char *headers[2];
};

static coffer_err
sign(void *user, struct fault *f, struct http_request *request, bool fresh)
{
	struct signer *s = user;

	if (s->fail != COFFER_OK)
		return fault_set(f, s->fail, "there is no credential");
	assert_true(request->timeout_ms > 0);
	assert_int_equal(request->n_headers, 1);
	s->n_signed++;
	s->n_fresh += fresh;
	(void)snprintf(s->token, sizeof(s->token), "X-Token: credential-of-a-signer-%u", s->n_signed);
	s->headers[0] = request->headers[0];
	s->headers[1] = s->token;
	request->headers = s->headers;
	request->n_headers = 2;
	return COFFER_OK;
}

static void
set_clock(void *user, int64_t ahead_s)
{
	((struct signer *)user)->ahead_s = ahead_s;
}

static struct signer signer;
static const struct remote plain = {.name = "Vault", .judge = judge};
static const struct remote signing = {
	.name = "KMS", .judge = judge, .sign = sign, .set_clock = set_clock, .user = &signer};

struct got {
	coffer_err err;
	struct fault fault;
	struct doc *answer;
};

static struct got
call(const struct remote *remote)
{
	static const char *const headers[] = {"X-Vault-Token: s.credential-of-the-request"};
	struct http_request r = {.method = "POST",
				 .url = url,
				 .headers = headers,
				 .n_headers = 1,
				 .body = view_str("{}"),
				 .max_body = 4096};
	struct got g = {.fault.text = ""};

	signer.n_signed = signer.n_fresh = 0;
	g.err = remote_call(&g.fault, remote, &r, &g.answer);
	return g;
}

static void
assert_answered(struct got *g, unsigned int n_asked)
{
	uint64_t data;

	if (g->err != COFFER_OK)
		fail_msg("%s", g->fault.text);
	assert_true(doc_number(doc_get(g->answer, "data"), 1, 1, &data));
	assert_int_equal(script->n_asked, n_asked);
	doc_free(&g->answer);
}

static void
assert_refused(const struct got *g, coffer_err err, const char *sentence, unsigned int n_asked)
{
	if (g->err != err || strcmp(g->fault.text, sentence) != 0)
		fail_msg("«%s» (%s), not «%s» (%s)", g->fault.text, coffer_err_name(g->err), sentence,
			 coffer_err_name(err));
	assert_null(g->answer);
	if (script->n_asked != n_asked)
		fail_msg("asked %u times, not %u: %s", script->n_asked, n_asked, sentence);
}

/* ---- what is answered ---- */

static void
an_answer_is_json_or_nothing(void **state)
{
	struct got g;

	(void)state;
	will_answer(JSON_OK);
	g = call(&plain);
	assert_answered(&g, 1);
	assert_non_null(strstr(script->asked[0], "POST /v1/it HTTP/1.1\r\n"));
	fresh_script(state);
	will_answer(SAYS("204 No Content", "", ""));
	g = call(&plain);
	assert_int_equal(g.err, COFFER_OK);
	assert_true(doc_is_object(g.answer));
	assert_int_equal(doc_size(g.answer), 0);
	doc_free(&g.answer);
	fresh_script(state);
	will_answer(SAYS("200 OK", "", "<html>log in, please"));
	g = call(&plain);
	assert_refused(&g, COFFER_E_UNAVAILABLE, "what Vault (127.0.0.1) answered is no JSON: is that its address?", 1);
}

static const struct {
	const char *answer;
	coffer_err err;
	unsigned int n_asked;
	const char *sentence;
} refusals[] = {
	{SAYS("403 No", "", "{\"said\":0,\"words\":\"permission denied\"}"), COFFER_E_REFUSED, 1,
	 "Vault (127.0.0.1) refuses (HTTP 403): permission denied; check that the credential is the right one, is "
	 "still valid and has the right to do this"},
	{SAYS("401 No", "", "{\"said\":1}"), COFFER_E_REFUSED, 1,
	 "Vault (127.0.0.1) says that the credential has expired (HTTP 401); log in again, or renew it"},
	{SAYS("404 No", "", "{\"said\":2,\"words\":\"no such key\"}"), COFFER_E_REFUSED, 1,
	 "Vault (127.0.0.1) has no such key that can be used (HTTP 404): no such key; check its name, and that it is "
	 "neither disabled nor destroyed"},
	{SAYS("404 No", "", "{\"said\":9,\"words\":\"no handler\"}"), COFFER_E_REFUSED, 1,
	 "Vault (127.0.0.1) keeps nothing there (HTTP 404): no handler; check the name of the mount, and the "
	 "namespace"},
	{SAYS("400 No", "", "{\"said\":3}"), COFFER_E_NOKEY, 1,
	 "Vault (127.0.0.1) says that another key has wrapped this (HTTP 400); name that key with --kek"},
	{SAYS("400 No", "", "{\"said\":4}"), COFFER_E_AUTH, 1,
	 "Vault (127.0.0.1) does not unwrap this (HTTP 400); it is damaged, or belongs to another model, version or "
	 "environment"},
	{SAYS("400 No", "", "{\"said\":5,\"words\":\"slower\"}"), COFFER_E_RATE, 4,
	 "Vault (127.0.0.1) has too many requests (HTTP 400): slower; try again later"},
	{SAYS("400 No", "", "{\"said\":6}"), COFFER_E_UNAVAILABLE, 4,
	 "Vault (127.0.0.1) cannot serve now (HTTP 400); try again later"},
	{SAYS("400 No", "", "{\"said\":7}"), COFFER_E_REFUSED, 1,
	 "Vault (127.0.0.1) does not accept the time of this machine (HTTP 400); set its clock"},
	{SAYS("400 No", "", "{\"words\":\"what is this?\"}"), COFFER_E_UNAVAILABLE, 1,
	 "Vault (127.0.0.1) gave an answer that nobody expects (HTTP 400): what is this?; check that its address is "
	 "the right one"},
	{SAYS("403 No", "", "no json"), COFFER_E_UNAVAILABLE, 1,
	 "Vault (127.0.0.1) gave an answer that nobody expects (HTTP 403); check that its address is the right one"},
	{SAYS("302 Elsewhere", "Location: /\r\n", ""), COFFER_E_UNAVAILABLE, 1,
	 "Vault (127.0.0.1) gave an answer that nobody expects (HTTP 302); check that its address is the right one"},
	{SAYS("429 Slow", "", ""), COFFER_E_RATE, 4,
	 "Vault (127.0.0.1) has too many requests (HTTP 429); try again later"},
	{SAYS("500 Oh", "", ""), COFFER_E_UNAVAILABLE, 4,
	 "Vault (127.0.0.1) cannot serve now (HTTP 500); try again later"},
	{SAYS("502 Oh", "", ""), COFFER_E_UNAVAILABLE, 4,
	 "Vault (127.0.0.1) cannot serve now (HTTP 502); try again later"},
	{SAYS("503 Oh", "", ""), COFFER_E_UNAVAILABLE, 4,
	 "Vault (127.0.0.1) cannot serve now (HTTP 503); try again later"},
	{SAYS("504 Oh", "", ""), COFFER_E_UNAVAILABLE, 4,
	 "Vault (127.0.0.1) cannot serve now (HTTP 504); try again later"},
	{SAYS("501 Oh", "", ""), COFFER_E_UNAVAILABLE, 1,
	 "Vault (127.0.0.1) gave an answer that nobody expects (HTTP 501); check that its address is the right one"},
	/* what the service says of itself counts more than the status */
	{SAYS("500 Oh", "", "{\"said\":4}"), COFFER_E_AUTH, 1,
	 "Vault (127.0.0.1) does not unwrap this (HTTP 500); it is damaged, or belongs to another model, version or "
	 "environment"},
	{"", COFFER_E_UNAVAILABLE, 4,
	 "Vault did not answer (asked 4 times): no whole answer of 127.0.0.1: Empty reply from server; check its "
	 "address, and that it is up"},
	/* words that hold a credential are not told */
	{SAYS("403 No", "", "{\"said\":0,\"words\":\"bad token s.credential-of-the-request!\"}"), COFFER_E_REFUSED, 1,
	 "Vault (127.0.0.1) refuses (HTTP 403); check that the credential is the right one, is still valid and has the "
	 "right to do this"},
};

static void
each_refusal_has_its_error_and_its_number_of_tries(void **state)
{
	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		struct got g;

		fresh_script(state);
		will_answer(refusals[i].answer);
		g = call(&plain);
		assert_refused(&g, refusals[i].err, refusals[i].sentence, refusals[i].n_asked);
	}
}

/* «Not there» is no fault for who asked whether it is: it is not tried again, and what came with it is the answer. */
static void
an_answer_need_be_no_success(void **state)
{
	struct got g;

	(void)state;
	will_answer(SAYS("404 Not Found", "", "{\"said\":10,\"data\":1}"));
	g = call(&plain);
	assert_answered(&g, 1);
	assert_int_equal(REMOTE_ANSWER, 10);
}

static void
what_passes_is_waited_for(void **state)
{
	struct got g;

	(void)state;
	will_answer("");
	will_answer(SAYS("503 Oh", "", ""));
	will_answer(SAYS("429 Slow", "", ""));
	will_answer(JSON_OK);
	g = call(&plain);
	assert_answered(&g, 4);
	assert_int_equal(n_pauses, 3);
	assert_true(pauses[0] <= 200 && pauses[1] <= 400 && pauses[2] <= 800);
}

/* ---- pauses ---- */

static void
pauses_grow_and_differ(void **state)
{
	unsigned int most[10] = {0}, least = 10000;

	(void)setenv("COFFER_KEY_RETRIES", "10", 1);
	(void)setenv("COFFER_KEY_TIMEOUT", "600", 1);
	for (int n = 0; n < 12; n++) {
		struct got g;

		memset(script, 0, sizeof(*script));
		n_pauses = 0;
		will_answer(SAYS("503 Oh", "", ""));
		g = call(&plain);
		assert_int_equal(g.err, COFFER_E_UNAVAILABLE);
		assert_int_equal(script->n_asked, 11);
		assert_int_equal(n_pauses, 10);
		for (unsigned int i = 0; i < 10; i++) {
			unsigned int step = i < 5 ? 200u << i : 5000;

			assert_true(pauses[i] <= step);
			most[i] = pauses[i] > most[i] ? pauses[i] : most[i];
		}
		least = pauses[9] < least ? pauses[9] : least;
	}
	(void)state;
	/* twelve of them between 0 and 5 s: one is above 1 s but for one time in 10^8, and they are not all alike */
	assert_true(most[9] > 1000 && least < most[9]);
}

static void
retry_after_is_obeyed(void **state)
{
	struct got g;

	(void)state;
	will_answer(SAYS("429 Slow", "Retry-After: 7\r\n", ""));
	will_answer(JSON_OK);
	g = call(&plain);
	assert_answered(&g, 2);
	assert_int_equal(n_pauses, 1);
	assert_int_equal(pauses[0], 7000);
}

static void
retry_after_past_the_deadline_is_the_end(void **state)
{
	struct got g;

	(void)state;
	will_answer(SAYS("429 Slow", "Retry-After: 31\r\n", ""));
	g = call(&plain);
	assert_refused(&g, COFFER_E_RATE, "Vault (127.0.0.1) has too many requests (HTTP 429); try again in 31 s", 1);
	assert_int_equal(n_pauses, 0);
	fresh_script(state);
	will_answer(SAYS("503 Oh", "Retry-After: 20\r\n", ""));
	g = call(&plain);
	assert_refused(&g, COFFER_E_UNAVAILABLE, "Vault (127.0.0.1) cannot serve now (HTTP 503); try again later", 2);
	assert_int_equal(slept_ms, 20000);
}

static void
the_environment_says_how_often(void **state)
{
	static const char *const wrong[][2] = {
		{"COFFER_KEY_RETRIES", "11"},  {"COFFER_KEY_RETRIES", "-1"}, {"COFFER_KEY_TIMEOUT", "0"},
		{"COFFER_KEY_TIMEOUT", "601"}, {"COFFER_KEY_TIMEOUT", "1s"},
	};
	struct got g;

	(void)setenv("COFFER_KEY_RETRIES", "0", 1);
	will_answer(SAYS("503 Oh", "", ""));
	g = call(&plain);
	assert_int_equal(g.err, COFFER_E_UNAVAILABLE);
	assert_int_equal(script->n_asked, 1);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		fresh_script(state);
		(void)setenv(wrong[i][0], wrong[i][1], 1);
		g = call(&plain);
		assert_int_equal(g.err, COFFER_E_USAGE);
		assert_non_null(strstr(g.fault.text, wrong[i][0]));
		assert_int_equal(script->n_asked, 0);
	}
}

/* the real clock: a service that says nothing at all */
static void
a_deadline_holds(void **state)
{
	uint64_t from = now_ms(), took;
	struct got g;

	(void)state;
	retry_use_clock(NULL);
	(void)setenv("COFFER_KEY_TIMEOUT", "1", 1);
	will_answer("hang");
	g = call(&plain);
	took = now_ms() - from;
	retry_use_clock(&fast);
	assert_int_equal(g.err, COFFER_E_UNAVAILABLE);
	assert_non_null(strstr(g.fault.text, "Vault did not answer: 127.0.0.1 gave no whole answer within "));
	assert_int_equal(script->n_asked, 1);
	assert_true(took >= 990 && took < 2000);
}

static void
a_bad_address_is_not_tried(void **state)
{
	struct http_request r = {.method = "GET", .url = "http://example.org/", .max_body = 10};
	struct fault f = {.text = ""};
	struct doc *d;

	(void)state;
	assert_int_equal(remote_call(&f, &plain, &r, &d), COFFER_E_USAGE);
	assert_non_null(strstr(f.text, "not protected by TLS"));
	assert_null(d);
	assert_int_equal(n_pauses, 0);
}

/* ---- credentials and clocks ---- */

static void
each_try_is_signed(void **state)
{
	struct got g;

	(void)state;
	will_answer(SAYS("503 Oh", "", ""));
	will_answer(JSON_OK);
	g = call(&signing);
	assert_answered(&g, 2);
	assert_int_equal(signer.n_signed, 2);
	assert_int_equal(signer.n_fresh, 0);
	assert_non_null(strstr(script->asked[0], "\r\nX-Token: credential-of-a-signer-1\r\n"));
	assert_non_null(strstr(script->asked[1], "\r\nX-Token: credential-of-a-signer-2\r\n"));
	assert_null(strstr(script->asked[1], "credential-of-a-signer-1"));
	assert_non_null(strstr(script->asked[1], "\r\nX-Vault-Token: s.credential-of-the-request\r\n"));
}

struct heard {
	unsigned int n;
	long status;
	char header[16];
};

static void
hear(void *user, const struct http_reply *reply)
{
	struct heard *h = user;

	h->n++;
	h->status = reply->status;
	(void)http_header(reply, "X-Who", h->header, sizeof(h->header));
}

static void
each_answer_is_heard(void **state)
{
	struct heard heard = {.n = 0};
	const struct remote who = {.name = "It", .judge = judge, .heard = hear, .user = &heard};
	const struct http_request request = {.method = "GET", .url = url, .max_body = 1000};
	struct doc *json;

	(void)state;
	will_answer(SAYS("503 No", "X-Who: first\r\n", "{\"said\":6}"));
	will_answer(SAYS("200 OK", "X-Who: second\r\n", "{}"));
	assert_int_equal(remote_call(NULL, &who, &request, &json), COFFER_OK);
	doc_free(&json);
	assert_int_equal(heard.n, 2);
	assert_int_equal(heard.status, 200);
	assert_string_equal(heard.header, "second");
}

static void
a_new_credential_is_tried_once(void **state)
{
	struct got g;

	(void)state;
	will_answer(SAYS("403 No", "", "{\"said\":1}"));
	will_answer(JSON_OK);
	g = call(&signing);
	assert_answered(&g, 2);
	assert_int_equal(signer.n_fresh, 1);
	assert_int_equal(n_pauses, 0);
	fresh_script(state);
	(void)setenv("COFFER_KEY_RETRIES", "0", 1);
	will_answer(SAYS("403 No", "", "{\"said\":1,\"words\":\"credential-of-a-signer-2 is old\"}"));
	g = call(&signing);
	assert_refused(&g, COFFER_E_REFUSED,
		       "KMS (127.0.0.1) says that the credential has expired (HTTP 403); log in again, or renew it", 2);
	assert_int_equal(signer.n_fresh, 1);
}

static void
no_credential_is_the_end(void **state)
{
	struct got g;

	(void)state;
	signer.fail = COFFER_E_KEY;
	g = call(&signing);
	signer.fail = COFFER_OK;
	assert_refused(&g, COFFER_E_KEY, "there is no credential", 0);
}

static void
a_wrong_clock_is_set_once(void **state)
{
	char text[256], date[64];
	time_t then = time(NULL) + 4000;
	struct got g;
	struct tm tm;

	(void)state;
	assert_non_null(gmtime_r(&then, &tm));
	assert_true(strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S GMT", &tm) > 0);
	(void)snprintf(text, sizeof(text), SAYS("403 No", "Date: %s\r\n", "{\"said\":7}"), date);
	will_answer(text);
	will_answer(JSON_OK);
	g = call(&signing);
	assert_answered(&g, 2);
	assert_true(signer.ahead_s > 3990 && signer.ahead_s <= 4000);
	fresh_script(state);
	will_answer(text);
	g = call(&signing);
	assert_refused(&g, COFFER_E_REFUSED,
		       "KMS (127.0.0.1) does not accept the time of this machine (HTTP 403); set its clock", 2);
	fresh_script(state);
	will_answer(SAYS("403 No", "Date: yesterday\r\n", "{\"said\":7}"));
	g = call(&signing);
	assert_refused(&g, COFFER_E_REFUSED,
		       "KMS (127.0.0.1) does not accept the time of this machine (HTTP 403); set its clock", 1);
}

/* ---- what is left behind, and small things ---- */

static void
nothing_of_an_answer_stays(void **state)
{
	struct got g;

	(void)state;
	skip_under_emulator("memory of its own to look into");
	will_answer("mark");
	g = call(&plain);
	assert_int_equal(g.err, COFFER_OK);
	assert_true(traces_left());
	doc_free(&g.answer);
	assert_false(traces_left());
}

static const struct {
	const char *json;
	size_t max;
	const char *bytes; /* NULL: refused */
} secrets[] = {
	{"\"aGVsbG8=\"", 5, "hello"},
	{"\"aGVsbG8\"", 5, "hello"},
	{"\"aGVs\"", 3, "hel"},
	{"\"Pz8_\"", 3, "???"},
	{"\"Pz8/\"", 3, "???"},
	{"\"aA==\"", 1, "h"},
	{"\"aA\"", 1, "h"},
	{"\"aGVsbG8=\"", 4, NULL},
	{"\"\"", 5, NULL},
	{"\"a\"", 5, NULL},
	{"\"====\"", 5, NULL},
	{"\"aGVsbG8==\"", 5, NULL},
	{"\"aGVsbG8 \"", 10, NULL},
	{"\"aGVsbG9=\"", 5, NULL},
	{"7", 5, NULL},
	{"null", 5, NULL},
	{"\"Pz8_Pz8/\"", 6, NULL},
};

static void
secrets_are_of_both_alphabets(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(secrets) / sizeof(secrets[0]); i++) {
		struct fault f = {.text = ""};
		struct secret out = SECRET_INIT;
		char array[64];
		struct doc *d;

		(void)snprintf(array, sizeof(array), "[%s]", secrets[i].json);
		assert_int_equal(doc_parse_foreign(NULL, "", view_str(array), &d), COFFER_OK);
		if (secrets[i].bytes) {
			assert_int_equal(remote_secret(&f, &plain, doc_at(d, 0), secrets[i].max, &out), COFFER_OK);
			assert_int_equal(out.len, strlen(secrets[i].bytes));
			assert_memory_equal(out.p, secrets[i].bytes, out.len);
		} else {
			if (remote_secret(&f, &plain, doc_at(d, 0), secrets[i].max, &out) != COFFER_E_UNAVAILABLE)
				fail_msg("%s was taken", secrets[i].json);
			assert_non_null(strstr(f.text, "Vault"));
			assert_null(out.p);
		}
		secret_free(&out);
		doc_free(&d);
	}
	assert_int_equal(remote_secret(NULL, &plain, NULL, 5, &(struct secret)SECRET_INIT), COFFER_E_UNAVAILABLE);
}

static void
words_are_text_with_line_ends(void **state)
{
	struct doc *d;

	(void)state;
	assert_int_equal(doc_parse_foreign(NULL, "it", view_str("[\"No.\\r\\nTrace\",\"\",7]"), &d), COFFER_OK);
	assert_string_equal(remote_words(doc_at(d, 0)), "No.\r\nTrace");
	assert_null(remote_words(doc_at(d, 1)));
	assert_null(remote_words(doc_at(d, 2)));
	assert_null(remote_words(NULL));
	doc_free(&d);
}

static void
endpoints_come_from_the_environment(void **state)
{
	static const char *const names[] = {"COFFER_TEST_ONE", "COFFER_TEST_TWO", NULL};

	(void)state;
	assert_string_equal(remote_endpoint(names, "https://x"), "https://x");
	assert_null(remote_endpoint(names, NULL));
	(void)setenv("COFFER_TEST_TWO", "https://two", 1);
	(void)setenv("COFFER_TEST_ONE", "", 1);
	assert_string_equal(remote_endpoint(names, "https://x"), "https://two");
	(void)setenv("COFFER_TEST_ONE", "https://one", 1);
	assert_string_equal(remote_endpoint(names, "https://x"), "https://one");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(an_answer_is_json_or_nothing, fresh_script),
		cmocka_unit_test_setup(each_refusal_has_its_error_and_its_number_of_tries, fresh_script),
		cmocka_unit_test_setup(an_answer_need_be_no_success, fresh_script),
		cmocka_unit_test_setup(what_passes_is_waited_for, fresh_script),
		cmocka_unit_test_setup(pauses_grow_and_differ, fresh_script),
		cmocka_unit_test_setup(retry_after_is_obeyed, fresh_script),
		cmocka_unit_test_setup(retry_after_past_the_deadline_is_the_end, fresh_script),
		cmocka_unit_test_setup(the_environment_says_how_often, fresh_script),
		cmocka_unit_test_setup(a_bad_address_is_not_tried, fresh_script),
		cmocka_unit_test_setup(each_try_is_signed, fresh_script),
		cmocka_unit_test_setup(each_answer_is_heard, fresh_script),
		cmocka_unit_test_setup(a_new_credential_is_tried_once, fresh_script),
		cmocka_unit_test_setup(no_credential_is_the_end, fresh_script),
		cmocka_unit_test_setup(a_wrong_clock_is_set_once, fresh_script),
		cmocka_unit_test_setup(nothing_of_an_answer_stays, fresh_script),
		cmocka_unit_test(secrets_are_of_both_alphabets),
		cmocka_unit_test(words_are_text_with_line_ends),
		cmocka_unit_test(endpoints_come_from_the_environment),
		/* keeps the server busy */
		cmocka_unit_test_setup(a_deadline_holds, fresh_script),
	};

	return cmocka_run_group_tests_name("remote", tests, start, stop);
}
