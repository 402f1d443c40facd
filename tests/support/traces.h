/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether a mark is left anywhere in the memory of this process: heap, stack, data, whatever can be written.
 *
 * Who looks for something has it in mind: so it stands here masked, and nowhere as it is but where a test writes it.
 */
#ifndef TESTS_SUPPORT_TRACES_H
#define TESTS_SUPPORT_TRACES_H

#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TRACES_MASK 0x2a
#define TRACES_LEN 24 /* of the mark, which is text and base64 */

static const uint8_t traces_masked[TRACES_LEN] = "]BK^dEHENSoFYObKYcDbOXO\001";

/** traces_mark() - write the mark to @p */
static inline void
traces_mark(void *p)
{
	for (size_t i = 0; i < TRACES_LEN; i++)
		((uint8_t *)p)[i] = traces_masked[i] ^ TRACES_MASK;
}

/** traces_at() - whether it stands at @p */
static inline bool
traces_at(const void *p)
{
	for (size_t i = 0; i < TRACES_LEN; i++)
		if ((((const uint8_t *)p)[i] ^ TRACES_MASK) != traces_masked[i])
			return false;
	return true;
}

/* memchr() and not every byte for itself: a sanitizer makes of each a call, and of a look at all memory minutes */
static inline bool
traces_in(const uint8_t *part, size_t n)
{
	const uint8_t *end = part + n - TRACES_LEN + 1, *at = part;

	for (; at < end && (at = memchr(at, traces_masked[0] ^ TRACES_MASK, (size_t)(end - at))); at++)
		if (traces_at(at))
			return true;
	return false;
}

/* in parts that overlap, so that none is cut by an end */
static inline bool
traces_between(int mem, uint64_t from, uint64_t to)
{
	static uint8_t part[1 << 16];

	while (from + TRACES_LEN <= to) {
		size_t want = to - from < sizeof(part) ? (size_t)(to - from) : sizeof(part);
		ssize_t n = pread(mem, part, want, (off_t)from);

		if (n < TRACES_LEN)
			return false;
		if (traces_in(part, (size_t)n)) {
			memset(part, 0, sizeof(part));
			return true;
		}
		from += (uint64_t)n - TRACES_LEN + 1;
	}
	return false;
}

/** traces_left() - whether it stands anywhere */
static inline bool
traces_left(void)
{
	int mem = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
	FILE *maps = fopen("/proc/self/maps", "re");
	char line[512], writable;
	uint64_t from, to;
	bool found = false;

	if (mem < 0 || !maps)
		abort();
	while (!found && fgets(line, sizeof(line), maps))
		if (sscanf(line, "%" SCNx64 "-%" SCNx64 " r%c", &from, &to, &writable) == 3 && writable == 'w' &&
		    to - from < UINT64_C(1) << 32) /* no shadow of a sanitizer */
			found = traces_between(mem, from, to);
	(void)fclose(maps);
	(void)close(mem);
	return found;
}

#endif
