/* SPDX-License-Identifier: Apache-2.0 */
#include "run/core.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/file.h"

void
core_forbid(void)
{
	/* 1: not even to a program that /proc/sys/kernel/core_pattern names, which a limit of 0 is no hindrance for (core(5)) */
	const struct rlimit one = {1, 1};
	int fd;

	(void)setrlimit(RLIMIT_CORE, &one);
	(void)prctl(PR_SET_DUMPABLE, 1L, 0L, 0L, 0L);
	/* and should root raise it again, no memory goes into it */
	fd = open("/proc/self/coredump_filter", O_WRONLY | O_CLOEXEC);
	if (fd >= 0)
		(void)!write(fd, "0", 1);
	file_close(&fd);
}
