/* SPDX-License-Identifier: Apache-2.0 */
#include "data/names.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/utf8.h"

#define BLOCK_SIZE ((size_t)64 << 10)
#define SHOWN_MAX 80

struct name_block {
	struct name_block *next;
	size_t used;
	size_t cap;
	char text[];
};

/* room for @len bytes that never move again */
static coffer_err
block_room(struct fault *f, struct names *names, size_t len, char **room_out)
{
	struct name_block *b = names->blocks;

	if (!b || b->cap - b->used < len) {
		size_t cap = len > BLOCK_SIZE / 4 ? len : BLOCK_SIZE;

		b = malloc(sizeof(*b) + cap);
		if (!b)
			return fault_nomem(f);
		b->next = names->blocks;
		b->used = 0;
		b->cap = cap;
		names->blocks = b;
	}
	*room_out = b->text + b->used;
	b->used += len;
	return COFFER_OK;
}

static coffer_err
list_room(struct fault *f, struct names *names)
{
	size_t cap = names->cap ? names->cap * 2 : 64;
	const char **v;

	if (names->n < names->cap)
		return COFFER_OK;
	v = reallocarray(names->v, cap, sizeof(*v));
	if (!v)
		return fault_nomem(f);
	names->v = v;
	names->cap = cap;
	return COFFER_OK;
}

coffer_err
names_add(struct fault *f, struct names *names, struct view name, const char **name_out)
{
	coffer_err err;
	char *copy = NULL;

	if (name.len > LIMIT_TENSOR_NAME)
		return fault_set(f, COFFER_E_FORMAT, "a name of %zu bytes: at most %u are accepted", name.len,
				 LIMIT_TENSOR_NAME);
	if (!utf8_is_text(name))
		return fault_set(f, COFFER_E_FORMAT, "a name that is not UTF-8 or holds control characters");
	TRY(list_room(f, names));
	TRY(block_room(f, names, name.len + 1, &copy));
	if (name.len > 0)
		memcpy(copy, name.p, name.len);
	copy[name.len] = '\0';
	names->v[names->n++] = copy;
	*name_out = copy;
out:
	return err;
}

static int
compare(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

coffer_err
names_unique(struct fault *f, struct names *names, size_t first, const char *what)
{
	if (names->n - first < 2)
		return COFFER_OK;
	qsort(names->v + first, names->n - first, sizeof(*names->v), compare);
	for (size_t i = first + 1; i < names->n; i++)
		if (strcmp(names->v[i - 1], names->v[i]) == 0)
			return fault_set(f, COFFER_E_FORMAT, "%s «%.*s» stands there twice", what,
					 name_shown(names->v[i]), names->v[i]);
	return COFFER_OK;
}

void
names_free(struct names *names)
{
	while (names->blocks) {
		struct name_block *next = names->blocks->next;

		free(names->blocks);
		names->blocks = next;
	}
	free(names->v);
	*names = (struct names)NAMES_INIT;
}

int
name_shown(const char *name)
{
	size_t len = strnlen(name, SHOWN_MAX + 1);

	if (len <= SHOWN_MAX)
		return (int)len;
	for (len = SHOWN_MAX; len > 0 && ((uint8_t)name[len] & 0xc0) == 0x80; len--)
		;
	return (int)len;
}
