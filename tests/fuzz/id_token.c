/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Identity tokens: any text is read or refused with a sentence.  Where the text has no dot it is the payload of a token, so that the
 * claims are reached at once.
 */
#include <stdlib.h>
#include <string.h>

#include "base/enc.h"
#include "sign/id_token.h"
#include "support/fuzz.h"

static void
judge(struct view text)
{
	const struct id_token_policy policy = {.audience = "sigstore", .now = 1000};
	struct id_token t = {.text = SECRET_INIT};
	struct fault f = {.text = ""};
	coffer_err err = id_token_parse(&f, text, &policy, &t);

	if (err != COFFER_OK && f.text[0] == '\0')
		abort();
	if (err == COFFER_OK && (t.expires <= policy.now || !t.issuer[0] || !t.subject[0] || t.text.len == 0))
		abort();
	id_token_free(&t);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text;

	if (size == 0 || size > 4096)
		return 0;
	if (memchr(data, '.', size)) {
		judge(view_of(data, size));
		return 0;
	}
	text = malloc(ENC_B64_LEN(size) + 16);
	if (!text)
		return 0;
	memcpy(text, "e30.", 4);
	enc_b64url(data, size, text + 4);
	memcpy(text + strlen(text), ".e30", 5);
	judge(view_str(text));
	free(text);
	return 0;
}
