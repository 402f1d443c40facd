/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/args.h"
#include "cli/key_text.h"
#include "cli/library.h"
#include "cli/out.h"
#include "cli/term.h"

static const char *kind;

static const struct option options[] = {
	OPTION_OUT("FILE", "write the key to a new FILE, and not to the keyring"),
	{.name = "kind",
	 .value = "KIND",
	 .text = &kind,
	 .hint = HINT_WORDS,
	 .words = "aes x25519",
	 .help = "aes (the default): whoever can seal can open; x25519: a key pair, whose public key can be given away "
		 "to "
		 "seal with"},
	OPTION_JSON,
	OPTION_END,
};

static const struct example examples[] = {
	{"a key in the keyring, called default: seal and open use it", "coffer keygen"},
	{"one called team", "coffer keygen team"},
	{"a key file", "coffer keygen -o model.key"},
	{"a key pair; what is printed is the public key", "coffer keygen --kind x25519 deploy"},
	{NULL, NULL},
};

/* Where the new key goes; the caller frees it. */
static coffer_err
choose_path(struct fault *f, struct coffer_ctx *ctx, const char *name, char **path_out)
{
	if (!common.out)
		return library_fault(f, ctx, coffer_store_path(ctx, NULL, name, path_out));
	*path_out = strdup(common.out);
	return *path_out ? COFFER_OK : fault_nomem(f);
}

static coffer_err
print_result(struct fault *f, const struct coffer_key_info *info, const char *path)
{
	struct json_out j;
	coffer_err err = COFFER_OK;

	json_out_init(&j, f);
	if (common.json) {
		key_json(&j, NULL, info, path);
		TRY(out_json(f, &j));
	} else if (info->public_key[0]) {
		TRY(buf_printf(f, &j.text, "recipient:%s\n", info->public_key));
		TRY(out_buf(f, &j.text));
	}
out:
	json_out_free(&j);
	return err;
}

static void
say_what_next(const struct coffer_key_info *info, const char *name, const char *path)
{
	term_say("made the %s key %s in %s", key_kind(info), info->id, path);
	if (common.out)
		term_say("seal with it: coffer seal MODEL -o OUT --kek file:%s", path);
	else if (strcmp(name, "default") == 0)
		term_say("seal with it: coffer seal MODEL -o OUT");
	else
		term_say("seal with it: coffer seal MODEL -o OUT --kek keyring:%s", name);
	term_say("keep a copy of it apart from the models: without it they cannot be opened");
}

static coffer_err
run(struct fault *f, struct coffer_ctx *ctx, const struct words *operands)
{
	const char *name = operands->n > 0 ? operands->v[0] : "default";
	struct coffer_key_info info = {0};
	char *path = NULL;
	coffer_err err;

	if (operands->n > 0 && common.out)
		return fault_set(f, COFFER_E_USAGE, "%s is a name in the keyring and --out is a file; leave one out",
				 args_shown(name));
	if (args_is_key(name))
		return fault_set(f, COFFER_E_USAGE,
				 "that looks like a key itself, and keys never go on the command line; give a name");
	TRY(choose_path(f, ctx, name, &path));
	err = coffer_key_generate(ctx, kind && strcmp(kind, "x25519") == 0 ? COFFER_KEY_X25519 : COFFER_KEY_AES, path,
				  &info);
	if (err == COFFER_E_EXISTS)
		TRY(fault_set(
			f, err,
			"%s exists, and a key is never overwritten; coffer keygen NAME makes another in the keyring, "
			"-o FILE one in a file",
			path));
	TRY(library_fault(f, ctx, err));
	if (!common.out)
		(void)snprintf(info.name, sizeof(info.name), "%s", name);
	TRY(print_result(f, &info, path));
	say_what_next(&info, name, path);
out:
	free(path);
	return err;
}

const struct command cmd_keygen = {
	.name = "keygen",
	.brief = "make a key",
	.operands = "[NAME]",
	.max = 1,
	.hint = HINT_NONE,
	.about = "Makes a key and stores it in the local keyring as NAME, or as \"default\" without one. The key "
		 "called default "
		 "is what coffer seal uses when no other is named.\n\n"
		 "A key file is readable by its owner alone and is never overwritten. Nothing but a public key is "
		 "printed.",
	.options = options,
	.examples = examples,
	.run = run,
	.library = true,
};
