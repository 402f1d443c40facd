/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/cert.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/utf8.h"
#include "crypto/ossl.h"
#include "crypto/pki_ossl.h"

#define SYSTEM_ROOTS "/etc/ssl/certs/ca-certificates.crt"

struct cert {
	X509 *x;
	uint8_t *der;
	size_t len;
};

/* ---- one certificate ---- */

coffer_err
cert_of_x509(struct fault *f, const char *what, X509 *x, struct cert **out)
{
	struct cert *c = calloc(1, sizeof(*c));
	int len;
	coffer_err err = COFFER_OK;

	*out = NULL;
	if (!c) {
		X509_free(x);
		return fault_nomem(f);
	}
	c->x = x;
	len = i2d_X509(x, &c->der);
	if (len <= 0)
		TRY(ossl_refusal(f, COFFER_E_FORMAT, "%s is not a certificate", what));
	c->len = (size_t)len;
	*out = c;
	c = NULL;
out:
	cert_free(&c);
	return err;
}

X509 *
cert_x509(const struct cert *c)
{
	return c->x;
}

coffer_err
cert_from_der(struct fault *f, const char *what, struct view der, struct cert **out)
{
	const uint8_t *end = der.p;
	struct cert *c = NULL;
	X509 *x;
	coffer_err err;

	*out = NULL;
	TRY(ossl_begin(f));
	if (der.len == 0 || der.len > LIMIT_CERT)
		TRY(fault_set(f, COFFER_E_FORMAT, "%s is %zu bytes; a certificate has at most %u", what, der.len,
			      LIMIT_CERT));
	x = d2i_X509(NULL, &end, (long)der.len);
	if (!x)
		TRY(ossl_refusal(f, COFFER_E_FORMAT, "%s is not a certificate", what));
	TRY(cert_of_x509(f, what, x, &c));
	TRY(ossl_end(f));
	/* one certificate has one encoding, or it would have several fingerprints */
	if (c->len != der.len || memcmp(c->der, der.p, der.len) != 0)
		TRY(fault_set(f, COFFER_E_FORMAT, "%s is a certificate with bytes behind it, or not in DER", what));
	*out = c;
	c = NULL;
out:
	cert_free(&c);
	return err;
}

void
cert_free(struct cert **c)
{
	if (!*c)
		return;
	X509_free((*c)->x);
	OPENSSL_free((*c)->der);
	free(*c);
	*c = NULL;
}

/* ---- lists ---- */

coffer_err
certs_add(struct fault *f, struct certs *list, struct cert *c)
{
	struct cert **v = realloc(list->v, (list->n + 1) * sizeof(*v));

	if (!v) {
		cert_free(&c);
		return fault_nomem(f);
	}
	v[list->n] = c;
	list->v = v;
	list->n++;
	return COFFER_OK;
}

coffer_err
certs_add_x509(struct fault *f, struct certs *list, X509 *x)
{
	struct cert *c = NULL;
	coffer_err err;

	if (X509_up_ref(x) != 1)
		return ossl_fault(f, "sharing a certificate");
	TRY(cert_of_x509(f, "a certificate", x, &c));
	TRY(certs_add(f, list, c));
out:
	return err;
}

coffer_err
certs_add_ref(struct fault *f, struct certs *list, const struct cert *c)
{
	return certs_add_x509(f, list, c->x);
}

STACK_OF(X509) * certs_stack(const struct certs *list)
{
	STACK_OF(X509) *stack = sk_X509_new_null();

	for (size_t i = 0; stack && list && i < list->n; i++)
		if (sk_X509_push(stack, list->v[i]->x) == 0) {
			sk_X509_free(stack);
			return NULL;
		}
	return stack;
}

static void
shorten(struct certs *list, size_t n)
{
	while (list->n > n)
		cert_free(&list->v[--list->n]);
}

void
certs_free(struct certs *list)
{
	shorten(list, 0);
	free(list->v);
	*list = (struct certs){.v = NULL, .n = 0};
}

/* *@der_out is NULL at the end of @bio */
static coffer_err
next_pem(struct fault *f, const char *what, BIO *bio, unsigned char **der_out, long *len_out)
{
	unsigned long why;
	coffer_err err;

	*der_out = NULL;
	TRY(ossl_begin(f));
	if (PEM_bytes_read_bio(der_out, len_out, NULL, PEM_STRING_X509, bio, ossl_no_passphrase, NULL) != 1) {
		why = ERR_peek_last_error();
		if (ERR_GET_LIB(why) != ERR_LIB_PEM || ERR_GET_REASON(why) != PEM_R_NO_START_LINE)
			TRY(ossl_refusal(f, COFFER_E_FORMAT, "%s holds a damaged PEM block", what));
	}
	TRY(ossl_end(f));
out:
	return err;
}

/* at most @max certificates; none is no fault here */
static coffer_err
add_pem(struct fault *f, const char *what, struct view pem, size_t max, struct certs *list)
{
	const size_t before = list->n;
	BIO *bio = NULL;
	unsigned char *der = NULL;
	struct cert *c;
	long len;
	coffer_err err;

	TRY(ossl_bio(f, what, pem, &bio));
	for (;;) {
		TRY(next_pem(f, what, bio, &der, &len));
		if (!der)
			break;
		if (list->n - before == max)
			TRY(fault_set(f, COFFER_E_FORMAT, "%s holds more than %zu certificates", what, max));
		TRY(cert_from_der(f, what, view_of(der, (size_t)len), &c));
		TRY(certs_add(f, list, c));
		OPENSSL_free(der);
		der = NULL;
	}
out:
	if (err != COFFER_OK)
		shorten(list, before);
	OPENSSL_free(der);
	BIO_free(bio);
	return err;
}

coffer_err
certs_from_pem(struct fault *f, const char *what, struct view pem, struct certs *list)
{
	const size_t before = list->n;
	coffer_err err = add_pem(f, what, pem, LIMIT_CERTS, list);

	if (err == COFFER_OK && list->n == before)
		err = fault_set(f, COFFER_E_FORMAT, "%s holds no «-----BEGIN CERTIFICATE-----» in PEM", what);
	return err;
}

coffer_err
certs_system(struct fault *f, struct certs *list)
{
	const char *named = secure_getenv("SSL_CERT_FILE");
	const char *path = named ? named : SYSTEM_ROOTS;
	struct buf pem = BUF_INIT(LIMIT_PEM);
	coffer_err err;

	err = file_slurp(f, path, LIMIT_PEM, &pem, NULL);
	if (err != COFFER_OK) {
		(void)fault_prefix(f, "the roots that this system trusts");
		goto out;
	}
	TRY(add_pem(f, path, buf_view(&pem), LIMIT_SYSTEM_CERTS, list));
out:
	buf_free(&pem);
	return err;
}

/* ---- what it says ---- */

struct view
cert_der(const struct cert *c)
{
	return view_of(c->der, c->len);
}

coffer_err
cert_public(struct fault *f, const struct cert *c, struct pubkey **out)
{
	coffer_err err;

	*out = NULL;
	TRY(ossl_begin(f));
	TRY(pubkey_of_evp(f, "the certificate", X509_get_pubkey(c->x), out));
out:
	return err;
}

static coffer_err
seconds_of(struct fault *f, const ASN1_TIME *t, int64_t *out)
{
	struct tm tm;

	if (!t || ASN1_TIME_to_tm(t, &tm) != 1)
		return ossl_refusal(f, COFFER_E_FORMAT, "a certificate with a time that is none");
	*out = timegm(&tm);
	return COFFER_OK;
}

coffer_err
cert_validity(struct fault *f, const struct cert *c, int64_t *not_before_out, int64_t *not_after_out)
{
	int64_t first = 0;
	int64_t last = 0;
	coffer_err err;

	*not_before_out = 0;
	*not_after_out = 0;
	TRY(seconds_of(f, X509_get0_notBefore(c->x), &first));
	TRY(seconds_of(f, X509_get0_notAfter(c->x), &last));
	*not_before_out = first;
	*not_after_out = last;
out:
	return err;
}

/* whether all of @flags hold, and the extensions can be read at all */
static bool
has(const struct cert *c, uint32_t flags)
{
	uint32_t all = X509_get_extension_flags(c->x);

	ERR_clear_error();
	return (all & EXFLAG_INVALID) == 0 && (all & flags) == flags;
}

bool
cert_is_ca(const struct cert *c)
{
	return has(c, EXFLAG_CA);
}

bool
cert_is_self_issued(const struct cert *c)
{
	return X509_NAME_cmp(X509_get_subject_name(c->x), X509_get_issuer_name(c->x)) == 0;
}

bool
cert_has_empty_subject(const struct cert *c)
{
	return X509_NAME_entry_count(X509_get_subject_name(c->x)) == 0;
}

bool
cert_equal(const struct cert *a, const struct cert *b)
{
	return a->len == b->len && memcmp(a->der, b->der, a->len) == 0;
}

/* extensions that cannot be read allow nothing: they are present, and have no such usage */
static enum cert_usage
usage(bool present, bool allowed)
{
	return !present ? CERT_NO_SUCH_EXTENSION : allowed ? CERT_ALLOWED : CERT_NOT_ALLOWED;
}

enum cert_usage
cert_key_usage_signature(const struct cert *c)
{
	return usage(!has(c, 0) || has(c, EXFLAG_KUSAGE),
		     has(c, EXFLAG_KUSAGE) && (X509_get_key_usage(c->x) & KU_DIGITAL_SIGNATURE) != 0);
}

enum cert_usage
cert_ext_usage_code(const struct cert *c)
{
	return usage(!has(c, 0) || has(c, EXFLAG_XKUSAGE),
		     has(c, EXFLAG_XKUSAGE) && (X509_get_extended_key_usage(c->x) & XKU_CODE_SIGN) != 0);
}

static coffer_err
write_name(struct fault *f, const X509_NAME *name, unsigned long flags, struct buf *out)
{
	BIO *bio = BIO_new(BIO_s_mem());
	const size_t before = out->len;
	struct view text;
	coffer_err err;

	if (!bio || X509_NAME_print_ex(bio, name, 0, flags) < 0)
		TRY(ossl_refusal(f, COFFER_E_FORMAT, "a certificate with a name that cannot be shown"));
	text = ossl_bio_view(bio);
	TRY(buf_add(f, out, text.p, text.len));
	if (!utf8_is_text(view_of(out->p + before, out->len - before))) {
		out->len = before;
		err = COFFER_E_FORMAT;
	}
out:
	BIO_free(bio);
	return err;
}

/* «Müller» is shown as it is; what is no text, with all that is not ASCII escaped */
coffer_err
x509_name_text(struct fault *f, const X509_NAME *name, struct buf *out)
{
	coffer_err err = write_name(f, name, XN_FLAG_RFC2253 & ~(unsigned long)ASN1_STRFLGS_ESC_MSB, out);

	return err == COFFER_E_FORMAT ? write_name(f, name, XN_FLAG_RFC2253, out) : err;
}

coffer_err
cert_subject(struct fault *f, const struct cert *c, struct buf *out)
{
	return x509_name_text(f, X509_get_subject_name(c->x), out);
}

coffer_err
cert_fingerprint(struct fault *f, const struct cert *c, uint8_t out[static 32])
{
	uint8_t hash[DIGEST_MAX];
	coffer_err err;

	TRY(digest_of(f, DIGEST_SHA256, cert_der(c), hash));
	memcpy(out, hash, 32);
out:
	return err;
}

static bool
is_oid(const ASN1_OBJECT *object, const char *oid)
{
	char text[128];
	int len = OBJ_obj2txt(text, sizeof(text), object, 1);

	return len > 0 && (size_t)len < sizeof(text) && strcmp(text, oid) == 0;
}

bool
cert_extension(const struct cert *c, const char *oid, struct view *value_out, bool *critical_out)
{
	const X509_EXTENSION *found = NULL;
	const ASN1_OCTET_STRING *value;

	*value_out = view_of(NULL, 0);
	*critical_out = false;
	for (int i = 0; i < X509_get_ext_count(c->x); i++) {
		X509_EXTENSION *extension = X509_get_ext(c->x, i);

		if (!is_oid(X509_EXTENSION_get_object(extension), oid))
			continue;
		if (found)
			return false;
		found = extension;
	}
	if (!found)
		return false;
	value = X509_EXTENSION_get_data((X509_EXTENSION *)(uintptr_t)found);
	*value_out = view_of(ASN1_STRING_get0_data(value), (size_t)ASN1_STRING_length(value));
	*critical_out = X509_EXTENSION_get_critical(found) == 1;
	return true;
}

/* ---- subjectAltName ---- */

/* *@kind_out and *@text_out of a name that has a text; false for the kinds that have none or are not known here */
static bool
text_of(const GENERAL_NAME *name, enum cert_name_kind *kind_out, const ASN1_STRING **text_out)
{
	switch (name->type) {
	case GEN_EMAIL:
		*kind_out = CERT_NAME_EMAIL;
		*text_out = name->d.rfc822Name;
		return true;
	case GEN_URI:
		*kind_out = CERT_NAME_URI;
		*text_out = name->d.uniformResourceIdentifier;
		return true;
	case GEN_DNS:
		*kind_out = CERT_NAME_DNS;
		*text_out = name->d.dNSName;
		return true;
	case GEN_OTHERNAME:
		*kind_out = CERT_NAME_OTHER;
		*text_out = name->d.otherName->value->value.utf8string;
		return name->d.otherName->value->type == V_ASN1_UTF8STRING;
	default:
		return false;
	}
}

static coffer_err
set_name(struct fault *f, const GENERAL_NAME *from, enum cert_name_kind kind, const ASN1_STRING *text,
	 struct cert_name *out)
{
	struct view v = view_of(ASN1_STRING_get0_data(text), (size_t)ASN1_STRING_length(text));

	if (!utf8_is_text(v))
		return fault_set(
			f, COFFER_E_FORMAT,
			"a certificate with a subjectAltName that is not UTF-8 text, or has control characters");
	out->kind = kind;
	if (kind == CERT_NAME_OTHER)
		(void)OBJ_obj2txt(out->other_oid, sizeof(out->other_oid), from->d.otherName->type_id, 1);
	out->text = calloc(1, v.len + 1);
	if (!out->text)
		return fault_nomem(f);
	if (v.len > 0)
		memcpy(out->text, v.p, v.len);
	return COFFER_OK;
}

coffer_err
cert_names(struct fault *f, const struct cert *c, struct cert_name **out, size_t *n_out)
{
	int critical = -1;
	GENERAL_NAMES *list = NULL;
	struct cert_name *names = NULL;
	size_t n = 0;
	int room;
	coffer_err err;

	*out = NULL;
	*n_out = 0;
	TRY(ossl_begin(f));
	list = X509_get_ext_d2i(c->x, NID_subject_alt_name, &critical, NULL);
	if (!list && critical != -1)
		TRY(ossl_refusal(f, COFFER_E_FORMAT, "a certificate with a subjectAltName that is damaged or doubled"));
	TRY(ossl_end(f));
	room = sk_GENERAL_NAME_num(list);
	if (room <= 0)
		goto out;
	names = calloc((size_t)room, sizeof(*names));
	if (!names)
		TRY(fault_nomem(f));
	for (int i = 0; i < room; i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(list, i);
		enum cert_name_kind kind;
		const ASN1_STRING *text;

		if (text_of(name, &kind, &text))
			TRY(set_name(f, name, kind, text, &names[n++]));
	}
	*out = names;
	*n_out = n;
	names = NULL;
out:
	cert_names_free(&names, n);
	GENERAL_NAMES_free(list);
	return err;
}

void
cert_names_free(struct cert_name **names, size_t n)
{
	for (size_t i = 0; *names && i < n; i++)
		free((*names)[i].text);
	free(*names);
	*names = NULL;
}

/* ---- certificate transparency ---- */

/* removes it from @x; false when there is not exactly one */
static bool
remove_sct_list(X509 *x)
{
	int at = X509_get_ext_by_NID(x, NID_ct_precert_scts, -1);

	if (at < 0 || X509_get_ext_by_NID(x, NID_ct_precert_scts, at) >= 0)
		return false;
	X509_EXTENSION_free(X509_delete_ext(x, at));
	return true;
}

coffer_err
cert_precert_tbs(struct fault *f, const struct cert *c, struct buf *out)
{
	X509 *copy = NULL;
	unsigned char *tbs = NULL;
	int len;
	coffer_err err;

	TRY(ossl_begin(f));
	copy = X509_dup(c->x);
	if (!copy)
		TRY(ossl_fault(f, "copying a certificate"));
	if (!remove_sct_list(copy))
		TRY(fault_set(f, COFFER_E_FORMAT,
			      "a certificate without the one list of signed certificate timestamps (RFC 6962)"));
	len = i2d_re_X509_tbs(copy, &tbs);
	if (len <= 0)
		TRY(ossl_fault(f, "writing a certificate"));
	TRY(buf_add(f, out, tbs, (size_t)len));
out:
	OPENSSL_free(tbs);
	X509_free(copy);
	return err;
}
