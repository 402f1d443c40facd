/* SPDX-License-Identifier: Apache-2.0 */
/* The signer behind coffer/sign.h. */
#ifndef ENGINE_SIGNER_H
#define ENGINE_SIGNER_H

#include <coffer/sign.h>

#include "crypto/pkey.h"
#include "engine/ctx.h"
#include "sign/signer.h"

struct coffer_signer {
	struct signer *signer;
	struct pubkey *public; /* of its key; NULL when what it makes carries a certificate */
};

/** signer_read_key() - the private key in the PEM file @path; the passphrase of an encrypted one comes from @passphrase_file, or is asked for */
coffer_err signer_read_key(struct fault *f, struct coffer_ctx *ctx, const char *path, const char *passphrase_file,
			   struct privkey **out);

#endif
