/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opening: whole, in sequence, or any byte range from any thread.
 */
#ifndef COFFER_OPEN_H
#define COFFER_OPEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <coffer/ctx.h>
#include <coffer/io.h>
#include <coffer/key.h>
#include <coffer/seal.h>

#ifdef __cplusplus
extern "C" {
#endif

struct coffer_trust;
struct coffer_verify_options;

/**
 * struct coffer_open_options - how to open
 *
 * Zero it, set @version_1 to 1, then whatever should differ from the default.
 */
struct coffer_open_options {
	/** @version_1: must be 1 */
	uint32_t version_1;

	/** @include, @exclude: as in struct coffer_seal_options */
	const char *const *include;
	size_t n_include;
	const char *const *exclude;
	size_t n_exclude;

	/** @in_place: replace each sealed file by its plain one; the output must be NULL */
	bool in_place;

	/** @force: replace an output file that exists */
	bool force;

	/** @dry_run: unwrap, check heads and file set, write nothing */
	bool dry_run;

	/**
	 * @trust: whose model this must be (coffer/sign.h).  The signature over the sealed files is verified before any of them
	 * is opened; then the one over the plain files, if the model has it, which every file is held against before it gets its
	 * name.  A signer who is not believed is COFFER_E_SIGNATURE, a missing signature COFFER_E_POLICY.
	 * NULL = whom the trust store binds the model's name to, and nobody if it does not know that name.  When it knows the last
	 * part of the path (without «.coffer»), a model that calls itself otherwise is COFFER_E_POLICY.
	 * @signature: the signature over the sealed files; NULL = coffer.sig in the directory, of a file S: S.sig
	 * @ignore_trust_store: ask nobody
	 */
	const struct coffer_trust *trust;
	const char *signature;
	bool ignore_trust_store;

	/**
	 * @verify: how the signature over the sealed files is verified; NULL = as coffer_verify() by default.  What is opened must be
	 * listed in it, whatever this leaves out.
	 * @outer_alone: that signature is enough; the one over the plain files is a file like any other
	 */
	const struct coffer_verify_options *verify;
	bool outer_alone;

	/** @name: what the model must call itself, whatever its path; another name is COFFER_E_POLICY; NULL = anything, but see @trust */
	const char *name;

	/** @reserved: must be zero */
	uint64_t reserved[8];
};

/**
 * coffer_open() - open a sealed file or directory into plain files
 * @in: the sealed model
 * @out: where the model goes; must not exist or be an empty directory; NULL with @in_place
 * @keys: keys to try
 * @options: NULL = all defaults
 * @stats_out: what was done; may be NULL
 *
 * A file appears under its name only when all of its records are verified and it is durable.  Beside a sealed file F.coffer
 * its signature F.sig.coffer, if there is one, is opened to @out.sig.
 *
 * Return: COFFER_OK; COFFER_E_NOTFOUND; COFFER_E_EXISTS; COFFER_E_NOKEY; an error of category 4, 5, 6, 7, 12 or 130.
 */
COFFER_API COFFER_CHECK coffer_err coffer_open(struct coffer_ctx *ctx, const char *in, const char *out,
					       const struct coffer_keyring *keys,
					       const struct coffer_open_options *options,
					       struct coffer_stats *stats_out);

/** coffer_check() - verify every tag of a sealed model and write nothing; else as coffer_open() */
COFFER_API COFFER_CHECK coffer_err coffer_check(struct coffer_ctx *ctx, const char *in,
						const struct coffer_keyring *keys, struct coffer_stats *stats_out);

/* ---- any byte range ---- */

struct coffer_model;
struct coffer_file;

/**
 * coffer_model_open() - unwrap the DEK of a sealed model and verify its key block and file set
 * @path: a sealed file or directory
 * @model_out: gets it, or NULL; free it with coffer_model_free()
 */
COFFER_API COFFER_CHECK coffer_err coffer_model_open(struct coffer_ctx *ctx, const char *path,
						     const struct coffer_keyring *keys,
						     struct coffer_model **model_out);

/** coffer_model_open_source() - the same for one sealed file that comes from @source, which must outlive the model */
COFFER_API COFFER_CHECK coffer_err coffer_model_open_source(struct coffer_ctx *ctx, const struct coffer_source *source,
							    const struct coffer_keyring *keys,
							    struct coffer_model **model_out);

/** coffer_model_free() - wipe and free *@model and set it to NULL; its files must be free already */
COFFER_API void coffer_model_free(struct coffer_model **model);

/** coffer_model_name(), coffer_model_version() - as the publisher gave them; verified; valid while @model is */
COFFER_API const char *coffer_model_name(const struct coffer_model *model);
COFFER_API const char *coffer_model_version(const struct coffer_model *model);

/** coffer_model_size() - how many files; index them from 0 */
COFFER_API size_t coffer_model_size(const struct coffer_model *model);

/** coffer_model_path() - the relative path of file @index, or NULL past the end; valid while @model is */
COFFER_API const char *coffer_model_path(const struct coffer_model *model, size_t index);

/** coffer_model_file_size() - plaintext bytes of file @index, verified, without opening it; UINT64_MAX past the end */
COFFER_API uint64_t coffer_model_file_size(const struct coffer_model *model, size_t index);

/** coffer_model_find() - the index of the file at @path, or SIZE_MAX */
COFFER_API size_t coffer_model_find(const struct coffer_model *model, const char *path);

/**
 * coffer_file_open() - open one file of a model
 * @file_out: gets it, or NULL; free it with coffer_file_free(), before the model
 */
COFFER_API COFFER_CHECK coffer_err coffer_file_open(struct coffer_ctx *ctx, struct coffer_model *model, size_t index,
						    struct coffer_file **file_out);

/** coffer_file_free() - wipe and free *@file and set it to NULL; NULL is fine */
COFFER_API void coffer_file_free(struct coffer_file **file);

/** coffer_file_size() - plaintext bytes; verified */
COFFER_API uint64_t coffer_file_size(const struct coffer_file *file);

/** coffer_file_record_size() - bytes that are verified together, a power of two: reads from one multiple of it to another cost least */
COFFER_API uint32_t coffer_file_record_size(const struct coffer_file *file);

/**
 * coffer_file_read_at() - read plaintext from any place of a file
 * @file: from coffer_file_open()
 * @off: offset in the plaintext, in bytes
 * @buf: where to put them; filled with zeros on failure
 * @len: how many bytes; reading past the end is COFFER_E_RANGE, never a short read
 *
 * Only verified records are copied out.  May be called from several threads at once.  Once
 * a tag has failed the file stays failed.  Whole records that are asked for are opened in @buf itself.
 *
 * Return: COFFER_OK, COFFER_E_RANGE, COFFER_E_AUTH, COFFER_E_IO or COFFER_E_NOMEM.
 */
COFFER_API COFFER_CHECK coffer_err coffer_file_read_at(struct coffer_file *file, uint64_t off, void *buf, size_t len);

/**
 * coffer_file_copy() - hand plaintext to a sink, from front to back
 * @off: offset in the plaintext, in bytes
 * @len: how many bytes; past the end is COFFER_E_RANGE
 * @sink: is given pieces of at most one record, in order, from the calling thread; the offset 0 is that of byte @off
 *
 * What was handed out before a failure is authentic, and the rest is missing: only COFFER_OK means that it is whole.
 *
 * Return: as coffer_file_read_at(), COFFER_E_INTERRUPTED, or what @sink returned.
 */
COFFER_API COFFER_CHECK coffer_err coffer_file_copy(struct coffer_ctx *ctx, struct coffer_file *file, uint64_t off,
						    uint64_t len, const struct coffer_sink *sink);

/** coffer_file_source() - a source of @file's plaintext, for readers that take one; valid while @file is */
COFFER_API struct coffer_source coffer_file_source(struct coffer_file *file);

#ifdef __cplusplus
}
#endif
#endif
