/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sealing: a model in, a sealed model out (docs/format.md).
 */
#ifndef COFFER_SEAL_H
#define COFFER_SEAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <coffer/ctx.h>
#include <coffer/io.h>
#include <coffer/key.h>

#ifdef __cplusplus
extern "C" {
#endif

struct coffer_signer;
struct coffer_sign_options;

/** struct coffer_pair - one public key=value of a model's context */
struct coffer_pair {
	const char *key;
	const char *value;
};

/**
 * struct coffer_seal_options - how to seal
 *
 * Zero it, set @version_1 to 1, then whatever should differ from the default.
 */
struct coffer_seal_options {
	/** @version_1: must be 1 */
	uint32_t version_1;

	/** @record_size: bytes a record, a power of two from 64 KiB to 16 MiB; 0 = 1 MiB */
	uint32_t record_size;

	/** @name: the model's name; NULL = the last part of the input's path */
	const char *name;

	/** @model_version: the model's version; NULL = the empty string */
	const char *model_version;

	/** @context, @n_context: public pairs, bound to every wrap; at most 32 */
	const struct coffer_pair *context;
	size_t n_context;

	/**
	 * @include, @exclude: shell patterns (fnmatch) of relative paths; a pattern without a slash is
	 * matched against the last part too.  With @include only what matches is sealed.
	 */
	const char *const *include;
	size_t n_include;
	const char *const *exclude;
	size_t n_exclude;

	/** @hidden: seal files and folders whose name begins with a dot, too */
	bool hidden;

	/** @follow_symlinks: follow links that leave the model (the layout of the Hugging Face cache); by default they are refused */
	bool follow_symlinks;

	/** @in_place: replace each plain file by its sealed one; the output must be NULL */
	bool in_place;

	/** @force: replace an output that exists */
	bool force;

	/** @dry_run: find out all that would be refused, write nothing */
	bool dry_run;

	/**
	 * @signer: sign, too (coffer/sign.h); NULL = no.  The plain files are read once for both.  Two signatures are made:
	 * one over the plain files, which is sealed with them and opens to model.sig (of a file F: F.sig); and coffer.sig (of a
	 * sealed file S: S.sig) over the sealed files, which anybody can verify without a key.
	 * @sign: how; NULL = all defaults.  Its paths to leave out are left out of the signature of the plain files; it reuses nothing.
	 */
	const struct coffer_signer *signer;
	const struct coffer_sign_options *sign;

	/** @reserved: must be zero */
	uint64_t reserved[8];
};

/** struct coffer_stats - what a call did */
struct coffer_stats {
	uint64_t n_files;   /* files of the model */
	uint64_t bytes;	    /* plaintext bytes of the model */
	uint64_t n_skipped; /* files that an interrupted run had finished before */
	double seconds;	    /* from start to durable end */
	char model_id[33];  /* 32 hex digits */
};

/**
 * coffer_seal() - seal a file or a directory
 * @in: the model
 * @out: where the sealed model goes; NULL with @in_place
 * @keys: every key becomes a recipient; 1 to 32
 * @options: NULL = all defaults
 * @stats_out: what was done; may be NULL
 *
 * A sealed file appears under its name only when it is whole and durable.  An
 * interrupted run over a directory goes on where it stopped when it is called
 * again with an AES key or passphrase of it.  With a key pair alone it begins anew, but in place:
 * anybody can wrap for a public key, so what is there may not be one's own.
 *
 * Return: COFFER_OK; COFFER_E_NOTFOUND; COFFER_E_SEALED; COFFER_E_EXISTS;
 * COFFER_E_CHANGED; COFFER_E_USAGE for names or links that cannot be sealed;
 * an error of category 4, 7, 12 or 130.
 */
COFFER_API COFFER_CHECK coffer_err coffer_seal(struct coffer_ctx *ctx, const char *in, const char *out,
					       const struct coffer_keyring *keys,
					       const struct coffer_seal_options *options,
					       struct coffer_stats *stats_out);

/**
 * coffer_seal_source() - seal the bytes of @in as one sealed file into @out
 * @path: the file's name inside the model
 *
 * The sink must read as zeros wherever nothing is written, as a new file does; it is given its
 * last byte's offset too.  What was written is worthless unless COFFER_OK is returned.
 */
COFFER_API COFFER_CHECK coffer_err coffer_seal_source(struct coffer_ctx *ctx, const struct coffer_source *in,
						      const char *path, const struct coffer_sink *out,
						      const struct coffer_keyring *keys,
						      const struct coffer_seal_options *options);

#ifdef __cplusplus
}
#endif
#endif
