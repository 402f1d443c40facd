/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/limits.h"
#include "cli/args.h"
#include "cli/library.h"
#include "cli/sign_options.h"
#include "cli/stats_text.h"
#include "cli/term.h"

static const char *name, *model_version, *sign_with;
static struct words context;
static bool hidden, follow_symlinks;
static uint64_t record_size;

static const struct option options[] = {
	OPTION_OUT("OUT", "where the sealed model goes; for a file the default is IN.coffer"),
	OPTION_KEK("seal for KEY; repeat it for more keys, each of which can then open. Without it: the key called "
		   "default of the local keyring"),
	{.name = "name",
	 .value = "TEXT",
	 .text = &name,
	 .help = "the model's name; the default is the last part of IN"},
	{.name = "version",
	 .value = "TEXT",
	 .text = &model_version,
	 .help = "the model's version (public, authenticated)"},
	{.name = "context",
	 .value = "KEY=VALUE",
	 .list = &context,
	 .help = "bind a public pair to the sealed model, as env=production; repeat it for more"},
	OPTION_ENVIRONMENT(
		"seal for this environment, as production: the pair environment=NAME, which keys and loaders can be "
		"limited to; the default is $COFFER_ENVIRONMENT"),
	OPTION_INCLUDE("seal only the files that match a shell pattern, as '*.safetensors'; may be repeated"),
	OPTION_EXCLUDE("leave out the files that match; may be repeated"),
	{.name = "hidden", .flag = &hidden, .help = "seal files and folders whose name begins with a dot, too"},
	{.name = "follow-symlinks",
	 .flag = &follow_symlinks,
	 .help = "follow symbolic links that lead out of IN, as in the cache of Hugging Face; without it they are "
		 "refused"},
	OPTION_IN_PLACE("replace each file of IN by its sealed file; needs no --out"),
	OPTION_FORCE("replace an output that exists"),
	OPTION_DRY_RUN("find out all that would be refused, and write nothing"),
	OPTION_JOBS,
	{.name = "record-size",
	 .value = "SIZE",
	 .number = &record_size,
	 .min = LIMIT_RECORD_MIN,
	 .max = LIMIT_RECORD_MAX,
	 .help = "bytes of one record, a power of two from 64K to 16M; the default is 1M"},
	OPTION_JSON,
	OPTION_END,
};

static const struct option signing_options[] = {
	{.name = "sign",
	 .value = "SIGNER",
	 .text = &sign_with,
	 .hint = HINT_FILE,
	 .help = "sign, too, in the same pass: SIGNER is a private key in PEM, a pkcs11: URI, or sigstore"},
	OPTION_SIGNING_CERTIFICATE,
	OPTION_CERTIFICATE_CHAIN("what stands between it and the root, to go into the signature; may be repeated"),
	OPTION_PASSPHRASE_FILE,
	OPTION_IDENTITY_TOKEN,
	OPTION_AMBIENT,
	OPTION_IDENTITY_PROVIDER("of sigstore: sign in there; the default is what the signing config says"),
	OPTION_TRUST_CONFIG,
	OPTION_TSA_URL,
	OPTION_SERIALIZATION,
	OPTION_SHARD_SIZE,
	OPTION_HASH,
	OPTION_END,
};

static const struct example examples[] = {
	{"seal a folder for the default key of the keyring", "coffer seal llama/ -o llama.sealed"},
	{"one file, for a key file: makes model.safetensors.coffer",
	 "coffer seal model.safetensors --kek file:model.key"},
	{"for a passphrase and for a colleague's public key",
	 "coffer seal llama/ -o out --kek passphrase: --kek recipient:coffer1..."},
	{"signed by a key: whoever has its public half can check the sealed model, too",
	 "coffer seal llama/ -o out --sign sign.key"},
	{"only the weights, with a version", "coffer seal llama/ -o out --include '*.safetensors' --version 2.1"},
	{NULL, NULL},
};

/* struct pairs - the context: the pairs, and their keys, which are copied out of the arguments */
struct pairs {
	struct coffer_pair *v;
	char **keys;
	size_t n;
};

static coffer_err
add_pair(struct fault *f, struct pairs *pairs, const char *key, size_t key_len, const char *value)
{
	pairs->keys[pairs->n] = strndup(key, key_len);
	if (!pairs->keys[pairs->n])
		return fault_nomem(f);
	pairs->v[pairs->n] = (struct coffer_pair){.key = pairs->keys[pairs->n], .value = value};
	pairs->n++;
	return COFFER_OK;
}

/* --environment is a pair like any other; said twice it must be the same. */
static coffer_err
add_environment(struct fault *f, struct pairs *pairs)
{
	const char *environment;
	coffer_err err;

	TRY(library_environment(f, &environment));
	if (!environment)
		return COFFER_OK;
	for (size_t i = 0; i < pairs->n; i++) {
		if (strcmp(pairs->v[i].key, "environment") != 0)
			continue;
		if (strcmp(pairs->v[i].value, environment) != 0)
			return fault_set(
				f, COFFER_E_USAGE,
				"--context says environment=%s, and the environment is %s; leave one of them out",
				args_shown(pairs->v[i].value), environment);
		return COFFER_OK;
	}
	err = add_pair(f, pairs, "environment", strlen("environment"), environment);
out:
	return err;
}

/* «KEY=VALUE» words as pairs; free with pairs_free() */
static coffer_err
split_context(struct fault *f, struct pairs *pairs)
{
	coffer_err err;

	pairs->v = calloc(context.n + 1, sizeof(*pairs->v));
	pairs->keys = calloc(context.n + 1, sizeof(*pairs->keys));
	if (!pairs->v || !pairs->keys)
		return fault_nomem(f);
	for (size_t i = 0; i < context.n; i++) {
		const char *equals = strchr(context.v[i], '=');

		if (!equals || equals == context.v[i])
			return fault_set(f, COFFER_E_USAGE, "%s is no pair for --context; write it as KEY=VALUE",
					 args_shown(context.v[i]));
		TRY(add_pair(f, pairs, context.v[i], (size_t)(equals - context.v[i]), equals + 1));
	}
	TRY(add_environment(f, pairs));
out:
	return err;
}

static void
pairs_free(struct pairs *pairs)
{
	for (size_t i = 0; i < pairs->n; i++)
		free(pairs->keys[i]);
	free(pairs->keys);
	free(pairs->v);
}

static coffer_err
refuse_streams(struct fault *f, const char *in)
{
	if (strcmp(in, "-") == 0)
		return fault_set(
			f, COFFER_E_USAGE,
			"seal reads a file or a folder and not standard input; name it (./- is a file called -)");
	if (common.out && strcmp(common.out, "-") == 0)
		return fault_set(
			f, COFFER_E_USAGE,
			"a sealed model is not written in order and cannot go to standard output; name a file");
	return COFFER_OK;
}

/* Where the sealed model goes; NULL in place.  The caller frees it. */
static coffer_err
choose_out(struct fault *f, const char *in, char **out_out)
{
	struct stat st;

	if (common.in_place && common.out)
		return fault_set(f, COFFER_E_USAGE,
				 "--in-place replaces the files of IN, so --out has no use; leave one out");
	if (common.in_place)
		return COFFER_OK;
	if (common.out) {
		*out_out = strdup(common.out);
		return *out_out ? COFFER_OK : fault_nomem(f);
	}
	if (stat(in, &st) == 0 && S_ISDIR(st.st_mode))
		return fault_set(f, COFFER_E_USAGE,
				 "%s is a folder, and seal needs to know where to; give -o OUT or --in-place", in);
	if (asprintf(out_out, "%s.coffer", in) < 0) {
		*out_out = NULL;
		return fault_nomem(f);
	}
	return COFFER_OK;
}

/* --sign says which method it is; the rest of it is where sign has it. */
static coffer_err
choose_signer(struct fault *f, enum coffer_method *method_out)
{
	bool certified = signing.certificate;

	if (strcmp(sign_with, "sigstore") == 0) {
		*method_out = COFFER_METHOD_SIGSTORE;
	} else if (strncmp(sign_with, "pkcs11:", 7) == 0) {
		signing.pkcs11_uri = sign_with;
		*method_out = certified ? COFFER_METHOD_PKCS11_CERTIFICATE : COFFER_METHOD_PKCS11_KEY;
	} else {
		signing.private_key = strncmp(sign_with, "file:", 5) == 0 ? sign_with + 5 : sign_with;
		*method_out = certified ? COFFER_METHOD_CERTIFICATE : COFFER_METHOD_KEY;
	}
	if (signing.chain.n > 0 && !certified)
		return fault_set(f, COFFER_E_USAGE,
				 "--certificate-chain belongs to a certificate, which --signing-certificate names");
	return COFFER_OK;
}

static bool
speaks_of_signing(void)
{
	return signing.certificate || signing.chain.n > 0 || signing.passphrase_file || signing.identity_token ||
	       signing.ambient || signing.identity_provider || signing.trust_config || signing.tsa_url ||
	       signing.serialization || signing.shard_size || signing.hash;
}

static coffer_err
open_signer(struct fault *f, struct coffer_ctx *ctx, struct coffer_signer **signer_out)
{
	enum coffer_method method;
	coffer_err err;

	if (!sign_with && speaks_of_signing())
		return fault_set(f, COFFER_E_USAGE, "there are options for signing and nobody who signs; add --sign");
	if (!sign_with)
		return COFFER_OK;
	TRY(choose_signer(f, &method));
	TRY(signing_signer(f, ctx, method, signer_out));
out:
	return err;
}

static struct coffer_seal_options
collect_options(const struct pairs *pairs)
{
	return (struct coffer_seal_options){
		.version_1 = 1,
		.record_size = (uint32_t)record_size,
		.name = name,
		.model_version = model_version,
		.context = pairs->v,
		.n_context = pairs->n,
		.include = common.includes.v,
		.n_include = common.includes.n,
		.exclude = common.excludes.v,
		.n_exclude = common.excludes.n,
		.hidden = hidden,
		.follow_symlinks = follow_symlinks,
		.in_place = common.in_place,
		.force = common.force,
		.dry_run = common.dry_run,
	};
}

static coffer_err
run(struct fault *f, struct coffer_ctx *ctx, const struct words *operands)
{
	const char *in = operands->v[0];
	struct coffer_keyring *keys = NULL;
	struct coffer_seal_options opt;
	struct pairs pairs = {.n = 0};
	struct coffer_stats stats = {0};
	const struct coffer_sign_options sign = signing_sign_options();
	struct coffer_signer *signer = NULL;
	char *out_path = NULL;
	coffer_err err;

	TRY(refuse_streams(f, in));
	TRY(choose_out(f, in, &out_path));
	TRY(split_context(f, &pairs));
	TRY(open_signer(f, ctx, &signer));
	TRY(library_keys_to_seal(f, ctx, &keys));
	opt = collect_options(&pairs);
	opt.signer = signer;
	opt.sign = signer ? &sign : NULL;
	TRY(library_fault(f, ctx, coffer_seal(ctx, in, out_path, keys, &opt, &stats)));
	stats_say(common.dry_run ? "dry run, nothing written: would seal"
		  : signer	 ? "signed and sealed"
				 : "sealed",
		  &stats, out_path ? out_path : in);
	TRY(stats_print(f, &stats, out_path ? out_path : in));
out:
	coffer_keyring_free(&keys);
	coffer_signer_free(&signer);
	pairs_free(&pairs);
	free(out_path);
	free(context.v);
	return err;
}

const struct command cmd_seal = {
	.name = "seal",
	.brief = "seal a file or a folder for one or more keys",
	.operands = "IN",
	.min = 1,
	.max = 1,
	.hint = HINT_FILE,
	.about = "Seals the model IN. A file becomes one sealed file; a folder becomes a folder in which each file "
		 "PATH is the sealed file PATH.coffer, beside one coffer.json that holds the wrapped keys.\n\n"
		 "Every record is AES-256-GCM under a fresh key, which is wrapped for each KEY. Names, sizes and "
		 "context are public; contents are not, and nothing can be changed, swapped, cut short or left out "
		 "without being noticed.\n\n"
		 "A sealed file appears under its name only when it is whole. After an interruption the same command "
		 "goes on where it stopped. Hidden files are left out unless --hidden is given.\n\n"
		 "With --sign the plain files are signed, and the signature is sealed with them as model.sig; the "
		 "sealed files are signed, too, in coffer.sig, which coffer verify checks without a key to open.",
	.options = options,
	.shared = signing_options,
	.examples = examples,
	.run = run,
	.library = true,
};
