/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an entry of a transparency log is about: a hash, a signature, and who made it.
 *
 * All three must be those of the bundle, else the log's word is about somebody else's signature (CVE-2022-36056).
 */
#ifndef SIGN_TLOG_BODY_H
#define SIGN_TLOG_BODY_H

#include <stdint.h>

#include "base/fault.h"
#include "base/view.h"
#include "crypto/cert.h"
#include "crypto/digest.h"
#include "crypto/pkey.h"
#include "sign/bundle.h"
#include "sign/tlog.h"

/** struct tlog_subject - the signature that an entry must be about */
struct tlog_subject {
	enum bundle_content content;
	struct view payload;	      /* of an envelope, decoded */
	enum digest_kind digest_kind; /* SHA-256, -384 or -512, the one that was signed, */
	uint8_t digest[DIGEST_MAX];   /* of the envelope's pre-authentication encoding, or of the artifact */
	struct view signature;
	const struct cert *cert;  /* whose key made it; or, when that is NULL, */
	const struct pubkey *key; /* this one */
};

/**
 * tlog_body_check() - whether the body of @e, which is of @kind, is about @s
 *
 * COFFER_E_SIGNATURE with what differs; COFFER_E_FORMAT for a body that is not of that kind.
 */
coffer_err tlog_body_check(struct fault *f, const struct tlog_entry *e, enum tlog_kind kind,
			   const struct tlog_subject *s);

#endif
