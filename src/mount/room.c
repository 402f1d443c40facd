/* SPDX-License-Identifier: Apache-2.0 */
#include "mount/room.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "base/num.h"

coffer_err
room_new(struct fault *f, size_t len, uint8_t **out)
{
	void *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	*out = NULL;
	if (p == MAP_FAILED)
		return fault_nomem(f);
	(void)madvise(p, len, MADV_DONTDUMP);
	(void)madvise(p, len, MADV_HUGEPAGE);
	*out = p;
	return COFFER_OK;
}

void
room_free(uint8_t *pages, size_t len)
{
	if (pages)
		(void)munmap(pages, len);
}

/* A number that a file of the kernel has in a line of its own or behind @name. */
static uint64_t
read_number(const char *path, const char *name)
{
	FILE *in = fopen(path, "re");
	char line[256];
	unsigned long long v;
	uint64_t found = UINT64_MAX;

	if (!in)
		return UINT64_MAX;
	while (found == UINT64_MAX && fgets(line, sizeof(line), in))
		if (strncmp(line, name, strlen(name)) == 0 && sscanf(line + strlen(name), "%llu", &v) == 1)
			found = v;
	(void)fclose(in);
	return found;
}

uint64_t
room_available(void)
{
	uint64_t kib = read_number("/proc/meminfo", "MemAvailable:");
	uint64_t most = read_number("/sys/fs/cgroup/memory.max", "");
	uint64_t used = read_number("/sys/fs/cgroup/memory.current", "");
	uint64_t free = kib > UINT64_MAX / 1024 ? UINT64_MAX : kib * 1024;

	/* a container sees its own group there; «max» is no number */
	if (most != UINT64_MAX && used != UINT64_MAX)
		free = num_min(free, most > used ? most - used : 0);
	return free;
}
