/* SPDX-License-Identifier: Apache-2.0 */
/* What is asked, and what is made of the answers, word by word.  With a KMS that really wraps: tests/services/test_awskms.py. */
#include "key/awskms.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include <cmocka.h>

#include "base/enc.h"
#include "key/envelope.h"
#include "net/aws_cred.h"
#include "support/http_server.h"
#include "support/text.h"

#define ID "1234abcd-12ab-34cd-56ef-1234567890ab"
#define ARN "arn:aws:kms:eu-central-1:111122223333:key/" ID
#define OTHER "arn:aws:kms:eu-central-1:111122223333:key/ffffabcd-12ab-34cd-56ef-1234567890ab"

static const uint8_t dek[DEK_LEN] = "0123456789abcdef0123456789abcde";
static const struct binding binding = {.text = {(const uint8_t *)"{}", 2},
				       .model_id = "00112233445566778899aabbccddeeff",
				       .name = "llama \"2\"",
				       .version = "",
				       .environment = "production"};

#define CONTEXT                                                                                                        \
	"{\"environment\":\"production\",\"model\":\"llama "                                                           \
	"\\\"2\\\"\",\"model_id\":\"00112233445566778899aabbccddeeff\"}"

/* ---- a service that says what it is told to, and keeps what it was asked ---- */

#define ANSWERS 4

static struct {
	struct {
		char operation[32]; /* «» answers each */
		int status;
		char head[128], body[2048];
	} answers[ANSWERS];
	char operations[512]; /* asked, each with a space behind */
	char date[32];	      /* X-Amz-Date of the last request */
	char body[4096];      /* of the last request */
} * service;

static void
answer(int fd, const char *request, size_t len)
{
	static const char target[] = "\r\nX-Amz-Target: TrentService.", date[] = "\r\nX-Amz-Date: ";
	char operation[32] = "", head[256];
	size_t i = 0;

	(void)len;
	assert_non_null(strstr(request, "POST / HTTP/1.1\r\n"));
	assert_non_null(strstr(request, "\r\nContent-Type: application/x-amz-json-1.1\r\n"));
	assert_non_null(strstr(request, "\r\nAuthorization: AWS4-HMAC-SHA256 Credential=AKID/"));
	(void)sscanf(strstr(request, target) + sizeof(target) - 1, "%31[A-Za-z]", operation);
	(void)snprintf(service->date, sizeof(service->date), "%.16s", strstr(request, date) + sizeof(date) - 1);
	APPEND(service->operations, operation);
	APPEND(service->operations, " ");
	PUT(service->body, strstr(request, "\r\n\r\n") + 4);
	while (i < ANSWERS - 1 && strcmp(service->answers[i].operation, operation) != 0 &&
	       service->answers[i].operation[0] != '\0')
		i++;
	(void)snprintf(head, sizeof(head), "HTTP/1.1 %d x\r\nContent-Length: %zu\r\nConnection: close\r\n%s\r\n",
		       service->answers[i].status, strlen(service->answers[i].body), service->answers[i].head);
	http_server_say(fd, head);
	http_server_say(fd, service->answers[i].body);
}

static struct http_server server;

static void
say(size_t i, const char *operation, int status, const char *body)
{
	PUT(service->answers[i].operation, operation);
	PUT(service->answers[i].body, body);
	PUT(service->answers[i].head, "");
	service->answers[i].status = status;
	service->operations[0] = '\0';
}

static int
begin(void **state)
{
	char url[64];

	(void)state;
	service = mmap(NULL, sizeof(*service), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (service == MAP_FAILED)
		return -1;
	http_server_start(&server, answer);
	(void)snprintf(url, sizeof(url), "http://127.0.0.1:%u", server.port);
	(void)setenv("COFFER_AWSKMS_ENDPOINT", url, 1);
	(void)setenv("AWS_ACCESS_KEY_ID", "AKID", 1);
	(void)setenv("AWS_SECRET_ACCESS_KEY", "secret", 1);
	(void)setenv("AWS_REGION", "eu-central-1", 1);
	(void)setenv("COFFER_KEY_RETRIES", "0", 1);
	(void)unsetenv("AWS_SESSION_TOKEN");
	(void)unsetenv("COFFER_AWS_GRANT_TOKENS_FILE");
	return 0;
}

static int
end(void **state)
{
	(void)state;
	http_server_stop(&server);
	aws_cred_forget();
	return munmap(service, sizeof(*service));
}

static void *
key(const char *rest)
{
	struct fault f = {0};
	void *self;

	if (awskms_new(&f, NULL, rest, &self) != COFFER_OK)
		fail_msg("%s", f.text);
	return self;
}

static struct recipient
recipient(const char *id)
{
	struct recipient r = {.wrapped = "wrapped", .wrapped_len = 7};

	PUT(r.kind, "awskms");
	PUT(r.id, id);
	return r;
}

/* an envelope as the service gives it back, in its JSON */
static void
say_unwrapped(const char *id, const struct binding *of)
{
	uint8_t envelope[ENVELOPE_LEN];
	char text[ENC_B64_LEN(ENVELOPE_LEN) + 1], body[512];

	assert_int_equal(envelope_make(NULL, "awskms", dek, of, envelope), COFFER_OK);
	enc_b64(envelope, sizeof(envelope), text);
	(void)snprintf(body, sizeof(body), "{\"KeyId\":\"%s\",\"Plaintext\":\"%s\"}", id, text);
	say(0, "", 200, body);
}

/* ---- the verbs ---- */

static void
a_dek_is_wrapped(void **state)
{
	/* Python: base64 of the DEK, then of SHA-256("coffer/1 wrap\0awskms\0{}") */
	static const char want[] =
		"{\"EncryptionContext\":" CONTEXT ",\"KeyId\":\"alias/a\",\"Plaintext\":\""
		"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZQDofHx3VkW/YREv/Rq/Ca95yFA9Qe/nPCIhDPN3sdh0Ww=="
		"\"}";
	struct recipient r = {.wrapped_len = 0};
	void *self = key("/alias/a");

	(void)state;
	say(0, "Encrypt", 200,
	    "{\"CiphertextBlob\":\"AQID\",\"KeyId\":\"" ARN "\",\"EncryptionAlgorithm\":\"SYMMETRIC_DEFAULT\"}");
	assert_int_equal(awskms_provider.wrap(self, NULL, dek, &binding, &r), COFFER_OK);
	assert_string_equal(service->body, want);
	assert_string_equal(r.kind, "awskms");
	assert_string_equal(r.id, ARN);
	assert_string_equal(r.version, "");
	assert_string_equal(r.alg, "SYMMETRIC_DEFAULT");
	assert_int_equal(r.wrapped_len, 3);
	assert_memory_equal(r.wrapped, "\1\2\3", 3);
	awskms_provider.free(self);
}

static void
answers_to_wrap_are_checked(void **state)
{
	static const struct {
		const char *rest, *body;
		coffer_err err;
		const char *why;
	} cases[] = {
		{"/alias/a", "{\"CiphertextBlob\":\"AQID\"}", COFFER_E_UNAVAILABLE, "lacks the key's ARN"},
		{"/alias/a", "{\"CiphertextBlob\":\"AQID\",\"KeyId\":\"" ID "\"}", COFFER_E_NOKEY,
		 "AWS KMS used the key " ID},
		{"/" ID, "{\"CiphertextBlob\":\"AQID\",\"KeyId\":\"" OTHER "\"}", COFFER_E_NOKEY,
		 "AWS KMS used the key " OTHER},
		{"/" ID, "{\"KeyId\":\"" ARN "\"}", COFFER_E_UNAVAILABLE, "lacks the ciphertext"},
		{"/" ID, "{\"CiphertextBlob\":\"\",\"KeyId\":\"" ARN "\"}", COFFER_E_UNAVAILABLE,
		 "lacks the ciphertext"},
		{"/" ID, "{\"CiphertextBlob\":\"!\",\"KeyId\":\"" ARN "\"}", COFFER_E_UNAVAILABLE,
		 "lacks the ciphertext"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct recipient r = {.wrapped_len = 0};
		void *self = key(cases[i].rest);
		struct fault f = {0};

		say(0, "", 200, cases[i].body);
		assert_int_equal(awskms_provider.wrap(self, &f, dek, &binding, &r), cases[i].err);
		if (!strstr(f.text, cases[i].why))
			fail_msg("«%s» is not in «%s»", cases[i].why, f.text);
		awskms_provider.free(self);
	}
}

static void
a_dek_is_unwrapped(void **state)
{
	struct binding moved = binding;
	struct recipient r = recipient(ARN);
	void *self = key("/alias/a");
	uint8_t out[DEK_LEN];
	struct fault f = {0};

	(void)state;
	say_unwrapped(ARN, &binding);
	assert_int_equal(awskms_provider.unwrap(self, NULL, &r, &binding, out), COFFER_OK);
	assert_memory_equal(out, dek, DEK_LEN);
	assert_string_equal(service->body, "{\"CiphertextBlob\":\"d3JhcHBlZA==\",\"EncryptionContext\":" CONTEXT
					   ",\"KeyId\":\"alias/a\"}");
	/* the service does as it likes; the envelope knows its model, and the answer names its key */
	moved.text = view_str("{\"other\":1}");
	assert_int_equal(awskms_provider.unwrap(self, NULL, &r, &moved, out), COFFER_E_AUTH);
	assert_true(view_zero(view_of(out, DEK_LEN)));
	say_unwrapped(OTHER, &binding);
	assert_int_equal(awskms_provider.unwrap(self, &f, &r, &binding, out), COFFER_E_NOKEY);
	assert_non_null(strstr(f.text, "opened with the key " OTHER ", and the model names " ARN));
	assert_true(view_zero(view_of(out, DEK_LEN)));
	awskms_provider.free(self);
}

static void
nobody_is_asked_for_another_key(void **state)
{
	struct recipient r = recipient(OTHER), foreign = recipient(ARN);
	void *self = key("/" ID);
	uint8_t out[DEK_LEN];

	(void)state;
	say_unwrapped(OTHER, &binding);
	assert_false(awskms_provider.matches(self, &r));
	assert_int_equal(awskms_provider.unwrap(self, NULL, &r, &binding, out), COFFER_E_NOKEY);
	assert_string_equal(service->operations, "");
	PUT(foreign.kind, "gcpkms");
	assert_false(awskms_provider.matches(self, &foreign));
	awskms_provider.free(self);
}

static void
exceptions_have_their_meaning(void **state)
{
	static const struct {
		const char *body;
		int status;
		coffer_err err;
	} cases[] = {
		{"{\"__type\":\"InvalidCiphertextException\"}", 400, COFFER_E_AUTH},
		{"{\"__type\":\"com.amazonaws.kms#InvalidCiphertextException\",\"message\":null}", 400, COFFER_E_AUTH},
		{"{\"__type\":\"IncorrectKeyException\",\"message\":\"x\"}", 400, COFFER_E_NOKEY},
		{"{\"__type\":\"AccessDeniedException\",\"Message\":\"x\"}", 400, COFFER_E_REFUSED},
		{"{\"__type\":\"ExpiredTokenException\"}", 400, COFFER_E_REFUSED},
		{"{\"__type\":\"UnrecognizedClientException\"}", 400, COFFER_E_REFUSED},
		{"{\"__type\":\"InvalidSignatureException\",\"message\":\"The request signature\"}", 403,
		 COFFER_E_REFUSED},
		{"{\"__type\":\"InvalidSignatureException\",\"message\":\"Signature expired: a\"}", 400,
		 COFFER_E_REFUSED},
		{"{\"__type\":\"InvalidGrantTokenException\"}", 400, COFFER_E_REFUSED},
		{"{\"__type\":\"NotFoundException\"}", 400, COFFER_E_REFUSED},
		{"{\"__type\":\"DisabledException\"}", 400, COFFER_E_REFUSED},
		{"{\"__type\":\"KMSInvalidStateException\"}", 400, COFFER_E_REFUSED},
		{"{\"__type\":\"InvalidKeyUsageException\"}", 400, COFFER_E_REFUSED},
		{"{\"__type\":\"ThrottlingException\"}", 400, COFFER_E_RATE},
		{"{\"__type\":\"RequestLimitExceeded\"}", 503, COFFER_E_RATE},
		{"{\"__type\":\"KMSInternalException\"}", 500, COFFER_E_UNAVAILABLE},
		{"{\"__type\":\"DependencyTimeoutException\"}", 503, COFFER_E_UNAVAILABLE},
		{"{\"__type\":\"KeyUnavailableException\"}", 500, COFFER_E_UNAVAILABLE},
		{"{\"__type\":\"SomethingNewException\"}", 400, COFFER_E_UNAVAILABLE},
		{"{\"__type\":\"SomethingNewException\"}", 403, COFFER_E_REFUSED},
		{"{\"code\":\"ThrottlingException\"}", 400, COFFER_E_RATE},
		{"", 429, COFFER_E_RATE},
		{"<html>", 502, COFFER_E_UNAVAILABLE},
		{"<html>", 404, COFFER_E_UNAVAILABLE},
		{"[]", 400, COFFER_E_UNAVAILABLE},
	};
	struct recipient r = recipient(ARN);
	void *self = key("/alias/a");

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t out[DEK_LEN];
		struct fault f = {0};
		coffer_err err;

		say(0, "", cases[i].status, cases[i].body);
		err = awskms_provider.unwrap(self, &f, &r, &binding, out);
		if (err != cases[i].err)
			fail_msg("%d %s: %s", cases[i].status, cases[i].body, f.text);
		assert_non_null(strstr(f.text, "AWS KMS (127.0.0.1)"));
	}
	awskms_provider.free(self);
}

/* The service's clock is ahead: the next request goes by it, and so do those after it. */
static void
the_clock_is_learnt_once(void **state)
{
	struct recipient r = recipient(ARN);
	void *self = key("/alias/a");
	time_t there = time(NULL) + 7200;
	char date[64], stamp[20];
	uint8_t out[DEK_LEN];
	struct tm tm;

	(void)state;
	there += 1800 - there % 3600; /* no hour ends while this runs */
	(void)gmtime_r(&there, &tm);
	(void)strftime(date, sizeof(date), "Date: %a, %d %b %Y %H:%M:%S GMT\r\n", &tm);
	(void)strftime(stamp, sizeof(stamp), "%Y%m%dT%H", &tm);
	say(0, "", 400, "{\"__type\":\"InvalidSignatureException\",\"message\":\"Signature expired: a\"}");
	PUT(service->answers[0].head, date);
	assert_int_equal(awskms_provider.unwrap(self, NULL, &r, &binding, out), COFFER_E_REFUSED);
	assert_string_equal(service->operations, "Decrypt Decrypt ");
	assert_memory_equal(service->date, stamp, strlen("20261120"));
	say_unwrapped(ARN, &binding);
	service->date[0] = '\0';
	assert_int_equal(awskms_provider.unwrap(self, NULL, &r, &binding, out), COFFER_OK);
	assert_string_equal(service->operations, "Decrypt ");
	assert_memory_equal(service->date, stamp, strlen("20261120T13"));
	awskms_provider.free(self);
}

static void
wraps_are_made_anew_inside(void **state)
{
	struct recipient in = recipient(ARN), out = {.wrapped_len = 0};
	void *old = key("/" ID), *new = key("/alias/next");

	(void)state;
	say(0, "ReEncrypt", 200,
	    "{\"CiphertextBlob\":\"AQID\",\"SourceKeyId\":\"" ARN "\",\"KeyId\":\"" OTHER
	    "\",\"DestinationEncryptionAlgorithm\":\"SYMMETRIC_DEFAULT\",\"SourceKeyMaterialId\":\"aa\","
	    "\"DestinationKeyMaterialId\":\"bb\"}");
	assert_int_equal(awskms_provider.rewrap(new, NULL, old, &in, &binding, &out), COFFER_OK);
	assert_string_equal(service->operations, "ReEncrypt ");
	assert_string_equal(service->body,
			    "{\"CiphertextBlob\":\"d3JhcHBlZA==\",\"DestinationEncryptionContext\":" CONTEXT
			    ",\"DestinationKeyId\":\"alias/next\",\"SourceEncryptionContext\":" CONTEXT
			    ",\"SourceKeyId\":\"" ID "\"}");
	assert_string_equal(out.id, OTHER);
	assert_string_equal(out.version, "bb");
	assert_int_equal(out.wrapped_len, 3);
	/* the key that opened is not the one that the recipient names */
	say(0, "ReEncrypt", 200, "{\"CiphertextBlob\":\"AQID\",\"SourceKeyId\":\"" OTHER "\",\"KeyId\":\"" OTHER "\"}");
	assert_int_equal(awskms_provider.rewrap(new, NULL, old, &in, &binding, &out), COFFER_E_NOKEY);
	awskms_provider.free(old);
	awskms_provider.free(new);
}

/* Two Regions, two services, or a recipient of another key: somebody else has to unwrap and wrap. */
static void
what_one_service_cannot_is_left(void **state)
{
	struct recipient in = recipient(ARN), other = recipient(OTHER);
	void *here = key("/" ID), *region = key("/arn:aws:kms:us-east-1:111122223333:alias/a"),
	     *host = key("kms.example/" ID);

	(void)state;
	say(0, "", 200, "{}");
	assert_true(awskms_provider.can_rewrap(here, here, &in));
	assert_false(awskms_provider.can_rewrap(region, here, &in));
	assert_false(awskms_provider.can_rewrap(host, here, &in));
	assert_false(awskms_provider.can_rewrap(here, here, &other));
	assert_string_equal(service->operations, "");
	awskms_provider.free(here);
	awskms_provider.free(region);
	awskms_provider.free(host);
}

/* ---- what is known of a key ---- */

#define METADATA(state, spec)                                                                                          \
	"{\"KeyMetadata\":{\"Arn\":\"" ARN "\",\"KeyId\":\"" ID                                                        \
	"\",\"CreationDate\":1.6E9,\"Enabled\":true,\"KeyState\":\"" state "\",\"KeySpec\":\"" spec                    \
	"\",\"KeyUsage\":\"ENCRYPT_DECRYPT\",\"CurrentKeyMaterialId\":\"cc\"}}"

static void
a_key_tells_its_state(void **state)
{
	static const struct {
		const char *metadata, *rotations;
		int status;
		int64_t created;
		bool usable;
	} cases[] = {
		{METADATA("Enabled", "SYMMETRIC_DEFAULT"),
		 "{\"Rotations\":[{\"RotationDate\":1700000000.5},{\"RotationDate\":1650000000}]}", 200, 1700000000,
		 true},
		{METADATA("Enabled", "SYMMETRIC_DEFAULT"), "{\"Rotations\":[]}", 200, 1600000000, true},
		{METADATA("Enabled", "SYMMETRIC_DEFAULT"), "{\"__type\":\"AccessDeniedException\"}", 400, 1600000000,
		 true},
		{METADATA("Enabled", "SYMMETRIC_DEFAULT"), "{\"__type\":\"UnsupportedOperationException\"}", 400,
		 1600000000, true},
		{METADATA("PendingDeletion", "SYMMETRIC_DEFAULT"), "{}", 200, 1600000000, false},
		{METADATA("Enabled", "RSA_2048"), "{}", 200, 1600000000, false},
	};
	void *self = key("/alias/a");

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct key_state got;

		say(0, "DescribeKey", 200, cases[i].metadata);
		say(1, "ListKeyRotations", cases[i].status, cases[i].rotations);
		assert_int_equal(awskms_provider.state(self, NULL, &got), COFFER_OK);
		assert_string_equal(service->operations, "DescribeKey ListKeyRotations ");
		assert_string_equal(service->body, "{\"KeyId\":\"" ARN "\"}");
		assert_string_equal(got.id, ARN);
		assert_string_equal(got.version, "cc");
		assert_string_equal(got.alg, "SYMMETRIC_DEFAULT");
		assert_int_equal(got.created, cases[i].created);
		assert_int_equal(got.usable, cases[i].usable);
	}
	awskms_provider.free(self);
}

static void
pages_without_end_end(void **state)
{
	void *self = key("/alias/a");
	struct key_state got;

	(void)state;
	say(0, "DescribeKey", 200, METADATA("Enabled", "SYMMETRIC_DEFAULT"));
	say(1, "ListKeyRotations", 200, "{\"Rotations\":[],\"NextMarker\":\"m\",\"Truncated\":true}");
	assert_int_equal(awskms_provider.state(self, NULL, &got), COFFER_OK);
	assert_int_equal(strlen(service->operations), strlen("DescribeKey ") + 20 * strlen("ListKeyRotations "));
	assert_string_equal(service->body, "{\"KeyId\":\"" ARN "\",\"Marker\":\"m\"}");
	awskms_provider.free(self);
}

static void
a_key_is_rotated(void **state)
{
	void *self = key("/alias/a");
	struct key_state got;
	struct fault f = {0};

	(void)state;
	say(0, "DescribeKey", 200, METADATA("Enabled", "SYMMETRIC_DEFAULT"));
	say(1, "RotateKeyOnDemand", 200, "{\"KeyId\":\"" ID "\"}");
	say(2, "ListKeyRotations", 200, "{\"Rotations\":[{\"RotationDate\":1.7E9}]}");
	assert_int_equal(awskms_provider.rotate(self, NULL, &got), COFFER_OK);
	assert_string_equal(service->operations, "DescribeKey RotateKeyOnDemand DescribeKey ListKeyRotations ");
	assert_int_equal(got.created, 1700000000);
	say(1, "RotateKeyOnDemand", 400,
	    "{\"__type\":\"LimitExceededException\",\"message\":\"You have exceeded the limit\"}");
	assert_int_equal(awskms_provider.rotate(self, &f, &got), COFFER_E_REFUSED);
	assert_non_null(strstr(f.text, "You have exceeded the limit"));
	awskms_provider.free(self);
}

/* ---- URIs ---- */

static void
uris_are_checked(void **state)
{
	static const struct {
		const char *rest, *why; /* NULL: it is one */
	} cases[] = {
		{"/" ID, NULL},
		{"/alias/a", NULL},
		{"/" ARN, NULL},
		{"localhost:4566/alias/a", NULL},
		{"[::1]:1/alias/a", NULL},
		{"", "an awskms:// URI is"},
		{"alias", "an awskms:// URI is"},
		{"/", "names no key"},
		{"//" ID, "names no key"},
		{"/alias/a.b", "names no key"},
		{"u:p@host/alias/a", "the endpoint in an awskms:// URI"},
		{"host?x/alias/a", "the endpoint in an awskms:// URI"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fault f = {0};
		void *self;

		assert_int_equal(awskms_new(&f, NULL, cases[i].rest, &self), cases[i].why ? COFFER_E_USAGE : COFFER_OK);
		assert_int_equal(self != NULL, cases[i].why == NULL);
		if (cases[i].why && !strstr(f.text, cases[i].why))
			fail_msg("«%s» is not in «%s»", cases[i].why, f.text);
		awskms_provider.free(self);
	}
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, begin, end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_dek_is_wrapped),
		CASE(answers_to_wrap_are_checked),
		CASE(a_dek_is_unwrapped),
		CASE(nobody_is_asked_for_another_key),
		CASE(exceptions_have_their_meaning),
		CASE(the_clock_is_learnt_once),
		CASE(wraps_are_made_anew_inside),
		CASE(what_one_service_cannot_is_left),
		CASE(a_key_tells_its_state),
		CASE(pages_without_end_end),
		CASE(a_key_is_rotated),
		CASE(uris_are_checked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
