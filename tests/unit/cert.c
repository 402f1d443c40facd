/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/cert.h"

#include <openssl/err.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/enc.h"
#include "base/file.h"
#include "base/limits.h"
#include "support/pki.h"
#include "support/tmpdir.h"

#define SAN "subjectAltName"

static struct cert *
make(const struct pki_spec *spec)
{
	struct pki p = pki_make(spec, NULL);
	struct buf der = BUF_INIT(1 << 16);
	struct cert *c;

	pki_cert_der(&p, &der);
	assert_int_equal(cert_from_der(NULL, "a test's certificate", buf_view(&der), &c), COFFER_OK);
	buf_free(&der);
	pki_free(&p);
	return c;
}

/* ---- DER ---- */

static void
assert_refused(struct view der, const char *says)
{
	struct fault f = {.text = ""};
	struct cert *c;

	assert_int_equal(cert_from_der(&f, "it", der, &c), COFFER_E_FORMAT);
	assert_non_null(strstr(f.text, says));
	assert_null(c);
	assert_true(ERR_peek_error() == 0);
}

static void
one_encoding(void **state)
{
	struct cert *c = make(&(struct pki_spec){.name = "x", .ext = {PKI_LEAF}});
	struct view der = cert_der(c);
	struct buf other = BUF_INIT(LIMIT_CERT + 1);
	struct cert *again;

	(void)state;
	assert_int_equal(cert_from_der(NULL, "it", der, &again), COFFER_OK);
	assert_true(cert_equal(c, again));
	cert_free(&again);
	for (size_t len = 0; len < der.len; len++)
		assert_refused(view_of(der.p, len), len == 0 ? "it is 0 bytes" : "it is not a certificate");
	/* a byte behind */
	assert_int_equal(buf_add(NULL, &other, der.p, der.len), COFFER_OK);
	assert_int_equal(buf_add(NULL, &other, "", 1), COFFER_OK);
	assert_refused(buf_view(&other), "with bytes behind it, or not in DER");
	/* BER: the length of the whole in three bytes where two are enough */
	assert_int_equal(der.p[1], 0x82);
	other.len = 0;
	assert_int_equal(buf_add(NULL, &other, "\x30\x83\x00", 3), COFFER_OK);
	assert_int_equal(buf_add(NULL, &other, der.p + 2, der.len - 2), COFFER_OK);
	assert_refused(buf_view(&other), "with bytes behind it, or not in DER");
	other.len = 0;
	assert_int_equal(buf_reserve(NULL, &other, LIMIT_CERT + 1), COFFER_OK);
	memset(other.p, 0x30, LIMIT_CERT + 1);
	assert_refused(view_of(other.p, LIMIT_CERT + 1), "a certificate has at most 65536");
	buf_free(&other);
	cert_free(&c);
}

/* ---- PEM ---- */

#define KEY_BLOCK "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"

static void
pem_lists(void **state)
{
	struct pki a = pki_make(&(struct pki_spec){.name = "a"}, NULL);
	struct pki b = pki_make(&(struct pki_spec){.name = "b"}, NULL);
	struct buf pem = BUF_INIT(1 << 20);
	struct certs list = {.v = NULL, .n = 0};
	struct buf subject = BUF_INIT(100);
	struct fault f = {.text = ""};

	(void)state;
	assert_int_equal(buf_str(NULL, &pem, "Bag Attributes\n"), COFFER_OK);
	pki_cert_pem(&a, &pem);
	assert_int_equal(buf_str(NULL, &pem, KEY_BLOCK "subject=/CN=b\n"), COFFER_OK);
	pki_cert_pem(&b, &pem);
	assert_int_equal(certs_from_pem(NULL, "it", buf_view(&pem), &list), COFFER_OK);
	assert_int_equal(list.n, 2);
	assert_int_equal(cert_subject(NULL, list.v[1], &subject), COFFER_OK);
	assert_int_equal(subject.len, 4);
	assert_memory_equal(subject.p, "CN=b", 4);
	/* what fails leaves the list as it was */
	assert_int_equal(buf_str(NULL, &pem, "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"),
			 COFFER_OK);
	assert_int_equal(certs_from_pem(&f, "it", buf_view(&pem), &list), COFFER_E_FORMAT);
	assert_string_equal(f.text, "it is not a certificate");
	assert_int_equal(list.n, 2);
	pem.len = 0;
	assert_int_equal(certs_from_pem(&f, "it", view_str(""), &list), COFFER_E_FORMAT);
	assert_string_equal(f.text, "it holds no «-----BEGIN CERTIFICATE-----» in PEM");
	assert_int_equal(certs_from_pem(&f, "it", view_str(KEY_BLOCK), &list), COFFER_E_FORMAT);
	pki_cert_pem(&a, &pem);
	pem.p[200] = '!';
	assert_int_equal(certs_from_pem(&f, "it", buf_view(&pem), &list), COFFER_E_FORMAT);
	assert_string_equal(f.text, "it holds a damaged PEM block");
	assert_int_equal(certs_from_pem(&f, "it", view_of(pem.p, 150), &list), COFFER_E_FORMAT);
	assert_string_equal(f.text, "it holds a damaged PEM block");
	assert_int_equal(list.n, 2);
	assert_true(ERR_peek_error() == 0);
	certs_free(&list);
	assert_int_equal(list.n, 0);
	buf_free(&subject);
	buf_free(&pem);
	pki_free(&a);
	pki_free(&b);
}

static void
pem_ceiling(void **state)
{
	struct pki a = pki_make(&(struct pki_spec){.name = "a"}, NULL);
	struct buf pem = BUF_INIT(1 << 20);
	struct certs list = {.v = NULL, .n = 0};

	(void)state;
	for (size_t i = 0; i < LIMIT_CERTS; i++)
		pki_cert_pem(&a, &pem);
	assert_int_equal(certs_from_pem(NULL, "it", buf_view(&pem), &list), COFFER_OK);
	assert_int_equal(list.n, LIMIT_CERTS);
	/* the ceiling is that of one file */
	assert_int_equal(certs_from_pem(NULL, "it", buf_view(&pem), &list), COFFER_OK);
	assert_int_equal(list.n, 2 * LIMIT_CERTS);
	pki_cert_pem(&a, &pem);
	assert_int_equal(certs_from_pem(NULL, "it", buf_view(&pem), &list), COFFER_E_FORMAT);
	assert_int_equal(list.n, 2 * LIMIT_CERTS);
	certs_free(&list);
	buf_free(&pem);
	pki_free(&a);
}

static void
references(void **state)
{
	struct cert *c = make(&(struct pki_spec){.name = "x"});
	struct certs list = {.v = NULL, .n = 0};
	uint8_t ours[32];
	uint8_t theirs[32];

	(void)state;
	assert_int_equal(certs_add_ref(NULL, &list, c), COFFER_OK);
	assert_int_equal(cert_fingerprint(NULL, c, ours), COFFER_OK);
	cert_free(&c);
	assert_null(c);
	assert_int_equal(cert_fingerprint(NULL, list.v[0], theirs), COFFER_OK);
	assert_memory_equal(ours, theirs, 32);
	certs_free(&list);
}

static void
system_roots(void **state)
{
	struct pki a = pki_make(&(struct pki_spec){.name = "a"}, NULL);
	struct buf pem = BUF_INIT(1 << 20);
	struct certs list = {.v = NULL, .n = 0};
	struct fault f = {.text = ""};

	(void)state;
	for (size_t i = 0; i <= LIMIT_CERTS; i++)
		pki_cert_pem(&a, &pem);
	assert_int_equal(file_write_new(NULL, "roots.pem", pem.p, pem.len, 0600, false), COFFER_OK);
	assert_int_equal(setenv("SSL_CERT_FILE", "roots.pem", 1), 0);
	assert_int_equal(certs_system(NULL, &list), COFFER_OK);
	assert_int_equal(list.n, LIMIT_CERTS + 1);
	certs_free(&list);
	assert_int_equal(setenv("SSL_CERT_FILE", "none.pem", 1), 0);
	assert_int_equal(certs_system(&f, &list), COFFER_E_NOTFOUND);
	assert_non_null(strstr(f.text, "none.pem"));
	assert_int_equal(unsetenv("SSL_CERT_FILE"), 0);
	if (access("/etc/ssl/certs/ca-certificates.crt", R_OK) == 0) {
		assert_int_equal(certs_system(NULL, &list), COFFER_OK);
		assert_true(list.n > 0);
		certs_free(&list);
	}
	buf_free(&pem);
	pki_free(&a);
}

/* ---- what it says ---- */

static void
validity(void **state)
{
	/* GeneralizedTime from 2050 on, UTCTime before */
	struct cert *c = make(&(struct pki_spec){.name = "x", .from = PKI_2030 + 1, .to = INT64_C(2556144000)});
	int64_t from;
	int64_t to;

	(void)state;
	assert_int_equal(cert_validity(NULL, c, &from, &to), COFFER_OK);
	assert_true(from == PKI_2030 + 1);
	assert_true(to == INT64_C(2556144000));
	cert_free(&c);
}

static const struct {
	const char *name;
	struct pki_spec spec;
	bool is_ca;
	enum cert_usage signs;
	enum cert_usage codes;
} usages[] = {
	{"none", {.name = "x"}, false, CERT_NO_SUCH_EXTENSION, CERT_NO_SUCH_EXTENSION},
	{"a CA", {.name = "x", .ext = {PKI_CA}}, true, CERT_NOT_ALLOWED, CERT_NO_SUCH_EXTENSION},
	{"a signer", {.name = "x", .ext = {PKI_LEAF, PKI_SIGNS, PKI_CODE}}, false, CERT_ALLOWED, CERT_ALLOWED},
	{"a timestamper",
	 {.name = "x", .ext = {PKI_LEAF, PKI_STAMPS}},
	 false,
	 CERT_NO_SUCH_EXTENSION,
	 CERT_NOT_ALLOWED},
	{"any usage",
	 {.name = "x", .ext = {{"extendedKeyUsage", "anyExtendedKeyUsage"}}},
	 false,
	 CERT_NO_SUCH_EXTENSION,
	 CERT_NOT_ALLOWED},
	{"extensions that cannot be read",
	 {.name = "x", .ext = {{"basicConstraints", "critical,DER:05"}, PKI_SIGNS, PKI_CODE}},
	 false,
	 CERT_NOT_ALLOWED,
	 CERT_NOT_ALLOWED},
	{"a usage twice",
	 {.name = "x", .ext = {PKI_SIGNS, PKI_SIGNS, PKI_CODE}},
	 false,
	 CERT_NOT_ALLOWED,
	 CERT_NOT_ALLOWED},
};

static void
usage(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(usages) / sizeof(usages[0]); i++) {
		struct cert *c = make(&usages[i].spec);

		if (cert_is_ca(c) != usages[i].is_ca || cert_key_usage_signature(c) != usages[i].signs ||
		    cert_ext_usage_code(c) != usages[i].codes)
			fail_msg("%s: CA %d, signs %d, codes %d", usages[i].name, (int)cert_is_ca(c),
				 (int)cert_key_usage_signature(c), (int)cert_ext_usage_code(c));
		assert_true(ERR_peek_error() == 0);
		cert_free(&c);
	}
}

static void
keys(void **state)
{
	static const struct {
		const char *key;
		coffer_err err;
		enum pkey_kind kind;
	} cases[] = {
		{"P-256", COFFER_OK, PKEY_P256},      {"P-521", COFFER_OK, PKEY_P521}, {"RSA:2", COFFER_OK, PKEY_RSA},
		{"ED25519", COFFER_OK, PKEY_ED25519}, {"RSA:1", COFFER_E_KEY, 0},      {"secp256k1", COFFER_E_KEY, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct cert *c = make(&(struct pki_spec){.name = "x", .key = cases[i].key});
		struct pubkey *k;

		assert_int_equal(cert_public(NULL, c, &k), cases[i].err);
		if (k)
			assert_int_equal(pubkey_kind(k), cases[i].kind);
		pubkey_free(&k);
		cert_free(&c);
	}
}

static const struct {
	const char *name; /* as UTF-8; NULL: none */
	const char *shown;
} subjects[] = {
	{"root", "CN=root"},
	{"M\xc3\xbcller, Ltd.", "CN=M\xc3\xbcller\\, Ltd."},
	{NULL, ""},
	{"a\x1b[2Jb", "CN=a\\1B[2Jb"},
	{"a\xc2\x9b"
	 "2Jb",
	 "CN=a\\C2\\9B2Jb"}, /* CSI in one character */
};

static void
names_shown(void **state)
{
	struct pki root = pki_make(&(struct pki_spec){.name = "root"}, NULL);

	(void)state;
	for (size_t i = 0; i < sizeof(subjects) / sizeof(subjects[0]); i++) {
		struct pki leaf = pki_make(&(struct pki_spec){.name = subjects[i].name}, &root);
		struct buf out = BUF_INIT(1 << 16);
		struct cert *c;

		pki_cert_der(&leaf, &out);
		assert_int_equal(cert_from_der(NULL, "it", buf_view(&out), &c), COFFER_OK);
		out.len = 0;
		assert_int_equal(buf_str(NULL, &out, "before "), COFFER_OK);
		assert_int_equal(cert_subject(NULL, c, &out), COFFER_OK);
		assert_int_equal(out.len, 7 + strlen(subjects[i].shown));
		assert_memory_equal(out.p, "before ", 7);
		assert_memory_equal(out.p + 7, subjects[i].shown, out.len - 7);
		assert_int_equal(cert_has_empty_subject(c), subjects[i].name == NULL);
		assert_int_equal(cert_is_self_issued(c), i == 0);
		cert_free(&c);
		pki_free(&leaf);
		buf_free(&out);
	}
	pki_free(&root);
}

/* ---- subjectAltName ---- */

enum { MAX_NAMES = 4 };

static const struct {
	const char *san; /* NULL: none */
	coffer_err err;
	size_t n;
	struct cert_name names[MAX_NAMES];
} sans[] = {
#define FULCIO_NAME "1.3.6.1.4.1.57264.1.7"
	{NULL, COFFER_OK, 0, {{.text = NULL}}},
	{"critical,email:a@b.example", COFFER_OK, 1, {{CERT_NAME_EMAIL, (char *)(uintptr_t) "a@b.example", ""}}},
	{"email:a@b.example,URI:https://c.example/d,DNS:e.example,otherName:" FULCIO_NAME ";UTF8:f",
	 COFFER_OK,
	 4,
	 {{CERT_NAME_EMAIL, (char *)(uintptr_t) "a@b.example", ""},
	  {CERT_NAME_URI, (char *)(uintptr_t) "https://c.example/d", ""},
	  {CERT_NAME_DNS, (char *)(uintptr_t) "e.example", ""},
	  {CERT_NAME_OTHER, (char *)(uintptr_t) "f", FULCIO_NAME}}},
	/* not names of a signer */
	{"IP:127.0.0.1,RID:1.2.3,otherName:1.2.3;IA5:g,DNS:h.example",
	 COFFER_OK,
	 1,
	 {{CERT_NAME_DNS, (char *)(uintptr_t) "h.example", ""}}},
	{"DER:30058103610062", COFFER_E_FORMAT, 0, {{.text = NULL}}}, /* «a», NUL, «b» */
	{"DER:30038101ff", COFFER_E_FORMAT, 0, {{.text = NULL}}},     /* not UTF-8 */
	{"DER:300381011b", COFFER_E_FORMAT, 0, {{.text = NULL}}},     /* ESC */
	{"DER:3003810261", COFFER_E_FORMAT, 0, {{.text = NULL}}},     /* cut off */
	{"DER:0500", COFFER_E_FORMAT, 0, {{.text = NULL}}},
	{"DER:3000", COFFER_OK, 0, {{.text = NULL}}},
};

static void
alt_names(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(sans) / sizeof(sans[0]); i++) {
		struct pki_spec spec = {.name = "x", .ext = {{sans[i].san ? SAN : NULL, sans[i].san}}};
		struct cert *c = make(&spec);
		struct cert_name *names;
		size_t n;
		coffer_err err = cert_names(NULL, c, &names, &n);

		if (err != sans[i].err || n != sans[i].n)
			fail_msg("%s: %s, %zu", sans[i].san, coffer_err_name(err), n);
		for (size_t j = 0; j < n; j++) {
			assert_int_equal(names[j].kind, sans[i].names[j].kind);
			assert_string_equal(names[j].text, sans[i].names[j].text);
			assert_string_equal(names[j].other_oid, sans[i].names[j].other_oid);
		}
		assert_true(ERR_peek_error() == 0);
		cert_names_free(&names, n);
		assert_null(names);
		cert_free(&c);
	}
}

static void
alt_names_twice(void **state)
{
	struct cert *c = make(&(struct pki_spec){.name = "x", .ext = {{SAN, "DNS:a.example"}, {SAN, "DNS:b.example"}}});
	struct cert_name *names;
	size_t n;

	(void)state;
	assert_int_equal(cert_names(NULL, c, &names, &n), COFFER_E_FORMAT);
	assert_null(names);
	cert_free(&c);
}

/* ---- extensions ---- */

static void
extensions(void **state)
{
	struct cert *c = make(&(struct pki_spec){.name = "x",
						 .ext = {PKI_CA,
							 {"1.3.6.1.4.1.57264.1.8", "ASN1:UTF8String:iss"},
							 {"1.2.3", "DER:01"},
							 {"1.2.3", "DER:02"}}});
	struct view value;
	bool critical;

	(void)state;
	assert_true(cert_extension(c, "1.3.6.1.4.1.57264.1.8", &value, &critical));
	assert_int_equal(value.len, 5);
	assert_memory_equal(value.p, "\x0c\x03iss", 5);
	assert_false(critical);
	assert_true(cert_extension(c, "2.5.29.19", &value, &critical)); /* basicConstraints */
	assert_true(critical);
	assert_int_equal(value.len, 5);
	assert_memory_equal(value.p, "\x30\x03\x01\x01\xff", 5);
	assert_false(cert_extension(c, "1.3.6.1.4.1.57264.1.1", &value, &critical));
	assert_int_equal(value.len, 0);
	assert_false(critical);
	assert_false(cert_extension(c, "1.2.3", &value, &critical)); /* twice */
	assert_int_equal(value.len, 0);
	cert_free(&c);
}

/* ---- certificate transparency ---- */

#define SCT_LIST                                                                                                       \
	{                                                                                                              \
		"1.3.6.1.4.1.11129.2.4.2", "DER:04020000"                                                              \
	}

/* what is left is the TBSCertificate of the same certificate, had it been made without the list */
static void
precert(void **state)
{
	struct pki_spec spec = {.name = "x", .serial = 5, .ext = {PKI_LEAF, SCT_LIST, PKI_CODE}};
	struct pki with = pki_make(&spec, NULL);
	struct pki without = pki_make(
		&(struct pki_spec){.name = "x", .rekey = &with, .serial = 5, .ext = {PKI_LEAF, PKI_CODE}}, NULL);
	struct buf out = BUF_INIT(1 << 16);
	struct cert *c;
	unsigned char *expected = NULL;
	int len = i2d_re_X509_tbs(without.x, &expected);

	(void)state;
	pki_cert_der(&with, &out);
	assert_int_equal(cert_from_der(NULL, "it", buf_view(&out), &c), COFFER_OK);
	out.len = 0;
	assert_int_equal(cert_precert_tbs(NULL, c, &out), COFFER_OK);
	assert_int_equal(out.len, len);
	assert_memory_equal(out.p, expected, out.len);
	/* and the certificate is as it was */
	assert_true(cert_extension(c, "1.3.6.1.4.1.11129.2.4.2", &(struct view){.p = NULL}, &(bool){false}));
	OPENSSL_free(expected);
	cert_free(&c);
	buf_free(&out);
	pki_free(&with);
	pki_free(&without);
}

static void
no_precert(void **state)
{
	struct cert *none = make(&(struct pki_spec){.name = "x", .ext = {PKI_LEAF}});
	struct cert *two = make(&(struct pki_spec){.name = "x", .ext = {SCT_LIST, SCT_LIST}});
	struct buf out = BUF_INIT(1 << 16);

	(void)state;
	assert_int_equal(cert_precert_tbs(NULL, none, &out), COFFER_E_FORMAT);
	assert_int_equal(cert_precert_tbs(NULL, two, &out), COFFER_E_FORMAT);
	assert_int_equal(out.len, 0);
	cert_free(&none);
	cert_free(&two);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_encoding),
		cmocka_unit_test(pem_lists),
		cmocka_unit_test(pem_ceiling),
		cmocka_unit_test(references),
		cmocka_unit_test_setup_teardown(system_roots, tmpdir_setup, tmpdir_teardown),
		cmocka_unit_test(validity),
		cmocka_unit_test(usage),
		cmocka_unit_test(keys),
		cmocka_unit_test(names_shown),
		cmocka_unit_test(alt_names),
		cmocka_unit_test(alt_names_twice),
		cmocka_unit_test(extensions),
		cmocka_unit_test(precert),
		cmocka_unit_test(no_precert),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
