/* SPDX-License-Identifier: Apache-2.0 */
/* Signing in at an identity provider, by the way that the source says. */
#ifndef SIGN_OIDC_FLOW_H
#define SIGN_OIDC_FLOW_H

#include "base/fault.h"
#include "sign/id_token.h"
#include "sign/oidc.h"

/** oidc_sign_in() - have a person sign in at @source's issuer, and get the token, checked; as oidc_token() */
coffer_err oidc_sign_in(struct fault *f, const struct oidc_source *source, struct id_token *out);

#endif
