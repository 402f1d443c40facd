/* SPDX-License-Identifier: Apache-2.0 */
#include "data/safetensors.h"

#include <inttypes.h>
#include <string.h>

#include "base/limits.h"
#include "base/num.h"
#include "data/scan.h"
#include "data/source.h"

#define LENGTH_SIZE 8

static const struct dtype {
	const char *name;
	unsigned int bits;
} dtypes[] = {
	{"BOOL", 8},	    {"U8", 8},		{"I8", 8},	{"F8_E5M2", 8}, {"F8_E4M3", 8}, {"F8_E8M0", 8},
	{"F8_E4M3FNUZ", 8}, {"F8_E5M2FNUZ", 8}, {"I16", 16},	{"U16", 16},	{"F16", 16},	{"BF16", 16},
	{"I32", 32},	    {"U32", 32},	{"F32", 32},	{"F64", 64},	{"I64", 64},	{"U64", 64},
	{"C64", 64},	    {"F4", 4},		{"F6_E2M3", 6}, {"F6_E3M2", 6},
};

static coffer_err
read_dtype(struct fault *f, struct scan *r, const struct dtype **dtype_out)
{
	struct view name;
	coffer_err err;

	TRY(scan_string(f, r, &name));
	for (size_t i = 0; i < sizeof(dtypes) / sizeof(dtypes[0]); i++) {
		if (view_is(name, dtypes[i].name)) {
			*dtype_out = &dtypes[i];
			return COFFER_OK;
		}
	}
	return fault_set(f, COFFER_E_UNSUPPORTED, "a dtype that this version does not know");
out:
	return err;
}

static coffer_err
read_shape(struct fault *f, struct scan *r, struct coffer_tensor *tensor)
{
	coffer_err err;
	bool more;

	TRY(scan_enter(f, r, '['));
	for (;;) {
		TRY(scan_next(f, r, ']', &more));
		if (!more)
			break;
		if (tensor->n_dims == COFFER_MAX_DIMS)
			return fault_set(f, COFFER_E_FORMAT, "more than %d dimensions", COFFER_MAX_DIMS);
		TRY(scan_uint(f, r, &tensor->shape[tensor->n_dims++]));
	}
out:
	return err;
}

static coffer_err
read_offsets(struct fault *f, struct scan *r, struct coffer_tensor *tensor)
{
	uint64_t offsets[2];
	coffer_err err;
	bool more;

	TRY(scan_enter(f, r, '['));
	for (size_t i = 0; i < 2; i++) {
		TRY(scan_next(f, r, ']', &more));
		if (!more)
			return fault_set(f, COFFER_E_FORMAT, "data_offsets are two numbers");
		TRY(scan_uint(f, r, &offsets[i]));
	}
	TRY(scan_next(f, r, ']', &more));
	if (more || offsets[0] > offsets[1])
		return fault_set(f, COFFER_E_FORMAT,
				 "data_offsets are two numbers, the second not less than the first");
	tensor->off = offsets[0];
	tensor->size = offsets[1] - offsets[0];
out:
	return err;
}

/* the size that dtype and shape ask for is the size that the offsets give */
static coffer_err
check_size(struct fault *f, const struct coffer_tensor *tensor, const struct dtype *dtype)
{
	uint64_t bits = dtype->bits;

	for (unsigned int i = 0; i < tensor->n_dims; i++)
		if (!num_mul(bits, tensor->shape[i], &bits))
			return fault_set(f, COFFER_E_FORMAT, "its shape is too large");
	if (bits % 8 != 0)
		return fault_set(f, COFFER_E_FORMAT, "it does not end at a whole byte");
	if (bits / 8 != tensor->size)
		return fault_set(f, COFFER_E_FORMAT,
				 "shape and dtype ask for %" PRIu64 " bytes, data_offsets give %" PRIu64, bits / 8,
				 tensor->size);
	return COFFER_OK;
}

enum member { DTYPE = 1, SHAPE = 2, DATA_OFFSETS = 4, ALL_MEMBERS = 7 };

static enum member
member_called(struct view key)
{
	return view_is(key, "dtype")	      ? DTYPE
	       : view_is(key, "shape")	      ? SHAPE
	       : view_is(key, "data_offsets") ? DATA_OFFSETS
					      : 0;
}

static coffer_err
read_members(struct fault *f, struct scan *r, struct coffer_tensor *tensor)
{
	const struct dtype *dtype = NULL;
	unsigned int seen = 0;
	struct view key;
	coffer_err err;
	bool more;

	TRY(scan_enter(f, r, '{'));
	for (;;) {
		enum member member;

		TRY(scan_next(f, r, '}', &more));
		if (!more)
			break;
		TRY(scan_key(f, r, &key));
		member = member_called(key);
		if (member == 0 || (seen & member))
			return fault_set(f, COFFER_E_FORMAT, "a member that is unknown or stands there twice");
		seen |= member;
		if (member == DTYPE)
			TRY(read_dtype(f, r, &dtype));
		else if (member == SHAPE)
			TRY(read_shape(f, r, tensor));
		else
			TRY(read_offsets(f, r, tensor));
	}
	if (seen != ALL_MEMBERS || !dtype)
		return fault_set(f, COFFER_E_FORMAT, "dtype, shape or data_offsets are missing");
	tensor->dtype = dtype->name;
	TRY(check_size(f, tensor, dtype));
out:
	return err;
}

static coffer_err
read_tensor(struct fault *f, struct scan *r, struct view name, size_t file, struct tensor_table *table)
{
	struct coffer_tensor *tensor;
	coffer_err err;

	TRY(tensor_table_add(f, table, name, &tensor));
	tensor->file = file;
	err = read_members(f, r, tensor);
	if (err != COFFER_OK)
		err = fault_prefix(f, "the tensor «%.*s»", name_shown(tensor->name), tensor->name);
out:
	return err;
}

/* __metadata__: a map of text to text */
static coffer_err
read_metadata(struct fault *f, struct scan *r)
{
	struct names keys = NAMES_INIT;
	struct view key, value;
	const char *kept;
	coffer_err err;
	bool more;

	TRY(scan_enter(f, r, '{'));
	for (;;) {
		TRY(scan_next(f, r, '}', &more));
		if (!more)
			break;
		TRY(scan_key(f, r, &key));
		TRY(names_add(f, &keys, key, &kept));
		TRY(scan_string(f, r, &value));
	}
	TRY(names_unique(f, &keys, 0, "the key"));
out:
	names_free(&keys);
	return err;
}

static coffer_err
read_header(struct fault *f, struct scan *r, size_t file, struct tensor_table *table)
{
	bool more, metadata = false;
	struct view key;
	coffer_err err;

	TRY(scan_enter(f, r, '{'));
	for (;;) {
		TRY(scan_next(f, r, '}', &more));
		if (!more)
			break;
		TRY(scan_key(f, r, &key));
		if (!view_is(key, "__metadata__")) {
			TRY(read_tensor(f, r, key, file, table));
			continue;
		}
		if (metadata)
			return fault_set(f, COFFER_E_FORMAT, "__metadata__ stands there twice");
		metadata = true;
		TRY(read_metadata(f, r));
	}
	TRY(scan_end(f, r));
out:
	return err;
}

/* the tensors from @first on cover @len bytes exactly; then their offsets become those of the file: @data is added */
static coffer_err
check_tiling(struct fault *f, struct tensor_table *table, size_t first, uint64_t data, uint64_t len)
{
	uint64_t next = 0;

	for (size_t i = first; i < table->n; i++) {
		struct coffer_tensor *tensor = &table->v[i];

		if (tensor->off != next || tensor->size > len - next)
			return fault_set(f, COFFER_E_FORMAT,
					 "the tensor «%.*s» is at %" PRIu64 " of the data and %" PRIu64
					 " bytes long; %" PRIu64 " and at most %" PRIu64 " were next",
					 name_shown(tensor->name), tensor->name, tensor->off, tensor->size, next,
					 len - next);
		next += tensor->size;
		tensor->off += data;
	}
	if (next != len)
		return fault_set(f, COFFER_E_FORMAT, "%" PRIu64 " bytes behind the last tensor", len - next);
	return COFFER_OK;
}

static coffer_err
read_length(struct fault *f, const struct coffer_source *source, size_t *len_out)
{
	uint8_t bytes[LENGTH_SIZE];
	coffer_err err;
	uint64_t len;

	TRY(source_read(f, source, 0, bytes, sizeof(bytes)));
	len = get_le64(bytes);
	if (len > LIMIT_WEIGHTS_HEADER)
		return fault_set(f, COFFER_E_FORMAT, "a header of %" PRIu64 " bytes: at most %u are accepted", len,
				 LIMIT_WEIGHTS_HEADER);
	*len_out = (size_t)len;
out:
	return err;
}

coffer_err
safetensors_read(struct fault *f, const struct coffer_source *source, size_t file, struct tensor_table *table)
{
	struct buf header = BUF_INIT(LIMIT_WEIGHTS_HEADER);
	size_t first = table->n, len = 0;
	struct scan r;
	coffer_err err;

	TRY(read_length(f, source, &len));
	TRY(source_slurp(f, source, LENGTH_SIZE, len, &header));
	if (len == 0 || header.p[0] != '{') {
		err = fault_set(f, COFFER_E_FORMAT, "the header does not begin with «{»");
		goto out;
	}
	r = scan_begin(header.p, header.len);
	TRY(read_header(f, &r, file, table));
	TRY(tensor_table_close_file(f, table, first));
	TRY(check_tiling(f, table, first, LENGTH_SIZE + len, source->size - LENGTH_SIZE - len));
out:
	buf_free(&header);
	return err;
}
