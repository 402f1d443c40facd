/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A server of JSON that answers from a script, request by request, and keeps what it was asked.
 */
#ifndef TESTS_SUPPORT_SCRIPT_H
#define TESTS_SUPPORT_SCRIPT_H

#include <stdlib.h>
#include <sys/mman.h>

#include "support/http_server.h"
#include "support/text.h"

enum { SCRIPT_MAX = 16 };

/* shared with the child: the last answer is given again and again */
static struct script {
	struct {
		unsigned int status;
		char body[2048];
	} answers[SCRIPT_MAX];
	unsigned int n_answers, n_asked;
	char asked[SCRIPT_MAX][4096]; /* whole requests */
} * script;

static struct http_server script_server;

static inline void
script_answer(int fd, const char *request, size_t len)
{
	unsigned int n = script->n_asked++, at = n < script->n_answers ? n : script->n_answers - 1;
	char head[128];

	if (n < SCRIPT_MAX && len < sizeof(script->asked[n]))
		memcpy(script->asked[n], request, len + 1);
	if (script->n_answers == 0)
		return;
	(void)snprintf(
		head, sizeof(head),
		"HTTP/1.1 %u X\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: %zu\r\n\r\n",
		script->answers[at].status, strlen(script->answers[at].body));
	http_server_say(fd, head);
	http_server_say(fd, script->answers[at].body);
}

/** script_start() - begin to serve; @variable of the environment gets the address */
static inline void
script_start(const char *variable)
{
	char address[64];

	script = mmap(NULL, sizeof(*script), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (script == MAP_FAILED)
		abort();
	http_server_start(&script_server, script_answer);
	(void)snprintf(address, sizeof(address), "http://127.0.0.1:%u", script_server.port);
	if (setenv(variable, address, 1) != 0)
		abort();
}

static inline void
script_clear(void)
{
	memset(script, 0, sizeof(*script));
}

/** script_add() - the next answer */
static inline void
script_add(unsigned int status, const char *body)
{
	assert_true(script->n_answers < SCRIPT_MAX);
	script->answers[script->n_answers].status = status;
	PUT(script->answers[script->n_answers].body, body);
	script->n_answers++;
}

/** assert_asked() - that request @n begins with @line and holds @words (NULL: whatever) */
static inline void
assert_asked(unsigned int n, const char *line, const char *words)
{
	if (n >= script->n_asked)
		fail_msg("%u requests, and not %u: %s", script->n_asked, n + 1, line);
	if (strncmp(script->asked[n], line, strlen(line)) != 0 || script->asked[n][strlen(line)] != ' ')
		fail_msg("request %u is not %s: %.300s", n, line, script->asked[n]);
	if (words && !strstr(script->asked[n], words))
		fail_msg("request %u lacks %s: %.3000s", n, words, script->asked[n]);
}

#endif
