/* SPDX-License-Identifier: Apache-2.0 */
#include <coffer/hash.h>

#include <errno.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/enc.h"
#include "crypto/sha256x.h"
#include "support/tmpdir.h"

enum { PIECE = 128 << 10, BIG = 24 << 20, MAX_ITEMS = 2000 };

static const uint8_t no_hash[32];

/* ---- files to hash ---- */

/* pseudo-random bytes that every file is the beginning of, one byte later for each number */
static uint8_t *bytes;

static int
make_bytes(void **state)
{
	uint32_t v = 3;

	bytes = malloc(BIG + MAX_ITEMS);
	assert_non_null(bytes);
	for (size_t i = 0; i < BIG + MAX_ITEMS; i++) {
		v = v * 1664525 + 1013904223;
		bytes[i] = (uint8_t)(v >> 24);
	}
	return tmpdir_setup(state);
}

static int
free_bytes(void **state)
{
	free(bytes);
	return tmpdir_teardown(state);
}

static void
write_file(const char *path, const void *data, size_t len)
{
	FILE *out = fopen(path, "wb");

	assert_non_null(out);
	assert_int_equal(fwrite(data, 1, len, out), len);
	assert_int_equal(fclose(out), 0);
}

static char names[MAX_ITEMS][32];
static struct coffer_hash_item items[MAX_ITEMS];

/* File @i, of @len bytes, becomes item @i. */
static void
add_file(size_t i, size_t len)
{
	(void)snprintf(names[i], sizeof(names[i]), "file-%zu", i);
	write_file(names[i], bytes + i, len);
	items[i] = (struct coffer_hash_item){.path = names[i]};
}

static void
remove_files(size_t n)
{
	for (size_t i = 0; i < n; i++)
		assert_int_equal(unlink(names[i]), 0);
}

static void
assert_hashed(const struct coffer_hash_item *item, const void *data, size_t len)
{
	uint8_t expected[32];

	assert_int_equal(EVP_Digest(data, len, expected, NULL, EVP_sha256(), NULL), 1);
	assert_int_equal(item->err, COFFER_OK);
	assert_string_equal(item->why, "");
	assert_int_equal(item->size, len);
	assert_memory_equal(item->sha256, expected, 32);
}

static void
assert_failed(const struct coffer_hash_item *item, coffer_err err, const char *why)
{
	assert_string_equal(item->why, why);
	assert_int_equal(item->err, err);
	assert_memory_equal(item->sha256, no_hash, 32);
}

static struct coffer_ctx *
new_ctx(unsigned int jobs)
{
	struct coffer_ctx *ctx;

	assert_int_equal(coffer_ctx_new(&ctx), COFFER_OK);
	coffer_ctx_set_jobs(ctx, jobs);
	return ctx;
}

/* ---- what is hashed ---- */

static void
known_files(void **state)
{
	struct coffer_hash_item known[] = {{.path = "empty"}, {.path = "abc"}};
	struct coffer_ctx *ctx = new_ctx(0);
	char text[65];

	(void)state;
	write_file("empty", "", 0);
	write_file("abc", "abc", 3);
	assert_int_equal(coffer_hash_files(ctx, known, 2), COFFER_OK);
	assert_string_equal(coffer_ctx_message(ctx), "");
	enc_hex(known[0].sha256, 32, text);
	assert_string_equal(text, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	enc_hex(known[1].sha256, 32, text);
	assert_string_equal(text, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	assert_int_equal(known[1].size, 3);
	coffer_ctx_free(&ctx);
}

static const size_t sizes[] = {0,
			       1,
			       55,
			       56,
			       63,
			       64,
			       65,
			       4095,
			       4096,
			       PIECE - 1,
			       PIECE,
			       PIECE + 1,
			       PIECE + 64,
			       2 * PIECE,
			       3 * PIECE - 1,
			       5 * PIECE + 63,
			       1000000,
			       7 * PIECE + 1};

enum { N_SIZES = sizeof(sizes) / sizeof(sizes[0]) };

static void
sizes_with(const char *kernel, unsigned int jobs)
{
	struct coffer_ctx *ctx = new_ctx(jobs);

	if (!sha256x_use_kernel(kernel))
		goto out;
	/* alone and in growing company */
	for (size_t n = 1; n <= N_SIZES; n++) {
		memset(items[0].sha256, 0xee, 32);
		assert_int_equal(coffer_hash_files(ctx, items, n), COFFER_OK);
		for (size_t i = 0; i < n; i++)
			assert_hashed(&items[i], bytes + i, sizes[i]);
	}
out:
	coffer_ctx_free(&ctx);
}

static void
all_sizes(void **state)
{
	static const char *const kernels[] = {"portable", "armv8-sha2", "sha-ni"};

	(void)state;
	for (size_t i = 0; i < N_SIZES; i++)
		add_file(i, sizes[i]);
	for (size_t k = 0; k < 3; k++)
		for (unsigned int jobs = 0; jobs <= 5; jobs++)
			sizes_with(kernels[k], jobs);
	remove_files(N_SIZES);
}

static size_t
many_size(size_t i)
{
	return i * 7919 % 20011;
}

static void
many_files(void **state)
{
	struct coffer_ctx *ctx = new_ctx(2);

	(void)state;
	for (size_t i = 0; i < MAX_ITEMS; i++)
		add_file(i, many_size(i));
	assert_int_equal(coffer_hash_files(ctx, items, MAX_ITEMS), COFFER_OK);
	for (size_t i = 0; i < MAX_ITEMS; i++)
		assert_hashed(&items[i], bytes + i, many_size(i));
	remove_files(MAX_ITEMS);
	coffer_ctx_free(&ctx);
}

static void
big_among_small(void **state)
{
	struct coffer_ctx *ctx = new_ctx(2);

	(void)state;
	for (size_t i = 0; i < 40; i++)
		add_file(i, i == 17 ? BIG : 100000 + i);
	assert_int_equal(coffer_hash_files(ctx, items, 40), COFFER_OK);
	for (size_t i = 0; i < 40; i++)
		assert_hashed(&items[i], bytes + i, i == 17 ? BIG : 100000 + i);
	remove_files(40);
	coffer_ctx_free(&ctx);
}

static void
same_file_twice(void **state)
{
	struct coffer_ctx *ctx = new_ctx(2);

	(void)state;
	add_file(0, 300000);
	for (size_t i = 1; i < 20; i++)
		items[i] = items[0];
	assert_int_equal(coffer_hash_files(ctx, items, 20), COFFER_OK);
	for (size_t i = 0; i < 20; i++)
		assert_hashed(&items[i], bytes, 300000);
	remove_files(1);
	coffer_ctx_free(&ctx);
}

static void
no_files(void **state)
{
	struct coffer_ctx *ctx = new_ctx(2);

	(void)state;
	assert_int_equal(coffer_hash_files(ctx, NULL, 0), COFFER_OK);
	coffer_ctx_free(&ctx);
}

/* ---- what cannot be hashed ---- */

static void
bad_beside_good(void **state)
{
	struct coffer_ctx *ctx = new_ctx(2);

	(void)state;
	for (size_t i = 0; i < 12; i++)
		add_file(i, 200000);
	assert_int_equal(mkdir("folder", 0777), 0);
	items[2].path = "missing";
	items[5].path = "folder";
	items[7].path = "file-0/below";
	items[9].path = "/proc/self/mem"; /* opens, and cannot be read from its begin */
	assert_int_equal(coffer_hash_files(ctx, items, 12), COFFER_E_NOTFOUND);
	assert_string_equal(coffer_ctx_message(ctx),
			    "missing: cannot be opened: No such file or directory (and 3 more files failed)");
	assert_failed(&items[2], COFFER_E_NOTFOUND, "cannot be opened: No such file or directory");
	assert_failed(&items[5], COFFER_E_USAGE, "is a folder; name the files in it");
	assert_failed(&items[7], COFFER_E_NOTFOUND, "cannot be opened: Not a directory");
	assert_failed(&items[9], COFFER_E_IO, "cannot be read: Input/output error");
	for (size_t i = 0; i < 12; i++)
		if (i != 2 && i != 5 && i != 7 && i != 9)
			assert_hashed(&items[i], bytes + i, 200000);
	/* one alone is not counted */
	assert_int_equal(coffer_hash_files(ctx, items + 5, 2), COFFER_E_USAGE);
	assert_string_equal(coffer_ctx_message(ctx), "folder: is a folder; name the files in it");
	remove_files(12);
	coffer_ctx_free(&ctx);
}

static void
unreadable(void **state)
{
	struct coffer_ctx *ctx = new_ctx(1);
	bool root = geteuid() == 0;

	(void)state;
	add_file(0, 10);
	add_file(1, 10);
	assert_int_equal(chmod(names[0], 0), 0);
	assert_int_equal(chmod(names[1], 0644), 0);
	assert_int_equal(chmod(".", 0755), 0);
	if (root)
		assert_int_equal(seteuid(65534), 0);
	assert_int_equal(coffer_hash_files(ctx, items, 2), COFFER_E_PERM);
	if (root)
		assert_int_equal(seteuid(0), 0);
	assert_failed(&items[0], COFFER_E_PERM, "cannot be opened: Permission denied");
	assert_hashed(&items[1], bytes + 1, 10);
	remove_files(2);
	coffer_ctx_free(&ctx);
}

/* A sentence that is too long is cut, not overrun; the path, which may be long, is not in it. */
static void
long_path(void **state)
{
	struct coffer_ctx *ctx = new_ctx(1);
	char path[3000];
	struct coffer_hash_item item = {.path = path};

	(void)state;
	memset(path, 'x', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	assert_int_equal(coffer_hash_files(ctx, &item, 1), COFFER_E_IO);
	assert_failed(&item, COFFER_E_IO, "cannot be opened: File name too long");
	coffer_ctx_free(&ctx);
}

/* ---- pipes ---- */

/* Writes the same bytes to two descriptors in turn, a little at a time. */
struct writer {
	const char *paths[2]; /* opened here, in this order, when not NULL */
	int fds[2];
	size_t len;
};

static void
write_some(int fd, const uint8_t *p, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, p, len);

		if (n < 0)
			return;
		p += n;
		len -= (size_t)n;
	}
}

static void *
write_in_turn(void *arg)
{
	struct writer *w = arg;

	for (int i = 0; i < 2; i++)
		if (w->paths[i])
			w->fds[i] = open(w->paths[i], O_WRONLY);
	for (size_t at = 0; at < w->len;) {
		size_t some = w->len - at < 100003 ? w->len - at : 100003;

		for (int i = 0; i < 2; i++)
			if (w->fds[i] >= 0)
				write_some(w->fds[i], bytes + at, some);
		at += some;
	}
	for (int i = 0; i < 2; i++)
		if (w->fds[i] >= 0)
			close(w->fds[i]);
	return NULL;
}

/* As `tee second first | …`: a thread that waited for the whole of one would wait for ever. */
static void
two_fifos_in_turn(void **state)
{
	/* where the kernel has one lane, a second thread */
	struct coffer_ctx *ctx = new_ctx(sha256x_lanes() > 1 ? 1 : 3);
	struct writer w = {.paths = {"fifo-1", "fifo-0"}, .len = 3000001};
	pthread_t thread;

	(void)state;
	add_file(2, 500000);
	items[0] = (struct coffer_hash_item){.path = "fifo-0"};
	items[1] = (struct coffer_hash_item){.path = "fifo-1"};
	assert_int_equal(mkfifo("fifo-0", 0600), 0);
	assert_int_equal(mkfifo("fifo-1", 0600), 0);
	assert_int_equal(pthread_create(&thread, NULL, write_in_turn, &w), 0);
	assert_int_equal(coffer_hash_files(ctx, items, 3), COFFER_OK);
	assert_hashed(&items[0], bytes, w.len);
	assert_hashed(&items[1], bytes, w.len);
	assert_hashed(&items[2], bytes + 2, 500000);
	assert_int_equal(pthread_join(thread, NULL), 0);
	coffer_ctx_free(&ctx);
}

/* Hash @n items with @fd as standard input. */
static coffer_err
hash_with_stdin(struct coffer_ctx *ctx, int fd, size_t n)
{
	int before = dup(STDIN_FILENO);
	coffer_err err;

	assert_int_equal(dup2(fd, STDIN_FILENO), STDIN_FILENO);
	err = coffer_hash_files(ctx, items, n);
	assert_true(fcntl(STDIN_FILENO, F_GETFD) >= 0); /* it stays open */
	if (before >= 0) {
		assert_int_equal(dup2(before, STDIN_FILENO), STDIN_FILENO);
		close(before);
	}
	return err;
}

static void
stdin_pipe(void **state)
{
	struct coffer_ctx *ctx = new_ctx(2);
	struct writer w = {.len = 700001};
	pthread_t thread;
	int fds[2];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	w.fds[0] = fds[1];
	w.fds[1] = -1;
	assert_int_equal(pthread_create(&thread, NULL, write_in_turn, &w), 0);
	add_file(0, 1000);
	items[1] = items[2] = (struct coffer_hash_item){.path = "-"};
	assert_int_equal(hash_with_stdin(ctx, fds[0], 3), COFFER_E_USAGE);
	assert_int_equal(pthread_join(thread, NULL), 0);
	close(fds[0]);
	assert_hashed(&items[0], bytes, 1000);
	assert_hashed(&items[1], bytes, w.len);
	assert_failed(&items[2], COFFER_E_USAGE, "standard input can be read only once");
	coffer_ctx_free(&ctx);
}

/* From where it stands. */
static void
stdin_file(void **state)
{
	struct coffer_ctx *ctx = new_ctx(1);
	int fd;

	(void)state;
	add_file(0, 300000);
	fd = open(names[0], O_RDONLY);
	assert_int_equal(lseek(fd, 1000, SEEK_SET), 1000);
	items[0].path = "-";
	assert_int_equal(hash_with_stdin(ctx, fd, 1), COFFER_OK);
	assert_hashed(&items[0], bytes + 1000, 299000);
	assert_int_equal(lseek(fd, 0, SEEK_CUR), 300000);
	close(fd);
	coffer_ctx_free(&ctx);
}

/* ---- progress and cancelling ---- */

struct seen {
	struct coffer_ctx *cancel; /* at the first report */
	uint64_t done, total;
	unsigned int n;
};

static void
see(void *user, const char *path, uint64_t done, uint64_t total)
{
	struct seen *s = user;

	assert_non_null(path);
	assert_true(done >= s->done || s->n == 0);
	s->done = done;
	s->total = total;
	s->n++;
	if (s->cancel)
		coffer_ctx_cancel(s->cancel);
}

static void
progress(void **state)
{
	struct coffer_ctx *ctx = new_ctx(1);
	struct seen seen = {0};

	(void)state;
	for (size_t i = 0; i < 3; i++)
		add_file(i, 1000000 + i);
	coffer_ctx_set_progress(ctx, see, &seen);
	assert_int_equal(coffer_hash_files(ctx, items, 3), COFFER_OK);
	assert_in_range(seen.n, 1, 1000);
	assert_int_equal(seen.done, 3000003);
	assert_int_equal(seen.total, 3000003);
	remove_files(3);
	coffer_ctx_free(&ctx);
}

static void
cancelled_before(void **state)
{
	struct coffer_ctx *ctx = new_ctx(2);

	(void)state;
	for (size_t i = 0; i < 30; i++)
		add_file(i, 1000);
	coffer_ctx_cancel(ctx);
	assert_int_equal(coffer_hash_files(ctx, items, 30), COFFER_E_INTERRUPTED);
	for (size_t i = 0; i < 30; i++)
		assert_failed(&items[i], COFFER_E_INTERRUPTED, "was not hashed: the run was stopped");
	remove_files(30);
	coffer_ctx_free(&ctx);
}

/* Between files: the first report is that the short file is done. */
static void
cancelled_between(void **state)
{
	struct coffer_ctx *ctx = new_ctx(1);
	struct seen seen = {.cancel = ctx};

	(void)state;
	add_file(0, 1000);
	items[1] = (struct coffer_hash_item){.path = "nobody"};
	assert_int_equal(mkfifo("nobody", 0600), 0);
	coffer_ctx_set_progress(ctx, see, &seen);
	assert_int_equal(coffer_hash_files(ctx, items, 2), COFFER_E_INTERRUPTED);
	assert_hashed(&items[0], bytes, 1000);
	assert_failed(&items[1], COFFER_E_INTERRUPTED, "was not hashed: the run was stopped");
	assert_int_equal(seen.n, 1);
	coffer_ctx_free(&ctx);
}

static void *
cancel_soon(void *ctx)
{
	usleep(50000);
	coffer_ctx_cancel(ctx);
	return NULL;
}

/* While nobody writes to either. */
static void
cancelled_while_waiting(void **state)
{
	struct coffer_ctx *ctx = new_ctx(1);
	pthread_t thread;

	(void)state;
	assert_int_equal(mkfifo("silent-0", 0600), 0);
	assert_int_equal(mkfifo("silent-1", 0600), 0);
	items[0] = (struct coffer_hash_item){.path = "silent-0"};
	items[1] = (struct coffer_hash_item){.path = "silent-1"};
	assert_int_equal(pthread_create(&thread, NULL, cancel_soon, ctx), 0);
	assert_int_equal(coffer_hash_files(ctx, items, 2), COFFER_E_INTERRUPTED);
	assert_int_equal(pthread_join(thread, NULL), 0);
	for (size_t i = 0; i < 2; i++)
		assert_failed(&items[i], COFFER_E_INTERRUPTED, "was not hashed: the run was stopped");
	coffer_ctx_free(&ctx);
}

/* Nothing stays open, whatever happened above. */
static int
count_open(void)
{
	int n = 0;

	for (int fd = 0; fd < 1024; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static int n_open_before;

static void
nothing_open(void **state)
{
	(void)state;
	assert_int_equal(count_open(), n_open_before);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_files),	     cmocka_unit_test(two_fifos_in_turn),
		cmocka_unit_test(all_sizes),	     cmocka_unit_test(many_files),
		cmocka_unit_test(big_among_small),   cmocka_unit_test(same_file_twice),
		cmocka_unit_test(no_files),	     cmocka_unit_test(bad_beside_good),
		cmocka_unit_test(unreadable),	     cmocka_unit_test(long_path),
		cmocka_unit_test(stdin_pipe),	     cmocka_unit_test(stdin_file),
		cmocka_unit_test(progress),	     cmocka_unit_test(cancelled_before),
		cmocka_unit_test(cancelled_between), cmocka_unit_test(cancelled_while_waiting),
		cmocka_unit_test(nothing_open),
	};

	signal(SIGPIPE, SIG_IGN);
	alarm(100); /* rather than wait for ever */
	n_open_before = count_open();
	return cmocka_run_group_tests_name("hash_files", tests, make_bytes, free_bytes);
}
