/* SPDX-License-Identifier: Apache-2.0 */
/*
 * «coffer run» where there are no namespaces: files in memory of a process that stays, behind links.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <coffer/load.h>

#include "base/file.h"
#include "cli/library.h"
#include "cli/run_keep.h"
#include "run/core.h"
#include "run/keeper.h"
#include "run/links.h"

/** struct held - a file in memory */
struct held {
	char *path; /* below the folder of links */
	int fd;
};

struct held_files {
	struct held *v;
	size_t n;
};

static void
let_go(struct held_files *files)
{
	for (size_t i = 0; i < files->n; i++) {
		file_close(&files->v[i].fd);
		free(files->v[i].path);
	}
	free(files->v);
}

/* Each file is a descriptor. */
static void
raise_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
}

static coffer_err
hold_file(struct fault *f, struct keep *k, struct coffer_model *model, size_t index, const char *name, struct held *out)
{
	struct coffer_file *file = NULL;
	coffer_err err;

	out->fd = -1;
	if (asprintf(&out->path, "%s/%s", name, coffer_model_path(model, index)) < 0) {
		out->path = NULL;
		TRY(fault_nomem(f));
	}
	TRY(library_fault(f, k->ctx, coffer_file_open(k->ctx, model, index, &file)));
	TRY(library_fault(f, k->ctx, coffer_file_memfd(k->ctx, file, &out->fd)));
out:
	coffer_file_free(&file);
	return err;
}

static coffer_err
hold_files(struct fault *f, struct keep *k, struct coffer_model *model, const char *name, struct held_files *files)
{
	size_t n = coffer_model_size(model);
	struct held *v = realloc(files->v, (files->n + n) * sizeof(*v));
	coffer_err err = COFFER_OK;

	if (!v)
		return fault_nomem(f);
	files->v = v;
	for (size_t i = 0; i < n; i++)
		TRY(hold_file(f, k, model, i, name, &files->v[files->n++]));
out:
	return err;
}

static coffer_err
hold_model(struct fault *f, struct keep *k, const struct run_model *m, struct held_files *files)
{
	struct coffer_model *model = NULL;
	coffer_err err;

	TRY(keep_model(f, k, m, &model));
	TRY(hold_files(f, k, model, m->name, files));
out:
	coffer_model_free(&model);
	return err;
}

/* ---- staying ---- */

static coffer_err
make_links(struct fault *f, const struct keep *k, const struct held_files *files, struct links *links)
{
	struct keeper_word word = {.number = 0};
	coffer_err err;

	TRY(links_make(f, links));
	for (size_t i = 0; i < files->n; i++)
		TRY(links_add(f, links, files->v[i].path, files->v[i].fd));
	(void)snprintf(word.path, sizeof(word.path), "%s", links->path);
	TRY(keeper_say(f, k->channel, &word, -1));
out:
	return err;
}

/* The process that stays, which is no child of the program, for its parent ends now; it has no keys. */
static coffer_err
stay(struct fault *f, struct keep *k, const struct held_files *files, int program)
{
	struct links links = LINKS_INIT;
	coffer_err err;

	core_forbid();
	err = make_links(f, k, files, &links);
	if (err == COFFER_OK) {
		file_close(&k->channel);
		links_stay(program);
	}
	links_remove(&links);
	return err;
}

static coffer_err
fork_stay(struct fault *f, struct keep *k, const struct held_files *files, int program)
{
	struct keeper_word word = {.number = 0};
	pid_t pid = fork();

	if (pid < 0)
		return fault_errno(f, errno, "cannot start a process");
	if (pid > 0)
		return COFFER_OK;
	word.fault.err = stay(&word.fault, k, files, program);
	if (word.fault.err)
		(void)!keeper_say(NULL, k->channel, &word, -1);
	_exit(coffer_err_exit(word.fault.err));
}

coffer_err
keep_links(struct fault *f, struct keep *k)
{
	int program = (int)syscall(SYS_pidfd_open, getppid(), 0);
	struct held_files files = {.n = 0};
	coffer_err err;

	if (program < 0)
		TRY(fault_errno(f, errno, "cannot watch the program"));
	raise_limit();
	for (size_t i = 0; i < k->job->n_models; i++)
		TRY(hold_model(f, k, &k->job->models[i], &files));
	keep_forget(k);
	TRY(fork_stay(f, k, &files, program));
out:
	let_go(&files);
	file_close(&program);
	return err;
}
