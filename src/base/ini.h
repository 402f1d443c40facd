/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Configuration files of the INI kind, as Python's configparser reads them, and AWS's programs with it.
 *
 * «[SECTION]», «KEY = VALUE» or «KEY: VALUE», lines that begin with # or ; are comments, and what is indented deeper than the
 * key above it belongs to its value, of which only the first line is read here.  Keys are the same in any case, sections are not.
 * Nothing is copied: what is found is a part of the text.
 */
#ifndef BASE_INI_H
#define BASE_INI_H

#include <stdbool.h>

#include "base/fault.h"
#include "base/view.h"

/**
 * ini_get() - the value of @key in @section
 * @what: the file's name, for messages
 * @out: gets it, without white space around it; p is NULL when there is none
 *
 * Return: COFFER_OK, whether it is there or not; COFFER_E_FORMAT, with the line, when any line of @text is none of the above,
 * or @section or @key is there twice.
 */
coffer_err ini_get(struct fault *f, const char *what, struct view text, const char *section, const char *key,
		   struct view *out);

/** ini_has() - whether @text has @section; COFFER_E_FORMAT as above */
coffer_err ini_has(struct fault *f, const char *what, struct view text, const char *section, bool *out);

#endif
