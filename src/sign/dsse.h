/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the signature of a DSSE envelope covers: its pre-authentication encoding
 * (github.com/secure-systems-lab/dsse, protocol.md, version 1).
 */
#ifndef SIGN_DSSE_H
#define SIGN_DSSE_H

#include "base/buf.h"
#include "base/fault.h"
#include "base/view.h"
#include "crypto/digest.h"

#define DSSE_IN_TOTO "application/vnd.in-toto+json"
#define DSSE_TYPE_MAX 256 /* bytes of a payload type */

/** dsse_pae() - append the pre-authentication encoding */
coffer_err dsse_pae(struct fault *f, const char *payload_type, struct view payload, struct buf *out);

/** dsse_digest() - the hash of that, without making it */
coffer_err dsse_digest(struct fault *f, enum digest_kind kind, const char *payload_type, struct view payload,
		       uint8_t out[static DIGEST_MAX]);

/** dsse_pae_v02() - append what model_signing 0.2.0 signed instead (reference: Python's repr of the payload), for old bundles alone */
coffer_err dsse_pae_v02(struct fault *f, const char *payload_type, struct view payload, struct buf *out);

#endif
