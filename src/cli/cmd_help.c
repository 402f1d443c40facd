/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "cli/args.h"
#include "cli/help.h"
#include "cli/out.h"

static coffer_err
find(struct fault *f, const char *name, const struct command **command_out)
{
	const char *near = command_nearest(commands, name);

	*command_out = command_find(commands, name);
	if (*command_out)
		return COFFER_OK;
	if (near)
		return fault_set(f, COFFER_E_USAGE, "%s is not a command of coffer; did you mean coffer help %s?",
				 args_shown(name), near);
	return fault_set(f, COFFER_E_USAGE, "%s is not a command of coffer; «coffer help» lists them",
			 args_shown(name));
}

static coffer_err
find_member(struct fault *f, const struct command *group, const char *name, const struct command **command_out)
{
	const struct command *member = group->subs ? command_find(group->subs, name) : NULL;

	if (!member)
		return fault_set(f, COFFER_E_USAGE, "%s is not a command of coffer %s; «coffer help %s» says all of it",
				 args_shown(name), group->name, group->name);
	*command_out = member;
	return COFFER_OK;
}

static coffer_err
run(struct fault *f, struct coffer_ctx *ctx, const struct words *operands)
{
	const struct command *command = NULL;
	struct buf b = BUF_INIT(1 << 20);
	coffer_err err;

	(void)ctx;
	if (operands->n == 1 && strcmp(operands->v[0], "keys") == 0) {
		TRY(help_key_forms(f, &b));
		TRY(out_buf(f, &b));
		goto out;
	}
	if (operands->n > 0)
		TRY(find(f, operands->v[0], &command));
	if (operands->n > 1)
		TRY(find_member(f, command, operands->v[1], &command));
	TRY(command ? help_command(f, &b, command) : help_overview(f, &b));
	TRY(out_buf(f, &b));
out:
	buf_free(&b);
	return err;
}

const struct command cmd_help = {
	.name = "help",
	.brief = "explain a command",
	.operands = "[COMMAND|keys]",
	.max = 2, /* «key list» */
	.hint = HINT_WORDS,
	.about = "Prints all about COMMAND (which may be of two words, as key list), or a list of commands. \"keys\" "
		 "is no command: it prints every form of a KEY.",
	.options = options_none,
	.run = run,
};
