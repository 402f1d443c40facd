/* SPDX-License-Identifier: Apache-2.0 */
/* Timestamps (RFC 3161) made on the spot, with one fault each where a test wants one. */
#ifndef TESTS_SUPPORT_TSA_H
#define TESTS_SUPPORT_TSA_H

#include <openssl/cms.h>
#include <openssl/ess.h>
#include <openssl/ts.h>

#include "base/view.h"
#include "support/pki.h"

struct tsa_spec {
	const struct pki *signer;
	const struct pki *embed; /* another certificate to put in */
	struct view message;
	int64_t at;
	const uint64_t *nonce;

	/* faults, and other choices */
	const char *status; /* the whole PKIStatusInfo in DER; NULL: granted */
	size_t status_len;
	bool no_token;
	bool no_cert;		  /* do not embed the signer's */
	const char *imprint_md;	  /* "SHA256" when NULL */
	const char *md;		  /* of the signature; "SHA256" when NULL */
	int ess;		  /* 2 = ESSCertIDv2, 1 = ESSCertID, -1 = none; 0 is 2 */
	const struct pki *ess_of; /* the certificate that it names; NULL: the signer's */
	const struct pki *second; /* a second signer */
	int type;		  /* NID of what is signed; 0: TSTInfo */
	int type_after;		  /* NID that stands there once it is signed; 0: no other */
	const char *time;	  /* in place of @at, as GeneralizedTime */
	bool critical;		  /* an unknown critical extension */
	long version;		  /* 1 when 0 */
	const char *behind_info;  /* text behind the TSTInfo, signed too */
};

static inline void
tsa_set_imprint(TS_TST_INFO *info, const struct tsa_spec *s)
{
	const EVP_MD *md = EVP_get_digestbyname(s->imprint_md ? s->imprint_md : "SHA256");
	TS_MSG_IMPRINT *imprint = TS_MSG_IMPRINT_new();
	X509_ALGOR *algorithm = X509_ALGOR_new();
	uint8_t hash[EVP_MAX_MD_SIZE];
	unsigned int len;

	pki_must(imprint && algorithm && EVP_Digest(s->message.p, s->message.len, hash, &len, md, NULL) == 1, "a hash");
	X509_ALGOR_set_md(algorithm, md);
	pki_must(TS_MSG_IMPRINT_set_algo(imprint, algorithm) == 1 &&
			 TS_MSG_IMPRINT_set_msg(imprint, hash, (int)len) == 1 &&
			 TS_TST_INFO_set_msg_imprint(info, imprint) == 1,
		 "an imprint");
	X509_ALGOR_free(algorithm);
	TS_MSG_IMPRINT_free(imprint);
}

/* the TSTInfo; free it with OPENSSL_free() */
static inline unsigned char *
tsa_info(const struct tsa_spec *s, int *len_out)
{
	TS_TST_INFO *info = TS_TST_INFO_new();
	ASN1_GENERALIZEDTIME *time = ASN1_GENERALIZEDTIME_set(NULL, s->at);
	ASN1_INTEGER *number = ASN1_INTEGER_new();
	ASN1_OBJECT *policy = OBJ_txt2obj("1.2.3.4", 1);
	unsigned char *der = NULL;

	pki_must(info && time && number && policy, "a TSTInfo");
	if (s->time)
		pki_must(ASN1_STRING_set(time, s->time, -1) == 1, s->time);
	tsa_set_imprint(info, s);
	pki_must(TS_TST_INFO_set_version(info, s->version ? s->version : 1) == 1 &&
			 TS_TST_INFO_set_policy_id(info, policy) == 1 && ASN1_INTEGER_set(number, 77) == 1 &&
			 TS_TST_INFO_set_serial(info, number) == 1 && TS_TST_INFO_set_time(info, time) == 1,
		 "a TSTInfo");
	if (s->nonce)
		pki_must(ASN1_INTEGER_set_uint64(number, *s->nonce) == 1 && TS_TST_INFO_set_nonce(info, number) == 1,
			 "a nonce");
	if (s->critical) {
		X509_EXTENSION *ext = X509V3_EXT_nconf(NULL, NULL, "1.2.3.4.5", "critical,DER:0500");

		pki_must(ext && TS_TST_INFO_add_ext(info, ext, -1) == 1, "an extension");
		X509_EXTENSION_free(ext);
	}
	*len_out = i2d_TS_TST_INFO(info, &der);
	pki_must(*len_out > 0, "a TSTInfo");
	ASN1_OBJECT_free(policy);
	ASN1_INTEGER_free(number);
	ASN1_GENERALIZEDTIME_free(time);
	TS_TST_INFO_free(info);
	return der;
}

static inline void
tsa_add_ess(CMS_SignerInfo *si, int version, const X509 *x)
{
	ESS_SIGNING_CERT *v1 = version == 1 ? OSSL_ESS_signing_cert_new_init(x, NULL, 0) : NULL;
	ESS_SIGNING_CERT_V2 *v2 = version == 1 ? NULL : OSSL_ESS_signing_cert_v2_new_init(EVP_sha256(), x, NULL, 0);
	unsigned char *der = NULL;
	int len = v1 ? i2d_ESS_SIGNING_CERT(v1, &der) : i2d_ESS_SIGNING_CERT_V2(v2, &der);

	pki_must(len > 0 && CMS_signed_add1_attr_by_NID(si,
							version == 1 ? NID_id_smime_aa_signingCertificate
								     : NID_id_smime_aa_signingCertificateV2,
							V_ASN1_SEQUENCE, der, len) == 1,
		 "an ESSCertID");
	OPENSSL_free(der);
	ESS_SIGNING_CERT_free(v1);
	ESS_SIGNING_CERT_V2_free(v2);
}

static inline void
tsa_sign(CMS_ContentInfo *cms, const struct pki *signer, const struct tsa_spec *s)
{
	const EVP_MD *md = EVP_get_digestbyname(s->md ? s->md : "SHA256");
	unsigned int flags = CMS_BINARY | CMS_NOSMIMECAP | (s->no_cert ? CMS_NOCERTS : 0u);
	CMS_SignerInfo *si = CMS_add1_signer(cms, signer->x, signer->key, md, flags);

	pki_must(si, "a signer");
	if (s->ess >= 0)
		tsa_add_ess(si, s->ess, s->ess_of ? s->ess_of->x : signer->x);
}

/* the TimeStampToken; free it with OPENSSL_free() */
static inline unsigned char *
tsa_token(const struct tsa_spec *s, int *len_out)
{
	CMS_ContentInfo *cms = CMS_sign(NULL, NULL, NULL, NULL, CMS_PARTIAL | CMS_BINARY);
	BIO *content = BIO_new(BIO_s_mem());
	int info_len;
	unsigned char *info = tsa_info(s, &info_len);
	unsigned char *der = NULL;

	pki_must(cms && content && BIO_write(content, info, info_len) == info_len, "a token");
	if (s->behind_info)
		(void)BIO_puts(content, s->behind_info);
	pki_must(CMS_set1_eContentType(cms, OBJ_nid2obj(s->type ? s->type : NID_id_smime_ct_TSTInfo)) == 1, "a type");
	tsa_sign(cms, s->signer, s);
	if (s->second)
		tsa_sign(cms, s->second, s);
	if (s->embed)
		pki_must(CMS_add1_cert(cms, s->embed->x) == 1, "an embedded certificate");
	pki_must(CMS_final(cms, content, NULL, CMS_BINARY) == 1, "a token");
	if (s->type_after)
		pki_must(CMS_set1_eContentType(cms, OBJ_nid2obj(s->type_after)) == 1, "a type");
	*len_out = i2d_CMS_ContentInfo(cms, &der);
	pki_must(*len_out > 0, "a token");
	OPENSSL_free(info);
	BIO_free(content);
	CMS_ContentInfo_free(cms);
	return der;
}

/** tsa_respond() - append the TimeStampResp */
static inline void
tsa_respond(const struct tsa_spec *s, struct buf *out)
{
	static const char granted[] = "\x30\x03\x02\x01\x00";
	const char *status = s->status ? s->status : granted;
	const size_t status_len = s->status ? s->status_len : sizeof(granted) - 1;
	int len = 0;
	unsigned char *token = s->no_token ? NULL : tsa_token(s, &len);
	const size_t all = status_len + (size_t)len;
	/* a SEQUENCE whose length is written in two bytes, or in one where it is short */
	const uint8_t head[] = {0x30, 0x82, (uint8_t)(all >> 8), (uint8_t)all};
	const uint8_t short_head[] = {0x30, (uint8_t)all};
	coffer_err err = all < 128 ? buf_add(NULL, out, short_head, 2) : buf_add(NULL, out, head, 4);

	pki_must(all >= 256 || all < 128, "a length");
	pki_must(err == COFFER_OK && buf_add(NULL, out, status, status_len) == COFFER_OK &&
			 (len == 0 || buf_add(NULL, out, token, (size_t)len) == COFFER_OK),
		 "a response");
	OPENSSL_free(token);
}

#endif
