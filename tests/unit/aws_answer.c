/* SPDX-License-Identifier: Apache-2.0 */
#include "net/aws_answer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const struct answer {
	const char *text;
	const char *id, *secret, *token; /* NULL: it is refused */
	int64_t expires;
	const char *why;
} json[] = {
	/* the example of «Retrieve security credentials from instance metadata», EC2 User Guide */
	{"{\n \"Code\" : \"Success\",\n \"LastUpdated\" : \"2012-04-26T16:39:16Z\",\n \"Type\" : \"AWS-HMAC\",\n"
	 " \"AccessKeyId\" : \"ASIAIOSFODNN7EXAMPLE\",\n"
	 " \"SecretAccessKey\" : \"wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY\",\n"
	 " \"Token\" : \"token\",\n \"Expiration\" : \"2017-05-17T15:09:54Z\"\n}",
	 "ASIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "token", 1495033794, NULL},
	/* of a credential process: «Sourcing credentials with an external process» */
	{"{\"Version\":1,\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"s+/=\",\"SessionToken\":\"t\","
	 "\"Expiration\":\"2017-05-17T15:09:54+00:00\"}",
	 "A", "s+/=", "t", 1495033794, NULL},
	{"{\"Version\":1,\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"s\"}", "A", "s", "", 0, NULL},
	{"{\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"s\",\"Token\":null,\"Expiration\":null}", "A", "s", "", 0, NULL},
	{"{\"AccessKeyId\":\"A\"}", NULL, NULL, NULL, 0, "it has no AWS secret access key"},
	{"{\"SecretAccessKey\":\"s\"}", NULL, NULL, NULL, 0, "it gave no AWS credentials: it did not say why"},
	{"{\"Code\":\"AssumeRoleUnauthorizedAccess\",\"Message\":\"EC2 cannot assume the role r.\"}", NULL, NULL, NULL,
	 0, "it gave no AWS credentials: AssumeRoleUnauthorizedAccess, EC2 cannot assume the role r."},
	{"{\"AccessKeyId\":\"A/B\",\"SecretAccessKey\":\"s\"}", NULL, NULL, NULL, 0, "a character that none may have"},
	{"{\"AccessKeyId\":\"A,B\",\"SecretAccessKey\":\"s\"}", NULL, NULL, NULL, 0, "a character that none may have"},
	{"{\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"s s\"}", NULL, NULL, NULL, 0, "a character that none may have"},
	{"{\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"s\",\"Token\":\"t\\r\\nX: y\"}", NULL, NULL, NULL, 0,
	 "a character that none may have"},
	{"{\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"s\",\"Expiration\":\"tomorrow\"}", NULL, NULL, NULL, 0,
	 "an expiration that is no time in UTC"},
	{"{\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"s\",\"Expiration\":\"2017-05-17T15:09:54+02:00\"}", NULL, NULL,
	 NULL, 0, "an expiration that is no time in UTC"},
	{"[]", NULL, NULL, NULL, 0, "is no JSON of AWS credentials"},
	{"<html>", NULL, NULL, NULL, 0, "is no JSON of AWS credentials"},
	{"", NULL, NULL, NULL, 0, "is no JSON of AWS credentials"},
};

#define HEAD "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\n<AssumeRoleResult>\n"
#define CREDENTIALS(inside) HEAD "<Credentials>" inside "</Credentials></AssumeRoleResult></AssumeRoleResponse>"

static const struct answer xml[] = {
	{CREDENTIALS("<AccessKeyId>ASIAIOSFODNN7EXAMPLE</AccessKeyId>\n"
		     "<SecretAccessKey>wJalrXUtnFEMI/K7MDENG/bPxRfiCYzEXAMPLEKEY</SecretAccessKey>\n"
		     "<SessionToken>\n AQoDYXdz+/== \n</SessionToken>\n<Expiration>2019-11-09T13:34:41Z</Expiration>"),
	 "ASIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYzEXAMPLEKEY", "AQoDYXdz+/==", 1573306481, NULL},
	{CREDENTIALS("<AccessKeyId>A</AccessKeyId><SecretAccessKey>s</SecretAccessKey>"), "A", "s", "", 0, NULL},
	{CREDENTIALS("<AccessKeyId>A</AccessKeyId>"), NULL, NULL, NULL, 0, "it has no AWS secret access key"},
	{CREDENTIALS("<AccessKeyId>A</AccessKeyId><AccessKeyId>B</AccessKeyId><SecretAccessKey>s</SecretAccessKey>"),
	 NULL, NULL, NULL, 0, "it has no AWS access key id"},
	{CREDENTIALS("<AccessKeyId><b/>A</AccessKeyId><SecretAccessKey>s</SecretAccessKey>"), NULL, NULL, NULL, 0,
	 "it has no AWS access key id"},
	{CREDENTIALS("<AccessKeyId>A</SecretAccessKey><SecretAccessKey>s</SecretAccessKey>"), NULL, NULL, NULL, 0,
	 "it has no AWS access key id"},
	{CREDENTIALS("<SecretAccessKey>s</SecretAccessKey><AccessKeyId>A"), NULL, NULL, NULL, 0,
	 "it has no AWS access key id"},
	{"", NULL, NULL, NULL, 0, "it has no AWS access key id"},
};

static void
check(const struct answer *a, coffer_err (*read)(struct fault *, const char *, struct view, struct aws_cred *))
{
	struct aws_cred cred = AWS_CRED_INIT;
	struct fault f = {0};

	assert_int_equal(read(&f, "it", view_str(a->text), &cred), a->id ? COFFER_OK : COFFER_E_REFUSED);
	if (!a->id) {
		assert_string_equal(cred.id, "");
		assert_null(cred.secret.p);
		if (!strstr(f.text, a->why))
			fail_msg("«%s» is not in «%s»", a->why, f.text);
		return;
	}
	assert_string_equal(cred.id, a->id);
	assert_int_equal(cred.secret.len, strlen(a->secret));
	assert_memory_equal(cred.secret.p, a->secret, cred.secret.len);
	assert_int_equal(cred.token.len, strlen(a->token));
	if (cred.token.len > 0)
		assert_memory_equal(cred.token.p, a->token, cred.token.len);
	assert_int_equal(cred.expires, a->expires);
	aws_cred_free(&cred);
}

static void
json_is_read(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(json) / sizeof(json[0]); i++)
		check(&json[i], aws_answer_json);
}

static void
xml_is_read(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(xml) / sizeof(xml[0]); i++)
		check(&xml[i], aws_answer_xml);
}

static void
errors_are_read(void **state)
{
	static const struct {
		const char *text, *code, *words;
	} cases[] = {
		{"<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>Sender</Type>"
		 "<Code>AccessDenied</Code><Message>User: a is not\nauthorized</Message></Error></ErrorResponse>",
		 "AccessDenied", "User: a is not"},
		{"<Code>x</Code>", "x", ""},
		{"<html>", "", ""},
		{"", "", ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct aws_said said;

		aws_answer_error(view_str(cases[i].text), &said);
		assert_string_equal(said.code, cases[i].code);
		assert_string_equal(said.words, cases[i].words);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(json_is_read),
		cmocka_unit_test(xml_is_read),
		cmocka_unit_test(errors_are_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
