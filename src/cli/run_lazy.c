/* SPDX-License-Identifier: Apache-2.0 */
/*
 * «coffer run --lazy»: a file system in the program's namespace, served from outside of it, so that it ends with the last
 * process in there, and the server with it.
 */
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <coffer/key.h>
#include <coffer/sign.h>

#include "cli/args.h"
#include "cli/library.h"
#include "cli/run_keep.h"
#include "cli/term.h"
#include "mount/mount.h"
#include "run/keeper.h"

static void
say(void *user, const char *text)
{
	(void)user;
	term_warn("%s", text);
}

struct mount_options
run_mount_options(const struct run_job *job)
{
	return (struct mount_options){
		.owner = geteuid(),
		.group = getegid(),
		.mode = 0400,
		.memory = job->size,
		.passthrough = true,
		.ahead = true,
		.say = say,
	};
}

/* ---- one model ---- */

/** struct served - a model, and what serves it; a context is one thread's at a time, so each has its own */
struct served {
	struct coffer_model *model;
	struct coffer_ctx *ctx;
	struct mount *mount;
};

static coffer_err
new_context(struct fault *f, struct coffer_ctx **out)
{
	coffer_err err = coffer_ctx_new(out);

	if (err)
		return fault_set(f, err, "cannot start: %s; «coffer doctor» says more", coffer_err_text(err));
	coffer_ctx_set_jobs(*out, (unsigned int)common.jobs);
	return COFFER_OK;
}

static coffer_err
adopt(struct fault *f, struct keep *k, struct served *s)
{
	const struct mount_options options = run_mount_options(k->job);
	struct keeper_word word;
	int fd = -1;
	coffer_err err;

	TRY(keeper_hear(f, k->channel, &word, &fd));
	TRY(mount_adopt(f, fd, &options, &s->mount));
out:
	return err;
}

static coffer_err
serve(struct fault *f, struct keep *k, const struct run_model *m, struct served *s)
{
	coffer_err err;

	TRY(keep_model(f, k, m, &s->model));
	TRY(new_context(f, &s->ctx));
	TRY(mount_start(f, s->ctx, s->mount, s->model));
out:
	return err;
}

static void
end(struct served *s)
{
	mount_free(&s->mount);
	coffer_model_free(&s->model);
	coffer_ctx_free(&s->ctx);
}

/* ---- all ---- */

/* It ends when the program does, which a signal to all processes of a service may ask to end tidily, with its model. */
static void
ignore_signals(void)
{
	const struct sigaction ignore = {.sa_handler = SIG_IGN};

	(void)sigaction(SIGINT, &ignore, NULL);
	(void)sigaction(SIGTERM, &ignore, NULL);
	(void)sigaction(SIGHUP, &ignore, NULL);
}

static coffer_err
wait_for_all(struct fault *f, struct keep *k, struct served *served)
{
	struct keeper_word done = {.number = 0};
	coffer_err err;

	TRY(keeper_say(f, k->channel, &done, -1));
	ignore_signals();
	keeper_leave_terminal();
	for (size_t i = 0; i < k->job->n_models; i++)
		/* what was not authentic has been said, and who reads it has an error */
		(void)!mount_wait(NULL, served[i].mount);
out:
	return err;
}

coffer_err
keep_mounts(struct fault *f, struct keep *k)
{
	struct served *served = calloc(k->job->n_models, sizeof(*served));
	coffer_err err;

	if (!served)
		return fault_nomem(f);
	for (size_t i = 0; i < k->job->n_models; i++)
		TRY(adopt(f, k, &served[i]));
	for (size_t i = 0; i < k->job->n_models; i++)
		TRY(serve(f, k, &k->job->models[i], &served[i]));
	term_progress_end();
	coffer_trust_free(&k->trust);
	coffer_keyring_free(&k->keys); /* the DEKs are enough; models need the context, too */
	TRY(wait_for_all(f, k, served));
out:
	for (size_t i = 0; i < k->job->n_models; i++)
		end(&served[i]);
	free(served);
	return err;
}
