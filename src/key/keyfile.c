/* SPDX-License-Identifier: Apache-2.0 */
#include "key/keyfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/enc.h"
#include "base/file.h"
#include "base/limits.h"
#include "crypto/rand.h"
#include "key/aes.h"
#include "key/uri.h"
#include "key/x25519.h"
#include "mem/secret_file.h"

#define MAGIC "coffer-key v1"
#define MAGIC_ANY "coffer-key "
#define TEXT_MAX 512 /* all lines at their longest are 299 bytes */

#define KIND_AES "aes"
#define KIND_PAIR "x25519"
#define KIND_PUBLIC "x25519-public"

void
keyfile_free(struct keyfile *k)
{
	secret_free(&k->secret);
	*k = (struct keyfile)KEYFILE_INIT;
}

/* ---- making ---- */

/* All that follows from the public key. */
static coffer_err
set_public(struct fault *f, struct keyfile *k)
{
	char text[BECH32_MAX + 1];

	k->info.kind = COFFER_KEY_X25519;
	x25519_encode(k->public_key, text);
	(void)snprintf(k->info.public_key, sizeof(k->info.public_key), "%s", text);
	return x25519_id(f, k->public_key, k->info.id);
}

/* All that follows from the secret. */
static coffer_err
set_secret(struct fault *f, struct keyfile *k, enum coffer_key_kind kind)
{
	coffer_err err;

	k->info.kind = kind;
	k->info.secret = true;
	if (kind == COFFER_KEY_AES) {
		TRY(aes_id(f, k->secret.p, k->info.id));
	} else {
		TRY(x25519_public(f, k->secret.p, k->public_key));
		TRY(set_public(f, k));
	}
out:
	return err;
}

coffer_err
keyfile_from_raw(struct fault *f, const uint8_t key[static COFFER_KEY_LEN], struct keyfile *out)
{
	coffer_err err;

	TRY(secret_new(f, &out->secret, COFFER_KEY_LEN));
	memcpy(out->secret.p, key, COFFER_KEY_LEN);
	TRY(set_secret(f, out, COFFER_KEY_AES));
out:
	if (err)
		keyfile_free(out);
	return err;
}

coffer_err
keyfile_from_public(struct fault *f, const uint8_t public_key[static X25519_LEN], struct keyfile *out)
{
	coffer_err err;

	memcpy(out->public_key, public_key, X25519_LEN);
	TRY(set_public(f, out));
out:
	if (err)
		keyfile_free(out);
	return err;
}

static void
set_now(char *out, size_t size)
{
	time_t now = time(NULL);
	struct tm tm;

	(void)gmtime_r(&now, &tm);
	(void)strftime(out, size, "%Y-%m-%dT%H:%M:%SZ", &tm);
}

coffer_err
keyfile_generate(struct fault *f, enum coffer_key_kind kind, struct keyfile *out)
{
	coffer_err err;

	if (kind != COFFER_KEY_AES && kind != COFFER_KEY_X25519)
		return fault_set(f, COFFER_E_USAGE, "there is no kind of key %d", (int)kind);
	TRY(secret_new(f, &out->secret, COFFER_KEY_LEN));
	TRY(rand_bytes(f, out->secret.p, COFFER_KEY_LEN));
	TRY(set_secret(f, out, kind));
	set_now(out->info.created, sizeof(out->info.created));
out:
	if (err)
		keyfile_free(out);
	return err;
}

/* ---- parsing ---- */

/* The lines that are left, and the number of the one that was taken last. */
struct lines {
	struct view rest;
	unsigned int number;
};

/* The next line without its line feed, when it begins with @field; its value alone is taken. */
static bool
take_field(struct lines *l, const char *field, struct view *value)
{
	const uint8_t *end = l->rest.len > 0 ? memchr(l->rest.p, '\n', l->rest.len) : NULL;
	struct view line, name, rest = l->rest;

	if (!end || !view_take(&rest, (size_t)(end - rest.p), &line))
		return false;
	if (!view_take(&line, strlen(field), &name) || memcmp(name.p, field, name.len) != 0)
		return false;
	*value = line;
	l->rest = view_of(end + 1, rest.len - 1);
	l->number++;
	return true;
}

/* @what: how the line after the last good one should look */
static coffer_err
malformed(struct fault *f, unsigned int number, const char *what)
{
	return fault_set(f, COFFER_E_KEY, "line %u is not «%s»", number, what);
}

static coffer_err
take_magic(struct fault *f, struct lines *l)
{
	struct view value;

	if (!take_field(l, MAGIC, &value) || value.len != 0)
		return malformed(f, 1, MAGIC);
	return COFFER_OK;
}

static coffer_err
take_kind(struct fault *f, struct lines *l, struct keyfile *k)
{
	struct view value;

	if (!take_field(l, "kind: ", &value))
		return malformed(f, 2, "kind: " KIND_AES ", " KIND_PAIR " or " KIND_PUBLIC);
	if (!view_is(value, KIND_AES) && !view_is(value, KIND_PAIR) && !view_is(value, KIND_PUBLIC))
		return malformed(f, 2, "kind: " KIND_AES ", " KIND_PAIR " or " KIND_PUBLIC);
	k->info.kind = view_is(value, KIND_AES) ? COFFER_KEY_AES : COFFER_KEY_X25519;
	k->info.secret = !view_is(value, KIND_PUBLIC);
	return COFFER_OK;
}

static coffer_err
take_id(struct fault *f, struct lines *l, char id[static KEY_ID_TEXT])
{
	uint8_t bytes[KEY_ID_LEN];
	struct view value;

	if (!take_field(l, "id: ", &value) || !dec_hex((const char *)value.p, value.len, bytes, sizeof(bytes)))
		return malformed(f, 3, "id: 32 hex digits");
	enc_hex(bytes, sizeof(bytes), id);
	return COFFER_OK;
}

/* RFC 3339 in its one form here: «2026-01-31T12:00:00Z» */
static bool
is_time(struct view v)
{
	static const char form[] = "dddd-dd-ddTdd:dd:ddZ";
	static const struct {
		unsigned int at, min, max;
	} pairs[] = {{5, 1, 12}, {8, 1, 31}, {11, 0, 23}, {14, 0, 59}, {17, 0, 60}};

	if (v.len != sizeof(form) - 1)
		return false;
	for (size_t i = 0; i < v.len; i++)
		if (form[i] == 'd' ? v.p[i] < '0' || v.p[i] > '9' : v.p[i] != form[i])
			return false;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		unsigned int n = (v.p[pairs[i].at] - '0') * 10u + (v.p[pairs[i].at + 1] - '0');

		if (n < pairs[i].min || n > pairs[i].max)
			return false;
	}
	return true;
}

static coffer_err
take_created(struct fault *f, struct lines *l, struct keyfile *k)
{
	struct view value;

	if (!take_field(l, "created: ", &value) || !is_time(value))
		return malformed(f, 4, "created: YYYY-MM-DDThh:mm:ssZ");
	memcpy(k->info.created, value.p, value.len);
	return COFFER_OK;
}

static coffer_err
take_name(struct fault *f, struct lines *l, struct keyfile *k)
{
	struct view value;

	if (!take_field(l, "name: ", &value))
		return COFFER_OK;
	if (!key_name_valid(value))
		return malformed(f, l->number, "name: A-Z a-z 0-9 . _ -");
	memcpy(k->info.name, value.p, value.len);
	return COFFER_OK;
}

static coffer_err
take_public(struct fault *f, struct lines *l, struct keyfile *k)
{
	unsigned int number = l->number + 1;
	struct view value;
	coffer_err err;

	if (!take_field(l, "public: ", &value) || !x25519_decode(value, k->public_key))
		return malformed(f, number, "public: coffer1…");
	TRY(set_public(f, k));
	/* the decoder takes upper case too; here there is one text */
	if (!view_is(value, k->info.public_key))
		return malformed(f, number, "public: coffer1…");
out:
	return err;
}

static coffer_err
take_secret(struct fault *f, struct lines *l, struct keyfile *k)
{
	unsigned int number = l->number + 1;
	struct view value;
	coffer_err err;
	size_t len;

	TRY(secret_new(f, &k->secret, COFFER_KEY_LEN));
	if (!take_field(l, "secret: ", &value) ||
	    !dec_b64((const char *)value.p, value.len, k->secret.p, k->secret.len, &len) || len != COFFER_KEY_LEN)
		return malformed(f, number, "secret: base64 of 32 bytes");
out:
	return err;
}

/* What the file says of its key must be what the secret says. */
static coffer_err
check_agreement(struct fault *f, struct keyfile *k, const char id[static KEY_ID_TEXT])
{
	uint8_t said[X25519_LEN];
	coffer_err err = COFFER_OK;

	memcpy(said, k->public_key, sizeof(said));
	if (k->info.secret)
		TRY(set_secret(f, k, k->info.kind));
	if (memcmp(said, k->public_key, sizeof(said)) != 0)
		return fault_set(f, COFFER_E_KEY,
				 "its public key is not that of its secret: it was changed or damaged");
	if (strcmp(id, k->info.id) != 0)
		return fault_set(f, COFFER_E_KEY, "its id is not that of its key: it was changed or damaged");
out:
	return err;
}

coffer_err
keyfile_parse(struct fault *f, struct view text, struct keyfile *out)
{
	struct lines l = {.rest = text};
	char id[KEY_ID_TEXT];
	coffer_err err;

	TRY(take_magic(f, &l));
	TRY(take_kind(f, &l, out));
	TRY(take_id(f, &l, id));
	TRY(take_created(f, &l, out));
	TRY(take_name(f, &l, out));
	if (out->info.kind == COFFER_KEY_X25519)
		TRY(take_public(f, &l, out));
	if (out->info.secret)
		TRY(take_secret(f, &l, out));
	if (l.rest.len > 0)
		TRY(fault_set(f, COFFER_E_KEY, "something follows line %u, its last", l.number));
	TRY(check_agreement(f, out, id));
out:
	if (err)
		keyfile_free(out);
	return err;
}

/* ---- formatting ---- */

/* A line: not through stdio, which may keep a copy. */
static void
put_line(struct secret *text, size_t *at, const char *field, const char *value)
{
	const char *parts[] = {field, value, "\n"};

	for (size_t i = 0; i < 3; i++) {
		size_t len = strlen(parts[i]);

		memcpy(text->p + *at, parts[i], len);
		*at += len;
	}
}

coffer_err
keyfile_format(struct fault *f, const struct keyfile *k, struct secret *out)
{
	const char *pair = k->info.secret ? KIND_PAIR : KIND_PUBLIC;
	struct secret text = SECRET_INIT;
	char secret[ENC_B64_LEN(COFFER_KEY_LEN) + 1] = "", created[sizeof(k->info.created)];
	size_t len = 0;
	coffer_err err;

	(void)snprintf(created, sizeof(created), "%s", k->info.created);
	if (created[0] == '\0')
		set_now(created, sizeof(created));
	TRY(secret_new(f, &text, TEXT_MAX));
	put_line(&text, &len, MAGIC, "");
	put_line(&text, &len, "kind: ", k->info.kind == COFFER_KEY_AES ? KIND_AES : pair);
	put_line(&text, &len, "id: ", k->info.id);
	put_line(&text, &len, "created: ", created);
	if (k->info.name[0] != '\0')
		put_line(&text, &len, "name: ", k->info.name);
	if (k->info.kind == COFFER_KEY_X25519)
		put_line(&text, &len, "public: ", k->info.public_key);
	if (k->info.secret) {
		enc_b64(k->secret.p, k->secret.len, secret);
		put_line(&text, &len, "secret: ", secret);
	}
	TRY(secret_new(f, out, len));
	memcpy(out->p, text.p, len);
out:
	mem_wipe(secret, sizeof(secret));
	secret_free(&text);
	return err;
}

/* ---- reading and writing ---- */

enum privacy {
	OWN_FORM_PRIVATE, /* a raw key may be readable by others: its maker chose so */
	ALL_PRIVATE,
};

static bool
begins_with(struct view v, const char *text)
{
	return v.len >= strlen(text) && memcmp(v.p, text, strlen(text)) == 0;
}

static bool
all_of(struct view v, const char *allowed)
{
	for (size_t i = 0; i < v.len; i++)
		if (v.p[i] == '\0' || !strchr(allowed, v.p[i]))
			return false;
	return true;
}

/* People bring keys in the forms of other tools; say which, and never what. */
static const char *
looks_like(struct view v)
{
	static const char hex[] = "0123456789abcdefABCDEF";
	static const char base64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=-_";

	if (begins_with(v, "-----BEGIN "))
		return "looks like a PEM file";
	if (begins_with(v, "AGE-SECRET-KEY-") || begins_with(v, "# created: "))
		return "looks like a key file of age";
	if (v.len > 0 && v.p[v.len - 1] == '\n')
		v.len--;
	if (v.len > 0 && v.p[v.len - 1] == '\r')
		v.len--;
	if (v.len == 2 * COFFER_KEY_LEN && all_of(v, hex))
		return "looks like a key in hexadecimal";
	if ((v.len == 43 || v.len == 44) && all_of(v, base64))
		return "looks like a key in base64";
	return "is neither 32 raw bytes nor a key file of coffer";
}

static coffer_err
no_key(struct fault *f, const char *shown, const char *why)
{
	return fault_set(f, COFFER_E_KEY,
			 "%s %s; a raw key is made by «openssl rand 32 > KEY», a key file by «coffer keygen -o KEY»",
			 shown, why);
}

static coffer_err
decode(struct fault *f, struct view bytes, const char *shown, struct keyfile *out)
{
	if (bytes.len == COFFER_KEY_LEN)
		return keyfile_from_raw(f, bytes.p, out);
	if (begins_with(bytes, MAGIC "\n")) {
		coffer_err err = keyfile_parse(f, bytes, out);

		if (err)
			(void)fault_prefix(f, "key file %s", shown);
		return err;
	}
	if (begins_with(bytes, MAGIC_ANY))
		return fault_set(f, COFFER_E_KEY,
				 "key file %s is not of version 1 («" MAGIC "»): another coffer made it", shown);
	return no_key(f, shown, looks_like(bytes));
}

static coffer_err
check_stat(struct fault *f, const struct stat *st, const char *shown)
{
	if (S_ISDIR(st->st_mode))
		return fault_set(f, COFFER_E_KEY, "%s is a folder; a key is a file", shown);
	if (!S_ISREG(st->st_mode))
		return fault_set(f, COFFER_E_KEY, "%s is a pipe or a device; a key is read from a regular file", shown);
	if (st->st_size == 0)
		return no_key(f, shown, "is empty");
	if (st->st_size > (off_t)LIMIT_KEY_FILE)
		return fault_set(f, COFFER_E_KEY, "%s is %lld bytes; a key is 32 raw bytes or a small key file", shown,
				 (long long)st->st_size);
	return COFFER_OK;
}

/* By the mode and not by access(2), which says yes to everything when root asks. */
static coffer_err
check_private(struct fault *f, const struct stat *st, const char *shown)
{
	if (st->st_mode & 077)
		return fault_set(f, COFFER_E_PERM, "others may use the secret key in %s (mode %04o); run: chmod 600 %s",
				 shown, (unsigned int)st->st_mode & 07777, shown);
	return COFFER_OK;
}

static coffer_err
read_fd(struct fault *f, int fd, const char *shown, enum privacy privacy, struct keyfile *out)
{
	struct secret bytes = SECRET_INIT;
	struct stat st;
	coffer_err err;

	if (fstat(fd, &st) != 0)
		return fault_errno(f, errno, "cannot read %s", shown);
	TRY(check_stat(f, &st, shown));
	TRY(secret_new(f, &bytes, (size_t)st.st_size));
	TRY(file_read_at(f, fd, shown, bytes.p, bytes.len, 0));
	TRY(decode(f, view_of(bytes.p, bytes.len), shown, out));
	if (out->info.secret && (privacy == ALL_PRIVATE || bytes.len != COFFER_KEY_LEN))
		TRY(check_private(f, &st, shown));
out:
	if (err)
		keyfile_free(out);
	secret_free(&bytes);
	return err;
}

/* A store keeps text, without the line feed at its end: coffer's own form, or base64 of a raw key. */
static coffer_err
decode_kept(struct fault *f, struct view kept, const char *shown, struct keyfile *out)
{
	struct secret bytes = SECRET_INIT;
	size_t len = 0;
	coffer_err err;

	TRY(secret_new(f, &bytes, kept.len + 1));
	if (begins_with(kept, MAGIC_ANY)) {
		memcpy(bytes.p, kept.p, kept.len);
		bytes.p[kept.len] = '\n';
		err = decode(f, view_of(bytes.p, bytes.len), shown, out);
	} else if (dec_b64((const char *)kept.p, kept.len, bytes.p, bytes.len, &len)) {
		err = decode(f, view_of(bytes.p, len), shown, out);
	} else {
		err = no_key(f, shown, looks_like(kept));
	}
out:
	secret_free(&bytes);
	return err;
}

static coffer_err
read_source(struct fault *f, const char *uri, struct keyfile *out)
{
	struct secret kept = SECRET_INIT;
	coffer_err err;

	TRY(secret_from_file(f, "the key", uri, LIMIT_KEY_FILE, &kept));
	TRY(decode_kept(f, view_of(kept.p, kept.len), uri, out));
out:
	secret_free(&kept);
	return err;
}

coffer_err
keyfile_read(struct fault *f, const char *path, struct keyfile *out)
{
	coffer_err err;
	int fd;

	if (secret_file_is_source(path))
		return read_source(f, path, out);
	/* O_NONBLOCK: a FIFO must not hang us before we see that it is one */
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0)
		return fault_errno(f, errno, "cannot open the key %s", path);
	err = read_fd(f, fd, path, OWN_FORM_PRIVATE, out);
	file_close(&fd);
	return err;
}

coffer_err
keyfile_read_at(struct fault *f, int dirfd, const char *name, const char *shown, struct keyfile *out)
{
	int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | O_NOFOLLOW);
	coffer_err err;

	if (fd < 0 && errno == ELOOP)
		return fault_set(f, COFFER_E_PERM, "%s is a symbolic link; the keyring follows none", shown);
	if (fd < 0)
		return fault_errno(f, errno, "cannot open the key %s", shown);
	err = read_fd(f, fd, shown, ALL_PRIVATE, out);
	file_close(&fd);
	return err;
}

coffer_err
keyfile_write(struct fault *f, const char *path, const struct keyfile *k)
{
	struct secret text = SECRET_INIT;
	coffer_err err;

	TRY(keyfile_format(f, k, &text));
	err = file_write_new(f, path, text.p, text.len, 0600, false);
	if (err == COFFER_E_EXISTS)
		(void)fault_set(f, err, "%s exists, and a key is never overwritten; choose another name", path);
out:
	secret_free(&text);
	return err;
}
