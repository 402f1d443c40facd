/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An envelope's payload, behind its type and a NUL: both encodings can be told apart from all others, and the hash is that of the bytes.
 */
#include <stdlib.h>
#include <string.h>

#include "sign/dsse.h"
#include "support/fuzz.h"

/* A reader of its own: «DSSEv1 LEN TYPE LEN PAYLOAD» and nothing behind it. */
static bool
take_part(struct view *v, struct view *out)
{
	size_t len = 0, digits = 0;

	for (; v->len > 0 && v->p[0] >= '0' && v->p[0] <= '9' && digits < 9; digits++) {
		len = 10 * len + (size_t)(v->p[0] - '0');
		*v = view_of(v->p + 1, v->len - 1);
	}
	if (digits == 0 || v->len == 0 || v->p[0] != ' ')
		return false;
	*v = view_of(v->p + 1, v->len - 1);
	return view_take(v, len, out);
}

static void
check_pae(struct view pae, const char *type, struct view payload)
{
	struct view version, got, space;

	need(view_take(&pae, 7, &version) && memcmp(version.p, "DSSEv1 ", 7) == 0);
	need(take_part(&pae, &got) && got.len == strlen(type) && memcmp(got.p, type, got.len) == 0);
	need(view_take(&pae, 1, &space) && space.p[0] == ' ');
	need(take_part(&pae, &got) && got.len == payload.len && pae.len == 0);
	need(got.len == 0 || memcmp(got.p, payload.p, got.len) == 0);
}

static void
check_v02(struct view pae)
{
	size_t quoted = 0;

	need(pae.len >= 3 && memcmp(pae.p, "DSSEV1 ", 7) == 0 &&
	     (pae.p[pae.len - 1] == '\'' || pae.p[pae.len - 1] == '"'));
	while (quoted < pae.len && pae.p[quoted] != 'b')
		quoted++;
	need(quoted < pae.len);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t type_len = strnlen((const char *)data, size);
	struct buf pae = BUF_INIT(((size_t)1 << 20) + 4 * size), v02 = BUF_INIT(((size_t)1 << 20) + 4 * size);
	uint8_t whole[DIGEST_MAX], parts[DIGEST_MAX];
	struct view payload;
	char *type;

	if (type_len == size || type_len > DSSE_TYPE_MAX)
		return 0;
	type = strndup((const char *)data, type_len);
	need(type != NULL);
	payload = view_of(data + type_len + 1, size - type_len - 1);
	need(dsse_pae(NULL, type, payload, &pae) == COFFER_OK);
	check_pae(buf_view(&pae), type, payload);
	need(digest_of(NULL, DIGEST_SHA256, buf_view(&pae), whole) == COFFER_OK);
	need(dsse_digest(NULL, DIGEST_SHA256, type, payload, parts) == COFFER_OK);
	need(memcmp(whole, parts, 32) == 0);
	need(dsse_pae_v02(NULL, type, payload, &v02) == COFFER_OK);
	check_v02(buf_view(&v02));
	free(type);
	buf_free(&pae);
	buf_free(&v02);
	return 0;
}
