/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How much faster several streams of SHA-256 are than one, on one core.
 *
 *	make build/coffer build/libcoffer-internal.a
 *	gcc -O2 -D_GNU_SOURCE -Iinclude -Isrc -o build/bench-hash tests/bench/hash.c build/libcoffer-internal.a \
 *		-lcrypto -lpthread
 *	taskset -c 0 build/bench-hash [FOLDER]
 *
 * First in cache: one stream of OpenSSL, and one to eight of ours.  Then, with a
 * FOLDER on tmpfs that has 512 MiB free, eight files there by `sha256sum` and by
 * `build/coffer hash --jobs 1`.  The ways take turns, so that a change of clock
 * or a busy neighbour meets them alike; of each the median of the rounds is
 * shown, and the median of its ratios to the first within a round.  Exits with 1
 * when the best is under 1.8, or the files under 2.5.
 */
#include <fcntl.h>
#include <openssl/evp.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "crypto/sha256x.h"

enum { ROUNDS = 15, LEN = 64 << 10, N_FILES = 8, FILE_LEN = 64 << 20 };

#define SECONDS_A_TURN 0.05
#define WANTED_STREAMS 1.8
#define WANTED_FILES 2.5

static _Alignas(4096) uint8_t data[SHA256X_MAX_LANES][LEN];

static void
must(bool good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "bench: %s failed\n", what);
	exit(2);
}

/* ---- turns ---- */

/* A way to hash: bytes a second of processor time.  @n is the number of streams, or what else it needs. */
struct way {
	char name[40];
	double (*turn)(size_t n);
	size_t n;
	double speed[ROUNDS], ratio[ROUNDS];
};

static int
compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static double
median(double v[ROUNDS])
{
	qsort(v, ROUNDS, sizeof(*v), compare);
	return v[ROUNDS / 2];
}

/* The largest ratio to the first way. */
static double
race(struct way ways[], size_t n)
{
	double best = 0;

	for (size_t round = 0; round < ROUNDS; round++) {
		for (size_t i = 0; i < n; i++) {
			ways[i].speed[round] = ways[i].turn(ways[i].n);
			ways[i].ratio[round] = ways[i].speed[round] / ways[0].speed[round];
		}
	}
	for (size_t i = 0; i < n; i++) {
		double ratio = median(ways[i].ratio);

		printf("%-28s %6.2f GB/s %6.2f\n", ways[i].name, median(ways[i].speed) / 1e9, ratio);
		best = ratio > best ? ratio : best;
	}
	return best;
}

/* ---- in cache ---- */

static double
thread_seconds(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static double
turn_openssl(size_t n)
{
	double begin = thread_seconds(), now;
	uint8_t hash[32];
	size_t bytes = 0;

	(void)n;
	do {
		must(EVP_Digest(data[0], LEN, hash, NULL, EVP_sha256(), NULL) == 1, "OpenSSL");
		bytes += LEN;
		now = thread_seconds();
	} while (now - begin < SECONDS_A_TURN);
	return (double)bytes / (now - begin);
}

static double
turn_streams(size_t n)
{
	struct sha256x streams[SHA256X_MAX_LANES], *at[SHA256X_MAX_LANES];
	const void *in[SHA256X_MAX_LANES];
	size_t len[SHA256X_MAX_LANES], bytes = 0;
	double begin = thread_seconds(), now;

	for (size_t i = 0; i < n; i++) {
		sha256x_init(&streams[i]);
		at[i] = &streams[i];
		in[i] = data[i];
		len[i] = LEN;
	}
	do {
		sha256x_update_many(at, in, len, n);
		bytes += n * LEN;
		now = thread_seconds();
	} while (now - begin < SECONDS_A_TURN);
	return (double)bytes / (now - begin);
}

static double
race_streams(void)
{
	struct way ways[1 + SHA256X_MAX_LANES] = {{.name = "OpenSSL, one stream", .turn = turn_openssl}};

	printf("kernel %s, which is best with %zu\n", sha256x_kernel_name(), sha256x_lanes());
	for (size_t n = 1; n <= SHA256X_MAX_LANES; n++) {
		ways[n] = (struct way){.turn = turn_streams, .n = n};
		(void)snprintf(ways[n].name, sizeof(ways[n].name), "coffer, streams: %zu", n);
	}
	return race(ways, 1 + SHA256X_MAX_LANES);
}

/* ---- files ---- */

static char paths[N_FILES][4096];

static void
make_files(const char *folder)
{
	for (size_t i = 0; i < N_FILES; i++) {
		FILE *f;

		(void)snprintf(paths[i], sizeof(paths[i]), "%s/bench-hash-%zu", folder, i);
		f = fopen(paths[i], "wb");
		must(f != NULL, paths[i]);
		for (size_t done = 0; done < FILE_LEN; done += LEN)
			must(fwrite(data[i], 1, LEN, f) == LEN, paths[i]);
		must(fclose(f) == 0, paths[i]);
	}
}

static void
remove_files(void)
{
	for (size_t i = 0; i < N_FILES; i++)
		(void)unlink(paths[i]);
}

/* The processor time of a child, in the system too. */
static double
seconds_of(char *const argv[])
{
	posix_spawn_file_actions_t quiet;
	struct rusage use;
	pid_t pid;
	int status;

	must(posix_spawn_file_actions_init(&quiet) == 0, "posix_spawn");
	must(posix_spawn_file_actions_addopen(&quiet, STDOUT_FILENO, "/dev/null", O_WRONLY, 0) == 0, "posix_spawn");
	must(posix_spawnp(&pid, argv[0], &quiet, NULL, argv, environ) == 0, argv[0]);
	(void)posix_spawn_file_actions_destroy(&quiet);
	must(wait4(pid, &status, 0, &use) == pid && status == 0, argv[0]);
	return (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) +
	       (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec) * 1e-6;
}

static char sha256sum[] = "sha256sum", coffer[] = "build/coffer", hash[] = "hash", jobs[] = "--jobs", one[] = "1";

static double
files_turn(char *argv[], size_t n)
{
	for (size_t i = 0; i < N_FILES; i++)
		argv[n + i] = paths[i];
	argv[n + N_FILES] = NULL;
	return (double)N_FILES * FILE_LEN / seconds_of(argv);
}

static double
turn_sha256sum(size_t n)
{
	char *argv[N_FILES + 6] = {sha256sum};

	(void)n;
	return files_turn(argv, 1);
}

static double
turn_coffer(size_t n)
{
	char *argv[N_FILES + 6] = {coffer, hash, jobs, one};

	(void)n;
	return files_turn(argv, 4);
}

static double
race_files(const char *folder)
{
	static struct way ways[] = {
		{.name = "sha256sum, 8 files", .turn = turn_sha256sum},
		{.name = "coffer hash, 8 files", .turn = turn_coffer},
	};
	double best;

	make_files(folder);
	best = race(ways, 2);
	remove_files();
	return best;
}

int
main(int argc, char *argv[])
{
	bool good;

	for (size_t i = 0; i < SHA256X_MAX_LANES; i++)
		for (size_t k = 0; k < LEN; k++)
			data[i][k] = (uint8_t)(k * 31 + i);
	good = race_streams() >= WANTED_STREAMS;
	if (argc > 1)
		good = race_files(argv[1]) >= WANTED_FILES && good;
	return good ? 0 : 1;
}
