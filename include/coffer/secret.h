/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Secrets in Vault or OpenBao: API keys, passphrases, credentials, in its KV engine, version 2.
 *
 *	vaultkv://MOUNT/PATH[?namespace=NAMESPACE][#FIELD]	the field is «value» where none is named
 *
 * The environment says where Vault is and who asks it (docs/key-services.md).  Wherever libcoffer takes the name of a file that holds a
 * secret, it takes such a URI, too.
 *
 * Every call asks the server.  Errors, besides those that are named: COFFER_E_USAGE for a URI of another form; COFFER_E_REFUSED,
 * COFFER_E_UNAVAILABLE and COFFER_E_RATE of the server.
 */
#ifndef COFFER_SECRET_H
#define COFFER_SECRET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <coffer/ctx.h>

#ifdef __cplusplus
extern "C" {
#endif

#define COFFER_SECRET_MAX 262144 /* of one value, in bytes */

/** struct coffer_secret - a value that was read, in locked memory */
struct coffer_secret;

/**
 * coffer_secret_get() - read a secret
 * @version: which one; 0 is the latest
 * @binary: the field is base64 of the value
 * @secret_out: gets it; free it with coffer_secret_free()
 *
 * Return: COFFER_OK; COFFER_E_NOTFOUND when it is not there, or was deleted; COFFER_E_KEY when it is not base64 as it should be.
 */
COFFER_API COFFER_CHECK coffer_err coffer_secret_get(struct coffer_ctx *ctx, const char *uri, uint64_t version,
						     bool binary, struct coffer_secret **secret_out);

/** coffer_secret_value() - its bytes, which live as long as @secret; @len_out gets how many */
COFFER_API const void *coffer_secret_value(const struct coffer_secret *secret, size_t *len_out);

/** coffer_secret_version() - which version it is */
COFFER_API uint64_t coffer_secret_version(const struct coffer_secret *secret);

/** coffer_secret_free() - wipe and free *@secret and set it to NULL; NULL is fine */
COFFER_API void coffer_secret_free(struct coffer_secret **secret);

/** struct coffer_secret_put_options - how to write; zero it and set @version_1 to 1 */
struct coffer_secret_put_options {
	/** @version_1: must be 1 */
	uint32_t version_1;

	/**
	 * @check: write only if the latest version is @latest (0: if there is none yet)
	 *
	 * Without it whatever is there is overwritten, but never what another writes at the same moment.
	 */
	bool check;
	uint64_t latest;

	/** @binary: keep the value as base64, which a value that is not UTF-8 text needs */
	bool binary;

	/** @reserved: must be zero */
	uint64_t reserved[8];
};

/**
 * coffer_secret_put() - write a secret: a new version, in which the other fields stay as they are
 * @value: 1 to COFFER_SECRET_MAX bytes
 * @version_out: gets the number of the new version; may be NULL
 *
 * Return: COFFER_OK; COFFER_E_CHANGED when the latest version is another one; COFFER_E_USAGE for a value that is too long, or is
 * no UTF-8 text or holds a zero byte and is not @binary.
 */
COFFER_API COFFER_CHECK coffer_err coffer_secret_put(struct coffer_ctx *ctx, const char *uri, const void *value,
						     size_t len, const struct coffer_secret_put_options *options,
						     uint64_t *version_out);

/**
 * coffer_secret_list() - the names below a folder vaultkv://MOUNT[/PATH][?namespace=NAMESPACE]; those of folders end in «/»
 * @names_out: gets an array of @n_out names in order; free it with coffer_secret_list_free()
 *
 * Return: COFFER_OK; COFFER_E_NOTFOUND when nothing is there.
 */
COFFER_API COFFER_CHECK coffer_err coffer_secret_list(struct coffer_ctx *ctx, const char *uri, char ***names_out,
						      size_t *n_out);
COFFER_API void coffer_secret_list_free(char ***names, size_t n);

/** enum coffer_secret_change - what coffer_secret_delete() does */
enum coffer_secret_change {
	COFFER_SECRET_DELETE = 1, /* can be had back */
	COFFER_SECRET_UNDELETE,
	COFFER_SECRET_DESTROY, /* for ever */
};

/**
 * coffer_secret_delete() - delete, have back or destroy versions of a secret, with all of their fields: @uri names none
 * @versions: which; with @n_versions 0 it is the latest for COFFER_SECRET_DELETE, and all and the secret itself for COFFER_SECRET_DESTROY
 *
 * What is gone already is no error.
 */
COFFER_API COFFER_CHECK coffer_err coffer_secret_delete(struct coffer_ctx *ctx, const char *uri,
							enum coffer_secret_change change, const uint64_t *versions,
							size_t n_versions);

#ifdef __cplusplus
}
#endif
#endif
