/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates in DER and PEM, all that is asked of one, and a chain of those in a file, the last as the root. */
#include <string.h>

#include "base/limits.h"
#include "crypto/cert.h"
#include "support/fuzz.h"

static void
ask_names(const struct cert *c)
{
	struct cert_name *names;
	struct fault f = {.text = ""};
	size_t n;
	coffer_err err = cert_names(&f, c, &names, &n);

	need(err == COFFER_OK || (err == COFFER_E_FORMAT && n == 0 && f.text[0] != '\0'));
	for (size_t i = 0; i < n; i++)
		need(names[i].text && strlen(names[i].other_oid) < sizeof(names[i].other_oid));
	cert_names_free(&names, n);
}

static void
ask(const struct cert *c)
{
	struct buf out = BUF_INIT(2 * LIMIT_CERT);
	struct pubkey *key;
	struct view value;
	int64_t from;
	int64_t to;
	bool critical;

	(void)cert_validity(NULL, c, &from, &to);
	(void)cert_is_ca(c);
	(void)cert_key_usage_signature(c);
	(void)cert_ext_usage_code(c);
	(void)cert_subject(NULL, c, &out);
	out.len = 0;
	(void)cert_precert_tbs(NULL, c, &out);
	if (cert_extension(c, "2.5.29.17", &value, &critical))
		need(value.len < cert_der(c).len);
	ask_names(c);
	need((cert_public(NULL, c, &key) == COFFER_OK) == (key != NULL));
	pubkey_free(&key);
	buf_free(&out);
}

static void
one(struct view der)
{
	struct fault f = {.text = ""};
	struct cert *c;
	coffer_err err = cert_from_der(&f, "input", der, &c);

	need((err == COFFER_OK) == (c != NULL) && (c || f.text[0] != '\0'));
	if (!c)
		return;
	/* there is one encoding of a certificate */
	need(cert_der(c).len == der.len && memcmp(cert_der(c).p, der.p, der.len) == 0);
	ask(c);
	cert_free(&c);
}

static void
many(struct view pem)
{
	struct fault f = {.text = ""};
	struct certs list = {.v = NULL, .n = 0};
	struct certs chain;
	struct certs root;
	struct chain_policy policy = {.roots = &root, .intermediates = &list, .at = 1800000000};
	coffer_err err = certs_from_pem(&f, "input", pem, &list);

	need((err == COFFER_OK) == (list.n > 0) && (list.n > 0 || f.text[0] != '\0'));
	if (list.n > 0) {
		root = (struct certs){.v = &list.v[list.n - 1], .n = 1};
		policy.purpose = (enum cert_purpose)(pem.len % 4);
		need((cert_chain(NULL, list.v[0], &policy, &chain) == COFFER_OK) == (chain.n > 0));
		certs_free(&chain);
	}
	certs_free(&list);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	one(view_of(data, size));
	many(view_of(data, size));
	return 0;
}
