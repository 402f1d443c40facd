/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Preloaded: allocations fail on demand.
 *
 * FAILALLOC=n     the n-th allocation of the process fails, once
 * FAILALLOC=n+    the n-th and all that follow
 * FAILALLOC_COUNT=PATH   at the end, write how many there were into PATH
 *
 * Counts from the start of main(): what the loader and the constructors of libraries allocate is not the program's to survive.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void *(*real_malloc)(size_t);
static void *(*real_calloc)(size_t, size_t);
static void *(*real_realloc)(void *, size_t);
static void *(*real_aligned_alloc)(size_t, size_t);
static int (*real_posix_memalign)(void **, size_t, size_t);
static int (*real_main)(int, char **, char **);

static _Atomic long count;
static long fail_at;
static int forever;
static atomic_bool armed;

/* dlsym itself allocates before the real functions are known; a little room is enough for it */
static _Alignas(16) char early[4096];
static size_t early_used;

static void *
early_alloc(size_t size)
{
	void *p = early + early_used;

	early_used += (size + 15) & ~(size_t)15;
	return early_used <= sizeof(early) ? p : NULL;
}

static int
is_early(const void *p)
{
	return (const char *)p >= early && (const char *)p < early + sizeof(early);
}

static void
resolve(void *to, const char *name)
{
	void *symbol = dlsym(RTLD_NEXT, name);

	memcpy(to, &symbol, sizeof(symbol));
}

__attribute__((constructor)) static void
start(void)
{
	resolve(&real_malloc, "malloc");
	resolve(&real_calloc, "calloc");
	resolve(&real_realloc, "realloc");
	resolve(&real_aligned_alloc, "aligned_alloc");
	resolve(&real_posix_memalign, "posix_memalign");
}

static int
fails(void)
{
	long n;

	if (!armed)
		return 0;
	n = ++count;
	if (fail_at == 0 || (n != fail_at && !(forever && n > fail_at)))
		return 0;
	errno = ENOMEM;
	return 1;
}

void *
malloc(size_t size)
{
	if (!real_malloc)
		return early_alloc(size);
	return fails() ? NULL : real_malloc(size);
}

void *
calloc(size_t n, size_t size)
{
	if (!real_calloc)
		return early_alloc(n * size);
	return fails() ? NULL : real_calloc(n, size);
}

void *
realloc(void *old, size_t size)
{
	if (!real_realloc || is_early(old))
		return NULL;
	return fails() ? NULL : real_realloc(old, size);
}

void *
aligned_alloc(size_t alignment, size_t size)
{
	return fails() ? NULL : real_aligned_alloc(alignment, size);
}

int
posix_memalign(void **out, size_t alignment, size_t size)
{
	return fails() ? ENOMEM : real_posix_memalign(out, alignment, size);
}

void
free(void *p)
{
	static void (*real_free)(void *);

	if (!p || is_early(p))
		return;
	if (!real_free)
		resolve(&real_free, "free");
	real_free(p);
}

static void
report(void)
{
	const char *path = getenv("FAILALLOC_COUNT");
	char text[32];
	int fd, len;

	armed = 0;
	if (!path)
		return;
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	len = snprintf(text, sizeof(text), "%ld\n", (long)count);
	if (fd < 0 || write(fd, text, (size_t)len) != len)
		_exit(120);
	(void)close(fd);
}

static int
counted_main(int argc, char **argv, char **envp)
{
	const char *spec = getenv("FAILALLOC");

	if (spec) {
		char *end;

		fail_at = strtol(spec, &end, 10); /* lint: strtol, a test's own environment */
		forever = *end == '+';
	}
	(void)atexit(report);
	armed = 1;
	return real_main(argc, argv, envp);
}

int __libc_start_main(int (*main)(int, char **, char **), int argc, char **argv, void (*init)(void), void (*fini)(void),
		      void (*rtld_fini)(void), void *stack_end);

int
__libc_start_main(int (*main)(int, char **, char **), int argc, char **argv, void (*init)(void), void (*fini)(void),
		  void (*rtld_fini)(void), void *stack_end)
{
	int (*next)(int (*)(int, char **, char **), int, char **, void (*)(void), void (*)(void), void (*)(void),
		    void *);

	resolve(&next, "__libc_start_main");
	real_main = main;
	return next(counted_main, argc, argv, init, fini, rtld_fini, stack_end);
}
