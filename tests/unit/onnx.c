/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each file is written down as words: «7{» and «}» are a message in field 7, «2=abc» the bytes abc in field 2, «2:5» the number 5,
 * «4!» four bytes and «3?» eight of a fixed kind, «,1» a byte as it is.
 */
#include "data/onnx.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/limits.h"
#include "support/memory_source.h"

static void
add_varint(struct buf *b, uint64_t v)
{
	do {
		uint8_t byte = (uint8_t)((v & 0x7f) | (v > 0x7f ? 0x80 : 0));

		assert_int_equal(buf_add(NULL, b, &byte, 1), COFFER_OK);
		v >>= 7;
	} while (v > 0);
}

static void
add_bytes(struct buf *b, uint64_t field, const void *bytes, size_t len)
{
	add_varint(b, field << 3 | 2);
	add_varint(b, len);
	assert_int_equal(buf_add(NULL, b, bytes, len), COFFER_OK);
}

/* the words of one message, up to its «}» or the end */
static struct buf
make_message(const char **words)
{
	static const char zeros[8];
	struct buf b = BUF_INIT(1u << 20);

	while (**words) {
		const char *word = *words;
		size_t len = strcspn(word, " ");
		char *kind;
		uint64_t field = strtoull(word, &kind, 0); /* lint: strtoull, the table above is its input */

		*words += len + (word[len] == ' ');
		if (*kind == '}')
			break;
		if (*kind == '{') {
			struct buf inner = make_message(words);

			add_bytes(&b, field, inner.p, inner.len);
			buf_free(&inner);
		} else if (*kind == '=') {
			add_bytes(&b, field, kind + 1, len - (size_t)(kind + 1 - word));
		} else if (*kind == ':') {
			add_varint(&b, field << 3);
			add_varint(&b, strtoull(kind + 1, NULL, 0)); /* lint: strtoull, as above */
		} else if (*kind == '!' || *kind == '?') {
			add_varint(&b, field << 3 | (*kind == '!' ? 5 : 1));
			assert_int_equal(buf_add(NULL, &b, zeros, *kind == '!' ? 4 : 8), COFFER_OK);
		} else if (*kind == ',') {
			uint8_t byte = (uint8_t)strtoull(kind + 1, NULL, 0); /* lint: strtoull, as above */

			assert_int_equal(buf_add(NULL, &b, &byte, 1), COFFER_OK);
		} else {
			assert_int_equal(len, 0);
		}
	}
	return b;
}

/* «a F32 2,2 =bytes» or «a F32 2,2 @place:off» for each tensor, and «place>end» for each place */
static void
describe(const struct buf *b, const struct tensor_table *table, const struct onnx_places *places, char out[static 1024])
{
	size_t len = 0;

	out[0] = '\0';
	for (size_t i = 0; i < table->n; i++) {
		const struct coffer_tensor *t = &table->v[i];

		len += (size_t)snprintf(out + len, 1024 - len, "%s%s %s ", i > 0 ? "; " : "", t->name, t->dtype);
		for (unsigned int d = 0; d < t->n_dims; d++)
			len += (size_t)snprintf(out + len, 1024 - len, "%s%u", d > 0 ? "," : "",
						(unsigned int)t->shape[d]);
		if (t->file >= ONNX_ELSEWHERE)
			len += (size_t)snprintf(out + len, 1024 - len, " @%s:%u+%u",
						places->v[t->file - ONNX_ELSEWHERE].path, (unsigned int)t->off,
						(unsigned int)t->size);
		else
			len += (size_t)snprintf(out + len, 1024 - len, " =%.*s", (int)t->size,
						(const char *)b->p + t->off);
	}
	for (size_t i = 0; i < places->n; i++)
		len += (size_t)snprintf(out + len, 1024 - len, "%s%s>%u", len > 0 ? "; " : "", places->v[i].path,
					(unsigned int)places->v[i].end);
}

static void
expect(const char *name, const char *words, coffer_err expected, const char *listed)
{
	struct tensor_table table = TENSOR_TABLE_INIT;
	struct onnx_places places = ONNX_PLACES_INIT;
	struct buf b = make_message(&words);
	struct memory m = {.bytes = b.p, .len = b.len};
	struct coffer_source source = memory_source(&m);
	char got[1024];
	struct fault f;
	coffer_err err;

	assert_string_equal(words, "");
	fault_clear(&f);
	err = onnx_read(&f, &source, 3, &table, &places);
	if (err != expected || f.err != expected)
		fail_msg("%s: %s: %s", name, coffer_err_name(err), f.text);
	if (expected == COFFER_OK) {
		describe(&b, &table, &places, got);
		if (strcmp(got, listed) != 0)
			fail_msg("%s: «%s»", name, got);
	} else if (!strstr(f.text, listed)) {
		fail_msg("%s: %s", name, f.text);
	}
	tensor_table_free(&table);
	onnx_places_free(&places);
	buf_free(&b);
}

#define W(more) "7{ 5{ 1:2 2:10 8=w " more "} }"
#define AT(location, more) W("14:1 13{ 1=location 2=" location " } " more)
#define INSIDE(wrapped) "7{ 1{ 5{ 1=a " wrapped "} } }"
#define EXTERNAL "1:4 2:2 14:1 13{ 1=location 2=in.bin }"

static const struct {
	const char *name;
	const char *words;
	coffer_err err;
	const char *listed; /* or a part of the sentence */
} models[] = {
	{"nothing", "", COFFER_OK, ""},
	{"a graph of nothing", "7{ }", COFFER_OK, ""},
	{"one", "1:8 2=torch 7{ 2=graph 5{ 1:2 2:10 8=w 9=abcd } } 8{ 2:17 }", COFFER_OK, "w F16 2 =abcd"},
	{"dimensions in one field", "7{ 5{ 1{ ,2 ,3 } 2:2 8=w 9=abcdef } }", COFFER_OK, "w U8 2,3 =abcdef"},
	{"a single number", "7{ 5{ 2:1 8=w 9=abcd } }", COFFER_OK, "w F32  =abcd"},
	{"no elements", "7{ 5{ 1:0 2:1 8=w 9= } }", COFFER_OK, "w F32 0 ="},
	{"half bytes", "7{ 5{ 1:3 2:22 8=w 9=ab } }", COFFER_OK, "w INT4 3 =ab"},
	{"in order of their bytes", "7{ 5{ 1:1 2:3 8=z 9=a } 5{ 1:1 2:9 8=a 9=b } }", COFFER_OK,
	 "z I8 1 =a; a BOOL 1 =b"},
	{"the name last", "7{ 5{ 9=abcd 2:16 1:2 8=w } }", COFFER_OK, "w BF16 2 =abcd"},
	{"fields that are not known", "7{ 5{ 1:2 2:10 99=x 8=w 98! 97? 96:5 9=abcd 12=doc } 77{ 1:1 } }", COFFER_OK,
	 "w F16 2 =abcd"},
	{"numbers one by one", "7{ 5{ 1:1 2:1 8=w 4=abcd } 5{ 1:1 2:7 8=v 7:5 } 5{ 1:1 2:8 8=t 6=text } }", COFFER_OK,
	 ""},
	{"sparse", "7{ 15{ 1{ 1:1 2:2 8=w 9=a } 2{ 1:1 2:7 8=i 9=abcdefgh } 3:5 } }", COFFER_OK, ""},
	{"a constant of a node", INSIDE("5{ 1:1 2:2 9=a } "), COFFER_OK, ""},
	{"an initializer of a graph in a node", INSIDE("6{ 5{ 1:1 2:2 8=w 9=a } } "), COFFER_OK, ""},

	{"elsewhere", AT("w.bin", ""), COFFER_OK, "w F16 2 @w.bin:0+4; w.bin>4"},
	{"elsewhere, all said", AT("a/w.bin", "13{ 1=offset 2=4096 } 13{ 1=length 2=4 } 13{ 1=checksum 2=0 } "),
	 COFFER_OK, "w F16 2 @a/w.bin:4096+4; a/w.bin>4100"},
	{"elsewhere and here",
	 "7{ 5{ 1:1 2:2 8=b 14:1 13{ 1=location 2=w } 13{ 1=offset 2=7 } } 5{ 1:1 2:2 8=a 9=x } 5{ 1:2 2:2 8=c 14:1 "
	 "13{ 2=w 1=location } } }",
	 COFFER_OK, "a U8 1 =x; c U8 2 @w:0+2; b U8 1 @w:7+1; w>8"},
	{"two places", "7{ 5{ 1:1 2:2 8=a 14:1 13{ 1=location 2=x } } 5{ 1:1 2:2 8=b 14:1 13{ 1=location 2=y } } }",
	 COFFER_OK, "a U8 1 @x:0+1; b U8 1 @y:0+1; x>1; y>1"},
	{"a place that does not count", W("9=abcd 14:0 13{ 1=location 2=w } "), COFFER_OK, "w F16 2 =abcd"},
	{"a constant elsewhere", INSIDE("5{ " EXTERNAL " } "), COFFER_OK, "in.bin>4"},
	{"constants elsewhere", INSIDE("10{ " EXTERNAL " } "), COFFER_OK, "in.bin>4"},
	{"a sparse one elsewhere", INSIDE("22{ 1{ " EXTERNAL " } } "), COFFER_OK, "in.bin>4"},
	{"indices elsewhere", INSIDE("23{ 2{ " EXTERNAL " } } "), COFFER_OK, "in.bin>4"},
	{"in a graph of a node", INSIDE("6{ 5{ " EXTERNAL " } } "), COFFER_OK, "in.bin>4"},
	{"in one of its graphs", INSIDE("11{ 15{ 1{ " EXTERNAL " } } } "), COFFER_OK, "in.bin>4"},
	{"in a function", "25{ 7{ 5{ 5{ " EXTERNAL " } } } }", COFFER_OK, "in.bin>4"},
	{"in a function's attribute", "25{ 11{ 5{ " EXTERNAL " } } }", COFFER_OK, "in.bin>4"},
	{"in training", "20{ 1{ 5{ " EXTERNAL " } } 2{ 5{ " EXTERNAL " } } }", COFFER_OK, "in.bin>4"},

	{"too few bytes", W("9=abc "), COFFER_E_FORMAT, "the tensor «w»: byte 16: a tensor whose length"},
	{"too many bytes", W("9=abcde "), COFFER_E_FORMAT, "whose length"},
	{"a text of bytes", "7{ 5{ 1:1 2:8 8=w 9=abcd } }", COFFER_E_FORMAT, "whose length"},
	{"no name", "7{ 5{ 1:1 2:2 9=a } }", COFFER_E_FORMAT, "without a name"},
	{"an empty name", "7{ 5{ 1:1 2:2 8= 9=a } }", COFFER_E_FORMAT, "without a name"},
	{"a name of control characters", "7{ 5{ 1:1 2:2 8=\x1b[2J 9=a } }", COFFER_E_FORMAT, "control characters"},
	{"one name twice", "7{ 5{ 1:1 2:2 8=a 9=a } 5{ 1:1 2:2 8=a 9=b } }", COFFER_E_FORMAT, "«a» stands there twice"},
	{"here and elsewhere", "7{ 5{ 1:1 2:2 8=a 9=a } 5{ 1:1 2:2 8=a 14:1 13{ 1=location 2=w } } }", COFFER_E_FORMAT,
	 "«a» stands there twice"},
	{"no type", "7{ 5{ 1:1 8=w 9=a } }", COFFER_E_UNSUPPORTED, "type 0"},
	{"an unknown type", "7{ 5{ 1:1 2:29 8=w 9=a } }", COFFER_E_UNSUPPORTED, "type 29"},
	{"a type of 2^40", "7{ 5{ 1:1 2:1099511627776 8=w 9=a } }", COFFER_E_UNSUPPORTED, "type 1099511627776"},
	{"two names", W("8=v 9=abcd "), COFFER_E_FORMAT, "twice"},
	{"two types", W("2:10 9=abcd "), COFFER_E_FORMAT, "twice"},
	{"bytes twice", W("9=abcd 9=efgh "), COFFER_E_FORMAT, "twice"},
	{"nine dimensions", "7{ 5{ 1{ ,1 ,1 ,1 ,1 ,1 ,1 ,1 ,1 ,1 } 2:2 8=w 9=a } }", COFFER_E_FORMAT, "a shape"},
	{"a dimension of -1", "7{ 5{ 1:0xffffffffffffffff 2:2 8=w 9=a } }", COFFER_E_FORMAT, "a shape"},
	{"2^64 elements", "7{ 5{ 1:0x100000000 1:0x100000000 2:2 8=w 9= } }", COFFER_E_FORMAT, "a shape"},
	{"2^61 elements", "7{ 5{ 1:0x2000000000000000 2:2 8=w 9= } }", COFFER_E_FORMAT, "a shape"},
	{"dimensions that go on", "7{ 5{ 1{ ,0x81 } ,1 2:2 8=w 9=a } }", COFFER_E_FORMAT, "a shape"},

	{"no place", W("14:1 "), COFFER_E_FORMAT, "without a place"},
	{"a place without a value", W("14:1 13{ 1=location } "), COFFER_E_FORMAT, "a path of 0 bytes"},
	{"bytes here, and elsewhere", AT("w", "9=abcd "), COFFER_E_FORMAT, "bytes here"},
	{"nowhere", W("14:2 9=abcd "), COFFER_E_FORMAT, "neither here nor elsewhere"},
	{"out of the model", AT("../w", ""), COFFER_E_FORMAT, "the tensor «w»: path «../w»"},
	{"out of the model, further in", AT("a/../../w", ""), COFFER_E_FORMAT, "path «a/../../w»"},
	{"absolute", AT("/etc/passwd", ""), COFFER_E_FORMAT, "path «/etc/passwd»"},
	{"as Windows says it", AT("..\\w", ""), COFFER_E_FORMAT, "backslash"},
	{"out of the model, in a node", INSIDE("5{ 1:4 2:2 14:1 13{ 1=location 2=../w } } "), COFFER_E_FORMAT,
	 "path «../w»"},
	{"two places for one", AT("w", "13{ 1=location 2=v } "), COFFER_E_FORMAT, "twice"},
	{"two offsets", AT("w", "13{ 1=offset 2=1 } 13{ 1=offset 2=1 } "), COFFER_E_FORMAT, "twice"},
	{"two lengths", AT("w", "13{ 1=length 2=4 } 13{ 1=length 2=4 } "), COFFER_E_FORMAT, "twice"},
	{"an offset of -1", AT("w", "13{ 1=offset 2=-1 } "), COFFER_E_FORMAT, "no number"},
	{"an offset of 2^64", AT("w", "13{ 1=offset 2=18446744073709551616 } "), COFFER_E_FORMAT, "no number"},
	{"another length", AT("w", "13{ 1=length 2=5 } "), COFFER_E_FORMAT, "whose length"},

	{"a group", "7{ 5{ ,0x0b ,0x0c } }", COFFER_E_FORMAT, "unknown kind 3"},
	{"a graph that is a number", "7:5", COFFER_E_FORMAT, "wrong kind"},
	{"a name that is a number", "7{ 5{ 8:5 } }", COFFER_E_FORMAT, "wrong kind"},
	{"a type that is bytes", "7{ 5{ 2=5 } }", COFFER_E_FORMAT, "wrong kind"},
	{"bytes that are a number", "7{ 5{ 9:5 } }", COFFER_E_FORMAT, "wrong kind"},
	{"dimensions of a fixed kind", "7{ 5{ 1! } }", COFFER_E_FORMAT, "wrong kind"},
	{"a place that is a number", "7{ 5{ 13:5 } }", COFFER_E_FORMAT, "wrong kind"},
	{"a location that is bytes", "7{ 5{ 14=5 } }", COFFER_E_FORMAT, "wrong kind"},
	{"past the end of its message", "7{ 5{ ,0x4a ,5 ,1 } } 2=more", COFFER_E_FORMAT, "bytes are said to follow"},
	{"a fixed one past the end", "7{ 5{ ,0x1d ,0 } } 2=more", COFFER_E_FORMAT, "bytes are said to follow"},
	{"cut in a tag", "7{ 5{ ,0x80 } }", COFFER_E_FORMAT, "bytes are said to follow"},
	{"a number of 65 bits", "7{ 5{ ,0x10 ,255 ,255 ,255 ,255 ,255 ,255 ,255 ,255 ,255 ,2 } }", COFFER_E_FORMAT,
	 "64 bits"},
};

static void
test_models(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(models) / sizeof(models[0]); i++)
		expect(models[i].name, models[i].words, models[i].err, models[i].listed);
}

/* @n times @open, then as many ends */
static char *
nest(const char *open, size_t n)
{
	struct buf b = BUF_INIT(1u << 20);

	for (size_t i = 0; i < n; i++)
		assert_int_equal(buf_str(NULL, &b, open), COFFER_OK);
	for (size_t i = 0; i < 3 * n; i++)
		assert_int_equal(buf_str(NULL, &b, "} "), COFFER_OK);
	assert_int_equal(buf_str(NULL, &b, "}"), COFFER_OK);
	assert_int_equal(buf_add(NULL, &b, "", 1), COFFER_OK);
	return (char *)b.p;
}

static void
test_depth(void **state)
{
	char *inner, words[32768];

	(void)state;
	for (size_t n = 20; n <= 21; n++) {
		inner = nest("1{ 5{ 6{ ", n);
		assert_true(snprintf(words, sizeof(words), "7{ %s", inner) < (int)sizeof(words));
		expect("graphs in graphs", words, n == 20 ? COFFER_OK : COFFER_E_FORMAT,
		       n == 20 ? "" : "nested deeper");
		free(inner);
	}
}

static void
test_source_errors(void **state)
{
	const char *words = "1:8 7{ 5{ 1:2 2:10 8=w 9=abcd } }";
	struct buf b = make_message(&words);
	struct memory m = {.bytes = b.p, .len = b.len, .fail_at = 1, .fail_with = COFFER_E_AUTH};
	struct coffer_source source = memory_source(&m);
	struct tensor_table table = TENSOR_TABLE_INIT;
	struct onnx_places places = ONNX_PLACES_INIT;
	struct fault f;

	(void)state;
	assert_int_equal(onnx_read(&f, &source, 0, &table, &places), COFFER_E_AUTH);
	tensor_table_free(&table);
	onnx_places_free(&places);
	buf_free(&b);
}

/* cut anywhere it is never read past its end */
static void
test_cut(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(models) / sizeof(models[0]); i++) {
		const char *words = models[i].words;
		struct buf b = make_message(&words);

		for (size_t len = 0; len < b.len; len++) {
			struct tensor_table table = TENSOR_TABLE_INIT;
			struct onnx_places places = ONNX_PLACES_INIT;
			struct memory m = {.bytes = b.p, .len = len};
			struct coffer_source source = memory_source(&m);
			struct fault f;
			coffer_err err = onnx_read(&f, &source, 0, &table, &places);

			assert_true(err == COFFER_OK || err == COFFER_E_FORMAT || err == COFFER_E_UNSUPPORTED);
			tensor_table_free(&table);
			onnx_places_free(&places);
		}
		buf_free(&b);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_models),
		cmocka_unit_test(test_depth),
		cmocka_unit_test(test_source_errors),
		cmocka_unit_test(test_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
