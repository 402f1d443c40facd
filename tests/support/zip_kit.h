/* SPDX-License-Identifier: Apache-2.0 */
/* ZIP archives, and what is wrong with some. */
#ifndef TESTS_SUPPORT_ZIP_KIT_H
#define TESTS_SUPPORT_ZIP_KIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"

#define BYTES(s) (s), sizeof(s) - 1

static inline void
add(struct buf *b, const void *bytes, size_t len)
{
	assert_int_equal(buf_add(NULL, b, bytes, len), COFFER_OK);
}

static inline void
add_number(struct buf *b, size_t bytes, uint64_t v)
{
	for (; bytes > 0; bytes--, v >>= 8) {
		uint8_t byte = (uint8_t)v;

		add(b, &byte, 1);
	}
}

/* struct member - a file in an archive */
struct member {
	const char *name;
	const char *bytes;
	size_t len;
	uint16_t method; /* 0 = stored, 8 = deflated */
	uint16_t flags;	 /* 1 = encrypted */
	uint16_t local_method;
};

#define STORED(name, bytes)                                                                                            \
	{                                                                                                              \
		name, BYTES(bytes), 0, 0, 0                                                                            \
	}

#define MEMBERS_MAX 4u

/* add_zip() - an archive of the members up to the one without a name, MEMBERS_MAX at most */
static inline void
add_zip(struct buf *b, const struct member *members)
{
	uint64_t start = b->len, offs[MEMBERS_MAX], dir;
	size_t n = 0;

	for (; n < MEMBERS_MAX && members[n].name; n++) {
		const struct member *m = &members[n];

		offs[n] = b->len - start;
		add(b, "PK\3\4\x14\0", 6);
		add_number(b, 2, m->flags);
		add_number(b, 2, m->local_method ? m->local_method : m->method);
		add_number(b, 8, 0);
		add_number(b, 4, m->len);
		add_number(b, 4, m->len);
		add_number(b, 4, strlen(m->name));
		add(b, m->name, strlen(m->name));
		add(b, m->bytes, m->len);
	}
	dir = b->len - start;
	for (size_t i = 0; i < n; i++) {
		const struct member *m = &members[i];

		add(b, "PK\1\2\x14\0\x14\0", 8);
		add_number(b, 2, m->flags);
		add_number(b, 2, m->method);
		add_number(b, 8, 0);
		add_number(b, 4, m->len);
		add_number(b, 4, m->len);
		add_number(b, 2, strlen(m->name));
		add_number(b, 8, 0);
		add_number(b, 4, 0);
		add_number(b, 4, offs[i]);
		add(b, m->name, strlen(m->name));
	}
	add(b, "PK\5\6\0\0\0\0", 8);
	add_number(b, 2, n);
	add_number(b, 2, n);
	add_number(b, 4, b->len - start - 12 - dir);
	add_number(b, 4, dir);
	add_number(b, 2, 0);
}

#endif
