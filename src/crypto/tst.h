/* SPDX-License-Identifier: Apache-2.0 */
/* Trusted timestamps (RFC 3161, RFC 5816): the request, and the check of the answer. */
#ifndef CRYPTO_TST_H
#define CRYPTO_TST_H

#include "base/buf.h"
#include "base/fault.h"
#include "base/view.h"
#include "crypto/cert.h"

/** tst_request() - append a TimeStampReq for @message: SHA-256, a random nonce of 8 bytes, certReq true */
coffer_err tst_request(struct fault *f, struct view message, struct buf *out, uint64_t *nonce_out);

/** struct tst_trust - the authorities that are believed */
struct tst_trust {
	const struct certs *roots;
	const struct certs *intermediates; /* and TSA leaves, for tokens that embed none; may be NULL */
	const struct certs *leaves;	   /* the signer must be one of these; NULL: any that chains */
};

/**
 * tst_verify() - check a TimeStampResp over @message and give its time
 * @nonce: what the request had, or NULL when that is not known any more
 * @time_out: seconds since 1970; 0 after a failure
 *
 * Status granted, imprint of @message by SHA-256, 384 or 512, signature by a certificate that chains at that very time and has the
 * usage timeStamping, critical and alone.  COFFER_E_SIGNATURE otherwise, COFFER_E_FORMAT when it is no such DER.
 */
coffer_err tst_verify(struct fault *f, struct view response, struct view message, const struct tst_trust *trust,
		      const uint64_t *nonce, int64_t *time_out);

/**
 * tst_check_answer() - whether @response answers the request for @message that had @nonce
 *
 * For whoever asked, and will keep the answer: it is what was asked for, and signed by the certificate in it.  Whether that is an
 * authority to believe is tst_verify()'s to say.  Errors as there.
 */
coffer_err tst_check_answer(struct fault *f, struct view response, struct view message, uint64_t nonce);

#endif
