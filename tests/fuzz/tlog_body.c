/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies of log entries: the first byte says of which kind; none is about a signature that nobody made. */
#include <stdio.h>
#include <stdlib.h>

#include "sign/tlog_body.h"
#include "support/fuzz.h"
#include "support/universe.h"

/* the certificate of a bundle, to be compared with */
static const struct bundle *
bundle(void)
{
	static struct bundle b;

	if (b.certs.n == 0) {
		bundle_init(&b);
		if (bundle_parse(NULL, "the bundle", view_str(universe_v1), &b) != COFFER_OK)
			abort();
	}
	return &b;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const kinds[][2] = {
		{"hashedrekord", "0.0.1"}, {"dsse", "0.0.1"}, {"intoto", "0.0.2"}, {"hashedrekord", "0.0.2"}};
	struct tlog_subject s = {.digest_kind = DIGEST_SHA256, .signature = view_of("nobody's", 8)};
	struct tlog_entry e = {.log_index = 0};
	enum tlog_kind kind;

	if (size == 0)
		return 0;
	kind = data[0] % 4;
	s.content = kind == TLOG_HASHEDREKORD ? BUNDLE_MESSAGE : BUNDLE_DSSE;
	s.cert = bundle()->certs.v[0];
	(void)snprintf(e.kind, sizeof(e.kind), "%s", kinds[kind][0]);
	(void)snprintf(e.version, sizeof(e.version), "%s", kinds[kind][1]);
	e.body = (struct buf){.p = (uint8_t *)(uintptr_t)(data + 1), .len = size - 1};
	if (tlog_body_check(NULL, &e, kind, &s) == COFFER_OK)
		abort();
	return 0;
}
