/* SPDX-License-Identifier: Apache-2.0 */
#include "base/utc.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/num.h"

#define AGE_MAX (UINT64_C(100) * 365 * 86400)
#define LAST INT64_C(253402300799) /* the end of the year 9999 */

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* @form has a 0 for each digit, and every other character as it must be. */
static bool
has_form(const char *text, const char *form)
{
	for (; *form; text++, form++)
		if (*form == '0' ? !is_digit(*text) : *text != *form)
			return false;
	return true;
}

/* Whether @text is nothing, or a point and digits, and then «Z». */
static bool
is_fraction_and_zone(const char *text)
{
	if (text[0] == '.' && is_digit(text[1]))
		for (text++; is_digit(*text); text++)
			;
	return strcmp(text, "Z") == 0;
}

static int
number(const char *text, size_t len)
{
	int v = 0;

	for (size_t i = 0; i < len; i++)
		v = v * 10 + (text[i] - '0');
	return v;
}

/* timegm() takes the 31st of April for the 1st of May; no calendar has such a day. */
static bool
time_of(struct tm tm, int64_t *out)
{
	struct tm again = tm;
	time_t t = timegm(&again);

	if (t < 0 || again.tm_mon != tm.tm_mon || again.tm_mday != tm.tm_mday || again.tm_hour != tm.tm_hour ||
	    again.tm_min != tm.tm_min || again.tm_sec != tm.tm_sec)
		return false;
	*out = t;
	return true;
}

bool
utc_parse(const char *text, int64_t *out)
{
	*out = 0;
	if (!has_form(text, "0000-00-00T00:00:00") || !is_fraction_and_zone(text + 19))
		return false;
	return time_of((struct tm){.tm_year = number(text, 4) - 1900,
				   .tm_mon = number(text + 5, 2) - 1,
				   .tm_mday = number(text + 8, 2),
				   .tm_hour = number(text + 11, 2),
				   .tm_min = number(text + 14, 2),
				   .tm_sec = number(text + 17, 2)},
		       out);
}

/* which of the names of three letters @text begins with; -1: none */
static int
name_of(const char *text, const char *names)
{
	for (int i = 0; names[3 * i]; i++)
		if (strncmp(text, names + 3 * (size_t)i, 3) == 0)
			return i;
	return -1;
}

bool
utc_parse_http(const char *text, int64_t *out)
{
	int month;

	*out = 0;
	if (name_of(text, "SunMonTueWedThuFriSat") < 0 || !has_form(text + 3, ", 00 ") ||
	    (month = name_of(text + 8, "JanFebMarAprMayJunJulAugSepOctNovDec")) < 0 ||
	    !has_form(text + 11, " 0000 00:00:00 GMT") || text[29] != '\0')
		return false;
	return time_of((struct tm){.tm_year = number(text + 12, 4) - 1900,
				   .tm_mon = month,
				   .tm_mday = number(text + 5, 2),
				   .tm_hour = number(text + 17, 2),
				   .tm_min = number(text + 20, 2),
				   .tm_sec = number(text + 23, 2)},
		       out);
}

bool
utc_parse_age(const char *text, int64_t *out)
{
	static const struct {
		char letter;
		uint64_t seconds;
	} units[] = {{'s', 1}, {'h', 3600}, {'d', 86400}, {'w', 7 * 86400}, {'y', 365 * 86400}};
	char digits[16];
	size_t len = strlen(text);
	uint64_t n;

	*out = 0;
	if (len < 2 || len > sizeof(digits))
		return false;
	memcpy(digits, text, len - 1);
	digits[len - 1] = '\0';
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (text[len - 1] == units[i].letter && num_parse(digits, 0, AGE_MAX / units[i].seconds, &n)) {
			*out = (int64_t)(n * units[i].seconds);
			return true;
		}
	return false;
}

bool
utc_parse_when(const char *text, int64_t now, int64_t *out)
{
	char day[UTC_LEN + 1];
	int64_t age;

	if (utc_parse_age(text, &age)) {
		*out = now - age;
		return *out >= 0;
	}
	if (strlen(text) != 10)
		return utc_parse(text, out);
	(void)snprintf(day, sizeof(day), "%sT00:00:00Z", text);
	return utc_parse(day, out);
}

const char *
utc_text(int64_t time, char out[static UTC_LEN + 1])
{
	time_t t = (time_t)time;
	struct tm tm;

	if (time < 0 || time > LAST || !gmtime_r(&t, &tm) ||
	    strftime(out, UTC_LEN + 1, "%Y-%m-%dT%H:%M:%SZ", &tm) != UTC_LEN)
		(void)snprintf(out, UTC_LEN + 1, "?");
	return out;
}
