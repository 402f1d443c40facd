/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <coffer/backup.h>

#include "base/home.h"
#include "base/limits.h"
#include "base/num.h"
#include "cli/args.h"
#include "cli/library.h"
#include "cli/out.h"
#include "cli/term.h"

#define ID_AT 17 /* where in the name of a snapshot its id begins */
#define ID_SHOWN 12

/* The values of the options that only these commands have; a process runs one. */
static const char *store, *within, *grace;
static bool init, plain, models_only, quick, keyring, config, audit, everything;
static uint64_t part_size, keep_last, keep_daily, keep_weekly, keep_monthly, keep_yearly;

#define OPTION_STORE                                                                                                   \
	{                                                                                                              \
		.name = "store", .letter = 's', .value = "STORE", .text = &store, .hint = HINT_FOLDER,                 \
		.help = "where the backups are: a folder, or s3://BUCKET/PREFIX; the default is $COFFER_BACKUP_STORE"  \
	}

static coffer_err
find_store(struct fault *f, const char **out)
{
	*out = store ? store : home_setting("COFFER_BACKUP_STORE");
	if (!*out)
		return fault_set(f, COFFER_E_USAGE,
				 "%s needs to know where the backups are; give --store, or set COFFER_BACKUP_STORE",
				 common.command->name);
	return COFFER_OK;
}

/* The keys of --kek; NULL where there are none. */
static coffer_err
find_keys(struct fault *f, struct coffer_ctx *ctx, struct coffer_keyring **out)
{
	*out = NULL;
	return common.keks.n > 0 ? library_keys(f, ctx, &common.keks, out) : COFFER_OK;
}

static const char *
counted(uint64_t n, const char *what, char out[static TERM_AMOUNT_LEN])
{
	(void)snprintf(out, TERM_AMOUNT_LEN, "%llu %s%s", (unsigned long long)n, what, n == 1 ? "" : "s");
	return out;
}

/* Ends with @err, whose sentence is in @f: it is what the caller shall hear of, even where writing fails, too. */
static coffer_err
end_json(struct json_out *j, const struct fault *f, coffer_err err)
{
	if (err == COFFER_OK)
		return out_json_end(j);
	out_json_error(j, f);
	(void)!out_json_end(j);
	return err;
}

/* ---- create ---- */

static void
say_created(const struct coffer_backup_stats *s)
{
	char models[TERM_AMOUNT_LEN], files[TERM_AMOUNT_LEN], size[TERM_AMOUNT_LEN], stored[TERM_AMOUNT_LEN],
		read[TERM_AMOUNT_LEN], time[TERM_AMOUNT_LEN];

	term_say("backed up %s, %s of %s, in %s: %s read, %s stored → %s", counted(s->n_models, "model", models),
		 counted(s->n_files, "file", files), term_bytes(s->bytes, size), term_seconds(s->seconds, time),
		 term_bytes(s->bytes_read, read), term_bytes(s->bytes_stored, stored), s->snapshot);
	if (s->n_left_out > 0)
		term_say("left out: %s not sealed, or links; --plain takes files into the private part of the backup",
			 counted(s->n_left_out, "file", files));
}

static coffer_err
print_stats(struct fault *f, const struct coffer_backup_stats *s, coffer_err err)
{
	struct json_out j;

	if (!common.json)
		return err;
	out_json_begin(&j, err ? NULL : f);
	json_out_str(&j, "snapshot", s->snapshot);
	json_out_uint(&j, "models", s->n_models);
	json_out_uint(&j, "files", s->n_files);
	json_out_uint(&j, "bytes", s->bytes);
	json_out_uint(&j, "bytes_read", s->bytes_read);
	json_out_uint(&j, "bytes_stored", s->bytes_stored);
	json_out_uint(&j, "private_files", s->n_private);
	json_out_uint(&j, "left_out", s->n_left_out);
	json_out_seconds(&j, "seconds", s->seconds);
	return end_json(&j, f, err);
}

/* Whether the key @uri is held by the keyring that goes into the backup, and not known to be elsewhere, too. */
static bool
is_in_keyring(struct coffer_ctx *ctx, const char *uri, const struct coffer_key_info *held, size_t n)
{
	struct coffer_key_info key;

	if (strncmp(uri, "keyring:", strlen("keyring:")) != 0 && strncmp(uri, "recipient:", strlen("recipient:")) != 0)
		return false;
	if (coffer_key_inspect(ctx, uri, &key) != COFFER_OK)
		return false;
	for (size_t i = 0; i < n; i++)
		if (held[i].secret && strcmp(held[i].id, key.id) == 0)
			return true;
	return false;
}

/* A safe whose only key is locked up in it. */
static void
warn_of_own_key(struct coffer_ctx *ctx)
{
	struct coffer_key_info *held = NULL;
	size_t n = 0, n_in = 0;

	if (coffer_store_list(ctx, NULL, &held, &n) == COFFER_OK)
		for (size_t i = 0; i < common.keks.n; i++)
			n_in += is_in_keyring(ctx, common.keks.v[i], held, n);
	free(held);
	if (n_in == common.keks.n)
		term_notice(NULL,
			    "warning: the keyring in this backup holds all keys that open it: where it is lost, so is "
			    "what is sealed with them; keep one elsewhere, as «coffer keygen --kind x25519 -o FILE» "
			    "makes it");
}

static coffer_err
run_create(struct fault *f, struct coffer_ctx *ctx, const struct words *operands)
{
	const struct coffer_backup_create_options opt = {
		.version_1 = 1,
		.init = init,
		.part_size = part_size,
		.exclude = common.excludes.v,
		.n_exclude = common.excludes.n,
		.plain = plain,
		.models_alone = models_only,
	};
	struct coffer_backup_stats stats = {.snapshot = ""};
	struct coffer_keyring *keys = NULL;
	const char *where;
	coffer_err err;

	TRY(find_store(f, &where));
	TRY(find_keys(f, ctx, &keys));
	if (!keys)
		TRY(fault_set(f, COFFER_E_USAGE,
			      "backup create needs --kek: who can restore keys and configuration; best a public key, "
			      "recipient:coffer1..., whose secret half is kept elsewhere"));
	err = library_fault(f, ctx, coffer_backup_create(ctx, where, operands->v, operands->n, keys, &opt, &stats));
	if (err && stats.snapshot[0] == '\0')
		goto out;
	/* the snapshot is there, even where a model that is not whole was left out */
	say_created(&stats);
	if (!models_only)
		warn_of_own_key(ctx);
	err = print_stats(f, &stats, err);
out:
	coffer_keyring_free(&keys);
	return err;
}

static const struct option create_options[] = {
	OPTION_STORE,
	OPTION_KEK(
		"a key that shall restore keyring, configuration and audit log, best recipient:coffer1...; repeat it "
		"for more"),
	{.name = "init",
	 .flag = &init,
	 .help = "make the store if it is not there; without it that is an error, so that a disk that is not there is "
		 "noticed"},
	{.name = "part-size",
	 .value = "SIZE",
	 .number = &part_size,
	 .min = LIMIT_BACKUP_PART_MIN,
	 .max = LIMIT_BACKUP_PART_MAX,
	 .help = "with --init: cut files into parts of SIZE, a power of two from 64K to 1G; the default is 16M"},
	{.name = "plain",
	 .flag = &plain,
	 .help = "take files that are not sealed, too: encrypted, in the private part"},
	{.name = "models-only", .flag = &models_only, .help = "leave out keyring, configuration and audit log"},
	OPTION_EXCLUDE("leave out the files that match; may be repeated"),
	OPTION_JOBS,
	OPTION_JSON,
	OPTION_END,
};

static const struct command create = {
	.name = "backup create",
	.brief = "back up sealed models, keyring, configuration and audit log",
	.operands = "[MODEL...]",
	.max = 1024,
	.hint = HINT_FILE,
	.about = "Makes a snapshot of the sealed models MODEL, or of all in the folder MODEL, and of the user's own "
		 "keyring, configuration and audit log. Sealed files go into the store as they are; all else is sealed "
		 "for KEY.\n\n"
		 "Files that did not change since the last backup are not read, and what the store has already is not "
		 "stored again. A model that is not whole is left out, and the exit code is 5; all others are in the "
		 "snapshot. After an interruption the same command uses what was stored.",
	.options = create_options,
	.run = run_create,
	.library = true,
};

/* ---- list ---- */

static void
snapshot_json(struct json_out *j, const struct coffer_backup_snapshot *s)
{
	const struct fault why = {.err = s->err};

	json_out_begin(j, NULL, JSON_OBJECT);
	json_out_str(j, "snapshot", s->name);
	json_out_str(j, "time", s->time);
	json_out_str(j, "host", s->host);
	json_out_uint(j, "files", s->n_files);
	json_out_uint(j, "bytes", s->bytes);
	json_out_str(j, "error", s->err ? coffer_err_name(why.err) : NULL);
	json_out_end(j);
}

/* What a snapshot says is not authentic here, for that takes a key: it must not speak to the terminal. */
static coffer_err
print_snapshot(struct fault *f, struct buf *b, const struct coffer_backup_snapshot *s)
{
	char size[TERM_AMOUNT_LEN], host[sizeof(s->host)];

	if (s->err)
		return buf_printf(f, b, "%.*s  %s  damaged: %s\n", ID_SHOWN, s->name + ID_AT, s->time,
				  coffer_err_name(s->err));
	return buf_printf(f, b, "%.*s  %s  %7llu files %10s  %s\n", ID_SHOWN, s->name + ID_AT, s->time,
			  (unsigned long long)s->n_files, term_bytes(s->bytes, size),
			  term_clean(s->host, host, sizeof(host)));
}

static coffer_err
list_snapshots(struct fault *f, struct coffer_ctx *ctx, const char *where)
{
	struct coffer_backup_snapshot *list = NULL;
	struct json_out j;
	size_t n = 0;
	coffer_err err;

	json_out_init(&j, f);
	TRY(library_fault(f, ctx, coffer_backup_list(ctx, where, &list, &n)));
	if (common.json)
		json_out_begin(&j, NULL, JSON_ARRAY);
	for (size_t i = 0; i < n; i++) {
		if (common.json)
			snapshot_json(&j, &list[i]);
		else
			TRY(print_snapshot(f, &j.text, &list[i]));
	}
	if (common.json) {
		json_out_end(&j);
		TRY(out_json(f, &j));
	} else {
		TRY(out_buf(f, &j.text));
	}
	if (n == 0)
		term_say("there is no snapshot in the store yet");
	for (size_t i = 0; i < n; i++)
		if (list[i].err)
			TRY(fault_set(f, list[i].err, "%s", list[i].why));
out:
	json_out_free(&j);
	free(list);
	return err;
}

static void
file_json(struct json_out *j, const struct coffer_backup_file *file)
{
	json_out_begin(j, NULL, JSON_OBJECT);
	json_out_str(j, "path", file->path);
	json_out_uint(j, "size", file->size);
	json_out_str(j, "time", file->time);
	json_out_end(j);
}

static coffer_err
list_files(struct fault *f, struct coffer_ctx *ctx, const char *where, const char *snapshot)
{
	struct coffer_backup_file *list = NULL;
	char size[TERM_AMOUNT_LEN];
	struct json_out j;
	size_t n = 0;
	coffer_err err;

	json_out_init(&j, f);
	TRY(library_fault(f, ctx, coffer_backup_files(ctx, where, snapshot, &list, &n)));
	if (common.json)
		json_out_begin(&j, NULL, JSON_ARRAY);
	for (size_t i = 0; i < n; i++) {
		if (common.json) {
			file_json(&j, &list[i]);
			continue;
		}
		TRY(buf_printf(f, &j.text, "%10s  %s  ", term_bytes(list[i].size, size), list[i].time));
		TRY(out_add_clean(f, &j.text, list[i].path));
		TRY(buf_str(f, &j.text, "\n"));
	}
	if (common.json) {
		json_out_end(&j);
		TRY(out_json(f, &j));
	} else {
		TRY(out_buf(f, &j.text));
	}
out:
	json_out_free(&j);
	coffer_backup_files_free(&list, n);
	return err;
}

static coffer_err
run_list(struct fault *f, struct coffer_ctx *ctx, const struct words *operands)
{
	const char *where;
	coffer_err err;

	TRY(find_store(f, &where));
	TRY(operands->n > 0 ? list_files(f, ctx, where, operands->v[0]) : list_snapshots(f, ctx, where));
out:
	return err;
}

static const struct option list_options[] = {OPTION_STORE, OPTION_JSON, OPTION_END};

static const struct command list = {
	.name = "backup list",
	.brief = "list the snapshots of a store, or the files of one",
	.operands = "[SNAPSHOT]",
	.max = 1,
	.about = "Prints id, time, number and size of files, and host of each snapshot, the oldest first; or the files "
		 "of SNAPSHOT, which is the beginning of an id, a whole name, or latest.",
	.options = list_options,
	.run = run_list,
	.library = true,
};

/* ---- verify ---- */

static void
verdict_json(struct json_out *j, const struct coffer_backup_verdict *v)
{
	json_out_uint(j, "snapshots", v->n_snapshots);
	json_out_uint(j, "objects", v->n_objects);
	json_out_uint(j, "bytes", v->bytes);
	json_out_uint(j, "authentic", v->n_authentic);
	json_out_begin(j, "findings", JSON_ARRAY);
	for (uint64_t i = 0; i < num_min(v->n_findings, LIMIT_FINDINGS); i++) {
		json_out_begin(j, NULL, JSON_OBJECT);
		json_out_str(j, "snapshot", v->findings[i].snapshot);
		json_out_str(j, "path", v->findings[i].path);
		json_out_str(j, "error", coffer_err_name(v->findings[i].err));
		json_out_str(j, "why", v->findings[i].why);
		json_out_end(j);
	}
	json_out_end(j);
}

static void
say_verdict(const struct coffer_backup_verdict *v, bool good)
{
	char snapshots[TERM_AMOUNT_LEN], objects[TERM_AMOUNT_LEN], size[TERM_AMOUNT_LEN];

	/* one alone is the error of the run */
	for (uint64_t i = 0; v->n_findings > 1 && i < num_min(v->n_findings, LIMIT_FINDINGS); i++)
		term_warn("%s%s%s: %s", v->findings[i].snapshot, v->findings[i].path ? ": " : "",
			  v->findings[i].path ? v->findings[i].path : "", v->findings[i].why);
	if (!good)
		return;
	term_say("%s %s: %s, %s%s", quick ? "looked over, and read nothing of," : "read back",
		 counted(v->n_snapshots, "snapshot", snapshots), counted(v->n_objects, "object", objects),
		 term_bytes(v->bytes, size), v->n_authentic == v->n_snapshots ? "; all are those that were made" : "");
	if (v->n_authentic < v->n_snapshots)
		term_say("whether they are those that were made was not looked at; --kek KEY with a key of the backup "
			 "does");
}

static coffer_err
print_verdict(struct fault *f, const struct coffer_backup_verdict *v, coffer_err err)
{
	struct json_out j;

	say_verdict(v, err == COFFER_OK);
	if (!common.json)
		return err;
	out_json_begin(&j, err ? NULL : f);
	verdict_json(&j, v);
	return end_json(&j, f, err);
}

static coffer_err
run_verify(struct fault *f, struct coffer_ctx *ctx, const struct words *operands)
{
	const struct coffer_backup_verify_options opt = {.version_1 = 1, .quick = quick};
	struct coffer_backup_verdict *verdict = NULL;
	struct coffer_keyring *keys = NULL;
	const char *where;
	coffer_err err;

	TRY(find_store(f, &where));
	TRY(find_keys(f, ctx, &keys));
	err = library_fault(
		f, ctx,
		coffer_backup_verify(ctx, where, operands->n > 0 ? operands->v[0] : NULL, keys, &opt, &verdict));
	if (verdict)
		err = print_verdict(f, verdict, err);
out:
	coffer_backup_verdict_free(&verdict);
	coffer_keyring_free(&keys);
	return err;
}

static const struct option verify_options[] = {
	OPTION_STORE,
	OPTION_KEK("a key of the backup: then the private parts are opened, and a snapshot that somebody changed is "
		   "found, too"),
	{.name = "quick",
	 .flag = &quick,
	 .help = "look whether all objects are there and as long as they should be; read none"},
	OPTION_JOBS,
	OPTION_JSON,
	OPTION_END,
};

static const struct command verify = {
	.name = "backup verify",
	.brief = "read back what a store has, and say what is damaged or missing",
	.operands = "[SNAPSHOT]",
	.max = 1,
	.about = "Reads every object that a snapshot needs, of all snapshots or of SNAPSHOT, and compares it with its "
		 "hash. Exit code 5 means that something is damaged or missing; each file that cannot be restored is "
		 "named. What is damaged in the store and is still there in the models comes back with the next "
		 "backup, when the damaged object was removed.",
	.options = verify_options,
	.run = run_verify,
	.library = true,
};

/* ---- prune ---- */

/* «90d», «12h», «8w», «2y»; seconds without a letter */
static coffer_err
parse_duration(struct fault *f, const char *option, const char *text, uint64_t *out)
{
	static const struct {
		char letter;
		uint64_t seconds;
	} units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}, {'w', 604800}, {'y', 31557600}};
	size_t len = strlen(text);
	char digits[16] = "";
	uint64_t unit = 0;

	for (size_t i = 0; len > 1 && i < sizeof(units) / sizeof(*units); i++)
		if (text[len - 1] == units[i].letter)
			unit = units[i].seconds;
	if (unit > 0 && len <= sizeof(digits))
		(void)snprintf(digits, sizeof(digits), "%.*s", (int)len - 1, text);
	if (unit == 0 || !num_parse(digits, 1, 1000000, out) || !num_mul(*out, unit, out))
		return fault_set(f, COFFER_E_USAGE, "%s is no value of --%s; write it as 90d, 12h, 8w or 2y",
				 args_shown(text), option);
	return COFFER_OK;
}

static void
say_pruned(const struct coffer_backup_pruned *p)
{
	char removed[TERM_AMOUNT_LEN], objects[TERM_AMOUNT_LEN], size[TERM_AMOUNT_LEN];

	for (uint64_t i = 0; i < p->n_removed; i++)
		term_say("%s %s", common.dry_run ? "would remove" : "removed", p->removed[i]);
	term_say("%s%s %s and %s of %s; %llu kept", common.dry_run ? "dry run, nothing changed: " : "",
		 common.dry_run ? "would remove" : "removed", counted(p->n_removed, "snapshot", removed),
		 counted(p->n_objects, "object", objects), term_bytes(p->bytes, size), (unsigned long long)p->n_kept);
}

static coffer_err
print_pruned(struct fault *f, const struct coffer_backup_pruned *p)
{
	struct json_out j;

	if (!common.json)
		return COFFER_OK;
	out_json_begin(&j, f);
	json_out_begin(&j, "removed", JSON_ARRAY);
	for (uint64_t i = 0; i < p->n_removed; i++)
		json_out_str(&j, NULL, p->removed[i]);
	json_out_end(&j);
	json_out_uint(&j, "kept", p->n_kept);
	json_out_uint(&j, "objects", p->n_objects);
	json_out_uint(&j, "bytes", p->bytes);
	json_out_bool(&j, "dry_run", common.dry_run);
	return out_json_end(&j);
}

static coffer_err
run_prune(struct fault *f, struct coffer_ctx *ctx, const struct words *operands)
{
	struct coffer_backup_prune_options opt = {
		.version_1 = 1,
		.keep_last = (uint32_t)keep_last,
		.keep_daily = (uint32_t)keep_daily,
		.keep_weekly = (uint32_t)keep_weekly,
		.keep_monthly = (uint32_t)keep_monthly,
		.keep_yearly = (uint32_t)keep_yearly,
		.dry_run = common.dry_run,
	};
	struct coffer_backup_pruned *pruned = NULL;
	const char *where;
	coffer_err err;

	(void)operands;
	TRY(find_store(f, &where));
	if (within)
		TRY(parse_duration(f, "keep-within", within, &opt.keep_within_s));
	if (grace)
		TRY(parse_duration(f, "grace", grace, &opt.grace_s));
	TRY(library_fault(f, ctx, coffer_backup_prune(ctx, where, &opt, &pruned)));
	say_pruned(pruned);
	TRY(print_pruned(f, pruned));
out:
	coffer_backup_pruned_free(&pruned);
	return err;
}

#define OPTION_KEEP(period, member, what)                                                                              \
	{                                                                                                              \
		.name = "keep-" period, .value = "N", .number = &(member), .min = 1, .max = 100000, .help = (what)     \
	}

static const struct option prune_options[] = {
	OPTION_STORE,
	OPTION_KEEP("last", keep_last, "keep the last N"),
	OPTION_KEEP("daily", keep_daily, "keep the newest of each of the last N days that have one"),
	OPTION_KEEP("weekly", keep_weekly, "of each of the last N weeks"),
	OPTION_KEEP("monthly", keep_monthly, "of each of the last N months"),
	OPTION_KEEP("yearly", keep_yearly, "of each of the last N years"),
	{.name = "keep-within",
	 .value = "TIME",
	 .text = &within,
	 .help = "keep all that are at most TIME older than the newest, as 90d, 12h, 8w or 2y"},
	{.name = "grace",
	 .value = "TIME",
	 .text = &grace,
	 .help = "remove objects that no snapshot needs only when they are older than TIME; the default is 1d"},
	OPTION_DRY_RUN("say what would be removed, and remove nothing"),
	OPTION_JSON,
	OPTION_END,
};

static const struct command prune = {
	.name = "backup prune",
	.brief = "remove old snapshots, and what only they needed",
	.operands = "",
	.about = "Removes the snapshots that no rule keeps, counted for each host and each set of folders apart, and "
		 "then the objects that no snapshot needs any more. The newest snapshot that is whole always stays. "
		 "Times are in UTC.",
	.options = prune_options,
	.run = run_prune,
	.library = true,
};

/* ---- restore ---- */

static void
say_restored(const struct coffer_backup_stats *s, bool authentic)
{
	char files[TERM_AMOUNT_LEN], size[TERM_AMOUNT_LEN], time[TERM_AMOUNT_LEN];

	term_say("restored %s, %s in %s, of %s → %s", counted(s->n_files + s->n_private, "file", files),
		 term_bytes(s->bytes, size), term_seconds(s->seconds, time), s->snapshot, common.out);
	if (!authentic)
		term_say("whether it is the backup that was made was not looked at; --kek KEY with a key of the backup "
			 "does, and «coffer check» tells whether a model is whole and unchanged");
}

static coffer_err
run_restore(struct fault *f, struct coffer_ctx *ctx, const struct words *operands)
{
	const struct coffer_backup_restore_options opt = {
		.version_1 = 1,
		.include = common.includes.v,
		.n_include = common.includes.n,
		.exclude = common.excludes.v,
		.n_exclude = common.excludes.n,
		.keyring = keyring || everything,
		.config = config || everything,
		.audit = audit || everything,
		.plain = plain || everything,
		.force = common.force,
	};
	struct coffer_backup_stats stats = {.snapshot = ""};
	struct coffer_keyring *keys = NULL;
	const char *where;
	coffer_err err;

	TRY(find_store(f, &where));
	if (!common.out)
		TRY(fault_set(f, COFFER_E_USAGE,
			      "backup restore needs -o DIR, a new folder; «coffer help backup» has examples"));
	TRY(find_keys(f, ctx, &keys));
	TRY(library_fault(f, ctx, coffer_backup_restore(ctx, where, operands->v[0], common.out, keys, &opt, &stats)));
	say_restored(&stats, keys != NULL);
	err = print_stats(f, &stats, COFFER_OK);
out:
	coffer_keyring_free(&keys);
	return err;
}

static const struct option restore_options[] = {
	OPTION_STORE,
	OPTION_OUT("DIR", "a folder that is new or empty; gets models, and as told keyring, config, data and audit"),
	OPTION_KEK("a key of the backup; needed for what is in the private part, and to see that the snapshot is the "
		   "one that was made"),
	OPTION_INCLUDE("restore only the files, or all in the folders, that match; as backup list names them; may be "
		       "repeated"),
	OPTION_EXCLUDE("leave out the files and folders that match; may be repeated"),
	{.name = "keyring", .flag = &keyring, .help = "restore the keyring, too, into DIR/keyring"},
	{.name = "config", .flag = &config, .help = "restore the configuration, too, into DIR/config and DIR/data"},
	{.name = "audit", .flag = &audit, .help = "restore the audit log, too, into DIR/audit"},
	{.name = "plain", .flag = &plain, .help = "restore the files that were not sealed, too, to where they were"},
	{.name = "all", .letter = 'a', .flag = &everything, .help = "all of these"},
	OPTION_FORCE("restore into a folder that has something in it, and replace files that are there"),
	OPTION_JOBS,
	OPTION_JSON,
	OPTION_END,
};

static const struct command restore = {
	.name = "backup restore",
	.brief = "bring back what a snapshot has",
	.operands = "SNAPSHOT",
	.min = 1,
	.max = 1,
	.about = "Restores SNAPSHOT, which is the beginning of an id, a whole name, or latest, into the folder DIR, "
		 "never over something without --force. A file gets its name when all of it is there and is what was "
		 "stored. After an interruption the same command goes on.\n\n"
		 "Sealed models need no key; what else there was is opened by a key of the backup. Nothing is put to "
		 "where the programs look for it: COFFER_KEYS=DIR/keyring uses the keys from there.",
	.options = restore_options,
	.run = run_restore,
	.library = true,
};

/* ---- the group ---- */

static const struct command *const subs[] = {&create, &list, &verify, &prune, &restore, NULL};
static const struct example examples[] = {
	{"the first time: a key pair, of which the secret half goes to a safe place",
	 "coffer keygen --kind x25519 -o backup.key"},
	{"back up all models below a folder, and make the store",
	 "coffer backup create /srv/models --store /mnt/backup/coffer --init --kek recipient:coffer1..."},
	{"read all of it back", "coffer backup verify --store /mnt/backup/coffer"},
	{"keep a week of days and a year of months",
	 "coffer backup prune --store /mnt/backup/coffer --keep-daily 7 --keep-monthly 12"},
	{"after a disaster",
	 "coffer backup restore latest --store /mnt/backup/coffer -o restored --all --kek file:backup.key"},
	{NULL, NULL},
};

const struct command cmd_backup = {
	.name = "backup",
	.brief = "back up models, keys and configuration, and restore them",
	.operands = "",
	.about = "Works on a store of backups, a folder or a bucket of S3, which need not be trusted: sealed models "
		 "are there as they are, and all else is sealed.",
	.options = options_json,
	.examples = examples,
	.subs = subs,
};
