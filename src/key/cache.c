/* SPDX-License-Identifier: Apache-2.0 */
#include "key/cache.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "mem/secret.h"

enum place_state { PLACE_EMPTY, PLACE_ASKED, PLACE_KEPT };

struct place {
	enum place_state state;
	uint8_t name[SHA256_LEN];
	time_t ends; /* monotonic */
	unsigned int uses_left;
};

struct key_cache {
	pthread_mutex_t lock;
	pthread_cond_t given;
	time_t lifetime;
	unsigned int uses;
	struct place places[KEY_CACHE_SIZE];
	struct secret deks; /* of places[], side by side */
};

static time_t
now(void)
{
	struct timespec t;

	/* with the time that the machine was suspended: a laptop's lid is no way to keep a key */
	(void)clock_gettime(CLOCK_BOOTTIME, &t);
	return t.tv_sec;
}

coffer_err
key_cache_new(struct fault *f, unsigned int lifetime_s, unsigned int uses, struct key_cache **out)
{
	struct key_cache *c;
	coffer_err err;

	*out = NULL;
	if (lifetime_s < 1 || lifetime_s > KEY_CACHE_LIFETIME_MAX || uses < 1 || uses > KEY_CACHE_USES_MAX)
		return fault_set(f, COFFER_E_USAGE, "unwrapped keys are kept for 1 to %d seconds and 1 to %d uses",
				 KEY_CACHE_LIFETIME_MAX, KEY_CACHE_USES_MAX);
	c = calloc(1, sizeof(*c));
	if (!c)
		return fault_nomem(f);
	(void)pthread_mutex_init(&c->lock, NULL);
	(void)pthread_cond_init(&c->given, NULL);
	c->lifetime = (time_t)lifetime_s;
	c->uses = uses;
	TRY(secret_new(f, &c->deks, (size_t)KEY_CACHE_SIZE * DEK_LEN));
	*out = c;
	c = NULL;
out:
	key_cache_free(&c);
	return err;
}

void
key_cache_free(struct key_cache **cache)
{
	struct key_cache *c = *cache;

	*cache = NULL;
	if (!c)
		return;
	secret_free(&c->deks);
	(void)pthread_cond_destroy(&c->given);
	(void)pthread_mutex_destroy(&c->lock);
	free(c);
}

coffer_err
key_cache_name(struct fault *f, const struct recipient *in, const struct binding *binding,
	       uint8_t name_out[static SHA256_LEN])
{
	struct buf text = BUF_INIT(LIMIT_BINDING + sizeof(*in));
	coffer_err err;

	TRY(buf_add(f, &text, in->kind, strlen(in->kind) + 1));
	TRY(buf_add(f, &text, in->id, strlen(in->id) + 1));
	TRY(buf_add(f, &text, in->version, strlen(in->version) + 1));
	TRY(buf_add(f, &text, &in->wrapped_len, sizeof(in->wrapped_len)));
	TRY(buf_add(f, &text, in->wrapped, in->wrapped_len));
	TRY(buf_add(f, &text, binding->text.p, binding->text.len));
	TRY(sha256(f, buf_view(&text), name_out));
out:
	buf_free(&text);
	return err;
}

static uint8_t *
dek_of(const struct key_cache *c, const struct place *p)
{
	return c->deks.p + (size_t)(p - c->places) * DEK_LEN;
}

static void
empty(const struct key_cache *c, struct place *p)
{
	mem_wipe(dek_of(c, p), DEK_LEN);
	*p = (struct place){.state = PLACE_EMPTY};
}

static struct place *
find(struct key_cache *c, const uint8_t name[static SHA256_LEN])
{
	for (size_t i = 0; i < KEY_CACHE_SIZE; i++) {
		struct place *p = &c->places[i];

		if (p->state == PLACE_KEPT && now() >= p->ends)
			empty(c, p);
		if (p->state != PLACE_EMPTY && memcmp(p->name, name, SHA256_LEN) == 0)
			return p;
	}
	return NULL;
}

/* An empty place, or that of the DEK which ends first; NULL when all are being asked for. */
static struct place *
make_room(struct key_cache *c)
{
	struct place *first = NULL;

	for (size_t i = 0; i < KEY_CACHE_SIZE; i++) {
		struct place *p = &c->places[i];

		if (p->state == PLACE_EMPTY)
			return p;
		if (p->state == PLACE_KEPT && (!first || p->ends < first->ends))
			first = p;
	}
	if (first)
		empty(c, first);
	return first;
}

bool
key_cache_take(struct key_cache *c, const uint8_t name[static SHA256_LEN], uint8_t dek_out[static DEK_LEN])
{
	struct place *p;
	bool is_there;

	(void)pthread_mutex_lock(&c->lock);
	while ((p = find(c, name)) != NULL && p->state == PLACE_ASKED)
		(void)pthread_cond_wait(&c->given, &c->lock);
	is_there = p != NULL;
	if (is_there) {
		memcpy(dek_out, dek_of(c, p), DEK_LEN);
		if (--p->uses_left == 0)
			empty(c, p);
	} else if ((p = make_room(c)) != NULL) {
		p->state = PLACE_ASKED;
		memcpy(p->name, name, SHA256_LEN);
	}
	(void)pthread_mutex_unlock(&c->lock);
	return is_there;
}

void
key_cache_give(struct key_cache *c, const uint8_t name[static SHA256_LEN], const uint8_t *dek)
{
	struct place *p;

	(void)pthread_mutex_lock(&c->lock);
	p = find(c, name);
	if (p && dek && c->uses > 1) {
		memcpy(dek_of(c, p), dek, DEK_LEN);
		p->state = PLACE_KEPT;
		p->ends = now() + c->lifetime;
		p->uses_left = c->uses - 1;
	} else if (p) {
		empty(c, p);
	}
	(void)pthread_cond_broadcast(&c->given);
	(void)pthread_mutex_unlock(&c->lock);
}
