/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/record.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "support/hex.h"

#define ZEROS "0000000000000000000000000000000000000000000000000000000000000000"
#define BEGIN "{\"seq\":7,\"prev\":\"" ZEROS "\",\"log\":\"00112233445566778899aabbccddeeff\","
#define WHEN                                                                                                           \
	"\"eventVersion\":\"1.0\",\"eventTime\":\"2026-11-20T13:58:18.123Z\","                                         \
	"\"eventID\":\"01234567-89ab-4cde-8f01-23456789abcd\",\"eventSource\":\"coffer\","
#define WHAT "\"eventName\":\"Unwrap\",\"eventCategory\":\"Data\",\"readOnly\":true,"
#define WHO                                                                                                            \
	"\"userIdentity\":{\"type\":\"User\",\"principal\":\"alice\",\"uid\":1000,\"loginUid\":0},"                    \
	"\"userAgent\":\"coffer libcoffer/1\",\"additionalEventData\":{\"host\":\"gpu1\",\"pid\":42},"
#define MODEL                                                                                                          \
	"\"requestParameters\":{\"model\":\"/srv/m \\\"1\\\"\",\"modelId\":\"ffeeddccbbaa99887766554433221100\","      \
	"\"name\":\"m\",\"version\":\"2\",\"environment\":\"production\",\"generation\":3,\"keyKind\":\"awskms\","     \
	"\"keyId\":\"arn:aws:kms:x\",\"keyVersion\":\"4\"},"
#define RESOURCES                                                                                                      \
	"\"resources\":[{\"ARN\":\"coffer:model:ffeeddccbbaa99887766554433221100\",\"type\":\"coffer::Model\"},"       \
	"{\"ARN\":\"coffer:key:awskms:arn:aws:kms:x\",\"type\":\"coffer::Key\"}]"
#define REFUSED ",\"errorCode\":\"REFUSED\",\"errorMessage\":\"no right\"}"
#define WHOLE BEGIN WHEN WHAT WHO MODEL RESOURCES REFUSED

static const struct audit_record whole = {
	.place = {.seq = 7,
		  .log = {0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee,
			  0xff}},
	.time = "2026-11-20T13:58:18.123Z",
	.id = "01234567-89ab-4cde-8f01-23456789abcd",
	.event = AUDIT_UNWRAP,
	.principal = "alice",
	.uid = 1000,
	.login_uid = 1,
	.agent = "coffer libcoffer/1",
	.host = "gpu1",
	.pid = 42,
	.path = "/srv/m \"1\"",
	.model_id = "ffeeddccbbaa99887766554433221100",
	.name = "m",
	.version = "2",
	.environment = "production",
	.generation = 3,
	.key = {.kind = "awskms", .id = "arn:aws:kms:x", .version = "4"},
	.error = "REFUSED",
	.message = "no right",
};

/* with as little as there can be in a record */
#define SMALL                                                                                                          \
	BEGIN WHEN                                                                                                     \
		"\"eventName\":\"Rotate\",\"eventCategory\":\"Management\",\"readOnly\":false,"                        \
		"\"userIdentity\":{\"type\":\"Root\",\"uid\":0},\"additionalEventData\":{},\"requestParameters\":{},"  \
		"\"resources\":[]}"

static void
put_line(const struct audit_record *r, struct buf *out)
{
	out->len = 0;
	assert_int_equal(audit_line_begin(NULL, &r->place, out), COFFER_OK);
	assert_int_equal(audit_line_rest(NULL, r, out), COFFER_OK);
}

static void
test_write(void **state)
{
	struct buf b = BUF_INIT(1 << 16);

	(void)state;
	put_line(&whole, &b);
	assert_int_equal(b.len, strlen(WHOLE) + 1);
	assert_memory_equal(b.p, WHOLE "\n", b.len);
	buf_free(&b);
}

static void
test_read(void **state)
{
	struct audit_record r;
	struct fault f = {.text = ""};

	(void)state;
	if (audit_line_decode(&f, view_str(WHOLE), &r) != COFFER_OK)
		fail_msg("%s", f.text);
	assert_memory_equal(&r, &whole, sizeof(r));
	if (audit_line_decode(&f, view_str(SMALL), &r) != COFFER_OK)
		fail_msg("%s", f.text);
	assert_int_equal(r.event, AUDIT_ROTATE);
	assert_int_equal(r.uid, 0);
	assert_string_equal(r.error, "");
}

/* every event, and a rewrap's two keys, there and back */
static void
test_there_and_back(void **state)
{
	struct buf b = BUF_INIT(1 << 16);

	(void)state;
	for (int e = 0; e < AUDIT_N_EVENTS; e++) {
		struct audit_record r = whole, again;

		r.event = (enum audit_event)e;
		r.from = (struct audit_key){.kind = "passphrase"};
		(void)snprintf(r.torn_file, sizeof(r.torn_file), "torn-1");
		r.torn_bytes = 77;
		put_line(&r, &b);
		assert_int_equal(audit_line_decode(NULL, view_of(b.p, b.len - 1), &again), COFFER_OK);
		assert_memory_equal(&again, &r, sizeof(r));
	}
	buf_free(&b);
}

/* texts that fill their room with what takes most room in JSON still make a line of ours */
static void
test_longest(void **state)
{
	struct buf b = BUF_INIT(1 << 20);
	struct audit_record r = whole, again;

	(void)state;
	memset(r.path, 1, AUDIT_PATH_MAX);
	memset(r.message, 2, sizeof(r.message) - 1);
	memset(r.name, 3, LIMIT_TEXT);
	memset(r.version, 4, LIMIT_TEXT);
	memset(r.environment, 5, LIMIT_TEXT);
	memset(r.key.id, 6, RECIPIENT_ID_MAX);
	memset(r.from.id, 7, RECIPIENT_ID_MAX);
	put_line(&r, &b);
	assert_true(b.len <= LIMIT_AUDIT_LINE);
	assert_int_equal(audit_line_decode(NULL, view_of(b.p, b.len - 1), &again), COFFER_OK);
	assert_memory_equal(&again, &r, sizeof(r));
	buf_free(&b);
}

static const struct {
	const char *what, *line;
} refused[] = {
	{"nothing", ""},
	{"another beginning", "{\"prev\":\"" ZEROS "\",\"seq\":7}"},
	{"a space", "{ \"seq\":7"},
	{"number 0", "{\"seq\":0,\"prev\":\"" ZEROS
		     "\",\"log\":\"00112233445566778899aabbccddeeff\"," WHEN WHAT WHO MODEL RESOURCES "}"},
	{"a leading zero", "{\"seq\":07,\"prev\":\"" ZEROS
			   "\",\"log\":\"00112233445566778899aabbccddeeff\"," WHEN WHAT WHO MODEL RESOURCES "}"},
	{"a number past 2^63", "{\"seq\":9223372036854775808,\"prev\":\"" ZEROS
			       "\",\"log\":\"00112233445566778899aabbccddeeff\"," WHEN WHAT WHO MODEL RESOURCES "}"},
	{"upper case in a log id",
	 "{\"seq\":7,\"prev\":\"" ZEROS "\",\"log\":\"00112233445566778899AABBCCDDEEFF\"," WHEN WHAT WHO MODEL RESOURCES
	 "}"},
	{"cut short", BEGIN WHEN WHAT WHO MODEL},
	{"something behind", WHOLE " "},
	{"a member twice", BEGIN WHEN WHAT WHO MODEL RESOURCES ",\"errorCode\":\"A\",\"errorCode\":\"A\"}"},
	{"a member of nobody's", BEGIN WHEN WHAT WHO MODEL RESOURCES ",\"extra\":1}"},
	{"another version", BEGIN
	 "\"eventVersion\":\"2.0\",\"eventTime\":\"2026-11-20T13:58:18.123Z\","
	 "\"eventID\":\"01234567-89ab-4cde-8f01-23456789abcd\",\"eventSource\":\"coffer\"," WHAT WHO MODEL RESOURCES
	 "}"},
	{"a category of another event", BEGIN WHEN
	 "\"eventName\":\"Unwrap\",\"eventCategory\":\"Management\",\"readOnly\":true," WHO MODEL RESOURCES "}"},
	{"no reading",
	 BEGIN WHEN "\"eventName\":\"Unwrap\",\"eventCategory\":\"Data\",\"readOnly\":false," WHO MODEL RESOURCES "}"},
	{"members in another order", BEGIN WHAT WHEN WHO MODEL RESOURCES "}"},
	{"a resource that is not in the parameters", BEGIN WHEN WHAT WHO "\"requestParameters\":{}," RESOURCES "}"},
	{"a text that is empty", BEGIN WHEN WHAT WHO MODEL RESOURCES ",\"errorCode\":\"\"}"},
	{"a text for a number", BEGIN WHEN WHAT "\"userIdentity\":{\"type\":\"User\",\"uid\":\"1000\"},"
						"\"additionalEventData\":{}," MODEL RESOURCES "}"},
	{"an escape that need not be", BEGIN WHEN WHAT WHO MODEL RESOURCES ",\"errorCode\":\"\\u0041\"}"},
	{"an error that is too long", BEGIN WHEN WHAT WHO MODEL RESOURCES ",\"errorCode\":\"ABCDEFGHIJKLMNOPQ\"}"},
	{"depth", BEGIN WHEN WHAT WHO "\"requestParameters\":{\"requestParameters\":{}}," RESOURCES "}"},
};

static void
test_refused(void **state)
{
	struct audit_record r;

	(void)state;
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		struct fault f = {.text = ""};

		if (audit_line_decode(&f, view_str(refused[i].line), &r) != COFFER_E_FORMAT)
			fail_msg("%s was read", refused[i].what);
		assert_true(f.text[0] != '\0');
	}
	assert_int_equal(audit_line_decode(NULL,
					   view_str(BEGIN WHEN "\"eventName\":\"Dance\",\"eventCategory\":\"Data\","
							       "\"readOnly\":true}"),
					   &r),
			 COFFER_E_UNSUPPORTED);
}

/* each byte of a line matters */
static void
test_each_byte(void **state)
{
	char line[] = WHOLE;
	struct audit_record r;
	size_t same = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(line) - 1; i++) {
		line[i] ^= 1;
		if (audit_line_decode(NULL, view_str(line), &r) == COFFER_OK && memcmp(&r, &whole, sizeof(r)) == 0)
			same++;
		line[i] ^= 1;
	}
	assert_int_equal(same, 0);
}

static void
test_time(void **state)
{
	static const struct {
		int64_t ns;
		const char *text;
	} times[] = {
		{0, "1970-01-01T00:00:00.000Z"},
		{1999999, "1970-01-01T00:00:00.001Z"},
		{INT64_C(1795183098123456789), "2026-11-20T13:58:18.123Z"},
	};
	char out[AUDIT_TIME_LEN + 1];

	(void)state;
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		audit_time_text(times[i].ns, out);
		assert_string_equal(out, times[i].text);
	}
}

/* printf 'coffer audit log 00112233445566778899aabbccddeeff' | sha256sum */
static void
test_origin(void **state)
{
	uint8_t out[SHA256_LEN];

	(void)state;
	assert_int_equal(audit_origin(NULL, whole.place.log, out), COFFER_OK);
	assert_hex(out, "2ffba03ab713ff66cc61a86f0e7cbe86c7f87ad51023957b56d793e97aa46593");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_write),	cmocka_unit_test(test_read),	cmocka_unit_test(test_there_and_back),
		cmocka_unit_test(test_longest), cmocka_unit_test(test_refused), cmocka_unit_test(test_each_byte),
		cmocka_unit_test(test_time),	cmocka_unit_test(test_origin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
