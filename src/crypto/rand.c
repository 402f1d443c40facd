/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/rand.h"

#include <errno.h>
#include <stdint.h>
#include <sys/random.h>

coffer_err
rand_bytes(struct fault *f, void *out, size_t len)
{
	uint8_t *p = out;

	while (len > 0) {
		ssize_t n = getrandom(p, len, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return fault_errno(f, errno, "the kernel gives no random bytes");
		p += n;
		len -= (size_t)n;
	}
	return COFFER_OK;
}
