/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "cli/args.h"
#include "cli/library.h"
#include "cli/stats_text.h"

static struct words new_keys;

static const struct option options[] = {
	OPTION_KEK("a key that opens the model now; repeat it for more. Without it: every key of the local keyring"),
	{.name = "to",
	 .value = "KEY",
	 .list = &new_keys,
	 .hint = HINT_KEY,
	 .help = "a key that shall open it afterwards, and no others; may be repeated. The default is what --kek "
		 "gives"},
	OPTION_JOBS,
	OPTION_JSON,
	OPTION_END,
};

static const struct example examples[] = {
	{"after a key was stolen", "coffer rekey llama.sealed --kek file:old.key --to file:new.key"},
	{"a new data key for the same key", "coffer rekey llama.sealed --kek keyring:team"},
	{NULL, NULL},
};

static coffer_err
run(struct fault *f, struct coffer_ctx *ctx, const struct words *operands)
{
	struct coffer_keyring *keys = NULL, *to = NULL;
	struct coffer_stats stats = {0};
	coffer_err err;

	/* not every key of a keyring should open a model because one of them can */
	if (new_keys.n == 0 && common.keks.n == 0)
		TRY(fault_set(f, COFFER_E_USAGE,
			      "rekey needs to know for which keys; give --to KEY, or --kek KEY to keep that one"));
	TRY(library_keys(f, ctx, &new_keys, &to));
	TRY(library_keys_to_open(f, ctx, &keys));
	TRY(library_fault(f, ctx, coffer_rekey(ctx, operands->v[0], keys, new_keys.n ? to : keys, &stats)));
	stats_say("rekeyed", &stats, operands->v[0]);
	TRY(stats_print(f, &stats, operands->v[0]));
out:
	coffer_keyring_free(&keys);
	coffer_keyring_free(&to);
	free(new_keys.v);
	return err;
}

const struct command cmd_rekey = {
	.name = "rekey",
	.brief = "seal a sealed model anew under a new data key",
	.operands = "SEALED",
	.min = 1,
	.max = 1,
	.hint = HINT_FILE,
	.about = "Opens every record of SEALED and seals it again under a new data key, wrapped for the keys of --to "
		 "alone. It needs "
		 "as much room again while it runs. No plaintext reaches the disk, and an interruption leaves the old "
		 "model whole or "
		 "the new one.\n\n"
		 "Old copies elsewhere still open with the old keys.",
	.options = options,
	.examples = examples,
	.run = run,
	.library = true,
};
