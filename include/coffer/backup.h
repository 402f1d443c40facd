/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Backup: sealed models, keys, configuration and audit log into a store that need not be trusted, and back (docs/backup.md).
 *
 * A store is a folder or a bucket of S3 (s3://BUCKET/PREFIX).  It keeps snapshots: each says what was there at one moment.  Sealed
 * files go there as they are, cut into parts that are called by their SHA-256, so that what is there already is not stored
 * again.  All else is in the private part of a snapshot, sealed for the keys that the backup is made with.
 */
#ifndef COFFER_BACKUP_H
#define COFFER_BACKUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <coffer/ctx.h>
#include <coffer/key.h>

#ifdef __cplusplus
extern "C" {
#endif

#define COFFER_BACKUP_NAME 64 /* room for the name of a snapshot */

/* ---- making ---- */

/** struct coffer_backup_create_options - what to back up, and how; zero it and set @version_1 to 1 */
struct coffer_backup_create_options {
	/** @version_1: must be 1 */
	uint32_t version_1;

	/** @init: make the store if it is not there; without it that is COFFER_E_NOTFOUND, so that a disk that is not there is noticed */
	bool init;

	/** @part_size: of a new store: bytes of the parts that files are cut into, a power of two from 64 KiB to 1 GiB; 0 = 16 MiB */
	uint64_t part_size;

	/** @exclude: shell patterns (fnmatch) of paths as they are in the backup; what matches is left out */
	const char *const *exclude;
	size_t n_exclude;

	/** @plain: take files that are not sealed, too; they go into the private part */
	bool plain;

	/** @models_alone: no keyring, no configuration and no audit log */
	bool models_alone;

	/** @reserved: must be zero */
	uint64_t reserved[8];
};

/** struct coffer_backup_stats - what was done */
struct coffer_backup_stats {
	char snapshot[COFFER_BACKUP_NAME]; /* its name */
	uint64_t n_models;
	uint64_t n_files; /* sealed files, key blocks and signatures */
	uint64_t bytes;	  /* of them */
	uint64_t bytes_read;
	uint64_t bytes_stored; /* that were not there before, those of the private part too */
	uint64_t n_private;    /* files in the private part */
	uint64_t n_left_out;   /* files that are not sealed, and links */
	double seconds;
};

/**
 * coffer_backup_create() - make a snapshot
 * @store: where it goes
 * @models: sealed models, or folders that hold some anywhere below
 * @keys: each can restore the private part; 1 to 32, best a public key whose secret half is kept elsewhere
 * @stats_out: what was done, also when models were left out; may be NULL
 *
 * What did not change since the last snapshot of this user and store is not read.  A model that is written to meanwhile is
 * looked at again, a few times at most; then it is COFFER_E_CHANGED.  A model that is not whole is left out, and all
 * others are backed up: the snapshot is there, and the error is that model's, of category 5.  After an interruption
 * nothing is listed, and what was stored is used by the next run.
 *
 * Return: COFFER_OK; COFFER_E_NOTFOUND; COFFER_E_EXISTS when the store would be made of a folder in use; COFFER_E_FORMAT when it is
 * none; COFFER_E_SPACE, or an error of category 4, 5, 7, 8, 10, 12 or 130.
 */
COFFER_API COFFER_CHECK coffer_err coffer_backup_create(struct coffer_ctx *ctx, const char *store,
							const char *const *models, size_t n_models,
							const struct coffer_keyring *keys,
							const struct coffer_backup_create_options *options,
							struct coffer_backup_stats *stats_out);

/* ---- looking ---- */

/** struct coffer_backup_snapshot - a snapshot; nothing of it is authentic before it is verified with a key */
struct coffer_backup_snapshot {
	char name[COFFER_BACKUP_NAME];
	char time[32]; /* RFC 3339 */
	char host[257];
	uint64_t n_files;
	uint64_t bytes;
	coffer_err err; /* COFFER_OK; else it cannot be read, and only its name and time are known */
	char why[200];
};

/** coffer_backup_list() - all snapshots, the oldest first, in one array to be freed with free() */
COFFER_API COFFER_CHECK coffer_err coffer_backup_list(struct coffer_ctx *ctx, const char *store,
						      struct coffer_backup_snapshot **list_out, size_t *n_out);

/** struct coffer_backup_file - a file of a snapshot */
struct coffer_backup_file {
	char *path;
	uint64_t size;
	char time[32]; /* when it was written, RFC 3339 */
};

/**
 * coffer_backup_files() - the files of @snapshot, but for those of its private part
 * @snapshot: a name, at least six digits of the id in it, or «latest»
 * @list_out: free it with coffer_backup_files_free()
 */
COFFER_API COFFER_CHECK coffer_err coffer_backup_files(struct coffer_ctx *ctx, const char *store, const char *snapshot,
						       struct coffer_backup_file **list_out, size_t *n_out);

/** coffer_backup_files_free() - free *@list, of @n files, and set it to NULL; NULL is fine */
COFFER_API void coffer_backup_files_free(struct coffer_backup_file **list, size_t n);

/* ---- verifying ---- */

/** struct coffer_backup_verify_options - how; zero it and set @version_1 to 1 */
struct coffer_backup_verify_options {
	/** @version_1: must be 1 */
	uint32_t version_1;

	/** @quick: look whether all objects are there and as long as they should be, and read none */
	bool quick;

	/** @reserved: must be zero */
	uint64_t reserved[8];
};

/** struct coffer_backup_finding - what is wrong */
struct coffer_backup_finding {
	char snapshot[COFFER_BACKUP_NAME];
	char *path; /* the file that cannot be restored, «the private part», or NULL: all of the snapshot */
	coffer_err err;
	char *why;
};

/** struct coffer_backup_verdict - what was looked at, and what was found */
struct coffer_backup_verdict {
	uint64_t n_snapshots;
	uint64_t n_objects;
	uint64_t bytes;
	uint64_t n_authentic; /* snapshots that were verified with a key */
	uint64_t n_findings;  /* how many; at most 1000 of them are in @findings */
	struct coffer_backup_finding *findings;
};

/**
 * coffer_backup_verify() - read back what a store has
 * @snapshot: as for coffer_backup_files(), or NULL = all
 * @keys: of the backup, to see that the snapshots are those that were made with it, and open the private parts; NULL = without
 * @verdict_out: gets what was found, after COFFER_OK and errors of category 5 and 7; free it with coffer_backup_verdict_free()
 *
 * Without keys damage is found, but not that somebody changed a snapshot and everything that depends on it.
 *
 * Return: COFFER_OK when all is in order, else the first finding's error, or why it could not be found out.
 */
COFFER_API COFFER_CHECK coffer_err coffer_backup_verify(struct coffer_ctx *ctx, const char *store, const char *snapshot,
							const struct coffer_keyring *keys,
							const struct coffer_backup_verify_options *options,
							struct coffer_backup_verdict **verdict_out);

/** coffer_backup_verdict_free() - free *@verdict and set it to NULL; NULL is fine */
COFFER_API void coffer_backup_verdict_free(struct coffer_backup_verdict **verdict);

/* ---- pruning ---- */

/**
 * struct coffer_backup_prune_options - what to keep; zero it and set @version_1 to 1
 *
 * Counted separately for each host and each set of folders that was backed up.  A snapshot that any rule keeps is kept.
 */
struct coffer_backup_prune_options {
	/** @version_1: must be 1 */
	uint32_t version_1;

	/** @keep_last: so many of the newest; @keep_daily and its kin: the newest of each of so many days (weeks, months, years) that have one, in UTC */
	uint32_t keep_last, keep_daily, keep_weekly, keep_monthly, keep_yearly;

	/** @keep_within_s: all that are not older, in seconds before the newest */
	uint64_t keep_within_s;

	/** @grace_s: objects that no snapshot names are removed when they are older; another backup may be about to name them; 0 = a day */
	uint64_t grace_s;

	/** @dry_run: say what would be removed, remove nothing */
	bool dry_run;

	/** @reserved: must be zero */
	uint64_t reserved[8];
};

/** struct coffer_backup_pruned - what was removed and kept */
struct coffer_backup_pruned {
	uint64_t n_kept;
	uint64_t n_removed;
	char (*removed)[COFFER_BACKUP_NAME]; /* their names */
	uint64_t n_objects;		     /* removed */
	uint64_t bytes;			     /* of them */
};

/**
 * coffer_backup_prune() - remove snapshots that no rule keeps, and objects that no snapshot needs
 * @pruned_out: free it with coffer_backup_pruned_free(); may be NULL
 *
 * Of each host and set of folders the newest snapshot that is whole stays, whatever the rules say.  An interruption leaves all
 * snapshots that are listed whole.
 *
 * Return: COFFER_OK; COFFER_E_USAGE without a rule; COFFER_E_BUSY while a backup runs; COFFER_E_FORMAT when a snapshot cannot be
 * read, for nobody knows then what it needs.
 */
COFFER_API COFFER_CHECK coffer_err coffer_backup_prune(struct coffer_ctx *ctx, const char *store,
						       const struct coffer_backup_prune_options *options,
						       struct coffer_backup_pruned **pruned_out);

/** coffer_backup_pruned_free() - free *@pruned and set it to NULL; NULL is fine */
COFFER_API void coffer_backup_pruned_free(struct coffer_backup_pruned **pruned);

/* ---- restoring ---- */

/** struct coffer_backup_restore_options - what to restore; zero it and set @version_1 to 1 */
struct coffer_backup_restore_options {
	/** @version_1: must be 1 */
	uint32_t version_1;

	/** @include, @exclude: shell patterns (fnmatch) of paths as coffer_backup_files() gives them */
	const char *const *include;
	size_t n_include;
	const char *const *exclude;
	size_t n_exclude;

	/** @keyring, @config, @audit, @plain: of the private part */
	bool keyring, config, audit, plain;

	/** @force: write into a folder that has something in it, and replace files that are there */
	bool force;

	/** @reserved: must be zero */
	uint64_t reserved[8];
};

/**
 * coffer_backup_restore() - bring back what a snapshot has
 * @snapshot: as for coffer_backup_files()
 * @out: a folder that is new or empty: gets «models», and as told «keyring», «config», «data» and «audit»
 * @keys: of the backup; needed for the private part, and to see that the snapshot is the one that was made.  NULL = without
 * @stats_out: may be NULL
 *
 * A file gets its name when all of it is there, is what was stored, and is durable.  After an interruption the same call goes on.
 * What cannot be restored is left out, and the first error returned.
 */
COFFER_API COFFER_CHECK coffer_err coffer_backup_restore(struct coffer_ctx *ctx, const char *store,
							 const char *snapshot, const char *out,
							 const struct coffer_keyring *keys,
							 const struct coffer_backup_restore_options *options,
							 struct coffer_backup_stats *stats_out);

#ifdef __cplusplus
}
#endif
#endif
