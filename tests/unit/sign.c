/* SPDX-License-Identifier: Apache-2.0 */
#include <coffer/sign.h>

#include "engine/oms.h"
#include "support/emulator.h"
#include "support/sign_kit.h"
#include "support/text.h"

static void
make_model(void)
{
	kit_file("m/b.bin", 70000, 1);
	kit_file("m/a.bin", 3, 2);
	kit_file("m/sub/c.json", 40, 3);
	kit_file("m/.env", 5, 4);
	kit_file("m/.gitignore", 6, 5);
	kit_file("m/empty", 0, 0);
}

static coffer_err
sign(const struct coffer_sign_options *options, struct coffer_sign_stats *stats)
{
	return coffer_sign(kit.ctx, "m", "m.sig", sign_kit.signer, options, stats);
}

/* the names that @signature lists, and what it ignores, each with a space behind it */
static void
read_signature(const char *signature, char names[static 2000], char ignored[static 2000])
{
	struct buf json = BUF_INIT(1 << 20);
	struct signed_by who = {0};
	struct manifest m;
	struct fault f;
	char part[600];

	assert_int_equal(oms_read(&f, signature, &json, NULL), COFFER_OK);
	assert_int_equal(oms_verify(&f, &sign_kit.trust, signature, buf_view(&json), &m, &who), COFFER_OK);
	names[0] = ignored[0] = '\0';
	for (size_t i = 0; i < m.n; i++) {
		append(names, 2000, m.resources[i].path);
		if (m.method == MANIFEST_SHARDS) {
			(void)snprintf(part, sizeof(part), ":%llu:%llu", (unsigned long long)m.resources[i].start,
				       (unsigned long long)m.resources[i].end);
			append(names, 2000, part);
		}
		append(names, 2000, " ");
	}
	for (size_t i = 0; i < m.n_ignore_paths; i++) {
		append(ignored, 2000, m.ignore_paths[i]);
		append(ignored, 2000, " ");
	}
	manifest_free(&m);
	signed_by_free(&who);
	buf_free(&json);
}

static void
assert_lists(const char *signature, const char *want_names, const char *want_ignored)
{
	char names[2000], ignored[2000];

	read_signature(signature, names, ignored);
	assert_string_equal(names, want_names);
	assert_string_equal(ignored, want_ignored);
}

#define GIT ".git .gitattributes .github .gitignore "

/* ---- what is signed ---- */

static void
default_options(void **state)
{
	struct coffer_sign_stats stats;

	(void)state;
	make_model();
	assert_ok(sign(NULL, &stats));
	assert_int_equal(stats.n_files, 5);
	assert_int_equal(stats.bytes, 70000 + 3 + 40 + 5);
	assert_int_equal(stats.n_reused, 0);
	assert_int_equal(strlen(stats.root), 64);
	assert_lists("m.sig", ".env a.bin b.bin empty sub/c.json ", GIT);
	assert_ok(sign_kit_verify("m", "m.sig", NULL));
}

/* Of two files with one byte each, computed apart with sha256sum. */
static void
known_root(void **state)
{
	struct coffer_sign_stats stats;

	(void)state;
	(void)mkdir("m", 0777);
	tmpdir_file("m/a", "a", 1, 0644);
	tmpdir_file("m/b", "b", 1, 0644);
	assert_ok(coffer_sign_digest(kit.ctx, "m", NULL, &stats));
	assert_string_equal(stats.root, "e5a01fee14e0ed5c48714f22180f25ad8365b53f9779f79dc4a3d7e93963f94a");
	assert_false(kit_exists("m.sig"));
}

static const char *const ignored_paths[] = {"m/sub", "m/a.bin", "elsewhere", "m/none"};

static const struct {
	const char *what;
	struct coffer_sign_options options;
	const char *names, *ignored;
} manners[] = {
	{"git, too", {.version_1 = 1, .sign_git = true}, ".env .gitignore a.bin b.bin empty sub/c.json ", ""},
	{"without some",
	 {.version_1 = 1, .ignore_paths = ignored_paths, .n_ignore_paths = 4},
	 ".env b.bin empty ",
	 GIT "a.bin none sub "},
	{"BLAKE2b", {.version_1 = 1, .hash = COFFER_HASH_BLAKE2B}, ".env a.bin b.bin empty sub/c.json ", GIT},
	{"BLAKE3", {.version_1 = 1, .hash = COFFER_HASH_BLAKE3}, ".env a.bin b.bin empty sub/c.json ", GIT},
	{"shards",
	 {.version_1 = 1, .serialization = COFFER_SERIALIZE_SHARDS, .shard_size = 20000},
	 ".env:0:5 a.bin:0:3 b.bin:0:20000 b.bin:20000:40000 b.bin:40000:60000 b.bin:60000:70000 sub/c.json:0:40 ",
	 GIT},
	{"shards as long as the file",
	 {.version_1 = 1, .serialization = COFFER_SERIALIZE_SHARDS, .shard_size = 70000},
	 ".env:0:5 a.bin:0:3 b.bin:0:70000 sub/c.json:0:40 ",
	 GIT},
	{"shards of BLAKE2b in order of names",
	 {.version_1 = 1,
	  .serialization = COFFER_SERIALIZE_SHARDS,
	  .hash = COFFER_HASH_BLAKE2B,
	  .shard_size = 9000,
	  .ignore_paths = ignored_paths,
	  .n_ignore_paths = 2},
	 ".env:0:5 b.bin:0:9000 b.bin:18000:27000 b.bin:27000:36000 b.bin:36000:45000 b.bin:45000:54000 "
	 "b.bin:54000:63000 b.bin:63000:70000 b.bin:9000:18000 ",
	 GIT "a.bin sub "},
};

static void
manners_of_signing(void **state)
{
	(void)state;
	make_model();
	for (size_t i = 0; i < sizeof(manners) / sizeof(manners[0]); i++) {
		print_message("%s\n", manners[i].what);
		assert_ok(sign(&manners[i].options, NULL));
		assert_lists("m.sig", manners[i].names, manners[i].ignored);
		assert_ok(sign_kit_verify("m", "m.sig", NULL));
		/* every byte counts */
		kit_flip("m/b.bin", 69999, 1);
		assert_refused(sign_kit_verify("m", "m.sig", NULL), COFFER_E_AUTH);
		kit_flip("m/b.bin", 69999, 1);
		assert_int_equal(unlink("m.sig"), 0);
	}
}

static void
one_file(void **state)
{
	struct coffer_sign_stats stats;

	(void)state;
	kit_file("d/model.gguf", 5000, 1);
	assert_int_equal(symlink("d/model.gguf", "latest.gguf"), 0);
	assert_ok(coffer_sign(kit.ctx, "latest.gguf", "m.sig", sign_kit.signer, NULL, &stats));
	assert_int_equal(stats.n_files, 1);
	assert_lists("m.sig", "model.gguf ", "");
	assert_ok(sign_kit_verify("d/model.gguf", "m.sig", NULL));
	assert_ok(sign_kit_verify("latest.gguf", "m.sig", NULL));
	/* under another name it is another file */
	assert_int_equal(rename("d/model.gguf", "d/other.gguf"), 0);
	assert_refused(sign_kit_verify("d/other.gguf", "m.sig", NULL), COFFER_E_FILESET);
	/* and no folder of one file */
	assert_int_equal(rename("d/other.gguf", "d/model.gguf"), 0);
	assert_ok(sign_kit_verify("d", "m.sig", NULL));
}

static void
links_within_the_model(void **state)
{
	const struct coffer_sign_options links = {.version_1 = 1, .allow_symlinks = true, .force = true};

	(void)state;
	skip_under_emulator("openat2");
	make_model();
	assert_int_equal(symlink("a.bin", "m/link"), 0);
	assert_refused(sign(NULL, NULL), COFFER_E_USAGE);
	assert_false(kit_exists("m.sig"));
	assert_ok(sign(&links, NULL));
	assert_lists("m.sig", ".env a.bin b.bin empty link sub/c.json ", GIT);
	/* the signature says that there are links: whoever signed it is believed in that */
	assert_ok(sign_kit_verify("m", "m.sig", NULL));
	assert_int_equal(unlink("m/link"), 0);
	assert_int_equal(symlink("b.bin", "m/link"), 0);
	assert_refused(sign_kit_verify("m", "m.sig", NULL), COFFER_E_AUTH);
	assert_int_equal(unlink("m/link"), 0);
	assert_int_equal(symlink("../m/a.bin", "m/link"), 0);
	assert_refused(sign_kit_verify("m", "m.sig", NULL), COFFER_E_FILESET);
}

static void
nothing_to_sign(void **state)
{
	const struct coffer_sign_options shards = {.version_1 = 1, .serialization = COFFER_SERIALIZE_SHARDS};

	(void)state;
	(void)mkdir("m", 0777);
	(void)mkdir("m/folder", 0777);
	kit_file("m/.gitignore", 4, 0);
	assert_refused(sign(NULL, NULL), COFFER_E_USAGE);
	kit_file("m/empty", 0, 0);
	assert_refused(sign(&shards, NULL), COFFER_E_USAGE);
	assert_ok(sign(NULL, NULL));
}

static void
the_model_itself_is_not_ignored(void **state)
{
	static const char *const paths[] = {"m", "m/", "./m/sub/.."};

	(void)state;
	make_model();
	for (size_t i = 0; i < 3; i++) {
		const struct coffer_sign_options o = {.version_1 = 1, .ignore_paths = &paths[i], .n_ignore_paths = 1};

		assert_refused(sign(&o, NULL), COFFER_E_USAGE);
	}
}

/* ---- where the signature goes ---- */

static void
signature_within_the_model(void **state)
{
	const struct coffer_sign_options force = {.version_1 = 1, .force = true};

	(void)state;
	make_model();
	assert_ok(coffer_sign(kit.ctx, "m", "m/model.sig", sign_kit.signer, NULL, NULL));
	assert_lists("m/model.sig", ".env a.bin b.bin empty sub/c.json ", GIT "model.sig ");
	assert_ok(sign_kit_verify("m", "m/model.sig", NULL));
	/* again, over the older one, and from within */
	assert_refused(coffer_sign(kit.ctx, "m", "m/model.sig", sign_kit.signer, NULL, NULL), COFFER_E_EXISTS);
	assert_int_equal(chdir("m"), 0);
	assert_ok(coffer_sign(kit.ctx, ".", "model.sig", sign_kit.signer, &force, NULL));
	assert_ok(sign_kit_verify(".", "model.sig", NULL));
	assert_int_equal(chdir(".."), 0);
	/* as a copy elsewhere it still names the one within as ignored */
	assert_int_equal(rename("m/model.sig", "m.sig"), 0);
	assert_ok(sign_kit_verify("m", "m.sig", NULL));
}

/* --force shall replace signatures, not weights. */
static void
a_file_of_the_model(void **state)
{
	const struct coffer_sign_options force = {.version_1 = 1, .force = true};

	(void)state;
	make_model();
	assert_refused(coffer_sign(kit.ctx, "m", "m/a.bin", sign_kit.signer, NULL, NULL), COFFER_E_EXISTS);
	assert_refused(coffer_sign(kit.ctx, "m", "m/a.bin", sign_kit.signer, &force, NULL), COFFER_E_EXISTS);
	assert_refused(coffer_sign(kit.ctx, "m/a.bin", "m/a.bin", sign_kit.signer, &force, NULL), COFFER_E_USAGE);
	assert_refused(coffer_sign(kit.ctx, "m", "m", sign_kit.signer, &force, NULL), COFFER_E_USAGE);
	assert_file("m/a.bin", 3, 2);
	/* a hard link to a file of the model is that file by its number, but not its name: the model loses nothing */
	assert_int_equal(link("m/a.bin", "outside"), 0);
	assert_ok(coffer_sign(kit.ctx, "m", "outside", sign_kit.signer, &force, NULL));
	assert_file("m/a.bin", 3, 2);
	assert_lists("outside", ".env a.bin b.bin empty sub/c.json ", GIT);
}

static void
nowhere_to_write(void **state)
{
	(void)state;
	make_model();
	assert_refused(coffer_sign(kit.ctx, "m", "none/m.sig", sign_kit.signer, NULL, NULL), COFFER_E_NOTFOUND);
	assert_refused(coffer_sign(kit.ctx, "none", "m.sig", sign_kit.signer, NULL, NULL), COFFER_E_NOTFOUND);
	assert_refused(coffer_sign(kit.ctx, "/dev/null", "m.sig", sign_kit.signer, NULL, NULL), COFFER_E_USAGE);
}

/* ---- again ---- */

static void
set_time(const char *path, time_t seconds)
{
	const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = seconds}};

	assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static char noticed[4000];

static void
note(void *user, const char *text)
{
	(void)user;
	APPEND(noticed, text);
	APPEND(noticed, "\n");
}

static void
only_what_changed(void **state)
{
	struct coffer_sign_options reuse = {
		.version_1 = 1, .reuse = "old.sig", .reuse_trust = &sign_kit.trust, .force = true};
	struct coffer_sign_stats stats, anew;
	time_t now = time(NULL);

	(void)state;
	make_model();
	assert_ok(coffer_sign(kit.ctx, "m", "old.sig", sign_kit.signer, NULL, NULL));
	coffer_ctx_set_notice(kit.ctx, note, NULL);
	/* as if it was written now, with files that are no older: nothing is taken from it */
	assert_ok(sign(&reuse, &stats));
	assert_int_equal(stats.n_reused, 0);
	/* as if it was written some time after the files; the change time cannot be set */
	set_time("old.sig", now + 100);
	kit_file("m/new", 9, 9);
	PUT(noticed, "");
	assert_ok(sign(&reuse, &stats));
	assert_int_equal(stats.n_files, 6);
	assert_int_equal(stats.n_reused, 5);
	assert_non_null(strstr(noticed, "signed by"));
	assert_non_null(strstr(noticed, "5 of 6 files are not hashed again"));
	assert_ok(sign_kit_verify("m", "m.sig", NULL));
	assert_ok(coffer_sign_digest(kit.ctx, "m", NULL, &anew));
	assert_string_equal(stats.root, anew.root);
	/* what was written after it by its own time is hashed, however old it claims to be otherwise */
	set_time("m/a.bin", now + 200);
	assert_ok(sign(&reuse, &stats));
	assert_int_equal(stats.n_reused, 4);
	/* other hashes, other shards */
	reuse.hash = COFFER_HASH_BLAKE2B;
	assert_ok(sign(&reuse, &stats));
	assert_int_equal(stats.n_reused, 0);
	reuse.hash = COFFER_HASH_SHA256;
	reuse.serialization = COFFER_SERIALIZE_SHARDS;
	assert_ok(sign(&reuse, &stats));
	assert_int_equal(stats.n_reused, 0);
	assert_ok(sign_kit_verify("m", "m.sig", NULL));
}

static void
only_shards_that_changed(void **state)
{
	struct coffer_sign_options o = {
		.version_1 = 1, .serialization = COFFER_SERIALIZE_SHARDS, .shard_size = 30000, .force = true};
	struct coffer_sign_stats stats;

	(void)state;
	make_model();
	assert_ok(coffer_sign(kit.ctx, "m", "old.sig", sign_kit.signer, &o, NULL));
	set_time("old.sig", time(NULL) + 100);
	o.reuse = "old.sig";
	o.reuse_trust = &sign_kit.trust;
	assert_ok(sign(&o, &stats));
	assert_int_equal(stats.n_reused, 5);
	assert_ok(sign_kit_verify("m", "m.sig", NULL));
	o.shard_size = 40000;
	assert_ok(sign(&o, &stats));
	assert_int_equal(stats.n_reused, 0);
	assert_ok(sign_kit_verify("m", "m.sig", NULL));
}

/* What it trusted is what it said it would trust: times. */
static void
a_change_that_no_time_shows(void **state)
{
	const struct coffer_sign_options reuse = {.version_1 = 1, .reuse = "old.sig", .reuse_trust = &sign_kit.trust};

	(void)state;
	make_model();
	assert_ok(coffer_sign(kit.ctx, "m", "old.sig", sign_kit.signer, NULL, NULL));
	kit_flip("m/b.bin", 5, 1);
	set_time("old.sig", time(NULL) + 100);
	assert_ok(sign(&reuse, NULL));
	assert_refused(sign_kit_verify("m", "m.sig", NULL), COFFER_E_AUTH);
}

static void
an_old_signature_that_is_not_believed(void **state)
{
	struct coffer_sign_options reuse = {.version_1 = 1, .reuse = "old.sig", .reuse_trust = &sign_kit.other};

	(void)state;
	make_model();
	assert_refused(sign(&reuse, NULL), COFFER_E_NOTFOUND);
	assert_ok(coffer_sign(kit.ctx, "m", "old.sig", sign_kit.signer, NULL, NULL));
	assert_refused(sign(&reuse, NULL), COFFER_E_SIGNATURE);
	reuse.reuse_trust = NULL;
	assert_refused(sign(&reuse, NULL), COFFER_E_USAGE);
	reuse.reuse_trust = &sign_kit.trust;
	tmpdir_file("old.sig", "{}", 2, 0644);
	assert_refused(sign(&reuse, NULL), COFFER_E_FORMAT);
	assert_false(kit_exists("m.sig"));
}

/* ---- sealed models ---- */

static void
a_sealed_folder(void **state)
{
	static const char *const want = "a.bin.coffer b.bin.coffer empty.coffer sub/c.json.coffer ";
	struct coffer_rewrap_options rewrap = {.version_1 = 1};
	struct coffer_sign_stats stats;

	(void)state;
	make_model();
	assert_ok(coffer_seal(kit.ctx, "m", "sealed", kit.keys, NULL, NULL));
	kit_file("sealed/README", 4, 0);
	kit_file("sealed/.cache/x/y", 4, 0);
	kit_file("sealed/.cache/z", 4, 0);
	assert_ok(coffer_sign(kit.ctx, "sealed", "sealed/coffer.sig", sign_kit.signer, NULL, &stats));
	assert_int_equal(stats.n_files, 4);
	assert_lists("sealed/coffer.sig", want, ".cache README coffer.json coffer.sig ");
	assert_ok(sign_kit_verify("sealed", "sealed/coffer.sig", NULL));
	/* its key block may change */
	rewrap.add = kit.other;
	assert_ok(coffer_rewrap(kit.ctx, "sealed", kit.keys, &rewrap));
	assert_ok(sign_kit_verify("sealed", "sealed/coffer.sig", NULL));
	/* nothing else */
	kit_file("sealed/more", 1, 0);
	assert_refused(sign_kit_verify("sealed", "sealed/coffer.sig", NULL), COFFER_E_FILESET);
}

static void
a_sealed_folder_that_is_not_whole(void **state)
{
	(void)state;
	make_model();
	assert_ok(coffer_seal(kit.ctx, "m", "sealed", kit.keys, NULL, NULL));
	kit_file("sealed/x.coffer", 4, 0);
	assert_refused(coffer_sign(kit.ctx, "sealed", "m.sig", sign_kit.signer, NULL, NULL), COFFER_E_FILESET);
	assert_int_equal(unlink("sealed/x.coffer"), 0);
	kit_file("sealed/a.bin", 4, 0);
	assert_refused(coffer_sign(kit.ctx, "sealed", "m.sig", sign_kit.signer, NULL, NULL), COFFER_E_PLAIN);
	assert_int_equal(unlink("sealed/a.bin"), 0);
	assert_int_equal(rename("sealed/a.bin.coffer", "a.bin.coffer"), 0);
	assert_refused(coffer_sign(kit.ctx, "sealed", "m.sig", sign_kit.signer, NULL, NULL), COFFER_E_FILESET);
	assert_int_equal(rename("a.bin.coffer", "sealed/a.bin.coffer"), 0);
	kit_file("sealed/.coffer.partial", 4, 0);
	assert_refused(coffer_sign(kit.ctx, "sealed", "m.sig", sign_kit.signer, NULL, NULL), COFFER_E_FILESET);
	assert_int_equal(unlink("sealed/.coffer.partial"), 0);
	assert_ok(coffer_sign(kit.ctx, "sealed", "m.sig", sign_kit.signer, NULL, NULL));
}

/* ---- signers ---- */

static void
signers_that_are_none(void **state)
{
	static const struct {
		struct coffer_signer_options options;
		coffer_err want;
	} rows[] = {
		{{.version_1 = 2, .method = COFFER_METHOD_KEY, .private_key = SIGN_KEY}, COFFER_E_USAGE},
		{{.version_1 = 1, .method = COFFER_METHOD_KEY, .private_key = SIGN_KEY, .reserved = {1}},
		 COFFER_E_USAGE},
		{{.version_1 = 1, .method = COFFER_METHOD_KEY}, COFFER_E_USAGE},
		{{.version_1 = 1, .method = COFFER_METHOD_KEY, .private_key = "none.pem"}, COFFER_E_NOTFOUND},
		{{.version_1 = 1, .method = COFFER_METHOD_KEY, .private_key = "."}, COFFER_E_KEY},
		{{.version_1 = 1, .method = COFFER_METHOD_KEY, .private_key = "empty"}, COFFER_E_KEY},
		{{.version_1 = 1, .method = COFFER_METHOD_KEY, .private_key = SIGN_PUB}, COFFER_E_KEY},
		{{.version_1 = 1, .method = COFFER_METHOD_CERTIFICATE, .private_key = SIGN_KEY}, COFFER_E_USAGE},
		{{.version_1 = 1,
		  .method = COFFER_METHOD_CERTIFICATE,
		  .private_key = SIGN_KEY,
		  .signing_certificate = "none.pem"},
		 COFFER_E_NOTFOUND},
		{{.version_1 = 1, .private_key = SIGN_KEY}, COFFER_E_USAGE},
	};

	(void)state;
	kit_file("empty", 0, 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct coffer_signer *s = sign_kit.signer;
		coffer_err err = coffer_signer_open(kit.ctx, &rows[i].options, &s);

		if (err != rows[i].want)
			fail_msg("row %zu: %s: %s", i, coffer_err_name(err), coffer_ctx_message(kit.ctx));
		assert_null(s);
	}
}

static coffer_err
answer(void *user, const char *what, bool confirm, char *out, size_t cap, size_t *len_out)
{
	(void)confirm;
	(void)cap;
	assert_non_null(strstr(what, "locked.pem"));
	*len_out = strlen(user);
	memcpy(out, user, *len_out);
	return COFFER_OK;
}

static void
keys_with_a_passphrase(void **state)
{
	struct coffer_signer_options o = {.version_1 = 1, .method = COFFER_METHOD_KEY, .private_key = "locked.pem"};
	struct coffer_signer *s;
	char id[65], right[] = "right", wrong[] = "wrong";

	(void)state;
	make_model();
	tmpdir_file("pass", "right\n", 6, 0600);
	assert_ok(coffer_signing_key_generate(kit.ctx, COFFER_CURVE_P384, "locked.pem", "locked.pub", "pass", id));
	assert_int_equal(strlen(id), 64);
	assert_refused(coffer_signer_open(kit.ctx, &o, &s), COFFER_E_NOKEY);
	coffer_ctx_set_prompt(kit.ctx, answer, wrong);
	assert_refused(coffer_signer_open(kit.ctx, &o, &s), COFFER_E_KEY);
	coffer_ctx_set_prompt(kit.ctx, answer, right);
	assert_ok(coffer_signer_open(kit.ctx, &o, &s));
	coffer_signer_free(&s);
	o.passphrase_file = "pass";
	coffer_ctx_set_prompt(kit.ctx, NULL, NULL);
	assert_ok(coffer_signer_open(kit.ctx, &o, &s));
	assert_ok(coffer_sign(kit.ctx, "m", "m.sig", s, NULL, NULL));
	coffer_signer_free(&s);
	verifier_free(&sign_kit.trust.verifier);
	sign_kit.trust = sign_kit_trust("locked.pub");
	assert_ok(sign_kit_verify("m", "m.sig", NULL));
}

static void
key_pairs_are_never_overwritten(void **state)
{
	char id[65] = "x";

	(void)state;
	assert_refused(coffer_signing_key_generate(kit.ctx, COFFER_CURVE_P256, SIGN_KEY, "new.pub", NULL, id),
		       COFFER_E_EXISTS);
	assert_string_equal(id, "");
	assert_refused(coffer_signing_key_generate(kit.ctx, COFFER_CURVE_P256, "new.pem", SIGN_PUB, NULL, id),
		       COFFER_E_EXISTS);
	assert_false(kit_exists("new.pem"));
	assert_false(kit_exists("new.pub"));
	assert_int_equal(tmpdir_mode(SIGN_KEY), 0600);
}

/* ---- options ---- */

static void
options_of_another_version(void **state)
{
	static const struct coffer_sign_options rows[] = {
		{.version_1 = 0},
		{.version_1 = 1, .reserved = {0, 0, 0, 0, 0, 0, 0, 1}},
		{.version_1 = 1, .hash = (enum coffer_file_hash)3},
		{.version_1 = 1, .serialization = (enum coffer_serialization)2},
	};

	(void)state;
	make_model();
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_refused(sign(&rows[i], NULL), COFFER_E_USAGE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		SIGN_TEST(default_options),
		SIGN_TEST(known_root),
		SIGN_TEST(manners_of_signing),
		SIGN_TEST(one_file),
		SIGN_TEST(links_within_the_model),
		SIGN_TEST(nothing_to_sign),
		SIGN_TEST(the_model_itself_is_not_ignored),
		SIGN_TEST(signature_within_the_model),
		SIGN_TEST(a_file_of_the_model),
		SIGN_TEST(nowhere_to_write),
		SIGN_TEST(only_what_changed),
		SIGN_TEST(only_shards_that_changed),
		SIGN_TEST(a_change_that_no_time_shows),
		SIGN_TEST(an_old_signature_that_is_not_believed),
		SIGN_TEST(a_sealed_folder),
		SIGN_TEST(a_sealed_folder_that_is_not_whole),
		SIGN_TEST(signers_that_are_none),
		SIGN_TEST(keys_with_a_passphrase),
		SIGN_TEST(key_pairs_are_never_overwritten),
		SIGN_TEST(options_of_another_version),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
