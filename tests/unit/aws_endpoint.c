/* SPDX-License-Identifier: Apache-2.0 */
#include "net/aws_endpoint.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *const variables[] = {"AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_KMS",
					"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "AWS_USE_FIPS_ENDPOINT",
					"AWS_USE_DUALSTACK_ENDPOINT"};

static void
clear_environment(void)
{
	for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++)
		(void)unsetenv(variables[i]);
}

/* the hosts are those that botocore 1.44 makes of data/partitions.json and its endpoint rules */
static void
each_partition_has_its_hosts(void **state)
{
	static const struct {
		const char *service, *region, *fips, *dual, *url, *partition;
	} cases[] = {
		{"kms", "eu-central-1", NULL, NULL, "https://kms.eu-central-1.amazonaws.com", "aws"},
		{"sts", "us-east-1", "false", NULL, "https://sts.us-east-1.amazonaws.com", "aws"},
		{"kms", "us-west-2", "TRUE", NULL, "https://kms-fips.us-west-2.amazonaws.com", "aws"},
		{"kms", "eu-west-1", NULL, "true", "https://kms.eu-west-1.api.aws", "aws"},
		{"kms", "us-east-1", "true", "true", "https://kms-fips.us-east-1.api.aws", "aws"},
		{"kms", "cn-north-1", NULL, NULL, "https://kms.cn-north-1.amazonaws.com.cn", "aws-cn"},
		{"kms", "cn-north-1", NULL, "true", "https://kms.cn-north-1.api.amazonwebservices.com.cn", "aws-cn"},
		{"kms", "us-gov-west-1", "true", NULL, "https://kms-fips.us-gov-west-1.amazonaws.com", "aws-us-gov"},
		{"kms", "eusc-de-east-1", NULL, NULL, "https://kms.eusc-de-east-1.amazonaws.eu", "aws-eusc"},
		{"kms", "us-iso-east-1", NULL, NULL, "https://kms.us-iso-east-1.c2s.ic.gov", "aws-iso"},
		{"kms", "us-isob-east-1", NULL, NULL, "https://kms.us-isob-east-1.sc2s.sgov.gov", "aws-iso-b"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char url[AWS_URL_MAX];

		clear_environment();
		if (cases[i].fips)
			(void)setenv("AWS_USE_FIPS_ENDPOINT", cases[i].fips, 1);
		if (cases[i].dual)
			(void)setenv("AWS_USE_DUALSTACK_ENDPOINT", cases[i].dual, 1);
		assert_int_equal(aws_endpoint(NULL, cases[i].service, cases[i].region, url), COFFER_OK);
		assert_string_equal(url, cases[i].url);
		assert_string_equal(aws_partition(cases[i].region), cases[i].partition);
	}
}

static void
the_environment_says_otherwise(void **state)
{
	static const char long_name[] = "http://127.0.0.1/";
	char url[AWS_URL_MAX], far[AWS_URL_MAX + 8];

	(void)state;
	clear_environment();
	(void)setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:4566//", 1);
	assert_int_equal(aws_endpoint(NULL, "kms", "eu-west-1", url), COFFER_OK);
	assert_string_equal(url, "http://127.0.0.1:4566");
	(void)setenv("AWS_ENDPOINT_URL_KMS", "https://kms.internal", 1);
	assert_int_equal(aws_endpoint(NULL, "kms", "eu-west-1", url), COFFER_OK);
	assert_string_equal(url, "https://kms.internal");
	assert_int_equal(aws_endpoint(NULL, "sts", "eu-west-1", url), COFFER_OK);
	assert_string_equal(url, "http://127.0.0.1:4566");
	(void)setenv("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true", 1);
	assert_int_equal(aws_endpoint(NULL, "kms", "eu-west-1", url), COFFER_OK);
	assert_string_equal(url, "https://kms.eu-west-1.amazonaws.com");

	clear_environment();
	memset(far, 'a', sizeof(far));
	memcpy(far, long_name, sizeof(long_name) - 1);
	far[AWS_URL_MAX] = '\0';
	(void)setenv("AWS_ENDPOINT_URL", far, 1);
	assert_int_equal(aws_endpoint(NULL, "kms", "eu-west-1", url), COFFER_E_USAGE);
	assert_string_equal(url, "");
	far[AWS_URL_MAX - 1] = '\0';
	(void)setenv("AWS_ENDPOINT_URL", far, 1);
	assert_int_equal(aws_endpoint(NULL, "kms", "eu-west-1", url), COFFER_OK);
	clear_environment();
}

/* what is none would be a part of a host's name, and so of who gets the request */
static void
regions_are_checked(void **state)
{
	static const struct {
		const char *region;
		bool valid;
	} cases[] = {
		{"eu-central-1", true},
		{"x", true},
		{"", false},
		{"eu.evil", false},
		{"eu-1/", false},
		{"EU-1", false},
		{"-eu", false},
		{"eu-", false},
		{"eu 1", false},
		{"eu#", false},
		{"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", true},
		{"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(aws_region_valid(cases[i].region), cases[i].valid);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_partition_has_its_hosts),
		cmocka_unit_test(the_environment_says_otherwise),
		cmocka_unit_test(regions_are_checked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
