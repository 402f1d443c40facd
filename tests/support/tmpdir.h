/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A folder for one test: made, gone into, and removed with all that is in it.
 * tmpdir_setup() and tmpdir_teardown() are for cmocka_unit_test_setup_teardown().
 */
#ifndef TESTS_SUPPORT_TMPDIR_H
#define TESTS_SUPPORT_TMPDIR_H

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char tmpdir_path[64];

static inline int
tmpdir_make(const char *below)
{
	(void)snprintf(tmpdir_path, sizeof(tmpdir_path), "%s/coffer-test-XXXXXX", below);
	/* no test writes into the home of who runs it; those of the audit log say themselves where it goes */
	(void)setenv("COFFER_AUDIT", "off", 1);
	return mkdtemp(tmpdir_path) && chdir(tmpdir_path) == 0 ? 0 : -1;
}

static inline int
tmpdir_setup(void **state)
{
	(void)state;
	return tmpdir_make("/tmp");
}

/* in memory where the system has it so, for tests that make thousands of files durable */
static inline int
tmpdir_setup_fast(void **state)
{
	(void)state;
	return tmpdir_make(access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
}

static inline int
tmpdir_remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

static inline int
tmpdir_teardown(void **state)
{
	(void)state;
	return chdir("/") == 0 ? nftw(tmpdir_path, tmpdir_remove_one, 8, FTW_DEPTH | FTW_PHYS) : -1;
}

/* a file in it, with exactly that mode whatever the umask */
static inline void
tmpdir_file(const char *name, const void *bytes, size_t len, mode_t mode)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0 || write(fd, bytes, len) != (ssize_t)len || fchmod(fd, mode) != 0 || close(fd) != 0)
		abort();
}

/* one of text, for all to read */
static inline void
tmpdir_text(const char *name, const char *text)
{
	tmpdir_file(name, text, strlen(text), 0644);
}

static inline mode_t
tmpdir_mode(const char *name)
{
	struct stat st;

	return stat(name, &st) == 0 ? st.st_mode & 07777 : 0;
}

#endif
