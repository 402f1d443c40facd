/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tokens to test with, made in the folder of the test (tmpdir.h): SoftHSM 2, and the one of NSS, which is another
 * implementation by other people and knows more mechanisms.  The PIN of both is in the file «pin».
 *
 * Include cmocka.h and support/tmpdir.h first.
 */
#ifndef TESTS_SUPPORT_TOKEN_KIT_H
#define TESTS_SUPPORT_TOKEN_KIT_H

#include <p11-kit/p11-kit.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TOKEN_PIN "4711"
#define TOKEN_LABEL "coffer test"

/* a module, by path, that is loaded to make something on its token; not while coffer has a session open there */
struct token_kit {
	CK_FUNCTION_LIST *m;
	CK_SESSION_HANDLE session; /* written to, logged in */
};

/* the first of @places that is there; NULL under an emulator, for a module of this machine is none for a program of another */
static inline const char *
token_kit_find(const char *const *places)
{
	for (size_t i = 0; places[i] && !getenv("COFFER_TEST_EMULATOR"); i++)
		if (access(places[i], R_OK) == 0)
			return places[i];
	return NULL;
}

static inline const char *
token_kit_softhsm(void)
{
	static const char *const places[] = {"/usr/lib/softhsm/libsofthsm2.so", "/usr/local/lib/softhsm/libsofthsm2.so",
					     NULL};

	return token_kit_find(places);
}

static inline const char *
token_kit_nss(void)
{
	static const char *const places[] = {"/usr/lib/x86_64-linux-gnu/libsoftokn3.so",
					     "/usr/lib/aarch64-linux-gnu/libsoftokn3.so", NULL};

	return token_kit_find(places);
}

/* a copy of BUILD/token_shim.so (tests/services/token_shim.c) as @name in the test's folder, so that two can be loaded; its path, or NULL */
static inline const char *
token_kit_shim(const char *name)
{
	static char path[2][256];
	static size_t n;
	char from[512], bytes[65536];
	ssize_t len = readlink("/proc/self/exe", from, sizeof(from) - 32);
	FILE *file;
	size_t size;

	if (len < 0 || n == 2)
		return NULL;
	from[len] = '\0';
	(void)snprintf(strrchr(from, '/'), 32, "/../token_shim.so");
	file = fopen(from, "re");
	if (!file)
		return NULL;
	(void)snprintf(path[n], sizeof(path[n]), "%s/%s", tmpdir_path, name);
	while ((size = fread(bytes, 1, sizeof(bytes), file)) > 0) {
		FILE *to = fopen(name, "ae");

		assert_non_null(to);
		assert_int_equal(fwrite(bytes, 1, size, to), size);
		(void)fclose(to);
	}
	(void)fclose(file);
	return path[n++];
}

static inline void
token_kit_load(struct token_kit *k, const char *module)
{
	k->m = p11_kit_module_load(module, 0);
	assert_non_null(k->m);
	assert_int_equal(p11_kit_module_initialize(k->m), CKR_OK);
}

static inline void
token_kit_unload(struct token_kit *k)
{
	p11_kit_module_finalize(k->m);
	p11_kit_module_release(k->m);
}

/* a session of the slot, logged in as its user */
static inline void
token_kit_session(struct token_kit *k, CK_SLOT_ID slot)
{
	uint8_t pin[] = TOKEN_PIN;

	assert_int_equal(k->m->C_OpenSession(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &k->session),
			 CKR_OK);
	assert_int_equal(k->m->C_Login(k->session, CKU_USER, pin, sizeof(pin) - 1), CKR_OK);
}

static inline void
token_kit_end(struct token_kit *k)
{
	assert_int_equal(k->m->C_CloseSession(k->session), CKR_OK);
	token_kit_unload(k);
}

/* the user's PIN is set by the security officer, whose own is @so_pin */
static inline void
token_kit_set_pin(struct token_kit *k, CK_SLOT_ID slot, const char *so_pin)
{
	uint8_t pin[] = TOKEN_PIN, so[16];
	CK_SESSION_HANDLE session;
	size_t len = strlen(so_pin);

	memcpy(so, so_pin, len);
	assert_int_equal(k->m->C_OpenSession(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &session), CKR_OK);
	assert_int_equal(k->m->C_Login(session, CKU_SO, so, len), CKR_OK);
	assert_int_equal(k->m->C_InitPIN(session, pin, sizeof(pin) - 1), CKR_OK);
	assert_int_equal(k->m->C_Logout(session), CKR_OK);
	assert_int_equal(k->m->C_CloseSession(session), CKR_OK);
}

/* the files that go with it: «pin», «wrong pin», «no pin», softhsm2.conf; SOFTHSM2_CONF is set */
static inline void
token_kit_files(void)
{
	static const char conf[] = "directories.tokendir = tokens\nobjectstore.backend = file\nlog.level = ERROR\n";

	tmpdir_file("pin", TOKEN_PIN "\n", sizeof(TOKEN_PIN), 0600);
	tmpdir_file("wrong pin", "0815", 4, 0600);
	tmpdir_file("no pin", "\n", 1, 0600);
	tmpdir_file("softhsm2.conf", conf, sizeof(conf) - 1, 0600);
	assert_int_equal(mkdir("tokens", 0700), 0);
	assert_int_equal(setenv("SOFTHSM2_CONF", "softhsm2.conf", 1), 0);
}

/* a new token called @label in SoftHSM, and a session with it */
static inline void
token_kit_begin_softhsm(struct token_kit *k, const char *module, const char *label)
{
	CK_SLOT_ID slots[8];
	CK_ULONG n = 8;
	CK_TOKEN_INFO info;
	uint8_t pin[] = TOKEN_PIN, padded[32];

	memset(padded, ' ', sizeof(padded));
	memcpy(padded, label, strlen(label));
	token_kit_load(k, module);
	assert_int_equal(k->m->C_GetSlotList(CK_TRUE, slots, &n), CKR_OK);
	assert_int_equal(k->m->C_InitToken(slots[n - 1], pin, sizeof(pin) - 1, padded), CKR_OK);
	n = 8;
	assert_int_equal(k->m->C_GetSlotList(CK_TRUE, slots, &n), CKR_OK); /* SoftHSM gives it another slot */
	for (CK_ULONG i = 0; i < n; i++) {
		assert_int_equal(k->m->C_GetTokenInfo(slots[i], &info), CKR_OK);
		if (memcmp(info.label, padded, sizeof(padded)) != 0)
			continue;
		token_kit_set_pin(k, slots[i], TOKEN_PIN);
		token_kit_session(k, slots[i]);
		return;
	}
	fail_msg("the new token is not there");
}

/* NSS's in the folder «nss», and a session with it; @shim hands it that path */
static inline void
token_kit_begin_nss(struct token_kit *k, const char *shim)
{
	char init[256];

	assert_int_equal(mkdir("nss", 0700), 0);
	(void)snprintf(init, sizeof(init),
		       "configdir='sql:%s/nss' certPrefix='' keyPrefix='' secmod='secmod.db' flags=", tmpdir_path);
	assert_int_equal(setenv("TOKEN_SHIM_INIT", init, 1), 0);
	token_kit_load(k, shim);
	token_kit_set_pin(k, 2, "");
	token_kit_session(k, 2);
}

enum token_use { ENCRYPTS = 1, DECRYPTS = 2, WRAPS = 4, UNWRAPS = 8 };

static inline void
token_kit_aes(struct token_kit *k, const char *label, uint8_t id, int use)
{
	CK_MECHANISM mechanism = {.mechanism = CKM_AES_KEY_GEN};
	CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
	CK_BBOOL encrypts = !!(use & ENCRYPTS), decrypts = !!(use & DECRYPTS);
	CK_BBOOL wraps = !!(use & WRAPS), unwraps = !!(use & UNWRAPS);
	CK_ULONG len = 32;
	CK_OBJECT_HANDLE key;
	char name[32];
	int name_len = snprintf(name, sizeof(name), "%s", label);
	CK_ATTRIBUTE template[] = {
		{CKA_TOKEN, &yes, sizeof(yes)},
		{CKA_PRIVATE, &yes, sizeof(yes)},
		{CKA_SENSITIVE, &yes, sizeof(yes)},
		{CKA_EXTRACTABLE, &no, sizeof(no)},
		{CKA_ENCRYPT, &encrypts, sizeof(encrypts)},
		{CKA_DECRYPT, &decrypts, sizeof(decrypts)},
		{CKA_WRAP, &wraps, sizeof(wraps)},
		{CKA_UNWRAP, &unwraps, sizeof(unwraps)},
		{CKA_LABEL, name, (CK_ULONG)name_len},
		{CKA_ID, &id, id ? 1 : 0},
		{CKA_VALUE_LEN, &len, sizeof(len)},
	};

	assert_int_equal(
		k->m->C_GenerateKey(k->session, &mechanism, template, sizeof(template) / sizeof(*template), &key),
		CKR_OK);
}

static inline void
token_kit_rsa(struct token_kit *k, const char *label, uint8_t id, CK_ULONG bits, int use)
{
	CK_MECHANISM mechanism = {.mechanism = CKM_RSA_PKCS_KEY_PAIR_GEN};
	CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
	CK_BBOOL encrypts = !!(use & ENCRYPTS), decrypts = !!(use & DECRYPTS);
	CK_BBOOL wraps = !!(use & WRAPS), unwraps = !!(use & UNWRAPS);
	uint8_t exponent[] = {1, 0, 1};
	CK_OBJECT_HANDLE public, private;
	char name[32];
	int name_len = snprintf(name, sizeof(name), "%s", label);
	CK_ATTRIBUTE pub[] = {
		{CKA_TOKEN, &yes, sizeof(yes)},
		{CKA_PRIVATE, &no, sizeof(no)},
		{CKA_ENCRYPT, &encrypts, sizeof(encrypts)},
		{CKA_WRAP, &wraps, sizeof(wraps)},
		{CKA_LABEL, name, (CK_ULONG)name_len},
		{CKA_ID, &id, 1},
		{CKA_MODULUS_BITS, &bits, sizeof(bits)},
		{CKA_PUBLIC_EXPONENT, exponent, sizeof(exponent)},
	};
	CK_ATTRIBUTE priv[] = {
		{CKA_TOKEN, &yes, sizeof(yes)},
		{CKA_PRIVATE, &yes, sizeof(yes)},
		{CKA_SENSITIVE, &yes, sizeof(yes)},
		{CKA_EXTRACTABLE, &no, sizeof(no)},
		{CKA_DECRYPT, &decrypts, sizeof(decrypts)},
		{CKA_UNWRAP, &unwraps, sizeof(unwraps)},
		{CKA_LABEL, name, (CK_ULONG)name_len},
		{CKA_ID, &id, 1},
	};

	assert_int_equal(k->m->C_GenerateKeyPair(k->session, &mechanism, pub, sizeof(pub) / sizeof(*pub), priv,
						 sizeof(priv) / sizeof(*priv), &public, &private),
			 CKR_OK);
}

#endif
