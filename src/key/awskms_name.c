/* SPDX-License-Identifier: Apache-2.0 */
#include "key/awskms_name.h"

#include <string.h>

#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define DIGITS "0123456789"
#define LETTERS LOWER "ABCDEFGHIJKLMNOPQRSTUVWXYZ" DIGITS

#define PART_MAX 63    /* of a partition or a region, which are parts of a host's name */
#define ACCOUNT_LEN 12 /* digits */
#define KEY_MAX 128    /* characters of a key id */
#define ALIAS_MAX 256  /* of an alias, «alias/» included (CreateAlias) */
#define MULTI_REGION "mrk-"

static bool
begins(struct view v, const char *with)
{
	return v.len >= strlen(with) && memcmp(v.p, with, strlen(with)) == 0;
}

static bool
is_of(struct view v, const char *letters, size_t min, size_t max)
{
	for (size_t i = 0; i < v.len; i++)
		if (v.p[i] == '\0' || !strchr(letters, v.p[i]))
			return false;
	return v.len >= min && v.len <= max;
}

static bool
view_same(struct view a, struct view b)
{
	return a.len == b.len && memcmp(a.p, b.p, a.len) == 0;
}

/* The part of @v before the next colon; false when there is none. */
static bool
take_part(struct view *v, struct view *out)
{
	const uint8_t *colon = memchr(v->p, ':', v->len);

	if (!colon)
		return false;
	*out = view_of(v->p, (size_t)(colon - v->p));
	*v = view_of(colon + 1, v->len - out->len - 1);
	return true;
}

static bool
parse_resource(struct view v, struct awskms_name *out)
{
	static const char alias[] = "alias/";

	out->is_alias = begins(v, alias);
	out->resource = v;
	if (out->is_alias)
		return is_of(v, LETTERS "/_-", sizeof(alias), ALIAS_MAX);
	return is_of(v, LETTERS "-", 1, KEY_MAX);
}

static bool
parse_arn(struct view v, struct awskms_name *out)
{
	struct view arn, service;

	if (!take_part(&v, &arn) || !take_part(&v, &out->partition) || !take_part(&v, &service) ||
	    !take_part(&v, &out->region) || !take_part(&v, &out->account))
		return false;
	if (!view_is(service, "kms") || !is_of(out->partition, LOWER DIGITS "-", 1, PART_MAX) ||
	    !is_of(out->region, LOWER DIGITS "-", 1, PART_MAX) ||
	    !is_of(out->account, DIGITS, ACCOUNT_LEN, ACCOUNT_LEN))
		return false;
	if (begins(v, "key/"))
		return parse_resource(view_of(v.p + 4, v.len - 4), out) && !out->is_alias;
	return parse_resource(v, out) && out->is_alias;
}

bool
awskms_name_parse(const char *text, struct awskms_name *out)
{
	struct view v = view_str(text);

	*out = (struct awskms_name){.partition = view_str(""), .region = view_str(""), .account = view_str("")};
	return begins(v, "arn:") ? parse_arn(v, out) : parse_resource(v, out);
}

bool
awskms_name_is_arn(const struct awskms_name *name)
{
	return name->region.len > 0;
}

static bool
is_multi_region(const struct awskms_name *key)
{
	return !key->is_alias && begins(key->resource, MULTI_REGION);
}

bool
awskms_name_may_be(const struct awskms_name *name, const char *arn)
{
	struct awskms_name key;

	if (!awskms_name_parse(arn, &key) || !awskms_name_is_arn(&key) || key.is_alias)
		return false;
	if (!name->is_alias && !view_same(name->resource, key.resource))
		return false;
	if (!awskms_name_is_arn(name))
		return true;
	return view_same(name->partition, key.partition) && view_same(name->account, key.account) &&
	       (is_multi_region(&key) || view_same(name->region, key.region));
}

bool
awskms_same_key(const char *a, const char *b)
{
	struct awskms_name name;

	return awskms_name_parse(a, &name) && awskms_name_is_arn(&name) && !name.is_alias &&
	       awskms_name_may_be(&name, b);
}
