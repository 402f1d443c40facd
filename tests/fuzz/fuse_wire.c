/* SPDX-License-Identifier: Apache-2.0 */
/* A request of FUSE.  Whatever it is: what is read of it lies in it, and INIT is answered with no more than was offered. */
#include <string.h>

#include "mount/fuse_wire.h"
#include "support/fuzz.h"

static void
check_init(const struct wire_request *request)
{
	struct wire_terms terms = {.max_read = 1u << 20, .passthrough = true};
	struct wire_init_out out = wire_init(request, &terms);
	uint64_t flags = out.flags | (uint64_t)out.flags2 << 32;

	need(out.major == 7 && out.minor <= request->init.minor);
	need((flags & ~request->init.flags) == 0);
	need(terms.passthrough == ((flags & WIRE_PASSTHROUGH) != 0));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct wire_request request;

	memset(&request, 0xee, sizeof(request));
	if (!wire_read(view_of(data, size), &request)) {
		need(size >= 40 || (request.unique == 0 && request.op == 0));
		return 0;
	}
	need(size >= 40);
	if (request.op == FUSE_LOOKUP) {
		need(request.name.p >= data && request.name.p + request.name.len < data + size);
		need(!memchr(request.name.p, '\0', request.name.len));
	}
	if (request.op == FUSE_INIT)
		check_init(&request);
	return 0;
}
