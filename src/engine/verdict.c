/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/verdict.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/enc.h"
#include "base/limits.h"
#include "crypto/digest.h"
#include "crypto/hash.h"

coffer_err
verdict_new(struct fault *f, struct verdict **out)
{
	*out = calloc(1, sizeof(**out));
	return *out ? COFFER_OK : fault_nomem(f);
}

void
coffer_verdict_free(struct coffer_verdict **verdict)
{
	struct verdict *v = (struct verdict *)*verdict;

	if (!v)
		return;
	for (size_t i = 0; i < v->n; i++) {
		free((char *)(uintptr_t)v->findings[i].path);
		free((char *)(uintptr_t)v->findings[i].text);
	}
	free(v->findings);
	for (size_t i = 0; i < v->public.n_fingerprints; i++)
		free(v->fingerprints[i]);
	free(v->fingerprints);
	signed_by_free(&v->who);
	free(v);
	*verdict = NULL;
}

static const char *
source_name(enum time_source source)
{
	switch (source) {
	case TIME_NOW:
		return "now";
	case TIME_GIVEN:
		return "given";
	case TIME_STAMP:
		return "timestamp";
	case TIME_LOG:
		return "log";
	case TIME_NONE:
		break;
	}
	return NULL;
}

static coffer_err
take_fingerprint(struct fault *f, const struct cert *c, char **text_out)
{
	uint8_t hash[DIGEST_MAX];
	coffer_err err;

	TRY(digest_of(f, DIGEST_SHA256, cert_der(c), hash));
	*text_out = calloc(1, 2 * SHA256_LEN + 1);
	if (!*text_out)
		TRY(fault_nomem(f));
	enc_hex(hash, SHA256_LEN, *text_out);
out:
	return err;
}

static coffer_err
take_fingerprints(struct fault *f, struct verdict *v, const struct certs *chain)
{
	coffer_err err = COFFER_OK;

	if (chain->n == 0)
		return COFFER_OK;
	v->fingerprints = calloc(chain->n, sizeof(*v->fingerprints));
	if (!v->fingerprints)
		return fault_nomem(f);
	v->public.fingerprints = (const char *const *)v->fingerprints;
	for (size_t i = 0; i < chain->n; i++) {
		TRY(take_fingerprint(f, chain->v[i], &v->fingerprints[i]));
		v->public.n_fingerprints++;
	}
out:
	return err;
}

coffer_err
verdict_signed(struct fault *f, struct verdict *v, enum coffer_method method, struct signed_by *who)
{
	coffer_err err = take_fingerprints(f, v, &who->chain);

	if (err)
		return err;
	v->who = *who;
	memset(who, 0, sizeof(*who));
	v->public.method = method;
	v->public.signer = v->who.who;
	v->public.key_id = v->who.key_hint[0] ? v->who.key_hint : NULL;
	v->public.identity = v->who.identity;
	v->public.issuer = v->who.issuer;
	v->public.time = v->who.time;
	v->public.time_source = source_name(v->who.source);
	return COFFER_OK;
}

/* ---- findings ---- */

static void
make_showable(char *text)
{
	for (; *text != '\0'; text++)
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			*text = '?';
}

/* A copy of @text that a terminal can be given. */
static char *
showable(const char *text)
{
	char *copy = strdup(text);

	if (copy)
		make_showable(copy);
	return copy;
}

static coffer_err
keep(struct fault *f, struct verdict *v, enum coffer_finding_kind kind, const char *path, char *text)
{
	struct coffer_finding *grown;
	char *copy = showable(path);

	if (v->n == v->cap) {
		v->cap = v->cap ? 2 * v->cap : 16;
		grown = reallocarray(v->findings, v->cap, sizeof(*grown));
		if (!grown) {
			v->cap = v->n;
			free(copy);
			return fault_nomem(f);
		}
		v->findings = grown;
	}
	if (!copy)
		return fault_nomem(f);
	v->findings[v->n++] = (struct coffer_finding){.kind = kind, .path = copy, .text = text};
	v->public.findings = v->findings;
	v->public.n_findings = v->n;
	return COFFER_OK;
}

coffer_err
verdict_find(struct fault *f, struct verdict *v, enum coffer_finding_kind kind, const char *path, const char *fmt, ...)
{
	bool failure = kind != COFFER_FOUND_IGNORED;
	size_t before = failure ? v->public.n_failures : v->n_of[COFFER_FOUND_IGNORED];
	char *text = NULL;
	coffer_err err;
	va_list ap;

	/* counted first: a failure that cannot be kept is one nevertheless */
	v->n_of[kind]++;
	v->public.n_failures += failure;
	if (before >= LIMIT_FINDINGS)
		return COFFER_OK;
	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	va_end(ap);
	if (!text)
		return fault_nomem(f);
	make_showable(text);
	err = keep(f, v, kind, path, text);
	if (err)
		free(text);
	return err;
}

/* ---- the verdict ---- */

static const struct coffer_finding *
first_failure(const struct verdict *v, enum coffer_finding_kind kind)
{
	for (size_t i = 0; i < v->n; i++)
		if (v->findings[i].kind == kind)
			return &v->findings[i];
	return NULL;
}

static const struct {
	enum coffer_finding_kind kind;
	coffer_err err; /* COFFER_OK: what the verdict has as @unreadable */
	const char *count;
} weights[] = {
	/* the gravest first */
	{COFFER_FOUND_SIGNATURE, COFFER_E_SIGNATURE, "faults of the signature"},
	{COFFER_FOUND_CHANGED, COFFER_E_AUTH, "changed"},
	{COFFER_FOUND_MISSING, COFFER_E_FILESET, "missing"},
	{COFFER_FOUND_EXTRA, COFFER_E_FILESET, "not signed"},
	{COFFER_FOUND_REFUSED, COFFER_E_FILESET, "links, special files or bad names"},
	{COFFER_FOUND_UNREADABLE, COFFER_OK, "unreadable"},
};

enum { N_WEIGHTS = sizeof(weights) / sizeof(weights[0]) };

coffer_err
verdict_judge(struct fault *f, struct verdict *v, const char *model)
{
	char counts[256] = "";
	size_t used = 0;
	const struct coffer_finding *first = NULL;
	coffer_err err = COFFER_OK;

	if (v->public.n_failures == 0)
		return COFFER_OK;
	for (size_t i = 0; i < N_WEIGHTS; i++) {
		size_t n = v->n_of[weights[i].kind];

		if (n == 0)
			continue;
		if (err == COFFER_OK) {
			err = weights[i].err != COFFER_OK ? weights[i].err : v->unreadable;
			first = first_failure(v, weights[i].kind);
		}
		used += (size_t)snprintf(counts + used, sizeof(counts) - used, "%s%zu %s", used > 0 ? ", " : "", n,
					 weights[i].count);
	}
	if (err == COFFER_OK)
		err = COFFER_E_INTERNAL;
	if (!first || v->public.n_failures > 1)
		return fault_set(f, err, "%s is not what was signed: %s; first: %s%s%s", model, counts,
				 first ? first->path : "", first && first->path[0] ? " " : "",
				 first ? first->text : "");
	/* some sentences name the file themselves */
	if (strstr(first->text, first->path))
		return fault_set(f, err, "%s is not what was signed: %s", model, first->text);
	return fault_set(f, err, "%s is not what was signed: %s %s", model, first->path, first->text);
}

coffer_err
verdict_accept(struct fault *f, struct verdict *v, uint64_t n_files, uint64_t bytes)
{
	if (v->public.n_failures != 0 || !v->public.signer || n_files == 0)
		return fault_set(f, COFFER_E_INTERNAL, "a verdict was reached that what was found does not bear out");
	v->public.n_files = n_files;
	v->public.bytes = bytes;
	v->public.verified = true;
	return COFFER_OK;
}
