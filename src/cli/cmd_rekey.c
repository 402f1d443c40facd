/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "cli/args.h"
#include "cli/library.h"
#include "cli/rotate_options.h"
#include "cli/stats_text.h"
#include "cli/term.h"

static struct words new_keys;

static const struct option options[] = {
	OPTION_KEK("a key that opens the model now; repeat it for more. Without it: every key of the local keyring"),
	{.name = "to",
	 .value = "KEY",
	 .list = &new_keys,
	 .hint = HINT_KEY,
	 .help = "a key that shall open it afterwards, and no others; may be repeated. The default is what --kek "
		 "gives"},
	OPTION_ALL("each SEALED is a folder: all sealed models in it and below, those in hidden folders too"),
	OPTION_LIST,
	OPTION_EXCLUDE("leave out what --all finds at paths that match a shell pattern, as 'old/*'; may be repeated"),
	OPTION_BEFORE("only models wrapped for the --kek before: 2026-01-31, 2026-01-31T12:00:00Z, or 90d ago"),
	OPTION_ENVIRONMENT(HELP_ENVIRONMENT),
	OPTION_MIN_GENERATION,
	OPTION_DRY_RUN("say which models would be rekeyed, unwrap and verify, change nothing"),
	OPTION_JOBS,
	OPTION_JSON,
	OPTION_END,
};

static const struct example examples[] = {
	{"after a key was stolen", "coffer rekey llama.sealed --kek file:old.key --to file:new.key"},
	{"the same for every model below a folder", "coffer rekey --all models/ --kek file:old.key --to file:new.key"},
	{"a new data key for the same key", "coffer rekey llama.sealed --kek keyring:team"},
	{NULL, NULL},
};

static coffer_err
rekey_one(struct fault *f, struct coffer_ctx *ctx, const char *path, const struct coffer_keyring *keys,
	  const struct coffer_keyring *to)
{
	struct coffer_stats stats = {0};
	coffer_err err;

	TRY(library_fault(f, ctx, coffer_rekey(ctx, path, keys, to, &stats)));
	stats_say("rekeyed", &stats, path);
	TRY(stats_print(f, &stats, path));
out:
	return err;
}

static coffer_err
rekey_all(struct fault *f, struct coffer_ctx *ctx, const struct words *operands, const struct coffer_keyring *keys,
	  const struct coffer_keyring *to, int64_t before)
{
	const struct coffer_rekey_options opt = {.version_1 = 1, .before = before, .dry_run = common.dry_run};
	struct coffer_rotation *rotation = NULL;
	struct coffer_models *models = NULL;
	coffer_err err;

	TRY(rotate_models(f, ctx, operands, &models));
	err = library_fault(f, ctx, coffer_rekey_all(ctx, models, keys, to, &opt, &rotation));
	if (rotation)
		err = rotate_report(f, err, common.dry_run ? "dry run, nothing changed: would rekey" : "rekeyed",
				    rotation, AGAIN_WITH_BEFORE);
out:
	coffer_rotation_free(&rotation);
	coffer_models_free(&models);
	return err;
}

static coffer_err
run(struct fault *f, struct coffer_ctx *ctx, const struct words *operands)
{
	struct coffer_keyring *keys = NULL, *to = NULL;
	const struct coffer_keyring *new_ones;
	int64_t before;
	coffer_err err;

	/* not every key of a keyring should open a model because one of them can */
	if (new_keys.n == 0 && common.keks.n == 0)
		TRY(fault_set(f, COFFER_E_USAGE,
			      "rekey needs to know for which keys; give --to KEY, or --kek KEY to keep that one"));
	TRY(rotate_before(f, &before));
	TRY(library_keys(f, ctx, &new_keys, &to));
	TRY(library_keys_to_open(f, ctx, &keys));
	new_ones = new_keys.n ? to : keys;
	if (operands->n == 1 && !rotate_is_many(operands) && !common.dry_run && before == 0)
		TRY(rekey_one(f, ctx, operands->v[0], keys, new_ones));
	else
		TRY(rekey_all(f, ctx, operands, keys, new_ones, before));
out:
	coffer_keyring_free(&keys);
	coffer_keyring_free(&to);
	free(new_keys.v);
	return err;
}

const struct command cmd_rekey = {
	.name = "rekey",
	.brief = "seal sealed models anew under a new data key",
	.operands = "SEALED...",
	.max = MODELS_MAX,
	.hint = HINT_FILE,
	.about = "Opens every record of SEALED and seals it again under a new data key, wrapped for the keys of --to "
		 "alone. It needs as much room again while it runs. No plaintext reaches the disk, and an interruption "
		 "leaves the old model whole or the new one.\n\n"
		 "Of many models (--all, --list, or several SEALED) one that fails does not stop the others. A new "
		 "data key is wrapped anew, so after an interruption the same command with --before and the time when "
		 "it began goes on with those that are left; it says that time.\n\n"
		 "Old copies elsewhere still open with the old keys.",
	.options = options,
	.examples = examples,
	.run = run,
	.library = true,
};
