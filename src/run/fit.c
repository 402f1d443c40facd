/* SPDX-License-Identifier: Apache-2.0 */
#include "run/fit.h"

#include <stdio.h>

#include "base/num.h"

#define PAGE 4096u
#define SIZE_LEN 32

uint64_t
fit_needed(uint64_t bytes, uint64_t n_files)
{
	uint64_t tails, sum;

	/* it saturates rather than wraps */
	if (!num_mul(n_files, PAGE, &tails) || !num_add(bytes, tails, &sum) || !num_add(sum, sum / 50, &sum))
		return UINT64_MAX;
	return sum;
}

static const char *
show(uint64_t bytes, char out[static SIZE_LEN])
{
	static const char *const units[] = {"KiB", "MiB", "GiB", "TiB"};
	double v = (double)bytes / 1024;
	size_t unit = 0;

	for (; v >= 1024 && unit + 1 < sizeof(units) / sizeof(units[0]); unit++)
		v /= 1024;
	(void)snprintf(out, SIZE_LEN, "%.1f %s", v, units[unit]);
	return out;
}

coffer_err
fit_check(struct fault *f, const struct room *room, uint64_t needed, uint64_t limit)
{
	char want[SIZE_LEN], have[SIZE_LEN];

	if (limit && needed > limit)
		return fault_set(
			f, COFFER_E_SPACE,
			"what is opened takes %s of memory, and --size allows %s; give more, or leave --size out",
			show(needed, want), show(limit, have));
	if (needed > room->bytes)
		return fault_set(f, COFFER_E_SPACE,
				 "what is opened takes %s of memory, and %s has %s left; end other programs, give it "
				 "more, or open files as they are used with --lazy",
				 show(needed, want), room->where, show(room->bytes, have));
	return COFFER_OK;
}
