/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/changing.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

coffer_err
changing_lock(struct fault *f, const char *path, int *fd_out)
{
	struct stat st;
	coffer_err err = COFFER_OK;

	*fd_out = -1;
	if (stat(path, &st) != 0)
		return fault_errno(f, errno, "cannot open %s", path);
	if (!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode))
		return fault_set(f, COFFER_E_FORMAT, "%s is not a sealed model", path);
	*fd_out = open(path, (S_ISDIR(st.st_mode) ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NOCTTY);
	if (*fd_out < 0)
		return fault_errno(f, errno, "cannot change %s", path);
	TRY(model_lock_folder(f, *fd_out, path));
out:
	if (err)
		file_close(fd_out);
	return err;
}

coffer_err
changing_check_still(struct fault *f, int locked, const struct coffer_model *m)
{
	struct stat a, b;

	if (fstat(locked, &a) != 0 || fstat(m->fd, &b) != 0)
		return fault_errno(f, errno, "cannot open %s", m->shown);
	if (a.st_dev != b.st_dev || a.st_ino != b.st_ino)
		return fault_set(f, COFFER_E_BUSY, "%s was replaced by another process", m->shown);
	return COFFER_OK;
}

/* ---- of a file ---- */

static coffer_err
sync_slot(struct fault *f, int fd, const char *shown)
{
	if (fdatasync(fd) != 0)
		return fault_errno(f, errno, "cannot make the key block of %s durable", shown);
	return COFFER_OK;
}

/* [F-20]: blank, body, head, each durable before the next */
static coffer_err
write_slot(struct fault *f, int fd, const char *shown, unsigned int slot, const uint8_t image[static SLOT_LEN])
{
	static const uint8_t blank[SLOT_HEAD_LEN];
	uint64_t off = HEAD_SLOT_OFF + (uint64_t)slot * SLOT_LEN;
	coffer_err err;

	TRY(file_write_at(f, fd, shown, blank, SLOT_HEAD_LEN, off));
	TRY(sync_slot(f, fd, shown));
	TRY(file_write_at(f, fd, shown, image + SLOT_HEAD_LEN, SLOT_LEN - SLOT_HEAD_LEN, off + SLOT_HEAD_LEN));
	TRY(sync_slot(f, fd, shown));
	TRY(file_write_at(f, fd, shown, image, SLOT_HEAD_LEN, off));
	TRY(sync_slot(f, fd, shown));
out:
	return err;
}

static coffer_err
write_slots(struct fault *f, int fd, const struct coffer_model *m, struct view doc, enum changing_run run)
{
	uint8_t *image = malloc(SLOT_LEN);
	coffer_err err;

	if (!image)
		return fault_nomem(f);
	TRY(slot_encode(f, doc, image));
	if (run == CHANGING_DRY)
		goto out;
	TRY(write_slot(f, fd, m->shown, 1 - m->slot, image));
	TRY(write_slot(f, fd, m->shown, m->slot, image));
out:
	free(image);
	return err;
}

/* The one that counts, over the other. */
static coffer_err
mend_slots(struct fault *f, int fd, const struct coffer_model *m)
{
	uint8_t *image = malloc(SLOT_LEN);
	coffer_err err;

	if (!image)
		return fault_nomem(f);
	TRY(file_read_at(f, fd, m->shown, image, SLOT_LEN, HEAD_SLOT_OFF + (uint64_t)m->slot * SLOT_LEN));
	TRY(write_slot(f, fd, m->shown, 1 - m->slot, image));
out:
	free(image);
	return err;
}

/* ---- of a directory ---- */

/* A sealing that was interrupted at its last step left its mark, which holds the DEK for the recipients of then. */
static coffer_err
remove_mark(struct fault *f, int dirfd, const char *shown)
{
	return unlinkat(dirfd, PARTIAL_NAME, 0) == 0 ? file_sync_dir(f, dirfd, shown) : COFFER_OK;
}

coffer_err
changing_write_folder(struct fault *f, int dirfd, const char *shown, int old, struct view doc)
{
	struct newfile n = NEWFILE_INIT;
	struct stat like;
	coffer_err err;

	/* [F-21] */
	TRY(newfile_open_at(f, &n, dirfd, KEYBLOCK_NAME, shown, 0666, true));
	if (fstatat(old, KEYBLOCK_NAME, &like, AT_SYMLINK_NOFOLLOW) == 0)
		(void)file_take_after(n.fd, &like);
	TRY(file_write_at(f, n.fd, shown, doc.p, doc.len, 0));
	TRY(newfile_commit(f, &n));
	TRY(remove_mark(f, dirfd, shown));
out:
	newfile_abort(&n);
	return err;
}

coffer_err
changing_write(struct fault *f, int locked, const struct coffer_model *m, struct view doc, enum changing_run run)
{
	if (!m->directory)
		return write_slots(f, locked, m, doc, run);
	return run == CHANGING_DRY ? COFFER_OK : changing_write_folder(f, m->fd, m->shown, m->fd, doc);
}

coffer_err
changing_mend(struct fault *f, int locked, const struct coffer_model *m)
{
	return m->directory ? remove_mark(f, m->fd, m->shown) : mend_slots(f, locked, m);
}
