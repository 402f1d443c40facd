/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/run_keep.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <coffer/inspect.h>
#include <coffer/load.h>

#include "base/file.h"
#include "base/num.h"
#include "base/path.h"
#include "base/tree.h"
#include "cli/library.h"
#include "cli/sign_options.h"
#include "cli/sign_run.h"
#include "cli/term.h"
#include "run/fit.h"
#include "run/keeper.h"

/* ---- before a key is used ---- */

/* What a sealed model says of itself needs no key; what opens is held against it again. */
static coffer_err
measure(struct fault *f, struct keep *k, struct run_model *m)
{
	struct coffer_inspection *info = NULL;
	coffer_err err;

	TRY(library_fault(f, k->ctx, coffer_inspect(k->ctx, m->sealed, &info)));
	if (!num_add(k->bytes, info->bytes, &k->bytes))
		k->bytes = UINT64_MAX;
	k->n_files += info->n_files;
	if (!m->is_file)
		goto out;
	m->file = strdup(path_base(info->files[0].path));
	if (!m->file)
		TRY(fault_nomem(f));
out:
	coffer_inspection_free(&info);
	return err;
}

static coffer_err
measure_all(struct fault *f, struct keep *k)
{
	struct room room;
	coffer_err err;

	for (size_t i = 0; i < k->job->n_models; i++)
		TRY(measure(f, k, &k->job->models[i]));
	if (k->job->way == RUN_LAZY) /* as much as is there */
		goto out;
	room_measure("", &room);
	TRY(fit_check(f, &room, fit_needed(k->bytes, k->n_files), k->job->size));
out:
	return err;
}

/*
 * --verify: somebody has to answer for each model, and be it by the trust store.  Whom that names for what the model calls
 * itself now is asked for by name from here on, whatever it calls itself when it is opened.
 */
static coffer_err
demand_publisher(struct fault *f, struct keep *k, struct run_model *m)
{
	coffer_err err;

	if (!k->job->verify || k->trust)
		return COFFER_OK;
	if (k->options.ignore_trust_store)
		return fault_set(f, COFFER_E_USAGE,
				 "--verify wants somebody's signature and --no-trust-store asks nobody; add "
				 "--verify-key, --certificate-chain or --identity, or leave one out");
	err = trust_by_name(f, k->ctx, m->sealed, &m->publisher);
	if (err == COFFER_E_NOTFOUND)
		return fault_set(f, COFFER_E_POLICY,
				 "%s: --verify wants somebody's signature, and neither an option nor the trust store "
				 "says whose; give --verify-key, --certificate-chain or --identity, or bind its name "
				 "with «coffer trust add»",
				 m->sealed);
	return err;
}

static struct coffer_open_options
options_for(const struct keep *k, const struct run_model *m)
{
	struct coffer_open_options options = k->options;

	if (m->publisher)
		options.trust = m->publisher;
	return options;
}

coffer_err
keep_start(struct fault *f, struct keep *k)
{
	coffer_err err;

	TRY(library_start(f, &k->ctx));
	TRY(signing_to_open(f, k->ctx, &k->options, &k->trust));
	TRY(library_keys_to_open(f, k->ctx, &k->keys));
out:
	return err;
}

coffer_err
keep_model(struct fault *f, struct keep *k, const struct run_model *m, struct coffer_model **model_out)
{
	const struct coffer_open_options options = options_for(k, m);
	coffer_err err;

	TRY(library_fault(f, k->ctx, coffer_model_open(k->ctx, m->sealed, k->keys, model_out)));
	TRY(library_fault(f, k->ctx, coffer_model_trust(k->ctx, *model_out, &options)));
	if (!k->job->allow_code)
		TRY(library_fault(f, k->ctx, coffer_model_refuse_code(k->ctx, *model_out)));
out:
	return err;
}

static coffer_err
get_ready(struct fault *f, struct keep *k)
{
	coffer_err err;

	TRY(keep_start(f, k));
	TRY(measure_all(f, k));
	for (size_t i = 0; i < k->job->n_models; i++)
		TRY(demand_publisher(f, k, &k->job->models[i]));
out:
	return err;
}

static coffer_err
say_sizes(struct fault *f, struct keep *k)
{
	struct keeper_word word = {.number = fit_needed(k->bytes, k->n_files)};
	coffer_err err;

	TRY(keeper_say(f, k->channel, &word, -1));
	for (size_t i = 0; i < k->job->n_models; i++) {
		const char *file = k->job->models[i].file;

		if (!file)
			continue;
		(void)snprintf(word.path, sizeof(word.path), "%s", file);
		TRY(keeper_say(f, k->channel, &word, -1));
	}
out:
	return err;
}

/* ---- does it carry code ---- */

struct plain {
	int fd;
	const char *path;
};

static coffer_err
read_plain(void *user, uint64_t off, void *buf, size_t len)
{
	const struct plain *plain = user;

	return file_read_at(NULL, plain->fd, plain->path, buf, len, off);
}

static coffer_err
refuse_code_of(void *arg, struct fault *f, const struct tree_entry *e)
{
	struct keep *k = arg;
	struct plain plain = {.fd = -1, .path = e->path};
	struct coffer_source source = {.user = &plain, .read_at = read_plain};
	char what[COFFER_CODE_LEN];
	struct stat st;
	coffer_err err;

	TRY(path_open(f, e->dirfd, e->path, e->name, PATH_NO_LINKS, &plain.fd));
	if (fstat(plain.fd, &st) != 0)
		TRY(fault_errno(f, errno, "cannot look at %s", e->path));
	source.size = (uint64_t)st.st_size;
	TRY(library_fault(f, k->ctx, coffer_code_find(k->ctx, e->path, &source, what)));
	if (*what)
		TRY(fault_set(f, COFFER_E_POLICY,
			      "%s carries code: it %s; use a model without, as safetensors, or --allow-code if you "
			      "trust who made it",
			      e->path, what));
out:
	file_close(&plain.fd);
	return err;
}

/* All is verified by now, and in memory, which is a quicker place to look. */
static coffer_err
refuse_code(struct fault *f, struct keep *k, int place)
{
	const struct tree_visitor visitor = {.entry = refuse_code_of, .arg = k};

	return k->job->allow_code ? COFFER_OK : tree_walk(f, place, "the model", &visitor);
}

/* ---- memory in the program's namespace ---- */

static coffer_err
open_model(struct fault *f, struct keep *k, int place, const struct run_model *m)
{
	const struct coffer_open_options options = options_for(k, m);
	char out[64 + 2 * 256];
	coffer_err err;

	if (m->is_file && mkdirat(place, m->name, 0777) != 0)
		return fault_errno(f, errno, "cannot make a folder for %s", m->name);
	(void)snprintf(out, sizeof(out), "/proc/self/fd/%d/%s%s%s", place, m->name, m->file ? "/" : "",
		       m->file ? m->file : "");
	err = coffer_open(k->ctx, m->sealed, out, k->keys, &options, NULL);
	if (err == COFFER_E_SPACE)
		return fault_set(f, err,
				 "the private memory is too small for %s, which says of itself that it is smaller; "
				 "--size SIZE makes it larger",
				 m->sealed);
	return library_fault(f, k->ctx, err);
}

static coffer_err
open_to_memory(struct fault *f, struct keep *k)
{
	struct keeper_word word;
	int place = -1;
	coffer_err err;

	TRY(keeper_hear(f, k->channel, &word, &place));
	for (size_t i = 0; i < k->job->n_models; i++)
		TRY(open_model(f, k, place, &k->job->models[i]));
	TRY(refuse_code(f, k, place));
out:
	file_close(&place);
	return err;
}

/* ---- all ---- */

void
keep_forget(struct keep *k)
{
	term_progress_end();
	for (size_t i = 0; i < k->job->n_models; i++)
		coffer_trust_free(&k->job->models[i].publisher);
	coffer_trust_free(&k->trust);
	coffer_keyring_free(&k->keys);
	library_end(&k->ctx);
}

coffer_err
run_keep(void *job, struct fault *f, int channel)
{
	struct keep k = {.job = job, .channel = channel, .options = {.version_1 = 1}};
	struct keeper_word done = {.number = 0};
	coffer_err err;

	TRY(get_ready(f, &k));
	TRY(say_sizes(f, &k));
	if (k.job->way == RUN_LINKS) {
		TRY(keep_links(f, &k));
	} else if (k.job->way == RUN_LAZY) {
		TRY(keep_mounts(f, &k));
	} else {
		TRY(open_to_memory(f, &k));
		TRY(keeper_say(f, channel, &done, -1));
	}
out:
	keep_forget(&k);
	return err;
}
