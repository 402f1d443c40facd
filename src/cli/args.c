/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/args.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/enc.h"
#include "base/num.h"

#define NAME_MAX_LEN 32
#define NUMBER_LEN 24 /* digits of 64 bits, a unit and the NUL */

struct common common;

const struct option options_none[] = {OPTION_END};
const struct option options_json[] = {OPTION_JSON, OPTION_END};

static const struct option of_all[] = {
	{.name = "quiet",
	 .letter = 'q',
	 .flag = &common.quiet,
	 .help = "print no progress and no success, only errors"},
	{.name = "help", .letter = 'h', .flag = &common.help, .help = "print this help"},
	OPTION_END,
};

const struct option *
args_table(const struct command *command, size_t i)
{
	const struct option *const tables[] = {command->options, command->shared ? command->shared : of_all, of_all};

	return i < (command->shared ? 3 : 2) ? tables[i] : NULL;
}

/* ---- did you mean ---- */

static size_t
min3(size_t a, size_t b, size_t c)
{
	size_t ab = a < b ? a : b;

	return ab < c ? ab : c;
}

size_t
args_distance(const char *a, const char *b)
{
	/* the last three rows of the table of optimal string alignment */
	size_t row[3][NAME_MAX_LEN + 1];
	size_t a_len = strlen(a), b_len = strlen(b);

	if (a_len > NAME_MAX_LEN || b_len > NAME_MAX_LEN)
		return SIZE_MAX;
	for (size_t j = 0; j <= b_len; j++)
		row[0][j] = j;
	for (size_t i = 1; i <= a_len; i++) {
		size_t *now = row[i % 3], *up = row[(i + 2) % 3], *up2 = row[(i + 1) % 3];

		now[0] = i;
		for (size_t j = 1; j <= b_len; j++) {
			now[j] = min3(up[j] + 1, now[j - 1] + 1, up[j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && up2[j - 2] + 1 < now[j])
				now[j] = up2[j - 2] + 1;
		}
	}
	return row[a_len % 3][b_len];
}

bool
args_is_near(const char *name, size_t distance)
{
	return distance <= 1 + strlen(name) / 3;
}

static void
consider(const struct option *table, const char *name, const char **best, size_t *best_distance)
{
	for (const struct option *o = table; o->name; o++) {
		size_t distance = args_distance(name, o->name);

		/* the beginning of a name is as good as a slip of one letter */
		if (distance > 1 && strlen(name) >= 2 && strncmp(o->name, name, strlen(name)) == 0)
			distance = 1;
		if (distance < *best_distance) {
			*best = o->name;
			*best_distance = distance;
		}
	}
}

static const char *
nearest_option(const struct command *command, const char *name)
{
	size_t distance = SIZE_MAX;
	const char *best = NULL;

	for (size_t i = 0; args_table(command, i); i++)
		consider(args_table(command, i), name, &best, &distance);
	return best && args_is_near(name, distance) ? best : NULL;
}

/* ---- keys where none belong ---- */

static bool
is_hex(const char *text)
{
	return strlen(text) == 64 && strspn(text, "0123456789abcdefABCDEF") == 64;
}

bool
args_is_key(const char *text)
{
	uint8_t bytes[COFFER_KEY_LEN];
	size_t len;
	bool is_key = is_hex(text) || (dec_b64(text, strlen(text), bytes, sizeof(bytes), &len) && len == sizeof(bytes));

	explicit_bzero(bytes, sizeof(bytes));
	return is_key;
}

const char *
args_shown(const char *text)
{
	return args_is_key(text) ? "(what looks like a key)" : text;
}

/* ---- the parser ---- */

struct parser {
	struct fault *f;
	const struct command *command;
	char **next;
	struct words *operands;
};

static coffer_err
add_word(struct fault *f, struct words *words, const char *word)
{
	const char **v = realloc(words->v, (words->n + 1) * sizeof(*v));

	if (!v)
		return fault_nomem(f);
	words->v = v;
	words->v[words->n++] = word;
	return COFFER_OK;
}

static bool
is_name(const struct option *o, const char *name, size_t len)
{
	if (strlen(o->name) != len)
		return false;
	for (size_t i = 0; i < len; i++)
		if (o->name[i] != (name[i] == '_' ? '-' : name[i]))
			return false;
	return true;
}

static const struct option *
find(const struct command *command, const char *name, size_t len, char letter)
{
	for (size_t i = 0; args_table(command, i); i++)
		for (const struct option *o = args_table(command, i); o->name; o++)
			if (letter ? o->letter == letter : is_name(o, name, len))
				return o;
	return NULL;
}

static bool
has_word(const char *words, const char *word)
{
	size_t len = strlen(word);

	for (const char *p = words; *p; p += strspn(p, " ")) {
		size_t n = strcspn(p, " ");

		if (n == len && memcmp(p, word, n) == 0)
			return true;
		p += n;
	}
	return false;
}

static coffer_err
set_text(struct parser *p, const struct option *o, const char *value)
{
	if (*o->text)
		return fault_set(p->f, COFFER_E_USAGE, "--%s is given twice, and %s takes one; leave one out", o->name,
				 p->command->name);
	if (o->hint == HINT_WORDS && !has_word(o->words, value))
		return fault_set(p->f, COFFER_E_USAGE, "%s is no value of --%s; it takes one of: %s", args_shown(value),
				 o->name, o->words);
	*o->text = value;
	return COFFER_OK;
}

/* A bound as it may be given: 64M. */
static const char *
show_size(uint64_t size, char out[static NUMBER_LEN])
{
	static const char *const units[] = {"", "K", "M", "G", "T"};
	size_t unit = 0;

	for (; size > 0 && size % 1024 == 0 && unit + 1 < sizeof(units) / sizeof(units[0]); unit++)
		size /= 1024;
	(void)snprintf(out, NUMBER_LEN, "%llu%s", (unsigned long long)size, units[unit]);
	return out;
}

static coffer_err
set_number(struct parser *p, const struct option *o, const char *value)
{
	char min[NUMBER_LEN], max[NUMBER_LEN];

	if (num_parse_size(value, o->min, o->max, o->number))
		return COFFER_OK;
	if (strcmp(o->value, "SIZE") == 0)
		return fault_set(p->f, COFFER_E_USAGE, "%s is no value of --%s; it takes a size from %s to %s",
				 args_shown(value), o->name, show_size(o->min, min), show_size(o->max, max));
	return fault_set(p->f, COFFER_E_USAGE, "%s is no value of --%s; it takes a whole number from %llu to %llu",
			 args_shown(value), o->name, (unsigned long long)o->min, (unsigned long long)o->max);
}

static coffer_err
set(struct parser *p, const struct option *o, const char *value)
{
	if (o->flag)
		*o->flag = true;
	else if (o->unset)
		*o->unset = false;
	else if (o->text)
		return set_text(p, o, value);
	else if (o->number)
		return set_number(p, o, value);
	else
		return add_word(p->f, o->list, value);
	return COFFER_OK;
}

/* The next word as the value of @o; an option in its place is a forgotten value. */
static coffer_err
take_value(struct parser *p, const struct option *o, const char **value_out)
{
	if (!*p->next)
		return fault_set(p->f, COFFER_E_USAGE, "--%s needs a value, %s; «coffer help %s» has examples", o->name,
				 o->value, p->command->name);
	if (strncmp(*p->next, "--", 2) == 0)
		return fault_set(p->f, COFFER_E_USAGE,
				 "--%s needs a value, %s, and an option follows; --%s=%s if that is meant", o->name,
				 o->value, o->name, *p->next);
	*value_out = *p->next++;
	return COFFER_OK;
}

static bool
has_option(const struct command *command, const char *name)
{
	return find(command, name, strlen(name), 0) != NULL;
}

/* The command that knows the option @name, in the group that does @command when none is named. */
static const struct command *
sibling_with(const struct command *command, const char *name)
{
	for (const struct command *const *group = commands; *group; group++)
		for (size_t i = 0; (*group)->fallback == command && (*group)->subs[i]; i++)
			if (has_option((*group)->subs[i], name))
				return (*group)->subs[i];
	return NULL;
}

static coffer_err
refuse_unknown(struct parser *p, const char *name)
{
	const struct command *sibling = sibling_with(p->command, name);
	const char *near = nearest_option(p->command, name);

	if (sibling)
		return fault_set(p->f, COFFER_E_USAGE, "--%s is not an option of %s; did you mean coffer %s?",
				 args_shown(name), p->command->name, sibling->name);
	if (near)
		return fault_set(p->f, COFFER_E_USAGE, "--%s is not an option of %s; did you mean --%s?",
				 args_shown(name), p->command->name, near);
	return fault_set(p->f, COFFER_E_USAGE, "--%s is not an option of %s; «coffer help %s» lists them",
			 args_shown(name), p->command->name, p->command->name);
}

static coffer_err
parse_long(struct parser *p, const char *arg)
{
	size_t len = strcspn(arg, "=");
	const struct option *o = find(p->command, arg, len, 0);
	const char *value = arg[len] ? arg + len + 1 : NULL;
	char name[NAME_MAX_LEN * 3];
	coffer_err err;

	if (!o) {
		(void)snprintf(name, sizeof(name), "%.*s", (int)num_min(len, sizeof(name)), arg);
		return refuse_unknown(p, name);
	}
	if (!o->value && value)
		return fault_set(p->f, COFFER_E_USAGE, "--%s takes no value; leave «=…» out", o->name);
	if (o->value && !value) {
		err = take_value(p, o, &value);
		if (err)
			return err;
	}
	return set(p, o, value);
}

/* «-qf» and «-oOUT»: flags may share a dash, and what follows one that takes a value is the value. */
static coffer_err
parse_letters(struct parser *p, const char *letters)
{
	coffer_err err = COFFER_OK;

	while (*letters) {
		const struct option *o = find(p->command, NULL, 0, *letters);
		const char *value = NULL;

		if (!o)
			return fault_set(p->f, COFFER_E_USAGE,
					 "-%c is not an option of %s; «coffer help %s» lists them", *letters,
					 p->command->name, p->command->name);
		letters++;
		if (o->value && *letters) {
			value = letters;
			letters = "";
		} else if (o->value) {
			TRY(take_value(p, o, &value));
		}
		TRY(set(p, o, value));
	}
out:
	return err;
}

/* Without «--» it could not be told whose the options are. */
static coffer_err
refuse_program(struct parser *p, const char *arg)
{
	return fault_set(p->f, COFFER_E_USAGE, "put -- in front of the program: coffer %s [OPTIONS] -- %s …",
			 p->command->name, args_shown(arg));
}

static coffer_err
parse_all(struct parser *p)
{
	coffer_err err = COFFER_OK;

	while (*p->next) {
		const char *arg = *p->next++;

		if (strcmp(arg, "--") == 0)
			break;
		if (strncmp(arg, "--", 2) == 0)
			TRY(parse_long(p, arg + 2));
		else if (arg[0] == '-' && arg[1])
			TRY(parse_letters(p, arg + 1));
		else if (p->command->starts_program)
			TRY(refuse_program(p, arg));
		else
			TRY(add_word(p->f, p->operands, arg));
	}
	for (; *p->next; p->next++)
		TRY(add_word(p->f, p->operands, *p->next));
out:
	return err;
}

static coffer_err
count_operands(struct parser *p)
{
	const struct command *command = p->command;

	if (p->operands->n < command->min)
		return fault_set(p->f, COFFER_E_USAGE, "coffer %s needs %s; «coffer help %s» has examples",
				 command->name, command->operands, command->name);
	if (p->operands->n > command->max)
		return fault_set(p->f, COFFER_E_USAGE,
				 "%s is one argument too many for %s; its usage is: coffer %s%s%s",
				 args_shown(p->operands->v[command->max]), command->name, command->name,
				 *command->operands ? " " : "", command->operands);
	return COFFER_OK;
}

coffer_err
args_parse(struct fault *f, const struct command *command, char **argv, struct words *operands_out)
{
	struct parser p = {.f = f, .command = command, .next = argv, .operands = operands_out};
	coffer_err err;

	err = parse_all(&p);
	if (common.help)
		return COFFER_OK;
	return err ? err : count_operands(&p);
}

bool
args_is_json(char **argv)
{
	for (; *argv && strcmp(*argv, "--") != 0; argv++)
		if (strcmp(*argv, "--json") == 0)
			return true;
	return false;
}
