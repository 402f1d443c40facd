/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which models a command works on when there may be many, and what it says of what came of them.
 */
#ifndef CLI_ROTATE_OPTIONS_H
#define CLI_ROTATE_OPTIONS_H

#include <coffer/rewrap.h>

#include "base/json_out.h"
#include "cli/args.h"

/** struct rotating - values of the options */
struct rotating {
	bool all;
	const char *list;
	const char *before;
};

extern struct rotating rotating;

#define OPTION_ALL(what)                                                                                               \
	{                                                                                                              \
		.name = "all", .letter = 'a', .flag = &rotating.all, .help = (what)                                    \
	}
#define OPTION_LIST                                                                                                    \
	{                                                                                                              \
		.name = "list", .value = "FILE", .text = &rotating.list, .hint = HINT_FILE,                            \
		.help = "and the models that FILE names, one path a line; - reads standard input"                      \
	}
#define OPTION_BEFORE(what)                                                                                            \
	{                                                                                                              \
		.name = "before", .value = "WHEN", .text = &rotating.before, .help = (what)                            \
	}

/** MODELS_MAX - operands of such a command: as many as a shell gives */
#define MODELS_MAX SIZE_MAX

/** rotate_is_many() - whether more than the one model is meant that an operand names */
bool rotate_is_many(const struct words *operands);

/**
 * rotate_models() - the models that operands, --all, --exclude and --list name; free with coffer_models_free()
 *
 * Return: COFFER_OK; COFFER_E_USAGE when there are no operands and no list; COFFER_E_NOTFOUND when there is no model in all
 * of them; COFFER_E_FORMAT for a list that holds a NUL or an overlong line.
 */
coffer_err rotate_models(struct fault *f, struct coffer_ctx *ctx, const struct words *operands,
			 struct coffer_models **models_out);

/** rotate_before() - seconds of --before, or 0 without one; COFFER_E_USAGE */
coffer_err rotate_before(struct fault *f, int64_t *out);

/** rotate_way() - «inside the key service», «through this machine», or the empty string */
const char *rotate_way(enum coffer_way way);

/** rotate_json() - members for one model: what changed, how, and what failed */
void rotate_json(struct json_out *j, const struct coffer_rotated *model);

/** rotate_print() - for each model what changed, or in a dry run would: lines for a person, with --json the document */
coffer_err rotate_print(struct fault *f, const struct coffer_rotation *rotation);

/** enum rotate_again - what makes the same command go on with what is left */
enum rotate_again { AGAIN_AS_IT_IS, AGAIN_WITH_BEFORE };

/**
 * rotate_report() - say of many models which failed and the sum, «@verb 998 of 1000 models …», and rotate_print() them
 * @err: what the call returned, whose sentence is in @f
 *
 * Return: @err, else that of printing.
 */
coffer_err rotate_report(struct fault *f, coffer_err err, const char *verb, const struct coffer_rotation *rotation,
			 enum rotate_again again);

#endif
