/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <coffer/inspect.h>

#include "base/enc.h"
#include "base/file.h"
#include "base/path.h"
#include "engine/model.h"

/* What the caller sees, and what its pointers point into. */
struct holder {
	struct coffer_inspection shown;
	struct keyblock keys;
	struct head head; /* of a lone file of a directory */
};

static struct coffer_recipient_info
show_recipient(const struct recipient *r)
{
	return (struct coffer_recipient_info){
		.kind = r->kind,
		.id = r->id,
		.version = r->version,
		.alg = r->alg,
		.created = r->created,
		.is_service = r->is_service,
	};
}

static coffer_err
fill_lists(struct fault *f, struct holder *h)
{
	struct coffer_inspection *s = &h->shown;
	const struct keyblock *k = &h->keys;

	s->context = calloc(k->n_context + 1, sizeof(*s->context));
	s->recipients = calloc(k->n_recipients + 1, sizeof(*s->recipients));
	s->files = calloc(k->n_files + 1, sizeof(*s->files));
	if (!s->context || !s->recipients || !s->files)
		return fault_nomem(f);
	s->n_context = k->n_context;
	for (size_t i = 0; i < k->n_context; i++)
		s->context[i] = (struct coffer_pair){k->context[i].key, k->context[i].value};
	s->n_recipients = k->n_recipients;
	for (size_t i = 0; i < k->n_recipients; i++)
		s->recipients[i] = show_recipient(&k->recipients[i]);
	s->n_files = k->n_files;
	for (size_t i = 0; i < k->n_files; i++) {
		s->files[i] = (struct coffer_file_info){.path = k->files[i].path, .size = k->files[i].size};
		s->bytes += k->files[i].size;
	}
	return COFFER_OK;
}

static coffer_err
fill(struct fault *f, struct holder *h)
{
	struct coffer_inspection *s = &h->shown;

	s->format = 1;
	enc_hex(h->keys.model_id, MODEL_ID_LEN, s->model_id);
	s->name = h->keys.name;
	s->version = h->keys.version;
	s->generation = h->keys.generation;
	return fill_lists(f, h);
}

static void
fill_file(struct coffer_inspection *s, size_t index, const struct head *head, uint64_t sealed_size)
{
	s->files[index].n_records = head_layout(head).n_records;
	s->files[index].record_size = head->record_size;
	s->sealed_bytes += sealed_size;
}

/* ---- a file ---- */

/* One file of a directory, alone: its head is all that it says. */
static coffer_err
fill_lone(struct fault *f, struct holder *h)
{
	struct coffer_inspection *s = &h->shown;

	s->format = 1;
	enc_hex(h->head.model_id, MODEL_ID_LEN, s->model_id);
	s->name = "";
	s->version = "";
	s->bytes = h->head.size;
	s->n_files = 1;
	s->files = calloc(1, sizeof(*s->files));
	if (!s->files)
		return fault_nomem(f);
	s->files[0] = (struct coffer_file_info){.path = h->head.path, .size = h->head.size};
	return COFFER_OK;
}

static coffer_err
read_slots(struct fault *f, struct holder *h, const struct input *in)
{
	uint8_t *images = malloc(2 * SLOT_LEN);
	struct view doc;
	coffer_err err;

	if (!images)
		return fault_nomem(f);
	TRY(sealed_read_slots(f, in, images, false, &doc, NULL));
	TRY(keyblock_decode(f, doc, &h->keys));
	if (h->keys.n_files != 1)
		err = fault_set(f, COFFER_E_FORMAT, "%s: a key block of %zu files in one file", in->shown,
				h->keys.n_files);
out:
	free(images);
	return err;
}

/* Takes @fd over. */
static coffer_err
inspect_file(struct fault *f, struct holder *h, int fd, const char *path)
{
	struct input in = INPUT_INIT;
	coffer_err err;

	TRY(input_from_fd(f, &in, fd, path));
	TRY(sealed_read_head(f, &in, &h->head));
	if (h->head.embedded) {
		TRY(read_slots(f, h, &in));
		TRY(fill(f, h));
	} else {
		TRY(fill_lone(f, h));
	}
	fill_file(&h->shown, 0, &h->head, in.size);
out:
	input_close(&in);
	return err;
}

/* ---- a directory ---- */

static coffer_err
inspect_entry(struct fault *f, struct holder *h, int dirfd, const char *shown, size_t index)
{
	struct input in = INPUT_INIT;
	struct head head;
	char *path = NULL;
	int fd = -1;
	coffer_err err;

	if (asprintf(&path, "%s/%s%s", shown, h->keys.files[index].path, SUFFIX) < 0)
		return fault_nomem(f);
	err = path_open(f, dirfd, shown, path + strlen(shown) + 1, PATH_NO_LINKS, &fd);
	if (err == COFFER_E_NOTFOUND) {
		err = COFFER_OK; /* the caller sees 0 records */
		goto out;
	}
	TRY(err);
	TRY(input_from_fd(f, &in, fd, path));
	TRY(sealed_read_head(f, &in, &head));
	fill_file(&h->shown, index, &head, in.size);
out:
	input_close(&in);
	free(path);
	return err;
}

static coffer_err
inspect_directory(struct fault *f, struct holder *h, int dirfd, const char *path)
{
	struct stat st;
	coffer_err err;

	h->shown.directory = true;
	err = model_read_keyblock(f, dirfd, path, KEYBLOCK_NAME, &h->keys);
	if (err == COFFER_E_NOTFOUND) {
		h->shown.partial = true;
		err = model_read_keyblock(f, dirfd, path, PARTIAL_NAME, &h->keys);
	}
	if (err == COFFER_E_NOTFOUND)
		TRY(fault_set(f, COFFER_E_FILESET, "%s is not a sealed model: it has no %s", path, KEYBLOCK_NAME));
	TRY(err);
	TRY(fill(f, h));
	for (size_t i = 0; i < h->keys.n_files; i++)
		TRY(inspect_entry(f, h, dirfd, path, i));
	if (fstatat(dirfd, h->shown.partial ? PARTIAL_NAME : KEYBLOCK_NAME, &st, AT_SYMLINK_NOFOLLOW) == 0)
		h->shown.sealed_bytes += (uint64_t)st.st_size;
out:
	return err;
}

coffer_err
coffer_inspect(struct coffer_ctx *ctx, const char *path, struct coffer_inspection **inspection_out)
{
	struct fault *f = ctx_begin(ctx);
	struct coffer_inspection *made = NULL;
	struct holder *h = calloc(1, sizeof(*h));
	struct stat st;
	int fd = -1;
	coffer_err err;

	*inspection_out = NULL;
	if (!h)
		return fault_nomem(f);
	h->keys = (struct keyblock)KEYBLOCK_INIT;
	made = &h->shown;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &st) != 0)
		TRY(fault_errno(f, errno, "cannot open %s", path));
	if (S_ISDIR(st.st_mode)) {
		TRY(inspect_directory(f, h, fd, path));
	} else {
		int given = fd;

		fd = -1;
		TRY(inspect_file(f, h, given, path));
	}
	*inspection_out = made;
	made = NULL;
out:
	file_close(&fd);
	coffer_inspection_free(&made);
	return err;
}

void
coffer_inspection_free(struct coffer_inspection **inspection)
{
	struct holder *h;

	if (!*inspection)
		return;
	h = (struct holder *)((char *)*inspection - offsetof(struct holder, shown));
	keyblock_free(&h->keys);
	free(h->shown.context);
	free(h->shown.recipients);
	free(h->shown.files);
	free(h);
	*inspection = NULL;
}
