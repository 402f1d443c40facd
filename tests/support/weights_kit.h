/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Safetensors files whose tensors are told by their names: «t3» has the bytes of kit_byte(3).
 */
#ifndef TESTS_SUPPORT_WEIGHTS_KIT_H
#define TESTS_SUPPORT_WEIGHTS_KIT_H

#include "support/kit.h"

/* The header, padded to @align bytes with the eight of its length; the tensors are t@first and on. */
static inline size_t
weights_kit_header(char *out, size_t cap, const size_t *sizes, size_t n, unsigned int first, size_t align)
{
	size_t len = 8, off = 0;

	for (size_t i = 0; i < n; off += sizes[i], i++)
		len += (size_t)snprintf(out + len, cap - len,
					"%s\"t%zu\":{\"dtype\":\"U8\",\"shape\":[%zu],\"data_offsets\":[%zu,%zu]}",
					i ? "," : "{", first + i, sizes[i], off, off + sizes[i]);
	len += (size_t)snprintf(out + len, cap - len, "%s", n ? "}" : "{}");
	while (len % align != 0)
		out[len++] = ' ';
	for (unsigned int i = 0; i < 8; i++)
		out[i] = (char)((len - 8) >> (8 * i));
	return len;
}

/** weights_kit_file() - make a file of @n tensors of @sizes bytes, «t@first» and on, that begin at a multiple of @align bytes */
static inline void
weights_kit_file(const char *path, const size_t *sizes, size_t n, unsigned int first, size_t align)
{
	size_t cap = 1000 + 100 * n + align, total = cap, at;
	char *bytes;

	for (size_t i = 0; i < n; i++)
		total += sizes[i];
	bytes = malloc(total);
	if (!bytes)
		abort();
	at = weights_kit_header(bytes, cap, sizes, n, first, align);
	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < sizes[i]; j++)
			bytes[at++] = (char)kit_byte(first + (unsigned int)i, j);
	kit_file(path, 0, 0);
	assert_int_equal(unlink(path), 0);
	tmpdir_file(path, bytes, at, 0644);
	free(bytes);
}

#endif
