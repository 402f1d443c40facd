/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A ClientTrustConfig: a trusted root and a signing config in one file (protobuf-specs sigstore_trustroot.proto).
 */
#ifndef SIGN_TRUST_CONFIG_H
#define SIGN_TRUST_CONFIG_H

#include "base/fault.h"
#include "data/doc.h"

/**
 * trust_config_part() - one of the two
 * @member: its name in JSON; @field: its name in the .proto, which readers of protobuf's JSON accept as well, and which
 *   sigstore's own example has; COFFER_E_FORMAT where both are
 * @out: gets it, NULL when it is not there, or @d itself when that is no ClientTrustConfig
 */
coffer_err trust_config_part(struct fault *f, const struct doc *d, const char *member, const char *field,
			     const struct doc **out);

#endif
