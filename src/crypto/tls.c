/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/tls.h"

#include <dlfcn.h>
#include <openssl/ssl.h>
#include <string.h>

bool
tls_cleanse(void *library, void *ssl_ctx)
{
	__typeof__(&SSL_CTX_set_options) set_options;
	/* in @library or what it is linked with; other makers of TLS have no function of that name */
	void *symbol = dlsym(library, "SSL_CTX_set_options");

	if (!symbol)
		return false;
	memcpy(&set_options, &symbol, sizeof(set_options));
	return (set_options(ssl_ctx, SSL_OP_CLEANSE_PLAINTEXT) & SSL_OP_CLEANSE_PLAINTEXT) != 0;
}
