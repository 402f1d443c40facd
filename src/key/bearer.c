/* SPDX-License-Identifier: Apache-2.0 */
#include "key/bearer.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/num.h"

#define EARLY_S 240    /* before its end a token is fetched anew: metadata servers give out a new one 300 s before */
#define AGAIN_S 30     /* and again, where that failed */
#define LIFETIME_S 300 /* of a token that does not say */
#define LIFETIME_MAX 86400

struct bearer {
	struct bearer *next; /* under the list's lock, as n_users */
	unsigned int n_users;
	char *place;
	bearer_fetch_fn fetch;

	atomic_uint n_tries; /* to fetch, that have ended */
	pthread_mutex_t lock;
	struct fault failed; /* of the last try */
	struct bearer_token token;
	uint64_t number;
	time_t early, ends; /* monotonic */
	pid_t pid;	    /* whose token it is: locked memory is empty after a fork */
};

static time_t
now(void)
{
	struct timespec t;

	/* with the time that the machine was suspended, in which tokens end */
	(void)clock_gettime(CLOCK_BOOTTIME, &t);
	return t.tv_sec;
}

/* ---- those that somebody has ---- */

static pthread_mutex_t list_lock = PTHREAD_MUTEX_INITIALIZER;
static struct bearer *list;

static struct bearer *
find(const char *place, bearer_fetch_fn fetch)
{
	for (struct bearer *b = list; b; b = b->next)
		if (b->fetch == fetch && strcmp(b->place, place) == 0)
			return b;
	return NULL;
}

static void
free_bearer(struct bearer *b)
{
	secret_free(&b->token.text);
	(void)pthread_mutex_destroy(&b->lock);
	free(b->place);
	free(b);
}

static struct bearer *
make(const char *place, bearer_fetch_fn fetch)
{
	struct bearer *b = calloc(1, sizeof(*b));

	if (!b)
		return NULL;
	(void)pthread_mutex_init(&b->lock, NULL);
	b->fetch = fetch;
	b->place = strdup(place);
	if (!b->place) {
		free_bearer(b);
		return NULL;
	}
	b->next = list;
	list = b;
	return b;
}

coffer_err
bearer_get(struct fault *f, const char *place, bearer_fetch_fn fetch, struct bearer **out)
{
	struct bearer *b;

	(void)pthread_mutex_lock(&list_lock);
	b = find(place, fetch);
	if (!b)
		b = make(place, fetch);
	if (b)
		b->n_users++;
	(void)pthread_mutex_unlock(&list_lock);
	*out = b;
	return b ? COFFER_OK : fault_nomem(f);
}

void
bearer_put(struct bearer **bearer)
{
	struct bearer *b = *bearer, **at = &list;

	*bearer = NULL;
	if (!b)
		return;
	(void)pthread_mutex_lock(&list_lock);
	if (--b->n_users == 0) {
		while (*at != b)
			at = &(*at)->next;
		*at = b->next;
		free_bearer(b);
	}
	(void)pthread_mutex_unlock(&list_lock);
}

/* ---- fetching; all under the lock ---- */

static bool
is_good(const struct bearer *b, time_t until)
{
	return b->token.text.len > 0 && b->pid == getpid() && now() < until;
}

static void
keep(struct bearer *b, struct bearer_token *token)
{
	uint64_t lifetime = num_min(token->lifetime_s, LIFETIME_MAX);

	secret_free(&b->token.text);
	secret_move(&b->token.text, &token->text);
	(void)snprintf(b->token.project, sizeof(b->token.project), "%s", token->project);
	b->number++;
	b->pid = getpid();
	b->ends = now() + (time_t)lifetime;
	b->early = b->ends - (time_t)num_min(EARLY_S, lifetime / 4);
}

static void
fetch(struct bearer *b, unsigned int timeout_ms)
{
	struct bearer_token token = BEARER_TOKEN_INIT;
	time_t later;

	token.timeout_ms = timeout_ms;
	fault_clear(&b->failed);
	b->failed.err = b->fetch(&b->failed, b->place, &token);
	if (b->failed.err == COFFER_OK)
		keep(b, &token);
	later = now() + AGAIN_S;
	if (b->failed.err)
		b->early = later < b->ends ? later : b->ends;
	secret_free(&token.text);
	atomic_fetch_add(&b->n_tries, 1);
}

struct asked {
	bool fresh;
	unsigned int timeout_ms;
	unsigned int n_tries; /* when the caller came: who waited for a try that failed is told so, and makes none */
};

static coffer_err
refresh(struct fault *f, struct bearer *b, const struct asked *asked, uint64_t number)
{
	bool refused = asked->fresh && number == b->number;

	if (!refused && is_good(b, b->early))
		return COFFER_OK;
	if (asked->n_tries == atomic_load(&b->n_tries) || !b->failed.err)
		fetch(b, asked->timeout_ms);
	/* while the old one has not ended, it does not matter that there is no new one yet */
	if (!b->failed.err || (!refused && is_good(b, b->ends)))
		return COFFER_OK;
	return fault_set(f, b->failed.err, "%s", b->failed.text);
}

coffer_err
bearer_take(struct fault *f, struct bearer *b, bool fresh, unsigned int timeout_ms, struct bearer_use *use)
{
	struct asked asked = {.fresh = fresh, .timeout_ms = timeout_ms, .n_tries = atomic_load(&b->n_tries)};
	coffer_err err;

	secret_free(&use->text);
	(void)pthread_mutex_lock(&b->lock);
	TRY(refresh(f, b, &asked, use->number));
	TRY(secret_copy(f, &use->text, b->token.text.p, b->token.text.len));
	(void)snprintf(use->project, sizeof(use->project), "%s", b->token.project);
	use->number = b->number;
out:
	(void)pthread_mutex_unlock(&b->lock);
	return err;
}

void
bearer_use_free(struct bearer_use *use)
{
	secret_free(&use->text);
	*use = (struct bearer_use)BEARER_USE_INIT;
}

/* ---- for those who fetch ---- */

enum remote_said
bearer_judge(const struct http_reply *reply, const struct doc *answer, const char **words_out)
{
	const struct doc *error = doc_get(answer, "error");

	*words_out = remote_words(doc_get(answer, "error_description"));
	if (!*words_out)
		*words_out = remote_words(doc_get(error, "message"));
	if (!*words_out)
		*words_out = remote_words(error);
	if (reply->status == 429)
		return REMOTE_BUSY;
	/* 410: Azure's metadata service is being updated */
	if (reply->status >= 500 || reply->status == 410)
		return REMOTE_DOWN;
	return reply->status >= 400 ? REMOTE_REFUSED : REMOTE_ODD;
}

static uint64_t
lifetime_of(const struct doc *answer)
{
	uint64_t at = (uint64_t)time(NULL), v;

	if (doc_decimal(doc_get(answer, "expires_in"), DOC_NUMBER_MAX, &v))
		return v;
	if (doc_decimal(doc_get(answer, "expires_on"), DOC_NUMBER_MAX, &v))
		return v > at ? v - at : 0;
	return LIFETIME_S;
}

coffer_err
bearer_read(struct fault *f, const char *who, const struct doc *answer, struct bearer_token *out)
{
	const char *text = doc_text(doc_get(answer, "access_token"), 1, LIMIT_TOKEN);

	if (!text)
		return fault_set(f, COFFER_E_UNAVAILABLE, "the answer of %s has no access token", who);
	out->lifetime_s = lifetime_of(answer);
	return secret_copy(f, &out->text, text, strlen(text));
}
