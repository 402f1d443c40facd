/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hook: what an inference engine needs to read sealed models, in one table of functions.
 *
 * An engine that does not want to depend on coffer copies the two structures below, and at run time:
 *
 *	void *library = dlopen("libcoffer.so.0", RTLD_NOW);
 *	coffer_hook_fn get = library ? (coffer_hook_fn)dlsym(library, "coffer_hook") : NULL;
 *	const struct coffer_hook *hook = get ? get(1) : NULL;
 *
 * and then, where it opened a file by its path:
 *
 *	struct coffer_hook_model *m = NULL;
 *	if (hook && hook->is_sealed(path) && hook->open(path, NULL, &m, why, sizeof(why)) == 0)
 *		… hook->find(m, "model.gguf"), hook->size(m, i), hook->read(m, i, off, buf, len) …
 *
 * The table is the interface and is frozen: version 1 never changes; what is added comes as version 2, and both are there.  A
 * function that can fail returns 0 or a coffer_err (err.h) and puts a sentence in @why.  All may be called from any thread.
 */
#ifndef COFFER_HOOK_H
#define COFFER_HOOK_H

#include <stddef.h>
#include <stdint.h>

#include <coffer/err.h>

#ifdef __cplusplus
extern "C" {
#endif

struct coffer_hook_model;

/** struct coffer_hook - version 1 */
struct coffer_hook {
	/** @version: 1 */
	uint32_t version;

	/** @is_sealed: 1 when @path is a sealed file or directory, else 0; reads a few bytes */
	int (*is_sealed)(const char *path);

	/**
	 * @open: unwrap the key of the sealed model at @path, check whose it is (the trust store) and that it carries no code
	 * @kek: key URIs (key.h) with spaces between; NULL = $COFFER_KEK, else all of the local keyring
	 * @model_out: gets it, or NULL; @close it
	 * @why: gets a sentence on failure, at most @why_len bytes with its NUL; may be NULL
	 */
	int (*open)(const char *path, const char *kek, struct coffer_hook_model **model_out, char *why, size_t why_len);

	/** @close: wipe and free; NULL is fine */
	void (*close)(struct coffer_hook_model *model);

	/** @files: how many files the model has; @path: the relative path of one, NULL past the end; @find: its index, or SIZE_MAX */
	size_t (*files)(const struct coffer_hook_model *model);
	const char *(*path)(const struct coffer_hook_model *model, size_t index);
	size_t (*find)(const struct coffer_hook_model *model, const char *path);

	/** @size: the plaintext bytes of file @index, or UINT64_MAX when there is none, or its head is not authentic */
	uint64_t (*size)(struct coffer_hook_model *model, size_t index);

	/** @read: put @len bytes from @off of file @index at @buf, all or none, verified; many bytes are opened on all processors */
	int (*read)(struct coffer_hook_model *model, size_t index, uint64_t off, void *buf, size_t len);

	/** @map: all of file @index in memory that can only be read, until @unmap; the same for everybody who asks */
	int (*map)(struct coffer_hook_model *model, size_t index, const void **bytes_out, size_t *len_out);
	void (*unmap)(struct coffer_hook_model *model, size_t index);

	/** @why: the sentence of the last failure in this thread; valid until the next call */
	const char *(*why)(void);
};

typedef const struct coffer_hook *(*coffer_hook_fn)(uint32_t version);

/** coffer_hook() - the table of @version, static, or NULL when this library does not have it */
COFFER_API const struct coffer_hook *coffer_hook(uint32_t version);

#ifdef __cplusplus
}
#endif
#endif
