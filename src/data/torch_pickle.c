/* SPDX-License-Identifier: Apache-2.0 */
#include "data/torch_pickle.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/num.h"

/* types by the class of their storage, or by their own name in torch */
static const struct torch_type {
	const char *storage;
	const char *type;
	const char *name;
	uint64_t bytes;
} torch_types[] = {
	{"FloatStorage", "float32", "F32", 4},
	{"DoubleStorage", "float64", "F64", 8},
	{"HalfStorage", "float16", "F16", 2},
	{"BFloat16Storage", "bfloat16", "BF16", 2},
	{"LongStorage", "int64", "I64", 8},
	{"IntStorage", "int32", "I32", 4},
	{"ShortStorage", "int16", "I16", 2},
	{"CharStorage", "int8", "I8", 1},
	{"ByteStorage", "uint8", "U8", 1},
	{"BoolStorage", "bool", "BOOL", 1},
	{"ComplexFloatStorage", "complex64", "C64", 8},
	{"ComplexDoubleStorage", "complex128", "C128", 16},
	{"", "uint16", "U16", 2},
	{"", "uint32", "U32", 4},
	{"", "uint64", "U64", 8},
	{"", "float8_e4m3fn", "F8_E4M3", 1},
	{"", "float8_e5m2", "F8_E5M2", 1},
	{"", "float8_e4m3fnuz", "F8_E4M3FNUZ", 1},
	{"", "float8_e5m2fnuz", "F8_E5M2FNUZ", 1},
	{"", "float8_e8m0fnu", "F8_E8M0", 1},
};

enum { N_TYPES = sizeof(torch_types) / sizeof(torch_types[0]) };

/* what is known of a value */
enum kind {
	OTHER = 0, /* nothing, for it is none of a tensor's parts */
	NUMBER,	   /* @at */
	TEXT,	   /* of @n bytes at @at of the pickle */
	TUPLE,	   /* of the @n values from @at on */
	DICT,	   /* number @at */
	STORAGE,   /* and so on */
	TENSOR,
	TYPE,	   /* torch_types[@at], or the class of its storages */
	UNTYPED,   /* the class of storages of bytes */
	ORDERED,   /* the class OrderedDict */
	REBUILD_2, /* functions of torch._utils: _rebuild_tensor_v2, _v3 and _rebuild_parameter */
	REBUILD_3,
	PARAMETER,
};

struct value {
	uint64_t at;
	uint32_t n;
	uint32_t kind;
};

/* an array that grows */
struct list {
	void *v;
	size_t n;
	size_t cap;
};

/* an entry of a dict; its entries are chained from the last one back */
struct item {
	struct value key;
	struct value value;
	size_t before; /* index and 1; 0 = none */
};

/* («storage», class, key, device, number of elements) */
struct storage {
	struct view key;
	size_t type; /* N_TYPES = bytes */
	uint64_t n;
};

struct tensor {
	size_t storage;
	size_t type;
	uint64_t offset; /* in elements */
	struct value shape;
	struct value strides;
};

struct reader {
	struct fault *f;
	struct view pickle;
	struct view left;     /* of it */
	struct list stack;    /* of struct value */
	struct list marks;    /* of size_t: how many values are below */
	struct list memo;     /* of struct value */
	struct list tuples;   /* of struct value */
	struct list dicts;    /* of size_t: the last of its items and 1 */
	struct list items;    /* of struct item */
	struct list storages; /* of struct storage */
	struct list tensors;  /* of struct tensor */
};

static coffer_err
bad(const struct reader *r, const char *why)
{
	return fault_set(r->f, COFFER_E_FORMAT, "PyTorch: byte %zu of data.pkl: %s", r->pickle.len - r->left.len, why);
}

static coffer_err
unsupported(const struct reader *r, const char *why)
{
	return fault_set(r->f, COFFER_E_UNSUPPORTED, "the tensors of this PyTorch file cannot be listed: %s", why);
}

/* append; each element costs a byte of the pickle at least, so that its length is the ceiling */
static coffer_err
list_add(const struct reader *r, struct list *list, const void *element, size_t size)
{
	if (list->n == list->cap) {
		size_t cap = list->cap ? 2 * list->cap : 64;
		void *v = reallocarray(list->v, cap, size);

		if (!v)
			return fault_nomem(r->f);
		list->v = v;
		list->cap = cap;
	}
	memcpy((char *)list->v + list->n++ * size, element, size);
	return COFFER_OK;
}

/* ---- values ---- */

static struct value *
values(const struct list *list)
{
	return list->v;
}

static coffer_err
push(struct reader *r, enum kind kind, uint64_t at, size_t n)
{
	struct value value = {.at = at, .n = (uint32_t)n, .kind = (uint32_t)kind};

	return list_add(r, &r->stack, &value, sizeof(value));
}

/* the uppermost @n values, taken away; they stay valid until something is pushed */
static coffer_err
take(struct reader *r, size_t n, const struct value **out)
{
	size_t below = r->marks.n > 0 ? ((size_t *)r->marks.v)[r->marks.n - 1] : 0;

	*out = NULL;
	if (n > r->stack.n - below)
		return bad(r, "a value is missing");
	r->stack.n -= n;
	*out = values(&r->stack) + r->stack.n;
	return COFFER_OK;
}

/* those above the mark */
static coffer_err
take_marked(struct reader *r, const struct value **out, size_t *n_out)
{
	if (r->marks.n == 0)
		return bad(r, "a mark is missing");
	*n_out = r->stack.n - ((size_t *)r->marks.v)[--r->marks.n];
	return take(r, *n_out, out);
}

static coffer_err
push_tuple(struct reader *r, const struct value *v, size_t n)
{
	size_t at = r->tuples.n;
	coffer_err err = COFFER_OK;

	for (size_t i = 0; i < n; i++)
		TRY(list_add(r, &r->tuples, &v[i], sizeof(v[i])));
	TRY(push(r, TUPLE, at, n));
out:
	return err;
}

static coffer_err
push_dict(struct reader *r)
{
	const size_t none = 0;
	coffer_err err;

	TRY(list_add(r, &r->dicts, &none, sizeof(none)));
	TRY(push(r, DICT, r->dicts.n - 1, 0));
out:
	return err;
}

/* pairs of key and value join the uppermost one, if it is a dict */
static coffer_err
set_items(struct reader *r, const struct value *v, size_t n)
{
	const struct value *target;
	coffer_err err;

	TRY(take(r, 1, &target));
	r->stack.n++;
	for (size_t i = 0; target->kind == DICT && i + 1 < n; i += 2) {
		size_t *last = (size_t *)r->dicts.v + target->at;
		struct item item = {.key = v[i], .value = v[i + 1], .before = *last};

		TRY(list_add(r, &r->items, &item, sizeof(item)));
		*last = r->items.n;
	}
out:
	return err;
}

static struct view
text_of(const struct reader *r, const struct value *value)
{
	return view_of(r->pickle.p + value->at, value->n);
}

/* ---- storages and tensors ---- */

static coffer_err
push_storage(struct reader *r)
{
	struct storage storage = {.type = N_TYPES};
	const struct value *id, *v;
	coffer_err err;

	TRY(take(r, 1, &id));
	if (id->kind != TUPLE || id->n != 5)
		return unsupported(r, "it asks for something that is no storage");
	v = values(&r->tuples) + id->at;
	if (v[0].kind != TEXT || !view_is(text_of(r, &v[0]), "storage") || v[2].kind != TEXT || v[4].kind != NUMBER)
		return unsupported(r, "it asks for something that is no storage");
	if (v[1].kind != TYPE && v[1].kind != UNTYPED)
		return push(r, OTHER, 0, 0);
	if (v[1].kind == TYPE)
		storage.type = (size_t)v[1].at;
	storage.key = text_of(r, &v[2]);
	storage.n = v[4].at;
	TRY(list_add(r, &r->storages, &storage, sizeof(storage)));
	TRY(push(r, STORAGE, r->storages.n - 1, 0));
out:
	return err;
}

/* (storage, offset, shape, strides, requires_grad, hooks) and, of version 3, the type */
static coffer_err
push_tensor(struct reader *r, const struct value *arguments, size_t n, bool typed)
{
	struct tensor tensor;
	coffer_err err;

	if (n != (typed ? 7 : 6) || arguments[0].kind != STORAGE || arguments[1].kind != NUMBER ||
	    arguments[2].kind != TUPLE || arguments[3].kind != TUPLE || (typed && arguments[6].kind != TYPE))
		return push(r, OTHER, 0, 0);
	tensor.storage = (size_t)arguments[0].at;
	tensor.type = typed ? (size_t)arguments[6].at : ((const struct storage *)r->storages.v)[tensor.storage].type;
	tensor.offset = arguments[1].at;
	tensor.shape = arguments[2];
	tensor.strides = arguments[3];
	if (tensor.type == N_TYPES)
		return push(r, OTHER, 0, 0);
	TRY(list_add(r, &r->tensors, &tensor, sizeof(tensor)));
	TRY(push(r, TENSOR, r->tensors.n - 1, 0));
out:
	return err;
}

/* what would be called is known by name, or makes nothing that is listed */
static coffer_err
reduce(struct reader *r)
{
	const struct value *v, *arguments;
	coffer_err err;

	TRY(take(r, 2, &v));
	if (v[1].kind != TUPLE)
		return push(r, OTHER, 0, 0);
	arguments = values(&r->tuples) + v[1].at;
	switch ((enum kind)v[0].kind) {
	case ORDERED:
		return v[1].n == 0 ? push_dict(r) : push(r, OTHER, 0, 0);
	case REBUILD_2:
	case REBUILD_3:
		return push_tensor(r, arguments, v[1].n, v[0].kind == REBUILD_3);
	case PARAMETER:
		return v[1].n > 0 ? push(r, arguments[0].kind, arguments[0].at, arguments[0].n) : push(r, OTHER, 0, 0);
	default:
		return push(r, OTHER, 0, 0);
	}
out:
	return err;
}

static coffer_err
push_global(struct reader *r, struct view module, struct view name)
{
	static const struct {
		const char *module;
		const char *name;
		enum kind kind;
	} globals[] = {
		{"collections", "OrderedDict", ORDERED},	   {"torch.storage", "UntypedStorage", UNTYPED},
		{"torch._utils", "_rebuild_tensor_v2", REBUILD_2}, {"torch._utils", "_rebuild_tensor_v3", REBUILD_3},
		{"torch._utils", "_rebuild_parameter", PARAMETER},
	};

	for (size_t i = 0; i < sizeof(globals) / sizeof(globals[0]); i++)
		if (view_is(module, globals[i].module) && view_is(name, globals[i].name))
			return push(r, globals[i].kind, 0, 0);
	for (size_t i = 0; view_is(module, "torch") && name.len > 0 && i < N_TYPES; i++)
		if (view_is(name, torch_types[i].storage) || view_is(name, torch_types[i].type))
			return push(r, TYPE, i, 0);
	return push(r, OTHER, 0, 0);
}

/* ---- the pickle ---- */

static coffer_err
take_bytes(struct reader *r, size_t len, struct view *out)
{
	*out = view_of(NULL, 0);
	return view_take(&r->left, len, out) ? COFFER_OK : bad(r, "it ends too early");
}

/* a little-endian number of @len bytes, eight at most */
static coffer_err
take_number(struct reader *r, size_t len, uint64_t *out)
{
	uint8_t bytes[8] = {0};
	struct view v;
	coffer_err err;

	TRY(take_bytes(r, len, &v));
	memcpy(bytes, v.p, len);
	*out = get_le64(bytes);
out:
	return err;
}

static coffer_err
take_line(struct reader *r, struct view *out)
{
	const uint8_t *end = r->left.len > 0 ? memchr(r->left.p, '\n', r->left.len) : NULL;
	struct view newline;
	coffer_err err;

	if (!end)
		return bad(r, "it ends too early");
	TRY(take_bytes(r, (size_t)(end - r->left.p), out));
	TRY(take_bytes(r, 1, &newline));
out:
	return err;
}

static coffer_err
global(struct reader *r)
{
	struct view module, name;
	coffer_err err;

	TRY(take_line(r, &module));
	TRY(take_line(r, &name));
	TRY(push_global(r, module, name));
out:
	return err;
}

static coffer_err
remember(struct reader *r, uint64_t number)
{
	const struct value *v;
	coffer_err err;

	TRY(take(r, 1, &v));
	r->stack.n++;
	if (number < r->memo.n)
		values(&r->memo)[number] = *v;
	else if (number == r->memo.n)
		TRY(list_add(r, &r->memo, v, sizeof(*v)));
	else
		err = unsupported(r, "torch.save() did not write its data.pkl");
out:
	return err;
}

static coffer_err
recall(struct reader *r, uint64_t number)
{
	if (number >= r->memo.n)
		return bad(r, "nothing is remembered under a number");
	return list_add(r, &r->stack, values(&r->memo) + number, sizeof(struct value));
}

/* a text of which @len_size bytes say the length; those of Python 2 are not names */
static coffer_err
push_text(struct reader *r, size_t len_size, enum kind kind)
{
	uint64_t len = 0;
	struct view text;
	coffer_err err;

	TRY(take_number(r, len_size, &len));
	TRY(take_bytes(r, (size_t)len, &text));
	TRY(push(r, kind, (uint64_t)(text.p - r->pickle.p), text.len));
out:
	return err;
}

/* a number of @len bytes; negative ones are no part of a tensor */
static coffer_err
push_number(struct reader *r, size_t len, bool is_signed)
{
	uint64_t v = 0;
	coffer_err err;

	if (len > 8) {
		struct view skipped;

		TRY(take_bytes(r, len, &skipped));
		return push(r, OTHER, 0, 0);
	}
	TRY(take_number(r, len, &v));
	TRY(push(r, is_signed && len > 0 && v >> (8 * len - 1) != 0 ? OTHER : NUMBER, v, 0));
out:
	return err;
}

static coffer_err
push_long(struct reader *r)
{
	uint64_t len = 0;
	coffer_err err;

	TRY(take_number(r, 1, &len));
	TRY(push_number(r, (size_t)len, true));
out:
	return err;
}

static coffer_err
push_other(struct reader *r, size_t skip)
{
	struct view skipped;
	coffer_err err;

	TRY(take_bytes(r, skip, &skipped));
	TRY(push(r, OTHER, 0, 0));
out:
	return err;
}

/* «a», «e» and others that only take values away */
static coffer_err
drop(struct reader *r, size_t n)
{
	const struct value *v;

	return take(r, n, &v);
}

/* an opcode of protocol 2, which torch.save() writes, as torch.load(weights_only=True) knows them */
static coffer_err
obey(struct reader *r, uint8_t opcode)
{
	const struct value *v;
	uint64_t number = 0;
	coffer_err err;
	size_t n;

	switch (opcode) {
	case 0x80:
		return take_number(r, 1, &number);
	case '(':
		return list_add(r, &r->marks, &r->stack.n, sizeof(r->stack.n));
	case '}':
		return push_dict(r);
	case ')':
		return push_tuple(r, NULL, 0);
	case 0x85:
	case 0x86:
	case 0x87:
		TRY(take(r, opcode - 0x84u, &v));
		return push_tuple(r, v, opcode - 0x84u);
	case 't':
		TRY(take_marked(r, &v, &n));
		return push_tuple(r, v, n);
	case 's':
		TRY(take(r, 2, &v));
		return set_items(r, v, 2);
	case 'u':
		TRY(take_marked(r, &v, &n));
		return set_items(r, v, n);
	case 'c':
		return global(r);
	case 'R':
		return reduce(r);
	case 'Q':
		return push_storage(r);
	case 'b':
	case 'a':
		return drop(r, 1);
	case 'e':
		return take_marked(r, &v, &n);
	case 0x81:
		TRY(drop(r, 2));
		return push(r, OTHER, 0, 0);
	case 'X':
		return push_text(r, 4, TEXT);
	case 'U':
		return push_text(r, 1, OTHER);
	case 'K':
		return push_number(r, 1, false);
	case 'M':
		return push_number(r, 2, false);
	case 'J':
		return push_number(r, 4, true);
	case 0x8a:
		return push_long(r);
	case 'G':
		return push_other(r, 8);
	case 'N':
	case ']':
	case 0x88:
	case 0x89:
	case 0x8f:
		return push(r, OTHER, 0, 0);
	case 'q':
	case 'r':
		TRY(take_number(r, opcode == 'q' ? 1 : 4, &number));
		return remember(r, number);
	case 'h':
	case 'j':
		TRY(take_number(r, opcode == 'h' ? 1 : 4, &number));
		return recall(r, number);
	default:
		return unsupported(r, "torch.save() did not write its data.pkl");
	}
out:
	return err;
}

/* what the pickle gives: a dict */
static coffer_err
read_pickle(struct reader *r, struct value *out)
{
	const struct value *v;
	struct view opcode;
	coffer_err err;

	for (;;) {
		TRY(take_bytes(r, 1, &opcode));
		if (opcode.p[0] == '.')
			break;
		TRY(obey(r, opcode.p[0]));
	}
	TRY(take(r, 1, &v));
	*out = *v;
	if (out->kind != DICT)
		err = unsupported(r, "it holds no dict of tensors");
out:
	return err;
}

/* ---- the list ---- */

/* where we are in dicts of dicts, and who is told */
struct walk {
	torch_tensor_fn *tell;
	void *user;
	struct buf name;
	unsigned int depth;
	unsigned int n_visited;
};

/* whether the elements follow each other in the order of the shape, which is put into @out */
static bool
is_contiguous(const struct reader *r, const struct tensor *tensor, struct torch_tensor *out, uint64_t *n_out)
{
	const struct value *shape = values(&r->tuples) + tensor->shape.at;
	const struct value *strides = values(&r->tuples) + tensor->strides.at;
	bool in_order = true;

	*n_out = 1;
	if (tensor->shape.n != tensor->strides.n || tensor->shape.n > COFFER_MAX_DIMS)
		return false;
	out->n_dims = tensor->shape.n;
	for (size_t i = out->n_dims; i-- > 0;) {
		if (shape[i].kind != NUMBER || strides[i].kind != NUMBER)
			return false;
		out->shape[i] = shape[i].at;
		in_order = in_order && (shape[i].at == 1 || strides[i].at == *n_out);
		if (!num_mul(*n_out, shape[i].at, n_out))
			return false;
	}
	return in_order || *n_out == 0;
}

static coffer_err
tell_tensor(const struct reader *r, const struct tensor *tensor, const struct walk *walk)
{
	const struct storage *storage = (const struct storage *)r->storages.v + tensor->storage;
	const struct torch_type *type = &torch_types[tensor->type];
	struct torch_tensor out = {.dtype = type->name, .storage = storage->key};
	uint64_t n, end;

	if (!is_contiguous(r, tensor, &out, &n))
		return COFFER_OK;
	if (!num_mul(n, type->bytes, &out.size) || !num_mul(tensor->offset, type->bytes, &out.off) ||
	    !num_mul(storage->n, storage->type == N_TYPES ? 1 : torch_types[storage->type].bytes, &out.storage_size) ||
	    !num_add(out.off, out.size, &end) || end > out.storage_size)
		return bad(r, "a tensor goes past the end of its storage");
	return walk->tell(r->f, walk->user, buf_view(&walk->name), &out);
}

static coffer_err
add_key(struct reader *r, struct walk *walk, const struct value *key)
{
	struct view text = key->kind == TEXT ? text_of(r, key) : view_of(NULL, 0);
	coffer_err err = COFFER_OK;

	if (walk->name.len > 0)
		TRY(buf_str(r->f, &walk->name, "."));
	if (walk->name.len + text.len > LIMIT_TENSOR_NAME)
		return bad(r, "a name that is too long");
	if (key->kind == TEXT)
		TRY(buf_add(r->f, &walk->name, text.p, text.len));
	else
		TRY(buf_printf(r->f, &walk->name, "%" PRIu64, key->at));
out:
	return err;
}

/* goes into itself, LIMIT_PYTORCH_DEPTH times at most: a dict can hold itself */
static coffer_err
walk_dict(struct reader *r, const struct value *dict, struct walk *walk)
{
	size_t len = walk->name.len;
	coffer_err err = COFFER_OK;

	if (++walk->depth > LIMIT_PYTORCH_DEPTH)
		return bad(r, "dicts nested deeper than is accepted");
	for (size_t i = ((const size_t *)r->dicts.v)[dict->at]; i > 0; i = ((struct item *)r->items.v)[i - 1].before) {
		const struct item *item = (const struct item *)r->items.v + i - 1;

		if (++walk->n_visited > LIMIT_TENSORS)
			return bad(r, "more in dicts than is accepted");
		if (item->key.kind != TEXT && item->key.kind != NUMBER)
			continue;
		TRY(add_key(r, walk, &item->key));
		if (item->value.kind == TENSOR)
			TRY(tell_tensor(r, (const struct tensor *)r->tensors.v + item->value.at, walk));
		else if (item->value.kind == DICT)
			TRY(walk_dict(r, &item->value, walk));
		walk->name.len = len;
	}
	walk->depth--;
out:
	return err;
}

coffer_err
torch_pickle_read(struct fault *f, struct view pickle, torch_tensor_fn *tell, void *user)
{
	struct walk walk = {.tell = tell, .user = user, .name = BUF_INIT(2 * LIMIT_TENSOR_NAME)};
	struct reader r = {.f = f, .pickle = pickle, .left = pickle};
	struct list *lists[] = {&r.stack, &r.marks, &r.memo, &r.tuples, &r.dicts, &r.items, &r.storages, &r.tensors};
	struct value value = {.kind = OTHER};
	coffer_err err;

	TRY(read_pickle(&r, &value));
	TRY(walk_dict(&r, &value, &walk));
out:
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		free(lists[i]->v);
	buf_free(&walk.name);
	return err;
}
