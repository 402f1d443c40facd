/* SPDX-License-Identifier: Apache-2.0 */
/* A bundle: what is read is written, and what is written is read as the same. */
#include <string.h>

#include "base/limits.h"
#include "sign/bundle.h"
#include "support/fuzz.h"

static bool
same(const struct buf *a, const struct buf *b)
{
	return a->len == b->len && (a->len == 0 || memcmp(a->p, b->p, a->len) == 0);
}

static bool
can_be_written(const struct bundle *b)
{
	return b->material != BUNDLE_PUBLIC_KEY || b->key_hint;
}

static void
check(const struct bundle *b)
{
	struct buf text = BUF_INIT((size_t)1 << 24), again = BUF_INIT((size_t)1 << 24);
	struct bundle back;

	need(b->version >= 1 && b->version <= 3 && b->signature.len > 0);
	need((b->material == BUNDLE_PUBLIC_KEY) == (b->certs.n == 0) && b->certs.n <= LIMIT_CERTS);
	need(b->n_entries <= LIMIT_TLOG_ENTRIES && b->n_timestamps <= LIMIT_TIMESTAMPS);
	need(b->content == BUNDLE_MESSAGE || (b->payload.len > 0 && b->payload_type));
	if (bundle_require_oms(NULL, b) == COFFER_OK)
		need(b->version == 3 && b->content == BUNDLE_DSSE && strcmp(b->payload_type, DSSE_IN_TOTO) == 0);
	if (!can_be_written(b))
		return;
	bundle_init(&back);
	need(bundle_write(NULL, b, &text) == COFFER_OK);
	need(bundle_parse(NULL, "", buf_view(&text), &back) == COFFER_OK);
	need(same(&b->payload, &back.payload) && same(&b->signature, &back.signature));
	need(b->n_entries == back.n_entries && b->n_timestamps == back.n_timestamps && b->certs.n == back.certs.n);
	need(bundle_write(NULL, &back, &again) == COFFER_OK);
	need(same(&text, &again));
	bundle_free(&back);
	buf_free(&text);
	buf_free(&again);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fault f = {.text = ""};
	struct bundle b;
	coffer_err err;

	bundle_init(&b);
	err = bundle_parse(&f, "it", view_of(data, size), &b);
	if (err == COFFER_OK)
		check(&b);
	else
		need((err == COFFER_E_FORMAT || err == COFFER_E_UNSUPPORTED) && f.text[0] != '\0');
	bundle_free(&b);
	return 0;
}
