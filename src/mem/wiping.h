/* SPDX-License-Identifier: Apache-2.0 */
/*
 * free() and realloc() that leave nothing behind, for libraries that take an allocator of their caller's (libcurl, jansson).
 *
 * They work on what malloc() gave, whoever called it, and what they give free() can take: so they can be put in at any time,
 * under an application that uses the same library, too.  A library that keeps their addresses must not outlive this code:
 * libcoffer.so is never unloaded (mk/build.mk).  Any thread.
 */
#ifndef MEM_WIPING_H
#define MEM_WIPING_H

#include <stddef.h>

/** wiping_free() - free(), all of the block zeroed before; NULL is fine */
void wiping_free(void *p);

/** wiping_realloc() - realloc() that never grows or shrinks in place: a new block, and the old one by wiping_free() */
void *wiping_realloc(void *p, size_t size);

#endif
