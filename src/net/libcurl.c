/* SPDX-License-Identifier: Apache-2.0 */
#include "net/libcurl.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/tls.h"
#include "mem/wiping.h"

#define SYMBOL(name) {"curl_" #name, offsetof(struct libcurl, name)},

struct libcurl curl;

static const struct {
	const char *name;
	size_t offset;
} symbols[] = {LIBCURL_FUNCTIONS(SYMBOL)};

static void *library;
static bool is_ready;

static void
load(void)
{
	library = dlopen("libcurl.so.4", RTLD_NOW | RTLD_LOCAL);
	if (!library)
		return;
	for (size_t i = 0; i < sizeof(symbols) / sizeof(symbols[0]); i++) {
		void *symbol = dlsym(library, symbols[i].name);

		if (!symbol)
			return;
		memcpy((char *)&curl + symbols[i].offset, &symbol, sizeof(symbol));
	}
	is_ready = curl.global_init_mem(CURL_GLOBAL_DEFAULT, malloc, wiping_free, wiping_realloc, strdup, calloc) ==
		   CURLE_OK;
}

coffer_err
libcurl_need(struct fault *f)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	(void)pthread_once(&once, load);
	if (!is_ready)
		return fault_set(f, COFFER_E_NET,
				 "the network needs libcurl (libcurl.so.4), which cannot be loaded: apt install "
				 "libcurl4");
	return COFFER_OK;
}

bool
libcurl_is_ready(void)
{
	return is_ready;
}

CURLcode
libcurl_cleanse(CURL *easy, void *ssl_ctx, void *arg)
{
	(void)easy;
	(void)arg;
	(void)tls_cleanse(library, ssl_ctx);
	return CURLE_OK;
}
