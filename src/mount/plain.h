/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory for plaintext: pages of its own, which stand in no core dump, and which the kernel clears before anybody else gets them.
 */
#ifndef MOUNT_PLAIN_H
#define MOUNT_PLAIN_H

#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"

/** plain_new() - @len zero bytes, a multiple of 4096; free them with plain_free() */
coffer_err plain_new(struct fault *f, size_t len, uint8_t **out);
void plain_free(uint8_t *pages, size_t len);

#endif
