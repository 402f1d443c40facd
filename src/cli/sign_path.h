/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a signature is, or goes: what --signature says, else beside what is signed.
 *
 * «--signature -» is COFFER_E_USAGE: elsewhere that is a stream, and a signature appears whole, as a file.
 */
#ifndef CLI_SIGN_PATH_H
#define CLI_SIGN_PATH_H

#include <stdbool.h>

#include "base/fault.h"

/** enum signature_use - what a signature file is wanted for */
enum signature_use { SIGNATURE_MAKE, SIGNATURE_READ };

/**
 * signing_path() - of @model: --signature, else «coffer.sig» in a sealed folder, «MODEL.sig» beside a sealed file, else
 * «model.sig» here or, to read, in the model, but not in both.  Free it with free().
 */
coffer_err signing_path(struct fault *f, const char *model, enum signature_use use, char **path_out);

/** signing_path_of_file() - of the one file @file: --signature, else @file with @suffix behind.  Free it with free(). */
coffer_err signing_path_of_file(struct fault *f, const char *file, const char *suffix, char **path_out);

/** signing_is_sealed() - whether @model is a sealed model, as far as its name or its coffer.json tells */
bool signing_is_sealed(const char *model);

#endif
