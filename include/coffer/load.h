/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loading: a sealed model's files and tensors in memory, with no plaintext on a disk.
 *
 * Programs that only know paths have `coffer run` and `coffer mount`; this is for those that load weights themselves.  All of it
 * works on a struct coffer_model (open.h).  Before a loader uses anything of a model it makes sure whose it is, and that it carries
 * no code; coffer_loader_open() does both.
 *
 *	coffer_file_load()	a range into the caller's memory, on all processors
 *	coffer_memory_new()	a file in huge pages of its own
 *	coffer_file_memfd()	a file behind a descriptor, for whoever reads or maps one
 *	coffer_file_stream()	a FILE *, decrypted as it is read
 *	coffer_loader_…()	tensors by name, or each in turn as soon as it is verified
 *
 * Nothing is handed out before the tag of its record was found right.  All memory made here is kept out of core dumps; what others map of a
 * memfd is theirs to keep out.
 */
#ifndef COFFER_LOAD_H
#define COFFER_LOAD_H

#include <stdio.h>

#include <coffer/open.h>
#include <coffer/tensors.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- what a loader asks first ---- */

/**
 * coffer_model_trust() - whose model it must be
 * @options: @trust, @signature, @ignore_trust_store, @verify and @name count, and mean what they do for coffer_open(); NULL = all
 *	defaults: whom the trust store binds the model's name to
 *
 * Where a signer is asked for, the signature over the sealed files is verified, which reads them once.  From then on a file of
 * @model that is not the one that was verified is COFFER_E_CHANGED.  The signature over the plain files is not looked at: that would
 * hash all of them again, and what the sealed files hold is certain.
 * Call it before coffer_file_open(); what was opened before is not looked at.  What comes from a source has no signature, and is
 * COFFER_E_POLICY where a signer is asked for.  Return: COFFER_OK, COFFER_E_SIGNATURE, COFFER_E_POLICY, or as coffer_verify().
 */
COFFER_API COFFER_CHECK coffer_err coffer_model_trust(struct coffer_ctx *ctx, struct coffer_model *model,
						      const struct coffer_open_options *options);

#define COFFER_CODE_LEN 256 /* bytes, with the NUL, that say what code a file carries */

/**
 * coffer_code_find() - say what in a file could be run by whoever loads it
 * @path: its name, for «.py» and «.so»
 * @source: its bytes
 * @what_out: gets words for people, «calls os.system when it is unpickled», or the empty string when it carries none
 *
 * Nothing is run to find out.  A pickle is read opcode by opcode; what torch.load(weights_only=True) allows is no code.  A file that
 * cannot be told is said to carry code.  Return: COFFER_OK, or an error of reading.
 */
COFFER_API COFFER_CHECK coffer_err coffer_code_find(struct coffer_ctx *ctx, const char *path,
						    const struct coffer_source *source, char what_out[COFFER_CODE_LEN]);

/** coffer_model_refuse_code() - COFFER_E_POLICY when a file of @model carries code; the message names it, and what */
COFFER_API COFFER_CHECK coffer_err coffer_model_refuse_code(struct coffer_ctx *ctx, struct coffer_model *model);

/* ---- files ---- */

/**
 * coffer_file_load() - open a range of a file into the caller's memory, with as many threads as coffer_ctx_set_jobs() says
 * @off: offset in the plaintext, in bytes
 * @buf: where to put them; filled with zeros on failure.  Whole records are opened straight into it, at any alignment.
 * @len: how many bytes; past the end is COFFER_E_RANGE
 *
 * Fastest into huge pages.  One call at a time per context.  Return: as coffer_file_read_at(), and COFFER_E_INTERRUPTED.
 */
COFFER_API COFFER_CHECK coffer_err coffer_file_load(struct coffer_ctx *ctx, struct coffer_file *file, uint64_t off,
						    void *buf, size_t len);

struct coffer_memory;

/**
 * coffer_memory_new() - open all of a file into memory of its own, in huge pages where the kernel has them
 * @memory_out: gets it, or NULL; free it with coffer_memory_free().  It outlives @file.
 *
 * It can only be read, and is in no core dump.  Return: as coffer_file_load(), and COFFER_E_NOMEM.
 */
COFFER_API COFFER_CHECK coffer_err coffer_memory_new(struct coffer_ctx *ctx, struct coffer_file *file,
						     struct coffer_memory **memory_out);

/** coffer_memory_bytes() - its bytes, aligned to 4 KiB at least; never NULL, of an empty file too */
COFFER_API const void *coffer_memory_bytes(const struct coffer_memory *memory);

/** coffer_memory_size() - how many */
COFFER_API size_t coffer_memory_size(const struct coffer_memory *memory);

/** coffer_memory_free() - give *@memory back, which the kernel clears before anybody else gets it, and set it to NULL; NULL is fine */
COFFER_API void coffer_memory_free(struct coffer_memory **memory);

/**
 * coffer_file_memfd() - open all of a file into a memfd that nobody can change
 * @fd_out: gets a descriptor, close-on-exec, sealed against writing, growing and shrinking; or -1.  close() gives the memory back.
 *
 * /proc/self/fd/N is a path to it that can be opened, mapped and, in this process and its children that inherit it, passed on.
 */
COFFER_API COFFER_CHECK coffer_err coffer_file_memfd(struct coffer_ctx *ctx, struct coffer_file *file, int *fd_out);

/**
 * coffer_file_stream() - a stream over a file, as fopen() gives one, for whoever takes a FILE * (llama.cpp)
 * @stream_out: gets it, for reading and seeking, or NULL; fclose() it before @file is freed
 *
 * Has no descriptor: fileno() is -1.  What is not authentic is a read error with errno EIO.
 */
COFFER_API COFFER_CHECK coffer_err coffer_file_stream(struct coffer_ctx *ctx, struct coffer_file *file,
						      FILE **stream_out);

/* ---- tensors ---- */

struct coffer_loader;

/**
 * struct coffer_load_options - what is loaded
 *
 * Zero it, set @version_1 to 1, then whatever should differ from the default.
 */
struct coffer_load_options {
	/** @version_1: must be 1 */
	uint32_t version_1;

	/** @trust: as for coffer_model_trust(); NULL = all defaults */
	const struct coffer_open_options *trust;

	/** @allow_code: go on when a file carries code, which nothing here runs */
	bool allow_code;

	/** @reserved: must be zero */
	uint64_t reserved[8];
};

/**
 * coffer_loader_open() - get a model's tensors ready to be read
 * @model: must outlive the loader
 * @options: NULL = all defaults
 * @loader_out: gets it, or NULL; free it with coffer_loader_free()
 *
 * coffer_model_trust(), coffer_model_refuse_code(), coffer_tensors_read_model(), in this order.  Without @trust a model that
 * coffer_model_trust() was called for already is not verified again.
 */
COFFER_API COFFER_CHECK coffer_err coffer_loader_open(struct coffer_ctx *ctx, struct coffer_model *model,
						      const struct coffer_load_options *options,
						      struct coffer_loader **loader_out);

/** coffer_loader_free() - free *@loader and set it to NULL; NULL is fine */
COFFER_API void coffer_loader_free(struct coffer_loader **loader);

/** coffer_loader_tensors() - its tensors, in order of file and offset; valid while @loader is */
COFFER_API const struct coffer_tensors *coffer_loader_tensors(const struct coffer_loader *loader);

/** coffer_loader_file() - file @index of the model, open, or NULL when no tensor lies in it; valid while @loader is */
COFFER_API struct coffer_file *coffer_loader_file(const struct coffer_loader *loader, size_t index);

/**
 * coffer_loader_read_at() - read bytes of a tensor
 * @name: its name; COFFER_E_NOTFOUND when there is none
 * @off: from the tensor's start
 *
 * From any thread.  Else as coffer_file_read_at().
 */
COFFER_API COFFER_CHECK coffer_err coffer_loader_read_at(struct coffer_loader *loader, const char *name, uint64_t off,
							 void *buf, size_t len);

/** struct coffer_tensor_sink - who takes the tensors of a model, one after the other */
struct coffer_tensor_sink {
	/** @user: handed to the functions */
	void *user;

	/**
	 * @place: where the tensor goes: memory of @tensor->size bytes, which is the caller's until @ready has been told of it
	 * (pinned memory, a ring of it; it may wait until some is free).  NULL leaves the tensor out.
	 * Called by the thread that called coffer_loader_each(), in order of file and offset, ahead of @ready.
	 */
	void *(*place)(void *user, const struct coffer_tensor *tensor);

	/**
	 * @ready: all of the tensor is at @bytes, and authentic.  Same thread, same order; the tensors after it are being opened
	 * meanwhile.  Return: COFFER_OK, or any error, which ends coffer_loader_each().
	 */
	coffer_err (*ready)(void *user, const struct coffer_tensor *tensor, void *bytes);
};

/**
 * coffer_loader_each() - open every tensor into memory that @sink gives, and say so as soon as it is verified
 * @ahead: how many bytes may be placed and not yet ready, 0 = 64 MiB; one tensor always is
 *
 * @sink must not use @ctx, but for coffer_ctx_cancel().  What was placed when it fails, and is not ready, is filled with zeros.
 *
 * Return: COFFER_OK; COFFER_E_INTERRUPTED; as coffer_file_load(); or what @sink returned.
 */
COFFER_API COFFER_CHECK coffer_err coffer_loader_each(struct coffer_ctx *ctx, struct coffer_loader *loader,
						      uint64_t ahead, const struct coffer_tensor_sink *sink);

#ifdef __cplusplus
}
#endif
#endif
