/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small sealed file, changed: every bit of A and of the used bytes of the slots, every other byte of the head, every
 * truncation, and what is longer.  Each is refused, and no byte of plaintext comes out.
 */
#include "support/kit.h"
#include "support/memory_source.h"

#define SIZE ((size_t)65536 + 1000) /* two records */
#define PAYLOAD ((size_t)139264)
#define SEALED (PAYLOAD + SIZE)

static uint8_t good[SEALED + 5000], copy[SEALED + 5000];

static coffer_err
sink_write(void *user, uint64_t off, const void *buf, size_t len)
{
	memcpy((uint8_t *)user + off, buf, len);
	return COFFER_OK;
}

/* The error that reading all of it ends with; the plaintext in @out. */
static coffer_err
read_all(const uint8_t *bytes, size_t len, uint8_t out[SIZE])
{
	struct memory m = {.bytes = bytes, .len = len};
	const struct coffer_source source = memory_source(&m);
	struct coffer_model *model = NULL;
	struct coffer_file *file = NULL;
	coffer_err err;

	memset(out, 0, SIZE);
	err = coffer_model_open_source(kit.ctx, &source, kit.keys, &model);
	if (err == COFFER_OK)
		err = coffer_file_open(kit.ctx, model, 0, &file);
	if (err == COFFER_OK)
		err = coffer_file_read_at(file, 0, out, SIZE);
	coffer_file_free(&file);
	coffer_model_free(&model);
	return err;
}

static void
assert_tampered(const char *what, size_t at, const uint8_t *bytes, size_t len)
{
	static const uint8_t zero[SIZE];
	static uint8_t out[SIZE];
	coffer_err err = read_all(bytes, len, out);

	if (coffer_err_exit(err) != 5)
		fail_msg("%s at %zu: %s: %s", what, at, coffer_err_name(err), coffer_ctx_message(kit.ctx));
	if (memcmp(out, zero, SIZE) != 0)
		fail_msg("%s at %zu: plaintext came out", what, at);
}

static void
flip_each(const char *what, size_t from, size_t to, size_t step, unsigned int bits)
{
	memcpy(copy, good, SEALED);
	for (size_t i = from; i < to; i += step)
		for (unsigned int bit = 0; bit < bits; bit++) {
			uint8_t mask = (uint8_t)(1 << (bits == 8 ? bit : i % 8));

			copy[i] ^= mask;
			assert_tampered(what, i, copy, SEALED);
			copy[i] = good[i];
		}
}

static size_t
document_len(size_t slot)
{
	return (size_t)good[slot + 10] << 8 | good[slot + 11];
}

static void
test_head(void **state)
{
	(void)state;
	flip_each("A", 0, 2048, 1, 8);
	flip_each("the zeros after A", 2048, 4096, 1, 1);
}

static void
test_slots(void **state)
{
	(void)state;
	for (size_t slot = 4096; slot <= 69632; slot += 65536) {
		size_t used = 64 + document_len(slot);

		assert_in_range(used, 500, 2000);
		flip_each("a slot's head", slot, slot + 64, 1, 8);
		flip_each("a slot's document", slot + 64, slot + used, 1, 1);
		flip_each("a slot's zeros", slot + used, slot + 65536, 509, 1);
		flip_each("a slot's last byte", slot + 65535, slot + 65536, 1, 1);
	}
}

static void
test_tags_and_payload(void **state)
{
	(void)state;
	flip_each("a tag", 135168, 135168 + 32, 1, 8);
	flip_each("the zeros after the tags", 135168 + 32, PAYLOAD, 1, 1);
	flip_each("the payload", PAYLOAD, SEALED, 251, 1);
	flip_each("its last byte", SEALED - 1, SEALED, 1, 8);
}

static void
test_lengths(void **state)
{
	static const size_t longer[] = {4096, 4095, 536};

	(void)state;
	for (size_t len = 0; len <= PAYLOAD; len += len < 5000 || len > PAYLOAD - 100 ? 1 : 97)
		assert_tampered("cut", len, good, len);
	for (size_t len = PAYLOAD; len < SEALED; len += 7)
		assert_tampered("cut", len, good, len);
	for (size_t more = 1; more <= 17; more++)
		assert_tampered("longer", more, good, SEALED + more);
	for (size_t i = 0; i < sizeof(longer) / sizeof(longer[0]); i++)
		assert_tampered("longer", longer[i], good, SEALED + longer[i]);
	assert_tampered("cut at the record", 65536, good, PAYLOAD + 65536);
}

/* Whole parts exchanged or of another sealing. */
static void
test_parts(void **state)
{
	static uint8_t other[SEALED];
	static const struct {
		const char *what;
		size_t off, len;
	} parts[] = {{"A", 0, 2048},
		     {"the commitment", 2016, 32},
		     {"both slots", 4096, 131072},
		     {"one slot", 4096, 65536},
		     {"the tags", 135168, 32},
		     {"a tag", 135168, 16},
		     {"the payload", PAYLOAD, SIZE},
		     {"the head", 0, PAYLOAD}};
	uint8_t swap[16];

	(void)state;
	memcpy(other, copy, SEALED); /* that of setup(): the same plaintext, sealed again */
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		memcpy(copy, good, SEALED);
		memcpy(copy + parts[i].off, other + parts[i].off, parts[i].len);
		assert_tampered(parts[i].what, parts[i].off, copy, SEALED);
	}
	memcpy(copy, good, SEALED);
	memcpy(swap, copy + 135168, 16);
	memcpy(copy + 135168, copy + 135184, 16);
	memcpy(copy + 135184, swap, 16);
	assert_tampered("tags exchanged", 0, copy, SEALED);
	memset(copy + 4096, 0, 131072);
	assert_tampered("no key block", 0, copy, SEALED);
}

/* One slot blank is what an interrupted rewrap leaves: it opens. */
static void
test_blank_slot(void **state)
{
	static uint8_t out[SIZE];

	(void)state;
	for (size_t slot = 4096; slot <= 69632; slot += 65536) {
		memcpy(copy, good, SEALED);
		memset(copy + slot, 0, 64);
		assert_ok(read_all(copy, SEALED, out));
		assert_int_equal(out[SIZE - 1], kit_byte(1, SIZE - 1));
	}
}

static int
setup(void **state)
{
	const struct coffer_seal_options options = {.version_1 = 1, .record_size = 65536};
	struct memory m = {.len = SIZE};
	const struct coffer_source source = memory_source(&m);
	struct coffer_sink to = {.user = good, .write_at = sink_write};
	static uint8_t out[SIZE];
	uint8_t *plain;

	if (kit_setup(state) != 0)
		return -1;
	m.bytes = plain = kit_bytes(SIZE, 1);
	memset(good, 0, sizeof(good));
	memset(copy, 0, sizeof(copy));
	assert_ok(coffer_seal_source(kit.ctx, &source, "f", &to, kit.keys, &options));
	to.user = copy;
	assert_ok(coffer_seal_source(kit.ctx, &source, "f", &to, kit.keys, &options));
	assert_ok(read_all(good, SEALED, out));
	assert_memory_equal(out, plain, SIZE);
	free(plain);
	return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, kit_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_head),    TEST(test_slots), TEST(test_tags_and_payload),
		TEST(test_lengths), TEST(test_parts), TEST(test_blank_slot),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
