/* SPDX-License-Identifier: Apache-2.0 */
#include "key/awskms_name.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define ID "1234abcd-12ab-34cd-56ef-1234567890ab"
#define MRK "mrk-1234abcd12ab34cd56ef1234567890ab"
#define ARN(region, account, resource) "arn:aws:kms:" region ":" account ":" resource
#define HERE(resource) ARN("eu-central-1", "111122223333", resource)
#define THERE(resource) ARN("us-east-1", "111122223333", resource)
#define THEIRS(resource) ARN("eu-central-1", "444455556666", resource)

static void
names_are_taken_apart(void **state)
{
	static const struct {
		const char *text;
		const char *partition, *region, *account, *resource; /* resource NULL: it is none */
		bool is_alias;
	} cases[] = {
		{ID, "", "", "", ID, false},
		{MRK, "", "", "", MRK, false},
		{"alias/model/production/llama_2-b", "", "", "", "alias/model/production/llama_2-b", true},
		{HERE("key/" ID), "aws", "eu-central-1", "111122223333", ID, false},
		{HERE("alias/a/b"), "aws", "eu-central-1", "111122223333", "alias/a/b", true},
		{"arn:aws-us-gov:kms:us-gov-west-1:111122223333:key/" MRK, "aws-us-gov", "us-gov-west-1",
		 "111122223333", MRK, false},
		{"", NULL, NULL, NULL, NULL, false},
		{"alias/", NULL, NULL, NULL, NULL, false},
		{"alias/a.b", NULL, NULL, NULL, NULL, false},
		{"alias/a b", NULL, NULL, NULL, NULL, false},
		{"alias/{name}", NULL, NULL, NULL, NULL, false},
		{"key/" ID, NULL, NULL, NULL, NULL, false},
		{ID "?x", NULL, NULL, NULL, NULL, false},
		{"arn:", NULL, NULL, NULL, NULL, false},
		{"arn:aws:s3:eu-central-1:111122223333:key/" ID, NULL, NULL, NULL, NULL, false},
		{"arn:aws:kms:eu.evil:111122223333:key/" ID, NULL, NULL, NULL, NULL, false},
		{"arn:aws:kms::111122223333:key/" ID, NULL, NULL, NULL, NULL, false},
		{"arn:AWS:kms:eu-central-1:111122223333:key/" ID, NULL, NULL, NULL, NULL, false},
		{ARN("eu-central-1", "11112222333", "key/" ID), NULL, NULL, NULL, NULL, false},
		{ARN("eu-central-1", "11112222333x", "key/" ID), NULL, NULL, NULL, NULL, false},
		{HERE(ID), NULL, NULL, NULL, NULL, false},
		{HERE("key/"), NULL, NULL, NULL, NULL, false},
		{HERE("key/alias/a"), NULL, NULL, NULL, NULL, false},
		{HERE("grant/a"), NULL, NULL, NULL, NULL, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct awskms_name name;

		if (awskms_name_parse(cases[i].text, &name) != (cases[i].resource != NULL))
			fail_msg("«%s»", cases[i].text);
		if (!cases[i].resource)
			continue;
		assert_true(view_is(name.partition, cases[i].partition));
		assert_true(view_is(name.region, cases[i].region));
		assert_true(view_is(name.account, cases[i].account));
		assert_true(view_is(name.resource, cases[i].resource));
		assert_int_equal(name.is_alias, cases[i].is_alias);
		assert_int_equal(awskms_name_is_arn(&name), cases[i].region[0] != '\0');
	}
}

static void
keys_are_told_apart(void **state)
{
	static const struct {
		const char *name, *arn;
		bool may_be;
	} cases[] = {
		{ID, HERE("key/" ID), true},
		{ID, THERE("key/" ID), true},
		{ID, HERE("key/" MRK), false},
		{HERE("key/" ID), HERE("key/" ID), true},
		{HERE("key/" ID), THERE("key/" ID), false},
		{HERE("key/" ID), THEIRS("key/" ID), false},
		{HERE("key/" MRK), HERE("key/" MRK), true},
		{HERE("key/" MRK), THERE("key/" MRK), true},
		{HERE("key/" MRK), THEIRS("key/" MRK), false},
		{HERE("key/" MRK), "arn:aws-cn:kms:cn-north-1:111122223333:key/" MRK, false},
		{HERE("key/" MRK), HERE("key/" MRK "0"), false},
		{MRK, THERE("key/" MRK), true},
		{"alias/a", HERE("key/" ID), true},
		{"alias/a", THEIRS("key/" ID), true},
		{HERE("alias/a"), HERE("key/" ID), true},
		{HERE("alias/a"), THERE("key/" ID), false},
		{HERE("alias/a"), THERE("key/" MRK), true},
		{HERE("alias/a"), THEIRS("key/" ID), false},
		{ID, ID, false},
		{"alias/a", "alias/a", false},
		{"alias/a", HERE("alias/a"), false},
		{"alias/a", "", false},
		{"alias/a", "transit/llama", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct awskms_name name;

		assert_true(awskms_name_parse(cases[i].name, &name));
		if (awskms_name_may_be(&name, cases[i].arn) != cases[i].may_be)
			fail_msg("«%s» and «%s»", cases[i].name, cases[i].arn);
	}
}

static void
one_key_has_one_arn_in_a_region(void **state)
{
	(void)state;
	assert_true(awskms_same_key(HERE("key/" ID), HERE("key/" ID)));
	assert_true(awskms_same_key(HERE("key/" MRK), THERE("key/" MRK)));
	assert_false(awskms_same_key(HERE("key/" ID), THERE("key/" ID)));
	assert_false(awskms_same_key(HERE("key/" MRK), THEIRS("key/" MRK)));
	assert_false(awskms_same_key(HERE("key/" ID), HERE("key/" MRK)));
	assert_false(awskms_same_key(ID, HERE("key/" ID)));
	assert_false(awskms_same_key(HERE("key/" ID), ID));
	assert_false(awskms_same_key(HERE("alias/a"), HERE("key/" ID)));
	assert_false(awskms_same_key("", ""));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_taken_apart),
		cmocka_unit_test(keys_are_told_apart),
		cmocka_unit_test(one_key_has_one_arn_in_a_region),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
