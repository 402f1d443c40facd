/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/num.h"
#include "cli/args.h"
#include "cli/convert_options.h"
#include "cli/library.h"
#include "cli/out.h"
#include "cli/sign_options.h"
#include "cli/sign_run.h"
#include "cli/stats_text.h"
#include "cli/term.h"

static const char *file_path, *range_text, *tensor_name;

static const struct option options[] = {
	OPTION_OUT("OUT",
		   "where the model goes; - writes one file to standard output. For a sealed file X.coffer the default "
		   "is X"),
	OPTION_KEK("a key to try; repeat it for more. Without it: every key of the local keyring"),
	OPTION_ENVIRONMENT(HELP_ENVIRONMENT),
	OPTION_MIN_GENERATION,
	{.name = "file", .value = "PATH", .text = &file_path, .help = "open only this file of a sealed folder"},
	{.name = "range",
	 .value = "OFF:LEN",
	 .text = &range_text,
	 .help = "open only LEN bytes from byte OFF, as 0:4K or 1G:16M, to --out or standard output; in a folder with "
		 "--file"},
	{.name = "tensor",
	 .value = "NAME",
	 .text = &tensor_name,
	 .help = "open only the raw bytes of this tensor, to --out or standard output (inspect --tensors lists them)"},
	OPTION_INCLUDE("open only the files that match a shell pattern, as '*.json'; may be repeated"),
	OPTION_EXCLUDE("leave out the files that match; may be repeated"),
	OPTION_FROM(
		"encmodel envmodel cnap aes-cbc ibm",
		"SEALED is a file of another program: encmodel, envmodel, cnap, aes-cbc or ibm (coffer help convert)"),
	OPTION_AAD,
	OPTION_PADDING,
	OPTION_IN_PLACE("replace each sealed file by its plain one; needs no --out"),
	OPTION_FORCE("replace an output file that exists"),
	OPTION_DRY_RUN("unwrap the key and check the heads and the list of files, write nothing"),
	OPTION_JOBS,
	OPTION_JSON,
	OPTION_END,
};

static const struct example examples[] = {
	{"open a folder with a key of the keyring", "coffer open llama.sealed -o llama"},
	{"one file: makes model.safetensors", "coffer open model.safetensors.coffer --kek file:model.key"},
	{"only when its publisher has signed it", "coffer open llama.sealed -o llama --verify-key publisher.pub"},
	{"one file of a folder, to a pipe", "coffer open llama.sealed --file config.json -o - | jq .model_type"},
	{"one tensor", "coffer open llama.sealed --tensor lm_head.weight -o lm_head.bin"},
	{"an encrypted file of another program",
	 "coffer open model.enc --from encmodel --kek file:raw.key -o model.safetensors"},
	{"the first 4 KiB of a file", "coffer open model.gguf.coffer --range 0:4K | xxd"},
	{NULL, NULL},
};

/* ---- a part: one file, a range of it, or a tensor ---- */

/** struct part - which bytes of which file */
struct part {
	size_t file;
	uint64_t off;
	uint64_t len;
	bool to_end; /* up to the end of the file; then @len is not known yet */
};

static bool
is_stdout(void)
{
	return common.out && strcmp(common.out, "-") == 0;
}

static bool
wants_part(void)
{
	return file_path || range_text || tensor_name || is_stdout();
}

static coffer_err
refuse_with_part(struct fault *f)
{
	if (tensor_name && (range_text || file_path))
		return fault_set(f, COFFER_E_USAGE,
				 "--tensor says which bytes, so --file and --range have no use; leave them out");
	if (common.in_place || common.dry_run || common.includes.n || common.excludes.n)
		return fault_set(
			f, COFFER_E_USAGE,
			"--in-place, --dry-run, --include and --exclude are for whole models and do not go with a "
			"part of one; leave them out");
	if (signing.signature || signing.public_key || signing.chain.n || signing.identity || signing.identity_provider)
		return fault_set(f, COFFER_E_USAGE,
				 "a signature is of a whole model: verify it first («coffer verify»), then open the "
				 "part without --verify-key, --certificate-chain and --identity");
	if (common.json)
		return fault_set(f, COFFER_E_USAGE, "--json has nothing to say about a part of a model; leave it out");
	return COFFER_OK;
}

/* «OFF:LEN», or «OFF:» up to the end */
static coffer_err
parse_range(struct fault *f, const char *text, struct part *part)
{
	const char *colon = strchr(text, ':');
	char off[32] = "";

	if (colon && (size_t)(colon - text) < sizeof(off))
		memcpy(off, text, (size_t)(colon - text));
	part->to_end = colon && colon[1] == '\0';
	if (!colon || !num_parse_size(off, 0, LIMIT_SIZE, &part->off) ||
	    (!part->to_end && !num_parse_size(colon + 1, 0, LIMIT_SIZE, &part->len)))
		return fault_set(
			f, COFFER_E_USAGE,
			"%s is no range; write it as OFF:LEN in bytes, as 4096:512 or 1G:16M, or as OFF: up to the end",
			args_shown(text));
	return COFFER_OK;
}

static coffer_err
find_file(struct fault *f, struct coffer_model *model, size_t *index_out)
{
	if (!file_path && coffer_model_size(model) != 1)
		return fault_set(f, COFFER_E_USAGE, "the model has %zu files, as %s; say which with --file PATH",
				 coffer_model_size(model), coffer_model_path(model, 0));
	*index_out = file_path ? coffer_model_find(model, file_path) : 0;
	if (*index_out == SIZE_MAX)
		return fault_set(f, COFFER_E_NOTFOUND, "the model has no file %s; «coffer inspect» lists them",
				 file_path);
	return COFFER_OK;
}

/* A part cannot be held against a signature, so whoever wants one of a bound model says so. */
static coffer_err
refuse_bound(struct fault *f, struct coffer_ctx *ctx, const char *model_name)
{
	struct coffer_trust *trust = NULL;
	coffer_err err;

	err = coffer_trust_find(ctx, model_name, &trust);
	coffer_trust_free(&trust);
	if (err == COFFER_E_NOTFOUND)
		return COFFER_OK;
	if (err)
		return library_fault(f, ctx, err);
	return fault_set(
		f, COFFER_E_POLICY,
		"the trust store says whose %s must be, and a signature is of all of it, not of a part; open it whole, "
		"or use «coffer verify» and then --no-trust-store",
		model_name);
}

static coffer_err
check_name(struct fault *f, struct coffer_ctx *ctx, const char *in, const char *model_name)
{
	coffer_err err = COFFER_OK;

	if (signing.name && strcmp(signing.name, model_name) != 0)
		TRY(fault_set(f, COFFER_E_POLICY, "%s calls itself %s, and %s was asked for; it is another model", in,
			      model_name, signing.name));
	if (signing.ignore_trust_store)
		return COFFER_OK;
	if (!signing.name)
		TRY(refuse_misnamed(f, ctx, in, model_name));
	TRY(refuse_bound(f, ctx, model_name));
out:
	return err;
}

static coffer_err
find_tensor(struct fault *f, struct coffer_ctx *ctx, struct coffer_model *model, struct part *part)
{
	struct coffer_tensors *tensors = NULL;
	const struct coffer_tensor *tensor;
	coffer_err err;

	TRY(library_fault(f, ctx, coffer_tensors_read_model(ctx, model, &tensors)));
	tensor = coffer_tensors_find(tensors, tensor_name);
	if (!tensor)
		TRY(fault_set(f, COFFER_E_NOTFOUND,
			      "the model has no tensor %s among its %zu; «coffer inspect --tensors» lists them",
			      tensor_name, coffer_tensors_size(tensors)));
	else
		*part = (struct part){.file = tensor->file, .off = tensor->off, .len = tensor->size};
out:
	coffer_tensors_free(&tensors);
	return err;
}

static coffer_err
measure(struct fault *f, const struct coffer_file *file, struct part *part)
{
	uint64_t size = coffer_file_size(file);

	if (part->off > size || (!part->to_end && part->len > size - part->off))
		return fault_set(f, COFFER_E_RANGE,
				 "the range ends behind the file, which is %llu bytes; give a shorter one",
				 (unsigned long long)size);
	if (part->to_end)
		part->len = size - part->off;
	return COFFER_OK;
}

/** struct destination - standard output, or a file that appears when it is whole */
struct destination {
	struct newfile *file; /* NULL: standard output */
	struct fault fault;   /* why it could not be written */
};

static coffer_err
deliver(void *user, uint64_t off, const void *bytes, size_t len)
{
	struct destination *to = user;

	if (to->file)
		return file_write_at(&to->fault, to->file->fd, common.out, bytes, len, off);
	return out_bytes(&to->fault, bytes, len); /* they come in order */
}

static coffer_err
copy(struct fault *f, struct coffer_ctx *ctx, struct coffer_file *file, const struct part *part, struct destination *to)
{
	const struct coffer_sink sink = {.user = to, .write_at = deliver};
	coffer_err err = coffer_file_copy(ctx, file, part->off, part->len, &sink);

	if (to->fault.err == COFFER_OK)
		return library_fault(f, ctx, err);
	*f = to->fault;
	return err;
}

static coffer_err
copy_to_file(struct fault *f, struct coffer_ctx *ctx, struct coffer_file *file, const struct part *part,
	     const char *path)
{
	struct newfile n = NEWFILE_INIT;
	struct destination to = {.file = &n};
	char size[TERM_AMOUNT_LEN];
	coffer_err err;

	TRY(newfile_open(f, &n, common.out, 0666, common.force));
	TRY(copy(f, ctx, file, part, &to));
	TRY(newfile_commit(f, &n));
	term_say("opened %s of %s → %s", term_bytes(part->len, size), path, common.out);
out:
	newfile_abort(&n);
	return err;
}

static coffer_err
open_part(struct fault *f, struct coffer_ctx *ctx, const char *in)
{
	bool to_stdout = !common.out || is_stdout();
	struct coffer_keyring *keys = NULL;
	struct coffer_model *model = NULL;
	struct coffer_file *file = NULL;
	struct destination to = {0};
	struct part part = {.to_end = true};
	const char *path;
	coffer_err err;

	TRY(refuse_with_part(f));
	if (range_text)
		TRY(parse_range(f, range_text, &part));
	if (to_stdout) {
		TRY(out_refuse_terminal(f));
		coffer_ctx_set_progress(ctx, NULL, NULL); /* whoever reads the bytes may use the terminal */
	}
	TRY(library_keys_to_open(f, ctx, &keys));
	TRY(library_fault(f, ctx, coffer_model_open(ctx, in, keys, &model)));
	TRY(check_name(f, ctx, in, coffer_model_name(model)));
	TRY(tensor_name ? find_tensor(f, ctx, model, &part) : find_file(f, model, &part.file));
	TRY(library_fault(f, ctx, coffer_file_open(ctx, model, part.file, &file)));
	TRY(measure(f, file, &part));
	path = coffer_model_path(model, part.file);
	if (to_stdout)
		TRY(copy(f, ctx, file, &part, &to));
	else
		TRY(copy_to_file(f, ctx, file, &part, path));
out:
	coffer_file_free(&file);
	coffer_model_free(&model);
	coffer_keyring_free(&keys);
	return err;
}

/* ---- the whole ---- */

/* Where the model goes; NULL in place.  The caller frees it. */
static coffer_err
choose_out(struct fault *f, const char *in, char **out_out)
{
	static const char suffix[] = ".coffer";
	size_t len = strlen(in), suffix_len = sizeof(suffix) - 1;
	struct stat st;
	bool folder = stat(in, &st) == 0 && S_ISDIR(st.st_mode);

	if (common.in_place && common.out)
		return fault_set(f, COFFER_E_USAGE,
				 "--in-place replaces the files of IN, so --out has no use; leave one out");
	if (common.in_place)
		return COFFER_OK;
	if (common.out)
		*out_out = strdup(common.out);
	else if (!folder && len > suffix_len && in[len - suffix_len - 1] != '/' &&
		 strcmp(in + len - suffix_len, suffix) == 0)
		*out_out = strndup(in, len - suffix_len);
	else
		return fault_set(f, COFFER_E_USAGE, "open needs to know where to; give -o OUT");
	return *out_out ? COFFER_OK : fault_nomem(f);
}

static coffer_err
open_whole(struct fault *f, struct coffer_ctx *ctx, const char *in)
{
	struct coffer_open_options opt = {
		.version_1 = 1,
		.include = common.includes.v,
		.n_include = common.includes.n,
		.exclude = common.excludes.v,
		.n_exclude = common.excludes.n,
		.in_place = common.in_place,
		.force = common.force,
		.dry_run = common.dry_run,
	};
	struct coffer_trust *trust = NULL;
	struct coffer_keyring *keys = NULL;
	struct coffer_stats stats = {0};
	char *out_path = NULL;
	coffer_err err;

	TRY(choose_out(f, in, &out_path));
	TRY(signing_to_open(f, ctx, &opt, &trust));
	TRY(library_keys_to_open(f, ctx, &keys));
	TRY(library_fault(f, ctx, coffer_open(ctx, in, out_path, keys, &opt, &stats)));
	stats_say(common.dry_run ? "dry run, nothing written: would open"
		  : trust	 ? "signatures hold; opened"
				 : "opened",
		  &stats, out_path ? out_path : in);
	TRY(stats_print(f, &stats, out_path ? out_path : in));
out:
	coffer_trust_free(&trust);
	coffer_keyring_free(&keys);
	free(out_path);
	return err;
}

/* ---- a file of another program ---- */

static coffer_err
open_foreign(struct fault *f, struct coffer_ctx *ctx, const char *in)
{
	struct coffer_convert_options opt = {.to = COFFER_FORMAT_PLAIN};

	if (file_path || range_text || tensor_name || common.in_place || common.dry_run || common.includes.n ||
	    common.excludes.n)
		return fault_set(f, COFFER_E_USAGE,
				 "a file of another program opens whole or not at all, to -o OUT; leave out --file, "
				 "--range, --tensor, --in-place, --dry-run, --include and --exclude");
	if (signing.signature || signing.public_key || signing.chain.n || signing.identity || signing.identity_provider)
		return fault_set(f, COFFER_E_USAGE,
				 "a signature is of sealed or of plain files; open it, and then use «coffer verify»");
	return converting_run(f, ctx, in, &opt, NULL);
}

static coffer_err
run(struct fault *f, struct coffer_ctx *ctx, const struct words *operands)
{
	if (strcmp(operands->v[0], "-") == 0)
		return fault_set(
			f, COFFER_E_USAGE,
			"open reads a sealed file or folder and not standard input; name it (./- is a file called -)");
	if (converting.from)
		return open_foreign(f, ctx, operands->v[0]);
	if (converting.aad || converting.padding)
		return fault_set(f, COFFER_E_USAGE,
				 "--aad and --padding are of files of other programs; say which with --from");
	return wants_part() ? open_part(f, ctx, operands->v[0]) : open_whole(f, ctx, operands->v[0]);
}

const struct command cmd_open = {
	.name = "open",
	.brief = "open a sealed model, one file, a byte range or a tensor of it",
	.operands = "SEALED",
	.min = 1,
	.max = 1,
	.hint = HINT_FILE,
	.about =
		"Opens the sealed model SEALED into plain files. Every byte is verified before it is written, a file "
		"appears under its name only when it is whole, and a missing, extra or changed file is refused.\n\n"
		"With --range, --tensor or -o - only the records that are needed are read. On standard output a "
		"failure can come after bytes that are good; look at the exit code before using them.\n\n"
		"Whose signature must be there is said by --verify-key, --certificate-chain or --identity, and without "
		"them by the trust store, where it knows the model's name. Then nothing is opened before the signature "
		"of the sealed files holds, and the files are compared with the one that was sealed with them. A model "
		"names itself; one that lies where the trust store expects another is refused, and --name says which "
		"it must be.",
	.options = options,
	.shared = options_trust_open,
	.examples = examples,
	.run = run,
	.library = true,
};
