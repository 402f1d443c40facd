/* SPDX-License-Identifier: Apache-2.0 */
/* What a vault says is believed only of itself.  The ways to a token are in tests/services/test_azurekms.py. */
#include "key/azure_token.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define TENANT "72f988bf-86f1-41af-91ab-2d7cd011db47"
#define AUTHORITY "authorization=\"https://login.microsoftonline.com/" TENANT "\""

static const struct {
	const char *host, *header, *resource, *tenant;
} good[] = {
	{"models.vault.azure.net", "Bearer " AUTHORITY ", resource=\"https://vault.azure.net\"",
	 "https://vault.azure.net", TENANT},
	{"models.vault.azure.net", "bearer Resource=\"https://Vault.Azure.Net\"," AUTHORITY, "https://Vault.Azure.Net",
	 TENANT},
	{"models.managedhsm.azure.net", "Bearer resource=https://managedhsm.azure.net", "https://managedhsm.azure.net",
	 ""},
	{"models.vault.azure.cn", "Bearer scope=\"https://vault.azure.cn/.default\", authorization_uri=\"https://x/y\"",
	 "https://vault.azure.cn", "y"},
	{"localhost:8443", "Bearer authorization=\"https://localhost:8443/\", resource=\"https://localhost:8443\"",
	 "https://localhost:8443", ""},
	{"models.vault.azure.net",
	 "Bearer authorization=\"https://x/not a tenant\", resource=\"https://vault.azure.net\"",
	 "https://vault.azure.net", ""},
	/* a name at whose end stands «resource» is another one */
	{"models.vault.azure.net", "Bearer noresource=\"https://evil.net\", resource=\"https://vault.azure.net\"",
	 "https://vault.azure.net", ""},
};

static const struct {
	const char *host, *header;
} bad[] = {
	{"models.vault.azure.net", ""},
	{"models.vault.azure.net", "Bearer"},
	{"models.vault.azure.net", "Bearer " AUTHORITY},
	{"models.vault.azure.net", "Basic resource=\"https://vault.azure.net\""},
	{"models.vault.azure.net", "Bearer resource=\"https://vault.azure.net"},
	{"models.vault.azure.net", "Bearer resource=\"\""},
	{"models.vault.azure.net", "Bearer resource="},
	{"models.vault.azure.net", "Bearer resource=\"vault.azure.net\""},
	{"models.vault.azure.net", "Bearer resource=\"http://vault.azure.net\""},
	{"models.vault.azure.net", "Bearer resource=\"https://\""},
	{"models.vault.azure.net", "Bearer resource=\"https://ult.azure.net\""},
	{"models.vault.azure.net", "Bearer resource=\"https://management.azure.com\""},
	{"models.vault.azure.net", "Bearer resource=\"https://vault.azure.net.evil.com\""},
	{"models.vault.azure.net", "Bearer resource=\"https://x.models.vault.azure.net\""},
	{"evil.com", "Bearer resource=\"https://vault.azure.net\""},
	{"", "Bearer resource=\"https://vault.azure.net\""},
};

static void
test_believed(void **state)
{
	struct azure_challenge c;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(azure_challenge_read(NULL, good[i].header, good[i].host, &c), COFFER_OK);
		assert_string_equal(c.resource, good[i].resource);
		assert_string_equal(c.tenant, good[i].tenant);
	}
}

static void
test_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct fault f = {.text = ""};
		struct azure_challenge c;

		assert_int_equal(azure_challenge_read(&f, bad[i].header, bad[i].host, &c), COFFER_E_UNAVAILABLE);
		assert_true(f.text[0] != '\0');
		assert_string_equal(c.resource, "");
		assert_string_equal(c.tenant, "");
	}
}

/* what does not fit is not there */
static void
test_long(void **state)
{
	char header[4096] = "Bearer resource=\"https://vault.azure.net\", authorization=\"https://login/";
	struct azure_challenge c;
	size_t used = strlen(header);

	(void)state;
	memset(header + used, 'a', sizeof(header) - used - 1);
	header[sizeof(header) - 1] = '\0';
	assert_int_equal(azure_challenge_read(NULL, header, "models.vault.azure.net", &c), COFFER_OK);
	assert_string_equal(c.tenant, "");
	memcpy(header, "Bearer resource=\"https://aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", 72);
	assert_int_equal(azure_challenge_read(NULL, header, "models.vault.azure.net", &c), COFFER_E_UNAVAILABLE);
}

static void
test_urls(void **state)
{
	char *url;

	(void)state;
	(void)unsetenv("COFFER_AZUREKMS_ENDPOINT");
	assert_int_equal(azure_url(NULL, "models.vault.azure.net", "keys/k", &url), COFFER_OK);
	assert_string_equal(url, "https://models.vault.azure.net/keys/k");
	free(url);
	(void)setenv("COFFER_AZUREKMS_ENDPOINT", "http://127.0.0.1:1/", 1);
	assert_int_equal(azure_url(NULL, "models.vault.azure.net", "keys/k", &url), COFFER_OK);
	assert_string_equal(url, "http://127.0.0.1:1/keys/k");
	free(url);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_believed),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_long),
		cmocka_unit_test(test_urls),
	};

	return cmocka_run_group_tests_name("azure_token", tests, NULL, NULL);
}
