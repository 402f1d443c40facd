/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When a request is made again, and when no more: a number of tries, a deadline over all of them, pauses between.
 *
 * The pause is a random part of 0.2 s, doubled each time, at most 5 s («full jitter»), so that many who were turned away together do not
 * come back together; or what the service said («Retry-After»), if that is longer.  No pause is begun that would pass the deadline.
 */
#ifndef NET_RETRY_H
#define NET_RETRY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/fault.h"

/** struct retry_limits - what is allowed */
struct retry_limits {
	unsigned int timeout_ms; /* for all tries and pauses */
	unsigned int retries;	 /* after the first try */
};

/**
 * retry_limits_read() - what the environment says: @prefix_TIMEOUT in seconds, 1 to @timeout_max_s, and @prefix_RETRIES, 0 to 10
 * @limits: holds what is meant when it says nothing
 *
 * COFFER_E_USAGE when one of them is no such number.
 */
coffer_err retry_limits_read(struct fault *f, const char *prefix, unsigned int timeout_max_s,
			     struct retry_limits *limits);

/** struct retry - one request, over all of its tries */
struct retry {
	uint64_t end_ms;
	unsigned int left;  /* tries that may follow this one */
	unsigned int tries; /* with this one */
};

/** retry_begin() - now comes the first try */
struct retry retry_begin(const struct retry_limits *limits);

/** retry_left_ms() - the time until the deadline; 0 when it has passed */
unsigned int retry_left_ms(const struct retry *r);

/**
 * retry_wait() - wait for the next try
 * @after_s: what the service said, or 0
 *
 * Return: whether to make it; false at once when there is none left, or the pause would pass the deadline.
 */
bool retry_wait(struct retry *r, unsigned int after_s);

/** struct retry_clock - what the time is, in ms from anywhere, and how to wait */
struct retry_clock {
	uint64_t (*now_ms)(void);
	void (*pause)(unsigned int ms);
};

/** retry_use_clock() - for tests: take that clock from now on; NULL: the system's.  No other thread may be at work. */
void retry_use_clock(const struct retry_clock *clock);

#endif
