/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A place for backups: documents by name, and objects by their SHA-256 (docs/backup.md section 2).
 *
 * A folder (backup_folder.c) or a bucket of S3 (backup_s3.c).  Nothing that comes from it is believed: an object is what its name
 * says or it is damage.
 */
#ifndef ENGINE_BACKUP_STORE_H
#define ENGINE_BACKUP_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/view.h"
#include "engine/backup_snapshot.h"
#include "engine/ctx.h"

#define STORE_DESCRIPTION "coffer-backup.json"
#define STORE_SNAPSHOTS "snapshots"
#define STORE_OBJECTS "objects"

/** struct store_entry - one document or object */
struct store_entry {
	const char *name; /* without its folder; of an object «ab/» and 64 hex digits */
	uint64_t size;
	int64_t mtime; /* seconds since 1970, by the clock of the store */
};

/** struct objects - what objects there are, in ascending order of id */
struct objects {
	struct object {
		uint8_t id[SHA256_LEN];
		uint64_t size;
		int64_t mtime;
	} * v;
	size_t n, cap;
};

/** objects_find() - the object called @id, or NULL */
const struct object *objects_find(const struct objects *o, const uint8_t id[static SHA256_LEN]);

void objects_free(struct objects *o);

/** struct store_bulk - parts of files on the way to a store or from it; called from several threads at once, by index */
struct store_bulk {
	size_t n;

	/* len: bytes of the part; path: the file that it is of, valid until the call ends */
	uint64_t (*len)(void *arg, size_t i);
	const char *(*path)(void *arg, size_t i);

	/* id: the object; when putting what it probably will be, or NULL where nobody knows */
	const uint8_t *(*id)(void *arg, size_t i);

	/* source: when putting, open the file that it comes from; who called closes *@fd_out */
	coffer_err (*source)(void *arg, struct fault *f, size_t i, int *fd_out, uint64_t *off_out);

	/* write: when getting, take @len bytes, which begin at @off of the part; not believed before end().  NULL: verify alone */
	coffer_err (*write)(void *arg, struct fault *f, size_t i, uint64_t off, const void *bytes, size_t len);

	/*
	 * end: @id is the object that it was put as, or whose bytes were written; NULL with the reason in @f.
	 * COFFER_OK goes on with the others; anything else ends the call with @f.
	 */
	coffer_err (*end)(void *arg, struct fault *f, size_t i, const uint8_t *id);
	void *arg;
};

enum store_lock {
	STORE_SHARED, /* while objects are added or read */
	STORE_ALONE,  /* while some are removed */
};

struct store_verbs {
	/* is_there: COFFER_E_NOTFOUND, with the way out, when there is not even a folder or bucket to hold a store */
	coffer_err (*is_there)(void *self, struct fault *f);

	/* read: the document @name, @folder/@name where there is one, appended to @out; COFFER_E_NOTFOUND */
	coffer_err (*read)(void *self, struct fault *f, const char *name, size_t max, struct buf *out);

	/* write: a new document, there whole and durable or not at all; COFFER_E_EXISTS */
	coffer_err (*write)(void *self, struct fault *f, const char *name, struct view bytes);

	/* list: call @fn with each entry of @folder (STORE_SNAPSHOTS or STORE_OBJECTS), in any order */
	coffer_err (*list)(void *self, struct fault *f, const char *folder,
			   coffer_err (*fn)(void *arg, struct fault *f, const struct store_entry *e), void *arg);

	/* remove: the document or object @name; one that is not there is none to remove */
	coffer_err (*remove)(void *self, struct fault *f, const char *name);

	/* sync: what was removed from @folder stays removed */
	coffer_err (*sync)(void *self, struct fault *f, const char *folder);

	/* tidy: remove what killed runs left that is older than @before and has no name that anybody looks for */
	coffer_err (*tidy)(void *self, struct fault *f, int64_t before);

	/*
	 * lock: until the store is closed.  STORE_ALONE is COFFER_E_BUSY at once when anybody is at work on it, STORE_SHARED waits
	 * for whoever is alone.
	 */
	coffer_err (*lock)(void *self, struct fault *f, const struct coffer_ctx *ctx, enum store_lock lock);

	/* put: make each part of @bulk an object, unless @there has it; get: read each object of @bulk */
	coffer_err (*put)(void *self, struct fault *f, struct coffer_ctx *ctx, const struct store_bulk *bulk,
			  const struct objects *there);
	coffer_err (*get)(void *self, struct fault *f, struct coffer_ctx *ctx, const struct store_bulk *bulk);

	void (*close)(void *self);
};

struct backup_store {
	const struct store_verbs *verbs;
	void *self;
	char *shown; /* as the user wrote it */
	uint8_t id[BACKUP_STORE_ID_LEN];
	uint64_t part_size;
};

#define BACKUP_STORE_INIT                                                                                              \
	{                                                                                                              \
		.verbs = NULL                                                                                          \
	}

/**
 * store_open() - open the store at @where: a folder, or s3://BUCKET/PREFIX; close with store_close(), after a failure too
 *
 * COFFER_E_NOTFOUND when there is nothing, COFFER_E_FORMAT when it is no store.
 */
coffer_err store_open(struct fault *f, const char *where, struct backup_store *out);

/**
 * store_make() - make a store at @where and open it; one that is there already is opened as it is
 * @part_size: as in LIMIT_BACKUP_PART_MIN; 0 = 16 MiB
 *
 * COFFER_E_EXISTS when something else is there.
 */
coffer_err store_make(struct fault *f, const char *where, uint64_t part_size, struct backup_store *out);

void store_close(struct backup_store *s);

/** store_objects() - list all objects; free with objects_free() */
coffer_err store_objects(struct fault *f, const struct backup_store *s, struct objects *out);

/** store_object_name() - «objects/ab/…» */
void store_object_name(const uint8_t id[static SHA256_LEN], char out[static 80]);

/** store_snapshot_name() - «snapshots/NAME» */
void store_snapshot_name(const char *name, char out[static 80]);

/** store_description_decode() - what a store says of itself [B-1] */
coffer_err store_description_decode(struct fault *f, struct view text, struct backup_store *out);

/** store_description_encode() - the same, written */
coffer_err store_description_encode(struct fault *f, const struct backup_store *s, struct buf *out);

#define STORE_S3 "s3://"

/** store_bucket_open() - the verbs of a bucket, which @where names with STORE_S3 in front; with @make nothing else may be there */
coffer_err store_bucket_open(struct fault *f, const char *where, bool make, struct backup_store *out);

/** store_folder_open() - the verbs of a folder; with @make it is made ready when it is new or empty */
coffer_err store_folder_open(struct fault *f, const char *path, bool make, struct backup_store *out);

#endif
