/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Archives of regular files: ustar (POSIX.1-1988), with a header of pax (POSIX.1-2001, «path» and «size») for what does not fit.
 *
 * Written so that any tar can take them apart; read strictly: what this writer would not have written is refused.
 */
#ifndef DATA_TAR_H
#define DATA_TAR_H

#include <stdbool.h>
#include <stdint.h>

#include <coffer/io.h>

#include "base/buf.h"
#include "base/fault.h"
#include "base/limits.h"

#define TAR_BLOCK 512u
#define TAR_END (2 * TAR_BLOCK) /* zero bytes behind the last member */

/** struct tar_member - one file */
struct tar_member {
	char path[LIMIT_SIGNED_PATH + 1]; /* relative; whether it may be used is for the caller to say */
	uint64_t size;
	uint32_t mode; /* permission bits */
	int64_t mtime; /* seconds since 1970, from 0 to 2^33 - 1 */
	uint64_t off;  /* where its bytes are, of one that was read */
};

/** tar_header() - append what stands before the bytes of @m: a multiple of TAR_BLOCK; zero bytes follow those up to the next one */
coffer_err tar_header(struct fault *f, const struct tar_member *m, struct buf *out);

/** tar_room() - @size rounded up to whole blocks */
uint64_t tar_room(uint64_t size);

/**
 * tar_next() - read the header at *@off and move *@off to the next one
 * @end_out: whether it was the end instead; then *@off is not used any more
 *
 * COFFER_E_FORMAT for anything else than a header and bytes that are there, or an end with nothing behind it.
 */
coffer_err tar_next(struct fault *f, const struct coffer_source *source, uint64_t *off, struct tar_member *m,
		    bool *end_out);

#endif
