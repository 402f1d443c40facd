/* SPDX-License-Identifier: Apache-2.0 */
#include "data/xml.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/buf.h"
#include "support/text.h"

#define D4 "<a><a><a><a>"
#define E4 "</a></a></a></a>"
#define NAME64 "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijkl"

/* what is read, as «path=text;» one after the other */
static const struct {
	const char *text, *read;
} good[] = {
	{"<a/>", "a=;"},
	{"<a></a>", "a=;"},
	{" \r\n<a>x</a>\n ", "a=x;"},
	{"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<a>x</a>", "a=x;"},
	/* Amazon S3 keeps a connection alive with white space while it completes an upload */
	{"   <?xml version=\"1.0\"?><a>x</a>", "a=x;"},
	{"<a><b>1</b><c>2</c></a>", "a/b=1;a/c=2;a=;"},
	{"<a>\n  <b>1</b>\n  <b>2</b>\n</a>", "a/b=1;a/b=2;a=;"},
	{"<a>x<b/>y</a>", "a/b=;a=;"},
	{"<a> x y </a>", "a= x y ;"},
	{"<a xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\" b='\">' ><c/></a >", "a/c=;a=;"},
	{"<x:a-1.2_b>t</x:a-1.2_b>", "x:a-1.2_b=t;"},
	{"<a>&lt;&gt;&amp;&quot;&apos;&#65;&#x42;&#xe9;&#x20ac;&#x1F511;</a>",
	 "a=<>&\"'AB\xc3\xa9\xe2\x82\xac\xf0\x9f\x94\x91;"},
	{"<a>&amp;lt;</a>", "a=&lt;;"},
	{"<a>\xc3\xa9</a>", "a=\xc3\xa9;"},
	{"<!-- 1 --> <!-- <b> --><a>x<!-- </a> -->y</a><!-- 2 -->", "a=xy;"},
	{"<a>]></a>", "a=]>;"},
	{D4 D4 D4 "<a><a><a><b>t</b></a></a></a>" E4 E4 E4,
	 "a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/b=t;a/a/a/a/a/a/a/a/a/a/a/a/a/a/a=;a/a/a/a/a/a/a/a/a/a/a/a/a/a=;"
	 "a/a/a/a/a/a/a/a/a/a/a/a/a=;a/a/a/a/a/a/a/a/a/a/a/a=;a/a/a/a/a/a/a/a/a/a/a=;a/a/a/a/a/a/a/a/a/a=;"
	 "a/a/a/a/a/a/a/a/a=;a/a/a/a/a/a/a/a=;a/a/a/a/a/a/a=;a/a/a/a/a/a=;a/a/a/a/a=;a/a/a/a=;a/a/a=;a/a=;a=;"},
};

static const char *const refused[] = {
	"",
	" ",
	"x",
	"<",
	"<a",
	"<a>",
	"<a>x",
	"<a></b>",
	"<a></aa>",
	"<a><b></a></b>",
	"<a></a",
	"<a/><b/>",
	"<a/>x",
	"x<a/>",
	"</a>",
	"<1a/>",
	"<a b/>",
	"<a b=c/>",
	"<a b='c/>",
	"<a b='c'd='e'/>",
	"<a b=\"c'/>",
	"< a/>",
	"<a / >",
	"<a>&b;</a>",
	"<a>&</a>",
	"<a>&lt</a>",
	"<a>&#;</a>",
	"<a>&#x;</a>",
	"<a>&#0;</a>",
	"<a>&#8;</a>",
	"<a>&#xd800;</a>",
	"<a>&#x110000;</a>",
	"<a>&#xfffe;</a>",
	"<a>&#x100000041;</a>",
	"<a>&#65</a>",
	"<a>&#-1;</a>",
	"<a>\x01</a>",
	"<a>\xff</a>",
	"<a>\xc3</a>",
	"<\xc3\xa9/>",
	"<a><![CDATA[x]]></a>",
	"<a><?php x ?></a>",
	"<?xml version=\"1.0\"",
	"<!DOCTYPE a><a/>",
	"<!DOCTYPE a [<!ENTITY x \"y\">]><a>&x;</a>",
	"<a><!-- </a>",
	"<!-- <a/>",
	D4 D4 D4 D4 "<a/>" E4 E4 E4 E4,
	"<" NAME64 "><" NAME64 "><" NAME64 "><" NAME64 "/></" NAME64 "></" NAME64 "></" NAME64 ">",
};

static coffer_err
note(void *arg, struct fault *f, const char *path, struct view text)
{
	struct buf *out = arg;

	assert_int_equal(buf_str(f, out, path), COFFER_OK);
	assert_int_equal(buf_str(f, out, "="), COFFER_OK);
	assert_int_equal(buf_add(f, out, text.p, text.len), COFFER_OK);
	return buf_str(f, out, ";");
}

static void
elements_and_their_text_are_read(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct buf out = BUF_INIT(4096);
		struct fault f = {.text = ""};

		if (xml_read(&f, "it", view_str(good[i].text), note, &out) != COFFER_OK)
			fail_msg("«%s»: %s", good[i].text, f.text);
		assert_int_equal(buf_add(NULL, &out, "", 1), COFFER_OK);
		assert_string_equal((const char *)out.p, good[i].read);
		buf_free(&out);
	}
}

static void
all_else_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		struct buf out = BUF_INIT(65536);
		struct fault f = {.text = ""};

		if (xml_read(&f, "it", view_str(refused[i]), note, &out) != COFFER_E_FORMAT)
			fail_msg("«%s» was taken", refused[i]);
		assert_memory_equal(f.text, "it is not XML as it should be: ", 31);
		buf_free(&out);
	}
	assert_int_equal(xml_read(NULL, "it", view_of("<a>\0</a>", 8), note, NULL), COFFER_E_FORMAT);
}

/* no part of a document is one */
static void
every_cut_is_refused(void **state)
{
	static const char text[] = "<?xml version=\"1.0\"?><a b=\"c\"><!-- d --><e>f&lt;&#65;</e></a>";

	(void)state;
	for (size_t len = 0; len < sizeof(text) - 1; len++) {
		struct buf out = BUF_INIT(4096);

		assert_int_equal(xml_read(NULL, "it", view_of(text, len), note, &out), COFFER_E_FORMAT);
		buf_free(&out);
	}
}

static coffer_err
refuse(void *arg, struct fault *f, const char *path, struct view text)
{
	(void)text;
	++*(int *)arg;
	return strcmp(path, "a/b") == 0 ? fault_set(f, COFFER_E_RANGE, "no %s", path) : COFFER_OK;
}

static void
an_error_ends_it(void **state)
{
	struct fault f = {.text = ""};
	int n = 0;

	(void)state;
	assert_int_equal(xml_read(&f, "it", view_str("<a><c/><b>1</b><d/></a>"), refuse, &n), COFFER_E_RANGE);
	assert_string_equal(f.text, "no a/b");
	assert_int_equal(n, 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(elements_and_their_text_are_read),
		cmocka_unit_test(all_else_is_refused),
		cmocka_unit_test(every_cut_is_refused),
		cmocka_unit_test(an_error_ends_it),
	};

	return cmocka_run_group_tests_name("xml", tests, NULL, NULL);
}
