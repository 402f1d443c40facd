/* SPDX-License-Identifier: Apache-2.0 */
/* What pickles call: written by Python, and put together by hand to hide it. */
#include "data/pickle.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/limits.h"
#include "data/torch_globals.h"
#include "support/memory_source.h"

#define BYTES(s) (s), sizeof(s) - 1

enum outcome { ENDS, BREAKS, DOUBTS };

/* names that are called have a «!» */
static void
add_names(const struct pickle_report *report, char out[static 2048])
{
	size_t len = 0;

	out[0] = '\0';
	for (size_t i = 0; i < report->n_names; i++)
		len += (size_t)snprintf(out + len, 2048 - len, "%s%s%s", i > 0 ? " " : "", report->names[i].text,
					report->names[i].called ? "!" : "");
}

static void
expect(const char *name, const void *bytes, size_t len, enum outcome outcome, const char *names)
{
	struct memory m = {.bytes = bytes, .len = len};
	struct coffer_source source = memory_source(&m);
	uint32_t budget = LIMIT_PICKLE_OPCODES;
	struct pickle_report report;
	enum outcome got;
	char text[2048];
	struct fault f;

	fault_clear(&f);
	if (pickle_scan(&f, &source, 0, &budget, &report) != COFFER_OK || f.err != COFFER_OK)
		fail_msg("%s: %s", name, f.text);
	add_names(&report, text);
	got = report.doubt ? DOUBTS : report.complete ? ENDS : BREAKS;
	if (got != outcome || strcmp(text, names) != 0)
		fail_msg("%s: outcome %d, names «%s», doubt: %s", name, got, text, report.doubt);
	if (report.complete && (report.end == 0 || report.end > len || ((const char *)bytes)[report.end - 1] != '.'))
		fail_msg("%s: ends at %u", name, (unsigned int)report.end);
}

static const struct {
	const char *name;
	const char *bytes;
	size_t len;
	enum outcome outcome;
	const char *names;
} pickles[] = {
	/* data of every protocol: pickle.dumps({"a": [1, 2.5, (b"y", None)], "c": {3}}, protocol) as far as it has a form for it */
	{"protocol 0", BYTES("(dp0\nVa\np1\n(lp2\nI1\naF2.5\naNas."), ENDS, ""},
	{"protocol 1", BYTES("}q\0(X\1\0\0\0aq\1]q\2(K\1G@\4\0\0\0\0\0\0Neu."), ENDS, ""},
	{"protocol 2", BYTES("\x80\2}q\0(X\1\0\0\0aq\1]q\2(K\1M\0\1J\0\0\1\0\x8a\1\1\x88\x89Neu."), ENDS, ""},
	{"protocol 3", BYTES("\x80\3}q\0X\1\0\0\0aC\1yq\1s."), ENDS, ""},
	{"protocol 4", BYTES("\x80\4\x95\x10\0\0\0\0\0\0\0}\x94(\x8c\1a\x94]\x94(K\1K\2eh\1\x8f(K\3\x90u."), ENDS, ""},
	{"protocol 5", BYTES("\x80\5\x95\x0c\0\0\0\0\0\0\0\x96\1\0\0\0\0\0\0\0x\x94."), ENDS, ""},
	{"tuples", BYTES("\x80\2)K\1\x85K\1K\2\x86K\1K\2K\3\x87\x87(K\1t\x86."), ENDS, ""},
	{"long forms",
	 BYTES("\x80\4(\x8d\1\0\0\0\0\0\0\0a\x8e\1\0\0\0\0\0\0\0b\x8b\1\0\0\0\1T\1\0\0\0cB\1\0\0\0d(K\1\x91t."), ENDS,
	 ""},
	{"marks, pops, copies", BYTES("N2(K\1K\0010K\0011\x86."), ENDS, ""},
	{"pops a mark", BYTES("N(0."), ENDS, ""},
	{"numbers in lines", BYTES("(I01\nL5L\nF1e5\nS'x'\nS\"y\"\nV\\u0041\nt."), ENDS, ""},
	{"memo in lines", BYTES("Np0\n0g0\n."), ENDS, ""},
	{"memo far ahead",
	 BYTES("Nr\xff\xff\xff\xff"
	       "0j\xff\xff\xff\xff."),
	 ENDS, ""},

	/* what torch.save() writes */
	{"a storage",
	 BYTES("\x80\2ctorch._utils\n_rebuild_tensor_v2\nq\0((X\7\0\0\0storagectorch\nFloatStorage\nX\1\0\0\0"
	       "0X\3\0\0\0cpuK\4tQK\0K\4\x85K\1\x85\x89"
	       "ccollections\nOrderedDict\n)RtR."),
	 ENDS, ""},
	{"a parameter", BYTES("\x80\2ctorch._utils\n_rebuild_parameter\nN\x85R."), ENDS, ""},
	{"an object with a state", BYTES("\x80\2ccollections\nOrderedDict\n)R}b."), ENDS, ""},
	{"a class with a name of Python 2", BYTES("\x80\2c__builtin__\nset\n]\x85R."), ENDS, ""},
	{"by NEWOBJ", BYTES("\x80\2ctorch.nn.parameter\nParameter\n)\x81."), ENDS, ""},
	{"by NEWOBJ_EX", BYTES("\x80\4ccollections\nOrderedDict\n)}\x92."), ENDS, ""},
	{"by STACK_GLOBAL",
	 BYTES("\x80\4\x8c\x0b"
	       "collections\x94\x8c\x0bOrderedDict\x94\x93)R."),
	 ENDS, ""},
	{"code of a module", BYTES("\x80\2(X\6\0\0\0modulecmine\nNet\nX\0\0\0\0X\0\0\0\0tQ."), DOUBTS, "mine.Net"},

	/* code, in every way that there is to call */
	{"protocol 0 REDUCE", BYTES("cposix\nsystem\n(S'id'\ntR."), ENDS, "os.system!"},
	{"REDUCE and no end", BYTES("cposix\nsystem\n(S'id'\ntR"), BREAKS, "os.system!"},
	{"REDUCE and noise", BYTES("cposix\nsystem\n(S'id'\ntR\xff\xff"), BREAKS, "os.system!"},
	{"protocol 2 REDUCE", BYTES("\x80\2cnt\nsystem\nX\2\0\0\0id\x85R."), ENDS, "os.system!"},
	{"Python 2's eval", BYTES("\x80\2c__builtin__\neval\nX\1\0\0\0001\x85R."), ENDS, "builtins.eval!"},
	{"INST", BYTES("(S'id'\nios\nsystem\n."), ENDS, "os.system!"},
	{"OBJ", BYTES("(cos\nsystem\nS'id'\no."), ENDS, "os.system!"},
	{"NEWOBJ", BYTES("\x80\2csubprocess\nPopen\nX\2\0\0\0id\x85\x81."), ENDS, "subprocess.Popen!"},
	{"NEWOBJ_EX", BYTES("\x80\4csubprocess\nPopen\n)}\x92."), ENDS, "subprocess.Popen!"},
	{"BUILD", BYTES("\x80\2cmine\nstate\n}b."), ENDS, "mine.state!"},
	{"STACK_GLOBAL", BYTES("\x80\4\x8c\5posix\x8c\6system\x93\x8c\2id\x85R."), ENDS, "os.system!"},
	{"STACK_GLOBAL of long texts", BYTES("\x80\4X\5\0\0\0posix\x8d\6\0\0\0\0\0\0\0system\x93N\x85R."), ENDS,
	 "os.system!"},
	{"STACK_GLOBAL of bytes of Python 2", BYTES("\x80\4U\5posixT\6\0\0\0system\x93N\x85R."), ENDS, "os.system!"},
	{"STACK_GLOBAL of lines", BYTES("S'posix'\nVsystem\n\x93N\x85R."), ENDS, "os.system!"},
	{"STACK_GLOBAL from the memo",
	 BYTES("\x80\4\x8c\5posix\x94"
	       "0\x8c\6system\x94"
	       "0\x8c\x0b"
	       "collections\x8c\x0bOrderedDict\x86"
	       "0h\0h\1\x93N\x85R."),
	 ENDS, "os.system!"},
	{"STACK_GLOBAL from a memo that was written over",
	 BYTES("\x80\4\x8c\x0b"
	       "collectionsq\0000\x8c\5posixq\0000\x8c\6systemq\0010h\0h\1\x93N\x85R."),
	 ENDS, "os.system!"},
	{"STACK_GLOBAL, DUP and POP", BYTES("\x80\4\x8c\5posix\x8c\6system2N00\x93N\x85R."), ENDS, "os.system!"},
	{"STACK_GLOBAL with dots", BYTES("\x80\4\x8c\5torch\x8c\x10serialization.os\x93N\x85R."), ENDS,
	 "torch.serialization.os!"},
	{"on the list with dots", BYTES("\x80\4\x8c\x08torch.nn\x8c\x13parameter.Parameter\x93."), ENDS, ""},
	{"remembered after it was called",
	 BYTES("\x80\2cos\nsystem\nq\0"
	       "0N0h\0N\x85R."),
	 ENDS, "os.system!"},
	{"a call of what a call gave", BYTES("\x80\2c__builtin__\ngetattr\nX\1\0\0\0xX\1\0\0\0y\x86RN\x85R."), DOUBTS,
	 "builtins.getattr!"},
	{"a call of what a call on the list gave", BYTES("\x80\2ctorch\ndevice\nX\3\0\0\0cpu\x85RN\x85R."), DOUBTS, ""},
	{"an import that is changed", BYTES("\x80\2ccollections\nOrderedDict\n}b."), DOUBTS, ""},
	{"a name that is made up", BYTES("\x80\4c_codecs\nencode\nX\2\0\0\0bfX\5\0\0\0rot13\x86RX\6\0\0\0system\x93."),
	 DOUBTS, ""},
	{"a name that is escaped", BYTES("Vp\\u006fsix\nVsystem\n\x93."), DOUBTS, ""},
	{"a name that is escaped otherwise", BYTES("S'p\\x6fsix'\nS'system'\n\x93."), DOUBTS, ""},
	{"a name of bytes", BYTES("\x80\4C\5posixC\6system\x93."), DOUBTS, ""},
	{"an extension", BYTES("\x80\2\x82\1)R."), ENDS, "extension 1!"},
	{"an extension of two bytes", BYTES("\x80\2\x83\1\1)R."), ENDS, "extension 257!"},
	{"an extension of four bytes", BYTES("\x80\2\x84\1\0\0\1."), ENDS, "extension 16777217"},
	{"an odd number", BYTES("Np +0\n0cos\nsystem\n)R."), DOUBTS, ""},
	{"a number of 20 digits", BYTES("Np18446744073709551616\n0cos\nsystem\n)R."), DOUBTS, ""},
	{"a number that is minus zero", BYTES("cos\nsystem\np-0\n)R."), DOUBTS, "os.system"},
	{"bytes that are made read-only",
	 BYTES("C\1x\x98"
	       "0cos\nsystem\n)R."),
	 ENDS, "os.system!"},
	{"an import alone", BYTES("\x80\2cantigravity\nx\n."), ENDS, "antigravity.x"},
	{"an import at the end of the file", BYTES("\x80\2cantigravity\nx"), BREAKS, "antigravity.x"},
	{"among what is on the list", BYTES("\x80\2ctorch._tensor\n_rebuild_from_type_v2\n(cos\nsystem\nNNNtR."), ENDS,
	 "os.system"},
	{"several", BYTES("(ca\na\n)Rcb\nb\n)Rca\na\n)Rcc\nc\nt."), ENDS, "a.a! b.b! c.c"},
	{"more than are told",
	 BYTES("(ca\na\nca\nb\nca\nc\nca\nd\nca\ne\nca\nf\nca\ng\nca\nh\nca\ni\nca\nj\nca\nk\nca\nl\nca\nm\nca\nn\nca\n"
	       "o\n"
	       "ca\np\nca\nq\nt."),
	 BREAKS, "a.a a.b a.c a.d a.e a.f a.g a.h a.i a.j a.k a.l a.m a.n a.o a.p"},
	{"a name for the terminal", BYTES("\x80\2cos\nsys\x1b[2Jtem\n)R."), ENDS, "os.?!"},
	{"a name of two lines' ends", BYTES("\x80\2cos\r\nsystem\r\n)R."), ENDS, "?.?!"},
	{"a name with a NUL", BYTES("\x80\2ccollections\0\nOrderedDict\n)R."), ENDS, "?.OrderedDict!"},
	{"a name of the list and more", BYTES("\x80\2ctorch\nTensor.__class__\n)R."), ENDS, "torch.Tensor.__class__!"},
	{"a frame that lies",
	 BYTES("\x80\4\x95\xff\xff\xff\xff\xff\xff\xff\x7f"
	       "cos\nsystem\n)R."),
	 ENDS, "os.system!"},
	{"protocol 255",
	 BYTES("\x80\xff"
	       "cos\nsystem\n)R."),
	 ENDS, "os.system!"},

	/* Python gives up, and nothing was called before */
	{"nothing", BYTES(""), BREAKS, ""},
	{"text", BYTES("Hello, world.\n"), BREAKS, ""},
	{"words", BYTES("cat\ncow\nbird\n"), BREAKS, "at.cow"},
	{"a licence", BYTES("Copyright (c) 2026, the authors.\nAll rights reserved.\n"), BREAKS, ""},
	{"an end without a value", BYTES("."), BREAKS, ""},
	{"an end under a mark", BYTES("N(."), BREAKS, ""},
	{"a value under a mark", BYTES("cos\nsystem\n(R."), BREAKS, "os.system"},
	{"no arguments", BYTES("cos\nsystem\nR."), BREAKS, "os.system"},
	{"no mark", BYTES("Nt."), BREAKS, ""},
	{"nothing is remembered", BYTES("h\0."), BREAKS, ""},
	{"nothing to remember", BYTES("q\0."), BREAKS, ""},
	{"nothing to make read-only", BYTES("\x98."), BREAKS, ""},
	{"no number", BYTES("Npx\n."), BREAKS, ""},
	{"an empty number", BYTES("Np\n."), BREAKS, ""},
	{"a number cannot be called", BYTES("K\1)R."), BREAKS, ""},
	{"a text past the end", BYTES("X\xff\xff\xff\xffx."), BREAKS, ""},
	{"a text of 2^64 - 1", BYTES("\x80\4\x8d\xff\xff\xff\xff\xff\xff\xff\xffx."), BREAKS, ""},
	{"a module without a name", BYTES("c\nx\n."), BREAKS, ""},
	{"a module that is no text", BYTES("c\xff\nx\n."), BREAKS, ""},
	{"buffers elsewhere", BYTES("\x80\5\x97."), BREAKS, ""},
	{"a text elsewhere", BYTES("Pstorage\n."), BREAKS, ""},
	{"nothing elsewhere", BYTES("NQ."), BREAKS, ""},
	{"MessagePack",
	 BYTES("\x82\xa4"
	       "bert\x80\xa1x\xc0"),
	 BREAKS, "extension 164"},
	{"an unknown opcode", BYTES("N\xff."), BREAKS, ""},
};

static void
test_pickles(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(pickles) / sizeof(pickles[0]); i++)
		expect(pickles[i].name, pickles[i].bytes, pickles[i].len, pickles[i].outcome, pickles[i].names);
}

/* cut anywhere, nothing is read past the end, and no name is called that was not called before */
static void
test_cut(void **state)
{
	struct pickle_report report;
	struct fault f;
	uint32_t budget;

	(void)state;
	for (size_t i = 0; i < sizeof(pickles) / sizeof(pickles[0]); i++)
		for (size_t len = 0; len < pickles[i].len; len++) {
			struct memory m = {.bytes = pickles[i].bytes, .len = len};
			struct coffer_source source = memory_source(&m);

			budget = LIMIT_PICKLE_OPCODES;
			assert_int_equal(pickle_scan(&f, &source, 0, &budget, &report), COFFER_OK);
			assert_true(report.n_called <= report.n_names && report.n_names <= PICKLE_NAMES);
			assert_true(!report.complete || pickles[i].outcome != ENDS || report.end == len);
		}
}

static void
add_times(struct buf *b, size_t n, const void *bytes, size_t len)
{
	for (size_t i = 0; i < n; i++)
		assert_int_equal(buf_add(NULL, b, bytes, len), COFFER_OK);
}

/* what would cost memory or time is not followed, and is not called harmless */
static void
test_ceilings(void **state)
{
	struct buf b = BUF_INIT(64u << 20);
	struct memory m;
	struct coffer_source source;
	struct pickle_report report;
	struct fault f;
	uint32_t budget = 100;

	(void)state;
	add_times(&b, LIMIT_PICKLE_DEPTH + 1, "(", 1);
	expect("marks", b.p, b.len, DOUBTS, "");
	b.len = 0;
	add_times(&b, LIMIT_PICKLE_DEPTH + 1, "N", 1);
	expect("values", b.p, b.len, DOUBTS, "");
	b.len = 0;
	add_times(&b, LIMIT_PICKLE_MEMO + 1,
		  "N\x94"
		  "0",
		  3);
	expect("memo", b.p, b.len, DOUBTS, "");
	b.len = 0;
	add_times(&b, 1, "N", 1);
	for (uint32_t i = 0; i < 100000; i++) { /* all of them where the first one is */
		uint8_t put[5] = {'r', 0, 0, (uint8_t)(i << 4), (uint8_t)(i >> 4)};

		add_times(&b, 1, put, sizeof(put));
	}
	add_times(&b, 1, ".", 1);
	expect("numbers that fall together", b.p, b.len, DOUBTS, "");
	b.len = 0;
	add_times(&b, 101, "N0", 2);
	m = (struct memory){.bytes = b.p, .len = b.len};
	source = memory_source(&m);
	assert_int_equal(pickle_scan(&f, &source, 0, &budget, &report), COFFER_OK);
	assert_non_null(report.doubt);
	assert_int_equal(budget, 0);
	b.len = 0;
	add_times(&b, 1, "c", 1);
	add_times(&b, LIMIT_PICKLE_LINE + 1, "a", 1);
	add_times(&b, 1, "\nx\n)R.", 6);
	expect("a name of 4097", b.p, b.len, BREAKS, "");
	b.len = 0;
	add_times(&b, 1, "}0\x80\4cos\n", 8);
	add_times(&b, LIMIT_PICKLE_LINE / 8 + 1, "path.os.", 8);
	add_times(&b, 1, "system\n)R.", 10);
	expect("a way of 4102 to os.system", b.p, b.len, DOUBTS, "");
	b.len = 0;
	add_times(&b, 1, "cats\n", 5);
	add_times(&b, LIMIT_PICKLE_LINE, "and ", 4);
	expect("a line of text", b.p, b.len, BREAKS, "");
	b.len = 0;
	add_times(&b, 1, "Np", 2);
	add_times(&b, LIMIT_PICKLE_LINE + 1, "0", 1);
	add_times(&b, 1, "\n0cos\nsystem\n)R.", 16);
	expect("a number of 4097", b.p, b.len, DOUBTS, "");
	buf_free(&b);
}

static void
test_source_errors(void **state)
{
	static const char bytes[] = "\x80\4\x8c\5posix\x8c\6system\x93N\x85R.";
	struct pickle_report report;
	struct fault f;

	(void)state;
	for (unsigned int i = 1; i <= 3; i++) {
		struct memory m = {.bytes = bytes, .len = sizeof(bytes) - 1, .fail_at = i, .fail_with = COFFER_E_AUTH};
		struct coffer_source source = memory_source(&m);
		uint32_t budget = LIMIT_PICKLE_OPCODES;

		assert_int_equal(pickle_scan(&f, &source, 0, &budget, &report), COFFER_E_AUTH);
	}
}

static void
test_allowed(void **state)
{
	static const struct {
		const char *module;
		const char *name;
		bool allowed;
	} globals[] = {
		{"collections", "OrderedDict", true},
		{"torch._utils", "_rebuild_tensor_v2", true},
		{"torch", "BFloat16Storage", true},
		{"torch", "uint7", true},
		{"_codecs", "encode", true},
		{"__builtin__", "bytearray", true},
		{"builtins", "set", true},
		{"builtins", "eval", false},
		{"__builtin__", "getattr", false},
		{"builtin", "set", false},
		{"collections", "OrderedDic", false},
		{"collections", "OrderedDict2", false},
		{"collections.OrderedDict", "", false},
		{"", "collections.OrderedDict", false},
		{"torch.storage", "_load_from_bytes", false},
		{"torch", "load", false},
		{"torch", "", false},
		{"", "", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(globals) / sizeof(globals[0]); i++)
		if (torch_global_allowed(view_str(globals[i].module), view_str(globals[i].name)) != globals[i].allowed)
			fail_msg("%s.%s", globals[i].module, globals[i].name);
}

static void
test_begins(void **state)
{
	(void)state;
	assert_true(pickle_begins((const uint8_t *)"\x80\2}", 3));
	assert_true(pickle_begins((const uint8_t *)"\x80\5\x95", 3));
	assert_false(pickle_begins((const uint8_t *)"\x80\6}", 3));
	assert_false(pickle_begins((const uint8_t *)"\x80\2\0", 3));
	assert_false(pickle_begins((const uint8_t *)"\x80\2", 2));
	assert_false(pickle_begins((const uint8_t *)"(dp", 3));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pickles),	      cmocka_unit_test(test_cut),     cmocka_unit_test(test_ceilings),
		cmocka_unit_test(test_source_errors), cmocka_unit_test(test_allowed), cmocka_unit_test(test_begins),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
