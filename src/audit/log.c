/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/log.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "audit/append.h"
#include "audit/copy.h"
#include "base/file.h"
#include "base/home.h"
#include "crypto/rand.h"

#define WAITING_MAX ((size_t)1 << 30) /* bytes */

/* struct waiting - what one thread wants to have written; on its stack */
struct waiting {
	struct waiting *next;
	struct view rests;
	bool done;
	struct fault fault;
};

struct audit_log {
	struct audit_log *next; /* under logs_lock, as are: */
	unsigned int n_users;

	struct audit_where where;

	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct waiting *first, **last; /* in order */
	bool writing;		       /* one thread writes for all */

	/* of who writes */
	bool wrote;
	struct audit_place next_place; /* of a log that is in no file */
};

/* Contexts that write to the same place share a log, and so the wait for the disk. */
static pthread_mutex_t logs_lock = PTHREAD_MUTEX_INITIALIZER;
static struct audit_log *logs;

/* ---- where ---- */

/* The program may go to another folder meanwhile. */
static coffer_err
take_folder(struct fault *f, struct view place, char **out)
{
	bool absolute = place.p[0] == '/';
	char *cwd = absolute ? strdup("") : getcwd(NULL, 0);
	int rc = cwd ? asprintf(out, "%s%s%.*s", cwd, absolute ? "" : "/", (int)place.len, (const char *)place.p) : -1;

	free(cwd);
	if (rc >= 0)
		return COFFER_OK;
	*out = NULL;
	return fault_nomem(f);
}

/* What somebody writes who does not mean a folder of the current one: that would be another log for each folder. */
static bool
looks_like_word(struct view place)
{
	static const char *const words[] = {"syslog", "journald", "journal", "off", "none"};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (place.len == strlen(words[i]) && strncasecmp((const char *)place.p, words[i], place.len) == 0)
			return true;
	return place.len > 0 && place.p[place.len - 1] == ':';
}

static coffer_err
add_place(struct fault *f, struct audit_where *w, struct view place)
{
	if (view_is(place, "syslog:")) {
		w->syslog = true;
		return COFFER_OK;
	}
	if (view_is(place, "journald:")) {
		w->journald = true;
		return COFFER_OK;
	}
	if (place.len == 0 || view_is(place, "off"))
		return fault_set(f, COFFER_E_USAGE,
				 "where the audit log goes is a folder, syslog:, journald:, several of them with "
				 "commas between, or off alone");
	if (looks_like_word(place))
		return fault_set(
			f, COFFER_E_USAGE,
			"COFFER_AUDIT has «%.*s»: it takes syslog:, journald:, off, or a folder, which would be ./%.*s",
			(int)place.len, (const char *)place.p, (int)place.len, (const char *)place.p);
	if (w->folder)
		return fault_set(f, COFFER_E_USAGE, "the audit log goes to one folder, and %s and %.*s were given",
				 w->folder, (int)place.len, (const char *)place.p);
	return take_folder(f, place, &w->folder);
}

static coffer_err
parse_list(struct fault *f, const char *list, struct audit_where *w)
{
	coffer_err err;

	for (;;) {
		size_t len = strcspn(list, ",");

		TRY(add_place(f, w, view_of(list, len)));
		if (list[len] == '\0')
			break;
		list += len + 1;
	}
out:
	return err;
}

static coffer_err
default_folder(struct fault *f, char **out)
{
	coffer_err err = home_path(f, HOME_STATE, "audit", out);

	if (err == COFFER_E_NOTFOUND)
		return fault_set(f, err,
				 "there is no place for the audit log, for HOME is not set; COFFER_AUDIT=FOLDER says "
				 "one, COFFER_AUDIT=off does without");
	return err;
}

coffer_err
audit_where_parse(struct fault *f, const char *where, struct audit_where *out)
{
	coffer_err err = COFFER_OK;

	*out = (struct audit_where){.folder = NULL};
	if (!where)
		where = home_setting("COFFER_AUDIT");
	if (!where)
		return default_folder(f, &out->folder);
	if (strcmp(where, "off") != 0)
		err = parse_list(f, where, out);
	if (err)
		audit_where_free(out);
	return err;
}

void
audit_where_free(struct audit_where *where)
{
	free(where->folder);
	*where = (struct audit_where){.folder = NULL};
}

/* ---- copies ---- */

struct copies {
	int syslog, journald;
};

static coffer_err
open_copies(struct fault *f, const struct audit_where *where, struct copies *out)
{
	coffer_err err = COFFER_OK;

	*out = (struct copies){-1, -1};
	if (where->syslog)
		TRY(audit_copy_open(f, AUDIT_SYSLOG, &out->syslog));
	if (where->journald)
		TRY(audit_copy_open(f, AUDIT_JOURNALD, &out->journald));
out:
	return err;
}

static void
close_copies(struct copies *c)
{
	file_close(&c->syslog);
	file_close(&c->journald);
}

static coffer_err
send_copies(void *arg, struct fault *f, struct view line)
{
	const struct copies *c = arg;
	coffer_err err = COFFER_OK;

	if (c->syslog >= 0)
		TRY(audit_copy_send(f, AUDIT_SYSLOG, c->syslog, line));
	if (c->journald >= 0)
		TRY(audit_copy_send(f, AUDIT_JOURNALD, c->journald, line));
out:
	return err;
}

/* ---- writing ---- */

static coffer_err
begin_chain(struct fault *f, struct audit_place *next)
{
	coffer_err err;

	next->seq = 1;
	TRY(rand_bytes(f, next->log, sizeof(next->log)));
	TRY(audit_origin(f, next->log, next->prev));
out:
	return err;
}

/* A log that is in no file: its chain is that of this process, under an id of its own. */
static coffer_err
send_rests(struct fault *f, struct audit_log *log, struct copies *c, struct view rests)
{
	struct buf line = BUF_INIT(2 * LIMIT_AUDIT_LINE);
	struct view rest, text;
	coffer_err err = COFFER_OK;

	if (log->next_place.seq == 0)
		TRY(begin_chain(f, &log->next_place));
	while (rests.len > 0) {
		const uint8_t *feed = memchr(rests.p, '\n', rests.len);

		if (!feed || !view_take(&rests, (size_t)(feed - rests.p) + 1, &rest))
			break;
		line.len = 0;
		TRY(audit_line_begin(f, &log->next_place, &line));
		TRY(buf_add(f, &line, rest.p, rest.len));
		text = view_of(line.p, line.len - 1);
		TRY(sha256(f, text, log->next_place.prev));
		log->next_place.seq++;
		TRY(send_copies(c, f, text));
	}
out:
	buf_free(&line);
	return err;
}

static coffer_err
write_rests(struct fault *f, struct audit_log *log, struct view rests)
{
	struct audit_folder folder = AUDIT_FOLDER_INIT;
	struct copies copies;
	coffer_err err;

	TRY(open_copies(f, &log->where, &copies));
	if (log->where.folder) {
		TRY(audit_folder_open(f, log->where.folder, AUDIT_TO_WRITE, &folder));
		TRY(audit_append(f, &folder, rests, send_copies, &copies));
	} else {
		TRY(send_rests(f, log, &copies, rests));
	}
	log->wrote = true;
out:
	audit_folder_close(&folder);
	close_copies(&copies);
	return err;
}

/* All that wait, in one piece. */
static void
write_all(struct audit_log *log, struct waiting *list)
{
	struct buf rests = BUF_INIT(WAITING_MAX);
	struct fault f = {.err = COFFER_OK};
	coffer_err err = COFFER_OK;

	for (struct waiting *w = list; w && !err; w = w->next)
		err = buf_add(&f, &rests, w->rests.p, w->rests.len);
	if (!err)
		err = write_rests(&f, log, buf_view(&rests));
	f.err = err;
	for (struct waiting *w = list; w; w = w->next)
		w->fault = f;
	buf_free(&rests);
}

coffer_err
audit_log_write(struct fault *f, struct audit_log *log, struct view rests)
{
	struct waiting me = {.rests = rests};

	if (rests.len == 0)
		return COFFER_OK;
	pthread_mutex_lock(&log->lock);
	*log->last = &me;
	log->last = &me.next;
	while (!me.done && log->writing)
		pthread_cond_wait(&log->changed, &log->lock);
	if (!me.done) {
		struct waiting *list = log->first, *next;

		log->first = NULL;
		log->last = &log->first;
		log->writing = true;
		pthread_mutex_unlock(&log->lock);
		write_all(log, list);
		pthread_mutex_lock(&log->lock);
		log->writing = false;
		for (; list; list = next) {
			next = list->next; /* what is done may be gone */
			list->done = true;
		}
		pthread_cond_broadcast(&log->changed);
	}
	pthread_mutex_unlock(&log->lock);
	return me.fault.err == COFFER_OK ? COFFER_OK : fault_set(f, me.fault.err, "%s", me.fault.text);
}

/* ---- opening and closing ---- */

static void
free_log(struct audit_log *log)
{
	pthread_mutex_destroy(&log->lock);
	pthread_cond_destroy(&log->changed);
	audit_where_free(&log->where);
	free(log);
}

/* Whether it could be written to, before anybody counts on it. */
static coffer_err
check_ready(struct fault *f, const struct audit_where *where)
{
	struct audit_folder folder = AUDIT_FOLDER_INIT;
	struct copies copies;
	coffer_err err;

	TRY(open_copies(f, where, &copies));
	if (where->folder) {
		TRY(audit_folder_open(f, where->folder, AUDIT_TO_WRITE, &folder));
		TRY(audit_append_ready(f, &folder, send_copies, &copies));
	}
out:
	audit_folder_close(&folder);
	close_copies(&copies);
	return err;
}

static coffer_err
new_log(struct fault *f, struct audit_where *where, struct audit_log **out)
{
	struct audit_log *log = calloc(1, sizeof(*log));
	coffer_err err = COFFER_OK;

	if (!log)
		return fault_nomem(f);
	pthread_mutex_init(&log->lock, NULL);
	pthread_cond_init(&log->changed, NULL);
	log->last = &log->first;
	log->where = *where;
	*where = (struct audit_where){.folder = NULL};
	TRY(check_ready(f, &log->where));
	*out = log;
	log = NULL;
out:
	if (log)
		free_log(log);
	return err;
}

static bool
is_same(const struct audit_where *a, const struct audit_where *b)
{
	return a->syslog == b->syslog && a->journald == b->journald && !a->folder == !b->folder &&
	       (!a->folder || strcmp(a->folder, b->folder) == 0);
}

coffer_err
audit_log_open(struct fault *f, const char *where, struct audit_log **out)
{
	struct audit_where parsed;
	struct audit_log *log;
	coffer_err err;

	*out = NULL;
	TRY(audit_where_parse(f, where, &parsed));
	if (!parsed.folder && !parsed.syslog && !parsed.journald)
		return COFFER_OK;
	pthread_mutex_lock(&logs_lock);
	for (log = logs; log && !is_same(&log->where, &parsed); log = log->next)
		;
	if (!log) {
		err = new_log(f, &parsed, &log);
		if (err == COFFER_OK) {
			log->next = logs;
			logs = log;
		}
	}
	if (log) {
		log->n_users++;
		*out = log;
	}
	pthread_mutex_unlock(&logs_lock);
	audit_where_free(&parsed);
out:
	return err;
}

static coffer_err
last_checkpoint(struct fault *f, struct audit_log *log)
{
	struct audit_folder folder = AUDIT_FOLDER_INIT;
	struct copies copies;
	coffer_err err;

	TRY(open_copies(f, &log->where, &copies));
	TRY(audit_folder_open(f, log->where.folder, AUDIT_TO_WRITE, &folder));
	TRY(audit_append_checkpoint(f, &folder, send_copies, &copies));
out:
	audit_folder_close(&folder);
	close_copies(&copies);
	return err;
}

coffer_err
audit_log_close(struct fault *f, struct audit_log **log)
{
	struct audit_log *l = *log;
	coffer_err err = COFFER_OK;
	bool is_last;

	*log = NULL;
	if (!l)
		return COFFER_OK;
	pthread_mutex_lock(&logs_lock);
	is_last = --l->n_users == 0;
	for (struct audit_log **at = &logs; is_last && *at; at = &(*at)->next) {
		if (*at == l) {
			*at = l->next;
			break;
		}
	}
	pthread_mutex_unlock(&logs_lock);
	if (!is_last)
		return COFFER_OK;
	if (l->wrote && l->where.folder)
		err = last_checkpoint(f, l);
	free_log(l);
	return err;
}
