/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A fault: an error and the sentence that goes with it.
 *
 * Every call inside the library that can fail takes a struct fault, sets it
 * where the trouble is first seen, and may prefix it on the way up
 * («opening m.coffer: head: record size 3 is not a power of two»).  Each
 * thread has its own; whoever joins the threads hands the first one on.
 */
#ifndef BASE_FAULT_H
#define BASE_FAULT_H

#include <coffer/err.h>

struct fault {
	coffer_err err;
	char text[600];
};

/** fault_set() - set @f to @err and the formatted sentence; returns @err.  @f may be NULL. */
coffer_err fault_set(struct fault *f, coffer_err err, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/** fault_errno() - as fault_set(), with «: strerror» appended and the code taken from @errnum (EACCES is PERM, ENOSPC is SPACE, ENOENT is NOTFOUND, else IO) */
coffer_err fault_errno(struct fault *f, int errnum, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/** fault_prefix() - put the formatted text and «: » before the sentence of @f; returns its error */
coffer_err fault_prefix(struct fault *f, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/** fault_nomem() - COFFER_E_NOMEM */
coffer_err fault_nomem(struct fault *f);

/** fault_clear() - no error */
void fault_clear(struct fault *f);

/**
 * TRY() - evaluate, and leave by «out:» on an error
 *
 * Needs a variable «coffer_err err» and a label «out».  The only macro that
 * changes the flow of control.
 */
#define TRY(call)                                                                                                      \
	do {                                                                                                           \
		err = (call);                                                                                          \
		if (err != COFFER_OK)                                                                                  \
			goto out;                                                                                      \
	} while (0)

#endif
