/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signed certificate timestamps: a log's promise that a certificate is public (RFC 6962 section 3.2), embedded in it (3.3).
 */
#ifndef SIGN_SCT_H
#define SIGN_SCT_H

#include <stdint.h>

#include "base/fault.h"
#include "base/view.h"
#include "crypto/cert.h"
#include "sign/trusted_root.h"

#define SCT_EXTENSION "1.3.6.1.4.1.11129.2.4.2"

/** struct sct - one that was read; views into what it was read from */
struct sct {
	struct view log_id;
	uint64_t time; /* milliseconds since 1970 */
	struct view extensions;
	uint8_t hash, algorithm; /* of TLS 1.2 (RFC 5246 7.4.1.4.1) */
	struct view signature;
};

/** sct_list() - check the form of the list of an extension (its DER OCTET STRING) and leave in @list_out what sct_next() takes from; COFFER_E_FORMAT */
coffer_err sct_list(struct fault *f, struct view extension, struct view *list_out);

/** sct_next() - take one off the front of @list, which is not empty; COFFER_E_FORMAT, COFFER_E_UNSUPPORTED for another version than 1 */
coffer_err sct_next(struct fault *f, struct view *list, struct sct *out);

/**
 * sct_verify() - whether a log that @root believes promises to publish @leaf, which @issuer issued
 *
 * One SCT that holds is enough; those of logs that are not known are passed over.  COFFER_E_SIGNATURE with the reason why the last one
 * did not hold, COFFER_E_FORMAT.
 */
coffer_err sct_verify(struct fault *f, const struct trusted_root *root, const struct cert *leaf,
		      const struct cert *issuer);

#endif
