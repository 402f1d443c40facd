/* SPDX-License-Identifier: Apache-2.0 */
/* HMAC-SHA256 (RFC 2104) of a stream; of bytes at hand: hash.h. */
#ifndef CRYPTO_MAC_H
#define CRYPTO_MAC_H

#include "base/fault.h"
#include "base/view.h"
#include "crypto/hash.h"

struct mac;

/** mac_new() - begin under @key; free with mac_free().  One thread at a time. */
coffer_err mac_new(struct fault *f, struct view key, struct mac **out);

/** mac_update() - take @len bytes */
coffer_err mac_update(struct fault *f, struct mac *m, const void *bytes, size_t len);

/** mac_final() - end, and give the MAC */
coffer_err mac_final(struct fault *f, struct mac *m, uint8_t out[static SHA256_LEN]);

/** mac_free() - wipe and free *@m and set it to NULL; NULL is fine */
void mac_free(struct mac **m);

#endif
