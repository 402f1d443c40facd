/* SPDX-License-Identifier: Apache-2.0 */
#include "key/vault_uri.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define LEN_128                                                                                                        \
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"                                             \
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static const struct {
	const char *rest, *namespace, *mount, *key;
	enum vault_bind bind;
} transit[] = {
	{"llama", "", "transit", "llama", VAULT_BIND_CONTEXT},
	{"a.b-c_9", "", "transit", "a.b-c_9", VAULT_BIND_CONTEXT},
	{"llama?mount=keys/ml", "", "keys/ml", "llama", VAULT_BIND_CONTEXT},
	{"llama?bind=aad&namespace=team/a", "team/a", "transit", "llama", VAULT_BIND_AAD},
	{"llama?bind=context&mount=m&namespace=n", "n", "m", "llama", VAULT_BIND_CONTEXT},
	{LEN_128, "", "transit", LEN_128, VAULT_BIND_CONTEXT},
};

static const char *const no_transit[] = {
	"",
	"?mount=x",
	"a/b",
	"-a",
	"a-",
	".a",
	"a.",
	"a b",
	"a%20b",
	"a?mount",
	"a?mount=",
	"a?mount=/x",
	"a?mount=x/",
	"a?mount=x//y",
	"a?mount=../sys",
	"a?mount=x/../y",
	"a?mount=x/./y",
	"a?bind=",
	"a?bind=AAD",
	"a?namespace=",
	"a?namespace=a b",
	"a?version=1",
	"a?mount=x&",
	"a?mount=x&&bind=aad",
	"a#b",
	"a?mount=x\r\ny",
	"a?namespace=\xc3",
	LEN_128 "a",
	"a?mount=" LEN_128 "a",
	"a?=x",
	"a?",
};

static void
keys_of_transit(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(transit) / sizeof(transit[0]); i++) {
		struct fault f = {.text = ""};
		struct transit_uri u;

		if (transit_uri_parse(&f, transit[i].rest, &u) != COFFER_OK)
			fail_msg("%s: %s", transit[i].rest, f.text);
		assert_string_equal(u.namespace, transit[i].namespace);
		assert_string_equal(u.mount, transit[i].mount);
		assert_string_equal(u.key, transit[i].key);
		assert_int_equal(u.bind, transit[i].bind);
	}
}

static void
no_keys_of_transit(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(no_transit) / sizeof(no_transit[0]); i++) {
		struct fault f = {.text = ""};
		struct transit_uri u;

		if (transit_uri_parse(&f, no_transit[i], &u) != COFFER_E_USAGE)
			fail_msg("«%s» is taken", no_transit[i]);
		assert_non_null(strstr(f.text, "hashivault://KEY"));
		assert_string_equal(u.key, "");
	}
}

static const struct {
	const char *rest, *namespace, *mount, *path, *field;
} kv[] = {
	{"secret/kek", "", "secret", "kek", "value"},
	{"secret/model/production/llama-3.1#kek", "", "secret", "model/production/llama-3.1", "kek"},
	{"kv/a@b:c+d,e!f$g&h'i(j)k*l=m~n#a.b", "", "kv", "a@b:c+d,e!f$g&h'i(j)k*l=m~n", "a.b"},
	{"secret/a?namespace=team/a", "team/a", "secret", "a", "value"},
	{"secret/a?namespace=team#f", "team", "secret", "a", "f"},
};

static const char *const no_kv[] = {
	"",
	"secret",
	"secret/",
	"/secret/a",
	"secret//a",
	"secret/a/",
	"secret/a//b",
	"secret/../a",
	"secret/a/..",
	"secret/./a",
	"secret/a b",
	"secret/a%2fb",
	"secret/a\\b",
	"secret/\xc3\xa9",
	"secret/a?",
	"secret/a?x=y",
	"secret/a?namespace=",
	"secret/a?namespace=a b",
	"secret/a#b/c",
	"secret/a#b#c",
	"secret/a#b?c=d",
	"se cret/a",
	"secret/a\n",
	"secret/a#b\n",
	".secret?/a",
	"..//a",
	"secret/a?namespace=x&y=z",
	LEN_128 "a/b",
	"secret/a#" LEN_128 "a",
	"secret/a#",
	"secret/" LEN_128 LEN_128 LEN_128 "a",
};

static void
secrets_of_kv(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(kv) / sizeof(kv[0]); i++) {
		struct fault f = {.text = ""};
		struct kv_uri u;

		if (kv_uri_parse(&f, kv[i].rest, "value", &u) != COFFER_OK)
			fail_msg("%s: %s", kv[i].rest, f.text);
		assert_string_equal(u.namespace, kv[i].namespace);
		assert_string_equal(u.mount, kv[i].mount);
		assert_string_equal(u.path, kv[i].path);
		assert_string_equal(u.field, kv[i].field);
	}
}

static void
no_secrets_of_kv(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(no_kv) / sizeof(no_kv[0]); i++) {
		struct fault f = {.text = ""};
		struct kv_uri u;

		if (kv_uri_parse(&f, no_kv[i], "value", &u) != COFFER_E_USAGE)
			fail_msg("«%s» is taken", no_kv[i]);
		assert_non_null(strstr(f.text, "vaultkv://MOUNT/PATH#FIELD"));
		assert_string_equal(u.mount, "");
	}
}

static void
folders_of_kv(void **state)
{
	static const struct {
		const char *rest, *mount, *path;
	} folders[] = {{"secret", "secret", ""},
		       {"secret/", "secret", ""},
		       {"secret/a", "secret", "a"},
		       {"secret/a/b/", "secret", "a/b/"}};
	static const char *const none[] = {"", "/", "secret#a", "secret/a#b", "secret//", "secret/a//", "secret/.."};
	struct kv_uri u;

	(void)state;
	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		assert_int_equal(kv_uri_parse(NULL, folders[i].rest, NULL, &u), COFFER_OK);
		assert_string_equal(u.mount, folders[i].mount);
		assert_string_equal(u.path, folders[i].path);
		assert_string_equal(u.field, "");
	}
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		if (kv_uri_parse(NULL, none[i], NULL, &u) != COFFER_E_USAGE)
			fail_msg("«%s» is taken", none[i]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_of_transit), cmocka_unit_test(no_keys_of_transit),
		cmocka_unit_test(secrets_of_kv),   cmocka_unit_test(no_secrets_of_kv),
		cmocka_unit_test(folders_of_kv),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
