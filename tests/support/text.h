/* SPDX-License-Identifier: Apache-2.0 */
/* Texts in arrays of tests: what does not fit fails the test. */
#ifndef TESTS_SUPPORT_TEXT_H
#define TESTS_SUPPORT_TEXT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/** append() - put @text behind what is in the @cap bytes of @array */
static inline void
append(char *array, size_t cap, const char *text)
{
	size_t used = strlen(array);

	assert_true(strlen(text) < cap - used);
	(void)snprintf(array + used, cap - used, "%s", text);
}

/** PUT(), APPEND() - for an array whose size the compiler knows */
#define PUT(array, text) ((array)[0] = '\0', append(array, sizeof(array), text))
#define APPEND(array, text) append(array, sizeof(array), text)

#endif
