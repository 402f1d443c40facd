/* SPDX-License-Identifier: Apache-2.0 */
#include "format/recipient.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/enc.h"
#include "base/utc.h"

#define WRAPPED_LOCAL_LEN 80 /* salt or enc 32, ciphertext 32, tag 16 */
#define ID_LEN 16

/* What each kind known to this version looks like. */
static const struct kind {
	const char *name;
	size_t wrapped_len; /* 0: any, of a service */
	bool has_id;
	bool has_scrypt;
	bool is_service;
} kinds[] = {
	{"aes", WRAPPED_LOCAL_LEN, true, false, false},
	{"passphrase", WRAPPED_LOCAL_LEN, false, true, false},
	{"x25519", WRAPPED_LOCAL_LEN, true, false, false},
	{"awskms", 0, true, false, true},
	{"azurekms", 0, true, false, true},
	{"gcpkms", 0, true, false, true},
	{"hashivault", 0, true, false, true},
	{"pkcs11", 0, true, false, true},
	{"vaultkv", WRAPPED_LOCAL_LEN, true, false, true},
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
	TRY(buf_take_text(f, &text, &out->foreign));
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

/* whether @d has the members of its kind and no others; only services must say when they wrapped */
static bool
has_members(const struct doc *d, const struct kind *kind)
{
	static const char *const of_service[] = {"kind", "wrapped", "id", "version", "alg", "created"};
	static const char *const with_id[] = {"kind", "wrapped", "id", "created"};
	static const char *const with_scrypt[] = {"kind", "wrapped", "salt", "log_n", "created"};
	size_t without_date = doc_get(d, "created") ? 0 : 1;

	if (kind->is_service)
		return doc_only(d, of_service, 6);
	return kind->has_scrypt ? doc_only(d, with_scrypt, 5 - without_date) : doc_only(d, with_id, 4 - without_date);
}

static bool
read_created(const struct doc *d, struct recipient *out)
{
	const char *text = doc_text(doc_get(d, "created"), UTC_LEN, UTC_LEN);
	char again[UTC_LEN + 1];

	if (!doc_get(d, "created"))
		return true;
	/* there is one text for a time, and none for none */
	return text && utc_parse(text, &out->created) && out->created > 0 &&
	       strcmp(utc_text(out->created, again), text) == 0;
}

static bool
read_service(const struct doc *d, struct recipient *out)
{
	const char *id = doc_text(doc_get(d, "id"), 1, RECIPIENT_ID_MAX);
	const char *version = doc_text(doc_get(d, "version"), 0, RECIPIENT_VERSION_MAX);
	const char *alg = doc_text(doc_get(d, "alg"), 1, RECIPIENT_ALG_MAX);

	if (!id || !version || !alg || out->wrapped_len == 0)
		return false;
	(void)snprintf(out->id, sizeof(out->id), "%s", id);
	(void)snprintf(out->version, sizeof(out->version), "%s", version);
	(void)snprintf(out->alg, sizeof(out->alg), "%s", alg);
	return true;
}

static bool
read_kind(const struct doc *d, const struct kind *kind, struct recipient *out)
{
	(void)snprintf(out->kind, sizeof(out->kind), "%s", kind->name);
	if (!has_members(d, kind) || !read_created(d, out) ||
	    !doc_b64(doc_get(d, "wrapped"), out->wrapped, sizeof(out->wrapped), &out->wrapped_len) ||
	    (kind->wrapped_len > 0 && out->wrapped_len != kind->wrapped_len))
		return false;
	if (kind->is_service)
		return read_service(d, out);
	return kind->has_scrypt ? read_scrypt(d, out) : read_id(d, out);
}

coffer_err
recipient_read(struct fault *f, const struct doc *d, bool is_service, struct recipient *out)
{
	const char *name = doc_text(doc_get(d, "kind"), 1, sizeof(out->kind) - 1);
	const struct kind *kind;
	coffer_err err;

	memset(out, 0, sizeof(*out));
	if (!name || !doc_text(doc_get(d, "wrapped"), 0, ENC_B64_LEN(LIMIT_WRAPPED)))
		return fault_set(f, COFFER_E_FORMAT, "a recipient without «kind» or «wrapped»");
	kind = find_kind(name);
	if (kind && kind->is_service != is_service)
		return fault_set(f, COFFER_E_FORMAT, "a recipient of kind «%s» stands %s «services»", name,
				 is_service ? "in" : "outside of");
	/* [F-22]: everything about it is checked before any cryptography */
	if (!kind)
		err = keep_foreign(f, d, name, out);
	else if (!read_kind(d, kind, out))
		err = fault_set(f, COFFER_E_FORMAT, "a recipient of kind «%s» with a wrong member or length", name);
	else
		err = COFFER_OK;
	out->is_service = is_service;
	return err;
}

struct doc *
recipient_doc(const struct recipient *r)
{
	const struct kind *kind = find_kind(r->kind);
	char created[UTC_LEN + 1];
	struct doc *d;

	if (r->foreign)
		return doc_parse(NULL, r->kind, view_str(r->foreign), &d) == COFFER_OK ? d : NULL;
	d = doc_set(doc_object(), "kind", doc_new_text(r->kind));
	d = doc_set(d, "wrapped", doc_new_b64(r->wrapped, r->wrapped_len));
	if (r->created > 0 || r->is_service)
		d = doc_set(d, "created", doc_new_text(utc_text(r->created, created)));
	if (kind && kind->has_scrypt) {
		d = doc_set(d, "salt", doc_new_b64(r->scrypt_salt, sizeof(r->scrypt_salt)));
		d = doc_set(d, "log_n", doc_new_number(r->scrypt_log_n));
	}
	if (kind && kind->has_id)
		d = doc_set(d, "id", doc_new_text(r->id));
	if (kind && kind->is_service) {
		d = doc_set(d, "version", doc_new_text(r->version));
		d = doc_set(d, "alg", doc_new_text(r->alg));
	}
	return d;
}

void
recipient_clear(struct recipient *r)
{
	free(r->foreign);
	memset(r, 0, sizeof(*r));
}
