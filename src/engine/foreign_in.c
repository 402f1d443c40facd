/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/foreign_in.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/num.h"
#include "crypto/aead.h"
#include "mem/secret.h"

#define WINDOW ((size_t)1 << 20)

static const char *
name_of(const struct foreign_in *in)
{
	return coffer_format_name(in->head.format);
}

/* ---- keys ---- */

static coffer_err
try_unwrap(const struct aead_key *kek, struct view aad, const struct foreign *head, uint8_t dek[static AEAD_KEY_LEN])
{
	const uint8_t *wrapped = head->wrapped.p;

	return aead_open(NULL, kek, wrapped, aad, wrapped + AEAD_NONCE_LEN, AEAD_KEY_LEN, dek,
			 wrapped + AEAD_NONCE_LEN + AEAD_KEY_LEN);
}

/*
 * The DEK of ENVMODEL.  Who wrapped it is not written in it: a key service, whose answer is then the key that was given, or a
 * key at hand.  The tag over the payload decides whether it was right.
 */
static coffer_err
find_dek(struct fault *f, const struct foreign *head, struct view key, uint8_t dek[static AEAD_KEY_LEN])
{
	struct aead_key *kek = NULL;
	coffer_err err = COFFER_OK;

	if (head->wrapped.len == FOREIGN_WRAPPED_LEN) {
		TRY(aead_key_new(f, key.p, &kek));
		if (try_unwrap(kek, buf_view(&head->metadata), head, dek) == COFFER_OK ||
		    try_unwrap(kek, view_of(NULL, 0), head, dek) == COFFER_OK)
			goto out;
	}
	memcpy(dek, key.p, AEAD_KEY_LEN);
out:
	aead_key_free(&kek);
	return err;
}

/* ---- the end ---- */

/* PKCS #7: the last byte says how many, and each of them does */
static bool
is_pkcs7(const uint8_t last[static AES_BLOCK])
{
	uint8_t pad = last[AES_BLOCK - 1], differ = 0;

	if (pad < 1 || pad > AES_BLOCK)
		return false;
	for (size_t i = 1; i <= pad; i++)
		differ |= last[AES_BLOCK - i] ^ pad;
	return differ == 0;
}

static uint64_t
count_zeros(const uint8_t last[static AES_BLOCK])
{
	uint64_t n = 0;

	while (n < AES_BLOCK && last[AES_BLOCK - 1 - n] == 0)
		n++;
	return n;
}

static coffer_err
choose_end(struct fault *f, struct foreign_in *in, enum coffer_padding padding)
{
	const uint8_t *last = in->last;
	bool pkcs7 = is_pkcs7(last) && padding != COFFER_PADDING_ZERO;
	bool zeros = !pkcs7 && padding != COFFER_PADDING_PKCS7 &&
		     (padding == COFFER_PADDING_ZERO || last[AES_BLOCK - 1] == 0);

	in->end = pkcs7 ? END_PKCS7 : zeros ? END_ZEROS : END_WRONG;
	in->size = in->head.cipher_len - (pkcs7 ? last[AES_BLOCK - 1] : zeros ? count_zeros(last) : 0);
	if (in->end == END_WRONG)
		return fault_set(f, COFFER_E_AUTH,
				 "%s does not end in %s padding under this key: it is another key, or the file was "
				 "changed, or, if neither, --padding none takes every byte of it",
				 in->in.shown, padding == COFFER_PADDING_PKCS7 ? "PKCS #7" : "PKCS #7 or zero");
	return COFFER_OK;
}

/* Where the plaintext ends is written in the last block, which its neighbour is enough to decipher. */
static coffer_err
see_end(struct fault *f, struct foreign_in *in, const struct foreign_way *way)
{
	uint64_t at = in->head.payload + in->head.cipher_len - AES_BLOCK;
	struct aes_stream *cipher = NULL;
	uint8_t iv[AES_BLOCK];
	coffer_err err = COFFER_OK;

	in->size = in->head.cipher_len;
	if (foreign_mode(way->format) == AES_GCM)
		goto out;
	memcpy(iv, in->head.iv, AES_BLOCK);
	if (in->head.cipher_len > AES_BLOCK)
		TRY(input_read(f, &in->in, at - AES_BLOCK, iv, AES_BLOCK));
	TRY(input_read(f, &in->in, at, in->last, AES_BLOCK));
	TRY(aes_stream_new(f, foreign_mode(way->format), AES_DECIPHER, way->key.p, iv, &cipher));
	TRY(aes_stream_update(f, cipher, in->last, in->last, AES_BLOCK));
	if (way->format == COFFER_FORMAT_IBM) /* its MAC speaks first */
		(void)choose_end(NULL, in, COFFER_PADDING_PKCS7);
	else if (way->padding != COFFER_PADDING_NONE)
		TRY(choose_end(f, in, way->padding));
out:
	aes_stream_free(&cipher);
	return err;
}

/* ---- the beginning ---- */

static coffer_err
read_head(struct fault *f, struct foreign_in *in, enum coffer_format format)
{
	size_t start_len = (size_t)num_min(in->in.size, FOREIGN_START_LEN), len;
	uint8_t start[FOREIGN_START_LEN] = {0}, *head = NULL;
	coffer_err err;

	TRY(input_read(f, &in->in, 0, start, start_len));
	TRY(foreign_head_len(f, format, view_of(start, start_len), in->in.size, &len));
	head = malloc(len);
	if (!head)
		TRY(fault_nomem(f));
	TRY(input_read(f, &in->in, 0, head, len));
	TRY(foreign_decode(f, format, view_of(head, len), in->in.size, &in->head));
out:
	free(head);
	return err;
}

static coffer_err
check_aad(struct fault *f, const struct foreign_in *in, const struct foreign_way *way)
{
	if (way->format != COFFER_FORMAT_ENCMODEL || in->head.has_aad == (way->aad.p != NULL))
		return COFFER_OK;
	if (way->aad.p)
		return fault_set(f, COFFER_E_AUTH, "%s says that it has no associated data; leave --aad out",
				 in->in.shown);
	return fault_set(f, COFFER_E_USAGE,
			 "%s was made with associated data, which it does not hold; give them with --aad TEXT",
			 in->in.shown);
}

static coffer_err
begin_cipher(struct fault *f, struct foreign_in *in, const struct foreign_way *way)
{
	uint8_t key[AES_STREAM_KEY_LEN];
	coffer_err err;

	memcpy(key, way->key.p, sizeof(key));
	if (way->format == COFFER_FORMAT_ENVMODEL)
		TRY(find_dek(f, &in->head, way->key, key));
	TRY(aes_stream_new(f, foreign_mode(way->format), AES_DECIPHER, key, in->head.iv, &in->cipher));
	if (way->format == COFFER_FORMAT_ENCMODEL)
		TRY(aes_stream_aad(f, in->cipher, way->aad));
	if (way->format == COFFER_FORMAT_ENVMODEL)
		TRY(aes_stream_aad(f, in->cipher, buf_view(&in->head.metadata)));
	if (way->format == COFFER_FORMAT_IBM) {
		TRY(mac_new(f, way->key, &in->mac));
		TRY(mac_update(f, in->mac, in->head.iv, AES_BLOCK));
	}
	if (in->head.is_hashed)
		TRY(digest_new(f, DIGEST_SHA256, &in->hash));
out:
	mem_wipe(key, sizeof(key));
	return err;
}

coffer_err
foreign_in_open(struct fault *f, struct foreign_in *in, const struct coffer_ctx *ctx, const char *path,
		const struct foreign_way *way)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	coffer_err err;

	in->ctx = ctx;
	if (fd < 0)
		TRY(fault_errno(f, errno, "cannot open %s", path));
	TRY(input_from_fd(f, &in->in, fd, path));
	err = read_head(f, in, way->format);
	if (err)
		TRY(fault_prefix(f, "%s", path));
	TRY(check_aad(f, in, way));
	TRY(see_end(f, in, way));
	TRY(begin_cipher(f, in, way));
	in->window = malloc(WINDOW);
	if (!in->window)
		TRY(fault_nomem(f));
out:
	return err;
}

/* ---- reading ---- */

static coffer_err
check_last(struct fault *f, const struct foreign_in *in)
{
	if (foreign_mode(in->head.format) == AES_GCM ||
	    mem_equal(in->window + in->len - AES_BLOCK, in->last, AES_BLOCK))
		return COFFER_OK;
	return fault_set(f, COFFER_E_CHANGED, "%s changed while it was read; stop what writes it", in->in.shown);
}

/* Decipher the next piece. */
static coffer_err
advance(struct fault *f, struct foreign_in *in)
{
	uint64_t next = in->off + in->len;
	size_t len = (size_t)num_min(in->head.cipher_len - next, WINDOW);
	coffer_err err;

	in->len = 0;
	TRY(ctx_check_cancelled(f, in->ctx));
	TRY(input_read(f, &in->in, in->head.payload + next, in->window, len));
	if (in->mac)
		TRY(mac_update(f, in->mac, in->window, len));
	TRY(aes_stream_update(f, in->cipher, in->window, in->window, len));
	if (in->hash)
		TRY(digest_update(f, in->hash, in->window, len));
	in->off = next;
	in->len = len;
	if (next + len == in->head.cipher_len)
		TRY(check_last(f, in));
	if (in->progress)
		progress_add(in->progress, len);
out:
	return err;
}

coffer_err
foreign_in_read(struct fault *f, struct foreign_in *in, uint64_t off, void *buf, size_t len)
{
	uint8_t *to = buf;
	coffer_err err = COFFER_OK;

	while (len > 0) {
		size_t n;

		if (off < in->off || off > in->off + in->len || off >= in->head.cipher_len)
			TRY(fault_set(f, COFFER_E_INTERNAL, "%s was not read in order", in->in.shown));
		if (off == in->off + in->len)
			TRY(advance(f, in));
		n = (size_t)num_min(in->off + in->len - off, len);
		memcpy(to, in->window + (off - in->off), n);
		to += n;
		off += n;
		len -= n;
	}
out:
	return err;
}

static coffer_err
refuse(struct fault *f, const struct foreign_in *in)
{
	const char *of_dek = in->head.format == COFFER_FORMAT_ENVMODEL && in->head.wrapped.len != FOREIGN_WRAPPED_LEN
				     ? "; its DEK is wrapped by a key service: let that unwrap it and give the DEK"
				     : "";
	const char *of_aad = in->head.format == COFFER_FORMAT_ENCMODEL && in->head.has_aad ? ", or other --aad" : "";

	return fault_set(f, COFFER_E_AUTH, "%s does not open: it is another key%s, or the file was changed%s%s%s%s",
			 in->in.shown, of_aad, of_dek, *of_dek && *in->head.key_id ? " (" : "",
			 *of_dek ? in->head.key_id : "", *of_dek && *in->head.key_id ? ")" : "");
}

static coffer_err
check_tag(struct fault *f, struct foreign_in *in)
{
	uint8_t tag[AES_GCM_TAG_LEN], mac[SHA256_LEN];
	bool holds = true;
	coffer_err err = COFFER_OK;

	if (foreign_mode(in->head.format) == AES_GCM) {
		TRY(input_read(f, &in->in, in->head.payload + in->head.cipher_len, tag, sizeof(tag)));
		TRY(aes_stream_check(f, in->cipher, tag, &holds));
	}
	if (in->mac) {
		TRY(mac_final(f, in->mac, mac));
		holds = mem_equal(mac, in->head.mac, sizeof(mac));
	}
	if (!holds)
		TRY(refuse(f, in));
out:
	return err;
}

coffer_err
foreign_in_finish(struct fault *f, struct foreign_in *in)
{
	uint8_t hash[DIGEST_MAX];
	coffer_err err = COFFER_OK;

	while (in->off + in->len < in->head.cipher_len)
		TRY(advance(f, in));
	TRY(check_tag(f, in));
	if (in->hash) {
		TRY(digest_final(f, in->hash, hash));
		if (!mem_equal(hash, in->head.sha256, SHA256_LEN))
			TRY(fault_set(
				f, COFFER_E_AUTH,
				"%s opens, but not to what its plaintext_hash says, which stands unprotected in it: "
				"the %s file was changed, or made wrongly; get it again",
				in->in.shown, name_of(in)));
	}
	if (in->end == END_WRONG)
		TRY(fault_set(f, COFFER_E_FORMAT,
			      "%s is authentic under the key and has no PKCS #7 padding: another program made it",
			      in->in.shown));
out:
	return err;
}

void
foreign_in_close(struct foreign_in *in)
{
	if (in->window)
		mem_wipe(in->window, WINDOW);
	free(in->window);
	in->window = NULL;
	mem_wipe(in->last, sizeof(in->last));
	digest_free(&in->hash);
	mac_free(&in->mac);
	aes_stream_free(&in->cipher);
	foreign_free(&in->head);
	input_close(&in->in);
}
