/* SPDX-License-Identifier: Apache-2.0 */
/* Answers as the Amazon S3 API reference, moto and Swift's s3api write them, and some that nobody should. */
#include "net/s3_answer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/buf.h"
#include "support/text.h"

#define XML "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
#define NS " xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\""

static const struct {
	const char *text;
	const char *code, *words, *region;
} errors[] = {
	{XML "<Error><Code>NoSuchKey</Code><Message>The resource you requested does not exist</Message>"
	     "<Resource>/mybucket/myfoto.jpg</Resource><RequestId>4442587FB7D0A2F9</RequestId></Error>",
	 "NoSuchKey", "The resource you requested does not exist", ""},
	{"<?xml version='1.0' encoding='UTF-8'?>\n<Error><Code>NoSuchBucket</Code><Message>It&apos;s "
	 "&lt;gone&gt;</Message></Error>",
	 "NoSuchBucket", "It's <gone>", ""},
	{XML "<Error><Code>AuthorizationHeaderMalformed</Code><Message>m</Message><Region>eu-west-1</Region></Error>",
	 "AuthorizationHeaderMalformed", "m", "eu-west-1"},
	{XML "\n\n<Error><Code>InternalError</Code></Error>", "InternalError", "", ""},
	{XML "<Error><Code>A</Code><Message>one line\nanother</Message></Error>", "A", "one line", ""},
	{XML "<Error><Message>no code</Message></Error>", "", "no code", ""},
	{XML "<Error><Code>A\x1b[31m</Code></Error>", "", "", ""},
	{XML "<Error><Code>A&#10;B</Code></Error>", "", "", ""},
	{XML "<Error><Code>0123456789012345678901234567890123456789012345678901234567890123x</Code></Error>", "", "",
	 ""},
	{XML "<Error><Code>A</Code>", "", "", ""},
	{"<html>no</html>", "", "", ""},
	{"{\"error\":1}", "", "", ""},
	{"", "", "", ""},
};

static void
errors_are_taken_apart(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		struct s3_said said;
		bool is = s3_answer_error(view_str(errors[i].text), &said);

		if (is != (errors[i].code[0] != '\0'))
			fail_msg("%s", errors[i].text);
		assert_string_equal(said.code, errors[i].code);
		assert_string_equal(said.words, errors[i].words);
		assert_string_equal(said.region, errors[i].region);
	}
}

static void
long_words_are_cut_between_characters(void **state)
{
	char text[1024] = XML "<Error><Code>A</Code><Message>x";
	struct s3_said said;

	(void)state;
	for (int i = 0; i < 150; i++)
		APPEND(text, "\xc3\xa9");
	APPEND(text, "</Message></Error>");
	assert_true(s3_answer_error(view_str(text), &said));
	assert_int_equal(strlen(said.words), 199);
}

static void
an_upload_has_a_name(void **state)
{
	static const char *const nameless[] = {
		"<InitiateMultipartUploadResult/>",
		"<InitiateMultipartUploadResult><UploadId></UploadId></InitiateMultipartUploadResult>",
		"<Other><UploadId>x</UploadId></Other>",
		"<InitiateMultipartUploadResult><UploadId>x</UploadId></Other>",
		"",
	};
	char name[LIMIT_S3_UPLOAD + 1];

	(void)state;
	assert_int_equal(
		s3_answer_upload(NULL,
				 view_str(XML "<InitiateMultipartUploadResult" NS
					      "><Bucket>b</Bucket><Key>k</Key><UploadId>VXBsb2FkIElE</UploadId>"
					      "</InitiateMultipartUploadResult>"),
				 name),
		COFFER_OK);
	assert_string_equal(name, "VXBsb2FkIElE");
	for (size_t i = 0; i < sizeof(nameless) / sizeof(nameless[0]); i++) {
		assert_int_equal(s3_answer_upload(NULL, view_str(nameless[i]), name), COFFER_E_NET);
		assert_string_equal(name, "");
	}
}

#define OBJECT(key, size)                                                                                              \
	"<Contents><Key>" key "</Key><LastModified>2026-11-20T13:58:18.000Z</LastModified>"                            \
	"<ETag>&quot;fba9dede5f27731c9771645a39863328&quot;</ETag><Size>" size                                         \
	"</Size><StorageClass>STANDARD</StorageClass></Contents>"
#define LIST(inside) XML "<ListBucketResult" NS ">" inside "</ListBucketResult>"
#define UPLOADS(inside) XML "<ListMultipartUploadsResult" NS ">" inside "</ListMultipartUploadsResult>"

static const struct {
	const char *text;
	const char *items; /* «key size mtime upload;» one after the other; NULL: refused */
	const char *token, *upload;
} lists[] = {
	{LIST("<Name>b</Name><Prefix/><KeyCount>2</KeyCount><IsTruncated>false</IsTruncated>" OBJECT(
		 "a/b.txt", "434234") OBJECT("c &amp; d", "0")),
	 "a/b.txt 434234 1795183098 ;c & d 0 1795183098 ;", "", ""},
	{LIST("<IsTruncated>true</IsTruncated><NextContinuationToken>1ueGc+/=</NextContinuationToken>" OBJECT("a",
													      "1")),
	 "a 1 1795183098 ;", "1ueGc+/=", ""},
	/* what is said of all may come last */
	{LIST(OBJECT("a%20+%2B%2Fb%c3%A9", "1") "<EncodingType>url</EncodingType>"), "a  +/b\xc3\xa9 1 1795183098 ;",
	 "", ""},
	{LIST(OBJECT("a%20+", "1")), "a%20+ 1 1795183098 ;", "", ""},
	/* where it ends, a token means nothing */
	{LIST("<IsTruncated>false</IsTruncated><NextContinuationToken>x</NextContinuationToken>"), "", "", ""},
	{LIST(""), "", "", ""},
	{UPLOADS("<IsTruncated>true</IsTruncated><EncodingType>url</EncodingType><NextKeyMarker>p%2F1</NextKeyMarker>"
		 "<NextUploadIdMarker>u+1</NextUploadIdMarker><Upload><Key>p%2F1</Key><UploadId>u+1</UploadId>"
		 "<Initiator><ID>x</ID></Initiator><Initiated>2026-11-20T13:58:18Z</Initiated></Upload>"),
	 "p/1 0 1795183098 u+1;", "p/1", "u+1"},
	{"", NULL, "", ""},
	{"<Other/>", NULL, "", ""},
	{LIST("<IsTruncated>true</IsTruncated>"), NULL, "", ""},
	{LIST("<Contents><Size>1</Size></Contents>"), NULL, "", ""},
	{LIST(OBJECT("", "1")), NULL, "", ""},
	{LIST(OBJECT("a", "-1")), NULL, "", ""},
	{LIST(OBJECT("a", "")), NULL, "", ""},
	{LIST(OBJECT("a", "99999999999999999999")), NULL, "", ""},
	{LIST(OBJECT("a&#10;b", "1")), NULL, "", ""},
	{LIST("<EncodingType>url</EncodingType>" OBJECT("a%2", "1")), NULL, "", ""},
	{LIST("<EncodingType>url</EncodingType>" OBJECT("a%zz", "1")), NULL, "", ""},
	{LIST("<EncodingType>url</EncodingType>" OBJECT("a%00", "1")), NULL, "", ""},
	{LIST("<EncodingType>url</EncodingType>" OBJECT("a%ff", "1")), NULL, "", ""},
	{LIST("<Contents><Key>a</Key><LastModified>yesterday</LastModified></Contents>"), NULL, "", ""},
};

static coffer_err
note(void *arg, struct fault *f, const struct s3_item *item)
{
	char text[4 * S3_KEY_MAX];

	(void)f;
	(void)snprintf(text, sizeof(text), "%s %llu %lld %s;", item->key, (unsigned long long)item->object.size,
		       (long long)item->object.mtime, item->upload);
	return buf_str(NULL, arg, text);
}

static void
lists_are_read_in_pages(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		struct buf items = BUF_INIT(65536);
		struct fault f = {.text = ""};
		struct s3_page next;
		coffer_err err = s3_answer_list(&f, view_str(lists[i].text), &next, note, &items);

		if (err != (lists[i].items ? COFFER_OK : COFFER_E_NET))
			fail_msg("%s: %s", lists[i].text, f.text);
		assert_int_equal(buf_add(NULL, &items, "", 1), COFFER_OK);
		if (lists[i].items) {
			assert_string_equal((const char *)items.p, lists[i].items);
			assert_string_equal(next.token, lists[i].token);
			assert_string_equal(next.upload, lists[i].upload);
		}
		buf_free(&items);
	}
}

static coffer_err
refuse(void *arg, struct fault *f, const struct s3_item *item)
{
	(void)arg;
	return fault_set(f, COFFER_E_RANGE, "no %s", item->key);
}

static void
who_is_told_can_end_it(void **state)
{
	struct fault f = {.text = ""};
	struct s3_page next;

	(void)state;
	assert_int_equal(s3_answer_list(&f, view_str(LIST(OBJECT("a", "1") OBJECT("b", "1"))), &next, refuse, NULL),
			 COFFER_E_RANGE);
	assert_string_equal(f.text, "no a");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(errors_are_taken_apart), cmocka_unit_test(long_words_are_cut_between_characters),
		cmocka_unit_test(an_upload_has_a_name),	  cmocka_unit_test(lists_are_read_in_pages),
		cmocka_unit_test(who_is_told_can_end_it),
	};

	return cmocka_run_group_tests_name("s3_answer", tests, NULL, NULL);
}
