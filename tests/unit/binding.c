/* SPDX-License-Identifier: Apache-2.0 */
#include "sign/binding.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/limits.h"
#include "support/text.h"

#define HEAD "{\"coffer-trust\":1,\"model\":\"llama\",\"method\":"
#define KEY HEAD "\"key\",\"public_key\":\"PEM\\nmore\"}"
#define IDENTITY "\"identity\":\"a@b\",\"identity_provider\":\"https://c\""

static const struct {
	const char *text;
	const char *again; /* as it is written; NULL: the same and a line end */
} right[] = {
	{KEY, HEAD "\"key\",\"public_key\":\"PEM\\u000amore\"}\n"},
	{" { \"method\" : \"key\" , \"public_key\":\"PEM\", \"model\":\"llama\",\n\"coffer-trust\":1}\n",
	 HEAD "\"key\",\"public_key\":\"PEM\"}\n"},
	{HEAD "\"certificate\",\"certificate_chain\":\"PEM\"}", NULL},
	{HEAD "\"certificate\",\"certificate_chain\":\"PEM\",\"tsa_chain\":\"TSA\"}", NULL},
	{HEAD "\"sigstore\"," IDENTITY "}", NULL},
	{HEAD "\"sigstore\"," IDENTITY ",\"trusted_root\":\"{\\\"a\\\":1}\"}", NULL},
	{"{\"coffer-trust\":1,\"model\":\"*\",\"method\":\"sigstore\"," IDENTITY "}", NULL},
	{"{\"coffer-trust\":1,\"model\":\"meta/l\xc3\xa4ma 3\",\"method\":\"sigstore\"," IDENTITY "}", NULL},
};

static const struct {
	const char *text;
	coffer_err err;
	const char *sentence;
} wrong[] = {
	{"", COFFER_E_FORMAT, "JSON"},
	{"[]", COFFER_E_FORMAT, "«coffer-trust»"},
	{"{}", COFFER_E_FORMAT, "«coffer-trust»"},
	{KEY "{}", COFFER_E_FORMAT, "JSON"},
	{"{\"coffer-trust\":2,\"model\":\"l\",\"method\":\"key\",\"public_key\":\"P\"}", COFFER_E_UNSUPPORTED,
	 "version 2"},
	{"{\"coffer-trust\":0,\"model\":\"l\",\"method\":\"key\",\"public_key\":\"P\"}", COFFER_E_FORMAT,
	 "«coffer-trust»"},
	{"{\"coffer-trust\":\"1\",\"model\":\"l\",\"method\":\"key\",\"public_key\":\"P\"}", COFFER_E_FORMAT,
	 "«coffer-trust»"},
	{"{\"coffer-trust\":1,\"method\":\"key\",\"public_key\":\"P\"}", COFFER_E_FORMAT, "«model»"},
	{"{\"coffer-trust\":1,\"model\":\"\",\"method\":\"key\",\"public_key\":\"P\"}", COFFER_E_FORMAT, "«model»"},
	{"{\"coffer-trust\":1,\"model\":\"a\\nb\",\"method\":\"key\",\"public_key\":\"P\"}", COFFER_E_FORMAT,
	 "«model»"},
	{"{\"coffer-trust\":1,\"model\":[\"l\"],\"method\":\"key\",\"public_key\":\"P\"}", COFFER_E_FORMAT, "«model»"},
	{HEAD "\"none\"}", COFFER_E_FORMAT, "«method»"},
	{HEAD "\"Key\",\"public_key\":\"P\"}", COFFER_E_FORMAT, "«method»"},
	{HEAD "null}", COFFER_E_FORMAT, "«method»"},
	/* what a method needs */
	{HEAD "\"key\"}", COFFER_E_FORMAT, "«public_key»"},
	{HEAD "\"key\",\"public_key\":\"\"}", COFFER_E_FORMAT, "«public_key»"},
	{HEAD "\"key\",\"public_key\":null}", COFFER_E_FORMAT, "«public_key»"},
	{HEAD "\"key\",\"public_key\":[\"P\"]}", COFFER_E_FORMAT, "«public_key»"},
	{HEAD "\"certificate\"}", COFFER_E_FORMAT, "«certificate_chain»"},
	{HEAD "\"certificate\",\"tsa_chain\":\"T\"}", COFFER_E_FORMAT, "«certificate_chain»"},
	{HEAD "\"certificate\",\"certificate_chain\":\"P\",\"tsa_chain\":null}", COFFER_E_FORMAT, "«tsa_chain»"},
	{HEAD "\"sigstore\",\"identity\":\"a@b\"}", COFFER_E_FORMAT, "«identity_provider»"},
	{HEAD "\"sigstore\",\"identity_provider\":\"https://c\"}", COFFER_E_FORMAT, "«identity»"},
	{HEAD "\"sigstore\",\"identity\":\"a@b\\n\",\"identity_provider\":\"https://c\"}", COFFER_E_FORMAT,
	 "«identity»"},
	/* and nothing else */
	{HEAD "\"key\",\"public_key\":\"P\",\"comment\":\"x\"}", COFFER_E_FORMAT, "a member that its method"},
	{HEAD "\"key\",\"public_key\":\"P\"," IDENTITY "}", COFFER_E_FORMAT, "a member that its method"},
	{HEAD "\"sigstore\"," IDENTITY ",\"public_key\":\"P\"}", COFFER_E_FORMAT, "a member that its method"},
	{HEAD "\"certificate\",\"certificate_chain\":\"P\",\"verify_at\":1}", COFFER_E_FORMAT,
	 "a member that its method"},
	{HEAD "\"key\",\"public_key\":\"P\",\"public_key\":\"Q\"}", COFFER_E_FORMAT, "JSON"},
	{HEAD "\"key\",\"public_key\":\"P\\u0000Q\"}", COFFER_E_FORMAT, "JSON"},
};

static void
test_right(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(right) / sizeof(right[0]); i++) {
		struct trust_binding b = {.model = NULL};
		struct buf out = BUF_INIT(4096);
		struct fault f = {.text = ""};
		char want[1024] = "";

		if (binding_parse(&f, "it", view_str(right[i].text), &b) != COFFER_OK)
			fail_msg("%s: %s", right[i].text, f.text);
		assert_int_equal(binding_write(&f, &b, &out), COFFER_OK);
		PUT(want, right[i].again ? right[i].again : right[i].text);
		if (!right[i].again)
			APPEND(want, "\n");
		assert_int_equal(out.len, strlen(want));
		assert_memory_equal(out.p, want, out.len);
		binding_free(&b);
		buf_free(&out);
	}
}

static void
test_wrong(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct trust_binding b = {.model = NULL};
		struct fault f = {.text = ""};
		coffer_err err = binding_parse(&f, "the file", view_str(wrong[i].text), &b);

		if (err != wrong[i].err || !strstr(f.text, wrong[i].sentence) || !strstr(f.text, "the file"))
			fail_msg("%s: %s «%s»", wrong[i].text, coffer_err_name(err), f.text);
		assert_null(b.model);
		assert_null(b.public_key);
		assert_null(b.identity);
	}
}

static void
test_members(void **state)
{
	struct trust_binding b = {.model = NULL};

	(void)state;
	assert_int_equal(binding_parse(NULL, "it", view_str(KEY), &b), COFFER_OK);
	assert_string_equal(b.model, "llama");
	assert_int_equal(b.method, BINDING_KEY);
	assert_string_equal(b.public_key, "PEM\nmore");
	binding_free(&b);
	assert_int_equal(binding_parse(NULL, "it", view_str(right[3].text), &b), COFFER_OK);
	assert_int_equal(b.method, BINDING_CERTIFICATE);
	assert_string_equal(b.certificate_chain, "PEM");
	assert_string_equal(b.tsa_chain, "TSA");
	binding_free(&b);
	assert_int_equal(binding_parse(NULL, "it", view_str(right[5].text), &b), COFFER_OK);
	assert_int_equal(b.method, BINDING_SIGSTORE);
	assert_string_equal(b.identity, "a@b");
	assert_string_equal(b.identity_provider, "https://c");
	assert_string_equal(b.trusted_root, "{\"a\":1}");
	binding_free(&b);
}

static void
test_names(void **state)
{
	char name[LIMIT_TRUST_NAME + 2];

	(void)state;
	memset(name, 'a', sizeof(name));
	name[LIMIT_TRUST_NAME + 1] = '\0';
	assert_int_equal(binding_check_model(NULL, name), COFFER_E_USAGE);
	assert_int_equal(binding_check_model(NULL, name + 1), COFFER_OK);
	assert_int_equal(binding_check_model(NULL, "*"), COFFER_OK);
	assert_int_equal(binding_check_model(NULL, "meta/l\xc3\xa4ma"), COFFER_OK);
	assert_int_equal(binding_check_model(NULL, ""), COFFER_E_USAGE);
	assert_int_equal(binding_check_model(NULL, "a\x1b[2J"), COFFER_E_USAGE);
	assert_int_equal(binding_check_model(NULL, "a\xff"), COFFER_E_USAGE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_right),
		cmocka_unit_test(test_wrong),
		cmocka_unit_test(test_members),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests_name("binding", tests, NULL, NULL);
}
