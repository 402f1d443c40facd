/* SPDX-License-Identifier: Apache-2.0 */
#include "data/doc.h"

#include "base/enc.h"
#include "base/limits.h"
#include "support/emulator.h"
#include "support/text.h"
#include "support/traces.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define DEEP16 "[[[[[[[[[[[[[[[["
#define SHUT16 "]]]]]]]]]]]]]]]]"

static const struct {
	const char *text;
	const char *canonical; /* NULL: refused */
} texts[] = {
	{"{}", "{}"},
	{"[]", "[]"},
	{" { \"b\" : 1 ,\r\n\t\"a\" : [ true , null , \"x\" ] } ", "{\"a\":[true,null,\"x\"],\"b\":1}"},
	{"{\"B\":0,\"a\":1,\"A\":2,\"aa\":3}", "{\"A\":2,\"B\":0,\"a\":1,\"aa\":3}"},
	{"[\"\\u0041\\u00e4\\ud83e\\udd17\"]", "[\"A\xc3\xa4\xf0\x9f\xa4\x97\"]"},
	{"[\"\\\"\\\\\\/\"]", "[\"\\\"\\\\/\"]"},
	{"[0,1,9007199254740991]", "[0,1,9007199254740991]"},
	{"[-0]", "[0]"}, /* its canonical form is another text */
	{DEEP16 DEEP16 SHUT16 SHUT16, DEEP16 DEEP16 SHUT16 SHUT16},
	{"[\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\"]", "[\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\"]"},
	{"[\"\\\"[\"]", "[\"\\\"[\"]"},
	/* not JSON, or more than one */
	{"", NULL},
	{" ", NULL},
	{"{", NULL},
	{"{}{}", NULL},
	{"{} x", NULL},
	{"\xef\xbb\xbf{}", NULL},
	{"{'a':1}", NULL},
	{"{a:1}", NULL},
	{"{\"a\":1,}", NULL},
	{"[1,]", NULL},
	{"[01]", NULL},
	{"[+1]", NULL},
	{"[0x1]", NULL},
	{"[1] // x", NULL},
	{"\"text\"", NULL},
	{"1", NULL},
	{"null", NULL},
	{"[NaN]", NULL},
	{"[tru]", NULL},
	{"]", NULL},
	{"[\"\n\"]", NULL},
	{"[\"\\x41\"]", NULL},
	/* one name twice, escaped or not, at any depth */
	{"{\"a\":1,\"a\":1}", NULL},
	{"{\"a\":1,\"\\u0061\":2}", NULL},
	{"[{\"x\":{\"a\":1,\"b\":2,\"a\":3}}]", NULL},
	/* 33 deep */
	{DEEP16 DEEP16 "[]" SHUT16 SHUT16, NULL},
	{DEEP16 DEEP16 "{\"a\":[]}" SHUT16 SHUT16, NULL},
	{DEEP16 DEEP16 DEEP16 DEEP16, NULL},
	/* what RFC 8785 would write in another way than jansson */
	{"[1.5]", NULL},
	{"[1.0]", NULL},
	{"[1e3]", NULL},
	{"[-0.0]", NULL},
	{"[-1]", NULL},
	{"[9007199254740992]", NULL},
	{"[9223372036854775807]", NULL},
	{"[9223372036854775808]", NULL},
	{"[99999999999999999999999]", NULL},
	{"[\"\\u0000\"]", NULL},
	{"[\"\\u0001\"]", NULL},
	{"[\"\\n\"]", NULL},
	{"[\"\\u007f\"]", NULL},
	{"[\"\x7f\"]", NULL},
	{"{\"\\n\":1}", NULL},
	{"{\"\xc3\xa4\":1}", NULL},
	{"[{\"x\":[\"\\u001f\"]}]", NULL},
	/* no UTF-8 */
	{"[\"\xff\"]", NULL},
	{"[\"\xc0\xaf\"]", NULL},
	{"[\"\xed\xa0\x80\"]", NULL},
	{"[\"\\ud83e\"]", NULL},
	{"[\"\\udd17\\ud83e\"]", NULL},
};

static void
test_texts(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct buf out = BUF_INIT(1000);
		struct fault f = {.text = ""};
		struct doc *d;
		coffer_err err = doc_parse(&f, "it", view_str(texts[i].text), &d);

		if (err != (texts[i].canonical ? COFFER_OK : COFFER_E_FORMAT))
			fail_msg("«%s»: %s", texts[i].text, f.text);
		assert_int_equal(d != NULL, err == COFFER_OK);
		if (d) {
			assert_int_equal(doc_canonical(&f, d, &out), COFFER_OK);
			assert_int_equal(out.len, strlen(texts[i].canonical));
			assert_memory_equal(out.p, texts[i].canonical, out.len);
		}
		buf_free(&out);
		doc_free(&d);
	}
}

/* what is no JSON may be a secret in a file of another kind: nothing of it is repeated, but where it ends to be JSON is said */
static void
test_quotes_nothing(void **state)
{
	static const char *const odd[] = {"hunter2", "\"hunter2\" x", "{\"a\" \"hunter2\"}", "{\"a\":\"b\" hunter2}",
					  "[\"hunter2"};

	(void)state;
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		struct fault f = {.text = ""};
		struct doc *d;

		assert_int_equal(doc_parse(&f, "it", view_str(odd[i]), &d), COFFER_E_FORMAT);
		assert_null(strstr(f.text, "hunter2"));
		assert_non_null(strstr(f.text, "it is not JSON as it should be: "));
		assert_non_null(strstr(f.text, " (line 1)"));
	}
}

/* a NUL in the text ends nothing */
static void
test_nul(void **state)
{
	struct doc *d;

	(void)state;
	assert_int_equal(doc_parse(NULL, "it", view_of("[]\0", 3), &d), COFFER_E_FORMAT);
	assert_int_equal(doc_parse(NULL, "it", view_of("[\"\0\"]", 5), &d), COFFER_E_FORMAT);
}

static coffer_err
collect(void *arg, const char *name, const struct doc *value)
{
	uint64_t v;

	if (!doc_number(value, 0, 9, &v))
		return COFFER_E_RANGE;
	append(arg, 16, name);
	return COFFER_OK;
}

static void
test_reading(void **state)
{
	static const char text[] = "{\"n\":7,\"t\":\"ab\",\"h\":\"00ff\",\"b\":\"Zm8=\",\"a\":[1,2],\"z\":null}";
	static const char *const some[] = {"n", "t", "h", "b", "a"};
	static const char *const all[] = {"n", "t", "h", "b", "a", "z"};
	static const char *const other[] = {"n", "t", "h", "b", "a", "y"};
	struct doc *d;
	uint64_t v = 0;
	uint8_t out[2];
	size_t len;

	(void)state;
	assert_int_equal(doc_parse(NULL, "it", view_str(text), &d), COFFER_OK);
	assert_true(doc_is_object(d) && !doc_is_array(d) && doc_is_array(doc_get(d, "a")));
	assert_true(doc_only(d, all, 6) && !doc_only(d, some, 5) && !doc_only(d, other, 6));
	assert_true(doc_number(doc_get(d, "n"), 7, 7, &v) && v == 7);
	assert_false(doc_number(doc_get(d, "n"), 8, 9, &v) || doc_number(doc_get(d, "n"), 0, 6, &v));
	assert_false(doc_number(doc_get(d, "t"), 0, 9, &v) || doc_number(doc_get(d, "z"), 0, 9, &v));
	assert_string_equal(doc_text(doc_get(d, "t"), 2, 2), "ab");
	assert_null(doc_text(doc_get(d, "t"), 3, 9));
	assert_null(doc_text(doc_get(d, "t"), 0, 1));
	assert_null(doc_text(doc_get(d, "n"), 0, 9));
	assert_true(doc_hex(doc_get(d, "h"), out, 2) && out[1] == 0xff);
	assert_false(doc_hex(doc_get(d, "h"), out, 1) || doc_hex(doc_get(d, "t"), out, 2));
	assert_true(doc_b64(doc_get(d, "b"), out, 2, &len) && len == 2);
	assert_false(doc_b64(doc_get(d, "b"), out, 1, &len) || doc_b64(doc_get(d, "n"), out, 2, &len));
	assert_true(doc_size(d) == 6 && doc_size(doc_get(d, "a")) == 2 && doc_size(doc_get(d, "n")) == 0);
	assert_non_null(doc_at(doc_get(d, "a"), 1));
	assert_null(doc_at(doc_get(d, "a"), 2));
	doc_free(&d);
	doc_free(&d);
	/* nothing is read from nothing */
	assert_false(doc_is_object(NULL) || doc_is_array(NULL) || doc_number(NULL, 0, 9, &v) || doc_hex(NULL, out, 2) ||
		     doc_b64(NULL, out, 2, &len) || doc_get(NULL, "a") || doc_text(NULL, 0, 9) || doc_size(NULL) ||
		     doc_at(NULL, 0) || doc_only(NULL, all, 0));
}

static void
test_each(void **state)
{
	char names[16] = "";
	struct doc *d;

	(void)state;
	assert_int_equal(doc_parse(NULL, "it", view_str("{\"c\":1,\"a\":2,\"b\":3}"), &d), COFFER_OK);
	assert_int_equal(doc_each(d, collect, names), COFFER_OK);
	assert_string_equal(names, "abc");
	doc_free(&d);
	assert_int_equal(doc_parse(NULL, "it", view_str("{\"c\":1,\"a\":2,\"b\":[]}"), &d), COFFER_OK);
	assert_int_equal(doc_each(d, collect, names), COFFER_E_RANGE);
	assert_string_equal(names, "abca");
	doc_free(&d);
	assert_int_equal(doc_each(NULL, collect, names), COFFER_OK);
}

static void
test_building(void **state)
{
	struct buf out = BUF_INIT(100);
	struct doc *d = doc_set(doc_object(), "b", doc_new_hex("\x01\xff", 2));

	(void)state;
	d = doc_set(d, "a", doc_add(doc_add(doc_array(), doc_new_b64("fo", 2)), doc_new_text("\"")));
	d = doc_set(d, "c", doc_new_number(UINT64_C(1) << 52));
	d = doc_set(d, "d", doc_new_number(1));
	doc_remove(d, "d");
	assert_int_equal(doc_canonical(NULL, d, &out), COFFER_OK);
	assert_int_equal(buf_add(NULL, &out, "", 1), COFFER_OK);
	assert_string_equal((char *)out.p, "{\"a\":[\"Zm8=\",\"\\\"\"],\"b\":\"01ff\",\"c\":4503599627370496}");
	buf_free(&out);
	doc_free(&d);
	/* NULL poisons, and leaks nothing */
	assert_null(doc_set(NULL, "a", doc_new_number(1)));
	assert_null(doc_set(doc_object(), "a", NULL));
	assert_null(doc_add(NULL, doc_new_number(1)));
	assert_null(doc_add(doc_array(), NULL));
	assert_null(doc_new_text("\xff"));
}

static void
test_ceiling(void **state)
{
	struct buf out = BUF_INIT(10);
	struct doc *d = doc_set(doc_object(), "a", doc_new_text("longer than that"));

	(void)state;
	assert_int_equal(doc_canonical(NULL, d, &out), COFFER_E_NOMEM);
	buf_free(&out);
	doc_free(&d);
}

static const struct {
	const char *text;
	coffer_err err;
} foreign[] = {
	{"{}", COFFER_OK},
	{" [ ] \n", COFFER_OK},
	{"[\"\\u0001\\n\x7f\"]", COFFER_OK},
	{"{\"\xc3\xa4\":1,\"\\n\":2}", COFFER_OK},
	{"[1.5,-1,-0,1e3,1e308,9223372036854775807]", COFFER_OK},
	{"[\"\\ud83e\\udd17\"]", COFFER_OK},
	{DEEP16 DEEP16 SHUT16 SHUT16, COFFER_OK},
	/* one name twice */
	{"{\"a\":1,\"a\":1}", COFFER_E_FORMAT},
	{"{\"a\":1,\"\\u0061\":2}", COFFER_E_FORMAT},
	{"[{\"\xc3\xa4\":1,\"\\u00e4\":2}]", COFFER_E_FORMAT},
	/* more than one, or none */
	{"", COFFER_E_FORMAT},
	{"{}{}", COFFER_E_FORMAT},
	{"{} x", COFFER_E_FORMAT},
	{"{},", COFFER_E_FORMAT},
	{"\xef\xbb\xbf{}", COFFER_E_FORMAT},
	{"\"text\"", COFFER_E_FORMAT},
	{DEEP16 DEEP16 "[]" SHUT16 SHUT16, COFFER_E_FORMAT},
	/* no text */
	{"[\"\\u0000\"]", COFFER_E_FORMAT},
	{"{\"a\\u0000b\":1}", COFFER_E_FORMAT},
	{"[\"\n\"]", COFFER_E_FORMAT},
	{"[\"\xff\"]", COFFER_E_FORMAT},
	{"[\"\xc0\xaf\"]", COFFER_E_FORMAT},
	{"[\"\xed\xa0\x80\"]", COFFER_E_FORMAT},
	{"{\"\xff\":1}", COFFER_E_FORMAT},
	{"[\"\\ud83e\"]", COFFER_E_FORMAT},
	{"[\"\\ud83ex\"]", COFFER_E_FORMAT},
	{"[\"\\udd17\\ud83e\"]", COFFER_E_FORMAT},
	{"{\"\\ud800\":1}", COFFER_E_FORMAT},
	/* no number that anybody could hold */
	{"[1e999]", COFFER_E_FORMAT},
	{"[99999999999999999999999]", COFFER_E_FORMAT},
};

static void
test_foreign(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++) {
		struct fault f = {.text = ""};
		struct doc *d;
		coffer_err err = doc_parse_foreign(&f, "it", view_str(foreign[i].text), &d);

		if (err != foreign[i].err)
			fail_msg("«%s»: %s", foreign[i].text, f.text);
		assert_int_equal(d != NULL, err == COFFER_OK);
		assert_int_equal(f.text[0] != '\0', err != COFFER_OK);
		doc_free(&d);
	}
	assert_int_equal(doc_parse_foreign(NULL, "it", view_of("[]\0", 3), &(struct doc *){NULL}), COFFER_E_FORMAT);
}

/* «[0,0,…,0]» of @n values, the array itself among them */
static void
check_n_values(size_t n, coffer_err want)
{
	struct buf text = BUF_INIT(2 * n + 2);
	struct doc *d;

	assert_int_equal(buf_str(NULL, &text, "[0"), COFFER_OK);
	for (size_t i = 2; i < n; i++)
		assert_int_equal(buf_str(NULL, &text, ",0"), COFFER_OK);
	assert_int_equal(buf_str(NULL, &text, "]"), COFFER_OK);
	assert_int_equal(doc_parse_foreign(NULL, "it", buf_view(&text), &d), want);
	doc_free(&d);
	buf_free(&text);
}

static void
test_n_values(void **state)
{
	(void)state;
	check_n_values(LIMIT_JSON_VALUES, COFFER_OK);
	check_n_values(LIMIT_JSON_VALUES + 1, COFFER_E_FORMAT);
}

static const struct {
	const char *value;
	int64_t whole;	 /* -1: it is none; up to 10^15 */
	int64_t decimal; /* the same */
} numbers[] = {
	{"0", 0, 0},
	{"7", 7, 7},
	{"-1", -1, -1},
	{"1000000000", 1000000000, 1000000000},
	{"1000000000.0", 1000000000, -1},
	{"5e0", 5, -1},
	{"2.5e1", 25, -1},
	{"1e15", 1000000000000000, -1},
	{"1000000000000000", 1000000000000000, 1000000000000000},
	{"1000000000000001", -1, -1},
	{"1000000000000001.0", -1, -1},
	{"1.5", -1, -1},
	{"-5.0", -1, -1},
	{"1e308", -1, -1},
	{"1e19", -1, -1},
	{"\"7\"", -1, 7},
	{"\"0\"", -1, 0},
	{"\"07\"", -1, -1},
	{"\"+7\"", -1, -1},
	{"\"-7\"", -1, -1},
	{"\"7.0\"", -1, -1},
	{"\" 7\"", -1, -1},
	{"\"7 \"", -1, -1},
	{"\"\"", -1, -1},
	{"\"18446744073709551616\"", -1, -1},
	{"null", -1, -1},
	{"true", -1, -1},
	{"[]", -1, -1},
};

static void
test_numbers(void **state)
{
	const uint64_t max = UINT64_C(1000000000000000);

	(void)state;
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		char text[64] = "[";
		struct doc *d;
		uint64_t v;

		append(text, sizeof(text), numbers[i].value);
		append(text, sizeof(text), "]");
		assert_int_equal(doc_parse_foreign(NULL, "it", view_str(text), &d), COFFER_OK);
		if ((doc_whole(doc_at(d, 0), max, &v) ? (int64_t)v : -1) != numbers[i].whole)
			fail_msg("%s as a whole number", numbers[i].value);
		if ((doc_decimal(doc_at(d, 0), max, &v) ? (int64_t)v : -1) != numbers[i].decimal)
			fail_msg("%s as a decimal one", numbers[i].value);
		doc_free(&d);
	}
}

/* as AWS writes points in time */
static void
test_floor(void **state)
{
	static const struct {
		const char *value;
		int64_t floor; /* -1: there is none up to 10 */
	} cases[] = {
		{"[7]", 7},	 {"[7.0]", 7},	 {"[7.999]", 7},  {"[0.5]", 0},	  {"[1.0e1]", 10},
		{"[10.5]", 10},	 {"[11]", -1},	 {"[1e2]", -1},	  {"[-0.5]", -1}, {"[-1]", -1},
		{"[\"7\"]", -1}, {"[null]", -1}, {"[1e308]", -1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct doc *d;
		uint64_t v;

		assert_int_equal(doc_parse_foreign(NULL, "it", view_str(cases[i].value), &d), COFFER_OK);
		if ((doc_floor(doc_at(d, 0), 10, &v) ? (int64_t)v : -1) != cases[i].floor)
			fail_msg("%s without its fraction", cases[i].value);
		doc_free(&d);
	}
	assert_false(doc_floor(NULL, 9, &(uint64_t){0}));
}

/* beyond 2^53 a double is no longer one number */
static void
test_exact(void **state)
{
	static const char text[] =
		"[9007199254740993,9007199254740991.0,9007199254740993.0,1e18,\"18446744073709551615\"]";
	struct doc *d;
	uint64_t v;

	(void)state;
	assert_int_equal(doc_parse_foreign(NULL, "it", view_str(text), &d), COFFER_OK);
	assert_true(doc_whole(doc_at(d, 0), UINT64_MAX, &v) && v == UINT64_C(9007199254740993));
	assert_true(doc_whole(doc_at(d, 1), UINT64_MAX, &v) && v == UINT64_C(9007199254740991));
	assert_false(doc_whole(doc_at(d, 2), UINT64_MAX, &v));
	assert_false(doc_whole(doc_at(d, 3), UINT64_MAX, &v));
	assert_true(doc_decimal(doc_at(d, 4), UINT64_MAX, &v) && v == UINT64_MAX);
	doc_free(&d);
}

static void
test_other_values(void **state)
{
	struct doc *d;
	struct view v;
	bool is;

	(void)state;
	assert_int_equal(doc_parse_foreign(NULL, "it", view_str("[true,false,null,\"a\\n\",\"\",0]"), &d), COFFER_OK);
	assert_true(doc_bool(doc_at(d, 0), &is) && is);
	assert_true(doc_bool(doc_at(d, 1), &is) && !is);
	assert_false(doc_bool(doc_at(d, 2), &is) || doc_bool(doc_at(d, 5), &is) || doc_bool(NULL, &is));
	assert_true(doc_is_null(doc_at(d, 2)));
	assert_false(doc_is_null(doc_at(d, 1)) || doc_is_null(doc_at(d, 5)) || doc_is_null(NULL));
	assert_true(doc_string(doc_at(d, 3), &v) && v.len == 2 && memcmp(v.p, "a\n", 3) == 0);
	assert_true(doc_string(doc_at(d, 4), &v) && v.len == 0);
	assert_false(doc_string(doc_at(d, 0), &v) || doc_string(doc_at(d, 5), &v) || doc_string(NULL, &v));
	assert_false(doc_whole(NULL, 9, &(uint64_t){0}) || doc_decimal(NULL, 9, &(uint64_t){0}));
	doc_free(&d);
}

static const struct {
	const char *value;
	const char *bytes; /* NULL: refused */
} base64[] = {
	{"\"Zm9v\"", "foo"},
	{"\"Zm8=\"", "fo"},
	{"\"\"", ""},
	{"\"Zm9vYmFy\"", "foobar"},
	{"\"Zm9vYmFyYg==\"", "foobarb"}, /* just the ceiling */
	{"\"Zm9vYmFyYmE=\"", NULL},	 /* one more */
	{"\"Zm9\\nv\"", NULL},
	{"\"Zm9v\\n\"", NULL},
	{"\"Zm8\"", NULL},
	{"\"Zm9=\"", NULL}, /* spare bits */
	{"\"Zm-_\"", NULL}, /* of the other alphabet */
	{"\"Zm8=Zm9v\"", NULL},
	{"\"====\"", NULL},
	{"1", NULL},
	{"null", NULL},
};

static void
test_b64_buf(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(base64) / sizeof(base64[0]); i++) {
		struct buf out = BUF_INIT(8);
		char text[64] = "[";
		struct doc *d;
		coffer_err err;

		append(text, sizeof(text), base64[i].value);
		append(text, sizeof(text), "]");
		assert_int_equal(doc_parse_foreign(NULL, "it", view_str(text), &d), COFFER_OK);
		assert_int_equal(buf_str(NULL, &out, "."), COFFER_OK);
		err = doc_b64_buf(NULL, doc_at(d, 0), &out);
		if (err != (base64[i].bytes ? COFFER_OK : COFFER_E_FORMAT))
			fail_msg("%s", base64[i].value);
		assert_int_equal(out.len, 1 + (base64[i].bytes ? strlen(base64[i].bytes) : 0));
		assert_memory_equal(out.p + 1, base64[i].bytes ? base64[i].bytes : "", out.len - 1);
		buf_free(&out);
		doc_free(&d);
	}
	assert_int_equal(doc_b64_buf(NULL, NULL, &(struct buf)BUF_INIT(8)), COFFER_E_FORMAT);
}

/* what securesystemslib 1.6's encode_canonical() gives of the same text */
static const struct {
	const char *text;
	const char *canonical; /* NULL: refused */
} olpc[] = {
	{"{}", "{}"},
	{"[ ]", "[]"},
	{"{\"b\":[1,-2,true,false,null],\"a\":\"x\"}", "{\"a\":\"x\",\"b\":[1,-2,true,false,null]}"},
	{"[\"\\\"\\\\\\/\"]", "[\"\\\"\\\\/\"]"},
	{"[\"\\\\\\\\\\\"\"]", "[\"\\\\\\\\\\\"\"]"},
	{"[\"a\\nb\\t\\u0001\\u007f\"]", "[\"a\nb\t\x01\x7f\"]"},
	{"{\"\\u00e9\":1,\"z\":2,\"\\\"\":3,\"\":4}", "{\"\":4,\"\\\"\":3,\"z\":2,\"\xc3\xa9\":1}"},
	/* in order of code points, where UTF-16 has another */
	{"{\"\\ud83e\\udd17\":1,\"\\uff5e\":2}", "{\"\xef\xbd\x9e\":2,\"\xf0\x9f\xa4\x97\":1}"},
	{"[9007199254740993,9223372036854775807]", "[9007199254740993,9223372036854775807]"},
	{"[1.5]", NULL},
	{"[1.0]", NULL},
	{"[{\"a\":[1e3]}]", NULL},
};

static void
test_olpc(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(olpc) / sizeof(olpc[0]); i++) {
		struct buf out = BUF_INIT(1024);
		struct doc *d;
		coffer_err err;

		assert_int_equal(doc_parse_foreign(NULL, "it", view_str(olpc[i].text), &d), COFFER_OK);
		err = doc_olpc(NULL, d, &out);
		if (olpc[i].canonical) {
			assert_int_equal(err, COFFER_OK);
			assert_int_equal(out.len, strlen(olpc[i].canonical));
			assert_memory_equal(out.p, olpc[i].canonical, out.len);
		} else {
			assert_int_equal(err, COFFER_E_FORMAT);
		}
		buf_free(&out);
		doc_free(&d);
	}
}

/* malloc() writes over the first bytes of what is freed: the mark comes later */
#define BEFORE_MARK 64

static void
test_wiped(void **state)
{
	struct buf out = BUF_INIT(1024);
	char text[BEFORE_MARK + TRACES_LEN + 12];
	struct doc *d;

	(void)state;
	skip_under_emulator("memory of its own to look into");
	memset(text, 0, sizeof(text));
	memset(text, ' ', BEFORE_MARK);
	text[0] = '[';
	text[1] = '"';
	traces_mark(text + BEFORE_MARK);
	APPEND(text, "\",\"a\\n\"]");
	assert_int_equal(doc_parse_foreign(NULL, "it", view_str(text), &d), COFFER_OK);
	memset(text, 0, sizeof(text));
	assert_true(traces_left());
	assert_int_equal(buf_reserve(NULL, &out, 1024), COFFER_OK);
	assert_int_equal(doc_python(NULL, d, &out), COFFER_OK);
	doc_free(&d);
	assert_true(traces_left());
	memset(out.p, 0, out.cap);
	assert_false(traces_left());
	buf_free(&out);
}

static void
test_built_wiped(void **state)
{
	struct buf out = BUF_INIT(1024);
	char text[BEFORE_MARK + TRACES_LEN];
	uint8_t bytes[sizeof(text)];
	struct doc *d;
	size_t len;

	(void)state;
	skip_under_emulator("memory of its own to look into");
	assert_int_equal(buf_reserve(NULL, &out, 1024), COFFER_OK);
	memset(text, 'A', BEFORE_MARK);
	traces_mark(text + BEFORE_MARK);
	assert_true(dec_b64(text, sizeof(text), bytes, sizeof(bytes), &len));
	memset(text, 0, sizeof(text));
	d = doc_set(doc_object(), "it", doc_new_b64(bytes, len));
	assert_int_equal(doc_canonical(NULL, d, &out), COFFER_OK);
	assert_true(traces_at(out.p + strlen("{\"it\":\"") + BEFORE_MARK));
	memset(out.p, 0, out.cap);
	memset(bytes, 0, sizeof(bytes));
	assert_true(traces_left());
	doc_free(&d);
	assert_false(traces_left());
	buf_free(&out);
}

/* What others wrote goes into a document of our own, and each owns it. */
static void
test_shared(void **state)
{
	static const char others[] = "{\"data\":{\"a\":\"one\\ntwo\",\"n\":1.5}}";
	struct doc *d, *ours = NULL;
	struct buf out = BUF_INIT(256);

	(void)state;
	assert_int_equal(doc_parse_foreign(NULL, "it", view_str(others), &d), COFFER_OK);
	ours = doc_set(doc_object(), "kept", doc_share(doc_get(doc_get(d, "data"), "a")));
	ours = doc_set(ours, "new", doc_new_string(view_str("\"\n\xc3\xa9")));
	doc_free(&d);
	assert_int_equal(doc_python(NULL, ours, &out), COFFER_OK);
	assert_true(view_is(buf_view(&out), "{\"kept\": \"one\\ntwo\", \"new\": \"\\\"\\n\\u00e9\"}"));
	assert_null(doc_new_string(view_str("\xff")));
	assert_null(doc_share(NULL));
	doc_free(&ours);
	buf_free(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_texts),	     cmocka_unit_test(test_quotes_nothing),
		cmocka_unit_test(test_nul),	     cmocka_unit_test(test_reading),
		cmocka_unit_test(test_each),	     cmocka_unit_test(test_building),
		cmocka_unit_test(test_ceiling),	     cmocka_unit_test(test_foreign),
		cmocka_unit_test(test_n_values),     cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_exact),	     cmocka_unit_test(test_floor),
		cmocka_unit_test(test_other_values), cmocka_unit_test(test_b64_buf),
		cmocka_unit_test(test_olpc),	     cmocka_unit_test(test_shared),
		cmocka_unit_test(test_wiped),	     cmocka_unit_test(test_built_wiped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
