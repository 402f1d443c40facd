/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The files of the model while they are in use: how each is served, and who waits for one.
 *
 * A file is passed through or goes through the kernel's page cache.  The kernel takes one of both for a file at a time, so that it is
 * decided when nobody has it open, and stays until nobody has:
 *
 *	passed through	when there is a backing, the file has CONTENT_PASS_MIN bytes at least and fits.  It is opened whole, by all
 *			processors, by a thread of its own; whoever wants it waits meanwhile, and no other is kept waiting but
 *			those who want another one to pass through.  It stays for CONTENT_IDLE_SECONDS behind its last close,
 *			or until another one needs the memory.
 *	page cache	else: records are opened as they are read, and the kernel keeps the plaintext.
 *
 * A file that was not authentic once is EIO for good.
 */
#ifndef MOUNT_CONTENT_H
#define MOUNT_CONTENT_H

#include <stdatomic.h>

#include <coffer/open.h>

#include "mount/backing.h"
#include "mount/blocks.h"
#include "mount/fuse_wire.h"
#include "mount/mount.h"

#define CONTENT_PASS_MIN (UINT64_C(2) << 20) /* a huge page: what is less is read as fast the other way */
#define CONTENT_IDLE_SECONDS 60

struct content;

/** struct content_setup - what they are made of; all of it must outlive them */
struct content_setup {
	struct coffer_ctx *ctx; /* for files that are opened whole: nobody else uses it meanwhile */
	struct coffer_model *model;
	struct blocks *blocks;
	struct backing *backing; /* NULL: nothing is passed through */
	uint64_t cache;		 /* the budget of @blocks */
	bool ahead;		 /* as in struct mount_options */
	mount_say_fn say;	 /* likewise */
	void *user;
};

coffer_err content_new(struct fault *f, const struct content_setup *setup, struct content **out);

/** content_stop() - give up what is being opened; who waits for it is not answered any more */
void content_stop(struct content *content);

/** content_free() - after content_stop(), when no thread uses them */
void content_free(struct content **content);

/** struct content_caller - who asks */
struct content_caller {
	int fd;		 /* the descriptor that the request came by */
	uint64_t unique; /* its number */
};

/** CONTENT_LATER - content_open() will be answered by another thread */
#define CONTENT_LATER (-1)

/**
 * content_open() - open file @index
 * @ctx: the calling thread's own
 *
 * Return: 0, with the answer in @out, which content_close() undoes; an errno; or CONTENT_LATER.
 */
int content_open(struct content *content, struct coffer_ctx *ctx, uint32_t index, const struct content_caller *caller,
		 struct wire_open_out *out);

/** content_close() - what FUSE_RELEASE says: file @index, @fh as it was given in struct wire_open_out */
void content_close(struct content *content, uint32_t index, uint64_t fh);

/** content_interrupt() - whoever waits for a file with request @unique waits no more; that may be nobody */
void content_interrupt(struct content *content, uint64_t unique);

/** struct content_piece - bytes of a file that were read */
struct content_piece {
	struct iovec bytes[WIRE_PIECES];
	size_t n;
	struct block *pinned[2]; /* that some of them are in, */
	size_t used[2];		 /* and how many */
};

/**
 * content_read() - at most @len bytes from @off, fewer at the end
 * @scratch: @len bytes of room, aligned to 4096
 * @out: gets them; give it back with content_give_back(), after a failure too
 *
 * Return: 0 or an errno.
 */
int content_read(struct content *content, uint64_t fh, uint64_t off, uint32_t len, uint8_t *scratch,
		 struct content_piece *out);
void content_give_back(struct content *content, uint64_t fh, struct content_piece *piece);

/** content_damaged() - whether one was not authentic; then @f, which may be NULL, gets the sentence of the first */
bool content_damaged(struct content *content, struct fault *f);

#endif
