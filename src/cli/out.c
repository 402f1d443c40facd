/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/out.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "cli/interrupt.h"
#include "cli/term.h"

coffer_err
out_bytes(struct fault *f, const void *bytes, size_t len)
{
	const char *p = bytes;

	term_progress_end();
	while (len > 0) {
		ssize_t n = write(STDOUT_FILENO, p, len);

		/* what says that a run was interrupted is whole itself */
		if (interrupt_seen() && n != (ssize_t)len)
			return fault_set(f, COFFER_E_INTERRUPTED, "interrupted while writing standard output");
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return fault_errno(f, errno, "cannot write standard output");
		p += n;
		len -= (size_t)n;
	}
	return COFFER_OK;
}

coffer_err
out_text(struct fault *f, const char *text)
{
	return out_bytes(f, text, strlen(text));
}

coffer_err
out_buf(struct fault *f, const struct buf *b)
{
	return out_bytes(f, b->p, b->len);
}

coffer_err
out_add_clean(struct fault *f, struct buf *b, const char *text)
{
	char clean[8192];

	return buf_str(f, b, term_clean(text, clean, sizeof(clean)));
}

static bool json_is_written;

coffer_err
out_json(struct fault *f, struct json_out *j)
{
	coffer_err err = json_out_done(j);

	if (err)
		return err;
	json_is_written = true;
	return out_buf(f, &j->text);
}

void
out_json_begin(struct json_out *j, struct fault *f)
{
	json_out_init(j, f);
	json_out_begin(j, NULL, JSON_OBJECT);
}

coffer_err
out_json_end(struct json_out *j)
{
	coffer_err err;

	json_out_end(j);
	err = out_json(j->f, j);
	json_out_free(j);
	return err;
}

bool
out_json_is_written(void)
{
	return json_is_written;
}

void
out_json_error(struct json_out *j, const struct fault *f)
{
	json_out_begin(j, "error", JSON_OBJECT);
	json_out_str(j, "name", coffer_err_name(f->err));
	json_out_uint(j, "exit", (uint64_t)coffer_err_exit(f->err));
	json_out_str(j, "message", f->text[0] ? f->text : coffer_err_text(f->err));
	json_out_end(j);
}

coffer_err
out_refuse_terminal(struct fault *f)
{
	if (!isatty(STDOUT_FILENO))
		return COFFER_OK;
	return fault_set(f, COFFER_E_USAGE,
			 "raw bytes do not go to a terminal; -o FILE writes a file, a pipe takes them too");
}
