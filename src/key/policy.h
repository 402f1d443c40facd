/* SPDX-License-Identifier: Apache-2.0 */
/* The policies of key services, as text; what they are for stands in coffer/policy.h. */
#ifndef KEY_POLICY_H
#define KEY_POLICY_H

#include <coffer/policy.h>

#include "base/buf.h"
#include "base/fault.h"

/** policy_text() - append the policy to @out, with a line end behind it; COFFER_E_USAGE for what cannot be */
coffer_err policy_text(struct fault *f, const struct coffer_policy_options *o, struct buf *out);

/** policy_role_name() - «publisher», …; NULL for no role */
const char *policy_role_name(enum coffer_role role);

#endif
