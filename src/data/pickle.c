/* SPDX-License-Identifier: Apache-2.0 */
#include "data/pickle.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/num.h"
#include "base/utf8.h"
#include "data/source.h"
#include "data/torch_globals.h"

#define FAR_READ 1000u /* opcodes that could be read in the time that a read elsewhere in the file takes */

/* what follows an opcode */
enum argument { NONE = 0, ONE, TWO, FOUR, EIGHT, LINE, LINES, COUNT1, COUNT4, COUNT8 };

/* what an opcode does */
enum action {
	UNKNOWN = 0, /* Python gives up */
	PUSH,
	PUSH_TEXT,
	MARK,
	STOP,
	POP,
	POP_MARK,
	DUP,
	GATHER,	 /* from the mark on, into one value */
	TUPLE_N, /* from so many */
	ADD,	 /* so many to the value below */
	ADD_MARK,
	GET,
	PUT,
	MEMOIZE,
	IMPORT,
	STACK_IMPORT,
	CALL,	    /* what is below so many arguments */
	CALL_MARK,  /* what is at the mark */
	CALL_NAMED, /* what the two lines say */
	BUILD,
	PERSISTENT,
	EXTENSION,
	READ_ONLY, /* what is a buffer can no longer be written */
	NOTHING,
};

/* what is known of a value */
enum kind {
	ABSENT = 0, /* in the memo */
	PLAIN,	    /* data that cannot be called */
	WHOLE,	    /* a whole number */
	TEXT,	    /* a text whose bytes are in the file as they are */
	WORD,	    /* one that is «storage» */
	STORAGE,    /* a tuple that begins with it */
	TUPLE,	    /* another one, or a list, dict or set that is put together at once */
	ALLOWED,    /* an import that is on the list */
	FOREIGN,    /* one that is not */
	MADE,	    /* by something on the list */
	ANYTHING,
};

static const struct opcode {
	uint8_t argument;
	uint8_t action;
	uint8_t value; /* the kind that is pushed, or a count */
} opcodes[256] = {
	['('] = {NONE, MARK, 0},
	['.'] = {NONE, STOP, 0},
	['0'] = {NONE, POP, 0},
	['1'] = {NONE, POP_MARK, 0},
	['2'] = {NONE, DUP, 0},
	['F'] = {LINE, PUSH, PLAIN},
	['I'] = {LINE, PUSH, WHOLE},
	['J'] = {FOUR, PUSH, WHOLE},
	['K'] = {ONE, PUSH, WHOLE},
	['L'] = {LINE, PUSH, WHOLE},
	['M'] = {TWO, PUSH, WHOLE},
	['N'] = {NONE, PUSH, PLAIN},
	['Q'] = {NONE, PERSISTENT, 0},
	['R'] = {NONE, CALL, 1},
	['S'] = {LINE, PUSH_TEXT, 0},
	['T'] = {COUNT4, PUSH_TEXT, 0},
	['U'] = {COUNT1, PUSH_TEXT, 0},
	['V'] = {LINE, PUSH_TEXT, 0},
	['X'] = {COUNT4, PUSH_TEXT, 0},
	['a'] = {NONE, ADD, 1},
	['b'] = {NONE, BUILD, 0},
	['c'] = {LINES, IMPORT, 0},
	['d'] = {NONE, GATHER, 0},
	['}'] = {NONE, PUSH, PLAIN},
	['e'] = {NONE, ADD_MARK, 0},
	['g'] = {LINE, GET, 0},
	['h'] = {ONE, GET, 0},
	['i'] = {LINES, CALL_NAMED, 0},
	['j'] = {FOUR, GET, 0},
	['l'] = {NONE, GATHER, 0},
	[']'] = {NONE, PUSH, PLAIN},
	['o'] = {NONE, CALL_MARK, 0},
	['p'] = {LINE, PUT, 0},
	['q'] = {ONE, PUT, 0},
	['r'] = {FOUR, PUT, 0},
	['s'] = {NONE, ADD, 2},
	['t'] = {NONE, GATHER, 0},
	[')'] = {NONE, PUSH, PLAIN},
	['u'] = {NONE, ADD_MARK, 0},
	['G'] = {EIGHT, PUSH, PLAIN},
	['B'] = {COUNT4, PUSH, PLAIN},
	['C'] = {COUNT1, PUSH, PLAIN},
	/* protocol 2 */
	[0x80] = {ONE, NOTHING, 0},
	[0x81] = {NONE, CALL, 1},
	[0x82] = {ONE, EXTENSION, 0},
	[0x83] = {TWO, EXTENSION, 0},
	[0x84] = {FOUR, EXTENSION, 0},
	[0x85] = {NONE, TUPLE_N, 1},
	[0x86] = {NONE, TUPLE_N, 2},
	[0x87] = {NONE, TUPLE_N, 3},
	[0x88] = {NONE, PUSH, PLAIN},
	[0x89] = {NONE, PUSH, PLAIN},
	[0x8a] = {COUNT1, PUSH, WHOLE},
	[0x8b] = {COUNT4, PUSH, WHOLE},
	/* protocol 4 */
	[0x8c] = {COUNT1, PUSH_TEXT, 0},
	[0x8d] = {COUNT8, PUSH_TEXT, 0},
	[0x8e] = {COUNT8, PUSH, PLAIN},
	[0x8f] = {NONE, PUSH, PLAIN},
	[0x90] = {NONE, ADD_MARK, 0},
	[0x91] = {NONE, GATHER, 0},
	[0x92] = {NONE, CALL, 2},
	[0x93] = {NONE, STACK_IMPORT, 0},
	[0x94] = {NONE, MEMOIZE, 0},
	[0x95] = {EIGHT, NOTHING, 0},
	/* protocol 5.  Its buffers that lie elsewhere (0x97) are there only for programs that hand them over. */
	[0x96] = {COUNT8, PUSH, PLAIN},
	[0x98] = {NONE, READ_ONLY, 0}, /* of bytes, too, which lie here */
};

/* a value */
struct value {
	uint64_t at;	 /* where a TEXT is; which of the names a FOREIGN is */
	uint32_t number; /* that it is remembered under */
	uint16_t len;	 /* of a TEXT, at most UINT16_MAX */
	uint16_t kind;
};

struct values {
	struct value *v;
	size_t n;
	size_t cap;
};

struct machine {
	struct fault *f;
	struct window w;
	struct pickle_report *report;
	struct values stack;
	struct values marks; /* @at is where in the stack */
	struct values memo;  /* a hash table of @cap places, a power of two, more than half of them ABSENT */
	uint32_t *budget;
	bool stopped;
};

static const char storage_word[] = {'s', 't', 'o', 'r', 'a', 'g', 'e'};

/* the argument of one opcode */
struct argument_read {
	uint64_t number; /* or how many bytes the counted ones are */
	uint64_t at;	 /* of the counted bytes */
	size_t len;	 /* of the first line; the beginning of counted bytes is there, too */
	size_t len2;	 /* and of the second */
	char line[LIMIT_PICKLE_LINE];
	char line2[LIMIT_PICKLE_LINE];
};

bool
pickle_begins(const uint8_t *head, size_t len)
{
	return len > 2 && head[0] == 0x80 && head[1] <= 5 && opcodes[head[2]].action != UNKNOWN;
}

/* Python gives up here */
static coffer_err
broken(const struct machine *m, const char *why)
{
	return fault_set(m->f, COFFER_E_FORMAT, "byte %" PRIu64 " of the pickle: %s", m->w.off, why);
}

/* Python might go on: @why says what cannot be followed */
static coffer_err
doubt(struct machine *m, const char *why)
{
	m->report->doubt = why;
	return broken(m, why);
}

/* ---- values ---- */

static coffer_err
push_to(struct machine *m, struct values *values, struct value value, size_t max, const char *too_many)
{
	if (values->n == max)
		return doubt(m, too_many);
	if (values->n == values->cap) {
		size_t cap = values->cap ? 2 * values->cap : 64;
		struct value *v = reallocarray(values->v, cap, sizeof(*v));

		if (!v)
			return fault_nomem(m->f);
		values->v = v;
		values->cap = cap;
	}
	values->v[values->n++] = value;
	return COFFER_OK;
}

static coffer_err
push(struct machine *m, struct value value)
{
	return push_to(m, &m->stack, value, LIMIT_PICKLE_DEPTH, "it nests too much");
}

static coffer_err
push_kind(struct machine *m, enum kind kind)
{
	return push(m, (struct value){.kind = (uint16_t)kind});
}

/* values above the last mark */
static size_t
above_mark(const struct machine *m)
{
	return m->stack.n - (m->marks.n > 0 ? (size_t)m->marks.v[m->marks.n - 1].at : 0);
}

static coffer_err
need(struct machine *m, size_t n)
{
	return above_mark(m) >= n ? COFFER_OK : broken(m, "a value is missing");
}

/* @below = 1: the uppermost; need() it before */
static struct value *
top(const struct machine *m, size_t below)
{
	return &m->stack.v[m->stack.n - below];
}

/* forget the last mark; how many values were above it */
static coffer_err
unmark(struct machine *m, size_t *n_out)
{
	if (m->marks.n == 0)
		return broken(m, "a mark is missing");
	*n_out = above_mark(m);
	m->marks.n--;
	return COFFER_OK;
}

/* the uppermost @n values become one tuple, list, dict or set */
static coffer_err
gather(struct machine *m, size_t n)
{
	bool storage = n > 0 && top(m, n)->kind == WORD;

	m->stack.n -= n;
	return push_kind(m, storage ? STORAGE : TUPLE);
}

/* ---- the memo ---- */

/* where @number is in the memo, or would be; what the search costs counts, for numbers can be chosen to make it long */
static struct value *
find_place(const struct machine *m, uint32_t number)
{
	size_t i = (number * UINT32_C(0x9e3779b1)) & (m->memo.cap - 1);

	while (m->memo.v[i].kind != ABSENT && m->memo.v[i].number != number) {
		i = (i + 1) & (m->memo.cap - 1);
		*m->budget -= *m->budget > 1;
	}
	return &m->memo.v[i];
}

static coffer_err
grow_memo(struct machine *m)
{
	struct values old = m->memo;

	if (old.n < old.cap / 2)
		return COFFER_OK;
	if (old.n == LIMIT_PICKLE_MEMO)
		return doubt(m, "it remembers too many values");
	m->memo.cap = old.cap ? 2 * old.cap : 256;
	m->memo.v = calloc(m->memo.cap, sizeof(*m->memo.v));
	if (!m->memo.v) {
		m->memo = old;
		return fault_nomem(m->f);
	}
	for (size_t i = 0; i < old.cap; i++)
		if (old.v[i].kind != ABSENT)
			*find_place(m, old.v[i].number) = old.v[i];
	free(old.v);
	return COFFER_OK;
}

static coffer_err
remember(struct machine *m, uint64_t number)
{
	struct value *place;
	coffer_err err;

	TRY(need(m, 1));
	if (number > UINT32_MAX)
		return doubt(m, "it remembers values under numbers that no writer makes");
	TRY(grow_memo(m));
	place = find_place(m, (uint32_t)number);
	m->memo.n += place->kind == ABSENT;
	*place = *top(m, 1);
	place->number = (uint32_t)number;
out:
	return err;
}

static coffer_err
recall(struct machine *m, uint64_t number)
{
	const struct value *place = number <= UINT32_MAX && m->memo.n > 0 ? find_place(m, (uint32_t)number) : NULL;

	if (!place || place->kind == ABSENT)
		return broken(m, "nothing is remembered under that number");
	return push(m, *place);
}

/* the number on a line; how Python reads «+5», «-0», «1_0» or thousands of zeros is not worth following */
static coffer_err
parse_line_number(struct machine *m, struct argument_read *a)
{
	bool odd = a->len > LIMIT_PICKLE_LINE;
	uint64_t v = 0;

	if (a->len == 0)
		return broken(m, "no number");
	for (size_t i = 0; i < a->len && i < LIMIT_PICKLE_LINE; i++) {
		char c = a->line[i];

		if (c >= '0' && c <= '9')
			v = v < UINT64_MAX / 10 - 1 ? 10 * v + (uint64_t)(c - '0') : v;
		else if (memchr(" \t\r\v\f+-_", c, 8))
			odd = true;
		else
			return broken(m, "no number");
	}
	a->number = v;
	return odd ? doubt(m, "it writes a number in an odd way") : COFFER_OK;
}

/* ---- imports and calls ---- */

/* as much of @v as is whole characters and fits; «?» when it cannot be shown */
static struct view
shown(struct view v, size_t max)
{
	if (!utf8_is_text(v))
		return view_str("?");
	if (v.len > max)
		for (v.len = max; v.len > 0 && (v.p[v.len] & 0xc0) == 0x80; v.len--)
			;
	return v;
}

/* the name that people know, of a module that has another one in pickles: that of Python 2, or of what is behind it */
static struct view
known_name(struct view module)
{
	static const char *const names[][2] = {
		{"__builtin__", "builtins"}, {"posix", "os"},	    {"nt", "os"},
		{"commands", "subprocess"},  {"_pickle", "pickle"}, {"cPickle", "pickle"},
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (view_is(module, names[i][0]))
			return view_str(names[i][1]);
	return module;
}

static void
name_text(struct view module, struct view name, char out[static PICKLE_NAME_LEN])
{
	struct view x = shown(module, PICKLE_NAME_LEN / 2 - 1), y = shown(name, PICKLE_NAME_LEN / 2 - 1);

	snprintf(out, PICKLE_NAME_LEN, "%.*s.%.*s", (int)x.len, (const char *)x.p, (int)y.len, (const char *)y.p);
}

/* push something that is not on the list, and report it; PICKLE_NAMES are enough to have found */
static coffer_err
push_foreign(struct machine *m, const char text[static PICKLE_NAME_LEN])
{
	struct pickle_report *report = m->report;
	size_t i = 0;

	while (i < report->n_names && strcmp(report->names[i].text, text) != 0)
		i++;
	if (i == PICKLE_NAMES)
		return broken(m, "more than enough was found");
	if (i == report->n_names) {
		memcpy(report->names[i].text, text, PICKLE_NAME_LEN);
		report->names[i].called = false;
		report->n_names++;
	}
	return push(m, (struct value){.kind = FOREIGN, .at = i});
}

/* what a program has registered under a number */
static coffer_err
push_extension(struct machine *m, uint64_t number)
{
	char text[PICKLE_NAME_LEN] = "";

	snprintf(text, sizeof(text), "extension %" PRIu64, number);
	return push_foreign(m, text);
}

static bool
is_utf8(struct view v)
{
	uint32_t code;
	size_t len;

	for (; v.len > 0; v = view_of(v.p + len, v.len - len)) {
		len = utf8_char(v, &code);
		if (len == 0)
			return false;
	}
	return true;
}

/* whether all of @v may stand in a name of Python; of other scripts any character may */
static bool
is_dotted(struct view v)
{
	for (size_t i = 0; i < v.len; i++) {
		uint8_t c = v.p[i], lower = c | 0x20;

		if (!(lower >= 'a' && lower <= 'z') && !(c >= '0' && c <= '9') && c != '.' && c != '_' && c < 0x80)
			return false;
	}
	return true;
}

/* push what an import gives */
static coffer_err
import(struct machine *m, struct view module, struct view name)
{
	char text[PICKLE_NAME_LEN] = "";

	if (module.len == 0 || !is_utf8(module) || !is_utf8(name))
		return broken(m, "no name of a module");
	if (torch_global_allowed(module, name))
		return push_kind(m, ALLOWED);
	name_text(known_name(module), name, text);
	return push_foreign(m, text);
}

static coffer_err
read_text(struct machine *m, const struct value *value, char out[static LIMIT_PICKLE_LINE])
{
	if ((value->kind != TEXT && value->kind != WORD) || value->len > LIMIT_PICKLE_LINE)
		return doubt(m, "it makes up the name of what it imports");
	*m->budget -= (uint32_t)num_min(*m->budget, FAR_READ);
	return source_read(m->f, m->w.source, value->at, out, value->len);
}

static coffer_err
stack_import(struct machine *m, struct argument_read *scratch)
{
	struct view module, name;
	coffer_err err;

	TRY(need(m, 2));
	TRY(read_text(m, top(m, 2), scratch->line));
	TRY(read_text(m, top(m, 1), scratch->line2));
	module = view_of(scratch->line, top(m, 2)->len);
	name = view_of(scratch->line2, top(m, 1)->len);
	m->stack.n -= 2;
	TRY(import(m, module, name));
out:
	return err;
}

/* the uppermost value is called, and what it gives takes its place */
static coffer_err
call(struct machine *m)
{
	struct value *callee = top(m, 1);

	switch ((enum kind)callee->kind) {
	case ALLOWED:
		callee->kind = MADE;
		return COFFER_OK;
	case FOREIGN:
		m->report->n_called += !m->report->names[callee->at].called;
		m->report->names[callee->at].called = true;
		callee->kind = ANYTHING;
		return COFFER_OK;
	case MADE:
	case ANYTHING:
		return doubt(m, "it calls what another call gave it");
	default:
		return broken(m, "a value that cannot be called");
	}
}

static coffer_err
call_over(struct machine *m, size_t n_arguments)
{
	coffer_err err;

	TRY(need(m, n_arguments + 1));
	m->stack.n -= n_arguments;
	TRY(call(m));
out:
	return err;
}

/* «o»: what is called stands first above the mark */
static coffer_err
call_mark(struct machine *m)
{
	coffer_err err;
	size_t n;

	TRY(unmark(m, &n));
	if (n == 0)
		return broken(m, "a value is missing");
	m->stack.n -= n - 1;
	TRY(call(m));
out:
	return err;
}

/* «i»: all above the mark are arguments */
static coffer_err
call_named(struct machine *m, const struct argument_read *a)
{
	coffer_err err;
	size_t n;

	TRY(unmark(m, &n));
	m->stack.n -= n;
	TRY(import(m, view_of(a->line, a->len), view_of(a->line2, a->len2)));
	TRY(call(m));
out:
	return err;
}

/* a state is given to an object, which may have a method for that; a function or class itself is changed by it */
static coffer_err
build(struct machine *m)
{
	coffer_err err;

	TRY(need(m, 2));
	m->stack.n--;
	if (top(m, 1)->kind == ALLOWED)
		return doubt(m, "it changes what it imports");
	if (top(m, 1)->kind == FOREIGN)
		TRY(call(m));
out:
	return err;
}

/* what is kept elsewhere in the file: storages; torch had code of modules there, too */
static coffer_err
persistent(struct machine *m)
{
	coffer_err err;

	TRY(need(m, 1));
	switch ((enum kind)top(m, 1)->kind) {
	case STORAGE:
	case WHOLE:
	case ANYTHING:
		top(m, 1)->kind = MADE;
		return COFFER_OK;
	case TUPLE:
		return doubt(m, "it asks for something that is no storage");
	default:
		return broken(m, "it asks for something that nobody has");
	}
out:
	return err;
}

/* ---- opcodes ---- */

/* up to the line end or the end of the file */
static coffer_err
take_line(struct machine *m, char line[static LIMIT_PICKLE_LINE], size_t *len_out)
{
	coffer_err err = COFFER_OK;
	char c = 0;

	*len_out = 0;
	while (window_left(&m->w) > 0) {
		TRY(window_take(m->f, &m->w, &c, 1));
		if (c == '\n')
			break;
		if (*len_out < LIMIT_PICKLE_LINE)
			line[*len_out] = c;
		++*len_out;
	}
out:
	return err;
}

/* a module and what is imported from it */
static coffer_err
take_names(struct machine *m, struct argument_read *a)
{
	coffer_err err;

	TRY(take_line(m, a->line, &a->len));
	if (a->len > LIMIT_PICKLE_LINE)
		return broken(m, "a module whose name is too long for Python");
	TRY(take_line(m, a->line2, &a->len2));
	if (a->len2 <= LIMIT_PICKLE_LINE)
		goto out;
	/* «path.os.path.os.….system» can be of any length; two lines of a text are not taken for that */
	err = is_dotted(view_of(a->line, a->len)) && is_dotted(view_of(a->line2, LIMIT_PICKLE_LINE))
		      ? doubt(m, "it imports by a name that is too long")
		      : broken(m, "no name");
out:
	return err;
}

static coffer_err
take_number(struct machine *m, size_t len, uint64_t *out)
{
	uint8_t bytes[8] = {0};
	coffer_err err;

	TRY(window_take(m->f, &m->w, bytes, len));
	*out = get_le64(bytes);
out:
	return err;
}

static coffer_err
take_argument(struct machine *m, enum argument argument, struct argument_read *a)
{
	static const uint8_t lens[] = {
		[ONE] = 1, [TWO] = 2, [FOUR] = 4, [EIGHT] = 8, [COUNT1] = 1, [COUNT4] = 4, [COUNT8] = 8, [LINE] = 0};
	coffer_err err;

	if (argument == NONE)
		return COFFER_OK;
	a->at = m->w.off;
	if (argument == LINE)
		return take_line(m, a->line, &a->len);
	if (argument == LINES)
		return take_names(m, a);
	TRY(take_number(m, lens[argument], &a->number));
	if (argument < COUNT1)
		return COFFER_OK;
	a->at = m->w.off;
	a->len = (size_t)num_min(a->number, sizeof(storage_word));
	TRY(window_take(m->f, &m->w, a->line, a->len));
	TRY(window_skip(m->f, &m->w, a->number - a->len));
out:
	return err;
}

static bool
is_storage(const struct argument_read *a)
{
	return a->number == sizeof(storage_word) && memcmp(a->line, storage_word, sizeof(storage_word)) == 0;
}

/* a text; of one in a line only the plain ones are known: quotes around, nothing escaped */
static coffer_err
push_text(struct machine *m, uint8_t opcode, const struct argument_read *a)
{
	struct value text = {.kind = TEXT, .at = a->at, .len = (uint16_t)num_min(a->number, UINT16_MAX)};
	size_t quote = opcode == 'S' ? 1 : 0;

	if (opcodes[opcode].argument != LINE) {
		text.kind = is_storage(a) ? WORD : TEXT;
		return push(m, text);
	}
	if (a->len < 2 * quote || a->len > LIMIT_PICKLE_LINE || memchr(a->line, '\\', a->len) ||
	    (quote > 0 && (a->line[0] != a->line[a->len - 1] || !memchr("'\"", a->line[0], 2))))
		return push_kind(m, PLAIN);
	text.at += quote;
	text.len = (uint16_t)(a->len - 2 * quote);
	return push(m, text);
}

static coffer_err
pop(struct machine *m)
{
	coffer_err err;
	size_t n;

	if (above_mark(m) == 0)
		return unmark(m, &n);
	TRY(need(m, 1));
	m->stack.n--;
out:
	return err;
}

static coffer_err
pop_marked(struct machine *m, size_t *n_out)
{
	coffer_err err;

	TRY(unmark(m, n_out));
	m->stack.n -= *n_out;
out:
	return err;
}

static coffer_err
place_mark(struct machine *m)
{
	return push_to(m, &m->marks, (struct value){.at = m->stack.n}, LIMIT_PICKLE_DEPTH, "it nests too much");
}

static coffer_err
stop(struct machine *m)
{
	coffer_err err;

	TRY(need(m, 1));
	m->stopped = true;
	m->report->complete = true;
	m->report->end = m->w.off;
out:
	return err;
}

/* values join the one below them: to an object of a class on the list that is an item of it */
static coffer_err
add(struct machine *m, size_t n)
{
	coffer_err err;

	TRY(need(m, n + 1));
	m->stack.n -= n;
out:
	return err;
}

static coffer_err
obey(struct machine *m, uint8_t opcode, struct argument_read *a)
{
	const struct opcode *o = &opcodes[opcode];
	coffer_err err = COFFER_OK;
	size_t n;

	switch ((enum action)o->action) {
	case UNKNOWN:
		return broken(m, "an unknown opcode");
	case PUSH:
		return push_kind(m, o->value);
	case PUSH_TEXT:
		return push_text(m, opcode, a);
	case MARK:
		return place_mark(m);
	case STOP:
		return stop(m);
	case POP:
		return pop(m);
	case POP_MARK:
		return pop_marked(m, &n);
	case DUP:
		TRY(need(m, 1));
		return push(m, *top(m, 1));
	case GATHER:
		TRY(unmark(m, &n));
		return gather(m, n);
	case TUPLE_N:
		TRY(need(m, o->value));
		return gather(m, o->value);
	case ADD:
		return add(m, o->value);
	case ADD_MARK:
		TRY(pop_marked(m, &n));
		return need(m, 1);
	case GET:
	case PUT:
		if (o->argument == LINE)
			TRY(parse_line_number(m, a));
		return o->action == GET ? recall(m, a->number) : remember(m, a->number);
	case MEMOIZE:
		return remember(m, m->memo.n);
	case IMPORT:
		return import(m, view_of(a->line, a->len), view_of(a->line2, a->len2));
	case STACK_IMPORT:
		return stack_import(m, a);
	case CALL:
		return call_over(m, o->value);
	case CALL_MARK:
		return call_mark(m);
	case CALL_NAMED:
		return call_named(m, a);
	case BUILD:
		return build(m);
	case PERSISTENT:
		return persistent(m);
	case EXTENSION:
		return push_extension(m, a->number);
	case READ_ONLY:
		return need(m, 1);
	case NOTHING:
		break;
	}
out:
	return err;
}

static coffer_err
run(struct machine *m, struct argument_read *a)
{
	uint8_t opcode = 0;
	coffer_err err = COFFER_OK;

	while (!m->stopped) {
		if (*m->budget == 0)
			return doubt(m, "it is too long");
		--*m->budget;
		TRY(window_take(m->f, &m->w, &opcode, 1));
		TRY(take_argument(m, opcodes[opcode].argument, a));
		TRY(obey(m, opcode, a));
	}
out:
	return err;
}

coffer_err
pickle_scan(struct fault *f, const struct coffer_source *source, uint64_t off, uint32_t *budget,
	    struct pickle_report *report_out)
{
	struct machine m = {.f = f, .w = WINDOW_INIT, .report = report_out, .budget = budget};
	struct argument_read *a = calloc(1, sizeof(*a));
	coffer_err err;

	*report_out = (struct pickle_report){.doubt = NULL};
	if (!a)
		return fault_nomem(f);
	TRY(window_open(f, &m.w, source, off, source->size));
	TRY(run(&m, a));
out:
	window_close(&m.w);
	free(m.stack.v);
	free(m.memo.v);
	free(m.marks.v);
	free(a);
	/* that it is broken is an answer, not an error */
	if (err == COFFER_E_FORMAT) {
		fault_clear(f);
		return COFFER_OK;
	}
	return err;
}
