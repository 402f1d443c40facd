/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/enc.h"
#include "base/limits.h"
#include "crypto/hash.h"
#include "sign/manifest.h"

#define TYPE "\"_type\":\"https://in-toto.io/Statement/v1\","
#define V1 "\"predicateType\":\"https://model_signing/signature/v1.0\","
#define V02 "\"predicateType\":\"https://model_signing/Digests/v0.1\","
#define D8 "11111111"
#define D32 D8 D8 D8 D8 D8 D8 D8 D8
#define D64 D32 D32
#define FILE_(name) "{\"name\":\"" name "\",\"digest\":\"" D32 "\",\"algorithm\":\"sha256\"}"
#define SHARD(name) "{\"name\":\"" name "\",\"digest\":\"" D32 "\",\"algorithm\":\"sha256-sharded-100\"}"
#define BLAKE(name, hash) "{\"name\":\"" name "\",\"digest\":\"" D64 "\",\"algorithm\":\"" hash "\"}"
#define FILES "\"method\":\"files\",\"hash_type\":\"sha256\",\"allow_symlinks\":false"
#define SHARDS "\"method\":\"shards\",\"hash_type\":\"sha256\",\"allow_symlinks\":false,\"shard_size\":100"

/* a statement about @n resources with digests of @len bytes 0x11, whose root is right */
static void
make_statement(char *out, size_t size, const char *resources, const char *serialization, size_t n, size_t len)
{
	uint8_t digests[400], root[SHA256_LEN];
	char hex[2 * SHA256_LEN + 1];

	memset(digests, 0x11, sizeof(digests));
	assert_true(n * len <= sizeof(digests));
	assert_int_equal(sha256(NULL, view_of(digests, n * len), root), COFFER_OK);
	enc_hex(root, sizeof(root), hex);
	(void)snprintf(out, size,
		       "{" TYPE V1 "\"subject\":[{\"name\":\"m\",\"digest\":{\"sha256\":\"%s\"}}],"
		       "\"predicate\":{\"resources\":[%s],\"serialization\":{%s}}}",
		       hex, resources, serialization);
}

static const struct {
	const char *name;
	const char *resources;
	const char *serialization;
	size_t n;
	coffer_err err;
	const char *why; /* a part of the sentence */
} cases[] = {
	{"one file", FILE_("a"), FILES, 1, COFFER_OK, ""},
	{"spaces, colons, backslashes, control characters", FILE_("a b/c:1:2") "," FILE_("d\\\\e") "," FILE_("\\n"),
	 FILES, 3, COFFER_OK, ""},
	{"dots that are no parts", FILE_("...") "," FILE_(".a") "," FILE_("a..") "," FILE_("..a/.b"), FILES, 4,
	 COFFER_OK, ""},
	{"beyond ASCII", FILE_("\\u6a21\\ud83e\\udd99") "," FILE_("s\xc3\xbc\xc3\x9f"), FILES, 2, COFFER_OK, ""},
	{"out of order", FILE_("b") "," FILE_("a"), FILES, 2, COFFER_OK, ""},
	{"a single file as model_signing names it", FILE_("."), FILES, 1, COFFER_OK, ""},
	{"members of a descriptor that nobody knows",
	 "{\"x\":{\"name\":[]},\"name\":\"a\",\"digest\":\"" D32 "\",\"algorithm\":\"sha256\",\"x\":1}", FILES, 1,
	 COFFER_OK, ""},
	{"ignored paths", FILE_("a"), FILES ",\"ignore_paths\":[\".git\",\"sub/*\",\"a\\\\b\"]", 1, COFFER_OK, ""},
	{"no ignored paths", FILE_("a"), FILES ",\"ignore_paths\":[]", 1, COFFER_OK, ""},
	{"a path of 4096 bytes", NULL, FILES, 1, COFFER_OK, ""},
	/* names that lead elsewhere, or name nothing */
	{"no file", "", FILES, 0, COFFER_E_FORMAT, "no file is listed"},
	{"empty name", FILE_(""), FILES, 1, COFFER_E_FORMAT, "is empty"},
	{"absolute", FILE_("/etc/hostname"), FILES, 1, COFFER_E_FORMAT, "«/etc/hostname» is absolute"},
	{"up", FILE_("../a"), FILES, 1, COFFER_E_FORMAT, "a part that is . or .."},
	{"up in the middle", FILE_("a/../b"), FILES, 1, COFFER_E_FORMAT, "a part that is . or .."},
	{"up at the end", FILE_("a/.."), FILES, 1, COFFER_E_FORMAT, "a part that is . or .."},
	{"two dots", FILE_(".."), FILES, 1, COFFER_E_FORMAT, "a part that is . or .."},
	{"here", FILE_("./a"), FILES, 1, COFFER_E_FORMAT, "a part that is . or .."},
	{"two slashes", FILE_("a//b"), FILES, 1, COFFER_E_FORMAT, "an empty part"},
	{"slash at the end", FILE_("a/"), FILES, 1, COFFER_E_FORMAT, "an empty part"},
	{"NUL", FILE_("a\\u0000x"), FILES, 1, COFFER_E_FORMAT, "stands for a character"},
	{"half a pair", FILE_("a\\ud800"), FILES, 1, COFFER_E_FORMAT, "stands for a character"},
	{"no UTF-8", FILE_("a\xff"), FILES, 1, COFFER_E_FORMAT, "not UTF-8"},
	{"a path of 4097 bytes", NULL, FILES, 1, COFFER_E_FORMAT, "longer than 4096"},
	{"a name that is none for a terminal", FILE_("\\u001b[31m/.."), FILES, 1, COFFER_E_FORMAT, "of 8 bytes"},
	{"twice", FILE_("a") "," FILE_("b") "," FILE_("a"), FILES, 3, COFFER_E_FORMAT, "«a» is listed twice"},
	{"a single file and another", FILE_(".") "," FILE_("a"), FILES, 2, COFFER_E_FORMAT, "others are listed"},
	/* resources */
	{"no name", "{\"digest\":\"" D32 "\",\"algorithm\":\"sha256\"}", FILES, 1, COFFER_E_FORMAT, "lacks name"},
	{"no digest", "{\"name\":\"a\",\"algorithm\":\"sha256\"}", FILES, 1, COFFER_E_FORMAT, "lacks name"},
	{"no algorithm", "{\"name\":\"a\",\"digest\":\"" D32 "\"}", FILES, 1, COFFER_E_FORMAT, "lacks name"},
	{"a name twice in one resource",
	 "{\"name\":\"a\",\"name\":\"b\",\"digest\":\"" D32 "\",\"algorithm\":\"sha256\"}", FILES, 1, COFFER_E_FORMAT,
	 "«name» stands twice"},
	{"a name that is a number", "{\"name\":1,\"digest\":\"" D32 "\",\"algorithm\":\"sha256\"}", FILES, 1,
	 COFFER_E_FORMAT, "a string is expected"},
	{"digest too short", "{\"name\":\"a\",\"digest\":\"11\",\"algorithm\":\"sha256\"}", FILES, 1, COFFER_E_FORMAT,
	 "a digest that is none"},
	{"digest too long", "{\"name\":\"a\",\"digest\":\"" D64 "\",\"algorithm\":\"sha256\"}", FILES, 1,
	 COFFER_E_FORMAT, "a digest that is none"},
	{"digest in capitals",
	 "{\"name\":\"a\",\"digest\":\"AA" D8 D8 D8 D8 D8 D8 D8 "111111\",\"algorithm\":\"sha256\"}", FILES, 1,
	 COFFER_E_FORMAT, "a digest that is none"},
	{"another algorithm", "{\"name\":\"a\",\"digest\":\"" D32 "\",\"algorithm\":\"md5\"}", FILES, 1,
	 COFFER_E_FORMAT, "another algorithm"},
	{"blake3 where sha256 is said", "{\"name\":\"a\",\"digest\":\"" D32 "\",\"algorithm\":\"blake3\"}", FILES, 1,
	 COFFER_E_FORMAT, "another algorithm"},
	{"sharded where files are said",
	 "{\"name\":\"a\",\"digest\":\"" D32 "\",\"algorithm\":\"sha256-sharded-1000000000\"}", FILES, 1,
	 COFFER_E_FORMAT, "another algorithm"},
	{"a resource that is text", "\"a\"", FILES, 1, COFFER_E_FORMAT, "an object is expected"},
	/* serialization */
	{"no method", FILE_("a"), "\"hash_type\":\"sha256\",\"allow_symlinks\":false", 1, COFFER_E_FORMAT,
	 "lacks method"},
	{"no hash_type", FILE_("a"), "\"method\":\"files\",\"allow_symlinks\":false", 1, COFFER_E_FORMAT,
	 "lacks method"},
	{"no allow_symlinks", FILE_("a"), "\"method\":\"files\",\"hash_type\":\"sha256\"", 1, COFFER_E_FORMAT,
	 "lacks method"},
	{"allow_symlinks in text", FILE_("a"),
	 "\"method\":\"files\",\"hash_type\":\"sha256\",\"allow_symlinks\":\"false\"", 1, COFFER_E_FORMAT,
	 "neither true nor false"},
	{"another method", FILE_("a"), "\"method\":\"tree\",\"hash_type\":\"sha256\",\"allow_symlinks\":false", 1,
	 COFFER_E_UNSUPPORTED, "method other than"},
	{"another hash", FILE_("a"), "\"method\":\"files\",\"hash_type\":\"sha512\",\"allow_symlinks\":false", 1,
	 COFFER_E_UNSUPPORTED, "hash_type other than"},
	{"files with a shard size", FILE_("a"), FILES ",\"shard_size\":5", 1, COFFER_E_FORMAT, "whole files"},
	{"one ignored path hides all", FILE_("a"), FILES ",\"ignore_paths\":[\"b\",\".\"]", 1, COFFER_E_FORMAT,
	 "would hide the whole model"},
	{"so does none", FILE_("a"), FILES ",\"ignore_paths\":[\"\"]", 1, COFFER_E_FORMAT, "is empty"},
	{"so does the root", FILE_("a"), FILES ",\"ignore_paths\":[\"/\"]", 1, COFFER_E_FORMAT, "is absolute"},
	{"so does up", FILE_("a"), FILES ",\"ignore_paths\":[\"..\"]", 1, COFFER_E_FORMAT, "a part that is . or .."},
	{"so does up and down", FILE_("a"), FILES ",\"ignore_paths\":[\"a/..\"]", 1, COFFER_E_FORMAT,
	 "a part that is . or .."},
	{"so does here", FILE_("a"), FILES ",\"ignore_paths\":[\"./\"]", 1, COFFER_E_FORMAT, "a part that is . or .."},
	{"ignored path that is a number", FILE_("a"), FILES ",\"ignore_paths\":[1]", 1, COFFER_E_FORMAT,
	 "a string is expected"},
	/* shards */
	{"one shard", SHARD("a:0:7"), SHARDS, 1, COFFER_OK, ""},
	{"shards in string order, colons in the name",
	 FILE_("x:1:2:0:100") "," FILE_("x:1:2:100:200") "," FILE_("x:1:2:200:201"), SHARDS, 3, COFFER_OK, ""},
	{"shards in any order", FILE_("a:100:101") "," FILE_("a:0:100"), SHARDS, 2, COFFER_OK, ""},
	{"shard size as a fraction that is none", SHARD("a:0:7"),
	 "\"method\":\"shards\",\"hash_type\":\"sha256\",\"allow_symlinks\":false,\"shard_size\":100.0", 1, COFFER_OK,
	 ""},
	{"shards of a single file", SHARD(".:0:100") "," SHARD(".:100:105"), SHARDS, 2, COFFER_OK, ""},
	{"no range", FILE_("a"), SHARDS, 1, COFFER_E_FORMAT, "does not end in"},
	{"half a range", FILE_("a:7"), SHARDS, 1, COFFER_E_FORMAT, "does not end in"},
	{"a zero before the number", FILE_("a:00:7"), SHARDS, 1, COFFER_E_FORMAT, "does not end in"},
	{"a sign", FILE_("a:+0:7"), SHARDS, 1, COFFER_E_FORMAT, "does not end in"},
	{"backwards", FILE_("a:7:0"), SHARDS, 1, COFFER_E_FORMAT, "does not end in"},
	{"nothing", FILE_("a:0:0"), SHARDS, 1, COFFER_E_FORMAT, "does not end in"},
	{"past 2^63", FILE_("a:0:9223372036854775808"), SHARDS, 1, COFFER_E_FORMAT, "does not end in"},
	{"a range of nothing", FILE_(":0:7"), SHARDS, 1, COFFER_E_FORMAT, "is empty"},
	{"not from the start", FILE_("a:100:107"), SHARDS, 1, COFFER_E_FORMAT, "no shard covers"},
	{"a gap", FILE_("a:0:100") "," FILE_("a:200:300"), SHARDS, 2, COFFER_E_FORMAT, "no shard covers"},
	{"overlap", FILE_("a:0:100") "," FILE_("a:50:150"), SHARDS, 2, COFFER_E_FORMAT, "overlap"},
	{"a shard twice", FILE_("a:0:100") "," FILE_("a:0:100"), SHARDS, 2, COFFER_E_FORMAT, "overlap"},
	{"too large", FILE_("a:0:101"), SHARDS, 1, COFFER_E_FORMAT, "larger than shard_size"},
	{"a small one in the middle", FILE_("a:0:50") "," FILE_("a:50:150"), SHARDS, 2, COFFER_E_FORMAT,
	 "smaller than shard_size"},
	{"another shard size in the algorithm", SHARD("a:0:7"),
	 "\"method\":\"shards\",\"hash_type\":\"sha256\",\"allow_symlinks\":false,\"shard_size\":1000", 1,
	 COFFER_E_FORMAT, "another algorithm"},
	{"no shard size", FILE_("a:0:7"), "\"method\":\"shards\",\"hash_type\":\"sha256\",\"allow_symlinks\":false", 1,
	 COFFER_E_FORMAT, "shard_size"},
	{"shard size null", FILE_("a:0:7"), FILES ",\"shard_size\":null", 1, COFFER_E_FORMAT, "a whole number"},
	{"shard size 0", FILE_("a:0:7"),
	 "\"method\":\"shards\",\"hash_type\":\"sha256\",\"allow_symlinks\":false,\"shard_size\":0", 1, COFFER_E_FORMAT,
	 "an impossible one"},
	{"shard size past 2^63", FILE_("a:0:7"),
	 "\"method\":\"shards\",\"hash_type\":\"sha256\",\"allow_symlinks\":false,\"shard_size\":9223372036854775808",
	 1, COFFER_E_FORMAT, "an impossible one"},
	{"shard size with a fraction", FILE_("a:0:7"), FILES ",\"shard_size\":1.5", 1, COFFER_E_FORMAT,
	 "a whole number"},
	{"shard size in text", FILE_("a:0:7"), FILES ",\"shard_size\":\"100\"", 1, COFFER_E_FORMAT, "a whole number"},
};

static void
check_case(size_t i, size_t len, const char *resources)
{
	static char text[20000];
	struct fault f = {.text = ""};
	struct manifest m;
	coffer_err err;

	make_statement(text, sizeof(text), resources, cases[i].serialization, cases[i].n, len);
	manifest_init(&m);
	err = manifest_parse(&f, view_str(text), &m);
	if (err != cases[i].err || !strstr(f.text, cases[i].why))
		fail_msg("%s: %s: %s", cases[i].name, coffer_err_name(err), f.text);
	assert_int_equal(m.n, err == COFFER_OK ? cases[i].n : 0);
	manifest_free(&m);
}

static void
test_cases(void **state)
{
	static char resources[6000];
	static char path[4200];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t len = cases[i].err == COFFER_OK ? LIMIT_SIGNED_PATH : LIMIT_SIGNED_PATH + 1;

		memset(path, 'a', len);
		path[len] = '\0';
		(void)snprintf(resources, sizeof(resources),
			       "{\"name\":\"%s\",\"digest\":\"" D32 "\",\"algorithm\":\"sha256\"}", path);
		check_case(i, 32, cases[i].resources ? cases[i].resources : resources);
	}
}

static const struct {
	const char *name;
	const char *text;
	coffer_err err;
	const char *why;
} statements[] = {
#define ROOT1 "02d449a31fbb267c8f352e9968a79e3e5fc95c1bbeaa502fd6454ebde5a4bedc" /* of 32 bytes 0x11 */
#define SUBJECT "\"subject\":[{\"name\":\"m\",\"digest\":{\"sha256\":\"" ROOT1 "\"}}],"
#define PREDICATE "\"predicate\":{\"resources\":[" FILE_("a") "],\"serialization\":{" FILES "}}"
	{"whole", "{" TYPE V1 SUBJECT PREDICATE "}", COFFER_OK, ""},
	{"in another order, with members that nobody knows",
	 "{\"x\":[1.5,{}],\"predicate\":{\"y\":null,\"serialization\":{\"z\":-1," FILES
	 "},\"resources\":[" FILE_("a") "]}," SUBJECT V1 TYPE "\"w\":\"\"}",
	 COFFER_OK, ""},
	{"a later minor version",
	 "{" TYPE "\"predicateType\":\"https://model_signing/signature/v1.23\"," SUBJECT PREDICATE "}", COFFER_OK, ""},
	{"another digest of the subject too",
	 "{" TYPE V1 "\"subject\":[{\"name\":\"m\",\"digest\":{\"sha512\":\"00\",\"sha256\":\"" ROOT1 "\"}}]," PREDICATE
	 "}",
	 COFFER_OK, ""},
	{"v0.2",
	 "{" TYPE V02 "\"subject\":[{\"name\":\"a\",\"digest\":{\"sha256\":\"" D32
	 "\"}},{\"name\":\"b\",\"digest\":{\"sha256\":\"" D32
	 "\"},\"annotations\":{\"actual_hash_algorithm\":\"file-sha256\"}}],\"predicate\":{\"unused\":\"x\"}}",
	 COFFER_OK, ""},
	{"nothing", "", COFFER_E_FORMAT, "an object is expected"},
	{"no object", "[]", COFFER_E_FORMAT, "an object is expected"},
	{"two", "{" TYPE V1 SUBJECT PREDICATE "}{}", COFFER_E_FORMAT, "something follows"},
	{"a byte order mark", "\xef\xbb\xbf{" TYPE V1 SUBJECT PREDICATE "}", COFFER_E_FORMAT, "an object is expected"},
	{"a member twice", "{" TYPE V1 V1 SUBJECT PREDICATE "}", COFFER_E_FORMAT, "«predicateType» stands twice"},
	{"resources twice",
	 "{" TYPE V1 SUBJECT "\"predicate\":{\"resources\":[" FILE_("a") "],\"resources\":[],\"serialization\":{" FILES
									 "}}}",
	 COFFER_E_FORMAT, "«resources» stands twice"},
	{"another type", "{\"_type\":\"https://in-toto.io/Statement/v0.1\"," V1 SUBJECT PREDICATE "}",
	 COFFER_E_UNSUPPORTED, "_type"},
	{"no type", "{" V1 SUBJECT PREDICATE "}", COFFER_E_UNSUPPORTED, "_type"},
	{"no predicate type", "{" TYPE SUBJECT PREDICATE "}", COFFER_E_UNSUPPORTED, "its predicate is not"},
	{"version 2", "{" TYPE "\"predicateType\":\"https://model_signing/signature/v2.0\"," SUBJECT PREDICATE "}",
	 COFFER_E_UNSUPPORTED, "its predicate is not"},
	{"no minor version",
	 "{" TYPE "\"predicateType\":\"https://model_signing/signature/v1.\"," SUBJECT PREDICATE "}",
	 COFFER_E_UNSUPPORTED, "its predicate is not"},
	{"a minor version that nobody counts to",
	 "{" TYPE "\"predicateType\":\"https://model_signing/signature/v1." D32 "\"," SUBJECT PREDICATE "}",
	 COFFER_E_UNSUPPORTED, "its predicate is not"},
	{"something behind it",
	 "{" TYPE "\"predicateType\":\"https://model_signing/signature/v1.0/x\"," SUBJECT PREDICATE "}",
	 COFFER_E_UNSUPPORTED, "its predicate is not"},
	{"another predicate", "{" TYPE "\"predicateType\":\"https://slsa.dev/provenance/v1\"," SUBJECT PREDICATE "}",
	 COFFER_E_UNSUPPORTED, "its predicate is not"},
	{"no predicate", "{" TYPE V1 SUBJECT "\"x\":1}", COFFER_E_FORMAT, "lacks method"},
	{"no serialization", "{" TYPE V1 SUBJECT "\"predicate\":{\"resources\":[" FILE_("a") "]}}", COFFER_E_FORMAT,
	 "lacks method"},
	{"no resources", "{" TYPE V1 SUBJECT "\"predicate\":{\"serialization\":{" FILES "}}}", COFFER_E_FORMAT,
	 "no file is listed"},
	{"no subject", "{" TYPE V1 PREDICATE "}", COFFER_E_FORMAT, "not one subject"},
	{"an empty list of subjects", "{" TYPE V1 "\"subject\":[]," PREDICATE "}", COFFER_E_FORMAT, "not one subject"},
	{"two subjects",
	 "{" TYPE V1 "\"subject\":[{\"name\":\"m\",\"digest\":{\"sha256\":\"" ROOT1
	 "\"}},{\"name\":\"m\",\"digest\":{\"sha256\":\"" ROOT1 "\"}}]," PREDICATE "}",
	 COFFER_E_FORMAT, "not one subject"},
	{"a subject without a name", "{" TYPE V1 "\"subject\":[{\"digest\":{\"sha256\":\"" ROOT1 "\"}}]," PREDICATE "}",
	 COFFER_E_FORMAT, "not one subject"},
	{"a subject with an empty name",
	 "{" TYPE V1 "\"subject\":[{\"name\":\"\",\"digest\":{\"sha256\":\"" ROOT1 "\"}}]," PREDICATE "}",
	 COFFER_E_FORMAT, "not one subject"},
	{"a subject without a digest", "{" TYPE V1 "\"subject\":[{\"name\":\"m\"}]," PREDICATE "}", COFFER_E_FORMAT,
	 "not one subject"},
	{"a subject with another digest",
	 "{" TYPE V1 "\"subject\":[{\"name\":\"m\",\"digest\":{\"sha512\":\"00\"}}]," PREDICATE "}", COFFER_E_FORMAT,
	 "not one subject"},
	{"a subject's digest that is none",
	 "{" TYPE V1 "\"subject\":[{\"name\":\"m\",\"digest\":{\"sha256\":\"00\"}}]," PREDICATE "}", COFFER_E_FORMAT,
	 "no SHA-256"},
	{"another root",
	 "{" TYPE V1 "\"subject\":[{\"name\":\"m\",\"digest\":{\"sha256\":\"" D32 "\"}}]," PREDICATE "}", COFFER_E_AUTH,
	 "root digest"},
	{"v0.2 without a file", "{" TYPE V02 "\"subject\":[],\"predicate\":{}}", COFFER_E_FORMAT, "no file is listed"},
	{"v0.2 with a file twice",
	 "{" TYPE V02 "\"subject\":[{\"name\":\"a\",\"digest\":{\"sha256\":\"" D32
	 "\"}},{\"name\":\"a\",\"digest\":{\"sha256\":\"" D32 "\"}}]}",
	 COFFER_E_FORMAT, "listed twice"},
	{"v0.2 with a name that leads up",
	 "{" TYPE V02 "\"subject\":[{\"name\":\"../a\",\"digest\":{\"sha256\":\"" D32 "\"}}]}", COFFER_E_FORMAT,
	 "a part that is . or .."},
	{"v0.2 with shards",
	 "{" TYPE V02 "\"subject\":[{\"name\":\"a:0:5\",\"digest\":{\"sha256\":\"" D32
	 "\"},\"annotations\":{\"actual_hash_algorithm\":\"file-sha256-1000\"}}]}",
	 COFFER_E_UNSUPPORTED, "file-sha256"},
};

static void
test_statements(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(statements) / sizeof(statements[0]); i++) {
		struct fault f = {.text = ""};
		struct manifest m;
		coffer_err err;

		manifest_init(&m);
		err = manifest_parse(&f, view_str(statements[i].text), &m);
		if (err != statements[i].err || !strstr(f.text, statements[i].why))
			fail_msg("%s: %s: %s", statements[i].name, coffer_err_name(err), f.text);
		assert_int_equal(m.v02, err == COFFER_OK && strcmp(statements[i].name, "v0.2") == 0);
		manifest_free(&m);
	}
}

static void
parse(struct manifest *m, const char *resources, const char *serialization, size_t n, size_t len)
{
	static char text[20000];
	struct fault f = {.text = ""};

	make_statement(text, sizeof(text), resources, serialization, n, len);
	manifest_init(m);
	if (manifest_parse(&f, view_str(text), m) != COFFER_OK)
		fail_msg("%s", f.text);
}

static void
test_content(void **state)
{
	struct manifest m;

	(void)state;
	parse(&m, FILE_("b") "," FILE_("a\\u00e4"), FILES ",\"ignore_paths\":[\"x\",\"y/z\"]", 2, 32);
	assert_string_equal(m.subject, "m");
	assert_int_equal(m.method, MANIFEST_FILES);
	assert_int_equal(m.hash, DIGEST_SHA256);
	assert_false(m.allow_symlinks || m.v02);
	/* in the order listed */
	assert_string_equal(m.resources[0].path, "b");
	assert_string_equal(m.resources[1].path, "a\xc3\xa4");
	assert_int_equal(m.resources[1].digest[31], 0x11);
	assert_int_equal(m.n_ignore_paths, 2);
	assert_string_equal(m.ignore_paths[1], "y/z");
	manifest_free(&m);

	parse(&m, BLAKE("x:1:0:9", "blake2b"),
	      "\"method\":\"shards\",\"hash_type\":\"blake2b\",\"allow_symlinks\":true,\"shard_size\":1e1", 1, 64);
	assert_int_equal(m.method, MANIFEST_SHARDS);
	assert_int_equal(m.hash, DIGEST_BLAKE2B);
	assert_true(m.allow_symlinks);
	assert_int_equal(m.shard_size, 10);
	assert_string_equal(m.resources[0].path, "x:1");
	assert_true(m.resources[0].start == 0 && m.resources[0].end == 9);
	assert_int_equal(m.resources[0].digest[63], 0x11);
	manifest_free(&m);

	parse(&m, "{\"name\":\"a:0:5\",\"digest\":\"" D32 "\",\"algorithm\":\"blake3-sharded-5\"}",
	      "\"method\":\"shards\",\"hash_type\":\"blake3\",\"allow_symlinks\":true,\"shard_size\":5.0", 1, 32);
	assert_int_equal(m.hash, DIGEST_BLAKE3);
	manifest_free(&m);
}

/* the order of the specification is not that of folders, and of shards not that of numbers */
static void
test_sort(void **state)
{
	static const uint8_t digest[DIGEST_MAX] = {0};
	static const char *const files[] = {"-",	 "a",	   "model-1.bin", "model.json",	  "model/x",
					    "model/x/y", "model0", "\xc3\xa4",	  "\xef\xbf\xbd", "\xf0\x9f\xa6\x99"};
	static const struct {
		const char *path;
		uint64_t start, end;
	} shards[] = {{"w", 0, 1000000000},
		      {"w", 10000000000, 11000000000},
		      {"w", 1000000000, 2000000000},
		      {"w", 2000000000, 3000000000},
		      {"w.x", 0, 5},
		      {"w:1", 0, 5},
		      {"w:2000000000:3", 0, 5},
		      {"x", 0, 5}};
	/* «w.» is before «w:» */
	static const size_t order[] = {4, 0, 1, 2, 5, 3, 6, 7};
	struct manifest m;

	(void)state;
	manifest_init(&m);
	for (size_t i = 0; i < 10; i++)
		assert_int_equal(manifest_add(NULL, &m, files[(i * 7 + 3) % 10], 0, 0, digest), COFFER_OK);
	manifest_sort(&m);
	for (size_t i = 0; i < 10; i++)
		assert_string_equal(m.resources[i].path, files[i]);
	manifest_free(&m);
	m.method = MANIFEST_SHARDS;
	for (size_t i = 0; i < 8; i++)
		assert_int_equal(manifest_add(NULL, &m, shards[i].path, shards[i].start, shards[i].end, digest),
				 COFFER_OK);
	manifest_sort(&m);
	for (size_t i = 0; i < 8; i++) {
		assert_string_equal(m.resources[i].path, shards[order[i]].path);
		assert_int_equal(m.resources[i].start, shards[order[i]].start);
	}
	manifest_free(&m);
}

static void
test_write(void **state)
{
	uint8_t digest[DIGEST_MAX];
	struct buf out = BUF_INIT(10000);
	struct manifest m;

	(void)state;
	memset(digest, 0x11, sizeof(digest));
	manifest_init(&m);
	m.subject = strdup("my \"model\"");
	assert_int_equal(buf_str(NULL, &out, "x"), COFFER_OK);
	assert_int_equal(manifest_write(NULL, &m, &out), COFFER_E_USAGE);
	assert_int_equal(manifest_add(NULL, &m, "a\n\"\\", 0, 0, digest), COFFER_OK);
	assert_int_equal(manifest_ignore(NULL, &m, ".git"), COFFER_OK);
	assert_int_equal(manifest_ignore(NULL, &m, "."), COFFER_E_FORMAT);
	assert_int_equal(manifest_write(NULL, &m, &out), COFFER_OK);
	assert_int_equal(buf_add(NULL, &out, "", 1), COFFER_OK);
	assert_string_equal(
		(char *)out.p,
		"x{\"_type\":\"https://in-toto.io/Statement/v1\",\"subject\":[{\"name\":\"my \\\"model\\\"\","
		"\"digest\":{\"sha256\":\"" ROOT1 "\"}}],"
		"\"predicateType\":\"https://model_signing/signature/v1.0\",\"predicate\":{\"serialization\":{"
		"\"method\":\"files\",\"hash_type\":\"sha256\",\"allow_symlinks\":false,"
		"\"ignore_paths\":[\".git\"]},\"resources\":["
		"{\"name\":\"a\\u000a\\\"\\\\\",\"digest\":\"" D32 "\",\"algorithm\":\"sha256\"}]}}");
	buf_free(&out);
	/* what is doubled or out of order is a mistake of ours */
	assert_int_equal(manifest_add(NULL, &m, "a\n\"\\", 0, 0, digest), COFFER_OK);
	assert_int_equal(manifest_write(NULL, &m, &out), COFFER_E_INTERNAL);
	m.resources[1].path[0] = 'A';
	assert_int_equal(manifest_write(NULL, &m, &out), COFFER_E_INTERNAL);
	manifest_sort(&m);
	assert_int_equal(manifest_write(NULL, &m, &out), COFFER_OK);
	buf_free(&out);
	/* the ceiling of the caller's buffer holds */
	out.max = 400;
	assert_int_equal(manifest_write(NULL, &m, &out), COFFER_E_NOMEM);
	buf_free(&out);
	manifest_free(&m);
}

static void
test_write_shards(void **state)
{
	static const char want[] =
		"\"predicate\":{\"serialization\":{\"method\":\"shards\",\"hash_type\":\"blake2b\",\"shard_size\":100,"
		"\"allow_symlinks\":true,\"ignore_paths\":[]},\"resources\":[{\"name\":\"w:0:100\",\"digest\":\"" D64
		"\",\"algorithm\":\"blake2b\"},{\"name\":\"w:100:101\",\"digest\":\"" D64
		"\",\"algorithm\":\"blake2b\"}]}}";
	uint8_t digest[DIGEST_MAX];
	struct buf out = BUF_INIT(10000);
	struct manifest m, back;

	(void)state;
	memset(digest, 0x11, sizeof(digest));
	manifest_init(&m);
	m.subject = strdup("m");
	m.method = MANIFEST_SHARDS;
	m.hash = DIGEST_BLAKE2B;
	m.shard_size = 100;
	m.allow_symlinks = true;
	assert_int_equal(manifest_add(NULL, &m, "w", 100, 101, digest), COFFER_OK);
	assert_int_equal(manifest_add(NULL, &m, "w", 0, 100, digest), COFFER_OK);
	manifest_sort(&m);
	assert_int_equal(manifest_write(NULL, &m, &out), COFFER_OK);
	assert_true(out.len > sizeof(want));
	assert_memory_equal(out.p + out.len - (sizeof(want) - 1), want, sizeof(want) - 1);
	manifest_init(&back);
	assert_int_equal(manifest_parse(NULL, buf_view(&out), &back), COFFER_OK);
	assert_int_equal(back.n, 2);
	manifest_free(&back);
	manifest_free(&m);
	buf_free(&out);
}

static void
test_names_refused(void **state)
{
	static const char *const names[] = {"", "/a", "a/", "..", "a/./b", "a\xff"};
	static const uint8_t digest[DIGEST_MAX] = {0};
	struct manifest m;

	(void)state;
	manifest_init(&m);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		assert_int_equal(manifest_add(NULL, &m, names[i], 0, 0, digest), COFFER_E_FORMAT);
		assert_int_equal(manifest_ignore(NULL, &m, names[i]), COFFER_E_FORMAT);
	}
	assert_int_equal(m.n + m.n_ignore_paths, 0);
	for (size_t i = 0; i < LIMIT_IGNORE_PATHS; i++)
		assert_int_equal(manifest_ignore(NULL, &m, "a"), COFFER_OK);
	assert_int_equal(manifest_ignore(NULL, &m, "a"), COFFER_E_FORMAT);
	manifest_free(&m);
}

/* The order by place is by path and number: not that of the names, in which 10 stands before 9 and «a!» before «a:». */
static void
test_by_path(void **state)
{
	static const struct {
		const char *path;
		uint64_t start;
	} listed[] = {{"a", 10}, {"b", 0}, {"a!", 0}, {"a", 9}, {"a", 0}},
	  wanted[] = {{"a", 0}, {"a", 9}, {"a", 10}, {"a!", 0}, {"b", 0}};
	const size_t n = sizeof(listed) / sizeof(listed[0]);
	const uint8_t digest[SHA256_LEN] = {0};
	const struct resource **sorted;
	struct manifest m;

	(void)state;
	manifest_init(&m);
	m.method = MANIFEST_SHARDS;
	for (size_t i = 0; i < n; i++)
		assert_int_equal(manifest_add(NULL, &m, listed[i].path, listed[i].start, listed[i].start + 1, digest),
				 COFFER_OK);
	assert_int_equal(manifest_by_path(NULL, &m, &sorted), COFFER_OK);
	for (size_t i = 0; i < n; i++) {
		assert_string_equal(sorted[i]->path, wanted[i].path);
		assert_true(sorted[i]->start == wanted[i].start);
	}
	assert_true(resource_compare(sorted[1], sorted[1]) == 0);
	free(sorted);
	manifest_free(&m);
}

/* 100,000 files, in an order that is bad for a quicksort, within what a build machine has in a second or so */
static void
test_many(void **state)
{
	const size_t n = 100000;
	uint8_t digest[DIGEST_MAX] = {0};
	struct buf out = BUF_INIT(LIMIT_BUNDLE);
	struct manifest m, back;

	(void)state;
	manifest_init(&m);
	m.subject = strdup("many");
	for (size_t i = n; i > 0; i--) {
		char path[64];

		(void)snprintf(path, sizeof(path), "folder-%zu/file-%zu.safetensors", i % 100, i);
		assert_int_equal(manifest_add(NULL, &m, path, 0, 0, digest), COFFER_OK);
	}
	manifest_sort(&m);
	assert_int_equal(manifest_write(NULL, &m, &out), COFFER_OK);
	manifest_init(&back);
	assert_int_equal(manifest_parse(NULL, buf_view(&out), &back), COFFER_OK);
	assert_int_equal(back.n, n);
	for (size_t i = 0; i < n; i++)
		assert_string_equal(back.resources[i].path, m.resources[i].path);
	manifest_free(&back);
	manifest_free(&m);
	buf_free(&out);
}

/* Lists are held while they are read: one that is too long for any model ends early. */
static void
test_too_many(void **state)
{
	struct buf text = BUF_INIT((size_t)LIMIT_SHARDS * 3 + 100);
	struct fault f = {.text = ""};
	struct manifest m;

	(void)state;
	assert_int_equal(buf_str(NULL, &text, "{\"subject\":["), COFFER_OK);
	for (size_t i = 0; i < LIMIT_SHARDS; i++)
		assert_int_equal(buf_add(NULL, &text, "{},", 3), COFFER_OK);
	assert_int_equal(buf_str(NULL, &text, "{}]}"), COFFER_OK);
	manifest_init(&m);
	assert_int_equal(manifest_parse(&f, buf_view(&text), &m), COFFER_E_FORMAT);
	assert_string_equal(f.text, "the signed statement: a list of more than 4000000");
	buf_free(&text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),	     cmocka_unit_test(test_statements),
		cmocka_unit_test(test_content),	     cmocka_unit_test(test_sort),
		cmocka_unit_test(test_by_path),	     cmocka_unit_test(test_write),
		cmocka_unit_test(test_write_shards), cmocka_unit_test(test_names_refused),
		cmocka_unit_test(test_many),	     cmocka_unit_test(test_too_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
