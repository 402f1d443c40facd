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
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

/** under_emulator() - whether COFFER_TEST_EMULATOR is set (mk/tests.mk), for a part of a test; @lacks says what qemu lacks */
static inline bool
under_emulator(const char *lacks)
{
	if (!getenv("COFFER_TEST_EMULATOR"))
		return false;
	print_message("skipped in part: qemu has no %s\n", lacks);
	return true;
}

/** skip_under_emulator() - the same of a whole test, which ends here */
static inline void
skip_under_emulator(const char *lacks)
{
	if (!getenv("COFFER_TEST_EMULATOR"))
		return;
	print_message("skipped: qemu has no %s\n", lacks);
	skip();
}

#endif
