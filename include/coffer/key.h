/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys: the KEKs that wrap and unwrap the DEK of a model.
 *
 * A keyring is a list of keys of any kind.  Sealing wraps for every key of the
 * keyring; opening tries those that fit until one unwraps.
 *
 * Key URIs:
 *   file:PATH           32 raw bytes, or a key file of coffer's own
 *   keyring:NAME        a key of the local keyring (~/.config/coffer/keys)
 *   passphrase:         asks (coffer_ctx_set_prompt())
 *   passphrase:file=PATH   the first line of a file
 *   passphrase:fd=N        the first line read from a descriptor
 *   recipient:coffer1…  an X25519 public key: seals, cannot open
 *
 * Keys of services (docs/key-services.md: credentials, addresses, errors):
 *   awskms://[ENDPOINT]/KEY
 *                       a key of AWS KMS: its id, «alias/NAME», or the ARN of either
 *   azurekms://VAULT/KEY[/VERSION]
 *                       a key of Azure Key Vault or Managed HSM
 *   gcpkms://projects/P/locations/L/keyRings/R/cryptoKeys/K[/cryptoKeyVersions/V]
 *                       a key of Google Cloud KMS
 *   hashivault://KEY[?mount=transit&namespace=NAMESPACE]
 *                       a key of transit, in HashiCorp Vault or OpenBao
 *   vaultkv://MOUNT/PATH[#FIELD]
 *                       a key kept as a secret in the KV engine of the same, which hands it out
 *   pkcs11:token=NAME;object=LABEL?module-path=PATH&pin-source=file:PATH
 *                       a key on a token or HSM (RFC 7512); asks for the PIN where the URI names no file
 * In those, {environment} and {name} stand for the model's own.
 */
#ifndef COFFER_KEY_H
#define COFFER_KEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <coffer/ctx.h>

#ifdef __cplusplus
extern "C" {
#endif

#define COFFER_KEY_LEN 32 /* a KEK or DEK, in bytes */

struct coffer_keyring;

/** coffer_keyring_new() - make an empty keyring; free it with coffer_keyring_free() */
COFFER_API COFFER_CHECK coffer_err coffer_keyring_new(struct coffer_ctx *ctx, struct coffer_keyring **keyring_out);

/** coffer_keyring_free() - wipe and free *@keyring and set it to NULL; NULL is fine */
COFFER_API void coffer_keyring_free(struct coffer_keyring **keyring);

/**
 * coffer_keyring_add() - add the key that @uri names
 *
 * Reads key files now; asks for a passphrase when one is needed, with the prompt that @ctx has now
 * (coffer_ctx_set_prompt()).
 *
 * Return: COFFER_OK; COFFER_E_USAGE for a malformed URI or an unknown scheme;
 * COFFER_E_NOTFOUND; COFFER_E_PERM when others may read a key file of coffer's
 * own; COFFER_E_KEY when it is no key.
 */
COFFER_API COFFER_CHECK coffer_err coffer_keyring_add(struct coffer_ctx *ctx, struct coffer_keyring *keyring,
						      const char *uri);

/** coffer_keyring_add_raw() - add the 32 bytes of @key, which is copied */
COFFER_API COFFER_CHECK coffer_err coffer_keyring_add_raw(struct coffer_ctx *ctx, struct coffer_keyring *keyring,
							  const uint8_t key[COFFER_KEY_LEN]);

/**
 * coffer_keyring_add_store() - add every key of the local keyring
 * @dir: its folder, or NULL for $COFFER_KEYS, else $XDG_CONFIG_HOME/coffer/keys, else ~/.config/coffer/keys
 *
 * A folder that is not there adds nothing.
 */
COFFER_API COFFER_CHECK coffer_err coffer_keyring_add_store(struct coffer_ctx *ctx, struct coffer_keyring *keyring,
							    const char *dir);

/** coffer_keyring_size() - how many keys are in @keyring */
COFFER_API size_t coffer_keyring_size(const struct coffer_keyring *keyring);

/**
 * coffer_keyring_cache() - keep what key services unwrap, in locked memory, so that a model that is opened again asks none
 * @lifetime_s: seconds, 1 to 86400, after which the service is asked again; until then a right that was taken away still works
 * @uses: openings, 1 to 1000000, after which it is asked again, too
 *
 * What was kept before is dropped.  Each opening is in the audit log, whether the service was asked or not.  Call it before other
 * threads use @keyring; those that then open the same model at the same time ask once together.  Return: COFFER_OK, or
 * COFFER_E_USAGE.
 */
COFFER_API COFFER_CHECK coffer_err coffer_keyring_cache(struct coffer_ctx *ctx, struct coffer_keyring *keyring,
							unsigned int lifetime_s, unsigned int uses);

/** coffer_keyring_can_unwrap() - whether a key in @keyring can also open (a public key cannot) */
COFFER_API bool coffer_keyring_can_unwrap(const struct coffer_keyring *keyring);

/* ---- key files and the local keyring ---- */

enum coffer_key_kind {
	COFFER_KEY_AES = 1,    /* 32 random bytes; whoever can seal can open */
	COFFER_KEY_X25519 = 2, /* a key pair; the public key seals, the secret one opens */
};

/** struct coffer_key_info - what may be known of a key */
struct coffer_key_info {
	enum coffer_key_kind kind;
	char name[128];	     /* in the local keyring, or the empty string */
	char id[33];	     /* 32 hex digits: the recipient id of docs/format.md */
	char created[32];    /* RFC 3339, or the empty string for a raw key */
	char public_key[96]; /* «coffer1…», or the empty string for AES */
	bool secret;	     /* false where only the public key is held */
};

/**
 * coffer_key_generate() - make a key and store it in a new file with mode 0600
 * @kind: which kind
 * @path: the file; must not exist
 * @info_out: gets what may be known of it; may be NULL
 *
 * Return: COFFER_OK, COFFER_E_EXISTS, or COFFER_E_IO and its kin.
 */
COFFER_API COFFER_CHECK coffer_err coffer_key_generate(struct coffer_ctx *ctx, enum coffer_key_kind kind,
						       const char *path, struct coffer_key_info *info_out);

#define COFFER_SERVICE_ID_LEN 513 /* characters that name a key in its service, with a NUL */

/**
 * coffer_key_make() - have a key made where it will be kept
 * @uri: pkcs11:token=NAME;object=LABEL…: an AES key of 256 bits that never leaves the token
 * @id_out: gets what models sealed for it will call it; may be NULL
 *
 * Return: COFFER_OK; COFFER_E_USAGE for any other URI; COFFER_E_EXISTS when there is one of that name;
 * COFFER_E_UNAVAILABLE and COFFER_E_REFUSED as the token says.
 */
COFFER_API COFFER_CHECK coffer_err coffer_key_make(struct coffer_ctx *ctx, const char *uri,
						   char id_out[COFFER_SERVICE_ID_LEN]);

/**
 * coffer_tokens() - the tokens that pkcs11: reaches where a URI names no module, as one line for people
 * @text_out: their labels, and what is wrong with them; free it with free()
 * @well_out: whether nothing is wrong with them
 *
 * Nobody logs in.  Return: COFFER_OK; COFFER_E_UNAVAILABLE when the module that COFFER_PKCS11_MODULE or the system's configuration names
 * is not there or does not start.
 */
COFFER_API COFFER_CHECK coffer_err coffer_tokens(struct coffer_ctx *ctx, char **text_out, bool *well_out);

/** coffer_key_inspect() - read @uri (file: or keyring: or recipient:) and say what may be known of it */
COFFER_API COFFER_CHECK coffer_err coffer_key_inspect(struct coffer_ctx *ctx, const char *uri,
						      struct coffer_key_info *info_out);

/**
 * coffer_store_path() - where the local keyring keeps the key called @name
 * @dir: as in coffer_keyring_add_store()
 * @name: 1 to 64 of A-Z a-z 0-9 . _ -, not beginning with a dot
 * @path_out: gets the path; free it with free()
 *
 * Makes the folder (0700) when it is not there.
 */
COFFER_API COFFER_CHECK coffer_err coffer_store_path(struct coffer_ctx *ctx, const char *dir, const char *name,
						     char **path_out);

/**
 * coffer_store_import() - copy the key that @uri (file: or recipient:) names into the local keyring as @name
 *
 * A public key is kept as such.  Return: as coffer_key_generate() and coffer_keyring_add().
 */
COFFER_API COFFER_CHECK coffer_err coffer_store_import(struct coffer_ctx *ctx, const char *dir, const char *name,
						       const char *uri);

/** coffer_store_remove() - remove the key called @name; COFFER_E_NOTFOUND when there is none */
COFFER_API COFFER_CHECK coffer_err coffer_store_remove(struct coffer_ctx *ctx, const char *dir, const char *name);

/**
 * coffer_store_list() - all keys of the local keyring, sorted by name
 * @list_out: gets an array; free it with free()
 * @n_out: how many
 */
COFFER_API COFFER_CHECK coffer_err coffer_store_list(struct coffer_ctx *ctx, const char *dir,
						     struct coffer_key_info **list_out, size_t *n_out);

/* ---- keys of services ---- */

/**
 * coffer_key_uri_of() - the URI of the key that @uri names for one model: {environment} and {name} filled in, all else as it is
 * @environment, @name: the model's; an environment is 1 to 32 of a-z 0-9, a name 1 to 64 of A-Z a-z 0-9 . _ -, no dot in front
 * @uri_out: gets it; free it with free()
 *
 * Return: COFFER_OK; COFFER_E_USAGE when the model has nothing to fill in, or @uri has any other «{».
 */
COFFER_API COFFER_CHECK coffer_err coffer_key_uri_of(struct coffer_ctx *ctx, const char *uri, const char *environment,
						     const char *name, char **uri_out);

/** struct coffer_key_state - what a key service tells of a key */
struct coffer_key_state {
	char kind[32];	   /* as recipients have it */
	char id[513];	   /* likewise */
	char version[129]; /* the one that wraps now; empty where the service has none */
	char alg[65];	   /* how it wraps, by the service's own name */
	int64_t created;   /* when that version was made, seconds since 1970; 0 where the service does not say */
	bool usable;	   /* false: disabled, or waiting to be destroyed */
};

/**
 * coffer_key_state() - ask the service that keeps the key @uri about it, without using it
 *
 * Return: COFFER_OK; COFFER_E_USAGE when a key of this kind has no versions, or @uri stands for many; COFFER_E_UNAVAILABLE,
 * COFFER_E_REFUSED or COFFER_E_RATE, as the service said.
 */
COFFER_API COFFER_CHECK coffer_err coffer_key_state(struct coffer_ctx *ctx, const char *uri,
						    struct coffer_key_state *state_out);

/**
 * coffer_key_rotate() - have the service make a new version of the key @uri, which wraps from now on; else as coffer_key_state()
 *
 * Models that an older version has wrapped open as before; coffer_rewrap() with renew has the new one wrap them.
 */
COFFER_API COFFER_CHECK coffer_err coffer_key_rotate(struct coffer_ctx *ctx, const char *uri,
						     struct coffer_key_state *state_out);

#ifdef __cplusplus
}
#endif
#endif
