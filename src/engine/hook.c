/* SPDX-License-Identifier: Apache-2.0 */
#include <coffer/hook.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <coffer/load.h>

#include "base/file.h"
#include "base/home.h"
#include "base/limits.h"
#include "engine/model.h"
#include "engine/transfer.h"

struct opened {
	struct coffer_file *file;     /* opened when first asked for */
	struct coffer_memory *memory; /* while somebody has it mapped */
	size_t n_maps;
};

struct coffer_hook_model {
	struct coffer_ctx *ctx;
	struct coffer_model *model;

	pthread_mutex_t lock; /* of @ctx, and of what follows */
	struct opened *files; /* one each */
};

/* ---- what went wrong ---- */

static _Thread_local char last[600];

static int
fail(coffer_err err, const char *sentence)
{
	(void)snprintf(last, sizeof(last), "%s", sentence && sentence[0] ? sentence : coffer_err_text(err));
	return (int)err;
}

/* @err, and the sentence of @m's context with it, whose lock is held. */
static int
end(const struct coffer_hook_model *m, coffer_err err)
{
	return err == COFFER_OK ? 0 : fail(err, coffer_ctx_message(m->ctx));
}

static const char *
hook_why(void)
{
	return last;
}

/* ---- opening ---- */

static int
hook_is_sealed(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	uint8_t first[8];
	struct stat st;
	bool is = false;

	if (fd >= 0 && fstat(fd, &st) == 0) {
		if (S_ISDIR(st.st_mode))
			is = model_has_entry(fd, KEYBLOCK_NAME);
		else if (S_ISREG(st.st_mode))
			is = pread(fd, first, sizeof(first), 0) == (ssize_t)sizeof(first) &&
			     head_is_sealed(first, sizeof(first));
	}
	file_close(&fd);
	return is;
}

static coffer_err
add_listed(struct coffer_ctx *ctx, struct coffer_keyring *keys, const char *list)
{
	char uri[LIMIT_KEY_URI + 1];
	size_t len;
	coffer_err err = COFFER_OK;

	for (list += strspn(list, " "); *list != '\0'; list += len + strspn(list + len, " ")) {
		len = strcspn(list, " ");
		if (len >= sizeof(uri))
			return fault_set(ctx_begin(ctx), COFFER_E_USAGE, "a key URI of %zu bytes; at most %u are taken",
					 len, LIMIT_KEY_URI);
		(void)snprintf(uri, sizeof(uri), "%.*s", (int)len, list);
		TRY(coffer_keyring_add(ctx, keys, uri));
	}
out:
	return err;
}

static coffer_err
add_keys(struct coffer_ctx *ctx, struct coffer_keyring *keys, const char *kek)
{
	const char *list = kek ? kek : home_setting("COFFER_KEK");

	return list && list[0] ? add_listed(ctx, keys, list) : coffer_keyring_add_store(ctx, keys, NULL);
}

static coffer_err
open_model(struct coffer_hook_model *m, const char *path, const char *kek)
{
	struct coffer_keyring *keys = NULL;
	coffer_err err;

	TRY(coffer_keyring_new(m->ctx, &keys));
	TRY(add_keys(m->ctx, keys, kek));
	TRY(coffer_model_open(m->ctx, path, keys, &m->model));
	TRY(coffer_model_trust(m->ctx, m->model, NULL));
	TRY(coffer_model_refuse_code(m->ctx, m->model));
	m->files = calloc(coffer_model_size(m->model), sizeof(*m->files));
	if (!m->files)
		err = fault_nomem(ctx_begin(m->ctx));
out:
	coffer_keyring_free(&keys);
	return err;
}

static void
hook_close(struct coffer_hook_model *m)
{
	if (!m)
		return;
	for (size_t i = 0; m->files && i < coffer_model_size(m->model); i++) {
		coffer_memory_free(&m->files[i].memory);
		coffer_file_free(&m->files[i].file);
	}
	free(m->files);
	coffer_model_free(&m->model);
	coffer_ctx_free(&m->ctx);
	pthread_mutex_destroy(&m->lock);
	free(m);
}

static int
hook_open(const char *path, const char *kek, struct coffer_hook_model **model_out, char *why, size_t why_len)
{
	struct coffer_hook_model *m = calloc(1, sizeof(*m));
	coffer_err err = m ? coffer_ctx_new(&m->ctx) : COFFER_E_NOMEM;
	int rc;

	*model_out = NULL;
	if (m)
		pthread_mutex_init(&m->lock, NULL);
	if (err == COFFER_OK) {
		err = open_model(m, path, kek);
		rc = end(m, err);
	} else {
		rc = fail(err, NULL);
	}
	if (rc == 0) {
		*model_out = m;
		return 0;
	}
	if (why && why_len > 0)
		(void)snprintf(why, why_len, "%s", last);
	hook_close(m);
	return rc;
}

/* ---- its files ---- */

static size_t
hook_files(const struct coffer_hook_model *m)
{
	return coffer_model_size(m->model);
}

static const char *
hook_path(const struct coffer_hook_model *m, size_t index)
{
	return coffer_model_path(m->model, index);
}

static size_t
hook_find(const struct coffer_hook_model *m, const char *path)
{
	return coffer_model_find(m->model, path);
}

/* File @index, open; the lock is held. */
static coffer_err
get_file(struct coffer_hook_model *m, size_t index, struct coffer_file **out)
{
	coffer_err err = COFFER_OK;

	*out = NULL;
	if (index >= coffer_model_size(m->model))
		return fault_set(ctx_begin(m->ctx), COFFER_E_RANGE, "file %zu of %zu", index,
				 coffer_model_size(m->model));
	if (!m->files[index].file)
		TRY(coffer_file_open(m->ctx, m->model, index, &m->files[index].file));
	*out = m->files[index].file;
out:
	return err;
}

static uint64_t
hook_size(struct coffer_hook_model *m, size_t index)
{
	struct coffer_file *file;
	int rc;

	pthread_mutex_lock(&m->lock);
	rc = end(m, get_file(m, index, &file));
	pthread_mutex_unlock(&m->lock);
	return rc == 0 ? coffer_file_size(file) : UINT64_MAX;
}

/* Many bytes are opened by all processors, for one caller at a time; few by the caller's own, whoever else is at work. */
static int
hook_read(struct coffer_hook_model *m, size_t index, uint64_t off, void *buf, size_t len)
{
	struct coffer_file *file;
	coffer_err err;
	int rc;

	pthread_mutex_lock(&m->lock);
	err = get_file(m, index, &file);
	if (err == COFFER_OK && len > TRANSFER_SMALL)
		err = coffer_file_load(m->ctx, file, off, buf, len);
	else if (err != COFFER_OK && len > 0)
		memset(buf, 0, len);
	rc = end(m, err);
	pthread_mutex_unlock(&m->lock);
	if (rc != 0 || len > TRANSFER_SMALL)
		return rc;
	err = coffer_file_read_at(file, off, buf, len);
	return err == COFFER_OK ? 0 : fail(err, NULL);
}

static int
hook_map(struct coffer_hook_model *m, size_t index, const void **bytes_out, size_t *len_out)
{
	struct coffer_file *file;
	coffer_err err;
	int rc;

	*bytes_out = NULL;
	*len_out = 0;
	pthread_mutex_lock(&m->lock);
	TRY(get_file(m, index, &file));
	if (!m->files[index].memory)
		TRY(coffer_memory_new(m->ctx, file, &m->files[index].memory));
	m->files[index].n_maps++;
	*bytes_out = coffer_memory_bytes(m->files[index].memory);
	*len_out = coffer_memory_size(m->files[index].memory);
out:
	rc = end(m, err);
	pthread_mutex_unlock(&m->lock);
	return rc;
}

static void
hook_unmap(struct coffer_hook_model *m, size_t index)
{
	pthread_mutex_lock(&m->lock);
	if (index < coffer_model_size(m->model) && m->files[index].n_maps > 0 && --m->files[index].n_maps == 0)
		coffer_memory_free(&m->files[index].memory);
	pthread_mutex_unlock(&m->lock);
}

const struct coffer_hook *
coffer_hook(uint32_t version)
{
	static const struct coffer_hook version_1 = {
		.version = 1,
		.is_sealed = hook_is_sealed,
		.open = hook_open,
		.close = hook_close,
		.files = hook_files,
		.path = hook_path,
		.find = hook_find,
		.size = hook_size,
		.read = hook_read,
		.map = hook_map,
		.unmap = hook_unmap,
		.why = hook_why,
	};

	return version == 1 ? &version_1 : NULL;
}
