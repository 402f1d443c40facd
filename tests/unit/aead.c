/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Project Wycheproof's vectors are looked for below $COFFER_VECTORS, or
 * ../shared/vectors; without them that one test is skipped.
 */
#include "crypto/aead.h"

#include <jansson.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/enc.h"
#include "support/emulator.h"

static const char *const engines[] = {"libipsec-mb", "OpenSSL"};

enum { N_ENGINES = 2 };

/* bytes that are the same in each run (splitmix64) */
static uint64_t
next(uint64_t *seed)
{
	uint64_t z = *seed += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

static void
fill(uint64_t *seed, uint8_t *out, size_t len)
{
	for (size_t i = 0; i < len; i++)
		out[i] = (uint8_t)next(seed);
}

static struct aead_key *
new_key(const char *engine, const uint8_t *bytes)
{
	struct aead_key *key = NULL;

	assert_true(aead_use_engine(engine));
	assert_string_equal(aead_engine_name(), engine);
	assert_int_equal(aead_key_new(NULL, bytes, &key), COFFER_OK);
	assert_non_null(key);
	return key;
}

/* An engine that fails its known answers is passed over in silence, here as anywhere: so ask the processor. */
static bool
has_ipsec_mb(void)
{
#if HAVE_IPSEC_MB
	return __builtin_cpu_supports("aes") && __builtin_cpu_supports("pclmul");
#else
	return false;
#endif
}

static void
the_engines_give_their_known_answers(void **state)
{
	struct fault f = {0};

	(void)state;
	assert_int_equal(aead_selftest(&f), COFFER_OK);
	assert_true(aead_use_engine("OpenSSL"));
	assert_false(aead_use_engine("rot13"));
	assert_string_equal(aead_engine_name(), "OpenSSL");
	if (has_ipsec_mb()) {
		assert_true(aead_use_engine("libipsec-mb"));
		assert_string_equal(aead_engine_name(), "libipsec-mb");
	} else {
		print_message("libipsec-mb has nothing for this processor\n");
		assert_false(aead_use_engine("libipsec-mb"));
	}
}

/* ---- Wycheproof ---- */

enum { ROOM = 1024 };

static struct view
member(const json_t *test, const char *name, uint8_t *room)
{
	const char *hex = json_string_value(json_object_get(test, name));
	size_t len;

	assert_non_null(hex);
	len = strlen(hex) / 2;
	assert_true(len <= ROOM);
	assert_true(dec_hex(hex, 2 * len, room, len));
	return view_of(room, len);
}

static void
run_case(const char *engine, const json_t *test)
{
	uint8_t rooms[6][ROOM];
	struct view key_bytes = member(test, "key", rooms[0]);
	struct view nonce = member(test, "iv", rooms[1]);
	struct view aad = member(test, "aad", rooms[2]);
	struct view plain = member(test, "msg", rooms[3]);
	struct view text = member(test, "ct", rooms[4]);
	struct view tag = member(test, "tag", rooms[5]);
	bool valid = strcmp(json_string_value(json_object_get(test, "result")), "valid") == 0;
	struct aead_key *key = new_key(engine, key_bytes.p);
	uint8_t out[ROOM];
	uint8_t made[AEAD_TAG_LEN];

	assert_int_equal(nonce.len, AEAD_NONCE_LEN);
	assert_int_equal(tag.len, AEAD_TAG_LEN);
	if (valid) {
		assert_int_equal(aead_seal(NULL, key, nonce.p, aad, plain.p, plain.len, out, made), COFFER_OK);
		assert_memory_equal(out, text.p, text.len);
		assert_memory_equal(made, tag.p, tag.len);
	}
	memset(out, 0xa5, sizeof(out));
	assert_int_equal(aead_open(NULL, key, nonce.p, aad, text.p, text.len, out, tag.p),
			 valid ? COFFER_OK : COFFER_E_AUTH);
	if (valid)
		assert_memory_equal(out, plain.p, plain.len);
	else
		assert_true(view_zero(view_of(out, text.len)));
	assert_int_equal(out[text.len], 0xa5);
	aead_key_free(&key);
}

static size_t
run_cases(const char *engine, const json_t *root)
{
	const json_t *groups = json_object_get(root, "testGroups");
	const json_t *group;
	size_t g;
	size_t n = 0;

	json_array_foreach(groups, g, group) {
		const json_t *tests = json_object_get(group, "tests");
		const json_t *test;
		size_t t;

		if (json_integer_value(json_object_get(group, "keySize")) != 256 ||
		    json_integer_value(json_object_get(group, "ivSize")) != 96 ||
		    json_integer_value(json_object_get(group, "tagSize")) != 128)
			continue;
		json_array_foreach(tests, t, test) {
			run_case(engine, test);
			n++;
		}
	}
	return n;
}

static void
wycheproof(void **state)
{
	const char *folder = getenv("COFFER_VECTORS");
	char path[4096];
	json_t *root;

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/encryption/C2SP+wycheproof/aes_gcm_test.json",
		       folder ? folder : "../shared/vectors");
	if (access(path, R_OK) != 0) {
		print_message("skipped: there is no %s\n", path);
		skip();
	}
	root = json_load_file(path, 0, NULL);
	assert_non_null(root);
	for (size_t i = 0; i < N_ENGINES; i++)
		if (aead_use_engine(engines[i])) {
			size_t n = run_cases(engines[i], root);

			print_message("%s: %zu cases\n", engines[i], n);
			assert_true(n > 0);
		}
	json_decref(root);
}

/* ---- one engine against the other ---- */

struct pair {
	struct aead_key *a;
	struct aead_key *b;
	struct view aad;
	uint8_t nonce[AEAD_NONCE_LEN];
};

/* Sealed by one, not in place, and by the other, in place: the same bytes.  Then each opens them, the other way about. */
static void
compare(const struct pair *p, const uint8_t *plain, size_t len, uint8_t *one, uint8_t *other)
{
	uint8_t tag_a[AEAD_TAG_LEN];
	uint8_t tag_b[AEAD_TAG_LEN];

	memcpy(other, plain, len);
	assert_int_equal(aead_seal(NULL, p->a, p->nonce, p->aad, plain, len, one, tag_a), COFFER_OK);
	assert_int_equal(aead_seal(NULL, p->b, p->nonce, p->aad, other, len, other, tag_b), COFFER_OK);
	assert_memory_equal(tag_a, tag_b, AEAD_TAG_LEN);
	assert_true(len == 0 || memcmp(one, other, len) == 0);
	assert_int_equal(aead_open(NULL, p->a, p->nonce, p->aad, one, len, one, tag_b), COFFER_OK);
	assert_true(len == 0 || memcmp(one, plain, len) == 0);
	assert_int_equal(aead_open(NULL, p->b, p->nonce, p->aad, other, len, one, tag_a), COFFER_OK);
	assert_true(len == 0 || memcmp(one, plain, len) == 0);
}

enum { LONGEST = (16 << 20) + 64 };

/* lengths around the steps of the kernels, and those where the counter carries into its second and third byte */
static const size_t lengths[] = {0,	1,     15,    16,    17,      127,     128,	129,	 255,
				 256,	257,   767,   768,   769,     1023,    1024,	1025,	 4079,
				 4080,	4081,  4095,  4096,  4097,    4112,    8191,	8192,	 8193,
				 12289, 65535, 65536, 65537, 1048559, 1048560, 1048576, 1048577, 16777216};

enum { N_LENGTHS = sizeof(lengths) / sizeof(lengths[0]), N_RANDOM = 600 };

static void
the_engines_agree(void **state)
{
	uint8_t *plain = malloc(LONGEST);
	uint8_t *one = malloc(LONGEST);
	uint8_t *other = malloc(LONGEST);
	uint8_t aad[300];
	uint8_t key[AEAD_KEY_LEN];
	uint64_t seed = 1;
	struct pair p;

	(void)state;
	assert_true(plain && one && other);
	if (!aead_use_engine("libipsec-mb") || !aead_use_engine("OpenSSL")) {
		print_message("skipped: there is one engine only\n");
		free(plain);
		free(one);
		free(other);
		skip();
	}
	fill(&seed, plain, LONGEST);
	for (size_t i = 0; i < N_LENGTHS + N_RANDOM; i++) {
		size_t len = i < N_LENGTHS ? lengths[i] : next(&seed) % 70001;

		fill(&seed, key, sizeof(key));
		fill(&seed, aad, sizeof(aad));
		fill(&seed, p.nonce, sizeof(p.nonce));
		p.aad = view_of(aad, next(&seed) % (sizeof(aad) + 1));
		/* each engine takes each part in turn */
		p.a = new_key(engines[i % 2], key);
		p.b = new_key(engines[(i + 1) % 2], key);
		compare(&p, plain + next(&seed) % 64, len, one + next(&seed) % 64, other + next(&seed) % 64);
		aead_key_free(&p.a);
		aead_key_free(&p.b);
	}
	print_message("%d messages\n", N_LENGTHS + N_RANDOM);
	free(plain);
	free(one);
	free(other);
}

/* ---- refusals ---- */

enum { TEXT_LEN = 5000, AAD_LEN = 32 };

static const uint8_t key_bytes[AEAD_KEY_LEN] = "a key for these tests: 32 bytes.";

/* a sealed message that gets bent */
struct message {
	struct aead_key *key;
	uint8_t nonce[AEAD_NONCE_LEN];
	uint8_t aad[AAD_LEN];
	uint8_t text[TEXT_LEN];
	uint8_t tag[AEAD_TAG_LEN];
};

static void
seal_message(struct message *m, const char *engine)
{
	uint64_t seed = 2;

	m->key = new_key(engine, key_bytes);
	fill(&seed, m->nonce, sizeof(m->nonce));
	fill(&seed, m->aad, sizeof(m->aad));
	fill(&seed, m->text, sizeof(m->text));
	assert_int_equal(
		aead_seal(NULL, m->key, m->nonce, view_of(m->aad, AAD_LEN), m->text, TEXT_LEN, m->text, m->tag),
		COFFER_OK);
}

static void
assert_refused(const struct message *m, size_t aad_len, size_t len)
{
	static uint8_t out[TEXT_LEN];
	static uint8_t text[TEXT_LEN];
	struct fault f = {0};

	memcpy(text, m->text, TEXT_LEN);
	memset(out, 0xa5, sizeof(out));
	assert_int_equal(aead_open(&f, m->key, m->nonce, view_of(m->aad, aad_len), text, len, out, m->tag),
			 COFFER_E_AUTH);
	assert_int_equal(f.err, COFFER_E_AUTH);
	assert_true(view_zero(view_of(out, len)));
	/* not in place: the ciphertext is as it was */
	assert_memory_equal(text, m->text, TEXT_LEN);
	assert_int_equal(aead_open(NULL, m->key, m->nonce, view_of(m->aad, aad_len), text, len, text, m->tag),
			 COFFER_E_AUTH);
	assert_true(view_zero(view_of(text, len)));
	assert_memory_equal(text + len, m->text + len, TEXT_LEN - len);
}

static void
assert_every_bit_counts(const struct message *m, uint8_t *field, size_t len, size_t step)
{
	for (size_t bit = 0; bit < 8 * len; bit += step) {
		field[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_refused(m, AAD_LEN, TEXT_LEN);
		field[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
}

static void
any_change_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ENGINES; i++) {
		struct message m;

		if (!aead_use_engine(engines[i]))
			continue;
		seal_message(&m, engines[i]);
		assert_every_bit_counts(&m, m.tag, sizeof(m.tag), 1);
		assert_every_bit_counts(&m, m.nonce, sizeof(m.nonce), 1);
		assert_every_bit_counts(&m, m.aad, sizeof(m.aad), 3);
		assert_every_bit_counts(&m, m.text, sizeof(m.text), 37);
		assert_refused(&m, AAD_LEN - 1, TEXT_LEN);
		assert_refused(&m, 0, TEXT_LEN);
		assert_refused(&m, AAD_LEN, TEXT_LEN - 1);
		assert_refused(&m, AAD_LEN, 1);
		assert_refused(&m, AAD_LEN, 0);
		assert_int_equal(
			aead_open(NULL, m.key, m.nonce, view_of(m.aad, AAD_LEN), m.text, TEXT_LEN, m.text, m.tag),
			COFFER_OK);
		aead_key_free(&m.key);
	}
}

static void
nothing_can_be_sealed(void **state)
{
	static const uint8_t nonce[AEAD_NONCE_LEN];
	uint8_t tag[AEAD_TAG_LEN];
	struct view none = view_of(NULL, 0);

	(void)state;
	for (size_t i = 0; i < N_ENGINES; i++) {
		struct aead_key *key;

		if (!aead_use_engine(engines[i]))
			continue;
		key = new_key(engines[i], (const uint8_t[AEAD_KEY_LEN]){0});
		memset(tag, 0xa5, sizeof(tag));
		assert_int_equal(aead_seal(NULL, key, nonce, none, NULL, 0, NULL, tag), COFFER_OK);
		/* case 13 of «The Galois/Counter Mode of Operation (GCM)» */
		assert_memory_equal(tag, "\x53\x0f\x8a\xfb\xc7\x45\x36\xb9\xa9\x63\xb4\xf1\xc4\xcb\x73\x8b", 16);
		assert_int_equal(aead_open(NULL, key, nonce, none, NULL, 0, NULL, tag), COFFER_OK);
		memset(tag, 0, sizeof(tag));
		assert_int_equal(aead_open(NULL, key, nonce, none, NULL, 0, NULL, tag), COFFER_E_AUTH);
		aead_key_free(&key);
	}
}

static void
too_long_is_usage(void **state)
{
	static const uint8_t nonce[AEAD_NONCE_LEN];
	uint8_t tag[AEAD_TAG_LEN] = {0};
	uint8_t byte = 0;
	struct aead_key *key = new_key("OpenSSL", key_bytes);
	struct fault f = {0};
#if SIZE_MAX > UINT32_MAX
	size_t len = (UINT64_C(1) << 36) - 31;

	assert_int_equal(aead_seal(&f, key, nonce, view_of(NULL, 0), &byte, len, &byte, tag), COFFER_E_USAGE);
	assert_int_equal(aead_open(&f, key, nonce, view_of(NULL, 0), &byte, len, &byte, tag), COFFER_E_USAGE);
#endif
	(void)state;
	(void)f;
	(void)nonce;
	(void)tag;
	(void)byte;
	aead_key_free(&key);
	assert_null(key);
	aead_key_free(&key);
}

static void
a_key_does_not_reach_a_child(void **state)
{
	struct message m;
	pid_t child;
	int status = 0;

	(void)state;
	skip_under_emulator("MADV_WIPEONFORK");
	seal_message(&m, "OpenSSL");
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		struct fault f = {0};
		coffer_err sealed = aead_seal(&f, m.key, m.nonce, view_of(NULL, 0), m.text, 16, m.text, m.tag);
		coffer_err opened = aead_open(&f, m.key, m.nonce, view_of(NULL, 0), m.text, 16, m.text, m.tag);

		aead_key_free(&m.key);
		_exit(sealed == COFFER_E_USAGE && opened == COFFER_E_USAGE ? 0 : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	aead_key_free(&m.key);
}

/* ---- threads ---- */

enum { N_THREADS = 4, N_TURNS = 60 };

struct worker {
	pthread_t thread;
	const struct aead_key *key;
	uint64_t seed;
	bool good;
};

/* each turn has a message of its own; a thread that met another's state would fail to open what it sealed */
static void *
work(void *arg)
{
	struct worker *w = arg;
	uint8_t *text = malloc(70000);
	uint8_t *out = malloc(70000);

	w->good = text && out;
	for (int i = 0; i < N_TURNS && w->good; i++) {
		uint8_t nonce[AEAD_NONCE_LEN];
		uint8_t tag[AEAD_TAG_LEN];
		size_t len = next(&w->seed) % 70000;
		struct view aad = view_of(nonce, sizeof(nonce));

		fill(&w->seed, nonce, sizeof(nonce));
		memset(text, i, len);
		w->good = aead_seal(NULL, w->key, nonce, aad, text, len, out, tag) == COFFER_OK &&
			  aead_open(NULL, w->key, nonce, aad, out, len, out, tag) == COFFER_OK &&
			  (len == 0 || memcmp(out, text, len) == 0);
	}
	free(text);
	free(out);
	return NULL;
}

static void
threads_share_a_key(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ENGINES; i++) {
		struct worker workers[N_THREADS];
		struct aead_key *key;

		if (!aead_use_engine(engines[i]))
			continue;
		key = new_key(engines[i], key_bytes);
		for (size_t t = 0; t < N_THREADS; t++) {
			workers[t] = (struct worker){.key = key, .seed = t};
			assert_int_equal(pthread_create(&workers[t].thread, NULL, work, &workers[t]), 0);
		}
		for (size_t t = 0; t < N_THREADS; t++) {
			assert_int_equal(pthread_join(workers[t].thread, NULL), 0);
			assert_true(workers[t].good);
		}
		aead_key_free(&key);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_engines_give_their_known_answers),
		cmocka_unit_test(wycheproof),
		cmocka_unit_test(the_engines_agree),
		cmocka_unit_test(any_change_is_refused),
		cmocka_unit_test(nothing_can_be_sealed),
		cmocka_unit_test(too_long_is_usage),
		cmocka_unit_test(a_key_does_not_reach_a_child),
		cmocka_unit_test(threads_share_a_key),
	};

	return cmocka_run_group_tests_name("aead", tests, NULL, NULL);
}
