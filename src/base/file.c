/* SPDX-License-Identifier: Apache-2.0 */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/num.h"

/* one system call never moves more than this, so that a cancelled run ends soon */
#define IO_MAX ((size_t)64 << 20)

coffer_err
file_read_at(struct fault *f, int fd, const char *path, void *buf, size_t len, uint64_t off)
{
	uint8_t *p = buf;

	while (len > 0) {
		ssize_t n = pread(fd, p, num_min(len, IO_MAX), (off_t)off);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return fault_errno(f, errno, "cannot read %s", path);
		if (n == 0)
			return fault_set(f, COFFER_E_CHANGED, "%s became shorter while it was read", path);
		p += n;
		off += (uint64_t)n;
		len -= (size_t)n;
	}
	return COFFER_OK;
}

coffer_err
file_write_at(struct fault *f, int fd, const char *path, const void *buf, size_t len, uint64_t off)
{
	const uint8_t *p = buf;

	while (len > 0) {
		ssize_t n = pwrite(fd, p, num_min(len, IO_MAX), (off_t)off);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return fault_errno(f, errno, "cannot write %s", path);
		p += n;
		off += (uint64_t)n;
		len -= (size_t)n;
	}
	return COFFER_OK;
}

static coffer_err
slurp_fd(struct fault *f, int fd, const char *shown, size_t max, struct buf *out, mode_t *mode_out)
{
	struct stat st;
	size_t len = 0;

	if (fstat(fd, &st) != 0)
		return fault_errno(f, errno, "cannot read %s", shown);
	if (!S_ISREG(st.st_mode))
		return fault_set(f, COFFER_E_FORMAT, "%s is not a regular file", shown);
	if ((uint64_t)st.st_size > max)
		return fault_set(f, COFFER_E_FORMAT, "%s is %llu bytes; at most %zu are expected", shown,
				 (unsigned long long)st.st_size, max);
	if (mode_out)
		*mode_out = st.st_mode;
	for (;;) {
		coffer_err err = buf_reserve(f, out, (size_t)num_min(4096, max - len));
		size_t room = (size_t)num_min(max - len, out->cap - out->len);
		char more;
		ssize_t n;

		if (err != COFFER_OK)
			return err;
		/* at @max there is no room left, and the end is still to be seen */
		n = room > 0 ? read(fd, out->p + out->len, room) : read(fd, &more, 1);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return fault_errno(f, errno, "cannot read %s", shown);
		if (n == 0)
			return COFFER_OK;
		if (room == 0)
			return fault_set(f, COFFER_E_CHANGED, "%s grew while it was read", shown);
		out->len += (size_t)n;
		len += (size_t)n;
	}
}

coffer_err
file_slurp(struct fault *f, const char *path, size_t max, struct buf *out, mode_t *mode_out)
{
	/* O_NONBLOCK: a FIFO must not hang us before we see that it is one */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	coffer_err err;

	if (fd < 0)
		return fault_errno(f, errno, "cannot open %s", path);
	err = slurp_fd(f, fd, path, max, out, mode_out);
	file_close(&fd);
	return err;
}

coffer_err
file_slurp_at(struct fault *f, int dirfd, const char *name, const char *shown, size_t max, struct buf *out)
{
	int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | O_NOFOLLOW);
	coffer_err err;

	if (fd < 0 && errno == ELOOP)
		return fault_set(f, COFFER_E_FORMAT, "%s is a symbolic link", shown);
	if (fd < 0)
		return fault_errno(f, errno, "cannot open %s", shown);
	err = slurp_fd(f, fd, shown, max, out, NULL);
	file_close(&fd);
	return err;
}

coffer_err
file_check_no_link(struct fault *f, const char *path)
{
	struct stat st;

	if (lstat(path, &st) == 0 && S_ISLNK(st.st_mode))
		return fault_set(f, COFFER_E_USAGE, "%s is a symbolic link; in place the file itself must be named",
				 path);
	return COFFER_OK;
}

bool
file_take_after(int fd, const struct stat *like)
{
	struct stat now;
	bool all;

	if (fstat(fd, &now) != 0)
		return false;
	/* apart: who may not give a file away may still give it to a group */
	all = now.st_gid == like->st_gid || fchown(fd, (uid_t)-1, like->st_gid) == 0;
	all &= now.st_uid == like->st_uid || fchown(fd, like->st_uid, (gid_t)-1) == 0;
	all &= (now.st_mode & 0777u) == (like->st_mode & 0777u) || fchmod(fd, like->st_mode & 0777u) == 0;
	return all;
}

void
file_close(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
}

coffer_err
file_sync_dir(struct fault *f, int dirfd, const char *shown)
{
	/* some file systems know no fsync of a folder and need none */
	if (fsync(dirfd) != 0 && errno != EINVAL && errno != ENOTSUP)
		return fault_errno(f, errno, "cannot make the folder of %s durable", shown);
	return COFFER_OK;
}

coffer_err
file_sync_parent(struct fault *f, const char *path)
{
	size_t len = strlen(path);
	char *dir;
	int fd;
	coffer_err err;

	while (len > 1 && path[len - 1] == '/')
		len--;
	while (len > 0 && path[len - 1] != '/')
		len--;
	dir = len > 0 ? strndup(path, len) : strdup(".");
	if (!dir)
		return fault_nomem(f);
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	err = fd < 0 ? fault_errno(f, errno, "cannot open the folder of %s", path) : file_sync_dir(f, fd, path);
	file_close(&fd);
	free(dir);
	return err;
}

/* ---- new files ---- */

/* A stale temporary file has no owner; a live one is locked by the process that writes it. */
static coffer_err
remove_stale(struct fault *f, struct newfile *n)
{
	int fd = openat(n->dirfd, n->tmp, O_RDWR | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0 && errno == ENOENT)
		return COFFER_OK;
	if (fd < 0)
		return fault_errno(f, errno, "cannot open %s beside %s", n->tmp, n->shown);
	if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
		file_close(&fd);
		return fault_set(f, COFFER_E_BUSY, "another process is writing %s", n->shown);
	}
	(void)unlinkat(n->dirfd, n->tmp, 0);
	file_close(&fd);
	return COFFER_OK;
}

static coffer_err
set_tmp_name(struct fault *f, struct newfile *n)
{
	if (asprintf(&n->tmp, ".%.*s.coffer-tmp", NAME_MAX - 12, n->name) < 0) {
		n->tmp = NULL;
		return fault_nomem(f);
	}
	return COFFER_OK;
}

/* Until the temporary name is ours, newfile_abort() must not unlink it. */
static void
drop_tmp_name(struct newfile *n)
{
	free(n->tmp);
	n->tmp = NULL;
}

/* So that none is taken for one of the user's files, and signed. */
static coffer_err
clear_tmp(struct fault *f, struct newfile *n)
{
	coffer_err err;

	TRY(set_tmp_name(f, n));
	TRY(remove_stale(f, n));
out:
	drop_tmp_name(n);
	return err;
}

static coffer_err
open_named(struct fault *f, struct newfile *n, mode_t mode)
{
	coffer_err err;

	TRY(set_tmp_name(f, n));
	TRY(remove_stale(f, n));
	n->fd = openat(n->dirfd, n->tmp, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
	if (n->fd < 0)
		TRY(fault_errno(f, errno, "cannot create %s", n->shown));
out:
	if (err)
		drop_tmp_name(n);
	return err;
}

/* O_TMPFILE is of use only where /proc can give the file its name afterwards. */
static bool
open_unnamed(struct newfile *n, mode_t mode)
{
	char link[64];
	struct stat st;

	n->fd = openat(n->dirfd, ".", O_RDWR | O_TMPFILE | O_CLOEXEC, mode);
	if (n->fd < 0)
		return false;
	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", n->fd);
	if (lstat(link, &st) == 0)
		return true;
	file_close(&n->fd);
	return false;
}

coffer_err
newfile_open_at(struct fault *f, struct newfile *n, int dirfd, const char *name, const char *shown, mode_t mode,
		bool replace)
{
	struct stat st;
	coffer_err err;

	*n = (struct newfile)NEWFILE_INIT;
	n->replace = replace;
	n->dirfd = fcntl(dirfd, F_DUPFD_CLOEXEC, 3);
	if (n->dirfd < 0)
		return fault_errno(f, errno, "cannot create %s", shown);
	n->name = strdup(name);
	n->shown = strdup(shown);
	if (!n->name || !n->shown)
		return fault_nomem(f);
	if (fstatat(n->dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0) {
		if (S_ISDIR(st.st_mode))
			return fault_set(f, COFFER_E_EXISTS, "%s is a folder; name a file", shown);
		if (!replace)
			return fault_set(f, COFFER_E_EXISTS, "%s exists; --force replaces it", shown);
	}
	TRY(clear_tmp(f, n));
	if (!open_unnamed(n, mode))
		TRY(open_named(f, n, mode));
	(void)flock(n->fd, LOCK_EX | LOCK_NB); /* see remove_stale() */
out:
	return err;
}

coffer_err
newfile_open(struct fault *f, struct newfile *n, const char *path, mode_t mode, bool replace)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;
	char *dir = NULL;
	int dirfd = -1;
	coffer_err err;

	*n = (struct newfile)NEWFILE_INIT;
	if (*name == '\0' || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return fault_set(f, COFFER_E_USAGE, "«%s» is not the name of a file", path);
	dir = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
	if (!dir)
		return fault_nomem(f);
	dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dirfd < 0)
		err = fault_errno(f, errno, "cannot create %s: folder %s", path, dir);
	else
		err = newfile_open_at(f, n, dirfd, name, path, mode, replace);
	file_close(&dirfd);
	free(dir);
	return err;
}

coffer_err
newfile_name(struct fault *f, struct newfile *n, int dirfd, const char *name)
{
	char *copy = strdup(name);

	if (!copy)
		return fault_nomem(f);
	free(n->name);
	n->name = copy;
	file_close(&n->to_dirfd);
	n->to_dirfd = fcntl(dirfd, F_DUPFD_CLOEXEC, 3);
	return n->to_dirfd < 0 ? fault_errno(f, errno, "cannot name %s", n->shown) : COFFER_OK;
}

/* The folder that it gets its name in. */
static int
folder_of(const struct newfile *n)
{
	return n->to_dirfd >= 0 ? n->to_dirfd : n->dirfd;
}

static coffer_err
link_unnamed(struct fault *f, struct newfile *n, const char *name)
{
	char link[64];

	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", n->fd);
	if (linkat(AT_FDCWD, link, folder_of(n), name, AT_SYMLINK_FOLLOW) == 0)
		return COFFER_OK;
	if (errno == EEXIST)
		return fault_set(f, COFFER_E_EXISTS, "%s exists: it was made meanwhile", n->shown);
	return fault_errno(f, errno, "cannot name %s", n->shown);
}

/* To replace a file by an unnamed one it needs a name for a moment: link cannot replace, rename can. */
static coffer_err
link_tmp(struct fault *f, struct newfile *n)
{
	coffer_err err;

	TRY(set_tmp_name(f, n));
	TRY(remove_stale(f, n));
	TRY(link_unnamed(f, n, n->tmp));
out:
	if (err)
		drop_tmp_name(n);
	return err;
}

/* rename without a way to lose what another process made meanwhile */
static coffer_err
rename_tmp(struct fault *f, struct newfile *n)
{
	int to = folder_of(n);
	int rc = n->replace ? renameat(n->dirfd, n->tmp, to, n->name)
			    : renameat2(n->dirfd, n->tmp, to, n->name, RENAME_NOREPLACE);

	if (rc != 0 && errno == EINVAL &&
	    !n->replace) /* a file system without RENAME_NOREPLACE: link has the same effect */
		rc = linkat(n->dirfd, n->tmp, to, n->name, 0) == 0 ? unlinkat(n->dirfd, n->tmp, 0) : -1;
	if (rc != 0 && errno == EEXIST)
		return fault_set(f, COFFER_E_EXISTS, "%s exists: it was made meanwhile", n->shown);
	if (rc != 0)
		return fault_errno(f, errno, "cannot name %s", n->shown);
	drop_tmp_name(n);
	return COFFER_OK;
}

coffer_err
newfile_commit(struct fault *f, struct newfile *n)
{
	coffer_err err;

	/* a failed fsync is final: the kernel may have dropped the pages, a second call would say yes */
	if (fsync(n->fd) != 0)
		return fault_errno(f, errno, "cannot make %s durable", n->shown);
	if (!n->tmp && !n->replace) {
		TRY(link_unnamed(f, n, n->name));
	} else {
		if (!n->tmp)
			TRY(link_tmp(f, n));
		TRY(rename_tmp(f, n));
	}
	TRY(file_sync_dir(f, folder_of(n), n->shown));
	/* close may report what fsync did not see (NFS) */
	if (close(n->fd) != 0) {
		n->fd = -1;
		return fault_errno(f, errno, "cannot close %s", n->shown);
	}
	n->fd = -1;
out:
	return err;
}

void
newfile_abort(struct newfile *n)
{
	if (n->tmp)
		(void)unlinkat(n->dirfd, n->tmp, 0);
	file_close(&n->fd);
	file_close(&n->dirfd);
	file_close(&n->to_dirfd);
	free(n->name);
	free(n->shown);
	free(n->tmp);
	*n = (struct newfile)NEWFILE_INIT;
}

coffer_err
file_write_new(struct fault *f, const char *path, const void *bytes, size_t len, mode_t mode, bool replace)
{
	struct newfile n;
	coffer_err err;

	TRY(newfile_open(f, &n, path, mode, replace));
	TRY(file_write_at(f, n.fd, path, bytes, len, 0));
	TRY(newfile_commit(f, &n));
out:
	newfile_abort(&n);
	return err;
}
