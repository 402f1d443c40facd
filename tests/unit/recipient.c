/* SPDX-License-Identifier: Apache-2.0 */
#include "format/recipient.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define A20 "AAAAAAAAAAAAAAAAAAAA"
#define WRAPPED A20 A20 A20 A20 A20 "AAAAAAA=" /* 80 bytes */
#define ID "000102030405060708090a0b0c0d0e0f"
#define SALT A20 "AA=="

#define SERVICE(id, version)                                                                                           \
	"{\"alg\":\"gcm\",\"created\":\"2026-11-20T13:58:18Z\",\"id\":" id ",\"kind\":\"awskms\",\"version\":" version \
	",\"wrapped\":\"AAAA\"}"

static const struct {
	const char *text;
	coffer_err err;
} objects[] = {
	{"{\"id\":\"" ID "\",\"kind\":\"aes\",\"wrapped\":\"" WRAPPED "\"}", COFFER_OK},
	{"{\"id\":\"" ID "\",\"kind\":\"x25519\",\"wrapped\":\"" WRAPPED "\"}", COFFER_OK},
	{"{\"kind\":\"passphrase\",\"log_n\":10,\"salt\":\"" SALT "\",\"wrapped\":\"" WRAPPED "\"}", COFFER_OK},
	{"{\"kind\":\"passphrase\",\"log_n\":20,\"salt\":\"" SALT "\",\"wrapped\":\"" WRAPPED "\"}", COFFER_OK},
	{"{\"kind\":\"new\",\"wrapped\":\"x\"}", COFFER_OK},
	{"{\"id\":\"any text\",\"kind\":\"new\",\"more\":[1,{\"a\":null}],\"wrapped\":\"x\"}", COFFER_OK},
	{"{\"id\":7,\"kind\":\"new\",\"wrapped\":\"x\"}", COFFER_OK},
	{"{\"kind\":\"new\",\"wrapped\":\"\"}", COFFER_OK},
	/* what every kind must have */
	{"[]", COFFER_E_FORMAT},
	{"{}", COFFER_E_FORMAT},
	{"{\"kind\":\"aes\"}", COFFER_E_FORMAT},
	{"{\"kind\":\"new\"}", COFFER_E_FORMAT},
	{"{\"wrapped\":\"x\"}", COFFER_E_FORMAT},
	{"{\"kind\":\"\",\"wrapped\":\"x\"}", COFFER_E_FORMAT},
	{"{\"kind\":1,\"wrapped\":\"x\"}", COFFER_E_FORMAT},
	{"{\"kind\":\"new\",\"wrapped\":1}", COFFER_E_FORMAT},
	{"{\"kind\":\"aes\",\"wrapped\":\"\"}", COFFER_E_FORMAT},
	/* a known kind with a missing, unknown or malformed member [F-22] */
	{"{\"kind\":\"aes\",\"wrapped\":\"" WRAPPED "\"}", COFFER_E_FORMAT},
	{"{\"id\":\"" ID "\",\"kind\":\"aes\",\"wrapped\":\"AAAA\"}", COFFER_E_FORMAT},
	{"{\"id\":\"" ID "\",\"kind\":\"aes\",\"wrapped\":\"" WRAPPED "AAAA\"}", COFFER_E_FORMAT},
	{"{\"id\":\"" ID "\",\"kind\":\"aes\",\"wrapped\":\"!" WRAPPED "\"}", COFFER_E_FORMAT},
	{"{\"id\":\"" ID "00\",\"kind\":\"aes\",\"wrapped\":\"" WRAPPED "\"}", COFFER_E_FORMAT},
	{"{\"id\":\"000102030405060708090A0B0C0D0E0F\",\"kind\":\"aes\",\"wrapped\":\"" WRAPPED "\"}", COFFER_E_FORMAT},
	{"{\"id\":\"\",\"kind\":\"x25519\",\"wrapped\":\"" WRAPPED "\"}", COFFER_E_FORMAT},
	{"{\"id\":\"" ID "\",\"kind\":\"aes\",\"more\":1,\"wrapped\":\"" WRAPPED "\"}", COFFER_E_FORMAT},
	{"{\"id\":\"" ID "\",\"kind\":\"passphrase\",\"log_n\":10,\"salt\":\"" SALT "\",\"wrapped\":\"" WRAPPED "\"}",
	 COFFER_E_FORMAT},
	{"{\"kind\":\"passphrase\",\"salt\":\"" SALT "\",\"wrapped\":\"" WRAPPED "\"}", COFFER_E_FORMAT},
	{"{\"kind\":\"passphrase\",\"log_n\":10,\"wrapped\":\"" WRAPPED "\"}", COFFER_E_FORMAT},
	{"{\"kind\":\"passphrase\",\"log_n\":9,\"salt\":\"" SALT "\",\"wrapped\":\"" WRAPPED "\"}", COFFER_E_FORMAT},
	{"{\"kind\":\"passphrase\",\"log_n\":21,\"salt\":\"" SALT "\",\"wrapped\":\"" WRAPPED "\"}", COFFER_E_FORMAT},
	{"{\"kind\":\"passphrase\",\"log_n\":\"10\",\"salt\":\"" SALT "\",\"wrapped\":\"" WRAPPED "\"}",
	 COFFER_E_FORMAT},
	{"{\"kind\":\"passphrase\",\"log_n\":10,\"salt\":\"AAAA\",\"wrapped\":\"" WRAPPED "\"}", COFFER_E_FORMAT},
	{"{\"created\":\"2026-11-20T13:58:18Z\",\"id\":\"" ID "\",\"kind\":\"aes\",\"wrapped\":\"" WRAPPED "\"}",
	 COFFER_OK},
	{"{\"created\":\"1970-01-01T00:00:00Z\",\"id\":\"" ID "\",\"kind\":\"aes\",\"wrapped\":\"" WRAPPED "\"}",
	 COFFER_E_FORMAT},
	{"{\"created\":1,\"id\":\"" ID "\",\"kind\":\"aes\",\"wrapped\":\"" WRAPPED "\"}", COFFER_E_FORMAT},
	{SERVICE("\"key\"", "\"2\""), COFFER_E_FORMAT}, /* outside of «services» */
};

/* What stands in «services», and what its reading gives. */
static const struct {
	const char *text;
	coffer_err err;
} of_services[] = {
	{SERVICE("\"key\"", "\"2\""), COFFER_OK},
	{SERVICE("\"key\"", "\"\""), COFFER_OK},
	{SERVICE("\"\"", "\"2\""), COFFER_E_FORMAT},
	{SERVICE("1", "\"2\""), COFFER_E_FORMAT},
	{SERVICE("\"key\"", "2"), COFFER_E_FORMAT},
	{"{\"kind\":\"new\",\"wrapped\":\"\"}", COFFER_OK},
	{"{\"id\":\"" ID "\",\"kind\":\"aes\",\"wrapped\":\"" WRAPPED "\"}", COFFER_E_FORMAT},
};

/* What is read is written again to the byte, of unknown kinds too. */
static void
check_object(const char *text, bool is_service, coffer_err want)
{
	struct buf out = BUF_INIT(10000);
	struct fault f = {.text = ""};
	struct recipient r;
	struct doc *d, *again;

	assert_int_equal(doc_parse(&f, "it", view_str(text), &d), COFFER_OK);
	if (recipient_read(&f, d, is_service, &r) != want)
		fail_msg("%s: %s", text, f.text);
	if (want == COFFER_OK) {
		again = recipient_doc(&r);
		assert_int_equal(doc_canonical(&f, again, &out), COFFER_OK);
		assert_int_equal(out.len, strlen(text));
		assert_memory_equal(out.p, text, out.len);
		assert_int_equal(r.is_service, is_service);
		doc_free(&again);
	}
	recipient_clear(&r);
	buf_free(&out);
	doc_free(&d);
}

static void
test_objects(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(objects) / sizeof(objects[0]); i++)
		check_object(objects[i].text, false, objects[i].err);
	for (size_t i = 0; i < sizeof(of_services) / sizeof(of_services[0]); i++)
		check_object(of_services[i].text, true, of_services[i].err);
}

static void
test_fields(void **state)
{
	struct recipient r;
	struct doc *d;

	(void)state;
	assert_int_equal(doc_parse(NULL, "it", view_str(objects[0].text), &d), COFFER_OK);
	assert_int_equal(recipient_read(NULL, d, false, &r), COFFER_OK);
	assert_string_equal(r.kind, "aes");
	assert_string_equal(r.id, ID);
	assert_int_equal(r.wrapped_len, 80);
	assert_null(r.foreign);
	doc_free(&d);
	assert_int_equal(doc_parse(NULL, "it", view_str(objects[3].text), &d), COFFER_OK);
	assert_int_equal(recipient_read(NULL, d, false, &r), COFFER_OK);
	assert_int_equal(r.scrypt_log_n, 20);
	assert_string_equal(r.id, "");
	doc_free(&d);
	assert_int_equal(doc_parse(NULL, "it", view_str(objects[5].text), &d), COFFER_OK);
	assert_int_equal(recipient_read(NULL, d, false, &r), COFFER_OK);
	assert_string_equal(r.kind, "new");
	assert_string_equal(r.id, "any text");
	assert_string_equal(r.foreign, objects[5].text);
	recipient_clear(&r);
	assert_null(r.foreign);
	doc_free(&d);
	assert_int_equal(doc_parse(NULL, "it", view_str(of_services[0].text), &d), COFFER_OK);
	assert_int_equal(recipient_read(NULL, d, true, &r), COFFER_OK);
	assert_string_equal(r.id, "key");
	assert_string_equal(r.version, "2");
	assert_string_equal(r.alg, "gcm");
	assert_int_equal(r.created, 1795183098);
	assert_int_equal(r.wrapped_len, 3);
	doc_free(&d);
}

/* the longest foreign one, and longer */
static void
test_long(void **state)
{
	static const size_t lens[] = {1, 2732, 2733};
	static char text[4000], wrapped[3000];

	(void)state;
	memset(wrapped, 'x', sizeof(wrapped) - 1);
	for (size_t i = 0; i < 3; i++) {
		struct recipient r;
		struct doc *d;

		(void)snprintf(text, sizeof(text), "{\"kind\":\"new\",\"wrapped\":\"%.*s\"}", (int)lens[i], wrapped);
		assert_int_equal(doc_parse(NULL, "it", view_str(text), &d), COFFER_OK);
		assert_int_equal(recipient_read(NULL, d, false, &r), i < 2 ? COFFER_OK : COFFER_E_FORMAT);
		recipient_clear(&r);
		doc_free(&d);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_objects),
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
