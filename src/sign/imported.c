/* SPDX-License-Identifier: Apache-2.0 */
#include "sign/imported.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/home.h"
#include "base/limits.h"

#define SYSTEM_DIR "/etc/coffer/sigstore"
#define FOLDER "the folder of Sigstore's roots"

static const struct {
	const char *file;
	size_t limit;
	const char *missing;
} kinds[] = {
	[IMPORTED_TRUSTED_ROOT] =
		{"trusted_root.json", LIMIT_TRUSTED_ROOT,
		 "no trusted root of Sigstore is there; «coffer trust update» fetches one, «coffer trust import "
		 "FILE» takes a trusted_root.json"},
	[IMPORTED_SIGNING_CONFIG] = {"signing_config.json", LIMIT_TRUSTED_ROOT,
				     "no signing config of Sigstore is there; «coffer trust update» fetches one, "
				     "«coffer trust import FILE» takes a signing_config.json or a ClientTrustConfig"},
	[IMPORTED_MIRROR] = {"mirror", LIMIT_IDENTITY, "the trusted root of Sigstore is from a file"},
};

void
imported_free(struct imported *i)
{
	buf_free(&i->bytes);
	free(i->path);
	*i = (struct imported){.path = NULL};
}

static coffer_err
find_user_dir(struct fault *f, const struct trust_dirs *dirs, char **out)
{
	if (!dirs->user)
		return home_path(f, HOME_CONFIG, "sigstore", out);
	*out = strdup(dirs->user);
	return *out ? COFFER_OK : fault_nomem(f);
}

static coffer_err
path_in(struct fault *f, const char *dir, enum imported_kind kind, char **out)
{
	if (asprintf(out, "%s/%s", dir, kinds[kind].file) < 0) {
		*out = NULL;
		return fault_nomem(f);
	}
	return COFFER_OK;
}

/* ---- reading ---- */

static coffer_err
read_from(struct fault *f, const char *dir, enum imported_kind kind, struct imported *out)
{
	coffer_err err;
	int fd = -1;

	out->bytes = (struct buf)BUF_INIT(kinds[kind].limit);
	TRY(path_in(f, dir, kind, &out->path));
	TRY(home_open(f, FOLDER, dir, &fd));
	TRY(home_slurp(f, "the file", fd, kinds[kind].file, out->path, kinds[kind].limit, &out->bytes));
out:
	file_close(&fd);
	if (err != COFFER_OK)
		imported_free(out);
	return err;
}

static coffer_err
read_users(struct fault *f, const struct trust_dirs *dirs, enum imported_kind kind, struct imported *out)
{
	char *dir = NULL;
	coffer_err err;

	TRY(find_user_dir(f, dirs, &dir));
	TRY(read_from(f, dir, kind, out));
out:
	free(dir);
	return err;
}

coffer_err
imported_find(struct fault *f, const struct trust_dirs *dirs, enum imported_kind kind, enum imported_by by,
	      struct imported *out)
{
	coffer_err err = read_from(f, dirs->system ? dirs->system : SYSTEM_DIR, kind, out);

	out->is_system = err == COFFER_OK;
	if (err != COFFER_E_NOTFOUND)
		return err;
	if (by == BY_ADMINISTRATOR)
		return fault_set(f, COFFER_E_NOTFOUND, "the administrator's binding needs %s/%s, which is not there",
				 dirs->system ? dirs->system : SYSTEM_DIR, kinds[kind].file);
	err = read_users(f, dirs, kind, out);
	return err == COFFER_E_NOTFOUND ? fault_set(f, err, "%s", kinds[kind].missing) : err;
}

/* ---- writing ---- */

struct place {
	char *dir;
	int fd;
};

static coffer_err
write_kind(struct fault *f, const struct place *p, enum imported_kind kind, struct view bytes)
{
	struct newfile n = NEWFILE_INIT;
	char *path = NULL;
	coffer_err err;

	TRY(path_in(f, p->dir, kind, &path));
	TRY(newfile_open_at(f, &n, p->fd, kinds[kind].file, path, 0600, true));
	TRY(file_write_at(f, n.fd, path, bytes.p, bytes.len, 0));
	TRY(newfile_commit(f, &n));
out:
	newfile_abort(&n);
	free(path);
	return err;
}

static coffer_err
remove_kind(struct fault *f, const struct place *p, enum imported_kind kind)
{
	if (unlinkat(p->fd, kinds[kind].file, 0) != 0 && errno != ENOENT)
		return fault_errno(f, errno, "cannot remove %s/%s", p->dir, kinds[kind].file);
	return COFFER_OK;
}

/* What belongs to the old root goes first: at no moment does it stand beside the new one. */
static coffer_err
replace_root(struct fault *f, const struct place *p, struct view root)
{
	coffer_err err;

	TRY(remove_kind(f, p, IMPORTED_MIRROR));
	TRY(remove_kind(f, p, IMPORTED_SIGNING_CONFIG));
	TRY(write_kind(f, p, IMPORTED_TRUSTED_ROOT, root));
out:
	return err;
}

coffer_err
imported_put(struct fault *f, const struct trust_dirs *dirs, struct view root, struct view config, const char *mirror)
{
	struct place p = {.dir = NULL, .fd = -1};
	coffer_err err;

	TRY(find_user_dir(f, dirs, &p.dir));
	TRY(home_make(f, FOLDER, p.dir));
	TRY(home_open(f, FOLDER, p.dir, &p.fd));
	if (root.len > 0)
		TRY(replace_root(f, &p, root));
	if (config.len > 0)
		TRY(write_kind(f, &p, IMPORTED_SIGNING_CONFIG, config));
	if (mirror)
		TRY(write_kind(f, &p, IMPORTED_MIRROR, view_str(mirror)));
out:
	file_close(&p.fd);
	free(p.dir);
	return err;
}
