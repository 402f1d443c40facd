/* SPDX-License-Identifier: Apache-2.0 */
/* PKCS#11 URIs, a reader's own and those that stand in models: taken apart or refused; what is written is read back as the same. */
#include "crypto/token_uri.h"

#include <string.h>

#include "crypto/token_kek.h"
#include "support/fuzz.h"

static struct view
attribute(P11KitUri *uri, CK_ATTRIBUTE_TYPE type)
{
	const CK_ATTRIBUTE *a = p11_kit_uri_get_attribute(uri, type);

	return a ? view_of(a->pValue, a->ulValueLen) : view_of(NULL, 0);
}

static void
write(P11KitUri *uri, struct buf *out)
{
	need(token_uri_add(NULL, p11_kit_uri_get_token_info(uri), attribute(uri, CKA_LABEL), attribute(uri, CKA_ID),
			   out) == COFFER_OK);
	need(buf_add(NULL, out, "", 1) == COFFER_OK);
}

static void
check_written(P11KitUri *uri)
{
	struct buf once = BUF_INIT(1u << 20), again = BUF_INIT(1u << 20);
	P11KitUri *read = NULL;

	write(uri, &once);
	need(token_uri_parse(NULL, (const char *)once.p, &read) == COFFER_OK);
	need(token_uri_agree(uri, read));
	write(read, &again);
	need(once.len == again.len && memcmp(once.p, again.p, once.len) == 0);
	p11_kit_uri_free(read);
	buf_free(&once);
	buf_free(&again);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1), *id;
	struct token_kek *kek = NULL;
	struct fault f = {.text = ""};
	P11KitUri *uri = NULL;
	coffer_err err;

	if (!text)
		return 0;
	if (size > 0)
		memcpy(text, data, size);
	text[size] = '\0';
	/* the second line is what a model says */
	id = strchr(text, '\n');
	if (id)
		*id++ = '\0';
	err = token_uri_parse(&f, text, &uri);
	need(err == COFFER_OK || (err == COFFER_E_USAGE && f.text[0] && !uri));
	if (err == COFFER_OK)
		check_written(uri);
	p11_kit_uri_free(uri);
	err = token_kek_new(&f, text, NULL, &kek);
	need(err == COFFER_OK || (err == COFFER_E_USAGE && !kek));
	if (kek && id)
		(void)token_kek_fits(kek, id);
	token_kek_free(&kek);
	free(text);
	return 0;
}
