/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One HTTP request and its answer (RFC 9110), over libcurl.
 *
 * TLS 1.2 or later, certificates and names checked, no redirect followed unless asked and never to http, every size
 * and time bounded; no cookies, no netrc, no signals.  Proxies by the usual environment (HTTPS_PROXY, NO_PROXY …), except
 * to this machine.  Headers that hold a credential are wiped.
 *
 * Connections are kept for the next request to the same place (handle.h), but for one with a client's certificate, which has its own.  A
 * request other than GET and HEAD is sent once: when its connection ends before the answer, that is COFFER_E_NET.
 *
 * libcurl is loaded when the first request is made, so that whoever stays offline needs none.  Any thread.
 *
 * What libcurl and its TLS had in memory is wiped when it is freed (libcurl.h), and so is the answer; one that is a credential
 * is for @secret_reply.  A body that is a secret is the caller's, who wipes it.
 */
#ifndef NET_HTTP_H
#define NET_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/fault.h"
#include "base/view.h"
#include "mem/secret.h"

struct http_request {
	const char *method;	    /* «GET», «HEAD», «POST», «PUT», «DELETE», «LIST» … */
	const char *url;	    /* https, or http where http_check_url() says so */
	const char *const *headers; /* «Name: value» */
	size_t n_headers;
	const struct secret *bearer; /* «Authorization: Bearer …», or NULL */
	const char *scheme;	     /* in place of «Bearer», or NULL */
	struct view body;

	/* instead of @body: @body_len bytes from @body_off of the file @body_fd */
	bool body_is_file;
	int body_fd;
	uint64_t body_off, body_len;

	/*
	 * take: instead of reply.body, for an answer of 2xx: called with each part as it comes, when status and head of the reply
	 * are there; an error ends the call with it.  What it took is good when http_call() is COFFER_OK, not before.
	 */
	coffer_err (*take)(void *user, struct fault *f, struct view part);
	void *take_user;

	const char *client_cert, *client_key; /* PEM files, the key without passphrase, for mutual TLS; NULL = none */
	unsigned int connect_ms;	      /* 0 = 15 s, or the time for all of it where that is less */
	unsigned int stall_s; /* it ends when less than 1 KiB/s has moved for so long; 0 = no such end */
	bool allow_http;      /* plain http to other hosts than this machine, too */
	bool follow;	      /* of a GET without @bearer: up to 5 redirects, to https */
	bool direct;	      /* around every proxy: for services of the machine's own network */
	bool secret_reply;    /* the answer holds a credential: its buffer is @max_body from the start, never moved */
	const char *ca_file;  /* PEM roots; NULL = what SSL_CERT_FILE names, else the system's */
	unsigned int timeout_ms; /* for all of it; 0 = 30 s */
	size_t max_body;	 /* of reply.body; a longer one is COFFER_E_NET */
};

struct http_reply {
	long status;
	struct buf body;
	struct buf head; /* the lines of the last answer's header */
	char content_type[128];
	unsigned int retry_after_s; /* 0 = not said */
	char host[256];		    /* who answered, for messages */
};

/** http_check_url() - COFFER_OK for https://HOST…, and for http when @allow_http or HOST is this machine (localhost, 127.*, ::1);
 *  else, and with a user or password in it, COFFER_E_USAGE */
coffer_err http_check_url(struct fault *f, const char *url, bool allow_http);

/**
 * http_call() - send @request, wait for the whole answer
 * @reply: gets it; free with http_reply_free(), after a failure too
 *
 * Return: COFFER_OK whatever the status; COFFER_E_NET when there was no whole answer, with the host and the reason;
 * COFFER_E_USAGE for a URL, header, credential or client certificate that cannot be sent; of a file, errors of file_read_at().
 */
coffer_err http_call(struct fault *f, const struct http_request *request, struct http_reply *reply);

/**
 * http_expect() - COFFER_OK when the status of @reply is @status
 *
 * Else COFFER_E_NET (429: COFFER_E_RATE; 401, 403: COFFER_E_PERM) with what the server said; of a secret reply only its «error».
 */
coffer_err http_expect(struct fault *f, const struct http_request *request, const struct http_reply *reply,
		       long status);

#define HTTP_QUOTE_MAX 200

/**
 * http_quote() - what a sentence can have of @text, a server's own words: its first line, as far as it is UTF-8 without control characters
 * @out: gets it; nothing when it holds a credential of @request, that is @bearer or the value of a longer header
 */
void http_quote(const struct http_request *request, struct view text, char out[static HTTP_QUOTE_MAX + 1]);

/** http_header() - the value of the first header called @name (in any case), without white space around it; false, and @out empty, when there is none or it does not fit */
bool http_header(const struct http_reply *reply, const char *name, char *out, size_t cap);

/** http_reply_free() - wipe and free; NULL bytes are fine */
void http_reply_free(struct http_reply *reply);

#endif
