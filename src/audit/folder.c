/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/home.h"
#include "base/limits.h"
#include "base/num.h"

#define WHAT "the folder of the audit log"
#define LOCK_NAME "lock"
#define PART_BEGIN "audit-"
#define PART_END ".jsonl"
#define SEQ_DIGITS 20
#define WAIT_NS INT64_C(30000000000)
#define LOOK_BACK ((size_t)AUDIT_WRITE_MAX + 2 * LIMIT_AUDIT_LINE) /* as far as a write that was torn may reach */

const char *
audit_shown(const struct audit_folder *folder, const char *name, char out[static 512])
{
	(void)snprintf(out, 512, "%.400s/%.100s", folder->path, name);
	return out;
}

/* ---- files ---- */

/* Whoever else can write the log can say what he likes in it. */
static coffer_err
check_own(struct fault *f, const char *shown, const struct stat *st)
{
	if (!S_ISREG(st->st_mode))
		return fault_set(f, COFFER_E_FORMAT, "%s is no regular file; move it away", shown);
	if (st->st_uid != geteuid() && st->st_uid != 0)
		return fault_set(f, COFFER_E_PERM,
				 "%s belongs to another user (%u); name a folder of your own with COFFER_AUDIT", shown,
				 (unsigned int)st->st_uid);
	if (st->st_mode & 022)
		return fault_set(f, COFFER_E_PERM, "others may write %s (mode %04o); run: chmod go-w %s", shown,
				 (unsigned int)st->st_mode & 07777, shown);
	return COFFER_OK;
}

static coffer_err
cannot_open(struct fault *f, const char *shown, int errnum)
{
	if (errnum == ELOOP)
		return fault_set(f, COFFER_E_PERM, "%s is a symbolic link; the audit log follows none", shown);
	return fault_errno(f, errnum, "cannot open %s", shown);
}

coffer_err
audit_folder_file(struct fault *f, const struct audit_folder *folder, const char *name, enum audit_access access,
		  int *fd_out, uint64_t *size_out)
{
	int flags = access == AUDIT_TO_WRITE ? O_RDWR | O_CREAT : O_RDONLY;
	char shown[512];
	struct stat st;
	coffer_err err = COFFER_OK;

	*size_out = 0;
	*fd_out = openat(folder->fd, name, flags | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0600);
	if (*fd_out < 0 && errno == ENOENT && access == AUDIT_TO_READ)
		return COFFER_E_NOTFOUND;
	if (*fd_out < 0)
		return cannot_open(f, audit_shown(folder, name, shown), errno);
	if (fstat(*fd_out, &st) != 0)
		TRY(fault_errno(f, errno, "cannot look at %s", audit_shown(folder, name, shown)));
	if (access == AUDIT_TO_WRITE)
		TRY(check_own(f, audit_shown(folder, name, shown), &st));
	else if (!S_ISREG(st.st_mode))
		TRY(fault_set(f, COFFER_E_FORMAT, "%s is no regular file", audit_shown(folder, name, shown)));
	*size_out = (uint64_t)st.st_size;
out:
	if (err)
		file_close(fd_out);
	return err;
}

/* ---- the folder ---- */

/* Waiting in the kernel could be for ever: for a process that was stopped. */
static coffer_err
wait_for_lock(struct fault *f, const struct audit_folder *folder, int how)
{
	struct timespec pause = {.tv_nsec = 500000};
	int64_t waited = 0;

	while (flock(folder->lock, how | LOCK_NB) != 0) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return fault_errno(f, errno, "cannot lock the audit log in %s", folder->path);
		if (waited > WAIT_NS)
			return fault_set(f, COFFER_E_BUSY,
					 "another process holds the audit log in %s; «fuser %s/" LOCK_NAME
					 "» says which",
					 folder->path, folder->path);
		(void)nanosleep(&pause, NULL);
		waited += pause.tv_nsec;
		pause.tv_nsec = (long)num_min((uint64_t)pause.tv_nsec * 2, 16000000);
	}
	return COFFER_OK;
}

static coffer_err
lock_to_write(struct fault *f, struct audit_folder *folder)
{
	uint64_t size;
	coffer_err err;

	TRY(audit_folder_file(f, folder, LOCK_NAME, AUDIT_TO_WRITE, &folder->lock, &size));
	TRY(wait_for_lock(f, folder, LOCK_EX));
out:
	return err;
}

/* A copy of a log has no lock, or one that the reader may not open: then nobody writes it. */
static coffer_err
lock_to_read(struct fault *f, struct audit_folder *folder)
{
	folder->lock = openat(folder->fd, LOCK_NAME, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	return folder->lock < 0 ? COFFER_OK : wait_for_lock(f, folder, LOCK_SH);
}

coffer_err
audit_folder_open(struct fault *f, const char *path, enum audit_access access, struct audit_folder *out)
{
	coffer_err err;

	*out = (struct audit_folder)AUDIT_FOLDER_INIT;
	out->path = path;
	if (access == AUDIT_TO_READ) {
		out->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (out->fd < 0)
			TRY(fault_errno(f, errno, "cannot open " WHAT " %s", path));
		TRY(lock_to_read(f, out));
	} else {
		TRY(home_make(f, WHAT, path));
		TRY(home_open(f, WHAT, path, &out->fd));
		TRY(lock_to_write(f, out));
	}
out:
	if (err)
		audit_folder_close(out);
	return err;
}

void
audit_folder_unlock(struct audit_folder *folder)
{
	file_close(&folder->lock);
}

void
audit_folder_close(struct audit_folder *folder)
{
	audit_folder_unlock(folder);
	file_close(&folder->fd);
}

/* ---- parts ---- */

void
audit_part_name(uint64_t seq, char out[static 40])
{
	(void)snprintf(out, 40, PART_BEGIN "%0*" PRIu64 PART_END, SEQ_DIGITS, seq);
}

static bool
is_part(const char *name)
{
	size_t begin = strlen(PART_BEGIN);

	return strncmp(name, PART_BEGIN, begin) == 0 && strspn(name + begin, "0123456789") == SEQ_DIGITS &&
	       strcmp(name + begin + SEQ_DIGITS, PART_END) == 0;
}

static int
compare_parts(const void *a, const void *b)
{
	const struct audit_part *x = a, *y = b;

	return strcmp(x->name, y->name);
}

static coffer_err
add_part(struct fault *f, const struct audit_folder *folder, const char *name, struct audit_part **list, size_t *n)
{
	struct audit_part *grown;
	struct stat st;
	char shown[512];

	if (fstatat(folder->fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return errno == ENOENT ? COFFER_OK
				       : fault_errno(f, errno, "cannot look at %s", audit_shown(folder, name, shown));
	if (*n == LIMIT_AUDIT_PARTS)
		return fault_set(f, COFFER_E_FORMAT, "%s has more than %u parts of an audit log", folder->path,
				 LIMIT_AUDIT_PARTS);
	if ((*n & (*n - 1)) == 0) {
		grown = reallocarray(*list, *n ? *n * 2 : 1, sizeof(*grown));
		if (!grown)
			return fault_nomem(f);
		*list = grown;
	}
	(*list)[*n] = (struct audit_part){.size = (uint64_t)st.st_size};
	(void)snprintf((*list)[*n].name, sizeof((*list)[*n].name), "%s", name);
	++*n;
	return COFFER_OK;
}

static coffer_err
add_older_parts(struct fault *f, const struct audit_folder *folder, struct audit_part **list, size_t *n)
{
	/* a descriptor of its own: that of the folder has one place in it for all */
	int fd = openat(folder->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	const struct dirent *entry;
	coffer_err err = COFFER_OK;

	if (!dir) {
		err = fault_errno(f, errno, "cannot read %s", folder->path);
		file_close(&fd);
		return err;
	}
	for (errno = 0; (entry = readdir(dir)); errno = 0)
		if (is_part(entry->d_name))
			TRY(add_part(f, folder, entry->d_name, list, n));
	if (errno != 0)
		err = fault_errno(f, errno, "cannot read %s", folder->path);
out:
	(void)closedir(dir);
	return err;
}

coffer_err
audit_folder_parts(struct fault *f, const struct audit_folder *folder, struct audit_part **list_out, size_t *n_out)
{
	struct audit_part *list = NULL;
	size_t n = 0;
	coffer_err err;

	*list_out = NULL;
	*n_out = 0;
	TRY(add_older_parts(f, folder, &list, &n));
	if (n > 1)
		qsort(list, n, sizeof(*list), compare_parts);
	TRY(add_part(f, folder, AUDIT_CURRENT, &list, &n));
	*list_out = list;
	*n_out = n;
	list = NULL;
out:
	free(list);
	return err;
}

/* ---- the end of a file ---- */

/* The place of the last line feed before @end in the @len bytes at @p, or SIZE_MAX. */
static size_t
last_feed(const uint8_t *p, size_t end)
{
	const uint8_t *at = end > 0 ? memrchr(p, '\n', end) : NULL;

	return at ? (size_t)(at - p) : SIZE_MAX;
}

/* Whether the @len bytes at @p, which end the file and begin it if @all, hold the last whole line in front of what is torn. */
static bool
find_end(const uint8_t *p, size_t len, bool all, struct view *line_out, size_t *whole_out)
{
	const uint8_t *hole = len > 0 ? memchr(p, '\0', len) : NULL;
	size_t end = last_feed(p, hole ? (size_t)(hole - p) : len), start;

	if (end == SIZE_MAX) {
		*line_out = view_of(NULL, 0);
		*whole_out = 0;
		return all;
	}
	start = last_feed(p, end);
	if (start == SIZE_MAX && !all)
		return false;
	start = start == SIZE_MAX ? 0 : start + 1;
	*line_out = view_of(p + start, end - start);
	*whole_out = end + 1;
	return true;
}

coffer_err
audit_end_read(struct fault *f, const struct audit_folder *folder, const char *name, int fd, uint64_t size,
	       struct audit_end *out)
{
	struct buf b = BUF_INIT(AUDIT_TORN_MAX);
	char shown[512];
	struct view line;
	size_t whole;
	coffer_err err;

	(void)audit_shown(folder, name, shown);
	for (size_t want = LOOK_BACK;; want *= 4) {
		size_t len = (size_t)num_min(want, size);

		b.len = 0;
		TRY(buf_reserve(f, &b, len));
		TRY(file_read_at(f, fd, shown, b.p, len, size - len));
		if (find_end(b.p, len, len == size, &line, &whole)) {
			out->whole = size - len + whole;
			out->line.len = 0;
			TRY(buf_add(f, &out->line, line.p, line.len));
			break;
		}
		if (want >= AUDIT_TORN_MAX)
			TRY(fault_set(f, COFFER_E_FORMAT,
				      "%s is damaged at its end: no line of a log is so long; «coffer audit verify» "
				      "says more, and the folder moved away begins a new log",
				      shown));
	}
out:
	buf_free(&b);
	return err;
}

coffer_err
audit_parts_trim(struct fault *f, const struct audit_folder *folder, struct audit_part *parts, size_t n,
		 uint64_t *torn_out)
{
	struct audit_end end = AUDIT_END_INIT;
	struct audit_part *last = NULL;
	uint64_t size;
	int fd = -1;
	coffer_err err = COFFER_OK;

	*torn_out = 0;
	for (size_t i = 0; i < n; i++)
		if (parts[i].size > 0)
			last = &parts[i];
	if (!last)
		return COFFER_OK;
	TRY(audit_folder_file(f, folder, last->name, AUDIT_TO_READ, &fd, &size));
	err = audit_end_read(f, folder, last->name, fd, last->size, &end);
	if (err == COFFER_OK) {
		*torn_out = last->size - end.whole;
		last->size = end.whole;
	} else if (err == COFFER_E_FORMAT) {
		err = COFFER_OK; /* more than any crash leaves: whoever reads it will say what it is */
	}
out:
	file_close(&fd);
	buf_free(&end.line);
	return err;
}
