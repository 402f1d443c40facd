/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The help, made of the tables of command.h.
 */
#ifndef CLI_HELP_H
#define CLI_HELP_H

#include "base/buf.h"
#include "cli/command.h"

/** help_keys - what a KEY may be, which help and the manual share */
extern const char help_keys[];

/** help_takes_key() - whether @command has something to do with it */
bool help_takes_key(const struct command *command);

/** help_is_apart() - whether @group has a fallback that is none of its members */
bool help_is_apart(const struct command *group);

/** help_overview() - the short help of «coffer» alone, appended to @b */
coffer_err help_overview(struct fault *f, struct buf *b);

/** help_command() - the full help of one command, appended to @b */
coffer_err help_command(struct fault *f, struct buf *b, const struct command *command);

/** help_key_forms() - every form of a KEY with what it is, appended to @b */
coffer_err help_key_forms(struct fault *f, struct buf *b);

/** struct exit_code - one exit code and what it means; a table that ends with one that has no text */
struct exit_code {
	int code;
	const char *text;
};

extern const struct exit_code help_exit_codes[];

#endif
