/* SPDX-License-Identifier: Apache-2.0 */
/* What somebody writes who may have a key service wrap and not unwrap; and services that fail. */
#include "key/envelope.h"
#include "key/keyring.h"
#include "key/services.h"
#include "support/kit.h"

/* ---- a service that wraps for everybody: what is wrapped stands there for all to read ---- */

static struct {
	unsigned int unwraps;
	coffer_err fails;
} service;

static coffer_err
fake_wrap(void *self, struct fault *f, const uint8_t dek[DEK_LEN], const struct binding *binding, struct recipient *out)
{
	(void)self;
	if (service.fails)
		return fault_set(f, service.fails, "the service fails");
	*out = (struct recipient){.kind = "hashivault", .id = "k", .version = "1", .alg = "none"};
	out->wrapped_len = ENVELOPE_LEN;
	return envelope_make(f, "hashivault", dek, binding, out->wrapped);
}

static coffer_err
fake_unwrap(void *self, struct fault *f, const struct recipient *in, const struct binding *binding,
	    uint8_t dek_out[DEK_LEN])
{
	(void)self;
	service.unwraps++;
	if (service.fails)
		return fault_set(f, service.fails, "the service fails");
	return envelope_open(f, "hashivault", view_of(in->wrapped, in->wrapped_len), binding, dek_out);
}

static bool
fake_matches(void *self, const struct recipient *in)
{
	(void)self;
	return strcmp(in->kind, "hashivault") == 0;
}

static const struct key_provider fake_provider = {
	.kind = "hashivault",
	.is_service = true,
	.wrap = fake_wrap,
	.unwrap = fake_unwrap,
	.matches = fake_matches,
	.free = free,
};

static coffer_err
fake_new(struct fault *f, const struct key_env *env, const char *rest, void **self_out)
{
	(void)env;
	(void)rest;
	*self_out = malloc(1);
	return *self_out ? COFFER_OK : fault_nomem(f);
}

static const struct key_service fake_service = {"fake://", &fake_provider, fake_new};

/* in place of the library's own, which is not linked then */
const struct key_service *
key_service_find(const char *uri, const char **rest_out)
{
	*rest_out = strncmp(uri, "fake://", 7) == 0 ? uri + 7 : NULL;
	return *rest_out ? &fake_service : NULL;
}

const struct key_service *
key_service_of_kind(const char *kind)
{
	return strcmp(kind, "hashivault") == 0 ? &fake_service : NULL;
}

/* ---- the tests ---- */

static struct coffer_keyring *keys; /* one key of the service */

static int
setup(void **state)
{
	if (kit_setup(state) != 0)
		return -1;
	memset(&service, 0, sizeof(service));
	assert_ok(coffer_keyring_new(kit.ctx, &keys));
	assert_ok(coffer_keyring_add(kit.ctx, keys, "fake://k"));
	kit_file("m/a", 1000, 1);
	return 0;
}

static int
teardown(void **state)
{
	coffer_keyring_free(&keys);
	return kit_teardown(state);
}

/* The mark of a sealing that seems interrupted: its maker knows its DEK, and nothing is sealed under it. */
static void
test_planted_mark(void **state)
{
	struct coffer_stats planted, stats;

	(void)state;
	assert_ok(coffer_seal(kit.ctx, "m", "s", keys, NULL, &planted));
	assert_int_equal(rename("s/coffer.json", "s/.coffer.partial"), 0);
	assert_ok(coffer_seal(kit.ctx, "m", "s", keys, NULL, &stats));
	assert_string_not_equal(stats.model_id, planted.model_id);
	assert_int_equal(stats.n_skipped, 0);
	assert_ok(coffer_check(kit.ctx, "s", keys, NULL));
}

/* With a key beside it that nobody has but us, the mark is ours, and the sealing goes on. */
static void
test_own_mark(void **state)
{
	struct coffer_stats first, stats;

	(void)state;
	assert_ok(coffer_keyring_add(kit.ctx, kit.keys, "fake://k"));
	assert_ok(coffer_seal(kit.ctx, "m", "s", kit.keys, NULL, &first));
	assert_int_equal(rename("s/coffer.json", "s/.coffer.partial"), 0);
	assert_ok(coffer_seal(kit.ctx, "m", "s", kit.keys, NULL, &stats));
	assert_string_equal(stats.model_id, first.model_id);
	assert_int_equal(stats.n_skipped, 1);
}

/* No folder is left of a sealing that no service wrapped for; one that was there is the user's. */
static void
test_no_wrap(void **state)
{
	(void)state;
	service.fails = COFFER_E_UNAVAILABLE;
	assert_refused(coffer_seal(kit.ctx, "m", "s", keys, NULL, NULL), COFFER_E_UNAVAILABLE);
	assert_false(kit_exists("s"));
	assert_int_equal(mkdir("s", 0755), 0);
	assert_refused(coffer_seal(kit.ctx, "m", "s", keys, NULL, NULL), COFFER_E_UNAVAILABLE);
	assert_true(kit_exists("s"));
}

/* A model may name as many recipients as it likes: a service that does not answer costs its time once. */
static void
test_many_recipients(void **state)
{
	static const struct {
		const char *what;
		coffer_err fails;
		unsigned int asked;
	} cases[] = {
		{"does not answer", COFFER_E_UNAVAILABLE, 1},
		{"has too many requests", COFFER_E_RATE, 1},
		/* of this version of the key, maybe, and not of the next recipient's */
		{"refuses", COFFER_E_REFUSED, LIMIT_RECIPIENTS},
	};
	static struct recipient recipients[LIMIT_RECIPIENTS];
	const struct binding binding = {.text = view_str("{}"), .name = "m"};
	uint8_t dek[DEK_LEN];

	(void)state;
	for (size_t i = 0; i < LIMIT_RECIPIENTS; i++)
		recipients[i] = (struct recipient){.kind = "hashivault", .id = "k", .is_service = true};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fault f = {.text = ""};

		service.fails = cases[i].fails;
		service.unwraps = 0;
		if (keyring_unwrap(&f, keys, recipients, LIMIT_RECIPIENTS, &binding, dek, NULL) != cases[i].fails ||
		    service.unwraps != cases[i].asked)
			fail_msg("a service that %s was asked %u times: %s", cases[i].what, service.unwraps, f.text);
	}
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_planted_mark),
		TEST(test_own_mark),
		TEST(test_no_wrap),
		TEST(test_many_recipients),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
