/* SPDX-License-Identifier: Apache-2.0 */
#include "key/store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/home.h"
#include "base/limits.h"

#define SUFFIX ".key"
#define FILE_NAME_MAX (LIMIT_KEY_NAME + sizeof(SUFFIX))

/* ---- the folder ---- */

static coffer_err
find_dir(struct fault *f, const char *dir, char **out)
{
	const char *keys = dir ? dir : home_setting("COFFER_KEYS");

	if (!keys)
		return home_path(f, HOME_CONFIG, "keys", out);
	*out = strdup(keys);
	return *out ? COFFER_OK : fault_nomem(f);
}

struct store {
	int fd;
	char *dir;
};

#define STORE_INIT                                                                                                     \
	{                                                                                                              \
		.fd = -1, .dir = NULL                                                                                  \
	}

static void
close_store(struct store *s)
{
	file_close(&s->fd);
	free(s->dir);
	s->dir = NULL;
}

enum presence {
	MUST_BE_THERE,
	MAKE_IT,
};

/* Whoever may write the folder may put in a key of his, and have models sealed for it. */
static coffer_err
open_store(struct fault *f, const char *dir, enum presence presence, struct store *s)
{
	struct stat st;
	coffer_err err;

	TRY(find_dir(f, dir, &s->dir));
	if (presence == MAKE_IT)
		TRY(home_make(f, "the keyring folder", s->dir));
	s->fd = open(s->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->fd < 0 || fstat(s->fd, &st) != 0)
		return fault_errno(f, errno, "cannot open the keyring folder %s", s->dir);
	if (st.st_mode & 022)
		return fault_set(f, COFFER_E_PERM,
				 "others may write the keyring folder %s (mode %04o); run: chmod 700 %s", s->dir,
				 (unsigned int)st.st_mode & 07777, s->dir);
out:
	return err;
}

/* ---- one key ---- */

static coffer_err
check_name(struct fault *f, const char *name)
{
	if (!key_name_valid(view_of(name, strnlen(name, LIMIT_KEY_NAME + 1))))
		return fault_set(f, COFFER_E_USAGE,
				 "the name of a key is 1 to %u of A-Z a-z 0-9 . _ -, with no dot in front",
				 LIMIT_KEY_NAME);
	return COFFER_OK;
}

static coffer_err
no_such_key(struct fault *f, const struct store *s, const char *name)
{
	return fault_set(f, COFFER_E_NOTFOUND, "the keyring %s has no key «%s»", s->dir, name);
}

static coffer_err
path_of(struct fault *f, const struct store *s, const char *name, char **out)
{
	if (asprintf(out, "%s/%s" SUFFIX, s->dir, name) < 0) {
		*out = NULL;
		return fault_nomem(f);
	}
	return COFFER_OK;
}

coffer_err
store_path(struct fault *f, const char *dir, const char *name, char **path_out)
{
	struct store s = STORE_INIT;
	coffer_err err;

	*path_out = NULL;
	TRY(check_name(f, name));
	TRY(open_store(f, dir, MAKE_IT, &s));
	TRY(path_of(f, &s, name, path_out));
out:
	close_store(&s);
	return err;
}

static void
set_name(struct keyfile *k, const char *name)
{
	(void)snprintf(k->info.name, sizeof(k->info.name), "%s", name);
}

/* @name is valid: it has been checked, or comes from list_names(). */
static coffer_err
read_key(struct fault *f, const struct store *s, const char *name, struct keyfile *out)
{
	char file[FILE_NAME_MAX], *path = NULL;
	coffer_err err;

	TRY(path_of(f, s, name, &path));
	(void)snprintf(file, sizeof(file), "%s" SUFFIX, name);
	TRY(keyfile_read_at(f, s->fd, file, path, out));
	set_name(out, name);
out:
	free(path);
	return err;
}

coffer_err
store_read(struct fault *f, const char *dir, const char *name, struct keyfile *out)
{
	struct store s = STORE_INIT;
	coffer_err err;

	TRY(check_name(f, name));
	TRY(open_store(f, dir, MUST_BE_THERE, &s));
	err = read_key(f, &s, name, out);
	if (err == COFFER_E_NOTFOUND)
		(void)no_such_key(f, &s, name);
out:
	close_store(&s);
	return err;
}

coffer_err
store_load(struct fault *f, const struct key_uri *uri, struct keyfile *out)
{
	switch (uri->scheme) {
	case KEY_FILE:
		return keyfile_read(f, uri->path, out);
	case KEY_STORED:
		return store_read(f, NULL, uri->name, out);
	case KEY_RECIPIENT:
		return keyfile_from_public(f, uri->public_key, out);
	default:
		return fault_set(f, COFFER_E_USAGE,
				 "a passphrase is no key that can be shown or kept; name a key file");
	}
}

coffer_err
store_import(struct fault *f, const char *dir, const char *name, const char *uri)
{
	struct keyfile k = KEYFILE_INIT;
	struct key_uri parsed;
	char *path = NULL;
	coffer_err err;

	TRY(check_name(f, name));
	TRY(key_uri_parse(f, uri, &parsed));
	TRY(store_load(f, &parsed, &k));
	set_name(&k, name);
	TRY(store_path(f, dir, name, &path));
	TRY(keyfile_write(f, path, &k));
out:
	free(path);
	keyfile_free(&k);
	return err;
}

coffer_err
store_remove(struct fault *f, const char *dir, const char *name)
{
	struct store s = STORE_INIT;
	char file[FILE_NAME_MAX];
	coffer_err err;

	TRY(check_name(f, name));
	TRY(open_store(f, dir, MUST_BE_THERE, &s));
	(void)snprintf(file, sizeof(file), "%s" SUFFIX, name);
	if (unlinkat(s.fd, file, 0) != 0) {
		err = errno == ENOENT ? no_such_key(f, &s, name)
				      : fault_errno(f, errno, "cannot remove the key «%s» of %s", name, s.dir);
		goto out;
	}
	TRY(file_sync_dir(f, s.fd, file));
out:
	close_store(&s);
	return err;
}

/* ---- all keys ---- */

struct names {
	char (*list)[LIMIT_KEY_NAME + 1];
	size_t n;
};

/* «NAME.key» to NAME; false for whatever else lies in the folder. */
static bool
name_of(const char *file, char out[static LIMIT_KEY_NAME + 1])
{
	size_t len = strlen(file), suffix_len = strlen(SUFFIX);

	if (len <= suffix_len || strcmp(file + len - suffix_len, SUFFIX) != 0)
		return false;
	len -= suffix_len;
	if (!key_name_valid(view_of(file, len)))
		return false;
	memcpy(out, file, len);
	out[len] = '\0';
	return true;
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(a, b);
}

static coffer_err
read_names(struct fault *f, DIR *d, const char *dir, struct names *out)
{
	const struct dirent *entry;
	char name[LIMIT_KEY_NAME + 1];

	for (errno = 0; (entry = readdir(d)); errno = 0) {
		if (!name_of(entry->d_name, name))
			continue;
		if (out->n == LIMIT_KEYS)
			return fault_set(f, COFFER_E_KEY, "the keyring %s has more than %u keys", dir, LIMIT_KEYS);
		memcpy(out->list[out->n++], name, sizeof(name));
	}
	if (errno != 0)
		return fault_errno(f, errno, "cannot read the keyring folder %s", dir);
	qsort(out->list, out->n, sizeof(out->list[0]), by_name);
	return COFFER_OK;
}

static coffer_err
list_names(struct fault *f, const struct store *s, struct names *out)
{
	int fd = openat(s->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	coffer_err err;

	if (!d) {
		err = fault_errno(f, errno, "cannot read the keyring folder %s", s->dir);
		file_close(&fd);
		return err;
	}
	out->list = calloc(LIMIT_KEYS, sizeof(out->list[0]));
	err = out->list ? read_names(f, d, s->dir, out) : fault_nomem(f);
	(void)closedir(d);
	return err;
}

coffer_err
store_each(struct fault *f, const char *dir, coffer_err (*fn)(void *user, struct fault *f, const struct keyfile *k),
	   void *user)
{
	struct store s = STORE_INIT;
	struct names names = {.list = NULL, .n = 0};
	struct keyfile k = KEYFILE_INIT;
	coffer_err err;

	err = open_store(f, dir, MUST_BE_THERE, &s);
	if (err == COFFER_E_NOTFOUND) {
		/* no folder, no keys */
		if (f)
			fault_clear(f);
		err = COFFER_OK;
		goto out;
	}
	TRY(err);
	TRY(list_names(f, &s, &names));
	for (size_t i = 0; i < names.n; i++) {
		TRY(read_key(f, &s, names.list[i], &k));
		TRY(fn(user, f, &k));
		keyfile_free(&k);
	}
out:
	keyfile_free(&k);
	free(names.list);
	close_store(&s);
	return err;
}

struct list {
	struct coffer_key_info *p;
	size_t n;
};

static coffer_err
add_info(void *user, struct fault *f, const struct keyfile *k)
{
	struct list *l = user;
	struct coffer_key_info *p = reallocarray(l->p, l->n + 1, sizeof(*p));

	if (!p)
		return fault_nomem(f);
	l->p = p;
	l->p[l->n++] = k->info;
	return COFFER_OK;
}

coffer_err
store_list(struct fault *f, const char *dir, struct coffer_key_info **list_out, size_t *n_out)
{
	struct list l = {.p = NULL, .n = 0};
	coffer_err err;

	*list_out = NULL;
	*n_out = 0;
	TRY(store_each(f, dir, add_info, &l));
	*list_out = l.p;
	*n_out = l.n;
	l.p = NULL;
out:
	free(l.p);
	return err;
}
