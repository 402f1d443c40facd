/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The person: sentences, a progress bar and the passphrase prompt.
 *
 * Everything goes to standard error, or to the terminal itself for the
 * prompt.  What comes from outside is shown without control characters, so
 * that no file name can move the cursor.
 */
#ifndef CLI_TERM_H
#define CLI_TERM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <coffer/err.h>

#include "base/fault.h"

/** term_say() - one line for the person, unless --quiet */
void term_say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/** term_error() - the last line of a run that failed: «coffer: SENTENCE [NAME]» */
void term_error(const struct fault *f);

/** term_warn() - «coffer: SENTENCE» about a part that failed while the rest goes on */
void term_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/** term_is_fancy() - whether a person watches standard error on a terminal that can redraw a line */
bool term_is_fancy(void);

/** term_progress() - a coffer_progress_fn that draws a bar; term_progress_end() takes it away */
void term_progress(void *user, const char *path, uint64_t done, uint64_t total);

/** term_progress_count() - the same where things are counted and not bytes */
void term_progress_count(void *user, const char *path, uint64_t done, uint64_t total);
void term_progress_end(void);

/** term_notice() - a coffer_notice_fn */
void term_notice(void *user, const char *text);

/**
 * term_prompt() - a coffer_prompt_fn that asks on /dev/tty without echo
 * @user: a struct fault, which gets the reason of a failure
 *
 * Return: COFFER_OK; COFFER_E_KEY without a terminal or when it was typed differently three times;
 * COFFER_E_INTERRUPTED.
 */
coffer_err term_prompt(void *user, const char *what, bool confirm, char *out, size_t cap, size_t *len_out);

/** term_confirm() - ask «@question [y/N]» of the person; true at once where standard input is no terminal */
bool term_confirm(const char *question);

/** term_clean() - @text without control characters (each becomes «?») into @cap bytes at @out; returns @out */
const char *term_clean(const char *text, char *out, size_t cap);

#define TERM_AMOUNT_LEN 32

/** term_bytes() - «1.2 GiB», «512 bytes»; returns @out */
const char *term_bytes(uint64_t bytes, char out[static TERM_AMOUNT_LEN]);

/** term_rate() - «3.9 GiB/s», or the empty string when it means nothing; returns @out */
const char *term_rate(uint64_t bytes, double seconds, char out[static TERM_AMOUNT_LEN]);

/** term_seconds() - «0.31 s», «12 s», «3 min 5 s»; returns @out */
const char *term_seconds(double seconds, char out[static TERM_AMOUNT_LEN]);

/** term_now() - seconds of a clock that only goes forward */
double term_now(void);

#endif
