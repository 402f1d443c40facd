/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a command is.
 *
 * One table of commands, and in each a table of options: the parser (args.h),
 * the help (help.h), the completions (cmd_completion.c) and the manual pages
 * (cmd_man.c) all read these and nothing else.
 */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <coffer/coffer.h>

#include "base/fault.h"

/** struct words - a list of texts that belong to argv */
struct words {
	const char **v;
	size_t n;
};

/** enum hint - what a shell may offer for a value */
enum hint { HINT_NONE, HINT_FILE, HINT_FOLDER, HINT_KEY, HINT_KEY_NAME, HINT_WORDS };

/** struct option - one option of a command; a table of them ends with one that has no name */
struct option {
	const char *name;  /* «record-size»; «record_size» is the same */
	char letter;	   /* «o» for -o, or 0 */
	const char *value; /* what its value is called, «SIZE»; NULL for a flag */
	const char *help;  /* begins with a lower-case letter and ends without a dot */
	enum hint hint;
	const char *words; /* of HINT_WORDS, with spaces between; no other value is taken */

	/* where it goes: exactly one of these */
	bool *flag;  /* becomes true */
	bool *unset; /* becomes false */
	const char **text;
	struct words *list; /* may be repeated */
	uint64_t *number;   /* from @min to @max; K, M, G and T are understood */
	uint64_t min, max;
};

/** struct example - a line that works, and what it does */
struct example {
	const char *what;
	const char *line;
};

/** struct command - one command, or a group of them */
struct command {
	const char *name;     /* «seal»; in a group with its name, «key list» */
	const char *brief;    /* one line: begins with a verb, ends without a dot */
	const char *operands; /* «IN», «[NAME]», or the empty string */
	size_t min, max;      /* how many operands */
	enum hint hint;	      /* what they are */
	const char *words;    /* of HINT_WORDS, or NULL for the names of all commands */
	const char *about;    /* paragraphs, with empty lines between */
	const struct option *options;
	const struct option *shared;	   /* more of them; of a group: those that its members share.  May be NULL */
	const struct example *examples;	   /* ends with one that has no line */
	const struct command *const *subs; /* of a group; ends with NULL; then there is no @run */
	const struct command *fallback;	   /* of a group: what is meant when no name of @subs follows; may be NULL */

	/** @run: do it; @ctx is NULL unless @library is set */
	coffer_err (*run)(struct fault *f, struct coffer_ctx *ctx, const struct words *operands);
	enum coffer_method method; /* of signing, where it belongs to the name; @run finds it by common.command */
	bool library;
	bool starts_program; /* its operands are the command line of another program, and stand behind «--» */
	bool hidden;	     /* not in help */
};

/** commands - all of them; ends with NULL.  The first five are those that a newcomer needs. */
extern const struct command *const commands[];
#define N_FIRST_COMMANDS 5

/** command_find() - the command called @name among @in, or NULL; @name is one word, the last of a group's */
const struct command *command_find(const struct command *const *in, const char *name);

/** command_nearest() - the name that @name was probably meant to be, or NULL */
const char *command_nearest(const struct command *const *in, const char *name);

/** command_word() - the last word of its name: «list» of «key list» */
const char *command_word(const struct command *command);

extern const struct command cmd_audit, cmd_backup, cmd_convert, cmd_keygen, cmd_seal, cmd_open, cmd_check, cmd_inspect,
	cmd_key, cmd_rewrap, cmd_rekey, cmd_run, cmd_secret, cmd_sign, cmd_verify, cmd_digest, cmd_hash, cmd_trust,
	cmd_doctor, cmd_completion, cmd_version, cmd_help, cmd_man, cmd_sign_encrypt, cmd_decrypt_verify,
	cmd_encrypt_sign, cmd_verify_decrypt, cmd_encrypt, cmd_decrypt, cmd_mount, cmd_umount;

/* members of «key» that have a file of their own */
extern const struct command cmd_key_status, cmd_key_policy;

#endif
