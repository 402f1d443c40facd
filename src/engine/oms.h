/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two ends of a signature file: from a manifest to its bytes, and from its bytes to a manifest that may be believed.
 */
#ifndef ENGINE_OMS_H
#define ENGINE_OMS_H

#include <sys/stat.h>

#include <coffer/sign.h>

#include "base/buf.h"
#include "base/limits.h"
#include "engine/signer.h"
#include "engine/trust.h"
#include "sign/manifest.h"
#include "sign/signer.h"

/* a statement's bytes: base64 makes four characters of three, and certificates and log entries stand beside them */
#define OMS_STATEMENT_MAX ((size_t)LIMIT_BUNDLE / 4 * 3 - ((size_t)8 << 20))

/**
 * oms_sign() - append the signature file of @m, which is sorted, and is freed when it is written: of many files it is large
 *
 * What was written is read again and held against the signer's own public key before it is given out.
 */
coffer_err oms_sign(struct fault *f, const struct coffer_signer *signer, struct manifest *m, struct buf *json);

/**
 * oms_verify() - what the signature file @json says, if @trust believes it
 * @what: its name, for messages
 * @m, @who: initialised, or zeroed; filled only if the signature holds
 *
 * COFFER_E_SIGNATURE, COFFER_E_POLICY; COFFER_E_FORMAT, COFFER_E_UNSUPPORTED, COFFER_E_AUTH for what is malformed.
 */
coffer_err oms_verify(struct fault *f, const struct coffer_trust *trust, const char *what, struct view json,
		      struct manifest *m, struct signed_by *who);

/** oms_verify_file() - the same of the signature file at @path, whose bytes are gone before its statement is read; @st_out may be NULL */
coffer_err oms_verify_file(struct fault *f, const struct coffer_trust *trust, const char *path, struct stat *st_out,
			   struct manifest *m, struct signed_by *who);

/** oms_read() - the bytes of the signature file at @path, at most LIMIT_BUNDLE; @st_out may be NULL */
coffer_err oms_read(struct fault *f, const char *path, struct buf *json, struct stat *st_out);

/** oms_is_signature() - whether @json has the form of a signature file; nothing is said about who signed */
bool oms_is_signature(struct view json);

#endif
