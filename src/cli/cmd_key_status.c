/* SPDX-License-Identifier: Apache-2.0 */
/*
 * coffer key status: which keys and versions models depend on, and which are overdue.
 *
 * It takes what the key blocks say, which without a key nobody verifies; whoever can write a model can write its dates.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/utc.h"
#include "cli/args.h"
#include "cli/library.h"
#include "cli/out.h"
#include "cli/rotate_options.h"
#include "cli/term.h"

#define TEXT_MAX ((size_t)1 << 30)
#define CLOCK_SLACK 86400 /* seconds that a date may be ahead of this clock and still be one */
#define NO_AGE INT64_MAX  /* the date is not written, or cannot be */

static const char *max_age_text;

/* struct asked - what the service of a key said of it */
struct asked {
	char *uri;
	struct coffer_key_state state;
	struct fault trouble; /* why that is not known */
};

/* struct status - all that is asked for, and what was found */
struct status {
	struct coffer_ctx *ctx;
	int64_t now, max_age; /* NO_AGE: any is good */
	struct asked *asked;  /* each key once */
	size_t n_asked;
	bool *is_down; /* of each --kek: its service does not answer, and is asked no more */
	size_t n_models, n_overdue, n_due, n_failed;
	struct fault first; /* of those that could not be read */
	struct json_out j;  /* with --json the document, else its text alone is used */
};

/* ---- one recipient ---- */

static int64_t
age_of(const struct status *s, const struct coffer_recipient_info *r)
{
	if (r->created == 0 || r->created > s->now + CLOCK_SLACK)
		return NO_AGE;
	return r->created > s->now ? 0 : s->now - r->created;
}

/* Without a date nobody can say that it is young enough. */
static bool
is_overdue(const struct status *s, const struct coffer_recipient_info *r)
{
	return s->max_age != NO_AGE && age_of(s, r) > s->max_age;
}

/* What its service says of the key it depends on, or NULL. */
static const struct coffer_key_state *
state_of(const struct status *s, const struct coffer_recipient_info *r)
{
	for (size_t i = 0; i < s->n_asked; i++) {
		const struct asked *a = &s->asked[i];

		if (a->trouble.err == COFFER_OK && strcmp(a->state.kind, r->kind) == 0 &&
		    strcmp(a->state.id, r->id) == 0)
			return &a->state;
	}
	return NULL;
}

/* A wrap that names no version is behind when it was made before the newest one. */
static bool
is_behind(const struct coffer_key_state *state, const struct coffer_recipient_info *r)
{
	if (!state || !state->version[0])
		return false;
	return r->version[0] ? strcmp(state->version, r->version) != 0 : r->created < state->created;
}

/* «12 d», «5 h»: a rough age is read faster */
static const char *
age_text(int64_t age, char out[static TERM_AMOUNT_LEN])
{
	if (age == NO_AGE)
		(void)snprintf(out, TERM_AMOUNT_LEN, "?");
	else if (age >= 86400)
		(void)snprintf(out, TERM_AMOUNT_LEN, "%lld d", (long long)age / 86400);
	else
		(void)snprintf(out, TERM_AMOUNT_LEN, "%lld h", (long long)age / 3600);
	return out;
}

/* ---- for a person ---- */

/* «  hashivault models version 3 (newest 4: rewrap is due), wrapped 2026-01-02, 95 d, OVERDUE» */
static coffer_err
add_recipient(struct fault *f, struct buf *b, const struct status *s, const struct coffer_recipient_info *r)
{
	const struct coffer_key_state *state = state_of(s, r);
	char created[UTC_LEN + 1], age[TERM_AMOUNT_LEN];
	coffer_err err;

	TRY(buf_str(f, b, "  "));
	TRY(out_add_clean(f, b, r->kind));
	TRY(buf_str(f, b, r->id[0] ? " " : ""));
	TRY(out_add_clean(f, b, r->id));
	TRY(buf_str(f, b, r->version[0] ? " version " : ""));
	TRY(out_add_clean(f, b, r->version));
	if (is_behind(state, r)) {
		TRY(buf_str(f, b, " (newest "));
		TRY(out_add_clean(f, b, state->version));
		TRY(buf_str(f, b, ": rewrap is due)"));
	}
	if (r->created > 0)
		TRY(buf_printf(f, b, ", wrapped %.10s, %s", utc_text(r->created, created),
			       age_text(age_of(s, r), age)));
	else
		TRY(buf_str(f, b, ", not dated"));
	TRY(buf_printf(f, b, "%s%s\n", state && !state->usable ? ", KEY DISABLED" : "",
		       is_overdue(s, r) ? ", OVERDUE" : ""));
out:
	return err;
}

static coffer_err
add_model(struct fault *f, struct buf *b, const struct status *s, const char *path,
	  const struct coffer_inspection *inspection)
{
	coffer_err err;

	TRY(out_add_clean(f, b, path));
	TRY(buf_printf(f, b, "  generation %llu\n", (unsigned long long)inspection->generation));
	for (size_t i = 0; i < inspection->n_recipients; i++)
		TRY(add_recipient(f, b, s, &inspection->recipients[i]));
out:
	return err;
}

/* ---- for a program ---- */

static void
json_recipient(struct json_out *j, const struct status *s, const struct coffer_recipient_info *r)
{
	const struct coffer_key_state *state = state_of(s, r);
	char created[UTC_LEN + 1];

	json_out_begin(j, NULL, JSON_OBJECT);
	json_out_str(j, "kind", r->kind);
	json_out_str(j, "id", r->id);
	if (r->version[0])
		json_out_str(j, "version", r->version);
	if (r->created > 0)
		json_out_str(j, "created", utc_text(r->created, created));
	if (age_of(s, r) != NO_AGE)
		json_out_uint(j, "age", (uint64_t)age_of(s, r));
	json_out_bool(j, "overdue", is_overdue(s, r));
	if (state) {
		json_out_str(j, "newest", state->version);
		json_out_bool(j, "usable", state->usable);
		json_out_bool(j, "rewrap_due", is_behind(state, r));
	}
	json_out_end(j);
}

static void
json_model(struct json_out *j, const struct status *s, const char *path, const struct coffer_inspection *inspection)
{
	json_out_begin(j, NULL, JSON_OBJECT);
	json_out_str(j, "path", path);
	json_out_str(j, "name", inspection->name);
	json_out_str(j, "model_id", inspection->model_id);
	json_out_uint(j, "generation", inspection->generation);
	json_out_begin(j, "recipients", JSON_ARRAY);
	for (size_t i = 0; i < inspection->n_recipients; i++)
		json_recipient(j, s, &inspection->recipients[i]);
	json_out_end(j);
	json_out_end(j);
}

static void
json_failure(struct json_out *j, const char *path, const struct fault *why)
{
	json_out_begin(j, NULL, JSON_OBJECT);
	json_out_str(j, "path", path);
	out_json_error(j, why);
	json_out_end(j);
}

/* One that nobody can tell of does not hide the others. */
static void
note_failure(struct status *s, const char *path, const struct fault *why)
{
	if (s->n_failed++ == 0)
		s->first = *why;
	term_warn("%s: %s [%s]", path, why->text, coffer_err_name(why->err));
	if (common.json)
		json_failure(&s->j, path, why);
}

static void
count(struct status *s, const struct coffer_inspection *inspection)
{
	bool overdue = false, due = false;

	for (size_t i = 0; i < inspection->n_recipients; i++) {
		const struct coffer_recipient_info *r = &inspection->recipients[i];

		overdue |= is_overdue(s, r);
		due |= is_behind(state_of(s, r), r);
	}
	s->n_overdue += overdue;
	s->n_due += due;
}

/* ---- the services ---- */

static struct asked *
find_asked(const struct status *s, const char *uri)
{
	for (size_t i = 0; i < s->n_asked; i++)
		if (strcmp(s->asked[i].uri, uri) == 0)
			return &s->asked[i];
	return NULL;
}

/* What the service of the key @uri, which is taken over, says of it; one that does not answer is said, and the listing goes on. */
static coffer_err
ask(struct fault *f, struct status *s, char *uri, bool *is_down_out)
{
	struct asked *grown = reallocarray(s->asked, s->n_asked + 1, sizeof(*grown)), *a;

	if (!grown) {
		free(uri);
		return fault_nomem(f);
	}
	s->asked = grown;
	a = &grown[s->n_asked++];
	*a = (struct asked){.uri = uri};
	(void)library_fault(&a->trouble, s->ctx, coffer_key_state(s->ctx, uri, &a->state));
	if (a->trouble.err)
		term_warn("%s: %s [%s]", uri, a->trouble.text, coffer_err_name(a->trouble.err));
	*is_down_out = a->trouble.err == COFFER_E_UNAVAILABLE || a->trouble.err == COFFER_E_RATE;
	return COFFER_OK;
}

static bool
is_template(const char *uri)
{
	return strchr(uri, '{') != NULL;
}

static coffer_err
ask_of_keys(struct fault *f, struct status *s)
{
	coffer_err err = COFFER_OK;

	s->is_down = calloc(common.keks.n + 1, sizeof(*s->is_down));
	if (!s->is_down)
		return fault_nomem(f);
	for (size_t i = 0; i < common.keks.n; i++) {
		char *uri = is_template(common.keks.v[i]) ? NULL : strdup(common.keks.v[i]);

		if (uri)
			TRY(ask(f, s, uri, &s->is_down[i]));
	}
out:
	return err;
}

/* Whether the model depends on a key of the kind that @uri names: they are called as the schemes are. */
static bool
has_kind(const struct coffer_inspection *inspection, const char *uri)
{
	size_t len = strcspn(uri, ":");

	for (size_t i = 0; i < inspection->n_recipients; i++)
		if (strlen(inspection->recipients[i].kind) == len &&
		    strncmp(inspection->recipients[i].kind, uri, len) == 0)
			return true;
	return false;
}

static const char *
environment_of(const struct coffer_inspection *inspection)
{
	for (size_t i = 0; i < inspection->n_context; i++)
		if (strcmp(inspection->context[i].key, "environment") == 0)
			return inspection->context[i].value;
	return "";
}

/* Of a URI that stands for many keys, the one for this model; what cannot be filled in for it is none of them. */
static coffer_err
ask_for_model(struct fault *f, struct status *s, const struct coffer_inspection *inspection)
{
	coffer_err err = COFFER_OK;

	for (size_t i = 0; i < common.keks.n; i++) {
		const char *template = common.keks.v[i];
		char *uri = NULL;

		if (!is_template(template) || s->is_down[i] || !has_kind(inspection, template))
			continue;
		if (coffer_key_uri_of(s->ctx, template, environment_of(inspection), inspection->name, &uri) ==
			    COFFER_OK &&
		    !find_asked(s, uri))
			TRY(ask(f, s, uri, &s->is_down[i]));
		else
			free(uri);
	}
out:
	return err;
}

/* ---- all ---- */

static coffer_err
tell_model(struct fault *f, struct status *s, const struct coffer_models *models, size_t index)
{
	const char *path = coffer_models_path(models, index), *message;
	struct coffer_inspection *inspection = NULL;
	struct fault why = {.err = COFFER_OK};
	coffer_err err = COFFER_OK;

	s->n_models++;
	err = coffer_models_error(models, index, &message);
	if (err)
		(void)fault_set(&why, err, "%s", message);
	else
		err = library_fault(&why, s->ctx, coffer_inspect(s->ctx, path, &inspection));
	if (err) {
		note_failure(s, path, &why);
		return COFFER_OK;
	}
	TRY(ask_for_model(f, s, inspection));
	count(s, inspection);
	if (common.json)
		json_model(&s->j, s, path, inspection);
	else
		err = add_model(f, &s->j.text, s, path, inspection);
out:
	coffer_inspection_free(&inspection);
	return err;
}

static coffer_err
print(struct fault *f, struct status *s)
{
	if (!common.json)
		return out_buf(f, &s->j.text);
	json_out_end(&s->j);
	json_out_uint(&s->j, "models_seen", s->n_models);
	json_out_uint(&s->j, "overdue", s->n_overdue);
	json_out_uint(&s->j, "rewrap_due", s->n_due);
	json_out_uint(&s->j, "failed", s->n_failed);
	json_out_end(&s->j);
	return out_json(f, &s->j);
}

static const struct fault *
first_trouble(const struct status *s)
{
	for (size_t i = 0; i < s->n_asked; i++)
		if (s->asked[i].trouble.err)
			return &s->asked[i].trouble;
	return NULL;
}

/* What a monitor asks: nothing is overdue, and nothing could hide. */
static coffer_err
verdict(struct fault *f, const struct status *s)
{
	const struct fault *trouble = first_trouble(s);

	if (trouble)
		return fault_set(f, trouble->err, "%s", trouble->text);
	if (s->n_failed > 0)
		return fault_set(f, s->first.err, "%zu of %zu models could not be read; the first: %.400s", s->n_failed,
				 s->n_models, s->first.text);
	if (s->n_overdue > 0)
		return fault_set(
			f, COFFER_E_POLICY,
			"%zu of %zu models depend on a wrap that is older than %s or not dated; «coffer rewrap --all» "
			"wraps them anew",
			s->n_overdue, s->n_models, max_age_text);
	return COFFER_OK;
}

static void
say_sum(const struct status *s)
{
	char overdue[64] = "", due[64] = "";

	if (s->max_age != NO_AGE)
		(void)snprintf(overdue, sizeof(overdue), ", %zu overdue", s->n_overdue);
	if (common.keks.n > 0)
		(void)snprintf(due, sizeof(due), ", %s%zu to rewrap for a newer version",
			       first_trouble(s) ? "at least " : "", s->n_due);
	term_say("%zu model%s%s%s", s->n_models, s->n_models == 1 ? "" : "s", overdue, due);
}

static coffer_err
parse_max_age(struct fault *f, struct status *s)
{
	s->max_age = NO_AGE;
	if (max_age_text && !utc_parse_age(max_age_text, &s->max_age))
		return fault_set(f, COFFER_E_USAGE, "--max-age takes a number and s, h, d, w or y, as 90d, not %s",
				 args_shown(max_age_text));
	return COFFER_OK;
}

static coffer_err
check_operands(struct fault *f, const struct words *operands)
{
	if (operands->n == 0 && !rotating.list)
		return fault_set(f, COFFER_E_USAGE,
				 "key status needs a folder to look for models in, or --list; «coffer help key status» "
				 "has examples");
	if (operands->n == 0 && common.excludes.n > 0)
		return fault_set(f, COFFER_E_USAGE, "--exclude leaves out models that are found in a folder; name one");
	return COFFER_OK;
}

static coffer_err
run(struct fault *f, struct coffer_ctx *ctx, const struct words *operands)
{
	struct status s = {.ctx = ctx, .now = (int64_t)time(NULL)};
	struct coffer_models *models = NULL;
	coffer_err err;

	json_out_init(&s.j, f);
	TRY(check_operands(f, operands));
	rotating.all = operands->n > 0;
	TRY(parse_max_age(f, &s));
	TRY(ask_of_keys(f, &s));
	TRY(rotate_models(f, ctx, operands, &models));
	if (common.json) {
		json_out_begin(&s.j, NULL, JSON_OBJECT);
		json_out_begin(&s.j, "models", JSON_ARRAY);
	}
	for (size_t i = 0; i < coffer_models_size(models); i++)
		TRY(tell_model(f, &s, models, i));
	TRY(print(f, &s));
	say_sum(&s);
	err = verdict(f, &s);
out:
	coffer_models_free(&models);
	json_out_free(&s.j);
	for (size_t i = 0; i < s.n_asked; i++)
		free(s.asked[i].uri);
	free(s.asked);
	free(s.is_down);
	return err;
}

static const struct option options[] = {
	OPTION_LIST,
	OPTION_EXCLUDE("leave out models at paths that match a shell pattern, as 'old/*'; may be repeated"),
	{.name = "max-age",
	 .value = "AGE",
	 .text = &max_age_text,
	 .help = "a wrap that is older than AGE, as 90d, or not dated is overdue, and the exit code 6"},
	OPTION_KEK("ask the key service of KEY which version is the newest; may be repeated"),
	OPTION_JSON,
	OPTION_END,
};

static const struct example examples[] = {
	{"which keys do my models depend on?", "coffer key status models/"},
	{"in a nightly job: fail when a wrap is older than 90 days", "coffer key status models/ --max-age 90d --quiet"},
	{"which must be rewrapped after a rotation?", "coffer key status models/ --kek hashivault://models"},
	{NULL, NULL},
};

const struct command cmd_key_status = {
	.name = "key status",
	.brief = "show which keys and versions models depend on, and what is overdue",
	.operands = "DIR...",
	.max = MODELS_MAX,
	.hint = HINT_FOLDER,
	.about = "Lists every sealed model at or below DIR with the keys that open it: kind, id, version, and when it "
		 "was wrapped for that key. It needs no key, and nothing of it is verified: it is what the models say "
		 "of themselves.\n\n"
		 "With --max-age it ends with exit code 6 when a wrap is older, or has no date. With --kek it asks the "
		 "key service and says which models a rewrap is due for; a KEY with {environment} or {name} stands "
		 "for the key of each model.",
	.options = options,
	.examples = examples,
	.run = run,
	.library = true,
};
