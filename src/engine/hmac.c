/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HMAC-SHA256 tags of files: the last part of coffer/sign.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <coffer/sign.h>

#include "base/enc.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/num.h"
#include "crypto/mac.h"
#include "engine/ctx.h"
#include "key/store.h"

#define CHUNK ((size_t)1 << 20)
#define HEX_LEN (2 * SHA256_LEN)

static coffer_err
load_key(struct fault *f, const char *key, struct keyfile *out)
{
	struct key_uri uri;
	coffer_err err;

	TRY(key_uri_parse(f, key, &uri));
	TRY(store_load(f, &uri, out));
	if (out->info.kind != COFFER_KEY_AES)
		TRY(fault_set(f, COFFER_E_KEY,
			      "the key is one of a pair, and both sides of a tag need the same secret; «coffer keygen» "
			      "makes an aes key"));
out:
	return err;
}

static coffer_err
take_all(struct fault *f, struct coffer_ctx *ctx, struct mac *m, int fd, const char *path)
{
	uint8_t *chunk = malloc(CHUNK);
	struct progress progress;
	struct stat before, after;
	coffer_err err = COFFER_OK;

	if (!chunk)
		return fault_nomem(f);
	if (fstat(fd, &before) != 0 || !S_ISREG(before.st_mode)) {
		free(chunk);
		return fault_set(f, COFFER_E_USAGE, "%s is no regular file; a tag is of one file", path);
	}
	progress_begin(&progress, ctx, (uint64_t)before.st_size);
	for (uint64_t off = 0, len; off < (uint64_t)before.st_size; off += len) {
		len = num_min((uint64_t)before.st_size - off, CHUNK);
		TRY(ctx_check_cancelled(f, ctx));
		TRY(file_read_at(f, fd, path, chunk, (size_t)len, off));
		TRY(mac_update(f, m, chunk, (size_t)len));
		progress_add(&progress, len);
	}
	if (fstat(fd, &after) != 0 || after.st_size != before.st_size)
		TRY(fault_set(f, COFFER_E_CHANGED, "%s grew while it was read; stop what writes it", path));
out:
	progress_end(&progress);
	free(chunk);
	return err;
}

static coffer_err
make_tag(struct fault *f, struct coffer_ctx *ctx, const char *path, const char *key, uint8_t out[static SHA256_LEN])
{
	struct keyfile k = KEYFILE_INIT;
	struct mac *m = NULL;
	int fd = -1;
	coffer_err err;

	TRY(load_key(f, key, &k));
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0)
		TRY(fault_errno(f, errno, "cannot open %s", path));
	TRY(mac_new(f, view_of(k.secret.p, k.secret.len), &m));
	TRY(take_all(f, ctx, m, fd, path));
	TRY(mac_final(f, m, out));
out:
	mac_free(&m);
	file_close(&fd);
	keyfile_free(&k);
	return err;
}

/* 32 raw bytes, or 64 digits and what «openssl dgst -r» and sha256sum write behind them */
static bool
parse_tag(struct view text, uint8_t out[static SHA256_LEN])
{
	if (text.len == SHA256_LEN)
		return view_copy(&text, out, SHA256_LEN);
	return text.len >= HEX_LEN && dec_hex((const char *)text.p, HEX_LEN, out, SHA256_LEN) &&
	       (text.len == HEX_LEN || text.p[HEX_LEN] == '\n' || text.p[HEX_LEN] == ' ');
}

static coffer_err
read_tag(struct fault *f, const char *path, uint8_t out[static SHA256_LEN])
{
	struct buf b = BUF_INIT(LIMIT_TAG_FILE);
	coffer_err err;

	TRY(file_slurp(f, path, LIMIT_TAG_FILE, &b, NULL));
	if (!parse_tag(buf_view(&b), out))
		TRY(fault_set(f, COFFER_E_FORMAT, "%s is no tag; a tag is 64 lower-case hex digits or 32 raw bytes",
			      path));
out:
	buf_free(&b);
	return err;
}

coffer_err
coffer_hmac_file(struct coffer_ctx *ctx, const char *path, const char *tag, const char *key, bool force)
{
	struct fault *f = ctx_begin(ctx);
	uint8_t mac[SHA256_LEN];
	char line[HEX_LEN + 1];
	coffer_err err;

	TRY(make_tag(f, ctx, path, key, mac));
	enc_hex(mac, sizeof(mac), line);
	line[HEX_LEN] = '\n';
	TRY(file_write_new(f, tag, line, sizeof(line), 0666, force));
out:
	return err;
}

coffer_err
coffer_hmac_verify_file(struct coffer_ctx *ctx, const char *path, const char *tag, const char *key)
{
	struct fault *f = ctx_begin(ctx);
	uint8_t wanted[SHA256_LEN], mac[SHA256_LEN];
	coffer_err err;

	TRY(read_tag(f, tag, wanted));
	TRY(make_tag(f, ctx, path, key, mac));
	if (!mem_equal(wanted, mac, sizeof(mac)))
		TRY(fault_set(f, COFFER_E_SIGNATURE,
			      "%s does not have the tag in %s: the file was changed, or the key is another", path,
			      tag));
out:
	mem_wipe(mac, sizeof(mac));
	return err;
}
