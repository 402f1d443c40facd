/* SPDX-License-Identifier: Apache-2.0 */
/* Which tokens there are. */
#ifndef CRYPTO_TOKEN_SURVEY_H
#define CRYPTO_TOKEN_SURVEY_H

#include <stdbool.h>

#include "base/buf.h"

/**
 * token_survey() - append one line on the tokens of the module that the environment names: labels, and what is wrong with them
 * @well_out: nothing is
 *
 * Nobody logs in.  COFFER_E_UNAVAILABLE when the module is not there or does not start.
 */
coffer_err token_survey(struct fault *f, struct buf *out, bool *well_out);

#endif
