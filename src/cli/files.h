/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A list of files: from arguments, with what lies in folders, or from a list of hashes.
 */
#ifndef CLI_FILES_H
#define CLI_FILES_H

#include <stdbool.h>

#include <coffer/hash.h>

#include "base/buf.h"
#include "base/fault.h"
#include "cli/command.h"

/** enum hidden_files - what to do with names in folders that begin with a dot */
enum hidden_files { HIDDEN_SKIP, HIDDEN_TAKE };

/** struct files - items for coffer_hash_files(); @expected has their wanted hashes, or is NULL */
struct files {
	struct coffer_hash_item *items;
	uint8_t (*expected)[32];
	size_t n;
	size_t cap;
};

/**
 * files_walk() - the files that @operands name; folders are walked, and what they hold is sorted by path
 *
 * Symbolic links are followed.  What is not there is listed, too: hashing tells.  Return: COFFER_OK; COFFER_E_USAGE for
 * what is neither a file nor a folder, and for links in a circle; COFFER_E_PERM for a folder that cannot be read.
 */
coffer_err files_walk(struct fault *f, const struct words *operands, enum hidden_files hidden, struct files *out);

/**
 * files_parse() - the lines of «sha256sum»: 64 hex digits, a space, a space or a star, a name
 * @text: what was read from @shown
 *
 * A line that begins with a backslash has «\\», «\n» and «\r» in its name.  Return: COFFER_OK, or COFFER_E_FORMAT for any
 * other line and for none.
 */
coffer_err files_parse(struct fault *f, struct view text, const char *shown, struct files *out);

/** files_add_line() - append a line of @before, @name as «sha256sum» writes it, and @after */
coffer_err files_add_line(struct fault *f, struct buf *b, const char *before, const char *name, const char *after);

void files_free(struct files *files);

#endif
