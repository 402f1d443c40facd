/* SPDX-License-Identifier: Apache-2.0 */
/* Going to any record of a log in parts, with lines of very different lengths. */
#include "audit/reader.h"

#include "support/audit_kit.h"

#define N 300

static void
write_records(void)
{
	struct buf rests = BUF_INIT(8 << 20);
	struct audit_log *log = NULL;
	struct audit_record r;

	assert_int_equal(audit_log_open(NULL, "log", &log), COFFER_OK);
	for (size_t i = 0; i < N; i++) {
		assert_int_equal(audit_actor(NULL, &r), COFFER_OK);
		memset(r.path, 'x', (i * i) % 4000);
		rests.len = 0;
		assert_int_equal(audit_line_rest(NULL, &r, &rests), COFFER_OK);
		assert_int_equal(audit_log_write(NULL, log, buf_view(&rests)), COFFER_OK);
	}
	assert_int_equal(audit_log_close(NULL, &log), COFFER_OK);
	buf_free(&rests);
}

/* the numbers from @from on, to the end */
static void
expect_from(struct audit_reader *r, uint64_t from)
{
	struct audit_place p;
	struct view line;

	for (uint64_t seq = from; seq <= N; seq++) {
		assert_int_equal(audit_reader_next(NULL, r, &line), COFFER_OK);
		assert_true(line.p && audit_line_place(line, &p));
		assert_int_equal(p.seq, seq);
	}
	assert_int_equal(audit_reader_next(NULL, r, &line), COFFER_OK);
	assert_null(line.p);
}

static void
check_all(void)
{
	struct audit_folder folder = AUDIT_FOLDER_INIT;
	struct audit_part *parts = NULL;
	struct audit_reader r;
	size_t n = 0;

	assert_int_equal(audit_folder_open(NULL, "log", AUDIT_TO_READ, &folder), COFFER_OK);
	assert_int_equal(audit_folder_parts(NULL, &folder, &parts, &n), COFFER_OK);
	for (uint64_t from = 0; from <= N + 2; from += from < 5 || from > N - 5 ? 1 : 13) {
		assert_int_equal(audit_reader_init(NULL, &r, &folder, parts, n, 0, 0), COFFER_OK);
		assert_int_equal(audit_reader_seek(NULL, &r, from), COFFER_OK);
		expect_from(&r, from > 0 ? from : 1);
		audit_reader_free(&r);
	}
	free(parts);
	audit_folder_close(&folder);
}

static void
test_one_part(void **state)
{
	(void)state;
	write_records();
	check_all();
}

static void
test_parts(void **state)
{
	(void)state;
	(void)setenv("COFFER_AUDIT_PART_SIZE", "30000", 1);
	write_records();
	(void)unsetenv("COFFER_AUDIT_PART_SIZE");
	check_all();
	/* an empty last part, as a crash leaves it */
	assert_int_equal(rename("log/audit.jsonl", "log/audit-00000000000000000300.jsonl"), 0);
	tmpdir_file("log/audit.jsonl", "", 0, 0600);
	check_all();
}

static void
test_endless_line(void **state)
{
	static const char xs[LIMIT_AUDIT_LINE + 100];
	const struct audit_part part = {.name = "audit.jsonl", .size = sizeof(xs)};
	struct audit_folder folder = AUDIT_FOLDER_INIT;
	struct audit_reader r;
	struct view line;

	(void)state;
	assert_int_equal(mkdir("log", 0700), 0);
	tmpdir_file("log/audit.jsonl", xs, sizeof(xs), 0600);
	assert_int_equal(audit_folder_open(NULL, "log", AUDIT_TO_READ, &folder), COFFER_OK);
	assert_int_equal(audit_reader_init(NULL, &r, &folder, &part, 1, 0, 0), COFFER_OK);
	assert_int_equal(audit_reader_next(NULL, &r, &line), COFFER_E_FORMAT);
	audit_reader_free(&r);
	audit_folder_close(&folder);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, tmpdir_setup_fast, tmpdir_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {TEST(test_one_part), TEST(test_parts), TEST(test_endless_line)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
