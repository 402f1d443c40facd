/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Run a command and write how long it took and how much memory it held: measure RESULT COMMAND ARGUMENT...
 *
 * A program of its own, because a child starts with the peak memory of its parent, and that of an interpreter is no small
 * thing.  RESULT gets «SECONDS CPU_SECONDS PEAK_KIB»; exits as the command does.
 */
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

extern char **environ;

static double
now(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static double
seconds(const struct timeval *t)
{
	return (double)t->tv_sec + (double)t->tv_usec * 1e-6;
}

int
main(int argc, char **argv)
{
	struct rusage used;
	double start, took;
	FILE *result;
	int status;
	pid_t pid;

	if (argc < 3 || !(result = fopen(argv[1], "w"))) {
		fprintf(stderr, "usage: measure RESULT COMMAND ARGUMENT...\n");
		return 2;
	}
	start = now();
	if (posix_spawnp(&pid, argv[2], NULL, NULL, argv + 2, environ) != 0) {
		fprintf(stderr, "measure: cannot run %s\n", argv[2]);
		return 127;
	}
	if (wait4(pid, &status, 0, &used) != pid)
		return 1;
	took = now() - start;
	fprintf(result, "%.6f %.6f %ld\n", took, seconds(&used.ru_utime) + seconds(&used.ru_stime), used.ru_maxrss);
	if (fclose(result) != 0)
		return 1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
