/* SPDX-License-Identifier: Apache-2.0 */
#include "sign/tlog.h"

#include <string.h>

#include "base/enc.h"
#include "base/limits.h"
#include "sign/checkpoint.h"
#include "sign/merkle.h"

#define SET_MAX (ENC_B64_LEN((uint64_t)LIMIT_BUNDLE) + 512) /* bytes that a SET covers */

coffer_err
tlog_kind(struct fault *f, const struct tlog_entry *e, enum tlog_kind *out)
{
	static const struct {
		const char *kind, *version;
	} known[] = {
		[TLOG_HASHEDREKORD] = {"hashedrekord", "0.0.1"},
		[TLOG_DSSE] = {"dsse", "0.0.1"},
		[TLOG_INTOTO] = {"intoto", "0.0.2"},
		[TLOG_V2] = {"hashedrekord", "0.0.2"},
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (strcmp(e->kind, known[i].kind) == 0 && strcmp(e->version, known[i].version) == 0) {
			*out = (enum tlog_kind)i;
			return COFFER_OK;
		}
	}
	return fault_set(f, COFFER_E_UNSUPPORTED,
			 "the log entry is of the kind %s %s; hashedrekord 0.0.1 and 0.0.2, dsse 0.0.1 and intoto "
			 "0.0.2 are known",
			 e->kind, e->version);
}

coffer_err
tlog_find(struct fault *f, const struct trusted_root *root, const struct tlog_entry *e, const struct trusted_log **out)
{
	const struct trusted_log *log = trusted_root_tlog(root, buf_view(&e->key_id));
	char id[2 * 8 + 1];

	*out = NULL;
	if (!log) {
		enc_hex(e->key_id.p, e->key_id.len < 8 ? e->key_id.len : 8, id);
		return fault_set(f, COFFER_E_SIGNATURE,
				 "the log entry is of log %s…, which the trusted root does not list", id);
	}
	if (!log->key)
		return fault_set(
			f, COFFER_E_SIGNATURE,
			"the log entry is of %s, whose key in the trusted root is of a kind that is not supported",
			log->url);
	*out = log;
	return COFFER_OK;
}

/* ---- the signed entry timestamp ---- */

/* the canonical JSON (RFC 8785) that Rekor signs; it has nothing to escape */
static coffer_err
set_text(struct fault *f, const struct trusted_log *log, const struct tlog_entry *e, struct buf *out)
{
	char id[2 * LOG_ID_LEN + 1];
	coffer_err err = COFFER_OK;

	enc_hex(log->id, LOG_ID_LEN, id);
	TRY(buf_str(f, out, "{\"body\":\""));
	TRY(buf_reserve(f, out, ENC_B64_LEN(e->body.len) + 1));
	enc_b64(e->body.p, e->body.len, (char *)out->p + out->len);
	out->len += ENC_B64_LEN(e->body.len);
	TRY(buf_printf(f, out, "\",\"integratedTime\":%llu,\"logID\":\"%s\",\"logIndex\":%llu}",
		       (unsigned long long)e->integrated_time, id, (unsigned long long)e->log_index));
out:
	return err;
}

coffer_err
tlog_check_promise(struct fault *f, const struct trusted_log *log, const struct tlog_entry *e)
{
	struct buf text = BUF_INIT(SET_MAX);
	coffer_err err = COFFER_OK;

	TRY(set_text(f, log, e, &text));
	err = pubkey_verify(f, log->key, pkey_digest(pubkey_kind(log->key)), buf_view(&text), buf_view(&e->promise));
	if (err == COFFER_E_SIGNATURE)
		err = fault_set(
			f, err,
			"the signed entry timestamp (SET) of the log entry is not by %s, or not over this entry",
			log->url);
out:
	buf_free(&text);
	return err;
}

/* ---- the checkpoint ---- */

/* Rekor v2 calls itself by its name, v1 appends the number of the tree: «rekor.sigstore.dev - 2605736670972794746» */
static bool
origin_is(struct view origin, const struct trusted_log *log, enum tlog_kind kind)
{
	struct view name, dash;

	if (!view_take(&origin, strlen(log->origin), &name) || memcmp(name.p, log->origin, name.len) != 0)
		return false;
	if (kind == TLOG_V2)
		return origin.len == 0;
	if (!view_take(&origin, 3, &dash) || memcmp(dash.p, " - ", 3) != 0 || origin.len == 0)
		return false;
	for (size_t i = 0; i < origin.len; i++)
		if (origin.p[i] < '0' || origin.p[i] > '9')
			return false;
	return true;
}

coffer_err
tlog_check_checkpoint(struct fault *f, const struct trusted_log *log, enum tlog_kind kind, const struct tlog_entry *e)
{
	struct checkpoint c;
	coffer_err err = COFFER_OK;

	TRY(checkpoint_parse(f, view_str(e->checkpoint), &c));
	if (!origin_is(c.origin, log, kind))
		return fault_set(f, COFFER_E_SIGNATURE, "the checkpoint of the log entry is not of %s", log->origin);
	TRY(checkpoint_verify(f, &c, log->origin, log->checkpoint_id, log->key));
	if (c.size != e->tree_size)
		return fault_set(
			f, COFFER_E_SIGNATURE,
			"the inclusion proof is of a tree with %llu entries, the log's checkpoint of one with %llu",
			(unsigned long long)e->tree_size, (unsigned long long)c.size);
	if (e->root.len != MERKLE_LEN || memcmp(c.root, e->root.p, MERKLE_LEN) != 0)
		return fault_set(f, COFFER_E_SIGNATURE,
				 "the inclusion proof names another root hash than the log's checkpoint");
out:
	return err;
}

/* ---- the inclusion proof ---- */

coffer_err
tlog_check_inclusion(struct fault *f, enum tlog_kind kind, const struct tlog_entry *e)
{
	uint8_t leaf[MERKLE_LEN], root[MERKLE_LEN];
	coffer_err err = COFFER_OK;

	/* a log of v1 has had several trees, and counts over all of them */
	if (kind == TLOG_V2 && e->log_index != e->proof_index)
		return fault_set(f, COFFER_E_SIGNATURE,
				 "the log entry is number %llu, its inclusion proof for number %llu",
				 (unsigned long long)e->log_index, (unsigned long long)e->proof_index);
	TRY(merkle_leaf(f, buf_view(&e->body), leaf));
	TRY(merkle_root(f, e->proof_index, e->tree_size, leaf, e->hashes, e->n_hashes, root));
	if (e->root.len != MERKLE_LEN || memcmp(root, e->root.p, MERKLE_LEN) != 0)
		return fault_set(f, COFFER_E_SIGNATURE,
				 "the inclusion proof does not lead from the log entry to the root hash of the log");
out:
	return err;
}
