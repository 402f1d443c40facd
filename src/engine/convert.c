/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From one format of encrypted files to another.
 */
#include <coffer/convert.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <coffer/open.h>
#include <coffer/sign.h>

#include "base/enc.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/num.h"
#include "base/path.h"
#include "data/doc.h"
#include "engine/foreign_in.h"
#include "engine/foreign_out.h"
#include "engine/key_use.h"
#include "engine/model.h"
#include "engine/open_trust.h"
#include "mem/secret.h"

#define PIECE ((size_t)256 << 10)
#define PYTHON_MOST UINT64_C(0x7fffffff) /* bytes that AESGCM of Python's cryptography takes */

struct convert_run {
	struct coffer_ctx *ctx;
	const char *in, *out;
	const struct coffer_keyring *keys;
	struct coffer_convert_options opt;
	struct coffer_stats stats;
	struct progress progress;
};

static bool
is_foreign(enum coffer_format format)
{
	return format >= COFFER_FORMAT_ENCMODEL && format <= COFFER_FORMAT_IBM;
}

/* ---- options ---- */

static coffer_err
check_formats(struct fault *f, const struct coffer_convert_options *opt)
{
	if (!is_foreign(opt->from) && opt->from != COFFER_FORMAT_COFFER)
		return fault_set(f, COFFER_E_USAGE, "it must be said what the file is; give --from");
	if (!is_foreign(opt->to) && opt->to != COFFER_FORMAT_COFFER && opt->to != COFFER_FORMAT_PLAIN)
		return fault_set(f, COFFER_E_USAGE, "it must be said what the file becomes; give --to");
	if (opt->to == COFFER_FORMAT_IBM)
		return fault_set(f, COFFER_E_USAGE,
				 "files of IBM's model-encryption are read and not written: one key both enciphers and "
				 "authenticates there; choose another --to");
	if (opt->from == COFFER_FORMAT_COFFER && !is_foreign(opt->to))
		return fault_set(f, COFFER_E_USAGE,
				 "a sealed file is opened by «coffer open», and gets other keys by «coffer rewrap» or "
				 "«coffer rekey»; choose a foreign --to");
	return COFFER_OK;
}

static coffer_err
check_options(struct fault *f, const struct coffer_convert_options *opt)
{
	uint64_t reserved = 0;

	for (size_t i = 0; i < 8; i++)
		reserved |= opt->reserved[i];
	if (opt->version_1 != 1 || reserved != 0)
		return fault_set(f, COFFER_E_USAGE, "convert options of another version");
	if (opt->aad && opt->from != COFFER_FORMAT_ENCMODEL && opt->to != COFFER_FORMAT_ENCMODEL)
		return fault_set(f, COFFER_E_USAGE,
				 "associated data belong to encmodel alone (those of envmodel are its metadata); leave "
				 "--aad out");
	if (opt->aad_len > LIMIT_AAD)
		return fault_set(f, COFFER_E_USAGE, "%zu bytes of associated data; %u are allowed", opt->aad_len,
				 LIMIT_AAD);
	if (opt->padding != COFFER_PADDING_AUTO && opt->from != COFFER_FORMAT_AES_CBC &&
	    opt->to != COFFER_FORMAT_AES_CBC)
		return fault_set(f, COFFER_E_USAGE, "only aes-cbc has padding to choose; leave --padding out");
	if (opt->file && opt->from != COFFER_FORMAT_COFFER)
		return fault_set(f, COFFER_E_USAGE, "only a sealed model has several files; leave --file out");
	return check_formats(f, opt);
}

static struct view
aad_of(const struct convert_run *r)
{
	return view_of(r->opt.aad, r->opt.aad ? r->opt.aad_len : 0);
}

/* ---- what is weak ---- */

static const char *
weakness_of(enum coffer_format format)
{
	switch (format) {
	case COFFER_FORMAT_AES_CBC:
		return "aes-cbc has no tag: whoever can write to the file can change the model unnoticed";
	case COFFER_FORMAT_ENCMODEL:
	case COFFER_FORMAT_ENVMODEL:
		return "its JSON is not authenticated and holds a hash without a key, by which anybody can tell which "
		       "model it is";
	case COFFER_FORMAT_IBM:
		return "ibm binds no names, and one key both enciphers and authenticates: files can be swapped "
		       "unnoticed";
	default:
		return NULL;
	}
}

static void
warn_of_input(const struct convert_run *r, const struct foreign_in *in)
{
	const char *weakness = weakness_of(r->opt.from), *name = coffer_format_name(r->opt.from);

	if (in->end == END_ZEROS)
		ctx_notice(r->ctx,
			   "warning: %s: zero padding cannot be told from zeros of the model; %" PRIu64
			   " bytes were dropped from its end, --padding none keeps them",
			   r->in, in->head.cipher_len - in->size);
	if (weakness && r->opt.to == COFFER_FORMAT_COFFER)
		ctx_notice(r->ctx, "warning: %s: %s; from now on it is sealed", r->in, weakness);
	else if (weakness)
		ctx_notice(r->ctx,
			   "warning: %s: %s; seal it with «coffer convert %s --from %s --to coffer -o %s.coffer»",
			   r->in, weakness, r->in, name, r->in);
}

static void
warn_of_output(const struct convert_run *r, uint64_t size)
{
	const char *weakness = weakness_of(r->opt.to);

	if (weakness)
		ctx_notice(r->ctx, "warning: %s: %s; keep the sealed file, too", r->out, weakness);
	if (foreign_mode(r->opt.to) == AES_GCM && size > PYTHON_MOST)
		ctx_notice(
			r->ctx,
			"warning: %s is larger than the 2 GiB that AESGCM of Python's cryptography takes; only another "
			"program can open it",
			r->out);
}

/* ---- plain ---- */

typedef coffer_err (*put_fn)(struct fault *f, void *arg, uint64_t off, const void *bytes, size_t len);

/* All of the plaintext, from front to back. */
static coffer_err
pump(struct fault *f, struct foreign_in *in, put_fn put, void *arg)
{
	uint8_t *piece = malloc(PIECE);
	coffer_err err = piece ? COFFER_OK : fault_nomem(f);

	for (uint64_t off = 0; err == COFFER_OK && off < in->size; off += PIECE) {
		size_t len = (size_t)num_min(in->size - off, PIECE);

		TRY(foreign_in_read(f, in, off, piece, len));
		TRY(put(f, arg, off, piece, len));
	}
out:
	if (piece)
		mem_wipe(piece, PIECE);
	free(piece);
	return err;
}

static coffer_err
put_plain(struct fault *f, void *arg, uint64_t off, const void *bytes, size_t len)
{
	const struct newfile *n = arg;

	return file_write_at(f, n->fd, n->shown, bytes, len, off);
}

/* ---- sealed ---- */

/* A source and a sink have no place for a sentence. */
struct ends {
	struct foreign_in *in;
	struct newfile *n;
	struct fault fault;
};

static coffer_err
read_source(void *user, uint64_t off, void *buf, size_t len)
{
	struct ends *e = user;

	return foreign_in_read(&e->fault, e->in, off, buf, len);
}

static coffer_err
write_sink(void *user, uint64_t off, const void *bytes, size_t len)
{
	struct ends *e = user;

	return file_write_at(&e->fault, e->n->fd, e->n->shown, bytes, len, off);
}

/* What the file is called in the model: OUT without «.coffer». */
static coffer_err
name_inside(struct fault *f, const char *out, char **name_out)
{
	const char *base = path_base(out);
	size_t len = strlen(base), suffix = strlen(SUFFIX);

	if (len > suffix && strcmp(base + len - suffix, SUFFIX) == 0)
		len -= suffix;
	*name_out = strndup(base, len);
	return *name_out ? COFFER_OK : fault_nomem(f);
}

static coffer_err
write_sealed(struct fault *f, struct convert_run *r, struct foreign_in *in, struct newfile *n)
{
	struct ends e = {.in = in, .n = n};
	const struct coffer_source source = {.size = in->size, .user = &e, .read_at = read_source};
	const struct coffer_sink sink = {.user = &e, .write_at = write_sink};
	unsigned int jobs = r->ctx->jobs;
	char *name = NULL;
	coffer_err err;

	TRY(name_inside(f, r->out, &name));
	/* one thread asks for the plaintext in order, so that it is deciphered, authenticated and sealed in one pass */
	r->ctx->jobs = 1;
	in->progress = NULL; /* sealing has its own */
	err = coffer_seal_source(r->ctx, &source, name, &sink, r->opt.to_keys, NULL);
	r->ctx->jobs = jobs;
	if (e.fault.err)
		*f = e.fault;
out:
	free(name);
	return err;
}

/* ---- foreign ---- */

static coffer_err
open_output(struct fault *f, struct convert_run *r, struct foreign_out *out, uint64_t size)
{
	const struct key_use use = {.ctx = r->ctx, .path = r->out};
	struct view key;
	coffer_err err;

	out->head.format = r->opt.to;
	out->head.has_aad = r->opt.to == COFFER_FORMAT_ENCMODEL && r->opt.aad;
	out->padding = r->opt.padding;
	TRY(key_use_aes(f, &use, KEY_TO_SEAL, r->opt.to_keys, &key));
	TRY(foreign_out_open(f, out, key, r->opt.to == COFFER_FORMAT_ENCMODEL ? aad_of(r) : view_of(NULL, 0), size));
out:
	return err;
}

static coffer_err
put_foreign(struct fault *f, void *arg, uint64_t off, const void *bytes, size_t len)
{
	(void)off; /* they come in order */
	return foreign_out_write(f, arg, bytes, len);
}

static coffer_err
write_foreign(struct fault *f, struct convert_run *r, struct foreign_in *in, struct foreign_out *out)
{
	bool keeps = r->opt.to == COFFER_FORMAT_ENVMODEL && r->opt.from == COFFER_FORMAT_ENVMODEL;
	const struct view metadata = keeps ? buf_view(&in->head.metadata) : view_str("{}");
	coffer_err err;

	TRY(buf_add(f, &out->head.metadata, metadata.p, metadata.len));
	TRY(open_output(f, r, out, in->size));
	TRY(pump(f, in, put_foreign, out));
	TRY(foreign_out_finish(f, out));
out:
	return err;
}

static coffer_err
from_foreign(struct fault *f, struct convert_run *r)
{
	const struct key_use use = {.ctx = r->ctx, .path = r->in};
	struct foreign_way way = {.format = r->opt.from, .padding = r->opt.padding, .aad = aad_of(r)};
	struct foreign_out out = FOREIGN_OUT_INIT;
	struct foreign_in in = FOREIGN_IN_INIT;
	coffer_err err;

	TRY(key_use_aes(f, &use, KEY_TO_OPEN, r->keys, &way.key));
	TRY(foreign_in_open(f, &in, r->ctx, r->in, &way));
	TRY(newfile_open(f, &out.n, r->out, in.in.mode & 0777, r->opt.force));
	progress_begin(&r->progress, r->ctx, in.head.cipher_len);
	in.progress = &r->progress;
	err = r->opt.to == COFFER_FORMAT_PLAIN	  ? pump(f, &in, put_plain, &out.n)
	      : r->opt.to == COFFER_FORMAT_COFFER ? write_sealed(f, r, &in, &out.n)
						  : write_foreign(f, r, &in, &out);
	if (err == COFFER_OK)
		err = foreign_in_finish(f, &in);
	progress_end(&r->progress);
	TRY(err);
	TRY(ctx_check_cancelled(f, r->ctx));
	TRY(newfile_commit(f, &out.n));
	r->stats.bytes = in.size;
	warn_of_input(r, &in);
	warn_of_output(r, in.size);
out:
	foreign_out_close(&out);
	foreign_in_close(&in);
	return err;
}

/* ---- from a sealed file ---- */

static coffer_err
choose_file(struct fault *f, const struct convert_run *r, const struct coffer_model *m, size_t *index_out)
{
	*index_out = r->opt.file ? coffer_model_find(m, r->opt.file) : 0;
	if (!r->opt.file && coffer_model_size(m) != 1)
		return fault_set(f, COFFER_E_USAGE,
				 "%s has %zu files, as %s, and another format holds one; say which with --file PATH",
				 r->in, coffer_model_size(m), coffer_model_path(m, 0));
	if (*index_out == SIZE_MAX)
		return fault_set(f, COFFER_E_NOTFOUND, "%s has no file %s; «coffer inspect» lists them", r->in,
				 r->opt.file);
	return COFFER_OK;
}

/* A signature is of a whole model, which is not looked at here. */
static coffer_err
refuse_bound(struct fault *f, const struct convert_run *r, const struct coffer_model *m)
{
	const struct coffer_open_options opt = {.version_1 = 1};
	struct open_trust t = OPEN_TRUST_INIT;
	coffer_err err;

	if (r->opt.ignore_trust_store)
		return COFFER_OK;
	TRY(open_trust_find(f, &t, r->ctx, &opt, m));
	if (t.trust)
		TRY(fault_set(f, COFFER_E_POLICY,
			      "the trust store says whose %s must be; use «coffer verify» first, and then "
			      "--no-trust-store",
			      coffer_model_name(m)));
out:
	open_trust_end(&t);
	return err;
}

/* The metadata of ENVMODEL: {"name": …, "version": …} */
static coffer_err
describe(struct fault *f, const struct coffer_model *m, struct buf *out)
{
	struct doc *d = doc_set(doc_object(), "name", doc_new_text(coffer_model_name(m)));
	const char *version = coffer_model_version(m);
	coffer_err err;

	if (*version)
		d = doc_set(d, "version", doc_new_text(version));
	err = d ? doc_python(f, d, out) : fault_nomem(f);
	doc_free(&d);
	return err;
}

struct delivery {
	struct foreign_out *out;
	struct fault fault;
};

static coffer_err
deliver(void *user, uint64_t off, const void *bytes, size_t len)
{
	struct delivery *d = user;

	return put_foreign(&d->fault, d->out, off, bytes, len);
}

static coffer_err
copy_out(struct fault *f, struct convert_run *r, struct coffer_file *file, struct foreign_out *out)
{
	struct delivery d = {.out = out};
	const struct coffer_sink sink = {.user = &d, .write_at = deliver};
	coffer_err err;

	TRY(open_output(f, r, out, coffer_file_size(file)));
	err = coffer_file_copy(r->ctx, file, 0, coffer_file_size(file), &sink);
	if (d.fault.err)
		*f = d.fault;
	TRY(err);
	TRY(foreign_out_finish(f, out));
	TRY(newfile_commit(f, &out->n));
out:
	return err;
}

static coffer_err
from_coffer(struct fault *f, struct convert_run *r)
{
	struct foreign_out out = FOREIGN_OUT_INIT;
	struct coffer_model *model = NULL;
	struct coffer_file *file = NULL;
	size_t index;
	coffer_err err;

	TRY(coffer_model_open(r->ctx, r->in, r->keys, &model));
	TRY(choose_file(f, r, model, &index));
	TRY(refuse_bound(f, r, model));
	TRY(coffer_file_open(r->ctx, model, index, &file));
	TRY(describe(f, model, &out.head.metadata));
	TRY(newfile_open(f, &out.n, r->out, 0666, r->opt.force));
	TRY(copy_out(f, r, file, &out));
	r->stats.bytes = coffer_file_size(file);
	enc_hex(model->keys.model_id, MODEL_ID_LEN, r->stats.model_id);
	warn_of_output(r, r->stats.bytes);
out:
	foreign_out_close(&out);
	coffer_file_free(&file);
	coffer_model_free(&model);
	return err;
}

/* ---- the verb ---- */

coffer_err
coffer_convert(struct coffer_ctx *ctx, const char *in, const char *out, const struct coffer_keyring *keys,
	       const struct coffer_convert_options *options, struct coffer_stats *stats_out)
{
	struct convert_run r = {.ctx = ctx, .in = in, .out = out, .keys = keys, .opt = *options};
	struct fault *f = ctx_begin(ctx);
	uint64_t start = now_ns();
	coffer_err err;

	if (!r.opt.to_keys)
		r.opt.to_keys = keys;
	TRY(check_options(f, &r.opt));
	TRY(r.opt.from == COFFER_FORMAT_COFFER ? from_coffer(f, &r) : from_foreign(f, &r));
	r.stats.n_files = 1;
out:
	r.stats.seconds = (double)(now_ns() - start) / 1e9;
	if (stats_out)
		*stats_out = r.stats;
	return err;
}
