/* SPDX-License-Identifier: Apache-2.0 */
/* One call of net/http.h, and what a test says of it. */
#ifndef TESTS_SUPPORT_HTTP_CALL_H
#define TESTS_SUPPORT_HTTP_CALL_H

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "net/http.h"

#define TOKEN "eyJhbGciOi.secret.token"

/** struct got - what came of a call */
struct got {
	coffer_err err;
	struct fault fault;
	struct http_reply reply;
};

/** call() - by GET, of at most 64 KiB, within 20 s, unless @request says otherwise */
static inline struct got
call(struct http_request request)
{
	struct got g = {.fault.text = ""};

	request.method = request.method ? request.method : "GET";
	request.max_body = request.max_body ? request.max_body : 65536;
	request.timeout_ms = request.timeout_ms ? request.timeout_ms : 20000;
	g.err = http_call(&g.fault, &request, &g.reply);
	return g;
}

/** assert_body() - that it came, and is @text */
static inline void
assert_body(const struct got *g, const char *text)
{
	if (g->err != COFFER_OK)
		fail_msg("%s", g->fault.text);
	assert_int_equal(g->reply.body.len, strlen(text));
	assert_memory_equal(g->reply.body.p, text, strlen(text));
}

/** assert_fault() - that it ended with @err and a sentence that holds @words and no token */
static inline void
assert_fault(struct got *g, coffer_err err, const char *words)
{
	if (g->err != err || !strstr(g->fault.text, words))
		fail_msg("«%s» (%s), not %s «%s»", g->fault.text, coffer_err_name(g->err), coffer_err_name(err), words);
	assert_null(strstr(g->fault.text, TOKEN));
	http_reply_free(&g->reply);
}

/** secret_of() - @text as a secret; free it with secret_free() */
static inline struct secret
secret_of(const char *text)
{
	struct secret s = SECRET_INIT;

	assert_int_equal(secret_new(NULL, &s, strlen(text)), COFFER_OK);
	memcpy(s.p, text, s.len);
	return s;
}

#endif
