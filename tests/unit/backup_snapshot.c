/* SPDX-License-Identifier: Apache-2.0 */
/* The documents of a backup store: what is written is read, and nothing else is. */
#include "engine/backup_snapshot.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/backup_store.h"
#include "support/text.h"

#define HASH "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define STORE "00112233445566778899aabbccddeeff"
#define PART "\"" HASH "\""
#define FILE_A                                                                                                         \
	"{\"ctime\":\"5\",\"inode\":\"6\",\"mode\":420,\"mtime\":\"1700000000123456789\",\"parts\":[" PART "," PART    \
	"],\"path\":\"llama/a.coffer\",\"size\":65537}"
#define FILE_B                                                                                                         \
	"{\"ctime\":\"18446744073709551615\",\"inode\":\"0\",\"mode\":0,\"mtime\":\"0\",\"parts\":[],\"path\":"        \
	"\"llama/"                                                                                                     \
	"b\",\"size\":0}"
#define GOOD                                                                                                           \
	"{\"backup\":1,\"files\":[" FILE_A "," FILE_B "],\"host\":\"h\",\"mac\":\"" HASH                               \
	"\",\"part_size\":65536,\"private\":{\"parts\":[" PART                                                         \
	"],\"size\":1},\"roots\":[{\"name\":\"llama\",\"path\":\"/srv/llama\"}],\"store\":\"" STORE                    \
	"\",\"time\":\"2026-11-20T13:58:18Z\"}\n"

static const uint8_t key[32] = {7};

static void
test_good(void **state)
{
	struct snapshot s;
	struct buf again = BUF_INIT(100000);
	struct fault f;

	(void)state;
	assert_int_equal(snapshot_decode(&f, view_of(GOOD, strlen(GOOD)), &s), COFFER_OK);
	assert_int_equal(s.part_size, 65536);
	assert_int_equal(s.time, 1795183098);
	assert_string_equal(s.host, "h");
	assert_int_equal(s.n_roots, 1);
	assert_string_equal(s.roots[0].path, "/srv/llama");
	assert_int_equal(s.n_files, 2);
	assert_string_equal(s.files[0].path, "llama/a.coffer");
	assert_int_equal(s.files[0].size, 65537);
	assert_int_equal(s.files[0].mode, 0644);
	assert_int_equal(s.files[0].mtime_ns, UINT64_C(1700000000123456789));
	assert_int_equal(s.files[0].n_parts, 2);
	assert_int_equal(s.files[0].parts[1][0], 0x01);
	assert_int_equal(s.files[1].ctime_ns, UINT64_MAX);
	assert_int_equal(s.private_part.n_parts, 1);
	/* it is not the one that this key made; then it is */
	assert_int_equal(snapshot_verify(&f, &s, view_of(key, 32)), COFFER_E_AUTH);
	assert_int_equal(snapshot_encode(&f, &s, view_of(key, 32), &again), COFFER_OK);
	assert_int_equal(snapshot_verify(&f, &s, view_of(key, 32)), COFFER_OK);
	snapshot_free(&s);
	assert_int_equal(again.len, strlen(GOOD));
	assert_int_equal(snapshot_decode(&f, buf_view(&again), &s), COFFER_OK);
	assert_int_equal(snapshot_verify(&f, &s, view_of(key, 32)), COFFER_OK);
	assert_int_equal(snapshot_verify(&f, &s, view_of((const uint8_t[32]){8}, 32)), COFFER_E_AUTH);
	snapshot_free(&s);
	buf_free(&again);
}

/* GOOD with the first @from of it made @to. */
static char *
changed(const char *from, const char *to)
{
	const char *at = strstr(GOOD, from);
	char *text;

	assert_non_null(at);
	assert_true(asprintf(&text, "%.*s%s%s", (int)(at - GOOD), GOOD, to, at + strlen(from)) > 0);
	return text;
}

static void
test_refused(void **state)
{
	static const struct {
		const char *name, *from, *to;
		coffer_err want;
	} cases[] = {
		{"nothing changed", "x", "x", COFFER_OK},
		{"another version", "\"backup\":1", "\"backup\":2", COFFER_E_UNSUPPORTED},
		{"no version", "\"backup\":1,", "", COFFER_E_FORMAT},
		{"a member more", "\"backup\":1,", "\"backup\":1,\"by\":1,", COFFER_E_FORMAT},
		{"a space", "\"backup\":1,", "\"backup\":1, ", COFFER_E_FORMAT},
		{"another order", "{\"name\":\"llama\",\"path\":\"/srv/llama\"}",
		 "{\"path\":\"/srv/llama\",\"name\":\"llama\"}", COFFER_E_FORMAT},
		{"no line feed", "Z\"}\n", "Z\"}", COFFER_E_FORMAT},
		{"two line feeds", "Z\"}\n", "Z\"}\n\n", COFFER_E_FORMAT},
		{"no such day", "11-20T", "11-31T", COFFER_E_FORMAT},
		{"a fraction of a second", "18Z", "18.5Z", COFFER_E_FORMAT},
		{"parts of no power of two", "65536", "65537", COFFER_E_FORMAT},
		{"parts too small", "65536", "32768", COFFER_E_FORMAT},
		{"parts too large", "65536", "2147483648", COFFER_E_FORMAT},
		{"a short store", STORE, "00112233445566778899aabbccddee", COFFER_E_FORMAT},
		{"a large letter in a hash",
		 "89abcdef\""
		 ",",
		 "89abcdeF\""
		 ",",
		 COFFER_E_FORMAT},
		{"a part missing", PART "," PART, PART, COFFER_E_FORMAT},
		{"a part too many", "\"parts\":[]", "\"parts\":[" PART "]", COFFER_E_FORMAT},
		{"a size that needs another part", "65537", "131073", COFFER_E_FORMAT},
		{"a size with the same parts", "65537", "131072", COFFER_OK},
		{"a size beyond all", "\"size\":65537", "\"size\":4503599627370497", COFFER_E_FORMAT},
		{"a mode with more bits", "420", "2541", COFFER_E_FORMAT},
		{"a time that is a number", "\"1700000000123456789\"", "17", COFFER_OK},
		{"a time with a zero in front", "\"17", "\"017", COFFER_E_FORMAT},
		{"a time beyond 64 bits", "\"1700000000123456789\"", "\"18446744073709551616\"", COFFER_E_FORMAT},
		{"a way up", "llama/a.coffer", "../a.coffer", COFFER_E_FORMAT},
		{"a way up in the middle", "llama/a.coffer", "llama/../a", COFFER_E_FORMAT},
		{"from the root", "llama/a.coffer", "/a.coffer", COFFER_E_FORMAT},
		{"an empty part", "llama/a.coffer", "llama//a", COFFER_E_FORMAT},
		{"a slash at the end", "llama/a.coffer", "llama/a/", COFFER_E_FORMAT},
		{"no path", "llama/a.coffer", "", COFFER_E_FORMAT},
		{"a dot", "llama/a.coffer", "llama/.", COFFER_E_FORMAT},
		{"three dots are a name", "llama/a.coffer", "llama/...", COFFER_OK},
		{"a control character", "llama/a.coffer", "llama/a\\u001b", COFFER_E_FORMAT},
		{"two of one name", "llama/a.coffer", "llama/b", COFFER_E_FORMAT},
		{"out of order", "llama/a.coffer", "llama/c", COFFER_E_FORMAT},
		{"a root with a slash", "\"name\":\"llama\"", "\"name\":\"ll/ma\"", COFFER_E_FORMAT},
		{"no private part", "\"parts\":[" PART "],\"size\":1}", "\"parts\":[],\"size\":0}", COFFER_E_FORMAT},
		{"no host", "\"host\":\"h\"", "\"host\":\"\"", COFFER_E_FORMAT},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char *text = i == 0 ? strdup(GOOD) : changed(cases[i].from, cases[i].to);
		struct fault f = {.text = ""};
		struct snapshot s;
		coffer_err got = snapshot_decode(&f, view_of(text, strlen(text)), &s);

		if (got != cases[i].want)
			fail_msg("%s: %s: %s", cases[i].name, coffer_err_name(got), f.text);
		if (got)
			assert_true(f.text[0] != '\0' && s.files == NULL);
		snapshot_free(&s);
		free(text);
	}
}

static void
test_name(void **state)
{
	static const struct {
		const char *name;
		bool good;
	} names[] = {
		{"20261120T135818Z-00112233445566778899aabbccddeeff.json", true},
		{"20261120T135818Z-00112233445566778899aabbccddeefF.json", false},
		{"20261120T135818Z-00112233445566778899aabbccddeeff.jsoN", false},
		{"20261120T135818Z_00112233445566778899aabbccddeeff.json", false},
		{"20261131T135818Z-00112233445566778899aabbccddeeff.json", false},
		{"20261120t135818Z-00112233445566778899aabbccddeeff.json", false},
		{"20261120T135818+-00112233445566778899aabbccddeeff.json", false},
		{"20261120T135818Z-00112233445566778899aabbccddeeff.json.", false},
		{".20261120T135818Z-00112233445566778899aabbccddeeff.coffer-tmp", false},
		{"", false},
	};
	struct snapshot s = SNAPSHOT_INIT;
	char name[SNAPSHOT_NAME_LEN + 1];
	uint8_t id[SNAPSHOT_ID_LEN];
	int64_t time;

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		assert_int_equal(snapshot_name_parse(names[i].name, &time, id), names[i].good);
	assert_true(snapshot_name_parse(names[0].name, &time, id));
	assert_int_equal(time, 1795183098);
	s.time = time;
	memcpy(s.id, id, sizeof(id));
	snapshot_name(&s, name);
	assert_string_equal(name, names[0].name);
}

static void
test_parts(void **state)
{
	(void)state;
	assert_int_equal(backup_n_parts(0, 65536), 0);
	assert_int_equal(backup_n_parts(1, 65536), 1);
	assert_int_equal(backup_n_parts(65536, 65536), 1);
	assert_int_equal(backup_n_parts(65537, 65536), 2);
	assert_int_equal(backup_n_parts(UINT64_C(1) << 52, 65536), UINT64_C(1) << 36);
	assert_int_equal(backup_part_len(65537, 65536, 0), 65536);
	assert_int_equal(backup_part_len(65537, 65536, 1), 1);
	assert_int_equal(backup_part_len(65536, 65536, 0), 65536);
}

/* ---- what a store says of itself ---- */

static void
test_description(void **state)
{
	static const struct {
		const char *text;
		coffer_err want;
	} cases[] = {
		{"{\"coffer_backup\":1,\"part_size\":65536,\"store\":\"" STORE "\"}\n", COFFER_OK},
		{"{\"coffer_backup\":2,\"part_size\":65536,\"store\":\"" STORE "\"}", COFFER_E_UNSUPPORTED},
		{"{\"coffer_backup\":1,\"part_size\":65535,\"store\":\"" STORE "\"}", COFFER_E_FORMAT},
		{"{\"coffer_backup\":1,\"part_size\":0,\"store\":\"" STORE "\"}", COFFER_E_FORMAT},
		{"{\"coffer_backup\":1,\"part_size\":65536,\"store\":\"0011\"}", COFFER_E_FORMAT},
		{"{\"coffer_backup\":1,\"part_size\":65536}", COFFER_E_FORMAT},
		{"{\"coffer_backup\":1,\"more\":1,\"part_size\":65536,\"store\":\"" STORE "\"}", COFFER_E_FORMAT},
		{"{}", COFFER_E_FORMAT},
		{"", COFFER_E_FORMAT},
	};
	struct buf again = BUF_INIT(1000);
	struct backup_store s = BACKUP_STORE_INIT;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		assert_int_equal(store_description_decode(NULL, view_of(cases[i].text, strlen(cases[i].text)), &s),
				 cases[i].want);
	assert_int_equal(store_description_decode(NULL, view_of(cases[0].text, strlen(cases[0].text)), &s), COFFER_OK);
	assert_int_equal(store_description_encode(NULL, &s, &again), COFFER_OK);
	assert_int_equal(again.len, strlen(cases[0].text));
	assert_memory_equal(again.p, cases[0].text, again.len);
	buf_free(&again);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),  cmocka_unit_test(test_refused),	  cmocka_unit_test(test_name),
		cmocka_unit_test(test_parts), cmocka_unit_test(test_description),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
