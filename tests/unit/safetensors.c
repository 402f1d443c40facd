/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/limits.h"
#include "data/safetensors.h"
#include "support/memory_source.h"

static void
put_le64(struct buf *b, uint64_t v)
{
	for (int i = 0; i < 8; i++, v >>= 8) {
		uint8_t byte = (uint8_t)v;

		assert_int_equal(buf_add(NULL, b, &byte, 1), COFFER_OK);
	}
}

/* a file of @header and @data_len zero bytes */
static struct buf
make_file(const char *header, size_t header_len, size_t data_len)
{
	struct buf b = BUF_INIT(256u << 20);

	put_le64(&b, header_len);
	assert_int_equal(buf_add(NULL, &b, header, header_len), COFFER_OK);
	assert_int_equal(buf_reserve(NULL, &b, data_len), COFFER_OK);
	memset(b.p + b.len, 0, data_len);
	b.len += data_len;
	return b;
}

static coffer_err
read_bytes(struct fault *f, const void *bytes, size_t len, struct tensor_table *table)
{
	struct memory m = {.bytes = bytes, .len = len};
	struct coffer_source source = memory_source(&m);

	fault_clear(f);
	return safetensors_read(f, &source, 0, table);
}

static void
expect(const char *name, const void *bytes, size_t len, coffer_err expected, size_t n)
{
	struct tensor_table table = TENSOR_TABLE_INIT;
	struct fault f;
	coffer_err err = read_bytes(&f, bytes, len, &table);

	if (err != expected || f.err != expected || (err == COFFER_OK && table.n != n))
		fail_msg("%s: %s, %zu tensors: %s", name, coffer_err_name(err), table.n, f.text);
	tensor_table_free(&table);
}

#define T(dtype, shape, from, to) "{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":[" #from "," #to "]}"

static const struct {
	const char *name;
	const char *header;
	size_t data;
	coffer_err err;
	size_t n;
} headers[] = {
	{"no tensors", "{}", 0, COFFER_OK, 0},
	{"one", "{\"a\":" T("F32", "[2,2]", 0, 16) "}", 16, COFFER_OK, 1},
	{"members in another order", "{\"a\":{\"data_offsets\":[0,4],\"shape\":[],\"dtype\":\"I32\"}}", 4, COFFER_OK,
	 1},
	{"spaces behind", "{\"a\":" T("U8", "[1]", 0, 1) "}      ", 1, COFFER_OK, 1},
	{"white space inside", "{ \"a\" :\t{ \"dtype\":\"U8\",\r\n\"shape\": [ 1 ], \"data_offsets\": [0 , 1] } }", 1,
	 COFFER_OK, 1},
	{"a scalar", "{\"a\":" T("F64", "[]", 0, 8) "}", 8, COFFER_OK, 1},
	{"an empty tensor", "{\"a\":" T("F64", "[0]", 0, 0) "}", 0, COFFER_OK, 1},
	{"empty tensors between",
	 "{\"a\":" T("U8", "[3]", 0, 3) ",\"b\":" T("U8", "[0,5]", 3, 3) ",\"c\":" T("U8", "[2]", 3, 5) "}", 5,
	 COFFER_OK, 3},
	{"not in order", "{\"a\":" T("U8", "[2]", 3, 5) ",\"b\":" T("U8", "[3]", 0, 3) "}", 5, COFFER_OK, 2},
	{"metadata", "{\"__metadata__\":{\"format\":\"pt\",\"x\":\"\\u00e9\\n\"},\"a\":" T("BOOL", "[1]", 0, 1) "}", 1,
	 COFFER_OK, 1},
	{"metadata alone", "{\"__metadata__\":{}}", 0, COFFER_OK, 0},
	{"eight dimensions", "{\"a\":" T("U8", "[1,1,1,1,1,1,1,1]", 0, 1) "}", 1, COFFER_OK, 1},
	{"F4", "{\"a\":" T("F4", "[2,3]", 0, 3) "}", 3, COFFER_OK, 1},
	{"F6", "{\"a\":" T("F6_E2M3", "[4]", 0, 3) ",\"b\":" T("F6_E3M2", "[8]", 3, 9) "}", 9, COFFER_OK, 2},
	{"C64", "{\"a\":" T("C64", "[3]", 0, 24) "}", 24, COFFER_OK, 1},
	{"eight bits",
	 "{\"a\":" T("F8_E5M2", "[1]", 0, 1) ",\"b\":" T("F8_E4M3", "[1]", 1, 2) ",\"c\":" T(
		 "F8_E8M0", "[1]", 2, 3) ",\"d\":" T("I8", "[1]", 3, 4) "}",
	 4, COFFER_OK, 4},
	{"sixteen bits",
	 "{\"a\":" T("I16", "[1]", 0, 2) ",\"b\":" T("U16", "[1]", 2, 4) ",\"c\":" T("F16", "[1]", 4, 6) ",\"d\":" T(
		 "BF16", "[1]", 6, 8) "}",
	 8, COFFER_OK, 4},
	{"32 and 64 bits",
	 "{\"a\":" T("I32", "[1]", 0, 4) ",\"b\":" T("U32", "[1]", 4, 8) ",\"c\":" T("I64", "[1]", 8, 16) ",\"d\":" T(
		 "U64", "[1]", 16, 24) "}",
	 24, COFFER_OK, 4},
	{"an escaped name", "{\"\\u0061\\ud83d\\ude00\":" T("U8", "[1]", 0, 1) "}", 1, COFFER_OK, 1},

	{"empty header", "", 0, COFFER_E_FORMAT, 0},
	{"space before", " {}", 0, COFFER_E_FORMAT, 0},
	{"an array", "[]", 0, COFFER_E_FORMAT, 0},
	{"a byte order mark", "\xef\xbb\xbf{}", 0, COFFER_E_FORMAT, 0},
	{"not closed", "{\"a\":" T("U8", "[1]", 0, 1), 1, COFFER_E_FORMAT, 0},
	{"closed twice", "{}}", 0, COFFER_E_FORMAT, 0},
	{"two objects", "{}{}", 0, COFFER_E_FORMAT, 0},
	{"comma at the end", "{\"a\":" T("U8", "[1]", 0, 1) ",}", 1, COFFER_E_FORMAT, 0},
	{"comma at the start", "{,}", 0, COFFER_E_FORMAT, 0},
	{"a comment", "{/**/}", 0, COFFER_E_FORMAT, 0},
	{"not UTF-8", "{\"\xff\":" T("U8", "[1]", 0, 1) "}", 1, COFFER_E_FORMAT, 0},
	{"overlong UTF-8", "{\"\xc0\xaf\":" T("U8", "[1]", 0, 1) "}", 1, COFFER_E_FORMAT, 0},
	{"a surrogate in UTF-8", "{\"\xed\xa0\x80\":" T("U8", "[1]", 0, 1) "}", 1, COFFER_E_FORMAT, 0},
	{"a lone surrogate", "{\"\\ud800\":" T("U8", "[1]", 0, 1) "}", 1, COFFER_E_FORMAT, 0},
	{"a low surrogate", "{\"\\udc00\":" T("U8", "[1]", 0, 1) "}", 1, COFFER_E_FORMAT, 0},
	{"a bad escape", "{\"\\x\":" T("U8", "[1]", 0, 1) "}", 1, COFFER_E_FORMAT, 0},
	{"an escape cut off", "{\"\\u12", 0, COFFER_E_FORMAT, 0},
	{"an escape alone", "{\"\\", 0, COFFER_E_FORMAT, 0},
	{"NUL in a name", "{\"a\\u0000b\":" T("U8", "[1]", 0, 1) "}", 1, COFFER_E_FORMAT, 0},
	{"an escaped line end in a name", "{\"a\\nb\":" T("U8", "[1]", 0, 1) "}", 1, COFFER_E_FORMAT, 0},
	{"a raw line end in a name", "{\"a\nb\":" T("U8", "[1]", 0, 1) "}", 1, COFFER_E_FORMAT, 0},
	{"a terminal escape in a name", "{\"a\\u001b[2J\":" T("U8", "[1]", 0, 1) "}", 1, COFFER_E_FORMAT, 0},
	{"a C1 control in a name", "{\"a\\u009b2J\":" T("U8", "[1]", 0, 1) "}", 1, COFFER_E_FORMAT, 0},

	{"a tensor twice", "{\"a\":" T("U8", "[1]", 0, 1) ",\"a\":" T("U8", "[1]", 1, 2) "}", 2, COFFER_E_FORMAT, 0},
	{"a tensor twice, escaped", "{\"a\":" T("U8", "[1]", 0, 1) ",\"\\u0061\":" T("U8", "[1]", 1, 2) "}", 2,
	 COFFER_E_FORMAT, 0},
	{"a member twice", "{\"a\":{\"dtype\":\"U8\",\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}", 1,
	 COFFER_E_FORMAT, 0},
	{"metadata twice", "{\"__metadata__\":{},\"__metadata__\":{}}", 0, COFFER_E_FORMAT, 0},
	{"a metadata key twice", "{\"__metadata__\":{\"a\":\"\",\"a\":\"\"}}", 0, COFFER_E_FORMAT, 0},
	{"metadata of numbers", "{\"__metadata__\":{\"a\":1}}", 0, COFFER_E_FORMAT, 0},
	{"metadata of objects", "{\"__metadata__\":{\"a\":{}}}", 0, COFFER_E_FORMAT, 0},
	{"metadata no object", "{\"__metadata__\":\"a\"}", 0, COFFER_E_FORMAT, 0},
	{"metadata null", "{\"__metadata__\":null}", 0, COFFER_E_FORMAT, 0},
	{"a tensor no object", "{\"a\":1}", 0, COFFER_E_FORMAT, 0},
	{"an unknown member", "{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1],\"x\":1}}", 1,
	 COFFER_E_FORMAT, 0},
	{"no dtype", "{\"a\":{\"shape\":[1],\"data_offsets\":[0,1]}}", 1, COFFER_E_FORMAT, 0},
	{"no shape", "{\"a\":{\"dtype\":\"U8\",\"data_offsets\":[0,1]}}", 1, COFFER_E_FORMAT, 0},
	{"no data_offsets", "{\"a\":{\"dtype\":\"U8\",\"shape\":[1]}}", 1, COFFER_E_FORMAT, 0},
	{"an unknown dtype", "{\"a\":" T("F128", "[1]", 0, 16) "}", 16, COFFER_E_UNSUPPORTED, 0},
	{"a dtype in small letters", "{\"a\":" T("f32", "[1]", 0, 4) "}", 4, COFFER_E_UNSUPPORTED, 0},
	{"dtype a number", "{\"a\":{\"dtype\":1,\"shape\":[1],\"data_offsets\":[0,1]}}", 1, COFFER_E_FORMAT, 0},
	{"nine dimensions", "{\"a\":" T("U8", "[1,1,1,1,1,1,1,1,1]", 0, 1) "}", 1, COFFER_E_FORMAT, 0},
	{"a negative dimension", "{\"a\":" T("U8", "[-1]", 0, 1) "}", 1, COFFER_E_FORMAT, 0},
	{"minus zero", "{\"a\":" T("U8", "[-0]", 0, 0) "}", 0, COFFER_E_FORMAT, 0},
	{"a fraction", "{\"a\":" T("U8", "[1.0]", 0, 1) "}", 1, COFFER_E_FORMAT, 0},
	{"an exponent", "{\"a\":" T("U8", "[1e0]", 0, 1) "}", 1, COFFER_E_FORMAT, 0},
	{"a leading zero", "{\"a\":" T("U8", "[01]", 0, 1) "}", 1, COFFER_E_FORMAT, 0},
	{"a plus", "{\"a\":" T("U8", "[+1]", 0, 1) "}", 1, COFFER_E_FORMAT, 0},
	{"a number of 2^64", "{\"a\":" T("U8", "[18446744073709551616]", 0, 1) "}", 1, COFFER_E_FORMAT, 0},
	{"a number of many digits", "{\"a\":" T("U8", "[99999999999999999999999999999]", 0, 1) "}", 1, COFFER_E_FORMAT,
	 0},
	{"a text dimension", "{\"a\":" T("U8", "[\"1\"]", 0, 1) "}", 1, COFFER_E_FORMAT, 0},
	{"shape no array", "{\"a\":" T("U8", "1", 0, 1) "}", 1, COFFER_E_FORMAT, 0},
	{"a shape whose product wraps to 0", "{\"a\":" T("U8", "[4294967296,4294967296]", 0, 0) "}", 0, COFFER_E_FORMAT,
	 0},
	{"a size whose bits wrap", "{\"a\":" T("F64", "[2305843009213693952]", 0, 0) "}", 0, COFFER_E_FORMAT, 0},
	{"half a byte", "{\"a\":" T("F4", "[3]", 0, 2) "}", 2, COFFER_E_FORMAT, 0},
	{"half a byte left out", "{\"a\":" T("F4", "[3]", 0, 1) "}", 1, COFFER_E_FORMAT, 0},
	{"six bits", "{\"a\":" T("F6_E2M3", "[1]", 0, 1) "}", 1, COFFER_E_FORMAT, 0},
	{"offsets of one number", "{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0]}}", 1, COFFER_E_FORMAT,
	 0},
	{"offsets of three numbers", "{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1,1]}}", 1,
	 COFFER_E_FORMAT, 0},
	{"offsets backwards", "{\"a\":" T("U8", "[1]", 1, 0) "}", 1, COFFER_E_FORMAT, 0},
	{"offsets past the end", "{\"a\":" T("U8", "[2]", 0, 2) "}", 1, COFFER_E_FORMAT, 0},
	{"offsets of 2^64 - 1", "{\"a\":" T("U8", "[1]", 18446744073709551614, 18446744073709551615) "}", 1,
	 COFFER_E_FORMAT, 0},
	{"too small for the shape", "{\"a\":" T("F32", "[2]", 0, 4) "}", 4, COFFER_E_FORMAT, 0},
	{"too large for the shape", "{\"a\":" T("F32", "[1]", 0, 8) "}", 8, COFFER_E_FORMAT, 0},
	{"an empty tensor with data", "{\"a\":" T("U8", "[0]", 0, 1) "}", 1, COFFER_E_FORMAT, 0},
	{"a hole before", "{\"a\":" T("U8", "[1]", 1, 2) "}", 2, COFFER_E_FORMAT, 0},
	{"a hole between", "{\"a\":" T("U8", "[1]", 0, 1) ",\"b\":" T("U8", "[1]", 2, 3) "}", 3, COFFER_E_FORMAT, 0},
	{"an overlap", "{\"a\":" T("U8", "[2]", 0, 2) ",\"b\":" T("U8", "[2]", 1, 3) "}", 3, COFFER_E_FORMAT, 0},
	{"the same bytes twice", "{\"a\":" T("U8", "[2]", 0, 2) ",\"b\":" T("U8", "[2]", 0, 2) "}", 2, COFFER_E_FORMAT,
	 0},
	{"an empty tensor inside another", "{\"a\":" T("U8", "[2]", 0, 2) ",\"b\":" T("U8", "[0]", 1, 1) "}", 2,
	 COFFER_E_FORMAT, 0},
	{"bytes behind", "{\"a\":" T("U8", "[1]", 0, 1) "}", 2, COFFER_E_FORMAT, 0},
	{"bytes and no tensor", "{}", 1, COFFER_E_FORMAT, 0},
	{"deep nesting", "{\"a\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[", 0, COFFER_E_FORMAT, 0},
};

static void
test_headers(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
		struct buf b = make_file(headers[i].header, strlen(headers[i].header), headers[i].data);

		expect(headers[i].name, b.p, b.len, headers[i].err, headers[i].n);
		buf_free(&b);
	}
}

static const struct {
	const char *name;
	const char *bytes;
	size_t len;
} files[] = {
	{"empty", "", 0},
	{"seven bytes", "\2\0\0\0\0\0\0", 7},
	{"a length alone", "\2\0\0\0\0\0\0\0", 8},
	{"one byte short", "\2\0\0\0\0\0\0\0{", 9},
	{"a length of zero", "\0\0\0\0\0\0\0\0{}", 10},
	{"a length of 2^64 - 1", "\xff\xff\xff\xff\xff\xff\xff\xff{}", 10},
	{"a length that wraps with its own 8 bytes", "\xf8\xff\xff\xff\xff\xff\xff\xff{}", 10},
	{"a length of 2^63", "\0\0\0\0\0\0\0\x80{}", 10},
	{"a length of 64 MiB and 1", "\1\0\0\4\0\0\0\0{}", 10},
	{"a length of 64 MiB in a small file", "\0\0\0\4\0\0\0\0{}", 10},
	{"NUL inside the header", "\4\0\0\0\0\0\0\0{\0}}", 12},
	{"NUL behind the object", "\3\0\0\0\0\0\0\0{}\0", 11},
};

static void
test_files(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		expect(files[i].name, files[i].bytes, files[i].len, COFFER_E_FORMAT, 0);
}

static void
test_places(void **state)
{
	static const char header[] =
		"{\"w\":" T("BF16", "[2,3]", 4, 16) ",\"__metadata__\":{},\"b\":" T("I32", "[]", 0, 4) "}";
	struct buf b = make_file(header, sizeof(header) - 1, 16);
	struct tensor_table table = TENSOR_TABLE_INIT;
	const struct coffer_tensor *w;
	struct fault f;

	(void)state;
	assert_int_equal(read_bytes(&f, b.p, b.len, &table), COFFER_OK);
	assert_int_equal(tensor_table_index(&f, &table), COFFER_OK);
	assert_int_equal(table.n, 2);
	assert_string_equal(table.v[0].name, "b");
	assert_int_equal(table.v[0].n_dims, 0);
	assert_int_equal(table.v[0].off, 8 + sizeof(header) - 1);
	w = tensor_table_find(&table, "w");
	assert_ptr_equal(w, &table.v[1]);
	assert_string_equal(w->dtype, "BF16");
	assert_int_equal(w->n_dims, 2);
	assert_int_equal(w->shape[0], 2);
	assert_int_equal(w->shape[1], 3);
	assert_int_equal(w->off, 8 + sizeof(header) - 1 + 4);
	assert_int_equal(w->size, 12);
	assert_null(tensor_table_find(&table, "__metadata__"));
	tensor_table_free(&table);
	buf_free(&b);
}

/* a name of @len bytes */
static void
expect_name(size_t len, coffer_err expected)
{
	static const char rest[] = "\":" T("U8", "[1]", 0, 1) "}";
	struct buf header = BUF_INIT(1u << 20), b;

	assert_int_equal(buf_str(NULL, &header, "{\""), COFFER_OK);
	for (size_t i = 0; i < len; i++)
		assert_int_equal(buf_str(NULL, &header, "n"), COFFER_OK);
	assert_int_equal(buf_str(NULL, &header, rest), COFFER_OK);
	b = make_file((const char *)header.p, header.len, 1);
	expect("a long name", b.p, b.len, expected, 1);
	buf_free(&header);
	buf_free(&b);
}

static void
test_name_length(void **state)
{
	(void)state;
	expect_name(0, COFFER_OK);
	expect_name(LIMIT_TENSOR_NAME, COFFER_OK);
	expect_name(LIMIT_TENSOR_NAME + 1, COFFER_E_FORMAT);
}

/* one tensor more than may be: all empty, so that the header stays small */
static void
test_tensor_count(void **state)
{
	struct buf header = BUF_INIT(LIMIT_WEIGHTS_HEADER), b;

	(void)state;
	for (unsigned int i = 0; i <= LIMIT_TENSORS; i++)
		assert_int_equal(buf_printf(NULL, &header,
					    "%s\"%x\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}",
					    i == 0 ? "{" : ",", i),
				 COFFER_OK);
	assert_int_equal(buf_str(NULL, &header, "}"), COFFER_OK);
	assert_true(header.len <= LIMIT_WEIGHTS_HEADER);
	b = make_file((const char *)header.p, header.len, 0);
	expect("too many tensors", b.p, b.len, COFFER_E_FORMAT, 0);
	buf_free(&header);
	buf_free(&b);
}

static void
test_source_errors(void **state)
{
	static const char header[] = "{\"a\":" T("U8", "[1]", 0, 1) "}";
	struct buf b = make_file(header, sizeof(header) - 1, 1);

	(void)state;
	for (unsigned int i = 1; i <= 2; i++) {
		struct memory m = {.bytes = b.p, .len = b.len, .fail_at = i, .fail_with = COFFER_E_AUTH};
		struct coffer_source source = memory_source(&m);
		struct tensor_table table = TENSOR_TABLE_INIT;
		struct fault f;

		assert_int_equal(safetensors_read(&f, &source, 0, &table), COFFER_E_AUTH);
		assert_int_equal(f.err, COFFER_E_AUTH);
		tensor_table_free(&table);
	}
	buf_free(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_headers),	     cmocka_unit_test(test_files),
		cmocka_unit_test(test_places),	     cmocka_unit_test(test_name_length),
		cmocka_unit_test(test_tensor_count), cmocka_unit_test(test_source_errors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
