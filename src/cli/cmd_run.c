/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/num.h"
#include "base/path.h"
#include "cli/args.h"
#include "cli/interrupt.h"
#include "cli/run_keep.h"
#include "cli/sign_options.h"
#include "cli/term.h"
#include "mount/mount.h"
#include "run/keeper.h"
#include "run/place.h"
#include "run/program.h"

#define ROOM_TO_WRITE (UINT64_C(64) << 20) /* for what programs write beside a model: caches, locks */

static struct words model_words;
static bool allow_code, keep_caps, lazy, read_only, verbatim, verify;
static uint64_t size_limit;

static const struct option options[] = {
	{.name = "model",
	 .letter = 'm',
	 .value = "SEALED[=NAME]",
	 .list = &model_words,
	 .hint = HINT_FILE,
	 .help = "open this sealed file or folder; repeat it for more. NAME is what ARG and the folder call it; the "
		 "default is the last part of its path, without .coffer and .sealed"},
	OPTION_KEK("a key to try; repeat it for more. Without it: every key of the local keyring"),
	OPTION_ENVIRONMENT(HELP_ENVIRONMENT),
	OPTION_MIN_GENERATION,
	{.name = "verify",
	 .flag = &verify,
	 .help = "refuse a model unless an option or the trust store says whose signature it must have"},
	{.name = "allow-code",
	 .flag = &allow_code,
	 .help = "go on when a model carries code, as pickles and libraries do, which PROGRAM may then run"},
	{.name = "lazy",
	 .flag = &lazy,
	 .help = "start PROGRAM at once, and open and verify each file when it is first used, and the next one ahead; "
		 "needs /dev/fuse"},
	{.name = "read-only", .flag = &read_only, .help = "PROGRAM cannot write where the models are"},
	{.name = "size",
	 .value = "SIZE",
	 .number = &size_limit,
	 .min = 1,
	 .max = LIMIT_SIZE,
	 .help = "the most memory for the models and what PROGRAM writes beside them, as 20G; the default is what the "
		 "models take, and 64 MiB"},
	{.name = "keep-caps",
	 .flag = &keep_caps,
	 .help = "leave PROGRAM the capabilities of its user namespace, which hold for nothing outside"},
	{.name = "verbatim", .flag = &verbatim, .help = "{model} and {file} in ARG mean nothing"},
	OPTION_JOBS,
	OPTION_END,
};

static const struct example examples[] = {
	{"a server that only knows paths",
	 "coffer run --model llama.sealed -- vllm serve '{model}' --served-model-name llama"},
	{"one file", "coffer run --model model.gguf.coffer -- llama-server -m '{file}'"},
	{"two models", "coffer run -m base.sealed -m adapter.sealed=lora -- ./serve '{model}' '{model:lora}'"},
	{"only when its publisher has signed it",
	 "coffer run -m llama.sealed --verify-key publisher.pub -- python3 serve.py"},
	{"without the credentials of the key service",
	 "coffer run -m llama.sealed --kek hashivault://llama -- env -u VAULT_TOKEN python3 serve.py"},
	{NULL, NULL},
};

/* ---- the models ---- */

static bool
is_name(const char *name)
{
	return *name && !strchr(name, '/') && !strchr(name, '}') && strcmp(name, ".") != 0 && strcmp(name, "..") != 0 &&
	       strlen(name) <= LIMIT_PATH_PART && text_check(name, strlen(name));
}

/* The last part of the path, without what says that it is sealed. */
static char *
name_by_path(const char *sealed)
{
	static const char *const suffixes[] = {".coffer", ".sealed"};
	char *real = realpath(sealed, NULL), *name = NULL;
	size_t len;

	if (!real)
		return NULL;
	len = strlen(path_base(real));
	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		size_t n = strlen(suffixes[i]);

		if (len > n && strcmp(real + strlen(real) - n, suffixes[i]) == 0) {
			len -= n;
			break;
		}
	}
	name = strndup(path_base(real), len);
	free(real);
	return name;
}

/* «SEALED=NAME»; a path with «=» in it, which is there, is a path. */
static coffer_err
split(struct fault *f, const char *text, struct run_model *m)
{
	const char *equal = strrchr(text, '=');
	struct stat st;

	if (!equal || stat(text, &st) == 0) {
		m->sealed = strdup(text);
		return m->sealed ? COFFER_OK : fault_nomem(f);
	}
	m->sealed = strndup(text, (size_t)(equal - text));
	m->name = strdup(equal + 1);
	return m->sealed && m->name ? COFFER_OK : fault_nomem(f);
}

static coffer_err
read_model(struct fault *f, const char *text, struct run_model *m)
{
	struct stat st;
	coffer_err err;

	TRY(split(f, text, m));
	if (stat(m->sealed, &st) != 0)
		TRY(fault_errno(f, errno, "cannot find the model %s", m->sealed));
	m->is_file = !S_ISDIR(st.st_mode);
	if (!m->name)
		m->name = name_by_path(m->sealed);
	if (!m->name)
		TRY(fault_errno(f, errno, "cannot find the model %s", m->sealed));
	if (!is_name(m->name))
		TRY(fault_set(f, COFFER_E_USAGE,
			      "%s cannot be the name of a model's folder; give a plain one: --model %s=NAME", m->name,
			      m->sealed));
out:
	return err;
}

static coffer_err
refuse_same(struct fault *f, const struct run_job *job)
{
	for (size_t i = 0; i < job->n_models; i++)
		for (size_t j = 0; j < i; j++)
			if (strcmp(job->models[i].name, job->models[j].name) == 0)
				return fault_set(f, COFFER_E_USAGE,
						 "two models are called %s; give one another name: --model %s=NAME",
						 job->models[i].name, job->models[i].sealed);
	return COFFER_OK;
}

static coffer_err
read_models(struct fault *f, struct run_job *job)
{
	coffer_err err;

	if (model_words.n == 0)
		return fault_set(f, COFFER_E_USAGE,
				 "run needs a model: --model SEALED; «coffer help run» has examples");
	if (model_words.n > 1 && (signing.signature || signing.name))
		return fault_set(f, COFFER_E_USAGE,
				 "--signature and --name are of one model, and several are given; leave them out, or "
				 "let the trust store say whose each must be");
	job->models = calloc(model_words.n, sizeof(*job->models));
	if (!job->models)
		return fault_nomem(f);
	for (size_t i = 0; i < model_words.n; i++)
		TRY(read_model(f, model_words.v[i], &job->models[job->n_models++]));
	TRY(refuse_same(f, job));
out:
	return err;
}

static void
free_models(struct run_job *job)
{
	for (size_t i = 0; i < job->n_models; i++) {
		free(job->models[i].sealed);
		free(job->models[i].name);
		free(job->models[i].folder);
		free(job->models[i].file);
	}
	free(job->models);
	free(model_words.v);
}

/* ---- the program ---- */

/* What the program is told; before the models are open, that they will be somewhere. */
static coffer_err
tell(struct fault *f, const struct run_job *job, const struct words *operands,
     coffer_err (*use)(struct fault *f, const struct program *program))
{
	struct program_model *models = calloc(job->n_models, sizeof(*models));
	struct program program = {
		.argv = operands->v,
		.argc = operands->n,
		.verbatim = verbatim,
		.models = models,
		.n_models = job->n_models,
	};
	coffer_err err;

	if (!models)
		return fault_nomem(f);
	for (size_t i = 0; i < job->n_models; i++) {
		const struct run_model *m = &job->models[i];

		models[i].name = m->name;
		models[i].folder = m->folder ? m->folder : "";
		models[i].file = !m->is_file ? NULL : m->file ? m->file : "";
	}
	err = use(f, &program);
	free(models);
	return err;
}

/* ---- where ---- */

/* Whether there can be a namespace, before one is entered: it cannot be left again. */
static coffer_err
choose_way(struct fault *f, struct run_job *job)
{
	const struct place_options trial = {.size = 1 << 20, .may_run = allow_code, .keep_caps = keep_caps};
	char text[sizeof(f->text) + 256];
	coffer_err err = place_try(f, &trial);

	job->way = lazy ? RUN_LAZY : RUN_MEMORY;
	if (err != COFFER_E_PERM)
		return err;
	(void)snprintf(text, sizeof(text),
		       "warning: %s. So the models are in memory of a process of their own, behind links, and other "
		       "programs of this user can read them while PROGRAM runs",
		       f->text);
	term_notice(NULL, text);
	if (lazy)
		term_say("--lazy needs a namespace, so all is opened before PROGRAM starts");
	fault_clear(f);
	job->way = RUN_LINKS;
	return COFFER_OK;
}

static coffer_err
hear_files(struct fault *f, const struct keeper *keeper, struct run_job *job)
{
	struct keeper_word word;
	coffer_err err = COFFER_OK;

	for (size_t i = 0; i < job->n_models; i++) {
		if (!job->models[i].is_file)
			continue;
		TRY(keeper_hear(f, keeper->channel, &word, NULL));
		job->models[i].file = strdup(word.path);
		if (!job->models[i].file)
			TRY(fault_nomem(f));
	}
out:
	return err;
}

static coffer_err
place_models(struct fault *f, struct run_job *job, const char *where)
{
	for (size_t i = 0; i < job->n_models; i++) {
		struct run_model *m = &job->models[i];
		char *file = NULL;

		if (asprintf(&m->folder, "%s/%s", where, m->name) < 0) {
			m->folder = NULL;
			return fault_nomem(f);
		}
		if (m->file && asprintf(&file, "%s/%s", m->folder, m->file) < 0)
			return fault_nomem(f);
		free(m->file);
		m->file = file;
	}
	return COFFER_OK;
}

static coffer_err
make_place(struct fault *f, const struct run_job *job, uint64_t needed, struct place *place)
{
	struct place_options how = {
		.size = num_round_up(needed, 4096) + ROOM_TO_WRITE,
		.keep_caps = keep_caps,
		.may_run = allow_code,
	};
	coffer_err err;

	if (job->way == RUN_LAZY)
		how.size = ROOM_TO_WRITE;
	else if (size_limit)
		how.size = size_limit;
	TRY(place_make(f, &how, place));
	if (place->may_be_swapped)
		term_say("this system has swap and lets nobody but root keep memory out of it, so plaintext may reach "
			 "it: run coffer as root, on Linux 6.4 or later, or encrypt the swap");
out:
	return err;
}

/* The keeper serves what is attached here. */
static coffer_err
attach(struct fault *f, const struct keeper *keeper, const struct run_job *job, const struct run_model *m,
       const struct place *place)
{
	const struct mount_options how = run_mount_options(job);
	struct keeper_word word = {.number = 0};
	char dir[SPOT_LEN + LIMIT_PATH_PART + 2];
	struct mount *mount = NULL;
	coffer_err err;

	if (mkdirat(place->fd, m->name, 0700) != 0)
		return fault_errno(f, errno, "cannot make a folder for %s", m->name);
	(void)snprintf(dir, sizeof(dir), "%s/%s", place->path, m->name);
	err = mount_attach(f, dir, &how, &mount);
	if (err)
		TRY(fault_prefix(f, "--lazy, which can be left out"));
	TRY(keeper_say(f, keeper->channel, &word, mount_fd(mount)));
	mount_let_go(&mount);
out:
	mount_free(&mount);
	return err;
}

/* What the keeper needs to know of where. */
static coffer_err
say_where(struct fault *f, const struct keeper *keeper, const struct run_job *job, const struct place *place)
{
	struct keeper_word word = {.number = 0};
	coffer_err err;

	if (job->way == RUN_MEMORY)
		return keeper_say(f, keeper->channel, &word, place->fd);
	for (size_t i = 0; i < job->n_models; i++)
		TRY(attach(f, keeper, job, &job->models[i], place));
out:
	return err;
}

/* The models are opened; this process is in the namespace, when there is one. */
static coffer_err
wait_for_models(struct fault *f, const struct keeper *keeper, struct run_job *job)
{
	struct place place = PLACE_INIT;
	struct keeper_word word;
	coffer_err err;

	TRY(keeper_hear(f, keeper->channel, &word, NULL));
	keeper_forward(word.pid);
	TRY(hear_files(f, keeper, job));
	if (job->way != RUN_LINKS) {
		TRY(make_place(f, job, word.number, &place));
		TRY(say_where(f, keeper, job, &place));
	}
	TRY(keeper_hear(f, keeper->channel, &word, NULL));
	if (job->way != RUN_LINKS && read_only)
		TRY(place_close(f, &place));
	TRY(place_models(f, job, job->way == RUN_LINKS ? word.path : place.path));
out:
	file_close(&place.fd);
	return err;
}

static coffer_err
open_models(struct fault *f, struct run_job *job)
{
	struct keeper keeper;
	coffer_err err;

	TRY(keeper_start(f, run_keep, job, job->way == RUN_LAZY ? KEEPER_STAYS : KEEPER_CHILD, &keeper));
	keeper_forward(keeper.pid);
	err = wait_for_models(f, &keeper, job);
	keeper_end(&keeper);
	if (keeper_forwarded()) /* whatever became of it then */
		err = fault_set(f, COFFER_E_INTERRUPTED, "stopped before the program was started");
out:
	return err;
}

static coffer_err
run(struct fault *f, struct coffer_ctx *ctx, const struct words *operands)
{
	struct run_job job = {.size = size_limit, .allow_code = allow_code, .verify = verify};
	mode_t mask = umask(077);
	coffer_err err;

	/* what is made for the program is its user's to use, whatever his mask; the program gets that again */
	(void)umask(mask & 077);
	(void)ctx;
	TRY(read_models(f, &job));
	TRY(program_find(f, operands->v[0]));
	TRY(tell(f, &job, operands, program_check));
	TRY(choose_way(f, &job));
	TRY(open_models(f, &job));
	(void)umask(mask);
	interrupt_restore();
	TRY(tell(f, &job, operands, program_exec));
out:
	free_models(&job);
	return err;
}

const struct command cmd_run = {
	.name = "run",
	.brief = "run a program on an opened model that nobody else sees",
	.operands = "-- PROGRAM [ARG...]",
	.min = 1,
	.max = SIZE_MAX,
	.hint = HINT_FILE,
	.about = "Opens the models into memory that PROGRAM and its children see as a folder and no other process "
		 "does, and starts PROGRAM in the place of coffer, so that its terminal, signals and exit code are its "
		 "own. When the last of its processes has ended the plaintext is gone, however that came. None of it "
		 "reaches a disk; core dumps are off. Root, and programs of the same user that look into PROGRAM "
		 "itself, are not kept out.\n\n"
		 "In ARG {model} is the folder of the first model, and {file} its file if a sealed file was given; "
		 "{model:NAME} and {file:NAME} are those of others. COFFER_MODEL and COFFER_MODEL_FILE in the "
		 "environment are those of the first. All else in the environment is as it was, credentials of key "
		 "services too: env -u takes them away.\n\n"
		 "Everything is checked before PROGRAM is started: that it is there, that memory suffices, whose "
		 "signature the models have, as coffer open does, every byte of them, and that they carry no code. "
		 "The memory is a tmpfs in a mount namespace, and for everybody but root in a user namespace, too, in "
		 "which other users appear as nobody. Where the system gives no namespaces the models are in memory "
		 "of a process that ends with PROGRAM, behind links that other programs of the same user can follow; "
		 "coffer says so.",
	.options = options,
	.shared = options_trust_open,
	.examples = examples,
	.run = run,
	.starts_program = true,
};
