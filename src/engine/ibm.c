/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The .enc files of IBM's model-encryption: each is read twice, once for its HMAC and once to be deciphered.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <coffer/legacy.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/num.h"
#include "base/path.h"
#include "base/tree.h"
#include "crypto/aes_stream.h"
#include "crypto/mac.h"
#include "engine/ctx.h"
#include "engine/key_use.h"
#include "key/keyfile.h"

#define SUFFIX_LEN 4 /* «.enc» */
#define HEAD_LEN (AES_BLOCK + SHA256_LEN)
#define CHUNK ((size_t)1 << 20)

enum state { WAITING, OPENED, REFUSED };

struct entry {
	char *path; /* beneath the folder, with the suffix */
	uint64_t size;
	uint64_t plain_size;
	enum state state;
};

struct ibm_run {
	struct coffer_ctx *ctx;
	const char *shown; /* the folder */
	int dirfd;
	struct view key;
	struct entry *entries;
	size_t n, cap;
	uint64_t n_foreign;
	struct progress progress;
};

/* One file at work. */
struct work {
	struct ibm_run *r;
	struct entry *e;
	struct pool_worker *w;
	char *shown;	     /* of the .enc */
	int fd;		     /* of the .enc */
	int dirfd;	     /* its folder */
	int there;	     /* a plain file that is there already, or -1 and then: */
	struct newfile made; /* the one that becomes it */
	struct aes_stream *cipher;
	struct mac *mac;
};

/* ---- which files ---- */

static bool
has_suffix(const char *name)
{
	size_t len = strlen(name);

	return len > SUFFIX_LEN && strcmp(name + len - SUFFIX_LEN, ".enc") == 0;
}

/* The padding is never empty, so there is a block at least. */
static bool
has_shape(uint64_t size)
{
	return size >= HEAD_LEN + AES_BLOCK && size <= LIMIT_SIZE && (size - HEAD_LEN) % AES_BLOCK == 0;
}

static coffer_err
add_entry(struct fault *f, struct ibm_run *r, const char *path, uint64_t size)
{
	struct entry *entries;

	if (!has_shape(size)) {
		r->n_foreign++;
		return COFFER_OK;
	}
	if (r->n == LIMIT_FILES)
		return fault_set(f, COFFER_E_USAGE, "%s has more than %u files", r->shown, LIMIT_FILES);
	if (r->n == r->cap) {
		r->cap = r->cap ? 2 * r->cap : 64;
		entries = realloc(r->entries, r->cap * sizeof(*entries));
		if (!entries)
			return fault_nomem(f);
		r->entries = entries;
	}
	r->entries[r->n] = (struct entry){.path = strdup(path), .size = size};
	return r->entries[r->n++].path ? COFFER_OK : fault_nomem(f);
}

static bool
leave_out(void *arg, const char *path, const char *name)
{
	(void)arg;
	(void)path;
	return name[0] == '.';
}

static coffer_err
visit(void *arg, struct fault *f, const struct tree_entry *e)
{
	struct ibm_run *r = arg;
	struct stat st;

	if (e->type != DT_REG || !has_suffix(e->name))
		return COFFER_OK;
	if (fstatat(e->dirfd, e->name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return fault_errno(f, errno, "cannot read %s/%s", r->shown, e->path);
	return add_entry(f, r, e->path, (uint64_t)st.st_size);
}

static coffer_err
find_in_folder(struct fault *f, struct ibm_run *r)
{
	const struct tree_visitor visitor = {.entry = visit, .leave_out = leave_out, .arg = r};

	return tree_walk(f, r->dirfd, r->shown, &visitor);
}

/* The folder that is at @path, or the one that holds the file at @path; @folder_out is its name, to be freed. */
static coffer_err
find(struct fault *f, struct ibm_run *r, const char *path, char **folder_out)
{
	const char *slash = strrchr(path, '/');
	size_t len = strlen(path);
	struct stat st;

	if (stat(path, &st) != 0)
		return fault_errno(f, errno, "cannot open %s", path);
	while (len > 1 && path[len - 1] == '/')
		len--;
	if (S_ISDIR(st.st_mode))
		*folder_out = strndup(path, len);
	else
		*folder_out = slash ? strndup(path, (size_t)(slash - path) + (slash == path)) : strdup(".");
	if (!*folder_out)
		return fault_nomem(f);
	r->shown = *folder_out;
	r->dirfd = open(*folder_out, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (r->dirfd < 0)
		return fault_errno(f, errno, "cannot open the folder %s", *folder_out);
	if (S_ISDIR(st.st_mode))
		return find_in_folder(f, r);
	if (!S_ISREG(st.st_mode) || !has_suffix(path))
		return fault_set(f, COFFER_E_USAGE, "%s is no file called NAME.enc; IBM's encrypted files are", path);
	return add_entry(f, r, path_base(path), (uint64_t)st.st_size);
}

/* ---- one file ---- */

/*
 * Calls @take, unless NULL, with each piece of ciphertext in order, and says whether the HMAC of all that was read holds.
 */
static coffer_err
read_through(struct fault *f, struct work *k, coffer_err (*take)(struct fault *, struct work *, uint64_t, size_t),
	     bool *holds_out)
{
	uint8_t head[HEAD_LEN], tag[SHA256_LEN];
	uint64_t off = HEAD_LEN;
	coffer_err err;

	*holds_out = false;
	TRY(file_read_at(f, k->fd, k->shown, head, sizeof(head), 0));
	mac_free(&k->mac);
	aes_stream_free(&k->cipher);
	TRY(mac_new(f, k->r->key, &k->mac));
	TRY(mac_update(f, k->mac, head, AES_BLOCK));
	TRY(aes_stream_new(f, AES_CFB, AES_DECIPHER, k->r->key.p, head, &k->cipher));
	while (off < k->e->size) {
		size_t len = (size_t)num_min(k->e->size - off, CHUNK);

		TRY(ctx_check_cancelled(f, k->r->ctx));
		TRY(file_read_at(f, k->fd, k->shown, k->w->scratch, len, off));
		TRY(mac_update(f, k->mac, k->w->scratch, len));
		if (take)
			TRY(take(f, k, off - HEAD_LEN, len));
		off += len;
		progress_add(&k->r->progress, len);
	}
	TRY(mac_final(f, k->mac, tag));
	*holds_out = mem_equal(tag, head + AES_BLOCK, sizeof(tag));
out:
	return err;
}

/* PKCS #7: the last byte says how many, and each of them does */
static bool
is_padded(const uint8_t *end, uint8_t *pad_out)
{
	uint8_t pad = end[-1], differ = 0;

	if (pad < 1 || pad > AES_BLOCK)
		return false;
	for (int i = 1; i <= pad; i++)
		differ |= end[-i] ^ pad;
	*pad_out = pad;
	return differ == 0;
}

static coffer_err
in_the_way(struct fault *f, const struct work *k)
{
	return fault_set(f, COFFER_E_EXISTS,
			 "%s opens to another file than the one that lies beside it; move one of the two away",
			 k->shown);
}

static coffer_err
compare(struct fault *f, const struct work *k, const uint8_t *plain, uint64_t off, size_t len)
{
	uint8_t there[4096];
	coffer_err err = COFFER_OK;

	while (len > 0) {
		size_t n = (size_t)num_min(len, sizeof(there));

		err = file_read_at(f, k->there, k->shown, there, n, off);
		if (err == COFFER_E_CHANGED || (err == COFFER_OK && memcmp(there, plain, n) != 0))
			err = in_the_way(f, k); /* shorter, or another */
		if (err)
			goto out;
		plain += n;
		off += n;
		len -= n;
	}
out:
	return err;
}

/* Decipher the piece in scratch and put it into the new file, or compare it with the one that is there. */
static coffer_err
decipher(struct fault *f, struct work *k, uint64_t off, size_t len)
{
	uint8_t *plain = k->w->scratch, pad = 0;
	coffer_err err;

	TRY(aes_stream_update(f, k->cipher, plain, plain, len));
	if (off + len == k->e->size - HEAD_LEN) {
		if (!is_padded(plain + len, &pad))
			TRY(fault_set(f, COFFER_E_FORMAT,
				      "%s is authentic under the key and has no PKCS #7 padding: another program made "
				      "it",
				      k->shown));
		k->e->plain_size = off + len - pad;
	}
	if (k->there >= 0)
		TRY(compare(f, k, plain, off, len - pad));
	else
		TRY(file_write_at(f, k->made.fd, k->made.shown, plain, len - pad, off));
out:
	return err;
}

/* Where the plaintext goes: a file that is there is from an interrupted call, or it is in the way. */
static coffer_err
choose_output(struct fault *f, struct work *k, mode_t mode)
{
	char *name = strdup(path_base(k->e->path)), *shown = strndup(k->shown, strlen(k->shown) - SUFFIX_LEN);
	struct stat st;
	coffer_err err;

	if (!name || !shown)
		TRY(fault_nomem(f));
	name[strlen(name) - SUFFIX_LEN] = '\0';
	k->there = openat(k->dirfd, name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | O_NOFOLLOW);
	if (k->there >= 0 && (fstat(k->there, &st) != 0 || !S_ISREG(st.st_mode)))
		TRY(fault_set(f, COFFER_E_EXISTS, "%s is in the way of what %s opens to; move it away", shown,
			      k->shown));
	err = COFFER_OK;
	if (k->there < 0)
		TRY(newfile_open_at(f, &k->made, k->dirfd, name, shown, mode & 0777, false));
out:
	free(name);
	free(shown);
	return err;
}

static coffer_err
finish(struct fault *f, struct work *k)
{
	struct stat st;
	coffer_err err = COFFER_OK;

	if (k->there < 0)
		TRY(newfile_commit(f, &k->made));
	else if (fstat(k->there, &st) != 0 || (uint64_t)st.st_size != k->e->plain_size)
		TRY(in_the_way(f, k));
	/* what is there may not be durable: only its name was seen */
	else if (fsync(k->there) != 0)
		TRY(fault_errno(f, errno, "cannot make what %s opens to durable", k->shown));
	if (unlinkat(k->dirfd, path_base(k->e->path), 0) != 0)
		TRY(fault_errno(f, errno, "opened, but cannot remove %s", k->shown));
	TRY(file_sync_dir(f, k->dirfd, k->shown));
out:
	return err;
}

static coffer_err
open_entry(struct fault *f, struct work *k)
{
	struct stat st;
	bool holds;
	coffer_err err;

	TRY(path_open(f, k->r->dirfd, k->r->shown, k->e->path, PATH_NO_LINKS, &k->fd));
	TRY(path_parent(f, k->r->dirfd, k->r->shown, k->e->path, false, &k->dirfd));
	if (fstat(k->fd, &st) != 0 || !S_ISREG(st.st_mode) || (uint64_t)st.st_size != k->e->size)
		TRY(fault_set(f, COFFER_E_CHANGED, "%s changed while it was looked at; run it again", k->shown));
	TRY(read_through(f, k, NULL, &holds));
	if (!holds) {
		k->e->state = REFUSED;
		goto out;
	}
	TRY(choose_output(f, k, st.st_mode));
	TRY(read_through(f, k, decipher, &holds));
	if (!holds)
		TRY(fault_set(f, COFFER_E_CHANGED, "%s changed while it was read; stop what writes it", k->shown));
	TRY(finish(f, k));
	k->e->state = OPENED;
out:
	return err;
}

static coffer_err
open_one(void *arg, uint64_t item, struct pool_worker *w)
{
	struct ibm_run *r = arg;
	struct work k = {
		.r = r, .e = &r->entries[item], .w = w, .fd = -1, .dirfd = -1, .there = -1, .made = NEWFILE_INIT};
	coffer_err err;

	if (asprintf(&k.shown, "%s/%s", r->shown, k.e->path) < 0) {
		k.shown = NULL;
		return fault_nomem(&w->fault);
	}
	err = open_entry(&w->fault, &k);
	newfile_abort(&k.made);
	file_close(&k.there);
	file_close(&k.dirfd);
	file_close(&k.fd);
	mac_free(&k.mac);
	aes_stream_free(&k.cipher);
	free(k.shown);
	return err;
}

/* ---- the verb ---- */

static coffer_err
open_all(struct fault *f, struct ibm_run *r)
{
	struct pool *pool;
	uint64_t total = 0;
	coffer_err err;

	for (size_t i = 0; i < r->n; i++)
		(void)num_add(total, 2 * (r->entries[i].size - HEAD_LEN), &total);
	progress_begin(&r->progress, r->ctx, total);
	TRY(ctx_pool(f, r->ctx, &pool));
	TRY(pool_run(f, pool, ctx_jobs(r->ctx), CHUNK, open_one, r, r->n));
out:
	progress_end(&r->progress);
	return err;
}

/* Which file was refused first, in the order of the folder. */
static coffer_err
sum_up(struct fault *f, const struct ibm_run *r, const char *key_file, struct coffer_ibm_stats *stats)
{
	const struct entry *first = NULL;

	stats->n_foreign = r->n_foreign;
	for (size_t i = 0; i < r->n; i++) {
		if (r->entries[i].state == OPENED) {
			stats->n_files++;
			stats->bytes += r->entries[i].plain_size;
		} else if (r->entries[i].state == REFUSED) {
			first = first ? first : &r->entries[i];
			stats->n_refused++;
		}
	}
	if (!first)
		return COFFER_OK;
	if (stats->n_files == 0)
		return fault_set(f, COFFER_E_AUTH,
				 "%s/%s does not open with %s%s: that is the key of another model, or the file was "
				 "changed, or IBM's program did not make it; it is left as it was",
				 r->shown, first->path, key_file,
				 stats->n_refused > 1 ? ", and no other .enc does" : "");
	return fault_set(f, COFFER_E_AUTH,
			 "%llu of %llu .enc files do not open with %s, as %s/%s: changed, or not made by IBM's "
			 "program; they are left as they were, the others are open",
			 (unsigned long long)stats->n_refused, (unsigned long long)r->n, key_file, r->shown,
			 first->path);
}

static void
tell_of_foreign(const struct ibm_run *r)
{
	if (r->n_foreign > 0)
		ctx_notice(r->ctx, "left alone: %llu file%s called .enc in %s that cannot be IBM's, by %s size",
			   (unsigned long long)r->n_foreign, r->n_foreign == 1 ? "" : "s", r->shown,
			   r->n_foreign == 1 ? "its" : "their");
}

coffer_err
coffer_ibm_open(struct coffer_ctx *ctx, const char *path, const char *key_file, struct coffer_ibm_stats *stats_out)
{
	struct fault *f = ctx_begin(ctx);
	struct ibm_run r = {.ctx = ctx, .dirfd = -1};
	struct coffer_ibm_stats stats = {0};
	const struct key_use use = {.ctx = ctx, .path = path};
	struct keyfile key = KEYFILE_INIT;
	uint64_t start = now_ns();
	char *folder = NULL;
	coffer_err err;

	TRY(keyfile_read(f, key_file, &key));
	if (key.info.kind != COFFER_KEY_AES)
		TRY(fault_set(f, COFFER_E_KEY, "%s is a key pair; IBM's files open with 32 raw bytes", key_file));
	r.key = view_of(key.secret.p, key.secret.len);
	TRY(find(f, &r, path, &folder));
	tell_of_foreign(&r);
	TRY(key_use_file(f, &use, KEY_TO_OPEN, &key.info));
	TRY(open_all(f, &r));
	TRY(sum_up(f, &r, key_file, &stats));
out:
	stats.seconds = (double)(now_ns() - start) / 1e9;
	if (stats_out)
		*stats_out = stats;
	for (size_t i = 0; i < r.n; i++)
		free(r.entries[i].path);
	free(r.entries);
	free(folder);
	file_close(&r.dirfd);
	keyfile_free(&key);
	return err;
}
