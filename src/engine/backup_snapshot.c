/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/backup_snapshot.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/enc.h"
#include "base/num.h"
#include "base/path.h"
#include "base/utc.h"
#include "data/doc.h"
#include "mem/secret.h"

#define VERSION 1

void
backup_file_free(struct backup_file *file)
{
	free(file->path);
	free(file->parts);
	memset(file, 0, sizeof(*file));
}

void
snapshot_free(struct snapshot *s)
{
	for (size_t i = 0; i < s->n_roots; i++) {
		free(s->roots[i].name);
		free(s->roots[i].path);
	}
	for (size_t i = 0; i < s->n_files; i++)
		backup_file_free(&s->files[i]);
	free(s->roots);
	free(s->files);
	backup_file_free(&s->private_part);
	buf_free(&s->mac_text);
	*s = (struct snapshot)SNAPSHOT_INIT;
}

uint64_t
backup_n_parts(uint64_t size, uint64_t part_size)
{
	return size / part_size + (size % part_size != 0);
}

uint64_t
backup_part_len(uint64_t size, uint64_t part_size, size_t index)
{
	return num_min(size - index * part_size, part_size);
}

static bool
is_part(const char *part, size_t len)
{
	return len > 0 && len <= 255 && !(len <= 2 && strncmp(part, "..", len) == 0);
}

coffer_err
backup_path_check(struct fault *f, const char *path)
{
	size_t len = strlen(path);
	bool good = len > 0 && len <= LIMIT_BACKUP_PATH && text_check(path, len);

	for (const char *part = path; good && part;) {
		const char *slash = strchr(part, '/');

		good = is_part(part, slash ? (size_t)(slash - part) : strlen(part));
		part = slash ? slash + 1 : NULL;
	}
	/* [B-8] */
	if (!good)
		return fault_set(f, COFFER_E_FORMAT, "a backup cannot have a file called «%.200s»", path);
	return COFFER_OK;
}

/* ---- reading ---- */

static coffer_err
malformed(struct fault *f, const char *what)
{
	return fault_set(f, COFFER_E_FORMAT, "%s of the snapshot is malformed", what);
}

static coffer_err
decode_parts(struct fault *f, const struct doc *d, uint64_t part_size, struct backup_file *out)
{
	uint64_t n = backup_n_parts(out->size, part_size);

	/* [B-9] */
	if (!doc_is_array(d) || doc_size(d) != n)
		return malformed(f, "the list of parts of a file");
	out->parts = malloc((size_t)n * SHA256_LEN + 1);
	if (!out->parts)
		return fault_nomem(f);
	out->n_parts = (size_t)n;
	for (size_t i = 0; i < out->n_parts; i++)
		if (!doc_hex(doc_at(d, i), out->parts[i], SHA256_LEN))
			return malformed(f, "a part of a file");
	return COFFER_OK;
}

static coffer_err
decode_file(struct fault *f, const struct doc *d, uint64_t part_size, struct backup_file *out)
{
	static const char *const names[] = {"ctime", "inode", "mode", "mtime", "parts", "path", "size"};
	const char *path = doc_text(doc_get(d, "path"), 1, LIMIT_BACKUP_PATH);
	uint64_t mode;
	coffer_err err;

	if (!doc_only(d, names, 7) || !path || !doc_number(doc_get(d, "size"), 0, LIMIT_SIZE, &out->size) ||
	    !doc_number(doc_get(d, "mode"), 0, 0777, &mode) ||
	    !doc_decimal(doc_get(d, "mtime"), UINT64_MAX, &out->mtime_ns) ||
	    !doc_decimal(doc_get(d, "ctime"), UINT64_MAX, &out->ctime_ns) ||
	    !doc_decimal(doc_get(d, "inode"), UINT64_MAX, &out->inode))
		return malformed(f, "a file");
	TRY(backup_path_check(f, path));
	out->mode = (uint32_t)mode;
	out->path = strdup(path);
	if (!out->path)
		TRY(fault_nomem(f));
	TRY(decode_parts(f, doc_get(d, "parts"), part_size, out));
out:
	return err;
}

static coffer_err
decode_files(struct fault *f, const struct doc *d, struct snapshot *s)
{
	size_t n = doc_size(d);
	coffer_err err = COFFER_OK;

	if (!doc_is_array(d) || n > LIMIT_BACKUP_FILES)
		return malformed(f, "the list of files");
	s->files = calloc(n + 1, sizeof(*s->files));
	if (!s->files)
		return fault_nomem(f);
	for (size_t i = 0; i < n; i++) {
		s->n_files = i + 1;
		TRY(decode_file(f, doc_at(d, i), s->part_size, &s->files[i]));
		if (i > 0 && strcmp(s->files[i - 1].path, s->files[i].path) >= 0)
			TRY(malformed(f, "the order of the files"));
	}
out:
	return err;
}

static coffer_err
decode_roots(struct fault *f, const struct doc *d, struct snapshot *s)
{
	static const char *const names[] = {"name", "path"};
	size_t n = doc_size(d);

	if (!doc_is_array(d) || n > LIMIT_BACKUP_ROOTS)
		return malformed(f, "the list of roots");
	s->roots = calloc(n + 1, sizeof(*s->roots));
	if (!s->roots)
		return fault_nomem(f);
	for (size_t i = 0; i < n; i++) {
		const struct doc *root = doc_at(d, i);
		const char *name = doc_text(doc_get(root, "name"), 1, LIMIT_BACKUP_PATH);
		const char *path = doc_text(doc_get(root, "path"), 1, LIMIT_BACKUP_PATH);

		if (!doc_only(root, names, 2) || !name || !path || backup_path_check(f, name) != COFFER_OK ||
		    strchr(name, '/'))
			return malformed(f, "a root");
		s->n_roots = i + 1;
		s->roots[i].name = strdup(name);
		s->roots[i].path = strdup(path);
		if (!s->roots[i].name || !s->roots[i].path)
			return fault_nomem(f);
	}
	return COFFER_OK;
}

static coffer_err
decode_private(struct fault *f, const struct doc *d, struct snapshot *s)
{
	static const char *const names[] = {"parts", "size"};

	if (!doc_only(d, names, 2) || !doc_number(doc_get(d, "size"), 1, LIMIT_SIZE, &s->private_part.size))
		return malformed(f, "the private part");
	return decode_parts(f, doc_get(d, "parts"), s->part_size, &s->private_part);
}

static coffer_err
decode_doc(struct fault *f, struct doc *d, struct snapshot *s)
{
	static const char *const names[] = {"backup",  "files", "host",	 "mac", "part_size",
					    "private", "roots", "store", "time"};
	const char *time = doc_text(doc_get(d, "time"), UTC_LEN, UTC_LEN);
	const char *host = doc_text(doc_get(d, "host"), 1, LIMIT_TEXT);
	uint64_t version = 0;
	coffer_err err;

	if (!doc_number(doc_get(d, "backup"), 0, DOC_NUMBER_MAX, &version))
		return malformed(f, "the version");
	if (version != VERSION)
		return fault_set(f, COFFER_E_UNSUPPORTED, "a snapshot of version %llu; this coffer knows version %d",
				 (unsigned long long)version, VERSION);
	if (!doc_only(d, names, 9) || !time || !utc_parse(time, &s->time) || !host ||
	    !doc_hex(doc_get(d, "store"), s->store, sizeof(s->store)) ||
	    !doc_hex(doc_get(d, "mac"), s->mac, sizeof(s->mac)) ||
	    !doc_number(doc_get(d, "part_size"), LIMIT_BACKUP_PART_MIN, LIMIT_BACKUP_PART_MAX, &s->part_size) ||
	    !num_is_pow2(s->part_size))
		return malformed(f, "a member");
	(void)snprintf(s->host, sizeof(s->host), "%s", host);
	TRY(decode_roots(f, doc_get(d, "roots"), s));
	TRY(decode_files(f, doc_get(d, "files"), s));
	TRY(decode_private(f, doc_get(d, "private"), s));
	/* [B-10]: what the MAC is over */
	doc_remove(d, "mac");
	TRY(doc_canonical(f, d, &s->mac_text));
out:
	return err;
}

static coffer_err
set_id(struct fault *f, struct snapshot *s, struct view text)
{
	uint8_t hash[SHA256_LEN];
	coffer_err err = sha256(f, text, hash);

	memcpy(s->id, hash, sizeof(s->id));
	return err;
}

coffer_err
snapshot_decode(struct fault *f, struct view text, struct snapshot *out)
{
	struct buf again = BUF_INIT(LIMIT_BACKUP_SNAPSHOT);
	struct doc *d = NULL;
	coffer_err err;

	*out = (struct snapshot)SNAPSHOT_INIT;
	TRY(doc_parse(f, "the snapshot", text, &d));
	TRY(doc_canonical(f, d, &again));
	TRY(buf_str(f, &again, "\n"));
	/* [B-7] */
	if (again.len != text.len || memcmp(again.p, text.p, text.len) != 0)
		TRY(malformed(f, "the form"));
	TRY(decode_doc(f, d, out));
	TRY(set_id(f, out, text));
out:
	buf_free(&again);
	doc_free(&d);
	if (err)
		snapshot_free(out);
	return err;
}

/* ---- writing ---- */

static struct doc *
decimal(uint64_t v)
{
	char text[24];

	(void)snprintf(text, sizeof(text), "%llu", (unsigned long long)v);
	return doc_new_text(text);
}

static struct doc *
encode_parts(const struct backup_file *file)
{
	struct doc *d = doc_array();

	for (size_t i = 0; i < file->n_parts; i++)
		d = doc_add(d, doc_new_hex(file->parts[i], SHA256_LEN));
	return d;
}

static struct doc *
encode_file(const struct backup_file *file)
{
	struct doc *d = doc_object();

	d = doc_set(d, "path", doc_new_text(file->path));
	d = doc_set(d, "size", doc_new_number(file->size));
	d = doc_set(d, "mode", doc_new_number(file->mode));
	d = doc_set(d, "mtime", decimal(file->mtime_ns));
	d = doc_set(d, "ctime", decimal(file->ctime_ns));
	d = doc_set(d, "inode", decimal(file->inode));
	return doc_set(d, "parts", encode_parts(file));
}

static struct doc *
encode_roots(const struct snapshot *s)
{
	struct doc *d = doc_array();

	for (size_t i = 0; i < s->n_roots; i++) {
		struct doc *root = doc_object();

		root = doc_set(root, "name", doc_new_text(s->roots[i].name));
		d = doc_add(d, doc_set(root, "path", doc_new_text(s->roots[i].path)));
	}
	return d;
}

static struct doc *
encode_doc(const struct snapshot *s)
{
	struct doc *d = doc_object(), *files = doc_array(), *private_part = doc_object();
	char time[UTC_LEN + 1];

	for (size_t i = 0; i < s->n_files; i++)
		files = doc_add(files, encode_file(&s->files[i]));
	private_part = doc_set(private_part, "size", doc_new_number(s->private_part.size));
	private_part = doc_set(private_part, "parts", encode_parts(&s->private_part));
	d = doc_set(d, "backup", doc_new_number(VERSION));
	d = doc_set(d, "store", doc_new_hex(s->store, sizeof(s->store)));
	d = doc_set(d, "part_size", doc_new_number(s->part_size));
	d = doc_set(d, "time", doc_new_text(utc_text(s->time, time)));
	d = doc_set(d, "host", doc_new_text(s->host));
	d = doc_set(d, "roots", encode_roots(s));
	d = doc_set(d, "files", files);
	return doc_set(d, "private", private_part);
}

coffer_err
snapshot_encode(struct fault *f, struct snapshot *s, struct view key, struct buf *out)
{
	struct doc *d = encode_doc(s);
	size_t begin = out->len;
	coffer_err err;

	if (!d)
		return fault_nomem(f);
	buf_free(&s->mac_text);
	TRY(doc_canonical(f, d, &s->mac_text));
	TRY(hmac_sha256(f, key, buf_view(&s->mac_text), s->mac));
	d = doc_set(d, "mac", doc_new_hex(s->mac, sizeof(s->mac)));
	if (!d)
		TRY(fault_nomem(f));
	TRY(doc_canonical(f, d, out));
	TRY(buf_str(f, out, "\n"));
	TRY(set_id(f, s, view_of(out->p + begin, out->len - begin)));
out:
	doc_free(&d);
	return err;
}

coffer_err
snapshot_verify(struct fault *f, const struct snapshot *s, struct view key)
{
	uint8_t mac[SHA256_LEN];
	coffer_err err = hmac_sha256(f, key, buf_view(&s->mac_text), mac);

	if (err == COFFER_OK && !mem_equal(mac, s->mac, sizeof(mac)))
		err = fault_set(f, COFFER_E_AUTH, "the snapshot is not the one that its private part belongs to");
	return err;
}

/* ---- its name ---- */

void
snapshot_name(const struct snapshot *s, char out[static SNAPSHOT_NAME_LEN + 1])
{
	char time[UTC_LEN + 1], id[SNAPSHOT_ID_TEXT];

	enc_hex(s->id, sizeof(s->id), id);
	(void)utc_text(s->time, time);
	(void)snprintf(out, SNAPSHOT_NAME_LEN + 1, "%.4s%.2s%.2sT%.2s%.2s%.2sZ-%s.json", time, time + 5, time + 8,
		       time + 11, time + 14, time + 17, id);
}

bool
snapshot_name_parse(const char *name, int64_t *time_out, uint8_t id_out[static SNAPSHOT_ID_LEN])
{
	char time[UTC_LEN + 1];

	if (strlen(name) != SNAPSHOT_NAME_LEN || name[16] != '-' || strcmp(name + 49, ".json") != 0 ||
	    !dec_hex(name + 17, 32, id_out, SNAPSHOT_ID_LEN))
		return false;
	(void)snprintf(time, sizeof(time), "%.4s-%.2s-%.2s%c%.2s:%.2s:%.2s%c", name, name + 4, name + 6, name[8],
		       name + 9, name + 11, name + 13, name[15]);
	return utc_parse(time, time_out);
}
