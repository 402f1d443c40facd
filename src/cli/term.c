/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/term.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/limits.h"
#include "cli/args.h"
#include "cli/interrupt.h"

#define LINE_LEN 1024
#define ERASE_LINE "\r\033[K"
#define N_TRIES 3

/* ---- sentences ---- */

const char *
term_clean(const char *text, char *out, size_t cap)
{
	const unsigned char *p = (const unsigned char *)text;
	size_t n = 0;

	while (*p && n + 1 < cap) {
		/* C0, DEL, and C1 as UTF-8 has it */
		bool c1 = p[0] == 0xc2 && p[1] >= 0x80 && p[1] < 0xa0;

		out[n++] = *p < 0x20 || *p == 0x7f || c1 ? '?' : (char)*p;
		p += c1 ? 2 : 1;
	}
	out[n] = '\0';
	return out;
}

static bool bar_is_drawn;

static void
print(const char *before, const char *text, const char *after)
{
	char clean[LINE_LEN];

	term_progress_end();
	(void)fprintf(stderr, "%s%s%s\n", before, term_clean(text, clean, sizeof(clean)), after);
	(void)fflush(stderr);
}

void
term_say(const char *fmt, ...)
{
	char text[LINE_LEN];
	va_list ap;

	if (common.quiet)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	print("", text, "");
}

void
term_warn(const char *fmt, ...)
{
	char text[LINE_LEN];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	print("coffer: ", text, "");
}

void
term_error(const struct fault *f)
{
	char name[64];

	(void)snprintf(name, sizeof(name), " [%s]", coffer_err_name(f->err));
	print("coffer: ", f->text[0] ? f->text : coffer_err_text(f->err), name);
}

void
term_notice(void *user, const char *text)
{
	(void)user;
	if (strncmp(text, "warning: ", 9) == 0)
		print("", text, ""); /* of what is weak: no success, so --quiet does not hide it */
	else
		term_say("%s", text);
}

/* ---- amounts ---- */

const char *
term_bytes(uint64_t bytes, char out[static TERM_AMOUNT_LEN])
{
	static const char *const units[] = {"KiB", "MiB", "GiB", "TiB", "PiB"};
	double v = (double)bytes / 1024;
	size_t unit = 0;

	if (bytes < 1024) {
		(void)snprintf(out, TERM_AMOUNT_LEN, "%u byte%s", (unsigned int)bytes, bytes == 1 ? "" : "s");
		return out;
	}
	/* 1023.96 would be shown as «1024.0» */
	while (v >= 1023.95 && unit + 1 < sizeof(units) / sizeof(units[0])) {
		v /= 1024;
		unit++;
	}
	(void)snprintf(out, TERM_AMOUNT_LEN, "%.1f %s", v, units[unit]);
	return out;
}

const char *
term_rate(uint64_t bytes, double seconds, char out[static TERM_AMOUNT_LEN])
{
	char amount[TERM_AMOUNT_LEN];

	out[0] = '\0';
	/* the speed of a blink says nothing */
	if (bytes >= (1u << 20) && seconds > 0.0001)
		(void)snprintf(out, TERM_AMOUNT_LEN, "%.28s/s",
			       term_bytes((uint64_t)((double)bytes / seconds), amount));
	return out;
}

const char *
term_seconds(double seconds, char out[static TERM_AMOUNT_LEN])
{
	unsigned long long whole = (unsigned long long)(seconds + 0.5);

	if (seconds < 9.995)
		(void)snprintf(out, TERM_AMOUNT_LEN, "%.2f s", seconds);
	else if (whole < 60)
		(void)snprintf(out, TERM_AMOUNT_LEN, "%llu s", whole);
	else if (whole < 3600)
		(void)snprintf(out, TERM_AMOUNT_LEN, "%llu min %llu s", whole / 60, whole % 60);
	else
		(void)snprintf(out, TERM_AMOUNT_LEN, "%llu h %llu min", whole / 3600, whole / 60 % 60);
	return out;
}

double
term_now(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* ---- the progress bar ---- */

static struct {
	bool begun;
	double begin;	/* of the first report */
	double drawn;	/* when it was drawn last */
	uint64_t first; /* bytes done at the first report: an interrupted run goes on in the middle */
} bar;

bool
term_is_fancy(void)
{
	const char *term = getenv("TERM");

	return !common.quiet && isatty(STDERR_FILENO) && term && *term && strcmp(term, "dumb") != 0;
}

static size_t
columns(void)
{
	struct winsize size;

	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col >= 20)
		return size.ws_col;
	return 80;
}

/* The longest beginning of @text that surely fits @cols columns; characters outside ASCII may take two. */
static size_t
fitting(const char *text, size_t cols)
{
	size_t used = 0, i = 0;

	while (text[i]) {
		size_t n = 1, wide = (unsigned char)text[i] < 0x80 ? 1 : 2;

		while ((text[i + n] & 0xc0) == 0x80)
			n++;
		if (used + wide > cols)
			break;
		used += wide;
		i += n;
	}
	return i;
}

/* whole seconds: the second digit of a guess is noise */
static void
write_time_left(double seconds, char out[static TERM_AMOUNT_LEN])
{
	if (seconds < 60)
		(void)snprintf(out, TERM_AMOUNT_LEN, "%u s", (unsigned int)seconds + 1);
	else
		(void)term_seconds(seconds, out);
}

static void
draw_line(const char *line)
{
	(void)fprintf(stderr, ERASE_LINE "%.*s", (int)fitting(line, columns() - 1), line);
	(void)fflush(stderr);
	bar_is_drawn = true;
}

/* «31 of 1000  models/llama» */
static void
draw_count(const char *path, uint64_t done, uint64_t total)
{
	char line[LINE_LEN], clean[LINE_LEN / 2];

	(void)snprintf(line, sizeof(line), "%llu of %llu  %s", (unsigned long long)done, (unsigned long long)total,
		       path ? term_clean(path, clean, sizeof(clean)) : "");
	draw_line(line);
}

static void
draw(const char *path, uint64_t done, uint64_t total, double elapsed)
{
	char so_far[TERM_AMOUNT_LEN], all[TERM_AMOUNT_LEN], rate[TERM_AMOUNT_LEN], left[TERM_AMOUNT_LEN] = "";
	char line[LINE_LEN], clean[LINE_LEN / 2];
	uint64_t since = done - bar.first;
	unsigned int percent = total ? (unsigned int)((double)done / (double)total * 100) : 100;

	if (since > 0 && done < total)
		write_time_left((double)(total - done) / ((double)since / elapsed), left);
	(void)snprintf(line, sizeof(line), "%3u %%  %s of %s  %s%s%s%s  %s", percent, term_bytes(done, so_far),
		       term_bytes(total, all), term_rate(since, elapsed, rate), *left ? ", " : "", left,
		       *left ? " left" : "", path ? term_clean(path, clean, sizeof(clean)) : "");
	draw_line(line);
}

/* Whether it is time to draw. */
static bool
is_due(uint64_t done, uint64_t total, double now)
{
	if (!bar.begun) {
		bar.begun = true;
		bar.begin = bar.drawn = now;
		bar.first = done;
	}
	/* what takes a moment needs no bar, and ten times a second is enough */
	if (now - bar.begin < 0.3 || now - bar.drawn < 0.1 || done < bar.first || done > total)
		return false;
	bar.drawn = now;
	return true;
}

void
term_progress(void *user, const char *path, uint64_t done, uint64_t total)
{
	double now = term_now();

	(void)user;
	if (is_due(done, total, now))
		draw(path, done, total, now - bar.begin);
}

void
term_progress_count(void *user, const char *path, uint64_t done, uint64_t total)
{
	(void)user;
	if (is_due(done, total, term_now()))
		draw_count(path, done, total);
}

void
term_progress_end(void)
{
	if (bar_is_drawn)
		(void)fputs(ERASE_LINE, stderr);
	bar_is_drawn = false;
}

/* ---- questions ---- */

static void
put(int tty, const char *text)
{
	/* a terminal that does not take a question will not give an answer either */
	if (write(tty, text, strlen(text)) < 0)
		return;
}

static coffer_err
read_line(struct fault *f, int tty, char *out, size_t cap, size_t *len_out)
{
	size_t len = 0;

	for (;;) {
		char c;
		ssize_t n = read(tty, &c, 1);

		if (interrupt_seen())
			return fault_set(f, COFFER_E_INTERRUPTED, "interrupted while asking");
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return fault_set(f, COFFER_E_KEY, "the terminal gave no answer");
		if (c == '\n' || c == '\r')
			break;
		if (len == cap)
			return fault_set(f, COFFER_E_KEY, "the answer is longer than %zu bytes", cap);
		out[len++] = c;
	}
	*len_out = len;
	return COFFER_OK;
}

/* Ask once.  ^Z waits until the echo is back, or the shell would be left without. */
static coffer_err
ask(struct fault *f, int tty, const char *what, const char *again, char *out, size_t cap, size_t *len_out)
{
	struct termios old, hidden;
	sigset_t stop, mask;
	coffer_err err;
	char clean[256];

	if (tcgetattr(tty, &old) != 0)
		return fault_set(f, COFFER_E_KEY, "/dev/tty is no terminal");
	hidden = old;
	hidden.c_lflag &= ~(tcflag_t)ECHO;
	(void)sigemptyset(&stop);
	(void)sigaddset(&stop, SIGTSTP);
	(void)pthread_sigmask(SIG_BLOCK, &stop, &mask);
	(void)tcsetattr(tty, TCSAFLUSH, &hidden);
	put(tty, term_clean(what, clean, sizeof(clean)));
	put(tty, again);
	put(tty, ": ");
	err = read_line(f, tty, out, cap, len_out);
	put(tty, "\n");
	(void)tcsetattr(tty, TCSAFLUSH, &old);
	(void)pthread_sigmask(SIG_SETMASK, &mask, NULL);
	return err;
}

static bool
is_same(const char *a, const char *b, size_t len)
{
	unsigned char differ = 0;

	for (size_t i = 0; i < len; i++)
		differ |= (unsigned char)(a[i] ^ b[i]);
	return differ == 0;
}

static coffer_err
ask_twice(struct fault *f, int tty, const char *what, char *out, size_t cap, size_t *len_out)
{
	char again[LIMIT_PASSPHRASE];
	size_t again_len = 0;
	coffer_err err = COFFER_OK;

	for (int i = 0; i < N_TRIES; i++) {
		TRY(ask(f, tty, what, "", out, cap, len_out));
		TRY(ask(f, tty, what, ", again", again, sizeof(again), &again_len));
		if (again_len == *len_out && is_same(again, out, again_len))
			goto out;
		put(tty, "They differ.\n");
	}
	err = fault_set(f, COFFER_E_KEY, "the answers differed %d times", N_TRIES);
out:
	explicit_bzero(again, sizeof(again));
	return err;
}

/* Where no terminal is, what is asked for comes in another way; which one depends on what it is. */
static coffer_err
refuse_unasked(struct fault *f, const char *what)
{
	char clean[256];

	(void)term_clean(what, clean, sizeof(clean));
	if (strncmp(what, "code ", 5) == 0)
		return fault_set(f, COFFER_E_KEY,
				 "there is no terminal to ask for the %s; --device signs in without one, and "
				 "--identity-token env:NAME takes a token that is there already",
				 clean);
	if (strstr(what, "token «"))
		return fault_set(f, COFFER_E_KEY,
				 "there is no terminal to ask for the PIN; pin-source=file:PATH in the PKCS#11 URI "
				 "reads it from a file");
	return fault_set(f, COFFER_E_KEY,
			 "there is no terminal to ask for the %s; passphrase:file=PATH or passphrase:fd=N read that of "
			 "a model from elsewhere, --passphrase-file FILE that of a private key",
			 clean);
}

coffer_err
term_prompt(void *user, const char *what, bool confirm, char *out, size_t cap, size_t *len_out)
{
	struct fault *f = user;
	int tty = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
	coffer_err err;

	*len_out = 0;
	if (tty < 0)
		return refuse_unasked(f, what);
	term_progress_end();
	if (confirm)
		err = ask_twice(f, tty, what, out, cap, len_out);
	else
		err = ask(f, tty, what, "", out, cap, len_out);
	file_close(&tty);
	return err;
}

bool
term_confirm(const char *question)
{
	char clean[512], answer[16] = "";

	if (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO))
		return true;
	(void)fprintf(stderr, "%s [y/N] ", term_clean(question, clean, sizeof(clean)));
	(void)fflush(stderr);
	if (!fgets(answer, sizeof(answer), stdin))
		return false;
	return answer[0] == 'y' || answer[0] == 'Y';
}
