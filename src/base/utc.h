/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Points in time as text: RFC 3339 and that of HTTP, in UTC.
 *
 * Times are whole seconds since 1970, years 1970 to 9999.
 */
#ifndef BASE_UTC_H
#define BASE_UTC_H

#include <stdbool.h>
#include <stdint.h>

#define UTC_LEN 20 /* characters of «2026-11-20T13:58:18Z» */

/** utc_parse() - the time that @text is; false unless it is «2026-11-20T13:58:18Z», with or without a fraction, which is dropped */
bool utc_parse(const char *text, int64_t *out);

/** utc_parse_http() - the time that a «Date» header is: «Fri, 20 Nov 2026 13:58:18 GMT» (RFC 9110 5.6.7, its one form that is not obsolete) */
bool utc_parse_http(const char *text, int64_t *out);
/** utc_parse_age() - the seconds that @text is: «90d», a whole number and s, h, d, w (weeks) or y (of 365 days); at most 100 years */
bool utc_parse_age(const char *text, int64_t *out);

/** utc_parse_when() - the time that @text is: as utc_parse(), a day («2026-11-20», its first second), or an age before @now */
bool utc_parse_when(const char *text, int64_t now, int64_t *out);

/** utc_text() - @time as «2026-11-20T13:58:18Z»; a time outside of the years above becomes «?»; returns @out */
const char *utc_text(int64_t time, char out[static UTC_LEN + 1]);

#endif
