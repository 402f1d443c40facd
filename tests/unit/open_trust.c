/* SPDX-License-Identifier: Apache-2.0 */
/* Opening models of a publisher who is believed, and refusing those of anybody else. */
#include <coffer/trust.h>

#include "support/sign_kit.h"
#include "support/text.h"

enum { BIG = (9 << 20) + 77 };

static struct coffer_signer *other_signer;

static int
setup(void **state)
{
	const struct coffer_signer_options o = {
		.version_1 = 1, .method = COFFER_METHOD_KEY, .private_key = "other.pem"};

	/* no trust store but the test's own */
	if (sign_kit_setup(state) != 0 || setenv("XDG_CONFIG_HOME", tmpdir_path, 1) != 0)
		return -1;
	return coffer_signer_open(kit.ctx, &o, &other_signer) == COFFER_OK ? 0 : -1;
}

static int
teardown(void **state)
{
	coffer_signer_free(&other_signer);
	return sign_kit_teardown(state);
}

#define TRUST_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

static void
make_model(void)
{
	kit_file("m/a", 1000, 1);
	kit_file("m/b/big", BIG, 2);
	kit_file("m/c", 0, 3);
}

static void
seal_signed(const char *out, const struct coffer_signer *signer)
{
	const struct coffer_seal_options o = {.version_1 = 1, .signer = signer, .name = "the-model", .in_place = !out};

	assert_ok(coffer_seal(kit.ctx, "m", out, kit.keys, &o, NULL));
}

static coffer_err
open_trusting(const char *in, const char *out, const struct coffer_trust *trust)
{
	const struct coffer_open_options o = {.version_1 = 1, .trust = trust, .in_place = !out};

	return coffer_open(kit.ctx, in, out, kit.keys, &o, NULL);
}

static void
sign_again(const char *model, const char *signature, const struct coffer_signer *signer)
{
	const struct coffer_sign_options o = {.version_1 = 1, .force = true};

	assert_ok(coffer_sign(kit.ctx, model, signature, signer, &o, NULL));
}

static void
assert_model(const char *folder)
{
	char path[100];

	(void)snprintf(path, sizeof(path), "%s/a", folder);
	assert_file(path, 1000, 1);
	(void)snprintf(path, sizeof(path), "%s/b/big", folder);
	assert_file(path, BIG, 2);
}

/* ---- who is believed ---- */

static void
the_publisher_and_nobody_else(void **state)
{
	(void)state;
	make_model();
	seal_signed("s", sign_kit.signer);
	assert_refused(open_trusting("s", "back", &sign_kit.other), COFFER_E_SIGNATURE);
	assert_false(kit_exists("back"));
	assert_ok(open_trusting("s", "back", &sign_kit.trust));
	assert_model("back");
	assert_int_equal(kit_count("back"), 4);
}

static void
change_head(void)
{
	kit_flip("s/a.coffer", 70, 1);
}

static void
change_payload(void)
{
	kit_flip("s/b/big.coffer", 5 << 20, 1);
}

static void
change_inner(void)
{
	kit_flip("s/model.sig.coffer", 4100, 1);
}

static void
remove_outer(void)
{
	assert_int_equal(unlink("s/coffer.sig"), 0);
}

static void
spoil_outer(void)
{
	tmpdir_file("s/coffer.sig", "{}", 2, 0644);
}

static void
add_plain(void)
{
	kit_file("s/README", 5, 5);
}

/* Signed by the right one, but so that a sealed file is left out: as a folder that has no key block for the moment. */
static void
leave_one_out(void)
{
	static const char *const paths[] = {"s/a.coffer", "s/coffer.json"};
	const struct coffer_sign_options o = {
		.version_1 = 1, .force = true, .ignore_paths = paths, .n_ignore_paths = 2};

	assert_int_equal(rename("s/coffer.json", "coffer.json"), 0);
	assert_ok(coffer_sign(kit.ctx, "s", "s/coffer.sig", sign_kit.signer, &o, NULL));
	assert_int_equal(rename("coffer.json", "s/coffer.json"), 0);
}

static void
another_inner(void)
{
	/* of somebody else, but all of it signed by the right one afterwards */
	assert_int_equal(kit_remove_all("s"), 0);
	seal_signed("s", other_signer);
	sign_again("s", "s/coffer.sig", sign_kit.signer);
}

/* What @change makes of the plain files after they were signed is sealed with the signature of before. */
static void
reseal(void (*change)(void))
{
	const struct coffer_open_options o = {.version_1 = 1, .ignore_trust_store = true};

	assert_ok(coffer_open(kit.ctx, "s", "plain", kit.keys, &o, NULL));
	assert_int_equal(kit_remove_all("s"), 0);
	change();
	assert_ok(coffer_seal(kit.ctx, "plain", "s", kit.keys, NULL, NULL));
	assert_int_equal(kit_remove_all("plain"), 0);
	sign_again("s", "s/coffer.sig", sign_kit.signer);
}

static void
flip_plain(void)
{
	kit_flip("plain/b/big", 8 << 20, 1);
}

static void
grow_plain(void)
{
	kit_file("plain/a", 1001, 1);
}

static void
add_to_plain(void)
{
	kit_file("plain/new", 5, 5);
}

static void
remove_from_plain(void)
{
	assert_int_equal(unlink("plain/c"), 0);
}

static void
text_in_plain(void)
{
	kit_file("plain/model.sig", 5, 5);
}

static void
changed_before_sealing(void)
{
	reseal(flip_plain);
}

static void
grown_before_sealing(void)
{
	reseal(grow_plain);
}

static void
more_before_sealing(void)
{
	reseal(add_to_plain);
}

static void
less_before_sealing(void)
{
	reseal(remove_from_plain);
}

static void
no_signature_before_sealing(void)
{
	reseal(text_in_plain);
}

static const struct {
	const char *what;
	void (*spoil)(void);
	coffer_err want;
} ways[] = {
	{"head", change_head, COFFER_E_AUTH},
	{"payload", change_payload, COFFER_E_AUTH},
	{"sealed signature", change_inner, COFFER_E_AUTH},
	{"no signature", remove_outer, COFFER_E_POLICY},
	{"bad signature", spoil_outer, COFFER_E_FORMAT},
	{"a plain file beside", add_plain, COFFER_E_FILESET},
	{"a sealed file left out", leave_one_out, COFFER_E_FILESET},
	{"the inner one is another's", another_inner, COFFER_E_SIGNATURE},
	{"changed before it was sealed", changed_before_sealing, COFFER_E_AUTH},
	{"grown before it was sealed", grown_before_sealing, COFFER_E_AUTH},
	{"a file more", more_before_sealing, COFFER_E_FILESET},
	{"a file less", less_before_sealing, COFFER_E_FILESET},
	{"text for the inner one", no_signature_before_sealing, COFFER_E_FORMAT},
};

static void
every_way_to_be_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		coffer_err err;

		make_model();
		seal_signed("s", sign_kit.signer);
		ways[i].spoil();
		err = open_trusting("s", "back", &sign_kit.trust);
		if (err != ways[i].want || kit_exists("back"))
			fail_msg("%s: %s: %s", ways[i].what, coffer_err_name(err), coffer_ctx_message(kit.ctx));
		assert_int_equal(kit_remove_all("s"), 0);
	}
}

/* Every file is compared, in every manner of signing. */
static void
manners_of_signing(void **state)
{
	static const struct coffer_sign_options rows[] = {
		{.version_1 = 1, .hash = COFFER_HASH_BLAKE2B},
		{.version_1 = 1, .serialization = COFFER_SERIALIZE_SHARDS, .shard_size = 777777},
		{.version_1 = 1, .serialization = COFFER_SERIALIZE_SHARDS},
	};

	(void)state;
	make_model();
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct coffer_seal_options o = {.version_1 = 1, .signer = sign_kit.signer, .sign = &rows[i]};

		assert_ok(coffer_seal(kit.ctx, "m", "s", kit.keys, &o, NULL));
		assert_ok(open_trusting("s", "back", &sign_kit.trust));
		assert_model("back");
		assert_int_equal(kit_remove_all("back"), 0);
		reseal(flip_plain);
		assert_refused(open_trusting("s", "back", &sign_kit.trust), COFFER_E_AUTH);
		assert_false(kit_exists("back"));
		assert_int_equal(kit_remove_all("s"), 0);
	}
}

static void
a_signature_elsewhere(void **state)
{
	struct coffer_open_options o = {.version_1 = 1, .trust = &sign_kit.trust, .signature = "elsewhere.sig"};

	(void)state;
	make_model();
	seal_signed("s", sign_kit.signer);
	assert_refused(coffer_open(kit.ctx, "s", "back", kit.keys, &o, NULL), COFFER_E_NOTFOUND);
	assert_int_equal(rename("s/coffer.sig", "elsewhere.sig"), 0);
	assert_ok(coffer_open(kit.ctx, "s", "back", kit.keys, &o, NULL));
	assert_refused(open_trusting("s", "again", &sign_kit.trust), COFFER_E_POLICY);
}

static void
a_model_without_an_inner_one(void **state)
{
	(void)state;
	make_model();
	assert_ok(coffer_seal(kit.ctx, "m", "s", kit.keys, NULL, NULL));
	assert_refused(open_trusting("s", "back", &sign_kit.trust), COFFER_E_POLICY);
	sign_again("s", "s/coffer.sig", sign_kit.signer);
	assert_ok(open_trusting("s", "back", &sign_kit.trust));
	assert_model("back");
}

static void
only_to_look(void **state)
{
	struct coffer_open_options o = {.version_1 = 1, .trust = &sign_kit.other, .dry_run = true};

	(void)state;
	make_model();
	seal_signed("s", sign_kit.signer);
	assert_refused(coffer_open(kit.ctx, "s", "back", kit.keys, &o, NULL), COFFER_E_SIGNATURE);
	o.trust = &sign_kit.trust;
	assert_ok(coffer_open(kit.ctx, "s", "back", kit.keys, &o, NULL));
	assert_false(kit_exists("back"));
}

/* ---- what is put in the place of what was verified ---- */

static void (*sleight)(void);

static coffer_err
verify_and_change(const struct verifier *self, struct fault *f, const struct bundle *b, struct signed_by *who)
{
	const struct verifier *own = sign_kit.trust.verifier;

	(void)self;
	if (sleight)
		sleight();
	return own->verify(own, f, b, who);
}

static struct verifier changing = {.method = "key", .verify = verify_and_change};
static const struct coffer_trust trust_and_change = {.verifier = &changing};

static void
change_back(void *user, const char *text)
{
	(void)user;
	/* the signature holds: this is behind it */
	if (!strstr(text, "is signed by"))
		return;
	assert_int_equal(rename("t/a.coffer", "s/a.coffer"), 0);
	assert_int_equal(rename("t/b/big.coffer", "s/b/big.coffer"), 0);
}

/* Anybody can seal for a recipient's public key; here the key block is another's, which no signature covers. */
static void
files_that_come_later(void **state)
{
	(void)state;
	make_model();
	assert_int_equal(unlink("m/c"), 0);
	assert_ok(coffer_seal(kit.ctx, "m", "s", kit.keys, NULL, NULL));
	sign_again("s", "s/coffer.sig", sign_kit.signer);
	kit_file("m/a", 1000, 66);
	assert_ok(coffer_seal(kit.ctx, "m", "t", kit.keys, NULL, NULL));
	assert_int_equal(rename("t/coffer.json", "s/coffer.json"), 0);
	coffer_ctx_set_notice(kit.ctx, change_back, NULL);
	assert_refused(open_trusting("s", "back", &sign_kit.trust), COFFER_E_CHANGED);
	coffer_ctx_set_notice(kit.ctx, NULL, NULL);
	assert_false(kit_exists("back/a"));
	assert_false(kit_exists("back/b/big"));
}

static void
put_the_right_one(void)
{
	assert_int_equal(rename("right.coffer", "f.coffer"), 0);
}

static void
a_file_that_goes_before(void **state)
{
	(void)state;
	kit_file("f", BIG, 7);
	assert_ok(coffer_seal(kit.ctx, "f", "right.coffer", kit.keys, NULL, NULL));
	assert_int_equal(rename("right.coffer", "f.coffer"), 0);
	sign_again("f.coffer", "f.coffer.sig", sign_kit.signer);
	assert_ok(open_trusting("f.coffer", "g", &trust_and_change));
	assert_file("g", BIG, 7);
	assert_int_equal(unlink("g"), 0);
	/* what was opened is not what lies there when it is verified */
	assert_int_equal(rename("f.coffer", "right.coffer"), 0);
	kit_file("f", BIG, 8);
	assert_ok(coffer_seal(kit.ctx, "f", "f.coffer", kit.keys, NULL, NULL));
	sleight = put_the_right_one;
	assert_refused(open_trusting("f.coffer", "g", &trust_and_change), COFFER_E_CHANGED);
	sleight = NULL;
	assert_false(kit_exists("g"));
}

/* ---- runs that were interrupted ---- */

/* m is opened in place but for b/big, which was damaged; then it is mended. */
static void
interrupt_in_place(void)
{
	const struct coffer_open_options o = {.version_1 = 1, .in_place = true};

	make_model();
	seal_signed(NULL, sign_kit.signer);
	kit_flip("m/b/big.coffer", 5 << 20, 1);
	assert_refused(coffer_open(kit.ctx, "m", NULL, kit.keys, &o, NULL), COFFER_E_AUTH);
	kit_flip("m/b/big.coffer", 5 << 20, 1);
	assert_false(kit_exists("m/a.coffer"));
	assert_true(kit_exists("m/model.sig.coffer"));
}

static void
goes_on_in_place(void **state)
{
	(void)state;
	interrupt_in_place();
	assert_refused(open_trusting("m", NULL, &sign_kit.other), COFFER_E_SIGNATURE);
	/* what was opened by then is held against the signature, too */
	kit_flip("m/a", 999, 1);
	assert_refused(open_trusting("m", NULL, &sign_kit.trust), COFFER_E_AUTH);
	kit_flip("m/a", 999, 1);
	assert_ok(open_trusting("m", NULL, &sign_kit.trust));
	assert_model("m");
	assert_int_equal(kit_count("m"), 4);
	assert_ok(sign_kit_verify("m", "m/model.sig", NULL));
}

/* A mark alone, which anybody can put there, spares nobody the signature over the sealed files. */
static void
a_mark_that_is_none(void **state)
{
	(void)state;
	make_model();
	seal_signed(NULL, sign_kit.signer);
	kit_file("m/.coffer.opening", 65, 1);
	assert_refused(open_trusting("m", NULL, &sign_kit.trust), COFFER_E_EXISTS);
	assert_true(kit_exists("m/a.coffer"));
}

/* Which files are left out is signed, but not what is in them; and the signature over the sealed files is not asked any more. */
static void
goes_on_with_files_left_out(void **state)
{
	static const char *const left_out[] = {"m/c"};
	const struct coffer_sign_options sign = {.version_1 = 1, .ignore_paths = left_out, .n_ignore_paths = 1};
	const struct coffer_seal_options seal = {.version_1 = 1, .signer = sign_kit.signer, .sign = &sign};
	const struct coffer_open_options in_place = {.version_1 = 1, .in_place = true};

	(void)state;
	make_model();
	assert_ok(coffer_seal(kit.ctx, "m", "s", kit.keys, &seal, NULL));
	assert_ok(open_trusting("s", "back", &sign_kit.trust));
	kit_flip("s/b/big.coffer", 5 << 20, 1);
	assert_refused(coffer_open(kit.ctx, "s", NULL, kit.keys, &in_place, NULL), COFFER_E_AUTH);
	kit_flip("s/b/big.coffer", 5 << 20, 1);
	assert_refused(open_trusting("s", NULL, &sign_kit.trust), COFFER_E_FILESET);
	assert_true(kit_exists("s/b/big.coffer"));
}

static void
goes_on_without_an_inner_one(void **state)
{
	const struct coffer_open_options o = {.version_1 = 1, .in_place = true};

	(void)state;
	make_model();
	assert_ok(coffer_seal(kit.ctx, "m", "s", kit.keys, NULL, NULL));
	sign_again("s", "s/coffer.sig", sign_kit.signer);
	kit_flip("s/b/big.coffer", 5 << 20, 1);
	assert_refused(coffer_open(kit.ctx, "s", NULL, kit.keys, &o, NULL), COFFER_E_AUTH);
	kit_flip("s/b/big.coffer", 5 << 20, 1);
	assert_refused(open_trusting("s", NULL, &sign_kit.trust), COFFER_E_POLICY);
	assert_ok(coffer_open(kit.ctx, "s", NULL, kit.keys, &o, NULL));
	assert_model("s");
}

/* Into a folder: what an earlier run left there may have been for another publisher; it is opened again. */
static void
goes_on_into_a_folder(void **state)
{
	(void)state;
	make_model();
	seal_signed("s", sign_kit.signer);
	/* a file where a folder belongs stops the first run */
	kit_file("back/x", 1, 1);
	assert_int_equal(unlink("back/x"), 0);
	assert_int_equal(mkdir("back/c", 0777), 0);
	assert_refused(open_trusting("s", "back", &sign_kit.trust), COFFER_E_EXISTS);
	assert_int_equal(rmdir("back/c"), 0);
	assert_true(kit_exists("back/.coffer.opening"));
	kit_flip("back/a", 999, 1);
	assert_ok(open_trusting("s", "back", &sign_kit.trust));
	assert_model("back");
}

/* ---- one file ---- */

static void
seal_file(const struct coffer_signer *signer)
{
	const struct coffer_seal_options o = {.version_1 = 1, .signer = signer, .force = true};

	kit_file("f", BIG, 7);
	assert_ok(coffer_seal(kit.ctx, "f", "f.coffer", kit.keys, &o, NULL));
}

static void
one_file(void **state)
{
	(void)state;
	seal_file(sign_kit.signer);
	assert_refused(open_trusting("f.coffer", "g", &sign_kit.other), COFFER_E_SIGNATURE);
	assert_false(kit_exists("g"));
	assert_ok(open_trusting("f.coffer", "g", &sign_kit.trust));
	assert_file("g", BIG, 7);
	assert_ok(sign_kit_verify("f", "g.sig", NULL));
	/* its signature is not written over anything */
	assert_int_equal(unlink("g"), 0);
	kit_file("g.sig", 9, 9);
	assert_refused(open_trusting("f.coffer", "g", &sign_kit.trust), COFFER_E_EXISTS);
	assert_false(kit_exists("g"));
	assert_file("g.sig", 9, 9);
}

static void
one_file_that_is_another(void **state)
{
	(void)state;
	seal_file(sign_kit.signer);
	assert_int_equal(unlink("f.coffer.sig"), 0);
	assert_refused(open_trusting("f.coffer", "g", &sign_kit.trust), COFFER_E_POLICY);
	seal_file(sign_kit.signer);
	kit_flip("f.coffer", 6 << 20, 1);
	assert_refused(open_trusting("f.coffer", "g", &sign_kit.trust), COFFER_E_AUTH);
	/* sealed by somebody else, with his signature inside, and signed by the right one outside */
	seal_file(other_signer);
	sign_again("f.coffer", "f.coffer.sig", sign_kit.signer);
	assert_refused(open_trusting("f.coffer", "g", &sign_kit.trust), COFFER_E_SIGNATURE);
	/* the right signature of another file */
	seal_file(sign_kit.signer);
	assert_int_equal(rename("f.sig.coffer", "old"), 0);
	kit_file("f", BIG, 8);
	{
		const struct coffer_seal_options o = {.version_1 = 1, .signer = sign_kit.signer, .force = true};

		assert_ok(coffer_seal(kit.ctx, "f", "f.coffer", kit.keys, &o, NULL));
	}
	assert_int_equal(rename("old", "f.sig.coffer"), 0);
	assert_refused(open_trusting("f.coffer", "g", &sign_kit.trust), COFFER_E_AUTH);
	assert_false(kit_exists("g"));
	/* without one inside, the one outside is enough */
	assert_int_equal(unlink("f.sig.coffer"), 0);
	assert_ok(open_trusting("f.coffer", "g", &sign_kit.trust));
	assert_file("g", BIG, 8);
}

/* ---- the trust store ---- */

static bool is_unbound;

static void
take_unbound(void *user, const char *text)
{
	(void)user;
	is_unbound |= strstr(text, "calls itself other-model, which the trust store binds to nobody") != NULL;
}

/* Whoever seals a model names it. */
static void
a_name_that_is_not(void **state)
{
	const struct coffer_trust_options key = {.version_1 = 1, .method = COFFER_METHOD_KEY, .public_key = SIGN_PUB};
	const struct coffer_seal_options other = {.version_1 = 1, .signer = other_signer, .name = "other-model"};

	(void)state;
	make_model();
	assert_ok(coffer_seal(kit.ctx, "m", "s", kit.keys, &other, NULL));
	coffer_ctx_set_notice(kit.ctx, take_unbound, NULL);
	assert_ok(open_trusting("s", "back", NULL));
	assert_false(is_unbound);
	assert_ok(coffer_trust_add(kit.ctx, "the-model", &key));
	assert_ok(open_trusting("s", "again", NULL));
	assert_true(is_unbound);
	is_unbound = false;
	assert_ok(coffer_trust_add(kit.ctx, "*", &key));
	assert_refused(open_trusting("s", "third", NULL), COFFER_E_SIGNATURE);
	assert_false(is_unbound);
	coffer_ctx_set_notice(kit.ctx, NULL, NULL);
}

static void
a_name_that_is_bound(void **state)
{
	const struct coffer_trust_options key = {.version_1 = 1, .method = COFFER_METHOD_KEY, .public_key = SIGN_PUB};
	const struct coffer_open_options nobody = {.version_1 = 1, .ignore_trust_store = true};

	(void)state;
	make_model();
	seal_signed("s", sign_kit.signer);
	seal_signed("t", other_signer);
	/* nobody is bound: anybody's opens */
	assert_ok(open_trusting("t", "back", NULL));
	assert_int_equal(kit_remove_all("back"), 0);
	assert_ok(coffer_trust_add(kit.ctx, "the-model", &key));
	assert_refused(open_trusting("t", "back", NULL), COFFER_E_SIGNATURE);
	assert_false(kit_exists("back"));
	assert_ok(open_trusting("s", "back", NULL));
	assert_int_equal(kit_remove_all("back"), 0);
	/* who is named goes before who is bound; and all of it can be set aside */
	assert_ok(open_trusting("t", "back", &sign_kit.other));
	assert_int_equal(kit_remove_all("back"), 0);
	assert_ok(coffer_open(kit.ctx, "t", "back", kit.keys, &nobody, NULL));
	/* reading in pieces and checking ask nobody */
	assert_ok(coffer_check(kit.ctx, "t", kit.keys, NULL));
}

static coffer_err
open_named(const char *in, const char *name)
{
	const struct coffer_open_options o = {.version_1 = 1, .name = name};
	coffer_err err = coffer_open(kit.ctx, in, "back", kit.keys, &o, NULL);

	if (!err)
		assert_int_equal(kit_remove_all("back"), 0);
	assert_false(kit_exists("back"));
	return err;
}

/* Who is bound to one name seals it and puts it where another's is expected. */
static void
a_name_that_is_expected(void **state)
{
	struct coffer_trust_options key = {.version_1 = 1, .method = COFFER_METHOD_KEY, .public_key = SIGN_PUB};
	const struct coffer_seal_options other = {.version_1 = 1, .signer = other_signer, .name = "other-model"};

	(void)state;
	make_model();
	assert_ok(coffer_seal(kit.ctx, "m", "the-model", kit.keys, &other, NULL));
	assert_ok(open_named("the-model", NULL));
	/* a name that is asked for must be the model's, whoever is bound */
	assert_ok(open_named("the-model", "other-model"));
	assert_refused(open_named("the-model", "the-model"), COFFER_E_POLICY);
	assert_non_null(strstr(coffer_ctx_message(kit.ctx), "calls itself other-model, and the-model was asked for"));
	assert_ok(coffer_trust_add(kit.ctx, "the-model", &key));
	assert_refused(open_named("the-model", NULL), COFFER_E_POLICY);
	assert_non_null(strstr(coffer_ctx_message(kit.ctx), "--name other-model"));
	key.public_key = "other.pub";
	assert_ok(coffer_trust_add(kit.ctx, "other-model", &key));
	assert_refused(open_named("the-model", NULL), COFFER_E_POLICY);
	assert_refused(open_named("./the-model//", NULL), COFFER_E_POLICY);
	assert_ok(open_named("the-model", "other-model"));
	/* a file is expected as what it is called when it is open */
	assert_int_equal(rename("the-model", "the-model.coffer"), 0);
	assert_refused(open_named("the-model.coffer", NULL), COFFER_E_POLICY);
	/* where nothing is expected the name that it says is the one that counts */
	assert_int_equal(rename("the-model.coffer", "elsewhere"), 0);
	assert_ok(open_named("elsewhere", NULL));
	assert_ok(coffer_trust_remove(kit.ctx, "other-model"));
	key.public_key = SIGN_PUB;
	assert_ok(coffer_trust_add(kit.ctx, "other-model", &key));
	assert_refused(open_named("elsewhere", NULL), COFFER_E_SIGNATURE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TRUST_TEST(the_publisher_and_nobody_else),
		TRUST_TEST(every_way_to_be_refused),
		TRUST_TEST(manners_of_signing),
		TRUST_TEST(a_signature_elsewhere),
		TRUST_TEST(a_model_without_an_inner_one),
		TRUST_TEST(only_to_look),
		TRUST_TEST(files_that_come_later),
		TRUST_TEST(a_file_that_goes_before),
		TRUST_TEST(goes_on_in_place),
		TRUST_TEST(a_mark_that_is_none),
		TRUST_TEST(goes_on_with_files_left_out),
		TRUST_TEST(goes_on_without_an_inner_one),
		TRUST_TEST(goes_on_into_a_folder),
		TRUST_TEST(one_file),
		TRUST_TEST(one_file_that_is_another),
		TRUST_TEST(a_name_that_is_bound),
		TRUST_TEST(a_name_that_is_expected),
		TRUST_TEST(a_name_that_is_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
