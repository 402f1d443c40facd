/* SPDX-License-Identifier: Apache-2.0 */
#include "base/fault.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void __attribute__((format(printf, 3, 0))) format(struct fault *f, coffer_err err, const char *fmt, va_list ap)
{
	f->err = err;
	(void)vsnprintf(f->text, sizeof(f->text), fmt, ap);
}

coffer_err
fault_set(struct fault *f, coffer_err err, const char *fmt, ...)
{
	va_list ap;

	if (f) {
		va_start(ap, fmt);
		format(f, err, fmt, ap);
		va_end(ap);
	}
	return err;
}

static coffer_err
err_from_errno(int errnum)
{
	switch (errnum) {
	case EACCES:
	case EPERM:
	case EROFS:
		return COFFER_E_PERM;
	case ENOENT:
	case ENOTDIR:
		return COFFER_E_NOTFOUND;
	case EEXIST:
	case ENOTEMPTY:
		return COFFER_E_EXISTS;
	case ENOSPC:
	case EDQUOT:
	case EFBIG:
		return COFFER_E_SPACE;
	case ENOMEM:
		return COFFER_E_NOMEM;
	default:
		return COFFER_E_IO;
	}
}

coffer_err
fault_errno(struct fault *f, int errnum, const char *fmt, ...)
{
	coffer_err err = err_from_errno(errnum);
	size_t used;
	va_list ap;

	if (!f)
		return err;
	va_start(ap, fmt);
	format(f, err, fmt, ap);
	va_end(ap);
	used = strlen(f->text);
	(void)snprintf(f->text + used, sizeof(f->text) - used, ": %s", strerror(errnum));
	return err;
}

coffer_err
fault_prefix(struct fault *f, const char *fmt, ...)
{
	char rest[sizeof(f->text)];
	size_t used;
	va_list ap;

	if (!f)
		return COFFER_E_INTERNAL;
	(void)snprintf(rest, sizeof(rest), "%s", f->text);
	va_start(ap, fmt);
	format(f, f->err, fmt, ap);
	va_end(ap);
	used = strlen(f->text);
	(void)snprintf(f->text + used, sizeof(f->text) - used, ": %s", rest);
	return f->err;
}

coffer_err
fault_nomem(struct fault *f)
{
	return fault_set(f, COFFER_E_NOMEM, "out of memory");
}

void
fault_clear(struct fault *f)
{
	f->err = COFFER_OK;
	f->text[0] = '\0';
}
