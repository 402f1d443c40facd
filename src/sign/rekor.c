/* SPDX-License-Identifier: Apache-2.0 */
#include "sign/rekor.h"

#include <stdlib.h>
#include <string.h>

#include "base/enc.h"
#include "base/limits.h"
#include "crypto/digest.h"
#include "crypto/pkey.h"
#include "data/doc.h"
#include "sign/dsse.h"
#include "sign/service.h"
#include "sign/tlog_body.h"

/* ---- what the entry is to be about ---- */

static coffer_err
find_subject(struct fault *f, const struct bundle *b, struct tlog_subject *s)
{
	struct pubkey *key = NULL;
	coffer_err err;

	*s = (struct tlog_subject){.content = b->content,
				   .payload = buf_view(&b->payload),
				   .signature = buf_view(&b->signature),
				   .cert = b->certs.v[0]};
	TRY(cert_public(f, s->cert, &key));
	s->digest_kind = pkey_digest(pubkey_kind(key));
	if (b->content == BUNDLE_DSSE)
		TRY(dsse_digest(f, s->digest_kind, b->payload_type, s->payload, s->digest));
	else if (b->has_digest && b->digest_kind == s->digest_kind)
		memcpy(s->digest, b->digest, sizeof(s->digest));
	else
		err = fault_set(f, COFFER_E_USAGE, "a message to be logged must come with its %s",
				digest_name(s->digest_kind));
out:
	pubkey_free(&key);
	return err;
}

/* ---- version 1: an envelope as text or the hash of a message; the certificate as base64 of its PEM ---- */

/* RFC 7468: lines of 64 characters */
static coffer_err
write_pem(struct fault *f, struct view der, struct buf *out)
{
	char line[ENC_B64_LEN(48) + 1];
	coffer_err err;

	TRY(buf_str(f, out, "-----BEGIN CERTIFICATE-----\n"));
	while (der.len > 0) {
		size_t len = der.len < 48 ? der.len : 48;

		enc_b64(der.p, len, line);
		TRY(buf_printf(f, out, "%s\n", line));
		der = view_of(der.p + len, der.len - len);
	}
	TRY(buf_str(f, out, "-----END CERTIFICATE-----\n"));
out:
	return err;
}

static const char *
kind_v1(enum bundle_content content)
{
	return content == BUNDLE_DSSE ? "dsse" : "hashedrekord";
}

/* dsse 0.0.1 */
static coffer_err
spec_of_envelope(struct fault *f, const struct bundle *b, const struct buf *pem, struct doc **out)
{
	struct buf envelope = BUF_INIT(LIMIT_BUNDLE);
	struct doc *content;
	coffer_err err;

	TRY(dsse_write(f, b, &envelope));
	TRY(buf_add(f, &envelope, "", 1));
	content = doc_set(doc_object(), "envelope", doc_new_text((const char *)envelope.p));
	content = doc_set(content, "verifiers", doc_add(doc_array(), doc_new_b64(pem->p, pem->len)));
	*out = doc_set(doc_object(), "proposedContent", content);
out:
	buf_free(&envelope);
	return err;
}

/* hashedrekord 0.0.1 */
static struct doc *
spec_of_message(const struct tlog_subject *s, const struct buf *pem)
{
	struct doc *hash, *signature;

	hash = doc_set(doc_object(), "algorithm", doc_new_text(digest_name(s->digest_kind)));
	hash = doc_set(hash, "value", doc_new_hex(s->digest, digest_len(s->digest_kind)));
	signature = doc_set(doc_object(), "content", doc_new_b64(s->signature.p, s->signature.len));
	signature = doc_set(signature, "publicKey", doc_set(doc_object(), "content", doc_new_b64(pem->p, pem->len)));
	return doc_set(doc_set(doc_object(), "data", doc_set(doc_object(), "hash", hash)), "signature", signature);
}

static coffer_err
request_v1(struct fault *f, const struct bundle *b, const struct tlog_subject *s, struct doc **out)
{
	struct buf pem = BUF_INIT(2 * LIMIT_CERT);
	struct doc *spec = NULL;
	coffer_err err;

	*out = NULL;
	TRY(write_pem(f, cert_der(s->cert), &pem));
	if (s->content == BUNDLE_DSSE)
		TRY(spec_of_envelope(f, b, &pem, &spec));
	else
		spec = spec_of_message(s, &pem);
	*out = doc_set(doc_object(), "apiVersion", doc_new_text("0.0.1"));
	*out = doc_set(*out, "kind", doc_new_text(kind_v1(s->content)));
	*out = doc_set(*out, "spec", spec);
	if (!*out)
		TRY(fault_nomem(f));
out:
	buf_free(&pem);
	return err;
}

/* text that is hexadecimal, as base64 */
static struct doc *
b64_of_hex(const struct doc *hex)
{
	const char *text = doc_text(hex, 0, 2 * DIGEST_MAX);
	size_t len = text ? strlen(text) / 2 : 0;
	uint8_t bytes[DIGEST_MAX];

	return text && doc_hex(hex, bytes, len) ? doc_new_b64(bytes, len) : NULL;
}

static struct doc *
number_of(const struct doc *number)
{
	uint64_t v;

	return doc_whole(number, INT64_MAX, &v) ? doc_new_number(v) : NULL;
}

static struct doc *
text_of(const struct doc *text)
{
	struct view v;

	return doc_string(text, &v) ? doc_new_text((const char *)v.p) : NULL;
}

static struct doc *
convert_hashes(const struct doc *hashes)
{
	struct doc *out = doc_array();

	for (size_t i = 0; i < doc_size(hashes); i++)
		out = doc_add(out, b64_of_hex(doc_at(hashes, i)));
	return out;
}

static struct doc *
convert_proof(const struct doc *proof)
{
	struct doc *out = doc_object();

	out = doc_set(out, "logIndex", number_of(doc_get(proof, "logIndex")));
	out = doc_set(out, "treeSize", number_of(doc_get(proof, "treeSize")));
	out = doc_set(out, "rootHash", b64_of_hex(doc_get(proof, "rootHash")));
	out = doc_set(out, "hashes", convert_hashes(doc_get(proof, "hashes")));
	return doc_set(out, "checkpoint", doc_set(doc_object(), "envelope", text_of(doc_get(proof, "checkpoint"))));
}

static struct doc *
kind_version(const char *kind)
{
	return doc_set(doc_set(doc_object(), "kind", doc_new_text(kind)), "version", doc_new_text("0.0.1"));
}

struct conversion {
	const char *kind;
	struct doc *out;
};

/* Version 1 answers {UUID: {…}}, a form of its own; the members are those of a TransparencyLogEntry by other names. */
static coffer_err
convert_v1(void *arg, const char *uuid, const struct doc *entry)
{
	const struct doc *verification = doc_get(entry, "verification");
	struct conversion *c = arg;
	struct doc *out = doc_object();

	(void)uuid;
	out = doc_set(out, "logIndex", number_of(doc_get(entry, "logIndex")));
	out = doc_set(out, "logId", doc_set(doc_object(), "keyId", b64_of_hex(doc_get(entry, "logID"))));
	out = doc_set(out, "kindVersion", kind_version(c->kind));
	out = doc_set(out, "integratedTime", number_of(doc_get(entry, "integratedTime")));
	out = doc_set(
		out, "inclusionPromise",
		doc_set(doc_object(), "signedEntryTimestamp", text_of(doc_get(verification, "signedEntryTimestamp"))));
	out = doc_set(out, "inclusionProof", convert_proof(doc_get(verification, "inclusionProof")));
	out = doc_set(out, "canonicalizedBody", text_of(doc_get(entry, "body")));
	c->out = out;
	return COFFER_OK;
}

static coffer_err
from_v1(struct fault *f, enum bundle_content content, struct doc **answer)
{
	struct conversion c = {.kind = kind_v1(content)};

	if (doc_is_object(*answer) && doc_size(*answer) == 1)
		(void)doc_each(*answer, convert_v1, &c);
	doc_free(answer);
	*answer = c.out;
	return c.out ? COFFER_OK : fault_set(f, COFFER_E_NET, "the log sent no entry");
}

/* ---- version 2: a hash, and the certificate in DER ---- */

/* PublicKeyDetails of sigstore_common.proto */
static const char *
key_details(enum digest_kind digest)
{
	return digest == DIGEST_SHA256	 ? "PKIX_ECDSA_P256_SHA_256"
	       : digest == DIGEST_SHA384 ? "PKIX_ECDSA_P384_SHA_384"
					 : "PKIX_ECDSA_P521_SHA_512";
}

static coffer_err
request_v2(struct fault *f, const struct tlog_subject *s, struct doc **out)
{
	struct view der = cert_der(s->cert);
	struct doc *verifier, *signature, *request;

	verifier = doc_set(doc_object(), "x509Certificate",
			   doc_set(doc_object(), "rawBytes", doc_new_b64(der.p, der.len)));
	verifier = doc_set(verifier, "keyDetails", doc_new_text(key_details(s->digest_kind)));
	signature = doc_set(doc_object(), "content", doc_new_b64(s->signature.p, s->signature.len));
	signature = doc_set(signature, "verifier", verifier);
	request = doc_set(doc_object(), "digest", doc_new_b64(s->digest, digest_len(s->digest_kind)));
	request = doc_set(request, "signature", signature);
	*out = doc_set(doc_object(), "hashedRekordRequestV002", request);
	return *out ? COFFER_OK : fault_nomem(f);
}

/* ---- both ---- */

static coffer_err
take_entry(struct fault *f, const struct doc *answer, const struct tlog_subject *s, struct bundle *b)
{
	struct tlog_entry e;
	enum tlog_kind kind;
	coffer_err err;

	tlog_entry_init(&e);
	if (tlog_entry_read(f, answer, &e) != COFFER_OK)
		TRY(fault_prefix(f, "the log sent something else than an entry"));
	TRY(tlog_kind(f, &e, &kind));
	TRY(tlog_body_check(f, &e, kind, s));
	TRY(bundle_add_entry(f, b, &e));
out:
	tlog_entry_free(&e);
	return err;
}

coffer_err
rekor_add(struct fault *f, const struct service *log, struct bundle *b)
{
	const char *path = log->version == 1 ? "api/v1/log/entries" : "api/v2/log/entries";
	struct doc *request = NULL, *answer = NULL;
	struct tlog_subject s;
	coffer_err err;

	TRY(find_subject(f, b, &s));
	TRY(log->version == 1 ? request_v1(f, b, &s, &request) : request_v2(f, &s, &request));
	TRY(service_json(f, log->url, path, NULL, request, &answer));
	if (log->version == 1)
		TRY(from_v1(f, s.content, &answer));
	TRY(take_entry(f, answer, &s, b));
out:
	doc_free(&answer);
	return err;
}
