/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/models.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <coffer/rewrap.h>

#include "base/file.h"
#include "base/path.h"
#include "base/tree.h"
#include "engine/ctx.h"
#include "engine/model.h"
#include "engine/walk.h"

struct inode {
	dev_t device;
	ino_t number;
};

coffer_err
coffer_models_new(struct coffer_ctx *ctx, struct coffer_models **models_out)
{
	struct fault *f = ctx_begin(ctx);

	*models_out = calloc(1, sizeof(**models_out));
	return *models_out ? COFFER_OK : fault_nomem(f);
}

void
coffer_models_free(struct coffer_models **models)
{
	struct coffer_models *m = *models;

	*models = NULL;
	if (!m)
		return;
	for (size_t i = 0; i < m->n; i++) {
		free(m->places[i].path);
		free(m->places[i].why);
	}
	free(m->places);
	tdestroy(m->seen, free);
	free(m);
}

size_t
coffer_models_size(const struct coffer_models *models)
{
	return models->n;
}

const char *
coffer_models_path(const struct coffer_models *models, size_t index)
{
	return models->places[index].path;
}

coffer_err
coffer_models_error(const struct coffer_models *models, size_t index, const char **message_out)
{
	const struct fault *why = models->places[index].why;

	*message_out = why ? why->text : "";
	return why ? why->err : COFFER_OK;
}

/* ---- adding ---- */

static int
compare_inodes(const void *a, const void *b)
{
	const struct inode *x = a, *y = b;

	if (x->device != y->device)
		return x->device < y->device ? -1 : 1;
	return x->number != y->number ? (x->number < y->number ? -1 : 1) : 0;
}

/* Whether what is at @path is in the list by another name: two at work on one model would be in each other's way. */
static coffer_err
see(struct fault *f, struct coffer_models *m, const char *path, bool *seen_out)
{
	struct inode *mine, **there;
	struct stat st;

	*seen_out = false;
	if (stat(path, &st) != 0) /* gone, or out of reach: whoever works on it says so */
		return COFFER_OK;
	mine = malloc(sizeof(*mine));
	if (!mine)
		return fault_nomem(f);
	*mine = (struct inode){st.st_dev, st.st_ino};
	there = tsearch(mine, &m->seen, compare_inodes);
	*seen_out = there && *there != mine;
	if (!there || *seen_out)
		free(mine);
	return there ? COFFER_OK : fault_nomem(f);
}

static coffer_err
add(struct fault *f, struct coffer_models *m, const char *path)
{
	struct model_place *grown;
	bool seen;
	coffer_err err;

	TRY(see(f, m, path, &seen));
	if (seen)
		return COFFER_OK;
	if (m->n == LIMIT_MODELS)
		return fault_set(f, COFFER_E_USAGE, "more than %u models at once", LIMIT_MODELS);
	if ((m->n & (m->n - 1)) == 0) { /* at each power of two there is room up to the next */
		grown = reallocarray(m->places, m->n ? 2 * m->n : 1, sizeof(*grown));
		if (!grown)
			return fault_nomem(f);
		m->places = grown;
	}
	m->places[m->n] = (struct model_place){.path = strdup(path)};
	if (!m->places[m->n].path)
		return fault_nomem(f);
	m->n++;
out:
	return err;
}

coffer_err
coffer_models_add(struct coffer_ctx *ctx, struct coffer_models *models, const char *path)
{
	return add(ctx_begin(ctx), models, path);
}

/* ---- looking for them ---- */

struct search {
	struct coffer_models *models;
	const char *dir;
	int fd; /* of it */
	struct filter exclude;
	struct fault *f;
	coffer_err err; /* of what leave_out() did, which cannot say */
};

static char *
full_path(const struct search *s, const char *path)
{
	size_t len = strlen(s->dir);
	char *full;

	while (len > 1 && s->dir[len - 1] == '/')
		len--;
	if (asprintf(&full, "%.*s%s%s", (int)len, s->dir, !*path || (len == 1 && s->dir[0] == '/') ? "" : "/", path) <
	    0)
		return NULL;
	return full;
}

static coffer_err
found(struct fault *f, struct search *s, const char *path)
{
	char *full = full_path(s, path);
	coffer_err err = full ? add(f, s->models, full) : fault_nomem(f);

	free(full);
	return err;
}

static bool
ends_with(const char *name, const char *end)
{
	size_t len = strlen(name), end_len = strlen(end);

	return len > end_len && strcmp(name + len - end_len, end) == 0;
}

/* what a rotation that was interrupted, or runs, has beside a model */
static bool
is_scratch(const char *name)
{
	return name[0] == '.' && (ends_with(name, ".coffer-new") || ends_with(name, ".coffer-tmp"));
}

/* That it cannot be told is no no: whoever works on it says why, and nothing is passed over in silence. */
static bool
is_no(int errnum)
{
	return errnum == ENOENT || errnum == ENOTDIR || errnum == ELOOP;
}

static bool
is_sealed_folder(int dirfd, const char *path)
{
	char *block = NULL;
	struct stat st;
	bool is;

	/* through a link to a folder one would leave the tree */
	if (fstatat(dirfd, path, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return !is_no(errno);
	if (!S_ISDIR(st.st_mode) || asprintf(&block, "%s/%s", path, KEYBLOCK_NAME) < 0)
		return S_ISDIR(st.st_mode);
	is = fstatat(dirfd, block, &st, AT_SYMLINK_NOFOLLOW) == 0 || !is_no(errno);
	free(block);
	return is;
}

/* Whether the file is a model of its own; a head that is damaged is one. */
static bool
is_sealed_file(int fd)
{
	uint8_t a[HEAD_A_LEN];
	struct head head;
	ssize_t n = pread(fd, a, sizeof(a), 0);

	if (n < 0)
		return true;
	if (!head_is_sealed(a, (size_t)n))
		return false;
	return n < HEAD_A_LEN || head_decode(NULL, a, &head) != COFFER_OK || head.embedded;
}

/* Of a file that may not be read only its name speaks. */
static bool
is_sealed_entry(const struct tree_entry *e)
{
	int fd = openat(e->dirfd, e->name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | O_NOFOLLOW);
	bool is = fd >= 0 ? is_sealed_file(fd) : errno == EACCES ? ends_with(e->name, SUFFIX) : !is_no(errno);

	file_close(&fd);
	return is;
}

static coffer_err
visit(void *arg, struct fault *f, const struct tree_entry *e)
{
	struct search *s = arg;

	if (s->err != COFFER_OK) /* its sentence is there already */
		return s->err;
	return e->type == DT_REG && is_sealed_entry(e) ? found(f, s, e->path) : COFFER_OK;
}

static bool
leave_out(void *arg, const char *path, const char *name)
{
	struct search *s = arg;

	if (s->err != COFFER_OK || is_scratch(name) || !filter_wants(&s->exclude, path))
		return true;
	if (!is_sealed_folder(s->fd, path))
		return false;
	s->err = found(s->f, s, path);
	return true;
}

static coffer_err
note_trouble(void *arg, struct fault *f, const char *path, const struct fault *why)
{
	struct search *s = arg;
	size_t n = s->models->n;
	coffer_err err;

	/* it went away meanwhile, with all that was in it */
	if (why->err == COFFER_E_NOTFOUND)
		return COFFER_OK;
	TRY(found(f, s, path));
	if (s->models->n == n) /* it is in the list, and in trouble, already */
		return COFFER_OK;
	s->models->places[n].why = malloc(sizeof(*why));
	if (!s->models->places[n].why)
		return fault_nomem(f);
	*s->models->places[n].why = *why;
out:
	return err;
}

static int
by_path(const void *a, const void *b)
{
	const struct model_place *x = a, *y = b;

	return strcmp(x->path, y->path);
}

static coffer_err
search_folder(struct fault *f, struct search *s)
{
	const struct tree_visitor visitor = {.entry = visit, .leave_out = leave_out, .trouble = note_trouble, .arg = s};
	size_t begin = s->models->n;
	coffer_err err;

	TRY(tree_walk(f, s->fd, s->dir, &visitor));
	TRY(s->err);
	if (s->models->n > begin)
		qsort(s->models->places + begin, s->models->n - begin, sizeof(*s->models->places), by_path);
out:
	return err;
}

coffer_err
coffer_models_add_tree(struct coffer_ctx *ctx, struct coffer_models *models, const char *dir,
		       const char *const *exclude, size_t n_exclude)
{
	struct fault *f = ctx_begin(ctx);
	struct search s = {.models = models,
			   .dir = dir,
			   .fd = open(dir, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK),
			   .exclude = {.exclude = exclude, .n_exclude = n_exclude, .hidden = true},
			   .f = f};
	struct stat st;
	coffer_err err;

	if (s.fd < 0 || fstat(s.fd, &st) != 0)
		TRY(fault_errno(f, errno, "cannot read %s", dir));
	if (S_ISDIR(st.st_mode) ? is_sealed_folder(s.fd, ".") : is_sealed_file(s.fd))
		err = add(f, models, dir);
	else if (S_ISDIR(st.st_mode))
		err = search_folder(f, &s);
	else
		err = fault_set(f, COFFER_E_FORMAT, "%s is neither a folder nor a sealed model", dir);
out:
	file_close(&s.fd);
	return err;
}
