/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Completions for three shells, made of the tables that the parser reads.
 */
#include <string.h>

#include "cli/args.h"
#include "cli/out.h"

static const struct example examples[] = {
	{"bash, for this user", "coffer completion bash > ~/.local/share/bash-completion/completions/coffer"},
	{"zsh, in a folder of $fpath", "coffer completion zsh > ~/.zfunc/_coffer"},
	{"fish", "coffer completion fish > ~/.config/fish/completions/coffer.fish"},
	{NULL, NULL},
};

/* The first clause of a help text: enough beside a candidate. */
static size_t
clause_len(const char *help)
{
	const char *end = help;

	while (*end && *end != ';' && strncmp(end, ". ", 2) != 0 && strncmp(end, ", as ", 5) != 0)
		end++;
	return (size_t)(end - help);
}

/* A clause inside single quotes; zsh wants brackets and colons escaped, too. */
static coffer_err
add_clause(struct fault *f, struct buf *b, const char *help, const char *escaped)
{
	size_t len = clause_len(help);
	coffer_err err = COFFER_OK;

	for (size_t i = 0; i < len; i++) {
		if (help[i] == '\'')
			TRY(buf_str(f, b, "'\\'"));
		else if (strchr(escaped, help[i]))
			TRY(buf_str(f, b, "\\"));
		TRY(buf_add(f, b, &help[i], 1));
	}
out:
	return err;
}

/* A walk over all commands and their parts, so that each shell only says what one is to it. */

static coffer_err
each_command(struct fault *f, struct buf *b, coffer_err (*visit)(struct fault *, struct buf *, const struct command *))
{
	coffer_err err = COFFER_OK;

	for (const struct command *const *c = commands; *c; c++) {
		if ((*c)->hidden)
			continue;
		TRY(visit(f, b, *c));
		for (const struct command *const *sub = (*c)->subs; sub && *sub; sub++)
			TRY(visit(f, b, *sub));
	}
out:
	return err;
}

/* Whose options may follow the name alone: of a group, those of what it does by default. */
static const struct command *
by_name_alone(const struct command *command)
{
	return command->fallback ? command->fallback : command;
}

/* «key list», «key show», …, each between @before and @after */
static coffer_err
add_members(struct fault *f, struct buf *b, const char *before, const char *after)
{
	coffer_err err = COFFER_OK;

	for (const struct command *const *c = commands; *c; c++)
		for (const struct command *const *sub = (*c)->subs; sub && *sub; sub++)
			TRY(buf_printf(f, b, "%s%s%s", before, (*sub)->name, after));
out:
	return err;
}

static coffer_err
add_names(struct fault *f, struct buf *b, const struct command *const *from)
{
	coffer_err err = COFFER_OK;

	for (const char *space = ""; *from; from++)
		if (!(*from)->hidden) {
			TRY(buf_printf(f, b, "%s%s", space, command_word(*from)));
			space = " ";
		}
out:
	return err;
}

/* ---- bash ---- */

static const char bash_begin[] =
	"# bash completion for coffer: made by «coffer completion bash»\n"
	"\n"
	"# candidates from $1 for the word $2; what stands before the last colon is not replaced by bash\n"
	"_coffer_offer() {\n"
	"\tlocal IFS=$'\\n' before=\n"
	"\t[[ $2 == *:* && $COMP_WORDBREAKS == *:* ]] && before=${2%\"${2##*:}\"}\n"
	"\tCOMPREPLY=($(compgen -W \"$1\" -- \"$2\"))\n"
	"\tCOMPREPLY=(\"${COMPREPLY[@]#\"$before\"}\")\n"
	"}\n"
	"_coffer_files() {\n"
	"\tlocal IFS=$'\\n'\n"
	"\tcompopt -o filenames\n"
	"\tCOMPREPLY=($(compgen -f -- \"$1\"))\n"
	"}\n"
	"_coffer_key_names() {\n"
	"\tcoffer key list 2>/dev/null | while read -r name _; do printf '%s%s\\n' \"$1\" \"$name\"; done\n"
	"}\n"
	"_coffer_key() {\n"
	"\tcase $1 in\n"
	"\tfile:*)\n"
	"\t\t_coffer_files \"${1#file:}\"\n"
	"\t\t[[ $COMP_WORDBREAKS == *:* ]] || COMPREPLY=(\"${COMPREPLY[@]/#/file:}\") ;;\n"
	"\tkeyring:*) _coffer_offer \"$(_coffer_key_names keyring:)\" \"$1\" ;;\n"
	"\t*)\n"
	"\t\tcompopt -o nospace\n"
	"\t\t_coffer_offer $'file:\\nkeyring:\\npassphrase:\\nrecipient:\\nawskms:\\nazurekms:\\ngcpkms:\\n'"
	"$'hashivault:\\npkcs11:\\nvaultkv:' \"$1\" ;;\n"
	"\tesac\n"
	"}\n"
	"_coffer_words() { _coffer_offer \"${1// /$'\\n'}\" \"$2\"; }\n"
	"_coffer_words_or_files() {\n"
	"\t_coffer_words \"$1\" \"$2\"\n"
	"\t((${#COMPREPLY[@]})) || _coffer_files \"$2\"\n"
	"}\n"
	"_coffer() {\n"
	"\tlocal line=${COMP_LINE:0:COMP_POINT} words cur prev command\n"
	"\tread -ra words <<<\"$line\"\n"
	"\t[[ $line == *[[:space:]] ]] && words+=('')\n"
	"\tcur=${words[-1]} prev=${words[-2]} command=${words[1]}\n"
	"\tCOMPREPLY=()\n"
	"\tif ((${#words[@]} <= 2)); then\n"
	"\t\t_coffer_words '";

static const char bash_middle[] = "' \"$cur\"\n"
				  "\t\treturn\n"
				  "\tfi\n"
				  "\tif ((${#words[@]} > 3)); then\n"
				  "\t\tcase \"$command ${words[2]}\" in\n"
				  "\t\t";

static const char bash_members_end[] = "'') command+=\" ${words[2]}\" ;;\n"
				       "\t\tesac\n"
				       "\tfi\n"
				       "\tcase \"$command $prev\" in\n";

static coffer_err
bash_hint(struct fault *f, struct buf *b, enum hint hint, const char *words, const char *word)
{
	switch (hint) {
	case HINT_FILE:
	case HINT_FOLDER:
		return buf_printf(f, b, "_coffer_files \"%s\"", word);
	case HINT_KEY:
		return buf_printf(f, b, "_coffer_key \"%s\"", word);
	case HINT_KEY_NAME:
		return buf_printf(f, b, "_coffer_offer \"$(_coffer_key_names '')\" \"%s\"", word);
	case HINT_WORDS:
		return buf_printf(f, b, "_coffer_words '%s' \"%s\"", words, word);
	case HINT_NONE:
		break;
	}
	return buf_str(f, b, ":");
}

/* «"seal --out" | "seal -o") _coffer_files "$cur"; return ;;» */
static coffer_err
bash_values_of(struct fault *f, struct buf *b, const struct command *command, const struct option *table)
{
	coffer_err err = COFFER_OK;

	for (const struct option *o = table; o->name; o++) {
		if (!o->value)
			continue;
		TRY(buf_printf(f, b, "\t\"%s --%s\"", command->name, o->name));
		if (o->letter)
			TRY(buf_printf(f, b, " | \"%s -%c\"", command->name, o->letter));
		TRY(buf_str(f, b, ") "));
		TRY(bash_hint(f, b, o->hint, o->words, "$cur"));
		TRY(buf_str(f, b, "; return ;;\n"));
	}
out:
	return err;
}

static coffer_err
bash_values(struct fault *f, struct buf *b, const struct command *command)
{
	const struct command *as = by_name_alone(command);
	coffer_err err = COFFER_OK;

	for (size_t i = 0; args_table(as, i); i++)
		TRY(bash_values_of(f, b, command, args_table(as, i)));
out:
	return err;
}

static coffer_err
bash_option_names(struct fault *f, struct buf *b, const struct option *table)
{
	coffer_err err = COFFER_OK;

	for (const struct option *o = table; o->name; o++)
		TRY(buf_printf(f, b, " --%s", o->name));
out:
	return err;
}

static coffer_err
bash_options(struct fault *f, struct buf *b, const struct command *command)
{
	const struct command *as = by_name_alone(command);
	coffer_err err;

	TRY(buf_printf(f, b, "\t\t\"%s\") _coffer_words '", command->name));
	for (size_t i = 0; args_table(as, i); i++)
		TRY(bash_option_names(f, b, args_table(as, i)));
	TRY(buf_str(f, b, "' \"$cur\" ;;\n"));
out:
	return err;
}

static coffer_err
bash_operands(struct fault *f, struct buf *b, const struct command *command)
{
	coffer_err err;

	TRY(buf_printf(f, b, "\t\"%s\") ", command->name));
	if (command->subs || (command->hint == HINT_WORDS && !command->words)) {
		TRY(buf_str(f, b, command->fallback ? "_coffer_words_or_files '" : "_coffer_words '"));
		TRY(add_names(f, b, command->subs ? command->subs : commands));
		TRY(buf_str(f, b, "' \"$cur\""));
	} else {
		TRY(bash_hint(f, b, command->hint, command->words, "$cur"));
	}
	TRY(buf_str(f, b, " ;;\n"));
out:
	return err;
}

static coffer_err
write_bash(struct fault *f, struct buf *b)
{
	coffer_err err;

	TRY(buf_str(f, b, bash_begin));
	TRY(add_names(f, b, commands));
	TRY(buf_str(f, b, bash_middle));
	TRY(add_members(f, b, "\"", "\" | "));
	TRY(buf_str(f, b, bash_members_end));
	TRY(each_command(f, b, bash_values));
	TRY(buf_str(f, b, "\tesac\n\tif [[ $cur == -* ]]; then\n\t\tcase $command in\n"));
	TRY(each_command(f, b, bash_options));
	TRY(buf_str(f, b, "\t\tesac\n\t\treturn\n\tfi\n\tcase $command in\n"));
	TRY(each_command(f, b, bash_operands));
	TRY(buf_str(f, b, "\tesac\n}\ncomplete -F _coffer coffer\n"));
out:
	return err;
}

/* ---- zsh ---- */

static const char zsh_begin[] = "#compdef coffer\n"
				"# zsh completion for coffer: made by «coffer completion zsh»\n"
				"\n"
				"_coffer_key_names() {\n"
				"\tlocal -a names=(${(f)\"$(coffer key list 2>/dev/null | while read -r name _; do "
				"print -r -- $name; done)\"})\n"
				"\tcompadd -a names\n"
				"}\n"
				"_coffer_key() {\n"
				"\tif compset -P 'file:'; then _files\n"
				"\telif compset -P 'keyring:'; then _coffer_key_names\n"
				"\telse compadd -S '' file: keyring: passphrase: recipient: awskms: azurekms: gcpkms: "
				"hashivault: pkcs11: vaultkv:\n"
				"\tfi\n"
				"}\n"
				"_coffer() {\n"
				"\tlocal -a commands=(\n";

static coffer_err
zsh_names(struct fault *f, struct buf *b, const struct command *const *from, const char *indent)
{
	coffer_err err = COFFER_OK;

	for (; *from; from++) {
		if ((*from)->hidden)
			continue;
		TRY(buf_printf(f, b, "%s'%s:", indent, command_word(*from)));
		TRY(add_clause(f, b, (*from)->brief, ""));
		TRY(buf_str(f, b, "'\n"));
	}
out:
	return err;
}

static const char *
zsh_action(enum hint hint)
{
	switch (hint) {
	case HINT_FILE:
	case HINT_FOLDER:
		return "_files";
	case HINT_KEY:
		return "_coffer_key";
	case HINT_KEY_NAME:
		return "_coffer_key_names";
	case HINT_WORDS:
	case HINT_NONE:
		break;
	}
	return "";
}

/* «'*'{-k+,--kek=}'[seal for KEY]:KEY:_coffer_key' \» */
static coffer_err
zsh_option(struct fault *f, struct buf *b, const struct option *o)
{
	const char *star = o->list ? "*" : "";
	coffer_err err;

	if (o->letter && o->list)
		TRY(buf_printf(f, b, "\t\t\t'*'{-%c+,--%s=}'[", o->letter, o->name));
	else if (o->letter)
		TRY(buf_printf(f, b, "\t\t\t'(-%c --%s)'{-%c%s,--%s%s}'[", o->letter, o->name, o->letter,
			       o->value ? "+" : "", o->name, o->value ? "=" : ""));
	else
		TRY(buf_printf(f, b, "\t\t\t'%s--%s%s[", star, o->name, o->value ? "=" : ""));
	TRY(add_clause(f, b, o->help, "[]"));
	TRY(buf_str(f, b, "]"));
	if (o->value && o->hint == HINT_WORDS)
		TRY(buf_printf(f, b, ":%s:(%s)", o->value, o->words));
	else if (o->value)
		TRY(buf_printf(f, b, ":%s:%s", o->value, zsh_action(o->hint)));
	TRY(buf_str(f, b, "' \\\n"));
out:
	return err;
}

static coffer_err
zsh_operands(struct fault *f, struct buf *b, const struct command *command)
{
	coffer_err err;

	if (command->hint == HINT_WORDS && !command->words) {
		TRY(buf_str(f, b, "\t\t\t'*:command:("));
		TRY(add_names(f, b, commands));
		TRY(buf_str(f, b, ")'\n"));
	} else if (command->hint == HINT_WORDS) {
		TRY(buf_printf(f, b, "\t\t\t'*:word:(%s)'\n", command->words));
	} else {
		TRY(buf_printf(f, b, "\t\t\t'*::%s:%s'\n", "operand", zsh_action(command->hint)));
	}
out:
	return err;
}

static coffer_err
zsh_command(struct fault *f, struct buf *b, const struct command *command)
{
	const struct command *as = by_name_alone(command);
	coffer_err err = COFFER_OK;

	if (command->subs) {
		TRY(buf_printf(f, b, "\t'%s ')\n\t\tcommands=(\n", command->name));
		TRY(zsh_names(f, b, command->subs, "\t\t\t"));
		TRY(buf_printf(f, b, "\t\t)\n\t\t_describe command commands%s ;;\n",
			       command->fallback ? " || _files" : ""));
	}
	if (command->subs && !command->fallback)
		return COFFER_OK;
	TRY(buf_printf(f, b, "\t'%s')\n\t\t_arguments -s -S \\\n", command->name));
	for (size_t i = 0; args_table(as, i); i++)
		for (const struct option *o = args_table(as, i); o->name; o++)
			TRY(zsh_option(f, b, o));
	TRY(zsh_operands(f, b, as));
	TRY(buf_str(f, b, "\t\t;;\n"));
out:
	return err;
}

static coffer_err
write_zsh(struct fault *f, struct buf *b)
{
	coffer_err err;

	TRY(buf_str(f, b, zsh_begin));
	TRY(zsh_names(f, b, commands, "\t\t"));
	TRY(buf_str(f, b,
		    "\t)\n"
		    "\tif ((CURRENT == 2)); then\n"
		    "\t\t_describe command commands\n"
		    "\t\treturn\n"
		    "\tfi\n"
		    "\tlocal command=$words[2]\n"
		    "\tshift words\n"
		    "\t((CURRENT--))\n"
		    "\tlocal -a members=("));
	TRY(add_members(f, b, "'", "' "));
	TRY(buf_str(f, b,
		    ")\n"
		    "\tif ((CURRENT == 2)) && [[ -n ${(M)members:#$command *} && $words[2] != -* ]]; then\n"
		    "\t\tcommand+=' '\n"
		    "\telif ((${members[(Ie)$command $words[2]]})); then\n"
		    "\t\tcommand+=\" $words[2]\"\n"
		    "\t\tshift words\n"
		    "\t\t((CURRENT--))\n"
		    "\tfi\n"
		    "\tcase $command in\n"));
	TRY(each_command(f, b, zsh_command));
	TRY(buf_str(f, b, "\tesac\n}\n_coffer \"$@\"\n"));
out:
	return err;
}

/* ---- fish ---- */

static const char fish_begin[] = "# fish completion for coffer: made by «coffer completion fish»\n"
				 "\n"
				 "function __coffer_key_names\n"
				 "\tcoffer key list 2>/dev/null | string replace -r ' .*' ''\n"
				 "end\n"
				 "function __coffer_keys\n"
				 "\tset -l word (commandline -ct)\n"
				 "\tprintf '%s\\n' passphrase: recipient: awskms: azurekms: gcpkms: hashivault: "
				 "pkcs11: vaultkv: keyring:(__coffer_key_names)\n"
				 "\tif string match -q 'file:*' -- $word\n"
				 "\t\tprintf 'file:%s\\n' (__fish_complete_path (string replace file: '' -- $word) | "
				 "string replace -r '\\t.*' '')\n"
				 "\telse\n"
				 "\t\techo file:\n"
				 "\tend\n"
				 "end\n"
				 "# the words before this one are exactly these / begin with these\n"
				 "function __coffer_at\n"
				 "\tset -l words (commandline -opc)\n"
				 "\ttest \"$words[2..]\" = \"$argv\"\n"
				 "end\n"
				 "function __coffer_is\n"
				 "\tset -l words (commandline -opc)\n"
				 "\tstring match -q -- \"$argv *\" \"$words[2..] \"\n"
				 "end\n"
				 "complete -c coffer -f\n";

/* what follows, and whether files may: -F yes, -f no */
static coffer_err
fish_value(struct fault *f, struct buf *b, enum hint hint, const char *words)
{
	switch (hint) {
	case HINT_FILE:
	case HINT_FOLDER:
		return buf_str(f, b, " -F");
	case HINT_KEY:
		return buf_str(f, b, " -f -a '(__coffer_keys)'");
	case HINT_KEY_NAME:
		return buf_str(f, b, " -f -a '(__coffer_key_names)'");
	case HINT_WORDS:
		return buf_printf(f, b, " -f -a '%s'", words);
	case HINT_NONE:
		break;
	}
	return buf_str(f, b, " -f");
}

/* «__coffer_is seal»; of a group: and no member of it */
static coffer_err
fish_condition(struct fault *f, struct buf *b, const struct command *command)
{
	coffer_err err;

	TRY(buf_printf(f, b, "complete -c coffer -n '__coffer_is %s", command->name));
	for (const struct command *const *sub = command->subs; sub && *sub; sub++)
		TRY(buf_printf(f, b, "; and not __coffer_is %s", (*sub)->name));
	TRY(buf_str(f, b, "'"));
out:
	return err;
}

static coffer_err
fish_options(struct fault *f, struct buf *b, const struct command *command, const struct option *table)
{
	coffer_err err = COFFER_OK;

	for (const struct option *o = table; o->name; o++) {
		TRY(fish_condition(f, b, command));
		TRY(buf_printf(f, b, " -l %s", o->name));
		if (o->letter)
			TRY(buf_printf(f, b, " -s %c", o->letter));
		if (o->value) {
			TRY(buf_str(f, b, " -r"));
			TRY(fish_value(f, b, o->hint, o->words));
		}
		TRY(buf_str(f, b, " -d '"));
		TRY(add_clause(f, b, o->help, ""));
		TRY(buf_str(f, b, "'\n"));
	}
out:
	return err;
}

static coffer_err
fish_command(struct fault *f, struct buf *b, const struct command *command)
{
	const struct command *as = by_name_alone(command);
	const char *word = command_word(command);
	coffer_err err;

	TRY(buf_printf(f, b, "complete -c coffer -n '__coffer_at%s%.*s' -a %s -d '", word == command->name ? "" : " ",
		       word == command->name ? 0 : (int)(word - command->name - 1), command->name, word));
	TRY(add_clause(f, b, command->brief, ""));
	TRY(buf_str(f, b, "'\n"));
	if (command->subs && !command->fallback)
		return COFFER_OK;
	for (size_t i = 0; args_table(as, i); i++)
		TRY(fish_options(f, b, command, args_table(as, i)));
	if (as->hint == HINT_NONE)
		return COFFER_OK;
	TRY(fish_condition(f, b, command));
	if (command->hint == HINT_WORDS && !command->words) {
		TRY(buf_str(f, b, " -a '"));
		TRY(add_names(f, b, commands));
		TRY(buf_str(f, b, "'"));
	} else {
		TRY(fish_value(f, b, as->hint, as->words));
	}
	TRY(buf_str(f, b, "\n"));
out:
	return err;
}

static coffer_err
write_fish(struct fault *f, struct buf *b)
{
	coffer_err err;

	TRY(buf_str(f, b, fish_begin));
	TRY(each_command(f, b, fish_command));
out:
	return err;
}

/* ---- which ---- */

static const struct {
	const char *name;
	coffer_err (*write)(struct fault *f, struct buf *b);
} shells[] = {{"bash", write_bash}, {"zsh", write_zsh}, {"fish", write_fish}};

static coffer_err
run(struct fault *f, struct coffer_ctx *ctx, const struct words *operands)
{
	struct buf b = BUF_INIT(1 << 20);
	coffer_err err;

	(void)ctx;
	err = fault_set(f, COFFER_E_USAGE,
			"%s is no shell that coffer knows; it has completions for bash, zsh and fish",
			args_shown(operands->v[0]));
	for (size_t i = 0; i < sizeof(shells) / sizeof(shells[0]); i++)
		if (strcmp(shells[i].name, operands->v[0]) == 0)
			err = shells[i].write(f, &b);
	if (err == COFFER_OK)
		err = out_buf(f, &b);
	buf_free(&b);
	return err;
}

const struct command cmd_completion = {
	.name = "completion",
	.brief = "print completions for bash, zsh or fish",
	.operands = "bash|zsh|fish",
	.min = 1,
	.max = 1,
	.hint = HINT_WORDS,
	.words = "bash zsh fish",
	.about = "Prints a script that completes commands, options, files and the names of keys.",
	.options = options_none,
	.examples = examples,
	.run = run,
};
