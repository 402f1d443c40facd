/* SPDX-License-Identifier: Apache-2.0 */
/* A sealed file in memory of its own, in a memfd, behind a FILE *. */
#include <errno.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <coffer/load.h>

#include "support/emulator.h"
#include "support/kit.h"

#define RECORD 65536
#define MANY ((size_t)5 * 1024 * 1024 + 77)

static struct coffer_model *model;
static struct coffer_file *file;

/* of @size bytes that kit_byte(9) tells */
static void
open_sealed(size_t size)
{
	const struct coffer_seal_options options = {.version_1 = 1, .record_size = RECORD};

	kit_file("f", size, 9);
	assert_ok(coffer_seal(kit.ctx, "f", "s", kit.keys, &options, NULL));
	assert_ok(coffer_model_open(kit.ctx, "s", kit.keys, &model));
	assert_ok(coffer_file_open(kit.ctx, model, 0, &file));
}

static void
close_sealed(void)
{
	coffer_file_free(&file);
	coffer_model_free(&model);
	(void)unlink("s");
}

static int
teardown(void **state)
{
	close_sealed();
	return kit_teardown(state);
}

static void
assert_plain(const uint8_t *bytes, size_t len)
{
	uint8_t *want = kit_bytes(len, 9);

	assert_memory_equal(bytes, want, len);
	free(want);
}

/* flip a bit of record @index */
static void
damage(size_t size, size_t index)
{
	struct stat st;

	assert_int_equal(stat("s", &st), 0);
	kit_flip("s", st.st_size - (off_t)size + (off_t)(index * RECORD), 0x80);
}

static const size_t sizes[] = {0, 1, 4096, RECORD, 2 * RECORD, (size_t)2 << 20, ((size_t)2 << 20) + 1, MANY};

enum { N_SIZES = sizeof(sizes) / sizeof(sizes[0]) };

/* ---- memory ---- */

/* Whether the flags of the mapping at @p have @flag, «dd» as it stands in no core dump. */
static bool
has_flag(const void *p, const char *flag)
{
	FILE *maps = fopen("/proc/self/smaps", "r");
	char line[512], own[32];
	bool here = false, has = false;

	assert_non_null(maps);
	(void)snprintf(own, sizeof(own), "%llx-", (unsigned long long)(uintptr_t)p);
	while (fgets(line, sizeof(line), maps)) {
		if (strncmp(line, own, strlen(own)) == 0)
			here = true;
		else if (here && strncmp(line, "VmFlags:", 8) == 0) {
			has = strstr(line, flag) != NULL;
			break;
		}
	}
	(void)fclose(maps);
	return has;
}

static void
test_memory(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_SIZES; i++) {
		struct coffer_memory *memory = NULL;

		open_sealed(sizes[i]);
		assert_ok(coffer_memory_new(kit.ctx, file, &memory));
		close_sealed(); /* the memory outlives the file */
		assert_int_equal(coffer_memory_size(memory), sizes[i]);
		assert_non_null(coffer_memory_bytes(memory));
		assert_int_equal((uintptr_t)coffer_memory_bytes(memory) % 4096, 0);
		assert_plain(coffer_memory_bytes(memory), sizes[i]);
		if (!under_emulator("MADV_DONTDUMP"))
			assert_true(has_flag(coffer_memory_bytes(memory), " dd"));
		assert_false(has_flag(coffer_memory_bytes(memory), " wr"));
		coffer_memory_free(&memory);
		assert_null(memory);
		coffer_memory_free(&memory);
	}
}

/* Who writes to it dies of it, and a child of fork() reads it. */
static void
test_memory_is_read_alone(void **state)
{
	struct coffer_memory *memory = NULL;
	int status;

	(void)state;
	open_sealed(MANY);
	assert_ok(coffer_memory_new(kit.ctx, file, &memory));
	for (int write = 0; write < 2; write++) {
		pid_t child = fork();

		if (child == 0) {
			uintptr_t at = (uintptr_t)coffer_memory_bytes(memory);

			(void)signal(SIGSEGV, SIG_DFL);
			if (write)
				*(volatile uint8_t *)at = 1; /* NOLINT */
			_exit(*(const uint8_t *)at == kit_byte(9, 0) ? 7 : 1);
		}
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_int_equal(write ? !WIFEXITED(status) || WEXITSTATUS(status) != 7
				       : WIFEXITED(status) && WEXITSTATUS(status) == 7,
				 1);
	}
	coffer_memory_free(&memory);
}

static void
test_memory_failures(void **state)
{
	struct coffer_memory *memory;

	(void)state;
	open_sealed(MANY);
	memory = (struct coffer_memory *)&file;
	coffer_ctx_cancel(kit.ctx);
	assert_refused(coffer_memory_new(kit.ctx, file, &memory), COFFER_E_INTERRUPTED);
	assert_null(memory);
	close_sealed();
	coffer_ctx_free(&kit.ctx);
	assert_int_equal(coffer_ctx_new(&kit.ctx), COFFER_OK);
	open_sealed(MANY);
	damage(MANY, 40);
	memory = (struct coffer_memory *)&file;
	assert_refused(coffer_memory_new(kit.ctx, file, &memory), COFFER_E_AUTH);
	assert_null(memory);
}

/* ---- memfd ---- */

static void
test_memfd(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_SIZES; i++) {
		uint8_t *bytes = malloc(sizes[i] + 1);
		int fd;

		open_sealed(sizes[i]);
		assert_ok(coffer_file_memfd(kit.ctx, file, &fd));
		close_sealed();
		assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
		assert_int_equal(pread(fd, bytes, sizes[i] + 1, 0), sizes[i]);
		assert_plain(bytes, sizes[i]);
		free(bytes);
		(void)close(fd);
	}
}

static void
test_memfd_is_sealed(void **state)
{
	char path[64];
	int fd, again;

	(void)state;
	open_sealed(RECORD);
	assert_ok(coffer_file_memfd(kit.ctx, file, &fd));
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	again = open(path, O_RDWR | O_CLOEXEC);
	assert_true(again >= 0);
	assert_int_equal(pwrite(again, "x", 1, 0), -1);
	assert_int_equal(errno, EPERM);
	assert_int_equal(ftruncate(again, 0), -1);
	assert_int_equal(ftruncate(again, 2 * RECORD), -1);
	assert_ptr_equal(mmap(NULL, RECORD, PROT_READ | PROT_WRITE, MAP_SHARED, again, 0), MAP_FAILED);
	assert_int_equal(fcntl(again, F_ADD_SEALS, F_SEAL_FUTURE_WRITE), -1);
	(void)close(again);
	(void)close(fd);
}

static void
test_memfd_failure(void **state)
{
	int fd = 0;

	(void)state;
	open_sealed(MANY);
	damage(MANY, 40);
	assert_refused(coffer_file_memfd(kit.ctx, file, &fd), COFFER_E_AUTH);
	assert_int_equal(fd, -1);
}

/* Who holds all files of a model so may meet the limit, and learns which one it is. */
static void
test_memfd_of_too_many(void **state)
{
	struct rlimit old, none;
	int fd = 0;

	(void)state;
	open_sealed(RECORD);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	none = (struct rlimit){.rlim_cur = 0, .rlim_max = old.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	assert_int_equal(coffer_file_memfd(kit.ctx, file, &fd), COFFER_E_IO);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	assert_int_equal(fd, -1);
	assert_non_null(strstr(coffer_ctx_message(kit.ctx), "ulimit -n"));
}

/* ---- stream ---- */

static FILE *
open_stream(size_t size)
{
	FILE *stream = NULL;

	open_sealed(size);
	assert_ok(coffer_file_stream(kit.ctx, file, &stream));
	assert_non_null(stream);
	return stream;
}

static void
test_stream(void **state)
{
	static const size_t pieces[] = {1000, 65536, 1 << 20, (3 << 20) + 5, MANY};

	(void)state;
	for (size_t i = 0; i < N_SIZES; i++)
		for (size_t j = 0; j < sizeof(pieces) / sizeof(pieces[0]); j++) {
			uint8_t *bytes = malloc(sizes[i] + pieces[j]);
			FILE *stream = open_stream(sizes[i]);
			size_t have = 0, n;

			assert_int_equal(fileno(stream), -1);
			while ((n = fread(bytes + have, 1, pieces[j], stream)) > 0)
				have += n;
			assert_true(feof(stream) && !ferror(stream));
			assert_int_equal(have, sizes[i]);
			assert_plain(bytes, sizes[i]);
			assert_int_equal(fclose(stream), 0);
			close_sealed();
			free(bytes);
		}
}

static void
test_stream_seek(void **state)
{
	static const struct {
		int whence;
		off_t off, at;
	} seeks[] = {
		{SEEK_SET, 0, 0},
		{SEEK_SET, (off_t)MANY - 1, (off_t)MANY - 1},
		{SEEK_SET, 65537, 65537},
		{SEEK_CUR, 10, 65548}, /* a byte was read */
		{SEEK_END, -5, (off_t)MANY - 5},
		{SEEK_END, -(off_t)MANY, 0},
	};
	FILE *stream = open_stream(MANY);

	(void)state;
	for (size_t i = 0; i < sizeof(seeks) / sizeof(seeks[0]); i++) {
		assert_int_equal(fseeko(stream, seeks[i].off, seeks[i].whence), 0);
		assert_int_equal(ftello(stream), seeks[i].at);
		assert_int_equal(fgetc(stream), kit_byte(9, (size_t)seeks[i].at));
	}
	assert_int_equal(fseeko(stream, 0, SEEK_END), 0);
	assert_int_equal(ftello(stream), MANY);
	assert_int_equal(fgetc(stream), EOF);
	assert_int_equal(fseeko(stream, 10, SEEK_END), 0);
	assert_int_equal(fgetc(stream), EOF);
	assert_false(ferror(stream));
	assert_int_equal(fseeko(stream, -1, SEEK_SET), -1);
	assert_int_equal(fseeko(stream, -(off_t)MANY - 1, SEEK_END), -1);
	assert_int_equal(fseeko(stream, 3, SEEK_SET), 0);
	assert_int_equal(fgetc(stream), kit_byte(9, 3));
	assert_int_equal(fclose(stream), 0);
}

static void
test_stream_failure(void **state)
{
	uint8_t *bytes = malloc(MANY);
	FILE *stream = open_stream(MANY);

	(void)state;
	damage(MANY, 40);
	errno = 0;
	assert_true(fread(bytes, 1, MANY, stream) < MANY);
	assert_int_equal(errno, EIO);
	assert_true(ferror(stream));
	assert_int_equal(fclose(stream), 0);
	free(bytes);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_memory, kit_setup, teardown),
		cmocka_unit_test_setup_teardown(test_memory_is_read_alone, kit_setup, teardown),
		cmocka_unit_test_setup_teardown(test_memory_failures, kit_setup, teardown),
		cmocka_unit_test_setup_teardown(test_memfd, kit_setup, teardown),
		cmocka_unit_test_setup_teardown(test_memfd_is_sealed, kit_setup, teardown),
		cmocka_unit_test_setup_teardown(test_memfd_failure, kit_setup, teardown),
		cmocka_unit_test_setup_teardown(test_memfd_of_too_many, kit_setup, teardown),
		cmocka_unit_test_setup_teardown(test_stream, kit_setup, teardown),
		cmocka_unit_test_setup_teardown(test_stream_seek, kit_setup, teardown),
		cmocka_unit_test_setup_teardown(test_stream_failure, kit_setup, teardown),
	};

	return cmocka_run_group_tests_name("memory", tests, NULL, NULL);
}
