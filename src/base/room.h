/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How much memory can be had: of the machine, and in the control groups that this process is in.
 */
#ifndef BASE_ROOM_H
#define BASE_ROOM_H

#include <stdint.h>

/** struct room - how much */
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

#endif
