/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One bucket of an object store that speaks S3 (Amazon S3 API reference, 2006-03-01), for backups and registries.
 *
 * The endpoint is COFFER_S3_ENDPOINT, else what AWS's own variables say (aws_endpoint.h), else Amazon's in the region; http only to this
 * machine.  The bucket is a part of the host's name at Amazon's, unless it has dots, with which no certificate goes; elsewhere it
 * begins the path; COFFER_S3_STYLE, «virtual» or «path», overrules that.  Requests are signed (sigv4.h) with the credentials that AWS's programs would find (aws_cred.h).  They are made again as
 * net/retry.h says, when there was no whole answer, for 429, 500, 502, 503, 504 and «try again» of S3, within COFFER_S3_TIMEOUT (seconds for one
 * request with all of its tries, 1 to 86400; 600) and COFFER_S3_RETRIES (0 to 10; 3); a connection on which nothing moves for a
 * minute is given up before.  A credential that has expired is asked for anew, once; a clock that is wrong is set by the service's, once.
 *
 * Errors: COFFER_E_NOTFOUND for an object or bucket that is not there, COFFER_E_PERM for what is not allowed, COFFER_E_RATE and
 * COFFER_E_NET when it stays busy or unreachable, COFFER_E_SPACE when it is full; each with what the service said, and the way out.
 *
 * Keys are 1 to 1024 bytes of UTF-8 without control characters, and without «.» or «..» between slashes: an HTTP client would take
 * those for folders.  Any thread, several at once for one struct s3.
 */
#ifndef NET_S3_H
#define NET_S3_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"
#include "base/view.h"
#include "crypto/hash.h"

#define S3_KEY_MAX 1024
#define S3_ETAG_MAX 255
#define S3_PART_MIN (UINT64_C(5) << 20) /* of S3, for all parts but the last */

struct s3;

/** s3_new() - the bucket @bucket; asks nobody; free with s3_free().  COFFER_E_USAGE for a name that no bucket has, or when no region is known. */
coffer_err s3_new(struct fault *f, const char *bucket, struct s3 **out);
void s3_free(struct s3 **s3);

/**
 * s3_set_part_size() - what is longer is put in parts of that size; for a size of 10,000 parts and more they are longer
 * @part_size: 64 MiB before; at least S3_PART_MIN, unless the service allows shorter ones
 */
void s3_set_part_size(struct s3 *s3, uint64_t part_size);

/** struct s3_object - what the service says of an object */
struct s3_object {
	uint64_t size;
	int64_t mtime;		    /* seconds since 1970, by the clock of the service; 0 where it does not say */
	char etag[S3_ETAG_MAX + 1]; /* with its quotes; empty where it does not say */
};

/** struct s3_body - what an object is to hold */
struct s3_body {
	struct view bytes; /* unless: */
	bool is_file;	   /* @len bytes from @off of the file @fd */
	int fd;
	uint64_t off, len;

	/* of all of it, when known: S3 then compares it.  NULL: TLS protects the bytes; without TLS they are hashed before. */
	const uint8_t *sha256;
};

enum s3_if {
	S3_ALWAYS,    /* in place of what is there */
	S3_IF_ABSENT, /* COFFER_E_EXISTS when there is an object of that name */
};

/**
 * s3_put() - make the object @key: whole or not at all
 *
 * S3_IF_ABSENT is «If-None-Match: *», so of several who do it at once one wins.  A service that does not know it (501) is asked whether
 * the object is there before it is put, which two can do at once; s3_can_exclude() tells.  What is in the way and was put by a try of this very call, the
 * answer to which got lost, counts as put.
 */
coffer_err s3_put(struct fault *f, struct s3 *s3, const char *key, const struct s3_body *body, enum s3_if condition);

/** s3_can_exclude() - false once the service has said that it does not know «If-None-Match» */
bool s3_can_exclude(const struct s3 *s3);

/** struct s3_range - part of an object: @len bytes from @off, fewer when it ends before; NULL or @len 0 means to its end */
struct s3_range {
	uint64_t off, len;
};

/**
 * s3_get() - read an object, or part of it
 * @take: gets its bytes as they come; an error ends the call with it.  What it took is not the whole unless the call is COFFER_OK.
 * @out: gets what the service says of it; may be NULL
 *
 * A connection that breaks is taken up where it broke, if it is the same object still (ETag); else COFFER_E_CHANGED.  A range that
 * begins at the end of the object or behind is COFFER_E_RANGE.
 */
coffer_err s3_get(struct fault *f, struct s3 *s3, const char *key, const struct s3_range *range,
		  coffer_err (*take)(void *user, struct fault *f, struct view part), void *user, struct s3_object *out);

/** s3_head() - what the service says of the object @key */
coffer_err s3_head(struct fault *f, struct s3 *s3, const char *key, struct s3_object *out);

/** s3_list() - call @fn with each object whose key begins with @prefix, in any order; ends at the first error.  COFFER_E_NOTFOUND: no such bucket. */
coffer_err s3_list(struct fault *f, struct s3 *s3, const char *prefix,
		   coffer_err (*fn)(void *arg, struct fault *f, const char *key, const struct s3_object *o), void *arg);

/** s3_delete() - remove the object @key; one that is not there is none to remove */
coffer_err s3_delete(struct fault *f, struct s3 *s3, const char *key);

/** s3_abort_stale() - forget the uploads in parts, of keys that begin with @prefix, that were begun before @before and never ended */
coffer_err s3_abort_stale(struct fault *f, struct s3 *s3, const char *prefix, int64_t before);

#endif
