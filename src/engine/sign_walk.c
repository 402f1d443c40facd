/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/sign_walk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/num.h"
#include "base/path.h"
#include "base/tree.h"

struct walking {
	const struct sign_walk_options *options;
	const char *shown;
	int root;
	struct sign_walk *list;
	/* leave_out() of tree.h cannot fail */
	struct fault trouble;
};

/* ---- the list ---- */

coffer_err
sign_walk_add(struct fault *f, struct sign_walk *w, const char *path, const struct stat *st)
{
	struct sign_file *files;
	char *copy;

	if (w->n == LIMIT_FILES)
		return fault_set(f, COFFER_E_USAGE, "more than %u files; no signature covers so many", LIMIT_FILES);
	if (w->n == w->cap) {
		w->cap = w->cap ? 2 * w->cap : 64;
		files = realloc(w->files, w->cap * sizeof(*files));
		if (!files)
			return fault_nomem(f);
		w->files = files;
	}
	copy = strdup(path);
	if (!copy)
		return fault_nomem(f);
	w->files[w->n++] = (struct sign_file){
		.path = copy,
		.size = (uint64_t)st->st_size,
		.dev = st->st_dev,
		.ino = st->st_ino,
		.mtime = st->st_mtim,
		.ctime = st->st_ctim,
	};
	if (!num_add(w->bytes, (uint64_t)st->st_size, &w->bytes))
		w->bytes = UINT64_MAX; /* sparse files */
	return COFFER_OK;
}

static int
compare_files(const void *a, const void *b)
{
	const struct sign_file *x = a, *y = b;

	return strcmp(x->path, y->path);
}

const struct sign_file *
sign_walk_find(const struct sign_walk *w, const char *path)
{
	size_t low = 0, high = w->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		int order = strcmp(w->files[mid].path, path);

		if (order == 0)
			return &w->files[mid];
		if (order < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}

static bool
same_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

bool
sign_file_is(const struct sign_file *file, const struct stat *st)
{
	return file->dev == st->st_dev && file->ino == st->st_ino && file->size == (uint64_t)st->st_size &&
	       same_time(&file->mtime, &st->st_mtim) && same_time(&file->ctime, &st->st_ctim);
}

coffer_err
sign_file_changed(struct fault *f, const char *shown)
{
	return fault_set(
		f, COFFER_E_CHANGED,
		"%s is not the file whose signature was verified: somebody was at work meanwhile; open it where "
		"nobody else can write",
		shown);
}

coffer_err
sign_file_check(struct fault *f, const struct sign_file *file, int fd, const char *shown)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return fault_errno(f, errno, "cannot look at %s", shown);
	return sign_file_is(file, &st) ? COFFER_OK : sign_file_changed(f, shown);
}

static bool
is_same_file(const struct sign_file *a, const struct sign_file *b)
{
	return a->dev == b->dev && a->ino == b->ino && a->size == b->size && same_time(&a->mtime, &b->mtime) &&
	       same_time(&a->ctime, &b->ctime);
}

const char *
sign_walk_difference(const struct sign_walk *a, const struct sign_walk *b)
{
	size_t i = 0;

	for (; i < a->n && i < b->n; i++) {
		int order = strcmp(a->files[i].path, b->files[i].path);

		if (order != 0)
			return order < 0 ? a->files[i].path : b->files[i].path;
		if (!is_same_file(&a->files[i], &b->files[i]))
			return a->files[i].path;
	}
	return i < a->n ? a->files[i].path : i < b->n ? b->files[i].path : NULL;
}

void
sign_walk_free(struct sign_walk *w)
{
	for (size_t i = 0; i < w->n; i++)
		free(w->files[i].path);
	free(w->files);
	*w = (struct sign_walk){0};
}

/* ---- what is there ---- */

static bool
is_wanted(const struct walking *w, const char *path)
{
	return w->options->wanted && w->options->wanted(w->options->arg, path);
}

static bool
leave_out(void *arg, const char *path, const char *name)
{
	struct walking *w = arg;
	const struct sign_walk_options *o = w->options;
	bool is_signature = o->signature && strcmp(path, o->signature) == 0;

	(void)name;
	if (!o->ignore || !ignore_has(o->ignore, path) || is_wanted(w, path))
		return false;
	if (o->ignored && !is_signature && w->trouble.err == COFFER_OK)
		w->trouble.err = o->ignored(o->arg, &w->trouble, path);
	return true;
}

static coffer_err
refuse(struct fault *f, const struct walking *w, const char *path)
{
	return w->options->refused ? w->options->refused(w->options->arg, f, path) : COFFER_E_USAGE;
}

/* A name that cannot be shown as it is: with question marks. */
static coffer_err
refuse_name(struct fault *f, const struct walking *w, const char *path)
{
	char *shown = strdup(path);
	coffer_err err;

	if (!shown)
		return fault_nomem(f);
	for (char *c = shown; *c != '\0'; c++)
		if ((unsigned char)*c < 0x20 || (unsigned char)*c >= 0x7f)
			*c = '?';
	(void)fault_set(
		f, COFFER_E_USAGE,
		"%s/%s has a name that is not UTF-8 or has control characters, which no signature may list; rename it",
		w->shown, shown);
	err = refuse(f, w, shown);
	free(shown);
	return err;
}

/* With the way out that every refusal has. */
static coffer_err
refuse_because(struct fault *f, const struct walking *w, const char *path, const char *why)
{
	(void)fault_set(f, COFFER_E_USAGE, "%s/%s %s; --ignore-paths leaves it out", w->shown, path, why);
	return refuse(f, w, path);
}

/* What a link leads to, if that may be signed. */
static coffer_err
stat_link(struct fault *f, const struct walking *w, const char *path, struct stat *st, const char **why_not)
{
	int fd = -1;
	coffer_err err;

	*why_not = NULL;
	if (!w->options->allow_symlinks) {
		*why_not = "is a symbolic link, which is signed with --allow-symlinks alone";
		return COFFER_OK;
	}
	err = path_open(f, w->root, w->shown, path, PATH_LINKS_BENEATH, &fd);
	if (err == COFFER_E_USAGE)
		*why_not = "is a symbolic link that leads out of the model, or in a circle";
	else if (err == COFFER_E_NOTFOUND)
		*why_not = "is a symbolic link to nothing";
	if (*why_not) {
		fault_clear(f);
		return COFFER_OK;
	}
	TRY(err);
	if (fstat(fd, st) != 0)
		TRY(fault_errno(f, errno, "cannot read %s/%s", w->shown, path));
	/* what is in the folder is signed where it lies, and there alone: so nothing goes round in circles */
	if (S_ISDIR(st->st_mode))
		*why_not = "is a symbolic link to a folder";
out:
	file_close(&fd);
	return err;
}

static coffer_err
visit(void *arg, struct fault *f, const struct tree_entry *e)
{
	struct walking *w = arg;
	const char *signature = w->options->signature;
	const char *why_not = NULL;
	struct stat st;
	coffer_err err = COFFER_OK;

	TRY(w->trouble.err);
	if (fstatat(e->dirfd, e->name, &st, AT_SYMLINK_NOFOLLOW) != 0) {
		/* gone since the folder was read: it is not there */
		if (errno == ENOENT)
			return COFFER_OK;
		TRY(fault_errno(f, errno, "cannot read %s/%s", w->shown, e->path));
	}
	/* under this name alone: under others, as a hard link gives, whoever loads the model would take it for a file of it */
	if (signature && strcmp(e->path, signature) == 0 && S_ISREG(st.st_mode) && !is_wanted(w, e->path))
		return COFFER_OK;
	if (!text_check(e->path, strlen(e->path)) && !is_wanted(w, e->path))
		return refuse_name(f, w, e->path);
	if (strlen(e->path) > LIMIT_SIGNED_PATH)
		return refuse_because(f, w, e->path, "has a path that is too long");
	if (S_ISLNK(st.st_mode))
		TRY(stat_link(f, w, e->path, &st, &why_not));
	if (!why_not && !S_ISREG(st.st_mode))
		why_not = "is no regular file";
	err = why_not ? refuse_because(f, w, e->path, why_not) : sign_walk_add(f, w->list, e->path, &st);
out:
	return err;
}

coffer_err
sign_walk(struct fault *f, int dirfd, const char *shown, const struct sign_walk_options *options, struct sign_walk *out)
{
	struct walking w = {.options = options, .shown = shown, .root = dirfd, .list = out};
	const struct tree_visitor visitor = {.entry = visit, .leave_out = leave_out, .arg = &w};
	coffer_err err;

	*out = (struct sign_walk){0};
	err = tree_walk(f, dirfd, shown, &visitor);
	if (w.trouble.err != COFFER_OK) {
		if (f)
			*f = w.trouble;
		err = w.trouble.err;
	}
	TRY(err);
	if (out->n > 1)
		qsort(out->files, out->n, sizeof(*out->files), compare_files);
out:
	if (err)
		sign_walk_free(out);
	return err;
}
