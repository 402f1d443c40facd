/* SPDX-License-Identifier: Apache-2.0 */
#include "sign/trusted_root.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/utc.h"
#include "data/doc.h"
#include "sign/trust_config.h"

#define MEDIA_TYPE "application/vnd.dev.sigstore.trustedroot+json;version=0.1"

/* ---- times ---- */

/* The fraction in milliseconds, of a time that utc_parse() has taken: down for the last moment, up for the first one, so that the
 * bounds are exact for every whole millisecond. */
static int64_t
milliseconds(const char *time, bool up)
{
	const char *c = strchr(time, '.');
	int64_t ms = 0;
	bool more = false;

	if (!c)
		return 0;
	c++;
	for (int64_t place = 100; *c != 'Z'; c++, place /= 10) {
		ms += (*c - '0') * place;
		more |= place == 0 && *c != '0';
	}
	return ms + (up && more);
}

static bool
read_time(const struct doc *d, bool up, int64_t *out)
{
	const char *text = doc_text(d, 1, 64);
	int64_t seconds;

	if (!text || !utc_parse(text, &seconds))
		return false;
	*out = seconds * 1000 + milliseconds(text, up);
	return true;
}

static bool
is_absent(const struct doc *d)
{
	return !d || doc_is_null(d);
}

static coffer_err
read_validity(struct fault *f, const struct doc *d, struct validity *out)
{
	const struct doc *end = doc_get(d, "end");

	out->last = INT64_MAX;
	if (!read_time(doc_get(d, "start"), true, &out->first))
		return fault_set(f, COFFER_E_FORMAT, "«validFor» has no «start» that is a time of RFC 3339");
	if (!is_absent(end) && !read_time(end, false, &out->last))
		return fault_set(f, COFFER_E_FORMAT, "the «end» of «validFor» is no time of RFC 3339");
	return COFFER_OK;
}

static coffer_err
read_b64(struct fault *f, const struct doc *d, const char *what, struct buf *out)
{
	coffer_err err = doc_b64_buf(f, d, out);

	return err == COFFER_E_FORMAT ? fault_set(f, err, "%s is not base64", what) : err;
}

/* ---- logs ---- */

static coffer_err
read_id(struct fault *f, const struct doc *d, uint8_t out[static LOG_ID_LEN])
{
	size_t len;

	if (!doc_b64(doc_get(d, "keyId"), out, LOG_ID_LEN, &len) || len != LOG_ID_LEN)
		return fault_set(f, COFFER_E_FORMAT, "the id of its key is not base64 of %d bytes", LOG_ID_LEN);
	return COFFER_OK;
}

/* what of PublicKeyDetails (sigstore_common.proto) is a SubjectPublicKeyInfo and can be used here */
static bool
find_key_kind(const char *details, enum pkey_kind *out)
{
	static const struct {
		const char *details;
		enum pkey_kind kind;
	} known[] = {
		{"PKIX_ECDSA_P256_SHA_256", PKEY_P256},	     {"PKIX_ECDSA_P384_SHA_384", PKEY_P384},
		{"PKIX_ECDSA_P521_SHA_512", PKEY_P521},	     {"PKIX_ED25519", PKEY_ED25519},
		{"PKIX_RSA_PKCS1V15_2048_SHA256", PKEY_RSA}, {"PKIX_RSA_PKCS1V15_3072_SHA256", PKEY_RSA},
		{"PKIX_RSA_PKCS1V15_4096_SHA256", PKEY_RSA},
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (strcmp(details, known[i].details) == 0) {
			*out = known[i].kind;
			return true;
		}
	}
	return false;
}

static coffer_err
read_key(struct fault *f, const struct doc *d, struct pubkey **out)
{
	const char *details = doc_text(doc_get(d, "keyDetails"), 1, 64);
	struct buf der = BUF_INIT(LIMIT_CERT);
	enum pkey_kind kind;
	coffer_err err = COFFER_OK;

	if (!details || !find_key_kind(details, &kind))
		return COFFER_OK;
	TRY(read_b64(f, doc_get(d, "rawBytes"), "its key", &der));
	err = pubkey_from_der(f, "its key", buf_view(&der), out);
	if (err == COFFER_E_KEY)
		err = fault_set(f, COFFER_E_FORMAT, "its key is none of the kind %s", details);
	TRY(err);
	if (pubkey_kind(*out) != kind)
		err = fault_set(f, COFFER_E_FORMAT, "its key is of the kind %s, not %s as it says",
				pkey_kind_name(pubkey_kind(*out)), details);
out:
	buf_free(&der);
	return err;
}

static coffer_err
read_url(struct fault *f, const struct doc *d, struct trusted_log *log)
{
	const char *url = doc_text(d, 1, LIMIT_LOG_URL), *scheme_end;
	size_t len;

	if (!url)
		return fault_set(f, COFFER_E_FORMAT, "«baseUrl» is not the address of a log");
	log->url = strdup(url);
	if (!log->url)
		return fault_nomem(f);
	scheme_end = strstr(log->url, "://");
	log->origin = scheme_end ? scheme_end + 3 : log->url;
	len = strlen(log->url);
	if (log->url[len - 1] == '/')
		log->url[len - 1] = '\0';
	return COFFER_OK;
}

static coffer_err
read_log(struct fault *f, const struct doc *d, struct trusted_log *log)
{
	const struct doc *key = doc_get(d, "publicKey"), *checkpoint_id = doc_get(d, "checkpointKeyId");
	const char *hash = doc_text(doc_get(d, "hashAlgorithm"), 1, 64);
	coffer_err err = COFFER_OK;

	TRY(read_url(f, doc_get(d, "baseUrl"), log));
	TRY(read_id(f, doc_get(d, "logId"), log->id));
	if (is_absent(checkpoint_id))
		memcpy(log->checkpoint_id, log->id, LOG_ID_LEN);
	else
		TRY(read_id(f, checkpoint_id, log->checkpoint_id));
	TRY(read_validity(f, doc_get(key, "validFor"), &log->valid));
	if (!hash || strcmp(hash, "SHA2_256") == 0)
		TRY(read_key(f, key, &log->key));
out:
	return err;
}

static bool
log_has_id(const struct trusted_log *log, struct view id)
{
	return id.len == LOG_ID_LEN &&
	       (memcmp(log->id, id.p, LOG_ID_LEN) == 0 || memcmp(log->checkpoint_id, id.p, LOG_ID_LEN) == 0);
}

static const struct trusted_log *
find_log(const struct trusted_log *logs, size_t n, struct view id)
{
	for (size_t i = 0; i < n; i++)
		if (log_has_id(&logs[i], id))
			return &logs[i];
	return NULL;
}

static coffer_err
read_logs(struct fault *f, const struct doc *root, const char *member, struct trusted_log **logs, size_t *n_out)
{
	const struct doc *list = doc_get(root, member);
	size_t n = doc_size(list);
	coffer_err err = COFFER_OK;

	if (is_absent(list))
		return COFFER_OK;
	if (!doc_is_array(list) || n > LIMIT_TRUSTED)
		return fault_set(f, COFFER_E_FORMAT, "«%s» is not a list of at most %u logs", member, LIMIT_TRUSTED);
	*logs = calloc(n + 1, sizeof(**logs));
	if (!*logs)
		return fault_nomem(f);
	for (size_t i = 0; i < n; i++) {
		struct trusted_log *log = &(*logs)[i];

		*n_out = i + 1;
		if (read_log(f, doc_at(list, i), log) != COFFER_OK)
			return fault_prefix(f, "«%s», log %zu", member, i + 1);
		/* with two keys of one id there would be no telling which of them a signature is by */
		if (find_log(*logs, i, view_of(log->id, LOG_ID_LEN)) ||
		    find_log(*logs, i, view_of(log->checkpoint_id, LOG_ID_LEN)))
			err = fault_set(f, COFFER_E_FORMAT, "«%s» has two logs with the same key id", member);
		TRY(err);
	}
out:
	return err;
}

/* ---- authorities ---- */

static coffer_err
read_certificate(struct fault *f, const struct doc *d, struct cert **out)
{
	struct buf der = BUF_INIT(LIMIT_CERT);
	coffer_err err = COFFER_OK;

	TRY(read_b64(f, doc_get(d, "rawBytes"), "a certificate", &der));
	TRY(cert_from_der(f, "a certificate", buf_view(&der), out));
out:
	buf_free(&der);
	return err;
}

static coffer_err
read_authority(struct fault *f, const struct doc *d, struct trusted_authority *a)
{
	const struct doc *chain = doc_get(doc_get(d, "certChain"), "certificates");
	size_t n = doc_size(chain);
	coffer_err err = COFFER_OK;

	TRY(read_validity(f, doc_get(d, "validFor"), &a->valid));
	if (!doc_is_array(chain) || n == 0 || n > LIMIT_CERTS)
		return fault_set(f, COFFER_E_FORMAT, "«certChain» has no certificates, or more than %u", LIMIT_CERTS);
	for (size_t i = 0; i < n; i++) {
		struct cert *c = NULL;

		TRY(read_certificate(f, doc_at(chain, i), &c));
		TRY(certs_add(f, i == n - 1 ? &a->roots : &a->intermediates, c));
		if (i == 0)
			TRY(certs_add_ref(f, &a->leaves, c));
	}
	if (!cert_is_self_issued(a->roots.v[0]))
		err = fault_set(f, COFFER_E_FORMAT,
				"the last certificate of «certChain» is no root; list all of them up to it");
out:
	return err;
}

static coffer_err
read_authorities(struct fault *f, const struct doc *root, const char *member, struct trusted_authority **out,
		 size_t *n_out)
{
	const struct doc *list = doc_get(root, member);
	size_t n = doc_size(list);

	if (is_absent(list))
		return COFFER_OK;
	if (!doc_is_array(list) || n > LIMIT_TRUSTED)
		return fault_set(f, COFFER_E_FORMAT, "«%s» is not a list of at most %u authorities", member,
				 LIMIT_TRUSTED);
	*out = calloc(n + 1, sizeof(**out));
	if (!*out)
		return fault_nomem(f);
	for (size_t i = 0; i < n; i++) {
		*n_out = i + 1;
		if (read_authority(f, doc_at(list, i), &(*out)[i]) != COFFER_OK)
			return fault_prefix(f, "«%s», authority %zu", member, i + 1);
	}
	return COFFER_OK;
}

/* ---- the whole ---- */

static coffer_err
read_root(struct fault *f, const struct doc *d, struct trusted_root *root)
{
	const char *type;
	coffer_err err;

	TRY(trust_config_part(f, d, "trustedRoot", "trusted_root", &d));
	type = doc_text(doc_get(d, "mediaType"), 1, 128);
	if (!type)
		return fault_set(f, COFFER_E_FORMAT, "it has no «mediaType», so it is no trusted root");
	if (strcmp(type, MEDIA_TYPE) != 0)
		return fault_set(f, COFFER_E_UNSUPPORTED, "its media type is «%s»; «%s» is known", type, MEDIA_TYPE);
	TRY(read_logs(f, d, "tlogs", &root->tlogs, &root->n_tlogs));
	TRY(read_logs(f, d, "ctlogs", &root->ctlogs, &root->n_ctlogs));
	TRY(read_authorities(f, d, "certificateAuthorities", &root->cas, &root->n_cas));
	TRY(read_authorities(f, d, "timestampAuthorities", &root->tsas, &root->n_tsas));
out:
	return err;
}

coffer_err
trusted_root_parse(struct fault *f, const char *what, struct view json, struct trusted_root **out)
{
	struct trusted_root *root = NULL;
	struct doc *d = NULL;
	coffer_err err = COFFER_OK;

	*out = NULL;
	if (json.len > LIMIT_TRUSTED_ROOT)
		return fault_set(f, COFFER_E_FORMAT, "%s is %zu bytes; at most %u are expected", what, json.len,
				 LIMIT_TRUSTED_ROOT);
	TRY(doc_parse_foreign(f, what, json, &d));
	root = calloc(1, sizeof(*root));
	if (!root)
		err = fault_nomem(f);
	TRY(err);
	err = read_root(f, d, root);
	if (err != COFFER_OK)
		err = fault_prefix(f, "%s", what);
	TRY(err);
	*out = root;
	root = NULL;
out:
	trusted_root_free(&root);
	doc_free(&d);
	return err;
}

const struct trusted_log *
trusted_root_tlog(const struct trusted_root *root, struct view id)
{
	return find_log(root->tlogs, root->n_tlogs, id);
}

const struct trusted_log *
trusted_root_ctlog(const struct trusted_root *root, struct view id)
{
	return find_log(root->ctlogs, root->n_ctlogs, id);
}

static void
free_logs(struct trusted_log *logs, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(logs[i].url);
		pubkey_free(&logs[i].key);
	}
	free(logs);
}

static void
free_authorities(struct trusted_authority *a, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		certs_free(&a[i].roots);
		certs_free(&a[i].intermediates);
		certs_free(&a[i].leaves);
	}
	free(a);
}

void
trusted_root_free(struct trusted_root **root)
{
	struct trusted_root *r = *root;

	if (!r)
		return;
	free_logs(r->tlogs, r->n_tlogs);
	free_logs(r->ctlogs, r->n_ctlogs);
	free_authorities(r->cas, r->n_cas);
	free_authorities(r->tsas, r->n_tsas);
	free(r);
	*root = NULL;
}
