/* SPDX-License-Identifier: Apache-2.0 */
#include "sign/id_token.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/enc.h"
#include "support/text.h"

#define NOW INT64_C(1763683200) /* 2025-11-21T00:00:00Z */

/* HEADER.{@payload}.SIGNATURE */
static void
token_of(const char *payload, char *out, size_t cap)
{
	char part[8192];

	assert_true(ENC_B64_LEN(strlen(payload)) < sizeof(part));
	enc_b64url(payload, strlen(payload), part);
	assert_true((size_t)snprintf(out, cap, "eyJhbGciOiJFUzI1NiJ9.%s.c2lnbmF0dXJl", part) < cap);
}

static const struct id_token_policy policy = {
	.audience = "sigstore", .issuer = "https://idp", .nonce = "n1", .now = NOW};

#define WHO "\"iss\":\"https://idp\",\"sub\":\"s1\""
#define GOOD WHO ",\"aud\":\"sigstore\",\"exp\":1763683201,\"nonce\":\"n1\""

static const struct {
	const char *name, *payload;
	coffer_err err;
	const char *words; /* of the refusal */
} payloads[] = {
	{"all of it", "{" GOOD ",\"email\":\"a@b.org\",\"iat\":1,\"x\":{\"y\":[1]}}", COFFER_OK, NULL},
	{"no e-mail", "{" GOOD "}", COFFER_OK, NULL},
	{"null e-mail", "{" GOOD ",\"email\":null}", COFFER_OK, NULL},
	{"several audiences", "{" WHO ",\"aud\":[\"a\",\"sigstore\"],\"exp\":1763683201,\"nonce\":\"n1\"}", COFFER_OK,
	 NULL},
	{"exp as 1.763683201e9", "{" WHO ",\"aud\":\"sigstore\",\"exp\":1.763683201e9,\"nonce\":\"n1\"}", COFFER_OK,
	 NULL},
	{"nbf a little ahead", "{" GOOD ",\"nbf\":1763683260}", COFFER_OK, NULL},
	{"escapes",
	 "{\"i\\u0073s\":\"https:\\/\\/"
	 "idp\",\"sub\":\"s\\u0031\",\"aud\":\"sigstore\",\"exp\":1763683201,\"nonce\":\"n1\"}",
	 COFFER_OK, NULL},
	{"another audience", "{" WHO ",\"aud\":\"other\",\"exp\":1763683201,\"nonce\":\"n1\"}", COFFER_E_PERM,
	 "not for «sigstore»"},
	{"other audiences", "{" WHO ",\"aud\":[\"a\",\"b\"],\"exp\":1763683201,\"nonce\":\"n1\"}", COFFER_E_PERM,
	 "«aud»"},
	{"an audience that begins alike", "{" WHO ",\"aud\":\"sigstore2\",\"exp\":1763683201,\"nonce\":\"n1\"}",
	 COFFER_E_PERM, "«aud»"},
	{"no audiences", "{" WHO ",\"aud\":[],\"exp\":1763683201,\"nonce\":\"n1\"}", COFFER_E_PERM, "«aud»"},
	{"no audience", "{" WHO ",\"exp\":1763683201,\"nonce\":\"n1\"}", COFFER_E_PERM, "«aud»"},
	{"an audience of another kind", "{" WHO ",\"aud\":{\"sigstore\":1},\"exp\":1763683201,\"nonce\":\"n1\"}",
	 COFFER_E_FORMAT, "identity token"},
	{"expired now", "{" WHO ",\"aud\":\"sigstore\",\"exp\":1763683200,\"nonce\":\"n1\"}", COFFER_E_PERM,
	 "expired at 2025-11-21T00:00:00Z"},
	{"no exp", "{" WHO ",\"aud\":\"sigstore\",\"nonce\":\"n1\"}", COFFER_E_FORMAT, "«exp»"},
	{"negative exp", "{" WHO ",\"aud\":\"sigstore\",\"exp\":-1,\"nonce\":\"n1\"}", COFFER_E_FORMAT,
	 "identity token"},
	{"exp as text", "{" WHO ",\"aud\":\"sigstore\",\"exp\":\"1763683201\",\"nonce\":\"n1\"}", COFFER_E_FORMAT,
	 "identity token"},
	{"exp beyond time", "{" WHO ",\"aud\":\"sigstore\",\"exp\":18446744073709551615,\"nonce\":\"n1\"}",
	 COFFER_E_FORMAT, "«exp»"},
	{"not yet", "{" GOOD ",\"nbf\":1763683261}", COFFER_E_PERM, "good from 2025-11-21T00:01:01Z"},
	{"another issuer",
	 "{\"iss\":\"https://idp2\",\"sub\":\"s1\",\"aud\":\"sigstore\",\"exp\":1763683201,\"nonce\":\"n1\"}",
	 COFFER_E_PERM, "by «https://idp2», not by «https://idp»"},
	{"no issuer", "{\"sub\":\"s1\",\"aud\":\"sigstore\",\"exp\":1763683201,\"nonce\":\"n1\"}", COFFER_E_FORMAT,
	 "«iss»"},
	{"no subject", "{\"iss\":\"https://idp\",\"aud\":\"sigstore\",\"exp\":1763683201,\"nonce\":\"n1\"}",
	 COFFER_E_FORMAT, "«sub»"},
	{"an empty subject",
	 "{\"iss\":\"https://idp\",\"sub\":\"\",\"aud\":\"sigstore\",\"exp\":1763683201,\"nonce\":\"n1\"}",
	 COFFER_E_FORMAT, "«sub»"},
	{"a control character",
	 "{\"iss\":\"https://idp\",\"sub\":\"s\\u001b\",\"aud\":\"sigstore\",\"exp\":1763683201,\"nonce\":\"n1\"}",
	 COFFER_E_FORMAT, "«sub»"},
	{"another nonce", "{" WHO ",\"aud\":\"sigstore\",\"exp\":1763683201,\"nonce\":\"n2\"}", COFFER_E_PERM,
	 "«nonce»"},
	{"no nonce", "{" WHO ",\"aud\":\"sigstore\",\"exp\":1763683201}", COFFER_E_PERM, "«nonce»"},
	{"a nonce that is no text", "{" WHO ",\"aud\":\"sigstore\",\"exp\":1763683201,\"nonce\":7}", COFFER_E_PERM,
	 "«nonce»"},
	{"twice the same claim", "{" GOOD ",\"sub\":\"s2\"}", COFFER_E_FORMAT, "«sub» is there twice"},
	{"twice in disguise", "{" GOOD ",\"\\u0073ub\":\"s2\"}", COFFER_E_FORMAT, "«sub» is there twice"},
	{"something behind", "{" GOOD "} x", COFFER_E_FORMAT, "identity token"},
	{"an array", "[]", COFFER_E_FORMAT, "identity token"},
	{"not JSON", "hello", COFFER_E_FORMAT, "identity token"},
};

static void
claims_are_checked(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(payloads) / sizeof(payloads[0]); i++) {
		struct id_token t = {.text = SECRET_INIT};
		struct fault f = {.text = ""};
		char text[8192];
		coffer_err err;

		token_of(payloads[i].payload, text, sizeof(text));
		err = id_token_parse(&f, view_str(text), &policy, &t);
		if (err != payloads[i].err || (err && !strstr(f.text, payloads[i].words)))
			fail_msg("%s: %s, %s", payloads[i].name, coffer_err_name(err), f.text);
		assert_null(strstr(f.text, "c2lnbmF0dXJl"));
		if (err == COFFER_OK) {
			assert_string_equal(t.issuer, "https://idp");
			assert_string_equal(t.subject, "s1");
			assert_int_equal(t.expires, NOW + 1);
			assert_int_equal(t.text.len, strlen(text));
			assert_memory_equal(t.text.p, text, strlen(text));
		}
		if (i == 0)
			assert_string_equal(t.email, "a@b.org");
		else
			assert_null(t.email);
		id_token_free(&t);
		assert_null(t.text.p);
	}
}

/* without an issuer and a nonce to compare with, any will do */
static void
a_given_token_has_any_issuer(void **state)
{
	const struct id_token_policy any = {.audience = "sigstore", .now = NOW};
	struct id_token t = {.text = SECRET_INIT};
	char text[1024];

	(void)state;
	token_of("{\"iss\":\"https://x\",\"sub\":\"s1\",\"aud\":\"sigstore\",\"exp\":1763683201}", text, sizeof(text));
	assert_int_equal(id_token_parse(NULL, view_str(text), &any, &t), COFFER_OK);
	assert_string_equal(t.issuer, "https://x");
	id_token_free(&t);
}

/* {"iss":…} of the first row that is good, as it stands in a token */
static const char *const malformed[] = {
	"",
	" \n",
	"a",
	"a.b",
	"a.b.",
	".b.c",
	"a..c",
	"a.b.c.d",
	"a.b.c.",
	"e30.e30=.e30",
	"e30.e3 0.e30",
	"e30.e30.e30+",
	"e30.e30.e3\n0",
	"e30.A.e30",
	"Bearer e30.e30.e30",
};

static void
other_texts_are_refused(void **state)
{
	struct id_token t = {.text = SECRET_INIT};

	(void)state;
	for (size_t i = 0; i < sizeof(malformed) / sizeof(malformed[0]); i++) {
		struct fault f = {.text = ""};

		if (id_token_parse(&f, view_str(malformed[i]), &policy, &t) != COFFER_E_FORMAT ||
		    !strstr(f.text, "no JSON Web Token"))
			fail_msg("«%s»: %s", malformed[i], f.text);
		id_token_free(&t);
	}
	assert_int_equal(id_token_parse(NULL, view_of("a.e30.b\0", 8), &policy, &t), COFFER_E_FORMAT);
	id_token_free(&t);
}

static void
white_space_around_is_no_part(void **state)
{
	struct id_token t = {.text = SECRET_INIT};
	char text[1024], wrapped[2048];

	(void)state;
	token_of("{" GOOD "}", text, sizeof(text));
	(void)snprintf(wrapped, sizeof(wrapped), "\t %s\r\n\n", text);
	assert_int_equal(id_token_parse(NULL, view_str(wrapped), &policy, &t), COFFER_OK);
	assert_int_equal(t.text.len, strlen(text));
	assert_memory_equal(t.text.p, text, strlen(text));
	id_token_free(&t);
}

static void
a_token_has_a_ceiling(void **state)
{
	struct id_token t = {.text = SECRET_INIT};
	struct fault f = {.text = ""};
	char *text = malloc(65538), claim[4096] = "{\"sub\":\"";

	(void)state;
	assert_non_null(text);
	memset(text, 'a', 65537);
	assert_int_equal(id_token_parse(&f, view_of(text, 65537), &policy, &t), COFFER_E_FORMAT);
	assert_non_null(strstr(f.text, "too long"));
	assert_int_equal(id_token_parse(&f, view_of(text, 65536), &policy, &t), COFFER_E_FORMAT);
	assert_null(strstr(f.text, "too long"));
	for (int i = 0; i < 2049; i++)
		APPEND(claim, "s");
	APPEND(claim, "\",\"iss\":\"https://idp\",\"aud\":\"sigstore\",\"exp\":1763683201,\"nonce\":\"n1\"}");
	token_of(claim, text, 65536);
	assert_int_equal(id_token_parse(&f, view_str(text), &policy, &t), COFFER_E_FORMAT);
	assert_non_null(strstr(f.text, "«sub»"));
	id_token_free(&t);
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(claims_are_checked),	   cmocka_unit_test(a_given_token_has_any_issuer),
		cmocka_unit_test(other_texts_are_refused), cmocka_unit_test(white_space_around_is_no_part),
		cmocka_unit_test(a_token_has_a_ceiling),
	};

	return cmocka_run_group_tests_name("id_token", tests, NULL, NULL);
}
