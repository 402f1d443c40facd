/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Key files: 32 raw bytes, or coffer's own form, a text of fixed lines
 *
 *	coffer-key v1
 *	kind: aes                       or x25519, or x25519-public
 *	id: 0123456789abcdef0123456789abcdef
 *	created: 2026-01-31T12:00:00Z
 *	name: release-2026              [may be absent]
 *	public: coffer1…                [not for aes]
 *	secret: BASE64 of 32 bytes      [not for x25519-public]
 *
 * each ended by one line feed, in this order, and nothing else.  There is one
 * text for a key; its id and public key are made anew from the secret and must agree.
 * The text of a secret key lives in secret memory alone.
 */
#ifndef KEY_KEYFILE_H
#define KEY_KEYFILE_H

#include <coffer/key.h>

#include "base/view.h"
#include "crypto/hpke.h"
#include "key/provider.h"
#include "mem/secret.h"

/** struct keyfile - a key at hand */
struct keyfile {
	struct coffer_key_info info;
	uint8_t public_key[X25519_LEN]; /* X25519 alone */
	struct secret secret;		/* COFFER_KEY_LEN bytes; empty unless info.secret */
};

#define KEYFILE_INIT                                                                                                   \
	{                                                                                                              \
		.secret = SECRET_INIT                                                                                  \
	}

/** keyfile_free() - wipe and free; @k is KEYFILE_INIT again */
void keyfile_free(struct keyfile *k);

/* Those that make a key want @out to be KEYFILE_INIT, and leave it so on failure. */

/** keyfile_from_raw() - the AES key that is @key */
coffer_err keyfile_from_raw(struct fault *f, const uint8_t key[static COFFER_KEY_LEN], struct keyfile *out);

/** keyfile_from_public() - the public half of an X25519 key */
coffer_err keyfile_from_public(struct fault *f, const uint8_t public_key[static X25519_LEN], struct keyfile *out);

/** keyfile_generate() - a new key, created now; COFFER_E_USAGE for an unknown kind */
coffer_err keyfile_generate(struct fault *f, enum coffer_key_kind kind, struct keyfile *out);

/** keyfile_parse() - the key in coffer's own form; COFFER_E_KEY, naming the line, for any other text */
coffer_err keyfile_parse(struct fault *f, struct view text, struct keyfile *out);

/** keyfile_format() - the way back; @out, which must be SECRET_INIT, gets the text.  A key without a date is of now. */
coffer_err keyfile_format(struct fault *f, const struct keyfile *k, struct secret *out);

/**
 * keyfile_read() - the key in the file at @path, of either form
 * @path: or what secret_file_set_source() has, where a raw key stands as base64
 *
 * Return: COFFER_OK; COFFER_E_PERM for a secret in coffer's own form that others may read;
 * COFFER_E_KEY when it is no key, in a sentence that says what it looks like.
 */
coffer_err keyfile_read(struct fault *f, const char *path, struct keyfile *out);

/**
 * keyfile_read_at() - the same for @name in the folder @dirfd, no symbolic links followed; @shown is for messages
 *
 * Here a raw key that others may read is refused too.
 */
coffer_err keyfile_read_at(struct fault *f, int dirfd, const char *name, const char *shown, struct keyfile *out);

/** keyfile_write() - a new file with mode 0600 in coffer's own form; COFFER_E_EXISTS when there is one at @path */
coffer_err keyfile_write(struct fault *f, const char *path, const struct keyfile *k);

#endif
