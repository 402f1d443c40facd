/* SPDX-License-Identifier: Apache-2.0 */
/* Tensors in the archives of torch.save(). */
#include "data/pytorch.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "support/memory_source.h"
#include "support/zip_kit.h"

/* {"w": torch.arange(2.)} with its elements in data/0 */
#define PICKLE                                                                                                         \
	"\x80\2}X\1\0\0\0wctorch._utils\n_rebuild_tensor_v2\n((X\7\0\0\0storagectorch\nFloatStorage\nX\1\0\0\0"        \
	"0X\3\0\0\0cpuK\2tQK\0K\2\x85K\1\x85\x89"                                                                      \
	"ccollections\nOrderedDict\n)RtRs."
#define MAIN                                                                                                           \
	{                                                                                                              \
		"m/data.pkl", BYTES(PICKLE), 0, 0, 0                                                                   \
	}
#define DATA                                                                                                           \
	{                                                                                                              \
		"m/data/0", BYTES("01234567"), 0, 0, 0                                                                 \
	}

static const struct {
	const char *name;
	struct member members[MEMBERS_MAX + 1];
	coffer_err err;
} archives[] = {
	{"one", {MAIN, DATA}, COFFER_OK},
	{"the data first", {DATA, MAIN}, COFFER_OK},
	{"little-endian", {MAIN, STORED("m/byteorder", "little"), DATA}, COFFER_OK},
	{"without a folder", {STORED("data.pkl", PICKLE), STORED("data/0", "01234567")}, COFFER_OK},
	{"more than is needed", {MAIN, STORED("m/data/0", "01234567 and more")}, COFFER_OK},
	{"big-endian", {MAIN, STORED("m/byteorder", "big"), DATA}, COFFER_E_UNSUPPORTED},
	{"an endian of six letters", {MAIN, STORED("m/byteorder", "Little"), DATA}, COFFER_E_UNSUPPORTED},
	{"no pickle", {DATA}, COFFER_E_UNSUPPORTED},
	{"a pickle deeper", {STORED("m/a/data.pkl", PICKLE), DATA}, COFFER_E_UNSUPPORTED},
	{"a compressed pickle", {{"m/data.pkl", BYTES(PICKLE), 8, 0, 0}, DATA}, COFFER_E_UNSUPPORTED},
	{"no storage", {MAIN}, COFFER_E_FORMAT},
	{"a storage of another folder", {MAIN, STORED("x/data/0", "01234567")}, COFFER_E_FORMAT},
	{"a compressed storage", {MAIN, {"m/data/0", BYTES("01234567"), 8, 0, 0}}, COFFER_E_FORMAT},
	{"a short storage", {MAIN, STORED("m/data/0", "0123456")}, COFFER_E_FORMAT},
	{"a storage twice", {MAIN, DATA, DATA}, COFFER_E_FORMAT},
	{"a broken pickle", {STORED("m/data.pkl", "\x80\2}"), DATA}, COFFER_E_FORMAT},
};

static void
test_archives(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(archives) / sizeof(archives[0]); i++) {
		struct tensor_table table = TENSOR_TABLE_INIT;
		struct buf b = BUF_INIT(1u << 20);
		struct coffer_source source;
		struct memory m;
		struct fault f;
		coffer_err err;

		add_zip(&b, archives[i].members);
		m = (struct memory){.bytes = b.p, .len = b.len};
		source = memory_source(&m);
		fault_clear(&f);
		err = pytorch_read(&f, &source, 5, &table);
		if (err != archives[i].err || f.err != err || table.n != (err == COFFER_OK))
			fail_msg("%s: %s: %s", archives[i].name, coffer_err_name(err), f.text);
		if (err == COFFER_OK) {
			assert_string_equal(table.v[0].name, "w");
			assert_string_equal(table.v[0].dtype, "F32");
			assert_int_equal(table.v[0].file, 5);
			assert_int_equal(table.v[0].size, 8);
			assert_memory_equal(b.p + table.v[0].off, "01234567", 8);
		}
		tensor_table_free(&table);
		buf_free(&b);
	}
}

static void
test_source_errors(void **state)
{
	struct buf b = BUF_INIT(1u << 20);
	struct memory m = {.fail_with = COFFER_E_AUTH};
	struct coffer_source source;
	unsigned int n_reads = 0;
	struct fault f;

	(void)state;
	add_zip(&b, archives[2].members);
	m = (struct memory){.bytes = b.p, .len = b.len};
	source = memory_source(&m);
	for (unsigned int i = 0; i == 0 || i <= n_reads; i++) {
		struct tensor_table table = TENSOR_TABLE_INIT;

		m = (struct memory){.bytes = b.p, .len = b.len, .fail_at = i, .fail_with = COFFER_E_AUTH};
		assert_int_equal(pytorch_read(&f, &source, 0, &table), i == 0 ? COFFER_OK : COFFER_E_AUTH);
		if (i == 0)
			n_reads = m.n_reads;
		tensor_table_free(&table);
	}
	assert_true(n_reads > 5);
	buf_free(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_archives),
		cmocka_unit_test(test_source_errors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
