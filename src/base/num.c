/* SPDX-License-Identifier: Apache-2.0 */
#include "base/num.h"

#include <string.h>

static const char *
parse_digits(const char *s, uint64_t *out)
{
	uint64_t v = 0;

	if (*s < '0' || *s > '9' || (s[0] == '0' && s[1] >= '0' && s[1] <= '9'))
		return NULL;
	for (; *s >= '0' && *s <= '9'; s++)
		if (!num_mul(v, 10, &v) || !num_add(v, (uint64_t)(*s - '0'), &v))
			return NULL;
	*out = v;
	return s;
}

bool
num_parse(const char *s, uint64_t min, uint64_t max, uint64_t *out)
{
	const char *end;
	uint64_t v;

	end = parse_digits(s, &v);
	if (!end || *end != '\0' || v < min || v > max)
		return false;
	*out = v;
	return true;
}

bool
num_parse_size(const char *s, uint64_t min, uint64_t max, uint64_t *out)
{
	static const char units[] = "KkMmGgTt";
	const char *end, *unit;
	uint64_t v;

	end = parse_digits(s, &v);
	if (!end)
		return false;
	if (*end != '\0') {
		unit = strchr(units, *end);
		if (!unit || end[1] != '\0' || !num_mul(v, UINT64_C(1) << (10 * ((unit - units) / 2 + 1)), &v))
			return false;
	}
	if (v < min || v > max)
		return false;
	*out = v;
	return true;
}
