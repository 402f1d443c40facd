/* SPDX-License-Identifier: Apache-2.0 */
/* KEKs on two real tokens, SoftHSM 2 and that of NSS, behind a module that adds what other tokens have (token_shim.c). */
#include "crypto/token_kek.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "support/tmpdir.h"
#include "support/token_kit.h"

#define PLAIN_LEN 64
#define ASKS "pkcs11:token=coffer%20test;object="

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

static uint8_t plain[PLAIN_LEN], aad_bytes[32];

static struct view
aad(void)
{
	return view_of(aad_bytes, sizeof(aad_bytes));
}

static struct view
all_of_plain(void)
{
	return view_of(plain, sizeof(plain));
}

/* From now on @which is the token behind its shim. */
static void
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

static bool
is_there(enum which which)
{
	return tokens[which].module && tokens[which].shim;
}

static void
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

static void
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

static int
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

static struct wrapped
wrapped_init(void)
{
	return (struct wrapped){.id = BUF_INIT(4096), .bytes = BUF_INIT(4096), .alg = ""};
}

static void
wrapped_free(struct wrapped *w)
{
	buf_free(&w->id);
	buf_free(&w->bytes);
}

static coffer_err
wrap(struct fault *f, struct token_kek *kek, struct wrapped *w)
{
	coffer_err err = token_kek_wrap(f, kek, all_of_plain(), aad(), &w->id, &w->alg, &w->bytes);

	if (err == COFFER_OK) {
		assert_int_equal(buf_add(f, &w->id, "", 1), COFFER_OK);
		w->id.len--;
	}
	return err;
}

static coffer_err
unwrap(struct fault *f, struct token_kek *kek, const struct wrapped *w)
{
	uint8_t out[PLAIN_LEN];
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

static size_t
lines_of(const char *path, const char *begin)
{
	FILE *file = fopen(path, "re");
	char line[128];
	size_t n = 0;

	while (file && fgets(line, sizeof(line), file))
		n += strncmp(line, begin, strlen(begin)) == 0;
	if (file)
		(void)fclose(file);
	return n;
}

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
	uint8_t out[PLAIN_LEN];

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
		uint8_t out[PLAIN_LEN];
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

/* ---- PINs ---- */

static size_t n_asked;

static coffer_err
answer(void *user, struct fault *f, const char *token_label, struct secret *pin_out)
{
	assert_string_equal(token_label, TOKEN_LABEL);
	n_asked++;
	return secret_copy(f, pin_out, user, strlen(user));
}

/* A token that locks, as real ones do: what is sent to it is counted. */
static void
spares_the_tries(void **state)
{
	static const struct {
		const char *pin;
		const char *text; /* NULL: it works */
		size_t logins;	  /* so far */
	} steps[] = {
		{"1111", "; it counts wrong ones, and more than one try is left", 1},
		{"1111", "refused the same one before", 1},
		{"1112", "; one try is left before it locks", 2},
		{"1111", "one more try before it locks, and that is not spent", 2},
		{"1113", "one more try before it locks, and that is not spent", 2},
		{TOKEN_PIN, "one more try before it locks, and that is not spent", 2},
	};
	struct token_kek *kek, *typed;
	struct token_pin right = {answer, (char[]){TOKEN_PIN}}, wrong = {answer, (char[]){"1114"}};
	struct wrapped w = wrapped_init();
	struct fault f = {0};

	(void)state;
	need(SOFTHSM);
	assert_int_equal(setenv("TOKEN_SHIM_TRIES", "tries", 1), 0);
	assert_int_equal(setenv("TOKEN_SHIM_LOG", "log", 1), 0);
	assert_int_equal(unsetenv("COFFER_PKCS11_PIN_FILE"), 0);
	kek = kek_of(SOFTHSM, "aes?pin-source=file:guess");
	for (size_t i = 0; i < sizeof(steps) / sizeof(*steps); i++) {
		(void)unlink("guess");
		tmpdir_file("guess", steps[i].pin, strlen(steps[i].pin), 0600);
		assert_int_equal(wrap(&f, kek, &w), COFFER_E_REFUSED);
		if (!strstr(f.text, steps[i].text) || lines_of("log", "login") != steps[i].logins)
			fail_msg("%zu: %s; %zu logins", i, f.text, lines_of("log", "login"));
	}
	/* by hand: it works, the token counts from the start again, and so does the file */
	assert_int_equal(token_kek_new(&f, ASKS "aes", &right, &typed), COFFER_OK);
	assert_int_equal(wrap(&f, typed, &w), COFFER_OK);
	token_kek_free(&typed);
	assert_int_equal(lines_of("log", "login"), 3);
	assert_int_equal(unwrap(&f, kek, &w), COFFER_OK);
	assert_int_equal(lines_of("log", "login"), 4);
	token_kek_free(&kek);
	/* a person who is wrong is asked once */
	n_asked = 0;
	assert_int_equal(token_kek_new(&f, ASKS "aes", &wrong, &typed), COFFER_OK);
	assert_int_equal(unwrap(&f, typed, &w), COFFER_E_REFUSED);
	assert_int_equal(unwrap(&f, typed, &w), COFFER_E_REFUSED);
	assert_int_equal(n_asked, 1);
	assert_int_equal(lines_of("log", "login"), 5);
	token_kek_free(&typed);
	/* locked: nothing is sent */
	(void)unlink("tries");
	tmpdir_file("tries", "0\n", 2, 0600);
	assert_int_equal(token_kek_new(&f, ASKS "aes", &right, &typed), COFFER_OK);
	assert_int_equal(unwrap(&f, typed, &w), COFFER_E_REFUSED);
	assert_non_null(strstr(f.text, "is locked after too many wrong PINs"));
	assert_int_equal(n_asked, 1);
	assert_int_equal(lines_of("log", "login"), 5);
	token_kek_free(&typed);
	assert_int_equal(unsetenv("TOKEN_SHIM_TRIES"), 0);
	assert_int_equal(unsetenv("TOKEN_SHIM_LOG"), 0);
	wrapped_free(&w);
}

static void
asks_once_for_all(void **state)
{
	struct token_pin right = {answer, (char[]){TOKEN_PIN}};
	struct wrapped w = wrapped_init();
	struct token_kek *a, *b;
	struct fault f = {0};

	(void)state;
	need(SOFTHSM);
	assert_int_equal(unsetenv("COFFER_PKCS11_PIN_FILE"), 0);
	n_asked = 0;
	assert_int_equal(token_kek_new(&f, ASKS "aes", &right, &a), COFFER_OK);
	assert_int_equal(token_kek_new(&f, ASKS "both", &right, &b), COFFER_OK);
	assert_int_equal(n_asked, 0);
	assert_int_equal(wrap(&f, a, &w), COFFER_OK);
	assert_int_equal(unwrap(&f, a, &w), COFFER_OK);
	w.bytes.len = w.id.len = 0;
	assert_int_equal(wrap(&f, b, &w), COFFER_OK);
	assert_int_equal(n_asked, 1);
	/* who logged in leaves: the next one logs in */
	token_kek_free(&a);
	assert_int_equal(unwrap(&f, b, &w), COFFER_OK);
	assert_int_equal(n_asked, 2);
	token_kek_free(&b);
	wrapped_free(&w);
}

/* ---- tokens that go and come ---- */

static void
survives_removal(void **state)
{
	struct wrapped w = wrapped_init();
	struct token_kek *kek;
	struct fault f = {0};

	(void)state;
	need(SOFTHSM);
	assert_int_equal(setenv("TOKEN_SHIM_GONE", "gone", 1), 0);
	kek = kek_of(SOFTHSM, "aes");
	assert_int_equal(wrap(&f, kek, &w), COFFER_OK);
	tmpdir_file("gone", "", 0, 0600);
	assert_int_equal(unwrap(&f, kek, &w), COFFER_E_UNAVAILABLE);
	assert_non_null(strstr(f.text, "no token is as the PKCS#11 URI says"));
	assert_int_equal(unwrap(&f, kek, &w), COFFER_E_UNAVAILABLE);
	(void)unlink("gone");
	assert_int_equal(unwrap(&f, kek, &w), COFFER_OK);
	assert_int_equal(unsetenv("TOKEN_SHIM_GONE"), 0);
	wrapped_free(&w);
	token_kek_free(&kek);
}

/* ---- several threads, and children ---- */

struct worker {
	struct token_kek *kek;
	const struct wrapped *w;
	pthread_t thread;
	coffer_err err;
	struct fault f;
};

static void *
work(void *arg)
{
	struct worker *k = arg;

	for (size_t i = 0; i < 6 && k->err == COFFER_OK; i++) {
		struct wrapped own = wrapped_init();

		k->err = unwrap(&k->f, k->kek, k->w);
		if (k->err == COFFER_OK)
			k->err = wrap(&k->f, k->kek, &own);
		if (k->err == COFFER_OK)
			k->err = unwrap(&k->f, k->kek, &own);
		wrapped_free(&own);
	}
	return NULL;
}

/* Eight threads, two of them with each of four KEKs that are of one token; the first who come find nobody logged in. */
static void
serves_threads(void **state)
{
	static const char *const names[] = {"aes", "both", "rsa", "rsa%20kw"};
	struct worker workers[8];
	struct token_kek *keks[4], *other;
	struct wrapped w[4];
	struct fault f = {0};

	(void)state;
	need(SOFTHSM);
	for (enum which which = SOFTHSM; which <= NSS; which++) {
		if (!is_there(which))
			continue;
		use(which);
		for (size_t i = 0; i < 4; i++) {
			other = kek_of(which, names[i]);
			w[i] = wrapped_init();
			assert_int_equal(wrap(&f, other, &w[i]), COFFER_OK);
			token_kek_free(&other);
			keks[i] = kek_of(which, names[i]);
		}
		for (size_t i = 0; i < 8; i++) {
			workers[i] = (struct worker){.kek = keks[i % 4], .w = &w[i % 4], .err = COFFER_OK};
			assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
		}
		for (size_t i = 0; i < 8; i++)
			assert_int_equal(pthread_join(workers[i].thread, NULL), 0);
		for (size_t i = 0; i < 8; i++)
			if (workers[i].err != COFFER_OK)
				fail_msg("%s: thread %zu: %s", tokens[which].name, i, workers[i].f.text);
		for (size_t i = 0; i < 4; i++) {
			wrapped_free(&w[i]);
			token_kek_free(&keks[i]);
		}
	}
}

/* One for each of many models: p11-kit has 64 modules at hand, and makes the others. */
static void
serves_many(void **state)
{
	struct token_kek *keks[100];
	struct fault f = {0};

	(void)state;
	need(SOFTHSM);
	for (size_t i = 0; i < 100; i++) {
		struct wrapped w = wrapped_init();

		keks[i] = kek_of(SOFTHSM, i % 2 ? "aes" : "both");
		if (wrap(&f, keks[i], &w) != COFFER_OK || unwrap(&f, keks[i], &w) != COFFER_OK)
			fail_msg("%zu: %s", i, f.text);
		wrapped_free(&w);
	}
	for (size_t i = 0; i < 100; i++)
		token_kek_free(&keks[i]);
}

static int
child(struct token_kek *kek, const struct wrapped *w)
{
	struct fault f = {0};
	pid_t pid = fork();
	int status = -1;

	if (pid == 0) {
		coffer_err err = unwrap(&f, kek, w);

		if (err == COFFER_OK)
			token_kek_free(&kek);
		else
			(void)fprintf(stderr, "in the child: %s\n", f.text);
		_exit(err == COFFER_OK ? 0 : 1);
	}
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void
survives_fork(void **state)
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
		assert_int_equal(setenv("TOKEN_SHIM_LOG", "fork log", 1), 0);
		(void)unlink("fork log");
		kek = kek_of(which, "aes");
		assert_int_equal(wrap(&f, kek, &w), COFFER_OK);
		/* one after the other, and the parent's session goes on */
		assert_int_equal(child(kek, &w), 0);
		assert_int_equal(unwrap(&f, kek, &w), COFFER_OK);
		assert_int_equal(child(kek, &w), 0);
		assert_int_equal(unwrap(&f, kek, &w), COFFER_OK);
		/* each child initialised the module for itself */
		assert_int_equal(lines_of("fork log", "init"), 3);
		assert_int_equal(unsetenv("TOKEN_SHIM_LOG"), 0);
		wrapped_free(&w);
		token_kek_free(&kek);
	}
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
		cmocka_unit_test(spares_the_tries),
		cmocka_unit_test(asks_once_for_all),
		cmocka_unit_test(survives_removal),
		cmocka_unit_test(serves_threads),
		cmocka_unit_test(serves_many),
		cmocka_unit_test(survives_fork),
		cmocka_unit_test(makes_keys),
		cmocka_unit_test(tells_of_keys),
		cmocka_unit_test(refuses_to_make),
	};

	return cmocka_run_group_tests(tests, make_tokens, tmpdir_teardown);
}
