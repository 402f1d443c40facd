/* SPDX-License-Identifier: Apache-2.0 */
#include "net/aws_meta.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define RELATIVE "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"
#define FULL "AWS_CONTAINER_CREDENTIALS_FULL_URI"

/* Whoever can set the variable must not be able to send the container's token to a host of his, but by TLS. */
static void
containers_are_asked_at_known_hosts_alone(void **state)
{
	static const struct {
		const char *relative, *full;
		const char *url; /* NULL: refused */
	} cases[] = {
		{"/v2/credentials/1?x=y", NULL, "http://169.254.170.2/v2/credentials/1?x=y"},
		{"/a", "https://b.example/", "http://169.254.170.2/a"},
		{"@evil.example/a", NULL, NULL},
		{".evil.example/a", NULL, NULL},
		{":80@evil.example/a", NULL, NULL},
		{NULL, "https://anything.example:8443/c", "https://anything.example:8443/c"},
		{NULL, "http://localhost:8080/c", "http://localhost:8080/c"},
		{NULL, "http://127.0.0.1/c", "http://127.0.0.1/c"},
		{NULL, "http://127.255.255.254/c", "http://127.255.255.254/c"},
		{NULL, "http://[::1]:1/c", "http://[::1]:1/c"},
		{NULL, "http://169.254.170.2/c", "http://169.254.170.2/c"},
		{NULL, "http://169.254.170.23/v1/credentials", "http://169.254.170.23/v1/credentials"},
		{NULL, "HTTP://169.254.170.23:80", "HTTP://169.254.170.23:80"},
		{NULL, "http://[fd00:ec2::23]/v1/credentials", "http://[fd00:ec2::23]/v1/credentials"},
		{NULL, "http://[FD00:EC2::23]:80/v1", "http://[FD00:EC2::23]:80/v1"},
		{NULL, "http://evil.example/c", NULL},
		{NULL, "http://169.254.169.254/latest/meta-data/", NULL},
		{NULL, "http://169.254.170.2.evil.example/c", NULL},
		{NULL, "http://169.254.170.2@evil.example/c", NULL},
		{NULL, "http://evil.example#@169.254.170.2/", NULL},
		{NULL, "http://evil.example/169.254.170.2", NULL},
		{NULL, "http://169.254.170.20/c", NULL},
		{NULL, "http://[fd00:ec2::231]/c", NULL},
		{NULL, "http://[fd00:ec2::23/c", NULL},
		{NULL, "http://[::2]/c", NULL},
		{NULL, "http://128.0.0.1/c", NULL},
		{NULL, "http://10.0.0.1/c", NULL},
		{NULL, "http://localhost.evil.example/c", NULL},
		{NULL, "http:///c", NULL},
		{NULL, "file:///etc/passwd", NULL},
		{NULL, "gopher://127.0.0.1/", NULL},
		{NULL, "169.254.170.2/c", NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fault f = {0};
		char *url;

		(void)unsetenv(RELATIVE);
		(void)unsetenv(FULL);
		if (cases[i].relative)
			(void)setenv(RELATIVE, cases[i].relative, 1);
		if (cases[i].full)
			(void)setenv(FULL, cases[i].full, 1);
		assert_int_equal(aws_container_url(&f, &url), cases[i].url ? COFFER_OK : COFFER_E_REFUSED);
		if (cases[i].url)
			assert_string_equal(url, cases[i].url);
		else
			assert_null(url);
		free(url);
	}
	(void)unsetenv(RELATIVE);
	(void)unsetenv(FULL);
}

static void
without_a_container_nobody_is_asked(void **state)
{
	struct aws_cred cred = AWS_CRED_INIT;
	char *url;

	(void)state;
	assert_int_equal(aws_container_url(NULL, &url), COFFER_OK);
	assert_null(url);
	assert_int_equal(aws_container_cred(NULL, &cred), COFFER_OK);
	assert_string_equal(cred.id, "");
}

/* plain http goes to AWS's own address and to this machine */
static void
instances_are_asked_at_known_hosts_alone(void **state)
{
	static const char *const refused[] = {"http://evil.example", "http://169.254.169.254.evil.example",
					      "ftp://127.0.0.1", "http://169.254.170.2", "nothing"};
	struct aws_cred cred = AWS_CRED_INIT;
	char region[AWS_REGION_MAX + 1];

	(void)state;
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		struct fault f = {0};

		(void)setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", refused[i], 1);
		assert_int_equal(aws_instance_cred(&f, &cred), COFFER_E_REFUSED);
		assert_non_null(strstr(f.text, "AWS_EC2_METADATA_SERVICE_ENDPOINT: "));
		assert_int_equal(aws_instance_region(&f, region), COFFER_E_REFUSED);
		assert_string_equal(region, "");
	}
	(void)setenv("AWS_EC2_METADATA_DISABLED", "true", 1);
	assert_int_equal(aws_instance_cred(NULL, &cred), COFFER_OK);
	assert_string_equal(cred.id, "");
	(void)unsetenv("AWS_EC2_METADATA_DISABLED");
	(void)unsetenv("AWS_EC2_METADATA_SERVICE_ENDPOINT");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(containers_are_asked_at_known_hosts_alone),
		cmocka_unit_test(without_a_container_nobody_is_asked),
		cmocka_unit_test(instances_are_asked_at_known_hosts_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
