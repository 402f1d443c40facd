/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The FUSE protocol, to the byte: requests that the kernel writes, and what answers them.
 *
 * Source: include/uapi/linux/fuse.h of Linux.  Its structures are used where they have not changed; Debian 12 has them of protocol
 * 7.38, and passthrough came with 7.40 (Linux 6.9), so that what belongs to it stands here.  All numbers are in the machine's order.
 */
#ifndef MOUNT_FUSE_WIRE_H
#define MOUNT_FUSE_WIRE_H

#include <linux/fuse.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "base/view.h"

/* ---- 7.40: passthrough ---- */

#define WIRE_PASSTHROUGH (UINT64_C(1) << 37)	  /* FUSE_PASSTHROUGH, a flag of INIT */
#define WIRE_FOPEN_PASSTHROUGH (UINT32_C(1) << 7) /* FOPEN_PASSTHROUGH, a flag of what answers OPEN */

/** struct wire_backing_map - struct fuse_backing_map */
struct wire_backing_map {
	int32_t fd;
	uint32_t flags;
	uint64_t padding;
};

#define WIRE_BACKING_OPEN _IOW(229, 1, struct wire_backing_map) /* FUSE_DEV_IOC_BACKING_OPEN: gives an id */
#define WIRE_BACKING_CLOSE _IOW(229, 2, uint32_t)		/* FUSE_DEV_IOC_BACKING_CLOSE */
#define WIRE_CLONE _IOR(229, 0, uint32_t)			/* FUSE_DEV_IOC_CLONE */

/** struct wire_init_out - struct fuse_init_out of 7.40 */
struct wire_init_out {
	uint32_t major;
	uint32_t minor;
	uint32_t max_readahead;
	uint32_t flags;
	uint16_t max_background;
	uint16_t congestion_threshold;
	uint32_t max_write;
	uint32_t time_gran;
	uint16_t max_pages;
	uint16_t map_alignment;
	uint32_t flags2;
	uint32_t max_stack_depth;
	uint32_t unused[6];
};

/** struct wire_open_out - struct fuse_open_out of 7.40 */
struct wire_open_out {
	uint64_t fh;
	uint32_t open_flags;
	uint32_t backing_id;
};

/* ---- requests ---- */

/** WIRE_REQUEST_MAX - bytes that a buffer for requests must have: 4 KiB of a write, which is the least that the kernel takes, and names */
#define WIRE_REQUEST_MAX ((size_t)64 << 10)

/** struct wire_request - a request that was read */
struct wire_request {
	uint32_t op; /* FUSE_LOOKUP, …; others than those below have no body here */
	uint64_t unique;
	uint64_t node;
	union {
		/* FUSE_INIT */
		struct {
			uint32_t major;
			uint32_t minor;
			uint32_t max_readahead;
			uint64_t flags;
		} init;

		/* FUSE_LOOKUP: without its NUL; in the bytes that were read */
		struct view name;

		/* FUSE_OPEN: as open(2) was given them */
		uint32_t open_flags;

		/* FUSE_READ, FUSE_READDIR, FUSE_READDIRPLUS */
		struct {
			uint64_t fh;
			uint64_t off;
			uint32_t len;
		} read;

		/* FUSE_RELEASE: what answered FUSE_OPEN */
		uint64_t fh;

		/* FUSE_INTERRUPT: the unique of which one */
		uint64_t interrupted;
	};
};

/**
 * wire_read() - read a request
 * @bytes: all that read(2) gave at once
 *
 * Return: false for what no kernel writes; then @out->unique is the request's, or 0 when not even that is known.
 */
bool wire_read(struct view bytes, struct wire_request *out);

/* ---- answers ---- */

/**
 * wire_answer() - write an answer to @fd, which must be the descriptor that the request was read from
 * @error: 0, or an errno, and then there is no body
 * @body: @n pieces, at most WIRE_PIECES
 *
 * Return: false when nobody waits for it any more, or the file system has ended.
 */
bool wire_answer(int fd, uint64_t unique, int error, const struct iovec *body, size_t n);

#define WIRE_PIECES 3

/** struct wire_attr - what is known of a file or folder */
struct wire_attr {
	uint64_t ino;
	uint64_t size;
	uint32_t mode; /* with S_IFREG or S_IFDIR */
	uint32_t links;
	uint32_t uid;
	uint32_t gid;
	uint64_t time; /* seconds since 1970 */
};

/** WIRE_FOREVER - how many seconds the kernel may believe an answer: nothing ever changes */
#define WIRE_FOREVER UINT64_C(31536000)

struct fuse_attr_out wire_attr_out(const struct wire_attr *a);
struct fuse_entry_out wire_entry_out(const struct wire_attr *a);

/** struct wire_dir - a piece of a folder that is being written */
struct wire_dir {
	uint8_t *bytes;
	size_t len;
	size_t cap;
	bool plus; /* of READDIRPLUS: with attributes */
};

/**
 * wire_dir_add() - add an entry, whatever its name
 * @next: what READDIR will say to go on behind it
 * @counted: it is neither «.» nor «..», so that attributes that stand with it count as a lookup
 *
 * Return: false, and nothing is added, when it does not fit.
 */
bool wire_dir_add(struct wire_dir *d, struct view name, const struct wire_attr *a, uint64_t next, bool counted);

/** struct wire_terms - what both sides can do */
struct wire_terms {
	uint32_t max_read; /* bytes of one FUSE_READ, a multiple of the page size */
	bool passthrough;
};

/** WIRE_MINOR_MIN - the protocol that is needed: 7.31, of Linux 5.4 */
#define WIRE_MINOR_MIN 31

/**
 * wire_init() - what answers @request, a FUSE_INIT of at least 7.31
 * @terms: what this side wants; gets what the kernel can do of it
 */
struct wire_init_out wire_init(const struct wire_request *request, struct wire_terms *terms);

#endif
