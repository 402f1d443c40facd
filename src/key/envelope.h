/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a key service is given to wrap: the DEK and a hash of what it belongs to (docs/format.md section 4.2)
 *
 *	DEK (32) ‖ SHA-256("coffer/1 wrap" ‖ 00 ‖ kind ‖ 00 ‖ binding) (32)
 *
 * so that a wrapped DEK opens under its own name only, whatever context or associated data the service knows.  64 bytes are
 * within what every service takes: RSA-OAEP of 2048 bits, AES key wrap (a multiple of 8), AES-GCM.
 */
#ifndef KEY_ENVELOPE_H
#define KEY_ENVELOPE_H

#include "base/view.h"
#include "key/provider.h"

#define ENVELOPE_LEN 64

/** envelope_make() - put @dek and the hash for @kind and @binding into @out, which the caller wipes */
coffer_err envelope_make(struct fault *f, const char *kind, const uint8_t dek[static DEK_LEN],
			 const struct binding *binding, uint8_t out[static ENVELOPE_LEN]);

/** envelope_open() - take the DEK out of @envelope; COFFER_E_AUTH, with @dek_out all zero, when it has another length or belongs to something else */
coffer_err envelope_open(struct fault *f, const char *kind, struct view envelope, const struct binding *binding,
			 uint8_t dek_out[static DEK_LEN]);

#endif
