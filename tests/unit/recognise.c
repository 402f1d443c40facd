/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "data/recognise.h"
#include "support/memory_source.h"

#define BYTES(s) (s), sizeof(s) - 1

static void
expect(const char *name, const void *bytes, size_t len, coffer_err expected, enum coffer_weights_format format)
{
	struct memory m = {.bytes = bytes, .len = len};
	struct coffer_source source = memory_source(&m);
	enum coffer_weights_format got;
	struct fault f;
	coffer_err err;

	fault_clear(&f);
	err = recognise(&f, &source, &got);
	if (err != expected || f.err != expected || got != format)
		fail_msg("%s: %s, %s: %s", name, coffer_err_name(err), coffer_weights_name(got), f.text);
}

/* fields of onnx.ModelProto */
#define IR "\x08\x0a"
#define PRODUCER "\x12\x05torch"
#define GRAPH "\x3a\x04name"
#define OPSET "\x42\x02\x10\x11"

static const struct {
	const char *name;
	const char *bytes;
	size_t len;
	enum coffer_weights_format format;
} files[] = {
	{"empty", BYTES(""), COFFER_WEIGHTS_UNKNOWN},
	{"text", BYTES("Hello, world.\n"), COFFER_WEIGHTS_UNKNOWN},
	{"GGUF", BYTES("GGUF\3\0\0\0"), COFFER_WEIGHTS_GGUF},
	{"GGUF, broken", BYTES("GGUF"), COFFER_WEIGHTS_GGUF},
	{"GGU", BYTES("GGU"), COFFER_WEIGHTS_UNKNOWN},

	{"safetensors", BYTES("\2\0\0\0\0\0\0\0{}"), COFFER_WEIGHTS_SAFETENSORS},
	{"safetensors, its length begins like a pickle", BYTES("\x80\2\0\0\0\0\0\0{}"), COFFER_WEIGHTS_SAFETENSORS},
	{"safetensors, its length begins like ONNX", BYTES("\x08\0\0\0\0\0\0\0{}"), COFFER_WEIGHTS_SAFETENSORS},
	{"safetensors, truncated", BYTES("\xff\xff\1\0\0\0\0\0{"), COFFER_WEIGHTS_SAFETENSORS},
	{"text with a brace at 8", BYTES("int x() {\n"), COFFER_WEIGHTS_UNKNOWN},

	{"index", BYTES("{\"metadata\":{\"total_size\":1.5e3},\"weight_map\":{\"a\":\"m.safetensors\"}}"),
	 COFFER_WEIGHTS_SAFETENSORS_INDEX},
	{"index, in lines", BYTES(" \n{\n \"weight_map\": {\n\"a\": \"m.safetensors\"\n}\n}\n"),
	 COFFER_WEIGHTS_SAFETENSORS_INDEX},
	{"index of nothing", BYTES("{\"weight_map\":{}}"), COFFER_WEIGHTS_SAFETENSORS_INDEX},
	{"index, broken later", BYTES("{\"weight_map\":{\"a\":\"m.safetensors\",,"), COFFER_WEIGHTS_SAFETENSORS_INDEX},
	{"index of PyTorch files", BYTES("{\"weight_map\":{\"a\":\"pytorch_model.bin\"}}"), COFFER_WEIGHTS_UNKNOWN},
	{"weight_map no object", BYTES("{\"weight_map\":[]}"), COFFER_WEIGHTS_UNKNOWN},
	{"weight_map further in", BYTES("{\"x\":{\"weight_map\":{}}}"), COFFER_WEIGHTS_UNKNOWN},
	{"config", BYTES("{\"architectures\":[\"X\"],\"a\":true,\"b\":null,\"c\":-1.0}"), COFFER_WEIGHTS_UNKNOWN},
	{"JSON, broken", BYTES("{\"a\":nil,\"weight_map\":{}}"), COFFER_WEIGHTS_UNKNOWN},

	{"ONNX", BYTES(IR PRODUCER GRAPH OPSET), COFFER_WEIGHTS_ONNX},
	{"ONNX of all fields",
	 BYTES(IR PRODUCER "\x1a\0\x22\1d\x28\x96\1\x32\0" GRAPH OPSET "\x72\0\xa2\1\0\xca\1\0\xd2\1\0"),
	 COFFER_WEIGHTS_ONNX},
	{"ONNX without a graph", BYTES(IR PRODUCER OPSET), COFFER_WEIGHTS_UNKNOWN},
	{"ONNX of two graphs", BYTES(IR GRAPH GRAPH), COFFER_WEIGHTS_UNKNOWN},
	{"ONNX, the version not first", BYTES(PRODUCER IR GRAPH), COFFER_WEIGHTS_UNKNOWN},
	{"ONNX, version 0", BYTES("\x08\0" GRAPH), COFFER_WEIGHTS_UNKNOWN},
	{"ONNX, graph past the end", BYTES(IR "\x3a\x05name"), COFFER_WEIGHTS_UNKNOWN},
	{"ONNX, graph of 2^64 - 1", BYTES(IR "\x3a\xff\xff\xff\xff\xff\xff\xff\xff\xff\1"), COFFER_WEIGHTS_UNKNOWN},
	{"ONNX, number too long", BYTES(IR "\x3a\xff\xff\xff\xff\xff\xff\xff\xff\xff\2" GRAPH), COFFER_WEIGHTS_UNKNOWN},
	{"ONNX, number of 65 bits", BYTES(IR "\x3a\x84\x80\x80\x80\x80\x80\x80\x80\x80\2name"), COFFER_WEIGHTS_UNKNOWN},
	{"ONNX, unknown field", BYTES(IR GRAPH "\x4a\0"), COFFER_WEIGHTS_UNKNOWN},
	{"ONNX, unknown field of 2^29", BYTES(IR GRAPH "\xfa\xff\xff\xff\x0f\0"), COFFER_WEIGHTS_UNKNOWN},
	{"ONNX, wire type wrong", BYTES(IR "\x38\4" GRAPH), COFFER_WEIGHTS_UNKNOWN},
	{"ONNX, cut in a tag", BYTES(IR GRAPH "\xa2"), COFFER_WEIGHTS_UNKNOWN},

	{"pickle, protocol 2", BYTES("\x80\2}q\0."), COFFER_WEIGHTS_PICKLE},
	{"pickle, protocol 4", BYTES("\x80\4\x95\1\0\0\0\0\0\0\0}."), COFFER_WEIGHTS_PICKLE},
	{"pickle, protocol 5", BYTES("\x80\5\x95\1\0\0\0\0\0\0\0}."), COFFER_WEIGHTS_PICKLE},
	{"pickle and data behind", BYTES("\x80\2}q\0.data"), COFFER_WEIGHTS_PICKLE},
	{"torch.save() of old",
	 BYTES("\x80\2\x8a\nl\xfc\x9c"
	       "F\xf9 j\xa8P\x19.\x80\2M\xe9\3.\0\0\0"),
	 COFFER_WEIGHTS_PICKLE},
	{"pickle, protocol 0, an import", BYTES("cposix\nsystem\n(S'id'\ntR."), COFFER_WEIGHTS_PICKLE},
	{"pickle, protocol 0, a dict", BYTES("(dp0\nS'a'\np1\nI1\ns."), COFFER_WEIGHTS_PICKLE},
	{"pickle, protocol 0, a list", BYTES("(lp0\nI1\na."), COFFER_WEIGHTS_PICKLE},
	{"words that begin with c", BYTES("cat\ncow\ndog\n"), COFFER_WEIGHTS_UNKNOWN},
	{"80 and no protocol", BYTES("\x80\6}."), COFFER_WEIGHTS_UNKNOWN},
	{"80 and no opcode", BYTES("\x80\2\xff."), COFFER_WEIGHTS_UNKNOWN},
	{"80 alone", BYTES("\x80"), COFFER_WEIGHTS_UNKNOWN},
};

static void
test_files(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		expect(files[i].name, files[i].bytes, files[i].len, COFFER_OK, files[i].format);
}

/* ---- ZIP archives ---- */

static void
add(struct buf *b, const void *bytes, size_t len)
{
	assert_int_equal(buf_add(NULL, b, bytes, len), COFFER_OK);
}

static void
add_number(struct buf *b, size_t bytes, uint64_t v)
{
	for (; bytes > 0; bytes--, v >>= 8) {
		uint8_t byte = (uint8_t)v;

		add(b, &byte, 1);
	}
}

static void
add_zeros(struct buf *b, size_t n)
{
	add_number(b, n, 0);
}

/* what is to be wrong with an archive, or rare */
enum twist {
	NOTHING = 0,
	ZIP64,
	ZIP64_AS_PYTORCH, /* two end records of the same small numbers */
	COMMENT,
	COMMENT_HOLDS_END,
	COMMENT_HOLDS_OTHER_END,
	BYTES_BEHIND,
	TWO_LENGTHS,
	CUT_END,
	DIRECTORY_PAST_END,
	DIRECTORY_BAD_MAGIC,
	LOCAL_PAST_END,
	LOCAL_BAD_MAGIC,
	TOO_MANY_ENTRIES,
	TOO_FEW_ENTRIES,
	NAME_PAST_END,
	ZIP64_NO_LOCATOR,
	ZIP64_NO_EXTRA,
};

static void
add_local(struct buf *b, const char *name, enum twist twist)
{
	add(b, twist == LOCAL_BAD_MAGIC ? "PK\3\5" : "PK\3\4", 4);
	add_zeros(b, 22);
	add_number(b, 2, strlen(name));
	add_number(b, 2, 0);
	add(b, name, strlen(name));
}

static void
add_central(struct buf *b, const char *name, uint64_t local, enum twist twist)
{
	bool far = twist == ZIP64 || twist == ZIP64_NO_LOCATOR || twist == ZIP64_NO_EXTRA;
	bool extra = far && twist != ZIP64_NO_EXTRA;

	add(b, twist == DIRECTORY_BAD_MAGIC ? "PK\1\3" : "PK\1\2", 4);
	add_zeros(b, 16);
	add_number(b, 4, far ? UINT32_MAX : 0);
	add_number(b, 4, 0);
	add_number(b, 2, twist == NAME_PAST_END ? 60000 : strlen(name));
	add_number(b, 2, extra ? 4 + 4 + 20 : 0);
	add_zeros(b, 10);
	add_number(b, 4, far ? UINT32_MAX : twist == LOCAL_PAST_END ? 0xfffffff0 : local);
	add(b, name, strlen(name));
	if (extra) {
		add_number(b, 4, 0x5455); /* another field, empty */
		add_number(b, 4, 1 | 16 << 16);
		add_number(b, 8, 0); /* the compressed size */
		add_number(b, 8, local);
		add_zeros(b, 4);
	}
}

static void
add_end64(struct buf *b, uint64_t n, uint64_t len, uint64_t off, enum twist twist)
{
	uint64_t at = b->len;

	add(b, "PK\6\6", 4);
	add_number(b, 8, 44);
	add_zeros(b, 20);
	add_number(b, 8, n);
	add_number(b, 8, len);
	add_number(b, 8, off);
	add(b, twist == ZIP64_NO_LOCATOR ? "PK\6\0" : "PK\6\7", 4);
	add_number(b, 4, 0);
	add_number(b, 8, at);
	add_number(b, 4, 1);
}

static void
add_end(struct buf *b, uint64_t n, uint64_t len, uint64_t off, enum twist twist)
{
	static const char lie[] = "PK\5\6\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\7\0comment";
	const char *comment = twist == COMMENT ? "comment" : lie;
	size_t comment_len = twist == COMMENT			? 7
			     : twist == COMMENT_HOLDS_END	? sizeof(lie) - 2
			     : twist == COMMENT_HOLDS_OTHER_END ? sizeof(lie) - 1
								: 0;
	bool far = twist == ZIP64 || twist == ZIP64_NO_LOCATOR;

	if (far || twist == ZIP64_AS_PYTORCH || twist == TWO_LENGTHS)
		add_end64(b, n, len, off, twist);
	add(b, "PK\5\6", 4);
	add_zeros(b, 6);
	add_number(b, 2, far ? UINT16_MAX : twist == TOO_MANY_ENTRIES ? n + 1 : twist == TOO_FEW_ENTRIES ? n - 1 : n);
	add_number(b, 4, far ? UINT32_MAX : twist == TWO_LENGTHS ? len - 1 : len);
	add_number(b, 4, far ? UINT32_MAX : twist == DIRECTORY_PAST_END ? off + 1 : off);
	add_number(b, 2, comment_len);
	add(b, comment, comment_len);
	add_zeros(b, twist == BYTES_BEHIND);
}

/* an archive of two empty entries; names in their own headers and in the directory */
static struct buf
make_zip(const char *const local[2], const char *const central[2], enum twist twist)
{
	struct buf b = BUF_INIT(1u << 20);
	uint64_t offs[2], dir;

	for (int i = 0; i < 2; i++) {
		offs[i] = b.len;
		add_local(&b, local[i], i == 1 ? twist : NOTHING);
	}
	dir = b.len;
	for (int i = 0; i < 2; i++)
		add_central(&b, central[i], offs[i], twist);
	add_end(&b, 2, b.len - dir, dir, twist);
	if (twist == CUT_END)
		b.len--;
	return b;
}

static const struct {
	const char *name;
	const char *local[2];
	const char *central[2];
	enum twist twist;
	coffer_err err;
	enum coffer_weights_format format;
} zips[] = {
	{"PyTorch", {"m/data.pkl", "m/data/0"}, {"m/data.pkl", "m/data/0"}, NOTHING, COFFER_OK, COFFER_WEIGHTS_PYTORCH},
	{"pickle second",
	 {"m/data/0", "m/data.pkl"},
	 {"m/data/0", "m/data.pkl"},
	 NOTHING,
	 COFFER_OK,
	 COFFER_WEIGHTS_PYTORCH},
	{"TorchScript",
	 {"m/code/a.py", "m/constants.pkl"},
	 {"m/code/a.py", "m/constants.pkl"},
	 NOTHING,
	 COFFER_OK,
	 COFFER_WEIGHTS_PYTORCH},
	{"zip64", {"m/data/0", "m/data.pkl"}, {"m/data/0", "m/data.pkl"}, ZIP64, COFFER_OK, COFFER_WEIGHTS_PYTORCH},
	{"comment", {"m/data/0", "m/data.pkl"}, {"m/data/0", "m/data.pkl"}, COMMENT, COFFER_OK, COFFER_WEIGHTS_PYTORCH},
	{"two end records",
	 {"m/data/0", "m/data.pkl"},
	 {"m/data/0", "m/data.pkl"},
	 ZIP64_AS_PYTORCH,
	 COFFER_OK,
	 COFFER_WEIGHTS_PYTORCH},
	{"another archive", {"a.npy", "b.npy"}, {"a.npy", "b.npy"}, NOTHING, COFFER_OK, COFFER_WEIGHTS_UNKNOWN},
	{"a name that is the suffix without its dot",
	 {"xpkl", "pkl"},
	 {"xpkl", "pkl"},
	 NOTHING,
	 COFFER_OK,
	 COFFER_WEIGHTS_UNKNOWN},
	{"names without characters", {"", ""}, {"", ""}, NOTHING, COFFER_OK, COFFER_WEIGHTS_UNKNOWN},
	{"cut off", {"a", "m.pkl"}, {"a", "m.pkl"}, CUT_END, COFFER_OK, COFFER_WEIGHTS_UNKNOWN},

	{"pickle in the directory alone",
	 {"a", "m.bin"},
	 {"a", "m.pkl"},
	 NOTHING,
	 COFFER_E_FORMAT,
	 COFFER_WEIGHTS_UNKNOWN},
	{"pickle at the data alone", {"a", "m.pkl"}, {"a", "m.bin"}, NOTHING, COFFER_E_FORMAT, COFFER_WEIGHTS_UNKNOWN},
	{"names of other lengths", {"a", "mm.pkl"}, {"a", "m.pkl"}, NOTHING, COFFER_E_FORMAT, COFFER_WEIGHTS_UNKNOWN},
	{"comment that holds an end",
	 {"a", "m.pkl"},
	 {"a", "m.pkl"},
	 COMMENT_HOLDS_END,
	 COFFER_E_FORMAT,
	 COFFER_WEIGHTS_UNKNOWN},
	{"comment that holds an end of nothing",
	 {"a", "m.pkl"},
	 {"a", "m.pkl"},
	 COMMENT_HOLDS_OTHER_END,
	 COFFER_E_FORMAT,
	 COFFER_WEIGHTS_UNKNOWN},
	{"bytes behind", {"a", "m.pkl"}, {"a", "m.pkl"}, BYTES_BEHIND, COFFER_E_FORMAT, COFFER_WEIGHTS_UNKNOWN},
	{"two lengths", {"a", "m.pkl"}, {"a", "m.pkl"}, TWO_LENGTHS, COFFER_E_FORMAT, COFFER_WEIGHTS_UNKNOWN},
	{"directory past the end", {"a", "b"}, {"a", "b"}, DIRECTORY_PAST_END, COFFER_E_FORMAT, COFFER_WEIGHTS_UNKNOWN},
	{"no directory there", {"a", "b"}, {"a", "b"}, DIRECTORY_BAD_MAGIC, COFFER_E_FORMAT, COFFER_WEIGHTS_UNKNOWN},
	{"entry past the end", {"a", "b"}, {"a", "b"}, LOCAL_PAST_END, COFFER_E_FORMAT, COFFER_WEIGHTS_UNKNOWN},
	{"no entry there", {"a", "b"}, {"a", "b"}, LOCAL_BAD_MAGIC, COFFER_E_FORMAT, COFFER_WEIGHTS_UNKNOWN},
	{"more entries than there are",
	 {"a", "b"},
	 {"a", "b"},
	 TOO_MANY_ENTRIES,
	 COFFER_E_FORMAT,
	 COFFER_WEIGHTS_UNKNOWN},
	{"fewer entries than there are",
	 {"a", "m.pkl"},
	 {"a", "m.pkl"},
	 TOO_FEW_ENTRIES,
	 COFFER_E_FORMAT,
	 COFFER_WEIGHTS_UNKNOWN},
	{"name past the end", {"a", "b"}, {"a", "b"}, NAME_PAST_END, COFFER_E_FORMAT, COFFER_WEIGHTS_UNKNOWN},
	{"no locator", {"a", "b"}, {"a", "b"}, ZIP64_NO_LOCATOR, COFFER_E_FORMAT, COFFER_WEIGHTS_UNKNOWN},
	{"no zip64 field", {"a", "b"}, {"a", "b"}, ZIP64_NO_EXTRA, COFFER_E_FORMAT, COFFER_WEIGHTS_UNKNOWN},
};

static void
test_zips(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(zips) / sizeof(zips[0]); i++) {
		struct buf b = make_zip(zips[i].local, zips[i].central, zips[i].twist);

		expect(zips[i].name, b.p, b.len, zips[i].err, zips[i].format);
		buf_free(&b);
	}
}

/* every read of every kind of file, failing in turn */
static void
expect_errors(const void *bytes, size_t len)
{
	struct memory m = {.bytes = bytes, .len = len};
	struct coffer_source source = memory_source(&m);
	enum coffer_weights_format format;
	unsigned int n_reads;
	struct fault f;

	(void)!recognise(&f, &source, &format);
	n_reads = m.n_reads;
	for (unsigned int i = 1; i <= n_reads; i++) {
		m = (struct memory){.bytes = bytes, .len = len, .fail_at = i, .fail_with = COFFER_E_AUTH};
		assert_int_equal(recognise(&f, &source, &format), COFFER_E_AUTH);
		assert_int_equal(f.err, COFFER_E_AUTH);
		assert_int_equal(format, COFFER_WEIGHTS_UNKNOWN);
	}
}

static void
test_source_errors(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		expect_errors(files[i].bytes, files[i].len);
	for (size_t i = 0; i < sizeof(zips) / sizeof(zips[0]); i++) {
		struct buf b = make_zip(zips[i].local, zips[i].central, zips[i].twist);

		expect_errors(b.p, b.len);
		buf_free(&b);
	}
}

static void
test_names(void **state)
{
	(void)state;
	assert_string_equal(coffer_weights_name(COFFER_WEIGHTS_UNKNOWN), "unknown");
	assert_string_equal(coffer_weights_name(COFFER_WEIGHTS_SAFETENSORS), "safetensors");
	assert_string_equal(coffer_weights_name(COFFER_WEIGHTS_SAFETENSORS_INDEX), "safetensors index");
	assert_string_equal(coffer_weights_name(COFFER_WEIGHTS_GGUF), "GGUF");
	assert_string_equal(coffer_weights_name(COFFER_WEIGHTS_ONNX), "ONNX");
	assert_string_equal(coffer_weights_name(COFFER_WEIGHTS_PYTORCH), "PyTorch");
	assert_string_equal(coffer_weights_name(COFFER_WEIGHTS_PICKLE), "pickle");
	assert_string_equal(coffer_weights_name((enum coffer_weights_format)99), "unknown");
	assert_false(coffer_weights_carries_code(COFFER_WEIGHTS_UNKNOWN));
	assert_false(coffer_weights_carries_code(COFFER_WEIGHTS_SAFETENSORS));
	assert_false(coffer_weights_carries_code(COFFER_WEIGHTS_GGUF));
	assert_false(coffer_weights_carries_code(COFFER_WEIGHTS_ONNX));
	assert_true(coffer_weights_carries_code(COFFER_WEIGHTS_PYTORCH));
	assert_true(coffer_weights_carries_code(COFFER_WEIGHTS_PICKLE));
	assert_false(coffer_weights_carries_code((enum coffer_weights_format)99));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_zips),
		cmocka_unit_test(test_source_errors),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
