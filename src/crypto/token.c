/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/token.h"

#include <p11-kit/p11-kit.h>
#include <p11-kit/uri.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/limits.h"
#include "crypto/cert.h"

#define ID_MAX 256     /* bytes of a CKA_ID or label that is looked at */
#define PIN_MAX 256    /* bytes */
#define POINT_MAX 256  /* bytes of a CKA_EC_POINT: 2 · 66 + 1, and its OCTET STRING */
#define SPKI_MAX 512   /* bytes of a CKA_PUBLIC_KEY_INFO */
#define LABEL_LEN 33   /* of a token, with a NUL */
#define INTEGER_MAX 66 /* bytes of r or s on P-521 */

struct token_key {
	CK_FUNCTION_LIST **modules; /* loaded and initialised; ends with NULL */
	bool configured;	    /* they are those of p11-kit's configuration */
	CK_FUNCTION_LIST *module;   /* the one that has the token */
	CK_SLOT_ID slot;
	CK_SESSION_HANDLE session; /* 0 = none */
	CK_OBJECT_HANDLE object;
	char label[LABEL_LEN]; /* the token's, for messages */
	struct pubkey *public;
};

/* ---- messages ---- */

static coffer_err
refused(struct fault *f, const struct token_key *k, const char *what, CK_RV rv)
{
	coffer_err err = rv == CKR_HOST_MEMORY ? COFFER_E_NOMEM : COFFER_E_KEY;

	return fault_set(f, err, "token «%s» cannot %s: %s (0x%lx)", k->label, what, p11_kit_strerror(rv),
			 (unsigned long)rv);
}

/* Names on tokens are padded with spaces. */
static void
take_label(char out[static LABEL_LEN], const CK_TOKEN_INFO *info)
{
	size_t len = sizeof(info->label);

	while (len > 0 && info->label[len - 1] == ' ')
		len--;
	memcpy(out, info->label, len);
	out[len] = '\0';
}

/* ---- the URI ---- */

static coffer_err
parse_uri(struct fault *f, const char *text, P11KitUri **out)
{
	int rc;

	*out = p11_kit_uri_new();
	if (!*out)
		return fault_nomem(f);
	rc = p11_kit_uri_parse(text, P11_KIT_URI_FOR_ANY, *out);
	/* the text itself may hold a PIN: it is no part of any message */
	if (rc != P11_KIT_URI_OK)
		return fault_set(f, COFFER_E_USAGE,
				 "the PKCS#11 URI cannot be read: %s; it is written "
				 "pkcs11:token=NAME;object=LABEL?pin-source=file:PATH",
				 p11_kit_uri_message(rc));
	if (p11_kit_uri_any_unrecognized(*out))
		return fault_set(
			f, COFFER_E_USAGE,
			"the PKCS#11 URI has an attribute that is not known (RFC 7512 lists them); leave it out");
	if (p11_kit_uri_get_pin_value(*out))
		return fault_set(f, COFFER_E_USAGE,
				 "the PKCS#11 URI has a pin-value, which everybody on this machine can read in the "
				 "list of processes; "
				 "write the PIN to a file and give pin-source=file:PATH, or leave it out to be asked");
	return COFFER_OK;
}

/* ---- modules ---- */

static coffer_err
load_module(struct fault *f, struct token_key *k, const char *path)
{
	CK_RV rv;

	k->modules = calloc(2, sizeof(CK_FUNCTION_LIST *));
	if (!k->modules)
		return fault_nomem(f);
	k->modules[0] = p11_kit_module_load(path, 0);
	if (!k->modules[0])
		return fault_set(f, COFFER_E_NOTFOUND, "the PKCS#11 module %s cannot be loaded; is the path right?",
				 path);
	rv = p11_kit_module_initialize(k->modules[0]);
	if (rv == CKR_OK)
		return COFFER_OK;
	p11_kit_module_release(k->modules[0]);
	k->modules[0] = NULL;
	return fault_set(f, COFFER_E_KEY, "the PKCS#11 module %s cannot start: %s", path, p11_kit_strerror(rv));
}

static bool
find_module(const char *name, char *path, size_t cap)
{
	static const char *const folders[] = {
		"/usr/lib64/pkcs11",
		"/usr/lib/pkcs11",
#if defined(__x86_64__)
		"/usr/lib/x86_64-linux-gnu/pkcs11",
		"/usr/lib/x86_64-linux-gnu",
#elif defined(__aarch64__)
		"/usr/lib/aarch64-linux-gnu/pkcs11",
		"/usr/lib/aarch64-linux-gnu",
#endif
		"/usr/lib/softhsm",
		"/usr/local/lib/pkcs11",
		"/usr/local/lib",
	};
	/* «softhsm2» may be libsofthsm2.so */
	static const struct {
		const char *before, *behind;
	} forms[] = {{"", ""}, {"", ".so"}, {"lib", ".so"}};

	for (size_t i = 0; i < sizeof(folders) / sizeof(*folders); i++) {
		for (size_t j = 0; j < sizeof(forms) / sizeof(*forms); j++) {
			int len = snprintf(path, cap, "%s/%s%s%s", folders[i], forms[j].before, name, forms[j].behind);

			if (len > 0 && (size_t)len < cap && access(path, R_OK) == 0)
				return true;
		}
	}
	return false;
}

static coffer_err
load_named(struct fault *f, struct token_key *k, const char *name)
{
	char path[512];

	if (strchr(name, '/') || !find_module(name, path, sizeof(path)))
		return fault_set(
			f, COFFER_E_NOTFOUND,
			"there is no PKCS#11 module called %s in the usual places; give module-path=/…/module.so",
			name);
	return load_module(f, k, path);
}

static coffer_err
load_configured(struct fault *f, struct token_key *k)
{
	k->modules = p11_kit_modules_load_and_initialize(0);
	k->configured = true;
	if (!k->modules || !k->modules[0])
		return fault_set(
			f, COFFER_E_NOTFOUND,
			"no PKCS#11 module is configured here; name one in the URI: ?module-path=/…/module.so");
	return COFFER_OK;
}

static coffer_err
load_modules(struct fault *f, struct token_key *k, P11KitUri *uri, const char *module)
{
	const char *path = module ? module : p11_kit_uri_get_module_path(uri);
	const char *name = p11_kit_uri_get_module_name(uri);

	if (path && path[0] != '/')
		return fault_set(f, COFFER_E_USAGE, "the PKCS#11 module %s must be an absolute path", path);
	if (path)
		return load_module(f, k, path);
	return name ? load_named(f, k, name) : load_configured(f, k);
}

static void
unload_modules(struct token_key *k)
{
	if (k->configured) {
		if (k->modules)
			p11_kit_modules_finalize_and_release(k->modules);
	} else if (k->modules) {
		if (k->modules[0]) {
			p11_kit_module_finalize(k->modules[0]);
			p11_kit_module_release(k->modules[0]);
		}
		free(k->modules);
	}
	k->modules = NULL;
}

/* ---- the token ---- */

static bool
slot_matches(CK_FUNCTION_LIST *m, CK_SLOT_ID slot, P11KitUri *uri, CK_TOKEN_INFO *token)
{
	CK_SLOT_ID wanted = p11_kit_uri_get_slot_id(uri);
	CK_SLOT_INFO info;

	return (wanted == (CK_SLOT_ID)-1 || wanted == slot) && m->C_GetSlotInfo(slot, &info) == CKR_OK &&
	       p11_kit_uri_match_slot_info(uri, &info) == 1 && m->C_GetTokenInfo(slot, token) == CKR_OK &&
	       (token->flags & CKF_TOKEN_INITIALIZED) && p11_kit_uri_match_token_info(uri, token) == 1;
}

/* Look for tokens of one module; *n_found counts them over all modules. */
static coffer_err
find_in_module(struct fault *f, struct token_key *k, CK_FUNCTION_LIST *m, P11KitUri *uri, size_t *n_found)
{
	CK_SLOT_ID slots[256];
	CK_ULONG n = sizeof(slots) / sizeof(*slots);
	CK_RV rv = m->C_GetSlotList(CK_TRUE, slots, &n);
	CK_TOKEN_INFO token;

	if (rv != CKR_OK)
		return k->configured ? COFFER_OK
				     : fault_set(f, COFFER_E_KEY, "the PKCS#11 module cannot list its slots: %s",
						 p11_kit_strerror(rv));
	for (CK_ULONG i = 0; i < n; i++) {
		if (!slot_matches(m, slots[i], uri, &token))
			continue;
		if ((*n_found)++ > 0)
			continue;
		k->module = m;
		k->slot = slots[i];
		take_label(k->label, &token);
	}
	return COFFER_OK;
}

static coffer_err
find_token(struct fault *f, struct token_key *k, P11KitUri *uri)
{
	size_t n_found = 0;
	coffer_err err = COFFER_OK;

	for (size_t i = 0; k->modules[i] && err == COFFER_OK; i++)
		err = find_in_module(f, k, k->modules[i], uri, &n_found);
	if (err != COFFER_OK)
		return err;
	if (n_found == 0)
		return fault_set(
			f, COFFER_E_NOTFOUND,
			"no token is as the PKCS#11 URI says; «pkcs11-tool --module … -L» lists what there is");
	if (n_found > 1)
		return fault_set(f, COFFER_E_KEY,
				 "the PKCS#11 URI fits %zu tokens; add token=LABEL, serial=… or slot-id=…", n_found);
	return COFFER_OK;
}

/* ---- logging in ---- */

static coffer_err
read_pin_file(struct fault *f, const char *path, struct secret *pin)
{
	struct secret text = SECRET_INIT;
	size_t len = 0;
	coffer_err err;
	FILE *file;

	TRY(secret_new(f, &text, PIN_MAX + 2));
	file = fopen(path, "re");
	if (!file)
		TRY(fault_set(f, COFFER_E_NOTFOUND, "the PIN cannot be read from %s (pin-source)", path));
	setvbuf(file, NULL, _IONBF, 0); /* no copy of it is left in a buffer */
	len = fread(text.p, 1, PIN_MAX + 2, file);
	(void)fclose(file);
	for (size_t i = 0; i < len; i++)
		if (text.p[i] == '\n' || text.p[i] == '\r')
			len = i;
	if (len == 0 || len > PIN_MAX)
		TRY(fault_set(f, COFFER_E_KEY, "%s must hold a PIN of 1 to %d bytes in its first line", path, PIN_MAX));
	TRY(secret_new(f, pin, len));
	memcpy(pin->p, text.p, len);
out:
	secret_free(&text);
	return err;
}

static coffer_err
get_pin(struct fault *f, const struct token_key *k, P11KitUri *uri, const struct token_pin *ask, struct secret *pin)
{
	const char *source = p11_kit_uri_get_pin_source(uri);

	if (source && strncmp(source, "file://", 7) == 0 && source[7] == '/')
		return read_pin_file(f, source + 7, pin);
	if (source && strncmp(source, "file:", 5) == 0)
		return read_pin_file(f, source + 5, pin);
	if (source && source[0] == '/')
		return read_pin_file(f, source, pin);
	if (source)
		return fault_set(f, COFFER_E_USAGE, "pin-source=%s is not known; it is a file: file:PATH", source);
	if (ask && ask->ask)
		return ask->ask(ask->user, f, k->label, pin);
	return fault_set(f, COFFER_E_KEY, "token «%s» wants a PIN; give pin-source=file:PATH in the URI", k->label);
}

static coffer_err
wrong_pin(struct fault *f, struct token_key *k, CK_RV rv)
{
	CK_TOKEN_INFO info;
	const char *left = "";

	if (rv == CKR_PIN_LOCKED)
		return fault_set(f, COFFER_E_KEY,
				 "token «%s» is locked after too many wrong PINs; its security officer can unlock it",
				 k->label);
	if (rv != CKR_PIN_INCORRECT && rv != CKR_PIN_LEN_RANGE && rv != CKR_PIN_INVALID)
		return refused(f, k, "be logged in to", rv);
	if (k->module->C_GetTokenInfo(k->slot, &info) == CKR_OK) {
		if (info.flags & CKF_USER_PIN_LOCKED)
			left = "; it is locked now";
		else if (info.flags & CKF_USER_PIN_FINAL_TRY)
			left = "; one try is left before it locks";
	}
	return fault_set(f, COFFER_E_KEY, "wrong PIN for token «%s»%s", k->label, left);
}

static coffer_err
log_in(struct fault *f, struct token_key *k, P11KitUri *uri, const struct token_pin *ask)
{
	struct secret pin = SECRET_INIT;
	CK_TOKEN_INFO info;
	CK_RV rv = k->module->C_GetTokenInfo(k->slot, &info);
	bool has_pad = rv == CKR_OK && (info.flags & CKF_PROTECTED_AUTHENTICATION_PATH); /* its own keyboard */
	coffer_err err = COFFER_OK;

	if (rv != CKR_OK)
		return refused(f, k, "be asked", rv);
	if (!(info.flags & CKF_LOGIN_REQUIRED))
		return COFFER_OK;
	if (!has_pad)
		TRY(get_pin(f, k, uri, ask, &pin));
	rv = k->module->C_Login(k->session, CKU_USER, pin.p, pin.len);
	if (rv != CKR_OK && rv != CKR_USER_ALREADY_LOGGED_IN)
		TRY(wrong_pin(f, k, rv));
out:
	secret_free(&pin);
	return err;
}

/* ---- objects ---- */

static size_t
find_objects(struct token_key *k, CK_ATTRIBUTE *template, size_t n, CK_OBJECT_HANDLE found[static 2])
{
	CK_ULONG got = 0;

	if (k->module->C_FindObjectsInit(k->session, template, n) != CKR_OK)
		return 0;
	if (k->module->C_FindObjects(k->session, found, 2, &got) != CKR_OK)
		got = 0;
	(void)k->module->C_FindObjectsFinal(k->session);
	return got;
}

/* An attribute of at most @cap bytes. */
static bool
get_attribute(struct token_key *k, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type, void *out, size_t cap, size_t *len)
{
	CK_ATTRIBUTE a = {.type = type, .pValue = out, .ulValueLen = cap};

	*len = 0;
	if (k->module->C_GetAttributeValue(k->session, object, &a, 1) != CKR_OK || a.ulValueLen == (CK_ULONG)-1 ||
	    a.ulValueLen > cap)
		return false;
	*len = a.ulValueLen;
	return true;
}

static coffer_err
find_private(struct fault *f, struct token_key *k, P11KitUri *uri)
{
	CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
	CK_ATTRIBUTE template[3] = {{CKA_CLASS, &class, sizeof(class)}};
	CK_OBJECT_HANDLE found[2];
	CK_ATTRIBUTE *a;
	size_t n = 1;

	/* the type of the URI is left out: tools print type=public for a pair */
	if ((a = p11_kit_uri_get_attribute(uri, CKA_ID)))
		template[n++] = *a;
	if ((a = p11_kit_uri_get_attribute(uri, CKA_LABEL)))
		template[n++] = *a;
	switch (find_objects(k, template, n, found)) {
	case 0:
		return fault_set(f, COFFER_E_NOTFOUND,
				 "token «%s» has no private key as the PKCS#11 URI says; «pkcs11-tool -O --login» "
				 "lists its objects",
				 k->label);
	case 1:
		k->object = found[0];
		return COFFER_OK;
	default:
		return fault_set(f, COFFER_E_KEY,
				 "the PKCS#11 URI fits several keys of token «%s»; add object=LABEL or id=%%…",
				 k->label);
	}
}

static coffer_err
check_private(struct fault *f, struct token_key *k)
{
	CK_KEY_TYPE type = 0;
	CK_BBOOL may_sign = CK_TRUE;
	size_t len;

	if (!get_attribute(k, k->object, CKA_KEY_TYPE, &type, sizeof(type), &len) || type != CKK_EC)
		return fault_set(f, COFFER_E_KEY,
				 "the key on token «%s» is no EC key; signing wants P-256, P-384 or P-521", k->label);
	if (get_attribute(k, k->object, CKA_SIGN, &may_sign, sizeof(may_sign), &len) && !may_sign)
		return fault_set(f, COFFER_E_KEY, "the key on token «%s» may not sign (CKA_SIGN is false)", k->label);
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

	if (get_attribute(k, object, CKA_EC_PARAMS, params, sizeof(params), &params_len) && params_len > 0 &&
	    get_attribute(k, object, CKA_EC_POINT, point, sizeof(point), &point_len) && point_len > 0)
		return public_from_point(f, view_of(params, params_len), unwrap_point(point, point_len), out);
	if (get_attribute(k, object, CKA_PUBLIC_KEY_INFO, spki, sizeof(spki), &spki_len) && spki_len > 0)
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
	if (get_attribute(k, object, CKA_VALUE, der, LIMIT_CERT, &len) && len > 0)
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

	if (!get_attribute(k, k->object, CKA_ID, id, sizeof(id), &id_len) || id_len == 0)
		return false;
	template[1].ulValueLen = id_len;
	if (find_objects(k, template, 2, found) == 0)
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
			k->label);
	return err;
}

static coffer_err
check_kind(struct fault *f, const struct token_key *k)
{
	enum pkey_kind kind = pubkey_kind(k->public);

	if (kind == PKEY_P256 || kind == PKEY_P384 || kind == PKEY_P521)
		return COFFER_OK;
	return fault_set(f, COFFER_E_KEY, "the key on token «%s» is %s; signing wants P-256, P-384 or P-521", k->label,
			 pkey_kind_name(kind));
}

/* ---- the verbs ---- */

static coffer_err
open_session(struct fault *f, struct token_key *k)
{
	CK_RV rv = k->module->C_OpenSession(k->slot, CKF_SERIAL_SESSION, NULL, NULL, &k->session);

	if (rv == CKR_OK)
		return COFFER_OK;
	k->session = 0;
	return refused(f, k, "be opened", rv);
}

coffer_err
token_key_open(struct fault *f, const char *uri_text, const char *module, const struct token_pin *pin,
	       struct token_key **out)
{
	struct token_key *k = calloc(1, sizeof(*k));
	P11KitUri *uri = NULL;
	coffer_err err;

	*out = NULL;
	if (!k)
		return fault_nomem(f);
	TRY(parse_uri(f, uri_text, &uri));
	TRY(load_modules(f, k, uri, module));
	TRY(find_token(f, k, uri));
	TRY(open_session(f, k));
	TRY(log_in(f, k, uri, pin));
	TRY(find_private(f, k, uri));
	TRY(check_private(f, k));
	TRY(find_public(f, k, &k->public));
	TRY(check_kind(f, k));
	*out = k;
	k = NULL;
out:
	token_key_close(&k);
	p11_kit_uri_free(uri);
	return err;
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
	rv = k->module->C_SignInit(k->session, &mechanism, k->object);
	if (rv == CKR_OK)
		rv = k->module->C_Sign(k->session, to_sign, digest_len(digest), raw, &len);
	if (rv != CKR_OK)
		return refused(f, k, "sign", rv);
	if (len == 0 || len % 2 != 0 || len > sizeof(raw))
		return fault_set(f, COFFER_E_KEY, "token «%s» gave a signature of %lu bytes", k->label,
				 (unsigned long)len);
	TRY(add_signature(f, raw, len / 2, sig_out));
	err = pubkey_verify_digest(f, k->public, digest, hash, view_of(sig_out->p + start, sig_out->len - start));
	if (err == COFFER_E_SIGNATURE)
		err = fault_set(f, COFFER_E_KEY,
				"what token «%s» signed does not verify with the public key that it has beside: they "
				"are no pair",
				k->label);
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
	if (k->session)
		(void)k->module->C_CloseSession(k->session); /* the last one logs out */
	unload_modules(k);
	free(k);
}
