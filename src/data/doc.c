/* SPDX-License-Identifier: Apache-2.0 */
#include "data/doc.h"

#include <jansson.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/enc.h"
#include "base/limits.h"
#include "base/num.h"
#include "base/path.h"
#include "mem/wiping.h"

/* ---- what jansson gets and frees ---- */

static _Thread_local enum { NOT_READING, READING, WITHOUT_MEMORY } reading;

/*
 * malloc(); but jansson's lexer goes on without the bytes for which there was no memory, and then takes what is left for something else
 * or ends the process.  So once there was none, a reader gets none any more, and what it read counts for nothing (load()).
 */
static void *
get_memory(size_t size)
{
	void *p = reading == WITHOUT_MEMORY ? NULL : malloc(size);

	if (!p && reading == READING)
		reading = WITHOUT_MEMORY;
	return p;
}

static void
set_allocator(void)
{
	json_malloc_t have_malloc;
	json_free_t have_free;

	json_get_alloc_funcs(&have_malloc, &have_free);
	if (have_malloc == malloc && have_free == free)
		json_set_alloc_funcs(get_memory, wiping_free);
}

/* Before anything is made that could hold a secret. */
static void
wipe_what_is_freed(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	(void)pthread_once(&once, set_allocator);
}

/* ---- as others see it ---- */

/* struct doc is json_t under another name: nobody else sees jansson */
static json_t *
in(const struct doc *d)
{
	return (json_t *)(uintptr_t)d;
}

static struct doc *
out_of(json_t *j)
{
	return (struct doc *)j;
}

/* What a text would become in memory, told before jansson builds it. */
struct shape {
	size_t depth;	 /* jansson's own ceiling is 2048 levels of recursion */
	size_t n_values; /* at least as many as there are: «[],» is 3 bytes here and 100 there */
};

static struct shape
measure(struct view text)
{
	struct shape shape = {.depth = 0, .n_values = 1};
	size_t depth = 0;
	bool quoted = false;

	for (size_t i = 0; i < text.len; i++) {
		uint8_t c = text.p[i];

		if (quoted) {
			if (c == '\\')
				i++;
			else if (c == '"')
				quoted = false;
		} else if (c == '"') {
			quoted = true;
		} else if (c == '{' || c == '[') {
			shape.n_values++;
			if (++depth > shape.depth)
				shape.depth = depth;
		} else if (c == ',') {
			shape.n_values++;
		} else if ((c == '}' || c == ']') && depth > 0) {
			depth--;
		}
	}
	return shape;
}

static bool is_sound(const json_t *j);

static bool
members_are_sound(json_t *object)
{
	const char *name;
	json_t *value;

	json_object_foreach(object, name, value) {
		for (const char *c = name; *c; c++)
			if (*c < 0x20 || *c > 0x7e)
				return false;
		if (!is_sound(value))
			return false;
	}
	return true;
}

static bool
elements_are_sound(const json_t *array)
{
	for (size_t i = 0; i < json_array_size(array); i++)
		if (!is_sound(json_array_get(array, i)))
			return false;
	return true;
}

/* Whether jansson would write it as RFC 8785 does, wherever it stands, in members that nobody knows too. */
static bool
is_sound(const json_t *j)
{
	switch (json_typeof(j)) {
	case JSON_OBJECT:
		return members_are_sound((json_t *)(uintptr_t)j);
	case JSON_ARRAY:
		return elements_are_sound(j);
	case JSON_STRING:
		return text_check(json_string_value(j), json_string_length(j));
	case JSON_INTEGER:
		return json_integer_value(j) >= 0 && json_integer_value(j) <= DOC_NUMBER_MAX;
	case JSON_REAL:
		return false;
	default:
		return true;
	}
}

/* The parser quotes what it stumbled over: that may be a secret, of a credential or of an answer with a key. */
static int
without_quote(const char *text)
{
	const char *quote = strstr(text, " near ");

	return (int)(quote ? (size_t)(quote - text) : strlen(text));
}

/* What both kinds have in common; jansson refuses a NUL, bytes that are no UTF-8, and half a surrogate pair by itself. */
static coffer_err
load(struct fault *f, const char *what, struct view text, json_t **out)
{
	json_error_t e;
	json_t *j;
	bool had_memory;

	*out = NULL;
	wipe_what_is_freed();
	reading = READING;
	j = json_loadb((const char *)text.p, text.len, JSON_REJECT_DUPLICATES, &e);
	had_memory = reading == READING;
	reading = NOT_READING;
	if (!had_memory || (!j && json_error_code(&e) == json_error_out_of_memory)) {
		json_decref(j);
		return fault_nomem(f);
	}
	if (!j)
		return fault_set(f, COFFER_E_FORMAT, "%s is not JSON as it should be: %.*s (line %d)", what,
				 without_quote(e.text), e.text, e.line);
	*out = j;
	return COFFER_OK;
}

static coffer_err
refuse_depth(struct fault *f, const char *what)
{
	return fault_set(f, COFFER_E_FORMAT, "%s is nested deeper than %u levels", what, LIMIT_JSON_DEPTH);
}

coffer_err
doc_parse(struct fault *f, const char *what, struct view text, struct doc **out)
{
	coffer_err err;
	json_t *j;

	*out = NULL;
	if (measure(text).depth > LIMIT_JSON_DEPTH)
		return refuse_depth(f, what);
	TRY(load(f, what, text, &j));
	if (!is_sound(j)) {
		json_decref(j);
		return fault_set(
			f, COFFER_E_FORMAT,
			"%s has a control character, a member name that is not ASCII, or a number that is not whole",
			what);
	}
	*out = out_of(j);
out:
	return err;
}

coffer_err
doc_parse_foreign(struct fault *f, const char *what, struct view text, struct doc **out)
{
	struct shape shape = measure(text);
	coffer_err err;
	json_t *j;

	*out = NULL;
	if (shape.depth > LIMIT_JSON_DEPTH)
		return refuse_depth(f, what);
	if (shape.n_values > LIMIT_JSON_VALUES)
		return fault_set(f, COFFER_E_FORMAT, "%s has more than %u values; nobody needs that many", what,
				 LIMIT_JSON_VALUES);
	TRY(load(f, what, text, &j));
	*out = out_of(j);
out:
	return err;
}

void
doc_free(struct doc **d)
{
	json_decref(in(*d));
	*d = NULL;
}

static int
append(const char *bytes, size_t len, void *cookie)
{
	return buf_add(NULL, cookie, bytes, len) == COFFER_OK ? 0 : -1;
}

coffer_err
doc_canonical(struct fault *f, const struct doc *d, struct buf *out)
{
	/* Members of ASCII in order of bytes, no space, and text that needs no escape but \" and \\: this is RFC 8785 */
	if (json_dump_callback(in(d), append, out, JSON_COMPACT | JSON_SORT_KEYS) != 0)
		return fault_nomem(f);
	return COFFER_OK;
}

const struct doc *
doc_get(const struct doc *object, const char *member)
{
	return out_of(json_object_get(in(object), member));
}

bool
doc_is_object(const struct doc *d)
{
	return json_is_object(in(d));
}

bool
doc_is_array(const struct doc *d)
{
	return json_is_array(in(d));
}

const char *
doc_text(const struct doc *d, size_t min, size_t max)
{
	const char *s = json_string_value(in(d));
	size_t len = json_string_length(in(d));

	if (!s || len < min || len > max || !text_check(s, len))
		return NULL;
	return s;
}

bool
doc_string(const struct doc *d, struct view *out)
{
	*out = view_of(json_string_value(in(d)), json_string_length(in(d)));
	return json_is_string(in(d));
}

bool
doc_is_null(const struct doc *d)
{
	return json_is_null(in(d));
}

bool
doc_bool(const struct doc *d, bool *out)
{
	*out = json_is_true(in(d));
	return json_is_boolean(in(d));
}

bool
doc_whole(const struct doc *d, uint64_t max, uint64_t *out)
{
	double v = json_real_value(in(d));

	if (!json_is_real(in(d)))
		return doc_number(d, 0, max, out);
	/* past 2^53 a double stands for several whole numbers; within, the conversion below is exact */
	if (!(v >= 0 && v <= (double)DOC_NUMBER_MAX) || v != (double)(uint64_t)v || (uint64_t)v > max)
		return false;
	*out = (uint64_t)v;
	return true;
}

bool
doc_floor(const struct doc *d, uint64_t max, uint64_t *out)
{
	double v = json_real_value(in(d));

	if (!json_is_real(in(d)))
		return doc_number(d, 0, max, out);
	if (!(v >= 0 && v <= (double)DOC_NUMBER_MAX) || (uint64_t)v > max)
		return false;
	*out = (uint64_t)v;
	return true;
}

bool
doc_decimal(const struct doc *d, uint64_t max, uint64_t *out)
{
	const char *s = json_string_value(in(d));

	return s ? num_parse(s, 0, max, out) : doc_number(d, 0, max, out);
}

bool
doc_number(const struct doc *d, uint64_t min, uint64_t max, uint64_t *out)
{
	json_int_t v = json_integer_value(in(d));

	if (!json_is_integer(in(d)) || v < 0 || (uint64_t)v < min || (uint64_t)v > max)
		return false;
	*out = (uint64_t)v;
	return true;
}

bool
doc_hex(const struct doc *d, void *out, size_t len)
{
	const char *s = doc_text(d, 2 * len, 2 * len);

	return s && dec_hex(s, 2 * len, out, len);
}

bool
doc_b64(const struct doc *d, void *out, size_t cap, size_t *len_out)
{
	const char *s = doc_text(d, 0, ENC_B64_LEN(cap));

	*len_out = 0;
	return s && dec_b64(s, strlen(s), out, cap, len_out);
}

coffer_err
doc_b64_buf(struct fault *f, const struct doc *d, struct buf *out)
{
	const char *s = json_string_value(in(d));
	size_t len = json_string_length(in(d)), room, got;
	coffer_err err;

	if (!s)
		return COFFER_E_FORMAT;
	room = (size_t)num_min(len / 4 * 3, out->max - out->len);
	TRY(buf_reserve(f, out, room));
	if (!dec_b64(s, len, room > 0 ? out->p + out->len : NULL, room, &got))
		return COFFER_E_FORMAT;
	out->len += got;
out:
	return err;
}

size_t
doc_size(const struct doc *d)
{
	return json_is_array(in(d)) ? json_array_size(in(d)) : json_object_size(in(d));
}

const struct doc *
doc_at(const struct doc *array, size_t index)
{
	return out_of(json_array_get(in(array), index));
}

bool
doc_only(const struct doc *object, const char *const names[], size_t n)
{
	if (!doc_is_object(object) || doc_size(object) != n)
		return false;
	for (size_t i = 0; i < n; i++)
		if (!doc_get(object, names[i]))
			return false;
	return true;
}

static int
compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

coffer_err
doc_each(const struct doc *object, coffer_err (*fn)(void *arg, const char *name, const struct doc *value), void *arg)
{
	size_t n = json_object_size(in(object)), i = 0;
	const char **names, *name;
	coffer_err err = COFFER_OK;
	json_t *value;

	names = calloc(n + 1, sizeof(*names));
	if (!names)
		return COFFER_E_NOMEM;
	json_object_foreach(in(object), name, value)
		names[i++] = name;
	qsort(names, n, sizeof(*names), compare_names);
	for (i = 0; i < n && err == COFFER_OK; i++)
		err = fn(arg, names[i], doc_get(object, names[i]));
	free(names);
	return err;
}

struct doc *
doc_object(void)
{
	wipe_what_is_freed();
	return out_of(json_object());
}

struct doc *
doc_array(void)
{
	wipe_what_is_freed();
	return out_of(json_array());
}

struct doc *
doc_new_text(const char *text)
{
	wipe_what_is_freed();
	return out_of(json_string(text));
}

struct doc *
doc_new_string(struct view text)
{
	wipe_what_is_freed();
	return out_of(json_stringn((const char *)text.p, text.len));
}

struct doc *
doc_share(const struct doc *d)
{
	return out_of(json_incref(in(d)));
}

struct doc *
doc_new_hex(const void *bytes, size_t len)
{
	char *text = malloc(2 * len + 1);
	struct doc *d = NULL;

	if (text) {
		enc_hex(bytes, len, text);
		d = doc_new_text(text);
	}
	wiping_free(text);
	return d;
}

struct doc *
doc_new_b64(const void *bytes, size_t len)
{
	char *text = malloc(ENC_B64_LEN(len) + 1);
	struct doc *d = NULL;

	if (text) {
		enc_b64(bytes, len, text);
		d = doc_new_text(text);
	}
	wiping_free(text);
	return d;
}

struct doc *
doc_new_number(uint64_t v)
{
	return out_of(json_integer((json_int_t)v));
}

struct doc *
doc_set(struct doc *object, const char *member, struct doc *value)
{
	/* json_object_set_new() takes the value over, and refuses NULL */
	if (object && json_object_set_new(in(object), member, in(value)) == 0)
		return object;
	if (!object)
		json_decref(in(value));
	json_decref(in(object));
	return NULL;
}

struct doc *
doc_add(struct doc *array, struct doc *value)
{
	if (array && json_array_append_new(in(array), in(value)) == 0)
		return array;
	if (!array)
		json_decref(in(value));
	json_decref(in(array));
	return NULL;
}

void
doc_remove(struct doc *object, const char *member)
{
	(void)json_object_del(in(object), member);
}

/* ---- the canonical JSON of OLPC ---- */

static coffer_err
olpc_text(struct fault *f, const char *s, size_t len, struct buf *out)
{
	size_t from = 0;
	coffer_err err;

	TRY(buf_add(f, out, "\"", 1));
	for (size_t i = 0; i < len; i++) {
		if (s[i] != '"' && s[i] != '\\')
			continue;
		TRY(buf_add(f, out, s + from, i - from));
		TRY(buf_add(f, out, "\\", 1));
		from = i;
	}
	TRY(buf_add(f, out, s + from, len - from));
	TRY(buf_add(f, out, "\"", 1));
out:
	return err;
}

static coffer_err
olpc_array(struct fault *f, const json_t *array, struct buf *out)
{
	coffer_err err;

	TRY(buf_add(f, out, "[", 1));
	for (size_t i = 0; i < json_array_size(array); i++) {
		if (i > 0)
			TRY(buf_add(f, out, ",", 1));
		TRY(doc_olpc(f, out_of(json_array_get(array, i)), out));
	}
	TRY(buf_add(f, out, "]", 1));
out:
	return err;
}

struct olpc_object {
	struct fault *f;
	struct buf *out;
	bool comma;
};

static coffer_err
olpc_member(void *arg, const char *name, const struct doc *value)
{
	struct olpc_object *o = arg;
	coffer_err err;

	if (o->comma)
		TRY(buf_add(o->f, o->out, ",", 1));
	o->comma = true;
	TRY(olpc_text(o->f, name, strlen(name), o->out));
	TRY(buf_add(o->f, o->out, ":", 1));
	TRY(doc_olpc(o->f, value, o->out));
out:
	return err;
}

static coffer_err
olpc_object(struct fault *f, const struct doc *object, struct buf *out)
{
	struct olpc_object o = {.f = f, .out = out, .comma = false};
	coffer_err err;

	TRY(buf_add(f, out, "{", 1));
	TRY(doc_each(object, olpc_member, &o));
	TRY(buf_add(f, out, "}", 1));
out:
	return err;
}

coffer_err
doc_olpc(struct fault *f, const struct doc *d, struct buf *out)
{
	const json_t *j = in(d);

	switch (json_typeof(j)) {
	case JSON_OBJECT:
		return olpc_object(f, d, out);
	case JSON_ARRAY:
		return olpc_array(f, j, out);
	case JSON_STRING:
		return olpc_text(f, json_string_value(j), json_string_length(j), out);
	case JSON_INTEGER:
		return buf_printf(f, out, "%" JSON_INTEGER_FORMAT, json_integer_value(j));
	case JSON_TRUE:
		return buf_str(f, out, "true");
	case JSON_FALSE:
		return buf_str(f, out, "false");
	case JSON_NULL:
		return buf_str(f, out, "null");
	default:
		return fault_set(f, COFFER_E_FORMAT, "a number that is not whole has no canonical form");
	}
}
