/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One sealed file: reading its head, opening its records, and making a new one.
 */
#ifndef ENGINE_SEALED_H
#define ENGINE_SEALED_H

#include <stdatomic.h>
#include <stdbool.h>

#include "base/buf.h"
#include "base/input.h"
#include "base/pool.h"
#include "engine/ctx.h"
#include "engine/sign_walk.h"
#include "format/head.h"
#include "format/slot.h"

/** struct sealed - a sealed file whose head was verified */
struct sealed {
	struct input in;
	struct head head;
	struct head_layout at;
	uint8_t a_hash[SHA256_LEN];
	struct aead_key *key;
	atomic_bool failed; /* a tag has failed: nothing more is handed out [F-11] */

	/* somebody's signature over it was verified, and it must stay what it was; its path is not valid */
	bool is_verified;
	struct sign_file verified;
};

/** sealed_read_head() - read A of @in, without any key: structure and size alone ([F-1] to [F-7]) */
coffer_err sealed_read_head(struct fault *f, const struct input *in, struct head *out);

/**
 * sealed_read_slots() - the document of the slot that counts [F-19]
 * @images: room for both slots; @doc_out lies in it
 * @current_out: which slot counts; may be NULL
 * @mend: a damaged slot is passed over when the other is good, for rewrap alone
 */
coffer_err sealed_read_slots(struct fault *f, const struct input *in, uint8_t images[static 2 * SLOT_LEN], bool mend,
			     struct view *doc_out, unsigned int *current_out);

/** sealed_open() - take over @in, verify its head against @dek; close with sealed_close(), after a failure too */
coffer_err sealed_open(struct fault *f, struct sealed *s, struct input *in, const uint8_t dek[static 32]);

/** sealed_close() - wipe and close; a zeroed one is fine */
void sealed_close(struct sealed *s);

/** sealed_read_record() - read record @i to @buf (see input_read_bulk() for its room) and verify it; @bulk reads may go around the page cache */
coffer_err sealed_read_record(struct fault *f, struct sealed *s, uint64_t i, uint8_t *buf, bool bulk);

/** sealed_open_record() - as sealed_read_record(), but @room gets the ciphertext, and @out the plaintext; nothing else is written to @out */
coffer_err sealed_open_record(struct fault *f, struct sealed *s, uint64_t i, uint8_t *room, uint8_t *out, bool bulk);

/** struct sealing - a sealed file in the making */
struct sealing {
	struct head head;
	struct head_layout at;
	uint8_t a_hash[SHA256_LEN];
	struct aead_key *key;
	struct output out;
};

/** sealing_begin() - fresh salt, keys; @s->head must be filled but for salt and commitment; end with sealing_end() */
coffer_err sealing_begin(struct fault *f, struct sealing *s, const uint8_t dek[static 32]);

/** sealing_write_head() - write everything of the head but the tags; @doc is the key block of an embedded one */
coffer_err sealing_write_head(struct fault *f, const struct sealing *s, struct view doc);

/** sealing_write_record() - seal record @i, which is in @buf and is overwritten, and write it and its tag */
coffer_err sealing_write_record(struct fault *f, const struct sealing *s, uint64_t i, uint8_t *buf);

/** sealing_end() - wipe */
void sealing_end(struct sealing *s);

#endif
