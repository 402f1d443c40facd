/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Code in a file, told from its name and content.
 */
#ifndef DATA_CODE_H
#define DATA_CODE_H

#include <coffer/io.h>
#include <coffer/load.h>

#include "base/fault.h"

/**
 * code_find() - what in @source could be run by whoever loads it
 * @path: its name, in a folder or not
 * @what_out: gets words that follow the file's name, «is Python source», or the empty string
 *
 * Looked for are, in this order: the endings of names that say «program»; native code, WebAssembly and scripts; archives, whose
 * members are looked at in the same way; compressed files and formats that cannot be told; NumPy arrays of objects; and pickles,
 * whatever the file is called and whatever else it may be.
 *
 * Return: COFFER_OK; COFFER_E_NOMEM; what @source returned.
 */
coffer_err code_find(struct fault *f, const char *path, const struct coffer_source *source,
		     char what_out[static COFFER_CODE_LEN]);

#endif
