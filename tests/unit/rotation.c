/* SPDX-License-Identifier: Apache-2.0 */
/* Rotation of many models, with a key service of our own that counts what it is asked. */
#include "engine/rewrap.h"

#include <stdatomic.h>
#include <sys/file.h>
#include <time.h>

#include "key/envelope.h"
#include "key/services.h"
#include "mem/secret.h"
#include "support/kit.h"

/* ---- the service: keys by name, with versions; it wraps by what nobody should take for cryptography ---- */

static struct {
	atomic_int wraps, unwraps, rewraps, states;
	_Atomic unsigned int version; /* of all keys */
	bool no_unwrap, no_state, no_rewrap, no_version, down;
	int64_t created; /* when that version was made; 0: it does not say */
} service;

struct fake {
	char name[64];
};

static bool
fake_matches(void *self, const struct recipient *in)
{
	const struct fake *key = self;

	return strcmp(in->kind, "hashivault") == 0 && strcmp(in->id, key->name) == 0;
}

static coffer_err
fake_wrap_as(const struct fake *key, const uint8_t envelope[ENVELOPE_LEN], struct recipient *out)
{
	(void)snprintf(out->kind, sizeof(out->kind), "hashivault");
	(void)snprintf(out->id, sizeof(out->id), "%s", key->name);
	if (!service.no_version)
		(void)snprintf(out->version, sizeof(out->version), "%u", service.version);
	(void)snprintf(out->alg, sizeof(out->alg), "xor");
	for (size_t i = 0; i < ENVELOPE_LEN; i++)
		out->wrapped[i] = envelope[i] ^ 0x5a;
	out->wrapped_len = ENVELOPE_LEN;
	return COFFER_OK;
}

static coffer_err
fake_wrap(void *self, struct fault *f, const uint8_t dek[DEK_LEN], const struct binding *binding, struct recipient *out)
{
	uint8_t envelope[ENVELOPE_LEN];
	coffer_err err;

	service.wraps++;
	err = envelope_make(f, "hashivault", dek, binding, envelope);
	return err ? err : fake_wrap_as(self, envelope, out);
}

static coffer_err
fake_unwrap(void *self, struct fault *f, const struct recipient *in, const struct binding *binding,
	    uint8_t dek_out[DEK_LEN])
{
	uint8_t envelope[ENVELOPE_LEN];

	(void)self;
	service.unwraps++;
	if (service.no_unwrap)
		return fault_set(f, COFFER_E_REFUSED, "this credential may not decrypt");
	for (size_t i = 0; i < ENVELOPE_LEN; i++)
		envelope[i] = in->wrapped[i] ^ 0x5a;
	return envelope_open(f, "hashivault", view_of(envelope, sizeof(envelope)), binding, dek_out);
}

static coffer_err
fake_rewrap(void *self, struct fault *f, void *from, const struct recipient *in, const struct binding *binding,
	    struct recipient *out)
{
	uint8_t envelope[ENVELOPE_LEN];

	(void)binding;
	if (!fake_matches(from, in))
		return fault_set(f, COFFER_E_NOKEY, "of another key");
	service.rewraps++;
	if (service.down)
		return fault_set(f, COFFER_E_UNAVAILABLE, "the service does not answer");
	for (size_t i = 0; i < ENVELOPE_LEN; i++)
		envelope[i] = in->wrapped[i] ^ 0x5a;
	return fake_wrap_as(self, envelope, out);
}

static bool
fake_can_rewrap(void *self, void *from, const struct recipient *in)
{
	(void)self;
	return !service.no_rewrap && fake_matches(from, in);
}

static coffer_err
fake_state(void *self, struct fault *f, struct key_state *out)
{
	const struct fake *key = self;

	service.states++;
	if (service.no_state)
		return fault_set(f, COFFER_E_REFUSED, "this credential may not read keys");
	(void)snprintf(out->id, sizeof(out->id), "%s", key->name);
	(void)snprintf(out->version, sizeof(out->version), "%u", service.version);
	out->created = service.created;
	out->usable = true;
	return COFFER_OK;
}

static coffer_err
fake_rotate(void *self, struct fault *f, struct key_state *out)
{
	service.version++;
	return fake_state(self, f, out);
}

static const struct key_provider fake_provider = {
	.kind = "hashivault",
	.is_service = true,
	.wrap = fake_wrap,
	.unwrap = fake_unwrap,
	.matches = fake_matches,
	.rewrap = fake_rewrap,
	.can_rewrap = fake_can_rewrap,
	.rotate = fake_rotate,
	.state = fake_state,
	.free = free,
};

static coffer_err
fake_new(struct fault *f, const struct key_env *env, const char *rest, void **self_out)
{
	struct fake *key = calloc(1, sizeof(*key));

	(void)env;
	*self_out = key;
	if (!key)
		return fault_nomem(f);
	(void)snprintf(key->name, sizeof(key->name), "%s", rest);
	return COFFER_OK;
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

/* ---- what the tests share ---- */

static struct coffer_keyring *key_a, *key_b; /* of the service */
static struct coffer_models *models;
static char notice[600];

static void
keep_notice(void *user, const char *text)
{
	(void)user;
	(void)snprintf(notice, sizeof(notice), "%s", text);
}

static struct coffer_keyring *
keyring_of(const char *uri)
{
	struct coffer_keyring *keys;

	assert_ok(coffer_keyring_new(kit.ctx, &keys));
	assert_ok(coffer_keyring_add(kit.ctx, keys, uri));
	return keys;
}

static int
setup(void **state)
{
	if (kit_setup(state) != 0)
		return -1;
	memset(&service, 0, sizeof(service));
	service.version = 1;
	notice[0] = '\0';
	coffer_ctx_set_notice(kit.ctx, keep_notice, NULL);
	key_a = keyring_of("fake://a");
	key_b = keyring_of("fake://b");
	kit_file("plain", 1000, 1);
	kit_file("m/a", 1000, 2);
	kit_file("m/sub/b", 10, 3);
	return 0;
}

static int
teardown(void **state)
{
	coffer_keyring_free(&key_a);
	coffer_keyring_free(&key_b);
	coffer_models_free(&models);
	return kit_teardown(state);
}

#define REWRAP(path, keys, ...)                                                                                        \
	coffer_rewrap(kit.ctx, path, keys, &(const struct coffer_rewrap_options){.version_1 = 1, __VA_ARGS__})

/* the models f and d, for @keys */
static void
seal_both(const struct coffer_keyring *keys)
{
	assert_int_equal(mkdir("t", 0777), 0);
	assert_ok(coffer_seal(kit.ctx, "plain", "t/f", keys, NULL, NULL));
	assert_ok(coffer_seal(kit.ctx, "m", "t/d", keys, NULL, NULL));
	assert_ok(coffer_models_new(kit.ctx, &models));
	assert_ok(coffer_models_add_tree(kit.ctx, models, "t", NULL, 0));
	assert_int_equal(coffer_models_size(models), 2);
	service.wraps = service.unwraps = service.rewraps = service.states = 0;
}

static void
assert_state(const char *path, uint64_t generation, const char *kind, const char *id, const char *version)
{
	struct coffer_inspection *i;

	assert_ok(coffer_inspect(kit.ctx, path, &i));
	assert_int_equal(i->generation, generation);
	assert_int_equal(i->n_recipients, 1);
	assert_string_equal(i->recipients[0].kind, kind);
	if (id)
		assert_string_equal(i->recipients[0].id, id);
	assert_string_equal(i->recipients[0].version, version);
	assert_true(i->recipients[0].created > 0);
	coffer_inspection_free(&i);
}

static struct coffer_rotation *
rewrap_all(const struct coffer_keyring *keys, const struct coffer_rewrap_options *opt, coffer_err want)
{
	struct coffer_rotation *r;

	assert_err(coffer_rewrap_all(kit.ctx, models, keys, opt, &r), want);
	assert_non_null(r);
	assert_int_equal(r->n, coffer_models_size(models));
	return r;
}

static void
assert_rewrapped(const struct coffer_keyring *keys, const struct coffer_rewrap_options *opt, size_t n_changed,
		 size_t n_settled, enum coffer_way way)
{
	struct coffer_rotation *r = rewrap_all(keys, opt, COFFER_OK);

	assert_int_equal(r->n_changed, n_changed);
	assert_int_equal(r->n_settled, n_settled);
	assert_int_equal(r->n_failed, 0);
	for (size_t i = 0; i < r->n; i++)
		assert_int_equal(r->models[i].way, r->models[i].changed ? way : COFFER_WAY_NONE);
	coffer_rotation_free(&r);
}

static const struct coffer_rewrap_options renew = {.version_1 = 1, .renew = true, .settled = true};

/* ---- inside the service ---- */

/* A rotator that may not decrypt: a new version, and every model depends on it; asked again nothing is done. */
static void
test_new_version(void **state)
{
	struct coffer_key_state key;

	(void)state;
	seal_both(key_a);
	service.no_unwrap = true;
	assert_rewrapped(key_a, &renew, 0, 2, COFFER_WAY_SERVICE);
	assert_int_equal(service.states, 1); /* of all models once */
	assert_ok(coffer_key_rotate(kit.ctx, "fake://a", &key));
	assert_string_equal(key.version, "2");
	assert_string_equal(key.kind, "hashivault");
	assert_rewrapped(key_a, &renew, 2, 0, COFFER_WAY_SERVICE);
	assert_state("t/f", 1, "hashivault", "a", "2");
	assert_state("t/d", 1, "hashivault", "a", "2");
	assert_rewrapped(key_a, &renew, 0, 2, COFFER_WAY_SERVICE);
	assert_int_equal(service.rewraps, 2);
	assert_int_equal(service.unwraps + service.wraps, 0);
	service.no_unwrap = false;
	assert_ok(coffer_check(kit.ctx, "t/f", key_a, NULL));
	assert_ok(coffer_check(kit.ctx, "t/d", key_a, NULL));
	/* by its name it is done whatever the version is, many times over */
	for (int i = 0; i < 3; i++)
		assert_ok(REWRAP("t/f", key_a, .renew = true));
	assert_ok(coffer_check(kit.ctx, "t/f", key_a, NULL));
	assert_state("t/f", 1, "hashivault", "a", "2");
}

/* From one key of the service to another (ReEncrypt). */
static void
test_other_key(void **state)
{
	const struct coffer_rewrap_options change = {.version_1 = 1, .add = key_b, .remove = key_a, .settled = true};

	(void)state;
	seal_both(key_a);
	service.no_unwrap = true;
	assert_rewrapped(key_a, &change, 2, 0, COFFER_WAY_SERVICE);
	assert_state("t/f", 1, "hashivault", "b", "1");
	assert_rewrapped(key_a, &change, 0, 2, COFFER_WAY_SERVICE);
	service.no_unwrap = false;
	assert_ok(coffer_check(kit.ctx, "t/d", key_b, NULL));
	assert_refused(coffer_check(kit.ctx, "t/d", key_a, NULL), COFFER_E_NOKEY);
	assert_int_equal(service.rewraps, 2);
}

/* Where the service cannot, the DEK comes here; so it does when a key of one's own comes or goes. */
static void
test_here(void **state)
{
	const struct coffer_rewrap_options out = {.version_1 = 1, .add = kit.keys, .remove = key_a, .settled = true};
	const struct coffer_rewrap_options in = {.version_1 = 1, .add = key_b, .replace = true, .settled = true};

	(void)state;
	seal_both(key_a);
	service.no_rewrap = true;
	service.version = 2;
	assert_rewrapped(key_a, &renew, 2, 0, COFFER_WAY_HERE);
	assert_state("t/d", 2, "hashivault", "a", "2");
	service.no_rewrap = false;
	assert_rewrapped(key_a, &out, 2, 0, COFFER_WAY_HERE);
	assert_state("t/f", 3, "aes", NULL, "");
	assert_rewrapped(kit.keys, &in, 2, 0, COFFER_WAY_HERE);
	assert_state("t/f", 4, "hashivault", "b", "2");
	assert_rewrapped(kit.keys, &in, 0, 2, COFFER_WAY_HERE);
	assert_ok(coffer_check(kit.ctx, "t/f", key_b, NULL));
}

/* A recipient of one's own beside it is left as it is, and the MAC over it holds. */
static void
test_beside_local(void **state)
{
	(void)state;
	seal_both(key_a);
	for (size_t i = 0; i < 2; i++) {
		const char *path = coffer_models_path(models, i);

		assert_ok(REWRAP(path, key_a, .add = kit.keys));
	}
	service.version = 7;
	service.no_unwrap = true;
	assert_rewrapped(key_a, &renew, 2, 0, COFFER_WAY_SERVICE);
	for (size_t i = 0; i < 2; i++)
		assert_ok(coffer_check(kit.ctx, coffer_models_path(models, i), kit.keys, NULL));
	/* the last recipient of a service goes: «services» with it, which takes the DEK */
	assert_ok(REWRAP("t/f", kit.keys, .remove = key_a));
	assert_state("t/f", 3, "aes", NULL, "");
	assert_ok(coffer_check(kit.ctx, "t/f", kit.keys, NULL));
}

static void
test_failing_service(void **state)
{
	struct coffer_rotation *r;

	(void)state;
	seal_both(key_a);
	service.version = 2;
	service.down = true;
	r = rewrap_all(key_a, &renew, COFFER_E_UNAVAILABLE);
	assert_int_equal(r->n_failed, 2);
	assert_int_equal(r->models[0].err, COFFER_E_UNAVAILABLE);
	assert_non_null(strstr(r->models[0].message, "does not answer"));
	coffer_rotation_free(&r);
	assert_state("t/f", 1, "hashivault", "a", "1");
	service.down = false;
	assert_rewrapped(key_a, &renew, 2, 0, COFFER_WAY_SERVICE);
}

/* Who may not ask for the version renews all, and says so; with a date it does not. */
static void
test_no_state(void **state)
{
	struct coffer_rewrap_options dated = renew;

	(void)state;
	seal_both(key_a);
	service.no_state = true;
	assert_rewrapped(key_a, &renew, 2, 0, COFFER_WAY_SERVICE);
	assert_rewrapped(key_a, &renew, 2, 0, COFFER_WAY_SERVICE);
	assert_non_null(strstr(notice, "may not read keys"));
	dated.before = 1000;
	assert_rewrapped(key_a, &dated, 0, 2, COFFER_WAY_SERVICE);
	dated.before = INT64_C(250000000000);
	assert_rewrapped(key_a, &dated, 2, 0, COFFER_WAY_SERVICE);
}

/* A wrap that names no version is not renewed for that alone: by its age it is, and by its name. */
static void
test_no_version(void **state)
{
	struct coffer_rewrap_options dated = renew;
	struct coffer_rotation *r;

	(void)state;
	service.no_version = true;
	seal_both(key_a);
	service.version = 2;
	r = rewrap_all(key_a, &renew, COFFER_OK);
	assert_int_equal(r->n_settled, 2);
	assert_non_null(strstr(r->models[0].message, "by its age"));
	coffer_rotation_free(&r);
	dated.before = INT64_C(250000000000);
	assert_rewrapped(key_a, &dated, 2, 0, COFFER_WAY_SERVICE);
	assert_ok(REWRAP("t/f", key_a, .renew = true));
	assert_int_equal(service.rewraps, 3);
}

/* Nor is it left when the service tells that its key has a version that is younger than the wrap. */
static void
test_no_version_by_its_age(void **state)
{
	const struct coffer_rewrap_options again = {.version_1 = 1, .add = key_a, .settled = true};

	(void)state;
	service.no_version = true;
	service.created = 1000;
	seal_both(key_a);
	assert_rewrapped(key_a, &renew, 0, 2, COFFER_WAY_SERVICE);
	assert_rewrapped(key_a, &again, 0, 2, COFFER_WAY_SERVICE);
	service.created = (int64_t)time(NULL) + 100;
	assert_rewrapped(key_a, &renew, 2, 0, COFFER_WAY_SERVICE);
	assert_rewrapped(key_a, &again, 2, 0, COFFER_WAY_SERVICE);
}

/* A URI that stands for a key of each model: of each it is asked which version is the newest, and what depends on that is left. */
static void
test_template(void **state)
{
	struct coffer_keyring *each = keyring_of("fake://key-{name}");

	(void)state;
	seal_both(each);
	assert_rewrapped(each, &renew, 0, 2, COFFER_WAY_SERVICE);
	assert_int_equal(service.states, 2);
	service.version = 2;
	assert_rewrapped(each, &renew, 2, 0, COFFER_WAY_SERVICE);
	assert_state("t/f", 1, "hashivault", "key-plain", "2");
	assert_state("t/d", 1, "hashivault", "key-m", "2");
	assert_rewrapped(each, &renew, 0, 2, COFFER_WAY_SERVICE);
	assert_int_equal(service.rewraps, 2);
	coffer_keyring_free(&each);
}

static void
test_uri_of_a_model(void **state)
{
	char *uri;

	(void)state;
	assert_ok(coffer_key_uri_of(kit.ctx, "fake://{environment}/{name}", "production", "llama-3.1", &uri));
	assert_string_equal(uri, "fake://production/llama-3.1");
	free(uri);
	assert_ok(coffer_key_uri_of(kit.ctx, "file:a b", "", "", &uri));
	assert_string_equal(uri, "file:a b");
	free(uri);
	assert_err(coffer_key_uri_of(kit.ctx, "fake://{name}", "", "../x?y", &uri), COFFER_E_USAGE);
	assert_null(uri);
	assert_err(coffer_key_uri_of(kit.ctx, "fake://{nam}", "", "llama", &uri), COFFER_E_USAGE);
}

static void
test_dry_run(void **state)
{
	struct coffer_rewrap_options dry = renew;
	struct coffer_rotation *r;

	(void)state;
	seal_both(key_a);
	service.version = 3;
	dry.dry_run = true;
	r = rewrap_all(key_a, &dry, COFFER_OK);
	assert_int_equal(r->n_changed, 2);
	assert_int_equal(r->models[0].n_changes, 1);
	assert_int_equal(r->models[0].changes[0].change, COFFER_CHANGE_RENEW);
	assert_string_equal(r->models[0].changes[0].kind, "hashivault");
	assert_string_equal(r->models[0].changes[0].id, "a");
	assert_string_equal(r->models[0].changes[0].before, "1");
	assert_string_equal(r->models[0].changes[0].version, "3");
	coffer_rotation_free(&r);
	assert_int_equal(service.rewraps + service.wraps + service.unwraps, 0);
	assert_state("t/f", 1, "hashivault", "a", "1");
}

/* It says where it would be done: in the service only what that can make of a wrap that a key given fits. */
static void
test_dry_run_says_where(void **state)
{
	struct coffer_keyring *each = keyring_of("fake://{environment}");
	struct coffer_rewrap_options add = {.version_1 = 1, .add = key_b, .settled = true, .dry_run = true};
	const struct coffer_rekey_options dry = {.version_1 = 1, .dry_run = true};
	struct coffer_rotation *r;

	(void)state;
	seal_both(key_a);
	for (size_t i = 0; i < 2; i++)
		assert_ok(REWRAP(coffer_models_path(models, i), key_a, .add = kit.keys));
	assert_rewrapped(key_a, &add, 2, 0, COFFER_WAY_SERVICE);
	assert_rewrapped(kit.keys, &add, 2, 0, COFFER_WAY_HERE);
	service.no_rewrap = true;
	assert_rewrapped(key_a, &add, 2, 0, COFFER_WAY_HERE);
	/* a key that no model has is found out, too */
	add.add = each;
	r = rewrap_all(kit.keys, &add, COFFER_E_USAGE);
	assert_int_equal(r->n_failed, 2);
	coffer_rotation_free(&r);
	assert_err(coffer_rekey_all(kit.ctx, models, kit.keys, each, &dry, &r), COFFER_E_USAGE);
	assert_int_equal(r->n_failed, 2);
	assert_non_null(strstr(r->models[0].message, "{environment}"));
	coffer_rotation_free(&r);
	coffer_keyring_free(&each);
}

/* Of a key that is none of theirs they are left alone. */
static void
test_other_peoples(void **state)
{
	struct coffer_rotation *r;

	(void)state;
	seal_both(key_a);
	r = rewrap_all(key_b, &renew, COFFER_OK);
	assert_int_equal(r->n_settled, 2);
	assert_non_null(strstr(r->models[0].message, "other keys"));
	coffer_rotation_free(&r);
	assert_refused(REWRAP("t/f", key_b, .renew = true), COFFER_E_NOKEY);
	assert_refused(REWRAP("t/f", key_a, .renew = true, .add = key_b), COFFER_E_USAGE);
}

/* ---- many models ---- */

static void
copy_file(const char *from, const char *to)
{
	size_t len;
	uint8_t *bytes = kit_read(from, &len);

	tmpdir_file(to, bytes, len, 0644);
	free(bytes);
}

static void
make_many(unsigned int n)
{
	char path[64];

	assert_int_equal(mkdir("t", 0777), 0);
	assert_ok(coffer_seal(kit.ctx, "plain", "one", kit.keys, NULL, NULL));
	for (unsigned int i = 0; i < n; i++) {
		(void)snprintf(path, sizeof(path), "t/%04u", i);
		copy_file("one", path);
	}
	assert_ok(coffer_models_new(kit.ctx, &models));
	assert_ok(coffer_models_add_tree(kit.ctx, models, "t/", NULL, 0));
	assert_int_equal(coffer_models_size(models), n);
}

/* A thousand, among which one is damaged, one vanishes, one is locked and one is somebody else's. */
static void
test_many(void **state)
{
	const struct coffer_rewrap_options change = {
		.version_1 = 1, .add = kit.other, .remove = kit.keys, .settled = true};
	struct coffer_rotation *r;
	size_t n_good = 0;
	int fd;

	(void)state;
	make_many(1000);
	assert_string_equal(coffer_models_path(models, 0), "t/0000");
	assert_string_equal(coffer_models_path(models, 999), "t/0999");
	kit_flip("t/0100", 100, 1);
	assert_int_equal(unlink("t/0200"), 0);
	fd = open("t/0300", O_RDONLY);
	assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), 0);
	assert_int_equal(unlink("t/0400"), 0);
	assert_ok(coffer_seal(kit.ctx, "plain", "t/0400", key_b, NULL, NULL));
	r = rewrap_all(kit.keys, &change, COFFER_E_AUTH);
	assert_non_null(strstr(coffer_ctx_message(kit.ctx), "4 of 1000 models failed; the first: t/0100"));
	assert_int_equal(r->n_changed, 996);
	assert_int_equal(r->n_failed, 4);
	assert_int_equal(r->models[100].err, COFFER_E_AUTH);
	assert_int_equal(r->models[200].err, COFFER_E_NOTFOUND);
	assert_int_equal(r->models[300].err, COFFER_E_BUSY);
	assert_int_equal(r->models[400].err, COFFER_E_NOKEY);
	coffer_rotation_free(&r);
	(void)close(fd);
	r = rewrap_all(kit.keys, &change, COFFER_E_AUTH);
	assert_int_equal(r->n_changed, 1);
	assert_int_equal(r->n_settled, 996);
	assert_int_equal(r->n_failed, 3);
	for (size_t i = 0; i < r->n; i++)
		n_good +=
			r->models[i].err == COFFER_OK && coffer_check(kit.ctx, r->models[i].path, kit.other, NULL) == 0;
	assert_int_equal(n_good, 997);
	coffer_rotation_free(&r);
}

static void
stop_after_some(void *user, const char *path, uint64_t done, uint64_t total)
{
	(void)path;
	(void)done;
	(void)total;
	coffer_ctx_cancel(user);
}

static void
test_cancelled(void **state)
{
	const struct coffer_rewrap_options change = {
		.version_1 = 1, .add = kit.other, .replace = true, .settled = true};
	struct coffer_rotation *r;
	struct coffer_ctx *second;
	coffer_err err;

	(void)state;
	make_many(20);
	assert_ok(coffer_ctx_new(&second));
	coffer_ctx_cancel(second);
	assert_int_equal(coffer_rewrap_all(second, models, kit.keys, &change, &r), COFFER_E_INTERRUPTED);
	assert_int_equal(r->n_changed + r->n_settled + r->n_failed, 0);
	assert_int_equal(r->models[0].err, COFFER_E_INTERRUPTED);
	coffer_rotation_free(&r);
	coffer_ctx_free(&second);
	/* in the middle: what is done is whole, the rest as it was, and the same call goes on */
	assert_ok(coffer_ctx_new(&second));
	coffer_ctx_set_jobs(second, 1);
	coffer_ctx_set_progress(second, stop_after_some, second);
	err = coffer_rewrap_all(second, models, kit.keys, &change, &r);
	assert_true(err == COFFER_OK || err == COFFER_E_INTERRUPTED);
	coffer_rotation_free(&r);
	coffer_ctx_free(&second);
	r = rewrap_all(kit.keys, &change, COFFER_OK);
	assert_int_equal(r->n_changed + r->n_settled, 20);
	coffer_rotation_free(&r);
	for (size_t i = 0; i < 20; i++)
		assert_ok(coffer_check(kit.ctx, coffer_models_path(models, i), kit.other, NULL));
}

static void
test_list(void **state)
{
	static const char *const exclude[] = {"skip", "*.old"};
	struct coffer_models *list;

	(void)state;
	make_many(3);
	assert_ok(coffer_seal(kit.ctx, "m", "t/in a folder", kit.keys, NULL, NULL));
	kit_file("t/skip/x", 1, 1);
	copy_file("one", "t/skip/model");
	copy_file("one", "t/z.old");
	copy_file("one", "t/.hidden");
	kit_file("t/deep/er/x", 1, 1);
	copy_file("one", "t/deep/er/model");
	copy_file("one", "t/.model.coffer-tmp");
	assert_ok(coffer_seal(kit.ctx, "m", "outside", kit.keys, NULL, NULL));
	assert_int_equal(symlink("../one", "t/link") | symlink("../outside", "t/out") | symlink("loop", "t/loop"), 0);
	assert_ok(coffer_models_new(kit.ctx, &list));
	assert_ok(coffer_models_add_tree(kit.ctx, list, "t", exclude, 2));
	assert_int_equal(coffer_models_size(list), 6);
	assert_string_equal(coffer_models_path(list, 0), "t/.hidden");
	assert_string_equal(coffer_models_path(list, 4), "t/deep/er/model");
	assert_string_equal(coffer_models_path(list, 5), "t/in a folder");
	/* once, whatever its name */
	assert_ok(coffer_models_add(kit.ctx, list, "./t/../t/0000"));
	assert_ok(coffer_models_add_tree(kit.ctx, list, "t/deep/er/model", NULL, 0));
	assert_ok(coffer_models_add_tree(kit.ctx, list, "t/in a folder/", NULL, 0));
	assert_int_equal(coffer_models_size(list), 6);
	assert_ok(coffer_models_add(kit.ctx, list, "gone"));
	assert_int_equal(coffer_models_size(list), 7);
	assert_refused(coffer_models_add_tree(kit.ctx, list, "gone", NULL, 0), COFFER_E_NOTFOUND);
	assert_refused(coffer_models_add_tree(kit.ctx, list, "plain", NULL, 0), COFFER_E_FORMAT);
	coffer_models_free(&list);
}

static void
test_rekey(void **state)
{
	const struct coffer_rekey_options opt = {.version_1 = 1, .before = INT64_C(250000000000)};
	const struct coffer_rekey_options later = {.version_1 = 2}, past = {.version_1 = 1, .before = 1000};
	struct coffer_rotation *r;

	(void)state;
	make_many(30);
	kit_file("large", (9 << 20) + 5, 9);
	assert_ok(coffer_seal(kit.ctx, "large", "t/large", kit.keys, NULL, NULL));
	assert_ok(coffer_models_add(kit.ctx, models, "t/large"));
	kit_flip("t/0003", 100, 1);
	assert_err(coffer_rekey_all(kit.ctx, models, kit.keys, kit.other, &opt, &r), COFFER_E_AUTH);
	assert_int_equal(r->n_changed, 30);
	assert_int_equal(r->models[30].bytes, (9 << 20) + 5);
	coffer_rotation_free(&r);
	assert_ok(coffer_check(kit.ctx, "t/0000", kit.other, NULL));
	assert_ok(coffer_open(kit.ctx, "t/large", "back", kit.other, NULL, NULL));
	assert_file("back", (9 << 20) + 5, 9);
	kit_flip("t/0003", 100, 1);
	/* the rest alone: the others are not for these keys any more */
	assert_ok(coffer_rekey_all(kit.ctx, models, kit.keys, kit.other, &opt, &r));
	assert_int_equal(r->n_changed, 1);
	assert_int_equal(r->n_settled, 30);
	coffer_rotation_free(&r);
	assert_ok(coffer_rekey_all(kit.ctx, models, kit.other, kit.other, &past, &r));
	assert_int_equal(r->n_settled, 31);
	coffer_rotation_free(&r);
	assert_refused(coffer_rekey_all(kit.ctx, models, kit.other, kit.other, &later, &r), COFFER_E_USAGE);
	assert_null(r);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_new_version),
		TEST(test_other_key),
		TEST(test_here),
		TEST(test_beside_local),
		TEST(test_failing_service),
		TEST(test_no_state),
		TEST(test_no_version),
		TEST(test_no_version_by_its_age),
		TEST(test_template),
		TEST(test_uri_of_a_model),
		TEST(test_dry_run),
		TEST(test_dry_run_says_where),
		TEST(test_other_peoples),
		TEST(test_many),
		TEST(test_cancelled),
		TEST(test_list),
		TEST(test_rekey),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
