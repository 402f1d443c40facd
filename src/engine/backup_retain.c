/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/backup_retain.h"

#include <string.h>
#include <time.h>

#include <coffer/backup.h>

#define DAY 86400

/* ---- which day, week, month, year a time is in ---- */

static int64_t
day_of(int64_t time)
{
	return time / DAY;
}

/* Weeks begin on Monday (ISO 8601); 1970 began on a Thursday. */
static int64_t
week_of(int64_t time)
{
	return (day_of(time) + 3) / 7;
}

static int64_t
month_of(int64_t time)
{
	time_t t = (time_t)time;
	struct tm tm = {.tm_year = 0};

	(void)gmtime_r(&t, &tm);
	return (int64_t)tm.tm_year * 12 + tm.tm_mon;
}

static int64_t
year_of(int64_t time)
{
	return month_of(time) / 12;
}

/* ---- rules ---- */

bool
retain_has_rule(const struct coffer_backup_prune_options *rules)
{
	return rules->keep_last || rules->keep_daily || rules->keep_weekly || rules->keep_monthly ||
	       rules->keep_yearly || rules->keep_within_s;
}

/* The snapshots of one group that are whole, or those that are not, are a row: @first is its newest. */
static bool
is_in_row(const struct retained *s, const struct retained *first)
{
	return s->whole == first->whole && memcmp(s->group, first->group, sizeof(s->group)) == 0;
}

/* Keep the newest of each of the last @count periods that have one; without periods, the last @count. */
static void
keep_periods(struct retained *v, const struct retained *first, uint32_t count, int64_t (*period_of)(int64_t))
{
	int64_t last = -1;

	for (size_t i = (size_t)(first - v) + 1; i-- > 0 && count > 0;) {
		int64_t period;

		if (!is_in_row(&v[i], first))
			continue;
		period = period_of ? period_of(v[i].time) : -1;
		if (period_of && period == last)
			continue;
		last = period;
		v[i].keep = true;
		count--;
	}
}

static void
keep_within(struct retained *v, const struct retained *first, uint64_t seconds)
{
	for (size_t i = (size_t)(first - v) + 1; i-- > 0;)
		if (seconds > 0 && is_in_row(&v[i], first) && (uint64_t)(first->time - v[i].time) <= seconds)
			v[i].keep = true;
}

static bool
is_newest_of_row(const struct retained *v, size_t n, size_t index)
{
	for (size_t i = index + 1; i < n; i++)
		if (is_in_row(&v[i], &v[index]))
			return false;
	return true;
}

void
retain_choose(const struct coffer_backup_prune_options *rules, struct retained *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		v[i].keep = false;
	for (size_t i = 0; i < n; i++) {
		if (!is_newest_of_row(v, n, i))
			continue;
		if (v[i].whole)
			v[i].keep = true;
		keep_periods(v, &v[i], rules->keep_last, NULL);
		keep_periods(v, &v[i], rules->keep_daily, day_of);
		keep_periods(v, &v[i], rules->keep_weekly, week_of);
		keep_periods(v, &v[i], rules->keep_monthly, month_of);
		keep_periods(v, &v[i], rules->keep_yearly, year_of);
		keep_within(v, &v[i], rules->keep_within_s);
	}
}
