/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Preloaded: reads and writes of more than one byte move only about half of what is asked for, and every fifth is
 * interrupted (EINTR) before it moves anything.  All of it is legal, so the program must not show it.
 *
 * SHORTIO_COUNT=PATH   at the end, write into PATH how many calls were shortened
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static _Atomic long shortened;

static void
resolve(void *to, const char *name)
{
	void *symbol = dlsym(RTLD_NEXT, name);

	memcpy(to, &symbol, sizeof(symbol));
}

static int
interrupted(void)
{
	if (++shortened % 5 != 0)
		return 0;
	errno = EINTR;
	return 1;
}

static size_t
less(size_t len)
{
	return len > 1 ? len / 2 + len % 3 % 2 : len;
}

ssize_t
read(int fd, void *buf, size_t len)
{
	static ssize_t (*next)(int, void *, size_t);

	if (!next)
		resolve(&next, "read");
	return interrupted() ? -1 : next(fd, buf, less(len));
}

ssize_t
write(int fd, const void *buf, size_t len)
{
	static ssize_t (*next)(int, const void *, size_t);

	if (!next)
		resolve(&next, "write");
	/* what goes to a terminal or a log is not our business */
	if (fd <= 2)
		return next(fd, buf, len);
	return interrupted() ? -1 : next(fd, buf, less(len));
}

ssize_t
pread(int fd, void *buf, size_t len, off_t off)
{
	static ssize_t (*next)(int, void *, size_t, off_t);

	if (!next)
		resolve(&next, "pread64");
	return interrupted() ? -1 : next(fd, buf, less(len), off);
}

ssize_t
pwrite(int fd, const void *buf, size_t len, off_t off)
{
	static ssize_t (*next)(int, const void *, size_t, off_t);

	if (!next)
		resolve(&next, "pwrite64");
	return interrupted() ? -1 : next(fd, buf, less(len), off);
}

/* the names under which fortified and large-file programs call them */
ssize_t __read_chk(int fd, void *buf, size_t len, size_t room);
ssize_t __pread_chk(int fd, void *buf, size_t len, off_t off, size_t room);
ssize_t __pread64_chk(int fd, void *buf, size_t len, off_t off, size_t room);
ssize_t pread64(int fd, void *buf, size_t len, off_t off);
ssize_t pwrite64(int fd, const void *buf, size_t len, off_t off);

ssize_t
__read_chk(int fd, void *buf, size_t len, size_t room)
{
	return len <= room ? read(fd, buf, len) : (abort(), -1);
}

ssize_t
__pread_chk(int fd, void *buf, size_t len, off_t off, size_t room)
{
	return len <= room ? pread(fd, buf, len, off) : (abort(), -1);
}

ssize_t
__pread64_chk(int fd, void *buf, size_t len, off_t off, size_t room)
{
	return __pread_chk(fd, buf, len, off, room);
}

ssize_t
pread64(int fd, void *buf, size_t len, off_t off)
{
	return pread(fd, buf, len, off);
}

ssize_t
pwrite64(int fd, const void *buf, size_t len, off_t off)
{
	return pwrite(fd, buf, len, off);
}

__attribute__((destructor)) static void
report(void)
{
	const char *path = getenv("SHORTIO_COUNT");
	FILE *file = path ? fopen(path, "w") : NULL;

	if (file) {
		fprintf(file, "%ld\n", (long)shortened);
		(void)fclose(file);
	}
}
