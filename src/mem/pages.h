/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory for plaintext: whole pages that stand in no core dump, huge ones where the kernel has them.
 *
 * The kernel clears them before anybody else gets them, so that to give them back is to wipe them.
 */
#ifndef MEM_PAGES_H
#define MEM_PAGES_H

#include <stddef.h>

#include "base/fault.h"

struct pages {
	void *p; /* aligned to a page, and from 2 MiB up to a huge one */
	size_t len;
};

#define PAGES_INIT                                                                                                     \
	{                                                                                                              \
		.p = NULL, .len = 0                                                                                    \
	}

/** pages_new() - get room for @len bytes, of 0 too, filled with zeros; free it with pages_free() */
coffer_err pages_new(struct fault *f, struct pages *out, size_t len);

/** pages_protect() - let nobody write to them any more */
coffer_err pages_protect(struct fault *f, struct pages *pages);

/** pages_free() - give them back; of none it is fine */
void pages_free(struct pages *pages);

#endif
