/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/model.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/enc.h"
#include "base/file.h"
#include "base/path.h"
#include "base/tree.h"
#include "engine/key_use.h"
#include "engine/open_trust.h"

/* ---- the key block ---- */

coffer_err
model_read_keyblock(struct fault *f, int dirfd, const char *shown, const char *name, struct keyblock *out)
{
	struct buf text = BUF_INIT(LIMIT_KEYBLOCK);
	char *path = NULL;
	coffer_err err;

	if (asprintf(&path, "%s/%s", shown, name) < 0)
		return fault_nomem(f);
	TRY(file_slurp_at(f, dirfd, name, path, LIMIT_KEYBLOCK, &text));
	err = keyblock_decode(f, buf_view(&text), out);
	if (err)
		(void)fault_prefix(f, "%s", path);
out:
	buf_free(&text);
	free(path);
	return err;
}

coffer_err
model_binding(struct fault *f, const struct keyblock *k, struct buf *text, char id[static 2 * MODEL_ID_LEN + 1],
	      struct binding *out)
{
	coffer_err err = keyblock_binding(f, k, text);

	enc_hex(k->model_id, MODEL_ID_LEN, id);
	*out = (struct binding){.text = buf_view(text),
				.model_id = id,
				.name = k->name,
				.version = k->version,
				.environment = keyblock_environment(k)};
	return err;
}

coffer_err
model_unwrap(struct fault *f, struct coffer_ctx *ctx, const char *path, const struct keyblock *k,
	     const struct coffer_keyring *keys, struct secret *dek_out)
{
	struct buf text = BUF_INIT(65536);
	char id[2 * MODEL_ID_LEN + 1];
	struct binding binding;
	const struct key_use use = {.ctx = ctx, .path = path, .binding = &binding, .generation = k->generation};
	coffer_err err;

	TRY(model_binding(f, k, &text, id, &binding));
	TRY(secret_new(f, dek_out, DEK_LEN));
	TRY(key_use_unwrap(f, &use, keys, k->recipients, k->n_recipients, dek_out->p, NULL));
	TRY(keyblock_verify(f, k, dek_out->p));
out:
	if (err)
		secret_free(dek_out);
	buf_free(&text);
	return err;
}

coffer_err
model_wrap(struct fault *f, struct coffer_ctx *ctx, const char *path, struct keyblock *k,
	   const struct coffer_keyring *keys, const uint8_t dek[static DEK_LEN])
{
	struct buf text = BUF_INIT(65536);
	char id[2 * MODEL_ID_LEN + 1];
	struct binding binding;
	struct key_use use = {.ctx = ctx, .path = path, .binding = &binding, .generation = k->generation};
	size_t n = keyring_size(keys);
	coffer_err err;

	if (n == 0)
		return fault_set(f, COFFER_E_USAGE, "no key to seal for; name one with --kek");
	if (n > LIMIT_RECIPIENTS)
		return fault_set(f, COFFER_E_USAGE, "%zu keys; a model has at most %u recipients", n, LIMIT_RECIPIENTS);
	k->recipients = calloc(n, sizeof(*k->recipients));
	if (!k->recipients)
		return fault_nomem(f);
	TRY(model_binding(f, k, &text, id, &binding));
	TRY(key_batch_new(f, ctx, &use.batch));
	for (size_t i = 0; i < n; i++) {
		k->n_recipients = i + 1;
		TRY(key_use_wrap(f, &use, keys, i, dek, &k->recipients[i]));
	}
	TRY(key_batch_commit(f, use.batch));
out:
	key_batch_free(&use.batch);
	buf_free(&text);
	return err;
}

/* ---- folders ---- */

bool
model_has_entry(int dirfd, const char *name)
{
	return faccessat(dirfd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

coffer_err
model_lock_folder(struct fault *f, int fd, const char *shown)
{
	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		return COFFER_OK;
	if (errno == EWOULDBLOCK)
		return fault_set(f, COFFER_E_BUSY, "another process is at work on %s", shown);
	return fault_errno(f, errno, "cannot lock %s", shown);
}

/* ---- the places of signatures ---- */

coffer_err
model_outer_path(struct fault *f, const char *path, bool directory, char **out)
{
	size_t len = strlen(path);

	while (directory && len > 1 && path[len - 1] == '/')
		len--;
	if (asprintf(out, directory ? "%.*s/" OUTER_NAME : "%.*s.sig", (int)len, path) >= 0)
		return COFFER_OK;
	*out = NULL;
	return fault_nomem(f);
}

coffer_err
model_inner_path(struct fault *f, const char *path, char **out)
{
	size_t len = strlen(path), suffix = sizeof(SUFFIX) - 1;

	if (len > suffix && strcmp(path + len - suffix, SUFFIX) == 0 && path[len - suffix - 1] != '/')
		len -= suffix;
	if (asprintf(out, "%.*s.sig%s", (int)len, path, SUFFIX) >= 0)
		return COFFER_OK;
	*out = NULL;
	return fault_nomem(f);
}

/* ---- the file set of a directory [F-17] ---- */

static coffer_err
extra_entry(void *arg, struct fault *f, const struct tree_entry *e)
{
	const struct coffer_model *m = arg;
	size_t len = strlen(e->path);
	char path[LIMIT_PATH + 1];

	if (len < sizeof(SUFFIX) || strcmp(e->path + len - (sizeof(SUFFIX) - 1), SUFFIX) != 0)
		return COFFER_OK;
	len -= sizeof(SUFFIX) - 1;
	if (len < sizeof(path)) {
		memcpy(path, e->path, len);
		path[len] = '\0';
		if (keyblock_find(&m->keys, path) != SIZE_MAX)
			return COFFER_OK;
	}
	return fault_set(f, COFFER_E_FILESET, "%s/%s is not a file of this model", m->shown, e->path);
}

static bool
is_hidden_entry(void *arg, const char *path, const char *name)
{
	(void)arg;
	(void)path;
	return name[0] == '.';
}

enum there {
	NOTHING_THERE,
	FILE_THERE,
	LINK_THERE,
	OTHER_THERE, /* a folder, a pipe */
};

/* The cache of Hugging Face is a folder of links, so these are worth a way out. */
static coffer_err
refuse_other(struct fault *f, const struct coffer_model *m, const char *path, const char *suffix, enum there there)
{
	if (there == LINK_THERE)
		return fault_set(f, COFFER_E_FILESET,
				 "%s/%s%s is a symbolic link, and a sealed folder holds its files themselves: cp -rL "
				 "copies it so, hf download --local-dir fetches it so",
				 m->shown, path, suffix);
	if (there == OTHER_THERE)
		return fault_set(f, COFFER_E_FILESET, "%s/%s%s is no regular file", m->shown, path, suffix);
	return COFFER_OK;
}

static coffer_err
look(struct fault *f, struct coffer_model *m, int dirfd, const char *path, const char *suffix, enum there *out)
{
	char name[LIMIT_PATH_PART + sizeof(SUFFIX)];
	struct stat st;

	(void)snprintf(name, sizeof(name), "%s%s", path_base(path), suffix);
	*out = NOTHING_THERE;
	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
		*out = S_ISREG(st.st_mode) ? FILE_THERE : S_ISLNK(st.st_mode) ? LINK_THERE : OTHER_THERE;
	else if (errno != ENOENT)
		return fault_errno(f, errno, "cannot look at %s/%s%s", m->shown, path, suffix);
	return COFFER_OK;
}

static coffer_err
check_entry(struct fault *f, struct coffer_model *m, const char *path, enum model_mode mode)
{
	enum there sealed = NOTHING_THERE, plain = NOTHING_THERE;
	int dirfd = -1;
	coffer_err err = path_parent(f, m->fd, m->shown, path, false, &dirfd);

	if (err == COFFER_OK) {
		TRY(look(f, m, dirfd, path, SUFFIX, &sealed));
		TRY(look(f, m, dirfd, path, "", &plain));
	} else if (err == COFFER_E_USAGE) {
		TRY(fault_set(f, COFFER_E_FILESET, "%s/%s%s lies behind a symbolic link", m->shown, path, SUFFIX));
	} else if (err != COFFER_E_NOTFOUND) {
		goto out;
	}
	err = COFFER_OK;
	TRY(refuse_other(f, m, path, SUFFIX, sealed));
	if (mode == MODEL_OPENING && (sealed || plain))
		goto out;
	if (plain)
		TRY(fault_set(f, COFFER_E_PLAIN, "%s/%s is a plain file where only a sealed one belongs", m->shown,
			      path));
	if (!sealed)
		TRY(fault_set(f, COFFER_E_FILESET, "%s/%s%s is missing", m->shown, path, SUFFIX));
out:
	file_close(&dirfd);
	return err;
}

coffer_err
model_check_set(struct fault *f, struct coffer_model *m, enum model_mode mode)
{
	const struct tree_visitor visitor = {.entry = extra_entry, .leave_out = is_hidden_entry, .arg = m};
	coffer_err err = COFFER_OK;

	if (!m->directory)
		return COFFER_OK;
	for (size_t i = 0; i < m->keys.n_files; i++) {
		TRY(path_check_model(f, m->keys.files[i].path));
		if (!m->keys.files[i].sealed)
			TRY(fault_set(f, COFFER_E_FORMAT, "%s: the key block of an unfinished model", m->shown));
		TRY(check_entry(f, m, m->keys.files[i].path, mode));
	}
	TRY(tree_walk(f, m->fd, m->shown, &visitor));
out:
	return err;
}

/* ---- opening ---- */

static coffer_err
load_directory(struct fault *f, struct coffer_model *m)
{
	enum there there;
	coffer_err err = look(f, m, m->fd, KEYBLOCK_NAME, "", &there);

	if (!err)
		err = refuse_other(f, m, KEYBLOCK_NAME, "", there);
	if (err)
		return err;
	err = model_read_keyblock(f, m->fd, m->shown, KEYBLOCK_NAME, &m->keys);
	m->torn = model_has_entry(m->fd, PARTIAL_NAME);
	if (err != COFFER_E_NOTFOUND)
		return err;
	if (faccessat(m->fd, PARTIAL_NAME, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return fault_set(f, COFFER_E_FILESET,
				 "%s: its sealing was interrupted; give the same seal command again", m->shown);
	/* nothing is left that could show that the plain files are the model's: only whoever opened it may know */
	if (model_has_entry(m->fd, OPENING_NAME))
		return fault_set(
			f, COFFER_E_FILESET,
			"%s has no %s; if it was opened in place here, remove %s, the last step; if not, do not use it",
			m->shown, KEYBLOCK_NAME, OPENING_NAME);
	return fault_set(f, COFFER_E_FILESET, "%s is not a sealed model: it has no %s", m->shown, KEYBLOCK_NAME);
}

/* What the slot says that does not count. */
static coffer_err
compare_slots(struct fault *f, struct coffer_model *m, const uint8_t images[static 2 * SLOT_LEN])
{
	enum slot_state state;
	struct view doc;
	coffer_err err;

	TRY(slot_decode(f, images + (1 - m->slot) * (size_t)SLOT_LEN, &state, &doc));
	m->damaged = state == SLOT_DAMAGED;
	m->torn = !m->damaged && memcmp(images, images + SLOT_LEN, SLOT_LEN) != 0;
out:
	return err;
}

static coffer_err
load_file(struct fault *f, struct coffer_model *m, const struct input *in, enum model_mode mode)
{
	uint8_t *images = NULL;
	struct head head;
	struct view doc;
	coffer_err err;

	TRY(sealed_read_head(f, in, &head));
	if (!head.embedded)
		TRY(fault_set(f, COFFER_E_FORMAT,
			      "%s is one file of a sealed directory; open the directory that has %s", in->shown,
			      KEYBLOCK_NAME));
	images = malloc(2 * SLOT_LEN);
	if (!images)
		TRY(fault_nomem(f));
	TRY(sealed_read_slots(f, in, images, mode == MODEL_MEND, &doc, &m->slot));
	TRY(compare_slots(f, m, images));
	err = keyblock_decode(f, doc, &m->keys);
	if (err)
		TRY(fault_prefix(f, "%s", in->shown));
	if (!m->keys.files[0].sealed)
		TRY(fault_set(f, COFFER_E_FORMAT, "%s: the key block of an unfinished model", in->shown));
out:
	free(images);
	return err;
}

static coffer_err
new_model(struct fault *f, struct coffer_ctx *ctx, const char *shown, struct coffer_model **out)
{
	struct coffer_model *m = calloc(1, sizeof(*m));

	if (!m)
		return fault_nomem(f);
	*out = m;
	m->ctx = ctx;
	m->fd = -1;
	m->keys = (struct keyblock)KEYBLOCK_INIT;
	m->shown = strdup(shown);
	return m->shown ? COFFER_OK : fault_nomem(f);
}

/* The head must be authentic before the model is handed out, as the key block is. */
static coffer_err
check_single(struct fault *f, struct coffer_model *m)
{
	struct sealed s = {0};
	char *shown = NULL;
	coffer_err err = model_sealed(f, m, 0, &s, &shown);

	sealed_close(&s);
	free(shown);
	return err;
}

/* Before any key is asked.  What is read here is not authentic yet: who changed it will find that no wrap opens, or the MAC. */
static coffer_err
meet_demands(struct fault *f, const struct coffer_model *m)
{
	const char *want = m->ctx->environment, *have = keyblock_environment(&m->keys);

	if (want[0] != '\0' && strcmp(want, have) != 0)
		return fault_set(f, COFFER_E_POLICY, "%s is sealed for %s%.64s, and not for the environment %s",
				 m->shown, have[0] ? "the environment " : "no environment", have, want);
	if (m->keys.generation < m->ctx->min_generation)
		return fault_set(
			f, COFFER_E_ROLLBACK,
			"%s has the key block of generation %llu, and at least %llu is demanded: it is an older "
			"copy; fetch the newer one",
			m->shown, (unsigned long long)m->keys.generation, (unsigned long long)m->ctx->min_generation);
	return COFFER_OK;
}

/* What @f says is written to the audit log, as every refusal of a key is. */
static coffer_err
refuse(struct fault *f, const struct coffer_model *m)
{
	struct buf text = BUF_INIT(LIMIT_BINDING);
	char id[2 * MODEL_ID_LEN + 1];
	struct binding binding;
	const struct key_use use = {.ctx = m->ctx,
				    .path = m->source ? NULL : m->shown,
				    .binding = &binding,
				    .generation = m->keys.generation};
	struct fault other = {.err = COFFER_OK};
	coffer_err err = model_binding(&other, &m->keys, &text, id, &binding);

	err = err == COFFER_OK ? key_use_refused(f, &use) : fault_set(f, err, "%s", other.text);
	buf_free(&text);
	return err;
}

static coffer_err
check_demands(struct fault *f, const struct coffer_model *m)
{
	return meet_demands(f, m) == COFFER_OK ? COFFER_OK : refuse(f, m);
}

coffer_err
model_load(struct fault *f, struct coffer_ctx *ctx, const char *path, enum model_mode mode, struct coffer_model **out)
{
	struct input in = INPUT_INIT;
	struct coffer_model *m = NULL;
	struct stat st;
	coffer_err err;

	*out = NULL;
	TRY(new_model(f, ctx, path, &m));
	m->fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (m->fd < 0 || fstat(m->fd, &st) != 0)
		TRY(fault_errno(f, errno, "cannot open %s", path));
	m->directory = S_ISDIR(st.st_mode);
	if (m->directory) {
		TRY(load_directory(f, m));
	} else {
		TRY(input_from_fd(f, &in, m->fd, m->shown));
		TRY(load_file(f, m, &in, mode));
	}
	TRY(check_demands(f, m));
	*out = m;
	m = NULL;
out:
	model_free(&m);
	return err;
}

coffer_err
model_unlock(struct fault *f, struct coffer_model *m, const struct coffer_keyring *keys, enum model_mode mode)
{
	coffer_err err = model_unwrap(f, m->ctx, m->shown, &m->keys, keys, &m->dek);

	if (err)
		TRY(fault_prefix(f, "%s", m->shown));
	TRY(model_check_set(f, m, mode));
	if (!m->directory)
		TRY(check_single(f, m));
out:
	return err;
}

coffer_err
model_open(struct fault *f, struct coffer_ctx *ctx, const char *path, const struct coffer_keyring *keys,
	   enum model_mode mode, struct coffer_model **out)
{
	struct coffer_model *m = NULL;
	coffer_err err;

	*out = NULL;
	TRY(model_load(f, ctx, path, mode, &m));
	TRY(model_unlock(f, m, keys, mode));
	*out = m;
	m = NULL;
out:
	model_free(&m);
	return err;
}

coffer_err
model_open_source(struct fault *f, struct coffer_ctx *ctx, const struct coffer_source *source,
		  const struct coffer_keyring *keys, struct coffer_model **out)
{
	struct coffer_model *m = NULL;
	struct input in;
	coffer_err err;

	*out = NULL;
	TRY(new_model(f, ctx, "the sealed file", &m));
	m->source = source;
	input_from_source(&in, source, m->shown);
	TRY(load_file(f, m, &in, MODEL_READ));
	TRY(check_demands(f, m));
	TRY(model_unwrap(f, ctx, NULL, &m->keys, keys, &m->dek));
	TRY(check_single(f, m));
	*out = m;
	m = NULL;
out:
	model_free(&m);
	return err;
}

void
model_free(struct coffer_model **model)
{
	struct coffer_model *m = *model;

	if (!m)
		return;
	if (m->trust)
		open_trust_end(m->trust);
	free(m->trust);
	secret_free(&m->dek);
	keyblock_free(&m->keys);
	file_close(&m->fd);
	free(m->shown);
	free(m);
	*model = NULL;
}

/* ---- its files ---- */

/* Whether the verified head of @s is file @index of @k. */
static coffer_err
check_listed(struct fault *f, const struct keyblock *k, size_t index, const struct sealed *s)
{
	const struct keyblock_file *file = &k->files[index];
	const struct head *h = &s->head;

	/* [F-16]; the hash says it all, the rest says it for people */
	if (memcmp(h->model_id, k->model_id, MODEL_ID_LEN) != 0)
		return fault_set(f, COFFER_E_AUTH, "%s belongs to another model", s->in.shown);
	if (strcmp(h->path, file->path) != 0)
		return fault_set(f, COFFER_E_AUTH, "%s is the file «%s» of this model under another name", s->in.shown,
				 h->path);
	if (h->index != index || h->count != k->n_files || h->size != file->size ||
	    !mem_equal(s->a_hash, file->head, SHA256_LEN))
		return fault_set(f, COFFER_E_AUTH, "%s is from another sealing of this model", s->in.shown);
	return COFFER_OK;
}

/* A link or a folder in the place of a sealed file is the model's fault, not the caller's. */
static coffer_err
no_usage(struct fault *f, coffer_err err)
{
	if (err != COFFER_E_USAGE)
		return err;
	f->err = COFFER_E_FILESET;
	return f->err;
}

static coffer_err
file_input(struct fault *f, struct coffer_model *m, size_t index, struct input *in, char **shown_out)
{
	const char *path = m->keys.files[index].path;
	char *sealed_path = NULL;
	coffer_err err = COFFER_OK;
	int fd;

	*shown_out = NULL;
	if (!m->directory) {
		if (m->source) {
			input_from_source(in, m->source, m->shown);
			return COFFER_OK;
		}
		fd = fcntl(m->fd, F_DUPFD_CLOEXEC, 3);
		if (fd < 0)
			return fault_errno(f, errno, "cannot open %s", m->shown);
		return input_from_fd(f, in, fd, m->shown);
	}
	if (asprintf(&sealed_path, "%s%s", path, SUFFIX) < 0)
		return fault_nomem(f);
	if (asprintf(shown_out, "%s/%s", m->shown, sealed_path) < 0) {
		*shown_out = NULL;
		TRY(fault_nomem(f));
	}
	TRY(path_open(f, m->fd, m->shown, sealed_path, PATH_NO_LINKS, &fd));
	TRY(input_from_fd(f, in, fd, *shown_out));
out:
	free(sealed_path);
	return no_usage(f, err);
}

coffer_err
model_sealed(struct fault *f, struct coffer_model *m, size_t index, struct sealed *s, char **shown_out)
{
	struct input in = INPUT_INIT;
	coffer_err err;

	memset(s, 0, sizeof(*s));
	TRY(file_input(f, m, index, &in, shown_out));
	TRY(sealed_open(f, s, &in, m->dek.p));
	if (s->head.embedded == m->directory)
		TRY(fault_set(f, COFFER_E_FORMAT, "%s: a key block in a file of a directory", s->in.shown));
	TRY(check_listed(f, &m->keys, index, s));
	if (m->trust)
		TRY(open_trust_follow(f, m->trust, m, index, s));
out:
	if (err) {
		input_close(&in);
		sealed_close(s);
	}
	return err;
}
