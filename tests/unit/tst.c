/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/tst.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "support/tsa.h"

#define AT (PKI_2030 - 1000)

/* ---- authorities ---- */

enum { ROOT, INTER, TSA, TSA2, CODE, SOFT_USAGE, TWO_USAGES, OLD, STRANGER_ROOT, STRANGER, RSA1024, N_PKI };
static struct pki pki[N_PKI];
static struct certs roots, intermediates, leaves;

static void
add(struct certs *list, const struct pki *p)
{
	struct buf der = BUF_INIT(1 << 16);
	struct cert *c;

	pki_cert_der(p, &der);
	assert_int_equal(cert_from_der(NULL, "a test's certificate", buf_view(&der), &c), COFFER_OK);
	assert_int_equal(certs_add(NULL, list, c), COFFER_OK);
	buf_free(&der);
}

static int
setup(void **state)
{
	(void)state;
	pki[ROOT] = pki_make(&(struct pki_spec){.name = "root", .key = "P-384", .ext = {PKI_CA}}, NULL);
	pki[INTER] = pki_make(&(struct pki_spec){.name = "inter", .ext = {PKI_CA}}, &pki[ROOT]);
	pki[TSA] = pki_make(&(struct pki_spec){.name = "tsa", .ext = {PKI_LEAF, PKI_SIGNS, PKI_STAMPS}}, &pki[INTER]);
	pki[TSA2] = pki_make(&(struct pki_spec){.name = "tsa2", .ext = {PKI_LEAF, PKI_STAMPS}}, &pki[INTER]);
	pki[CODE] = pki_make(&(struct pki_spec){.name = "code", .ext = {PKI_LEAF, PKI_SIGNS, PKI_CODE}}, &pki[INTER]);
	pki[SOFT_USAGE] =
		pki_make(&(struct pki_spec){.name = "soft", .ext = {PKI_LEAF, {"extendedKeyUsage", "timeStamping"}}},
			 &pki[INTER]);
	pki[TWO_USAGES] = pki_make(
		&(struct pki_spec){.name = "two",
				   .ext = {PKI_LEAF, {"extendedKeyUsage", "critical,timeStamping,codeSigning"}}},
		&pki[INTER]);
	pki[OLD] =
		pki_make(&(struct pki_spec){.name = "old", .to = AT - 1, .ext = {PKI_LEAF, PKI_STAMPS}}, &pki[INTER]);
	pki[STRANGER_ROOT] = pki_make(&(struct pki_spec){.name = "other root", .ext = {PKI_CA}}, NULL);
	pki[STRANGER] = pki_make(&(struct pki_spec){.name = "tsa", .ext = {PKI_LEAF, PKI_STAMPS}}, &pki[STRANGER_ROOT]);
	pki[RSA1024] = pki_make(&(struct pki_spec){.name = "weak", .key = "RSA:1", .ext = {PKI_LEAF, PKI_STAMPS}},
				&pki[INTER]);
	add(&roots, &pki[ROOT]);
	add(&intermediates, &pki[INTER]);
	add(&leaves, &pki[TSA]);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	certs_free(&roots);
	certs_free(&intermediates);
	certs_free(&leaves);
	for (size_t i = 0; i < N_PKI; i++)
		pki_free(&pki[i]);
	return 0;
}

/* ---- verdicts ---- */

static const uint64_t nonce = UINT64_C(0xfedcba9876543210);

#define STATUS(bytes) .status = (bytes), .status_len = sizeof(bytes) - 1

static const struct row {
	const char *name;
	int signer;
	enum {
		LISTED,
		ANY,
		GIVEN
	} trust; /* the leaves, any leaf that chains, any and this one among the intermediates */
	struct tsa_spec spec;
	coffer_err err;
	const char *says;
} rows[] = {
	{"good", TSA, LISTED, {.at = AT}, COFFER_OK, ""},
	{"good by another leaf", TSA2, ANY, {.at = AT}, COFFER_OK, ""},
	{"granted with modifications", TSA, LISTED, {.at = AT, STATUS("\x30\x03\x02\x01\x01")}, COFFER_OK, ""},
	{"no certificate inside", TSA, LISTED, {.at = AT, .no_cert = true}, COFFER_OK, ""},
	{"no certificate inside, signer given", TSA2, GIVEN, {.at = AT, .no_cert = true}, COFFER_OK, ""},
	{"SHA-384", TSA, LISTED, {.at = AT, .md = "SHA384", .imprint_md = "SHA384"}, COFFER_OK, ""},
	{"SHA-512", TSA, LISTED, {.at = AT, .md = "SHA512", .imprint_md = "SHA512"}, COFFER_OK, ""},
	{"ESSCertID of RFC 2634", TSA, LISTED, {.at = AT, .ess = 1}, COFFER_OK, ""},
	{"signed before it expired", OLD, ANY, {.at = AT - 1}, COFFER_OK, ""},
	{"a fraction of a second", TSA, LISTED, {.at = AT, .time = "20291231234320.999Z"}, COFFER_OK, ""},

	{"refused",
	 TSA,
	 LISTED,
	 {.at = AT, STATUS("\x30\x03\x02\x01\x02"), .no_token = true},
	 COFFER_E_SIGNATURE,
	 "the timestamp authority gave none: status 2, no reason given"},
	{"refused with a reason",
	 TSA,
	 LISTED,
	 {.at = AT,
	  STATUS("\x30\x0b\x02\x01\x02\x30\x06\x0c\x04"
		 "busy"),
	  .no_token = true},
	 COFFER_E_SIGNATURE,
	 "the timestamp authority gave none: status 2, busy"},
	{"refused with control characters",
	 TSA,
	 LISTED,
	 {.at = AT, STATUS("\x30\x0b\x02\x01\x02\x30\x06\x0c\x04\x1b[2J"), .no_token = true},
	 COFFER_E_SIGNATURE,
	 "status 2, no reason given"},
	{"refused, with a token all the same",
	 TSA,
	 LISTED,
	 {.at = AT, STATUS("\x30\x03\x02\x01\x02")},
	 COFFER_E_SIGNATURE,
	 "gave none: status 2"},
	{"granted without a token", TSA, LISTED, {.at = AT, .no_token = true}, COFFER_E_FORMAT, "no TimeStampResp"},
	{"no status", TSA, LISTED, {.at = AT, STATUS("\x30\x00")}, COFFER_E_FORMAT, "no TimeStampResp"},
	{"no ESSCertID", TSA, LISTED, {.at = AT, .ess = -1}, COFFER_E_SIGNATURE, "does not say which certificate"},
	{"ESSCertID of another", TSA, LISTED, {.at = AT, .ess_of = &pki[TSA2]}, COFFER_E_SIGNATURE, "or names another"},
	{"ESSCertID of RFC 2634 of another",
	 TSA,
	 LISTED,
	 {.at = AT, .ess = 1, .ess_of = &pki[TSA2]},
	 COFFER_E_SIGNATURE,
	 "or names another"},
	{"two signers", TSA, LISTED, {.at = AT, .second = &pki[TSA2]}, COFFER_E_SIGNATURE, "has 2 signatures"},
	{"signed as data",
	 TSA,
	 LISTED,
	 {.at = AT, .type = NID_pkcs7_data},
	 COFFER_E_SIGNATURE,
	 "not one of a timestamp"},
	{"signed as data, shown as a timestamp",
	 TSA,
	 LISTED,
	 {.at = AT, .type = NID_pkcs7_data, .type_after = NID_id_smime_ct_TSTInfo},
	 COFFER_E_SIGNATURE,
	 "not one of a timestamp"},
	{"SHA-1 under the signature",
	 TSA,
	 LISTED,
	 {.at = AT, .md = "SHA1"},
	 COFFER_E_SIGNATURE,
	 "a hash that is not safe"},
	{"SHA-1 over the message",
	 TSA,
	 LISTED,
	 {.at = AT, .imprint_md = "SHA1"},
	 COFFER_E_SIGNATURE,
	 "over a hash that is not safe"},
	{"over something else",
	 TSA,
	 LISTED,
	 {.at = AT, .message = {(const uint8_t *)"massage", 7}},
	 COFFER_E_SIGNATURE,
	 "over something else"},
	{"a critical extension",
	 TSA,
	 LISTED,
	 {.at = AT, .critical = true},
	 COFFER_E_SIGNATURE,
	 "of a form that is not known"},
	{"version 2", TSA, LISTED, {.at = AT, .version = 2}, COFFER_E_SIGNATURE, "of a form that is not known"},
	{"bytes behind the TSTInfo", TSA, LISTED, {.at = AT, .behind_info = "x"}, COFFER_E_FORMAT, "no TimeStampResp"},
	{"a time with an offset",
	 TSA,
	 LISTED,
	 {.at = AT, .time = "20291231234320+0100"},
	 COFFER_E_FORMAT,
	 "no TimeStampResp"},
	{"no such day", TSA, LISTED, {.at = AT, .time = "20290231234320Z"}, COFFER_E_FORMAT, "no TimeStampResp"},
	{"not one of the leaves", TSA2, LISTED, {.at = AT}, COFFER_E_SIGNATURE, "not one of those trusted"},
	{"unknown signer",
	 TSA2,
	 LISTED,
	 {.at = AT, .no_cert = true},
	 COFFER_E_SIGNATURE,
	 "neither in the timestamp nor among"},
	{"a stranger",
	 STRANGER,
	 ANY,
	 {.at = AT, .embed = &pki[STRANGER_ROOT]},
	 COFFER_E_SIGNATURE,
	 "«CN=other root» is not trusted"},
	{"a stranger of the same name", STRANGER, LISTED, {.at = AT}, COFFER_E_SIGNATURE, "not one of those trusted"},
	{"a code signer", CODE, ANY, {.at = AT}, COFFER_E_SIGNATURE, "may not give timestamps"},
	{"usage not critical", SOFT_USAGE, ANY, {.at = AT}, COFFER_E_SIGNATURE, "may not give timestamps"},
	{"usage not alone", TWO_USAGES, ANY, {.at = AT}, COFFER_E_SIGNATURE, "may not give timestamps"},
	{"signed after it expired",
	 OLD,
	 ANY,
	 {.at = AT},
	 COFFER_E_SIGNATURE,
	 "«CN=old» expired on 2029-12-31 23:43:19 UTC"},
	{"signed before all began",
	 TSA,
	 LISTED,
	 {.at = PKI_2020 - 1},
	 COFFER_E_SIGNATURE,
	 "begins on 2020-01-01 00:00:00 UTC"},
	{"a short key", RSA1024, ANY, {.at = AT}, COFFER_E_SIGNATURE, "not of a kind that is safe"},
};

static void
each_row(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *row = &rows[i];
		struct tsa_spec spec = row->spec;
		struct buf response = BUF_INIT(1 << 16);
		struct certs known = {.v = NULL, .n = 0};
		struct tst_trust trust = {.roots = &roots, .intermediates = &intermediates, .leaves = &leaves};
		struct fault f = {.text = ""};
		int64_t at = -1;
		coffer_err err;

		spec.signer = &pki[row->signer];
		if (!spec.message.p)
			spec.message = view_str("message");
		tsa_respond(&spec, &response);
		if (row->trust != LISTED)
			trust.leaves = NULL;
		if (row->trust == GIVEN) {
			add(&known, &pki[INTER]);
			add(&known, &pki[row->signer]);
			trust.intermediates = &known;
		}
		err = tst_verify(&f, buf_view(&response), view_str("message"), &trust, NULL, &at);
		if (err != row->err || !strstr(f.text, row->says) || at != (err == COFFER_OK ? spec.at : 0))
			fail_msg("%s: %s, %lld, «%s»", row->name, coffer_err_name(err), (long long)at, f.text);
		certs_free(&known);
		buf_free(&response);
	}
}

static coffer_err
verify(const struct buf *response, const uint64_t *wanted)
{
	const struct tst_trust trust = {.roots = &roots, .intermediates = &intermediates, .leaves = &leaves};
	int64_t at;

	return tst_verify(NULL, buf_view(response), view_str("message"), &trust, wanted, &at);
}

static void
nonces(void **state)
{
	const uint64_t other = nonce + 1;
	struct tsa_spec spec = {.signer = &pki[TSA], .at = AT, .message = view_str("message"), .nonce = &nonce};
	struct buf with = BUF_INIT(1 << 16);
	struct buf without = BUF_INIT(1 << 16);

	(void)state;
	tsa_respond(&spec, &with);
	spec.nonce = NULL;
	tsa_respond(&spec, &without);
	assert_int_equal(verify(&with, &nonce), COFFER_OK);
	assert_int_equal(verify(&with, NULL), COFFER_OK);
	assert_int_equal(verify(&without, NULL), COFFER_OK);
	assert_int_equal(verify(&with, &other), COFFER_E_SIGNATURE);
	assert_int_equal(verify(&without, &nonce), COFFER_E_SIGNATURE);
	buf_free(&with);
	buf_free(&without);
}

/* who asked has a nonce, and trusts nobody yet */
static void
answers(void **state)
{
	const struct tsa_spec good = {.signer = &pki[TSA], .at = AT, .message = view_str("message"), .nonce = &nonce};
	struct tsa_spec bare = good, changed = good;
	struct buf response = BUF_INIT(1 << 16);

	(void)state;
	tsa_respond(&good, &response);
	assert_int_equal(tst_check_answer(NULL, buf_view(&response), view_str("message"), nonce), COFFER_OK);
	assert_int_equal(tst_check_answer(NULL, buf_view(&response), view_str("message"), nonce + 1),
			 COFFER_E_SIGNATURE);
	assert_int_equal(tst_check_answer(NULL, buf_view(&response), view_str("other"), nonce), COFFER_E_SIGNATURE);
	assert_int_equal(tst_check_answer(NULL, view_str("hello"), view_str("message"), nonce), COFFER_E_FORMAT);
	response.p[response.len - 1] ^= 1;
	assert_int_equal(tst_check_answer(NULL, buf_view(&response), view_str("message"), nonce), COFFER_E_SIGNATURE);
	response.len = 0;
	bare.no_cert = true;
	tsa_respond(&bare, &response);
	assert_int_equal(tst_check_answer(NULL, buf_view(&response), view_str("message"), nonce), COFFER_E_SIGNATURE);
	response.len = 0;
	changed.nonce = NULL;
	tsa_respond(&changed, &response);
	assert_int_equal(tst_check_answer(NULL, buf_view(&response), view_str("message"), nonce), COFFER_E_SIGNATURE);
	buf_free(&response);
}

/* cut short, one bit of each byte changed, or something put behind */
static void
damaged(void **state)
{
	const struct tsa_spec spec = {.signer = &pki[TSA], .at = AT, .message = view_str("message"), .no_cert = true};
	struct buf good = BUF_INIT(1 << 16);
	size_t n_accepted = 0;

	(void)state;
	tsa_respond(&spec, &good);
	for (size_t len = 0; len < good.len; len++) {
		struct buf cut = {.p = good.p, .len = len};

		assert_int_equal(verify(&cut, NULL), COFFER_E_FORMAT);
	}
	for (size_t i = 0; i < good.len; i++) {
		good.p[i] ^= 0x40;
		n_accepted += verify(&good, NULL) == COFFER_OK;
		good.p[i] ^= 0x40;
	}
	/* the numbers of two versions, and the eight bytes that name ECDSA, where the key already says so: none is signed */
	assert_int_equal(n_accepted, 2 + 8);
	/* the outermost length says less than there is */
	assert_int_equal(good.p[1], 0x82);
	good.p[3]--;
	assert_int_equal(verify(&good, NULL), COFFER_E_FORMAT);
	good.p[3]++;
	assert_int_equal(verify(&good, NULL), COFFER_OK);
	assert_int_equal(buf_add(NULL, &good, "", 1), COFFER_OK);
	assert_int_equal(verify(&good, NULL), COFFER_E_FORMAT);
	buf_free(&good);
}

/* the bytes of the time are under the signature */
static void
changed_time(void **state)
{
	const struct tsa_spec spec = {.signer = &pki[TSA], .at = AT, .message = view_str("message")};
	struct buf response = BUF_INIT(1 << 16);
	uint8_t *found;

	(void)state;
	tsa_respond(&spec, &response);
	found = memmem(response.p, response.len, "20291231234320Z", 15);
	assert_non_null(found);
	assert_int_equal(verify(&response, NULL), COFFER_OK);
	found[13] = '1';
	assert_int_equal(verify(&response, NULL), COFFER_E_SIGNATURE);
	buf_free(&response);
}

/* ---- requests ---- */

static void
request(void **state)
{
	struct buf der = BUF_INIT(1 << 10);
	uint64_t ours;
	uint64_t theirs;
	const uint8_t *p;
	TS_REQ *req;

	(void)state;
	assert_int_equal(tst_request(NULL, view_str("abc"), &der, &ours), COFFER_OK);
	p = der.p;
	req = d2i_TS_REQ(NULL, &p, (long)der.len);
	assert_non_null(req);
	assert_ptr_equal(p, der.p + der.len);
	assert_int_equal(TS_REQ_get_version(req), 1);
	assert_int_equal(TS_REQ_get_cert_req(req), 1);
	assert_int_equal(ASN1_INTEGER_get_uint64(&theirs, TS_REQ_get_nonce(req)), 1);
	assert_true(theirs == ours);
	/* SHA-256 of «abc», FIPS 180-4 */
	assert_memory_equal(ASN1_STRING_get0_data(TS_MSG_IMPRINT_get_msg(TS_REQ_get_msg_imprint(req))),
			    "\xba\x78\x16\xbf\x8f\x01\xcf\xea\x41\x41\x40\xde\x5d\xae\x22\x23"
			    "\xb0\x03\x61\xa3\x96\x17\x7a\x9c\xb4\x10\xff\x61\xf2\x00\x15\xad",
			    32);
	TS_REQ_free(req);
	buf_free(&der);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_row), cmocka_unit_test(nonces),	    cmocka_unit_test(answers),
		cmocka_unit_test(damaged),  cmocka_unit_test(changed_time), cmocka_unit_test(request),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
