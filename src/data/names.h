/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names that were read from a file: kept together, freed together, and checked for doubles.
 *
 * Memory is at most a small multiple of the bytes that were really there.
 */
#ifndef DATA_NAMES_H
#define DATA_NAMES_H

#include <stddef.h>

#include "base/fault.h"
#include "base/view.h"

struct name_block;

struct names {
	struct name_block *blocks;
	const char **v; /* in order of names_add(), until names_unique() sorts them */
	size_t n;
	size_t cap;
};

#define NAMES_INIT                                                                                                     \
	{                                                                                                              \
		.blocks = NULL, .v = NULL, .n = 0, .cap = 0                                                            \
	}

/**
 * names_add() - keep a copy of @name
 * @name_out: gets the copy, with a NUL behind it; stays where it is until names_free()
 *
 * Return: COFFER_OK; COFFER_E_FORMAT when it is longer than LIMIT_TENSOR_NAME, not UTF-8, or holds a control
 * character; COFFER_E_NOMEM.
 */
coffer_err names_add(struct fault *f, struct names *names, struct view name, const char **name_out);

/** names_unique() - sort the names from index @first on; COFFER_E_FORMAT when two are equal, @what says of what */
coffer_err names_unique(struct fault *f, struct names *names, size_t first, const char *what);

/** names_free() - free them all; empty and usable again */
void names_free(struct names *names);

/** name_shown() - how many bytes of @name a message should show: whole characters, at most 80 bytes; for «%.*s» */
int name_shown(const char *name);

#endif
