/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What was imported about Sigstore: whom to believe, and which services to sign with.
 *
 * The administrator's is in /etc/coffer/sigstore, the user's in $XDG_CONFIG_HOME/coffer/sigstore or ~/.config/coffer/sigstore:
 *
 *   trusted_root.json     a trusted root, or a ClientTrustConfig that has one
 *   signing_config.json   a signing config, or a ClientTrustConfig that has one; may be missing
 *   mirror                the address that both were fetched from; missing when they were files
 *
 * What the administrator's folder has stands; the user's is asked for what is missing there.  Links, files of somebody else and
 * files that others may write are refused.
 */
#ifndef SIGN_IMPORTED_H
#define SIGN_IMPORTED_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/fault.h"
#include "base/view.h"
#include "sign/trust_store.h"

enum imported_kind { IMPORTED_TRUSTED_ROOT, IMPORTED_SIGNING_CONFIG, IMPORTED_MIRROR };

enum imported_by {
	BY_ANYBODY,
	BY_ADMINISTRATOR, /* for a binding of the administrator, which must not depend on what a user imported */
};

/** struct imported - one of these files; zeroed before, free with imported_free() */
struct imported {
	struct buf bytes;
	char *path;
	bool is_system;
};

/**
 * imported_find() - the file of @kind
 * @dirs: where the folders are (trust_store.h has the folders of bindings); NULL members = as said above
 *
 * COFFER_E_NOTFOUND when there is none, with a sentence that says what to import.
 */
coffer_err imported_find(struct fault *f, const struct trust_dirs *dirs, enum imported_kind kind, enum imported_by by,
			 struct imported *out);

/**
 * imported_put() - keep @root and @config in the user's folder, in place of what was there
 * @root: without bytes: only @config is replaced
 * @config: without bytes: there is none
 * @mirror: where they are from; NULL = files
 *
 * They are taken as they are; the caller has looked at them.  Each is replaced whole.
 */
coffer_err imported_put(struct fault *f, const struct trust_dirs *dirs, struct view root, struct view config,
			const char *mirror);

/** imported_free() - free what it holds; it is empty again */
void imported_free(struct imported *i);

#endif
