/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/token_wrap.h"

#include <string.h>

#include "base/limits.h"
#include "crypto/rand.h"

#define KEY_WRAP_KWP 0x210bUL /* CKM_AES_KEY_WRAP_KWP of PKCS#11 3.0 */
#define IV_LEN 12
#define TAG_LEN 16

static const struct token_mechanism mechanisms[] = {
	{.alg = "CKM_AES_GCM", .choice = "aes-gcm", .type = CKM_AES_GCM, .key_type = CKK_AES},
	{.alg = "CKM_AES_KEY_WRAP_KWP", .choice = "aes-kwp", .type = KEY_WRAP_KWP, .key_type = CKK_AES},
	{.alg = "CKM_AES_KEY_WRAP_PAD", .choice = "aes-kwp", .type = CKM_AES_KEY_WRAP_PAD, .key_type = CKK_AES},
	{.alg = "CKM_AES_KEY_WRAP", .choice = "aes-kwp", .type = CKM_AES_KEY_WRAP, .key_type = CKK_AES},
	{.alg = "CKM_RSA_PKCS_OAEP/SHA256",
	 .choice = "rsa-oaep",
	 .type = CKM_RSA_PKCS_OAEP,
	 .key_type = CKK_RSA,
	 .hash = CKM_SHA256,
	 .mgf = CKG_MGF1_SHA256},
	{.alg = "CKM_RSA_PKCS_OAEP/SHA1",
	 .choice = "rsa-oaep",
	 .type = CKM_RSA_PKCS_OAEP,
	 .key_type = CKK_RSA,
	 .hash = CKM_SHA_1,
	 .mgf = CKG_MGF1_SHA1},
};

const struct token_mechanism *
token_mechanism_at(size_t i)
{
	return i < sizeof(mechanisms) / sizeof(*mechanisms) ? &mechanisms[i] : NULL;
}

const struct token_mechanism *
token_mechanism_of(const char *alg)
{
	for (size_t i = 0; i < sizeof(mechanisms) / sizeof(*mechanisms); i++)
		if (strcmp(mechanisms[i].alg, alg) == 0)
			return &mechanisms[i];
	return NULL;
}

/* ---- the two ways ---- */

enum way { NO_WAY, AS_MESSAGE, AS_KEY };

static enum way
way_of(const struct token_session *s, const struct token_mechanism *mechanism, CK_OBJECT_HANDLE key, bool wraps)
{
	CK_MECHANISM_INFO info = {0}; /* SoftHSM 2.6.1 adds to the flags that it finds */

	if (s->m->C_GetMechanismInfo(s->slot, mechanism->type, &info) != CKR_OK)
		return NO_WAY;
	if ((info.flags & (wraps ? CKF_ENCRYPT : CKF_DECRYPT)) && token_may(s, key, wraps ? CKA_ENCRYPT : CKA_DECRYPT))
		return AS_MESSAGE;
	if ((info.flags & (wraps ? CKF_WRAP : CKF_UNWRAP)) && token_may(s, key, wraps ? CKA_WRAP : CKA_UNWRAP))
		return AS_KEY;
	return NO_WAY;
}

bool
token_can_wrap(const struct token_session *s, const struct token_mechanism *mechanism, CK_OBJECT_HANDLE key)
{
	return way_of(s, mechanism, key, true) != NO_WAY;
}

bool
token_can_unwrap(const struct token_session *s, const struct token_mechanism *mechanism, CK_OBJECT_HANDLE key)
{
	return way_of(s, mechanism, key, false) != NO_WAY;
}

/* ---- parameters ---- */

/* A mechanism with what it points to, which stays where it is. */
struct prepared {
	CK_MECHANISM mechanism;
	CK_GCM_PARAMS gcm;
	CK_RSA_PKCS_OAEP_PARAMS oaep;
	uint8_t iv[IV_LEN];
};

static void
prepare(const struct token_mechanism *mechanism, struct view aad, struct prepared *p)
{
	memset(p, 0, sizeof(*p));
	p->mechanism.mechanism = mechanism->type;
	if (mechanism->type == CKM_AES_GCM) {
		p->gcm.iv_ptr = p->iv;
		p->gcm.iv_len = IV_LEN;
		p->gcm.iv_bits = 8 * IV_LEN;
		p->gcm.aad_ptr = (uint8_t *)(uintptr_t)aad.p; /* is read only */
		p->gcm.aad_len = aad.len;
		p->gcm.tag_bits = 8 * TAG_LEN;
		p->mechanism.pParameter = &p->gcm;
		p->mechanism.ulParameterLen = sizeof(p->gcm);
	} else if (mechanism->type == CKM_RSA_PKCS_OAEP) {
		p->oaep.hash_alg = mechanism->hash;
		p->oaep.mgf = mechanism->mgf;
		p->oaep.source = CKZ_DATA_SPECIFIED; /* no label */
		p->mechanism.pParameter = &p->oaep;
		p->mechanism.ulParameterLen = sizeof(p->oaep);
	}
}

/* ---- wrapping ---- */

static CK_RV
encrypt(const struct token_session *s, struct prepared *p, CK_OBJECT_HANDLE key, struct view plain, uint8_t *out,
	CK_ULONG *len)
{
	CK_RV rv = s->m->C_EncryptInit(s->handle, &p->mechanism, key);

	return rv == CKR_OK ? s->m->C_Encrypt(s->handle, (uint8_t *)(uintptr_t)plain.p, plain.len, out, len) : rv;
}

static CK_RV
wrap_as_key(const struct token_session *s, struct prepared *p, CK_OBJECT_HANDLE key, struct view plain, uint8_t *out,
	    CK_ULONG *len)
{
	CK_OBJECT_CLASS class = CKO_SECRET_KEY;
	CK_KEY_TYPE type = CKK_GENERIC_SECRET;
	CK_BBOOL yes = CK_TRUE, no = CK_FALSE, private = s->logged_in;
	CK_OBJECT_HANDLE object;
	CK_ATTRIBUTE template[] = {
		{CKA_CLASS, &class, sizeof(class)},   {CKA_KEY_TYPE, &type, sizeof(type)},
		{CKA_TOKEN, &no, sizeof(no)},	      {CKA_PRIVATE, &private, sizeof(private)},
		{CKA_EXTRACTABLE, &yes, sizeof(yes)}, {CKA_VALUE, (uint8_t *)(uintptr_t)plain.p, plain.len},
	};
	CK_RV rv = s->m->C_CreateObject(s->handle, template, sizeof(template) / sizeof(*template), &object);

	if (rv != CKR_OK)
		return rv;
	rv = s->m->C_WrapKey(s->handle, &p->mechanism, key, object, out, len);
	(void)s->m->C_DestroyObject(s->handle, object);
	return rv;
}

static bool
is_about_parameters(CK_RV rv)
{
	return rv == CKR_MECHANISM_INVALID || rv == CKR_MECHANISM_PARAM_INVALID || rv == CKR_ARGUMENTS_BAD;
}

static CK_RV
wrap_some_way(const struct token_session *s, const struct token_mechanism *mechanism, struct prepared *p,
	      CK_OBJECT_HANDLE key, struct view plain, uint8_t *out, CK_ULONG *len)
{
	enum way way = way_of(s, mechanism, key, true);
	CK_RV rv;

	*len = LIMIT_WRAPPED;
	rv = way == AS_KEY ? wrap_as_key(s, p, key, plain, out, len) : encrypt(s, p, key, plain, out, len);
	if (mechanism->type != CKM_AES_GCM || !is_about_parameters(rv))
		return rv;
	/* one that makes its own IV wants room for it, and nothing in there */
	memset(p->iv, 0, IV_LEN);
	*len = LIMIT_WRAPPED;
	return way == AS_KEY ? wrap_as_key(s, p, key, plain, out, len) : encrypt(s, p, key, plain, out, len);
}

static coffer_err
check_gcm(struct fault *f, const struct token_session *s, const struct prepared *p, struct view plain, size_t len)
{
	if (len != plain.len + TAG_LEN)
		return fault_set(f, COFFER_E_KEY,
				 "token «%s» made %zu bytes by AES-GCM where %zu were expected; try another mechanism: "
				 "" TOKEN_URI_MECHANISM "=aes-kwp",
				 s->label, len, plain.len + TAG_LEN);
	if (view_zero(view_of(p->iv, IV_LEN)))
		return fault_set(f, COFFER_E_KEY,
				 "token «%s» took no IV for AES-GCM and gave none back; try another "
				 "mechanism: " TOKEN_URI_MECHANISM "=aes-kwp",
				 s->label);
	return COFFER_OK;
}

coffer_err
token_wrap(struct fault *f, const struct token_session *s, const struct token_mechanism *mechanism,
	   CK_OBJECT_HANDLE key, struct view plain, struct view aad, struct buf *out)
{
	uint8_t wrapped[LIMIT_WRAPPED];
	struct prepared p;
	CK_ULONG len;
	coffer_err err;
	CK_RV rv;

	prepare(mechanism, aad, &p);
	TRY(rand_bytes(f, p.iv, sizeof(p.iv)));
	rv = wrap_some_way(s, mechanism, &p, key, plain, wrapped, &len);
	if (is_about_parameters(rv))
		return COFFER_E_UNSUPPORTED;
	if (rv != CKR_OK)
		TRY(token_fault(f, s, "wrap", rv));
	if (mechanism->type == CKM_AES_GCM) {
		TRY(check_gcm(f, s, &p, plain, len));
		TRY(buf_add(f, out, p.iv, IV_LEN)); /* as it is now: the token may have made its own */
	}
	TRY(buf_add(f, out, wrapped, len));
out:
	return err;
}

/* ---- unwrapping ---- */

/* @began: whether the token had no objection before it saw what is wrapped */
static CK_RV
decrypt(const struct token_session *s, struct prepared *p, CK_OBJECT_HANDLE key, struct view wrapped, uint8_t *out,
	CK_ULONG *len, bool *began)
{
	CK_RV rv = s->m->C_DecryptInit(s->handle, &p->mechanism, key);

	*began = rv == CKR_OK;
	return *began ? s->m->C_Decrypt(s->handle, (uint8_t *)(uintptr_t)wrapped.p, wrapped.len, out, len) : rv;
}

static bool
is_about_key(CK_RV rv)
{
	return rv == CKR_MECHANISM_INVALID || rv == CKR_KEY_HANDLE_INVALID || rv == CKR_UNWRAPPING_KEY_HANDLE_INVALID ||
	       rv == CKR_UNWRAPPING_KEY_TYPE_INCONSISTENT || rv == CKR_TEMPLATE_INCONSISTENT ||
	       rv == CKR_TEMPLATE_INCOMPLETE || rv == CKR_ATTRIBUTE_VALUE_INVALID || rv == CKR_ATTRIBUTE_TYPE_INVALID ||
	       rv == CKR_ATTRIBUTE_READ_ONLY || rv == CKR_ATTRIBUTE_SENSITIVE;
}

static CK_RV
unwrap_as_key(const struct token_session *s, struct prepared *p, CK_OBJECT_HANDLE key, struct view wrapped,
	      uint8_t *out, CK_ULONG *len, bool *began)
{
	CK_OBJECT_CLASS class = CKO_SECRET_KEY;
	CK_KEY_TYPE type = CKK_GENERIC_SECRET;
	CK_BBOOL yes = CK_TRUE, no = CK_FALSE, private = s->logged_in;
	CK_OBJECT_HANDLE object;
	CK_ATTRIBUTE value = {CKA_VALUE, out, *len};
	CK_ATTRIBUTE template[] = {
		{CKA_CLASS, &class, sizeof(class)},   {CKA_KEY_TYPE, &type, sizeof(type)},
		{CKA_TOKEN, &no, sizeof(no)},	      {CKA_PRIVATE, &private, sizeof(private)},
		{CKA_EXTRACTABLE, &yes, sizeof(yes)}, {CKA_SENSITIVE, &no, sizeof(no)},
	};
	CK_RV rv = s->m->C_UnwrapKey(s->handle, &p->mechanism, key, (uint8_t *)(uintptr_t)wrapped.p, wrapped.len,
				     template, sizeof(template) / sizeof(*template), &object);

	*began = !is_about_key(rv);
	if (rv != CKR_OK)
		return rv;
	rv = s->m->C_GetAttributeValue(s->handle, object, &value, 1);
	*len = value.ulValueLen;
	*began = !is_about_key(rv);
	(void)s->m->C_DestroyObject(s->handle, object);
	return rv;
}

coffer_err
token_unwrap(struct fault *f, const struct token_session *s, const struct token_mechanism *mechanism,
	     CK_OBJECT_HANDLE key, struct view wrapped, struct view aad, uint8_t *plain_out, size_t plain_len)
{
	struct secret room = SECRET_INIT;
	struct prepared p;
	bool began = true;
	CK_ULONG len;
	CK_RV rv = CKR_OK;
	coffer_err err;

	memset(plain_out, 0, plain_len);
	/* some want as much room as there is to unwrap, or as the modulus has */
	TRY(secret_new(f, &room, LIMIT_WRAPPED));
	len = room.len;
	prepare(mechanism, aad, &p);
	if (mechanism->type == CKM_AES_GCM && !view_copy(&wrapped, p.iv, IV_LEN))
		rv = CKR_ENCRYPTED_DATA_LEN_RANGE;
	else if (way_of(s, mechanism, key, false) == AS_KEY)
		rv = unwrap_as_key(s, &p, key, wrapped, room.p, &len, &began);
	else
		rv = decrypt(s, &p, key, wrapped, room.p, &len, &began);
	if (rv != CKR_OK && (!began || token_is_trouble(rv)))
		TRY(token_fault(f, s, "unwrap", rv));
	/* which failure it was is not told: of RSA it would help who tries */
	if (rv != CKR_OK || len != plain_len)
		TRY(fault_set(
			f, COFFER_E_AUTH,
			"token «%s» cannot open the wrapped key: it is damaged, of another key, or belongs to another "
			"model",
			s->label));
	memcpy(plain_out, room.p, plain_len);
out:
	secret_free(&room);
	return err;
}
