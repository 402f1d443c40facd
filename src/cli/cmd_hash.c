/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/enc.h"
#include "base/file.h"
#include "base/limits.h"
#include "cli/args.h"
#include "cli/files.h"
#include "cli/library.h"
#include "cli/out.h"
#include "cli/term.h"

#define TEXT_MAX ((size_t)1 << 30)

static const char *check_file;
static bool hidden;

static const struct option options[] = {
	{.name = "check",
	 .letter = 'c',
	 .value = "FILE",
	 .text = &check_file,
	 .hint = HINT_FILE,
	 .help = "read hashes from FILE, or from standard input with -, and compare"},
	{.name = "hidden", .flag = &hidden, .help = "in folders, take names that begin with a dot, too"},
	OPTION_JOBS,
	OPTION_JSON,
	OPTION_END,
};

static const struct example examples[] = {
	{"hash a folder, and check it later", "coffer hash llama/ > SHA256SUMS && coffer hash --check SHA256SUMS"},
	{"with the usual tool", "sha256sum -c SHA256SUMS"},
	{NULL, NULL},
};

/* Tell about each file that could not be read. */
static void
warn_unread(const struct files *files)
{
	for (size_t i = 0; i < files->n; i++)
		if (files->items[i].err)
			term_warn("%s: %s", files->items[i].path,
				  files->items[i].why[0] ? files->items[i].why : coffer_err_text(files->items[i].err));
}

/* ---- make hashes ---- */

/* COFFER_OK, or why the list is not complete */
static coffer_err
sum_up(struct fault *failed, const struct files *files, coffer_err hashing)
{
	const struct coffer_hash_item *first = NULL;
	size_t n = 0;

	for (size_t i = files->n; i > 0; i--)
		if (files->items[i - 1].err) {
			first = &files->items[i - 1];
			n++;
		}
	if (n == 0)
		return hashing;
	if (files->n == 1)
		return fault_set(failed, first->err, "%s: %s", first->path,
				 first->why[0] ? first->why : coffer_err_text(first->err));
	return fault_set(failed, first->err, "%zu of %zu files could not be read; the others are hashed", n, files->n);
}

static coffer_err
add_hashes(struct fault *f, struct buf *b, const struct files *files)
{
	coffer_err err = COFFER_OK;

	for (size_t i = 0; i < files->n; i++) {
		char hex[2 * sizeof(files->items[i].sha256) + 1], before[sizeof(hex) + 2];

		if (files->items[i].err)
			continue;
		enc_hex(files->items[i].sha256, sizeof(files->items[i].sha256), hex);
		(void)snprintf(before, sizeof(before), "%s  ", hex);
		TRY(files_add_line(f, b, before, files->items[i].path, ""));
	}
out:
	return err;
}

static coffer_err
print_json(struct fault *f, const struct files *files, const struct fault *failed)
{
	struct json_out j;

	out_json_begin(&j, f);
	json_out_begin(&j, "files", JSON_ARRAY);
	for (size_t i = 0; i < files->n; i++) {
		const struct coffer_hash_item *item = &files->items[i];
		char hex[2 * sizeof(item->sha256) + 1];

		enc_hex(item->sha256, sizeof(item->sha256), hex);
		json_out_begin(&j, NULL, JSON_OBJECT);
		json_out_str(&j, "path", item->path);
		if (item->err) {
			json_out_str(&j, "error", coffer_err_name(item->err));
		} else {
			json_out_str(&j, "sha256", hex);
			json_out_uint(&j, "size", item->size);
		}
		if (check_file)
			json_out_bool(&j, "ok",
				      !item->err &&
					      memcmp(item->sha256, files->expected[i], sizeof(item->sha256)) == 0);
		json_out_end(&j);
	}
	json_out_end(&j);
	if (failed->err)
		out_json_error(&j, failed);
	return out_json_end(&j);
}

static coffer_err
print_hashes(struct fault *f, const struct files *files, const struct fault *failed)
{
	struct buf b = BUF_INIT(TEXT_MAX);
	coffer_err err;

	if (common.json)
		return print_json(f, files, failed);
	TRY(add_hashes(f, &b, files));
	TRY(out_buf(f, &b));
out:
	buf_free(&b);
	return err;
}

static coffer_err
make(struct fault *f, struct coffer_ctx *ctx, const struct words *operands)
{
	struct files files = {0};
	struct fault failed = {0};
	coffer_err err;

	TRY(files_walk(f, operands, hidden ? HIDDEN_TAKE : HIDDEN_SKIP, &files));
	failed.err = library_fault(&failed, ctx, coffer_hash_files(ctx, files.items, files.n));
	/* what was hashed is printed though others failed, as sha256sum does, unless it was stopped */
	if (failed.err != COFFER_E_INTERRUPTED) {
		failed.err = sum_up(&failed, &files, failed.err);
		if (files.n > 1)
			warn_unread(&files);
		TRY(print_hashes(f, &files, &failed));
	}
	*f = failed;
	err = failed.err;
out:
	files_free(&files);
	return err;
}

/* ---- check hashes ---- */

static coffer_err
read_all(struct fault *f, int fd, const char *shown, struct buf *b)
{
	for (;;) {
		coffer_err err = buf_reserve(f, b, 65536);
		ssize_t n;

		if (err)
			return err;
		n = read(fd, b->p + b->len, 65536);
		if (n == 0)
			return COFFER_OK;
		if (n < 0 && errno != EINTR)
			return fault_errno(f, errno, "cannot read %s", shown);
		if (n > 0)
			b->len += (size_t)n;
	}
}

static coffer_err
read_list(struct fault *f, struct files *files)
{
	bool is_stdin = strcmp(check_file, "-") == 0;
	const char *shown = is_stdin ? "standard input" : check_file;
	struct buf b = BUF_INIT(TEXT_MAX);
	int fd = -1;
	coffer_err err;

	if (!is_stdin) {
		fd = open(check_file, O_RDONLY | O_CLOEXEC | O_NOCTTY);
		if (fd < 0)
			TRY(fault_errno(f, errno, "cannot open %s", shown));
	}
	TRY(read_all(f, is_stdin ? STDIN_FILENO : fd, shown, &b));
	TRY(files_parse(f, buf_view(&b), shown, files));
out:
	file_close(&fd);
	buf_free(&b);
	return err;
}

/* COFFER_OK, or why the list as a whole does not hold: a difference counts more than a file that cannot be read. */
static coffer_err
judge(struct fault *failed, const struct files *files, coffer_err hashing)
{
	size_t n_differ = 0, n_unread = 0;

	for (size_t i = 0; i < files->n; i++) {
		if (files->items[i].err)
			n_unread++;
		else if (memcmp(files->items[i].sha256, files->expected[i], sizeof(files->items[i].sha256)) != 0)
			n_differ++;
	}
	if (n_differ > 0)
		return fault_set(failed, COFFER_E_AUTH,
				 "%zu of %zu files differ from their hashes, %zu could not be read", n_differ, files->n,
				 n_unread);
	if (n_unread > 0)
		return fault_set(failed, hashing ? hashing : COFFER_E_IO, "%zu of %zu files could not be read",
				 n_unread, files->n);
	return hashing;
}

static coffer_err
print_verdicts(struct fault *f, const struct files *files, const struct fault *failed)
{
	struct buf b = BUF_INIT(TEXT_MAX);
	coffer_err err = COFFER_OK;

	if (common.json)
		return print_json(f, files, failed);
	for (size_t i = 0; i < files->n; i++) {
		const struct coffer_hash_item *item = &files->items[i];
		bool same = memcmp(item->sha256, files->expected[i], sizeof(item->sha256)) == 0;

		if (item->err)
			TRY(files_add_line(f, &b, "", item->path, ": FAILED open or read"));
		else if (!same)
			TRY(files_add_line(f, &b, "", item->path, ": FAILED"));
		else if (!common.quiet)
			TRY(files_add_line(f, &b, "", item->path, ": OK"));
	}
	TRY(out_buf(f, &b));
out:
	buf_free(&b);
	return err;
}

static coffer_err
check(struct fault *f, struct coffer_ctx *ctx)
{
	struct files files = {0};
	struct fault failed = {0};
	coffer_err err;

	TRY(read_list(f, &files));
	failed.err = library_fault(&failed, ctx, coffer_hash_files(ctx, files.items, files.n));
	if (failed.err != COFFER_E_INTERRUPTED) {
		failed.err = judge(&failed, &files, failed.err);
		warn_unread(&files);
		TRY(print_verdicts(f, &files, &failed));
	}
	*f = failed;
	err = failed.err;
out:
	files_free(&files);
	return err;
}

static coffer_err
run(struct fault *f, struct coffer_ctx *ctx, const struct words *operands)
{
	if (check_file && operands->n > 0)
		return fault_set(f, COFFER_E_USAGE,
				 "--check takes the names from its list, so %s has no use; leave it out",
				 args_shown(operands->v[0]));
	if (!check_file && operands->n == 0)
		return fault_set(f, COFFER_E_USAGE,
				 "hash needs a file or folder, or --check FILE; «coffer help hash» has examples");
	return check_file ? check(f, ctx) : make(f, ctx, operands);
}

const struct command cmd_hash = {
	.name = "hash",
	.brief = "print or check the SHA-256 of files, many at once",
	.operands = "[PATH...]",
	.max = SIZE_MAX,
	.hint = HINT_FILE,
	.about = "Prints the SHA-256 of each PATH in the form of sha256sum; folders are walked, sorted by path, "
		 "without hidden files. Several files are hashed at once on each core, which is faster than one after "
		 "the other.\n\n"
		 "With --check it compares instead, as sha256sum -c does, and exits with 5 when a file differs.",
	.options = options,
	.examples = examples,
	.run = run,
	.library = true,
};
