/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The plaintext of an encrypted file of another program, read once from front to back.
 *
 * What is read is worthless until foreign_in_finish() has held tag, MAC and hash against all of it.
 */
#ifndef ENGINE_FOREIGN_IN_H
#define ENGINE_FOREIGN_IN_H

#include "base/input.h"
#include "crypto/digest.h"
#include "crypto/mac.h"
#include "engine/ctx.h"
#include "format/foreign.h"

/** enum foreign_end - what stands behind the plaintext */
enum foreign_end { END_NOTHING, END_PKCS7, END_ZEROS, END_WRONG };

struct foreign_in {
	const struct coffer_ctx *ctx;
	struct progress *progress;
	struct input in;
	struct foreign head;
	struct aes_stream *cipher;
	struct mac *mac;	 /* IBM alone */
	struct digest *hash;	 /* where the head has one */
	uint64_t size;		 /* of the plaintext */
	enum foreign_end end;	 /* after it */
	uint8_t last[AES_BLOCK]; /* the last block, seen before all others, for its padding */
	uint8_t *window;	 /* what was deciphered last */
	uint64_t off;		 /* its place */
	size_t len;
};

#define FOREIGN_IN_INIT                                                                                                \
	{                                                                                                              \
		.in = INPUT_INIT, .head = FOREIGN_INIT                                                                 \
	}

/** struct foreign_way - what it takes to open such a file */
struct foreign_way {
	enum coffer_format format;
	enum coffer_padding padding;
	struct view key; /* 32 bytes */
	struct view aad; /* ENCMODEL; @aad.p NULL where none was given */
};

/** foreign_in_open() - begin to read the file at @path; @in must be FOREIGN_IN_INIT, and @path outlive it */
coffer_err foreign_in_open(struct fault *f, struct foreign_in *in, const struct coffer_ctx *ctx, const char *path,
			   const struct foreign_way *way);

/** foreign_in_read() - @len bytes from @off, which is where the last call ended, or within the 1 MiB before */
coffer_err foreign_in_read(struct fault *f, struct foreign_in *in, uint64_t off, void *buf, size_t len);

/** foreign_in_finish() - read what is left, and say whether all of it is authentic, as far as its format can tell; COFFER_E_AUTH */
coffer_err foreign_in_finish(struct fault *f, struct foreign_in *in);

/** foreign_in_close() - wipe and free */
void foreign_in_close(struct foreign_in *in);

#endif
