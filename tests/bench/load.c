/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ways to get a file into memory, in turns: load KEK SEALED PLAIN ROUNDS WAY...
 *
 * SEALED is one sealed file, PLAIN the same bytes.  Prints a line a round: the seconds that each WAY took, in the order given.
 * Each runs twice and the second time counts, so that it finds memory that the machine has (see measure.c).
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <coffer/coffer.h>
#include <coffer/load.h>

#include "base/num.h"

enum { MOST_WAYS = 16, MOST_ROUNDS = 1000, MOST_THREADS = 64, N_RANDOM = 1000 };

#define STEP ((size_t)2 << 20)
#define RANGE ((size_t)1 << 20)

struct bench {
	struct coffer_ctx *ctx;
	struct coffer_file *file;
	int plain;
	size_t size;
	uint8_t *there; /* huge pages that were touched already */
	uint8_t range[RANGE];
};

static double
now(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static uint8_t *
huge_pages(size_t len)
{
	uint8_t *map = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (map == MAP_FAILED)
		return NULL;
	(void)madvise(map, len, MADV_HUGEPAGE);
	return map;
}

/* ---- sealed ---- */

static coffer_err
memory(struct bench *b)
{
	struct coffer_memory *memory;
	coffer_err err = coffer_memory_new(b->ctx, b->file, &memory);

	coffer_memory_free(&memory);
	return err;
}

static coffer_err
memfd(struct bench *b)
{
	int fd;
	coffer_err err = coffer_file_memfd(b->ctx, b->file, &fd);

	if (fd >= 0)
		(void)close(fd);
	return err;
}

static coffer_err
fill(struct bench *b)
{
	return coffer_file_load(b->ctx, b->file, 0, b->there, b->size);
}

/* ---- plain ---- */

static coffer_err
read_all(int fd, uint8_t *buf, size_t len, size_t off)
{
	while (len > 0) {
		ssize_t n = pread(fd, buf, len < STEP ? len : STEP, (off_t)off);

		if (n <= 0)
			return COFFER_E_IO;
		buf += n;
		off += (size_t)n;
		len -= (size_t)n;
	}
	return COFFER_OK;
}

struct share {
	pthread_t thread;
	struct bench *b;
	uint8_t *buf;
	size_t off, len;
	coffer_err err;
};

static void *
read_share(void *arg)
{
	struct share *s = arg;

	s->err = read_all(s->b->plain, s->buf + s->off, s->len, s->off);
	return NULL;
}

static coffer_err
read_threads(struct bench *b, uint8_t *buf, size_t n)
{
	struct share shares[MOST_THREADS];
	size_t each = (b->size / n + STEP) / STEP * STEP, started = 0;
	coffer_err err = COFFER_OK;

	for (size_t off = 0; off < b->size && started < n; off += each, started++) {
		struct share *s = &shares[started];

		*s = (struct share){.b = b, .buf = buf, .off = off, .len = b->size - off < each ? b->size - off : each};
		if (pthread_create(&s->thread, NULL, read_share, s) != 0)
			return COFFER_E_NOMEM;
	}
	for (size_t i = 0; i < started; i++) {
		(void)pthread_join(shares[i].thread, NULL);
		err = err ? err : shares[i].err;
	}
	return err;
}

static size_t
n_cores(void)
{
	long n = sysconf(_SC_NPROCESSORS_ONLN);

	return n < 1 ? 1 : n > MOST_THREADS ? MOST_THREADS : (size_t)n;
}

static coffer_err
read_new(struct bench *b, size_t threads)
{
	uint8_t *map = huge_pages(b->size);
	coffer_err err = map ? read_threads(b, map, threads) : COFFER_E_NOMEM;

	if (map)
		(void)munmap(map, b->size);
	return err;
}

static coffer_err
plain_read(struct bench *b)
{
	return read_new(b, 1);
}

static coffer_err
plain_read_all(struct bench *b)
{
	return read_new(b, n_cores());
}

static coffer_err
plain_fill(struct bench *b)
{
	return read_threads(b, b->there, n_cores());
}

/* ---- ranges ---- */

/* The same places each time: a linear congruential generator (Knuth's MMIX). */
static size_t
place(const struct bench *b, uint64_t *state, size_t multiple)
{
	*state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (size_t)(*state >> 16) % (b->size - RANGE) / multiple * multiple;
}

static coffer_err
ranges(struct bench *b, size_t multiple)
{
	uint64_t state = 1;
	coffer_err err = COFFER_OK;

	for (int i = 0; i < N_RANDOM && err == COFFER_OK; i++)
		err = coffer_file_read_at(b->file, place(b, &state, multiple), b->range, RANGE);
	return err;
}

static coffer_err
plain_ranges(struct bench *b, size_t multiple)
{
	uint64_t state = 1;
	coffer_err err = COFFER_OK;

	for (int i = 0; i < N_RANDOM && err == COFFER_OK; i++)
		err = read_all(b->plain, b->range, RANGE, place(b, &state, multiple));
	return err;
}

static coffer_err
ranges_aligned(struct bench *b)
{
	return ranges(b, RANGE);
}

static coffer_err
ranges_anywhere(struct bench *b)
{
	return ranges(b, 1);
}

static coffer_err
plain_ranges_aligned(struct bench *b)
{
	return plain_ranges(b, RANGE);
}

static coffer_err
plain_ranges_anywhere(struct bench *b)
{
	return plain_ranges(b, 1);
}

/* ---- in turns ---- */

typedef coffer_err (*way_fn)(struct bench *b);

static const struct way {
	const char *name;
	way_fn run;
} known[] = {
	{"memory", memory},
	{"memfd", memfd},
	{"fill", fill},
	{"ranges", ranges_aligned},
	{"ranges-anywhere", ranges_anywhere},
	{"plain-read", plain_read},
	{"plain-read-all", plain_read_all},
	{"plain-fill", plain_fill},
	{"plain-ranges", plain_ranges_aligned},
	{"plain-ranges-anywhere", plain_ranges_anywhere},
};

static const struct way *
find_way(const char *name)
{
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strcmp(known[i].name, name) == 0)
			return &known[i];
	fprintf(stderr, "load: no way is called %s\n", name);
	return NULL;
}

static coffer_err
timed(struct bench *b, way_fn run, double *took)
{
	coffer_err err = run(b);
	double start = now();

	if (err == COFFER_OK)
		err = run(b);
	*took = now() - start;
	return err;
}

/* Each goes first in turn. */
static coffer_err
rounds(struct bench *b, const struct way *const ways[], size_t n, uint64_t count)
{
	double took[MOST_WAYS];
	coffer_err err = COFFER_OK;

	for (uint64_t round = 0; round < count; round++) {
		for (size_t i = 0; i < n && err == COFFER_OK; i++) {
			size_t which = (i + round) % n;

			err = timed(b, ways[which]->run, &took[which]);
		}
		for (size_t i = 0; i < n && err == COFFER_OK; i++)
			printf("%.6f%c", took[i], i + 1 < n ? ' ' : '\n');
	}
	return err;
}

static coffer_err
open_plain(struct bench *b, const char *path)
{
	struct stat st;

	b->plain = open(path, O_RDONLY | O_CLOEXEC);
	if (b->plain < 0 || fstat(b->plain, &st) != 0)
		return COFFER_E_NOTFOUND;
	b->size = (size_t)st.st_size;
	b->there = huge_pages(b->size);
	return b->there && coffer_file_size(b->file) == b->size && b->size > RANGE ? COFFER_OK : COFFER_E_RANGE;
}

static coffer_err
open_sealed(struct bench *b, const char *kek, const char *path, struct coffer_keyring **keys,
	    struct coffer_model **model)
{
	coffer_err err = coffer_keyring_new(b->ctx, keys);

	if (err == COFFER_OK)
		err = coffer_keyring_add(b->ctx, *keys, kek);
	if (err == COFFER_OK)
		err = coffer_model_open(b->ctx, path, *keys, model);
	if (err == COFFER_OK)
		err = coffer_file_open(b->ctx, *model, 0, &b->file);
	return err;
}

int
main(int argc, char **argv)
{
	static struct bench b = {.plain = -1};
	const struct way *ways[MOST_WAYS];
	struct coffer_keyring *keys = NULL;
	struct coffer_model *model = NULL;
	size_t n = argc > 5 ? (size_t)argc - 5 : 0;
	uint64_t count;
	coffer_err err;

	if (n == 0 || n > MOST_WAYS || !num_parse(argv[4], 1, MOST_ROUNDS, &count)) {
		fprintf(stderr, "usage: load KEK SEALED PLAIN ROUNDS WAY...\n");
		return 2;
	}
	for (size_t i = 0; i < n; i++)
		if (!(ways[i] = find_way(argv[5 + i])))
			return 2;
	err = coffer_ctx_new(&b.ctx);
	if (err == COFFER_OK)
		err = open_sealed(&b, argv[1], argv[2], &keys, &model);
	if (err == COFFER_OK)
		err = open_plain(&b, argv[3]);
	if (err == COFFER_OK)
		err = rounds(&b, ways, n, count);
	if (err != COFFER_OK)
		fprintf(stderr, "load: %s: %s\n", coffer_err_text(err), coffer_ctx_message(b.ctx));
	coffer_file_free(&b.file);
	coffer_model_free(&model);
	coffer_keyring_free(&keys);
	coffer_ctx_free(&b.ctx);
	return coffer_err_exit(err);
}
