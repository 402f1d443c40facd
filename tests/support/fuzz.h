/* SPDX-License-Identifier: Apache-2.0 */
/* What every fuzz target has: the entry that libFuzzer and tests/fuzz/replay.c call, and a way to say what must be. */
#ifndef TESTS_SUPPORT_FUZZ_H
#define TESTS_SUPPORT_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/** need() - end the program, which the fuzzer reports, unless @truth */
static inline void
need(bool truth)
{
	if (!truth)
		abort();
}

#endif
