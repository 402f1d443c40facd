/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/args.h"
#include "cli/key_text.h"
#include "cli/library.h"
#include "cli/out.h"
#include "cli/term.h"

#define URI_LEN 4200

/* A bare name means a key of the local keyring. */
static coffer_err
to_uri(struct fault *f, const char *text, char out[static URI_LEN])
{
	if (args_is_key(text))
		return fault_set(
			f, COFFER_E_USAGE,
			"that looks like a key itself, and keys never go on the command line; give its name or "
			"file:PATH");
	if (snprintf(out, URI_LEN, "%s%s", strchr(text, ':') ? "" : "keyring:", text) >= URI_LEN)
		return fault_set(f, COFFER_E_USAGE, "the name of the key is too long; it has at most 64 characters");
	return COFFER_OK;
}

static coffer_err
inspect(struct fault *f, struct coffer_ctx *ctx, const char *text, struct coffer_key_info *info)
{
	char uri[URI_LEN];
	coffer_err err;

	TRY(to_uri(f, text, uri));
	TRY(library_fault(f, ctx, coffer_key_inspect(ctx, uri, info)));
out:
	return err;
}

/* ---- list ---- */

static coffer_err
print_list(struct fault *f, const struct coffer_key_info *list, size_t n)
{
	struct json_out j;
	coffer_err err = COFFER_OK;

	json_out_init(&j, f);
	if (common.json) {
		json_out_begin(&j, NULL, JSON_OBJECT);
		json_out_begin(&j, "keys", JSON_ARRAY);
		for (size_t i = 0; i < n; i++)
			key_json(&j, NULL, &list[i], NULL);
		json_out_end(&j);
		json_out_end(&j);
		TRY(out_json(f, &j));
	} else {
		for (size_t i = 0; i < n; i++)
			TRY(buf_printf(f, &j.text, "%-20s %-6s %-6s %s %s\n", list[i].name, key_kind(&list[i]),
				       list[i].secret ? "secret" : "public", list[i].id, list[i].created));
		TRY(out_buf(f, &j.text));
	}
out:
	json_out_free(&j);
	return err;
}

static coffer_err
run_list(struct fault *f, struct coffer_ctx *ctx, const struct words *operands)
{
	struct coffer_key_info *list = NULL;
	size_t n = 0;
	coffer_err err;

	(void)operands;
	TRY(library_fault(f, ctx, coffer_store_list(ctx, NULL, &list, &n)));
	TRY(print_list(f, list, n));
	if (n == 0)
		term_say("the local keyring is empty; «coffer keygen» makes a key");
out:
	free(list);
	return err;
}

static const struct command list = {
	.name = "key list",
	.brief = "list the keys of the local keyring",
	.operands = "",
	.about = "Prints name, kind, whether the secret part is held, id and date of each key of the local keyring.",
	.options = options_json,
	.run = run_list,
	.library = true,
};

/* ---- show ---- */

static coffer_err
run_show(struct fault *f, struct coffer_ctx *ctx, const struct words *operands)
{
	struct coffer_key_info info;
	struct json_out j;
	coffer_err err;

	json_out_init(&j, f);
	TRY(inspect(f, ctx, operands->v[0], &info));
	if (common.json) {
		key_json(&j, NULL, &info, NULL);
		TRY(out_json(f, &j));
		goto out;
	}
	if (info.name[0])
		TRY(buf_printf(f, &j.text, "%-11s %s\n", "name", info.name));
	TRY(buf_printf(f, &j.text, "%-11s %s, %s\n", "kind", key_kind(&info),
		       info.secret ? "seals and opens" : "public: seals, cannot open"));
	TRY(buf_printf(f, &j.text, "%-11s %s\n", "id", info.id));
	if (info.created[0])
		TRY(buf_printf(f, &j.text, "%-11s %s\n", "made", info.created));
	if (info.public_key[0])
		TRY(buf_printf(f, &j.text, "%-11s recipient:%s\n", "public key", info.public_key));
	TRY(out_buf(f, &j.text));
out:
	json_out_free(&j);
	return err;
}

static const struct command show = {
	.name = "key show",
	.brief = "show what may be known of a key",
	.operands = "NAME|KEY",
	.min = 1,
	.max = 1,
	.hint = HINT_KEY_NAME,
	.about = "Prints kind, id, date and public key of a key of the local keyring, or of a KEY such as file:PATH; "
		 "never the key itself.",
	.options = options_json,
	.run = run_show,
	.library = true,
};

/* ---- import ---- */

static coffer_err
run_import(struct fault *f, struct coffer_ctx *ctx, const struct words *operands)
{
	const char *name = operands->v[0];
	struct coffer_key_info info;
	char uri[URI_LEN];
	coffer_err err;

	if (!strchr(operands->v[1], ':'))
		TRY(fault_set(f, COFFER_E_USAGE,
			      "%s does not say what kind of key it is; write file:PATH or recipient:coffer1...",
			      args_shown(operands->v[1])));
	TRY(to_uri(f, operands->v[1], uri));
	TRY(library_fault(f, ctx, coffer_store_import(ctx, NULL, name, uri)));
	TRY(inspect(f, ctx, name, &info));
	term_say("imported the %s key %s as %s; --kek keyring:%s uses it", key_kind(&info), info.id, name, name);
	if (common.json) {
		struct json_out j;

		json_out_init(&j, f);
		key_json(&j, NULL, &info, NULL);
		err = out_json(f, &j);
		json_out_free(&j);
	}
out:
	return err;
}

static const struct command import = {
	.name = "key import",
	.brief = "copy a key into the local keyring",
	.operands = "NAME KEY",
	.min = 2,
	.max = 2,
	.hint = HINT_KEY,
	.about = "Copies the key of file:PATH, or the public key recipient:coffer1..., into the local keyring as NAME.",
	.options = options_json,
	.run = run_import,
	.library = true,
};

/* ---- export-public ---- */

static coffer_err
run_export(struct fault *f, struct coffer_ctx *ctx, const struct words *operands)
{
	struct coffer_key_info info;
	char line[128];
	coffer_err err;

	TRY(inspect(f, ctx, operands->v[0], &info));
	if (!info.public_key[0])
		TRY(fault_set(
			f, COFFER_E_KEY,
			"%s is an aes key, which has no public part; coffer keygen --kind x25519 makes a key pair",
			operands->v[0]));
	(void)snprintf(line, sizeof(line), "recipient:%s\n", info.public_key);
	TRY(out_text(f, line));
out:
	return err;
}

static const struct command export_public = {
	.name = "key export-public",
	.brief = "print the public key of a key pair",
	.operands = "NAME|KEY",
	.min = 1,
	.max = 1,
	.hint = HINT_KEY_NAME,
	.about = "Prints recipient:coffer1..., which can be given to anybody: it seals and cannot open.",
	.options = options_none,
	.run = run_export,
	.library = true,
};

/* ---- remove ---- */

static coffer_err
run_remove(struct fault *f, struct coffer_ctx *ctx, const struct words *operands)
{
	const char *name = operands->v[0];
	struct coffer_key_info info;
	char question[256];
	coffer_err err;

	if (strchr(name, ':'))
		TRY(fault_set(f, COFFER_E_USAGE,
			      "remove takes the name of a key in the local keyring; «coffer key list» has them"));
	TRY(inspect(f, ctx, name, &info));
	(void)snprintf(question, sizeof(question),
		       "Remove the key %s for ever? Models that it alone can open are lost with it.", name);
	if (info.secret && !common.yes && !term_confirm(question))
		TRY(fault_set(f, COFFER_E_OTHER, "%s was not removed; --yes removes it without asking", name));
	TRY(library_fault(f, ctx, coffer_store_remove(ctx, NULL, name)));
	term_say("removed the %s key %s, %s", key_kind(&info), name, info.id);
out:
	return err;
}

static const struct option remove_options[] = {
	OPTION_YES,
	OPTION_END,
};

static const struct command remove_key = {
	.name = "key remove",
	.brief = "remove a key from the local keyring",
	.operands = "NAME",
	.min = 1,
	.max = 1,
	.hint = HINT_KEY_NAME,
	.about = "Removes the key called NAME for ever; on a terminal it asks first. Models that this key alone opens "
		 "are lost with it.",
	.options = remove_options,
	.run = run_remove,
	.library = true,
};

/* ---- rotate ---- */

static coffer_err
run_rotate(struct fault *f, struct coffer_ctx *ctx, const struct words *operands)
{
	const char *uri = operands->v[0];
	struct coffer_key_state state;
	struct json_out j;
	coffer_err err;

	json_out_init(&j, f);
	if (!strchr(uri, ':'))
		TRY(fault_set(f, COFFER_E_USAGE,
			      "%s does not name a key of a service; for a key of your own, «coffer keygen» makes a new "
			      "one and «coffer rewrap --all DIR --kek OLD --add NEW --remove OLD» changes to it",
			      args_shown(uri)));
	TRY(library_fault(f, ctx, coffer_key_rotate(ctx, uri, &state)));
	term_say("%s %s has a new version%s%s, which wraps from now on", state.kind, state.id,
		 state.version[0] ? " " : "", state.version);
	term_say("models still depend on the older one, which opens them as before: coffer rewrap --all DIR --kek %s",
		 uri);
	if (common.json) {
		json_out_begin(&j, NULL, JSON_OBJECT);
		json_out_str(&j, "kind", state.kind);
		json_out_str(&j, "id", state.id);
		json_out_str(&j, "version", state.version);
		json_out_end(&j);
		TRY(out_json(f, &j));
	} else if (state.version[0]) {
		TRY(buf_printf(f, &j.text, "%s\n", state.version));
		TRY(out_buf(f, &j.text));
	}
out:
	json_out_free(&j);
	return err;
}

static const struct command rotate = {
	.name = "key rotate",
	.brief = "have a key service make a new version of a key",
	.operands = "KEY",
	.min = 1,
	.max = 1,
	.hint = HINT_KEY,
	.about =
		"Has the service that keeps KEY make a new version of it, which wraps from now on, and prints that "
		"version. Models that depend on older versions open as before; coffer rewrap --all DIR --kek KEY moves "
		"them to the new one, and coffer key status shows which are left.\n\n"
		"A key of your own (file:, keyring:) has no versions: make a new one with coffer keygen, and coffer "
		"rewrap --all DIR --kek OLD --add NEW --remove OLD.",
	.options = options_json,
	.run = run_rotate,
	.library = true,
};

/* ---- the group ---- */

static const struct command *const subs[] = {
	&list, &show, &import, &export_public, &remove_key, &rotate, &cmd_key_status, &cmd_key_policy, NULL};

static const struct example examples[] = {
	{"which keys have I?", "coffer key list"},
	{"keep a colleague's public key under a name", "coffer key import anna recipient:coffer1..."},
	{"my public key, to give away", "coffer key export-public deploy"},
	{"a new version, and which models depend on the old one",
	 "coffer key rotate hashivault://models && coffer key status models/ --kek hashivault://models"},
	{NULL, NULL},
};

const struct command cmd_key = {
	.name = "key",
	.brief = "manage keys: keyring, rotation, policies, what depends on them",
	.operands = "",
	.about = "Works on the local keyring, which coffer keygen makes keys in; rotate, status and policy on keys of "
		 "services and the models that depend on them.",
	.options = options_none,
	.examples = examples,
	.subs = subs,
};
