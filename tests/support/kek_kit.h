/* SPDX-License-Identifier: Apache-2.0 */
/* Two real tokens, SoftHSM 2 and that of NSS, behind a module that adds what other tokens have (token_shim.c), and KEKs on them. */
#ifndef TESTS_SUPPORT_KEK_KIT_H
#define TESTS_SUPPORT_KEK_KIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include "crypto/token_kek.h"
#include "support/tmpdir.h"
#include "support/token_kit.h"

#define KEK_PLAIN_LEN 64

enum which { SOFTHSM, NSS };

static struct {
	const char *name;
	const char *module; /* the real one, or NULL */
	const char *shim;
	const char *uri; /* of its token, as far as the object */
} tokens[] = {
	[SOFTHSM] = {.name = "SoftHSM", .uri = "pkcs11:token=coffer%20test;object="},
	[NSS] = {.name = "NSS", .uri = "pkcs11:token=NSS%20Certificate%20DB;object="},
};

static uint8_t plain[KEK_PLAIN_LEN], aad_bytes[32];

static inline struct view
aad(void)
{
	return view_of(aad_bytes, sizeof(aad_bytes));
}

static inline struct view
all_of_plain(void)
{
	return view_of(plain, sizeof(plain));
}

/* From now on @which is the token behind its shim. */
static inline void
use(enum which which)
{
	char init[256];

	assert_int_equal(setenv("TOKEN_SHIM_MODULE", tokens[which].module, 1), 0);
	assert_int_equal(setenv("COFFER_PKCS11_MODULE", tokens[which].shim, 1), 0);
	(void)unsetenv("TOKEN_SHIM_INIT");
	(void)snprintf(init, sizeof(init),
		       "configdir='sql:%s/nss' certPrefix='' keyPrefix='' secmod='secmod.db' flags=", tmpdir_path);
	if (which == NSS)
		assert_int_equal(setenv("TOKEN_SHIM_INIT", init, 1), 0);
	assert_int_equal(setenv("COFFER_PKCS11_PIN_FILE", "pin", 1), 0);
}

static inline bool
is_there(enum which which)
{
	return tokens[which].module && tokens[which].shim;
}

static inline void
need(enum which which)
{
	if (is_there(which)) {
		use(which);
		return;
	}
	print_message("skipped: %s is not installed (Debian: softhsm2, libnss3), or this is another machine's "
		      "program, or token_shim.so was not built\n",
		      tokens[which].name);
	skip();
}

static inline void
fill(struct token_kit *kit)
{
	token_kit_aes(kit, "aes", 1, ENCRYPTS | DECRYPTS);
	token_kit_aes(kit, "kw", 2, WRAPS | UNWRAPS);
	token_kit_aes(kit, "both", 3, ENCRYPTS | DECRYPTS | WRAPS | UNWRAPS);
	token_kit_aes(kit, "twin", 4, ENCRYPTS | DECRYPTS);
	token_kit_aes(kit, "twin", 5, ENCRYPTS | DECRYPTS);
	token_kit_aes(kit, "seals", 6, ENCRYPTS | WRAPS);
	token_kit_aes(kit, "opens", 7, DECRYPTS | UNWRAPS);
	token_kit_rsa(kit, "rsa", 8, 2048, ENCRYPTS | DECRYPTS);
	token_kit_rsa(kit, "rsa kw", 9, 2048, WRAPS | UNWRAPS);
	token_kit_rsa(kit, "short", 10, 1024, ENCRYPTS | DECRYPTS);
	token_kit_aes(kit, "ümläut; 100%?", 11, ENCRYPTS | DECRYPTS);
	token_kit_aes(kit, "", 12, ENCRYPTS | DECRYPTS);
}

static inline int
make_tokens(void **state)
{
	struct token_kit kit;

	assert_int_equal(tmpdir_setup_fast(state), 0);
	token_kit_files();
	for (size_t i = 0; i < sizeof(plain); i++)
		plain[i] = (uint8_t)(3 * i + 1);
	tokens[SOFTHSM].module = token_kit_softhsm();
	tokens[SOFTHSM].shim = token_kit_shim("soft.so");
	tokens[NSS].module = token_kit_nss();
	tokens[NSS].shim = token_kit_shim("nss.so");
	if (is_there(SOFTHSM)) {
		use(SOFTHSM);
		token_kit_begin_softhsm(&kit, tokens[SOFTHSM].shim, TOKEN_LABEL);
		fill(&kit);
		token_kit_end(&kit);
	}
	if (is_there(NSS)) {
		use(NSS);
		token_kit_begin_nss(&kit, tokens[NSS].shim);
		fill(&kit);
		token_kit_end(&kit);
	}
	return 0;
}

/* What was wrapped, and by what. */
struct wrapped {
	struct buf id, bytes;
	const char *alg;
};

static inline struct wrapped
wrapped_init(void)
{
	return (struct wrapped){.id = BUF_INIT(4096), .bytes = BUF_INIT(4096), .alg = ""};
}

static inline void
wrapped_free(struct wrapped *w)
{
	buf_free(&w->id);
	buf_free(&w->bytes);
}

static inline coffer_err
wrap(struct fault *f, struct token_kek *kek, struct wrapped *w)
{
	coffer_err err = token_kek_wrap(f, kek, all_of_plain(), aad(), &w->id, &w->alg, &w->bytes);

	if (err == COFFER_OK) {
		assert_int_equal(buf_add(f, &w->id, "", 1), COFFER_OK);
		w->id.len--;
	}
	return err;
}

static inline coffer_err
unwrap(struct fault *f, struct token_kek *kek, const struct wrapped *w)
{
	uint8_t out[KEK_PLAIN_LEN];
	coffer_err err =
		token_kek_unwrap(f, kek, (const char *)w->id.p, w->alg, buf_view(&w->bytes), aad(), out, sizeof(out));

	if (err == COFFER_OK)
		assert_memory_equal(out, plain, sizeof(out));
	else
		assert_true(view_zero(view_of(out, sizeof(out))));
	return err;
}

static struct token_kek *
kek_of(enum which which, const char *rest)
{
	struct token_kek *kek = NULL;
	struct fault f = {0};
	char uri[256];

	(void)snprintf(uri, sizeof(uri), "%s%s", tokens[which].uri, rest);
	if (token_kek_new(&f, uri, NULL, &kek) != COFFER_OK)
		fail_msg("%s: %s", uri, f.text);
	return kek;
}

#endif
