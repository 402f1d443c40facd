/* SPDX-License-Identifier: Apache-2.0 */
#include "sign/fulcio.h"

#include "base/limits.h"
#include "data/doc.h"
#include "sign/service.h"

static coffer_err
make_request(struct fault *f, const struct privkey *key, struct doc **out)
{
	struct buf pem = BUF_INIT(LIMIT_CERT);
	coffer_err err;

	*out = NULL;
	TRY(privkey_csr(f, key, &pem));
	*out = doc_set(doc_object(), "certificateSigningRequest", doc_new_b64(pem.p, pem.len));
	if (!*out)
		TRY(fault_nomem(f));
out:
	buf_free(&pem);
	return err;
}

static coffer_err
read_chain(struct fault *f, const struct doc *answer, struct certs *chain)
{
	const struct doc *signed_cert = doc_get(answer, "signedCertificateEmbeddedSct");
	const struct doc *list = doc_get(doc_get(signed_cert, "chain"), "certificates");
	size_t n = doc_size(list);
	coffer_err err = COFFER_OK;

	if (doc_get(answer, "signedCertificateDetachedSct"))
		return fault_set(
			f, COFFER_E_UNSUPPORTED,
			"the certificate authority has no log of certificates that it embeds the word of (SCT)");
	if (!doc_is_array(list) || n == 0 || n > LIMIT_CERTS)
		return fault_set(f, COFFER_E_NET, "the certificate authority sent no certificate");
	for (size_t i = 0; i < n; i++) {
		struct view pem;

		if (!doc_string(doc_at(list, i), &pem))
			return fault_set(f, COFFER_E_NET, "the certificate authority sent no certificate");
		TRY(certs_from_pem(f, "the answer of the certificate authority", pem, chain));
	}
out:
	return err;
}

static coffer_err
check_key(struct fault *f, const struct cert *leaf, const struct privkey *key)
{
	struct pubkey *certified = NULL, *ours = NULL;
	coffer_err err;

	TRY(cert_public(f, leaf, &certified));
	TRY(privkey_public(f, key, &ours));
	if (!pubkey_equal(certified, ours))
		err = fault_set(f, COFFER_E_NET, "the certificate authority sent the certificate of another key");
out:
	pubkey_free(&certified);
	pubkey_free(&ours);
	return err;
}

coffer_err
fulcio_certify(struct fault *f, const char *url, const struct secret *token, const struct privkey *key,
	       struct certs *chain)
{
	struct doc *request, *answer = NULL;
	coffer_err err;

	TRY(make_request(f, key, &request));
	TRY(service_json(f, url, "api/v2/signingCert", token, request, &answer));
	TRY(read_chain(f, answer, chain));
	TRY(check_key(f, chain->v[0], key));
out:
	doc_free(&answer);
	return err;
}
