/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Handles of libcurl, and with each the connections and parsed CA certificates that it has from earlier requests: over TLS a
 * connection costs far more than what is asked over it.
 *
 * A handle is used by one thread at a time, for one request, and keeps nothing of it: no option, header or credential.  Up to
 * HANDLE_KEPT lie idle, and serve only a request that trusts the same file of CA certificates, as it was then.  Libcurl itself takes
 * no connection that was made to another host, through another proxy or with other settings of TLS.  Sessions of TLS are not resumed.
 *
 * What a child of fork() finds of its parent's it neither uses nor closes, which would end the parent's connections.  What is idle at
 * the end of the process is its kernel's to close.  Any thread.
 */
#ifndef NET_HANDLE_H
#define NET_HANDLE_H

#include <stdbool.h>
#include <sys/types.h>
#include <time.h>

#include "base/fault.h"
#include "net/libcurl.h"

#define HANDLE_KEPT 16

/** struct handle_trust - which file of CA certificates, as it was; all zero: the system's, or one that is not there */
struct handle_trust {
	dev_t dev;
	ino_t ino;
	off_t size;
	struct timespec changed;
};

/** struct handle - all zero before handle_take() */
struct handle {
	CURL *easy;
	struct handle_trust trust;
	bool alone; /* of one request, never kept */
};

/**
 * handle_take() - a handle for one request; give it back with handle_give()
 * @ca_file: its CA certificates, PEM; NULL = the system's
 * @alone: a new handle, with no earlier connection, that no other request gets: for one that shows a certificate of its own
 */
coffer_err handle_take(struct fault *f, const char *ca_file, bool alone, struct handle *h);

/**
 * handle_give() - the request is over
 * @good: whether it has got its answer; else neither this handle nor any that lies idle now is used again, as connections that
 *	died without a word (a network that changed) may be behind them
 *
 * NULL in @h is fine.
 */
void handle_give(struct handle *h, bool good);

#endif
