/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/cert.h"

#include <openssl/err.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/limits.h"
#include "support/pki.h"

/* ---- the certificates of the tests; a row of the table names them ---- */

enum {
	ROOT,
	INTER,
	LEAF,
	ONLY_KEY_USAGE,
	ONLY_EXT_USAGE,
	NO_USAGE,
	WRONG_KEY_USAGE,
	WRONG_EXT_USAGE,
	CA_LEAF,
	UNKNOWN_CRITICAL,
	SHORT_LEAF,
	SHORT_INTER,
	UNDER_SHORT_INTER,
	SHORT_ROOT,
	UNDER_SHORT_ROOT,
	OTHER_ROOT, /* another key, the same name */
	NO_CA,
	UNDER_NO_CA,
	NO_PATH,
	UNDER_NO_PATH,
	LEAF_UNDER_NO_PATH,
	TLS_INTER,
	UNDER_TLS_INTER,
	SHA1_LEAF,
	WEAK_INTER,
	UNDER_WEAK_INTER,
	TSA,
	SOFT_TSA,
	SELF_LEAF,
	PLAIN_ROOT, /* as «openssl req -x509» makes it: no keyUsage */
	UNDER_PLAIN_ROOT,
	LIMITED, /* to one domain */
	UNDER_LIMITED,
	OUTSIDE_LIMITED,
	NAMELESS,
	NONE,
};

#define EARLY (PKI_2020 + 1000)

static const struct {
	int issuer; /* NONE: itself */
	struct pki_spec spec;
} specs[NONE] = {
	[ROOT] = {NONE, {.name = "root", .key = "P-384", .ext = {PKI_CA}}},
	[INTER] = {ROOT, {.name = "inter", .ext = {PKI_CA}}},
	[LEAF] = {INTER, {.name = "leaf", .ext = {PKI_LEAF, PKI_SIGNS, PKI_CODE}}},
	[ONLY_KEY_USAGE] = {INTER, {.name = "only ku", .ext = {PKI_LEAF, PKI_SIGNS}}},
	[ONLY_EXT_USAGE] = {INTER, {.name = "only eku", .ext = {PKI_LEAF, PKI_CODE}}},
	[NO_USAGE] = {INTER, {.name = "no usage", .ext = {PKI_LEAF}}},
	[WRONG_KEY_USAGE] = {INTER,
			     {.name = "wrong ku", .ext = {PKI_LEAF, {"keyUsage", "critical,keyAgreement"}, PKI_CODE}}},
	[WRONG_EXT_USAGE] = {INTER,
			     {.name = "wrong eku", .ext = {PKI_LEAF, PKI_SIGNS, {"extendedKeyUsage", "serverAuth"}}}},
	[CA_LEAF] = {INTER, {.name = "inter", .ext = {{"basicConstraints", "critical,CA:TRUE"}, PKI_SIGNS, PKI_CODE}}},
	[UNKNOWN_CRITICAL] = {INTER,
			      {.name = "critical", .ext = {PKI_LEAF, PKI_SIGNS, {"1.2.3.4.5", "critical,DER:0500"}}}},
	[SHORT_LEAF] = {INTER, {.name = "short leaf", .from = EARLY, .to = PKI_2030, .ext = {PKI_LEAF, PKI_SIGNS}}},
	[SHORT_INTER] = {ROOT, {.name = "short inter", .from = EARLY, .to = PKI_2030, .ext = {PKI_CA}}},
	[UNDER_SHORT_INTER] = {SHORT_INTER, {.name = "leaf 2", .ext = {PKI_LEAF, PKI_SIGNS}}},
	[SHORT_ROOT] = {NONE, {.name = "short root", .from = EARLY, .to = PKI_2030, .ext = {PKI_CA}}},
	[UNDER_SHORT_ROOT] = {SHORT_ROOT, {.name = "leaf 3", .ext = {PKI_LEAF, PKI_SIGNS}}},
	[OTHER_ROOT] = {NONE, {.name = "root", .key = "P-384", .ext = {PKI_CA}}},
	[NO_CA] = {ROOT, {.name = "no ca", .ext = {PKI_LEAF, PKI_SIGNS}}},
	[UNDER_NO_CA] = {NO_CA, {.name = "leaf 4", .ext = {PKI_LEAF, PKI_SIGNS}}},
	[NO_PATH] = {ROOT, {.name = "no path", .ext = {{"basicConstraints", "critical,CA:TRUE,pathlen:0"}}}},
	[UNDER_NO_PATH] = {NO_PATH, {.name = "inter 2", .ext = {PKI_CA}}},
	[LEAF_UNDER_NO_PATH] = {UNDER_NO_PATH, {.name = "leaf 5", .ext = {PKI_LEAF, PKI_SIGNS}}},
	[TLS_INTER] = {ROOT, {.name = "tls inter", .ext = {PKI_CA, {"extendedKeyUsage", "serverAuth"}}}},
	[UNDER_TLS_INTER] = {TLS_INTER, {.name = "leaf 6", .ext = {PKI_LEAF, PKI_SIGNS, PKI_CODE}}},
	[SHA1_LEAF] = {INTER, {.name = "sha1 leaf", .md = "SHA1", .ext = {PKI_LEAF, PKI_SIGNS}}},
	[WEAK_INTER] = {ROOT, {.name = "weak inter", .key = "RSA:1", .ext = {PKI_CA}}},
	[UNDER_WEAK_INTER] = {WEAK_INTER, {.name = "leaf 7", .ext = {PKI_LEAF, PKI_SIGNS}}},
	[TSA] = {INTER, {.name = "tsa", .ext = {PKI_LEAF, PKI_SIGNS, PKI_STAMPS}}},
	[SOFT_TSA] = {INTER, {.name = "soft tsa", .ext = {PKI_LEAF, {"extendedKeyUsage", "timeStamping"}}}},
	[SELF_LEAF] = {NONE, {.name = "self", .ext = {PKI_LEAF, PKI_SIGNS}}},
	[PLAIN_ROOT] = {NONE, {.name = "plain root", .ext = {{"basicConstraints", "critical,CA:TRUE"}}}},
	[UNDER_PLAIN_ROOT] = {PLAIN_ROOT, {.name = "leaf 8", .ext = {PKI_LEAF, PKI_SIGNS}}},
	[LIMITED] = {ROOT,
		     {.name = "limited",
		      .ext = {PKI_CA, {"nameConstraints", "critical,permitted;email:good.example"}}}},
	[UNDER_LIMITED] = {LIMITED,
			   {.name = "leaf 9",
			    .ext = {PKI_LEAF, PKI_SIGNS, {"subjectAltName", "email:me@good.example"}}}},
	[OUTSIDE_LIMITED] = {LIMITED,
			     {.name = "leaf 10",
			      .ext = {PKI_LEAF, PKI_SIGNS, {"subjectAltName", "email:me@bad.example"}}}},
	[NAMELESS] = {INTER, {.ext = {PKI_LEAF, {"subjectAltName", "critical,email:me@good.example"}}}},
};

static struct cert *made[NONE];

static int
setup(void **state)
{
	static struct pki pki[NONE];

	(void)state;
	for (size_t i = 0; i < NONE; i++) {
		struct buf der = BUF_INIT(1 << 16);

		pki[i] = pki_make(&specs[i].spec, specs[i].issuer == NONE ? NULL : &pki[specs[i].issuer]);
		pki_cert_der(&pki[i], &der);
		if (cert_from_der(NULL, "a test's certificate", buf_view(&der), &made[i]) != COFFER_OK)
			return -1;
		buf_free(&der);
	}
	for (size_t i = 0; i < NONE; i++)
		pki_free(&pki[i]);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	for (size_t i = 0; i < NONE; i++)
		cert_free(&made[i]);
	return 0;
}

/* ---- verdicts ---- */

enum { MAX = 3 };

static const struct {
	const char *name;
	int leaf;
	int roots[MAX]; /* ROOT when all are 0, NONE for no more */
	int between[MAX];
	enum cert_purpose purpose;
	int64_t at;	  /* PKI_2030 when 0 */
	const char *says; /* NULL: good */
} rows[] = {
#define FROM_ROOT                                                                                                      \
	{ROOT, NONE},                                                                                                  \
	{                                                                                                              \
		INTER, NONE                                                                                            \
	}
	{"good", LEAF, FROM_ROOT, CERT_CODE_SIGNING, 0, NULL},
	{"any purpose", WRONG_KEY_USAGE, FROM_ROOT, CERT_ANY, 0, NULL},
	{"keyUsage alone", ONLY_KEY_USAGE, FROM_ROOT, CERT_CODE_SIGNING, 0, NULL},
	{"extendedKeyUsage alone", ONLY_EXT_USAGE, FROM_ROOT, CERT_CODE_SIGNING, 0, NULL},
	{"neither usage", NO_USAGE, FROM_ROOT, CERT_CODE_SIGNING, 0,
	 "«CN=no usage» may not sign: it has neither keyUsage digitalSignature nor extendedKeyUsage codeSigning"},
	{"keyUsage denies", WRONG_KEY_USAGE, FROM_ROOT, CERT_CODE_SIGNING, 0,
	 "«CN=wrong ku» may not sign: its keyUsage lacks digitalSignature"},
	{"extendedKeyUsage denies", WRONG_EXT_USAGE, FROM_ROOT, CERT_CODE_SIGNING, 0,
	 "«CN=wrong eku» may not sign models: its extendedKeyUsage lacks codeSigning"},
	{"a CA signs, its issuer of the same name", CA_LEAF, FROM_ROOT, CERT_CODE_SIGNING, 0, NULL},
	{"Fulcio", LEAF, FROM_ROOT, CERT_FULCIO, 0, NULL},
	{"Fulcio, a CA", CA_LEAF, FROM_ROOT, CERT_FULCIO, 0, "is one of an authority"},
	{"Fulcio, keyUsage alone", ONLY_KEY_USAGE, FROM_ROOT, CERT_FULCIO, 0, "must have keyUsage"},
	{"Fulcio, extendedKeyUsage alone", ONLY_EXT_USAGE, FROM_ROOT, CERT_FULCIO, 0, "must have keyUsage"},
	{"Fulcio, no name", NAMELESS, FROM_ROOT, CERT_FULCIO, 0,
	 "the certificate issued by «CN=inter» may not sign: it must have keyUsage"},
	{"timestamping", TSA, FROM_ROOT, CERT_TIMESTAMPING, 0, NULL},
	{"timestamping, not critical", SOFT_TSA, FROM_ROOT, CERT_TIMESTAMPING, 0, "must be timeStamping alone"},
	{"timestamping by a code signer", LEAF, FROM_ROOT, CERT_TIMESTAMPING, 0, "must be timeStamping alone"},
	{"code signing by a timestamper", TSA, FROM_ROOT, CERT_CODE_SIGNING, 0, "lacks codeSigning"},
	{"an unknown critical extension", UNKNOWN_CRITICAL, FROM_ROOT, CERT_CODE_SIGNING, 0,
	 "«CN=critical» is not trusted: unhandled critical extension"},
	{"signed by SHA-1", SHA1_LEAF, FROM_ROOT, CERT_CODE_SIGNING, 0, "«CN=sha1 leaf» is not trusted"},

	{"all given as roots", LEAF, {ROOT, INTER, NONE}, {NONE}, CERT_CODE_SIGNING, 0, NULL},
	{"more than is needed", LEAF, {OTHER_ROOT, ROOT, NONE}, {LEAF, ROOT, INTER}, CERT_CODE_SIGNING, 0, NULL},
	{"no root",
	 LEAF,
	 {NONE},
	 {INTER, NONE},
	 CERT_CODE_SIGNING,
	 0,
	 "«CN=inter» is not trusted: its issuer «CN=root»"},
	{"no root, but in the chain",
	 LEAF,
	 {NONE},
	 {INTER, ROOT, NONE},
	 CERT_CODE_SIGNING,
	 0,
	 "«CN=root» is not trusted: it is a root, but not one of those given"},
	{"no intermediate",
	 LEAF,
	 {ROOT, NONE},
	 {NONE},
	 CERT_CODE_SIGNING,
	 0,
	 "«CN=leaf» is not trusted: its issuer «CN=inter»"},
	{"an intermediate alone is no root",
	 LEAF,
	 {INTER, NONE},
	 {NONE},
	 CERT_CODE_SIGNING,
	 0,
	 "«CN=inter» is not trusted: its issuer «CN=root»"},
	{"a leaf alone is no root", LEAF, {LEAF, NONE}, {NONE}, CERT_CODE_SIGNING, 0, "«CN=leaf» is not trusted"},
	{"another root of that name",
	 LEAF,
	 {OTHER_ROOT, NONE},
	 {INTER, NONE},
	 CERT_CODE_SIGNING,
	 0,
	 "«CN=inter» is not trusted"},
	{"a root is its own leaf", SELF_LEAF, {SELF_LEAF, NONE}, {NONE}, CERT_CODE_SIGNING, 0, NULL},
	{"a leaf that nobody issued",
	 SELF_LEAF,
	 {ROOT, NONE},
	 {NONE},
	 CERT_CODE_SIGNING,
	 0,
	 "«CN=self» is not trusted: it is a root, but not one of those given"},
	{"a root without keyUsage", UNDER_PLAIN_ROOT, {PLAIN_ROOT, NONE}, {NONE}, CERT_CODE_SIGNING, 0, NULL},
	{"issued by a leaf",
	 UNDER_NO_CA,
	 {ROOT, NONE},
	 {NO_CA, NONE},
	 CERT_CODE_SIGNING,
	 0,
	 "«CN=no ca» is not trusted"},
	{"the path is too long",
	 LEAF_UNDER_NO_PATH,
	 {ROOT, NONE},
	 {UNDER_NO_PATH, NO_PATH, NONE},
	 CERT_CODE_SIGNING,
	 0,
	 "«CN=no path» is not trusted: path length constraint exceeded"},
	{"an authority for other usages",
	 UNDER_TLS_INTER,
	 {ROOT, NONE},
	 {TLS_INTER, NONE},
	 CERT_CODE_SIGNING,
	 0,
	 "«CN=tls inter» may not issue this one"},
	{"an authority for other usages, any purpose",
	 UNDER_TLS_INTER,
	 {ROOT, NONE},
	 {TLS_INTER, NONE},
	 CERT_ANY,
	 0,
	 NULL},
	{"an authority with a short key",
	 UNDER_WEAK_INTER,
	 {ROOT, NONE},
	 {WEAK_INTER, NONE},
	 CERT_CODE_SIGNING,
	 0,
	 "«CN=weak inter» is not trusted"},
	{"a name that the authority may give",
	 UNDER_LIMITED,
	 {ROOT, NONE},
	 {LIMITED, NONE},
	 CERT_CODE_SIGNING,
	 0,
	 NULL},
	{"a name that the authority may not give",
	 OUTSIDE_LIMITED,
	 {ROOT, NONE},
	 {LIMITED, NONE},
	 CERT_CODE_SIGNING,
	 0,
	 "«CN=leaf 10» is not trusted: permitted subtree violation"},

	{"leaf, a second early", SHORT_LEAF, FROM_ROOT, CERT_CODE_SIGNING, EARLY - 1,
	 "«CN=short leaf» begins on 2020-01-01 00:16:40 UTC; it must be valid on 2020-01-01 00:16:39 UTC"},
	{"leaf, its first second", SHORT_LEAF, FROM_ROOT, CERT_CODE_SIGNING, EARLY, NULL},
	{"leaf, its last second", SHORT_LEAF, FROM_ROOT, CERT_CODE_SIGNING, PKI_2030, NULL},
	{"leaf, a second late", SHORT_LEAF, FROM_ROOT, CERT_CODE_SIGNING, PKI_2030 + 1,
	 "«CN=short leaf» expired on 2030-01-01 00:00:00 UTC; it must be valid on 2030-01-01 00:00:01 UTC"},
	{"intermediate, a second early",
	 UNDER_SHORT_INTER,
	 {ROOT, NONE},
	 {SHORT_INTER, NONE},
	 CERT_CODE_SIGNING,
	 EARLY - 1,
	 "«CN=short inter» begins on"},
	{"intermediate, its last second",
	 UNDER_SHORT_INTER,
	 {ROOT, NONE},
	 {SHORT_INTER, NONE},
	 CERT_CODE_SIGNING,
	 PKI_2030,
	 NULL},
	{"intermediate, a second late",
	 UNDER_SHORT_INTER,
	 {ROOT, NONE},
	 {SHORT_INTER, NONE},
	 CERT_CODE_SIGNING,
	 PKI_2030 + 1,
	 "«CN=short inter» expired on"},
	{"root, a second early",
	 UNDER_SHORT_ROOT,
	 {SHORT_ROOT, NONE},
	 {NONE},
	 CERT_CODE_SIGNING,
	 EARLY - 1,
	 "«CN=short root» begins on"},
	{"root, its last second", UNDER_SHORT_ROOT, {SHORT_ROOT, NONE}, {NONE}, CERT_CODE_SIGNING, PKI_2030, NULL},
	{"root, a second late",
	 UNDER_SHORT_ROOT,
	 {SHORT_ROOT, NONE},
	 {NONE},
	 CERT_CODE_SIGNING,
	 PKI_2030 + 1,
	 "«CN=short root» expired on"},
	{"before time began", LEAF, FROM_ROOT, CERT_CODE_SIGNING, -1, "it must be valid on 1969-12-31 23:59:59 UTC"},
};

static void
add_refs(struct certs *list, const int which[MAX])
{
	for (size_t i = 0; i < MAX && which[i] != NONE; i++)
		assert_int_equal(certs_add_ref(NULL, list, made[which[i]]), COFFER_OK);
}

static void
verdicts(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct certs roots = {.v = NULL, .n = 0};
		struct certs between = {.v = NULL, .n = 0};
		struct certs chain = {.v = NULL, .n = 0};
		struct chain_policy policy = {
			.roots = &roots,
			.intermediates = &between,
			.at = rows[i].at ? rows[i].at : PKI_2030,
			.purpose = rows[i].purpose,
		};
		struct fault f = {.text = ""};
		coffer_err err;

		add_refs(&roots, rows[i].roots);
		add_refs(&between, rows[i].between);
		err = cert_chain(&f, made[rows[i].leaf], &policy, &chain);
		if (err != (rows[i].says ? COFFER_E_SIGNATURE : COFFER_OK) ||
		    (rows[i].says && !strstr(f.text, rows[i].says)))
			fail_msg("%s: %s, «%s»", rows[i].name, coffer_err_name(err), f.text);
		assert_true((chain.n > 0) == (err == COFFER_OK));
		if (err == COFFER_OK)
			assert_true(cert_equal(chain.v[0], made[rows[i].leaf]) &&
				    cert_is_self_issued(chain.v[chain.n - 1]));
		assert_true(ERR_peek_error() == 0);
		certs_free(&chain);
		certs_free(&between);
		certs_free(&roots);
	}
}

static void
gives_the_chain(void **state)
{
	struct certs roots = {.v = &made[ROOT], .n = 1};
	struct certs between = {.v = &made[INTER], .n = 1};
	struct certs chain;
	struct chain_policy policy = {.roots = &roots, .intermediates = &between, .at = PKI_2030};

	(void)state;
	assert_int_equal(cert_chain(NULL, made[LEAF], &policy, &chain), COFFER_OK);
	assert_int_equal(chain.n, 3);
	assert_true(cert_equal(chain.v[0], made[LEAF]));
	assert_true(cert_equal(chain.v[1], made[INTER]));
	assert_true(cert_equal(chain.v[2], made[ROOT]));
	certs_free(&chain);
	assert_int_equal(cert_chain(NULL, made[LEAF], &policy, NULL), COFFER_OK);
	policy.intermediates = NULL;
	assert_int_equal(cert_chain(NULL, made[LEAF], &policy, &chain), COFFER_E_SIGNATURE);
	assert_null(chain.v);
}

/* ---- certificates of others ---- */

#define VECTORS "../shared/vectors/signing/"
#define OMS VECTORS "generated/oms/keys/"
#define MODEL_SIGNING VECTORS "sigstore+model-transparency/scripts/tests/keys/certificate/"

static void
add_file(struct certs *list, const char *path)
{
	struct buf pem = BUF_INIT(LIMIT_PEM);

	assert_int_equal(file_slurp(NULL, path, LIMIT_PEM, &pem, NULL), COFFER_OK);
	assert_int_equal(certs_from_pem(NULL, path, buf_view(&pem), list), COFFER_OK);
	buf_free(&pem);
}

static const struct {
	const char *root;
	const char *leaf;
	const char *between;
	bool good;
} files[] = {
	/* the leaf has CA:TRUE, and its issuer's name for its own; the root is RSA, the leaf P-384 */
	{MODEL_SIGNING "ca-cert.pem", MODEL_SIGNING "signing-key-cert.pem", MODEL_SIGNING "int-ca-cert.pem", true},
	{OMS "root.crt", OMS "leaf-ok.crt", OMS "inter.crt", true},
	{OMS "root.crt", OMS "leaf-ekuonly.crt", OMS "inter.crt", true},
	{OMS "root.crt", OMS "leaf-noext.crt", OMS "inter.crt", false},
	{OMS "root.crt", OMS "leaf-nousage.crt", OMS "inter.crt", false},
	{OMS "root.crt", OMS "leaf-expired.crt", OMS "inter.crt", false},
	{OMS "root.crt", OMS "leaf-future.crt", OMS "inter.crt", false},
	{OMS "wrong-root.crt", OMS "leaf-ok.crt", OMS "inter.crt", false},
};

static void
vectors(void **state)
{
	(void)state;
	if (access(OMS, F_OK) != 0) {
		print_message("skipped: no %s\n", VECTORS);
		skip();
	}
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		struct certs roots = {.v = NULL, .n = 0};
		struct certs between = {.v = NULL, .n = 0};
		struct chain_policy policy = {
			.roots = &roots, .intermediates = &between, .at = PKI_2030, .purpose = CERT_CODE_SIGNING};
		coffer_err err;

		add_file(&roots, files[i].root);
		add_file(&between, files[i].leaf);
		add_file(&between, files[i].between);
		err = cert_chain(NULL, between.v[0], &policy, NULL);
		if (err != (files[i].good ? COFFER_OK : COFFER_E_SIGNATURE))
			fail_msg("%s: %s", files[i].leaf, coffer_err_name(err));
		certs_free(&roots);
		certs_free(&between);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(verdicts),
		cmocka_unit_test(gives_the_chain),
		cmocka_unit_test(vectors),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
