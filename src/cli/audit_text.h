/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A record of the audit log in the forms that people and other programs read.
 */
#ifndef CLI_AUDIT_TEXT_H
#define CLI_AUDIT_TEXT_H

#include <coffer/audit.h>

#include "base/buf.h"
#include "base/fault.h"

/** audit_text_fn - append @r with its line end */
typedef coffer_err (*audit_text_fn)(struct fault *f, struct buf *out, const struct coffer_audit_record *r);

/** audit_text_human() - one short line: when, what, who, which model, which key, what came of it */
coffer_err audit_text_human(struct fault *f, struct buf *out, const struct coffer_audit_record *r);

/** audit_text_json() - the line of the log itself */
coffer_err audit_text_json(struct fault *f, struct buf *out, const struct coffer_audit_record *r);

/** audit_text_csv_head(), audit_text_csv() - RFC 4180; what a spreadsheet would take for a formula gets an apostrophe in front */
coffer_err audit_text_csv_head(struct fault *f, struct buf *out);
coffer_err audit_text_csv(struct fault *f, struct buf *out, const struct coffer_audit_record *r);

/** audit_text_cef() - ArcSight Common Event Format, version 0 */
coffer_err audit_text_cef(struct fault *f, struct buf *out, const struct coffer_audit_record *r);

#endif
