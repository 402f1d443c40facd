/* SPDX-License-Identifier: Apache-2.0 */
/* The tensors of a sealed model: by name, and each in turn. */
#include <stdatomic.h>
#include <time.h>

#include <coffer/load.h>
#include <coffer/trust.h>

#include "support/sign_kit.h"
#include "support/weights_kit.h"

#define RECORD 65536
#define MIB ((size_t)1 << 20)

/* less than a record and more, nothing at all, whole records, and what several threads have to do with */
static const size_t first_shard[] = {16, 0, 100, RECORD, RECORD, 3 * RECORD + 1, 5, 0, 7 * RECORD, 4 * MIB + 13};
static const size_t second_shard[] = {1, 2, 3, 4, 5, 0, 2 * MIB, 2 * MIB, 9, 3 * MIB + 5, 1000, 0};

enum { N_FIRST = 10, N_SECOND = 12, N = N_FIRST + N_SECOND };

static struct coffer_model *model;
static struct coffer_loader *loader;

static size_t
size_of(size_t i)
{
	return i < N_FIRST ? first_shard[i] : second_shard[i - N_FIRST];
}

static void
open_loader(void)
{
	assert_ok(coffer_model_open(kit.ctx, "s", kit.keys, &model));
	assert_ok(coffer_loader_open(kit.ctx, model, NULL, &loader));
}

static void
seal_model(const struct coffer_signer *signer)
{
	const struct coffer_seal_options o = {.version_1 = 1, .record_size = RECORD, .signer = signer, .name = "s"};

	weights_kit_file("m/1.safetensors", first_shard, N_FIRST, 0, RECORD);
	weights_kit_file("m/2.safetensors", second_shard, N_SECOND, N_FIRST, 8);
	kit_file("m/config.json", 20, 1);
	assert_ok(coffer_seal(kit.ctx, "m", "s", kit.keys, &o, NULL));
}

static int
setup(void **state)
{
	if (sign_kit_setup(state) != 0 || setenv("XDG_CONFIG_HOME", tmpdir_path, 1) != 0)
		return -1;
	seal_model(sign_kit.signer);
	open_loader();
	return 0;
}

static void
close_loader(void)
{
	coffer_loader_free(&loader);
	coffer_model_free(&model);
}

static int
teardown(void **state)
{
	close_loader();
	return sign_kit_teardown(state);
}

/* ---- opening ---- */

static void
what_it_has(void **state)
{
	size_t one = coffer_model_find(model, "1.safetensors"), config = coffer_model_find(model, "config.json");

	(void)state;
	assert_int_equal(coffer_tensors_size(coffer_loader_tensors(loader)), N);
	assert_non_null(coffer_loader_file(loader, one));
	assert_null(coffer_loader_file(loader, config));
	assert_null(coffer_loader_file(loader, coffer_model_size(model)));
	coffer_loader_free(&loader);
	assert_null(loader);
	coffer_loader_free(&loader);
}

static void
whose_it_is(void **state)
{
	const struct coffer_open_options good = {.version_1 = 1, .trust = &sign_kit.trust};
	const struct coffer_open_options other = {.version_1 = 1, .trust = &sign_kit.other};
	const struct coffer_trust_options bound = {
		.version_1 = 1, .method = COFFER_METHOD_KEY, .public_key = "other.pub"};
	struct coffer_load_options o = {.version_1 = 1, .trust = &other};

	(void)state;
	coffer_loader_free(&loader);
	assert_refused(coffer_loader_open(kit.ctx, model, &o, &loader), COFFER_E_SIGNATURE);
	assert_null(loader);
	o.trust = &good;
	assert_ok(coffer_loader_open(kit.ctx, model, &o, &loader));
	coffer_loader_free(&loader);
	/* the trust store says otherwise, but somebody was asked for already */
	assert_ok(coffer_trust_add(kit.ctx, "s", &bound));
	assert_ok(coffer_loader_open(kit.ctx, model, NULL, &loader));
	close_loader();
	assert_ok(coffer_model_open(kit.ctx, "s", kit.keys, &model));
	assert_refused(coffer_loader_open(kit.ctx, model, NULL, &loader), COFFER_E_SIGNATURE);
}

static void
code_is_refused(void **state)
{
	struct coffer_load_options o = {.version_1 = 1};

	(void)state;
	close_loader();
	assert_int_equal(kit_remove_all("s"), 0);
	kit_file("m/modeling.py", 10, 1);
	seal_model(NULL);
	assert_ok(coffer_model_open(kit.ctx, "s", kit.keys, &model));
	assert_refused(coffer_loader_open(kit.ctx, model, &o, &loader), COFFER_E_POLICY);
	assert_non_null(strstr(coffer_ctx_message(kit.ctx), "modeling.py"));
	assert_null(loader);
	assert_refused(coffer_model_refuse_code(kit.ctx, model), COFFER_E_POLICY);
	o.allow_code = true;
	assert_ok(coffer_loader_open(kit.ctx, model, &o, &loader));
}

static void
options_of_another_version(void **state)
{
	const struct coffer_load_options bad[] = {
		{.version_1 = 0}, {.version_1 = 2}, {.version_1 = 1, .reserved = {[7] = 1}}};

	(void)state;
	coffer_loader_free(&loader);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_refused(coffer_loader_open(kit.ctx, model, &bad[i], &loader), COFFER_E_USAGE);
}

/* ---- by name ---- */

static void
by_name(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < N; i++) {
		size_t size = size_of(i), from = size / 3;
		uint8_t *want = kit_bytes(size, i), *got = malloc(size + 1);
		char name[16];

		(void)snprintf(name, sizeof(name), "t%u", i);
		got[size] = 0xee;
		assert_int_equal(coffer_loader_read_at(loader, name, 0, got, size), COFFER_OK);
		assert_memory_equal(got, want, size);
		assert_int_equal(got[size], 0xee);
		assert_int_equal(coffer_loader_read_at(loader, name, from, got, size - from), COFFER_OK);
		assert_memory_equal(got, want + from, size - from);
		/* its neighbour's bytes are not its own */
		assert_int_equal(coffer_loader_read_at(loader, name, size, got, 1), COFFER_E_RANGE);
		assert_int_equal(got[0], 0);
		assert_int_equal(coffer_loader_read_at(loader, name, UINT64_MAX, got, 1), COFFER_E_RANGE);
		free(want);
		free(got);
	}
}

static void
no_such_name(void **state)
{
	uint8_t byte = 0xee;

	(void)state;
	assert_int_equal(coffer_loader_read_at(loader, "t22", 0, &byte, 1), COFFER_E_NOTFOUND);
	assert_int_equal(byte, 0);
	assert_int_equal(coffer_loader_read_at(loader, "t", 0, &byte, 0), COFFER_E_NOTFOUND);
}

/* ---- each in turn ---- */

struct taker {
	uint64_t ahead;	  /* as the call was told */
	size_t leave_out; /* of each so many the last; 0: none */
	size_t give_up;	  /* at which tensor, from 1; 0: never */
	size_t cancel;	  /* likewise */
	bool slow;	  /* all threads are there, and wait for a place, before the first is given */
	size_t n_placed, n_ready;
	uint64_t waiting;
	uint8_t *memory[N];
};

static bool
leaves_out(const struct taker *t, size_t i)
{
	return t->leave_out && i % t->leave_out == t->leave_out - 1;
}

static void
assert_is(const struct coffer_tensor *tensor, size_t i)
{
	char name[16];

	(void)snprintf(name, sizeof(name), "t%zu", i);
	assert_string_equal(tensor->name, name);
	assert_int_equal(tensor->size, size_of(i));
}

static void *
place(void *user, const struct coffer_tensor *tensor)
{
	struct taker *t = user;
	size_t i = t->n_placed++;

	assert_is(tensor, i);
	if (t->slow && i == 0)
		(void)nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
	if (leaves_out(t, i))
		return NULL;
	/* no more than so much waits, but for one */
	assert_true(t->waiting == 0 || t->waiting + tensor->size <= t->ahead);
	t->waiting += tensor->size;
	t->memory[i] = malloc(tensor->size + 1);
	memset(t->memory[i], 0xee, tensor->size + 1);
	return t->memory[i];
}

static coffer_err
ready(void *user, const struct coffer_tensor *tensor, void *bytes)
{
	struct taker *t = user;
	size_t i = t->n_ready;
	uint8_t *want;

	while (leaves_out(t, i))
		i++;
	t->n_ready = i + 1;
	assert_is(tensor, i);
	assert_ptr_equal(bytes, t->memory[i]);
	want = kit_bytes(size_of(i), (unsigned int)i);
	assert_memory_equal(bytes, want, size_of(i));
	assert_int_equal(t->memory[i][size_of(i)], 0xee);
	free(want);
	t->waiting -= size_of(i);
	if (i + 1 == t->cancel)
		coffer_ctx_cancel(kit.ctx);
	return i + 1 == t->give_up ? COFFER_E_SPACE : COFFER_OK;
}

static coffer_err
take(struct taker *t)
{
	const struct coffer_tensor_sink sink = {.user = t, .place = place, .ready = ready};
	uint64_t ahead = t->ahead;

	t->ahead = ahead ? ahead : 64 * MIB;
	return coffer_loader_each(kit.ctx, loader, ahead, &sink);
}

/* what was placed and is not ready has no plaintext of any record */
static void
assert_clear(struct taker *t)
{
	for (size_t i = 0; i < N; i++) {
		for (size_t j = 0; i >= t->n_ready && t->memory[i] && j < size_of(i); j++)
			assert_int_equal(t->memory[i][j], 0);
		free(t->memory[i]);
		t->memory[i] = NULL;
	}
}

static void
in_turn(void **state)
{
	static const uint64_t aheads[] = {1, 100, RECORD + 3, 2 * MIB, 5 * MIB, 0, UINT64_MAX};
	static const unsigned int jobs[] = {1, 2, 5};

	(void)state;
	for (size_t i = 0; i < sizeof(aheads) / sizeof(aheads[0]); i++)
		for (size_t j = 0; j < sizeof(jobs) / sizeof(jobs[0]); j++) {
			struct taker t = {.ahead = aheads[i]};

			coffer_ctx_set_jobs(kit.ctx, jobs[j]);
			assert_ok(take(&t));
			assert_int_equal(t.n_placed, N);
			assert_int_equal(t.n_ready, N);
			assert_clear(&t);
		}
}

static void
left_out(void **state)
{
	(void)state;
	for (size_t each = 1; each < 5; each++) {
		struct taker t = {.ahead = 3 * RECORD, .leave_out = each};

		assert_ok(take(&t));
		assert_int_equal(t.n_placed, N);
		assert_int_equal(t.n_ready, each == 1 ? 0 : leaves_out(&t, N - 1) ? N - 1 : N);
		assert_clear(&t);
	}
}

static void
the_taker_gives_up(void **state)
{
	(void)state;
	for (size_t i = 1; i <= N; i += 4) {
		struct taker t = {.ahead = 5 * MIB, .give_up = i};

		assert_refused(take(&t), COFFER_E_SPACE);
		assert_int_equal(t.n_ready, i);
		assert_clear(&t);
	}
}

static void
cancelled(void **state)
{
	static const size_t at[] = {3, N - 4};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct taker t = {.ahead = RECORD, .cancel = at[i], .slow = true};

		assert_refused(take(&t), COFFER_E_INTERRUPTED);
		assert_int_equal(t.n_ready, at[i]);
		assert_clear(&t);
		close_loader();
		coffer_ctx_free(&kit.ctx);
		assert_int_equal(coffer_ctx_new(&kit.ctx), COFFER_OK);
		open_loader();
	}
}

/* From where on nothing is handed out: a byte of a record that tensor @first is the first in. */
static void
damage(const char *path, size_t first)
{
	const struct coffer_tensor *t = coffer_tensors_at(coffer_loader_tensors(loader), first);
	struct coffer_file *file = coffer_loader_file(loader, t->file);
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	kit_flip(path, st.st_size - (off_t)coffer_file_size(file) + (off_t)t->off, 1);
}

static void
a_changed_record(void **state)
{
	/* the first byte of t3 is that of a record; t0 to t2 are in the one before, and are good */
	struct taker t = {.ahead = 3 * RECORD, .slow = true};

	(void)state;
	damage("s/1.safetensors.coffer", 4);
	assert_refused(take(&t), COFFER_E_AUTH);
	assert_true(t.n_ready <= 4);
	assert_clear(&t);
	/* and the file stays failed [F-11] */
	memset(&t, 0, sizeof(t));
	assert_refused(take(&t), COFFER_E_AUTH);
	assert_clear(&t);
}

static void
a_cut_file(void **state)
{
	struct taker t = {.ahead = 0};

	(void)state;
	assert_int_equal(truncate("s/2.safetensors.coffer", 3 * MIB), 0);
	assert_refused(take(&t), COFFER_E_CHANGED);
	assert_true(t.n_ready < N - 2);
	assert_clear(&t);
}

struct seen {
	uint64_t done, total;
};

static void
see(void *user, const char *path, uint64_t done, uint64_t total)
{
	*(struct seen *)user = (struct seen){.done = done, .total = total};
	assert_non_null(strstr(path, "safetensors"));
}

static void
progress(void **state)
{
	struct seen seen = {0};
	struct taker t = {.ahead = 0};
	uint64_t total = 0;

	(void)state;
	for (size_t i = 0; i < N; i++)
		total += size_of(i);
	coffer_ctx_set_progress(kit.ctx, see, &seen);
	assert_ok(take(&t));
	assert_int_equal(seen.done, total);
	assert_int_equal(seen.total, total);
	assert_clear(&t);
}

static void
no_tensors(void **state)
{
	struct taker t = {.ahead = 0};

	(void)state;
	close_loader();
	assert_int_equal(kit_remove_all("s"), 0);
	kit_file("n/config.json", 20, 1);
	assert_ok(coffer_seal(kit.ctx, "n", "s", kit.keys, NULL, NULL));
	open_loader();
	assert_ok(take(&t));
	assert_int_equal(t.n_placed, 0);
}

/* ---- how often a record is opened ---- */

struct counted {
	const uint8_t *bytes;
	atomic_size_t n_read;
};

static coffer_err
read_counted(void *user, uint64_t off, void *buf, size_t len)
{
	struct counted *c = user;

	memcpy(buf, c->bytes + off, len);
	atomic_fetch_add(&c->n_read, len);
	return COFFER_OK;
}

static void *
place_anywhere(void *user, const struct coffer_tensor *tensor)
{
	(void)user;
	return malloc(tensor->size + 1);
}

static coffer_err
drop(void *user, const struct coffer_tensor *tensor, void *bytes)
{
	*(size_t *)user += tensor->size;
	free(bytes);
	return COFFER_OK;
}

/* However the tensors share records, each record is read once, and its tag of 16 bytes. */
static void
a_record_is_opened_once(void **state)
{
	const struct coffer_seal_options o = {.version_1 = 1, .record_size = RECORD};
	struct counted counted = {.bytes = NULL};
	struct coffer_source source = {.user = &counted, .read_at = read_counted};
	size_t sizes[300], len, total = 0, taken;
	const struct coffer_tensor_sink sink = {.user = &taken, .place = place_anywhere, .ready = drop};
	uint8_t *bytes;

	(void)state;
	for (size_t i = 0; i < 300; i++)
		total += sizes[i] = i < 200 ? 999 + i : i < 290 ? RECORD * 3 / 2 + i : 5;
	close_loader();
	/* the header fills the first record, or two */
	weights_kit_file("many.safetensors", sizes, 300, 0, RECORD);
	assert_ok(coffer_seal(kit.ctx, "many.safetensors", "many.coffer", kit.keys, &o, NULL));
	bytes = kit_read("many.coffer", &len);
	counted.bytes = bytes;
	source.size = len;
	assert_ok(coffer_model_open_source(kit.ctx, &source, kit.keys, &model));
	assert_ok(coffer_loader_open(kit.ctx, model, NULL, &loader));
	for (unsigned int jobs = 1; jobs < 5; jobs++) {
		coffer_ctx_set_jobs(kit.ctx, jobs);
		counted.n_read = taken = 0;
		assert_ok(coffer_loader_each(kit.ctx, loader, jobs * 70000, &sink));
		assert_int_equal(taken, total);
		assert_int_equal(counted.n_read, total + (total + RECORD - 1) / RECORD * 16);
	}
	close_loader();
	free(bytes);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_it_has, setup, teardown),
		cmocka_unit_test_setup_teardown(whose_it_is, setup, teardown),
		cmocka_unit_test_setup_teardown(code_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(options_of_another_version, setup, teardown),
		cmocka_unit_test_setup_teardown(by_name, setup, teardown),
		cmocka_unit_test_setup_teardown(no_such_name, setup, teardown),
		cmocka_unit_test_setup_teardown(in_turn, setup, teardown),
		cmocka_unit_test_setup_teardown(left_out, setup, teardown),
		cmocka_unit_test_setup_teardown(the_taker_gives_up, setup, teardown),
		cmocka_unit_test_setup_teardown(cancelled, setup, teardown),
		cmocka_unit_test_setup_teardown(a_changed_record, setup, teardown),
		cmocka_unit_test_setup_teardown(a_cut_file, setup, teardown),
		cmocka_unit_test_setup_teardown(progress, setup, teardown),
		cmocka_unit_test_setup_teardown(no_tensors, setup, teardown),
		cmocka_unit_test_setup_teardown(a_record_is_opened_once, setup, teardown),
	};

	return cmocka_run_group_tests_name("loader", tests, NULL, NULL);
}
