/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A client of The Update Framework 1.0 (theupdateframework.github.io/specification, section 5, «detailed client workflow»).
 *
 * From one root that is trusted to the newest files of a mirror that need not be: whoever holds the mirror can withhold
 * files until what is known expires, and nothing else.  Delegations are not followed, for the files that clients of
 * Sigstore need stand in targets.json itself.
 *
 * What was verified is kept in a folder as root.json, timestamp.json, snapshot.json and targets.json, each replaced whole.
 */
#ifndef SIGN_TUF_H
#define SIGN_TUF_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/fault.h"
#include "base/view.h"
#include "sign/tuf_file.h"

struct tuf_options {
	int dirfd;	   /* the folder: nobody else may write it, and one update at a time; stays the caller's */
	const char *shown; /* its name, for messages */
	struct view root;  /* a root.json that the user trusts; without bytes the folder's own is meant */
	int64_t now;	   /* seconds since 1970 */

	/**
	 * @fetch: append the mirror's file @path to @out; COFFER_E_NOTFOUND when it has none
	 *
	 * Past @max bytes it should give up; whatever it does, a longer file is refused.
	 */
	coffer_err (*fetch)(void *user, struct fault *f, const char *path, size_t max, struct buf *out);
	void *user;
};

struct tuf {
	struct tuf_options options;
	struct tuf_file trusted[N_TUF_ROLES]; /* each verified */
};

/**
 * tuf_update() - bring the folder up to date with the mirror (5.1 to 5.6)
 * @out: what tuf_target() asks from then on; free it with tuf_free(), after a failure too
 *
 * COFFER_E_SIGNATURE when too few of the right keys signed a file; COFFER_E_ROLLBACK when it is older than what was seen before;
 * COFFER_E_POLICY when it has expired; COFFER_E_AUTH when it is another than the file before it announced; COFFER_E_FORMAT when it
 * is malformed or longer than any honest one; COFFER_E_NOTFOUND when there is no root to begin with, or the mirror lacks a
 * file; and what @fetch returned.  The folder then has what was verified before the trouble.
 */
coffer_err tuf_update(struct fault *f, const struct tuf_options *options, struct tuf *out);

/** tuf_target() - append the target @name, of at most @max bytes, fetched and checked (5.7); COFFER_E_NOTFOUND, COFFER_E_AUTH */
coffer_err tuf_target(struct fault *f, const struct tuf *t, const char *name, size_t max, struct buf *out);

/** tuf_free() - free what it holds */
void tuf_free(struct tuf *t);

#endif
