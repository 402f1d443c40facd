/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Seal and open in memory, to see that this machine can and how fast.
 */
#ifndef CLI_SELFTEST_H
#define CLI_SELFTEST_H

#include <coffer/ctx.h>

#include "base/fault.h"

#define SELFTEST_SIZE (UINT64_C(64) << 20) /* plaintext bytes */

/** struct selftest - how long it took, in seconds */
struct selftest {
	double seal;
	double open;
};

/** selftest_run() - COFFER_OK when SELFTEST_SIZE bytes came back as they were and a changed byte was refused */
coffer_err selftest_run(struct fault *f, struct coffer_ctx *ctx, struct selftest *out);

#endif
