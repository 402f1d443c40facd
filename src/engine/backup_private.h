/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The private part of a snapshot: keyring, configuration, audit log and plain files, as one archive that is sealed (docs/backup.md
 * section 4).  None of it is on a disk in plain, except where it was before.
 */
#ifndef ENGINE_BACKUP_PRIVATE_H
#define ENGINE_BACKUP_PRIVATE_H

#include <coffer/open.h>

#include "data/tar.h"
#include "engine/backup_scan.h"
#include "engine/backup_store.h"
#include "mem/secret.h"

#define PRIVATE_KEY_LEN 32 /* of the MAC over the snapshot */

/* the folders in the archive */
#define PRIVATE_KEYRING "keyring"
#define PRIVATE_CONFIG "config"
#define PRIVATE_DATA "data"
#define PRIVATE_AUDIT "audit"
#define PRIVATE_MODELS "models" /* files that are not sealed, where they lie between the others */

/* ---- making ---- */

struct pack;

/**
 * pack_new() - list what goes into it; free with pack_free(), after a failure too
 * @plain: its plain files are taken; NULL = none.  Must outlive the pack.
 * @own: take keyring, configuration and audit log
 */
coffer_err pack_new(struct fault *f, const struct scan *plain, bool own, struct pack **out);
void pack_free(struct pack **pack);

/** pack_key() - the key of the MAC over the snapshot */
struct view pack_key(const struct pack *pack);

/** pack_size() - how many files there are */
size_t pack_size(const struct pack *pack);

/**
 * pack_seal() - seal the archive for @keys into the file @fd, which must be empty
 * @size_out: bytes of the sealed file
 *
 * COFFER_E_CHANGED when a file was written to since pack_new(); but for the audit log, which only grows.
 */
coffer_err pack_seal(struct fault *f, struct coffer_ctx *ctx, struct pack *pack, const struct coffer_keyring *keys,
		     int fd, uint64_t *size_out);

/** private_scratch() - a file without a name, for a sealed archive; the caller closes it */
coffer_err private_scratch(struct fault *f, int *fd_out);

/* ---- reading ---- */

struct private_part {
	int fd;
	struct coffer_source sealed; /* of @fd */
	struct coffer_model *model;
	struct coffer_file *file;
	struct coffer_source archive;
};

#define PRIVATE_PART_INIT                                                                                              \
	{                                                                                                              \
		.fd = -1                                                                                               \
	}

/**
 * private_open() - fetch and open the private part of @s, and see that @s is the snapshot that it was made for
 * @keys: of the backup
 *
 * Close with private_close(), after a failure too.  COFFER_E_AUTH for another snapshot.
 */
coffer_err private_open(struct fault *f, struct coffer_ctx *ctx, const struct backup_store *store,
			const struct snapshot *s, const struct coffer_keyring *keys, struct private_part *out);
void private_close(struct private_part *p);

/** private_each() - call @fn with each file, in the order of the archive; its bytes are in p->archive at m->off.  What has a name that leads out is COFFER_E_FORMAT. */
coffer_err private_each(struct fault *f, const struct private_part *p,
			coffer_err (*fn)(void *arg, struct fault *f, const struct tar_member *m), void *arg);

/** private_read() - exactly @len bytes of the archive from @off */
coffer_err private_read(struct fault *f, const struct private_part *p, uint64_t off, void *buf, size_t len);

#endif
