/* SPDX-License-Identifier: Apache-2.0 */
#include "sign/bundle.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "data/doc.h"
#include "mem/secret.h"

#define COUNT_MAX ((uint64_t)INT64_MAX)

void
tlog_entry_init(struct tlog_entry *e)
{
	*e = (struct tlog_entry){.key_id = BUF_INIT(LIMIT_TEXT),
				 .promise = BUF_INIT(LIMIT_SIGNATURE),
				 .root = BUF_INIT(LIMIT_LOG_HASH),
				 .body = BUF_INIT(LIMIT_TLOG_BODY)};
}

void
tlog_entry_free(struct tlog_entry *e)
{
	for (size_t i = 0; i < e->n_hashes; i++)
		buf_free(&e->hashes[i]);
	free(e->hashes);
	free(e->checkpoint);
	buf_free(&e->key_id);
	buf_free(&e->promise);
	buf_free(&e->root);
	buf_free(&e->body);
	tlog_entry_init(e);
}

void
bundle_init(struct bundle *b)
{
	*b = (struct bundle){.version = 3,
			     .key_raw = BUF_INIT(LIMIT_CERT),
			     .payload = BUF_INIT(LIMIT_BUNDLE),
			     .signature = BUF_INIT(LIMIT_SIGNATURE)};
}

void
bundle_free(struct bundle *b)
{
	for (size_t i = 0; i < b->n_entries; i++)
		tlog_entry_free(&b->entries[i]);
	for (size_t i = 0; i < b->n_timestamps; i++)
		buf_free(&b->timestamps[i]);
	free(b->entries);
	free(b->timestamps);
	free(b->key_hint);
	free(b->payload_type);
	buf_free(&b->key_raw);
	buf_free(&b->payload);
	buf_free(&b->signature);
	certs_free(&b->certs);
	bundle_init(b);
}

/* ---- members ---- */

enum presence { OPTIONAL, REQUIRED };

static const struct doc *
member(const struct doc *d, const char *name)
{
	const struct doc *m = doc_get(d, name);

	return doc_is_null(m) ? NULL : m;
}

static coffer_err
refuse(struct fault *f, const char *name, const char *why)
{
	return fault_set(f, COFFER_E_FORMAT, "«%s» %s", name, why);
}

static coffer_err
get_object(struct fault *f, const struct doc *d, const char *name, enum presence presence, const struct doc **out)
{
	*out = member(d, name);
	if (!*out && presence == OPTIONAL)
		return COFFER_OK;
	return doc_is_object(*out) ? COFFER_OK : refuse(f, name, "is missing, or no object");
}

/* an array that may be absent, and then has no elements */
static coffer_err
get_array(struct fault *f, const struct doc *d, const char *name, size_t max, const struct doc **out)
{
	*out = member(d, name);
	if (*out && !doc_is_array(*out))
		return refuse(f, name, "is no array");
	if (doc_size(*out) > max)
		return fault_set(f, COFFER_E_FORMAT, "«%s» has %zu elements; at most %zu are accepted", name,
				 doc_size(*out), max);
	return COFFER_OK;
}

static coffer_err
decode(struct fault *f, const struct doc *text, const char *name, struct buf *out)
{
	coffer_err err = doc_b64_buf(f, text, out);

	if (err == COFFER_E_FORMAT)
		return fault_set(f, err, "«%s» is not base64 of at most %zu bytes (the standard alphabet, padded)",
				 name, out->max);
	return err;
}

static coffer_err
read_bytes(struct fault *f, const struct doc *d, const char *name, enum presence presence, struct buf *out)
{
	const struct doc *m = member(d, name);
	coffer_err err = COFFER_OK;

	if (m)
		TRY(decode(f, m, name, out));
	if (presence == REQUIRED && out->len == 0)
		return refuse(f, name, "is missing or empty");
out:
	return err;
}

static coffer_err
read_text(struct fault *f, const struct doc *d, const char *name, size_t min, size_t max, char **out)
{
	const struct doc *m = member(d, name);
	const char *text = doc_text(m, min, max);

	if (!m && min == 0)
		return COFFER_OK;
	if (!text)
		return fault_set(f, COFFER_E_FORMAT, "«%s» is missing, or no text of %zu to %zu bytes", name, min, max);
	*out = strdup(text);
	return *out ? COFFER_OK : fault_nomem(f);
}

static coffer_err
read_word(struct fault *f, const struct doc *d, const char *name, char *out, size_t size)
{
	const char *text = doc_text(member(d, name), 1, size - 1);

	if (!text)
		return refuse(f, name, "is missing, or no short text");
	(void)snprintf(out, size, "%s", text);
	return COFFER_OK;
}

static coffer_err
read_count(struct fault *f, const struct doc *d, const char *name, uint64_t *out)
{
	const struct doc *m = member(d, name);

	if (m && !doc_decimal(m, COUNT_MAX, out))
		return refuse(f, name, "is no whole number from 0 to 2^63 - 1");
	return COFFER_OK;
}

/* ---- log entries ---- */

static coffer_err
read_checkpoint(struct fault *f, const struct doc *proof, struct tlog_entry *e)
{
	const struct doc *d;
	struct view text;
	coffer_err err;

	TRY(get_object(f, proof, "checkpoint", OPTIONAL, &d));
	if (!d)
		return COFFER_OK;
	if (!doc_string(member(d, "envelope"), &text) || text.len == 0 || text.len > LIMIT_CHECKPOINT)
		return refuse(f, "checkpoint", "has no envelope, or one that is too long");
	e->checkpoint = strndup((const char *)text.p, text.len);
	if (!e->checkpoint)
		return fault_nomem(f);
out:
	return err;
}

static coffer_err
read_hashes(struct fault *f, const struct doc *proof, struct tlog_entry *e)
{
	const struct doc *list;
	coffer_err err;

	TRY(get_array(f, proof, "hashes", LIMIT_PROOF_HASHES, &list));
	e->hashes = calloc(doc_size(list) + 1, sizeof(*e->hashes));
	if (!e->hashes)
		return fault_nomem(f);
	for (size_t i = 0; i < doc_size(list); i++) {
		e->hashes[e->n_hashes] = (struct buf)BUF_INIT(LIMIT_LOG_HASH);
		TRY(decode(f, doc_at(list, i), "hashes", &e->hashes[e->n_hashes++]));
	}
out:
	return err;
}

static coffer_err
read_proof(struct fault *f, const struct doc *d, struct tlog_entry *e)
{
	const struct doc *proof;
	coffer_err err;

	TRY(get_object(f, d, "inclusionProof", OPTIONAL, &proof));
	if (!proof)
		return COFFER_OK;
	e->has_proof = true;
	TRY(read_count(f, proof, "logIndex", &e->proof_index));
	TRY(read_count(f, proof, "treeSize", &e->tree_size));
	TRY(read_bytes(f, proof, "rootHash", OPTIONAL, &e->root));
	TRY(read_hashes(f, proof, e));
	TRY(read_checkpoint(f, proof, e));
out:
	return err;
}

coffer_err
tlog_entry_read(struct fault *f, const struct doc *d, struct tlog_entry *e)
{
	const struct doc *id, *kind, *promise;
	coffer_err err;

	if (!doc_is_object(d))
		return fault_set(f, COFFER_E_FORMAT, "a log entry that is no object");
	TRY(read_count(f, d, "logIndex", &e->log_index));
	TRY(get_object(f, d, "logId", REQUIRED, &id));
	TRY(read_bytes(f, id, "keyId", REQUIRED, &e->key_id));
	TRY(get_object(f, d, "kindVersion", REQUIRED, &kind));
	TRY(read_word(f, kind, "kind", e->kind, sizeof(e->kind)));
	TRY(read_word(f, kind, "version", e->version, sizeof(e->version)));
	TRY(read_count(f, d, "integratedTime", &e->integrated_time));
	TRY(get_object(f, d, "inclusionPromise", OPTIONAL, &promise));
	TRY(read_bytes(f, promise, "signedEntryTimestamp", OPTIONAL, &e->promise));
	TRY(read_proof(f, d, e));
	TRY(read_bytes(f, d, "canonicalizedBody", OPTIONAL, &e->body));
out:
	return err;
}

coffer_err
bundle_add_entry(struct fault *f, struct bundle *b, struct tlog_entry *e)
{
	struct tlog_entry *grown = NULL;
	coffer_err err = COFFER_OK;

	if (b->n_entries >= LIMIT_TLOG_ENTRIES)
		TRY(fault_set(f, COFFER_E_FORMAT, "more than %u log entries", LIMIT_TLOG_ENTRIES));
	grown = reallocarray(b->entries, b->n_entries + 1, sizeof(*grown));
	if (!grown)
		TRY(fault_nomem(f));
	b->entries = grown;
	b->entries[b->n_entries++] = *e;
	tlog_entry_init(e);
out:
	tlog_entry_free(e);
	return err;
}

static coffer_err
read_entries(struct fault *f, const struct doc *d, struct bundle *b)
{
	const struct doc *list;
	struct tlog_entry e;
	coffer_err err;

	tlog_entry_init(&e);
	TRY(get_array(f, d, "tlogEntries", LIMIT_TLOG_ENTRIES, &list));
	for (size_t i = 0; i < doc_size(list); i++) {
		TRY(tlog_entry_read(f, doc_at(list, i), &e));
		TRY(bundle_add_entry(f, b, &e));
	}
out:
	tlog_entry_free(&e);
	return err;
}

/* ---- verification material ---- */

coffer_err
bundle_add_timestamp(struct fault *f, struct bundle *b, struct view response)
{
	struct buf copy = BUF_INIT(LIMIT_TIMESTAMP), *grown;
	coffer_err err;

	if (b->n_timestamps >= LIMIT_TIMESTAMPS)
		return fault_set(f, COFFER_E_FORMAT, "more than %u timestamps", LIMIT_TIMESTAMPS);
	for (size_t i = 0; i < b->n_timestamps; i++)
		if (b->timestamps[i].len == response.len && mem_equal(b->timestamps[i].p, response.p, response.len))
			return fault_set(f, COFFER_E_FORMAT, "a timestamp that is there twice");
	grown = reallocarray(b->timestamps, b->n_timestamps + 1, sizeof(*grown));
	if (!grown)
		return fault_nomem(f);
	b->timestamps = grown;
	TRY(buf_add(f, &copy, response.p, response.len));
	b->timestamps[b->n_timestamps++] = copy;
out:
	return err;
}

static coffer_err
read_timestamps(struct fault *f, const struct doc *material, struct bundle *b)
{
	struct buf response = BUF_INIT(LIMIT_TIMESTAMP);
	const struct doc *d, *list;
	coffer_err err;

	TRY(get_object(f, material, "timestampVerificationData", OPTIONAL, &d));
	TRY(get_array(f, d, "rfc3161Timestamps", LIMIT_TIMESTAMPS, &list));
	for (size_t i = 0; i < doc_size(list); i++) {
		response.len = 0;
		TRY(read_bytes(f, doc_at(list, i), "signedTimestamp", REQUIRED, &response));
		TRY(bundle_add_timestamp(f, b, buf_view(&response)));
	}
out:
	buf_free(&response);
	return err;
}

static coffer_err
read_public_key(struct fault *f, const struct doc *key, struct bundle *b)
{
	coffer_err err;

	b->material = BUNDLE_PUBLIC_KEY;
	TRY(read_text(f, key, "hint", 0, LIMIT_TEXT, &b->key_hint));
	TRY(read_bytes(f, key, "rawBytes", OPTIONAL, &b->key_raw));
	if (b->key_hint && b->key_hint[0] == '\0') { /* protobuf's JSON knows no difference */
		free(b->key_hint);
		b->key_hint = NULL;
	}
out:
	return err;
}

static coffer_err
read_certificate(struct fault *f, const struct doc *d, struct bundle *b)
{
	struct buf der = BUF_INIT(LIMIT_CERT);
	struct cert *c = NULL;
	coffer_err err;

	TRY(read_bytes(f, d, "rawBytes", REQUIRED, &der));
	TRY(cert_from_der(f, "a certificate", buf_view(&der), &c));
	TRY(certs_add(f, &b->certs, c));
out:
	buf_free(&der);
	return err;
}

static coffer_err
read_chain(struct fault *f, const struct doc *chain, struct bundle *b)
{
	const struct doc *list;
	coffer_err err;

	b->material = BUNDLE_CHAIN;
	TRY(get_array(f, chain, "certificates", LIMIT_CERTS, &list));
	if (doc_size(list) == 0)
		return refuse(f, "x509CertificateChain", "has no certificate");
	for (size_t i = 0; i < doc_size(list); i++)
		TRY(read_certificate(f, doc_at(list, i), b));
out:
	return err;
}

static coffer_err
read_material(struct fault *f, const struct doc *bundle, struct bundle *b)
{
	const struct doc *d, *key, *chain, *certificate;
	coffer_err err;

	TRY(get_object(f, bundle, "verificationMaterial", REQUIRED, &d));
	TRY(get_object(f, d, "publicKey", OPTIONAL, &key));
	TRY(get_object(f, d, "x509CertificateChain", OPTIONAL, &chain));
	TRY(get_object(f, d, "certificate", OPTIONAL, &certificate));
	if ((key != NULL) + (chain != NULL) + (certificate != NULL) != 1)
		return fault_set(f, COFFER_E_FORMAT,
				 "not exactly one of publicKey, x509CertificateChain and certificate");
	b->material = BUNDLE_CERTIFICATE;
	if (certificate)
		TRY(read_certificate(f, certificate, b));
	if (chain)
		TRY(read_chain(f, chain, b));
	if (key)
		TRY(read_public_key(f, key, b));
	TRY(read_entries(f, d, b));
	TRY(read_timestamps(f, d, b));
out:
	return err;
}

/* ---- content ---- */

static coffer_err
read_envelope(struct fault *f, const struct doc *d, struct bundle *b)
{
	const struct doc *list;
	char *key_id = NULL;
	coffer_err err;

	b->content = BUNDLE_DSSE;
	TRY(read_text(f, d, "payloadType", 1, DSSE_TYPE_MAX, &b->payload_type));
	TRY(read_bytes(f, d, "payload", REQUIRED, &b->payload));
	TRY(get_array(f, d, "signatures", SIZE_MAX, &list));
	if (doc_size(list) != 1)
		return fault_set(f, COFFER_E_FORMAT, "%zu signatures in its envelope; exactly one is expected",
				 doc_size(list));
	TRY(read_bytes(f, doc_at(list, 0), "sig", REQUIRED, &b->signature));
	TRY(read_text(f, doc_at(list, 0), "keyid", 0, LIMIT_TEXT, &key_id)); /* which nobody uses */
out:
	free(key_id);
	return err;
}

static coffer_err
read_message_digest(struct fault *f, const struct doc *message, struct bundle *b)
{
	static const struct {
		const char *name;
		enum digest_kind kind;
	} algorithms[] = {{"SHA2_256", DIGEST_SHA256}, {"SHA2_384", DIGEST_SHA384}, {"SHA2_512", DIGEST_SHA512}};
	const struct doc *d;
	char name[32];
	size_t len;
	coffer_err err;

	TRY(get_object(f, message, "messageDigest", OPTIONAL, &d));
	if (!d)
		return COFFER_OK;
	TRY(read_word(f, d, "algorithm", name, sizeof(name)));
	for (size_t i = 0; i < sizeof(algorithms) / sizeof(algorithms[0]); i++) {
		if (strcmp(name, algorithms[i].name) != 0)
			continue;
		b->has_digest = true;
		b->digest_kind = algorithms[i].kind;
	}
	if (!b->has_digest)
		return fault_set(f, COFFER_E_UNSUPPORTED, "a messageDigest by another algorithm than SHA-2");
	if (!doc_b64(member(d, "digest"), b->digest, sizeof(b->digest), &len) || len != digest_len(b->digest_kind))
		return refuse(f, "digest", "is not base64 of such a hash");
out:
	return err;
}

static coffer_err
read_content(struct fault *f, const struct doc *bundle, struct bundle *b)
{
	const struct doc *envelope, *message;
	coffer_err err;

	TRY(get_object(f, bundle, "dsseEnvelope", OPTIONAL, &envelope));
	TRY(get_object(f, bundle, "messageSignature", OPTIONAL, &message));
	if ((envelope != NULL) + (message != NULL) != 1)
		return fault_set(f, COFFER_E_FORMAT, "not exactly one of dsseEnvelope and messageSignature");
	if (envelope)
		return read_envelope(f, envelope, b);
	b->content = BUNDLE_MESSAGE;
	TRY(read_message_digest(f, message, b));
	TRY(read_bytes(f, message, "signature", REQUIRED, &b->signature));
out:
	return err;
}

static coffer_err
read_version(struct fault *f, const struct doc *bundle, unsigned int *out)
{
	static const struct {
		const char *media_type;
		unsigned int version;
	} known[] = {
		{BUNDLE_MEDIA_TYPE, 3},
		{"application/vnd.dev.sigstore.bundle+json;version=0.3", 3},
		{"application/vnd.dev.sigstore.bundle+json;version=0.2", 2},
		{"application/vnd.dev.sigstore.bundle+json;version=0.1", 1},
	};
	const char *text = doc_text(member(bundle, "mediaType"), 1, LIMIT_TEXT);

	if (!text)
		return fault_set(f, COFFER_E_FORMAT, "no mediaType: this is no Sigstore bundle");
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		*out = known[i].version;
		if (strcmp(text, known[i].media_type) == 0)
			return COFFER_OK;
	}
	return fault_set(f, COFFER_E_UNSUPPORTED, "mediaType «%s», which this version does not know", text);
}

static coffer_err
read_all(struct fault *f, const struct doc *d, struct bundle *b)
{
	coffer_err err;

	TRY(read_version(f, d, &b->version));
	TRY(read_content(f, d, b));
	TRY(read_material(f, d, b));
out:
	return err;
}

coffer_err
bundle_parse(struct fault *f, const char *what, struct view json, struct bundle *b)
{
	struct doc *d = NULL;
	coffer_err err;

	if (json.len > LIMIT_BUNDLE)
		return fault_set(f, COFFER_E_FORMAT, "%s is %zu bytes; a signature has at most %u", what, json.len,
				 LIMIT_BUNDLE);
	TRY(doc_parse_foreign(f, what, json, &d));
	err = read_all(f, d, b);
	if (err != COFFER_OK)
		(void)fault_prefix(f, "%s", what);
out:
	doc_free(&d);
	if (err != COFFER_OK)
		bundle_free(b);
	return err;
}

coffer_err
bundle_require_oms(struct fault *f, const struct bundle *b)
{
	if (b->version != 3)
		return fault_set(f, COFFER_E_UNSUPPORTED,
				 "a bundle of version 0.%u; signatures of models are v0.3 bundles", b->version);
	if (b->content != BUNDLE_DSSE || strcmp(b->payload_type, DSSE_IN_TOTO) != 0)
		return fault_set(f, COFFER_E_UNSUPPORTED,
				 "a signature of something else: one of a model is over an in-toto statement");
	if (b->material == BUNDLE_CERTIFICATE && b->n_entries == 0)
		return fault_set(f, COFFER_E_FORMAT, "a certificate of sigstore without an entry of its log");
	return COFFER_OK;
}
