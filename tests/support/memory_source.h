/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A source over bytes in memory, which checks that it is never asked for bytes past its end, and can fail.
 */
#ifndef TESTS_SUPPORT_MEMORY_SOURCE_H
#define TESTS_SUPPORT_MEMORY_SOURCE_H

#include <stdlib.h>
#include <string.h>

#include <coffer/io.h>

struct memory {
	const void *bytes;
	size_t len;
	unsigned int fail_at; /* the read, from 1, that returns @fail_with; 0: none */
	coffer_err fail_with;
	unsigned int n_reads;
	size_t n_read;
};

static inline coffer_err
memory_read_at(void *user, uint64_t off, void *buf, size_t len)
{
	struct memory *m = user;

	if (off > m->len || len > m->len - off)
		abort();
	if (++m->n_reads == m->fail_at)
		return m->fail_with;
	m->n_read += len;
	memcpy(buf, (const char *)m->bytes + off, len);
	return COFFER_OK;
}

static inline struct coffer_source
memory_source(struct memory *m)
{
	return (struct coffer_source){.size = m->len, .user = m, .read_at = memory_read_at};
}

#endif
