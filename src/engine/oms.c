/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/oms.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/limits.h"

/* ---- from a manifest ---- */

/* The key that @b must have been signed with: the signer's, or that of the certificate which it carries. */
static coffer_err
own_key(struct fault *f, const struct coffer_signer *signer, const struct bundle *b, struct pubkey **own,
	const struct pubkey **out)
{
	coffer_err err = COFFER_OK;

	*own = NULL;
	*out = signer->public;
	if (*out)
		return COFFER_OK;
	if (b->certs.n == 0)
		return fault_set(f, COFFER_E_INTERNAL, "a signature without a certificate was made");
	TRY(cert_public(f, b->certs.v[0], own));
	*out = *own;
out:
	return err;
}

/* A signer that is a token or a service may be wrong: nobody else's model is to find that out. */
static coffer_err
check_own(struct fault *f, const struct coffer_signer *signer, struct view json)
{
	uint8_t hash[DIGEST_MAX];
	const struct pubkey *key;
	struct pubkey *own = NULL;
	struct bundle b;
	coffer_err err;

	bundle_init(&b);
	TRY(bundle_parse(f, "the new signature", json, &b));
	TRY(own_key(f, signer, &b, &own, &key));
	TRY(dsse_digest(f, pkey_digest(pubkey_kind(key)), b.payload_type, buf_view(&b.payload), hash));
	err = pubkey_verify_digest(f, key, pkey_digest(pubkey_kind(key)), hash, buf_view(&b.signature));
	if (err == COFFER_E_SIGNATURE)
		err = fault_set(f, COFFER_E_KEY,
				"the signer made a signature that its own public key refuses: its key and its "
				"certificate, or the two halves of its key, do not belong together");
out:
	bundle_free(&b);
	pubkey_free(&own);
	return err;
}

coffer_err
oms_sign(struct fault *f, const struct coffer_signer *signer, struct manifest *m, struct buf *json)
{
	struct buf statement = BUF_INIT(OMS_STATEMENT_MAX);
	struct bundle b;
	coffer_err err;

	bundle_init(&b);
	TRY(manifest_write(f, m, &statement));
	manifest_free(m);
	manifest_init(m);
	TRY(sign_payload(f, signer->signer, buf_view(&statement), &b));
	buf_free(&statement); /* of many files it is large */
	TRY(bundle_write(f, &b, json));
	bundle_free(&b);
	TRY(check_own(f, signer, buf_view(json)));
out:
	bundle_free(&b);
	buf_free(&statement);
	return err;
}

/* ---- to a manifest ---- */

coffer_err
oms_read(struct fault *f, const char *path, struct buf *json, struct stat *st_out)
{
	struct stat before, after;
	coffer_err err;

	if (stat(path, &before) != 0)
		return fault_errno(f, errno, "cannot open the signature %s", path);
	TRY(file_slurp(f, path, LIMIT_BUNDLE, json, NULL));
	if (stat(path, &after) != 0 || before.st_ino != after.st_ino || before.st_dev != after.st_dev)
		TRY(fault_set(f, COFFER_E_CHANGED, "%s was replaced while it was read", path));
	if (st_out)
		*st_out = before;
out:
	return err;
}

static coffer_err
parse(struct fault *f, const char *what, struct view json, struct bundle *b)
{
	coffer_err err;

	TRY(bundle_parse(f, what, json, b));
	if (b->content != BUNDLE_DSSE || strcmp(b->payload_type, DSSE_IN_TOTO) != 0)
		err = fault_set(f, COFFER_E_UNSUPPORTED,
				"%s is a signature, but not of a model: it has no in-toto statement", what);
out:
	return err;
}

static coffer_err
judge(struct fault *f, const struct coffer_trust *trust, const struct bundle *b, struct manifest *m,
      struct signed_by *who)
{
	coffer_err err;

	manifest_init(m);
	memset(who, 0, sizeof(*who));
	TRY(trust->verifier->verify(trust->verifier, f, b, who));
	/* from here on somebody who is believed has said it */
	TRY(manifest_parse(f, buf_view(&b->payload), m));
out:
	if (err) {
		signed_by_free(who);
		memset(who, 0, sizeof(*who));
		manifest_free(m);
		manifest_init(m);
	}
	return err;
}

coffer_err
oms_verify(struct fault *f, const struct coffer_trust *trust, const char *what, struct view json, struct manifest *m,
	   struct signed_by *who)
{
	struct bundle b;
	coffer_err err;

	bundle_init(&b);
	TRY(parse(f, what, json, &b));
	TRY(judge(f, trust, &b, m, who));
out:
	bundle_free(&b);
	return err;
}

coffer_err
oms_verify_file(struct fault *f, const struct coffer_trust *trust, const char *path, struct stat *st_out,
		struct manifest *m, struct signed_by *who)
{
	struct buf json = BUF_INIT(LIMIT_BUNDLE);
	struct bundle b;
	coffer_err err;

	bundle_init(&b);
	TRY(oms_read(f, path, &json, st_out));
	TRY(parse(f, path, buf_view(&json), &b));
	buf_free(&json);
	TRY(judge(f, trust, &b, m, who));
out:
	buf_free(&json);
	bundle_free(&b);
	return err;
}

bool
oms_is_signature(struct view json)
{
	struct fault unused;
	struct bundle b;
	bool is;

	bundle_init(&b);
	is = bundle_parse(&unused, "", json, &b) == COFFER_OK;
	bundle_free(&b);
	return is;
}
