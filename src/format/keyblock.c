/* SPDX-License-Identifier: Apache-2.0 */
#include "format/keyblock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/enc.h"
#include "base/path.h"
#include "crypto/kdf.h"
#include "mem/secret.h"

void
keyblock_free(struct keyblock *k)
{
	for (size_t i = 0; i < k->n_recipients; i++)
		recipient_clear(&k->recipients[i]);
	for (size_t i = 0; i < k->n_files; i++)
		free(k->files[i].path);
	free(k->recipients);
	free(k->files);
	free(k->context);
	buf_free(&k->mac_text);
	*k = (struct keyblock)KEYBLOCK_INIT;
}

/* ---- decoding ---- */

bool
keyblock_context_key_ok(const char *key)
{
	size_t len = strspn(key, "abcdefghijklmnopqrstuvwxyz0123456789._-");

	return len > 0 && len <= LIMIT_CONTEXT_KEY && key[len] == '\0' && !strchr("._-", key[0]);
}

static coffer_err
read_pair(void *arg, const char *name, const struct doc *value)
{
	struct keyblock *k = arg;
	struct keyblock_pair *pair = &k->context[k->n_context];
	const char *text = doc_text(value, 0, LIMIT_TEXT);

	if (!keyblock_context_key_ok(name) || !text) /* [F-13] */
		return COFFER_E_FORMAT;
	(void)snprintf(pair->key, sizeof(pair->key), "%s", name);
	(void)snprintf(pair->value, sizeof(pair->value), "%s", text);
	k->n_context++;
	return COFFER_OK;
}

static coffer_err
read_context(struct fault *f, const struct doc *d, struct keyblock *k)
{
	coffer_err err;

	if (!doc_is_object(d) || doc_size(d) > LIMIT_CONTEXT)
		return fault_set(f, COFFER_E_FORMAT, "key block: «context»");
	k->context = calloc(doc_size(d) + 1, sizeof(*k->context));
	if (!k->context)
		return fault_nomem(f);
	err = doc_each(d, read_pair, k);
	if (err != COFFER_OK)
		return fault_set(f, err, "key block: «context» has a key or value that is not allowed");
	return COFFER_OK;
}

/* [F-26]: «services» is there when one of them has a recipient, and only then */
static coffer_err
read_services(struct fault *f, const struct doc *d, struct keyblock *k)
{
	static const char *const members[] = {"edition", "recipients"};

	k->edition = 0;
	if (!d)
		return COFFER_OK;
	if (!doc_only(d, members, 2) || !doc_number(doc_get(d, "edition"), 1, DOC_NUMBER_MAX, &k->edition) ||
	    !doc_is_array(doc_get(d, "recipients")) || doc_size(doc_get(d, "recipients")) == 0)
		return fault_set(f, COFFER_E_FORMAT, "key block: a malformed «services»");
	return COFFER_OK;
}

static coffer_err
read_recipients(struct fault *f, const struct doc *local, const struct doc *services, struct keyblock *k)
{
	size_t n_local = doc_size(local), n = n_local + doc_size(services);
	coffer_err err = COFFER_OK;

	if (!doc_is_array(local) || n == 0 || n > LIMIT_RECIPIENTS)
		return fault_set(f, COFFER_E_FORMAT, "key block: %zu recipients; 1 to %u are allowed", n,
				 LIMIT_RECIPIENTS);
	k->recipients = calloc(n, sizeof(*k->recipients));
	if (!k->recipients)
		return fault_nomem(f);
	for (size_t i = 0; i < n; i++) {
		bool is_service = i >= n_local;
		const struct doc *d = is_service ? doc_at(services, i - n_local) : doc_at(local, i);

		k->n_recipients = i + 1;
		TRY(recipient_read(f, d, is_service, &k->recipients[i]));
	}
out:
	return err;
}

static coffer_err
read_file(struct fault *f, const struct doc *d, struct keyblock_file *out)
{
	static const char *const members[] = {"head", "path", "size"};
	const char *path = doc_text(doc_get(d, "path"), 1, LIMIT_PATH);
	const char *head = doc_text(doc_get(d, "head"), 0, 2 * SHA256_LEN);

	if (!doc_only(d, members, 3) || !path || !head || !doc_number(doc_get(d, "size"), 0, LIMIT_SIZE, &out->size))
		return fault_set(f, COFFER_E_FORMAT, "key block: a malformed entry of «files»");
	out->sealed = head[0] != '\0';
	if (out->sealed && !doc_hex(doc_get(d, "head"), out->head, SHA256_LEN))
		return fault_set(f, COFFER_E_FORMAT, "key block: a malformed entry of «files»");
	out->path = strdup(path);
	return out->path ? COFFER_OK : fault_nomem(f);
}

static coffer_err
check_paths(struct fault *f, const struct keyblock *k)
{
	const char **paths = calloc(k->n_files, sizeof(*paths));
	coffer_err err = COFFER_OK;

	if (!paths)
		return fault_nomem(f);
	for (size_t i = 0; i < k->n_files; i++) {
		paths[i] = k->files[i].path;
		TRY(path_check(f, paths[i], strlen(paths[i])));
	}
	TRY(path_check_set(f, paths, k->n_files)); /* [F-14] [F-24] */
out:
	free(paths);
	return err;
}

static coffer_err
read_files(struct fault *f, const struct doc *d, struct keyblock *k)
{
	size_t n = doc_size(d);
	coffer_err err = COFFER_OK;

	if (!doc_is_array(d) || n == 0 || n > LIMIT_FILES)
		return fault_set(f, COFFER_E_FORMAT, "key block: %zu files; 1 to %u are allowed", n, LIMIT_FILES);
	k->files = calloc(n, sizeof(*k->files));
	if (!k->files)
		return fault_nomem(f);
	for (size_t i = 0; i < n; i++) {
		TRY(read_file(f, doc_at(d, i), &k->files[i]));
		k->n_files = i + 1;
	}
	TRY(check_paths(f, k));
out:
	return err;
}

static coffer_err
read_members(struct fault *f, const struct doc *d, struct keyblock *k)
{
	static const char *const members[] = {"coffer",	    "model_id", "name", "version",    "context", "generation",
					      "commitment", "files",	"mac",	"recipients", "services"};
	const struct doc *services = doc_get(d, "services");
	const char *name = doc_text(doc_get(d, "name"), 1, LIMIT_TEXT);
	const char *version = doc_text(doc_get(d, "version"), 0, LIMIT_TEXT);
	uint64_t format;
	coffer_err err = COFFER_OK;

	if (!doc_number(doc_get(d, "coffer"), 0, DOC_NUMBER_MAX, &format))
		return fault_set(f, COFFER_E_FORMAT, "key block: not one of coffer's");
	if (format != 1)
		return fault_set(f, COFFER_E_UNSUPPORTED, "key block version %llu; this program knows 1",
				 (unsigned long long)format);
	if (!doc_only(d, members, services ? 11 : 10)) /* [F-12] */
		return fault_set(f, COFFER_E_FORMAT, "key block: a missing or unknown member");
	if (!name || !version || !doc_hex(doc_get(d, "model_id"), k->model_id, MODEL_ID_LEN) ||
	    !doc_number(doc_get(d, "generation"), 1, KEYBLOCK_GENERATION_MAX, &k->generation) ||
	    !doc_hex(doc_get(d, "commitment"), k->commitment, 32) || !doc_hex(doc_get(d, "mac"), k->mac, 32))
		return fault_set(f, COFFER_E_FORMAT, "key block: a malformed member");
	(void)snprintf(k->name, sizeof(k->name), "%s", name);
	(void)snprintf(k->version, sizeof(k->version), "%s", version);
	TRY(read_context(f, doc_get(d, "context"), k));
	TRY(read_services(f, services, k));
	TRY(read_recipients(f, doc_get(d, "recipients"), doc_get(services, "recipients"), k));
	TRY(read_files(f, doc_get(d, "files"), k));
out:
	return err;
}

/* [F-12]: one document has one encoding */
static coffer_err
check_canonical(struct fault *f, const struct doc *d, struct view text)
{
	struct buf again = BUF_INIT(LIMIT_KEYBLOCK + 1);
	coffer_err err;

	TRY(doc_canonical(f, d, &again));
	TRY(buf_add(f, &again, "\n", 1));
	if (again.len != text.len || memcmp(again.p, text.p, text.len) != 0)
		err = fault_set(f, COFFER_E_FORMAT, "key block: not in canonical form (was it edited?)");
out:
	buf_free(&again);
	return err;
}

coffer_err
keyblock_decode(struct fault *f, struct view text, struct keyblock *out)
{
	struct doc *d = NULL;
	coffer_err err;

	TRY(doc_parse(f, "the key block", text, &d));
	TRY(read_members(f, d, out));
	TRY(check_canonical(f, d, text));
	doc_remove(d, "mac");
	doc_remove(d, "services");
	TRY(doc_canonical(f, d, &out->mac_text));
out:
	doc_free(&d);
	if (err)
		keyblock_free(out);
	return err;
}

/* ---- authenticity ---- */

static coffer_err
derive(struct fault *f, const struct keyblock *k, const uint8_t dek[static DEK_LEN], const char *label,
       uint8_t out[static 32])
{
	return hkdf_sha256(f, view_of(dek, DEK_LEN), view_of(k->model_id, MODEL_ID_LEN), view_str(label), out, 32);
}

static coffer_err
compute_mac(struct fault *f, const struct keyblock *k, const uint8_t dek[static DEK_LEN], struct view text,
	    uint8_t out[static 32])
{
	uint8_t key[32];
	coffer_err err;

	TRY(derive(f, k, dek, "coffer/1 key block", key));
	TRY(hmac_sha256(f, view_of(key, sizeof(key)), text, out));
out:
	mem_wipe(key, sizeof(key));
	return err;
}

coffer_err
keyblock_verify(struct fault *f, const struct keyblock *k, const uint8_t dek[static DEK_LEN])
{
	uint8_t want[32];
	coffer_err err;

	TRY(derive(f, k, dek, "coffer/1 model commitment", want));
	if (!mem_equal(want, k->commitment, 32))
		TRY(fault_set(f, COFFER_E_AUTH, "key block: its commitment is not that of the unwrapped key"));
	TRY(compute_mac(f, k, dek, buf_view(&k->mac_text), want));
	if (!mem_equal(want, k->mac, 32))
		TRY(fault_set(f, COFFER_E_AUTH,
			      "key block: its MAC does not hold: it was changed by someone without the key"));
out:
	return err;
}

/* ---- encoding ---- */

static struct doc *
context_doc(const struct keyblock *k)
{
	struct doc *d = doc_object();

	for (size_t i = 0; i < k->n_context; i++)
		d = doc_set(d, k->context[i].key, doc_new_text(k->context[i].value));
	return d;
}

static struct doc *
recipients_doc(const struct keyblock *k, bool of_services)
{
	struct doc *d = doc_array();

	for (size_t i = 0; i < k->n_recipients; i++)
		if (k->recipients[i].is_service == of_services)
			d = doc_add(d, recipient_doc(&k->recipients[i]));
	return d;
}

static bool
has_services(const struct keyblock *k)
{
	for (size_t i = 0; i < k->n_recipients; i++)
		if (k->recipients[i].is_service)
			return true;
	return false;
}

static struct doc *
files_doc(const struct keyblock *k)
{
	struct doc *d = doc_array(), *entry;

	for (size_t i = 0; i < k->n_files; i++) {
		const struct keyblock_file *file = &k->files[i];

		entry = doc_set(doc_object(), "head",
				file->sealed ? doc_new_hex(file->head, SHA256_LEN) : doc_new_text(""));
		entry = doc_set(entry, "path", doc_new_text(file->path));
		entry = doc_set(entry, "size", doc_new_number(file->size));
		d = doc_add(d, entry);
	}
	return d;
}

/* what the binding and the document share */
static struct doc *
identity_doc(const struct keyblock *k)
{
	struct doc *d = doc_set(doc_object(), "context", context_doc(k));

	d = doc_set(d, "model_id", doc_new_hex(k->model_id, MODEL_ID_LEN));
	d = doc_set(d, "name", doc_new_text(k->name));
	return doc_set(d, "version", doc_new_text(k->version));
}

/* what the MAC is over */
static struct doc *
mac_doc(const struct keyblock *k)
{
	struct doc *d = doc_set(identity_doc(k), "coffer", doc_new_number(1));

	d = doc_set(d, "generation", doc_new_number(k->generation));
	d = doc_set(d, "commitment", doc_new_hex(k->commitment, 32));
	d = doc_set(d, "recipients", recipients_doc(k, false));
	return doc_set(d, "files", files_doc(k));
}

/* Takes @d, which is what the MAC is over, and appends the whole document. */
static coffer_err
add_document(struct fault *f, struct doc *d, const struct keyblock *k, struct buf *out)
{
	struct doc *services = NULL;
	coffer_err err;

	d = doc_set(d, "mac", doc_new_hex(k->mac, 32));
	if (has_services(k)) {
		services = doc_set(doc_object(), "edition", doc_new_number(k->edition));
		services = doc_set(services, "recipients", recipients_doc(k, true));
		d = doc_set(d, "services", services);
	}
	if (!d)
		TRY(fault_nomem(f));
	TRY(doc_canonical(f, d, out));
	TRY(buf_add(f, out, "\n", 1));
out:
	doc_free(&d);
	return err;
}

coffer_err
keyblock_encode(struct fault *f, struct keyblock *k, const uint8_t dek[static DEK_LEN], struct buf *out)
{
	struct doc *d = NULL;
	coffer_err err;

	TRY(derive(f, k, dek, "coffer/1 model commitment", k->commitment));
	k->edition = has_services(k) ? 1 : 0; /* with a new generation it begins anew */
	d = mac_doc(k);
	if (!d)
		TRY(fault_nomem(f));
	k->mac_text.len = 0;
	TRY(doc_canonical(f, d, &k->mac_text));
	TRY(compute_mac(f, k, dek, buf_view(&k->mac_text), k->mac));
	err = add_document(f, d, k, out);
	d = NULL;
out:
	doc_free(&d);
	return err;
}

coffer_err
keyblock_encode_services(struct fault *f, struct keyblock *k, struct buf *out)
{
	struct buf text = BUF_INIT(LIMIT_KEYBLOCK);
	struct doc *d = mac_doc(k);
	coffer_err err;

	if (!d)
		TRY(fault_nomem(f));
	TRY(doc_canonical(f, d, &text));
	if (k->edition == 0 || !has_services(k) || text.len != k->mac_text.len ||
	    !mem_equal(text.p, k->mac_text.p, text.len))
		TRY(fault_set(f, COFFER_E_INTERNAL, "more of a key block was changed than its services' recipients"));
	if (++k->edition > DOC_NUMBER_MAX)
		TRY(fault_set(
			f, COFFER_E_FORMAT,
			"the key block cannot be changed any more without the data key; add or remove a recipient"));
	err = add_document(f, d, k, out);
	d = NULL;
out:
	doc_free(&d);
	buf_free(&text);
	return err;
}

bool
keyblock_is_newer(const struct keyblock *a, const struct keyblock *b)
{
	return a->generation != b->generation ? a->generation > b->generation : a->edition > b->edition;
}

coffer_err
keyblock_binding(struct fault *f, const struct keyblock *k, struct buf *out)
{
	struct doc *d = identity_doc(k);
	coffer_err err;

	if (!d)
		return fault_nomem(f);
	err = doc_canonical(f, d, out);
	doc_free(&d);
	return err;
}

const char *
keyblock_environment(const struct keyblock *k)
{
	for (size_t i = 0; i < k->n_context; i++)
		if (strcmp(k->context[i].key, "environment") == 0)
			return k->context[i].value;
	return "";
}

size_t
keyblock_find(const struct keyblock *k, const char *path)
{
	size_t lo = 0, hi = k->n_files;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		int order = strcmp(k->files[mid].path, path);

		if (order == 0)
			return mid;
		if (order < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return SIZE_MAX;
}
