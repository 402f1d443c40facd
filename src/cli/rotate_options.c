/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/rotate_options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/utc.h"
#include "cli/library.h"
#include "cli/out.h"
#include "cli/term.h"

#define PATH_ROOM 4097 /* PATH_MAX and its NUL */

struct rotating rotating;

/* ---- which models ---- */

bool
rotate_is_many(const struct words *operands)
{
	return rotating.all || rotating.list || operands->n > 1;
}

/* One line, which ends as those of Windows do or as ours. */
static coffer_err
add_line(struct fault *f, struct coffer_ctx *ctx, struct coffer_models *models, const uint8_t *line, size_t len)
{
	char path[PATH_ROOM];

	if (len > 0 && line[len - 1] == '\r')
		len--;
	if (len == 0)
		return COFFER_OK;
	if (len >= sizeof(path) || memchr(line, '\0', len))
		return fault_set(f, COFFER_E_FORMAT, "%s has a line that is no path", rotating.list);
	memcpy(path, line, len);
	path[len] = '\0';
	return library_fault(f, ctx, coffer_models_add(ctx, models, path));
}

static coffer_err
read_list(struct fault *f, struct buf *text)
{
	ssize_t n;
	coffer_err err;

	if (strcmp(rotating.list, "-") != 0)
		return file_slurp(f, rotating.list, LIMIT_MODEL_LIST, text, NULL);
	do {
		TRY(buf_reserve(f, text, 65536));
		n = read(STDIN_FILENO, text->p + text->len, text->cap - text->len);
		if (n < 0)
			TRY(fault_set(f, COFFER_E_IO, "cannot read the list of models from standard input"));
		text->len += (size_t)n;
	} while (n > 0);
out:
	return err;
}

static coffer_err
add_list(struct fault *f, struct coffer_ctx *ctx, struct coffer_models *models)
{
	struct buf text = BUF_INIT(LIMIT_MODEL_LIST + 65536);
	size_t at = 0;
	coffer_err err;

	TRY(read_list(f, &text));
	/* what Windows writes in front of UTF-8 */
	if (text.len >= 3 && memcmp(text.p, "\xef\xbb\xbf", 3) == 0)
		at = 3;
	while (at < text.len) {
		const uint8_t *end = memchr(text.p + at, '\n', text.len - at);
		size_t len = end ? (size_t)(end - text.p) - at : text.len - at;

		TRY(add_line(f, ctx, models, text.p + at, len));
		at += len + 1;
	}
out:
	buf_free(&text);
	return err;
}

static coffer_err
add_operand(struct fault *f, struct coffer_ctx *ctx, struct coffer_models *models, const char *path)
{
	if (!rotating.all)
		return library_fault(f, ctx, coffer_models_add(ctx, models, path));
	return library_fault(f, ctx, coffer_models_add_tree(ctx, models, path, common.excludes.v, common.excludes.n));
}

coffer_err
rotate_models(struct fault *f, struct coffer_ctx *ctx, const struct words *operands, struct coffer_models **models_out)
{
	coffer_err err;

	*models_out = NULL;
	if (operands->n == 0 && (!rotating.list || rotating.all))
		return fault_set(f, COFFER_E_USAGE, "%s needs %s; «coffer help %s» has examples", common.command->name,
				 rotating.all ? "a folder to look for models in"
					      : "a model, --all and a folder, or --list",
				 common.command->name);
	if (common.excludes.n > 0 && !rotating.all)
		return fault_set(f, COFFER_E_USAGE, "--exclude leaves out models that --all finds; add --all");
	TRY(library_fault(f, ctx, coffer_models_new(ctx, models_out)));
	for (size_t i = 0; i < operands->n; i++)
		TRY(add_operand(f, ctx, *models_out, operands->v[i]));
	if (rotating.list)
		TRY(add_list(f, ctx, *models_out));
	if (coffer_models_size(*models_out) == 0)
		TRY(fault_set(f, COFFER_E_NOTFOUND, "there is no sealed model %s %s", operands->n ? "in" : "named in",
			      operands->n ? operands->v[0] : rotating.list));
out:
	if (err)
		coffer_models_free(models_out);
	return err;
}

coffer_err
rotate_before(struct fault *f, int64_t *out)
{
	*out = 0;
	/* nothing was wrapped before 1970, and 0 is no date */
	if (rotating.before && (!utc_parse_when(rotating.before, (int64_t)time(NULL), out) || *out == 0))
		return fault_set(
			f, COFFER_E_USAGE,
			"--before takes a day (2026-01-31), a time (2026-01-31T12:00:00Z) or an age (90d), not %s",
			args_shown(rotating.before));
	return COFFER_OK;
}

/* ---- what came of them ---- */

const char *
rotate_way(enum coffer_way way)
{
	return way == COFFER_WAY_SERVICE ? "inside the key service"
	       : way == COFFER_WAY_HERE	 ? "through this machine"
					 : "";
}

static const char *
change_word(enum coffer_change_kind change)
{
	return change == COFFER_CHANGE_ADD ? "add" : change == COFFER_CHANGE_REMOVE ? "remove" : "renew";
}

static void
json_change(struct json_out *j, const struct coffer_change *c)
{
	json_out_begin(j, NULL, JSON_OBJECT);
	json_out_str(j, "change", change_word(c->change));
	json_out_str(j, "kind", c->kind);
	json_out_str(j, "id", c->id);
	if (c->version[0])
		json_out_str(j, "version", c->version);
	if (c->before[0])
		json_out_str(j, "before", c->before);
	json_out_end(j);
}

void
rotate_json(struct json_out *j, const struct coffer_rotated *model)
{
	const char *result = model->err == COFFER_E_INTERRUPTED ? "not begun"
			     : model->err			? "failed"
			     : model->changed			? "changed"
								: "settled";
	struct fault f = {.err = model->err};

	json_out_str(j, "path", model->path);
	json_out_str(j, "result", result);
	if (model->changed)
		json_out_str(j, "way", model->way == COFFER_WAY_SERVICE ? "service" : "here");
	json_out_begin(j, "changes", JSON_ARRAY);
	for (size_t i = 0; i < model->n_changes; i++)
		json_change(j, &model->changes[i]);
	json_out_end(j);
	if (model->bytes > 0)
		json_out_uint(j, "bytes", model->bytes);
	if (model->err == COFFER_OK && model->message[0])
		json_out_str(j, "note", model->message);
	if (model->err) {
		(void)snprintf(f.text, sizeof(f.text), "%s", model->message);
		out_json_error(j, &f);
	}
}

static void
json_sum(struct json_out *j, const struct coffer_rotation *rotation)
{
	json_out_begin(j, NULL, JSON_OBJECT);
	json_out_uint(j, "changed", rotation->n_changed);
	json_out_uint(j, "settled", rotation->n_settled);
	json_out_uint(j, "failed", rotation->n_failed);
	json_out_uint(j, "not_begun", rotation->n - rotation->n_changed - rotation->n_settled - rotation->n_failed);
	json_out_bool(j, "dry_run", common.dry_run);
	json_out_seconds(j, "seconds", rotation->seconds);
	json_out_begin(j, "models", JSON_ARRAY);
	for (size_t i = 0; i < rotation->n; i++) {
		json_out_begin(j, NULL, JSON_OBJECT);
		rotate_json(j, &rotation->models[i]);
		json_out_end(j);
	}
	json_out_end(j);
	json_out_end(j);
}

/* «renew hashivault transit/models version 3 → 4» */
static coffer_err
add_change(struct fault *f, struct buf *b, const struct coffer_change *c)
{
	coffer_err err;

	TRY(buf_printf(f, b, "%s ", change_word(c->change)));
	TRY(out_add_clean(f, b, c->kind));
	if (c->id[0]) {
		TRY(buf_str(f, b, " "));
		TRY(out_add_clean(f, b, c->id));
	}
	if (c->before[0] && c->change == COFFER_CHANGE_RENEW) {
		TRY(buf_str(f, b, " version "));
		TRY(out_add_clean(f, b, c->before));
		TRY(buf_str(f, b, c->version[0] ? " → " : " → newest"));
		TRY(out_add_clean(f, b, c->version));
	} else if (c->version[0]) {
		TRY(buf_str(f, b, " version "));
		TRY(out_add_clean(f, b, c->version));
	}
out:
	return err;
}

static coffer_err
add_model(struct fault *f, struct buf *b, const struct coffer_rotated *model)
{
	coffer_err err;

	TRY(out_add_clean(f, b, model->path));
	for (size_t i = 0; i < model->n_changes; i++) {
		TRY(buf_str(f, b, i == 0 ? ": " : ", "));
		TRY(add_change(f, b, &model->changes[i]));
	}
	TRY(buf_printf(f, b, "%s%s\n", model->n_changes > 0 ? "; " : ": ", rotate_way(model->way)));
out:
	return err;
}

coffer_err
rotate_print(struct fault *f, const struct coffer_rotation *rotation)
{
	struct json_out j;
	coffer_err err = COFFER_OK;

	json_out_init(&j, f);
	if (common.json) {
		json_sum(&j, rotation);
		TRY(out_json(f, &j));
		goto out;
	}
	/* of what is done the sum is enough; a dry run is for reading */
	for (size_t i = 0; common.dry_run && i < rotation->n; i++)
		if (rotation->models[i].changed)
			TRY(add_model(f, &j.text, &rotation->models[i]));
	TRY(out_buf(f, &j.text));
out:
	json_out_free(&j);
	return err;
}

/* Most sentences name the model; those that do not get its name in front. */
static void
warn_of(const struct coffer_rotated *model)
{
	if (strstr(model->message, model->path))
		term_warn("%s [%s]", model->message, coffer_err_name(model->err));
	else
		term_warn("%s: %s [%s]", model->path, model->message, coffer_err_name(model->err));
}

static size_t
count_way(const struct coffer_rotation *rotation, enum coffer_way way)
{
	size_t n = 0;

	for (size_t i = 0; i < rotation->n; i++)
		n += rotation->models[i].changed && rotation->models[i].way == way;
	return n;
}

static void
say_each(const struct coffer_rotation *rotation)
{
	for (size_t i = 0; i < rotation->n; i++) {
		const struct coffer_rotated *model = &rotation->models[i];

		if (model->err != COFFER_OK && model->err != COFFER_E_INTERRUPTED)
			warn_of(model);
		else if (model->changed && model->message[0])
			term_say("%s: %s", model->path, model->message);
	}
}

/* Why, where it is not plain, of the first: most are alike. */
static void
say_settled(const struct coffer_rotation *rotation)
{
	const struct coffer_rotated *why = NULL;

	for (size_t i = 0; i < rotation->n && !why; i++)
		if (rotation->models[i].err == COFFER_OK && !rotation->models[i].changed &&
		    rotation->models[i].message[0])
			why = &rotation->models[i];
	if (why)
		term_say("%zu had nothing to change; %s: %s", rotation->n_settled, why->path, why->message);
	else
		term_say("%zu had nothing to change", rotation->n_settled);
}

static void
say_sum(const char *verb, const struct coffer_rotation *rotation)
{
	size_t in_service = count_way(rotation, COFFER_WAY_SERVICE);
	char time[TERM_AMOUNT_LEN], ways[96] = "";

	if (in_service > 0)
		(void)snprintf(ways, sizeof(ways), ", %zu inside the key service and %zu through this machine",
			       in_service, rotation->n_changed - in_service);
	term_say("%s %zu of %zu model%s in %s%s", verb, rotation->n_changed, rotation->n, rotation->n == 1 ? "" : "s",
		 term_seconds(rotation->seconds, time), ways);
	if (rotation->n_settled > 0)
		say_settled(rotation);
}

static void
say_again(const struct coffer_rotation *rotation, enum rotate_again again)
{
	char when[UTC_LEN + 1];

	/* the second in which this run began may be that of a wrap from before: it is done again */
	if (again == AGAIN_WITH_BEFORE && !rotating.before)
		term_say("the same command with --before %s goes on with what is left",
			 utc_text(rotation->begun + 1, when));
	else
		term_say("the same command goes on with what is left");
}

coffer_err
rotate_report(struct fault *f, coffer_err err, const char *verb, const struct coffer_rotation *rotation,
	      enum rotate_again again)
{
	say_each(rotation);
	say_sum(verb, rotation);
	if (err && !common.dry_run)
		say_again(rotation, again);
	if (err) {
		(void)rotate_print(NULL, rotation);
		return err;
	}
	return rotate_print(f, rotation);
}
