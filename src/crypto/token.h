/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A token: PKCS#11 2.40 through any module; what signing keys (token_key.h) and KEKs (token_kek.h) have in common.
 *
 * The modules are loaded and the token is looked for when the first session begins.  Any thread may begin a session and
 * then is the only one to use it.  A child of fork(2) begins anew, and needs the PIN again, provided that no other thread
 * was in a call of this header at that moment.
 */
#ifndef CRYPTO_TOKEN_H
#define CRYPTO_TOKEN_H

#include "crypto/token_module.h"
#include "crypto/token_pin.h"

struct token;

/** struct token_session - a session of one thread */
struct token_session {
	CK_FUNCTION_LIST *m;
	CK_SESSION_HANDLE handle; /* 0 = none */
	CK_SLOT_ID slot;
	CK_TOKEN_INFO info;
	char label[TOKEN_LABEL_LEN]; /* the token's, for messages */
	bool logged_in;
};

enum token_access {
	TOKEN_PUBLIC = 1, /* what may be done without a PIN */
	TOKEN_LOGGED_IN,  /* log in, where the token wants that and nobody of this process is */
	TOKEN_WRITE,	  /* that, and objects may be made that stay */
};

/**
 * token_new() - the token that @uri names; asks nobody yet
 * @uri: taken over, after a failure too
 * @module: path of a module that goes before what the URI says; NULL = none
 * @pin: NULL = the PIN must come from a file
 * @out: free with token_free()
 *
 * COFFER_E_USAGE for a module path that is not absolute, or a pin-source that is no file.
 */
coffer_err token_new(struct fault *f, P11KitUri *uri, const char *module, const struct token_pin *pin,
		     struct token **out);

/** token_uri() - what token_new() was given */
P11KitUri *token_uri(const struct token *t);

/**
 * token_begin() - a session; end it with token_end()
 *
 * COFFER_E_UNAVAILABLE when there is no such module or token; COFFER_E_KEY when several tokens fit; COFFER_E_REFUSED when the
 * PIN is missing, wrong or locked.  A PIN that the token refused once is not sent again by this process; one that a person
 * gave is not asked for again by this @t; and the last try that a token allows is not spent on a PIN from a file.
 */
coffer_err token_begin(struct fault *f, struct token *t, enum token_access access, struct token_session *out);

/** token_end() - close it; fine for one that did not begin */
void token_end(struct token_session *s);

/** token_free() - log out, if it was us who logged in and nobody else of this process has a session; unload, free; NULL is fine */
void token_free(struct token **t);

/* ---- objects ---- */

/** token_find() - the objects that @template fits; at most two are looked for; returns how many */
size_t token_find(const struct token_session *s, CK_ATTRIBUTE *template, size_t n, CK_OBJECT_HANDLE found[static 2]);

/** token_attribute() - one attribute of at most @cap bytes; false, with *@len 0, when there is none or it is longer or hidden */
bool token_attribute(const struct token_session *s, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type, void *out,
		     size_t cap, size_t *len);

/** token_may() - the boolean attribute @type; one that the token does not tell counts as true: it will refuse itself */
bool token_may(const struct token_session *s, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type);

/**
 * token_fault() - say that the token cannot do @what, for the reason that is @rv
 *
 * COFFER_E_UNAVAILABLE when it is gone, COFFER_E_REFUSED when it does not allow that, COFFER_E_NOMEM, else COFFER_E_KEY.
 */
coffer_err token_fault(struct fault *f, const struct token_session *s, const char *what, CK_RV rv);

/** token_is_trouble() - whether @rv tells of the token, the session or the login, and not of what the token was given */
bool token_is_trouble(CK_RV rv);

#endif
