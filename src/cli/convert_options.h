/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files of other programs: the options that open and convert share.
 */
#ifndef CLI_CONVERT_OPTIONS_H
#define CLI_CONVERT_OPTIONS_H

#include "cli/command.h"

/** struct converting - their values; a process runs one command */
struct converting {
	const char *from;
	const char *aad;
	const char *padding;
};

extern struct converting converting;

#define OPTION_FROM(formats, what)                                                                                     \
	{                                                                                                              \
		.name = "from", .value = "FORMAT", .text = &converting.from, .hint = HINT_WORDS, .words = (formats),   \
		.help = (what)                                                                                         \
	}
#define OPTION_AAD                                                                                                     \
	{                                                                                                              \
		.name = "aad", .value = "TEXT", .text = &converting.aad,                                               \
		.help = "the associated data of an encmodel file"                                                      \
	}
#define OPTION_PADDING                                                                                                 \
	{                                                                                                              \
		.name = "padding", .value = "KIND", .text = &converting.padding, .hint = HINT_WORDS,                   \
		.words = "pkcs7 zero none",                                                                            \
		.help = "of an aes-cbc file: pkcs7, zero or none; by default it is found out, and written as pkcs7"    \
	}

/** converting_run() - convert @in from --from to @to, into --out; --to-kek is @to_keks, or none */
coffer_err converting_run(struct fault *f, struct coffer_ctx *ctx, const char *in, struct coffer_convert_options *opt,
			  const struct words *to_keks);

#endif
