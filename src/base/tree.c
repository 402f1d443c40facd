/* SPDX-License-Identifier: Apache-2.0 */
#include "base/tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

#define MAX_DEPTH 128 /* one descriptor a level */

struct walk {
	const struct tree_visitor *v;
	const char *shown;
	unsigned int depth;
};

static coffer_err walk_folder(struct fault *f, struct walk *w, int fd, const char *prefix);

/* What comes of trouble at @path. */
static coffer_err
in_trouble(struct fault *f, const struct walk *w, const char *path, const struct fault *why)
{
	if (w->v->trouble)
		return w->v->trouble(w->v->arg, f, path, why);
	return fault_set(f, why->err, "%s", why->text);
}

static coffer_err
cannot_read(struct fault *f, const struct walk *w, const char *path, int errnum)
{
	struct fault why;

	(void)fault_errno(&why, errnum, "cannot read the folder %s%s%s", w->shown, *path ? "/" : "", path);
	return in_trouble(f, w, path, &why);
}

static coffer_err
too_deep(struct fault *f, const struct walk *w, const char *path)
{
	struct fault why;

	(void)fault_set(&why, COFFER_E_USAGE, "%s/%s: folders deeper than %d levels", w->shown, path, MAX_DEPTH);
	return in_trouble(f, w, path, &why);
}

static coffer_err
entry_type(struct fault *f, struct walk *w, int dirfd, const struct dirent *d, unsigned char *type)
{
	struct stat st;

	*type = d->d_type;
	if (*type != DT_UNKNOWN)
		return COFFER_OK;
	if (fstatat(dirfd, d->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return fault_errno(f, errno, "cannot read %s/%s", w->shown, d->d_name);
	*type = (unsigned char)IFTODT(st.st_mode);
	return COFFER_OK;
}

static coffer_err
walk_entry(struct fault *f, struct walk *w, int dirfd, const char *prefix, const struct dirent *d)
{
	struct tree_entry e = {.dirfd = dirfd};
	struct fault why;
	char *path = NULL;
	coffer_err err;
	int fd;

	if (asprintf(&path, "%s%s", prefix, d->d_name) < 0)
		return fault_nomem(f);
	e.path = path;
	e.name = path + strlen(prefix);
	err = COFFER_OK;
	if (w->v->leave_out && w->v->leave_out(w->v->arg, path, e.name))
		goto out;
	if (entry_type(&why, w, dirfd, d, &e.type) != COFFER_OK) {
		err = in_trouble(f, w, path, &why);
		goto out;
	}
	if (e.type != DT_DIR) {
		TRY(w->v->entry(w->v->arg, f, &e));
		goto out;
	}
	fd = openat(dirfd, d->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	err = fd < 0 ? cannot_read(f, w, path, errno) : walk_folder(f, w, fd, path);
out:
	free(path);
	return err;
}

/* Takes @fd over. */
static coffer_err
walk_folder(struct fault *f, struct walk *w, int fd, const char *prefix)
{
	DIR *dir = fdopendir(fd);
	char *deeper = NULL;
	coffer_err err = COFFER_OK;
	struct dirent *d;

	if (!dir) {
		file_close(&fd);
		return fault_nomem(f);
	}
	if (w->depth++ >= MAX_DEPTH) {
		err = too_deep(f, w, prefix);
		goto out;
	}
	if (asprintf(&deeper, "%s%s", prefix, *prefix ? "/" : "") < 0) {
		deeper = NULL;
		TRY(fault_nomem(f));
	}
	while ((errno = 0, d = readdir(dir)))
		if (strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0)
			TRY(walk_entry(f, w, dirfd(dir), deeper, d));
	if (errno != 0)
		err = cannot_read(f, w, prefix, errno);
out:
	w->depth--;
	free(deeper);
	(void)closedir(dir);
	return err;
}

coffer_err
tree_walk(struct fault *f, int dirfd, const char *shown, const struct tree_visitor *v)
{
	struct walk w = {.v = v, .shown = shown};
	int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return cannot_read(f, &w, "", errno);
	return walk_folder(f, &w, fd, "");
}
