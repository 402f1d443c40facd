/* SPDX-License-Identifier: Apache-2.0 */
/*
 * coffer_hash_files(): whatever the caller names, pipes and standard input included.
 */
#include <coffer/hash.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/hashing.h"

/* The items that can be hashed: all but standard input for the second time. */
struct chosen {
	struct coffer_hash_item **items;
	size_t n;
};

static bool
is_stdin(const char *path)
{
	return strcmp(path, "-") == 0;
}

static void
fail(struct coffer_hash_item *item, const struct fault *why)
{
	item->err = why->err;
	(void)snprintf(item->why, sizeof(item->why), "%.*s", (int)sizeof(item->why) - 1, why->text);
}

/* ---- one file; sentences are without the path: coffer_hash_item has it beside them ---- */

static const char *
path_of(void *arg, size_t index)
{
	const struct chosen *c = arg;

	return c->items[index]->path;
}

static uint64_t
size_of(void *arg, size_t index)
{
	const char *path = path_of(arg, index);
	struct stat st;
	int rc = is_stdin(path) ? fstat(STDIN_FILENO, &st) : stat(path, &st);

	return rc == 0 && S_ISREG(st.st_mode) ? (uint64_t)st.st_size : 0;
}

static coffer_err
open_item(void *arg, struct fault *f, size_t index, struct hash_place *place)
{
	const char *path = path_of(arg, index);
	struct stat st;

	/* O_NONBLOCK: a FIFO that nobody writes to yet must not hang the other lanes */
	place->fd = is_stdin(path) ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0)
				   : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (place->fd < 0 || fstat(place->fd, &st) != 0)
		return fault_errno(f, errno, "cannot be opened");
	if (S_ISDIR(st.st_mode))
		return fault_set(f, COFFER_E_USAGE, "is a folder; name the files in it");
	place->waits = !S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode);
	/* standard input may be a file that somebody has read a part of */
	place->stream = place->waits || is_stdin(path);
	return COFFER_OK;
}

static coffer_err
end_item(void *arg, struct fault *f, size_t index, const struct hash_place *place, const uint8_t *digest)
{
	const struct chosen *c = arg;
	struct coffer_hash_item *item = c->items[index];

	item->size = place->off;
	if (!digest) {
		fail(item, f);
		return COFFER_OK;
	}
	memcpy(item->sha256, digest, sizeof(item->sha256));
	item->err = COFFER_OK;
	item->why[0] = '\0';
	return COFFER_OK;
}

/* ---- all ---- */

/* Every verdict begins as failure, for a run that is given up in the middle. */
static void
clear_results(struct coffer_hash_item *items, size_t n)
{
	static const struct fault not_reached = {COFFER_E_INTERRUPTED, "was not hashed: the run was stopped"};

	for (size_t i = 0; i < n; i++) {
		memset(items[i].sha256, 0, sizeof(items[i].sha256));
		items[i].size = 0;
		fail(&items[i], &not_reached);
	}
}

static coffer_err
choose_items(struct fault *f, struct chosen *c, struct coffer_hash_item *items, size_t n)
{
	static const struct fault read_twice = {COFFER_E_USAGE, "standard input can be read only once"};
	bool stdin_seen = false;

	c->items = calloc(n, sizeof(*c->items));
	if (!c->items)
		return fault_nomem(f);
	for (size_t i = 0; i < n; i++) {
		if (is_stdin(items[i].path) && stdin_seen) {
			fail(&items[i], &read_twice);
			continue;
		}
		stdin_seen = stdin_seen || is_stdin(items[i].path);
		c->items[c->n++] = &items[i];
	}
	return COFFER_OK;
}

/* The first item's error, in the order of the caller. */
static coffer_err
judge(struct fault *f, const struct coffer_hash_item *items, size_t n)
{
	const struct coffer_hash_item *first = NULL;
	size_t n_failed = 0;

	for (size_t i = 0; i < n; i++) {
		if (items[i].err == COFFER_OK)
			continue;
		if (n_failed++ == 0)
			first = &items[i];
	}
	if (!first)
		return COFFER_OK;
	if (n_failed == 1)
		return fault_set(f, first->err, "%s: %s", first->path, first->why);
	return fault_set(f, first->err, "%s: %s (and %zu more files failed)", first->path, first->why, n_failed - 1);
}

coffer_err
coffer_hash_files(struct coffer_ctx *ctx, struct coffer_hash_item *items, size_t n)
{
	struct fault *f = ctx_begin(ctx);
	struct chosen c = {0};
	struct hashing h = {
		.kind = DIGEST_SHA256,
		.path = path_of,
		.size = size_of,
		.open = open_item,
		.end = end_item,
		.arg = &c,
	};
	coffer_err err;

	if (n == 0)
		return COFFER_OK;
	clear_results(items, n);
	TRY(choose_items(f, &c, items, n));
	h.n = c.n;
	TRY(hashing_run(f, ctx, &h));
	TRY(judge(f, items, n));
out:
	free(c.items);
	return err;
}
