/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory for plaintext: pages of its own, which stand in no core dump, and which the kernel clears before anybody else gets them.
 */
#ifndef MOUNT_ROOM_H
#define MOUNT_ROOM_H

#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"

/** room_new() - @len zero bytes, a multiple of 4096; free them with room_free() */
coffer_err room_new(struct fault *f, size_t len, uint8_t **out);
void room_free(uint8_t *pages, size_t len);

/** room_available() - bytes of memory that this process could have now, by /proc/meminfo and the limit of its control group */
uint64_t room_available(void);

#endif
