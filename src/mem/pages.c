/* SPDX-License-Identifier: Apache-2.0 */
#include "mem/pages.h"

#include <errno.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/num.h"

#define HUGE_LEN ((size_t)2 << 20) /* of amd64, and of arm64 with pages of 4 KiB */

/* The part of the map that is aligned to @to and @len long; the rest is given back. */
static void *
trim(uint8_t *map, size_t map_len, size_t len, size_t to)
{
	size_t before = (size_t)(num_round_up((uintptr_t)map, to) - (uintptr_t)map);
	size_t after = map_len - before - len;

	if (before > 0)
		(void)munmap(map, before);
	if (after > 0)
		(void)munmap(map + before + len, after);
	return map + before;
}

coffer_err
pages_new(struct fault *f, struct pages *out, size_t len)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE), spare = len >= HUGE_LEN ? HUGE_LEN - page : 0;
	void *map;

	*out = (struct pages)PAGES_INIT;
	if (len > SIZE_MAX - HUGE_LEN - page)
		return fault_nomem(f);
	len = len > 0 ? (size_t)num_round_up(len, page) : page;
	map = mmap(NULL, len + spare, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (map == MAP_FAILED)
		return fault_nomem(f);
	out->p = spare > 0 ? trim(map, len + spare, len, HUGE_LEN) : map;
	out->len = len;
	(void)madvise(out->p, len, MADV_DONTDUMP);
	/* a huge page comes when it is touched, 512 small ones better all at once: in a virtual machine each fault is dear */
	(void)madvise(out->p, len, spare > 0 ? MADV_HUGEPAGE : MADV_POPULATE_WRITE);
	return COFFER_OK;
}

coffer_err
pages_protect(struct fault *f, struct pages *pages)
{
	if (mprotect(pages->p, pages->len, PROT_READ) != 0)
		return fault_errno(f, errno, "cannot make memory one that can be read alone");
	return COFFER_OK;
}

void
pages_free(struct pages *pages)
{
	if (pages->p)
		(void)munmap(pages->p, pages->len);
	*pages = (struct pages)PAGES_INIT;
}
