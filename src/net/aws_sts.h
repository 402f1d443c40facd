/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AWS's Security Token Service: a role's credentials for those of somebody who may assume it (query protocol, 2011-06-15).
 */
#ifndef NET_AWS_STS_H
#define NET_AWS_STS_H

#include "net/aws_cred.h"
#include "net/retry.h"

/** struct aws_role - which role to assume, and how; all but @arn may be empty */
struct aws_role {
	char arn[2048 + 1];
	char session_name[64 + 1]; /* what CloudTrail calls who has it; «coffer» where it is empty */
	char external_id[1224 + 1];
	char duration[8]; /* seconds */
};

/**
 * aws_sts_assume() - AssumeRole as @by, in @region
 * @retry: how long it may take, and how often it may be tried; one for all requests
 *
 * COFFER_E_REFUSED in the words of STS; COFFER_E_RATE; COFFER_E_UNAVAILABLE.
 */
coffer_err aws_sts_assume(struct fault *f, struct retry *retry, const struct aws_role *role, const struct aws_cred *by,
			  const char *region, struct aws_cred *out);

/** aws_sts_web_identity() - AssumeRoleWithWebIdentity with the token that the file @token_file holds now: no credentials are needed */
coffer_err aws_sts_web_identity(struct fault *f, struct retry *retry, const struct aws_role *role,
				const char *token_file, const char *region, struct aws_cred *out);

#endif
