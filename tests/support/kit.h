/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a test of the engine needs: a folder of its own, a context, keys, and files whose bytes can be told.
 */
#ifndef TESTS_SUPPORT_KIT_H
#define TESTS_SUPPORT_KIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <coffer/coffer.h>

#include "support/tmpdir.h"

struct kit {
	struct coffer_ctx *ctx;
	struct coffer_keyring *keys;  /* one AES key */
	struct coffer_keyring *other; /* another */
};

static struct kit kit;

static inline struct coffer_keyring *
kit_keyring(uint8_t fill)
{
	struct coffer_keyring *keys;
	uint8_t key[COFFER_KEY_LEN];

	memset(key, fill, sizeof(key));
	if (coffer_keyring_new(kit.ctx, &keys) != COFFER_OK || coffer_keyring_add_raw(kit.ctx, keys, key) != COFFER_OK)
		abort();
	return keys;
}

static inline int
kit_setup(void **state)
{
	if (tmpdir_setup_fast(state) != 0 || coffer_ctx_new(&kit.ctx) != COFFER_OK)
		return -1;
	coffer_ctx_set_jobs(kit.ctx, 2);
	kit.keys = kit_keyring(0x11);
	kit.other = kit_keyring(0x22);
	return 0;
}

static inline int
kit_teardown(void **state)
{
	coffer_keyring_free(&kit.keys);
	coffer_keyring_free(&kit.other);
	coffer_ctx_free(&kit.ctx);
	return tmpdir_teardown(state);
}

/** assert_err() - that @call ends with @want; shows the sentence if not */
#define assert_err(call, want)                                                                                         \
	do {                                                                                                           \
		coffer_err got_ = (call), want_ = (want);                                                              \
		if (got_ != want_)                                                                                     \
			fail_msg("%s: %s, not %s: %s", #call, coffer_err_name(got_), coffer_err_name(want_),           \
				 coffer_ctx_message(kit.ctx));                                                         \
	} while (0)

#define assert_ok(call) assert_err(call, COFFER_OK)

/** assert_refused() - that @call ends with @want and a sentence */
#define assert_refused(call, want)                                                                                     \
	do {                                                                                                           \
		assert_err(call, want);                                                                                \
		assert_true(coffer_ctx_message(kit.ctx)[0] != '\0');                                                   \
	} while (0)

/* the byte at @i of the file that was made with @seed */
static inline uint8_t
kit_byte(unsigned int seed, size_t i)
{
	return (uint8_t)(i * 7 + (i >> 8) * 13 + (i >> 16) * 29 + seed);
}

static inline uint8_t *
kit_bytes(size_t len, unsigned int seed)
{
	uint8_t *bytes = malloc(len + 1);

	if (!bytes)
		abort();
	for (size_t i = 0; i < len; i++)
		bytes[i] = kit_byte(seed, i);
	return bytes;
}

/* a file, and the folders to it */
static inline void
kit_file(const char *path, size_t len, unsigned int seed)
{
	uint8_t *bytes = kit_bytes(len, seed);
	char folder[4096];

	for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
		(void)snprintf(folder, sizeof(folder), "%.*s", (int)(slash - path), path);
		(void)mkdir(folder, 0777);
	}
	tmpdir_file(path, bytes, len, 0644);
	free(bytes);
}

static inline bool
kit_exists(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

static inline uint8_t *
kit_read(const char *path, size_t *len_out)
{
	struct stat st;
	uint8_t *bytes = NULL;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &st) != 0 || !(bytes = malloc((size_t)st.st_size + 1)) ||
	    read(fd, bytes, (size_t)st.st_size) != st.st_size)
		fail_msg("cannot read %s", path);
	(void)close(fd);
	*len_out = (size_t)st.st_size;
	return bytes;
}

/** assert_file() - that the file at @path is that of kit_file() */
static inline void
assert_file(const char *path, size_t len, unsigned int seed)
{
	size_t got;
	uint8_t *bytes = kit_read(path, &got), *want = kit_bytes(len, seed);

	if (got != len || memcmp(bytes, want, len) != 0)
		fail_msg("%s has %zu bytes, not the %zu that were sealed", path, got, len);
	free(bytes);
	free(want);
}

/* xor one byte of a file */
static inline void
kit_flip(const char *path, off_t off, uint8_t by)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);
	uint8_t byte;

	if (fd < 0 || pread(fd, &byte, 1, off) != 1)
		abort();
	byte ^= by;
	if (pwrite(fd, &byte, 1, off) != 1 || close(fd) != 0)
		abort();
}

static inline int
kit_remove_all(const char *path)
{
	return nftw(path, tmpdir_remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* how many entries there are below a folder, other than folders */
static unsigned int kit_n_entries;

static inline int
kit_count_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)path;
	(void)st;
	(void)ftw;
	kit_n_entries += flag != FTW_D && flag != FTW_DP;
	return 0;
}

static inline unsigned int
kit_count(const char *path)
{
	kit_n_entries = 0;
	(void)nftw(path, kit_count_one, 8, FTW_PHYS);
	return kit_n_entries;
}

#define KIT_TEST(name) cmocka_unit_test_setup_teardown(name, kit_setup, kit_teardown)

#endif
