/* SPDX-License-Identifier: Apache-2.0 */
/* The client, against a server of scripted answers, with a clock that a test moves. */
#include "key/vault.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "support/emulator.h"
#include "support/script.h"
#include "support/tmpdir.h"

#define LOGIN(lease, renewable)                                                                                        \
	"{\"auth\":{\"client_token\":\"hvs.first\",\"lease_duration\":" lease ",\"renewable\":" renewable "}}"
#define SECOND_LOGIN "{\"auth\":{\"client_token\":\"hvs.second\",\"lease_duration\":90,\"renewable\":true}}"
#define OK "{\"data\":{}}"
#define DENIED "{\"errors\":[\"1 error occurred:\\n\\t* permission denied\\n\\n\"]}"

/* ---- the clock of leases alone ---- */

static time_t ahead;

int clock_gettime(clockid_t clock, struct timespec *out); /* in place of the C library's */

int
clock_gettime(clockid_t clock, struct timespec *out)
{
	int rc = (int)syscall(SYS_clock_gettime, clock, out);

	if (rc == 0 && clock == CLOCK_BOOTTIME)
		out->tv_sec += ahead;
	return rc;
}

/* ---- what is set ---- */

static const char *const variables[] = {
	"BAO_ADDR",
	"BAO_TOKEN",
	"VAULT_TOKEN",
	"VAULT_NAMESPACE",
	"COFFER_VAULT_ROLE_ID",
	"COFFER_VAULT_SECRET_ID_FILE",
	"COFFER_VAULT_ROLE",
	"COFFER_VAULT_JWT_FILE",
	"COFFER_VAULT_AUTH",
	"COFFER_VAULT_AUTH_MOUNT",
	"COFFER_VAULT_TOKEN_FILE",
	"COFFER_VAULT_ENDPOINT",
};

static int
setup(void **state)
{
	if (tmpdir_setup(state) != 0)
		return -1;
	script_start("VAULT_ADDR");
	return setenv("COFFER_KEY_RETRIES", "0", 1);
}

static int
teardown(void **state)
{
	http_server_stop(&script_server);
	return tmpdir_teardown(state);
}

static int
fresh(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++)
		(void)unsetenv(variables[i]);
	(void)setenv("HOME", ".", 1);
	(void)unlink(".vault-token");
	script_clear();
	ahead = 0;
	return 0;
}

static void
use_approle(void)
{
	tmpdir_file("secret-id", "s3cr\"t\n", 7, 0600);
	(void)setenv("COFFER_VAULT_ROLE_ID", "role-1", 1);
	(void)setenv("COFFER_VAULT_SECRET_ID_FILE", "secret-id", 1);
}

static struct vault *
client(void)
{
	struct fault f = {.text = ""};
	struct vault *v;

	if (vault_open(&f, &v) != COFFER_OK)
		fail_msg("%s", f.text);
	return v;
}

static const struct vault_request decrypt = {
	.method = "POST", .path = "transit/decrypt/llama", .body = {.p = (const uint8_t *)"{}", .len = 2}};

static coffer_err
call(struct fault *f, struct vault *v)
{
	struct doc *answer = NULL;
	coffer_err err = vault_call(f, v, &decrypt, &answer);

	doc_free(&answer);
	return err;
}

static void
assert_call(struct vault *v)
{
	struct fault f = {.text = ""};

	if (call(&f, v) != COFFER_OK)
		fail_msg("%s", f.text);
}

static void
assert_refused(struct vault *v, coffer_err err, const char *words)
{
	struct fault f = {.text = ""};
	coffer_err got = call(&f, v);

	if (got != err || !strstr(f.text, words))
		fail_msg("%s, and not %s with «%s»: %s", coffer_err_name(got), coffer_err_name(err), words, f.text);
}

/* ---- who asks ---- */

static void
a_token_of_the_environment(void **state)
{
	struct vault *v;

	(void)state;
	(void)setenv("VAULT_TOKEN", "hvs.mine", 1);
	v = client();
	script_add(200, OK);
	assert_call(v);
	assert_asked(0, "POST /v1/transit/decrypt/llama", "Authorization: Bearer hvs.mine\r\n");
	assert_asked(0, "POST /v1/transit/decrypt/llama", "X-Vault-Request: true\r\n");
	assert_null(strstr(script->asked[0], "X-Vault-Namespace"));
	assert_int_equal(script->n_asked, 1);
	vault_close(&v);
}

static void
bao_goes_before_vault(void **state)
{
	struct vault *v;

	(void)state;
	(void)setenv("VAULT_TOKEN", "hvs.mine", 1);
	(void)setenv("BAO_TOKEN", "s.other", 1);
	v = client();
	script_add(200, OK);
	assert_call(v);
	assert_asked(0, "POST /v1/transit/decrypt/llama", "Authorization: Bearer s.other\r\n");
	vault_close(&v);
}

static void
a_token_of_vault_login(void **state)
{
	struct vault *v;

	(void)state;
	tmpdir_file(".vault-token", "hvs.file\n", 9, 0600);
	v = client();
	script_add(200, OK);
	assert_call(v);
	assert_asked(0, "POST /v1/transit/decrypt/llama", "Authorization: Bearer hvs.file\r\n");
	vault_close(&v);
}

static void
nobody(void **state)
{
	struct vault *v;

	(void)state;
	v = client();
	assert_refused(v, COFFER_E_REFUSED, "VAULT_TOKEN");
	assert_int_equal(script->n_asked, 0);
	vault_close(&v);
}

static const struct {
	const char *name;
	const char *set[8]; /* variable, value */
	const char *path, *body;
} logins[] = {
	{"approle",
	 {"COFFER_VAULT_ROLE_ID", "role-1", "COFFER_VAULT_SECRET_ID_FILE", "secret-id"},
	 "POST /v1/auth/approle/login",
	 "{\"role_id\":\"role-1\",\"secret_id\":\"s3cr\\\"t\"}"},
	{"approle without a secret id",
	 {"COFFER_VAULT_ROLE_ID", "role-1"},
	 "POST /v1/auth/approle/login",
	 "{\"role_id\":\"role-1\"}"},
	{"jwt",
	 {"COFFER_VAULT_ROLE", "build", "COFFER_VAULT_JWT_FILE", "jwt", "COFFER_VAULT_AUTH_MOUNT", "/ci/gitlab/"},
	 "POST /v1/auth/ci/gitlab/login",
	 "{\"role\":\"build\",\"jwt\":\"e30.e30.c2ln\"}"},
	{"kubernetes",
	 {"COFFER_VAULT_AUTH", "kubernetes", "COFFER_VAULT_ROLE", "serve", "COFFER_VAULT_JWT_FILE", "jwt"},
	 "POST /v1/auth/kubernetes/login",
	 "{\"role\":\"serve\",\"jwt\":\"e30.e30.c2ln\"}"},
};

static void
each_way_to_log_in(void **state)
{
	(void)state;
	tmpdir_file("secret-id", "s3cr\"t\n", 7, 0600);
	tmpdir_file("jwt", "e30.e30.c2ln\n", 13, 0600);
	for (size_t i = 0; i < sizeof(logins) / sizeof(logins[0]); i++) {
		struct vault *v;

		(void)fresh(state);
		for (size_t s = 0; logins[i].set[s]; s += 2)
			(void)setenv(logins[i].set[s], logins[i].set[s + 1], 1);
		v = client();
		script_add(200, LOGIN("90", "true"));
		script_add(200, OK);
		assert_call(v);
		assert_asked(0, logins[i].path, logins[i].body);
		assert_null(strstr(script->asked[0], "Authorization"));
		assert_asked(1, "POST /v1/transit/decrypt/llama", "Bearer hvs.first\r\n");
		vault_close(&v);
	}
}

static void
a_login_that_is_refused(void **state)
{
	struct vault *v;

	(void)state;
	use_approle();
	v = client();
	script_add(400, "{\"errors\":[\"invalid role or secret ID\"]}");
	assert_refused(v, COFFER_E_REFUSED, "logging in at auth/approle/login: ");
	assert_refused(v, COFFER_E_REFUSED, "invalid role or secret ID");
	vault_close(&v);
}

static void
the_namespace_of_the_environment_is_where_one_logs_in(void **state)
{
	struct vault_request request = decrypt;
	struct doc *answer = NULL;
	struct vault *v;

	(void)state;
	use_approle();
	(void)setenv("VAULT_NAMESPACE", "team-a/", 1);
	v = client();
	assert_string_equal(vault_namespace(v), "team-a");
	script_add(200, LOGIN("90", "true"));
	script_add(200, OK);
	request.namespace = "team-a/child";
	assert_int_equal(vault_call(NULL, v, &request, &answer), COFFER_OK);
	assert_asked(0, "POST /v1/auth/approle/login", "X-Vault-Namespace: team-a\r\n");
	assert_asked(1, "POST /v1/transit/decrypt/llama", "X-Vault-Namespace: team-a/child\r\n");
	doc_free(&answer);
	vault_close(&v);
}

/* ---- for how long ---- */

static void *
call_in_thread(void *v)
{
	assert_call(v);
	return NULL;
}

static void
one_login_for_all_threads(void **state)
{
	enum { N = 8 };
	pthread_t threads[N];
	struct vault *v;

	(void)state;
	use_approle();
	v = client();
	script_add(200, LOGIN("90", "true"));
	script_add(200, OK);
	for (size_t i = 0; i < N; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, call_in_thread, v), 0);
	for (size_t i = 0; i < N; i++)
		(void)pthread_join(threads[i], NULL);
	assert_int_equal(script->n_asked, N + 1);
	assert_asked(0, "POST /v1/auth/approle/login", NULL);
	for (unsigned int i = 1; i <= N; i++)
		assert_asked(i, "POST /v1/transit/decrypt/llama", "Bearer hvs.first");
	vault_close(&v);
}

static void
it_is_renewed_at_two_thirds(void **state)
{
	struct vault *v;

	(void)state;
	use_approle();
	v = client();
	script_add(200, LOGIN("90", "true"));
	script_add(200, OK);
	script_add(200, OK);
	script_add(200, LOGIN("90", "true"));
	script_add(200, OK);
	assert_call(v);
	ahead = 58;
	assert_call(v);
	ahead = 61;
	assert_call(v);
	assert_asked(2, "POST /v1/transit/decrypt/llama", NULL);
	assert_asked(3, "POST /v1/auth/token/renew-self", "Bearer hvs.first");
	assert_asked(4, "POST /v1/transit/decrypt/llama", "Bearer hvs.first");
	ahead = 110; /* past the end of the first lease */
	assert_call(v);
	assert_asked(5, "POST /v1/transit/decrypt/llama", NULL);
	vault_close(&v);
}

static void
a_renewal_that_fails_is_no_fault_yet(void **state)
{
	struct vault *v;

	(void)state;
	use_approle();
	v = client();
	script_add(200, LOGIN("90", "true"));
	script_add(200, OK);
	script_add(500, "{\"errors\":[\"internal error\"]}");
	script_add(200, OK);
	script_add(200, OK);
	script_add(200, LOGIN("90", "true"));
	script_add(200, OK);
	assert_call(v);
	ahead = 61;
	assert_call(v);
	ahead = 62; /* not at once again */
	assert_call(v);
	ahead = 80;
	assert_call(v);
	assert_asked(2, "POST /v1/auth/token/renew-self", NULL);
	assert_asked(3, "POST /v1/transit/decrypt/llama", NULL);
	assert_asked(4, "POST /v1/transit/decrypt/llama", NULL);
	assert_asked(5, "POST /v1/auth/token/renew-self", NULL);
	vault_close(&v);
}

static void
when_it_ended_one_logs_in_anew(void **state)
{
	struct vault *v;

	(void)state;
	use_approle();
	v = client();
	script_add(200, LOGIN("90", "false"));
	script_add(200, OK);
	script_add(200, SECOND_LOGIN);
	script_add(200, OK);
	assert_call(v);
	ahead = 91;
	assert_call(v);
	assert_asked(2, "POST /v1/auth/approle/login", NULL);
	assert_asked(3, "POST /v1/transit/decrypt/llama", "Bearer hvs.second");
	vault_close(&v);
}

/* What is secret does not reach a child (mem/secret.h), so it logs in by itself. */
static void
a_child_logs_in_by_itself(void **state)
{
	struct vault *v;
	int status;
	pid_t child;

	(void)state;
	skip_under_emulator("MADV_WIPEONFORK");
	use_approle();
	v = client();
	script_add(200, LOGIN("90", "true"));
	script_add(200, OK);
	script_add(200, SECOND_LOGIN);
	script_add(200, OK);
	assert_call(v);
	child = fork();
	assert_true(child >= 0);
	if (child == 0)
		_exit(call(NULL, v) == COFFER_OK ? 0 : 1);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_asked(2, "POST /v1/auth/approle/login", NULL);
	assert_asked(3, "POST /v1/transit/decrypt/llama", "Bearer hvs.second");
	vault_close(&v);
}

static void
a_given_token_is_looked_up_by_who_uses_it_for_long(void **state)
{
	struct vault *v;

	(void)state;
	(void)setenv("VAULT_TOKEN", "hvs.mine", 1);
	v = client();
	script_add(200, OK);
	script_add(200, "{\"data\":{\"ttl\":30,\"renewable\":true}}");
	script_add(200, OK);
	script_add(200, LOGIN("90", "true"));
	script_add(200, OK);
	assert_call(v);
	ahead = 61;
	assert_call(v);
	ahead = 82;
	assert_call(v);
	assert_asked(1, "GET /v1/auth/token/lookup-self", NULL);
	assert_asked(3, "POST /v1/auth/token/renew-self", "Bearer hvs.mine");
	vault_close(&v);
}

/* ---- no ---- */

static void
a_right_is_lacking(void **state)
{
	struct vault *v;

	(void)state;
	use_approle();
	v = client();
	script_add(200, LOGIN("90", "true"));
	script_add(403, DENIED);
	script_add(200, "{\"data\":{\"ttl\":80,\"renewable\":true}}");
	assert_refused(v, COFFER_E_REFUSED, "none of its policies has «update» on transit/decrypt/llama");
	assert_asked(2, "GET /v1/auth/token/lookup-self", NULL);
	assert_int_equal(script->n_asked, 3);
	vault_close(&v);
}

static void
the_token_is_gone(void **state)
{
	struct vault *v;

	(void)state;
	use_approle();
	v = client();
	script_add(200, LOGIN("90", "true"));
	script_add(403, DENIED);
	script_add(403, "{\"errors\":[\"permission denied\"]}");
	script_add(200, SECOND_LOGIN);
	script_add(200, OK);
	assert_call(v);
	assert_asked(3, "POST /v1/auth/approle/login", NULL);
	assert_asked(4, "POST /v1/transit/decrypt/llama", "Bearer hvs.second");
	assert_int_equal(script->n_asked, 5);
	vault_close(&v);
}

static void
a_given_token_is_gone(void **state)
{
	struct vault *v;

	(void)state;
	(void)setenv("VAULT_TOKEN", "hvs.mine", 1);
	v = client();
	script_add(403, "{\"errors\":[\"permission denied\"]}");
	assert_refused(v, COFFER_E_REFUSED, "takes the token in VAULT_TOKEN no more");
	assert_int_equal(script->n_asked, 2);
	vault_close(&v);
}

/* An agent may have put another one there in the meantime. */
static void
a_file_has_another_token(void **state)
{
	struct vault *v;

	(void)state;
	tmpdir_file("sink", "hvs.old", 7, 0600);
	(void)setenv("COFFER_VAULT_TOKEN_FILE", "sink", 1);
	v = client();
	script_add(200, OK);
	script_add(403, DENIED);
	script_add(403, DENIED);
	script_add(200, OK);
	assert_call(v);
	tmpdir_file("sink", "hvs.new", 7, 0600);
	assert_call(v);
	assert_asked(3, "POST /v1/transit/decrypt/llama", "Bearer hvs.new");
	vault_close(&v);
}

static const struct {
	unsigned int status;
	const char *body;
	coffer_err err;
	const char *words;
} answers[] = {
	{400, "{\"errors\":[\"cipher: message authentication failed\"]}", COFFER_E_AUTH,
	 "message authentication failed"},
	{400, "{\"errors\":[\"invalid ciphertext: version is too new\"]}", COFFER_E_AUTH, "version is too new"},
	{400, "{\"errors\":[\"encryption key not found\"]}", COFFER_E_REFUSED, "encryption key not found"},
	{400, "{\"errors\":[\"ciphertext or signature version is disallowed by policy (too old)\"]}", COFFER_E_REFUSED,
	 "disallowed by policy"},
	{400, "{\"errors\":[\"missing 'context' for key derivation\"]}", COFFER_E_REFUSED, "missing 'context'"},
	{404, "{\"errors\":[\"no handler for route \\\"x/\\\". route entry not found.\"]}", COFFER_E_REFUSED,
	 "no handler"},
	{429, "{\"errors\":[\"request path \\\"x\\\": rate limit quota exceeded\"]}", COFFER_E_RATE, "quota exceeded"},
	{412, "{\"errors\":[\"required index state not present\"]}", COFFER_E_UNAVAILABLE, "index state"},
	{472, "", COFFER_E_UNAVAILABLE, "cannot serve now"},
	{473, "", COFFER_E_UNAVAILABLE, "cannot serve now"},
	{503, "{\"errors\":[\"Vault is sealed\"]}", COFFER_E_UNAVAILABLE, "Vault is sealed"},
	{500, "{\"errors\":[\"1 error occurred:\\n\\t* could not load backend configuration\\n\\n\"]}",
	 COFFER_E_UNAVAILABLE, "could not load"},
	{307, "", COFFER_E_UNAVAILABLE, "307"},
	{200, "<html>", COFFER_E_UNAVAILABLE, "no JSON"},
};

static void
what_answers_mean(void **state)
{
	struct vault *v;

	(void)state;
	(void)setenv("VAULT_TOKEN", "hvs.mine", 1);
	v = client();
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		script_clear();
		script_add(answers[i].status, answers[i].body);
		assert_refused(v, answers[i].err, answers[i].words);
		assert_int_equal(script->n_asked, 1);
	}
	vault_close(&v);
}

static void
what_is_missing_can_be_an_answer(void **state)
{
	struct vault_request request = {.method = "GET", .path = "secret/data/x", .accept = VAULT_OR_MISSING};
	struct doc *answer = NULL;
	struct vault *v;

	(void)state;
	(void)setenv("VAULT_TOKEN", "hvs.mine", 1);
	v = client();
	script_add(404, "{\"errors\":[]}");
	script_add(404, "{\"errors\":[\"no handler for route \\\"x/\\\". route entry not found.\"]}");
	assert_int_equal(vault_call(NULL, v, &request, &answer), COFFER_OK);
	assert_true(doc_is_object(answer));
	doc_free(&answer);
	assert_int_equal(vault_call(NULL, v, &request, &answer), COFFER_E_REFUSED);
	assert_null(answer);
	vault_close(&v);
}

/* ---- where it is ---- */

static void
no_address(void **state)
{
	const char *address = strdup(getenv("VAULT_ADDR"));
	struct vault *v;

	(void)state;
	(void)setenv("VAULT_TOKEN", "hvs.mine", 1);
	(void)unsetenv("VAULT_ADDR");
	v = client();
	assert_refused(v, COFFER_E_UNAVAILABLE, "set VAULT_ADDR");
	vault_close(&v);
	(void)setenv("VAULT_ADDR", "http://vault.example:8200", 1);
	v = client();
	assert_refused(v, COFFER_E_USAGE, "TLS");
	vault_close(&v);
	(void)setenv("VAULT_ADDR", "https://root:hunter2@vault.example", 1);
	v = client();
	assert_string_equal(vault_host(v), "vault.example");
	assert_refused(v, COFFER_E_USAGE, "password");
	vault_close(&v);
	(void)setenv("VAULT_ADDR", address, 1);
	free((void *)(uintptr_t)address);
}

static void
one_client_for_all(void **state)
{
	struct vault *a, *b, *c;

	(void)state;
	(void)setenv("VAULT_TOKEN", "hvs.mine", 1);
	a = client();
	b = client();
	assert_ptr_equal(a, b);
	(void)setenv("VAULT_NAMESPACE", "other", 1);
	c = client();
	assert_ptr_not_equal(a, c);
	vault_close(&a);
	script_add(200, OK);
	assert_call(b);
	vault_close(&b);
	vault_close(&c);
	vault_close(&c);
}

static const struct {
	const char *set[4];
	const char *words;
} bad_settings[] = {
	{{"COFFER_VAULT_AUTH", "ldap"}, "none of token, approle"},
	{{"COFFER_VAULT_AUTH", "approle"}, "needs COFFER_VAULT_ROLE_ID"},
	{{"COFFER_VAULT_AUTH", "jwt", "COFFER_VAULT_ROLE", "r"}, "needs COFFER_VAULT_JWT_FILE"},
	{{"COFFER_VAULT_ROLE_ID", "r", "COFFER_VAULT_AUTH_MOUNT", "a/../sys"}, "COFFER_VAULT_AUTH_MOUNT"},
	{{"VAULT_NAMESPACE", "a\r\nX-Evil: 1"}, "namespace"},
};

static void
settings_that_cannot_be(void **state)
{
	for (size_t i = 0; i < sizeof(bad_settings) / sizeof(bad_settings[0]); i++) {
		struct fault f = {.text = ""};
		struct vault *v;

		(void)fresh(state);
		for (size_t s = 0; s < 4 && bad_settings[i].set[s]; s += 2)
			(void)setenv(bad_settings[i].set[s], bad_settings[i].set[s + 1], 1);
		assert_int_equal(vault_open(&f, &v), COFFER_E_USAGE);
		assert_null(v);
		if (!strstr(f.text, bad_settings[i].words))
			fail_msg("%s", f.text);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_token_of_the_environment, fresh),
		cmocka_unit_test_setup(bao_goes_before_vault, fresh),
		cmocka_unit_test_setup(a_token_of_vault_login, fresh),
		cmocka_unit_test_setup(nobody, fresh),
		cmocka_unit_test_setup(each_way_to_log_in, fresh),
		cmocka_unit_test_setup(a_login_that_is_refused, fresh),
		cmocka_unit_test_setup(the_namespace_of_the_environment_is_where_one_logs_in, fresh),
		cmocka_unit_test_setup(one_login_for_all_threads, fresh),
		cmocka_unit_test_setup(it_is_renewed_at_two_thirds, fresh),
		cmocka_unit_test_setup(a_renewal_that_fails_is_no_fault_yet, fresh),
		cmocka_unit_test_setup(when_it_ended_one_logs_in_anew, fresh),
		cmocka_unit_test_setup(a_child_logs_in_by_itself, fresh),
		cmocka_unit_test_setup(a_given_token_is_looked_up_by_who_uses_it_for_long, fresh),
		cmocka_unit_test_setup(a_right_is_lacking, fresh),
		cmocka_unit_test_setup(the_token_is_gone, fresh),
		cmocka_unit_test_setup(a_given_token_is_gone, fresh),
		cmocka_unit_test_setup(a_file_has_another_token, fresh),
		cmocka_unit_test_setup(what_answers_mean, fresh),
		cmocka_unit_test_setup(what_is_missing_can_be_an_answer, fresh),
		cmocka_unit_test_setup(no_address, fresh),
		cmocka_unit_test_setup(one_client_for_all, fresh),
		cmocka_unit_test_setup(settings_that_cannot_be, fresh),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
