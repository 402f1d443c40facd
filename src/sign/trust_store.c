/* SPDX-License-Identifier: Apache-2.0 */
#include "sign/trust_store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/home.h"
#include "base/limits.h"
#include "base/path.h"

#define SYSTEM_DIR "/etc/coffer/trust.d"
#define FOLDER "the trust store"
#define SUFFIX ".json"
#define FILE_NAME_MAX 240u

void
stored_free(struct stored *s)
{
	binding_free(&s->binding);
	free(s->path);
	*s = (struct stored){.path = NULL};
}

/* ---- a folder ---- */

struct folder {
	int fd; /* -1: it is not there, and binds nothing */
	char *dir;
	bool is_system;
	struct stored *list;
	size_t n;
};

#define FOLDER_INIT                                                                                                    \
	{                                                                                                              \
		.fd = -1, .dir = NULL                                                                                  \
	}

static void
close_folder(struct folder *d)
{
	for (size_t i = 0; i < d->n; i++)
		stored_free(&d->list[i]);
	free(d->list);
	free(d->dir);
	file_close(&d->fd);
}

static coffer_err
path_in(struct fault *f, const struct folder *d, const char *name, char **out)
{
	if (asprintf(out, "%s/%s", d->dir, name) < 0) {
		*out = NULL;
		return fault_nomem(f);
	}
	return COFFER_OK;
}

static coffer_err
read_file(struct fault *f, const struct folder *d, const char *name, struct stored *out)
{
	struct buf json = BUF_INIT(LIMIT_TRUST_BINDING);
	coffer_err err;

	TRY(path_in(f, d, name, &out->path));
	out->is_system = d->is_system;
	TRY(home_slurp(f, "the binding", d->fd, name, out->path, LIMIT_TRUST_BINDING, &json));
	TRY(binding_parse(f, out->path, buf_view(&json), &out->binding));
out:
	buf_free(&json);
	if (err != COFFER_OK)
		stored_free(out);
	return err;
}

static struct stored *
find_model(const struct folder *d, const char *model)
{
	for (size_t i = 0; i < d->n; i++)
		if (strcmp(d->list[i].binding.model, model) == 0)
			return &d->list[i];
	return NULL;
}

static coffer_err
add_file(struct fault *f, struct folder *d, const char *name)
{
	struct stored s = {.path = NULL}, *list;
	const struct stored *other;
	coffer_err err;

	if (d->n == LIMIT_TRUST_BINDINGS)
		return fault_set(f, COFFER_E_POLICY, "%s has more than %u bindings", d->dir, LIMIT_TRUST_BINDINGS);
	err = read_file(f, d, name, &s);
	if (err == COFFER_E_NOTFOUND) /* to the caller that would mean that nothing is bound */
		err = fault_set(f, COFFER_E_CHANGED, "%s changed while it was read; try again", d->dir);
	TRY(err);
	other = find_model(d, s.binding.model);
	if (other)
		TRY(fault_set(f, COFFER_E_POLICY, "%s and %s both bind the model %s; remove one", other->path, s.path,
			      s.binding.model));
	list = reallocarray(d->list, d->n + 1, sizeof(*list));
	if (!list)
		TRY(fault_nomem(f));
	d->list = list;
	d->list[d->n++] = s;
	s = (struct stored){.path = NULL};
out:
	stored_free(&s);
	return err;
}

static int
is_binding(const struct dirent *e)
{
	size_t len = strlen(e->d_name);

	return e->d_name[0] != '.' && len > strlen(SUFFIX) && strcmp(e->d_name + len - strlen(SUFFIX), SUFFIX) == 0;
}

static coffer_err
add_files(struct fault *f, struct folder *d)
{
	struct dirent **entries = NULL;
	int n = scandirat(d->fd, ".", &entries, is_binding, alphasort);
	coffer_err err = COFFER_OK;

	if (n < 0)
		return fault_errno(f, errno, "cannot read " FOLDER " %s", d->dir);
	for (int i = 0; i < n; i++) {
		if (err == COFFER_OK)
			err = add_file(f, d, entries[i]->d_name);
		free(entries[i]);
	}
	free((void *)entries);
	return err;
}

/* A folder that is not there binds nothing; one that cannot be read or believed is an error. */
static coffer_err
read_folder(struct fault *f, struct folder *d)
{
	coffer_err err = home_open(f, FOLDER, d->dir, &d->fd);

	if (err == COFFER_E_NOTFOUND) {
		if (f)
			fault_clear(f);
		return COFFER_OK;
	}
	TRY(err);
	TRY(add_files(f, d));
out:
	return err;
}

/* ---- both folders ---- */

struct store {
	struct folder system, user;
};

#define STORE_INIT                                                                                                     \
	{                                                                                                              \
		FOLDER_INIT, FOLDER_INIT                                                                               \
	}

static void
close_store(struct store *s)
{
	close_folder(&s->system);
	close_folder(&s->user);
}

/* The one binding of the folder that speaks about @model, or NULL. */
static struct stored *
speaks(const struct folder *d, const char *model)
{
	struct stored *exact = find_model(d, model);

	return exact ? exact : find_model(d, BINDING_ANY);
}

static coffer_err
find_user_dir(struct fault *f, const struct trust_dirs *dirs, char **out)
{
	if (!dirs->user)
		return home_path(f, HOME_CONFIG, "trust.d", out);
	*out = strdup(dirs->user);
	return *out ? COFFER_OK : fault_nomem(f);
}

/* Who has no home, as a service may, has no folder. */
static coffer_err
read_user_folder(struct fault *f, const struct trust_dirs *dirs, struct folder *d)
{
	coffer_err err = find_user_dir(f, dirs, &d->dir);

	if (err == COFFER_E_NOTFOUND) {
		if (f)
			fault_clear(f);
		return COFFER_OK;
	}
	TRY(err);
	TRY(read_folder(f, d));
out:
	return err;
}

static coffer_err
open_store(struct fault *f, const struct trust_dirs *dirs, struct store *s)
{
	coffer_err err;

	s->system.is_system = true;
	s->system.dir = strdup(dirs->system ? dirs->system : SYSTEM_DIR);
	if (!s->system.dir)
		return fault_nomem(f);
	TRY(read_folder(f, &s->system));
	TRY(read_user_folder(f, dirs, &s->user));
	for (size_t i = 0; i < s->user.n; i++)
		s->user.list[i].is_overruled = speaks(&s->system, s->user.list[i].binding.model) != NULL;
out:
	return err;
}

coffer_err
trust_store_find(struct fault *f, const struct trust_dirs *dirs, const char *model, struct stored *out)
{
	struct store s = STORE_INIT;
	struct stored *found;
	coffer_err err;

	TRY(open_store(f, dirs, &s));
	found = speaks(&s.system, model);
	if (!found)
		found = speaks(&s.user, model);
	if (!found)
		TRY(fault_set(f, COFFER_E_NOTFOUND,
			      "the trust store binds nobody to the model %s; «coffer trust add» does", model));
	*out = *found;
	*found = (struct stored){.path = NULL};
out:
	close_store(&s);
	return err;
}

coffer_err
trust_store_each(struct fault *f, const struct trust_dirs *dirs,
		 coffer_err (*fn)(void *arg, struct fault *f, const struct stored *s), void *arg)
{
	struct store s = STORE_INIT;
	const struct folder *const folders[] = {&s.system, &s.user};
	coffer_err err;

	TRY(open_store(f, dirs, &s));
	for (size_t d = 0; d < 2; d++)
		for (size_t i = 0; i < folders[d]->n; i++)
			TRY(fn(arg, f, &folders[d]->list[i]));
out:
	close_store(&s);
	return err;
}

/* ---- changing the user's ---- */

/* For people alone: what counts is the model's name inside. */
static coffer_err
file_name(struct fault *f, const char *model, char out[static FILE_NAME_MAX + 1])
{
	if (!path_escape(model, out, FILE_NAME_MAX + 1 - strlen(SUFFIX)))
		return fault_set(f, COFFER_E_USAGE, "the name of the model is too long for the name of a file");
	memcpy(out + strlen(out), SUFFIX, sizeof(SUFFIX));
	return COFFER_OK;
}

/* The store as it is must be sound, and must leave the word about @model to the user. */
static coffer_err
check_free(struct fault *f, const struct trust_dirs *dirs, const char *model)
{
	struct store s = STORE_INIT;
	const struct stored *other;
	coffer_err err;

	TRY(open_store(f, dirs, &s));
	other = speaks(&s.system, model);
	if (other)
		TRY(fault_set(f, COFFER_E_POLICY,
			      "the administrator's %s says whose signature of %s is believed; yours would not be asked",
			      other->path, model));
	other = find_model(&s.user, model);
	if (other)
		TRY(fault_set(f, COFFER_E_EXISTS, "%s binds the model %s already; «coffer trust remove» comes first",
			      other->path, model));
out:
	close_store(&s);
	return err;
}

static coffer_err
write_file(struct fault *f, const struct folder *d, const char *name, const struct buf *json)
{
	struct newfile n = NEWFILE_INIT;
	char *path = NULL;
	coffer_err err;

	TRY(path_in(f, d, name, &path));
	if (json->len > LIMIT_TRUST_BINDING)
		TRY(fault_set(f, COFFER_E_USAGE, "%s would have %zu bytes; at most %u can be read again", path,
			      json->len, LIMIT_TRUST_BINDING));
	TRY(newfile_open_at(f, &n, d->fd, name, path, 0600, false));
	TRY(file_write_at(f, n.fd, path, json->p, json->len, 0));
	TRY(newfile_commit(f, &n));
out:
	newfile_abort(&n);
	free(path);
	return err;
}

coffer_err
trust_store_add(struct fault *f, const struct trust_dirs *dirs, const struct trust_binding *b)
{
	struct folder d = FOLDER_INIT;
	struct buf json = BUF_INIT((size_t)2 * LIMIT_TRUST_BINDING);
	char name[FILE_NAME_MAX + 1];
	coffer_err err;

	TRY(binding_check_model(f, b->model));
	TRY(file_name(f, b->model, name));
	TRY(check_free(f, dirs, b->model));
	TRY(binding_write(f, b, &json));
	TRY(find_user_dir(f, dirs, &d.dir));
	TRY(home_make(f, FOLDER, d.dir));
	TRY(home_open(f, FOLDER, d.dir, &d.fd));
	TRY(write_file(f, &d, name, &json));
out:
	close_folder(&d);
	buf_free(&json);
	return err;
}

coffer_err
trust_store_remove(struct fault *f, const struct trust_dirs *dirs, const char *model)
{
	struct store s = STORE_INIT;
	const struct stored *found;
	coffer_err err;

	TRY(open_store(f, dirs, &s));
	found = find_model(&s.user, model);
	if (!found && (found = find_model(&s.system, model)))
		TRY(fault_set(f, COFFER_E_PERM, "%s is the administrator's; it is not yours to remove", found->path));
	if (!found)
		TRY(fault_set(f, COFFER_E_NOTFOUND, "the trust store %s binds nobody to the model %s",
			      s.user.dir ? s.user.dir : s.system.dir, model));
	if (unlinkat(s.user.fd, path_base(found->path), 0) != 0)
		TRY(fault_errno(f, errno, "cannot remove %s", found->path));
	TRY(file_sync_dir(f, s.user.fd, found->path));
out:
	close_store(&s);
	return err;
}
