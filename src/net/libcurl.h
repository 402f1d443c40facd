/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libcurl, loaded when it is first needed, so that whoever stays offline needs none.
 *
 * Its memory is wiped when it frees it, unless the application has started libcurl before us: then it keeps what
 * that has set.  The setting is of the whole process, and compatible with malloc() and free() (mem/wiping.h).
 */
#ifndef NET_LIBCURL_H
#define NET_LIBCURL_H

#include <curl/curl.h>
#include <stdbool.h>

#include "base/fault.h"

#define LIBCURL_FUNCTIONS(with)                                                                                        \
	with(global_init_mem) with(easy_init) with(easy_cleanup) with(easy_reset) with(easy_setopt) with(easy_perform) \
		with(easy_getinfo) with(easy_strerror) with(slist_append) with(slist_free_all) with(url) with(url_set) \
			with(url_get) with(url_cleanup) with(free)

#define LIBCURL_MEMBER(name) __typeof__(&curl_##name) name;

/** curl - its functions, once libcurl_need() was COFFER_OK */
extern struct libcurl {
	LIBCURL_FUNCTIONS(LIBCURL_MEMBER)
} curl;

/** libcurl_need() - load it, if it is not there yet; COFFER_E_NET when it cannot be.  Any thread. */
coffer_err libcurl_need(struct fault *f);

/** libcurl_is_ready() - whether libcurl_need() has been COFFER_OK */
bool libcurl_is_ready(void);

/** libcurl_cleanse() - for CURLOPT_SSL_CTX_FUNCTION: tls_cleanse(), where libcurl speaks TLS with OpenSSL */
CURLcode libcurl_cleanse(CURL *easy, void *ssl_ctx, void *arg);

#endif
