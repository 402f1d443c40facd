/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which weight-file format a file is in, told from its content.
 *
 * coffer_weights_name() and coffer_weights_carries_code() of coffer/tensors.h are here too.
 */
#ifndef DATA_RECOGNISE_H
#define DATA_RECOGNISE_H

#include <coffer/tensors.h>

#include "base/fault.h"

/**
 * recognise() - the format of @source
 *
 * Where a format carries code, a doubt is decided for that format.  A format is recognised by its frame: its reader may
 * still refuse the file.
 *
 * Return: COFFER_OK; COFFER_E_FORMAT for a ZIP archive that contradicts itself; COFFER_E_NOMEM; what @source returned.
 */
coffer_err recognise(struct fault *f, const struct coffer_source *source, enum coffer_weights_format *format_out);

#endif
