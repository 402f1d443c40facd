/* SPDX-License-Identifier: Apache-2.0 */
#include "net/aws_endpoint.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/home.h"

/* By the beginning of the region's name; the last is for all others. */
static const struct partition {
	const char *prefix, *name, *suffix, *dual_suffix;
} partitions[] = {
	{"cn-", "aws-cn", "amazonaws.com.cn", "api.amazonwebservices.com.cn"},
	{"us-gov-", "aws-us-gov", "amazonaws.com", "api.aws"},
	{"eusc-", "aws-eusc", "amazonaws.eu", "api.amazonwebservices.eu"},
	{"us-iso-", "aws-iso", "c2s.ic.gov", "api.aws.ic.gov"},
	{"us-isob-", "aws-iso-b", "sc2s.sgov.gov", "api.aws.scloud"},
	{"eu-isoe-", "aws-iso-e", "cloud.adc-e.uk", "api.cloud-aws.adc-e.uk"},
	{"us-isof-", "aws-iso-f", "csp.hci.ic.gov", "api.aws.hci.ic.gov"},
	{"", "aws", "amazonaws.com", "api.aws"},
};

bool
aws_region_valid(const char *region)
{
	size_t len = strspn(region, "abcdefghijklmnopqrstuvwxyz0123456789-");

	return len >= 1 && len <= AWS_REGION_MAX && region[len] == '\0' && region[0] != '-' && region[len - 1] != '-';
}

static const struct partition *
partition_of(const char *region)
{
	const struct partition *p = partitions;

	while (strncmp(region, p->prefix, strlen(p->prefix)) != 0)
		p++;
	return p;
}

const char *
aws_partition(const char *region)
{
	return partition_of(region)->name;
}

bool
aws_is_true(const char *name)
{
	const char *value = home_setting(name);

	return value && strcasecmp(value, "true") == 0;
}

static const char *
configured(const char *service)
{
	char name[48];
	const char *url;
	size_t len;

	if (aws_is_true("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"))
		return NULL;
	(void)snprintf(name, sizeof(name), "AWS_ENDPOINT_URL_%s", service);
	for (len = strlen("AWS_ENDPOINT_URL_"); name[len] != '\0'; len++)
		if (name[len] >= 'a' && name[len] <= 'z')
			name[len] = (char)(name[len] - 'a' + 'A');
	url = home_setting(name);
	return url ? url : home_setting("AWS_ENDPOINT_URL");
}

coffer_err
aws_endpoint(struct fault *f, const char *service, const char *region, char out[static AWS_URL_MAX])
{
	const struct partition *p = partition_of(region);
	const char *url = configured(service);
	int len;

	if (url)
		len = snprintf(out, AWS_URL_MAX, "%s", url);
	else
		len = snprintf(out, AWS_URL_MAX, "https://%s%s.%s.%s", service,
			       aws_is_true("AWS_USE_FIPS_ENDPOINT") ? "-fips" : "", region,
			       aws_is_true("AWS_USE_DUALSTACK_ENDPOINT") ? p->dual_suffix : p->suffix);
	if (len < 0 || len >= AWS_URL_MAX) {
		out[0] = '\0';
		return fault_set(f, COFFER_E_USAGE,
				 "the endpoint of %s is longer than %d characters; AWS_ENDPOINT_URL?", service,
				 AWS_URL_MAX - 1);
	}
	while (len > 0 && out[len - 1] == '/')
		out[--len] = '\0';
	return COFFER_OK;
}
