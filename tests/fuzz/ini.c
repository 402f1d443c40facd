/* SPDX-License-Identifier: Apache-2.0 */
/* INI files: a value is a part of the text, and only a section that is there has one. */
#include "base/ini.h"
#include "support/fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct view text = view_of(data, size), value;
	bool has;

	if (ini_has(NULL, "", text, "default", &has) != COFFER_OK)
		return 0;
	if (ini_get(NULL, "", text, "default", "region", &value) != COFFER_OK)
		return 0;
	if (!value.p)
		return 0;
	need(has && value.p >= data && value.len <= (size_t)(data + size - value.p));
	return 0;
}
