/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A Python pickle (pickletools.py, protocols 0 to 5), read to find out what it would call.  Nothing is ever called.
 *
 * The opcodes are followed as Python's unpickler follows them, over values of which only the kind is known: enough to tell what
 * each import and call means, however its name came about.  Where Python certainly gives up, so does this reader; where Python
 * might go on, it goes on or says that it cannot tell.
 */
#ifndef DATA_PICKLE_H
#define DATA_PICKLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <coffer/io.h>

#include "base/fault.h"

#define PICKLE_NAMES 16u
#define PICKLE_NAME_LEN 112u /* bytes, with the NUL */

/** struct pickle_name - something that is imported and is not on the list of torch_globals.h */
struct pickle_name {
	char text[PICKLE_NAME_LEN]; /* «os.system», whole characters that can be shown */
	bool called;
};

/** struct pickle_report - what was found in one pickle up to where reading ended */
struct pickle_report {
	struct pickle_name names[PICKLE_NAMES];
	size_t n_names;
	size_t n_called;
	const char *doubt; /* why it cannot be told what it does, or NULL: «it uses …», static text */
	bool complete;	   /* it came to its end: Python would give the value to whoever loads it */
	uint64_t end;	   /* where the next one could begin, when complete */
};

/** pickle_begins() - whether @len bytes at @head are the beginning of a pickle of protocol 2 to 5: nothing else looks like it */
bool pickle_begins(const uint8_t *head, size_t len);

/**
 * pickle_scan() - read the pickle at @off of @source
 * @budget: opcodes that may be read yet, LIMIT_PICKLE_OPCODES at first; of all pickles of a file
 *
 * Return: COFFER_OK, be it complete or broken; COFFER_E_NOMEM; what @source returned, but for COFFER_E_FORMAT.
 */
coffer_err pickle_scan(struct fault *f, const struct coffer_source *source, uint64_t off, uint32_t *budget,
		       struct pickle_report *report_out);

#endif
