/* SPDX-License-Identifier: Apache-2.0 */
#include "key/vault_policy.h"

#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "key/vault.h"

#define BODY_MAX (2u << 20)

coffer_err
vault_write_policy(struct fault *f, const char *name, const char *text)
{
	struct vault_request r = {.method = "PUT"};
	struct buf body = BUF_INIT(BODY_MAX);
	struct doc *d, *answer = NULL;
	struct vault *v = NULL;
	char path[LIMIT_TEXT];
	coffer_err err;

	/* Vault takes it in base64, which needs no escapes */
	d = doc_set(doc_object(), "policy", doc_new_b64(text, strlen(text)));
	if (!d)
		return fault_nomem(f);
	(void)snprintf(path, sizeof(path), "sys/policies/acl/%s", name);
	TRY(doc_canonical(f, d, &body));
	TRY(vault_open(f, &v));
	r.path = path;
	r.namespace = vault_namespace(v);
	r.body = buf_view(&body);
	TRY(vault_call(f, v, &r, &answer));
out:
	vault_close(&v);
	doc_free(&answer);
	doc_free(&d);
	buf_free(&body);
	return err;
}
