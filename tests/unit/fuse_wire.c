/* SPDX-License-Identifier: Apache-2.0 */
/* The FUSE protocol: requests as Linux writes them, cut and spoilt ones, and answers to the byte. */
#include "mount/fuse_wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/** struct raw - a request as it is read: the header, and so many bytes behind it */
struct raw {
	struct fuse_in_header h;
	uint8_t body[256];
};

static struct raw
raw_of(uint32_t op, const void *body, size_t len)
{
	struct raw r = {.h = {.len = (uint32_t)(sizeof(r.h) + len), .opcode = op, .unique = 42, .nodeid = 7}};

	if (len > 0)
		memcpy(r.body, body, len);
	return r;
}

static bool
read_raw(const struct raw *r, struct wire_request *out)
{
	return wire_read(view_of(r, r->h.len), out);
}

/* ---- requests ---- */

static void
test_header(void **state)
{
	struct raw r = raw_of(FUSE_GETATTR, "0123456789abcdef", 16);
	struct wire_request q;

	(void)state;
	assert_true(read_raw(&r, &q));
	assert_int_equal(q.op, FUSE_GETATTR);
	assert_int_equal(q.unique, 42);
	assert_int_equal(q.node, 7);
	/* a kernel says of each request how long it is */
	assert_false(wire_read(view_of(&r, r.h.len - 1), &q));
	assert_false(wire_read(view_of(&r, r.h.len + 1), &q));
	assert_int_equal(q.unique, 42);
	assert_false(wire_read(view_of(&r, sizeof(r.h) - 1), &q));
	assert_int_equal(q.unique, 0);
	assert_false(wire_read(view_of(&r, 0), &q));
}

static const struct {
	const char *name;
	const char *bytes;
	size_t len;
	const char *found; /* NULL: refused */
} lookups[] = {
	{"a name", "model.gguf", 11, "model.gguf"},
	{"UTF-8", "\xc3\x96l", 4, "\xc3\x96l"},
	{"an empty one", "", 1, ""},
	{"no NUL", "model", 5, NULL},
	{"nothing", "", 0, NULL},
	{"bytes behind the NUL", "a\0b", 4, NULL},
};

static void
test_lookup(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(lookups) / sizeof(lookups[0]); i++) {
		struct raw r = raw_of(FUSE_LOOKUP, lookups[i].bytes, lookups[i].len);
		struct wire_request q;

		if (read_raw(&r, &q) != (lookups[i].found != NULL))
			fail_msg("%s", lookups[i].name);
		if (lookups[i].found)
			assert_true(view_is(q.name, lookups[i].found));
	}
}

static void
test_bodies(void **state)
{
	const struct fuse_read_in read_in = {.fh = UINT64_MAX, .offset = UINT64_C(1) << 33, .size = 1u << 20};
	const struct fuse_open_in open_in = {.flags = 0100000};
	const struct fuse_release_in release_in = {.fh = 99};
	const struct fuse_interrupt_in interrupt_in = {.unique = 41};
	struct wire_request q;
	struct raw r;

	(void)state;
	for (uint32_t op = FUSE_READ; op <= FUSE_READDIRPLUS; op++) {
		if (op != FUSE_READ && op != FUSE_READDIR && op != FUSE_READDIRPLUS)
			continue;
		r = raw_of(op, &read_in, sizeof(read_in));
		assert_true(read_raw(&r, &q));
		assert_true(q.read.fh == UINT64_MAX && q.read.off == UINT64_C(1) << 33 && q.read.len == 1u << 20);
	}
	r = raw_of(FUSE_OPEN, &open_in, sizeof(open_in));
	assert_true(read_raw(&r, &q));
	assert_int_equal(q.open_flags, 0100000);
	r = raw_of(FUSE_RELEASE, &release_in, sizeof(release_in));
	assert_true(read_raw(&r, &q));
	assert_int_equal(q.fh, 99);
	r = raw_of(FUSE_INTERRUPT, &interrupt_in, sizeof(interrupt_in));
	assert_true(read_raw(&r, &q));
	assert_int_equal(q.interrupted, 41);
}

static const struct {
	uint32_t op;
	size_t len;
} bodies[] = {
	{FUSE_READ, sizeof(struct fuse_read_in)},
	{FUSE_READDIR, sizeof(struct fuse_read_in)},
	{FUSE_READDIRPLUS, sizeof(struct fuse_read_in)},
	{FUSE_OPEN, sizeof(struct fuse_open_in)},
	{FUSE_RELEASE, sizeof(struct fuse_release_in)},
	{FUSE_INTERRUPT, sizeof(struct fuse_interrupt_in)},
	{FUSE_INIT, 16},
};

static void
test_cut(void **state)
{
	static const uint8_t zeros[256];

	(void)state;
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++)
		for (size_t len = 0; len <= bodies[i].len; len++) {
			struct raw r = raw_of(bodies[i].op, zeros, len);
			struct wire_request q;

			if (read_raw(&r, &q) != (len == bodies[i].len))
				fail_msg("operation %u with %zu bytes", bodies[i].op, len);
		}
}

/* ---- INIT ---- */

static struct wire_init_out
shake(const struct fuse_init_in *in, size_t len, struct wire_terms *terms)
{
	struct raw r = raw_of(FUSE_INIT, in, len);
	struct wire_request q;

	assert_true(read_raw(&r, &q));
	return wire_init(&q, terms);
}

static void
test_init(void **state)
{
	struct fuse_init_in in = {
		.major = 7, .minor = 45, .max_readahead = 131072, .flags = UINT32_MAX, .flags2 = UINT32_MAX};
	struct wire_terms terms = {.max_read = 1u << 20, .passthrough = true};
	struct wire_init_out out = shake(&in, sizeof(in), &terms);

	(void)state;
	assert_int_equal(out.major, 7);
	assert_int_equal(out.minor, 40);
	assert_true(out.max_pages == 256 && out.flags & FUSE_MAX_PAGES);
	assert_true(terms.passthrough && out.flags & FUSE_INIT_EXT && out.flags2 == 1u << 5 &&
		    out.max_stack_depth == 1);
	/* nothing is asked for that a read-only file system has no use for */
	assert_false(out.flags & (FUSE_WRITEBACK_CACHE | FUSE_POSIX_LOCKS | FUSE_FLOCK_LOCKS | FUSE_AUTO_INVAL_DATA));

	/* not wanted */
	terms.passthrough = false;
	out = shake(&in, sizeof(in), &terms);
	assert_true(!terms.passthrough && out.flags2 == 0 && out.max_stack_depth == 0);

	/* Linux 6.1 has none */
	terms.passthrough = true;
	in.minor = 37;
	in.flags2 = 0x7;
	out = shake(&in, sizeof(in), &terms);
	assert_true(!terms.passthrough && out.minor == 37 && out.flags2 == 0 && out.max_stack_depth == 0);

	/* flags2 counts when it is said that it is there */
	terms.passthrough = true;
	in.flags = ~(uint32_t)FUSE_INIT_EXT;
	in.flags2 = UINT32_MAX;
	out = shake(&in, sizeof(in), &terms);
	assert_true(!terms.passthrough && out.flags2 == 0);

	/* an old, short one */
	out = shake(&in, 16, &terms);
	assert_true(out.minor == 37 && out.flags2 == 0);
}

/* ---- answers ---- */

static void
test_attr(void **state)
{
	const struct wire_attr a = {
		.ino = 5, .size = 1025, .mode = S_IFREG | 0400, .links = 1, .uid = 10, .gid = 11, .time = 12};
	struct fuse_attr_out out = wire_attr_out(&a);
	struct fuse_entry_out entry = wire_entry_out(&a);

	(void)state;
	assert_true(out.attr.ino == 5 && out.attr.size == 1025 && out.attr.blocks == 3 && out.attr.nlink == 1);
	assert_true(out.attr.mode == (S_IFREG | 0400) && out.attr.uid == 10 && out.attr.gid == 11);
	assert_true(out.attr.mtime == 12 && out.attr_valid == WIRE_FOREVER);
	assert_true(entry.nodeid == 5 && entry.attr.size == 1025 && entry.generation == 0);
}

static void
test_dir(void **state)
{
	static const uint8_t expected[] = {9, 0, 0, 0, 0, 0, 0, 0, 3,	0,   0,	  0,   0,   0, 0, 0,
					   5, 0, 0, 0, 8, 0, 0, 0, 'm', 'o', 'd', 'e', 'l', 0, 0, 0};
	const struct wire_attr a = {.ino = 9, .mode = S_IFREG | 0400};
	uint8_t bytes[512];
	struct wire_dir d = {.bytes = bytes, .cap = sizeof(bytes)};

	(void)state;
	memset(bytes, 0xee, sizeof(bytes));
	assert_true(wire_dir_add(&d, view_str("model"), &a, 3, true));
	assert_int_equal(d.len, sizeof(expected));
	if (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__)
		assert_memory_equal(bytes, expected, sizeof(expected));

	/* with attributes, which count as a lookup but for «.» and «..» */
	d = (struct wire_dir){.bytes = bytes, .cap = sizeof(bytes), .plus = true};
	assert_true(wire_dir_add(&d, view_str("."), &a, 1, false));
	assert_true(wire_dir_add(&d, view_str("model"), &a, 2, true));
	assert_int_equal(d.len, 2 * (sizeof(struct fuse_entry_out) + 32));
	assert_int_equal(((struct fuse_entry_out *)(void *)bytes)->nodeid, 0);
	assert_int_equal(((struct fuse_entry_out *)(void *)(bytes + d.len / 2))->nodeid, 9);
}

static void
test_dir_full(void **state)
{
	const struct wire_attr a = {.ino = 9, .mode = S_IFDIR | 0500};
	uint8_t bytes[96];

	(void)state;
	for (size_t cap = 0; cap <= sizeof(bytes); cap++) {
		struct wire_dir d = {.bytes = bytes, .cap = cap};
		size_t n = 0;

		memset(bytes, 0xee, sizeof(bytes));
		while (wire_dir_add(&d, view_str("name"), &a, n + 1, true))
			n++;
		assert_int_equal(n, cap / 32);
		for (size_t i = 32 * n; i < sizeof(bytes); i++)
			assert_int_equal(bytes[i], 0xee);
	}
}

static void
test_answer(void **state)
{
	struct iovec body[2] = {{.iov_base = (char[]){"ab"}, .iov_len = 2},
				{.iov_base = (char[]){"cde"}, .iov_len = 3}};
	struct fuse_out_header h;
	char text[8] = "";
	int ends[2];

	(void)state;
	assert_int_equal(pipe(ends), 0);
	assert_true(wire_answer(ends[1], 42, 0, body, 2));
	assert_int_equal(read(ends[0], &h, sizeof(h)), sizeof(h));
	assert_true(h.len == 21 && h.error == 0 && h.unique == 42);
	assert_int_equal(read(ends[0], text, sizeof(text)), 5);
	assert_string_equal(text, "abcde");
	assert_true(wire_answer(ends[1], 43, 5, NULL, 0));
	assert_int_equal(read(ends[0], &h, sizeof(h)), sizeof(h));
	assert_true(h.len == 16 && h.error == -5 && h.unique == 43);
	(void)close(ends[0]);
	(void)close(ends[1]);
	assert_false(wire_answer(-1, 42, 0, NULL, 0));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_header), cmocka_unit_test(test_lookup),	cmocka_unit_test(test_bodies),
		cmocka_unit_test(test_cut),    cmocka_unit_test(test_init),	cmocka_unit_test(test_attr),
		cmocka_unit_test(test_dir),    cmocka_unit_test(test_dir_full), cmocka_unit_test(test_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
