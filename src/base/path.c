/* SPDX-License-Identifier: Apache-2.0 */
#include "base/path.h"

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/utf8.h"

bool
text_check(const char *text, size_t len)
{
	struct view v = view_of(text, len);
	uint32_t code;

	while (v.len > 0) {
		size_t n = utf8_char(v, &code);

		if (n == 0 || code < 0x20 || code == 0x7f)
			return false;
		v.p += n;
		v.len -= n;
	}
	return true;
}

/* What is wrong with one part of a path, or NULL. */
static const char *
part_fault(const char *part, size_t len)
{
	if (len == 0)
		return "has an empty part";
	if (len <= 2 && strncmp(part, "..", len) == 0)
		return "has a part that is . or ..";
	if (len > LIMIT_PATH_PART)
		return "has a part longer than 248 bytes";
	if (part[len - 1] == ' ' || part[len - 1] == '.')
		return "has a part that ends in a space or a dot, another name on other systems";
	return NULL;
}

/* It is found by what can be shown of it. */
static coffer_err
refuse_text(struct fault *f, const char *path, size_t len)
{
	char shown[LIMIT_PATH];

	for (size_t i = 0; i < len; i++)
		shown[i] = (unsigned char)path[i] < 0x20 || (unsigned char)path[i] >= 0x7f ? '?' : path[i];
	return fault_set(f, COFFER_E_FORMAT, "path «%.*s» is not UTF-8 or has control characters", (int)len, shown);
}

coffer_err
path_check(struct fault *f, const char *path, size_t len)
{
	const char *why = NULL, *part = path;

	/* [F-7] [F-23] */
	if (len == 0 || len > LIMIT_PATH)
		return fault_set(f, COFFER_E_FORMAT, "a path of %zu bytes; 1 to %u are allowed", len, LIMIT_PATH);
	if (!text_check(path, len))
		return refuse_text(f, path, len);
	if (memchr(path, '\\', len) || memchr(path, ':', len))
		why = "has a backslash or a colon, another name on other systems";
	while (!why) {
		const char *slash = memchr(part, '/', len - (size_t)(part - path));

		why = part_fault(part, slash ? (size_t)(slash - part) : len - (size_t)(part - path));
		if (!slash)
			break;
		part = slash + 1;
	}
	if (why)
		return fault_set(f, COFFER_E_FORMAT, "path «%.*s» %s", (int)len, path, why);
	return COFFER_OK;
}

static bool
begins_with_part(const char *path, const char *part)
{
	size_t len = strlen(part);

	return strncasecmp(path, part, len) == 0 && (path[len] == '/' || path[len] == '\0');
}

coffer_err
path_check_model(struct fault *f, const char *path)
{
	const char *part = path, *bad = NULL;
	coffer_err err = path_check(f, path, strlen(path));

	if (err != COFFER_OK)
		return err;
	/* [F-25] */
	if (begins_with_part(path, "coffer.json") || begins_with_part(path, "coffer.sig") ||
	    strncasecmp(path, ".coffer.", 8) == 0)
		bad = path;
	while (!bad && part) {
		const char *slash = strchr(part, '/');
		size_t len = slash ? (size_t)(slash - part) : strlen(part);

		if (len >= 7 && strncasecmp(part + len - 7, ".coffer", 7) == 0)
			bad = part;
		part = slash ? slash + 1 : NULL;
	}
	if (bad)
		return fault_set(f, COFFER_E_FORMAT, "path «%s» has a name that sealed directories use themselves",
				 path);
	return COFFER_OK;
}

static int
compare_folded(const void *a, const void *b)
{
	const char *const *pa = a, *const *pb = b;
	const uint8_t *x = (const uint8_t *)*pa, *y = (const uint8_t *)*pb;

	for (;; x++, y++) {
		unsigned int cx = *x, cy = *y;

		cx += cx >= 'A' && cx <= 'Z' ? 32 : 0;
		cy += cy >= 'A' && cy <= 'Z' ? 32 : 0;
		/* a slash sorts before all else, so that what is in a folder follows its name */
		cx = cx == '/' ? 1 : cx;
		cy = cy == '/' ? 1 : cy;
		if (cx != cy || cx == 0)
			return (int)cx - (int)cy;
	}
}

coffer_err
path_check_set(struct fault *f, const char *const *paths, size_t n)
{
	const char **folded;
	coffer_err err = COFFER_OK;

	for (size_t i = 1; i < n; i++)
		if (strcmp(paths[i - 1], paths[i]) >= 0)
			return fault_set(f, COFFER_E_FORMAT, "path «%s» is out of order or doubled", paths[i]);
	folded = calloc(n + 1, sizeof(*folded));
	if (!folded)
		return fault_nomem(f);
	for (size_t i = 0; i < n; i++)
		folded[i] = paths[i];
	qsort(folded, n, sizeof(*folded), compare_folded);
	for (size_t i = 1; i < n && err == COFFER_OK; i++) {
		size_t len = strlen(folded[i - 1]);

		/* [F-24] */
		if (compare_folded(&folded[i - 1], &folded[i]) == 0)
			err = fault_set(f, COFFER_E_FORMAT, "paths «%s» and «%s» are one on systems that fold case",
					folded[i - 1], folded[i]);
		else if (strncasecmp(folded[i - 1], folded[i], len) == 0 && folded[i][len] == '/')
			err = fault_set(f, COFFER_E_FORMAT, "path «%s» is a file and the folder of «%s»", folded[i - 1],
					folded[i]);
	}
	free(folded);
	return err;
}

bool
path_is_hidden(const char *path)
{
	return path[0] == '.' || strstr(path, "/.") != NULL;
}

const char *
path_base(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

bool
path_escape(const char *text, char *out, size_t cap)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.";
	size_t len = 0;

	out[0] = '\0';
	for (const char *c = text; *c; c++) {
		bool is_plain = strchr(plain, *c) && (c > text || *c != '.');
		size_t need = is_plain ? 1 : 3;

		if (need >= cap - len) {
			out[0] = '\0';
			return false;
		}
		(void)snprintf(out + len, cap - len, is_plain ? "%c" : "%%%02X", (unsigned char)*c);
		len += need;
	}
	return true;
}

bool
path_matches(const char *pattern, const char *path)
{
	if (fnmatch(pattern, path, 0) == 0)
		return true;
	return !strchr(pattern, '/') && fnmatch(pattern, path_base(path), 0) == 0;
}

static int
open_beneath(int dirfd, const char *path, int flags, enum path_links links)
{
	struct open_how how = {.flags = (uint64_t)(unsigned int)(flags | O_CLOEXEC | O_NOCTTY),
			       .resolve = RESOLVE_NO_MAGICLINKS};

	if (links != PATH_LINKS_ANY)
		how.resolve |= RESOLVE_BENEATH;
	if (links == PATH_NO_LINKS)
		how.resolve |= RESOLVE_NO_SYMLINKS;
	return (int)syscall(SYS_openat2, dirfd, path, &how, sizeof(how));
}

/* Linux before 5.6, some containers and valgrind have no openat2.  Without it no link is followed: that is the safe half. */
static int
open_by_parts(int dirfd, const char *path, int flags, enum path_links links)
{
	int parent = -1;
	int fd, errnum;

	flags |= O_CLOEXEC | O_NOCTTY;
	if (links == PATH_LINKS_ANY)
		return openat(dirfd, path, flags);
	if (path_parent(NULL, dirfd, "", path, false, &parent) != COFFER_OK)
		return -1;
	fd = openat(parent, path_base(path), flags | O_NOFOLLOW);
	errnum = errno;
	file_close(&parent);
	errno = errnum;
	return fd;
}

coffer_err
path_open(struct fault *f, int dirfd, const char *shown, const char *path, enum path_links links, int *fd_out)
{
	/* O_NONBLOCK: a FIFO must not hang us before it is seen to be one */
	*fd_out = open_beneath(dirfd, path, O_RDONLY | O_NONBLOCK, links);
	if (*fd_out < 0 && errno == ENOSYS)
		*fd_out = open_by_parts(dirfd, path, O_RDONLY | O_NONBLOCK, links);
	if (*fd_out >= 0)
		return COFFER_OK;
	if (errno == EXDEV)
		return fault_set(f, COFFER_E_USAGE,
				 "%s/%s is a link that leaves the model; --follow-symlinks seals what it points to",
				 shown, path);
	if (errno == ELOOP)
		return fault_set(f, COFFER_E_USAGE, "%s/%s is a symbolic link, or lies behind one", shown, path);
	return fault_errno(f, errno, "cannot open %s/%s", shown, path);
}

/* Open the folder @name of the folder @fd, made when it is not there and @make; -1 and errno. */
static int
enter(int fd, const char *name, size_t len, bool make)
{
	char part[LIMIT_PATH_PART + 8];
	struct stat st;
	int next;

	if (len >= sizeof(part)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(part, name, len);
	part[len] = '\0';
	if (strcmp(part, "..") == 0) {
		errno = EXDEV;
		return -1;
	}
	if (make && mkdirat(fd, part, 0777) != 0 && errno != EEXIST)
		return -1;
	/* the name of a new folder is made durable before anything is put into it; of one that a killed run made, too */
	if (make)
		(void)fsync(fd);
	next = openat(fd, part, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY);
	/* for a link it says ENOTDIR when it must be a folder, too */
	if (next < 0 && errno == ENOTDIR)
		errno = fstatat(fd, part, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode) ? ELOOP : ENOTDIR;
	return next;
}

coffer_err
path_parent(struct fault *f, int dirfd, const char *shown, const char *path, bool make, int *fd_out)
{
	const char *rest = path, *slash;
	int fd = fcntl(dirfd, F_DUPFD_CLOEXEC, 3);

	*fd_out = -1;
	for (; fd >= 0 && (slash = strchr(rest, '/')); rest = slash + 1) {
		int next = enter(fd, rest, (size_t)(slash - rest), make);
		int errnum = errno;

		file_close(&fd);
		errno = errnum;
		fd = next;
	}
	if (fd < 0 && errno == ELOOP)
		return fault_set(f, COFFER_E_USAGE, "%s/%s lies behind a symbolic link", shown, path);
	if (fd < 0)
		return fault_errno(f, errno, "cannot enter a folder of %s/%s", shown, path);
	*fd_out = fd;
	return COFFER_OK;
}
