/* SPDX-License-Identifier: Apache-2.0 */
/* The trust behind coffer/sign.h and coffer/trust.h. */
#ifndef ENGINE_TRUST_H
#define ENGINE_TRUST_H

#include <coffer/sign.h>

#include "sign/binding.h"
#include "sign/imported.h"
#include "sign/signer.h"

struct coffer_trust {
	struct verifier *verifier;
};

/** trust_read() - what the files that @options name hold, as a binding without a model; certificates may be missing: the system's */
coffer_err trust_read(struct fault *f, const struct coffer_trust_options *options, struct trust_binding *out);

/**
 * trust_verifier() - who judges as @b says
 * @verify_at: the one time to judge certificates at; 0 = as a trusted timestamp says, else now
 * @by: whose import a binding to an identity may rest on when it has no trusted root of its own
 */
coffer_err trust_verifier(struct fault *f, const struct trust_binding *b, int64_t verify_at, enum imported_by by,
			  struct verifier **out);

/** trust_describe() - append whose signature @b believes, in one line */
coffer_err trust_describe(struct fault *f, const struct trust_binding *b, struct buf *out);

#endif
