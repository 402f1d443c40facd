/* SPDX-License-Identifier: Apache-2.0 */
#include "sign/tuf_file.h"

#include <string.h>

#include "base/enc.h"
#include "base/utc.h"
#include "crypto/pkey.h"
#include "mem/secret.h"

static const struct {
	const char *name;
	const char *file;
	size_t limit;
} roles[N_TUF_ROLES] = {
	[TUF_ROOT] = {"root", "root.json", LIMIT_TUF_ROOT},
	[TUF_TIMESTAMP] = {"timestamp", "timestamp.json", LIMIT_TUF_TIMESTAMP},
	[TUF_SNAPSHOT] = {"snapshot", "snapshot.json", LIMIT_TUF_SNAPSHOT},
	[TUF_TARGETS] = {"targets", "targets.json", LIMIT_TUF_TARGETS},
};

static const struct {
	const char *name;
	enum digest_kind kind;
} hashes[N_TUF_HASHES] = {{"sha256", DIGEST_SHA256}, {"sha512", DIGEST_SHA512}};

const char *
tuf_role_file(enum tuf_role role)
{
	return roles[role].file;
}

size_t
tuf_role_limit(enum tuf_role role)
{
	return roles[role].limit;
}

static const struct doc *
signed_part(const struct tuf_file *file)
{
	return doc_get(file->doc, "signed");
}

/* ---- what is listed ---- */

static bool
read_hashes(const struct doc *d, struct tuf_listed *out)
{
	if (d && !doc_is_object(d))
		return false;
	for (size_t i = 0; i < N_TUF_HASHES; i++) {
		const struct doc *hash = doc_get(d, hashes[i].name);

		out->has_hash[i] = hash;
		if (hash && !doc_hex(hash, out->hash[i], digest_len(hashes[i].kind)))
			return false;
	}
	return true;
}

static bool
read_listed(const struct doc *d, struct tuf_listed *out)
{
	const struct doc *length = doc_get(d, "length");

	*out = (struct tuf_listed){.has_length = length};
	if (length && !doc_number(length, 0, DOC_NUMBER_MAX, &out->length))
		return false;
	return doc_is_object(d) && read_hashes(doc_get(d, "hashes"), out);
}

/* A metadata file has a version, and may go without length and hashes. */
static bool
read_meta(const struct doc *d, struct tuf_listed *out)
{
	return read_listed(d, out) && doc_number(doc_get(d, "version"), 1, DOC_NUMBER_MAX, &out->version);
}

/* A target has no version: its length and a hash that we know are all that holds it. */
static bool
read_target(const struct doc *d, struct tuf_listed *out)
{
	return read_listed(d, out) && out->has_length && (out->has_hash[0] || out->has_hash[1]);
}

bool
tuf_file_lists(const struct tuf_file *file, const char *name, struct tuf_listed *out)
{
	return read_meta(doc_get(doc_get(signed_part(file), "meta"), name), out);
}

struct each {
	coffer_err (*fn)(void *arg, const char *name, const struct tuf_listed *listed);
	void *arg;
};

static coffer_err
each_member(void *arg, const char *name, const struct doc *value)
{
	const struct each *each = arg;
	struct tuf_listed listed;

	if (!read_meta(value, &listed))
		return COFFER_E_FORMAT;
	return each->fn(each->arg, name, &listed);
}

coffer_err
tuf_file_each(const struct tuf_file *file,
	      coffer_err (*fn)(void *arg, const char *name, const struct tuf_listed *listed), void *arg)
{
	struct each each = {.fn = fn, .arg = arg};

	return doc_each(doc_get(signed_part(file), "meta"), each_member, &each);
}

coffer_err
tuf_file_target(struct fault *f, const struct tuf_file *file, const char *name, struct tuf_listed *out)
{
	const struct doc *d = doc_get(doc_get(signed_part(file), "targets"), name);

	if (!d)
		return fault_set(f, COFFER_E_NOTFOUND, "targets.json, version %llu, has no %s",
				 (unsigned long long)file->version, name);
	if (!read_target(d, out))
		return fault_set(f, COFFER_E_FORMAT, "targets.json, version %llu, gives no length and SHA-2 of %s",
				 (unsigned long long)file->version, name);
	return COFFER_OK;
}

void
tuf_listed_hash(const struct tuf_listed *listed, size_t index, char out[static 2 * DIGEST_MAX + 1])
{
	enc_hex(listed->hash[index], digest_len(hashes[index].kind), out);
}

coffer_err
tuf_listed_check(struct fault *f, const char *what, const struct tuf_listed *listed, struct view bytes)
{
	uint8_t hash[DIGEST_MAX];
	coffer_err err = COFFER_OK;

	if (listed->has_length && bytes.len != listed->length)
		return fault_set(f, COFFER_E_AUTH, "%s has %zu bytes; %llu were announced", what, bytes.len,
				 (unsigned long long)listed->length);
	for (size_t i = 0; i < N_TUF_HASHES; i++) {
		if (!listed->has_hash[i])
			continue;
		TRY(digest_of(f, hashes[i].kind, bytes, hash));
		if (!mem_equal(hash, listed->hash[i], digest_len(hashes[i].kind)))
			return fault_set(f, COFFER_E_AUTH, "%s is not the file that was announced: its %s is another",
					 what, hashes[i].name);
	}
out:
	return err;
}

/* ---- form ---- */

static coffer_err
malformed(struct fault *f, const char *what, const char *member)
{
	return fault_set(f, COFFER_E_FORMAT, "%s is malformed at «%s»", what, member);
}

/* 4.2.1: the version of the specification is 1.MINOR or 1.MINOR.FIX */
static coffer_err
check_spec_version(struct fault *f, const char *what, const struct doc *part)
{
	const char *version = doc_text(doc_get(part, "spec_version"), 1, 32);

	if (!version)
		return malformed(f, what, "spec_version");
	if (strncmp(version, "1.", 2) != 0)
		return fault_set(f, COFFER_E_UNSUPPORTED,
				 "%s is of version %s of The Update Framework; this program knows 1", what, version);
	return COFFER_OK;
}

static coffer_err
read_common(struct fault *f, const char *what, struct tuf_file *file)
{
	const struct doc *part = signed_part(file);
	const char *type = doc_text(doc_get(part, "_type"), 1, 32);
	const char *expires = doc_text(doc_get(part, "expires"), UTC_LEN, UTC_LEN);
	coffer_err err;

	if (!type || strcmp(type, roles[file->role].name) != 0)
		return fault_set(f, COFFER_E_FORMAT, "%s is no metadata of the role %s", what, roles[file->role].name);
	TRY(check_spec_version(f, what, part));
	if (!doc_number(doc_get(part, "version"), 1, DOC_NUMBER_MAX, &file->version))
		return malformed(f, what, "version");
	if (!expires || !utc_parse(expires, &file->expires))
		return malformed(f, what, "expires");
out:
	return err;
}

static bool
is_signatures(const struct doc *list)
{
	if (!doc_is_array(list))
		return false;
	for (size_t i = 0; i < doc_size(list); i++) {
		const struct doc *one = doc_at(list, i);

		if (!doc_text(doc_get(one, "keyid"), 1, 128) ||
		    !doc_text(doc_get(one, "sig"), 0, (size_t)2 * LIMIT_TUF_SIGNATURE))
			return false;
	}
	return true;
}

static bool
is_role(const struct doc *role)
{
	const struct doc *ids = doc_get(role, "keyids");
	uint64_t threshold;

	if (!doc_is_array(ids) || doc_size(ids) > LIMIT_TUF_KEYS ||
	    !doc_number(doc_get(role, "threshold"), 1, LIMIT_TUF_KEYS, &threshold))
		return false;
	for (size_t i = 0; i < doc_size(ids); i++)
		if (!doc_text(doc_at(ids, i), 1, 128))
			return false;
	return true;
}

static coffer_err
read_root(struct fault *f, const char *what, struct tuf_file *file)
{
	const struct doc *part = signed_part(file), *consistent = doc_get(part, "consistent_snapshot");

	if (!doc_is_object(doc_get(part, "keys")))
		return malformed(f, what, "keys");
	for (size_t i = 0; i < N_TUF_ROLES; i++)
		if (!is_role(doc_get(doc_get(part, "roles"), roles[i].name)))
			return malformed(f, what, "roles");
	file->consistent_snapshot = false;
	if (consistent && !doc_bool(consistent, &file->consistent_snapshot))
		return malformed(f, what, "consistent_snapshot");
	return COFFER_OK;
}

static coffer_err
accept(void *arg, const char *name, const struct tuf_listed *listed)
{
	(void)arg;
	(void)name;
	(void)listed;
	return COFFER_OK;
}

/* Every entry is read now, so that later on none can be malformed. */
static coffer_err
read_list(struct fault *f, const char *what, const struct tuf_file *file, enum tuf_role below)
{
	struct tuf_listed listed;
	coffer_err err = tuf_file_each(file, accept, NULL);

	if (err == COFFER_E_NOMEM)
		return fault_nomem(f);
	if (err != COFFER_OK || !doc_is_object(doc_get(signed_part(file), "meta")))
		return malformed(f, what, "meta");
	if (!tuf_file_lists(file, roles[below].file, &listed))
		return fault_set(f, COFFER_E_FORMAT, "%s says nothing about %s", what, roles[below].file);
	return COFFER_OK;
}

coffer_err
tuf_file_read(struct fault *f, const char *what, enum tuf_role role, struct tuf_file *file)
{
	coffer_err err;

	doc_free(&file->doc);
	file->role = role;
	TRY(doc_parse_foreign(f, what, buf_view(&file->bytes), &file->doc));
	if (!is_signatures(doc_get(file->doc, "signatures")))
		return malformed(f, what, "signatures");
	TRY(read_common(f, what, file));
	switch (role) {
	case TUF_ROOT:
		return read_root(f, what, file);
	case TUF_TIMESTAMP:
		return read_list(f, what, file, TUF_SNAPSHOT);
	case TUF_SNAPSHOT:
		return read_list(f, what, file, TUF_TARGETS);
	case TUF_TARGETS:
		return doc_is_object(doc_get(signed_part(file), "targets")) ? COFFER_OK : malformed(f, what, "targets");
	}
out:
	return err;
}

void
tuf_file_free(struct tuf_file *file)
{
	doc_free(&file->doc);
	buf_free(&file->bytes);
	*file = (struct tuf_file)TUF_FILE_INIT;
}

/* ---- signatures ---- */

/* «ecdsa» alone leaves the hash to the curve; what the others say about the key must be so. */
static const struct {
	const char *scheme;
	enum pkey_kind from, to;
} schemes[] = {
	{"ecdsa-sha2-nistp256", PKEY_P256, PKEY_P256}, {"ecdsa-sha2-nistp384", PKEY_P384, PKEY_P384},
	{"ecdsa-sha2-nistp521", PKEY_P521, PKEY_P521}, {"ecdsa", PKEY_P256, PKEY_P521},
	{"ed25519", PKEY_ED25519, PKEY_ED25519},       {"rsa-pkcs1v15-sha256", PKEY_RSA, PKEY_RSA},
};

static bool
scheme_fits(const char *scheme, enum pkey_kind kind)
{
	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++)
		if (strcmp(schemes[i].scheme, scheme) == 0)
			return kind >= schemes[i].from && kind <= schemes[i].to;
	return false;
}

/* An Ed25519 key is 32 bytes in hex (4.2.3.2); RFC 8410 puts this in front of them. */
static coffer_err
read_ed25519(struct view hex, struct pubkey **out)
{
	uint8_t der[12 + 32] = {0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00};

	if (!dec_hex((const char *)hex.p, hex.len, der + 12, 32))
		return COFFER_E_KEY;
	return pubkey_from_der(NULL, "the key", view_of(der, sizeof(der)), out);
}

/* COFFER_E_KEY, without a sentence, for a key that cannot be used; COFFER_E_NOMEM */
static coffer_err
read_key(const struct doc *key, struct pubkey **out)
{
	const char *scheme = doc_text(doc_get(key, "scheme"), 1, 64);
	struct view public;
	coffer_err err;

	*out = NULL;
	if (!scheme || !doc_string(doc_get(doc_get(key, "keyval"), "public"), &public))
		return COFFER_E_KEY;
	err = strcmp(scheme, "ed25519") == 0 ? read_ed25519(public, out)
					     : pubkey_from_pem(NULL, "the key", public, out);
	if (err == COFFER_OK && !scheme_fits(scheme, pubkey_kind(*out))) {
		pubkey_free(out);
		err = COFFER_E_KEY;
	}
	return err == COFFER_OK || err == COFFER_E_NOMEM ? err : COFFER_E_KEY;
}

/* The signature under @keyid into @out; false when there is none, or an empty one, as of a signer who has not come yet. */
static bool
find_signature(const struct tuf_file *file, const char *keyid, uint8_t out[static LIMIT_TUF_SIGNATURE], size_t *len_out)
{
	const struct doc *list = doc_get(file->doc, "signatures");

	for (size_t i = 0; i < doc_size(list); i++) {
		const struct doc *one = doc_at(list, i);
		const char *sig = doc_text(doc_get(one, "sig"), 2, (size_t)2 * LIMIT_TUF_SIGNATURE);

		if (!sig || strcmp(doc_text(doc_get(one, "keyid"), 1, 128), keyid) != 0)
			continue;
		*len_out = strlen(sig) / 2;
		return dec_hex(sig, strlen(sig), out, *len_out);
	}
	return false;
}

/* The keys that signed, each once. */
struct signers {
	struct pubkey *keys[LIMIT_TUF_KEYS];
	size_t n;
};

static bool
has_signed(const struct signers *s, const struct pubkey *key)
{
	for (size_t i = 0; i < s->n; i++)
		if (pubkey_equal(s->keys[i], key))
			return true;
	return false;
}

static coffer_err
count_key(struct fault *f, const struct tuf_file *root, const struct tuf_file *file, const char *keyid,
	  struct view message, struct signers *s)
{
	uint8_t sig[LIMIT_TUF_SIGNATURE];
	struct pubkey *key = NULL;
	size_t sig_len;
	coffer_err err;

	if (!find_signature(file, keyid, sig, &sig_len))
		return COFFER_OK;
	TRY(read_key(doc_get(doc_get(signed_part(root), "keys"), keyid), &key));
	TRY(pubkey_verify(NULL, key, pkey_digest(pubkey_kind(key)), message, view_of(sig, sig_len)));
	if (!has_signed(s, key)) {
		s->keys[s->n++] = key;
		key = NULL;
	}
out:
	pubkey_free(&key);
	/* a key that did not sign is no error, it is one less */
	return err == COFFER_E_NOMEM ? fault_nomem(f) : COFFER_OK;
}

coffer_err
tuf_file_verify(struct fault *f, const char *what, const struct tuf_file *root, const struct tuf_file *file)
{
	const struct doc *role = doc_get(doc_get(signed_part(root), "roles"), roles[file->role].name);
	const struct doc *ids = doc_get(role, "keyids");
	struct buf message = BUF_INIT((size_t)2 * LIMIT_TUF_TARGETS);
	struct signers s = {.n = 0};
	uint64_t threshold = UINT64_MAX;
	coffer_err err;

	(void)doc_number(doc_get(role, "threshold"), 1, LIMIT_TUF_KEYS, &threshold);
	TRY(doc_olpc(f, signed_part(file), &message));
	for (size_t i = 0; i < doc_size(ids); i++)
		TRY(count_key(f, root, file, doc_text(doc_at(ids, i), 1, 128), buf_view(&message), &s));
	if (s.n < threshold)
		err = fault_set(
			f, COFFER_E_SIGNATURE,
			"%s is signed by %zu of the keys that root.json, version %llu, names for it; %llu must sign",
			what, s.n, (unsigned long long)root->version, (unsigned long long)threshold);
out:
	for (size_t i = 0; i < s.n; i++)
		pubkey_free(&s.keys[i]);
	buf_free(&message);
	return err;
}
