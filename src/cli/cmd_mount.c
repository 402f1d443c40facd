/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pthread.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <coffer/load.h>

#include "base/limits.h"
#include "base/num.h"
#include "cli/args.h"
#include "cli/interrupt.h"
#include "cli/library.h"
#include "cli/sign_options.h"
#include "cli/term.h"
#include "mount/mount.h"
#include "run/keeper.h"

#define MEMORY_MIN (UINT64_C(64) << 20)

static const char *owner_text, *mode_text;
static uint64_t memory;
static bool allow_other, no_passthrough, ahead, foreground, allow_code, lazy;

static const struct option options[] = {
	OPTION_KEK("a key to try; repeat it for more. Without it: every key of the local keyring"),
	OPTION_ENVIRONMENT(HELP_ENVIRONMENT),
	OPTION_MIN_GENERATION,
	{.name = "owner",
	 .value = "USER[:GROUP]",
	 .text = &owner_text,
	 .help = "whose the files are; the default is who runs this. Another one than that takes root, and can look "
		 "in"},
	{.name = "mode",
	 .value = "MODE",
	 .text = &mode_text,
	 .help = "permissions of the files, as 0400 (the default), 0440 or 0444"},
	{.name = "allow-other",
	 .flag = &allow_other,
	 .help = "let other users look in, as far as --mode lets them; without root, /etc/fuse.conf must allow it"},
	{.name = "memory",
	 .value = "SIZE",
	 .number = &memory,
	 .min = MEMORY_MIN,
	 .max = LIMIT_SIZE,
	 .help = "keep at most SIZE bytes of plaintext in memory, as 8G; the default is half of what is free"},
	{.name = "no-passthrough",
	 .flag = &no_passthrough,
	 .help = "open records when they are read, not files when they are opened, even where root may do that"},
	{.name = "ahead",
	 .flag = &ahead,
	 .help = "when a file is opened, open the next one, too, if there is memory left: for shards"},
	{.name = "allow-code",
	 .flag = &allow_code,
	 .help = "mount a model with files that carry code, which runs when a program loads them"},
	{.name = "foreground", .flag = &foreground, .help = "do not go to the background"},
	OPTION_JOBS,
	OPTION_END,
};

static const struct example examples[] = {
	{"a model for a program that wants files",
	 "mkdir llama && coffer mount llama.sealed llama && vllm serve ./llama; coffer umount llama"},
	{"for a service that runs as another user", "coffer mount llama.sealed /srv/llama --owner vllm:vllm"},
	{"only when its publisher has signed it", "coffer mount llama.sealed llama --verify-key publisher.pub"},
	{"under a supervisor, which stops it with SIGTERM", "coffer mount llama.sealed /srv/llama --foreground"},
	{NULL, NULL},
};

/* ---- options ---- */

static bool
parse_id(const char *text, uint32_t *out)
{
	uint64_t id;

	/* the highest means «none» to the kernel */
	if (!num_parse(text, 0, UINT32_MAX - 1, &id))
		return false;
	*out = (uint32_t)id;
	return true;
}

static coffer_err
find_group(struct fault *f, const char *name, gid_t *out)
{
	const struct group *g = getgrnam(name);

	if (g)
		*out = g->gr_gid;
	else if (!parse_id(name, out))
		return fault_set(f, COFFER_E_NOTFOUND, "there is no group %s", name);
	return COFFER_OK;
}

/* «USER», «USER:GROUP», «:GROUP»; a user's group is his first one */
static coffer_err
parse_owner(struct fault *f, struct mount_options *out)
{
	const char *colon = strchr(owner_text, ':');
	char *user = strndup(owner_text, colon ? (size_t)(colon - owner_text) : strlen(owner_text));
	const struct passwd *p = user ? getpwnam(user) : NULL;
	coffer_err err = COFFER_OK;

	if (!user)
		TRY(fault_nomem(f));
	if (p) {
		out->owner = p->pw_uid;
		out->group = p->pw_gid;
	} else if (*user && !parse_id(user, &out->owner)) {
		TRY(fault_set(f, COFFER_E_NOTFOUND, "there is no user %s", user));
	}
	if (colon)
		TRY(find_group(f, colon + 1, &out->group));
out:
	free(user);
	return err;
}

/* Reading is all that there is. */
static coffer_err
parse_mode(struct fault *f, mode_t *out)
{
	mode_t mode = 0;
	size_t i = 0;

	for (; i < 4 && mode_text[i] >= '0' && mode_text[i] <= '7'; i++)
		mode = mode * 8 + (mode_t)(mode_text[i] - '0');
	if (i < 3 || mode_text[i] != '\0' || mode == 0 || (mode & ~(mode_t)0444) != 0)
		return fault_set(f, COFFER_E_USAGE,
				 "--mode %s is not made of 4s alone; the files can only be read: 0400, 0440 or 0444",
				 args_shown(mode_text));
	*out = mode;
	return COFFER_OK;
}

/* what threads of the server say, and what is said of it */
static pthread_mutex_t saying = PTHREAD_MUTEX_INITIALIZER;

static void
say(void *user, const char *text)
{
	(void)user;
	pthread_mutex_lock(&saying);
	term_warn("%s", text);
	pthread_mutex_unlock(&saying);
}

static void
say_mounted(const char *sealed, const char *dir)
{
	pthread_mutex_lock(&saying);
	term_say("mounted %s at %s; «coffer umount %s» ends it", sealed, dir, dir);
	pthread_mutex_unlock(&saying);
}

static coffer_err
read_options(struct fault *f, struct mount_options *out)
{
	coffer_err err = COFFER_OK;

	*out = (struct mount_options){
		.owner = geteuid(),
		.group = getegid(),
		.mode = 0400,
		.memory = memory,
		.passthrough = !no_passthrough,
		.ahead = ahead,
		.say = say,
	};
	if (owner_text)
		TRY(parse_owner(f, out));
	if (mode_text)
		TRY(parse_mode(f, &out->mode));
	if (out->owner != geteuid() && geteuid() != 0)
		TRY(fault_set(f, COFFER_E_PERM, "files of another owner than yourself take root"));
	out->allow_other = allow_other || out->owner != geteuid();
out:
	return err;
}

/* ---- the server ---- */

static coffer_err
open_model(struct fault *f, struct coffer_ctx *ctx, const char *path, struct coffer_model **model_out)
{
	struct coffer_open_options opt = {.version_1 = 1};
	struct coffer_keyring *keys = NULL;
	struct coffer_trust *trust = NULL;
	coffer_err err;

	TRY(signing_to_open(f, ctx, &opt, &trust));
	TRY(library_keys_to_open(f, ctx, &keys));
	TRY(library_fault(f, ctx, coffer_model_open(ctx, path, keys, model_out)));
	TRY(library_fault(f, ctx, coffer_model_trust(ctx, *model_out, &opt)));
	if (!allow_code)
		TRY(library_fault(f, ctx, coffer_model_refuse_code(ctx, *model_out)));
out:
	coffer_trust_free(&trust);
	coffer_keyring_free(&keys);
	return err;
}

static struct mount *mounted;

static void
stop(void)
{
	mount_stop(mounted);
}

/* @ready: a pipe whose other end waits to hear that it is mounted, or -1 */
static coffer_err
serve(struct fault *f, struct coffer_ctx *ctx, const struct words *operands, int ready)
{
	const char *sealed = operands->v[0], *dir = operands->v[1];
	struct coffer_model *model = NULL;
	struct mount_options opt;
	coffer_err err;

	TRY(read_options(f, &opt));
	TRY(open_model(f, ctx, sealed, &model));
	coffer_ctx_set_progress(ctx, NULL, NULL);
	TRY(mount_attach(f, dir, &opt, &mounted));
	TRY(mount_start(f, ctx, mounted, model));
	interrupt_tell(stop);
	say_mounted(sealed, dir);
	if (ready >= 0) {
		if (write(ready, "", 1) != 1)
			TRY(fault_errno(f, errno, "cannot go to the background"));
		keeper_leave_terminal();
	}
	TRY(mount_wait(f, mounted));
out:
	interrupt_tell(NULL);
	mount_free(&mounted);
	coffer_model_free(&model);
	return err;
}

/*
 * The server is a child that opens the model itself: keys do not pass to a child.  It says what is wrong, if anything is, and its
 * exit code is this process's.
 */
static void
wait_for_server(pid_t server, int ready)
{
	char byte;
	ssize_t n;
	int status;

	do
		n = read(ready, &byte, 1);
	while (n < 0 && errno == EINTR);
	if (n == 1)
		_exit(0);
	while (waitpid(server, &status, 0) < 0)
		if (errno != EINTR)
			_exit(coffer_err_exit(COFFER_E_OTHER));
	_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

static coffer_err
run_mount(struct fault *f, struct coffer_ctx *ctx, const struct words *operands)
{
	int ends[2];
	pid_t server;
	coffer_err err;

	if (foreground)
		return serve(f, ctx, operands, -1);
	keeper_note_inherited();
	if (pipe2(ends, O_CLOEXEC) != 0)
		return fault_errno(f, errno, "cannot make a pipe");
	server = fork();
	if (server < 0)
		return fault_errno(f, errno, "cannot start the server");
	if (server > 0) {
		(void)close(ends[1]);
		wait_for_server(server, ends[0]);
	}
	(void)close(ends[0]);
	err = serve(f, ctx, operands, ends[1]);
	(void)close(ends[1]);
	return err;
}

const struct command cmd_mount = {
	.name = "mount",
	.brief = "show an opened model as a folder, without writing it anywhere",
	.operands = "SEALED DIR",
	.min = 2,
	.max = 2,
	.hint = HINT_FILE,
	.about = "Mounts the sealed model SEALED at the empty folder DIR, as a file system that can be read alone. "
		 "Files are opened and verified as they are used and stay in memory; nothing is written to a disk. "
		 "«coffer umount DIR» or SIGTERM ends it. «coffer run» needs neither a folder nor rights, where coffer "
		 "can start the program itself.\n\n"
		 "As root on Linux 6.9 or later a file is opened whole when a program opens it, into huge pages that "
		 "the kernel reads from by itself, at the speed of memory; it stays for a minute after its last use, "
		 "or until another one needs the memory. Otherwise, and for small files or those that do not fit "
		 "--memory, records are opened as they are read. mmap works both ways.\n\n"
		 "Only who mounts it can look in, unless --owner or --allow-other says otherwise. A file that is not "
		 "authentic gives errors, never wrong bytes, and the exit code says so at the end. Whose model it must "
		 "be is said as for «coffer open», and a model that carries code is refused.",
	.options = options,
	.shared = options_trust_open,
	.examples = examples,
	.run = run_mount,
	.library = true,
};

/* ---- umount ---- */

static const struct option umount_options[] = {
	{.name = "lazy",
	 .flag = &lazy,
	 .help = "when it is in use: take it away at once, and end it with the last file that is open"},
	OPTION_END,
};

static const struct example umount_examples[] = {
	{"end it", "coffer umount llama"},
	{"while a program still reads", "coffer umount llama --lazy"},
	{NULL, NULL},
};

static coffer_err
run_umount(struct fault *f, struct coffer_ctx *ctx, const struct words *operands)
{
	const char *dir = operands->v[0];
	coffer_err err = mount_detach(f, dir, lazy ? MOUNT_BUSY_LAZY : MOUNT_BUSY_REFUSE);

	(void)ctx;
	if (err == COFFER_E_BUSY)
		return fault_set(
			f, err,
			"%s is in use; end the programs that read it («fuser -vm %s» lists them), or take it away "
			"under them with --lazy",
			dir, dir);
	return err;
}

const struct command cmd_umount = {
	.name = "umount",
	.brief = "take away what coffer mount shows",
	.operands = "DIR",
	.min = 1,
	.max = 1,
	.hint = HINT_FOLDER,
	.about = "Unmounts the model that is mounted at DIR, also one whose server was killed, and its plaintext is "
		 "gone from memory. Only what coffer has mounted is touched. One that is in use is refused.",
	.options = umount_options,
	.examples = umount_examples,
	.run = run_umount,
};
