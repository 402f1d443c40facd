/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What sha256x.c asks of a processor: whole blocks of several streams.
 *
 * One file per platform.  Each compiles everywhere; where it does not belong
 * its is_there() says no.
 */
#ifndef CRYPTO_SHA256X_KERNEL_H
#define CRYPTO_SHA256X_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sha256x_kernel {
	/** @name: as sha256x_kernel_name() gives it */
	const char *name;

	/** @lanes: the most streams that @blocks takes, and the number it is fastest with */
	size_t lanes;

	/** @is_there: whether this processor has the instructions */
	bool (*is_there)(void);

	/**
	 * @blocks: take @n_blocks blocks into each of @n streams
	 * @h: for each stream its eight state words
	 * @p: for each stream its 64 * @n_blocks bytes, aligned or not
	 * @n: 1 to @lanes
	 */
	void (*blocks)(uint32_t *const h[], const uint8_t *const p[], size_t n, size_t n_blocks);
};

extern const struct sha256x_kernel sha256x_shani;
extern const struct sha256x_kernel sha256x_armv8;
extern const struct sha256x_kernel sha256x_portable;

/** sha256x_k - the constants of FIPS 180-4 section 4.2.2, on a 16-byte boundary */
extern const uint32_t sha256x_k[64];

#endif
