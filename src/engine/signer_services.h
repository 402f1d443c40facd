/* SPDX-License-Identifier: Apache-2.0 */
/* The method «sigstore» of coffer/sign.h, and timestamps for any method: what signs with the help of services. */
#ifndef ENGINE_SIGNER_SERVICES_H
#define ENGINE_SIGNER_SERVICES_H

#include "engine/signer.h"

/**
 * signer_open_sigstore() - the signer that @o describes
 *
 * Services are those of @o's signing config, else of its trust config, else what was imported.  Signatures are verified against the trusted
 * root of the same place before they are given out; a signing config that comes alone has none.  The signer asks people through @ctx.
 */
coffer_err signer_open_sigstore(struct fault *f, struct coffer_ctx *ctx, const struct coffer_signer_options *o,
				struct signer **out);

#endif
