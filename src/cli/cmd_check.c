/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/args.h"
#include "cli/library.h"
#include "cli/stats_text.h"

static const struct option options[] = {
	OPTION_KEK("a key to try; repeat it for more. Without it: every key of the local keyring"),
	OPTION_ENVIRONMENT(HELP_ENVIRONMENT),
	OPTION_MIN_GENERATION,
	OPTION_JOBS,
	OPTION_JSON,
	OPTION_END,
};

static const struct example examples[] = {
	{"after a download", "coffer check llama.sealed"},
	{"in a script", "coffer check model.coffer --kek file:model.key --quiet && deploy"},
	{NULL, NULL},
};

static coffer_err
run(struct fault *f, struct coffer_ctx *ctx, const struct words *operands)
{
	struct coffer_keyring *keys = NULL;
	struct coffer_stats stats = {0};
	coffer_err err;

	TRY(library_keys_to_open(f, ctx, &keys));
	TRY(library_fault(f, ctx, coffer_check(ctx, operands->v[0], keys, &stats)));
	/* the one place that says it */
	stats_say("verified", &stats, NULL);
	TRY(stats_print(f, &stats, NULL));
out:
	coffer_keyring_free(&keys);
	return err;
}

const struct command cmd_check = {
	.name = "check",
	.brief = "verify every byte of a sealed model, write nothing",
	.operands = "SEALED",
	.min = 1,
	.max = 1,
	.hint = HINT_FILE,
	.about = "Verifies that SEALED is whole and unchanged: the key block, the list of files and every record. Exit "
		 "code 0 means that opening it would succeed, 5 that something is not authentic, malformed, missing or "
		 "extra.",
	.options = options,
	.examples = examples,
	.run = run,
	.library = true,
};
