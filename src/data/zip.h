/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The names in a ZIP archive (PKWARE APPNOTE 6.3), to find a pickle among them.  Nothing is ever extracted.
 */
#ifndef DATA_ZIP_H
#define DATA_ZIP_H

#include <stdbool.h>

#include <coffer/io.h>

#include "base/fault.h"

/**
 * zip_has_pickle() - whether an entry's name ends in «.pkl», as in what torch.save() writes
 *
 * Each name is looked up in the central directory and before the data; archives that name an entry in two ways are
 * made to look harmless to one reader and not to another.
 *
 * Return: COFFER_OK, false when there is no central directory at all; COFFER_E_FORMAT for one that is broken or
 * contradicts the entries; COFFER_E_NOMEM; what @source returned.
 */
coffer_err zip_has_pickle(struct fault *f, const struct coffer_source *source, bool *has_out);

#endif
