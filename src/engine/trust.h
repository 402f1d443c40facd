/* SPDX-License-Identifier: Apache-2.0 */
/* The trust behind coffer/sign.h. */
#ifndef ENGINE_TRUST_H
#define ENGINE_TRUST_H

#include <coffer/sign.h>

#include "sign/signer.h"

struct coffer_trust {
	struct verifier *verifier;
};

#endif
