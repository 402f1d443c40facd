/* SPDX-License-Identifier: Apache-2.0 */
/*
 * XML as services answer with (XML 1.0, in UTF-8), read strictly: elements and their text.
 *
 * Attributes are checked and passed over, prefixes of names are left on.  What those services never send is refused: document types and entities
 * of one's own, which is where XML is dangerous, processing instructions, CDATA sections.  A few elements are no reason to link a
 * library.
 */
#ifndef DATA_XML_H
#define DATA_XML_H

#include "base/fault.h"
#include "base/view.h"

#define XML_DEPTH_MAX 16
#define XML_PATH_MAX 256 /* bytes of the names on the way, with the slashes between */

/**
 * xml_fn - called at the end of each element, those inside before those around them
 * @path: the names from the root on, «ListBucketResult/Contents/Key»
 * @text: what stands in it, with its references resolved; empty when there are elements in it.  Valid until it returns.
 *
 * An error ends the reading with it.
 */
typedef coffer_err (*xml_fn)(void *arg, struct fault *f, const char *path, struct view text);

/**
 * xml_read() - read one document; white space in front of it is passed over
 * @what: its name, for messages
 *
 * COFFER_E_FORMAT when it is not such a one; @fn may have been called by then.
 */
coffer_err xml_read(struct fault *f, const char *what, struct view text, xml_fn fn, void *arg);

#endif
