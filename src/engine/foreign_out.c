/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/foreign_out.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/num.h"
#include "crypto/aead.h"
#include "crypto/rand.h"
#include "key/aes.h"
#include "mem/secret.h"

#define WINDOW ((size_t)1 << 20)

/* A fresh DEK, wrapped as a key service would: nonce, ciphertext, tag, with the metadata as associated data. */
static coffer_err
wrap_dek(struct fault *f, struct foreign *head, const uint8_t kek[static AEAD_KEY_LEN],
	 uint8_t dek[static AEAD_KEY_LEN])
{
	uint8_t wrapped[FOREIGN_WRAPPED_LEN];
	char id[KEY_ID_TEXT];
	struct aead_key *key = NULL;
	coffer_err err;

	TRY(aes_id(f, kek, id));
	(void)snprintf(head->key_id, sizeof(head->key_id), "aes:%s", id);
	TRY(rand_bytes(f, dek, AEAD_KEY_LEN));
	TRY(rand_bytes(f, wrapped, AEAD_NONCE_LEN));
	TRY(aead_key_new(f, kek, &key));
	TRY(aead_seal(f, key, wrapped, buf_view(&head->metadata), dek, AEAD_KEY_LEN, wrapped + AEAD_NONCE_LEN,
		      wrapped + AEAD_NONCE_LEN + AEAD_KEY_LEN));
	TRY(buf_add(f, &head->wrapped, wrapped, sizeof(wrapped)));
out:
	aead_key_free(&key);
	return err;
}

static coffer_err
begin_cipher(struct fault *f, struct foreign_out *out, struct view kek, struct view aad)
{
	enum aes_mode mode = foreign_mode(out->head.format);
	uint8_t key[AES_STREAM_KEY_LEN];
	coffer_err err;

	memcpy(key, kek.p, sizeof(key));
	if (out->head.format == COFFER_FORMAT_ENVMODEL)
		TRY(wrap_dek(f, &out->head, kek.p, key));
	TRY(rand_bytes(f, out->head.iv, aes_iv_len(mode)));
	TRY(aes_stream_new(f, mode, AES_ENCIPHER, key, out->head.iv, &out->cipher));
	if (out->head.format == COFFER_FORMAT_ENVMODEL)
		aad = buf_view(&out->head.metadata);
	TRY(aes_stream_aad(f, out->cipher, aad));
out:
	mem_wipe(key, sizeof(key));
	return err;
}

static coffer_err
write_head(struct fault *f, struct foreign_out *out, uint64_t *len_out)
{
	struct buf head = BUF_INIT(LIMIT_FOREIGN_JSON + FOREIGN_START_LEN + AES_BLOCK);
	coffer_err err;

	TRY(foreign_encode(f, &out->head, out->size, &head));
	TRY(file_write_at(f, out->n.fd, out->n.shown, head.p, head.len, 0));
	*len_out = head.len;
out:
	buf_free(&head);
	return err;
}

static coffer_err
check_padding(struct fault *f, const struct foreign_out *out)
{
	if (out->head.format == COFFER_FORMAT_AES_CBC && out->padding == COFFER_PADDING_NONE &&
	    (out->size % AES_BLOCK != 0 || out->size == 0))
		return fault_set(f, COFFER_E_USAGE,
				 "%" PRIu64
				 " bytes are no whole blocks of 16, so they cannot go without padding; leave "
				 "--padding none out",
				 out->size);
	return COFFER_OK;
}

coffer_err
foreign_out_open(struct fault *f, struct foreign_out *out, struct view key, struct view aad, uint64_t size)
{
	coffer_err err;

	out->size = size;
	TRY(check_padding(f, out));
	TRY(begin_cipher(f, out, key, aad));
	TRY(write_head(f, out, &out->off));
	TRY(digest_new(f, DIGEST_SHA256, &out->hash));
	out->window = malloc(WINDOW);
	if (!out->window)
		TRY(fault_nomem(f));
out:
	return err;
}

/* Encipher what waits and write it. */
static coffer_err
flush(struct fault *f, struct foreign_out *out)
{
	coffer_err err;

	TRY(aes_stream_update(f, out->cipher, out->window, out->window, out->len));
	TRY(file_write_at(f, out->n.fd, out->n.shown, out->window, out->len, out->off));
	out->off += out->len;
	out->len = 0;
out:
	return err;
}

coffer_err
foreign_out_write(struct fault *f, struct foreign_out *out, const void *bytes, size_t len)
{
	const uint8_t *from = bytes;
	coffer_err err = COFFER_OK;

	if (foreign_mode(out->head.format) == AES_GCM && out->head.format != COFFER_FORMAT_CNAP)
		TRY(digest_update(f, out->hash, bytes, len));
	while (len > 0) {
		size_t n = (size_t)num_min(WINDOW - out->len, len);

		memcpy(out->window + out->len, from, n);
		out->len += n;
		from += n;
		len -= n;
		if (out->len == WINDOW)
			TRY(flush(f, out));
	}
out:
	return err;
}

/* The window is never full here, and its size is whole blocks. */
static void
pad(struct foreign_out *out)
{
	size_t n = AES_BLOCK - out->len % AES_BLOCK;

	if (out->head.format != COFFER_FORMAT_AES_CBC || out->padding == COFFER_PADDING_NONE)
		return;
	memset(out->window + out->len, out->padding == COFFER_PADDING_ZERO ? 0 : (int)n, n);
	out->len += n;
}

coffer_err
foreign_out_finish(struct fault *f, struct foreign_out *out)
{
	uint8_t tag[AES_GCM_TAG_LEN], hash[DIGEST_MAX];
	uint64_t head_len;
	coffer_err err;

	pad(out);
	TRY(flush(f, out));
	if (foreign_mode(out->head.format) == AES_GCM) {
		TRY(aes_stream_tag(f, out->cipher, tag));
		TRY(file_write_at(f, out->n.fd, out->n.shown, tag, sizeof(tag), out->off));
	}
	TRY(digest_final(f, out->hash, hash));
	memcpy(out->head.sha256, hash, SHA256_LEN);
	TRY(write_head(f, out, &head_len));
out:
	return err;
}

void
foreign_out_close(struct foreign_out *out)
{
	if (out->window)
		mem_wipe(out->window, WINDOW);
	free(out->window);
	out->window = NULL;
	digest_free(&out->hash);
	aes_stream_free(&out->cipher);
	foreign_free(&out->head);
	newfile_abort(&out->n);
}
