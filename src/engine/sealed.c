/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/sealed.h"

#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "crypto/rand.h"
#include "format/keyblock.h"
#include "mem/secret.h"

/* ---- reading ---- */

coffer_err
sealed_read_head(struct fault *f, const struct input *in, struct head *out)
{
	uint8_t a[HEAD_A_LEN];
	uint64_t end;
	coffer_err err;

	memset(out, 0, sizeof(*out));
	if (in->size < 8)
		TRY(fault_set(f, COFFER_E_FORMAT, "%s is not a sealed file: %llu bytes", in->shown,
			      (unsigned long long)in->size));
	TRY(input_read(f, in, 0, a, 8));
	if (!head_is_sealed(a, 8))
		TRY(fault_set(f, COFFER_E_FORMAT, "%s is not a sealed file", in->shown));
	if (in->size < HEAD_A_LEN)
		TRY(fault_set(f, COFFER_E_FORMAT, "%s is cut: %llu bytes are less than a head", in->shown,
			      (unsigned long long)in->size));
	TRY(input_read(f, in, 0, a, HEAD_A_LEN));
	err = head_decode(f, a, out);
	if (err != COFFER_OK)
		TRY(fault_prefix(f, "%s", in->shown));
	end = head_layout(out).end;
	if (in->size != end) /* [F-1] */
		err = fault_set(f, COFFER_E_FORMAT, "%s is %s: %llu bytes where %llu belong", in->shown,
				in->size < end ? "cut" : "longer than it was sealed", (unsigned long long)in->size,
				(unsigned long long)end);
out:
	return err;
}

static coffer_err
check_zero(struct fault *f, const struct input *in, uint64_t from, uint64_t to)
{
	uint8_t bytes[HEAD_ALIGN];
	coffer_err err = input_read(f, in, from, bytes, (size_t)(to - from));

	/* [F-2] */
	if (err == COFFER_OK && !view_zero(view_of(bytes, (size_t)(to - from))))
		err = fault_set(f, COFFER_E_FORMAT, "%s: bytes of the head that must be zero are not", in->shown);
	return err;
}

/* Which of two good slots counts. */
static coffer_err
newer_slot(struct fault *f, const char *shown, const struct view doc[2], unsigned int *out)
{
	struct keyblock a = KEYBLOCK_INIT, b = KEYBLOCK_INIT;
	coffer_err err;

	*out = 0;
	if (doc[0].len == doc[1].len && memcmp(doc[0].p, doc[1].p, doc[0].len) == 0)
		return COFFER_OK;
	TRY(keyblock_decode(f, doc[0], &a));
	TRY(keyblock_decode(f, doc[1], &b));
	*out = keyblock_is_newer(&b, &a);
	if (!*out && !keyblock_is_newer(&a, &b))
		TRY(fault_set(f, COFFER_E_FORMAT, "%s: two key blocks of one generation that differ", shown));
out:
	keyblock_free(&a);
	keyblock_free(&b);
	return err;
}

coffer_err
sealed_read_slots(struct fault *f, const struct input *in, uint8_t images[static 2 * SLOT_LEN], bool mend,
		  struct view *doc_out, unsigned int *current_out)
{
	enum slot_state state[2];
	struct view doc[2];
	unsigned int current = 0;
	coffer_err err;

	TRY(input_read(f, in, HEAD_SLOT_OFF, images, 2 * SLOT_LEN));
	for (unsigned int i = 0; i < 2; i++)
		TRY(slot_decode(f, images + i * SLOT_LEN, &state[i], &doc[i]));
	/* [F-18] */
	if (!mend && (state[0] == SLOT_DAMAGED || state[1] == SLOT_DAMAGED))
		TRY(fault_set(f, COFFER_E_FORMAT,
			      "%s: its key block is damaged; if it is a copy, copy it again, else «coffer rewrap» may "
			      "mend it",
			      in->shown));
	if (state[0] != SLOT_GOOD && state[1] != SLOT_GOOD)
		TRY(fault_set(f, COFFER_E_FORMAT, "%s: both copies of its key block are %s", in->shown,
			      state[0] == SLOT_BLANK && state[1] == SLOT_BLANK ? "blank" : "unusable"));
	/* [F-19] */
	if (state[0] == SLOT_GOOD && state[1] == SLOT_GOOD)
		TRY(newer_slot(f, in->shown, doc, &current));
	else
		current = state[1] == SLOT_GOOD;
	*doc_out = doc[current];
	if (current_out)
		*current_out = current;
out:
	return err;
}

coffer_err
sealed_open(struct fault *f, struct sealed *s, struct input *in, const uint8_t dek[static 32])
{
	struct head_keys keys = {0};
	coffer_err err;

	memset(s, 0, sizeof(*s));
	s->in = *in;
	*in = (struct input)INPUT_INIT;
	atomic_init(&s->failed, false);
	TRY(sealed_read_head(f, &s->in, &s->head));
	s->at = head_layout(&s->head);
	TRY(head_keys(f, &s->head, dek, &keys));
	/* [F-9] */
	if (!mem_equal(keys.commitment, s->head.commitment, 32))
		TRY(fault_set(f, COFFER_E_AUTH,
			      "%s: its commitment is not that of this model's key: it was changed, or belongs to "
			      "another model",
			      s->in.shown));
	memcpy(s->a_hash, keys.a_hash, SHA256_LEN);
	TRY(check_zero(f, &s->in, s->at.tags_end, s->at.payload));
	if (s->head.embedded)
		TRY(check_zero(f, &s->in, HEAD_A_LEN, HEAD_SLOT_OFF));
	TRY(aead_key_new(f, keys.file_key, &s->key));
out:
	mem_wipe(&keys, sizeof(keys));
	return err;
}

void
sealed_close(struct sealed *s)
{
	aead_key_free(&s->key);
	/* a zeroed one has descriptor 0, which is not its own */
	if (s->in.shown)
		input_close(&s->in);
	memset(s, 0, sizeof(*s));
}

coffer_err
sealed_read_record(struct fault *f, struct sealed *s, uint64_t i, uint8_t *buf, bool bulk)
{
	return sealed_open_record(f, s, i, buf, buf, bulk);
}

coffer_err
sealed_open_record(struct fault *f, struct sealed *s, uint64_t i, uint8_t *room, uint8_t *out, bool bulk)
{
	uint8_t tag[AEAD_TAG_LEN], nonce[AEAD_NONCE_LEN];
	uint32_t len = head_record_len(&s->head, i);
	uint64_t off = s->at.payload + i * s->head.record_size;
	coffer_err err;

	/* [F-11] */
	if (atomic_load(&s->failed))
		return fault_set(f, COFFER_E_AUTH, "%s: an earlier record was not authentic", s->in.shown);
	TRY(input_read(f, &s->in, s->at.tags + i * AEAD_TAG_LEN, tag, sizeof(tag)));
	TRY((bulk ? input_read_bulk : input_read)(f, &s->in, off, room, len));
	/* whoever has the DEK can write a record that is authentic, and not what was signed */
	if (s->is_verified)
		TRY(sign_file_check(f, &s->verified, s->in.fd, s->in.shown));
	head_nonce(i, s->at.n_records, nonce);
	/* [F-10] */
	err = aead_open(f, s->key, nonce, view_of(s->a_hash, sizeof(s->a_hash)), room, len, out, tag);
	if (err == COFFER_E_AUTH) {
		atomic_store(&s->failed, true);
		err = fault_set(f, COFFER_E_AUTH,
				"%s: record %llu of %llu is not authentic: the file was changed or damaged",
				s->in.shown, (unsigned long long)i + 1, (unsigned long long)s->at.n_records);
	}
out:
	if (err)
		memset(out, 0, len);
	return err;
}

/* ---- making ---- */

coffer_err
sealing_begin(struct fault *f, struct sealing *s, const uint8_t dek[static 32])
{
	struct head_keys keys = {0};
	coffer_err err;

	TRY(rand_bytes(f, s->head.salt, sizeof(s->head.salt))); /* [F-8] */
	TRY(head_keys(f, &s->head, dek, &keys));
	memcpy(s->head.commitment, keys.commitment, 32);
	memcpy(s->a_hash, keys.a_hash, SHA256_LEN);
	s->at = head_layout(&s->head);
	TRY(aead_key_new(f, keys.file_key, &s->key));
out:
	mem_wipe(&keys, sizeof(keys));
	return err;
}

coffer_err
sealing_write_head(struct fault *f, const struct sealing *s, struct view doc)
{
	uint8_t zero[HEAD_ALIGN] = {0}, a[HEAD_A_LEN], *image = NULL;
	coffer_err err;

	head_encode(&s->head, a);
	TRY(output_write(f, &s->out, 0, a, sizeof(a)));
	TRY(output_write(f, &s->out, s->at.tags_end, zero, (size_t)(s->at.payload - s->at.tags_end)));
	if (s->head.embedded) {
		image = malloc(SLOT_LEN);
		if (!image)
			TRY(fault_nomem(f));
		TRY(slot_encode(f, doc, image));
		/* the rest of a slot is zero already, and a hole where the file system has them */
		TRY(output_write(f, &s->out, HEAD_SLOT_OFF, image, SLOT_HEAD_LEN + doc.len));
		TRY(output_write(f, &s->out, HEAD_SLOT_OFF + SLOT_LEN, image, SLOT_HEAD_LEN + doc.len));
	}
	err = COFFER_OK;
out:
	free(image);
	return err;
}

coffer_err
sealing_write_record(struct fault *f, const struct sealing *s, uint64_t i, uint8_t *buf)
{
	uint8_t tag[AEAD_TAG_LEN], nonce[AEAD_NONCE_LEN];
	uint32_t len = head_record_len(&s->head, i);
	coffer_err err;

	head_nonce(i, s->at.n_records, nonce);
	TRY(aead_seal(f, s->key, nonce, view_of(s->a_hash, sizeof(s->a_hash)), buf, len, buf, tag));
	TRY(output_write(f, &s->out, s->at.payload + i * s->head.record_size, buf, len));
	TRY(output_write(f, &s->out, s->at.tags + i * AEAD_TAG_LEN, tag, sizeof(tag)));
out:
	return err;
}

void
sealing_end(struct sealing *s)
{
	aead_key_free(&s->key);
	memset(s, 0, sizeof(*s));
}
