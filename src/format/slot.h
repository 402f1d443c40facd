/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two slots of an embedded key block (docs/format.md section 3.1).
 */
#ifndef FORMAT_SLOT_H
#define FORMAT_SLOT_H

#include <stdint.h>

#include "base/fault.h"
#include "base/view.h"

#define SLOT_LEN 65536
#define SLOT_HEAD_LEN 64
#define SLOT_DOC_MAX (SLOT_LEN - SLOT_HEAD_LEN)

enum slot_state {
	SLOT_BLANK,   /* its rewriting was interrupted */
	SLOT_DAMAGED, /* neither blank nor well-formed [F-18] */
	SLOT_GOOD,
};

/** slot_encode() - the image of a slot that holds @doc; COFFER_E_USAGE when it is too long */
coffer_err slot_encode(struct fault *f, struct view doc, uint8_t image[static SLOT_LEN]);

/** slot_decode() - tell the state of @image, and with SLOT_GOOD the document, which lies in it */
coffer_err slot_decode(struct fault *f, const uint8_t image[static SLOT_LEN], enum slot_state *state_out,
		       struct view *doc_out);

#endif
