/* SPDX-License-Identifier: Apache-2.0 */
#include "sign/oidc_answer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>

#include <cmocka.h>

static const struct {
	const char *json;
	bool good;
	const char *token; /* NULL: absent */
	uint64_t interval;
} answers[] = {
	{"{\"id_token\":\"a.b.c\",\"interval\":5}", true, "a.b.c", 5},
	{" {\"x\":{\"id_token\":\"no\"},\"y\":[1,{\"id_token\":2}],\"id_token\":\"a\"} ", true, "a", 0},
	{"{\"id_\\u0074oken\":\"\\u0061\\/b\"}", true, "a/b", 0},
	{"{\"id_token\":null,\"interval\":\"5\"}", true, NULL, 0},
	{"{\"id_token\":7,\"interval\":5.0}", true, NULL, 5},
	{"{\"id_token\":{\"a\":1},\"interval\":true}", true, NULL, 0},
	{"{\"id_token\":\"\"}", true, "", 0},
	{"{}", true, NULL, 0},
	{"{\"id_token\":\"a\",\"id_token\":\"b\"}", false, NULL, 0},
	{"{\"id_token\":\"a\",\"id\\u005ftoken\":\"b\"}", false, NULL, 0},
	{"{\"interval\":5,\"interval\":6}", false, NULL, 0},
	{"{\"id_token\":\"a\"", false, NULL, 0},
	{"{\"id_token\":\"a\"}{}", false, NULL, 0},
	{"{\"id_token\":\"a}", false, NULL, 0},
	{"[\"id_token\"]", false, NULL, 0},
	{"\"id_token\"", false, NULL, 0},
	{"<html>", false, NULL, 0},
	{"", false, NULL, 0},
	{"{\"interval\":-5}", true, NULL, 0},
	{"{\"interval\":99999999999999999999999}", false, NULL, 0},
};

static void
members_are_found(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		struct oidc_member wanted[] = {{.name = "id_token"}, {.name = "interval"}};
		struct http_reply reply = {.body = BUF_INIT(4096), .host = "idp"};
		struct fault f = {.text = ""};
		const char *token = answers[i].token;
		coffer_err err;

		assert_int_equal(buf_str(NULL, &reply.body, answers[i].json), COFFER_OK);
		err = oidc_members(&f, &reply, wanted, 2);
		if (err != (answers[i].good ? COFFER_OK : COFFER_E_NET))
			fail_msg("%s: %s", answers[i].json, f.text);
		assert_true(err == COFFER_OK || strstr(f.text, "the answer of idp") == f.text);
		if (answers[i].good) {
			assert_int_equal(wanted[0].text.p != NULL, token != NULL);
			assert_int_equal(wanted[0].text.len, token ? strlen(token) : 0);
			if (token)
				assert_memory_equal(wanted[0].text.p, token, strlen(token));
			assert_int_equal(wanted[1].number, answers[i].interval);
		}
		http_reply_free(&reply);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(members_are_found),
	};

	return cmocka_run_group_tests_name("oidc_answer", tests, NULL, NULL);
}
