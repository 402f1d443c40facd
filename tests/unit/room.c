/* SPDX-License-Identifier: Apache-2.0 */
#include "base/room.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "support/tmpdir.h"

#define CG "sys/fs/cgroup/"
#define V1 CG "memory/"
#define MEMINFO                                                                                                        \
	{                                                                                                              \
		"proc/meminfo",                                                                                        \
			"MemTotal:       1000 kB\nMemFree:  10 kB\nMemAvailable:        900 kB\nBuffers: 3 kB\n"       \
	}

struct text_file {
	const char *path, *text;
};

static const struct {
	const char *name;
	struct text_file files[16];
	uint64_t bytes;
	const char *where;
} worlds[] = {
	{"nothing says anything", {{NULL, NULL}}, UINT64_MAX, ""},
	{"the machine alone", {MEMINFO}, 900 * 1024, "this machine"},
	{"an old kernel", {{"proc/meminfo", "MemTotal: 1000 kB\nMemFree: 10 kB\n"}}, UINT64_MAX, ""},
	{"a number that is none", {{"proc/meminfo", "MemAvailable: x kB\n"}}, UINT64_MAX, ""},
	{"version 2, no limit",
	 {MEMINFO, {"proc/self/cgroup", "0::/a\n"}, {CG "a/memory.max", "max\n"}, {CG "a/memory.current", "5\n"}},
	 900 * 1024,
	 "this machine"},
	{"version 2, a limit",
	 {MEMINFO,
	  {"proc/self/cgroup", "0::/a/b\n"},
	  {CG "a/b/memory.max", "500000\n"},
	  {CG "a/b/memory.current", "100000\n"}},
	 400000,
	 "the memory cgroup /a/b"},
	{"files are given back",
	 {MEMINFO,
	  {"proc/self/cgroup", "0::/a\n"},
	  {CG "a/memory.max", "500000\n"},
	  {CG "a/memory.current", "400000\n"},
	  {CG "a/memory.stat",
	   "anon 100000\nfile 300000\ninactive_anon 7\nactive_anon 8\ninactive_file 250000\nactive_file 50000\n"}},
	 400000,
	 "the memory cgroup /a"},
	{"more files than there is in use",
	 {MEMINFO,
	  {"proc/self/cgroup", "0::/a\n"},
	  {CG "a/memory.max", "500000\n"},
	  {CG "a/memory.current", "400000\n"},
	  {CG "a/memory.stat", "inactive_file 18446744073709551615\nactive_file 5\n"}},
	 100000,
	 "the memory cgroup /a"},
	{"the limit of one above",
	 {MEMINFO,
	  {"proc/self/cgroup", "0::/a/b\n"},
	  {CG "a/b/memory.max", "500000\n"},
	  {CG "a/b/memory.current", "1\n"},
	  {CG "a/memory.max", "300000\n"},
	  {CG "a/memory.current", "1000\n"}},
	 299000,
	 "the memory cgroup /a"},
	{"more in use than allowed",
	 {MEMINFO, {"proc/self/cgroup", "0::/\n"}, {CG "memory.max", "500\n"}, {CG "memory.current", "600\n"}},
	 0,
	 "the memory cgroup /"},
	{"in a container, the path of the host",
	 {MEMINFO,
	  {"proc/self/cgroup", "0::/kubepods/pod1\n"},
	  {CG "memory.max", "5000\n"},
	  {CG "memory.current", "1000\n"}},
	 4000,
	 "the memory cgroup /"},
	{"version 1",
	 {MEMINFO,
	  {"proc/self/cgroup", "12:cpuset:/\n4:memory:/a\n1:cpu:/\n0::/\n"},
	  {V1 "a/memory.limit_in_bytes", "5000\n"},
	  {V1 "a/memory.usage_in_bytes", "1000\n"},
	  {V1 "a/memory.stat", "inactive_file 1\nactive_file 2\ntotal_inactive_file 300\ntotal_active_file 50\n"}},
	 4350,
	 "the memory cgroup /a"},
	{"both: version 2 has no memory",
	 {MEMINFO,
	  {"proc/self/cgroup", "4:memory:/a\n0::/u\n"},
	  {CG "unified/u/cgroup.procs", "1\n"},
	  {V1 "a/memory.limit_in_bytes", "9223372036854771712\n"},
	  {V1 "a/memory.usage_in_bytes", "1000\n"}},
	 900 * 1024,
	 "this machine"},
};

static void
write_file(const char *root, const struct text_file *file)
{
	char path[1024];

	(void)snprintf(path, sizeof(path), "%s/%s", root, file->path);
	for (char *slash = path + strlen(root) + 1; (slash = strchr(slash, '/')); *slash++ = '/') {
		*slash = '\0';
		(void)mkdir(path, 0700);
	}
	assert_int_equal(file_write_new(NULL, path, file->text, strlen(file->text), 0600, false), COFFER_OK);
}

static void
test_worlds(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(worlds) / sizeof(worlds[0]); i++) {
		struct room room;
		char root[16];

		(void)snprintf(root, sizeof(root), "world%zu", i);
		assert_int_equal(mkdir(root, 0700), 0);
		for (size_t j = 0; worlds[i].files[j].path; j++)
			write_file(root, &worlds[i].files[j]);
		room_measure(root, &room);
		if (room.bytes != worlds[i].bytes || strcmp(room.where, worlds[i].where) != 0)
			fail_msg("%s: %llu of «%s»", worlds[i].name, (unsigned long long)room.bytes, room.where);
	}
}

static void
test_here(void **state)
{
	struct room room;

	(void)state;
	room_measure("", &room);
	assert_true(room.bytes > 1 << 20);
	assert_true(room.bytes < UINT64_C(1) << 60);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_worlds, tmpdir_setup, tmpdir_teardown),
		cmocka_unit_test(test_here),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
