/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/stream_hash.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/limits.h"
#include "base/num.h"

/* how long to wait for a turn before a look at whether the call was cancelled: then a turn may never come */
#define PATIENCE_NS 50000000L

coffer_err
stream_hash_begin(struct fault *f, struct stream_hash *h, const struct coffer_ctx *ctx, enum digest_kind kind,
		  uint64_t shard_size, uint64_t size)
{
	uint64_t n = shard_size == 0 ? 1 : size / shard_size + (size % shard_size != 0);

	*h = (struct stream_hash){.kind = kind, .shard_size = shard_size, .ctx = ctx, .size = size};
	pthread_mutex_init(&h->lock, NULL);
	pthread_cond_init(&h->turned, NULL);
	sha256x_init(&h->sha);
	if (n > LIMIT_SHARDS)
		return fault_set(f, COFFER_E_USAGE, "more than %u shards; no signature lists so many: take larger ones",
				 LIMIT_SHARDS);
	h->n = (size_t)n;
	h->digests = calloc(h->n + 1, digest_len(kind));
	if (!h->digests)
		return fault_nomem(f);
	return kind == DIGEST_SHA256 ? COFFER_OK : digest_new(f, kind, &h->other);
}

void
stream_hash_free(struct stream_hash *h)
{
	if (!h->ctx)
		return;
	pthread_cond_destroy(&h->turned);
	pthread_mutex_destroy(&h->lock);
	digest_free(&h->other);
	free(h->digests);
	*h = (struct stream_hash){.ctx = NULL};
}

/* ---- the stream, by whoever has the turn ---- */

static coffer_err
end_digest(struct fault *f, struct stream_hash *h)
{
	uint8_t digest[DIGEST_MAX];
	coffer_err err = COFFER_OK;

	if (h->other) {
		TRY(digest_final(f, h->other, digest));
	} else {
		sha256x_final(&h->sha, digest);
		sha256x_init(&h->sha);
	}
	memcpy(h->digests + h->n_done * digest_len(h->kind), digest, digest_len(h->kind));
	h->n_done++;
out:
	return err;
}

/* Up to the end of the shard. */
static size_t
room(const struct stream_hash *h, size_t len)
{
	return h->shard_size == 0 ? len : (size_t)num_min(len, h->shard_size - h->done % h->shard_size);
}

static coffer_err
take(struct fault *f, struct stream_hash *h, const uint8_t *p, size_t len)
{
	coffer_err err = COFFER_OK;

	while (len > 0) {
		size_t n = room(h, len);

		if (h->other)
			TRY(digest_update(f, h->other, p, n));
		else
			sha256x_update(&h->sha, p, n);
		p += n;
		len -= n;
		h->done += n;
		if (h->shard_size != 0 && h->done % h->shard_size == 0)
			TRY(end_digest(f, h));
	}
out:
	return err;
}

/* ---- turns ---- */

static void
wait_a_while(struct stream_hash *h)
{
	struct timespec until;

	(void)clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += PATIENCE_NS;
	if (until.tv_nsec >= 1000000000L) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000L;
	}
	(void)pthread_cond_timedwait(&h->turned, &h->lock, &until);
}

/* The first failure is everybody's: who reports it first does not matter then. */
static coffer_err
wait_for(struct fault *f, struct stream_hash *h, uint64_t turn)
{
	coffer_err err = COFFER_OK;

	pthread_mutex_lock(&h->lock);
	while (h->turn != turn && h->fault.err == COFFER_OK && err == COFFER_OK) {
		err = ctx_check_cancelled(f, h->ctx);
		if (err == COFFER_OK)
			wait_a_while(h);
	}
	if (err == COFFER_OK && h->fault.err != COFFER_OK) {
		*f = h->fault;
		err = f->err;
	}
	pthread_mutex_unlock(&h->lock);
	return err;
}

void
stream_hash_fail(struct stream_hash *h, const struct fault *why)
{
	pthread_mutex_lock(&h->lock);
	if (h->fault.err == COFFER_OK)
		h->fault = *why;
	pthread_cond_broadcast(&h->turned);
	pthread_mutex_unlock(&h->lock);
}

static void
end_turn(struct stream_hash *h)
{
	pthread_mutex_lock(&h->lock);
	h->turn++;
	pthread_cond_broadcast(&h->turned);
	pthread_mutex_unlock(&h->lock);
}

coffer_err
stream_hash_take(struct fault *f, struct stream_hash *h, uint64_t turn, const void *bytes, size_t len)
{
	coffer_err err;

	TRY(wait_for(f, h, turn));
	err = take(f, h, bytes, len);
	if (err)
		stream_hash_fail(h, f);
	else
		end_turn(h);
out:
	return err;
}

coffer_err
stream_hash_end(struct fault *f, struct stream_hash *h)
{
	coffer_err err = COFFER_OK;

	if (h->done != h->size)
		return fault_set(f, COFFER_E_INTERNAL, "%llu of %llu bytes were hashed", (unsigned long long)h->done,
				 (unsigned long long)h->size);
	/* all of it as one; or a last shard that is shorter */
	if (h->n_done < h->n)
		TRY(end_digest(f, h));
out:
	return err;
}
