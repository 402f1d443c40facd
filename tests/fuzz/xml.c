/* SPDX-License-Identifier: Apache-2.0 */
/* XML of services.  Whatever it is, it ends, a path has names alone, and no text is longer than the document. */
#include <string.h>

#include "data/xml.h"
#include "support/fuzz.h"

static coffer_err
element(void *arg, struct fault *f, const char *path, struct view text)
{
	const size_t *size = arg;

	(void)f;
	need(path[0] != '\0' && path[0] != '/' && strlen(path) <= XML_PATH_MAX && text.len <= *size);
	return view_is(text, "end") ? COFFER_E_RANGE : COFFER_OK;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fault f = {.text = ""};
	coffer_err err = xml_read(&f, "it", view_of(data, size), element, &size);

	need(err == COFFER_OK || err == COFFER_E_FORMAT || err == COFFER_E_NOMEM || err == COFFER_E_RANGE);
	need(err == COFFER_OK || err == COFFER_E_RANGE || f.text[0] != '\0');
	return 0;
}
