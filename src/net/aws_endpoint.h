/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where AWS's services are: by the name of a region and its partition (botocore, data/partitions.json).
 */
#ifndef NET_AWS_ENDPOINT_H
#define NET_AWS_ENDPOINT_H

#include <stdbool.h>

#include "net/aws_cred.h"

#define AWS_URL_MAX 256

/** aws_region_valid() - whether @region may be one: 1 to AWS_REGION_MAX of a-z 0-9 -, which is all that may go into a host's name */
bool aws_region_valid(const char *region);

/** aws_partition() - the partition that @region is in: «aws», «aws-cn», «aws-us-gov» …; static */
const char *aws_partition(const char *region);

/**
 * aws_endpoint() - the URL of @service, as «kms», in @region, without a slash at its end
 *
 * What AWS_ENDPOINT_URL_KMS (or _STS, _S3 …) names, else AWS_ENDPOINT_URL, unless AWS_IGNORE_CONFIGURED_ENDPOINT_URLS is true; else
 * https://SERVICE.REGION.SUFFIX, SERVICE-fips where AWS_USE_FIPS_ENDPOINT is true, and the suffix for IPv6 too where
 * AWS_USE_DUALSTACK_ENDPOINT is.  COFFER_E_USAGE when it is too long.
 */
coffer_err aws_endpoint(struct fault *f, const char *service, const char *region, char out[static AWS_URL_MAX]);

/** aws_is_true() - whether the variable @name is «true», in any case */
bool aws_is_true(const char *name);

#endif
