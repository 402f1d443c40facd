/* SPDX-License-Identifier: Apache-2.0 */
#include "mem/secret_file.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/view.h"

/* set by whoever is above this layer and knows of one; @scheme is written last, and with it the other is there */
static struct {
	_Atomic(const char *) scheme;
	secret_source_fn get;
} source;

void
secret_file_set_source(const char *scheme, secret_source_fn get)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

	(void)pthread_mutex_lock(&lock);
	if (!atomic_load(&source.scheme)) {
		source.get = get;
		atomic_store(&source.scheme, scheme);
	}
	(void)pthread_mutex_unlock(&lock);
}

bool
secret_file_is_source(const char *path)
{
	const char *scheme = atomic_load(&source.scheme);

	return scheme && strncmp(path, scheme, strlen(scheme)) == 0;
}

/* as much as @room has space for, or until the end */
static coffer_err
read_all(struct fault *f, int fd, const char *what, const char *path, struct secret *room, size_t *len_out)
{
	while (*len_out < room->len) {
		ssize_t n = read(fd, room->p + *len_out, room->len - *len_out);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EISDIR)
			return fault_set(f, COFFER_E_KEY, "%s is a folder, and %s is read from a file: name that", path,
					 what);
		if (n < 0)
			return fault_errno(f, errno, "cannot read %s, where %s should be", path, what);
		if (n == 0)
			break;
		*len_out += (size_t)n;
	}
	return COFFER_OK;
}

coffer_err
secret_from_plain_file(struct fault *f, const char *what, const char *path, size_t max, struct secret *out)
{
	/* one byte more than may be there, so that more is seen */
	struct secret room = SECRET_INIT;
	struct view text;
	size_t len = 0;
	coffer_err err;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

	if (fd < 0)
		return fault_errno(f, errno, "cannot open %s, where %s should be", path, what);
	TRY(secret_new(f, &room, max + 1));
	TRY(read_all(f, fd, what, path, &room, &len));
	text = view_trim(view_of(room.p, len));
	if (len > max || text.len == 0)
		TRY(fault_set(f, COFFER_E_KEY, "%s in %s is %s", what, path, len > max ? "too long" : "empty"));
	TRY(secret_copy(f, out, text.p, text.len));
out:
	secret_free(&room);
	file_close(&fd);
	return err;
}

/* What a store holds may end in a line feed as a file does. */
static coffer_err
from_source(struct fault *f, const char *what, const char *uri, size_t max, bool one_line, struct secret *out)
{
	struct secret whole = SECRET_INIT;
	const uint8_t *end;
	struct view text;
	coffer_err err;

	TRY(source.get(f, what, uri, max, &whole));
	text = view_trim(view_of(whole.p, whole.len));
	end = one_line && text.len > 0 ? memchr(text.p, '\n', text.len) : NULL;
	if (end)
		text = view_trim(view_of(text.p, (size_t)(end - text.p)));
	if (text.len == 0)
		TRY(fault_set(f, COFFER_E_KEY, "%s in %s is empty", what, uri));
	TRY(secret_copy(f, out, text.p, text.len));
out:
	secret_free(&whole);
	return err;
}

coffer_err
secret_from_file(struct fault *f, const char *what, const char *path, size_t max, struct secret *out)
{
	return secret_file_is_source(path) ? from_source(f, what, path, max, false, out)
					   : secret_from_plain_file(f, what, path, max, out);
}

coffer_err
secret_line_from_source(struct fault *f, const char *what, const char *uri, size_t max, struct secret *out)
{
	return from_source(f, what, uri, max, true, out);
}
