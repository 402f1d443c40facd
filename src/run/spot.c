/* SPDX-License-Identifier: Apache-2.0 */
#include "run/spot.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/home.h"

#define NOBODY 65534u /* whom the kernel shows for users that a namespace does not have (user_namespaces(7)) */

/*
 * Those who clear up folders for temporary files leave one with the sticky bit alone (XDG Base Directory specification), and
 * then the folder, too; and a folder that is removed takes what is mounted over it along, in every namespace.
 */
static void
keep(const struct spot *spot)
{
	char path[SPOT_LEN + sizeof("/.keep")];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/.keep", spot->path);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd >= 0)
		(void)fchmod(fd, S_ISVTX | 0600);
	file_close(&fd);
}

/* root and we; in a namespace in which others appear as nobody root does, too, and cannot be told from them */
static bool
is_trusted(uid_t uid)
{
	return uid == 0 || uid == geteuid() || (uid == NOBODY && geteuid() != 0);
}

/*
 * Whoever can rename a folder above it, also one that something is mounted over in our namespace alone, can put another in its
 * place, and the program would have that one's model.  So it goes when su leaves XDG_RUNTIME_DIR as it was.
 */
static bool
can_be_exchanged(const struct spot *spot)
{
	char path[SPOT_LEN];
	struct stat st;

	memcpy(path, spot->path, sizeof(path));
	for (char *slash; (slash = strrchr(path, '/')) != path;) {
		*slash = '\0';
		if (lstat(path, &st) != 0 || !S_ISDIR(st.st_mode) || !is_trusted(st.st_uid) ||
		    ((st.st_mode & (S_IWGRP | S_IWOTH)) && !(st.st_mode & S_ISVTX)))
			return true;
	}
	return false;
}

static bool
can_write(const struct spot *spot)
{
	return access(spot->path, W_OK | X_OK) == 0;
}

/*
 * Where a model is mounted already: this process runs in the private place of another call, whose program may still need what it
 * was given.
 */
static bool
is_taken(const struct spot *spot)
{
	struct stat here, above;

	return fstat(spot->fd, &here) != 0 || fstatat(spot->fd, "..", &above, 0) != 0 || here.st_dev != above.st_dev;
}

/* One that is ours alone; it is made when it is not there. */
static bool
take_own(enum spot_use use, struct spot *spot)
{
	struct stat st;

	if (can_be_exchanged(spot))
		return false;
	(void)mkdir(spot->path, 0700);
	spot->fd = open(spot->path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (spot->fd >= 0 && fstat(spot->fd, &st) == 0 && st.st_uid == geteuid() && (st.st_mode & 07777) == 0700 &&
	    (use == SPOT_MOUNT ? !is_taken(spot) : can_write(spot))) {
		keep(spot);
		return true;
	}
	file_close(&spot->fd);
	return false;
}

static bool
is_empty(const char *path)
{
	DIR *dir = opendir(path);
	bool empty = dir != NULL;

	for (const struct dirent *e; empty && (e = readdir(dir));)
		empty = strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0;
	if (dir)
		(void)closedir(dir);
	return empty;
}

/* One of the system's that holds nothing, so that nothing is hidden. */
static bool
take_empty(struct spot *spot)
{
	if (!is_empty(spot->path))
		return false;
	spot->fd = open(spot->path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return spot->fd >= 0;
}

/* Without links, which somebody else could turn: @folder, «/» and @name. */
static bool
set_path(struct spot *spot, const char *folder, const char *name)
{
	char *real = folder[0] == '/' ? realpath(folder, NULL) : NULL;
	bool fits = real && snprintf(spot->path, sizeof(spot->path), "%s/%s", strcmp(real, "/") == 0 ? "" : real,
				     name) < (int)sizeof(spot->path);

	free(real);
	return fits;
}

coffer_err
spot_find(struct fault *f, enum spot_use use, struct spot *out)
{
	static const char *const of_system[] = {"mnt", "media", "srv", "opt"};
	const char *runtime = home_setting("XDG_RUNTIME_DIR");
	char of_user[32];
	const struct {
		const char *folder, *name;
	} own[] = {
		{runtime ? runtime : "", "coffer"},
		{geteuid() == 0 ? "/run" : "", "coffer"},
		{"/tmp", of_user},
		{"/dev/shm", of_user},
	};

	out->fd = -1;
	(void)snprintf(of_user, sizeof(of_user), ".coffer-%u", (unsigned int)geteuid());
	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
		if (!set_path(out, own[i].folder, own[i].name))
			continue;
		if (take_own(use, out))
			return COFFER_OK;
	}
	for (size_t i = 0; use == SPOT_MOUNT && i < sizeof(of_system) / sizeof(of_system[0]); i++)
		if (set_path(out, "/", of_system[i]) && take_empty(out))
			return COFFER_OK;
	out->path[0] = '\0';
	return fault_set(f, COFFER_E_NOTFOUND,
			 "there is no folder for a private place: none of $XDG_RUNTIME_DIR/coffer, /tmp/%s and "
			 "/dev/shm/%s is there, can be made, belongs to this user, has the mode 0700 and lies where "
			 "nobody else can rename it; let XDG_RUNTIME_DIR name a folder of yours",
			 of_user, of_user);
}
