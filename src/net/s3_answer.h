/* SPDX-License-Identifier: Apache-2.0 */
/* What an object store answers, in XML. */
#ifndef NET_S3_ANSWER_H
#define NET_S3_ANSWER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/fault.h"
#include "base/limits.h"
#include "base/view.h"
#include "net/s3.h"

/** struct s3_said - what it says when it says no; all empty where that is no XML of it */
struct s3_said {
	char code[65];
	char words[201];
	char region[64];
};

/** s3_answer_error() - take it out of an <Error>; false when @text is none */
bool s3_answer_error(struct view text, struct s3_said *out);

/** s3_answer_upload() - the name of the upload that <InitiateMultipartUploadResult> tells; COFFER_E_NET when there is none */
coffer_err s3_answer_upload(struct fault *f, struct view text, char out[static LIMIT_S3_UPLOAD + 1]);

/** struct s3_item - an object of a list; an upload in parts that has not ended, with its name and when it was begun */
struct s3_item {
	char key[S3_KEY_MAX + 1];
	char upload[LIMIT_S3_UPLOAD + 1];
	struct s3_object object;
};

/** struct s3_page - where a list goes on; both empty at its end */
struct s3_page {
	char token[LIMIT_S3_UPLOAD + 1];  /* continuation-token; of uploads key-marker */
	char upload[LIMIT_S3_UPLOAD + 1]; /* of uploads: upload-id-marker */
};

/**
 * s3_answer_list() - call @fn with each object of <ListBucketResult>, or upload of <ListMultipartUploadsResult>
 *
 * COFFER_E_NET when it is neither, or what it says of an object cannot be.
 */
coffer_err s3_answer_list(struct fault *f, struct view text, struct s3_page *next,
			  coffer_err (*fn)(void *arg, struct fault *f, const struct s3_item *item), void *arg);

#endif
