/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line: options by a table, operands, and what they share.
 *
 * --name VALUE, --name=VALUE, -n VALUE, -nVALUE, -qf; options and operands in
 * any order; «--» ends the options, and stands before a program that is to be started.  In names «_» is as good as «-».  No
 * abbreviations, no option twice unless its table entry is a list, and every
 * refusal says what would have worked.
 */
#ifndef CLI_ARGS_H
#define CLI_ARGS_H

#include "cli/command.h"

/** struct common - values of the options that several commands share; a process runs one command */
struct common {
	const struct command *command; /* the one that runs */
	bool help;
	bool quiet;
	bool json;
	bool dry_run;
	bool force;
	bool in_place;
	bool yes;
	uint64_t jobs;
	uint64_t min_generation;
	const char *out;
	const char *environment;
	struct words keks;
	struct words includes;
	struct words excludes;
};

extern struct common common;

#define OPTION_KEK(what)                                                                                               \
	{                                                                                                              \
		.name = "kek", .letter = 'k', .value = "KEY", .list = &common.keks, .hint = HINT_KEY, .help = (what)   \
	}
#define OPTION_OUT(value_name, what)                                                                                   \
	{                                                                                                              \
		.name = "out", .letter = 'o', .value = (value_name), .text = &common.out, .hint = HINT_FILE,           \
		.help = (what)                                                                                         \
	}
#define OPTION_INCLUDE(what)                                                                                           \
	{                                                                                                              \
		.name = "include", .value = "PATTERN", .list = &common.includes, .help = (what)                        \
	}
#define OPTION_EXCLUDE(what)                                                                                           \
	{                                                                                                              \
		.name = "exclude", .value = "PATTERN", .list = &common.excludes, .help = (what)                        \
	}
#define OPTION_IN_PLACE(what)                                                                                          \
	{                                                                                                              \
		.name = "in-place", .flag = &common.in_place, .help = (what)                                           \
	}
#define OPTION_FORCE(what)                                                                                             \
	{                                                                                                              \
		.name = "force", .letter = 'f', .flag = &common.force, .help = (what)                                  \
	}
#define OPTION_YES                                                                                                     \
	{                                                                                                              \
		.name = "yes", .letter = 'y', .flag = &common.yes, .help = "do not ask on a terminal"                  \
	}
#define OPTION_DRY_RUN(what)                                                                                           \
	{                                                                                                              \
		.name = "dry-run", .letter = 'n', .flag = &common.dry_run, .help = (what)                              \
	}
#define OPTION_JOBS                                                                                                    \
	{                                                                                                              \
		.name = "jobs", .letter = 'j', .value = "N", .number = &common.jobs, .min = 1, .max = 1024,            \
		.help = "use N threads; the default is one a processor"                                                \
	}
#define OPTION_ENVIRONMENT(what)                                                                                       \
	{                                                                                                              \
		.name = "environment", .value = "NAME", .text = &common.environment, .help = (what)                    \
	}
#define HELP_ENVIRONMENT                                                                                               \
	"only a model that was sealed for this environment; the default is $COFFER_ENVIRONMENT, and any without it"
#define OPTION_MIN_GENERATION                                                                                          \
	{                                                                                                              \
		.name = "min-generation", .value = "N", .number = &common.min_generation, .min = 1, .max = INT64_MAX,  \
		.help = "refuse a copy whose key block is older than generation N, which inspect shows"                \
	}
#define OPTION_JSON                                                                                                    \
	{                                                                                                              \
		.name = "json", .flag = &common.json, .help = "print the result, and an error, as JSON"                \
	}
#define OPTION_END                                                                                                     \
	{                                                                                                              \
		.name = NULL                                                                                           \
	}

/* of commands that have no others */
extern const struct option options_none[], options_json[];

/** args_table() - table @i of the options that @command takes: its own, those it shares, and --quiet and --help; NULL past the last */
const struct option *args_table(const struct command *command, size_t i);

/**
 * args_parse() - read @argv, from the first word behind the command's name
 * @operands_out: gets the operands; free @operands_out->v
 *
 * With --help nothing else is checked.  Return: COFFER_OK or COFFER_E_USAGE.
 */
coffer_err args_parse(struct fault *f, const struct command *command, char **argv, struct words *operands_out);

/** args_is_json() - whether --json stands among @argv, for errors that come before or while it is read */
bool args_is_json(char **argv);

/** args_is_key() - whether @text looks like the bytes of a key (64 hex digits, or 32 bytes in base64) */
bool args_is_key(const char *text);

/** args_shown() - @text for a message, or a stand-in when it looks like a key */
const char *args_shown(const char *text);

/** args_distance() - how many letters to change, add, drop or swap to make @b of @a; long texts are far */
size_t args_distance(const char *a, const char *b);

/** args_is_near() - whether @distance is small enough to ask «did you mean» about @name */
bool args_is_near(const char *name, size_t distance);

#endif
