/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rotation: new recipients for the same DEK, or a new DEK; of one model or of many.
 *
 * Rewrapping is no revocation: whoever copied a model while a key could open it can still open that copy with that key, and only
 * coffer_rekey() makes a new DEK.
 */
#ifndef COFFER_REWRAP_H
#define COFFER_REWRAP_H

#include <coffer/ctx.h>
#include <coffer/key.h>
#include <coffer/seal.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- one model ---- */

/** struct coffer_rewrap_options - what to change; zero it and set @version_1 to 1 */
struct coffer_rewrap_options {
	/** @version_1: must be 1 */
	uint32_t version_1;

	/** @add: recipients to add, or NULL; one that is there already is wrapped anew */
	const struct coffer_keyring *add;

	/** @remove: recipients to remove, or NULL; passphrases by trying them */
	const struct coffer_keyring *remove;

	/** @remove_ids: recipients to remove by id, for keys that are lost */
	const char *const *remove_ids;
	size_t n_remove_ids;

	/** @replace: remove every recipient that is not in @add */
	bool replace;

	/** @renew: wrap anew, under the newest version of the same key, for each key to unwrap with that is a recipient */
	bool renew;

	/**
	 * @settled: what is so already is no fault and is left as it is, so that an interrupted run can be repeated: a
	 * recipient of @add that is there, one to remove that is not, with @renew one that the newest version
	 * of its key has wrapped, as far as its service tells.  A model from which nothing has to change is not touched.
	 */
	bool settled;

	/**
	 * @before: seconds since 1970; not 0: leave alone a model (with @renew: a recipient) that was wrapped for the keys to
	 * unwrap with at this time or later.  A wrap without a date is older than any.
	 */
	int64_t before;

	/** @dry_run: find out what would change, unwrap and verify if it takes the DEK, change nothing; no service wraps */
	bool dry_run;

	/** @reserved: must be zero */
	uint64_t reserved[8];
};

/**
 * coffer_rewrap() - change the recipients of a sealed model; the payload is not touched
 * @path: a sealed file or directory
 * @keys: keys to unwrap with
 *
 * Where all that changes are recipients of key services, and the service can, it makes the new wrap from the old one itself:
 * nobody here sees the DEK, and a credential that may rewrap but not decrypt is enough.  The generation stays what it is then.
 *
 * Crash-safe: after an interruption the model opens with the old recipients or with the new ones.  Mends a
 * damaged slot of an embedded key block.  Takes the same time whatever the size of the model.
 *
 * Return: COFFER_OK; COFFER_E_USAGE when no recipient would be left or a removed one is not there;
 * COFFER_E_NOKEY when @renew finds no recipient for the keys; COFFER_E_BUSY when another process is at work on it; else as coffer_open().
 */
COFFER_API COFFER_CHECK coffer_err coffer_rewrap(struct coffer_ctx *ctx, const char *path,
						 const struct coffer_keyring *keys,
						 const struct coffer_rewrap_options *options);

/**
 * coffer_rekey() - a new DEK: every record is opened and sealed again, for the recipients in @to
 * @path: a sealed file or directory, replaced file by file
 * @keys: keys to unwrap with
 * @to: the recipients of the new key block
 *
 * Makes the new sealed model beside the old and then exchanges them, so it needs as much room again.  No plaintext reaches
 * the disk.  After an interruption the old model is whole, or the new one is.
 */
COFFER_API COFFER_CHECK coffer_err coffer_rekey(struct coffer_ctx *ctx, const char *path,
						const struct coffer_keyring *keys, const struct coffer_keyring *to,
						struct coffer_stats *stats_out);

/* ---- which models ---- */

/** struct coffer_models - a list of models; each is in it once, whatever its names */
struct coffer_models;

/** coffer_models_new() - an empty one; free it with coffer_models_free() */
COFFER_API COFFER_CHECK coffer_err coffer_models_new(struct coffer_ctx *ctx, struct coffer_models **models_out);

/** coffer_models_free() - free *@models and set it to NULL; NULL is fine */
COFFER_API void coffer_models_free(struct coffer_models **models);

/** coffer_models_add() - add the model at @path, whatever is there: working on it will tell */
COFFER_API COFFER_CHECK coffer_err coffer_models_add(struct coffer_ctx *ctx, struct coffer_models *models,
						     const char *path);

/**
 * coffer_models_add_tree() - add every sealed model that is at @dir or in the folders below it, in order of path
 * @exclude: shell patterns of paths below @dir to leave out, with all that is in them; as in struct coffer_seal_options
 *
 * A model is a folder with coffer.json, into which nobody looks further, or a file that begins as a sealed one with its own key
 * block.  Hidden ones are found, too, for a model that is forgotten costs more than one too many; what an interrupted
 * rotation left beside a model is not one.  Symbolic links are not followed.  A folder that cannot be read is in the list
 * with its error, so that it is not passed over in silence.
 */
COFFER_API COFFER_CHECK coffer_err coffer_models_add_tree(struct coffer_ctx *ctx, struct coffer_models *models,
							  const char *dir, const char *const *exclude,
							  size_t n_exclude);

/** coffer_models_size(), coffer_models_path() - how many, and where number @index is; valid while @models is */
COFFER_API size_t coffer_models_size(const struct coffer_models *models);
COFFER_API const char *coffer_models_path(const struct coffer_models *models, size_t index);

/** coffer_models_error() - COFFER_OK, or why nobody could look what is at number @index, with the sentence; a rotation reports it */
COFFER_API COFFER_CHECK coffer_err coffer_models_error(const struct coffer_models *models, size_t index,
						       const char **message_out);

/* ---- many models ---- */

/** enum coffer_way - how a model got its new recipients */
enum coffer_way {
	COFFER_WAY_NONE,    /* it did not: nothing had to change, or it failed */
	COFFER_WAY_SERVICE, /* inside the key service: the DEK was never here */
	COFFER_WAY_HERE,    /* the DEK was unwrapped here */
};

enum coffer_change_kind { COFFER_CHANGE_ADD = 1, COFFER_CHANGE_REMOVE, COFFER_CHANGE_RENEW };

/** struct coffer_change - what happened to one recipient, or in a dry run would */
struct coffer_change {
	enum coffer_change_kind change;
	char kind[32];
	char id[513];	   /* of a service's key in a dry run: its URI, if it is to be added */
	char version[129]; /* of the key: that it now depends on; empty where the kind has none or it is not known */
	char before[129];  /* and that it depended on before */
};

/** struct coffer_rotated - what came of one model */
struct coffer_rotated {
	const char *path;
	coffer_err err;	     /* COFFER_OK: changed, or nothing had to; COFFER_E_INTERRUPTED: not begun */
	const char *message; /* the sentence of @err; of a model that was left alone: why, or the empty string */
	bool changed;	     /* or in a dry run would be */
	enum coffer_way way;
	const struct coffer_change *changes;
	size_t n_changes;
	uint64_t bytes; /* plaintext, of one that was rekeyed */
};

/** struct coffer_rotation - what came of all, in the order of the list */
struct coffer_rotation {
	const struct coffer_rotated *models;
	size_t n;
	size_t n_changed;
	size_t n_settled; /* nothing had to change */
	size_t n_failed;  /* those not begun are none of these three */
	int64_t begun;	  /* when, seconds since 1970; what came of this run was wrapped at this time or later */
	double seconds;
};

/**
 * coffer_rewrap_all() - coffer_rewrap() for every model of a list, many at once
 * @options: as for one; @settled makes a run that can be repeated until it is through
 * @rotation_out: gets what came of each, whatever is returned, or NULL when it was not begun; free with coffer_rotation_free()
 *
 * One that fails does not stop the others.  Progress (coffer_ctx_set_progress()) counts models.  A service is asked once
 * for each key which version is the newest; where it does not tell, all wraps of that key are renewed, which a notice says.
 * coffer_ctx_set_jobs() says how many models at once; by default 16, for they wait for disks and services.
 *
 * Return: COFFER_OK; the error of the first model in the list that failed, and the sentence says of how many; COFFER_E_INTERRUPTED.
 */
COFFER_API COFFER_CHECK coffer_err coffer_rewrap_all(struct coffer_ctx *ctx, const struct coffer_models *models,
						     const struct coffer_keyring *keys,
						     const struct coffer_rewrap_options *options,
						     struct coffer_rotation **rotation_out);

/** struct coffer_rekey_options - which to rekey; zero it and set @version_1 to 1 */
struct coffer_rekey_options {
	/** @version_1: must be 1 */
	uint32_t version_1;

	/**
	 * @before: seconds since 1970; not 0: only models that have a recipient of the keys to unwrap with that was wrapped before
	 * this time.  A new DEK is wrapped anew, so the same call again goes on where it was interrupted; but
	 * coffer_rewrap() wraps an old one anew, too.
	 */
	int64_t before;

	/** @dry_run: unwrap and verify, change nothing */
	bool dry_run;

	/** @reserved: must be zero */
	uint64_t reserved[8];
};

/**
 * coffer_rekey_all() - coffer_rekey() for every model of a list
 * @options: NULL = all defaults
 *
 * Small models several at once, then the large ones one by one, each with all threads.  Progress counts bytes.  Else as
 * coffer_rewrap_all().
 */
COFFER_API COFFER_CHECK coffer_err coffer_rekey_all(struct coffer_ctx *ctx, const struct coffer_models *models,
						    const struct coffer_keyring *keys, const struct coffer_keyring *to,
						    const struct coffer_rekey_options *options,
						    struct coffer_rotation **rotation_out);

/** coffer_rotation_free() - free *@rotation and set it to NULL; NULL is fine */
COFFER_API void coffer_rotation_free(struct coffer_rotation **rotation);

#ifdef __cplusplus
}
#endif
#endif
