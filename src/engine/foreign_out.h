/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A new encrypted file in the format of another program, written once from front to back.
 */
#ifndef ENGINE_FOREIGN_OUT_H
#define ENGINE_FOREIGN_OUT_H

#include "base/file.h"
#include "crypto/digest.h"
#include "format/foreign.h"

struct foreign_out {
	struct newfile n;
	struct foreign head; /* set its format, has_aad and metadata before foreign_out_open() */
	enum coffer_padding padding;
	struct aes_stream *cipher;
	struct digest *hash;
	uint64_t size;	 /* of the plaintext */
	uint64_t off;	 /* where the next piece goes, in the file */
	uint8_t *window; /* plaintext that waits */
	size_t len;
};

#define FOREIGN_OUT_INIT                                                                                               \
	{                                                                                                              \
		.n = NEWFILE_INIT, .head = FOREIGN_INIT                                                                \
	}

/** foreign_out_open() - begin a file of @size bytes of plaintext in the open newfile @out->n; @key is of 32 bytes */
coffer_err foreign_out_open(struct fault *f, struct foreign_out *out, struct view key, struct view aad, uint64_t size);

/** foreign_out_write() - the next @len bytes of plaintext */
coffer_err foreign_out_write(struct fault *f, struct foreign_out *out, const void *bytes, size_t len);

/** foreign_out_finish() - padding, tag and head; the file may get its name */
coffer_err foreign_out_finish(struct fault *f, struct foreign_out *out);

/** foreign_out_close() - wipe and free; what was not committed is gone */
void foreign_out_close(struct foreign_out *out);

#endif
