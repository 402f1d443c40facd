/* SPDX-License-Identifier: Apache-2.0 */
#include "base/input.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/file.h"
#include "base/num.h"

#define DIRECT_ALIGN 4096u
#define DIRECT_MIN (UINT64_C(64) << 20) /* below this the page cache costs nothing worth saving */

coffer_err
input_from_fd(struct fault *f, struct input *in, int fd, const char *shown)
{
	struct stat st;

	*in = (struct input)INPUT_INIT;
	in->fd = fd;
	in->shown = shown;
	if (fstat(fd, &st) != 0)
		return fault_errno(f, errno, "cannot read %s", shown);
	if (S_ISDIR(st.st_mode))
		return fault_set(f, COFFER_E_USAGE, "%s is a folder where a file was expected", shown);
	if (!S_ISREG(st.st_mode))
		return fault_set(f, COFFER_E_USAGE, "%s is not a regular file", shown);
	in->size = (uint64_t)st.st_size;
	in->mode = st.st_mode & 0777;
	return COFFER_OK;
}

void
input_from_source(struct input *in, const struct coffer_source *source, const char *shown)
{
	*in = (struct input)INPUT_INIT;
	in->source = source;
	in->shown = shown;
	in->size = source->size;
}

/* Whether most of sixteen samples are not in the page cache: asked without reading from the disk. */
static bool
is_cold(const struct input *in)
{
	char byte;
	struct iovec iov = {.iov_base = &byte, .iov_len = 1};
	unsigned int cold = 0;

	for (unsigned int i = 0; i < 16; i++) {
		uint64_t off = in->size / 16 * i;

		if (preadv2(in->fd, &iov, 1, (off_t)off, RWF_NOWAIT) < 0) {
			if (errno != EAGAIN)
				return false;
			cold++;
		}
	}
	return cold >= 12;
}

void
input_expect_bulk(struct input *in)
{
	char link[64];

	if (in->fd < 0)
		return;
	(void)posix_fadvise(in->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
	if (in->direct_fd >= 0 || in->size < DIRECT_MIN || !is_cold(in))
		return;
	/* through /proc it is this very file, whatever happened to its name */
	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", in->fd);
	in->direct_fd = open(link, O_RDONLY | O_DIRECT | O_CLOEXEC);
}

coffer_err
input_read(struct fault *f, const struct input *in, uint64_t off, void *buf, size_t len)
{
	coffer_err err;

	if (!in->source)
		return file_read_at(f, in->fd, in->shown, buf, len, off);
	if (off > in->size || len > in->size - off)
		return fault_set(f, COFFER_E_INTERNAL, "a read past the end of %s", in->shown);
	err = len == 0 ? COFFER_OK : in->source->read_at(in->source->user, off, buf, len);
	if (err != COFFER_OK)
		return fault_set(f, err, "cannot read %s: %s", in->shown, coffer_err_text(err));
	return COFFER_OK;
}

/* One O_DIRECT read; -1 when it did not give all, and then the page cache is asked. */
static int
read_direct(const struct input *in, uint64_t off, void *buf, size_t len)
{
	size_t want = (size_t)num_round_up(len, DIRECT_ALIGN), have = 0;

	if (off % DIRECT_ALIGN != 0)
		return -1;
	while (have < len) {
		ssize_t n = pread(in->direct_fd, (uint8_t *)buf + have, want - have, (off_t)(off + have));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return -1;
		have += (size_t)n;
		/* only the end of the file may be unaligned */
		if (have < len && have % DIRECT_ALIGN != 0)
			return -1;
	}
	return 0;
}

coffer_err
input_read_bulk(struct fault *f, const struct input *in, uint64_t off, void *buf, size_t len)
{
	if (in->direct_fd >= 0 && read_direct(in, off, buf, len) == 0)
		return COFFER_OK;
	return input_read(f, in, off, buf, len);
}

void
input_close(struct input *in)
{
	file_close(&in->fd);
	file_close(&in->direct_fd);
}

coffer_err
output_write(struct fault *f, const struct output *out, uint64_t off, const void *buf, size_t len)
{
	coffer_err err;

	if (!out->sink)
		return file_write_at(f, out->fd, out->shown, buf, len, off);
	err = len == 0 ? COFFER_OK : out->sink->write_at(out->sink->user, off, buf, len);
	if (err != COFFER_OK)
		return fault_set(f, err, "cannot write %s: %s", out->shown, coffer_err_text(err));
	return COFFER_OK;
}
