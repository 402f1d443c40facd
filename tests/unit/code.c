/* SPDX-License-Identifier: Apache-2.0 */
/* Which files carry code, and the words that say what. */
#include "data/code.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "support/memory_source.h"
#include "support/zip_kit.h"

#define EVIL "\x80\2cposix\nsystem\nX\2\0\0\0id\x85R."
#define CALLS "calls os.system when it is unpickled"
#define COMPRESSED(how) "is compressed (" how "): what is in it cannot be told"
#define BROKEN_PICKLE "is a pickle that is broken: what it calls cannot be told"
#define NPY "\x93NUMPY\1\0\x3c\0{'descr': '<f4', 'fortran_order': True, 'shape': (), }     \n"
#define BENIGN "\x80\2}q\0."

static void
expect(const char *name, const char *path, const void *bytes, size_t len, const char *what)
{
	struct memory m = {.bytes = bytes, .len = len};
	struct coffer_source source = memory_source(&m);
	char got[COFFER_CODE_LEN];
	struct fault f;

	fault_clear(&f);
	if (code_find(&f, path, &source, got) != COFFER_OK || f.err != COFFER_OK)
		fail_msg("%s: %s", name, f.text);
	if (strcmp(got, what) != 0)
		fail_msg("%s: it «%s», not «%s»", name, got, what);
}

static const struct {
	const char *name;
	const char *path;
	const char *bytes;
	size_t len;
	const char *what;
} files[] = {
	{"empty", "a", BYTES(""), ""},
	{"text", "README.md", BYTES("Hello, world.\n"), ""},
	{"a licence", "LICENSE", BYTES("Copyright (c) 2026, the authors.\nAll rights reserved.\n"), ""},
	{"words", "vocab.txt", BYTES("cat\ncow\nbird\n"), ""},
	{"JSON", "tokenizer.json", BYTES("{\"version\":\"1.0\"}"), ""},
	{"a name that only ends like one", "copy", BYTES("x"), ""},
	{"a name with the ending inside", "model.py.txt", BYTES("x"), ""},
	{"SentencePiece", "tokenizer.model", BYTES("\n\x0e\n\5<unk>\x15\0\0\0\0\x18\2"), ""},
	{"MessagePack", "flax_model.msgpack",
	 BYTES("\x82\xa4"
	       "bert\x81\xa1w\xc0\xa1x\xc0"),
	 ""},
	{"ONNX", "model.onnx", BYTES("\x08\x0a\x3a\x04name"), ""},
	{"GGUF", "model.gguf", BYTES("GGUF\3\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"), ""},
	{"safetensors", "model.safetensors", BYTES("\2\0\0\0\0\0\0\0{}"), ""},
	{"safetensors whose length begins like a pickle", "a", BYTES("\x80\2(\0\0\0\0\0{}"), ""},
	{"safetensors whose length begins like gzip", "a", BYTES("\x1f\x8b\0\0\0\0\0\0{"), COMPRESSED("gzip")},

	{"Python", "modeling.py", BYTES("import os\n"), "is Python source"},
	{"Python in a folder", "a/b/modeling.py", BYTES(""), "is Python source"},
	{"Python in capitals", "MODELING.PY", BYTES(""), "is Python source"},
	{"compiled Python by name", "m.pyc", BYTES(""), "is compiled Python"},
	{"compiled Python 3.11", "m", BYTES("\xa7\r\r\n\0\0\0\0"), "is compiled Python"},
	{"compiled Python 2.7", "m", BYTES("\3\xf3\r\n\0\0\0\0"), "is compiled Python"},
	{"library by name", "libx.so", BYTES(""), "is native code"},
	{"library with versions", "libx.so.1.2", BYTES(""), "is native code"},
	{"no library", "libx.so.txt", BYTES(""), ""},
	{"DLL", "x.dll", BYTES(""), "is native code"},
	{"ELF", "weights.bin", BYTES("\177ELF\2\1\1"), "is native code (ELF)"},
	{"PE", "weights.bin",
	 BYTES("MZ\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
	       "\0\0"
	       "\0\0\0\0\0\0\x40\0\0\0PE\0\0"),
	 "is native code (PE)"},
	{"MZ alone", "weights.bin", BYTES("MZ is no program"), ""},
	{"Mach-O", "weights.bin", BYTES("\xcf\xfa\xed\xfe\7\0\0\1"), "is native code (Mach-O)"},
	{"fat Mach-O", "weights.bin", BYTES("\xca\xfe\xba\xbe\0\0\0\2"), "is native code (Mach-O) or Java code"},
	{"WebAssembly", "weights.bin", BYTES("\0asm\1\0\0\0"), "is WebAssembly"},
	{"script", "run", BYTES("#!/bin/sh\n"), "is a script"},
	{"script by name", "run.sh", BYTES("id\n"), "is a script"},
	{"TensorFlow", "1/saved_model.pb", BYTES("\x08\1"), "is a TensorFlow program"},
	{"TorchScript for phones", "m.ptl", BYTES("\x20\0\0\0PTMF"), "is a TorchScript program"},
	{"HDF5", "m.h5", BYTES("\x89HDF\r\n\x1a\n\0"), "is HDF5, in which Keras keeps functions, too: cannot be told"},

	{"gzip", "m.bin", BYTES("\x1f\x8b\x08\0\0\0\0\0\0\3"), COMPRESSED("gzip")},
	{"bzip2", "m.bin", BYTES("BZh91AY&SY"), COMPRESSED("bzip2")},
	{"xz", "m.bin",
	 BYTES("\xfd"
	       "7zXZ\0\0"),
	 COMPRESSED("xz")},
	{"zstd", "m.bin", BYTES("\x28\xb5\x2f\xfd\0"), COMPRESSED("zstd")},
	{"lz4", "m.bin", BYTES("\x04\x22\x4d\x18\0"), COMPRESSED("lz4")},
	{"zlib", "m.joblib", BYTES("\x78\x9c\x03\0\0\0\0\1"), COMPRESSED("zlib")},
	{"text like zlib", "m.txt", BYTES("x = y\n"), ""},
	{"joblib of old", "m.joblib", BYTES("ZF0x10               \x78\x9c"), COMPRESSED("zlib")},

	{"pickle", "m.pkl", BYTES(EVIL), CALLS},
	{"pickle of any name", "tokenizer.json", BYTES(EVIL), CALLS},
	{"pickle of data", "m.pkl", BYTES(BENIGN), ""},
	{"two pickles of data", "m.pkl", BYTES(BENIGN BENIGN), ""},
	{"the second pickle", "m.bin", BYTES(BENIGN EVIL), CALLS},
	{"the seventh pickle", "m.bin", BYTES(BENIGN BENIGN BENIGN BENIGN BENIGN BENIGN EVIL), CALLS},
	{"data behind", "m.bin", BYTES(BENIGN "\0\0\x80\x3f"), ""},
	{"data behind five", "m.bin", BYTES(BENIGN BENIGN BENIGN BENIGN BENIGN "\0\0\x80\x3f"), ""},
	{"data behind that begins like a pickle", "m.bin", BYTES("N.N.N.N.N.\x80\2(\0\0\0\0\0"), ""},
	{"broken", "m.pkl", BYTES("\x80\2}q"), BROKEN_PICKLE},
	{"broken, the second", "m.pkl", BYTES(BENIGN "\x80\2}q"), BROKEN_PICKLE},
	{"broken after an import", "m.pkl", BYTES("\x80\2cmine\nx\nX"), "imports mine.x when it is unpickled"},
	{"text pickle", "m.txt", BYTES("cos\nsystem\n(S'id'\ntR."), CALLS},
	{"text pickle and noise", "m.txt", BYTES("cos\nsystem\n(S'id'\ntR no end"), CALLS},
	{"text pickle of an import", "m.txt", BYTES("cmine\nx\n."), "imports mine.x when it is unpickled"},
	{"several", "m.pkl", BYTES("(ca\na\n)Rcb\nb\n)Rcc\nc\n)Rcd\nd\n)Rce\ne\nt."),
	 "calls a.a, b.b, c.c and 1 more when it is unpickled"},
	{"two", "m.pkl", BYTES("(ca\na\n)Rcb\nb\n)Rt."), "calls a.a and b.b when it is unpickled"},
	{"many", "m.pkl",
	 BYTES("(ca\na\nca\nb\nca\nc\nca\nd\nca\ne\nca\nf\nca\ng\nca\nh\nca\ni\nca\nj\nca\nk\nca\nl\nca\nm\nca\nn\nca\n"
	       "o\n"
	       "ca\np\nca\nq\n\x80\2t."),
	 ""},
	{"many, surely", "m.pkl",
	 BYTES("\x80\2("
	       "ca\na\nca\nb\nca\nc\nca\nd\nca\ne\nca\nf\nca\ng\nca\nh\nca\ni\nca\nj\nca\nk\nca\nl\nca\nm\nca\nn\nca\no"
	       "\n"
	       "ca\np\nca\nq\nt."),
	 "imports a.a, a.b, a.c and more when it is unpickled"},
	{"an extension", "m.pkl", BYTES("\x80\2\x82\1)R."), "calls extension 1 when it is unpickled"},
	{"a call of what a call gave", "m.pkl", BYTES("\x80\2ctorch\ndevice\nX\3\0\0\0cpu\x85RN\x85R."),
	 "is a pickle of which it cannot be told what it calls: it calls what another call gave it"},
};

static void
test_files(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		expect(files[i].name, files[i].path, files[i].bytes, files[i].len, files[i].what);
}

/* ---- arrays of NumPy ---- */

#define OBJECTS "is a NumPy array that can hold objects: cannot be told"

static const struct {
	const char *name;
	const char *header;
	int version;
	const char *bytes;
	size_t len;
	const char *what;
} arrays[] = {
	{"numbers", "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }  \n", 1, BYTES(EVIL), ""},
	{"one number", "{'descr': '|V2', 'fortran_order': True, 'shape': (), }    \n", 1, BYTES("\0\0"), ""},
	{"dates", "{'descr': '<M8[ns]', 'fortran_order': True, 'shape': (2,), }\n", 2, BYTES(""), ""},
	{"of Python 2", "{'descr': '<f8', 'fortran_order': True, 'shape': (2L,), }  \n", 1, BYTES(""), ""},
	{"objects", "{'descr': '|O', 'fortran_order': False, 'shape': (1,), }\n", 1, BYTES(EVIL), CALLS},
	{"objects, a longer header", "{'descr': '|O', 'fortran_order': False, 'shape': (1,), }\n", 3, BYTES(EVIL),
	 CALLS},
	{"objects of data", "{'descr': '|O', 'fortran_order': False, 'shape': (1,), }\n", 1, BYTES(BENIGN), OBJECTS},
	{"escaped", "{'descr': '\\x4f', 'fortran_order': False, 'shape': (1,), }\n", 1, BYTES(EVIL), CALLS},
	{"in two texts", "{'descr': '<f4' 'O', 'fortran_order': False, 'shape': (1,), }\n", 1, BYTES(EVIL), CALLS},
	{"twice", "{'descr': '<f4', 'fortran_order': False, 'shape': (1,), 'descr': 'O'}\n", 1, BYTES(EVIL), CALLS},
	{"with a comment", "{'descr': '<f4', 'fortran_order': False, 'shape': (1,), }#\n", 1, BYTES("x"), OBJECTS},
	{"fields", "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }\n", 1, BYTES("\0\0\0\0"),
	 OBJECTS},
	{"no header", "", 1, BYTES(EVIL), CALLS},
	{"version 0", "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }  \n", 0, BYTES(""), OBJECTS},
	{"version 4", "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }  \n", 4, BYTES(""), OBJECTS},
};

static void
test_arrays(void **state)
{
	struct buf b = BUF_INIT(1u << 20);

	(void)state;
	for (size_t i = 0; i < sizeof(arrays) / sizeof(arrays[0]); i++) {
		b.len = 0;
		add(&b, "\x93NUMPY", 6);
		add_number(&b, 2, (uint64_t)arrays[i].version);
		add_number(&b, arrays[i].version > 1 ? 4 : 2, strlen(arrays[i].header));
		add(&b, arrays[i].header, strlen(arrays[i].header));
		add(&b, arrays[i].bytes, arrays[i].len);
		expect(arrays[i].name, "m.npy", b.p, b.len, arrays[i].what);
	}
	expect("cut", "m.npy", b.p, 20, OBJECTS);
	buf_free(&b);
}

/* ---- archives ---- */

#define COMPRESSED_MEMBER "holds «m/data.pkl», which is compressed: what is in it cannot be told"
#define BROKEN "is a ZIP archive that is broken or contradicts itself: what is in it cannot be told"

static const struct {
	const char *name;
	struct member members[MEMBERS_MAX + 1];
	const char *what;
} zips[] = {
	{"empty", {{NULL, NULL, 0, 0, 0, 0}}, ""},
	{"PyTorch",
	 {STORED("m/data.pkl", BENIGN), STORED("m/data/0", "\0\0\x80\x3f"), STORED("m/version", "3\n"),
	  STORED("m/byteorder", "little")},
	 ""},
	{"PyTorch, code", {STORED("m/data.pkl", EVIL), STORED("m/data/0", "")}, CALLS},
	{"PyTorch, text pickle", {STORED("m/data.pkl", "cos\nsystem\n)R.")}, CALLS},
	{"PyTorch, no pickle", {STORED("m/data.pkl", "\xff")}, BROKEN_PICKLE},
	{"a storage like a pickle", {STORED("m/data/0", EVIL), STORED("m/data.pkl", BENIGN)}, ""},
	{"a storage without PyTorch", {STORED("m/data/0", EVIL)}, "holds «m/data/0», which " CALLS},
	{"a storage of another archive",
	 {STORED("x/data/0", EVIL), STORED("m/data.pkl", BENIGN)},
	 "holds «x/data/0», which " CALLS},
	{"a storage with a name",
	 {STORED("m/data/a", EVIL), STORED("m/data.pkl", BENIGN)},
	 "holds «m/data/a», which " CALLS},
	{"a pickle deeper", {STORED("m/a/data.pkl", EVIL)}, "holds «m/a/data.pkl», which " CALLS},
	{"without a folder", {STORED("data.pkl", EVIL)}, CALLS},
	{"TorchScript", {STORED("m/data.pkl", BENIGN), STORED("m/constants.pkl", BENIGN)}, "is a TorchScript program"},
	{"Python", {STORED("m/code/a.py", "")}, "holds «m/code/a.py», which is Python source"},
	{"a folder", {STORED("m/", "")}, ""},
	{"npz", {STORED("a.npy", NPY)}, ""},
	{"compressed", {{"m/data.pkl", BYTES(BENIGN), 8, 0, 0}}, COMPRESSED_MEMBER},
	{"encrypted", {{"m/data.pkl", BYTES(BENIGN), 0, 1, 0}}, COMPRESSED_MEMBER},
	{"compressed at its data alone", {{"m/data.pkl", BYTES(BENIGN), 0, 0, 8}}, BROKEN},
	{"twice", {STORED("m/data.pkl", BENIGN), STORED("m/data.pkl", BENIGN)}, BROKEN},
	{"a name for the terminal", {STORED("m/\x1b[2J", "")}, BROKEN},
};

static void
test_zips(void **state)
{
	struct buf b = BUF_INIT(1u << 20);

	(void)state;
	for (size_t i = 0; i < sizeof(zips) / sizeof(zips[0]); i++) {
		b.len = 0;
		add_zip(&b, zips[i].members);
		expect(zips[i].name, "m.pt", b.p, b.len, zips[i].what);
	}
	buf_free(&b);
}

/* an archive in an archive is looked into, but not one in that */
static void
test_depth(void **state)
{
	struct member members[2] = {STORED("m/data.pkl", EVIL)};
	struct buf b[3] = {BUF_INIT(1u << 20), BUF_INIT(1u << 20), BUF_INIT(1u << 20)};

	(void)state;
	add_zip(&b[0], members);
	for (size_t i = 1; i < 3; i++) {
		members[0] = (struct member){"in.zip", (const char *)b[i - 1].p, b[i - 1].len, 0, 0, 0};
		add_zip(&b[i], members);
	}
	expect("in one", "m.zip", b[1].p, b[1].len, "holds «in.zip», which " CALLS);
	expect("in two", "m.zip", b[2].p, b[2].len,
	       "holds «in.zip», which holds «in.zip», which is a ZIP archive in others: what is in it cannot be told");
	for (size_t i = 0; i < 3; i++)
		buf_free(&b[i]);
}

/* readers that look from the end find an archive behind anything */
static void
test_behind(void **state)
{
	const struct member members[] = {STORED("__main__.py", ""), {0}};
	struct buf b = BUF_INIT(1u << 20);

	(void)state;
	add(&b, "GGUF\3\0\0\0", 8);
	add_zip(&b, members);
	expect("behind", "m.gguf", b.p, b.len, "has a ZIP archive at its end: what is in it cannot be told");
	add(&b, "and more", 8);
	expect("behind, and more", "m.gguf", b.p, b.len, "has a ZIP archive at its end: what is in it cannot be told");
	b.len = 0;
	add(&b, BYTES("x PK\5\6 is how an archive ends, and here is none"));
	expect("words of it", "m.txt", b.p, b.len, "");
	b.len = 0;
	add_zip(&b, members);
	add(&b, "x", 1);
	expect("bytes behind it", "m.zip", b.p, b.len, BROKEN);
	expect("no directory", "m.zip", b.p, 40, BROKEN);
	buf_free(&b);
}

static void
test_tar(void **state)
{
	char tar[1024] = "storages";
	unsigned int sum = 0;

	(void)state;
	memset(tar + 148, ' ', 8);
	for (size_t i = 0; i < 512; i++)
		sum += (uint8_t)tar[i];
	assert_int_equal(snprintf(tar + 148, 8, "%06o", sum), 6);
	expect("tar", "m.tar", tar, sizeof(tar), "is a tar archive: what is in it cannot be told");
	tar[0] = 't';
	expect("no tar", "m.tar", tar, sizeof(tar), "");
	memset(tar, 0, sizeof(tar));
	expect("zeros", "m.bin", tar, sizeof(tar), "");
}

/* an error of reading is no answer */
static void
test_source_errors(void **state)
{
	char what[COFFER_CODE_LEN];
	struct fault f;

	(void)state;
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		struct memory m = {.bytes = files[i].bytes, .len = files[i].len};
		struct coffer_source source = memory_source(&m);
		unsigned int n_reads;

		assert_int_equal(code_find(&f, files[i].path, &source, what), COFFER_OK);
		n_reads = m.n_reads;
		for (unsigned int fail_at = 1; fail_at <= n_reads; fail_at++) {
			m = (struct memory){.bytes = files[i].bytes,
					    .len = files[i].len,
					    .fail_at = fail_at,
					    .fail_with = fail_at % 2 ? COFFER_E_FORMAT : COFFER_E_AUTH};
			assert_int_equal(code_find(&f, files[i].path, &source, what), m.fail_with);
			assert_int_equal(f.err, m.fail_with);
			assert_string_equal(what, "");
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_files),	      cmocka_unit_test(test_arrays), cmocka_unit_test(test_zips),
		cmocka_unit_test(test_depth),	      cmocka_unit_test(test_behind), cmocka_unit_test(test_tar),
		cmocka_unit_test(test_source_errors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
