/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/mark.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/line.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/utc.h"

#define KEY_NAME "checkpoint.key"
#define PUBLIC_NAME "checkpoint.pub"

/* ---- the line ---- */

#define SEQ "{\"checkpoint\":"
#define PREV ",\"prev\":\""
#define LOG "\",\"log\":\""
#define HASH "\",\"hash\":\""
#define TIME "\",\"eventTime\":\""
#define KEY "\",\"key\":\""
#define SIGNATURE "\",\"signature\":\""
#define END "\"}"

/* what is signed is the line without its member «signature» */
static coffer_err
put_signed(struct fault *f, const struct audit_mark *m, const char *end, struct buf *out)
{
	char prev[2 * SHA256_LEN + 1], log[2 * AUDIT_LOG_ID_LEN + 1], hash[2 * SHA256_LEN + 1], key[2 * SHA256_LEN + 1];

	enc_hex(m->prev, SHA256_LEN, prev);
	enc_hex(m->log, AUDIT_LOG_ID_LEN, log);
	enc_hex(m->hash, SHA256_LEN, hash);
	enc_hex(m->key, SHA256_LEN, key);
	return buf_printf(f, out, SEQ "%" PRIu64 PREV "%s" LOG "%s" HASH "%s" TIME "%s" KEY "%s%s", m->seq, prev, log,
			  hash, m->time, key, end);
}

static coffer_err
sign(struct fault *f, struct audit_mark *m, const struct privkey *key)
{
	struct buf text = BUF_INIT(AUDIT_MARK_MAX), signature = BUF_INIT(AUDIT_SIGNATURE_LEN);
	struct pubkey *public = NULL;
	coffer_err err;

	TRY(privkey_public(f, key, &public));
	TRY(audit_key_id(f, public, m->key));
	TRY(put_signed(f, m, END, &text));
	TRY(privkey_sign(f, key, DIGEST_SHA512, buf_view(&text), &signature));
	if (signature.len != AUDIT_SIGNATURE_LEN)
		TRY(fault_set(f, COFFER_E_KEY, "the key that signs checkpoints of the audit log is not Ed25519"));
	memcpy(m->signature, signature.p, AUDIT_SIGNATURE_LEN);
out:
	pubkey_free(&public);
	buf_free(&text);
	buf_free(&signature);
	return err;
}

coffer_err
audit_mark_line(struct fault *f, struct audit_mark *m, const struct privkey *key, struct buf *out)
{
	char signature[ENC_B64_LEN(AUDIT_SIGNATURE_LEN) + 1];
	coffer_err err;

	TRY(sign(f, m, key));
	enc_b64(m->signature, AUDIT_SIGNATURE_LEN, signature);
	TRY(put_signed(f, m, SIGNATURE, out));
	TRY(buf_printf(f, out, "%s" END "\n", signature));
out:
	return err;
}

static bool
take_time(struct view *v, char out[static AUDIT_TIME_LEN + 1])
{
	int64_t time;

	out[AUDIT_TIME_LEN] = '\0';
	return view_copy(v, out, AUDIT_TIME_LEN) && utc_parse(out, &time);
}

static bool
take_signature(struct view *v, uint8_t out[static AUDIT_SIGNATURE_LEN])
{
	struct view text;
	size_t len;

	return view_take(v, ENC_B64_LEN(AUDIT_SIGNATURE_LEN), &text) &&
	       dec_b64((const char *)text.p, text.len, out, AUDIT_SIGNATURE_LEN, &len) && len == AUDIT_SIGNATURE_LEN;
}

bool
audit_mark_decode(struct view line, struct audit_mark *out)
{
	return line_text(&line, SEQ) && line_number(&line, 0, &out->seq) && line_text(&line, PREV) &&
	       line_hex(&line, out->prev, SHA256_LEN) && line_text(&line, LOG) &&
	       line_hex(&line, out->log, AUDIT_LOG_ID_LEN) && line_text(&line, HASH) &&
	       line_hex(&line, out->hash, SHA256_LEN) && line_text(&line, TIME) && take_time(&line, out->time) &&
	       line_text(&line, KEY) && line_hex(&line, out->key, SHA256_LEN) && line_text(&line, SIGNATURE) &&
	       take_signature(&line, out->signature) && line_text(&line, END) && line.len == 0;
}

coffer_err
audit_mark_verify(struct fault *f, const struct audit_mark *m, const struct pubkey *key)
{
	struct buf text = BUF_INIT(AUDIT_MARK_MAX);
	coffer_err err;

	if (pubkey_kind(key) != PKEY_ED25519)
		return fault_set(f, COFFER_E_KEY, "checkpoints are signed with Ed25519, and that is a key of %s",
				 pkey_kind_name(pubkey_kind(key)));
	TRY(put_signed(f, m, END, &text));
	TRY(pubkey_verify(f, key, DIGEST_SHA512, buf_view(&text), view_of(m->signature, AUDIT_SIGNATURE_LEN)));
out:
	buf_free(&text);
	return err;
}

/* ---- the key ---- */

coffer_err
audit_key_id(struct fault *f, const struct pubkey *key, uint8_t out[static SHA256_LEN])
{
	struct buf der = BUF_INIT(LIMIT_KEY_PEM);
	coffer_err err;

	TRY(pubkey_der(f, key, &der));
	TRY(sha256(f, buf_view(&der), out));
out:
	buf_free(&der);
	return err;
}

static coffer_err
write_file(struct fault *f, const struct audit_folder *folder, const char *name, mode_t mode, struct view bytes)
{
	struct newfile n = NEWFILE_INIT;
	char shown[512];
	coffer_err err;

	TRY(newfile_open_at(f, &n, folder->fd, name, audit_shown(folder, name, shown), mode, true));
	TRY(file_write_at(f, n.fd, shown, bytes.p, bytes.len, 0));
	TRY(newfile_commit(f, &n));
out:
	newfile_abort(&n);
	return err;
}

/* The public half comes first: where there is a key, there is its public half. */
static coffer_err
make_key(struct fault *f, const struct audit_folder *folder, struct privkey **out)
{
	struct buf pem = BUF_INIT(LIMIT_KEY_PEM);
	struct secret secret = SECRET_INIT;
	struct privkey *key = NULL;
	struct pubkey *public = NULL;
	coffer_err err;

	TRY(privkey_generate(f, PKEY_ED25519, &key));
	TRY(privkey_public(f, key, &public));
	TRY(pubkey_pem(f, public, &pem));
	TRY(privkey_pem(f, key, NULL, &secret));
	TRY(write_file(f, folder, PUBLIC_NAME, 0644, buf_view(&pem)));
	TRY(write_file(f, folder, KEY_NAME, 0600, view_of(secret.p, secret.len)));
	*out = key;
	key = NULL;
out:
	privkey_free(&key);
	pubkey_free(&public);
	secret_free(&secret);
	buf_free(&pem);
	return err;
}

static coffer_err
read_key(struct fault *f, const char *shown, int fd, struct privkey **out)
{
	struct secret pem = SECRET_INIT;
	struct stat st;
	coffer_err err;

	if (fstat(fd, &st) != 0)
		return fault_errno(f, errno, "cannot look at %s", shown);
	if (!S_ISREG(st.st_mode) || st.st_size == 0 || st.st_size > LIMIT_KEY_PEM)
		return fault_set(f, COFFER_E_KEY, "%s holds no key", shown);
	if ((st.st_uid != geteuid() && st.st_uid != 0) || (st.st_mode & 077))
		return fault_set(
			f, COFFER_E_PERM,
			"others may read or write %s (mode %04o), and sign as this log does; run: chmod 600 %s", shown,
			(unsigned int)st.st_mode & 07777, shown);
	TRY(secret_new(f, &pem, (size_t)st.st_size));
	TRY(file_read_at(f, fd, shown, pem.p, pem.len, 0));
	TRY(privkey_from_pem(f, shown, view_of(pem.p, pem.len), NULL, out));
out:
	secret_free(&pem);
	return err;
}

coffer_err
audit_key_open(struct fault *f, const struct audit_folder *folder, bool must, struct privkey **out)
{
	int fd = openat(folder->fd, KEY_NAME, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	char shown[512];
	coffer_err err;

	*out = NULL;
	(void)audit_shown(folder, KEY_NAME, shown);
	if (fd < 0 && errno == ENOENT && !must)
		return make_key(f, folder, out);
	if (fd < 0 && errno == ENOENT)
		return fault_set(f, COFFER_E_KEY,
				 "%s, which signs checkpoints of the audit log, is gone; put it back, or move the "
				 "folder away to begin a new log",
				 shown);
	if (fd < 0)
		return fault_errno(f, errno, "cannot open %s", shown);
	err = read_key(f, shown, fd, out);
	file_close(&fd);
	return err;
}

coffer_err
audit_key_public(struct fault *f, const struct audit_folder *folder, struct buf *pem_out)
{
	char shown[512];

	return file_slurp_at(f, folder->fd, PUBLIC_NAME, audit_shown(folder, PUBLIC_NAME, shown), LIMIT_KEY_PEM,
			     pem_out);
}
