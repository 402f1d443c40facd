/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whose model it must be that is opened: the signature over the sealed files comes first, then the one over the plain files,
 * which every plain file is held against while it is opened.
 */
#ifndef ENGINE_OPEN_TRUST_H
#define ENGINE_OPEN_TRUST_H

#include <coffer/open.h>

#include "base/buf.h"
#include "engine/ignore.h"
#include "engine/model.h"
#include "engine/sign_walk.h"
#include "engine/stream_hash.h"
#include "engine/trust.h"
#include "sign/manifest.h"

struct open_trust {
	struct coffer_ctx *ctx;
	const struct coffer_trust *trust; /* NULL: nobody is asked for */
	struct coffer_trust *found;	  /* it, when it is the trust store's */
	struct sign_walk outer;		  /* the sealed files as they were when their signature was verified */
	bool has_inner;
	struct manifest inner;
	const struct resource **sorted; /* of @inner, by path and start */
	struct ignore ignore;
};

#define OPEN_TRUST_INIT                                                                                                \
	{                                                                                                              \
		.ctx = NULL                                                                                            \
	}

/**
 * engine_trust_for_model() - whom the trust store binds the model @name to
 * @out: NULL when it does not know that name; free with coffer_trust_free()
 */
coffer_err engine_trust_for_model(struct fault *f, struct coffer_ctx *ctx, const char *name, struct coffer_trust **out);

/**
 * open_trust_find() - who is to be believed about the model @m, which must be called as expected, else COFFER_E_POLICY
 * @ctx: of this and of what is done with @t later; end with open_trust_end()
 */
coffer_err open_trust_find(struct fault *f, struct open_trust *t, struct coffer_ctx *ctx,
			   const struct coffer_open_options *options, const struct coffer_model *m);

/** open_trust_outer() - verify the signature over all sealed files, as @options say; COFFER_E_POLICY when there is none where it is made */
coffer_err open_trust_outer(struct fault *f, struct open_trust *t, const struct coffer_model *m,
			    const struct coffer_open_options *options);

/** open_trust_unchanged() - COFFER_E_CHANGED when @fd, of file @index of @m, is not the file that open_trust_outer() has verified; fine without that */
coffer_err open_trust_unchanged(struct fault *f, const struct open_trust *t, const struct coffer_model *m, size_t index,
				int fd);

/** open_trust_follow() - open_trust_unchanged() of @s now, and with each record that is read from it */
coffer_err open_trust_follow(struct fault *f, const struct open_trust *t, const struct coffer_model *m, size_t index,
			     struct sealed *s);

/** open_trust_inner() - verify @json, the signature over the plain files of @m, and that it lists them all; @what is for messages */
coffer_err open_trust_inner(struct fault *f, struct open_trust *t, const struct coffer_model *m, const char *what,
			    struct view json);

/** open_trust_hash() - begin to hash @path, of @size bytes, when it is listed: then *@hash_out is @room, else NULL */
coffer_err open_trust_hash(struct fault *f, const struct open_trust *t, const char *path, uint64_t size,
			   struct stream_hash *room, struct stream_hash **hash_out);

/** open_trust_compare() - COFFER_E_AUTH when @hash, of all of the file, is not what is listed; fine with NULL */
coffer_err open_trust_compare(struct fault *f, const struct open_trust *t, const char *path, struct stream_hash *hash);

/** open_trust_plain() - the same of a plain file that is there already */
coffer_err open_trust_plain(struct fault *f, const struct open_trust *t, int fd, const char *shown, const char *path);

void open_trust_end(struct open_trust *t);

#endif
