/* SPDX-License-Identifier: Apache-2.0 */
#include "sign/checkpoint.h"

#include <string.h>

#include "base/enc.h"
#include "base/limits.h"
#include "base/num.h"

#define DASH "\xe2\x80\x94 " /* U+2014 and a space */

/* the next line without its end; false when there is no whole one */
static bool
take_line(struct view *v, struct view *line)
{
	const uint8_t *end = v->len > 0 ? memchr(v->p, '\n', v->len) : NULL;

	if (!end || !view_take(v, (size_t)(end - v->p), line))
		return false;
	v->p++;
	v->len--;
	return true;
}

/* signatures follow the last empty line, for the text may have some of its own */
static bool
split(struct view note, struct checkpoint *out)
{
	for (size_t i = note.len; i >= 2; i--) {
		if (note.p[i - 1] != '\n' || note.p[i - 2] != '\n')
			continue;
		out->text = view_of(note.p, i - 1);
		out->signatures = view_of(note.p + i, note.len - i);
		return out->signatures.len > 0 && note.p[note.len - 1] == '\n';
	}
	return false;
}

static bool
read_size(struct view line, uint64_t *out)
{
	char digits[21];

	if (line.len >= sizeof(digits))
		return false;
	memcpy(digits, line.p, line.len);
	digits[line.len] = '\0';
	return num_parse(digits, 0, UINT64_MAX, out);
}

static bool
read_root(struct view line, uint8_t out[static MERKLE_LEN])
{
	size_t len;

	return dec_b64((const char *)line.p, line.len, out, MERKLE_LEN, &len) && len == MERKLE_LEN;
}

coffer_err
checkpoint_parse(struct fault *f, struct view note, struct checkpoint *out)
{
	struct view rest, line;

	*out = (struct checkpoint){.size = 0};
	if (note.len > LIMIT_CHECKPOINT)
		return fault_set(f, COFFER_E_FORMAT, "the log's checkpoint is %zu bytes; at most %u are expected",
				 note.len, LIMIT_CHECKPOINT);
	if (!split(note, out))
		return fault_set(f, COFFER_E_FORMAT, "the log's checkpoint is no text followed by signatures");
	rest = out->text;
	if (!take_line(&rest, &out->origin) || out->origin.len == 0)
		return fault_set(f, COFFER_E_FORMAT, "the log's checkpoint does not say which log it is of");
	if (!take_line(&rest, &line) || !read_size(line, &out->size))
		return fault_set(f, COFFER_E_FORMAT, "the log's checkpoint does not say how large its tree is");
	if (!take_line(&rest, &line) || !read_root(line, out->root))
		return fault_set(f, COFFER_E_FORMAT, "the log's checkpoint has no root hash of %d bytes", MERKLE_LEN);
	return COFFER_OK;
}

struct signature_line {
	struct view name, base64;
};

static bool
read_line(struct view line, struct signature_line *out)
{
	struct view dash;
	const uint8_t *space;

	if (!view_take(&line, strlen(DASH), &dash) || !view_is(dash, DASH))
		return false;
	space = line.len > 0 ? memchr(line.p, ' ', line.len) : NULL;
	if (!space || space == line.p || !view_take(&line, (size_t)(space - line.p), &out->name))
		return false;
	out->base64 = view_of(line.p + 1, line.len - 1);
	return out->base64.len > 0;
}

static coffer_err
bad_line(struct fault *f)
{
	return fault_set(f, COFFER_E_FORMAT, "the log's checkpoint has a signature line that is malformed");
}

coffer_err
checkpoint_verify(struct fault *f, const struct checkpoint *c, const char *name,
		  const uint8_t hint[static CHECKPOINT_HINT], const struct pubkey *key)
{
	struct view rest = c->signatures, line;
	coffer_err err = COFFER_OK;

	while (rest.len > 0) {
		uint8_t bytes[CHECKPOINT_HINT + LIMIT_CHECKPOINT_SIGNATURE];
		struct signature_line s;
		size_t len;

		if (!take_line(&rest, &line) || !read_line(line, &s))
			return bad_line(f);
		if (!view_is(s.name, name))
			continue;
		if (!dec_b64((const char *)s.base64.p, s.base64.len, bytes, sizeof(bytes), &len) ||
		    len <= CHECKPOINT_HINT)
			return bad_line(f);
		if (memcmp(bytes, hint, CHECKPOINT_HINT) != 0) /* an older or newer key of the same log */
			continue;
		err = pubkey_verify(f, key, pkey_digest(pubkey_kind(key)), c->text,
				    view_of(bytes + CHECKPOINT_HINT, len - CHECKPOINT_HINT));
		if (err == COFFER_E_SIGNATURE)
			err = fault_set(f, err, "the signature of %s under the log's checkpoint is false", name);
		return err;
	}
	return fault_set(f, COFFER_E_SIGNATURE,
			 "the log's checkpoint has no signature of %s by the key that is trusted", name);
}
