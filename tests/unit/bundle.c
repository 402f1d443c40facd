/* SPDX-License-Identifier: Apache-2.0 */
#include "sign/bundle.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/limits.h"

/* CN=a */
#define CERT                                                                                                           \
	"MIIBcDCCARWgAwIBAgIUQxiP7YyI80m3fpBxgs3+wjkY4d8wCgYIKoZIzj0EAwIwDDEKMAgGA1UEAwwBYTAgFw0yNjExMjEwMTMz"         \
	"MjlaGA8yMTI2MTAyODAxMzMyOVowDDEKMAgGA1UEAwwBYTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABKdn/642qnZpZg3d3iCb"         \
	"sthT7OPLsCifbwRJTWOSYeWY1ZS6yGkxMyHxvZWXau98aqdMGctzZ9Lal3RrE+BjPlOjUzBRMB0GA1UdDgQWBBQMljJtBL15JYjW"         \
	"r9zmDCJbNmy6qjAfBgNVHSMEGDAWgBQMljJtBL15JYjWr9zmDCJbNmy6qjAPBgNVHRMBAf8EBTADAQH/MAoGCCqGSM49BAMCA0kA"         \
	"MEYCIQDtlgC+5oHVfbZnBzZxpetbcNEQigkgRdy8Q4eJleJaggIhANcyk0hnKKVPOm06wMXTzCKI8/kAOT1kzdcMRCkjH4Lq"

#define TYPE(text) "\"mediaType\":\"" text "\","
#define V3 TYPE("application/vnd.dev.sigstore.bundle.v0.3+json")
#define HINT "\"publicKey\":{\"hint\":\"ab\"}"
#define SINGLE "\"certificate\":{\"rawBytes\":\"" CERT "\"}"
#define CHAIN "\"x509CertificateChain\":{\"certificates\":[{\"rawBytes\":\"" CERT "\"},{\"rawBytes\":\"" CERT "\"}]}"
#define PAYLOAD "\"payload\":\"e30=\","
#define PAYLOAD_TYPE "\"payloadType\":\"application/vnd.in-toto+json\","
#define SIGNATURE "\"signatures\":[{\"sig\":\"c2ln\"}]"
#define ENVELOPE "\"dsseEnvelope\":{" PAYLOAD PAYLOAD_TYPE SIGNATURE "}"
#define DIGEST "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ="
#define MESSAGE                                                                                                        \
	"\"messageSignature\":{\"messageDigest\":{\"algorithm\":\"SHA2_256\",\"digest\":\"" DIGEST                     \
	"\"},\"signature\":\"c2ln\"}"
#define WITH(material, content) "{" V3 "\"verificationMaterial\":{" material "}," content "}"
#define ENTRY_HEAD "\"logId\":{\"keyId\":\"a2V5\"},\"kindVersion\":{\"kind\":\"dsse\",\"version\":\"0.0.1\"}"
#define ENTRY(more) WITH(HINT ",\"tlogEntries\":[{" ENTRY_HEAD "," more "}]", ENVELOPE)
#define STAMPS(list) WITH(HINT ",\"timestampVerificationData\":{\"rfc3161Timestamps\":[" list "]}", ENVELOPE)
#define STAMP(text) "{\"signedTimestamp\":\"" text "\"}"

static const struct {
	const char *name;
	const char *text;
	coffer_err err;
	const char *why;
} cases[] = {
	{"hint", WITH(HINT, ENVELOPE), COFFER_OK, ""},
	{"no hint", WITH("\"publicKey\":{}", ENVELOPE), COFFER_OK, ""},
	{"key itself",
	 WITH("\"publicKey\":{\"rawBytes\":\"cGVt\",\"keyDetails\":\"PKIX_ECDSA_P256_SHA_256\"}", ENVELOPE), COFFER_OK,
	 ""},
	{"certificate", WITH(SINGLE, ENVELOPE), COFFER_OK, ""},
	{"chain", WITH(CHAIN, ENVELOPE), COFFER_OK, ""},
	{"message", WITH(HINT, MESSAGE), COFFER_OK, ""},
	{"message without its digest", WITH(HINT, "\"messageSignature\":{\"signature\":\"c2ln\"}"), COFFER_OK, ""},
	{"null is absent",
	 WITH(HINT ",\"certificate\":null,\"tlogEntries\":null,\"timestampVerificationData\":null",
	      ENVELOPE ",\"messageSignature\":null"),
	 COFFER_OK, ""},
	{"members that nobody knows", WITH(HINT ",\"x\":[1.5]", ENVELOPE ",\"y\":{\"z\":-1}"), COFFER_OK, ""},
	{"empty lists",
	 WITH(HINT ",\"tlogEntries\":[],\"timestampVerificationData\":{\"rfc3161Timestamps\":[]}", ENVELOPE), COFFER_OK,
	 ""},
	{"no timestamps", WITH(HINT ",\"timestampVerificationData\":{}", ENVELOPE), COFFER_OK, ""},
	{"keyid null",
	 WITH(HINT, "\"dsseEnvelope\":{" PAYLOAD PAYLOAD_TYPE "\"signatures\":[{\"sig\":\"c2ln\",\"keyid\":null}]}"),
	 COFFER_OK, ""},
	{"keyid",
	 WITH(HINT, "\"dsseEnvelope\":{" PAYLOAD PAYLOAD_TYPE "\"signatures\":[{\"sig\":\"c2ln\",\"keyid\":\"x\"}]}"),
	 COFFER_OK, ""},
	/* the document */
	{"nothing", "", COFFER_E_FORMAT, "not JSON"},
	{"an array", "[]", COFFER_E_FORMAT, "no mediaType"},
	{"two", WITH(HINT, ENVELOPE) "{}", COFFER_E_FORMAT, "not JSON"},
	{"a byte order mark", "\xef\xbb\xbf" WITH(HINT, ENVELOPE), COFFER_E_FORMAT, "not JSON"},
	{"a member twice", "{" V3 V3 "\"verificationMaterial\":{" HINT "}," ENVELOPE "}", COFFER_E_FORMAT, "duplicate"},
	{"a member twice, deeper", WITH("\"publicKey\":{\"hint\":\"a\",\"hint\":\"a\"}", ENVELOPE), COFFER_E_FORMAT,
	 "duplicate"},
	{"half a pair", WITH("\"publicKey\":{\"hint\":\"\\ud800\"}", ENVELOPE), COFFER_E_FORMAT, "not JSON"},
	{"no media type", "{\"verificationMaterial\":{" HINT "}," ENVELOPE "}", COFFER_E_FORMAT, "no mediaType"},
	{"a media type that is a number", "{\"mediaType\":3,\"verificationMaterial\":{" HINT "}," ENVELOPE "}",
	 COFFER_E_FORMAT, "no mediaType"},
	{"another version",
	 "{" TYPE("application/vnd.dev.sigstore.bundle.v0.4+json") "\"verificationMaterial\":{" HINT "}," ENVELOPE "}",
	 COFFER_E_UNSUPPORTED, "v0.4"},
	/* the material */
	{"none", "{" V3 ENVELOPE "}", COFFER_E_FORMAT, "«verificationMaterial»"},
	{"none of them", WITH("", ENVELOPE), COFFER_E_FORMAT, "not exactly one of publicKey"},
	{"two of them", WITH(HINT "," SINGLE, ENVELOPE), COFFER_E_FORMAT, "not exactly one of publicKey"},
	{"all of them", WITH(HINT "," SINGLE "," CHAIN, ENVELOPE), COFFER_E_FORMAT, "not exactly one of publicKey"},
	{"text", WITH("\"publicKey\":\"ab\"", ENVELOPE), COFFER_E_FORMAT, "«publicKey»"},
	{"a hint that is a number", WITH("\"publicKey\":{\"hint\":1}", ENVELOPE), COFFER_E_FORMAT, "«hint»"},
	{"a hint with a control character", WITH("\"publicKey\":{\"hint\":\"\\u001b[31m\"}", ENVELOPE), COFFER_E_FORMAT,
	 "«hint»"},
	{"an empty chain", WITH("\"x509CertificateChain\":{\"certificates\":[]}", ENVELOPE), COFFER_E_FORMAT,
	 "has no certificate"},
	{"no chain", WITH("\"x509CertificateChain\":{}", ENVELOPE), COFFER_E_FORMAT, "has no certificate"},
	{"an empty certificate", WITH("\"certificate\":{\"rawBytes\":\"\"}", ENVELOPE), COFFER_E_FORMAT, "«rawBytes»"},
	{"no certificate", WITH("\"certificate\":{}", ENVELOPE), COFFER_E_FORMAT, "«rawBytes»"},
	{"something else", WITH("\"certificate\":{\"rawBytes\":\"MAA=\"}", ENVELOPE), COFFER_E_FORMAT, "certificate"},
	{"a certificate and a byte", WITH("\"certificate\":{\"rawBytes\":\"" CERT "AA==\"}", ENVELOPE), COFFER_E_FORMAT,
	 "certificate"},
	/* base64 */
	{"a line end", WITH(HINT, "\"dsseEnvelope\":{\"payload\":\"e30=\\n\"," PAYLOAD_TYPE SIGNATURE "}"),
	 COFFER_E_FORMAT, "«payload» is not base64"},
	{"no padding", WITH(HINT, "\"dsseEnvelope\":{\"payload\":\"e30\"," PAYLOAD_TYPE SIGNATURE "}"), COFFER_E_FORMAT,
	 "«payload» is not base64"},
	{"the other alphabet",
	 WITH(HINT, "\"dsseEnvelope\":{" PAYLOAD PAYLOAD_TYPE "\"signatures\":[{\"sig\":\"c2-_\"}]}"), COFFER_E_FORMAT,
	 "«sig» is not base64"},
	{"spare bits", WITH(HINT, "\"dsseEnvelope\":{\"payload\":\"e31=\"," PAYLOAD_TYPE SIGNATURE "}"),
	 COFFER_E_FORMAT, "«payload» is not base64"},
	/* the content */
	{"no content", WITH(HINT, "\"x\":1"), COFFER_E_FORMAT, "not exactly one of dsseEnvelope"},
	{"both contents", WITH(HINT, ENVELOPE "," MESSAGE), COFFER_E_FORMAT, "not exactly one of dsseEnvelope"},
	{"no payload", WITH(HINT, "\"dsseEnvelope\":{" PAYLOAD_TYPE SIGNATURE "}"), COFFER_E_FORMAT, "«payload»"},
	{"an empty payload", WITH(HINT, "\"dsseEnvelope\":{\"payload\":\"\"," PAYLOAD_TYPE SIGNATURE "}"),
	 COFFER_E_FORMAT, "«payload»"},
	{"no payload type", WITH(HINT, "\"dsseEnvelope\":{" PAYLOAD SIGNATURE "}"), COFFER_E_FORMAT, "«payloadType»"},
	{"no signatures", WITH(HINT, "\"dsseEnvelope\":{" PAYLOAD PAYLOAD_TYPE "\"signatures\":[]}"), COFFER_E_FORMAT,
	 "0 signatures"},
	{"no list of signatures", WITH(HINT, "\"dsseEnvelope\":{\"payloadType\":\"t\",\"payload\":\"e30=\"}"),
	 COFFER_E_FORMAT, "0 signatures"},
	{"two signatures",
	 WITH(HINT,
	      "\"dsseEnvelope\":{" PAYLOAD PAYLOAD_TYPE "\"signatures\":[{\"sig\":\"c2ln\"},{\"sig\":\"c2ln\"}]}"),
	 COFFER_E_FORMAT, "2 signatures"},
	{"an empty signature", WITH(HINT, "\"dsseEnvelope\":{" PAYLOAD PAYLOAD_TYPE "\"signatures\":[{\"sig\":\"\"}]}"),
	 COFFER_E_FORMAT, "«sig»"},
	{"a keyid that is a number",
	 WITH(HINT, "\"dsseEnvelope\":{" PAYLOAD PAYLOAD_TYPE "\"signatures\":[{\"sig\":\"c2ln\",\"keyid\":1}]}"),
	 COFFER_E_FORMAT, "«keyid»"},
	{"no signature of a message", WITH(HINT, "\"messageSignature\":{}"), COFFER_E_FORMAT, "«signature»"},
	{"another hash",
	 WITH(HINT, "\"messageSignature\":{\"messageDigest\":{\"algorithm\":\"SHA3_256\",\"digest\":\"" DIGEST
		    "\"},\"signature\":\"c2ln\"}"),
	 COFFER_E_UNSUPPORTED, "messageDigest"},
	{"a digest of another length",
	 WITH(HINT, "\"messageSignature\":{\"messageDigest\":{\"algorithm\":\"SHA2_512\",\"digest\":\"" DIGEST
		    "\"},\"signature\":\"c2ln\"}"),
	 COFFER_E_FORMAT, "«digest»"},
	{"no digest",
	 WITH(HINT, "\"messageSignature\":{\"messageDigest\":{\"algorithm\":\"SHA2_256\"},\"signature\":\"c2ln\"}"),
	 COFFER_E_FORMAT, "«digest»"},
	/* log entries */
	{"the least", ENTRY("\"x\":1"), COFFER_OK, ""},
	{"plain numbers", ENTRY("\"logIndex\":5,\"integratedTime\":\"6\""), COFFER_OK, ""},
	{"the largest", ENTRY("\"logIndex\":\"9223372036854775807\""), COFFER_OK, ""},
	{"past the largest", ENTRY("\"logIndex\":\"9223372036854775808\""), COFFER_E_FORMAT, "«logIndex»"},
	{"negative", ENTRY("\"logIndex\":\"-1\""), COFFER_E_FORMAT, "«logIndex»"},
	{"negative number", ENTRY("\"logIndex\":-1"), COFFER_E_FORMAT, "«logIndex»"},
	{"a zero before it", ENTRY("\"integratedTime\":\"01\""), COFFER_E_FORMAT, "«integratedTime»"},
	{"a fraction", ENTRY("\"integratedTime\":1.5"), COFFER_E_FORMAT, "«integratedTime»"},
	{"negative in a proof", ENTRY("\"inclusionProof\":{\"treeSize\":\"-1\"}"), COFFER_E_FORMAT, "«treeSize»"},
	{"an entry that is text", WITH(HINT ",\"tlogEntries\":[\"x\"]", ENVELOPE), COFFER_E_FORMAT, "no object"},
	{"entries that are none", WITH(HINT ",\"tlogEntries\":{}", ENVELOPE), COFFER_E_FORMAT, "«tlogEntries»"},
	{"no log",
	 WITH(HINT ",\"tlogEntries\":[{\"kindVersion\":{\"kind\":\"dsse\",\"version\":\"0.0.1\"}}]", ENVELOPE),
	 COFFER_E_FORMAT, "«logId»"},
	{"no kind", WITH(HINT ",\"tlogEntries\":[{\"logId\":{\"keyId\":\"a2V5\"}}]", ENVELOPE), COFFER_E_FORMAT,
	 "«kindVersion»"},
	{"a long kind",
	 WITH(HINT ",\"tlogEntries\":[{\"logId\":{\"keyId\":\"a2V5\"},"
		   "\"kindVersion\":{\"kind\":\"0123456789012345678901234567890123456789\",\"version\":\"0.0.1\"}}]",
	      ENVELOPE),
	 COFFER_E_FORMAT, "«kind»"},
	{"a promise that is text", ENTRY("\"inclusionPromise\":\"c2V0\""), COFFER_E_FORMAT, "«inclusionPromise»"},
	{"a hash that is none", ENTRY("\"inclusionProof\":{\"hashes\":[\"x\"]}"), COFFER_E_FORMAT, "«hashes»"},
	{"a checkpoint of nothing", ENTRY("\"inclusionProof\":{\"checkpoint\":{}}"), COFFER_E_FORMAT, "checkpoint"},
	/* timestamps */
	{"two", STAMPS(STAMP("MAA=") "," STAMP("MAE=")), COFFER_OK, ""},
	{"one twice", STAMPS(STAMP("MAA=") "," STAMP("MAA=")), COFFER_E_FORMAT, "there twice"},
	{"an empty one", STAMPS(STAMP("")), COFFER_E_FORMAT, "«signedTimestamp»"},
	{"with a line end", STAMPS(STAMP("MAA=\\n")), COFFER_E_FORMAT, "«signedTimestamp» is not base64"},
	{"text", STAMPS("\"MAA=\""), COFFER_E_FORMAT, "«signedTimestamp»"},
};

static void
test_cases(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fault f = {.text = ""};
		struct bundle b;
		coffer_err err;

		bundle_init(&b);
		err = bundle_parse(&f, "the signature m.sig", view_str(cases[i].text), &b);
		if (err != cases[i].err || !strstr(f.text, cases[i].why))
			fail_msg("%s: %s: %s", cases[i].name, coffer_err_name(err), f.text);
		if (err != COFFER_OK)
			assert_true(strstr(f.text, "the signature m.sig") && !b.payload.p && !b.certs.n);
		bundle_free(&b);
	}
}

static const struct {
	const char *type;
	unsigned int version;
	coffer_err oms;
} versions[] = {
	{"application/vnd.dev.sigstore.bundle.v0.3+json", 3, COFFER_OK},
	{"application/vnd.dev.sigstore.bundle+json;version=0.3", 3, COFFER_OK},
	{"application/vnd.dev.sigstore.bundle+json;version=0.2", 2, COFFER_E_UNSUPPORTED},
	{"application/vnd.dev.sigstore.bundle+json;version=0.1", 1, COFFER_E_UNSUPPORTED},
};

static void
test_versions(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++) {
		char text[1000];
		struct bundle b;

		bundle_init(&b);
		(void)snprintf(text, sizeof(text),
			       "{\"mediaType\":\"%s\",\"verificationMaterial\":{" HINT "}," ENVELOPE "}",
			       versions[i].type);
		assert_int_equal(bundle_parse(NULL, "it", view_str(text), &b), COFFER_OK);
		assert_int_equal(b.version, versions[i].version);
		assert_int_equal(bundle_require_oms(NULL, &b), versions[i].oms);
		bundle_free(&b);
	}
}

static const struct {
	const char *text;
	coffer_err err;
} oms[] = {
	{WITH(CHAIN, ENVELOPE), COFFER_OK},
	{WITH(HINT, MESSAGE), COFFER_E_UNSUPPORTED},
	{WITH(HINT, "\"dsseEnvelope\":{" PAYLOAD "\"payloadType\":\"text/plain\"," SIGNATURE "}"),
	 COFFER_E_UNSUPPORTED},
	{WITH(SINGLE, ENVELOPE), COFFER_E_FORMAT},
	{WITH(SINGLE ",\"tlogEntries\":[{" ENTRY_HEAD "}]", ENVELOPE), COFFER_OK},
};

static void
test_require_oms(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(oms) / sizeof(oms[0]); i++) {
		struct bundle b;

		bundle_init(&b);
		assert_int_equal(bundle_parse(NULL, "it", view_str(oms[i].text), &b), COFFER_OK);
		assert_int_equal(bundle_require_oms(NULL, &b), oms[i].err);
		bundle_free(&b);
	}
}

/* as bundle_write() has it, so that the text comes back byte for byte */
#define FULL_ENTRY                                                                                                     \
	"{\"logIndex\":\"7\",\"logId\":{\"keyId\":\"a2V5\"},\"kindVersion\":{\"kind\":\"dsse\",\"version\":\"0.0.1\"}" \
	","                                                                                                            \
	"\"integratedTime\":\"1746234602\",\"inclusionPromise\":{\"signedEntryTimestamp\":\"c2V0\"},"                  \
	"\"inclusionProof\":{\"logIndex\":\"3\",\"rootHash\":\"cm9vdA==\",\"treeSize\":\"4\","                         \
	"\"hashes\":[\"aDE=\",\"aDI=\"],\"checkpoint\":{\"envelope\":\"origin\\u000a4\\u000aroot\\u000a\"}},"          \
	"\"canonicalizedBody\":\"Ym9keQ==\"}"
#define FULL_STAMPS "\"timestampVerificationData\":{\"rfc3161Timestamps\":[" STAMP("MAA=") "," STAMP("MAE=") "]}"
#define WRITTEN_ENVELOPE "\"dsseEnvelope\":{" PAYLOAD PAYLOAD_TYPE "\"signatures\":[{\"sig\":\"c2ln\",\"keyid\":\"\"}]}"

static const char *const written[] = {
	WITH(HINT ",\"tlogEntries\":[]", WRITTEN_ENVELOPE),
	WITH(CHAIN ",\"tlogEntries\":[]," FULL_STAMPS, WRITTEN_ENVELOPE),
	WITH(SINGLE ",\"tlogEntries\":[" FULL_ENTRY "]," FULL_STAMPS, WRITTEN_ENVELOPE),
	WITH(SINGLE ",\"tlogEntries\":[{\"logIndex\":\"0\"," ENTRY_HEAD ",\"canonicalizedBody\":\"\"}]", MESSAGE),
};

static void
test_write(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(written) / sizeof(written[0]); i++) {
		struct buf out = BUF_INIT(10000);
		struct bundle b;

		bundle_init(&b);
		assert_int_equal(bundle_parse(NULL, "it", view_str(written[i]), &b), COFFER_OK);
		assert_int_equal(bundle_write(NULL, &b, &out), COFFER_OK);
		assert_int_equal(out.len, strlen(written[i]) + 1);
		assert_memory_equal(out.p, written[i], out.len - 1);
		assert_int_equal(out.p[out.len - 1], '\n');
		bundle_free(&b);
		buf_free(&out);
	}
}

static void
test_content(void **state)
{
	const struct tlog_entry *e;
	struct buf out = BUF_INIT(1000);
	struct bundle b;

	(void)state;
	bundle_init(&b);
	assert_int_equal(bundle_parse(NULL, "it", view_str(written[2]), &b), COFFER_OK);
	assert_int_equal(b.material, BUNDLE_CERTIFICATE);
	assert_int_equal(b.certs.n, 1);
	assert_int_equal(b.content, BUNDLE_DSSE);
	assert_string_equal(b.payload_type, DSSE_IN_TOTO);
	assert_true(b.payload.len == 2 && memcmp(b.payload.p, "{}", 2) == 0);
	assert_true(b.signature.len == 3 && memcmp(b.signature.p, "sig", 3) == 0);
	assert_true(b.n_timestamps == 2 && b.timestamps[1].len == 2 && b.timestamps[1].p[1] == 1);
	assert_int_equal(b.n_entries, 1);
	e = &b.entries[0];
	assert_true(e->log_index == 7 && e->integrated_time == 1746234602);
	assert_true(e->has_proof && e->proof_index == 3 && e->tree_size == 4);
	assert_true(e->n_hashes == 2 && e->hashes[1].len == 2 && memcmp(e->hashes[1].p, "h2", 2) == 0);
	assert_true(memcmp(e->key_id.p, "key", 3) == 0 && memcmp(e->promise.p, "set", 3) == 0);
	assert_true(memcmp(e->root.p, "root", 4) == 0 && memcmp(e->body.p, "body", 4) == 0);
	assert_string_equal(e->checkpoint, "origin\n4\nroot\n");
	assert_string_equal(e->kind, "dsse");
	assert_string_equal(e->version, "0.0.1");
	assert_int_equal(dsse_write(NULL, &b, &out), COFFER_OK);
	assert_int_equal(buf_add(NULL, &out, "", 1), COFFER_OK);
	assert_string_equal((char *)out.p,
			    "{" PAYLOAD PAYLOAD_TYPE "\"signatures\":[{\"sig\":\"c2ln\",\"keyid\":\"\"}]}\n");
	bundle_free(&b);
	buf_free(&out);
	bundle_free(&b);

	assert_int_equal(bundle_parse(NULL, "it", view_str(written[3]), &b), COFFER_OK);
	assert_int_equal(b.content, BUNDLE_MESSAGE);
	assert_true(b.has_digest && b.digest_kind == DIGEST_SHA256 && b.digest[0] == 0x2c && b.digest[31] == 0x24);
	assert_false(b.entries[0].has_proof || b.entries[0].checkpoint || b.entries[0].promise.len);
	bundle_free(&b);

	assert_int_equal(bundle_parse(NULL, "it",
				      view_str(WITH("\"publicKey\":{\"hint\":\"\",\"rawBytes\":\"cGVt\"}", ENVELOPE)),
				      &b),
			 COFFER_OK);
	assert_null(b.key_hint);
	assert_true(b.key_raw.len == 3 && memcmp(b.key_raw.p, "pem", 3) == 0);
	bundle_free(&b);
}

static void
test_write_incomplete(void **state)
{
	struct buf out = BUF_INIT(1000);
	struct bundle b;

	(void)state;
	bundle_init(&b);
	assert_int_equal(bundle_write(NULL, &b, &out), COFFER_E_INTERNAL);
	assert_int_equal(bundle_parse(NULL, "it", view_str(WITH("\"publicKey\":{}", ENVELOPE)), &b), COFFER_OK);
	assert_int_equal(bundle_write(NULL, &b, &out), COFFER_E_INTERNAL);
	b.key_hint = strdup("ab");
	assert_int_equal(bundle_write(NULL, &b, &out), COFFER_OK);
	b.material = BUNDLE_CHAIN;
	assert_int_equal(bundle_write(NULL, &b, &out), COFFER_E_INTERNAL);
	b.material = BUNDLE_PUBLIC_KEY;
	b.signature.len = 0;
	assert_int_equal(bundle_write(NULL, &b, &out), COFFER_E_INTERNAL);
	bundle_free(&b);
	buf_free(&out);
}

/* «{"mediaType":…,"tlogEntries":[@element, @element, …]}» */
static coffer_err
parse_many(const char *before, const char *element, size_t n, const char *after, struct fault *f)
{
	struct buf text = BUF_INIT((size_t)1 << 20);
	struct bundle b;
	coffer_err err;

	assert_int_equal(buf_str(NULL, &text, before), COFFER_OK);
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(buf_str(NULL, &text, i == 0 ? "" : ","), COFFER_OK);
		assert_int_equal(buf_str(NULL, &text, element), COFFER_OK);
	}
	assert_int_equal(buf_str(NULL, &text, after), COFFER_OK);
	bundle_init(&b);
	err = bundle_parse(f, "it", buf_view(&text), &b);
	bundle_free(&b);
	buf_free(&text);
	return err;
}

static const struct {
	const char *before, *element, *after;
	size_t max;
	const char *why;
} ceilings[] = {
	{"{" V3 "\"verificationMaterial\":{" HINT ",\"tlogEntries\":[", "{" ENTRY_HEAD "}", "]}," ENVELOPE "}",
	 LIMIT_TLOG_ENTRIES, "«tlogEntries»"},
	{"{" V3 "\"verificationMaterial\":{" HINT ",\"tlogEntries\":[{" ENTRY_HEAD ",\"inclusionProof\":{\"hashes\":[",
	 "\"\"", "]}}]}," ENVELOPE "}", LIMIT_PROOF_HASHES, "«hashes»"},
	{"{" V3 "\"verificationMaterial\":{\"x509CertificateChain\":{\"certificates\":[", "{\"rawBytes\":\"" CERT "\"}",
	 "]}}," ENVELOPE "}", LIMIT_CERTS, "«certificates»"},
	/* with the commas between, a byte less and a byte more than it may have */
	{"{" V3 "\"verificationMaterial\":{" HINT ",\"tlogEntries\":[{" ENTRY_HEAD
	 ",\"inclusionProof\":{\"checkpoint\":{\"envelope\":\"",
	 "x", "\"}}}]}," ENVELOPE "}", LIMIT_CHECKPOINT / 2, "«checkpoint»"},
};

static void
test_ceilings(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(ceilings) / sizeof(ceilings[0]); i++) {
		struct fault f = {.text = ""};

		assert_int_equal(
			parse_many(ceilings[i].before, ceilings[i].element, ceilings[i].max, ceilings[i].after, &f),
			COFFER_OK);
		assert_int_equal(
			parse_many(ceilings[i].before, ceilings[i].element, ceilings[i].max + 1, ceilings[i].after, &f),
			COFFER_E_FORMAT);
		assert_non_null(strstr(f.text, ceilings[i].why));
	}
}

static void
test_many_timestamps(void **state)
{
	struct bundle b;
	uint8_t response[2] = {0x30, 0};

	(void)state;
	bundle_init(&b);
	for (uint8_t i = 0; i < LIMIT_TIMESTAMPS; i++) {
		response[1] = i;
		assert_int_equal(bundle_add_timestamp(NULL, &b, view_of(response, 2)), COFFER_OK);
	}
	assert_int_equal(bundle_add_timestamp(NULL, &b, view_of(response, 1)), COFFER_E_FORMAT);
	assert_int_equal(b.n_timestamps, LIMIT_TIMESTAMPS);
	bundle_free(&b);
}

static void
test_many_entries(void **state)
{
	struct bundle b;
	struct tlog_entry e;

	(void)state;
	bundle_init(&b);
	tlog_entry_init(&e);
	for (size_t i = 0; i < LIMIT_TLOG_ENTRIES; i++) {
		assert_int_equal(buf_str(NULL, &e.body, "body"), COFFER_OK);
		assert_int_equal(bundle_add_entry(NULL, &b, &e), COFFER_OK);
		assert_true(b.entries[i].body.len == 4 && e.body.len == 0);
	}
	assert_int_equal(buf_str(NULL, &e.body, "body"), COFFER_OK);
	assert_int_equal(bundle_add_entry(NULL, &b, &e), COFFER_E_FORMAT);
	assert_null(e.body.p);
	assert_int_equal(b.n_entries, LIMIT_TLOG_ENTRIES);
	bundle_free(&b);
}

/* refused before a byte is read: there are none */
static void
test_too_large(void **state)
{
	struct fault f = {.text = ""};
	struct bundle b;

	(void)state;
	bundle_init(&b);
	assert_int_equal(bundle_parse(&f, "m.sig", view_of("{}", (size_t)LIMIT_BUNDLE + 1), &b), COFFER_E_FORMAT);
	assert_string_equal(f.text, "m.sig is 134217729 bytes; a signature has at most 134217728");
	bundle_free(&b);
}

/* nor is one written that would not be read */
static void
test_write_too_large(void **state)
{
	struct buf out = BUF_INIT((size_t)LIMIT_BUNDLE * 2);
	struct fault f = {.text = ""};
	struct bundle b;

	(void)state;
	bundle_init(&b);
	assert_int_equal(bundle_parse(NULL, "it", view_str(WITH(HINT, ENVELOPE)), &b), COFFER_OK);
	b.payload.len = 0;
	assert_int_equal(buf_reserve(NULL, &b.payload, LIMIT_BUNDLE / 4 * 3), COFFER_OK);
	b.payload.len = LIMIT_BUNDLE / 4 * 3;
	assert_int_equal(bundle_write(&f, &b, &out), COFFER_E_USAGE);
	assert_non_null(strstr(f.text, "larger shards"));
	bundle_free(&b);
	buf_free(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),		cmocka_unit_test(test_versions),
		cmocka_unit_test(test_require_oms),	cmocka_unit_test(test_write),
		cmocka_unit_test(test_content),		cmocka_unit_test(test_write_incomplete),
		cmocka_unit_test(test_ceilings),	cmocka_unit_test(test_many_timestamps),
		cmocka_unit_test(test_many_entries),	cmocka_unit_test(test_too_large),
		cmocka_unit_test(test_write_too_large),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
