/* SPDX-License-Identifier: Apache-2.0 */
#include "data/code_signs.h"

#include <string.h>
#include <strings.h>

#include "base/endian.h"
#include "base/path.h"

/* ---- by name ---- */

static bool
ends_with(const char *name, const char *end)
{
	size_t len = strlen(name), end_len = strlen(end);

	return len >= end_len && strcasecmp(name + len - end_len, end) == 0;
}

/* «libx.so.1.2» */
static bool
is_versioned_library(const char *name)
{
	const char *so = strstr(name, ".so.");

	return so && strspn(so + 4, "0123456789.") == strlen(so + 4);
}

const char *
code_sign_of_name(const char *path)
{
	static const struct {
		const char *end;
		const char *what;
	} ends[] = {
		{".py", "is Python source"},
		{".pyw", "is Python source"},
		{".pyc", "is compiled Python"},
		{".pyo", "is compiled Python"},
		{".pyz", "is a Python program"},
		{".pyd", "is native code"},
		{".so", "is native code"},
		{".dll", "is native code"},
		{".dylib", "is native code"},
		{".exe", "is native code"},
		{".sh", "is a script"},
		{".bash", "is a script"},
		{".bat", "is a script"},
		{".cmd", "is a script"},
		{".ps1", "is a script"},
		{".jar", "is Java code"},
		{".class", "is Java code"},
		{".wasm", "is WebAssembly"},
		{"saved_model.pb", "is a TensorFlow program"},
		{"keras_metadata.pb", "is part of a Keras program"},
	};
	const char *name = path_base(path);

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		if (ends_with(name, ends[i].end))
			return ends[i].what;
	return is_versioned_library(name) ? "is native code" : NULL;
}

/* ---- by the first bytes ---- */

static bool
has_at(const struct code_head *head, size_t at, const char *bytes, size_t len)
{
	return head->len >= at + len && memcmp(head->p + at, bytes, len) == 0;
}

/* Windows: where the real header is, stands in the one of DOS */
static bool
is_pe(const struct code_head *head)
{
	return has_at(head, 0, "MZ", 2) && head->len >= 0x40 && get_le32(head->p + 0x3c) <= CODE_HEAD_SIZE &&
	       has_at(head, get_le32(head->p + 0x3c), "PE\0\0", 4);
}

/* the number of a version of Python, and a line end that no text has there */
static bool
is_pyc(const struct code_head *head)
{
	return has_at(head, 2, "\r\n", 2) && head->len >= 8 &&
	       ((head->p[1] >= 0x0b && head->p[1] <= 0x0f) || head->p[1] == 0xf2 || head->p[1] == 0xf3);
}

struct magic {
	const char *bytes;
	uint8_t len;
	uint8_t at;
	const char *what;
};

static const char *
find_magic(const struct code_head *head, const struct magic *magics, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (has_at(head, magics[i].at, magics[i].bytes, magics[i].len))
			return magics[i].what;
	return NULL;
}

const char *
code_sign_of_head(const struct code_head *head)
{
	static const struct magic magics[] = {
		{"\177ELF", 4, 0, "is native code (ELF)"},
		{"\xfe\xed\xfa\xce", 4, 0, "is native code (Mach-O)"},
		{"\xfe\xed\xfa\xcf", 4, 0, "is native code (Mach-O)"},
		{"\xce\xfa\xed\xfe", 4, 0, "is native code (Mach-O)"},
		{"\xcf\xfa\xed\xfe", 4, 0, "is native code (Mach-O)"},
		{"\xca\xfe\xba\xbe", 4, 0, "is native code (Mach-O) or Java code"},
		{"!<arch>\n", 8, 0, "is a library of native code"},
		{"BC\xc0\xde", 4, 0, "is native code (LLVM)"},
		{"\0asm", 4, 0, "is WebAssembly"},
		{"\x1bLua", 4, 0, "is compiled Lua"},
		{"#!", 2, 0, "is a script"},
		{"PTMF", 4, 4, "is a TorchScript program"},
		{"\x89HDF\r\n\x1a\n", 8, 0, "is HDF5, in which Keras keeps functions, too: cannot be told"},
	};
	const char *what = find_magic(head, magics, sizeof(magics) / sizeof(magics[0]));

	if (!what && is_pe(head))
		what = "is native code (PE)";
	if (!what && is_pyc(head))
		what = "is compiled Python";
	return what;
}

/* ---- archives and compression ---- */

bool
code_is_zip(const struct code_head *head)
{
	return has_at(head, 0, "PK\3\4", 4) || has_at(head, 0, "PK\5\6", 4);
}

bool
code_is_tar(const struct code_head *head)
{
	uint32_t sum = 0, said = 0;

	if (head->len < TAR_BLOCK)
		return false;
	for (size_t i = 0; i < TAR_BLOCK; i++)
		sum += i >= 148 && i < 156 ? ' ' : head->p[i];
	for (size_t i = 148; i < 156; i++)
		if (head->p[i] >= '0' && head->p[i] <= '7')
			said = said * 8 + (uint32_t)(head->p[i] - '0');
	return sum == said && sum > 8 * ' ';
}

/* without a dictionary that only somebody else has */
static bool
is_zlib(const struct code_head *head)
{
	return head->len > 2 && head->p[0] == 0x78 && (head->p[0] << 8 | head->p[1]) % 31 == 0 &&
	       (head->p[1] & 0x20) == 0;
}

static bool
is_lzma(const struct code_head *head)
{
	return has_at(head, 0, "]\0\0", 3) && head->len > 13 && head->p[13] == 0;
}

const char *
code_compression(const struct code_head *head)
{
	static const struct magic magics[] = {
		{"\x1f\x8b", 2, 0, "gzip"},
		{"BZh", 3, 0, "bzip2"},
		{"\xfd"
		 "7zXZ\0",
		 6, 0, "xz"},
		{"\x28\xb5\x2f\xfd", 4, 0, "zstd"},
		{"\x04\x22\x4d\x18", 4, 0, "lz4"},
		{"7z\xbc\xaf\x27\x1c", 6, 0, "7-Zip"},
		{"Rar!\x1a\x07", 6, 0, "RAR"},
		{"ZF0x", 4, 0, "zlib"},
	};
	const char *what = find_magic(head, magics, sizeof(magics) / sizeof(magics[0]));

	if (!what && is_zlib(head))
		what = "zlib";
	if (!what && is_lzma(head))
		what = "lzma";
	return what;
}
