/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Secret memory: the one place that wipes, compares, locks.
 *
 * A struct secret owns bytes in pages of their own: guard pages on both sides,
 * locked into memory where the limit allows, left out of core dumps and of
 * children (MADV_DONTDUMP, MADV_WIPEONFORK).  It is never resized.  Model data is never
 * kept here: keys are.
 */
#ifndef MEM_SECRET_H
#define MEM_SECRET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"

struct secret {
	uint8_t *p;
	size_t len;
	void *map; /* the whole mapping, guards included */
	size_t map_len;
};

#define SECRET_INIT                                                                                                    \
	{                                                                                                              \
		.p = NULL, .len = 0, .map = NULL, .map_len = 0                                                         \
	}

/** secret_new() - @len zero bytes; @s must be SECRET_INIT or freed */
coffer_err secret_new(struct fault *f, struct secret *s, size_t len);

/** secret_copy() - a copy of the @len bytes at @bytes; @s as for secret_new() */
coffer_err secret_copy(struct fault *f, struct secret *s, const void *bytes, size_t len);

/** secret_free() - wipe and free; @s is SECRET_INIT again */
void secret_free(struct secret *s);

/** secret_move() - give what @from holds to @to, which must be empty */
void secret_move(struct secret *to, struct secret *from);

/** mem_wipe() - zero @len bytes in a way that the compiler keeps */
void mem_wipe(void *p, size_t len);

/** mem_equal() - compare @len bytes in a time that does not depend on them */
bool mem_equal(const void *a, const void *b, size_t len);

#endif
