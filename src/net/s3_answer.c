/* SPDX-License-Identifier: Apache-2.0 */
#include "net/s3_answer.h"

#include <stdio.h>
#include <string.h>

#include "base/num.h"
#include "base/utc.h"
#include "base/utf8.h"
#include "data/xml.h"

/* ---- parts ---- */

/* @text with a NUL, if it fits and is fit to be shown; else nothing, and false */
static bool
copy(struct view text, char *out, size_t cap)
{
	bool fits = text.len < cap && utf8_is_text(text);

	if (fits && text.len > 0)
		memcpy(out, text.p, text.len);
	out[fits ? text.len : 0] = '\0';
	return fits;
}

/* The first so many bytes of words that may be longer, without cutting a character. */
static void
copy_words(struct view text, char *out, size_t cap)
{
	size_t len = 0;

	while (len < text.len) {
		uint32_t code;
		size_t one = utf8_char(view_of(text.p + len, text.len - len), &code);

		if (one == 0 || code < 0x20 || (code >= 0x7f && code < 0xa0) || len + one >= cap)
			break;
		len += one;
	}
	(void)copy(view_of(text.p, len), out, cap);
}

/* ---- errors ---- */

static coffer_err
error_element(void *arg, struct fault *f, const char *path, struct view text)
{
	struct s3_said *said = arg;

	(void)f;
	if (strcmp(path, "Error/Code") == 0)
		(void)copy(text, said->code, sizeof(said->code));
	else if (strcmp(path, "Error/Message") == 0)
		copy_words(text, said->words, sizeof(said->words));
	else if (strcmp(path, "Error/Region") == 0)
		(void)copy(text, said->region, sizeof(said->region));
	return COFFER_OK;
}

bool
s3_answer_error(struct view text, struct s3_said *out)
{
	*out = (struct s3_said){.code = ""};
	if (xml_read(NULL, "", text, error_element, out) != COFFER_OK)
		*out = (struct s3_said){.code = ""};
	return out->code[0] != '\0';
}

/* ---- an upload that begins ---- */

static coffer_err
upload_element(void *arg, struct fault *f, const char *path, struct view text)
{
	(void)f;
	if (strcmp(path, "InitiateMultipartUploadResult/UploadId") == 0)
		(void)copy(text, arg, LIMIT_S3_UPLOAD + 1);
	return COFFER_OK;
}

coffer_err
s3_answer_upload(struct fault *f, struct view text, char out[static LIMIT_S3_UPLOAD + 1])
{
	coffer_err err;

	out[0] = '\0';
	err = xml_read(NULL, "", text, upload_element, out);
	if (err == COFFER_OK && out[0] != '\0')
		return COFFER_OK;
	out[0] = '\0';
	return fault_set(f, COFFER_E_NET, "the object store began an upload, but gave it no name");
}

/* ---- lists ---- */

struct list {
	bool is_uploads, is_truncated, is_escaped;
	struct s3_page *next;
	struct s3_item item;
	bool is_odd; /* something of it cannot be */
	coffer_err (*fn)(void *arg, struct fault *f, const struct s3_item *item);
	void *arg;
};

/* First what is said of all of it: it may stand behind the objects. */
static coffer_err
frame_element(void *arg, struct fault *f, const char *path, struct view text)
{
	struct list *l = arg;
	const char *name = strchr(path, '/');

	(void)f;
	if (!name) {
		l->is_uploads = strcmp(path, "ListMultipartUploadsResult") == 0;
		l->is_odd |= !l->is_uploads && strcmp(path, "ListBucketResult") != 0;
	} else if (strcmp(name, "/IsTruncated") == 0) {
		l->is_truncated = view_is(text, "true");
	} else if (strcmp(name, "/EncodingType") == 0) {
		l->is_escaped = view_is(text, "url");
	} else if (strcmp(name, "/NextContinuationToken") == 0 || strcmp(name, "/NextKeyMarker") == 0) {
		l->is_odd |= !copy(text, l->next->token, sizeof(l->next->token));
	} else if (strcmp(name, "/NextUploadIdMarker") == 0) {
		l->is_odd |= !copy(text, l->next->upload, sizeof(l->next->upload));
	}
	return COFFER_OK;
}

static int
digit_of(char c)
{
	return c >= '0' && c <= '9'   ? c - '0'
	       : c >= 'a' && c <= 'f' ? c - 'a' + 10
	       : c >= 'A' && c <= 'F' ? c - 'A' + 10
				      : -1;
}

/* in place; «+» is a space */
static bool
unescape(char *text)
{
	char *to = text;

	for (const char *from = text; *from; from++) {
		if (*from == '%') {
			int high = digit_of(from[1]), low = high < 0 ? -1 : digit_of(from[2]);

			if (low < 0 || high + low == 0)
				return false;
			*to++ = (char)(high << 4 | low);
			from += 2;
		} else {
			*to++ = *from == '+' ? ' ' : *from;
		}
	}
	*to = '\0';
	return true;
}

static bool
copy_key(const struct list *l, struct view text, char out[static S3_KEY_MAX + 1])
{
	char escaped[3 * S3_KEY_MAX + 1];

	out[0] = '\0';
	return copy(text, escaped, sizeof(escaped)) && (!l->is_escaped || unescape(escaped)) &&
	       copy(view_str(escaped), out, S3_KEY_MAX + 1) && out[0] != '\0';
}

static bool
copy_number(struct view text, uint64_t *out)
{
	char digits[24];

	return copy(text, digits, sizeof(digits)) && num_parse(digits, 0, INT64_MAX, out);
}

static bool
copy_time(struct view text, int64_t *out)
{
	char when[40];

	return copy(text, when, sizeof(when)) && utc_parse(when, out);
}

static coffer_err
give_item(struct list *l, struct fault *f)
{
	coffer_err err = COFFER_OK;

	if (l->is_odd || l->item.key[0] == '\0')
		return fault_set(f, COFFER_E_NET, "the object store listed something that can be no object");
	err = l->fn(l->arg, f, &l->item);
	l->item = (struct s3_item){.key = ""};
	return err;
}

static coffer_err
item_element(void *arg, struct fault *f, const char *path, struct view text)
{
	struct list *l = arg;
	const char *item = l->is_uploads ? "ListMultipartUploadsResult/Upload" : "ListBucketResult/Contents";
	const char *name = path + strlen(item);

	if (strncmp(path, item, strlen(item)) != 0)
		return COFFER_OK;
	if (name[0] == '\0')
		return give_item(l, f);
	if (strcmp(name, "/Key") == 0)
		l->is_odd |= !copy_key(l, text, l->item.key);
	else if (strcmp(name, "/Size") == 0)
		l->is_odd |= !copy_number(text, &l->item.object.size);
	else if (strcmp(name, "/LastModified") == 0 || strcmp(name, "/Initiated") == 0)
		l->is_odd |= !copy_time(text, &l->item.object.mtime);
	else if (strcmp(name, "/ETag") == 0)
		l->is_odd |= !copy(text, l->item.object.etag, sizeof(l->item.object.etag));
	else if (strcmp(name, "/UploadId") == 0)
		l->is_odd |= !copy(text, l->item.upload, sizeof(l->item.upload));
	return COFFER_OK;
}

coffer_err
s3_answer_list(struct fault *f, struct view text, struct s3_page *next,
	       coffer_err (*fn)(void *arg, struct fault *f, const struct s3_item *item), void *arg)
{
	struct list l = {.next = next, .fn = fn, .arg = arg};
	coffer_err err;

	*next = (struct s3_page){.token = ""};
	if (xml_read(NULL, "", text, frame_element, &l) != COFFER_OK || l.is_odd)
		return fault_set(f, COFFER_E_NET, "what the object store answered is no list of objects");
	TRY(xml_read(f, "a list of objects", text, item_element, &l));
	if (l.is_truncated && next->token[0] == '\0')
		TRY(fault_set(f, COFFER_E_NET, "the object store did not say where its list goes on"));
	if (!l.is_truncated)
		*next = (struct s3_page){.token = ""};
	/* the service escapes a mark that is a key, too */
	if (l.is_uploads && l.is_escaped && !unescape(next->token))
		TRY(fault_set(f, COFFER_E_NET, "the object store did not say where its list goes on"));
out:
	return err;
}
