/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A keyring: keys of any kind, to wrap for all or to unwrap with one.
 * The public half is in coffer/key.h.
 */
#ifndef KEY_KEYRING_H
#define KEY_KEYRING_H

#include <coffer/key.h>

#include "key/provider.h"

/** struct key_env - what providers may ask of the program: the prompt of the context */
struct key_env {
	coffer_prompt_fn prompt;
	void *prompt_user;
};

/** keyring_new(), keyring_free(), keyring_add_uri(), keyring_add_raw(), keyring_add_store(): behind the public calls */
coffer_err keyring_new(struct fault *f, struct coffer_keyring **out);
void keyring_free(struct coffer_keyring **keyring);
coffer_err keyring_add_uri(struct fault *f, struct coffer_keyring *keyring, const struct key_env *env, const char *uri);
coffer_err keyring_add_raw(struct fault *f, struct coffer_keyring *keyring, const uint8_t key[COFFER_KEY_LEN]);
coffer_err keyring_add_store(struct fault *f, struct coffer_keyring *keyring, const char *dir);

/** keyring_size() - how many keys; keyring_can_unwrap() - whether one can open */
size_t keyring_size(const struct coffer_keyring *keyring);
bool keyring_can_unwrap(const struct coffer_keyring *keyring);

/** keyring_wrap() - wrap @dek for key @index of @keyring */
coffer_err keyring_wrap(struct fault *f, const struct coffer_keyring *keyring, size_t index, const uint8_t dek[DEK_LEN],
			const struct binding *binding, struct recipient *out);

/**
 * keyring_unwrap() - try every key on every recipient that it matches
 *
 * Return: COFFER_OK and the DEK; COFFER_E_NOKEY with a sentence that lists which keys the model
 * wants and which were given; COFFER_E_AUTH when a key matches and its wrap does not open.
 */
coffer_err keyring_unwrap(struct fault *f, const struct coffer_keyring *keyring, const struct recipient *recipients,
			  size_t n, const struct binding *binding, uint8_t dek_out[DEK_LEN], size_t *which_out);

/**
 * keyring_rewrap() - make @out, for key @index of @keyring, of @in, inside the key service; nobody here sees the DEK
 * @from: keys of which one can unwrap @in
 *
 * COFFER_E_UNSUPPORTED, without a sentence, where the two are not of one service that can.
 */
coffer_err keyring_rewrap(struct fault *f, const struct coffer_keyring *keyring, size_t index,
			  const struct coffer_keyring *from, const struct recipient *in, const struct binding *binding,
			  struct recipient *out);

/** keyring_can_rewrap() - whether keyring_rewrap() has a service to ask */
bool keyring_can_rewrap(const struct coffer_keyring *keyring, size_t index, const struct coffer_keyring *from,
			const struct recipient *in, const struct binding *binding);

/** keyring_is_service() - whether key @index is kept by a key service */
bool keyring_is_service(const struct coffer_keyring *keyring, size_t index);

/** keyring_rotate() - of key @index; COFFER_E_USAGE where its kind has no such thing, or it stands for many */
coffer_err keyring_rotate(struct fault *f, const struct coffer_keyring *keyring, size_t index, struct key_state *out);

/** keyring_state() - likewise; of one that stands for many it is that for @binding, which else may be NULL */
coffer_err keyring_state(struct fault *f, const struct coffer_keyring *keyring, size_t index,
			 const struct binding *binding, struct key_state *out);

/**
 * keyring_key() - the one key that key @index is for @binding, to be told from others and nothing else
 *
 * COFFER_E_USAGE when it stands for many, and none of them is for @binding.
 */
coffer_err keyring_key(struct fault *f, const struct coffer_keyring *keyring, size_t index,
		       const struct binding *binding, const void **out);

/**
 * keyring_set_cache() - keep what services unwrap, in locked memory, so that openers who share @keyring ask once
 * @lifetime_s: 1 to 86400; after it the service is asked again
 * @uses: 1 to 1000000; likewise
 */
coffer_err keyring_set_cache(struct fault *f, struct coffer_keyring *keyring, unsigned int lifetime_s,
			     unsigned int uses);

/** keyring_names() - what key @index is called: its kind, and its id, the URI of a service's key, or the empty string; valid while @keyring is */
void keyring_names(const struct coffer_keyring *keyring, size_t index, const char **kind_out, const char **name_out);

/** keyring_key_matches() - as keyring_matches(), of key @index alone */
bool keyring_key_matches(const struct coffer_keyring *keyring, size_t index, const struct recipient *recipient,
			 const struct binding *binding);

/** keyring_matches() - whether any key of @keyring is the one of @recipient (a passphrase is tried with @binding) */
bool keyring_matches(const struct coffer_keyring *keyring, const struct recipient *recipient,
		     const struct binding *binding);

/**
 * keyring_one_aes() - the bytes of the one key of @keyring, which must be an AES key; valid while @keyring is
 * @what: who needs it, for the sentence of COFFER_E_KEY
 */
coffer_err keyring_one_aes(struct fault *f, const struct coffer_keyring *keyring, const char *what, struct view *out);

#endif
