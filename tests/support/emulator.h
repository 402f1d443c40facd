/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether a program of another machine is run by qemu, which lacks some of what Linux does.
 *
 * Include cmocka.h first.
 */
#ifndef TESTS_SUPPORT_EMULATOR_H
#define TESTS_SUPPORT_EMULATOR_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

/** skip_under_emulator() - leave the test when COFFER_TEST_EMULATOR is set (mk/tests.mk); @lacks says what qemu lacks */
static inline void
skip_under_emulator(const char *lacks)
{
	if (!getenv("COFFER_TEST_EMULATOR"))
		return;
	print_message("skipped: qemu has no %s\n", lacks);
	skip();
}

#endif
