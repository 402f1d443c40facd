/* SPDX-License-Identifier: Apache-2.0 */
/* KEKs on tokens: what they wrap and unwrap, and what they refuse; as time goes on: token_kek_life.c. */
#include "crypto/token_kek.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/kek_kit.h"

/* ---- what works ---- */

static void
check_round(enum which which, const char *rest, const char *hide, const char *alg, size_t len)
{
	struct token_kek *kek = kek_of(which, rest);
	struct wrapped w = wrapped_init();
	struct fault f = {0};

	if (hide)
		assert_int_equal(setenv("TOKEN_SHIM_HIDE", hide, 1), 0);
	if (wrap(&f, kek, &w) != COFFER_OK || unwrap(&f, kek, &w) != COFFER_OK)
		fail_msg("%s %s: %s", tokens[which].name, rest, f.text);
	if (strcmp(w.alg, alg) != 0 || w.bytes.len != len)
		fail_msg("%s %s: %s, %zu bytes", tokens[which].name, rest, w.alg, w.bytes.len);
	assert_true(token_kek_fits(kek, (const char *)w.id.p));

	/* each bit counts, and each byte */
	for (size_t at = 0; at < w.bytes.len; at += 13) {
		w.bytes.p[at] ^= 0x10;
		assert_int_equal(unwrap(&f, kek, &w), COFFER_E_AUTH);
		w.bytes.p[at] ^= 0x10;
	}
	for (size_t cut = 1; cut <= w.bytes.len; cut = 2 * cut + 1) {
		w.bytes.len -= cut;
		if (unwrap(&f, kek, &w) != COFFER_E_AUTH)
			fail_msg("%s %s less %zu bytes: %s", tokens[which].name, rest, cut, f.text);
		w.bytes.len += cut;
	}
	aad_bytes[5] ^= 1;
	assert_int_equal(unwrap(&f, kek, &w), strcmp(alg, "CKM_AES_GCM") == 0 ? COFFER_E_AUTH : COFFER_OK);
	aad_bytes[5] ^= 1;
	assert_int_equal(unwrap(&f, kek, &w), COFFER_OK);
	(void)unsetenv("TOKEN_SHIM_HIDE");
	wrapped_free(&w);
	token_kek_free(&kek);
}

static void
wraps_and_unwraps(void **state)
{
	static const struct {
		enum which which;
		const char *rest;
		const char *hide;
		const char *alg;
		size_t len;
	} cases[] = {
		{SOFTHSM, "aes", NULL, "CKM_AES_GCM", 92},
		{SOFTHSM, "kw", NULL, "CKM_AES_KEY_WRAP_PAD", 72},
		{SOFTHSM, "kw", "0x210a", "CKM_AES_KEY_WRAP", 72},
		{SOFTHSM, "both", NULL, "CKM_AES_GCM", 92},
		{SOFTHSM, "both", "0x1087", "CKM_AES_KEY_WRAP_PAD", 72},
		{SOFTHSM, "both?coffer-mech=aes-gcm", NULL, "CKM_AES_GCM", 92},
		{SOFTHSM, "both?coffer-mech=aes-kwp", NULL, "CKM_AES_KEY_WRAP_PAD", 72},
		{SOFTHSM, "rsa", NULL, "CKM_RSA_PKCS_OAEP/SHA1", 256},
		{SOFTHSM, "rsa?coffer-mech=rsa-oaep", NULL, "CKM_RSA_PKCS_OAEP/SHA1", 256},
		{SOFTHSM, "rsa%20kw", NULL, "CKM_RSA_PKCS_OAEP/SHA1", 256},
		{SOFTHSM, "twin;id=%05", NULL, "CKM_AES_GCM", 92},
		{SOFTHSM, "%C3%BCml%C3%A4ut%3B%20100%25%3F", NULL, "CKM_AES_GCM", 92},
		{NSS, "aes", NULL, "CKM_AES_GCM", 92},
		{NSS, "kw", NULL, "CKM_AES_KEY_WRAP_KWP", 72},
		/* RFC 3394 of what was padded by PKCS #7: its own reading of that name */
		{NSS, "kw", "0x210b", "CKM_AES_KEY_WRAP_PAD", 80},
		{NSS, "kw", "0x210b,0x210a", "CKM_AES_KEY_WRAP", 72},
		{NSS, "both", NULL, "CKM_AES_GCM", 92},
		{NSS, "both?coffer-mech=aes-kwp", NULL, "CKM_AES_KEY_WRAP_KWP", 72},
		{NSS, "rsa", NULL, "CKM_RSA_PKCS_OAEP/SHA256", 256},
		{NSS, "rsa%20kw", NULL, "CKM_RSA_PKCS_OAEP/SHA256", 256},
	};

	(void)state;
	need(SOFTHSM);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		if (!is_there(cases[i].which))
			continue;
		use(cases[i].which);
		check_round(cases[i].which, cases[i].rest, cases[i].hide, cases[i].alg, cases[i].len);
	}
}

static void
names_the_object(void **state)
{
	static const struct {
		const char *rest, *id; /* without the serial, which SoftHSM draws */
	} cases[] = {
		{"aes", "pkcs11:token=coffer%20test;serial=;object=aes;id=%01"},
		{"%C3%BCml%C3%A4ut%3B%20100%25%3F",
		 "pkcs11:token=coffer%20test;serial=;object=%C3%BCml%C3%A4ut%3B%20100%25%3F;id=%0B"},
	};

	(void)state;
	need(SOFTHSM);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct token_kek *kek = kek_of(SOFTHSM, cases[i].rest);
		struct wrapped w = wrapped_init();
		struct fault f = {0};
		char *serial, *rest;

		assert_int_equal(wrap(&f, kek, &w), COFFER_OK);
		serial = strstr((char *)w.id.p, "serial=") + 7;
		rest = strchr(serial, ';');
		assert_int_equal(rest - serial, 16);
		memmove(serial, rest, strlen(rest) + 1);
		assert_string_equal(w.id.p, cases[i].id);
		wrapped_free(&w);
		token_kek_free(&kek);
	}
}

static void
fits(void **state)
{
	static const struct {
		const char *uri, *id;
		bool fits;
	} cases[] = {
		{"pkcs11:token=a;object=k", "pkcs11:token=a;serial=1;object=k;id=%01", true},
		{"pkcs11:token=a;object=k", "pkcs11:token=b;serial=1;object=k;id=%01", false},
		{"pkcs11:token=a;object=k", "pkcs11:token=a;serial=1;object=kk;id=%01", false},
		{"pkcs11:token=a;object=k", "pkcs11:token=a%20%20;object=k", true},
		{"pkcs11:token=aa;object=k", "pkcs11:token=a;object=k", false},
		{"pkcs11:token=a;id=%01", "pkcs11:token=a;serial=1;object=k;id=%01", true},
		{"pkcs11:token=a;id=%01", "pkcs11:token=a;serial=1;object=k;id=%01%02", false},
		{"pkcs11:serial=1", "pkcs11:token=a;serial=1;object=k;id=%01", true},
		{"pkcs11:serial=2", "pkcs11:token=a;serial=1;object=k;id=%01", false},
		{"pkcs11:", "pkcs11:token=a;serial=1;object=k;id=%01", true},
		/* what an id has not is nothing that could differ */
		{"pkcs11:manufacturer=SoftHSM;model=2;slot-id=7;object=k", "pkcs11:token=a;object=k", true},
		{"pkcs11:token=a;object=k?module-path=/m.so&pin-source=file:x&coffer-mech=aes-kwp",
		 "pkcs11:token=a;object=k", true},
		{"pkcs11:object=k", "pkcs11:object=k?pin-source=file:/etc/passwd", false},
		{"pkcs11:object=k", "pkcs11:object=k;pin-value=1", false},
		{"pkcs11:object=k", "pkcs11:object=k;colour=red", false},
		{"pkcs11:object=k", "pkcs11:object=%zz", false},
		{"pkcs11:object=k", "", false},
		{"pkcs11:object=k", "awskms:object=k", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct token_kek *kek = NULL;
		struct fault f = {0};

		assert_int_equal(token_kek_new(&f, cases[i].uri, NULL, &kek), COFFER_OK);
		if (token_kek_fits(kek, cases[i].id) != cases[i].fits)
			fail_msg("%s and %s", cases[i].uri, cases[i].id);
		token_kek_free(&kek);
	}
}

/* A token that was copied to another, with another serial, opens; one of another name does not. */
static void
knows_copies(void **state)
{
	static const char *const ids[] = {"pkcs11:token=coffer%20test;serial=other;object=aes;id=%01",
					  "pkcs11:token=other;object=aes;id=%01"};
	struct token_kek *kek;
	struct wrapped w = wrapped_init();
	struct fault f = {0};
	uint8_t out[KEK_PLAIN_LEN];

	(void)state;
	need(SOFTHSM);
	kek = kek_of(SOFTHSM, "aes");
	assert_int_equal(wrap(&f, kek, &w), COFFER_OK);
	assert_int_equal(token_kek_unwrap(&f, kek, ids[0], w.alg, buf_view(&w.bytes), aad(), out, sizeof(out)),
			 COFFER_OK);
	assert_int_equal(token_kek_unwrap(&f, kek, ids[1], w.alg, buf_view(&w.bytes), aad(), out, sizeof(out)),
			 COFFER_E_NOKEY);
	assert_non_null(strstr(f.text, "on token «other», and this is token «coffer test»"));
	wrapped_free(&w);
	token_kek_free(&kek);
}

static void
needs_no_pin_for_a_public_key(void **state)
{
	(void)state;
	need(SOFTHSM);
	for (enum which which = SOFTHSM; which <= NSS; which++) {
		struct wrapped w = wrapped_init();
		struct token_kek *kek;
		struct fault f = {0};

		if (!is_there(which))
			continue;
		use(which);
		assert_int_equal(unsetenv("COFFER_PKCS11_PIN_FILE"), 0);
		kek = kek_of(which, "rsa");
		if (wrap(&f, kek, &w) != COFFER_OK)
			fail_msg("%s: %s", tokens[which].name, f.text);
		assert_int_equal(unwrap(&f, kek, &w), COFFER_E_REFUSED);
		assert_non_null(strstr(f.text, "wants a PIN"));
		assert_int_equal(setenv("COFFER_PKCS11_PIN_FILE", "pin", 1), 0);
		assert_int_equal(unwrap(&f, kek, &w), COFFER_OK);
		wrapped_free(&w);
		token_kek_free(&kek);
	}
}

static void
takes_the_tokens_iv(void **state)
{
	struct token_kek *kek;
	struct wrapped w = wrapped_init();
	struct fault f = {0};

	(void)state;
	need(SOFTHSM);
	kek = kek_of(SOFTHSM, "aes");
	assert_int_equal(setenv("TOKEN_SHIM_OWN_IV", "1", 1), 0);
	assert_int_equal(wrap(&f, kek, &w), COFFER_OK);
	assert_false(view_zero(view_of(w.bytes.p, 12)));
	assert_int_equal(unwrap(&f, kek, &w), COFFER_OK);
	w.bytes.len = w.id.len = 0;
	/* the same IV each time would give the key away */
	assert_int_equal(setenv("TOKEN_SHIM_OWN_IV", "0", 1), 0);
	assert_int_equal(wrap(&f, kek, &w), COFFER_E_KEY);
	assert_non_null(strstr(f.text, "took no IV"));
	assert_int_equal(unsetenv("TOKEN_SHIM_OWN_IV"), 0);
	wrapped_free(&w);
	token_kek_free(&kek);
}

/* ---- what is refused ---- */

static void
refuses_uris(void **state)
{
	static const struct {
		const char *uri, *text;
	} cases[] = {
		{"pkcs11:object=k?pin-value=4711", "pin-value"},
		{"pkcs11:object=k?module-path=relative.so", "absolute path"},
		{"pkcs11:object=k?module-pth=/m.so", "not known"},
		{"pkcs11:object=k?coffer-mech=des", "aes-gcm, aes-kwp or rsa-oaep"},
		{"pkcs11:object=k?pin-source=%7Ccat%20pin", "it is a file"},
		{"pkcs11:object=k;colour=red", "not known"},
		{"pkcs11:object=%zz", "cannot be read"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct token_kek *kek = NULL;
		struct fault f = {0};

		assert_int_equal(token_kek_new(&f, cases[i].uri, NULL, &kek), COFFER_E_USAGE);
		assert_null(kek);
		if (!strstr(f.text, cases[i].text) || strstr(f.text, "4711"))
			fail_msg("%s: %s", cases[i].uri, f.text);
	}
}

static void
refuses_to_wrap(void **state)
{
	static const struct {
		const char *rest;
		coffer_err err;
		const char *text;
	} cases[] = {
		{"twin", COFFER_E_KEY, "fits several keys"},
		{"nobody", COFFER_E_REFUSED, "has no AES or RSA key"},
		{"aes;id=%02", COFFER_E_REFUSED, "has no AES or RSA key"},
		{"aes;type=private", COFFER_E_REFUSED, "has no AES or RSA key"},
		{"rsa;type=secret-key", COFFER_E_REFUSED, "has no AES or RSA key"},
		{"aes?coffer-mech=rsa-oaep", COFFER_E_REFUSED, "has no AES or RSA key"},
		{"aes?coffer-mech=aes-kwp", COFFER_E_REFUSED, "may not wrap by aes-kwp"},
		{"opens", COFFER_E_REFUSED, "may not wrap"},
		{"short", COFFER_E_KEY, "has 1024 bits"},
		{"aes?pin-source=file:missing", COFFER_E_NOTFOUND, "cannot be read from missing"},
		{"aes?pin-source=file:no%20pin", COFFER_E_KEY, "must hold a PIN"},
		{"aes?pin-source=file:wrong%20pin", COFFER_E_REFUSED, "wrong PIN"},
		{"aes?module-path=/nowhere/m.so", COFFER_E_UNAVAILABLE, "cannot be loaded"},
		{"aes?module-name=nothing", COFFER_E_UNAVAILABLE, "no PKCS#11 module called"},
		{"aes;slot-id=77", COFFER_E_UNAVAILABLE, "no token is as"},
		{"aes;serial=0", COFFER_E_UNAVAILABLE, "no token is as"},
	};

	(void)state;
	need(SOFTHSM);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct token_kek *kek = kek_of(SOFTHSM, cases[i].rest);
		struct wrapped w = wrapped_init();
		struct fault f = {0};
		coffer_err err = wrap(&f, kek, &w);

		if (err != cases[i].err || f.err != err || !strstr(f.text, cases[i].text))
			fail_msg("%s: %s: %s", cases[i].rest, coffer_err_name(err), f.text);
		assert_null(strstr(f.text, TOKEN_PIN));
		wrapped_free(&w);
		token_kek_free(&kek);
	}
}

static void
refuses_to_unwrap(void **state)
{
	static const struct {
		const char *rest, *id, *alg;
		coffer_err err;
		const char *text;
	} cases[] = {
		{"both", "pkcs11:object=both", "CKM_AES_CBC", COFFER_E_UNSUPPORTED, "does not know"},
		{"both", "pkcs11:object=both?x=y", "CKM_AES_GCM", COFFER_E_FORMAT, "no URI of an object"},
		/* the right bytes, by another key or mechanism */
		{"both", "pkcs11:object=both", "CKM_AES_KEY_WRAP", COFFER_E_AUTH, "cannot open"},
		{"aes", "pkcs11:object=aes", "CKM_AES_GCM", COFFER_E_AUTH, "cannot open"},
		{"rsa", "pkcs11:object=rsa", "CKM_RSA_PKCS_OAEP/SHA1", COFFER_E_AUTH, "cannot open"},
		{"rsa", "pkcs11:object=rsa", "CKM_RSA_PKCS_OAEP/SHA256", COFFER_E_KEY, "cannot unwrap"},
		{"seals", "pkcs11:object=seals", "CKM_AES_GCM", COFFER_E_REFUSED, "CKA_DECRYPT, CKA_UNWRAP"},
		{"aes", "pkcs11:object=aes", "CKM_AES_KEY_WRAP_KWP", COFFER_E_REFUSED, "may not unwrap by"},
		{"gone", "pkcs11:object=gone", "CKM_AES_GCM", COFFER_E_REFUSED, "(or no more) the key"},
		{"aes", "pkcs11:object=aes", "CKM_RSA_PKCS_OAEP/SHA1", COFFER_E_REFUSED, "(or no more) the key"},
		{"twin", "pkcs11:object=twin", "CKM_AES_GCM", COFFER_E_KEY, "fits several keys"},
		{"", "pkcs11:object=twin;id=%04", "CKM_AES_GCM", COFFER_E_AUTH, "cannot open"},
	};
	struct wrapped w = wrapped_init();
	struct token_kek *both;
	struct fault f = {0};

	(void)state;
	need(SOFTHSM);
	both = kek_of(SOFTHSM, "both");
	assert_int_equal(wrap(&f, both, &w), COFFER_OK);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct token_kek *kek = NULL;
		uint8_t out[KEK_PLAIN_LEN];
		coffer_err err;

		if (cases[i].rest[0])
			kek = kek_of(SOFTHSM, cases[i].rest);
		else /* the recipient alone says which key */
			assert_int_equal(token_kek_new(&f, "pkcs11:token=coffer%20test", NULL, &kek), COFFER_OK);
		memset(out, 0xff, sizeof(out));
		err = token_kek_unwrap(&f, kek, cases[i].id, cases[i].alg, buf_view(&w.bytes), aad(), out, sizeof(out));
		if (err != cases[i].err || f.err != err || !strstr(f.text, cases[i].text))
			fail_msg("%s %s: %s: %s", cases[i].rest, cases[i].alg, coffer_err_name(err), f.text);
		assert_true(view_zero(view_of(out, sizeof(out))));
		token_kek_free(&kek);
	}
	wrapped_free(&w);
	token_kek_free(&both);
}

/* ---- making one, looking at one ---- */

static void
makes_keys(void **state)
{
	static const struct {
		enum which which;
		const char *rest, *alg;
	} cases[] = {
		{SOFTHSM, "made", "CKM_AES_GCM"},
		{SOFTHSM, "made%20to%20wrap?coffer-mech=aes-kwp", "CKM_AES_KEY_WRAP_PAD"},
		{SOFTHSM, "made;id=%99", "CKM_AES_GCM"},
		{NSS, "made", "CKM_AES_GCM"},
	};

	(void)state;
	need(SOFTHSM);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct wrapped w = wrapped_init();
		struct buf id = BUF_INIT(4096);
		struct token_kek_state s;
		struct token_kek *kek;
		struct fault f = {0};

		if (!is_there(cases[i].which))
			continue;
		use(cases[i].which);
		kek = kek_of(cases[i].which, cases[i].rest);
		if (token_kek_generate(&f, kek, &id) != COFFER_OK || wrap(&f, kek, &w) != COFFER_OK ||
		    unwrap(&f, kek, &w) != COFFER_OK)
			fail_msg("%s %s: %s", tokens[cases[i].which].name, cases[i].rest, f.text);
		assert_string_equal(w.alg, cases[i].alg);
		assert_int_equal(id.len, w.id.len);
		assert_memory_equal(id.p, w.id.p, id.len);
		assert_int_equal(token_kek_generate(&f, kek, &id), COFFER_E_EXISTS);
		id.len = 0;
		assert_int_equal(token_kek_state(&f, kek, &id, &s), COFFER_OK);
		assert_memory_equal(id.p, w.id.p, id.len);
		assert_string_equal(s.alg, cases[i].alg);
		assert_true(s.can_unwrap);
		/* SoftHSM 2.6.1 cannot read the dates of private objects, which it stores */
		if (cases[i].which == SOFTHSM)
			s.year = 2026, s.month = s.day = 1;
		assert_in_range(s.year, 2025, 2200);
		assert_in_range(s.month, 1, 12);
		assert_in_range(s.day, 1, 31);
		buf_free(&id);
		wrapped_free(&w);
		token_kek_free(&kek);
	}
}

static void
tells_of_keys(void **state)
{
	static const struct {
		const char *rest, *alg;
		bool can_unwrap;
	} cases[] = {
		{"aes", "CKM_AES_GCM", true},
		{"kw", "CKM_AES_KEY_WRAP_PAD", true},
		{"seals", "CKM_AES_GCM", false},
		{"rsa", "CKM_RSA_PKCS_OAEP/SHA256", true}, /* which hash, only use can tell */
	};

	(void)state;
	need(SOFTHSM);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct token_kek *kek = kek_of(SOFTHSM, cases[i].rest);
		struct buf id = BUF_INIT(4096);
		struct token_kek_state s;
		struct fault f = {0};

		assert_int_equal(token_kek_state(&f, kek, &id, &s), COFFER_OK);
		assert_string_equal(s.alg, cases[i].alg);
		assert_int_equal(s.can_unwrap, cases[i].can_unwrap);
		assert_int_equal(s.year, 0);
		buf_free(&id);
		token_kek_free(&kek);
	}
}

static void
refuses_to_make(void **state)
{
	static const char *const uris[] = {"pkcs11:token=coffer%20test", "pkcs11:token=coffer%20test;object=",
					   "pkcs11:token=coffer%20test;object=k;type=private",
					   "pkcs11:token=coffer%20test;object=k?coffer-mech=rsa-oaep"};

	(void)state;
	need(SOFTHSM);
	for (size_t i = 0; i < sizeof(uris) / sizeof(*uris); i++) {
		struct buf id = BUF_INIT(4096);
		struct token_kek *kek = NULL;
		struct fault f = {0};

		assert_int_equal(token_kek_new(&f, uris[i], NULL, &kek), COFFER_OK);
		assert_int_equal(token_kek_generate(&f, kek, &id), COFFER_E_USAGE);
		token_kek_free(&kek);
		buf_free(&id);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wraps_and_unwraps),
		cmocka_unit_test(names_the_object),
		cmocka_unit_test(fits),
		cmocka_unit_test(knows_copies),
		cmocka_unit_test(needs_no_pin_for_a_public_key),
		cmocka_unit_test(takes_the_tokens_iv),
		cmocka_unit_test(refuses_uris),
		cmocka_unit_test(refuses_to_wrap),
		cmocka_unit_test(refuses_to_unwrap),
		cmocka_unit_test(makes_keys),
		cmocka_unit_test(tells_of_keys),
		cmocka_unit_test(refuses_to_make),
	};

	return cmocka_run_group_tests(tests, make_tokens, tmpdir_teardown);
}
