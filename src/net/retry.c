/* SPDX-License-Identifier: Apache-2.0 */
#include "net/retry.h"

#include <stdio.h>
#include <time.h>

#include "base/home.h"
#include "base/num.h"
#include "crypto/rand.h"

#define STEP_MS 200u
#define STEP_MAX_MS 5000u
#define RETRIES_MAX 10u

static uint64_t
monotonic_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* A signal ends it: who presses Ctrl-C does not want to wait. */
static void
sleep_ms(unsigned int ms)
{
	struct timespec pause = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};

	(void)nanosleep(&pause, NULL);
}

static const struct retry_clock system_clock = {.now_ms = monotonic_ms, .pause = sleep_ms};
static const struct retry_clock *clock_in_use = &system_clock;

void
retry_use_clock(const struct retry_clock *clock)
{
	clock_in_use = clock ? clock : &system_clock;
}

static coffer_err
read_number(struct fault *f, const char *prefix, const char *name, unsigned int min, unsigned int max, uint64_t *out)
{
	char variable[64];
	const char *text;

	(void)snprintf(variable, sizeof(variable), "%s_%s", prefix, name);
	text = home_setting(variable);
	if (text && !num_parse(text, min, max, out))
		return fault_set(f, COFFER_E_USAGE, "%s is «%.40s»; it must be a whole number from %u to %u", variable,
				 text, min, max);
	return COFFER_OK;
}

coffer_err
retry_limits_read(struct fault *f, const char *prefix, unsigned int timeout_max_s, struct retry_limits *limits)
{
	uint64_t timeout_s = 0, retries = limits->retries;
	coffer_err err;

	TRY(read_number(f, prefix, "TIMEOUT", 1, timeout_max_s, &timeout_s));
	TRY(read_number(f, prefix, "RETRIES", 0, RETRIES_MAX, &retries));
	if (timeout_s > 0)
		limits->timeout_ms = (unsigned int)timeout_s * 1000;
	limits->retries = (unsigned int)retries;
out:
	return err;
}

struct retry
retry_begin(const struct retry_limits *limits)
{
	return (struct retry){
		.end_ms = clock_in_use->now_ms() + limits->timeout_ms, .left = limits->retries, .tries = 1};
}

unsigned int
retry_left_ms(const struct retry *r)
{
	uint64_t now = clock_in_use->now_ms();

	return now < r->end_ms ? (unsigned int)(r->end_ms - now) : 0;
}

static unsigned int
jitter_ms(unsigned int tries)
{
	unsigned int step = STEP_MS << (tries - 1);
	uint32_t random;

	step = step < STEP_MAX_MS ? step : STEP_MAX_MS;
	/* without randomness, a long pause is as good as any */
	return rand_bytes(NULL, &random, sizeof(random)) == COFFER_OK ? random % (step + 1) : step;
}

bool
retry_wait(struct retry *r, unsigned int after_s)
{
	unsigned int ms;

	if (r->left == 0)
		return false;
	ms = jitter_ms(r->tries);
	ms = after_s * 1000 > ms ? after_s * 1000 : ms;
	if (ms >= retry_left_ms(r))
		return false;
	clock_in_use->pause(ms);
	r->left--;
	r->tries++;
	return true;
}
