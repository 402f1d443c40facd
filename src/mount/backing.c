/* SPDX-License-Identifier: Apache-2.0 */
#include "mount/backing.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/file.h"
#include "base/limits.h"
#include "mount/fuse_wire.h"

struct backing {
	int fuse;
	int root; /* of the tmpfs */
	uint64_t budget;
};

/* ---- the tmpfs ---- */

static int
configure(int fs, const char *size)
{
	if (fsconfig(fs, FSCONFIG_SET_STRING, "size", size, 0) != 0 ||
	    fsconfig(fs, FSCONFIG_SET_STRING, "mode", "0700", 0) != 0 ||
	    fsconfig(fs, FSCONFIG_SET_FLAG, "noswap", NULL, 0) != 0)
		return -1;
	/* slower without, and no worse: a kernel may be built without huge pages */
	if (fsconfig(fs, FSCONFIG_SET_STRING, "huge", "within_size", 0) != 0)
		errno = 0;
	return fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0);
}

static coffer_err
make_tmpfs(struct fault *f, uint64_t budget, int *root_out)
{
	int fs = fsopen("tmpfs", FSOPEN_CLOEXEC);
	char size[32];
	coffer_err err = COFFER_OK;

	(void)snprintf(size, sizeof(size), "%llu", (unsigned long long)budget);
	if (fs >= 0 && configure(fs, size) == 0)
		*root_out = fsmount(fs, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
	if (*root_out < 0)
		err = fault_errno(f, errno, "cannot make a tmpfs without swap");
	file_close(&fs);
	return err;
}

/* Whether the kernel lets this process: it says so only when it is asked. */
static coffer_err
try_it(struct fault *f, const struct backing *b)
{
	struct backing_file file = BACKING_FILE_INIT;
	uint32_t id;
	coffer_err err;

	TRY(backing_begin(f, b, 1, &file));
	TRY(backing_commit(f, b, &file, &id));
	backing_close(b, id);
out:
	backing_abort(&file);
	return err;
}

coffer_err
backing_new(struct fault *f, int fuse, uint64_t budget, struct backing **out)
{
	struct backing *b = calloc(1, sizeof(*b));
	coffer_err err;

	*out = NULL;
	if (!b)
		return fault_nomem(f);
	*b = (struct backing){.fuse = fuse, .root = -1, .budget = budget};
	TRY(make_tmpfs(f, budget, &b->root));
	TRY(try_it(f, b));
	*out = b;
	b = NULL;
out:
	backing_free(&b);
	return err;
}

void
backing_free(struct backing **backing)
{
	if (!*backing)
		return;
	file_close(&(*backing)->root);
	free(*backing);
	*backing = NULL;
}

uint64_t
backing_budget(const struct backing *b)
{
	return b->budget;
}

uint64_t
backing_room(const struct backing *b)
{
	struct statvfs st;

	return fstatvfs(b->root, &st) == 0 ? (uint64_t)st.f_bfree * st.f_bsize : 0;
}

/* ---- files ---- */

coffer_err
backing_begin(struct fault *f, const struct backing *b, uint64_t size, struct backing_file *out)
{
	void *p;

	*out = (struct backing_file){.fd = openat(b->root, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0400), .size = size};
	if (out->fd < 0)
		return fault_errno(f, errno, "cannot make a file in memory");
	/* all of the pages now: later there is no way to say that there are none left but SIGBUS */
	if (fallocate(out->fd, 0, 0, (off_t)size) != 0)
		return fault_errno(f, errno, "no memory for %llu bytes", (unsigned long long)size);
	p = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, out->fd, 0);
	if (p == MAP_FAILED)
		return fault_nomem(f);
	(void)madvise(p, (size_t)size, MADV_DONTDUMP);
	out->bytes = p;
	return COFFER_OK;
}

coffer_err
backing_commit(struct fault *f, const struct backing *b, struct backing_file *file, uint32_t *id_out)
{
	/* the kernel opens it anew for each reader, for reading alone, whatever this descriptor may do */
	struct wire_backing_map map = {.fd = file->fd};
	int id = ioctl(b->fuse, WIRE_BACKING_OPEN, &map);

	*id_out = 0;
	if (id <= 0)
		return fault_errno(f, errno, "the kernel passes nothing through");
	*id_out = (uint32_t)id;
	backing_abort(file);
	return COFFER_OK;
}

void
backing_abort(struct backing_file *file)
{
	if (file->bytes)
		(void)munmap(file->bytes, (size_t)file->size);
	file->bytes = NULL;
	file_close(&file->fd);
}

void
backing_close(const struct backing *b, uint32_t id)
{
	(void)ioctl(b->fuse, WIRE_BACKING_CLOSE, &id);
}
