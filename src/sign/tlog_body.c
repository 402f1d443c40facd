/* SPDX-License-Identifier: Apache-2.0 */
#include "sign/tlog_body.h"

#include <string.h>

#include "base/enc.h"
#include "base/limits.h"
#include "data/doc.h"
#include "mem/secret.h"

#define BODY_TEXT_MAX (2 * LIMIT_CERT) /* of a signature, certificate or key in a body */

static coffer_err
malformed(struct fault *f)
{
	return fault_set(f, COFFER_E_FORMAT, "the body of the log entry is not as its kind and version want it");
}

/* ---- the three things, each in its several spellings ---- */

static coffer_err
other_hash(struct fault *f)
{
	return fault_set(f, COFFER_E_SIGNATURE,
			 "the log entry is about other content: its hash differs from what was signed");
}

/* {"algorithm": "sha256", "value": hex} of @digest */
static coffer_err
check_hex_hash(struct fault *f, const struct doc *d, enum digest_kind kind, const uint8_t *digest)
{
	const char *algorithm = doc_text(doc_get(d, "algorithm"), 1, 32);
	uint8_t got[DIGEST_MAX];
	enum digest_kind found;

	if (!algorithm || !digest_find(algorithm, &found) || !doc_hex(doc_get(d, "value"), got, digest_len(found)))
		return malformed(f);
	return found == kind && mem_equal(got, digest, digest_len(kind)) ? COFFER_OK : other_hash(f);
}

/* the hash of the envelope's payload, which v1 logs by SHA-256 */
static coffer_err
check_payload_hash(struct fault *f, const struct doc *d, const struct tlog_subject *s)
{
	uint8_t digest[DIGEST_MAX];
	coffer_err err = digest_of(f, DIGEST_SHA256, s->payload, digest);

	return err == COFFER_OK ? check_hex_hash(f, d, DIGEST_SHA256, digest) : err;
}

/* {"algorithm": "SHA2_256", "digest": base64} */
static coffer_err
check_v2_hash(struct fault *f, const struct doc *d, const struct tlog_subject *s)
{
	static const char *const names[] = {
		[DIGEST_SHA256] = "SHA2_256", [DIGEST_SHA384] = "SHA2_384", [DIGEST_SHA512] = "SHA2_512"};
	const char *algorithm = doc_text(doc_get(d, "algorithm"), 1, 32);
	uint8_t got[DIGEST_MAX];
	size_t len;

	if (!algorithm || !doc_b64(doc_get(d, "digest"), got, sizeof(got), &len))
		return malformed(f);
	if (strcmp(algorithm, names[s->digest_kind]) != 0 || len != digest_len(s->digest_kind) ||
	    !mem_equal(got, s->digest, len))
		return other_hash(f);
	return COFFER_OK;
}

static coffer_err
read_b64(struct fault *f, const struct doc *d, struct buf *out)
{
	coffer_err err = doc_b64_buf(f, d, out);

	return err == COFFER_E_FORMAT ? malformed(f) : err;
}

static coffer_err
check_signature(struct fault *f, struct view got, const struct tlog_subject *s)
{
	if (got.len != s->signature.len || (got.len > 0 && memcmp(got.p, s->signature.p, got.len) != 0))
		return fault_set(f, COFFER_E_SIGNATURE, "the log entry is about another signature than the bundle's");
	return COFFER_OK;
}

static coffer_err
check_b64_signature(struct fault *f, const struct doc *d, const struct tlog_subject *s)
{
	struct buf got = BUF_INIT(BODY_TEXT_MAX);
	coffer_err err = COFFER_OK;

	TRY(read_b64(f, d, &got));
	TRY(check_signature(f, buf_view(&got), s));
out:
	buf_free(&got);
	return err;
}

static coffer_err
other_signer(struct fault *f, const struct tlog_subject *s)
{
	return fault_set(f, COFFER_E_SIGNATURE, "the log entry is about a signature by another %s than the bundle's",
			 s->cert ? "certificate" : "key");
}

/* @err is of reading the key: one that cannot be used here is not the signer's, either */
static coffer_err
check_key(struct fault *f, coffer_err err, const struct pubkey *got, const struct tlog_subject *s)
{
	if (err == COFFER_E_KEY)
		return other_signer(f, s);
	if (err != COFFER_OK)
		return err;
	return pubkey_equal(got, s->key) ? COFFER_OK : other_signer(f, s);
}

static coffer_err
check_pem_signer(struct fault *f, struct view pem, const struct tlog_subject *s)
{
	struct certs certs = {.n = 0};
	struct pubkey *key = NULL;
	coffer_err err = COFFER_OK;

	if (s->cert) {
		TRY(certs_from_pem(f, "the certificate in the log entry", pem, &certs));
		err = certs.n == 1 && cert_equal(certs.v[0], s->cert) ? COFFER_OK : other_signer(f, s);
	} else {
		err = pubkey_from_pem(f, "the key in the log entry", pem, &key);
		err = check_key(f, err, key, s);
	}
out:
	certs_free(&certs);
	pubkey_free(&key);
	return err;
}

/* base64 of the PEM text of a certificate or key */
static coffer_err
check_b64_pem_signer(struct fault *f, const struct doc *d, const struct tlog_subject *s)
{
	struct buf pem = BUF_INIT(BODY_TEXT_MAX);
	coffer_err err = COFFER_OK;

	TRY(read_b64(f, d, &pem));
	TRY(check_pem_signer(f, buf_view(&pem), s));
out:
	buf_free(&pem);
	return err;
}

/* {"x509Certificate": {"rawBytes": base64}}, or "publicKey" */
static coffer_err
check_v2_signer(struct fault *f, const struct doc *d, const struct tlog_subject *s)
{
	const struct doc *holder = doc_get(d, s->cert ? "x509Certificate" : "publicKey");
	struct buf der = BUF_INIT(BODY_TEXT_MAX);
	struct pubkey *key = NULL;
	coffer_err err = COFFER_OK;

	if (!holder)
		return other_signer(f, s);
	TRY(read_b64(f, doc_get(holder, "rawBytes"), &der));
	if (s->cert) {
		struct view want = cert_der(s->cert);

		err = der.len == want.len && memcmp(der.p, want.p, want.len) == 0 ? COFFER_OK : other_signer(f, s);
	} else {
		err = pubkey_from_der(f, "the key in the log entry", buf_view(&der), &key);
		err = check_key(f, err, key, s);
	}
out:
	buf_free(&der);
	pubkey_free(&key);
	return err;
}

/* the one element of a list */
static const struct doc *
only_one(const struct doc *list)
{
	return doc_is_array(list) && doc_size(list) == 1 ? doc_at(list, 0) : NULL;
}

/* ---- the kinds ---- */

static coffer_err
check_hashedrekord(struct fault *f, const struct doc *spec, const struct tlog_subject *s)
{
	const struct doc *signature = doc_get(spec, "signature");
	coffer_err err = COFFER_OK;

	TRY(check_hex_hash(f, doc_get(doc_get(spec, "data"), "hash"), s->digest_kind, s->digest));
	TRY(check_b64_signature(f, doc_get(signature, "content"), s));
	TRY(check_b64_pem_signer(f, doc_get(doc_get(signature, "publicKey"), "content"), s));
out:
	return err;
}

/* its envelopeHash is of a text that only the log has seen */
static coffer_err
check_dsse(struct fault *f, const struct doc *spec, const struct tlog_subject *s)
{
	const struct doc *signature = only_one(doc_get(spec, "signatures"));
	coffer_err err = COFFER_OK;

	TRY(check_payload_hash(f, doc_get(spec, "payloadHash"), s));
	TRY(check_b64_signature(f, doc_get(signature, "signature"), s));
	TRY(check_b64_pem_signer(f, doc_get(signature, "verifier"), s));
out:
	return err;
}

/* this kind has its signature in base64 twice */
static coffer_err
check_twice_b64_signature(struct fault *f, const struct doc *d, const struct tlog_subject *s)
{
	struct buf text = BUF_INIT(BODY_TEXT_MAX);
	uint8_t bytes[BODY_TEXT_MAX / 16];
	coffer_err err = COFFER_OK;
	size_t len;

	TRY(read_b64(f, d, &text));
	if (!dec_b64((const char *)text.p, text.len, bytes, sizeof(bytes), &len))
		err = malformed(f);
	TRY(err);
	TRY(check_signature(f, view_of(bytes, len), s));
out:
	buf_free(&text);
	return err;
}

static coffer_err
check_intoto(struct fault *f, const struct doc *spec, const struct tlog_subject *s)
{
	const struct doc *content = doc_get(spec, "content");
	const struct doc *signature = only_one(doc_get(doc_get(content, "envelope"), "signatures"));
	coffer_err err = COFFER_OK;

	TRY(check_payload_hash(f, doc_get(content, "payloadHash"), s));
	TRY(check_twice_b64_signature(f, doc_get(signature, "sig"), s));
	TRY(check_b64_pem_signer(f, doc_get(signature, "publicKey"), s));
out:
	return err;
}

static coffer_err
check_v2(struct fault *f, const struct doc *spec, const struct tlog_subject *s)
{
	const struct doc *record = doc_get(spec, "hashedRekordV002"), *signature = doc_get(record, "signature");
	coffer_err err = COFFER_OK;

	TRY(check_v2_hash(f, doc_get(record, "data"), s));
	TRY(check_b64_signature(f, doc_get(signature, "content"), s));
	TRY(check_v2_signer(f, doc_get(signature, "verifier"), s));
out:
	return err;
}

static bool
text_is(const struct doc *d, const char *want)
{
	const char *text = doc_text(d, 1, 64);

	return text && strcmp(text, want) == 0;
}

/* The kind was told by the bundle; the body, which the log stands by, must say the same. */
static coffer_err
check_kind(struct fault *f, const struct doc *body, const struct tlog_entry *e)
{
	if (text_is(doc_get(body, "kind"), e->kind) && text_is(doc_get(body, "apiVersion"), e->version))
		return COFFER_OK;
	return fault_set(f, COFFER_E_SIGNATURE, "the log entry's body is not of the kind %s %s, as the bundle says",
			 e->kind, e->version);
}

coffer_err
tlog_body_check(struct fault *f, const struct tlog_entry *e, enum tlog_kind kind, const struct tlog_subject *s)
{
	static const struct {
		coffer_err (*check)(struct fault *f, const struct doc *spec, const struct tlog_subject *s);
		bool of_dsse, of_message;
	} kinds[] = {
		[TLOG_HASHEDREKORD] = {check_hashedrekord, false, true},
		[TLOG_DSSE] = {check_dsse, true, false},
		[TLOG_INTOTO] = {check_intoto, true, false},
		[TLOG_V2] = {check_v2, true, true},
	};
	struct doc *body = NULL;
	coffer_err err = COFFER_OK;

	if (!(s->content == BUNDLE_DSSE ? kinds[kind].of_dsse : kinds[kind].of_message))
		return fault_set(f, COFFER_E_SIGNATURE, "a log entry of the kind %s %s is not about %s", e->kind,
				 e->version, s->content == BUNDLE_DSSE ? "an envelope" : "a file");
	TRY(doc_parse_foreign(f, "the body of the log entry", buf_view(&e->body), &body));
	TRY(check_kind(f, body, e));
	TRY(kinds[kind].check(f, doc_get(body, "spec"), s));
out:
	doc_free(&body);
	return err;
}
