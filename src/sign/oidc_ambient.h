/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The identity that a CI service or a cloud gives to what runs in it.
 *
 * Known by their environment: SIGSTORE_ID_TOKEN (as GitLab's id_tokens set it), GitHub Actions, Buildkite, Google Cloud.
 */
#ifndef SIGN_OIDC_AMBIENT_H
#define SIGN_OIDC_AMBIENT_H

#include "base/fault.h"
#include "mem/secret.h"

/** oidc_ambient() - a token for @audience; COFFER_E_NOTFOUND when this is none of them; COFFER_E_PERM when it is, and gives no tokens */
coffer_err oidc_ambient(struct fault *f, const char *audience, struct secret *out);

/** oidc_ambient_check() - whether there is such a service, and what it needs is set; no network */
coffer_err oidc_ambient_check(struct fault *f);

#endif
