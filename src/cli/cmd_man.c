/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The manual: coffer.1 and coffer-NAME.1 in mdoc(7), made of the tables that the parser reads.
 * Called by the build; not in help.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "cli/args.h"
#include "cli/help.h"

#define MAN_DATE "November 20, 2026"
#define PAGE_MAX ((size_t)1 << 20)
#define LINE_MAX_LEN 76

static const char about_coffer[] =
	"Keeps model weights secret: seals a file or a folder for one or more keys, and opens it, or any byte range or "
	"tensor of it, at the speed of memory. Signs models, and verifies who made them.\n\n"
	"Records are AES-256-GCM under a fresh data key, which is wrapped for each key that shall open the model. "
	"Whoever changes, swaps, cuts or leaves out a part of a sealed model is noticed. The ciphertext keeps the "
	"offsets of the plaintext.\n\n"
	"What a program may read goes to standard output, with --json as one JSON document; sentences for a person go "
	"to standard error. The last line of an error ends with its name in brackets, and the exit code is its "
	"category.";

/* ---- text ---- */

/* One line, with nothing in it that roff would take for a request, an escape, or a dash between words. */
static coffer_err
add_line(struct fault *f, struct buf *b, const char *text, size_t len)
{
	coffer_err err = COFFER_OK;

	if (*text == '.' || *text == '\'')
		TRY(buf_str(f, b, "\\&"));
	for (size_t i = 0; i < len; i++) {
		if (i > 0 && strncmp(text + i - 1, " -- ", 4) == 0) {
			TRY(buf_str(f, b, "\\-\\-"));
			i++;
		} else {
			TRY(text[i] == '\\' ? buf_str(f, b, "\\e") : buf_add(f, b, text + i, 1));
		}
	}
	TRY(buf_str(f, b, "\n"));
out:
	return err;
}

/* What a byte adds to a line: mandoc counts a character beyond ASCII as the escape that it makes of it, «\[u00AB]». */
static size_t
width_of(char c)
{
	unsigned char byte = (unsigned char)c;

	return byte < 0x80 ? 1 : byte >= 0xc0 ? strlen("\\[u00AB]") : 0;
}

/* How much of @text goes on one line: up to the end of a sentence or paragraph, or as many words as fit. */
static size_t
line_len(const char *text)
{
	size_t fits = 0, width = 0;

	for (size_t i = 0;; width += width_of(text[i++])) {
		if (text[i] == '\0' || text[i] == '\n')
			return width <= LINE_MAX_LEN || fits == 0 ? i : fits;
		if (text[i] != ' ')
			continue;
		if (width > LINE_MAX_LEN)
			return fits > 0 ? fits : i;
		fits = i;
		if (i >= 2 && text[i - 1] == '.' && text[i - 2] != '.')
			return i;
	}
}

static coffer_err
add_text(struct fault *f, struct buf *b, const char *text)
{
	coffer_err err = COFFER_OK;

	while (*text) {
		size_t len = line_len(text);

		TRY(add_line(f, b, text, len));
		text += len;
		if (*text == '\n')
			TRY(buf_str(f, b, ".Pp\n"));
		text += strspn(text, " \n");
	}
out:
	return err;
}

static coffer_err
add_options(struct fault *f, struct buf *b, const struct option *table)
{
	coffer_err err = COFFER_OK;

	for (const struct option *o = table; o->name; o++) {
		TRY(buf_str(f, b, ".It"));
		if (o->letter)
			TRY(buf_printf(f, b, " Fl %c ,", o->letter));
		TRY(buf_printf(f, b, " Fl -%s", o->name));
		if (o->value)
			TRY(buf_printf(f, b, " Ar %s", o->value));
		TRY(buf_str(f, b, "\n"));
		TRY(add_text(f, b, o->help));
	}
out:
	return err;
}

static coffer_err
add_examples(struct fault *f, struct buf *b, const struct example *examples)
{
	coffer_err err;

	if (!examples)
		return COFFER_OK;
	TRY(buf_str(f, b, ".Sh EXAMPLES\n"));
	for (const struct example *e = examples; e->line; e++) {
		TRY(add_text(f, b, e->what));
		TRY(buf_str(f, b, ".Pp\n.Dl "));
		TRY(add_line(f, b, e->line, strlen(e->line)));
		TRY(buf_str(f, b, e[1].line ? ".Pp\n" : ""));
	}
out:
	return err;
}

static coffer_err
add_exit_codes(struct fault *f, struct buf *b)
{
	coffer_err err;

	TRY(buf_str(f, b, ".Sh EXIT STATUS\n.Bl -tag -width 4n\n"));
	for (const struct exit_code *e = help_exit_codes; e->text; e++)
		TRY(buf_printf(f, b, ".It %d\n%s\n", e->code, e->text));
	TRY(buf_str(f, b, ".El\n"));
out:
	return err;
}

static coffer_err
add_title(struct fault *f, struct buf *b, const char *name, const char *brief)
{
	char upper[64];
	size_t i;

	for (i = 0; name[i] && i + 1 < sizeof(upper); i++)
		upper[i] = name[i] >= 'a' && name[i] <= 'z' ? (char)(name[i] - 'a' + 'A') : name[i];
	upper[i] = '\0';
	return buf_printf(f, b,
			  ".\\\" Made by «coffer _man» of the tables in src/cli; edit those.\n"
			  ".Dd " MAN_DATE "\n.Dt %s 1\n.Os\n.Sh NAME\n.Nm %s\n.Nd %s\n",
			  upper, name, brief);
}

/* ---- one command ---- */

/* «[NAME]» as «.Op Ar NAME», «IN» as «.Ar IN» */
static coffer_err
add_operands(struct fault *f, struct buf *b, const char *operands)
{
	coffer_err err = COFFER_OK;

	for (const char *p = operands; *p; p += strspn(p, " ")) {
		size_t len = strcspn(p, " ");
		bool optional = *p == '[';
		size_t name_len = strcspn(p + optional, " ].");
		const char *dots = strncmp(p + optional + name_len, "...", 3) == 0 ? " ..." : "";

		TRY(buf_printf(f, b, ".%sAr %.*s%s\n", optional ? "Op " : "", (int)name_len, p + optional, dots));
		p += len;
	}
out:
	return err;
}

static coffer_err
add_synopsis(struct fault *f, struct buf *b, const struct command *command)
{
	coffer_err err;

	TRY(buf_printf(f, b, ".Nm coffer\n.Cm %s\n.Op Ar options\n", command->name));
	TRY(add_operands(f, b, command->operands));
out:
	return err;
}

static coffer_err
add_command(struct fault *f, struct buf *b, const struct command *command)
{
	coffer_err err;

	TRY(buf_str(f, b, ".Sh SYNOPSIS\n"));
	TRY(add_synopsis(f, b, command));
	TRY(buf_str(f, b, ".Sh DESCRIPTION\n"));
	TRY(add_text(f, b, command->about));
	TRY(buf_str(f, b, ".Bl -tag -width Ds\n"));
	for (size_t i = 0; args_table(command, i); i++)
		TRY(add_options(f, b, args_table(command, i)));
	TRY(buf_str(f, b, ".El\n"));
out:
	return err;
}

static coffer_err
add_member(struct fault *f, struct buf *b, const char *name, const struct command *member)
{
	coffer_err err;

	TRY(*name ? buf_printf(f, b, ".It Cm %s\n", name) : buf_str(f, b, ".It without a method\n"));
	TRY(add_text(f, b, member->about));
	if (member->options->name) {
		TRY(buf_str(f, b, ".Bl -tag -width Ds\n"));
		TRY(add_options(f, b, member->options));
		TRY(buf_str(f, b, ".El\n"));
	}
out:
	return err;
}

static coffer_err
add_group(struct fault *f, struct buf *b, const struct command *group)
{
	coffer_err err;

	TRY(buf_str(f, b, ".Sh SYNOPSIS\n"));
	if (help_is_apart(group))
		TRY(add_synopsis(f, b, group->fallback));
	for (const struct command *const *sub = group->subs; *sub; sub++)
		TRY(add_synopsis(f, b, *sub));
	TRY(buf_str(f, b, ".Sh DESCRIPTION\n"));
	TRY(add_text(f, b, group->about));
	TRY(buf_str(f, b, ".Bl -tag -width Ds\n"));
	if (help_is_apart(group))
		TRY(add_member(f, b, "", group->fallback));
	for (const struct command *const *sub = group->subs; *sub; sub++)
		TRY(add_member(f, b, command_word(*sub), *sub));
	TRY(buf_str(f, b, ".El\n"));
	if (group->shared) {
		TRY(buf_str(f, b, "All that take a\n.Ar MODEL\ntake these options, too:\n.Bl -tag -width Ds\n"));
		TRY(add_options(f, b, group->shared));
		TRY(buf_str(f, b, ".El\n"));
	}
out:
	return err;
}

static coffer_err
make_command_page(struct fault *f, struct buf *b, const struct command *command)
{
	char name[64];
	coffer_err err;

	(void)snprintf(name, sizeof(name), "coffer-%s", command->name);
	TRY(add_title(f, b, name, command->brief));
	TRY(command->subs ? add_group(f, b, command) : add_command(f, b, command));
	if (help_takes_key(command)) {
		TRY(buf_str(f, b, ".Sh KEYS\n"));
		TRY(add_text(f, b, help_keys));
	}
	TRY(add_exit_codes(f, b));
	TRY(add_examples(f, b, command->examples));
	TRY(buf_str(f, b, ".Sh SEE ALSO\n.Xr coffer 1\n"));
out:
	return err;
}

/* ---- coffer.1 ---- */

static coffer_err
add_commands(struct fault *f, struct buf *b)
{
	coffer_err err;

	TRY(buf_str(f, b, ".Bl -tag -width completion\n"));
	for (const struct command *const *c = commands; *c; c++)
		if (!(*c)->hidden)
			TRY(buf_printf(f, b, ".It Cm %s\n%s\n", (*c)->name, (*c)->brief));
	TRY(buf_str(f, b, ".El\n"));
out:
	return err;
}

static int
by_name(const void *a, const void *b)
{
	const struct command *const *x = a, *const *y = b;

	return strcmp((*x)->name, (*y)->name);
}

static coffer_err
add_see_also(struct fault *f, struct buf *b)
{
	const struct command *sorted[32];
	size_t n = 0;
	coffer_err err;

	for (const struct command *const *c = commands; *c && n < sizeof(sorted) / sizeof(sorted[0]); c++)
		if (!(*c)->hidden)
			sorted[n++] = *c;
	qsort(sorted, n, sizeof(sorted[0]), by_name);
	TRY(buf_str(f, b, ".Sh SEE ALSO\n"));
	for (size_t i = 0; i < n; i++)
		TRY(buf_printf(f, b, ".Xr coffer-%s 1%s\n", sorted[i]->name, i + 1 < n ? " ," : ""));
out:
	return err;
}

static coffer_err
make_main_page(struct fault *f, struct buf *b)
{
	coffer_err err;

	TRY(add_title(f, b, "coffer", "keep model weights secret"));
	TRY(buf_str(f, b, ".Sh SYNOPSIS\n.Nm\n.Ar command\n.Op Ar options\n.Op Ar arguments\n.Sh DESCRIPTION\n"));
	TRY(add_text(f, b, about_coffer));
	TRY(buf_str(f, b, ".Pp\nThe commands are:\n"));
	TRY(add_commands(f, b));
	TRY(buf_str(f, b, ".Sh KEYS\n"));
	TRY(add_text(f, b, help_keys));
	TRY(buf_str(f, b,
		    ".Sh ENVIRONMENT\n.Bl -tag -width XDG_CONFIG_HOME\n"
		    ".It Ev COFFER_KEYS\nthe folder of the local keyring\n"
		    ".It Ev COFFER_AUDIT\nwhere the audit log goes: see\n.Xr coffer-audit 1\n"
		    ".It Ev COFFER_AUDIT_PART_SIZE\nafter how much it begins a new part; the default is 64M\n"
		    ".It Ev XDG_CONFIG_HOME\nwithout it, the keyring is in its\n.Pa coffer/keys\n"
		    ".It Ev HOME\nwithout that, the keyring is in its\n.Pa .config/coffer/keys\n.El\n"));
	TRY(add_exit_codes(f, b));
	TRY(add_see_also(f, b));
out:
	return err;
}

/* ---- files ---- */

static coffer_err
write_page(struct fault *f, const char *folder, const char *dash, const char *name, const struct buf *page)
{
	char path[4096];

	if (snprintf(path, sizeof(path), "%s/coffer%s%s.1", folder, dash, name) >= (int)sizeof(path))
		return fault_set(f, COFFER_E_USAGE, "the name of the folder is too long");
	return file_write_new(f, path, page->p, page->len, 0644, true);
}

static coffer_err
run(struct fault *f, struct coffer_ctx *ctx, const struct words *operands)
{
	struct buf page = BUF_INIT(PAGE_MAX);
	coffer_err err;

	(void)ctx;
	TRY(make_main_page(f, &page));
	TRY(write_page(f, operands->v[0], "", "", &page));
	for (const struct command *const *c = commands; *c; c++) {
		if ((*c)->hidden)
			continue;
		buf_free(&page);
		TRY(make_command_page(f, &page, *c));
		TRY(write_page(f, operands->v[0], "-", (*c)->name, &page));
	}
out:
	buf_free(&page);
	return err;
}

const struct command cmd_man = {
	.name = "_man",
	.brief = "write the manual pages into a folder",
	.operands = "DIR",
	.min = 1,
	.max = 1,
	.hint = HINT_FOLDER,
	.about = "Writes coffer.1 and coffer-COMMAND.1 into the folder DIR.",
	.options = options_none,
	.run = run,
	.hidden = true,
};
