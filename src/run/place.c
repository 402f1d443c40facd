/* SPDX-License-Identifier: Apache-2.0 */
#include "run/place.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/magic.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/file.h"
#include "run/keeper.h"

/* ---- the namespace ---- */

static coffer_err
write_map(struct fault *f, const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	coffer_err err;

	if (fd < 0)
		return fault_set(f, COFFER_E_PERM, "cannot open %s: %s", path, strerror(errno));
	err = write(fd, text, strlen(text)) == (ssize_t)strlen(text) /* it is taken whole or not at all */
		      ? COFFER_OK
		      : fault_set(f, COFFER_E_PERM, "cannot write %s: %s", path, strerror(errno));
	file_close(&fd);
	return err;
}

/* Everybody is who they were; the kernel lets nobody map more without rights (user_namespaces(7)). */
static coffer_err
map_self(struct fault *f, uid_t uid, gid_t gid)
{
	char text[64];
	coffer_err err;

	/* whose files in /proc belong to root belongs to nobody here */
	(void)prctl(PR_SET_DUMPABLE, 1L, 0L, 0L, 0L);
	TRY(write_map(f, "/proc/self/setgroups", "deny"));
	(void)snprintf(text, sizeof(text), "%u %u 1", (unsigned int)uid, (unsigned int)uid);
	TRY(write_map(f, "/proc/self/uid_map", text));
	(void)snprintf(text, sizeof(text), "%u %u 1", (unsigned int)gid, (unsigned int)gid);
	TRY(write_map(f, "/proc/self/gid_map", text));
out:
	return err;
}

static coffer_err
enter_namespace(struct fault *f, bool *user_namespace_out)
{
	uid_t uid = geteuid();
	gid_t gid = getegid();

	*user_namespace_out = false;
	if (unshare(CLONE_NEWNS) == 0)
		return COFFER_OK;
	if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0)
		return fault_set(f, COFFER_E_PERM, "this system gives no namespace of its own to a program: %s",
				 strerror(errno));
	*user_namespace_out = true;
	return map_self(f, uid, gid);
}

/*
 * Nothing that is mounted here goes out.  What the system mounts or takes away elsewhere still comes in: the program may run
 * for months, and must not hold a disk that was taken away, nor miss one that was added.
 */
static coffer_err
keep_in(struct fault *f)
{
	if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) != 0)
		return fault_set(f, COFFER_E_PERM, "cannot make the mounts of this program its own: %s",
				 strerror(errno));
	return COFFER_OK;
}

/* ---- memory ---- */

static unsigned long
mount_flags(const struct place_options *options)
{
	return MS_NOSUID | MS_NODEV | (options->may_run ? 0 : MS_NOEXEC);
}

/* The best that this kernel takes: huge pages are several times as fast to fill, and what is never swapped reaches no disk. */
static coffer_err
mount_memory(struct fault *f, const char *target, struct place *place)
{
	static const struct {
		const char *text;
		bool noswap;
	} best[] = {
		{",huge=within_size,noswap", true},
		{",huge=within_size", false},
		{",noswap", true},
		{"", false},
	};
	char data[128];

	for (size_t i = 0; i < sizeof(best) / sizeof(best[0]); i++) {
		(void)snprintf(data, sizeof(data), "mode=0700,size=%llu%s", (unsigned long long)place->options.size,
			       best[i].text);
		place->may_be_swapped = !best[i].noswap;
		if (mount("coffer", target, "tmpfs", mount_flags(&place->options), data) == 0)
			return COFFER_OK;
	}
	return fault_set(f, COFFER_E_PERM, "this system lets a program mount no memory (tmpfs): %s", strerror(errno));
}

/* Whether the path leads to what was mounted, for it is by its path that the program will look for it. */
static coffer_err
open_place(struct fault *f, struct place *place)
{
	struct statfs fs;
	struct stat st;

	place->fd = open(place->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (place->fd < 0)
		return fault_set(f, COFFER_E_PERM, "cannot open %s: %s", place->path, strerror(errno));
	if (fstatfs(place->fd, &fs) == 0 && fs.f_type == TMPFS_MAGIC && fstat(place->fd, &st) == 0 &&
	    st.st_uid == geteuid() && (st.st_mode & 07777) == 0700)
		return COFFER_OK;
	file_close(&place->fd);
	return fault_set(f, COFFER_E_PERM, "%s is not what was mounted there", place->path);
}

static bool
has_swap(void)
{
	FILE *file = fopen("/proc/swaps", "re");
	char line[256];
	int n = 0;

	while (file && n < 2 && fgets(line, sizeof(line), file))
		n++;
	if (file)
		(void)fclose(file);
	return n > 1; /* the first is the heading */
}

static coffer_err
mount_over(struct fault *f, const struct spot *spot, struct place *place)
{
	char target[64];
	coffer_err err;

	(void)snprintf(target, sizeof(target), "/proc/self/fd/%d", spot->fd);
	memcpy(place->path, spot->path, sizeof(place->path));
	TRY(mount_memory(f, target, place));
	TRY(open_place(f, place));
	place->may_be_swapped = place->may_be_swapped && has_swap();
out:
	return err;
}

/* ---- capabilities ---- */

/*
 * A new user namespace comes with all capabilities over it.  They hold for nothing outside, but a program that finds some may
 * think that it is root; without them it is as it was, but for what only root could do to itself.
 */
static coffer_err
drop_caps(struct fault *f)
{
	for (unsigned long cap = 0; prctl(PR_CAPBSET_READ, cap, 0L, 0L, 0L) >= 0; cap++)
		if (prctl(PR_CAPBSET_DROP, cap, 0L, 0L, 0L) != 0)
			return fault_errno(f, errno, "cannot give up the capabilities of the namespace");
	return COFFER_OK;
}

/* Through exec they go as «ambient» ones, which must be inheritable (capabilities(7)). */
static coffer_err
keep_caps(struct fault *f)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3];

	if (syscall(SYS_capget, &head, sets) != 0)
		return fault_errno(f, errno, "cannot read the capabilities of the namespace");
	for (size_t i = 0; i < _LINUX_CAPABILITY_U32S_3; i++)
		sets[i].inheritable = sets[i].permitted;
	if (syscall(SYS_capset, &head, sets) != 0)
		return fault_errno(f, errno, "cannot keep the capabilities of the namespace");
	for (unsigned long cap = 0; prctl(PR_CAPBSET_READ, cap, 0L, 0L, 0L) >= 0; cap++)
		if (prctl(PR_CAP_AMBIENT, (unsigned long)PR_CAP_AMBIENT_RAISE, cap, 0L, 0L) != 0 && errno != EPERM)
			return fault_errno(f, errno, "cannot keep the capabilities of the namespace");
	return COFFER_OK;
}

/* ---- all ---- */

coffer_err
place_make(struct fault *f, const struct place_options *options, struct place *out)
{
	bool user_namespace;
	struct spot spot = SPOT_INIT;
	coffer_err err;

	*out = (struct place){.fd = -1, .options = *options};
	TRY(enter_namespace(f, &user_namespace));
	TRY(keep_in(f));
	TRY(spot_find(f, SPOT_MOUNT, &spot)); /* here: a descriptor from outside is none to mount over */
	TRY(mount_over(f, &spot, out));
	/* it takes effect with exec: until then this process can still make it read-only */
	if (user_namespace)
		TRY(options->keep_caps ? keep_caps(f) : drop_caps(f));
out:
	file_close(&spot.fd);
	return err;
}

static coffer_err
try_place(void *arg, struct fault *f, int channel)
{
	struct keeper_word fine = {.number = 0};
	struct place place = PLACE_INIT;
	coffer_err err;

	TRY(place_make(f, arg, &place));
	TRY(keeper_say(f, channel, &fine, -1));
out:
	file_close(&place.fd);
	return err;
}

coffer_err
place_try(struct fault *f, const struct place_options *options)
{
	struct place_options copy = *options;
	struct keeper_word word;
	struct keeper trial;
	coffer_err err;

	TRY(keeper_start(f, try_place, &copy, KEEPER_CHILD, &trial));
	err = keeper_hear(f, trial.channel, &word, NULL);
	keeper_end(&trial);
out:
	return err;
}

coffer_err
place_close(struct fault *f, const struct place *place)
{
	if (mount(NULL, place->path, NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | mount_flags(&place->options), NULL) != 0)
		return fault_errno(f, errno, "cannot make %s read-only", place->path);
	return COFFER_OK;
}
