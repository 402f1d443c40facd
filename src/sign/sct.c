/* SPDX-License-Identifier: Apache-2.0 */
#include "sign/sct.h"

#include <string.h>

#include "base/buf.h"
#include "base/der.h"
#include "base/enc.h"
#include "base/limits.h"
#include "base/utc.h"
#include "crypto/digest.h"

#define VERSION_1 0
#define CERTIFICATE_TIMESTAMP 0
#define PRECERT_ENTRY 1
#define HASH_SHA256 4
#define SIGNED_MAX (LIMIT_CERT + 65536 + 64) /* bytes that an SCT's signature covers */

/* ---- reading ---- */

/* bytes behind their own length in two bytes */
static bool
take_vector(struct view *v, struct view *out)
{
	struct view rest = *v;
	uint16_t len;

	if (!view_be16(&rest, &len) || !view_take(&rest, len, out))
		return false;
	*v = rest;
	return true;
}

coffer_err
sct_list(struct fault *f, struct view extension, struct view *list_out)
{
	struct view bytes;

	*list_out = view_of(NULL, 0);
	if (!der_take(&extension, DER_OCTET_STRING, &bytes) || extension.len != 0 || !take_vector(&bytes, list_out) ||
	    bytes.len != 0 || list_out->len == 0)
		return fault_set(f, COFFER_E_FORMAT, "the certificate's list of SCTs is malformed");
	return COFFER_OK;
}

coffer_err
sct_next(struct fault *f, struct view *list, struct sct *out)
{
	struct view v;
	uint8_t version;

	*out = (struct sct){.time = 0};
	if (!take_vector(list, &v) || !view_copy(&v, &version, 1))
		return fault_set(f, COFFER_E_FORMAT, "the certificate has an SCT that is malformed");
	if (version != VERSION_1)
		return fault_set(f, COFFER_E_UNSUPPORTED, "the certificate has an SCT of version %u; 1 is known",
				 version + 1u);
	if (!view_take(&v, LOG_ID_LEN, &out->log_id) || !view_be64(&v, &out->time) ||
	    !take_vector(&v, &out->extensions) || !view_copy(&v, &out->hash, 1) || !view_copy(&v, &out->algorithm, 1) ||
	    !take_vector(&v, &out->signature) || v.len != 0)
		return fault_set(f, COFFER_E_FORMAT, "the certificate has an SCT that is malformed");
	return COFFER_OK;
}

/* ---- judging ---- */

static coffer_err
add_number(struct fault *f, struct buf *b, uint64_t v, size_t bytes)
{
	uint8_t be[8];

	put_be64(be, v);
	return buf_add(f, b, be + sizeof(be) - bytes, bytes);
}

static coffer_err
add_issuer_hash(struct fault *f, struct buf *b, const struct cert *issuer)
{
	struct buf spki = BUF_INIT(LIMIT_CERT);
	struct pubkey *key = NULL;
	uint8_t hash[DIGEST_MAX];
	coffer_err err = COFFER_OK;

	TRY(cert_public(f, issuer, &key));
	TRY(pubkey_der(f, key, &spki));
	TRY(digest_of(f, DIGEST_SHA256, buf_view(&spki), hash));
	TRY(buf_add(f, b, hash, digest_len(DIGEST_SHA256)));
out:
	pubkey_free(&key);
	buf_free(&spki);
	return err;
}

/* what the log signed: the certificate as it was before it had any SCT (RFC 6962 3.2) */
static coffer_err
add_signed(struct fault *f, struct buf *b, const struct sct *sct, const struct cert *leaf, const struct cert *issuer)
{
	struct buf tbs = BUF_INIT(LIMIT_CERT);
	coffer_err err = COFFER_OK;

	TRY(cert_precert_tbs(f, leaf, &tbs));
	TRY(add_number(f, b, VERSION_1, 1));
	TRY(add_number(f, b, CERTIFICATE_TIMESTAMP, 1));
	TRY(add_number(f, b, sct->time, 8));
	TRY(add_number(f, b, PRECERT_ENTRY, 2));
	TRY(add_issuer_hash(f, b, issuer));
	TRY(add_number(f, b, tbs.len, 3));
	TRY(buf_add(f, b, tbs.p, tbs.len));
	TRY(add_number(f, b, sct->extensions.len, 2));
	TRY(buf_add(f, b, sct->extensions.p, sct->extensions.len));
out:
	buf_free(&tbs);
	return err;
}

/* SHA-256, with the algorithm that the key is of */
static bool
algorithm_fits(const struct sct *sct, const struct pubkey *key)
{
	enum { RSA = 1, ECDSA = 3 };

	switch (pubkey_kind(key)) {
	case PKEY_P256:
		return sct->hash == HASH_SHA256 && sct->algorithm == ECDSA;
	case PKEY_RSA:
		return sct->hash == HASH_SHA256 && sct->algorithm == RSA;
	default:
		return false;
	}
}

static coffer_err
check_log(struct fault *f, const struct trusted_root *root, const struct sct *sct, const struct trusted_log **out)
{
	const struct trusted_log *log = trusted_root_ctlog(root, sct->log_id);
	char id[2 * LOG_ID_LEN + 1], time[UTC_LEN + 1];

	if (!log) {
		enc_hex(sct->log_id.p, LOG_ID_LEN, id);
		return fault_set(f, COFFER_E_SIGNATURE,
				 "the certificate's SCT is of log %.16s…, which is none of the trusted root's logs of "
				 "certificates",
				 id);
	}
	if (!log->key || !algorithm_fits(sct, log->key))
		return fault_set(
			f, COFFER_E_SIGNATURE,
			"the certificate's SCT is signed with an algorithm that is not used with the key of %s",
			log->url);
	if (sct->time > INT64_MAX || !validity_has(&log->valid, (int64_t)sct->time))
		return fault_set(f, COFFER_E_SIGNATURE,
				 "the certificate's SCT is of %s, when the trusted root does not believe the log %s",
				 utc_text((int64_t)(sct->time / 1000), time), log->url);
	*out = log;
	return COFFER_OK;
}

static coffer_err
verify_one(struct fault *f, const struct trusted_root *root, const struct sct *sct, const struct cert *leaf,
	   const struct cert *issuer)
{
	struct buf message = BUF_INIT(SIGNED_MAX);
	const struct trusted_log *log = NULL;
	coffer_err err = COFFER_OK;

	TRY(check_log(f, root, sct, &log));
	TRY(add_signed(f, &message, sct, leaf, issuer));
	err = pubkey_verify(f, log->key, DIGEST_SHA256, buf_view(&message), sct->signature);
	if (err == COFFER_E_SIGNATURE)
		err = fault_set(f, err, "the signature of the log %s in the certificate's SCT is false", log->url);
out:
	buf_free(&message);
	return err;
}

coffer_err
sct_verify(struct fault *f, const struct trusted_root *root, const struct cert *leaf, const struct cert *issuer)
{
	struct view extension, list;
	coffer_err err = COFFER_OK;
	bool critical;

	if (!cert_extension(leaf, SCT_EXTENSION, &extension, &critical))
		return fault_set(f, COFFER_E_SIGNATURE,
				 "the certificate has no SCT: no log promises that it was published");
	TRY(sct_list(f, extension, &list));
	do {
		struct sct sct;

		TRY(sct_next(f, &list, &sct));
		err = verify_one(f, root, &sct, leaf, issuer);
		if (err != COFFER_E_SIGNATURE)
			break;
	} while (list.len > 0);
out:
	return err;
}
