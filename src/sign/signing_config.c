/* SPDX-License-Identifier: Apache-2.0 */
#include "sign/signing_config.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/utc.h"
#include "data/doc.h"
#include "sign/trust_config.h"

#define MEDIA_TYPE "application/vnd.dev.sigstore.signingconfig.v0.2+json"

/* ---- one service of the list ---- */

struct candidate {
	const char *url, *who; /* the operator */
	uint64_t version;
	int64_t start, end;
};

static bool
is_absent(const struct doc *d)
{
	return !d || doc_is_null(d);
}

static bool
read_time(const struct doc *d, int64_t *out)
{
	const char *text = doc_text(d, 1, 64);

	return text && utc_parse(text, out);
}

static coffer_err
read_candidate(struct fault *f, const struct doc *d, struct candidate *c)
{
	const struct doc *valid = doc_get(d, "validFor"), *end = doc_get(valid, "end"), *who = doc_get(d, "operator");

	*c = (struct candidate){.end = INT64_MAX};
	c->url = doc_text(doc_get(d, "url"), 1, LIMIT_URL);
	if (!c->url)
		return fault_set(f, COFFER_E_FORMAT, "«url» is not the address of a service");
	if (!doc_whole(doc_get(d, "majorApiVersion"), UINT32_MAX, &c->version))
		return fault_set(f, COFFER_E_FORMAT, "«majorApiVersion» is not a number");
	if (!read_time(doc_get(valid, "start"), &c->start))
		return fault_set(f, COFFER_E_FORMAT, "«validFor» has no «start» that is a time of RFC 3339");
	if (!is_absent(end) && !read_time(end, &c->end))
		return fault_set(f, COFFER_E_FORMAT, "the «end» of «validFor» is no time of RFC 3339");
	/* protobuf leaves out what is empty */
	c->who = is_absent(who) ? "" : doc_text(who, 0, LIMIT_TEXT);
	if (!c->who)
		return fault_set(f, COFFER_E_FORMAT, "«operator» is not a name");
	return COFFER_OK;
}

/* ---- the rules ---- */

struct kind {
	const char *member, *selector; /* NULL: all of them */
	unsigned int versions;	       /* the highest one known, from 1 on */
};

struct choice {
	struct candidate v[LIMIT_SERVICES];
	size_t n;
};

static bool
is_better(const struct candidate *a, const struct candidate *b)
{
	return a->version != b->version ? a->version > b->version : a->start > b->start;
}

/* one an operator, in the order of the list */
static void
consider(struct choice *chosen, const struct candidate *c)
{
	for (size_t i = 0; i < chosen->n; i++) {
		if (strcmp(chosen->v[i].who, c->who) != 0)
			continue;
		if (is_better(c, &chosen->v[i]))
			chosen->v[i] = *c;
		return;
	}
	chosen->v[chosen->n++] = *c;
}

static coffer_err
choose(struct fault *f, const struct doc *list, const struct kind *kind, int64_t now, struct choice *chosen)
{
	coffer_err err = COFFER_OK;

	if (is_absent(list))
		return COFFER_OK;
	if (!doc_is_array(list) || doc_size(list) > LIMIT_SERVICES)
		return fault_set(f, COFFER_E_FORMAT, "it is not a list of at most %u services", LIMIT_SERVICES);
	for (size_t i = 0; i < doc_size(list); i++) {
		struct candidate c;

		TRY(read_candidate(f, doc_at(list, i), &c));
		if (c.version >= 1 && c.version <= kind->versions && c.start <= now && now <= c.end)
			consider(chosen, &c);
	}
out:
	return err;
}

/* how many of @n the selector wants */
static coffer_err
apply_selector(struct fault *f, const struct doc *d, size_t *n)
{
	const char *selector = doc_text(doc_get(d, "selector"), 1, 64);
	uint64_t count = 0;

	if (is_absent(d) || (selector && strcmp(selector, "ALL") == 0))
		return COFFER_OK;
	if (selector && strcmp(selector, "ANY") == 0) {
		*n = *n > 0 ? 1 : 0;
		return COFFER_OK;
	}
	if (!selector || strcmp(selector, "EXACT") != 0)
		return fault_set(f, COFFER_E_UNSUPPORTED, "its selector is not ANY, ALL or EXACT");
	if (!doc_whole(doc_get(d, "count"), UINT32_MAX, &count) || count == 0)
		return fault_set(f, COFFER_E_FORMAT, "its selector is EXACT and says no «count»");
	if (count > *n)
		return fault_set(f, COFFER_E_UNSUPPORTED, "it wants exactly %llu services and has %zu that can be used",
				 (unsigned long long)count, *n);
	*n = (size_t)count;
	return COFFER_OK;
}

/* ---- what comes out ---- */

static coffer_err
set_service(struct fault *f, struct service *s, const char *url, unsigned int version)
{
	s->url = strdup(url);
	s->version = version;
	return s->url ? COFFER_OK : fault_nomem(f);
}

static void
free_services(struct services *list)
{
	for (size_t i = 0; i < list->n; i++)
		free(list->v[i].url);
	free(list->v);
	*list = (struct services){.v = NULL, .n = 0};
}

static coffer_err
make_room(struct fault *f, struct services *list, size_t n)
{
	free_services(list);
	list->v = calloc(n, sizeof(*list->v));
	list->n = list->v ? n : 0;
	return list->v ? COFFER_OK : fault_nomem(f);
}

coffer_err
services_set(struct fault *f, struct services *list, const char *url, unsigned int version)
{
	coffer_err err;

	TRY(make_room(f, list, 1));
	TRY(set_service(f, &list->v[0], url, version));
out:
	return err;
}

static coffer_err
read_kind(struct fault *f, const struct doc *config, const struct kind *kind, int64_t now, struct services *out)
{
	struct choice *chosen = calloc(1, sizeof(*chosen));
	coffer_err err;

	if (!chosen)
		return fault_nomem(f);
	err = choose(f, doc_get(config, kind->member), kind, now, chosen);
	if (err == COFFER_OK && kind->selector)
		err = apply_selector(f, doc_get(config, kind->selector), &chosen->n);
	if (err != COFFER_OK)
		TRY(fault_prefix(f, "«%s»", kind->member));
	if (chosen->n > 0)
		TRY(make_room(f, out, chosen->n));
	for (size_t i = 0; i < chosen->n; i++)
		TRY(set_service(f, &out->v[i], chosen->v[i].url, (unsigned int)chosen->v[i].version));
out:
	free(chosen);
	return err;
}

static coffer_err
find_config(struct fault *f, const struct doc *d, const struct doc **out)
{
	const char *type;
	coffer_err err;

	TRY(trust_config_part(f, d, "signingConfig", "signing_config", out));
	type = doc_text(doc_get(*out, "mediaType"), 1, 256);
	if (!type)
		TRY(fault_set(f, COFFER_E_FORMAT, "it is no signing config: it has no mediaType"));
	if (strcmp(type, MEDIA_TYPE) != 0)
		TRY(fault_set(f, COFFER_E_UNSUPPORTED, "its mediaType «%s» is not " MEDIA_TYPE, type));
out:
	return err;
}

static coffer_err
read_config(struct fault *f, const struct doc *d, int64_t now, struct signing_config *out)
{
	static const struct kind ca = {"caUrls", NULL, 1}, oidc = {"oidcUrls", NULL, 1},
				 rekor = {"rekorTlogUrls", "rekorTlogConfig", 2}, tsa = {"tsaUrls", "tsaConfig", 1};
	const struct doc *config;
	coffer_err err;

	TRY(find_config(f, d, &config));
	TRY(read_kind(f, config, &ca, now, &out->ca));
	TRY(read_kind(f, config, &oidc, now, &out->oidc));
	TRY(read_kind(f, config, &rekor, now, &out->rekor));
	TRY(read_kind(f, config, &tsa, now, &out->tsa));
out:
	return err;
}

coffer_err
signing_config_parse(struct fault *f, const char *what, struct view json, int64_t now, struct signing_config *out)
{
	struct doc *d = NULL;
	coffer_err err;

	TRY(doc_parse_foreign(f, what, json, &d));
	err = read_config(f, d, now, out);
	if (err)
		TRY(fault_prefix(f, "%s", what));
out:
	doc_free(&d);
	return err;
}

void
signing_config_free(struct signing_config *c)
{
	free_services(&c->ca);
	free_services(&c->oidc);
	free_services(&c->rekor);
	free_services(&c->tsa);
}
