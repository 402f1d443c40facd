/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whom to believe about keyless signatures: a Sigstore trusted_root.json (protobuf-specs, sigstore_trustroot.proto).
 *
 * It lists certificate authorities, certificate transparency logs, signature logs and timestamp authorities, each with the time
 * during which it is believed.  Once read it does not change: several threads may use it at once.
 */
#ifndef SIGN_TRUSTED_ROOT_H
#define SIGN_TRUSTED_ROOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"
#include "base/view.h"
#include "crypto/cert.h"
#include "crypto/pkey.h"

#define LOG_ID_LEN 32 /* bytes of a log's id */

/** struct validity - when something is believed: first and last included, milliseconds since 1970, UTC */
struct validity {
	int64_t first, last;
};

static inline bool
validity_has(const struct validity *v, int64_t ms)
{
	return v->first <= ms && ms <= v->last;
}

/** struct trusted_log - a log, of signatures or of certificates */
struct trusted_log {
	char *url;
	const char *origin; /* @url without its scheme: what its checkpoints call it */
	uint8_t id[LOG_ID_LEN];
	uint8_t checkpoint_id[LOG_ID_LEN]; /* the id of the key for checkpoints: mostly @id */
	struct pubkey *key;		   /* NULL when it is of a kind that is not known here */
	struct validity valid;
};

/** struct trusted_authority - one that issues certificates or timestamps */
struct trusted_authority {
	struct certs roots;	    /* the last certificate of its chain */
	struct certs intermediates; /* those before it */
	struct certs leaves;	    /* the first: what signs certificates or timestamps */
	struct validity valid;
};

struct trusted_root {
	struct trusted_log *tlogs; /* of signatures: Rekor */
	size_t n_tlogs;
	struct trusted_log *ctlogs; /* of certificates */
	size_t n_ctlogs;
	struct trusted_authority *cas; /* Fulcio */
	size_t n_cas;
	struct trusted_authority *tsas;
	size_t n_tsas;
};

/**
 * trusted_root_parse() - read a trusted_root.json, or the one inside a ClientTrustConfig
 * @what: its name, for messages
 *
 * Logs whose key or hash is of a kind that is not known are kept, so that they can be named, and verify nothing.
 * COFFER_E_FORMAT, COFFER_E_UNSUPPORTED for another media type.
 */
coffer_err trusted_root_parse(struct fault *f, const char *what, struct view json, struct trusted_root **out);

/** trusted_root_tlog() - the log of signatures with that id, its own or its checkpoint key's; NULL when there is none */
const struct trusted_log *trusted_root_tlog(const struct trusted_root *root, struct view id);

/** trusted_root_ctlog() - the log of certificates with that id; NULL when there is none */
const struct trusted_log *trusted_root_ctlog(const struct trusted_root *root, struct view id);

/** trusted_root_free() - free *@root and set it to NULL; NULL is fine */
void trusted_root_free(struct trusted_root **root);

#endif
