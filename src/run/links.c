/* SPDX-License-Identifier: Apache-2.0 */
#include "run/links.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/path.h"
#include "run/keeper.h"

#define PREFIX "run-"

/* ---- away with it ---- */

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st;
	(void)type;
	(void)at;
	(void)remove(path);
	return 0;
}

static void
remove_all(const char *path)
{
	enum { DESCRIPTORS = 16 };

	(void)nftw(path, remove_one, DESCRIPTORS, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

/* A folder that is locked by nobody is that of a keeper that was killed; @base is locked, so none is just being made. */
static void
sweep(const char *base)
{
	DIR *dir = opendir(base);
	char path[LINKS_LEN + NAME_MAX];

	for (const struct dirent *e; dir && (e = readdir(dir));) {
		int fd;

		if (strncmp(e->d_name, PREFIX, strlen(PREFIX)) != 0)
			continue;
		(void)snprintf(path, sizeof(path), "%s/%s", base, e->d_name);
		fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0)
			remove_all(path);
		file_close(&fd);
	}
	if (dir)
		(void)closedir(dir);
}

void
links_remove(struct links *links)
{
	remove_all(links->path);
	file_close(&links->lock);
}

/* ---- make it ---- */

static coffer_err
make_locked(struct fault *f, struct links *out)
{
	if (!mkdtemp(out->path))
		return fault_errno(f, errno, "cannot make the folder %s", out->path);
	out->lock = open(out->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (out->lock < 0 || flock(out->lock, LOCK_EX | LOCK_NB) != 0)
		return fault_errno(f, errno, "cannot lock the folder %s", out->path);
	return COFFER_OK;
}

coffer_err
links_make(struct fault *f, struct links *out)
{
	struct spot spot = SPOT_INIT;
	int base = -1;
	coffer_err err;

	out->lock = -1;
	(void)prctl(PR_SET_NAME, (unsigned long)(uintptr_t) "coffer-keeper", 0L, 0L, 0L); /* for ps */
	TRY(spot_find(f, SPOT_WRITE, &spot));
	base = open(spot.path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (base < 0 || flock(base, LOCK_EX) != 0)
		TRY(fault_errno(f, errno, "cannot lock the folder %s", spot.path));
	sweep(spot.path);
	(void)snprintf(out->path, sizeof(out->path), "%s/%sXXXXXX", spot.path, PREFIX);
	TRY(make_locked(f, out));
out:
	file_close(&base);
	file_close(&spot.fd);
	return err;
}

coffer_err
links_add(struct fault *f, const struct links *links, const char *path, int fd)
{
	char target[64];
	int dirfd = -1;
	coffer_err err;

	(void)snprintf(target, sizeof(target), "/proc/%d/fd/%d", (int)getpid(), fd);
	TRY(path_parent(f, links->lock, links->path, path, true, &dirfd));
	if (symlinkat(target, dirfd, path_base(path)) != 0)
		TRY(fault_errno(f, errno, "cannot make a link in %s", links->path));
out:
	file_close(&dirfd);
	return err;
}

/* ---- stay ---- */

void
links_stay(int program)
{
	struct pollfd until = {.fd = program, .events = POLLIN};

	keeper_leave_terminal();
	while (poll(&until, 1, -1) < 0 && errno == EINTR)
		continue;
}
