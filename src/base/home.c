/* SPDX-License-Identifier: Apache-2.0 */
#include "base/home.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

const char *
home_setting(const char *name)
{
	const char *value = secure_getenv(name);

	return value && *value != '\0' ? value : NULL;
}

coffer_err
home_path(struct fault *f, enum home_kind kind, const char *below, char **out)
{
	static const char *const places[][2] = {
		[HOME_CONFIG] = {"XDG_CONFIG_HOME", ".config"},
		[HOME_DATA] = {"XDG_DATA_HOME", ".local/share"},
		[HOME_STATE] = {"XDG_STATE_HOME", ".local/state"},
	};
	const char *xdg = home_setting(places[kind][0]);
	const char *home = home_setting("HOME");
	int rc;

	*out = NULL;
	if (xdg && xdg[0] == '/') /* the XDG specification: a relative one is not there */
		rc = asprintf(out, "%s/coffer/%s", xdg, below);
	else if (home)
		rc = asprintf(out, "%s/%s/coffer/%s", home, places[kind][1], below);
	else
		return fault_set(f, COFFER_E_NOTFOUND, "there is no place for %s: HOME is not set", below);
	if (rc < 0) {
		*out = NULL;
		return fault_nomem(f);
	}
	return COFFER_OK;
}

/* What is written in a new folder is durable only when the folder is. */
static coffer_err
make_one(struct fault *f, const char *what, const char *dir)
{
	if (mkdir(dir, 0700) == 0)
		return file_sync_parent(f, dir);
	return errno == EEXIST ? COFFER_OK : fault_errno(f, errno, "cannot make %s %s", what, dir);
}

static coffer_err
make_each(struct fault *f, const char *what, char *dir)
{
	coffer_err err = COFFER_OK;

	for (char *at = dir + 1; *dir != '\0'; at++) {
		char c = *at;

		if (c != '/' && c != '\0')
			continue;
		*at = '\0';
		err = make_one(f, what, dir);
		*at = c;
		if (err || c == '\0')
			break;
	}
	return err;
}

coffer_err
home_make(struct fault *f, const char *what, const char *dir)
{
	char *copy = strdup(dir);
	coffer_err err = copy ? make_each(f, what, copy) : fault_nomem(f);

	free(copy);
	return err;
}

/* Whether nobody but the user and root could have put something into the file or folder @fd. */
static coffer_err
check_owner(struct fault *f, const char *what, const char *shown, int fd)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return fault_errno(f, errno, "cannot look at %s %s", what, shown);
	if (st.st_uid != 0 && st.st_uid != geteuid())
		return fault_set(f, COFFER_E_PERM,
				 "%s %s belongs to another user (%u), whose word is not yours; make it your own", what,
				 shown, (unsigned int)st.st_uid);
	if (st.st_mode & 022)
		return fault_set(f, COFFER_E_PERM, "others may write %s %s (mode %04o); run: chmod go-w %s", what,
				 shown, (unsigned int)st.st_mode & 07777, shown);
	return COFFER_OK;
}

/* Why @dir could not be opened.  Something else in its place, a link to nowhere too, is not the same as nothing. */
static coffer_err
cannot_open(struct fault *f, const char *what, const char *dir, int errnum)
{
	struct stat st;

	if (errnum == ENOTDIR || (errnum == ENOENT && lstat(dir, &st) == 0))
		return fault_set(f, COFFER_E_IO, "%s %s must be a folder, and something else is there", what, dir);
	return fault_errno(f, errnum, "cannot open %s %s", what, dir);
}

coffer_err
home_open(struct fault *f, const char *what, const char *dir, int *fd_out)
{
	coffer_err err;

	*fd_out = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (*fd_out < 0)
		return cannot_open(f, what, dir, errno);
	err = check_owner(f, what, dir, *fd_out);
	if (err != COFFER_OK)
		file_close(fd_out);
	return err;
}

static coffer_err
check_entry(struct fault *f, const char *what, const char *shown, int fd)
{
	struct stat st;

	if (fstat(fd, &st) == 0 && S_ISLNK(st.st_mode))
		return fault_set(f, COFFER_E_FORMAT, "%s %s is a symbolic link; put the file itself there", what,
				 shown);
	return check_owner(f, what, shown, fd);
}

coffer_err
home_slurp(struct fault *f, const char *what, int dirfd, const char *name, const char *shown, size_t max,
	   struct buf *out)
{
	/* others cannot write the folder, so what is looked at is what is read afterwards */
	int fd = openat(dirfd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	coffer_err err;

	if (fd < 0)
		return fault_errno(f, errno, "cannot open %s %s", what, shown);
	err = check_entry(f, what, shown, fd);
	file_close(&fd);
	return err == COFFER_OK ? file_slurp_at(f, dirfd, name, shown, max, out) : err;
}
