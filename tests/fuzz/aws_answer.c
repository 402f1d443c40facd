/* SPDX-License-Identifier: Apache-2.0 */
/* Answers with AWS credentials: what is taken can stand in a header, and what is refused leaves nothing. */
#include <string.h>

#include "base/limits.h"
#include "net/aws_answer.h"
#include "support/fuzz.h"

static void
check(coffer_err err, struct aws_cred *cred)
{
	const struct secret *parts[] = {&cred->secret, &cred->token};

	need((err == COFFER_OK) == (cred->id[0] != '\0') && (err == COFFER_OK) == (cred->secret.p != NULL));
	need(memchr(cred->id, '\0', sizeof(cred->id)) && !strpbrk(cred->id, " /,\r\n"));
	for (size_t i = 0; i < 2; i++)
		for (size_t k = 0; k < parts[i]->len; k++)
			need(parts[i]->p[k] > 0x20 && parts[i]->p[k] < 0x7f);
	aws_cred_free(cred);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct aws_cred cred = AWS_CRED_INIT;
	struct aws_said said;

	if (size > LIMIT_TOKEN)
		return 0;
	check(aws_answer_json(NULL, "it", view_of(data, size), &cred), &cred);
	check(aws_answer_xml(NULL, "it", view_of(data, size), &cred), &cred);
	aws_answer_error(view_of(data, size), &said);
	need(memchr(said.code, '\0', sizeof(said.code)) && memchr(said.words, '\0', sizeof(said.words)));
	return 0;
}
