/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The token is read and its signature checked as CMS (RFC 5652); the chain is that of cert.h.  OpenSSL's
 * TS_RESP_verify_response() is not used: it reads PKCS #7, does not look at the content type that was signed, and says
 * little of why.
 */
#include "crypto/tst.h"

#include <openssl/cms.h>
#include <openssl/ess.h>
#include <openssl/ts.h>
#include <string.h>
#include <time.h>

#include "base/limits.h"
#include "base/utf8.h"
#include "crypto/ossl.h"
#include "crypto/pki_ossl.h"
#include "crypto/rand.h"
#include "mem/secret.h"

/* ---- the request, RFC 3161 section 2.4.1 ---- */

static bool
set_imprint(TS_MSG_IMPRINT *imprint, X509_ALGOR *algorithm, uint8_t *hash)
{
	return X509_ALGOR_set0(algorithm, OBJ_nid2obj(NID_sha256), V_ASN1_NULL, NULL) == 1 &&
	       TS_MSG_IMPRINT_set_algo(imprint, algorithm) == 1 &&
	       TS_MSG_IMPRINT_set_msg(imprint, hash, (int)digest_len(DIGEST_SHA256)) == 1;
}

/* the setters copy what they are given */
static bool
set_request(TS_REQ *req, uint8_t *hash, uint64_t nonce)
{
	TS_MSG_IMPRINT *imprint = TS_MSG_IMPRINT_new();
	X509_ALGOR *algorithm = X509_ALGOR_new();
	ASN1_INTEGER *number = ASN1_INTEGER_new();
	bool done = req && imprint && algorithm && number && TS_REQ_set_version(req, 1) == 1 &&
		    set_imprint(imprint, algorithm, hash) && TS_REQ_set_msg_imprint(req, imprint) == 1 &&
		    ASN1_INTEGER_set_uint64(number, nonce) == 1 && TS_REQ_set_nonce(req, number) == 1 &&
		    TS_REQ_set_cert_req(req, 1) == 1;

	ASN1_INTEGER_free(number);
	X509_ALGOR_free(algorithm);
	TS_MSG_IMPRINT_free(imprint);
	return done;
}

coffer_err
tst_request(struct fault *f, struct view message, struct buf *out, uint64_t *nonce_out)
{
	uint8_t hash[DIGEST_MAX];
	unsigned char *der = NULL;
	TS_REQ *req = NULL;
	uint64_t nonce;
	int len;
	coffer_err err;

	*nonce_out = 0;
	TRY(digest_of(f, DIGEST_SHA256, message, hash));
	TRY(rand_bytes(f, &nonce, sizeof(nonce)));
	req = TS_REQ_new();
	len = set_request(req, hash, nonce) ? i2d_TS_REQ(req, &der) : 0;
	if (len <= 0)
		TRY(ossl_fault(f, "making a timestamp request"));
	TRY(buf_add(f, out, der, (size_t)len));
	*nonce_out = nonce;
out:
	OPENSSL_free(der);
	TS_REQ_free(req);
	return err;
}

/* ---- the answer, section 2.4.2 ---- */

static coffer_err
malformed(struct fault *f)
{
	return ossl_refusal(f, COFFER_E_FORMAT, "the timestamp is no TimeStampResp in DER (RFC 3161)");
}

/* what the authority says in its own words, if it is fit to be shown */
static struct view
status_text(const TS_STATUS_INFO *status)
{
	const STACK_OF(ASN1_UTF8STRING) *texts = TS_STATUS_INFO_get0_text(status);
	const ASN1_UTF8STRING *first = sk_ASN1_UTF8STRING_num(texts) > 0 ? sk_ASN1_UTF8STRING_value(texts, 0) : NULL;
	struct view text =
		first ? view_of(ASN1_STRING_get0_data(first), (size_t)ASN1_STRING_length(first)) : view_of("", 0);

	return text.len > 0 && text.len <= 200 && utf8_is_text(text) ? text : view_str("no reason given");
}

static coffer_err
check_status(struct fault *f, const TS_STATUS_INFO *status)
{
	int64_t number = -1;
	struct view text = status_text(status);

	if (ASN1_INTEGER_get_int64(&number, TS_STATUS_INFO_get0_status(status)) != 1 ||
	    (number != TS_STATUS_GRANTED && number != TS_STATUS_GRANTED_WITH_MODS))
		return ossl_refusal(f, COFFER_E_SIGNATURE, "the timestamp authority gave none: status %lld, %.*s",
				    (long long)number, (int)text.len, (const char *)text.p);
	return COFFER_OK;
}

/* TimeStampResp ::= SEQUENCE { status PKIStatusInfo, timeStampToken ContentInfo OPTIONAL }, and nothing behind it */
static coffer_err
read_response(struct fault *f, struct view response, CMS_ContentInfo **token_out)
{
	const uint8_t *p = response.p;
	const uint8_t *end = response.p + response.len;
	TS_STATUS_INFO *status = NULL;
	int tag;
	int class;
	long len = 0;
	coffer_err err;

	if (response.len == 0 || response.len > LIMIT_TIMESTAMP)
		return fault_set(f, COFFER_E_FORMAT, "the timestamp is %zu bytes; at most %u are expected",
				 response.len, LIMIT_TIMESTAMP);
	if (ASN1_get_object(&p, &len, &tag, &class, (long)response.len) != V_ASN1_CONSTRUCTED ||
	    tag != V_ASN1_SEQUENCE || class != V_ASN1_UNIVERSAL || end - p != len)
		return malformed(f);
	status = d2i_TS_STATUS_INFO(NULL, &p, len);
	if (!status)
		TRY(malformed(f));
	TRY(check_status(f, status));
	*token_out = p < end ? d2i_CMS_ContentInfo(NULL, &p, end - p) : NULL;
	if (!*token_out || p != end)
		TRY(malformed(f));
out:
	TS_STATUS_INFO_free(status);
	return err;
}

/* ---- the signature ---- */

struct token {
	CMS_ContentInfo *cms;
	CMS_SignerInfo *signer_info; /* the cms's */
	struct cert *signer;
	struct certs intermediates; /* the leaves and intermediates given, and what is inside: none is a root */
	TS_TST_INFO *info;
};

static coffer_err
add_all(struct fault *f, struct certs *list, const struct certs *more)
{
	coffer_err err = COFFER_OK;

	for (size_t i = 0; more && i < more->n; i++)
		TRY(certs_add_ref(f, list, more->v[i]));
out:
	return err;
}

static coffer_err
add_embedded(struct fault *f, struct token *t)
{
	STACK_OF(X509) *inside = CMS_get1_certs(t->cms);
	coffer_err err = COFFER_OK;

	if (sk_X509_num(inside) > (int)LIMIT_CERTS)
		TRY(fault_set(f, COFFER_E_FORMAT, "the timestamp holds more than %u certificates", LIMIT_CERTS));
	for (int i = 0; i < sk_X509_num(inside); i++)
		TRY(certs_add_x509(f, &t->intermediates, sk_X509_value(inside, i)));
out:
	sk_X509_pop_free(inside, X509_free);
	return err;
}

static bool
is_sha2(const X509_ALGOR *algorithm, enum digest_kind *out)
{
	const ASN1_OBJECT *object;

	X509_ALGOR_get0(&object, NULL, NULL, algorithm);
	switch (OBJ_obj2nid(object)) {
	case NID_sha256:
		*out = DIGEST_SHA256;
		return true;
	case NID_sha384:
		*out = DIGEST_SHA384;
		return true;
	case NID_sha512:
		*out = DIGEST_SHA512;
		return true;
	default:
		return false;
	}
}

/* What is signed beside the content: exactly one signer, a good hash, and that the content is a TSTInfo [RFC 5652 section 11.1]. */
static coffer_err
check_signer_info(struct fault *f, struct token *t)
{
	STACK_OF(CMS_SignerInfo) *infos = CMS_get0_SignerInfos(t->cms);
	const ASN1_OBJECT *type;
	enum digest_kind digest;
	X509_ALGOR *algorithm;

	if (sk_CMS_SignerInfo_num(infos) != 1)
		return ossl_refusal(f, COFFER_E_SIGNATURE, "the timestamp has %d signatures; it must have one",
				    infos ? sk_CMS_SignerInfo_num(infos) : 0);
	t->signer_info = sk_CMS_SignerInfo_value(infos, 0);
	CMS_SignerInfo_get0_algs(t->signer_info, NULL, NULL, &algorithm, NULL);
	if (!is_sha2(algorithm, &digest))
		return ossl_refusal(
			f, COFFER_E_SIGNATURE,
			"the timestamp is signed by a hash that is not safe; SHA-256, 384 and 512 are known");
	type = CMS_signed_get0_data_by_OBJ(t->signer_info, OBJ_nid2obj(NID_pkcs9_contentType), -3, V_ASN1_OBJECT);
	if (!type || OBJ_obj2nid(type) != NID_id_smime_ct_TSTInfo ||
	    OBJ_obj2nid(CMS_get0_eContentType(t->cms)) != NID_id_smime_ct_TSTInfo)
		return ossl_refusal(f, COFFER_E_SIGNATURE, "the signature is not one of a timestamp");
	return COFFER_OK;
}

static coffer_err
find_signer(struct fault *f, struct token *t)
{
	STACK_OF(X509) *candidates = certs_stack(&t->intermediates);
	X509 *x = NULL;
	coffer_err err;

	if (!candidates)
		TRY(ossl_fault(f, "finding the signer of a timestamp"));
	if (CMS_set1_signers_certs(t->cms, candidates, CMS_NOINTERN) == 1)
		CMS_SignerInfo_get0_algs(t->signer_info, NULL, &x, NULL, NULL);
	if (!x || X509_up_ref(x) != 1)
		TRY(ossl_refusal(f, COFFER_E_SIGNATURE,
				 "the certificate of the timestamp authority is neither in the timestamp nor among "
				 "those given"));
	TRY(cert_of_x509(f, "the certificate of the timestamp authority", x, &t->signer));
out:
	sk_X509_free(candidates);
	return err;
}

/* The signature by the signer's key, and only then what it is of. */
static coffer_err
verify_signature(struct fault *f, struct token *t)
{
	BIO *content = BIO_new(BIO_s_mem());
	struct pubkey *key = NULL;
	struct view der;
	const uint8_t *end;
	coffer_err err;

	err = pubkey_of_evp(f, "the certificate", X509_get_pubkey(cert_x509(t->signer)), &key);
	if (err != COFFER_OK && err != COFFER_E_NOMEM)
		err = fault_set(f, COFFER_E_SIGNATURE,
				"the key of the timestamp authority is not of a kind that is safe");
	TRY(err);
	if (!content)
		TRY(ossl_fault(f, "reading a timestamp"));
	if (CMS_verify(t->cms, NULL, NULL, NULL, content, CMS_BINARY | CMS_NO_SIGNER_CERT_VERIFY | CMS_NOINTERN) != 1)
		TRY(ossl_refusal(f, COFFER_E_SIGNATURE, "the timestamp's own signature does not hold: it was changed"));
	der = ossl_bio_view(content);
	end = der.p;
	t->info = d2i_TS_TST_INFO(NULL, &end, (long)der.len);
	if (!t->info || end != der.p + der.len)
		TRY(malformed(f));
out:
	pubkey_free(&key);
	BIO_free(content);
	return err;
}

/* The certificate that the signer meant is part of what it signed [RFC 3161 section 2.4.2, RFC 5816]. */
static coffer_err
check_signing_certificate(struct fault *f, const struct token *t, const struct certs *chain)
{
	const int nids[] = {NID_id_smime_aa_signingCertificate, NID_id_smime_aa_signingCertificateV2};
	const uint8_t *p[2] = {NULL, NULL};
	long len[2] = {0, 0};
	STACK_OF(X509) *stack = certs_stack(chain);
	ESS_SIGNING_CERT *v1 = NULL;
	ESS_SIGNING_CERT_V2 *v2 = NULL;
	bool good;

	for (size_t i = 0; i < 2; i++) {
		const ASN1_STRING *value =
			CMS_signed_get0_data_by_OBJ(t->signer_info, OBJ_nid2obj(nids[i]), -3, V_ASN1_SEQUENCE);

		if (value) {
			p[i] = ASN1_STRING_get0_data(value);
			len[i] = ASN1_STRING_length(value);
		}
	}
	if (p[0])
		v1 = d2i_ESS_SIGNING_CERT(NULL, &p[0], len[0]);
	if (p[1])
		v2 = d2i_ESS_SIGNING_CERT_V2(NULL, &p[1], len[1]);
	good = stack && OSSL_ESS_check_signing_certs(v1, v2, stack, 1) == 1;
	ESS_SIGNING_CERT_V2_free(v2);
	ESS_SIGNING_CERT_free(v1);
	sk_X509_free(stack);
	if (!good)
		return ossl_refusal(
			f, COFFER_E_SIGNATURE,
			"the timestamp does not say which certificate it was signed with, or names another");
	return COFFER_OK;
}

/* ---- what was signed ---- */

static coffer_err
check_imprint(struct fault *f, const TS_TST_INFO *info, struct view message)
{
	TS_MSG_IMPRINT *imprint = TS_TST_INFO_get_msg_imprint((TS_TST_INFO *)(uintptr_t)info);
	const ASN1_OCTET_STRING *theirs = TS_MSG_IMPRINT_get_msg(imprint);
	uint8_t ours[DIGEST_MAX];
	enum digest_kind digest;
	coffer_err err;

	if (!is_sha2(TS_MSG_IMPRINT_get_algo(imprint), &digest))
		return fault_set(f, COFFER_E_SIGNATURE,
				 "the timestamp is over a hash that is not safe; SHA-256, 384 and 512 are known");
	TRY(digest_of(f, digest, message, ours));
	if ((size_t)ASN1_STRING_length(theirs) != digest_len(digest) ||
	    !mem_equal(ASN1_STRING_get0_data(theirs), ours, digest_len(digest)))
		TRY(fault_set(f, COFFER_E_SIGNATURE, "the timestamp is over something else"));
out:
	return err;
}

static coffer_err
check_nonce(struct fault *f, const TS_TST_INFO *info, const uint64_t *nonce)
{
	const ASN1_INTEGER *theirs = TS_TST_INFO_get_nonce(info);
	uint64_t number;

	if (nonce && (!theirs || ASN1_INTEGER_get_uint64(&number, theirs) != 1 || number != *nonce))
		return ossl_refusal(f, COFFER_E_SIGNATURE, "the timestamp answers another request than ours");
	return COFFER_OK;
}

/* GeneralizedTime in UTC, which ends in Z; a fraction of the last second is dropped */
static coffer_err
gen_time(struct fault *f, const TS_TST_INFO *info, int64_t *out)
{
	const ASN1_GENERALIZEDTIME *t = TS_TST_INFO_get_time(info);
	int len = ASN1_STRING_length(t);
	struct tm tm;

	if (len < 1 || ASN1_STRING_get0_data(t)[len - 1] != 'Z' || ASN1_TIME_to_tm(t, &tm) != 1)
		return malformed(f);
	*out = timegm(&tm);
	return COFFER_OK;
}

static coffer_err
check_info(struct fault *f, const TS_TST_INFO *info, struct view message, const uint64_t *nonce, int64_t *time_out)
{
	coffer_err err;

	if (TS_TST_INFO_get_version(info) != 1 ||
	    TS_TST_INFO_get_ext_by_critical((TS_TST_INFO *)(uintptr_t)info, 1, -1) >= 0)
		return fault_set(f, COFFER_E_SIGNATURE, "the timestamp is of a form that is not known");
	TRY(check_imprint(f, info, message));
	TRY(check_nonce(f, info, nonce));
	TRY(gen_time(f, info, time_out));
out:
	return err;
}

/* ---- who signed ---- */

static bool
is_among(const struct certs *list, const struct cert *c)
{
	for (size_t i = 0; i < list->n; i++)
		if (cert_equal(list->v[i], c))
			return true;
	return false;
}

static coffer_err
check_trust(struct fault *f, const struct token *t, const struct tst_trust *trust, int64_t at)
{
	const struct chain_policy policy = {
		.roots = trust->roots,
		.intermediates = &t->intermediates,
		.at = at,
		.purpose = CERT_TIMESTAMPING,
	};
	struct certs chain = {.v = NULL, .n = 0};
	coffer_err err;

	if (trust->leaves && !is_among(trust->leaves, t->signer))
		return fault_set(f, COFFER_E_SIGNATURE,
				 "the timestamp is by an authority that is not one of those trusted");
	TRY(cert_chain(f, t->signer, &policy, &chain));
	TRY(check_signing_certificate(f, t, &chain));
out:
	certs_free(&chain);
	return err;
}

/* ---- both together ---- */

/* all but who signed it */
static coffer_err
open_token(struct fault *f, struct view response, struct view message, const uint64_t *nonce, struct token *t,
	   int64_t *at_out)
{
	coffer_err err;

	TRY(read_response(f, response, &t->cms));
	TRY(add_embedded(f, t));
	TRY(check_signer_info(f, t));
	TRY(find_signer(f, t));
	TRY(verify_signature(f, t));
	TRY(check_info(f, t->info, message, nonce, at_out));
	TRY(ossl_end(f));
out:
	return err;
}

static void
free_token(struct token *t)
{
	TS_TST_INFO_free(t->info);
	cert_free(&t->signer);
	certs_free(&t->intermediates);
	CMS_ContentInfo_free(t->cms);
}

coffer_err
tst_verify(struct fault *f, struct view response, struct view message, const struct tst_trust *trust,
	   const uint64_t *nonce, int64_t *time_out)
{
	struct token t = {.cms = NULL};
	int64_t at = 0;
	coffer_err err;

	*time_out = 0;
	TRY(ossl_begin(f));
	TRY(add_all(f, &t.intermediates, trust->leaves));
	TRY(add_all(f, &t.intermediates, trust->intermediates));
	TRY(open_token(f, response, message, nonce, &t, &at));
	TRY(check_trust(f, &t, trust, at));
	*time_out = at;
out:
	free_token(&t);
	return err;
}

coffer_err
tst_check_answer(struct fault *f, struct view response, struct view message, uint64_t nonce)
{
	struct token t = {.cms = NULL};
	int64_t at;
	coffer_err err;

	TRY(ossl_begin(f));
	TRY(open_token(f, response, message, &nonce, &t, &at));
out:
	free_token(&t);
	return err;
}
