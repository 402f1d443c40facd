/* SPDX-License-Identifier: Apache-2.0 */
/* What torch.save() says of where tensors lie, written by torch 2.15, and put together by hand. */
#include "data/torch_pickle.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/limits.h"

#define BYTES(s) (s), sizeof(s) - 1

/* «name type shape key:offset+size<storage; » */
static coffer_err
tell(struct fault *f, void *user, struct view name, const struct torch_tensor *tensor)
{
	char shape[64] = "";
	size_t len = 0;

	for (unsigned int i = 0; i < tensor->n_dims; i++)
		len += (size_t)snprintf(shape + len, sizeof(shape) - len, "%s%" PRIu64, i > 0 ? "," : "",
					tensor->shape[i]);
	return buf_printf(f, user, "%.*s %s %s %.*s:%" PRIu64 "+%" PRIu64 "<%" PRIu64 "; ", (int)name.len,
			  (const char *)name.p, tensor->dtype, shape, (int)tensor->storage.len,
			  (const char *)tensor->storage.p, tensor->off, tensor->size, tensor->storage_size);
}

static void
expect(const char *name, const void *bytes, size_t len, coffer_err expected, const char *listed)
{
	struct buf got = BUF_INIT(1u << 20);
	struct fault f;
	coffer_err err;

	fault_clear(&f);
	err = torch_pickle_read(&f, view_of(bytes, len), tell, &got);
	assert_int_equal(buf_add(NULL, &got, "", 1), COFFER_OK);
	if (err != expected || f.err != expected)
		fail_msg("%s: %s: %s", name, coffer_err_name(err), f.text);
	if (err == COFFER_OK && strcmp((char *)got.p, listed) != 0)
		fail_msg("%s: «%s»", name, (char *)got.p);
	if (err != COFFER_OK && !strstr(f.text, listed))
		fail_msg("%s: %s", name, f.text);
	buf_free(&got);
}

#define TEXT(len, text) "X" len "\0\0\0" text
#define FLOATS(n) "(" TEXT("\7", "storage") "ctorch\nFloatStorage\n" TEXT("\1", "0") TEXT("\3", "cpu") "K" n "tQ"
#define BYTES_OF(n)                                                                                                    \
	"(" TEXT("\7", "storage") "ctorch.storage\nUntypedStorage\n" TEXT("\1", "1") TEXT("\3", "cpu") "K" n "tQ"
#define REBUILD(storage, offset, shape, strides)                                                                       \
	"ctorch._utils\n_rebuild_tensor_v2\n(" storage "K" offset shape strides "\x89"                                 \
	"ccollections\nOrderedDict\n)RtR"
#define REBUILD_TYPED(storage, offset, shape, strides, type)                                                           \
	"ctorch._utils\n_rebuild_tensor_v3\n(" storage "K" offset shape strides "\x89"                                 \
	"ccollections\nOrderedDict\n)Rctorch\n" type "\ntR"
#define VECTOR REBUILD(FLOATS("\4"), "\0", "K\4\x85", "K\1\x85")
#define DICT(items) BYTES("\x80\2}(" items "u.")
#define W TEXT("\1", "w")

static const struct {
	const char *name;
	const char *bytes;
	size_t len;
	coffer_err err;
	const char *listed; /* or a part of the sentence */
} pickles[] = {
	{"nothing", BYTES("\x80\2}."), COFFER_OK, ""},
	/* torch.save({"w": torch.arange(4.)}) */
	{"written by torch 2.15",
	 BYTES("\x80\2}q\0X\1\0\0\0wq\1ctorch._utils\n_rebuild_tensor_v2\nq\2(("
	       "X\7\0\0\0storageq\3ctorch\nFloatStorage\nq\4"
	       "X\1\0\0\0"
	       "0q\5X\3\0\0\0cpuq\6K\4tq\7QK\0K\4\x85q\x08K\1\x85q\x09\x89"
	       "ccollections\nOrderedDict\nq\x0a)Rq\x0b"
	       "tq\x0cRq\x0ds."),
	 COFFER_OK, "w F32 4 0:0+16<16; "},
	{"one", DICT(W VECTOR), COFFER_OK, "w F32 4 0:0+16<16; "},
	{"of an OrderedDict with metadata",
	 BYTES("\x80\2ccollections\nOrderedDict\n)R(" W VECTOR "u}X\x09\0\0\0_metadata}sb."), COFFER_OK,
	 "w F32 4 0:0+16<16; "},
	{"a part", DICT(W REBUILD(FLOATS("\x0c"), "\4", "K\2K\4\x86", "K\4K\1\x86")), COFFER_OK,
	 "w F32 2,4 0:16+32<48; "},
	{"a number", DICT(W REBUILD(FLOATS("\4"), "\3", ")", ")")), COFFER_OK, "w F32  0:12+4<16; "},
	{"nothing in it", DICT(W REBUILD(FLOATS("\4"), "\0", "K\0K\4\x86", "K\7K\1\x86")), COFFER_OK,
	 "w F32 0,4 0:0+0<16; "},
	{"strides that do not count", DICT(W REBUILD(FLOATS("\4"), "\0", "K\1K\4K\1\x87", "K\7K\1K\x09\x87")),
	 COFFER_OK, "w F32 1,4,1 0:0+16<16; "},
	{"transposed", DICT(W REBUILD(FLOATS("\4"), "\0", "K\2K\2\x86", "K\1K\2\x86")), COFFER_OK, ""},
	{"repeated", DICT(W REBUILD(FLOATS("\1"), "\0", "K\4\x85", "K\0\x85")), COFFER_OK, ""},
	{"backwards", DICT(W REBUILD(FLOATS("\4"), "\0", "K\4\x85", "J\xff\xff\xff\xff\x85")), COFFER_OK, ""},
	{"large numbers", DICT(W REBUILD(FLOATS("\4"), "\0", "M\4\0\x85", "J\1\0\0\0\x85")), COFFER_OK,
	 "w F32 4 0:0+16<16; "},
	{"a type of its own", DICT(W REBUILD_TYPED(BYTES_OF("\x08"), "\1", "K\3\x85", "K\1\x85", "uint16")), COFFER_OK,
	 "w U16 3 1:2+6<8; "},
	{"bytes without a type", DICT(W REBUILD(BYTES_OF("\x08"), "\1", "K\3\x85", "K\1\x85")), COFFER_OK, ""},
	{"a type that is not known", DICT(W REBUILD_TYPED(BYTES_OF("\x08"), "\1", "K\3\x85", "K\1\x85", "bits8")),
	 COFFER_OK, ""},
	{"a storage that is not known",
	 DICT(W REBUILD("(" TEXT("\7", "storage") "ctorch\nQInt8Storage\n" TEXT("\1", "0") TEXT("\3", "cpu") "K\4tQ",
			"\0", "K\4\x85", "K\1\x85")),
	 COFFER_OK, ""},
	{"a parameter", DICT(W "ctorch._utils\n_rebuild_parameter\n" VECTOR "\x88N\x87R"), COFFER_OK,
	 "w F32 4 0:0+16<16; "},
	{"another function", DICT(W "ctorch._utils\n_rebuild_qtensor\n" VECTOR "\x85R"), COFFER_OK, ""},
	{"code", DICT(W "cos\nsystem\n" VECTOR "\x85R"), COFFER_OK, ""},
	{"dicts", DICT(TEXT("\1", "m") "}" W VECTOR "s" TEXT("\1", "o") "}K\7" VECTOR "s"), COFFER_OK,
	 "o.7 F32 4 0:0+16<16; m.w F32 4 0:0+16<16; "},
	{"tied", DICT(W VECTOR "q\0" TEXT("\1", "v") "h\0"), COFFER_OK, "v F32 4 0:0+16<16; w F32 4 0:0+16<16; "},
	{"other values", DICT(W "]K\1a(K\1e" TEXT("\1", "v") "\x8a\1\1G\0\0\0\0\0\0\0\0\x86" TEXT("\1", "u") "\x8f"),
	 COFFER_OK, ""},
	{"other keys", DICT("N" VECTOR ")" VECTOR), COFFER_OK, ""},
	{"an object",
	 DICT(W "ctorch.nn\nParameter\n)\x81N"
		"b"),
	 COFFER_OK, ""},

	{"no dict", BYTES("\x80\2" VECTOR "."), COFFER_E_UNSUPPORTED, "no dict"},
	{"another protocol", BYTES("\x80\4\x95\1\0\0\0\0\0\0\0}."), COFFER_E_UNSUPPORTED, "torch.save() did not write"},
	{"another persistent id", DICT(W "K\1Q"), COFFER_E_UNSUPPORTED, "no storage"},
	{"another persistent tuple", DICT(W "(K\1K\1K\1K\1K\1tQ"), COFFER_E_UNSUPPORTED, "no storage"},
	{"a number far ahead", BYTES("\x80\2}q\1."), COFFER_E_UNSUPPORTED, "torch.save() did not write"},
	{"past the end of the storage", DICT(W REBUILD(FLOATS("\4"), "\1", "K\4\x85", "K\1\x85")), COFFER_E_FORMAT,
	 "past the end"},
	{"2^66 bytes",
	 DICT(W REBUILD(FLOATS("\4"), "\0", "\x8a\5\0\0\0\0\1\x8a\5\0\0\0\0\1\x86", "\x8a\5\0\0\0\0\1K\1\x86")),
	 COFFER_OK, ""},
	{"2^62 numbers", DICT(W REBUILD(FLOATS("\4"), "\0", "\x8a\x08\0\0\0\0\0\0\0\x40\x85", "K\1\x85")),
	 COFFER_E_FORMAT, "past the end"},
	{"cut", BYTES("\x80\2}"), COFFER_E_FORMAT, "ends too early"},
	{"cut in a name", BYTES("\x80\2ctorch"), COFFER_E_FORMAT, "ends too early"},
	{"cut in a text", BYTES("\x80\2X\xff\xff\xff\xffx"), COFFER_E_FORMAT, "ends too early"},
	{"a value is missing", BYTES("\x80\2."), COFFER_E_FORMAT, "a value is missing"},
	{"a value is under a mark", BYTES("\x80\2}(."), COFFER_E_FORMAT, "a value is missing"},
	{"a mark is missing", BYTES("\x80\2t."), COFFER_E_FORMAT, "a mark is missing"},
	{"nothing is remembered", BYTES("\x80\2h\0."), COFFER_E_FORMAT, "nothing is remembered"},
	{"a dict that holds itself", BYTES("\x80\2}q\0" W "h\0s."), COFFER_E_FORMAT, "nested deeper"},
};

static void
test_pickles(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(pickles) / sizeof(pickles[0]); i++)
		expect(pickles[i].name, pickles[i].bytes, pickles[i].len, pickles[i].err, pickles[i].listed);
}

static void
test_cut(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(pickles) / sizeof(pickles[0]); i++)
		for (size_t len = 0; len < pickles[i].len; len++) {
			struct buf got = BUF_INIT(1u << 20);
			struct fault f;
			coffer_err err = torch_pickle_read(&f, view_of(pickles[i].bytes, len), tell, &got);

			assert_true(err == COFFER_OK || err == COFFER_E_FORMAT || err == COFFER_E_UNSUPPORTED);
			buf_free(&got);
		}
}

/* dicts of the same dict twice, fifteen times: few bytes that are many names */
static void
test_many(void **state)
{
	struct buf b = BUF_INIT(1u << 20);

	(void)state;
	assert_int_equal(buf_add(NULL, &b, "\x80\2}q\0", 5), COFFER_OK);
	for (uint8_t i = 1; i < 15; i++) {
		uint8_t step[] = {'}', 'q', i,	 '(',
				  'K', 0,   'h', (uint8_t)(i - 1),
				  'K', 1,   'h', (uint8_t)(i - 1),
				  'K', 2,   'h', (uint8_t)(i - 1),
				  'K', 3,   'h', (uint8_t)(i - 1),
				  'u'};

		assert_int_equal(buf_add(NULL, &b, step, sizeof(step)), COFFER_OK);
	}
	assert_int_equal(buf_add(NULL, &b, ".", 1), COFFER_OK);
	expect("many", b.p, b.len, COFFER_E_FORMAT, "more in dicts");
	buf_free(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pickles),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
