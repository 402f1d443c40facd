/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A whole sealed file.  It is 139 KiB of mostly zeros, so the input is a list of changes to one that is made at the start:
 * each is a byte for the part, two for the place, one for a length, and as many bytes to xor.  No change may bring
 * plaintext out, except blanking a slot, which is no damage.
 *
 * Two parts are changed by somebody who has the key: the commitment of A, or hash and MAC of the key block, are put right
 * afterwards, so that what lies behind them is reached.  What they lead to may open, and must not crash.
 */
#include <string.h>

#include <coffer/coffer.h>

#include "base/num.h"
#include "engine/model.h"
#include "support/fuzz.h"

#define SIZE ((size_t)65536 + 100)
#define PAYLOAD ((size_t)139264)
#define SEALED (PAYLOAD + SIZE)
#define ROOM (SEALED + 70000)

enum part { A, SLOT_0, SLOT_1, BOTH_SLOTS, TAGS, RECORDS, END, A_WITH_KEY, DOCUMENT_WITH_KEY, N_PARTS };

static const struct {
	size_t off, len;
} places[N_PARTS] = {
	[A] = {0, 4096},
	[SLOT_0] = {4096, SLOT_LEN},
	[SLOT_1] = {4096 + SLOT_LEN, SLOT_LEN},
	[BOTH_SLOTS] = {4096, SLOT_LEN},
	[TAGS] = {135168, 4096},
	[RECORDS] = {PAYLOAD, 65536},
	[A_WITH_KEY] = {0, 2048},
	[DOCUMENT_WITH_KEY] = {4096 + 64, SLOT_DOC_MAX},
};

static struct coffer_ctx *ctx;
static struct coffer_keyring *keys;
static uint8_t good[ROOM], bytes[ROOM], plain[SIZE], dek[DEK_LEN];

static coffer_err
write_good(void *user, uint64_t off, const void *buf, size_t len)
{
	(void)user;
	memcpy(good + off, buf, len);
	return COFFER_OK;
}

static coffer_err
read_plain(void *user, uint64_t off, void *buf, size_t len)
{
	(void)user;
	memcpy(buf, plain + off, len);
	return COFFER_OK;
}

static coffer_err
read_bytes(void *user, uint64_t off, void *buf, size_t len)
{
	need(off <= *(size_t *)user && len <= *(size_t *)user - off);
	memcpy(buf, bytes + off, len);
	return COFFER_OK;
}

static void
make_good(void)
{
	const struct coffer_source from = {.size = SIZE, .read_at = read_plain};
	const struct coffer_sink to = {.write_at = write_good};
	const struct coffer_seal_options options = {.version_1 = 1, .record_size = 65536};
	size_t len = SEALED;
	const struct coffer_source sealed = {.size = SEALED, .user = &len, .read_at = read_bytes};
	struct coffer_model *model;

	for (size_t i = 0; i < SIZE; i++)
		plain[i] = (uint8_t)(i * 3 + 1);
	need(coffer_ctx_new(&ctx) == COFFER_OK && coffer_ctx_set_audit(ctx, "off") == COFFER_OK &&
	     coffer_keyring_new(ctx, &keys) == COFFER_OK);
	coffer_ctx_set_jobs(ctx, 1);
	need(coffer_keyring_add_raw(ctx, keys, plain) == COFFER_OK);
	need(coffer_seal_source(ctx, &from, "f", &to, keys, &options) == COFFER_OK);
	memcpy(bytes, good, ROOM);
	need(coffer_model_open_source(ctx, &sealed, keys, &model) == COFFER_OK);
	memcpy(dek, model->dek.p, DEK_LEN);
	coffer_model_free(&model);
}

static void
sign_a(void)
{
	struct head_keys of_a;
	struct head h;

	if (head_decode(NULL, bytes, &h) == COFFER_OK && head_keys(NULL, &h, dek, &of_a) == COFFER_OK)
		memcpy(bytes + HEAD_PARAMS_LEN, of_a.commitment, 32);
}

/* Put the document at the start of slot 0 into both slots, with what only the key gives. */
static void
sign_document(void)
{
	struct view text = view_of(bytes + 4096 + 64, num_min(get_be32(bytes + 4096 + 8), SLOT_DOC_MAX));
	struct keyblock k = KEYBLOCK_INIT;
	struct buf signed_text = BUF_INIT(SLOT_DOC_MAX);

	if (keyblock_decode(NULL, text, &k) == COFFER_OK && keyblock_encode(NULL, &k, dek, &signed_text) == COFFER_OK)
		text = buf_view(&signed_text);
	if (slot_encode(NULL, text, bytes + 4096 + SLOT_LEN) == COFFER_OK)
		memcpy(bytes + 4096, bytes + 4096 + SLOT_LEN, SLOT_LEN);
	keyblock_free(&k);
	buf_free(&signed_text);
}

/* Returns whether somebody with the key was at work. */
static bool
change(struct view v, size_t *len)
{
	bool with_key = false;
	uint16_t place;
	struct view by;
	uint8_t part, n;

	while (view_copy(&v, &part, 1) && view_be16(&v, &place) && view_copy(&v, &n, 1)) {
		part %= N_PARTS;
		if (part == END) {
			*len = n & 1 ? SEALED - place : SEALED + place;
			continue;
		}
		if (!view_take(&v, n < v.len ? n : v.len, &by))
			break;
		for (size_t i = 0; i < by.len; i++) {
			size_t at = (place + i) % places[part].len;

			bytes[places[part].off + at] ^= by.p[i];
			if (part == BOTH_SLOTS)
				bytes[places[part].off + SLOT_LEN + at] ^= by.p[i];
		}
		if (part == A_WITH_KEY)
			sign_a();
		else if (part == DOCUMENT_WITH_KEY)
			sign_document();
		with_key |= part == A_WITH_KEY || part == DOCUMENT_WITH_KEY;
	}
	return with_key;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t out[SIZE];
	static const uint8_t zero[SIZE];
	size_t len = SEALED;
	struct coffer_source source = {.user = &len, .read_at = read_bytes};
	struct coffer_model *model = NULL;
	struct coffer_file *file = NULL;
	bool with_key, same;
	coffer_err err;

	if (!ctx)
		make_good();
	memcpy(bytes, good, ROOM);
	memset(out, 0, sizeof(out));
	with_key = change(view_of(data, size), &len);
	same = len == SEALED && memcmp(bytes, good, 4096) == 0 &&
	       memcmp(bytes + 135168, good + 135168, SEALED - 135168) == 0;
	source.size = len;
	err = coffer_model_open_source(ctx, &source, keys, &model);
	if (err == COFFER_OK)
		err = coffer_file_open(ctx, model, 0, &file);
	if (err == COFFER_OK)
		err = coffer_file_read_at(file, 0, out, num_min(SIZE, coffer_file_size(file)));
	coffer_file_free(&file);
	coffer_model_free(&model);
	if (err != COFFER_OK)
		need(memcmp(out, zero, SIZE) == 0);
	else if (!with_key)
		need(same && memcmp(out, plain, SIZE) == 0);
	need(with_key || err == COFFER_OK || coffer_err_exit(err) == 5 || err == COFFER_E_NOKEY);
	return 0;
}
