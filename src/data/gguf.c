/* SPDX-License-Identifier: Apache-2.0 */
#include "data/gguf.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/num.h"
#include "data/source.h"

#define ALIGNMENT_KEY "general.alignment"
#define ALIGNMENT_DEFAULT 32u
#define ALIGNMENT_MAX (64u << 10)
#define DIMS_MAX 4u
#define ARRAY_DEPTH 4u
/* the specification says 64, but programs for image models are built with 128, NUL included, and write such names */
#define NAME_MAX_LEN 127u

/* types of metadata values; the size of one, or 0 for those that say it themselves */
enum { UINT32 = 4, STRING = 8, ARRAY = 9 };
static const uint8_t value_sizes[] = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};

/*
 * types of tensors: a row is cut into blocks of so many elements, each of so many bytes.
 * Gaps are types that ggml has taken back.  Sizes are those of its C structures (its Python package is wrong on Q8_1).
 */
static const struct ggml_type {
	const char *name;
	uint16_t block;
	uint16_t bytes;
} ggml_types[] = {
	[0] = {"F32", 1, 4},	     [1] = {"F16", 1, 2},	  [2] = {"Q4_0", 32, 18},
	[3] = {"Q4_1", 32, 20},	     [6] = {"Q5_0", 32, 22},	  [7] = {"Q5_1", 32, 24},
	[8] = {"Q8_0", 32, 34},	     [9] = {"Q8_1", 32, 36},	  [10] = {"Q2_K", 256, 84},
	[11] = {"Q3_K", 256, 110},   [12] = {"Q4_K", 256, 144},	  [13] = {"Q5_K", 256, 176},
	[14] = {"Q6_K", 256, 210},   [15] = {"Q8_K", 256, 292},	  [16] = {"IQ2_XXS", 256, 66},
	[17] = {"IQ2_XS", 256, 74},  [18] = {"IQ3_XXS", 256, 98}, [19] = {"IQ1_S", 256, 50},
	[20] = {"IQ4_NL", 32, 18},   [21] = {"IQ3_S", 256, 110},  [22] = {"IQ2_S", 256, 82},
	[23] = {"IQ4_XS", 256, 136}, [24] = {"I8", 1, 1},	  [25] = {"I16", 1, 2},
	[26] = {"I32", 1, 4},	     [27] = {"I64", 1, 8},	  [28] = {"F64", 1, 8},
	[29] = {"IQ1_M", 256, 56},   [30] = {"BF16", 1, 2},	  [34] = {"TQ1_0", 256, 54},
	[35] = {"TQ2_0", 256, 66},   [39] = {"MXFP4", 32, 17},	  [40] = {"NVFP4", 64, 36},
	[41] = {"Q1_0", 128, 18},
};

enum { N_VALUE_TYPES = sizeof(value_sizes), N_GGML_TYPES = sizeof(ggml_types) / sizeof(ggml_types[0]) };

struct header {
	uint32_t version;
	uint32_t alignment;
	uint64_t n_tensors;
	uint64_t n_keys;
};

static coffer_err
check_version(struct fault *f, uint32_t version)
{
	if (version == 2 || version == 3)
		return COFFER_OK;
	if (version == 0)
		return fault_set(f, COFFER_E_FORMAT, "there is no GGUF version 0");
	if ((version & 0xffff) == 0)
		return fault_set(f, COFFER_E_UNSUPPORTED,
				 "this GGUF file is big-endian: convert it to little-endian, as nearly all are");
	return fault_set(f, COFFER_E_UNSUPPORTED, "GGUF version %" PRIu32 ": this version of coffer reads 2 and 3",
			 version);
}

static coffer_err
read_header(struct fault *f, struct window *w, struct header *h)
{
	uint8_t magic[4];
	coffer_err err;

	TRY(window_take(f, w, magic, sizeof(magic)));
	if (memcmp(magic, "GGUF", sizeof(magic)) != 0)
		return fault_set(f, COFFER_E_FORMAT, "it does not begin with «GGUF»");
	TRY(window_le32(f, w, &h->version));
	TRY(check_version(f, h->version));
	TRY(window_le64(f, w, &h->n_tensors));
	TRY(window_le64(f, w, &h->n_keys));
	if (h->n_tensors > LIMIT_TENSORS)
		return fault_set(f, COFFER_E_FORMAT, "%" PRIu64 " tensors: at most %u are accepted", h->n_tensors,
				 LIMIT_TENSORS);
	h->alignment = ALIGNMENT_DEFAULT;
out:
	return err;
}

/* a short string, into @text */
static coffer_err
read_name(struct fault *f, struct window *w, size_t max, char *text, struct view *name_out)
{
	coffer_err err;
	uint64_t len;

	TRY(window_le64(f, w, &len));
	if (len > max)
		return fault_set(f, COFFER_E_FORMAT,
				 "byte %" PRIu64 ": a name of %" PRIu64 " bytes: at most %zu are accepted", w->off, len,
				 max);
	TRY(window_take(f, w, text, (size_t)len));
	*name_out = view_of(text, (size_t)len);
out:
	return err;
}

static coffer_err
skip_string(struct fault *f, struct window *w)
{
	coffer_err err;
	uint64_t len;

	TRY(window_le64(f, w, &len));
	TRY(window_skip(f, w, len));
out:
	return err;
}

static coffer_err skip_array(struct fault *f, struct window *w, unsigned int depth);

/* goes into itself by way of skip_array(), ARRAY_DEPTH times at most */
static coffer_err
skip_value(struct fault *f, struct window *w, uint32_t type, unsigned int depth)
{
	if (type >= N_VALUE_TYPES)
		return fault_set(f, COFFER_E_FORMAT, "byte %" PRIu64 ": a value of the unknown type %" PRIu32, w->off,
				 type);
	if (type == STRING)
		return skip_string(f, w);
	if (type == ARRAY)
		return skip_array(f, w, depth);
	return window_skip(f, w, value_sizes[type]);
}

static coffer_err
skip_array(struct fault *f, struct window *w, unsigned int depth)
{
	uint64_t n, bytes;
	coffer_err err;
	uint32_t type;

	if (depth == ARRAY_DEPTH)
		return fault_set(f, COFFER_E_FORMAT, "byte %" PRIu64 ": arrays nested more than %u deep", w->off,
				 ARRAY_DEPTH);
	TRY(window_le32(f, w, &type));
	TRY(window_le64(f, w, &n));
	if (type >= N_VALUE_TYPES)
		return fault_set(f, COFFER_E_FORMAT, "byte %" PRIu64 ": an array of the unknown type %" PRIu32, w->off,
				 type);
	/* a string or an array takes 8 bytes at least, so the loop cannot outlast the file */
	if (!num_mul(n, value_sizes[type] > 0 ? value_sizes[type] : 8, &bytes) || bytes > window_left(w))
		return fault_set(f, COFFER_E_FORMAT, "byte %" PRIu64 ": an array of %" PRIu64 " values does not fit",
				 w->off, n);
	if (value_sizes[type] > 0)
		return window_skip(f, w, bytes);
	for (uint64_t i = 0; i < n; i++)
		TRY(skip_value(f, w, type, depth + 1));
out:
	return err;
}

static coffer_err
read_alignment(struct fault *f, struct window *w, uint32_t type, uint32_t *alignment_out)
{
	coffer_err err;

	if (type != UINT32)
		return fault_set(f, COFFER_E_FORMAT, ALIGNMENT_KEY " is of type %" PRIu32 ", not a 32-bit number",
				 type);
	TRY(window_le32(f, w, alignment_out));
	if (!num_is_pow2(*alignment_out) || *alignment_out > ALIGNMENT_MAX)
		return fault_set(f, COFFER_E_FORMAT, ALIGNMENT_KEY " is %" PRIu32 ", not a power of two up to %u",
				 *alignment_out, ALIGNMENT_MAX);
out:
	return err;
}

static coffer_err
read_key(struct fault *f, struct window *w, struct names *keys, char *text, struct header *h)
{
	struct view name;
	const char *key;
	coffer_err err;
	uint32_t type;

	TRY(read_name(f, w, LIMIT_TENSOR_NAME, text, &name));
	if (name.len == 0)
		return fault_set(f, COFFER_E_FORMAT, "byte %" PRIu64 ": a key without a name", w->off);
	TRY(names_add(f, keys, name, &key));
	TRY(window_le32(f, w, &type));
	if (strcmp(key, ALIGNMENT_KEY) == 0)
		TRY(read_alignment(f, w, type, &h->alignment));
	else
		TRY(skip_value(f, w, type, 0));
out:
	return err;
}

static coffer_err
read_metadata(struct fault *f, struct window *w, struct header *h)
{
	struct names keys = NAMES_INIT;
	char *text = malloc(LIMIT_TENSOR_NAME);
	coffer_err err;

	if (!text)
		return fault_nomem(f);
	for (uint64_t i = 0; i < h->n_keys; i++)
		TRY(read_key(f, w, &keys, text, h));
	TRY(names_unique(f, &keys, 0, "the key"));
out:
	names_free(&keys);
	free(text);
	return err;
}

static coffer_err
read_shape(struct fault *f, struct window *w, struct coffer_tensor *tensor)
{
	uint32_t n_dims;
	coffer_err err;

	TRY(window_le32(f, w, &n_dims));
	if (n_dims > DIMS_MAX)
		return fault_set(f, COFFER_E_FORMAT, "%" PRIu32 " dimensions: at most %u are accepted", n_dims,
				 DIMS_MAX);
	for (; tensor->n_dims < n_dims; tensor->n_dims++)
		TRY(window_le64(f, w, &tensor->shape[tensor->n_dims]));
out:
	return err;
}

/* the signed 64 bits of ggml hold each dimension and their product */
static coffer_err
set_size(struct fault *f, struct coffer_tensor *tensor, const struct ggml_type *type)
{
	uint64_t row = tensor->n_dims > 0 ? tensor->shape[0] : 1, n = 1;

	if (row % type->block != 0)
		return fault_set(f, COFFER_E_FORMAT, "a row of %" PRIu64 " elements is not whole blocks of %u", row,
				 type->block);
	for (unsigned int i = 0; i < tensor->n_dims; i++)
		if (tensor->shape[i] > INT64_MAX || !num_mul(n, tensor->shape[i], &n) || n > INT64_MAX)
			return fault_set(f, COFFER_E_FORMAT, "its shape is too large");
	if (!num_mul(n / type->block, type->bytes, &tensor->size))
		return fault_set(f, COFFER_E_FORMAT, "its shape is too large");
	return COFFER_OK;
}

static coffer_err
read_rest(struct fault *f, struct window *w, struct coffer_tensor *tensor)
{
	coffer_err err;
	uint32_t type;

	TRY(read_shape(f, w, tensor));
	TRY(window_le32(f, w, &type));
	if (type >= N_GGML_TYPES || !ggml_types[type].name)
		return fault_set(f, COFFER_E_UNSUPPORTED, "the type %" PRIu32 ", which this version does not know",
				 type);
	tensor->dtype = ggml_types[type].name;
	TRY(set_size(f, tensor, &ggml_types[type]));
	TRY(window_le64(f, w, &tensor->off));
out:
	return err;
}

static coffer_err
read_tensor(struct fault *f, struct window *w, size_t file, struct tensor_table *table)
{
	struct coffer_tensor *tensor;
	char text[NAME_MAX_LEN];
	struct view name;
	coffer_err err;

	TRY(read_name(f, w, sizeof(text), text, &name));
	TRY(tensor_table_add(f, table, name, &tensor));
	tensor->file = file;
	err = read_rest(f, w, tensor);
	if (err != COFFER_OK)
		err = fault_prefix(f, "the tensor «%.*s»", name_shown(tensor->name), tensor->name);
out:
	return err;
}

/*
 * The tensors from @first on follow each other from @data on; then make their offsets those of the file.
 * @next cannot wrap: it stays below the file's size and one alignment.
 */
static coffer_err
check_places(struct fault *f, struct tensor_table *table, size_t first, uint64_t data, uint32_t alignment,
	     uint64_t file_size)
{
	uint64_t next = data;

	for (size_t i = first; i < table->n; i++) {
		struct coffer_tensor *tensor = &table->v[i];

		if (tensor->off != next - data)
			return fault_set(f, COFFER_E_FORMAT,
					 "the tensor «%.*s» is at %" PRIu64 " of the data, %" PRIu64 " was next",
					 name_shown(tensor->name), tensor->name, tensor->off, next - data);
		if (next > file_size || tensor->size > file_size - next)
			return fault_set(f, COFFER_E_FORMAT, "the tensor «%.*s» goes past the end of the file",
					 name_shown(tensor->name), tensor->name);
		tensor->off = next;
		next = num_round_up(next + tensor->size, alignment);
	}
	if (file_size > next)
		return fault_set(f, COFFER_E_FORMAT, "%" PRIu64 " bytes behind the last tensor", file_size - next);
	return COFFER_OK;
}

coffer_err
gguf_read(struct fault *f, const struct coffer_source *source, size_t file, struct tensor_table *table)
{
	struct window w = WINDOW_INIT;
	size_t first = table->n;
	struct header h;
	coffer_err err;

	if (source->size > LIMIT_SIZE)
		return fault_set(f, COFFER_E_FORMAT, "a file of %" PRIu64 " bytes", source->size);
	TRY(window_open(f, &w, source, 0, num_min(source->size, LIMIT_WEIGHTS_HEADER)));
	TRY(read_header(f, &w, &h));
	TRY(read_metadata(f, &w, &h));
	for (uint64_t i = 0; i < h.n_tensors; i++)
		TRY(read_tensor(f, &w, file, table));
	TRY(check_places(f, table, first, num_round_up(w.off, h.alignment), h.alignment, source->size));
	TRY(tensor_table_close_file(f, table, first));
out:
	window_close(&w);
	return err;
}
