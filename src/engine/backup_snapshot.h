/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A snapshot: the document that says what was where at one moment, and which objects hold it (docs/backup.md section 3).
 *
 * It is named after its own hash, so that whoever knows the name knows the content.
 */
#ifndef ENGINE_BACKUP_SNAPSHOT_H
#define ENGINE_BACKUP_SNAPSHOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/fault.h"
#include "base/limits.h"
#include "crypto/hash.h"

#define BACKUP_STORE_ID_LEN 16
#define SNAPSHOT_ID_LEN 16 /* of the hash of a snapshot, what its name has */
#define SNAPSHOT_ID_TEXT (2 * SNAPSHOT_ID_LEN + 1)
#define SNAPSHOT_NAME_LEN 54 /* «20261120T135818Z-», 32 hex digits, «.json» */

/** struct backup_file - one file: its bytes are those of its parts, one after the other */
struct backup_file {
	char *path; /* relative; its first part is the name of a root */
	uint64_t size;
	uint32_t mode; /* permission bits */
	uint64_t mtime_ns;
	uint64_t ctime_ns, inode;     /* with size and mtime: how the next backup knows that it did not change */
	uint8_t (*parts)[SHA256_LEN]; /* SHA-256 of each part_size bytes; NULL where they are not known yet */
	size_t n_parts;
};

/** struct backup_root - one of the things that were to be backed up */
struct backup_root {
	char *name; /* the last part of @path */
	char *path; /* where it was */
};

struct snapshot {
	uint8_t store[BACKUP_STORE_ID_LEN];
	uint64_t part_size;
	int64_t time;
	char host[LIMIT_TEXT + 1];
	struct backup_root *roots;
	size_t n_roots;
	struct backup_file *files; /* in strictly ascending order of the bytes of their paths */
	size_t n_files;
	struct backup_file private_part; /* its path is NULL */
	uint8_t mac[SHA256_LEN];

	/* of a decoded or encoded one */
	struct buf mac_text; /* what the MAC is over */
	uint8_t id[SNAPSHOT_ID_LEN];
};

#define SNAPSHOT_INIT                                                                                                  \
	{                                                                                                              \
		.mac_text = BUF_INIT(LIMIT_BACKUP_SNAPSHOT)                                                            \
	}

/** snapshot_free() - free what @s owns; it is SNAPSHOT_INIT again */
void snapshot_free(struct snapshot *s);

/** backup_file_free() - free what @file owns and zero it */
void backup_file_free(struct backup_file *file);

/** backup_n_parts() - how many parts a file of @size bytes has: none when it is empty */
uint64_t backup_n_parts(uint64_t size, uint64_t part_size);

/** backup_part_len() - bytes of part @index of a file of @size bytes */
uint64_t backup_part_len(uint64_t size, uint64_t part_size, size_t index);

/** backup_path_check() - whether @path may name a file of a backup: no way out of a folder, text; COFFER_E_FORMAT */
coffer_err backup_path_check(struct fault *f, const char *path);

/** snapshot_decode() - read a document; structure alone, nothing is authentic yet */
coffer_err snapshot_decode(struct fault *f, struct view text, struct snapshot *out);

/**
 * snapshot_encode() - append the document of @s; sets its mac, mac_text and id
 * @key: 32 bytes that the private part has, too
 */
coffer_err snapshot_encode(struct fault *f, struct snapshot *s, struct view key, struct buf *out);

/** snapshot_verify() - COFFER_E_AUTH unless @s was made with @key, 32 bytes */
coffer_err snapshot_verify(struct fault *f, const struct snapshot *s, struct view key);

/** snapshot_name() - the name of @s in the store's folder of snapshots */
void snapshot_name(const struct snapshot *s, char out[static SNAPSHOT_NAME_LEN + 1]);

/** snapshot_name_parse() - the time and the id that @name stands for; false when it is no such name */
bool snapshot_name_parse(const char *name, int64_t *time_out, uint8_t id_out[static SNAPSHOT_ID_LEN]);

#endif
