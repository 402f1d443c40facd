/* SPDX-License-Identifier: Apache-2.0 */
#include "sign/trust_config.h"

#include <string.h>

#define MEDIA_TYPE "application/vnd.dev.sigstore.clienttrustconfig.v0.1+json"

coffer_err
trust_config_part(struct fault *f, const struct doc *d, const char *member, const char *field, const struct doc **out)
{
	const char *type = doc_text(doc_get(d, "mediaType"), 1, 256);
	const struct doc *other;

	*out = d;
	if (!type || strcmp(type, MEDIA_TYPE) != 0)
		return COFFER_OK;
	*out = doc_get(d, member);
	other = doc_get(d, field);
	if (*out && other)
		return fault_set(f, COFFER_E_FORMAT, "it has both «%s» and «%s», which are one", member, field);
	if (other)
		*out = other;
	return COFFER_OK;
}
