/* SPDX-License-Identifier: Apache-2.0 */
/* Random bytes from the kernel (getrandom(2)). */
#ifndef CRYPTO_RAND_H
#define CRYPTO_RAND_H

#include <stddef.h>

#include "base/fault.h"

/** rand_bytes() - fill @out with @len random bytes, or fail; never fewer */
coffer_err rand_bytes(struct fault *f, void *out, size_t len);

#endif
