/* SPDX-License-Identifier: Apache-2.0 */
/* What a pickle says of itself holds together, and a pickle that is cut names nothing that the whole one does not. */
#include "data/pickle.h"
#include "base/limits.h"
#include "support/fuzz.h"
#include "support/memory_source.h"

static struct pickle_report
scan(const uint8_t *data, size_t size)
{
	struct memory m = {.bytes = data, .len = size};
	struct coffer_source source = memory_source(&m);
	uint32_t budget = LIMIT_PICKLE_OPCODES;
	struct pickle_report report;
	struct fault f;

	if (pickle_scan(&f, &source, 0, &budget, &report) != COFFER_OK)
		abort();
	return report;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pickle_report report = scan(data, size), cut = scan(data, size / 2);
	size_t n_called = 0;

	for (size_t i = 0; i < report.n_names; i++) {
		n_called += report.names[i].called;
		if (strlen(report.names[i].text) == 0 || strlen(report.names[i].text) >= PICKLE_NAME_LEN)
			abort();
	}
	if (n_called != report.n_called || report.n_names > PICKLE_NAMES)
		abort();
	if (report.complete && (report.doubt || report.end == 0 || report.end > size || data[report.end - 1] != '.'))
		abort();
	if (cut.complete && (!report.complete || report.end != cut.end || report.n_names != cut.n_names))
		abort();
	return 0;
}
