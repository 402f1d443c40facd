/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

#include "sign/signing_key.h"
#include "support/tsa.h"

#define V1 "{\"predicateType\":\"https://model_signing/signature/v1.0\"}"
#define V02 "{\"predicateType\":\"https://model_signing/Digests/v0.1\"}"

#define DAY 86400

enum {
	ROOT,
	INTER,
	LEAF,	 /* P-384 */
	PAST,	 /* valid until ten days ago */
	FUTURE,	 /* valid in ten days */
	NO_USE,	 /* may do nothing */
	FOR_TLS, /* may do something else */
	EKU_ONLY,
	CA_LEAF, /* as model_signing's own test certificates are */
	RSA_LEAF,
	FOREIGN_LEAF, /* on a curve that is not known */
	STRANGER_ROOT,
	STRANGER,
	TSA_ROOT,
	TSA,
	TSA_STRANGER,
	N_PKI
};
static struct pki pki[N_PKI];
static int64_t now;

static int
setup(void **state)
{
	struct pki_spec s = {.from = 0};

	(void)state;
	now = (int64_t)time(NULL);
	pki[ROOT] = pki_make(&(struct pki_spec){.name = "root", .to = now + 9000 * DAY, .ext = {PKI_CA}}, NULL);
	pki[INTER] = pki_make(&(struct pki_spec){.name = "inter", .to = now + 9000 * DAY, .ext = {PKI_CA}}, &pki[ROOT]);
	s = (struct pki_spec){.name = "signer",
			      .key = "P-384",
			      .from = now - 100 * DAY,
			      .to = now + 100 * DAY,
			      .ext = {PKI_LEAF, PKI_SIGNS, PKI_CODE}};
	pki[LEAF] = pki_make(&s, &pki[INTER]);
	s.rekey = &pki[LEAF]; /* all leaves have one key, so that only what they say differs */
	s.to = now - 10 * DAY;
	pki[PAST] = pki_make(&s, &pki[INTER]);
	s.from = now + 10 * DAY;
	s.to = now + 100 * DAY;
	pki[FUTURE] = pki_make(&s, &pki[INTER]);
	s = (struct pki_spec){.name = "signer", .rekey = &pki[LEAF], .to = now + 100 * DAY, .ext = {PKI_LEAF}};
	pki[NO_USE] = pki_make(&s, &pki[INTER]);
	s.ext[1] = (struct pki_ext){"extendedKeyUsage", "serverAuth"};
	pki[FOR_TLS] = pki_make(&s, &pki[INTER]);
	s.ext[1] = (struct pki_ext)PKI_CODE;
	pki[EKU_ONLY] = pki_make(&s, &pki[INTER]);
	s.ext[0] = (struct pki_ext){"basicConstraints", "critical,CA:TRUE"};
	pki[CA_LEAF] = pki_make(&s, &pki[INTER]);
	s = (struct pki_spec){.name = "rsa", .key = "RSA:2", .to = now + 100 * DAY, .ext = {PKI_LEAF, PKI_SIGNS}};
	pki[RSA_LEAF] = pki_make(&s, &pki[INTER]);
	s.key = "secp256k1";
	pki[FOREIGN_LEAF] = pki_make(&s, &pki[INTER]);
	pki[STRANGER_ROOT] = pki_make(&(struct pki_spec){.name = "stranger", .ext = {PKI_CA}}, NULL);
	s = (struct pki_spec){.name = "signer", .rekey = &pki[LEAF], .ext = {PKI_LEAF, PKI_SIGNS}};
	pki[STRANGER] = pki_make(&s, &pki[STRANGER_ROOT]);
	pki[TSA_ROOT] = pki_make(&(struct pki_spec){.name = "time", .to = now + 9000 * DAY, .ext = {PKI_CA}}, NULL);
	s = (struct pki_spec){.name = "clock", .to = now + 9000 * DAY, .ext = {PKI_LEAF, PKI_SIGNS, PKI_STAMPS}};
	pki[TSA] = pki_make(&s, &pki[TSA_ROOT]);
	pki[TSA_STRANGER] = pki_make(&s, &pki[STRANGER_ROOT]);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_PKI; i++)
		pki_free(&pki[i]);
	return 0;
}

static struct privkey *
key_of(const struct pki *p)
{
	struct buf pem = BUF_INIT(1 << 16);
	struct privkey *k;

	pki_key_pem(p, &pem);
	assert_int_equal(privkey_from_pem(NULL, "a key", buf_view(&pem), NULL, &k), COFFER_OK);
	buf_free(&pem);
	return k;
}

static void
add(struct certs *list, const struct pki *p)
{
	struct buf der = BUF_INIT(1 << 16);
	struct cert *c;

	pki_cert_der(p, &der);
	assert_int_equal(cert_from_der(NULL, "a certificate", buf_view(&der), &c), COFFER_OK);
	assert_int_equal(certs_add(NULL, list, c), COFFER_OK);
	buf_free(&der);
}

/* ---- signing ---- */

static const struct {
	const char *name;
	int leaf, key;
	coffer_err err;
	const char *why;
} signers[] = {
	{"good", LEAF, LEAF, COFFER_OK, ""},
	{"extendedKeyUsage alone", EKU_ONLY, LEAF, COFFER_OK, ""},
	{"a leaf that could sign certificates", CA_LEAF, LEAF, COFFER_OK, ""},
	{"the certificate of another key", LEAF, INTER, COFFER_E_KEY, "that of another key"},
	{"expired", PAST, LEAF, COFFER_E_POLICY, "expired on 20"},
	{"not valid yet", FUTURE, LEAF, COFFER_E_POLICY, "is not valid before 20"},
	{"no usage", NO_USE, LEAF, COFFER_E_POLICY, "not for signing code"},
	{"another usage", FOR_TLS, LEAF, COFFER_E_POLICY, "not for signing code"},
	{"an RSA key", RSA_LEAF, RSA_LEAF, COFFER_E_KEY, "P-256, P-384 or P-521"},
};

static void
test_signers(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(signers) / sizeof(signers[0]); i++) {
		struct certs certs = {.v = NULL, .n = 0};
		struct fault f = {.text = ""};
		struct signer *s;
		coffer_err err;

		add(&certs, &pki[signers[i].leaf]);
		err = signer_certificate(&f, key_of(&pki[signers[i].key]), &certs, &s);
		if (err != signers[i].err || !strstr(f.text, signers[i].why))
			fail_msg("%s: %s: %s", signers[i].name, coffer_err_name(err), f.text);
		assert_true((s != NULL) == (err == COFFER_OK) && certs.n == 0);
		signer_free(&s);
	}
}

static void
test_signer_without_certificate(void **state)
{
	struct certs none = {.v = NULL, .n = 0};
	struct signer *s;

	(void)state;
	assert_int_equal(signer_certificate(NULL, key_of(&pki[LEAF]), &none, &s), COFFER_E_USAGE);
	assert_null(s);
}

/* what is in the bundle: the leaf and what is between, no root */
static void
sign_with(int leaf, const char *statement, struct bundle *b)
{
	struct certs certs = {.v = NULL, .n = 0};
	struct signer *s;

	add(&certs, &pki[leaf]);
	add(&certs, &pki[INTER]);
	add(&certs, &pki[ROOT]);
	assert_int_equal(signer_certificate(NULL, key_of(&pki[LEAF]), &certs, &s), COFFER_OK);
	assert_string_equal(s->method, "certificate");
	bundle_init(b);
	assert_int_equal(sign_payload(NULL, s, view_str(statement), b), COFFER_OK);
	assert_int_equal(b->material, BUNDLE_CHAIN);
	assert_int_equal(b->certs.n, 2);
	signer_free(&s);
}

/* The same signature with another certificate in front, which one may not sign with. */
static void
set_leaf(struct bundle *b, int leaf)
{
	certs_free(&b->certs);
	add(&b->certs, &pki[leaf]);
	add(&b->certs, &pki[INTER]);
}

static void
stamp(struct bundle *b, int tsa, int64_t at, const char *over)
{
	struct buf response = BUF_INIT(1 << 16);

	tsa_respond(&(struct tsa_spec){.signer = &pki[tsa],
				       .message = over ? view_str(over) : buf_view(&b->signature),
				       .at = at},
		    &response);
	assert_int_equal(bundle_add_timestamp(NULL, b, buf_view(&response)), COFFER_OK);
	buf_free(&response);
}

/* ---- verifying ---- */

enum given { NOTHING, AT, TSA_TRUSTED, AT_AND_TSA };

static struct verifier *
open_verifier(int root, enum given given, int64_t at)
{
	struct cert_trust trust = {.has_time = given == AT || given == AT_AND_TSA, .at = at};
	struct verifier *v;

	add(&trust.roots, &pki[root]);
	if (given == TSA_TRUSTED || given == AT_AND_TSA)
		add(&trust.tsa_roots, &pki[TSA_ROOT]);
	assert_int_equal(verifier_certificate(NULL, &trust, &v), COFFER_OK);
	assert_true(!trust.roots.n && !trust.tsa_roots.n);
	assert_string_equal(v->method, "certificate");
	return v;
}

static const struct {
	const char *name;
	int leaf, root;
	enum given given;
	int at;		  /* days from now */
	int tsa, stamped; /* 0: no timestamp; days from now */
	const char *over; /* NULL: the signature */
	coffer_err err;
	enum time_source source;
	const char *why;
} verdicts[] = {
	{"good", LEAF, ROOT, NOTHING, 0, 0, 0, NULL, COFFER_OK, TIME_NOW, ""},
	{"extendedKeyUsage alone", EKU_ONLY, ROOT, NOTHING, 0, 0, 0, NULL, COFFER_OK, TIME_NOW, ""},
	{"a leaf that could sign certificates", CA_LEAF, ROOT, NOTHING, 0, 0, 0, NULL, COFFER_OK, TIME_NOW, ""},
	{"given, within", LEAF, ROOT, AT, -50, 0, 0, NULL, COFFER_OK, TIME_GIVEN, ""},
	{"expired, given when it was not", PAST, ROOT, AT, -50, 0, 0, NULL, COFFER_OK, TIME_GIVEN, ""},
	{"expired, stamped when it was not", PAST, ROOT, TSA_TRUSTED, 0, TSA, -50, NULL, COFFER_OK, TIME_STAMP, ""},
	{"stamped", LEAF, ROOT, TSA_TRUSTED, 0, TSA, -50, NULL, COFFER_OK, TIME_STAMP, ""},
	{"stamped by a stranger, still good", LEAF, ROOT, TSA_TRUSTED, 0, TSA_STRANGER, -50, NULL, COFFER_OK, TIME_NOW,
	 ""},
	{"stamped, nobody trusted, still good", LEAF, ROOT, NOTHING, 0, TSA, -50, NULL, COFFER_OK, TIME_NOW, ""},
	{"given goes before the stamp", LEAF, ROOT, AT_AND_TSA, -20, TSA, -50, NULL, COFFER_OK, TIME_GIVEN, ""},
	{"no stamp though one would be trusted", LEAF, ROOT, TSA_TRUSTED, 0, 0, 0, NULL, COFFER_OK, TIME_NOW, ""},

	{"another root", LEAF, STRANGER_ROOT, NOTHING, 0, 0, 0, NULL, COFFER_E_SIGNATURE, 0, "certificate"},
	{"a stranger's leaf", STRANGER, ROOT, NOTHING, 0, 0, 0, NULL, COFFER_E_SIGNATURE, 0, "certificate"},
	{"the intermediate as a root", LEAF, INTER, NOTHING, 0, 0, 0, NULL, COFFER_E_SIGNATURE, 0, "certificate"},
	{"expired", PAST, ROOT, NOTHING, 0, 0, 0, NULL, COFFER_E_SIGNATURE, 0, "expired on"},
	{"not valid yet", FUTURE, ROOT, NOTHING, 0, 0, 0, NULL, COFFER_E_SIGNATURE, 0, "signer"},
	{"given, after", LEAF, ROOT, AT, 200, 0, 0, NULL, COFFER_E_SIGNATURE, 0, "expired on"},
	{"given, before", LEAF, ROOT, AT, -200, 0, 0, NULL, COFFER_E_SIGNATURE, 0, "signer"},
	{"stamped before it was valid", LEAF, ROOT, TSA_TRUSTED, 0, TSA, -200, NULL, COFFER_E_SIGNATURE, 0, "signer"},
	{"stamped after it expired", PAST, ROOT, TSA_TRUSTED, 0, TSA, -5, NULL, COFFER_E_SIGNATURE, 0, "expired on"},
	{"expired, the stamp is over something else", PAST, ROOT, TSA_TRUSTED, 0, TSA, -50, "else", COFFER_E_SIGNATURE,
	 0, "judged as of now"},
	{"expired, stamped by a stranger", PAST, ROOT, TSA_TRUSTED, 0, TSA_STRANGER, -50, NULL, COFFER_E_SIGNATURE, 0,
	 "judged as of now"},
	{"expired, stamped, nobody trusted", PAST, ROOT, NOTHING, 0, TSA, -50, NULL, COFFER_E_SIGNATURE, 0,
	 "judged as of now"},
	{"expired, given when it was, though stamped when it was not", PAST, ROOT, AT_AND_TSA, 0, TSA, -50, NULL,
	 COFFER_E_SIGNATURE, 0, "expired on"},
	{"no usage", NO_USE, ROOT, NOTHING, 0, 0, 0, NULL, COFFER_E_SIGNATURE, 0, "may not sign"},
	{"another usage", FOR_TLS, ROOT, NOTHING, 0, 0, 0, NULL, COFFER_E_SIGNATURE, 0, "may not sign"},
	{"an RSA key", RSA_LEAF, ROOT, NOTHING, 0, 0, 0, NULL, COFFER_E_UNSUPPORTED, 0, "P-256, P-384 or P-521"},
	{"a foreign curve", FOREIGN_LEAF, ROOT, NOTHING, 0, 0, 0, NULL, COFFER_E_UNSUPPORTED, 0,
	 "P-256, P-384 or P-521"},
	{"the certificate of another key", INTER, ROOT, NOTHING, 0, 0, 0, NULL, COFFER_E_SIGNATURE, 0, "signature"},
};

static void
check_verdict(size_t i)
{
	struct verifier *v = open_verifier(verdicts[i].root, verdicts[i].given, now + verdicts[i].at * DAY);
	struct signed_by who = {.who = NULL};
	struct fault f = {.text = ""};
	struct bundle b;
	coffer_err err;

	sign_with(LEAF, V1, &b);
	set_leaf(&b, verdicts[i].leaf);
	if (verdicts[i].tsa)
		stamp(&b, verdicts[i].tsa, now + verdicts[i].stamped * DAY, verdicts[i].over);
	err = v->verify(v, &f, &b, &who);
	if (err != verdicts[i].err || !strstr(f.text, verdicts[i].why))
		fail_msg("%s: %s: %s", verdicts[i].name, coffer_err_name(err), f.text);
	if (err != COFFER_OK) {
		assert_true(!who.who && !who.chain.n && who.time == 0 && who.source == TIME_NONE);
	} else {
		int64_t day = verdicts[i].source == TIME_GIVEN	 ? verdicts[i].at
			      : verdicts[i].source == TIME_STAMP ? verdicts[i].stamped
								 : 0;

		assert_int_equal(who.source, verdicts[i].source);
		/* a test may take a minute where the machine is busy */
		assert_in_range(who.time, now + day * DAY, now + day * DAY + 60);
		assert_string_equal(who.who, "CN=signer");
		assert_int_equal(who.chain.n, 3);
		assert_true(cert_is_self_issued(who.chain.v[2]) && strlen(who.key_hint) == 64);
	}
	signed_by_free(&who);
	bundle_free(&b);
	verifier_free(&v);
}

static void
test_verdicts(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(verdicts) / sizeof(verdicts[0]); i++)
		check_verdict(i);
}

static coffer_err
verify(const struct bundle *b, struct cert_trust *trust, struct signed_by *who, const char *why)
{
	struct fault f = {.text = ""};
	struct verifier *v;
	coffer_err err;

	assert_int_equal(verifier_certificate(NULL, trust, &v), COFFER_OK);
	err = v->verify(v, &f, b, who);
	if (!strstr(f.text, why))
		fail_msg("«%s» is not in: %s", why, f.text);
	verifier_free(&v);
	return err;
}

static coffer_err
verify_by_root(const struct bundle *b, const char *why)
{
	struct signed_by who = {.who = NULL};
	struct cert_trust trust = {.has_time = false};
	coffer_err err;

	add(&trust.roots, &pki[ROOT]);
	err = verify(b, &trust, &who, why);
	signed_by_free(&who);
	return err;
}

/* the intermediate may come from the verifier, and is none to be trusted by itself */
static void
test_intermediates(void **state)
{
	struct signed_by who = {.who = NULL};
	struct cert_trust trust = {.has_time = false};
	struct bundle b;

	(void)state;
	sign_with(LEAF, V1, &b);
	certs_free(&b.certs);
	add(&b.certs, &pki[LEAF]);
	assert_int_equal(verify_by_root(&b, "certificate"), COFFER_E_SIGNATURE);
	add(&trust.roots, &pki[ROOT]);
	add(&trust.intermediates, &pki[INTER]);
	assert_int_equal(verify(&b, &trust, &who, ""), COFFER_OK);
	signed_by_free(&who);
	add(&trust.intermediates, &pki[INTER]);
	assert_int_equal(verify(&b, &trust, &who, "certificate"), COFFER_E_SIGNATURE);
	signed_by_free(&who);
	bundle_free(&b);
}

/* of several timestamps the earliest counts, wherever it stands */
static void
test_earliest_stamp(void **state)
{
	static const int days[] = {-5, -50, -20};
	struct signed_by who = {.who = NULL};
	struct cert_trust trust = {.has_time = false};
	struct bundle b;

	(void)state;
	sign_with(LEAF, V1, &b);
	for (size_t i = 0; i < 3; i++)
		stamp(&b, TSA, now + days[i] * DAY, NULL);
	stamp(&b, TSA_STRANGER, now - 90 * DAY, NULL);
	add(&trust.roots, &pki[ROOT]);
	add(&trust.tsa_roots, &pki[TSA_ROOT]);
	assert_int_equal(verify(&b, &trust, &who, ""), COFFER_OK);
	assert_int_equal(who.source, TIME_STAMP);
	assert_int_equal(who.time, now - 50 * DAY);
	signed_by_free(&who);
	bundle_free(&b);
}

static void
test_tampered(void **state)
{
	struct bundle b;

	(void)state;
	sign_with(LEAF, V1, &b);
	assert_int_equal(verify_by_root(&b, ""), COFFER_OK);
	b.payload.p[3] ^= 1;
	assert_int_equal(verify_by_root(&b, "signature"), COFFER_E_SIGNATURE);
	b.payload.p[3] ^= 1;
	b.material = BUNDLE_PUBLIC_KEY;
	assert_int_equal(verify_by_root(&b, "by the method key"), COFFER_E_POLICY);
	b.material = BUNDLE_CHAIN;
	b.version = 1;
	assert_int_equal(verify_by_root(&b, "0.1"), COFFER_E_UNSUPPORTED);
	bundle_free(&b);
}

/* model_signing 0.2.0 hashed with SHA-256 here, whatever the curve, and nobody else may */
static void
test_v02(void **state)
{
	struct privkey *k = key_of(&pki[LEAF]);

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct buf pae = BUF_INIT(1000);
		struct bundle b;

		sign_with(LEAF, i == 0 ? V02 : V1, &b);
		assert_int_equal(dsse_pae_v02(NULL, b.payload_type, buf_view(&b.payload), &pae), COFFER_OK);
		b.signature.len = 0;
		assert_int_equal(privkey_sign(NULL, k, DIGEST_SHA256, buf_view(&pae), &b.signature), COFFER_OK);
		assert_int_equal(verify_by_root(&b, i == 0 ? "" : "signature"),
				 i == 0 ? COFFER_OK : COFFER_E_SIGNATURE);
		b.signature.len = 0;
		assert_int_equal(privkey_sign(NULL, k, DIGEST_SHA384, buf_view(&pae), &b.signature), COFFER_OK);
		assert_int_equal(verify_by_root(&b, "signature"), COFFER_E_SIGNATURE);
		/* the encoding of today is hashed by the curve alone */
		pae.len = 0;
		b.signature.len = 0;
		assert_int_equal(dsse_pae(NULL, b.payload_type, buf_view(&b.payload), &pae), COFFER_OK);
		assert_int_equal(privkey_sign(NULL, k, DIGEST_SHA256, buf_view(&pae), &b.signature), COFFER_OK);
		assert_int_equal(verify_by_root(&b, "signature"), COFFER_E_SIGNATURE);
		bundle_free(&b);
		buf_free(&pae);
	}
	privkey_free(&k);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_signers),
		cmocka_unit_test(test_signer_without_certificate),
		cmocka_unit_test(test_verdicts),
		cmocka_unit_test(test_intermediates),
		cmocka_unit_test(test_earliest_stamp),
		cmocka_unit_test(test_tampered),
		cmocka_unit_test(test_v02),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
