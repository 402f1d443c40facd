/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "cli/args.h"
#include "cli/library.h"
#include "cli/out.h"
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
	OPTION_DRY_RUN("unwrap and verify, change nothing"),
	OPTION_JSON,
	OPTION_END,
};

static const struct example examples[] = {
	{"change from an old key to a new one",
	 "coffer rewrap llama.sealed --kek file:old.key --add file:new.key --remove file:old.key"},
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

static coffer_err
report(struct fault *f, struct coffer_ctx *ctx, const char *path)
{
	size_t n = count_recipients(ctx, path);
	struct json_out j;
	coffer_err err = COFFER_OK;

	if (common.dry_run)
		term_say("dry run, nothing changed: %s can be rewrapped", path);
	else
		term_say("rewrapped %s: %zu key%s can open it now", path, n, n == 1 ? "" : "s");
	if (!common.dry_run && (to_remove.n || ids.n || replace))
		term_say("who copied the model while a removed key could open it still can; «coffer rekey» makes a new "
			 "data key");
	if (!common.json)
		return COFFER_OK;
	json_out_init(&j, f);
	json_out_begin(&j, NULL, JSON_OBJECT);
	json_out_str(&j, "path", path);
	json_out_uint(&j, "recipients", n);
	json_out_bool(&j, "dry_run", common.dry_run);
	json_out_end(&j);
	err = out_json(f, &j);
	json_out_free(&j);
	return err;
}

static coffer_err
run(struct fault *f, struct coffer_ctx *ctx, const struct words *operands)
{
	struct coffer_rewrap_options opt = {.version_1 = 1, .replace = replace, .dry_run = common.dry_run};
	struct coffer_keyring *keys = NULL, *added = NULL, *removed = NULL;
	coffer_err err;

	if (to_add.n + to_remove.n + ids.n == 0)
		TRY(fault_set(f, COFFER_E_USAGE,
			      "rewrap was told no change; give --add KEY, --remove KEY or --remove-id ID%s",
			      replace ? ", for --replace keeps what --add names" : ""));
	TRY(library_keys(f, ctx, &to_add, &added));
	TRY(library_keys(f, ctx, &to_remove, &removed));
	TRY(library_keys_to_open(f, ctx, &keys));
	opt.add = to_add.n ? added : NULL;
	opt.remove = to_remove.n ? removed : NULL;
	opt.remove_ids = ids.v;
	opt.n_remove_ids = ids.n;
	TRY(library_fault(f, ctx, coffer_rewrap(ctx, operands->v[0], keys, &opt)));
	TRY(report(f, ctx, operands->v[0]));
out:
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
	.brief = "change which keys open a sealed model",
	.operands = "SEALED",
	.min = 1,
	.max = 1,
	.hint = HINT_FILE,
	.about = "Wraps the data key of SEALED for other keys. The sealed contents are not touched, so it takes the "
		 "same moment for "
		 "a model of any size, and signatures over them stay good. An interruption leaves the old keys or the "
		 "new ones.\n\n"
		 "Rewrapping is no revocation: whoever copied the model while a key could open it can still open that "
		 "copy. coffer "
		 "rekey seals the contents anew.",
	.options = options,
	.examples = examples,
	.run = run,
	.library = true,
};
