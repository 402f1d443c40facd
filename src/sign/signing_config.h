/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which services to sign with: a Sigstore SigningConfig v0.2 (protobuf-specs, sigstore_trustroot.proto).
 *
 * Of each operator the service of the highest version that is known here and valid now is taken (of two such ones the newer), and of
 * those as many as the selector wants: ANY is one, the first; EXACT is a number; ALL is all.
 */
#ifndef SIGN_SIGNING_CONFIG_H
#define SIGN_SIGNING_CONFIG_H

#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"
#include "base/view.h"

struct service {
	char *url;
	unsigned int version;
};

struct services {
	struct service *v;
	size_t n;
};

struct signing_config {
	struct services ca;    /* Fulcio, version 1 (its API is /api/v2) */
	struct services oidc;  /* identity providers */
	struct services rekor; /* logs, version 1 or 2 */
	struct services tsa;   /* timestamp authorities */
};

/**
 * signing_config_parse() - read a signing config, or the one inside a ClientTrustConfig
 * @what: its name, for messages
 * @now: seconds since 1970, UTC
 * @out: zeroed; gets what to use now; free with signing_config_free(), after a failure too
 *
 * A list may come out empty.  COFFER_E_FORMAT; COFFER_E_UNSUPPORTED for another media type, and when EXACT wants more than there are.
 */
coffer_err signing_config_parse(struct fault *f, const char *what, struct view json, int64_t now,
				struct signing_config *out);

/** services_set() - let @list be the one service at @url, in place of what it was */
coffer_err services_set(struct fault *f, struct services *list, const char *url, unsigned int version);

/** signing_config_free() - free what it holds */
void signing_config_free(struct signing_config *c);

#endif
