/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/args.h"
#include "cli/convert_options.h"

static const char *to, *file_path;
static struct words to_keks;
static bool no_trust_store;

static const struct option options[] = {
	OPTION_FROM("coffer encmodel envmodel cnap aes-cbc ibm",
		    "what FILE is: coffer, encmodel, envmodel, cnap, aes-cbc or ibm"),
	{.name = "to",
	 .value = "FORMAT",
	 .text = &to,
	 .hint = HINT_WORDS,
	 .words = "coffer encmodel envmodel cnap aes-cbc",
	 .help = "what it becomes: one of them, but not ibm"},
	OPTION_OUT("OUT", "where it goes"),
	OPTION_KEK("what opens FILE: of a foreign format the one AES key, as file:PATH. Without it: the local keyring"),
	{.name = "to-kek",
	 .value = "KEY",
	 .list = &to_keks,
	 .hint = HINT_KEY,
	 .help = "for whom OUT is: of a sealed file any keys, of a foreign format one AES key. Without it: as --kek"},
	OPTION_AAD,
	OPTION_PADDING,
	{.name = "file", .value = "PATH", .text = &file_path, .help = "which file of a sealed folder"},
	OPTION_FORCE("replace an output that exists"),
	{.name = "no-trust-store",
	 .flag = &no_trust_store,
	 .help = "do not ask the trust store who must have signed the sealed model"},
	OPTION_JSON,
	OPTION_END,
};

static const struct example examples[] = {
	{"seal what a script has encrypted, without plaintext on a disk",
	 "coffer convert m.enc --from encmodel --to coffer --kek file:old.key --to-kek keyring:default -o m.coffer"},
	{"for a program that reads such files",
	 "coffer convert m.coffer --from coffer --to cnap --to-kek file:cnap.key -o m.enc"},
	{NULL, NULL},
};

static coffer_err
run(struct fault *f, struct coffer_ctx *ctx, const struct words *operands)
{
	struct coffer_convert_options opt = {.file = file_path, .ignore_trust_store = no_trust_store};

	if (!converting.from || !to)
		return fault_set(f, COFFER_E_USAGE,
				 "convert needs to know from what to what; give --from and --to, as «coffer help "
				 "convert» has them");
	(void)coffer_format_find(to, &opt.to);
	return converting_run(f, ctx, operands->v[0], &opt, &to_keks);
}

const struct command cmd_convert = {
	.name = "convert",
	.brief = "turn encrypted files of others into sealed ones, or back",
	.operands = "FILE",
	.min = 1,
	.max = 1,
	.hint = HINT_FILE,
	.about = "Rewrites one encrypted file in another format. The plaintext is in memory alone, a piece at a time, "
		 "and OUT gets its name only when all of FILE has proved authentic, as far as its format can tell.\n\n"
		 "coffer is a sealed file; encmodel and envmodel are AES-256-GCM behind a magic and JSON; cnap is that "
		 "behind three lengths, at most 4 GiB; aes-cbc is an IV and AES-256-CBC, where nothing can be "
		 "authentic; ibm is a .enc file of IBM's model-encryption, which is read and never written. What is "
		 "weak in a format is said.\n\n"
		 "Foreign formats name no key, so one is given. The key of an envmodel file unwraps its DEK, or is the "
		 "DEK itself, as the key service gave it that had wrapped it.",
	.options = options,
	.examples = examples,
	.run = run,
	.library = true,
};
