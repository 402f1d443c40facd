/* SPDX-License-Identifier: Apache-2.0 */
#include "format/recipient.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/enc.h"

#define WRAPPED_LOCAL_LEN 80 /* salt or enc 32, ciphertext 32, tag 16 */
#define ID_LEN 16

/* What each kind known to this version looks like. */
static const struct kind {
	const char *name;
	size_t wrapped_len;
	bool has_id;
	bool has_scrypt;
} kinds[] = {
	{"aes", WRAPPED_LOCAL_LEN, true, false},
	{"passphrase", WRAPPED_LOCAL_LEN, false, true},
	{"x25519", WRAPPED_LOCAL_LEN, true, false},
};

static const struct kind *
find_kind(const char *name)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(kinds[i].name, name) == 0)
			return &kinds[i];
	return NULL;
}

static coffer_err
keep_foreign(struct fault *f, const struct doc *d, const char *kind, struct recipient *out)
{
	struct buf text = BUF_INIT(LIMIT_KEYBLOCK);
	const char *id = doc_text(doc_get(d, "id"), 1, sizeof(out->id) - 1);
	coffer_err err;

	(void)snprintf(out->kind, sizeof(out->kind), "%s", kind);
	(void)snprintf(out->id, sizeof(out->id), "%s", id ? id : "");
	TRY(doc_canonical(f, d, &text));
	if (text.len > LIMIT_FOREIGN)
		TRY(fault_set(f, COFFER_E_FORMAT, "a recipient of more than %u bytes", LIMIT_FOREIGN));
	TRY(buf_add(f, &text, "", 1));
	out->foreign = (char *)text.p;
	return COFFER_OK;
out:
	buf_free(&text);
	return err;
}

static bool
read_scrypt(const struct doc *d, struct recipient *out)
{
	size_t salt_len;
	uint64_t log_n;

	if (!doc_b64(doc_get(d, "salt"), out->scrypt_salt, sizeof(out->scrypt_salt), &salt_len) ||
	    salt_len != sizeof(out->scrypt_salt) || !doc_number(doc_get(d, "log_n"), 10, LIMIT_SCRYPT_LOG_N, &log_n))
		return false;
	out->scrypt_log_n = (unsigned int)log_n;
	return true;
}

static bool
read_id(const struct doc *d, struct recipient *out)
{
	uint8_t id[ID_LEN];

	if (!doc_hex(doc_get(d, "id"), id, sizeof(id)))
		return false;
	(void)snprintf(out->id, sizeof(out->id), "%s", doc_text(doc_get(d, "id"), 2 * ID_LEN, 2 * ID_LEN));
	return true;
}

coffer_err
recipient_read(struct fault *f, const struct doc *d, struct recipient *out)
{
	static const char *const with_id[] = {"kind", "wrapped", "id"};
	static const char *const with_scrypt[] = {"kind", "wrapped", "salt", "log_n"};
	const char *name = doc_text(doc_get(d, "kind"), 1, sizeof(out->kind) - 1);
	const struct kind *kind;
	bool good;

	memset(out, 0, sizeof(*out));
	if (!name || !doc_text(doc_get(d, "wrapped"), 0, ENC_B64_LEN(LIMIT_WRAPPED)))
		return fault_set(f, COFFER_E_FORMAT, "a recipient without «kind» or «wrapped»");
	kind = find_kind(name);
	if (!kind)
		return keep_foreign(f, d, name, out);
	/* [F-22]: everything about it is checked before any cryptography */
	(void)snprintf(out->kind, sizeof(out->kind), "%s", name);
	good = doc_b64(doc_get(d, "wrapped"), out->wrapped, sizeof(out->wrapped), &out->wrapped_len) &&
	       out->wrapped_len == kind->wrapped_len;
	if (kind->has_scrypt)
		good = good && doc_only(d, with_scrypt, 4) && read_scrypt(d, out);
	if (kind->has_id)
		good = good && doc_only(d, with_id, 3) && read_id(d, out);
	if (!good)
		return fault_set(f, COFFER_E_FORMAT, "a recipient of kind «%s» with a wrong member or length", name);
	return COFFER_OK;
}

struct doc *
recipient_doc(const struct recipient *r)
{
	const struct kind *kind = find_kind(r->kind);
	struct doc *d;

	if (r->foreign)
		return doc_parse(NULL, r->kind, view_str(r->foreign), &d) == COFFER_OK ? d : NULL;
	d = doc_set(doc_object(), "kind", doc_new_text(r->kind));
	d = doc_set(d, "wrapped", doc_new_b64(r->wrapped, r->wrapped_len));
	if (kind && kind->has_scrypt) {
		d = doc_set(d, "salt", doc_new_b64(r->scrypt_salt, sizeof(r->scrypt_salt)));
		d = doc_set(d, "log_n", doc_new_number(r->scrypt_log_n));
	}
	if (kind && kind->has_id)
		d = doc_set(d, "id", doc_new_text(r->id));
	return d;
}

void
recipient_clear(struct recipient *r)
{
	free(r->foreign);
	memset(r, 0, sizeof(*r));
}
