/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AWS credentials: found where AWS's own programs find them, in the order of botocore (create_credential_resolver).
 *
 *  1. the environment: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN
 *  2. a role that the profile assumes: role_arn with source_profile or credential_source (STS AssumeRole)
 *  3. web identity: AWS_WEB_IDENTITY_TOKEN_FILE and AWS_ROLE_ARN, or the profile's (STS AssumeRoleWithWebIdentity)
 *  4. the shared credentials file
 *  5. credential_process of the profile: run without a shell
 *  6. the configuration file
 *  7. the container's: AWS_CONTAINER_CREDENTIALS_RELATIVE_URI or …_FULL_URI, whose host is checked
 *  8. the instance's: IMDSv2, never version 1
 *
 * The profile is AWS_PROFILE, else AWS_DEFAULT_PROFILE, else «default»; the files are AWS_SHARED_CREDENTIALS_FILE and
 * AWS_CONFIG_FILE, else ~/.aws/credentials and ~/.aws/config.  Not there: AWS SSO and MFA, which ask a person.
 *
 * One set for the process, which all threads share: it is asked for once, and again 5 minutes before it ends.
 */
#ifndef NET_AWS_CRED_H
#define NET_AWS_CRED_H

#include <stdint.h>

#include "base/fault.h"
#include "mem/secret.h"

#define AWS_ID_MAX 128	  /* characters of an access key id (STS API, AccessKeyId) */
#define AWS_REGION_MAX 63 /* of a region: it is a part of a host's name */

struct aws_cred {
	char id[AWS_ID_MAX + 1]; /* access key id: no secret, it stands in every request and log */
	struct secret secret;	 /* secret access key */
	struct secret token;	 /* session token; of length 0 where there is none */
	int64_t expires;	 /* seconds since 1970; 0 = does not */
	const char *from;	 /* where it was found, for sentences: «the environment»; static */
	uint64_t serial;	 /* another one for each set that was found in this process; never 0 */
};

#define AWS_CRED_INIT                                                                                                  \
	{                                                                                                              \
		.secret = SECRET_INIT, .token = SECRET_INIT                                                            \
	}

/**
 * aws_cred_get() - a copy of the credentials, asked for where that is needed
 * @rejected: the serial of a set that a service called expired or invalid: another one is asked for, unless that has happened since; else 0
 * @timeout_ms: for all that has to be asked; 0 = 15 s
 * @out: AWS_CRED_INIT or freed; free with aws_cred_free()
 *
 * Return: COFFER_OK; COFFER_E_REFUSED when there are none, they are incomplete, or STS said no; COFFER_E_UNAVAILABLE when STS or
 * the metadata service did not answer; each with the way out.  Any thread.
 */
coffer_err aws_cred_get(struct fault *f, uint64_t rejected, unsigned int timeout_ms, struct aws_cred *out);

/** aws_cred_free() - wipe and free; it is AWS_CRED_INIT again */
void aws_cred_free(struct aws_cred *cred);

/** aws_cred_forget() - drop what the process has: the next who asks finds them anew */
void aws_cred_forget(void);

enum aws_region_from {
	AWS_REGION_SET,	     /* AWS_REGION, AWS_DEFAULT_REGION, the profile: asks nobody */
	AWS_REGION_INSTANCE, /* and else the instance's metadata service */
};

/**
 * aws_region() - the region that requests go to where nothing else says one
 *
 * Return: COFFER_OK; COFFER_E_USAGE when there is none, or it is none that can be part of a host's name; COFFER_E_REFUSED for a
 * profile that is not there.  Any thread.
 */
coffer_err aws_region(struct fault *f, enum aws_region_from from, char out[static AWS_REGION_MAX + 1]);

#endif
