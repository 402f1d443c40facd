/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The mark of an opening: while a directory is being opened it has «.coffer.opening», which names the sealed model, so that
 * the same call goes on where it was interrupted.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/enc.h"
#include "crypto/kdf.h"
#include "engine/open_run.h"
#include "engine/staging.h"

#define MARK_LEN (2 * SHA256_LEN + 1) /* hex and a line end */

/*
 * The mark names the sealed model, so that another one is not taken for it, and takes the DEK to
 * make: a plain file that somebody put beside a forged one would pass for opened.
 */
static coffer_err
mark_text(struct fault *f, const struct open_run *r, const char *label, char out[static MARK_LEN + 1])
{
	const struct keyblock *k = &r->model->keys;
	uint8_t info[64], mark[SHA256_LEN];
	size_t len = strlen(label);
	coffer_err err;

	memcpy(info, label, len);
	memcpy(info + len, k->mac, SHA256_LEN);
	err = hkdf_sha256(f, view_of(r->model->dek.p, DEK_LEN), view_of(k->model_id, MODEL_ID_LEN),
			  view_of(info, len + SHA256_LEN), mark, sizeof(mark));
	enc_hex(mark, sizeof(mark), out);
	out[MARK_LEN - 1] = '\n';
	out[MARK_LEN] = '\0';
	return err;
}

static coffer_err
read_mark(struct fault *f, struct open_run *r, const char fresh[static MARK_LEN], const char over[static MARK_LEN])
{
	struct buf text = BUF_INIT(MARK_LEN);
	coffer_err err = file_slurp_at(f, r->out_fd, OPENING_NAME, r->out, MARK_LEN, &text);

	r->resuming = text.len == MARK_LEN && memcmp(text.p, fresh, MARK_LEN) == 0;
	r->replacing = text.len == MARK_LEN && memcmp(text.p, over, MARK_LEN) == 0;
	if (err == COFFER_OK && (r->resuming || r->replacing)) {
		ctx_notice(r->ctx, "continuing the interrupted opening of %s", r->in);
	} else if (err == COFFER_OK || err == COFFER_E_FORMAT) {
		err = fault_set(f, COFFER_E_EXISTS,
				"%s holds an interrupted opening of another sealed model; name another folder", r->out);
	} else if (err == COFFER_E_NOTFOUND) {
		fault_clear(f);
		err = COFFER_OK;
	}
	buf_free(&text);
	return err;
}

coffer_err
open_set_mark(struct fault *f, struct open_run *r)
{
	char fresh[MARK_LEN + 1], over[MARK_LEN + 1];
	struct newfile n = NEWFILE_INIT;
	bool empty = true;
	coffer_err err;

	TRY(mark_text(f, r, "coffer/1 opening", fresh));
	TRY(mark_text(f, r, "coffer/1 opening over", over));
	TRY(read_mark(f, r, fresh, over));
	if (r->resuming || r->replacing)
		goto out;
	if (!r->opt.in_place)
		TRY(staging_is_empty(f, r->out_fd, r->out, &empty));
	if (!empty && !r->opt.force)
		TRY(fault_set(f, COFFER_E_EXISTS, "%s is not empty; name a new folder, or --force replaces files in it",
			      r->out));
	if (r->opt.dry_run)
		goto out;
	TRY(newfile_open_at(f, &n, r->out_fd, OPENING_NAME, OPENING_NAME, 0666, false));
	TRY(file_write_at(f, n.fd, OPENING_NAME, empty ? fresh : over, MARK_LEN, 0));
	TRY(newfile_commit(f, &n));
out:
	newfile_abort(&n);
	return err;
}

coffer_err
open_remove_mark(struct fault *f, struct open_run *r, const char *name)
{
	if (unlinkat(r->out_fd, name, 0) != 0 && errno != ENOENT)
		return fault_errno(f, errno, "cannot remove %s/%s", r->out, name);
	return file_sync_dir(f, r->out_fd, r->out);
}
