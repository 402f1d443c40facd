/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Credentials of the place where a program runs: of a container (ECS, EKS Pod Identity) or of an instance (EC2, IMDSv2).
 *
 * Asked around every proxy, within a second or two.  To other machines plain http goes to AWS's own link-local addresses alone, so
 * that a variable cannot send the authorization token of a container elsewhere.
 */
#ifndef NET_AWS_META_H
#define NET_AWS_META_H

#include <stdbool.h>

#include "net/aws_cred.h"

/**
 * aws_container_url() - where the container's credentials are
 * @out: gets it, free with free(); NULL when neither AWS_CONTAINER_CREDENTIALS_RELATIVE_URI nor …_FULL_URI is set
 *
 * COFFER_E_REFUSED for a host that is none of: any by https; by http this machine, 169.254.170.2, 169.254.170.23, fd00:ec2::23
 * (botocore's ContainerMetadataFetcher).
 */
coffer_err aws_container_url(struct fault *f, char **out);

/** aws_container_cred() - the container's credentials; @out stays empty where there is no container's service */
coffer_err aws_container_cred(struct fault *f, struct aws_cred *out);

/**
 * aws_instance_cred() - the instance's credentials
 *
 * @out stays empty where AWS_EC2_METADATA_DISABLED is true, nobody answers, or the instance has no role.  The service is
 * AWS_EC2_METADATA_SERVICE_ENDPOINT, else 169.254.169.254, or fd00:ec2::254 where AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE is IPv6.
 * Version 2 alone: where it gives no session token nothing is asked without one.
 */
coffer_err aws_instance_cred(struct fault *f, struct aws_cred *out);

/** aws_instance_region() - the instance's region; @out is empty where it cannot be had */
coffer_err aws_instance_region(struct fault *f, char out[static AWS_REGION_MAX + 1]);

#endif
