/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checkpoints of an audit log: signed words about how far it went (docs/audit.md section 3).
 *
 *	{"checkpoint":N,"prev":"…","log":"…","hash":"…","eventTime":"…","key":"…","signature":"…"}
 *
 * They are a chain of their own, in a file of their own: each has the hash of the one before, so the signature of the last
 * one holds for all.
 */
#ifndef AUDIT_MARK_H
#define AUDIT_MARK_H

#include "audit/folder.h"
#include "audit/record.h"
#include "crypto/pkey.h"

#define AUDIT_MARK_MAX 1024 /* bytes of a line, at most */
#define AUDIT_SIGNATURE_LEN 64

/** struct audit_mark - a checkpoint */
struct audit_mark {
	uint64_t seq;		  /* of the last record that it is about; 0: the log begins */
	uint8_t prev[SHA256_LEN]; /* the hash of the checkpoint before; of the first, audit_origin() of its log */
	uint8_t log[AUDIT_LOG_ID_LEN];
	uint8_t hash[SHA256_LEN]; /* of that record; of none, audit_origin() */
	char time[AUDIT_TIME_LEN + 1];
	uint8_t key[SHA256_LEN]; /* SHA-256 of the SubjectPublicKeyInfo of who signed */
	uint8_t signature[AUDIT_SIGNATURE_LEN];
};

/** audit_mark_line() - sign @m with @key, and append its line with its line feed; sets @m's key and signature */
coffer_err audit_mark_line(struct fault *f, struct audit_mark *m, const struct privkey *key, struct buf *out);

/** audit_mark_decode() - read @line, which has no line feed; false unless it has the one form of a checkpoint */
bool audit_mark_decode(struct view line, struct audit_mark *out);

/** audit_mark_verify() - COFFER_E_SIGNATURE unless @key has signed @m */
coffer_err audit_mark_verify(struct fault *f, const struct audit_mark *m, const struct pubkey *key);

/* ---- the key ---- */

/**
 * audit_key_open() - the key of the folder, which must be locked to write
 *
 * Made when it is not there, unless @must: then there are checkpoints, and it is missing (COFFER_E_KEY).
 */
coffer_err audit_key_open(struct fault *f, const struct audit_folder *folder, bool must, struct privkey **out);

/** audit_key_public() - append the public key of the folder, as PEM; COFFER_E_NOTFOUND when it has none */
coffer_err audit_key_public(struct fault *f, const struct audit_folder *folder, struct buf *pem_out);

/** audit_key_id() - the hash that checkpoints name @key by */
coffer_err audit_key_id(struct fault *f, const struct pubkey *key, uint8_t out[static SHA256_LEN]);

#endif
