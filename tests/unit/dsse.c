/* SPDX-License-Identifier: Apache-2.0 */
#include "sign/dsse.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define BYTES(s) (s), sizeof(s) - 1

static const struct {
	const char *type;
	const char *payload;
	size_t payload_len;
	const char *pae;
	size_t pae_len;
} encodings[] = {
	/* of protocol.md */
	{"http://example.com/HelloWorld", BYTES("hello world"),
	 BYTES("DSSEv1 29 http://example.com/HelloWorld 11 hello world")},
	{DSSE_IN_TOTO, BYTES("{}"), BYTES("DSSEv1 28 application/vnd.in-toto+json 2 {}")},
	{"", BYTES(""), BYTES("DSSEv1 0  0 ")},
	{"t", BYTES("a\0\xff\n"), BYTES("DSSEv1 1 t 4 a\0\xff\n")},
};

static void
test_pae(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(encodings) / sizeof(encodings[0]); i++) {
		struct view payload = view_of(encodings[i].payload, encodings[i].payload_len);
		struct buf pae = BUF_INIT(1000);
		uint8_t whole[DIGEST_MAX], parts[DIGEST_MAX];

		assert_int_equal(dsse_pae(NULL, encodings[i].type, payload, &pae), COFFER_OK);
		assert_int_equal(pae.len, encodings[i].pae_len);
		assert_memory_equal(pae.p, encodings[i].pae, pae.len);
		assert_int_equal(digest_of(NULL, DIGEST_SHA384, buf_view(&pae), whole), COFFER_OK);
		assert_int_equal(dsse_digest(NULL, DIGEST_SHA384, encodings[i].type, payload, parts), COFFER_OK);
		assert_memory_equal(whole, parts, 48);
		buf_free(&pae);
	}
}

static void
test_type_too_long(void **state)
{
	char type[1000];
	uint8_t hash[DIGEST_MAX];
	struct buf pae = BUF_INIT(4000);

	(void)state;
	memset(type, 't', sizeof(type));
	type[DSSE_TYPE_MAX] = '\0';
	assert_int_equal(dsse_pae(NULL, type, view_str("x"), &pae), COFFER_OK);
	buf_free(&pae);
	type[DSSE_TYPE_MAX] = 't';
	type[sizeof(type) - 1] = '\0';
	assert_int_equal(dsse_pae(NULL, type, view_str("x"), &pae), COFFER_E_FORMAT);
	assert_int_equal(dsse_pae_v02(NULL, type, view_str("x"), &pae), COFFER_E_FORMAT);
	assert_int_equal(dsse_digest(NULL, DIGEST_SHA256, type, view_str("x"), hash), COFFER_E_FORMAT);
	assert_int_equal(pae.len, 0);
	/* the ceiling of the caller's buffer holds */
	pae.max = 12;
	assert_int_equal(dsse_pae(NULL, "t", view_str("hello"), &pae), COFFER_E_NOMEM);
	buf_free(&pae);
	assert_int_equal(dsse_pae_v02(NULL, "t", view_str("hello"), &pae), COFFER_E_NOMEM);
	buf_free(&pae);
}

/* as Python 3.11 shows them */
static const struct {
	const char *payload;
	size_t len;
	const char *shown;
} reprs[] = {
	{BYTES(""), "DSSEV1 1 t 0 b''"},
	{BYTES("{\n \"a\": 1\n}"), "DSSEV1 1 t 11 b'{\\n \"a\": 1\\n}'"},
	{BYTES("\t\r\\ ~"), "DSSEV1 1 t 5 b'\\t\\r\\\\ ~'"},
	{BYTES("\0\x01\x1f\x7f\x80\xff"), "DSSEV1 1 t 6 b'\\x00\\x01\\x1f\\x7f\\x80\\xff'"},
	{BYTES("it's"), "DSSEV1 1 t 4 b\"it's\""},
	{BYTES("it's \"it\""), "DSSEV1 1 t 9 b'it\\'s \"it\"'"},
	{BYTES("\"it\""), "DSSEV1 1 t 4 b'\"it\"'"},
};

static void
test_v02(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(reprs) / sizeof(reprs[0]); i++) {
		struct buf pae = BUF_INIT(1000);

		assert_int_equal(dsse_pae_v02(NULL, "t", view_of(reprs[i].payload, reprs[i].len), &pae), COFFER_OK);
		assert_int_equal(pae.len, strlen(reprs[i].shown));
		assert_memory_equal(pae.p, reprs[i].shown, pae.len);
		buf_free(&pae);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pae),
		cmocka_unit_test(test_type_too_long),
		cmocka_unit_test(test_v02),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
