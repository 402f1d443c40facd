/* SPDX-License-Identifier: Apache-2.0 */
/* AWS credentials as those write them who give them out. */
#ifndef NET_AWS_ANSWER_H
#define NET_AWS_ANSWER_H

#include "base/view.h"
#include "net/aws_cred.h"

#define AWS_SAID_MAX 200 /* bytes of a service's own words in a sentence */

/**
 * aws_answer_fill() - make a set of its parts
 * @who: who gave it, for messages
 * @token: of length 0 where there is none
 * @out: AWS_CRED_INIT or freed; its @from and @serial are the caller's to set
 *
 * COFFER_E_REFUSED when a part is missing, too long, or has a character that no header may have.
 */
coffer_err aws_answer_fill(struct fault *f, const char *who, struct view id, struct view secret, struct view token,
			   struct aws_cred *out);

/**
 * aws_answer_json() - of a container's or instance's service, or of a credential process
 *
 * AccessKeyId, SecretAccessKey, Token or SessionToken, Expiration.  COFFER_E_REFUSED, with its Code and Message, when there are none.
 */
coffer_err aws_answer_json(struct fault *f, const char *who, struct view text, struct aws_cred *out);

/** aws_answer_xml() - of STS's AssumeRole and AssumeRoleWithWebIdentity (query protocol, version 2011-06-15) */
coffer_err aws_answer_xml(struct fault *f, const char *who, struct view text, struct aws_cred *out);

/** struct aws_said - what STS said when it said no; both empty where that was no XML of it */
struct aws_said {
	char code[65];
	char words[AWS_SAID_MAX + 1];
};

/** aws_answer_error() - take it out of an <ErrorResponse> */
void aws_answer_error(struct view text, struct aws_said *out);

/** aws_token_file() - the token that the file @path holds now (who gives it out exchanges it); COFFER_E_REFUSED when there is none to be had */
coffer_err aws_token_file(struct fault *f, const char *what, const char *path, struct secret *out);

/** aws_answer_time() - «2026-11-20T13:58:18Z», with +00:00 in place of the Z too; false for another form */
bool aws_answer_time(struct view text, int64_t *out);

#endif
