/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opened records that are kept for a while, for whoever reads less than a record at a time, and those behind them, which threads
 * open meanwhile.  Several who want one record have it opened once.  The memory is kept out of core dumps.
 */
#ifndef MOUNT_BLOCKS_H
#define MOUNT_BLOCKS_H

#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"

struct blocks;
struct blocks_file;
struct block;

/** struct blocks_source - the file that the records are of */
struct blocks_source {
	void *user;
	coffer_err (*read)(void *user, uint64_t off, void *buf, size_t len); /* all or nothing, from any thread */
	uint64_t size;
	uint32_t block_len; /* a power of two; the last one may be shorter */
};

/**
 * blocks_new() - an empty store
 * @budget: bytes that it keeps at most.  What is being read stays beyond that: a record or two for each thread that reads.
 * @n_threads: that open records ahead; 0 = none is
 */
coffer_err blocks_new(struct fault *f, uint64_t budget, unsigned int n_threads, struct blocks **out);

/** blocks_free() - end the threads, free; no file may be left; NULL is fine */
void blocks_free(struct blocks **blocks);

/** blocks_add_file() - keep records of @source, which is copied, until blocks_drop_file() */
coffer_err blocks_add_file(struct fault *f, struct blocks *b, const struct blocks_source *source,
			   struct blocks_file **out);

/** blocks_drop_file() - forget all of *@file and set it to NULL; nobody may hold a record of it */
void blocks_drop_file(struct blocks *b, struct blocks_file **file);

/**
 * blocks_get() - record @index of @file
 * @out: gets it, or NULL; give it back with blocks_put()
 *
 * Opens it, or waits for who does.  Return: COFFER_OK, COFFER_E_NOMEM, or what the source returned, which is not kept.
 */
coffer_err blocks_get(struct blocks *b, struct blocks_file *file, uint64_t index, struct block **out);

/** blocks_put() - give it back; @used: bytes of it that were of use.  One that has been used whole goes first: whoever read it keeps it. */
void blocks_put(struct blocks *b, struct block *block, size_t used);

/** block_bytes() - what is in it; valid until it is given back */
const uint8_t *block_bytes(const struct block *block);

/** blocks_ahead() - have @n records from @first on opened by the threads, when they come to it; past the end is fine */
void blocks_ahead(struct blocks *b, struct blocks_file *file, uint64_t first, uint64_t n);

/** blocks_kept() - bytes that are kept now */
uint64_t blocks_kept(struct blocks *b);

#endif
