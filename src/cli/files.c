/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/files.h"

#include <errno.h>
#include <fts.h>
#include <stdlib.h>
#include <string.h>

#include "base/enc.h"

#define HASH_LEN 32
#define HEX_LEN ((size_t)HASH_LEN * 2)

static coffer_err
grow(struct fault *f, struct files *files)
{
	size_t cap = files->cap ? files->cap * 2 : 64;
	struct coffer_hash_item *items = realloc(files->items, cap * sizeof(*items));
	uint8_t(*expected)[HASH_LEN];

	if (!items)
		return fault_nomem(f);
	files->items = items;
	expected = realloc(files->expected, cap * sizeof(*expected));
	if (!expected)
		return fault_nomem(f);
	files->expected = expected;
	files->cap = cap;
	return COFFER_OK;
}

/* Takes @path over, also on failure. */
static coffer_err
add(struct fault *f, struct files *files, char *path, const uint8_t *expected)
{
	coffer_err err = COFFER_OK;

	if (!path)
		return fault_nomem(f);
	if (files->n == files->cap)
		err = grow(f, files);
	if (err) {
		free(path);
		return err;
	}
	files->items[files->n] = (struct coffer_hash_item){.path = path};
	if (expected)
		memcpy(files->expected[files->n], expected, HASH_LEN);
	files->n++;
	return COFFER_OK;
}

void
files_free(struct files *files)
{
	for (size_t i = 0; i < files->n; i++)
		free((char *)(uintptr_t)files->items[i].path);
	free(files->items);
	free(files->expected);
	*files = (struct files){0};
}

/* ---- from arguments ---- */

static int
by_path(const void *a, const void *b)
{
	const struct coffer_hash_item *x = a, *y = b;

	return strcmp(x->path, y->path);
}

static coffer_err
visit(struct fault *f, FTS *tree, FTSENT *entry, enum hidden_files hidden, struct files *out)
{
	if (entry->fts_level > FTS_ROOTLEVEL && entry->fts_name[0] == '.' && hidden == HIDDEN_SKIP) {
		(void)fts_set(tree, entry, FTS_SKIP);
		return COFFER_OK;
	}
	switch (entry->fts_info) {
	case FTS_D:
	case FTS_DP:
		return COFFER_OK;
	case FTS_F:
	case FTS_NS: /* hashing tells why not, and goes on with the others */
	case FTS_SLNONE:
		return add(f, out, strdup(entry->fts_path), NULL);
	case FTS_DC:
		return fault_set(f, COFFER_E_USAGE, "%s leads back to a folder above it; remove that symbolic link",
				 entry->fts_path);
	case FTS_DEFAULT:
		return fault_set(f, COFFER_E_USAGE, "%s is neither a file nor a folder", entry->fts_path);
	default: /* FTS_DNR, FTS_ERR */
		return fault_errno(f, entry->fts_errno, "cannot read %s", entry->fts_path);
	}
}

static coffer_err
walk_one(struct fault *f, const char *path, enum hidden_files hidden, struct files *out)
{
	char *const roots[] = {(char *)(uintptr_t)path, NULL}; /* fts does not write to it */
	FTS *tree = fts_open(roots, FTS_LOGICAL | FTS_NOCHDIR, NULL);
	size_t begin = out->n;
	coffer_err err = COFFER_OK;
	FTSENT *entry;

	if (!tree)
		return fault_errno(f, errno, "cannot read %s", path);
	while (errno = 0, (entry = fts_read(tree)))
		TRY(visit(f, tree, entry, hidden, out));
	if (errno)
		TRY(fault_errno(f, errno, "cannot read %s", path));
	if (out->n > begin)
		qsort(out->items + begin, out->n - begin, sizeof(*out->items), by_path);
out:
	(void)fts_close(tree);
	return err;
}

coffer_err
files_walk(struct fault *f, const struct words *operands, enum hidden_files hidden, struct files *out)
{
	coffer_err err = COFFER_OK;

	for (size_t i = 0; i < operands->n; i++)
		TRY(walk_one(f, operands->v[i], hidden, out));
out:
	return err;
}

/* ---- from a list ---- */

/* Undo the escapes of a name; NULL when one is unknown, or when there is a NUL. */
static char *
unescape(struct view name, bool escaped)
{
	char *out = calloc(name.len + 1, 1);
	size_t n = 0;

	for (size_t i = 0; out && i < name.len; i++) {
		char c = (char)name.p[i];

		if (escaped && c == '\\') {
			char next = i + 1 < name.len ? (char)name.p[++i] : '\0';

			c = next == 'n' ? '\n' : next == 'r' ? '\r' : next == '\\' ? '\\' : '\0';
		}
		if (c == '\0') {
			free(out);
			return NULL;
		}
		out[n++] = c;
	}
	return out;
}

/* sha256sum takes both cases */
static bool
parse_hash(struct view hex, uint8_t out[HASH_LEN])
{
	char lower[HEX_LEN];

	for (size_t i = 0; i < HEX_LEN; i++)
		lower[i] = hex.p[i] >= 'A' && hex.p[i] <= 'F' ? (char)(hex.p[i] | 0x20) : (char)hex.p[i];
	return dec_hex(lower, HEX_LEN, out, HASH_LEN);
}

static bool
parse_line(struct view line, uint8_t hash[HASH_LEN], char **name_out)
{
	bool escaped = line.len > 0 && line.p[0] == '\\';
	struct view hex, marks, skipped;

	if (escaped && !view_take(&line, 1, &skipped))
		return false;
	if (!view_take(&line, HEX_LEN, &hex) || !view_take(&line, 2, &marks) || line.len == 0)
		return false;
	if (!parse_hash(hex, hash) || marks.p[0] != ' ' || (marks.p[1] != ' ' && marks.p[1] != '*'))
		return false;
	*name_out = unescape(line, escaped);
	return *name_out != NULL;
}

coffer_err
files_parse(struct fault *f, struct view text, const char *shown, struct files *out)
{
	uint8_t hash[HASH_LEN];
	coffer_err err = COFFER_OK;
	size_t number = 1;

	for (; text.len > 0; number++) {
		const uint8_t *end = memchr(text.p, '\n', text.len);
		struct view line, skipped;
		char *name = NULL;

		if (!view_take(&text, end ? (size_t)(end - text.p) : text.len, &line))
			return fault_set(f, COFFER_E_INTERNAL, "a line is longer than its text");
		if (end && !view_take(&text, 1, &skipped))
			return fault_set(f, COFFER_E_INTERNAL, "a line end is missing");
		if (!parse_line(line, hash, &name))
			return fault_set(
				f, COFFER_E_FORMAT,
				"line %zu of %s is no line of «coffer hash» or «sha256sum»: 64 hex digits, two "
				"spaces, a name",
				number, shown);
		TRY(add(f, out, name, hash));
	}
	if (out->n == 0)
		return fault_set(f, COFFER_E_FORMAT, "%s is empty, so there is nothing to check", shown);
out:
	return err;
}

/* ---- to a list ---- */

coffer_err
files_add_line(struct fault *f, struct buf *b, const char *before, const char *name, const char *after)
{
	bool escape = strpbrk(name, "\\\n\r") != NULL;
	coffer_err err;

	if (escape)
		TRY(buf_str(f, b, "\\"));
	TRY(buf_str(f, b, before));
	for (const char *p = name; *p; p++) {
		const char *shown = *p == '\\' ? "\\\\" : *p == '\n' ? "\\n" : *p == '\r' ? "\\r" : NULL;

		TRY(shown ? buf_str(f, b, shown) : buf_add(f, b, p, 1));
	}
	TRY(buf_str(f, b, after));
	TRY(buf_str(f, b, "\n"));
out:
	return err;
}
