/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The server: threads that read requests and answer them, each with a descriptor and memory of its own.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/num.h"
#include "base/room.h"
#include "mount/attach.h"
#include "mount/backing.h"
#include "mount/blocks.h"
#include "mount/content.h"
#include "mount/fuse_wire.h"
#include "mount/mount.h"
#include "mount/plain.h"
#include "mount/tree.h"

#define THREADS_MIN 4u
#define THREADS_MAX 64u
#define CACHE_MAX (UINT64_C(256) << 20)
#define NAME_BYTES_MAX 255u
#define WAKE_NS 5000000L /* between two signals to a thread that is to end */

struct worker {
	struct mount *mount;
	int fd; /* of its own, or -1: then all share that of the mount */
	struct coffer_ctx *ctx;
	uint8_t *request; /* WIRE_REQUEST_MAX */
	uint8_t *scratch; /* ATTACH_MAX_READ */
	pthread_t thread;
	bool runs;
};

struct mount {
	struct attached at;
	struct mount_options options;
	int event; /* somebody has something to tell mount_wait() */
	atomic_bool stopped;
	atomic_bool ending; /* its threads are to end */

	/* while it is served */
	bool served;
	struct coffer_model *model;
	struct tree *tree;
	struct backing *backing;
	struct blocks *blocks;
	struct content *content;
	uint64_t time, bytes; /* when it was mounted; of all files together */
	struct worker workers[THREADS_MAX];
	unsigned int n_workers;
};

/* ---- answers ---- */

/** struct asked - a request, and who answers it */
struct asked {
	struct worker *w;
	struct mount *m;
	int fd;
	struct wire_request request;
};

/* Who does not wait for it any more needs none. */
static void
answer(const struct asked *a, const void *body, size_t len)
{
	const struct iovec iov = {.iov_base = (void *)(uintptr_t)body, .iov_len = len};

	(void)wire_answer(a->fd, a->request.unique, 0, &iov, len > 0);
}

static void
refuse(const struct asked *a, int error)
{
	(void)wire_answer(a->fd, a->request.unique, error, NULL, 0);
}

/* ---- names and attributes ---- */

static struct wire_attr
attributes(const struct mount *m, uint64_t ino, const struct tree_node *node)
{
	struct wire_attr a = {
		.ino = ino, .uid = m->options.owner, .gid = m->options.group, .time = m->time, .links = 1};
	mode_t readable = m->options.mode & 0444;

	if (node->file == TREE_NO_FILE) {
		a.mode = S_IFDIR | readable | readable >> 2;
		a.links = 2 + node->folders;
	} else {
		a.mode = S_IFREG | readable;
		a.size = coffer_model_file_size(m->model, node->file);
	}
	return a;
}

static void
do_lookup(const struct asked *a)
{
	uint64_t ino = tree_find(a->m->tree, a->request.node, a->request.name);
	struct fuse_entry_out out = {.nodeid = 0, .entry_valid = WIRE_FOREVER}; /* what is not there never will be */
	struct wire_attr attr;

	if (ino) {
		attr = attributes(a->m, ino, tree_at(a->m->tree, ino));
		out = wire_entry_out(&attr);
	}
	answer(a, &out, sizeof(out));
}

static void
do_getattr(const struct asked *a)
{
	const struct tree_node *node = tree_at(a->m->tree, a->request.node);
	struct fuse_attr_out out;
	struct wire_attr attr;

	if (!node) {
		refuse(a, ENOENT);
		return;
	}
	attr = attributes(a->m, a->request.node, node);
	out = wire_attr_out(&attr);
	answer(a, &out, sizeof(out));
}

/* Entry @i of a folder: itself, the one above, and what is in it; 0 past the last. */
static uint64_t
entry(const struct mount *m, uint64_t ino, const struct tree_node *node, uint64_t i, struct view *name_out)
{
	uint64_t child;

	if (i < 2) {
		*name_out = view_of("..", i + 1);
		return i == 0 ? ino : node->parent;
	}
	child = tree_child(m->tree, node, i - 2);
	if (child)
		*name_out = tree_at(m->tree, child)->name;
	return child;
}

static void
do_readdir(const struct asked *a)
{
	const struct mount *m = a->m;
	const struct tree_node *node = tree_at(m->tree, a->request.node);
	struct wire_dir d = {.bytes = a->w->scratch,
			     .cap = (size_t)num_min(a->request.read.len, ATTACH_MAX_READ),
			     .plus = a->request.op == FUSE_READDIRPLUS};
	uint64_t i = a->request.read.off, ino;
	struct view name;

	if (!node || node->file != TREE_NO_FILE) {
		refuse(a, ENOTDIR);
		return;
	}
	for (; (ino = entry(m, a->request.node, node, i, &name)); i++) {
		struct wire_attr attr = attributes(m, ino, tree_at(m->tree, ino));

		if (!wire_dir_add(&d, name, &attr, i + 1, i >= 2))
			break;
	}
	answer(a, d.bytes, d.len);
}

static void
do_statfs(const struct asked *a)
{
	const struct fuse_statfs_out out = {.st = {.blocks = (a->m->bytes + 4095) / 4096,
						   .files = coffer_model_size(a->m->model),
						   .bsize = 4096,
						   .frsize = 4096,
						   .namelen = NAME_BYTES_MAX}};

	answer(a, &out, sizeof(out));
}

/* ---- content ---- */

static void
do_open(const struct asked *a)
{
	const struct tree_node *node = tree_at(a->m->tree, a->request.node);
	const struct content_caller caller = {.fd = a->fd, .unique = a->request.unique};
	struct wire_open_out out;
	int rc;

	if (!node || node->file == TREE_NO_FILE) {
		refuse(a, node ? EISDIR : ENOENT);
		return;
	}
	if ((a->request.open_flags & O_ACCMODE) != O_RDONLY) {
		refuse(a, EROFS);
		return;
	}
	rc = content_open(a->m->content, a->w->ctx, node->file, &caller, &out);
	if (rc == CONTENT_LATER)
		return;
	if (rc != 0) {
		refuse(a, rc);
		return;
	}
	if (!wire_answer(a->fd, a->request.unique, 0, &(struct iovec){.iov_base = &out, .iov_len = sizeof(out)}, 1))
		content_close(a->m->content, node->file, out.fh);
}

static void
do_read(const struct asked *a)
{
	struct content_piece piece;
	int rc;

	if (a->request.read.len > ATTACH_MAX_READ) {
		refuse(a, EINVAL);
		return;
	}
	rc = content_read(a->m->content, a->request.read.fh, a->request.read.off, a->request.read.len, a->w->scratch,
			  &piece);
	(void)wire_answer(a->fd, a->request.unique, rc, piece.bytes, rc == 0 ? piece.n : 0);
	content_give_back(a->m->content, a->request.read.fh, &piece);
}

static void
do_release(const struct asked *a)
{
	const struct tree_node *node = tree_at(a->m->tree, a->request.node);

	if (node && node->file != TREE_NO_FILE)
		content_close(a->m->content, node->file, a->request.fh);
	answer(a, NULL, 0);
}

/* ---- requests ---- */

static void
dispatch(const struct asked *a)
{
	switch (a->request.op) {
	case FUSE_LOOKUP:
		do_lookup(a);
		break;
	case FUSE_GETATTR:
		do_getattr(a);
		break;
	case FUSE_OPEN:
		do_open(a);
		break;
	case FUSE_READ:
		do_read(a);
		break;
	case FUSE_RELEASE:
		do_release(a);
		break;
	case FUSE_READDIR:
	case FUSE_READDIRPLUS:
		do_readdir(a);
		break;
	case FUSE_STATFS:
		do_statfs(a);
		break;
	case FUSE_INTERRUPT:
		content_interrupt(a->m->content, a->request.interrupted);
		break;
	case FUSE_FORGET: /* numbers are never given anew, so nothing is kept for them; no answer */
	case FUSE_BATCH_FORGET:
		break;
	case FUSE_RELEASEDIR:
	case FUSE_DESTROY:
		answer(a, NULL, 0);
		break;
	case FUSE_READLINK:
		refuse(a, EINVAL);
		break;
	case FUSE_SETATTR:
	case FUSE_SYMLINK:
	case FUSE_MKNOD:
	case FUSE_MKDIR:
	case FUSE_UNLINK:
	case FUSE_RMDIR:
	case FUSE_RENAME:
	case FUSE_RENAME2:
	case FUSE_LINK:
	case FUSE_WRITE:
	case FUSE_SETXATTR:
	case FUSE_REMOVEXATTR:
	case FUSE_CREATE:
	case FUSE_TMPFILE:
	case FUSE_FALLOCATE:
		refuse(a, EROFS);
		break;
	default: /* the kernel remembers it and does not ask again */
		refuse(a, ENOSYS);
		break;
	}
}

/* Returns false when the file system has ended, or this thread is to. */
static bool
read_request(const struct worker *w, struct asked *a)
{
	ssize_t n = -1;

	errno = EINTR;
	while (n < 0 && (errno == EINTR || errno == ENOENT || errno == EAGAIN)) { /* ENOENT: it was taken back */
		if (atomic_load(&a->m->ending))
			return false;
		n = read(a->fd, w->request, WIRE_REQUEST_MAX);
	}
	if (n < 0)
		return false;
	if (!wire_read(view_of(w->request, (size_t)n), &a->request)) {
		if (a->request.unique)
			refuse(a, EIO);
		a->request.op = FUSE_FORGET; /* nothing more is to be done */
	}
	return true;
}

static void
tell(struct mount *m)
{
	const uint64_t one = 1;
	ssize_t n = write(m->event, &one, sizeof(one));

	/* it can only be full, and then it tells, too */
	(void)n;
}

static void *
work(void *arg)
{
	struct worker *w = arg;
	struct asked a = {.w = w, .m = w->mount, .fd = w->fd >= 0 ? w->fd : w->mount->at.fd};

	while (read_request(w, &a))
		dispatch(&a);
	tell(w->mount);
	return NULL;
}

/* ---- beginning ---- */

/* The first request is INIT, and is there since the file system was attached. */
static coffer_err
shake_hands(struct fault *f, struct mount *m, uint8_t *request, struct wire_terms *terms)
{
	struct asked a = {.m = m, .fd = m->at.fd};
	struct worker w = {.request = request};
	struct wire_init_out out;

	if (!read_request(&w, &a) || a.request.op != FUSE_INIT)
		return fault_set(f, COFFER_E_IO, "the file system ended before it was served");
	if (a.request.init.major != FUSE_KERNEL_VERSION || a.request.init.minor < WIRE_MINOR_MIN) {
		refuse(&a, EPROTO);
		return fault_set(f, COFFER_E_OTHER, "this kernel speaks FUSE %u.%u, and %u.%u (Linux 5.4) is needed",
				 a.request.init.major, a.request.init.minor, FUSE_KERNEL_VERSION, WIRE_MINOR_MIN);
	}
	out = wire_init(&a.request, terms);
	answer(&a, &out, sizeof(out));
	return COFFER_OK;
}

static const char *
path_of(const void *user, uint32_t i)
{
	return coffer_model_path(user, i);
}

static coffer_err
learn_files(struct fault *f, struct mount *m)
{
	const struct tree_paths paths = {.n = (uint32_t)coffer_model_size(m->model), .path = path_of, .user = m->model};

	m->time = (uint64_t)time(NULL);
	for (uint32_t i = 0; i < paths.n; i++)
		m->bytes += coffer_model_file_size(m->model, i);
	return tree_new(f, &paths, &m->tree);
}

static unsigned int
n_processors(void)
{
	long n = sysconf(_SC_NPROCESSORS_ONLN);

	return n > 0 ? (unsigned int)num_min((uint64_t)n, THREADS_MAX) : 1;
}

static uint64_t
memory_of(const struct mount_options *options)
{
	struct room room;

	if (options->memory)
		return options->memory;
	room_measure("", &room);
	return room.bytes / 2;
}

/* Records take a quarter of the memory, and no more than is of use: what was read the kernel keeps. */
static coffer_err
make_stores(struct fault *f, struct mount *m, struct coffer_ctx *ctx, bool passthrough)
{
	uint64_t memory = memory_of(&m->options), cache = num_min(memory / 4, CACHE_MAX);
	unsigned int n = (unsigned int)num_min(n_processors(), THREADS_MIN);
	struct content_setup setup = {.ctx = ctx,
				      .model = m->model,
				      .cache = cache,
				      .ahead = m->options.ahead,
				      .say = m->options.say,
				      .user = m->options.user};
	coffer_err err;

	/* where it is refused, files are read the other way, and nobody asked for more */
	if (passthrough && backing_new(NULL, m->at.fd, memory - cache, &m->backing) != COFFER_OK)
		m->backing = NULL;
	TRY(blocks_new(f, cache, n, &m->blocks));
	setup.blocks = m->blocks;
	setup.backing = m->backing;
	TRY(content_new(f, &setup, &m->content));
out:
	return err;
}

/* A descriptor for it alone, so that threads do not wait for each other; one that cannot be had is no loss but speed. */
static int
clone_device(int of)
{
	uint32_t from = (uint32_t)of;
	int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);

	if (fd >= 0 && ioctl(fd, WIRE_CLONE, &from) != 0)
		file_close(&fd);
	return fd;
}

static coffer_err
prepare_worker(struct fault *f, struct mount *m, struct worker *w)
{
	coffer_err err;

	*w = (struct worker){.mount = m, .fd = -1};
	m->n_workers++;
	TRY(plain_new(f, WIRE_REQUEST_MAX, &w->request));
	TRY(plain_new(f, ATTACH_MAX_READ, &w->scratch));
	err = coffer_ctx_new(&w->ctx);
	if (err)
		TRY(fault_set(f, err, "%s", coffer_err_text(err)));
	w->fd = clone_device(m->at.fd);
out:
	return err;
}

static coffer_err
start_workers(struct fault *f, struct mount *m)
{
	unsigned int processors = n_processors(), n = m->options.threads;

	if (n == 0)
		n = processors > THREADS_MIN ? processors : THREADS_MIN;
	n = (unsigned int)num_min(n, THREADS_MAX);
	while (m->n_workers < n) {
		struct worker *w = &m->workers[m->n_workers];
		coffer_err err = prepare_worker(f, m, w);

		if (err)
			return err;
		w->runs = pthread_create(&w->thread, NULL, work, w) == 0;
		if (!w->runs)
			return fault_set(f, COFFER_E_NOMEM, "cannot start a thread");
	}
	return COFFER_OK;
}

coffer_err
mount_start(struct fault *f, struct coffer_ctx *ctx, struct mount *m, struct coffer_model *model)
{
	struct wire_terms terms = {.max_read = ATTACH_MAX_READ, .passthrough = m->options.passthrough};
	uint8_t *request = NULL;
	coffer_err err;

	if (m->served)
		return fault_set(f, COFFER_E_INTERNAL, "a file system is served once");
	m->served = true;
	m->model = model;
	TRY(plain_new(f, WIRE_REQUEST_MAX, &request));
	TRY(learn_files(f, m));
	TRY(shake_hands(f, m, request, &terms));
	TRY(make_stores(f, m, ctx, terms.passthrough));
	TRY(start_workers(f, m));
out:
	plain_free(request, WIRE_REQUEST_MAX);
	return err;
}

/* ---- the end ---- */

void
mount_stop(struct mount *m)
{
	atomic_store(&m->stopped, true);
	tell(m);
}

static void
nothing(int signal)
{
	(void)signal;
}

/*
 * A signal gets a thread out of read(), or comes a moment before it and is lost: so it is sent until the thread has ended.
 * (pthread_cancel() needs a library that glibc loads only then, and without descriptors cannot.)
 */
static void
end_worker(struct worker *w)
{
	struct timespec soon;

	do {
		(void)pthread_kill(w->thread, SIGURG);
		(void)clock_gettime(CLOCK_REALTIME, &soon);
		soon.tv_nsec += WAKE_NS;
		soon.tv_sec += soon.tv_nsec / 1000000000;
		soon.tv_nsec %= 1000000000;
	} while (pthread_timedjoin_np(w->thread, NULL, &soon) == ETIMEDOUT);
	w->runs = false;
}

static void
end_workers(struct mount *m)
{
	const struct sigaction wake = {.sa_handler = nothing};
	struct sigaction before;

	atomic_store(&m->ending, true);
	(void)sigaction(SIGURG, &wake, &before);
	for (unsigned int i = 0; i < m->n_workers; i++)
		if (m->workers[i].runs)
			end_worker(&m->workers[i]);
	(void)sigaction(SIGURG, &before, NULL);
}

static void
free_workers(struct mount *m)
{
	for (unsigned int i = 0; i < m->n_workers; i++) {
		struct worker *w = &m->workers[i];

		file_close(&w->fd);
		coffer_ctx_free(&w->ctx);
		plain_free(w->request, WIRE_REQUEST_MAX);
		plain_free(w->scratch, ATTACH_MAX_READ);
	}
	m->n_workers = 0;
}

/* Whoever is in the middle of something gets errors. */
static coffer_err
take_away(struct fault *f, struct mount *m)
{
	coffer_err err = attached_detach(f, &m->at, MOUNT_BUSY_REFUSE);

	if (err != COFFER_E_BUSY)
		return err;
	err = attached_detach(f, &m->at, MOUNT_BUSY_LAZY);
	if (err)
		return err;
	return fault_set(f, COFFER_E_BUSY, "%s was in use; it is gone, and who had files of it open gets errors",
			 m->at.dir);
}

coffer_err
mount_wait(struct fault *f, struct mount *m)
{
	coffer_err err = COFFER_OK;
	uint64_t n;

	while (read(m->event, &n, sizeof(n)) < 0 && errno == EINTR && !atomic_load(&m->stopped))
		continue;
	if (atomic_load(&m->stopped))
		err = take_away(f, m);
	end_workers(m);
	content_stop(m->content);
	if (content_damaged(m->content, f))
		err = COFFER_E_AUTH;
	return err;
}

void
mount_free(struct mount **mount)
{
	struct mount *m = *mount;

	if (!m)
		return;
	end_workers(m);
	content_free(&m->content);
	free_workers(m);
	blocks_free(&m->blocks);
	backing_free(&m->backing);
	tree_free(&m->tree);
	/* what is still there has nobody who answers */
	(void)attached_detach(NULL, &m->at, MOUNT_BUSY_LAZY);
	mount_let_go(mount);
}

/* ---- attaching ---- */

static coffer_err
new_mount(struct fault *f, const struct mount_options *options, struct mount **out)
{
	struct mount *m = calloc(1, sizeof(*m));

	*out = NULL;
	if (!m)
		return fault_nomem(f);
	m->at = (struct attached)ATTACHED_INIT;
	m->options = *options;
	m->event = eventfd(0, EFD_CLOEXEC);
	if (m->event < 0) {
		free(m);
		return fault_errno(f, errno, "cannot make an event");
	}
	*out = m;
	return COFFER_OK;
}

coffer_err
mount_attach(struct fault *f, const char *dir, const struct mount_options *options, struct mount **mount_out)
{
	coffer_err err;

	TRY(new_mount(f, options, mount_out));
	TRY(attach(f, dir, options, &(*mount_out)->at));
out:
	if (err && *mount_out)
		mount_let_go(mount_out);
	return err;
}

int
mount_fd(const struct mount *mount)
{
	return mount->at.fd;
}

coffer_err
mount_adopt(struct fault *f, int fd, const struct mount_options *options, struct mount **mount_out)
{
	coffer_err err = new_mount(f, options, mount_out);

	if (err == COFFER_OK)
		(*mount_out)->at.fd = fd;
	else
		file_close(&fd);
	return err;
}

void
mount_let_go(struct mount **mount)
{
	struct mount *m = *mount;

	if (!m)
		return;
	attached_free(&m->at);
	file_close(&m->event);
	free(m);
	*mount = NULL;
}
