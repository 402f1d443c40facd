/* SPDX-License-Identifier: Apache-2.0 */
#include "data/onnx.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/num.h"
#include "base/path.h"
#include "base/utf8.h"
#include "data/protobuf.h"

/* data types: bits of one element, 0 of those that do not stand as bytes */
static const struct onnx_type {
	const char *name;
	uint8_t bits;
} onnx_types[] = {
	[1] = {"F32", 32},     [2] = {"U8", 8},		  [3] = {"I8", 8},	 [4] = {"U16", 16},
	[5] = {"I16", 16},     [6] = {"I32", 32},	  [7] = {"I64", 64},	 [8] = {"STRING", 0},
	[9] = {"BOOL", 8},     [10] = {"F16", 16},	  [11] = {"F64", 64},	 [12] = {"U32", 32},
	[13] = {"U64", 64},    [14] = {"C64", 64},	  [15] = {"C128", 128},	 [16] = {"BF16", 16},
	[17] = {"F8_E4M3", 8}, [18] = {"F8_E4M3FNUZ", 8}, [19] = {"F8_E5M2", 8}, [20] = {"F8_E5M2FNUZ", 8},
	[21] = {"UINT4", 4},   [22] = {"INT4", 4},	  [23] = {"F4", 4},	 [24] = {"F8_E8M0", 8},
	[25] = {"UINT2", 2},   [26] = {"INT2", 2},	  [27] = {"F6_E2M3", 6}, [28] = {"F6_E3M2", 6},
};

#define NAME_SHOWN 80u

enum { N_ONNX_TYPES = sizeof(onnx_types) / sizeof(onnx_types[0]) };

/* messages that hold tensors */
enum message { MODEL, GRAPH, NODE, ATTRIBUTE, SPARSE, FUNCTION, TRAINING, TENSOR };

static const struct {
	enum message in;
	uint64_t field;
	enum message message;
} links[] = {
	{MODEL, 7, GRAPH},	   {MODEL, 20, TRAINING},   {MODEL, 25, FUNCTION},  {GRAPH, 1, NODE},
	{GRAPH, 5, TENSOR},	   {GRAPH, 15, SPARSE},	    {NODE, 5, ATTRIBUTE},   {ATTRIBUTE, 5, TENSOR},
	{ATTRIBUTE, 6, GRAPH},	   {ATTRIBUTE, 10, TENSOR}, {ATTRIBUTE, 11, GRAPH}, {ATTRIBUTE, 22, SPARSE},
	{ATTRIBUTE, 23, SPARSE},   {SPARSE, 1, TENSOR},	    {SPARSE, 2, TENSOR},    {FUNCTION, 7, NODE},
	{FUNCTION, 11, ATTRIBUTE}, {TRAINING, 1, GRAPH},    {TRAINING, 2, GRAPH},
};

/* fields of TensorProto and of StringStringEntryProto */
enum { DIMS = 1, DATA_TYPE = 2, NAME = 8, RAW_DATA = 9, EXTERNAL_DATA = 13, DATA_LOCATION = 14 };
enum { KEY = 1, VALUE = 2 };
enum { HERE = 0, ELSEWHERE = 1 };

struct reader {
	struct fault *f;
	struct window w;
	struct tensor_table *table;
	struct onnx_places *places;
	size_t file;
	char *text; /* LIMIT_TENSOR_NAME bytes, of the name that is read */
	char *path; /* LIMIT_PATH bytes, of the place that is read */
	unsigned int n_fields;
};

/* a tensor as far as it is read */
struct proto {
	uint64_t shape[COFFER_MAX_DIMS];
	unsigned int n_dims;
	uint64_t type;
	size_t name_len;
	size_t path_len;  /* 0 = no place is named */
	uint64_t raw_off; /* of the bytes in the file */
	uint64_t raw_size;
	uint64_t off; /* of those at the place; 0 when it is not said */
	uint64_t size;
	uint64_t location; /* where the bytes are: HERE or ELSEWHERE */
	bool has_name, has_type, has_raw, has_location, has_off, has_size;
};

void
onnx_places_free(struct onnx_places *places)
{
	free(places->v);
	names_free(&places->names);
	*places = (struct onnx_places)ONNX_PLACES_INIT;
}

static coffer_err
bad(const struct reader *r, const char *why)
{
	return fault_set(r->f, COFFER_E_FORMAT, "byte %" PRIu64 ": %s", r->w.off, why);
}

static coffer_err
next_field(struct reader *r, struct protobuf_field *field)
{
	if (++r->n_fields > LIMIT_ONNX_FIELDS)
		return bad(r, "more fields than are accepted");
	return protobuf_next(r->f, &r->w, field);
}

/* what is known has the kind that it should have */
static coffer_err
expect_wire(const struct reader *r, const struct protobuf_field *field, enum protobuf_wire wire)
{
	return field->wire == wire ? COFFER_OK : bad(r, "a field of the wrong kind");
}

/* there may be one only: readers do not agree on which of two counts */
static coffer_err
only_once(const struct reader *r, bool *seen)
{
	if (*seen)
		return bad(r, "a field of a tensor stands there twice");
	*seen = true;
	return COFFER_OK;
}

static coffer_err
take_text(struct reader *r, const struct protobuf_field *field, char *text, size_t max, size_t *len_out)
{
	coffer_err err;

	TRY(expect_wire(r, field, PROTOBUF_BYTES));
	if (field->value > max)
		return bad(r, "a text that is too long");
	TRY(window_take(r->f, &r->w, text, (size_t)field->value));
	*len_out = (size_t)field->value;
out:
	return err;
}

static coffer_err
add_dim(const struct reader *r, struct proto *p, uint64_t dim)
{
	if (p->n_dims == COFFER_MAX_DIMS || dim > INT64_MAX)
		return bad(r, "a shape that is not accepted");
	p->shape[p->n_dims++] = dim;
	return COFFER_OK;
}

/* one dimension, or all of them in one field */
static coffer_err
take_dims(struct reader *r, const struct protobuf_field *field, struct proto *p)
{
	uint64_t end = r->w.off + field->value, dim = 0;
	coffer_err err = COFFER_OK;

	if (field->wire == PROTOBUF_VARINT)
		return add_dim(r, p, field->value);
	TRY(expect_wire(r, field, PROTOBUF_BYTES));
	while (r->w.off < end) {
		TRY(protobuf_varint(r->f, &r->w, &dim));
		TRY(add_dim(r, p, dim));
	}
	if (r->w.off > end)
		err = bad(r, "a shape that is not accepted");
out:
	return err;
}

static coffer_err
set_number(const struct reader *r, const char *text, bool *seen, uint64_t *out)
{
	coffer_err err;

	TRY(only_once(r, seen));
	if (!num_parse(text, 0, LIMIT_SIZE, out))
		err = bad(r, "an offset or a length that is no number");
out:
	return err;
}

/* one pair of «location», «offset», «length» and others, which say nothing of where */
static coffer_err
take_pair(struct reader *r, const struct protobuf_field *field, struct proto *p)
{
	uint64_t outer = r->w.end;
	char key[16], value[LIMIT_PATH + 1];
	size_t key_len = 0, value_len = 0;
	struct protobuf_field inner;
	coffer_err err;

	TRY(expect_wire(r, field, PROTOBUF_BYTES));
	r->w.end = r->w.off + field->value;
	while (window_left(&r->w) > 0) {
		TRY(next_field(r, &inner));
		if (inner.number == KEY && inner.value <= sizeof(key))
			TRY(take_text(r, &inner, key, sizeof(key), &key_len));
		else if (inner.number == VALUE)
			TRY(take_text(r, &inner, value, LIMIT_PATH, &value_len));
		else
			TRY(protobuf_skip(r->f, &r->w, &inner));
	}
	value[value_len] = '\0';
	if (view_is(view_of(key, key_len), "location")) {
		bool twice = p->path_len > 0;

		TRY(only_once(r, &twice));
		TRY(path_check(r->f, value, value_len));
		memcpy(r->path, value, value_len);
		p->path_len = value_len;
	} else if (view_is(view_of(key, key_len), "offset")) {
		TRY(set_number(r, value, &p->has_off, &p->off));
	} else if (view_is(view_of(key, key_len), "length")) {
		TRY(set_number(r, value, &p->has_size, &p->size));
	}
out:
	r->w.end = outer;
	return err;
}

static coffer_err
take_field(struct reader *r, const struct protobuf_field *field, struct proto *p)
{
	coffer_err err;

	switch (field->number) {
	case DIMS:
		return take_dims(r, field, p);
	case DATA_TYPE:
		TRY(only_once(r, &p->has_type));
		p->type = field->value;
		return expect_wire(r, field, PROTOBUF_VARINT);
	case NAME:
		TRY(only_once(r, &p->has_name));
		return take_text(r, field, r->text, LIMIT_TENSOR_NAME, &p->name_len);
	case RAW_DATA:
		TRY(only_once(r, &p->has_raw));
		TRY(expect_wire(r, field, PROTOBUF_BYTES));
		p->raw_off = r->w.off;
		p->raw_size = field->value;
		return window_skip(r->f, &r->w, field->value);
	case EXTERNAL_DATA:
		return take_pair(r, field, p);
	case DATA_LOCATION:
		TRY(only_once(r, &p->has_location));
		p->location = field->value;
		return expect_wire(r, field, PROTOBUF_VARINT);
	default:
		return protobuf_skip(r->f, &r->w, field);
	}
out:
	return err;
}

/* how many bytes @p has: its elements one behind the other, the last byte filled up */
static coffer_err
count_bytes(const struct reader *r, const struct proto *p, uint64_t *bytes_out)
{
	uint64_t bits;

	if (p->type >= N_ONNX_TYPES || !onnx_types[p->type].name)
		return fault_set(r->f, COFFER_E_UNSUPPORTED,
				 "byte %" PRIu64 ": a tensor of type %" PRIu64 ", which this version does not know",
				 r->w.off, p->type);
	bits = onnx_types[p->type].bits;
	for (unsigned int i = 0; i < p->n_dims; i++)
		if (!num_mul(bits, p->shape[i], &bits))
			return bad(r, "a shape that is not accepted");
	*bytes_out = bits / 8 + (bits % 8 != 0);
	return COFFER_OK;
}

/* the place of the tensor that was read; those of one model follow each other in the same file, mostly */
static coffer_err
add_place(struct reader *r, const struct proto *p, size_t *index_out)
{
	struct onnx_places *places = r->places;
	struct view path = view_of(r->path, p->path_len);
	coffer_err err = COFFER_OK;

	if (places->n == 0 || !view_is(path, places->v[places->n - 1].path)) {
		if (places->n == LIMIT_ONNX_PLACES)
			return bad(r, "more files beside the model than are accepted");
		if (places->n == places->cap) {
			size_t cap = places->cap ? 2 * places->cap : 16;
			struct onnx_place *v = reallocarray(places->v, cap, sizeof(*v));

			if (!v)
				return fault_nomem(r->f);
			places->v = v;
			places->cap = cap;
		}
		places->v[places->n].end = 0;
		TRY(names_add(r->f, &places->names, path, &places->v[places->n].path));
		places->n++;
	}
	*index_out = places->n - 1;
out:
	return err;
}

static coffer_err
list(struct reader *r, const struct proto *p, size_t file, uint64_t off, uint64_t size)
{
	struct coffer_tensor *tensor;
	coffer_err err;

	if (p->name_len == 0)
		return bad(r, "a tensor without a name");
	TRY(tensor_table_add(r->f, r->table, view_of(r->text, p->name_len), &tensor));
	tensor->dtype = onnx_types[p->type].name;
	tensor->n_dims = p->n_dims;
	memcpy(tensor->shape, p->shape, sizeof(tensor->shape));
	tensor->file = file;
	tensor->off = off;
	tensor->size = size;
out:
	return err;
}

static coffer_err
finish_elsewhere(struct reader *r, struct proto *p, uint64_t bytes, bool listed)
{
	size_t place = 0;
	uint64_t end;
	coffer_err err;

	if (p->path_len == 0 || p->has_raw)
		return bad(r, "a tensor elsewhere without a place, or with bytes here");
	if (!p->has_size)
		p->size = bytes;
	if (p->size != bytes || onnx_types[p->type].bits == 0 || !num_add(p->off, p->size, &end))
		return bad(r, "a tensor whose length does not match its shape");
	TRY(add_place(r, p, &place));
	if (end > r->places->v[place].end)
		r->places->v[place].end = end;
	if (listed)
		TRY(list(r, p, ONNX_ELSEWHERE + place, p->off, p->size));
out:
	return err;
}

static coffer_err
finish(struct reader *r, struct proto *p, bool listed)
{
	uint64_t bytes = 0;
	coffer_err err;

	if (p->location != HERE && p->location != ELSEWHERE)
		return bad(r, "a tensor that is neither here nor elsewhere");
	if (!listed && p->location == HERE)
		return COFFER_OK;
	TRY(count_bytes(r, p, &bytes));
	if (p->location == ELSEWHERE)
		return finish_elsewhere(r, p, bytes, listed);
	if (!p->has_raw)
		return COFFER_OK;
	if (p->raw_size != bytes || onnx_types[p->type].bits == 0)
		return bad(r, "a tensor whose length does not match its shape");
	TRY(list(r, p, r->file, p->raw_off, p->raw_size));
out:
	return err;
}

/* a TensorProto up to the end of the window */
static coffer_err
read_tensor(struct reader *r, bool listed)
{
	struct proto p = {.n_dims = 0};
	struct protobuf_field field;
	coffer_err err = COFFER_OK;

	while (window_left(&r->w) > 0) {
		TRY(next_field(r, &field));
		TRY(take_field(r, &field, &p));
	}
	TRY(finish(r, &p, listed));
out:
	if (err != COFFER_OK && p.name_len > 0 && utf8_is_text(view_of(r->text, p.name_len)))
		return fault_prefix(r->f, "the tensor «%.*s»", (int)num_min(p.name_len, NAME_SHOWN), r->text);
	return err;
}

static bool
find_link(enum message message, uint64_t field, enum message *inner_out)
{
	for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++) {
		if (links[i].in == message && links[i].field == field) {
			*inner_out = links[i].message;
			return true;
		}
	}
	return false;
}

/* goes into itself, LIMIT_ONNX_DEPTH times at most; initializers of the model's own graph are listed */
static coffer_err
walk(struct reader *r, enum message message, unsigned int depth)
{
	uint64_t outer = r->w.end;
	struct protobuf_field field;
	enum message inner;
	coffer_err err = COFFER_OK;

	if (depth == LIMIT_ONNX_DEPTH)
		return bad(r, "graphs nested deeper than is accepted");
	while (window_left(&r->w) > 0) {
		TRY(next_field(r, &field));
		if (!find_link(message, field.number, &inner)) {
			TRY(protobuf_skip(r->f, &r->w, &field));
			continue;
		}
		TRY(expect_wire(r, &field, PROTOBUF_BYTES));
		r->w.end = r->w.off + field.value;
		TRY(inner == TENSOR ? read_tensor(r, message == GRAPH && depth == 1) : walk(r, inner, depth + 1));
		r->w.end = outer;
	}
out:
	return err;
}

coffer_err
onnx_read(struct fault *f, const struct coffer_source *source, size_t file, struct tensor_table *table,
	  struct onnx_places *places)
{
	struct reader r = {.f = f, .w = WINDOW_INIT, .table = table, .places = places, .file = file};
	size_t first = table->n;
	coffer_err err;

	r.text = malloc(LIMIT_TENSOR_NAME + LIMIT_PATH);
	if (!r.text)
		return fault_nomem(f);
	r.path = r.text + LIMIT_TENSOR_NAME;
	TRY(window_open(f, &r.w, source, 0, source->size));
	TRY(walk(&r, MODEL, 0));
	TRY(tensor_table_close_file(f, table, first));
out:
	window_close(&r.w);
	free(r.text);
	return err;
}
