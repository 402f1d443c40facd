/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A sealed model, opened: its key block verified, its files at hand.
 * The public half is in coffer/open.h.
 */
#ifndef ENGINE_MODEL_H
#define ENGINE_MODEL_H

#include <coffer/open.h>

#include "base/buf.h"
#include "engine/ctx.h"
#include "engine/sealed.h"
#include "format/keyblock.h"
#include "key/keyring.h"
#include "mem/secret.h"

#define KEYBLOCK_NAME "coffer.json"
#define PARTIAL_NAME ".coffer.partial" /* a sealing was interrupted */
#define OPENING_NAME ".coffer.opening" /* an opening was interrupted */
#define OUTER_NAME "coffer.sig"	       /* the signature over the sealed files of a directory */
#define INNER_NAME "model.sig"	       /* the signature over its plain files, sealed with them */
#define SUFFIX ".coffer"

struct open_trust;

struct coffer_model {
	struct coffer_ctx *ctx;
	char *shown;
	bool directory;
	int fd; /* the directory, or the sealed file; -1 for a source */
	const struct coffer_source *source;
	struct keyblock keys;
	struct secret dek;
	unsigned int slot; /* which slot counts, of an embedded key block */
	bool torn; /* a change of the key block was interrupted when the new one counted: an older one is there, too */
	struct open_trust *trust; /* what coffer_model_trust() has verified; its own, and NULL before */
	bool damaged;		  /* one slot of an embedded key block is, and the other counts */
};

enum model_mode {
	MODEL_READ,    /* everything must be in order */
	MODEL_OPENING, /* plain files may stand beside or in place of sealed ones: opening in place goes on */
	MODEL_MEND,    /* a damaged slot is passed over when the other is good */
};

/** model_open() - read and verify the key block of what is at @path, and the file set of a directory */
coffer_err model_open(struct fault *f, struct coffer_ctx *ctx, const char *path, const struct coffer_keyring *keys,
		      enum model_mode mode, struct coffer_model **out);

/**
 * model_load() - the first half of model_open(): read the key block, without any key, so that nothing in it is authentic
 *
 * Checks what the context demands (coffer_ctx_set_environment(), coffer_ctx_set_min_generation()): before any key is asked.
 */
coffer_err model_load(struct fault *f, struct coffer_ctx *ctx, const char *path, enum model_mode mode,
		      struct coffer_model **out);

/** model_check_set() - whether the files of a directory are those of its key block [F-17]; of a file there is nothing to check */
coffer_err model_check_set(struct fault *f, struct coffer_model *m, enum model_mode mode);

/** model_unlock() - the second half: unwrap the DEK, verify the key block with it, and model_check_set() or the file's head */
coffer_err model_unlock(struct fault *f, struct coffer_model *m, const struct coffer_keyring *keys,
			enum model_mode mode);

/** model_open_source() - the same of one sealed file */
coffer_err model_open_source(struct fault *f, struct coffer_ctx *ctx, const struct coffer_source *source,
			     const struct coffer_keyring *keys, struct coffer_model **out);

/** model_free() - wipe and free */
void model_free(struct coffer_model **model);

/**
 * model_binding() - what a wrap of @k's DEK is bound to
 * @text: BUF_INIT(LIMIT_BINDING); @id: the model id as text.  Both, and @k, must outlive @out.
 */
coffer_err model_binding(struct fault *f, const struct keyblock *k, struct buf *text,
			 char id[static 2 * MODEL_ID_LEN + 1], struct binding *out);

/** model_unwrap() - unwrap the DEK of @k, the key block of what is at @path, and verify @k with it */
coffer_err model_unwrap(struct fault *f, struct coffer_ctx *ctx, const char *path, const struct keyblock *k,
			const struct coffer_keyring *keys, struct secret *dek_out);

/** model_wrap() - set @k's recipients to wraps of @dek for all of @keys; model id, name, version and context must be set */
coffer_err model_wrap(struct fault *f, struct coffer_ctx *ctx, const char *path, struct keyblock *k,
		      const struct coffer_keyring *keys, const uint8_t dek[static DEK_LEN]);

/**
 * model_sealed() - open the sealed file @index and hold it against the key block [F-16]
 * @shown_out: its name for messages, which @s refers to; free() it after sealed_close()
 */
coffer_err model_sealed(struct fault *f, struct coffer_model *m, size_t index, struct sealed *s, char **shown_out);

/** model_read_keyblock() - read and decode the document @name in the folder @dirfd */
coffer_err model_read_keyblock(struct fault *f, int dirfd, const char *shown, const char *name, struct keyblock *out);

/** model_lock_folder() - hold the folder for this process until @fd is closed, or COFFER_E_BUSY */
coffer_err model_lock_folder(struct fault *f, int fd, const char *shown);

/** model_outer_path() - where the signature over the sealed model at @path is: coffer.sig in a directory, PATH.sig of a file */
coffer_err model_outer_path(struct fault *f, const char *path, bool directory, char **out);

/** model_inner_path() - where the sealed signature over the plain file of the sealed file @path is: of X.coffer, or of X, X.sig.coffer */
coffer_err model_inner_path(struct fault *f, const char *path, char **out);

/** model_has_entry() - whether the folder @dirfd has an entry called @name */
bool model_has_entry(int dirfd, const char *name);

#endif
