/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A Sigstore bundle (v0.1 to v0.3) with a DSSE envelope or a message signature: read, written, and what its signature covers.
 *
 * OMS 1.0 uses v0.3 with an envelope over an in-toto statement.  Reading is about form alone: nothing in a bundle is
 * believed before a verifier (signer.h) has said so.  Every ceiling is in base/limits.h; doubled members, anything
 * behind the end, lone surrogates, and base64 that is not just that are refused.  Members that nobody here knows are passed over;
 * null is as good as absent.
 */
#ifndef SIGN_BUNDLE_H
#define SIGN_BUNDLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/fault.h"
#include "base/view.h"
#include "crypto/cert.h"
#include "crypto/digest.h"
#include "sign/dsse.h"

#define BUNDLE_MEDIA_TYPE "application/vnd.dev.sigstore.bundle.v0.3+json"

/* What the verification material holds: exactly one of them. */
enum bundle_material {
	BUNDLE_PUBLIC_KEY,  /* publicKey */
	BUNDLE_CHAIN,	    /* x509CertificateChain */
	BUNDLE_CERTIFICATE, /* certificate */
};

enum bundle_content { BUNDLE_DSSE, BUNDLE_MESSAGE };

/** struct tlog_entry - one entry of a transparency log, as a bundle carries it; int64 are never negative */
struct tlog_entry {
	uint64_t log_index; /* over all shards of a log */
	struct buf key_id;
	char kind[32], version[16]; /* kindVersion */
	uint64_t integrated_time;   /* 0 = absent */
	struct buf promise;	    /* the SET; empty = absent */
	bool has_proof;
	uint64_t proof_index, tree_size;
	struct buf root; /* of any length, as it was written */
	struct buf *hashes;
	size_t n_hashes;
	char *checkpoint; /* NULL = absent */
	struct buf body;  /* canonicalizedBody, decoded */
};

struct doc;

/** tlog_entry_init() - empty, with the ceilings of its buffers */
void tlog_entry_init(struct tlog_entry *e);

/** tlog_entry_read() - read a TransparencyLogEntry into @e, which was initialised; a count that is absent is 0, as protobuf's JSON has it */
coffer_err tlog_entry_read(struct fault *f, const struct doc *d, struct tlog_entry *e);

/** tlog_entry_free() - free what it holds; it is empty again */
void tlog_entry_free(struct tlog_entry *e);

struct bundle {
	unsigned int version; /* 1, 2 or 3, for v0.1 … v0.3 */

	enum bundle_material material;
	char *key_hint;	    /* NULL = absent */
	struct buf key_raw; /* publicKey.rawBytes of model_signing before 1.1: PEM; empty = absent */
	struct certs certs; /* of the chain or the certificate, leaf first */

	struct tlog_entry *entries;
	size_t n_entries;
	struct buf *timestamps; /* TimeStampResp in DER */
	size_t n_timestamps;

	enum bundle_content content;
	char *payload_type; /* of an envelope */
	struct buf payload; /* decoded: the exact bytes that are signed */
	bool has_digest;    /* a message signature says what it is over */
	enum digest_kind digest_kind;
	uint8_t digest[DIGEST_MAX];
	struct buf signature; /* decoded */
};

/** bundle_init() - an empty one; end with bundle_free() */
void bundle_init(struct bundle *b);

/** bundle_parse() - read @json into @b, which was initialised, and is again after a failure; @what is for messages; COFFER_E_FORMAT, COFFER_E_UNSUPPORTED */
coffer_err bundle_parse(struct fault *f, const char *what, struct view json, struct bundle *b);

/** bundle_write() - append the JSON of @b: v0.3, as the specification of OMS 1.0 wants it; COFFER_E_USAGE when it is larger than LIMIT_BUNDLE */
coffer_err bundle_write(struct fault *f, const struct bundle *b, struct buf *out);

/** bundle_require_oms() - COFFER_E_UNSUPPORTED unless it is one of OMS 1.0: v0.3, an envelope, of an in-toto statement; COFFER_E_FORMAT for a single certificate without a log entry */
coffer_err bundle_require_oms(struct fault *f, const struct bundle *b);

/** bundle_add_entry() - append a log entry, taken over, after a failure too */
coffer_err bundle_add_entry(struct fault *f, struct bundle *b, struct tlog_entry *e);

/** bundle_add_timestamp() - append a TimeStampResp, copied; COFFER_E_FORMAT for one that is there already */
coffer_err bundle_add_timestamp(struct fault *f, struct bundle *b, struct view response);

/** bundle_free() - free all; initialised again */
void bundle_free(struct bundle *b);

/** dsse_write() - append the JSON of the envelope of @b alone, as Rekor takes it */
coffer_err dsse_write(struct fault *f, const struct bundle *b, struct buf *out);

#endif
