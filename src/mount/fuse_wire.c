/* SPDX-License-Identifier: Apache-2.0 */
#include "mount/fuse_wire.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/num.h"

static_assert(sizeof(struct wire_init_out) == sizeof(struct fuse_init_out), "INIT is answered by 64 bytes");
static_assert(sizeof(struct wire_open_out) == sizeof(struct fuse_open_out), "OPEN is answered by 16 bytes");
static_assert(sizeof(struct wire_backing_map) == 16, "as struct fuse_backing_map");

#define MINOR 40
#define INIT_IN_OLD 16 /* before flags2, which a kernel sends when it sets FUSE_INIT_EXT */
#define BLOCK 4096u
#define PAGE 4096u

/* ---- requests ---- */

static bool
read_init(struct view v, struct wire_request *out)
{
	struct fuse_init_in in = {.major = 0};

	if (v.len < INIT_IN_OLD)
		return false;
	memcpy(&in, v.p, (size_t)num_min(v.len, sizeof(in)));
	out->init.major = in.major;
	out->init.minor = in.minor;
	out->init.max_readahead = in.max_readahead;
	out->init.flags = in.flags;
	if (in.flags & FUSE_INIT_EXT)
		out->init.flags |= (uint64_t)in.flags2 << 32;
	return true;
}

/* One name, and nothing behind its NUL. */
static bool
read_name(struct view v, struct wire_request *out)
{
	const uint8_t *nul = v.len > 0 ? memchr(v.p, '\0', v.len) : NULL;

	if (!nul || nul != v.p + v.len - 1)
		return false;
	out->name = view_of(v.p, v.len - 1);
	return true;
}

static bool
read_range(struct view v, struct wire_request *out)
{
	struct fuse_read_in in;

	if (!view_copy(&v, &in, sizeof(in)))
		return false;
	out->read.fh = in.fh;
	out->read.off = in.offset;
	out->read.len = in.size;
	return true;
}

static bool
read_open(struct view v, struct wire_request *out)
{
	struct fuse_open_in in;

	if (!view_copy(&v, &in, sizeof(in)))
		return false;
	out->open_flags = in.flags;
	return true;
}

static bool
read_release(struct view v, struct wire_request *out)
{
	struct fuse_release_in in;

	if (!view_copy(&v, &in, sizeof(in)))
		return false;
	out->fh = in.fh;
	return true;
}

static bool
read_interrupt(struct view v, struct wire_request *out)
{
	struct fuse_interrupt_in in;

	if (!view_copy(&v, &in, sizeof(in)))
		return false;
	out->interrupted = in.unique;
	return true;
}

static bool
read_body(struct view v, struct wire_request *out)
{
	switch (out->op) {
	case FUSE_INIT:
		return read_init(v, out);
	case FUSE_LOOKUP:
		return read_name(v, out);
	case FUSE_OPEN:
		return read_open(v, out);
	case FUSE_READ:
	case FUSE_READDIR:
	case FUSE_READDIRPLUS:
		return read_range(v, out);
	case FUSE_RELEASE:
		return read_release(v, out);
	case FUSE_INTERRUPT:
		return read_interrupt(v, out);
	default:
		return true;
	}
}

bool
wire_read(struct view bytes, struct wire_request *out)
{
	struct fuse_in_header h;
	size_t len = bytes.len;

	*out = (struct wire_request){.op = 0};
	if (!view_copy(&bytes, &h, sizeof(h)))
		return false;
	out->op = h.opcode;
	out->unique = h.unique;
	out->node = h.nodeid;
	return h.len == len && read_body(bytes, out);
}

/* ---- answers ---- */

bool
wire_answer(int fd, uint64_t unique, int error, const struct iovec *body, size_t n)
{
	struct fuse_out_header h = {.len = sizeof(h), .error = -error, .unique = unique};
	struct iovec all[1 + WIRE_PIECES] = {{.iov_base = &h, .iov_len = sizeof(h)}};
	ssize_t written;

	for (size_t i = 0; i < n; i++) {
		all[1 + i] = body[i];
		h.len += (uint32_t)body[i].iov_len;
	}
	do
		written = writev(fd, all, (int)(1 + n));
	while (written < 0 && errno == EINTR);
	return written >= 0;
}

static struct fuse_attr
attr_of(const struct wire_attr *a)
{
	return (struct fuse_attr){
		.ino = a->ino,
		.size = a->size,
		.blocks = a->size / 512 + (a->size % 512 != 0),
		.atime = a->time,
		.mtime = a->time,
		.ctime = a->time,
		.mode = a->mode,
		.nlink = a->links,
		.uid = a->uid,
		.gid = a->gid,
		.blksize = BLOCK,
	};
}

struct fuse_attr_out
wire_attr_out(const struct wire_attr *a)
{
	return (struct fuse_attr_out){.attr_valid = WIRE_FOREVER, .attr = attr_of(a)};
}

struct fuse_entry_out
wire_entry_out(const struct wire_attr *a)
{
	return (struct fuse_entry_out){
		.nodeid = a->ino, .entry_valid = WIRE_FOREVER, .attr_valid = WIRE_FOREVER, .attr = attr_of(a)};
}

bool
wire_dir_add(struct wire_dir *d, struct view name, const struct wire_attr *a, uint64_t next, bool counted)
{
	struct fuse_dirent entry = {
		.ino = a->ino, .off = next, .namelen = (uint32_t)name.len, .type = (a->mode & S_IFMT) >> 12};
	struct fuse_entry_out out = {.nodeid = 0}; /* no lookup */
	size_t head = (d->plus ? sizeof(out) : 0) + FUSE_NAME_OFFSET, all = FUSE_DIRENT_ALIGN(head + name.len);
	uint8_t *p = d->bytes + d->len;

	if (all > d->cap - d->len)
		return false;
	memset(p, 0, all);
	if (d->plus) {
		if (counted)
			out = wire_entry_out(a);
		memcpy(p, &out, sizeof(out));
		p += sizeof(out);
	}
	memcpy(p, &entry, FUSE_NAME_OFFSET);
	memcpy(p + FUSE_NAME_OFFSET, name.p, name.len);
	d->len += all;
	return true;
}

struct wire_init_out
wire_init(const struct wire_request *request, struct wire_terms *terms)
{
	static const uint64_t wanted = FUSE_ASYNC_READ | FUSE_ASYNC_DIO | FUSE_PARALLEL_DIROPS | FUSE_DO_READDIRPLUS |
				       FUSE_READDIRPLUS_AUTO | FUSE_MAX_PAGES | FUSE_NO_OPENDIR_SUPPORT | FUSE_INIT_EXT;
	uint64_t flags = request->init.flags & (wanted | (terms->passthrough ? WIRE_PASSTHROUGH : 0));
	uint32_t pages = terms->max_read / PAGE;

	if (!(flags & FUSE_INIT_EXT))
		flags &= UINT32_MAX;
	terms->passthrough = (flags & WIRE_PASSTHROUGH) != 0;
	return (struct wire_init_out){
		.major = FUSE_KERNEL_VERSION,
		.minor = (uint32_t)num_min(request->init.minor, MINOR),
		.max_readahead = UINT32_C(64) << 20, /* a ceiling: what counts is the device's (attach.h) */
		.flags = (uint32_t)flags,
		.max_background = 64,
		.congestion_threshold = 48,
		.max_write = PAGE,
		.time_gran = 1,
		.max_pages = (uint16_t)pages,
		.flags2 = (uint32_t)(flags >> 32),
		.max_stack_depth = terms->passthrough ? 1 : 0,
	};
}
