/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small repository of The Update Framework with keys of its own, whose every part a test may set wrong.
 *
 * Its files are made apart from the code under test: the canonical form that is signed is written by hand.
 */
#ifndef TESTS_SUPPORT_TUF_REPO_H
#define TESTS_SUPPORT_TUF_REPO_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/enc.h"
#include "crypto/digest.h"
#include "crypto/pkey.h"

enum repo_key { K_ROOT_A, K_ROOT_B, K_ROOT_C, K_ONLINE, K_TARGETS_A, K_TARGETS_B, K_STRANGER, N_REPO_KEYS };
enum repo_role { R_ROOT, R_SNAPSHOT, R_TARGETS, R_TIMESTAMP, N_REPO_ROLES }; /* in order of their names */

#define BIT(key) (1u << (key))
#define FAR "2030-01-02T03:04:05Z"
#define TARGET "trusted_root.json"
#define TARGET_TEXT "{\"who\": \"to believe\"}\n"

struct repo_file {
	char path[256];
	struct buf text;
};

struct repo {
	/* what the next root says */
	struct {
		unsigned int keys, threshold;
	} roles[N_REPO_ROLES];
	unsigned int root_signers, root_version;
	const char *root_expires;
	const char *scheme; /* instead of that of a key */
	unsigned int twice; /* keys that stand there under a second name, too, which role and signatures name */
	bool consistent;
	unsigned int unknown; /* keys whose names the roles have, and which stand nowhere */

	/* of the other roles */
	struct {
		unsigned long long version;
		const char *expires, *type, *spec,
			*more; /* more: members for the meta or targets, canonical, with a comma in front */
		unsigned int signers;
	} of[N_REPO_ROLES];
	unsigned long long announced[N_REPO_ROLES]; /* in place of the version that it has */
	bool hashes;				    /* announce length and hashes of metadata, too */
	const char *target_entry;		    /* instead of the right one */
	const char *target_text;

	struct repo_file files[64];
	size_t n_files;
	unsigned int n_fetched;
	bool heeds_max;
};

static struct privkey *repo_keys[N_REPO_KEYS];
static struct buf repo_pem[N_REPO_KEYS];

static inline void
repo_need(bool truth)
{
	if (!truth)
		abort();
}

static inline const char *
repo_scheme(enum pkey_kind kind)
{
	return kind == PKEY_P256   ? "ecdsa-sha2-nistp256"
	       : kind == PKEY_P384 ? "ecdsa-sha2-nistp384"
	       : kind == PKEY_P521 ? "ecdsa-sha2-nistp521"
	       : kind == PKEY_RSA  ? "rsa-pkcs1v15-sha256"
				   : "ed25519";
}

/* what a root has as a key: PEM, or 32 bytes in hex of Ed25519 */
static inline void
repo_make_key(enum repo_key key, enum pkey_kind kind)
{
	struct buf der = BUF_INIT(4096);
	struct pubkey *public;
	char hex[65];

	repo_pem[key] = (struct buf)BUF_INIT(4096);
	repo_need(privkey_generate(NULL, kind, &repo_keys[key]) == COFFER_OK);
	repo_need(privkey_public(NULL, repo_keys[key], &public) == COFFER_OK);
	if (kind == PKEY_ED25519) {
		repo_need(pubkey_der(NULL, public, &der) == COFFER_OK && der.len == 44);
		enc_hex(der.p + 12, 32, hex);
		repo_need(buf_str(NULL, &repo_pem[key], hex) == COFFER_OK);
	} else {
		repo_need(pubkey_pem(NULL, public, &repo_pem[key]) == COFFER_OK);
	}
	buf_free(&der);
	pubkey_free(&public);
}

static inline void
repo_make_keys(void)
{
	static const enum pkey_kind kinds[N_REPO_KEYS] = {
		[K_ROOT_A] = PKEY_P256,	   [K_ROOT_B] = PKEY_P256,   [K_ROOT_C] = PKEY_ED25519, [K_ONLINE] = PKEY_P256,
		[K_TARGETS_A] = PKEY_P384, [K_TARGETS_B] = PKEY_RSA, [K_STRANGER] = PKEY_P256,
	};

	for (enum repo_key k = 0; k < N_REPO_KEYS; k++)
		repo_make_key(k, kinds[k]);
}

static inline void
repo_free_keys(void)
{
	for (enum repo_key k = 0; k < N_REPO_KEYS; k++) {
		privkey_free(&repo_keys[k]);
		buf_free(&repo_pem[k]);
	}
}

/* ---- files ---- */

static inline struct repo_file *
repo_find(struct repo *r, const char *path)
{
	for (size_t i = 0; i < r->n_files; i++)
		if (strcmp(r->files[i].path, path) == 0)
			return &r->files[i];
	return NULL;
}

/* a new empty file in place of what there is */
static inline struct buf *
repo_file(struct repo *r, const char *path)
{
	struct repo_file *file = repo_find(r, path);

	if (!file) {
		repo_need(r->n_files < sizeof(r->files) / sizeof(r->files[0]));
		file = &r->files[r->n_files++];
		(void)snprintf(file->path, sizeof(file->path), "%s", path);
	}
	buf_free(&file->text);
	file->text = (struct buf)BUF_INIT(8u << 20);
	return &file->text;
}

static inline void
repo_remove(struct repo *r, const char *path)
{
	struct repo_file *file = repo_find(r, path);

	repo_need(file != NULL);
	file->path[0] = '\0';
}

static inline void
repo_free(struct repo *r)
{
	for (size_t i = 0; i < r->n_files; i++)
		buf_free(&r->files[i].text);
	r->n_files = 0;
}

/* a tuf_options.fetch */
static inline coffer_err
repo_fetch(void *user, struct fault *f, const char *path, size_t max, struct buf *out)
{
	struct repo *r = user;
	const struct repo_file *file = repo_find(r, path);

	r->n_fetched++;
	if (!file)
		return fault_set(f, COFFER_E_NOTFOUND, "the test's mirror has no %s", path);
	if (r->heeds_max && file->text.len > max)
		return fault_set(f, COFFER_E_NET, "the test's mirror was told to stop after %zu bytes", max);
	return buf_add(f, out, file->text.p, file->text.len);
}

/* ---- metadata ---- */

/* the file of a signed part that is canonical: line ends, which JSON must escape, are all that differs */
static inline void
repo_write_signed(struct repo *r, const char *path, const struct buf *part, unsigned int signers, unsigned int twice)
{
	struct buf *out = repo_file(r, path);
	const char *comma = "";

	repo_need(buf_str(NULL, out, "{\n \"signatures\": [") == COFFER_OK);
	for (unsigned int i = 0; i < 2 * N_REPO_KEYS; i++) {
		enum repo_key k = i % N_REPO_KEYS;
		struct buf sig = BUF_INIT(4096);
		char hex[2 * 1024 + 1];

		if (!((i < N_REPO_KEYS ? signers : signers & twice) & BIT(k)))
			continue;
		repo_need(privkey_sign(NULL, repo_keys[k], pkey_digest(privkey_kind(repo_keys[k])), buf_view(part),
				       &sig) == COFFER_OK);
		enc_hex(sig.p, sig.len, hex);
		repo_need(buf_printf(NULL, out, "%s\n  {\"keyid\": \"key%u\", \"sig\": \"", comma, i) == COFFER_OK);
		repo_need(buf_str(NULL, out, hex) == COFFER_OK && buf_str(NULL, out, "\"}") == COFFER_OK);
		comma = ",";
		buf_free(&sig);
	}
	repo_need(buf_str(NULL, out, "],\n \"signed\": ") == COFFER_OK);
	for (size_t i = 0; i < part->len; i++)
		repo_need((part->p[i] == '\n' ? buf_str(NULL, out, "\\n") : buf_add(NULL, out, part->p + i, 1)) ==
			  COFFER_OK);
	repo_need(buf_str(NULL, out, "\n}\n") == COFFER_OK);
}

static const char *const repo_names[N_REPO_ROLES] = {"root", "snapshot", "targets", "timestamp"};

static inline void
repo_put_keys(struct repo *r, struct buf *b)
{
	const char *comma = "";

	for (unsigned int i = 0; i < 2 * N_REPO_KEYS; i++) {
		enum repo_key k = i % N_REPO_KEYS;
		enum pkey_kind kind = privkey_kind(repo_keys[k]);
		const char *type = kind == PKEY_ED25519 ? "ed25519" : kind == PKEY_RSA ? "rsa" : "ecdsa";

		if ((i >= N_REPO_KEYS && !(r->twice & BIT(k))) || (r->unknown & BIT(k)))
			continue;
		repo_need(buf_printf(NULL, b, "%s\"key%u\":{\"keytype\":\"%s\",\"keyval\":{\"public\":\"", comma, i,
				     type) == COFFER_OK);
		repo_need(buf_add(NULL, b, repo_pem[k].p, repo_pem[k].len) == COFFER_OK);
		repo_need(buf_printf(NULL, b, "\"},\"scheme\":\"%s\"}", r->scheme ? r->scheme : repo_scheme(kind)) ==
			  COFFER_OK);
		comma = ",";
	}
}

static inline void
repo_put_role(struct repo *r, struct buf *b, enum repo_role role)
{
	const char *comma = "";

	repo_need(buf_printf(NULL, b, "%s\"%s\":{\"keyids\":[", role > 0 ? "," : "", repo_names[role]) == COFFER_OK);
	for (unsigned int i = 0; i < 2 * N_REPO_KEYS; i++) {
		unsigned int keys = i < N_REPO_KEYS ? r->roles[role].keys : r->roles[role].keys & r->twice;

		if (!(keys & BIT(i % N_REPO_KEYS)))
			continue;
		repo_need(buf_printf(NULL, b, "%s\"key%u\"", comma, i) == COFFER_OK);
		comma = ",";
	}
	repo_need(buf_printf(NULL, b, "],\"threshold\":%u}", r->roles[role].threshold) == COFFER_OK);
}

/* N.root.json, as the repository is set now */
static inline void
repo_publish_root(struct repo *r)
{
	struct buf b = BUF_INIT(1 << 16);
	char path[32];

	repo_need(buf_printf(NULL, &b, "{\"_type\":\"root\",\"consistent_snapshot\":%s,\"expires\":\"%s\",\"keys\":{",
			     r->consistent ? "true" : "false", r->root_expires) == COFFER_OK);
	repo_put_keys(r, &b);
	repo_need(buf_str(NULL, &b, "},\"roles\":{") == COFFER_OK);
	for (enum repo_role role = 0; role < N_REPO_ROLES; role++)
		repo_put_role(r, &b, role);
	repo_need(buf_printf(NULL, &b, "},\"spec_version\":\"1.0.31\",\"version\":%u}", r->root_version) == COFFER_OK);
	(void)snprintf(path, sizeof(path), "%u.root.json", r->root_version);
	repo_write_signed(r, path, &b, r->root_signers, r->twice);
	buf_free(&b);
}

static inline void
repo_hex_of(enum digest_kind kind, const struct buf *text, char out[static 2 * DIGEST_MAX + 1])
{
	uint8_t hash[DIGEST_MAX];

	repo_need(digest_of(NULL, kind, buf_view(text), hash) == COFFER_OK);
	enc_hex(hash, digest_len(kind), out);
}

/* what the file of @role is announced by */
static inline void
repo_put_announced(struct repo *r, struct buf *b, enum repo_role role, const struct buf *text)
{
	char sha256[2 * DIGEST_MAX + 1], sha512[2 * DIGEST_MAX + 1];

	repo_need(buf_printf(NULL, b, "\"%s.json\":{", repo_names[role]) == COFFER_OK);
	if (r->hashes) {
		repo_hex_of(DIGEST_SHA256, text, sha256);
		repo_hex_of(DIGEST_SHA512, text, sha512);
		repo_need(buf_printf(NULL, b, "\"hashes\":{\"sha256\":\"%s\",\"sha512\":\"%s\"},\"length\":%zu,",
				     sha256, sha512, text->len) == COFFER_OK);
	}
	repo_need(buf_printf(NULL, b, "\"version\":%llu}",
			     r->announced[role] ? r->announced[role] : r->of[role].version) == COFFER_OK);
}

static inline void
repo_begin(struct repo *r, struct buf *b, enum repo_role role, const char *member)
{
	repo_need(buf_printf(NULL, b, "{\"_type\":\"%s\",\"expires\":\"%s\",\"%s\":{",
			     r->of[role].type ? r->of[role].type : repo_names[role], r->of[role].expires,
			     member) == COFFER_OK);
}

/* the end, and the file; returns its text */
static inline const struct buf *
repo_end(struct repo *r, struct buf *b, enum repo_role role, const char *rest)
{
	char path[64];

	repo_need(buf_printf(NULL, b, "%s},\"spec_version\":\"%s\"%s,\"version\":%llu}",
			     r->of[role].more ? r->of[role].more : "", r->of[role].spec ? r->of[role].spec : "1.0",
			     rest, r->of[role].version) == COFFER_OK);
	if (r->consistent && role != R_TIMESTAMP)
		(void)snprintf(path, sizeof(path), "%llu.%s.json",
			       r->announced[role] ? r->announced[role] : r->of[role].version, repo_names[role]);
	else
		(void)snprintf(path, sizeof(path), "%s.json", repo_names[role]);
	repo_write_signed(r, path, b, r->of[role].signers, 0);
	buf_free(b);
	return &repo_find(r, path)->text;
}

/* the target itself, and what targets.json says about it */
static inline void
repo_publish_target(struct repo *r, char *entry, size_t cap)
{
	char sha256[2 * DIGEST_MAX + 1], path[256];
	struct buf *text = repo_file(r, "unnamed");

	repo_need(buf_str(NULL, text, r->target_text) == COFFER_OK);
	repo_hex_of(DIGEST_SHA256, text, sha256);
	(void)snprintf(path, sizeof(path), "targets/%s%s" TARGET, r->consistent ? sha256 : "",
		       r->consistent ? "." : "");
	repo_need(buf_str(NULL, repo_file(r, path), r->target_text) == COFFER_OK);
	(void)snprintf(entry, cap, "\"" TARGET "\":{\"hashes\":{\"sha256\":\"%s\"},\"length\":%zu}", sha256,
		       strlen(r->target_text));
}

static inline const struct buf *
repo_publish_targets(struct repo *r)
{
	struct buf b = BUF_INIT(1 << 16);
	char entry[512], rest[600];

	repo_publish_target(r, entry, sizeof(entry));
	(void)snprintf(rest, sizeof(rest), ",\"targets\":{%s}", r->target_entry ? r->target_entry : entry);
	repo_begin(r, &b, R_TARGETS, "extra");
	return repo_end(r, &b, R_TARGETS, rest);
}

/* all but the roots, as the repository is set now */
static inline void
repo_publish(struct repo *r)
{
	struct buf b = BUF_INIT(1 << 16);
	const struct buf *text = repo_publish_targets(r);

	repo_begin(r, &b, R_SNAPSHOT, "meta");
	repo_put_announced(r, &b, R_TARGETS, text);
	text = repo_end(r, &b, R_SNAPSHOT, "");
	repo_begin(r, &b, R_TIMESTAMP, "meta");
	repo_put_announced(r, &b, R_SNAPSHOT, text);
	(void)repo_end(r, &b, R_TIMESTAMP, "");
}

/* a sound repository, with root 1 */
static inline void
repo_init(struct repo *r)
{
	*r = (struct repo){
		.roles = {[R_ROOT] = {BIT(K_ROOT_A) | BIT(K_ROOT_B) | BIT(K_ROOT_C), 2},
			  [R_SNAPSHOT] = {BIT(K_ONLINE), 1},
			  [R_TARGETS] = {BIT(K_TARGETS_A) | BIT(K_TARGETS_B), 2},
			  [R_TIMESTAMP] = {BIT(K_ONLINE), 1}},
		.root_signers = BIT(K_ROOT_A) | BIT(K_ROOT_C),
		.root_version = 1,
		.root_expires = FAR,
		.consistent = true,
		.of = {[R_SNAPSHOT] = {.version = 5, .expires = FAR, .signers = BIT(K_ONLINE)},
		       [R_TARGETS] = {.version = 3, .expires = FAR, .signers = BIT(K_TARGETS_A) | BIT(K_TARGETS_B)},
		       [R_TIMESTAMP] = {.version = 10, .expires = FAR, .signers = BIT(K_ONLINE)}},
		.hashes = true,
		.target_text = TARGET_TEXT,
	};
	repo_publish_root(r);
	repo_publish(r);
}

#endif
