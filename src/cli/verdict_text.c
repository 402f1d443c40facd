/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/verdict_text.h"

#include <stdio.h>
#include <string.h>

#include "base/utc.h"
#include "cli/out.h"
#include "cli/sign_options.h"
#include "cli/term.h"

#define MAX_LINES 20

static const char *
kind_name(enum coffer_finding_kind kind)
{
	switch (kind) {
	case COFFER_FOUND_SIGNATURE:
		return "signature";
	case COFFER_FOUND_MISSING:
		return "missing";
	case COFFER_FOUND_CHANGED:
		return "changed";
	case COFFER_FOUND_EXTRA:
		return "extra";
	case COFFER_FOUND_UNREADABLE:
		return "unreadable";
	case COFFER_FOUND_REFUSED:
		return "refused";
	case COFFER_FOUND_IGNORED:
		return "ignored";
	}
	return "unknown";
}

static const char *
method_name(enum coffer_method method)
{
	switch (method) {
	case COFFER_METHOD_KEY:
	case COFFER_METHOD_PKCS11_KEY:
		return "key";
	case COFFER_METHOD_CERTIFICATE:
	case COFFER_METHOD_PKCS11_CERTIFICATE:
		return "certificate";
	case COFFER_METHOD_SIGSTORE:
		return "sigstore";
	}
	return "unknown";
}

/* ---- for a person ---- */

/* The one line that says it.  Both callers return COFFER_OK next. */
static void
say_verified(const char *what, const char *signer)
{
	char clean[512];

	term_say("verified: %s, signed by %s", what, term_clean(signer, clean, sizeof(clean)));
}

/* Whether the one failure is in the sentence that ends the run anyway. */
static bool
is_said_anyway(const struct coffer_verdict *v, const struct fault *failed)
{
	for (size_t i = 0; i < v->n_findings; i++)
		if (v->findings[i].kind != COFFER_FOUND_IGNORED)
			return v->n_failures == 1 && strstr(failed->text, v->findings[i].text);
	return false;
}

static void
list_failures(const struct coffer_verdict *v)
{
	size_t n_shown = 0;

	for (size_t i = 0; i < v->n_findings && n_shown < MAX_LINES; i++) {
		const struct coffer_finding *found = &v->findings[i];

		if (found->kind == COFFER_FOUND_IGNORED)
			continue;
		n_shown++;
		if (*found->path)
			term_warn("%s: %s: %s", kind_name(found->kind), found->path, found->text);
		else
			term_warn("%s: %s", kind_name(found->kind), found->text);
	}
	if (v->n_failures > n_shown)
		term_warn("and %zu more; --json lists all of them", v->n_failures - n_shown);
}

/* Nobody should take a model for whole of which a part was left out. */
static void
say_ignored(const struct coffer_verdict *v)
{
	size_t n_shown = 0, n = v->n_findings - v->n_failures;

	for (size_t i = 0; i < v->n_findings && n_shown < MAX_LINES; i++) {
		char clean[512];

		if (v->findings[i].kind != COFFER_FOUND_IGNORED)
			continue;
		n_shown++;
		term_say("not covered: %s", term_clean(v->findings[i].path, clean, sizeof(clean)));
	}
	if (n > n_shown)
		term_say("and %zu more that are not covered; --json lists all of them", n - n_shown);
}

static void
say_time(const struct coffer_verdict *v)
{
	char text[UTC_LEN + 1];

	if (v->time_source)
		term_say("certificates judged at %s (%s)", utc_text(v->time, text), v->time_source);
}

static void
say_fingerprints(const struct coffer_verdict *v)
{
	if (v->key_id)
		term_say("the signer's key: %s", v->key_id);
	for (size_t i = 0; i < v->n_fingerprints; i++)
		term_say("certificate %zu of %zu: %s", i + 1, v->n_fingerprints, v->fingerprints[i]);
}

static void
say_success(const struct coffer_verdict *v, const char *model)
{
	char what[600], size[TERM_AMOUNT_LEN];

	(void)snprintf(what, sizeof(what), "%s, %llu file%s, %s", model, (unsigned long long)v->n_files,
		       v->n_files == 1 ? "" : "s", term_bytes(v->bytes, size));
	say_verified(what, v->signer ? v->signer : method_name(v->method));
	say_time(v);
	if (signing.log_fingerprints)
		say_fingerprints(v);
	say_ignored(v);
}

/* ---- for a program ---- */

static void
add_optional(struct json_out *j, const char *key, const char *text)
{
	if (text)
		json_out_str(j, key, text);
}

static void
add_verdict(struct json_out *j, const struct coffer_verdict *v)
{
	char text[UTC_LEN + 1];

	json_out_str(j, "method", method_name(v->method));
	add_optional(j, "signer", v->signer);
	add_optional(j, "key_id", v->key_id);
	add_optional(j, "identity", v->identity);
	add_optional(j, "identity_provider", v->issuer);
	if (v->time_source) {
		json_out_str(j, "time", utc_text(v->time, text));
		json_out_str(j, "time_source", v->time_source);
	}
	if (v->n_fingerprints > 0) {
		json_out_begin(j, "fingerprints", JSON_ARRAY);
		for (size_t i = 0; i < v->n_fingerprints; i++)
			json_out_str(j, NULL, v->fingerprints[i]);
		json_out_end(j);
	}
	json_out_uint(j, "files", v->n_files);
	json_out_uint(j, "bytes", v->bytes);
	json_out_uint(j, "failures", v->n_failures);
	json_out_begin(j, "findings", JSON_ARRAY);
	for (size_t i = 0; i < v->n_findings; i++) {
		json_out_begin(j, NULL, JSON_OBJECT);
		json_out_str(j, "kind", kind_name(v->findings[i].kind));
		json_out_str(j, "path", v->findings[i].path);
		json_out_str(j, "text", v->findings[i].text);
		json_out_end(j);
	}
	json_out_end(j);
}

/* @failed is NULL when all of it holds. */
static coffer_err
print_json(struct fault *f, const struct fault *failed, const struct coffer_verdict *v, const char *what)
{
	struct json_out j;

	out_json_begin(&j, f);
	json_out_bool(&j, "verified", !failed);
	json_out_str(&j, "model", what);
	if (v)
		add_verdict(&j, v);
	if (failed)
		out_json_error(&j, failed);
	return out_json_end(&j);
}

/* ---- the end ---- */

static coffer_err
fail(struct fault *f, coffer_err err, const struct coffer_verdict *v, const char *what)
{
	struct fault failed = *f;

	failed.err = err;
	if (v && !is_said_anyway(v, &failed))
		list_failures(v);
	/* an output that cannot be written is less than what could not be verified */
	if (common.json && print_json(f, &failed, v, what) != COFFER_OK)
		term_warn("%s", f->text);
	*f = failed;
	return err;
}

static coffer_err
succeed(struct fault *f, const struct coffer_verdict *v, const char *model)
{
	if (common.json) {
		coffer_err err = print_json(f, NULL, v, model);

		if (err)
			return err;
	}
	say_success(v, model);
	return COFFER_OK;
}

coffer_err
verdict_end(struct fault *f, coffer_err err, const struct coffer_verdict *v, const char *model)
{
	if (err)
		return fail(f, err, v, model);
	if (!v || !v->verified || v->n_failures > 0)
		return fail(f,
			    fault_set(f, COFFER_E_INTERNAL, "the verdict on %s is not what its call returned", model),
			    v, model);
	return succeed(f, v, model);
}

coffer_err
verdict_end_file(struct fault *f, coffer_err err, const char *file, const char *by)
{
	if (err)
		return fail(f, err, NULL, file);
	if (common.json) {
		err = print_json(f, NULL, NULL, file);
		if (err)
			return err;
	}
	say_verified(file, by);
	return COFFER_OK;
}

coffer_err
verdict_early(struct fault *f, coffer_err err, const char *what)
{
	return err && !out_json_is_written() ? fail(f, err, NULL, what) : err;
}
