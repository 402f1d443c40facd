/* SPDX-License-Identifier: Apache-2.0 */
#include "net/handle.h"

#include <pthread.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* the last one given is the first one taken: its connections are the youngest */
struct idle {
	struct handle handles[HANDLE_KEPT];
	size_t n;
	pid_t pid;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct idle idle;
static struct idle inherited;

static void
leave_to_the_parent(void)
{
	if (idle.pid == getpid())
		return;
	inherited = idle;
	idle = (struct idle){.pid = getpid()};
}

static struct handle_trust
trust_in(const char *ca_file)
{
	struct stat st;

	if (!ca_file || stat(ca_file, &st) != 0)
		return (struct handle_trust){0};
	return (struct handle_trust){.dev = st.st_dev, .ino = st.st_ino, .size = st.st_size, .changed = st.st_ctim};
}

static bool
is_same_trust(const struct handle_trust *a, const struct handle_trust *b)
{
	return a->dev == b->dev && a->ino == b->ino && a->size == b->size && a->changed.tv_sec == b->changed.tv_sec &&
	       a->changed.tv_nsec == b->changed.tv_nsec;
}

static CURL *
take_idle(const struct handle_trust *trust)
{
	CURL *easy = NULL;

	(void)pthread_mutex_lock(&lock);
	leave_to_the_parent();
	for (size_t i = idle.n; i-- > 0 && !easy;) {
		if (!is_same_trust(&idle.handles[i].trust, trust))
			continue;
		easy = idle.handles[i].easy;
		idle.n--;
		memmove(&idle.handles[i], &idle.handles[i + 1], (idle.n - i) * sizeof(idle.handles[0]));
	}
	(void)pthread_mutex_unlock(&lock);
	return easy;
}

coffer_err
handle_take(struct fault *f, const char *ca_file, bool alone, struct handle *h)
{
	*h = (struct handle){.trust = trust_in(ca_file), .alone = alone};
	if (!alone)
		h->easy = take_idle(&h->trust);
	if (!h->easy)
		h->easy = curl.easy_init();
	return h->easy ? COFFER_OK : fault_nomem(f);
}

/* the oldest one makes room; it is closed outside the lock */
static CURL *
keep(const struct handle *h)
{
	CURL *out = NULL;

	(void)pthread_mutex_lock(&lock);
	leave_to_the_parent();
	if (idle.n == HANDLE_KEPT) {
		out = idle.handles[0].easy;
		idle.n--;
		memmove(&idle.handles[0], &idle.handles[1], idle.n * sizeof(idle.handles[0]));
	}
	idle.handles[idle.n++] = *h;
	(void)pthread_mutex_unlock(&lock);
	return out;
}

static void
drop_idle(void)
{
	struct idle old;

	(void)pthread_mutex_lock(&lock);
	leave_to_the_parent();
	old = idle;
	idle.n = 0;
	(void)pthread_mutex_unlock(&lock);
	for (size_t i = 0; i < old.n; i++)
		curl.easy_cleanup(old.handles[i].easy);
}

void
handle_give(struct handle *h, bool good)
{
	CURL *over = h->easy;

	if (!h->easy)
		return;
	if (good && !h->alone) {
		curl.easy_reset(h->easy);
		over = keep(h);
	} else if (!good) {
		drop_idle();
	}
	if (over)
		curl.easy_cleanup(over);
	h->easy = NULL;
}
