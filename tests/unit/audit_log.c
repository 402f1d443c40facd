/* SPDX-License-Identifier: Apache-2.0 */
/* Writing: where it goes, what is there afterwards, and what is refused. */
#include "support/audit_kit.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "audit/append.h"

#define LOG "log/audit.jsonl"
#define MARKS "log/checkpoints.jsonl"

/* ---- where ---- */

static const struct {
	const char *where, *folder;
	bool syslog, journald, good;
} places[] = {
	{"off", NULL, false, false, true},
	{"/a/b", "/a/b", false, false, true},
	{"syslog:", NULL, true, false, true},
	{"journald:", NULL, false, true, true},
	{"/a,syslog:,journald:", "/a", true, true, true},
	{"syslog:,/a", "/a", true, false, true},
	{"", NULL, false, false, false},
	{",", NULL, false, false, false},
	{"/a,", NULL, false, false, false},
	{"/a,/b", NULL, false, false, false},
	{"off,/a", NULL, false, false, false},
	{"/a,off", NULL, false, false, false},
};

static void
test_where(void **state)
{
	struct audit_where w;

	(void)state;
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		coffer_err err = audit_where_parse(NULL, places[i].where, &w);

		if (err != (places[i].good ? COFFER_OK : COFFER_E_USAGE))
			fail_msg("«%s»: %s", places[i].where, coffer_err_name(err));
		if (!places[i].good)
			continue;
		assert_int_equal(w.syslog, places[i].syslog);
		assert_int_equal(w.journald, places[i].journald);
		assert_true(!w.folder == !places[i].folder);
		if (w.folder)
			assert_string_equal(w.folder, places[i].folder);
		audit_where_free(&w);
	}
}

static void
test_where_default(void **state)
{
	struct audit_where w;
	struct fault f = {.text = ""};

	(void)state;
	(void)unsetenv("COFFER_AUDIT");
	(void)setenv("XDG_STATE_HOME", "/s", 1);
	assert_int_equal(audit_where_parse(NULL, NULL, &w), COFFER_OK);
	assert_string_equal(w.folder, "/s/coffer/audit");
	audit_where_free(&w);
	(void)unsetenv("XDG_STATE_HOME");
	(void)unsetenv("HOME");
	assert_int_equal(audit_where_parse(&f, NULL, &w), COFFER_E_NOTFOUND);
	assert_non_null(strstr(f.text, "COFFER_AUDIT"));
	(void)setenv("COFFER_AUDIT", "/e", 1);
	assert_int_equal(audit_where_parse(NULL, NULL, &w), COFFER_OK);
	assert_string_equal(w.folder, "/e");
	audit_where_free(&w);
	/* a program that goes elsewhere goes on writing to the same folder */
	assert_int_equal(audit_where_parse(NULL, "log", &w), COFFER_OK);
	assert_int_equal(strncmp(w.folder, "/dev/shm/", 9) == 0 || strncmp(w.folder, "/tmp/", 5) == 0, 1);
	audit_where_free(&w);
}

/* ---- what is there afterwards ---- */

static void
test_first(void **state)
{
	(void)state;
	audit_kit_run("a/b/log", 1, true);
	assert_int_equal(tmpdir_mode("a/b/log"), 0700);
	assert_int_equal(tmpdir_mode("a/b/log/audit.jsonl"), 0600);
	assert_int_equal(tmpdir_mode("a/b/log/checkpoints.jsonl"), 0600);
	assert_int_equal(tmpdir_mode("a/b/log/checkpoint.key"), 0600);
	assert_int_equal(tmpdir_mode("a/b/log/checkpoint.pub"), 0644);
	assert_whole("a/b/log", 1);
}

/* a run ends with a checkpoint, and has none twice */
static void
test_checkpoints(void **state)
{
	struct audit_log *log = NULL;
	struct audit_mark m;
	struct lines l;

	(void)state;
	for (int i = 0; i < 3; i++)
		audit_kit_run("log", 2, true);
	lines_read(MARKS, &l);
	assert_int_equal(l.n, 4);
	for (size_t i = 0; i < l.n; i++) {
		assert_true(audit_mark_decode(view_str(l.v[i]), &m));
		assert_int_equal(m.seq, 2 * i);
	}
	lines_free(&l);
	assert_int_equal(audit_log_open(NULL, "log", &log), COFFER_OK);
	assert_int_equal(audit_log_close(NULL, &log), COFFER_OK);
	lines_read(MARKS, &l);
	assert_int_equal(l.n, 4);
	lines_free(&l);
}

/* a long run has one every AUDIT_CHECKPOINT_RECORDS, and one after so many minutes */
static void
test_checkpoints_on_the_way(void **state)
{
	struct buf rests = BUF_INIT(1 << 20);
	struct audit_log *log = NULL;
	struct audit_report r;
	struct lines l;

	(void)state;
	assert_int_equal(audit_log_open(NULL, "log", &log), COFFER_OK);
	audit_kit_rests(100, &rests);
	for (int i = 0; i < 11; i++)
		assert_int_equal(audit_log_write(NULL, log, buf_view(&rests)), COFFER_OK);
	assert_int_equal(audit_kit_check(NULL, "log", NULL, &r), COFFER_OK);
	assert_int_equal(r.last, 1100);
	assert_int_equal(r.signed_to, 1000);
	assert_int_equal(audit_log_close(NULL, &log), COFFER_OK);
	buf_free(&rests);

	/* the last checkpoint, as if it were of last year: the next record gets one at once */
	audit_kit_run("other", 1, true);
	lines_read("other/checkpoints.jsonl", &l);
	memcpy(strstr(l.v[1], "eventTime\":\"") + 12, "2001", 4);
	lines_write("other/checkpoints.jsonl", &l);
	lines_free(&l);
	assert_int_equal(audit_log_open(NULL, "other", &log), COFFER_OK);
	audit_kit_rests(1, &rests);
	assert_int_equal(audit_log_write(NULL, log, buf_view(&rests)), COFFER_OK);
	lines_read("other/checkpoints.jsonl", &l);
	assert_int_equal(l.n, 3);
	lines_free(&l);
	buf_free(&rests);
	assert_int_equal(audit_log_close(NULL, &log), COFFER_OK);
}

static void
test_nothing(void **state)
{
	struct audit_log *log = NULL;

	(void)state;
	assert_int_equal(audit_log_open(NULL, "off", &log), COFFER_OK);
	assert_null(log);
	assert_int_equal(audit_log_close(NULL, &log), COFFER_OK);
}

/* ---- what a crash left ---- */

static void
test_torn(void **state)
{
	struct audit_record r;
	struct lines l;
	struct stat st;

	(void)state;
	audit_kit_run("log", 2, true);
	lines_read(LOG, &l);
	lines_insert(&l, 2, "{\"seq\":3,\"prev\":\"0123");
	l.half = true;
	lines_write(LOG, &l);
	lines_free(&l);
	assert_whole("log", 2); /* it was never a record */
	audit_kit_run("log", 1, true);
	lines_read(LOG, &l);
	assert_int_equal(l.n, 4);
	assert_false(l.half);
	assert_int_equal(audit_line_decode(NULL, view_str(l.v[2]), &r), COFFER_OK);
	assert_int_equal(r.event, AUDIT_REPAIR);
	assert_int_equal(r.torn_bytes, 21);
	assert_string_equal(r.torn_file, "torn-00000000000000000003");
	assert_int_equal(stat("log/torn-00000000000000000003", &st), 0);
	assert_int_equal(st.st_size, 21);
	lines_free(&l);
	assert_whole("log", 4);
}

/* longer than what is written in its place */
static void
test_torn_long(void **state)
{
	uint8_t *zeros = calloc(1, 1 << 20);
	int fd;

	(void)state;
	assert_non_null(zeros);
	audit_kit_run("log", 2, true);
	fd = open(LOG, O_WRONLY | O_APPEND | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, zeros, 1 << 20), 1 << 20);
	(void)close(fd);
	free(zeros);
	assert_whole("log", 2);
	audit_kit_run("log", 1, true);
	assert_whole("log", 4);
}

/* A sector in the middle of what was written did not arrive, and those behind it did: whole lines stand there, and count for nothing. */
static void
test_hole(void **state)
{
	static const char zeros[512];
	struct audit_record r;
	struct lines l;
	int fd;

	(void)state;
	audit_kit_run("log", 2, true);
	audit_kit_run("log", 12, false);
	assert_whole("log", 14);
	fd = open(LOG, O_WRONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, zeros, sizeof(zeros), 2048), sizeof(zeros));
	(void)close(fd);
	assert_whole("log", 3);
	audit_kit_run("log", 1, true);
	assert_whole("log", 5);
	lines_read(LOG, &l);
	assert_int_equal(l.n, 5);
	assert_int_equal(audit_line_decode(NULL, view_str(l.v[3]), &r), COFFER_OK);
	assert_int_equal(r.event, AUDIT_REPAIR);
	lines_free(&l);
}

static void
test_torn_checkpoint(void **state)
{
	struct lines l;

	(void)state;
	audit_kit_run("log", 2, true);
	lines_read(MARKS, &l);
	lines_insert(&l, l.n, "{\"checkpoint\":");
	l.half = true;
	lines_write(MARKS, &l);
	lines_free(&l);
	audit_kit_run("log", 1, true);
	assert_whole("log", 3);
	lines_read(MARKS, &l);
	assert_int_equal(l.n, 3);
	lines_free(&l);
}

/* between the renaming of a part and the making of the next */
static void
test_part_without_next(void **state)
{
	struct audit_report r;

	(void)state;
	audit_kit_run("log", 2, true);
	assert_int_equal(rename(LOG, "log/audit-00000000000000000001.jsonl"), 0);
	assert_whole("log", 2);
	audit_kit_run("log", 1, true);
	assert_int_equal(audit_kit_check(NULL, "log", NULL, &r), COFFER_OK);
	assert_int_equal(r.n_parts, 2);
	assert_int_equal(r.last, 3);
}

/* ---- what is refused; nothing is written then ---- */

static coffer_err
try_write(struct fault *f, const char *dir)
{
	struct buf rests = BUF_INIT(1 << 16);
	struct audit_log *log = NULL;
	coffer_err err = audit_log_open(f, dir, &log);

	audit_kit_rests(1, &rests);
	if (err == COFFER_OK)
		err = audit_log_write(f, log, buf_view(&rests));
	assert_int_equal(audit_log_close(NULL, &log), COFFER_OK);
	buf_free(&rests);
	return err;
}

static void
expect(const char *what, coffer_err want, const char *word)
{
	struct fault f = {.text = ""};
	coffer_err err = try_write(&f, "log");

	if (err != want || !strstr(f.text, word))
		fail_msg("%s: %s: %s", what, coffer_err_name(err), f.text);
}

static void
log_is_link(void)
{
	assert_int_equal(rename(LOG, "elsewhere"), 0);
	assert_int_equal(symlink("../elsewhere", LOG), 0);
}

static void
log_is_folder(void)
{
	assert_int_equal(unlink(LOG), 0);
	assert_int_equal(mkdir(LOG, 0700), 0);
}

static void
log_is_open_to_others(void)
{
	assert_int_equal(chmod(LOG, 0622), 0);
}

static void
folder_is_open_to_others(void)
{
	assert_int_equal(chmod("log", 0777), 0);
}

static void
folder_is_file(void)
{
	assert_int_equal(rename("log", "away"), 0);
	tmpdir_file("log", "", 0, 0600);
}

static void
lock_is_link(void)
{
	assert_int_equal(unlink("log/lock"), 0);
	assert_int_equal(symlink("../lock", "log/lock"), 0);
}

static void
key_is_gone(void)
{
	assert_int_equal(unlink("log/checkpoint.key"), 0);
	assert_int_equal(rename(MARKS, "marks"), 0);
	assert_int_equal(rename("marks", MARKS), 0);
}

static void
end_is_nonsense(void)
{
	struct lines l;

	lines_read(LOG, &l);
	lines_insert(&l, l.n, "nonsense");
	lines_write(LOG, &l);
	lines_free(&l);
}

static void
marks_are_nonsense(void)
{
	tmpdir_file(MARKS, "nonsense\n", 9, 0600);
}

static const struct {
	const char *what;
	void (*hurt)(void);
	coffer_err want;
	const char *word;
} obstacles[] = {
	{"the log is a link", log_is_link, COFFER_E_PERM, "symbolic link"},
	{"the log is a folder", log_is_folder, COFFER_E_IO, "cannot open"},
	{"others may write the log", log_is_open_to_others, COFFER_E_PERM, "chmod"},
	{"others may write the folder", folder_is_open_to_others, COFFER_E_PERM, "chmod"},
	{"the folder is a file", folder_is_file, COFFER_E_IO, "folder"},
	{"the lock is a link", lock_is_link, COFFER_E_PERM, "symbolic link"},
	{"the log ends with something else", end_is_nonsense, COFFER_E_FORMAT, "audit verify"},
	{"the checkpoints end with something else", marks_are_nonsense, COFFER_E_FORMAT, "audit verify"},
};

static void
test_obstacles(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(obstacles) / sizeof(obstacles[0]); i++) {
		audit_kit_run("log", 2, true);
		obstacles[i].hurt();
		expect(obstacles[i].what, obstacles[i].want, obstacles[i].word);
		(void)chmod("log", 0700);
		(void)nftw("log", tmpdir_remove_one, 8, FTW_DEPTH | FTW_PHYS);
		(void)nftw("away", tmpdir_remove_one, 8, FTW_DEPTH | FTW_PHYS);
	}
}

/* The key of the checkpoints does not come anew beside checkpoints that it did not sign. */
static void
test_key_gone(void **state)
{
	struct buf rests = BUF_INIT(1 << 16);
	struct audit_log *log = NULL;
	struct fault f = {.text = ""};

	(void)state;
	audit_kit_run("log", 2, true);
	key_is_gone();
	assert_int_equal(audit_log_open(&f, "log", &log), COFFER_OK);
	audit_kit_rests(1, &rests);
	assert_int_equal(audit_log_write(&f, log, buf_view(&rests)), COFFER_OK); /* no checkpoint is due yet */
	assert_int_equal(audit_log_close(&f, &log), COFFER_E_KEY);
	assert_non_null(strstr(f.text, "put it back"));
	assert_null(log);
	buf_free(&rests);
	tmpdir_file("log/checkpoint.key", "x", 1, 0644);
	assert_int_equal(audit_log_open(&f, "log", &log), COFFER_OK);
	audit_kit_rests(1, &rests);
	assert_int_equal(audit_log_write(&f, log, buf_view(&rests)), COFFER_OK);
	assert_int_equal(audit_log_close(&f, &log), COFFER_E_PERM);
	buf_free(&rests);
}

/* No room: the record is not there, what was there is whole, and the next one fits again. */
static void
test_no_room(void **state)
{
	const struct rlimit old = {RLIM_INFINITY, RLIM_INFINITY};
	struct rlimit small = {4000, RLIM_INFINITY};
	struct fault f = {.text = ""};
	struct stat st;

	(void)state;
	audit_kit_run("log", 3, true);
	assert_int_equal(stat(LOG, &st), 0);
	(void)signal(SIGXFSZ, SIG_IGN);
	small.rlim_cur = (rlim_t)st.st_size + 100;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	assert_int_equal(try_write(&f, "log"), COFFER_E_SPACE);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	assert_whole("log", 3);
	audit_kit_run("log", 1, true);
	assert_whole("log", 4); /* with no repair: nothing was torn */
}

static void
test_foreign_owner(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();
	audit_kit_run("log", 2, true);
	assert_int_equal(chown("log", 0, 0), 0);
	assert_int_equal(chown(LOG, 12345, 12345), 0);
	expect("another's log", COFFER_E_PERM, "another user");
	assert_int_equal(chown(LOG, 0, 0), 0);
	assert_int_equal(chown("log", 12345, 12345), 0);
	expect("another's folder", COFFER_E_PERM, "another user");
}

/* ---- many at once ---- */

enum { THREADS = 8, EACH = 25 };

static void *
write_some(void *arg)
{
	struct audit_log *log = NULL;
	struct buf rests = BUF_INIT(1 << 16);

	(void)arg;
	audit_kit_rests(1, &rests);
	if (audit_log_open(NULL, "log", &log) != COFFER_OK)
		return NULL;
	for (int i = 0; i < EACH; i++)
		if (audit_log_write(NULL, log, buf_view(&rests)) != COFFER_OK)
			return NULL;
	buf_free(&rests);
	return audit_log_close(NULL, &log) == COFFER_OK ? &write_some : NULL;
}

static void
run_threads(void)
{
	pthread_t threads[THREADS];
	void *done;

	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, write_some, NULL), 0);
	for (int i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_join(threads[i], &done), 0);
		assert_non_null(done);
	}
}

static void
test_threads(void **state)
{
	(void)state;
	run_threads();
	assert_whole("log", THREADS * EACH);
}

/* two processes, 200 records each, in parts */
static void
test_processes(void **state)
{
	pid_t children[2];
	int status;

	(void)state;
	(void)setenv("COFFER_AUDIT_PART_SIZE", "30000", 1);
	for (int i = 0; i < 2; i++) {
		children[i] = fork();
		if (children[i] == 0) {
			run_threads();
			_exit(0);
		}
	}
	for (int i = 0; i < 2; i++) {
		assert_int_equal(waitpid(children[i], &status, 0), children[i]);
		assert_int_equal(status, 0);
	}
	(void)unsetenv("COFFER_AUDIT_PART_SIZE");
	assert_whole("log", 2 * THREADS * EACH);
}

/* killed at any moment: what is there is whole, and the next one goes on */
static void
test_killed(void **state)
{
	struct audit_report r;
	uint64_t last = 0;

	(void)state;
	(void)setenv("COFFER_AUDIT_PART_SIZE", "20000", 1);
	for (useconds_t after = 500; after < 40000; after += 1500) {
		pid_t child = fork();
		int status;

		if (child == 0) {
			run_threads();
			_exit(0);
		}
		(void)usleep(after);
		(void)kill(child, SIGKILL);
		assert_int_equal(waitpid(child, &status, 0), child);
		if (audit_kit_check(NULL, "log", NULL, &r) == COFFER_E_NOTFOUND)
			continue;
		audit_kit_run("log", 1, true);
		assert_int_equal(audit_kit_check(NULL, "log", NULL, &r), COFFER_OK);
		assert_true(r.last > last);
		last = r.last;
	}
	(void)unsetenv("COFFER_AUDIT_PART_SIZE");
	assert_true(last > 0);
}

static void
test_busy(void **state)
{
	struct audit_folder one = AUDIT_FOLDER_INIT, two = AUDIT_FOLDER_INIT;

	(void)state;
	/* readers do not shut each other out, and see no half of a writer's work */
	assert_int_equal(audit_folder_open(NULL, "log", AUDIT_TO_WRITE, &one), COFFER_OK);
	assert_int_equal(flock(one.lock, LOCK_EX | LOCK_NB), 0);
	assert_int_equal(openat(one.fd, "lock", O_RDONLY | O_CLOEXEC) >= 0, 1);
	audit_folder_close(&one);
	assert_int_equal(audit_folder_open(NULL, "log", AUDIT_TO_READ, &one), COFFER_OK);
	assert_int_equal(audit_folder_open(NULL, "log", AUDIT_TO_READ, &two), COFFER_OK);
	assert_true(one.lock >= 0 && two.lock >= 0);
	audit_folder_close(&one);
	audit_folder_close(&two);
}

/* ---- the system's log ---- */

static int
listen_at(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	const struct timeval patience = {.tv_sec = 5};
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)), 0);
	return fd;
}

static void
receive(int fd, char out[static 8192])
{
	ssize_t n = recv(fd, out, 8191, 0);

	assert_true(n > 0);
	out[n] = '\0';
}

static void
test_syslog(void **state)
{
	char got[8192], *text;
	struct audit_record r;
	struct audit_mark m;
	struct lines l;
	int fd = listen_at("syslog");

	(void)state;
	(void)setenv("COFFER_SYSLOG_SOCKET", "syslog", 1);
	audit_kit_run("log,syslog:", 2, true);
	/* the checkpoint of the new log, two records, the checkpoint at the end: as they are in the folder */
	receive(fd, got);
	text = strstr(got, ": {");
	assert_true(strncmp(got, "<85>", 4) == 0 && text);
	assert_true(audit_mark_decode(view_str(text + 2), &m));
	assert_int_equal(m.seq, 0);
	lines_read(LOG, &l);
	for (size_t i = 0; i < 2; i++) {
		receive(fd, got);
		text = strstr(got, ": {");
		assert_non_null(text);
		assert_string_equal(text + 2, l.v[i]);
	}
	lines_free(&l);
	receive(fd, got);
	assert_true(audit_mark_decode(view_str(strstr(got, ": {") + 2), &m));
	assert_int_equal(m.seq, 2);

	/* alone: a chain of this process's own */
	audit_kit_run("syslog:", 2, true);
	receive(fd, got);
	assert_int_equal(audit_line_decode(NULL, view_str(strstr(got, ": {") + 2), &r), COFFER_OK);
	assert_int_equal(r.place.seq, 1);
	receive(fd, got);
	assert_int_equal(audit_line_decode(NULL, view_str(strstr(got, ": {") + 2), &r), COFFER_OK);
	assert_int_equal(r.place.seq, 2);
	(void)close(fd);
	(void)unsetenv("COFFER_SYSLOG_SOCKET");
}

static void
test_journald(void **state)
{
	char got[8192];
	int fd = listen_at("journal");

	(void)state;
	(void)setenv("COFFER_JOURNAL_SOCKET", "journal", 1);
	audit_kit_run("journald:", 1, true);
	receive(fd, got);
	assert_non_null(strstr(got, "COFFER_EVENT=Unwrap\nCOFFER_SEQ=1\n"));
	assert_non_null(strstr(got, "\nPRIORITY=5\nSYSLOG_FACILITY=10\nSYSLOG_IDENTIFIER=coffer\nMESSAGE={\"seq\":1,"));
	assert_int_equal(got[strlen(got) - 1], '\n');
	(void)close(fd);
	(void)unsetenv("COFFER_JOURNAL_SOCKET");
}

/* nobody is there, or takes nothing any more: an error, and not silence */
static void
test_no_system_log(void **state)
{
	struct fault f = {.text = ""};
	int fd;

	(void)state;
	(void)setenv("COFFER_SYSLOG_SOCKET", "nobody", 1);
	(void)setenv("COFFER_JOURNAL_SOCKET", "nobody", 1);
	assert_int_equal(try_write(&f, "log,syslog:"), COFFER_E_NOTFOUND);
	assert_non_null(strstr(f.text, "cannot reach syslog"));
	assert_int_equal(try_write(&f, "journald:"), COFFER_E_NOTFOUND);
	assert_non_null(strstr(f.text, "cannot reach journald"));
	assert_int_equal(access("log", F_OK), -1);
	fd = listen_at("gone");
	(void)close(fd);
	(void)setenv("COFFER_SYSLOG_SOCKET", "gone", 1);
	assert_int_equal(try_write(&f, "syslog:"), COFFER_E_IO);
	(void)unsetenv("COFFER_SYSLOG_SOCKET");
	(void)unsetenv("COFFER_JOURNAL_SOCKET");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, tmpdir_setup_fast, tmpdir_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_where),
		TEST(test_where_default),
		TEST(test_first),
		TEST(test_checkpoints),
		TEST(test_checkpoints_on_the_way),
		TEST(test_nothing),
		TEST(test_torn),
		TEST(test_torn_long),
		TEST(test_hole),
		TEST(test_torn_checkpoint),
		TEST(test_part_without_next),
		TEST(test_obstacles),
		TEST(test_key_gone),
		TEST(test_no_room),
		TEST(test_foreign_owner),
		TEST(test_threads),
		TEST(test_processes),
		TEST(test_killed),
		TEST(test_busy),
		TEST(test_syslog),
		TEST(test_journald),
		TEST(test_no_system_log),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
