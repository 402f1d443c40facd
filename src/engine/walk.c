/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/walk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/num.h"
#include "base/tree.h"

struct walking {
	const struct walk_options *options;
	const char *shown;
	int root;
	struct walk *walk;
	size_t cap;
};

bool
filter_wants(const struct filter *filter, const char *path)
{
	bool wanted = filter->n_include == 0;

	for (size_t i = 0; i < filter->n_include && !wanted; i++)
		wanted = path_matches(filter->include[i], path);
	for (size_t i = 0; i < filter->n_exclude && wanted; i++)
		wanted = !path_matches(filter->exclude[i], path);
	return wanted;
}

static bool
ends_in_suffix(const char *s)
{
	size_t len = strlen(s);

	return len > 7 && strcmp(s + len - 7, ".coffer") == 0;
}

static bool
leave_out(void *arg, const char *path, const char *name)
{
	const struct walking *w = arg;

	if (strncmp(path, ".coffer.", 8) == 0) /* the marks of interrupted runs */
		return true;
	if (name[0] == '.' && strstr(name, ".coffer-tmp"))
		return true;
	if (w->options->resuming &&
	    (ends_in_suffix(name) || strcmp(path, "coffer.json") == 0 || strcmp(path, "coffer.sig") == 0))
		return true;
	return name[0] == '.' && !w->options->filter.hidden;
}

static coffer_err
add_file(struct fault *f, struct walking *w, const char *path, const struct stat *st)
{
	struct walk *k = w->walk;
	struct walk_file *files;

	if (k->n == LIMIT_FILES)
		return fault_set(f, COFFER_E_USAGE, "%s has more than %u files", w->shown, LIMIT_FILES);
	if (k->n == w->cap) {
		w->cap = w->cap ? 2 * w->cap : 64;
		files = realloc(k->files, w->cap * sizeof(*files));
		if (!files)
			return fault_nomem(f);
		k->files = files;
	}
	k->files[k->n] = (struct walk_file){.path = strdup(path), .size = (uint64_t)st->st_size, .mtime = st->st_mtim};
	if (!k->files[k->n].path)
		return fault_nomem(f);
	k->n++;
	if (k->files[k->n - 1].size > LIMIT_SIZE || !num_add(k->bytes, k->files[k->n - 1].size, &k->bytes))
		return fault_set(f, COFFER_E_USAGE, "%s/%s is too large", w->shown, path);
	return COFFER_OK;
}

/* A link is sealed as the file that it points to. */
static coffer_err
stat_link(struct fault *f, struct walking *w, const char *path, struct stat *st)
{
	int fd = -1;
	coffer_err err;

	TRY(path_open(f, w->root, w->shown, path, w->options->links, &fd));
	if (fstat(fd, st) != 0)
		TRY(fault_errno(f, errno, "cannot read %s/%s", w->shown, path));
	if (S_ISDIR(st->st_mode))
		TRY(fault_set(f, COFFER_E_USAGE,
			      "%s/%s is a link to a folder, which is not sealed; --exclude leaves it out", w->shown,
			      path));
out:
	file_close(&fd);
	return err;
}

/* Whichever is met first says that the model is sealed. */
static bool
is_of_sealed(const struct walking *w, const char *path)
{
	if (strcmp(path, "coffer.sig") == 0)
		return faccessat(w->root, "coffer.json", F_OK, AT_SYMLINK_NOFOLLOW) == 0;
	return ends_in_suffix(path) || strcmp(path, "coffer.json") == 0;
}

static coffer_err
visit(void *arg, struct fault *f, const struct tree_entry *e)
{
	struct walking *w = arg;
	struct stat st;
	coffer_err err = COFFER_OK;

	if (!filter_wants(&w->options->filter, e->path))
		return COFFER_OK;
	if (!w->options->resuming && is_of_sealed(w, e->path))
		return fault_set(f, COFFER_E_SEALED, "%s/%s: this model is sealed already", w->shown, e->path);
	err = path_check_model(f, e->path);
	if (err != COFFER_OK) {
		(void)fault_prefix(f, "%s cannot be sealed", w->shown);
		return COFFER_E_USAGE;
	}
	if (e->type == DT_LNK)
		TRY(stat_link(f, w, e->path, &st));
	else if (fstatat(e->dirfd, e->name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		TRY(fault_errno(f, errno, "cannot read %s/%s", w->shown, e->path));
	if (!S_ISREG(st.st_mode))
		TRY(fault_set(f, COFFER_E_USAGE, "%s/%s is no regular file; --exclude leaves it out", w->shown,
			      e->path));
	TRY(add_file(f, w, e->path, &st));
out:
	return err;
}

static int
compare_paths(const void *a, const void *b)
{
	const struct walk_file *x = a, *y = b;

	return strcmp(x->path, y->path);
}

static coffer_err
check_set(struct fault *f, const char *shown, const struct walk *w)
{
	const char **paths = calloc(w->n + 1, sizeof(*paths));
	coffer_err err;

	if (!paths)
		return fault_nomem(f);
	for (size_t i = 0; i < w->n; i++)
		paths[i] = w->files[i].path;
	err = path_check_set(f, paths, w->n);
	free(paths);
	if (err == COFFER_OK)
		return COFFER_OK;
	(void)fault_prefix(f, "%s cannot be sealed", shown);
	return err == COFFER_E_FORMAT ? COFFER_E_USAGE : err;
}

coffer_err
walk_model(struct fault *f, int dirfd, const char *shown, const struct walk_options *options, struct walk *out)
{
	struct walking w = {.options = options, .shown = shown, .root = dirfd, .walk = out};
	const struct tree_visitor visitor = {.entry = visit, .leave_out = leave_out, .arg = &w};
	coffer_err err;

	*out = (struct walk){0};
	TRY(tree_walk(f, dirfd, shown, &visitor));
	if (out->n > 1)
		qsort(out->files, out->n, sizeof(*out->files), compare_paths);
	TRY(check_set(f, shown, out));
out:
	if (err)
		walk_free(out);
	return err;
}

void
walk_free(struct walk *w)
{
	for (size_t i = 0; i < w->n; i++)
		free(w->files[i].path);
	free(w->files);
	*w = (struct walk){0};
}
