/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include <coffer/load.h>

#include "base/utc.h"
#include "cli/args.h"
#include "cli/library.h"
#include "cli/out.h"
#include "cli/term.h"

#define TEXT_MAX ((size_t)1 << 30)

static bool want_tensors;

static const struct option options[] = {
	{.name = "tensors",
	 .flag = &want_tensors,
	 .help = "list the tensors of safetensors, GGUF, ONNX and PyTorch files: name, type, shape, file, offset and "
		 "size; needs a key"},
	OPTION_KEK("look inside with this key: names the format of each file, and says which carry code, and what. "
		   "With --tensors the default is every key of the local keyring"),
	OPTION_JSON,
	OPTION_END,
};

static const struct example examples[] = {
	{"what is it, and which keys open it?", "coffer inspect llama.sealed"},
	{"the ids of its keys, for a program", "coffer inspect llama.sealed --json | jq -r '.recipients[].id'"},
	{"where its tensors lie", "coffer inspect llama.sealed --tensors"},
	{NULL, NULL},
};

/** struct seen - what a file of the model turned out to be */
struct seen {
	enum coffer_weights_format format;
	char *code; /* what it carries, or NULL */
};

/** struct inside - what only a key can show */
struct inside {
	struct coffer_keyring *keys;
	struct coffer_model *model;
	struct coffer_tensors *tensors;
	struct seen *files; /* as many as @model has */
};

static coffer_err
look_at_file(struct fault *f, struct coffer_ctx *ctx, struct coffer_model *model, size_t index, struct seen *seen)
{
	struct coffer_file *file = NULL;
	char code[COFFER_CODE_LEN];
	struct coffer_source source;
	coffer_err err;

	TRY(library_fault(f, ctx, coffer_file_open(ctx, model, index, &file)));
	source = coffer_file_source(file);
	TRY(library_fault(f, ctx, coffer_code_find(ctx, coffer_model_path(model, index), &source, code)));
	if (*code) {
		seen->code = strdup(code);
		if (!seen->code)
			TRY(fault_nomem(f));
	}
	err = coffer_weights_recognise(ctx, &source, &seen->format);
	/* what contradicts itself is of no format, and was said to carry code */
	err = err == COFFER_E_FORMAT && *code ? COFFER_OK : library_fault(f, ctx, err);
out:
	coffer_file_free(&file);
	return err;
}

static coffer_err
look_inside(struct fault *f, struct coffer_ctx *ctx, const char *path, struct inside *in)
{
	coffer_err err;

	TRY(library_keys_to_open(f, ctx, &in->keys));
	TRY(library_fault(f, ctx, coffer_model_open(ctx, path, in->keys, &in->model)));
	in->files = calloc(coffer_model_size(in->model), sizeof(*in->files));
	if (!in->files)
		TRY(fault_nomem(f));
	for (size_t i = 0; i < coffer_model_size(in->model); i++)
		TRY(look_at_file(f, ctx, in->model, i, &in->files[i]));
	if (want_tensors)
		TRY(library_fault(f, ctx, coffer_tensors_read_model(ctx, in->model, &in->tensors)));
out:
	return err;
}

static void
inside_free(struct inside *in)
{
	for (size_t i = 0; in->files && i < coffer_model_size(in->model); i++)
		free(in->files[i].code);
	free(in->files);
	coffer_tensors_free(&in->tensors);
	coffer_model_free(&in->model);
	coffer_keyring_free(&in->keys);
}

/* What the file at @path is; nothing is known of it without a key. */
static struct seen
seen_at(const struct inside *in, const char *path)
{
	size_t index = in->model ? coffer_model_find(in->model, path) : SIZE_MAX;

	return index == SIZE_MAX ? (struct seen){.format = COFFER_WEIGHTS_UNKNOWN} : in->files[index];
}

/* ---- for a program ---- */

static void
json_recipient(struct json_out *j, const struct coffer_recipient_info *r)
{
	char created[UTC_LEN + 1];

	json_out_begin(j, NULL, JSON_OBJECT);
	json_out_str(j, "kind", r->kind);
	json_out_str(j, "id", r->id);
	if (r->is_service) {
		json_out_str(j, "version", r->version);
		json_out_str(j, "alg", r->alg);
	}
	if (r->created > 0)
		json_out_str(j, "created", utc_text(r->created, created));
	json_out_end(j);
}

static void
json_recipients(struct json_out *j, const struct coffer_inspection *inspection)
{
	json_out_begin(j, "recipients", JSON_ARRAY);
	for (size_t i = 0; i < inspection->n_recipients; i++)
		json_recipient(j, &inspection->recipients[i]);
	json_out_end(j);
}

static void
json_files(struct json_out *j, const struct coffer_inspection *inspection, const struct inside *in)
{
	json_out_begin(j, "files", JSON_ARRAY);
	for (size_t i = 0; i < inspection->n_files; i++) {
		const struct coffer_file_info *file = &inspection->files[i];
		struct seen seen = seen_at(in, file->path);

		json_out_begin(j, NULL, JSON_OBJECT);
		json_out_str(j, "path", file->path);
		json_out_uint(j, "size", file->size);
		json_out_uint(j, "records", file->n_records);
		json_out_uint(j, "record_size", file->record_size);
		if (in->model) {
			json_out_str(j, "format", coffer_weights_name(seen.format));
			json_out_bool(j, "carries_code", seen.code != NULL);
			if (seen.code)
				json_out_str(j, "code", seen.code);
		}
		json_out_end(j);
	}
	json_out_end(j);
}

static void
json_tensors(struct json_out *j, const struct inside *in)
{
	json_out_begin(j, "tensors", JSON_ARRAY);
	for (size_t i = 0; i < coffer_tensors_size(in->tensors); i++) {
		const struct coffer_tensor *t = coffer_tensors_at(in->tensors, i);

		json_out_begin(j, NULL, JSON_OBJECT);
		json_out_str(j, "name", t->name);
		json_out_str(j, "dtype", t->dtype);
		json_out_begin(j, "shape", JSON_ARRAY);
		for (unsigned int d = 0; d < t->n_dims; d++)
			json_out_uint(j, NULL, t->shape[d]);
		json_out_end(j);
		json_out_str(j, "file", coffer_model_path(in->model, t->file));
		json_out_uint(j, "offset", t->off);
		json_out_uint(j, "size", t->size);
		json_out_end(j);
	}
	json_out_end(j);
}

static coffer_err
print_json(struct fault *f, const struct coffer_inspection *inspection, const struct inside *in)
{
	struct json_out j;

	out_json_begin(&j, f);
	json_out_str(&j, "name", inspection->name);
	json_out_str(&j, "version", inspection->version);
	json_out_str(&j, "model_id", inspection->model_id);
	json_out_uint(&j, "format", inspection->format);
	json_out_uint(&j, "generation", inspection->generation);
	json_out_bool(&j, "directory", inspection->directory);
	json_out_bool(&j, "partial", inspection->partial);
	json_out_bool(&j, "verified", in->model != NULL);
	json_out_uint(&j, "bytes", inspection->bytes);
	json_out_uint(&j, "sealed_bytes", inspection->sealed_bytes);
	json_out_begin(&j, "context", JSON_OBJECT);
	for (size_t i = 0; i < inspection->n_context; i++)
		json_out_str(&j, inspection->context[i].key, inspection->context[i].value);
	json_out_end(&j);
	json_recipients(&j, inspection);
	json_files(&j, inspection, in);
	if (in->tensors)
		json_tensors(&j, in);
	return out_json_end(&j);
}

/* ---- for a person ---- */

static coffer_err
add_field(struct fault *f, struct buf *b, const char *label, const char *text)
{
	coffer_err err;

	TRY(buf_printf(f, b, "%-11s ", label));
	TRY(out_add_clean(f, b, text));
	TRY(buf_str(f, b, "\n"));
out:
	return err;
}

/* «hashivault transit/models version 3, wrapped 2026-11-20» */
static coffer_err
add_recipient(struct fault *f, struct buf *b, const struct coffer_recipient_info *r)
{
	char created[UTC_LEN + 1];
	coffer_err err;

	TRY(out_add_clean(f, b, r->kind));
	TRY(buf_str(f, b, " "));
	TRY(out_add_clean(f, b, r->id));
	if (r->version[0]) {
		TRY(buf_str(f, b, " version "));
		TRY(out_add_clean(f, b, r->version));
	}
	if (r->created > 0)
		TRY(buf_printf(f, b, "%s wrapped %.10s", r->id[0] ? "," : "", utc_text(r->created, created)));
	TRY(buf_str(f, b, "\n"));
out:
	return err;
}

static coffer_err
add_head(struct fault *f, struct buf *b, const struct coffer_inspection *inspection)
{
	char plain[TERM_AMOUNT_LEN], sealed[TERM_AMOUNT_LEN];
	coffer_err err;

	TRY(add_field(f, b, "name", inspection->name));
	if (inspection->version && *inspection->version)
		TRY(add_field(f, b, "version", inspection->version));
	TRY(add_field(f, b, "model id", inspection->model_id));
	TRY(buf_printf(f, b, "%-11s %zu file%s in a sealed %s%s\n", "holds", inspection->n_files,
		       inspection->n_files == 1 ? "" : "s", inspection->directory ? "folder" : "file",
		       inspection->partial ? "; its sealing was interrupted" : ""));
	TRY(buf_printf(f, b, "%-11s %s, sealed %s\n", "size", term_bytes(inspection->bytes, plain),
		       term_bytes(inspection->sealed_bytes, sealed)));
	TRY(buf_printf(f, b, "%-11s %u, generation %llu\n", "format", inspection->format,
		       (unsigned long long)inspection->generation));
	for (size_t i = 0; i < inspection->n_context; i++) {
		TRY(buf_printf(f, b, "%-11s ", i == 0 ? "context" : ""));
		TRY(out_add_clean(f, b, inspection->context[i].key));
		TRY(buf_str(f, b, "="));
		TRY(out_add_clean(f, b, inspection->context[i].value));
		TRY(buf_str(f, b, "\n"));
	}
	for (size_t i = 0; i < inspection->n_recipients; i++) {
		TRY(buf_printf(f, b, "%-11s ", i == 0 ? "keys" : ""));
		TRY(add_recipient(f, b, &inspection->recipients[i]));
	}
out:
	return err;
}

static coffer_err
add_files(struct fault *f, struct buf *b, const struct coffer_inspection *inspection, const struct inside *in)
{
	char size[TERM_AMOUNT_LEN];
	coffer_err err = COFFER_OK;

	for (size_t i = 0; i < inspection->n_files; i++) {
		const struct coffer_file_info *file = &inspection->files[i];
		struct seen seen = seen_at(in, file->path);

		TRY(buf_printf(f, b, "%-11s %10s  ", i == 0 ? "files" : "", term_bytes(file->size, size)));
		TRY(out_add_clean(f, b, file->path));
		if (seen.format != COFFER_WEIGHTS_UNKNOWN)
			TRY(buf_printf(f, b, "  [%s]", coffer_weights_name(seen.format)));
		if (seen.code) {
			TRY(buf_str(f, b, "  CARRIES CODE: it "));
			TRY(out_add_clean(f, b, seen.code));
		}
		TRY(buf_str(f, b, "\n"));
	}
out:
	return err;
}

/* «model.layers.0.q_proj  BF16  [4096, 4096]  33554432 bytes at 128 of model.safetensors» */
static coffer_err
add_tensor(struct fault *f, struct buf *b, const struct inside *in, const struct coffer_tensor *t)
{
	coffer_err err;

	TRY(out_add_clean(f, b, t->name));
	TRY(buf_str(f, b, "  "));
	TRY(out_add_clean(f, b, t->dtype));
	TRY(buf_str(f, b, "  ["));
	for (unsigned int d = 0; d < t->n_dims; d++)
		TRY(buf_printf(f, b, "%s%llu", d == 0 ? "" : ", ", (unsigned long long)t->shape[d]));
	TRY(buf_printf(f, b, "]  %llu bytes at %llu of ", (unsigned long long)t->size, (unsigned long long)t->off));
	TRY(out_add_clean(f, b, coffer_model_path(in->model, t->file)));
	TRY(buf_str(f, b, "\n"));
out:
	return err;
}

static coffer_err
print_text(struct fault *f, const struct coffer_inspection *inspection, const struct inside *in)
{
	struct buf b = BUF_INIT(TEXT_MAX);
	coffer_err err;

	TRY(add_head(f, &b, inspection));
	TRY(add_files(f, &b, inspection, in));
	if (in->tensors && coffer_tensors_size(in->tensors) > 0)
		TRY(buf_str(f, &b, "tensors\n"));
	for (size_t i = 0; in->tensors && i < coffer_tensors_size(in->tensors); i++) {
		TRY(buf_str(f, &b, "  "));
		TRY(add_tensor(f, &b, in, coffer_tensors_at(in->tensors, i)));
	}
	TRY(out_buf(f, &b));
	if (!in->model)
		term_say("this is what the model says of itself; «coffer check» verifies it");
	if (inspection->partial)
		term_say("the same «coffer seal» again finishes it");
out:
	buf_free(&b);
	return err;
}

static coffer_err
run(struct fault *f, struct coffer_ctx *ctx, const struct words *operands)
{
	const char *path = operands->v[0];
	struct coffer_inspection *inspection = NULL;
	struct inside in = {0};
	coffer_err err;

	TRY(library_fault(f, ctx, coffer_inspect(ctx, path, &inspection)));
	if (want_tensors || common.keks.n > 0)
		TRY(look_inside(f, ctx, path, &in));
	TRY(common.json ? print_json(f, inspection, &in) : print_text(f, inspection, &in));
out:
	inside_free(&in);
	coffer_inspection_free(&inspection);
	return err;
}

const struct command cmd_inspect = {
	.name = "inspect",
	.brief = "show what a sealed model says of itself, without a key",
	.operands = "SEALED",
	.min = 1,
	.max = 1,
	.hint = HINT_FILE,
	.about = "Shows name, version, context, files and the ids of the keys that open SEALED. Without a key nothing "
		 "of this is verified: anybody could have written it.\n\n"
		 "With a key it also tells the format of each file from its content, and names those that carry code, "
		 "and what it would do: a pickle that calls more than torch.load(weights_only=True) allows, "
		 "TorchScript, Python, native code, and what cannot be told.",
	.options = options,
	.examples = examples,
	.run = run,
	.library = true,
};
