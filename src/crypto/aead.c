/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/aead.h"

#include <pthread.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <string.h>

#include "base/enc.h"
#include "crypto/aead_engine.h"
#include "crypto/ossl.h"
#include "mem/secret.h"

/* NIST SP 800-38D section 5.2.1.1: 2^39 - 256 bits */
#define MAX_LEN ((UINT64_C(1) << 36) - 32)

/* It lives in its own secret memory, which a child of fork() finds zeroed: there @engine is NULL, and no call works. */
struct aead_key {
	const struct aead_engine *engine;
	struct secret memory;
	alignas(64) uint8_t state[];
};

/* the best first */
static const struct aead_engine *const engines[] = {&aead_ipsec_mb, &aead_openssl};

enum { N_ENGINES = sizeof(engines) / sizeof(engines[0]) };

static pthread_once_t once = PTHREAD_ONCE_INIT;
static _Atomic(const struct aead_engine *) chosen;

/* ---- keys ---- */

static coffer_err
new_key(struct fault *f, const struct aead_engine *engine, const uint8_t key[static AEAD_KEY_LEN],
	struct aead_key **out)
{
	struct secret memory = SECRET_INIT;
	struct aead_key *k;
	coffer_err err;

	TRY(secret_new(f, &memory, sizeof(*k) + engine->state_len));
	k = (struct aead_key *)(void *)memory.p;
	k->engine = engine;
	engine->expand(k->state, key);
	secret_move(&k->memory, &memory);
	*out = k;
out:
	return err;
}

coffer_err
aead_key_new(struct fault *f, const uint8_t key[static AEAD_KEY_LEN], struct aead_key **out)
{
	coffer_err err = aead_selftest(f);

	return err == COFFER_OK ? new_key(f, chosen, key, out) : err;
}

void
aead_key_free(struct aead_key **key)
{
	struct secret memory = SECRET_INIT;

	if (!*key)
		return;
	secret_move(&memory, &(*key)->memory);
	secret_free(&memory);
	*key = NULL;
}

/* ---- messages ---- */

static coffer_err
check(struct fault *f, const struct aead_key *key, size_t len)
{
	if (!key->engine)
		return fault_set(f, COFFER_E_USAGE,
				 "a key does not go from a process to its child: open it anew there");
	if (len > MAX_LEN)
		return fault_set(f, COFFER_E_USAGE, "%zu bytes are too many for one AES-GCM message", len);
	return COFFER_OK;
}

/* no bytes, but not NULL */
static struct view
some(struct view v)
{
	return v.len > 0 ? v : view_of("", 0);
}

coffer_err
aead_seal(struct fault *f, const struct aead_key *key, const uint8_t nonce[static AEAD_NONCE_LEN], struct view aad,
	  const uint8_t *in, size_t len, uint8_t *out, uint8_t tag[static AEAD_TAG_LEN])
{
	coffer_err err;

	TRY(check(f, key, len));
	TRY(key->engine->seal(f, key->state, nonce, some(aad), some(view_of(in, len)), len > 0 ? out : tag, tag));
out:
	return err;
}

coffer_err
aead_open(struct fault *f, const struct aead_key *key, const uint8_t nonce[static AEAD_NONCE_LEN], struct view aad,
	  const uint8_t *in, size_t len, uint8_t *out, const uint8_t tag[static AEAD_TAG_LEN])
{
	uint8_t none;
	coffer_err err;

	TRY(check(f, key, len));
	err = key->engine->open(f, key->state, nonce, some(aad), some(view_of(in, len)), len > 0 ? out : &none, tag);
	/* both engines decipher before they compare */
	if (err != COFFER_OK && len > 0)
		memset(out, 0, len);
	if (err == COFFER_E_AUTH)
		(void)fault_set(f, err, "the tag does not match");
out:
	return err;
}

/* ---- engines ---- */

/*
 * Known answers.  The first two are cases 14 and 16 of «The Galois/Counter Mode of Operation (GCM)» (McGrew, Viega).
 * The others take the kernels of the engines through their branches (a partial block, 16 and 48 blocks at once, a
 * counter that overflows its low byte) over the bytes of pattern(); their tags are those of two implementations that agree.
 * A right tag means a right ciphertext, so that the tag is all that is kept.
 */
struct answer {
	const char *key;
	const char *nonce;
	const char *aad;
	const char *plain; /* NULL: pattern() */
	size_t len;
	const char *tag;
};

enum { LONGEST_ANSWER = 8191, LONGEST_AAD = 32 };

#define PATTERN_KEY "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define PATTERN_NONCE "0000008090a0b0c0d0e0f001"
#define PATTERN_AAD17 "3031323334353637383961626364656630"
#define PATTERN_AAD32 "3031323334353637383961626364656630313233343536373839616263646566"

static const struct answer answers[] = {
	{"0000000000000000000000000000000000000000000000000000000000000000", "000000000000000000000000", "",
	 "00000000000000000000000000000000", 16, "d0d1c8a799996bf0265b98b5d48ab919"},
	{"feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308", "cafebabefacedbaddecaf888",
	 "feedfacedeadbeeffeedfacedeadbeefabaddad2",
	 "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
	 "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
	 60, "76fc6ece0f4e1768cddf8853bb2d551b"},
	{PATTERN_KEY, PATTERN_NONCE, PATTERN_AAD32, NULL, 0, "48c5bddb2f88e2ec99d421c66aa8c545"},
	{PATTERN_KEY, PATTERN_NONCE, "", NULL, 1, "346e40c65f3d8ad33695d770cdaefa11"},
	{PATTERN_KEY, PATTERN_NONCE, PATTERN_AAD32, NULL, 257, "64f9f851d6e878d2eb87097a96d559b6"},
	{PATTERN_KEY, PATTERN_NONCE, PATTERN_AAD17, NULL, 783, "77701063742625e14ab631bdb4e9d817"},
	{PATTERN_KEY, PATTERN_NONCE, PATTERN_AAD32, NULL, 4113, "593626faa9c334b75beb76f65559d8c3"},
	{PATTERN_KEY, PATTERN_NONCE, "30", NULL, 8191, "3027e1a277782a7898b96feac4bc4827"},
};

enum { N_ANSWERS = sizeof(answers) / sizeof(answers[0]) };

static void
pattern(uint8_t *out, size_t len)
{
	for (size_t i = 0; i < len; i++)
		out[i] = (uint8_t)(i ^ (i >> 8) * 29);
}

static void
hex(const char *text, uint8_t *out)
{
	size_t digits = strlen(text);

	(void)dec_hex(text, digits, out, digits / 2);
}

static void
set_plain(const struct answer *a, uint8_t *out)
{
	if (a->plain)
		hex(a->plain, out);
	else
		pattern(out, a->len);
}

static bool
seals(const struct aead_key *key, const struct answer *a, const uint8_t *nonce, struct view aad, uint8_t *text)
{
	uint8_t expected[AEAD_TAG_LEN];
	uint8_t tag[AEAD_TAG_LEN];

	hex(a->tag, expected);
	set_plain(a, text);
	return aead_seal(NULL, key, nonce, aad, text, a->len, text, tag) == COFFER_OK &&
	       mem_equal(tag, expected, sizeof(tag));
}

/* with one bit of the tag turned: refused, and nothing given out */
static bool
refuses(const struct aead_key *key, const struct answer *a, const uint8_t *nonce, struct view aad, const uint8_t *text)
{
	uint8_t out[LONGEST_ANSWER];
	uint8_t tag[AEAD_TAG_LEN];

	hex(a->tag, tag);
	tag[0] ^= 1;
	return aead_open(NULL, key, nonce, aad, text, a->len, out, tag) == COFFER_E_AUTH &&
	       view_zero(view_of(out, a->len));
}

static bool
opens(const struct aead_key *key, const struct answer *a, const uint8_t *nonce, struct view aad, const uint8_t *text)
{
	uint8_t plain[LONGEST_ANSWER];
	uint8_t out[LONGEST_ANSWER];
	uint8_t tag[AEAD_TAG_LEN];

	hex(a->tag, tag);
	set_plain(a, plain);
	return aead_open(NULL, key, nonce, aad, text, a->len, out, tag) == COFFER_OK && mem_equal(out, plain, a->len);
}

static bool
gives(const struct aead_engine *engine, const struct answer *a)
{
	uint8_t bytes[AEAD_KEY_LEN];
	uint8_t nonce[AEAD_NONCE_LEN];
	uint8_t aad_bytes[LONGEST_AAD];
	uint8_t text[LONGEST_ANSWER];
	struct view aad = view_of(aad_bytes, strlen(a->aad) / 2);
	struct aead_key *key = NULL;
	bool right;

	hex(a->key, bytes);
	hex(a->nonce, nonce);
	hex(a->aad, aad_bytes);
	right = new_key(NULL, engine, bytes, &key) == COFFER_OK && seals(key, a, nonce, aad, text) &&
		refuses(key, a, nonce, aad, text) && opens(key, a, nonce, aad, text);
	aead_key_free(&key);
	return right;
}

static bool
gives_answers(const struct aead_engine *engine)
{
	for (size_t i = 0; i < N_ANSWERS; i++)
		if (!gives(engine, &answers[i]))
			return false;
	return true;
}

static bool
is_usable(const struct aead_engine *engine)
{
	return engine->start() && gives_answers(engine);
}

/* What is not taken need not be tested: the answers of both are a third of what starting takes. */
static void
choose_engine(void)
{
	for (size_t i = 0; i < N_ENGINES && !chosen; i++)
		if (is_usable(engines[i]))
			chosen = engines[i];
}

coffer_err
aead_selftest(struct fault *f)
{
	if (!ossl_ready())
		return fault_nomem(f);
	(void)pthread_once(&once, choose_engine);
	if (!chosen)
		return fault_set(f, COFFER_E_SELFTEST,
				 "AES-256-GCM gives wrong answers on this machine: nothing can be sealed or opened");
	return COFFER_OK;
}

const char *
aead_engine_name(void)
{
	return aead_selftest(NULL) == COFFER_OK ? chosen->name : "none";
}

bool
aead_use_engine(const char *name)
{
	(void)aead_selftest(NULL);
	for (size_t i = 0; i < N_ENGINES; i++)
		if (strcmp(engines[i]->name, name) == 0 && is_usable(engines[i])) {
			chosen = engines[i];
			return true;
		}
	return false;
}
