/* SPDX-License-Identifier: Apache-2.0 */
#include "sign/signer.h"

#include <stdlib.h>
#include <string.h>

void
signer_free(struct signer **s)
{
	if (*s)
		(*s)->free(*s);
	*s = NULL;
}

void
verifier_free(struct verifier **v)
{
	if (*v)
		(*v)->free(*v);
	*v = NULL;
}

void
signed_by_free(struct signed_by *who)
{
	free(who->who);
	free(who->identity);
	free(who->issuer);
	certs_free(&who->chain);
	*who = (struct signed_by){.who = NULL};
}

coffer_err
sign_payload(struct fault *f, struct signer *s, struct view statement, struct bundle *b)
{
	coffer_err err;

	bundle_free(b);
	b->content = BUNDLE_DSSE;
	b->payload_type = strdup(DSSE_IN_TOTO);
	if (!b->payload_type)
		return fault_nomem(f);
	TRY(buf_add(f, &b->payload, statement.p, statement.len));
	TRY(s->sign(s, f, b));
out:
	if (err != COFFER_OK)
		bundle_free(b);
	return err;
}
