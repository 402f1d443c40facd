/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Does a model fit into memory?  Its plaintext cannot be dropped and read again like a page of a file, so a program that is
 * started without room for its model is killed in the middle of its work; better it is not started.
 */
#ifndef RUN_FIT_H
#define RUN_FIT_H

#include <stdint.h>

#include "base/fault.h"
#include "base/room.h"

/** fit_needed() - bytes of memory that @bytes of plaintext in @n_files files take: whole pages, and 2 % for what the kernel keeps of them */
uint64_t fit_needed(uint64_t bytes, uint64_t n_files);

/**
 * fit_check() - COFFER_E_SPACE, with the numbers, when @needed bytes do not go into @room
 * @limit: bytes that --size allows, or 0
 */
coffer_err fit_check(struct fault *f, const struct room *room, uint64_t needed, uint64_t limit);

#endif
