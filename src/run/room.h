/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is there memory for a model?  Plaintext in memory cannot be written out and read again like a page of a file, so a program
 * that is started without room for its model is killed in the middle of its work; better it is not started.
 */
#ifndef RUN_ROOM_H
#define RUN_ROOM_H

#include <stdint.h>

#include "base/fault.h"

/** struct room - how much memory can be had */
struct room {
	uint64_t bytes;	 /* UINT64_MAX when nothing says */
	char where[160]; /* who says so, for messages: «this machine», «the memory cgroup /a/b» */
};

/**
 * room_measure() - the least of MemAvailable and of what each memory cgroup that this process is in has left
 * @root: of the file system with /proc and /sys, "" but in tests
 *
 * Both versions of cgroups.  What a cgroup holds of files counts as free, for the kernel gives that back; what says nothing
 * is passed over.
 */
void room_measure(const char *root, struct room *out);

/** room_needed() - what @bytes of plaintext in @n_files files take in memory: whole pages, and 2 % for what the kernel keeps of them */
uint64_t room_needed(uint64_t bytes, uint64_t n_files);

/**
 * room_check() - COFFER_E_SPACE, with the numbers, when @needed bytes do not go into @room
 * @limit: what --size allows, or 0
 */
coffer_err room_check(struct fault *f, const struct room *room, uint64_t needed, uint64_t limit);

#endif
