/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inputs and outputs of bulk work: a file, or what the caller gave
 * (coffer/io.h).  Reading and writing may happen from several threads at once.
 */
#ifndef BASE_INPUT_H
#define BASE_INPUT_H

#include <sys/types.h>

#include <coffer/io.h>

#include "base/fault.h"

struct input {
	const struct coffer_source *source; /* or NULL, and then: */
	int fd;
	int direct_fd;	   /* the same file with O_DIRECT when it is not in the page cache, or -1 */
	const char *shown; /* its name, for messages; not owned */
	uint64_t size;
	mode_t mode; /* permission bits of a file */
};

#define INPUT_INIT                                                                                                     \
	{                                                                                                              \
		.source = NULL, .fd = -1, .direct_fd = -1, .shown = "", .size = 0                                      \
	}

/** input_from_fd() - take over @fd, which must be a regular file, whose size is read now */
coffer_err input_from_fd(struct fault *f, struct input *in, int fd, const char *shown);

/** input_from_source() - read from @source, which must outlive @in */
void input_from_source(struct input *in, const struct coffer_source *source, const char *shown);

/** input_expect_bulk() - all of it will be read once: go around the page cache where it is large and cold */
void input_expect_bulk(struct input *in);

/** input_read() - exactly @len bytes from @off */
coffer_err input_read(struct fault *f, const struct input *in, uint64_t off, void *buf, size_t len);

/**
 * input_read_bulk() - as input_read(), for large aligned pieces
 * @buf: aligned to 4096, with room for @len rounded up to 4096
 */
coffer_err input_read_bulk(struct fault *f, const struct input *in, uint64_t off, void *buf, size_t len);

/** input_close() - close what input_from_fd() took over */
void input_close(struct input *in);

struct output {
	const struct coffer_sink *sink; /* or NULL, and then: */
	int fd;
	const char *shown;
};

/** output_write() - all @len bytes to @off */
coffer_err output_write(struct fault *f, const struct output *out, uint64_t off, const void *buf, size_t len);

#endif
