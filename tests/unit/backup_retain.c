/* SPDX-License-Identifier: Apache-2.0 */
/* Which snapshots are kept. */
#include "engine/backup_retain.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <coffer/backup.h>
#include <stdio.h>
#include <string.h>

#include "base/utc.h"

#define MAX 16

/* Times are those of an hour: «2026-01-31T12»; a letter behind says the group, a «!» that it is not whole. */
static size_t
take(const char *const *texts, struct retained v[static MAX])
{
	size_t n = 0;

	for (; texts[n]; n++) {
		char full[UTC_LEN + 1];

		memset(&v[n], 0, sizeof(v[n]));
		(void)snprintf(full, sizeof(full), "%.13s:00:00Z", texts[n]);
		assert_true(utc_parse(full, &v[n].time));
		v[n].whole = !strchr(texts[n], '!');
		v[n].group[0] = strchr(texts[n], 'b') ? 'b' : 'a';
	}
	return n;
}

static const struct retain_case {
	const char *name;
	struct coffer_backup_prune_options rules;
	const char *times[MAX];
	const char *keep; /* «x» or «-» for each */
} cases[] = {
	{"none", {.keep_last = 3}, {NULL}, ""},
	{"the last", {.keep_last = 1}, {"2026-01-01T00", "2026-01-01T01", NULL}, "-x"},
	{"the last of more than there are", {.keep_last = 9}, {"2026-01-01T00", "2026-01-01T01", NULL}, "xx"},
	{"two of one moment", {.keep_last = 1}, {"2026-01-01T00", "2026-01-01T00", NULL}, "-x"},
	{"days have one each",
	 {.keep_daily = 2},
	 {"2026-01-01T23", "2026-01-02T00", "2026-01-02T23", "2026-01-03T00", "2026-01-03T01", NULL},
	 "--x-x"},
	{"days without one do not count",
	 {.keep_daily = 2},
	 {"2025-01-01T00", "2025-06-01T00", "2026-01-03T00", NULL},
	 "-xx"},
	{"weeks begin on Monday",
	 {.keep_weekly = 2},
	 /* 2026-01-04 was a Sunday */
	 {"2025-12-29T00", "2026-01-04T23", "2026-01-05T00", "2026-01-11T00", NULL},
	 "-x-x"},
	{"months",
	 {.keep_monthly = 3},
	 {"2025-11-30T00", "2025-12-01T00", "2025-12-31T23", "2026-01-01T00", "2026-02-28T00", NULL},
	 "--xxx"},
	{"years",
	 {.keep_yearly = 2},
	 {"2024-12-31T00", "2025-01-01T00", "2025-12-31T23", "2026-01-01T00", NULL},
	 "--xx"},
	{"not older than the newest by so much",
	 {.keep_within_s = 86400},
	 {"2026-01-01T23", "2026-01-02T00", "2026-01-02T12", "2026-01-03T00", NULL},
	 "-xxx"},
	{"whatever any rule keeps",
	 {.keep_last = 2, .keep_monthly = 2},
	 {"2025-11-01T00", "2025-12-01T00", "2026-01-01T00", "2026-01-02T00", NULL},
	 "-xxx"},
	{"groups are apart",
	 {.keep_last = 1},
	 {"2026-01-01T00 b", "2026-01-02T00 a", "2026-01-03T00 a", "2026-01-03T01 b", NULL},
	 "--xx"},
	{"an old group keeps its last", {.keep_within_s = 60}, {"2020-01-01T00 b", "2026-01-03T00 a", NULL}, "xx"},
	{"what is not whole takes nobody's place",
	 {.keep_last = 1},
	 {"2026-01-01T00", "2026-01-02T00", "2026-01-03T00!", NULL},
	 "-xx"},
	{"and not the place of its day",
	 {.keep_daily = 1},
	 {"2026-01-03T00", "2026-01-03T01", "2026-01-03T02!", NULL},
	 "-xx"},
	{"the newest that is whole stays where no rule speaks for it",
	 {.keep_within_s = 60},
	 {"2026-01-01T00", "2026-01-02T00", "2026-01-02T05!", "2026-01-03T00!", NULL},
	 "-x-x"},
	{"a leap day",
	 {.keep_monthly = 1, .keep_daily = 2},
	 {"2024-02-28T00", "2024-02-29T00", "2024-03-01T00", NULL},
	 "-xx"},
};

static void
test_choose(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const struct retain_case *c = &cases[i];
		struct retained v[MAX];
		size_t n = take(c->times, v);

		assert_int_equal(n, strlen(c->keep));
		assert_true(retain_has_rule(&c->rules));
		retain_choose(&c->rules, v, n);
		for (size_t j = 0; j < n; j++)
			if (v[j].keep != (c->keep[j] == 'x'))
				fail_msg("%s: %s is %s", c->name, c->times[j], v[j].keep ? "kept" : "not kept");
	}
}

static void
test_no_rule(void **state)
{
	const struct coffer_backup_prune_options none = {.version_1 = 1, .grace_s = 5, .dry_run = true};

	(void)state;
	assert_false(retain_has_rule(&none));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_choose),
		cmocka_unit_test(test_no_rule),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
