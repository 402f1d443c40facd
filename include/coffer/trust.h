/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where trust comes from: the trust store, and Sigstore's trusted root.
 *
 * The trust store binds the name of a model to whose signature of it is believed; coffer_trust_find() (sign.h) asks it.  It is
 * a folder of small JSON files, the administrator's /etc/coffer/trust.d and the user's ~/.config/coffer/trust.d; what the
 * administrator's says about a model stands, and the user's is asked only where that one is silent (docs/howto/trust.md).
 *
 * Sigstore's trusted root says which authorities and logs are believed.  It is imported from a file, or fetched from a mirror by
 * The Update Framework, which needs one root.json that the user trusts to begin with; coffer has none built in.
 */
#ifndef COFFER_TRUST_H
#define COFFER_TRUST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <coffer/ctx.h>
#include <coffer/sign.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- bindings ---- */

/** COFFER_TRUST_ANY - the name that stands for every model that no other binding names */
#define COFFER_TRUST_ANY "*"

/** struct coffer_binding - a model's name, and whose signature of it is believed */
struct coffer_binding {
	const char *model;	   /* or COFFER_TRUST_ANY */
	enum coffer_method method; /* key, certificate or sigstore */
	const char *who;	   /* whose signature, in one line */
	const char *path;	   /* the file that says so */
	bool is_system;		   /* the administrator's */
	bool is_overruled;	   /* the user's, without effect: the administrator's folder speaks about this model */
};

/**
 * coffer_trust_add() - bind @model to whose signature @options describe, in the user's folder
 * @model: 1 to 256 bytes of text, or COFFER_TRUST_ANY
 * @options: as for coffer_trust_open(), which they must pass, without @verify_at; what its files hold is copied
 *
 * Certificates must be named: a binding to whatever this system's roots certify would bind nobody.
 *
 * Return: COFFER_OK; COFFER_E_EXISTS when the user has bound it already; COFFER_E_POLICY when the administrator has;
 * COFFER_E_USAGE, COFFER_E_NOTFOUND, COFFER_E_KEY, COFFER_E_FORMAT for what @options name.
 */
COFFER_API COFFER_CHECK coffer_err coffer_trust_add(struct coffer_ctx *ctx, const char *model,
						    const struct coffer_trust_options *options);

/** coffer_trust_remove() - remove the user's binding of @model; COFFER_E_NOTFOUND; COFFER_E_PERM when it is the administrator's */
COFFER_API COFFER_CHECK coffer_err coffer_trust_remove(struct coffer_ctx *ctx, const char *model);

/**
 * coffer_trust_list() - all bindings, the administrator's first
 * @list_out: gets an array; free it with coffer_trust_list_free(); NULL when there are none
 */
COFFER_API COFFER_CHECK coffer_err coffer_trust_list(struct coffer_ctx *ctx, struct coffer_binding **list_out,
						     size_t *n_out);

/** coffer_trust_show() - the one binding that decides about @model; free it with coffer_trust_list_free(); COFFER_E_NOTFOUND */
COFFER_API COFFER_CHECK coffer_err coffer_trust_show(struct coffer_ctx *ctx, const char *model,
						     struct coffer_binding **binding_out);

/** coffer_trust_list_free() - free *@list of @n and set it to NULL; NULL is fine */
COFFER_API void coffer_trust_list_free(struct coffer_binding **list, size_t n);

/* ---- Sigstore's trusted root ---- */

/** struct coffer_trusted_root - what is believed about Sigstore; free it with coffer_trusted_root_free() */
struct coffer_trusted_root {
	const char *path;
	const char *mirror;   /* where it was fetched from; NULL when it was imported from a file */
	bool is_system;	      /* the administrator's */
	size_t n_authorities; /* that issue certificates */
	size_t n_logs;	      /* of signatures */
	size_t n_certificate_logs;
	size_t n_timestamp_authorities;
	const char *signing_config; /* the file that names services to sign with; NULL = there is none */
};

/** coffer_trust_root() - the trusted root that is used where none is named; COFFER_E_NOTFOUND when none was imported */
COFFER_API COFFER_CHECK coffer_err coffer_trust_root(struct coffer_ctx *ctx, struct coffer_trusted_root **root_out);

/** coffer_trusted_root_free() - free *@root and set it to NULL; NULL is fine */
COFFER_API void coffer_trusted_root_free(struct coffer_trusted_root **root);

/**
 * coffer_trust_import() - keep the trusted root, signing config or ClientTrustConfig (both in one) of the file @path
 *
 * A trusted root takes the place of the one before, and the signing config that came with that one goes.
 * Return: COFFER_OK, COFFER_E_FORMAT, COFFER_E_UNSUPPORTED for another kind of file, COFFER_E_NOTFOUND, COFFER_E_IO and its kin.
 */
COFFER_API COFFER_CHECK coffer_err coffer_trust_import(struct coffer_ctx *ctx, const char *path);

/** COFFER_TRUST_MIRROR - the mirror of Sigstore's public instance */
#define COFFER_TRUST_MIRROR "https://tuf-repo-cdn.sigstore.dev"

/** struct coffer_trust_update_options - from where; zero it, set @version_1 to 1 */
struct coffer_trust_update_options {
	/** @version_1: must be 1 */
	uint32_t version_1;
	/** @mirror: its address, https, or http on this machine; NULL = the one of the last update, else COFFER_TRUST_MIRROR */
	const char *mirror;
	/** @root: a root.json of it that the user trusts; needed the first time, later NULL = what was reached last time */
	const char *root;
	/** @reserved: must be zero */
	uint64_t reserved[8];
};

/** struct coffer_trust_update_stats - what an update found */
struct coffer_trust_update_stats {
	char mirror[1024];
	uint64_t root_version;
	uint64_t timestamp_version;
	uint64_t snapshot_version;
	uint64_t targets_version;
	int64_t expires; /* seconds since 1970: when another update is needed, for the first of them expires */
	bool has_signing_config;
};

/**
 * coffer_trust_update() - fetch trusted root and signing config from a mirror, by The Update Framework
 *
 * Needs the network.  What was verified is kept in ~/.local/share/coffer/tuf, so that no later update can go back.
 *
 * Return: COFFER_OK; COFFER_E_SIGNATURE, COFFER_E_ROLLBACK, COFFER_E_POLICY (expired), COFFER_E_AUTH or COFFER_E_FORMAT when the
 * mirror is not to be believed, with what was imported before still in its place; COFFER_E_NOTFOUND without a root to begin with;
 * COFFER_E_NET; COFFER_E_BUSY while another update is at work.
 */
COFFER_API COFFER_CHECK coffer_err coffer_trust_update(struct coffer_ctx *ctx,
						       const struct coffer_trust_update_options *options,
						       struct coffer_trust_update_stats *stats_out);

#ifdef __cplusplus
}
#endif
#endif
