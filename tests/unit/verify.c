/* SPDX-License-Identifier: Apache-2.0 */
/* Every way in which a model is not what was signed; while somebody writes to it: verify_race.c. */
#include <coffer/sign.h>

#include "engine/oms.h"
#include "support/sign_kit.h"

/* ---- the model: signed as m.sig, and its shards as s.sig ---- */

static void
make_model(void)
{
	const struct coffer_sign_options shards = {
		.version_1 = 1, .serialization = COFFER_SERIALIZE_SHARDS, .shard_size = 20000};
	static const char *const left_out[] = {"m/cache"};
	const struct coffer_sign_options some = {.version_1 = 1, .ignore_paths = left_out, .n_ignore_paths = 1};

	kit_file("m/b.bin", 70000, 1);
	kit_file("m/a.bin", 3, 2);
	kit_file("m/sub/c.json", 40, 3);
	kit_file("m/.env", 5, 4);
	kit_file("m/.gitignore", 6, 5);
	kit_file("m/cache/x", 7, 6);
	assert_ok(coffer_sign(kit.ctx, "m", "m.sig", sign_kit.signer, &some, NULL));
	assert_ok(coffer_sign(kit.ctx, "m", "s.sig", sign_kit.signer, &shards, NULL));
}

static void
flip_first(void)
{
	kit_flip("m/b.bin", 0, 1);
}

static void
flip_last(void)
{
	kit_flip("m/b.bin", 69999, 0x80);
}

static void
grow(void)
{
	kit_file("m/b.bin", 70001, 1);
}

static void
shrink(void)
{
	kit_file("m/b.bin", 69999, 1);
}

static void
shrink_by_a_shard(void)
{
	kit_file("m/b.bin", 60000, 1);
}

static void
empty(void)
{
	kit_file("m/b.bin", 0, 1);
}

static void
take_away(void)
{
	assert_int_equal(unlink("m/sub/c.json"), 0);
}

static void
take_folder_away(void)
{
	assert_int_equal(unlink("m/sub/c.json"), 0);
	assert_int_equal(rmdir("m/sub"), 0);
}

static void
take_all_away(void)
{
	assert_int_equal(kit_remove_all("m"), 0);
	assert_int_equal(mkdir("m", 0777), 0);
}

static void
rename_file(void)
{
	assert_int_equal(rename("m/a.bin", "m/A.bin"), 0);
}

static void
exchange_files(void)
{
	kit_file("m/a.bin", 70000, 1);
	kit_file("m/b.bin", 3, 2);
}

static void
add_file(void)
{
	kit_file("m/sub/more", 1, 0);
}

static void
add_hidden_file(void)
{
	kit_file("m/.x/more", 1, 0);
}

static void
add_empty_file(void)
{
	kit_file("m/more", 0, 0);
}

static void
add_git_below(void)
{
	kit_file("m/sub/.git/config", 1, 0);
}

static void
file_into_folder(void)
{
	assert_int_equal(unlink("m/a.bin"), 0);
	kit_file("m/a.bin/x", 3, 2);
}

static void
file_into_link(void)
{
	assert_int_equal(rename("m/a.bin", "a.bin"), 0);
	assert_int_equal(symlink("../a.bin", "m/a.bin"), 0);
}

static void
file_into_link_within(void)
{
	assert_int_equal(rename("m/a.bin", "m/cache/a.bin"), 0);
	assert_int_equal(symlink("cache/a.bin", "m/a.bin"), 0);
}

static void
folder_into_link(void)
{
	assert_int_equal(rename("m/sub", "sub"), 0);
	assert_int_equal(symlink("../sub", "m/sub"), 0);
}

static void
file_into_pipe(void)
{
	assert_int_equal(unlink("m/a.bin"), 0);
	assert_int_equal(mkfifo("m/a.bin", 0666), 0);
}

static void
add_link(void)
{
	assert_int_equal(symlink("a.bin", "m/link"), 0);
}

static void
add_loop(void)
{
	assert_int_equal(symlink(".", "m/sub/loop"), 0);
}

static void
add_bad_name(void)
{
	kit_file("m/\xff", 1, 0);
}

static void
forbid_reading(void)
{
	assert_int_equal(chmod("m/a.bin", 0), 0);
}

static void
forbid_entering(void)
{
	assert_int_equal(chmod("m/sub", 0), 0);
}

/* ---- the signature ---- */

static void
no_signature(void)
{
	assert_int_equal(unlink("m.sig"), 0);
}

static void
folder_for_signature(void)
{
	no_signature();
	assert_int_equal(mkdir("m.sig", 0777), 0);
}

static void
empty_signature(void)
{
	tmpdir_file("m.sig", "", 0, 0644);
}

static void
text_for_signature(void)
{
	tmpdir_file("m.sig", "sha256:0000", 11, 0644);
}

static void
array_for_signature(void)
{
	tmpdir_file("m.sig", "[]", 2, 0644);
}

static void
long_signature(void)
{
	assert_int_equal(truncate("m.sig", ((off_t)LIMIT_BUNDLE) + 1), 0);
}

static void
deep_signature(void)
{
	char text[20001];

	memset(text, '[', 20000);
	tmpdir_file("m.sig", text, 20000, 0644);
}

static void
model_for_signature(void)
{
	no_signature();
	assert_int_equal(link("m/b.bin", "m.sig"), 0);
}

/* Change the character @skip characters behind the first @where of m.sig. */
static void
change_signature(const char *where, size_t skip)
{
	size_t len;
	uint8_t *text = kit_read("m.sig", &len), *at = memmem(text, len, where, strlen(where));

	assert_non_null(at);
	at += strlen(where) + skip;
	*at = *at == 'A' ? 'B' : 'A';
	tmpdir_file("m.sig", text, len, 0644);
	free(text);
}

static void
other_payload(void)
{
	change_signature("\"payload\":\"", 200);
}

static void
other_signature(void)
{
	change_signature("\"sig\":\"", 40);
}

static void
other_hint(void)
{
	change_signature("\"hint\":\"", 3);
}

static void
other_payload_type(void)
{
	change_signature("\"payloadType\":\"", 3);
}

static void
other_media_type(void)
{
	change_signature("\"mediaType\":\"", 3);
}

static void
signed_by_another(void)
{
	struct coffer_signer_options o = {.version_1 = 1, .method = COFFER_METHOD_KEY, .private_key = "other.pem"};
	const struct coffer_sign_options force = {.version_1 = 1, .force = true};
	struct coffer_signer *s;

	assert_ok(coffer_signer_open(kit.ctx, &o, &s));
	assert_ok(coffer_sign(kit.ctx, "m", "m.sig", s, &force, NULL));
	coffer_signer_free(&s);
}

static void
no_model(void)
{
	assert_int_equal(kit_remove_all("m"), 0);
}

static void
file_for_model(void)
{
	no_model();
	kit_file("m", 70000, 1);
}

/* ---- every way to fail ---- */

enum as {
	BOTH,
	FILES_ALONE,
	SHARDS_ALONE,
	SIGNATURE_ALONE, /* m.sig was changed */
};

static const struct {
	const char *what;
	void (*spoil)(void);
	enum as as;
	coffer_err want;
	enum coffer_finding_kind kind;
	const char *path;
} ways[] = {
	{"first byte", flip_first, BOTH, COFFER_E_AUTH, COFFER_FOUND_CHANGED, "b.bin"},
	{"last byte", flip_last, BOTH, COFFER_E_AUTH, COFFER_FOUND_CHANGED, "b.bin"},
	{"a byte more", grow, BOTH, COFFER_E_AUTH, COFFER_FOUND_CHANGED, "b.bin"},
	{"a byte less", shrink, BOTH, COFFER_E_AUTH, COFFER_FOUND_CHANGED, "b.bin"},
	{"a shard less", shrink_by_a_shard, BOTH, COFFER_E_AUTH, COFFER_FOUND_CHANGED, "b.bin"},
	{"emptied", empty, BOTH, COFFER_E_AUTH, COFFER_FOUND_CHANGED, "b.bin"},
	{"removed", take_away, BOTH, COFFER_E_FILESET, COFFER_FOUND_MISSING, "sub/c.json"},
	{"folder removed", take_folder_away, BOTH, COFFER_E_FILESET, COFFER_FOUND_MISSING, "sub/c.json"},
	{"all removed", take_all_away, BOTH, COFFER_E_FILESET, COFFER_FOUND_MISSING, "a.bin"},
	{"renamed: missing", rename_file, BOTH, COFFER_E_FILESET, COFFER_FOUND_MISSING, "a.bin"},
	{"renamed: extra", rename_file, BOTH, COFFER_E_FILESET, COFFER_FOUND_EXTRA, "A.bin"},
	{"exchanged", exchange_files, BOTH, COFFER_E_AUTH, COFFER_FOUND_CHANGED, "a.bin"},
	{"exchanged", exchange_files, BOTH, COFFER_E_AUTH, COFFER_FOUND_CHANGED, "b.bin"},
	{"added", add_file, BOTH, COFFER_E_FILESET, COFFER_FOUND_EXTRA, "sub/more"},
	{"added, hidden", add_hidden_file, BOTH, COFFER_E_FILESET, COFFER_FOUND_EXTRA, ".x/more"},
	{"added, empty", add_empty_file, FILES_ALONE, COFFER_E_FILESET, COFFER_FOUND_EXTRA, "more"},
	{"added, .git further down", add_git_below, BOTH, COFFER_E_FILESET, COFFER_FOUND_EXTRA, "sub/.git/config"},
	{"a folder: missing", file_into_folder, BOTH, COFFER_E_FILESET, COFFER_FOUND_MISSING, "a.bin"},
	{"a folder: extra", file_into_folder, BOTH, COFFER_E_FILESET, COFFER_FOUND_EXTRA, "a.bin/x"},
	{"a link", file_into_link, BOTH, COFFER_E_FILESET, COFFER_FOUND_REFUSED, "a.bin"},
	{"a link within", file_into_link_within, BOTH, COFFER_E_FILESET, COFFER_FOUND_REFUSED, "a.bin"},
	{"behind a link: the link", folder_into_link, BOTH, COFFER_E_FILESET, COFFER_FOUND_REFUSED, "sub"},
	{"behind a link: the file", folder_into_link, BOTH, COFFER_E_FILESET, COFFER_FOUND_MISSING, "sub/c.json"},
	{"a pipe", file_into_pipe, BOTH, COFFER_E_FILESET, COFFER_FOUND_REFUSED, "a.bin"},
	{"a link more", add_link, BOTH, COFFER_E_FILESET, COFFER_FOUND_REFUSED, "link"},
	{"a loop", add_loop, BOTH, COFFER_E_FILESET, COFFER_FOUND_REFUSED, "sub/loop"},
	{"a bad name", add_bad_name, BOTH, COFFER_E_FILESET, COFFER_FOUND_REFUSED, "?"},
	{"no signature", no_signature, SIGNATURE_ALONE, COFFER_E_NOTFOUND, COFFER_FOUND_SIGNATURE, ""},
	{"a folder as signature", folder_for_signature, SIGNATURE_ALONE, COFFER_E_FORMAT, COFFER_FOUND_SIGNATURE, ""},
	{"empty signature", empty_signature, SIGNATURE_ALONE, COFFER_E_FORMAT, COFFER_FOUND_SIGNATURE, ""},
	{"text", text_for_signature, SIGNATURE_ALONE, COFFER_E_FORMAT, COFFER_FOUND_SIGNATURE, ""},
	{"an array", array_for_signature, SIGNATURE_ALONE, COFFER_E_FORMAT, COFFER_FOUND_SIGNATURE, ""},
	{"too long", long_signature, SIGNATURE_ALONE, COFFER_E_FORMAT, COFFER_FOUND_SIGNATURE, ""},
	{"too deep", deep_signature, SIGNATURE_ALONE, COFFER_E_FORMAT, COFFER_FOUND_SIGNATURE, ""},
	{"the model", model_for_signature, SIGNATURE_ALONE, COFFER_E_FORMAT, COFFER_FOUND_SIGNATURE, ""},
	{"other payload", other_payload, SIGNATURE_ALONE, COFFER_E_SIGNATURE, COFFER_FOUND_SIGNATURE, ""},
	{"other signature", other_signature, SIGNATURE_ALONE, COFFER_E_SIGNATURE, COFFER_FOUND_SIGNATURE, ""},
	{"other hint", other_hint, SIGNATURE_ALONE, COFFER_E_SIGNATURE, COFFER_FOUND_SIGNATURE, ""},
	{"other payload type", other_payload_type, SIGNATURE_ALONE, COFFER_E_UNSUPPORTED, COFFER_FOUND_SIGNATURE, ""},
	{"other media type", other_media_type, SIGNATURE_ALONE, COFFER_E_UNSUPPORTED, COFFER_FOUND_SIGNATURE, ""},
	{"another's", signed_by_another, SIGNATURE_ALONE, COFFER_E_SIGNATURE, COFFER_FOUND_SIGNATURE, ""},
	{"no model", no_model, BOTH, COFFER_E_NOTFOUND, COFFER_FOUND_SIGNATURE, ""},
	{"a file", file_for_model, BOTH, COFFER_E_FILESET, COFFER_FOUND_MISSING, "a.bin"},
};

static bool
has_finding(const struct coffer_verdict *v, enum coffer_finding_kind kind, const char *path)
{
	for (size_t i = 0; i < v->n_findings; i++)
		if (v->findings[i].kind == kind && strcmp(v->findings[i].path, path) == 0)
			return v->findings[i].text[0] != '\0';
	return false;
}

static void
assert_one_way(size_t i, const char *signature)
{
	struct coffer_verdict *v;
	coffer_err err = coffer_verify(kit.ctx, "m", signature, &sign_kit.trust, NULL, &v);
	bool is_signed = ways[i].kind != COFFER_FOUND_SIGNATURE;

	assert_non_null(v);
	if (err != ways[i].want || v->verified || v->n_failures == 0 || !has_finding(v, ways[i].kind, ways[i].path))
		fail_msg("%s, %s: %s: %s", ways[i].what, signature, coffer_err_name(err), coffer_ctx_message(kit.ctx));
	assert_true(coffer_ctx_message(kit.ctx)[0] != '\0');
	/* nothing is said about who signed what is not signed */
	assert_int_equal(v->signer != NULL, is_signed);
	assert_int_equal(v->key_id != NULL, is_signed);
	assert_int_equal(v->n_files, 0);
	coffer_verdict_free(&v);
}

static void
every_way_to_fail(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		make_model();
		assert_ok(sign_kit_verify("m", "m.sig", NULL));
		assert_ok(sign_kit_verify("m", "s.sig", NULL));
		ways[i].spoil();
		if (ways[i].as != SHARDS_ALONE)
			assert_one_way(i, "m.sig");
		if (ways[i].as == BOTH || ways[i].as == SHARDS_ALONE)
			assert_one_way(i, "s.sig");
		(void)kit_remove_all("m");
		(void)kit_remove_all("sub");
		(void)kit_remove_all("m.sig");
		assert_int_equal(unlink("s.sig"), 0);
	}
}

/* A bundle may have members that nobody knows, and so be a config.json too: under such a name it is no signature. */
static void
a_signature_that_plays_a_file(void **state)
{
	(void)state;
	make_model();
	assert_int_equal(rename("m.sig", "m/model.sig"), 0);
	assert_ok(sign_kit_verify("m", "m/model.sig", NULL));
	assert_int_equal(link("m/model.sig", "m/config.json"), 0);
	assert_refused(sign_kit_verify("m", "m/model.sig", NULL), COFFER_E_FILESET);
	assert_refused(sign_kit_verify("m", "m/config.json", NULL), COFFER_E_FILESET);
	assert_int_equal(unlink("m/config.json"), 0);
	/* whichever way it is reached */
	assert_int_equal(symlink("m", "to-model"), 0);
	assert_int_equal(symlink("m/model.sig", "to-signature"), 0);
	assert_ok(sign_kit_verify("to-model", "m/model.sig", NULL));
	assert_ok(sign_kit_verify("m", "to-model/../m/./model.sig", NULL));
	assert_ok(sign_kit_verify("m", "to-signature", NULL));
}

/* Root may read everything, so it steps down for a moment. */
static void
what_cannot_be_read(void **state)
{
	bool root = geteuid() == 0;

	(void)state;
	make_model();
	forbid_reading();
	assert_int_equal(chmod(".", 0755), 0);
	assert_int_equal(root ? seteuid(65534) : 0, 0);
	assert_refused(sign_kit_verify("m", "m.sig", NULL), COFFER_E_PERM);
	assert_int_equal(root ? seteuid(0) : 0, 0);
	assert_int_equal(chmod("m/a.bin", 0644), 0);
	forbid_entering();
	assert_int_equal(root ? seteuid(65534) : 0, 0);
	assert_refused(sign_kit_verify("m", "m.sig", NULL), COFFER_E_PERM);
	assert_int_equal(root ? seteuid(0) : 0, 0);
	assert_int_equal(chmod("m/sub", 0755), 0);
	assert_int_equal(root ? seteuid(65534) : 0, 0);
	assert_ok(sign_kit_verify("m", "m.sig", NULL));
	assert_int_equal(root ? seteuid(0) : 0, 0);
}

/* ---- verifiers that say something else ---- */

static coffer_err said;

static coffer_err
say(const struct verifier *self, struct fault *f, const struct bundle *b, struct signed_by *who)
{
	(void)self;
	(void)b;
	who->who = strdup("somebody");
	return said == COFFER_OK ? COFFER_OK : fault_set(f, said, "no");
}

/* Whatever a verifier fails with, nothing is believed; and nothing that is no statement is, whatever it says. */
static void
every_word_of_a_verifier(void **state)
{
	static const coffer_err errors[] = {
		COFFER_E_OTHER,	 COFFER_E_NOMEM, COFFER_E_INTERNAL, COFFER_E_USAGE,	  COFFER_E_NOTFOUND,
		COFFER_E_PERM,	 COFFER_E_AUTH,	 COFFER_E_FORMAT,   COFFER_E_UNSUPPORTED, COFFER_E_SIGNATURE,
		COFFER_E_POLICY, COFFER_E_KEY,	 COFFER_E_NET,	    COFFER_E_IO,	  COFFER_E_INTERRUPTED,
	};
	struct verifier v = {.method = "key", .verify = say};
	const struct coffer_trust trust = {.verifier = &v};
	struct coffer_verdict *verdict;

	(void)state;
	make_model();
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		said = errors[i];
		assert_refused(coffer_verify(kit.ctx, "m", "m.sig", &trust, NULL, &verdict), said);
		assert_false(verdict->verified);
		assert_null(verdict->signer);
		assert_int_equal(verdict->n_failures, 1);
		coffer_verdict_free(&verdict);
	}
	said = COFFER_OK;
	assert_ok(coffer_verify(kit.ctx, "m", "m.sig", &trust, NULL, &verdict));
	assert_true(verdict->verified);
	assert_string_equal(verdict->signer, "somebody");
	coffer_verdict_free(&verdict);
	assert_refused(coffer_verify(kit.ctx, "m", "m.sig", NULL, NULL, &verdict), COFFER_E_USAGE);
	coffer_verdict_free(&verdict);
	assert_refused(coffer_verify(kit.ctx, "m", "m.sig", &sign_kit.other, NULL, &verdict), COFFER_E_SIGNATURE);
	coffer_verdict_free(&verdict);
}

/* ---- what is no failure ---- */

static void
what_the_verdict_says(void **state)
{
	struct coffer_verdict *v;

	(void)state;
	make_model();
	assert_ok(coffer_verify(kit.ctx, "m", "m.sig", &sign_kit.trust, NULL, &v));
	assert_true(v->verified);
	assert_int_equal(v->method, COFFER_METHOD_KEY);
	assert_non_null(strstr(v->signer, "key"));
	assert_int_equal(strlen(v->key_id), 64);
	assert_null(v->identity);
	assert_null(v->time_source);
	assert_int_equal(v->n_files, 4);
	assert_int_equal(v->bytes, 70000 + 3 + 40 + 5);
	assert_int_equal(v->n_failures, 0);
	assert_int_equal(v->n_findings, 2);
	assert_true(has_finding(v, COFFER_FOUND_IGNORED, ".gitignore"));
	assert_true(has_finding(v, COFFER_FOUND_IGNORED, "cache"));
	coffer_verdict_free(&v);
}

/* The signature itself is no finding, though it is named among what is left out. */
static void
nothing_about_the_signature(void **state)
{
	struct coffer_verdict *v;

	(void)state;
	make_model();
	assert_int_equal(unlink("m/.gitignore"), 0);
	assert_ok(coffer_sign(kit.ctx, "m", "m/model.sig", sign_kit.signer, NULL, NULL));
	assert_ok(coffer_verify(kit.ctx, "m", "m/model.sig", &sign_kit.trust, NULL, &v));
	assert_int_equal(v->n_findings, 0);
	coffer_verdict_free(&v);
	/* another one there is: it is left out by this one */
	assert_int_equal(link("m/model.sig", "copy.sig") | unlink("m/model.sig"), 0);
	kit_file("m/model.sig", 3, 3);
	assert_ok(coffer_verify(kit.ctx, "m", "copy.sig", &sign_kit.trust, NULL, &v));
	assert_int_equal(v->n_findings, 1);
	assert_true(has_finding(v, COFFER_FOUND_IGNORED, "model.sig"));
	coffer_verdict_free(&v);
}

static void
files_that_are_left_out(void **state)
{
	static const char *const more[] = {"m/more", "m/.x"};
	const struct coffer_verify_options ignore = {.version_1 = 1, .ignore_paths = more, .n_ignore_paths = 2};
	const struct coffer_verify_options unsigned_too = {.version_1 = 1, .ignore_unsigned = true};
	const struct coffer_verify_options git = {.version_1 = 1, .verify_git = true};

	(void)state;
	make_model();
	kit_file("m/.git/config", 9, 9);
	kit_file("m/cache/other", 9, 9);
	assert_ok(sign_kit_verify("m", "m.sig", NULL));
	/* the signature itself says that these are left out */
	assert_ok(sign_kit_verify("m", "m.sig", &git));
	kit_file("m/more/x", 9, 9);
	kit_file("m/.x", 9, 9);
	assert_refused(sign_kit_verify("m", "m.sig", NULL), COFFER_E_FILESET);
	assert_ok(sign_kit_verify("m", "m.sig", &ignore));
	assert_ok(sign_kit_verify("m", "m.sig", &unsigned_too));
	kit_file("m/others/y", 9, 9);
	add_link();
	add_bad_name();
	assert_refused(sign_kit_verify("m", "m.sig", &ignore), COFFER_E_FILESET);
	assert_ok(sign_kit_verify("m", "m.sig", &unsigned_too));
	/* but nothing that is signed may be missing, changed or a link */
	file_into_link();
	assert_refused(sign_kit_verify("m", "m.sig", &unsigned_too), COFFER_E_FILESET);
	assert_int_equal(unlink("m/a.bin"), 0);
	assert_refused(sign_kit_verify("m", "m.sig", &unsigned_too), COFFER_E_FILESET);
	kit_file("m/a.bin", 3, 3);
	assert_refused(sign_kit_verify("m", "m.sig", &unsigned_too), COFFER_E_AUTH);
}

/* Options reduce what may be there beside, never what is checked. */
static void
what_is_signed_is_checked(void **state)
{
	static const char *const paths[] = {"m/sub", "m/b.bin"};
	const struct coffer_verify_options ignore = {.version_1 = 1, .ignore_paths = paths, .n_ignore_paths = 2};
	const struct coffer_sign_options git = {.version_1 = 1, .sign_git = true, .force = true};

	(void)state;
	make_model();
	kit_file("m/.git/config", 9, 9);
	assert_ok(coffer_sign(kit.ctx, "m", "m.sig", sign_kit.signer, &git, NULL));
	assert_ok(sign_kit_verify("m", "m.sig", NULL));
	kit_flip("m/.git/config", 3, 1);
	assert_refused(sign_kit_verify("m", "m.sig", NULL), COFFER_E_AUTH);
	kit_flip("m/.git/config", 3, 1);
	/* what came into a folder that is left out is left out, though something in it is signed */
	kit_file("m/.git/more", 9, 9);
	assert_ok(sign_kit_verify("m", "m.sig", NULL));
	kit_file("m/sub/more", 9, 9);
	assert_ok(sign_kit_verify("m", "m.sig", &ignore));
	kit_flip("m/sub/c.json", 3, 1);
	assert_refused(sign_kit_verify("m", "m.sig", &ignore), COFFER_E_AUTH);
	take_away();
	assert_refused(sign_kit_verify("m", "m.sig", &ignore), COFFER_E_FILESET);
}

static void
an_empty_file_among_shards(void **state)
{
	struct coffer_verdict *v;

	(void)state;
	make_model();
	add_empty_file();
	assert_ok(coffer_verify(kit.ctx, "m", "s.sig", &sign_kit.trust, NULL, &v));
	assert_true(has_finding(v, COFFER_FOUND_IGNORED, "more"));
	coffer_verdict_free(&v);
}

static void
options_of_another_version(void **state)
{
	static const char *const paths[] = {"m"};
	static const struct coffer_verify_options rows[] = {
		{.version_1 = 0},
		{.version_1 = 1, .reserved = {0, 0, 0, 0, 0, 0, 0, 1}},
		{.version_1 = 1, .ignore_paths = paths, .n_ignore_paths = 1},
	};

	(void)state;
	make_model();
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_refused(sign_kit_verify("m", "m.sig", &rows[i]), COFFER_E_USAGE);
}

/* ---- many ---- */

static void
many_findings(void **state)
{
	enum { N = 1500 };
	struct coffer_verdict *v;
	char path[64];

	(void)state;
	make_model();
	for (unsigned int i = 0; i < N; i++) {
		(void)snprintf(path, sizeof(path), "m/more-%u", i);
		kit_file(path, 0, 0);
	}
	assert_refused(coffer_verify(kit.ctx, "m", "m.sig", &sign_kit.trust, NULL, &v), COFFER_E_FILESET);
	assert_int_equal(v->n_failures, N);
	assert_int_equal(v->n_findings, LIMIT_FINDINGS + 2);
	assert_non_null(strstr(coffer_ctx_message(kit.ctx), "1500 not signed"));
	coffer_verdict_free(&v);
	{
		const struct coffer_verify_options o = {.version_1 = 1, .ignore_unsigned = true};

		assert_ok(coffer_verify(kit.ctx, "m", "m.sig", &sign_kit.trust, &o, &v));
		assert_int_equal(v->n_findings, LIMIT_FINDINGS);
		coffer_verdict_free(&v);
	}
}

static void
names_that_a_terminal_obeys(void **state)
{
	struct coffer_verdict *v;

	(void)state;
	make_model();
	kit_file("m/\x1b]0;x", 0, 0);
	assert_refused(coffer_verify(kit.ctx, "m", "m.sig", &sign_kit.trust, NULL, &v), COFFER_E_FILESET);
	assert_true(has_finding(v, COFFER_FOUND_REFUSED, "?]0;x"));
	for (size_t i = 0; i < v->n_findings; i++)
		assert_null(strchr(v->findings[i].text, 0x1b));
	assert_null(strchr(coffer_ctx_message(kit.ctx), 0x1b));
	coffer_verdict_free(&v);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		SIGN_TEST(every_way_to_fail),
		SIGN_TEST(a_signature_that_plays_a_file),
		SIGN_TEST(what_cannot_be_read),
		SIGN_TEST(every_word_of_a_verifier),
		SIGN_TEST(what_the_verdict_says),
		SIGN_TEST(nothing_about_the_signature),
		SIGN_TEST(files_that_are_left_out),
		SIGN_TEST(what_is_signed_is_checked),
		SIGN_TEST(an_empty_file_among_shards),
		SIGN_TEST(options_of_another_version),
		SIGN_TEST(many_findings),
		SIGN_TEST(names_that_a_terminal_obeys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
