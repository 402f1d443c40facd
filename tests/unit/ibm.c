/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IBM's .enc files: the five answers of its program, what is opened, what is left alone, and that plaintext appears only
 * when the HMAC holds.
 */
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>

#include <coffer/legacy.h>

#include "base/enc.h"
#include "support/kit.h"

static uint8_t key[32], iv[16];

static int
setup(void **state)
{
	if (kit_setup(state) != 0)
		return -1;
	for (unsigned int i = 0; i < 32; i++)
		key[i] = (uint8_t)i;
	for (unsigned int i = 0; i < 16; i++)
		iv[i] = (uint8_t)(0xf0 + i);
	tmpdir_file("key", key, sizeof(key), 0600);
	key[0] ^= 1;
	tmpdir_file("wrong", key, sizeof(key), 0600);
	key[0] ^= 1;
	(void)mkdir("m", 0777);
	return 0;
}

/* ---- what IBM's program does, made with OpenSSL alone ---- */

static uint8_t *
encipher(const uint8_t *plain, size_t len, uint8_t pad, size_t *len_out)
{
	size_t n = len + pad;
	uint8_t *padded = malloc(n + 1), *maced = malloc(16 + n), *enc = malloc(48 + n);
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	int done;

	if (!padded || !maced || !enc || !c)
		abort();
	memcpy(padded, plain, len);
	memset(padded + len, pad, pad);
	memcpy(maced, iv, 16);
	if (EVP_EncryptInit_ex(c, EVP_aes_256_cfb128(), NULL, key, iv) != 1 ||
	    EVP_EncryptUpdate(c, maced + 16, &done, padded, (int)n) != 1 || done != (int)n)
		abort();
	memcpy(enc, iv, 16);
	(void)HMAC(EVP_sha256(), key, 32, maced, 16 + n, enc + 16, NULL);
	memcpy(enc + 48, maced + 16, n);
	EVP_CIPHER_CTX_free(c);
	free(padded);
	free(maced);
	*len_out = 48 + n;
	return enc;
}

/* kit_file(), enciphered */
static void
enc_file(const char *path, size_t len, unsigned int seed)
{
	uint8_t *plain = kit_bytes(len, seed), *enc;
	size_t enc_len;

	kit_file(path, 0, 0); /* for the folders */
	enc = encipher(plain, len, (uint8_t)(16 - len % 16), &enc_len);
	tmpdir_file(path, enc, enc_len, 0640);
	free(plain);
	free(enc);
}

/* ---- known answers ---- */

static const struct answer {
	size_t len;
	const char *sha256; /* of the .enc file */
	const char *head;   /* its first 48 bytes */
} answers[] = {
	{0, "f6dcf76bd20e7e8ee69718848370c6d099fb2f115b6ecc7e94e7e785a34fc704",
	 "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff2c59e96d5aa120321fab97737a853577cf211dfdb024d8bbcc6dd7511e6ee4cd"},
	{15, "e2588efe8f7c8a7b4a7c7a0bab5307fec9243793d15a3f66ab1d34b17d4055b8",
	 "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff4febb3527fcdc52a55dbb79e26532eaebe1b4bd3c384b9cd4763c7882a65aa33"},
	{17, "b0f4d7ec1742ef4a8e907c2e84186f13b5bd52d8de40dfd3d8dabb2c53261fb7",
	 "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeffafdebfc02ad8a1402f6e9611911ac17fe337d528d52448997dadb8b68f629f1b"},
	{4096, "5b687db4aebba79ec868a5a2f63674cc595793d183bcf1c36aa2a7af9dc090e2",
	 "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff0f84091e22495a534043364701a8969d4c9699fb57a4cefa974c2fab5dcea103"},
	{262144, "cc057596a9ff6bf3510cc4cdc2d56aad271b07311fe9b0733f49576b69b81a16",
	 "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff4c0fd63ecec9daaf96f2e6d3f02bf34bdc7389cc4a21b833c7cc01db42d9a203"},
};

static void
test_known_answers(void **state)
{
	char name[32];

	(void)state;
	for (size_t a = 0; a < sizeof(answers) / sizeof(answers[0]); a++) {
		size_t len = answers[a].len, enc_len, got;
		uint8_t *plain = malloc(len + 1), *enc, *back, hash[32];
		char hex[97];

		for (size_t i = 0; plain && i < len; i++)
			plain[i] = (uint8_t)(7 * i + len);
		enc = encipher(plain, len, (uint8_t)(16 - len % 16), &enc_len);
		/* that what is opened below is what IBM's program wrote */
		enc_hex(SHA256(enc, enc_len, hash), 32, hex);
		assert_string_equal(hex, answers[a].sha256);
		enc_hex(enc, 48, hex);
		assert_string_equal(hex, answers[a].head);
		(void)snprintf(name, sizeof(name), "m/len%zu.enc", len);
		tmpdir_file(name, enc, enc_len, 0640);
		assert_ok(coffer_ibm_open(kit.ctx, "m", "key", NULL));
		assert_false(kit_exists(name));
		name[strlen(name) - 4] = '\0';
		back = kit_read(name, &got);
		assert_int_equal(got, len);
		assert_memory_equal(back, plain, len);
		assert_int_equal(tmpdir_mode(name), 0640);
		free(plain);
		free(enc);
		free(back);
	}
}

/* ---- which files ---- */

static void
test_folder(void **state)
{
	struct coffer_ibm_stats stats;

	(void)state;
	enc_file("m/a.bin.enc", 3000000, 1); /* more than one piece */
	enc_file("m/d/e/b.enc", 100, 2);
	enc_file("m/x.enc.enc", 50, 3); /* somebody's x.enc, enciphered with the rest */
	enc_file("m/.hidden.enc", 10, 4);
	enc_file("m/.git/c.enc", 10, 5);
	enc_file("real", 10, 6);
	assert_int_equal(symlink("../real", "m/link.enc"), 0);
	kit_file("m/plain", 5, 7);
	kit_file("m/short.enc", 63, 8);
	kit_file("m/odd.enc", 65, 9);
	kit_file("m/.enc", 64, 10);
	assert_ok(coffer_ibm_open(kit.ctx, "m", "key", &stats));
	assert_file("m/a.bin", 3000000, 1);
	assert_file("m/d/e/b", 100, 2);
	assert_file("m/x.enc", 50, 3);
	assert_file("m/short.enc", 63, 8);
	assert_file("m/odd.enc", 65, 9);
	assert_true(kit_exists("m/.hidden.enc") && kit_exists("m/.git/c.enc") && kit_exists("m/link.enc"));
	assert_int_equal(kit_count("m"), 10);
	assert_int_equal(stats.n_files, 3);
	assert_int_equal(stats.bytes, 3000150);
	assert_int_equal(stats.n_foreign, 2);
	assert_int_equal(stats.n_refused, 0);
	/* again: nothing is left to do */
	assert_ok(coffer_ibm_open(kit.ctx, "m", "key", &stats));
	assert_int_equal(stats.n_files, 0);
	assert_int_equal(kit_count("m"), 10);
}

static void
test_below_a_hidden_folder(void **state)
{
	(void)state;
	enc_file(".cache/m/f.enc", 10, 1);
	assert_ok(coffer_ibm_open(kit.ctx, ".cache/m", "key", NULL));
	assert_file(".cache/m/f", 10, 1);
}

static void
test_one_file(void **state)
{
	(void)state;
	enc_file("m/f.enc", 10, 1);
	enc_file("m/g.enc", 10, 2);
	assert_ok(coffer_ibm_open(kit.ctx, "m/f.enc", "key", NULL));
	assert_file("m/f", 10, 1);
	assert_true(kit_exists("m/g.enc"));
	assert_refused(coffer_ibm_open(kit.ctx, "m/f", "key", NULL), COFFER_E_USAGE);
	assert_refused(coffer_ibm_open(kit.ctx, "m/none.enc", "key", NULL), COFFER_E_NOTFOUND);
	assert_int_equal(chdir("m"), 0);
	assert_ok(coffer_ibm_open(kit.ctx, "g.enc", "../key", NULL));
	assert_file("g", 10, 2);
}

static void
test_interrupted(void **state)
{
	struct coffer_ibm_stats stats;

	(void)state;
	/* between the last two steps both are there */
	enc_file("m/f.enc", 5000, 1);
	kit_file("m/f", 5000, 1);
	assert_ok(coffer_ibm_open(kit.ctx, "m", "key", &stats));
	assert_int_equal(stats.n_files, 1);
	assert_int_equal(kit_count("m"), 1);
	assert_file("m/f", 5000, 1);
}

/* ---- refusals, which change nothing ---- */

static void
test_wrong_key(void **state)
{
	struct coffer_ibm_stats stats;

	(void)state;
	enc_file("m/f.enc", 10, 1);
	enc_file("m/g.enc", 10, 1);
	assert_refused(coffer_ibm_open(kit.ctx, "m", "wrong", &stats), COFFER_E_AUTH);
	assert_non_null(strstr(coffer_ctx_message(kit.ctx), "no other .enc does"));
	assert_int_equal(stats.n_refused, 2);
	assert_int_equal(stats.n_files, 0);
	assert_int_equal(kit_count("m"), 2);
	kit_file("short", 31, 0);
	assert_refused(coffer_ibm_open(kit.ctx, "m", "short", NULL), COFFER_E_KEY);
	assert_refused(coffer_ibm_open(kit.ctx, "m", "none", NULL), COFFER_E_NOTFOUND);
	assert_ok(coffer_key_generate(kit.ctx, COFFER_KEY_X25519, "pair", NULL));
	assert_refused(coffer_ibm_open(kit.ctx, "m", "pair", NULL), COFFER_E_KEY);
}

static void
test_every_bit(void **state)
{
	(void)state;
	enc_file("m/f.enc", 20, 1); /* 48 and two blocks */
	for (off_t off = 0; off < 80; off++) {
		kit_flip("m/f.enc", off, (uint8_t)(1 << off % 8));
		assert_refused(coffer_ibm_open(kit.ctx, "m", "key", NULL), COFFER_E_AUTH);
		assert_int_equal(kit_count("m"), 1);
		kit_flip("m/f.enc", off, (uint8_t)(1 << off % 8));
	}
	assert_ok(coffer_ibm_open(kit.ctx, "m", "key", NULL));
	assert_file("m/f", 20, 1);
}

static void
test_one_of_several(void **state)
{
	struct coffer_ibm_stats stats;

	(void)state;
	enc_file("m/f.enc", 10, 1);
	enc_file("m/g.enc", 10, 2);
	kit_flip("m/g.enc", 60, 1);
	assert_refused(coffer_ibm_open(kit.ctx, "m", "key", &stats), COFFER_E_AUTH);
	assert_non_null(strstr(coffer_ctx_message(kit.ctx), "m/g.enc"));
	assert_file("m/f", 10, 1);
	assert_false(kit_exists("m/g"));
	assert_true(kit_exists("m/g.enc"));
	assert_int_equal(stats.n_files, 1);
	assert_int_equal(stats.n_refused, 1);
}

static void
test_padding(void **state)
{
	static const uint8_t pads[] = {0, 17, 255};
	uint8_t plain[256];
	size_t whole_len;
	uint8_t *whole;

	(void)state;
	/* it says 3, and one of the three does not */
	memset(plain, 3, sizeof(plain));
	plain[sizeof(plain) - 3] = 4;
	whole = encipher(plain, sizeof(plain), 0, &whole_len);
	tmpdir_file("m/f.enc", whole, whole_len, 0600);
	free(whole);
	assert_refused(coffer_ibm_open(kit.ctx, "m", "key", NULL), COFFER_E_FORMAT);
	for (size_t i = 0; i < sizeof(pads); i++) {
		size_t enc_len;
		uint8_t *enc;

		memset(plain, pads[i], sizeof(plain));
		enc = encipher(plain, sizeof(plain), 0, &enc_len);
		tmpdir_file("m/f.enc", enc, enc_len, 0600);
		free(enc);
		assert_refused(coffer_ibm_open(kit.ctx, "m", "key", NULL), COFFER_E_FORMAT);
		assert_int_equal(kit_count("m"), 1);
	}
}

static void
test_in_the_way(void **state)
{
	(void)state;
	enc_file("m/f.enc", 5000, 1);
	/* another file, of the same size, a shorter and a longer one */
	kit_file("m/f", 5000, 2);
	assert_refused(coffer_ibm_open(kit.ctx, "m", "key", NULL), COFFER_E_EXISTS);
	assert_file("m/f", 5000, 2);
	kit_file("m/f", 4999, 1);
	assert_refused(coffer_ibm_open(kit.ctx, "m", "key", NULL), COFFER_E_EXISTS);
	kit_file("m/f", 5001, 1);
	assert_refused(coffer_ibm_open(kit.ctx, "m", "key", NULL), COFFER_E_EXISTS);
	assert_int_equal(unlink("m/f"), 0);
	assert_int_equal(mkdir("m/f", 0777), 0);
	assert_refused(coffer_ibm_open(kit.ctx, "m", "key", NULL), COFFER_E_EXISTS);
	assert_int_equal(rmdir("m/f"), 0);
	assert_int_equal(symlink("nowhere", "m/f"), 0);
	assert_refused(coffer_ibm_open(kit.ctx, "m", "key", NULL), COFFER_E_EXISTS);
	assert_true(kit_exists("m/f.enc"));
	assert_false(kit_exists("m/nowhere"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_known_answers, setup, kit_teardown),
		cmocka_unit_test_setup_teardown(test_folder, setup, kit_teardown),
		cmocka_unit_test_setup_teardown(test_below_a_hidden_folder, setup, kit_teardown),
		cmocka_unit_test_setup_teardown(test_one_file, setup, kit_teardown),
		cmocka_unit_test_setup_teardown(test_interrupted, setup, kit_teardown),
		cmocka_unit_test_setup_teardown(test_wrong_key, setup, kit_teardown),
		cmocka_unit_test_setup_teardown(test_every_bit, setup, kit_teardown),
		cmocka_unit_test_setup_teardown(test_one_of_several, setup, kit_teardown),
		cmocka_unit_test_setup_teardown(test_padding, setup, kit_teardown),
		cmocka_unit_test_setup_teardown(test_in_the_way, setup, kit_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
