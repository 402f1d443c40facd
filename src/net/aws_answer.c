/* SPDX-License-Identifier: Apache-2.0 */
#include "net/aws_answer.h"

#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "base/utc.h"
#include "base/utf8.h"
#include "data/doc.h"
#include "mem/secret_file.h"

#define SECRET_MAX 256 /* AWS's have 40 characters, those of others more */

bool
aws_answer_time(struct view text, int64_t *out)
{
	static const char utc[] = "+00:00";
	const size_t utc_len = sizeof(utc) - 1;
	char copy[48];

	*out = 0;
	if (text.len >= sizeof(copy))
		return false;
	memcpy(copy, text.p ? (const char *)text.p : "", text.len);
	copy[text.len] = '\0';
	if (text.len > utc_len && strcmp(copy + text.len - utc_len, utc) == 0)
		(void)snprintf(copy + text.len - utc_len, utc_len, "Z");
	return utc_parse(copy, out);
}

coffer_err
aws_token_file(struct fault *f, const char *what, const char *path, struct secret *out)
{
	struct fault why = {.err = COFFER_OK};
	coffer_err err = secret_from_file(&why, what, path, LIMIT_TOKEN, out);

	if (err == COFFER_OK || err == COFFER_E_NOMEM)
		return err == COFFER_OK ? err : fault_nomem(f);
	return fault_set(f, COFFER_E_REFUSED, "%s is needed for AWS credentials: %s", what, why.text);
}

/* Printable ASCII: all that a header may hold.  An access key id stands between slashes and commas besides. */
static bool
is_plain(struct view v, const char *but)
{
	for (size_t i = 0; i < v.len; i++)
		if (v.p[i] <= 0x20 || v.p[i] > 0x7e || strchr(but, v.p[i]))
			return false;
	return true;
}

coffer_err
aws_answer_fill(struct fault *f, const char *who, struct view id, struct view secret, struct view token,
		struct aws_cred *out)
{
	coffer_err err;

	aws_cred_free(out);
	if (id.len == 0 || secret.len == 0)
		TRY(fault_set(f, COFFER_E_REFUSED, "%s has no AWS %s; both halves of the key are needed", who,
			      id.len == 0 ? "access key id" : "secret access key"));
	if (id.len > AWS_ID_MAX || secret.len > SECRET_MAX || token.len > LIMIT_AWS_TOKEN || !is_plain(id, "/,") ||
	    !is_plain(secret, "") || !is_plain(token, ""))
		TRY(fault_set(f, COFFER_E_REFUSED,
			      "the AWS credentials of %s are too long, or have a character that none may have", who));
	memcpy(out->id, id.p, id.len);
	TRY(secret_copy(f, &out->secret, secret.p, secret.len));
	if (token.len > 0)
		TRY(secret_copy(f, &out->token, token.p, token.len));
out:
	if (err)
		aws_cred_free(out);
	return err;
}

static coffer_err
set_expiry(struct fault *f, const char *who, struct view text, struct aws_cred *cred)
{
	if (text.len == 0 || aws_answer_time(text, &cred->expires))
		return COFFER_OK;
	aws_cred_free(cred);
	return fault_set(f, COFFER_E_REFUSED, "the AWS credentials of %s have an expiration that is no time in UTC",
			 who);
}

/* ---- JSON ---- */

static struct view
member(const struct doc *d, const char *name)
{
	struct view v;

	(void)doc_string(doc_get(d, name), &v);
	return v;
}

/* The instance's service answers 200 with a code that is not «Success» when the role cannot be had. */
static coffer_err
refuse(struct fault *f, const char *who, const struct doc *d)
{
	const char *code = doc_text(doc_get(d, "Code"), 1, LIMIT_TEXT);
	const char *words = doc_text(doc_get(d, "Message"), 1, LIMIT_ANSWER);

	if (!words)
		words = doc_text(doc_get(d, "message"), 1, LIMIT_ANSWER);
	return fault_set(f, COFFER_E_REFUSED, "%s gave no AWS credentials: %.64s%s%.*s; look at the role that it has",
			 who, code ? code : "it did not say why", words ? ", " : "", AWS_SAID_MAX, words ? words : "");
}

coffer_err
aws_answer_json(struct fault *f, const char *who, struct view text, struct aws_cred *out)
{
	struct doc *d = NULL;
	struct view token;
	coffer_err err;

	aws_cred_free(out);
	if (doc_parse_foreign(NULL, who, text, &d) != COFFER_OK || !doc_is_object(d))
		TRY(fault_set(f, COFFER_E_REFUSED, "%s gave something that is no JSON of AWS credentials", who));
	if (member(d, "AccessKeyId").len == 0)
		TRY(refuse(f, who, d));
	token = member(d, "Token");
	if (token.len == 0)
		token = member(d, "SessionToken");
	TRY(aws_answer_fill(f, who, member(d, "AccessKeyId"), member(d, "SecretAccessKey"), token, out));
	TRY(set_expiry(f, who, member(d, "Expiration"), out));
out:
	doc_free(&d);
	return err;
}

/* ---- XML ---- */

/* What stands between <@name> and </@name>, which must be there just once, if it is text alone. */
static struct view
leaf(struct view text, const char *name)
{
	const struct view none = {NULL, 0};
	char begin[40], end[40];
	const uint8_t *from, *to;
	size_t left;

	(void)snprintf(begin, sizeof(begin), "<%s>", name);
	(void)snprintf(end, sizeof(end), "</%s>", name);
	from = text.len > 0 ? memmem(text.p, text.len, begin, strlen(begin)) : NULL;
	if (!from)
		return none;
	from += strlen(begin);
	left = (size_t)(text.p + text.len - from);
	to = memchr(from, '<', left);
	if (!to || memmem(from, left, begin, strlen(begin)))
		return none;
	left -= (size_t)(to - from);
	if (left < strlen(end) || memcmp(to, end, strlen(end)) != 0)
		return none;
	return view_trim(view_of(from, (size_t)(to - from)));
}

coffer_err
aws_answer_xml(struct fault *f, const char *who, struct view text, struct aws_cred *out)
{
	coffer_err err;

	TRY(aws_answer_fill(f, who, leaf(text, "AccessKeyId"), leaf(text, "SecretAccessKey"),
			    leaf(text, "SessionToken"), out));
	TRY(set_expiry(f, who, leaf(text, "Expiration"), out));
out:
	return err;
}

/* As much of @v as fits and is text. */
static void
quote(struct view v, char *out, size_t cap)
{
	size_t len = 0, one;
	uint32_t code;

	while ((one = utf8_char(view_of(v.p + len, v.len - len), &code)) > 0) {
		if (code < 0x20 || (code >= 0x7f && code < 0xa0) || len + one >= cap)
			break;
		len += one;
	}
	memcpy(out, v.p ? (const char *)v.p : "", len);
	out[len] = '\0';
}

void
aws_answer_error(struct view text, struct aws_said *out)
{
	quote(leaf(text, "Code"), out->code, sizeof(out->code));
	quote(leaf(text, "Message"), out->words, sizeof(out->words));
}
