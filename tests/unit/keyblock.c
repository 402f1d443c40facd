/* SPDX-License-Identifier: Apache-2.0 */
#include "format/keyblock.h"
#include "support/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static const uint8_t dek[DEK_LEN] = {0xd0, 0xd1}, other_dek[DEK_LEN] = {0xe0};

/* a key block of two files, with all that may be in one */
static void
fill(struct keyblock *k)
{
	*k = (struct keyblock)KEYBLOCK_INIT;
	memcpy(k->model_id, "0123456789abcdef", MODEL_ID_LEN);
	PUT(k->name, "a \"model\" \\ \xe6\xa8\xa1");
	k->generation = 7;
	k->context = calloc(2, sizeof(*k->context));
	k->n_context = 2;
	PUT(k->context[0].key, "license");
	PUT(k->context[0].value, "MIT");
	PUT(k->context[1].key, "z");
	k->recipients = calloc(1, sizeof(*k->recipients));
	k->n_recipients = 1;
	PUT(k->recipients[0].kind, "aes");
	PUT(k->recipients[0].id, "000102030405060708090a0b0c0d0e0f");
	k->recipients[0].wrapped_len = 80;
	k->files = calloc(2, sizeof(*k->files));
	k->n_files = 2;
	k->files[0] = (struct keyblock_file){.path = strdup("a/b"), .size = 5, .sealed = true, .head = {0x77}};
	k->files[1] = (struct keyblock_file){.path = strdup("c"), .size = LIMIT_SIZE, .sealed = false};
}

static void
encode(struct buf *out)
{
	struct keyblock k;

	fill(&k);
	assert_int_equal(keyblock_encode(NULL, &k, dek, out), COFFER_OK);
	keyblock_free(&k);
}

static void
test_round_trip(void **state)
{
	struct buf text = BUF_INIT(10000), again = BUF_INIT(10000);
	struct keyblock k = KEYBLOCK_INIT;

	(void)state;
	encode(&text);
	assert_int_equal(keyblock_decode(NULL, buf_view(&text), &k), COFFER_OK);
	assert_int_equal(keyblock_verify(NULL, &k, dek), COFFER_OK);
	assert_string_equal(k.name, "a \"model\" \\ \xe6\xa8\xa1");
	assert_string_equal(k.version, "");
	assert_int_equal(k.generation, 7);
	assert_int_equal(k.n_context, 2);
	assert_string_equal(k.context[0].value, "MIT");
	assert_string_equal(k.recipients[0].kind, "aes");
	assert_string_equal(k.files[0].path, "a/b");
	assert_true(k.files[0].sealed && !k.files[1].sealed && k.files[1].size == LIMIT_SIZE);
	assert_int_equal(keyblock_find(&k, "a/b"), 0);
	assert_int_equal(keyblock_find(&k, "c"), 1);
	assert_int_equal(keyblock_find(&k, "b"), SIZE_MAX);
	assert_int_equal(keyblock_find(&k, ""), SIZE_MAX);
	assert_int_equal(keyblock_encode(NULL, &k, dek, &again), COFFER_OK);
	assert_int_equal(again.len, text.len);
	assert_memory_equal(again.p, text.p, text.len);
	keyblock_free(&k);
	buf_free(&text);
	buf_free(&again);
}

/* The text itself.  Commitment and MAC are those that python3 (hmac, hashlib) gives. */
static void
test_text(void **state)
{
	struct buf text = BUF_INIT(10000);

	(void)state;
	encode(&text);
	assert_int_equal(buf_add(NULL, &text, "", 1), COFFER_OK);
	assert_string_equal(
		(char *)text.p,
		""
		"{\"coffer\":1,\"commitment\":\"1145f05453401b0c8760c52d468707f1fdee9cc58eaa13c757048a62028f57b2\","
		"\"context\":{\"license\":\"MIT\","
		"\"z\":\"\"},\"files\":[{\"head\":\"7700000000000000000000000000000000000000000000000000000000000000\","
		"\"path\":\"a/b\",\"size\":5},{\"head\":\"\",\"path\":\"c\","
		"\"size\":4503599627370496}],\"generation\":7,\"mac\":"
		"\"1de18c7f1496585c868ef376fb8805ef066712a66edfe89ff1f798ed5f41c4f6\","
		"\"model_id\":\"30313233343536373839616263646566\","
		"\"name\":\"a \\\"model\\\" \\\\ \xe6\xa8\xa1\","
		"\"recipients\":[{\"id\":\"000102030405060708090a0b0c0d0e0f\",\"kind\":\"aes\","
		"\"wrapped\":"
		"\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
		"AAAAAAA=\"}],\"version\":\"\"}\n");
	buf_free(&text);
}

static void
test_binding(void **state)
{
	struct buf text = BUF_INIT(10000);
	struct keyblock k;

	(void)state;
	fill(&k);
	assert_int_equal(keyblock_binding(NULL, &k, &text), COFFER_OK);
	assert_int_equal(buf_add(NULL, &text, "", 1), COFFER_OK);
	assert_string_equal(
		(char *)text.p,
		"{\"context\":{\"license\":\"MIT\",\"z\":\"\"},\"model_id\":\"30313233343536373839616263646566\","
		"\"name\":\"a \\\"model\\\" \\\\ \xe6\xa8\xa1\",\"version\":\"\"}");
	buf_free(&text);
	keyblock_free(&k);
}

static void
test_verify(void **state)
{
	struct buf text = BUF_INIT(10000);
	struct keyblock k = KEYBLOCK_INIT;
	struct fault f = {.text = ""};

	(void)state;
	encode(&text);
	assert_int_equal(keyblock_decode(NULL, buf_view(&text), &k), COFFER_OK);
	assert_int_equal(keyblock_verify(&f, &k, other_dek), COFFER_E_AUTH);
	assert_non_null(strstr(f.text, "commitment"));
	k.mac[31] ^= 1;
	assert_int_equal(keyblock_verify(&f, &k, dek), COFFER_E_AUTH);
	assert_non_null(strstr(f.text, "MAC"));
	k.mac[31] ^= 1;
	k.commitment[0] ^= 0x80;
	assert_int_equal(keyblock_verify(&f, &k, dek), COFFER_E_AUTH);
	assert_non_null(strstr(f.text, "commitment"));
	keyblock_free(&k);
	buf_free(&text);
}

/* Every byte, to three other values: refused as text, or by the MAC. */
static void
test_every_byte(void **state)
{
	static const uint8_t by[] = {0x01, 0x20, 0x80};
	struct buf text = BUF_INIT(10000);
	unsigned int decoded = 0;

	(void)state;
	encode(&text);
	for (size_t i = 0; i < 3 * text.len; i++) {
		struct keyblock k = KEYBLOCK_INIT;

		text.p[i / 3] ^= by[i % 3];
		if (keyblock_decode(NULL, buf_view(&text), &k) == COFFER_OK) {
			decoded++;
			if (keyblock_verify(NULL, &k, dek) != COFFER_E_AUTH)
				fail_msg("byte %zu may be changed", i / 3);
		}
		text.p[i / 3] ^= by[i % 3];
		keyblock_free(&k);
	}
	assert_true(decoded > 100); /* the MAC had work to do */
	for (size_t len = 0; len < text.len; len++) {
		struct keyblock k = KEYBLOCK_INIT;

		assert_int_equal(keyblock_decode(NULL, view_of(text.p, len), &k), COFFER_E_FORMAT);
	}
	buf_free(&text);
}

/* In the good text, put @by in place of the first @what. */
static const struct {
	const char *what, *by;
	coffer_err err;
} edits[] = {
	{"", "", COFFER_OK},
	{"\"coffer\":1", "\"coffer\":2", COFFER_E_UNSUPPORTED},
	{"\"coffer\":1", "\"coffer\":0", COFFER_E_UNSUPPORTED},
	{"\"coffer\":1", "\"coffer\":\"1\"", COFFER_E_FORMAT},
	{"\"coffer\":1,", "", COFFER_E_FORMAT},
	{"\"version\":\"\"", "\"version\":\"\",\"w\":1", COFFER_E_FORMAT},
	{",\"version\":\"\"", "", COFFER_E_FORMAT},
	{"\"version\":\"\"", "\"version\":null", COFFER_E_FORMAT},
	{"\"version\":\"\"", "\"version\":\"1.0\"", COFFER_OK},
	/* canonical form [F-12] */
	{"{\"coffer\"", " {\"coffer\"", COFFER_E_FORMAT},
	{",\"commitment\"", ", \"commitment\"", COFFER_E_FORMAT},
	{"}\n", "}", COFFER_E_FORMAT},
	{"}\n", "}\n\n", COFFER_E_FORMAT},
	{"}\n", "}\r\n", COFFER_E_FORMAT},
	{"\"license\"", "\"licen\\u0073e\"", COFFER_E_FORMAT},
	{"\"generation\":7", "\"generation\":7.0", COFFER_E_FORMAT},
	{"\"generation\":7", "\"generation\":70e-1", COFFER_E_FORMAT},
	{"\"license\":\"MIT\",\"z\":\"\"", "\"z\":\"\",\"license\":\"MIT\"", COFFER_E_FORMAT},
	{"\"generation\":7", "\"generation\":7,\"generation\":7", COFFER_E_FORMAT},
	/* generation */
	{"\"generation\":7", "\"generation\":0", COFFER_E_FORMAT},
	{"\"generation\":7", "\"generation\":-1", COFFER_E_FORMAT},
	{"\"generation\":7", "\"generation\":-0", COFFER_E_FORMAT},
	{"\"generation\":7", "\"generation\":9007199254740991", COFFER_OK},
	{"\"generation\":7", "\"generation\":9007199254740992", COFFER_E_FORMAT},
	/* name, context [F-13] */
	{"\"name\":\"a ", "\"name\":\"a\\n ", COFFER_E_FORMAT},
	{"\"license\"", "\"License\"", COFFER_E_FORMAT},
	{"\"license\"", "\".license\"", COFFER_E_FORMAT},
	{"\"license\"", "\"\"", COFFER_E_FORMAT},
	{"\"license\":\"MIT\"", "\"license\":1", COFFER_E_FORMAT},
	{"\"context\":{\"license\":\"MIT\",\"z\":\"\"}", "\"context\":{}", COFFER_OK},
	{"\"context\":{\"license\":\"MIT\",\"z\":\"\"}", "\"context\":[]", COFFER_E_FORMAT},
	/* files */
	{"\"path\":\"a/b\"", "\"path\":\"../b\"", COFFER_E_FORMAT},
	{"\"path\":\"a/b\"", "\"path\":\"d\"", COFFER_E_FORMAT},   /* out of order */
	{"\"path\":\"a/b\"", "\"path\":\"c\"", COFFER_E_FORMAT},   /* doubled */
	{"\"path\":\"a/b\"", "\"path\":\"C\"", COFFER_E_FORMAT},   /* folds */
	{"\"path\":\"c\"", "\"path\":\"a/b/c\"", COFFER_E_FORMAT}, /* a file in a file */
	{"\"path\":\"a/b\"", "\"path\":\"\"", COFFER_E_FORMAT},
	{"\"size\":5", "\"size\":\"5\"", COFFER_E_FORMAT},
	{"\"size\":4503599627370496", "\"size\":4503599627370497", COFFER_E_FORMAT},
	{"\"head\":\"77", "\"head\":\"7", COFFER_E_FORMAT},
	{"\"size\":5", "\"size\":5,\"sizf\":1", COFFER_E_FORMAT},
	/* recipients */
	{"\"kind\":\"aes\"", "\"kind\":\"aes2\"", COFFER_OK}, /* an unknown one, kept */
	{"\"recipients\":[", "\"recipients\":[[],", COFFER_E_FORMAT},
	{"\"recipients\":[", "\"recipients\":[{\"kind\":\"k\",\"n\":1.5,\"wrapped\":\"x\"},", COFFER_E_FORMAT},
	{"\"recipients\":[", "\"recipients\":[{\"kind\":\"k\",\"n\":\"\\u0001\",\"wrapped\":\"x\"},", COFFER_E_FORMAT},
	{"\"recipients\":[", "\"recipients\":[{\"kind\":\"k\",\"n\":[{}],\"wrapped\":\"x\"},", COFFER_OK},
	{"\"id\":\"000102", "\"id\":\"00010", COFFER_E_FORMAT},
	{"\"model_id\":\"30", "\"model_id\":\"3", COFFER_E_FORMAT},
	{"\"mac\":\"", "\"mac\":\"0", COFFER_E_FORMAT},
};

static coffer_err
decode_edited(struct fault *f, const char *text, const char *what, const char *by)
{
	const char *at = strstr(text, what);
	struct buf edited = BUF_INIT(LIMIT_KEYBLOCK);
	struct keyblock k = KEYBLOCK_INIT;
	coffer_err err;

	assert_non_null(at);
	assert_int_equal(buf_add(NULL, &edited, text, (size_t)(at - text)), COFFER_OK);
	assert_int_equal(buf_str(NULL, &edited, by), COFFER_OK);
	assert_int_equal(buf_str(NULL, &edited, at + strlen(what)), COFFER_OK);
	err = keyblock_decode(f, buf_view(&edited), &k);
	/* nobody without the key can change a thing */
	if (err == COFFER_OK && strcmp(what, by) != 0)
		assert_int_equal(keyblock_verify(NULL, &k, dek), COFFER_E_AUTH);
	keyblock_free(&k);
	buf_free(&edited);
	return err;
}

static void
test_edits(void **state)
{
	struct buf text = BUF_INIT(10000);

	(void)state;
	encode(&text);
	assert_int_equal(buf_add(NULL, &text, "", 1), COFFER_OK);
	for (size_t i = 0; i < sizeof(edits) / sizeof(edits[0]); i++) {
		struct fault f = {.text = ""};

		if (decode_edited(&f, (char *)text.p, edits[i].what, edits[i].by) != edits[i].err)
			fail_msg("%s -> %s: %s", edits[i].what, edits[i].by, f.text);
	}
	buf_free(&text);
}

#define FOREIGN "{\"kind\":\"k\",\"wrapped\":\"x\"},"

/* lists at their ceilings, and one past them */
static void
test_limits(void **state)
{
	struct buf text = BUF_INIT(10000);
	static char many[32 * sizeof(FOREIGN) + 100], pairs[4000], name[600];
	struct fault f = {.text = ""};

	(void)state;
	encode(&text);
	assert_int_equal(buf_add(NULL, &text, "", 1), COFFER_OK);
	PUT(many, "\"recipients\":[");
	for (int i = 1; i < 32; i++)
		APPEND(many, FOREIGN);
	assert_int_equal(decode_edited(&f, (char *)text.p, "\"recipients\":[", many), COFFER_OK);
	APPEND(many, FOREIGN);
	assert_int_equal(decode_edited(&f, (char *)text.p, "\"recipients\":[", many), COFFER_E_FORMAT);
	assert_string_equal(f.text, "key block: 33 recipients; 1 to 32 are allowed");

	PUT(pairs, "\"context\":{");
	for (int i = 0; i < 30; i++)
		(void)snprintf(pairs + strlen(pairs), 16, "\"a%02d\":\"v\",", i);
	assert_int_equal(decode_edited(&f, (char *)text.p, "\"context\":{", pairs), COFFER_OK);
	APPEND(pairs, "\"b\":\"v\",");
	assert_int_equal(decode_edited(&f, (char *)text.p, "\"context\":{", pairs), COFFER_E_FORMAT);

	(void)snprintf(name, sizeof(name), "\"version\":\"%0256d\"", 0);
	assert_int_equal(decode_edited(&f, (char *)text.p, "\"version\":\"\"", name), COFFER_OK);
	(void)snprintf(name, sizeof(name), "\"version\":\"%0257d\"", 0);
	assert_int_equal(decode_edited(&f, (char *)text.p, "\"version\":\"\"", name), COFFER_E_FORMAT);
	buf_free(&text);
}

static void
test_context_keys(void **state)
{
	char key[66];

	(void)state;
	assert_true(keyblock_context_key_ok("a") && keyblock_context_key_ok("0.b_c-d"));
	assert_false(keyblock_context_key_ok("") || keyblock_context_key_ok("_a") || keyblock_context_key_ok("-a") ||
		     keyblock_context_key_ok(".a") || keyblock_context_key_ok("A") || keyblock_context_key_ok("a b") ||
		     keyblock_context_key_ok("a\n") || keyblock_context_key_ok("\xc3\xa4"));
	memset(key, 'k', 65);
	key[65] = '\0';
	assert_false(keyblock_context_key_ok(key));
	key[64] = '\0';
	assert_true(keyblock_context_key_ok(key));
}

/* ---- services ---- */

/* A recipient of a service beside the other. */
static void
add_service(struct keyblock *k)
{
	struct recipient *r = realloc(k->recipients, 2 * sizeof(*r));

	assert_non_null(r);
	k->recipients = r;
	k->n_recipients = 2;
	memset(&r[1], 0, sizeof(r[1]));
	PUT(r[1].kind, "awskms");
	PUT(r[1].id, "arn:1");
	PUT(r[1].alg, "SYMMETRIC_DEFAULT");
	r[1].created = 1;
	r[1].wrapped_len = 3;
	r[1].is_service = true;
}

/* The MAC does not depend on them, so they change without the DEK; everything else does not. */
static void
test_services(void **state)
{
	static const char services[] = "\"services\":{\"edition\":1,\"recipients\":[{\"alg\":";
	struct buf without = BUF_INIT(10000), with = BUF_INIT(10000), changed = BUF_INIT(10000);
	struct keyblock k, back = KEYBLOCK_INIT, last = KEYBLOCK_INIT;
	struct fault f = {.text = ""};

	(void)state;
	encode(&without);
	fill(&k);
	add_service(&k);
	assert_int_equal(keyblock_encode(NULL, &k, dek, &with), COFFER_OK);
	assert_int_equal(k.edition, 1);
	keyblock_free(&k);

	/* «,"services":{…}» before «,"version"», and nothing else */
	assert_int_equal(keyblock_decode(&f, buf_view(&with), &back), COFFER_OK);
	assert_non_null(memmem(with.p, with.len, services, strlen(services)));
	assert_int_equal(keyblock_decode(NULL, buf_view(&without), &last), COFFER_OK);
	assert_int_equal(last.edition, 0);
	assert_memory_equal(back.mac, last.mac, 32);
	assert_int_equal(keyblock_verify(NULL, &back, dek), COFFER_OK);
	assert_int_equal(back.n_recipients, 2);
	assert_true(back.recipients[1].is_service && !back.recipients[0].is_service);
	keyblock_free(&last);

	back.recipients[1].wrapped[0] ^= 1;
	PUT(back.recipients[1].version, "2");
	assert_int_equal(keyblock_encode_services(&f, &back, &changed), COFFER_OK);
	assert_int_equal(keyblock_decode(NULL, buf_view(&changed), &last), COFFER_OK);
	assert_int_equal(last.edition, 2);
	assert_int_equal(last.generation, back.generation);
	assert_string_equal(last.recipients[1].version, "2");
	assert_int_equal(keyblock_verify(NULL, &last, dek), COFFER_OK);

	/* of one generation the edition decides */
	back.edition = 1;
	assert_true(keyblock_is_newer(&last, &back) && !keyblock_is_newer(&back, &last));
	back.generation++;
	assert_true(keyblock_is_newer(&back, &last) && !keyblock_is_newer(&last, &back));
	assert_false(keyblock_is_newer(&last, &last));

	/* what is under the MAC must be as it was */
	changed.len = 0;
	assert_int_equal(keyblock_encode_services(&f, &back, &changed), COFFER_E_INTERNAL);
	back.generation--;
	PUT(back.recipients[0].id, "100102030405060708090a0b0c0d0e0f");
	assert_int_equal(keyblock_encode_services(&f, &back, &changed), COFFER_E_INTERNAL);
	assert_int_equal(changed.len, 0);
	last.edition = DOC_NUMBER_MAX;
	assert_int_equal(keyblock_encode_services(&f, &last, &changed), COFFER_E_FORMAT);
	keyblock_free(&back);
	keyblock_free(&last);
	buf_free(&without);
	buf_free(&with);
	buf_free(&changed);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip), cmocka_unit_test(test_text),		cmocka_unit_test(test_binding),
		cmocka_unit_test(test_verify),	   cmocka_unit_test(test_every_byte),	cmocka_unit_test(test_edits),
		cmocka_unit_test(test_limits),	   cmocka_unit_test(test_context_keys), cmocka_unit_test(test_services),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
