/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/utc.h"
#include "cli/args.h"
#include "cli/library.h"
#include "cli/out.h"
#include "cli/rotate_options.h"
#include "cli/term.h"

static struct words to_add, to_remove, ids;
static bool replace;

static const struct option options[] = {
	OPTION_KEK("a key that opens the model now; repeat it for more. Without it: every key of the local keyring"),
	{.name = "add",
	 .value = "KEY",
	 .list = &to_add,
	 .hint = HINT_KEY,
	 .help = "a key that shall open it, too; may be repeated"},
	{.name = "remove",
	 .value = "KEY",
	 .list = &to_remove,
	 .hint = HINT_KEY,
	 .help = "a key that shall not open it any more; may be repeated"},
	{.name = "remove-id",
	 .value = "ID",
	 .list = &ids,
	 .help = "the same by the id that inspect shows, for a key that is lost; may be repeated"},
	{.name = "replace", .flag = &replace, .help = "remove every key that is not given with --add"},
	OPTION_ALL("each SEALED is a folder: all sealed models in it and below, those in hidden folders too"),
	OPTION_LIST,
	OPTION_EXCLUDE("leave out what --all finds at paths that match a shell pattern, as 'old/*'; may be repeated"),
	OPTION_BEFORE("only what was wrapped for the --kek before: 2026-01-31, 2026-01-31T12:00:00Z, or 90d ago"),
	OPTION_ENVIRONMENT(HELP_ENVIRONMENT),
	OPTION_MIN_GENERATION,
	OPTION_DRY_RUN("say what would change; unwrap and verify where the data key is needed; change nothing"),
	OPTION_JOBS,
	OPTION_JSON,
	OPTION_END,
};

static const struct example examples[] = {
	{"change from an old key to a new one",
	 "coffer rewrap llama.sealed --kek file:old.key --add file:new.key --remove file:old.key"},
	{"the same for every model below a folder; it can be repeated",
	 "coffer rewrap --all models/ --kek file:old.key --add file:new.key --remove file:old.key"},
	{"after a rotation in the key service: use the newest version",
	 "coffer rewrap --all models/ --kek hashivault://models"},
	{"let a colleague open it, too", "coffer rewrap llama.sealed --add recipient:coffer1..."},
	{"only this key from now on", "coffer rewrap llama.sealed --add keyring:team --replace"},
	{NULL, NULL},
};

static size_t
count_recipients(struct coffer_ctx *ctx, const char *path)
{
	struct coffer_inspection *inspection = NULL;
	size_t n = 0;

	if (coffer_inspect(ctx, path, &inspection) == COFFER_OK)
		n = inspection->n_recipients;
	coffer_inspection_free(&inspection);
	return n;
}

static void
say_one(const struct coffer_rotated *model, size_t n)
{
	if (!model->changed)
		term_say("%s: nothing had to change%s%s", model->path, *model->message ? ": " : "", model->message);
	else if (common.dry_run)
		term_say("dry run, nothing changed: %s can be rewrapped %s", model->path, rotate_way(model->way));
	else
		term_say("rewrapped %s %s: %zu key%s can open it now", model->path, rotate_way(model->way), n,
			 n == 1 ? "" : "s");
}

static coffer_err
print_one(struct fault *f, const struct coffer_rotated *model, size_t n)
{
	struct json_out j;

	out_json_begin(&j, f);
	rotate_json(&j, model);
	json_out_uint(&j, "recipients", n);
	json_out_bool(&j, "dry_run", common.dry_run);
	return out_json_end(&j);
}

static void
say_no_revocation(void)
{
	if (!common.dry_run && (to_remove.n || ids.n || replace))
		term_say("who copied a model while a removed key could open it still can; «coffer rekey» makes a new "
			 "data key");
}

/* One model by its name: what it was told must be so, and done. */
static coffer_err
rewrap_one(struct fault *f, struct coffer_ctx *ctx, const struct coffer_models *models,
	   const struct coffer_keyring *keys, const struct coffer_rewrap_options *opt)
{
	struct coffer_rotation *rotation = NULL;
	size_t n;
	coffer_err err;

	TRY(library_fault(f, ctx, coffer_rewrap_all(ctx, models, keys, opt, &rotation)));
	n = count_recipients(ctx, rotation->models[0].path);
	say_one(&rotation->models[0], n);
	if (common.json)
		TRY(print_one(f, &rotation->models[0], n));
	else if (common.dry_run)
		TRY(rotate_print(f, rotation));
	if (rotation->models[0].changed)
		say_no_revocation();
out:
	coffer_rotation_free(&rotation);
	return err;
}

static coffer_err
rewrap_all(struct fault *f, struct coffer_ctx *ctx, const struct coffer_models *models,
	   const struct coffer_keyring *keys, const struct coffer_rewrap_options *opt)
{
	struct coffer_rotation *rotation = NULL;
	coffer_err err;

	if (term_is_fancy())
		coffer_ctx_set_progress(ctx, term_progress_count, NULL);
	err = library_fault(f, ctx, coffer_rewrap_all(ctx, models, keys, opt, &rotation));
	if (!rotation)
		goto out;
	err = rotate_report(f, err, common.dry_run ? "dry run, nothing changed: would rewrap" : "rewrapped", rotation,
			    opt->renew ? AGAIN_WITH_BEFORE : AGAIN_AS_IT_IS);
	if (rotation->n_changed > 0)
		say_no_revocation();
out:
	coffer_rotation_free(&rotation);
	return err;
}

static coffer_err
check_change(struct fault *f, bool *renew_out)
{
	*renew_out = to_add.n + to_remove.n + ids.n == 0;
	if (*renew_out && replace)
		return fault_set(f, COFFER_E_USAGE,
				 "--replace keeps what --add names, and nothing is named; give --add KEY");
	/* not for every key of a keyring should a model be wrapped anew because one of them can open it */
	if (*renew_out && common.keks.n == 0)
		return fault_set(
			f, COFFER_E_USAGE,
			"rewrap was told no change; give --add KEY, --remove KEY or --remove-id ID, or --kek KEY alone "
			"to wrap anew for that key");
	return COFFER_OK;
}

static coffer_err
run(struct fault *f, struct coffer_ctx *ctx, const struct words *operands)
{
	struct coffer_rewrap_options opt = {.version_1 = 1, .replace = replace, .dry_run = common.dry_run};
	struct coffer_keyring *keys = NULL, *added = NULL, *removed = NULL;
	struct coffer_models *models = NULL;
	bool many = rotate_is_many(operands);
	coffer_err err;

	TRY(check_change(f, &opt.renew));
	TRY(rotate_before(f, &opt.before));
	TRY(library_keys(f, ctx, &to_add, &added));
	TRY(library_keys(f, ctx, &to_remove, &removed));
	TRY(library_keys_to_open(f, ctx, &keys));
	TRY(rotate_models(f, ctx, operands, &models));
	opt.add = to_add.n ? added : NULL;
	opt.remove = to_remove.n ? removed : NULL;
	opt.remove_ids = ids.v;
	opt.n_remove_ids = ids.n;
	opt.settled = many;
	TRY(many ? rewrap_all(f, ctx, models, keys, &opt) : rewrap_one(f, ctx, models, keys, &opt));
out:
	coffer_models_free(&models);
	coffer_keyring_free(&keys);
	coffer_keyring_free(&added);
	coffer_keyring_free(&removed);
	free(to_add.v);
	free(to_remove.v);
	free(ids.v);
	return err;
}

const struct command cmd_rewrap = {
	.name = "rewrap",
	.brief = "change which keys open sealed models",
	.operands = "SEALED...",
	.max = MODELS_MAX,
	.hint = HINT_FILE,
	.about = "Wraps the data key of SEALED for other keys, or with --kek alone anew for the same key, under its "
		 "newest version. The sealed contents are not touched, so it takes the same moment for a model of any "
		 "size, and signatures over them stay good. An interruption leaves the old keys or the new ones.\n\n"
		 "Where only recipients of key services change, and the service can, it makes the new wrap of the old "
		 "one: the data key never comes here, and a credential that may not decrypt is enough.\n\n"
		 "Of many models (--all, --list, or several SEALED) each is done apart: one that fails does not stop "
		 "the others, and the exit code is that of the first that failed. What is as it should be is left "
		 "alone, so the same command goes on where it was interrupted.\n\n"
		 "Rewrapping is no revocation: whoever copied the model while a key could open it can still open that "
		 "copy. coffer rekey seals the contents anew.",
	.options = options,
	.examples = examples,
	.run = run,
	.library = true,
};
