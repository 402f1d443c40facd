/* SPDX-License-Identifier: Apache-2.0 */
#include "mem/wiping.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "mem/secret.h"

void
wiping_free(void *p)
{
	if (p)
		mem_wipe(p, malloc_usable_size(p));
	free(p);
}

void *
wiping_realloc(void *p, size_t size)
{
	size_t had = p ? malloc_usable_size(p) : 0;
	void *q = malloc(size);

	if (!q)
		return NULL;
	if (had > 0)
		memcpy(q, p, had < size ? had : size);
	wiping_free(p);
	return q;
}
