/* SPDX-License-Identifier: Apache-2.0 */
#include "sign/bundle.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/json_out.h"
#include "base/limits.h"

static void
write_count(struct json_out *j, const char *key, uint64_t v)
{
	char text[24];

	(void)snprintf(text, sizeof(text), "%" PRIu64, v);
	json_out_str(j, key, text);
}

/* {«name»: base64} under @key */
static void
write_bytes(struct json_out *j, const char *key, const char *name, struct view bytes)
{
	json_out_begin(j, key, JSON_OBJECT);
	json_out_b64(j, name, bytes);
	json_out_end(j);
}

static void
write_proof(struct json_out *j, const struct tlog_entry *e)
{
	json_out_begin(j, "inclusionProof", JSON_OBJECT);
	write_count(j, "logIndex", e->proof_index);
	json_out_b64(j, "rootHash", buf_view(&e->root));
	write_count(j, "treeSize", e->tree_size);
	json_out_begin(j, "hashes", JSON_ARRAY);
	for (size_t i = 0; i < e->n_hashes; i++)
		json_out_b64(j, NULL, buf_view(&e->hashes[i]));
	json_out_end(j);
	if (e->checkpoint) {
		json_out_begin(j, "checkpoint", JSON_OBJECT);
		json_out_str(j, "envelope", e->checkpoint);
		json_out_end(j);
	}
	json_out_end(j);
}

static void
write_entry(struct json_out *j, const struct tlog_entry *e)
{
	json_out_begin(j, NULL, JSON_OBJECT);
	write_count(j, "logIndex", e->log_index);
	write_bytes(j, "logId", "keyId", buf_view(&e->key_id));
	json_out_begin(j, "kindVersion", JSON_OBJECT);
	json_out_str(j, "kind", e->kind);
	json_out_str(j, "version", e->version);
	json_out_end(j);
	if (e->integrated_time != 0)
		write_count(j, "integratedTime", e->integrated_time);
	if (e->promise.len > 0)
		write_bytes(j, "inclusionPromise", "signedEntryTimestamp", buf_view(&e->promise));
	if (e->has_proof)
		write_proof(j, e);
	json_out_b64(j, "canonicalizedBody", buf_view(&e->body));
	json_out_end(j);
}

static void
write_identity(struct json_out *j, const struct bundle *b)
{
	switch (b->material) {
	case BUNDLE_PUBLIC_KEY:
		json_out_begin(j, "publicKey", JSON_OBJECT);
		json_out_str(j, "hint", b->key_hint);
		json_out_end(j);
		break;
	case BUNDLE_CHAIN:
		json_out_begin(j, "x509CertificateChain", JSON_OBJECT);
		json_out_begin(j, "certificates", JSON_ARRAY);
		for (size_t i = 0; i < b->certs.n; i++)
			write_bytes(j, NULL, "rawBytes", cert_der(b->certs.v[i]));
		json_out_end(j);
		json_out_end(j);
		break;
	case BUNDLE_CERTIFICATE:
		write_bytes(j, "certificate", "rawBytes", cert_der(b->certs.v[0]));
		break;
	}
}

static void
write_material(struct json_out *j, const struct bundle *b)
{
	json_out_begin(j, "verificationMaterial", JSON_OBJECT);
	write_identity(j, b);
	json_out_begin(j, "tlogEntries", JSON_ARRAY);
	for (size_t i = 0; i < b->n_entries; i++)
		write_entry(j, &b->entries[i]);
	json_out_end(j);
	if (b->n_timestamps > 0) {
		json_out_begin(j, "timestampVerificationData", JSON_OBJECT);
		json_out_begin(j, "rfc3161Timestamps", JSON_ARRAY);
		for (size_t i = 0; i < b->n_timestamps; i++)
			write_bytes(j, NULL, "signedTimestamp", buf_view(&b->timestamps[i]));
		json_out_end(j);
		json_out_end(j);
	}
	json_out_end(j);
}

static void
write_envelope(struct json_out *j, const char *key, const struct bundle *b)
{
	json_out_begin(j, key, JSON_OBJECT);
	json_out_b64(j, "payload", buf_view(&b->payload));
	json_out_str(j, "payloadType", b->payload_type);
	json_out_begin(j, "signatures", JSON_ARRAY);
	json_out_begin(j, NULL, JSON_OBJECT);
	json_out_b64(j, "sig", buf_view(&b->signature));
	json_out_str(j, "keyid", "");
	json_out_end(j);
	json_out_end(j);
	json_out_end(j);
}

static void
write_message(struct json_out *j, const struct bundle *b)
{
	char algorithm[16];

	json_out_begin(j, "messageSignature", JSON_OBJECT);
	if (b->has_digest) {
		(void)snprintf(algorithm, sizeof(algorithm), "SHA2_%zu", 8 * digest_len(b->digest_kind));
		json_out_begin(j, "messageDigest", JSON_OBJECT);
		json_out_str(j, "algorithm", algorithm);
		json_out_b64(j, "digest", view_of(b->digest, digest_len(b->digest_kind)));
		json_out_end(j);
	}
	json_out_b64(j, "signature", buf_view(&b->signature));
	json_out_end(j);
}

static coffer_err
check_writable(struct fault *f, const struct bundle *b)
{
	bool identified = b->material == BUNDLE_PUBLIC_KEY ? b->key_hint != NULL : b->certs.n > 0;
	bool signed_ =
		b->signature.len > 0 && (b->content == BUNDLE_MESSAGE || (b->payload_type && b->payload.len > 0));

	if (!identified || !signed_)
		return fault_set(f, COFFER_E_INTERNAL, "a bundle without a signature, or without whose it is");
	return COFFER_OK;
}

/* Have @write append to @out, where the text grows without a copy. */
static coffer_err
append_json(struct fault *f, const struct bundle *b, void (*write)(struct json_out *j, const struct bundle *b),
	    struct buf *out)
{
	size_t before = out->len;
	struct json_out j;
	coffer_err err;

	TRY(check_writable(f, b));
	json_out_init(&j, f);
	j.text = *out;
	write(&j, b);
	err = json_out_done(&j);
	*out = j.text;
	if (err == COFFER_OK && out->len - before > LIMIT_BUNDLE)
		err = fault_set(f, COFFER_E_USAGE,
				"the signature would be %zu bytes, and at most %u are read; larger shards, or whole "
				"files, make it smaller",
				out->len - before, LIMIT_BUNDLE);
out:
	return err;
}

static void
write_all(struct json_out *j, const struct bundle *b)
{
	json_out_begin(j, NULL, JSON_OBJECT);
	json_out_str(j, "mediaType", BUNDLE_MEDIA_TYPE);
	write_material(j, b);
	if (b->content == BUNDLE_DSSE)
		write_envelope(j, "dsseEnvelope", b);
	else
		write_message(j, b);
	json_out_end(j);
}

coffer_err
bundle_write(struct fault *f, const struct bundle *b, struct buf *out)
{
	return append_json(f, b, write_all, out);
}

static void
write_envelope_alone(struct json_out *j, const struct bundle *b)
{
	write_envelope(j, NULL, b);
}

coffer_err
dsse_write(struct fault *f, const struct bundle *b, struct buf *out)
{
	return append_json(f, b, write_envelope_alone, out);
}
