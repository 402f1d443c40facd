/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Run a command and write how long it took and how much memory it held: measure RESULT WARM_MIB COMMAND ARGUMENT...
 *
 * A program of its own, because a child starts with the peak memory of its parent, and that of an interpreter is no small
 * thing.  RESULT gets «SECONDS CPU_SECONDS PEAK_KIB»; exits as the command does.
 */
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

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

static void
touch(size_t mib)
{
	size_t len = mib << 20;
	void *map = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	volatile char *p = map;

	if (map == MAP_FAILED)
		_exit(1);
	(void)madvise(map, len, MADV_HUGEPAGE);
	for (size_t i = 0; i < len; i += 4096)
		p[i] = 1;
	_exit(0);
}

/*
 * Take @mib MiB of memory and give it back at once, so that the command finds pages that the machine has.  The host of a
 * virtual machine takes free pages away within seconds, and giving one back costs it more than all that is measured.
 * In a process of its own: a child begins with the peak memory of its parent.
 */
static void
warm(size_t mib)
{
	int status;
	pid_t pid = mib > 0 ? fork() : -1;

	if (pid > 0)
		(void)waitpid(pid, &status, 0);
	if (pid == 0)
		touch(mib);
}

int
main(int argc, char **argv)
{
	struct rusage used;
	double start, took;
	size_t warm_mib;
	FILE *result;
	int status;
	pid_t pid;

	if (argc < 4 || !(result = fopen(argv[1], "w"))) {
		fprintf(stderr, "usage: measure RESULT WARM_MIB COMMAND ARGUMENT...\n");
		return 2;
	}
	if (sscanf(argv[2], "%zu", &warm_mib) != 1)
		return 2;
	warm(warm_mib);
	start = now();
	if (posix_spawnp(&pid, argv[3], NULL, NULL, argv + 3, environ) != 0) {
		fprintf(stderr, "measure: cannot run %s\n", argv[3]);
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
