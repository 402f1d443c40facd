/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/trust.h"

#include <stdlib.h>
#include <string.h>

#include "base/enc.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/num.h"
#include "crypto/digest.h"
#include "engine/ctx.h"
#include "sign/sign_sigstore.h"
#include "sign/trust_store.h"
#include "sign/trusted_root.h"

static const struct trust_dirs everywhere = {NULL, NULL};

/* ---- options into a binding ---- */

static coffer_err
check_options(struct fault *f, const struct coffer_trust_options *o)
{
	if (o->version_1 != 1 || !view_zero(view_of(o->reserved, sizeof(o->reserved))))
		return fault_set(f, COFFER_E_USAGE, "trust options of another version");
	return COFFER_OK;
}

/* The bytes as a text of their own. */
static coffer_err
to_text(struct fault *f, const char *path, const struct buf *bytes, char **out)
{
	if (bytes->len > 0 && memchr(bytes->p, 0, bytes->len))
		return fault_set(f, COFFER_E_FORMAT, "%s is no text: it has a NUL byte", path);
	*out = strndup(bytes->p ? (const char *)bytes->p : "", bytes->len);
	return *out ? COFFER_OK : fault_nomem(f);
}

/* What a binding keeps is the key and the certificates alone: files may have other things around them, a private key even. */

static coffer_err
read_key(struct fault *f, const struct coffer_trust_options *o, struct trust_binding *out)
{
	struct buf pem = BUF_INIT(LIMIT_KEY_PEM), clean = BUF_INIT(LIMIT_KEY_PEM);
	struct pubkey *key = NULL;
	coffer_err err;

	if (!o->public_key)
		return fault_set(f, COFFER_E_USAGE, "name the public key that is believed");
	TRY(file_slurp(f, o->public_key, LIMIT_KEY_PEM, &pem, NULL));
	TRY(pubkey_from_pem(f, o->public_key, buf_view(&pem), &key));
	TRY(pubkey_pem(f, key, &clean));
	TRY(to_text(f, o->public_key, &clean, &out->public_key));
out:
	pubkey_free(&key);
	buf_free(&pem);
	buf_free(&clean);
	return err;
}

static coffer_err
put_certificate(struct fault *f, const struct cert *c, struct buf *out)
{
	struct view der = cert_der(c), line;
	char text[64 + 1];
	coffer_err err;

	TRY(buf_str(f, out, "-----BEGIN CERTIFICATE-----\n"));
	while (view_take(&der, (size_t)num_min(der.len, 48), &line) && line.len > 0) {
		enc_b64(line.p, line.len, text);
		TRY(buf_str(f, out, text));
		TRY(buf_str(f, out, "\n"));
	}
	TRY(buf_str(f, out, "-----END CERTIFICATE-----\n"));
out:
	return err;
}

/* One text of the certificates of all @paths; none of none. */
static coffer_err
read_chain(struct fault *f, const char *const *paths, size_t n, char **out)
{
	struct buf pem = BUF_INIT(LIMIT_PEM), clean = BUF_INIT(LIMIT_PEM);
	struct certs certs = {NULL, 0};
	coffer_err err = COFFER_OK;

	for (size_t i = 0; i < n; i++) {
		buf_free(&pem);
		TRY(file_slurp(f, paths[i], LIMIT_PEM, &pem, NULL));
		TRY(certs_from_pem(f, paths[i], buf_view(&pem), &certs));
	}
	for (size_t i = 0; i < certs.n; i++)
		TRY(put_certificate(f, certs.v[i], &clean));
	if (n > 0)
		TRY(to_text(f, paths[0], &clean, out));
out:
	certs_free(&certs);
	buf_free(&pem);
	buf_free(&clean);
	return err;
}

static coffer_err
read_certificates(struct fault *f, const struct coffer_trust_options *o, struct trust_binding *out)
{
	coffer_err err;

	TRY(read_chain(f, o->certificate_chain, o->n_certificate_chain, &out->certificate_chain));
	TRY(read_chain(f, o->tsa_chain, o->n_tsa_chain, &out->tsa_chain));
out:
	return err;
}

static coffer_err
read_root_file(struct fault *f, const char *path, char **out)
{
	struct buf json = BUF_INIT(LIMIT_TRUSTED_ROOT);
	coffer_err err;

	TRY(file_slurp(f, path, LIMIT_TRUSTED_ROOT, &json, NULL));
	TRY(to_text(f, path, &json, out));
out:
	buf_free(&json);
	return err;
}

static coffer_err
read_identity(struct fault *f, const struct coffer_trust_options *o, struct trust_binding *out)
{
	const char *root = o->trusted_root ? o->trusted_root : o->trust_config;

	if (!o->identity || !*o->identity || !o->issuer || !*o->issuer)
		return fault_set(f, COFFER_E_USAGE, "name the identity that is believed and its provider, both");
	if (o->trusted_root && o->trust_config)
		return fault_set(f, COFFER_E_USAGE, "name a trusted root or a trust config, not both");
	out->identity = strdup(o->identity);
	out->identity_provider = strdup(o->issuer);
	if (!out->identity || !out->identity_provider)
		return fault_nomem(f);
	return root ? read_root_file(f, root, &out->trusted_root) : COFFER_OK;
}

coffer_err
trust_read(struct fault *f, const struct coffer_trust_options *options, struct trust_binding *out)
{
	coffer_err err;

	TRY(check_options(f, options));
	switch (options->method) {
	case COFFER_METHOD_KEY:
	case COFFER_METHOD_PKCS11_KEY:
		out->method = BINDING_KEY;
		return read_key(f, options, out);
	case COFFER_METHOD_CERTIFICATE:
	case COFFER_METHOD_PKCS11_CERTIFICATE:
		out->method = BINDING_CERTIFICATE;
		return read_certificates(f, options, out);
	case COFFER_METHOD_SIGSTORE:
		out->method = BINDING_SIGSTORE;
		return read_identity(f, options, out);
	}
	err = fault_set(f, COFFER_E_USAGE, "this method of signing is not known");
out:
	return err;
}

/* ---- a binding into a verifier ---- */

static coffer_err
make_key(struct fault *f, const struct trust_binding *b, struct verifier **out)
{
	struct pubkey *key = NULL;
	coffer_err err;

	TRY(pubkey_from_pem(f, "the public key", view_str(b->public_key), &key));
	TRY(verifier_key(f, key, out)); /* takes the key */
out:
	return err;
}

/* Who issued himself is a root; the others only help to find the way to one. */
static coffer_err
sort_out(struct fault *f, const struct certs *all, struct certs *roots, struct certs *others)
{
	coffer_err err = COFFER_OK;

	for (size_t i = 0; i < all->n; i++)
		TRY(certs_add_ref(f, cert_is_self_issued(all->v[i]) ? roots : others, all->v[i]));
	if (roots->n == 0)
		err = fault_set(f, COFFER_E_USAGE,
				"the certificates that are believed have no root among them: none is issued by itself");
out:
	return err;
}

static coffer_err
read_roots(struct fault *f, const struct trust_binding *b, struct cert_trust *out)
{
	struct certs given = {NULL, 0};
	coffer_err err;

	if (!b->certificate_chain)
		return certs_system(f, &out->roots);
	TRY(certs_from_pem(f, "the certificate chain", view_str(b->certificate_chain), &given));
	TRY(sort_out(f, &given, &out->roots, &out->intermediates));
out:
	certs_free(&given);
	return err;
}

static coffer_err
make_certificate(struct fault *f, const struct trust_binding *b, int64_t verify_at, struct verifier **out)
{
	struct cert_trust trust = {.has_time = verify_at != 0, .at = verify_at};
	coffer_err err;

	TRY(read_roots(f, b, &trust));
	if (b->tsa_chain)
		TRY(certs_from_pem(f, "the chain of the timestamp authority", view_str(b->tsa_chain),
				   &trust.tsa_roots));
	return verifier_certificate(f, &trust, out); /* takes the certificates */
out:
	certs_free(&trust.roots);
	certs_free(&trust.intermediates);
	certs_free(&trust.tsa_roots);
	return err;
}

static coffer_err
find_root(struct fault *f, const struct trust_binding *b, enum imported_by by, struct trusted_root **out)
{
	struct imported i = {.path = NULL};
	coffer_err err;

	if (b->trusted_root)
		return trusted_root_parse(f, "the trusted root", view_str(b->trusted_root), out);
	TRY(imported_find(f, &everywhere, IMPORTED_TRUSTED_ROOT, by, &i));
	TRY(trusted_root_parse(f, i.path, buf_view(&i.bytes), out));
out:
	imported_free(&i);
	return err;
}

static coffer_err
make_sigstore(struct fault *f, const struct trust_binding *b, enum imported_by by, struct verifier **out)
{
	struct trusted_root *root = NULL;
	coffer_err err;

	TRY(find_root(f, b, by, &root));
	TRY(verifier_sigstore(f, root, b->identity, b->identity_provider, out)); /* takes the root */
out:
	return err;
}

coffer_err
trust_verifier(struct fault *f, const struct trust_binding *b, int64_t verify_at, enum imported_by by,
	       struct verifier **out)
{
	*out = NULL;
	switch (b->method) {
	case BINDING_KEY:
		return make_key(f, b, out);
	case BINDING_CERTIFICATE:
		return make_certificate(f, b, verify_at, out);
	case BINDING_SIGSTORE:
		return make_sigstore(f, b, by, out);
	}
	return fault_set(f, COFFER_E_INTERNAL, "a binding of no method");
}

/* ---- a binding as a line ---- */

static coffer_err
describe_key(struct fault *f, const struct trust_binding *b, struct buf *out)
{
	struct buf pem = BUF_INIT(LIMIT_KEY_PEM);
	struct pubkey *key = NULL;
	uint8_t hash[DIGEST_MAX];
	char hex[65];
	coffer_err err;

	TRY(pubkey_from_pem(f, "the public key", view_str(b->public_key), &key));
	TRY(pubkey_pem(f, key, &pem));
	TRY(digest_of(f, DIGEST_SHA256, buf_view(&pem), hash));
	enc_hex(hash, 32, hex);
	TRY(buf_printf(f, out, "key %s", hex));
out:
	pubkey_free(&key);
	buf_free(&pem);
	return err;
}

static coffer_err
describe_certificates(struct fault *f, const struct trust_binding *b, struct buf *out)
{
	struct cert_trust trust = {.has_time = false};
	coffer_err err;

	if (!b->certificate_chain)
		return buf_str(f, out, "certificates of this system's roots");
	TRY(read_roots(f, b, &trust));
	TRY(buf_str(f, out, "certificates of "));
	for (size_t i = 0; i < trust.roots.n; i++) {
		if (i > 0)
			TRY(buf_str(f, out, " or "));
		TRY(cert_subject(f, trust.roots.v[i], out));
	}
out:
	certs_free(&trust.roots);
	certs_free(&trust.intermediates);
	return err;
}

coffer_err
trust_describe(struct fault *f, const struct trust_binding *b, struct buf *out)
{
	coffer_err err;

	switch (b->method) {
	case BINDING_KEY:
		return describe_key(f, b, out);
	case BINDING_CERTIFICATE:
		return describe_certificates(f, b, out);
	case BINDING_SIGSTORE:
		TRY(buf_str(f, out, b->identity));
		TRY(buf_str(f, out, " ("));
		TRY(buf_str(f, out, b->identity_provider));
		TRY(buf_str(f, out, ")"));
		return COFFER_OK;
	}
	err = fault_set(f, COFFER_E_INTERNAL, "a binding of no method");
out:
	return err;
}

/* ---- coffer/sign.h ---- */

/* A trust of @b; takes nothing over. */
static coffer_err
new_trust(struct fault *f, const struct trust_binding *b, int64_t verify_at, enum imported_by by,
	  struct coffer_trust **out)
{
	struct coffer_trust *t = calloc(1, sizeof(*t));
	coffer_err err;

	if (!t)
		return fault_nomem(f);
	TRY(trust_verifier(f, b, verify_at, by, &t->verifier));
	*out = t;
	t = NULL;
out:
	coffer_trust_free(&t);
	return err;
}

coffer_err
coffer_trust_open(struct coffer_ctx *ctx, const struct coffer_trust_options *options, struct coffer_trust **trust_out)
{
	struct fault *f = ctx_begin(ctx);
	struct trust_binding b = {.model = NULL};
	coffer_err err;

	*trust_out = NULL;
	TRY(trust_read(f, options, &b));
	TRY(new_trust(f, &b, options->verify_at, BY_ANYBODY, trust_out));
out:
	binding_free(&b);
	return err;
}

coffer_err
coffer_trust_find(struct coffer_ctx *ctx, const char *name, struct coffer_trust **trust_out)
{
	struct fault *f = ctx_begin(ctx);
	struct stored s = {.path = NULL};
	coffer_err err;

	*trust_out = NULL;
	TRY(trust_store_find(f, &everywhere, name, &s));
	err = new_trust(f, &s.binding, 0, s.is_system ? BY_ADMINISTRATOR : BY_ANYBODY, trust_out);
	if (err == COFFER_E_NOTFOUND) /* to the caller that means that nobody is bound, and somebody is */
		f->err = err = COFFER_E_POLICY;
	if (err != COFFER_OK)
		TRY(fault_prefix(f, "%s", s.path));
out:
	stored_free(&s);
	return err;
}

void
coffer_trust_free(struct coffer_trust **trust)
{
	struct coffer_trust *t = *trust;

	if (!t)
		return;
	verifier_free(&t->verifier);
	free(t);
	*trust = NULL;
}
