/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A FUSE server without cryptography, to hold coffer mount against: one file in huge pages, libfuse's low-level interface, the
 * same settings.  What it costs is what FUSE costs.
 *
 *	plain_fuse FILE DIR	serves DIR/file with the bytes of FILE, in the foreground, until it is unmounted
 */
#define FUSE_USE_VERSION 314

#include <errno.h>
#include <fcntl.h>
#include <fuse_lowlevel.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define FILE_INO 2
#define FILE_NAME "file"
#define FOREVER 86400.0

static uint8_t *bytes;
static size_t size;

static struct stat
attributes(fuse_ino_t ino)
{
	struct stat st = {
		.st_ino = ino, .st_nlink = 1, .st_mode = S_IFREG | 0444, .st_uid = getuid(), .st_gid = getgid()};

	if (ino == FUSE_ROOT_ID)
		st.st_mode = S_IFDIR | 0555;
	else
		st.st_size = (off_t)size;
	return st;
}

static void
do_init(void *user, struct fuse_conn_info *conn)
{
	(void)user;
	conn->max_readahead = 16u << 20;
	conn->max_read = 1u << 20; /* as the option of the mount says */
	conn->max_background = 64;
	conn->congestion_threshold = 48;
}

static void
do_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct fuse_entry_param e = {.ino = FILE_INO, .attr_timeout = FOREVER, .entry_timeout = FOREVER};

	e.attr = attributes(FILE_INO);
	if (parent == FUSE_ROOT_ID && strcmp(name, FILE_NAME) == 0)
		fuse_reply_entry(req, &e);
	else
		fuse_reply_err(req, ENOENT);
}

static void
do_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct stat st = attributes(ino);

	(void)fi;
	fuse_reply_attr(req, &st, FOREVER);
}

static void
do_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	(void)ino;
	fi->keep_cache = 1;
	fuse_reply_open(req, fi);
}

static void
do_read(fuse_req_t req, fuse_ino_t ino, size_t len, off_t off, struct fuse_file_info *fi)
{
	size_t from = (size_t)off < size ? (size_t)off : size;

	(void)ino;
	(void)fi;
	fuse_reply_buf(req, (const char *)bytes + from, len < size - from ? len : size - from);
}

/* All of @path in huge pages, where the kernel has them: the best home that plaintext can have. */
static void
load(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	size_t room;

	if (fd < 0 || fstat(fd, &st) != 0) {
		perror(path);
		exit(1);
	}
	size = (size_t)st.st_size;
	room = (size + (2u << 20)) & ~(size_t)((2u << 20) - 1);
	bytes = aligned_alloc(2u << 20, room);
	if (!bytes) {
		perror("memory");
		exit(1);
	}
	(void)madvise(bytes, room, MADV_HUGEPAGE);
	for (size_t done = 0; done < size;) {
		ssize_t n = pread(fd, bytes + done, size - done, (off_t)done);

		if (n <= 0) {
			perror(path);
			exit(1);
		}
		done += (size_t)n;
	}
	close(fd);
}

/* The kernel starts with 128 KiB, and only root may say otherwise. */
static void
raise_read_ahead(const char *dir)
{
	struct statx sx;
	char path[64];
	FILE *to;

	if (statx(AT_FDCWD, dir, AT_STATX_DONT_SYNC, 0, &sx) != 0)
		return;
	(void)snprintf(path, sizeof(path), "/sys/class/bdi/%u:%u/read_ahead_kb", sx.stx_dev_major, sx.stx_dev_minor);
	to = fopen(path, "w");
	if (!to)
		return;
	(void)fputs("4096", to);
	(void)fclose(to);
}

int
main(int argc, char **argv)
{
	static const struct fuse_lowlevel_ops ops = {
		.init = do_init, .lookup = do_lookup, .getattr = do_getattr, .open = do_open, .read = do_read};
	char *options[] = {argv[0], (char[]){"-oro,fsname=plain,max_read=1048576"}, NULL};
	struct fuse_args args = FUSE_ARGS_INIT(2, options);
	struct fuse_loop_config *config = fuse_loop_cfg_create();
	struct fuse_session *session;
	int rc = 1;

	if (argc != 3) {
		(void)fputs("usage: plain_fuse FILE DIR\n", stderr);
		return 2;
	}
	load(argv[1]);
	session = fuse_session_new(&args, &ops, sizeof(ops), NULL);
	if (session && fuse_set_signal_handlers(session) == 0 && fuse_session_mount(session, argv[2]) == 0) {
		raise_read_ahead(argv[2]);
		fuse_loop_cfg_set_clone_fd(config, 1);
		fuse_loop_cfg_set_max_threads(config, 4);
		rc = fuse_session_loop_mt(session, config) == 0 ? 0 : 1;
		fuse_session_unmount(session);
	}
	fuse_loop_cfg_destroy(config);
	return rc;
}
