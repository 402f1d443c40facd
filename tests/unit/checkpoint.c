/* SPDX-License-Identifier: Apache-2.0 */
#include "sign/checkpoint.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/enc.h"
#include "base/limits.h"

#define ROOT "rs1YPY0ydAV0lxgfrq5pE4oRpUJwo3syeps5+eGUTDI="
#define TEXT "log.example - 17\n736\n" ROOT "\n"
#define NAME "log.example"
#define DASH "\xe2\x80\x94 "

static const uint8_t hint[CHECKPOINT_HINT] = {0xf3, 0x0d, 0x5a, 0x99}, other_hint[CHECKPOINT_HINT] = {1, 2, 3, 4};
static struct pubkey *key;
static struct privkey *secret_key, *other_key;

static int
setup(void **state)
{
	(void)state;
	return privkey_generate(NULL, PKEY_P256, &secret_key) == COFFER_OK &&
			       privkey_generate(NULL, PKEY_P256, &other_key) == COFFER_OK &&
			       privkey_public(NULL, secret_key, &key) == COFFER_OK
		       ? 0
		       : -1;
}

static int
teardown(void **state)
{
	(void)state;
	privkey_free(&secret_key);
	privkey_free(&other_key);
	pubkey_free(&key);
	return 0;
}

/* append a line of @name's signature of @text */
static void
add_line(struct buf *note, const char *text, const char *name, const uint8_t *key_hint, const struct privkey *k)
{
	struct buf bytes = BUF_INIT(1024);
	char line[1024];

	assert_int_equal(buf_add(NULL, &bytes, key_hint, CHECKPOINT_HINT), COFFER_OK);
	assert_int_equal(privkey_sign(NULL, k, DIGEST_SHA256, view_str(text), &bytes), COFFER_OK);
	enc_b64(bytes.p, bytes.len, line);
	assert_int_equal(buf_printf(NULL, note, DASH "%s %s\n", name, line), COFFER_OK);
	buf_free(&bytes);
}

static void
begin(struct buf *note, const char *text)
{
	note->len = 0;
	assert_int_equal(buf_str(NULL, note, text), COFFER_OK);
	assert_int_equal(buf_str(NULL, note, "\n"), COFFER_OK);
}

static coffer_err
judge(struct fault *f, const struct buf *note)
{
	struct checkpoint c;
	coffer_err err = checkpoint_parse(f, buf_view(note), &c);

	return err == COFFER_OK ? checkpoint_verify(f, &c, NAME, hint, key) : err;
}

static void
test_parse(void **state)
{
	static const char note[] = TEXT "extra\n\nmore\n\n" DASH "a.example AAAAAAA=\n";
	struct checkpoint c;

	(void)state;
	assert_int_equal(checkpoint_parse(NULL, view_str(note), &c), COFFER_OK);
	assert_int_equal(c.text.len, strlen(TEXT "extra\n\nmore\n"));
	assert_ptr_equal(c.text.p, note);
	assert_int_equal(c.origin.len, strlen("log.example - 17"));
	assert_int_equal(c.size, 736);
	assert_memory_equal(c.root, "\xae\xcd\x58\x3d", 4);
	assert_int_equal(c.signatures.len, strlen(DASH "a.example AAAAAAA=\n"));
}

static const struct {
	const char *name;
	const char *note;
	const char *says;
} malformed[] = {
	{"nothing", "", "no text"},
	{"no empty line", TEXT DASH "a AAAAAAA=\n", "no text"},
	{"no signature", TEXT "\n", "no text"},
	{"the last line has no end", TEXT "\n" DASH "a AAAAAAA=", "no text"},
	{"no origin", "\n736\n" ROOT "\n\n" DASH "a AAAAAAA=\n", "which log"},
	{"no size", "log\n" ROOT "\n\n" DASH "a AAAAAAA=\n", "how large"},
	{"origin alone", "log\n\n" DASH "a AAAAAAA=\n", "how large"},
	{"a size with a sign", "log\n+736\n" ROOT "\n\n" DASH "a AAAAAAA=\n", "how large"},
	{"a size with a leading zero", "log\n0736\n" ROOT "\n\n" DASH "a AAAAAAA=\n", "how large"},
	{"a size of 2^64", "log\n18446744073709551616\n" ROOT "\n\n" DASH "a AAAAAAA=\n", "how large"},
	{"a size of 21 digits", "log\n184467440737095516160\n" ROOT "\n\n" DASH "a AAAAAAA=\n", "how large"},
	{"no root", "log\n736\n\n" DASH "a AAAAAAA=\n", "no root"},
	{"a root of 31 bytes", "log\n736\nrs1YPY0ydAV0lxgfrq5pE4oRpUJwo3syeps5+eGUTA==\n\n" DASH "a AAAAAAA=\n",
	 "no root"},
	{"a root of 33 bytes", "log\n736\nrs1YPY0ydAV0lxgfrq5pE4oRpUJwo3syeps5+eGUTDIA\n\n" DASH "a AAAAAAA=\n",
	 "no root"},
};

static void
test_malformed(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(malformed) / sizeof(malformed[0]); i++) {
		struct fault f = {.err = COFFER_OK};
		struct checkpoint c;

		print_message("%s\n", malformed[i].name);
		assert_int_equal(checkpoint_parse(&f, view_str(malformed[i].note), &c), COFFER_E_FORMAT);
		assert_non_null(strstr(f.text, malformed[i].says));
	}
}

static void
test_too_long(void **state)
{
	static uint8_t note[LIMIT_CHECKPOINT + 1];
	struct checkpoint c;

	(void)state;
	memset(note, '\n', sizeof(note));
	assert_int_equal(checkpoint_parse(NULL, view_of(note, sizeof(note)), &c), COFFER_E_FORMAT);
}

static void
test_signed(void **state)
{
	struct buf note = BUF_INIT(LIMIT_CHECKPOINT);

	(void)state;
	begin(&note, TEXT);
	add_line(&note, TEXT, NAME, hint, secret_key);
	assert_int_equal(judge(NULL, &note), COFFER_OK);
	buf_free(&note);
}

/* those of others, even by the same name, are passed over before and behind */
static void
test_others(void **state)
{
	struct buf note = BUF_INIT(LIMIT_CHECKPOINT);

	(void)state;
	begin(&note, TEXT);
	add_line(&note, TEXT, "witness.example/w1", hint, other_key);
	add_line(&note, TEXT, NAME, other_hint, other_key);
	assert_int_equal(buf_str(NULL, &note, DASH "not-base64.example !\n"), COFFER_OK);
	add_line(&note, TEXT, NAME, hint, secret_key);
	assert_int_equal(buf_str(NULL, &note, "not looked at\n"), COFFER_OK);
	assert_int_equal(judge(NULL, &note), COFFER_OK);
	buf_free(&note);
}

static void
assert_refused(const struct buf *note, coffer_err want, const char *says)
{
	struct fault f = {.err = COFFER_OK};

	assert_int_equal(judge(&f, note), want);
	if (!strstr(f.text, says))
		fail_msg("«%s», not «%s»", f.text, says);
}

static void
test_refused(void **state)
{
	struct buf note = BUF_INIT(LIMIT_CHECKPOINT);

	(void)state;
	begin(&note, TEXT);
	add_line(&note, TEXT, NAME, hint, other_key);
	assert_refused(&note, COFFER_E_SIGNATURE, "is false");
	begin(&note, TEXT);
	add_line(&note, "log.example - 17\n737\n" ROOT "\n", NAME, hint, secret_key);
	assert_refused(&note, COFFER_E_SIGNATURE, "is false");
	begin(&note, TEXT);
	add_line(&note, TEXT "\n", NAME, hint, secret_key);
	assert_refused(&note, COFFER_E_SIGNATURE, "is false");
	/* the first of two decides */
	begin(&note, TEXT);
	add_line(&note, TEXT, NAME, hint, other_key);
	add_line(&note, TEXT, NAME, hint, secret_key);
	assert_refused(&note, COFFER_E_SIGNATURE, "is false");
	begin(&note, TEXT);
	add_line(&note, TEXT, "other.example", hint, secret_key);
	assert_refused(&note, COFFER_E_SIGNATURE, "no signature of log.example");
	begin(&note, TEXT);
	add_line(&note, TEXT, NAME, other_hint, secret_key);
	assert_refused(&note, COFFER_E_SIGNATURE, "no signature of log.example");
	buf_free(&note);
}

static const char *const bad_lines[] = {
	"\n",
	"- log.example AAAAAAA=\n",
	DASH "\n",
	DASH "log.example\n",
	DASH "log.example \n",
	DASH " AAAAAAA=\n",
	DASH "log.example !AAAAAA=\n",
	DASH "log.example 8w1amQ==\n", /* a hint and nothing more */
};

static void
test_bad_lines(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bad_lines) / sizeof(bad_lines[0]); i++) {
		struct fault f = {.err = COFFER_OK};
		struct checkpoint c;

		assert_int_equal(checkpoint_parse(NULL, view_str(TEXT "\n" DASH "w AAAAAAA=\n"), &c), COFFER_OK);
		c.signatures = view_str(bad_lines[i]);
		print_message("%s", bad_lines[i]);
		assert_int_equal(checkpoint_verify(&f, &c, NAME, hint, key), COFFER_E_FORMAT);
		assert_non_null(strstr(f.text, "malformed"));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),	  cmocka_unit_test(test_malformed), cmocka_unit_test(test_too_long),
		cmocka_unit_test(test_signed),	  cmocka_unit_test(test_others),    cmocka_unit_test(test_refused),
		cmocka_unit_test(test_bad_lines),
	};

	return cmocka_run_group_tests_name("checkpoint", tests, setup, teardown);
}
