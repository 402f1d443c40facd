/* SPDX-License-Identifier: Apache-2.0 */
/* Answers of object stores.  Whatever they are, what is told of an object is fit to be used and shown. */
#include <string.h>

#include "base/utf8.h"
#include "net/s3_answer.h"
#include "support/fuzz.h"

static coffer_err
item(void *arg, struct fault *f, const struct s3_item *i)
{
	(void)arg;
	(void)f;
	need(i->key[0] != '\0' && strlen(i->key) <= S3_KEY_MAX && utf8_is_text(view_str(i->key)));
	need(i->object.size <= INT64_MAX && i->object.mtime >= 0);
	need(strlen(i->object.etag) <= S3_ETAG_MAX && utf8_is_text(view_str(i->object.etag)));
	need(strlen(i->upload) <= LIMIT_S3_UPLOAD);
	return COFFER_OK;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char upload[LIMIT_S3_UPLOAD + 1];
	struct s3_page next;
	struct s3_said said;
	struct view text = view_of(data, size);
	bool is_error = s3_answer_error(text, &said);

	need(is_error == (said.code[0] != '\0'));
	need(utf8_is_text(view_str(said.words)) && utf8_is_text(view_str(said.code)));
	need((s3_answer_upload(NULL, text, upload) == COFFER_OK) == (upload[0] != '\0'));
	(void)s3_answer_list(NULL, text, &next, item, NULL);
	need(strlen(next.token) <= LIMIT_S3_UPLOAD && strlen(next.upload) <= LIMIT_S3_UPLOAD);
	return 0;
}
