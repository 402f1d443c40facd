/* SPDX-License-Identifier: Apache-2.0 */
/* One fault at a time in a log of twelve records, in one part and in many: each is found and named. */
#include "support/audit_kit.h"

#define LOG "log/audit.jsonl"
#define MARKS "log/checkpoints.jsonl"
#define N 12

/* ---- faults; the line at index i is record i + 1 ---- */

static void
edit_text(struct lines *l)
{
	*strstr(l->v[4], "model 4") = 'M';
}

static void
edit_seq(struct lines *l)
{
	l->v[4][7] = '9';
}

static void
edit_seq_down(struct lines *l)
{
	l->v[4][7] = '1';
}

static void
edit_prev(struct lines *l)
{
	char *digit = strstr(l->v[4], "prev") + 10;

	*digit = *digit == '0' ? '1' : '0';
}

static void
edit_log_id(struct lines *l)
{
	char *digit = strstr(l->v[4], "\"log\":\"") + 10;

	*digit = *digit == '0' ? '1' : '0';
}

static void
edit_first(struct lines *l)
{
	*strstr(l->v[0], "model 0") = 'M';
}

static void
edit_first_prev(struct lines *l)
{
	char *digit = strstr(l->v[0], "prev") + 10;

	*digit = *digit == '0' ? '1' : '0';
}

static void
edit_last(struct lines *l)
{
	*strstr(l->v[N - 1], "model 11") = 'M';
}

static void
edit_last_prev(struct lines *l)
{
	char *digit = strstr(l->v[N - 1], "prev") + 10;

	*digit = *digit == '0' ? '1' : '0';
}

static void
edit_begin(struct lines *l)
{
	l->v[4][0] = '[';
}

static void
edit_end(struct lines *l)
{
	l->v[4][strlen(l->v[4]) - 1] = ' ';
}

static void
edit_to_nothing(struct lines *l)
{
	l->v[4][0] = '\0';
}

static void
delete_one(struct lines *l)
{
	lines_remove(l, 4);
}

static void
delete_three(struct lines *l)
{
	for (int i = 0; i < 3; i++)
		lines_remove(l, 4);
}

static void
delete_first(struct lines *l)
{
	lines_remove(l, 0);
}

static void
delete_last(struct lines *l)
{
	lines_remove(l, N - 1);
}

static void
delete_all(struct lines *l)
{
	lines_free(l);
}

static void
double_one(struct lines *l)
{
	lines_insert(l, 5, l->v[4]);
}

static void
double_far(struct lines *l)
{
	lines_insert(l, 8, l->v[4]);
}

static void
swap_two(struct lines *l)
{
	char *other = l->v[4];

	l->v[4] = l->v[5];
	l->v[5] = other;
}

static void
move_back(struct lines *l)
{
	char *moved = strdup(l->v[2]);

	lines_remove(l, 2);
	lines_insert(l, 7, moved);
	free(moved);
}

/* a record that says something else, with the number and the hash that belong there */
static void
insert_right(struct lines *l)
{
	lines_insert(l, 5, l->v[8]);
	lines_chain(l, 5);
}

static void
insert_at_end(struct lines *l)
{
	lines_insert(l, N, l->v[8]);
	lines_chain(l, N);
}

/* what somebody does who knows how the chain is made, and has no key */
static void
rewrite(struct lines *l)
{
	*strstr(l->v[4], "model 4") = 'M';
	for (size_t i = 5; i < l->n; i++)
		lines_chain(l, i);
}

static void
rewrite_without_one(struct lines *l)
{
	lines_remove(l, 4);
	for (size_t i = 4; i < l->n; i++)
		lines_chain(l, i);
}

static void
cut_in_line(struct lines *l)
{
	l->v[N - 1][100] = '\0';
	l->half = true;
}

static void
nothing(struct lines *l)
{
	(void)l;
}

/* the records of another log, behind those of this one */
static void
append_foreign(struct lines *l)
{
	struct lines other;

	audit_kit_run("other", N + 2, true);
	lines_read("other/audit.jsonl", &other);
	lines_insert(l, N, other.v[N]);
	lines_free(&other);
}

static void
long_line(struct lines *l)
{
	char *line = malloc(3 << 20);

	assert_non_null(line);
	memset(line, 'x', (3 << 20) - 1);
	line[(3 << 20) - 1] = '\0';
	free(l->v[4]);
	l->v[4] = line;
}

static const struct {
	const char *what;
	void (*hurt)(struct lines *l);
	const char *damage;
	uint64_t line, seq; /* that are named */
} of_records[] = {
	{"nothing", nothing, "whole", 0, 0},
	{"a text", edit_text, "changed", 5, 5},
	{"a number", edit_seq, "changed", 5, 5},
	{"a number, down", edit_seq_down, "changed", 5, 5},
	{"a hash", edit_prev, "changed", 5, 5},
	{"a log id", edit_log_id, "foreign", 5, 5},
	{"the first text", edit_first, "changed", 1, 1},
	{"the first hash", edit_first_prev, "changed", 1, 1},
	{"the last text", edit_last, "rewritten", 12, 12},
	{"the last hash", edit_last_prev, "changed", 12, 12},
	{"a beginning", edit_begin, "malformed", 5, 5},
	{"an end", edit_end, "changed", 5, 5},
	{"an empty line", edit_to_nothing, "malformed", 5, 5},
	{"one deleted", delete_one, "missing", 5, 5},
	{"three deleted", delete_three, "missing", 5, 5},
	{"the first deleted", delete_first, "no-beginning", 1, 2},
	{"the last deleted", delete_last, "cut", 0, 12},
	{"all deleted", delete_all, "cut", 0, 1},
	{"one doubled", double_one, "doubled", 6, 5},
	{"one doubled far away", double_far, "inserted", 9, 5},
	{"two swapped", swap_two, "swapped", 5, 6},
	{"one moved", move_back, "missing", 3, 3},
	{"one inserted, with the right hash", insert_right, "inserted", 6, 6},
	{"one inserted at the end, with the right hash", insert_at_end, "whole", 0, 0},
	{"one changed and the chain made anew", rewrite, "rewritten", 12, 12},
	{"one deleted and the chain made anew", rewrite_without_one, "cut", 0, 12},
	{"cut in the last line", cut_in_line, "cut", 0, 12},
	{"a record of another log", append_foreign, "foreign", 13, 13},
	{"a line without end", long_line, "malformed", 5, 5},
};

static void
check_verdict(const char *what, const char *damage, const char *file, uint64_t line, uint64_t seq,
	      const struct audit_check *options)
{
	struct audit_report r;
	struct fault f = {.text = ""};
	coffer_err err = audit_kit_check(&f, "log", options, &r);
	bool whole = strcmp(damage, "whole") == 0;

	if (err != (whole ? COFFER_OK : COFFER_E_AUTH))
		fail_msg("%s: %s: %s", what, coffer_err_name(err), f.text);
	if (strcmp(audit_damage_name(r.damage), damage) != 0)
		fail_msg("%s: %s, not %s: %s", what, audit_damage_name(r.damage), damage, f.text);
	if (r.seq != seq || r.line != line)
		fail_msg("%s: line %llu, record %llu: %s", what, (unsigned long long)r.line, (unsigned long long)r.seq,
			 f.text);
	if (file && line > 0 && strcmp(r.file, file) != 0)
		fail_msg("%s: in %s, not %s", what, r.file, file);
	if (!whole)
		assert_true(f.text[0] != '\0');
}

static void
test_records(void **state)
{
	(void)state;
	audit_kit_run("log", N, true);
	for (size_t i = 0; i < sizeof(of_records) / sizeof(of_records[0]); i++) {
		struct lines good, bad;

		lines_read(LOG, &good);
		lines_read(LOG, &bad);
		of_records[i].hurt(&bad);
		lines_write(LOG, &bad);
		check_verdict(of_records[i].what, of_records[i].damage, "audit.jsonl", of_records[i].line,
			      of_records[i].seq, NULL);
		lines_write(LOG, &good);
		lines_free(&good);
		lines_free(&bad);
	}
	assert_whole("log", N);
}

/* Every byte of every line: what is flipped is found, be it before or behind the last checkpoint, but for the very last record there. */
static void
test_each_byte(void **state)
{
	struct lines l;

	(void)state;
	audit_kit_run("log", 3, true);
	lines_read(LOG, &l);
	for (size_t i = 0; i < l.n; i++) {
		for (size_t k = 0; k < strlen(l.v[i]); k++) {
			struct audit_report r;

			l.v[i][k] ^= 1;
			lines_write(LOG, &l);
			if (audit_kit_check(NULL, "log", NULL, &r) != COFFER_E_AUTH)
				fail_msg("byte %zu of line %zu", k, i + 1);
			l.v[i][k] ^= 1;
		}
	}
	lines_free(&l);
}

/* ---- checkpoints ---- */

static void
edit_mark_time(struct lines *l)
{
	strstr(l->v[1], "eventTime\":\"")[14] ^= 1;
}

static void
edit_last_mark(struct lines *l)
{
	char *time = strstr(l->v[l->n - 1], "eventTime\":\"") + 14;

	*time = *time == '2' ? '1' : '2';
}

static void
edit_last_signature(struct lines *l)
{
	char *c = strstr(l->v[l->n - 1], "signature\":\"") + 20;

	*c = *c == 'A' ? 'B' : 'A';
}

static void
edit_last_hash(struct lines *l)
{
	char *c = strstr(l->v[l->n - 1], "\"hash\":\"") + 20;

	*c = *c == 'a' ? 'b' : 'a';
}

static void
mark_is_none(struct lines *l)
{
	l->v[1][3] = 'x';
}

static void
delete_first_mark(struct lines *l)
{
	lines_remove(l, 0);
}

static void
delete_middle_mark(struct lines *l)
{
	lines_remove(l, 1);
}

/* legal: fewer checkpoints cover less, and what they cover holds */
static void
delete_last_mark(struct lines *l)
{
	lines_remove(l, l->n - 1);
}

static void
delete_all_marks(struct lines *l)
{
	lines_free(l);
}

static void
tear_last_mark(struct lines *l)
{
	l->v[l->n - 1][50] = '\0';
	l->half = true;
}

static const struct {
	const char *what;
	void (*hurt)(struct lines *l);
	const char *damage;
	uint64_t line, seq;
} of_marks[] = {
	{"a time", edit_mark_time, "checkpoint-changed", 3, 8},
	{"the last time", edit_last_mark, "checkpoint-forged", 4, 12},
	{"the last signature", edit_last_signature, "checkpoint-forged", 4, 12},
	{"the last hash", edit_last_hash, "checkpoint-forged", 4, 12},
	{"no checkpoint", mark_is_none, "checkpoint-changed", 2, 0},
	{"the first deleted", delete_first_mark, "checkpoint-missing", 1, 4},
	{"one deleted", delete_middle_mark, "checkpoint-changed", 2, 8},
	{"the last deleted", delete_last_mark, "whole", 0, 0},
	{"all deleted", delete_all_marks, "checkpoint-missing", 0, 0},
	{"the last torn", tear_last_mark, "whole", 0, 0},
};

static void
test_marks(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++)
		audit_kit_run("log", 4, true);
	for (size_t i = 0; i < sizeof(of_marks) / sizeof(of_marks[0]); i++) {
		struct lines good, bad;

		lines_read(MARKS, &good);
		lines_read(MARKS, &bad);
		assert_int_equal(good.n, 4);
		of_marks[i].hurt(&bad);
		lines_write(MARKS, &bad);
		check_verdict(of_marks[i].what, of_marks[i].damage, "checkpoints.jsonl", of_marks[i].line,
			      of_marks[i].seq, NULL);
		lines_write(MARKS, &good);
		lines_free(&good);
		lines_free(&bad);
	}
	assert_whole("log", N);
}

/* Cut, and then written on by an honest program: the checkpoints go back. */
static void
test_cut_and_on(void **state)
{
	struct lines l;

	(void)state;
	audit_kit_run("log", 8, true);
	lines_read(LOG, &l);
	for (int i = 0; i < 3; i++)
		lines_remove(&l, l.n - 1);
	lines_write(LOG, &l);
	lines_free(&l);
	audit_kit_run("log", 1, true);
	check_verdict("cut and on", "cut", "checkpoints.jsonl", 3, 6, NULL);
}

/* Cut behind the last checkpoint: nothing shows that, and the page says so. */
static void
test_cut_unsigned(void **state)
{
	struct audit_report r;
	struct lines l;

	(void)state;
	audit_kit_run("log", 4, true);
	audit_kit_run("log", 3, false);
	assert_int_equal(audit_kit_check(NULL, "log", NULL, &r), COFFER_OK);
	assert_int_equal(r.last, 7);
	assert_int_equal(r.signed_to, 4);
	lines_read(LOG, &l);
	lines_remove(&l, 6);
	lines_write(LOG, &l);
	assert_whole("log", 6);
	lines_remove(&l, 5);
	lines_remove(&l, 4);
	lines_remove(&l, 3);
	lines_write(LOG, &l);
	lines_free(&l);
	check_verdict("cut before it", "cut", NULL, 0, 4, NULL);
}

/* ---- what was kept elsewhere ---- */

static void
test_outside(void **state)
{
	struct buf key = BUF_INIT(4096), other = BUF_INIT(4096), marks = BUF_INIT(1 << 16), foreign = BUF_INIT(1 << 16);
	struct audit_check options = {.begins_at = 0};
	struct audit_report r;
	struct lines l;

	(void)state;
	audit_kit_run("log", 4, true);
	audit_kit_run("log", 4, true);
	audit_kit_run("other", 4, true);
	assert_int_equal(file_slurp(NULL, "log/checkpoint.pub", 4096, &key, NULL), COFFER_OK);
	assert_int_equal(file_slurp(NULL, "other/checkpoint.pub", 4096, &other, NULL), COFFER_OK);
	assert_int_equal(file_slurp(NULL, MARKS, 1 << 16, &marks, NULL), COFFER_OK);
	assert_int_equal(file_slurp(NULL, "other/checkpoints.jsonl", 1 << 16, &foreign, NULL), COFFER_OK);

	options.public_key = buf_view(&key);
	options.outside = buf_view(&marks);
	assert_int_equal(audit_kit_check(NULL, "log", &options, &r), COFFER_OK);
	assert_int_equal(r.n_outside, 3);

	/* the key that was kept is not that of the folder */
	options.public_key = buf_view(&other);
	options.outside = view_of(NULL, 0);
	check_verdict("another key", "checkpoint-forged", NULL, 3, 8, &options);

	/* log and checkpoints cut, so that the folder alone looks whole */
	lines_read(LOG, &l);
	for (int i = 0; i < 4; i++)
		lines_remove(&l, l.n - 1);
	lines_write(LOG, &l);
	lines_free(&l);
	lines_read(MARKS, &l);
	lines_remove(&l, 2);
	lines_write(MARKS, &l);
	lines_free(&l);
	assert_whole("log", 4);
	options.public_key = buf_view(&key);
	options.outside = buf_view(&marks);
	check_verdict("cut with its checkpoint", "cut", NULL, 0, 5, &options);

	/* of another log, by another key */
	options.outside = buf_view(&foreign);
	check_verdict("another log's", "checkpoint-forged", NULL, 1, 0, &options);
	options.outside = view_str("nonsense\n");
	assert_int_equal(audit_kit_check(NULL, "log", &options, &r), COFFER_E_FORMAT);
	buf_free(&key);
	buf_free(&other);
	buf_free(&marks);
	buf_free(&foreign);
}

/* All of it made anew by who has the key of another log, in the place of this one. */
static void
test_replaced(void **state)
{
	struct buf key = BUF_INIT(4096);
	struct audit_check options = {.begins_at = 0};

	(void)state;
	audit_kit_run("log", 4, true);
	assert_int_equal(file_slurp(NULL, "log/checkpoint.pub", 4096, &key, NULL), COFFER_OK);
	audit_kit_run("forged", 4, true);
	assert_int_equal(rename("log", "away"), 0);
	assert_int_equal(rename("forged", "log"), 0);
	assert_whole("log", 4); /* by itself it is whole */
	options.public_key = buf_view(&key);
	check_verdict("made anew", "checkpoint-forged", NULL, 2, 4, &options);
	buf_free(&key);

	/* records of one log, checkpoints of another */
	assert_int_equal(rename("away/audit.jsonl", LOG), 0);
	check_verdict("mixed", "checkpoint-foreign", NULL, 0, 0, NULL);
}

/* ---- parts ---- */

static void
test_parts(void **state)
{
	struct audit_report r;
	struct lines l;

	(void)state;
	(void)setenv("COFFER_AUDIT_PART_SIZE", "1", 1);
	for (int i = 0; i < 4; i++)
		audit_kit_run("log", 3, true);
	(void)unsetenv("COFFER_AUDIT_PART_SIZE");
	assert_int_equal(audit_kit_check(NULL, "log", NULL, &r), COFFER_OK);
	assert_int_equal(r.n_parts, 4);
	assert_int_equal(r.n_records, 12);

	/* over the border: the last line of a part */
	lines_read("log/audit-00000000000000000004.jsonl", &l);
	*strstr(l.v[2], "model 2") = 'M';
	lines_write("log/audit-00000000000000000004.jsonl", &l);
	check_verdict("the end of a part", "changed", "audit-00000000000000000004.jsonl", 3, 6, NULL);
	assert_int_equal(unlink(MARKS), 0);
	check_verdict("the end of a part, without checkpoints", "changed", "audit-00000000000000000004.jsonl", 3, 6,
		      NULL);
	lines_free(&l);
}

static void
test_part_gone(void **state)
{
	struct audit_check options = {.begins_at = 0};
	struct audit_report r;
	struct lines l;

	(void)state;
	(void)setenv("COFFER_AUDIT_PART_SIZE", "1", 1);
	for (int i = 0; i < 4; i++)
		audit_kit_run("log", 3, true);
	(void)unsetenv("COFFER_AUDIT_PART_SIZE");
	assert_int_equal(rename("log/audit-00000000000000000004.jsonl", "away"), 0);
	check_verdict("a part in the middle", "missing", "audit-00000000000000000007.jsonl", 1, 4, NULL);
	assert_int_equal(unlink("log/audit-00000000000000000001.jsonl"), 0);
	check_verdict("the first parts", "no-beginning", "audit-00000000000000000007.jsonl", 1, 7, NULL);
	options.begins_at = 7;
	assert_int_equal(audit_kit_check(NULL, "log", &options, &r), COFFER_OK);
	assert_int_equal(r.first, 7);
	options.begins_at = 6;
	check_verdict("more than was said", "no-beginning", "audit-00000000000000000007.jsonl", 1, 7, &options);

	/* what is left must begin where a checkpoint says */
	options.begins_at = 8;
	lines_read("log/audit-00000000000000000007.jsonl", &l);
	lines_remove(&l, 0);
	lines_write("log/audit-00000000000000000007.jsonl", &l);
	lines_free(&l);
	check_verdict("a beginning that nothing shows", "no-beginning", "audit-00000000000000000007.jsonl", 1, 8,
		      &options);

	/* all parts taken away: the numbers go on, and that can be verified */
	assert_int_equal(unlink("log/audit-00000000000000000007.jsonl"), 0);
	assert_int_equal(unlink(LOG), 0);
	audit_kit_run("log", 1, true);
	options.begins_at = 13;
	assert_int_equal(audit_kit_check(NULL, "log", &options, &r), COFFER_OK);
	assert_int_equal(r.first, 13);
	assert_int_equal(r.last, 13);
}

/* Longer than what one thread takes at a time, so that lines lie on the borders of pieces. */
static void
test_long(void **state)
{
	struct buf rests = BUF_INIT(64 << 20);
	struct audit_log *log = NULL;
	struct audit_report r;
	struct fault f = {.text = ""};
	int fd;

	(void)state;
	audit_kit_threads = 4;
	audit_kit_rests(1000, &rests);
	assert_int_equal(audit_log_open(&f, "log", &log), COFFER_OK);
	for (int i = 0; i < 11; i++)
		assert_int_equal(audit_log_write(&f, log, buf_view(&rests)), COFFER_OK);
	assert_int_equal(audit_log_close(&f, &log), COFFER_OK);
	buf_free(&rests);
	assert_whole("log", 11000);
	fd = open(LOG, O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0);
	/* a byte on each side of the border of the second piece, and far from it */
	for (off_t off = (2 << 20) - 700; off < (2 << 20) + 700; off += 41) {
		uint8_t byte;

		assert_int_equal(pread(fd, &byte, 1, off), 1);
		byte ^= 1;
		assert_int_equal(pwrite(fd, &byte, 1, off), 1);
		if (audit_kit_check(&f, "log", NULL, &r) != COFFER_E_AUTH)
			fail_msg("byte %lld", (long long)off);
		byte ^= 1;
		assert_int_equal(pwrite(fd, &byte, 1, off), 1);
	}
	(void)close(fd);
	assert_whole("log", 11000);
}

static void
test_none(void **state)
{
	struct audit_report r;

	(void)state;
	assert_int_equal(audit_kit_check(NULL, "log", NULL, &r), COFFER_E_NOTFOUND);
	assert_int_equal(mkdir("log", 0700), 0);
	assert_int_equal(audit_kit_check(NULL, "log", NULL, &r), COFFER_E_NOTFOUND);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, tmpdir_setup_fast, tmpdir_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_records),	 TEST(test_each_byte), TEST(test_marks),    TEST(test_cut_and_on),
		TEST(test_cut_unsigned), TEST(test_outside),   TEST(test_replaced), TEST(test_parts),
		TEST(test_part_gone),	 TEST(test_long),      TEST(test_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
