/* SPDX-License-Identifier: Apache-2.0 */
#include <fnmatch.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <coffer/audit.h>

#include "base/file.h"
#include "base/num.h"
#include "base/utc.h"
#include "cli/args.h"
#include "cli/audit_text.h"
#include "cli/interrupt.h"
#include "cli/library.h"
#include "cli/out.h"
#include "cli/term.h"

#define CHUNK ((size_t)64 << 10) /* bytes that are gathered before they are written */
#define CHUNK_MAX ((size_t)1 << 20)
#define FOLLOW_NS 300000000L

/* The values of the options that only these commands have; a process runs one. */
static struct coffer_audit_filter filter = {.version_1 = 1};
static struct coffer_audit_verify_options checked = {.version_1 = 1};
static const char *since, *until, *format;
static uint64_t lines = 10;
static bool follow;

#define OPTION_SINCE                                                                                                   \
	{                                                                                                              \
		.name = "since", .value = "TIME", .text = &since,                                                      \
		.help = "from then on: 2026-11-20, 2026-11-20T13:00:00Z, or 30m, 12h, 7d ago"                          \
	}
#define OPTION_UNTIL                                                                                                   \
	{                                                                                                              \
		.name = "until", .value = "TIME", .text = &until, .help = "before then"                                \
	}
#define OPTIONS_FILTER                                                                                                 \
	OPTION_SINCE, OPTION_UNTIL,                                                                                    \
		{.name = "actor", .value = "USER", .text = &filter.actor, .help = "name or number of who it was"},     \
		{.name = "event",                                                                                      \
		 .value = "EVENT",                                                                                     \
		 .text = &filter.event,                                                                                \
		 .help = "Wrap, Unwrap, Rewrap, Remove, Rotate or Repair"},                                            \
		{.name = "model", .value = "MODEL", .text = &filter.model, .help = "name, id or path of the model"},   \
		{.name = "key",                                                                                        \
		 .value = "ID",                                                                                        \
		 .text = &filter.key,                                                                                  \
		 .help = "id of the key, or its kind where it has none"},                                              \
	{                                                                                                              \
		.name = "error", .value = "NAME", .text = &filter.error, .help = "refusals, as NOKEY; '*' for all"     \
	}

static const char *
folder(const struct words *operands)
{
	return operands->n > 0 ? operands->v[0] : NULL;
}

/* ---- times ---- */

/* «30m»: so long ago */
static bool
parse_ago(const char *text, int64_t *out)
{
	static const struct {
		char unit;
		int64_t seconds;
	} units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}, {'w', 604800}};
	char number[16];
	size_t len = strlen(text);
	uint64_t n;

	if (len < 2 || len > sizeof(number))
		return false;
	(void)snprintf(number, sizeof(number), "%.*s", (int)len - 1, text);
	if (!num_parse(number, 0, 1000000, &n))
		return false;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (text[len - 1] == units[i].unit) {
			*out = (int64_t)time(NULL) - (int64_t)n * units[i].seconds;
			return true;
		}
	}
	return false;
}

static coffer_err
parse_time(struct fault *f, const char *name, const char *text, int64_t *out)
{
	char whole[40];

	*out = 0;
	if (!text)
		return COFFER_OK;
	(void)snprintf(whole, sizeof(whole), "%.19sT00:00:00Z", text);
	if (utc_parse(text, out) || utc_parse(whole, out) || parse_ago(text, out))
		return COFFER_OK;
	return fault_set(f, COFFER_E_USAGE,
			 "--%s takes a date, as 2026-11-20, a time in UTC, as 2026-11-20T13:00:00Z, or how long ago, "
			 "as 30m, 12h or 7d; %s is none",
			 name, args_shown(text));
}

/* A name that no event has would find nothing, and say so as if there were none. */
static coffer_err
check_event(struct fault *f)
{
	static const char *const events[] = {"Wrap", "Unwrap", "Rewrap", "Remove", "Rotate", "Repair"};

	if (!filter.event)
		return COFFER_OK;
	for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++)
		if (fnmatch(filter.event, events[i], 0) == 0)
			return COFFER_OK;
	return fault_set(f, COFFER_E_USAGE,
			 "%s is no value of --event; it takes a pattern of Wrap, Unwrap, Rewrap, Remove, Rotate and "
			 "Repair",
			 args_shown(filter.event));
}

static coffer_err
take_filter(struct fault *f)
{
	coffer_err err;

	TRY(check_event(f));
	TRY(parse_time(f, "since", since, &filter.since));
	TRY(parse_time(f, "until", until, &filter.until));
out:
	return err;
}

/* ---- records ---- */

/* struct printing - records on their way out */
struct printing {
	audit_text_fn text;
	struct buf b;
	struct newfile file;
	bool to_file;
	uint64_t off;  /* of the file */
	uint64_t last; /* the number of the last record */
	uint64_t n;
	struct fault fault; /* of the output: the library knows only its code */
};

#define PRINTING_INIT(form)                                                                                            \
	{                                                                                                              \
		.text = (form), .b = BUF_INIT(CHUNK_MAX), .file = NEWFILE_INIT                                         \
	}

static coffer_err
flush(struct fault *f, struct printing *p)
{
	coffer_err err;

	TRY(p->to_file ? file_write_at(f, p->file.fd, p->file.shown, p->b.p, p->b.len, p->off) : out_buf(f, &p->b));
	p->off += p->b.len;
	p->b.len = 0;
out:
	return err;
}

static coffer_err
print_record(void *user, const struct coffer_audit_record *r)
{
	struct printing *p = user;
	coffer_err err;

	p->last = r->seq;
	p->n++;
	TRY(p->text(&p->fault, &p->b, r));
	if (p->b.len >= CHUNK)
		TRY(flush(&p->fault, p));
out:
	p->fault.err = err;
	return err;
}

static coffer_err
read_log(struct fault *f, struct coffer_ctx *ctx, const char *dir, struct printing *p)
{
	coffer_err err = coffer_audit_read(ctx, dir, &filter, print_record, p);

	if (err && p->fault.err == err)
		return fault_set(f, err, "%s", p->fault.text);
	return library_fault(f, ctx, err);
}

/* ---- tail ---- */

static coffer_err
wait_for_more(struct fault *f, struct coffer_ctx *ctx, const char *dir, struct printing *p)
{
	const struct timespec pause = {.tv_nsec = FOLLOW_NS};
	coffer_err err;

	for (;;) {
		(void)nanosleep(&pause, NULL);
		filter.last = 0;
		filter.after_seq = p->last;
		err = read_log(f, ctx, dir, p);
		if (err != COFFER_E_NOTFOUND) /* not yet */
			TRY(err);
		if (interrupt_seen())
			TRY(fault_set(f, COFFER_E_INTERRUPTED, "interrupted"));
		TRY(flush(f, p));
	}
out:
	return err;
}

static coffer_err
run_tail(struct fault *f, struct coffer_ctx *ctx, const struct words *operands)
{
	struct printing p = PRINTING_INIT(common.json ? audit_text_json : audit_text_human);
	coffer_err err;

	filter.last = lines;
	err = read_log(f, ctx, folder(operands), &p);
	if (err == COFFER_E_NOTFOUND && follow)
		err = COFFER_OK;
	TRY(err);
	TRY(flush(f, &p));
	if (follow)
		TRY(wait_for_more(f, ctx, folder(operands), &p));
out:
	buf_free(&p.b);
	return err;
}

static const struct option tail_options[] = {
	{.name = "lines",
	 .letter = 'n',
	 .value = "N",
	 .number = &lines,
	 .min = 1,
	 .max = UINT32_MAX,
	 .help = "so many of the last records; the default is 10"},
	{.name = "follow", .letter = 'F', .flag = &follow, .help = "go on with what comes, until interrupted"},
	OPTION_JSON,
	OPTION_END,
};

static const struct command tail = {
	.name = "audit tail",
	.brief = "show the last records",
	.operands = "[FOLDER]",
	.max = 1,
	.hint = HINT_FOLDER,
	.about = "Prints the last records of the audit log: number, time in UTC, event, user, model, key, and the "
		 "reason of a refusal. With --json it prints the lines of the log themselves.",
	.options = tail_options,
	.run = run_tail,
	.library = true,
};

/* ---- search ---- */

static coffer_err
run_search(struct fault *f, struct coffer_ctx *ctx, const struct words *operands)
{
	struct printing p = PRINTING_INIT(common.json ? audit_text_json : audit_text_human);
	coffer_err err;

	TRY(take_filter(f));
	TRY(read_log(f, ctx, folder(operands), &p));
	TRY(flush(f, &p));
	if (p.n == 0)
		term_say("no record is like that");
out:
	buf_free(&p.b);
	return err;
}

static const struct option search_options[] = {OPTIONS_FILTER, OPTION_JSON, OPTION_END};

static const struct example search_examples[] = {
	{"who was refused this week", "coffer audit search --error '*' --since 7d"},
	{"who opened a model", "coffer audit search --event Unwrap --model llama"},
	{NULL, NULL},
};

static const struct command search = {
	.name = "audit search",
	.brief = "show the records that are like this",
	.operands = "[FOLDER]",
	.max = 1,
	.hint = HINT_FOLDER,
	.about = "Prints those records of the audit log that all options let through. Their values are shell patterns: "
		 "'llama*' is every model whose name begins so.",
	.options = search_options,
	.examples = search_examples,
	.run = run_search,
	.library = true,
};

/* ---- export ---- */

static const struct {
	const char *name;
	audit_text_fn text;
} formats[] = {{"json", audit_text_json}, {"csv", audit_text_csv}, {"cef", audit_text_cef}};

static audit_text_fn
find_format(void)
{
	for (size_t i = 0; format && i < sizeof(formats) / sizeof(formats[0]); i++)
		if (strcmp(format, formats[i].name) == 0)
			return formats[i].text;
	return audit_text_json;
}

static coffer_err
run_export(struct fault *f, struct coffer_ctx *ctx, const struct words *operands)
{
	struct printing p = PRINTING_INIT(find_format());
	coffer_err err;

	TRY(take_filter(f));
	p.to_file = common.out && strcmp(common.out, "-") != 0;
	if (p.to_file)
		TRY(newfile_open(f, &p.file, common.out, 0600, common.force));
	if (p.text == audit_text_csv)
		TRY(audit_text_csv_head(f, &p.b));
	TRY(read_log(f, ctx, folder(operands), &p));
	TRY(flush(f, &p));
	if (p.to_file)
		TRY(newfile_commit(f, &p.file));
	term_say("exported %" PRIu64 " records", p.n);
out:
	newfile_abort(&p.file);
	buf_free(&p.b);
	return err;
}

static const struct option export_options[] = {
	{.name = "format",
	 .value = "FORMAT",
	 .text = &format,
	 .hint = HINT_WORDS,
	 .words = "json csv cef",
	 .help = "json, the lines of the log themselves (the default), csv, or cef"},
	OPTION_OUT("FILE", "write to FILE; the default is standard output"),
	OPTION_FORCE("replace FILE"),
	OPTIONS_FILTER,
	OPTION_END,
};

static const struct example export_examples[] = {
	{"for a spreadsheet", "coffer audit export --format csv -o keys.csv"},
	{"yesterday's for another system", "coffer audit export --format cef --since 2026-11-19 --until 2026-11-20"},
	{NULL, NULL},
};

static const struct command export_records = {
	.name = "audit export",
	.brief = "write records for another program",
	.operands = "[FOLDER]",
	.max = 1,
	.hint = HINT_FOLDER,
	.about = "Writes the records that the options let through, all by default: as the lines of the log, as CSV, in "
		 "which what a spreadsheet would take for a formula gets an apostrophe in front, or in the Common "
		 "Event Format of security systems.",
	.options = export_options,
	.examples = export_examples,
	.run = run_export,
	.library = true,
};

/* ---- verify ---- */

static void
report_json(struct json_out *j, const struct coffer_audit_report *r)
{
	json_out_str(j, "log", r->log);
	json_out_uint(j, "records", r->n_records);
	json_out_uint(j, "first", r->first);
	json_out_uint(j, "last", r->last);
	json_out_uint(j, "parts", r->n_parts);
	json_out_uint(j, "bytes", r->bytes);
	json_out_uint(j, "torn_bytes", r->torn_bytes);
	json_out_uint(j, "checkpoints", r->n_checkpoints);
	json_out_uint(j, "outside_checkpoints", r->n_outside);
	json_out_uint(j, "signed_to", r->signed_to);
	json_out_str(j, "signed_at", r->signed_at[0] ? r->signed_at : NULL);
	json_out_str(j, "key", r->key[0] ? r->key : NULL);
	json_out_str(j, "damage", r->damage);
	json_out_str(j, "file", r->file[0] ? r->file : NULL);
	json_out_uint(j, "line", r->line);
	json_out_uint(j, "seq", r->seq);
}

static coffer_err
verify_json(struct fault *f, const struct coffer_audit_report *r, const struct fault *failed)
{
	struct json_out j;

	out_json_begin(&j, f);
	report_json(&j, r);
	if (failed->err)
		out_json_error(&j, failed);
	return out_json_end(&j);
}

static coffer_err
verify_text(struct fault *f, const struct coffer_audit_report *r)
{
	struct buf b = BUF_INIT(1 << 16);
	char amount[TERM_AMOUNT_LEN];
	coffer_err err;

	TRY(buf_printf(f, &b, "%-11s %s\n", "log", r->log));
	TRY(buf_printf(f, &b, "%-11s %" PRIu64 ", from %" PRIu64 " to %" PRIu64 ", in %" PRIu64 " %s, %s\n", "records",
		       r->n_records, r->first, r->last, r->n_parts, r->n_parts == 1 ? "part" : "parts",
		       term_bytes(r->bytes, amount)));
	TRY(buf_printf(f, &b, "%-11s of record %" PRIu64 ", made %s\n", "checkpoint", r->signed_to, r->signed_at));
	TRY(buf_printf(f, &b, "%-11s %s\n", "signed with", r->key));
	if (r->last > r->signed_to)
		TRY(buf_printf(f, &b, "%-11s %" PRIu64 " records are behind the last checkpoint\n", "unsigned",
			       r->last - r->signed_to));
	if (r->torn_bytes > 0)
		TRY(buf_printf(f, &b, "%-11s %s of a record that was not written to its end\n", "torn",
			       term_bytes(r->torn_bytes, amount)));
	TRY(out_buf(f, &b));
out:
	buf_free(&b);
	return err;
}

static coffer_err
run_verify(struct fault *f, struct coffer_ctx *ctx, const struct words *operands)
{
	struct coffer_audit_report report;
	struct fault failed = {0};
	coffer_err err;

	failed.err = library_fault(&failed, ctx, coffer_audit_verify(ctx, folder(operands), &checked, &report));
	if (common.json && (failed.err == COFFER_OK || failed.err == COFFER_E_AUTH))
		TRY(verify_json(f, &report, &failed));
	if (failed.err == COFFER_OK && !common.json)
		TRY(verify_text(f, &report));
	if (failed.err == COFFER_OK)
		term_say("the audit log is whole%s",
			 checked.public_key || checked.checkpoints
				 ? ""
				 : "; --public-key and --checkpoint hold it against what was kept elsewhere");
	*f = failed;
	err = failed.err;
out:
	return err;
}

static const struct option verify_options[] = {
	{.name = "public-key",
	 .value = "FILE",
	 .text = &checked.public_key,
	 .hint = HINT_FILE,
	 .help = "the key of the checkpoints, as coffer audit key printed it; the default is the one in FOLDER"},
	{.name = "checkpoint",
	 .value = "FILE",
	 .text = &checked.checkpoints,
	 .hint = HINT_FILE,
	 .help = "checkpoints that were kept elsewhere, one a line"},
	{.name = "begins-at",
	 .value = "N",
	 .number = &checked.begins_at,
	 .min = 1,
	 .max = INT64_MAX,
	 .help = "records before number N were taken away on purpose"},
	OPTION_JOBS,
	OPTION_JSON,
	OPTION_END,
};

static const struct example verify_examples[] = {
	{"is it as it was written?", "coffer audit verify"},
	{"against what the log server has",
	 "coffer audit verify --public-key audit.pub --checkpoint from-syslog.jsonl"},
	{NULL, NULL},
};

static const struct command verify = {
	.name = "audit verify",
	.brief = "find what was changed, removed or cut off",
	.operands = "[FOLDER]",
	.max = 1,
	.hint = HINT_FOLDER,
	.about = "Hashes every record, follows the chain from the first to the last, holds each checkpoint against its "
		 "record and verifies the signature of the last one. Exits with 5 and names the first line that is not "
		 "as it was written.\n\n"
		 "Whoever can write the folder also has the key that signs in it, and could make all of it anew: keep "
		 "the public key and checkpoints elsewhere.",
	.options = verify_options,
	.examples = verify_examples,
	.run = run_verify,
	.library = true,
};

/* ---- key ---- */

static coffer_err
run_key(struct fault *f, struct coffer_ctx *ctx, const struct words *operands)
{
	char *pem = NULL;
	coffer_err err;

	TRY(library_fault(f, ctx, coffer_audit_public_key(ctx, folder(operands), &pem)));
	TRY(out_text(f, pem));
out:
	free(pem);
	return err;
}

static const struct command key = {
	.name = "audit key",
	.brief = "print the public key of the checkpoints",
	.operands = "[FOLDER]",
	.max = 1,
	.hint = HINT_FOLDER,
	.about =
		"Prints the public key that verifies the checkpoints of the audit log, in PEM. Keep it where those who "
		"use keys cannot write, for audit verify --public-key.",
	.options = options_none,
	.run = run_key,
	.library = true,
};

/* ---- the group ---- */

static const struct command *const subs[] = {&tail, &search, &verify, &export_records, &key, NULL};

static const struct example audit_examples[] = {
	{"what was done last", "coffer audit tail"},
	{"is the log whole?", "coffer audit verify"},
	{NULL, NULL},
};

const struct command cmd_audit = {
	.name = "audit",
	.brief = "read and verify the log of key use",
	.operands = "",
	.about =
		"Every wrap, unwrap and rewrap of a model's key, and every refusal, is written to the audit log before "
		"it takes effect; when that cannot be, no key is used. The log is a folder: "
		"$XDG_STATE_HOME/coffer/audit, else ~/.local/state/coffer/audit. COFFER_AUDIT names another, or "
		"syslog:, journald:, several of these with commas between, or off.\n\n"
		"FOLDER is that of another log, or of a copy.",
	.options = options_none,
	.examples = audit_examples,
	.subs = subs,
};
