/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a verb over a whole model says when it is done.
 */
#ifndef CLI_STATS_TEXT_H
#define CLI_STATS_TEXT_H

#include <coffer/seal.h>

#include "base/fault.h"

/** stats_say() - «sealed 3 files, 1.2 GiB in 0.31 s (3.9 GiB/s) → out»; @where may be NULL */
void stats_say(const char *verb, const struct coffer_stats *stats, const char *where);

/** stats_print() - with --json: one object on standard output; @where may be NULL */
coffer_err stats_print(struct fault *f, const struct coffer_stats *stats, const char *where);

#endif
