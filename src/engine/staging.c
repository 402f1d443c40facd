/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/staging.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/tree.h"
#include "engine/model.h"

/* ---- what is in a folder ---- */

static bool
is_sealed_name(const char *name)
{
	size_t len = strlen(name);

	return len >= sizeof(SUFFIX) && strcmp(name + len - (sizeof(SUFFIX) - 1), SUFFIX) == 0;
}

bool
staging_is_mark(const char *path)
{
	return strcmp(path, KEYBLOCK_NAME) == 0 || strcmp(path, OUTER_NAME) == 0 || strcmp(path, PARTIAL_NAME) == 0 ||
	       strcmp(path, OPENING_NAME) == 0;
}

struct counting {
	size_t n;
};

static coffer_err
count_entry(void *arg, struct fault *f, const struct tree_entry *e)
{
	struct counting *c = arg;

	(void)f;
	(void)e;
	c->n++;
	return COFFER_OK;
}

coffer_err
staging_is_empty(struct fault *f, int dirfd, const char *shown, bool *out)
{
	struct counting c = {0};
	const struct tree_visitor visitor = {.entry = count_entry, .arg = &c};
	coffer_err err = tree_walk(f, dirfd, shown, &visitor);

	*out = c.n == 0;
	return err;
}

struct clearing {
	const char *shown;
	const struct walk *keep; /* NULL: keep nothing of the model */
};

static int
compare_path(const void *key, const void *element)
{
	const struct walk_file *file = element;

	return strcmp(key, file->path);
}

static bool
is_kept(const struct walk *keep, const char *sealed_path)
{
	char *path = strndup(sealed_path, strlen(sealed_path) - (sizeof(SUFFIX) - 1));
	bool kept = path && bsearch(path, keep->files, keep->n, sizeof(*keep->files), compare_path);

	free(path);
	return kept;
}

static coffer_err
clear_entry(void *arg, struct fault *f, const struct tree_entry *e)
{
	struct clearing *c = arg;
	/* a signature over what is to be made anew is worth nothing, even where marks stay */
	bool ours = is_sealed_name(e->name) || (c->keep ? strcmp(e->path, OUTER_NAME) == 0 : staging_is_mark(e->path));

	if (!ours || (c->keep && is_sealed_name(e->name) && is_kept(c->keep, e->path)))
		return COFFER_OK;
	if (unlinkat(e->dirfd, e->name, 0) != 0)
		return fault_errno(f, errno, "cannot remove %s/%s", c->shown, e->path);
	return COFFER_OK;
}

coffer_err
staging_clear(struct fault *f, int dirfd, const char *shown)
{
	struct clearing c = {.shown = shown};
	const struct tree_visitor visitor = {.entry = clear_entry, .arg = &c};

	return tree_walk(f, dirfd, shown, &visitor);
}

coffer_err
staging_clear_others(struct fault *f, int dirfd, const char *shown, const struct walk *keep)
{
	struct clearing c = {.shown = shown, .keep = keep};
	const struct tree_visitor visitor = {.entry = clear_entry, .arg = &c};

	return tree_walk(f, dirfd, shown, &visitor);
}

/* ---- taking the old folder away ---- */

struct moving {
	const char *shown;
	int to;
	struct keyblock old;
};

/* Hidden sealed files may be the user's [F-17]: those that the key block does not list are. */
static bool
is_of_model(const struct keyblock *k, const struct tree_entry *e)
{
	char *path;
	bool listed;

	if (staging_is_mark(e->path) || !is_sealed_name(e->name) || !path_is_hidden(e->path))
		return staging_is_mark(e->path) || is_sealed_name(e->name);
	path = strndup(e->path, strlen(e->path) - (sizeof(SUFFIX) - 1));
	listed = path && keyblock_find(k, path) != SIZE_MAX;
	free(path);
	return listed;
}

/* Of a damaged key block nothing is known, and nothing hidden is its. */
static coffer_err
begin_moving(struct fault *f, struct moving *m, const char *from, const char *to, int *from_fd)
{
	*m = (struct moving){.shown = to, .old = KEYBLOCK_INIT};
	*from_fd = open(from, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	m->to = open(to, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (*from_fd < 0 || m->to < 0)
		return fault_errno(f, errno, "cannot take away the old model in %s", from);
	if (model_read_keyblock(f, *from_fd, from, KEYBLOCK_NAME, &m->old) != COFFER_OK)
		fault_clear(f);
	return COFFER_OK;
}

static void
end_moving(struct moving *m)
{
	file_close(&m->to);
	keyblock_free(&m->old);
}

/* A file that is none of the model's stays with it. */
static coffer_err
move_entry(void *arg, struct fault *f, const struct tree_entry *e)
{
	struct moving *m = arg;
	int dirfd = -1;
	coffer_err err;

	if (is_of_model(&m->old, e))
		return COFFER_OK;
	TRY(path_parent(f, m->to, m->shown, e->path, true, &dirfd));
	if (renameat2(e->dirfd, e->name, dirfd, e->name, RENAME_NOREPLACE) != 0 && errno != EEXIST)
		err = fault_errno(f, errno, "cannot move %s along", e->path);
out:
	file_close(&dirfd);
	return err;
}

static int
remove_below(const char *path, const struct stat *st, int type, struct FTW *where)
{
	(void)st;
	/* one that still holds something stays, with all above it */
	if (type == FTW_DP && where->level > 0)
		(void)rmdir(path);
	return 0;
}

void
staging_remove_folders(const char *path, bool keep_top)
{
	(void)nftw(path, remove_below, 16, FTW_DEPTH | FTW_PHYS);
	if (!keep_top)
		(void)rmdir(path);
}

static coffer_err
remove_old(struct fault *f, const char *path, const char *target)
{
	struct moving m;
	const struct tree_visitor visitor = {.entry = move_entry, .arg = &m};
	int fd;
	coffer_err err;

	TRY(begin_moving(f, &m, path, target, &fd));
	TRY(tree_walk(f, fd, path, &visitor));
	TRY(staging_clear(f, fd, path));
	staging_remove_folders(path, false);
	TRY(file_sync_parent(f, path));
out:
	file_close(&fd);
	end_moving(&m);
	return err;
}

/* With a plain file beside its sealed one the new model would be refused [F-17]. */
static coffer_err
check_entry(void *arg, struct fault *f, const struct tree_entry *e)
{
	struct moving *m = arg;
	char *sealed = NULL;
	coffer_err err = COFFER_OK;

	if (is_of_model(&m->old, e))
		return COFFER_OK;
	if (asprintf(&sealed, "%s%s", e->path, SUFFIX) < 0)
		return fault_nomem(f);
	if (model_has_entry(m->to, sealed))
		err = fault_set(f, COFFER_E_EXISTS,
				"%s would stand beside its own sealed file in the model; move it away", e->path);
	free(sealed);
	return err;
}

static coffer_err
check_what_stays(struct fault *f, const struct staging *s)
{
	struct moving m;
	const struct tree_visitor visitor = {.entry = check_entry, .arg = &m};
	int fd;
	coffer_err err;

	TRY(begin_moving(f, &m, s->target, s->path, &fd));
	TRY(tree_walk(f, fd, s->target, &visitor));
out:
	file_close(&fd);
	end_moving(&m);
	return err;
}

struct listing {
	struct moving moving;
	struct ignore *set;
};

static coffer_err
list_entry(void *arg, struct fault *f, const struct tree_entry *e)
{
	struct listing *l = arg;

	return is_of_model(&l->moving.old, e) ? COFFER_OK : ignore_add_beside(f, l->set, e->path);
}

coffer_err
staging_list_others(struct fault *f, const struct staging *s, struct ignore *set)
{
	struct listing l = {.set = set};
	const struct tree_visitor visitor = {.entry = list_entry, .arg = &l};
	int fd;
	coffer_err err;

	TRY(begin_moving(f, &l.moving, s->target, s->path, &fd));
	TRY(tree_walk(f, fd, s->target, &visitor));
out:
	file_close(&fd);
	end_moving(&l.moving);
	return err;
}

/* ---- the exchange ---- */

bool
staging_is_replaceable(const char *target)
{
	char *path = NULL;
	bool has;

	if (asprintf(&path, "%s/%s", target, KEYBLOCK_NAME) < 0)
		return false;
	has = access(path, F_OK) == 0;
	free(path);
	return has;
}

/* «a/b/», «a/b», a link to it and «.» in it all give «.b.coffer-new» beside b */
static coffer_err
name_beside(struct fault *f, struct staging *s, const char *target)
{
	const char *base;

	s->target = realpath(target, NULL);
	if (!s->target)
		return fault_errno(f, errno, "cannot find %s", target);
	base = path_base(s->target);
	if (asprintf(&s->path, "%.*s.%s.coffer-new", (int)(base - s->target), s->target, base) < 0) {
		s->path = NULL;
		return fault_nomem(f);
	}
	return COFFER_OK;
}

/* Beside the model may stand a half-made new one, or the old one after the exchange. */
static coffer_err
finish_interrupted(struct fault *f, struct staging *s)
{
	int fd = open(s->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	coffer_err err;

	if (fd < 0)
		return COFFER_OK;
	TRY(model_lock_folder(f, fd, s->path));
	if (staging_is_replaceable(s->path)) {
		TRY(remove_old(f, s->path, s->target));
		goto out;
	}
	TRY(staging_clear(f, fd, s->path));
	staging_remove_folders(s->path, false);
out:
	file_close(&fd);
	return err;
}

coffer_err
staging_begin(struct fault *f, struct staging *s, const char *target)
{
	coffer_err err;

	*s = (struct staging)STAGING_INIT;
	if (!staging_is_replaceable(target))
		return COFFER_OK;
	TRY(name_beside(f, s, target));
	TRY(finish_interrupted(f, s));
	s->active = true;
out:
	return err;
}

coffer_err
staging_exchange(struct fault *f, struct staging *s)
{
	coffer_err err;

	TRY(check_what_stays(f, s));
	if (renameat2(AT_FDCWD, s->path, AT_FDCWD, s->target, RENAME_EXCHANGE) != 0)
		return fault_errno(f, errno, "cannot put the new model in place of %s", s->target);
	TRY(file_sync_parent(f, s->target));
	TRY(remove_old(f, s->path, s->target));
out:
	return err;
}

void
staging_end(struct staging *s)
{
	free(s->target);
	free(s->path);
	*s = (struct staging)STAGING_INIT;
}
