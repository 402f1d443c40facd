/* SPDX-License-Identifier: Apache-2.0 */
/* Where credentials are found, and when they are asked for again.  STS, and the signatures: tests/services/test_awskms.py. */
#include "net/aws_cred.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include <cmocka.h>

#include "base/utc.h"
#include "support/http_server.h"
#include "support/text.h"
#include "support/tmpdir.h"

static const char *const variables[] = {
	"AWS_ACCESS_KEY_ID",
	"AWS_SECRET_ACCESS_KEY",
	"AWS_SESSION_TOKEN",
	"AWS_CREDENTIAL_EXPIRATION",
	"AWS_PROFILE",
	"AWS_DEFAULT_PROFILE",
	"AWS_SHARED_CREDENTIALS_FILE",
	"AWS_CONFIG_FILE",
	"AWS_WEB_IDENTITY_TOKEN_FILE",
	"AWS_ROLE_ARN",
	"AWS_ROLE_SESSION_NAME",
	"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
	"AWS_CONTAINER_CREDENTIALS_FULL_URI",
	"AWS_CONTAINER_AUTHORIZATION_TOKEN",
	"AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
	"AWS_EC2_METADATA_SERVICE_ENDPOINT",
	"AWS_REGION",
	"AWS_DEFAULT_REGION",
};

/* A home of its own, no other settings, and no instance's service. */
static int
begin(void **state)
{
	int rc = tmpdir_setup(state);

	for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++)
		(void)unsetenv(variables[i]);
	(void)setenv("HOME", tmpdir_path, 1);
	(void)setenv("AWS_EC2_METADATA_DISABLED", "true", 1);
	(void)mkdir(".aws", 0700);
	aws_cred_forget();
	return rc;
}

static int
end(void **state)
{
	aws_cred_forget();
	return tmpdir_teardown(state);
}

static void
file(const char *path, const char *text)
{
	tmpdir_file(path, text, strlen(text), 0600);
}

/* The id that is found and where, or the error's sentence. */
static void
expect(const char *id, const char *words)
{
	struct aws_cred cred = AWS_CRED_INIT;
	struct fault f = {0};
	coffer_err err;

	aws_cred_forget();
	err = aws_cred_get(&f, 0, 0, &cred);
	if (id) {
		if (err != COFFER_OK)
			fail_msg("%s", f.text);
		assert_string_equal(cred.id, id);
		assert_string_equal(cred.from, words);
	} else {
		assert_int_equal(err, COFFER_E_REFUSED);
		if (!strstr(f.text, words))
			fail_msg("«%s» is not in «%s»", words, f.text);
	}
	aws_cred_free(&cred);
}

#define SHARED "the AWS credentials file"
#define CONFIG "the AWS configuration file"

static void
there_may_be_none(void **state)
{
	(void)state;
	expect(NULL, "there are no AWS credentials");
	file(".aws/credentials", "");
	file(".aws/config", "");
	expect(NULL, "there are no AWS credentials");
	(void)unsetenv("HOME");
	expect(NULL, "there are no AWS credentials");
}

static void
the_environment_comes_first(void **state)
{
	(void)state;
	file(".aws/credentials", "[default]\naws_access_key_id = SHARED\naws_secret_access_key = s\n");
	(void)setenv("AWS_ACCESS_KEY_ID", "ENV", 1);
	expect(NULL, "the environment has no AWS secret access key");
	(void)setenv("AWS_SECRET_ACCESS_KEY", "s", 1);
	expect("ENV", "the environment");
	/* as botocore: the profile counts only when the environment has no keys */
	(void)setenv("AWS_PROFILE", "none", 1);
	expect("ENV", "the environment");
	(void)unsetenv("AWS_ACCESS_KEY_ID");
	expect(NULL, "the environment has no AWS access key id");
	(void)unsetenv("AWS_SECRET_ACCESS_KEY");
	expect(NULL, "there is no AWS profile «none»");
}

static void
profiles_are_found(void **state)
{
	(void)state;
	file(".aws/config", "[default]\naws_access_key_id = CONFIG\naws_secret_access_key = s\n[profile \"b c\"]\n"
			    "aws_access_key_id = BC\naws_secret_access_key = s\n[plain]\naws_access_key_id = PLAIN\n"
			    "aws_secret_access_key = s\n");
	expect("CONFIG", CONFIG);
	file(".aws/credentials",
	     "[default]\naws_access_key_id = SHARED\naws_secret_access_key = s\n"
	     "[a]\naws_access_key_id = A\naws_secret_access_key = s\n[half]\naws_access_key_id = H\n");
	expect("SHARED", SHARED);
	(void)setenv("AWS_DEFAULT_PROFILE", "a", 1);
	expect("A", SHARED);
	(void)setenv("AWS_PROFILE", "b c", 1);
	expect("BC", CONFIG);
	(void)setenv("AWS_PROFILE", "plain", 1);
	expect(NULL, "there is no AWS profile «plain»");
	(void)setenv("AWS_PROFILE", "half", 1);
	expect(NULL, "/.aws/credentials has no AWS secret access key");
	(void)unsetenv("AWS_PROFILE");
	file("other", "[a]\naws_access_key_id = OTHER\naws_secret_access_key = s\n");
	(void)setenv("AWS_SHARED_CREDENTIALS_FILE", "~/other", 1);
	expect("OTHER", SHARED);
	(void)setenv("AWS_SHARED_CREDENTIALS_FILE", "other", 1);
	expect("OTHER", SHARED);
	file("other", "[a]\nnothing\n");
	aws_cred_forget();
	assert_int_equal(aws_cred_get(NULL, 0, 0, &(struct aws_cred)AWS_CRED_INIT), COFFER_E_FORMAT);
}

static void
processes_are_run(void **state)
{
	(void)state;
	file(".aws/config", "[default]\ncredential_process = cat \"process one\"\n");
	file("process one", "{\"Version\":1,\"AccessKeyId\":\"PROCESS\",\"SecretAccessKey\":\"s\"}");
	expect("PROCESS", "credential_process");
	file("process one", "no");
	expect(NULL, "credential_process gave something that is no JSON");
	file(".aws/config", "[default]\ncredential_process = false\n");
	expect(NULL, "credential_process false failed (exit code 1)");
}

static void
what_cannot_be_is_said(void **state)
{
	static const struct {
		const char *config, *why;
	} cases[] = {
		{"[default]\nsso_session = x\n", "«default» logs in with a browser (sso_session)"},
		{"[default]\nsso_start_url = x\n", "«default» logs in with a browser (sso_start_url)"},
		{"[default]\nlogin_session = x\n", "«default» logs in with a browser (login_session)"},
		{"[default]\nrole_arn = r\n", "neither source_profile and credential_source"},
		{"[default]\nrole_arn = r\nsource_profile = a\ncredential_source = Environment\n",
		 "both source_profile and credential_source"},
		{"[default]\nrole_arn = r\nsource_profile = a\n", "source_profile = a, and there is no such profile"},
		{"[default]\nrole_arn = r\nsource_profile = a\nmfa_serial = m\n", "wants a code of an MFA device"},
		{"[default]\nrole_arn = r\nsource_profile = a\n[profile a]\nregion = x\n",
		 "«a», source_profile of «default», has no credentials"},
		{"[default]\nrole_arn = r\ncredential_source = Moon\n", "credential_source = Moon; there are"},
		{"[default]\nrole_arn = r\ncredential_source = Environment\n", "from Environment, and there are none"},
		{"[default]\nrole_arn = r\ncredential_source = EcsContainer\n",
		 "from EcsContainer, and there are none"},
		{"[default]\nrole_arn = r\nsource_profile = default\n", "or source_profile leads in a circle"},
		{"[default]\nrole_arn = r\nsource_profile = a\n[profile a]\nrole_arn = r\nsource_profile = default\n",
		 "or source_profile leads in a circle"},
		{"[default]\nweb_identity_token_file = t\n", "has web_identity_token_file and no role_arn"},
		{"[default]\nrole_arn = r\nweb_identity_token_file = /nonexistent/t\n",
		 "the web identity token is needed for AWS credentials: cannot open /nonexistent/t"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		file(".aws/config", cases[i].config);
		expect(NULL, cases[i].why);
	}
	file(".aws/config", "");
	(void)setenv("AWS_WEB_IDENTITY_TOKEN_FILE", "/nonexistent/t", 1);
	expect(NULL, "AWS_WEB_IDENTITY_TOKEN_FILE is set, and AWS_ROLE_ARN is not");
}

/* ---- those that end ---- */

/* what the container's service does, shared with the child that is it */
static struct {
	int status;
	int64_t lives_s;
	unsigned int asked;
} * service;

static void
answer(int fd, const char *request, size_t len)
{
	char body[256], head[160], time_text[UTC_LEN + 1];

	(void)len;
	assert_non_null(strstr(request, "\r\nAuthorization: token-1\r\n"));
	service->asked++;
	(void)snprintf(body, sizeof(body),
		       "{\"AccessKeyId\":\"C%u\",\"SecretAccessKey\":\"s\",\"Token\":\"t\",\"Expiration\":\"%s\"}",
		       service->asked, utc_text((int64_t)time(NULL) + service->lives_s, time_text));
	(void)snprintf(head, sizeof(head), "HTTP/1.1 %d x\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n",
		       service->status, strlen(body));
	http_server_say(fd, head);
	http_server_say(fd, body);
}

static void
start_container(struct http_server *s, int64_t lives_s)
{
	char url[64];

	service = mmap(NULL, sizeof(*service), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(service, MAP_FAILED);
	service->status = 200;
	service->lives_s = lives_s;
	http_server_start(s, answer);
	(void)snprintf(url, sizeof(url), "http://127.0.0.1:%u/x", s->port);
	(void)setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", url, 1);
	(void)setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", "token-0", 1);
	file("token", "token-1\n");
	(void)setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "token", 1);
}

static void
stop_container(struct http_server *s)
{
	http_server_stop(s);
	(void)munmap(service, sizeof(*service));
}

static uint64_t
get(uint64_t rejected, const char *id)
{
	struct aws_cred cred;
	struct fault f = {0};
	uint64_t serial;

	if (aws_cred_get(&f, rejected, 0, &cred) != COFFER_OK)
		fail_msg("%s", f.text);
	assert_string_equal(cred.id, id);
	assert_int_equal(cred.token.len, 1);
	serial = cred.serial;
	aws_cred_free(&cred);
	return serial;
}

static void
they_are_asked_for_once(void **state)
{
	struct http_server s;
	uint64_t first;

	(void)state;
	start_container(&s, 3600);
	first = get(0, "C1");
	assert_int_not_equal(first, 0);
	assert_int_equal(get(0, "C1"), first);
	assert_int_equal(service->asked, 1);
	stop_container(&s);
}

/* two that were turned away with the same set ask for one new one */
static void
rejected_ones_are_renewed_once(void **state)
{
	struct http_server s;
	uint64_t first, second;

	(void)state;
	start_container(&s, 3600);
	first = get(0, "C1");
	second = get(first, "C2");
	assert_int_not_equal(second, first);
	assert_int_equal(get(first, "C2"), second);
	assert_int_equal(service->asked, 2);
	stop_container(&s);
}

static void
they_are_renewed_before_they_end(void **state)
{
	struct http_server s;

	(void)state;
	start_container(&s, 299);
	(void)get(0, "C1");
	(void)get(0, "C1"); /* a minute has not passed, and they are good */
	aws_cred_forget();
	service->lives_s = 301;
	(void)get(0, "C2");
	(void)get(0, "C2");
	assert_int_equal(service->asked, 2);
	stop_container(&s);
}

static void
ended_ones_are_never_used(void **state)
{
	struct aws_cred cred;
	struct http_server s;
	struct fault f = {0};

	(void)state;
	start_container(&s, 0);
	(void)get(0, "C1");
	(void)get(0, "C2");
	service->status = 400;
	assert_int_equal(aws_cred_get(&f, 0, 0, &cred), COFFER_E_REFUSED);
	assert_non_null(strstr(f.text, "127.0.0.1 answered 400; does the task or pod have a role?"));
	assert_string_equal(cred.id, "");
	service->status = 503;
	assert_int_equal(aws_cred_get(&f, 0, 0, &cred), COFFER_E_UNAVAILABLE);
	assert_int_equal(service->asked, 2 + 1 + 3);
	stop_container(&s);
}

static void *
get_in_thread(void *serial)
{
	struct aws_cred cred;

	if (aws_cred_get(NULL, 0, 0, &cred) == COFFER_OK)
		*(uint64_t *)serial = cred.serial;
	aws_cred_free(&cred);
	return NULL;
}

static void
threads_share_them(void **state)
{
	pthread_t threads[8];
	uint64_t serials[8] = {0};
	struct http_server s;

	(void)state;
	start_container(&s, 3600);
	for (size_t i = 0; i < 8; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, get_in_thread, &serials[i]), 0);
	for (size_t i = 0; i < 8; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	for (size_t i = 0; i < 8; i++)
		assert_int_equal(serials[i], get(0, "C1"));
	assert_int_equal(service->asked, 1);
	stop_container(&s);
}

/* ---- the region ---- */

static void
regions_are_found(void **state)
{
	char region[AWS_REGION_MAX + 1];
	struct fault f = {0};

	(void)state;
	assert_int_equal(aws_region(&f, AWS_REGION_INSTANCE, region), COFFER_E_USAGE);
	assert_non_null(strstr(f.text, "there is no AWS region"));
	file(".aws/config", "[default]\nregion = eu-south-1\n[profile p]\nregion = eu-south-2\n");
	assert_int_equal(aws_region(&f, AWS_REGION_SET, region), COFFER_OK);
	assert_string_equal(region, "eu-south-1");
	(void)setenv("AWS_PROFILE", "p", 1);
	assert_int_equal(aws_region(&f, AWS_REGION_SET, region), COFFER_OK);
	assert_string_equal(region, "eu-south-2");
	(void)setenv("AWS_DEFAULT_REGION", "eu-north-1", 1);
	assert_int_equal(aws_region(&f, AWS_REGION_SET, region), COFFER_OK);
	assert_string_equal(region, "eu-north-1");
	(void)setenv("AWS_REGION", "eu-west-3", 1);
	assert_int_equal(aws_region(&f, AWS_REGION_SET, region), COFFER_OK);
	assert_string_equal(region, "eu-west-3");
	(void)setenv("AWS_REGION", "eu.evil.example/", 1);
	assert_int_equal(aws_region(&f, AWS_REGION_SET, region), COFFER_E_USAGE);
	assert_non_null(strstr(f.text, "«eu.evil.example/» is no AWS region"));
	assert_string_equal(region, "");
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, begin, end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(there_may_be_none),
		CASE(the_environment_comes_first),
		CASE(profiles_are_found),
		CASE(processes_are_run),
		CASE(what_cannot_be_is_said),
		CASE(they_are_asked_for_once),
		CASE(rejected_ones_are_renewed_once),
		CASE(they_are_renewed_before_they_end),
		CASE(ended_ones_are_never_used),
		CASE(threads_share_them),
		CASE(regions_are_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
