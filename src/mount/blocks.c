/* SPDX-License-Identifier: Apache-2.0 */
#include "mount/blocks.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "mount/room.h"

#define N_BUCKETS 1024u
#define N_WISHES 64u

enum state { STATE_OPENING, STATE_READY, STATE_FAILED };

struct block {
	struct blocks_file *file;
	uint64_t index;
	uint8_t *bytes;
	size_t len; /* of the mapping: the file's block_len */
	enum state state;
	coffer_err err;	     /* of a failed one */
	unsigned int users;  /* it stays while there are any */
	size_t used;	     /* bytes, over all who had it */
	struct block *next;  /* in its bucket */
	struct block *newer; /* of those without users, in order of use */
	struct block *older;
};

struct blocks_file {
	struct blocks_source source;
	unsigned int busy; /* threads that open records of it ahead */
};

/** struct wish - a record that somebody will want */
struct wish {
	struct blocks_file *file;
	uint64_t index;
};

struct blocks {
	pthread_mutex_t lock; /* of all below, and of all blocks but for the bytes of ready ones */
	pthread_cond_t changed;
	pthread_cond_t wished;
	struct block *buckets[N_BUCKETS];
	struct block *newest, *oldest;
	uint64_t budget, kept;
	struct wish wishes[N_WISHES]; /* a ring */
	unsigned int first_wish, n_wishes;
	bool ending;
	unsigned int n_threads;
	pthread_t *threads;
};

/* ---- the table ---- */

static struct block **
bucket_of(struct blocks *b, const struct blocks_file *file, uint64_t index)
{
	uint64_t h = ((uint64_t)(uintptr_t)file >> 4) * UINT64_C(0x9e3779b97f4a7c15) + index;

	return &b->buckets[h * UINT64_C(0x9e3779b97f4a7c15) >> 54];
}

static struct block *
find(struct blocks *b, const struct blocks_file *file, uint64_t index)
{
	struct block *block = *bucket_of(b, file, index);

	while (block && (block->file != file || block->index != index))
		block = block->next;
	return block;
}

static void
insert(struct blocks *b, struct block *block)
{
	struct block **bucket = bucket_of(b, block->file, block->index);

	block->next = *bucket;
	*bucket = block;
}

static void
take_out(struct blocks *b, struct block *block)
{
	struct block **at = bucket_of(b, block->file, block->index);

	while (*at != block)
		at = &(*at)->next;
	*at = block->next;
}

/* ---- those without users, in order of use ---- */

static bool
is_used_up(const struct block *block)
{
	return block->used >= block->len;
}

static void
rest(struct blocks *b, struct block *block)
{
	if (is_used_up(block)) {
		block->older = NULL;
		block->newer = b->oldest;
		*(b->oldest ? &b->oldest->older : &b->newest) = block;
		b->oldest = block;
		return;
	}
	block->newer = NULL;
	block->older = b->newest;
	*(b->newest ? &b->newest->newer : &b->oldest) = block;
	b->newest = block;
}

static void
wake(struct blocks *b, struct block *block)
{
	*(block->newer ? &block->newer->older : &b->newest) = block->older;
	*(block->older ? &block->older->newer : &b->oldest) = block->newer;
}

/* ---- memory ---- */

static void
destroy(struct blocks *b, struct block *block)
{
	b->kept -= block->len;
	room_free(block->bytes, block->len);
	free(block);
}

static void
evict(struct blocks *b, struct block *block)
{
	wake(b, block);
	take_out(b, block);
	destroy(b, block);
}

static void
trim(struct blocks *b)
{
	while (b->kept > b->budget && b->oldest)
		evict(b, b->oldest);
}

/*
 * A new block, in the memory of one that was used up, or of the oldest when there is no room: fresh pages cost more than opening a
 * record into them, and those that were just used are still in the processor's cache.
 */
static coffer_err
make(struct blocks *b, struct blocks_file *file, uint64_t index, struct block **out)
{
	size_t len = file->source.block_len;
	struct block *block = b->oldest;
	coffer_err err;

	if (block && block->len == len && (is_used_up(block) || b->kept + len > b->budget)) {
		wake(b, block);
		take_out(b, block);
		*block = (struct block){.bytes = block->bytes, .len = len};
	} else {
		block = calloc(1, sizeof(*block));
		if (!block)
			return COFFER_E_NOMEM;
		err = room_new(NULL, len, &block->bytes);
		if (err) {
			free(block);
			return err;
		}
		block->len = len;
		b->kept += len;
	}
	block->file = file;
	block->index = index;
	block->users = 1;
	insert(b, block);
	trim(b);
	*out = block;
	return COFFER_OK;
}

/* ---- opening ---- */

/* One user less.  What failed goes with its last one: the next who asks tries again. */
static void
leave(struct blocks *b, struct block *block)
{
	if (--block->users > 0)
		return;
	if (block->state == STATE_FAILED) {
		take_out(b, block);
		destroy(b, block);
		return;
	}
	rest(b, block);
	trim(b);
}

/* Open it without the lock; @block has a user. */
static void
fill(struct blocks *b, struct block *block)
{
	const struct blocks_source *s = &block->file->source;
	uint64_t off = block->index * s->block_len;
	coffer_err err;

	pthread_mutex_unlock(&b->lock);
	err = s->read(s->user, off, block->bytes, (size_t)num_min(s->block_len, s->size - off));
	pthread_mutex_lock(&b->lock);
	block->err = err;
	block->state = err ? STATE_FAILED : STATE_READY;
	pthread_cond_broadcast(&b->changed);
}

static coffer_err
get(struct blocks *b, struct blocks_file *file, uint64_t index, struct block **out)
{
	struct block *block = find(b, file, index);
	coffer_err err;

	if (!block) {
		err = make(b, file, index, &block);
		if (err)
			return err;
		fill(b, block);
	} else {
		if (block->users++ == 0)
			wake(b, block);
		while (block->state == STATE_OPENING)
			pthread_cond_wait(&b->changed, &b->lock);
	}
	err = block->err;
	if (err)
		leave(b, block);
	else
		*out = block;
	return err;
}

coffer_err
blocks_get(struct blocks *b, struct blocks_file *file, uint64_t index, struct block **out)
{
	coffer_err err;

	*out = NULL;
	pthread_mutex_lock(&b->lock);
	err = get(b, file, index, out);
	pthread_mutex_unlock(&b->lock);
	return err;
}

void
blocks_put(struct blocks *b, struct block *block, size_t used)
{
	pthread_mutex_lock(&b->lock);
	block->used += used;
	leave(b, block);
	pthread_mutex_unlock(&b->lock);
}

const uint8_t *
block_bytes(const struct block *block)
{
	return block->bytes;
}

uint64_t
blocks_kept(struct blocks *b)
{
	uint64_t kept;

	pthread_mutex_lock(&b->lock);
	kept = b->kept;
	pthread_mutex_unlock(&b->lock);
	return kept;
}

/* ---- ahead ---- */

static bool
is_wished(const struct blocks *b, const struct blocks_file *file, uint64_t index)
{
	for (unsigned int i = 0; i < b->n_wishes; i++) {
		const struct wish *w = &b->wishes[(b->first_wish + i) % N_WISHES];

		if (w->file == file && w->index == index)
			return true;
	}
	return false;
}

void
blocks_ahead(struct blocks *b, struct blocks_file *file, uint64_t first, uint64_t n)
{
	uint64_t all = (file->source.size + file->source.block_len - 1) / file->source.block_len;
	unsigned int added = 0;

	if (b->n_threads == 0 || first >= all)
		return;
	pthread_mutex_lock(&b->lock);
	for (uint64_t i = first; i < first + num_min(n, all - first) && b->n_wishes < N_WISHES; i++) {
		if (find(b, file, i) || is_wished(b, file, i))
			continue;
		b->wishes[(b->first_wish + b->n_wishes++) % N_WISHES] = (struct wish){.file = file, .index = i};
		added++;
	}
	pthread_mutex_unlock(&b->lock);
	for (unsigned int i = 0; i < added && i < b->n_threads; i++)
		pthread_cond_signal(&b->wished);
}

/* An error is for whoever reads that record to see. */
static void
grant(struct blocks *b, const struct wish *w)
{
	struct block *block;

	if (find(b, w->file, w->index))
		return;
	w->file->busy++;
	if (make(b, w->file, w->index, &block) == COFFER_OK) {
		fill(b, block);
		leave(b, block);
	}
	w->file->busy--;
	pthread_cond_broadcast(&b->changed);
}

static void *
work(void *arg)
{
	struct blocks *b = arg;

	pthread_mutex_lock(&b->lock);
	while (!b->ending) {
		struct wish w;

		if (b->n_wishes == 0) {
			pthread_cond_wait(&b->wished, &b->lock);
			continue;
		}
		w = b->wishes[b->first_wish];
		b->first_wish = (b->first_wish + 1) % N_WISHES;
		b->n_wishes--;
		grant(b, &w);
	}
	pthread_mutex_unlock(&b->lock);
	return NULL;
}

/* ---- files ---- */

coffer_err
blocks_add_file(struct fault *f, struct blocks *b, const struct blocks_source *source, struct blocks_file **out)
{
	(void)b;
	*out = calloc(1, sizeof(**out));
	if (!*out)
		return fault_nomem(f);
	(*out)->source = *source;
	return COFFER_OK;
}

static void
forget_wishes(struct blocks *b, const struct blocks_file *file)
{
	unsigned int n = b->n_wishes;

	b->n_wishes = 0;
	for (unsigned int i = 0; i < n; i++) {
		struct wish w = b->wishes[(b->first_wish + i) % N_WISHES];

		if (w.file != file)
			b->wishes[(b->first_wish + b->n_wishes++) % N_WISHES] = w;
	}
}

void
blocks_drop_file(struct blocks *b, struct blocks_file **file)
{
	struct block *newer;

	if (!*file)
		return;
	pthread_mutex_lock(&b->lock);
	forget_wishes(b, *file);
	while ((*file)->busy > 0)
		pthread_cond_wait(&b->changed, &b->lock);
	for (struct block *block = b->oldest; block; block = newer) {
		newer = block->newer;
		if (block->file == *file)
			evict(b, block);
	}
	pthread_mutex_unlock(&b->lock);
	free(*file);
	*file = NULL;
}

/* ---- beginning and end ---- */

coffer_err
blocks_new(struct fault *f, uint64_t budget, unsigned int n_threads, struct blocks **out)
{
	struct blocks *b = calloc(1, sizeof(*b));
	coffer_err err = COFFER_OK;

	*out = NULL;
	if (!b)
		return fault_nomem(f);
	pthread_mutex_init(&b->lock, NULL);
	pthread_cond_init(&b->changed, NULL);
	pthread_cond_init(&b->wished, NULL);
	b->budget = budget;
	b->threads = calloc((size_t)n_threads + 1, sizeof(*b->threads));
	if (!b->threads)
		TRY(fault_nomem(f));
	for (; b->n_threads < n_threads; b->n_threads++)
		if (pthread_create(&b->threads[b->n_threads], NULL, work, b) != 0)
			TRY(fault_set(f, COFFER_E_NOMEM, "cannot start a thread"));
	*out = b;
	b = NULL;
out:
	blocks_free(&b);
	return err;
}

void
blocks_free(struct blocks **blocks)
{
	struct blocks *b = *blocks;

	if (!b)
		return;
	pthread_mutex_lock(&b->lock);
	b->ending = true;
	pthread_cond_broadcast(&b->wished);
	pthread_mutex_unlock(&b->lock);
	for (unsigned int i = 0; i < b->n_threads; i++)
		(void)pthread_join(b->threads[i], NULL);
	while (b->oldest)
		evict(b, b->oldest);
	pthread_cond_destroy(&b->changed);
	pthread_cond_destroy(&b->wished);
	pthread_mutex_destroy(&b->lock);
	free(b->threads);
	free(b);
	*blocks = NULL;
}
