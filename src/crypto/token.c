/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/token.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct token {
	P11KitUri *uri;
	char *module; /* path, or NULL */
	struct token_pin pin;

	pthread_mutex_t lock; /* of all that follows */
	struct token_modules modules;
	CK_FUNCTION_LIST *m; /* the one that has the token; NULL: not looked for yet */
	CK_SLOT_ID slot;
	CK_TOKEN_INFO info;
	char label[TOKEN_LABEL_LEN];
	CK_SESSION_HANDLE keeper; /* the session that logged in, which stays open so that the others are; 0 = none */
	bool person_was_wrong;	  /* and is not asked again */
};

/*
 * A login is of the whole process: whoever comes second finds that it is done, and no person is asked twice.  And tokens are looked
 * at by one thread at a time, for SoftHSM 2.6.1 tells of one with gmtime(3), which is not for several.
 */
static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;

/* ---- made and freed ---- */

coffer_err
token_new(struct fault *f, P11KitUri *uri, const char *module, const struct token_pin *pin, struct token **out)
{
	struct token *t = calloc(1, sizeof(*t));
	const char *pin_file;
	coffer_err err;

	*out = NULL;
	if (!t) {
		p11_kit_uri_free(uri);
		return fault_nomem(f);
	}
	t->uri = uri;
	(void)pthread_mutex_init(&t->lock, NULL);
	if (pin)
		t->pin = *pin;
	if (module) {
		t->module = strdup(module);
		if (!t->module)
			TRY(fault_nomem(f));
	}
	TRY(token_modules_check(f, uri, module));
	TRY(token_pin_file(f, p11_kit_uri_get_pin_source(uri), &pin_file));
	*out = t;
	t = NULL;
out:
	token_free(&t);
	return err;
}

P11KitUri *
token_uri(const struct token *t)
{
	return t->uri;
}

void
token_free(struct token **token)
{
	struct token *t = *token;

	*token = NULL;
	if (!t)
		return;
	if (t->keeper && t->modules.pid == getpid())
		(void)t->m->C_CloseSession(t->keeper); /* the last one logs out */
	token_modules_unload(&t->modules);
	(void)pthread_mutex_destroy(&t->lock);
	p11_kit_uri_free(t->uri);
	free(t->module);
	free(t);
}

/* ---- messages ---- */

static bool
is_gone(CK_RV rv)
{
	return rv == CKR_DEVICE_REMOVED || rv == CKR_TOKEN_NOT_PRESENT || rv == CKR_SLOT_ID_INVALID ||
	       rv == CKR_SESSION_HANDLE_INVALID || rv == CKR_SESSION_CLOSED || rv == CKR_CRYPTOKI_NOT_INITIALIZED ||
	       rv == CKR_TOKEN_NOT_RECOGNIZED;
}

static bool
is_not_allowed(CK_RV rv)
{
	return rv == CKR_USER_NOT_LOGGED_IN || rv == CKR_KEY_FUNCTION_NOT_PERMITTED || rv == CKR_PIN_EXPIRED ||
	       rv == CKR_PIN_INCORRECT || rv == CKR_PIN_LOCKED || rv == CKR_USER_PIN_NOT_INITIALIZED ||
	       rv == CKR_USER_ANOTHER_ALREADY_LOGGED_IN || rv == CKR_TOKEN_WRITE_PROTECTED;
}

static coffer_err
fault_of(struct fault *f, const char *label, const char *what, CK_RV rv)
{
	coffer_err err = rv == CKR_HOST_MEMORY			  ? COFFER_E_NOMEM
			 : is_gone(rv) || rv == CKR_SESSION_COUNT ? COFFER_E_UNAVAILABLE
			 : is_not_allowed(rv)			  ? COFFER_E_REFUSED
								  : COFFER_E_KEY;

	return fault_set(f, err, "token «%s» cannot %s: %s (0x%lx)", label, what, p11_kit_strerror(rv),
			 (unsigned long)rv);
}

bool
token_is_trouble(CK_RV rv)
{
	return rv == CKR_HOST_MEMORY || rv == CKR_DEVICE_MEMORY || rv == CKR_SESSION_COUNT ||
	       rv == CKR_FUNCTION_CANCELED || is_gone(rv) || is_not_allowed(rv);
}

coffer_err
token_fault(struct fault *f, const struct token_session *s, const char *what, CK_RV rv)
{
	return fault_of(f, s->label, what, rv);
}

/* ---- finding it ---- */

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
find_in_module(struct fault *f, struct token *t, CK_FUNCTION_LIST *m, size_t *n_found)
{
	CK_SLOT_ID slots[256];
	CK_ULONG n = sizeof(slots) / sizeof(*slots);
	CK_RV rv = m->C_GetSlotList(CK_TRUE, slots, &n);
	CK_TOKEN_INFO token;

	if (rv != CKR_OK)
		return t->modules.configured
			       ? COFFER_OK
			       : fault_set(f, COFFER_E_UNAVAILABLE, "the PKCS#11 module cannot list its slots: %s",
					   p11_kit_strerror(rv));
	for (CK_ULONG i = 0; i < n; i++) {
		if (!slot_matches(m, slots[i], t->uri, &token))
			continue;
		if ((*n_found)++ > 0)
			continue;
		t->m = m;
		t->slot = slots[i];
		t->info = token;
		token_uri_label(&token, t->label);
	}
	return COFFER_OK;
}

static coffer_err
find_token(struct fault *f, struct token *t)
{
	size_t n_found = 0;
	coffer_err err = COFFER_OK;

	t->m = NULL;
	(void)pthread_mutex_lock(&one_at_a_time);
	for (size_t i = 0; t->modules.list[i] && err == COFFER_OK; i++)
		err = find_in_module(f, t, t->modules.list[i], &n_found);
	(void)pthread_mutex_unlock(&one_at_a_time);
	if (err == COFFER_OK && n_found == 0)
		err = fault_set(
			f, COFFER_E_UNAVAILABLE,
			"no token is as the PKCS#11 URI says; is it there, and is that its name? COFFER_PKCS11_MODULE "
			"or module-path= names its module, and «pkcs11-tool --module MODULE -L» lists what there is");
	if (err == COFFER_OK && n_found > 1)
		err = fault_set(f, COFFER_E_KEY,
				"the PKCS#11 URI fits %zu tokens; add token=LABEL, serial=… or slot-id=…", n_found);
	if (err != COFFER_OK)
		t->m = NULL;
	return err;
}

/* Modules loaded, in this process; the token known. */
static coffer_err
be_ready(struct fault *f, struct token *t)
{
	coffer_err err = COFFER_OK;

	if (!t->modules.list) {
		TRY(token_modules_load(f, t->uri, t->module, &t->modules));
	} else if (t->modules.pid != getpid()) {
		/* what a parent opened is its own */
		t->m = NULL;
		t->keeper = 0;
		TRY(token_modules_restart(f, &t->modules));
	}
	if (!t->m)
		TRY(find_token(f, t));
out:
	return err;
}

/* ---- logging in ---- */

static bool
is_logged_in(CK_FUNCTION_LIST *m, CK_SESSION_HANDLE session)
{
	CK_SESSION_INFO info;

	return m->C_GetSessionInfo(session, &info) == CKR_OK &&
	       (info.state == CKS_RO_USER_FUNCTIONS || info.state == CKS_RW_USER_FUNCTIONS);
}

/* What a token is known by, among all of this process. */
static void
name_of(const struct token *t, char out[static 64])
{
	(void)snprintf(out, 64, "%.*s %.*s", (int)sizeof(t->info.label), (const char *)t->info.label,
		       (int)sizeof(t->info.serialNumber), (const char *)t->info.serialNumber);
}

static coffer_err
check_tries(struct fault *f, const struct token *t, CK_FLAGS flags, bool from_file)
{
	if (flags & CKF_USER_PIN_LOCKED)
		return fault_set(f, COFFER_E_REFUSED,
				 "token «%s» is locked after too many wrong PINs; its security officer can unlock it",
				 t->label);
	if ((flags & CKF_USER_PIN_FINAL_TRY) && from_file)
		return fault_set(
			f, COFFER_E_REFUSED,
			"token «%s» allows one more try before it locks, and that is not spent on a PIN from a file; "
			"log in to it once by hand with the right PIN, and see whether the file has it",
			t->label);
	return COFFER_OK;
}

static coffer_err
get_pin(struct fault *f, struct token *t, const char *path, struct secret *pin)
{
	char name[64];
	coffer_err err;

	if (!path && t->person_was_wrong)
		return fault_set(f, COFFER_E_REFUSED, "the PIN that was given for token «%s» is wrong", t->label);
	TRY(path ? token_pin_read(f, path, pin) : token_pin_ask(f, t->pin.ask ? &t->pin : NULL, t->label, pin));
	name_of(t, name);
	if (token_pin_was_refused(name, pin))
		TRY(fault_set(f, COFFER_E_REFUSED,
			      "wrong PIN for token «%s»: it refused the same one before, so it is not tried again",
			      t->label));
out:
	return err;
}

/* @pin is taken over. */
static coffer_err
wrong_pin(struct fault *f, struct token *t, CK_RV rv, bool from_file, struct secret *pin)
{
	CK_TOKEN_INFO info;
	const char *left = "";
	char name[64];

	if (rv == CKR_PIN_LOCKED)
		return check_tries(f, t, CKF_USER_PIN_LOCKED, from_file);
	if (rv != CKR_PIN_INCORRECT && rv != CKR_PIN_LEN_RANGE && rv != CKR_PIN_INVALID)
		return fault_of(f, t->label, "be logged in to", rv);
	name_of(t, name);
	token_pin_refuse(name, pin);
	t->person_was_wrong = !from_file;
	if (t->m->C_GetTokenInfo(t->slot, &info) == CKR_OK) {
		if (info.flags & CKF_USER_PIN_LOCKED)
			left = "; it is locked now, and its security officer can unlock it";
		else if (info.flags & CKF_USER_PIN_FINAL_TRY)
			left = "; one try is left before it locks";
		else if (info.flags & CKF_USER_PIN_COUNT_LOW)
			left = "; it counts wrong ones, and more than one try is left";
	}
	return fault_set(f, COFFER_E_REFUSED, "wrong PIN for token «%s»%s", t->label, left);
}

/* Nobody of this process is logged in: do, in a session that stays. */
static coffer_err
log_in(struct fault *f, struct token *t)
{
	bool has_pad = t->info.flags & CKF_PROTECTED_AUTHENTICATION_PATH; /* its own keyboard */
	struct secret pin = SECRET_INIT;
	CK_SESSION_HANDLE session = 0;
	const char *path = NULL;
	coffer_err err;
	CK_RV rv;

	if (!has_pad)
		TRY(token_pin_file(f, p11_kit_uri_get_pin_source(t->uri), &path));
	TRY(check_tries(f, t, t->info.flags, path != NULL));
	if (!has_pad)
		TRY(get_pin(f, t, path, &pin));
	rv = t->m->C_OpenSession(t->slot, CKF_SERIAL_SESSION, NULL, NULL, &session);
	if (rv != CKR_OK)
		TRY(fault_of(f, t->label, "be opened", rv));
	rv = t->m->C_Login(session, CKU_USER, pin.p, pin.len);
	if (rv != CKR_OK && rv != CKR_USER_ALREADY_LOGGED_IN)
		TRY(wrong_pin(f, t, rv, path != NULL, &pin));
	if (t->keeper)
		(void)t->m->C_CloseSession(t->keeper);
	t->keeper = session;
	session = 0;
out:
	if (session)
		(void)t->m->C_CloseSession(session);
	secret_free(&pin);
	return err;
}

static coffer_err
log_in_once(struct fault *f, struct token *t, const struct token_session *s)
{
	CK_RV rv = t->m->C_GetTokenInfo(t->slot, &t->info); /* its flags are of now */

	if (rv != CKR_OK)
		return fault_of(f, t->label, "be asked", rv);
	if (!(t->info.flags & CKF_LOGIN_REQUIRED) || is_logged_in(s->m, s->handle))
		return COFFER_OK;
	return log_in(f, t);
}

static coffer_err
need_login(struct fault *f, struct token *t, struct token_session *s)
{
	coffer_err err;

	if (s->logged_in)
		return COFFER_OK;
	(void)pthread_mutex_lock(&one_at_a_time);
	err = log_in_once(f, t, s);
	(void)pthread_mutex_unlock(&one_at_a_time);
	s->logged_in = err == COFFER_OK && is_logged_in(s->m, s->handle);
	return err;
}

/* ---- sessions ---- */

static coffer_err
open_session(struct fault *f, struct token *t, enum token_access access, CK_SESSION_HANDLE *out)
{
	const CK_FLAGS flags = CKF_SERIAL_SESSION | (access == TOKEN_WRITE ? CKF_RW_SESSION : 0);
	coffer_err err = COFFER_OK;
	CK_RV rv = t->m->C_OpenSession(t->slot, flags, NULL, NULL, out);

	/* it may have been taken out and put in again, into another slot */
	if (rv != CKR_OK && is_gone(rv)) {
		t->keeper = 0;
		TRY(find_token(f, t));
		rv = t->m->C_OpenSession(t->slot, flags, NULL, NULL, out);
	}
	if (rv != CKR_OK) {
		*out = 0;
		err = fault_of(f, t->label, "be opened", rv);
	}
out:
	return err;
}

static coffer_err
begin_locked(struct fault *f, struct token *t, enum token_access access, struct token_session *s)
{
	coffer_err err;

	TRY(be_ready(f, t));
	TRY(open_session(f, t, access, &s->handle));
	s->m = t->m;
	s->slot = t->slot;
	memcpy(s->label, t->label, sizeof(s->label));
	s->logged_in = is_logged_in(s->m, s->handle);
	if (access != TOKEN_PUBLIC)
		TRY(need_login(f, t, s));
	s->info = t->info;
out:
	return err;
}

coffer_err
token_begin(struct fault *f, struct token *t, enum token_access access, struct token_session *out)
{
	coffer_err err;

	*out = (struct token_session){.handle = 0};
	(void)pthread_mutex_lock(&t->lock);
	err = begin_locked(f, t, access, out);
	(void)pthread_mutex_unlock(&t->lock);
	if (err != COFFER_OK)
		token_end(out);
	return err;
}

void
token_end(struct token_session *s)
{
	if (s->handle)
		(void)s->m->C_CloseSession(s->handle);
	*s = (struct token_session){.handle = 0};
}

/* ---- objects ---- */

size_t
token_find(const struct token_session *s, CK_ATTRIBUTE *template, size_t n, CK_OBJECT_HANDLE found[static 2])
{
	CK_ULONG got = 0;

	if (s->m->C_FindObjectsInit(s->handle, template, n) != CKR_OK)
		return 0;
	if (s->m->C_FindObjects(s->handle, found, 2, &got) != CKR_OK)
		got = 0;
	(void)s->m->C_FindObjectsFinal(s->handle);
	return got;
}

bool
token_attribute(const struct token_session *s, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type, void *out, size_t cap,
		size_t *len)
{
	CK_ATTRIBUTE a = {.type = type, .pValue = out, .ulValueLen = cap};

	*len = 0;
	if (s->m->C_GetAttributeValue(s->handle, object, &a, 1) != CKR_OK || a.ulValueLen == (CK_ULONG)-1 ||
	    a.ulValueLen > cap)
		return false;
	*len = a.ulValueLen;
	return true;
}

bool
token_may(const struct token_session *s, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type)
{
	CK_BBOOL may = CK_TRUE;
	size_t len;

	return !token_attribute(s, object, type, &may, sizeof(may), &len) || len != sizeof(may) || may;
}
