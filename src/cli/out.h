/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Results: what goes to standard output, whole or with an error.
 */
#ifndef CLI_OUT_H
#define CLI_OUT_H

#include <stddef.h>

#include "base/buf.h"
#include "base/json_out.h"

/** out_bytes() - write all of them */
coffer_err out_bytes(struct fault *f, const void *bytes, size_t len);

/** out_text() - write one text */
coffer_err out_text(struct fault *f, const char *text);

/** out_buf() - write what is in @b */
coffer_err out_buf(struct fault *f, const struct buf *b);

/** out_add_clean() - append the first 8191 bytes of @text to @b as term_clean() leaves them: whoever wrote it may not be trusted */
coffer_err out_add_clean(struct fault *f, struct buf *b, const char *text);

/** out_json() - finish @j and write it: the one document of this run */
coffer_err out_json(struct fault *f, struct json_out *j);

/** out_json_begin() - begin a document that is one object; what goes wrong until out_json_end() is said in @f, which may be NULL */
void out_json_begin(struct json_out *j, struct fault *f);

/** out_json_end() - end the object, write it by out_json(), and free @j */
coffer_err out_json_end(struct json_out *j);

/** out_json_is_written() - whether out_json() was here */
bool out_json_is_written(void);

/** out_json_error() - a member «error» that says what @f says */
void out_json_error(struct json_out *j, const struct fault *f);

/** out_refuse_terminal() - COFFER_E_USAGE when standard output is a terminal, for raw bytes would upset it */
coffer_err out_refuse_terminal(struct fault *f);

#endif
