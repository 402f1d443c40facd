/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An entry of a transparency log (Rekor), and whether the log stands by it.
 *
 * Rekor v1 answers for an entry with a signed entry timestamp (SET) and a proof that it is in the tree; v2 with the proof alone,
 * and without a time.  What the entry is about is judged in tlog_body.h.
 */
#ifndef SIGN_TLOG_H
#define SIGN_TLOG_H

#include <stdbool.h>

#include "base/fault.h"
#include "sign/bundle.h"
#include "sign/trusted_root.h"

/* What an entry is: kind and version. */
enum tlog_kind {
	TLOG_HASHEDREKORD, /* hashedrekord 0.0.1 */
	TLOG_DSSE,	   /* dsse 0.0.1 */
	TLOG_INTOTO,	   /* intoto 0.0.2 */
	TLOG_V2,	   /* hashedrekord 0.0.2, the one kind of Rekor v2 */
};

/** tlog_kind() - what @e says it is; COFFER_E_UNSUPPORTED for all else */
coffer_err tlog_kind(struct fault *f, const struct tlog_entry *e, enum tlog_kind *out);

/** tlog_find() - the log of @root that @e names; no other one will do.  COFFER_E_SIGNATURE when there is none, or its key is of no use here. */
coffer_err tlog_find(struct fault *f, const struct trusted_root *root, const struct tlog_entry *e,
		     const struct trusted_log **out);

/** tlog_check_promise() - whether the SET of @e, which must have one, is @log's: over body, time, id and index */
coffer_err tlog_check_promise(struct fault *f, const struct trusted_log *log, const struct tlog_entry *e);

/** tlog_check_checkpoint() - whether the checkpoint of @e is @log's, and of the tree that the inclusion proof is about */
coffer_err tlog_check_checkpoint(struct fault *f, const struct trusted_log *log, enum tlog_kind kind,
				 const struct tlog_entry *e);

/** tlog_check_inclusion() - whether the inclusion proof of @e leads from its body to the root that it names */
coffer_err tlog_check_inclusion(struct fault *f, enum tlog_kind kind, const struct tlog_entry *e);

#endif
