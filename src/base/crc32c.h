/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CRC-32C (Castagnoli; RFC 3720 appendix B.4): whether bytes came through whole.  Not a MAC.
 *
 * Bit by bit, without a table: it is for a few kilobytes, and a DEK may be among them, which no address may depend on.
 */
#ifndef BASE_CRC32C_H
#define BASE_CRC32C_H

#include <stdint.h>

#include "base/view.h"

/** crc32c() - the checksum of @v */
uint32_t crc32c(struct view v);

#endif
