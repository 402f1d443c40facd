/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/token_kek.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/limits.h"
#include "base/num.h"
#include "crypto/rand.h"
#include "crypto/token.h"
#include "crypto/token_wrap.h"

#define ID_MAX 256	/* bytes of a CKA_ID or label */
#define NEW_ID_LEN 16	/* of a key that is made here */
#define MODULUS_MIN 256 /* bytes: RSA of 2048 bits */

struct token_kek {
	struct token *token;
	const char *choice; /* coffer-mech, or NULL */
};

/* struct object - a key that was found */
struct object {
	CK_OBJECT_HANDLE handle;
	CK_KEY_TYPE key_type;
};

/* ---- made and freed ---- */

static bool
is_choice(const char *choice)
{
	const struct token_mechanism *m;

	for (size_t i = 0; (m = token_mechanism_at(i)); i++)
		if (strcmp(m->choice, choice) == 0)
			return true;
	return false;
}

coffer_err
token_kek_new(struct fault *f, const char *text, const struct token_pin *pin, struct token_kek **out)
{
	struct token_kek *kek = calloc(1, sizeof(*kek));
	P11KitUri *uri = NULL;
	coffer_err err;

	*out = NULL;
	if (!kek)
		return fault_nomem(f);
	TRY(token_uri_parse(f, text, &uri));
	kek->choice = p11_kit_uri_get_vendor_query(uri, TOKEN_URI_MECHANISM);
	TRY(token_new(f, uri, NULL, pin, &kek->token));
	if (kek->choice && !is_choice(kek->choice))
		TRY(fault_set(f, COFFER_E_USAGE, TOKEN_URI_MECHANISM " is aes-gcm, aes-kwp or rsa-oaep"));
	*out = kek;
	kek = NULL;
out:
	token_kek_free(&kek);
	return err;
}

void
token_kek_free(struct token_kek **kek)
{
	if (*kek)
		token_free(&(*kek)->token);
	free(*kek);
	*kek = NULL;
}

/* What is written in a model: an object, with no query in which a module or a PIN could stand. */
static coffer_err
parse_id(struct fault *f, const char *id, P11KitUri **out)
{
	coffer_err err = COFFER_E_FORMAT;

	*out = NULL;
	if (!strchr(id, '?'))
		err = token_uri_parse(NULL, id, out);
	if (err == COFFER_OK || err == COFFER_E_NOMEM)
		return err == COFFER_OK ? err : fault_nomem(f);
	return fault_set(f, COFFER_E_FORMAT, "the id of a recipient of kind «pkcs11» is no URI of an object");
}

bool
token_kek_fits(const struct token_kek *kek, const char *id)
{
	P11KitUri *uri = NULL;
	bool fits = parse_id(NULL, id, &uri) == COFFER_OK && token_uri_agree(token_uri(kek->token), uri);

	p11_kit_uri_free(uri);
	return fits;
}

/* ---- finding the key ---- */

/* Whether the URI leaves room for a key of @type. */
static bool
is_wanted(const struct token_kek *kek, CK_KEY_TYPE type)
{
	const CK_ATTRIBUTE *a = p11_kit_uri_get_attribute(token_uri(kek->token), CKA_CLASS);
	CK_OBJECT_CLASS class = type == CKK_AES ? CKO_SECRET_KEY : CKO_PUBLIC_KEY;

	if (kek->choice && strncmp(kek->choice, "rsa", 3) == 0 && type != CKK_RSA)
		return false;
	if (kek->choice && strncmp(kek->choice, "aes", 3) == 0 && type != CKK_AES)
		return false;
	if (a && a->ulValueLen == sizeof(class))
		memcpy(&class, a->pValue, sizeof(class));
	/* tools print type=private or type=cert for a pair */
	return (class == CKO_SECRET_KEY) == (type == CKK_AES);
}

/* Keys with the label and id of @uri, or where that has none of @also, which may be NULL. */
static size_t
find_keys(const struct token_session *s, CK_OBJECT_CLASS class, CK_KEY_TYPE type, P11KitUri *uri, P11KitUri *also,
	  CK_OBJECT_HANDLE found[static 2])
{
	static const CK_ATTRIBUTE_TYPE names[] = {CKA_LABEL, CKA_ID};
	CK_ATTRIBUTE template[4] = {{CKA_CLASS, &class, sizeof(class)}, {CKA_KEY_TYPE, &type, sizeof(type)}};
	size_t n = 2;

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		const CK_ATTRIBUTE *a = p11_kit_uri_get_attribute(uri, names[i]);

		if (!a && also)
			a = p11_kit_uri_get_attribute(also, names[i]);
		if (a)
			template[n++] = *a;
	}
	return token_find(s, template, n, found);
}

static coffer_err
several(struct fault *f, const struct token_session *s)
{
	return fault_set(f, COFFER_E_KEY,
			 "the PKCS#11 URI fits several keys of token «%s»; add object=LABEL, id=%%… or type=…",
			 s->label);
}

/* COFFER_E_NOTFOUND, without a sentence: some are seen after a login alone. */
static coffer_err
find_wrapping(struct fault *f, const struct token_kek *kek, const struct token_session *s, struct object *out)
{
	static const struct {
		CK_KEY_TYPE type;
		CK_OBJECT_CLASS class;
	} sorts[] = {{CKK_AES, CKO_SECRET_KEY}, {CKK_RSA, CKO_PUBLIC_KEY}};
	size_t total = 0;

	for (size_t i = 0; i < sizeof(sorts) / sizeof(*sorts); i++) {
		CK_OBJECT_HANDLE found[2];
		size_t n;

		if (!is_wanted(kek, sorts[i].type))
			continue;
		n = find_keys(s, sorts[i].class, sorts[i].type, token_uri(kek->token), NULL, found);
		if (n > 0)
			*out = (struct object){.handle = found[0], .key_type = sorts[i].type};
		total += n;
	}
	if (total > 1)
		return several(f, s);
	return total == 1 ? COFFER_OK : COFFER_E_NOTFOUND;
}

static coffer_err
find_unwrapping(struct fault *f, const struct token_kek *kek, const struct token_session *s, CK_KEY_TYPE type,
		P11KitUri *id, CK_OBJECT_HANDLE *out)
{
	CK_OBJECT_HANDLE found[2];

	switch (find_keys(s, type == CKK_AES ? CKO_SECRET_KEY : CKO_PRIVATE_KEY, type, token_uri(kek->token), id,
			  found)) {
	case 0:
		return fault_set(f, COFFER_E_REFUSED,
				 "token «%s» has not (or no more) the key that the model is sealed for; «pkcs11-tool "
				 "-O --login» lists what it has",
				 s->label);
	case 1:
		*out = found[0];
		return COFFER_OK;
	default:
		return several(f, s);
	}
}

static coffer_err
check_modulus(struct fault *f, const struct token_session *s, const struct object *o)
{
	uint8_t modulus[LIMIT_WRAPPED];
	size_t len;

	if (o->key_type != CKK_RSA || !token_attribute(s, o->handle, CKA_MODULUS, modulus, sizeof(modulus), &len) ||
	    len >= MODULUS_MIN)
		return COFFER_OK;
	return fault_set(f, COFFER_E_KEY, "the RSA key on token «%s» has %zu bits; it takes %d", s->label, 8 * len,
			 8 * MODULUS_MIN);
}

static coffer_err
name_object(struct fault *f, const struct token_session *s, CK_OBJECT_HANDLE object, struct buf *out)
{
	uint8_t label[ID_MAX], id[ID_MAX];
	size_t label_len, id_len;

	(void)token_attribute(s, object, CKA_LABEL, label, sizeof(label), &label_len);
	(void)token_attribute(s, object, CKA_ID, id, sizeof(id), &id_len);
	if (label_len + id_len == 0)
		return fault_set(f, COFFER_E_KEY,
				 "the key on token «%s» has neither label nor id (or one of more than %d bytes), so it "
				 "could not be found again; give it one",
				 s->label, ID_MAX);
	return token_uri_add(f, &s->info, view_of(label, label_len), view_of(id, id_len), out);
}

/* ---- wrapping ---- */

static bool
is_taken(const struct token_kek *kek, const struct token_session *s, const struct token_mechanism *m,
	 const struct object *o)
{
	return m->key_type == o->key_type && (!kek->choice || strcmp(kek->choice, m->choice) == 0) &&
	       token_can_wrap(s, m, o->handle);
}

static coffer_err
no_mechanism(struct fault *f, const struct token_kek *kek, const struct token_session *s)
{
	return fault_set(f, COFFER_E_REFUSED,
			 "the key on token «%s» may not wrap%s%s: the key does not allow it (CKA_ENCRYPT, CKA_WRAP), "
			 "or the token has no such mechanism",
			 s->label, kek->choice ? " by " : "", kek->choice ? kek->choice : "");
}

/* By the first mechanism that does it. */
static coffer_err
wrap_with(struct fault *f, const struct token_kek *kek, const struct token_session *s, const struct object *o,
	  struct view plain, struct view aad, const char **alg_out, struct buf *out)
{
	const struct token_mechanism *m;

	for (size_t i = 0; (m = token_mechanism_at(i)); i++) {
		coffer_err err;

		if (!is_taken(kek, s, m, o))
			continue;
		*alg_out = m->alg;
		err = token_wrap(f, s, m, o->handle, plain, aad, out);
		if (err != COFFER_E_UNSUPPORTED)
			return err;
	}
	return no_mechanism(f, kek, s);
}

static coffer_err
none(struct fault *f, const struct token_session *s)
{
	return fault_set(
		f, COFFER_E_REFUSED,
		"token «%s» has no AES or RSA key as the PKCS#11 URI says; «pkcs11-tool -O --login» lists what it has",
		s->label);
}

static coffer_err
try_wrap(struct fault *f, struct token_kek *kek, enum token_access access, struct view plain, struct view aad,
	 struct buf *id_out, const char **alg_out, struct buf *out)
{
	struct token_session s;
	struct object o;
	coffer_err err;

	TRY(token_begin(f, kek->token, access, &s));
	err = find_wrapping(f, kek, &s, &o);
	if (err == COFFER_E_NOTFOUND)
		TRY(none(f, &s));
	TRY(err);
	TRY(check_modulus(f, &s, &o));
	TRY(wrap_with(f, kek, &s, &o, plain, aad, alg_out, out));
	TRY(name_object(f, &s, o.handle, id_out));
out:
	token_end(&s);
	return err;
}

coffer_err
token_kek_wrap(struct fault *f, struct token_kek *kek, struct view plain, struct view aad, struct buf *id_out,
	       const char **alg_out, struct buf *out)
{
	coffer_err err = try_wrap(f, kek, TOKEN_PUBLIC, plain, aad, id_out, alg_out, out);

	if (err != COFFER_E_REFUSED)
		return err;
	/* a key that is private is seen, and may do more, after a login */
	id_out->len = 0;
	out->len = 0;
	return try_wrap(f, kek, TOKEN_LOGGED_IN, plain, aad, id_out, alg_out, out);
}

/* ---- unwrapping ---- */

static coffer_err
check_name(struct fault *f, const struct token_session *s, P11KitUri *id)
{
	char wanted[TOKEN_LABEL_LEN];

	token_uri_label(p11_kit_uri_get_token_info(id), wanted);
	if (wanted[0] == '\0' || strcmp(wanted, s->label) == 0)
		return COFFER_OK;
	return fault_set(f, COFFER_E_NOKEY, "the model is sealed for a key on token «%s», and this is token «%s»",
			 wanted, s->label);
}

static coffer_err
check_may_unwrap(struct fault *f, const struct token_session *s, const struct token_mechanism *m, CK_OBJECT_HANDLE key)
{
	if (token_can_unwrap(s, m, key))
		return COFFER_OK;
	return fault_set(f, COFFER_E_REFUSED,
			 "the key on token «%s» may not unwrap by %s: the key does not allow it (CKA_DECRYPT, "
			 "CKA_UNWRAP), or the token has no such mechanism",
			 s->label, m->alg);
}

coffer_err
token_kek_unwrap(struct fault *f, struct token_kek *kek, const char *id, const char *alg, struct view wrapped,
		 struct view aad, uint8_t *plain_out, size_t plain_len)
{
	const struct token_mechanism *m = token_mechanism_of(alg);
	struct token_session s = {.handle = 0};
	CK_OBJECT_HANDLE key = 0;
	P11KitUri *uri = NULL;
	coffer_err err;

	memset(plain_out, 0, plain_len);
	if (!m)
		TRY(fault_set(f, COFFER_E_UNSUPPORTED,
			      "a key was wrapped by a mechanism of PKCS#11 that this version does not know"));
	TRY(parse_id(f, id, &uri));
	TRY(token_begin(f, kek->token, TOKEN_LOGGED_IN, &s));
	TRY(check_name(f, &s, uri));
	TRY(find_unwrapping(f, kek, &s, m->key_type, uri, &key));
	TRY(check_may_unwrap(f, &s, m, key));
	TRY(token_unwrap(f, &s, m, key, wrapped, aad, plain_out, plain_len));
out:
	token_end(&s);
	p11_kit_uri_free(uri);
	return err;
}

/* ---- what the token tells ---- */

/* Two or four digits; 0 for anything else. */
static unsigned int
digits(const void *text, size_t len)
{
	char copy[5] = "";
	uint64_t n = 0;
	const char *at = copy;

	memcpy(copy, text, len);
	while (*at == '0')
		at++;
	return num_parse(at, 1, 9999, &n) ? (unsigned int)n : 0;
}

static void
read_date(const struct token_session *s, CK_OBJECT_HANDLE key, struct token_kek_state *out)
{
	CK_DATE date;
	size_t len;

	if (!token_attribute(s, key, CKA_START_DATE, &date, sizeof(date), &len) || len != sizeof(date))
		return;
	out->year = digits(date.year, sizeof(date.year));
	out->month = digits(date.month, sizeof(date.month));
	out->day = digits(date.day, sizeof(date.day));
}

static coffer_err
read_state(struct fault *f, const struct token_kek *kek, const struct token_session *s, const struct object *o,
	   P11KitUri *id, struct token_kek_state *out)
{
	const struct token_mechanism *m, *first = NULL;
	CK_OBJECT_HANDLE key;

	for (size_t i = 0; (m = token_mechanism_at(i)) && !first; i++)
		if (is_taken(kek, s, m, o))
			first = m;
	if (!first)
		return no_mechanism(f, kek, s);
	out->alg = first->alg;
	out->can_unwrap =
		find_unwrapping(NULL, kek, s, o->key_type, id, &key) == COFFER_OK && token_can_unwrap(s, first, key);
	read_date(s, o->handle, out);
	return COFFER_OK;
}

coffer_err
token_kek_state(struct fault *f, struct token_kek *kek, struct buf *id_out, struct token_kek_state *out)
{
	struct token_session s;
	P11KitUri *id = NULL;
	struct object o;
	coffer_err err;

	*out = (struct token_kek_state){.alg = ""};
	TRY(token_begin(f, kek->token, TOKEN_LOGGED_IN, &s));
	err = find_wrapping(f, kek, &s, &o);
	if (err == COFFER_E_NOTFOUND)
		TRY(none(f, &s));
	TRY(err);
	TRY(name_object(f, &s, o.handle, id_out));
	TRY(buf_add(f, id_out, "", 1));
	TRY(parse_id(f, (const char *)id_out->p, &id));
	id_out->len--;
	TRY(read_state(f, kek, &s, &o, id, out));
out:
	token_end(&s);
	p11_kit_uri_free(id);
	return err;
}

/* ---- making one ---- */

static void
today(CK_DATE *out)
{
	time_t now = time(NULL);
	struct tm t = {0};
	char text[32] = "";

	(void)gmtime_r(&now, &t);
	(void)strftime(text, sizeof(text), "%Y%m%d", &t);
	memcpy(out->year, text, sizeof(out->year));
	memcpy(out->month, text + 4, sizeof(out->month));
	memcpy(out->day, text + 6, sizeof(out->day));
}

/* Whether a new key encrypts; else it wraps. */
static bool
will_encrypt(const struct token_kek *kek, const struct token_session *s)
{
	CK_MECHANISM_INFO info = {0};

	return (!kek->choice || strcmp(kek->choice, "aes-gcm") == 0) &&
	       s->m->C_GetMechanismInfo(s->slot, CKM_AES_GCM, &info) == CKR_OK && (info.flags & CKF_DECRYPT);
}

static coffer_err
generate(struct fault *f, const struct token_kek *kek, const struct token_session *s, CK_ATTRIBUTE label,
	 CK_ATTRIBUTE id, CK_OBJECT_HANDLE *out)
{
	CK_MECHANISM mechanism = {.mechanism = CKM_AES_KEY_GEN};
	CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
	CK_BBOOL encrypts = will_encrypt(kek, s), wraps = !encrypts;
	CK_ULONG len = 32;
	CK_DATE date;
	CK_ATTRIBUTE template[] = {
		label,
		id,
		{CKA_TOKEN, &yes, sizeof(yes)},
		{CKA_PRIVATE, &yes, sizeof(yes)},
		{CKA_SENSITIVE, &yes, sizeof(yes)},
		{CKA_EXTRACTABLE, &no, sizeof(no)},
		{CKA_ENCRYPT, &encrypts, sizeof(encrypts)},
		{CKA_DECRYPT, &encrypts, sizeof(encrypts)},
		{CKA_WRAP, &wraps, sizeof(wraps)},
		{CKA_UNWRAP, &wraps, sizeof(wraps)},
		{CKA_SIGN, &no, sizeof(no)},
		{CKA_VERIFY, &no, sizeof(no)},
		{CKA_VALUE_LEN, &len, sizeof(len)},
		{CKA_START_DATE, &date, sizeof(date)},
	};
	CK_RV rv;

	today(&date);
	rv = s->m->C_GenerateKey(s->handle, &mechanism, template, sizeof(template) / sizeof(*template), out);
	return rv == CKR_OK ? COFFER_OK : token_fault(f, s, "make a key", rv);
}

coffer_err
token_kek_generate(struct fault *f, struct token_kek *kek, struct buf *id_out)
{
	P11KitUri *uri = token_uri(kek->token);
	const CK_ATTRIBUTE *label = p11_kit_uri_get_attribute(uri, CKA_LABEL);
	const CK_ATTRIBUTE *id = p11_kit_uri_get_attribute(uri, CKA_ID);
	uint8_t new_id[NEW_ID_LEN];
	CK_ATTRIBUTE made = {CKA_ID, new_id, sizeof(new_id)};
	struct token_session s = {.handle = 0};
	CK_OBJECT_HANDLE key, found[2];
	coffer_err err;

	if (!label || label->ulValueLen == 0 || !is_wanted(kek, CKK_AES))
		TRY(fault_set(f, COFFER_E_USAGE,
			      "an AES key is made, under the label that the URI gives it: "
			      "pkcs11:token=NAME;object=LABEL"));
	TRY(rand_bytes(f, new_id, sizeof(new_id)));
	TRY(token_begin(f, kek->token, TOKEN_WRITE, &s));
	if (find_keys(&s, CKO_SECRET_KEY, CKK_AES, uri, NULL, found) > 0)
		TRY(fault_set(
			f, COFFER_E_EXISTS,
			"token «%s» has such a key, and two of one label could not be told apart; give the new one "
			"another label, or another id=%%…",
			s.label));
	TRY(generate(f, kek, &s, *label, id ? *id : made, &key));
	TRY(name_object(f, &s, key, id_out));
out:
	token_end(&s);
	return err;
}
