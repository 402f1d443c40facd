/* SPDX-License-Identifier: Apache-2.0 */
#include "sign/signing_config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/text.h"

#define NOW INT64_C(1763683200) /* 2025-11-21T00:00:00Z */
#define TYPE "\"mediaType\":\"application/vnd.dev.sigstore.signingconfig.v0.2+json\""
#define SINCE "\"validFor\":{\"start\":\"2024-01-01T00:00:00Z\"}"
#define LOG(url, version, operator)                                                                                    \
	"{\"url\":\"" url "\",\"majorApiVersion\":" version "," SINCE ",\"operator\":\"" operator"\"}"
#define VALID(url, from, to)                                                                                           \
	"{\"url\":\"" url "\",\"majorApiVersion\":1,\"validFor\":{\"start\":\"" from "\"" to "},\"operator\":\"" url   \
	"\"}"

/* «rekorTlogUrls» and «rekorTlogConfig» of a config that is else empty, and the logs that are chosen */
static const struct {
	const char *name, *logs, *selector, *chosen; /* NULL: refused */
	coffer_err err;
} choices[] = {
	{"one", LOG("https://a", "1", "o"), "{\"selector\":\"ANY\"}", "https://a 1;", COFFER_OK},
	{"none", "", "{\"selector\":\"ANY\"}", "", COFFER_OK},
	{"ANY takes the first", LOG("https://a", "1", "o") "," LOG("https://b", "2", "p"), "{\"selector\":\"ANY\"}",
	 "https://a 1;", COFFER_OK},
	{"ALL takes each operator's", LOG("https://a", "1", "o") "," LOG("https://b", "2", "p"),
	 "{\"selector\":\"ALL\"}", "https://a 1;https://b 2;", COFFER_OK},
	{"no selector is ALL", LOG("https://a", "1", "o") "," LOG("https://b", "2", "p"), NULL,
	 "https://a 1;https://b 2;", COFFER_OK},
	{"null is ALL", LOG("https://a", "1", "o") "," LOG("https://b", "2", "p"), "null", "https://a 1;https://b 2;",
	 COFFER_OK},
	{"EXACT 1", LOG("https://a", "1", "o") "," LOG("https://b", "2", "p"), "{\"selector\":\"EXACT\",\"count\":1}",
	 "https://a 1;", COFFER_OK},
	{"EXACT 2", LOG("https://a", "1", "o") "," LOG("https://b", "2", "p"), "{\"selector\":\"EXACT\",\"count\":2}",
	 "https://a 1;https://b 2;", COFFER_OK},
	{"EXACT 3 of 2", LOG("https://a", "1", "o") "," LOG("https://b", "2", "p"),
	 "{\"selector\":\"EXACT\",\"count\":3}", NULL, COFFER_E_UNSUPPORTED},
	{"EXACT 2 of one operator", LOG("https://a", "1", "o") "," LOG("https://b", "2", "o"),
	 "{\"selector\":\"EXACT\",\"count\":2}", NULL, COFFER_E_UNSUPPORTED},
	{"EXACT without a count", LOG("https://a", "1", "o"), "{\"selector\":\"EXACT\"}", NULL, COFFER_E_FORMAT},
	{"EXACT 0", LOG("https://a", "1", "o"), "{\"selector\":\"EXACT\",\"count\":0}", NULL, COFFER_E_FORMAT},
	{"an unknown selector", LOG("https://a", "1", "o"), "{\"selector\":\"SOME\"}", NULL, COFFER_E_UNSUPPORTED},
	{"a selector that says nothing", LOG("https://a", "1", "o"), "{}", NULL, COFFER_E_UNSUPPORTED},
	{"the highest version of an operator",
	 LOG("https://a", "1", "o") "," LOG("https://b", "2", "o") "," LOG("https://c", "1", "o"),
	 "{\"selector\":\"ALL\"}", "https://b 2;", COFFER_OK},
	{"a version that is not known", LOG("https://a", "3", "o") "," LOG("https://b", "1", "o"),
	 "{\"selector\":\"ANY\"}", "https://b 1;", COFFER_OK},
	{"version 0", LOG("https://a", "0", "o"), "{\"selector\":\"ANY\"}", "", COFFER_OK},
	{"no operator is one, too",
	 "{\"url\":\"https://a\",\"majorApiVersion\":1," SINCE "},{\"url\":\"https://b\",\"majorApiVersion\":2," SINCE
	 "}",
	 "{\"selector\":\"ALL\"}", "https://b 2;", COFFER_OK},
	{"the newer of two",
	 "{\"url\":\"https://"
	 "a\",\"majorApiVersion\":1,\"validFor\":{\"start\":\"2024-01-01T00:00:00Z\"},\"operator\":\"o\"},"
	 "{\"url\":\"https://"
	 "b\",\"majorApiVersion\":1,\"validFor\":{\"start\":\"2024-01-02T00:00:00Z\"},\"operator\":\"o\"}",
	 "{\"selector\":\"ALL\"}", "https://b 1;", COFFER_OK},
	{"valid just now",
	 VALID("https://a", "2025-11-21T00:00:00Z",
	       ",\"end\":\"2025-11-21T00:00:00Z\"") "," VALID("https://b", "2025-11-20T23:59:59.999Z", ",\"end\":null"),
	 "{\"selector\":\"ALL\"}", "https://a 1;https://b 1;", COFFER_OK},
	{"not yet, not any more",
	 VALID("https://a", "2025-11-21T00:00:01Z", "") "," VALID("https://b", "2024-01-01T00:00:00Z",
								  ",\"end\":\"2025-11-20T23:59:59Z\""),
	 "{\"selector\":\"ALL\"}", "", COFFER_OK},
	{"no start", "{\"url\":\"https://a\",\"majorApiVersion\":1,\"validFor\":{},\"operator\":\"o\"}", NULL, NULL,
	 COFFER_E_FORMAT},
	{"a start that is no time", VALID("https://a", "yesterday", ""), NULL, NULL, COFFER_E_FORMAT},
	{"an end that is no time", VALID("https://a", "2024-01-01T00:00:00Z", ",\"end\":7"), NULL, NULL,
	 COFFER_E_FORMAT},
	{"no url", "{\"majorApiVersion\":1," SINCE ",\"operator\":\"o\"}", NULL, NULL, COFFER_E_FORMAT},
	{"no version", "{\"url\":\"https://a\"," SINCE ",\"operator\":\"o\"}", NULL, NULL, COFFER_E_FORMAT},
	{"no name", "{\"url\":\"https://a\",\"majorApiVersion\":1," SINCE ",\"operator\":7}", NULL, NULL,
	 COFFER_E_FORMAT},
	{"not a service", "7", NULL, NULL, COFFER_E_FORMAT},
};

static void
list(const struct services *s, char *out, size_t cap)
{
	char one[256];

	out[0] = '\0';
	for (size_t i = 0; i < s->n; i++) {
		(void)snprintf(one, sizeof(one), "%s %u;", s->v[i].url, s->v[i].version);
		append(out, cap, one);
	}
}

static void
services_are_chosen(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(choices) / sizeof(choices[0]); i++) {
		struct signing_config c = {.ca = {.n = 0}};
		struct fault f = {.text = ""};
		char json[2048], got[512];
		coffer_err err;

		(void)snprintf(json, sizeof(json), "{" TYPE ",\"rekorTlogUrls\":[%s]%s%s}", choices[i].logs,
			       choices[i].selector ? ",\"rekorTlogConfig\":" : "",
			       choices[i].selector ? choices[i].selector : "");
		err = signing_config_parse(&f, "x.json", view_str(json), NOW, &c);
		list(&c.rekor, got, sizeof(got));
		if (err != choices[i].err || (choices[i].chosen && strcmp(got, choices[i].chosen) != 0))
			fail_msg("%s: «%s», %s", choices[i].name, got, f.text);
		assert_true(err == COFFER_OK || strstr(f.text, "x.json: «rekorTlogUrls»") != NULL);
		signing_config_free(&c);
		assert_null(c.rekor.v);
	}
}

/* the production config of 2025, in one line */
static const char production[] =
	"{" TYPE ",\"caUrls\":[" LOG("https://fulcio.sigstore.dev", "1", "sigstore.dev") "],\"oidcUrls\":[" LOG(
		"https://oauth2.sigstore.dev/auth", "1",
		"sigstore.dev") "],\"rekorTlogUrls\":[" LOG("https://rekor.sigstore.dev", "1",
							    "sigstore.dev") "],\"tsaUrls\":[" LOG("https://"
												  "timestamp."
												  "sigstore."
												  "dev/api/v1/"
												  "timestamp",
												  "1",
												  "sigstore."
												  "dev") "],"
													 "\"rek"
													 "orTlo"
													 "gConf"
													 "ig\":"
													 "{\"se"
													 "lecto"
													 "r\":"
													 "\"ANY"
													 "\"},"
													 "\"tsa"
													 "Confi"
													 "g\":{"
													 "\"sel"
													 "ector"
													 "\":"
													 "\"ANY"
													 "\"}}";

static void
assert_production(const char *json)
{
	struct signing_config c = {.ca = {.n = 0}};
	struct fault f = {.text = ""};
	char got[512];

	if (signing_config_parse(&f, "x.json", view_str(json), NOW, &c) != COFFER_OK)
		fail_msg("%s", f.text);
	list(&c.ca, got, sizeof(got));
	assert_string_equal(got, "https://fulcio.sigstore.dev 1;");
	list(&c.oidc, got, sizeof(got));
	assert_string_equal(got, "https://oauth2.sigstore.dev/auth 1;");
	list(&c.rekor, got, sizeof(got));
	assert_string_equal(got, "https://rekor.sigstore.dev 1;");
	list(&c.tsa, got, sizeof(got));
	assert_string_equal(got, "https://timestamp.sigstore.dev/api/v1/timestamp 1;");
	assert_int_equal(services_set(&f, &c.tsa, "https://mine/tsa/", 1), COFFER_OK);
	list(&c.tsa, got, sizeof(got));
	assert_string_equal(got, "https://mine/tsa/ 1;");
	signing_config_free(&c);
}

static void
all_kinds_are_read(void **state)
{
	/* the second is the name in the .proto */
	static const char *const names[] = {"signingConfig", "signing_config"};
	char whole[8192];

	(void)state;
	assert_production(production);
	for (size_t i = 0; i < 2; i++) {
		(void)snprintf(whole, sizeof(whole),
			       "{\"mediaType\":\"application/vnd.dev.sigstore.clienttrustconfig.v0.1+json\","
			       "\"trustedRoot\":{},\"%s\":%s}",
			       names[i], production);
		assert_production(whole);
	}
}

static const struct {
	const char *json;
	coffer_err err;
} others[] = {
	{"{}", COFFER_E_FORMAT},
	{"[]", COFFER_E_FORMAT},
	{"{", COFFER_E_FORMAT},
	{"{\"mediaType\":7}", COFFER_E_FORMAT},
	{"{\"mediaType\":\"application/vnd.dev.sigstore.signingconfig.v0.1+json\"}", COFFER_E_UNSUPPORTED},
	{"{\"mediaType\":\"application/vnd.dev.sigstore.trustedroot+json;version=0.1\"}", COFFER_E_UNSUPPORTED},
	{"{\"mediaType\":\"application/vnd.dev.sigstore.clienttrustconfig.v0.1+json\"}", COFFER_E_FORMAT},
	{"{\"mediaType\":\"application/vnd.dev.sigstore.clienttrustconfig.v0.1+json\",\"signingConfig\":{}}",
	 COFFER_E_FORMAT},
	{"{\"mediaType\":\"application/vnd.dev.sigstore.clienttrustconfig.v0.1+json\",\"signingConfig\":{" TYPE "},"
	 "\"signing_config\":{" TYPE "}}",
	 COFFER_E_FORMAT},
	{"{" TYPE ",\"caUrls\":{}}", COFFER_E_FORMAT},
	{"{" TYPE ",\"tsaUrls\":[],\"tsaConfig\":7}", COFFER_E_UNSUPPORTED},
	{"{" TYPE ",\"caUrls\":[],\"caUrls\":[]}", COFFER_E_FORMAT},
};

static void
other_documents_are_refused(void **state)
{
	char many[8192] = "{" TYPE ",\"caUrls\":[{}";

	(void)state;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		struct signing_config c = {.ca = {.n = 0}};
		struct fault f = {.text = ""};
		coffer_err err = signing_config_parse(&f, "x.json", view_str(others[i].json), NOW, &c);

		if (err != others[i].err || !strstr(f.text, "x.json"))
			fail_msg("%s: %s", others[i].json, f.text);
		signing_config_free(&c);
	}
	for (int i = 0; i < 64; i++)
		APPEND(many, "," LOG("https://a", "1", "o"));
	APPEND(many, "]}");
	{
		struct signing_config c = {.ca = {.n = 0}};
		struct fault f = {.text = ""};

		assert_int_equal(signing_config_parse(&f, "x.json", view_str(many), NOW, &c), COFFER_E_FORMAT);
		assert_non_null(strstr(f.text, "at most 64"));
		signing_config_free(&c);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(services_are_chosen),
		cmocka_unit_test(all_kinds_are_read),
		cmocka_unit_test(other_documents_are_refused),
	};

	return cmocka_run_group_tests_name("signing_config", tests, NULL, NULL);
}
