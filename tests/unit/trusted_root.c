/* SPDX-License-Identifier: Apache-2.0 */
#include "sign/trusted_root.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/limits.h"
#include "support/universe.h"

#define START "\"start\":\"2024-04-27T12:00:00Z\""
#define START_MS (INT64_C(1714219200) * 1000)

/* @text with its first @from made @to */
static void
replace(const char *text, const char *from, const char *to, struct buf *out)
{
	const char *at = strstr(text, from);

	assert_non_null(at);
	out->len = 0;
	assert_int_equal(buf_add(NULL, out, text, (size_t)(at - text)), COFFER_OK);
	assert_int_equal(buf_str(NULL, out, to), COFFER_OK);
	assert_int_equal(buf_str(NULL, out, at + strlen(from)), COFFER_OK);
}

static struct trusted_root *
parse(struct view json)
{
	struct fault f = {.err = COFFER_OK};
	struct trusted_root *root;

	if (trusted_root_parse(&f, "the root", json, &root) != COFFER_OK)
		fail_msg("%s", f.text);
	return root;
}

static void
test_right(void **state)
{
	struct trusted_root *root = parse(view_str(universe_root));

	(void)state;
	assert_int_equal(root->n_tlogs, 2);
	assert_string_equal(root->tlogs[0].url, "https://rekor1.example");
	assert_string_equal(root->tlogs[0].origin, "rekor1.example");
	assert_int_equal(pubkey_kind(root->tlogs[0].key), PKEY_P256);
	assert_int_equal(pubkey_kind(root->tlogs[1].key), PKEY_ED25519);
	assert_memory_equal(root->tlogs[0].id, root->tlogs[0].checkpoint_id, LOG_ID_LEN);
	assert_int_equal(root->tlogs[0].valid.first, START_MS);
	assert_true(root->tlogs[0].valid.last == INT64_MAX);
	assert_int_equal(root->n_ctlogs, 1);
	assert_string_equal(root->ctlogs[0].origin, "ct.example/2025");
	assert_int_equal(root->n_cas, 1);
	assert_int_equal(root->cas[0].roots.n, 1);
	assert_int_equal(root->cas[0].intermediates.n, 1);
	assert_true(cert_is_self_issued(root->cas[0].roots.v[0]));
	assert_true(cert_equal(root->cas[0].intermediates.v[0], root->cas[0].leaves.v[0]));
	assert_int_equal(root->n_tsas, 1);
	trusted_root_free(&root);
	assert_null(root);
	trusted_root_free(&root);
}

static void
test_find(void **state)
{
	struct trusted_root *root = parse(view_str(universe_root));
	struct view id = view_of(root->tlogs[1].id, LOG_ID_LEN), short_id = view_of(root->tlogs[1].id, LOG_ID_LEN - 1);

	(void)state;
	assert_ptr_equal(trusted_root_tlog(root, id), &root->tlogs[1]);
	assert_null(trusted_root_tlog(root, short_id));
	assert_null(trusted_root_ctlog(root, id));
	assert_ptr_equal(trusted_root_ctlog(root, view_of(root->ctlogs[0].id, LOG_ID_LEN)), &root->ctlogs[0]);
	trusted_root_free(&root);
}

/* the first «validFor» of the root, of its first log */
static const struct {
	const char *valid;
	int64_t first, last;
} times[] = {
	{"\"start\":\"2024-04-27T12:00:00Z\",\"end\":\"2024-04-27T12:00:00Z\"", START_MS, START_MS},
	{"\"start\":\"2024-04-27T12:00:00.001Z\",\"end\":null", START_MS + 1, INT64_MAX},
	{"\"start\":\"2024-04-27T12:00:00.0001Z\"", START_MS + 1, INT64_MAX},
	{"\"start\":\"2024-04-27T12:00:00.0000Z\"", START_MS, INT64_MAX},
	{"\"start\":\"2024-04-27T12:00:00.5Z\",\"end\":\"2024-04-27T12:00:00.999999999Z\"", START_MS + 500,
	 START_MS + 999},
};

static void
test_times(void **state)
{
	struct buf json = BUF_INIT(LIMIT_TRUSTED_ROOT);

	(void)state;
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		struct trusted_root *root;

		print_message("%s\n", times[i].valid);
		replace(universe_root, START, times[i].valid, &json);
		root = parse(buf_view(&json));
		assert_true(root->tlogs[0].valid.first == times[i].first);
		assert_true(root->tlogs[0].valid.last == times[i].last);
		trusted_root_free(&root);
	}
	buf_free(&json);
}

static void
test_validity(void **state)
{
	const struct validity v = {.first = 10, .last = 20};

	(void)state;
	assert_false(validity_has(&v, 9));
	assert_true(validity_has(&v, 10));
	assert_true(validity_has(&v, 20));
	assert_false(validity_has(&v, 21));
}

static const struct {
	const char *name, *from, *to;
	coffer_err err;
	const char *says;
} refused[] = {
	{"no JSON", "{", "", COFFER_E_FORMAT, "the root is not JSON"},
	{"no media type", "\"mediaType\"", "\"mediaTyp\"", COFFER_E_FORMAT, "no «mediaType»"},
	{"another media type", "trustedroot+json;version=0.1", "trustedroot+json;version=0.2", COFFER_E_UNSUPPORTED,
	 "the root: its media type is"},
	{"no start", "\"start\"", "\"begin\"", COFFER_E_FORMAT, "«tlogs», log 1: «validFor» has no «start»"},
	{"a start that is no time", "\"2024-04-27T12:00:00Z\"", "\"2024-04-27\"", COFFER_E_FORMAT, "has no «start»"},
	{"an end that is no time", START, START ",\"end\":\"never\"", COFFER_E_FORMAT, "the «end» of «validFor»"},
	{"no validity", "\"validFor\"", "\"valid\"", COFFER_E_FORMAT, "has no «start»"},
	{"no address", "\"baseUrl\"", "\"url\"", COFFER_E_FORMAT, "«baseUrl»"},
	{"no id", "\"logId\"", "\"id\"", COFFER_E_FORMAT, "id of its key"},
	{"an id too short", "\"keyId\":\"", "\"keyId\":\"AAAA\",\"x\":\"", COFFER_E_FORMAT, "id of its key"},
	{"no key", "\"rawBytes\"", "\"raw\"", COFFER_E_FORMAT, "its key is not base64"},
	{"a key that is none", "\"rawBytes\":\"", "\"rawBytes\":\"AAAA\",\"x\":\"", COFFER_E_FORMAT, "its key"},
	{"a key of another kind", "PKIX_ECDSA_P256_SHA_256", "PKIX_ECDSA_P384_SHA_384", COFFER_E_FORMAT,
	 "its key is of the kind P-256, not PKIX_ECDSA_P384_SHA_384"},
	{"logs that are no list", "\"tlogs\":[", "\"tlogs\":5,\"x\":[", COFFER_E_FORMAT, "«tlogs» is not a list"},
	{"a log that is nothing", "\"tlogs\":[", "\"tlogs\":[null,", COFFER_E_FORMAT, "«tlogs», log 1"},
	{"authorities that are no list", "\"certificateAuthorities\":[", "\"certificateAuthorities\":{},\"x\":[",
	 COFFER_E_FORMAT, "«certificateAuthorities» is not a list"},
	{"an authority without a chain", "\"certChain\"", "\"chain\"", COFFER_E_FORMAT,
	 "«certificateAuthorities», authority 1: «certChain» has no certificates"},
	{"a chain of nothing", "\"certificates\":[", "\"certificates\":[],\"x\":[", COFFER_E_FORMAT,
	 "has no certificates"},
	{"a certificate that is none", "\"certificates\":[{\"rawBytes\":\"",
	 "\"certificates\":[{\"rawBytes\":\"AAAA\",\"x\":\"", COFFER_E_FORMAT, "is not a certificate"},
};

static void
test_refused(void **state)
{
	struct buf json = BUF_INIT(LIMIT_TRUSTED_ROOT);

	(void)state;
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		struct fault f = {.err = COFFER_OK};
		struct trusted_root *root = (struct trusted_root *)&f;

		print_message("%s\n", refused[i].name);
		replace(universe_root, refused[i].from, refused[i].to, &json);
		assert_int_equal(trusted_root_parse(&f, "the root", buf_view(&json), &root), refused[i].err);
		assert_null(root);
		if (!strstr(f.text, refused[i].says))
			fail_msg("«%s», not «%s»", f.text, refused[i].says);
	}
	buf_free(&json);
}

/* what is not known is no reason to do without the rest */
static void
test_unknown_key(void **state)
{
	struct buf json = BUF_INIT(LIMIT_TRUSTED_ROOT);
	struct trusted_root *root;

	(void)state;
	replace(universe_root, "PKIX_ED25519", "PKIX_ML_DSA_65", &json);
	root = parse(buf_view(&json));
	assert_non_null(root->tlogs[0].key);
	assert_null(root->tlogs[1].key);
	trusted_root_free(&root);
	replace(universe_root, "\"SHA2_256\"", "\"SHA3_256\"", &json);
	root = parse(buf_view(&json));
	assert_null(root->tlogs[0].key);
	trusted_root_free(&root);
	buf_free(&json);
}

static void
test_trust_config(void **state)
{
	/* the second is the name in the .proto */
	static const char *const names[] = {"trustedRoot", "trusted_root"};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct buf json = BUF_INIT(LIMIT_TRUSTED_ROOT);
		struct trusted_root *root;

		assert_int_equal(
			buf_str(NULL, &json,
				"{\"mediaType\":\"application/vnd.dev.sigstore.clienttrustconfig.v0.1+json\",\""),
			COFFER_OK);
		assert_int_equal(buf_str(NULL, &json, names[i]), COFFER_OK);
		assert_int_equal(buf_str(NULL, &json, "\":"), COFFER_OK);
		assert_int_equal(buf_str(NULL, &json, universe_root), COFFER_OK);
		assert_int_equal(buf_str(NULL, &json, "}"), COFFER_OK);
		root = parse(buf_view(&json));
		assert_int_equal(root->n_tlogs, 2);
		trusted_root_free(&root);
		buf_free(&json);
	}
}

static void
test_empty(void **state)
{
	struct trusted_root *root =
		parse(view_str("{\"mediaType\":\"application/vnd.dev.sigstore.trustedroot+json;version=0.1\"}"));

	(void)state;
	assert_int_equal(root->n_tlogs + root->n_ctlogs + root->n_cas + root->n_tsas, 0);
	assert_null(trusted_root_tlog(root, view_of("", 0)));
	trusted_root_free(&root);
}

static void
test_too_large(void **state)
{
	char *json = calloc(1, LIMIT_TRUSTED_ROOT + 1);
	struct trusted_root *root;

	(void)state;
	assert_non_null(json);
	assert_int_equal(trusted_root_parse(NULL, "the root", view_of(json, LIMIT_TRUSTED_ROOT + 1), &root),
			 COFFER_E_FORMAT);
	free(json);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_right),	     cmocka_unit_test(test_find),    cmocka_unit_test(test_times),
		cmocka_unit_test(test_validity),     cmocka_unit_test(test_refused), cmocka_unit_test(test_unknown_key),
		cmocka_unit_test(test_trust_config), cmocka_unit_test(test_empty),   cmocka_unit_test(test_too_large),
	};

	return cmocka_run_group_tests_name("trusted root", tests, NULL, NULL);
}
