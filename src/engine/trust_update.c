/* SPDX-License-Identifier: Apache-2.0 */
/* Sigstore's trusted root, of coffer/trust.h: imported from a file, or fetched from a mirror. */
#include <coffer/trust.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>

#include "base/file.h"
#include "base/home.h"
#include "base/limits.h"
#include "base/path.h"
#include "data/doc.h"
#include "engine/ctx.h"
#include "net/http.h"
#include "sign/imported.h"
#include "sign/signing_config.h"
#include "sign/trusted_root.h"
#include "sign/tuf.h"

/* as targets of the mirror */
#define TRUSTED_ROOT "trusted_root.json"
#define SIGNING_CONFIG "signing_config.v0.2.json"

#define FOLDER "the folder of what mirrors said"
#define FOLDER_NAME_MAX 240u

static const struct trust_dirs everywhere = {NULL, NULL};

/* ---- what both have in common ---- */

static coffer_err
check_root(struct fault *f, const char *what, struct view json)
{
	struct trusted_root *root = NULL;
	coffer_err err = trusted_root_parse(f, what, json, &root);

	trusted_root_free(&root);
	return err;
}

static coffer_err
check_config(struct fault *f, const char *what, struct view json)
{
	struct signing_config config = {.ca = {NULL, 0}};
	coffer_err err = signing_config_parse(f, what, json, time(NULL), &config);

	signing_config_free(&config);
	return err;
}

/* What is kept for a user does nothing where the administrator has the same. */
static void
notice_system(struct coffer_ctx *ctx)
{
	struct imported i = {.path = NULL};

	if (imported_find(NULL, &everywhere, IMPORTED_TRUSTED_ROOT, BY_ANYBODY, &i) == COFFER_OK && i.is_system)
		ctx_notice(ctx, "the administrator's %s stands; the trusted root that was kept is not asked", i.path);
	imported_free(&i);
}

/* ---- import ---- */

enum kind { KIND_ROOT, KIND_CONFIG, KIND_BOTH };

static bool
begins(const char *text, const char *with)
{
	return text && strncmp(text, with, strlen(with)) == 0;
}

/* Whatever is neither is tried as a trusted root, whose reader refuses it. */
static coffer_err
find_kind(struct fault *f, const char *path, struct view json, enum kind *out)
{
	struct doc *d = NULL;
	const char *type;
	coffer_err err;

	TRY(doc_parse_foreign(f, path, json, &d));
	type = doc_text(doc_get(d, "mediaType"), 1, 128);
	*out = begins(type, "application/vnd.dev.sigstore.signingconfig.")	 ? KIND_CONFIG
	       : begins(type, "application/vnd.dev.sigstore.clienttrustconfig.") ? KIND_BOTH
										 : KIND_ROOT;
out:
	doc_free(&d);
	return err;
}

coffer_err
coffer_trust_import(struct coffer_ctx *ctx, const char *path)
{
	const struct view nothing = {NULL, 0};
	struct fault *f = ctx_begin(ctx);
	struct buf json = BUF_INIT(LIMIT_TRUSTED_ROOT);
	enum kind kind;
	coffer_err err;

	TRY(file_slurp(f, path, LIMIT_TRUSTED_ROOT, &json, NULL));
	TRY(find_kind(f, path, buf_view(&json), &kind));
	if (kind != KIND_CONFIG)
		TRY(check_root(f, path, buf_view(&json)));
	if (kind != KIND_ROOT)
		TRY(check_config(f, path, buf_view(&json)));
	TRY(imported_put(f, &everywhere, kind == KIND_CONFIG ? nothing : buf_view(&json),
			 kind == KIND_ROOT ? nothing : buf_view(&json), NULL));
	notice_system(ctx);
out:
	buf_free(&json);
	return err;
}

/* ---- what is there ---- */

/* @path_out stays NULL when there is no such file; what it says goes to @text_out, where that is wanted */
static coffer_err
look_for(struct fault *f, enum imported_kind kind, bool is_system, const char **path_out, const char **text_out)
{
	struct imported i = {.path = NULL};
	coffer_err err = imported_find(f, &everywhere, kind, BY_ANYBODY, &i);

	if (err == COFFER_E_NOTFOUND) {
		fault_clear(f);
		return COFFER_OK;
	}
	TRY(err);
	if (path_out) {
		*path_out = i.path;
		i.path = NULL;
	}
	if (text_out && i.is_system == is_system)
		*text_out = strndup((const char *)i.bytes.p, i.bytes.len);
out:
	imported_free(&i);
	return err;
}

static coffer_err
count_root(struct fault *f, const struct imported *i, struct coffer_trusted_root *out)
{
	struct trusted_root *root = NULL;
	coffer_err err;

	TRY(trusted_root_parse(f, i->path, buf_view(&i->bytes), &root));
	out->n_authorities = root->n_cas;
	out->n_logs = root->n_tlogs;
	out->n_certificate_logs = root->n_ctlogs;
	out->n_timestamp_authorities = root->n_tsas;
out:
	trusted_root_free(&root);
	return err;
}

coffer_err
coffer_trust_root(struct coffer_ctx *ctx, struct coffer_trusted_root **root_out)
{
	struct fault *f = ctx_begin(ctx);
	struct imported i = {.path = NULL};
	struct coffer_trusted_root *root = NULL;
	coffer_err err;

	*root_out = NULL;
	TRY(imported_find(f, &everywhere, IMPORTED_TRUSTED_ROOT, BY_ANYBODY, &i));
	root = calloc(1, sizeof(*root));
	if (!root)
		TRY(fault_nomem(f));
	TRY(count_root(f, &i, root));
	root->is_system = i.is_system;
	TRY(look_for(f, IMPORTED_MIRROR, i.is_system, NULL, &root->mirror));
	TRY(look_for(f, IMPORTED_SIGNING_CONFIG, i.is_system, &root->signing_config, NULL));
	root->path = i.path;
	i.path = NULL;
	*root_out = root;
	root = NULL;
out:
	coffer_trusted_root_free(&root);
	imported_free(&i);
	return err;
}

static void
drop(const char *text)
{
	free((void *)(uintptr_t)text);
}

void
coffer_trusted_root_free(struct coffer_trusted_root **root)
{
	if (!*root)
		return;
	drop((*root)->path);
	drop((*root)->mirror);
	drop((*root)->signing_config);
	free(*root);
	*root = NULL;
}

/* ---- update ---- */

struct update {
	struct coffer_ctx *ctx;
	char mirror[sizeof(((struct coffer_trust_update_stats *)NULL)->mirror)];
	char *dir; /* where what this mirror said is kept */
	int dirfd;
	struct buf root; /* the user's root.json, or nothing */
	struct tuf tuf;
};

/* A tuf_options.fetch.  An object store says 403 of what is not there when it does not want to say what is. */
static coffer_err
fetch(void *user, struct fault *f, const char *path, size_t max, struct buf *out)
{
	struct update *u = user;
	struct http_reply reply = {.status = 0};
	char url[sizeof(u->mirror) + 512];
	struct http_request request = {.method = "GET", .url = url, .follow = true, .max_body = max};
	coffer_err err;

	(void)snprintf(url, sizeof(url), "%s/%s", u->mirror, path);
	TRY(ctx_check_cancelled(f, u->ctx));
	TRY(http_call(f, &request, &reply));
	if (reply.status == 404 || reply.status == 403)
		TRY(fault_set(f, COFFER_E_NOTFOUND, "the mirror %s has no %s (%ld)", u->mirror, path, reply.status));
	TRY(http_expect(f, &request, &reply, 200));
	TRY(buf_add(f, out, reply.body.p, reply.body.len));
out:
	http_reply_free(&reply);
	return err;
}

/* The mirror of the last update; the public one when there was none. */
static coffer_err
last_mirror(struct fault *f, char *out, size_t cap)
{
	struct imported i = {.path = NULL};
	coffer_err err = imported_find(f, &everywhere, IMPORTED_MIRROR, BY_ANYBODY, &i);

	if (err == COFFER_OK)
		(void)snprintf(out, cap, "%.*s", (int)i.bytes.len, (const char *)i.bytes.p);
	else if (err == COFFER_E_NOTFOUND)
		(void)snprintf(out, cap, "%s", COFFER_TRUST_MIRROR);
	imported_free(&i);
	if (err == COFFER_E_NOTFOUND) {
		fault_clear(f);
		err = COFFER_OK;
	}
	return err;
}

static coffer_err
choose_mirror(struct fault *f, const char *given, struct update *u)
{
	size_t len = given ? strlen(given) : 0;
	coffer_err err = COFFER_OK;

	if (!given)
		TRY(last_mirror(f, u->mirror, sizeof(u->mirror)));
	if (len >= sizeof(u->mirror))
		return fault_set(f, COFFER_E_USAGE, "the address of the mirror is longer than %zu bytes",
				 sizeof(u->mirror) - 1);
	if (given)
		(void)snprintf(u->mirror, sizeof(u->mirror), "%s", given);
	for (len = strlen(u->mirror); len > 0 && u->mirror[len - 1] == '/'; len--)
		u->mirror[len - 1] = '\0';
	TRY(http_check_url(f, u->mirror, false));
	if (strpbrk(u->mirror, "?#"))
		return fault_set(f, COFFER_E_USAGE, "the address of a mirror has no «?» and no «#»");
out:
	return err;
}

/* Each mirror has a folder of its own, named after it: what one says is nothing to the other. */
static coffer_err
find_folder(struct fault *f, struct update *u)
{
	char name[FOLDER_NAME_MAX + 1], below[sizeof("tuf/") + FOLDER_NAME_MAX];

	if (!path_escape(u->mirror, name, sizeof(name)))
		return fault_set(f, COFFER_E_USAGE, "the address of the mirror is too long for the name of a folder");
	(void)snprintf(below, sizeof(below), "tuf/%s", name);
	return home_path(f, HOME_DATA, below, &u->dir);
}

static coffer_err
open_folder(struct fault *f, struct update *u)
{
	coffer_err err;

	TRY(find_folder(f, u));
	TRY(home_make(f, FOLDER, u->dir));
	TRY(home_open(f, FOLDER, u->dir, &u->dirfd));
	if (flock(u->dirfd, LOCK_EX | LOCK_NB) != 0)
		TRY(errno == EWOULDBLOCK ? fault_set(f, COFFER_E_BUSY, "another update is at work in %s", u->dir)
					 : fault_errno(f, errno, "cannot lock %s", u->dir));
out:
	return err;
}

/* The target @name, checked by @check; without bytes when the mirror does not list it and may do so. */
static coffer_err
get_target(struct fault *f, const struct update *u, const char *name,
	   coffer_err (*check)(struct fault *f, const char *what, struct view json), struct buf *out)
{
	coffer_err err;

	TRY(tuf_target(f, &u->tuf, name, LIMIT_TRUSTED_ROOT, out));
	TRY(check(f, name, buf_view(out)));
out:
	return err;
}

static bool
is_listed(const struct update *u, const char *name)
{
	struct tuf_listed listed;

	return tuf_file_target(NULL, &u->tuf.trusted[TUF_TARGETS], name, &listed) == COFFER_OK;
}

static coffer_err
keep_targets(struct fault *f, const struct update *u, bool *has_config_out)
{
	struct buf root = BUF_INIT(LIMIT_TRUSTED_ROOT), config = BUF_INIT(LIMIT_TRUSTED_ROOT);
	coffer_err err;

	TRY(get_target(f, u, TRUSTED_ROOT, check_root, &root));
	*has_config_out = is_listed(u, SIGNING_CONFIG);
	if (*has_config_out)
		TRY(get_target(f, u, SIGNING_CONFIG, check_config, &config));
	TRY(imported_put(f, &everywhere, buf_view(&root), buf_view(&config), u->mirror));
out:
	buf_free(&root);
	buf_free(&config);
	return err;
}

static void
fill_stats(const struct update *u, struct coffer_trust_update_stats *out)
{
	(void)snprintf(out->mirror, sizeof(out->mirror), "%s", u->mirror);
	out->root_version = u->tuf.trusted[TUF_ROOT].version;
	out->timestamp_version = u->tuf.trusted[TUF_TIMESTAMP].version;
	out->snapshot_version = u->tuf.trusted[TUF_SNAPSHOT].version;
	out->targets_version = u->tuf.trusted[TUF_TARGETS].version;
	out->expires = u->tuf.trusted[TUF_ROOT].expires;
	for (size_t i = 0; i < N_TUF_ROLES; i++)
		if (u->tuf.trusted[i].expires < out->expires)
			out->expires = u->tuf.trusted[i].expires;
}

static coffer_err
run_update(struct fault *f, struct update *u, const struct coffer_trust_update_options *o,
	   struct coffer_trust_update_stats *stats_out)
{
	struct tuf_options options = {.fetch = fetch, .user = u, .now = time(NULL)};
	coffer_err err;

	TRY(choose_mirror(f, o->mirror, u));
	if (o->root)
		TRY(file_slurp(f, o->root, LIMIT_TUF_ROOT, &u->root, NULL));
	TRY(open_folder(f, u));
	options.dirfd = u->dirfd;
	options.shown = u->dir;
	options.root = buf_view(&u->root);
	TRY(tuf_update(f, &options, &u->tuf));
	TRY(keep_targets(f, u, &stats_out->has_signing_config));
	fill_stats(u, stats_out);
	notice_system(u->ctx);
out:
	return err;
}

coffer_err
coffer_trust_update(struct coffer_ctx *ctx, const struct coffer_trust_update_options *options,
		    struct coffer_trust_update_stats *stats_out)
{
	struct fault *f = ctx_begin(ctx);
	struct update u = {.ctx = ctx, .dirfd = -1, .root = BUF_INIT(LIMIT_TUF_ROOT)};
	struct coffer_trust_update_stats stats = {.mirror = ""};
	coffer_err err;

	*stats_out = stats;
	if (options->version_1 != 1 || !view_zero(view_of(options->reserved, sizeof(options->reserved))))
		return fault_set(f, COFFER_E_USAGE, "update options of another version");
	TRY(run_update(f, &u, options, &stats));
	*stats_out = stats;
out:
	tuf_free(&u.tuf);
	buf_free(&u.root);
	file_close(&u.dirfd);
	free(u.dir);
	return err;
}
