/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/token_key.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "crypto/cert.h"
#include "crypto/token.h"

#define ID_MAX 256     /* bytes of a CKA_ID or label that is looked at */
#define POINT_MAX 256  /* bytes of a CKA_EC_POINT: 2 · 66 + 1, and its OCTET STRING */
#define SPKI_MAX 512   /* bytes of a CKA_PUBLIC_KEY_INFO */
#define INTEGER_MAX 66 /* bytes of r or s on P-521 */

struct token_key {
	struct token *token;
	struct token_session session;
	CK_OBJECT_HANDLE object;
	struct pubkey *public;
};

/* Callers know a token that does not serve them as a key that is not there or cannot be used. */
static coffer_err
as_key(struct fault *f, coffer_err err)
{
	coffer_err as = err == COFFER_E_UNAVAILABLE ? COFFER_E_NOTFOUND : err == COFFER_E_REFUSED ? COFFER_E_KEY : err;

	if (f && as != err)
		f->err = as;
	return as;
}

/* ---- objects ---- */

static coffer_err
find_private(struct fault *f, struct token_key *k)
{
	CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
	CK_ATTRIBUTE template[3] = {{CKA_CLASS, &class, sizeof(class)}};
	P11KitUri *uri = token_uri(k->token);
	CK_OBJECT_HANDLE found[2];
	CK_ATTRIBUTE *a;
	size_t n = 1;

	/* the type of the URI is left out: tools print type=public for a pair */
	if ((a = p11_kit_uri_get_attribute(uri, CKA_ID)))
		template[n++] = *a;
	if ((a = p11_kit_uri_get_attribute(uri, CKA_LABEL)))
		template[n++] = *a;
	switch (token_find(&k->session, template, n, found)) {
	case 0:
		return fault_set(f, COFFER_E_NOTFOUND,
				 "token «%s» has no private key as the PKCS#11 URI says; «pkcs11-tool -O --login» "
				 "lists its objects",
				 k->session.label);
	case 1:
		k->object = found[0];
		return COFFER_OK;
	default:
		return fault_set(f, COFFER_E_KEY,
				 "the PKCS#11 URI fits several keys of token «%s»; add object=LABEL or id=%%…",
				 k->session.label);
	}
}

static coffer_err
check_private(struct fault *f, struct token_key *k)
{
	CK_KEY_TYPE type = 0;
	size_t len;

	if (!token_attribute(&k->session, k->object, CKA_KEY_TYPE, &type, sizeof(type), &len) || type != CKK_EC)
		return fault_set(f, COFFER_E_KEY,
				 "the key on token «%s» is no EC key; signing wants P-256, P-384 or P-521",
				 k->session.label);
	if (!token_may(&k->session, k->object, CKA_SIGN))
		return fault_set(f, COFFER_E_KEY, "the key on token «%s» may not sign (CKA_SIGN is false)",
				 k->session.label);
	return COFFER_OK;
}

/* ---- the public half ---- */

static void
put_der(uint8_t *out, size_t *at, uint8_t tag, size_t len)
{
	out[(*at)++] = tag;
	if (len >= 0x80)
		out[(*at)++] = 0x81;
	out[(*at)++] = (uint8_t)len;
}

/* A SubjectPublicKeyInfo (RFC 5480 section 2) of the curve @params, which is its OID in DER, and @point. */
static coffer_err
public_from_point(struct fault *f, struct view params, struct view point, struct pubkey **out)
{
	static const uint8_t ec_public_key[] = {0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01};
	uint8_t body[2 * POINT_MAX], spki[2 * POINT_MAX + 8];
	size_t n = 0, at = 0;

	if (params.len > 32 || point.len > 2 * INTEGER_MAX + 1)
		return fault_set(f, COFFER_E_KEY, "the token's public key is on no curve that is known");
	put_der(body, &n, 0x30, sizeof(ec_public_key) + params.len);
	memcpy(body + n, ec_public_key, sizeof(ec_public_key));
	memcpy(body + n + sizeof(ec_public_key), params.p, params.len);
	n += sizeof(ec_public_key) + params.len;
	put_der(body, &n, 0x03, point.len + 1);
	body[n++] = 0; /* no unused bits */
	memcpy(body + n, point.p, point.len);
	n += point.len;
	put_der(spki, &at, 0x30, n);
	memcpy(spki + at, body, n);
	return pubkey_from_der(f, "the token's public key", view_of(spki, at + n), out);
}

/* CKA_EC_POINT is an OCTET STRING with the point in it; some modules leave the wrapping out. */
static struct view
unwrap_point(const uint8_t *p, size_t len)
{
	if (len > 2 && p[0] == 0x04 && p[1] < 0x80 && len == (size_t)p[1] + 2)
		return view_of(p + 2, len - 2);
	if (len > 3 && p[0] == 0x04 && p[1] == 0x81 && len == (size_t)p[2] + 3)
		return view_of(p + 3, len - 3);
	return view_of(p, len);
}

static coffer_err
public_from_object(struct fault *f, struct token_key *k, CK_OBJECT_HANDLE object, struct pubkey **out)
{
	uint8_t params[64], point[POINT_MAX], spki[SPKI_MAX];
	size_t params_len, point_len, spki_len;

	if (token_attribute(&k->session, object, CKA_EC_PARAMS, params, sizeof(params), &params_len) &&
	    params_len > 0 && token_attribute(&k->session, object, CKA_EC_POINT, point, sizeof(point), &point_len) &&
	    point_len > 0)
		return public_from_point(f, view_of(params, params_len), unwrap_point(point, point_len), out);
	if (token_attribute(&k->session, object, CKA_PUBLIC_KEY_INFO, spki, sizeof(spki), &spki_len) && spki_len > 0)
		return pubkey_from_der(f, "the token's public key", view_of(spki, spki_len), out);
	return COFFER_E_NOTFOUND;
}

static coffer_err
public_from_certificate(struct fault *f, struct token_key *k, CK_OBJECT_HANDLE object, struct pubkey **out)
{
	uint8_t *der = malloc(LIMIT_CERT);
	struct cert *c = NULL;
	size_t len;
	coffer_err err = COFFER_E_NOTFOUND;

	if (!der)
		return fault_nomem(f);
	if (token_attribute(&k->session, object, CKA_VALUE, der, LIMIT_CERT, &len) && len > 0)
		err = cert_from_der(f, "the token's certificate", view_of(der, len), &c);
	if (err == COFFER_OK)
		err = cert_public(f, c, out);
	cert_free(&c);
	free(der);
	return err;
}

/* The object of @class that has the id of the private key. */
static bool
find_sibling(struct token_key *k, CK_OBJECT_CLASS class, CK_OBJECT_HANDLE *out)
{
	uint8_t id[ID_MAX];
	size_t id_len;
	CK_ATTRIBUTE template[2] = {{CKA_CLASS, &class, sizeof(class)}, {CKA_ID, id, 0}};
	CK_OBJECT_HANDLE found[2];

	if (!token_attribute(&k->session, k->object, CKA_ID, id, sizeof(id), &id_len) || id_len == 0)
		return false;
	template[1].ulValueLen = id_len;
	if (token_find(&k->session, template, 2, found) == 0)
		return false;
	*out = found[0];
	return true;
}

static coffer_err
find_public(struct fault *f, struct token_key *k, struct pubkey **out)
{
	CK_OBJECT_HANDLE object;
	coffer_err err = COFFER_E_NOTFOUND;

	if (find_sibling(k, CKO_PUBLIC_KEY, &object))
		err = public_from_object(f, k, object, out);
	if (err == COFFER_E_NOTFOUND && find_sibling(k, CKO_CERTIFICATE, &object))
		err = public_from_certificate(f, k, object, out);
	if (err == COFFER_E_NOTFOUND)
		err = public_from_object(f, k, k->object, out);
	if (err == COFFER_E_NOTFOUND)
		return fault_set(
			f, COFFER_E_KEY,
			"token «%s» has no public key or certificate with the id of the private key; import one",
			k->session.label);
	return err;
}

static coffer_err
check_kind(struct fault *f, const struct token_key *k)
{
	enum pkey_kind kind = pubkey_kind(k->public);

	if (kind == PKEY_P256 || kind == PKEY_P384 || kind == PKEY_P521)
		return COFFER_OK;
	return fault_set(f, COFFER_E_KEY, "the key on token «%s» is %s; signing wants P-256, P-384 or P-521",
			 k->session.label, pkey_kind_name(kind));
}

/* ---- the verbs ---- */

coffer_err
token_key_open(struct fault *f, const char *text, const char *module, const struct token_pin *pin,
	       struct token_key **out)
{
	struct token_key *k = calloc(1, sizeof(*k));
	P11KitUri *uri = NULL;
	coffer_err err;

	*out = NULL;
	if (!k)
		return fault_nomem(f);
	TRY(token_uri_parse(f, text, &uri));
	TRY(token_new(f, uri, module, pin, &k->token));
	TRY(token_begin(f, k->token, TOKEN_LOGGED_IN, &k->session));
	TRY(find_private(f, k));
	TRY(check_private(f, k));
	TRY(find_public(f, k, &k->public));
	TRY(check_kind(f, k));
	*out = k;
	k = NULL;
out:
	token_key_close(&k);
	return as_key(f, err);
}

coffer_err
token_key_public(struct fault *f, struct token_key *k, struct pubkey **out)
{
	struct buf der = BUF_INIT(SPKI_MAX);
	coffer_err err;

	TRY(pubkey_der(f, k->public, &der));
	TRY(pubkey_from_der(f, "the token's public key", buf_view(&der), out));
out:
	buf_free(&der);
	return err;
}

/* r or s as an INTEGER: no leading zeros, but one where the first bit is set. */
static void
put_integer(uint8_t *out, size_t *at, const uint8_t *p, size_t len)
{
	while (len > 1 && p[0] == 0) {
		p++;
		len--;
	}
	put_der(out, at, 0x02, len + (p[0] >> 7));
	if (p[0] & 0x80)
		out[(*at)++] = 0;
	memcpy(out + *at, p, len);
	*at += len;
}

/* r ‖ s of PKCS#11 as ECDSA-Sig-Value (RFC 3279 section 2.2.3). */
static coffer_err
add_signature(struct fault *f, const uint8_t *raw, size_t half, struct buf *out)
{
	uint8_t body[2 * (INTEGER_MAX + 4)], head[3];
	size_t n = 0, at = 0;
	coffer_err err;

	put_integer(body, &n, raw, half);
	put_integer(body, &n, raw + half, half);
	put_der(head, &at, 0x30, n);
	TRY(buf_add(f, out, head, at));
	TRY(buf_add(f, out, body, n));
out:
	return err;
}

coffer_err
token_key_sign(struct fault *f, struct token_key *k, enum digest_kind digest, const uint8_t *hash, struct buf *sig_out)
{
	CK_MECHANISM mechanism = {.mechanism = CKM_ECDSA};
	uint8_t raw[2 * INTEGER_MAX], to_sign[DIGEST_MAX];
	CK_ULONG len = sizeof(raw);
	size_t start = sig_out->len;
	coffer_err err;
	CK_RV rv;

	memcpy(to_sign, hash, digest_len(digest));
	rv = k->session.m->C_SignInit(k->session.handle, &mechanism, k->object);
	if (rv == CKR_OK)
		rv = k->session.m->C_Sign(k->session.handle, to_sign, digest_len(digest), raw, &len);
	if (rv != CKR_OK)
		return as_key(f, token_fault(f, &k->session, "sign", rv));
	if (len == 0 || len % 2 != 0 || len > sizeof(raw))
		return fault_set(f, COFFER_E_KEY, "token «%s» gave a signature of %lu bytes", k->session.label,
				 (unsigned long)len);
	TRY(add_signature(f, raw, len / 2, sig_out));
	err = pubkey_verify_digest(f, k->public, digest, hash, view_of(sig_out->p + start, sig_out->len - start));
	if (err == COFFER_E_SIGNATURE)
		err = fault_set(f, COFFER_E_KEY,
				"what token «%s» signed does not verify with the public key that it has beside: they "
				"are no pair",
				k->session.label);
out:
	return err;
}

void
token_key_close(struct token_key **key)
{
	struct token_key *k = *key;

	*key = NULL;
	if (!k)
		return;
	pubkey_free(&k->public);
	token_end(&k->session);
	token_free(&k->token);
	free(k);
}
