/* SPDX-License-Identifier: Apache-2.0 */
#include "data/recognise.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/num.h"
#include "data/protobuf.h"
#include "data/safetensors_index.h"
#include "data/source.h"
#include "data/zip.h"

#define HEAD_SIZE 256u

static const struct {
	const char *name;
	bool carries_code;
} formats[] = {
	[COFFER_WEIGHTS_UNKNOWN] = {"unknown", false},
	[COFFER_WEIGHTS_SAFETENSORS] = {"safetensors", false},
	[COFFER_WEIGHTS_SAFETENSORS_INDEX] = {"safetensors index", false},
	[COFFER_WEIGHTS_GGUF] = {"GGUF", false},
	[COFFER_WEIGHTS_ONNX] = {"ONNX", false},
	[COFFER_WEIGHTS_PYTORCH] = {"PyTorch", true},
	[COFFER_WEIGHTS_PICKLE] = {"pickle", true},
};

static size_t
format_index(enum coffer_weights_format format)
{
	return (size_t)format < sizeof(formats) / sizeof(formats[0]) ? (size_t)format : COFFER_WEIGHTS_UNKNOWN;
}

const char *
coffer_weights_name(enum coffer_weights_format format)
{
	return formats[format_index(format)].name;
}

bool
coffer_weights_carries_code(enum coffer_weights_format format)
{
	return formats[format_index(format)].carries_code;
}

struct head {
	uint8_t p[HEAD_SIZE];
	size_t len;
};

static bool
starts_with(const struct head *head, const char *bytes, size_t len)
{
	return head->len >= len && memcmp(head->p, bytes, len) == 0;
}

/* a header length below 2^40 and the brace it begins with: no text looks like this */
static bool
is_safetensors(const struct head *head)
{
	return head->len > 8 && head->p[8] == '{' && get_le64(head->p) < UINT64_C(1) << 40;
}

/* protocol 0 to 5 and another opcode.  What stands at the end is of no use: loaders stop at the first «.» */
static bool
is_binary_pickle(const struct head *head)
{
	static const char opcodes[] = "(.012FIJKLMNPQRSTUVX]abcdeghijloprstu}"
				      "\x80\x81\x82\x83\x84\x85\x86\x87\x88\x89\x8a\x8b\x8c\x8d\x8e\x8f"
				      "\x90\x91\x92\x93\x94\x95\x96\x97\x98)BCG";

	return head->len > 2 && head->p[0] == 0x80 && head->p[1] <= 5 &&
	       memchr(opcodes, head->p[2], sizeof(opcodes) - 1) != NULL;
}

/* a Python name with dots and its line end, from @at on; where the next line begins, or 0 */
static size_t
skip_name_line(const struct head *head, size_t at)
{
	size_t i = at;

	for (; i < head->len && head->p[i] != '\n'; i++) {
		uint8_t c = head->p[i], letter = c | 0x20;

		if (!(letter >= 'a' && letter <= 'z') && !(c >= '0' && c <= '9') && c != '_' && c != '.')
			return 0;
	}
	return i > at && i < head->len ? i + 1 : 0;
}

/* protocol 0 has no mark of its own: an empty container that is remembered, or something imported first */
static bool
is_text_pickle(const struct head *head)
{
	size_t at;

	if (starts_with(head, "(dp", 3) || starts_with(head, "(lp", 3))
		return true;
	if (head->len == 0 || head->p[0] != 'c')
		return false;
	at = skip_name_line(head, 1);
	return at > 0 && skip_name_line(head, at) > 0;
}

/* a text pickle is told from a text by its last byte as well */
static coffer_err
check_text_pickle(struct fault *f, const struct coffer_source *source, const struct head *head, bool *is_out)
{
	coffer_err err = COFFER_OK;
	uint8_t last;

	*is_out = false;
	if (!is_text_pickle(head))
		return COFFER_OK;
	TRY(source_read(f, source, source->size - 1, &last, 1));
	*is_out = last == '.';
out:
	return err;
}

static coffer_err
check_index(struct fault *f, const struct coffer_source *source, const struct head *head, bool *is_out)
{
	struct buf text = BUF_INIT(LIMIT_WEIGHTS_HEADER);
	coffer_err err = COFFER_OK;
	size_t i = 0;

	*is_out = false;
	while (i < head->len && memchr(" \t\r\n", head->p[i], 4))
		i++;
	if (i == head->len || head->p[i] != '{' || source->size > LIMIT_WEIGHTS_HEADER)
		return COFFER_OK;
	TRY(source_slurp(f, source, 0, (size_t)source->size, &text));
	*is_out = safetensors_index_looks(text.p, text.len);
out:
	buf_free(&text);
	return err;
}

/* ---- ONNX: a protobuf message, onnx.ModelProto ---- */

enum { VARINT = PROTOBUF_VARINT, BYTES = PROTOBUF_BYTES };
enum { IR_VERSION = 1, GRAPH = 7, ONNX_FIELDS_MAX = 65536, IR_VERSION_MAX = 1000 };

/* the wire type of each known field of ModelProto, or -1 */
static int
onnx_wire(uint64_t field)
{
	static const int8_t wires[] = {
		[0] = -1,     [1] = VARINT, [2] = BYTES, [3] = BYTES, [4] = BYTES,  [5] = VARINT, [6] = BYTES,
		[7] = BYTES,  [8] = BYTES,  [9] = -1,	 [10] = -1,   [11] = -1,    [12] = -1,	  [13] = -1,
		[14] = BYTES, [15] = -1,    [16] = -1,	 [17] = -1,   [18] = -1,    [19] = -1,	  [20] = BYTES,
		[21] = -1,    [22] = -1,    [23] = -1,	 [24] = -1,   [25] = BYTES, [26] = BYTES,
	};

	return field < sizeof(wires) ? wires[field] : -1;
}

static coffer_err
take_field(struct fault *f, struct window *w, struct protobuf_field *field)
{
	coffer_err err;

	TRY(protobuf_next(f, w, field));
	if (onnx_wire(field->number) != (int)field->wire)
		return fault_set(f, COFFER_E_FORMAT, "not a field of an ONNX model");
	TRY(protobuf_skip(f, w, field));
out:
	return err;
}

/* the format version first, as every writer does, known fields up to the end of the file, one graph among them */
static coffer_err
walk_onnx(struct fault *f, struct window *w)
{
	struct protobuf_field field = {0};
	unsigned int n_graphs = 0;
	coffer_err err;

	TRY(take_field(f, w, &field));
	if (field.number != IR_VERSION || field.value == 0 || field.value > IR_VERSION_MAX)
		return fault_set(f, COFFER_E_FORMAT, "no version of ONNX");
	for (unsigned int i = 0; i < ONNX_FIELDS_MAX && window_left(w) > 0; i++) {
		TRY(take_field(f, w, &field));
		n_graphs += field.number == GRAPH;
	}
	if (window_left(w) > 0 || n_graphs != 1)
		return fault_set(f, COFFER_E_FORMAT, "not one graph");
out:
	return err;
}

static coffer_err
check_onnx(struct fault *f, const struct coffer_source *source, const struct head *head, bool *is_out)
{
	struct window w = WINDOW_INIT;
	struct fault why;
	coffer_err err;

	*is_out = false;
	if (!starts_with(head, "\x08", 1))
		return COFFER_OK;
	fault_clear(&why);
	TRY(window_open(&why, &w, source, 0, source->size));
	TRY(walk_onnx(&why, &w));
	*is_out = true;
out:
	window_close(&w);
	/* not being ONNX is an answer, not an error */
	if (err == COFFER_E_FORMAT)
		return COFFER_OK;
	return err == COFFER_OK ? COFFER_OK : fault_set(f, err, "%s", why.text);
}

/* ---- all ---- */

typedef coffer_err check_fn(struct fault *f, const struct coffer_source *source, const struct head *head, bool *is_out);

static coffer_err
check_costly(struct fault *f, const struct coffer_source *source, const struct head *head,
	     enum coffer_weights_format *format_out)
{
	static const struct {
		check_fn *check;
		enum coffer_weights_format format;
	} checks[] = {
		{check_text_pickle, COFFER_WEIGHTS_PICKLE},
		{check_index, COFFER_WEIGHTS_SAFETENSORS_INDEX},
		{check_onnx, COFFER_WEIGHTS_ONNX},
	};
	coffer_err err = COFFER_OK;
	bool is;

	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
		TRY(checks[i].check(f, source, head, &is));
		if (is) {
			*format_out = checks[i].format;
			break;
		}
	}
out:
	return err;
}

static coffer_err
check_zip(struct fault *f, const struct coffer_source *source, enum coffer_weights_format *format_out)
{
	coffer_err err;
	bool has;

	TRY(zip_has_pickle(f, source, &has));
	if (has)
		*format_out = COFFER_WEIGHTS_PYTORCH;
out:
	return err;
}

coffer_err
recognise(struct fault *f, const struct coffer_source *source, enum coffer_weights_format *format_out)
{
	struct head head = {.len = (size_t)num_min(source->size, HEAD_SIZE)};
	coffer_err err;

	*format_out = COFFER_WEIGHTS_UNKNOWN;
	TRY(source_read(f, source, 0, head.p, head.len));
	if (starts_with(&head, "GGUF", 4))
		*format_out = COFFER_WEIGHTS_GGUF;
	else if (is_safetensors(&head))
		*format_out = COFFER_WEIGHTS_SAFETENSORS;
	else if (is_binary_pickle(&head))
		*format_out = COFFER_WEIGHTS_PICKLE;
	else if (starts_with(&head, "PK\3\4", 4))
		TRY(check_zip(f, source, format_out));
	else
		TRY(check_costly(f, source, &head, format_out));
out:
	return err;
}
