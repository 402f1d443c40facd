/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/sign_run.h"

#include <stdio.h>
#include <stdlib.h>

#include "cli/library.h"
#include "cli/out.h"
#include "cli/sign_options.h"
#include "cli/term.h"
#include "cli/verdict_text.h"

static void
say(const struct coffer_sign_stats *stats, const char *signature)
{
	char size[TERM_AMOUNT_LEN], time[TERM_AMOUNT_LEN], rate[TERM_AMOUNT_LEN], reused[80] = "";

	(void)term_rate(stats->bytes, stats->seconds, rate);
	/* what was not read would make it look fast */
	if (stats->n_reused > 0) {
		rate[0] = '\0';
		(void)snprintf(reused, sizeof(reused), ", %llu of them not read again",
			       (unsigned long long)stats->n_reused);
	}
	term_say("signed %llu file%s%s, %s in %s%s%s%s → %s", (unsigned long long)stats->n_files,
		 stats->n_files == 1 ? "" : "s", reused, term_bytes(stats->bytes, size),
		 term_seconds(stats->seconds, time), *rate ? " (" : "", rate, *rate ? ")" : "", signature);
}

static coffer_err
print(struct fault *f, const struct coffer_sign_stats *stats, const char *signature)
{
	struct json_out j;
	coffer_err err;

	json_out_init(&j, f);
	json_out_begin(&j, NULL, JSON_OBJECT);
	json_out_str(&j, "signature", signature);
	json_out_str(&j, "digest", stats->root);
	json_out_uint(&j, "files", stats->n_files);
	json_out_uint(&j, "bytes", stats->bytes);
	json_out_uint(&j, "reused", stats->n_reused);
	json_out_seconds(&j, "seconds", stats->seconds);
	json_out_end(&j);
	err = out_json(f, &j);
	json_out_free(&j);
	return err;
}

coffer_err
sign_run(struct fault *f, struct coffer_ctx *ctx, const char *model, const struct coffer_signer *signer)
{
	const struct coffer_sign_options options = signing_sign_options();
	struct coffer_sign_stats stats = {0};
	char *signature = NULL;
	coffer_err err;

	TRY(signing_path(f, model, SIGNATURE_MAKE, &signature));
	TRY(library_fault(f, ctx, coffer_sign(ctx, model, signature, signer, &options, &stats)));
	say(&stats, signature);
	if (common.json)
		TRY(print(f, &stats, signature));
out:
	free(signature);
	return err;
}

coffer_err
verify_run(struct fault *f, struct coffer_ctx *ctx, const char *model, const struct coffer_trust *trust)
{
	const struct coffer_verify_options options = signing_verify_options();
	struct coffer_verdict *verdict = NULL;
	char *signature = NULL;
	coffer_err err;

	TRY(signing_path(f, model, SIGNATURE_READ, &signature));
	err = library_fault(f, ctx, coffer_verify(ctx, model, signature, trust, &options, &verdict));
	err = verdict_end(f, err, verdict, model);
out:
	coffer_verdict_free(&verdict);
	free(signature);
	return err;
}
