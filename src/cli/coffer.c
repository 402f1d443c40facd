/* SPDX-License-Identifier: Apache-2.0 */
/*
 * coffer: the command.  The table below is its index.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "cli/args.h"
#include "cli/command.h"
#include "cli/help.h"
#include "cli/interrupt.h"
#include "cli/library.h"
#include "cli/out.h"
#include "cli/sign_options.h"
#include "cli/term.h"

const struct command *const commands[] = {
	&cmd_keygen,  &cmd_seal,    &cmd_open,	       &cmd_check,	    &cmd_inspect,      &cmd_run,
	&cmd_sign,    &cmd_verify,  &cmd_mount,	       &cmd_umount,	    &cmd_key,	       &cmd_secret,
	&cmd_rewrap,  &cmd_rekey,   &cmd_convert,      &cmd_hash,	    &cmd_digest,       &cmd_trust,
	&cmd_audit,   &cmd_backup,  &cmd_sign_encrypt, &cmd_decrypt_verify, &cmd_encrypt_sign, &cmd_verify_decrypt,
	&cmd_encrypt, &cmd_decrypt, &cmd_doctor,       &cmd_completion,	    &cmd_version,      &cmd_help,
	&cmd_man,     NULL,
};

const char *
command_word(const struct command *command)
{
	const char *space = strchr(command->name, ' ');

	return space ? space + 1 : command->name;
}

const struct command *
command_find(const struct command *const *in, const char *name)
{
	for (; *in; in++)
		if (strcmp(command_word(*in), name) == 0)
			return *in;
	return NULL;
}

const char *
command_nearest(const struct command *const *in, const char *name)
{
	const char *best = NULL;
	size_t best_distance = SIZE_MAX;

	for (; *in; in++) {
		size_t distance = args_distance(name, command_word(*in));

		if (!(*in)->hidden && distance < best_distance) {
			best = command_word(*in);
			best_distance = distance;
		}
	}
	return best && args_is_near(name, best_distance) ? best : NULL;
}

/* ---- before anything else ---- */

/* A file that is opened later must not become descriptor 0, 1 or 2.  Wrong-way modes: using them is an error. */
static void
fill_descriptors(void)
{
	const int modes[] = {O_WRONLY, O_RDONLY, O_RDWR};

	for (int fd = 0; fd <= 2; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", modes[fd]) != fd)
			abort();
}

/* Keys pass through this process: no core dump, no reading by other processes of the same user. */
static void
harden(void)
{
	/* not 0: a program that core_pattern names would get one all the same (core(5)) */
	const struct rlimit one = {1, 1};

	(void)setrlimit(RLIMIT_CORE, &one);
#if !defined(__SANITIZE_ADDRESS__) /* whose leak check looks at the process from a second one */
	(void)prctl(PR_SET_DUMPABLE, 0L, 0L, 0L, 0L);
#endif
	interrupt_begin();
}

/* ---- which command ---- */

static coffer_err
refuse_command(struct fault *f, const struct command *group, const char *name)
{
	const char *near = command_nearest(group ? group->subs : commands, name);
	const char *space = group ? " " : "", *of = group ? group->name : "";

	if (name[0] == '-')
		return fault_set(f, COFFER_E_USAGE,
				 "%s is not an option of coffer alone; options stand behind the command, as in coffer "
				 "COMMAND %s",
				 args_shown(name), args_shown(name));
	if (near)
		return fault_set(f, COFFER_E_USAGE, "%s is not a command of coffer%s%s; did you mean coffer%s%s %s?",
				 args_shown(name), space, of, space, of, near);
	return fault_set(f, COFFER_E_USAGE, "%s is not a command of coffer%s%s; «coffer help%s%s» lists them",
			 args_shown(name), space, of, space, of);
}

/* Whether the first of @argv is a slip in the name of a member rather than an operand of what a group does by default. */
static bool
is_slip(const struct command *group, char **argv)
{
	bool is_followed = argv[1] && argv[1][0] != '-';

	return argv[0][0] != '-' && (is_followed || command_nearest(group->subs, argv[0])) &&
	       access(argv[0], F_OK) != 0;
}

static bool
is_help(const char *word)
{
	return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

/* The member of *@command that is meant by the first of @argv; moves *@argv behind its name. */
static coffer_err
choose_member(struct fault *f, char ***argv, const struct command **command)
{
	const struct command *group = *command, *sub = command_find(group->subs, **argv);

	if (sub)
		++*argv;
	else if (group->fallback && !is_help(**argv) && !is_slip(group, *argv))
		sub = group->fallback;
	else if (***argv != '-')
		return refuse_command(f, group, **argv);
	*command = sub ? sub : group;
	return COFFER_OK;
}

/* Finds the command and moves *@argv behind its name; NULL and COFFER_OK when there is no name. */
static coffer_err
choose(struct fault *f, char ***argv, const struct command **command_out)
{
	const struct command *command;

	if (!**argv)
		return COFFER_OK;
	command = command_find(commands, **argv);
	if (!command)
		return refuse_command(f, NULL, **argv);
	++*argv;
	*command_out = command;
	return command->subs && **argv ? choose_member(f, argv, command_out) : COFFER_OK;
}

static coffer_err
show_help(struct fault *f, const struct command *command)
{
	struct buf b = BUF_INIT(1 << 20);
	coffer_err err;

	TRY(command ? help_command(f, &b, command) : help_overview(f, &b));
	TRY(out_buf(f, &b));
out:
	buf_free(&b);
	return err;
}

static coffer_err
run(struct fault *f, const struct command *command, const struct words *operands)
{
	struct coffer_ctx *ctx = NULL;
	coffer_err err;

	common.command = command;
	if (command->library)
		TRY(library_start(f, &ctx));
	TRY(command->run(f, ctx, operands));
out:
	term_progress_end();
	library_end(&ctx);
	return err;
}

/* Behind «--log-level LEVEL», which scripts of model_signing have in front of the command.  What coffer says does not depend on it. */
static char **
skip_log_level(char **argv)
{
	if (!*argv || (strncmp(*argv, "--log-level", 11) != 0 && strncmp(*argv, "--log_level", 11) != 0))
		return argv;
	if ((*argv)[11] == '=')
		return argv + 1;
	return (*argv)[11] == '\0' && argv[1] ? argv + 2 : argv;
}

/* «coffer --version» and «coffer --help» are what everybody tries first */
static void
translate(char **argv)
{
	static char version[] = "version", help[] = "help";

	if (*argv && strcmp(*argv, "--version") == 0)
		*argv = version;
	else if (*argv && (strcmp(*argv, "--help") == 0 || strcmp(*argv, "-h") == 0))
		*argv = help;
}

static coffer_err
run_line(struct fault *f, char **argv)
{
	const struct command *command = NULL;
	struct words operands = {0};
	coffer_err err;

	argv = skip_log_level(argv);
	translate(argv);
	TRY(choose(f, &argv, &command));
	if (!command) {
		TRY(show_help(f, NULL));
		goto out;
	}
	TRY(args_parse(f, command, argv, &operands));
	if (common.help || command->subs)
		TRY(show_help(f, command));
	else
		TRY(run(f, command, &operands));
out:
	free(operands.v);
	return err;
}

/* ---- the end ---- */

/* A program that asked for JSON gets one document, whatever happens. */
static void
report(const struct fault *f, char **argv)
{
	struct json_out j;

	if (args_is_json(argv) && !out_json_is_written()) {
		out_json_begin(&j, NULL);
		out_json_error(&j, f);
		/* it is too late to say that this failed, too */
		if (out_json_end(&j) != COFFER_OK)
			term_warn("standard output did not take the error");
	}
	term_error(f);
}

int
main(int argc, char **argv)
{
	struct fault f = {0};
	coffer_err err;

	fill_descriptors();
	harden();
	err = run_line(&f, argv + (argc > 0));
	free(common.keks.v);
	free(common.includes.v);
	free(common.excludes.v);
	signing_free();
	if (err) {
		f.err = err;
		report(&f, argv);
	}
	return coffer_err_exit(err);
}
