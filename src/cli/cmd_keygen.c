/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/args.h"
#include "cli/key_text.h"
#include "cli/library.h"
#include "cli/out.h"
#include "cli/term.h"

static const char *kind, *passphrase_file;

static const struct option options[] = {
	OPTION_OUT("FILE", "write the key to a new FILE, and not to the keyring"),
	{.name = "kind",
	 .value = "KIND",
	 .text = &kind,
	 .hint = HINT_WORDS,
	 .words = "aes x25519 p256 p384 p521 rsa",
	 .help = "aes (the default): whoever can seal can open; x25519: a key pair, whose public key can be given away "
		 "to seal with; p256, p384, p521: a key pair to sign models with; rsa: one to sign single files with"},
	{.name = "passphrase-file",
	 .value = "FILE",
	 .text = &passphrase_file,
	 .hint = HINT_FILE,
	 .help = "encrypt a private key to sign with under the first line of FILE; - asks for a passphrase"},
	OPTION_JSON,
	OPTION_END,
};

static const struct example examples[] = {
	{"a key in the keyring, called default: seal and open use it", "coffer keygen"},
	{"one called team", "coffer keygen team"},
	{"a key file", "coffer keygen -o model.key"},
	{"a key pair; what is printed is the public key", "coffer keygen --kind x25519 deploy"},
	{"one in an HSM", "coffer keygen 'pkcs11:token=models;object=kek?module-name=softhsm2'"},
	{"a key pair to sign with: sign.key and sign.key.pub", "coffer keygen --kind p256 -o sign.key"},
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

/* ---- keys that sign: two PEM files ---- */

static const struct {
	const char *kind;
	enum coffer_curve curve;
} curves[] = {
	{"p256", COFFER_CURVE_P256},
	{"p384", COFFER_CURVE_P384},
	{"p521", COFFER_CURVE_P521},
	{"rsa", COFFER_RSA_3072},
};

static bool
find_curve(enum coffer_curve *curve_out)
{
	for (size_t i = 0; kind && i < sizeof(curves) / sizeof(curves[0]); i++)
		if (strcmp(curves[i].kind, kind) == 0) {
			*curve_out = curves[i].curve;
			return true;
		}
	return false;
}

static coffer_err
print_pair(struct fault *f, const char *public_path, const char *key_id)
{
	struct json_out j;
	coffer_err err = COFFER_OK;

	json_out_init(&j, f);
	if (common.json) {
		json_out_begin(&j, NULL, JSON_OBJECT);
		json_out_str(&j, "kind", kind);
		json_out_str(&j, "key_id", key_id);
		json_out_str(&j, "path", common.out);
		json_out_str(&j, "public_path", public_path);
		json_out_end(&j);
		TRY(out_json(f, &j));
	} else {
		TRY(buf_printf(f, &j.text, "%s\n", key_id));
		TRY(out_buf(f, &j.text));
	}
out:
	json_out_free(&j);
	return err;
}

static void
say_pair(enum coffer_curve curve, const char *public_path)
{
	const bool model = curve != COFFER_RSA_3072;

	term_say("made the %s key pair: %s signs and stays here, %s verifies and can be given away", kind, common.out,
		 public_path);
	term_say("sign with it: coffer sign %s --private-key %s %s", model ? "key" : "detached", common.out,
		 model ? "MODEL" : "FILE");
}

static coffer_err
make_pair(struct fault *f, struct coffer_ctx *ctx, enum coffer_curve curve)
{
	char *public_path = NULL, key_id[65] = "";
	coffer_err err;

	if (!common.out)
		return fault_set(f, COFFER_E_USAGE,
				 "a key to sign with is a file and not in the keyring; give -o FILE, and the public "
				 "key goes to FILE.pub");
	if (asprintf(&public_path, "%s.pub", common.out) < 0)
		return fault_nomem(f);
	TRY(library_fault(f, ctx,
			  coffer_signing_key_generate(ctx, curve, common.out, public_path, passphrase_file, key_id)));
	TRY(print_pair(f, public_path, key_id));
	say_pair(curve, public_path);
out:
	free(public_path);
	return err;
}

/* ---- keys that stay on a token ---- */

static bool
is_on_token(const char *name)
{
	return strncmp(name, "pkcs11:", 7) == 0;
}

static coffer_err
print_id(struct fault *f, const char *id)
{
	struct json_out j;
	coffer_err err = COFFER_OK;

	json_out_init(&j, f);
	if (common.json) {
		json_out_begin(&j, NULL, JSON_OBJECT);
		json_out_str(&j, "kind", "pkcs11");
		json_out_str(&j, "id", id);
		json_out_end(&j);
		TRY(out_json(f, &j));
	} else {
		TRY(buf_printf(f, &j.text, "%s\n", id));
		TRY(out_buf(f, &j.text));
	}
out:
	json_out_free(&j);
	return err;
}

static coffer_err
make_on_token(struct fault *f, struct coffer_ctx *ctx, const char *uri)
{
	char id[COFFER_SERVICE_ID_LEN];
	coffer_err err;

	if (kind || passphrase_file)
		return fault_set(f, COFFER_E_USAGE,
				 "a key on a token is an AES key without a passphrase; leave --kind and "
				 "--passphrase-file out");
	TRY(library_fault(f, ctx, coffer_key_make(ctx, uri, id)));
	TRY(print_id(f, id));
	term_say("made an AES key that stays on its token");
	term_say("seal with it: coffer seal MODEL -o OUT --kek '%s'", uri);
	term_say("there is no copy of it: seal for a second key, too, or have the token backed up");
out:
	return err;
}

/* ---- keys that seal ---- */

static coffer_err
make_key(struct fault *f, struct coffer_ctx *ctx, const struct words *operands)
{
	const char *name = operands->n > 0 ? operands->v[0] : "default";
	struct coffer_key_info info = {0};
	char *path = NULL;
	coffer_err err;

	if (passphrase_file)
		return fault_set(f, COFFER_E_USAGE,
				 "--passphrase-file is for keys that sign; to seal for a passphrase: coffer seal --kek "
				 "passphrase:");
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

static coffer_err
run(struct fault *f, struct coffer_ctx *ctx, const struct words *operands)
{
	enum coffer_curve curve;

	if (operands->n > 0 && common.out)
		return fault_set(f, COFFER_E_USAGE, "%s is a name in the keyring and --out is a file; leave one out",
				 args_shown(operands->v[0]));
	if (operands->n > 0 && is_on_token(operands->v[0]))
		return make_on_token(f, ctx, operands->v[0]);
	return find_curve(&curve) ? make_pair(f, ctx, curve) : make_key(f, ctx, operands);
}

const struct command cmd_keygen = {
	.name = "keygen",
	.brief = "make a key",
	.operands = "[NAME|pkcs11:URI]",
	.max = 1,
	.hint = HINT_NONE,
	.about = "Makes a key and stores it in the local keyring as NAME, or as \"default\" without one. The key "
		 "called default is what coffer seal uses when no other is named.\n\n"
		 "A key file is readable by its owner alone and is never overwritten. Nothing but a public key is "
		 "printed.\n\n"
		 "With --kind p256, p384, p521 or rsa it makes a key pair to sign with, in two PEM files, -o FILE and "
		 "FILE.pub, and prints the id of the public key.\n\n"
		 "With a pkcs11: URI (RFC 7512) it has a token or HSM make an AES key of 256 bits that never leaves "
		 "it, with the label that is the URI's object, and prints the URI of the key. COFFER_PKCS11_MODULE and "
		 "COFFER_PKCS11_PIN_FILE name the module and the file of the PIN where the URI does not; without the "
		 "latter coffer asks.",
	.options = options,
	.examples = examples,
	.run = run,
	.library = true,
};
