/* SPDX-License-Identifier: Apache-2.0 */
/* Heads of encrypted files of other programs: what is written reads back, and each one fault is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/num.h"
#include "data/doc.h"
#include "format/foreign.h"

#define HASH "00000000000000000000000000000000000000000000000000000000000000ff"
#define ENC_JSON(version, algorithm, size, hash, aad)                                                                  \
	"{\"version\": " version ", \"algorithm\": \"" algorithm "\", \"plaintext_size\": " size                       \
	", \"plaintext_hash\": \"" hash "\", \"has_aad\": " aad "}"
#define ENV_JSON(version, dek, nonce, metadata, hash)                                                                  \
	"{\"version\": " version ", \"kms_key_id\": \"k\", \"encrypted_dek\": \"" dek "\", \"nonce\": \"" nonce        \
	"\", \"metadata\": " metadata ", \"plaintext_hash\": \"" hash "\"}"
#define NONCE "AAECAwQFBgcICQoL" /* 0 to 11 */
#define PAYLOAD 5		 /* bytes of plaintext */

static const struct {
	const char *name;
	enum coffer_format format;
	const char *json;
	coffer_err err;
} documents[] = {
	{"encmodel", COFFER_FORMAT_ENCMODEL, ENC_JSON("1", "AES-256-GCM", "5", HASH, "true"), COFFER_OK},
	{"encmodel, other order", COFFER_FORMAT_ENCMODEL,
	 "{\"has_aad\":false,\"x\":[],\"plaintext_hash\":\"" HASH
	 "\",\"plaintext_size\":5,\"algorithm\":\"AES-256-GCM\",\"version\":1}",
	 COFFER_OK},
	{"version 2", COFFER_FORMAT_ENCMODEL, ENC_JSON("2", "AES-256-GCM", "5", HASH, "true"), COFFER_E_UNSUPPORTED},
	{"version text", COFFER_FORMAT_ENCMODEL, ENC_JSON("\"1\"", "AES-256-GCM", "5", HASH, "true"), COFFER_E_FORMAT},
	{"algorithm", COFFER_FORMAT_ENCMODEL, ENC_JSON("1", "AES-128-GCM", "5", HASH, "true"), COFFER_E_UNSUPPORTED},
	{"size", COFFER_FORMAT_ENCMODEL, ENC_JSON("1", "AES-256-GCM", "6", HASH, "true"), COFFER_E_FORMAT},
	{"negative size", COFFER_FORMAT_ENCMODEL, ENC_JSON("1", "AES-256-GCM", "-5", HASH, "true"), COFFER_E_FORMAT},
	{"hash", COFFER_FORMAT_ENCMODEL, ENC_JSON("1", "AES-256-GCM", "5", "00ff", "true"), COFFER_E_FORMAT},
	{"has_aad", COFFER_FORMAT_ENCMODEL, ENC_JSON("1", "AES-256-GCM", "5", HASH, "1"), COFFER_E_FORMAT},
	{"no JSON", COFFER_FORMAT_ENCMODEL, "", COFFER_E_FORMAT},
	{"an array", COFFER_FORMAT_ENCMODEL, "[]", COFFER_E_FORMAT},
	{"envmodel", COFFER_FORMAT_ENVMODEL, ENV_JSON("1", "AAAA", NONCE, "{\"a\":1}", HASH), COFFER_OK},
	{"version 0", COFFER_FORMAT_ENVMODEL, ENV_JSON("0", "AAAA", NONCE, "{}", HASH), COFFER_E_UNSUPPORTED},
	{"no DEK", COFFER_FORMAT_ENVMODEL, ENV_JSON("1", "", NONCE, "{}", HASH), COFFER_E_FORMAT},
	{"DEK", COFFER_FORMAT_ENVMODEL, ENV_JSON("1", "AAA", NONCE, "{}", HASH), COFFER_E_FORMAT},
	{"short nonce", COFFER_FORMAT_ENVMODEL, ENV_JSON("1", "AAAA", "AAECAwQFBgcICQo=", "{}", HASH), COFFER_E_FORMAT},
	{"long nonce", COFFER_FORMAT_ENVMODEL, ENV_JSON("1", "AAAA", NONCE "AAAA", "{}", HASH), COFFER_E_FORMAT},
	{"metadata", COFFER_FORMAT_ENVMODEL, ENV_JSON("1", "AAAA", NONCE, "[]", HASH), COFFER_E_FORMAT},
	{"twice", COFFER_FORMAT_ENVMODEL, ENV_JSON("1", "AAAA", NONCE, "{\"a\":1,\"a\":1}", HASH), COFFER_E_FORMAT},
	{"hash", COFFER_FORMAT_ENVMODEL, ENV_JSON("1", "AAAA", NONCE, "{}", "x"), COFFER_E_FORMAT},
};

/* Both steps of a reader; @file_size is of head, ciphertext and tag. */
static coffer_err
read_head(enum coffer_format format, struct view file, uint64_t file_size, struct foreign *h)
{
	struct fault f = {.err = COFFER_OK};
	size_t len;
	coffer_err err;

	*h = (struct foreign)FOREIGN_INIT;
	err = foreign_head_len(&f, format, view_of(file.p, num_min(file.len, FOREIGN_START_LEN)), file_size, &len);
	if (err == COFFER_OK)
		err = foreign_decode(&f, format, view_of(file.p, len), file_size, h);
	assert_int_equal(f.err, err);
	assert_int_equal(err == COFFER_OK, f.text[0] == '\0');
	return err;
}

static void
test_documents(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(documents) / sizeof(documents[0]); i++) {
		struct buf file = BUF_INIT(1 << 16);
		uint8_t len[4], rest[AES_GCM_IV_LEN + PAYLOAD + AES_GCM_TAG_LEN] = {1};
		size_t nonce = documents[i].format == COFFER_FORMAT_ENCMODEL ? 0 : AES_GCM_IV_LEN;
		struct foreign h;

		put_be32(len, (uint32_t)strlen(documents[i].json));
		assert_int_equal(buf_str(NULL, &file, nonce ? "ENVMODEL" : "ENCMODEL"), COFFER_OK);
		assert_int_equal(buf_add(NULL, &file, len, 4), COFFER_OK);
		assert_int_equal(buf_str(NULL, &file, documents[i].json), COFFER_OK);
		assert_int_equal(buf_add(NULL, &file, rest, sizeof(rest) - nonce), COFFER_OK);
		if (read_head(documents[i].format, buf_view(&file), file.len, &h) != documents[i].err)
			fail_msg("%s", documents[i].name);
		if (documents[i].err == COFFER_OK) {
			assert_int_equal(h.cipher_len, PAYLOAD);
			assert_true(h.is_hashed && h.sha256[SHA256_LEN - 1] == 0xff);
		}
		foreign_free(&h);
		buf_free(&file);
	}
}

static const struct {
	const char *name;
	enum coffer_format format;
	struct view head;
	uint64_t size; /* of the file */
	coffer_err err;
} heads[] = {
#define BYTES(text)                                                                                                    \
	{                                                                                                              \
		.p = (const uint8_t *)(text), .len = sizeof(text) - 1                                                  \
	}
#define IV12 "abcdefghijkl"
#define IV16 "abcdefghijklmnop"
	{"cnap", COFFER_FORMAT_CNAP, BYTES("\14\0\0\0\20\0\0\0\25\0\0\0" IV12), 24 + 5 + 16, COFFER_OK},
	{"cnap, empty", COFFER_FORMAT_CNAP, BYTES("\14\0\0\0\20\0\0\0\20\0\0\0" IV12), 24 + 16, COFFER_OK},
	{"cnap, largest", COFFER_FORMAT_CNAP, BYTES("\14\0\0\0\20\0\0\0\377\377\377\377" IV12),
	 24 + UINT64_C(0xffffffff), COFFER_OK},
	{"cnap, larger", COFFER_FORMAT_CNAP, BYTES("\14\0\0\0\20\0\0\0\0\0\0\0" IV12), 24 + UINT64_C(0x100000000),
	 COFFER_E_FORMAT},
	{"cnap, length without tag", COFFER_FORMAT_CNAP, BYTES("\14\0\0\0\20\0\0\0\5\0\0\0" IV12), 45, COFFER_E_FORMAT},
	{"cnap, big-endian", COFFER_FORMAT_CNAP, BYTES("\0\0\0\14\0\0\0\20\0\0\0\25" IV12), 45, COFFER_E_FORMAT},
	{"cnap, IV", COFFER_FORMAT_CNAP, BYTES("\20\0\0\0\20\0\0\0\25\0\0\0" IV12), 45, COFFER_E_FORMAT},
	{"cnap, tag", COFFER_FORMAT_CNAP, BYTES("\14\0\0\0\14\0\0\0\25\0\0\0" IV12), 45, COFFER_E_FORMAT},
	{"cnap, cut", COFFER_FORMAT_CNAP, BYTES("\14\0\0\0\20\0\0\0\20\0\0\0" IV12), 39, COFFER_E_FORMAT},
	{"aes-cbc", COFFER_FORMAT_AES_CBC, BYTES(IV16), 32, COFFER_OK},
	{"aes-cbc, half a block", COFFER_FORMAT_AES_CBC, BYTES(IV16), 40, COFFER_E_FORMAT},
	{"aes-cbc, no block", COFFER_FORMAT_AES_CBC, BYTES(IV16), 16, COFFER_E_FORMAT},
	{"aes-cbc, cut", COFFER_FORMAT_AES_CBC, BYTES(IV12), 12, COFFER_E_FORMAT},
	{"ibm", COFFER_FORMAT_IBM, BYTES(IV16 IV16 IV16), 64, COFFER_OK},
	{"ibm, no block", COFFER_FORMAT_IBM, BYTES(IV16 IV16 IV16), 48, COFFER_E_FORMAT},
	{"encmodel, other magic", COFFER_FORMAT_ENCMODEL, BYTES("ENVMODEL\0\0\0\2{}"), 100, COFFER_E_FORMAT},
	{"encmodel, no magic", COFFER_FORMAT_ENCMODEL, BYTES("encmodel\0\0\0\2{}"), 100, COFFER_E_FORMAT},
	{"encmodel, long JSON", COFFER_FORMAT_ENCMODEL, BYTES("ENCMODEL\0\20\0\1"), UINT64_C(1) << 30, COFFER_E_FORMAT},
	{"encmodel, JSON past the end", COFFER_FORMAT_ENCMODEL, BYTES("ENCMODEL\0\0\1\0"), 200, COFFER_E_FORMAT},
	{"encmodel, magic alone", COFFER_FORMAT_ENCMODEL, BYTES("ENCMODEL"), 8, COFFER_E_FORMAT},
	{"encmodel, empty", COFFER_FORMAT_ENCMODEL, BYTES(""), 0, COFFER_E_FORMAT},
	{"a sealed file", COFFER_FORMAT_ENVMODEL, BYTES("COFFER\0\1xxxx"), 1 << 20, COFFER_E_FORMAT},
	{"coffer", COFFER_FORMAT_COFFER, BYTES(IV16), 32, COFFER_E_INTERNAL},
};

static void
test_heads(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
		struct foreign h;

		if (read_head(heads[i].format, heads[i].head, heads[i].size, &h) != heads[i].err)
			fail_msg("%s", heads[i].name);
		foreign_free(&h);
	}
}

/* What Python would write, to the byte. */
static void
test_written(void **state)
{
	static const char enc[] = "ENCMODEL\0\0\0\246" ENC_JSON("1", "AES-256-GCM", "5", HASH, "true") IV12;
	static const char env[] = "ENVMODEL\0\0\0\303" ENV_JSON("1", "AAAA", "YWJjZGVmZ2hpamts", "{\"a\": 1}", HASH);
	static const char cnap[] = "\14\0\0\0\20\0\0\0\25\0\0\0" IV12;
	const struct {
		enum coffer_format format;
		const char *bytes;
		size_t len;
	} wanted[] = {
		{COFFER_FORMAT_ENCMODEL, enc, sizeof(enc) - 1},
		{COFFER_FORMAT_ENVMODEL, env, sizeof(env) - 1},
		{COFFER_FORMAT_CNAP, cnap, sizeof(cnap) - 1},
		{COFFER_FORMAT_AES_CBC, IV16, 16},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		struct foreign h = FOREIGN_INIT, back;
		struct buf out = BUF_INIT(1 << 16);
		uint64_t size = wanted[i].len + (wanted[i].format == COFFER_FORMAT_AES_CBC ? 16 : PAYLOAD + 16);

		h.format = wanted[i].format;
		h.has_aad = true;
		memcpy(h.iv, IV16, 16);
		memcpy(h.key_id, "k", 2);
		h.sha256[SHA256_LEN - 1] = 0xff;
		assert_int_equal(buf_str(NULL, &h.metadata, "{\"a\": 1}"), COFFER_OK);
		assert_int_equal(buf_add(NULL, &h.wrapped, "\0\0\0", 3), COFFER_OK);
		assert_int_equal(foreign_encode(NULL, &h, PAYLOAD, &out), COFFER_OK);
		assert_int_equal(out.len, wanted[i].len);
		assert_memory_equal(out.p, wanted[i].bytes, out.len);
		assert_int_equal(read_head(h.format, buf_view(&out), size, &back), COFFER_OK);
		assert_memory_equal(back.iv, IV16, aes_iv_len(foreign_mode(h.format)));
		assert_int_equal(back.payload, out.len);
		foreign_free(&back);
		foreign_free(&h);
		buf_free(&out);
	}
}

static void
test_ceilings(void **state)
{
	struct buf out = BUF_INIT(1 << 16);
	struct foreign h = FOREIGN_INIT;

	(void)state;
	h.format = COFFER_FORMAT_CNAP;
	assert_int_equal(foreign_encode(NULL, &h, UINT64_C(0xffffffef), &out), COFFER_OK);
	assert_int_equal(foreign_encode(NULL, &h, UINT64_C(0xfffffff0), &out), COFFER_E_USAGE);
	h.format = COFFER_FORMAT_ENCMODEL;
	assert_int_equal(foreign_encode(NULL, &h, (UINT64_C(1) << 36) - 32, &out), COFFER_OK);
	assert_int_equal(foreign_encode(NULL, &h, (UINT64_C(1) << 36) - 31, &out), COFFER_E_USAGE);
	h.format = COFFER_FORMAT_IBM;
	assert_int_equal(foreign_encode(NULL, &h, 1, &out), COFFER_E_INTERNAL);
	buf_free(&out);
}

static void
test_names(void **state)
{
	enum coffer_format format;

	(void)state;
	for (int i = COFFER_FORMAT_PLAIN; i <= COFFER_FORMAT_IBM; i++) {
		assert_true(coffer_format_find(coffer_format_name((enum coffer_format)i), &format));
		assert_int_equal(format, i);
	}
	assert_null(coffer_format_name(0));
	assert_null(coffer_format_name((enum coffer_format)(COFFER_FORMAT_IBM + 1)));
	assert_false(coffer_format_find("zip", &format));
	assert_int_equal(format, 0);
}

/* Each right side is what Python 3.11 printed. */
static void
test_python_json(void **state)
{
	static const char *const pairs[][2] = {
		{"{\"b\":1,\"a\":[true,false,null,[],{}]}", "{\"b\": 1, \"a\": [true, false, null, [], {}]}"},
		{"[\"\\u00e4\\ud83e\\udd99\\u007f/\\/\\\"\\\\\"]", "[\"\\u00e4\\ud83e\\udd99\\u007f//\\\"\\\\\"]"},
		{"[\"\\b\\f\\n\\r\\t\\u0001\"]", "[\"\\b\\f\\n\\r\\t\\u0001\"]"},
		{"[0,-0,-7,9223372036854775807]", "[0, 0, -7, 9223372036854775807]"},
		{"[1.0,-0.0,0.1,2.50,1E5,1e15,1e16,1.5e300]",
		 "[1.0, -0.0, 0.1, 2.5, 100000.0, 1000000000000000.0, 1e+16, 1.5e+300]"},
		{"[0.0001,0.00001,123e-7,5e-324,1e100]", "[0.0001, 1e-05, 1.23e-05, 5e-324, 1e+100]"},
		{"[0.30000000000000004,1e23,9007199254740993.0,123456.789]",
		 "[0.30000000000000004, 1e+23, 9007199254740992.0, 123456.789]"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		struct buf out = BUF_INIT(1 << 16);
		struct doc *d = NULL;

		assert_int_equal(doc_parse_foreign(NULL, "it", view_str(pairs[i][0]), &d), COFFER_OK);
		assert_int_equal(doc_python(NULL, d, &out), COFFER_OK);
		assert_int_equal(buf_add(NULL, &out, "", 1), COFFER_OK);
		assert_string_equal((const char *)out.p, pairs[i][1]);
		doc_free(&d);
		buf_free(&out);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_documents), cmocka_unit_test(test_heads), cmocka_unit_test(test_written),
		cmocka_unit_test(test_ceilings),  cmocka_unit_test(test_names), cmocka_unit_test(test_python_json),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
