/* SPDX-License-Identifier: Apache-2.0 */
#include "mem/secret.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/num.h"

/* the bytes end at the guard behind them, as far as this alignment lets them */
#define ALIGNMENT 64

/* All of this is help, not promise: a small RLIMIT_MEMLOCK or an old kernel must not stop a load. */
static void
keep_private(void *p, size_t len)
{
	(void)mlock(p, len);
	(void)madvise(p, len, MADV_DONTDUMP);
	(void)madvise(p, len, MADV_WIPEONFORK);
}

coffer_err
secret_new(struct fault *f, struct secret *s, size_t len)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t room;
	uint8_t *map;

	if (len > SIZE_MAX - 4 * page)
		return fault_nomem(f);
	room = num_round_up(len > 0 ? len : 1, page);
	map = mmap(NULL, room + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (map == MAP_FAILED)
		return fault_nomem(f);
	if (mprotect(map + page, room, PROT_READ | PROT_WRITE) != 0) {
		(void)munmap(map, room + 2 * page);
		return fault_nomem(f);
	}
	keep_private(map + page, room);
	*s = (struct secret){
		.p = map + page + room - num_round_up(len, ALIGNMENT),
		.len = len,
		.map = map,
		.map_len = room + 2 * page,
	};
	return COFFER_OK;
}

coffer_err
secret_copy(struct fault *f, struct secret *s, const void *bytes, size_t len)
{
	coffer_err err = secret_new(f, s, len);

	if (err == COFFER_OK && len > 0)
		memcpy(s->p, bytes, len);
	return err;
}

void
secret_free(struct secret *s)
{
	if (s->map) {
		mem_wipe(s->p, s->len);
		(void)munmap(s->map, s->map_len);
	}
	*s = (struct secret)SECRET_INIT;
}

void
secret_move(struct secret *to, struct secret *from)
{
	*to = *from;
	*from = (struct secret)SECRET_INIT;
}

void
mem_wipe(void *p, size_t len)
{
	if (len > 0)
		explicit_bzero(p, len);
}

bool
mem_equal(const void *a, const void *b, size_t len)
{
	/* volatile: the compiler must not see that one difference decides */
	const volatile uint8_t *x = a;
	const volatile uint8_t *y = b;
	volatile uint8_t differ = 0;

	for (size_t i = 0; i < len; i++)
		differ = (uint8_t)(differ | (x[i] ^ y[i]));
	return differ == 0;
}
