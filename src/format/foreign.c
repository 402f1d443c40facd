/* SPDX-License-Identifier: Apache-2.0 */
#include "format/foreign.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/enc.h"
#include "base/limits.h"
#include "data/doc.h"
#include "format/head.h"

#define MAGIC_LEN 8
#define CNAP_HEAD_LEN (12 + AES_GCM_IV_LEN)

static const char *const names[] = {
	[COFFER_FORMAT_PLAIN] = "plain",       [COFFER_FORMAT_COFFER] = "coffer", [COFFER_FORMAT_ENCMODEL] = "encmodel",
	[COFFER_FORMAT_ENVMODEL] = "envmodel", [COFFER_FORMAT_CNAP] = "cnap",	  [COFFER_FORMAT_AES_CBC] = "aes-cbc",
	[COFFER_FORMAT_IBM] = "ibm",
};
#define N_NAMES (sizeof(names) / sizeof(names[0]))

const char *
coffer_format_name(enum coffer_format format)
{
	return (size_t)format < N_NAMES ? names[format] : NULL;
}

bool
coffer_format_find(const char *name, enum coffer_format *format_out)
{
	*format_out = 0;
	for (size_t i = COFFER_FORMAT_PLAIN; i < N_NAMES; i++)
		if (strcmp(names[i], name) == 0)
			*format_out = (enum coffer_format)i;
	return *format_out != 0;
}

enum aes_mode
foreign_mode(enum coffer_format format)
{
	return format == COFFER_FORMAT_AES_CBC ? AES_CBC : format == COFFER_FORMAT_IBM ? AES_CFB : AES_GCM;
}

size_t
foreign_tag_len(enum coffer_format format)
{
	return foreign_mode(format) == AES_GCM ? AES_GCM_TAG_LEN : 0;
}

uint64_t
foreign_most(enum coffer_format format)
{
	if (format == COFFER_FORMAT_CNAP)
		return UINT32_MAX - AES_GCM_TAG_LEN; /* its length counts the tag */
	return foreign_mode(format) == AES_GCM ? AES_GCM_MAX : LIMIT_SIZE;
}

void
foreign_free(struct foreign *h)
{
	buf_free(&h->metadata);
	buf_free(&h->wrapped);
	*h = (struct foreign)FOREIGN_INIT;
}

/* ---- reading ---- */

static const char *
magic_of(enum coffer_format format)
{
	return format == COFFER_FORMAT_ENCMODEL ? "ENCMODEL" : "ENVMODEL";
}

static bool
has_magic(struct view start, const char *magic)
{
	return start.len >= MAGIC_LEN && memcmp(start.p, magic, MAGIC_LEN) == 0;
}

/* What a file that is not of @format can be seen to be. */
static coffer_err
refuse_other(struct fault *f, enum coffer_format format, struct view start)
{
	const char *other = has_magic(start, "ENCMODEL")   ? "encmodel"
			    : has_magic(start, "ENVMODEL") ? "envmodel"
							   : NULL;

	if (start.len >= 8 && head_is_sealed(start.p, start.len))
		return fault_set(f, COFFER_E_FORMAT,
				 "it is a sealed file of coffer and no %s file; «coffer open» without --from, or "
				 "«coffer convert --from coffer»",
				 names[format]);
	if (other)
		return fault_set(f, COFFER_E_FORMAT, "it is an %s file and no %s file; say --from %s", other,
				 names[format], other);
	return fault_set(f, COFFER_E_FORMAT, "it does not begin with %s, so it is no %s file; say --from what it is",
			 magic_of(format), names[format]);
}

static coffer_err
refuse_short(struct fault *f, enum coffer_format format, uint64_t file_size)
{
	return fault_set(f, COFFER_E_FORMAT,
			 "%" PRIu64 " bytes are too few for the format %s: it was cut, or is something else", file_size,
			 names[format]);
}

static coffer_err
json_head_len(struct fault *f, enum coffer_format format, struct view start, uint64_t file_size, size_t *len_out)
{
	uint32_t len;

	if (!has_magic(start, magic_of(format)))
		return refuse_other(f, format, start);
	start = view_of(start.p + MAGIC_LEN, start.len - MAGIC_LEN);
	if (!view_be32(&start, &len))
		return refuse_short(f, format, file_size);
	if (len > LIMIT_FOREIGN_JSON)
		return fault_set(f, COFFER_E_FORMAT,
				 "its JSON would be %u bytes, and %u is the most: it is damaged, or something else",
				 len, LIMIT_FOREIGN_JSON);
	*len_out = FOREIGN_START_LEN + len + (format == COFFER_FORMAT_ENCMODEL ? AES_GCM_IV_LEN : 0);
	return COFFER_OK;
}

coffer_err
foreign_head_len(struct fault *f, enum coffer_format format, struct view start, uint64_t file_size, size_t *len_out)
{
	size_t len = 0;
	coffer_err err = COFFER_OK;

	*len_out = 0;
	if (format == COFFER_FORMAT_ENCMODEL || format == COFFER_FORMAT_ENVMODEL)
		TRY(json_head_len(f, format, start, file_size, &len));
	else if (format == COFFER_FORMAT_CNAP)
		len = CNAP_HEAD_LEN;
	else if (format == COFFER_FORMAT_AES_CBC)
		len = AES_BLOCK;
	else if (format == COFFER_FORMAT_IBM)
		len = AES_BLOCK + FOREIGN_MAC_LEN;
	else
		TRY(fault_set(f, COFFER_E_INTERNAL, "format %d is not foreign", (int)format));
	if (file_size < len + foreign_tag_len(format))
		TRY(refuse_short(f, format, file_size));
	*len_out = len;
out:
	return err;
}

static coffer_err
check_version(struct fault *f, const struct doc *json, enum coffer_format format)
{
	uint64_t version;

	if (!doc_number(doc_get(json, "version"), 0, UINT32_MAX, &version))
		return fault_set(f, COFFER_E_FORMAT, "the JSON of the %s file says no version", names[format]);
	if (version != 1)
		return fault_set(f, COFFER_E_UNSUPPORTED,
				 "it is version %" PRIu64 " of %s, and only 1 is known; open it with what made it",
				 version, names[format]);
	return COFFER_OK;
}

static coffer_err
take_hash(struct fault *f, const struct doc *json, struct foreign *h)
{
	if (!doc_hex(doc_get(json, "plaintext_hash"), h->sha256, SHA256_LEN))
		return fault_set(f, COFFER_E_FORMAT, "the JSON of the %s file has no plaintext_hash of 64 hex digits",
				 names[h->format]);
	h->is_hashed = true;
	return COFFER_OK;
}

static coffer_err
take_encmodel(struct fault *f, const struct doc *json, struct view nonce, struct foreign *h)
{
	const char *algorithm = doc_text(doc_get(json, "algorithm"), 1, 64);
	uint64_t size;
	coffer_err err;

	TRY(check_version(f, json, h->format));
	if (!algorithm || strcmp(algorithm, "AES-256-GCM") != 0)
		TRY(fault_set(f, COFFER_E_UNSUPPORTED,
			      "its algorithm is %s, and only AES-256-GCM is known; open it with what made it",
			      algorithm ? algorithm : "not said"));
	TRY(take_hash(f, json, h));
	if (!doc_bool(doc_get(json, "has_aad"), &h->has_aad))
		TRY(fault_set(f, COFFER_E_FORMAT, "the JSON of the encmodel file does not say has_aad"));
	if (!doc_number(doc_get(json, "plaintext_size"), 0, LIMIT_SIZE, &size) || size != h->cipher_len)
		TRY(fault_set(f, COFFER_E_FORMAT,
			      "the plaintext_size of the encmodel file is not the %" PRIu64
			      " bytes that it has: it was cut or extended",
			      h->cipher_len));
	memcpy(h->iv, nonce.p, AES_GCM_IV_LEN);
out:
	return err;
}

static coffer_err
take_envmodel(struct fault *f, const struct doc *json, struct foreign *h)
{
	const struct doc *metadata = doc_get(json, "metadata");
	const char *key_id = doc_text(doc_get(json, "kms_key_id"), 1, sizeof(h->key_id) - 1);
	size_t nonce_len;
	coffer_err err;

	TRY(check_version(f, json, h->format));
	TRY(take_hash(f, json, h));
	if (!doc_b64(doc_get(json, "nonce"), h->iv, AES_GCM_IV_LEN, &nonce_len) || nonce_len != AES_GCM_IV_LEN)
		TRY(fault_set(f, COFFER_E_FORMAT, "the JSON of the envmodel file has no nonce of 12 bytes in base64"));
	err = doc_b64_buf(NULL, doc_get(json, "encrypted_dek"), &h->wrapped);
	if (err == COFFER_E_NOMEM)
		TRY(fault_nomem(f));
	if (err || h->wrapped.len == 0)
		TRY(fault_set(f, COFFER_E_FORMAT,
			      "the JSON of the envmodel file has no encrypted_dek of at most %u bytes in base64",
			      LIMIT_FOREIGN_DEK));
	if (metadata && !doc_is_object(metadata))
		TRY(fault_set(f, COFFER_E_FORMAT, "the metadata of the envmodel file is no object"));
	TRY(metadata ? doc_python(f, metadata, &h->metadata) : buf_str(f, &h->metadata, "{}"));
	(void)snprintf(h->key_id, sizeof(h->key_id), "%s", key_id ? key_id : "");
out:
	return err;
}

static coffer_err
decode_json(struct fault *f, struct view head, struct foreign *h)
{
	struct doc *json = NULL;
	struct view text;
	coffer_err err;

	(void)view_take(&head, FOREIGN_START_LEN, &text);
	text = view_of(head.p, head.len - (h->format == COFFER_FORMAT_ENCMODEL ? AES_GCM_IV_LEN : 0));
	TRY(doc_parse_foreign(f, "the JSON in front of it", text, &json));
	if (h->format == COFFER_FORMAT_ENCMODEL)
		TRY(take_encmodel(f, json, view_of(text.p + text.len, AES_GCM_IV_LEN), h));
	else
		TRY(take_envmodel(f, json, h));
out:
	doc_free(&json);
	return err;
}

static coffer_err
decode_cnap(struct fault *f, struct view head, struct foreign *h)
{
	uint32_t iv_len = 0, tag_len = 0, data_len = 0;

	(void)view_le32(&head, &iv_len);
	(void)view_le32(&head, &tag_len);
	(void)view_le32(&head, &data_len);
	if (iv_len != AES_GCM_IV_LEN || tag_len != AES_GCM_TAG_LEN)
		return fault_set(f, COFFER_E_FORMAT,
				 "its header says an IV of %u bytes and a tag of %u; a cnap file has 12 and 16", iv_len,
				 tag_len);
	if (data_len != h->cipher_len + AES_GCM_TAG_LEN)
		return fault_set(f, COFFER_E_FORMAT,
				 "its header says %u bytes of data with the tag, and there are %" PRIu64
				 ": it was cut or extended",
				 data_len, h->cipher_len + AES_GCM_TAG_LEN);
	(void)view_copy(&head, h->iv, AES_GCM_IV_LEN);
	return COFFER_OK;
}

static coffer_err
decode_blocks(struct fault *f, struct view head, struct foreign *h)
{
	(void)view_copy(&head, h->iv, AES_BLOCK);
	(void)view_copy(&head, h->mac, head.len);
	if (h->cipher_len == 0 || h->cipher_len % AES_BLOCK != 0)
		return fault_set(f, COFFER_E_FORMAT,
				 "%" PRIu64
				 " bytes of ciphertext are no whole blocks of 16, so it is no %s file, or was cut",
				 h->cipher_len, names[h->format]);
	return COFFER_OK;
}

coffer_err
foreign_decode(struct fault *f, enum coffer_format format, struct view head, uint64_t file_size, struct foreign *out)
{
	coffer_err err;

	out->format = format;
	out->payload = head.len;
	out->cipher_len = file_size - head.len - foreign_tag_len(format);
	if (out->cipher_len > foreign_most(format))
		TRY(fault_set(f, COFFER_E_FORMAT, "it is larger than a file of format %s can be", names[format]));
	if (format == COFFER_FORMAT_CNAP)
		TRY(decode_cnap(f, head, out));
	else if (foreign_mode(format) == AES_GCM)
		TRY(decode_json(f, head, out));
	else
		TRY(decode_blocks(f, head, out));
out:
	return err;
}

/* ---- writing ---- */

static coffer_err
add_json(struct fault *f, const struct foreign *h, const struct buf *json, struct buf *out)
{
	uint8_t len[4];
	coffer_err err;

	if (json->len > LIMIT_FOREIGN_JSON)
		return fault_set(f, COFFER_E_USAGE,
				 "its metadata are too long for an envmodel file, whose JSON is %u bytes at most; "
				 "convert to another format",
				 LIMIT_FOREIGN_JSON);
	put_be32(len, (uint32_t)json->len);
	TRY(buf_add(f, out, magic_of(h->format), MAGIC_LEN));
	TRY(buf_add(f, out, len, sizeof(len)));
	TRY(buf_add(f, out, json->p, json->len));
out:
	return err;
}

static coffer_err
encode_encmodel(struct fault *f, const struct foreign *h, uint64_t plain_size, struct buf *out)
{
	struct buf json = BUF_INIT(LIMIT_FOREIGN_JSON);
	char hash[2 * SHA256_LEN + 1];
	coffer_err err;

	enc_hex(h->sha256, SHA256_LEN, hash);
	TRY(buf_printf(f, &json,
		       "{\"version\": 1, \"algorithm\": \"AES-256-GCM\", \"plaintext_size\": %" PRIu64
		       ", \"plaintext_hash\": \"%s\", \"has_aad\": %s}",
		       plain_size, hash, h->has_aad ? "true" : "false"));
	TRY(add_json(f, h, &json, out));
	TRY(buf_add(f, out, h->iv, AES_GCM_IV_LEN));
out:
	buf_free(&json);
	return err;
}

static coffer_err
encode_envmodel(struct fault *f, const struct foreign *h, struct buf *out)
{
	char hash[2 * SHA256_LEN + 1], nonce[ENC_B64_LEN(AES_GCM_IV_LEN) + 1];
	struct buf json = BUF_INIT(LIMIT_FOREIGN_JSON * 7);
	char *wrapped = malloc(ENC_B64_LEN(h->wrapped.len) + 1);
	struct doc *key_id = doc_new_text(h->key_id);
	coffer_err err;

	if (!wrapped || !key_id)
		TRY(fault_nomem(f));
	enc_hex(h->sha256, SHA256_LEN, hash);
	enc_b64(h->iv, AES_GCM_IV_LEN, nonce);
	enc_b64(h->wrapped.p, h->wrapped.len, wrapped);
	TRY(buf_str(f, &json, "{\"version\": 1, \"kms_key_id\": "));
	TRY(doc_python(f, key_id, &json));
	TRY(buf_printf(f, &json, ", \"encrypted_dek\": \"%s\", \"nonce\": \"%s\", \"metadata\": ", wrapped, nonce));
	TRY(buf_add(f, &json, h->metadata.p, h->metadata.len));
	TRY(buf_printf(f, &json, ", \"plaintext_hash\": \"%s\"}", hash));
	TRY(add_json(f, h, &json, out));
out:
	doc_free(&key_id);
	free(wrapped);
	buf_free(&json);
	return err;
}

static coffer_err
encode_cnap(struct fault *f, const struct foreign *h, uint64_t plain_size, struct buf *out)
{
	uint8_t head[CNAP_HEAD_LEN];

	put_le32(head, AES_GCM_IV_LEN);
	put_le32(head + 4, AES_GCM_TAG_LEN);
	put_le32(head + 8, (uint32_t)(plain_size + AES_GCM_TAG_LEN));
	memcpy(head + 12, h->iv, AES_GCM_IV_LEN);
	return buf_add(f, out, head, sizeof(head));
}

coffer_err
foreign_encode(struct fault *f, const struct foreign *h, uint64_t plain_size, struct buf *out)
{
	if (plain_size > foreign_most(h->format))
		return fault_set(f, COFFER_E_USAGE,
				 "%" PRIu64 " bytes do not fit a file of format %s, which holds %" PRIu64
				 " at most; convert to another",
				 plain_size, names[h->format], foreign_most(h->format));
	switch (h->format) {
	case COFFER_FORMAT_ENCMODEL:
		return encode_encmodel(f, h, plain_size, out);
	case COFFER_FORMAT_ENVMODEL:
		return encode_envmodel(f, h, out);
	case COFFER_FORMAT_CNAP:
		return encode_cnap(f, h, plain_size, out);
	case COFFER_FORMAT_AES_CBC:
		return buf_add(f, out, h->iv, AES_BLOCK);
	default:
		return fault_set(f, COFFER_E_INTERNAL, "files of format %d are not written", (int)h->format);
	}
}
