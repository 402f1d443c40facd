/* SPDX-License-Identifier: Apache-2.0 */
#include "key/policy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/ctx.h"
#include "key/vault_policy.h"

#define POLICY_MAX (1u << 20)

static coffer_err
write_text(struct fault *f, const struct coffer_policy_options *options, char **text_out)
{
	struct buf text = BUF_INIT(POLICY_MAX);
	coffer_err err;

	*text_out = NULL;
	TRY(policy_text(f, options, &text));
	TRY(buf_take_text(f, &text, text_out));
out:
	buf_free(&text);
	return err;
}

coffer_err
coffer_policy_text(struct coffer_ctx *ctx, const struct coffer_policy_options *options, char **text_out)
{
	return write_text(ctx_begin(ctx), options, text_out);
}

coffer_err
coffer_policy_apply(struct coffer_ctx *ctx, const struct coffer_policy_options *options, char **name_out)
{
	struct fault *f = ctx_begin(ctx);
	char *text = NULL, *name = NULL;
	coffer_err err;

	if (name_out)
		*name_out = NULL;
	TRY(write_text(f, options, &text));
	if (strcmp(options->provider, "hashivault") != 0)
		TRY(fault_set(f, COFFER_E_USAGE,
			      "policies are installed in Vault alone; give the text to the tools of %s",
			      options->provider));
	if (asprintf(&name, "coffer-%s-%s", options->environment, policy_role_name(options->role)) < 0) {
		name = NULL;
		TRY(fault_nomem(f));
	}
	TRY(vault_write_policy(f, name, text));
	if (name_out) {
		*name_out = name;
		name = NULL;
	}
out:
	free(name);
	free(text);
	return err;
}
