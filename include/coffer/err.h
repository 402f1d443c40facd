/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Errors.
 *
 * Every call that can fail returns a coffer_err and must not be ignored.  The
 * high byte is the category, which is also the exit code of the command; the
 * low byte says which one.  A program acts on the category, a log prints the
 * name, a person reads coffer_ctx_message().
 */
#ifndef COFFER_ERR_H
#define COFFER_ERR_H

#ifdef __cplusplus
extern "C" {
#endif

#define COFFER_API __attribute__((visibility("default")))
#define COFFER_CHECK __attribute__((warn_unused_result))

typedef enum coffer_err {
	COFFER_OK = 0,

	/* 1: anything else */
	COFFER_E_OTHER = 0x0100,
	COFFER_E_NOMEM = 0x0101,    /* no memory */
	COFFER_E_INTERNAL = 0x0102, /* a bug: please report it */
	COFFER_E_SELFTEST = 0x0103, /* cryptography gave a wrong known answer */

	/* 2: the caller broke the contract */
	COFFER_E_USAGE = 0x0200,
	COFFER_E_RANGE = 0x0201, /* a byte range past the end */

	/* 3: there is no such file, tensor or key */
	COFFER_E_NOTFOUND = 0x0300,

	/* 4: not allowed */
	COFFER_E_PERM = 0x0400,

	/* 5: integrity */
	COFFER_E_AUTH = 0x0500,	       /* a tag, MAC, hash or commitment differs: one code for all */
	COFFER_E_FORMAT = 0x0501,      /* malformed: never was a good file */
	COFFER_E_UNSUPPORTED = 0x0502, /* a version, suite or flag that this reader does not know */
	COFFER_E_PLAIN = 0x0503,       /* a plain file where a sealed one belongs */
	COFFER_E_FILESET = 0x0504,     /* a missing, extra or doubled file */

	/* 6: signature or policy */
	COFFER_E_SIGNATURE = 0x0600,
	COFFER_E_POLICY = 0x0601,

	/* 7: keys */
	COFFER_E_KEY = 0x0700,	       /* a key is unusable */
	COFFER_E_NOKEY = 0x0701,       /* none of the given keys is a recipient */
	COFFER_E_UNAVAILABLE = 0x0702, /* a key service could not be asked, or did not answer */
	COFFER_E_REFUSED = 0x0703,     /* a key service said no: the credential, its rights, or the state of the key */

	/* 8, 9 */
	COFFER_E_NET = 0x0800,
	COFFER_E_ATTEST = 0x0900,

	/* 10: conflict */
	COFFER_E_EXISTS = 0x0a00,   /* the output is already there */
	COFFER_E_SEALED = 0x0a01,   /* the input is already sealed */
	COFFER_E_CHANGED = 0x0a02,  /* the input changed while it was read */
	COFFER_E_BUSY = 0x0a03,	    /* another process is at work on it */
	COFFER_E_ROLLBACK = 0x0a04, /* older than what was seen before */

	/* 11 */
	COFFER_E_RATE = 0x0b00,

	/* 12: input, output, space */
	COFFER_E_IO = 0x0c00,
	COFFER_E_SPACE = 0x0c01,

	/* 130 */
	COFFER_E_INTERRUPTED = 0x8200,
} coffer_err;

/** coffer_err_exit() - the exit code that goes with @err: 0 to 12, or 130 */
COFFER_API int coffer_err_exit(coffer_err err);

/** coffer_err_name() - the name of @err without its prefix, as «AUTH»; static text, never NULL */
COFFER_API const char *coffer_err_name(coffer_err err);

/** coffer_err_text() - one plain sentence about @err; static text, never NULL */
COFFER_API const char *coffer_err_text(coffer_err err);

#ifdef __cplusplus
}
#endif
#endif
