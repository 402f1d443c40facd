/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/token_uri.h"

#include <string.h>

/* ---- reading ---- */

/* p11-kit keeps a name that it does not know, so a misspelt one would go unnoticed. */
static bool
query_is_known(const char *text)
{
	static const char *const known[] = {"module-path", "module-name", "pin-source", "pin-value",
					    TOKEN_URI_MECHANISM};
	const char *at = strchr(text, '?');

	while (at && at[1]) {
		size_t len = strcspn(++at, "=&");
		bool found = false;

		for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
			found |= strlen(known[i]) == len && memcmp(known[i], at, len) == 0;
		if (!found)
			return false;
		at = strchr(at, '&');
	}
	return true;
}

coffer_err
token_uri_parse(struct fault *f, const char *text, P11KitUri **out)
{
	P11KitUri *uri = p11_kit_uri_new();
	coffer_err err = COFFER_OK;
	int rc;

	*out = NULL;
	if (!uri)
		return fault_nomem(f);
	rc = p11_kit_uri_parse(text, P11_KIT_URI_FOR_ANY, uri);
	/* the text itself may hold a PIN: it is no part of any message */
	if (rc != P11_KIT_URI_OK)
		TRY(fault_set(f, COFFER_E_USAGE,
			      "the PKCS#11 URI cannot be read: %s; it is written "
			      "pkcs11:token=NAME;object=LABEL?pin-source=file:PATH",
			      p11_kit_uri_message(rc)));
	if (p11_kit_uri_any_unrecognized(uri) || !query_is_known(text))
		TRY(fault_set(
			f, COFFER_E_USAGE,
			"the PKCS#11 URI has an attribute that is not known (RFC 7512 lists them); leave it out"));
	if (p11_kit_uri_get_pin_value(uri))
		TRY(fault_set(f, COFFER_E_USAGE,
			      "the PKCS#11 URI has a pin-value, which everybody on this machine can read in the list "
			      "of processes; write the PIN to a file and give pin-source=file:PATH, or leave it out "
			      "to be asked"));
	*out = uri;
	uri = NULL;
out:
	p11_kit_uri_free(uri);
	return err;
}

/* ---- writing ---- */

static bool
is_unreserved(uint8_t c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
	       c == '_' || c == '~';
}

static coffer_err
add_attribute(struct fault *f, const char *name, struct view value, bool as_text, struct buf *out)
{
	coffer_err err = COFFER_OK;

	if (value.len == 0)
		return COFFER_OK;
	if (out->p[out->len - 1] != ':')
		TRY(buf_str(f, out, ";"));
	TRY(buf_printf(f, out, "%s=", name));
	for (size_t i = 0; i < value.len; i++) {
		if (as_text && is_unreserved(value.p[i]))
			TRY(buf_add(f, out, &value.p[i], 1));
		else
			TRY(buf_printf(f, out, "%%%02X", value.p[i]));
	}
out:
	return err;
}

/* A text of PKCS#11: padded with spaces, no NUL. */
static struct view
padded(const void *text, size_t len)
{
	const uint8_t *p = text;

	while (len > 0 && (p[len - 1] == ' ' || p[len - 1] == '\0'))
		len--;
	return view_of(p, len);
}

coffer_err
token_uri_add(struct fault *f, const CK_TOKEN_INFO *token, struct view label, struct view id, struct buf *out)
{
	coffer_err err;

	TRY(buf_str(f, out, "pkcs11:"));
	TRY(add_attribute(f, "token", padded(token->label, sizeof(token->label)), true, out));
	TRY(add_attribute(f, "serial", padded(token->serialNumber, sizeof(token->serialNumber)), true, out));
	TRY(add_attribute(f, "object", label, true, out));
	TRY(add_attribute(f, "id", id, false, out));
out:
	return err;
}

void
token_uri_label(const CK_TOKEN_INFO *token, char out[static TOKEN_LABEL_LEN])
{
	struct view label = padded(token->label, sizeof(token->label));

	memcpy(out, label.p, label.len);
	out[label.len] = '\0';
}

/* ---- comparing ---- */

static bool
texts_agree(const void *a, const void *b, size_t len)
{
	struct view left = padded(a, len), right = padded(b, len);

	return left.len == 0 || right.len == 0 || (left.len == right.len && memcmp(left.p, right.p, left.len) == 0);
}

static bool
attributes_agree(P11KitUri *a, P11KitUri *b, CK_ATTRIBUTE_TYPE type)
{
	const CK_ATTRIBUTE *left = p11_kit_uri_get_attribute(a, type), *right = p11_kit_uri_get_attribute(b, type);

	return !left || !right ||
	       (left->ulValueLen == right->ulValueLen && memcmp(left->pValue, right->pValue, left->ulValueLen) == 0);
}

bool
token_uri_agree(P11KitUri *a, P11KitUri *b)
{
	const CK_TOKEN_INFO *left = p11_kit_uri_get_token_info(a), *right = p11_kit_uri_get_token_info(b);

	return texts_agree(left->label, right->label, sizeof(left->label)) &&
	       texts_agree(left->serialNumber, right->serialNumber, sizeof(left->serialNumber)) &&
	       attributes_agree(a, b, CKA_LABEL) && attributes_agree(a, b, CKA_ID);
}
