/* SPDX-License-Identifier: Apache-2.0 */
#include "mount/plain.h"

#include <sys/mman.h>

coffer_err
plain_new(struct fault *f, size_t len, uint8_t **out)
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
plain_free(uint8_t *pages, size_t len)
{
	if (pages)
		(void)munmap(pages, len);
}
