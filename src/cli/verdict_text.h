/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Verdicts in words.  No other file of the command says that something is
 * verified, and here one function does.
 */
#ifndef CLI_VERDICT_TEXT_H
#define CLI_VERDICT_TEXT_H

#include <coffer/sign.h>

#include "base/fault.h"

/**
 * verdict_end() - tell a verdict and end with it
 * @err: what coffer_verify() returned, with its sentence in @f
 * @verdict: what it gave; may be NULL after a failure
 *
 * Lists every reason on standard error (at most 20), or, with --json, all of it on standard output.  Return: COFFER_OK
 * only when @err is and the verdict says so, too.
 */
coffer_err verdict_end(struct fault *f, coffer_err err, const struct coffer_verdict *verdict, const char *model);

/** verdict_end_file() - the same for a plain signature or tag of @file, which has no verdict but @err */
coffer_err verdict_end_file(struct fault *f, coffer_err err, const char *file, const char *by);

/** verdict_early() - end with @err, which may have come before there was a verdict: --json says then, too, that nothing is verified */
coffer_err verdict_early(struct fault *f, coffer_err err, const char *what);

#endif
