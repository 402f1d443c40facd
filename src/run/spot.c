/* SPDX-License-Identifier: Apache-2.0 */
#include "run/spot.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/home.h"

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

/* One that is ours alone; it is made when it is not there. */
static bool
take_own(struct spot *spot)
{
	struct stat st;

	(void)mkdir(spot->path, 0700);
	spot->fd = open(spot->path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (spot->fd >= 0 && fstat(spot->fd, &st) == 0 && st.st_uid == geteuid() && (st.st_mode & 07777) == 0700) {
		keep(spot);
		return true;
	}
	file_close(&spot->fd);
	return false;
}

static bool
can_write(const struct spot *spot)
{
	return access(spot->path, W_OK | X_OK) == 0;
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

static bool
set_path(struct spot *spot, const char *before, const char *after)
{
	return snprintf(spot->path, sizeof(spot->path), "%s%s", before, after) < (int)sizeof(spot->path) &&
	       spot->path[0] == '/';
}

coffer_err
spot_find(struct fault *f, enum spot_use use, struct spot *out)
{
	static const char *const of_system[] = {"/mnt", "/media", "/srv", "/opt"};
	const char *runtime = home_setting("XDG_RUNTIME_DIR");
	const struct {
		const char *before, *after;
	} own[] = {
		{runtime ? runtime : "", "/coffer"},
		{geteuid() == 0 ? "/run" : "", "/coffer"},
		{"/tmp/.coffer-", NULL},
		{"/dev/shm/.coffer-", NULL},
	};
	char uid[16];

	out->fd = -1;
	(void)snprintf(uid, sizeof(uid), "%u", (unsigned int)geteuid());
	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
		if (!*own[i].before || !set_path(out, own[i].before, own[i].after ? own[i].after : uid))
			continue;
		if (take_own(out) && (use == SPOT_MOUNT || can_write(out)))
			return COFFER_OK;
		file_close(&out->fd);
	}
	for (size_t i = 0; use == SPOT_MOUNT && i < sizeof(of_system) / sizeof(of_system[0]); i++)
		if (set_path(out, of_system[i], "") && take_empty(out))
			return COFFER_OK;
	out->path[0] = '\0';
	return fault_set(f, COFFER_E_NOTFOUND,
			 "there is no folder for a private place: none of $XDG_RUNTIME_DIR/coffer, /tmp/.coffer-%s and "
			 "/dev/shm/.coffer-%s is there, can be made, belongs to this user and has the mode 0700; let "
			 "XDG_RUNTIME_DIR name a folder of yours",
			 uid, uid);
}
