/* SPDX-License-Identifier: Apache-2.0 */
/* A binding of the trust store: what is read is whole, and says the same when it is written and read again. */
#include <string.h>

#include "base/limits.h"
#include "sign/binding.h"
#include "support/fuzz.h"

static void
need_same(const char *a, const char *b)
{
	need((a == NULL) == (b == NULL) && (!a || strcmp(a, b) == 0));
}

static void
check(const struct trust_binding *b)
{
	struct buf text = BUF_INIT((size_t)8 * LIMIT_TRUST_BINDING);
	struct trust_binding again = {.model = NULL};

	need(binding_check_model(NULL, b->model) == COFFER_OK);
	need(b->method != BINDING_KEY || (b->public_key && !b->identity && !b->certificate_chain));
	need(b->method != BINDING_CERTIFICATE || (b->certificate_chain && !b->identity && !b->public_key));
	need(b->method != BINDING_SIGSTORE || (b->identity && b->identity_provider && !b->public_key));
	need(binding_write(NULL, b, &text) == COFFER_OK);
	need(binding_parse(NULL, "it", buf_view(&text), &again) == COFFER_OK);
	need(again.method == b->method);
	need_same(again.model, b->model);
	need_same(again.public_key, b->public_key);
	need_same(again.certificate_chain, b->certificate_chain);
	need_same(again.tsa_chain, b->tsa_chain);
	need_same(again.identity, b->identity);
	need_same(again.identity_provider, b->identity_provider);
	need_same(again.trusted_root, b->trusted_root);
	binding_free(&again);
	buf_free(&text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct trust_binding b = {.model = NULL};
	struct fault f = {.text = ""};
	coffer_err err = binding_parse(&f, "it", view_of(data, size), &b);

	if (err == COFFER_OK)
		check(&b);
	else
		need((err == COFFER_E_FORMAT || err == COFFER_E_UNSUPPORTED) && f.text[0] != '\0' && !b.model);
	binding_free(&b);
	return 0;
}
