/* SPDX-License-Identifier: Apache-2.0 */
/* Against the signatures that AWS has published, and those of botocore where they are at hand. */
#include "net/sigv4.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/enc.h"
#include "base/file.h"
#include "base/utc.h"
#include "data/doc.h"
#include "support/text.h"

#define N_HEADERS 4

struct sample {
	const char *name, *method, *url;
	const char *headers[N_HEADERS];
	const char *body;
	const char *signed_headers, *signature;
};

/* AWS's «Signature Version 4 Test Suite», aws-sig-v4-test-suite.zip: service «service», us-east-1, 20150830T123600Z */
#define AT "https://example.amazonaws.com"
static const struct sample suite[] = {
	{"get-vanilla",
	 "GET",
	 AT "/",
	 {0},
	 "",
	 "host;x-amz-date",
	 "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
	{"get-relative",
	 "GET",
	 AT "/example/..",
	 {0},
	 "",
	 "host;x-amz-date",
	 "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
	{"get-relative-relative",
	 "GET",
	 AT "/example1/example2/../..",
	 {0},
	 "",
	 "host;x-amz-date",
	 "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
	{"get-slash",
	 "GET",
	 AT "//",
	 {0},
	 "",
	 "host;x-amz-date",
	 "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
	{"get-slash-dot-slash",
	 "GET",
	 AT "/./",
	 {0},
	 "",
	 "host;x-amz-date",
	 "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
	{"get-slash-pointless-dot",
	 "GET",
	 AT "/./example",
	 {0},
	 "",
	 "host;x-amz-date",
	 "ef75d96142cf21edca26f06005da7988e4f8dc83a165a80865db7089db637ec5"},
	{"get-slashes",
	 "GET",
	 AT "//example//",
	 {0},
	 "",
	 "host;x-amz-date",
	 "9a624bd73a37c9a373b5312afbebe7a714a789de108f0bdfe846570885f57e84"},
	{"no path at all",
	 "GET",
	 AT,
	 {0},
	 "",
	 "host;x-amz-date",
	 "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
	{"the port that is meant anyway",
	 "GET",
	 AT ":443/",
	 {0},
	 "",
	 "host;x-amz-date",
	 "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
	{"get-vanilla-query-order-key-case",
	 "GET",
	 AT "/?Param2=value2&Param1=value1",
	 {0},
	 "",
	 "host;x-amz-date",
	 "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"},
	{"get-vanilla-query-unreserved",
	 "GET",
	 AT "/?-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz="
	    "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
	 {0},
	 "",
	 "host;x-amz-date",
	 "9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197"},
	{"get-vanilla-empty-query-key",
	 "GET",
	 AT "/?Param1=value1",
	 {0},
	 "",
	 "host;x-amz-date",
	 "a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb"},
	{"get-vanilla-utf8-query",
	 "GET",
	 AT "/?\xe1\x88\xb4=bar",
	 {0},
	 "",
	 "host;x-amz-date",
	 "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04"},
	{"the same, escaped with small letters",
	 "GET",
	 AT "/?%e1%88%b4=bar",
	 {0},
	 "",
	 "host;x-amz-date",
	 "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04"},
	{"get-header-value-trim",
	 "GET",
	 AT "/",
	 {"My-Header1: value1", "My-Header2: \"a   b   c\""},
	 "",
	 "host;my-header1;my-header2;x-amz-date",
	 "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736"},
	{"get-header-key-duplicate",
	 "GET",
	 AT "/",
	 {"My-Header1:value2", "My-Header1:value2", "My-Header1:value1"},
	 "",
	 "host;my-header1;x-amz-date",
	 "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea"},
	{"get-header-value-order",
	 "GET",
	 AT "/",
	 {"My-Header1:value4", "My-Header1:value1", "My-Header1:value3", "My-Header1:value2"},
	 "",
	 "host;my-header1;x-amz-date",
	 "08c7e5a9acfcfeb3ab6b2185e75ce8b1deb5e634ec47601a50643f830c755c01"},
	{"get-utf8",
	 "GET",
	 AT "/\xe1\x88\xb4",
	 {0},
	 "",
	 "host;x-amz-date",
	 "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85"},
	{"get-space",
	 "GET",
	 AT "/example space/",
	 {0},
	 "",
	 "host;x-amz-date",
	 "652487583200325589f1fba4c7e578f72c47cb61beeca81406b39ddec1366741"},
	{"post-vanilla",
	 "POST",
	 AT "/",
	 {0},
	 "",
	 "host;x-amz-date",
	 "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"},
	{"post-header-key-sort",
	 "POST",
	 AT "/",
	 {"My-Header1:value1"},
	 "",
	 "host;my-header1;x-amz-date",
	 "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c"},
	{"post-x-www-form-urlencoded",
	 "POST",
	 AT "/",
	 {"Content-Type:application/x-www-form-urlencoded"},
	 "Param1=value1",
	 "content-type;host;x-amz-date",
	 "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a"},
	{"headers of the next hop are not signed",
	 "GET",
	 AT "/",
	 {"Expect:", "User-Agent: x", "Connection: close"},
	 "",
	 "host;x-amz-date",
	 "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
};

/* Amazon S3 API reference, «Signature calculations for the Authorization header: transferring payload in a single chunk» */
#define S3_AT "https://examplebucket.s3.amazonaws.com"
static const struct sample s3[] = {
	{"GET object",
	 "GET",
	 S3_AT "/test.txt",
	 {"Range:bytes=0-9"},
	 "",
	 "host;range;x-amz-content-sha256;x-amz-date",
	 "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"},
	{"PUT object",
	 "PUT",
	 S3_AT "/test%24file.text",
	 {"Date:Fri, 24 May 2013 00:00:00 GMT", "x-amz-storage-class:REDUCED_REDUNDANCY"},
	 "Welcome to Amazon S3.",
	 "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
	 "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"},
	{"GET bucket lifecycle",
	 "GET",
	 S3_AT "/?lifecycle",
	 {0},
	 "",
	 "host;x-amz-content-sha256;x-amz-date",
	 "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"},
	{"GET bucket (list objects)",
	 "GET",
	 S3_AT "/?max-keys=2&prefix=J",
	 {0},
	 "",
	 "host;x-amz-content-sha256;x-amz-date",
	 "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"},
};

static struct aws_cred
cred_of(const char *id, const char *secret, const char *token)
{
	struct aws_cred cred = AWS_CRED_INIT;

	PUT(cred.id, id);
	assert_int_equal(secret_copy(NULL, &cred.secret, secret, strlen(secret)), COFFER_OK);
	if (token)
		assert_int_equal(secret_copy(NULL, &cred.token, token, strlen(token)), COFFER_OK);
	return cred;
}

static void
forget(struct aws_cred *cred)
{
	secret_free(&cred->secret);
	secret_free(&cred->token);
}

static void
check(const struct sigv4 *sigv4, const char *scope, const struct sample *s)
{
	struct sigv4_headers headers = SIGV4_HEADERS_INIT;
	struct fault f = {.text = ""};
	struct http_request r = {.method = s->method, .url = s->url, .headers = s->headers, .body = view_str(s->body)};
	char want[1024];

	while (r.n_headers < N_HEADERS && s->headers[r.n_headers])
		r.n_headers++;
	(void)snprintf(want, sizeof(want),
		       "Authorization: AWS4-HMAC-SHA256 Credential=%s/%s, SignedHeaders=%s, Signature=%s",
		       sigv4->cred->id, scope, s->signed_headers, s->signature);
	if (sigv4_sign(&f, sigv4, &r, &headers) != COFFER_OK)
		fail_msg("%s: %s", s->name, f.text);
	if (strcmp(r.headers[r.n_headers - 1], want) != 0)
		fail_msg("%s: %s\nnot %s", s->name, r.headers[r.n_headers - 1], want);
	sigv4_headers_free(&headers);
}

static void
the_test_suite_of_aws(void **state)
{
	struct aws_cred cred = cred_of("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", NULL);
	struct sigv4 sigv4 = {.cred = &cred, .region = "us-east-1", .service = "service"};

	(void)state;
	assert_true(utc_parse("2015-08-30T12:36:00Z", &sigv4.time));
	for (size_t i = 0; i < sizeof(suite) / sizeof(suite[0]); i++)
		check(&sigv4, "20150830/us-east-1/service/aws4_request", &suite[i]);
	forget(&cred);
}

static void
the_examples_of_s3(void **state)
{
	struct aws_cred cred = cred_of("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", NULL);
	struct sigv4 sigv4 = {.cred = &cred, .region = "us-east-1", .service = "s3"};

	(void)state;
	assert_true(utc_parse("2013-05-24T00:00:00Z", &sigv4.time));
	for (size_t i = 0; i < sizeof(s3) / sizeof(s3[0]); i++)
		check(&sigv4, "20130524/us-east-1/s3/aws4_request", &s3[i]);
	forget(&cred);
}

/* ---- vectors that botocore made ---- */

static const char *
text(const struct doc *d, const char *name)
{
	const char *s = doc_text(doc_get(d, name), 0, 65536);

	return s ? s : "";
}

static coffer_err
one_header(void *arg, const char *name, const struct doc *value)
{
	struct sample *s = arg;
	static char lines[N_HEADERS][256];
	size_t n = 0;

	while (n < N_HEADERS - 1 && s->headers[n])
		n++;
	(void)snprintf(lines[n], sizeof(lines[n]), "%s: %s", name, doc_text(value, 0, 200));
	s->headers[n] = lines[n];
	return COFFER_OK;
}

static void
check_vector(const struct doc *d)
{
	const char *authorization = text(d, "authorization"), *when = text(d, "time");
	struct aws_cred cred = cred_of(text(d, "access_key"), text(d, "secret_key"), text(d, "session_token"));
	struct sigv4 sigv4 = {.cred = &cred, .region = text(d, "region"), .service = text(d, "service")};
	struct sample s = {.name = text(d, "name"), .method = text(d, "method"), .url = text(d, "url")};
	char body[4096] = "", names[512], signature[65], utc[32], scope[128];

	assert_int_equal(sscanf(authorization,
				"AWS4-HMAC-SHA256 Credential=%*[^/]/%127[^,], SignedHeaders=%511[^,], Signature=%64s",
				scope, names, signature),
			 3);
	(void)snprintf(utc, sizeof(utc), "%.4s-%.2s-%.2sT%.2s:%.2s:%.2sZ", when, when + 4, when + 6, when + 9,
		       when + 11, when + 13);
	assert_true(utc_parse(utc, &sigv4.time));
	assert_true(dec_hex(text(d, "body_hex"), strlen(text(d, "body_hex")), body, strlen(text(d, "body_hex")) / 2));
	assert_int_equal(doc_each(doc_get(d, "request_headers"), one_header, &s), COFFER_OK);
	s.body = body;
	s.signed_headers = names;
	s.signature = signature;
	check(&sigv4, scope, &s);
	forget(&cred);
}

static void
the_vectors_of_botocore(void **state)
{
	static const char path[] = "../shared/tools/sigv4_vectors.json";
	struct buf json = BUF_INIT(1 << 20);
	struct doc *d;
	size_t n = 0;

	(void)state;
	if (access(path, R_OK) != 0) {
		print_message("skipped: there is no %s\n", path);
		skip();
	}
	assert_int_equal(file_slurp(NULL, path, json.max, &json, NULL), COFFER_OK);
	assert_int_equal(doc_parse_foreign(NULL, path, buf_view(&json), &d), COFFER_OK);
	for (size_t i = 0; i < doc_size(d); i++) {
		if (!doc_get(doc_at(d, i), "authorization"))
			continue; /* a presigned URL: coffer makes none */
		check_vector(doc_at(d, i));
		n++;
	}
	assert_true(n >= 13);
	doc_free(&d);
	buf_free(&json);
}

/* ---- the rest ---- */

static void
a_token_goes_with_it(void **state)
{
	static const char *const first[] = {"X-Own: 1"};
	struct aws_cred cred = cred_of("AKID", "SECRET", "to/ken==");
	struct sigv4 sigv4 = {.cred = &cred, .region = "r", .service = "s3", .time = 0, .payload = SIGV4_UNSIGNED};
	struct http_request r = {.method = "PUT", .url = "https://h/b/k", .headers = first, .n_headers = 1};
	struct sigv4_headers headers = SIGV4_HEADERS_INIT;

	(void)state;
	assert_int_equal(sigv4_sign(NULL, &sigv4, &r, &headers), COFFER_OK);
	assert_int_equal(r.n_headers, 5);
	assert_string_equal(r.headers[0], "X-Own: 1");
	assert_string_equal(r.headers[1], "X-Amz-Date: 19700101T000000Z");
	assert_string_equal(r.headers[2], "X-Amz-Security-Token: to/ken==");
	assert_string_equal(r.headers[3], "X-Amz-Content-SHA256: UNSIGNED-PAYLOAD");
	assert_non_null(
		strstr(r.headers[4], "SignedHeaders=host;x-amz-content-sha256;x-amz-date;x-amz-security-token;x-own,"));
	sigv4_headers_free(&headers);
	assert_null(headers.token.p);
	forget(&cred);
}

static void
what_cannot_be_signed_is_said(void **state)
{
	static const char *many[SIGV4_HEADERS_MAX];
	static const struct {
		const char *url, *payload;
		size_t n_headers;
		int64_t time;
		const char *words;
	} cases[] = {
		{"http://127.0.0.1/k", SIGV4_UNSIGNED, 0, 0, "goes over TLS alone"},
		{"https://h/k", NULL, SIGV4_HEADERS_MAX, 0, "more than 24 headers"},
		{"https://h/k", NULL, 0, INT64_C(253402300800), "no such time"},
		{"https://h/?1&2&3&4&5&6&7&8&9&10&11&12&13&14&15&16&17", NULL, 0, 0, "more than 16 parameters"},
	};
	struct aws_cred cred = cred_of("AKID", "SECRET", NULL);

	(void)state;
	for (size_t i = 0; i < SIGV4_HEADERS_MAX; i++)
		many[i] = "X-Same: 1";
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sigv4 sigv4 = {.cred = &cred,
				      .region = "r",
				      .service = "s3",
				      .time = cases[i].time,
				      .payload = cases[i].payload};
		struct http_request r = {
			.method = "GET", .url = cases[i].url, .headers = many, .n_headers = cases[i].n_headers};
		struct sigv4_headers headers = SIGV4_HEADERS_INIT;
		struct fault f = {.text = ""};

		assert_int_equal(sigv4_sign(&f, &sigv4, &r, &headers), COFFER_E_USAGE);
		if (!strstr(f.text, cases[i].words))
			fail_msg("«%s», not «%s»", f.text, cases[i].words);
		assert_int_equal(r.n_headers, cases[i].n_headers);
		sigv4_headers_free(&headers);
	}
	forget(&cred);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_test_suite_of_aws),	 cmocka_unit_test(the_examples_of_s3),
		cmocka_unit_test(the_vectors_of_botocore),	 cmocka_unit_test(a_token_goes_with_it),
		cmocka_unit_test(what_cannot_be_signed_is_said),
	};

	return cmocka_run_group_tests_name("sigv4", tests, NULL, NULL);
}
