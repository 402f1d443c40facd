/* SPDX-License-Identifier: Apache-2.0 */
/* Sealing with signatures: one over the plain files, sealed with them, and one over the sealed files. */
#include "engine/oms.h"
#include "engine/stream_hash.h"
#include "support/sign_kit.h"
#include "support/text.h"

static const struct {
	const char *path;
	size_t len;
} files[] = {
	/* sizes about records, and one of many steps */
	{"a", 0},     {"big", (9 << 20) + 77}, {"d/e/f", 1 << 20},
	{"d/one", 1}, {"d/x", (1 << 20) + 1},  {"z", (1 << 20) - 1},
};

enum { N = sizeof(files) / sizeof(files[0]) };

static void
make_model(void)
{
	char path[100];

	for (unsigned int i = 0; i < N; i++) {
		(void)snprintf(path, sizeof(path), "m/%s", files[i].path);
		kit_file(path, files[i].len, i);
	}
}

static void
assert_files(const char *folder)
{
	char path[100];

	for (unsigned int i = 0; i < N; i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", folder, files[i].path);
		assert_file(path, files[i].len, i);
	}
}

static struct coffer_seal_options
signing(void)
{
	return (struct coffer_seal_options){.version_1 = 1, .signer = sign_kit.signer};
}

/* s is a sealed model of make_model() with both signatures, and @more files beside those of it. */
static void
assert_sealed(const char *s, unsigned int more)
{
	char outer[100];

	(void)snprintf(outer, sizeof(outer), "%s/coffer.sig", s);
	assert_int_equal(kit_count(s), N + 3 + more);
	assert_ok(sign_kit_verify(s, outer, NULL));
	assert_ok(coffer_check(kit.ctx, s, kit.keys, NULL));
	assert_ok(coffer_open(kit.ctx, s, "back", kit.keys, NULL, NULL));
	assert_files("back");
	assert_int_equal(kit_count("back"), N + 1);
	assert_ok(sign_kit_verify("back", "back/model.sig", NULL));
	/* its hashes are those of the plain files, not of what was made of them */
	kit_flip("back/big", 9 << 20, 1);
	assert_refused(sign_kit_verify("back", "back/model.sig", NULL), COFFER_E_AUTH);
	assert_int_equal(kit_remove_all("back"), 0);
}

/* Bytes that this process has read so far, by all its threads; false where the kernel does not count. */
static bool
bytes_read(unsigned long long *out)
{
	FILE *file = fopen("/proc/self/io", "re");
	bool counted = file && fscanf(file, "rchar: %llu", out) == 1;

	if (file)
		(void)fclose(file);
	return counted;
}

static unsigned long long
bytes_of(const char *folder)
{
	unsigned long long sum = 0;
	char path[100];
	struct stat st;

	for (unsigned int i = 0; i < N; i++) {
		(void)snprintf(path, sizeof(path), "%s/%s.coffer", folder, files[i].path);
		assert_int_equal(stat(path, &st), 0);
		sum += (unsigned long long)st.st_size;
	}
	return sum;
}

/* ---- a directory ---- */

static void
both_signatures(void **state)
{
	const struct coffer_seal_options o = signing();
	struct coffer_rewrap_options add = {.version_1 = 1, .add = kit.other};
	struct coffer_stats stats;

	(void)state;
	make_model();
	assert_ok(coffer_seal(kit.ctx, "m", "s", kit.keys, &o, &stats));
	assert_int_equal(stats.n_files, N + 1);
	assert_false(kit_exists("s/.coffer.partial"));
	assert_sealed("s", 0);
	/* other recipients, the same signature */
	assert_ok(coffer_rewrap(kit.ctx, "s", kit.keys, &add));
	assert_sealed("s", 0);
	kit_flip("s/d/one.coffer", 4096, 1);
	assert_refused(sign_kit_verify("s", "s/coffer.sig", NULL), COFFER_E_AUTH);
}

static void
with_several_threads(void **state)
{
	const struct coffer_seal_options o = signing();

	(void)state;
	make_model();
	coffer_ctx_set_jobs(kit.ctx, 7);
	for (unsigned int i = 0; i < 5; i++) {
		assert_ok(coffer_seal(kit.ctx, "m", "s", kit.keys, &o, NULL));
		assert_sealed("s", 0);
		assert_int_equal(kit_remove_all("s"), 0);
	}
}

/* Where no file is most of the model, each is one thread's; where one is, all threads take turns. */
static void
several_large_files(void **state)
{
	static const uint32_t record_sizes[] = {65536, 1 << 20, 16 << 20};
	const struct coffer_open_options trusting = {.version_1 = 1, .trust = &sign_kit.trust};

	(void)state;
	make_model();
	kit_file("m/more/1", (8 << 20) + 1, 11);
	kit_file("m/more/2", (7 << 20) - 1, 12);
	coffer_ctx_set_jobs(kit.ctx, 3);
	for (size_t i = 0; i < 3; i++) {
		struct coffer_seal_options o = signing();

		o.record_size = record_sizes[i];
		assert_ok(coffer_seal(kit.ctx, "m", "s", kit.keys, &o, NULL));
		assert_ok(sign_kit_verify("s", "s/coffer.sig", NULL));
		assert_ok(coffer_open(kit.ctx, "s", "back", kit.keys, &trusting, NULL));
		assert_files("back");
		assert_file("back/more/1", (8 << 20) + 1, 11);
		assert_file("back/more/2", (7 << 20) - 1, 12);
		assert_ok(sign_kit_verify("back", "back/model.sig", NULL));
		assert_int_equal(kit_remove_all("back") | kit_remove_all("s"), 0);
	}
}

/*
 * What is signed costs no second read: the plain files once, for sealing and the inner signature; the sealed ones once for the
 * outer signature, once to be opened, and then no more for the inner one.
 */
static void
reads_once(void **state)
{
	enum { SLACK = 1 << 18 }; /* keys, key blocks, signatures; far less than any second read */
	const struct coffer_seal_options o = signing();
	const struct coffer_open_options trusting = {.version_1 = 1, .trust = &sign_kit.trust};
	unsigned long long plain = 0, sealed, before, after;

	(void)state;
	if (!bytes_read(&before))
		skip();
	make_model();
	for (unsigned int i = 0; i < N; i++)
		plain += files[i].len;
	assert_true(bytes_read(&before));
	assert_ok(coffer_seal(kit.ctx, "m", "s", kit.keys, &o, NULL));
	assert_true(bytes_read(&after));
	sealed = bytes_of("s");
	assert_in_range(after - before, plain + sealed, plain + sealed + SLACK);

	assert_true(bytes_read(&before));
	assert_ok(coffer_open(kit.ctx, "s", "back", kit.keys, &trusting, NULL));
	assert_true(bytes_read(&after));
	assert_in_range(after - before, 2 * plain, 2 * sealed + SLACK);
	assert_files("back");
}

static void
manners_of_signing(void **state)
{
	static const struct {
		struct coffer_sign_options sign;
		uint32_t record_size;
	} rows[] = {
		{{.version_1 = 1, .hash = COFFER_HASH_BLAKE2B}, 0},
		{{.version_1 = 1, .hash = COFFER_HASH_BLAKE3}, 65536},
		{{.version_1 = 1, .serialization = COFFER_SERIALIZE_SHARDS}, 0},
		{{.version_1 = 1, .serialization = COFFER_SERIALIZE_SHARDS, .shard_size = 1 << 20}, 16 << 20},
		{{.version_1 = 1, .serialization = COFFER_SERIALIZE_SHARDS, .shard_size = 99999}, 0},
		{{.version_1 = 1,
		  .serialization = COFFER_SERIALIZE_SHARDS,
		  .shard_size = (1 << 20) + 1,
		  .hash = COFFER_HASH_BLAKE2B},
		 65536},
	};

	(void)state;
	make_model();
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct coffer_seal_options o = signing();

		o.sign = &rows[i].sign;
		o.record_size = rows[i].record_size;
		assert_ok(coffer_seal(kit.ctx, "m", "s", kit.keys, &o, NULL));
		assert_sealed("s", 0);
		assert_int_equal(kit_remove_all("s"), 0);
	}
}

/* What is sealed and what is signed may differ by what a signature leaves out: git's files, and what the caller says. */
static void
files_that_are_left_out(void **state)
{
	static const char *const paths[] = {"m/d/e"};
	struct coffer_sign_options sign = {.version_1 = 1, .ignore_paths = paths, .n_ignore_paths = 1};
	struct coffer_seal_options o = signing();

	(void)state;
	make_model();
	kit_file("m/.gitattributes", 9, 9);
	kit_file("m/.env", 9, 9);
	o.hidden = true;
	o.sign = &sign;
	assert_ok(coffer_seal(kit.ctx, "m", "s", kit.keys, &o, NULL));
	assert_ok(sign_kit_verify("s", "s/coffer.sig", NULL));
	assert_ok(coffer_open(kit.ctx, "s", "back", kit.keys, NULL, NULL));
	assert_int_equal(kit_count("back"), N + 3);
	assert_ok(sign_kit_verify("back", "back/model.sig", NULL));
	kit_flip("back/d/e/f", 9, 1);
	kit_flip("back/.gitattributes", 3, 1);
	assert_ok(sign_kit_verify("back", "back/model.sig", NULL));
	kit_flip("back/.env", 3, 1);
	assert_refused(sign_kit_verify("back", "back/model.sig", NULL), COFFER_E_AUTH);
}

static void
a_model_with_an_old_signature(void **state)
{
	struct coffer_seal_options o = signing();

	(void)state;
	make_model();
	kit_file("m/model.sig", 99, 9);
	assert_refused(coffer_seal(kit.ctx, "m", "s", kit.keys, &o, NULL), COFFER_E_EXISTS);
	assert_non_null(strstr(coffer_ctx_message(kit.ctx), "model.sig"));
	assert_false(kit_exists("s"));
	o.force = true;
	assert_ok(coffer_seal(kit.ctx, "m", "s", kit.keys, &o, NULL));
	assert_sealed("s", 0);
	assert_file("m/model.sig", 99, 9);
	/* without signing it is a file as any other */
	o.signer = NULL;
	assert_ok(coffer_seal(kit.ctx, "m", "t", kit.keys, &o, NULL));
	assert_int_equal(kit_count("t"), N + 2);
}

static void
names_in_the_way(void **state)
{
	static const char *const paths[] = {"m/Model.Sig", "m/model.sig/x", "m/MODEL.SIG/x"};
	struct coffer_seal_options o = signing();

	(void)state;
	o.force = true;
	for (size_t i = 0; i < 3; i++) {
		make_model();
		kit_file(paths[i], 1, 1);
		assert_refused(coffer_seal(kit.ctx, "m", "s", kit.keys, &o, NULL), COFFER_E_USAGE);
		assert_false(kit_exists("s"));
		assert_int_equal(kit_remove_all("m"), 0);
	}
}

static void
nothing_but_a_signature(void **state)
{
	struct coffer_seal_options o = signing();

	(void)state;
	kit_file("m/model.sig", 99, 9);
	o.force = true;
	assert_refused(coffer_seal(kit.ctx, "m", "s", kit.keys, &o, NULL), COFFER_E_USAGE);
}

static void
options_that_do_not_go_together(void **state)
{
	const struct coffer_sign_options sign = {.version_1 = 1}, other = {.version_1 = 2},
					 reuse = {.version_1 = 1, .reuse = "x", .reuse_trust = &sign_kit.trust};
	struct coffer_seal_options o = {.version_1 = 1, .sign = &sign};

	(void)state;
	make_model();
	assert_refused(coffer_seal(kit.ctx, "m", "s", kit.keys, &o, NULL), COFFER_E_USAGE);
	o.signer = sign_kit.signer;
	o.sign = &other;
	assert_refused(coffer_seal(kit.ctx, "m", "s", kit.keys, &o, NULL), COFFER_E_USAGE);
	o.sign = &reuse;
	assert_refused(coffer_seal(kit.ctx, "m", "s", kit.keys, &o, NULL), COFFER_E_USAGE);
	o.sign = &sign;
	o.dry_run = true;
	assert_ok(coffer_seal(kit.ctx, "m", "s", kit.keys, &o, NULL));
	assert_false(kit_exists("s"));
}

/* ---- in place, and over what is there ---- */

static void
in_place(void **state)
{
	struct coffer_seal_options o = signing();
	const struct coffer_open_options back = {.version_1 = 1, .in_place = true};

	(void)state;
	make_model();
	/* none of these is sealed, and all stay where they are */
	kit_file("m/.cache/x/y", 9, 9);
	kit_file("m/.gitattributes", 9, 9);
	kit_file("m/d/.keep", 0, 0);
	o.in_place = true;
	assert_ok(coffer_seal(kit.ctx, "m", NULL, kit.keys, &o, NULL));
	assert_sealed("m", 3);
	assert_refused(coffer_seal(kit.ctx, "m", NULL, kit.keys, &o, NULL), COFFER_E_SEALED);
	assert_ok(coffer_open(kit.ctx, "m", NULL, kit.keys, &back, NULL));
	assert_files("m");
	assert_int_equal(kit_count("m"), N + 4);
	assert_false(kit_exists("m/coffer.sig"));
	assert_ok(sign_kit_verify("m", "m/model.sig", NULL));
	/* and again: now it has a signature of its own */
	assert_refused(coffer_seal(kit.ctx, "m", NULL, kit.keys, &o, NULL), COFFER_E_EXISTS);
	o.force = true;
	assert_ok(coffer_seal(kit.ctx, "m", NULL, kit.keys, &o, NULL));
	assert_false(kit_exists("m/model.sig"));
	assert_sealed("m", 3);
}

static void
over_a_sealed_model(void **state)
{
	struct coffer_seal_options o = signing();

	(void)state;
	make_model();
	assert_ok(coffer_seal(kit.ctx, "m", "s", kit.keys, &o, NULL));
	/* a file of the user's stays with the new model, and its signature knows of it */
	kit_file("s/README", 9, 9);
	kit_file("s/.cache/x", 9, 9);
	o.force = true;
	assert_ok(coffer_seal(kit.ctx, "m", "s", kit.keys, &o, NULL));
	assert_true(kit_exists("s/README"));
	assert_sealed("s", 2);
	assert_false(kit_exists(".s.coffer-new"));
	/* without a signature the old one goes with the model that it was over */
	o.signer = NULL;
	assert_ok(coffer_seal(kit.ctx, "m", "s", kit.keys, &o, NULL));
	assert_false(kit_exists("s/coffer.sig"));
	assert_false(kit_exists(".s.coffer-new"));
}

/* ---- interrupted ---- */

/* A folder where a sealed file belongs stops a run when all before it are done. */
static void
stop_at(const char *path)
{
	assert_int_equal(mkdir(path, 0777), 0);
}

static void
goes_on(void **state)
{
	const struct coffer_seal_options o = signing();
	struct coffer_stats stats;

	(void)state;
	make_model();
	(void)mkdir("s", 0777);
	stop_at("s/z.coffer");
	assert_refused(coffer_seal(kit.ctx, "m", "s", kit.keys, &o, NULL), COFFER_E_EXISTS);
	assert_true(kit_exists("s/.coffer.partial"));
	assert_int_equal(rmdir("s/z.coffer"), 0);
	assert_ok(coffer_seal(kit.ctx, "m", "s", kit.keys, &o, &stats));
	assert_true(stats.n_skipped > 0);
	assert_sealed("s", 0);
}

static void
goes_on_in_place(void **state)
{
	struct coffer_seal_options o = signing(), plain = {.version_1 = 1, .in_place = true};
	struct coffer_stats stats;

	(void)state;
	make_model();
	kit_file("m/.cache/x", 9, 9);
	o.in_place = true;
	stop_at("m/z.coffer");
	assert_refused(coffer_seal(kit.ctx, "m", NULL, kit.keys, &o, NULL), COFFER_E_EXISTS);
	assert_false(kit_exists("m/d/one"));
	assert_int_equal(rmdir("m/z.coffer"), 0);
	/* as it began, and not otherwise: the files know how many there are */
	assert_refused(coffer_seal(kit.ctx, "m", NULL, kit.keys, &plain, NULL), COFFER_E_USAGE);
	assert_ok(coffer_seal(kit.ctx, "m", NULL, kit.keys, &o, &stats));
	assert_true(stats.n_skipped > 0);
	assert_sealed("m", 1);
}

static void
does_not_go_on_signed(void **state)
{
	struct coffer_seal_options o = signing(), plain = {.version_1 = 1, .in_place = true};

	(void)state;
	make_model();
	o.in_place = true;
	stop_at("m/z.coffer");
	assert_refused(coffer_seal(kit.ctx, "m", NULL, kit.keys, &plain, NULL), COFFER_E_EXISTS);
	assert_int_equal(rmdir("m/z.coffer"), 0);
	assert_refused(coffer_seal(kit.ctx, "m", NULL, kit.keys, &o, NULL), COFFER_E_USAGE);
	assert_ok(coffer_seal(kit.ctx, "m", NULL, kit.keys, &plain, NULL));
	assert_int_equal(kit_count("m"), N + 1);
}

/* Killed when only the outer signature was still to make, or only the mark still to remove. */
static void
goes_on_at_the_end(const char *out, bool signature_made)
{
	const char *s = out ? out : "m";
	struct coffer_seal_options o = signing();
	char outer[100];

	make_model();
	o.in_place = !out;
	(void)mkdir(s, 0777);
	(void)snprintf(outer, sizeof(outer), "%s/coffer.sig", s);
	o.force = true; /* a folder cannot be replaced all the same */
	stop_at(outer);
	assert_refused(coffer_seal(kit.ctx, "m", out, kit.keys, &o, NULL), COFFER_E_EXISTS);
	assert_int_equal(rmdir(outer), 0);
	/* one that an earlier run of the same call has made, over other bytes than those that it finds now */
	if (signature_made)
		assert_ok(coffer_sign(kit.ctx, "signing.pub", outer, sign_kit.signer, NULL, NULL));
	o.force = false;
	assert_ok(coffer_seal(kit.ctx, "m", out, kit.keys, &o, NULL));
	assert_sealed(s, 0);
	assert_int_equal(kit_remove_all(s), 0);
}

static void
goes_on_with_the_last_steps(void **state)
{
	(void)state;
	goes_on_at_the_end("s", false);
	goes_on_at_the_end("s", true);
	goes_on_at_the_end(NULL, false);
	goes_on_at_the_end(NULL, true);
}

/* ---- one file ---- */

static void
one_file(void **state)
{
	const struct coffer_seal_options o = signing();
	struct coffer_rewrap_options add = {.version_1 = 1, .add = kit.other};

	(void)state;
	kit_file("f", (5 << 20) + 3, 1);
	assert_ok(coffer_seal(kit.ctx, "f", "f.coffer", kit.keys, &o, NULL));
	assert_true(kit_exists("f.sig.coffer"));
	assert_ok(sign_kit_verify("f.coffer", "f.coffer.sig", NULL));
	assert_int_equal(mkdir("back", 0777), 0);
	assert_ok(coffer_open(kit.ctx, "f.coffer", "back/f", kit.keys, NULL, NULL));
	assert_ok(sign_kit_verify("back/f", "back/f.sig", NULL));
	assert_ok(sign_kit_verify("f", "back/f.sig", NULL));
	kit_flip("f", 4 << 20, 1);
	assert_refused(sign_kit_verify("f", "back/f.sig", NULL), COFFER_E_AUTH);
	/* its key block is in it, so another recipient makes another file of it */
	assert_ok(coffer_rewrap(kit.ctx, "f.coffer", kit.keys, &add));
	assert_refused(sign_kit_verify("f.coffer", "f.coffer.sig", NULL), COFFER_E_AUTH);
}

static void
one_file_over_others(void **state)
{
	static const char *const names[] = {"f.coffer", "f.sig.coffer", "f.coffer.sig"};
	struct coffer_seal_options o = signing();

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		kit_file("f", 100, 1);
		kit_file(names[i], 7, 7);
		o.force = false;
		assert_refused(coffer_seal(kit.ctx, "f", "f.coffer", kit.keys, &o, NULL), COFFER_E_EXISTS);
		assert_file(names[i], 7, 7);
		o.force = true;
		assert_ok(coffer_seal(kit.ctx, "f", "f.coffer", kit.keys, &o, NULL));
		assert_ok(sign_kit_verify("f.coffer", "f.coffer.sig", NULL));
		assert_int_equal(unlink("f.coffer") | unlink("f.sig.coffer") | unlink("f.coffer.sig"), 0);
	}
}

static void
one_file_in_place(void **state)
{
	const struct coffer_open_options back = {.version_1 = 1, .in_place = true};
	struct coffer_seal_options o = signing();

	(void)state;
	kit_file("f", (5 << 20) + 3, 1);
	o.in_place = true;
	/* killed between the file and its signatures: the sealed one stands beside the plain one */
	assert_ok(coffer_seal(kit.ctx, "f", "f.coffer", kit.keys, NULL, NULL));
	kit_file("f.sig.coffer", 7, 7);
	assert_ok(coffer_seal(kit.ctx, "f", NULL, kit.keys, &o, NULL));
	assert_false(kit_exists("f"));
	assert_ok(sign_kit_verify("f.coffer", "f.coffer.sig", NULL));
	/* and back */
	assert_ok(coffer_open(kit.ctx, "f.coffer", NULL, kit.keys, &back, NULL));
	assert_ok(sign_kit_verify("f", "f.sig", NULL));
	assert_false(kit_exists("f.coffer"));
	assert_false(kit_exists("f.sig.coffer"));
	assert_false(kit_exists("f.coffer.sig"));
}

/* ---- a file that changes, a run that is stopped ---- */

static void
cancel(void *user, const char *path, uint64_t done, uint64_t total)
{
	(void)user;
	(void)path;
	if (done < total)
		coffer_ctx_cancel(kit.ctx);
}

static void
stopped_in_the_middle(void **state)
{
	const struct coffer_seal_options o = signing();

	(void)state;
	(void)mkdir("m", 0777);
	/* a hole: nothing to write, much to read */
	tmpdir_file("m/big", "", 0, 0644);
	assert_int_equal(truncate("m/big", (off_t)1 << 30), 0);
	coffer_ctx_set_jobs(kit.ctx, 5);
	coffer_ctx_set_progress(kit.ctx, cancel, NULL);
	assert_refused(coffer_seal(kit.ctx, "m", "s", kit.keys, &o, NULL), COFFER_E_INTERRUPTED);
	assert_false(kit_exists("s/coffer.json"));
}

/* ---- hashes by turns ---- */

enum { PIECES = 300, PIECE = 1000 };

static uint8_t data[PIECES * PIECE];

struct turns {
	struct stream_hash hash;
	uint64_t fail_at;
};

static coffer_err
take_turn(void *arg, uint64_t item, struct pool_worker *w)
{
	struct turns *t = arg;
	coffer_err err;

	if (item == t->fail_at) {
		err = fault_set(&w->fault, COFFER_E_IO, "cannot read");
		stream_hash_fail(&t->hash, &w->fault);
		return err;
	}
	return stream_hash_take(&w->fault, &t->hash, item, data + item * PIECE, PIECE);
}

static void
hashes_by_turns(void **state)
{
	static const uint64_t shard_sizes[] = {0, 1, 999, 1000, 1001, 299999, 300000, 300001};
	struct pool *pool;
	struct fault f;

	(void)state;
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = kit_byte(3, i);
	assert_int_equal(pool_new(&f, 8, NULL, &pool), COFFER_OK);
	for (size_t i = 0; i < sizeof(shard_sizes) / sizeof(shard_sizes[0]); i++) {
		uint64_t shard = shard_sizes[i] ? shard_sizes[i] : sizeof(data);
		struct turns t = {.fail_at = UINT64_MAX};

		assert_int_equal(stream_hash_begin(&f, &t.hash, kit.ctx, DIGEST_SHA256, shard_sizes[i], sizeof(data)),
				 COFFER_OK);
		assert_int_equal(pool_run(&f, pool, 0, 4096, take_turn, &t, PIECES), COFFER_OK);
		assert_int_equal(stream_hash_end(&f, &t.hash), COFFER_OK);
		assert_int_equal(t.hash.n, (sizeof(data) + shard - 1) / shard);
		for (size_t s = 0; s < t.hash.n; s++) {
			uint64_t off = s * shard, len = sizeof(data) - off < shard ? sizeof(data) - off : shard;
			uint8_t want[DIGEST_MAX];

			assert_int_equal(digest_of(&f, DIGEST_SHA256, view_of(data + off, len), want), COFFER_OK);
			assert_memory_equal(t.hash.digests + 32 * s, want, 32);
		}
		stream_hash_free(&t.hash);
	}
	pool_free(&pool);
}

/* Whoever waits for a turn that never comes is told why. */
static void
a_turn_that_never_comes(void **state)
{
	struct pool *pool;
	struct fault f;

	(void)state;
	assert_int_equal(pool_new(&f, 8, NULL, &pool), COFFER_OK);
	for (uint64_t i = 0; i < PIECES; i += 7) {
		struct turns t = {.fail_at = i};

		assert_int_equal(stream_hash_begin(&f, &t.hash, kit.ctx, DIGEST_BLAKE2B, 0, sizeof(data)), COFFER_OK);
		assert_int_equal(pool_run(&f, pool, 0, 4096, take_turn, &t, PIECES), COFFER_E_IO);
		assert_string_equal(f.text, "cannot read");
		assert_int_equal(stream_hash_end(&f, &t.hash), COFFER_E_INTERNAL);
		stream_hash_free(&t.hash);
	}
	pool_free(&pool);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		SIGN_TEST(both_signatures),
		SIGN_TEST(with_several_threads),
		SIGN_TEST(several_large_files),
		SIGN_TEST(reads_once),
		SIGN_TEST(manners_of_signing),
		SIGN_TEST(files_that_are_left_out),
		SIGN_TEST(a_model_with_an_old_signature),
		SIGN_TEST(names_in_the_way),
		SIGN_TEST(nothing_but_a_signature),
		SIGN_TEST(options_that_do_not_go_together),
		SIGN_TEST(in_place),
		SIGN_TEST(over_a_sealed_model),
		SIGN_TEST(goes_on),
		SIGN_TEST(goes_on_in_place),
		SIGN_TEST(does_not_go_on_signed),
		SIGN_TEST(goes_on_with_the_last_steps),
		SIGN_TEST(one_file),
		SIGN_TEST(one_file_over_others),
		SIGN_TEST(one_file_in_place),
		SIGN_TEST(stopped_in_the_middle),
		SIGN_TEST(hashes_by_turns),
		SIGN_TEST(a_turn_that_never_comes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
