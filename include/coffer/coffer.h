/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libcoffer: keep model weights secret, and prove who made them.
 *
 * Make a context (ctx.h) and a keyring (key.h), then seal (seal.h), open (open.h), load into memory (load.h), inspect (inspect.h) or
 * rotate (rewrap.h); or a signer or a trust, then sign or verify (sign.h, trust.h).  examples/ has a short program for each.
 */
#ifndef COFFER_COFFER_H
#define COFFER_COFFER_H

#include <coffer/audit.h>
#include <coffer/backup.h>
#include <coffer/convert.h>
#include <coffer/ctx.h>
#include <coffer/err.h>
#include <coffer/hash.h>
#include <coffer/hook.h>
#include <coffer/inspect.h>
#include <coffer/io.h>
#include <coffer/key.h>
#include <coffer/legacy.h>
#include <coffer/load.h>
#include <coffer/open.h>
#include <coffer/policy.h>
#include <coffer/rewrap.h>
#include <coffer/seal.h>
#include <coffer/secret.h>
#include <coffer/sign.h>
#include <coffer/tensors.h>
#include <coffer/trust.h>

#ifdef __cplusplus
extern "C" {
#endif

#define COFFER_VERSION "0.1.0"

/** coffer_version() - the version of the library at run time */
COFFER_API const char *coffer_version(void);

/**
 * coffer_engine_name() - which AES-256-GCM is in use: «libipsec-mb» or «OpenSSL»
 */
COFFER_API const char *coffer_engine_name(void);

#ifdef __cplusplus
}
#endif
#endif
