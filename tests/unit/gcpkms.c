/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names, and what is told of versions, against a server in a child.  How it wraps and unwraps is in tests/services/test_gcpkms.py.
 */
#include "key/gcpkms.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "key/keyring.h"
#include "support/http_server.h"

#define KEY "projects/p/locations/europe-west1/keyRings/r/cryptoKeys/k"

static const struct key_env env;

static void *
new_key(const char *rest)
{
	void *self;

	assert_int_equal(gcpkms_new(NULL, &env, rest, &self), COFFER_OK);
	return self;
}

/* ---- names ---- */

static const char *const good[] = {
	KEY,
	KEY "/cryptoKeyVersions/1",
	KEY "/cryptoKeyVersions/12345678901234567890",
	KEY "/versions/7",
	"projects/example.com:p/locations/global/keyRings/R_1-x/cryptoKeys/K",
};

static const char *const bad[] = {
	"",
	"/",
	"projects",
	"projects/p",
	"projects/p/locations/l/keyRings/r",
	"projects/p/locations/l/keyRings/r/cryptoKeys",
	"projects/p/locations/l/keyRings/r/cryptoKeys/",
	"/" KEY,
	KEY "/",
	KEY "/cryptoKeyVersions",
	KEY "/cryptoKeyVersions/",
	KEY "/cryptoKeyVersions/x",
	KEY "/cryptoKeyVersions/-1",
	KEY "/cryptoKeyVersions/123456789012345678901",
	KEY "/cryptoKeyVersions/1/x",
	KEY "/aliases/1",
	KEY "?a=b",
	KEY ":decrypt#",
	KEY " ",
	"projects/../locations/l/keyRings/r/cryptoKeys/k",
	"projects/p/locations/l/keyRings/./cryptoKeys/k",
	"projects//locations/l/keyRings/r/cryptoKeys/k",
	"projects/p/locations/l/keyrings/r/cryptoKeys/k",
	"projects/p/locations/l/keyRings/r%2f/cryptoKeys/k",
	"projects/p/locations/l/keyRings/r/cryptoKeys/k.1",
	"projects/p/locations/l/keyRings/r/cryptoKeys/k:1",
	"projects/p/locations/l/keyRings/r.1/cryptoKeys/k",
	"projects/p/locations/l_1/keyRings/r/cryptoKeys/k",
};

static void
test_names(void **state)
{
	void *self;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		gcpkms_provider.free(new_key(good[i]));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(gcpkms_new(NULL, &env, bad[i], &self), COFFER_E_USAGE);
		assert_null(self);
	}
}

/* names that are as long as may be, and one character longer */
static void
test_long_names(void **state)
{
	static const struct {
		int project, ring, key;
		coffer_err err;
	} cases[] = {
		{128, 63, 63, COFFER_OK},
		{129, 63, 63, COFFER_E_USAGE},
		{128, 64, 63, COFFER_E_USAGE},
		{128, 63, 64, COFFER_E_USAGE},
	};
	char name[1024];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		void *self;

		(void)snprintf(name, sizeof(name), "projects/%0*d/locations/%0*d/keyRings/%0*d/cryptoKeys/%0*d",
			       cases[i].project, 1, 20, 1, cases[i].ring, 1, cases[i].key, 1);
		assert_int_equal(gcpkms_new(NULL, &env, name, &self), cases[i].err);
		gcpkms_provider.free(self);
	}
}

static const struct {
	const char *uri, *kind, *id;
	bool is;
} matching[] = {
	{KEY, "gcpkms", KEY, true},	 {KEY "/cryptoKeyVersions/3", "gcpkms", KEY, true},
	{KEY, "gcpkms", KEY "x", false}, {KEY, "gcpkms", KEY "/cryptoKeyVersions/1", false},
	{KEY, "awskms", KEY, false},
};

static void
test_matches(void **state)
{
	struct recipient r = {.foreign = NULL};

	(void)state;
	for (size_t i = 0; i < sizeof(matching) / sizeof(matching[0]); i++) {
		void *self = new_key(matching[i].uri);

		(void)snprintf(r.kind, sizeof(r.kind), "%s", matching[i].kind);
		(void)snprintf(r.id, sizeof(r.id), "%s", matching[i].id);
		assert_int_equal(gcpkms_provider.matches(self, &r), matching[i].is);
		gcpkms_provider.free(self);
	}
}

/* ---- versions ---- */

#define VERSION(n, state)                                                                                              \
	"{\"name\":\"" KEY "/cryptoKeyVersions/" n "\",\"state\":\"" state "\",\"algorithm\":"                         \
	"\"GOOGLE_SYMMETRIC_ENCRYPTION\",\"createTime\":\"2026-11-20T13:58:18.123456789Z\"}"

static const struct {
	const char *request, *answer;
} answers[] = {
	{"GET /v1/" KEY " ", "{\"name\":\"" KEY "\",\"primary\":" VERSION("1", "ENABLED") "}"},
	{"GET /v1/" KEY "/cryptoKeyVersions/7 ", VERSION("7", "DISABLED")},
	{"GET /v1/" KEY "-signs ", "{\"name\":\"" KEY "-signs\",\"purpose\":\"ASYMMETRIC_SIGN\"}"},
	{"GET /v1/" KEY "-other ", "{\"primary\":" VERSION("1", "ENABLED") "}"},
	{"POST /v1/" KEY "/cryptoKeyVersions ", VERSION("2", "PENDING_GENERATION")},
	{"GET /v1/" KEY "/cryptoKeyVersions/2 ", VERSION("2", "PENDING_GENERATION")}, /* the first time */
	{"GET /v1/" KEY "/cryptoKeyVersions/2 ", VERSION("2", "ENABLED")},
	{"POST /v1/" KEY ":updatePrimaryVersion ", "{\"primary\":" VERSION("2", "ENABLED") "}"},
};

static void
answer(int fd, const char *request, size_t len)
{
	static unsigned int n_asked[sizeof(answers) / sizeof(answers[0])];
	const char *body = NULL;
	char head[128];

	(void)len;
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		if (strncmp(request, answers[i].request, strlen(answers[i].request)) != 0)
			continue;
		body = answers[i].answer;
		if (i != 5 || n_asked[i]++ == 0)
			break;
	}
	(void)snprintf(head, sizeof(head), "HTTP/1.1 %s\r\nConnection: close\r\n\r\n",
		       body ? "200 OK" : "404 Not Found");
	http_server_say(fd, head);
	http_server_say(fd, body ? body : "{\"error\":{\"status\":\"NOT_FOUND\",\"message\":\"not found\"}}");
}

static struct http_server server;

static int
start(void **state)
{
	char host[64];

	(void)state;
	(void)unsetenv("COFFER_GCPKMS_ENDPOINT");
	http_server_start(&server, answer);
	(void)snprintf(host, sizeof(host), "127.0.0.1:%u", server.port);
	return setenv("KMS_EMULATOR_HOST", host, 1);
}

static int
stop(void **state)
{
	(void)state;
	http_server_stop(&server);
	return 0;
}

static const struct {
	const char *uri;
	bool rotate;
	coffer_err err;
	const char *version;
	bool usable;
} tells[] = {
	{KEY, false, COFFER_OK, "1", true},
	{KEY "/cryptoKeyVersions/7", false, COFFER_OK, "7", false},
	{KEY "-signs", false, COFFER_E_UNAVAILABLE, "", false},
	{KEY "-other", false, COFFER_E_UNAVAILABLE, "", false},
	{KEY "-gone", false, COFFER_E_REFUSED, "", false},
	{KEY, true, COFFER_OK, "2", true},
	{KEY "/cryptoKeyVersions/7", true, COFFER_E_USAGE, "", false},
	{KEY "-gone", true, COFFER_E_REFUSED, "", false},
};

static void
test_versions(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(tells) / sizeof(tells[0]); i++) {
		void *self = new_key(tells[i].uri);
		struct key_state s = {.created = 7, .usable = true};
		struct fault f = {.text = ""};
		coffer_err err = (tells[i].rotate ? gcpkms_provider.rotate : gcpkms_provider.state)(self, &f, &s);

		if (err != tells[i].err)
			fail_msg("%s: %s", tells[i].uri, f.text);
		assert_string_equal(s.version, tells[i].version);
		assert_int_equal(s.usable, tells[i].usable);
		assert_int_equal(s.created, err == COFFER_OK ? 1795183098 : 0);
		assert_string_equal(s.id, err == COFFER_OK ? KEY : "");
		assert_string_equal(s.alg, err == COFFER_OK ? "GOOGLE_SYMMETRIC_ENCRYPTION" : "");
		gcpkms_provider.free(self);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_long_names),
		cmocka_unit_test(test_matches),
		cmocka_unit_test_setup_teardown(test_versions, start, stop),
	};

	return cmocka_run_group_tests_name("gcpkms", tests, NULL, NULL);
}
