/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program that gives out credentials: credential_process of an AWS profile, which its user wrote into his own file.
 *
 * Run as AWS's programs run it: without a shell, found in PATH, what it writes to its standard output taken as JSON.  It gets
 * nothing from here, neither arguments of our own nor input; what it says on its standard error is nobody's.
 */
#ifndef NET_AWS_PROCESS_H
#define NET_AWS_PROCESS_H

#include <stdbool.h>

#include "base/fault.h"
#include "base/view.h"
#include "mem/secret.h"

#define AWS_PROCESS_ARGS 64 /* words of a command */

/** struct aws_words - a command's words, each with a NUL, one after the other */
struct aws_words {
	char text[4096];
	char *argv[AWS_PROCESS_ARGS + 1]; /* ends with NULL */
	size_t n;
};

/** aws_words_split() - as Python's shlex.split(): white space between, '…', "…" with \" and \\, and \ before a character; false for what does not end or fit */
bool aws_words_split(struct view command, struct aws_words *out);

/**
 * aws_process_run() - run @command, take its output into @out, SECRET_INIT or freed
 * @timeout_ms: after which it is killed
 *
 * COFFER_E_REFUSED when it cannot be run, fails, says too much or takes too long.
 */
coffer_err aws_process_run(struct fault *f, struct view command, unsigned int timeout_ms, struct secret *out);

#endif
