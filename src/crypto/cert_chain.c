/* SPDX-License-Identifier: Apache-2.0 */
/* Chains: OpenSSL builds and checks them; the usages of the leaf and of what is above it are ours. */
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <time.h>

#include "base/limits.h"
#include "crypto/cert.h"
#include "crypto/ossl.h"
#include "crypto/pki_ossl.h"

/* OpenSSL's level of 112 bits: RSA from 2048 bits on, no SHA-1 */
#define SECURITY_LEVEL 2

/* ---- sentences ---- */

/* room for a part of a sentence; a longer name ends early */
struct shown {
	char text[200];
};

static const char *
show_name(struct shown *s, const char *before, const X509_NAME *name)
{
	struct buf text = BUF_INIT(LIMIT_CERT);

	(void)x509_name_text(NULL, name, &text);
	(void)snprintf(s->text, sizeof(s->text), "%s«%.*s»", before, text.len < 150 ? (int)text.len : 150,
		       text.p ? (const char *)text.p : "");
	buf_free(&text);
	return s->text;
}

/* one of Fulcio's has no name of its own */
static const char *
show(struct shown *s, const X509 *x)
{
	const X509_NAME *subject = X509_get_subject_name(x);

	if (X509_NAME_entry_count(subject) == 0)
		return show_name(s, "the certificate issued by ", X509_get_issuer_name(x));
	return show_name(s, "the certificate ", subject);
}

static const char *
show_time(struct shown *s, int64_t at)
{
	time_t t = at;
	struct tm tm;

	if (!gmtime_r(&t, &tm) || strftime(s->text, sizeof(s->text), "%Y-%m-%d %H:%M:%S UTC", &tm) == 0)
		(void)snprintf(s->text, sizeof(s->text), "second %lld", (long long)at);
	return s->text;
}

static const char *
show_asn1_time(struct shown *s, const ASN1_TIME *at)
{
	struct tm tm;

	if (ASN1_TIME_to_tm(at, &tm) != 1)
		return "a time that is none";
	return show_time(s, timegm(&tm));
}

static coffer_err
untrusted(struct fault *f, int code, const X509 *x, int64_t at)
{
	struct shown name, issuer, then, now;

	if (code == X509_V_ERR_OUT_OF_MEM || ossl_lacked_memory())
		return fault_nomem(f);
	switch (code) {
	case X509_V_ERR_CERT_HAS_EXPIRED:
		return fault_set(f, COFFER_E_SIGNATURE, "%s expired on %s; it must be valid on %s", show(&name, x),
				 show_asn1_time(&then, X509_get0_notAfter(x)), show_time(&now, at));
	case X509_V_ERR_CERT_NOT_YET_VALID:
		return fault_set(f, COFFER_E_SIGNATURE, "%s begins on %s; it must be valid on %s", show(&name, x),
				 show_asn1_time(&then, X509_get0_notBefore(x)), show_time(&now, at));
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
	case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
		return fault_set(f, COFFER_E_SIGNATURE,
				 "%s is not trusted: its issuer %s is neither among the roots nor in the chain",
				 show(&name, x), show_name(&issuer, "", X509_get_issuer_name(x)));
	case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
	case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
		return fault_set(f, COFFER_E_SIGNATURE, "%s is not trusted: it is a root, but not one of those given",
				 show(&name, x));
	default:
		return fault_set(f, COFFER_E_SIGNATURE, "%s is not trusted: %s", show(&name, x),
				 X509_verify_cert_error_string(code));
	}
}

/* ---- usages ---- */

static coffer_err
misused(struct fault *f, const X509 *x, const char *why)
{
	struct shown name;

	if (ossl_lacked_memory())
		return fault_nomem(f);
	return fault_set(f, COFFER_E_SIGNATURE, "%s %s", show(&name, x), why);
}

static coffer_err
check_code_signing(struct fault *f, const struct cert *leaf)
{
	enum cert_usage key = cert_key_usage_signature(leaf);
	enum cert_usage ext = cert_ext_usage_code(leaf);

	if (key == CERT_NOT_ALLOWED)
		return misused(f, cert_x509(leaf), "may not sign: its keyUsage lacks digitalSignature");
	if (ext == CERT_NOT_ALLOWED)
		return misused(f, cert_x509(leaf), "may not sign models: its extendedKeyUsage lacks codeSigning");
	if (key != CERT_ALLOWED && ext != CERT_ALLOWED)
		return misused(
			f, cert_x509(leaf),
			"may not sign: it has neither keyUsage digitalSignature nor extendedKeyUsage codeSigning");
	return COFFER_OK;
}

static coffer_err
check_fulcio(struct fault *f, const struct cert *leaf)
{
	if (cert_is_ca(leaf))
		return misused(f, cert_x509(leaf), "is one of an authority, not of a signer");
	if (cert_key_usage_signature(leaf) != CERT_ALLOWED || cert_ext_usage_code(leaf) != CERT_ALLOWED)
		return misused(f, cert_x509(leaf),
			       "may not sign: it must have keyUsage digitalSignature and extendedKeyUsage codeSigning");
	return COFFER_OK;
}

/* RFC 3161 section 2.3: extendedKeyUsage critical, timeStamping and nothing else; OpenSSL knows that one */
static coffer_err
check_timestamping(struct fault *f, const struct cert *leaf)
{
	if (X509_check_purpose(cert_x509(leaf), X509_PURPOSE_TIMESTAMP_SIGN, 0) != 1)
		return misused(
			f, cert_x509(leaf),
			"may not give timestamps: its extendedKeyUsage must be timeStamping alone, and critical");
	return COFFER_OK;
}

static coffer_err
check_leaf(struct fault *f, const struct cert *leaf, enum cert_purpose purpose)
{
	switch (purpose) {
	case CERT_CODE_SIGNING:
		return check_code_signing(f, leaf);
	case CERT_FULCIO:
		return check_fulcio(f, leaf);
	case CERT_TIMESTAMPING:
		return check_timestamping(f, leaf);
	case CERT_ANY:
		break;
	}
	return COFFER_OK;
}

/* An authority that is limited to other usages cannot hand on this one; the root is trusted as it is. */
static coffer_err
check_authorities(struct fault *f, const STACK_OF(X509) * chain, enum cert_purpose purpose)
{
	const uint32_t needed = XKU_ANYEKU | (purpose == CERT_TIMESTAMPING ? XKU_TIMESTAMP : XKU_CODE_SIGN);

	for (int i = 1; purpose != CERT_ANY && i + 1 < sk_X509_num(chain); i++) {
		X509 *x = sk_X509_value(chain, i);

		if ((X509_get_extension_flags(x) & EXFLAG_XKUSAGE) != 0 &&
		    (X509_get_extended_key_usage(x) & needed) == 0)
			return misused(f, x, "may not issue this one: its extendedKeyUsage is for other purposes");
	}
	return COFFER_OK;
}

/* ---- chains ---- */

static X509_STORE *
make_store(const struct certs *roots)
{
	X509_STORE *store = X509_STORE_new();

	for (size_t i = 0; store && roots && i < roots->n; i++)
		if (X509_STORE_add_cert(store, cert_x509(roots->v[i])) != 1) {
			X509_STORE_free(store);
			return NULL;
		}
	return store;
}

/* To OpenSSL a certificate has expired in its last second; RFC 5280 section 4.1.2.5 counts that one in. */
static int
allow_last_second(int good, X509_STORE_CTX *ctx)
{
	time_t at = X509_VERIFY_PARAM_get_time(X509_STORE_CTX_get0_param(ctx));
	X509 *x = X509_STORE_CTX_get_current_cert(ctx);

	return good || (X509_STORE_CTX_get_error(ctx) == X509_V_ERR_CERT_HAS_EXPIRED && x &&
			ASN1_TIME_cmp_time_t(X509_get0_notAfter(x), at) == 0);
}

static void
set_policy(X509_STORE_CTX *ctx, int64_t at)
{
	X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(ctx);

	X509_STORE_CTX_set_verify_cb(ctx, allow_last_second);
	X509_VERIFY_PARAM_set_time(param, at);
	X509_VERIFY_PARAM_set_depth(param, (int)LIMIT_CERTS);
	X509_VERIFY_PARAM_set_auth_level(param, SECURITY_LEVEL);
}

static coffer_err
verify(struct fault *f, X509_STORE_CTX *ctx, const X509 *leaf, int64_t at)
{
	const X509 *x;

	if (X509_verify_cert(ctx) == 1)
		return ossl_end(f);
	x = X509_STORE_CTX_get_current_cert(ctx);
	return untrusted(f, X509_STORE_CTX_get_error(ctx), x ? x : leaf, at);
}

static coffer_err
give_chain(struct fault *f, const STACK_OF(X509) * chain, struct certs *out)
{
	coffer_err err = COFFER_OK;

	for (int i = 0; err == COFFER_OK && i < sk_X509_num(chain); i++)
		err = certs_add_x509(f, out, sk_X509_value(chain, i));
	if (err != COFFER_OK)
		certs_free(out);
	return err;
}

coffer_err
cert_chain(struct fault *f, const struct cert *leaf, const struct chain_policy *policy, struct certs *chain_out)
{
	X509_STORE *store = NULL;
	STACK_OF(X509) *between = NULL;
	X509_STORE_CTX *ctx = NULL;
	coffer_err err;

	if (chain_out)
		*chain_out = (struct certs){.v = NULL, .n = 0};
	TRY(ossl_begin(f));
	store = make_store(policy->roots);
	between = certs_stack(policy->intermediates);
	ctx = X509_STORE_CTX_new();
	if (!store || !between || !ctx || X509_STORE_CTX_init(ctx, store, cert_x509(leaf), between) != 1)
		TRY(ossl_fault(f, "building a chain"));
	set_policy(ctx, policy->at);
	TRY(verify(f, ctx, cert_x509(leaf), policy->at));
	TRY(check_leaf(f, leaf, policy->purpose));
	TRY(check_authorities(f, X509_STORE_CTX_get0_chain(ctx), policy->purpose));
	if (chain_out)
		TRY(give_chain(f, X509_STORE_CTX_get0_chain(ctx), chain_out));
out:
	X509_STORE_CTX_free(ctx);
	sk_X509_free(between);
	X509_STORE_free(store);
	return err;
}
