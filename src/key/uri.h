/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Key URIs: which key is meant, and where it is (coffer/key.h lists the forms).
 *
 * A URI comes from a command line, where people put secrets by mistake: what
 * is not understood is never repeated in an error.
 */
#ifndef KEY_URI_H
#define KEY_URI_H

#include "base/fault.h"
#include "base/view.h"
#include "crypto/hpke.h"

enum key_scheme {
	KEY_FILE = 1,	     /* file:PATH */
	KEY_STORED,	     /* keyring:NAME */
	KEY_ASK,	     /* passphrase: */
	KEY_PASSPHRASE_FILE, /* passphrase:file=PATH */
	KEY_PASSPHRASE_FD,   /* passphrase:fd=N */
	KEY_RECIPIENT,	     /* recipient:coffer1… */
};

struct key_uri {
	enum key_scheme scheme;
	const char *path;		/* KEY_FILE, KEY_PASSPHRASE_FILE; within the text that was parsed */
	const char *name;		/* KEY_STORED; likewise */
	int fd;				/* KEY_PASSPHRASE_FD */
	uint8_t public_key[X25519_LEN]; /* KEY_RECIPIENT */
};

/** key_uri_parse() - take @text apart; COFFER_E_USAGE for anything but the forms above.  @text must outlive @out. */
coffer_err key_uri_parse(struct fault *f, const char *text, struct key_uri *out);

/** key_name_valid() - whether @name can name a key: 1 to 64 of A-Z a-z 0-9 . _ -, no dot in front */
bool key_name_valid(struct view name);

#endif
