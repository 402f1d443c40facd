/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names, and what is told of versions, against a server in a child.  How it wraps and unwraps is in tests/services/test_azurekms.py.
 */
#include "key/azurekms.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "key/keyring.h"
#include "support/http_server.h"

static const struct key_env env;

static void *
new_key(const char *rest)
{
	void *self;

	assert_int_equal(azurekms_new(NULL, &env, rest, &self), COFFER_OK);
	return self;
}

/* ---- names ---- */

static const struct {
	const char *rest, *id;
} good[] = {
	{"models/llama", "https://models.vault.azure.net/keys/llama"},
	{"Models/Llama", "https://models.vault.azure.net/keys/Llama"},
	{"models.vault.azure.net/llama/0123456789abcdef0123456789abcdef", "https://models.vault.azure.net/keys/llama"},
	{"models.managedhsm.azure.net/k-1", "https://models.managedhsm.azure.net/keys/k-1"},
	{"localhost:8443/k", "https://localhost:8443/keys/k"},
};

static const char *const bad[] = {
	"",
	"/",
	"models",
	"models/",
	"/llama",
	"models/llama/",
	"models/llama/v/x",
	"models/llama/../x",
	"models/../llama",
	"models/l_ama",
	"models/llama?x",
	"models/ll%61ma",
	"mo_dels/llama",
	"user@models.vault.azure.net/llama",
	"models.vault.azure.net#/llama",
	"models /llama",
	"models/llama/v-1",
};

static void
test_names(void **state)
{
	struct recipient r = {.kind = "azurekms"};
	void *self;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		self = new_key(good[i].rest);
		(void)snprintf(r.id, sizeof(r.id), "%s", good[i].id);
		assert_true(azurekms_provider.matches(self, &r));
		r.id[strlen(r.id) - 1] ^= 1;
		assert_false(azurekms_provider.matches(self, &r));
		azurekms_provider.free(self);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(azurekms_new(NULL, &env, bad[i], &self), COFFER_E_USAGE);
		assert_null(self);
	}
}

/* names have no case, and versions are no part of them */
static void
test_matches(void **state)
{
	struct recipient r = {.kind = "azurekms", .id = "https://models.vault.azure.net/keys/LLAMA"};
	void *self = new_key("models/llama/00");

	(void)state;
	assert_true(azurekms_provider.matches(self, &r));
	(void)snprintf(r.kind, sizeof(r.kind), "gcpkms");
	assert_false(azurekms_provider.matches(self, &r));
	azurekms_provider.free(self);
}

static void
test_long_names(void **state)
{
	char rest[512];
	void *self;

	(void)state;
	for (int len = 127; len <= 128; len++) {
		(void)snprintf(rest, sizeof(rest), "models/%0*d", len, 7);
		assert_int_equal(azurekms_new(NULL, &env, rest, &self), len == 127 ? COFFER_OK : COFFER_E_USAGE);
		azurekms_provider.free(self);
		(void)snprintf(rest, sizeof(rest), "%0*d/llama", len, 7);
		assert_int_equal(azurekms_new(NULL, &env, rest, &self), len == 127 ? COFFER_OK : COFFER_E_USAGE);
		azurekms_provider.free(self);
	}
	for (int len = 64; len <= 65; len++) {
		(void)snprintf(rest, sizeof(rest), "models/llama/%0*d", len, 7);
		assert_int_equal(azurekms_new(NULL, &env, rest, &self), len == 64 ? COFFER_OK : COFFER_E_USAGE);
		azurekms_provider.free(self);
	}
	for (int len = 255; len <= 256; len++) {
		(void)snprintf(rest, sizeof(rest), "%0*d.net/llama", len - 4, 7);
		assert_int_equal(azurekms_new(NULL, &env, rest, &self), len == 255 ? COFFER_OK : COFFER_E_USAGE);
		azurekms_provider.free(self);
	}
}

/* ---- versions ---- */

#define BUNDLE(name, version, kind, attributes)                                                                        \
	"{\"key\":{\"kid\":\"https://models.vault.azure.net/keys/" name "/" version "\",\"kty\":\"" kind "\"},"        \
	"\"attributes\":{\"created\":1795183098," attributes "}}"
#define API "?api-version=7.4 "

static const struct {
	const char *request, *answer;
} answers[] = {
	{"GET /keys?", NULL}, /* the challenge */
	{"GET /metadata/identity/oauth2/token?", "{\"access_token\":\"t\",\"expires_in\":\"3599\"}"},
	{"GET /keys/llama" API, BUNDLE("llama", "aa", "RSA", "\"enabled\":true")},
	{"GET /keys/llama/bb" API, BUNDLE("llama", "bb", "RSA-HSM", "\"enabled\":false")},
	{"GET /keys/old" API, BUNDLE("old", "aa", "oct-HSM", "\"enabled\":true,\"exp\":1795183099")},
	{"GET /keys/young" API, BUNDLE("young", "aa", "EC", "\"enabled\":true,\"nbf\":9795183099")},
	{"GET /keys/mixed" API, BUNDLE("llama", "aa", "RSA", "\"enabled\":true")},
	{"GET /keys/bare" API, "{\"key\":{}}"},
	{"POST /keys/llama/rotate" API, BUNDLE("llama", "cc", "RSA", "\"enabled\":true")},
};

static void
answer(int fd, const char *request, size_t len)
{
	const char *body = NULL;
	size_t i;

	(void)len;
	for (i = 0; i < sizeof(answers) / sizeof(answers[0]); i++)
		if (strncmp(request, answers[i].request, strlen(answers[i].request)) == 0)
			break;
	body = i < sizeof(answers) / sizeof(answers[0]) ? answers[i].answer : NULL;
	if (i == 0)
		http_server_say(fd,
				"HTTP/1.1 401 No\r\nWWW-Authenticate: Bearer resource=\"https://vault.azure.net\"\r\n");
	else
		http_server_say(fd, body ? "HTTP/1.1 200 OK\r\n" : "HTTP/1.1 404 Not Found\r\n");
	http_server_say(fd, "Connection: close\r\n\r\n");
	http_server_say(fd, body ? body : "{\"error\":{\"code\":\"KeyNotFound\",\"message\":\"not found\"}}");
}

static struct http_server server;

static int
start(void **state)
{
	static const char *const unset[] = {"AZURE_CLIENT_ID",
					    "AZURE_CLIENT_SECRET",
					    "COFFER_AZURE_CLIENT_SECRET_FILE",
					    "AZURE_CLIENT_CERTIFICATE_PATH",
					    "AZURE_FEDERATED_TOKEN_FILE",
					    "IDENTITY_ENDPOINT"};
	char url[64];

	(void)state;
	for (size_t i = 0; i < sizeof(unset) / sizeof(unset[0]); i++)
		(void)unsetenv(unset[i]);
	http_server_start(&server, answer);
	(void)snprintf(url, sizeof(url), "http://127.0.0.1:%u", server.port);
	return setenv("COFFER_AZUREKMS_ENDPOINT", url, 1) | setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", url, 1);
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
	const char *version, *alg;
	bool usable;
} tells[] = {
	{"models/llama", false, COFFER_OK, "aa", "RSA-OAEP-256", true},
	{"models/llama/bb", false, COFFER_OK, "bb", "RSA-OAEP-256", false},
	{"models/old", false, COFFER_OK, "aa", "A256KW", false},
	{"models/young", false, COFFER_OK, "aa", "", false},
	{"models/mixed", false, COFFER_E_UNAVAILABLE, "", "", false},
	{"models/bare", false, COFFER_E_UNAVAILABLE, "", "", false},
	{"models/gone", false, COFFER_E_REFUSED, "", "", false},
	{"models/llama", true, COFFER_OK, "cc", "RSA-OAEP-256", true},
	{"models/llama/bb", true, COFFER_E_USAGE, "", "", false},
	{"models/gone", true, COFFER_E_REFUSED, "", "", false},
};

static void
test_versions(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(tells) / sizeof(tells[0]); i++) {
		void *self = new_key(tells[i].uri);
		struct key_state s = {.created = 7, .usable = true};
		struct fault f = {.text = ""};
		coffer_err err = (tells[i].rotate ? azurekms_provider.rotate : azurekms_provider.state)(self, &f, &s);

		if (err != tells[i].err)
			fail_msg("%s: %s", tells[i].uri, f.text);
		assert_string_equal(s.version, tells[i].version);
		assert_string_equal(s.alg, tells[i].alg);
		assert_int_equal(s.usable, tells[i].usable);
		assert_int_equal(s.created, err == COFFER_OK ? 1795183098 : 0);
		assert_int_equal(strncmp(s.id, "https://models.vault.azure.net/keys/", 36) == 0, err == COFFER_OK);
		azurekms_provider.free(self);
	}
}

/* The header that the identity service wants goes to nobody else: such a one is not even asked. */
static void
test_identity_endpoint(void **state)
{
	static const char *const far[] = {
		"http://169.254.evil.example/token",
		"http://169.254.169.254.evil.example/token",
		"http://169.254.1.1\\@evil.example/",
		"http://169.255.1.1/token",
		"http://10.0.0.1/token",
	};
	void *self = new_key("models/llama");
	struct key_state out;

	(void)state;
	(void)setenv("IDENTITY_HEADER", "secret", 1);
	for (size_t i = 0; i < sizeof(far) / sizeof(far[0]); i++) {
		struct fault f = {.text = ""};

		(void)setenv("IDENTITY_ENDPOINT", far[i], 1);
		if (azurekms_provider.state(self, &f, &out) != COFFER_E_USAGE || !strstr(f.text, "IDENTITY_ENDPOINT, "))
			fail_msg("%s was asked: %s", far[i], f.text);
	}
	azurekms_provider.free(self);
	(void)unsetenv("IDENTITY_ENDPOINT");
	(void)unsetenv("IDENTITY_HEADER");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_matches),
		cmocka_unit_test(test_long_names),
		cmocka_unit_test_setup_teardown(test_versions, start, stop),
		cmocka_unit_test_setup_teardown(test_identity_endpoint, start, stop),
	};

	return cmocka_run_group_tests_name("azurekms", tests, NULL, NULL);
}
