/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The context: what calls share.
 *
 * A context may be used by one thread at a time, except for
 * coffer_ctx_cancel().  Objects made with it must be freed before it, and may
 * be used from other threads where their own header says so.
 */
#ifndef COFFER_CTX_H
#define COFFER_CTX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <coffer/err.h>

#ifdef __cplusplus
extern "C" {
#endif

struct coffer_ctx;

/**
 * coffer_ctx_new() - make a context
 * @ctx_out: gets it, or NULL on failure; free it with coffer_ctx_free()
 *
 * The first call in a process runs the known-answer tests of the cryptography.
 *
 * Return: COFFER_OK, COFFER_E_NOMEM or COFFER_E_SELFTEST.
 */
COFFER_API COFFER_CHECK coffer_err coffer_ctx_new(struct coffer_ctx **ctx_out);

/** coffer_ctx_free() - free *@ctx and set it to NULL; NULL is fine */
COFFER_API void coffer_ctx_free(struct coffer_ctx **ctx);

/**
 * coffer_ctx_message() - the sentence that belongs to the last error
 *
 * Says what failed, why, and, where that is known, what to do.  Valid until the
 * next call with @ctx; the empty string when nothing has failed or @ctx is NULL.
 */
COFFER_API const char *coffer_ctx_message(const struct coffer_ctx *ctx);

/**
 * coffer_progress_fn - told about work done, a few times a second
 * @user: as given to coffer_ctx_set_progress()
 * @path: the file at work, relative to the model
 * @done: bytes done of the whole call
 * @total: bytes of the whole call
 *
 * Called from one thread at a time, though not always the same one.
 */
typedef void (*coffer_progress_fn)(void *user, const char *path, uint64_t done, uint64_t total);

/** coffer_ctx_set_progress() - report progress to @fn, or to nobody when NULL */
COFFER_API void coffer_ctx_set_progress(struct coffer_ctx *ctx, coffer_progress_fn fn, void *user);

/** coffer_notice_fn - told a sentence that is worth knowing but no failure («continuing an interrupted run») */
typedef void (*coffer_notice_fn)(void *user, const char *text);

/** coffer_ctx_set_notice() - hand notices to @fn, or drop them when NULL (the default) */
COFFER_API void coffer_ctx_set_notice(struct coffer_ctx *ctx, coffer_notice_fn fn, void *user);

/**
 * coffer_prompt_fn - ask a person for a passphrase, or for a code that somebody else showed
 * @user: as given to coffer_ctx_set_prompt()
 * @what: what it is for, as «passphrase for model.coffer»
 * @confirm: ask twice, for it is a new one
 * @out: where to put it, without a line end
 * @cap: room in @out, in bytes
 * @len_out: its length in bytes
 *
 * The library wipes @out.  Return: COFFER_OK, or the error to give up with.
 */
typedef coffer_err (*coffer_prompt_fn)(void *user, const char *what, bool confirm, char *out, size_t cap,
				       size_t *len_out);

/** coffer_ctx_set_prompt() - ask through @fn; without one the URI «passphrase:» is COFFER_E_KEY */
COFFER_API void coffer_ctx_set_prompt(struct coffer_ctx *ctx, coffer_prompt_fn fn, void *user);

/**
 * coffer_browse_fn - have a person open an address, to sign in there
 * @user: as given to coffer_ctx_set_browse()
 * @url: https, or on this machine
 * @code: what to type or compare there, or NULL
 *
 * Returns at once: show it, start a browser.  Return: COFFER_OK, or the error to give up with.
 */
typedef coffer_err (*coffer_browse_fn)(void *user, const char *url, const char *code);

/**
 * coffer_ctx_set_browse() - have people sign in through @fn; without one that is COFFER_E_USAGE
 *
 * A code that is to be typed in is asked for through coffer_ctx_set_prompt().
 */
COFFER_API void coffer_ctx_set_browse(struct coffer_ctx *ctx, coffer_browse_fn fn, void *user);

/** coffer_ctx_set_jobs() - use @n threads for bulk work; 0 (the default) means one per processor */
COFFER_API void coffer_ctx_set_jobs(struct coffer_ctx *ctx, unsigned int n);

/**
 * coffer_ctx_set_environment() - open, check and rotate only models of @environment
 * @environment: 1 to 32 of a-z and 0-9; it is copied; NULL (the default): of any, and of none
 *
 * A model is of an environment when it was sealed with the pair «environment» in its context, which every wrapped key is bound
 * to.  Another one is COFFER_E_POLICY before any key is used or asked for.  Sealing does not look at it.
 *
 * Return: COFFER_OK or COFFER_E_USAGE, and then nothing is changed.
 */
COFFER_API COFFER_CHECK coffer_err coffer_ctx_set_environment(struct coffer_ctx *ctx, const char *environment);

/**
 * coffer_ctx_set_min_generation() - the least generation that the key block of a model must have; 0 (the default): any
 *
 * The generation rises whenever it changes who can open a model, except by a rewrap inside a key service.  A copy from before the
 * pinned one is COFFER_E_ROLLBACK.
 */
COFFER_API void coffer_ctx_set_min_generation(struct coffer_ctx *ctx, uint64_t generation);

/**
 * coffer_ctx_set_audit() - say where each use of a key is written before it takes effect (audit.h)
 * @where: a list with commas: a folder, at most one; «syslog:»; «journald:»; or «off» alone.  NULL, the default: what
 * $COFFER_AUDIT says, else the folder $XDG_STATE_HOME/coffer/audit, else ~/.local/state/coffer/audit
 *
 * Nothing is made or opened before a key is used.  If the log cannot be written then, the key is not used: the call fails with
 * the log's error.  Return: COFFER_OK; COFFER_E_USAGE for a malformed list.
 */
COFFER_API COFFER_CHECK coffer_err coffer_ctx_set_audit(struct coffer_ctx *ctx, const char *where);

/**
 * coffer_ctx_cancel() - make the running call give up soon with COFFER_E_INTERRUPTED
 *
 * May be called from any thread and from a signal handler.  Stays set.
 */
COFFER_API void coffer_ctx_cancel(struct coffer_ctx *ctx);

#ifdef __cplusplus
}
#endif
#endif
