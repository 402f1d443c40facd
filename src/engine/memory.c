/* SPDX-License-Identifier: Apache-2.0 */
/* A file in memory of its own, in a memfd, or behind a FILE * (coffer/load.h). */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/file.h"
#include "base/num.h"
#include "engine/load.h"
#include "mem/pages.h"

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 8u /* Linux 6.3 */
#endif

struct coffer_memory {
	struct pages pages;
	size_t size;
};

/* ---- memory ---- */

coffer_err
coffer_memory_new(struct coffer_ctx *ctx, struct coffer_file *file, struct coffer_memory **memory_out)
{
	struct fault *f = ctx_begin(ctx);
	uint64_t size = coffer_file_size(file);
	struct coffer_memory *memory;
	coffer_err err;

	*memory_out = NULL;
	memory = calloc(1, sizeof(*memory));
	if (!memory || size > SIZE_MAX)
		TRY(fault_nomem(f));
	memory->size = (size_t)size;
	TRY(pages_new(f, &memory->pages, memory->size));
	TRY(load_memory(f, ctx, file, 0, memory->pages.p, memory->size));
	TRY(pages_protect(f, &memory->pages));
	*memory_out = memory;
	memory = NULL;
out:
	coffer_memory_free(&memory);
	return err;
}

const void *
coffer_memory_bytes(const struct coffer_memory *memory)
{
	return memory->pages.p;
}

size_t
coffer_memory_size(const struct coffer_memory *memory)
{
	return memory->size;
}

void
coffer_memory_free(struct coffer_memory **memory)
{
	if (!*memory)
		return;
	pages_free(&(*memory)->pages);
	free(*memory);
	*memory = NULL;
}

/* ---- a memfd ---- */

static coffer_err
new_memfd(struct fault *f, uint64_t size, int *fd_out)
{
	const unsigned int flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
	coffer_err err = COFFER_OK;

	*fd_out = memfd_create("model", flags | MFD_NOEXEC_SEAL);
	if (*fd_out < 0 && errno == EINVAL)
		*fd_out = memfd_create("model", flags);
	if (*fd_out < 0 && errno == EMFILE)
		return fault_set(f, COFFER_E_IO,
				 "cannot make a memfd: this process has all the descriptors that it may have, and each "
				 "file takes one; raise the limit (ulimit -n)");
	if (*fd_out < 0)
		return fault_errno(f, errno, "cannot make a memfd");
	if (ftruncate(*fd_out, (off_t)size) != 0)
		TRY(fault_errno(f, errno, "cannot make a memfd of %llu bytes", (unsigned long long)size));
out:
	return err;
}

/* It is written, not mapped: on the pages of 4 KiB that a memfd has unless the system says otherwise, that is the faster way. */
coffer_err
coffer_file_memfd(struct coffer_ctx *ctx, struct coffer_file *file, int *fd_out)
{
	struct fault *f = ctx_begin(ctx);
	struct output out = {.fd = -1, .shown = "the memfd"};
	coffer_err err;

	*fd_out = -1;
	TRY(new_memfd(f, coffer_file_size(file), &out.fd));
	TRY(load_output(f, ctx, file, &out));
	if (fcntl(out.fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) != 0)
		TRY(fault_errno(f, errno, "cannot seal the memfd against writing"));
	*fd_out = out.fd;
	out.fd = -1;
out:
	file_close(&out.fd);
	return err;
}

/* ---- a FILE * ---- */

/* Whole records of every size up to it are opened in it, and what a program reads in small pieces is opened once. */
#define STREAM_BUFFER ((size_t)1 << 20)

struct stream {
	struct coffer_file *file;
	uint64_t pos;
	struct pages buffer;
};

static ssize_t
stream_read(void *cookie, char *buf, size_t len)
{
	struct stream *s = cookie;
	uint64_t size = coffer_file_size(s->file);

	len = s->pos < size ? (size_t)num_min(len, size - s->pos) : 0;
	if (len > 0 && coffer_file_read_at(s->file, s->pos, buf, len) != COFFER_OK) {
		errno = EIO;
		return -1;
	}
	s->pos += len;
	return (ssize_t)len;
}

static int
stream_seek(void *cookie, off64_t *off, int whence)
{
	struct stream *s = cookie;
	uint64_t from = whence == SEEK_CUR ? s->pos : whence == SEEK_END ? coffer_file_size(s->file) : 0;
	off64_t to;

	if (__builtin_add_overflow((off64_t)from, *off, &to) || to < 0) {
		errno = EINVAL;
		return -1;
	}
	s->pos = (uint64_t)to;
	*off = to;
	return 0;
}

/* glibc does not look at the buffer after this: it is not its own. */
static int
stream_close(void *cookie)
{
	struct stream *s = cookie;

	pages_free(&s->buffer);
	free(s);
	return 0;
}

coffer_err
coffer_file_stream(struct coffer_ctx *ctx, struct coffer_file *file, FILE **stream_out)
{
	const cookie_io_functions_t functions = {.read = stream_read, .seek = stream_seek, .close = stream_close};
	struct fault *f = ctx_begin(ctx);
	struct stream *s;
	FILE *stream;
	coffer_err err;

	*stream_out = NULL;
	s = calloc(1, sizeof(*s));
	if (!s)
		TRY(fault_nomem(f));
	s->file = file;
	TRY(pages_new(f, &s->buffer, STREAM_BUFFER));
	stream = fopencookie(s, "r", functions);
	if (!stream)
		TRY(fault_nomem(f));
	/* of a buffer that it is to make itself glibc takes the address, and leaves the size */
	(void)setvbuf(stream, s->buffer.p, _IOFBF, STREAM_BUFFER);
	*stream_out = stream;
	return COFFER_OK;
out:
	if (s)
		(void)stream_close(s);
	return err;
}
