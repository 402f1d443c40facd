/* SPDX-License-Identifier: Apache-2.0 */
/* PINs of tokens: where one comes from, and which one is not to be tried again. */
#ifndef CRYPTO_TOKEN_PIN_H
#define CRYPTO_TOKEN_PIN_H

#include <stdbool.h>

#include "mem/secret.h"

/** struct token_pin - how to ask for a PIN */
struct token_pin {
	/* ask: COFFER_OK and the PIN in @pin_out, which is SECRET_INIT; NULL when nobody can be asked */
	coffer_err (*ask)(void *user, struct fault *f, const char *token_label, struct secret *pin_out);
	void *user;
};

/** token_pin_file() - the file that @source (pin-source of a URI, or NULL) or COFFER_PKCS11_PIN_FILE names; NULL: neither does; COFFER_E_USAGE */
coffer_err token_pin_file(struct fault *f, const char *source, const char **path_out);

/** token_pin_read() - the first line of the file at @path; COFFER_E_NOTFOUND, COFFER_E_KEY when it is none; @out must be SECRET_INIT */
coffer_err token_pin_read(struct fault *f, const char *path, struct secret *out);

/** token_pin_ask() - what a person answers; COFFER_E_REFUSED when nobody can be asked */
coffer_err token_pin_ask(struct fault *f, const struct token_pin *pin, const char *token_label, struct secret *out);

/*
 * PINs that a token refused, the last few of this process, in locked memory: a token counts the wrong ones and locks, and
 * a program that tries again is no reason for it to.  One thread at a time.
 */

/** token_pin_was_refused() - whether @token refused this very @pin; @token is what it is known by */
bool token_pin_was_refused(const char *token, const struct secret *pin);

/** token_pin_refuse() - @token refused @pin, which is taken over; where memory ended it is not kept */
void token_pin_refuse(const char *token, struct secret *pin);

#endif
