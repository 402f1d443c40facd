/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/sign_model.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/path.h"

/* ---- names ---- */

/* @path without slashes at its end; «/» stays. */
static char *
trimmed(const char *path)
{
	size_t len = strlen(path);

	while (len > 1 && path[len - 1] == '/')
		len--;
	return strndup(path, len);
}

static char *
joined(const char *folder, const char *name)
{
	char *path;

	if (asprintf(&path, "%s/%s", strcmp(folder, "/") == 0 ? "" : folder, name) < 0)
		return NULL;
	return path;
}

/*
 * The path of @path without links on the way to it.  Its last part is left as it is, for a link is left out or replaced
 * itself and not what it leads to; what does not exist yet is taken as it is written.  NULL and errno.
 */
static char *
resolve(const char *path)
{
	char *own = trimmed(path), *folder = NULL, *real = NULL, *slash;
	const char *name;
	int errnum;

	if (!own)
		return NULL;
	slash = strrchr(own, '/');
	name = slash ? slash + 1 : own;
	if (*name == '\0' || strcmp(name, ".") == 0 || strcmp(name, "..") == 0) {
		real = realpath(own, NULL);
	} else {
		folder = slash ? strndup(own, slash == own ? 1 : (size_t)(slash - own)) : strdup(".");
		real = folder ? realpath(folder, NULL) : NULL;
		if (folder && !real && errno == ENOENT)
			real = resolve(folder);
		free(folder);
		folder = real;
		real = folder ? joined(folder, name) : NULL;
	}
	errnum = errno;
	free(folder);
	free(own);
	errno = errnum;
	return real;
}

/* What is behind the folder @of in @path: «» for the folder itself, NULL for what is not in it. */
static const char *
behind(const char *of, const char *path)
{
	size_t len = strcmp(of, "/") == 0 ? 0 : strlen(of);

	if (strncmp(of, path, len) != 0)
		return NULL;
	return path[len] == '/' ? path + len + 1 : path[len] == '\0' ? path + len : NULL;
}

coffer_err
sign_model_within(struct fault *f, const struct sign_model *m, const char *path, char **relative_out)
{
	char *real = resolve(path), *whole = NULL;
	const char *rest;
	coffer_err err = COFFER_OK;

	*relative_out = NULL;
	if (!real)
		return fault_errno(f, errno, "cannot find %s", path);
	rest = behind(m->real, real);
	/* the model itself may be named by a link to it */
	if (!rest && (whole = realpath(path, NULL)) && strcmp(whole, m->real) == 0)
		rest = "";
	if (rest && !(*relative_out = strdup(rest)))
		err = fault_nomem(f);
	free(whole);
	free(real);
	return err;
}

coffer_err
sign_model_ignore(struct fault *f, const struct coffer_ctx *ctx, const struct sign_model *m, const char *const *paths,
		  size_t n, struct ignore *set)
{
	char *relative = NULL;
	coffer_err err = COFFER_OK;

	for (size_t i = 0; i < n; i++) {
		free(relative);
		TRY(sign_model_within(f, m, paths[i], &relative));
		if (!relative) {
			ctx_notice(ctx,
				   "%s is not within %s; nothing is left out for it (paths begin where you are, as in "
				   "%s/FILE)",
				   paths[i], m->shown, m->shown);
			continue;
		}
		if (*relative == '\0')
			TRY(fault_set(f, COFFER_E_USAGE, "%s is the model itself; nothing would be left of it",
				      paths[i]));
		TRY(ignore_add(f, set, relative));
	}
out:
	free(relative);
	return err;
}

/* ---- the model ---- */

coffer_err
sign_model_open(struct fault *f, const char *path, struct sign_model *m)
{
	struct stat st;

	*m = (struct sign_model)SIGN_MODEL_INIT;
	m->shown = path;
	m->real = realpath(path, NULL);
	if (!m->real || stat(m->real, &st) != 0)
		return fault_errno(f, errno, "cannot find %s", path);
	m->name = strcmp(m->real, "/") == 0 ? m->real : path_base(m->real);
	m->folder = S_ISDIR(st.st_mode);
	if (!m->folder && !S_ISREG(st.st_mode))
		return fault_set(f, COFFER_E_USAGE, "%s is neither a file nor a folder", path);
	m->at = m->folder ? strdup(path) : strndup(m->real, (size_t)(m->name - m->real));
	if (!m->at)
		return fault_nomem(f);
	m->fd = open(m->at, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return m->fd < 0 ? fault_errno(f, errno, "cannot open %s", path) : COFFER_OK;
}

void
sign_model_close(struct sign_model *m)
{
	file_close(&m->fd);
	free(m->real);
	free(m->at);
	*m = (struct sign_model)SIGN_MODEL_INIT;
}

static coffer_err
list_single(struct fault *f, const struct sign_model *m, struct sign_walk *out)
{
	struct stat st;
	coffer_err err;

	*out = (struct sign_walk){0};
	if (fstatat(m->fd, m->name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return fault_errno(f, errno, "cannot read %s", m->shown);
	if (!S_ISREG(st.st_mode))
		return fault_set(f, COFFER_E_CHANGED, "%s is a file no more", m->shown);
	if (!text_check(m->name, strlen(m->name)))
		return fault_set(f, COFFER_E_USAGE,
				 "%s has a name that is not UTF-8 or has control characters; rename it", m->shown);
	err = sign_walk_add(f, out, m->name, &st);
	if (err)
		sign_walk_free(out);
	return err;
}

coffer_err
sign_model_list(struct fault *f, const struct sign_model *m, const struct sign_walk_options *options,
		struct sign_walk *out)
{
	return m->folder ? sign_walk(f, m->fd, m->shown, options, out) : list_single(f, m, out);
}

coffer_err
sign_model_open_file(struct fault *f, const struct sign_model *m, const char *path, bool allow_symlinks, int *fd_out)
{
	return path_open(f, m->fd, m->at, path, allow_symlinks ? PATH_LINKS_BENEATH : PATH_NO_LINKS, fd_out);
}
