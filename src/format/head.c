/* SPDX-License-Identifier: Apache-2.0 */
#include "format/head.h"

#include <string.h>

#include "base/num.h"
#include "base/path.h"
#include "base/view.h"
#include "crypto/kdf.h"
#include "format/slot.h"
#include "mem/secret.h"

#define VERSION 1
#define SUITE 1
#define FLAG_EMBEDDED 1u

#define RESERVED_LEN 10
#define PATH_FIELD_LEN 1920

static const uint8_t magic[8] = {0x89, 'C', 'O', 'F', 'R', '\r', '\n', 0x1a};

_Static_assert(64 + 32 + PATH_FIELD_LEN == HEAD_PARAMS_LEN, "the fields of A fill it");
_Static_assert(HEAD_PARAMS_LEN + 32 == HEAD_A_LEN, "the commitment ends A");
_Static_assert(LIMIT_PATH == PATH_FIELD_LEN, "a path fits its field");
_Static_assert(HEAD_A_LEN <= HEAD_SLOT_OFF, "A lies before the slots");

bool
head_is_sealed(const void *bytes, size_t len)
{
	return len >= sizeof(magic) && memcmp(bytes, magic, sizeof(magic)) == 0;
}

void
head_encode(const struct head *h, uint8_t a[static HEAD_A_LEN])
{
	size_t path_len = strlen(h->path);

	memset(a, 0, HEAD_A_LEN);
	memcpy(a, magic, sizeof(magic));
	put_be16(a + 8, VERSION);
	put_be16(a + 10, SUITE);
	put_be32(a + 12, h->embedded ? FLAG_EMBEDDED : 0);
	memcpy(a + 16, h->model_id, MODEL_ID_LEN);
	put_be32(a + 32, h->index);
	put_be32(a + 36, h->count);
	put_be64(a + 40, h->size);
	put_be32(a + 48, h->record_size);
	put_be16(a + 52, (uint16_t)path_len);
	memcpy(a + 64, h->salt, 32);
	memcpy(a + 96, h->path, path_len);
	memcpy(a + HEAD_PARAMS_LEN, h->commitment, 32);
}

static coffer_err
check_version(struct fault *f, struct view *v, uint32_t *flags)
{
	struct view start = {0};
	uint16_t version = 0, suite = 0;

	/* [F-3] */
	if (!view_take(v, sizeof(magic), &start) || memcmp(start.p, magic, sizeof(magic)) != 0)
		return fault_set(f, COFFER_E_FORMAT, "not a sealed file");
	if (!view_be16(v, &version) || version != VERSION)
		return fault_set(f, COFFER_E_UNSUPPORTED, "format version %u; this program knows %u", version, VERSION);
	if (!view_be16(v, &suite) || suite != SUITE)
		return fault_set(f, COFFER_E_UNSUPPORTED, "cipher suite %u; this program knows %u", suite, SUITE);
	if (!view_be32(v, flags) || (*flags & ~FLAG_EMBEDDED) != 0)
		return fault_set(f, COFFER_E_UNSUPPORTED, "flags %#x, of which this program does not know all", *flags);
	return COFFER_OK;
}

static coffer_err
check_ranges(struct fault *f, const struct head *h)
{
	if (!num_is_pow2(h->record_size) || h->record_size < LIMIT_RECORD_MIN ||
	    h->record_size > LIMIT_RECORD_MAX) /* [F-4] */
		return fault_set(f, COFFER_E_FORMAT, "head: record size %u", h->record_size);
	if (h->size > LIMIT_SIZE) /* [F-5] */
		return fault_set(f, COFFER_E_FORMAT, "head: size %llu is over 2^52", (unsigned long long)h->size);
	if (h->count == 0 || h->count > LIMIT_FILES || h->index >= h->count) /* [F-6] */
		return fault_set(f, COFFER_E_FORMAT, "head: file %u of %u", h->index, h->count);
	if (h->embedded && h->count != 1)
		return fault_set(f, COFFER_E_FORMAT, "head: a key block in one of %u files", h->count);
	return COFFER_OK;
}

coffer_err
head_decode(struct fault *f, const uint8_t a[static HEAD_A_LEN], struct head *out)
{
	struct view v = view_of(a, HEAD_A_LEN), reserved, path, rest;
	uint16_t path_len;
	uint32_t flags = 0;
	coffer_err err;

	memset(out, 0, sizeof(*out));
	TRY(check_version(f, &v, &flags));
	out->embedded = flags & FLAG_EMBEDDED;
	err = COFFER_E_INTERNAL; /* A is as long as its fields: no take can fail */
	if (!view_copy(&v, out->model_id, MODEL_ID_LEN) || !view_be32(&v, &out->index) || !view_be32(&v, &out->count) ||
	    !view_be64(&v, &out->size) || !view_be32(&v, &out->record_size) || !view_be16(&v, &path_len) ||
	    !view_take(&v, RESERVED_LEN, &reserved) || !view_copy(&v, out->salt, 32) ||
	    !view_take(&v, PATH_FIELD_LEN, &path) || !view_copy(&v, out->commitment, 32) || v.len != 0)
		goto out;
	TRY(check_ranges(f, out));
	if (path_len == 0 || path_len > PATH_FIELD_LEN) /* [F-7] */
		TRY(fault_set(f, COFFER_E_FORMAT, "head: a path of %u bytes", path_len));
	rest = view_of(path.p + path_len, PATH_FIELD_LEN - path_len);
	if (!view_zero(reserved) || !view_zero(rest)) /* [F-2] */
		TRY(fault_set(f, COFFER_E_FORMAT, "head: bytes that must be zero are not"));
	TRY(path_check(f, (const char *)path.p, path_len));
	memcpy(out->path, path.p, path_len);
	if (!out->embedded)
		TRY(path_check_model(f, out->path));
out:
	return err;
}

struct head_layout
head_layout(const struct head *h)
{
	struct head_layout l;

	l.n_records = h->size == 0 ? 1 : (h->size + h->record_size - 1) / h->record_size;
	l.tags = h->embedded ? HEAD_SLOT_OFF + 2 * SLOT_LEN : HEAD_A_LEN;
	l.tags_end = l.tags + l.n_records * AEAD_TAG_LEN;
	l.payload = num_round_up(l.tags_end, HEAD_ALIGN);
	l.end = l.payload + h->size;
	return l;
}

uint32_t
head_record_len(const struct head *h, uint64_t i)
{
	return (uint32_t)num_min(h->record_size, h->size - i * h->record_size);
}

static coffer_err
derive(struct fault *f, const char *label, const struct head *h, const uint8_t dek[static 32],
       const uint8_t params_hash[static SHA256_LEN], uint8_t out[static 32])
{
	uint8_t info[64];
	size_t label_len = strlen(label);

	memcpy(info, label, label_len);
	memcpy(info + label_len, params_hash, SHA256_LEN);
	return hkdf_sha256(f, view_of(dek, 32), view_of(h->salt, 32), view_of(info, label_len + SHA256_LEN), out, 32);
}

coffer_err
head_keys(struct fault *f, const struct head *h, const uint8_t dek[static 32], struct head_keys *out)
{
	uint8_t a[HEAD_A_LEN], params_hash[SHA256_LEN];
	coffer_err err;

	head_encode(h, a);
	TRY(sha256(f, view_of(a, HEAD_PARAMS_LEN), params_hash));
	TRY(derive(f, "coffer/1 commit", h, dek, params_hash, out->commitment));
	TRY(derive(f, "coffer/1 file", h, dek, params_hash, out->file_key));
	TRY(sha256_two(f, view_of(a, HEAD_PARAMS_LEN), view_of(out->commitment, 32), out->a_hash));
out:
	if (err)
		mem_wipe(out, sizeof(*out));
	return err;
}

void
head_nonce(uint64_t i, uint64_t n, uint8_t nonce[static AEAD_NONCE_LEN])
{
	memset(nonce, 0, 3);
	put_be64(nonce + 3, i);
	nonce[11] = i == n - 1;
}
