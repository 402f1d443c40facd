/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The vectors of others, and of ../shared, as far as a signature can be judged without the model's files: what real writers
 * produced is believed, what is wrong is refused for the reason that it is there for.
 *
 * They are found in COFFER_VECTORS or ../shared/vectors; without them every test is skipped.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/enc.h"
#include "base/file.h"
#include "base/limits.h"
#include "sign/manifest.h"
#include "sign/signer.h"

#define OMS "generated/oms/"
#define MT "sigstore+model-transparency/"
#define REAL MT "scripts/tests/"
#define REAL_KEY REAL "keys/certificate/signing-key-pub.pem"
#define REAL_ROOT REAL "keys/certificate/ca-cert.pem"
#define SPEC "ossf+model-signing-spec/test-vectors/v1.0/"

#define LEN(array) (sizeof(array) / sizeof((array)[0]))

static void
path_of(char *out, size_t size, const char *name)
{
	const char *folder = getenv("COFFER_VECTORS");

	(void)snprintf(out, size, "%s/signing/%s", folder ? folder : "../shared/vectors", name);
}

static void
need_vectors(void)
{
	char path[4096];

	path_of(path, sizeof(path), OMS "index.json");
	if (access(path, R_OK) == 0)
		return;
	print_message("skipped: there is no %s\n", path);
	skip();
}

static struct buf
slurp(const char *name)
{
	struct buf b = BUF_INIT(1 << 24);
	struct fault f = {.text = ""};
	char path[4096];

	path_of(path, sizeof(path), name);
	if (file_slurp(&f, path, b.max, &b, NULL) != COFFER_OK)
		fail_msg("%s", f.text);
	return b;
}

enum method { KEY, CERTIFICATE, SIGSTORE };

static struct verifier *
open_verifier(enum method method, const char *file)
{
	struct buf pem = slurp(file);
	/* a time when the leaves that are good were valid, and after «expired» expired */
	struct cert_trust trust = {.has_time = true, .at = INT64_C(1785542400)};
	struct verifier *v = NULL;
	struct pubkey *key;

	if (method == CERTIFICATE) {
		assert_int_equal(certs_from_pem(NULL, "the root", buf_view(&pem), &trust.roots), COFFER_OK);
		assert_int_equal(verifier_certificate(NULL, &trust, &v), COFFER_OK);
	} else {
		assert_int_equal(pubkey_from_pem(NULL, "the key", buf_view(&pem), &key), COFFER_OK);
		assert_int_equal(verifier_key(NULL, key, &v), COFFER_OK);
	}
	buf_free(&pem);
	return v;
}

/* Read, verify unless @trusted is NULL, and read what was signed. */
static coffer_err
judge(struct fault *f, const char *file, enum method method, const char *trusted)
{
	struct buf text = slurp(file);
	struct signed_by who = {.who = NULL};
	struct verifier *v = NULL;
	struct manifest m;
	struct bundle b;
	coffer_err err;

	bundle_init(&b);
	manifest_init(&m);
	TRY(bundle_parse(f, "it", buf_view(&text), &b));
	TRY(bundle_require_oms(f, &b));
	if (trusted) {
		v = open_verifier(method, trusted);
		TRY(v->verify(v, f, &b, &who));
		assert_non_null(who.who);
		assert_int_equal(strlen(who.key_hint), 64);
		assert_int_equal(who.source, method == KEY ? TIME_NONE : TIME_GIVEN);
		assert_int_equal(who.chain.n >= 2, method == CERTIFICATE);
	}
	TRY(manifest_parse(f, buf_view(&b.payload), &m));
	assert_true(m.n > 0);
out:
	verifier_free(&v);
	signed_by_free(&who);
	manifest_free(&m);
	bundle_free(&b);
	buf_free(&text);
	return err;
}

/* ---- generated/oms ---- */

/* Why a case is refused; those that only the model's files give away are COFFER_OK here. */
static const struct {
	const char *name;
	coffer_err err;
	const char *why;
} refused[] = {
	{"bad-extra", COFFER_OK, ""},
	{"bad-missing", COFFER_OK, ""},
	{"bad-shard-tail", COFFER_OK, ""},
	{"bad-ignore-glob", COFFER_OK, ""},
	{"bad-predicate-type-v2", COFFER_E_UNSUPPORTED, "its predicate is not"},
	{"bad-no-subject", COFFER_E_FORMAT, "not one subject"},
	{"bad-duplicate", COFFER_E_FORMAT, "is listed twice"},
	{"bad-path-dotdot", COFFER_E_FORMAT, "a part that is . or .."},
	{"bad-path-absolute", COFFER_E_FORMAT, "is absolute"},
	{"bad-path-trailing", COFFER_E_FORMAT, "has an empty part"},
	{"bad-path-nul", COFFER_E_FORMAT, "stands for a character"},
	{"bad-surrogate", COFFER_E_FORMAT, "stands for a character"},
	{"bad-digest-nothex", COFFER_E_FORMAT, "a digest that is none"},
	{"bad-algorithm-unknown", COFFER_E_FORMAT, "another algorithm"},
	{"bad-no-serialization", COFFER_E_FORMAT, "«serialization» lacks"},
	{"bad-files-with-shard-size", COFFER_E_FORMAT, "where whole files are signed"},
	{"bad-shard-size-missing", COFFER_E_FORMAT, "without a shard_size"},
	{"bad-shard-size-fraction", COFFER_E_FORMAT, "a whole number"},
	{"bad-shard-size-string", COFFER_E_FORMAT, "a whole number"},
	{"bad-shard-badname", COFFER_E_FORMAT, "«config.json» does not end in"},
	{"bad-shard-leadingzero", COFFER_E_FORMAT, "«.hidden/h:00:2» does not end in"},
	{"bad-ignore-dotdot", COFFER_E_FORMAT, "the ignored path «../x»"},
	{"bad-two-signatures", COFFER_E_FORMAT, "2 signatures"},
	{"bad-wrong-key", COFFER_E_SIGNATURE, "signed with another key"},
	{"bad-hint", COFFER_E_SIGNATURE, "signed with another key, 0000"},
	{"bad-payload-type", COFFER_E_UNSUPPORTED, "a signature of something else"},
	{"bad-media-type-none", COFFER_E_FORMAT, "no mediaType"},
	{"bad-sig-trailing", COFFER_E_SIGNATURE, "is not one by this"},
	{"bad-trailing-garbage", COFFER_E_FORMAT, "end of file expected"},
	{"bad-bom", COFFER_E_FORMAT, "not JSON"},
	{"bad-deep-json", COFFER_E_FORMAT, "nested deeper"},
	{"bad-empty", COFFER_E_FORMAT, "not JSON"},
	{"bad-chain-usage", COFFER_E_SIGNATURE, "lacks digitalSignature"},
	{"bad-chain-noext", COFFER_E_SIGNATURE, "neither keyUsage"},
	{"bad-chain-expired", COFFER_E_SIGNATURE, "expired on 2026-01-02"},
	{"bad-chain-otherkey", COFFER_E_SIGNATURE, "is not one by this"},
	{"bad-key-as-chain", COFFER_E_POLICY, "by the method key"},
};

static void
check_refused(const char *name, coffer_err err, const char *text)
{
	for (size_t i = 0; i < LEN(refused); i++) {
		if (strcmp(refused[i].name, name) != 0)
			continue;
		if (err != refused[i].err || !strstr(text, refused[i].why))
			fail_msg("%s: %s: %s", name, coffer_err_name(err), text);
		return;
	}
	fail_msg("%s: a case that this test does not know: %s: %s", name, coffer_err_name(err), text);
}

static void
check_generated(json_t *c)
{
	const char *name = json_string_value(json_object_get(c, "name"));
	const char *key = json_string_value(json_object_get(c, "public_key"));
	const char *root = json_string_value(json_object_get(c, "root"));
	struct fault f = {.text = ""};
	char file[300], trusted[300];
	coffer_err err;

	(void)snprintf(file, sizeof(file), OMS "cases/%s.sig", name);
	(void)snprintf(trusted, sizeof(trusted), OMS "%s", key ? key : root);
	err = judge(&f, file, key ? KEY : CERTIFICATE, trusted);
	if (strncmp(json_string_value(json_object_get(c, "expect")), "pass", 4) != 0)
		check_refused(name, err, f.text);
	else if (err != COFFER_OK)
		fail_msg("%s: %s: %s", name, coffer_err_name(err), f.text);
}

static void
test_generated(void **state)
{
	struct buf text;
	json_t *index, *c;
	size_t i;

	(void)state;
	need_vectors();
	text = slurp(OMS "index.json");
	index = json_loadb((const char *)text.p, text.len, 0, NULL);
	json_array_foreach(json_object_get(index, "cases"), i, c)
		check_generated(c);
	print_message("generated/oms: %zu of 49\n", i);
	assert_int_equal(i, 49);
	json_decref(index);
	buf_free(&text);
}

/* ---- bundles of released writers ---- */

static const struct {
	const char *file;
	enum method method;
	const char *trusted; /* NULL: sigstore's verifier judges it elsewhere */
} real[] = {
	{REAL "v0.2.0-certificate/model.sig", CERTIFICATE, REAL_ROOT},
	{REAL "v0.3.1-certificate/model.sig", CERTIFICATE, REAL_ROOT},
	{REAL "v0.3.1-elliptic-key/model.sig", KEY, REAL_KEY},
	{REAL "v0.3.1-sigstore/model.sig", SIGSTORE, NULL},
	{REAL "v1.0.0-certificate/model.sig", CERTIFICATE, REAL_ROOT},
	{REAL "v1.0.0-elliptic-key/model.sig", KEY, REAL_KEY},
	{REAL "v1.0.0-sigstore/model.sig", SIGSTORE, NULL},
	{REAL "v1.0.1-certificate/model.sig", CERTIFICATE, REAL_ROOT},
	{REAL "v1.0.1-elliptic-key/model.sig", KEY, REAL_KEY},
	{REAL "v1.0.1-sigstore/model.sig", SIGSTORE, NULL},
	{REAL "v1.1.0-certificate/model.sig", CERTIFICATE, REAL_ROOT},
	{REAL "v1.1.0-elliptic-key/model.sig", KEY, REAL_KEY},
	{REAL "v1.1.0-sigstore/model.sig", SIGSTORE, NULL},
	{SPEC "valid/key.bundle.json", KEY, REAL_KEY},
	{SPEC "valid/certificate.bundle.json", CERTIFICATE, REAL_ROOT},
	{SPEC "valid/sigstore.bundle.json", SIGSTORE, NULL},
};

static void
test_real(void **state)
{
	(void)state;
	need_vectors();
	for (size_t i = 0; i < LEN(real); i++) {
		struct fault f = {.text = ""};
		coffer_err err = judge(&f, real[i].file, real[i].method, real[i].trusted);

		if (err != COFFER_OK)
			fail_msg("%s: %s: %s", real[i].file, coffer_err_name(err), f.text);
		/* and not with a key that has nothing to do with it */
		if (real[i].method == KEY)
			assert_int_equal(judge(NULL, real[i].file, KEY, OMS "keys/p384.pub"), COFFER_E_SIGNATURE);
		if (real[i].method == CERTIFICATE)
			assert_int_equal(judge(NULL, real[i].file, CERTIFICATE, OMS "keys/root.crt"),
					 COFFER_E_SIGNATURE);
	}
	print_message("bundles of released writers and of the specification: %zu\n", LEN(real));
}

/* nobody keeps the key of this one but itself */
static void
test_ibm(void **state)
{
	struct signed_by who = {.who = NULL};
	struct verifier *v = NULL;
	struct pubkey *key = NULL;
	struct manifest m;
	struct bundle b;
	struct buf text;

	(void)state;
	need_vectors();
	text = slurp("IBM+model-encryption/test/model.sig");
	bundle_init(&b);
	manifest_init(&m);
	assert_int_equal(bundle_parse(NULL, "it", buf_view(&text), &b), COFFER_OK);
	assert_int_equal(pubkey_from_pem(NULL, "it", buf_view(&b.key_raw), &key), COFFER_OK);
	assert_int_equal(verifier_key(NULL, key, &v), COFFER_OK);
	assert_int_equal(v->verify(v, NULL, &b, &who), COFFER_OK);
	assert_int_equal(manifest_parse(NULL, buf_view(&b.payload), &m), COFFER_OK);
	assert_int_equal(m.n, 1);
	assert_string_equal(m.resources[0].path, "test");
	manifest_free(&m);
	signed_by_free(&who);
	verifier_free(&v);
	bundle_free(&b);
	buf_free(&text);
}

static const struct {
	const char *file;
	coffer_err err;
	const char *why;
} spec_refused[] = {
	{SPEC "invalid/empty.bundle.json", COFFER_E_FORMAT, "not JSON"},
	{SPEC "invalid/missing-envelope.bundle.json", COFFER_E_FORMAT, "dsseEnvelope"},
	{SPEC "invalid/missing-tlog-entries.bundle.json", COFFER_E_FORMAT, "without an entry of its log"},
	{SPEC "invalid/missing-verification-material.bundle.json", COFFER_E_FORMAT, "verificationMaterial"},
	{SPEC "invalid-payload/wrong-predicate.bundle.json", COFFER_E_UNSUPPORTED, "predicate"},
};

static void
test_spec_refused(void **state)
{
	(void)state;
	need_vectors();
	for (size_t i = 0; i < LEN(spec_refused); i++) {
		struct fault f = {.text = ""};
		coffer_err err = judge(&f, spec_refused[i].file, SIGSTORE, NULL);

		if (err != spec_refused[i].err || !strstr(f.text, spec_refused[i].why))
			fail_msg("%s: %s: %s", spec_refused[i].file, coffer_err_name(err), f.text);
	}
	print_message("bundles that the specification refuses: %zu\n", LEN(spec_refused));
}

/* ---- the golden statements of model_signing ---- */

static const char *const models[] = {
	"deep_model_folder", "empty_model_file",    "empty_model_folder",  "model_folder_with_empty_file",
	"sample_model_file", "sample_model_folder", "symlink_model_folder"};

/* of a statement, and of the list of the same model's hashes */
static const struct {
	const char *suffix;
	const char *folder;
	const char *list_suffix;
} forms[] = {{"", "file", ""}, {"_shard", "file_shard", ""}, {"_small_shards", "file_shard", "_small_shards"}};

/* «name:hash» a line */
static void
check_list(const char *file, const struct manifest *m)
{
	struct buf want = slurp(file), got = BUF_INIT(1 << 24);

	for (size_t i = 0; i < m->n; i++) {
		const struct resource *r = &m->resources[i];
		char hex[2 * DIGEST_MAX + 1];

		enc_hex(r->digest, digest_len(m->hash), hex);
		assert_int_equal(buf_str(NULL, &got, r->path), COFFER_OK);
		if (m->method == MANIFEST_SHARDS)
			assert_int_equal(buf_printf(NULL, &got, ":%llu:%llu", (unsigned long long)r->start,
						    (unsigned long long)r->end),
					 COFFER_OK);
		assert_int_equal(buf_printf(NULL, &got, ":%s\n", hex), COFFER_OK);
	}
	while (want.len > 0 && want.p[want.len - 1] == '\n')
		want.len--;
	while (got.len > 0 && got.p[got.len - 1] == '\n')
		got.len--;
	if (want.len != got.len || (want.len > 0 && memcmp(want.p, got.p, want.len) != 0))
		fail_msg("%s: %.*s", file, (int)got.len, (char *)got.p);
	buf_free(&want);
	buf_free(&got);
}

/* what we write of it says the same */
static void
check_rewrite(struct manifest *m)
{
	struct buf text = BUF_INIT(1 << 24);
	struct manifest back;

	manifest_sort(m);
	manifest_init(&back);
	assert_int_equal(manifest_write(NULL, m, &text), COFFER_OK);
	assert_int_equal(manifest_parse(NULL, buf_view(&text), &back), COFFER_OK);
	assert_int_equal(back.n, m->n);
	assert_int_equal(back.shard_size, m->shard_size);
	for (size_t i = 0; i < m->n; i++)
		assert_string_equal(back.resources[i].path, m->resources[i].path);
	manifest_free(&back);
	buf_free(&text);
}

static void
check_golden(const char *statement, const char *list)
{
	struct buf text = slurp(statement), lines = slurp(list);
	struct fault f = {.text = ""};
	struct manifest m;
	coffer_err err;

	manifest_init(&m);
	err = manifest_parse(&f, buf_view(&text), &m);
	if (lines.len == 0) {
		/* model_signing signs an empty model, the specification forbids it */
		if (err != COFFER_E_FORMAT || !strstr(f.text, "no file is listed"))
			fail_msg("%s: %s: %s", statement, coffer_err_name(err), f.text);
	} else {
		if (err != COFFER_OK)
			fail_msg("%s: %s: %s", statement, coffer_err_name(err), f.text);
		assert_true(m.allow_symlinks);
		check_list(list, &m);
		check_rewrite(&m);
	}
	manifest_free(&m);
	buf_free(&text);
	buf_free(&lines);
}

static void
test_golden(void **state)
{
	char statement[300], list[300];
	size_t n = 0;

	(void)state;
	need_vectors();
	for (size_t m = 0; m < LEN(models); m++) {
		for (size_t i = 0; i < LEN(forms); i++) {
			(void)snprintf(statement, sizeof(statement),
				       MT "tests/_signing/testdata/signing/TestPayload/%s%s", models[m],
				       forms[i].suffix);
			(void)snprintf(list, sizeof(list), MT "tests/_serialization/testdata/%s/TestSerializer/%s%s",
				       forms[i].folder, models[m], forms[i].list_suffix);
			check_golden(statement, list);
			n += 2;
		}
	}
	print_message("golden statements and lists of model_signing: %zu of 42\n", n);
}

/* ---- the form of sigstore's own bundles ---- */

/* Of those that must be refused, the ones that form alone gives away. */
static const struct {
	const char *name;
	const char *why;
} malformed[] = {
	{"bundle-empty-certificate-chain_fail", "has no certificate"},
	{"bundle-invalid-base64-signature_fail", "«signature» is not base64"},
	{"bundle-negative-log-index_fail", "«logIndex» is no whole number"},
	{"rekor2-timestamp-with-incorrect-time_fail", "«signedTimestamp» is not base64"},
};

static void
check_form(const char *name)
{
	struct fault f = {.text = ""};
	const char *why = NULL;
	char file[300];
	struct bundle b;
	struct buf text;
	coffer_err err;

	(void)snprintf(file, sizeof(file),
		       "sigstore+sigstore-conformance/test/assets/bundle-verify/%s/bundle.sigstore.json", name);
	text = slurp(file);
	for (size_t i = 0; i < LEN(malformed); i++)
		if (strcmp(malformed[i].name, name) == 0)
			why = malformed[i].why;
	bundle_init(&b);
	err = bundle_parse(&f, "it", buf_view(&text), &b);
	if (err != (why ? COFFER_E_FORMAT : COFFER_OK) || !strstr(f.text, why ? why : ""))
		fail_msg("%s: %s: %s", name, coffer_err_name(err), f.text);
	bundle_free(&b);
	buf_free(&text);
}

static void
test_sigstore_form(void **state)
{
	struct buf text;
	json_t *index, *c;
	size_t i;

	(void)state;
	need_vectors();
	text = slurp("sigstore+sigstore-conformance/index.json");
	index = json_loadb((const char *)text.p, text.len, 0, NULL);
	json_array_foreach(json_object_get(index, "cases"), i, c)
		check_form(json_string_value(json_object_get(c, "name")));
	print_message("bundles of sigstore-conformance read: %zu of 35\n", i);
	assert_int_equal(i, 35);
	json_decref(index);
	buf_free(&text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_generated), cmocka_unit_test(test_real),
		cmocka_unit_test(test_ibm),	  cmocka_unit_test(test_spec_refused),
		cmocka_unit_test(test_golden),	  cmocka_unit_test(test_sigstore_form),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
