/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/backup_scan.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/path.h"
#include "base/tree.h"
#include "engine/model.h"

static bool
ends_with(const char *text, const char *end)
{
	size_t len = strlen(text), end_len = strlen(end);

	return len > end_len && strcmp(text + len - end_len, end) == 0;
}

/* ---- roots ---- */

void
roots_free(struct roots *r)
{
	for (size_t i = 0; i < r->n; i++) {
		free(r->v[i].name);
		free(r->v[i].path);
	}
	free(r->v);
	*r = (struct roots){.v = NULL};
}

/* Takes @real over. */
static coffer_err
add_root(struct fault *f, struct roots *r, char *real)
{
	struct backup_root *v = realloc(r->v, (r->n + 1) * sizeof(*v));
	const char *name = path_base(real);

	if (!v) {
		free(real);
		return fault_nomem(f);
	}
	r->v = v;
	r->v[r->n] = (struct backup_root){.name = strdup(*name ? name : "root"), .path = real};
	if (!r->v[r->n++].name)
		return fault_nomem(f);
	if (r->n > LIMIT_BACKUP_ROOTS)
		return fault_set(f, COFFER_E_USAGE, "more than %u folders to back up; name one that they are in",
				 LIMIT_BACKUP_ROOTS);
	if (!text_check(real, strlen(real)))
		return fault_set(f, COFFER_E_USAGE, "the name of %s is not UTF-8", real);
	for (size_t i = 0; i + 1 < r->n; i++)
		if (strcmp(r->v[i].name, r->v[r->n - 1].name) == 0 && strcmp(r->v[i].path, real) != 0)
			return fault_set(
				f, COFFER_E_USAGE,
				"%s and %s would have one name in the backup; name the folder that they are in",
				r->v[i].path, real);
	return backup_path_check(f, r->v[r->n - 1].name);
}

static bool
is_root(const struct roots *r, const char *path)
{
	for (size_t i = 0; i < r->n; i++)
		if (strcmp(r->v[i].path, path) == 0)
			return true;
	return false;
}

/* Takes @path over; it is a root if it is there. */
static coffer_err
add_beside(struct fault *f, struct roots *r, char *path)
{
	struct stat st;

	if (!is_root(r, path) && lstat(path, &st) == 0 && S_ISREG(st.st_mode))
		return add_root(f, r, path);
	free(path);
	return COFFER_OK;
}

static coffer_err
add_signatures(struct fault *f, struct roots *r, const char *path)
{
	char *outer = NULL, *inner = NULL;
	coffer_err err;

	TRY(model_outer_path(f, path, false, &outer));
	TRY(model_inner_path(f, path, &inner));
	err = add_beside(f, r, outer);
	outer = NULL;
	TRY(err);
	err = add_beside(f, r, inner);
	inner = NULL;
out:
	free(outer);
	free(inner);
	return err;
}

coffer_err
roots_find(struct fault *f, const char *const *paths, size_t n, struct roots *out)
{
	coffer_err err = COFFER_OK;
	struct stat st;

	*out = (struct roots){.v = NULL};
	for (size_t i = 0; i < n; i++) {
		char *real = realpath(paths[i], NULL);

		if (!real || stat(real, &st) != 0) {
			free(real);
			return fault_errno(f, errno, "cannot find %s", paths[i]);
		}
		if (is_root(out, real)) {
			free(real);
			continue;
		}
		TRY(add_root(f, out, real));
		if (S_ISREG(st.st_mode) && ends_with(real, SUFFIX))
			TRY(add_signatures(f, out, real));
		else if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
			TRY(fault_set(f, COFFER_E_USAGE, "%s is neither a file nor a folder", real));
	}
out:
	return err;
}

/* ---- what a scan finds first: names ---- */

enum kind {
	OTHER,	 /* nobody has said anything about it yet */
	MEMBER,	 /* of a model, or a model */
	IGNORED, /* hidden, or of a model that is not whole */
};

struct name {
	char *path; /* with the name of its root in front */
	enum kind kind;
	uint64_t model; /* of a member of a directory: which */
};

struct names {
	struct scan *scan;
	const struct filter *filter;
	size_t root;
	struct name *v;
	size_t n, cap;
};

static void
free_names(struct names *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->v[i].path);
	free(l->v);
}

/* Takes @path over. */
static coffer_err
add_name(struct fault *f, struct names *l, char *path)
{
	if (l->n == LIMIT_BACKUP_FILES) {
		free(path);
		return fault_set(f, COFFER_E_USAGE, "more than %u files for one backup; make several",
				 LIMIT_BACKUP_FILES);
	}
	if (l->n == l->cap) {
		size_t cap = l->cap ? 2 * l->cap : 256;
		struct name *v = realloc(l->v, cap * sizeof(*v));

		if (!v) {
			free(path);
			return fault_nomem(f);
		}
		l->v = v;
		l->cap = cap;
	}
	l->v[l->n++] = (struct name){.path = path};
	return COFFER_OK;
}

static coffer_err
name_entry(void *arg, struct fault *f, const struct tree_entry *e)
{
	struct names *l = arg;
	char *path;

	if (e->type == DT_LNK)
		l->scan->n_links++;
	if (e->type != DT_REG)
		return COFFER_OK;
	if (asprintf(&path, "%s/%s", l->scan->roots->v[l->root].name, e->path) < 0)
		return fault_nomem(f);
	return add_name(f, l, path);
}

static bool
is_excluded(void *arg, const char *path, const char *name)
{
	const struct names *l = arg;
	char *full;
	bool excluded;

	(void)name;
	if (l->filter->n_exclude == 0 || asprintf(&full, "%s/%s", l->scan->roots->v[l->root].name, path) < 0)
		return false;
	excluded = false;
	for (size_t i = 0; i < l->filter->n_exclude; i++)
		excluded = excluded || path_matches(l->filter->exclude[i], full);
	free(full);
	return excluded;
}

static coffer_err
name_root(struct fault *f, struct names *l, size_t root)
{
	const struct tree_visitor visitor = {.entry = name_entry, .leave_out = is_excluded, .arg = l};
	const struct backup_root *r = &l->scan->roots->v[root];
	int *fd = &l->scan->fds[root];
	struct stat st;
	char *copy;

	l->root = root;
	if (stat(r->path, &st) != 0)
		return fault_errno(f, errno, "cannot find %s", r->path);
	if (!S_ISDIR(st.st_mode)) {
		copy = strdup(r->name);
		return copy ? add_name(f, l, copy) : fault_nomem(f);
	}
	*fd = open(r->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (*fd < 0)
		return fault_errno(f, errno, "cannot open the folder %s", r->path);
	return tree_walk(f, *fd, r->path, &visitor);
}

static int
compare_names(const void *a, const void *b)
{
	const struct name *x = a, *y = b;

	return strcmp(x->path, y->path);
}

static struct name *
find_name(const struct names *l, const char *path)
{
	struct name key = {.path = (char *)(uintptr_t)path};

	return l->n > 0 ? bsearch(&key, l->v, l->n, sizeof(*l->v), compare_names) : NULL;
}

/* The name @suffix behind the first @len bytes of @path, or NULL. */
static struct name *
find_beside(struct fault *f, const struct names *l, const char *path, size_t len, const char *suffix, coffer_err *err)
{
	struct name *found;
	char *full;

	if (asprintf(&full, "%.*s%s", (int)len, path, suffix) < 0) {
		*err = fault_nomem(f);
		return NULL;
	}
	found = find_name(l, full);
	free(full);
	return found;
}

/* ---- opening ---- */

static coffer_err
find_root(struct fault *f, const struct scan *s, const char *path, size_t *root_out, const char **rest_out)
{
	const char *slash = strchr(path, '/');
	size_t len = slash ? (size_t)(slash - path) : strlen(path);

	*rest_out = slash ? slash + 1 : "";
	for (*root_out = 0; *root_out < s->roots->n; ++*root_out)
		if (strlen(s->roots->v[*root_out].name) == len && strncmp(s->roots->v[*root_out].name, path, len) == 0)
			return COFFER_OK;
	return fault_set(f, COFFER_E_INTERNAL, "%s is of no root", path);
}

coffer_err
scan_open(struct fault *f, const struct scan *s, const char *path, int *fd_out)
{
	const char *rest;
	size_t root;
	coffer_err err;

	*fd_out = -1;
	TRY(find_root(f, s, path, &root, &rest));
	if (*rest) {
		TRY(path_open(f, s->fds[root], s->roots->v[root].path, rest, PATH_NO_LINKS, fd_out));
		goto out;
	}
	*fd_out = open(s->roots->v[root].path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | O_NOFOLLOW);
	if (*fd_out < 0)
		err = fault_errno(f, errno, "cannot open %s", s->roots->v[root].path);
out:
	return err;
}

/* The folder of @path, which is below a root. */
static coffer_err
open_folder(struct fault *f, const struct scan *s, const char *path, int *fd_out)
{
	const char *rest;
	size_t root;
	coffer_err err;

	TRY(find_root(f, s, path, &root, &rest));
	TRY(path_parent(f, s->fds[root], s->roots->v[root].path, rest, false, fd_out));
out:
	return err;
}

/* ---- which of them are models ---- */

/* @why is about a model that is not whole; the rest is looked at all the same. */
static void
note_broken(struct scan *s, const struct fault *why)
{
	if (s->n_broken++ == 0)
		s->broken = *why;
}

static bool
is_below(const struct name *name, const char *path, size_t len)
{
	return strncmp(name->path, path, len) == 0;
}

/* The first of the names that begin with the first @len bytes of @path, a folder and its slash; they stand together. */
static size_t
first_below(const struct names *l, const char *path, size_t len)
{
	size_t low = 0, high = l->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strncmp(l->v[middle].path, path, len) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void
ignore_below(struct names *l, const char *path, size_t len)
{
	for (size_t i = first_below(l, path, len); i < l->n && is_below(&l->v[i], path, len); i++)
		l->v[i].kind = IGNORED;
}

/* The part of @path below its root. */
static const char *
below_root(const char *path)
{
	const char *slash = strchr(path, '/');

	return slash ? slash + 1 : "";
}

static coffer_err
take_member(struct fault *f, struct names *l, const char *path, size_t len, const char *member, uint64_t model)
{
	struct name *plain, *sealed;
	coffer_err err = COFFER_OK;
	char *name;

	if (asprintf(&name, "%s" SUFFIX, member) < 0)
		return fault_nomem(f);
	sealed = find_beside(f, l, path, len, name, &err);
	plain = find_beside(f, l, path, len, member, &err);
	free(name);
	if (err)
		return err;
	if (plain)
		return fault_set(f, COFFER_E_PLAIN, "%s is a plain file where only a sealed one belongs", plain->path);
	if (!sealed)
		return fault_set(f, COFFER_E_FILESET, "%.*s%s" SUFFIX " is missing", (int)len, path, member);
	sealed->kind = MEMBER;
	sealed->model = model;
	return COFFER_OK;
}

/* A sealed file that the key block does not list: the model would not open. */
static coffer_err
check_no_more(struct fault *f, const struct names *l, const char *path, size_t len, uint64_t model)
{
	for (size_t i = first_below(l, path, len); i < l->n && is_below(&l->v[i], path, len); i++)
		if (l->v[i].model != model && ends_with(l->v[i].path, SUFFIX) && !path_is_hidden(l->v[i].path + len))
			return fault_set(f, COFFER_E_FILESET, "%s is not a file of its model", l->v[i].path);
	return COFFER_OK;
}

/* The model whose key block is @block: what it lists is there, and nothing else that could be taken for a part of it. */
static coffer_err
take_model(struct fault *f, struct names *l, struct name *block, uint64_t model)
{
	size_t len = (size_t)(path_base(block->path) - block->path);
	struct keyblock k = KEYBLOCK_INIT;
	struct name *outer;
	int fd = -1;
	coffer_err err;

	TRY(open_folder(f, l->scan, block->path, &fd));
	TRY(model_read_keyblock(f, fd, block->path, KEYBLOCK_NAME, &k));
	for (size_t i = 0; i < k.n_files; i++)
		TRY(take_member(f, l, block->path, len, k.files[i].path, model));
	TRY(check_no_more(f, l, block->path, len, model));
	outer = find_beside(f, l, block->path, len, OUTER_NAME, &err);
	if (outer)
		outer->kind = MEMBER;
	block->kind = MEMBER;
out:
	file_close(&fd);
	keyblock_free(&k);
	return err;
}

/* What belongs to the model, and not to the machine or to the store: then it is left out, and the others are backed up. */
static bool
is_of_model(coffer_err err)
{
	return coffer_err_exit(err) == 5 || err == COFFER_E_NOTFOUND || err == COFFER_E_PERM || err == COFFER_E_USAGE;
}

static coffer_err
take_directories(struct fault *f, struct names *l)
{
	struct fault why = {0};
	coffer_err err = COFFER_OK;

	for (size_t i = 0; i < l->n; i++) {
		struct name *name = &l->v[i];
		size_t len = (size_t)(path_base(name->path) - name->path);

		if (len == 0 || name->kind != OTHER || strcmp(name->path + len, KEYBLOCK_NAME) != 0 ||
		    path_is_hidden(below_root(name->path)))
			continue;
		err = take_model(&why, l, name, i + 1);
		if (err == COFFER_OK) {
			l->scan->n_models++;
			continue;
		}
		if (!is_of_model(err))
			return fault_set(f, err, "%s", why.text);
		note_broken(l->scan, &why);
		ignore_below(l, name->path, len);
	}
	return COFFER_OK;
}

/* A folder that is being sealed, or whose sealing was interrupted: it is no model yet. */
static coffer_err
pass_over_partial(struct fault *f, struct names *l)
{
	coffer_err err = COFFER_OK;

	for (size_t i = 0; i < l->n; i++) {
		const char *path = l->v[i].path;
		size_t len = (size_t)(path_base(path) - path);
		struct fault why;

		if (len == 0 || strcmp(path + len, PARTIAL_NAME) != 0 ||
		    find_beside(f, l, path, len, KEYBLOCK_NAME, &err))
			continue;
		TRY(err);
		(void)fault_set(&why, COFFER_E_FILESET,
				"%.*s is not sealed to the end: that goes on, or was interrupted; give the same seal "
				"command again",
				(int)len, path);
		note_broken(l->scan, &why);
		ignore_below(l, path, len);
	}
out:
	return err;
}

/* Whether @name is a model of one file; COFFER_OK and *@out false when it is not sealed at all. */
static coffer_err
look_into(struct fault *f, const struct scan *s, const char *path, bool *out)
{
	struct input in = INPUT_INIT;
	struct head head;
	uint8_t start[8];
	int fd;
	coffer_err err;

	*out = false;
	TRY(scan_open(f, s, path, &fd));
	TRY(input_from_fd(f, &in, fd, path));
	if (in.size < sizeof(start))
		goto out;
	TRY(input_read(f, &in, 0, start, sizeof(start)));
	if (!head_is_sealed(start, sizeof(start)))
		goto out;
	TRY(sealed_read_head(f, &in, &head));
	if (!head.embedded)
		TRY(fault_set(f, COFFER_E_FILESET, "%s is one file of a model, and the folder has no " KEYBLOCK_NAME,
			      path));
	*out = true;
out:
	input_close(&in);
	return err;
}

static coffer_err
take_files(struct fault *f, struct names *l)
{
	coffer_err err = COFFER_OK;

	for (size_t i = 0; i < l->n; i++) {
		struct name *name = &l->v[i], *outer;
		struct fault why = {0};
		bool is_model;

		if (name->kind != OTHER || !ends_with(name->path, SUFFIX) || path_is_hidden(below_root(name->path)))
			continue;
		err = look_into(&why, l->scan, name->path, &is_model);
		if (err && !is_of_model(err))
			return fault_set(f, err, "%s", why.text);
		if (err) {
			note_broken(l->scan, &why);
			name->kind = IGNORED;
		}
		if (err || !is_model)
			continue;
		name->kind = MEMBER;
		l->scan->n_models++;
		outer = find_beside(f, l, name->path, strlen(name->path), ".sig", &err);
		TRY(err);
		if (outer)
			outer->kind = MEMBER;
	}
	err = COFFER_OK;
out:
	return err;
}

/* ---- the lists ---- */

void
scan_set_stat(struct backup_file *file, const struct stat *st)
{
	const uint64_t second = UINT64_C(1000000000);

	file->size = (uint64_t)st->st_size;
	file->mode = st->st_mode & 0777;
	file->mtime_ns =
		st->st_mtim.tv_sec < 0 ? 0 : (uint64_t)st->st_mtim.tv_sec * second + (uint64_t)st->st_mtim.tv_nsec;
	file->ctime_ns =
		st->st_ctim.tv_sec < 0 ? 0 : (uint64_t)st->st_ctim.tv_sec * second + (uint64_t)st->st_ctim.tv_nsec;
	file->inode = st->st_ino;
}

bool
scan_is_same(const struct backup_file *a, const struct backup_file *b)
{
	return a->size == b->size && a->mtime_ns == b->mtime_ns && a->ctime_ns == b->ctime_ns && a->inode == b->inode;
}

static int
compare_files(const void *a, const void *b)
{
	const struct backup_file *x = a, *y = b;

	return strcmp(x->path, y->path);
}

struct backup_file *
scan_list_find(const struct backup_file *v, size_t n, const char *path)
{
	struct backup_file key = {.path = (char *)(uintptr_t)path};

	return n > 0 ? bsearch(&key, v, n, sizeof(*v), compare_files) : NULL;
}

/* Takes @name's path over. */
static coffer_err
list_file(struct fault *f, struct scan_list *list, struct name *name, const struct stat *st)
{
	if (list->n == list->cap) {
		size_t cap = list->cap ? 2 * list->cap : 256;
		struct backup_file *v = realloc(list->v, cap * sizeof(*v));

		if (!v)
			return fault_nomem(f);
		list->v = v;
		list->cap = cap;
	}
	list->v[list->n] = (struct backup_file){.path = name->path};
	scan_set_stat(&list->v[list->n++], st);
	name->path = NULL;
	return COFFER_OK;
}

static coffer_err
stat_name(struct fault *f, const struct scan *s, const char *path, struct stat *st)
{
	const char *rest;
	size_t root;
	coffer_err err;
	int rc;

	TRY(find_root(f, s, path, &root, &rest));
	rc = *rest ? fstatat(s->fds[root], rest, st, AT_SYMLINK_NOFOLLOW) : lstat(s->roots->v[root].path, st);
	if (rc != 0 && (errno == ENOENT || errno == ENOTDIR))
		err = fault_set(f, COFFER_E_CHANGED, "%s went away while it was looked at", path);
	else if (rc != 0)
		err = fault_errno(f, errno, "cannot look at %s", path);
out:
	return err;
}

static coffer_err
make_lists(struct fault *f, struct names *l)
{
	struct scan *s = l->scan;
	struct stat st;
	coffer_err err = COFFER_OK;

	for (size_t i = 0; i < l->n; i++) {
		struct name *name = &l->v[i];

		if (name->kind == IGNORED || (name->kind == OTHER && path_is_hidden(below_root(name->path))))
			continue;
		TRY(backup_path_check(f, name->path));
		TRY(stat_name(f, s, name->path, &st));
		TRY(list_file(f, name->kind == MEMBER ? &s->sealed : &s->plain, name, &st));
	}
out:
	return err;
}

/* ---- all of it ---- */

coffer_err
scan_run(struct fault *f, const struct roots *roots, const struct filter *filter, struct scan *out)
{
	struct names l = {.scan = out, .filter = filter};
	coffer_err err;

	*out = (struct scan){.roots = roots};
	out->fds = malloc((roots->n + 1) * sizeof(*out->fds));
	if (!out->fds)
		return fault_nomem(f);
	for (size_t i = 0; i < roots->n; i++)
		out->fds[i] = -1;
	for (size_t i = 0; i < roots->n; i++)
		TRY(name_root(f, &l, i));
	if (l.n > 0)
		qsort(l.v, l.n, sizeof(*l.v), compare_names);
	TRY(pass_over_partial(f, &l));
	TRY(take_directories(f, &l));
	TRY(take_files(f, &l));
	TRY(make_lists(f, &l));
out:
	free_names(&l);
	return err;
}

static void
free_list(struct scan_list *list)
{
	for (size_t i = 0; i < list->n; i++)
		backup_file_free(&list->v[i]);
	free(list->v);
}

void
scan_free(struct scan *s)
{
	for (size_t i = 0; s->fds && i < s->roots->n; i++)
		file_close(&s->fds[i]);
	free(s->fds);
	free_list(&s->sealed);
	free_list(&s->plain);
	memset(s, 0, sizeof(*s));
}
