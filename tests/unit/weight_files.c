/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/limits.h"
#include "data/weight_files.h"
#include "support/memory_source.h"

#define FILES_MAX 6

/* a list of these ends with one without a path */
struct file {
	const char *path;
	const char *bytes;
	size_t len;
};

/* a model in memory */
struct model {
	const struct file *files;
	struct memory memory; /* of the file that is open */
	size_t n_open;
	coffer_err open_err; /* what opening returns */
};

static const char *
path(void *user, size_t index)
{
	struct model *m = user;

	return m->files[index].path;
}

static size_t
find(void *user, const char *wanted)
{
	struct model *m = user;

	for (size_t i = 0; m->files[i].path; i++)
		if (strcmp(m->files[i].path, wanted) == 0)
			return i;
	return SIZE_MAX;
}

static coffer_err
open_file(struct fault *f, void *user, size_t index, struct coffer_source *source_out)
{
	struct model *m = user;

	if (m->open_err)
		return fault_set(f, m->open_err, "it does not open");
	assert_int_equal(m->n_open++, 0);
	m->memory = (struct memory){.bytes = m->files[index].bytes, .len = m->files[index].len};
	*source_out = memory_source(&m->memory);
	return COFFER_OK;
}

static void
close_file(void *user)
{
	struct model *m = user;

	assert_int_equal(m->n_open--, 1);
}

static coffer_err
read_model(struct fault *f, struct model *m, struct tensor_table *table)
{
	struct weight_files files = {.user = m, .path = path, .find = find, .open = open_file, .close = close_file};

	while (m->files[files.n].path)
		files.n++;
	fault_clear(f);
	return weight_files_read(f, &files, table);
}

#define BYTES(s) (s), sizeof(s) - 1
/* headers of 0x35 bytes, for one tensor of two bytes, and of 0x69 for two */
#define ONE(name) BYTES("\x35\0\0\0\0\0\0\0{\"" name "\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]}}xy")
#define TWO(name, other)                                                                                               \
	BYTES("\x69\0\0\0\0\0\0\0{\"" name "\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]},\"" other       \
	      "\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[2,3]}}xyz")
#define INDEX(map) BYTES("{\"metadata\":{\"total_size\":4},\"weight_map\":{" map "}}")
#define ON_1 "1.safetensors"
#define ON_2 "2.safetensors"
#define GGUF_1                                                                                                         \
	BYTES("GGUF\3\0\0\0\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0a\1\0\0\0\4\0\0\0\0\0\0\0\x18\0\0\0"        \
	      "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0data")

/* an ONNX model of one tensor «w», of two bytes, in the file w.bin from @off on */
#define ONNX(off)                                                                                                      \
	BYTES("\x08\x0a\x3a\x38\x2a\x36\x08\2\x10\2\x42\1w\x70\1\x6a\x11\x0a\x08location\x12\5w.bin"                   \
	      "\x6a\x0b\x0a\6offset\x12\1" off "\x6a\x0b\x0a\6length\x12\1"                                            \
	      "2")

static const struct {
	const char *name;
	struct file files[FILES_MAX + 1];
	coffer_err err;
	size_t n; /* tensors */
} models[] = {
	{"no files", {{NULL, NULL, 0}}, COFFER_OK, 0},
	{"no weight files", {{"README.md", BYTES("hello")}, {"config.json", BYTES("{}")}}, COFFER_OK, 0},
	{"one file", {{"m.safetensors", ONE("a")}}, COFFER_OK, 1},
	{"by content, not by name", {{"weights.bin", ONE("a")}}, COFFER_OK, 1},
	{"two formats, one name in both", {{"m.gguf", GGUF_1}, {"m.safetensors", ONE("a")}}, COFFER_OK, 2},
	{"formats that are not listed",
	 {{"m.pkl", BYTES("\x80\2}q\0.")}, {"m.onnx", BYTES("\x08\x0a\x3a\0")}, {"m.safetensors", ONE("a")}},
	 COFFER_OK,
	 1},
	{"ONNX and its file", {{"m.onnx", ONNX("0")}, {"w.bin", BYTES("xy")}}, COFFER_OK, 1},
	{"ONNX and its file before",
	 {{"a/w.bin", BYTES("..xy")}, {"a/x.onnx", ONNX("2")}, {"b.gguf", GGUF_1}},
	 COFFER_OK,
	 2},
	{"ONNX without its file", {{"m.onnx", ONNX("0")}}, COFFER_E_FORMAT, 0},
	{"ONNX, its file elsewhere", {{"a/m.onnx", ONNX("0")}, {"w.bin", BYTES("xy")}}, COFFER_E_FORMAT, 0},
	{"ONNX past the end of its file", {{"m.onnx", ONNX("1")}, {"w.bin", BYTES("xy")}}, COFFER_E_FORMAT, 0},
	{"ONNX, two of one file",
	 {{"1.onnx", ONNX("0")}, {"2.onnx", ONNX("1")}, {"w.bin", BYTES("xyz")}},
	 COFFER_OK,
	 2},
	{"broken file", {{"m.safetensors", BYTES("\2\0\0\0\0\0\0\0{]")}}, COFFER_E_FORMAT, 0},
	{"broken second file", {{"1.gguf", GGUF_1}, {"2.gguf", BYTES("GGUF\3\0\0\0")}}, COFFER_E_FORMAT, 0},
	{"sharded",
	 {{ON_1, ONE("a")},
	  {ON_2, TWO("b", "c")},
	  {"model.safetensors.index.json", INDEX("\"a\":\"" ON_1 "\",\"c\":\"" ON_2 "\",\"b\":\"" ON_2 "\"")}},
	 COFFER_OK,
	 3},
	{"sharded, the index first",
	 {{"0.index.json", INDEX("\"b\":\"" ON_2 "\",\"a\":\"" ON_1 "\",\"c\":\"" ON_2 "\"")},
	  {ON_1, ONE("a")},
	  {ON_2, TWO("b", "c")}},
	 COFFER_OK,
	 3},
	{"sharded in a folder", {{"x/" ON_1, ONE("a")}, {"x/i.json", INDEX("\"a\":\"" ON_1 "\"")}}, COFFER_OK, 1},
	{"two indexes of one name each",
	 {{"x/" ON_1, ONE("a")},
	  {"x/i.json", INDEX("\"a\":\"" ON_1 "\"")},
	  {"y/" ON_1, ONE("a")},
	  {"y/i.json", INDEX("\"a\":\"" ON_1 "\"")}},
	 COFFER_OK,
	 2},
	{"a file beside the shards",
	 {{"0.safetensors", ONE("a")}, {ON_1, ONE("a")}, {"i.json", INDEX("\"a\":\"" ON_1 "\"")}},
	 COFFER_OK,
	 2},
	{"PyTorch index",
	 {{"m.bin", BYTES("\x80\2}q\0.")}, {"m.bin.index.json", INDEX("\"a\":\"m.bin\"")}},
	 COFFER_OK,
	 0},
	{"empty index", {{"i.json", INDEX("")}}, COFFER_OK, 0},
	{"shard in another folder", {{ON_1, ONE("a")}, {"x/i.json", INDEX("\"a\":\"" ON_1 "\"")}}, COFFER_E_FORMAT, 0},
	{"shard missing",
	 {{ON_1, ONE("a")}, {"i.json", INDEX("\"a\":\"" ON_1 "\",\"b\":\"" ON_2 "\"")}},
	 COFFER_E_FORMAT,
	 0},
	{"tensor missing in its shard",
	 {{ON_1, ONE("a")}, {"i.json", INDEX("\"a\":\"" ON_1 "\",\"b\":\"" ON_1 "\"")}},
	 COFFER_E_FORMAT,
	 0},
	{"tensor in another shard",
	 {{ON_1, ONE("a")},
	  {ON_2, TWO("b", "c")},
	  {"i.json", INDEX("\"a\":\"" ON_2 "\",\"b\":\"" ON_2 "\",\"c\":\"" ON_2 "\"")}},
	 COFFER_E_FORMAT,
	 0},
	{"tensor missing in the index",
	 {{ON_2, TWO("b", "c")}, {"i.json", INDEX("\"b\":\"" ON_2 "\"")}},
	 COFFER_E_FORMAT,
	 0},
	{"shard that is no safetensors",
	 {{ON_1, BYTES("hello")}, {"i.json", INDEX("\"a\":\"" ON_1 "\"")}},
	 COFFER_E_FORMAT,
	 0},
	{"index that is its own shard", {{ON_1, INDEX("\"a\":\"" ON_1 "\"")}}, COFFER_E_FORMAT, 0},
	{"tensor twice in the index",
	 {{ON_1, ONE("a")}, {"i.json", INDEX("\"a\":\"" ON_1 "\",\"a\":\"" ON_1 "\"")}},
	 COFFER_E_FORMAT,
	 0},
	{"shard up the tree", {{ON_1, ONE("a")}, {"x/i.json", INDEX("\"a\":\"../" ON_1 "\"")}}, COFFER_E_FORMAT, 0},
	{"shard at the root", {{ON_1, ONE("a")}, {"i.json", INDEX("\"a\":\"/" ON_1 "\"")}}, COFFER_E_FORMAT, 0},
	{"shard down the tree", {{"x/" ON_1, ONE("a")}, {"i.json", INDEX("\"a\":\"x/" ON_1 "\"")}}, COFFER_E_FORMAT, 0},
	{"shard with a backslash",
	 {{ON_1, ONE("a")}, {"i.json", INDEX("\"a\":\"x\\\\" ON_1 "\"")}},
	 COFFER_E_FORMAT,
	 0},
	{"shard no text",
	 {{"i.json", BYTES("{\"weight_map\":{\"a\":\"x.safetensors\",\"b\":1}}")}},
	 COFFER_E_FORMAT,
	 0},
	{"weight_map twice", {{"i.json", BYTES("{\"weight_map\":{},\"weight_map\":{}}")}}, COFFER_E_FORMAT, 0},
	{"metadata twice",
	 {{"i.json", BYTES("{\"metadata\":{},\"metadata\":{},\"weight_map\":{}}")}},
	 COFFER_E_FORMAT,
	 0},
	{"index and more", {{"i.json", BYTES("{\"weight_map\":{}}{}")}}, COFFER_E_FORMAT, 0},
};

static void
test_models(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(models) / sizeof(models[0]); i++) {
		struct model m = {.files = models[i].files};
		struct tensor_table table = TENSOR_TABLE_INIT;
		struct fault f;
		coffer_err err = read_model(&f, &m, &table);

		if (err != models[i].err || f.err != err || (err == COFFER_OK && table.n != models[i].n))
			fail_msg("%s: %s, %zu tensors: %s", models[i].name, coffer_err_name(err), table.n, f.text);
		assert_int_equal(m.n_open, 0);
		tensor_table_free(&table);
	}
}

static void
test_order(void **state)
{
	static const struct file in[] = {
		{"1.gguf", GGUF_1},
		{"2.safetensors", TWO("c", "b")},
		{"3.safetensors", ONE("a")},
		{NULL, NULL, 0},
	};
	struct model m = {.files = in};
	struct tensor_table table = TENSOR_TABLE_INIT;
	static const char *const names[] = {"a", "c", "b", "a"};
	static const size_t files[] = {0, 1, 1, 2};
	struct fault f;

	(void)state;
	assert_int_equal(read_model(&f, &m, &table), COFFER_OK);
	assert_int_equal(table.n, 4);
	for (size_t i = 0; i < 4; i++) {
		assert_string_equal(table.v[i].name, names[i]);
		assert_int_equal(table.v[i].file, files[i]);
	}
	assert_ptr_equal(tensor_table_find(&table, "a"), &table.v[0]);
	assert_ptr_equal(tensor_table_find_in(&table, "a", 2), &table.v[3]);
	assert_null(tensor_table_find_in(&table, "a", 1));
	assert_null(tensor_table_find(&table, "d"));
	assert_null(tensor_table_find(&table, ""));
	assert_int_equal(tensor_table_count(&table, 1), 2);
	assert_int_equal(tensor_table_count(&table, 3), 0);
	tensor_table_free(&table);
}

static void
test_messages(void **state)
{
	static const struct file in[] = {
		{ON_2, TWO("b", "c")},
		{"i.json", INDEX("\"b\":\"" ON_2 "\"")},
		{NULL, NULL, 0},
	};
	struct model m = {.files = in};
	struct tensor_table table = TENSOR_TABLE_INIT;
	struct fault f;

	(void)state;
	assert_int_equal(read_model(&f, &m, &table), COFFER_E_FORMAT);
	assert_string_equal(f.text, "i.json: the shard «2.safetensors» has 2 tensors, the index knows 1 of them");
	tensor_table_free(&table);
}

static void
test_open_fails(void **state)
{
	static const struct file in[] = {{"m.gguf", GGUF_1}, {NULL, NULL, 0}};
	struct model m = {.files = in, .open_err = COFFER_E_AUTH};
	struct tensor_table table = TENSOR_TABLE_INIT;
	struct fault f;

	(void)state;
	assert_int_equal(read_model(&f, &m, &table), COFFER_E_AUTH);
	assert_string_equal(f.text, "m.gguf: it does not open");
	tensor_table_free(&table);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_models),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_messages),
		cmocka_unit_test(test_open_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
