/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program that reads a file, as one would be started by «coffer run» or look into a mount: reader WAY PATH...
 *
 *	read	all of it in pieces of 1 MiB, by read()
 *	touch	a byte of each page of 4 KiB, through a mapping
 *	random	1,000 times 1 MiB, anywhere, by pread()
 *
 * Prints a line a PATH: the seconds that it took from open() on.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define RANGE ((size_t)1 << 20)

enum { N_RANDOM = 1000, PAGE = 4096 };

static uint8_t range[RANGE];

static double
now(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static int
read_through(int fd, uint64_t size)
{
	uint64_t have = 0;
	ssize_t n;

	while ((n = read(fd, range, RANGE)) > 0)
		have += (uint64_t)n;
	return n == 0 && have == size ? 0 : -1;
}

static int
touch(int fd, uint64_t size)
{
	const volatile uint8_t *map = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);

	if (map == MAP_FAILED)
		return -1;
	for (uint64_t off = 0; off < size; off += PAGE)
		(void)map[off];
	return munmap((void *)(uintptr_t)map, size);
}

/* The same places each time: a linear congruential generator (Knuth's MMIX). */
static int
read_random(int fd, uint64_t size)
{
	uint64_t state = 1;

	for (int i = 0; i < N_RANDOM; i++) {
		state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
		if (pread(fd, range, RANGE, (off_t)((state >> 16) % (size - RANGE))) != (ssize_t)RANGE)
			return -1;
	}
	return 0;
}

static const struct way {
	const char *name;
	int (*run)(int fd, uint64_t size);
} ways[] = {{"read", read_through}, {"touch", touch}, {"random", read_random}};

static int
look(const struct way *way, const char *path)
{
	double start = now();
	int fd = open(path, O_RDONLY | O_CLOEXEC), rc = -1;
	struct stat st;

	if (fd >= 0 && fstat(fd, &st) == 0 && st.st_size > (off_t)RANGE)
		rc = way->run(fd, (uint64_t)st.st_size);
	if (rc == 0)
		printf("%.6f\n", now() - start);
	else
		fprintf(stderr, "reader: %s could not be read\n", path);
	if (fd >= 0)
		(void)close(fd);
	return rc;
}

int
main(int argc, char **argv)
{
	for (size_t i = 0; argc > 2 && i < sizeof(ways) / sizeof(ways[0]); i++) {
		int rc = 0;

		if (strcmp(ways[i].name, argv[1]) != 0)
			continue;
		for (int k = 2; k < argc && rc == 0; k++)
			rc = look(&ways[i], argv[k]);
		return rc == 0 ? 0 : 1;
	}
	fprintf(stderr, "usage: reader read|touch|random PATH...\n");
	return 2;
}
