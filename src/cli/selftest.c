/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/selftest.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include <coffer/coffer.h>

#include "cli/library.h"
#include "cli/term.h"

#define HEAD_ROOM ((size_t)1 << 20)

/** struct memory - a file that is no file */
struct memory {
	uint8_t *p;
	size_t cap;
	_Atomic uint64_t size; /* one past the last byte written */
};

static coffer_err
read_at(void *user, uint64_t off, void *buf, size_t len)
{
	const struct memory *m = user;

	if (off > m->cap || len > m->cap - off)
		return COFFER_E_IO;
	memcpy(buf, m->p + off, len);
	return COFFER_OK;
}

static coffer_err
write_at(void *user, uint64_t off, const void *buf, size_t len)
{
	struct memory *m = user;
	uint64_t size = atomic_load(&m->size);

	if (off > m->cap || len > m->cap - off)
		return COFFER_E_SPACE;
	memcpy(m->p + off, buf, len);
	while (size < off + len && !atomic_compare_exchange_weak(&m->size, &size, off + len))
		;
	return COFFER_OK;
}

static coffer_err
memory_init(struct fault *f, struct memory *m, size_t cap)
{
	m->p = calloc(1, cap);
	m->cap = cap;
	return m->p ? COFFER_OK : fault_nomem(f);
}

static void
memory_free(struct memory *m)
{
	free(m->p);
}

static coffer_err
make_key(struct fault *f, struct coffer_ctx *ctx, struct coffer_keyring **keys_out)
{
	uint8_t key[COFFER_KEY_LEN];
	coffer_err err;

	if (getrandom(key, sizeof(key), 0) != (ssize_t)sizeof(key))
		return fault_set(f, COFFER_E_SELFTEST, "the kernel gave no random bytes");
	TRY(library_fault(f, ctx, coffer_keyring_new(ctx, keys_out)));
	TRY(library_fault(f, ctx, coffer_keyring_add_raw(ctx, *keys_out, key)));
out:
	explicit_bzero(key, sizeof(key));
	return err;
}

static coffer_err
seal(struct fault *f, struct coffer_ctx *ctx, struct coffer_keyring *keys, struct memory *plain, struct memory *sealed)
{
	const struct coffer_source source = {.size = SELFTEST_SIZE, .user = plain, .read_at = read_at};
	const struct coffer_sink sink = {.user = sealed, .write_at = write_at};

	return library_fault(f, ctx, coffer_seal_source(ctx, &source, "selftest", &sink, keys, NULL));
}

static coffer_err
open_into(struct fault *f, struct coffer_ctx *ctx, struct coffer_keyring *keys, struct memory *sealed, uint8_t *out)
{
	const struct coffer_source source = {.size = atomic_load(&sealed->size), .user = sealed, .read_at = read_at};
	struct coffer_model *model = NULL;
	struct coffer_file *file = NULL;
	coffer_err err;

	TRY(library_fault(f, ctx, coffer_model_open_source(ctx, &source, keys, &model)));
	TRY(library_fault(f, ctx, coffer_file_open(ctx, model, 0, &file)));
	err = coffer_file_read_at(file, 0, out, SELFTEST_SIZE);
	if (err)
		TRY(fault_set(f, err, "what was sealed does not open: %s", coffer_err_text(err)));
out:
	coffer_file_free(&file);
	coffer_model_free(&model);
	return err;
}

static coffer_err
compare(struct fault *f, const struct memory *plain, const struct memory *back)
{
	if (memcmp(plain->p, back->p, SELFTEST_SIZE) == 0)
		return COFFER_OK;
	return fault_set(f, COFFER_E_SELFTEST, "what was opened is not what was sealed");
}

/* One flipped bit of the last record must be seen. */
static coffer_err
try_changed(struct fault *f, struct coffer_ctx *ctx, struct coffer_keyring *keys, struct memory *sealed, uint8_t *out)
{
	coffer_err err;

	sealed->p[atomic_load(&sealed->size) - 1] ^= 1;
	err = open_into(f, ctx, keys, sealed, out);
	if (err == COFFER_E_AUTH)
		return COFFER_OK;
	return err ? err : fault_set(f, COFFER_E_SELFTEST, "a changed byte was not noticed");
}

coffer_err
selftest_run(struct fault *f, struct coffer_ctx *ctx, struct selftest *out)
{
	struct memory plain = {0}, sealed = {0}, back = {0};
	struct coffer_keyring *keys = NULL;
	double begin, middle;
	coffer_err err;

	TRY(memory_init(f, &plain, SELFTEST_SIZE));
	TRY(memory_init(f, &back, SELFTEST_SIZE));
	TRY(memory_init(f, &sealed, SELFTEST_SIZE + HEAD_ROOM));
	/* touch the pages, so that the kernel's work is not measured */
	memset(plain.p, 0x5a, plain.cap);
	memset(back.p, 0, back.cap);
	memset(sealed.p, 0, sealed.cap);
	TRY(make_key(f, ctx, &keys));
	begin = term_now();
	TRY(seal(f, ctx, keys, &plain, &sealed));
	middle = term_now();
	TRY(open_into(f, ctx, keys, &sealed, back.p));
	*out = (struct selftest){.seal = middle - begin, .open = term_now() - middle};
	TRY(compare(f, &plain, &back));
	TRY(try_changed(f, ctx, keys, &sealed, back.p));
out:
	coffer_keyring_free(&keys);
	memory_free(&plain);
	memory_free(&back);
	memory_free(&sealed);
	return err;
}
